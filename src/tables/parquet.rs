//! Tables as Parquet, for DuckDB, Athena and spreadsheets of larger size.

use super::frame::{frame, table};
use crate::model::table::{Table, Values};
use polars::prelude::*;
use std::io::{Cursor, Write};

/// Why Parquet data cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ParquetError {
    /// What the reader or writer says.
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
    let mut frame = frame(table)?;
    ParquetWriter::new(writer)
        .with_compression(ParquetCompression::Snappy)
        .set_parallel(false)
        .finish(&mut frame)?;
    Ok(())
}

/// Reads the named columns, as far as they are there; all of them are names
/// without rows when `columns` is `None`.
///
/// # Errors
///
/// When the data is damaged or of a kind that cannot be read.
pub fn read_parquet(bytes: &[u8], columns: Option<&[String]>) -> Result<Table, ParquetError> {
    // The reader panics on some kinds of damage.
    let read = std::panic::catch_unwind(|| read(bytes, columns));
    read.unwrap_or_else(|_| {
        Err(ParquetError {
            message: "the data is damaged".to_owned(),
        })
    })
}

fn read(bytes: &[u8], columns: Option<&[String]>) -> Result<Table, ParquetError> {
    let mut reader = ParquetReader::new(Cursor::new(bytes));
    let schema = reader.schema()?;
    let Some(wanted) = columns else {
        let names = schema.iter_names();
        let empty = |table: Table, name: &PlSmallStr| table.with(name, Values::Text(Vec::new()));
        return Ok(names.fold(Table::default(), empty));
    };
    let frame = reader
        .with_columns(Some(wanted.to_vec()))
        .read_parallel(ParallelStrategy::None)
        .finish()?;
    Ok(table("", &frame)?)
}
