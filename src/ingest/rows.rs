//! Rows of CSV or Parquet, by the names of their columns.

use super::parquet;
use bytes::Bytes;
use std::borrow::Cow;
use std::io::{self, Read};

/// Bytes of one row, and of the header: a Cost and Usage Report's have a few thousand.
const ROW_BYTES_MAX: usize = 1 << 20;

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
    /// Rows, and whether the text ends inside a quoted cell.
    Csv(csv::Reader<Box<dyn Read + 'a>>, bool),
    Parquet(Bytes),
}

/// A reader of CSV that fails where a row is longer than any: a row is in memory whole.
struct RowLimit<R> {
    inner: R,
    row_bytes: usize,
    is_in_quotes: bool,
}

impl<R> RowLimit<R> {
    fn new(inner: R) -> Self {
        Self {
            inner,
            row_bytes: 0,
            is_in_quotes: false,
        }
    }
}

impl<R: Read> Read for RowLimit<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let piece = &buffer[..count];
        let mut behind = 0;
        for at in memchr::memchr2_iter(b'"', b'\n', piece) {
            if piece[at] == b'"' {
                self.is_in_quotes = !self.is_in_quotes;
            } else if !self.is_in_quotes {
                self.row_bytes = 0;
                behind = at + 1;
            }
        }
        self.row_bytes += count - behind;
        if self.row_bytes > ROW_BYTES_MAX {
            let why = format!(
                "a row of more than {ROW_BYTES_MAX} bytes; the rest of the file was not read: \
                     check for a quote that does not close"
            );
            return Err(io::Error::other(why));
        }
        Ok(count)
    }
}

/// A row: the wanted columns in the order they were asked for.
pub(super) struct ExportRow<'r> {
    fields: &'r [Option<Cow<'r, str>>],
    /// The columns that were binary numbers; empty if there are fewer.
    binary: &'r [bool],
}

impl ExportRow<'_> {
    /// Returns true if a wanted column was a binary number.
    pub(super) fn is_binary(&self, wanted: usize) -> bool {
        self.binary.get(wanted).copied().unwrap_or_default()
    }

    /// The text of a wanted column; `None` where it is empty or not there.
    pub(super) fn get(&self, wanted: usize) -> Option<&str> {
        let text = self.fields.get(wanted)?.as_deref()?.trim();
        (!text.is_empty()).then_some(text)
    }
}

impl<'a> Rows<'a> {
    /// Rows of a text; `has_odd_quotes` tells that it ends inside a quoted cell.
    pub(super) fn csv(text: Box<dyn Read + 'a>, has_odd_quotes: bool) -> Result<Self, RowsError> {
        let mut text = RowLimit::new(text);
        let mut head = Vec::new();
        let head_bytes = ROW_BYTES_MAX as u64;
        let read = text.by_ref().take(head_bytes).read_to_end(&mut head);
        read.map_err(RowsError::Unreadable)?;
        let header = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
        // Spreadsheets of some countries separate by semicolons.
        let is_european = header.contains(&b';') && !header.contains(&b',');
        let text: Box<dyn Read + 'a> = Box::new(io::Cursor::new(head).chain(text));
        // A row of another length is one that an odd quote or comma has shifted.
        let mut reader = csv::ReaderBuilder::new()
            .flexible(false)
            .delimiter(if is_european { b';' } else { b',' })
            .from_reader(text);
        let header = reader.byte_headers().map_err(RowsError::Header)?;
        let names = header
            .iter()
            .map(|name| String::from_utf8_lossy(name).trim().to_owned());
        Ok(Self {
            names: names.collect(),
            body: Body::Csv(reader, has_odd_quotes),
        })
    }

    pub(super) fn parquet(bytes: &[u8]) -> Result<Self, RowsError> {
        let bytes = Bytes::copy_from_slice(bytes);
        let names = parquet::names(&bytes).map_err(|message| RowsError::Parquet { message })?;
        Ok(Self {
            names,
            body: Body::Parquet(bytes),
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
    ) -> Result<(), RowsError> {
        match self.body {
            Body::Csv(mut reader, ends_inside_quotes) => {
                let mut record = csv::ByteRecord::new();
                let mut number = 0;
                loop {
                    match reader.read_byte_record(&mut record) {
                        Ok(false) => {
                            if ends_inside_quotes {
                                each(number, Err("a quoted cell is never closed".to_owned()));
                            }
                            return Ok(());
                        }
                        Ok(true) => {
                            let field = |at: &Option<usize>| {
                                at.and_then(|at| record.get(at))
                                    .map(String::from_utf8_lossy)
                            };
                            let fields: Vec<_> = wanted.iter().map(field).collect();
                            each(
                                number,
                                Ok(ExportRow {
                                    fields: &fields,
                                    binary: &[],
                                }),
                            );
                        }
                        Err(error) => {
                            each(number, Err(error.to_string()));
                            if error.is_io_error() {
                                return Ok(());
                            }
                        }
                    }
                    number += 1;
                }
            }
            Body::Parquet(bytes) => {
                let columns: Vec<Option<&str>> = wanted
                    .iter()
                    .map(|at| at.map(|at| self.names[at].as_str()))
                    .collect();
                let mut number = 0;
                parquet::for_each(&bytes, &columns, |values| {
                    let binary: Vec<bool> =
                        values.iter().map(|(_, is_binary)| *is_binary).collect();
                    let fields: Vec<Option<Cow<'_, str>>> = values
                        .iter()
                        .map(|(text, _)| text.as_deref().map(Cow::Borrowed))
                        .collect();
                    each(
                        number,
                        Ok(ExportRow {
                            fields: &fields,
                            binary: &binary,
                        }),
                    );
                    number += 1;
                })
                .map_err(|message| RowsError::Parquet { message })
            }
        }
    }
}

/// The positions of columns, each under one of several names.
pub(super) fn find(names: &[String], wanted: &[&[&str]]) -> Vec<Option<usize>> {
    let position = |aliases: &&[&str]| {
        aliases.iter().find_map(|alias| {
            names
                .iter()
                .position(|name| name.eq_ignore_ascii_case(alias))
        })
    };
    wanted.iter().map(position).collect()
}
