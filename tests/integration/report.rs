//! `report` as people, schedulers and machines use it.

use crate::cli::{organization, output, program};
use crate::{needs, schema};
use assert_cmd::Command;
use qs_audit::cli::Exit;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const SAMPLE: &str = "sample-logs/org-small";
const GOLDEN: &str = "reports/sample/nightly";
const WINDOW: [&str; 4] = ["--from", "2026-11-01", "--to", "2026-11-03"];
const FILES: [&str; 7] = [
    "chains.csv",
    "chains.parquet",
    "chargeback.csv",
    "findings.csv",
    "index.html",
    "report.json",
    "report.md",
];

/// `report` in the folder of an organization.
fn report(folder: &Path, more: &[&str]) -> Command {
    let mut command = program();
    command.current_dir(folder).arg("report").args(more);
    command
}

/// The report of one of the two days of the organization.
fn content(folder: &Path, day: &str, more: &[&str]) -> Command {
    let next = match day {
        "2026-11-01" => "2026-11-02T02:00:00Z",
        "2026-11-02" => "2026-11-03T02:00:00Z",
        other => panic!("{other}"),
    };
    let mut command = report(folder, &["--now", next]);
    command.args(more);
    command
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name());
    names
        .map(|name| name.to_string_lossy().into_owned())
        .collect()
}

fn document(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("report.json")).unwrap()).unwrap()
}

fn bytes(folder: &Path) -> Vec<Vec<u8>> {
    FILES
        .iter()
        .map(|name| fs::read(folder.join(name)).unwrap())
        .collect()
}

fn nightly(folder: &TempDir, day: &str) -> PathBuf {
    folder.path().join("reports/nightly").join(day)
}

#[test]
fn the_golden_report_is_current() {
    let place = tempfile::tempdir().unwrap();
    let written = place.path().join("report");
    let mut command = report(Path::new(SAMPLE), &WINDOW);
    output(command.arg("-o").arg(&written), Exit::Clean);
    assert_eq!(names(&written), FILES.map(str::to_owned).into());
    for name in FILES {
        let new = fs::read(written.join(name)).unwrap();
        let path = Path::new(GOLDEN).join(name);
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            fs::create_dir_all(GOLDEN).unwrap();
            fs::write(&path, &new).unwrap();
        }
        let golden = fs::read(&path).unwrap_or_default();
        assert!(golden == new, "{name} is not what the program writes");
    }
}

#[test]
fn a_night_goes_into_a_folder_of_its_date_and_latest_points_at_the_newest() {
    let folder = organization();
    let (summary, _) = output(&mut content(folder.path(), "2026-11-02", &[]), Exit::Clean);
    assert!(summary.lines().count() <= 10, "{summary}");
    assert!(
        summary
            .starts_with("Report, night of 2026-11-02: 2026-11-02 00:00 to 2026-11-03 00:00 UTC"),
        "{summary}"
    );
    assert!(
        summary.contains("reports/nightly/2026-11-02/index.html")
            && summary.contains("reports/latest")
    );
    assert_eq!(
        names(&nightly(&folder, "2026-11-02")),
        FILES.map(str::to_owned).into()
    );
    let latest = folder.path().join("reports/latest");
    assert_eq!(
        fs::read_link(&latest).unwrap(),
        Path::new("nightly/2026-11-02")
    );
    assert_eq!(document(&latest)["date"], "2026-11-02");
    // A night of the past does not become the newest by being made later.
    output(&mut content(folder.path(), "2026-11-01", &[]), Exit::Clean);
    assert_eq!(document(&latest)["date"], "2026-11-02");
    // Nothing else is left behind.
    let both = BTreeSet::from(["2026-11-01".to_owned(), "2026-11-02".to_owned()]);
    assert_eq!(names(&folder.path().join("reports/nightly")), both);
    assert_eq!(
        names(&folder.path().join("reports")),
        BTreeSet::from(["latest".to_owned(), "nightly".to_owned()])
    );
}

#[test]
fn a_night_made_again_is_replaced_whole_and_is_the_same() {
    let folder = organization();
    output(&mut content(folder.path(), "2026-11-01", &[]), Exit::Clean);
    output(&mut content(folder.path(), "2026-11-02", &[]), Exit::Clean);
    let place = nightly(&folder, "2026-11-02");
    let before = bytes(&place);
    fs::write(place.join("left-over.txt"), "from yesterday").unwrap();
    fs::write(place.join("chains.csv"), "half a fi").unwrap();
    output(
        &mut content(folder.path(), "2026-11-02", &["--threads", "1"]),
        Exit::Clean,
    );
    assert_eq!(names(&place), FILES.map(str::to_owned).into());
    assert!(bytes(&place) == before);
    // In a folder that was asked for, too: the night is compared with what it was
    // compared with, not with itself.
    for day in ["2026-11-01", "2026-11-02"] {
        output(
            &mut content(folder.path(), day, &["-o", "mine"]),
            Exit::Clean,
        );
    }
    let mine = folder.path().join("mine");
    let verdict = document(&mine)["verdict"].clone();
    assert!(verdict["not_observed"].as_u64() > Some(0), "{verdict}");
    output(
        &mut content(folder.path(), "2026-11-02", &["-o", "mine"]),
        Exit::Clean,
    );
    assert_eq!(document(&mine)["verdict"], verdict);
    assert_eq!(document(&mine)["verdict"], document(&place)["verdict"]);
}

/// With something more in the configuration.
fn configure(folder: &Path, more: &str) {
    let path = folder.join("qs-audit.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}\n{more}")).unwrap();
}

#[test]
fn a_report_in_a_folder_of_its_own_can_be_made_again_too() {
    let folder = organization();
    let path = folder.path();
    let mine = path.join("mine");
    let run = |day: &str| output(&mut content(path, day, &["-o", "mine/"]), Exit::Clean);
    // The rules that the night before ran are part of what it is compared with.
    let settings = fs::read_to_string(path.join("qs-audit.toml")).unwrap();
    configure(path, "[rules.role-assumption-denied]\nenabled = false\n");
    run("2026-11-01");
    fs::write(path.join("qs-audit.toml"), settings).unwrap();
    run("2026-11-02");
    let second = bytes(&mine);
    assert!(
        document(&mine)
            .to_string()
            .contains("findings count as new")
    );
    run("2026-11-02");
    assert!(bytes(&mine) == second);
    // A night of before is not compared with what came after it.
    let (_, error) = run("2026-11-01");
    assert!(
        error.contains("compared with no report: a report of a later time"),
        "{error}"
    );
    assert_eq!(document(&mine)["compared_with"], Value::Null);
}

#[test]
fn a_window_that_is_no_night_takes_no_nights_place() {
    let folder = organization();
    let path = folder.path();
    output(&mut content(path, "2026-11-02", &[]), Exit::Clean);
    let before = bytes(&nightly(&folder, "2026-11-02"));
    for (window, name) in [
        (
            &["--from", "2026-11-01", "--to", "2026-11-03"][..],
            "2026-11-01_to_2026-11-02",
        ),
        (
            &[
                "--from",
                "2026-11-02T06:00:00Z",
                "--to",
                "2026-11-02T18:00:00Z",
            ],
            "2026-11-02_to_2026-11-02",
        ),
        (
            &["--since", "1d", "--now", "2026-11-02T10:00:00Z"],
            "2026-11-01_to_2026-11-02",
        ),
        (
            &[
                "--since",
                "6h",
                "--now",
                "2026-11-02T20:00:00Z",
                "--baseline",
                "0d",
            ],
            "2026-11-02_to_2026-11-02",
        ),
        (
            &["--from", "2026-11-01T12:00:00Z", "--now", "2026-11-03"],
            "2026-11-01_to_2026-11-02",
        ),
        (
            &["--to", "2026-11-02T12:00:00Z"],
            "2026-11-01_to_2026-11-02",
        ),
    ] {
        output(&mut report(path, window), Exit::Clean);
        let told = document(&nightly(&folder, name));
        schema::validate(&told);
        // A bill of whole days is not split among the queries of half a day.
        let half = window
            .iter()
            .any(|word| word.contains('T') || word.starts_with("--since"));
        let codes = told["coverage_gaps"].to_string();
        assert_eq!(
            codes.contains("bill-whole-days"),
            half,
            "{window:?} {codes}"
        );
    }
    assert!(bytes(&nightly(&folder, "2026-11-02")) == before);
    let latest = fs::read_link(path.join("reports/latest")).unwrap();
    assert_eq!(latest, Path::new("nightly/2026-11-02"));
    // Whatever else lies among the nights is none.
    let others = path.join("reports/nightly");
    fs::create_dir(others.join("2099-01-01")).unwrap();
    fs::create_dir(others.join("20991231")).unwrap();
    fs::write(others.join("2031-01-01"), "").unwrap();
    output(&mut content(path, "2026-11-02", &[]), Exit::Clean);
    assert_eq!(fs::read_link(path.join("reports/latest")).unwrap(), latest);
}

#[test]
fn a_window_in_the_future_is_refused() {
    let folder = organization();
    let path = folder.path();
    let future = [
        "--from",
        "2027-01-01",
        "--to",
        "2027-02-01",
        "--now",
        "2026-11-03",
    ];
    let (_, error) = output(&mut report(path, &future), Exit::Usage);
    assert!(error.contains("lies in the future"), "{error}");
    assert!(!path.join("reports").exists());
}

#[test]
fn half_a_day_is_charged_as_far_as_a_bill_can_tell() {
    let folder = organization();
    let window = ["--from", "2026-11-01T12:00:00Z", "--to", "2026-11-03"];
    output(
        report(folder.path(), &window).args(["-o", "out"]),
        Exit::Clean,
    );
    let half = document(&folder.path().join("out"));
    // Only the second of the days is whole: its bill is the bill.
    let mut whole = program();
    whole
        .current_dir(folder.path())
        .args(["chargeback", "--format", "json"]);
    whole.args(["--from", "2026-11-02", "--to", "2026-11-03"]);
    let whole: Value = serde_json::from_str(&output(&mut whole, Exit::Clean).0).unwrap();
    let billed = |document: &Value| document["total"]["billed_cost_usd"].clone();
    assert_eq!(billed(&half["chargeback"]), billed(&whole));
    assert!(half["chargeback"]["total"]["queries_without_bill"].as_u64() > Some(0));
}

#[test]
fn what_the_report_before_and_the_bill_do_not_tell_is_said() {
    let folder = organization();
    let path = folder.path();
    output(&mut content(path, "2026-11-01", &[]), Exit::Clean);
    fs::remove_file(path.join("qs-audit-memory.sqlite")).unwrap();
    fs::rename(
        nightly(&folder, "2026-11-01"),
        nightly(&folder, "2026-10-28"),
    )
    .unwrap();
    let skipped = nightly(&folder, "2026-10-28").join("report.json");
    let earlier = fs::read_to_string(&skipped).unwrap();
    fs::write(
        &skipped,
        earlier.replace("2026-11-02T00:00:00Z", "2026-10-29T00:00:00Z"),
    )
    .unwrap();
    // Pages of the bill are missing, a suppression has expired.
    let costs = path.join("costs.json");
    let bill = fs::read_to_string(&costs).unwrap();
    fs::write(
        &costs,
        bill.replacen('{', "{\"NextPageToken\": \"more\",", 1),
    )
    .unwrap();
    configure(
        path,
        "[[suppressions]]\nrule = \"role-*\"\nsubject = \"*\"\nreason = \"until the audit\"\nexpires = 2026-10-01\n",
    );
    output(&mut content(path, "2026-11-02", &[]), Exit::Clean);
    let told = document(&nightly(&folder, "2026-11-02"));
    schema::validate(&told);
    let page = fs::read_to_string(nightly(&folder, "2026-11-02").join("index.html")).unwrap();
    for wanted in [
        "qs-audit report --from 2026-10-29 --to 2026-11-02",
        "pages of the billing data are missing",
        "Suppressions that have expired",
        "until the audit",
    ] {
        assert!(page.contains(wanted), "{wanted}");
    }
    output(
        &mut content(path, "2026-11-02", &["--strict"]),
        Exit::Incomplete,
    );
    // Ambiguous chains of the baseline are no fault of the report.
    fs::write(&costs, bill).unwrap();
    let ambiguous = |document: &Value| {
        let unseen = document["coverage_gaps"].as_array().unwrap().iter();
        unseen
            .filter(|one| one["code"] == "ambiguous-chain")
            .count()
    };
    for day in ["2026-11-01", "2026-11-02"] {
        let strict = content(path, day, &["--strict", "-q", "-o", "strict"])
            .output()
            .unwrap();
        let told = document(&path.join("strict"));
        let wanted = if ambiguous(&told) > 0 { 4 } else { 0 };
        assert_eq!(strict.status.code(), Some(wanted), "{day}");
    }
}

#[test]
#[cfg(unix)]
fn what_a_killed_run_left_is_removed_and_links_are_followed() {
    use std::fs::FileTimes;
    use std::time::{Duration, SystemTime};
    let folder = organization();
    let path = folder.path();
    output(&mut content(path, "2026-11-02", &[]), Exit::Clean);
    let nights = path.join("reports/nightly");
    for (name, hours) in [(".qs-audit-report-old", 30), (".qs-audit-report-new", 1)] {
        fs::create_dir(nights.join(name)).unwrap();
        fs::write(nights.join(name).join("index.html"), "half").unwrap();
        #[expect(
            clippy::disallowed_methods,
            reason = "the age of a file is by the clock"
        )]
        let then = SystemTime::now() - Duration::from_hours(hours);
        let file = fs::File::open(nights.join(name)).unwrap();
        file.set_times(FileTimes::new().set_modified(then)).unwrap();
    }
    output(&mut content(path, "2026-11-02", &[]), Exit::Clean);
    let wanted = BTreeSet::from([".qs-audit-report-new".to_owned(), "2026-11-02".to_owned()]);
    assert_eq!(names(&nights), wanted);
    // What a link points at is replaced, not the link.
    fs::create_dir(path.join("real")).unwrap();
    std::os::unix::fs::symlink("real", path.join("link")).unwrap();
    output(
        &mut content(path, "2026-11-02", &["-o", "link/"]),
        Exit::Clean,
    );
    assert!(
        fs::symlink_metadata(path.join("link"))
            .unwrap()
            .is_symlink()
    );
    assert_eq!(names(&path.join("real")), FILES.map(str::to_owned).into());
}

#[test]
fn the_last_report_tells_new_from_ongoing_and_resolved() {
    let folder = organization();
    output(&mut content(folder.path(), "2026-11-01", &[]), Exit::Clean);
    let first = document(&nightly(&folder, "2026-11-01"));
    assert_eq!(first["findings"]["has_previous"], json!(false));
    // Without a memory of findings, the last report is the memory.
    let memory = folder.path().join("qs-audit-memory.sqlite");
    fs::remove_file(&memory).unwrap();
    let (_, error) = output(&mut content(folder.path(), "2026-11-02", &[]), Exit::Clean);
    assert!(
        error.contains("compared with the report in reports/nightly/2026-11-01"),
        "{error}"
    );
    let second = document(&nightly(&folder, "2026-11-02"));
    assert_eq!(second["findings"]["has_previous"], json!(true));
    let ids = |document: &Value, member: &str| -> BTreeSet<String> {
        let all = document["findings"][member].as_array().unwrap().iter();
        all.map(|one| one["finding_id"].as_str().unwrap().to_owned())
            .collect()
    };
    let known = ids(&first, "findings");
    for finding in second["findings"]["findings"].as_array().unwrap() {
        let is_known = known.contains(finding["finding_id"].as_str().unwrap());
        let status = finding["status"].as_str().unwrap();
        let expected: &[&str] = if is_known {
            &["again", "ongoing"]
        } else {
            &["new"]
        };
        assert!(expected.contains(&status), "{finding:#}");
    }
    let gone: BTreeSet<String> = known
        .difference(&ids(&second, "findings"))
        .cloned()
        .collect();
    let told: BTreeSet<String> = ids(&second, "resolved")
        .union(&ids(&second, "not_observed"))
        .cloned()
        .collect();
    assert_eq!(gone, told);
    // One that is named comes before the one that is found.
    let named = nightly(&folder, "2026-11-02")
        .to_string_lossy()
        .into_owned();
    output(
        &mut content(
            folder.path(),
            "2026-11-02",
            &["--previous", &named, "-o", "named"],
        ),
        Exit::Clean,
    );
    let verdict = &document(&folder.path().join("named"))["verdict"];
    assert_eq!(verdict["new"], json!(0));
    // A report that cannot be read any more is passed over.
    fs::remove_file(&memory).unwrap();
    fs::write(nightly(&folder, "2026-11-01").join("report.json"), "{").unwrap();
    output(&mut content(folder.path(), "2026-11-02", &[]), Exit::Clean);
    let alone = document(&nightly(&folder, "2026-11-02"));
    assert_eq!(alone["findings"]["has_previous"], json!(false));
    // The findings of a report are an earlier run for `findings`, too.
    let mut findings = program();
    findings
        .current_dir(folder.path())
        .args(["findings", "--now", "2026-11-03", "--since", "1d"]);
    output(
        findings.args(["--previous", &named, "--format", "json"]),
        Exit::Clean,
    );
}

#[test]
fn tables_are_what_the_commands_write() {
    let folder = organization();
    let day = ["--from", "2026-11-02", "--to", "2026-11-03"];
    output(
        report(folder.path(), &day).args(["-o", "out", "--baseline", "1d"]),
        Exit::Clean,
    );
    let of = |command: &str, more: &[&str]| {
        let mut program = program();
        program
            .current_dir(folder.path())
            .arg(command)
            .args(day)
            .args(more);
        output(program.args(["--format", "csv"]), Exit::Clean).0
    };
    let written = |name: &str| fs::read_to_string(folder.path().join("out").join(name)).unwrap();
    assert_eq!(written("chains.csv"), of("chains", &[]));
    assert_eq!(
        written("findings.csv"),
        of("findings", &["--baseline", "1d"])
    );
    assert_eq!(written("chargeback.csv"), of("chargeback", &[]));
    // Parquet has the same rows.
    let rows = written("chains.csv").lines().count() - 1;
    assert_eq!(
        document(&folder.path().join("out"))["chains"]["total"],
        json!(rows)
    );
    let parquet = fs::read(folder.path().join("out/chains.parquet")).unwrap();
    let reader = parquet_rows(parquet);
    assert_eq!(reader, rows);
}

fn parquet_rows(bytes: Vec<u8>) -> usize {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
    usize::try_from(reader.metadata().file_metadata().num_rows()).unwrap()
}

#[test]
fn the_document_follows_its_schema() {
    let golden: Value =
        serde_json::from_slice(&fs::read(format!("{GOLDEN}/report.json")).unwrap()).unwrap();
    schema::validate(&golden);
    // With everything that may be null.
    let folder = organization();
    let bare: &[&str] = &["--logs", "AWSLogs", "-c", "/dev/null", "-o", "bare"];
    output(report(folder.path(), bare).args(WINDOW), Exit::Clean);
    schema::validate(&document(&folder.path().join("bare")));
    // After an earlier one, with suppressions of all kinds.
    let settings = folder.path().join("qs-audit.toml");
    let text = fs::read_to_string(&settings).unwrap();
    let suppression = |rule: &str, expires: &str| {
        format!(
            "\n[[suppressions]]\nrule = \"{rule}\"\nsubject = \"*\"\nreason = \"r\"\nexpires = {expires}\n"
        )
    };
    let more = [
        suppression("external-id-*", "2027-01-01"),
        suppression("role-*", "2026-10-01"),
        suppression("cost-spike", "2027-01-01"),
    ];
    fs::write(&settings, text + &more.concat()).unwrap();
    for day in ["2026-11-01", "2026-11-02"] {
        output(&mut content(folder.path(), day, &[]), Exit::Clean);
        schema::validate(&document(&nightly(&folder, day)));
    }
    let open = fs::read_to_string("docs/report-v1.schema.json").unwrap();
    assert!(!open.contains("\"additionalProperties\": true"));
    // A schema that allows everything proves nothing.
    let mut wrong = golden;
    wrong["verdict"]["color"] = json!("green");
    assert!(schema::complaint(&wrong).is_err());
}

#[test]
fn exit_statuses_are_for_schedulers() {
    let folder = organization();
    let path = folder.path();
    let one = ["-o", "out"];
    let run = |more: &[&str], exit| output(report(path, &WINDOW).args(one).args(more), exit);
    run(&[], Exit::Clean);
    run(&["--fail-on", "critical"], Exit::Findings);
    let (text, error) = run(&["--fail-on", "critical", "-q"], Exit::Findings);
    assert_eq!((text.as_str(), error.as_str()), ("", ""));
    // The report is there all the same.
    assert_eq!(names(&path.join("out")), FILES.map(str::to_owned).into());
    // Known findings fail no second night, if that is asked for.
    let again = format!("{}", path.join("out/report.json").display());
    run(
        &["--previous", &again, "--fail-on", "info", "--new"],
        Exit::Clean,
    );
    run(&["--previous", &again, "--fail-on", "info"], Exit::Findings);
    fs::write(path.join("AWSLogs/broken.json"), "{").unwrap();
    run(&["--strict"], Exit::Incomplete);
    run(&["--strict", "--fail-on", "critical"], Exit::Findings);
    fs::remove_file(path.join("AWSLogs/broken.json")).unwrap();
    let empty = ["--from", "2026-05-01", "--to", "2026-05-02", "-o", "empty"];
    output(&mut report(path, &empty), Exit::NoLogs);
}

#[test]
fn a_night_without_logs_has_a_report_that_says_so() {
    let folder = organization();
    let (summary, error) = output(
        &mut report(folder.path(), &["--now", "2027-05-02T02:00:00Z"]),
        Exit::NoLogs,
    );
    assert!(summary.contains("Nothing was evaluated"), "{summary}");
    assert!(error.contains("no logs from 2027-05-01"), "{error}");
    let place = nightly(&folder, "2027-05-01");
    let told = document(&place);
    schema::validate(&told);
    assert_eq!(told["coverage_gaps"][0]["code"], "no-logs");
    let page = fs::read_to_string(place.join("index.html")).unwrap();
    for wanted in [
        "Nothing was evaluated: there are no logs in the window.",
        "There are no logs in the window, so there are no chains.",
        "no logs of 3 accounts",
    ] {
        assert!(page.contains(wanted), "{wanted}");
    }
    assert!(
        fs::read_to_string(place.join("report.md"))
            .unwrap()
            .contains("Nothing was evaluated")
    );
}

#[test]
fn empty_sections_say_why() {
    let folder = organization();
    // Neither statistics nor a bill nor a configuration.
    let bare: &[&str] = &["--logs", "AWSLogs", "-c", "/dev/null", "-o", "bare"];
    output(report(folder.path(), bare).args(WINDOW), Exit::Clean);
    let page = fs::read_to_string(folder.path().join("bare/index.html")).unwrap();
    for wanted in [
        "Neither query statistics (--executions) nor billing data (--costs) were read",
        "no query statistics were read (--executions)",
        "no billing data was read (--costs)",
        "No query has known bytes scanned",
        "bytes-scanned-spike was skipped",
    ] {
        assert!(page.contains(wanted), "{wanted}");
    }
    // Widths stand for queries where bytes are not known.
    assert_eq!(
        document(&folder.path().join("bare"))["flow"]["basis"],
        "queries"
    );
    // All is well, and everything was seen.
    let calm = tempfile::tempdir().unwrap();
    let plan = qs_audit::demo::DemoPlan {
        days: 2,
        consumers: 1,
        oddities: false,
        ..qs_audit::demo::DemoPlan::demo(4)
    };
    let quiet = qs_audit::demo::generate(&plan);
    qs_audit::demo::write_to(calm.path(), &quiet.logs).unwrap();
    qs_audit::demo::write_to(calm.path(), &quiet.extras).unwrap();
    output(&mut content(calm.path(), "2026-11-02", &[]), Exit::Clean);
    let page = fs::read_to_string(nightly(&calm, "2026-11-02").join("index.html")).unwrap();
    assert!(page.contains("rules ran and found nothing"));
}

#[test]
fn a_folder_that_is_no_report_is_not_replaced() {
    let folder = organization();
    fs::create_dir(folder.path().join("precious")).unwrap();
    fs::write(folder.path().join("precious/thesis.txt"), "four years").unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    fs::create_dir_all(folder.path().join("project/src")).unwrap();
    fs::copy(
        format!("{GOLDEN}/report.json"),
        folder.path().join("project/report.json"),
    )
    .unwrap();
    for (place, wanted) in [
        ("precious", "other files than a report"),
        ("project", "(\"src\")"),
        (".", "cannot replace ."),
        ("..", "cannot replace .."),
        ("qs-audit.toml", "is not a folder"),
        ("no/such/report", "parent folder does not exist"),
        ("-", "cannot be written to standard output"),
    ] {
        let (_, error) = output(&mut report(folder.path(), &["-o", place]), Exit::Usage);
        assert!(
            error.contains(wanted) && error.contains("hint:"),
            "{place}: {error}"
        );
    }
    assert_eq!(
        names(&folder.path().join("precious")),
        BTreeSet::from(["thesis.txt".to_owned()])
    );
    output(
        report(folder.path(), &WINDOW).args(["-o", "empty"]),
        Exit::Clean,
    );
    let (_, error) = output(&mut report(folder.path(), &["-o", "out.json"]), Exit::Usage);
    assert!(error.contains("in all formats"), "{error}");
    assert!(error.contains("-o takes a folder"), "{error}");
}

#[test]
#[cfg(unix)]
fn what_cannot_be_written_leaves_the_old_report_as_it_was() {
    use std::os::unix::fs::symlink;
    let folder = organization();
    output(&mut content(folder.path(), "2026-11-02", &[]), Exit::Clean);
    let place = nightly(&folder, "2026-11-02");
    let before = bytes(&place);
    // The folder of nights is a file: nothing can be written next to the report.
    let aside = folder.path().join("reports/aside");
    fs::rename(folder.path().join("reports/nightly"), &aside).unwrap();
    fs::write(folder.path().join("reports/nightly"), "in the way").unwrap();
    let (_, error) = output(&mut content(folder.path(), "2026-11-02", &[]), Exit::Usage);
    assert!(
        error.contains("cannot write into reports/nightly") && error.contains("hint:"),
        "{error}"
    );
    fs::remove_file(folder.path().join("reports/nightly")).unwrap();
    fs::rename(&aside, folder.path().join("reports/nightly")).unwrap();
    assert!(bytes(&place) == before);
    // Something else than a link in the place of the link is left alone, and told.
    let latest = folder.path().join("reports/latest");
    fs::remove_file(&latest).unwrap();
    fs::write(&latest, "mine").unwrap();
    let (_, error) = output(
        &mut content(folder.path(), "2026-11-02", &[]),
        Exit::Internal,
    );
    assert!(error.contains("reports/latest"), "{error}");
    assert_eq!(fs::read_to_string(&latest).unwrap(), "mine");
    // A link that points nowhere is pointed anew.
    fs::remove_file(&latest).unwrap();
    symlink("nightly/2020-01-01", &latest).unwrap();
    output(&mut content(folder.path(), "2026-11-02", &[]), Exit::Clean);
    assert_eq!(
        fs::read_link(&latest).unwrap(),
        Path::new("nightly/2026-11-02")
    );
}

#[test]
fn markdown_is_short() {
    let text = fs::read_to_string(format!("{GOLDEN}/report.md")).unwrap();
    assert!(text.lines().count() < 140, "{}", text.lines().count());
    assert!(
        text.starts_with("# Quick and Athena, 2026-11-01 to 2026-11-02\n"),
        "{text}"
    );
    for heading in [
        "## Findings",
        "## Coverage gaps",
        "## Cost by business unit",
    ] {
        assert!(text.contains(heading), "{heading}");
    }
}

#[test]
fn the_page_is_one_file_without_anything_remote() {
    let page = fs::read_to_string(format!("{GOLDEN}/index.html")).unwrap();
    for word in [
        "src=",
        "href=\"http",
        "url(http",
        "@import",
        "<link",
        "<iframe",
        "<img",
        " style=\"",
    ] {
        // The script and the rules' pages may speak of them; markup may not have them.
        let markup = page.split("<script>").next().unwrap();
        assert!(!markup.contains(word), "{word}");
    }
    assert!(page.contains("content=\"default-src &#39;none&#39;; script-src"));
    assert!(page.len() < 5_000_000);
    // Every picture has a name, and its numbers as a table.
    let pictures = page.matches("<svg ").count();
    assert!(pictures >= 4, "{pictures}");
    assert_eq!(page.matches("role=\"img\"").count(), pictures);
    assert_eq!(
        page.matches("<summary>Data of the picture</summary>")
            .count(),
        pictures
    );
}

#[test]
fn every_section_has_what_it_is_about() {
    let document: Value =
        serde_json::from_slice(&fs::read(format!("{GOLDEN}/report.json")).unwrap()).unwrap();
    let page = fs::read_to_string(format!("{GOLDEN}/index.html")).unwrap();
    for finding in document["findings"]["findings"].as_array().unwrap() {
        let id = finding["finding_id"].as_str().unwrap();
        assert!(page.contains(&format!("<article id=\"{id}\"")), "{id}");
        let rule = finding["rule"].as_str().unwrap();
        assert!(page.contains(&format!("id=\"rule-{rule}\"")), "{rule}");
    }
    for listed in document["chains"]["listed"].as_array().unwrap() {
        let id = listed["chain"]["chain_id"].as_str().unwrap();
        assert!(
            page.contains(&format!("class=\"timeline\" id=\"{id}\"")),
            "{id}"
        );
    }
    // The order in which a person asks.
    let order = [
        "verdict",
        "findings",
        "paths-section",
        "time",
        "units",
        "top",
        "coverage-gaps",
    ];
    let places: Vec<usize> = order
        .iter()
        .map(|id| page.find(&format!("<section id=\"{id}\"")).unwrap())
        .collect();
    assert!(places.is_sorted(), "{places:?}");
    // What was not seen names the gap of the sample: an account of a chain that has no logs.
    let codes: BTreeSet<&str> = document["coverage_gaps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["code"].as_str().unwrap())
        .collect();
    assert!(
        codes.contains("partial-chain") && codes.contains("rule-skipped"),
        "{codes:?}"
    );
    // What is attributed to Quick in the chargeback is in the flow of bytes, too.
    let paths = document["flow"]["paths"].as_array().unwrap();
    let bytes: u64 = paths
        .iter()
        .filter_map(|path| path["bytes_scanned"].as_u64())
        .sum();
    assert_eq!(document["summary"]["bytes_scanned"], json!(bytes));
}

/// Programs that answer instead of the real ones.
fn write_stubs(folder: &Path) -> PathBuf {
    let stubs = folder.join("stubs");
    fs::create_dir(&stubs).unwrap();
    let source = fs::canonicalize(SAMPLE).unwrap();
    // What the services answer, in their own shapes, and who was asked what.
    let aws = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$*\" >> \"$ASKED\"\ncase \"$1 $2\" in\n\
         's3 sync') case \"$4\" in AWSLogs) mkdir -p AWSLogs && cp -r '{0}'/AWSLogs/. AWSLogs/ ;; esac ;;\n\
         'ce get-cost-and-usage') case \"$*\" in *Key=RECORD_TYPE*) cat '{0}/costs-rest.json' ;; \
         *) cat '{0}/costs.json' ;; esac ;;\n\
         'quicksight list-data-sources') cat '{0}/data-sources.json' ;;\n\
         'sts assume-role') echo '{{\"Credentials\":{{\"AccessKeyId\":\"ASIA\",\"SecretAccessKey\":\"s\",\"SessionToken\":\"t\"}}}}' ;;\n\
         'athena batch-get-query-execution') cat '{0}/executions.json' ;;\n\
         *) exit 64 ;;\nesac\n",
        source.display()
    );
    // The sample's second day is yesterday.
    let date = "#!/bin/sh\nif [ \"$2\" = -d ]; then\n\
        exec \"$REAL_DATE\" -u -d \"2026-11-03 $(echo \"$3\" | sed 's/yesterday/1 days ago/')\" \"$4\"\nfi\n\
        exec \"$REAL_DATE\" -u -d 2026-11-03 \"$2\"\n";
    for (name, text) in [("aws", aws.as_str()), ("date", date)] {
        let path = stubs.join(name);
        fs::write(&path, text).unwrap();
        make_executable(&path);
    }
    stubs
}

/// The script with an `aws` that answers from the sample, in the services' own shapes,
/// and writes down what it was asked.
fn script_with_stubs(folder: &Path, place: &Path) -> std::process::Command {
    let stubs = write_stubs(folder);
    let settings = fs::read_to_string(folder.join("qs-audit.toml")).unwrap();
    let settings = settings
        .replace("path = \"", &format!("path = \"{}/", place.display()))
        .replace("executions.json", "executions");
    let settings = settings.replace(
        &format!(
            "[[costs]]\npath = \"{}/costs-by-service.json\"\n",
            place.display()
        ),
        "",
    );
    let settings = settings.replace(
        &format!(
            "[[catalogs]]\npath = \"{}/catalogs.json\"\n",
            place.display()
        ),
        "",
    );
    let settings = settings.replace(
        &format!(
            "[[chat_logs]]\npath = \"{}/chat-logs.jsonl\"\n",
            place.display()
        ),
        "",
    );
    fs::write(folder.join("night.toml"), settings).unwrap();
    let built = Path::new(env!("CARGO_BIN_EXE_qs-audit")).parent().unwrap();
    let wrapper = stubs.join("qs-audit");
    fs::write(
        &wrapper,
        format!(
            "#!/bin/sh\nexec '{}/qs-audit' \"$@\" --now 2026-11-03T03:15:00Z\n",
            built.display()
        ),
    )
    .unwrap();
    make_executable(&wrapper);
    let real = std::env::var("PATH").unwrap_or_default();
    let real_date = std::env::split_paths(&real)
        .map(|path| path.join("date"))
        .find(|path| path.exists());
    let mut script = std::process::Command::new("sh");
    script.arg(fs::canonicalize("docs/nightly/nightly.sh").unwrap());
    script.env_clear();
    script.env("PATH", format!("{}:{real}", stubs.display()));
    script.env("REAL_DATE", real_date.unwrap());
    script.env("ASKED", folder.join("asked"));
    script.env("TRAIL", "s3://trail/AWSLogs").env("DATA", place);
    script.env("CONFIG", folder.join("night.toml"));
    script
        .env("HUB", "111122223333")
        .env("COSTS", "yes")
        .env("REPORTS", "s3://kept/qs-audit");
    script.env(
        "CONSUMERS",
        "444455556666:us-east-1:arn:aws:iam::444455556666:role/qs-audit-statistics",
    );
    script
}

#[test]
fn the_script_for_the_night_runs_the_program_and_keeps_its_status() {
    if needs::on_the_path("sh").is_none() || needs::on_the_path("jq").is_none() {
        return;
    }
    let folder = organization();
    let kept = folder.path().join("data");
    let mut script = script_with_stubs(folder.path(), &kept);
    let ran = script.output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(10), "{said}");
    let asked = fs::read_to_string(folder.path().join("asked")).unwrap();
    let place = kept.join("reports/nightly/2026-11-02");
    assert_eq!(
        names(&place),
        FILES.map(str::to_owned).into(),
        "{asked}\n{said}"
    );
    assert!(document(&place)["summary"]["bytes_scanned"].as_u64() > Some(0));
    for wanted in [
        "s3 sync s3://trail/AWSLogs AWSLogs --only-show-errors --exclude * --include */CloudTrail/*/2026/11/03/* --include */CloudTrail/*/2026/11/02/*",
        "athena batch-get-query-execution --region us-east-1",
        "s3 sync s3://kept/qs-audit/nightly reports/nightly",
        "s3 sync reports/nightly/2026-11-02 s3://kept/qs-audit/nightly/2026-11-02",
        "s3 sync executions s3://kept/qs-audit/executions",
    ] {
        assert!(asked.contains(wanted), "{wanted}\n{asked}");
    }
}

#[cfg(unix)]
fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[cfg(not(unix))]
fn make_executable(_path: &Path) {}

#[test]
fn policies_allow_what_the_script_asks_and_nothing_else() {
    let script = fs::read_to_string("docs/nightly/nightly.sh").unwrap();
    let of = |name: &str| -> BTreeSet<String> {
        let policy: Value = serde_json::from_slice(&fs::read(name).unwrap()).unwrap();
        let statements = policy["Statement"].as_array().unwrap().clone();
        let actions = statements.into_iter().flat_map(|one| match &one["Action"] {
            Value::Array(all) => all.clone(),
            one => vec![one.clone()],
        });
        actions
            .map(|action| action.as_str().unwrap().to_owned())
            .collect()
    };
    let own = of("docs/nightly/iam-policy.json");
    let consumer = of("docs/nightly/iam-policy-consumer.json");
    let calls = [
        (
            "aws s3 sync",
            &[
                "s3:ListBucket",
                "s3:GetObject",
                "s3:PutObject",
                "kms:Decrypt",
            ][..],
        ),
        (
            "aws quicksight list-data-sources",
            &["quicksight:ListDataSources"],
        ),
        ("aws ce get-cost-and-usage", &["ce:GetCostAndUsage"]),
        ("aws sts assume-role", &["sts:AssumeRole"]),
        (
            "aws athena batch-get-query-execution",
            &["athena:BatchGetQueryExecution"],
        ),
    ];
    let needed: BTreeSet<String> = calls
        .iter()
        .flat_map(|(call, actions)| {
            assert!(script.contains(call), "{call}");
            actions.iter().map(|action| (*action).to_owned())
        })
        .collect();
    let asked = script.matches("aws ").count() - script.matches("(aws ").count();
    assert!(asked > 0);
    assert_eq!(
        own.union(&consumer).cloned().collect::<BTreeSet<_>>(),
        needed
    );
    // The template has the same.
    let template = fs::read_to_string("docs/nightly/ecs-scheduled-task.yml").unwrap();
    for action in &own {
        assert!(template.contains(action.as_str()), "{action}");
    }
}
