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
    add_figures(chains, statistics, pricing);
    let mut tally = StatisticsTally::of(statistics);
    tally.add(chains);
    tally.coverage()
}

/// Gives every query its state, bytes and estimated cost, where statistics of it were read.
pub fn add_figures(chains: &mut [Chain], statistics: &Statistics, pricing: &Pricing) {
    // Queries of one chain are of one day, or two.
    let mut today = (UtcDay::MIN, Date::default());
    for query in chains.iter_mut().flat_map(|chain| &mut chain.queries) {
        let Some(id) = &query.query_execution_id else {
            continue;
        };
        let Some(found) = statistics.by_id.get(id) else {
            continue;
        };
        let number = query.started_at.utc_day();
        if today.0 != number {
            today = (number, query.started_at.day());
        }
        let day = today.1;
        query.figures = Some(Box::new(figures(found, pricing, |bytes| {
            pricing.estimate_usd(bytes, query.region.as_deref()?, day)
        })));
    }
}

/// Counts the queries that statistics are of, some chains at a time.
pub struct StatisticsTally<'a> {
    statistics: &'a Statistics,
    /// Executions that queries were found for.
    used: HashSet<&'a QueryExecutionId>,
    queries: u64,
    queries_with_statistics: u64,
}

impl<'a> StatisticsTally<'a> {
    /// Begins to count.
    #[must_use]
    pub fn of(statistics: &'a Statistics) -> Self {
        Self {
            statistics,
            used: HashSet::with_capacity(statistics.by_id.len()),
            queries: 0,
            queries_with_statistics: 0,
        }
    }

    /// Counts the queries of some chains.
    pub fn add(&mut self, chains: &[Chain]) {
        let queries = chains.iter().flat_map(|chain| &chain.queries);
        for id in queries.filter_map(|query| query.query_execution_id.as_ref()) {
            self.queries += 1;
            if let Some((known, _)) = self.statistics.by_id.get_key_value(id) {
                self.queries_with_statistics += 1;
                self.used.insert(known);
            }
        }
    }

    /// The coverage of the statistics.
    #[must_use]
    pub fn coverage(self) -> StatisticsCoverage {
        let statistics = self.statistics;
        let unused = statistics.by_id.iter();
        let unused = unused.filter(|(id, _)| !self.used.contains(id));
        let mut coverage = StatisticsCoverage {
            files: statistics.files,
            executions: statistics.by_id.len() as u64,
            duplicates: statistics.duplicates,
            updates: statistics.updates,
            unprocessed: statistics.unprocessed,
            unread_members: statistics.unread_members,
            rejects: statistics.rejects.clone(),
            queries: self.queries,
            queries_with_statistics: self.queries_with_statistics,
            ..StatisticsCoverage::default()
        };
        for (_, unused) in unused {
            coverage.executions_without_query += 1;
            let bytes = unused.bytes_scanned.unwrap_or_default();
            coverage.bytes_without_query = coverage.bytes_without_query.saturating_add(bytes);
        }
        coverage
    }
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
