//! The chargeback table: against arithmetic done by hand, and in every format.

use crate::cli::{organization, program};
use serde_json::{Value, json as document};
use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;
use tempfile::TempDir;

const SAMPLE: &str = "sample-logs/org-small";
const GOLDEN: &str = "reports/sample";

/// Behind the last day of the bill, in seconds since 1970.
const THIRD_OF_NOVEMBER: i64 = 1_793_664_000;

/// The business units of the two consumers.
const UNITS: [(&str, &str); 2] = [
    ("444455556666", "Retail Banking"),
    ("555566667777", "Insurance"),
];

fn chargeback(folder: &Path, more: &[&str]) -> assert_cmd::Command {
    let mut command = program();
    command.current_dir(folder).env("COLUMNS", "120");
    command.args(["chargeback", "--from", "2026-11-01"]);
    if !more.contains(&"--to") {
        command.args(["--to", "2026-11-03"]);
    }
    command.args(more);
    command
}

fn text(folder: &Path, more: &[&str]) -> String {
    String::from_utf8(bytes(folder, more)).unwrap()
}

fn bytes(folder: &Path, more: &[&str]) -> Vec<u8> {
    let output = chargeback(folder, more).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    output.stdout
}

fn json(folder: &Path, more: &[&str]) -> Value {
    let text = text(folder, &[more, &["--format", "json"]].concat());
    serde_json::from_str(&text).unwrap()
}

fn file(name: &str) -> Value {
    let text = fs::read_to_string(Path::new(SAMPLE).join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A decimal of ten places as a whole number of its last one.
fn ten_places(amount: &Value) -> i128 {
    let (whole, fraction) = amount.as_str().unwrap().split_once('.').unwrap();
    format!("{whole}{fraction:0<10}").parse().unwrap()
}

/// Megabytes that the price list bills for an execution, from its JSON alone.
fn megabytes(execution: &Value) -> i128 {
    let statistics = &execution["Statistics"];
    let is_free = execution["Status"]["State"] == "FAILED"
        || execution["StatementType"] == "DDL"
        || statistics["ResultReuseInformation"]["ReusedPreviousResult"] == true
        || !statistics["DpuCount"].is_null();
    if is_free {
        return 0;
    }
    let scanned = i128::from(statistics["DataScannedInBytes"].as_u64().unwrap());
    ((scanned + 999_999) / 1_000_000).max(10)
}

#[derive(Debug, Default, PartialEq, Eq)]
struct ByHand {
    queries: u64,
    without_statistics: u64,
    megabytes: i128,
    quick: i128,
    other: i128,
    billed: i128,
}

/// What the table must say, from the bill, the statistics and the truth: in the
/// sample a megabyte costs five millionths of a dollar, and every share is exact.
fn by_hand() -> BTreeMap<String, ByHand> {
    let unit = |account: &str| {
        let known = UNITS.iter().find(|(known, _)| *known == account);
        known.map_or("(unmapped)", |(_, unit)| unit).to_owned()
    };
    let executions = file("executions.json");
    let executions: BTreeMap<&str, (i128, bool)> = executions["QueryExecutions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|execution| {
            let id = execution["QueryExecutionId"].as_str().unwrap();
            let at = &execution["Status"]["SubmissionDateTime"];
            let is_later = at.as_i64().is_some_and(|at| at >= THIRD_OF_NOVEMBER)
                || at.as_str().is_some_and(|at| at >= "2026-11-03");
            (id, (megabytes(execution), is_later))
        })
        .collect();
    let mut units: BTreeMap<String, ByHand> = BTreeMap::new();
    let truth = file("ground-truth.json");
    for chain in truth["chains"].as_array().unwrap() {
        let account = chain["consumer_account_id"].as_str().unwrap_or_default();
        for id in chain["query_execution_ids"].as_array().unwrap() {
            let id = id.as_str().unwrap();
            if id == "refused" {
                continue;
            }
            let by_hand = units.entry(unit(account)).or_default();
            by_hand.queries += 1;
            let Some((megabytes, is_later)) = executions.get(id) else {
                by_hand.without_statistics += 1;
                continue;
            };
            by_hand.megabytes += megabytes;
            let is_billed = !is_later && UNITS.iter().any(|(known, _)| *known == account);
            let units_of_cost = if is_billed { megabytes * 50_000 } else { 0 };
            if chain["path"] == "quick-role-chain" {
                by_hand.quick += units_of_cost;
            } else {
                by_hand.other += units_of_cost;
            }
        }
    }
    for result in file("costs.json")["ResultsByTime"].as_array().unwrap() {
        for group in result["Groups"].as_array().unwrap() {
            let account = group["Keys"][0].as_str().unwrap();
            let amount = &group["Metrics"]["UnblendedCost"]["Amount"];
            units.entry(unit(account)).or_default().billed += ten_places(amount);
        }
    }
    units
}

#[test]
fn the_sample_is_charged_as_arithmetic_by_hand_says() {
    // A query of the last minute's session is submitted on the day after.
    let table = json(Path::new(SAMPLE), &["--to", "2026-11-04"]);
    let by_hand = by_hand();
    let rows = table["rows"].as_array().unwrap();
    assert_eq!(rows.len(), by_hand.len());
    for row in rows {
        let name = row["group"]["business-unit"].as_str().unwrap();
        let wanted = &by_hand[name];
        assert_eq!(row["query_count"], wanted.queries, "{name}");
        assert_eq!(
            row["queries_without_statistics"], wanted.without_statistics,
            "{name}"
        );
        assert_eq!(
            i128::from(row["bytes_billed"].as_u64().unwrap()),
            wanted.megabytes * 1_000_000,
            "{name}"
        );
        if wanted.billed == 0 {
            // Nothing bills the hub and the owner of the catalog.
            assert_eq!(row["billed_cost_usd"], Value::Null, "{name}");
            assert_eq!(row["queries_without_bill"], wanted.queries, "{name}");
            continue;
        }
        assert_eq!(ten_places(&row["billed_cost_usd"]), wanted.billed, "{name}");
        assert_eq!(ten_places(&row["quick_cost_usd"]), wanted.quick, "{name}");
        assert_eq!(ten_places(&row["other_cost_usd"]), wanted.other, "{name}");
        let rest = wanted.billed - wanted.quick - wanted.other;
        assert_eq!(ten_places(&row["unallocated_cost_usd"]), rest, "{name}");
        assert!(rest > 0, "{name}: queries without statistics leave a rest");
    }
    assert!(by_hand.values().any(|unit| unit.other > 0));
}

#[test]
fn the_golden_table_is_current() {
    let sample = Path::new(SAMPLE);
    let by = ["--by", "business-unit,consumer,work-group"];
    for (name, more) in [
        ("chargeback.txt", &[][..]),
        ("chargeback-detail.txt", &by[..]),
        ("chargeback.csv", &["--format", "csv"]),
        ("chargeback-focus.csv", &["--format", "focus"]),
    ] {
        let written = text(sample, more);
        let path = Path::new(GOLDEN).join(name);
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            fs::create_dir_all(GOLDEN).unwrap();
            fs::write(&path, &written).unwrap();
        }
        let golden = fs::read_to_string(&path).unwrap_or_default();
        assert!(golden == written, "{name} is not what the program writes");
    }
}

#[test]
fn the_readme_shows_the_golden_table() {
    let golden = fs::read_to_string(Path::new(GOLDEN).join("chargeback.txt")).unwrap();
    let table = golden.split("\n\n").nth(1).unwrap();
    assert!(
        fs::read_to_string("README.md").unwrap().contains(table),
        "{table}"
    );
}

#[test]
fn every_grouping_adds_up_to_the_same_bill() {
    let folder = Path::new(SAMPLE);
    let total = json(folder, &[])["total"].clone();
    for by in [
        "consumer",
        "work-group",
        "data-source",
        "user",
        "day",
        "day,user,data-source",
    ] {
        let table = json(folder, &["--by", by]);
        assert_eq!(table["total"], total, "{by}");
        for member in ["billed_cost_usd", "quick_cost_usd", "unallocated_cost_usd"] {
            let rows = table["rows"].as_array().unwrap().iter();
            let sum: i128 = rows
                .filter(|row| !row[member].is_null())
                .map(|row| ten_places(&row[member]))
                .sum();
            assert_eq!(sum, ten_places(&total[member]), "{by} {member}");
        }
        let first = table["rows"][0]["group"].as_object().unwrap();
        let names: Vec<&str> = first.keys().map(String::as_str).collect();
        assert_eq!(names.join(","), by);
    }
}

#[test]
fn the_same_inputs_give_the_same_bytes_in_every_format() {
    let folder = Path::new(SAMPLE);
    for format in ["table", "json", "jsonl", "csv", "parquet", "xlsx", "focus"] {
        let more = ["--by", "consumer,user", "--format", format];
        let once = bytes(folder, &[&more[..], &["--threads", "1"]].concat());
        let twice = bytes(folder, &[&more[..], &["--threads", "3"]].concat());
        assert!(once == twice, "{format}");
        assert!(!once.is_empty(), "{format}");
    }
}

fn part(workbook: &[u8], name: &str) -> String {
    let mut archive = zip::ZipArchive::new(Cursor::new(workbook)).unwrap();
    let mut text = String::new();
    archive
        .by_name(name)
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    text
}

#[test]
fn the_workbook_has_a_frozen_header_formats_and_a_reconciliation() {
    let workbook = bytes(Path::new(SAMPLE), &["--format", "xlsx"]);
    let sheets = part(&workbook, "xl/workbook.xml");
    for name in ["chargeback", "reconciliation", "other services"] {
        assert!(sheets.contains(&format!("name=\"{name}\"")), "{sheets}");
    }
    let sheet = part(&workbook, "xl/worksheets/sheet1.xml");
    assert!(sheet.contains("ySplit=\"1\"") && sheet.contains("state=\"frozen\""));
    assert!(part(&workbook, "xl/styles.xml").contains("#,##0.00"));
    let texts = part(&workbook, "xl/sharedStrings.xml");
    assert!(texts.contains("Retail Banking") && texts.contains("bill minus that estimate (USD)"));
    assert!(!sheet.contains("<f>"), "no cell is a formula");
}

#[test]
fn what_focus_writes_is_a_bill_that_focus_reads() {
    let folder = Path::new(SAMPLE);
    let rows = text(folder, &["--format", "focus"]);
    let work = tempfile::tempdir().unwrap();
    let path = work.path().join("focus.csv");
    fs::write(&path, &rows).unwrap();
    let again = json(folder, &["--costs", path.to_str().unwrap()]);
    let first = json(folder, &[]);
    assert_eq!(
        again["total"]["billed_cost_usd"],
        first["total"]["billed_cost_usd"]
    );
    assert_eq!(again["bill"]["kinds"][0], "FOCUS");
    let header = rows.lines().next().unwrap();
    for column in [
        "BilledCost",
        "ChargePeriodStart",
        "SubAccountId",
        "ServiceName",
        "Tags",
        "x_BusinessUnit",
    ] {
        assert!(header.split(',').any(|name| name == column), "{column}");
    }
}

/// The organization with its configuration cut down to what logs need.
fn bare() -> TempDir {
    let folder = organization();
    fs::remove_file(folder.path().join("qs-audit.toml")).unwrap();
    folder
}

#[test]
fn without_a_bill_there_are_estimates_and_without_statistics_counts() {
    let folder = bare();
    let table = json(folder.path(), &["--logs", "AWSLogs"]);
    let total = &table["total"];
    assert_eq!(total["billed_cost_usd"], Value::Null);
    assert_eq!(total["estimated_cost_usd"], Value::Null);
    assert_eq!(total["bytes_scanned"], Value::Null);
    assert_eq!(total["queries_without_statistics"], total["query_count"]);
    assert_eq!(table["bill"], Value::Null);
    let with = ["--logs", "AWSLogs", "--executions", "executions.json"];
    let total = json(folder.path(), &with)["total"].clone();
    assert!(total["bytes_scanned"].as_u64().unwrap() > 0);
    assert_eq!(total["billed_cost_usd"], Value::Null);
    let told = text(folder.path(), &with);
    assert!(told.contains("No billing data was read"), "{told}");
}

#[test]
fn business_units_come_from_files_too_and_unmapped_never_vanishes() {
    let folder = bare();
    let csv = "account_id,business_unit,cost_center\n444455556666,=cmd|' /C calc'!A0,CC-1\n";
    fs::write(folder.path().join("units.csv"), csv).unwrap();
    let inputs = [
        "--logs",
        "AWSLogs",
        "--costs",
        "costs.json",
        "--business-units",
        "units.csv",
    ];
    let rows = text(folder.path(), &[&inputs[..], &["--format", "csv"]].concat());
    assert!(rows.contains("'=cmd|"), "{rows}");
    assert!(rows.contains("(unmapped),"), "{rows}");
    let workbook = bytes(
        folder.path(),
        &[&inputs[..], &["--format", "xlsx"]].concat(),
    );
    assert!(part(&workbook, "xl/sharedStrings.xml").contains("=cmd|"));
    assert!(!part(&workbook, "xl/worksheets/sheet1.xml").contains("<f>"));
}

#[test]
fn a_month_is_a_window_and_a_monthly_bill_needs_one() {
    let folder = bare();
    let monthly = r#"{"GroupDefinitions":[{"Type":"DIMENSION","Key":"LINKED_ACCOUNT"},{"Type":"DIMENSION","Key":"USAGE_TYPE"}],
        "ResultsByTime":[{"TimePeriod":{"Start":"2026-11-01","End":"2026-12-01"},"Groups":[{"Keys":["444455556666","USE1-DataScannedInTB"],
        "Metrics":{"UnblendedCost":{"Amount":"100.0000000000","Unit":"USD"},"UsageQuantity":{"Amount":"20","Unit":"Terabytes"}}}],"Estimated":true}]}"#;
    fs::write(folder.path().join("month.json"), monthly).unwrap();
    let inputs = [
        "--logs",
        "AWSLogs",
        "--executions",
        "executions.json",
        "--costs",
        "month.json",
        "--format",
        "json",
    ];
    let part = json(folder.path(), &inputs[..6]);
    assert_eq!(part["bill"]["uncounted"]["across_window"], 1);
    assert_eq!(part["total"]["billed_cost"], Value::Null);
    let mut command = program();
    command
        .current_dir(folder.path())
        .args(["chargeback", "--month", "2026-11"])
        .args(inputs);
    let output = command.output().unwrap();
    let whole: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        ten_places(&whole["total"]["billed_cost_usd"]),
        1_000_000_000_000
    );
    assert_eq!(whole["total"]["estimated_days"], 30);
}

#[test]
fn wrong_inputs_are_told_before_any_log_is_read() {
    let folder = organization();
    for (more, wanted) in [
        (
            &["--costs", "executions.json"][..],
            "JSON without ResultsByTime",
        ),
        (
            &["--costs", "nowhere.json"],
            "--costs nowhere.json: No such file",
        ),
        (
            &["--costs", "costs.json", "--metric", "net-amortized"],
            "it has UnblendedCost",
        ),
        (&["--executions", "nowhere"], "--executions nowhere"),
        (
            &["--business-units", "costs.json"],
            "expected CSV with the columns account_id",
        ),
        (&["--format", "yaml"], "possible values"),
    ] {
        let output = chargeback(folder.path(), more).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains(wanted), "{errors}");
    }
    let output = program()
        .args(["chains", "--format", "focus"])
        .output()
        .unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("possible values: table, json"), "{errors}");
}

#[test]
fn rejected_statistics_are_told_and_fail_a_strict_run() {
    let folder = organization();
    let path = folder.path().join("executions.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"SUCCEEDED\"", "\"DONE\"", 1)).unwrap();
    let output = chargeback(folder.path(), &["--strict"]).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(4), "{errors}");
    assert!(errors.contains("not read: 1 bad-member at"), "{errors}");
    assert!(errors.contains("executions.json record"), "{errors}");
}

#[test]
fn what_is_not_known_is_shown_for_what_it_is() {
    let sample = Path::new(SAMPLE);
    let output = chargeback(sample, &[]).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(
        errors.contains("statistics for 81 of 90 queries"),
        "{errors}"
    );
    assert!(errors.contains("unmapped: 111122223333"), "{errors}");
    let work = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(sample.join("costs.json")).unwrap();
    let strange = text
        .replacen("555566667777", "999900001111", 1)
        .replace("\"Estimated\": false", "\"Estimated\": true");
    let path = work.path().join("costs.json");
    fs::write(&path, strange).unwrap();
    let table = json(sample, &["--costs", path.to_str().unwrap()]);
    let reasons = table["reconciliation"][0]["reasons"].as_array().unwrap();
    let codes: Vec<&str> = reasons
        .iter()
        .filter_map(|reason| reason["code"].as_str())
        .collect();
    for code in [
        "queries-not-billed",
        "queries-without-statistics",
        "queries-on-reserved-capacity",
        "queries-without-bill",
        "accounts-without-queries",
        "bill-without-queries",
        "estimated-days",
    ] {
        assert!(codes.contains(&code), "{code} is not among {codes:?}");
    }
}

#[test]
fn terabytes_are_counted_as_asked() {
    let sample = Path::new(SAMPLE);
    let [decimal, binary] = ["decimal", "binary"].map(|base| json(sample, &["--tb", base]));
    assert_eq!(binary["terabyte"], "binary");
    assert_eq!(
        decimal["total"]["bytes_scanned"],
        binary["total"]["bytes_scanned"]
    );
    let estimate = |table: &Value| ten_places(&table["total"]["estimated_cost_usd"]);
    assert!(estimate(&binary) < estimate(&decimal));
}

/// A user agent as the program's own requests have it.
const OWN_AGENT: &str =
    "aws-sdk-rust/1.3.9 ua/2.1 api/athena/0.1.0 os/linux lang/rust/1.91.0 app/qs-audit";

/// 30 queries of an auditor in a consumer, as the program starts them.
fn own_queries() -> String {
    let record = |number: u32| {
        document!({
            "eventVersion": "1.11",
            "userIdentity": {"type": "IAMUser", "principalId": "AIDAAUDITOR", "userName": "auditor",
                "arn": "arn:aws:iam::444455556666:user/auditor", "accountId": "444455556666"},
            "eventTime": format!("2026-11-02T03:00:{number:02}Z"),
            "eventSource": "athena.amazonaws.com",
            "eventName": "StartQueryExecution",
            "awsRegion": "us-east-1",
            "sourceIPAddress": "203.0.113.9",
            "userAgent": OWN_AGENT,
            "requestParameters": {"queryString": "***OMITTED***", "workGroup": "audit"},
            "responseElements": {"queryExecutionId": format!("0aaaaaaa-0000-4000-8000-{number:012}")},
            "eventID": format!("0aaaaaaa-0000-4000-9000-{number:012}"),
            "recipientAccountId": "444455556666",
        })
    };
    document!({"Records": (0..30).map(record).collect::<Vec<_>>()}).to_string()
}

#[test]
fn the_programs_own_queries_are_a_line_of_their_own_and_raise_no_alarm() {
    let organization = organization();
    let folder = organization.path();
    let findings = || {
        let mut command = program();
        command.current_dir(folder).env("COLUMNS", "120");
        command.args([
            "findings",
            "--format",
            "json",
            "--from",
            "2026-11-01",
            "--to",
            "2026-11-03",
        ]);
        let output = command.output().unwrap();
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        told["findings"].clone()
    };
    let of = |told: &Value, group: &str| {
        let rows = told["rows"].as_array().unwrap().iter();
        let mut rows = rows.filter(|row| {
            let mut values = row["group"].as_object().unwrap().values();
            values.any(|value| value == group)
        });
        rows.next().map(|row| row["query_count"].as_u64().unwrap())
    };
    let (before, alarms) = (json(folder, &["--by", "consumer"]), findings());
    fs::write(folder.join("AWSLogs/own.json"), own_queries()).unwrap();
    let after = json(folder, &["--by", "consumer"]);
    assert_eq!(of(&before, "(qs-audit)"), None);
    assert_eq!(of(&after, "(qs-audit)"), Some(30));
    assert_eq!(of(&before, "444455556666"), of(&after, "444455556666"));
    for by in ["business-unit", "work-group", "user", "origin", "table"] {
        assert_eq!(
            of(&json(folder, &["--by", by]), "(qs-audit)"),
            Some(30),
            "{by}"
        );
    }
    assert_eq!(
        before["totals"][0]["billed_cost"],
        after["totals"][0]["billed_cost"]
    );
    assert_eq!(alarms, findings());
}
