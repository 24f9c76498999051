//! FOCUS 1.x, the `FinOps` Open Cost and Usage Specification
//! (docs/cloudtrail-facts.md#apis-and-bills).

use super::bill_lines::{BillError, BillLines, StatedLine};
use super::bill_rows::{ColumnPositions, CommonColumns, read_lines};
use super::bill_values as values;
use super::rows::{ExportRow, Rows, find};
use crate::model::bill::{BillKind, BilledFor, ChargeCategory, CostMetric, LineKey};
use crate::model::ids::Region;
use crate::model::region;
use crate::model::text::Text;
use rust_decimal::Decimal;

const KIND: &str = "FOCUS data";

#[derive(Clone, Copy)]
enum FocusColumn {
    Cost,
    Currency,
    Category,
    Start,
    End,
    Service,
    Account,
    BillingAccount,
    AccountName,
    Region,
    Resource,
    Quantity,
    Unit,
    PricingQuantity,
    PricingUnit,
    UsageType,
    SkuMeter,
    InvoiceId,
}

const COLUMNS: [&[&str]; 18] = [
    &["BilledCost"],
    &["BillingCurrency"],
    &["ChargeCategory", "ChargeType"],
    &["ChargePeriodStart"],
    &["ChargePeriodEnd"],
    &["ServiceName"],
    &["SubAccountId"],
    &["BillingAccountId"],
    &["SubAccountName"],
    &["RegionId", "Region"],
    &["ResourceId"],
    &["ConsumedQuantity"],
    &["ConsumedUnit"],
    &["PricingQuantity"],
    &["PricingUnit"],
    &["x_UsageType"],
    &["SkuMeter"],
    &["InvoiceId"],
];

/// The number of required columns.
const NEEDED: usize = 6;

/// Returns true if columns of these names are of FOCUS data.
pub(super) fn is_focus(names: &[String]) -> bool {
    let known = find(names, &[&["BilledCost"], &["ChargePeriodStart"]]);
    known.iter().all(Option::is_some)
}

/// Reads FOCUS data.
pub(super) fn read(name: &str, rows: Rows<'_>, into: &mut BillLines) -> Result<(), BillError> {
    let mut columns = COLUMNS;
    columns[FocusColumn::Cost as usize] = match into.metric {
        CostMetric::Unblended | CostMetric::NetUnblended => &["BilledCost"],
        CostMetric::Amortized | CostMetric::NetAmortized => &["EffectiveCost"],
        CostMetric::Blended => &[],
    };
    let columns = ColumnPositions::find(KIND, rows.names(), &columns, NEEDED)?;
    let has_invoice = columns.has(FocusColumn::InvoiceId as usize);
    read_lines(
        name,
        rows,
        &columns,
        into,
        CommonColumns {
            account_name: FocusColumn::AccountName as usize,
            start: FocusColumn::Start as usize,
        },
        |row, _| line(row, has_invoice).map(Some),
    )
}

/// Terabytes, from the consumed or else the pricing quantity and its own unit;
/// `None` in a unit that is none of bytes.
fn quantity(row: &ExportRow<'_>) -> Option<Decimal> {
    let pairs = [
        (FocusColumn::Quantity, FocusColumn::Unit),
        (FocusColumn::PricingQuantity, FocusColumn::PricingUnit),
    ];
    pairs.into_iter().find_map(|(quantity, unit)| {
        let at = quantity as usize;
        let quantity = values::terabytes(row.get(at)?, row.is_binary(at))?;
        // Units of a thousand and of 1024 are both meant by what AWS writes.
        let per_terabyte = match row.get(unit as usize)?.to_ascii_lowercase().as_str() {
            "tb" | "terabyte" | "terabytes" | "tib" => 1,
            "gb" | "gigabyte" | "gigabytes" => 1000,
            "gib" => 1024,
            "mb" | "megabyte" | "megabytes" => 1_000_000,
            "mib" => 1 << 20,
            "b" | "byte" | "bytes" => 1_000_000_000_000_i64,
            _ => return None,
        };
        quantity.checked_div(Decimal::from(per_terabyte))
    })
}

fn line(row: &ExportRow<'_>, has_invoice: bool) -> Result<StatedLine, String> {
    let need = |of: FocusColumn, what: &str| row.get(of as usize).ok_or(format!("no {what}"));
    let account = row
        .get(FocusColumn::Account as usize)
        .or_else(|| row.get(FocusColumn::BillingAccount as usize))
        .ok_or("no SubAccountId")?;
    let start = need(FocusColumn::Start, "ChargePeriodStart")?;
    let period = values::period(start, row.get(FocusColumn::End as usize))
        .ok_or("the charge period is not a period")?;
    let cost = need(FocusColumn::Cost, "cost")?;
    let cost = values::cost(cost, row.is_binary(FocusColumn::Cost as usize))
        .ok_or("the cost is not a decimal that fits")?;
    let service = need(FocusColumn::Service, "ServiceName")?;
    let category = match need(FocusColumn::Category, "ChargeCategory")? {
        "Usage" => ChargeCategory::Usage,
        "Tax" => ChargeCategory::Tax,
        "Credit" => ChargeCategory::Credit,
        "Adjustment" => ChargeCategory::Refund,
        _ => ChargeCategory::Other,
    };
    let is_athena = matches!(service, "Amazon Athena" | "AmazonAthena");
    let usage_type = row
        .get(FocusColumn::UsageType as usize)
        .or_else(|| row.get(FocusColumn::SkuMeter as usize));
    let quantity = quantity(row);
    let billed_for = match (is_athena, usage_type) {
        (false, _) => BilledFor::Service(values::service_name(service).into()),
        (true, Some(usage_type)) if values::is_scan(usage_type) => BilledFor::AthenaScan,
        (true, _) if quantity.is_some() => BilledFor::AthenaScan,
        (true, usage_type) => values::athena(usage_type),
    };
    let terabytes = quantity.filter(|_| billed_for == BilledFor::AthenaScan);
    let resource = row
        .get(FocusColumn::Resource as usize)
        .filter(|_| is_athena);
    let region = row
        .get(FocusColumn::Region as usize)
        .filter(|region| region::is_region_name(region))
        .or_else(|| region::of_usage_type(usage_type?));
    let work_group = resource.and_then(|arn| Some(arn.rsplit_once("workgroup/")?.1));
    Ok(StatedLine {
        key: LineKey {
            kind: BillKind::Focus,
            account_id: account.into(),
            period,
            billed_for,
            category,
            region: region.filter(|_| is_athena).map(Region::from),
            work_group: work_group.map(Text::from),
            currency: need(FocusColumn::Currency, "BillingCurrency")?.into(),
        },
        cost,
        terabytes,
        is_estimated: has_invoice && row.get(FocusColumn::InvoiceId as usize).is_none(),
    })
}
