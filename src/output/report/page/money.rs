//! Bytes and cost over time, and the chargeback with its reconciliation.

use super::super::cells::{Shown, UNKNOWN, amount as shown};
use super::super::{ReportContent, picture};
use super::table::{PageCell, PageTable};
use crate::model::charge::{Billed, Dimension, OtherServiceRow, Reconciliation};
use crate::model::trend::{Measure, Trend, TrendDay};
use crate::output::chargeback::{FigureColumn, figures, heading, marks, names, service};
use crate::output::human::{bytes, count, decimals, money};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Consumers with pictures; the table has all of them.
const CONSUMERS_MAX: usize = 24;
/// Consumers whose pictures are open, at least.
const OPEN_MIN: usize = 4;
/// Consumers in the table.
const ROWS_MAX: usize = 500;

/// One picture with its numbers.
pub(super) struct TrendPicture {
    pub(super) title: Shown,
    pub(super) picture: String,
    pub(super) numbers: PageTable,
}

/// The pictures of one consumer.
pub(super) struct ConsumerTrends {
    pub(super) name: Shown,
    pub(super) pictures: Vec<TrendPicture>,
}

/// The section on time, in words.
pub(super) struct TrendsSection {
    pub(super) consumers: Vec<ConsumerTrends>,
    /// So many of them are open: those that stand out, and a few more.
    pub(super) open: usize,
    pub(super) all: PageTable,
    pub(super) why_empty: &'static str,
}

/// The section on the bill, in words.
pub(super) struct ChargebackSection {
    pub(super) rows: PageTable,
    pub(super) reconciliation: PageTable,
    pub(super) other_services: PageTable,
    pub(super) why_empty: &'static str,
}

impl TrendsSection {
    pub(super) fn of(content: &ReportContent<'_>) -> Self {
        let mut by_account: BTreeMap<&str, Vec<&Trend>> = BTreeMap::new();
        for trend in &content.inputs.audit.trends {
            by_account.entry(&trend.account_id).or_default().push(trend);
        }
        let mut consumers: Vec<(&str, Vec<&Trend>)> = by_account.into_iter().collect();
        consumers.sort_by_key(|(_, trends)| Reverse(weight(trends)));
        let stand_out = consumers
            .iter()
            .filter(|(_, trends)| weight(trends).0)
            .count();
        let open = stand_out
            .max(OPEN_MIN)
            .min(consumers.len())
            .min(CONSUMERS_MAX);
        let with_pictures = consumers.iter().take(CONSUMERS_MAX).enumerate();
        let with_pictures =
            with_pictures.map(|(at, (account, trends))| consumer(at, account, trends, content));
        let statistics = content.inputs.slice.statistics.is_some();
        Self {
            consumers: with_pictures.collect(),
            open,
            all: all(content),
            why_empty: if !content.findings().has_logs {
                "There are no logs in the window, so there is no picture."
            } else if statistics {
                "No consumer scanned data in the logs that were read, and no billing data was read."
            } else {
                "Neither query statistics (--executions) nor billing data (--costs) were read, so bytes and cost are unknown."
            },
        }
    }
}

/// Spikes first, then by size.
fn weight(trends: &[&Trend]) -> (bool, Decimal) {
    let has_spike = trends
        .iter()
        .any(|trend| trend.days.iter().any(|day| day.is_spike));
    let of_bytes = trends
        .iter()
        .filter(|trend| trend.measure == Measure::BytesScanned);
    let sum = of_bytes
        .flat_map(|trend| &trend.days)
        .filter_map(|day| day.value);
    (has_spike, sum.fold(Decimal::ZERO, Decimal::saturating_add))
}

/// Returns the name of the trend's measure.
fn what(measure: &Measure) -> String {
    match measure {
        Measure::BytesScanned => "bytes scanned by Quick".to_owned(),
        Measure::BilledCost(currency) => {
            format!("total Athena cost, in {}", Shown::name(currency))
        }
    }
}

fn value(measure: &Measure, value: Decimal) -> String {
    match measure {
        Measure::BytesScanned => bytes(value.to_u64().unwrap_or(0)),
        Measure::BilledCost(_) => money(value, 2),
    }
}

fn consumer(
    at: usize,
    account: &str,
    trends: &[&Trend],
    content: &ReportContent<'_>,
) -> ConsumerTrends {
    let name = content.inputs.topology.account_label(account);
    let pictures = trends.iter().enumerate().filter_map(|(number, trend)| {
        let what = what(&trend.measure);
        let id = format!("trend-{at}-{number}");
        // The name of a consumer is log text to the picture, too: it only gets ours.
        let picture = picture::trend(trend, &id, "By day, with the expected range")?;
        Some(TrendPicture {
            title: Shown::sentence(&format!("{name}: {what}")),
            numbers: numbers(&id, trend, &format!("{name}: {what}, by day")),
            picture,
        })
    });
    ConsumerTrends {
        name: Shown::name(&name),
        pictures: pictures.collect(),
    }
}

/// Returns the label of a day's state.
fn state(day: &TrendDay) -> &'static str {
    match (day.value, day.expected) {
        (None, _) => "too few of its queries have statistics",
        _ if day.is_spike => "spike",
        (_, None) => "too little history",
        (Some(value), Some(range)) if range.high < value => "above the expected range",
        (Some(value), Some(range)) if value < range.low => "below the expected range",
        _ => "as expected",
    }
}

/// The value of a day, and the band it was expected in.
fn day_cells(trend: &Trend, day: &TrendDay) -> [PageCell; 3] {
    let unit = |amount: Decimal| value(&trend.measure, amount);
    let band = day.expected;
    let band = band.map(|range| format!("{} to {}", unit(range.low), unit(range.high)));
    [
        PageCell::figure(
            day.value.map_or_else(|| UNKNOWN.to_owned(), unit),
            day.value,
        ),
        PageCell::or_unknown(band.as_deref()),
        PageCell::text(state(day)),
    ]
}

fn numbers(id: &str, trend: &Trend, caption: &str) -> PageTable {
    let row = |day: &TrendDay| {
        let day_name = PageCell::text(&day.day.to_string());
        std::iter::once(day_name)
            .chain(day_cells(trend, day))
            .collect()
    };
    let titles = ["Day (UTC)", "Value", "Expected", "State"];
    PageTable::new(
        &format!("{id}-numbers"),
        Shown::sentence(caption).to_string(),
        &titles,
    )
    .with(trend.days.iter().map(row).collect())
    .in_its_order()
}

/// The last day of every consumer.
fn all(content: &ReportContent<'_>) -> PageTable {
    let trends = &content.inputs.audit.trends;
    let rows = trends.iter().filter_map(|trend| {
        let day = trend.days.last()?;
        let what = what(&trend.measure);
        let about = [
            PageCell::text(&content.inputs.topology.account_label(&trend.account_id)),
            PageCell::text(&what),
            PageCell::text(&day.day.to_string()),
        ];
        Some(about.into_iter().chain(day_cells(trend, day)).collect())
    });
    let rows: Vec<Vec<PageCell>> = rows.collect();
    let more = rows.len().saturating_sub(ROWS_MAX);
    let titles = ["Consumer", "What", "Last day", "Value", "Expected", "State"];
    let table = PageTable::new("consumers", "Latest known day of every consumer", &titles)
        .with(rows.into_iter().take(ROWS_MAX).collect());
    match more {
        0 => table,
        more => table.noting(&format!(
            "{} more lines are in {}.",
            count(more as u64),
            content.complete()
        )),
    }
}

impl ChargebackSection {
    pub(super) fn of(content: &ReportContent<'_>) -> Self {
        let slice = content.inputs.slice;
        let attribution = slice.attribution.as_ref();
        let blocks = attribution.map_or(&[][..], |attribution| &attribution.reconciliations);
        Self {
            rows: rows(content),
            reconciliation: reconcile(blocks),
            other_services: other_services(&content.inputs.chargeback.other_services),
            why_empty: if content
                .inputs
                .scope
                .is_some_and(|scope| scope.run.is_billed)
            {
                "No query ran in the window, and the bill has no cost of Athena for this account."
            } else if content.findings().has_logs {
                "No query ran in the window, and the billing data does not cover it."
            } else {
                "There are no logs in the window, and the billing data does not cover it."
            },
        }
    }
}

fn rows(content: &ReportContent<'_>) -> PageTable {
    let chargeback = content.inputs.chargeback;
    let columns = figures(chargeback);
    let groups = chargeback.by.iter().map(|by| heading(*by));
    let titles: Vec<&'static str> = groups
        .chain(columns.iter().map(FigureColumn::title))
        .collect();
    let names = names(chargeback, content.inputs.topology);
    let cells = names.iter().enumerate().map(|(at, names)| {
        let figures = columns.iter().map(|column| PageCell {
            is_number: true,
            ..PageCell::text(&column.cells()[at])
        });
        let names = names.iter().map(|name| PageCell::text(name));
        names.chain(figures).collect()
    });
    let mut rows: Vec<Vec<PageCell>> = cells.collect();
    let totals = rows.split_off(chargeback.rows.len());
    let smallest = chargeback.by.last().copied();
    let smallest = heading(smallest.unwrap_or(Dimension::BusinessUnit)).to_lowercase();
    let caption = format!("Athena by {smallest}");
    let mut table = PageTable::new("chargeback", &caption, &titles).with(rows);
    table.totals = totals;
    table = table.in_its_order();
    for mark in marks(chargeback) {
        table = table.noting(&mark);
    }
    table
}

/// Estimate against bill, line by line.
fn reconcile(blocks: &[Reconciliation]) -> PageTable {
    let mut rows: Vec<Vec<PageCell>> = Vec::new();
    for block in blocks {
        let cost = |of: fn(&Billed) -> Decimal| block.billed.as_ref().map(of);
        let mut line = |what: &str, amount: Option<Decimal>, unit: &str| {
            let text = shown(amount);
            let text = amount.map_or(text.clone(), |_| format!("{text} {unit}"));
            rows.push(vec![PageCell::text(what), PageCell::figure(text, amount)]);
        };
        let currency = &*block.currency;
        line("Billed", cost(Billed::total), currency);
        line("of that, Quick", cost(|billed| billed.quick), currency);
        line("other known queries", cost(|billed| billed.other), currency);
        line(
            "unallocated (explained by no known query)",
            cost(|billed| billed.unallocated),
            currency,
        );
        line("Estimated at list price", block.estimated_cost_usd, "USD");
        line(
            "of that, queries that the bill covers",
            block.covered_estimate_usd(),
            "USD",
        );
        line("Bill minus that estimate", block.difference_usd(), "USD");
        line("Billed by data scanned", block.billed_terabytes, "TB");
        for reason in &block.reasons {
            let what = format!("{} {}", count(reason.count), reason.text);
            line(&what, reason.amount, currency);
        }
    }
    let titles = ["What", "Amount"];
    PageTable::new("reconciliation", "Why estimate and bill differ", &titles)
        .with(rows)
        .in_its_order()
}

/// Returns the charges for other services of the same accounts, the most expensive first.
fn other_services(rows: &[OtherServiceRow]) -> PageTable {
    let mut rows: Vec<&OtherServiceRow> = rows.iter().collect();
    rows.sort_by_key(|row| Reverse(row.cost));
    let places = decimals(rows.iter().map(|row| row.cost));
    let cells = rows.iter().take(ROWS_MAX).map(|row| {
        vec![
            PageCell::or_unknown(row.group.first().map(|unit| &**unit)),
            PageCell::text(&service(row)),
            PageCell::text(&row.currency),
            PageCell::figure(money(row.cost, places), Some(row.cost)),
        ]
    });
    let titles = ["Business unit", "Service", "Currency", "Cost"];
    let caption = "Other costs of the same accounts, not allocated to queries";
    PageTable::new("other_services", caption, &titles).with(cells.collect())
}
