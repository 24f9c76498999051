//! Parquet to and from columns.

use super::error::StoreError;
use super::folder::Folder;
use super::ledger::Named;
use crate::model::damage::survived;
use polars::prelude::*;
use std::io::Cursor;

/// Columns of a segment while it is made.
#[derive(Default)]
pub(super) struct Columns {
    columns: Vec<Column>,
}

impl Columns {
    pub(super) fn texts<'a>(&mut self, name: &str, values: impl Iterator<Item = Option<&'a str>>) {
        let column = StringChunked::from_iter_options(name.into(), values);
        self.columns.push(column.into_series().into_column());
    }

    pub(super) fn numbers(&mut self, name: &str, values: impl Iterator<Item = Option<i64>>) {
        let column = Int64Chunked::from_iter_options(name.into(), values);
        self.columns.push(column.into_series().into_column());
    }

    /// The columns as a file.
    pub(super) fn parquet(self, rows: usize) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        let said = |error: PolarsError| error.to_string();
        let mut frame = DataFrame::new(rows, self.columns).map_err(said)?;
        ParquetWriter::new(&mut bytes)
            .with_compression(ParquetCompression::Zstd(None))
            .set_parallel(false)
            .finish(&mut frame)
            .map_err(said)?;
        Ok(bytes)
    }
}

/// A segment that was read.
pub(super) struct Segment {
    frame: DataFrame,
    broken: Box<dyn Fn(String) -> StoreError>,
}

impl Segment {
    pub(super) fn read(folder: &Folder, named: &Named) -> Result<Self, StoreError> {
        let path = folder.segment(&named.name);
        // Nothing is read that was not written: Parquet from elsewhere may ask for any
        // amount of memory.
        let bytes = folder.read_segment(&named.name, named.digest.as_deref())?;
        let broken = move |message: String| StoreError::Segment {
            path: path.clone(),
            message,
        };
        // Whoever can write the ledger, too, can make a reader panic: that is damage.
        let read = || ParquetReader::new(Cursor::new(bytes)).finish();
        let frame = survived(read)
            .ok_or_else(|| broken("the data is damaged".to_owned()))?
            .map_err(|error| broken(error.to_string()))?;
        Ok(Self {
            frame,
            broken: Box::new(broken),
        })
    }

    pub(super) fn rows(&self) -> usize {
        self.frame.height()
    }

    pub(super) fn broken(&self, message: &str) -> StoreError {
        (self.broken)(message.to_owned())
    }

    fn column(&self, name: &str) -> Result<&Series, StoreError> {
        let column = self.frame.column(name);
        let column = column.map_err(|error| self.broken(&error.to_string()))?;
        Ok(column.as_materialized_series())
    }

    /// A column of texts.
    pub(super) fn texts(&self, name: &str) -> Result<&StringChunked, StoreError> {
        let column = self.column(name)?.str();
        column.map_err(|error| self.broken(&error.to_string()))
    }

    /// A column of numbers.
    pub(super) fn numbers(&self, name: &str) -> Result<&Int64Chunked, StoreError> {
        let column = self.column(name)?.i64();
        column.map_err(|error| self.broken(&error.to_string()))
    }
}
