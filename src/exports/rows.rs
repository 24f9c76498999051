//! Rows of CSV or Parquet, by the names of their columns.

use crate::model::table::{Cell, Table};
use std::borrow::Cow;

/// Reads the named columns of Parquet data, as far as they are there; without
/// names, one row group's worth of nothing but the names is enough.
pub type ReadParquet = fn(&[u8], Wanted<'_>) -> Result<Table, String>;

/// Which columns of Parquet are wanted.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'a> {
    /// Only their names: the table has no rows.
    Names,
    /// These, if they are there.
    Columns(&'a [String]),
}

/// Why there are no rows at all.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// The header line is not CSV.
    #[error("not CSV: {0}")]
    Header(#[source] csv::Error),
    /// The Parquet data is damaged, or of a kind that cannot be read.
    #[error("not readable as Parquet: {message}")]
    Parquet {
        /// What the reader says.
        message: String,
    },
}

/// Rows that can be read once.
pub(super) struct Rows<'a> {
    names: Vec<String>,
    body: Body<'a>,
}

enum Body<'a> {
    Csv(csv::Reader<&'a [u8]>),
    Parquet(&'a [u8], ReadParquet),
}

/// A row: the wanted columns in the order they were asked for.
pub(super) struct Row<'r> {
    fields: &'r [Option<Cow<'r, str>>],
    /// Whether numbers were binary ones.
    pub(super) is_binary: bool,
}

impl Row<'_> {
    /// The text of a wanted column; `None` where it is empty or not there.
    pub(super) fn get(&self, wanted: usize) -> Option<&str> {
        let text = self.fields.get(wanted)?.as_deref()?.trim();
        (!text.is_empty()).then_some(text)
    }
}

impl<'a> Rows<'a> {
    pub(super) fn csv(text: &'a [u8]) -> Result<Self, RowsError> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text);
        let header = reader.byte_headers().map_err(RowsError::Header)?;
        let names = header.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned());
        Ok(Self {
            names: names.collect(),
            body: Body::Csv(reader),
        })
    }

    pub(super) fn parquet(bytes: &'a [u8], read: ReadParquet) -> Result<Self, RowsError> {
        let table = read(bytes, Wanted::Names).map_err(|message| RowsError::Parquet { message })?;
        let names = table.columns.into_iter().map(|column| column.name);
        Ok(Self {
            names: names.collect(),
            body: Body::Parquet(bytes, read),
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
        mut each: impl FnMut(u32, Result<Row<'_>, String>),
    ) -> Result<(), RowsError> {
        match self.body {
            Body::Csv(mut reader) => {
                let mut record = csv::ByteRecord::new();
                let mut number = 0;
                loop {
                    match reader.read_byte_record(&mut record) {
                        Ok(false) => return Ok(()),
                        Ok(true) => {
                            let field = |at: &Option<usize>| {
                                at.and_then(|at| record.get(at)).map(String::from_utf8_lossy)
                            };
                            let fields: Vec<_> = wanted.iter().map(field).collect();
                            each(number, Ok(Row { fields: &fields, is_binary: false }));
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
            Body::Parquet(bytes, read) => {
                let names: Vec<String> = wanted
                    .iter()
                    .filter_map(|at| at.map(|at| self.names[at].clone()))
                    .collect();
                let table = read(bytes, Wanted::Columns(&names))
                    .map_err(|message| RowsError::Parquet { message })?;
                each_of_table(&table, &self.names, wanted, &mut each);
                Ok(())
            }
        }
    }
}

fn each_of_table(
    table: &Table,
    names: &[String],
    wanted: &[Option<usize>],
    each: &mut impl FnMut(u32, Result<Row<'_>, String>),
) {
    let columns: Vec<_> = wanted
        .iter()
        .map(|at| table.column(&names[(*at)?]))
        .collect();
    for row in 0..table.row_count() {
        let mut is_binary = false;
        let fields: Vec<Option<Cow<'_, str>>> = columns
            .iter()
            .map(|column| {
                let cell = (*column)?.values.cell(row);
                is_binary |= matches!(cell, Cell::Float(_));
                text_of(cell)
            })
            .collect();
        let number = u32::try_from(row).unwrap_or(u32::MAX);
        each(number, Ok(Row { fields: &fields, is_binary }));
    }
}

fn text_of(cell: Cell<'_>) -> Option<Cow<'_, str>> {
    Some(match cell {
        Cell::Null => return None,
        Cell::Text(text) => Cow::Borrowed(text),
        Cell::Integer(number) => Cow::Owned(number.to_string()),
        Cell::Decimal(number) => Cow::Owned(number.to_string()),
        Cell::Boolean(value) => Cow::Owned(value.to_string()),
        Cell::Date(day) => Cow::Owned(day.to_string()),
        Cell::Timestamp(moment) => Cow::Owned(moment.to_string()),
        // The shortest decimal that means the same number.
        Cell::Float(number) => Cow::Owned(format!("{number:e}")),
    })
}

/// The positions of columns, each under one of several names.
pub(super) fn find(names: &[String], wanted: &[&[&str]]) -> Vec<Option<usize>> {
    let position = |aliases: &&[&str]| {
        aliases
            .iter()
            .find_map(|alias| names.iter().position(|name| name.eq_ignore_ascii_case(alias)))
    };
    wanted.iter().map(position).collect()
}
