//! Tables as a workbook: a sheet each, with a frozen header and number formats.
//!
//! A spreadsheet computes in binary numbers of fifteen digits. Amounts are
//! written as such at the very end, for showing; CSV, JSON and Parquet have all
//! digits.

use crate::model::money::exact;
use crate::model::table::{Cell, Column, Table, Values};
use crate::model::time::UtcSecond;
use jiff::civil::Date;
use rust_decimal::prelude::ToPrimitive;
use rust_xlsxwriter::{
    DocProperties, ExcelDateTime, Format, FormatAlign, Workbook, Worksheet, XlsxError,
};
use std::fmt::Display;
use std::io::{self, Write};
use std::ops::RangeInclusive;

const MONEY: &str = "#,##0.00####;[Red]-#,##0.00####";
const WHOLE: &str = "#,##0";
const DAY: &str = "yyyy-mm-dd";
const MOMENT: &str = "yyyy-mm-dd hh:mm:ss";
/// Longer names of sheets are refused.
const SHEET_NAME_LETTERS_MAX: usize = 31;
/// Rows of a sheet, the header included.
const ROWS_MAX: usize = 1_048_576;
/// UTF-16 units of a cell.
const CELL_UNITS_MAX: usize = 32_767;
/// The same of a cell whose text is put into markup here: each may become an escape of
/// 13 (`_x005F_x0001_`), and tags stand around them.
const MARKED_UP_UNITS_MAX: usize = 2_400;
/// Years of days that a spreadsheet knows.
const YEARS: RangeInclusive<i16> = 1900..=9999;

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
    let mut properties = DocProperties::new().set_title("Athena chargeback");
    if let Some(created) = excel_day(created) {
        properties = properties.set_creation_datetime(&created);
    }
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

/// A day as a spreadsheet counts them; `None` before 1900, where it has none.
fn excel_day(day: Date) -> Option<ExcelDateTime> {
    let part = |number: i8| u8::try_from(number).ok();
    let year = YEARS.contains(&day.year()).then(|| day.year())?;
    let year = u16::try_from(year).ok()?;
    ExcelDateTime::from_ymd(year, part(day.month())?, part(day.day())?).ok()
}

/// A moment as a spreadsheet counts them; `None` before 1900.
fn excel_moment(moment: UtcSecond) -> Option<ExcelDateTime> {
    let second = u32::try_from(moment.unix().rem_euclid(86_400)).ok()?;
    let hour = u16::try_from(second / 3600).ok()?;
    let minute = u8::try_from(second % 3600 / 60).ok()?;
    excel_day(moment.day())?
        .and_hms(hour, minute, second % 60)
        .ok()
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
        write_text(sheet, 0, at, &column.name, &header)?;
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

/// At most so many UTF-16 units of a text.
fn truncated(text: &str, units_max: usize) -> &str {
    let mut units = 0;
    let fits = |(_, letter): &(usize, char)| {
        units += letter.len_utf16();
        units <= units_max
    };
    let end = text.char_indices().take_while(fits).last();
    &text[..end.map_or(0, |(at, letter)| at + letter.len_utf8())]
}

/// Returns true if the workbook writer would take a text for its own markup, and pass it on as
/// such.
fn looks_like_markup(text: &str) -> bool {
    text.starts_with("<r>") && text.ends_with("</r>")
}

/// Writes text as text, so that no cell becomes a formula, a link or markup.
fn write_text(
    sheet: &mut Worksheet,
    row: u32,
    column: u16,
    text: &str,
    format: &Format,
) -> Result<(), XlsxError> {
    let text = truncated(text, CELL_UNITS_MAX);
    if !looks_like_markup(text) {
        sheet.write_string_with_format(row, column, text, format)?;
        return Ok(());
    }
    // Put into markup by the writer itself, whatever stands in it is escaped.
    let text = escapes_escaped(truncated(text, MARKED_UP_UNITS_MAX));
    sheet.write_rich_string_with_format(row, column, &[(&Format::default(), &text)], format)?;
    Ok(())
}

/// Writes a day or a moment; as text where a spreadsheet has none such.
fn write_time(
    sheet: &mut Worksheet,
    row: u32,
    column: u16,
    shown: Option<ExcelDateTime>,
    told: &dyn Display,
    format: &Format,
) -> Result<(), XlsxError> {
    match shown {
        Some(shown) => {
            sheet.write_datetime_with_format(row, column, &shown, format)?;
            Ok(())
        }
        None => write_text(sheet, row, column, &told.to_string(), &Format::new()),
    }
}

/// Text in which what reads like an escape (`_x0041_`) is none (ECMA-376, `ST_Xstring`).
fn escapes_escaped(text: &str) -> String {
    let is_escape = |rest: &str| {
        let digits = rest.as_bytes().get(2..7);
        digits.is_some_and(|digits| {
            digits[4] == b'_' && digits[..4].iter().all(u8::is_ascii_hexdigit)
        })
    };
    let mut escaped = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("_x") {
        escaped.push_str(&rest[..at]);
        escaped.push_str(if is_escape(&rest[at..]) {
            "_x005F_x"
        } else {
            "_x"
        });
        rest = &rest[at + 2..];
    }
    escaped.push_str(rest);
    escaped
}

fn write_cell(
    sheet: &mut Worksheet,
    row: u32,
    column: u16,
    cell: Cell<'_>,
    format: &Format,
) -> Result<(), XlsxError> {
    match cell {
        Cell::Null => {}
        Cell::Text(text) => write_text(sheet, row, column, text, format)?,
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
        Cell::Date(day) => write_time(sheet, row, column, excel_day(day), &day, format)?,
        Cell::Timestamp(moment) => {
            write_time(sheet, row, column, excel_moment(moment), &moment, format)?;
        }
        Cell::Float(number) => {
            sheet.write_number(row, column, number)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_like_an_escape_is_escaped() {
        for (text, escaped) in [
            ("_x0041_", "_x005F_x0041_"),
            ("a_x_x0041_b", "a_x_x005F_x0041_b"),
            ("_x004é_", "_x004é_"),
            ("_x004", "_x004"),
            ("_x005F_x0041_", "_x005F_x005F_x005F_x0041_"),
        ] {
            assert_eq!(escapes_escaped(text), escaped);
        }
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(truncated("ab😀c", 3), "ab");
        assert_eq!(truncated("ab😀c", 4), "ab😀");
        assert_eq!(truncated("", 4), "");
    }

    #[test]
    fn a_workbook_has_no_days_before_1900() {
        assert!(excel_day(jiff::civil::date(1899, 12, 31)).is_none());
        assert!(excel_day(jiff::civil::date(-1, 1, 1)).is_none());
        assert!(excel_day(jiff::civil::date(1900, 1, 1)).is_some());
    }
}
