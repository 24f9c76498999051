//! The program as people start it.

use assert_cmd::Command;
use predicates::prelude::*;
use qs_audit::cli::Exit;
use qs_audit::demo::{self, DemoPlan};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// The program with nothing of the surroundings.
pub(crate) fn program() -> Command {
    let mut command = Command::cargo_bin("qs-audit").unwrap();
    command.env_clear();
    command
}

/// A folder with a small organization in it.
pub(crate) fn organization() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let organization = demo::generate(&DemoPlan::sample());
    demo::write_to(folder.path(), &organization.logs).unwrap();
    demo::write_to(folder.path(), &organization.extras).unwrap();
    folder
}

/// Six weeks with incidents, in a folder with their configuration.
pub(crate) fn six_weeks() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let organization = demo::generate(&DemoPlan::showcase(3));
    demo::write_to(folder.path(), &organization.logs).unwrap();
    demo::write_to(folder.path(), &organization.extras).unwrap();
    folder
}

/// All days of [`organization`].
pub(crate) const WHOLE_SAMPLE: [&str; 6] = [
    "--from",
    "2026-11-01",
    "--to",
    "2026-11-04",
    "--logs",
    "AWSLogs",
];

/// Runs to this exit status: standard output and standard error.
pub(crate) fn output(command: &mut Command, exit: Exit) -> (String, String) {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert_eq!(
        output.status.code(),
        Some(i32::from(exit.code())),
        "{stdout}\n{stderr}"
    );
    (stdout, stderr)
}

/// Adds a digest file that is none, so that digests are known to have been written.
pub(crate) fn spoil_a_digest(folder: &Path) {
    let place = "AWSLogs/o-exampleorgid/444455556666/CloudTrail-Digest/us-east-1/2026/11/02";
    let name = "444455556666_CloudTrail-Digest_us-east-1_trail_us-east-1_20261102T100031Z.json.gz";
    let place = folder.join(place);
    fs::create_dir_all(&place).unwrap();
    fs::write(place.join(name), "no digest").unwrap();
}

/// `chains` over the whole organization.
fn chains(folder: &TempDir, more: &[&str]) -> Command {
    let mut command = program();
    command.current_dir(folder.path());
    command.args(["chains", "--logs", "AWSLogs", "--from", "2026-11-01"]);
    command.args(more);
    command
}

fn text(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn json(command: &mut Command) -> Value {
    serde_json::from_str(&text(command)).unwrap()
}

fn code(exit: Exit) -> i32 {
    i32::from(exit.code())
}

#[test]
fn a_clean_run_is_status_0() {
    chains(&organization(), &[])
        .assert()
        .code(code(Exit::Clean));
}

#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_cannot_be_written_is_status_1() {
    let folder = organization();
    chains(&folder, &["-o", "/dev/full"])
        .assert()
        .code(code(Exit::Internal))
        .stderr(predicate::str::contains("cannot write /dev/full"));
}

#[test]
fn an_output_without_a_folder_is_refused_before_anything_is_read() {
    let folder = organization();
    chains(&folder, &["-o", "no/such/folder/out.json"])
        .assert()
        .code(code(Exit::Usage))
        .stderr(
            predicate::str::contains("cannot write no/such/folder/out.json")
                .and(predicate::str::contains("read 36 files").not()),
        );
}

#[test]
#[cfg(unix)]
fn an_output_keeps_links_modes_and_pipes_as_they_are() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = organization();
    let secret = folder.path().join("secret.csv");
    fs::write(&secret, "").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    symlink("secret.csv", folder.path().join("link.csv")).unwrap();
    chains(&folder, &["--format", "csv", "-o", "link.csv"])
        .assert()
        .success();
    assert!(
        fs::symlink_metadata(folder.path().join("link.csv"))
            .unwrap()
            .is_symlink()
    );
    assert_eq!(
        fs::metadata(&secret).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert!(
        fs::read_to_string(&secret)
            .unwrap()
            .starts_with("chain_id,")
    );
    chains(&folder, &["-o", "/dev/null"]).assert().success();
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
    let printed = text(&mut chains(&folder, &["-o", "-"]));
    assert!(printed.contains(" chains ("));
}

#[test]
#[cfg(unix)]
fn a_pipe_among_logs_is_named_and_not_waited_for() {
    let folder = organization();
    let pipe = folder.path().join("AWSLogs/pipe");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    chains(&folder, &[])
        .assert()
        .success()
        .stderr(predicate::str::contains("not a regular file"));
}

#[test]
fn logs_named_twice_are_read_once() {
    let folder = organization();
    let once = json(&mut chains(&folder, &["--format", "json"]));
    let twice = json(&mut chains(
        &folder,
        &["--logs", "AWSLogs", "--format", "json"],
    ));
    assert!(once == twice);
}

#[test]
fn times_with_fractions_are_in_the_window_too() {
    let folder = tempfile::tempdir().unwrap();
    let record = fs::read_to_string("sample-logs/hostile/byte-order-mark.json").unwrap();
    let record = record.replace("Z\",\"eventSource\"", ".250Z\",\"eventSource\"");
    fs::write(folder.path().join("a.json"), record).unwrap();
    let mut command = program();
    command.args([
        "chains",
        "--from",
        "2026-11-01",
        "--all-sessions",
        "--format",
        "json",
        "--logs",
    ]);
    let found = json(command.arg(folder.path()));
    assert_eq!(found["coverage"]["records"]["in_window"], 3);
    assert_eq!(found["total"]["chain_count"], 2);
}

#[test]
fn what_could_not_be_read_is_in_the_document_even_if_nothing_could() {
    let mut command = program();
    command.args([
        "chains",
        "--from",
        "2026-11-01",
        "--format",
        "json",
        "--logs",
        "sample-logs/hostile/wrong-checksum.json.gz",
    ]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(code(Exit::NoLogs)));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        document["coverage"]["rejects"]["by_reason"][0]["reason"],
        "corrupt-gzip"
    );
    assert_eq!(
        command.arg("--strict").output().unwrap().status.code(),
        Some(code(Exit::Incomplete))
    );
}

#[test]
fn strict_is_about_what_was_read_not_about_what_is_shown() {
    let folder = organization();
    chains(&folder, &["--strict", "--limit", "1"])
        .assert()
        .code(code(Exit::Incomplete));
}

#[test]
fn wrong_usage_and_wrong_configuration_are_status_2() {
    let folder = organization();
    let usage = code(Exit::Usage);
    program()
        .arg("chans")
        .assert()
        .code(usage)
        .stderr(predicate::str::contains("'chains'"));
    program()
        .arg("chains")
        .current_dir("/")
        .assert()
        .code(usage)
        .stderr(predicate::str::contains("--logs"));
    for (options, wanted) in [
        (&["--since", "soon"][..], "--since"),
        (&["--to", "2026-10-01"], "the window is empty"),
        (&["--min-bytes", "many"], "--min-bytes"),
        (&["--status", "complet"], "'complete'"),
        (&["--path", "quick"], "quick-role-chain"),
        (&["--format", "xml"], "jsonl"),
        (&["-c", "absent.toml"], "absent.toml"),
    ] {
        let mut command = program();
        command
            .current_dir(folder.path())
            .args(["chains", "--logs", "AWSLogs"]);
        if options[0] == "--to" {
            command.args(["--from", "2026-11-01"]);
        }
        command
            .args(options)
            .assert()
            .code(usage)
            .stderr(predicate::str::contains(wanted));
    }
    fs::write(
        folder.path().join("wrong.toml"),
        "[hub]\naccount_id = \"111122223333\"\nrol = 1\n",
    )
    .unwrap();
    chains(&folder, &["-c", "wrong.toml"])
        .assert()
        .code(usage)
        .stderr(
            predicate::str::contains("unknown field `rol`")
                .and(predicate::str::contains("wrong.toml")),
        );
}

#[test]
fn a_missing_folder_says_what_logs_takes() {
    program()
        .args(["chains", "--logs", "/no/such/folder"])
        .assert()
        .code(code(Exit::Usage))
        .stderr(
            predicate::str::contains("/no/such/folder")
                .and(predicate::str::contains("hint: --logs takes")),
        );
}

#[test]
fn no_logs_in_the_window_are_status_3() {
    let folder = organization();
    let empty = tempfile::tempdir().unwrap();
    let no_logs = code(Exit::NoLogs);
    program()
        .current_dir(folder.path())
        .args([
            "chains",
            "--logs",
            "AWSLogs",
            "--from",
            "2020-01-01",
            "--to",
            "2020-01-02",
        ])
        .assert()
        .code(no_logs)
        .stderr(predicate::str::contains("outside the window"));
    program()
        .args(["chains", "--logs"])
        .arg(empty.path())
        .assert()
        .code(no_logs)
        .stderr(predicate::str::contains("no CloudTrail logs"));
}

#[test]
fn anything_unread_is_status_4_under_strict_and_named_in_any_case() {
    let folder = organization();
    fs::write(
        folder.path().join("AWSLogs/broken.json"),
        "{\"Records\":[{\"eventSource\":",
    )
    .unwrap();
    chains(&folder, &[])
        .assert()
        .code(code(Exit::Clean))
        .stderr(
            predicate::str::contains("not read: 1 truncated-json")
                .and(predicate::str::contains("broken.json")),
        );
    chains(&folder, &["--strict", "--consumer", "none"])
        .assert()
        .code(code(Exit::Incomplete));
}

#[test]
fn anything_ambiguous_is_status_4_under_strict() {
    let folder = organization();
    let ambiguous = json(&mut chains(&folder, &["--format", "json"]));
    let chains_found = ambiguous["chains"].as_array().unwrap();
    let is_ambiguous = |chain: &&Value| chain["confidence"] == "ambiguous";
    let expected = if chains_found.iter().any(|chain| is_ambiguous(&chain)) {
        Exit::Incomplete
    } else {
        Exit::Clean
    };
    chains(&folder, &["--strict"]).assert().code(code(expected));
}

#[test]
fn exit_statuses_are_documented_as_they_are() {
    let documented = fs::read_to_string("docs/exit-codes.md").unwrap();
    for (exit, meaning) in Exit::ALL {
        let line = format!("| {} | {meaning} |", exit.code());
        assert!(documented.contains(&line), "{line}");
    }
}

#[test]
fn no_color_codes_where_nobody_wants_them() {
    let folder = organization();
    assert!(!text(&mut chains(&folder, &[])).contains('\u{1b}'));
    assert!(text(&mut chains(&folder, &["--color", "always"])).contains('\u{1b}'));
    assert!(
        !text(chains(&folder, &["--color", "never"]).env("CLICOLOR_FORCE", "1")).contains('\u{1b}')
    );
    assert!(!text(chains(&folder, &[]).env("NO_COLOR", "1")).contains('\u{1b}'));
}

#[test]
fn the_table_fits_the_page() {
    let folder = organization();
    let config = ["-c", "qs-audit.toml"];
    let narrow = text(chains(&folder, &config).env("COLUMNS", "80"));
    let wide = text(chains(&folder, &config).env("COLUMNS", "200"));
    for (page, width) in [(&narrow, 80), (&wide, 200)] {
        let table = page.lines().take_while(|line| !line.contains(" chains ("));
        for line in table {
            assert!(line.chars().count() <= width, "{line}");
        }
    }
    let flat = text(chains(&folder, &["-c", "qs-audit.toml", "--flat"]).env("COLUMNS", "80"));
    assert!(
        flat.lines().all(|line| line.chars().count() <= 80),
        "{flat}"
    );
    assert!(flat.lines().nth(2).unwrap().contains(" c-"), "{flat}");
    assert!(narrow.contains("retail") && !narrow.contains("quick-role-chain"));
    assert!(wide.contains("quick-role-chain") && wide.contains("quick-retail"));
}

#[test]
fn formats_agree_and_have_their_schema() {
    let folder = organization();
    let document = json(&mut chains(&folder, &["--format", "json"]));
    assert_eq!(document["schema"], "qs-audit/chains/v1");
    let found = document["chains"].as_array().unwrap();
    assert_eq!(document["total"]["chain_count"], found.len());
    let lines = text(&mut chains(&folder, &["--format", "jsonl"]));
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(&lines, found);
    let csv = text(&mut chains(&folder, &["--format", "csv"]));
    assert_eq!(csv.lines().count(), found.len() + 1);
    let records = &document["coverage"]["records"];
    let number = |name: &str| records[name].as_u64().unwrap();
    assert_eq!(
        number("read"),
        number("kept") + number("not_relevant") + number("rejected")
    );
    let flat = text(&mut chains(&folder, &["--format", "jsonl", "--flat"]));
    let queries: u64 = found
        .iter()
        .map(|chain| chain["query_count"].as_u64().unwrap())
        .sum();
    assert_eq!(flat.lines().count() as u64, queries);
    let flat_csv = text(&mut chains(&folder, &["--format", "csv", "--flat"]));
    assert_eq!(flat_csv.lines().count() as u64, queries + 1);
}

#[test]
fn every_key_of_a_chain_is_always_there() {
    let design = [
        "schema",
        "chain_id",
        "path",
        "status",
        "missing",
        "confidence",
        "started_at",
        "last_activity_at",
        "hub_account_id",
        "consumer_account_id",
        "consumer_name",
        "business_unit",
        "data_source_arn",
        "run_as_session",
        "consumer_session",
        "queries",
        "query_count",
        "bytes_scanned",
        "bytes_billed",
        "estimated_cost_usd",
        "queries_without_statistics",
        "call_count",
        "calls",
        "quick_user",
        "notes",
        "integrity",
        "hops",
        "day",
        "duration_seconds",
        "has_hub_copy",
        "has_consumer_copy",
        "repeated_queries",
        "reads",
        "origin",
        "acting_for",
        "related_chains",
    ];
    let lines = text(&mut chains(
        &organization(),
        &["--format", "jsonl", "--path", "any"],
    ));
    for line in lines.lines() {
        let chain: Value = serde_json::from_str(line).unwrap();
        let keys: Vec<&str> = chain
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(keys, design);
    }
}

#[test]
fn filters_keep_what_they_name() {
    let folder = organization();
    let config = ["-c", "qs-audit.toml", "--format", "jsonl"];
    let with = |more: &[&str]| -> Vec<Value> {
        let lines = text(&mut chains(&folder, &[&config[..], more].concat()));
        lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let all = with(&[]);
    for (option, value, key) in [
        ("--consumer", "retail", "consumer_name"),
        ("--consumer", "RET*", "consumer_name"),
        ("--consumer", "444455556666", "consumer_account_id"),
        ("--business-unit", "Retail Banking", "business_unit"),
        ("--status", "complete", "status"),
        ("--path", "role-chain", "path"),
    ] {
        let some = with(&[option, value]);
        assert!(
            !some.is_empty() && some.len() < all.len() + 10,
            "{option} {value}"
        );
        for chain in &some {
            let found = chain[key].as_str().unwrap().to_lowercase();
            let wanted = value.to_lowercase();
            assert!(
                found.starts_with(wanted.trim_end_matches('*')),
                "{option} {value}: {found}"
            );
        }
    }
    let by_source = with(&["--data-source", "ds-retail-01"]);
    assert!(by_source.iter().all(|chain| {
        chain["data_source_arn"]
            .as_str()
            .unwrap()
            .ends_with("/ds-retail-01")
    }));
    let by_group = with(&["--work-group", "quick-retail"]);
    assert!(!by_group.is_empty());
    assert!(
        by_group
            .iter()
            .all(|chain| chain["queries"][0]["work_group"] == "quick-retail")
    );
    let user = all
        .iter()
        .find_map(|chain| chain["quick_user"]["name"].as_str())
        .unwrap();
    let by_user = with(&["--user", user]);
    assert!(
        by_user
            .iter()
            .all(|chain| chain["quick_user"]["name"] == user)
    );
    assert_eq!(with(&["--limit", "2"]).len(), 2);
    let most = with(&["--sort", "queries", "--limit", "1"]);
    let count = |chain: &Value| chain["query_count"].as_u64().unwrap();
    assert_eq!(count(&most[0]), all.iter().map(count).max().unwrap());
    let mut latest = with(&["--sort", "latest"]);
    latest.reverse();
    assert_eq!(latest, all);
    assert!(with(&["--path", "any"]).len() > all.len());
    assert!(with(&["--all-sessions"]).len() > with(&["--path", "any"]).len());
}

#[test]
fn chains_are_found_by_what_they_scanned() {
    let folder = organization();
    let with = |more: &[&str]| -> Vec<Value> {
        let lines = text(chains(&folder, &["--format", "jsonl"]).args(more));
        let lines = lines.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let all = with(&[]);
    let large = with(&["--min-bytes", "1GB"]);
    let bytes = |chain: &Value| chain["bytes_scanned"].as_u64();
    assert!(!large.is_empty() && large.len() < all.len());
    assert!(
        large
            .iter()
            .all(|chain| bytes(chain) >= Some(1_000_000_000))
    );
    assert!(with(&["--min-bytes", "1PB"]).is_empty());
    let largest = with(&["--sort", "bytes", "--limit", "1"]);
    assert_eq!(bytes(&largest[0]), all.iter().map(bytes).max().unwrap());
}

#[test]
fn a_filter_that_matches_nothing_says_what_was_meant() {
    chains(
        &organization(),
        &["-c", "qs-audit.toml", "--consumer", "retial"],
    )
    .assert()
    .success()
    .stderr(predicate::str::contains("did you mean \"retail\"?"));
}

#[test]
fn standard_input_files_and_links_are_read() {
    let folder = organization();
    let all = text(&mut chains(&folder, &["--format", "jsonl"]));
    let mut whole = Vec::new();
    for entry in walkdir::WalkDir::new(folder.path().join("AWSLogs")).sort_by_file_name() {
        let entry = entry.unwrap();
        if entry.file_type().is_file() {
            whole.extend(fs::read(entry.path()).unwrap());
        }
    }
    let from_stdin = |more: &[&str]| {
        let mut command = program();
        command.current_dir(folder.path());
        command.args([
            "chains",
            "--logs",
            "-",
            "--from",
            "2026-11-01",
            "--format",
            "jsonl",
        ]);
        command.args(more).write_stdin(whole.clone());
        text(&mut command)
    };
    assert!(from_stdin(&[]) == all, "standard input reads otherwise");
    assert!(from_stdin(&["--threads", "3"]) == all, "threads show");
    let file = folder.path().join("whole.json.gz");
    fs::write(&file, &whole).unwrap();
    let read = |logs: &Path| {
        let mut command = program();
        command.current_dir(folder.path());
        command
            .args([
                "chains",
                "--from",
                "2026-11-01",
                "--format",
                "jsonl",
                "--logs",
            ])
            .arg(logs);
        command.output().unwrap()
    };
    assert!(
        read(&file).stdout == all.as_bytes(),
        "one file reads otherwise"
    );
    #[cfg(unix)]
    {
        let links = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(folder.path().join("AWSLogs"), links.path().join("logs"))
            .unwrap();
        std::os::unix::fs::symlink(links.path(), links.path().join("loop")).unwrap();
        let output = read(links.path());
        assert!(output.stdout == all.as_bytes(), "links read otherwise");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("leads back to a folder above it"), "{said}");
    }
}

#[test]
fn siblings_are_counted_and_passed_over() {
    let folder = organization();
    let digests = folder
        .path()
        .join("AWSLogs/o-exampleorgid/111122223333/CloudTrail-Digest/us-east-1/2026/11/01");
    fs::create_dir_all(&digests).unwrap();
    fs::write(digests.join("digest.json.gz"), "not even gzip").unwrap();
    let document = json(&mut chains(&folder, &["--format", "json"]));
    assert_eq!(document["coverage"]["objects"]["passed_over"]["digest"], 1);
    assert_eq!(document["coverage"]["rejects"]["total"], 0);
}

#[test]
fn show_tells_everything_of_one_chain() {
    let folder = organization();
    let lines = text(&mut chains(
        &folder,
        &[
            "--format", "jsonl", "--status", "complete", "--sort", "queries",
        ],
    ));
    let chain: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    let id = chain["chain_id"].as_str().unwrap();
    let show = |more: &[&str]| {
        let mut command = program();
        command
            .current_dir(folder.path())
            .args(["show", "--logs", "AWSLogs"])
            .args(more);
        command
    };
    let page = text(&mut show(&[id]));
    for wanted in [
        id,
        "Run-as session (Role A)",
        "Consumer session (Role B)",
        "quicksight.amazonaws.com",
        "External id",
        "Scope-down",
        "Timeline",
        chain["queries"][0]["query_execution_id"].as_str().unwrap(),
    ] {
        assert!(page.contains(wanted), "{wanted}\n{page}");
    }
    assert_eq!(text(&mut show(&[&id[..10]])), page);
    let raw = text(&mut show(&[id, "--raw"]));
    assert!(raw.contains("StartQueryExecution") && raw.contains("AssumeRole"));
    assert!(!raw.contains("EXAMPLETOKEN"), "a token got out");
    let times: Vec<String> = raw
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["eventTime"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert!(times.is_sorted());
    let as_json = json(&mut show(&[id, "--format", "json"]));
    assert_eq!(as_json["chains"][0], chain);
    show(&["latest"]).assert().success();
    show(&["c-"])
        .assert()
        .code(code(Exit::Usage))
        .stderr(predicate::str::contains("several chain ids"));
    let mut wrong = id.to_owned();
    wrong.replace_range(13..14, "x");
    show(&[&wrong])
        .assert()
        .code(code(Exit::Usage))
        .stderr(predicate::str::contains(format!("did you mean {id}?")));
}

#[test]
fn since_counts_back_from_now() {
    let folder = organization();
    let run = |more: &[&str]| {
        let mut command = program();
        command.current_dir(folder.path());
        command.args([
            "chains",
            "--logs",
            "AWSLogs",
            "--format",
            "jsonl",
            "--now",
            "2026-11-03",
        ]);
        command.args(more);
        text(&mut command).lines().count()
    };
    let week = run(&[]);
    assert_eq!(run(&["--since", "7d"]), week);
    assert_eq!(run(&["--since", "1w"]), week);
    assert_eq!(run(&["--since", "2026-11-01"]), week);
    let day = run(&["--since", "24h"]);
    assert!(0 < day && day < week);
    assert_eq!(run(&["--from", "2026-11-02T00:00:00Z"]), day);
}

#[test]
fn an_output_file_is_written_whole() {
    let folder = organization();
    let printed = text(&mut chains(&folder, &["--format", "csv"]));
    chains(&folder, &["--format", "csv", "-o", "out.csv"])
        .assert()
        .success()
        .stdout("");
    assert_eq!(
        fs::read_to_string(folder.path().join("out.csv")).unwrap(),
        printed
    );
    let names = fs::read_dir(folder.path()).unwrap();
    let left = names.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with(".qs-audit-")
    });
    assert_eq!(left.count(), 0);
}

#[test]
fn quiet_says_nothing() {
    chains(&organization(), &["-q"])
        .assert()
        .success()
        .stderr("");
}

#[test]
fn hostile_strings_reach_no_terminal_and_no_formula() {
    let run = |format: &str| {
        let mut command = program();
        command.args([
            "chains",
            "--logs",
            "sample-logs/hostile/hostile-strings.json",
        ]);
        command
            .args(["--from", "2026-11-01", "--all-sessions", "--format", format])
            .env("COLUMNS", "300");
        text(&mut command)
    };
    let table = run("table");
    let is_code = |letter: char| letter.is_control() && letter != '\n';
    assert!(
        !table.contains(is_code) && !table.contains('\u{202e}'),
        "{table}"
    );
    for line in csv::Reader::from_reader(run("csv").as_bytes()).records() {
        for cell in &line.unwrap() {
            assert!(
                !cell.starts_with(['=', '+', '-', '@', '\t', '\r']),
                "{cell}"
            );
        }
    }
    let mut command = program();
    command.args([
        "show",
        "latest",
        "--logs",
        "sample-logs/hostile/hostile-strings.json",
    ]);
    let shown = command.output().unwrap().stdout;
    assert!(!String::from_utf8(shown).unwrap().contains(is_code));
}

#[test]
fn the_demo_makes_and_reads_an_organization() {
    let folder = tempfile::tempdir().unwrap();
    let demo = |more: &[&str]| {
        let mut command = program();
        command.current_dir(folder.path()).arg("demo").args(more);
        command
    };
    let page = text(&mut demo(&[]));
    assert!(page.contains("What to try next:") && page.contains(" chains ("));
    assert!(text(&mut demo(&[])) == page, "a second demo is another");
    // What it suggests works.
    for line in page
        .lines()
        .filter_map(|line| line.trim().strip_prefix("qs-audit "))
    {
        let arguments = line.split("      (").next().unwrap();
        let mut command = program();
        command
            .current_dir(folder.path())
            .args(arguments.split_whitespace())
            .assert()
            .success();
    }
    fs::create_dir(folder.path().join("mine")).unwrap();
    fs::write(folder.path().join("mine/precious"), "").unwrap();
    demo(&["mine"])
        .assert()
        .code(code(Exit::Usage))
        .stderr(predicate::str::contains("not empty"));
    assert!(Path::new(&folder.path().join("mine/precious")).exists());
}

#[test]
fn shell_glue_is_made() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        program()
            .args(["completions", shell])
            .assert()
            .success()
            .stdout(predicate::str::contains("chains"));
    }
    program()
        .arg("man")
        .assert()
        .success()
        .stdout(predicate::str::contains(".TH qs-audit"));
    let folder = tempfile::tempdir().unwrap();
    program()
        .args(["man", "--dir"])
        .arg(folder.path())
        .assert()
        .success();
    assert!(folder.path().join("qs-audit-chains.1").exists());
}

#[test]
fn every_help_has_an_example() {
    let help = |arguments: &[&str]| text(program().args(arguments));
    assert!(help(&["--help"]).contains("Examples:"));
    for command in qs_audit::cli::command().get_subcommands() {
        let page = help(&[command.get_name(), "--help"]);
        assert!(page.contains("Example"), "{}", command.get_name());
        assert!(page.contains(&format!("qs-audit {}", command.get_name())));
    }
}

#[test]
fn a_closed_pipe_is_no_failure() {
    use std::process::{Command as Process, Stdio};
    let folder = organization();
    let mut child = Process::new(assert_cmd::cargo::cargo_bin("qs-audit"))
        .current_dir(folder.path())
        .args([
            "chains",
            "--logs",
            "AWSLogs",
            "--from",
            "2026-11-01",
            "--format",
            "jsonl",
            "-q",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}
