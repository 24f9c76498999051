//! Parquet files and workbooks, with what could not be read for them.

use crate::columnar::{Codec, write, write_with_note};
use crate::model::audit::Audit;
use crate::model::table::Table;
use crate::output::not_read::{NOT_READ, NotRead};
use crate::output::xlsx::{self, Sheet};
use jiff::civil::Date;
use std::io::{self, Write};

/// Writes a table as Parquet; what could not be read is in the file's metadata.
///
/// # Errors
///
/// When the writer fails.
pub fn parquet(table: &Table, audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    let not_read = NotRead::of(&audit.coverage.rejects);
    let named = (!not_read.is_empty()).then(|| {
        let key = format!("{}.{NOT_READ}", env!("CARGO_PKG_NAME"));
        (key, not_read.json().to_string())
    });
    write_with_note(table, Codec::Snappy, named, out).map_err(io::Error::other)
}

/// Writes a table as Parquet that leaves nothing unsaid.
///
/// # Errors
///
/// When the writer fails.
pub fn plain_parquet(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    write(table, Codec::Snappy, out).map_err(io::Error::other)
}

/// Writes sheets as a workbook; what could not be read is one more.
///
/// # Errors
///
/// When the writer fails.
pub fn workbook(
    sheets: impl Into<Vec<Sheet>>,
    audit: &Audit,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut sheets = sheets.into();
    let not_read = NotRead::of(&audit.coverage.rejects);
    sheets.extend(not_read.table().map(Sheet::from));
    xlsx::write(&sheets, last_day(audit), out)
}

/// The last day of the window, or of the logs: what a workbook says it was made
/// on, so that the same question gives the same file.
#[must_use]
pub fn last_day(audit: &Audit) -> Date {
    let end = audit.window.to.map(|to| to.plus(-1).day());
    end.or_else(|| audit.coverage.span().map(|(_, last)| last.day()))
        .unwrap_or(jiff::civil::date(2000, 1, 1))
}
