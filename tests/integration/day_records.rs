//! Days before a window, from their records in the store: findings and reports are those of a run that
//! reads the days, and a record that was made of something else is made again (ARCHITECTURE.md, "Nights
//! that cost a night").

use crate::cli::{output, program, six_weeks};
use qs_audit::cli::Exit;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const NOW: &str = "2026-11-15T06:00:00Z";
/// The night that is evaluated, and the number of days before it.
const NIGHT: [&str; 4] = ["--from", "2026-11-14", "--to", "2026-11-15"];
const BASELINE_DAYS: u64 = 28;

/// Six weeks, collected.
fn collected() -> TempDir {
    let folder = six_weeks();
    collect(folder.path());
    folder
}

fn collect(folder: &Path) {
    let mut command = program();
    command
        .current_dir(folder)
        .args(["collect", "--store", "store"]);
    command.args(["--from", "2026-10-01", "--now", NOW]);
    output(&mut command, Exit::Clean);
}

/// What a command says of the store: standard output, and the number of days that were read to be
/// compared with.
fn said(folder: &Path, arguments: &[&str]) -> (String, u64) {
    let mut command = program();
    command.current_dir(folder).args(arguments);
    command.args(["--store", "store", "--now", NOW]);
    let (stdout, stderr) = output(&mut command, Exit::Clean);
    let line = stderr.lines().find(|line| line.contains("had to be read"));
    let days = line.map_or(0, |line| line.split(' ').next().unwrap().parse().unwrap());
    (stdout, days)
}

/// Findings of the night, with days before it from their records, and the number of days that were read.
fn night(folder: &Path) -> (String, u64) {
    let findings = [
        &["findings", "--format", "csv", "--spill-above", "10"],
        &NIGHT[..],
    ];
    said(folder, &findings.concat())
}

/// The same of a run that reads all days.
fn night_of_all(folder: &Path) -> String {
    let (stdout, days) = said(
        folder,
        &[&["findings", "--format", "csv"], &NIGHT[..]].concat(),
    );
    assert_eq!(days, 0);
    stdout
}

#[test]
fn findings_are_those_of_a_run_that_reads_all_days() {
    let folder = collected();
    let folder = folder.path();
    for window in [
        &NIGHT[..],
        &["--from", "2026-11-08", "--to", "2026-11-15"],
        &["--from", "2026-11-13T07:30:00Z", "--to", "2026-11-15"],
        &[
            "--from",
            "2026-11-10",
            "--to",
            "2026-11-12",
            "--baseline",
            "10d",
        ],
        &[
            "--from",
            "2026-11-10",
            "--to",
            "2026-11-11",
            "--baseline",
            "35d",
        ],
        &[
            "--from",
            "2026-11-10",
            "--to",
            "2026-11-11",
            "--baseline",
            "200d",
        ],
        &[
            "--from",
            "2026-11-10",
            "--to",
            "2026-11-11",
            "--baseline",
            "0d",
        ],
    ] {
        for format in ["csv", "table", "asff"] {
            let asked = [&["findings", "--format", format][..], window].concat();
            let (whole, _) = said(folder, &asked);
            for _ in 0..2 {
                let of_records = [&asked[..], &["--spill-above", "10"]].concat();
                assert_eq!(said(folder, &of_records).0, whole, "{window:?}");
            }
        }
    }
}

#[test]
fn a_report_is_that_of_a_run_that_reads_all_days() {
    let folder = collected();
    let folder = folder.path();
    let report = |name: &str, more: &[&str]| {
        said(
            folder,
            &[&["report", "-o", name], &NIGHT[..], more].concat(),
        )
    };
    report("whole", &[]);
    assert_eq!(report("first", &["--spill-above", "10"]).1, BASELINE_DAYS);
    assert_eq!(report("second", &["--spill-above", "10"]).1, 0);
    for file in ["findings.csv", "chains.csv", "chargeback.csv"] {
        let read = |name: &str| fs::read_to_string(folder.join(name).join(file)).unwrap();
        assert_eq!(read("whole"), read("first"), "{file}");
        assert_eq!(read("whole"), read("second"), "{file}");
    }
    // Pictures of days, and what is expected of them, are the same, too.
    let days = |name: &str| {
        let text = fs::read_to_string(folder.join(name).join("report.json")).unwrap();
        let mut report: Value = serde_json::from_str(&text).unwrap();
        without_coverage(&mut report);
        report
    };
    assert!(days("whole") == days("second"));
}

/// Counts of what was read differ.
fn without_coverage(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("coverage");
            members.values_mut().for_each(without_coverage);
        }
        Value::Array(values) => values.iter_mut().for_each(without_coverage),
        _ => {}
    }
}

#[test]
fn the_next_night_reads_a_night() {
    let folder = collected();
    let folder = folder.path();
    let of_day = |day: &str, next: &str| {
        let night = [
            "findings",
            "--spill-above",
            "10",
            "--from",
            day,
            "--to",
            next,
        ];
        said(folder, &night).1
    };
    assert_eq!(of_day("2026-11-12", "2026-11-13"), BASELINE_DAYS);
    // The night that was evaluated has its record, too.
    assert_eq!(of_day("2026-11-13", "2026-11-14"), 0);
    assert_eq!(of_day("2026-11-14", "2026-11-15"), 0);
    // A longer window is compared with one day more, which may decide about the next ones.
    let days = of_day("2026-11-11", "2026-11-15");
    assert!((1..=4).contains(&days), "{days}");
}

#[test]
fn a_month_is_charged_from_records() {
    let folder = collected();
    let folder = folder.path();
    for by in [
        "business-unit",
        "consumer,day",
        "user,data-source,work-group,origin",
    ] {
        for format in ["csv", "json"] {
            let asked = [
                "chargeback",
                "--month",
                "2026-11",
                "--by",
                by,
                "--format",
                format,
            ];
            let (whole, _) = said(folder, &asked);
            for _ in 0..2 {
                let (of_records, _) =
                    said(folder, &[&asked[..], &["--spill-above", "10"]].concat());
                if format == "json" {
                    let rows = |text: &str| {
                        let mut value: Value = serde_json::from_str(text).unwrap();
                        without_coverage(&mut value);
                        value
                    };
                    assert_eq!(rows(&of_records), rows(&whole), "{by}");
                } else {
                    assert_eq!(of_records, whole, "{by}");
                }
            }
        }
    }
    let (_, days) = said(
        folder,
        &["chargeback", "--since", "10d", "--spill-above", "10"],
    );
    assert_eq!(days, 0);
    // What was read of tables is in no record.
    let by_table = [
        "chargeback",
        "--since",
        "10d",
        "--by",
        "table",
        "--format",
        "csv",
    ];
    let (whole, _) = said(folder, &by_table);
    let (same, days) = said(folder, &[&by_table[..], &["--spill-above", "10"]].concat());
    assert_eq!((same, days), (whole, 0));
}

/// A log file of a day, by its place in the logs.
fn log_file(folder: &Path, day: &str) -> PathBuf {
    let account = folder.join("AWSLogs/o-exampleorgid/444455556666/CloudTrail/us-east-1");
    let day = account.join(day);
    let mut files: Vec<PathBuf> = fs::read_dir(day)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    files.swap_remove(files.len() / 2)
}

/// Delivers a log file again, under another name.
fn deliver_again(folder: &Path, day: &str) {
    let file = log_file(folder, day);
    let name = file.file_name().unwrap().to_str().unwrap();
    let again = name.replace(".json.gz", "again.json.gz");
    fs::copy(&file, file.with_file_name(again)).unwrap();
    collect(folder);
}

/// Replaces text of the configuration.
fn configure(folder: &Path, old: &str, new: &str) {
    let path = folder.join("qs-audit.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(old), "{old}");
    fs::write(&path, text.replace(old, new)).unwrap();
}

#[test]
fn late_events_touch_their_days() {
    let folder = collected();
    let folder = folder.path();
    assert_eq!(night(folder).1, BASELINE_DAYS);
    assert_eq!(night(folder).1, 0);
    deliver_again(folder, "2026/11/05");
    let (late, days) = night(folder);
    // A file has events of its day, and of what is near to midnight.
    assert!((1..=3).contains(&days), "{days}");
    assert_eq!(late, night_of_all(folder));
    assert_eq!(night(folder).1, 0);
}

#[test]
fn facts_touch_the_days_after_them() {
    let folder = collected();
    let folder = folder.path();
    night(folder);
    let record = serde_json::json!({
        "eventVersion": "1.11",
        "eventTime": "2026-11-05T11:00:00Z",
        "eventSource": "athena.amazonaws.com",
        "eventName": "CreateDataCatalog",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "203.0.113.9",
        "eventID": "00000000-0000-4000-8000-00000000fac7",
        "eventType": "AwsApiCall",
        "recipientAccountId": "444455556666",
        "userIdentity": {"type": "IAMUser", "principalId": "AIDAEXAMPLEUSER", "accountId": "444455556666",
            "arn": "arn:aws:iam::444455556666:user/ada", "userName": "ada"},
        "requestParameters": {"name": "new_catalog", "type": "GLUE",
            "parameters": {"catalog-id": "222233334444"}},
        "responseElements": null,
    });
    let place = log_file(folder, "2026/11/05");
    let name = "444455556666_CloudTrail_us-east-1_20261105T1105Z_abcdefghijklmnop.json";
    let text = serde_json::json!({"Records": [record]}).to_string();
    fs::write(place.with_file_name(name), text).unwrap();
    collect(folder);
    let (changed, days) = night(folder);
    // From the 5th to the 13th.
    assert_eq!(days, 9);
    assert_eq!(changed, night_of_all(folder));
}

#[test]
fn another_version_of_a_file_touches_its_days() {
    let folder = collected();
    let folder = folder.path();
    night(folder);
    let file = log_file(folder, "2026/11/05");
    let other = log_file(folder, "2026/11/06");
    fs::copy(other, &file).unwrap();
    collect(folder);
    let (changed, days) = night(folder);
    assert!((1..=5).contains(&days), "{days}");
    assert_eq!(changed, night_of_all(folder));
}

#[test]
fn late_statistics_touch_their_day() {
    let folder = collected();
    let folder = folder.path();
    night(folder);
    let path = folder.join("executions.json");
    let mut all: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let executions = all["QueryExecutions"].as_array_mut().unwrap();
    let of_day = executions.iter_mut().find(|execution| {
        let submitted = &execution["Status"]["SubmissionDateTime"];
        submitted.to_string().contains("2026-11-05")
    });
    of_day.expect("an execution of that day")["Statistics"]["DataScannedInBytes"] = 1.into();
    fs::write(&path, all.to_string()).unwrap();
    let (changed, days) = night(folder);
    // The day, and its neighbors, whose sessions may reach into it.
    assert!((1..=3).contains(&days), "{days}");
    assert_eq!(changed, night_of_all(folder));
}

#[test]
fn a_change_of_what_days_are_told_by_touches_all_of_them() {
    let folder = collected();
    let folder = folder.path();
    night(folder);
    for (old, new) in [
        ("name = \"retail\"", "name = \"shops\""),
        ("us-east-1 = \"5.00\"", "us-east-1 = \"6.00\""),
        (
            "[pricing]",
            "[rules.session-from-several-origins]\nquick_agents = [\"own\"]\n\n[pricing]",
        ),
    ] {
        configure(folder, old, new);
        let (changed, days) = night(folder);
        assert_eq!(days, BASELINE_DAYS, "{new}");
        assert_eq!(changed, night_of_all(folder), "{new}");
        assert_eq!(night(folder).1, 0, "{new}");
    }
    for list in ["catalogs.json", "chat-logs.jsonl"] {
        let path = folder.join(list);
        let text = fs::read_to_string(&path).unwrap();
        let shorter = match list {
            "chat-logs.jsonl" => text.lines().skip(2).collect::<Vec<_>>().join("\n"),
            _ => text.replace("claimants", "claimants_2"),
        };
        assert!(text != shorter, "{list}");
        fs::write(&path, shorter).unwrap();
        let (changed, days) = night(folder);
        assert_eq!(days, BASELINE_DAYS, "{list}");
        assert_eq!(changed, night_of_all(folder), "{list}");
    }
}

#[test]
fn rules_and_bills_touch_no_day() {
    let folder = collected();
    let folder = folder.path();
    night(folder);
    configure(
        folder,
        "[pricing]",
        "[rules.cost-spike]\nmin_cost = \"0.01\"\n\n[pricing]",
    );
    let (changed, days) = night(folder);
    assert_eq!(days, 0);
    assert_eq!(changed, night_of_all(folder));
    let path = folder.join("costs.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"Amount\":\"0.0", "\"Amount\":\"9.0")).unwrap();
    let (changed, days) = night(folder);
    assert_eq!(days, 0);
    assert_eq!(changed, night_of_all(folder));
}

#[test]
fn records_of_another_program_are_made_again() {
    let folder = collected();
    let folder = folder.path();
    let (first, _) = night(folder);
    let ledger = rusqlite::Connection::open(folder.join("store/ledger.sqlite")).unwrap();
    ledger
        .execute("UPDATE day_records SET inputs = 'd-000000000000'", [])
        .unwrap();
    drop(ledger);
    assert_eq!(night(folder), (first, BASELINE_DAYS));
}

#[test]
fn a_damaged_record_is_said() {
    let folder = collected();
    let folder = folder.path();
    night(folder);
    let ledger = rusqlite::Connection::open(folder.join("store/ledger.sqlite")).unwrap();
    ledger
        .execute("UPDATE day_records SET tallies = x'00'", [])
        .unwrap();
    drop(ledger);
    // What cannot be read is made again.
    assert_eq!(night(folder).1, BASELINE_DAYS);
    assert_eq!(night(folder).1, 0);
}

#[test]
fn names_of_accounts_in_a_bill_are_told() {
    let folder = collected();
    let folder = folder.path();
    let path = folder.join("costs.json");
    let text = fs::read_to_string(&path).unwrap();
    let mut bill: Value = serde_json::from_str(&text).unwrap();
    bill["DimensionValueAttributes"] = serde_json::json!([
        {"Value": "999988887777", "Attributes": {"description": "stranger-corp"}}
    ]);
    fs::write(&path, bill.to_string()).unwrap();
    for spilled in [&[][..], &["--spill-above", "10"]] {
        said(
            folder,
            &[&["report", "-o", "named"], &NIGHT[..], spilled].concat(),
        );
        let report = fs::read_to_string(folder.join("named/report.json")).unwrap();
        assert!(report.contains("stranger-corp"), "{spilled:?}");
    }
}

#[test]
fn records_leave_nothing_beside_the_ledger() {
    let folder = collected();
    let folder = folder.path();
    night(folder);
    let log = folder.join("store/ledger.sqlite-wal");
    assert_eq!(fs::metadata(log).map_or(0, |log| log.len()), 0);
}

/// The number of executions in each state.
fn states(folder: &Path) -> Vec<(String, i64)> {
    let ledger = rusqlite::Connection::open(folder.join("store/ledger.sqlite")).unwrap();
    let sql = "SELECT state, count(*) FROM executions GROUP BY 1 ORDER BY 1";
    let mut statement = ledger.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

#[test]
fn statistics_that_came_before_their_query_are_known() {
    let folder = six_weeks();
    let folder = folder.path();
    let account = folder.join("AWSLogs/o-exampleorgid/555566667777");
    let away = folder.join("away");
    fs::rename(&account, &away).unwrap();
    collect(folder);
    fs::rename(&away, &account).unwrap();
    collect(folder);
    let whole = collected();
    assert_eq!(states(folder), states(whole.path()));
}

#[test]
fn a_store_that_others_write_to_is_only_read() {
    let folder = collected();
    let folder = folder.path();
    let lock = fs::File::open(folder.join("store/lock")).unwrap();
    lock.lock().unwrap();
    let mut command = program();
    command
        .current_dir(folder)
        .args(["findings", "--spill-above", "10"]);
    command.args(NIGHT).args(["--store", "store", "--now", NOW]);
    let (stdout, stderr) = output(&mut command, Exit::Clean);
    assert!(!stdout.is_empty());
    let said = "sums of days could not be kept, and are made again by the next run";
    assert_eq!(stderr.matches(said).count(), 1, "{stderr}");
    drop(lock);
    assert_eq!(night(folder).1, BASELINE_DAYS);
}
