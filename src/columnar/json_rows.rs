//! Rows of Parquet files from elsewhere as JSON objects.

use crate::model::damage::guarded;
use bytes::Bytes;
use parquet::errors::ParquetError as Refusal;
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::record::{Field, Row};
use serde_json::{Map, Value};

/// Calls `each` with every row of a Parquet file as a JSON object, in order, until it returns false.
/// Times are UTC in RFC 3339; other values that JSON cannot hold are text.
///
/// # Errors
///
/// When the file is no Parquet file or is damaged. Rows before the damage were given.
pub fn for_each_json_row(bytes: &[u8], each: &mut dyn FnMut(Value) -> bool) -> Result<(), String> {
    let bytes = Bytes::copy_from_slice(bytes);
    guarded(|| -> Result<_, Refusal> {
        let reader = SerializedFileReader::new(bytes)?;
        for row in reader.get_row_iter(None)? {
            if !each(object(&row?)) {
                break;
            }
        }
        Ok(())
    })
}

fn object(row: &Row) -> Value {
    let members = row
        .get_column_iter()
        .map(|(name, field)| (name.clone(), value(field)));
    Value::Object(members.collect::<Map<_, _>>())
}

fn value(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(known) => Value::Bool(*known),
        Field::Byte(number) => (*number).into(),
        Field::Short(number) => (*number).into(),
        Field::Int(number) => (*number).into(),
        Field::Long(number) => (*number).into(),
        Field::UByte(number) => (*number).into(),
        Field::UShort(number) => (*number).into(),
        Field::UInt(number) => (*number).into(),
        Field::ULong(number) => (*number).into(),
        Field::Str(text) => text.as_str().into(),
        Field::Bytes(bytes) => String::from_utf8_lossy(bytes.data()).into(),
        Field::TimestampMillis(at) => time(*at, 1_000),
        Field::TimestampMicros(at) => time(*at, 1_000_000),
        Field::Group(row) => object(row),
        Field::ListInternal(list) => list.elements().iter().map(value).collect(),
        Field::MapInternal(map) => {
            let members = map.entries().iter().map(|(key, known)| {
                let name = match value(key) {
                    Value::String(name) => name,
                    other => other.to_string(),
                };
                (name, value(known))
            });
            Value::Object(members.collect())
        }
        other => other.to_string().into(),
    }
}

fn time(at: i64, units_per_second: i64) -> Value {
    crate::model::time::UtcSecond::from_unix(at.div_euclid(units_per_second))
        .to_string()
        .into()
}
