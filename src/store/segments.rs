//! Segments by their columns.

use super::error::StoreError;
use super::folder::StoreFolder;
use super::ledger::LiveSegment;
use crate::columnar::{Batch, Codec, ColumnFile, Texts, write};
use crate::model::table::Table;
use std::path::PathBuf;

/// A table as the bytes of a segment.
pub(super) fn segment_bytes(table: &Table) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    write(table, Codec::Zstandard, &mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// A segment that is being read.
pub(super) struct Segment {
    file: ColumnFile,
    path: PathBuf,
}

impl Segment {
    pub(super) fn open(folder: &StoreFolder, named: &LiveSegment) -> Result<Self, StoreError> {
        let path = folder.segment(&named.name);
        // Nothing is read that was not written: Parquet from elsewhere may ask for any
        // amount of memory.
        let bytes = folder.read_segment(&named.name, named.digest.as_deref())?;
        Self::of(bytes, path)
    }

    /// A segment with these bytes, from there.
    pub(super) fn of(bytes: Vec<u8>, path: PathBuf) -> Result<Self, StoreError> {
        match ColumnFile::open(bytes) {
            Ok(file) => Ok(Self { file, path }),
            Err(message) => Err(StoreError::Segment { path, message }),
        }
    }

    /// Calls `each` with all rows, some at a time.
    pub(super) fn for_each(
        mut self,
        mut each: impl FnMut(&SegmentRows<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        while let Some(batch) = self
            .file
            .next_batch()
            .map_err(|message| self.broken(message))?
        {
            each(&SegmentRows {
                batch: &batch,
                segment: &self,
            })?;
        }
        Ok(())
    }

    fn broken(&self, message: String) -> StoreError {
        StoreError::Segment {
            path: self.path.clone(),
            message,
        }
    }
}

/// Some rows of a segment.
pub(super) struct SegmentRows<'a> {
    batch: &'a Batch,
    segment: &'a Segment,
}

impl<'a> SegmentRows<'a> {
    pub(super) fn count(&self) -> usize {
        self.batch.rows()
    }

    pub(super) fn broken(&self, message: &str) -> StoreError {
        self.segment.broken(message.to_owned())
    }

    /// A column of texts.
    pub(super) fn texts(&self, name: &str) -> Result<&'a Texts, StoreError> {
        self.batch
            .texts(name)
            .map_err(|message| self.segment.broken(message))
    }

    /// A column of texts that segments of earlier versions lack.
    pub(super) fn texts_if_any(&self, name: &str) -> Option<&'a Texts> {
        self.batch.texts(name).ok()
    }

    /// A column of whole numbers.
    pub(super) fn integers(&self, name: &str) -> Result<&'a [Option<i64>], StoreError> {
        self.batch
            .integers(name)
            .map_err(|message| self.segment.broken(message))
    }
}

/// The number in a row.
pub(super) fn integer(column: &[Option<i64>], row: usize) -> Option<i64> {
    column.get(row).copied().flatten()
}
