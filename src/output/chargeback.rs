//! The chargeback table for people.

use super::Page;
use super::chain_table::{keep_whole, new_table, title, write_table};
use super::human::{bytes, count, decimals, money, plural, safe, tail};
use crate::model::audit::Audit;
use crate::model::bill::BillCoverage;
use crate::model::charge::{
    Attribution, Billed, Chargeback, ChargebackRow, Dimension, Reconciliation,
};
use crate::model::text::Text;
use crate::model::topology::Topology;
use comfy_table::{Attribute, Cell, CellAlignment};
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

/// Follows amounts that may still change.
const ESTIMATED: &str = "~";
/// Services shown beside, the dearest first; the rest is one column.
const SERVICES_SHOWN: usize = 4;

/// Writes the table, what the same accounts pay besides, and why estimate and
/// bill differ.
///
/// # Errors
///
/// When the writer fails.
pub fn write(
    audit: &Audit,
    chargeback: &Chargeback,
    topology: &Topology,
    page: Page,
    writer: &mut dyn Write,
) -> io::Result<()> {
    if chargeback.rows.is_empty() {
        return writeln!(writer, "No queries and no bill in the window.");
    }
    rows(chargeback, topology, page, writer)?;
    let is_estimated = chargeback.rows.iter().any(|row| row.estimated_days > 0);
    if is_estimated {
        writeln!(
            writer,
            "{ESTIMATED} the bill of some days is estimated and may still change"
        )?;
    }
    beside(chargeback, topology, page, writer)?;
    if let Some(attribution) = &audit.attribution {
        reconciliations(attribution, audit.bill.as_ref(), writer)?;
    }
    Ok(())
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
        Dimension::DataSource | Dimension::User => safe(tail(value)).into_owned(),
        Dimension::BusinessUnit | Dimension::WorkGroup | Dimension::Day => safe(value).into_owned(),
    }
}

fn heading(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::BusinessUnit => "Business unit",
        Dimension::Consumer => "Consumer",
        Dimension::WorkGroup => "Work group",
        Dimension::DataSource => "Data source",
        Dimension::User => "Quick user",
        Dimension::Day => "Day (UTC)",
    }
}

fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// What of the amounts is shown, and how.
struct Amounts {
    has_bill: bool,
    has_currencies: bool,
    billed: u32,
    estimated: u32,
}

impl Amounts {
    fn of(chargeback: &Chargeback) -> Self {
        let rows = &chargeback.rows;
        let billed = rows.iter().filter_map(|row| row.billed);
        let estimates = rows.iter().filter_map(|row| row.figures.estimated_cost_usd);
        let currencies: BTreeSet<&Text> = rows.iter().map(|row| &row.currency).collect();
        Self {
            has_bill: rows.iter().any(|row| row.billed.is_some()),
            has_currencies: currencies.len() > 1 || currencies.iter().any(|code| &***code != "USD"),
            billed: decimals(billed.map(|billed| billed.total())),
            estimated: decimals(estimates),
        }
    }

    fn titles(&self) -> Vec<&'static str> {
        let mut titles = vec!["Queries", "Scanned", "Estimated USD"];
        if self.has_bill {
            if self.has_currencies {
                titles.push("Currency");
                titles.push("Billed");
            } else {
                titles.push("Billed USD");
            }
            titles.extend(["Quick", "Other", "Unattributed"]);
        }
        titles
    }

    fn cells(&self, row: &ChargebackRow) -> Vec<Cell> {
        let unknown = || "–".to_owned();
        let scanned = row.figures.bytes_scanned.map_or_else(unknown, bytes);
        let estimate = row.figures.estimated_cost_usd;
        let estimate = estimate.map_or_else(unknown, |cost| money(cost, self.estimated));
        let mut cells = vec![
            right(count(row.figures.query_count)),
            right(scanned),
            right(estimate),
        ];
        if !self.has_bill {
            return cells;
        }
        if self.has_currencies {
            cells.push(Cell::new(safe(&row.currency)));
        }
        let mark = if row.estimated_days > 0 {
            ESTIMATED
        } else {
            ""
        };
        let cost = |of: fn(&Billed) -> Decimal| {
            let cost = row.billed.as_ref().map(of);
            cost.map_or_else(unknown, |cost| money(cost, self.billed))
        };
        cells.push(right(format!("{}{mark}", cost(Billed::total))));
        cells.push(right(cost(|billed| billed.attributed)));
        cells.push(right(cost(|billed| billed.other)));
        cells.push(right(cost(|billed| billed.unattributed)));
        cells
    }
}

fn rows(
    chargeback: &Chargeback,
    topology: &Topology,
    page: Page,
    writer: &mut dyn Write,
) -> io::Result<()> {
    let amounts = Amounts::of(chargeback);
    let mut table = new_table(page);
    let mut titles: Vec<&str> = chargeback.by.iter().map(|by| heading(*by)).collect();
    let groups = titles.len();
    titles.extend(amounts.titles());
    table.set_header(titles.iter().enumerate().map(|(index, text)| {
        let is_text = index < groups || *text == "Currency";
        let side = if is_text {
            CellAlignment::Left
        } else {
            CellAlignment::Right
        };
        title(text).set_alignment(side)
    }));
    for row in &chargeback.rows {
        let names = chargeback.by.iter().zip(&row.group);
        let mut cells: Vec<Cell> = names
            .map(|(by, value)| Cell::new(named(*by, value, topology)))
            .collect();
        cells.extend(amounts.cells(row));
        table.add_row(cells);
    }
    for total in &chargeback.totals {
        let mut cells: Vec<Cell> = (0..groups)
            .map(|index| Cell::new(if index == 0 { "Total" } else { "" }))
            .collect();
        cells.extend(amounts.cells(total));
        let bold = cells
            .into_iter()
            .map(|cell| cell.add_attribute(Attribute::Bold));
        table.add_row(bold);
    }
    keep_whole(&mut table, &titles, &amounts.titles());
    write_table(&table, writer)
}

/// Cost of other services of the same accounts: a column each for the dearest.
fn beside(
    chargeback: &Chargeback,
    topology: &Topology,
    page: Page,
    writer: &mut dyn Write,
) -> io::Result<()> {
    if chargeback.beside.is_empty() {
        return Ok(());
    }
    let mut sums: BTreeMap<String, Decimal> = BTreeMap::new();
    for row in &chargeback.beside {
        *sums.entry(service(row)).or_default() += row.cost.abs();
    }
    let mut services: Vec<(String, Decimal)> = sums.into_iter().collect();
    services.sort_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(&right.0)));
    let shown: Vec<String> = services
        .iter()
        .take(SERVICES_SHOWN)
        .map(|(name, _)| name.clone())
        .collect();
    let has_rest = services.len() > shown.len();
    let by: Vec<Dimension> = chargeback
        .by
        .iter()
        .copied()
        .filter(|by| by.is_of_bill())
        .collect();
    let mut lines: BTreeMap<(&Text, Vec<Text>), Vec<Option<Decimal>>> = BTreeMap::new();
    for row in &chargeback.beside {
        let name = service(row);
        let at = shown.iter().position(|known| *known == name);
        let key = (&row.currency, row.group.clone());
        let cells = lines
            .entry(key)
            .or_insert_with(|| vec![None; shown.len() + 1]);
        *cells[at.unwrap_or(shown.len())].get_or_insert_default() += row.cost;
    }
    let places = decimals(chargeback.beside.iter().map(|row| row.cost));
    let mut titles: Vec<String> = by.iter().map(|by| heading(*by).to_owned()).collect();
    titles.push("Currency".to_owned());
    titles.extend(shown.iter().map(|name| safe(name).into_owned()));
    titles.extend(has_rest.then(|| "Other services".to_owned()));
    let mut table = new_table(page);
    let first_amount = by.len() + 1;
    table.set_header(titles.iter().enumerate().map(|(index, text)| {
        let side = if index < first_amount {
            CellAlignment::Left
        } else {
            CellAlignment::Right
        };
        title(text).set_alignment(side)
    }));
    for ((currency, group), costs) in lines {
        let names = by.iter().zip(&group);
        let mut cells: Vec<Cell> = names
            .map(|(by, value)| Cell::new(named(*by, value, topology)))
            .collect();
        cells.push(Cell::new(safe(currency)));
        let costs = costs.into_iter().take(shown.len() + usize::from(has_rest));
        cells
            .extend(costs.map(|cost| {
                right(cost.map_or_else(|| "–".to_owned(), |cost| money(cost, places)))
            }));
        table.add_row(cells);
    }
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    keep_whole(&mut table, &titles, &[]);
    writeln!(writer, "\nBeside it, the same accounts paid for:")?;
    write_table(&table, writer)
}

/// The service, with what kind of charge it is where that is not use.
fn service(row: &crate::model::charge::BesideRow) -> String {
    match row.category.as_str() {
        "usage" => row.billed_for.name().to_owned(),
        category => format!("{category}: {}", row.billed_for.name()),
    }
}

fn reconciliations(
    attribution: &Attribution,
    bill: Option<&BillCoverage>,
    writer: &mut dyn Write,
) -> io::Result<()> {
    let prices: Vec<String> = attribution
        .prices
        .iter()
        .map(|price| format!("{} {}", safe(&price.region), price.usd_per_terabyte))
        .collect();
    let prices = if prices.is_empty() {
        "no list price".to_owned()
    } else {
        format!("list prices in USD: {}", prices.join(", "))
    };
    writeln!(
        writer,
        "\nEstimates are estimates: {} terabytes, {prices}.",
        attribution.terabyte.as_str(),
    )?;
    let Some(bill) = bill else {
        return writeln!(
            writer,
            "No bill was read: give one with --costs to see what was billed and for whom."
        );
    };
    for block in &attribution.reconciliations {
        reconciliation(block, bill, writer)?;
    }
    Ok(())
}

fn reconciliation(
    block: &Reconciliation,
    bill: &BillCoverage,
    writer: &mut dyn Write,
) -> io::Result<()> {
    let Some(billed) = block.billed else {
        return Ok(());
    };
    let kinds: Vec<&str> = bill.kinds.iter().map(|kind| kind.as_str()).collect();
    let amounts = [
        billed.total(),
        billed.attributed,
        billed.other,
        billed.unattributed,
    ];
    let places = decimals(amounts.into_iter());
    let show = |amount: Decimal| money(amount, places);
    writeln!(
        writer,
        "\nReconciliation, {} ({}, {}):",
        safe(&block.currency),
        bill.metric.as_str(),
        kinds.join(" and ")
    )?;
    writeln!(
        writer,
        "  billed {} = Quick {} + other known queries {} + unattributed {}",
        show(billed.total()),
        show(billed.attributed),
        show(billed.other),
        show(billed.unattributed)
    )?;
    if let (Some(estimate), Some(difference)) = (block.estimated_cost_usd, block.difference_usd()) {
        writeln!(
            writer,
            "  the known queries it covers come to {} at list price: the bill is {} {}",
            show(estimate - block.estimated_without_bill_usd.unwrap_or_default()),
            show(difference.abs()),
            if difference.is_sign_negative() {
                "lower"
            } else {
                "higher"
            }
        )?;
    }
    for reason in &block.reasons {
        let amount = reason.amount.map_or_else(String::new, |amount| {
            format!(" [{}]", money(amount, places))
        });
        writeln!(
            writer,
            "  {:>6}  {}{amount}",
            count(reason.count),
            reason.text
        )?;
    }
    uncounted(bill, writer)
}

/// What was read of the bill and is not in the table.
fn uncounted(bill: &BillCoverage, writer: &mut dyn Write) -> io::Result<()> {
    for note in &bill.notes {
        writeln!(writer, "  note: {note}")?;
    }
    let uncounted = &bill.uncounted;
    let mut told = |number: u64, what: &str| -> io::Result<()> {
        if number == 0 {
            return Ok(());
        }
        writeln!(writer, "  not counted: {} {what}", plural(number, "line"))
    };
    told(uncounted.repeated, "that were given before")?;
    told(
        uncounted.covered_elsewhere,
        "of accounts and days that a more detailed bill covers",
    )?;
    told(
        uncounted.across_window,
        "of periods that reach beyond the window (widen it to whole months)",
    )?;
    for (category, number) in &uncounted.categories {
        told(
            *number,
            &format!("of {} (--include {0})", category.as_str()),
        )?;
    }
    Ok(())
}
