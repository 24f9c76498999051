//! Chargeback rows as a table, for CSV, Parquet and spreadsheets.

use crate::model::audit::Audit;
use crate::model::charge::{Billed, Chargeback, ChargebackRow, Dimension, Reconciliation};
use crate::model::table::{Table, TableBuilder, Values};
use crate::model::text::Text;
use crate::model::topology::Topology;
use jiff::civil::Date;
use rust_decimal::Decimal;

/// One column per dimension, then queries, bytes and amounts. Columns are part of
/// version 1 and only ever added at the end.
#[must_use]
pub fn rows(chargeback: &Chargeback, topology: &Topology) -> Table {
    let rows = &chargeback.rows;
    let mut table = Table::new("chargeback");
    for (index, dimension) in chargeback.by.iter().enumerate() {
        let name = dimension.as_str().replace('-', "_");
        table = table.with(&name, group_values(rows, index, *dimension));
        if *dimension == Dimension::Consumer {
            let name = |row: &ChargebackRow| topology.account_name(row.group.get(index)?).cloned();
            let names = rows.iter().map(name).collect();
            table = table.with("consumer_name", Values::Text(names));
        }
    }
    table.columns.extend(figures(rows).columns);
    table
}

/// Days are dates where the bill tells days.
fn group_values(rows: &[ChargebackRow], index: usize, dimension: Dimension) -> Values {
    let texts: Vec<Option<Text>> = rows
        .iter()
        .map(|row| row.group.get(index).cloned())
        .collect();
    if dimension == Dimension::Day {
        let day = |text: &Option<Text>| text.as_deref()?.parse::<Date>().ok();
        let days: Vec<Option<Date>> = texts.iter().map(day).collect();
        if days.iter().all(Option::is_some) {
            return Values::Date(days);
        }
    }
    Values::Text(texts)
}

/// The sums, in the columns of [`rows`].
#[must_use]
pub fn totals(chargeback: &Chargeback) -> Table {
    figures(&chargeback.totals)
}

fn figures(rows: &[ChargebackRow]) -> Table {
    TableBuilder::new("", rows)
        .text("currency", |row| Some(row.currency.clone()))
        .integer("query_count", |row| Some(row.figures.query_count))
        .integer("bytes_scanned", |row| row.figures.bytes_scanned)
        .integer("bytes_billed", |row| row.figures.bytes_billed)
        .decimal("estimated_cost_usd", |row| row.figures.estimated_cost_usd)
        .decimal("billed_cost", |row| Some(row.billed?.total()))
        .decimal("quick_cost", |row| Some(row.billed?.quick))
        .decimal("other_cost", |row| Some(row.billed?.other))
        .decimal("unallocated_cost", |row| Some(row.billed?.unallocated))
        .integer("estimated_days", |row| Some(row.estimated_days))
        .integer("queries_without_statistics", |row| {
            Some(row.figures.queries_without_statistics)
        })
        .integer("queries_without_bill", |row| {
            Some(row.figures.queries_without_bill)
        })
        .table()
}

/// Returns the description of the workbook, one property a row.
#[must_use]
pub fn about(audit: &Audit, heading: &str) -> Table {
    let mut lines: Vec<(&str, String)> = vec![("what", heading.to_owned())];
    if let Some(attribution) = &audit.attribution {
        lines.push(("terabyte", attribution.terabyte.as_str().to_owned()));
        for price in &attribution.prices {
            let since = price.effective_from;
            let since = since.map_or_else(String::new, |day| format!(", since {day}"));
            let text = format!(
                "{} USD per terabyte in {}{since} ({})",
                price.usd_per_terabyte, price.region, price.source
            );
            lines.push(("list price", text));
        }
    }
    if let Some(bill) = &audit.bill {
        let kinds: Vec<&str> = bill.kinds.iter().map(|kind| kind.as_str()).collect();
        lines.push(("bill", kinds.join(", ")));
        lines.push(("metric", bill.metric.as_str().to_owned()));
    }
    if let Some(statistics) = &audit.statistics {
        let text = format!(
            "{} of {} queries",
            statistics.queries_with_statistics, statistics.queries
        );
        lines.push(("query statistics for", text));
    }
    let amounts = "billed cost = quick (queries from Quick) + other (other known queries) + unallocated (explained by no \
                   known query)";
    lines.push(("amounts", amounts.to_owned()));
    TableBuilder::new("about", &lines)
        .text("item", |line| Some(Text::from(line.0)))
        .text("value", |line| Some(Text::from(line.1.as_str())))
        .table()
}

/// Returns the charges for other services of the same accounts.
#[must_use]
pub fn other_services(chargeback: &Chargeback) -> Table {
    let rows = &chargeback.other_services;
    let mut table = Table::new("other services");
    let of_bill = chargeback.by.iter().filter(|by| by.is_of_bill());
    for (index, dimension) in of_bill.enumerate() {
        let values = rows.iter().map(|row| row.group.get(index).cloned());
        let name = dimension.as_str().replace('-', "_");
        table = table.with(&name, Values::Text(values.collect()));
    }
    let costs = TableBuilder::new("", rows)
        .text("service", |row| Some(Text::from(row.billed_for.name())))
        .word("category", |row| Some(row.category.as_str()))
        .text("currency", |row| Some(row.currency.clone()))
        .decimal("cost", |row| Some(row.cost));
    table.columns.extend(costs.table().columns);
    table
}

/// A line of the reconciliation sheet.
struct ReconciliationLine {
    currency: Text,
    what: Text,
    count: Option<u64>,
    amount: Option<Decimal>,
}

/// Estimate against bill, line by line.
#[must_use]
pub fn reconciliation(blocks: &[Reconciliation]) -> Table {
    let mut lines: Vec<ReconciliationLine> = Vec::new();
    for block in blocks {
        let mut line = |what: &str, count: Option<u64>, amount: Option<Decimal>| {
            lines.push(ReconciliationLine {
                currency: block.currency.clone(),
                what: what.into(),
                count,
                amount,
            });
        };
        let cost = |of: fn(&Billed) -> Decimal| block.billed.as_ref().map(of);
        line("billed", None, cost(Billed::total));
        line("Quick", None, cost(|billed| billed.quick));
        line("other known queries", None, cost(|billed| billed.other));
        line("unallocated", None, cost(|billed| billed.unallocated));
        line(
            "estimated at list price (USD)",
            None,
            block.estimated_cost_usd,
        );
        line(
            "of that, queries that the bill covers (USD)",
            None,
            block.covered_estimate_usd(),
        );
        line(
            "bill minus that estimate (USD)",
            None,
            block.difference_usd(),
        );
        line("terabytes billed", None, block.billed_terabytes);
        for reason in &block.reasons {
            line(&reason.text, Some(reason.count), reason.amount);
        }
    }
    TableBuilder::new("reconciliation", &lines)
        .text("currency", |line| Some(line.currency.clone()))
        .text("what", |line| Some(line.what.clone()))
        .integer("count", |line| line.count)
        .decimal("amount", |line| line.amount)
        .table()
}
