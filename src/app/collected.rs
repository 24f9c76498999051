//! The outcome of a run of `collect`.

use crate::model::text::Text;
use crate::model::window::TimeWindow;
use std::path::PathBuf;

/// The outcome of a run of `collect`.
#[derive(Debug, Default)]
pub struct CollectReport {
    /// The store's folder.
    pub root: PathBuf,
    /// The time that was looked at.
    pub window: TimeWindow,
    /// Objects read for the first time, or in a new version.
    pub objects_read: u64,
    /// Objects that were read before.
    pub objects_known: u64,
    /// Objects read again for calls that are known to matter since.
    pub objects_again: u64,
    /// Records in what was read.
    pub records: u64,
    /// Records and objects that could not be read.
    pub rejected: u64,
    /// Places that were not read or asked for, and why.
    pub gaps: Vec<(Text, String)>,
    /// Further outcomes, as text.
    pub lines: Vec<String>,
}
