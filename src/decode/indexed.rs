//! Objects that an engine indexed: they are counted, and their relevant records are read, as if they had
//! been decoded here.

use super::record;
use super::{Decoder, Unresolved, too_long_string};
use crate::model::event::EventOrigin;
use crate::model::indexed::IndexedObject;
use crate::model::text::Text;

/// A remark on objects that an engine read.
const INDEXED_NOTE: &str = "read by the engine: nothing in it is relevant by itself";

/// A remark on objects whose relevant records an engine sent.
const SENT_NOTE: &str = "read by the engine, which sent its relevant records";

impl Decoder {
    /// Takes in an object that was indexed. Returns `false` if a record that the engine sent is not as
    /// expected: the object has to be read, and nothing is counted.
    #[must_use]
    pub fn indexed(&mut self, object: u32, key: &Text, indexed: &IndexedObject) -> bool {
        let mut sent = Vec::with_capacity(indexed.relevant.len());
        for (record, text) in &indexed.relevant {
            let place = EventOrigin {
                object,
                record: *record,
            };
            let is_long = too_long_string(text, self.limits.string_bytes_max).is_some();
            match record::read(text, place, &mut self.interner) {
                Ok(read) if !is_long => sent.push(read),
                _ => return false,
            }
        }
        let coverage = &mut self.decoded.coverage;
        coverage.objects_read += 1;
        coverage.records += indexed.records;
        coverage.records_not_relevant += indexed.records;
        coverage.records_in_window += indexed.records_in_window;
        for (key, seen) in &indexed.seen {
            coverage.add_seen(key.clone(), *seen);
        }
        let note = if sent.is_empty() {
            INDEXED_NOTE
        } else {
            SENT_NOTE
        };
        coverage.notes.add(note, key);
        for read in sent {
            coverage.records_of_unknown_version += u64::from(!read.known_version);
            if self.window.needs(read.event.time) {
                coverage.records_not_relevant -= 1;
                coverage.records_kept += 1;
                self.decoded.events.push(read.event);
            }
        }
        if !indexed.fingerprints.is_empty() {
            self.decoded.unresolved.push(Unresolved {
                object,
                records: indexed.records,
                fingerprints: indexed.fingerprints.clone(),
            });
        }
        true
    }
}
