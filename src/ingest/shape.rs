//! Rows of a bill that are alike in all but their amounts.

use super::bill_values as values;
use super::rows::ExportRow;
use crate::model::bill::{LineKey, Sku};
use crate::model::exact::ExactAmount;
use crate::model::ids::AccountId;
use crate::model::money::parse_decimal;
use rust_decimal::Decimal;

/// The end of a line's period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum LineEnd {
    Told,
    /// Not told, and it starts within a day.
    WithinDay,
    /// Not told: of a day, or of a month.
    Unknown,
}

/// What a row tells, apart from its amounts: many rows of a bill are alike in it.
pub(super) struct RowShape {
    /// Its key; the currency is empty where the row gives none.
    pub(super) key: LineKey,
    pub(super) is_estimated: bool,
    pub(super) end: LineEnd,
    /// The column of the cost; `None` for nothing.
    pub(super) cost: Option<usize>,
    /// True if a blank cost is nothing, and not damage.
    pub(super) may_be_blank: bool,
    pub(super) usage: UsageColumns,
    pub(super) account_name: Option<String>,
    /// The account that pays, and its name.
    pub(super) payer: Option<(AccountId, Option<String>)>,
    pub(super) sku: Option<Sku>,
    /// The prefix of its usage type, if that stands for no Region that is known.
    pub(super) unknown_prefix: Option<String>,
}

/// The columns of the terabytes of a row.
#[derive(Default)]
pub(super) struct UsageColumns {
    /// Columns, and units in a terabyte; the first that has a number counts.
    pub(super) columns: Vec<(usize, i64)>,
    /// True if text that is no number is damage.
    pub(super) is_strict: bool,
}

impl UsageColumns {
    /// The terabytes of a row.
    pub(super) fn of(&self, row: &ExportRow<'_>) -> Result<Option<ExactAmount>, String> {
        for (column, per_terabyte) in &self.columns {
            let Some(text) = row.get(*column) else {
                continue;
            };
            match usage(text, row.is_binary(*column), *per_terabyte) {
                Some(terabytes) => return Ok(Some(terabytes)),
                None if self.is_strict => {
                    let why = values::no_amount("the usage amount", text);
                    return Err(format!("{why}: the cost counts without it"));
                }
                None => {}
            }
        }
        Ok(None)
    }
}

/// Terabytes of so many units, of which there are `per_terabyte` in one.
fn usage(text: &str, is_binary: bool, per_terabyte: i64) -> Option<ExactAmount> {
    if per_terabyte == 1 {
        return values::terabytes(text, is_binary);
    }
    let units = parse_decimal(text)?.checked_div(Decimal::from(per_terabyte))?;
    values::terabytes(&units.to_string(), is_binary)
}
