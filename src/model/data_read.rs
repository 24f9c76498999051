//! What a query read: tables, buckets and functions, and whose they are
//! (docs/cloudtrail-facts.md#what-a-query-read).

use super::confidence::Confidence;
use super::ids::{AccountId, EventId, QueryExecutionId};
use super::pattern;
use super::text::Text;

/// The kind of evidence of a read, the weakest first.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[strum(serialize_all = "kebab-case")]
pub enum ReadEvidence {
    /// The SQL names the table.
    Sql,
    /// Objects of it were read.
    S3,
    /// A function was invoked that reads another source.
    Connector,
    /// Athena asked the data catalog for the table.
    Glue,
    /// Lake Formation gave access to the table.
    LakeFormation,
}

impl ReadEvidence {
    /// All kinds, the weakest first.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The kind as the outputs spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Events without which some reads are not known.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    strum::IntoStaticStr,
    strum::VariantArray,
    serde::Serialize,
    serde::Deserialize,
)]
#[strum(serialize_all = "kebab-case")]
pub enum ReadEvents {
    /// `GetDataAccess` of Lake Formation.
    LakeFormation,
    /// Data events of S3.
    S3DataEvents,
    /// Data events of Lambda.
    LambdaDataEvents,
}

impl ReadEvents {
    /// All of them, in the order of the documentation.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The events as the outputs spell them.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The thing that was read: entries of one query differ in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReadSubject {
    /// The table's ARN, where its account is known: `arn:P:glue:REGION:ACCOUNT:table/DB/TABLE`.
    pub table_arn: Option<Text>,
    /// The data catalog: an account id, `ACCOUNT:CATALOG`, or the name of a registered catalog.
    pub catalog_id: Option<Text>,
    /// The database.
    pub database: Option<Text>,
    /// The table.
    pub table: Option<Text>,
    /// The bucket, where objects are known to no table.
    pub bucket: Option<Text>,
    /// The function of a connector.
    pub function_arn: Option<Text>,
}

/// One table, bucket or function that a query read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataRead {
    /// The table, bucket or function.
    pub subject: ReadSubject,
    /// The account it belongs to, its producer; `None` where nothing tells.
    pub owner_account_id: Option<AccountId>,
    /// The strongest evidence of this confidence.
    pub via: ReadEvidence,
    /// Permissions that Lake Formation gave, sorted.
    pub permissions: Vec<Text>,
    /// The confidence that this query read it.
    pub confidence: Confidence,
    /// The query; `None` where several may have read it.
    pub query_execution_id: Option<QueryExecutionId>,
    /// The queries that may have read it, sorted; empty where one did.
    pub candidate_query_ids: Vec<QueryExecutionId>,
    /// Objects of S3 that were read; `None` where the logs have no S3 data events of it.
    pub objects: Option<u64>,
    /// Bytes of those objects that were sent; `None` where no event tells.
    pub bytes: Option<u64>,
    /// The folders of those objects, at most [`PREFIXES_MAX`], sorted.
    pub prefixes: Vec<Text>,
    /// Its events, sorted, at most [`EVENT_IDS_MAX`].
    pub event_ids: Vec<EventId>,
    /// The number of its events.
    pub event_count: u64,
    /// The shares by which a table of another account was reachable, as far as logs and lists tell,
    /// sorted.
    pub shared_by: Vec<Text>,
}

/// The most folders that an entry names.
pub const PREFIXES_MAX: usize = 10;

/// The most events that an entry names.
pub const EVENT_IDS_MAX: usize = 100;

impl DataRead {
    /// Returns true if a pattern names what was read, in any case; `*` stands for any text: a table
    /// by `TABLE`, `DATABASE.TABLE` or ARN, a bucket by `s3://BUCKET`, a function by ARN.
    #[must_use]
    pub fn is_named(&self, pattern: &str) -> bool {
        let subject = &self.subject;
        let bucket = subject.bucket.as_ref();
        let names = [
            Some(self.name()),
            subject.table.as_deref().map(str::to_owned),
            subject.table_arn.as_deref().map(str::to_owned),
            bucket.map(|bucket| format!("s3://{bucket}/")),
        ];
        let pattern = pattern.to_lowercase();
        let mut names = names.into_iter().flatten();
        names.any(|name| pattern::matches(&pattern, &name.to_lowercase()))
    }

    /// `database.table`, the function, or `s3://BUCKET`, as people read it; `database.*` or `catalog.*`
    /// where the tables are not known.
    #[must_use]
    pub fn name(&self) -> String {
        let subject = &self.subject;
        match (&subject.database, &subject.table, &subject.bucket) {
            (Some(database), Some(table), _) => format!("{database}.{table}"),
            (None, Some(table), _) => table.to_string(),
            (_, _, Some(bucket)) => format!("s3://{bucket}"),
            (database, ..) => match (&subject.function_arn, database, &subject.catalog_id) {
                (Some(function), ..) => function.to_string(),
                (None, Some(database), _) => format!("{database}.*"),
                (None, None, Some(catalog)) => format!("{catalog}.*"),
                (None, None, None) => "?".to_owned(),
            },
        }
    }
}
