//! Charges: shares of the bill, one record for queries alike in every dimension.

use super::field::Fields;
use super::flat;
use super::queries::{WEEKDAYS, weekday};
use crate::model::charge::{Charge, Share, UNMAPPED};
use crate::model::ids::AccountId;
use crate::model::table::Table;
use crate::model::topology::Topology;
use jiff::civil::Date;

/// The JSON schema of a charge.
pub const SCHEMA: &str = "qs-audit/charge/v1";

/// A charge, and the names of accounts.
#[derive(Debug, Clone, Copy)]
pub struct ChargeRecord<'a> {
    /// The charge.
    pub charge: &'a Charge,
    /// Declared names, business units and cost centers of accounts.
    pub topology: &'a Topology,
}

/// Returns the day of a charge; `None` where the bill tells only a longer period.
fn single_day(charge: &Charge) -> Option<Date> {
    let period = charge.period;
    period.is_one_day().then_some(period.from)
}

/// The fields of a charge.
#[must_use]
pub fn fields<'a>() -> Fields<'a, ChargeRecord<'a>> {
    with_figures(with_dimensions(with_period(Fields::new())))
}

fn with_period<'a>(fields: Fields<'a, ChargeRecord<'a>>) -> Fields<'a, ChargeRecord<'a>> {
    fields
        .schema(SCHEMA)
        .day(
            "day",
            "the UTC day; null if the bill has only a longer period",
            |record| single_day(record.charge),
        )
        .day("period_start", "the first day", |record| {
            Some(record.charge.period.from)
        })
        .day("period_end", "the day after the last", |record| {
            Some(record.charge.period.to)
        })
        .word(
            "weekday",
            "the day of the week of `day`",
            WEEKDAYS,
            |record| single_day(record.charge).map(weekday),
        )
        .string("month", "the month, such as `2026-10`", |record| {
            Some(record.charge.period.from.strftime("%Y-%m").to_string())
        })
}

fn with_dimensions<'a>(fields: Fields<'a, ChargeRecord<'a>>) -> Fields<'a, ChargeRecord<'a>> {
    fn account<'x>(record: &ChargeRecord<'x>) -> Option<&'x AccountId> {
        record.charge.account_id.as_ref()
    }
    fields
        .text("consumer_account_id", "the account that pays", |record| {
            account(record).cloned()
        })
        .text("consumer_name", "its declared name", |record| {
            record.topology.account_name(account(record)?).cloned()
        })
        .text(
            "business_unit",
            "its business unit; `(unmapped)` where none is known",
            |record| {
                let unit = account(record).and_then(|id| record.topology.business_unit(id));
                Some(unit.cloned().unwrap_or_else(|| UNMAPPED.into()))
            },
        )
        .text("cost_center", "its declared cost center", |record| {
            record.topology.cost_center(account(record)?).cloned()
        })
        .text("region", "the Region", |record| {
            record.charge.region.clone()
        })
        .text("work_group", "the work group", |record| {
            record.charge.work_group.clone()
        })
        .text("data_source_arn", "the Quick data source", |record| {
            record.charge.data_source_arn.clone()
        })
        .text("quick_user", "the Quick user", |record| {
            record.charge.quick_user.clone()
        })
        .text(
            "origin",
            "who made the first session of the queries' chains: a service, `people` or `unknown`",
            |record| record.charge.origin.clone(),
        )
        .word(
            "share",
            "the origin of the cost: Quick, another known query, or unallocated",
            Share::ALL.iter().copied().map(Share::as_str),
            |record| Some(record.charge.share.as_str()),
        )
        .text("currency", "the ISO 4217 code of `billed_cost`", |record| {
            Some(record.charge.currency.clone())
        })
}

fn with_figures<'a>(fields: Fields<'a, ChargeRecord<'a>>) -> Fields<'a, ChargeRecord<'a>> {
    fields
        .integer("query_count", "queries that Athena accepted", |record| {
            Some(record.charge.figures.query_count)
        })
        .integer(
            "queries_without_statistics",
            "queries whose data scanned is unknown",
            |record| Some(record.charge.figures.queries_without_statistics),
        )
        .integer(
            "queries_without_bill",
            "queries that the bill does not cover",
            |record| Some(record.charge.figures.queries_without_bill),
        )
        .integer("bytes_scanned", "data scanned", |record| {
            record.charge.figures.bytes_scanned
        })
        .integer("bytes_billed", "data billed", |record| {
            record.charge.figures.bytes_billed
        })
        .decimal(
            "estimated_cost_usd",
            "billed data at list price",
            |record| {
                let figures = &record.charge.figures;
                figures
                    .estimated_cost_usd
                    .filter(|_| figures.query_count > 0)
            },
        )
        .decimal(
            "billed_cost",
            "the allocated cost; null if the bill does not cover it",
            |record| record.charge.billed_cost,
        )
        .boolean(
            "is_estimated",
            "whether the bill is estimated and may still change",
            |record| Some(record.charge.is_estimated),
        )
        .always_known(&[
            "period_start",
            "period_end",
            "month",
            "business_unit",
            "share",
            "currency",
            "query_count",
            "queries_without_statistics",
            "queries_without_bill",
            "is_estimated",
        ])
}

/// One row for each charge.
#[must_use]
pub fn table(charges: &[Charge], topology: &Topology) -> Table {
    let records: Vec<ChargeRecord<'_>> = charges
        .iter()
        .map(|charge| ChargeRecord { charge, topology })
        .collect();
    flat::table("charges", &fields(), &records)
}
