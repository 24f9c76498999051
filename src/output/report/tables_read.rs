//! The tables that were read in a night, and who read those of producers.

use crate::model::chain::{Chain, Confidence, QueryExecution};
use crate::model::data_read::DataRead;
use crate::model::ids::AccountId;
use crate::model::text::Text;
use crate::model::topology::{ReadDeclaration, Topology};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Lines of each list.
const LINES_MAX: usize = 500;

/// What was read of one table, bucket or function.
#[derive(Debug, Clone, Default)]
pub struct TableUse<'a> {
    /// `DATABASE.TABLE`, `s3://BUCKET`, or a function.
    pub name: String,
    /// Its ARN, where its account is known.
    pub table_arn: Option<&'a Text>,
    /// Its owner.
    pub owner_account_id: Option<&'a AccountId>,
    /// The consumers that read it.
    pub consumers: BTreeSet<&'a AccountId>,
    /// Queries that read it, at least probably.
    pub query_count: u64,
    /// Reads of which it is open which query made them, or whether any did.
    pub ambiguous_count: u64,
    /// Objects of S3 that these queries read, as far as they are known.
    pub objects: Option<u64>,
    /// Bytes of them, as far as they are known.
    pub bytes: Option<u64>,
}

/// What one reader read of one producer.
#[derive(Debug, Clone, Default)]
pub struct ProducerUse {
    /// The tables.
    pub tables: BTreeSet<String>,
    /// Queries that read them, at least probably.
    pub query_count: u64,
    /// Bytes of their objects, as far as they are known.
    pub bytes: Option<u64>,
}

/// Who reads a producer's tables.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProducerReader<'a> {
    /// The owner of the tables.
    pub producer: &'a AccountId,
    /// The account that reads.
    pub consumer: &'a AccountId,
    /// The work group.
    pub work_group: Option<&'a Text>,
    /// The Quick user.
    pub user: Option<&'a Text>,
    /// The dashboard or analysis.
    pub dashboard: Option<&'a Text>,
}

/// The lists, the most read first.
#[derive(Debug, Clone, Default)]
pub struct TablesRead<'a> {
    /// Tables.
    pub tables: Vec<TableUse<'a>>,
    /// The number of tables.
    pub table_count: usize,
    /// Readers of producers' tables.
    pub readers: Vec<(ProducerReader<'a>, ProducerUse)>,
    /// The number of readers.
    pub reader_count: usize,
    /// Queries that Athena took and of which it is not known what they read.
    pub unknown_query_count: u64,
}

/// A read with its query, where that is known.
type ReadOf<'a> = (Option<&'a QueryExecution>, &'a DataRead);

fn reads_of(chain: &Chain) -> impl Iterator<Item = ReadOf<'_>> {
    let of_queries = chain.queries.iter().flat_map(|query| {
        let reads = query.reads.iter().flatten();
        reads.map(move |read| (Some(query), read))
    });
    of_queries.chain(chain.reads.iter().map(|read| (None, read)))
}

fn add(sum: &mut Option<u64>, more: Option<u64>) {
    if let Some(more) = more {
        *sum = Some(sum.unwrap_or(0).saturating_add(more));
    }
}

/// What these chains read; of a producer, what they read of its tables.
#[must_use]
pub(super) fn tables_read<'a>(
    chains: &[&'a Chain],
    producer: Option<&AccountId>,
) -> TablesRead<'a> {
    let mut tables: BTreeMap<(Option<&AccountId>, String), TableUse<'a>> = BTreeMap::new();
    let mut readers: BTreeMap<ProducerReader<'a>, ProducerUse> = BTreeMap::new();
    let mut unknown_query_count = 0;
    for chain in chains {
        let unknown = chain.queries.iter();
        let unknown =
            unknown.filter(|query| query.query_execution_id.is_some() && query.reads.is_none());
        unknown_query_count += unknown.count() as u64;
        for (query, read) in reads_of(chain) {
            let owner = read.owner_account_id.as_ref();
            if producer.is_some() && owner != producer {
                continue;
            }
            let table = tables.entry((owner, read.name())).or_default();
            table.name = read.name();
            table.owner_account_id = owner;
            table.table_arn = table.table_arn.or(read.subject.table_arn.as_ref());
            table.consumers.extend(&chain.consumer_account_id);
            if read.confidence == Confidence::Ambiguous {
                table.ambiguous_count += 1;
                continue;
            }
            add(&mut table.objects, read.objects);
            add(&mut table.bytes, read.bytes);
            table.query_count += 1;
            let consumer = chain.consumer_account_id.as_ref();
            let others = owner.zip(consumer).filter(|(owner, own)| owner != own);
            if let Some((producer, consumer)) = others {
                let user = chain.quick_user.as_ref();
                let reader = ProducerReader {
                    producer,
                    consumer,
                    work_group: query.and_then(|query| query.work_group.as_ref()),
                    user: user.map(|user| &user.name),
                    dashboard: user.and_then(|user| user.resource_arn.as_ref()),
                };
                let of_reader = readers.entry(reader).or_default();
                of_reader.tables.insert(read.name());
                of_reader.query_count += 1;
                add(&mut of_reader.bytes, read.bytes);
            }
        }
    }
    let mut tables: Vec<TableUse<'a>> = tables.into_values().collect();
    tables.sort_by_key(|table| Reverse((table.query_count, table.bytes)));
    let mut readers: Vec<_> = readers.into_iter().collect();
    readers.sort_by_key(|(_, of)| Reverse((of.bytes, of.query_count)));
    let (table_count, reader_count) = (tables.len(), readers.len());
    tables.truncate(LINES_MAX);
    readers.truncate(LINES_MAX);
    TablesRead {
        tables,
        table_count,
        readers,
        reader_count,
        unknown_query_count,
    }
}

/// Whether the configuration declares the producer and the reader.
pub(super) fn declared(topology: &Topology, reader: &ProducerReader<'_>) -> &'static str {
    match topology.read_declaration(reader.producer, reader.consumer) {
        None => "",
        Some(ReadDeclaration::UndeclaredProducer) => "not declared",
        Some(ReadDeclaration::UndeclaredReader) => "not a reader",
        Some(ReadDeclaration::AnyReader) => "any reader",
        Some(ReadDeclaration::DeclaredReader) => "reader",
    }
}
