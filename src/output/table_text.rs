//! Any table for people: side by side where that fits, else one value per line.

use super::TextLayout;
use super::chain_table::{new_table, text_cell, title, write_table};
use super::human::{bytes, count, decimals, line, money, plural, safe, tail};
use crate::model::table::{Cell, Column, Table, Values};
use comfy_table::{Cell as Shown, CellAlignment, ColumnConstraint};
use std::collections::BTreeSet;
use std::io::{self, Write};

/// Blanks between two columns.
const GAP: usize = 2;
/// Text of at most this many letters, or without blanks, is never folded: half an
/// id helps no one.
const WHOLE_LETTERS_MAX: usize = 24;

/// A column as it is shown.
struct ColumnLayout<'a> {
    name: std::borrow::Cow<'a, str>,
    is_numeric: bool,
    cells: Vec<String>,
}

impl ColumnLayout<'_> {
    fn width(&self) -> usize {
        let cells = self.cells.iter().map(|cell| cell.chars().count());
        cells.max().unwrap_or(0).max(self.name.chars().count())
    }

    /// The width below which folding would cut what belongs together.
    fn width_min(&self) -> usize {
        let can_fold =
            |cell: &&String| cell.contains(' ') && cell.chars().count() > WHOLE_LETTERS_MAX;
        let whole = self.cells.iter().filter(|cell| !can_fold(cell));
        let whole = whole.map(|cell| cell.chars().count()).max().unwrap_or(0);
        whole.max(self.name.chars().count())
    }
}

/// Writes the table and how many rows it has.
///
/// # Errors
///
/// When the writer fails.
pub fn write(table: &Table, page: TextLayout, writer: &mut dyn Write) -> io::Result<()> {
    let rows = table.row_count();
    let shapes: Vec<ColumnLayout<'_>> = table.columns.iter().map(shape).collect();
    let needed: usize = shapes.iter().map(|shape| shape.width_min() + GAP).sum();
    if rows > 0 && needed <= usize::from(page.width) + GAP {
        side_by_side(&shapes, rows, page, writer)?;
    } else {
        let values = |row: usize| {
            let each = shapes.iter();
            each.map(|shape| (&*shape.name, &*shape.cells[row]))
                .collect()
        };
        one_per_line((0..rows).map(values), writer)?;
    }
    line!(writer, "{}", plural(rows as u64, "row"))
}

fn side_by_side(
    shapes: &[ColumnLayout<'_>],
    rows: usize,
    page: TextLayout,
    writer: &mut dyn Write,
) -> io::Result<()> {
    let mut shown = new_table(page);
    let aligned = |cell: Shown, shape: &ColumnLayout<'_>| {
        if shape.is_numeric {
            cell.set_alignment(CellAlignment::Right)
        } else {
            cell
        }
    };
    shown.set_header(
        shapes
            .iter()
            .map(|shape| aligned(title(&shape.name), shape)),
    );
    for row in 0..rows {
        let cells = shapes.iter();
        shown.add_row(cells.map(|shape| aligned(text_cell(&shape.cells[row]), shape)));
    }
    for (column, shape) in shown.column_iter_mut().zip(shapes) {
        column.set_padding((0, 2));
        if shape.width_min() == shape.width() {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    write_table(&shown, writer)
}

/// A line for each value under its title, and a paragraph for each row.
pub(super) fn one_per_line<'a, R>(rows: R, writer: &mut dyn Write) -> io::Result<()>
where
    R: IntoIterator<Item = Vec<(&'a str, &'a str)>>,
{
    let rows: Vec<Vec<(&str, &str)>> = rows.into_iter().collect();
    let titles = rows
        .iter()
        .flatten()
        .map(|(title, _)| title.chars().count());
    let width = titles.max().unwrap_or(0);
    for row in rows {
        for (title, value) in row {
            line!(writer, "{title:<width$}  {value}")?;
        }
        line!(writer)?;
    }
    Ok(())
}

/// Machine formats have ARNs whole; people know their ends, as long as those tell
/// them apart.
fn shortens_arns(values: &Values) -> bool {
    let Values::Text(values) = values else {
        return false;
    };
    let all: BTreeSet<&str> = values.iter().flatten().map(|text| &**text).collect();
    let tails: BTreeSet<&str> = all.iter().map(|text| tail(text)).collect();
    all.iter().any(|text| text.starts_with("arn:")) && tails.len() == all.len()
}

fn shape(column: &Column) -> ColumnLayout<'_> {
    let places = match &column.values {
        Values::Decimal(amounts) => decimals(amounts.iter().flatten().copied()),
        _ => 0,
    };
    let short = shortens_arns(&column.values);
    let cells = (0..column.values.len()).map(|row| cell(column, row, places, short));
    ColumnLayout {
        name: safe(&column.name),
        is_numeric: column.values.is_numeric(),
        cells: cells.collect(),
    }
}

fn cell(column: &Column, row: usize, places: u32, short: bool) -> String {
    match column.values.cell(row) {
        Cell::Null => "–".to_owned(),
        Cell::Text(text) if short => safe(tail(text)).into_owned(),
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
    }
}
