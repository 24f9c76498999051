//! Tables as Parquet, for `DuckDB`, Athena and spreadsheets of larger size.

use super::frame::frame;
use crate::model::table::Table;
use polars::prelude::*;
use std::io::Write;

/// Why a table cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ParquetError {
    /// What the writer says.
    pub message: String,
}

impl From<PolarsError> for ParquetError {
    fn from(error: PolarsError) -> Self {
        Self {
            message: error.to_string(),
        }
    }
}

/// Writes a table. Money is `DECIMAL(38,18)`, moments are `TIMESTAMP` in UTC.
///
/// # Errors
///
/// When the writer fails, or a decimal does not fit.
pub fn write_parquet(table: &Table, writer: &mut dyn Write) -> Result<(), ParquetError> {
    write_parquet_with(table, None, writer)
}

/// The same, with a note (key and value) in the file's metadata.
///
/// # Errors
///
/// When the writer fails, or a decimal does not fit.
pub fn write_parquet_with(
    table: &Table,
    note: Option<(String, String)>,
    writer: &mut dyn Write,
) -> Result<(), ParquetError> {
    let mut frame = frame(table)?;
    ParquetWriter::new(writer)
        .with_compression(ParquetCompression::Snappy)
        .set_parallel(false)
        .with_key_value_metadata(note.map(|note| KeyValueMetadata::from_static(vec![note])))
        .finish(&mut frame)?;
    Ok(())
}
