//! Comma-separated values, safe to open in a spreadsheet.
//!
//! A cell that a spreadsheet would take for a formula starts with an apostrophe
//! instead.

use super::human::is_deceptive;
use crate::model::money::exact;
use crate::model::table::{Cell, Table};
use crate::records::field::{Fields, Value};
use crate::records::flat;
use csv::Writer;
use std::borrow::Borrow;
use std::io::{self, Write};

/// Returns text that no spreadsheet takes for a formula, neither as a cell nor as what is
/// left of one where semicolons, tabs or line breaks separate cells.
#[must_use]
pub fn guarded(text: &str) -> String {
    let mut guarded = String::with_capacity(text.len() + 1);
    for part in text.split_inclusive([';', '\t', '\r', '\n']) {
        let is_blank_control = guarded.is_empty() && part.starts_with(['\t', '\r', '\n']);
        if is_blank_control || is_formula(part) {
            guarded.push('\'');
        }
        guarded.push_str(part);
    }
    guarded
}

/// Returns true if a spreadsheet takes a cell for a formula. What no one sees in front of a sign is
/// no protection from it, and signs may have their full width.
fn is_formula(cell: &str) -> bool {
    let is_passed_over =
        |letter: char| letter.is_whitespace() || letter == '"' || is_deceptive(letter);
    let first = cell.trim_start_matches(is_passed_over).chars().next();
    matches!(
        first,
        Some('=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠')
    )
}

/// The writer's own error, whose kind tells a closed pipe from a full disk.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// A row in the making.
#[derive(Default)]
struct CsvRow(Vec<String>);

impl CsvRow {
    fn text(&mut self, text: &str) {
        self.0.push(guarded(text));
    }

    fn maybe(&mut self, text: Option<&str>) {
        self.text(text.unwrap_or_default());
    }

    fn value(&mut self, value: Option<impl ToString>) {
        self.text(&value.map_or_else(String::new, |value| value.to_string()));
    }

    /// A number is no formula, even a negative one.
    fn number(&mut self, value: Option<impl ToString>) {
        self.0
            .push(value.map_or_else(String::new, |value| value.to_string()));
    }
}

/// Writes a row for each record, some records at a time.
pub struct RecordWriter<'w>(Writer<&'w mut dyn Write>);

impl<'w> RecordWriter<'w> {
    /// Writes the names of the columns.
    ///
    /// # Errors
    ///
    /// When the writer fails.
    pub fn new<R>(fields: &Fields<'_, R>, writer: &'w mut dyn Write) -> io::Result<Self> {
        let mut csv = Writer::from_writer(writer);
        let columns = flat::columns(fields.descriptions());
        csv.write_record(columns.iter().map(|column| &column.name))
            .map_err(io_error)?;
        Ok(Self(csv))
    }

    /// Writes records with the fields that the columns were named by.
    ///
    /// # Errors
    ///
    /// When the writer fails.
    pub fn write<R, B: Borrow<R>>(
        &mut self,
        fields: &Fields<'_, R>,
        records: &[B],
    ) -> io::Result<()> {
        for record in records {
            let mut row = CsvRow::default();
            for cell in flat::cells(fields, record.borrow()) {
                match cell {
                    Value::Integer(number) => row.number(Some(number)),
                    Value::Decimal(amount) => row.number(Some(exact(amount))),
                    Value::Boolean(value) => row.value(Some(value)),
                    Value::Day(day) => row.value(Some(day)),
                    Value::Timestamp(second) => row.value(Some(second)),
                    other => row.maybe(flat::text(other).as_deref()),
                }
            }
            self.0.write_record(&row.0).map_err(io_error)?;
        }
        Ok(())
    }

    /// Writes what is still held.
    ///
    /// # Errors
    ///
    /// When the writer fails.
    pub fn finish(mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Writes a row for each record.
///
/// # Errors
///
/// When the writer fails.
pub fn write_records<R, B: Borrow<R>>(
    fields: &Fields<'_, R>,
    records: &[B],
    writer: &mut dyn Write,
) -> io::Result<()> {
    let mut csv = RecordWriter::new(fields, writer)?;
    csv.write(fields, records)?;
    csv.finish()
}

/// Writes a table.
///
/// # Errors
///
/// When the writer fails.
pub fn write_table(table: &Table, writer: &mut dyn Write) -> io::Result<()> {
    let mut csv = Writer::from_writer(writer);
    csv.write_record(table.columns.iter().map(|column| guarded(&column.name)))
        .map_err(io_error)?;
    for index in 0..table.row_count() {
        let mut row = CsvRow::default();
        for column in &table.columns {
            match column.values.cell(index) {
                Cell::Null => row.maybe(None),
                Cell::Text(text) => row.text(text),
                Cell::Integer(number) => row.number(Some(number)),
                Cell::Decimal(number) => row.number(Some(exact(number))),
                Cell::Boolean(value) => row.value(Some(value)),
                Cell::Date(day) => row.value(Some(day)),
                Cell::Timestamp(moment) => row.value(Some(moment)),
                Cell::Float(number) => row.number(Some(number)),
            }
        }
        csv.write_record(&row.0).map_err(io_error)?;
    }
    csv.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for (formula, shown) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t'=1"),
            (" =1", "' =1"),
            ("\r=1", "'\r'=1"),
            ("＝1", "'＝1"),
            ("\0=1", "'\0=1"),
            ("\u{200b}=1", "'\u{200b}=1"),
            ("\u{feff}+1", "'\u{feff}+1"),
            ("a;=1", "a;'=1"),
            ("a; @x", "a;' @x"),
            ("a\n-1", "a\n'-1"),
            ("a;\"=1\"", "a;'\"=1\""),
        ] {
            assert_eq!(guarded(formula), shown, "{formula:?}");
        }
        assert_eq!(guarded("arn:aws:iam::1:role/x"), "arn:aws:iam::1:role/x");
        assert_eq!(guarded(""), "");
    }
}
