//! The inputs of stitching other than the events.

use crate::model::chat_log::ChatLogs;
use crate::model::execution::Statistics;
use crate::model::ids::AccountId;
use crate::model::integrity::Integrity;
use crate::model::topology::Topology;
use crate::model::window::TimeWindow;
use std::collections::BTreeSet;

/// Sessions before the consumer session that a chain lists. Two is what Quick makes; records
/// that assume each other in a circle end here.
pub(super) const EARLIER_SESSIONS_MAX: usize = 16;

/// The inputs of stitching other than the events.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The declared topology.
    pub topology: &'a Topology,
    /// The window of the run.
    pub window: TimeWindow,
    /// Accounts of which any record was read: tells a gap from an absence.
    pub accounts_seen: &'a BTreeSet<AccountId>,
    /// True if sessions that have nothing to do with Quick or Athena are wanted.
    pub all_sessions: bool,
    /// Statistics of queries, where they were read: their SQL may have told
    /// Quick's own query id.
    pub statistics: Option<&'a Statistics>,
    /// Chat logs of Quick, where they were read.
    pub chat_logs: Option<&'a ChatLogs>,
    /// The integrity status of each object, where files were verified: of the copies of one event,
    /// a verified one counts.
    pub integrity: &'a [Integrity],
}
