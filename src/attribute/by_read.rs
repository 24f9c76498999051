//! Charges split among the tables that their queries read.
//!
//! A bill knows no tables: each query's amounts are split evenly among its tables, each once. That
//! is an estimate; the parts add up to the amounts of the query.

use super::price::ESTIMATE_SCALE;
use super::share::split;
use crate::model::chain::{Chain, ChainPath, Confidence, QueryExecution};
use crate::model::charge::{
    Attribution, Charge, Dimension, Figures, NONE, Share, UNALLOCATED, UNKNOWN,
};
use crate::model::data_read::DataRead;
use crate::model::ids::AccountId;
use crate::model::money::{AMOUNT_PLACES, amount, units};
use crate::model::text::Text;
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

/// Splits the charges of these chains by the requested dimensions. What no query explains stays
/// whole.
pub(super) fn parts<'a>(
    attribution: &'a Attribution,
    chains: &[Chain],
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
    let queries = chains
        .iter()
        .flat_map(|chain| chain.queries.iter().map(move |query| (chain, query)));
    for ((chain, query), share) in queries.zip(&attribution.query_shares) {
        if query.query_execution_id.is_none() {
            continue;
        }
        if let Some(charge) = by_key.get(&key_of_query(chain, query)) {
            let cost = share.as_ref().map(|share| share.cost);
            add_query(&mut parts, charge, query, cost, by);
        }
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

fn key_of_query<'a>(chain: &'a Chain, query: &'a QueryExecution) -> ChargeKey<'a> {
    let share = if chain.path == ChainPath::QuickRoleChain {
        Share::Quick
    } else {
        Share::Other
    };
    (
        query.started_at.day(),
        chain.consumer_account_id.as_deref(),
        query.region.as_deref(),
        query.work_group.as_deref(),
        chain.data_source_arn.as_deref(),
        chain.quick_user.as_ref().map(|user| &*user.name),
        Some(chain.origin.label()),
        share,
    )
}

/// Adds the parts of one query: one for each value of the requested dimensions.
fn add_query(
    parts: &mut Vec<ChargePart<'_>>,
    charge: &Charge,
    query: &QueryExecution,
    cost: Option<Decimal>,
    by: &[Dimension],
) {
    let mut tables: BTreeMap<(Text, Text), u128> = BTreeMap::new();
    for (table, producer) in tables_of(query) {
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
    let split_amount = |whole: Option<Decimal>, scale: u32| {
        let units = whole.and_then(|whole| units(whole, scale));
        units.map(|units| split(units, &weights, 0).of_weights)
    };
    let split_bytes =
        |whole: Option<u64>| whole.map(|bytes| split(bytes.into(), &weights, 0).of_weights);
    let costs = split_amount(cost, AMOUNT_PLACES);
    let estimates = split_amount(query.estimated_cost_usd(), ESTIMATE_SCALE);
    let scanned = split_bytes(query.bytes_scanned());
    let billed = split_bytes(query.bytes_billed());
    let part = |split: &Option<Vec<i128>>, at: usize| split.as_ref().map(|parts| parts[at]);
    let bytes = |split: &Option<Vec<i128>>, at: usize| u64::try_from(part(split, at)?).ok();
    for (at, (table, producer)) in tables.into_keys().enumerate() {
        parts.push(ChargePart {
            charge: Cow::Owned(Charge {
                figures: Figures {
                    query_count: 1,
                    queries_without_statistics: u64::from(query.lacks_statistics()),
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

/// The tables, buckets and functions of a query with their producers, each once: those that it is
/// at least probable to have read.
fn tables_of(query: &QueryExecution) -> Vec<(Text, Text)> {
    let missing = |name: &str| vec![(Text::from(name), Text::from(name))];
    let Some(reads) = &query.reads else {
        return missing(UNKNOWN);
    };
    let surely = reads.iter();
    let surely = surely.filter(|read| read.confidence != Confidence::Ambiguous);
    let tables: Vec<(Text, Text)> = surely
        .map(|read| {
            let producer = read.owner_account_id.as_ref().map(AccountId::text);
            (
                table_name(read),
                producer.cloned().unwrap_or_else(|| UNKNOWN.into()),
            )
        })
        .collect();
    match (tables.is_empty(), reads.is_empty()) {
        (false, _) => tables,
        (true, true) => missing(NONE),
        (true, false) => missing(UNKNOWN),
    }
}

/// The ARN of a table, else the name of what was read.
fn table_name(read: &DataRead) -> Text {
    let arn = read.subject.table_arn.clone();
    arn.unwrap_or_else(|| read.name().into())
}
