//! Charges as a table (docs/tables-v1.md).

use super::records::weekday;
use crate::model::charge::{Charge, UNMAPPED};
use crate::model::table::{Columns, Table};
use crate::model::text::Text;
use crate::model::topology::Topology;
use jiff::civil::Date;

/// The day of a charge; `None` where the bill tells only a longer period.
fn single_day(charge: &Charge) -> Option<Date> {
    let period = charge.period;
    period.is_one_day().then_some(period.from)
}

/// One row per charge: queries alike in every dimension, and their share of the
/// bill. `topology` names consumers and business units.
#[must_use]
pub fn charges(charges: &[Charge], topology: &Topology) -> Table {
    let account = |charge: &Charge| charge.account_id.clone();
    let unit = |charge: &Charge| {
        let unit = account(charge).and_then(|id| topology.business_unit(&id).cloned());
        Some(unit.unwrap_or_else(|| UNMAPPED.into()))
    };
    let places = Columns::new("charges", charges)
        .day("day", single_day)
        .day("period_start", |charge| Some(charge.period.from))
        .day("period_end", |charge| Some(charge.period.to))
        .word("weekday", |charge| single_day(charge).map(weekday))
        .text("month", |charge| {
            let month = charge.period.from.strftime("%Y-%m").to_string();
            Some(Text::from(month))
        })
        .text("consumer_account_id", account)
        .text("consumer_name", |charge| {
            topology.account_name(&account(charge)?).cloned()
        })
        .text("business_unit", unit)
        .text("cost_center", |charge| {
            topology.cost_center(&account(charge)?).cloned()
        })
        .text("region", |charge| charge.region.clone())
        .text("work_group", |charge| charge.work_group.clone())
        .text("data_source_arn", |charge| charge.data_source_arn.clone())
        .text("quick_user", |charge| charge.quick_user.clone())
        .word("share", |charge| Some(charge.share.as_str()))
        .text("currency", |charge| Some(charge.currency.clone()));
    places
        .integer("query_count", |charge| Some(charge.figures.query_count))
        .integer("queries_without_statistics", |charge| {
            Some(charge.figures.queries_without_statistics)
        })
        .integer("queries_without_bill", |charge| {
            Some(charge.figures.queries_without_bill)
        })
        .integer("bytes_scanned", |charge| charge.figures.bytes_scanned)
        .integer("bytes_billed", |charge| charge.figures.bytes_billed)
        .decimal("estimated_cost_usd", |charge| {
            let estimate = charge.figures.estimated_cost_usd;
            estimate.filter(|_| charge.figures.query_count > 0)
        })
        .decimal("billed_cost", |charge| charge.billed_cost)
        .boolean("is_estimated", |charge| Some(charge.is_estimated))
        .table()
}
