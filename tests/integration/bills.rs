//! Bills as people have them: the same use in every form that it is delivered in, and what tools
//! make of it.

use crate::cli::{output, program};
use crate::small_logs::{CONSUMER, usual};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use qs_audit::cli::Exit;
use qs_audit::columnar::{Codec, write as write_parquet};
use qs_audit::model::table::{Table, Values};
use qs_audit::model::text::Text;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use tempfile::TempDir;

/// A line of a bill, before it has a form.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    account: String,
    day: u32,
    hour: u32,
    product: &'static str,
    usage_type: &'static str,
    charge_type: &'static str,
    work_group: &'static str,
    /// Terabytes.
    amount: String,
    cost: String,
    currency: &'static str,
}

/// What Quick scanned: half a terabyte.
fn quick() -> Line {
    Line {
        account: CONSUMER.to_owned(),
        day: 1,
        hour: 10,
        product: "AmazonAthena",
        usage_type: "USE1-DataScannedInTB",
        charge_type: "Usage",
        work_group: "quick-retail",
        amount: "0.5".to_owned(),
        cost: "2.5".to_owned(),
        currency: "USD",
    }
}

/// What someone else scanned: 0.3 terabytes.
fn other() -> Line {
    Line {
        work_group: "primary",
        amount: "0.3".to_owned(),
        cost: "1.5".to_owned(),
        ..quick()
    }
}

/// The columns of a report, as 2.0 calls them, and their values.
fn columns(line: &Line) -> [(&'static str, String); 18] {
    let at = |hour: u32| format!("2026-07-{:02}T{hour:02}:00:00Z", line.day);
    let (start, end) = (at(line.hour), at(line.hour + 1));
    let resource = format!(
        "arn:aws:athena:us-east-1:{:0>12}:workgroup/{}",
        line.account, line.work_group
    );
    let resource = if line.product == "AmazonAthena" && !line.work_group.is_empty() {
        resource
    } else {
        String::new()
    };
    [
        ("identity_line_item_id", "the same everywhere".to_owned()),
        ("identity_time_interval", format!("{start}/{end}")),
        ("bill_invoice_id", "2034567890".to_owned()),
        ("bill_payer_account_id", "999988887777".to_owned()),
        ("line_item_usage_account_id", line.account.clone()),
        ("line_item_line_item_type", line.charge_type.to_owned()),
        ("line_item_usage_start_date", start),
        ("line_item_usage_end_date", end),
        ("line_item_product_code", line.product.to_owned()),
        ("line_item_usage_type", line.usage_type.to_owned()),
        ("line_item_resource_id", resource),
        ("line_item_usage_amount", line.amount.clone()),
        ("line_item_currency_code", line.currency.to_owned()),
        ("line_item_unblended_cost", line.cost.clone()),
        ("line_item_blended_cost", line.cost.clone()),
        ("product_region_code", String::new()),
        (
            "line_item_line_item_description",
            "$5.00 per Terabyte, scanned".to_owned(),
        ),
        ("resource_tags", String::new()),
    ]
}

/// `line_item_usage_account_id` as `lineItem/UsageAccountId`.
fn legacy(name: &str) -> String {
    let groups = ["identity", "bill", "line_item", "product", "resource"];
    let group = groups
        .iter()
        .find(|group| name.starts_with(&format!("{group}_")));
    let (group, rest) = name.split_at(group.unwrap().len());
    let camel = |text: &str| -> String {
        let parts = text.split('_').filter(|part| !part.is_empty());
        let parts = parts.map(|part| part[..1].to_uppercase() + &part[1..]);
        parts.collect()
    };
    let group = camel(group);
    format!(
        "{}{}/{}",
        group[..1].to_lowercase(),
        &group[1..],
        camel(rest)
    )
}

/// `line_item_usage_account_id` as `lineitem_usageaccountid`.
fn redshift(name: &str) -> String {
    legacy(name).to_lowercase().replace('/', "_")
}

fn cell(text: &str, separator: char) -> String {
    if text.contains([separator, '"']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

fn csv(lines: &[Line], separator: char, name: impl Fn(&str) -> String) -> String {
    let mut text = String::new();
    let mut put = |cells: Vec<String>| {
        let cells = cells.iter().map(|text| cell(text, separator));
        let cells: Vec<String> = cells.collect();
        let _ = writeln!(text, "{}", cells.join(&separator.to_string()));
    };
    put(columns(&quick()).iter().map(|(own, _)| name(own)).collect());
    for line in lines {
        put(columns(line).into_iter().map(|(_, value)| value).collect());
    }
    text
}

fn cur(lines: &[Line]) -> String {
    csv(lines, ',', legacy)
}

fn cur_2(lines: &[Line]) -> String {
    csv(lines, ',', str::to_owned)
}

fn focus(lines: &[Line]) -> String {
    let mut text = "BilledCost,EffectiveCost,BillingCurrency,BillingAccountId,ChargeCategory,ChargePeriodStart,\
                    ChargePeriodEnd,ServiceName,SubAccountId,ResourceId,ConsumedQuantity,ConsumedUnit,\
                    x_UsageType\n"
        .to_owned();
    for line in lines {
        let told = columns(line);
        let value = |name: &str| &told.iter().find(|(own, _)| *own == name).unwrap().1;
        let service = match line.product {
            "AmazonAthena" => "Amazon Athena",
            other => other,
        };
        let _ = writeln!(
            text,
            "{0},{0},{1},999988887777,Usage,{2},{3},{service},{4},{5},{6},Terabytes,{7}",
            line.cost,
            line.currency,
            value("line_item_usage_start_date"),
            value("line_item_usage_end_date"),
            line.account,
            value("line_item_resource_id"),
            line.amount,
            line.usage_type,
        );
    }
    text
}

/// Cost Explorer by usage type, each group with its sums.
fn cost_explorer(lines: &[Line]) -> String {
    let results: Vec<Value> = lines
        .iter()
        .map(|line| {
            let day = |day: u32| format!("2026-07-{day:02}");
            json!({
                "TimePeriod": {"Start": day(line.day), "End": day(line.day + 1)},
                "Groups": [{
                    "Keys": [line.account, line.usage_type],
                    "Metrics": {
                        "UnblendedCost": {"Amount": line.cost, "Unit": line.currency},
                        "UsageQuantity": {"Amount": line.amount, "Unit": "Terabytes"},
                    },
                }],
                "Estimated": false,
            })
        })
        .collect();
    answer("USAGE_TYPE", &results)
}

fn answer(key: &str, results: &[Value]) -> String {
    json!({
        "GroupDefinitions": [
            {"Type": "DIMENSION", "Key": "LINKED_ACCOUNT"},
            {"Type": "DIMENSION", "Key": key},
        ],
        "ResultsByTime": results,
    })
    .to_string()
}

fn parquet(lines: &[Line]) -> Vec<u8> {
    let rows: Vec<_> = lines.iter().map(columns).collect();
    let mut table = Table::new("cur");
    for (at, (name, _)) in columns(&quick()).iter().enumerate() {
        let values = rows.iter().map(|row| Some(Text::from(row[at].1.as_str())));
        table = table.with(name, Values::Text(values.collect()));
    }
    let mut bytes = Vec::new();
    write_parquet(&table, Codec::Zstandard, &mut bytes).unwrap();
    bytes
}

pub(crate) fn gz(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        let options = zip::write::SimpleFileOptions::default();
        archive.start_file(*name, options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn utf_16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

/// A query execution of the statistics.
fn execution(id: &str, bytes: u64, kind: (&str, Option<&str>)) -> Value {
    json!({
        "QueryExecutionId": id,
        "StatementType": kind.0,
        "SubstatementType": kind.1,
        "Status": {
            "State": "SUCCEEDED",
            "SubmissionDateTime": "2026-07-01T10:00:09+00:00",
            "CompletionDateTime": "2026-07-01T10:00:19+00:00",
        },
        "Statistics": {"DataScannedInBytes": bytes},
    })
}

const SELECT: (&str, Option<&str>) = ("DML", Some("SELECT"));

/// Logs of one query of Quick (`q1`) and of one of someone else (`q2`), and their statistics.
fn logs(folder: &Path, region: &str, executions: &[Value]) {
    let mut log = usual();
    let last = log.0.len() - 1;
    log.0[last]["requestParameters"] = json!({"workGroup": "quick-retail"});
    let user = json!({
        "type": "IAMUser", "userName": "ann", "accountId": CONSUMER,
        "arn": format!("arn:aws:iam::{CONSUMER}:user/ann"), "principalId": "AIDA", "accessKeyId": "AKIA",
    });
    log.put(
        10,
        CONSUMER,
        ("athena", "StartQueryExecution"),
        user,
        json!({
            "requestParameters": {"workGroup": "primary"},
            "responseElements": {"queryExecutionId": "q2"},
        }),
    );
    for record in &mut log.0 {
        record["awsRegion"] = json!(region);
    }
    fs::create_dir_all(folder.join("in")).unwrap();
    let body = json!({"Records": log.0}).to_string();
    fs::write(folder.join("in/a.json"), body).unwrap();
    let body = json!({"QueryExecutions": executions}).to_string();
    fs::write(folder.join("executions.json"), body).unwrap();
}

fn usual_executions() -> [Value; 2] {
    [
        execution("q1", 500_000_000_000, SELECT),
        execution("q2", 300_000_000_000, SELECT),
    ]
}

fn folder_with(files: &[(&str, Vec<u8>)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    logs(folder.path(), "us-east-1", &usual_executions());
    for (name, bytes) in files {
        let path = folder.path().join("bill").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

/// `chargeback` of the month and its statistics.
fn chargeback(folder: &Path) -> assert_cmd::Command {
    let mut command = program();
    command.current_dir(folder).args([
        "chargeback",
        "--month",
        "2026-07",
        "--logs",
        "in",
        "--executions",
        "executions.json",
    ]);
    command
}

/// The document of `chargeback`, and what was said.
fn run(folder: &Path, more: &[&str], exit: Exit) -> (Value, String) {
    let mut command = chargeback(folder);
    command.args(["--by", "consumer", "--format", "json"]);
    let (out, said) = output(command.args(more), exit);
    (serde_json::from_str(&out).unwrap_or_default(), said)
}

/// `billed = quick + other + unallocated`, without zeros at their ends.
fn split(document: &Value) -> String {
    let amount = |key: &str| {
        let text = document["total"][key].as_str().unwrap_or("none");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        text.to_owned()
    };
    format!(
        "{} = {} + {} + {}",
        amount("billed_cost"),
        amount("quick_cost"),
        amount("other_cost"),
        amount("unallocated_cost")
    )
}

const USUAL: &str = "4 = 2.5 + 1.5 + 0";

/// The split of a bill of these files, and what was said.
fn charged(files: &[(&str, Vec<u8>)], more: &[&str], exit: Exit) -> (String, String) {
    let folder = folder_with(files);
    let more = [&["--costs", "bill"], more].concat();
    let (document, said) = run(folder.path(), &more, exit);
    (split(&document), said)
}

/// The split of one bill, where nothing is wrong with it.
fn charged_strictly(name: &str, bytes: Vec<u8>) -> String {
    charged(&[(name, bytes)], &["--strict"], Exit::Clean).0
}

fn both() -> [Line; 2] {
    [quick(), other()]
}

#[test]
fn a_report_is_read_in_every_form_that_it_is_delivered_or_saved_in() {
    let lines = both();
    let spoiled_by_excel = cur(&lines)
        .replace(',', ";")
        .replace("Terabyte;", "Terabyte,");
    for (name, bytes) in [
        ("legacy.csv", cur(&lines).into_bytes()),
        ("2.0.csv", cur_2(&lines).into_bytes()),
        ("redshift.csv", csv(&lines, ',', redshift).into_bytes()),
        ("tabs.tsv", csv(&lines, '\t', legacy).into_bytes()),
        ("semicolons.csv", csv(&lines, ';', legacy).into_bytes()),
        ("bars.csv", csv(&lines, '|', legacy).into_bytes()),
        ("a.csv.gz", gz(cur(&lines).as_bytes())),
        ("a.zip", zip(&[("report-1.csv", cur(&lines).as_bytes())])),
        (
            "with-more.zip",
            zip(&[
                ("report-Manifest.json", &manifest("aa", &["x/report-1.csv"])),
                ("report-1.csv", cur(&lines).as_bytes()),
            ]),
        ),
        (
            "a-gz.zip",
            zip(&[("r/report-1.csv.gz", &gz(cur(&lines).as_bytes()))]),
        ),
        ("a.parquet", parquet(&lines)),
        ("a.parquet.gz", gz(&parquet(&lines))),
        ("utf-16.csv", utf_16(&cur(&lines))),
        ("utf-16.csv.gz", gz(&utf_16(&cur(&lines)))),
        ("focus.csv", focus(&lines).into_bytes()),
        (
            "lower-case.csv",
            cur(&lines).replace("USD", "usd").into_bytes(),
        ),
        ("spoiled.csv", spoiled_by_excel.into_bytes()),
    ] {
        assert_eq!(charged_strictly(name, bytes), USUAL, "{name}");
    }
    let answer = cost_explorer(&[Line {
        amount: "0.8".to_owned(),
        cost: "4".to_owned(),
        ..quick()
    }]);
    for (name, bytes) in [
        ("costs.json", answer.clone().into_bytes()),
        ("utf-16.json", utf_16(&answer)),
    ] {
        assert_eq!(charged_strictly(name, bytes), USUAL, "{name}");
    }
}

#[test]
fn a_bill_at_list_price_is_the_same_and_not_higher_by_nothing() {
    let folder = folder_with(&[("cur.csv", cur(&both()).into_bytes())]);
    let mut command = chargeback(folder.path());
    command.args(["--costs", "bill"]);
    let (text, _) = output(&mut command, Exit::Clean);
    assert!(
        text.contains("it covers: 4.0000; the bill is the same"),
        "{text}"
    );
}

#[test]
fn statistics_may_be_utf_16_too() {
    let folder = folder_with(&[("cur.csv", cur(&both()).into_bytes())]);
    let path = folder.path().join("executions.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, utf_16(&text)).unwrap();
    let (document, _) = run(folder.path(), &["--costs", "bill", "--strict"], Exit::Clean);
    assert_eq!(split(&document), USUAL);
}

#[test]
fn what_is_billed_is_the_scan_and_not_the_type_of_statement() {
    let explain = ("DML", Some("EXPLAIN"));
    let ctas = ("DDL", Some("CREATE_TABLE_AS_SELECT"));
    for (executions, lines, wanted) in [
        (
            [
                execution("q1", 500_000_000_000, ctas),
                execution("q2", 300_000_000_000, SELECT),
            ],
            both().to_vec(),
            USUAL,
        ),
        // What scanned nothing takes no share of what someone else scanned.
        (
            [
                execution("q1", 0, explain),
                execution("q2", 300_000_000_000, SELECT),
            ],
            vec![Line {
                work_group: "",
                ..other()
            }],
            "1.5 = 0 + 1.5 + 0",
        ),
        (
            [
                execution("q1", 500_000_000_000, ("UTILITY", None)),
                execution("q2", 300_000_000_000, ("NEW", None)),
            ],
            both().to_vec(),
            USUAL,
        ),
    ] {
        let folder = folder_with(&[("cur.csv", cur(&lines).into_bytes())]);
        logs(folder.path(), "us-east-1", &executions);
        let (document, _) = run(folder.path(), &["--costs", "bill"], Exit::Clean);
        assert_eq!(split(&document), wanted);
    }
}

#[test]
fn the_floor_of_dml_that_scanned_nothing_can_be_left_out() {
    let folder = folder_with(&[("cur.csv", cur(&both()).into_bytes())]);
    let nothing = [
        execution("q1", 0, SELECT),
        execution("q2", 0, ("DML", None)),
    ];
    logs(folder.path(), "us-east-1", &nothing);
    let billed = |more: &[&str]| {
        let (document, _) = run(
            folder.path(),
            &[&["--costs", "bill"], more].concat(),
            Exit::Clean,
        );
        let reasons = document["reconciliation"][0]["reasons"]
            .as_array()
            .unwrap()
            .clone();
        let unknown = reasons
            .iter()
            .find(|reason| reason["code"] == "queries-of-unknown-statement");
        (
            document["total"]["bytes_billed"].as_u64().unwrap(),
            unknown.map(|reason| reason["count"].clone()),
        )
    };
    assert_eq!(billed(&[]), (20_000_000, Some(json!(1))));
    let config = "[pricing]\nfloor_for_unscanned_dml = false\n";
    fs::write(folder.path().join("own.toml"), config).unwrap();
    assert_eq!(billed(&["-c", "own.toml"]), (0, None));
}

#[test]
fn lines_and_parts_that_are_alike_all_count_and_the_same_file_once() {
    let one = cur(&[Line {
        amount: "0.01".to_owned(),
        cost: "0.05".to_owned(),
        ..quick()
    }]);
    let other_operation = one.replace("$5.00 per", "$5 per");
    let files = [
        ("cur-1.csv", one.clone().into_bytes()),
        ("cur-2.csv", other_operation.into_bytes()),
        ("cur-3.csv", one.replace("scanned", "Scanned").into_bytes()),
        ("again.csv.gz", gz(one.as_bytes())),
    ];
    let (split, said) = charged(&files, &["--strict"], Exit::Clean);
    assert_eq!(split, "0.15 = 0.15 + 0 + 0");
    assert!(said.contains("the same file was named twice"), "{said}");
    assert!(!said.contains("different totals"), "{said}");
}

fn manifest(assembly: &str, keys: &[&str]) -> Vec<u8> {
    json!({
        "assemblyId": assembly,
        "reportName": "report",
        "billingPeriod": {"start": "20260701T000000.000Z", "end": "20260801T000000.000Z"},
        "reportKeys": keys,
    })
    .to_string()
    .into_bytes()
}

#[test]
fn a_folder_as_aws_delivers_it_is_a_bill() {
    let period = "report/20260701-20260801";
    let key = |assembly: &str, part: u32| format!("{period}/{assembly}/report-{part}.csv.gz");
    let [first, second] = both().map(|line| gz(cur(&[line]).as_bytes()));
    let stale = gz(cur(&[Line {
        cost: "3".to_owned(),
        ..quick()
    }])
    .as_bytes());
    let top = manifest("bb", &[&key("bb", 1), &key("bb", 2)]);
    let mut files = vec![
        ("_SUCCESS".to_owned(), Vec::new()),
        (
            format!("{period}/report-create-table.sql"),
            b"CREATE TABLE".to_vec(),
        ),
        (format!("{period}/report-Manifest.json"), top.clone()),
        (format!("{period}/bb/report-Manifest.json"), top),
        (key("bb", 1), first),
        (key("bb", 2), second),
        (key("aa", 1), stale),
        (
            format!("{period}/aa/report-Manifest.json"),
            manifest("aa", &[&key("aa", 1)]),
        ),
    ];
    let run = |files: &[(String, Vec<u8>)], exit: Exit| {
        let files: Vec<(&str, Vec<u8>)> = files
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.clone()))
            .collect();
        charged(&files, &["--strict"], exit)
    };
    let (split, said) = run(&files, Exit::Clean);
    assert_eq!(split, USUAL);
    assert!(said.contains("earlier assemblies"), "{said}");
    // Without the manifest of the older one.
    files.pop();
    assert_eq!(run(&files, Exit::Clean).0, USUAL);
    // A part that is named and not there.
    files.retain(|(name, _)| *name != key("bb", 2));
    let (split, said) = run(&files, Exit::Incomplete);
    assert_eq!(split, "2.5 = 2.5 + 0 + 0");
    assert!(said.contains("names 1 files that were not given"), "{said}");
}

#[test]
fn two_exports_of_a_month_are_one_bill() {
    let lines = both();
    let [first, second] = lines.clone().map(|line| cur_2(&[line]).into_bytes());
    let files = [
        ("legacy.csv", cur(&lines).into_bytes()),
        ("2.0-1.csv", first),
        ("2.0-2.csv", second),
        ("2.0.parquet", parquet(&lines)),
    ];
    let (split, said) = charged(&files, &["--strict"], Exit::Clean);
    assert_eq!(split, USUAL);
    assert!(said.contains("they are one bill, counted once"), "{said}");
    // Where they differ, the larger one counts, and it is said.
    let stale = cur(&[quick()]);
    let files = [
        ("legacy.csv", stale.into_bytes()),
        ("2.0.csv", cur_2(&lines).into_bytes()),
    ];
    let (split, said) = charged(&files, &["--strict"], Exit::Incomplete);
    assert_eq!(split, USUAL);
    assert!(said.contains("different totals"), "{said}");
    // Of different days, both count.
    let later = Line { day: 3, ..quick() };
    let files = [
        ("legacy.csv", cur(&[later]).into_bytes()),
        ("2.0.csv", cur_2(&lines).into_bytes()),
    ];
    let (split, _) = charged(&files, &["--strict"], Exit::Clean);
    assert_eq!(split, "6.5 = 2.5 + 1.5 + 2.5");
}

#[test]
fn what_was_used_late_may_be_in_the_folder_of_the_next_month() {
    let late = Line {
        cost: "0.05".to_owned(),
        amount: "0.01".to_owned(),
        ..quick()
    };
    let folders = ["r/20260701-20260801", "r/20260801-20260901"];
    let of = |folder: &str, start: &str| {
        let text = manifest("aa", &[&format!("{folder}/aa/r-1.csv")]);
        let text = String::from_utf8(text).unwrap();
        text.replace("20260701T", start).into_bytes()
    };
    let [july, august] = folders.map(|folder| format!("{folder}/aa/r-1.csv"));
    let tops = folders.map(|folder| format!("{folder}/r-Manifest.json"));
    let files = [
        (july.as_str(), cur(&both()).into_bytes()),
        (&august, cur(&[late]).into_bytes()),
        (&tops[0], of(folders[0], "20260701T")),
        (&tops[1], of(folders[1], "20260801T")),
    ];
    // With manifests, and without.
    for files in [&files[..], &files[..2]] {
        let (split, said) = charged(files, &["--strict"], Exit::Clean);
        assert_eq!(split, "4.05 = 2.5 + 1.5 + 0.05", "{said}");
    }
}

#[test]
fn parts_that_a_manifest_names_all_count_and_a_copy_of_one_does_not() {
    let half = cur(&[Line {
        cost: "1.25".to_owned(),
        amount: "0.25".to_owned(),
        ..quick()
    }]);
    let period = "r/20260701-20260801";
    let [first, second] = [1, 2].map(|part| format!("{period}/aa/r-{part}.csv"));
    let top = format!("{period}/r-Manifest.json");
    let files = [
        (first.as_str(), half.clone().into_bytes()),
        (&second, half.clone().into_bytes()),
        ("a-copy/first.csv", half.into_bytes()),
        (&top, manifest("aa", &[&first, &second])),
    ];
    let (split, said) = charged(&files, &["--strict"], Exit::Clean);
    assert_eq!(split, "2.5 = 2.5 + 0 + 0");
    assert!(said.contains("the same file was named twice"), "{said}");
}

#[test]
fn a_manifest_may_name_an_archive() {
    let period = "r/20260701-20260801";
    let [old, new] = ["aa", "bb"].map(|assembly| format!("{period}/{assembly}/r-1.csv.zip"));
    let top = format!("{period}/r-Manifest.json");
    let zipped = |cost: &str| {
        let line = Line {
            cost: cost.to_owned(),
            ..quick()
        };
        zip(&[("r-1.csv", cur(&[line]).as_bytes())])
    };
    let files = [
        (old.as_str(), zipped("2")),
        (&new, zipped("2.5")),
        (&top, manifest("bb", &[&new])),
    ];
    assert_eq!(
        charged(&files, &["--strict"], Exit::Clean).0,
        "2.5 = 2.5 + 0 + 0"
    );
}

#[test]
fn a_report_and_focus_data_are_one_bill() {
    let without_usage_type = focus(&both()).replace("x_UsageType", "x_Other");
    for focus in [focus(&both()), without_usage_type] {
        let files = [
            ("cur.csv", cur(&both()).into_bytes()),
            ("focus.csv", focus.into_bytes()),
        ];
        let (split, said) = charged(&files, &["--strict"], Exit::Clean);
        assert_eq!(split, USUAL);
        assert!(said.contains("they are one bill, counted once"), "{said}");
    }
    // A report that is not complete does not count because it is a report.
    let files = [
        ("cur.csv", cur(&[other()]).into_bytes()),
        ("focus.csv", focus(&both()).into_bytes()),
    ];
    let (split, said) = charged(&files, &["--strict"], Exit::Incomplete);
    assert_eq!(split, USUAL);
    assert!(said.contains("different totals"), "{said}");
    let files = [
        ("cur.csv", cur(&[other()]).into_bytes()),
        (
            "costs.json",
            cost_explorer(&[Line {
                amount: "0.8".to_owned(),
                cost: "4".to_owned(),
                ..quick()
            }])
            .into_bytes(),
        ),
    ];
    let (split, said) = charged(&files, &["--strict"], Exit::Clean);
    assert_eq!(split, "1.5 = 0 + 1.5 + 0");
    assert!(said.contains("Cost Explorer has more"), "{said}");
}

#[test]
fn a_folder_that_was_named_or_downloaded_twice_is_one_bill() {
    let period = "20260701-20260801";
    let of = |root: &str, lines: &[Line]| {
        let key = format!("r/{period}/aa/r-1.csv");
        [
            (
                format!("{root}/{period}/r-Manifest.json"),
                manifest("aa", &[&key]),
            ),
            (
                format!("{root}/{period}/aa/r-1.csv"),
                cur(lines).into_bytes(),
            ),
        ]
    };
    let run = |files: &[(String, Vec<u8>)], more: &[&str], exit: Exit| {
        let files = files
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.clone()));
        let files: Vec<(&str, Vec<u8>)> = files.collect();
        charged(&files, &[&["--strict"], more].concat(), exit)
    };
    let once = of("mon", &both());
    for more in [
        &["--costs", "bill"][..],
        &["--costs", "./bill/../bill"],
        &["--costs", "bill/mon"],
    ] {
        let (split, said) = run(&once, more, Exit::Clean);
        assert_eq!(split, USUAL);
        assert!(said.contains("named twice"), "{said}");
    }
    let again = [once.clone(), of("tue", &both())].concat();
    assert_eq!(run(&again, &[], Exit::Clean).0, USUAL);
    // The same assembly with other contents: one of them is damaged, or was overwritten.
    let stale = [once, of("tue", &[quick()])].concat();
    let (split, said) = run(&stale, &[], Exit::Incomplete);
    assert_eq!(split, USUAL);
    assert!(said.contains("different totals"), "{said}");
}

#[test]
fn an_archive_of_a_whole_folder_is_sorted_by_its_manifests() {
    let key = |assembly: &str| format!("r/20260701-20260801/{assembly}/r-1.csv");
    let (old, new) = (key("aa"), key("bb"));
    let top = manifest("bb", &[&new]);
    let zipped = zip(&[
        (&old, cur(&[quick()]).as_bytes()),
        (&new, cur(&both()).as_bytes()),
        ("r/20260701-20260801/r-Manifest.json", &top),
        ("__MACOSX/._r", b"\0\0\0\0"),
        ("r/.DS_Store", b"\0\0\0\x01Bud1"),
    ]);
    assert_eq!(charged_strictly("bill.zip", zipped), USUAL);
}

#[test]
fn parts_may_have_been_unpacked() {
    let half = cur(&[Line {
        cost: "1.25".to_owned(),
        amount: "0.25".to_owned(),
        ..quick()
    }]);
    let key = |part: u32| format!("r/20260701-20260801/aa/r-{part}.csv");
    let keys = [1, 2].map(|part| format!("{}.gz", key(part)));
    let (first, second) = (key(1), key(2));
    let files = [
        (first.as_str(), half.clone().into_bytes()),
        (&second, half.into_bytes()),
        (
            "r/20260701-20260801/r-Manifest.json",
            manifest("aa", &[&keys[0], &keys[1]]),
        ),
    ];
    let (split, _) = charged(&files, &["--strict"], Exit::Clean);
    assert_eq!(split, "2.5 = 2.5 + 0 + 0");
}

#[test]
fn days_of_two_exports_make_no_bill() {
    let on = |day: u32, cost: &str| Line {
        day,
        cost: cost.to_owned(),
        ..quick()
    };
    let files = [
        ("legacy.csv", cur(&[on(1, "4"), on(2, "1")]).into_bytes()),
        ("2.0.csv", cur_2(&[on(1, "3"), on(2, "2")]).into_bytes()),
    ];
    let (split, _) = charged(&files, &["--strict"], Exit::Clean);
    assert_eq!(split.split(' ').next(), Some("5"));
}

#[test]
fn a_currency_may_be_named_by_lines_that_do_not_count() {
    let tax = Line {
        charge_type: "Tax",
        currency: "EUR",
        ..other()
    };
    let blank = Line {
        currency: "",
        ..quick()
    };
    let folder = folder_with(&[("cur.csv", cur(&[blank, tax]).into_bytes())]);
    let (document, _) = run(folder.path(), &["--costs", "bill"], Exit::Clean);
    assert_eq!(document["reconciliation"][0]["currency"], "EUR");
}

#[test]
fn the_same_lines_in_two_folders_are_told() {
    let text = cur(&both());
    let files = [
        ("one/cur.csv", text.clone().into_bytes()),
        (
            "two/cur.csv",
            text.replace("scanned", "Scanned").into_bytes(),
        ),
    ];
    let (split, said) = charged(&files, &["--strict"], Exit::Incomplete);
    assert_eq!(split, "8 = 2.5 + 1.5 + 4");
    assert!(said.contains("have the same lines"), "{said}");
    let files = [
        ("mon/cur.csv", cur(&[quick()]).into_bytes()),
        ("tue/cur.csv", text.into_bytes()),
    ];
    let (_, said) = charged(&files, &["--strict"], Exit::Clean);
    assert!(said.contains("added as parts of one bill"), "{said}");
}

#[test]
fn a_folder_of_other_billing_periods_alone_is_told() {
    let files = [("r/20260401-20260501/a/r-1.csv", cur(&both()).into_bytes())];
    let (_, said) = charged(&files, &[], Exit::Clean);
    assert!(said.contains("no bill of the window was read"), "{said}");
}

#[test]
fn a_row_that_is_too_long_costs_its_whole_file() {
    let mut long = cur(&both());
    let open = format!("\"{}\n", "x".repeat(2 << 20));
    long.push_str(&open);
    let files = [
        ("cur.csv", cur(&both()).into_bytes()),
        ("long.csv", long.into_bytes()),
    ];
    let (split, said) = charged(&files, &["--strict"], Exit::Incomplete);
    assert_eq!(split, USUAL);
    assert!(said.contains("a quote that does not close"), "{said}");
}

#[test]
fn an_amount_that_is_no_number_costs_its_bytes_only() {
    let text = cur(&both()).replace(",0.5,USD,2.5", ",half,USD,2.5");
    let (split, said) = charged(
        &[("cur.csv", text.into_bytes())],
        &["--strict"],
        Exit::Incomplete,
    );
    assert_eq!(split, USUAL);
    assert!(said.contains("line 2: the usage amount half"), "{said}");
}

#[test]
fn files_of_other_billing_periods_are_not_opened() {
    let files = [
        ("r/20260701-20260801/a/r-1.csv", cur(&both()).into_bytes()),
        ("r/20260401-20260501/a/r-1.csv", b"not a bill".to_vec()),
        (
            "data/BILLING_PERIOD=2026-10/r-1.csv",
            b"not a bill".to_vec(),
        ),
    ];
    assert_eq!(charged(&files, &["--strict"], Exit::Clean).0, USUAL);
}

#[test]
fn every_region_with_a_price_or_without_has_its_bill_split() {
    for (region, usage_type, currency) in [
        ("ca-west-1", "CAN2-DataScannedInTB", "USD"),
        ("mx-central-1", "MXC1-DataScannedInTB", "USD"),
        ("ap-southeast-7", "APS9-DataScannedInTB", "USD"),
        ("us-gov-west-1", "UGW1-DataScannedInTB", "USD"),
        ("cn-northwest-1", "CNW1-DataScannedInTB", "CNY"),
    ] {
        let line = Line {
            usage_type,
            currency,
            amount: "0.8".to_owned(),
            cost: "4".to_owned(),
            ..quick()
        };
        let folder = folder_with(&[("costs.json", cost_explorer(&[line]).into_bytes())]);
        logs(folder.path(), region, &usual_executions());
        let (document, _) = run(folder.path(), &["--costs", "bill", "--strict"], Exit::Clean);
        assert_eq!(split(&document), USUAL, "{region}");
        assert_eq!(
            document["total"]["estimated_cost_usd"],
            Value::Null,
            "{region}"
        );
        let codes = document["reconciliation"][0]["reasons"].to_string();
        assert!(codes.contains("queries-without-price"), "{codes}");
    }
}

#[test]
fn a_prefix_that_is_not_known_is_named() {
    for (name, bytes) in [
        (
            "costs.json",
            cost_explorer(&[Line {
                usage_type: "XYZ9-DataScannedInTB",
                ..quick()
            }])
            .into_bytes(),
        ),
        (
            "cur.csv",
            cur(&[Line {
                usage_type: "XYZ9-DataScannedInTB",
                ..quick()
            }])
            .replace(
                "arn:aws:athena:us-east-1:444455556666:workgroup/quick-retail",
                "",
            )
            .into_bytes(),
        ),
    ] {
        let (split, said) = charged(&[(name, bytes)], &["--strict"], Exit::Incomplete);
        assert_eq!(split, "2.5 = 0 + 0 + 2.5", "{name}");
        assert!(said.contains("the prefix \"XYZ9\""), "{said}");
    }
}

#[test]
fn account_ids_are_repaired_where_that_is_certain_and_rejected_elsewhere() {
    let of = |told: &str| {
        let text = cur(&both()).replace(",444455556666,Usage", &format!(",{told},Usage"));
        charged(
            &[("cur.csv", text.into_bytes())],
            &["--strict"],
            Exit::Clean,
        )
    };
    for told in [
        "'444455556666",
        "4444-5555-6666",
        "444455556666.0",
        "\"=\"\"444455556666\"\"\"",
    ] {
        let (split, said) = of(told);
        assert_eq!(split, USUAL, "{told}");
        assert_eq!(said.matches("read as their 12 digits").count(), 1, "{said}");
    }
    let zero = Line {
        account: "12345678901".to_owned(),
        ..quick()
    };
    let folder = folder_with(&[("cur.csv", cur(&[zero]).into_bytes())]);
    let (document, _) = run(folder.path(), &["--costs", "bill"], Exit::Clean);
    let row = &document["rows"].as_array().unwrap()[0];
    assert_eq!(row["group"]["consumer"], "012345678901");
    let text = cur(&both()).replace(",444455556666,Usage", ",4.44456E+11,Usage");
    let (split, said) = charged(
        &[("cur.csv", text.into_bytes())],
        &["--strict"],
        Exit::Incomplete,
    );
    assert_eq!(split, "none = none + none + none");
    assert!(said.contains("with the column as text"), "{said}");
}

#[test]
fn noise_of_doubles_is_rounded_away_and_told() {
    let noisy = |work_group, amount: &str, cost: &str, charge_type| Line {
        work_group,
        amount: amount.to_owned(),
        cost: cost.to_owned(),
        charge_type,
        ..quick()
    };
    let lines = [
        noisy("quick-retail", "0.5", "2.5000000000000004", "Usage"),
        noisy("primary", "0.3", "1.4999999999999998", "Usage"),
        noisy("primary", "0", "-1.7763568394002505e-12", "EdpDiscount"),
        noisy("primary", "0", "5e-324", "EdpDiscount"),
    ];
    let folder = folder_with(&[("cur.csv", cur(&lines).into_bytes())]);
    let (document, _) = run(folder.path(), &["--costs", "bill", "--strict"], Exit::Clean);
    assert_eq!(split(&document), USUAL);
    let reasons = document["reconciliation"][0]["reasons"].as_array().unwrap();
    let rounded = reasons
        .iter()
        .find(|reason| reason["code"] == "amounts-rounded")
        .unwrap();
    assert_eq!(rounded["count"], 2);
    assert_eq!(rounded["amount"], "-0.0000000000017761568394002505");
    // An amount that cannot be is a line that cannot be read, and costs no other.
    let lines = [quick(), other(), noisy("primary", "0", "1e15", "Usage")];
    let files = [("cur.csv", cur(&lines).into_bytes())];
    let (split, said) = charged(&files, &["--strict"], Exit::Incomplete);
    assert_eq!(split, USUAL);
    assert!(
        said.contains("line 4: the cost 1e15 is not a decimal"),
        "{said}"
    );
}

#[test]
fn small_faults_of_a_table_are_no_damage() {
    let text = cur(&both());
    let short = text.replacen("resource/Tags", "resource/Tags,costCategory/CostCenter", 1);
    let blank_blended = cur(&[
        quick(),
        other(),
        Line {
            charge_type: "EdpDiscount",
            cost: "-0.25".to_owned(),
            ..quick()
        },
    ]);
    let blank_blended = blank_blended.replace(",-0.25,-0.25,", ",-0.25,,");
    let lone_quote = text.replace("\"$5.00 per Terabyte, scanned\"", "5.5\" disk");
    for (text, more) in [
        (short, &[][..]),
        (lone_quote, &[]),
        (blank_blended, &["--metric", "blended"]),
    ] {
        let files = [("cur.csv", text.clone().into_bytes())];
        let more = [&["--strict"], more].concat();
        assert_eq!(charged(&files, &more, Exit::Clean).0, USUAL, "{text}");
    }
    // Where some lines give no currency, it is the one of the others.
    let files = [("cur.csv", text.replacen(",USD,", ",,", 1).into_bytes())];
    assert_eq!(charged(&files, &["--strict"], Exit::Clean).0, USUAL);
    let (_, said) = charged(
        &[("cur.csv", text.replace(",USD,", ",,").into_bytes())],
        &["--strict"],
        Exit::Clean,
    );
    assert!(said.contains("USD is assumed"), "{said}");
}

#[test]
fn months_without_an_end_are_months() {
    let text = cur_2(&both())
        .replace("line_item_usage_end_date", "no_end")
        .replace("identity_time_interval", "no_interval")
        .replace("2026-07-01T10:00:00Z", "2026-07-01T00:00:00Z");
    let (split, said) = charged(&[("cur.csv", text.clone().into_bytes())], &[], Exit::Clean);
    assert_eq!(split, USUAL);
    assert!(said.contains("are taken for whole months"), "{said}");
    // A line of another day shows that they are days.
    let later = text.replacen("2026-07-01T00:00:00Z", "2026-07-02T00:00:00Z", 2);
    let (split, said) = charged(&[("cur.csv", later.into_bytes())], &[], Exit::Clean);
    assert_eq!(split, "4 = 0 + 1.5 + 2.5");
    assert!(!said.contains("whole months"), "{said}");
}

#[test]
fn a_folder_that_cannot_be_read_is_not_no_bill() {
    let whole = gz(cur(&both()).as_bytes());
    let cut = whole[..whole.len() - 9].to_vec();
    let (split, said) = charged(
        &[("a.csv.gz", cut.clone())],
        &["--strict"],
        Exit::Incomplete,
    );
    assert_eq!(split, "none = none + none + none");
    assert!(
        said.contains("not read: bill/a.csv.gz: damaged gzip data"),
        "{said}"
    );
    let sheet = zip(&[
        ("xl/workbook.xml", b"<workbook/>"),
        ("[Content_Types].xml", b"<Types/>"),
    ]);
    let zstd = b"\x28\xb5\x2f\xfd....".to_vec();
    let files = [
        ("a.csv.gz", cut),
        ("b.xlsx", sheet),
        ("c.csv.zst", zstd),
        ("d.csv", cur(&both()).into_bytes()),
        ("e.txt", b"hello\n".to_vec()),
    ];
    let (split, said) = charged(&files, &["--strict"], Exit::Incomplete);
    assert_eq!(split, USUAL);
    for wanted in [
        "bill/a.csv.gz: damaged gzip data",
        "bill/b.xlsx: a spreadsheet: save the sheet as CSV",
        "bill/c.csv.zst: a file compressed with zstd: decompress it",
        "bill/e.txt: expected a Cost Explorer answer",
    ] {
        assert!(said.contains(wanted), "{said}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_costs_itself_only() {
    let folder = folder_with(&[("a.csv", cur(&both()).into_bytes())]);
    std::os::unix::fs::symlink("nowhere", folder.path().join("bill/b.csv")).unwrap();
    let (document, said) = run(folder.path(), &["--costs", "bill"], Exit::Clean);
    assert_eq!(split(&document), USUAL);
    assert!(said.contains("not read: bill/b.csv"), "{said}");
}

#[test]
fn capacity_and_requests_have_their_own_lines() {
    let of = |usage_type, cost: &str| Line {
        usage_type,
        cost: cost.to_owned(),
        ..quick()
    };
    let lines = [
        of("USE1-DataScannedInTB", "2.5"),
        of("USE1-ReservedCapacityInDPUHours", "7.2"),
        of("USE1-CodeExecutionInDPUHours", "3.5"),
        of("USE1-Requests-Tier1", "1"),
        of("US-Requests-Tier2-HTTPS", "9"),
    ];
    let folder = folder_with(&[("costs.json", cost_explorer(&lines).into_bytes())]);
    let (document, _) = run(folder.path(), &["--costs", "bill"], Exit::Clean);
    let services = document["other_services"].as_array().unwrap();
    let mut services: Vec<String> = services
        .iter()
        .map(|row| {
            format!(
                "{} {}",
                row["service"].as_str().unwrap(),
                row["cost"].as_str().unwrap()
            )
        })
        .collect();
    services.sort();
    assert_eq!(
        services,
        [
            "Amazon Athena (capacity and other) 10.7000000000",
            "Amazon CloudFront (requests) 9.0000000000",
            "Amazon S3 (requests) 1.0000000000",
        ]
    );
}

#[test]
fn figures_of_cost_explorer_that_may_be_net_are_told() {
    let net = cost_explorer(&[Line {
        cost: "0".to_owned(),
        amount: "0.8".to_owned(),
        ..quick()
    }]);
    let (split, said) = charged(
        &[("costs.json", net.clone().into_bytes())],
        &[],
        Exit::Clean,
    );
    assert_eq!(split, "0 = 0 + 0 + 0");
    assert!(said.contains("may be net of credits"), "{said}");
    assert!(said.contains("gives no cost for some terabytes"), "{said}");
    let rest = json!({
        "TimePeriod": {"Start": "2026-07-01", "End": "2026-07-02"},
        "Groups": [{
            "Keys": [CONSUMER, "Credit"],
            "Metrics": {"UnblendedCost": {"Amount": "-4", "Unit": "USD"}},
        }],
        "Estimated": false,
    });
    let files = [
        ("costs.json", net.into_bytes()),
        ("rest.json", answer("RECORD_TYPE", &[rest]).into_bytes()),
    ];
    let (_, said) = charged(&files, &[], Exit::Clean);
    assert!(!said.contains("may be net"), "{said}");
}

#[test]
fn the_reconciliation_says_which_terabyte_fits() {
    const GIB: u64 = 1 << 30;
    let executions = [
        execution("q1", 400 * GIB, SELECT),
        execution("q2", 300 * GIB, SELECT),
    ];
    let of = |amount: &str, cost: &str| {
        vec![Line {
            amount: amount.to_owned(),
            cost: cost.to_owned(),
            work_group: "",
            ..quick()
        }]
    };
    // 760 GiB as binary terabytes; 751.62 GB as decimal ones.
    for (lines, base, wanted) in [
        (
            of("0.7421875", "3.7109375"),
            "decimal",
            "AWS seems to bill by binary ones",
        ),
        (of("0.7421875", "3.7109375"), "binary", ""),
        (
            of("0.75162", "3.7581"),
            "decimal",
            "in decimal terabytes, as set",
        ),
        (
            of("0.75162", "3.7581"),
            "binary",
            "AWS seems to bill by decimal ones",
        ),
    ] {
        let folder = folder_with(&[("cur.csv", cur(&lines).into_bytes())]);
        logs(folder.path(), "us-east-1", &executions);
        let (document, _) = run(
            folder.path(),
            &["--costs", "bill", "--tb", base],
            Exit::Clean,
        );
        let reasons = document["reconciliation"][0]["reasons"].as_array().unwrap();
        let told = reasons
            .iter()
            .find(|reason| reason["code"] == "terabyte-fits");
        let told = told.map_or("", |reason| reason["text"].as_str().unwrap());
        assert!(
            told.contains(wanted) && told.is_empty() == wanted.is_empty(),
            "{base}: {told}"
        );
    }
}

#[test]
fn business_units_of_a_whole_organization_are_normal_and_contradictions_are_not() {
    let folder = folder_with(&[("cur.csv", cur(&both()).into_bytes())]);
    let path = folder.path();
    let units = "account_id,business_unit\n444455556666,Retail\n123456789012,Elsewhere\n210987654321,Gone\n";
    fs::write(path.join("units.csv"), units).unwrap();
    let config = "[hub]\naccount_id = \"111122223333\"\n[[consumers]]\nname = \"retail\"\naccount_id = \"444455556666\"\n\
                  business_unit = \"Declared\"\n";
    fs::write(path.join("own.toml"), config).unwrap();
    let by = [
        "--costs",
        "bill",
        "--by",
        "business-unit",
        "-c",
        "own.toml",
        "--strict",
    ];
    let unit = |document: &Value| document["rows"][0]["group"]["business-unit"].clone();
    let (document, _) = run(path, &by, Exit::Clean);
    assert_eq!(unit(&document), "Declared");
    let with = [&by[..], &["--business-units", "units.csv"]].concat();
    let (document, said) = run(path, &with, Exit::Clean);
    assert_eq!(unit(&document), "Retail");
    assert!(
        said.contains("2 accounts of the business units are in no log and no bill"),
        "{said}"
    );
    assert!(
        said.contains("replaces the business units of 1 consumer"),
        "{said}"
    );
    fs::write(
        path.join("units.csv"),
        format!("{units}444455556666,Risk\n"),
    )
    .unwrap();
    let (document, said) = run(path, &with, Exit::Incomplete);
    assert_eq!(unit(&document), "Declared");
    assert!(
        said.contains("not read: 2 bad-member, first at units.csv record 0"),
        "{said}"
    );
}

#[test]
fn queries_of_others_are_no_unknown_users_of_quick() {
    let folder = folder_with(&[("cur.csv", cur(&both()).into_bytes())]);
    let (document, _) = run(
        folder.path(),
        &["--costs", "bill", "--by", "user"],
        Exit::Clean,
    );
    let rows = document["rows"].as_array().unwrap();
    let groups: Vec<&str> = rows
        .iter()
        .map(|row| row["group"]["user"].as_str().unwrap())
        .collect();
    assert_eq!(groups, ["(none)", "(unknown)"]);
}

#[test]
fn focus_is_refused_without_the_account_that_pays() {
    let answer = cost_explorer(&[Line {
        amount: "0.8".to_owned(),
        ..quick()
    }]);
    let folder = folder_with(&[("costs.json", answer.into_bytes())]);
    let as_focus = |more: &[&str], exit| {
        let mut command = chargeback(folder.path());
        command.args(["--costs", "bill", "--format", "focus"]);
        output(command.args(more), exit)
    };
    let (_, said) = as_focus(&[], Exit::Usage);
    assert!(said.contains("FOCUS needs the account that pays"), "{said}");
    assert!(said.contains("payer_account_id"), "{said}");
    let config = "[aws]\npayer_account_id = \"999988887777\"\n";
    fs::write(folder.path().join("own.toml"), config).unwrap();
    let (rows, _) = as_focus(&["-c", "own.toml"], Exit::Clean);
    assert!(rows.contains(",999988887777,"), "{rows}");
}

/// Lines of a month, as any account may have them.
fn month() -> impl Strategy<Value = Vec<Line>> {
    let line = (
        0usize..4,
        1u32..29,
        0u32..23,
        0usize..3,
        0usize..3,
        0u32..2_000_000,
        any::<bool>(),
    );
    let line = line.prop_map(
        |(account, day, hour, work_group, product, micro, is_quick)| Line {
            account: [
                "444455556666",
                "012345678901",
                "555566667777",
                "777788889999",
            ][account]
                .to_owned(),
            day,
            hour,
            product: ["AmazonAthena", "AmazonS3", "AWSGlue"][product],
            usage_type: [
                "USE1-DataScannedInTB",
                "USE1-Requests-Tier1",
                "USE1-Catalog-Request",
            ][product],
            work_group: ["quick-retail", "primary", "other"][work_group],
            amount: format!("{}.{:06}", micro / 5_000_000, micro / 5 % 1_000_000),
            cost: format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000),
            charge_type: if is_quick { "Usage" } else { "DiscountedUsage" },
            ..quick()
        },
    );
    prop::collection::vec(line, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn every_form_of_a_month_comes_to_the_same(lines in month(), cut in 0usize..40) {
        let (first, second) = lines.split_at(cut.min(lines.len()));
        let parts = |form: fn(&[Line]) -> String, ending: &str, pack: fn(&[u8]) -> Vec<u8>| {
            [first, second].iter().enumerate().map(|(at, part)| {
                (format!("part-{at}.{ending}"), pack(form(part).as_bytes()))
            }).collect::<Vec<(String, Vec<u8>)>>()
        };
        let one = |name: &str, bytes: Vec<u8>| vec![(name.to_owned(), bytes)];
        let forms = [
            one("cur.csv", cur(&lines).into_bytes()),
            one("2.0.csv", cur_2(&lines).into_bytes()),
            one("focus.csv", focus(&lines).into_bytes()),
            one("cur.parquet", parquet(&lines)),
            one("cur.zip", zip(&[("a.csv", cur(first).as_bytes()), ("b.csv", cur(second).as_bytes())])),
            parts(cur, "csv", <[u8]>::to_vec),
            parts(cur_2, "csv.gz", gz),
            parts(focus, "csv.gz", gz),
            [one("cur.csv", cur(&lines).into_bytes()), one("2.0.parquet", parquet(&lines))].concat(),
        ];
        let mut totals: Vec<(Value, Vec<Value>)> = Vec::new();
        for files in forms {
            let files: Vec<(&str, Vec<u8>)> = files
                .iter()
                .map(|(name, bytes)| (name.as_str(), bytes.clone()))
                .collect();
            let folder = folder_with(&files);
            let (document, _) = run(folder.path(), &["--costs", "bill", "--strict"], Exit::Clean);
            let mut services: Vec<Value> = document["other_services"].as_array().unwrap().clone();
            for service in &mut services {
                // FOCUS has names, reports have codes.
                let name = service["service"].as_str().unwrap();
                let name = name.replace("AWSGlue", "AWS Glue").replace("AmazonS3", "Amazon S3");
                service["service"] = json!(name);
            }
            services.sort_by_key(Value::to_string);
            totals.push((document["rows"].clone(), services));
        }
        for total in &totals[1..] {
            prop_assert_eq!(total, &totals[0]);
        }
    }
}

#[test]
fn a_month_of_three_hundred_accounts_splits_exactly() {
    let mut lines = Vec::new();
    for account in 0..300_u64 {
        for day in 1..=31_u32 {
            let micro = (account * 7_919 + u64::from(day) * 104_729) % 3_000_000;
            lines.push(Line {
                account: format!("{:012}", 100_000_000_000 + account),
                day,
                amount: format!("0.{micro:07}"),
                cost: format!("{}.{:07}3", micro / 1_000_000, micro % 1_000_000),
                ..quick()
            });
        }
    }
    lines.extend(both());
    let folder = folder_with(&[("cur.csv", cur(&lines).into_bytes())]);
    let (document, _) = run(folder.path(), &["--costs", "bill", "--strict"], Exit::Clean);
    let ten_places = |text: &str| -> i128 {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        format!("{whole}{fraction:0<10}").parse().unwrap()
    };
    let wanted: i128 = lines.iter().map(|line| ten_places(&line.cost)).sum();
    let rows = document["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 301);
    let parts = ["quick_cost", "other_cost", "unallocated_cost"];
    let of_row = |row: &Value| -> i128 {
        parts
            .iter()
            .map(|part| ten_places(row[part].as_str().unwrap()))
            .sum()
    };
    assert_eq!(rows.iter().map(of_row).sum::<i128>(), wanted);
    let total = document["total"]["billed_cost"].as_str().unwrap();
    assert_eq!(ten_places(total), wanted);
}
