//! Chains, their hops and their queries as tables (docs/tables-v1.md).

use crate::model::chain::{Chain, ChainPath, MissingPart, QueryExecution, RoleSession};
use crate::model::charge::Attribution;
use crate::model::integrity::Integrity;
use crate::model::table::{Columns, Table};
use crate::model::text::Text;
use jiff::civil::Weekday;

/// The English name of a day of the week.
pub(super) fn weekday(day: jiff::civil::Date) -> &'static str {
    match day.weekday() {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

fn joined<T: ToString>(parts: impl Iterator<Item = T>) -> Option<Text> {
    let parts: Vec<String> = parts.map(|part| part.to_string()).collect();
    (!parts.is_empty()).then(|| parts.join(" ").into())
}

fn lacks(chain: &Chain, part: MissingPart) -> bool {
    chain.missing.iter().any(|missing| missing.part == part)
}

/// Whether a copy of the hop into the consumer was read; `None` without a hop.
fn has_copy(chain: &Chain, copy: MissingPart) -> Option<bool> {
    let has_hop = chain.path != ChainPath::Direct && chain.consumer_session.is_some();
    has_hop.then(|| !lacks(chain, copy) && !lacks(chain, MissingPart::ConsumerSession))
}

fn role(session: Option<&RoleSession>) -> Option<Text> {
    session.and_then(|session| session.role_arn.clone())
}

/// One row per chain.
#[must_use]
pub fn chains(chains: &[&Chain]) -> Table {
    let user = |chain: &Chain| chain.quick_user.clone();
    Columns::new("chains", chains)
        .text("chain_id", |chain| Some(chain.chain_id.as_str().into()))
        .word("path", |chain| Some(chain.path.as_str()))
        .word("status", |chain| Some(chain.status.as_str()))
        .text("missing", |chain| {
            joined(chain.missing.iter().map(|missing| missing.part.as_str()))
        })
        .word("confidence", |chain| Some(chain.confidence.as_str()))
        .moment("started_at", |chain| Some(chain.started_at))
        .moment("last_activity_at", |chain| Some(chain.last_activity_at))
        .day("day", |chain| Some(chain.started_at.day()))
        .integer("duration_seconds", |chain| {
            Some(chain.started_at.distance(chain.last_activity_at))
        })
        .text("hub_account_id", |chain| chain.hub_account_id.clone())
        .text("consumer_account_id", |chain| {
            chain.consumer_account_id.clone()
        })
        .text("consumer_name", |chain| chain.consumer_name.clone())
        .text("business_unit", |chain| chain.business_unit.clone())
        .text("data_source_arn", |chain| chain.data_source_arn.clone())
        .text("run_as_role_arn", |chain| {
            role(chain.run_as_session.as_ref())
        })
        .text("consumer_role_arn", |chain| {
            role(chain.consumer_session.as_ref())
        })
        .boolean("has_hub_copy", |chain| {
            has_copy(chain, MissingPart::HubCopy)
        })
        .boolean("has_consumer_copy", |chain| {
            has_copy(chain, MissingPart::ConsumerCopy)
        })
        .text("quick_user", |chain| Some(user(chain)?.name))
        .word("quick_user_confidence", |chain| {
            Some(user(chain)?.confidence.as_str())
        })
        .text("dashboard_arn", |chain| user(chain)?.resource_arn)
        .text("data_set_arn", |chain| user(chain)?.data_set_arn)
        .integer("query_count", |chain| Some(chain.queries.len() as u64))
        .integer("queries_without_statistics", |chain| {
            Some(chain.queries_without_statistics())
        })
        .integer("bytes_scanned", |chain| chain.bytes_scanned())
        .integer("bytes_billed", |chain| chain.bytes_billed())
        .decimal("estimated_cost_usd", |chain| chain.estimated_cost_usd())
        .integer("call_count", |chain| Some(chain.call_count()))
        .text("notes", |chain| {
            (!chain.notes.is_empty()).then(|| chain.notes.join("; ").into())
        })
        .word("integrity", |chain| chain.integrity.map(Integrity::as_str))
        .table()
}

/// One row per session of a chain: hop 1 into the run-as role, hop 2 into the
/// consumer role.
#[must_use]
pub fn hops(chains: &[&Chain]) -> Table {
    type Row<'a> = (&'a Chain, u64, &'a RoleSession);
    let mut rows: Vec<Row<'_>> = Vec::new();
    // Who queries as a user made no hop.
    let with_hops = chains
        .iter()
        .filter(|chain| chain.path != ChainPath::Direct);
    for chain in with_hops.copied() {
        rows.extend(
            chain
                .run_as_session
                .iter()
                .map(|session| (chain, 1, session)),
        );
        rows.extend(
            chain
                .consumer_session
                .iter()
                .map(|session| (chain, 2, session)),
        );
    }
    Columns::new("hops", &rows)
        .text("chain_id", |(chain, ..)| {
            Some(chain.chain_id.as_str().into())
        })
        .integer("hop", |(_, hop, _)| Some(*hop))
        .text("consumer_account_id", |(chain, ..)| {
            chain.consumer_account_id.clone()
        })
        .text("role_arn", |(.., session)| session.role_arn.clone())
        .text("role_account_id", |(.., session)| {
            session.account_id.clone()
        })
        .text("role_session_name", |(.., session)| {
            session.role_session_name.clone()
        })
        .text("assumed_role_id", |(.., session)| {
            session.assumed_role_id.clone()
        })
        .text("access_key_id", |(.., session)| {
            session.access_key_id.clone()
        })
        .moment("assumed_at", |(.., session)| session.assumed_at)
        .moment("expires_at", |(.., session)| session.expires_at)
        .moment("last_activity_at", |(chain, ..)| {
            Some(chain.last_activity_at)
        })
        .text("assumed_by", |(.., session)| session.assumed_by.clone())
        .text("source_account_id", |(.., session)| {
            session.source_account_id.clone()
        })
        .text("source_ip", |(.., session)| session.source_ip.clone())
        .text("external_id", |(.., session)| session.external_id.clone())
        .boolean("scope_down_present", |(.., session)| {
            session.scope_down.present
        })
        .text("scope_down_resources", |(.., session)| {
            joined(session.scope_down.resources.iter())
        })
        .integer("event_count", |(.., session)| {
            Some(session.event_ids.len() as u64)
        })
        .text("event_ids", |(.., session)| {
            joined(session.event_ids.iter())
        })
        .table()
}

/// One row per query, with its share of the bill where there is one.
/// `attribution` is of exactly these chains, in this order.
#[must_use]
pub fn queries(chains: &[&Chain], attribution: Option<&Attribution>) -> Table {
    type Row<'a> = (&'a Chain, &'a QueryExecution, usize);
    let all = chains
        .iter()
        .copied()
        .flat_map(|chain| chain.queries.iter().map(move |query| (chain, query)));
    let rows: Vec<Row<'_>> = (0..)
        .zip(all)
        .map(|(index, (chain, query))| (chain, query, index))
        .collect();
    let share = |row: &Row<'_>| attribution?.query_shares.get(row.2)?.clone();
    let figures = |row: &Row<'_>| row.1.figures.clone();
    let user = |row: &Row<'_>| row.0.quick_user.clone();
    Columns::new("queries", &rows)
        .text("chain_id", |row| Some(row.0.chain_id.as_str().into()))
        .word("path", |row| Some(row.0.path.as_str()))
        .text("query_execution_id", |row| {
            Some(row.1.query_execution_id.as_ref()?.to_string().into())
        })
        .moment("started_at", |row| Some(row.1.started_at))
        .day("day", |row| Some(row.1.started_at.day()))
        .word("weekday", |row| Some(weekday(row.1.started_at.day())))
        .integer("hour", |row| {
            u64::try_from(row.1.started_at.unix().rem_euclid(86_400) / 3600).ok()
        })
        .text("region", |row| row.1.region.clone())
        .text("hub_account_id", |row| row.0.hub_account_id.clone())
        .text("consumer_account_id", |row| {
            row.0.consumer_account_id.clone()
        })
        .text("consumer_name", |row| row.0.consumer_name.clone())
        .text("business_unit", |row| row.0.business_unit.clone())
        .text("data_source_arn", |row| row.0.data_source_arn.clone())
        .text("quick_user", |row| Some(user(row)?.name))
        .text("dashboard_arn", |row| user(row)?.resource_arn)
        .text("data_set_arn", |row| user(row)?.data_set_arn)
        .text("work_group", |row| row.1.work_group.clone())
        .text("catalog_name", |row| row.1.catalog.clone())
        .text("database_name", |row| row.1.database.clone())
        .word("state", |row| Some(figures(row)?.state.as_str()))
        .word("statement_type", |row| {
            Some(figures(row)?.statement_type?.as_str())
        })
        .integer("bytes_scanned", |row| row.1.bytes_scanned())
        .integer("bytes_billed", |row| row.1.bytes_billed())
        .boolean("result_reused", |row| figures(row)?.result_reused)
        .decimal("dpu_count", |row| figures(row)?.dpu_count)
        .decimal("estimated_cost_usd", |row| row.1.estimated_cost_usd())
        .decimal("billed_cost", |row| Some(share(row)?.cost))
        .text("currency", |row| Some(share(row)?.currency))
        .text("error_code", |row| row.1.error_code.clone())
        .word("confidence", |row| {
            Some(row.0.confidence.min(row.1.confidence).as_str())
        })
        .text("event_id", |row| Some(row.1.event_id.to_string().into()))
        .table()
}
