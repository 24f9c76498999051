//! Any table as JSON: what saved queries give, version 1.

use crate::model::money::exact;
use crate::model::table::{Cell, Table, Values};
use crate::output::not_read::NotRead;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::Value;
use std::io::{self, Write};

const SCHEMA: &str = "qs-audit/query-result/v1";

/// One row as an object.
struct TableRowV1<'a>(&'a Table, usize);

impl Serialize for TableRowV1<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(table, row) = self;
        let mut map = serializer.serialize_map(Some(table.columns.len()))?;
        for column in &table.columns {
            map.serialize_key(&column.name)?;
            match column.values.cell(*row) {
                Cell::Null => map.serialize_value(&()),
                Cell::Text(text) => map.serialize_value(text),
                Cell::Integer(number) => map.serialize_value(&number),
                Cell::Decimal(number) => map.serialize_value(&exact(number)),
                Cell::Boolean(value) => map.serialize_value(&value),
                Cell::Date(day) => map.serialize_value(&day.to_string()),
                Cell::Timestamp(moment) => map.serialize_value(&moment),
                Cell::Float(number) => map.serialize_value(&number),
            }?;
        }
        map.end()
    }
}

struct RowsV1<'a>(&'a Table);

impl Serialize for RowsV1<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rows = serializer.serialize_seq(Some(self.0.row_count()))?;
        for row in 0..self.0.row_count() {
            rows.serialize_element(&TableRowV1(self.0, row))?;
        }
        rows.end()
    }
}

#[derive(Serialize)]
struct ColumnV1<'a> {
    name: &'a str,
    r#type: &'static str,
}

#[derive(Serialize)]
struct TableV1<'a> {
    schema: &'static str,
    name: &'a str,
    columns: Vec<ColumnV1<'a>>,
    rows: RowsV1<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_read: Option<Value>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    notes: &'a [String],
}

fn kind(values: &Values) -> &'static str {
    match values {
        Values::Text(_) => "text",
        Values::Integer(_) => "integer",
        Values::Decimal(_) => "decimal",
        Values::Boolean(_) => "boolean",
        Values::Date(_) => "date",
        Values::Timestamp(_) => "timestamp",
        Values::Float(_) => "float",
    }
}

/// Writes one JSON document with columns and rows; of what was read for them, also what
/// could not be, and notes on what the rows cannot tell.
///
/// # Errors
///
/// When the writer fails.
pub fn write_json(
    table: &Table,
    not_read: Option<NotRead<'_>>,
    notes: &[String],
    writer: &mut dyn Write,
) -> io::Result<()> {
    let columns = table.columns.iter().map(|column| ColumnV1 {
        name: &column.name,
        r#type: kind(&column.values),
    });
    let document = TableV1 {
        schema: SCHEMA,
        name: &table.name,
        columns: columns.collect(),
        rows: RowsV1(table),
        not_read: not_read.map(NotRead::json),
        notes,
    };
    serde_json::to_writer(&mut *writer, &document)?;
    writer.write_all(b"\n")
}

/// Writes one JSON object per row.
///
/// # Errors
///
/// When the writer fails.
pub fn write_jsonl(table: &Table, writer: &mut dyn Write) -> io::Result<()> {
    for row in 0..table.row_count() {
        serde_json::to_writer(&mut *writer, &TableRowV1(table, row))?;
        writer.write_all(b"\n")?;
    }
    Ok(())
}
