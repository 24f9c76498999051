//! Chain records, version 1 (docs/output-v1.md).

use super::coverage::{CoverageV1, StatisticsV1};
use super::lines::write_lines;
use super::verification::VerificationV1;
use super::window::WindowV1;
use crate::model::audit::Audit;
use crate::model::chain::Chain;
use crate::model::money::exact;
use crate::records;
use crate::records::queries::QueryRecord;
use serde::Serialize;
use std::io::{self, Write};

const CHAINS_SCHEMA: &str = "qs-audit/chains/v1";

#[derive(Serialize)]
struct RecordsTotalV1 {
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

impl RecordsTotalV1 {
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
struct ChainsV1<'a, C: Serialize, Q: Serialize> {
    schema: &'static str,
    window: WindowV1,
    coverage: CoverageV1<'a>,
    statistics: Option<StatisticsV1<'a>>,
    verification: Option<VerificationV1<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chains: Option<C>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queries: Option<Q>,
    total: RecordsTotalV1,
}

/// The shape of a record: a chain or a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordShape {
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
    shape: RecordShape,
    writer: &mut dyn Write,
) -> io::Result<()> {
    let of_chain = records::chains::fields();
    let of_query = records::queries::fields();
    let queries = match shape {
        RecordShape::Chains => Vec::new(),
        RecordShape::Flat => QueryRecord::all_of(chains, None),
    };
    let document = ChainsV1 {
        schema: CHAINS_SCHEMA,
        window: WindowV1::of(audit.window),
        coverage: CoverageV1::of(&audit.coverage),
        statistics: audit.statistics.as_ref().map(StatisticsV1::of),
        verification: audit.verification.as_ref().map(VerificationV1::of),
        chains: (shape == RecordShape::Chains).then(|| of_chain.list(chains)),
        queries: (shape == RecordShape::Flat).then(|| of_query.list(&queries)),
        total: RecordsTotalV1::of(chains),
    };
    serde_json::to_writer(&mut *writer, &document)?;
    writer.write_all(b"\n")
}

/// Writes one JSON object per line, a chain or a query each.
///
/// # Errors
///
/// When the writer fails.
pub fn write_jsonl(
    chains: &[&Chain],
    shape: RecordShape,
    writer: &mut dyn Write,
) -> io::Result<()> {
    match shape {
        RecordShape::Chains => write_lines(&records::chains::fields(), chains, writer),
        RecordShape::Flat => {
            let queries = QueryRecord::all_of(chains, None);
            write_lines(&records::queries::fields(), &queries, writer)
        }
    }
}
