//! Chargeback rows as a table, for CSV, Parquet and spreadsheets.

use crate::model::charge::{Billed, Chargeback, ChargebackRow, Dimension, Reconciliation};
use crate::model::table::{Table, Values};
use crate::model::text::Text;
use crate::model::topology::Topology;
use rust_decimal::Decimal;

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// One column per dimension, then queries, bytes and amounts. Columns are part of
/// version 1 and only ever added at the end.
#[must_use]
pub fn rows(chargeback: &Chargeback, topology: &Topology) -> Table {
    let rows = &chargeback.rows;
    let mut table = Table::new("chargeback");
    for (index, dimension) in chargeback.by.iter().enumerate() {
        let values = rows.iter().map(|row| row.group.get(index).cloned());
        let name = dimension.as_str().replace('-', "_");
        table = table.with(&name, Values::Text(values.collect()));
        if *dimension == Dimension::Consumer {
            let name = |row: &ChargebackRow| topology.account_name(row.group.get(index)?).cloned();
            let names = rows.iter().map(name).collect();
            table = table.with("consumer_name", Values::Text(names));
        }
    }
    let text = |of: fn(&ChargebackRow) -> Option<Text>| Values::Text(rows.iter().map(of).collect());
    let integer = |of: &dyn Fn(&ChargebackRow) -> Option<u64>| {
        Values::Integer(rows.iter().map(|row| of(row).map(whole)).collect())
    };
    let amount = |of: &dyn Fn(&ChargebackRow) -> Option<Decimal>| {
        Values::Decimal(rows.iter().map(of).collect())
    };
    let cost = |of: fn(&Billed) -> Decimal| amount(&|row| row.billed.as_ref().map(of));
    table
        .with("currency", text(|row| Some(row.currency.clone())))
        .with("query_count", integer(&|row| Some(row.figures.query_count)))
        .with("bytes_scanned", integer(&|row| row.figures.bytes_scanned))
        .with("bytes_billed", integer(&|row| row.figures.bytes_billed))
        .with(
            "estimated_cost_usd",
            amount(&|row| row.figures.estimated_cost_usd),
        )
        .with("billed_cost", cost(Billed::total))
        .with("attributed_cost", cost(|billed| billed.attributed))
        .with("other_cost", cost(|billed| billed.other))
        .with("unattributed_cost", cost(|billed| billed.unattributed))
        .with("estimated_days", integer(&|row| Some(row.estimated_days)))
        .with(
            "queries_without_statistics",
            integer(&|row| Some(row.figures.queries_without_statistics)),
        )
        .with(
            "queries_without_bill",
            integer(&|row| Some(row.figures.queries_without_bill)),
        )
}

/// What the same accounts pay besides.
#[must_use]
pub fn beside(chargeback: &Chargeback) -> Table {
    let rows = &chargeback.beside;
    let mut table = Table::new("other services");
    let of_bill = chargeback.by.iter().filter(|by| by.is_of_bill());
    for (index, dimension) in of_bill.enumerate() {
        let values = rows.iter().map(|row| row.group.get(index).cloned());
        let name = dimension.as_str().replace('-', "_");
        table = table.with(&name, Values::Text(values.collect()));
    }
    let service = rows.iter().map(|row| Some(row.billed_for.name().into()));
    let category = rows.iter().map(|row| Some(row.category.as_str().into()));
    table
        .with("service", Values::Text(service.collect()))
        .with("category", Values::Text(category.collect()))
        .with(
            "currency",
            Values::Text(rows.iter().map(|row| Some(row.currency.clone())).collect()),
        )
        .with(
            "cost",
            Values::Decimal(rows.iter().map(|row| Some(row.cost)).collect()),
        )
}

/// Estimate against bill, line by line.
#[must_use]
pub fn reconciliation(blocks: &[Reconciliation]) -> Table {
    let mut lines: Vec<(Text, String, Option<u64>, Option<Decimal>)> = Vec::new();
    for block in blocks {
        let mut line = |what: &str, count: Option<u64>, amount: Option<Decimal>| {
            lines.push((block.currency.clone(), what.to_owned(), count, amount));
        };
        let cost = |of: fn(&Billed) -> Decimal| block.billed.as_ref().map(of);
        line("billed", None, cost(Billed::total));
        line(
            "attributed to Quick chains",
            None,
            cost(|billed| billed.attributed),
        );
        line("other known queries", None, cost(|billed| billed.other));
        line("unattributed", None, cost(|billed| billed.unattributed));
        line(
            "estimated at list price (USD)",
            None,
            block.estimated_cost_usd,
        );
        line("bill less estimate (USD)", None, block.difference_usd());
        line("terabytes billed", None, block.billed_terabytes);
        for reason in &block.reasons {
            line(&reason.text, Some(reason.count), reason.amount);
        }
    }
    let text = |of: &dyn Fn(&(Text, String, Option<u64>, Option<Decimal>)) -> Text| {
        Values::Text(lines.iter().map(|line| Some(of(line))).collect())
    };
    Table::new("reconciliation")
        .with("currency", text(&|line| line.0.clone()))
        .with("what", text(&|line| line.1.as_str().into()))
        .with(
            "count",
            Values::Integer(lines.iter().map(|line| line.2.map(whole)).collect()),
        )
        .with(
            "amount",
            Values::Decimal(lines.iter().map(|line| line.3).collect()),
        )
}
