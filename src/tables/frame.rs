//! Tables as data frames and back.

use crate::model::money::{column_scale, trimmed, units};
use crate::model::table::{Column as TableColumn, Table, Values};
use crate::model::text::Text;
use crate::model::time::{UtcDay, UtcSecond};
use polars::prelude::*;
use rust_decimal::Decimal;

/// Places that are left when the zeros go that only fill a column's scale.
const SHOWN_SCALE_MIN: u32 = 6;

/// A table as a frame.
pub(super) fn frame(table: &Table) -> PolarsResult<DataFrame> {
    let columns = table.columns.iter().map(column);
    let columns = columns.collect::<PolarsResult<Vec<Column>>>()?;
    DataFrame::new(table.row_count(), columns)
}

fn column(from: &TableColumn) -> PolarsResult<Column> {
    let name = PlSmallStr::from_str(&from.name);
    let series = match &from.values {
        Values::Text(values) => {
            let texts = values.iter().map(Option::as_deref);
            StringChunked::from_iter_options(name, texts).into_series()
        }
        Values::Integer(values) => Series::new(name, values),
        Values::Boolean(values) => Series::new(name, values),
        Values::Float(values) => Series::new(name, values),
        Values::Decimal(values) => {
            let scale = column_scale(values);
            let of = |value: &Option<Decimal>| {
                let units = value.map(|value| {
                    let units = units(value, scale);
                    units.ok_or_else(|| too_large(value, &from.name))
                });
                units.transpose()
            };
            let units = values.iter().map(of).collect::<PolarsResult<Vec<_>>>()?;
            Int128Chunked::from_iter_options(name, units.into_iter())
                .into_decimal(38, scale as usize)?
                .into_series()
        }
        Values::Date(values) => {
            let days = values
                .iter()
                .map(|day| day.map(|day| UtcDay::of(day).number()));
            let days: Vec<Option<i32>> = days.collect();
            Series::new(name, days).cast(&DataType::Date)?
        }
        Values::Timestamp(values) => {
            let micros = values
                .iter()
                .map(|moment| moment.map(|moment| moment.unix().saturating_mul(1_000_000)));
            let micros: Vec<Option<i64>> = micros.collect();
            Series::new(name, micros).cast(&DataType::Datetime(TimeUnit::Microseconds, None))?
        }
    };
    Ok(series.into_column())
}

/// A frame as a table.
pub(super) fn table(name: &str, frame: &DataFrame) -> PolarsResult<Table> {
    let mut table = Table::new(name);
    for column in frame.columns() {
        let values = values(column.as_materialized_series())?;
        table = table.with(column.name(), values);
    }
    Ok(table)
}

fn values(series: &Series) -> PolarsResult<Values> {
    Ok(match series.dtype() {
        DataType::Boolean => Values::Boolean(series.bool()?.iter().collect()),
        DataType::Float32 | DataType::Float64 => {
            let floats = series.cast(&DataType::Float64)?;
            Values::Float(floats.f64()?.iter().collect())
        }
        DataType::Decimal(_, scale) => {
            let scale = u32::try_from(*scale).unwrap_or(u32::MAX);
            let of = |units: Option<i128>| {
                let decimal = units.map(|units| trimmed(units, scale, SHOWN_SCALE_MIN));
                decimal
                    .map(|decimal| decimal.ok_or_else(too_long))
                    .transpose()
            };
            let units = series.decimal()?.physical().iter();
            Values::Decimal(units.map(of).collect::<PolarsResult<_>>()?)
        }
        DataType::UInt64 | DataType::Int128 | DataType::UInt128 => {
            let wide = series.strict_cast(&DataType::Int64)?;
            Values::Integer(wide.i64()?.iter().collect())
        }
        dtype if dtype.is_integer() => {
            let wide = series.cast(&DataType::Int64)?;
            Values::Integer(wide.i64()?.iter().collect())
        }
        DataType::Date => {
            let days = series.cast(&DataType::Int32)?;
            let days = days.i32()?.iter();
            Values::Date(
                days.map(|number| UtcDay::numbered(number?).date())
                    .collect(),
            )
        }
        DataType::Datetime(..) => {
            let utc = series.cast(&DataType::Datetime(TimeUnit::Microseconds, None))?;
            let micros = utc.cast(&DataType::Int64)?;
            let second = |micros: i64| UtcSecond::from_unix(micros.div_euclid(1_000_000));
            let moments = micros.i64()?.iter();
            Values::Timestamp(moments.map(|micros| micros.map(second)).collect())
        }
        DataType::String => texts(series)?,
        _ => texts(&series.cast(&DataType::String)?)?,
    })
}

fn texts(series: &Series) -> PolarsResult<Values> {
    let texts = series.str()?.iter();
    Ok(Values::Text(
        texts.map(|text| text.map(Text::from)).collect(),
    ))
}

fn too_large(value: Decimal, column: &str) -> PolarsError {
    PolarsError::ComputeError(format!("{value} of the column {column} is too large").into())
}

fn too_long() -> PolarsError {
    PolarsError::ComputeError("a decimal needs more than 28 digits".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_comes_back_as_it_went_in() {
        let table = Table::of_every_type();
        let back = super::table("t", &frame(&table).unwrap()).unwrap();
        assert_eq!(back, table);
    }
}
