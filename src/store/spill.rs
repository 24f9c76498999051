//! A file for the events of one run that do not fit in memory, in the store's own format.
//!
//! It never has a name that outlives its making, so that nothing of it is left, however the run
//! ends, and no one else can open it.

use super::error::StoreError;
use super::events::{self, SegmentReader};
use super::segments::Segment;
use crate::ports::{KeptEvent, SpillError, SpillFile, SpilledSpan};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A nameless file in a folder, made when something is first written.
#[derive(Debug)]
pub struct Spill {
    folder: PathBuf,
    file: Mutex<Option<SpillEnd>>,
}

/// The file, and how long it is.
#[derive(Debug)]
struct SpillEnd {
    file: File,
    bytes: u64,
}

impl Spill {
    /// A file that will be in this folder.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            file: Mutex::new(None),
        }
    }

    fn with<T>(
        &self,
        what: &str,
        act: impl FnOnce(&mut SpillEnd) -> io::Result<T>,
    ) -> Result<T, SpillError> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let made = match file.take() {
            Some(made) => Ok(made),
            None => tempfile::tempfile_in(&self.folder).map(|file| SpillEnd { file, bytes: 0 }),
        };
        let done = made.and_then(|made| act(file.insert(made)));
        done.map_err(|error| self.error(what, &error.to_string()))
    }

    fn error(&self, what: &str, why: &str) -> SpillError {
        let folder = self.folder.display();
        SpillError {
            message: format!("cannot {what} a temporary file in {folder}: {why}"),
        }
    }
}

impl SpillFile for Spill {
    fn write(&self, bytes: &[u8]) -> Result<SpilledSpan, SpillError> {
        self.with("write", |end| {
            let span = SpilledSpan {
                offset: end.bytes,
                bytes: bytes.len() as u64,
            };
            end.file.seek(SeekFrom::Start(end.bytes))?;
            end.file.write_all(bytes)?;
            end.bytes += span.bytes;
            Ok(span)
        })
    }

    fn read(&self, span: SpilledSpan) -> Result<Vec<u8>, SpillError> {
        self.with("read", |end| {
            end.file.seek(SeekFrom::Start(span.offset))?;
            let mut bytes = Vec::new();
            (&end.file).take(span.bytes).read_to_end(&mut bytes)?;
            if span.bytes > bytes.len() as u64 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Ok(bytes)
        })
    }

    fn write_events(&self, events: &[KeptEvent]) -> Result<SpilledSpan, SpillError> {
        let bytes = events::write(events).map_err(|why| self.error("write", &why))?;
        self.write(&bytes)
    }

    fn read_events(
        &self,
        spans: &[SpilledSpan],
        each: &mut dyn FnMut(KeptEvent),
    ) -> Result<(), SpillError> {
        let mut reader = SegmentReader::default();
        for span in spans {
            let bytes = self.read(*span)?;
            let read = Segment::of(bytes, self.folder.clone())
                .and_then(|segment| reader.read_segment(segment, &|_, _| true, each));
            read.map_err(|error| match error {
                StoreError::Segment { message, .. } => self.error("read", &message),
                other => self.error("read", &other.to_string()),
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_again_and_the_folder_stays_empty() {
        let folder = tempfile::tempdir().unwrap();
        let spill = Spill::new(folder.path());
        let first = spill.write(b"one").unwrap();
        let second = spill.write(b"three").unwrap();
        assert_eq!(spill.read(second).unwrap(), b"three");
        assert_eq!(spill.read(first).unwrap(), b"one");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let spill = Spill::new(Path::new("/nowhere/at/all"));
        let message = spill.write(b"x").unwrap_err().to_string();
        assert!(message.contains("/nowhere/at/all"), "{message}");
    }
}
