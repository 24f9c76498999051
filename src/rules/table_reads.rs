//! Reads of tables, as rules see them.

use crate::model::chain::{Chain, ChainPath, Confidence, QueryExecution};
use crate::model::data_read::{DataRead, ReadEvidence};
use crate::model::ids::AccountId;
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use serde::{Deserialize, Serialize};

/// A read, with who read.
#[derive(Debug, Clone, Copy)]
pub(super) struct TableRead<'a> {
    pub(super) chain: &'a Chain,
    /// The query, where it is known.
    pub(super) query: Option<&'a QueryExecution>,
    pub(super) read: &'a DataRead,
    /// The time of the query, else of the last event of the chain.
    pub(super) at: UtcSecond,
    /// The account that read.
    pub(super) consumer: &'a AccountId,
}

impl TableRead<'_> {
    /// The other account that owns what was read.
    pub(super) fn producer(&self) -> Option<&AccountId> {
        let owner = self.read.owner_account_id.as_ref();
        owner.filter(|owner| *owner != self.consumer)
    }

    /// The table as subjects name it: `ACCOUNT:DATABASE.TABLE`, or what else was read.
    pub(super) fn table(&self) -> Text {
        let name = self.read.name();
        match (&self.read.owner_account_id, &self.read.subject.table) {
            (Some(owner), Some(_)) => format!("{owner}:{name}").into(),
            _ => name.into(),
        }
    }

    /// The dashboard or analysis.
    pub(super) fn dashboard(&self) -> Option<&Text> {
        self.chain.quick_user.as_ref()?.resource_arn.as_ref()
    }

    /// The Quick user.
    pub(super) fn user(&self) -> Option<&Text> {
        self.chain.quick_user.as_ref().map(|user| &user.name)
    }
}

/// Reads of a chain of which it is at least probable that the consumer made them: also those of which
/// only the query is open.
pub(super) fn reads_of(chain: &Chain) -> impl Iterator<Item = TableRead<'_>> {
    let is_told = chain.path != ChainPath::Session;
    let of_queries = chain.queries.iter().flat_map(|query| {
        let reads = query.reads.iter().flatten();
        let surely = reads.filter(|read| read.confidence != Confidence::Ambiguous);
        surely.map(move |read| (Some(query), read, query.started_at))
    });
    let own = chain.reads.iter().filter(|read| {
        let by_session = matches!(read.via, ReadEvidence::Glue | ReadEvidence::Connector);
        read.confidence != Confidence::Ambiguous || by_session
    });
    let own = own.map(|read| (None, read, chain.last_activity_at));
    let all = of_queries.chain(own).filter(move |_| is_told);
    all.filter_map(move |(query, read, at)| {
        Some(TableRead {
            chain,
            query,
            read,
            at,
            consumer: chain.consumer_account_id.as_ref()?,
        })
    })
}

/// Who reads, the broadest first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum TableReader {
    Consumer,
    Dashboard(Text),
    User(Text),
}

/// A consumer, a table as subjects name it, and who read.
pub(super) type TableReaderKey = (AccountId, Text, TableReader);

impl TableRead<'_> {
    /// All that the read counts for, the broadest first.
    pub(super) fn readers(&self) -> impl Iterator<Item = TableReaderKey> {
        let dashboard = self.dashboard().cloned().map(TableReader::Dashboard);
        let user = self.user().cloned().map(TableReader::User);
        let readers = std::iter::once(TableReader::Consumer).chain(dashboard);
        let table = self.table();
        let all = readers.chain(user);
        all.map(move |reader| (self.consumer.clone(), table.clone(), reader))
    }
}

/// The connector of a read, if it is through one: the function, or the name of the data catalog if there
/// is none.
pub(super) fn connector_of<'a>(read: &TableRead<'a>) -> Option<&'a Text> {
    let subject = &read.read.subject;
    let is_connector = read.read.via == ReadEvidence::Connector;
    let named = subject
        .function_arn
        .as_ref()
        .or(subject.catalog_id.as_ref());
    named.filter(|_| is_connector)
}
