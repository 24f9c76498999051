//! The biggest queries, users and data sources of a night.

use crate::model::chain::{Chain, QueryExecution};
use crate::model::ids::DataSourceArn;
use crate::model::text::Text;
use rust_decimal::Decimal;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Lines of each list.
const LINES_MAX: usize = 10;

/// A query and its chain.
#[derive(Debug, Clone, Copy)]
pub struct TopQuery<'a> {
    /// The chain.
    pub chain: &'a Chain,
    /// The query.
    pub query: &'a QueryExecution,
}

/// The activity of one user, or of one data source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopUse<'a> {
    /// The user or data source; `None` where the logs do not tell.
    pub name: Option<&'a Text>,
    /// Queries that Athena took.
    pub query_count: u64,
    /// Those of which the bytes are not known.
    pub queries_without_statistics: u64,
    /// Bytes scanned, as far as they are known.
    pub bytes_scanned: Option<u64>,
    /// Billed bytes at list price, as far as they are known.
    pub estimated_cost_usd: Option<Decimal>,
}

/// The lists, the biggest first.
#[derive(Debug, Clone, Default)]
pub struct TopConsumers<'a> {
    /// Queries by bytes scanned.
    pub queries: Vec<TopQuery<'a>>,
    /// Quick users.
    pub users: Vec<TopUse<'a>>,
    /// The number of users.
    pub user_count: usize,
    /// Quick data sources.
    pub data_sources: Vec<TopUse<'a>>,
    /// The number of data sources.
    pub data_source_count: usize,
}

/// The biggest of these chains.
#[must_use]
pub(super) fn top_consumers<'a>(chains: &[&'a Chain]) -> TopConsumers<'a> {
    let mut queries: Vec<TopQuery<'a>> = chains
        .iter()
        .flat_map(|chain| chain.queries.iter().map(|query| TopQuery { chain, query }))
        .filter(|one| one.query.bytes_scanned() > Some(0))
        .collect();
    queries.sort_by_key(|one| Reverse(one.query.bytes_scanned()));
    queries.truncate(LINES_MAX);
    let users = uses(chains, |chain| Some(&chain.quick_user.as_ref()?.name));
    let data_sources = uses(chains, |chain| {
        chain.data_source_arn.as_ref().map(DataSourceArn::text)
    });
    TopConsumers {
        queries,
        user_count: count(&users),
        users: first(users),
        data_source_count: count(&data_sources),
        data_sources: first(data_sources),
    }
}

/// Named ones: what the logs do not tell is none of them.
fn count(uses: &[TopUse<'_>]) -> usize {
    uses.iter().filter(|one| one.name.is_some()).count()
}

fn first(mut uses: Vec<TopUse<'_>>) -> Vec<TopUse<'_>> {
    uses.truncate(LINES_MAX);
    uses
}

fn uses<'a>(chains: &[&'a Chain], name: fn(&'a Chain) -> Option<&'a Text>) -> Vec<TopUse<'a>> {
    let mut uses: BTreeMap<Option<&Text>, TopUse<'a>> = BTreeMap::new();
    for chain in chains {
        let taken = chain.queries.iter();
        let mut taken = taken
            .filter(|query| query.query_execution_id.is_some())
            .peekable();
        if taken.peek().is_none() {
            continue;
        }
        let name = name(chain);
        let sum = uses.entry(name).or_insert_with(|| TopUse {
            name,
            ..TopUse::default()
        });
        for query in taken {
            sum.query_count += 1;
            sum.queries_without_statistics += u64::from(query.lacks_statistics());
            if let Some(bytes) = query.bytes_scanned() {
                sum.bytes_scanned = Some(sum.bytes_scanned.unwrap_or(0).saturating_add(bytes));
            }
            if let Some(cost) = query.estimated_cost_usd() {
                let known = sum.estimated_cost_usd.unwrap_or_default();
                sum.estimated_cost_usd = Some(known.saturating_add(cost));
            }
        }
    }
    let mut uses: Vec<TopUse<'a>> = uses.into_values().collect();
    uses.sort_by_key(|one| Reverse((one.bytes_scanned, one.query_count)));
    uses
}
