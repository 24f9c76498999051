//! Cost and Usage Reports, legacy and 2.0 (docs/cloudtrail-facts.md#apis-and-bills).

use super::bill_lines::{BillError, BillLines, StatedLine};
use super::bill_rows::{ColumnPositions, CommonColumns, read_lines};
use super::bill_values as values;
use super::rows::{ExportRow, Rows};
use crate::model::bill::{BillKind, BilledFor, ChargeCategory, CostMetric, LineKey};
use crate::model::ids::Region;
use crate::model::region;
use crate::model::text::Text;
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};

const KIND: &str = "a Cost and Usage Report";

/// `lineItem/UsageAccountId` as `line_item_usage_account_id`.
fn modern(name: &str) -> String {
    let mut modern = String::with_capacity(name.len() + 8);
    let mut previous = '_';
    for letter in name.chars() {
        if letter == '/' {
            modern.push('_');
            previous = '_';
            continue;
        }
        if letter.is_ascii_uppercase() && previous != '_' && !previous.is_ascii_uppercase() {
            modern.push('_');
        }
        modern.push(letter.to_ascii_lowercase());
        previous = letter;
    }
    modern
}

/// Returns true if columns of these names are of a Cost and Usage Report.
pub(super) fn is_cur(names: &[String]) -> bool {
    names
        .iter()
        .any(|name| modern(name).starts_with("line_item_"))
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
    LineItemId,
    TimeInterval,
    InvoiceId,
    Region,
    SavingsPlanCost,
    ReservationCost,
}

const COLUMNS: [&[&str]; 17] = [
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
    &["identity_line_item_id"],
    &["identity_time_interval"],
    &["bill_invoice_id"],
    &["product_region_code", "product_region"],
    &["savings_plan_savings_plan_effective_cost"],
    &["reservation_effective_cost"],
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
pub(super) fn read(name: &str, rows: Rows<'_>, into: &mut BillLines) -> Result<(), BillError> {
    let names: Vec<String> = rows.names().iter().map(|name| modern(name)).collect();
    let metric = into.metric;
    let mut columns = COLUMNS;
    columns[CurColumn::Cost as usize] = cost_column(metric);
    for at in [
        CurColumn::SavingsPlanCost as usize,
        CurColumn::ReservationCost as usize,
    ] {
        columns[at] = net_or_gross(metric, at);
    }
    let columns = ColumnPositions::find(KIND, &names, &columns, NEEDED)?;
    let has_invoice = columns.has(CurColumn::InvoiceId as usize);
    read_lines(
        name,
        rows,
        &columns,
        into,
        CommonColumns {
            account_name: CurColumn::AccountName as usize,
            start: CurColumn::Start as usize,
        },
        |row, into| {
            let item = item(row);
            if item.is_some_and(|item| into.items_seen.contains(&item)) {
                return Ok(None);
            }
            let line = line(row, metric, has_invoice)?;
            into.items_seen.extend(item);
            Ok(Some(line))
        },
    )
}

/// Returns the key that tells a line item from all others, if it has an id.
fn item(row: &ExportRow<'_>) -> Option<[u8; 16]> {
    let id = row.get(CurColumn::LineItemId as usize)?;
    let interval = row
        .get(CurColumn::TimeInterval as usize)
        .unwrap_or_default();
    let line_type = row.get(CurColumn::LineType as usize).unwrap_or_default();
    let digest = Sha256::new()
        .chain_update(id)
        .chain_update([0])
        .chain_update(interval)
        .chain_update([0])
        .chain_update(line_type)
        .finalize();
    let mut short = [0; 16];
    short.copy_from_slice(&digest[..16]);
    Some(short)
}

fn line(row: &ExportRow<'_>, metric: CostMetric, has_invoice: bool) -> Result<StatedLine, String> {
    let need = |of: CurColumn, what: &str| row.get(of as usize).ok_or(format!("no {what}"));
    let account = need(CurColumn::Account, "usage account id")?;
    let start = need(CurColumn::Start, "usage start date")?;
    let product = need(CurColumn::Product, "product code")?;
    let line_type = need(CurColumn::LineType, "line item type")?;
    let usage_type = row.get(CurColumn::UsageType as usize);
    let period = values::period(start, row.get(CurColumn::End as usize))
        .ok_or("the usage dates are not a period")?;
    let cost = cost_of(row, metric, line_type)?;
    let category = category(line_type);
    let is_athena = product == "AmazonAthena";
    let billed_for = if is_athena {
        values::athena(usage_type)
    } else {
        BilledFor::Service(values::service_name(product).into())
    };
    // Discount lines repeat the usage they are a discount on.
    let is_quantity = billed_for == BilledFor::AthenaScan && is_usage(line_type);
    let terabytes = if is_quantity {
        match row.get(CurColumn::UsageAmount as usize) {
            Some(text) => Some(
                values::terabytes(text, row.is_binary(CurColumn::UsageAmount as usize))
                    .ok_or("the usage amount is not a number")?,
            ),
            None => None,
        }
    } else {
        None
    };
    let resource = row.get(CurColumn::Resource as usize).filter(|_| is_athena);
    let region = resource
        .and_then(|arn| arn.split(':').nth(3))
        .or_else(|| row.get(CurColumn::Region as usize))
        .filter(|region| region::is_region_name(region))
        .or_else(|| region::of_usage_type(usage_type?));
    let work_group = resource
        .and_then(|arn| arn.rsplit_once(":workgroup/"))
        .map(|(_, name)| name);
    Ok(StatedLine {
        key: LineKey {
            kind: BillKind::Cur,
            account_id: account.into(),
            period,
            billed_for,
            category,
            region: region.filter(|_| is_athena).map(Region::from),
            work_group: work_group.map(Text::from),
            currency: row
                .get(CurColumn::Currency as usize)
                .unwrap_or("USD")
                .into(),
        },
        cost,
        terabytes,
        is_estimated: has_invoice && row.get(CurColumn::InvoiceId as usize).is_none(),
    })
}

fn is_usage(line_type: &str) -> bool {
    matches!(
        line_type,
        "Usage" | "SavingsPlanCoveredUsage" | "DiscountedUsage"
    )
}

/// Discounts belong to the use they are given on; Cost Explorer counts them so.
fn category(line_type: &str) -> ChargeCategory {
    match line_type {
        "Tax" => ChargeCategory::Tax,
        "Credit" => ChargeCategory::Credit,
        "Refund" => ChargeCategory::Refund,
        usage if is_usage(usage) || usage.ends_with("Discount") => ChargeCategory::Usage,
        "SavingsPlanNegation" => ChargeCategory::Usage,
        _ => ChargeCategory::Other,
    }
}

fn cost_of(row: &ExportRow<'_>, metric: CostMetric, line_type: &str) -> Result<Decimal, String> {
    let is_amortized = matches!(metric, CostMetric::Amortized | CostMetric::NetAmortized);
    let column = match line_type {
        "SavingsPlanCoveredUsage" if is_amortized => CurColumn::SavingsPlanCost,
        "DiscountedUsage" if is_amortized => CurColumn::ReservationCost,
        "SavingsPlanNegation" if is_amortized => return Ok(Decimal::ZERO),
        _ => CurColumn::Cost,
    };
    let text = row.get(column as usize).ok_or("no cost")?;
    values::cost(text, row.is_binary(column as usize))
        .ok_or_else(|| "the cost is not a decimal that fits".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legacy_names_are_read_as_modern_ones() {
        for (legacy, wanted) in [
            ("lineItem/UsageAccountId", "line_item_usage_account_id"),
            ("identity/LineItemId", "identity_line_item_id"),
            ("product/region", "product_region"),
            ("line_item_usage_type", "line_item_usage_type"),
        ] {
            assert_eq!(modern(legacy), wanted);
        }
    }
}
