//! Query statistics joined into chains, by query execution id.

use super::bytes::billed_bytes;
use super::price::Pricing;
use crate::model::chain::Chain;
use crate::model::execution::{QueryFigures, QueryStatistics, Statistics, StatisticsCoverage};
use crate::model::ids::QueryExecutionId;
use crate::model::time::UtcDay;
use hashbrown::HashSet;
use jiff::civil::Date;

/// Gives every query its state, bytes and estimated cost, where statistics of it
/// were read, and says how many found theirs.
pub fn join_statistics(
    chains: &mut [Chain],
    statistics: &Statistics,
    pricing: &Pricing,
) -> StatisticsCoverage {
    let mut joined = StatisticsCoverage {
        files: statistics.files,
        executions: statistics.by_id.len() as u64,
        duplicates: statistics.duplicates,
        updates: statistics.updates,
        unprocessed: statistics.unprocessed,
        unread_members: statistics.unread_members,
        rejects: statistics.rejects.clone(),
        ..StatisticsCoverage::default()
    };
    // Queries of one chain are of one day, or two.
    let mut today = (UtcDay::MIN, Date::default());
    let mut used: HashSet<&QueryExecutionId> = HashSet::with_capacity(statistics.by_id.len());
    for query in chains.iter_mut().flat_map(|chain| &mut chain.queries) {
        let Some(id) = &query.query_execution_id else {
            continue;
        };
        joined.queries += 1;
        let Some((known, found)) = statistics.by_id.get_key_value(id) else {
            continue;
        };
        joined.queries_with_statistics += 1;
        used.insert(known);
        let number = query.started_at.utc_day();
        if today.0 != number {
            today = (number, query.started_at.day());
        }
        let day = today.1;
        query.figures = Some(Box::new(figures(found, pricing, |bytes| {
            pricing.estimate_usd(bytes, query.region.as_deref()?, day)
        })));
    }
    for (id, unused) in &statistics.by_id {
        if !used.contains(id) {
            joined.executions_without_query += 1;
            let bytes = unused.bytes_scanned.unwrap_or_default();
            joined.bytes_without_query = joined.bytes_without_query.saturating_add(bytes);
        }
    }
    joined
}

fn figures(
    of: &QueryStatistics,
    pricing: &Pricing,
    estimate: impl Fn(u64) -> Option<rust_decimal::Decimal>,
) -> QueryFigures {
    let bytes_billed = billed_bytes(of, pricing.billing());
    QueryFigures {
        state: of.state,
        statement_type: of.statement_type,
        substatement_type: of.substatement_type.clone(),
        bytes_scanned: of.bytes_scanned,
        bytes_billed,
        result_reused: of.result_reused,
        dpu_count: of.dpu_count,
        estimated_cost_usd: bytes_billed.and_then(estimate),
    }
}
