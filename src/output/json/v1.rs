//! Chain records, version 1 (design.md section 3).

use super::coverage::{CoverageV1, StatisticsV1};
use super::verification::VerificationV1;
use crate::model::audit::Audit;
use crate::model::chain::{Chain, QueryExecution, QuickUser, RoleSession};
use crate::model::execution::StatementType;
use crate::model::integrity::Integrity;
use crate::model::money::exact;
use crate::model::text::{OpaqueId, Text};
use crate::model::time::UtcSecond;
use crate::model::window::TimeWindow;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::io::{self, Write};

const CHAIN_SCHEMA: &str = "qs-audit/chain/v1";
const CHAINS_SCHEMA: &str = "qs-audit/chains/v1";
const CHAIN_QUERY_SCHEMA: &str = "qs-audit/chain-query/v1";

fn ids(ids: &[OpaqueId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

fn id(id: Option<&OpaqueId>) -> Option<String> {
    id.map(ToString::to_string)
}

/// One chain, with its queries inside.
#[derive(Serialize)]
pub struct ChainV1<'a> {
    schema: &'static str,
    chain_id: &'a str,
    path: &'static str,
    status: &'static str,
    missing: Vec<MissingV1<'a>>,
    confidence: &'static str,
    started_at: UtcSecond,
    last_activity_at: UtcSecond,
    hub_account_id: Option<&'a Text>,
    consumer_account_id: Option<&'a Text>,
    consumer_name: Option<&'a Text>,
    business_unit: Option<&'a Text>,
    data_source_arn: Option<&'a Text>,
    run_as_session: Option<SessionV1<'a>>,
    consumer_session: Option<SessionV1<'a>>,
    queries: Vec<QueryV1<'a>>,
    query_count: usize,
    bytes_scanned: Option<u64>,
    bytes_billed: Option<u64>,
    estimated_cost_usd: Option<String>,
    queries_without_statistics: u64,
    call_count: u64,
    calls: Calls<'a>,
    quick_user: Option<QuickUserV1<'a>>,
    notes: &'a [String],
    integrity: Option<&'static str>,
}

#[derive(Serialize)]
struct MissingV1<'a> {
    what: &'static str,
    why: Option<&'a str>,
}

#[derive(Serialize)]
struct SessionV1<'a> {
    role_arn: Option<&'a Text>,
    role_session_name: Option<&'a Text>,
    assumed_role_id: Option<&'a Text>,
    access_key_id: Option<&'a Text>,
    assumed_at: Option<UtcSecond>,
    expires_at: Option<UtcSecond>,
    assumed_by: Option<&'a Text>,
    source_account_id: Option<&'a Text>,
    source_ip: Option<&'a Text>,
    external_id: Option<&'a Text>,
    scope_down: ScopeDownV1<'a>,
    event_ids: Vec<String>,
}

#[derive(Serialize)]
struct ScopeDownV1<'a> {
    present: Option<bool>,
    resources: &'a [Text],
}

/// One query of a chain.
#[derive(Serialize)]
pub(super) struct QueryV1<'a> {
    query_execution_id: Option<String>,
    started_at: UtcSecond,
    region: Option<&'a Text>,
    work_group: Option<&'a Text>,
    catalog: Option<&'a Text>,
    database: Option<&'a Text>,
    state: Option<&'a str>,
    statement_type: Option<&'a str>,
    bytes_scanned: Option<u64>,
    bytes_billed: Option<u64>,
    result_reused: Option<bool>,
    dpu_count: Option<String>,
    estimated_cost_usd: Option<String>,
    error_code: Option<&'a Text>,
    event_id: String,
}

#[derive(Serialize)]
struct QuickUserV1<'a> {
    name: &'a Text,
    confidence: &'static str,
    resource_arn: Option<&'a Text>,
    data_set_arn: Option<&'a Text>,
    query_id: Option<String>,
}

/// Call counts as an object, in the order of their names.
struct Calls<'a>(&'a [(Text, u64)]);

impl Serialize for Calls<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (action, count) in self.0 {
            map.serialize_entry(action, count)?;
        }
        map.end()
    }
}

impl<'a> ChainV1<'a> {
    /// The chain as it is written.
    #[must_use]
    pub fn of(chain: &'a Chain) -> Self {
        let missing = chain.missing.iter().map(|missing| MissingV1 {
            what: missing.part.as_str(),
            why: missing.why.as_deref(),
        });
        Self {
            schema: CHAIN_SCHEMA,
            chain_id: &chain.chain_id,
            path: chain.path.as_str(),
            status: chain.status.as_str(),
            missing: missing.collect(),
            confidence: chain.confidence.as_str(),
            started_at: chain.started_at,
            last_activity_at: chain.last_activity_at,
            hub_account_id: chain.hub_account_id.as_ref(),
            consumer_account_id: chain.consumer_account_id.as_ref(),
            consumer_name: chain.consumer_name.as_ref(),
            business_unit: chain.business_unit.as_ref(),
            data_source_arn: chain.data_source_arn.as_ref(),
            run_as_session: chain.run_as_session.as_ref().map(SessionV1::of),
            consumer_session: chain.consumer_session.as_ref().map(SessionV1::of),
            queries: chain.queries.iter().map(QueryV1::of).collect(),
            query_count: chain.queries.len(),
            bytes_scanned: chain.bytes_scanned(),
            bytes_billed: chain.bytes_billed(),
            estimated_cost_usd: chain.estimated_cost_usd().map(exact),
            queries_without_statistics: chain.queries_without_statistics(),
            call_count: chain.call_count(),
            calls: Calls(&chain.calls),
            quick_user: chain.quick_user.as_ref().map(QuickUserV1::of),
            notes: &chain.notes,
            integrity: chain.integrity.map(Integrity::as_str),
        }
    }
}

impl<'a> SessionV1<'a> {
    fn of(session: &'a RoleSession) -> Self {
        Self {
            role_arn: session.role_arn.as_ref(),
            role_session_name: session.role_session_name.as_ref(),
            assumed_role_id: session.assumed_role_id.as_ref(),
            access_key_id: session.access_key_id.as_ref(),
            assumed_at: session.assumed_at,
            expires_at: session.expires_at,
            assumed_by: session.assumed_by.as_ref(),
            source_account_id: session.source_account_id.as_ref(),
            source_ip: session.source_ip.as_ref(),
            external_id: session.external_id.as_ref(),
            scope_down: ScopeDownV1 {
                present: session.scope_down.present,
                resources: &session.scope_down.resources,
            },
            event_ids: ids(&session.event_ids),
        }
    }
}

impl<'a> QueryV1<'a> {
    pub(super) fn of(query: &'a QueryExecution) -> Self {
        let figures = query.figures.as_deref();
        Self {
            query_execution_id: id(query.query_execution_id.as_ref()),
            started_at: query.started_at,
            region: query.region.as_ref(),
            work_group: query.work_group.as_ref(),
            catalog: query.catalog.as_ref(),
            database: query.database.as_ref(),
            state: figures.map(|figures| figures.state.as_str()),
            statement_type: figures
                .and_then(|figures| figures.statement_type)
                .map(StatementType::as_str),
            bytes_scanned: query.bytes_scanned(),
            bytes_billed: query.bytes_billed(),
            result_reused: figures.and_then(|figures| figures.result_reused),
            dpu_count: figures.and_then(|figures| figures.dpu_count).map(exact),
            estimated_cost_usd: query.estimated_cost_usd().map(exact),
            error_code: query.error_code.as_ref(),
            event_id: query.event_id.to_string(),
        }
    }
}

impl<'a> QuickUserV1<'a> {
    fn of(user: &'a QuickUser) -> Self {
        Self {
            name: &user.name,
            confidence: user.confidence.as_str(),
            resource_arn: user.resource_arn.as_ref(),
            data_set_arn: user.data_set_arn.as_ref(),
            query_id: id(user.query_id.as_ref()),
        }
    }
}

/// One query of a chain, as `--flat` gives it.
#[derive(Serialize)]
struct ChainQueryV1<'a> {
    schema: &'static str,
    chain_id: &'a str,
    path: &'static str,
    status: &'static str,
    confidence: &'static str,
    hub_account_id: Option<&'a Text>,
    consumer_account_id: Option<&'a Text>,
    consumer_name: Option<&'a Text>,
    business_unit: Option<&'a Text>,
    data_source_arn: Option<&'a Text>,
    quick_user: Option<&'a Text>,
    query: QueryV1<'a>,
    integrity: Option<&'static str>,
}

impl<'a> ChainQueryV1<'a> {
    fn all_of(chain: &'a Chain) -> impl Iterator<Item = Self> {
        chain.queries.iter().map(move |query| Self {
            schema: CHAIN_QUERY_SCHEMA,
            chain_id: &chain.chain_id,
            path: chain.path.as_str(),
            status: chain.status.as_str(),
            confidence: chain.confidence.min(query.confidence).as_str(),
            hub_account_id: chain.hub_account_id.as_ref(),
            consumer_account_id: chain.consumer_account_id.as_ref(),
            consumer_name: chain.consumer_name.as_ref(),
            business_unit: chain.business_unit.as_ref(),
            data_source_arn: chain.data_source_arn.as_ref(),
            quick_user: chain.quick_user.as_ref().map(|user| &user.name),
            query: QueryV1::of(query),
            integrity: chain.integrity.map(Integrity::as_str),
        })
    }
}

/// A half-open window.
#[derive(Serialize)]
pub(super) struct WindowV1 {
    from: Option<UtcSecond>,
    to: Option<UtcSecond>,
}

impl WindowV1 {
    pub(super) fn of(window: TimeWindow) -> Self {
        Self {
            from: window.from,
            to: window.to,
        }
    }
}

#[derive(Serialize)]
struct TotalV1 {
    chain_count: usize,
    query_count: usize,
    call_count: u64,
    bytes_scanned: Option<u64>,
    bytes_billed: Option<u64>,
    estimated_cost_usd: Option<String>,
    queries_without_statistics: u64,
}

/// The sum over chains with queries, as far as it is known of any of them.
fn known<T: Default>(
    chains: &[&Chain],
    figure: fn(&Chain) -> Option<T>,
    add: fn(T, T) -> T,
) -> Option<T> {
    let with_queries = || chains.iter().filter(|chain| !chain.queries.is_empty());
    if with_queries().next().is_none() {
        return Some(T::default());
    }
    with_queries().filter_map(|chain| figure(chain)).reduce(add)
}

impl TotalV1 {
    fn of(chains: &[&Chain]) -> Self {
        Self {
            chain_count: chains.len(),
            query_count: chains.iter().map(|chain| chain.queries.len()).sum(),
            call_count: chains.iter().map(|chain| chain.call_count()).sum(),
            bytes_scanned: known(chains, Chain::bytes_scanned, u64::saturating_add),
            bytes_billed: known(chains, Chain::bytes_billed, u64::saturating_add),
            estimated_cost_usd: known(chains, Chain::estimated_cost_usd, |sum, cost| sum + cost)
                .map(exact),
            queries_without_statistics: chains
                .iter()
                .map(|chain| chain.queries_without_statistics())
                .sum(),
        }
    }
}

#[derive(Serialize)]
struct ChainsV1<'a> {
    schema: &'static str,
    window: WindowV1,
    coverage: CoverageV1<'a>,
    statistics: Option<StatisticsV1<'a>>,
    verification: Option<VerificationV1<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chains: Option<Vec<ChainV1<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queries: Option<Vec<ChainQueryV1<'a>>>,
    total: TotalV1,
}

/// Whether a record is a chain or a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One record per chain.
    Chains,
    /// One record per query.
    Flat,
}

/// Writes one JSON document with window, coverage, records and totals.
///
/// # Errors
///
/// When the writer fails.
pub fn write_json(
    audit: &Audit,
    chains: &[&Chain],
    shape: Shape,
    writer: &mut dyn Write,
) -> io::Result<()> {
    let (mut nested, mut flat) = (None, None);
    match shape {
        Shape::Chains => nested = Some(chains.iter().map(|chain| ChainV1::of(chain)).collect()),
        Shape::Flat => {
            let rows = chains.iter().flat_map(|chain| ChainQueryV1::all_of(chain));
            flat = Some(rows.collect());
        }
    }
    let document = ChainsV1 {
        schema: CHAINS_SCHEMA,
        window: WindowV1::of(audit.window),
        coverage: CoverageV1::of(&audit.coverage),
        statistics: audit.statistics.as_ref().map(StatisticsV1::of),
        verification: audit.verification.as_ref().map(VerificationV1::of),
        chains: nested,
        queries: flat,
        total: TotalV1::of(chains),
    };
    serde_json::to_writer(&mut *writer, &document)?;
    writer.write_all(b"\n")
}

/// Writes one JSON object per line, a chain or a query each.
///
/// # Errors
///
/// When the writer fails.
pub fn write_jsonl(chains: &[&Chain], shape: Shape, writer: &mut dyn Write) -> io::Result<()> {
    for chain in chains {
        match shape {
            Shape::Chains => {
                serde_json::to_writer(&mut *writer, &ChainV1::of(chain))?;
                writer.write_all(b"\n")?;
            }
            Shape::Flat => {
                for row in ChainQueryV1::all_of(chain) {
                    serde_json::to_writer(&mut *writer, &row)?;
                    writer.write_all(b"\n")?;
                }
            }
        }
    }
    Ok(())
}
