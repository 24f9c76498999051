//! The pipeline's interfaces to the outside world, in the project's own terms.

use crate::model::coverage::{Coverage, Notes, Sibling};
use crate::model::event::Event;
use crate::model::ids::{AccountId, Region};
use crate::model::indexed::IndexedObject;
use crate::model::integrity::PublicKey;
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use std::collections::{BTreeMap, BTreeSet};

/// Something could not be read from a source. The message names the object and
/// says why, in words for the person who sees it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    /// The error's message.
    pub message: String,
    /// True if it is that the object is not there any more.
    pub is_absent: bool,
}

/// Stored objects that may hold CloudTrail records.
///
/// A source lists its objects when it is made, and hands out their bytes to as
/// many threads as ask. Positions are dense, start at 0, and follow the order of
/// the keys, so that the same objects always get the same positions.
pub trait LogSource: Sync {
    /// Returns the number of objects to read.
    fn object_count(&self) -> u32;

    /// Key or path of an object, as people know it.
    fn key(&self, object: u32) -> Text;

    /// Replaces `body` with the stored bytes of an object.
    ///
    /// # Errors
    ///
    /// When the object cannot be read; the run goes on without it.
    fn read(&self, object: u32, body: &mut Vec<u8>) -> Result<(), SourceError>;

    /// Returns the listing: what it passed over, and where it failed.
    fn listing(&self) -> &Listing;

    /// Returns what is known of an object that need not be read; `None` where it has to be.
    fn indexed(&self, _object: u32) -> Option<&IndexedObject> {
        None
    }

    /// Says which objects are read next, in this order. A source that is far away
    /// brings them ahead of being asked.
    fn expect(&self, _objects: &[u32]) {}

    /// Returns the number of objects fetched so far, where fetching takes time; for progress
    /// messages.
    fn fetched(&self) -> Option<u64> {
        None
    }

    /// Returns the version of an object; `None` where there is none, as for standard input.
    fn version(&self, _object: u32) -> Option<Version> {
        None
    }

    /// Returns the metadata of an object that was read, by name; `None` if it is unknown.
    fn metadata(&self, _object: u32) -> Option<BTreeMap<Text, Text>> {
        None
    }
}

/// An engine that runs SQL where logs are.
pub trait SqlEngine: Send + Sync {
    /// Runs a statement, and hands out its rows as they come, with every value as text.
    ///
    /// # Errors
    ///
    /// When the statement does not come to its end. Rows that were handed out before are void.
    fn run(
        &self,
        statement: &str,
        watcher: &dyn StatementWatcher,
        each: &mut dyn FnMut(Vec<Option<String>>),
    ) -> Result<(), EngineError>;

    /// Cancels all statements that run.
    fn cancel(&self);

    /// The number of statements that may run at the same time.
    fn statements_at_once(&self) -> usize;

    /// The engine as messages name it, such as `trino://HOST/CATALOG/SCHEMA/TABLE`.
    fn name(&self) -> &str;
}

/// Watches a statement run.
pub trait StatementWatcher: Sync {
    /// The engine's word for how far it is, and the bytes that it has scanned.
    fn state(&self, state: &str, scanned_bytes: u64);
}

/// The reason why a statement did not come to its end. The message is the engine's, and names the
/// engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EngineError {
    /// The error's message.
    pub message: String,
    /// What may help.
    pub kind: EngineErrorKind,
}

/// What may help against an [`EngineError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineErrorKind {
    /// Nothing but other access, another statement or another table.
    Refused,
    /// The same statement, once more.
    Passing,
    /// A statement over less, or without an object that the message names.
    Data,
}

/// A watcher of a listing: told of its progress, asked for decisions.
pub trait ListingWatcher: Sync {
    /// So many objects are known.
    fn listed(&self, objects: usize);

    /// Returns true if an object will be read, so that it may be brought before all are listed.
    fn will_read(&self, key: &str, version: &Version) -> bool;
}

/// A source of CloudTrail's public keys.
pub trait KeySource: Sync {
    /// The keys of a Region that were valid at any time from one moment to another.
    ///
    /// # Errors
    ///
    /// When they cannot be had; what they would prove is then unchecked.
    fn public_keys(
        &self,
        region: &str,
        from: UtcSecond,
        to: UtcSecond,
    ) -> Result<Vec<PublicKey>, SourceError>;
}

/// A version of a stored object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The `ETag`, or when it was changed: not the same for two versions.
    pub tag: Text,
    /// Stored bytes.
    pub bytes: u64,
}

/// Several sources, one after the other, as one.
#[derive(Default)]
pub struct Sources {
    all: Vec<(u32, Box<dyn LogSource>)>,
    objects: u32,
    listing: Listing,
}

impl Sources {
    /// Puts a source behind the others.
    pub fn add(&mut self, source: Box<dyn LogSource>) {
        let listing = source.listing();
        self.listing.outside_window += listing.outside_window;
        for (&sibling, &count) in &listing.passed_over {
            *self.listing.passed_over.entry(sibling).or_default() += count;
        }
        self.listing.failed.extend(listing.failed.iter().cloned());
        self.listing.notes.merge(&listing.notes);
        self.listing.places.extend(listing.places.iter().cloned());
        let is_first = self.all.is_empty();
        let before = if is_first {
            Some(0)
        } else {
            self.listing.bytes
        };
        self.listing.bytes = before.zip(listing.bytes).map(|(before, own)| before + own);
        let first = self.objects;
        self.objects += source.object_count();
        self.all.push((first, source));
    }

    /// Notes something that could not be looked at: what, and why.
    pub fn add_failed(&mut self, place: Text, why: String) {
        self.listing.failed.push((place, why));
    }

    /// The source that has an object, and its position there.
    fn of(&self, object: u32) -> Option<(&dyn LogSource, u32)> {
        let at = self.all.partition_point(|(first, _)| *first <= object);
        let (first, source) = self.all.get(at.checked_sub(1)?)?;
        let own = object - first;
        (own < source.object_count()).then_some((&**source, own))
    }
}

impl LogSource for Sources {
    fn object_count(&self) -> u32 {
        self.objects
    }

    fn key(&self, object: u32) -> Text {
        self.of(object)
            .map_or_else(|| "".into(), |(source, own)| source.key(own))
    }

    fn read(&self, object: u32, body: &mut Vec<u8>) -> Result<(), SourceError> {
        match self.of(object) {
            Some((source, own)) => source.read(own, body),
            None => Err(SourceError {
                message: "the object does not exist".to_owned(),
                is_absent: true,
            }),
        }
    }

    fn listing(&self) -> &Listing {
        &self.listing
    }

    fn indexed(&self, object: u32) -> Option<&IndexedObject> {
        let (source, own) = self.of(object)?;
        source.indexed(own)
    }

    fn expect(&self, objects: &[u32]) {
        for (first, source) in &self.all {
            let end = first + source.object_count();
            let own = objects
                .iter()
                .filter(|object| (*first..end).contains(object));
            let own: Vec<u32> = own.map(|object| object - first).collect();
            if !own.is_empty() {
                source.expect(&own);
            }
        }
    }

    fn fetched(&self) -> Option<u64> {
        let counts = self.all.iter().map(|(_, source)| source.fetched());
        counts.flatten().reduce(|one, other| one + other)
    }

    fn version(&self, object: u32) -> Option<Version> {
        let (source, own) = self.of(object)?;
        source.version(own)
    }

    fn metadata(&self, object: u32) -> Option<BTreeMap<Text, Text>> {
        let (source, own) = self.of(object)?;
        source.metadata(own)
    }
}

/// An event that is on disk.
#[derive(Debug, Clone)]
pub struct KeptEvent {
    /// The event. In the store, `place.object` is the object's id in the ledger.
    pub event: Event,
    /// True if it is kept for its role session alone.
    pub is_of_session: bool,
}

/// What does not fit in memory could not be written, or not be read again. The message names the
/// place and says why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SpillError {
    /// The error's message.
    pub message: String,
}

/// The place of something that was spilled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpilledSpan {
    /// The first byte.
    pub offset: u64,
    /// The number of bytes.
    pub bytes: u64,
}

/// A file for what does not fit in memory during a run. It is gone when the run is.
pub trait SpillFile: Sync {
    /// Writes some bytes.
    ///
    /// # Errors
    ///
    /// When they cannot be written.
    fn write(&self, bytes: &[u8]) -> Result<SpilledSpan, SpillError>;

    /// Reads them again.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    fn read(&self, span: SpilledSpan) -> Result<Vec<u8>, SpillError>;

    /// Writes some events.
    ///
    /// # Errors
    ///
    /// When they cannot be written.
    fn write_events(&self, events: &[KeptEvent]) -> Result<SpilledSpan, SpillError>;

    /// Reads events again, in the order of their spans. Texts that they have in common are in memory
    /// once.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    fn read_events(
        &self,
        spans: &[SpilledSpan],
        each: &mut dyn FnMut(KeptEvent),
    ) -> Result<(), SpillError>;
}

/// Events that an earlier run stored, of one window.
#[derive(Debug, Clone, Default)]
pub struct Remembered {
    /// Events that matter in themselves, needed for the window.
    pub events: Vec<Event>,
    /// Calls of role sessions that were relevant when they were read.
    pub session_events: Vec<Event>,
    /// The coverage of the objects that the window needs. Kept records are counted anew.
    pub coverage: Coverage,
    /// Keys of the objects that the events came from, by position.
    pub keys: BTreeMap<u32, Text>,
    /// The objects that could not be listed or read.
    pub listing: Listing,
}

/// What an earlier run stored of one window in addition to events.
#[derive(Debug, Clone, Default)]
pub struct Recalled {
    /// The coverage of the objects that the window needs. Kept records are counted anew.
    pub coverage: Coverage,
    /// The objects that could not be listed or read.
    pub listing: Listing,
}

/// The listing of a source: known before any object is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Objects left out because the date in their key is outside the window.
    pub outside_window: u64,
    /// Objects left out as siblings of the logs, by their key.
    pub passed_over: BTreeMap<Sibling, u64>,
    /// Folders or links that could not be followed: key, and why.
    pub failed: Vec<(Text, String)>,
    /// Accounts and Regions of which there are objects of any day, in the window or not.
    pub places: BTreeSet<(AccountId, Region)>,
    /// Remarks on places and objects, which are no gaps of this run.
    pub notes: Notes,
    /// Bytes to read, where the listing knows.
    pub bytes: Option<u64>,
}
