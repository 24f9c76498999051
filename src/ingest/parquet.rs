//! Bills as Parquet, which may come from anywhere: a reader that takes damage for
//! an error, row by row, and only of the columns that are needed.

use crate::model::damage::guarded;
use crate::model::exact::ExactAmount;
use crate::model::time::{UtcDay, UtcSecond};
use num_bigint::BigInt;
use parquet::basic::{LogicalType, TimeUnit};
use parquet::data_type::Decimal as ParquetDecimal;
use parquet::errors::ParquetError;
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::record::Field;
use parquet::schema::types::Type;
use std::fs::File;
use std::sync::Arc;

/// A value as text, and whether it was a binary number.
pub(super) type ParquetValue = (Option<String>, bool);

/// The names of the columns.
pub(super) fn names(file: &File) -> Result<Vec<String>, String> {
    guarded(|| -> Result<_, ParquetError> {
        let reader = SerializedFileReader::new(file.try_clone()?)?;
        let schema = reader.metadata().file_metadata().schema();
        let names = schema
            .get_fields()
            .iter()
            .map(|field| field.name().to_owned());
        Ok(names.collect())
    })
}

/// Calls `each` with the values of the wanted columns of each row, in the order
/// they are wanted.
pub(super) fn for_each(
    file: &File,
    wanted: &[Option<&str>],
    mut each: impl FnMut(&[ParquetValue]),
) -> Result<(), String> {
    guarded(|| -> Result<_, ParquetError> {
        let reader = SerializedFileReader::new(file.try_clone()?)?;
        let schema = reader.metadata().file_metadata().schema();
        let fields: Vec<Arc<Type>> = schema
            .get_fields()
            .iter()
            .filter(|field| wanted.contains(&Some(field.name())))
            .cloned()
            .collect();
        let nanos: Vec<bool> = fields.iter().map(|field| counts_nanos(field)).collect();
        let names: Vec<String> = fields.iter().map(|field| field.name().to_owned()).collect();
        let position = |name: &str| names.iter().position(|known| known == name);
        let positions: Vec<Option<usize>> =
            wanted.iter().map(|name| name.and_then(position)).collect();
        let projection = Type::group_type_builder(schema.name())
            .with_fields(fields)
            .build()?;
        for row in reader.get_row_iter(Some(projection))? {
            let row = row?;
            let columns: Vec<ParquetValue> = row
                .get_column_iter()
                .zip(&nanos)
                .map(|((_, field), nanos)| value(field, *nanos))
                .collect();
            let told = positions.iter().map(|at| {
                let told = at.and_then(|at| columns.get(at).cloned());
                told.unwrap_or_default()
            });
            let told: Vec<ParquetValue> = told.collect();
            each(&told);
        }
        Ok(())
    })
}

fn counts_nanos(field: &Type) -> bool {
    matches!(
        field.get_basic_info().logical_type_ref(),
        Some(LogicalType::Timestamp(timestamp)) if timestamp.unit == TimeUnit::NANOS
    )
}

/// Whole numbers below are exact in a double.
const WHOLE_MAX: f64 = 1e15;

fn moment(seconds: i64) -> String {
    UtcSecond::from_unix(seconds).to_string()
}

fn value(field: &Field, nanos: bool) -> ParquetValue {
    let text = match field {
        Field::Bool(value) => Some(value.to_string()),
        Field::Long(number) if nanos => Some(moment(number.div_euclid(1_000_000_000))),
        Field::TimestampMillis(number) => Some(moment(number.div_euclid(1000))),
        Field::TimestampMicros(number) => Some(moment(number.div_euclid(1_000_000))),
        Field::Date(days) => UtcDay::numbered(*days).date().map(|day| day.to_string()),
        Field::Byte(number) => Some(number.to_string()),
        Field::Short(number) => Some(number.to_string()),
        Field::Int(number) => Some(number.to_string()),
        Field::Long(number) => Some(number.to_string()),
        Field::UByte(number) => Some(number.to_string()),
        Field::UShort(number) => Some(number.to_string()),
        Field::UInt(number) => Some(number.to_string()),
        Field::ULong(number) => Some(number.to_string()),
        // Ids that a data frame took for numbers.
        Field::Double(number) if number.abs() < WHOLE_MAX => {
            return (Some(number.to_string()), true);
        }
        // The shortest decimal that means the same number.
        Field::Float(number) => return (Some(format!("{number:e}")), true),
        Field::Double(number) => return (Some(format!("{number:e}")), true),
        Field::Decimal(number) => decimal(number),
        Field::Str(text) => Some(text.clone()),
        Field::Bytes(bytes) => Some(String::from_utf8_lossy(bytes.data()).into_owned()),
        // No column that a bill needs is of the others.
        Field::Null
        | Field::Float16(_)
        | Field::TimeMillis(_)
        | Field::TimeMicros(_)
        | Field::Group(_)
        | Field::ListInternal(_)
        | Field::MapInternal(_) => None,
    };
    (text, false)
}

/// Big-endian two's complement, of any number of bytes.
fn decimal(number: &ParquetDecimal) -> Option<String> {
    let scale = u32::try_from(number.scale()).ok()?;
    let units = BigInt::from_signed_bytes_be(number.data());
    Some(ExactAmount::of_units(units, scale).to_string())
}
