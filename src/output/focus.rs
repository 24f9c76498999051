//! Charges in the columns of FOCUS 1.2, so that other FinOps tools can load them.
//!
//! One row per charge: day, account, Region, work group, data source, user and
//! share. Names that FOCUS does not have start with `x_`, as it asks.

use crate::model::charge::{Charge, Share, UNMAPPED};
use crate::model::money::TerabyteBase;
use crate::model::table::{Table, Values};
use crate::model::text::Text;
use crate::model::topology::Topology;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::json;

const AWS: &str = "AWS";

fn description(share: Share) -> &'static str {
    match share {
        Share::Attributed => "Athena queries of Amazon Quick role chains",
        Share::Other => "Athena queries of others",
        Share::Unattributed => "Athena use that no known query explains",
    }
}

fn midnight(day: Date) -> Text {
    format!("{day}T00:00:00Z").into()
}

/// The first day of the month of a day, and of the month after.
fn month(day: Date) -> (Date, Date) {
    let last = day.last_of_month();
    (day.first_of_month(), last.tomorrow().unwrap_or(last))
}

/// The estimate at list price, which is in USD; what was billed where there is
/// none: FOCUS asks for one, in the currency of the bill.
fn list_cost(charge: &Charge) -> Option<Decimal> {
    let estimate = charge.figures.estimated_cost_usd;
    let is_told = charge.figures.query_count > 0 && &*charge.currency == "USD";
    estimate.filter(|_| is_told).or(charge.billed_cost)
}

/// The billed charges as FOCUS rows. Queries that no bill covers are no charges
/// and left out.
#[must_use]
pub fn rows(charges: &[Charge], topology: &Topology, terabyte: TerabyteBase) -> Table {
    let billed: Vec<&Charge> = charges
        .iter()
        .filter(|charge| charge.billed_cost.is_some())
        .collect();
    let text = |of: &dyn Fn(&Charge) -> Option<Text>| {
        Values::Text(billed.iter().map(|charge| of(charge)).collect())
    };
    let word = |word: &'static str| text(&|_| Some(word.into()));
    let cost = || Values::Decimal(billed.iter().map(|charge| charge.billed_cost).collect());
    let bytes_per_terabyte = Decimal::from(terabyte.bytes_per_terabyte());
    let quantity = || {
        let of = |charge: &&Charge| {
            let known = charge
                .figures
                .bytes_billed
                .filter(|_| charge.share != Share::Unattributed);
            known.map(|bytes| {
                (Decimal::from(bytes) / bytes_per_terabyte)
                    .round_dp(15)
                    .normalize()
            })
        };
        Values::Decimal(billed.iter().map(of).collect())
    };
    let account = |charge: &Charge| charge.account_id.clone();
    let unit = |charge: &Charge| {
        let unit = account(charge).and_then(|id| topology.business_unit(&id).cloned());
        Some(unit.unwrap_or_else(|| UNMAPPED.into()))
    };
    let cost_center = |charge: &Charge| topology.cost_center(&account(charge)?).cloned();
    let resource = |charge: &Charge| {
        let (region, group) = (charge.region.as_ref()?, charge.work_group.as_ref()?);
        let account = charge.account_id.as_ref()?;
        Some(format!("arn:aws:athena:{region}:{account}:workgroup/{group}").into())
    };
    let tags = |charge: &Charge| {
        let mut tags = serde_json::Map::new();
        tags.insert("business-unit".to_owned(), json!(unit(charge)));
        if let Some(cost_center) = cost_center(charge) {
            tags.insert("cost-center".to_owned(), json!(cost_center));
        }
        Some(serde_json::Value::Object(tags).to_string().into())
    };
    Table::new("focus")
        .with("BilledCost", cost())
        .with("BillingAccountId", text(&account))
        .with("BillingAccountName", text(&|_| None))
        .with(
            "BillingCurrency",
            text(&|charge| Some(charge.currency.clone())),
        )
        .with(
            "BillingPeriodEnd",
            text(&|charge| Some(midnight(month(charge.period.from).1))),
        )
        .with(
            "BillingPeriodStart",
            text(&|charge| Some(midnight(month(charge.period.from).0))),
        )
        .with("ChargeCategory", word("Usage"))
        .with("ChargeClass", text(&|_| None))
        .with(
            "ChargeDescription",
            text(&|charge| Some(description(charge.share).into())),
        )
        .with("ChargeFrequency", word("Usage-Based"))
        .with(
            "ChargePeriodEnd",
            text(&|charge| Some(midnight(charge.period.to))),
        )
        .with(
            "ChargePeriodStart",
            text(&|charge| Some(midnight(charge.period.from))),
        )
        .with("ConsumedQuantity", quantity())
        .with("ConsumedUnit", word("TB"))
        .with("ContractedCost", cost())
        .with("EffectiveCost", cost())
        .with("InvoiceIssuerName", word(AWS))
        .with(
            "ListCost",
            Values::Decimal(billed.iter().map(|charge| list_cost(charge)).collect()),
        )
        .with("PricingQuantity", quantity())
        .with("PricingUnit", word("TB"))
        .with("ProviderName", word(AWS))
        .with("PublisherName", word(AWS))
        .with("RegionId", text(&|charge| charge.region.clone()))
        .with("ResourceId", text(&resource))
        .with("ResourceName", text(&|charge| charge.work_group.clone()))
        .with(
            "ResourceType",
            text(&|charge| {
                charge
                    .work_group
                    .as_ref()
                    .map(|_| "Athena WorkGroup".into())
            }),
        )
        .with("ServiceCategory", word("Analytics"))
        .with("ServiceName", word("Amazon Athena"))
        .with("SubAccountId", text(&account))
        .with(
            "SubAccountName",
            text(&|charge| topology.account_name(&account(charge)?).cloned()),
        )
        .with("Tags", text(&tags))
        .with("x_BusinessUnit", text(&unit))
        .with("x_CostCenter", text(&cost_center))
        .with(
            "x_DataSourceArn",
            text(&|charge| charge.data_source_arn.clone()),
        )
        .with("x_QuickUser", text(&|charge| charge.quick_user.clone()))
        .with(
            "x_Share",
            text(&|charge| Some(charge.share.as_str().into())),
        )
        .with(
            "x_QueryCount",
            Values::Integer(
                billed
                    .iter()
                    .map(|charge| i64::try_from(charge.figures.query_count).ok())
                    .collect(),
            ),
        )
        .with("x_UsageType", word("DataScannedInTB"))
        .with(
            "x_IsEstimated",
            text(&|charge| Some(charge.is_estimated.to_string().into())),
        )
}
