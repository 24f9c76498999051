//! Between the model's types and the columns of a data frame.
//!
//! Texts go in as codes, days as numbers, money as whole units: frames join and
//! group on integers only.

use crate::model::text::Text;
use hashbrown::HashMap;
use polars::prelude::*;
use serde::{Deserialize, Serialize};

/// Texts by number. Zero is none.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Codes {
    texts: Vec<Text>,
    #[serde(skip)]
    codes: HashMap<Text, u32>,
}

impl Codes {
    /// The number of a text, a new one if need be.
    pub(super) fn code(&mut self, text: Option<&Text>) -> u32 {
        let Some(text) = text else {
            return 0;
        };
        if let Some(code) = self.codes.get(text) {
            return *code;
        }
        self.texts.push(text.clone());
        // Fewer texts than bytes in memory; a `u32` of them would fill it.
        let code = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.codes.insert(text.clone(), code);
        code
    }

    /// The text of a number.
    pub(super) fn text(&self, code: u32) -> Option<&Text> {
        let index = (code as usize).checked_sub(1)?;
        self.texts.get(index)
    }
}

/// A column of whole units.
pub(super) fn units_column(
    name: &str,
    units: impl IntoIterator<Item = Option<i128>>,
) -> PolarsResult<Column> {
    let units = Int128Chunked::from_iter_options(name.into(), units.into_iter());
    Ok(units.into_decimal(38, 0)?.into_series().into_column())
}

/// Sums of columns, each with how many of its values are known.
pub(super) fn sums_with_known(names: &[&str]) -> Vec<Expr> {
    let sums = names.iter().flat_map(|name| {
        let known = col(*name).count().cast(DataType::UInt32);
        [col(*name).sum(), known.alias(format!("{name}_known"))]
    });
    sums.collect()
}

/// Sums made by [`sums_with_known`]; `None` where no value is known.
pub(super) fn read_known_sums(frame: &DataFrame, name: &str) -> PolarsResult<Vec<Option<i128>>> {
    let known = read_all_codes(frame, &format!("{name}_known"))?;
    let sums = read_units(frame, name)?.into_iter().zip(known);
    Ok(sums.map(|(sum, known)| sum.filter(|_| known > 0)).collect())
}

/// The values of a column made by [`units_column`].
pub(super) fn read_units(frame: &DataFrame, name: &str) -> PolarsResult<Vec<Option<i128>>> {
    let units = frame.column(name)?.decimal()?.physical();
    Ok(units.iter().collect())
}

/// The values of a column of codes without gaps.
pub(super) fn read_all_codes(frame: &DataFrame, name: &str) -> PolarsResult<Vec<u32>> {
    let codes = frame.column(name)?.u32()?.iter();
    Ok(codes.map(Option::unwrap_or_default).collect())
}

/// The values of a column of days or other signed numbers.
pub(super) fn read_days(frame: &DataFrame, name: &str) -> PolarsResult<Vec<i32>> {
    let days = frame.column(name)?.i32()?.iter();
    Ok(days.map(Option::unwrap_or_default).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_one_number_each() {
        let mut codes = Codes::default();
        let (one, two): (Text, Text) = ("one".into(), "two".into());
        assert_eq!(codes.code(None), 0);
        assert_eq!(codes.code(Some(&one)), 1);
        assert_eq!(codes.code(Some(&two)), 2);
        assert_eq!(codes.code(Some(&one)), 1);
        assert_eq!(codes.text(2), Some(&two));
        assert_eq!(codes.text(0), None);
    }
}
