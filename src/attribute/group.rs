//! Charges grouped by what was asked for.

use super::billed_queries::BilledQueries;
use super::by_read::{ChargePart, parts};
use super::frame::{Codes, read_all_codes, read_known_sums, sums_with_known, units_column};
use super::price::ESTIMATE_SCALE;
use super::split::AttributeError;
use crate::model::charge::{
    Attribution, Billed, Charge, Chargeback, ChargebackRow, Dimension, Figures, NONE, OWN,
    OtherServiceCharge, OtherServiceRow, Share, UNALLOCATED, UNKNOWN, UNMAPPED,
};
use crate::model::ids::{AccountId, DataSourceArn};
use crate::model::money::{add, amount, units};
use crate::model::text::Text;
use crate::model::time::UtcDay;
use crate::model::topology::Topology;
use polars::prelude::*;
use rust_decimal::Decimal;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Groups charges. `topology` names business units; `queries` are those that were charged: they tell
/// what they read, if the charges are to be grouped by that.
///
/// # Errors
///
/// When the program is at fault.
pub fn chargeback(
    attribution: &Attribution,
    queries: &BilledQueries,
    by: &[Dimension],
    topology: &Topology,
) -> Result<Chargeback, AttributeError> {
    let charges = whole(&attribution.charges);
    let by_read = by.iter().any(|dimension| dimension.is_of_reads());
    let parts = if by_read {
        parts(attribution, queries, by)
    } else {
        charges.clone()
    };
    Ok(Chargeback {
        by: by.to_vec(),
        rows: rows(&parts, by, topology)?,
        totals: rows(&charges, &[], topology)?,
        other_services: other_services(&attribution.other_services, by, topology),
    })
}

/// Charges that are not split.
fn whole(charges: &[Charge]) -> Vec<ChargePart<'_>> {
    let whole = charges.iter().map(|charge| ChargePart {
        charge: Cow::Borrowed(charge),
        table: UNKNOWN.into(),
        producer: UNKNOWN.into(),
    });
    whole.collect()
}

/// Returns the value that a charge's group has for a dimension.
fn value(part: &ChargePart<'_>, dimension: Dimension, topology: &Topology) -> Text {
    let charge = &*part.charge;
    let unless =
        |known: Option<&Text>, missing: &str| known.cloned().unwrap_or_else(|| Text::from(missing));
    let is_rest = charge.share == Share::Unallocated;
    if charge.is_for_own_queries() && dimension != Dimension::Day {
        return OWN.into();
    }
    match dimension {
        Dimension::BusinessUnit => unless(unit(charge.account_id.as_ref(), topology), UNMAPPED),
        Dimension::Consumer => unless(charge.account_id.as_ref().map(AccountId::text), UNKNOWN),
        Dimension::Day => charge.period.to_string().into(),
        Dimension::WorkGroup | Dimension::DataSource | Dimension::User | Dimension::Origin
            if is_rest =>
        {
            let told = (dimension == Dimension::WorkGroup).then_some(charge.work_group.as_ref());
            unless(told.flatten(), UNALLOCATED)
        }
        Dimension::Table => part.table.clone(),
        Dimension::Producer => part.producer.clone(),
        Dimension::WorkGroup => unless(charge.work_group.as_ref(), UNKNOWN),
        Dimension::Origin => unless(charge.origin.as_ref(), UNKNOWN),
        Dimension::User => unless(charge.quick_user.as_ref(), missing(charge.share)),
        Dimension::DataSource => unless(
            charge.data_source_arn.as_ref().map(DataSourceArn::text),
            missing(charge.share),
        ),
    }
}

/// What stands for a member of Quick that is not known: queries of others have none.
fn missing(share: Share) -> &'static str {
    match share {
        Share::Quick => UNKNOWN,
        Share::Other | Share::Unallocated => NONE,
    }
}

fn unit<'a>(account_id: Option<&AccountId>, topology: &'a Topology) -> Option<&'a Text> {
    topology.business_unit(account_id?)
}

/// Names in brackets last, else by name.
fn group_order(group: &[Text]) -> Vec<(bool, Text)> {
    let with_rank = group
        .iter()
        .map(|name| (name.starts_with('('), name.clone()));
    with_rank.collect()
}

fn rows(
    charges: &[ChargePart<'_>],
    by: &[Dimension],
    topology: &Topology,
) -> Result<Vec<ChargebackRow>, AttributeError> {
    if charges.is_empty() {
        return Ok(Vec::new());
    }
    let mut codes = Codes::default();
    let names: Vec<String> = (0..by.len()).map(|index| format!("group{index}")).collect();
    let mut columns = Vec::new();
    for (dimension, name) in by.iter().zip(&names) {
        let values = charges
            .iter()
            .map(|charge| value(charge, *dimension, topology));
        let values: Vec<u32> = values.map(|value| codes.code(Some(&value))).collect();
        columns.push(Column::new(name.as_str().into(), values));
    }
    let currencies = charges
        .iter()
        .map(|part| codes.code(Some(&part.charge.currency)));
    let currencies: Vec<u32> = currencies.collect();
    columns.push(Column::new("currency".into(), currencies));
    let scale = charges.iter().filter_map(|part| part.charge.billed_cost);
    let scale = scale.map(|cost| cost.scale()).max().unwrap_or_default();
    columns.extend(sums_columns(charges, scale)?);
    let mut keys: Vec<Expr> = names.iter().map(|name| col(name.as_str())).collect();
    keys.push(col("currency"));
    let grouped = DataFrame::new_infer_height(columns)?
        .lazy()
        .group_by(keys)
        .agg(sums_with_known(&SUMS))
        .collect()?;
    let mut rows = read_rows(&grouped, &names, &codes, scale)?;
    let days = estimated_days(charges, by, topology);
    for row in &mut rows {
        let key = (row.group.clone(), row.currency.clone());
        row.estimated_days = days.get(&key).map_or(0, |days| days.len() as u64);
    }
    rows.sort_by_key(|row| (group_order(&row.group), row.currency.clone()));
    Ok(rows)
}

/// The summed columns: figures of queries, then shares of the bill.
const SUMS: [&str; 9] = [
    "queries",
    "unknown",
    "uncovered",
    "scanned",
    "billed",
    "estimate",
    "quick",
    "other",
    "unallocated",
];

fn sums_columns(charges: &[ChargePart<'_>], scale: u32) -> PolarsResult<Vec<Column>> {
    type Sum<'a> = Box<dyn Fn(&Charge) -> Option<i128> + 'a>;
    let has_queries = |charge: &Charge| charge.figures.query_count > 0;
    let share = move |wanted: Share| -> Sum<'_> {
        Box::new(move |charge: &Charge| {
            let cost = charge.billed_cost?;
            units(
                if charge.share == wanted {
                    cost
                } else {
                    Decimal::ZERO
                },
                scale,
            )
        })
    };
    let of: [Sum<'_>; 9] = [
        Box::new(|charge| Some(charge.figures.query_count.into())),
        Box::new(|charge| Some(charge.figures.queries_without_statistics.into())),
        Box::new(|charge| Some(charge.figures.queries_without_bill.into())),
        Box::new(move |charge| {
            let bytes = charge.figures.bytes_scanned.map(i128::from);
            bytes.filter(|_| has_queries(charge))
        }),
        Box::new(move |charge| {
            let bytes = charge.figures.bytes_billed.map(i128::from);
            bytes.filter(|_| has_queries(charge))
        }),
        Box::new(move |charge| {
            let cost = charge
                .figures
                .estimated_cost_usd
                .filter(|_| has_queries(charge));
            units(cost?, ESTIMATE_SCALE)
        }),
        share(Share::Quick),
        share(Share::Other),
        share(Share::Unallocated),
    ];
    let columns = SUMS.iter().zip(of);
    columns
        .map(|(name, of)| units_column(name, charges.iter().map(|part| of(&part.charge))))
        .collect()
}

fn read_rows(
    grouped: &DataFrame,
    names: &[String],
    codes: &Codes,
    scale: u32,
) -> Result<Vec<ChargebackRow>, AttributeError> {
    let mut sums: BTreeMap<&str, Vec<Option<i128>>> = BTreeMap::new();
    for name in SUMS {
        sums.insert(name, read_known_sums(grouped, name)?);
    }
    let groups: Vec<Vec<u32>> = names
        .iter()
        .map(|name| read_all_codes(grouped, name))
        .collect::<Result<_, _>>()?;
    let currencies = read_all_codes(grouped, "currency")?;
    let text = |code: u32| codes.text(code).cloned().unwrap_or_default();
    let row = |row: usize| {
        let sum = |name: &str| sums.get(name).and_then(|values| values[row]);
        let count = |name: &str| sum(name).and_then(|sum| u64::try_from(sum).ok());
        let cost = |name: &str| sum(name).and_then(|units| amount(units, scale));
        let query_count = count("queries").unwrap_or_default();
        // Without any query nothing is unknown: the sums are nought.
        let none = query_count == 0;
        let billed = || {
            Some(Billed {
                quick: cost("quick")?,
                other: cost("other")?,
                unallocated: cost("unallocated")?,
            })
        };
        ChargebackRow {
            group: groups.iter().map(|codes| text(codes[row])).collect(),
            currency: text(currencies[row]),
            figures: Figures {
                query_count,
                queries_without_statistics: count("unknown").unwrap_or_default(),
                queries_without_bill: count("uncovered").unwrap_or_default(),
                bytes_scanned: count("scanned").or(none.then_some(0)),
                bytes_billed: count("billed").or(none.then_some(0)),
                estimated_cost_usd: sum("estimate")
                    .and_then(|units| amount(units, ESTIMATE_SCALE))
                    .or(none.then_some(Decimal::ZERO)),
            },
            billed: billed(),
            estimated_days: 0,
        }
    };
    Ok((0..grouped.height()).map(row).collect())
}

type GroupKey = (Vec<Text>, Text);

fn estimated_days(
    charges: &[ChargePart<'_>],
    by: &[Dimension],
    topology: &Topology,
) -> BTreeMap<GroupKey, BTreeSet<UtcDay>> {
    let mut days: BTreeMap<GroupKey, BTreeSet<UtcDay>> = BTreeMap::new();
    for part in charges.iter().filter(|part| part.charge.is_estimated) {
        let charge = &part.charge;
        let group = by.iter().map(|by| value(part, *by, topology));
        let group: Vec<Text> = group.collect();
        let days = days.entry((group, charge.currency.clone())).or_default();
        days.extend(charge.period.days().map(UtcDay::of));
    }
    days
}

fn other_services(
    lines: &[OtherServiceCharge],
    by: &[Dimension],
    topology: &Topology,
) -> Vec<OtherServiceRow> {
    let mut rows: BTreeMap<_, Decimal> = BTreeMap::new();
    for line in lines {
        let group = by.iter().filter(|dimension| dimension.is_of_bill());
        let group = group.map(|dimension| match dimension {
            Dimension::Consumer => line.account_id.clone().into(),
            Dimension::Day => line.period.to_string().into(),
            _ => unit(Some(&line.account_id), topology)
                .cloned()
                .unwrap_or_else(|| UNMAPPED.into()),
        });
        let group: Vec<Text> = group.collect();
        let order = (group_order(&group), line.category, line.billed_for.clone());
        let key = (order, group, line.currency.clone());
        let sum = rows.entry(key).or_default();
        *sum = add(*sum, line.cost).unwrap_or_else(|| sum.saturating_add(line.cost));
    }
    let rows = rows.into_iter();
    rows.map(
        |(((_, category, billed_for), group, currency), cost)| OtherServiceRow {
            group,
            billed_for,
            category,
            currency,
            cost,
        },
    )
    .collect()
}
