//! Any table for people.

use super::Page;
use super::chain_table::{new_table, title, write_table};
use super::human::{bytes, count, decimals, money, plural, safe, tail};
use crate::model::table::{Cell, Column, Table, Values};
use comfy_table::{Cell as Shown, CellAlignment, ColumnConstraint};
use std::io::{self, Write};

/// Writes the table and how many rows it has.
///
/// # Errors
///
/// When the writer fails.
pub fn write(table: &Table, page: Page, writer: &mut dyn Write) -> io::Result<()> {
    let rows = table.row_count();
    if rows > 0 {
        let mut shown = new_table(page);
        shown.set_header(
            table
                .columns
                .iter()
                .map(|column| title(&safe(&column.name))),
        );
        let places: Vec<u32> = table.columns.iter().map(places).collect();
        for row in 0..rows {
            let cells = table.columns.iter().zip(&places);
            shown.add_row(cells.map(|(column, places)| cell(column, row, *places)));
        }
        for (shown, column) in shown.column_iter_mut().zip(&table.columns) {
            shown.set_padding((0, 2));
            if !matches!(column.values, Values::Text(_)) {
                shown.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        write_table(&shown, writer)?;
    }
    writeln!(writer, "{}", plural(rows as u64, "row"))
}

fn places(column: &Column) -> u32 {
    match &column.values {
        Values::Decimal(amounts) => decimals(amounts.iter().flatten().copied()),
        _ => 0,
    }
}

fn cell(column: &Column, row: usize, places: u32) -> Shown {
    let text = match column.values.cell(row) {
        Cell::Null => "–".to_owned(),
        // Machine formats have ARNs whole; people know their ends.
        Cell::Text(text) if text.starts_with("arn:") => safe(tail(text)).into_owned(),
        Cell::Text(text) => safe(text).into_owned(),
        Cell::Integer(number) if number >= 0 && column.name.starts_with("bytes_") => {
            bytes(number.unsigned_abs())
        }
        Cell::Integer(number) => {
            let sign = if number < 0 { "-" } else { "" };
            format!("{sign}{}", count(number.unsigned_abs()))
        }
        Cell::Decimal(number) => money(number, places),
        Cell::Boolean(value) => if value { "yes" } else { "no" }.to_owned(),
        Cell::Date(day) => day.to_string(),
        Cell::Timestamp(moment) => moment.to_string(),
        Cell::Float(number) => format!("{number:.4}"),
    };
    let shown = Shown::new(text);
    if column.values.is_numeric() {
        shown.set_alignment(CellAlignment::Right)
    } else {
        shown
    }
}
