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
    /// Query executions, sorted; refused ones as `refused`.
    pub query_execution_ids: Vec<String>,
    /// Calls of the consumer session.
    pub call_count: u64,
    /// Its special feature.
    pub story: String,
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
