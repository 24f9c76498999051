//! Athena's statistics of the finished queries.

use super::cast::PRODUCERS;
use super::chance::Chance;
use super::scenes::Stage;
use super::truth::Truth;
use crate::model::time::UtcSecond;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes in a megabyte and the least that a query is billed for
/// (docs/cloudtrail-facts.md#pricing).
pub(super) const MEGABYTE: u64 = 1_000_000;
const BILLED_MEGABYTES_MIN: u64 = 10;

/// The bytes scanned by a query that makes its day a spike.
const HEAVY_BYTES: u64 = 900_000_000_000;

/// The end of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum QueryEnd {
    Succeeded,
    Failed,
    Cancelled,
    Ddl,
    Reused,
    OnCapacity,
}

/// A query that reached Athena, and what became of it.
pub(super) struct DemoQuery {
    id: String,
    pub(super) account: String,
    pub(super) region: String,
    pub(super) time: UtcSecond,
    work_group: String,
    database: String,
    /// The tables that its SQL names.
    tables: Vec<String>,
    outcome: QueryEnd,
    scanned: u64,
    /// True if its statistics were asked for in time.
    is_told: bool,
    /// True if times are told as seconds since 1970.
    tells_seconds: bool,
}

impl DemoQuery {
    /// Megabytes on the bill.
    pub(super) fn megabytes_billed(&self) -> u64 {
        match self.outcome {
            QueryEnd::Succeeded | QueryEnd::Cancelled => {
                self.scanned.div_ceil(MEGABYTE).max(BILLED_MEGABYTES_MIN)
            }
            QueryEnd::Failed | QueryEnd::Ddl | QueryEnd::Reused | QueryEnd::OnCapacity => 0,
        }
    }

    /// Returns true if it ran on reserved capacity, which is paid by the hour.
    pub(super) fn is_on_capacity(&self) -> bool {
        self.outcome == QueryEnd::OnCapacity
    }
}

/// All queries that Athena took, by id.
pub(super) fn queries(stage: &Stage, truth: &Truth, chance: &mut Chance) -> Vec<DemoQuery> {
    let tables = tables_read(truth);
    let mut taken: BTreeMap<String, &super::scenes::WrittenRecord> = BTreeMap::new();
    let mut stopped: BTreeSet<String> = BTreeSet::new();
    for written in &stage.written {
        let record = &written.record;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        match record["eventName"].as_str() {
            Some("StartQueryExecution") => {
                if let Some(id) = text(&record["responseElements"]["queryExecutionId"]) {
                    // An update replaces it; what submits it again later does not.
                    let first = taken.entry(id).or_insert(written);
                    if written.time <= first.time {
                        *first = written;
                    }
                }
            }
            Some("StopQueryExecution") => {
                stopped.extend(text(&record["requestParameters"]["queryExecutionId"]));
            }
            _ => {}
        }
    }
    let queries = taken.into_iter().map(|(id, written)| {
        let asked = &written.record["requestParameters"];
        let or = |value: &Value, otherwise: &str| value.as_str().unwrap_or(otherwise).to_owned();
        let outcome = if stopped.contains(&id) {
            QueryEnd::Cancelled
        } else if stage.heavy.contains(&id) {
            QueryEnd::Succeeded
        } else {
            outcome(chance)
        };
        DemoQuery {
            account: written.account.clone(),
            region: written.region.clone(),
            time: written.time,
            work_group: or(&asked["workGroup"], "primary"),
            database: or(&asked["queryExecutionContext"]["database"], "default"),
            tables: tables.get(id.as_str()).cloned().unwrap_or_default(),
            outcome,
            scanned: if stage.heavy.contains(&id) {
                HEAVY_BYTES
            } else {
                scanned(outcome, chance)
            },
            // One in twenty is too old or was not asked for.
            is_told: !chance.once_in(20),
            tells_seconds: chance.once_in(4),
            id,
        }
    });
    queries.collect()
}

/// The tables that each query read for sure, by its id.
fn tables_read(truth: &Truth) -> BTreeMap<&str, Vec<String>> {
    let mut tables: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for read in truth.chains.iter().flat_map(|chain| &chain.reads) {
        let is_table = !read.name.contains(':');
        if let Some(id) = &read.query_execution_id
            && is_table
            && read.confidence != "ambiguous"
        {
            // Of a whole catalog, the SQL names the one table.
            let name = read.name.replace(".*", &format!(".{}", PRODUCERS[1].table));
            tables.entry(id).or_default().push(name);
        }
    }
    tables
}

fn outcome(chance: &mut Chance) -> QueryEnd {
    match chance.below(40) {
        0..=2 => QueryEnd::Failed,
        3 => QueryEnd::Ddl,
        4..=6 => QueryEnd::Reused,
        7 => QueryEnd::OnCapacity,
        _ => QueryEnd::Succeeded,
    }
}

fn scanned(outcome: QueryEnd, chance: &mut Chance) -> u64 {
    let size = chance.below(9_000_000_000) as u64;
    match (outcome, chance.below(10)) {
        (QueryEnd::Ddl | QueryEnd::Reused, _) => 0,
        (_, 0) => size % 4_000_000,
        (_, 1..=6) => size % 600_000_000,
        (_, _) => size * 40,
    }
}

/// `BatchGetQueryExecution`.
pub(super) fn answer(queries: &[DemoQuery]) -> Value {
    let told = queries.iter().filter(|query| query.is_told);
    let executions: Vec<Value> = told.map(execution).collect();
    json!({"QueryExecutions": executions, "UnprocessedQueryExecutionIds": []})
}

fn execution(query: &DemoQuery) -> Value {
    let state = match query.outcome {
        QueryEnd::Failed => "FAILED",
        QueryEnd::Cancelled => "CANCELLED",
        _ => "SUCCEEDED",
    };
    let is_ddl = query.outcome == QueryEnd::Ddl;
    let moment = |moment: UtcSecond, fraction: &str| {
        if query.tells_seconds {
            json!(moment.unix())
        } else {
            json!(
                moment
                    .to_string()
                    .replace('Z', &format!(".{fraction}+00:00"))
            )
        }
    };
    let from = match query.tables.as_slice() {
        [] => "sales".to_owned(),
        tables => tables.join(" CROSS JOIN "),
    };
    let sql = format!("/* QuickSight */ SELECT region, sum(amount) FROM {from} GROUP BY region");
    let mut execution = json!({
        "QueryExecutionId": query.id,
        "Query": sql,
        "StatementType": if is_ddl { "DDL" } else { "DML" },
        "SubstatementType": if is_ddl { "CREATE_TABLE" } else { "SELECT" },
        "WorkGroup": query.work_group,
        "QueryExecutionContext": {"Database": query.database, "Catalog": "awsdatacatalog"},
        "Status": {
            "State": state,
            "SubmissionDateTime": moment(query.time, "204000"),
            "CompletionDateTime": moment(query.time.plus(8), "900000"),
        },
        "Statistics": {
            "EngineExecutionTimeInMillis": 7900,
            "DataScannedInBytes": query.scanned,
            "TotalExecutionTimeInMillis": 8700,
            "ResultReuseInformation": {
                "ReusedPreviousResult": query.outcome == QueryEnd::Reused,
            },
        },
    });
    if query.is_on_capacity() {
        execution["Statistics"]["DpuCount"] = json!(24);
    }
    execution
}
