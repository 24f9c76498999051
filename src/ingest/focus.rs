//! FOCUS 1.x, the `FinOps` Open Cost and Usage Specification
//! (docs/cloudtrail-facts.md#apis-and-bills).

use super::bill_error::BillError;
use super::bill_rows::{BillFormat, ColumnPositions, payer_of, read_rows, sign_column, sku_of};
use super::bill_values::{self as values, currency};
use super::file_lines::FileLines;
use super::rows::{EndOfRows, ExportRow, Rows, find};
use super::scope::Scope;
use super::shape::{LineEnd, RowShape, UsageColumns};
use crate::model::bill::{BillKind, BillPeriod, BilledFor, ChargeCategory, CostMetric, LineKey};
use crate::model::ids::{AccountId, Region};
use crate::model::region;
use crate::model::text::Text;

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
    Provider,
    PayerName,
    Sku,
    SkuPrice,
}

const COLUMNS: [&[&str]; 22] = [
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
    &["ProviderName", "ServiceProviderName", "Provider"],
    &["BillingAccountName"],
    &["SkuId"],
    &["SkuPriceId"],
];

/// The number of required columns.
const NEEDED: usize = 6;

/// Returns true if columns of these names are of FOCUS data.
pub(super) fn is_focus(names: &[String]) -> bool {
    let known = find(names, &[&["BilledCost"], &["ChargePeriodStart"]]);
    known.iter().all(Option::is_some)
}

/// Reads FOCUS data.
pub(super) fn read(
    name: &str,
    rows: Rows<'_>,
    metric: CostMetric,
    scope: &Scope,
    into: &mut FileLines,
) -> Result<EndOfRows, BillError> {
    let mut columns = COLUMNS;
    columns[FocusColumn::Cost as usize] = match metric {
        CostMetric::Unblended | CostMetric::NetUnblended => &["BilledCost"],
        CostMetric::Amortized | CostMetric::NetAmortized => &["EffectiveCost"],
        CostMetric::Blended => &[],
    };
    let columns = ColumnPositions::find(KIND, rows.names(), &columns, NEEDED)?;
    let format = FocusFormat {
        has_invoice: columns.has(FocusColumn::InvoiceId as usize),
    };
    Ok(read_rows(name, rows, &columns, &format, scope, into)?)
}

struct FocusFormat {
    has_invoice: bool,
}

fn need<'r>(row: &'r ExportRow<'_>, of: FocusColumn, what: &str) -> Result<&'r str, String> {
    row.get(of as usize).ok_or_else(|| format!("no {what}"))
}

fn is_athena(service: &str) -> bool {
    matches!(service, "Amazon Athena" | "AmazonAthena")
}

/// The usage type: `AWS` gives it in a column of its own, else it is the meter.
fn usage_type<'r>(row: &'r ExportRow<'_>) -> Option<&'r str> {
    row.get(FocusColumn::UsageType as usize)
        .or_else(|| row.get(FocusColumn::SkuMeter as usize))
}

/// Units in a terabyte; `None` for a unit that is none of bytes.
fn per_terabyte(unit: &str) -> Option<i64> {
    // Units of a thousand and of 1024 are both meant by what AWS writes.
    Some(match unit.to_ascii_lowercase().as_str() {
        "tb" | "terabyte" | "terabytes" | "tib" => 1,
        "gb" | "gigabyte" | "gigabytes" => 1000,
        "gib" => 1024,
        "mb" | "megabyte" | "megabytes" => 1_000_000,
        "mib" => 1 << 20,
        "b" | "byte" | "bytes" => 1_000_000_000_000,
        _ => return None,
    })
}

/// The purpose of an Athena charge: by its usage type, else by the unit of its quantity.
fn athena_purpose(
    row: &ExportRow<'_>,
    usage_type: Option<&str>,
    terabytes: &[(usize, i64)],
) -> BilledFor {
    let units = [FocusColumn::Unit, FocusColumn::PricingUnit];
    let is_of_hours = |unit: &str| {
        let unit = unit.to_ascii_lowercase();
        ["hour", "hrs", "dpu"]
            .iter()
            .any(|part| unit.contains(part))
    };
    let mut units = units.into_iter().filter_map(|unit| row.get(unit as usize));
    match usage_type {
        Some(usage_type) if values::is_capacity(usage_type) => BilledFor::AthenaOther,
        _ if !terabytes.is_empty() => BilledFor::AthenaScan,
        None if units.any(is_of_hours) => BilledFor::AthenaOther,
        usage_type => values::athena(usage_type),
    }
}

/// The consumed or else the pricing quantity, where it is a number of bytes.
fn quantity_columns(row: &ExportRow<'_>) -> Vec<(usize, i64)> {
    let pairs = [
        (FocusColumn::Quantity, FocusColumn::Unit),
        (FocusColumn::PricingQuantity, FocusColumn::PricingUnit),
    ];
    let columns = pairs.into_iter().filter_map(|(quantity, unit)| {
        let at = quantity as usize;
        row.get(at)?;
        Some((at, per_terabyte(row.get(unit as usize)?)?))
    });
    columns.collect()
}

impl BillFormat for FocusFormat {
    fn sign(&self, row: &ExportRow<'_>, sign: &mut Vec<u8>) {
        for column in [
            FocusColumn::Service,
            FocusColumn::Category,
            FocusColumn::Currency,
        ] {
            sign_column(row, column as usize, sign);
        }
        let has = |column: FocusColumn| row.get(column as usize).is_some();
        sign.push(u8::from(has(FocusColumn::InvoiceId)));
        if row
            .get(FocusColumn::Service as usize)
            .is_some_and(is_athena)
        {
            for column in [
                FocusColumn::UsageType,
                FocusColumn::SkuMeter,
                FocusColumn::Resource,
                FocusColumn::Region,
                FocusColumn::Unit,
                FocusColumn::PricingUnit,
            ] {
                sign_column(row, column as usize, sign);
            }
            let quantities = [FocusColumn::Quantity, FocusColumn::PricingQuantity];
            sign.extend(quantities.map(|column| u8::from(has(column))));
        }
    }

    fn account<'r>(&self, row: &'r ExportRow<'_>) -> Result<&'r str, String> {
        row.get(FocusColumn::Account as usize)
            .or_else(|| row.get(FocusColumn::BillingAccount as usize))
            .ok_or_else(|| "no SubAccountId".to_owned())
    }

    fn period<'r>(&self, row: &'r ExportRow<'_>) -> Result<(&'r str, Option<&'r str>), String> {
        let start = need(row, FocusColumn::Start, "ChargePeriodStart")?;
        Ok((start, row.get(FocusColumn::End as usize)))
    }

    fn is_of_other_provider(&self, row: &ExportRow<'_>) -> bool {
        let provider = row.get(FocusColumn::Provider as usize);
        provider.is_some_and(|name| !name.contains("AWS") && !name.contains("Amazon"))
    }

    fn shape(
        &self,
        row: &ExportRow<'_>,
        account_id: AccountId,
        period: BillPeriod,
    ) -> Result<RowShape, String> {
        let service = need(row, FocusColumn::Service, "ServiceName")?;
        let category = match need(row, FocusColumn::Category, "ChargeCategory")? {
            "Usage" => ChargeCategory::Usage,
            "Tax" => ChargeCategory::Tax,
            "Credit" => ChargeCategory::Credit,
            "Adjustment" => ChargeCategory::Refund,
            _ => ChargeCategory::Other,
        };
        let is_athena = is_athena(service);
        let usage_type = usage_type(row);
        let columns = quantity_columns(row);
        let billed_for = if is_athena {
            athena_purpose(row, usage_type, &columns)
        } else {
            BilledFor::Service(values::service_name(service).into())
        };
        let is_scan = billed_for == BilledFor::AthenaScan;
        let usage = UsageColumns {
            columns: if is_scan { columns } else { Vec::new() },
            is_strict: false,
        };
        let resource = row
            .get(FocusColumn::Resource as usize)
            .filter(|_| is_athena);
        let told_region = row
            .get(FocusColumn::Region as usize)
            .filter(|region| region::is_region_name(region));
        let usage_type = usage_type.filter(|_| is_athena && told_region.is_none());
        let region = told_region.or_else(|| values::region_of(usage_type?));
        let work_group = resource.and_then(|arn| Some(arn.rsplit_once("workgroup/")?.1));
        let work_group = work_group.filter(|name| !name.is_empty());
        let told_currency = row.get(FocusColumn::Currency as usize).map(currency);
        Ok(RowShape {
            key: LineKey {
                kind: BillKind::Focus,
                account_id,
                period,
                billed_for,
                category,
                region: region.filter(|_| is_athena).map(Region::from),
                work_group: work_group.map(Text::from),
                currency: told_currency.transpose()?.unwrap_or_default(),
            },
            is_estimated: self.has_invoice && row.get(FocusColumn::InvoiceId as usize).is_none(),
            end: LineEnd::Told,
            cost: Some(FocusColumn::Cost as usize),
            may_be_blank: false,
            usage,
            account_name: row
                .get(FocusColumn::AccountName as usize)
                .map(str::to_owned),
            payer: payer_of(
                row,
                FocusColumn::BillingAccount as usize,
                FocusColumn::PayerName as usize,
            ),
            sku: sku_of(
                row,
                FocusColumn::Sku as usize,
                FocusColumn::SkuPrice as usize,
            )
            .filter(|_| is_scan),
            unknown_prefix: usage_type
                .and_then(values::unknown_prefix)
                .map(str::to_owned),
        })
    }
}
