//! Charges as FOCUS 1.2, so that other `FinOps` tools can load them
//! (focus.finops.org/focus-specification/v1-2).
//!
//! One row per charge: day, account, Region, work group, data source, user and
//! share. Names that FOCUS does not have start with `x_`, as it asks.

use super::human::plural;
use crate::model::charge::{Attribution, Charge, Share, UNIT_PRICE_PLACES};
use crate::model::ids::AccountId;
use crate::model::money::TerabyteBase;
use crate::model::region;
use crate::model::table::{Table, TableBuilder};
use crate::model::text::Text;
use crate::model::topology::Topology;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::json;
use std::collections::BTreeSet;

/// The version of FOCUS that the columns and values are of.
pub const FOCUS_VERSION: &str = "1.2";

const AWS: &str = "AWS";
const METER: &str = "DataScannedInTB";
/// Places of quantities: bytes of a terabyte.
const QUANTITY_PLACES: u32 = 12;

/// The reason why charges cannot be written as FOCUS.
#[derive(Debug, thiserror::Error)]
pub enum FocusError {
    /// No bill and no configuration tells who pays.
    #[error("FOCUS needs the account that pays, and nothing tells it for {0}")]
    NoPayer(String),
    /// Neither the bill nor a list price tells quantities.
    #[error(
        "FOCUS needs quantities, and the bill gives neither terabytes nor a Region of a known price for {0}"
    )]
    NoQuantity(String),
}

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

/// The quantity of a charge of use, its prices and its SKU.
struct Priced {
    quantity: Decimal,
    list_unit_price: Decimal,
    contracted_unit_price: Decimal,
    sku_id: Text,
    sku_price_id: Text,
}

/// A unit price with cents at least, as price lists have them.
fn price(price: Decimal) -> Decimal {
    let mut price = price.normalize();
    if price.scale() < 2 {
        price.rescale(2);
    }
    price
}

impl Priced {
    /// `None` for what is no use: discounts and corrections that stand alone.
    fn of(charge: &Charge, cost: Decimal) -> Result<Option<Self>, ()> {
        if cost < Decimal::ZERO {
            return Ok(None);
        }
        let contracted = charge.billed_unit_price.or(charge.list_unit_price);
        let contracted = match contracted {
            Some(price) => price,
            None if cost.is_zero() => Decimal::ZERO,
            None => return Err(()),
        };
        let quantity = cost.checked_div(contracted).unwrap_or_default();
        let quantity = quantity.round_dp(QUANTITY_PLACES).normalize();
        if quantity.is_zero() && !cost.is_zero() {
            return Ok(None);
        }
        let prefix = charge.region.as_deref().and_then(region::prefix);
        // Where the bill has no ids of SKUs, the usage type is one in all accounts.
        let usage_type = prefix.map_or_else(
            || Text::from(METER),
            |prefix| format!("{prefix}-{METER}").into(),
        );
        let sku = charge.sku.as_ref();
        let sku_id = sku.map_or(usage_type, |sku| sku.id.clone());
        Ok(Some(Self {
            quantity,
            list_unit_price: price(charge.list_unit_price.unwrap_or(contracted)),
            contracted_unit_price: price(contracted.round_dp(UNIT_PRICE_PLACES)),
            sku_price_id: sku
                .and_then(|sku| sku.price_id.clone())
                .unwrap_or_else(|| sku_id.clone()),
            sku_id,
        }))
    }
}

/// A charge with what FOCUS asks for of it.
struct FocusRow<'a> {
    charge: &'a Charge,
    billed_cost: Decimal,
    payer: &'a AccountId,
    priced: Option<Priced>,
}

impl FocusRow<'_> {
    /// A cost by one of the unit prices; the billed one of what has no quantity.
    fn cost_by(&self, price: fn(&Priced) -> Decimal) -> Decimal {
        let priced = self.priced.as_ref();
        let cost = priced.map(|priced| price(priced).checked_mul(priced.quantity));
        cost.flatten().unwrap_or(self.billed_cost).normalize()
    }

    /// The Region, if it is one: a prefix that stands for none that is known is no id.
    fn region(&self) -> Option<&str> {
        let region = self.charge.region.as_deref();
        region.filter(|region| region::is_region_name(region))
    }

    /// The work group's ARN.
    fn resource(&self) -> Option<Text> {
        let charge = self.charge;
        let (region, group) = (self.region()?, charge.work_group.as_ref()?);
        let account = charge.account_id.as_ref()?;
        let partition = region::partition(region);
        Some(format!("arn:{partition}:athena:{region}:{account}:workgroup/{group}").into())
    }
}

/// The names and units of accounts.
struct AccountNames<'a>(&'a Topology);

impl AccountNames<'_> {
    fn name(&self, account_id: &AccountId) -> Text {
        let name = self.0.account_name(account_id);
        name.unwrap_or(account_id.text()).clone()
    }

    fn business_unit(&self, charge: &Charge) -> Option<Text> {
        self.0.business_unit(charge.account_id.as_ref()?).cloned()
    }

    fn cost_center(&self, charge: &Charge) -> Option<Text> {
        self.0.cost_center(charge.account_id.as_ref()?).cloned()
    }

    /// As FOCUS wants tags: a JSON object.
    fn tags(&self, charge: &Charge) -> Option<Text> {
        let mut tags = serde_json::Map::new();
        let told = [
            ("business-unit", self.business_unit(charge)),
            ("cost-center", self.cost_center(charge)),
        ];
        for (key, value) in told {
            if let Some(value) = value {
                tags.insert(key.to_owned(), json!(value));
            }
        }
        (!tags.is_empty()).then(|| serde_json::Value::Object(tags).to_string().into())
    }
}

fn rows_of<'a>(
    attribution: &'a Attribution,
    topology: &'a Topology,
) -> Result<Vec<FocusRow<'a>>, FocusError> {
    let mut rows = Vec::new();
    let mut without_payer: BTreeSet<&AccountId> = BTreeSet::new();
    let mut without_quantity: BTreeSet<&AccountId> = BTreeSet::new();
    for charge in &attribution.charges {
        let (Some(billed_cost), Some(account)) = (charge.billed_cost, &charge.account_id) else {
            continue;
        };
        let payer = attribution.payers.get(account);
        let Some(payer) = payer.or(topology.payer_account_id.as_ref()) else {
            without_payer.insert(account);
            continue;
        };
        match Priced::of(charge, billed_cost) {
            Ok(priced) => rows.push(FocusRow {
                charge,
                billed_cost,
                payer,
                priced,
            }),
            Err(()) => {
                without_quantity.insert(account);
            }
        }
    }
    let accounts = |of: &BTreeSet<&AccountId>| {
        let first = of.first().map_or("", |account| &***account);
        format!(
            "{} (the first is {first})",
            plural(of.len() as u64, "account")
        )
    };
    if !without_payer.is_empty() {
        return Err(FocusError::NoPayer(accounts(&without_payer)));
    }
    if !without_quantity.is_empty() {
        return Err(FocusError::NoQuantity(accounts(&without_quantity)));
    }
    Ok(rows)
}

/// The billed charges as FOCUS rows. Queries that no bill covers are no charges
/// and left out.
///
/// # Errors
///
/// When something that FOCUS asks of every row is not known.
pub fn rows(attribution: &Attribution, topology: &Topology) -> Result<Table, FocusError> {
    let rows = rows_of(attribution, topology)?;
    let mut table = Table::new("focus");
    let parts = [
        billing_columns(&rows, topology),
        charge_columns(&rows, attribution.terabyte),
        resource_columns(&rows, topology),
        own_columns(&rows, topology),
    ];
    for part in parts {
        table.columns.extend(part.columns);
    }
    Ok(table)
}

fn billing_columns(rows: &[FocusRow<'_>], topology: &Topology) -> Table {
    let accounts = AccountNames(topology);
    let none = |_: &FocusRow<'_>| None::<Text>;
    TableBuilder::new("", rows)
        .text("AvailabilityZone", none)
        .decimal("BilledCost", |row| Some(row.billed_cost))
        .text("BillingAccountId", |row| Some(row.payer.clone()))
        .text("BillingAccountName", |row| Some(accounts.name(row.payer)))
        .word("BillingAccountType", |_| Some("AWS payer account"))
        .text("BillingCurrency", |row| Some(row.charge.currency.clone()))
        .text("BillingPeriodEnd", |row| {
            Some(midnight(month(row.charge.period.from).1))
        })
        .text("BillingPeriodStart", |row| {
            Some(midnight(month(row.charge.period.from).0))
        })
        .text("CapacityReservationId", none)
        .text("CapacityReservationStatus", none)
        .table()
}

fn charge_columns(rows: &[FocusRow<'_>], terabyte: TerabyteBase) -> Table {
    let unit = match terabyte {
        TerabyteBase::Decimal => "TB",
        TerabyteBase::Binary => "TiB",
    };
    let none = |_: &FocusRow<'_>| None::<Text>;
    let no_number = |_: &FocusRow<'_>| None::<Decimal>;
    let quantity = |row: &FocusRow<'_>| row.priced.as_ref().map(|priced| priced.quantity);
    let unit = |row: &FocusRow<'_>| row.priced.as_ref().map(|_| unit);
    let charge = TableBuilder::new("", rows)
        .word("ChargeCategory", |row| {
            Some(if row.priced.is_some() {
                "Usage"
            } else {
                "Adjustment"
            })
        })
        .word("ChargeClass", |_| None)
        .word("ChargeDescription", |row| {
            Some(description(row.charge.share))
        })
        .word("ChargeFrequency", |_| Some("Usage-Based"))
        .text("ChargePeriodEnd", |row| {
            Some(midnight(row.charge.period.to))
        })
        .text("ChargePeriodStart", |row| {
            Some(midnight(row.charge.period.from))
        })
        .text("CommitmentDiscountCategory", none)
        .text("CommitmentDiscountId", none)
        .text("CommitmentDiscountName", none)
        .decimal("CommitmentDiscountQuantity", no_number)
        .text("CommitmentDiscountStatus", none)
        .text("CommitmentDiscountType", none)
        .text("CommitmentDiscountUnit", none);
    charge
        .decimal("ConsumedQuantity", quantity)
        .word("ConsumedUnit", unit)
        .decimal("ContractedCost", |row| {
            Some(row.cost_by(|priced| priced.contracted_unit_price))
        })
        .decimal("ContractedUnitPrice", |row| {
            Some(row.priced.as_ref()?.contracted_unit_price)
        })
        .decimal("EffectiveCost", |row| Some(row.billed_cost))
        .text("InvoiceId", none)
        .word("InvoiceIssuerName", |_| Some(AWS))
        .decimal("ListCost", |row| {
            Some(row.cost_by(|priced| priced.list_unit_price))
        })
        .decimal("ListUnitPrice", |row| {
            Some(row.priced.as_ref()?.list_unit_price)
        })
        .word("PricingCategory", |row| {
            row.priced.as_ref().map(|_| "Standard")
        })
        .text("PricingCurrency", |row| Some(row.charge.currency.clone()))
        .decimal("PricingQuantity", quantity)
        .word("PricingUnit", unit)
        .table()
}

fn resource_columns(rows: &[FocusRow<'_>], topology: &Topology) -> Table {
    let accounts = AccountNames(topology);
    let none = |_: &FocusRow<'_>| None::<Text>;
    let account = |row: &FocusRow<'_>| row.charge.account_id.clone();
    let place = TableBuilder::new("", rows)
        .word("ProviderName", |_| Some(AWS))
        .word("PublisherName", |_| Some(AWS))
        .text("RegionId", |row| row.region().map(Text::from))
        .text("RegionName", |row| {
            Some(Text::from(region::name(row.region()?)))
        })
        .text("ResourceId", FocusRow::resource)
        .text("ResourceName", |row| {
            row.resource().and(row.charge.work_group.clone())
        })
        .word("ResourceType", |row| {
            row.resource().map(|_| "Athena WorkGroup")
        });
    place
        .word("ServiceCategory", |_| Some("Analytics"))
        .word("ServiceName", |_| Some("Amazon Athena"))
        .word("ServiceSubcategory", |_| Some("Data Processing"))
        .text("SkuId", |row| Some(row.priced.as_ref()?.sku_id.clone()))
        .word("SkuMeter", |row| row.priced.as_ref().map(|_| METER))
        .text("SkuPriceDetails", none)
        .text("SkuPriceId", |row| {
            Some(row.priced.as_ref()?.sku_price_id.clone())
        })
        .text("SubAccountId", account)
        .text("SubAccountName", |row| {
            row.charge.account_id.as_ref().map(|id| accounts.name(id))
        })
        .word("SubAccountType", |row| {
            row.charge.account_id.as_ref().map(|_| "AWS account")
        })
        .text("Tags", |row| accounts.tags(row.charge))
        .table()
}

fn own_columns(rows: &[FocusRow<'_>], topology: &Topology) -> Table {
    let accounts = AccountNames(topology);
    TableBuilder::new("", rows)
        .text("x_BusinessUnit", |row| accounts.business_unit(row.charge))
        .text("x_CostCenter", |row| accounts.cost_center(row.charge))
        .text("x_DataSourceArn", |row| row.charge.data_source_arn.clone())
        .text("x_QuickUser", |row| row.charge.quick_user.clone())
        .text("x_Origin", |row| row.charge.origin.clone())
        .word("x_Share", |row| Some(row.charge.share.as_str()))
        .integer("x_QueryCount", |row| Some(row.charge.figures.query_count))
        .decimal("x_EstimatedCostUsd", |row| {
            let figures = &row.charge.figures;
            figures
                .estimated_cost_usd
                .filter(|_| figures.query_count > 0)
        })
        .word("x_UsageType", |_| Some(METER))
        .boolean("x_IsEstimated", |row| Some(row.charge.is_estimated))
        .word("x_FocusVersion", |_| Some(FOCUS_VERSION))
        .table()
}
