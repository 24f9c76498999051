//! Rows of a bill as lines, whatever the format.

use super::account;
use super::bill_error::BillError;
use super::bill_values::{self as values, list, no_amount};
use super::file_lines::FileLines;
use super::rows::{EndOfRows, ExportRow, Rows, RowsError, at_line, find};
use super::scope::{RowFate, Scope};
use super::shape::{LineEnd, RowShape};
use crate::model::bill::{BillPeriod, Sku};
use crate::model::exact::ExactAmount;
use crate::model::ids::AccountId;
use hashbrown::HashMap;

/// The positions of a format's columns, in the order of the format.
pub(super) struct ColumnPositions(Vec<Option<usize>>);

impl ColumnPositions {
    /// Finds columns, each under one of several names; the first `needed` of them
    /// have to be there.
    pub(super) fn find(
        kind: &'static str,
        names: &[String],
        wanted: &[&[&str]],
        needed: usize,
    ) -> Result<Self, BillError> {
        let found = find(names, wanted);
        let lacking = found.iter().zip(wanted).take(needed);
        let lacking: Vec<String> = lacking
            .filter(|(at, _)| at.is_none())
            .map(|(_, names)| names.first().map_or("a cost of this metric", |name| *name))
            .map(str::to_owned)
            .collect();
        if lacking.is_empty() {
            return Ok(Self(found));
        }
        Err(BillError::Lacks {
            kind,
            lacking: format!("the columns {}", list(&lacking)),
            found: list(names),
        })
    }

    /// Returns true if the column is there.
    pub(super) fn has(&self, wanted: usize) -> bool {
        self.0.get(wanted).is_some_and(Option::is_some)
    }
}

/// A form of bills with one line a row.
pub(super) trait BillFormat {
    /// Writes down everything of a row that its shape depends on. `period` is the days it covers.
    fn sign(&self, row: &ExportRow<'_>, sign: &mut Vec<u8>);

    /// The moments at which a row's period starts and ends, as it spells them.
    fn period<'r>(&self, row: &'r ExportRow<'_>) -> Result<(&'r str, Option<&'r str>), String>;

    /// The account of a row, as it spells it.
    fn account<'r>(&self, row: &'r ExportRow<'_>) -> Result<&'r str, String>;

    /// Returns true if the row is of another provider than AWS.
    fn is_of_other_provider(&self, row: &ExportRow<'_>) -> bool;

    /// The shape of a row of an account and period.
    fn shape(
        &self,
        row: &ExportRow<'_>,
        account_id: AccountId,
        period: BillPeriod,
    ) -> Result<RowShape, String>;
}

/// Adds a column to what a row is recognized by.
pub(super) fn sign_column(row: &ExportRow<'_>, column: usize, sign: &mut Vec<u8>) {
    if let Some(text) = row.get(column) {
        sign.extend_from_slice(text.as_bytes());
    }
    sign.push(0);
}

/// The account that pays, as a row tells it in two columns.
pub(super) fn payer_of(
    row: &ExportRow<'_>,
    id: usize,
    name: usize,
) -> Option<(AccountId, Option<String>)> {
    let told = account::account_id(row.get(id)?).ok()?;
    Some((told.id.into(), row.get(name).map(str::to_owned)))
}

/// The SKU of a row, as it tells it in two columns.
pub(super) fn sku_of(row: &ExportRow<'_>, id: usize, price_id: usize) -> Option<Sku> {
    Some(Sku {
        id: row.get(id)?.into(),
        price_id: row.get(price_id).map(Into::into),
    })
}

/// Reads the rows of a file.
pub(super) fn read_rows(
    name: &str,
    rows: Rows<'_>,
    columns: &ColumnPositions,
    format: &impl BillFormat,
    scope: &Scope,
    into: &mut FileLines,
) -> Result<EndOfRows, RowsError> {
    let mut reader = RowReader {
        format,
        scope,
        periods: HashMap::new(),
        sign: Vec::new(),
        into,
    };
    rows.for_each(&columns.0, |number, row| {
        let read = row.and_then(|row| {
            let read = reader.row(&row);
            read.map_err(|detail| at_line(row.line(), detail))
        });
        if let Err(detail) = read {
            reader.into.reject(name, number, detail);
        }
    })
}

fn no_period(start: &str, end: Option<&str>) -> String {
    let spelled = [Some(start), end].into_iter().flatten().map(str::to_owned);
    let spelled: Vec<String> = spelled.collect();
    format!(
        "{} is no period: expected dates such as 2026-11-01 or 2026-11-01T00:00:00Z (a spreadsheet may have changed them)",
        list(&spelled)
    )
}

/// Distinct spellings of periods that are remembered: the hours of a month, and some more.
const PERIODS_MAX: usize = 4096;

struct RowReader<'a, F> {
    format: &'a F,
    scope: &'a Scope,
    /// Days by the spelling of their start and end.
    periods: HashMap<Box<str>, Option<BillPeriod>>,
    sign: Vec<u8>,
    into: &'a mut FileLines,
}

impl<F: BillFormat> RowReader<'_, F> {
    fn row(&mut self, row: &ExportRow<'_>) -> Result<(), String> {
        if self.format.is_of_other_provider(row) {
            self.into.uncounted.other_providers += 1;
            return Ok(());
        }
        let account = self.format.account(row)?;
        let (start, end) = self.format.period(row)?;
        let period = self
            .period(start, end)
            .ok_or_else(|| no_period(start, end))?;
        self.sign.clear();
        self.sign.extend_from_slice(account.as_bytes());
        self.sign.push(0);
        for day in [period.from, period.to] {
            self.sign.extend_from_slice(&day.year().to_be_bytes());
            self.sign
                .extend([day.month(), day.day()].map(i8::cast_unsigned));
        }
        let end = match end {
            Some(_) => LineEnd::Told,
            None if values::is_midnight(start) => LineEnd::Unknown,
            None => LineEnd::WithinDay,
        };
        self.sign.push(end as u8);
        self.format.sign(row, &mut self.sign);
        let slot = if let Some(slot) = self.into.slot(&self.sign) {
            slot
        } else {
            let mut shape = self.new_shape(row, account, period)?;
            shape.end = end;
            let fate = self.scope.fate(shape);
            self.into.add_slot(&self.sign, fate)
        };
        let shape = match self.into.fate(slot) {
            RowFate::Counted(shape) => shape,
            RowFate::Uncounted(_) => {
                self.into.count(slot);
                return Ok(());
            }
        };
        let cost = match shape.cost.map(|column| (column, row.get(column))) {
            None => ExactAmount::default(),
            Some((column, Some(text))) => values::cost(text, row.is_binary(column))
                .ok_or_else(|| no_amount("the cost", text))?,
            Some((_, None)) if shape.may_be_blank => ExactAmount::default(),
            Some((_, None)) => return Err("no cost".to_owned()),
        };
        let terabytes = shape.usage.of(row);
        let told = terabytes.as_ref().ok().and_then(Option::as_ref);
        self.into.add(slot, &cost, told);
        // The cost counts all the same.
        terabytes.map(|_| ())
    }

    /// The days of a period, remembered by its spelling.
    fn period(&mut self, start: &str, end: Option<&str>) -> Option<BillPeriod> {
        self.sign.clear();
        self.sign.extend_from_slice(start.as_bytes());
        self.sign.push(b' ');
        self.sign
            .extend_from_slice(end.unwrap_or_default().as_bytes());
        let spelled = str::from_utf8(&self.sign).ok()?;
        if let Some(known) = self.periods.get(spelled) {
            return *known;
        }
        let period = values::period(start, end);
        if self.periods.len() < PERIODS_MAX {
            self.periods.insert(spelled.into(), period);
        }
        period
    }

    fn new_shape(
        &mut self,
        row: &ExportRow<'_>,
        account: &str,
        period: BillPeriod,
    ) -> Result<RowShape, String> {
        let told = account::account_id(account)?;
        if told.is_repaired {
            self.into.notes.insert(account::REPAIRED.to_owned());
        }
        let shape = self.format.shape(row, told.id.as_str().into(), period)?;
        let currency = &shape.key.currency;
        if !currency.is_empty() && !self.into.currencies.contains(currency) {
            self.into.currencies.insert(currency.clone());
        }
        Ok(shape)
    }
}
