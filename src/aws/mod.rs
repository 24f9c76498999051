//! AWS at the edge: one file per service. Types of the SDK die in here; what leaves
//! is the model, or text in the shapes that `exports` reads.
//!
//! | what | file |
//! |---|---|
//! | runtime, credentials, Regions, roles | [`session`] |
//! | what went wrong, in words that say what to do | [`error`] |
//! | logs in a bucket | [`s3`] |
//! | their bytes, brought ahead of being asked for | [`prefetch`] |
//! | how many requests run at once | [`concurrency`] |
//! | when a request that failed is made again | [`retry_policy`] |
//! | events of accounts without a readable bucket | [`lookup_events`] |
//! | trails, for `doctor` | [`trails`] |
//! | the keys that digests are signed with | [`public_keys`] |
//! | operations that no crate of the SDK describes | [`described`] |
//! | query statistics | [`athena`] |
//! | SQL that Athena runs | [`athena_sql`] |
//! | the bill | [`cost_explorer`] |
//! | accounts and their tags | [`organizations`] |
//! | Quick's data sources | [`quicksight`] |
//! | messages, findings and files for others | [`notifications`] |
//! | data catalogs, grants, shares, users of Quick | [`catalogs`] |
//!
//! Every call that is made is in `docs/iam-policy.json`; a test compares the two.

mod athena;
mod athena_sql;
mod catalogs;
mod concurrency;
mod cost_explorer;
mod described;
mod error;
mod lookup_events;
mod notifications;
mod organizations;
mod prefetch;
mod public_keys;
mod quicksight;
mod retry_policy;
mod s3;
mod session;
mod trails;

pub use athena::{BATCH_MAX, ExecutionAnswer};
pub use athena_sql::{AthenaSql, AthenaTable, WorkGroup};
pub use catalogs::CatalogLists;
pub use cost_explorer::{CostPage, CostQuestion};
pub use error::{AwsError, AwsErrorKind};
pub use lookup_events::{LOOKUP_DAYS_MAX, LOOKUP_EVERY, LookupLogs, LookupPlace};
pub use notifications::TopicMessage;
pub use organizations::ListedAccounts;
pub use public_keys::PublicKeyLookup;
pub use s3::{ExportObject, S3Exports, S3Location, S3Logs};
pub use session::{Access, Aws};
pub use trails::Trail;
