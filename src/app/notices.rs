//! Notices of a run while it goes on: a user interface implements the trait.

use crate::engine::IndexWatcher;
use crate::pipeline::Watcher;
use crate::ports::LogSource;

/// Hears what a run has to say.
pub trait Notices: Sync {
    /// Takes a line about how the run goes. It may be kept quiet.
    fn note(&self, line: &str);

    /// Takes a line that has to be heard, however quiet it is to be: what costs money.
    fn announce(&self, line: &str);

    /// Returns whether anyone watches how far reading is: only then are files measured.
    fn is_watched(&self) -> bool;

    /// Returns what watches the listing of places.
    fn listing(&self) -> Box<dyn ListingProgress>;

    /// Returns what watches an engine being asked about objects. It ends when it is dropped.
    fn asking(&self, engine: &str) -> Box<dyn IndexWatcher>;

    /// Returns what watches the reading of these objects of a source. It ends when it is
    /// dropped.
    fn reading<'s>(
        &self,
        source: &'s dyn LogSource,
        objects: Vec<u32>,
        bytes: Option<u64>,
    ) -> Box<dyn Watcher + 's>;
}

/// Watches the listing of places. It ends when it is dropped.
pub trait ListingProgress: Sync {
    /// So many objects of a place are known.
    fn listed(&self, place: &str, objects: usize);
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Notices for Silent {
    fn note(&self, _line: &str) {}

    fn announce(&self, _line: &str) {}

    fn is_watched(&self) -> bool {
        false
    }

    fn listing(&self) -> Box<dyn ListingProgress> {
        Box::new(Self)
    }

    fn asking(&self, _engine: &str) -> Box<dyn IndexWatcher> {
        Box::new(crate::engine::UnwatchedIndex)
    }

    fn reading<'s>(
        &self,
        _source: &'s dyn LogSource,
        _objects: Vec<u32>,
        _bytes: Option<u64>,
    ) -> Box<dyn Watcher + 's> {
        Box::new(crate::pipeline::Unwatched)
    }
}

impl ListingProgress for Silent {
    fn listed(&self, _place: &str, _objects: usize) {}
}
