//! The chargeback table for people.

use super::TextLayout;
use super::chain_table::{new_table, text_cell, title, write_table};
use super::human::{bytes, count, decimals, line, money, plural, safe, tail};
use super::page_text::prose;
use super::table_text::one_per_line;
use crate::model::audit::Audit;
use crate::model::bill::BillCoverage;
use crate::model::catalog_table::CatalogTable;
use crate::model::charge::{
    Attribution, Billed, Chargeback, ChargebackRow, Dimension, OtherServiceRow, Reconciliation,
};
use crate::model::road::short_service;
use crate::model::text::Text;
use crate::model::topology::Topology;
use comfy_table::{Attribute, Cell, CellAlignment, ColumnConstraint, Width};
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, Write};

/// Follows amounts that may still change.
const ESTIMATED: &str = "~";
/// Follows amounts of rows with queries that no line of the bill covers.
const PARTLY: &str = "*";
/// Other services with a column of their own, the most expensive first; the rest is one column.
const SERVICES_SHOWN: usize = 4;
/// Blanks between two columns.
const GAP: usize = 2;
/// Names are folded into no less than this.
const NAME_WIDTH_MIN: u16 = 12;

/// Writes the table, what the same accounts also pay, and why estimate and
/// bill differ.
///
/// # Errors
///
/// When the writer fails.
pub fn write(
    audit: &Audit,
    chargeback: &Chargeback,
    topology: &Topology,
    page: TextLayout,
    writer: &mut dyn Write,
) -> io::Result<()> {
    prose(page, writer, |writer| {
        line!(writer, "{}", heading_line(audit))
    })?;
    line!(writer)?;
    if chargeback.rows.is_empty() {
        return line!(writer, "No queries and no costs in the window.");
    }
    rows(chargeback, topology, page, writer)?;
    prose(page, writer, |writer| {
        let mut marks = marks(chargeback).into_iter();
        marks.try_for_each(|mark| line!(writer, "{mark}"))
    })?;
    other_services(chargeback, topology, page, writer)?;
    if let Some(attribution) = &audit.attribution {
        prose(page, writer, |writer| {
            reconciliations(audit, attribution, writer)
        })?;
    }
    Ok(())
}

/// Returns the heading of the table: `Athena, 2026-11-01 to 2026-11-30 (UTC), ...`.
#[must_use]
pub fn heading_line(audit: &Audit) -> String {
    let from = audit.window.from.map(|from| from.day().to_string());
    let to = audit.window.to.map(|to| to.plus(-1).day().to_string());
    let window = match (from, to) {
        (Some(from), Some(to)) if from == to => from,
        (Some(from), Some(to)) => format!("{from} to {to}"),
        (Some(from), None) => format!("from {from}"),
        (None, Some(to)) => format!("to {to}"),
        (None, None) => "all days".to_owned(),
    };
    let mut line = format!("Athena, {window} (UTC)");
    if let Some((first, last)) = audit.coverage.span() {
        let _ = write!(line, "; logs from {} to {}", first.day(), last.day());
    }
    let days = audit.attribution.iter().flat_map(|of| &of.charges);
    let billed = || days.clone().filter(|charge| charge.billed_cost.is_some());
    let first = billed().map(|charge| charge.period.from).min();
    let last = billed().map(|charge| charge.period.to).max();
    if let (Some(first), Some(Ok(last))) = (first, last.map(jiff::civil::Date::yesterday)) {
        let _ = write!(line, "; bill from {first} to {last}");
    }
    line
}

/// Returns the explanations of the marks in the table.
pub(super) fn marks(chargeback: &Chargeback) -> Vec<String> {
    let rows = || chargeback.rows.iter().chain(&chargeback.totals);
    let any = |is: fn(&ChargebackRow) -> bool| rows().any(is);
    let mut marks = Vec::new();
    if any(|row| row.estimated_days > 0) {
        marks.push(format!(
            "{ESTIMATED} part of the bill is estimated and may still change"
        ));
    }
    if any(is_partly_billed) {
        marks.push(format!(
            "{PARTLY} the bill does not cover some of the queries: their cost is only estimated"
        ));
    }
    marks.extend(chargeback.by_reads_note().map(str::to_owned));
    if any(|row| row.billed.is_some()) {
        marks.push("Amounts are rounded; csv, json, parquet and xlsx have all digits.".to_owned());
    }
    marks
}

fn is_partly_billed(row: &ChargebackRow) -> bool {
    row.billed.is_some() && row.figures.queries_without_bill > 0
}

fn is_bracketed(name: &str) -> bool {
    name.starts_with('(')
}

/// A value of a dimension as people know it.
fn named(dimension: Dimension, value: &str, topology: &Topology) -> String {
    if is_bracketed(value) {
        return safe(value).into_owned();
    }
    match dimension {
        Dimension::Consumer => match topology.account_name(value) {
            Some(name) => safe(name).into_owned(),
            None => safe(value).into_owned(),
        },
        Dimension::DataSource => safe(tail(value)).into_owned(),
        Dimension::Table => match CatalogTable::from_arn(value) {
            Some(table) => {
                let (database, name) = (&table.database, &table.table);
                safe(&format!("{database}.{name} ({})", table.account_id)).into_owned()
            }
            None => safe(value).into_owned(),
        },
        Dimension::Producer => safe(&topology.account_label(value)).into_owned(),
        Dimension::BusinessUnit | Dimension::WorkGroup | Dimension::User | Dimension::Day => {
            safe(value).into_owned()
        }
        Dimension::Origin => safe(short_service(value)).into_owned(),
    }
}

pub(super) fn heading(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::BusinessUnit => "Business unit",
        Dimension::Consumer => "Consumer",
        Dimension::WorkGroup => "Work group",
        Dimension::DataSource => "Data source",
        Dimension::User => "Quick user",
        Dimension::Day => "Day (UTC)",
        Dimension::Table => "Table",
        Dimension::Producer => "Producer",
        Dimension::Origin => "Origin",
    }
}

/// A column of figures.
pub(super) struct FigureColumn {
    title: &'static str,
    /// The title where room is short.
    short: &'static str,
    /// Left out first where room is short; 0 never is.
    rank: u8,
    cells: Vec<String>,
}

impl FigureColumn {
    /// The title of the column.
    pub(super) fn title(&self) -> &'static str {
        self.title
    }

    /// Its cells: those of rows, then of totals.
    pub(super) fn cells(&self) -> &[String] {
        &self.cells
    }

    fn width(&self, is_short: bool) -> usize {
        let title = if is_short { self.short } else { self.title };
        let cells = self.cells.iter().map(|cell| cell.chars().count());
        cells.max().unwrap_or(0).max(title.chars().count())
    }
}

/// The columns of figures, for rows and totals.
pub(super) fn figures(chargeback: &Chargeback) -> Vec<FigureColumn> {
    let rows: Vec<&ChargebackRow> = chargeback.rows.iter().chain(&chargeback.totals).collect();
    let unknown = || "–".to_owned();
    let column = |title, short, rank, cell: &dyn Fn(&ChargebackRow) -> String| FigureColumn {
        title,
        short,
        rank,
        cells: rows.iter().map(|row| cell(row)).collect(),
    };
    let known = rows.iter().filter_map(|row| row.figures.estimated_cost_usd);
    let estimate_places = decimals(known);
    let size = |bytes_of: Option<u64>| bytes_of.map_or_else(unknown, bytes);
    let mut columns = vec![
        column("Queries", "Queries", 0, &|row| {
            count(row.figures.query_count)
        }),
        column("Scanned", "Scanned", 3, &|row| {
            size(row.figures.bytes_scanned)
        }),
        column("Billed bytes", "Billed b.", 2, &|row| {
            size(row.figures.bytes_billed)
        }),
        column("Estimated USD", "Est. USD", 1, &|row| {
            let estimate = row.figures.estimated_cost_usd;
            estimate.map_or_else(unknown, |cost| money(cost, estimate_places))
        }),
    ];
    if rows.iter().all(|row| row.billed.is_none()) {
        return columns;
    }
    let billed = rows.iter().filter_map(|row| row.billed);
    let places = decimals(billed.map(|billed| billed.total()));
    let cost = |row: &ChargebackRow, of: fn(&Billed) -> Decimal| {
        let cost = row.billed.as_ref().map(of);
        cost.map_or_else(unknown, |cost| money(cost, places))
    };
    let has_currencies = rows.iter().any(|row| &*row.currency != "USD");
    if has_currencies {
        columns.push(column("Currency", "Cur.", 0, &|row| {
            safe(&row.currency).into_owned()
        }));
    }
    let title = if has_currencies {
        "Billed"
    } else {
        "Billed USD"
    };
    columns.push(column(title, "Billed", 0, &|row| {
        let estimated = if row.estimated_days > 0 {
            ESTIMATED
        } else {
            ""
        };
        let partly = if is_partly_billed(row) { PARTLY } else { "" };
        format!("{}{estimated}{partly}", cost(row, Billed::total))
    }));
    columns.push(column("Quick", "Quick", 0, &|row| {
        cost(row, |billed| billed.quick)
    }));
    columns.push(column("Other", "Other", 0, &|row| {
        cost(row, |billed| billed.other)
    }));
    columns.push(column("Unallocated", "Unalloc.", 0, &|row| {
        cost(row, |billed| billed.unallocated)
    }));
    columns
}

/// Names of the groups, those of totals last.
pub(super) fn names(chargeback: &Chargeback, topology: &Topology) -> Vec<Vec<String>> {
    let by = &chargeback.by;
    let of_row = |row: &ChargebackRow| {
        let values = by.iter().zip(&row.group);
        values
            .map(|(by, value)| named(*by, value, topology))
            .collect()
    };
    let mut names: Vec<Vec<String>> = chargeback.rows.iter().map(of_row).collect();
    for _ in &chargeback.totals {
        let mut total = vec![String::new(); by.len()];
        if let Some(first) = total.first_mut() {
            "Total".clone_into(first);
        }
        names.push(total);
    }
    names
}

fn rows(
    chargeback: &Chargeback,
    topology: &Topology,
    page: TextLayout,
    writer: &mut dyn Write,
) -> io::Result<()> {
    let names = names(chargeback, topology);
    let mut figures = figures(chargeback);
    let titles: Vec<&str> = chargeback.by.iter().map(|by| heading(*by)).collect();
    let names_width: usize = (0..titles.len())
        .map(|index| {
            let cells = names.iter().map(|row| row[index].chars().count());
            cells.max().unwrap_or(0).max(titles[index].chars().count()) + GAP
        })
        .sum();
    let width = |figures: &[FigureColumn], is_short: bool| -> usize {
        let figures = figures.iter().map(|figure| figure.width(is_short) + GAP);
        (names_width + figures.sum::<usize>()).saturating_sub(GAP)
    };
    let room = usize::from(page.width);
    let is_short = width(&figures, false) > room;
    for rank in [3, 2, 1] {
        if width(&figures, is_short) > room {
            figures.retain(|figure| figure.rank != rank);
        }
    }
    let least_names = titles.len() * (usize::from(NAME_WIDTH_MIN) + GAP);
    if least_names + width(&figures, is_short) - names_width > room {
        // Many dimensions on a narrow page.
        let values = names.iter().enumerate().map(|(index, row)| {
            let of_group = titles.iter().copied().zip(row.iter().map(String::as_str));
            let of_group = of_group.filter(|(_, name)| !name.is_empty());
            let told = figures.iter();
            let told = told.map(|figure| (figure.title, figure.cells[index].as_str()));
            of_group.chain(told).collect()
        });
        return one_per_line(values, writer);
    }
    let mut table = new_table(page);
    let right = |text: &str| text_cell(text).set_alignment(CellAlignment::Right);
    let mut header: Vec<Cell> = titles.iter().map(|text| title(text)).collect();
    header.extend(figures.iter().map(|figure| {
        let text = if is_short { figure.short } else { figure.title };
        title(text).set_alignment(CellAlignment::Right)
    }));
    table.set_header(header);
    for (index, row) in names.iter().enumerate() {
        let mut cells: Vec<Cell> = row.iter().map(Cell::new).collect();
        cells.extend(figures.iter().map(|figure| right(&figure.cells[index])));
        let is_total = index >= chargeback.rows.len();
        table.add_row(cells.into_iter().map(|cell| {
            if is_total {
                cell.add_attribute(Attribute::Bold)
            } else {
                cell
            }
        }));
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        column.set_constraint(if index < titles.len() {
            ColumnConstraint::LowerBoundary(Width::Fixed(NAME_WIDTH_MIN))
        } else {
            ColumnConstraint::ContentWidth
        });
    }
    write_table(&table, writer)
}

/// Cost of other services of the same accounts: a column each for the dearest.
fn other_services(
    chargeback: &Chargeback,
    topology: &Topology,
    page: TextLayout,
    writer: &mut dyn Write,
) -> io::Result<()> {
    if chargeback.other_services.is_empty() {
        return Ok(());
    }
    let by: Vec<Dimension> = chargeback
        .by
        .iter()
        .copied()
        .filter(|by| by.is_of_bill())
        .collect();
    let currencies: BTreeSet<&Text> = chargeback
        .other_services
        .iter()
        .map(|row| &row.currency)
        .collect();
    for currency in currencies {
        let rows: Vec<&OtherServiceRow> = chargeback
            .other_services
            .iter()
            .filter(|row| row.currency == *currency)
            .collect();
        line!(writer)?;
        line!(
            writer,
            "Other costs of the same accounts, not allocated to queries ({}):",
            safe(currency)
        )?;
        beside_table(&rows, &by, topology, page, writer)?;
    }
    Ok(())
}

/// The dearest services by name, and whether there are others.
fn dearest(rows: &[&OtherServiceRow]) -> (Vec<(String, Decimal)>, bool) {
    let mut sums: BTreeMap<String, Decimal> = BTreeMap::new();
    for row in rows {
        let sum = sums.entry(service(row)).or_default();
        *sum = sum.saturating_add(row.cost.abs());
    }
    let mut services: Vec<(String, Decimal)> = sums.into_iter().collect();
    services.sort_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(&right.0)));
    let has_rest = services.len() > SERVICES_SHOWN;
    services.truncate(SERVICES_SHOWN);
    (services, has_rest)
}

fn beside_table(
    rows: &[&OtherServiceRow],
    by: &[Dimension],
    topology: &Topology,
    page: TextLayout,
    writer: &mut dyn Write,
) -> io::Result<()> {
    let (services, has_rest) = dearest(rows);
    let mut titles: Vec<&str> = by.iter().map(|by| heading(*by)).collect();
    titles.extend(services.iter().map(|(name, _)| name.as_str()));
    titles.extend(has_rest.then_some("Other services"));
    titles.push("Total");
    let columns = titles.len() - by.len();
    // Rows come in the order of the groups; the last line is their sum.
    let mut lines: Vec<(&[Text], Vec<Option<Decimal>>)> = Vec::new();
    let mut total: Vec<Option<Decimal>> = vec![None; columns];
    for row in rows {
        if lines
            .last()
            .is_none_or(|(group, _)| *group != &row.group[..])
        {
            lines.push((&row.group, vec![None; columns]));
        }
        let name = service(row);
        let at = services.iter().position(|(known, _)| *known == name);
        let at = at.unwrap_or(services.len());
        if let Some((_, cells)) = lines.last_mut() {
            for cells in [cells, &mut total] {
                for at in [at, columns - 1] {
                    let sum = cells[at].get_or_insert_default();
                    *sum = sum.saturating_add(row.cost);
                }
            }
        }
    }
    let places = decimals(rows.iter().map(|row| row.cost));
    let amounts = |costs: Vec<Option<Decimal>>| {
        let shown = |cost: Option<Decimal>| {
            let text = cost.map_or_else(|| "–".to_owned(), |cost| money(cost, places));
            text_cell(text).set_alignment(CellAlignment::Right)
        };
        costs.into_iter().map(shown).collect::<Vec<Cell>>()
    };
    let mut table = new_table(page);
    let (of_groups, of_amounts) = titles.split_at(by.len());
    let of_groups = of_groups.iter().map(|text| title(text));
    let of_amounts = of_amounts.iter().map(|text| title(&safe(text)));
    let of_amounts = of_amounts.map(|cell| cell.set_alignment(CellAlignment::Right));
    table.set_header(of_groups.chain(of_amounts));
    for (group, costs) in lines {
        let names = by.iter().zip(group);
        let mut cells: Vec<Cell> = names
            .map(|(by, value)| text_cell(named(*by, value, topology)))
            .collect();
        cells.extend(amounts(costs));
        table.add_row(cells);
    }
    if !by.is_empty() {
        let mut cells = vec![text_cell(""); by.len()];
        cells[0] = text_cell("Total");
        cells.extend(amounts(total));
        table.add_row(
            cells
                .into_iter()
                .map(|cell| cell.add_attribute(Attribute::Bold)),
        );
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if index < by.len() {
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(
                NAME_WIDTH_MIN,
            )));
        }
    }
    write_table(&table, writer)
}

/// The service, with what kind of charge it is where that is not use.
pub(super) fn service(row: &OtherServiceRow) -> String {
    match row.category.as_str() {
        "usage" => row.billed_for.name().to_owned(),
        category => format!("{category}: {}", row.billed_for.name()),
    }
}

fn reconciliations(
    audit: &Audit,
    attribution: &Attribution,
    writer: &mut dyn Write,
) -> io::Result<()> {
    if audit.statistics.is_none() {
        line!(writer)?;
        line!(
            writer,
            "No query statistics were read, so bytes are unknown: use --executions."
        )?;
    } else {
        let prices: Vec<String> = attribution
            .prices
            .iter()
            .map(|price| format!("{} {}", safe(&price.region), price.usd_per_terabyte))
            .collect();
        line!(writer)?;
        line!(
            writer,
            "Estimated: billed bytes at list price, USD per {} terabyte: {}.",
            attribution.terabyte.as_str(),
            if prices.is_empty() {
                "none known".to_owned()
            } else {
                prices.join(", ")
            }
        )?;
    }
    let none = BillCoverage::default();
    let bill = audit.bill.as_ref().unwrap_or(&none);
    if audit.bill.is_none() {
        line!(
            writer,
            "No billing data was read, so only estimates are shown: use --costs."
        )?;
    } else if attribution
        .reconciliations
        .iter()
        .all(|block| block.billed.is_none())
    {
        line!(
            writer,
            "The billing data has no Athena cost in this window: check its days with --month or --from and --to."
        )?;
    }
    for block in &attribution.reconciliations {
        reconciliation(block, bill, writer)?;
    }
    uncounted(bill, writer)
}

fn reconciliation(
    block: &Reconciliation,
    bill: &BillCoverage,
    writer: &mut dyn Write,
) -> io::Result<()> {
    let kinds: Vec<&str> = bill.kinds.iter().map(|kind| kind.as_str()).collect();
    let billed = block.billed.unwrap_or_default();
    let covered = block.covered_estimate_usd();
    let places = decimals([billed.total(), covered.unwrap_or_default()].into_iter());
    let show = |amount: Decimal| money(amount, places);
    if block.billed.is_some() {
        line!(writer)?;
        line!(
            writer,
            "Reconciliation, {} ({}, {}):",
            safe(&block.currency),
            bill.metric.as_str(),
            kinds.join(" and ")
        )?;
        line!(
            writer,
            "  billed {} = Quick {} + other known queries {} + unallocated {}",
            show(billed.total()),
            show(billed.quick),
            show(billed.other),
            show(billed.unallocated)
        )?;
    }
    if let (Some(covered), Some(difference)) = (covered, block.difference_usd()) {
        let is_alike = show(difference.abs()) == show(Decimal::ZERO);
        let compared = match difference.is_sign_negative() {
            _ if is_alike => "is the same".to_owned(),
            true => format!("is {} lower", show(difference.abs())),
            false => format!("is {} higher", show(difference.abs())),
        };
        line!(
            writer,
            "  list price of the known queries it covers: {}; the bill {compared}",
            show(covered)
        )?;
    }
    for reason in &block.reasons {
        let amount = reason.amount.map(show);
        let scanned = reason.bytes.map(bytes);
        let told: Vec<String> = amount.into_iter().chain(scanned).collect();
        let told = if told.is_empty() {
            String::new()
        } else {
            format!(" [{}]", told.join(", "))
        };
        line!(
            writer,
            "  {:>6}  {}{told}",
            count(reason.count),
            reason.text
        )?;
    }
    Ok(())
}

/// Writes the parts of the bill that were read and are not in the table.
fn uncounted(bill: &BillCoverage, writer: &mut dyn Write) -> io::Result<()> {
    for note in &bill.notes {
        line!(writer, "  note: {}", safe(note))?;
    }
    let uncounted = &bill.uncounted;
    let mut told = |number: u64, what: &str| -> io::Result<()> {
        if number == 0 {
            return Ok(());
        }
        line!(writer, "  not counted, {what}: {}", plural(number, "line"))
    };
    told(uncounted.repeated, "given before")?;
    told(
        uncounted.outdated,
        "repeated with other amounts; the final one, or else the later one, counts",
    )?;
    told(
        uncounted.covered_elsewhere,
        "a more detailed bill covers the account and day",
    )?;
    told(
        uncounted.same_bill,
        "another export of the same bill has the same accounts and days",
    )?;
    told(
        uncounted.other_providers,
        "charged by another provider than AWS",
    )?;
    told(uncounted.outside_window, "outside the window")?;
    told(
        uncounted.across_window,
        "of periods that extend beyond the window (widen it to whole months)",
    )?;
    for (category, number) in &uncounted.categories {
        told(
            *number,
            &format!("{} (--include {0} shows it)", category.as_str()),
        )?;
    }
    Ok(())
}
