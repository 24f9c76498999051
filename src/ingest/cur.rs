//! Cost and Usage Reports, legacy and 2.0 (docs/cloudtrail-facts.md#apis-and-bills).

use super::bill_error::BillError;
use super::bill_rows::{BillFormat, ColumnPositions, payer_of, read_rows, sign_column, sku_of};
use super::bill_values::{self as values, currency};
use super::file_lines::FileLines;
use super::rows::{EndOfRows, ExportRow, Rows, bare};
use super::scope::Scope;
use super::shape::{LineEnd, RowShape, UsageColumns};
use crate::model::bill::{BillKind, BillPeriod, BilledFor, ChargeCategory, CostMetric, LineKey};
use crate::model::ids::{AccountId, Region};
use crate::model::region;
use crate::model::text::Text;

const KIND: &str = "a Cost and Usage Report";

/// Returns true if columns of these names are of a Cost and Usage Report: legacy
/// (`lineItem/UsageAccountId`), 2.0 (`line_item_usage_account_id`), or as Redshift has them.
pub(super) fn is_cur(names: &[String]) -> bool {
    names.iter().any(|name| bare(name).starts_with("lineitem"))
}

#[derive(Clone, Copy)]
enum CurColumn {
    Account,
    Start,
    Product,
    UsageType,
    LineType,
    Cost,
    End,
    AccountName,
    Resource,
    UsageAmount,
    Currency,
    TimeInterval,
    InvoiceId,
    Region,
    SavingsPlanCost,
    ReservationCost,
    Payer,
    PayerName,
    Sku,
    SkuPrice,
}

/// In the order of [`CurColumn`], by the names of 2.0.
const COLUMNS: [&[&str]; 20] = [
    &["line_item_usage_account_id"],
    &["line_item_usage_start_date"],
    &["line_item_product_code"],
    &["line_item_usage_type"],
    &["line_item_line_item_type"],
    &["line_item_unblended_cost"],
    &["line_item_usage_end_date"],
    &["line_item_usage_account_name"],
    &["line_item_resource_id"],
    &["line_item_usage_amount"],
    &["line_item_currency_code"],
    &["identity_time_interval"],
    &["bill_invoice_id"],
    &["product_region_code", "product_region"],
    &["savings_plan_savings_plan_effective_cost"],
    &["reservation_effective_cost"],
    &["bill_payer_account_id"],
    &["bill_payer_account_name"],
    &["product_sku"],
    &["pricing_rate_code"],
];

/// The number of required columns.
const NEEDED: usize = 6;

fn cost_column(metric: CostMetric) -> &'static [&'static str] {
    match metric {
        CostMetric::Unblended | CostMetric::Amortized => &["line_item_unblended_cost"],
        CostMetric::Blended => &["line_item_blended_cost"],
        CostMetric::NetUnblended | CostMetric::NetAmortized => &["line_item_net_unblended_cost"],
    }
}

fn net_or_gross(metric: CostMetric, at: usize) -> &'static [&'static str] {
    let is_net = metric == CostMetric::NetAmortized;
    match (at == CurColumn::SavingsPlanCost as usize, is_net) {
        (true, true) => &["savings_plan_net_savings_plan_effective_cost"],
        (true, false) => COLUMNS[CurColumn::SavingsPlanCost as usize],
        (false, true) => &["reservation_net_effective_cost"],
        (false, false) => COLUMNS[CurColumn::ReservationCost as usize],
    }
}

/// Reads a report.
pub(super) fn read(
    name: &str,
    rows: Rows<'_>,
    metric: CostMetric,
    scope: &Scope,
    into: &mut FileLines,
) -> Result<EndOfRows, BillError> {
    let mut columns = COLUMNS;
    columns[CurColumn::Cost as usize] = cost_column(metric);
    for at in [
        CurColumn::SavingsPlanCost as usize,
        CurColumn::ReservationCost as usize,
    ] {
        columns[at] = net_or_gross(metric, at);
    }
    let columns = ColumnPositions::find(KIND, rows.names(), &columns, NEEDED)?;
    let format = CurFormat {
        metric,
        has_invoice: columns.has(CurColumn::InvoiceId as usize),
    };
    Ok(read_rows(name, rows, &columns, &format, scope, into)?)
}

struct CurFormat {
    metric: CostMetric,
    has_invoice: bool,
}

fn need<'r>(row: &'r ExportRow<'_>, of: CurColumn, what: &str) -> Result<&'r str, String> {
    row.get(of as usize).ok_or_else(|| format!("no {what}"))
}

fn is_athena(product: &str) -> bool {
    product == "AmazonAthena"
}

impl BillFormat for CurFormat {
    fn sign(&self, row: &ExportRow<'_>, sign: &mut Vec<u8>) {
        for column in [CurColumn::Product, CurColumn::LineType, CurColumn::Currency] {
            sign_column(row, column as usize, sign);
        }
        sign.push(u8::from(row.get(CurColumn::InvoiceId as usize).is_some()));
        if row.get(CurColumn::Product as usize).is_some_and(is_athena) {
            for column in [CurColumn::UsageType, CurColumn::Resource, CurColumn::Region] {
                sign_column(row, column as usize, sign);
            }
        }
    }

    fn account<'r>(&self, row: &'r ExportRow<'_>) -> Result<&'r str, String> {
        need(row, CurColumn::Account, "usage account id")
    }

    fn period<'r>(&self, row: &'r ExportRow<'_>) -> Result<(&'r str, Option<&'r str>), String> {
        let start = need(row, CurColumn::Start, "usage start date")?;
        let interval = row.get(CurColumn::TimeInterval as usize);
        let end = row
            .get(CurColumn::End as usize)
            .or_else(|| Some(interval?.split_once('/')?.1));
        Ok((start, end))
    }

    fn is_of_other_provider(&self, _: &ExportRow<'_>) -> bool {
        false
    }

    fn shape(
        &self,
        row: &ExportRow<'_>,
        account_id: AccountId,
        period: BillPeriod,
    ) -> Result<RowShape, String> {
        let product = need(row, CurColumn::Product, "product code")?;
        let line_type = need(row, CurColumn::LineType, "line item type")?;
        let usage_type = row.get(CurColumn::UsageType as usize);
        let is_athena = is_athena(product);
        let billed_for = if is_athena {
            values::athena(usage_type)
        } else {
            BilledFor::Service(values::service_name(product).into())
        };
        // Discount lines repeat the usage they are a discount on.
        let billed_scan = billed_for == BilledFor::AthenaScan;
        let is_quantity = billed_scan && is_usage(line_type);
        let usage = UsageColumns {
            columns: is_quantity
                .then_some((CurColumn::UsageAmount as usize, 1))
                .into_iter()
                .collect(),
            is_strict: true,
        };
        let resource = row.get(CurColumn::Resource as usize).filter(|_| is_athena);
        let told_region = resource
            .and_then(|arn| arn.split(':').nth(3))
            .or_else(|| row.get(CurColumn::Region as usize))
            .filter(|region| region::is_region_name(region));
        let usage_type = usage_type.filter(|_| is_athena && told_region.is_none());
        let region = told_region.or_else(|| values::region_of(usage_type?));
        let work_group = resource
            .and_then(|arn| arn.rsplit_once(":workgroup/"))
            .map(|(_, name)| name)
            .filter(|name| !name.is_empty());
        let told_currency = row.get(CurColumn::Currency as usize).map(currency);
        Ok(RowShape {
            key: LineKey {
                kind: BillKind::Cur,
                account_id,
                period,
                billed_for,
                category: category(line_type),
                region: region.filter(|_| is_athena).map(Region::from),
                work_group: work_group.map(Text::from),
                currency: told_currency.transpose()?.unwrap_or_default(),
            },
            is_estimated: self.has_invoice && row.get(CurColumn::InvoiceId as usize).is_none(),
            end: LineEnd::Told,
            cost: cost_of(self.metric, line_type).map(|column| column as usize),
            // AWS leaves the blended cost of discounts blank.
            may_be_blank: self.metric == CostMetric::Blended && is_discount(line_type),
            usage,
            account_name: row.get(CurColumn::AccountName as usize).map(str::to_owned),
            payer: payer_of(
                row,
                CurColumn::Payer as usize,
                CurColumn::PayerName as usize,
            ),
            sku: sku_of(row, CurColumn::Sku as usize, CurColumn::SkuPrice as usize)
                .filter(|_| billed_scan),
            unknown_prefix: usage_type
                .and_then(values::unknown_prefix)
                .map(str::to_owned),
        })
    }
}

fn is_usage(line_type: &str) -> bool {
    matches!(
        line_type,
        "Usage" | "SavingsPlanCoveredUsage" | "DiscountedUsage"
    )
}

fn is_discount(line_type: &str) -> bool {
    line_type.ends_with("Discount")
}

/// Discounts belong to the use they are given on; Cost Explorer counts them so.
fn category(line_type: &str) -> ChargeCategory {
    match line_type {
        "Tax" => ChargeCategory::Tax,
        "Credit" => ChargeCategory::Credit,
        "Refund" => ChargeCategory::Refund,
        usage if is_usage(usage) || is_discount(usage) => ChargeCategory::Usage,
        "SavingsPlanNegation" => ChargeCategory::Usage,
        _ => ChargeCategory::Other,
    }
}

/// The column of the cost of a line; `None` for nothing.
fn cost_of(metric: CostMetric, line_type: &str) -> Option<CurColumn> {
    let is_amortized = matches!(metric, CostMetric::Amortized | CostMetric::NetAmortized);
    match line_type {
        "SavingsPlanCoveredUsage" if is_amortized => Some(CurColumn::SavingsPlanCost),
        "DiscountedUsage" if is_amortized => Some(CurColumn::ReservationCost),
        "SavingsPlanNegation" if is_amortized => None,
        _ => Some(CurColumn::Cost),
    }
}
