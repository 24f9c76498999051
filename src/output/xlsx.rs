//! Tables as a workbook: a sheet each, with a frozen header and number formats.
//!
//! A spreadsheet computes in binary numbers of fifteen digits. Amounts are
//! written as such at the very end, for showing; CSV, JSON and Parquet have all
//! digits.

use crate::model::money::exact;
use crate::model::table::{Cell, Column, Table, Values};
use jiff::civil::Date;
use rust_decimal::prelude::ToPrimitive;
use rust_xlsxwriter::{
    DocProperties, ExcelDateTime, Format, FormatAlign, Workbook, Worksheet, XlsxError,
};
use std::io::{self, Write};

const MONEY: &str = "#,##0.00####;[Red]-#,##0.00####";
const WHOLE: &str = "#,##0";
const DAY: &str = "yyyy-mm-dd";
const MOMENT: &str = "yyyy-mm-dd hh:mm:ss";
/// Longer names of sheets are refused.
const SHEET_NAME_LETTERS_MAX: usize = 31;
/// Rows of a sheet, the header included.
const ROWS_MAX: usize = 1_048_576;
/// Letters of a cell.
const CELL_LETTERS_MAX: usize = 32_767;

/// A sheet: a table, and its total below it.
#[derive(Debug)]
pub struct Sheet {
    /// The rows.
    pub table: Table,
    /// Columns of the same names, to be shown below them.
    pub total: Option<Table>,
}

impl From<Table> for Sheet {
    fn from(table: Table) -> Self {
        Self { table, total: None }
    }
}

/// Writes a workbook of one sheet per table. `created` is the day in the file's
/// properties: no clock is asked.
///
/// # Errors
///
/// When the writer fails, or a table has more rows than a sheet can hold.
pub fn write(sheets: &[Sheet], created: Date, writer: &mut dyn Write) -> io::Result<()> {
    let mut workbook = Workbook::new();
    let made = workbook_of(&mut workbook, sheets, created);
    let bytes = made
        .and_then(|()| workbook.save_to_buffer())
        .map_err(|error| io::Error::other(error.to_string()))?;
    writer.write_all(&bytes)
}

fn workbook_of(workbook: &mut Workbook, sheets: &[Sheet], created: Date) -> Result<(), XlsxError> {
    let properties = DocProperties::new()
        .set_title("Athena chargeback")
        .set_creation_datetime(&excel_day(created)?);
    workbook.set_properties(&properties);
    for Sheet { table, total } in sheets {
        if table.row_count() >= ROWS_MAX {
            return Err(XlsxError::RowColumnLimitError);
        }
        let sheet = workbook.add_worksheet();
        let name: String = table.name.chars().take(SHEET_NAME_LETTERS_MAX).collect();
        sheet.set_name(name)?;
        sheet_of(sheet, table, total.as_ref())?;
    }
    Ok(())
}

fn excel_day(day: Date) -> Result<ExcelDateTime, XlsxError> {
    let part = |number: i8| u8::try_from(number).unwrap_or(1);
    let year = u16::try_from(day.year()).unwrap_or(1900);
    ExcelDateTime::from_ymd(year, part(day.month()), part(day.day()))
}

fn format_of(column: &Column) -> Format {
    match &column.values {
        Values::Decimal(_) => Format::new().set_num_format(MONEY),
        Values::Integer(_) => Format::new().set_num_format(WHOLE),
        Values::Date(_) => Format::new().set_num_format(DAY),
        Values::Timestamp(_) => Format::new().set_num_format(MOMENT),
        Values::Text(_) | Values::Boolean(_) | Values::Float(_) => Format::new(),
    }
}

/// One line below the data, apart from what is filtered and sorted.
fn write_total(sheet: &mut Worksheet, table: &Table, total: &Table) -> Result<(), XlsxError> {
    let first = u32::try_from(table.row_count() + 2).unwrap_or(u32::MAX);
    let bold = Format::new().set_bold();
    sheet.write_string_with_format(first, 0, "Total", &bold)?;
    for (at, column) in (0u16..).zip(&table.columns) {
        let Some(sum) = total.column(&column.name) else {
            continue;
        };
        let format = format_of(sum).set_bold();
        for row in 0..total.row_count() {
            let line = first + u32::try_from(row).unwrap_or(u32::MAX);
            write_cell(sheet, line, at, sum.values.cell(row), &format)?;
        }
    }
    Ok(())
}

fn sheet_of(sheet: &mut Worksheet, table: &Table, total: Option<&Table>) -> Result<(), XlsxError> {
    for (at, column) in (0u16..).zip(&table.columns) {
        let side = if column.values.is_numeric() {
            FormatAlign::Right
        } else {
            FormatAlign::Left
        };
        let header = Format::new().set_bold().set_align(side);
        sheet.write_string_with_format(0, at, column.name.replace('_', " "), &header)?;
        let format = format_of(column);
        for row in 0..table.row_count() {
            let line = u32::try_from(row + 1).unwrap_or(u32::MAX);
            write_cell(sheet, line, at, column.values.cell(row), &format)?;
        }
    }
    if let Some(total) = total {
        write_total(sheet, table, total)?;
    }
    sheet.set_landscape();
    sheet.set_print_fit_to_pages(1, 0);
    sheet.set_freeze_panes(1, 0)?;
    if table.row_count() > 0 && !table.columns.is_empty() {
        let last_row = u32::try_from(table.row_count()).unwrap_or(u32::MAX);
        let last_column = u16::try_from(table.columns.len() - 1).unwrap_or(u16::MAX);
        sheet.autofilter(0, 0, last_row, last_column)?;
    }
    sheet.autofit();
    Ok(())
}

/// Text is written as text, so that no cell becomes a formula or a link.
fn write_cell(
    sheet: &mut Worksheet,
    row: u32,
    column: u16,
    cell: Cell<'_>,
    format: &Format,
) -> Result<(), XlsxError> {
    match cell {
        Cell::Null => {}
        Cell::Text(text) => {
            let text: String = text.chars().take(CELL_LETTERS_MAX).collect();
            sheet.write_string_with_format(row, column, text, format)?;
        }
        Cell::Integer(number) => {
            let shown = number.to_f64().unwrap_or_default();
            sheet.write_number_with_format(row, column, shown, format)?;
        }
        Cell::Decimal(number) => {
            let shown: f64 = exact(number).parse().unwrap_or_default();
            sheet.write_number_with_format(row, column, shown, format)?;
        }
        Cell::Boolean(value) => {
            sheet.write_boolean(row, column, value)?;
        }
        Cell::Date(day) => {
            sheet.write_datetime_with_format(row, column, &excel_day(day)?, format)?;
        }
        Cell::Timestamp(moment) => {
            let day = excel_day(moment.day())?;
            let second = u32::try_from(moment.unix().rem_euclid(86_400)).unwrap_or_default();
            let hour = u16::try_from(second / 3600).unwrap_or_default();
            let minute = u8::try_from(second % 3600 / 60).unwrap_or_default();
            let moment = day.and_hms(hour, minute, second % 60)?;
            sheet.write_datetime_with_format(row, column, &moment, format)?;
        }
        Cell::Float(number) => {
            sheet.write_number(row, column, number)?;
        }
    }
    Ok(())
}
