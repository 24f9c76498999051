//! What the pipeline asks of the outside world, in our own words.

use crate::model::coverage::Sibling;
use crate::model::text::Text;
use std::collections::BTreeMap;

/// Something could not be read from a source. The message names the object and
/// says why, in words for the person who sees it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    /// What happened.
    pub message: String,
}

/// Stored objects that may hold CloudTrail records.
///
/// A source lists its objects when it is made, and hands out their bytes to as
/// many threads as ask. Positions are dense, start at 0, and follow the order of
/// the keys, so that the same objects always get the same positions.
pub trait LogSource: Sync {
    /// How many objects there are to read.
    fn object_count(&self) -> u32;

    /// Key or path of an object, as people know it.
    fn key(&self, object: u32) -> Text;

    /// Replaces `body` with the stored bytes of an object.
    ///
    /// # Errors
    ///
    /// When the object cannot be read; the run goes on without it.
    fn read(&self, object: u32, body: &mut Vec<u8>) -> Result<(), SourceError>;

    /// What the listing itself passed over or failed at.
    fn listing(&self) -> &Listing;
}

/// What a source knows before any object is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Objects left out because the date in their key is outside the window.
    pub outside_window: u64,
    /// Objects left out as siblings of the logs, by their key.
    pub passed_over: BTreeMap<Sibling, u64>,
    /// Folders or links that could not be followed: key, and why.
    pub failed: Vec<(Text, String)>,
    /// Bytes to read, where the listing knows.
    pub bytes: Option<u64>,
}
