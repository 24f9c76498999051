//! Daily figures of Quick's queries: what each query counts for, and what a day came to.

use crate::model::chain::{Chain, QueryExecution};
use crate::model::execution::QueryState;
use crate::model::finding::Subject;
use crate::model::ids::{AccountId, DataSourceArn};
use crate::model::text::Text;
use serde::{Deserialize, Serialize};

/// The scope of a series, the broadest first. A spike of a consumer stands for those of its work
/// groups, data sources and users on the same day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::rules) enum SeriesScope {
    Consumer,
    WorkGroup(Text),
    DataSource(DataSourceArn),
    User(Text),
    Table(Text),
}

/// The key of a series: its scope and currency.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::rules) struct SeriesKey {
    pub(in crate::rules) account: AccountId,
    pub(in crate::rules) scope: SeriesScope,
    /// ISO 4217 code of amounts; empty for counts and bytes.
    pub(in crate::rules) currency: Text,
}

impl SeriesKey {
    pub(in crate::rules) fn subject(&self) -> Subject {
        let mut members = vec![("consumer_account_id", self.account.clone().into())];
        match &self.scope {
            SeriesScope::Consumer => {}
            SeriesScope::WorkGroup(name) => members.push(("work_group", name.clone())),
            SeriesScope::DataSource(arn) => members.push(("data_source_arn", arn.clone().into())),
            SeriesScope::User(name) => members.push(("quick_user", name.clone())),
            SeriesScope::Table(name) => members.push(("table", name.clone())),
        }
        if !self.currency.is_empty() {
            members.push(("currency", self.currency.clone()));
        }
        Subject(members)
    }

    /// The same series of counts or bytes.
    pub(in crate::rules) fn without_currency(&self) -> Self {
        Self {
            currency: "".into(),
            ..self.clone()
        }
    }

    /// The name for a sentence; `account` is that of its account.
    pub(in crate::rules) fn name(&self, account: &str) -> String {
        match &self.scope {
            SeriesScope::Consumer => format!("consumer {account}"),
            SeriesScope::WorkGroup(name) => format!("work group {name} of {account}"),
            SeriesScope::DataSource(arn) => format!("data source {arn} at {account}"),
            SeriesScope::User(name) => format!("user {name} at {account}"),
            SeriesScope::Table(name) => format!("table {name} at {account}"),
        }
    }
}

/// A query with the chain it is of.
#[derive(Debug, Clone, Copy)]
pub(in crate::rules) struct Use<'a> {
    pub(in crate::rules) chain: &'a Chain,
    pub(in crate::rules) query: &'a QueryExecution,
}

/// Queries of a chain that Athena took, with the account that pays.
pub(in crate::rules) fn uses(chain: &Chain) -> impl Iterator<Item = (&AccountId, Use<'_>)> {
    let account = chain.consumer_account_id.as_ref();
    let taken = |query: &&QueryExecution| query.query_execution_id.is_some();
    let queries = chain.queries.iter().filter(taken);
    queries.filter_map(move |query| Some((account?, Use { chain, query })))
}

/// The series that a query counts for.
pub(in crate::rules) fn series_of(
    account: &AccountId,
    one: &Use<'_>,
) -> impl Iterator<Item = SeriesKey> {
    let work_group = one.query.work_group.clone().map(SeriesScope::WorkGroup);
    let source = one
        .chain
        .data_source_arn
        .clone()
        .map(SeriesScope::DataSource);
    let user = one.chain.quick_user.as_ref();
    let user = user.map(|user| SeriesScope::User(user.name.clone()));
    std::iter::once(SeriesScope::Consumer)
        .chain(work_group)
        .chain(source)
        .chain(user)
        .map(|scope| SeriesKey {
            account: account.clone(),
            scope,
            currency: "".into(),
        })
}

/// Queries of a day, and the bytes they scanned.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::rules) struct QueryTally {
    pub(in crate::rules) queries: u64,
    /// Queries whose bytes are known.
    pub(in crate::rules) measured: u64,
    pub(in crate::rules) bytes_scanned: u64,
}

impl QueryTally {
    pub(in crate::rules) fn add_query(&mut self, query: &QueryExecution) {
        let bytes = query.bytes_scanned();
        self.add(Self {
            queries: 1,
            measured: u64::from(bytes.is_some()),
            bytes_scanned: bytes.unwrap_or_default(),
        });
    }

    pub(in crate::rules) fn add(&mut self, other: Self) {
        self.queries += other.queries;
        self.measured += other.measured;
        self.bytes_scanned = self.bytes_scanned.saturating_add(other.bytes_scanned);
    }
}

/// Queries by how they ended.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::rules) struct FailureTally {
    /// Queries of which it is known.
    pub(in crate::rules) known: u64,
    pub(in crate::rules) failed: u64,
    /// Queries of which nothing says how they ended.
    pub(in crate::rules) unknown: u64,
}

impl FailureTally {
    pub(in crate::rules) fn add_query(&mut self, query: &QueryExecution) {
        match has_failed(query) {
            Some(failed) => {
                self.known += 1;
                self.failed += u64::from(failed);
            }
            None => self.unknown += 1,
        }
    }

    pub(in crate::rules) fn add(&mut self, other: Self) {
        self.known += other.known;
        self.failed += other.failed;
        self.unknown += other.unknown;
    }
}

/// Returns whether a query failed; `None` if nothing says how it ended.
pub(in crate::rules) fn has_failed(query: &QueryExecution) -> Option<bool> {
    if query.query_execution_id.is_none() {
        return Some(true);
    }
    let figures = query.figures.as_deref()?;
    Some(figures.state == QueryState::Failed)
}
