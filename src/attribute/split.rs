//! The split of the bill: the line that covers each query, and each query's share of it.
//!
//! A cell is what the bill says of an account on a day (or over its own longer period), as far
//! as it tells it by Region and work group. A query belongs to the nearest cell: Region and
//! work group, Region, work group, account alone. Queries share a cell by billed bytes, out of
//! the bytes the bill gives for it; where it gives none, by estimated cost out of the cell's
//! cost. What is left is unallocated (ARCHITECTURE.md#how-a-bill-is-allocated).

use super::billed_queries::{BilledQueries, MaybeBytes, QueryGroup};
use super::bytes::{TERABYTE_PLACES, usage_bytes};
use super::frame::{
    read_all_codes, read_days, read_known_sums, read_units, sums_with_known, units_column,
};
use super::price::{ESTIMATE_SCALE, Pricing};
use super::reconcile::{self, CellOutcome};
use super::share;
use crate::model::bill::{Bill, BillPeriod, ChargeCategory, LineAmounts, LineKey};
use crate::model::chain::Chain;
use crate::model::charge::{
    Attribution, Charge, Figures, OtherServiceCharge, QueryShare, Share, UNIT_PRICE_PLACES,
};
use crate::model::ids::{AccountId, DataSourceArn, Region};
use crate::model::money::{AMOUNT_PLACES, amount};
use crate::model::text::Text;
use crate::model::time::UtcDay;
use hashbrown::HashMap;
use polars::prelude::*;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use std::collections::{BTreeMap, BTreeSet};

/// The most that all amounts together may come to, in units: what an exact
/// decimal holds.
const UNITS_MAX: i128 = 1 << 96;

/// The reason why a bill cannot be split.
#[derive(Debug, thiserror::Error)]
pub enum AttributeError {
    /// The amounts need more digits than an exact decimal has.
    #[error(
        "the amounts of the bill come to more than 10^18 together: they are no amounts of AWS; check its columns of cost"
    )]
    TooLarge,
    /// The shares do not add up to the bill: a fault of this program.
    #[error("shares of {billed} units add up to {shared}: please report this")]
    Unbalanced {
        /// Units billed.
        billed: i128,
        /// Units shared out.
        shared: i128,
    },
    /// A data frame operation failed: a fault of this program.
    #[error("a data frame operation failed: {message}")]
    Frame {
        /// The error's message.
        message: String,
    },
}

impl From<PolarsError> for AttributeError {
    fn from(error: PolarsError) -> Self {
        Self::Frame {
            message: error.to_string(),
        }
    }
}

/// A line of the bill that queries share.
struct CostPool<'a> {
    key: &'a LineKey,
    amounts: &'a LineAmounts,
    units: i128,
    /// Bytes the bill gives for it.
    usage_bytes: Option<u128>,
}

impl CostPool<'_> {
    /// The price of a terabyte that its cost comes to.
    fn unit_price(&self) -> Option<Decimal> {
        let terabytes = self.amounts.terabytes.as_ref()?.rounded(TERABYTE_PLACES)?;
        let cost = amount(self.units, AMOUNT_PLACES)?;
        let is_price = terabytes > Decimal::ZERO && cost > Decimal::ZERO;
        let price = is_price.then(|| cost.checked_div(terabytes)).flatten()?;
        Some(price.round_dp(UNIT_PRICE_PLACES).normalize())
    }
}

/// Splits the bill among the queries of the chains, and says what the share of each is.
///
/// `bill` holds only lines inside the window. Every query that Athena took takes
/// part: those of Quick's role chains as Quick's, all others as other.
///
/// # Errors
///
/// When the amounts do not fit into exact decimals, or the program is at fault.
pub fn attribute(
    chains: &[Chain],
    bill: &Bill,
    pricing: &Pricing,
) -> Result<Attribution, AttributeError> {
    let mut queries = BilledQueries::of(chains);
    attribute_to(&mut queries, bill, pricing)
}

/// The same, for queries whose chains are gone.
///
/// # Errors
///
/// As for [`attribute`].
pub fn attribute_to(
    queries: &mut BilledQueries,
    bill: &Bill,
    pricing: &Pricing,
) -> Result<Attribution, AttributeError> {
    let scale = AMOUNT_PLACES;
    let cells = cells(bill, pricing);
    check_sum(&cells)?;
    let cell_of = match_cells(queries, &cells);
    let split = shares_of(queries, &cells, &cell_of)?;
    let mut charges = charges(queries, &cells, &cell_of, &split, scale)?;
    charges.extend(remainders(&cells, &split, scale));
    for charge in &mut charges {
        let is_usd = &*charge.currency == "USD";
        let region = charge.region.as_deref().filter(|_| is_usd);
        charge.list_unit_price =
            region.and_then(|region| pricing.usd_per_terabyte(region, charge.period.from));
    }
    charges.sort_by(|left, right| order(left).cmp(&order(right)));
    let outcomes = outcomes(&cells, &split, scale);
    Ok(Attribution {
        reconciliations: reconcile::reconcile(&queries.reasons, &charges, &outcomes, pricing),
        query_shares: query_shares(queries, &cells, &cell_of, &split, scale),
        charges,
        payers: bill.payers.clone(),
        other_services: other_services(bill),
        terabyte: pricing.terabyte(),
        prices: queries.prices(pricing),
    })
}

/// The most that the cost of all lines comes to, in units.
fn check_sum(cells: &[CostPool<'_>]) -> Result<(), AttributeError> {
    let sum = cells.iter().try_fold(0i128, |sum, cell| {
        sum.checked_add(cell.units.checked_abs()?)
    });
    match sum {
        Some(sum) if sum < UNITS_MAX => Ok(()),
        _ => Err(AttributeError::TooLarge),
    }
}

fn cells<'a>(bill: &'a Bill, pricing: &Pricing) -> Vec<CostPool<'a>> {
    let shared = bill.lines.iter().filter(|(key, _)| is_shared(key));
    let mut cells: Vec<CostPool<'a>> = shared
        .map(|(key, amounts)| CostPool {
            key,
            amounts,
            // What does not fit is refused as too large.
            units: amounts
                .cost
                .rounded_units(AMOUNT_PLACES)
                .unwrap_or(i128::MAX),
            usage_bytes: amounts
                .terabytes
                .as_ref()
                .and_then(|terabytes| usage_bytes(terabytes, pricing.terabyte())),
        })
        .collect();
    spread_discounts(&mut cells);
    cells
}

/// Returns true if queries share the line.
fn is_shared(key: &LineKey) -> bool {
    key.category == ChargeCategory::Usage && key.billed_for.is_shared_by_queries()
}

/// Discounts belong to what they are given on: the lines of their account, Region
/// and work group, as far as they tell those, inside their period, by cost. Else
/// those lines would be charged more than is billed.
fn spread_discounts(cells: &mut [CostPool<'_>]) {
    let mut uses: BTreeMap<(&AccountId, &Text), Vec<usize>> = BTreeMap::new();
    let mut discounts = Vec::new();
    for (index, cell) in cells.iter().enumerate() {
        if cell.units > 0 {
            let place = (&cell.key.account_id, &cell.key.currency);
            uses.entry(place).or_default().push(index);
        } else if cell.units < 0 && cell.amounts.terabytes.is_none() {
            discounts.push(index);
        }
    }
    for discount in discounts {
        let key = cells[discount].key;
        let is_given_on = |other: &LineKey| {
            key.period.holds(other.period)
                && (key.region.is_none() || key.region == other.region)
                && (key.work_group.is_none() || key.work_group == other.work_group)
        };
        let own = uses.get(&(&key.account_id, &key.currency));
        let own: Vec<usize> = own
            .into_iter()
            .flatten()
            .copied()
            .filter(|index| is_given_on(cells[*index].key))
            .collect();
        let weights = own.iter().map(|index| positive(Some(cells[*index].units)));
        let weights: Vec<u128> = weights.collect();
        let shares = share::split(cells[discount].units, &weights, 0);
        for (index, share) in own.iter().zip(shares.of_weights) {
            cells[*index].units += share;
        }
        cells[discount].units = shares.of_rest;
    }
}

/// The cell of each query, by position: of those of its account and day, the one that
/// tells most of where it ran.
fn match_cells(queries: &mut BilledQueries, cells: &[CostPool<'_>]) -> Vec<Option<u32>> {
    let places = places(queries, cells);
    let cell_of = |row: usize| {
        let QueryGroup {
            account,
            region,
            work_group,
            ..
        } = queries.group(row);
        let day = queries.rows.day[row];
        // A Region tells more than a work group.
        let mut known = [
            (region, work_group),
            (region, NOT_TOLD),
            (NOT_TOLD, work_group),
            (NOT_TOLD, NOT_TOLD),
        ]
        .into_iter();
        known.find_map(|(region, work_group)| {
            let place = (account, day, region, work_group);
            places.get(&place).copied()
        })
    };
    (0..queries.rows.len()).map(cell_of).collect()
}

/// Returns the order of preference between two cost pools of a place.
fn preference(cell: &CostPool<'_>) -> impl Ord {
    let days = cell.key.period;
    (
        !days.is_one_day(),
        cell.key.billed_for.clone(),
        &*cell.key.currency != "USD",
        cell.key.clone(),
    )
}

/// The code of a Region or work group that a line does not tell.
const NOT_TOLD: u32 = 0;

/// Account, day, Region and work group, by their codes.
type PoolPlace = (u32, i32, u32, u32);

/// The cell of each place that has one, on days with queries.
fn places(queries: &mut BilledQueries, cells: &[CostPool<'_>]) -> HashMap<PoolPlace, u32> {
    let days = queries.days();
    let codes = &mut queries.codes;
    let mut places: HashMap<PoolPlace, u32> = HashMap::new();
    for (index, cell) in (0u32..).zip(cells) {
        let account = codes.code(Some(cell.key.account_id.text()));
        let region = codes.code(cell.key.region.as_ref().map(Region::text));
        let work_group = codes.code(cell.key.work_group.as_ref());
        let period =
            UtcDay::of(cell.key.period.from).number()..UtcDay::of(cell.key.period.to).number();
        for day in days.range(period) {
            let place = places.entry((account, *day, region, work_group));
            let best = place.or_insert(index);
            if preference(cell) < preference(&cells[*best as usize]) {
                *best = index;
            }
        }
    }
    places
}

/// The shares of queries and what is left of each cell, in units.
struct Split {
    of_query: Vec<Option<i128>>,
    rest: Vec<i128>,
    /// Queries of each cell, and their billed bytes.
    known: Vec<QueryTotals>,
}

#[derive(Default, Clone, Copy)]
struct QueryTotals {
    queries: u64,
    bytes: u128,
}

fn shares_of(
    queries: &BilledQueries,
    cells: &[CostPool<'_>],
    cell_of: &[Option<u32>],
) -> Result<Split, AttributeError> {
    let mut split = Split {
        of_query: vec![None; queries.rows.len()],
        rest: Vec::with_capacity(cells.len()),
        known: Vec::with_capacity(cells.len()),
    };
    // Queries by cell, each in the order of chains: the order that settles ties.
    let mut rows: Vec<u32> = (0..u32::try_from(queries.rows.len()).unwrap_or(u32::MAX))
        .filter(|row| cell_of[*row as usize].is_some())
        .collect();
    rows.sort_by_key(|row| cell_of[*row as usize]);
    let mut start = 0;
    for (index, cell) in (0u32..).zip(cells) {
        let end =
            start + rows[start..].partition_point(|row| cell_of[*row as usize] == Some(index));
        let own = &rows[start..end];
        start = end;
        let (weights, rest) = weights(queries, cell, own);
        let shares = share::split(cell.units, &weights, rest);
        let of_queries: i128 = shares.of_weights.iter().sum();
        if of_queries + shares.of_rest != cell.units {
            return Err(AttributeError::Unbalanced {
                billed: cell.units,
                shared: of_queries + shares.of_rest,
            });
        }
        for (row, share) in own.iter().zip(shares.of_weights) {
            split.of_query[*row as usize] = Some(share);
        }
        split.rest.push(shares.of_rest);
        let bytes = own
            .iter()
            .map(|row| u128::from(queries.billed(*row).unwrap_or_default()));
        split.known.push(QueryTotals {
            queries: own.len() as u64,
            bytes: bytes.sum(),
        });
    }
    Ok(split)
}

fn positive(number: Option<i128>) -> u128 {
    number
        .and_then(|number| number.to_u128())
        .unwrap_or_default()
}

/// Weights of a cell's queries, and of what no known query explains.
fn weights(queries: &BilledQueries, cell: &CostPool<'_>, own: &[u32]) -> (Vec<u128>, u128) {
    if let Some(usage) = cell.usage_bytes {
        let bytes = own.iter().map(|row| queries.billed(*row));
        let weights: Vec<u128> = bytes
            .map(|bytes| u128::from(bytes.unwrap_or_default()))
            .collect();
        let known: u128 = weights.iter().sum();
        return (weights, usage.saturating_sub(known));
    }
    // No bytes to go by: what the queries cost at list price, out of the cost.
    let is_usd = &*cell.key.currency == "USD";
    let cost = cell.amounts.cost.rounded_units(ESTIMATE_SCALE);
    let cost = cost.filter(|cost| is_usd && *cost > 0);
    match cost {
        Some(cost) => {
            let estimates = own.iter().map(|row| queries.rows.estimate[*row as usize]);
            let weights: Vec<u128> = estimates.map(positive).collect();
            let known: u128 = weights.iter().sum();
            (weights, positive(Some(cost)).saturating_sub(known))
        }
        None => (vec![0; own.len()], 1),
    }
}

/// Queries alike in every dimension, together with their shares.
fn charges(
    queries: &mut BilledQueries,
    cells: &[CostPool<'_>],
    cell_of: &[Option<u32>],
    split: &Split,
    scale: u32,
) -> Result<Vec<Charge>, AttributeError> {
    if queries.rows.len() == 0 {
        return Ok(Vec::new());
    }
    let currencies = currencies(queries, cells, cell_of);
    let kinds = cell_of.iter().zip(currencies).map(|(cell, currency)| {
        let is_estimated = cell.is_some_and(|cell| cells[cell as usize].amounts.is_estimated);
        let kind = QueryKind {
            currency,
            is_estimated,
            is_covered: cell.is_some(),
        };
        kind.packed()
    });
    let kinds: Vec<u32> = kinds.collect();
    let cell_codes = cell_of.iter().map(|cell| cell.map_or(0, |cell| cell + 1));
    let rows = &queries.rows;
    let wide = |figure: &MaybeBytes| figure.bytes().map(i128::from);
    let unknown = rows.lacks_statistics.iter().map(|lacks| u32::from(*lacks));
    let frame = DataFrame::new_infer_height(vec![
        Column::new("group".into(), &rows.group),
        Column::new("day".into(), &rows.day),
        Column::new("kind".into(), kinds),
        Column::new("cell".into(), cell_codes.collect::<Vec<u32>>()),
        Column::new("unknown".into(), unknown.collect::<Vec<u32>>()),
        units_column("scanned", rows.scanned.iter().map(wide))?,
        units_column("billed", rows.billed.iter().map(wide))?,
        units_column("estimate", rows.estimate.iter().copied())?,
        units_column("cost", split.of_query.iter().copied())?,
    ])?;
    let keys = ["group", "day", "kind"];
    let mut sums = vec![
        len().cast(DataType::UInt32).alias("queries"),
        col("unknown").sum(),
        col("cost").sum(),
        // Account, day, Region and work group have one cell.
        col("cell").first(),
    ];
    sums.extend(sums_with_known(&["scanned", "billed", "estimate"]));
    let grouped = frame.lazy().group_by(keys.map(col)).agg(sums).collect()?;
    read_charges(&grouped, cells, queries, scale)
}

/// The other properties that group queries, in one number: grouping by one column is cheaper than
/// by three.
struct QueryKind {
    currency: u32,
    is_estimated: bool,
    is_covered: bool,
}

impl QueryKind {
    fn packed(&self) -> u32 {
        let flags = [self.is_estimated, self.is_covered];
        let flags = flags.into_iter();
        flags.fold(self.currency, |packed, flag| packed << 1 | u32::from(flag))
    }

    fn unpacked(packed: u32) -> Self {
        Self {
            currency: packed >> 2,
            is_estimated: packed & 2 != 0,
            is_covered: packed & 1 != 0,
        }
    }
}

/// The currency of each query: its cell's, else the only one of its account's
/// bill, else USD, in which estimates are.
fn currencies(
    queries: &mut BilledQueries,
    cells: &[CostPool<'_>],
    cell_of: &[Option<u32>],
) -> Vec<u32> {
    let codes = &mut queries.codes;
    let usd = codes.code(Some(&Text::from("USD")));
    let mut of_account: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    let mut of_cell = Vec::with_capacity(cells.len());
    for cell in cells {
        let account = codes.code(Some(cell.key.account_id.text()));
        let currency = codes.code(Some(&cell.key.currency));
        of_account.entry(account).or_default().insert(currency);
        of_cell.push(currency);
    }
    let currency = |(row, cell): (usize, &Option<u32>)| match cell {
        Some(cell) => of_cell[*cell as usize],
        None => match of_account.get(&queries.group(row).account) {
            Some(known) if known.len() == 1 => known.first().copied().unwrap_or(usd),
            _ => usd,
        },
    };
    cell_of.iter().enumerate().map(currency).collect()
}

fn read_charges(
    grouped: &DataFrame,
    cells: &[CostPool<'_>],
    known: &BilledQueries,
    scale: u32,
) -> Result<Vec<Charge>, AttributeError> {
    let code = |name: &str| read_all_codes(grouped, name);
    let [group, kind] = [code("group")?, code("kind")?];
    let [queries, unknown, cell] = [code("queries")?, code("unknown")?, code("cell")?];
    let day = read_days(grouped, "day")?;
    let cost = read_units(grouped, "cost")?;
    let sums = |name: &str| read_known_sums(grouped, name);
    let [scanned, billed, estimate] = [sums("scanned")?, sums("billed")?, sums("estimate")?];
    let text = |code: u32| known.codes.text(code).cloned();
    let bytes = |sum: Option<i128>| sum.map(|sum| u64::try_from(sum).unwrap_or(u64::MAX));
    let charge = |row: usize| {
        let kind = QueryKind::unpacked(kind[row]);
        let group = known.groups[group[row] as usize];
        let query_count = u64::from(queries[row]);
        // Zero is none.
        let cell = (cell[row] as usize).checked_sub(1);
        let cell = cell.and_then(|cell| cells.get(cell));
        Charge {
            period: BillPeriod::day(UtcDay::numbered(day[row]).date().unwrap_or_default()),
            account_id: text(group.account).map(AccountId::from),
            region: text(group.region).map(Region::from),
            work_group: text(group.work_group),
            data_source_arn: text(group.source).map(DataSourceArn::from),
            quick_user: text(group.user),
            origin: text(group.origin),
            share: group.share(),
            currency: text(kind.currency).unwrap_or_default(),
            figures: Figures {
                query_count,
                queries_without_statistics: u64::from(unknown[row]),
                queries_without_bill: if kind.is_covered { 0 } else { query_count },
                bytes_scanned: bytes(scanned[row]),
                bytes_billed: bytes(billed[row]),
                estimated_cost_usd: estimate[row].and_then(|units| amount(units, ESTIMATE_SCALE)),
            },
            billed_cost: cost[row]
                .filter(|_| kind.is_covered)
                .and_then(|units| amount(units, scale)),
            is_estimated: kind.is_estimated,
            billed_unit_price: cell.and_then(CostPool::unit_price),
            list_unit_price: None,
            sku: cell.and_then(|cell| cell.amounts.sku.clone()),
        }
    };
    Ok((0..grouped.height()).map(charge).collect())
}

/// Returns the remainder of each cost pool, and pools without a known query.
fn remainders<'a>(
    cells: &'a [CostPool<'a>],
    split: &'a Split,
    scale: u32,
) -> impl Iterator<Item = Charge> + 'a {
    let with_rest = cells.iter().zip(&split.rest).zip(&split.known);
    with_rest
        .filter(|((_, rest), known)| **rest != 0 || known.queries == 0)
        .map(move |((cell, rest), _)| Charge {
            period: cell.key.period,
            account_id: Some(cell.key.account_id.clone()),
            region: cell.key.region.clone(),
            work_group: cell.key.work_group.clone(),
            data_source_arn: None,
            quick_user: None,
            origin: None,
            share: Share::Unallocated,
            currency: cell.key.currency.clone(),
            figures: Figures {
                bytes_scanned: Some(0),
                bytes_billed: Some(0),
                estimated_cost_usd: Some(Decimal::ZERO),
                ..Figures::default()
            },
            billed_cost: amount(*rest, scale),
            is_estimated: cell.amounts.is_estimated,
            billed_unit_price: cell.unit_price(),
            list_unit_price: None,
            sku: cell.amounts.sku.clone(),
        })
}

fn order(charge: &Charge) -> impl Ord + '_ {
    (
        &*charge.currency,
        charge.account_id.as_deref(),
        charge.period,
        (
            charge.region.as_deref(),
            charge.work_group.as_deref(),
            charge.data_source_arn.as_deref(),
            charge.quick_user.as_deref(),
            charge.origin.as_deref(),
        ),
        charge.share,
        charge.billed_cost.is_none(),
        charge.is_estimated,
    )
}

fn query_shares(
    queries: &BilledQueries,
    cells: &[CostPool<'_>],
    cell_of: &[Option<u32>],
    split: &Split,
    scale: u32,
) -> Vec<Option<QueryShare>> {
    let taken = cell_of.iter().zip(&split.of_query);
    queries.with_refused(taken.map(|(cell, units)| {
        let cell = &cells[(*cell)? as usize];
        Some(QueryShare {
            cost: amount((*units)?, scale)?,
            currency: cell.key.currency.clone(),
        })
    }))
}

fn outcomes<'a>(cells: &'a [CostPool<'a>], split: &Split, scale: u32) -> Vec<CellOutcome<'a>> {
    let with_known = cells.iter().zip(&split.known).zip(&split.rest);
    with_known
        .map(|((cell, known), rest)| CellOutcome {
            key: cell.key,
            amounts: cell.amounts,
            cost: amounts_rounded(cell.amounts),
            has_usage: cell.usage_bytes.is_some(),
            usage_bytes: cell.usage_bytes.unwrap_or_default(),
            query_count: known.queries,
            known_bytes: known.bytes,
            unallocated: amount(*rest, scale).unwrap_or_default(),
        })
        .collect()
}

fn other_services(bill: &Bill) -> Vec<OtherServiceCharge> {
    let lines = bill.lines.iter().filter(|(key, _)| !is_shared(key));
    lines
        .map(|(key, amounts)| OtherServiceCharge {
            account_id: key.account_id.clone(),
            period: key.period,
            billed_for: key.billed_for.clone(),
            category: key.category,
            currency: key.currency.clone(),
            cost: amounts_rounded(amounts),
        })
        .collect()
}

/// The cost of a line, as it is shown.
fn amounts_rounded(amounts: &LineAmounts) -> Decimal {
    amounts.cost.rounded(AMOUNT_PLACES).unwrap_or_default()
}
