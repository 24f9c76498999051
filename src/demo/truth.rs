//! The ground truth, kept next to the logs.

use serde::Serialize;

/// One chain as it really was, and what the logs that were written let a reader
/// know of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct TrueChain {
    /// `c-...` is derived from these; they name the chain.
    pub consumer_account_id: Option<String>,
    /// The name of the consumer role.
    pub consumer_role: Option<String>,
    /// The name of its session.
    pub consumer_session_name: Option<String>,
    /// The time it was made, in RFC 3339.
    pub started_at: String,
    /// The key it got.
    pub consumer_access_key_id: Option<String>,
    /// The path it must be listed under.
    pub path: String,
    /// The status it must have.
    pub status: String,
    /// The parts that must be named as missing, sorted.
    pub missing: Vec<String>,
    /// The best confidence that is possible.
    pub confidence: String,
    /// The key of the session before.
    pub run_as_access_key_id: Option<String>,
    /// The data source, if the logs tell it.
    pub data_source_arn: Option<String>,
    /// The user, if the logs tell one.
    pub quick_user: Option<String>,
    /// The maker of its first session: a service, `people`, or `unknown` if the logs do not have it.
    pub origin: String,
    /// The state machine, function or job, if the logs tell it.
    pub origin_resource_arn: Option<String>,
    /// Those for whom it acted, apart from the user of `quick_user`, sorted.
    pub acting_for: Vec<TrueActing>,
    /// The keys of the sessions that belong with it, sorted.
    pub related: Vec<String>,
    /// Query executions, sorted; refused ones as `refused`.
    pub query_execution_ids: Vec<String>,
    /// Calls of the consumer session.
    pub call_count: u64,
    /// What its queries read, as far as the logs tell it, sorted.
    pub reads: Vec<TrueRead>,
    /// Its special feature.
    pub story: String,
}

/// Someone for whom a chain acted, and how surely the logs tell it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct TrueActing {
    /// The kind.
    pub kind: String,
    /// The id.
    pub id: String,
    /// The best confidence that is possible.
    pub confidence: String,
}

/// A table, bucket or function that was read, and how much of it the logs let a reader know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct TrueRead {
    /// `DATABASE.TABLE`, `s3://BUCKET`, or the ARN of a function.
    pub name: String,
    /// The account that owns it.
    pub owner_account_id: Option<String>,
    /// The strongest evidence.
    pub via: String,
    /// The best confidence that is possible.
    pub confidence: String,
    /// The query; none where several may have read it.
    pub query_execution_id: Option<String>,
    /// The queries that may have read it, sorted.
    pub candidate_query_ids: Vec<String>,
    /// Objects that were read.
    pub objects: Option<u64>,
    /// Bytes of them.
    pub bytes: Option<u64>,
}

/// All chains, and what else is known for sure.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Truth {
    /// Every chain that a reader of all logs can find, sorted.
    pub chains: Vec<TrueChain>,
    /// Records written, with repeats.
    pub record_count: u64,
    /// Records written once more than needed.
    pub duplicate_count: u64,
    /// Records that an update replaces.
    pub replaced_count: u64,
}
