//! Chains: one record for each session of a consumer role.

use super::accounts::account_fields;
use super::field::{Fields, TablePlacement, Value};
use super::flat;
use super::hops::session_fields;
use super::queries::execution_fields;
use super::reads::read_fields;
use super::roads::{acting_fields, origin_fields, related_fields};
use crate::model::chain::{
    Chain, ChainPath, ChainStatus, Confidence, Missing, MissingPart, QuickUser, RepeatedQuery,
    RoleSession,
};
use crate::model::integrity::Integrity;
use crate::model::table::Table;

/// The JSON schema of a chain.
pub const SCHEMA: &str = "qs-audit/chain/v1";

fn lacks(chain: &Chain, part: MissingPart) -> bool {
    chain.missing.iter().any(|missing| missing.part == part)
}

/// Returns whether a copy of the hop into the consumer was read; `None` without a hop.
fn has_copy(chain: &Chain, copy: MissingPart) -> Option<bool> {
    let has_hop = chain.path != ChainPath::Direct && chain.consumer_session.is_some();
    has_hop.then(|| !lacks(chain, copy) && !lacks(chain, MissingPart::ConsumerSession))
}

/// The fields of a chain.
#[must_use]
pub fn fields<'a>() -> Fields<'a, Chain> {
    let identity = with_identity(Fields::new());
    let links = identity.all_of(account_fields(), |chain: &Chain| chain);
    with_roads(with_later_fields(with_queries(with_sessions(links))))
}

fn with_identity(fields: Fields<'_, Chain>) -> Fields<'_, Chain> {
    fields
        .schema(SCHEMA)
        .string(
            "chain_id",
            "`c-` and 12 hex digits of the consumer account, the role's and the session's name, \
             the creation second and the issued key: the same whatever window, order or copy was \
             read",
            |chain| Some(chain.chain_id.clone()),
        )
        .word(
            "path",
            "`session` is listed with `--all-sessions` only",
            ChainPath::ALL.iter().copied().map(ChainPath::as_str),
            |chain| Some(chain.path.as_str()),
        )
        .word(
            "status",
            "how complete the chain is in the logs",
            ChainStatus::ALL.iter().copied().map(ChainStatus::as_str),
            |chain| Some(chain.status.as_str()),
        )
        .records(
            "missing",
            "parts that were not read. One copy proves its hop, so a missing copy alone does not make a chain partial",
            missing_fields(),
            |chain, each| chain.missing.iter().for_each(each),
        )
        .word(
            "confidence",
            "the confidence of the least certain link",
            Confidence::ALL.iter().copied().map(Confidence::as_str),
            |chain| Some(chain.confidence.as_str()),
        )
        .timestamp(
            "started_at",
            "creation time of the consumer session; else the time of the first event",
            |chain| Some(chain.started_at),
        )
        .timestamp("last_activity_at", "time of the last event", |chain| {
            Some(chain.last_activity_at)
        })
}

fn missing_fields<'a>() -> Fields<'a, Missing> {
    Fields::new()
        .word(
            "what",
            "the part",
            MissingPart::ALL.iter().copied().map(MissingPart::as_str),
            |missing: &Missing| Some(missing.part.as_str()),
        )
        .string("why", "the reason, if known", |missing: &Missing| {
            missing.why.clone()
        })
        .always_known(&["what"])
}

fn with_sessions(fields: Fields<'_, Chain>) -> Fields<'_, Chain> {
    fields
        .record(
            "run_as_session",
            "the first session; null in chains of one session",
            session_fields(),
            Chain::run_as_session,
        )
        .record(
            "consumer_session",
            "the session whose credentials ran the queries",
            session_fields(),
            |chain: &Chain| chain.consumer_session.as_ref(),
        )
}

fn with_queries(fields: Fields<'_, Chain>) -> Fields<'_, Chain> {
    fields
        .records(
            "queries",
            "queries submitted in the window, by time",
            execution_fields(),
            |chain, each| chain.queries.iter().for_each(each),
        )
        .placed(TablePlacement::OtherTable)
        .integer("query_count", "number of queries", |chain| {
            Some(chain.queries.len() as u64)
        })
        .integer(
            "bytes_scanned",
            "bytes that they scanned, as far as statistics were read; null if none were read",
            Chain::bytes_scanned,
        )
        .integer(
            "bytes_billed",
            "bytes that are billed, as far as statistics were read",
            Chain::bytes_billed,
        )
        .decimal(
            "estimated_cost_usd",
            "their estimated cost, as far as statistics were read",
            Chain::estimated_cost_usd,
        )
        .integer(
            "queries_without_statistics",
            "number of queries that these totals exclude",
            |chain| Some(chain.queries_without_statistics()),
        )
        .integer(
            "call_count",
            "events linked to the consumer session in the window",
            |chain| Some(chain.call_count()),
        )
        .object("calls", "their number by `service:EventName`", |chain| {
            let calls = chain.calls.iter();
            calls
                .map(|(action, count)| (action.to_string(), (*count).into()))
                .collect::<serde_json::Map<_, _>>()
                .into()
        })
}

fn with_later_fields(fields: Fields<'_, Chain>) -> Fields<'_, Chain> {
    fields
        .record(
            "quick_user",
            "the Quick user; null if unknown, or if several match",
            quick_user_fields(),
            |chain: &Chain| chain.quick_user.as_ref(),
        )
        .texts(
            "notes",
            "remarks, such as the candidates of an ambiguous link",
            |chain| Value::strings(&chain.notes),
        )
        .word(
            "integrity",
            "the lowest integrity status of the log files of its events; null without `--verify`",
            Integrity::ALL.iter().copied().map(Integrity::as_str),
            |chain| chain.integrity.map(Integrity::as_str),
        )
        .records(
            "hops",
            "its role sessions in order, first to last",
            hop_fields(),
            |chain, each| chain.hops().for_each(each),
        )
        .day("day", "the UTC day of `started_at`", |chain| {
            Some(chain.started_at.day())
        })
        .integer(
            "duration_seconds",
            "from `started_at` to `last_activity_at`",
            |chain| Some(chain.started_at.distance(chain.last_activity_at)),
        )
        .boolean(
            "has_hub_copy",
            "whether the hub's copy of the hop into the consumer was read; null without such a hop",
            |chain| has_copy(chain, MissingPart::HubCopy),
        )
        .boolean(
            "has_consumer_copy",
            "whether the consumer's copy of that hop was read",
            |chain| has_copy(chain, MissingPart::ConsumerCopy),
        )
        .records(
            "repeated_queries",
            "calls that named query executions which were submitted before: they cost nothing again",
            repeated_fields(),
            |chain, each| chain.repeated_queries.iter().for_each(each),
        )
        .records(
            "reads",
            "reads that several of its queries may have made, or a query that is not in the logs",
            read_fields(),
            |chain, each| chain.reads.iter().for_each(each),
        )
        .placed(TablePlacement::OtherTable)
}

fn with_roads(fields: Fields<'_, Chain>) -> Fields<'_, Chain> {
    fields
        .record(
            "origin",
            "who made its first session",
            origin_fields(),
            |chain: &Chain| Some(&chain.origin),
        )
        .records(
            "acting_for",
            "the users, delegates, agents and flows for whom it acted, where logs name them",
            acting_fields(),
            |chain, each| chain.acting_for.iter().for_each(each),
        )
        .records(
            "related_chains",
            "chains of other roles that the same session of a workload (a state machine, function, job, container or instance) assumed, at most 20",
            related_fields(),
            |chain, each| chain.related_chains.iter().for_each(each),
        )
        .always_known(&[
            "chain_id",
            "path",
            "status",
            "confidence",
            "started_at",
            "last_activity_at",
            "query_count",
            "queries_without_statistics",
            "call_count",
            "day",
            "duration_seconds",
        ])
}

fn repeated_fields<'a>() -> Fields<'a, RepeatedQuery> {
    Fields::new()
        .string(
            "query_execution_id",
            "the id of Athena",
            |query: &RepeatedQuery| Some(query.query_execution_id.to_string()),
        )
        .timestamp(
            "repeated_at",
            "time of the call",
            |query: &RepeatedQuery| Some(query.repeated_at),
        )
        .string(
            "event_id",
            "the StartQueryExecution event of the call",
            |query| Some(query.event_id.to_string()),
        )
        .string(
            "chain_id",
            "the chain that submitted it; null if its submission was not read",
            |query| query.chain_id.clone(),
        )
}

fn quick_user_fields<'a>() -> Fields<'a, QuickUser> {
    Fields::new()
        .text(
            "name",
            "the most readable name that the event has",
            |user: &QuickUser| Some(user.name.clone()),
        )
        .word(
            "confidence",
            "`proven` by query id, else `probable`",
            Confidence::ALL.iter().copied().map(Confidence::as_str),
            |user: &QuickUser| Some(user.confidence.as_str()),
        )
        .text(
            "resource_arn",
            "the dashboard or analysis",
            |user: &QuickUser| user.resource_arn.clone(),
        )
        .text("data_set_arn", "the data set", |user: &QuickUser| {
            user.data_set_arn.clone()
        })
        .string("query_id", "Quick's own query id", |user: &QuickUser| {
            user.query_id.as_ref().map(ToString::to_string)
        })
        .always_known(&["name", "confidence"])
}

/// A session as a chain lists it. The table `hops` has the other fields.
fn hop_fields<'a>() -> Fields<'a, RoleSession> {
    Fields::new()
        .text("role_arn", "the role", |session: &RoleSession| {
            session.role_arn.clone()
        })
        .text(
            "access_key_id",
            "the issued access key",
            |session: &RoleSession| session.access_key_id.clone(),
        )
        .text(
            "role_session_name",
            "`roleSessionName`",
            |session: &RoleSession| session.role_session_name.clone(),
        )
        .timestamp(
            "assumed_at",
            "time of the AssumeRole call",
            |session: &RoleSession| session.assumed_at,
        )
        .texts(
            "event_ids",
            "the AssumeRole events",
            |session: &RoleSession| Value::strings(&session.event_ids),
        )
}

/// One row for each chain.
#[must_use]
pub fn table(chains: &[&Chain]) -> Table {
    flat::table("chains", &fields(), chains.iter().copied())
}
