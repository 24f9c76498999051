//! Stored objects that were indexed where they are, and need not be read.

use super::coverage::{DayActivity, SeenKey};
use super::relevance::SessionFingerprint;

/// What an engine said of an object that need not be read: it has no relevant record, or the engine sent
/// those that it has. It counts as if it had been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexedObject {
    /// The number of records.
    pub records: u64,
    /// Those of them whose event time is inside the window.
    pub records_in_window: u64,
    /// Records by account, Region and day.
    pub seen: Vec<(SeenKey, DayActivity)>,
    /// Fingerprints of the role sessions that made calls, and of their roles: sorted, each once. If
    /// one of these sessions turns out to be relevant, the object is read.
    pub fingerprints: Box<[SessionFingerprint]>,
    /// Relevant records by their positions, with the members that are read.
    pub relevant: Vec<(u32, String)>,
}
