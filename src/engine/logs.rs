//! Logs of which an engine knows what need not be read.

use super::index::Index;
use crate::model::indexed::IndexedObject;
use crate::model::text::Text;
use crate::ports::{Listing, LogSource, SourceError, Version};
use hashbrown::HashMap;
use std::collections::BTreeMap;

/// Logs, and what an engine knows of them.
pub struct IndexedLogs {
    logs: Box<dyn LogSource>,
    objects: HashMap<u32, IndexedObject>,
}

impl IndexedLogs {
    /// Adds an index to logs.
    #[must_use]
    pub fn new(logs: Box<dyn LogSource>, index: Index) -> Self {
        Self {
            logs,
            objects: index.objects,
        }
    }
}

impl LogSource for IndexedLogs {
    fn object_count(&self) -> u32 {
        self.logs.object_count()
    }

    fn key(&self, object: u32) -> Text {
        self.logs.key(object)
    }

    fn read(&self, object: u32, body: &mut Vec<u8>) -> Result<(), SourceError> {
        self.logs.read(object, body)
    }

    fn listing(&self) -> &Listing {
        self.logs.listing()
    }

    fn indexed(&self, object: u32) -> Option<&IndexedObject> {
        self.objects.get(&object)
    }

    fn expect(&self, objects: &[u32]) {
        self.logs.expect(objects);
    }

    fn fetched(&self) -> Option<u64> {
        self.logs.fetched()
    }

    fn version(&self, object: u32) -> Option<Version> {
        self.logs.version(object)
    }

    fn metadata(&self, object: u32) -> Option<BTreeMap<Text, Text>> {
        self.logs.metadata(object)
    }
}
