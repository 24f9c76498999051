//! Rows of CSV or Parquet, by the names of their columns.

use super::parquet::{self, ParquetValue};
use encoding_rs::WINDOWS_1252;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::rc::Rc;

/// Bytes of one row, and of the header: a Cost and Usage Report's have a few thousand.
const ROW_BYTES_MAX: usize = 1 << 20;

/// Separators of columns: spreadsheets of some countries write semicolons, and some tools tabs.
const SEPARATORS: [u8; 4] = *b",;\t|";

/// The reason why no rows can be read.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// The file cannot be read.
    #[error("{0}")]
    Unreadable(#[source] io::Error),
    /// The header line is not CSV.
    #[error("not CSV: {0}")]
    Header(#[source] csv::Error),
    /// The Parquet data is damaged, or of a kind that cannot be read.
    #[error("not readable as Parquet: {message}")]
    Parquet {
        /// The reader's message.
        message: String,
    },
}

/// Rows that can be read once.
pub(super) struct Rows<'a> {
    names: Vec<String>,
    body: Body<'a>,
}

enum Body<'a> {
    /// Rows, and whether the text that was read so far ends inside a quoted cell.
    Csv(Box<csv::Reader<Box<dyn Read + 'a>>>, Rc<Cell<bool>>),
    Parquet(File),
}

/// A reader of CSV that fails where a row is longer than any: a row is in memory whole.
struct RowLimit<R> {
    inner: R,
    separator: u8,
    row_bytes: usize,
    is_in_quotes: Rc<Cell<bool>>,
    /// The byte before the next one, and whether it is a quote that closed a cell.
    before: Option<u8>,
    has_just_closed: bool,
}

impl<R> RowLimit<R> {
    fn new(inner: R, separator: u8) -> Self {
        Self {
            inner,
            separator,
            row_bytes: 0,
            is_in_quotes: Rc::default(),
            before: None,
            has_just_closed: false,
        }
    }

    /// Returns how many bytes of a piece are behind its last complete row.
    fn look(&mut self, piece: &[u8]) -> usize {
        let mut is_in_quotes = self.is_in_quotes.get();
        let mut behind = 0;
        let mut closed_at = self.has_just_closed.then_some(usize::MAX);
        for at in memchr::memchr3_iter(b'"', b'\n', b'\r', piece) {
            if piece[at] != b'"' {
                if !is_in_quotes {
                    self.row_bytes = 0;
                    behind = at + 1;
                }
                continue;
            }
            if is_in_quotes {
                is_in_quotes = false;
                closed_at = Some(at);
                continue;
            }
            // A quote means something at the start of a cell, or doubled; an inch mark does not.
            let before = match at {
                0 => self.before,
                at => piece.get(at - 1).copied(),
            };
            let starts_cell =
                before.is_none_or(|before| before == self.separator || b"\r\n".contains(&before));
            is_in_quotes = starts_cell || closed_at == Some(at.wrapping_sub(1));
        }
        self.is_in_quotes.set(is_in_quotes);
        if let Some(last) = piece.last() {
            self.before = Some(*last);
            self.has_just_closed = closed_at == Some(piece.len() - 1);
        }
        piece.len() - behind
    }
}

impl<R: Read> Read for RowLimit<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.row_bytes += self.look(&buffer[..count]);
        if self.row_bytes > ROW_BYTES_MAX {
            let why = format!(
                "a row of more than {ROW_BYTES_MAX} bytes: check for a quote that does not close"
            );
            return Err(io::Error::other(why));
        }
        Ok(count)
    }
}

/// A row: the wanted columns in the order they were asked for.
pub(super) enum ExportRow<'r> {
    /// Of CSV, and where the wanted columns are.
    Csv(&'r csv::StringRecord, &'r [Option<usize>]),
    /// Of Parquet: the wanted columns alone.
    Parquet(&'r [ParquetValue]),
}

impl ExportRow<'_> {
    /// Returns true if a wanted column was a binary number.
    pub(super) fn is_binary(&self, wanted: usize) -> bool {
        match self {
            Self::Csv(..) => false,
            Self::Parquet(values) => values.get(wanted).is_some_and(|(_, is_binary)| *is_binary),
        }
    }

    /// The number of its line, where it is of CSV.
    pub(super) fn line(&self) -> Option<u64> {
        match self {
            Self::Csv(record, _) => record.position().map(csv::Position::line),
            Self::Parquet(_) => None,
        }
    }

    /// The text of a wanted column; `None` where it is empty or not there.
    pub(super) fn get(&self, wanted: usize) -> Option<&str> {
        let text = match self {
            Self::Csv(record, positions) => record.get((*positions.get(wanted)?)?)?,
            Self::Parquet(values) => values.get(wanted)?.0.as_deref()?,
        };
        let text = text.trim();
        (!text.is_empty()).then_some(text)
    }
}

/// What is known of rows at their end.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct EndOfRows {
    /// True if the header names one column more than the rows have.
    pub(super) lacks_last_column: bool,
    /// True if some rows repeat the header: files were put together.
    pub(super) has_headers: bool,
    /// True if some rows were no UTF-8, and read as what spreadsheets write in its place.
    pub(super) has_windows_1252: bool,
}

impl<'a> Rows<'a> {
    /// Rows of a text.
    pub(super) fn csv(mut text: impl Read + 'a) -> Result<Self, RowsError> {
        let mut head = Vec::new();
        let head_bytes = ROW_BYTES_MAX as u64;
        let read = text.by_ref().take(head_bytes).read_to_end(&mut head);
        read.map_err(RowsError::Unreadable)?;
        // Excel is told its separator so.
        if head.starts_with(b"sep=") {
            let line = memchr::memchr2(b'\n', b'\r', &head).map_or(head.len(), |at| at + 1);
            head.drain(..line);
            if head.first() == Some(&b'\n') {
                head.remove(0);
            }
        }
        let mut lines = head.split(|byte| b"\r\n".contains(byte));
        let header = lines.find(|line| !line.is_empty()).unwrap_or_default();
        let count = |separator: &u8| memchr::memchr_iter(*separator, header).count();
        // Of equals the first, which is last here.
        let separator = SEPARATORS
            .into_iter()
            .rev()
            .max_by_key(count)
            .unwrap_or(b',');
        let text = RowLimit::new(io::Cursor::new(head).chain(text), separator);
        let is_in_quotes = text.is_in_quotes.clone();
        let text: Box<dyn Read + 'a> = Box::new(text);
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .delimiter(separator)
            .buffer_capacity(CSV_BUFFER_BYTES)
            .from_reader(text);
        let header = reader.byte_headers().map_err(RowsError::Header)?;
        let names = header
            .iter()
            .map(|name| String::from_utf8_lossy(name).trim().to_owned());
        Ok(Self {
            names: names.collect(),
            body: Body::Csv(Box::new(reader), is_in_quotes),
        })
    }

    pub(super) fn parquet(file: File) -> Result<Self, RowsError> {
        let names = parquet::names(&file).map_err(|message| RowsError::Parquet { message })?;
        Ok(Self {
            names,
            body: Body::Parquet(file),
        })
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Calls `each` with the number of each row, from 0, and the row, or with why
    /// it cannot be read. `wanted` are positions in [`Self::names`].
    pub(super) fn for_each(
        self,
        wanted: &[Option<usize>],
        mut each: impl FnMut(u32, Result<ExportRow<'_>, String>),
    ) -> Result<EndOfRows, RowsError> {
        match self.body {
            Body::Csv(reader, is_in_quotes) => {
                let mut rows = CsvRows {
                    names: &self.names,
                    wanted,
                    cells: self.names.len(),
                    rows: 0,
                    has_headers: false,
                    has_windows_1252: false,
                };
                rows.read(*reader, &mut each)
                    .map_err(RowsError::Unreadable)?;
                if is_in_quotes.get() {
                    each(rows.rows, Err("a quoted cell is never closed".to_owned()));
                }
                Ok(EndOfRows {
                    lacks_last_column: rows.cells < self.names.len(),
                    has_headers: rows.has_headers,
                    has_windows_1252: rows.has_windows_1252,
                })
            }
            Body::Parquet(file) => {
                let columns: Vec<Option<&str>> = wanted
                    .iter()
                    .map(|at| at.map(|at| self.names[at].as_str()))
                    .collect();
                let mut number = 0;
                parquet::for_each(&file, &columns, |values| {
                    each(number, Ok(ExportRow::Parquet(values)));
                    number += 1;
                })
                .map_err(|message| RowsError::Parquet { message })?;
                Ok(EndOfRows::default())
            }
        }
    }
}

/// Bytes that are taken for CSV at once.
const CSV_BUFFER_BYTES: usize = 64 << 10;

/// Rows by which the number of cells is known.
const FIRST_ROWS: usize = 25;

/// Rows of CSV on their way out.
struct CsvRows<'a> {
    names: &'a [String],
    wanted: &'a [Option<usize>],
    /// The number of cells that each row has.
    cells: usize,
    rows: u32,
    has_headers: bool,
    has_windows_1252: bool,
}

impl CsvRows<'_> {
    /// Reads all rows to their end.
    fn read(
        &mut self,
        mut reader: csv::Reader<Box<dyn Read + '_>>,
        each: &mut dyn FnMut(u32, Result<ExportRow<'_>, String>),
    ) -> io::Result<()> {
        let mut first = Vec::new();
        let mut is_at_end = false;
        while first.len() < FIRST_ROWS && !is_at_end {
            let mut record = csv::ByteRecord::new();
            match reader.read_byte_record(&mut record) {
                Ok(is_row) => {
                    is_at_end = !is_row;
                    first.extend(is_row.then_some(Ok(record)));
                }
                Err(error) => first.push(Err(row_error(error)?)),
            }
        }
        self.cells = cells_of_rows(first.iter().flatten(), self.names.len());
        for row in first {
            match row {
                Ok(mut record) => self.row(&mut record, each),
                Err(why) => self.damaged(why, each),
            }
        }
        let mut record = csv::ByteRecord::new();
        while !is_at_end {
            match reader.read_byte_record(&mut record) {
                Ok(true) => self.row(&mut record, each),
                Ok(false) => is_at_end = true,
                Err(error) => self.damaged(row_error(error)?, each),
            }
        }
        Ok(())
    }

    fn row(
        &mut self,
        record: &mut csv::ByteRecord,
        each: &mut dyn FnMut(u32, Result<ExportRow<'_>, String>),
    ) {
        if self.is_header(record) {
            self.has_headers = true;
            self.rows += 1;
            return;
        }
        // A row of another length is one that an odd quote or comma has shifted.
        if !self.is_whole(record) {
            let why = format!("a row of {} cells, where {} are", record.len(), self.cells);
            let line = record.position().map(csv::Position::line);
            return self.damaged(at_line(line, why), each);
        }
        let row = csv::StringRecord::from_byte_record(std::mem::take(record));
        let row = row.unwrap_or_else(|error| {
            self.has_windows_1252 = true;
            windows_1252(&error.into_byte_record())
        });
        each(self.rows, Ok(ExportRow::Csv(&row, self.wanted)));
        *record = row.into_byte_record();
        self.rows += 1;
    }

    /// Returns true for the header once more, as files that were put together have it.
    fn is_header(&self, record: &csv::ByteRecord) -> bool {
        let is_named = |(cell, name): (&[u8], &String)| {
            let cell = cell.trim_ascii();
            cell.strip_prefix(b"\xef\xbb\xbf").unwrap_or(cell) == name.as_bytes()
        };
        record.len().abs_diff(self.names.len()) <= 1
            && record.len() > 1
            && record.iter().zip(self.names).all(is_named)
    }

    /// Returns true if no cell of a row is missing, or all rows lack it.
    fn is_whole(&self, record: &csv::ByteRecord) -> bool {
        let (cells, names) = (record.len(), self.names.len());
        let is_closed = cells == names + 1 && record.get(names).is_some_and(<[u8]>::is_empty);
        cells == names || cells == self.cells || is_closed
    }

    fn damaged(&mut self, why: String, each: &mut dyn FnMut(u32, Result<ExportRow<'_>, String>)) {
        each(self.rows, Err(why));
        self.rows += 1;
    }
}

/// A row that is no UTF-8, as older spreadsheets write it.
fn windows_1252(record: &csv::ByteRecord) -> csv::StringRecord {
    let cells = record.iter().map(|cell| WINDOWS_1252.decode(cell).0);
    let mut row: csv::StringRecord = cells.collect();
    row.set_position(record.position().cloned());
    row
}

/// A message about a line.
pub(super) fn at_line(line: Option<u64>, why: String) -> String {
    match line {
        Some(line) => format!("line {line}: {why}"),
        None => why,
    }
}

/// What is wrong with a row; an error where the rest cannot be read.
fn row_error(error: csv::Error) -> io::Result<String> {
    let message = error.to_string();
    match error.into_kind() {
        csv::ErrorKind::Io(error) => Err(error),
        _ => Ok(message),
    }
}

/// The number of cells of all rows, by most of the first: one less than the header where only the
/// header ends in a further column, one more where each row ends in a separator.
fn cells_of_rows<'a>(first: impl Iterator<Item = &'a csv::ByteRecord>, names: usize) -> usize {
    let mut rows: BTreeMap<usize, u32> = BTreeMap::new();
    for row in first {
        let cells = row.len();
        let is_short = cells + 1 == names && cells > 1;
        let is_closed = cells == names + 1 && row.get(names).is_some_and(<[u8]>::is_empty);
        if is_short || is_closed || cells == names {
            *rows.entry(cells).or_default() += 1;
        }
    }
    let most = rows
        .into_iter()
        .max_by_key(|(cells, rows)| (*rows, *cells == names));
    most.map_or(names, |(cells, _)| cells)
}

/// The name of a column without punctuation and case: `lineItem/UsageAccountId`,
/// `line_item_usage_account_id` and `lineitem_usageaccountid` are one.
pub(super) fn bare(name: &str) -> String {
    let kept = name.chars().filter(|letter| letter.is_alphanumeric());
    kept.flat_map(char::to_lowercase).collect()
}

/// The positions of columns, each under one of several names.
pub(super) fn find(names: &[String], wanted: &[&[&str]]) -> Vec<Option<usize>> {
    let names: Vec<String> = names.iter().map(|name| bare(name)).collect();
    let position = |aliases: &&[&str]| {
        aliases.iter().find_map(|alias| {
            let alias = bare(alias);
            names.iter().position(|name| *name == alias)
        })
    };
    wanted.iter().map(position).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> (Vec<Result<Vec<String>, String>>, EndOfRows) {
        let rows = Rows::csv(text.as_bytes()).unwrap();
        let wanted: Vec<Option<usize>> = (0..rows.names().len()).map(Some).collect();
        let mut all = Vec::new();
        let end = rows.for_each(&wanted, |_, row| {
            all.push(row.map(|row| {
                let cells = (0..wanted.len()).map(|at| row.get(at).unwrap_or_default());
                cells.map(str::to_owned).collect()
            }));
        });
        (all, end.unwrap())
    }

    #[test]
    fn a_lone_quote_inside_a_cell_is_text() {
        for (text, wanted) in [
            ("a,b\n5.5\" disk,x\n", vec!["5.5\" disk", "x"]),
            ("a,b\n\"say \"\"hi\"\"\",x\n", vec!["say \"hi\"", "x"]),
            ("a,b\n\"\",\"\"\"\"\n", vec!["", "\""]),
            ("a;b\n\"x;\n1\";2\n", vec!["x;\n1", "2"]),
            ("a\tb\nx\t2\n", vec!["x", "2"]),
            ("sep=;\r\na;b\r\nx;2\r\n", vec!["x", "2"]),
            ("sep=;\ra;b\rx;2\r", vec!["x", "2"]),
            ("\r\na;b\r\nx;2\r\n", vec!["x", "2"]),
        ] {
            let (all, _) = rows(text);
            assert_eq!(all, [Ok(wanted.into_iter().map(str::to_owned).collect())]);
        }
    }

    #[test]
    fn a_quote_that_never_closes_is_said() {
        let (all, _) = rows("a,b\n\"x,1\ny,2\n");
        assert!(all.last().unwrap().is_err());
        // The same in pieces of one byte.
        let mut limit = RowLimit::new(io::empty(), b',');
        for byte in b"a,\"x\"\"y\",5\"\n\"" {
            limit.look(std::slice::from_ref(byte));
        }
        assert!(limit.is_in_quotes.get());
        limit.look(b"\"");
        assert!(!limit.is_in_quotes.get());
    }

    #[test]
    fn a_row_that_is_too_long_fails_the_file_whatever_ends_its_lines() {
        for ending in ["\n", "\r\n", "\r"] {
            let many = format!("a,b{ending}") + &format!("x,2{ending}").repeat(ROW_BYTES_MAX / 3);
            assert!(rows(&many).0.iter().all(Result::is_ok));
        }
        let long = format!("a,b\nx,2\n\"{}\",3\n", "y".repeat(3 * ROW_BYTES_MAX));
        let open = Rows::csv(long.as_bytes());
        let read = open.map(|rows| rows.for_each(&[Some(0)], |_, _| {}));
        assert!(!matches!(read, Ok(Ok(_))));
    }

    #[test]
    fn repeated_headers_and_older_letters_are_told() {
        for again in ["a,b\n", "a, b\n", "\u{feff}a,b\n", "a,b,\n"] {
            let (all, end) = rows(&format!("a,b\nx,1\n{again}y,2\n"));
            assert!(all.iter().all(Result::is_ok) && end.has_headers, "{again}");
        }
        let (all, end) = rows("a,b\nx,1\na,b\ny,2\n");
        assert_eq!(all.len(), 2);
        assert!(end.has_headers && !end.has_windows_1252);
        let text = b"a,b\nM\xfcnchen,1\n";
        let mut seen = String::new();
        let end = Rows::csv(&text[..])
            .unwrap()
            .for_each(&[Some(0)], |_, row| {
                seen = row.unwrap().get(0).unwrap_or_default().to_owned();
            });
        assert_eq!(seen, "M\u{fc}nchen");
        assert!(end.unwrap().has_windows_1252);
    }

    #[test]
    fn one_column_more_in_the_header_or_in_the_rows_is_no_damage() {
        let (all, end) = rows("a,b,c\n1,2\n3,4\n5\n");
        assert_eq!(all.iter().filter(|row| row.is_ok()).count(), 2);
        assert!(end.lacks_last_column);
        let (all, end) = rows("a,b\n1,2,\n3,4,\n");
        assert!(all.iter().all(Result::is_ok) && !end.lacks_last_column);
        let (all, _) = rows("a,b\n1,2\n1,2,3\n");
        assert!(all[0].is_ok() && all[1].is_err());
        // Some rows end in a separator, and some do not.
        let some = "1,2,\n".repeat(13) + &"1,2\n".repeat(30);
        assert!(rows(&format!("a,b\n{some}")).0.iter().all(Result::is_ok));
        // One bad row at the start does not tell of the others.
        let (all, _) = rows("a,b,c\n1,2\n1,2,3\n4,5,6\n");
        assert!(all[0].is_err() && all[1].is_ok() && all[2].is_ok());
    }

    #[test]
    fn names_are_compared_without_their_punctuation() {
        for name in [
            "lineItem/UsageAccountId",
            "line_item_usage_account_id",
            "lineitem_usageaccountid",
        ] {
            assert_eq!(bare(name), "lineitemusageaccountid");
        }
    }
}
