//! Tables as Parquet, for `DuckDB`, Athena, spreadsheets of larger size, and the store.

use crate::model::money::{column_scale, units};
use crate::model::table::{Column as TableColumn, Table, Values};
use crate::model::text::Text;
use crate::model::time::UtcDay;
use bytes::Bytes;
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray,
    FixedLenByteArrayType, Int32Type, Int64Type,
};
use parquet::errors::ParquetError as Refusal;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::printer::print_schema;
use parquet::schema::types::Type;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;

/// Rows of a row group: what a reader takes in at once.
const GROUP_ROWS: usize = 1 << 18;
/// Digits of decimal columns.
const DECIMAL_PRECISION: i32 = 38;
/// Bytes of a decimal of that many digits.
const DECIMAL_BYTES: i32 = 16;

/// The compression of pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// Snappy: read by everything that reads Parquet.
    Snappy,
    /// Zstandard: smaller, for files that only this program reads.
    Zstandard,
}

/// An error while a table is written.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ParquetError {
    /// The writer's message.
    pub message: String,
}

impl From<io::Error> for ParquetError {
    fn from(error: io::Error) -> Self {
        Self {
            message: error.to_string(),
        }
    }
}

impl From<Refusal> for ParquetError {
    fn from(refusal: Refusal) -> Self {
        Self {
            message: refusal.to_string(),
        }
    }
}

/// Writes a table. Money is `DECIMAL(38,18)`, moments are `TIMESTAMP` in UTC, and every
/// column may be null.
///
/// # Errors
///
/// When the table or the output cannot be written.
pub fn write(table: &Table, codec: Codec, out: &mut dyn Write) -> Result<(), ParquetError> {
    write_with_note(table, codec, None, out)
}

/// The same, with a note (key and value) in the file's metadata.
///
/// # Errors
///
/// When the table or the output cannot be written.
pub fn write_with_note(
    table: &Table,
    codec: Codec,
    note: Option<(String, String)>,
    out: &mut dyn Write,
) -> Result<(), ParquetError> {
    let columns = columns_of(table);
    let schema = schema(&columns)?;
    let properties = properties(codec, note);
    let mut file = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties))?;
    for from in (0..table.row_count()).step_by(GROUP_ROWS) {
        let rows = from..table.row_count().min(from + GROUP_ROWS);
        let mut group = file.next_row_group()?;
        for column in &columns {
            if let Some(mut chunk) = group.next_column()? {
                column.write(rows.clone(), &mut chunk)?;
                chunk.close()?;
            }
        }
        group.close()?;
        // What is done leaves memory; the writer keeps only its places.
        file.flush()?;
        out.write_all(&std::mem::take(file.inner_mut()))?;
    }
    out.write_all(&file.into_inner()?)?;
    Ok(())
}

/// Returns the schema of a table as Parquet files have it, in Parquet's own notation.
///
/// # Errors
///
/// When a column cannot be stored.
pub fn schema_text(table: &Table) -> Result<String, ParquetError> {
    let mut text = Vec::new();
    print_schema(&mut text, &schema(&columns_of(table))?);
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn columns_of(table: &Table) -> Vec<StoredColumn<'_>> {
    table.columns.iter().map(StoredColumn::of).collect()
}

fn schema(columns: &[StoredColumn<'_>]) -> Result<Type, Refusal> {
    let fields = columns.iter().map(|column| column.field().map(Arc::new));
    Type::group_type_builder("schema")
        .with_fields(fields.collect::<Result<_, Refusal>>()?)
        .build()
}

fn properties(codec: Codec, note: Option<(String, String)>) -> WriterProperties {
    let compression = match codec {
        Codec::Snappy => Compression::SNAPPY,
        Codec::Zstandard => Compression::ZSTD(ZstdLevel::default()),
    };
    let writer = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));
    WriterProperties::builder()
        .set_compression(compression)
        .set_created_by(writer.to_owned())
        .set_key_value_metadata(note.map(|(key, value)| vec![KeyValue::new(key, value)]))
        .build()
}

/// A column, and how it is stored.
struct StoredColumn<'a> {
    name: &'a str,
    values: &'a Values,
    /// Places, of a column of decimals.
    scale: u32,
}

impl<'a> StoredColumn<'a> {
    fn of(column: &'a TableColumn) -> Self {
        let scale = match &column.values {
            Values::Decimal(values) => column_scale(values),
            _ => 0,
        };
        Self {
            name: &column.name,
            values: &column.values,
            scale,
        }
    }

    fn field(&self) -> Result<Type, Refusal> {
        let (physical, logical) = match self.values {
            Values::Text(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Values::Integer(_) => (Physical::INT64, None),
            Values::Boolean(_) => (Physical::BOOLEAN, None),
            Values::Float(_) => (Physical::DOUBLE, None),
            Values::Date(_) => (Physical::INT32, Some(LogicalType::Date)),
            Values::Timestamp(_) => {
                let micros = LogicalType::timestamp(false, TimeUnit::MICROS);
                (Physical::INT64, Some(micros))
            }
            Values::Decimal(_) => {
                let scale = i32::try_from(self.scale).unwrap_or(i32::MAX);
                let decimal = LogicalType::decimal(scale, DECIMAL_PRECISION);
                let field = Type::primitive_type_builder(self.name, Physical::FIXED_LEN_BYTE_ARRAY)
                    .with_length(DECIMAL_BYTES)
                    .with_precision(DECIMAL_PRECISION)
                    .with_scale(scale);
                return field
                    .with_logical_type(Some(decimal))
                    .with_repetition(Repetition::OPTIONAL)
                    .build();
            }
        };
        Type::primitive_type_builder(self.name, physical)
            .with_logical_type(logical)
            .with_repetition(Repetition::OPTIONAL)
            .build()
    }

    fn write(&self, rows: Range<usize>, chunk: &mut ColumnChunk<'_>) -> Result<(), ParquetError> {
        match self.values {
            Values::Text(values) => put_texts(chunk, &values[rows]),
            Values::Integer(values) => put::<Int64Type, _>(chunk, &values[rows], |n| Ok(*n)),
            Values::Boolean(values) => put::<BoolType, _>(chunk, &values[rows], |is| Ok(*is)),
            Values::Float(values) => put::<DoubleType, _>(chunk, &values[rows], |n| Ok(*n)),
            Values::Date(values) => {
                put::<Int32Type, _>(chunk, &values[rows], |day| Ok(UtcDay::of(*day).number()))
            }
            Values::Timestamp(values) => put::<Int64Type, _>(chunk, &values[rows], |moment| {
                Ok(moment.unix().saturating_mul(1_000_000))
            }),
            Values::Decimal(values) => {
                put::<FixedLenByteArrayType, _>(chunk, &values[rows], |amount| {
                    let units = units(*amount, self.scale).filter(|units| fits(*units));
                    let units = units.ok_or_else(|| ParquetError {
                        message: format!(
                            "{amount} of the column {} does not fit into {DECIMAL_PRECISION} digits",
                            self.name
                        ),
                    })?;
                    Ok(FixedLenByteArray::from(units.to_be_bytes().to_vec()))
                })
            }
        }
    }
}

/// Returns true if so many units have no more digits than a column has.
fn fits(units: i128) -> bool {
    units.unsigned_abs() < 10_u128.pow(DECIMAL_PRECISION.unsigned_abs())
}

/// A column's part of a row group.
type ColumnChunk<'a> = SerializedColumnWriter<'a>;

/// Writes texts, from one copy of all of them.
fn put_texts(chunk: &mut ColumnChunk<'_>, values: &[Option<Text>]) -> Result<(), ParquetError> {
    let joined: String = values.iter().flatten().map(|text| &**text).collect();
    let joined = Bytes::from(joined);
    let mut end = 0;
    let texts = values.iter().flatten().map(|text| {
        let start = end;
        end += text.len();
        ByteArray::from(joined.slice(start..end))
    });
    let texts: Vec<ByteArray> = texts.collect();
    let writer = chunk.typed::<ByteArrayType>();
    writer.write_batch(&texts, Some(&levels(values)), None)?;
    Ok(())
}

/// 1 for each value that is known.
fn levels<T>(values: &[Option<T>]) -> Vec<i16> {
    let levels = values.iter().map(|value| i16::from(value.is_some()));
    levels.collect()
}

/// Writes values, each made what is stored.
fn put<D: DataType, T>(
    chunk: &mut ColumnChunk<'_>,
    values: &[Option<T>],
    stored: impl Fn(&T) -> Result<D::T, ParquetError>,
) -> Result<(), ParquetError> {
    let levels = levels(values);
    let known = values.iter().flatten().map(stored);
    let known = known.collect::<Result<Vec<D::T>, ParquetError>>()?;
    let writer = chunk.typed::<D>();
    writer.write_batch(&known, Some(&levels), None)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::FileReader;
    use parquet::file::serialized_reader::SerializedFileReader;
    use rust_decimal::Decimal;

    fn with_note(table: &Table, note: Option<(String, String)>) -> SerializedFileReader<Bytes> {
        let mut bytes = Vec::new();
        write_with_note(table, Codec::Snappy, note, &mut bytes).unwrap();
        SerializedFileReader::new(Bytes::from(bytes)).unwrap()
    }

    #[test]
    fn every_type_is_stored_as_other_readers_know_it() {
        let table = Table::of_every_type();
        let reader = with_note(&table, Some(("key".to_owned(), "value".to_owned())));
        let rows: Vec<String> = reader
            .get_row_iter(None)
            .unwrap()
            .map(|row| row.unwrap().to_string())
            .collect();
        assert_eq!(
            rows,
            [
                "{text: \"ä\", whole: -1, money: -1.234567891000000000, yes: true, \
                 day: 2026-11-22, at: 1969-12-31 23:59:53.000000 +00:00, ratio: 0.5}",
                "{text: null, whole: null, money: null, yes: null, day: null, at: null, ratio: null}",
            ]
        );
        let file = reader.metadata().file_metadata();
        let schema = file.schema().get_fields().iter();
        let logical: Vec<String> = schema
            .map(|field| format!("{:?}", field.get_basic_info().logical_type_ref()))
            .collect();
        assert!(
            logical[2].contains("scale: 18, precision: 38"),
            "{logical:?}"
        );
        assert!(logical[5].contains("MICROS"), "{logical:?}");
        let notes = file.key_value_metadata().unwrap();
        assert_eq!(notes[0].key, "key");
        assert_eq!(notes[0].value.as_deref(), Some("value"));
    }

    #[test]
    fn a_table_without_rows_keeps_its_columns() {
        let table = Table::new("t").with("text", Values::Text(Vec::new()));
        let reader = with_note(&table, None);
        let schema = reader.metadata().file_metadata().schema();
        assert_eq!(schema.get_fields()[0].name(), "text");
        assert_eq!(reader.metadata().file_metadata().num_rows(), 0);
    }

    #[test]
    fn an_amount_that_does_not_fit_is_an_error() {
        let write = |amount: Decimal| {
            let table = Table::new("t").with("cost", Values::Decimal(vec![Some(amount)]));
            write(&table, Codec::Snappy, &mut Vec::new())
        };
        let most: Decimal = "100000000000000000000".parse().unwrap();
        for amount in [Decimal::MAX, most, -most] {
            let error = write(amount).unwrap_err();
            assert!(error.to_string().contains("of the column cost"), "{error}");
        }
        write(most - Decimal::ONE).unwrap();
    }
}
