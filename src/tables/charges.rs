//! Charges as a table (docs/tables-v1.md).

use super::records::weekday;
use crate::model::charge::{Charge, UNMAPPED};
use crate::model::table::{Table, Values};
use crate::model::text::Text;
use crate::model::topology::Topology;

/// One row per charge: queries alike in every dimension, and their share of the
/// bill. `topology` names consumers and business units.
#[must_use]
pub fn charges(charges: &[Charge], topology: &Topology) -> Table {
    let text =
        |of: &dyn Fn(&Charge) -> Option<Text>| Values::Text(charges.iter().map(of).collect());
    let integer = |of: &dyn Fn(&Charge) -> Option<u64>| {
        let whole = |charge| of(charge).map(|number| i64::try_from(number).unwrap_or(i64::MAX));
        Values::Integer(charges.iter().map(whole).collect())
    };
    let day = |of: &dyn Fn(&Charge) -> Option<jiff::civil::Date>| {
        Values::Date(charges.iter().map(of).collect())
    };
    let single = |charge: &Charge| {
        let period = charge.period;
        period.is_one_day().then_some(period.from)
    };
    let figures = |of: &dyn Fn(&Charge) -> Option<rust_decimal::Decimal>| {
        Values::Decimal(charges.iter().map(of).collect())
    };
    let with_queries = |charge: &Charge| charge.figures.query_count > 0;
    Table::new("charges")
        .with("day", day(&single))
        .with("period_start", day(&|charge| Some(charge.period.from)))
        .with("period_end", day(&|charge| Some(charge.period.to)))
        .with(
            "weekday",
            text(&|charge| Some(weekday(single(charge)?).into())),
        )
        .with(
            "month",
            text(&|charge| Some(charge.period.from.strftime("%Y-%m").to_string().into())),
        )
        .with(
            "consumer_account_id",
            text(&|charge| charge.account_id.clone()),
        )
        .with(
            "consumer_name",
            text(&|charge| topology.account_name(charge.account_id.as_ref()?).cloned()),
        )
        .with(
            "business_unit",
            text(&|charge| {
                let unit = charge
                    .account_id
                    .as_ref()
                    .and_then(|id| topology.business_unit(id));
                Some(unit.cloned().unwrap_or_else(|| UNMAPPED.into()))
            }),
        )
        .with(
            "cost_center",
            text(&|charge| topology.cost_center(charge.account_id.as_ref()?).cloned()),
        )
        .with("region", text(&|charge| charge.region.clone()))
        .with("work_group", text(&|charge| charge.work_group.clone()))
        .with(
            "data_source_arn",
            text(&|charge| charge.data_source_arn.clone()),
        )
        .with("quick_user", text(&|charge| charge.quick_user.clone()))
        .with("share", text(&|charge| Some(charge.share.as_str().into())))
        .with("currency", text(&|charge| Some(charge.currency.clone())))
        .with(
            "query_count",
            integer(&|charge| Some(charge.figures.query_count)),
        )
        .with(
            "queries_without_statistics",
            integer(&|charge| Some(charge.figures.queries_without_statistics)),
        )
        .with(
            "queries_without_bill",
            integer(&|charge| Some(charge.figures.queries_without_bill)),
        )
        .with(
            "bytes_scanned",
            integer(&|charge| charge.figures.bytes_scanned),
        )
        .with(
            "bytes_billed",
            integer(&|charge| charge.figures.bytes_billed),
        )
        .with(
            "estimated_cost_usd",
            figures(&|charge| {
                charge
                    .figures
                    .estimated_cost_usd
                    .filter(|_| with_queries(charge))
            }),
        )
        .with("billed_cost", figures(&|charge| charge.billed_cost))
        .with(
            "is_estimated",
            Values::Boolean(
                charges
                    .iter()
                    .map(|charge| Some(charge.is_estimated))
                    .collect(),
            ),
        )
}
