//! Charges split among the tables that their queries read.
//!
//! A bill knows no tables: each query's amounts are split evenly among its tables, each once. That
//! is an estimate; the parts add up to the amounts of the query.

use super::billed_queries::{BilledQueries, TableList};
use super::price::ESTIMATE_SCALE;
use super::share::split;
use crate::model::charge::{Attribution, Charge, Dimension, Figures, Share, UNALLOCATED};
use crate::model::money::{AMOUNT_PLACES, amount, units};
use crate::model::text::Text;
use crate::model::time::UtcDay;
use hashbrown::HashMap;
use rust_decimal::Decimal;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A part of a charge: that of queries for a table, a producer, or both.
#[derive(Debug, Clone)]
pub(super) struct ChargePart<'a> {
    pub(super) charge: Cow<'a, Charge>,
    /// The table, if charges are asked for by tables.
    pub(super) table: Text,
    /// The producer, if charges are asked for by producers.
    pub(super) producer: Text,
}

/// The members by which a query finds its charge.
type ChargeKey<'a> = (
    jiff::civil::Date,
    Option<&'a str>,
    Option<&'a str>,
    Option<&'a str>,
    Option<&'a str>,
    Option<&'a str>,
    Option<&'a str>,
    Share,
);

/// The amounts of one query.
struct QueryAmounts {
    lacks_statistics: bool,
    scanned: Option<u64>,
    billed: Option<u64>,
    /// Units of [`ESTIMATE_SCALE`] places.
    estimate: Option<i128>,
    cost: Option<Decimal>,
}

/// Splits the charges of these queries by the requested dimensions. What no query explains stays
/// whole.
pub(super) fn parts<'a>(
    attribution: &'a Attribution,
    queries: &BilledQueries,
    by: &[Dimension],
) -> Vec<ChargePart<'a>> {
    let of_queries = attribution.charges.iter();
    let of_queries = of_queries.filter(|charge| charge.share != Share::Unallocated);
    let by_key: HashMap<ChargeKey<'_>, &Charge> = of_queries
        .map(|charge| (key_of_charge(charge), charge))
        .collect();
    let rest = attribution.charges.iter();
    let rest = rest.filter(|charge| charge.share == Share::Unallocated);
    let mut parts: Vec<ChargePart<'a>> = rest
        .map(|charge| ChargePart {
            charge: Cow::Borrowed(charge),
            table: UNALLOCATED.into(),
            producer: UNALLOCATED.into(),
        })
        .collect();
    let costs = queries.without_refused(&attribution.query_shares);
    let rows = &queries.rows;
    for ((row, tables), cost) in queries.tables().enumerate().zip(costs) {
        let Some(charge) = by_key.get(&key_of_query(queries, row)) else {
            continue;
        };
        let amounts = QueryAmounts {
            lacks_statistics: rows.lacks_statistics[row],
            scanned: rows.scanned[row].bytes(),
            billed: rows.billed[row].bytes(),
            estimate: rows.estimate[row],
            cost: cost.as_ref().map(|share| share.cost),
        };
        add_query(&mut parts, charge, &amounts, tables, by);
    }
    parts
}

fn key_of_charge(charge: &Charge) -> ChargeKey<'_> {
    (
        charge.period.from,
        charge.account_id.as_deref(),
        charge.region.as_deref(),
        charge.work_group.as_deref(),
        charge.data_source_arn.as_deref(),
        charge.quick_user.as_deref(),
        charge.origin.as_deref(),
        charge.share,
    )
}

fn key_of_query(queries: &BilledQueries, row: usize) -> ChargeKey<'_> {
    let group = queries.group(row);
    let text = |code| queries.codes.text(code).map(|text| &**text);
    let day = UtcDay::numbered(queries.rows.day[row]);
    (
        day.date().unwrap_or_default(),
        text(group.account),
        text(group.region),
        text(group.work_group),
        text(group.source),
        text(group.user),
        text(group.origin),
        group.share(),
    )
}

/// Adds the parts of one query: one for each value of the requested dimensions.
fn add_query(
    parts: &mut Vec<ChargePart<'_>>,
    charge: &Charge,
    query: &QueryAmounts,
    read: &TableList,
    by: &[Dimension],
) {
    let mut tables: BTreeMap<(Text, Text), u128> = BTreeMap::new();
    for (table, producer) in read.iter().cloned() {
        let asked = |dimension: Dimension, value: Text| {
            if by.contains(&dimension) {
                value
            } else {
                Text::from("")
            }
        };
        let key = (
            asked(Dimension::Table, table),
            asked(Dimension::Producer, producer),
        );
        *tables.entry(key).or_default() += 1;
    }
    let weights: Vec<u128> = tables.values().copied().collect();
    let split_units = |whole: Option<i128>| whole.map(|units| split(units, &weights, 0).of_weights);
    let costs = split_units(query.cost.and_then(|cost| units(cost, AMOUNT_PLACES)));
    let estimates = split_units(query.estimate);
    let scanned = split_units(query.scanned.map(i128::from));
    let billed = split_units(query.billed.map(i128::from));
    let part = |split: &Option<Vec<i128>>, at: usize| split.as_ref().map(|parts| parts[at]);
    let bytes = |split: &Option<Vec<i128>>, at: usize| u64::try_from(part(split, at)?).ok();
    for (at, (table, producer)) in tables.into_keys().enumerate() {
        parts.push(ChargePart {
            charge: Cow::Owned(Charge {
                figures: Figures {
                    query_count: 1,
                    queries_without_statistics: u64::from(query.lacks_statistics),
                    queries_without_bill: u64::from(charge.billed_cost.is_none()),
                    bytes_scanned: bytes(&scanned, at),
                    bytes_billed: bytes(&billed, at),
                    estimated_cost_usd: part(&estimates, at)
                        .and_then(|units| amount(units, ESTIMATE_SCALE)),
                },
                billed_cost: part(&costs, at).and_then(|units| amount(units, AMOUNT_PLACES)),
                ..charge.clone()
            }),
            table,
            producer,
        });
    }
}
