//! Windows, exit statuses, and what is said of what could not be read.

use crate::cli::{WHOLE_SAMPLE, organization, output, program, spoil_a_digest};
use qs_audit::cli::Exit;
use serde_json::Value;
use std::fs;
use std::path::Path;
#[cfg(unix)]
use tempfile::TempDir;

const AT_MIDNIGHT: [&str; 2] = ["--now", "2026-11-04T00:00:00Z"];

fn run(folder: &Path, args: &[&str], exit: Exit) -> (String, String) {
    let mut command = program();
    command.current_dir(folder).args(args);
    output(&mut command, exit)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_window_ends_at_now() {
    let folder = organization();
    let folder = folder.path();
    let window = |args: &[&str]| {
        let args = [args, &["--format", "json"], &AT_MIDNIGHT].concat();
        json(&run(folder, &args, Exit::Clean).0)["window"].clone()
    };
    let logs = ["--logs", "AWSLogs"];
    for (args, from) in [
        (&["chains", "--since", "2d"][..], "2026-11-02"),
        (&["chains"], "2026-10-28"),
        (&["chains", "--from", "2026-11-01"], "2026-11-01"),
        (&["findings", "--since", "2d"], "2026-11-02"),
        // Three whole days, and not four.
        (&["chargeback", "--since", "3d"], "2026-11-01"),
        (&["chargeback"], "2026-11-01"),
    ] {
        let window = window(&[args, &logs].concat());
        assert_eq!(window["from"], format!("{from}T00:00:00Z"), "{args:?}");
        assert_eq!(window["to"], "2026-11-04T00:00:00Z", "{args:?}");
    }
    // At the end of a month it is that month.
    let args = [
        "chargeback",
        "--logs",
        "AWSLogs",
        "--format",
        "json",
        "--now",
        "2026-12-01",
    ];
    let november = json(&run(folder, &args, Exit::Clean).0);
    assert_eq!(november["window"]["from"], "2026-11-01T00:00:00Z");
    assert_eq!(november["window"]["to"], "2026-12-01T00:00:00Z");
    // Queries of the day that has just begun are in none of them.
    let days = "SELECT DISTINCT day FROM queries ORDER BY day";
    let sql = folder.join("days.sql");
    fs::write(&sql, days).unwrap();
    let args = [
        "query", "--file", "days.sql", "--since", "1d", "--format", "csv",
    ];
    let at = ["--logs", "AWSLogs", "--now", "2026-11-03T00:00:00Z"];
    let (told, _) = run(folder, &[&args[..], &at].concat(), Exit::Clean);
    assert_eq!(told.lines().collect::<Vec<_>>(), ["day", "2026-11-02"]);
}

#[test]
fn a_suppression_counts_up_to_the_day_on_which_it_expires() {
    let folder = organization();
    let config = "[[suppressions]]\nrule = \"*\"\nsubject = \"*\"\nreason = \"known\"\nexpires = 2026-11-04\n";
    fs::write(folder.path().join("quiet.toml"), config).unwrap();
    let found = |now: &str| {
        let args = [
            "findings",
            "-c",
            "quiet.toml",
            "--logs",
            "AWSLogs",
            "--since",
            "3d",
        ];
        let args = [&args[..], &["--format", "json", "--now", now]].concat();
        let told = json(&run(folder.path(), &args, Exit::Clean).0);
        told["findings"].as_array().unwrap().len()
    };
    assert_eq!(found("2026-11-04T00:00:00Z"), 0);
    assert!(found("2026-11-04T00:00:01Z") > 0);
}

#[test]
fn every_command_refuses_a_future_in_the_same_words() {
    let folder = organization();
    let folder = folder.path();
    let words = "error: the window lies in the future: it starts at 2026-12-01T00:00:00Z, and now is \
                 2026-11-04T00:00:00Z";
    let from = ["--from", "2026-12-01"];
    for command in [
        &["chains"][..],
        &["show", "latest"],
        &["findings"],
        &["report"],
        &["chargeback"],
        &["query", "busy-hours"],
        &["verify"],
        &["collect", "--store", "store"],
        &["doctor"],
        &["init", "-o", "new.toml"],
    ] {
        let args = [command, &from, &["--logs", "AWSLogs"], &AT_MIDNIGHT].concat();
        let (_, said) = run(folder, &args, Exit::Usage);
        assert_eq!(said.lines().next().unwrap(), words, "{command:?}");
        assert!(said.contains("hint: "), "{said}");
    }
    let month = ["chargeback", "--month", "2026-12", "--logs", "AWSLogs"];
    let (_, said) = run(folder, &[&month[..], &AT_MIDNIGHT].concat(), Exit::Usage);
    assert_eq!(said.lines().next().unwrap(), words);
    assert!(!folder.join("store").exists() && !folder.join("new.toml").exists());
    // One that begins at this very moment has nothing in it, either.
    let args = ["chains", "--from", "2026-11-04", "--logs", "AWSLogs"];
    run(folder, &[&args[..], &AT_MIDNIGHT].concat(), Exit::Usage);
}

/// An organization with something in place of a log file that cannot be read.
#[cfg(unix)]
fn with_unreadable() -> TempDir {
    let folder = organization();
    let day = "AWSLogs/o-exampleorgid/444455556666/CloudTrail/us-east-1/2026/11/02";
    // A link that leads nowhere.
    let link = folder.path().join(day).join("lost.json.gz");
    std::os::unix::fs::symlink("/nowhere", link).unwrap();
    folder
}

#[cfg(unix)]
#[test]
fn what_cannot_be_read_is_named_in_every_output() {
    let folder = with_unreadable();
    let folder = folder.path();
    let hub = "[security_hub]\naccount_id = \"111122223333\"\nregion = \"us-east-1\"\n";
    fs::write(folder.join("hub.toml"), hub).unwrap();
    let formats = ["table", "json", "jsonl", "csv", "parquet", "xlsx"];
    for (command, more) in [
        (&["chains"][..], &[][..]),
        (&["chains", "--flat"], &[]),
        (&["show", "latest"], &[]),
        (&["findings"], &["ocsf", "asff"]),
        (&["chargeback"], &["focus"]),
        (&["query", "busy-hours"], &[]),
    ] {
        for format in formats.iter().chain(more) {
            let mut run = program();
            run.current_dir(folder).args(command).args(WHOLE_SAMPLE);
            run.args(["-c", "hub.toml", "-q", "--format", format, "-o", "out"]);
            let (_, said) = output(&mut run, Exit::Clean);
            // Standard error says it in one line, whatever the format has.
            let about = format!("{command:?} {format}: {said}");
            assert_eq!(said.lines().count(), 1, "{about}");
            assert!(
                said.starts_with("not read: ") && said.contains("lost.json.gz"),
                "{about}"
            );
            let bytes = fs::read(folder.join("out")).unwrap();
            let is_named = |bytes: &[u8]| {
                let mut windows = bytes.windows("lost.json.gz".len());
                windows.any(|part| part == b"lost.json.gz")
            };
            let is_named = match *format {
                "xlsx" => sheets(&bytes)
                    .iter()
                    .any(|sheet| is_named(sheet.as_bytes())),
                _ => is_named(&bytes),
            };
            // Rows alone have no place for it.
            let has_place = !matches!(*format, "jsonl" | "csv" | "focus");
            assert_eq!(is_named, has_place, "{about}");
        }
    }
}

/// All texts of a workbook.
fn sheets(workbook: &[u8]) -> Vec<String> {
    use std::io::Read;
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(workbook)).unwrap();
    let texts = (0..archive.len()).map(|at| {
        let mut text = String::new();
        archive
            .by_index(at)
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        text
    });
    texts.collect()
}

#[cfg(unix)]
#[test]
fn standard_error_says_why_a_status_is_not_0() {
    let folder = with_unreadable();
    let folder = folder.path();
    let logs = ["--logs", "AWSLogs", "--now", "2026-11-05T12:00:00Z"];
    let of = |args: &[&str], exit: Exit| run(folder, &[args, &logs].concat(), exit).1;
    // 4 is said in any case.
    for args in [
        &["chains", "--strict"][..],
        &["findings", "--strict"],
        &["chargeback", "--strict"],
        &["query", "busy-hours", "--strict"],
        &["show", "latest", "--strict"],
        &[
            "report",
            "--strict",
            "--from",
            "2026-11-01",
            "--to",
            "2026-11-04",
        ],
        &["collect", "--strict", "--store", "store"],
        &["doctor", "--strict"],
    ] {
        for quiet in [&[][..], &["-q"]] {
            let said = of(&[args, quiet].concat(), Exit::Incomplete);
            let last = said.lines().last().unwrap_or_default();
            assert!(
                last.starts_with("incomplete: ") && last.ends_with("(--strict)"),
                "{args:?} {quiet:?}: {said}"
            );
            assert!(
                quiet.is_empty() || said.lines().count() <= 2,
                "{args:?}: {said}"
            );
        }
    }
    // Where 10 and 4 are due, both are named; 10 and 3 not where nothing is to be said.
    spoil_a_digest(folder);
    let verify = ["verify", "--strict"];
    let said = of(&verify, Exit::Findings);
    assert!(
        said.contains("incomplete: ") && said.contains("not as CloudTrail delivered them: "),
        "{said}"
    );
    let said = of(&[&verify[..], &["-q"]].concat(), Exit::Findings);
    assert!(
        said.contains("incomplete: ") && !said.contains("not as CloudTrail"),
        "{said}"
    );
}

#[test]
fn statuses_3_and_10_are_said_unless_nothing_is_to_be_said() {
    let folder = organization();
    let folder = folder.path();
    let logs = ["--logs", "AWSLogs", "--now", "2026-11-05T12:00:00Z"];
    let of = |args: &[&str], exit: Exit| run(folder, &[args, &logs].concat(), exit).1;
    let empty = ["--from", "2026-01-01", "--to", "2026-01-02"];
    for command in [
        &["chains"][..],
        &["findings"],
        &["chargeback"],
        &["query", "busy-hours"],
        &["show", "latest"],
        &["verify"],
    ] {
        let said = of(&[command, &empty].concat(), Exit::NoLogs);
        assert!(
            said.contains("no logs from 2026-01-01")
                || said.contains("no digest files and no log files"),
            "{command:?}: {said}"
        );
        assert_eq!(
            of(&[command, &empty, &["-q"]].concat(), Exit::NoLogs),
            "",
            "{command:?}"
        );
    }
    let failing = ["findings", "--fail-on", "high"];
    assert!(of(&failing, Exit::Findings).contains("at or above"));
    assert_eq!(of(&[&failing[..], &["-q"]].concat(), Exit::Findings), "");
}

/// Options belong to commands: what a command does not do, it does not take.
#[test]
fn an_option_of_another_command_is_an_error() {
    for (command, options) in [
        (
            "completions bash",
            &["--costs x", "--logs x", "--strict"][..],
        ),
        ("man", &["--since 1d", "--format json"]),
        ("explain", &["--logs x", "--strict", "--format focus"]),
        ("demo", &["--logs x", "--store x", "-c x", "--format json"]),
        ("init", &["-c x", "--costs x", "--format json"]),
        ("collect", &["--costs x", "--format json", "--flat"]),
        ("verify", &["--store x", "--executions x", "--format ocsf"]),
        ("doctor", &["--costs x", "--flat", "--format asff"]),
        (
            "chains",
            &["--costs x", "--metric blended", "--format focus"],
        ),
        ("show latest", &["--format ocsf", "--include tax"]),
        ("findings", &["--format focus", "--flat", "--month 2026-10"]),
        ("chargeback", &["--format asff", "--rule x"]),
        ("query", &["--format focus", "--fail-on high"]),
        ("report", &["--format json", "--flat"]),
    ] {
        for option in options {
            let words = command.split(' ').chain(option.split(' '));
            let (_, said) = output(program().args(words), Exit::Usage);
            assert!(
                said.contains("unexpected argument") || said.contains("invalid value"),
                "{command} {option}: {said}"
            );
            assert!(said.contains("--help"), "{command} {option}: {said}");
        }
    }
}

/// What is suggested can be typed as it stands.
#[test]
fn every_suggested_command_is_one_that_is_taken() {
    let folder = organization();
    let folder = folder.path();
    let inputs = [
        "-c",
        "qs-audit.toml",
        "--logs",
        "AWSLogs",
        "--executions",
        "executions.json",
        "--costs",
        "costs.json",
        "--from",
        "2026-11-01",
        "--to",
        "2026-11-04",
    ];
    let (mut text, _) = run(folder, &[&["findings"][..], &inputs].concat(), Exit::Clean);
    run(
        folder,
        &[&["report", "-o", "night"][..], &inputs].concat(),
        Exit::Clean,
    );
    text += &fs::read_to_string(folder.join("night/report.md")).unwrap();
    let mut taken = 0;
    for line in text.lines() {
        let Some((_, command)) = line.split_once("qs-audit ") else {
            continue;
        };
        let words = command.split('`').next().unwrap().split_whitespace();
        let words: Vec<&str> = std::iter::once("qs-audit").chain(words).collect();
        let known = ["show", "chains", "explain", "chargeback", "findings"];
        if words.get(1).is_some_and(|word| known.contains(word)) {
            let parsed = qs_audit::cli::command().try_get_matches_from(&words);
            assert!(parsed.is_ok(), "{words:?}: {parsed:?}");
            taken += 1;
        }
    }
    assert!(taken > 10, "{taken}");
}
