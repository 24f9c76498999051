//! Queries: the query executions of a chain, one record each.

use super::accounts::account_fields;
use super::field::{Fields, TablePlacement};
use super::flat;
use super::reads::read_fields;
use crate::model::chain::{Chain, ChainPath, ChainStatus, Confidence, QueryExecution};
use crate::model::charge::{Attribution, QueryShare};
use crate::model::execution::{QueryFigures, QueryState, StatementType};
use crate::model::integrity::Integrity;
use crate::model::table::Table;
use jiff::civil::Date;

/// The JSON schema of a query.
pub const SCHEMA: &str = "qs-audit/chain-query/v1";

/// A query execution, its chain, and its share of the bill.
#[derive(Debug, Clone, Copy)]
pub struct QueryRecord<'a> {
    /// The chain.
    pub chain: &'a Chain,
    /// The query execution.
    pub query: &'a QueryExecution,
    /// Its share of the bill; `None` where no line of a bill covers it.
    pub share: Option<&'a QueryShare>,
}

impl<'a> QueryRecord<'a> {
    /// The queries of these chains, in order. `attribution` is of all of `chains`, in
    /// the same order.
    #[must_use]
    pub fn all_of(
        chains: &[&'a Chain],
        attribution: Option<&'a Attribution>,
    ) -> Vec<QueryRecord<'a>> {
        let queries = chains
            .iter()
            .flat_map(|chain| chain.queries.iter().map(|query| (*chain, query)));
        let share = |index: usize| attribution?.query_shares.get(index)?.as_ref();
        queries
            .enumerate()
            .map(|(index, (chain, query))| QueryRecord {
                chain,
                query,
                share: share(index),
            })
            .collect()
    }
}

/// The English names of the days of the week, from Monday.
pub(super) const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// Returns the English name of a day of the week.
pub(super) fn weekday(day: Date) -> &'static str {
    let days_after_monday = day.weekday().to_monday_zero_offset();
    WEEKDAYS[usize::from(days_after_monday.unsigned_abs())]
}

/// The fields of a query with its chain: what `chains --flat` writes.
#[must_use]
pub fn fields<'a>() -> Fields<'a, QueryRecord<'a>> {
    with_execution(with_consumer(with_chain(Fields::new())))
}

fn with_chain<'a>(fields: Fields<'a, QueryRecord<'a>>) -> Fields<'a, QueryRecord<'a>> {
    fields
        .schema(SCHEMA)
        .string("chain_id", "the chain", |record: &QueryRecord<'_>| {
            Some(record.chain.chain_id.clone())
        })
        .word(
            "path",
            "the path of the chain",
            ChainPath::ALL.iter().copied().map(ChainPath::as_str),
            |record: &QueryRecord<'_>| Some(record.chain.path.as_str()),
        )
        .word(
            "status",
            "the status of the chain",
            ChainStatus::ALL.iter().copied().map(ChainStatus::as_str),
            |record: &QueryRecord<'_>| Some(record.chain.status.as_str()),
        )
        .word(
            "confidence",
            "the confidence of the least certain link of the chain and the query",
            Confidence::ALL.iter().copied().map(Confidence::as_str),
            |record: &QueryRecord<'_>| {
                Some(
                    record
                        .chain
                        .confidence
                        .min(record.query.confidence)
                        .as_str(),
                )
            },
        )
}

fn with_consumer<'a>(fields: Fields<'a, QueryRecord<'a>>) -> Fields<'a, QueryRecord<'a>> {
    fields
        .all_of(account_fields(), |record: &QueryRecord<'_>| record.chain)
        .text(
            "quick_user",
            "the Quick user",
            |record: &QueryRecord<'_>| Some(record.chain.quick_user.as_ref()?.name.clone()),
        )
}

fn with_execution<'a>(fields: Fields<'a, QueryRecord<'a>>) -> Fields<'a, QueryRecord<'a>> {
    fields
        .record(
            "query",
            "the query execution",
            execution_fields(),
            |record: &QueryRecord<'_>| Some(record.query),
        )
        .placed(TablePlacement::Row)
        .word(
            "integrity",
            "the integrity status of the chain; null without `--verify`",
            Integrity::ALL.iter().copied().map(Integrity::as_str),
            |record: &QueryRecord<'_>| record.chain.integrity.map(Integrity::as_str),
        )
        .text(
            "quick_user_resource_arn",
            "the dashboard or analysis",
            |record: &QueryRecord<'_>| record.chain.quick_user.as_ref()?.resource_arn.clone(),
        )
        .text(
            "quick_user_data_set_arn",
            "the data set",
            |record: &QueryRecord<'_>| record.chain.quick_user.as_ref()?.data_set_arn.clone(),
        )
        .decimal(
            "billed_cost",
            "the allocated cost, in `currency`; null if the bill does not cover the query",
            |record: &QueryRecord<'_>| Some(record.share?.cost),
        )
        .text(
            "currency",
            "the ISO 4217 code of `billed_cost`",
            |record: &QueryRecord<'_>| Some(record.share?.currency.clone()),
        )
        .text(
            "origin_service",
            "the service that made the first session of the chain; null for people, and if unknown",
            |record: &QueryRecord<'_>| record.chain.origin.service.clone(),
        )
        .text(
            "origin_resource_arn",
            "the state machine, function, job or instance, where the logs name it",
            |record: &QueryRecord<'_>| record.chain.origin.resource_arn.clone(),
        )
        .always_known(&["chain_id", "path", "status", "confidence", "query"])
}

/// The fields of a query execution by itself.
#[must_use]
pub fn execution_fields<'a>() -> Fields<'a, QueryExecution> {
    let request = Fields::new()
        .string(
            "query_execution_id",
            "the id of Athena; null where the call was refused",
            |query: &QueryExecution| query.query_execution_id.as_ref().map(ToString::to_string),
        )
        .timestamp(
            "started_at",
            "time of submission",
            |query: &QueryExecution| Some(query.started_at),
        )
        .text("region", "the Region", |query: &QueryExecution| {
            query.region.clone()
        })
        .text(
            "work_group",
            "the work group; `primary` where the call named none",
            |query: &QueryExecution| query.work_group.clone(),
        )
        .text("catalog", "the data catalog", |query: &QueryExecution| {
            query.catalog.clone()
        })
        .text("database", "the database", |query: &QueryExecution| {
            query.database.clone()
        });
    with_statistics(request)
        .text(
            "error_code",
            "error code of a denied or rejected call",
            |query: &QueryExecution| query.error_code.clone(),
        )
        .string(
            "event_id",
            "the StartQueryExecution event",
            |query: &QueryExecution| Some(query.event_id.to_string()),
        )
        .day(
            "day",
            "the UTC day of `started_at`",
            |query: &QueryExecution| Some(query.started_at.day()),
        )
        .word(
            "weekday",
            "the day of the week of `day`",
            WEEKDAYS,
            |query: &QueryExecution| Some(weekday(query.started_at.day())),
        )
        .integer(
            "hour",
            "the UTC hour of `started_at`, 0 to 23",
            |query: &QueryExecution| {
                u64::try_from(query.started_at.unix().rem_euclid(86_400) / 3600).ok()
            },
        )
        .records_if_known(
            "reads",
            "what it read; null if unknown, empty if it is known to have read no table",
            read_fields(),
            |query: &QueryExecution| query.reads.as_deref(),
        )
        .always_known(&["started_at", "event_id", "day", "weekday", "hour"])
}

/// The fields that query statistics fill.
fn with_statistics(fields: Fields<'_, QueryExecution>) -> Fields<'_, QueryExecution> {
    fn figures(query: &QueryExecution) -> Option<&QueryFigures> {
        query.figures.as_deref()
    }
    fields
        .word(
            "state",
            "the state of the query, from statistics",
            QueryState::ALL.iter().copied().map(QueryState::as_str),
            |query| Some(figures(query)?.state.as_str()),
        )
        .word(
            "statement_type",
            "the kind of statement, from statistics",
            StatementType::ALL
                .iter()
                .copied()
                .map(StatementType::as_str),
            |query| Some(figures(query)?.statement_type?.as_str()),
        )
        .text(
            "substatement_type",
            "the statement, from statistics (`SELECT`, `EXPLAIN`, `CREATE_TABLE_AS_SELECT` ...)",
            |query| figures(query)?.substatement_type.clone(),
        )
        .integer(
            "bytes_scanned",
            "data scanned; 0 where Athena refused the query, null without statistics",
            QueryExecution::bytes_scanned,
        )
        .integer(
            "bytes_billed",
            "data billed; 0 where Athena refused the query, null without statistics",
            QueryExecution::bytes_billed,
        )
        .boolean(
            "result_reused",
            "whether the result of an earlier query was reused",
            |query| figures(query)?.result_reused,
        )
        .decimal(
            "dpu_count",
            "DPUs of reserved capacity that it ran on: such a query is not priced by bytes",
            |query| figures(query)?.dpu_count,
        )
        .decimal(
            "estimated_cost_usd",
            "billed data at the list price of the Region and day",
            QueryExecution::estimated_cost_usd,
        )
}

/// One row for each of these queries.
#[must_use]
pub fn table(records: &[QueryRecord<'_>]) -> Table {
    flat::table("queries", &fields(), records)
}
