//! Charges in the columns of FOCUS 1.2, so that other `FinOps` tools can load them.
//!
//! One row per charge: day, account, Region, work group, data source, user and
//! share. Names that FOCUS does not have start with `x_`, as it asks.

use crate::model::charge::{Charge, Share, UNMAPPED};
use crate::model::money::TerabyteBase;
use crate::model::table::{Table, TableBuilder};
use crate::model::text::Text;
use crate::model::topology::Topology;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::json;

const AWS: &str = "AWS";
/// Places of quantities.
const QUANTITY_SCALE: u32 = 15;

fn description(share: Share) -> &'static str {
    match share {
        Share::Quick => "Athena queries from Amazon Quick",
        Share::Other => "Athena queries from others",
        Share::Unallocated => "Athena usage that no known query explains",
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

/// Terabytes of the queries of a charge, as the bill counts them.
fn terabytes(charge: &Charge, base: TerabyteBase) -> Option<Decimal> {
    let known = charge.figures.bytes_billed;
    let bytes = known.filter(|_| charge.share != Share::Unallocated)?;
    let terabytes = Decimal::from(bytes) / Decimal::from(base.bytes_per_terabyte());
    Some(terabytes.round_dp(QUANTITY_SCALE).normalize())
}

/// The work group's ARN.
fn resource(charge: &Charge) -> Option<Text> {
    let (region, group) = (charge.region.as_ref()?, charge.work_group.as_ref()?);
    let account = charge.account_id.as_ref()?;
    Some(format!("arn:aws:athena:{region}:{account}:workgroup/{group}").into())
}

/// The business unit and cost center of a charge.
struct Units<'a>(&'a Topology);

impl Units<'_> {
    fn business_unit(&self, charge: &Charge) -> Text {
        let account = charge.account_id.as_ref();
        let unit = account.and_then(|account| self.0.business_unit(account).cloned());
        unit.unwrap_or_else(|| UNMAPPED.into())
    }

    fn cost_center(&self, charge: &Charge) -> Option<Text> {
        self.0.cost_center(charge.account_id.as_ref()?).cloned()
    }

    /// As FOCUS wants tags: a JSON object.
    fn tags(&self, charge: &Charge) -> Text {
        let mut tags = serde_json::Map::new();
        tags.insert(
            "business-unit".to_owned(),
            json!(self.business_unit(charge)),
        );
        if let Some(cost_center) = self.cost_center(charge) {
            tags.insert("cost-center".to_owned(), json!(cost_center));
        }
        serde_json::Value::Object(tags).to_string().into()
    }
}

/// The billed charges as FOCUS rows. Queries that no bill covers are no charges
/// and left out.
#[must_use]
pub fn rows(charges: &[Charge], topology: &Topology, terabyte: TerabyteBase) -> Table {
    let billed: Vec<&Charge> = charges
        .iter()
        .filter(|charge| charge.billed_cost.is_some())
        .collect();
    let units = Units(topology);
    let quantity = |charge: &&Charge| terabytes(charge, terabyte);
    let account = |charge: &&Charge| charge.account_id.clone();
    let bill = TableBuilder::new("focus", &billed)
        .decimal("BilledCost", |charge| charge.billed_cost)
        .text("BillingAccountId", account)
        .text("BillingAccountName", |_| None::<Text>)
        .text("BillingCurrency", |charge| Some(charge.currency.clone()))
        .text("BillingPeriodEnd", |charge| {
            Some(midnight(month(charge.period.from).1))
        })
        .text("BillingPeriodStart", |charge| {
            Some(midnight(month(charge.period.from).0))
        });
    let charge = bill
        .word("ChargeCategory", |_| Some("Usage"))
        .word("ChargeClass", |_| None)
        .word("ChargeDescription", |charge| {
            Some(description(charge.share))
        })
        .word("ChargeFrequency", |_| Some("Usage-Based"))
        .text("ChargePeriodEnd", |charge| Some(midnight(charge.period.to)))
        .text("ChargePeriodStart", |charge| {
            Some(midnight(charge.period.from))
        })
        .decimal("ConsumedQuantity", quantity)
        .word("ConsumedUnit", |_| Some("TB"))
        .decimal("ContractedCost", |charge| charge.billed_cost)
        .decimal("EffectiveCost", |charge| charge.billed_cost)
        .word("InvoiceIssuerName", |_| Some(AWS))
        .decimal("ListCost", |charge| list_cost(charge))
        .decimal("PricingQuantity", quantity)
        .word("PricingUnit", |_| Some("TB"))
        .word("ProviderName", |_| Some(AWS))
        .word("PublisherName", |_| Some(AWS));
    let resource = charge
        .text("RegionId", |charge| charge.region.clone())
        .text("ResourceId", |charge| resource(charge))
        .text("ResourceName", |charge| charge.work_group.clone())
        .word("ResourceType", |charge| {
            charge.work_group.as_ref().map(|_| "Athena WorkGroup")
        })
        .word("ServiceCategory", |_| Some("Analytics"))
        .word("ServiceName", |_| Some("Amazon Athena"))
        .text("SubAccountId", account)
        .text("SubAccountName", |charge| {
            topology.account_name(charge.account_id.as_ref()?).cloned()
        })
        .text("Tags", |charge| Some(units.tags(charge)));
    resource
        .text("x_BusinessUnit", |charge| Some(units.business_unit(charge)))
        .text("x_CostCenter", |charge| units.cost_center(charge))
        .text("x_DataSourceArn", |charge| charge.data_source_arn.clone())
        .text("x_QuickUser", |charge| charge.quick_user.clone())
        .word("x_Share", |charge| Some(charge.share.as_str()))
        .integer("x_QueryCount", |charge| Some(charge.figures.query_count))
        .word("x_UsageType", |_| Some("DataScannedInTB"))
        .boolean("x_IsEstimated", |charge| Some(charge.is_estimated))
        .table()
}
