//! The queries that share a bill, in columns: all that is needed of them once their chains are gone.

use super::frame::Codes;
use super::price::{ESTIMATE_SCALE, Pricing};
use super::reconcile::QueryReasonCounts;
use crate::model::chain::{Chain, ChainPath, Confidence, QueryExecution};
use crate::model::charge::{ListPrice, NONE, Share, UNKNOWN};
use crate::model::data_read::DataRead;
use crate::model::execution::StatisticsCoverage;
use crate::model::ids::{AccountId, DataSourceArn, Region};
use crate::model::money::units;
use crate::model::text::Text;
use crate::model::time::{UtcDay, UtcSecond};
use hashbrown::{HashMap, HashSet};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Queries that Athena took, gathered from chains some at a time, in their order.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct BilledQueries {
    pub(super) codes: Codes,
    pub(super) groups: Vec<QueryGroup>,
    #[serde(skip)]
    group_codes: HashMap<QueryGroup, u32>,
    pub(super) rows: QueryRows,
    /// Positions among all queries of those that Athena refused.
    refused: Vec<u32>,
    pub(super) reasons: QueryReasonCounts,
    /// A moment of each Region and day with queries.
    priced: BTreeMap<(Region, UtcDay), UtcSecond>,
    /// What queries read, where that is gathered.
    #[serde(skip)]
    reads: Option<QueryTables>,
}

/// Queries that Athena took, counted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct CountedQueries {
    queries: u64,
    with_statistics: u64,
    /// Bytes that those with statistics scanned.
    bytes_scanned: u64,
}

impl CountedQueries {
    /// Adds them to the queries that statistics are of.
    pub fn add_to(self, coverage: &mut Option<StatisticsCoverage>) {
        if let Some(coverage) = coverage {
            coverage.queries += self.queries;
            coverage.queries_with_statistics += self.with_statistics;
            let others = coverage.executions_without_query;
            coverage.executions_without_query = others.saturating_sub(self.with_statistics);
            let bytes = coverage.bytes_without_query;
            coverage.bytes_without_query = bytes.saturating_sub(self.bytes_scanned);
        }
    }
}

/// What queries are grouped by, but for their day; members are codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct QueryGroup {
    pub(super) account: u32,
    pub(super) region: u32,
    pub(super) work_group: u32,
    pub(super) source: u32,
    pub(super) user: u32,
    pub(super) origin: u32,
    pub(super) is_other: bool,
}

/// One value for each query.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct QueryRows {
    pub(super) group: Vec<u32>,
    pub(super) day: Vec<i32>,
    pub(super) lacks_statistics: Vec<bool>,
    pub(super) scanned: Vec<MaybeBytes>,
    pub(super) billed: Vec<MaybeBytes>,
    /// Units of [`ESTIMATE_SCALE`] places.
    pub(super) estimate: Vec<Option<i128>>,
}

/// Bytes that may be unknown, in half the space.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct MaybeBytes(u64);

impl MaybeBytes {
    /// More than any query has.
    const UNKNOWN: u64 = u64::MAX;

    fn of(bytes: Option<u64>) -> Self {
        Self(bytes.map_or(Self::UNKNOWN, |bytes| bytes.min(Self::UNKNOWN - 1)))
    }

    pub(super) fn bytes(self) -> Option<u64> {
        (self.0 != Self::UNKNOWN).then_some(self.0)
    }
}

/// The tables of a query with their producers, each once.
pub(super) type TableList = Vec<(Text, Text)>;

/// The tables of each query, lists that occur often once.
#[derive(Debug, Clone, Default)]
struct QueryTables {
    lists: Vec<TableList>,
    codes: HashMap<TableList, u32>,
    of_query: Vec<u32>,
}

impl QueryTables {
    fn add(&mut self, query: &QueryExecution) {
        let list = tables_of(query);
        let next = u32::try_from(self.lists.len()).unwrap_or(u32::MAX);
        let code = *self.codes.entry_ref(&list).or_insert(next);
        if code == next {
            self.lists.push(list);
        }
        self.of_query.push(code);
    }
}

impl BilledQueries {
    /// The queries of some chains.
    #[must_use]
    pub fn of(chains: &[Chain]) -> Self {
        let mut all = Self::default();
        all.add(chains);
        all
    }

    /// Has none yet, and gathers what queries read, too: their charges can be grouped by it.
    #[must_use]
    pub fn with_reads() -> Self {
        Self {
            reads: Some(QueryTables::default()),
            ..Self::default()
        }
    }

    /// Adds the queries of further chains.
    pub fn add(&mut self, chains: &[Chain]) {
        for chain in chains {
            let own = QueryGroup {
                account: self.code(chain.consumer_account_id.as_ref().map(AccountId::text)),
                source: self.code(chain.data_source_arn.as_ref().map(DataSourceArn::text)),
                user: self.code(chain.quick_user.as_ref().map(|user| &user.name)),
                origin: self.code(Some(&chain.origin.label().into())),
                is_other: chain.path != ChainPath::QuickRoleChain,
                region: 0,
                work_group: 0,
            };
            for query in &chain.queries {
                self.add_query(own, query);
            }
        }
    }

    fn code(&mut self, text: Option<&Text>) -> u32 {
        self.codes.code(text)
    }

    fn add_query(&mut self, of_chain: QueryGroup, query: &QueryExecution) {
        self.reasons.add(query);
        let day = query.started_at.utc_day();
        if let Some(region) = &query.region {
            // A million queries have few places and days.
            let place = (region.clone(), day);
            self.priced.entry(place).or_insert(query.started_at);
        }
        if query.query_execution_id.is_none() {
            let position = self.refused.len() + self.rows.len();
            self.refused
                .push(u32::try_from(position).unwrap_or(u32::MAX));
            return;
        }
        let group = QueryGroup {
            region: self.code(query.region.as_ref().map(Region::text)),
            work_group: self.code(query.work_group.as_ref()),
            ..of_chain
        };
        let group_code = self.group_code(group);
        let rows = &mut self.rows;
        rows.group.push(group_code);
        rows.day.push(day.number());
        rows.lacks_statistics.push(query.lacks_statistics());
        rows.scanned.push(MaybeBytes::of(query.bytes_scanned()));
        rows.billed.push(MaybeBytes::of(query.bytes_billed()));
        let estimate = query.estimated_cost_usd();
        rows.estimate
            .push(estimate.and_then(|cost| units(cost, ESTIMATE_SCALE)));
        if let Some(reads) = &mut self.reads {
            reads.add(query);
        }
    }

    fn group_code(&mut self, group: QueryGroup) -> u32 {
        let next = u32::try_from(self.groups.len()).unwrap_or(u32::MAX);
        let code = *self.group_codes.entry(group).or_insert(next);
        if code == next {
            self.groups.push(group);
        }
        code
    }

    /// Adds queries that were gathered elsewhere. What they read is not known.
    pub fn merge(&mut self, other: &Self) {
        let before = self.refused.len() + self.rows.len();
        let before = u32::try_from(before).unwrap_or(u32::MAX);
        let moved = other.refused.iter();
        self.refused
            .extend(moved.map(|at| at.saturating_add(before)));
        let mut own_code = |code: u32| self.codes.code(other.codes.text(code));
        let groups = other.groups.iter().map(|group| QueryGroup {
            account: own_code(group.account),
            region: own_code(group.region),
            work_group: own_code(group.work_group),
            source: own_code(group.source),
            user: own_code(group.user),
            origin: own_code(group.origin),
            is_other: group.is_other,
        });
        let groups: Vec<QueryGroup> = groups.collect();
        let codes: Vec<u32> = groups
            .into_iter()
            .map(|group| self.group_code(group))
            .collect();
        let (rows, of) = (&mut self.rows, &other.rows);
        let groups = of.group.iter();
        rows.group
            .extend(groups.filter_map(|code| codes.get(*code as usize)));
        rows.day.extend(&of.day);
        rows.lacks_statistics.extend(&of.lacks_statistics);
        rows.scanned.extend(&of.scanned);
        rows.billed.extend(&of.billed);
        rows.estimate.extend(&of.estimate);
        self.reasons.merge(&other.reasons);
        for (place, at) in &other.priced {
            self.priced.entry(place.clone()).or_insert(*at);
        }
    }

    /// How many these are, and how many of them have statistics.
    #[must_use]
    pub fn counted(&self) -> CountedQueries {
        let rows = &self.rows;
        let mut counted = CountedQueries::default();
        for (lacks, scanned) in rows.lacks_statistics.iter().zip(&rows.scanned) {
            counted.queries += 1;
            if !lacks {
                let bytes = scanned.bytes().unwrap_or_default();
                counted.with_statistics += 1;
                counted.bytes_scanned = counted.bytes_scanned.saturating_add(bytes);
            }
        }
        counted
    }

    /// The group of a query.
    pub(super) fn group(&self, row: usize) -> QueryGroup {
        self.groups[self.rows.group[row] as usize]
    }

    /// Bytes that Athena bills for a query.
    pub(super) fn billed(&self, row: u32) -> Option<u64> {
        self.rows.billed[row as usize].bytes()
    }

    /// The tables of each query, where these were gathered.
    pub(super) fn tables(&self) -> impl Iterator<Item = &TableList> {
        let reads = self.reads.iter();
        reads.flat_map(|reads| {
            reads
                .of_query
                .iter()
                .map(|list| &reads.lists[*list as usize])
        })
    }

    /// Values of queries in their order, with `None` for those that Athena refused.
    pub(super) fn with_refused<T>(
        &self,
        values: impl Iterator<Item = Option<T>>,
    ) -> Vec<Option<T>> {
        let all = self.rows.len() + self.refused.len();
        let mut refused = self.refused.iter().copied().peekable();
        let mut values = values;
        let mut whole = Vec::with_capacity(all);
        for position in 0..u32::try_from(all).unwrap_or(u32::MAX) {
            let is_refused = refused.next_if_eq(&position).is_some();
            whole.push(if is_refused {
                None
            } else {
                values.next().flatten()
            });
        }
        whole
    }

    /// Values of all queries, without those that Athena refused.
    pub(super) fn without_refused<'v, T>(&self, values: &'v [T]) -> impl Iterator<Item = &'v T> {
        let mut refused = self.refused.iter().copied().peekable();
        let values = (0u32..).zip(values);
        values.filter_map(move |(position, value)| {
            refused.next_if_eq(&position).is_none().then_some(value)
        })
    }

    /// The prices of the Regions and days of queries, each once.
    pub(super) fn prices(&self, pricing: &Pricing) -> Vec<ListPrice> {
        let used = self.priced.iter();
        let used = used.filter_map(|((region, _), at)| pricing.list_price(region, at.day()));
        let used: BTreeSet<ListPrice> = used.collect();
        used.into_iter().collect()
    }

    /// All days with queries.
    pub(super) fn days(&self) -> BTreeSet<i32> {
        let days: HashSet<i32> = self.rows.day.iter().copied().collect();
        days.into_iter().collect()
    }
}

impl QueryGroup {
    /// The owner of its share.
    pub(super) fn share(self) -> Share {
        if self.is_other {
            Share::Other
        } else {
            Share::Quick
        }
    }
}

impl QueryRows {
    pub(super) fn len(&self) -> usize {
        self.group.len()
    }
}

/// The tables, buckets and functions of a query with their producers, each once: those that it is
/// at least probable to have read.
fn tables_of(query: &QueryExecution) -> TableList {
    let missing = |name: &str| vec![(Text::from(name), Text::from(name))];
    let Some(reads) = &query.reads else {
        return missing(UNKNOWN);
    };
    let surely = reads.iter();
    let surely = surely.filter(|read| read.confidence != Confidence::Ambiguous);
    let tables: TableList = surely
        .map(|read| {
            let producer = read.owner_account_id.as_ref().map(AccountId::text);
            (
                table_name(read),
                producer.cloned().unwrap_or_else(|| UNKNOWN.into()),
            )
        })
        .collect();
    match (tables.is_empty(), reads.is_empty()) {
        (false, _) => tables,
        (true, true) => missing(NONE),
        (true, false) => missing(UNKNOWN),
    }
}

/// The ARN of a table, else the name of what was read.
fn table_name(read: &DataRead) -> Text {
    let arn = read.subject.table_arn.clone();
    arn.unwrap_or_else(|| read.name().into())
}
