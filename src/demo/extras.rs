//! What goes with the logs: query statistics, a bill, an inventory, settings.

use super::cast::{self, CONSUMERS, HUB, QUICK_REGION};
use super::chance::Chance;
use super::layout::GeneratedFile;
use super::organisation::Plan;
use super::scenes::Stage;
use super::truth::Truth;
use crate::model::time::UtcSecond;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Bytes in a megabyte and the least that a query is billed for (facts.md 4.3).
const MEGABYTE: u64 = 1_000_000;
const BILLED_BYTES_MIN: u64 = 10 * MEGABYTE;
/// Millionths of a dollar for a megabyte, at 5 USD per 10^12 bytes.
const MICRO_USD_PER_MEGABYTE: u64 = 5;

/// JSON with indents and a line feed at the end.
pub(super) fn pretty(value: &impl Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).unwrap_or_default();
    text.push(b'\n');
    text
}

/// A query that reached Athena.
struct Submitted {
    id: String,
    account: String,
    time: UtcSecond,
    work_group: String,
    database: String,
}

pub(super) fn extras(stage: &mut Stage, plan: &Plan, truth: &Truth) -> Vec<GeneratedFile> {
    let submitted = submitted(stage);
    let mut billed: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut executions = Vec::new();
    for query in &submitted {
        // One in twenty is too old or was not asked for: no statistics.
        let scanned = scanned_bytes(&mut stage.chance);
        let megabytes = scanned.max(1).div_ceil(MEGABYTE) * MEGABYTE;
        let day = query.time.day().to_string();
        *billed.entry((query.account.clone(), day)).or_default() += megabytes.max(BILLED_BYTES_MIN);
        if !stage.chance.once_in(20) {
            executions.push(execution(query, scanned));
        }
    }
    let statistics = json!({"QueryExecutions": executions, "UnprocessedQueryExecutionIds": []});
    let mut extras = vec![
        file("executions.json", &statistics),
        file("costs.json", &costs(plan, &billed)),
        file("data-sources.json", &data_sources(plan)),
        GeneratedFile {
            key: "qs-audit.toml".into(),
            body: configuration(plan).into_bytes(),
        },
    ];
    debug_assert!(truth.chains.len() >= extras.len() || plan.chains_per_day == 0);
    extras.sort_by(|left, right| left.key.cmp(&right.key));
    extras
}

fn file(key: &str, value: &Value) -> GeneratedFile {
    GeneratedFile {
        key: key.into(),
        body: pretty(value),
    }
}

fn submitted(stage: &Stage) -> Vec<Submitted> {
    let mut submitted: BTreeMap<String, Submitted> = BTreeMap::new();
    for written in &stage.written {
        let record = &written.record;
        let id = record["responseElements"]["queryExecutionId"].as_str();
        let (Some(id), "StartQueryExecution") =
            (id, record["eventName"].as_str().unwrap_or_default())
        else {
            continue;
        };
        let asked = &record["requestParameters"];
        submitted.insert(
            id.to_owned(),
            Submitted {
                id: id.to_owned(),
                account: written.account.clone(),
                time: written.time,
                work_group: asked["workGroup"].as_str().unwrap_or("primary").to_owned(),
                database: asked["queryExecutionContext"]["database"]
                    .as_str()
                    .unwrap_or("default")
                    .to_owned(),
            },
        );
    }
    submitted.into_values().collect()
}

fn scanned_bytes(chance: &mut Chance) -> u64 {
    let size = chance.below(9_000_000_000) as u64;
    match chance.below(10) {
        0 => size % 4_000_000,
        1..=6 => size % 600_000_000,
        _ => size,
    }
}

fn execution(query: &Submitted, scanned: u64) -> Value {
    let end = query.time.plus(8);
    json!({
        "QueryExecutionId": query.id,
        "Query": "/* QuickSight */ SELECT region, sum(amount) FROM sales GROUP BY region",
        "StatementType": "DML",
        "SubstatementType": "SELECT",
        "WorkGroup": query.work_group,
        "QueryExecutionContext": {"Database": query.database, "Catalog": "awsdatacatalog"},
        "Status": {
            "State": "SUCCEEDED",
            "SubmissionDateTime": query.time.to_string().replace('Z', ".204000+00:00"),
            "CompletionDateTime": end.to_string().replace('Z', ".900000+00:00"),
        },
        "Statistics": {
            "EngineExecutionTimeInMillis": 7900,
            "DataScannedInBytes": scanned,
            "TotalExecutionTimeInMillis": 8700,
            "ResultReuseInformation": {"ReusedPreviousResult": false},
        },
    })
}

/// Exact decimals from whole millionths.
fn decimal(millionths: u64) -> String {
    format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000)
}

/// `GetCostAndUsage`, daily, by account and usage type.
fn costs(plan: &Plan, billed: &BTreeMap<(String, String), u64>) -> Value {
    let days = (0..plan.days).map(|day| {
        let start = plan.start.plus(i64::from(day) * 86_400).day().to_string();
        let end = plan
            .start
            .plus(i64::from(day + 1) * 86_400)
            .day()
            .to_string();
        let groups: Vec<Value> = CONSUMERS
            .iter()
            .filter_map(|consumer| {
                let key = (consumer.account.to_owned(), start.clone());
                let bytes = billed.get(&key)?;
                let micro_usd = bytes / MEGABYTE * MICRO_USD_PER_MEGABYTE;
                let prefix = match consumer.region {
                    "eu-central-1" => "EUC1",
                    "ap-southeast-2" => "APS2",
                    _ => "USE1",
                };
                Some(json!({
                    "Keys": [consumer.account, format!("{prefix}-DataScannedInTB")],
                    "Metrics": {
                        "UnblendedCost": {"Amount": decimal(micro_usd), "Unit": "USD"},
                        "UsageQuantity": {"Amount": decimal(bytes / MEGABYTE), "Unit": "Terabytes"},
                    },
                }))
            })
            .collect();
        json!({
            "TimePeriod": {"Start": start, "End": end},
            "Total": {},
            "Groups": groups,
            "Estimated": day + 2 >= plan.days,
        })
    });
    let days: Vec<Value> = days.collect();
    json!({
        "GroupDefinitions": [
            {"Type": "DIMENSION", "Key": "LINKED_ACCOUNT"},
            {"Type": "DIMENSION", "Key": "USAGE_TYPE"},
        ],
        "ResultsByTime": days,
        "DimensionValueAttributes": [],
    })
}

/// `aws quicksight list-data-sources`.
fn data_sources(plan: &Plan) -> Value {
    let consumers = &CONSUMERS[..plan.consumers.clamp(1, CONSUMERS.len())];
    let sources: Vec<Value> = consumers
        .iter()
        .flat_map(|consumer| {
            consumer.data_sources.iter().map(|id| {
                json!({
                    "Arn": cast::data_source_arn(id),
                    "DataSourceId": id,
                    "Name": format!("{} {id}", consumer.name),
                    "Type": "ATHENA",
                    "Status": "CREATION_SUCCESSFUL",
                    "DataSourceParameters": {
                        "AthenaParameters": {
                            "WorkGroup": consumer.work_group,
                            "RoleArn": cast::role_a_arn(),
                            "ConsumerAccountRoleArn": consumer.role_arn(),
                        },
                    },
                })
            })
        })
        .collect();
    json!({"DataSources": sources, "Status": 200, "RequestId": Chance::stable_uuid(1)})
}

/// A configuration that declares what is there.
fn configuration(plan: &Plan) -> String {
    let mut text = format!(
        "# Declares the organisation that the logs beside this file are of.\n\n\
         [hub]\naccount_id = \"{HUB}\"\nrun_as_roles = [\"{}\"]\n",
        cast::role_a_arn()
    );
    for consumer in &CONSUMERS[..plan.consumers.clamp(1, CONSUMERS.len())] {
        let unit = consumer.business_unit;
        let unit = unit.map_or_else(String::new, |unit| format!("business_unit = \"{unit}\"\n"));
        let _ = write!(
            text,
            "\n[[consumers]]\nname = \"{}\"\naccount_id = \"{}\"\n{unit}roles = [\"{}\"]\n\
             work_groups = [\"{}\"]\n",
            consumer.name,
            consumer.account,
            consumer.role_arn(),
            consumer.work_group
        );
    }
    let _ = write!(
        text,
        "\n[[logs]]\npath = \"AWSLogs\"\n\n[pricing]\ntb = \"decimal\"\n\
         usd_per_tb = {{ {QUICK_REGION} = \"5.00\" }}\n"
    );
    text
}
