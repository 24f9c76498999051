//! Reads: tables, buckets and functions that queries read, one record for each query and thing.

use super::accounts::account_fields;
use super::field::{Fields, TablePlacement, Value};
use super::flat;
use crate::model::chain::{Chain, ChainPath, Confidence, QueryExecution};
use crate::model::data_read::{DataRead, ReadEvidence};
use crate::model::table::Table;
use crate::model::topology::{ReadDeclaration, Topology};

/// The JSON schema of a read.
pub const SCHEMA: &str = "qs-audit/read/v1";

/// A read, with its chain and its query.
#[derive(Debug, Clone, Copy)]
pub struct ReadRecord<'a> {
    /// The chain.
    pub chain: &'a Chain,
    /// The query; `None` where several may have read it, or it is not in the logs.
    pub query: Option<&'a QueryExecution>,
    /// What was read.
    pub read: &'a DataRead,
    /// Whether the configuration lets the consumer read it; `None` for its own.
    pub declaration: Option<ReadDeclaration>,
}

impl<'a> ReadRecord<'a> {
    /// The reads of a chain: of its queries, in order, then its own.
    pub fn of(chain: &'a Chain, topology: &'a Topology) -> impl Iterator<Item = Self> {
        let declaration = |read: &DataRead| {
            let owner = read.owner_account_id.as_deref();
            let consumer = chain.consumer_account_id.as_ref();
            let (owner, consumer) = owner.zip(consumer)?;
            topology.read_declaration(owner, consumer)
        };
        let of_queries = chain.queries.iter().flat_map(move |query| {
            let reads = query.reads.iter().flatten();
            reads.map(move |read| Self {
                chain,
                query: Some(query),
                read,
                declaration: declaration(read),
            })
        });
        let own = chain.reads.iter().map(move |read| Self {
            chain,
            query: None,
            read,
            declaration: declaration(read),
        });
        of_queries.chain(own)
    }
}

/// The fields of a read.
#[must_use]
pub fn fields<'a>() -> Fields<'a, ReadRecord<'a>> {
    type Read<'a> = ReadRecord<'a>;
    Fields::new()
        .schema(SCHEMA)
        .string("chain_id", "the chain", |read: &Read<'_>| {
            Some(read.chain.chain_id.clone())
        })
        .word(
            "path",
            "the path of the chain",
            ChainPath::ALL.iter().copied().map(ChainPath::as_str),
            |read: &Read<'_>| Some(read.chain.path.as_str()),
        )
        .all_of(account_fields(), |read: &Read<'_>| read.chain)
        .text("quick_user", "the Quick user", |read: &Read<'_>| {
            Some(read.chain.quick_user.as_ref()?.name.clone())
        })
        .text(
            "quick_user_resource_arn",
            "the dashboard or analysis",
            |read: &Read<'_>| read.chain.quick_user.as_ref()?.resource_arn.clone(),
        )
        .timestamp(
            "started_at",
            "time of submission of the query; of the chain, where the query is unknown",
            |read: &Read<'_>| {
                let of_query = read.query.map(|query| query.started_at);
                Some(of_query.unwrap_or(read.chain.started_at))
            },
        )
        .day("day", "the UTC day of `started_at`", |read: &Read<'_>| {
            let of_query = read.query.map(|query| query.started_at);
            Some(of_query.unwrap_or(read.chain.started_at).day())
        })
        .text("work_group", "the work group", |read: &Read<'_>| {
            read.query?.work_group.clone()
        })
        .integer(
            "bytes_scanned",
            "data that the query scanned in all of its tables; null without statistics",
            |read: &Read<'_>| read.query?.bytes_scanned(),
        )
        .word(
            "declared",
            "whether `[[producers]]` lets the consumer read it; null for its own and if the owner is unknown",
            ReadDeclaration::ALL.iter().copied().map(ReadDeclaration::as_str),
            |read: &Read<'_>| read.declaration.map(ReadDeclaration::as_str),
        )
        .record("read", "what was read", read_fields(), |read: &Read<'_>| {
            Some(read.read)
        })
        .placed(TablePlacement::Row)
        .text(
            "origin_service",
            "the service that made the first session of the chain; null for people, and if unknown",
            |read: &Read<'_>| read.chain.origin.service.clone(),
        )
        .always_known(&["chain_id", "path", "started_at", "day", "read"])
}

/// The fields of a read by itself, as queries and chains list it.
pub(super) fn read_fields<'a>() -> Fields<'a, DataRead> {
    with_evidence(with_subject(Fields::new())).always_known(&["via", "confidence", "event_count"])
}

fn with_subject(fields: Fields<'_, DataRead>) -> Fields<'_, DataRead> {
    fields
        .text(
            "table_arn",
            "the table; null if its account is unknown",
            |read: &DataRead| read.subject.table_arn.clone(),
        )
        .text(
            "catalog_id",
            "the data catalog: an account id, `ACCOUNT:CATALOG`, or the name of a registered catalog",
            |read: &DataRead| read.subject.catalog_id.clone(),
        )
        .text("database", "the database", |read: &DataRead| {
            read.subject.database.clone()
        })
        .text("table", "the table", |read: &DataRead| {
            read.subject.table.clone()
        })
        .text(
            "bucket",
            "the bucket, if it is not known which table its objects are",
            |read: &DataRead| read.subject.bucket.clone(),
        )
        .text(
            "owner_account_id",
            "the account that it belongs to, its producer",
            |read: &DataRead| read.owner_account_id.clone(),
        )
        .word(
            "via",
            "the strongest evidence with this confidence",
            ReadEvidence::ALL.iter().rev().copied().map(ReadEvidence::as_str),
            |read: &DataRead| Some(read.via.as_str()),
        )
        .texts(
            "permissions",
            "permissions that Lake Formation gave",
            |read: &DataRead| Value::texts(&read.permissions),
        )
        .word(
            "confidence",
            "the confidence that the query read it",
            Confidence::ALL.iter().copied().map(Confidence::as_str),
            |read: &DataRead| Some(read.confidence.as_str()),
        )
}

fn with_evidence(fields: Fields<'_, DataRead>) -> Fields<'_, DataRead> {
    fields
        .string(
            "query_execution_id",
            "the query; null if several may have read it",
            |read: &DataRead| Some(read.query_execution_id.as_ref()?.to_string()),
        )
        .texts(
            "candidate_query_ids",
            "the queries that may have read it, at most 100",
            |read: &DataRead| Value::strings(&read.candidate_query_ids),
        )
        .text(
            "function_arn",
            "the Lambda function of a connector",
            |read: &DataRead| read.subject.function_arn.clone(),
        )
        .integer(
            "objects",
            "number of S3 objects that were read; null without S3 data events of it",
            |read: &DataRead| read.objects,
        )
        .integer(
            "bytes",
            "bytes of these objects that were read; null if no event tells",
            |read: &DataRead| read.bytes,
        )
        .texts(
            "prefixes",
            "the folders of these objects, at most ten",
            |read: &DataRead| Value::texts(&read.prefixes),
        )
        .texts("event_ids", "its events, at most 100", |read: &DataRead| {
            Value::strings(&read.event_ids)
        })
        .integer("event_count", "number of its events", |read: &DataRead| {
            Some(read.event_count)
        })
        .texts(
            "shared_by",
            "shares by which the table of another account was reachable, from the logs and `--catalogs`",
            |read: &DataRead| Value::texts(&read.shared_by),
        )
}

/// One row for each read of these chains.
#[must_use]
pub fn table(chains: &[&Chain], topology: &Topology) -> Table {
    let reads = chains.iter().copied();
    let reads = reads.flat_map(|chain| ReadRecord::of(chain, topology));
    let reads: Vec<ReadRecord<'_>> = reads.collect();
    flat::table("reads", &fields(), &reads)
}
