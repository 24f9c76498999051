//! Reasons why estimates and the bill differ, each with its count and amount.

use super::bytes::{TERABYTE_PLACES, usage_bytes};
use super::price::Pricing;
use crate::model::bill::{BilledFor, LineAmounts, LineKey};
use crate::model::chain::QueryExecution;
use crate::model::charge::{Billed, Charge, Reason, Reconciliation, Share};
use crate::model::exact::ExactAmount;
use crate::model::execution::QueryFigures;
use crate::model::ids::AccountId;
use crate::model::money::{AMOUNT_PLACES, SCALE_MAX, TerabyteBase};
use crate::model::text::Text;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The outcome for a line of the bill that queries share.
pub(super) struct CellOutcome<'a> {
    pub(super) key: &'a LineKey,
    pub(super) amounts: &'a LineAmounts,
    /// The cost, rounded as it is shown.
    pub(super) cost: Decimal,
    /// True if the bill gives bytes for it.
    pub(super) has_usage: bool,
    pub(super) usage_bytes: u128,
    pub(super) query_count: u64,
    pub(super) known_bytes: u128,
    pub(super) unallocated: Decimal,
}

/// One block for each currency, in order.
pub(super) fn reconcile(
    queries: &QueryReasonCounts,
    charges: &[Charge],
    cells: &[CellOutcome<'_>],
    pricing: &Pricing,
) -> Vec<Reconciliation> {
    let mut currencies: BTreeSet<&Text> = charges.iter().map(|charge| &charge.currency).collect();
    currencies.extend(cells.iter().map(|cell| &cell.key.currency));
    // Those that use nothing of a bill are told once, with the first.
    let mut of_queries = Some(queries.reasons());
    let blocks = currencies.into_iter().map(|currency| {
        let of_queries = of_queries.take().unwrap_or_default();
        block(currency, charges, cells, pricing, of_queries)
    });
    blocks.collect()
}

fn block(
    currency: &Text,
    charges: &[Charge],
    cells: &[CellOutcome<'_>],
    pricing: &Pricing,
    mut reasons: Vec<Reason>,
) -> Reconciliation {
    let own: Vec<&Charge> = charges
        .iter()
        .filter(|charge| charge.currency == *currency)
        .collect();
    let cells: Vec<&CellOutcome<'_>> = cells
        .iter()
        .filter(|cell| cell.key.currency == *currency)
        .collect();
    let mut billed: Option<Billed> = None;
    for charge in &own {
        if let Some(cost) = charge.billed_cost {
            let billed = billed.get_or_insert_default();
            match charge.share {
                Share::Quick => billed.quick += cost,
                Share::Other => billed.other += cost,
                Share::Unallocated => billed.unallocated += cost,
            }
        }
    }
    let with_queries = || own.iter().filter(|charge| charge.figures.query_count > 0);
    let estimate = |is_wanted: fn(&Charge) -> bool| {
        let wanted = with_queries().filter(|charge| is_wanted(charge));
        wanted
            .filter_map(|charge| charge.figures.estimated_cost_usd)
            .reduce(|sum, cost| sum + cost)
    };
    let estimated_without_bill_usd = estimate(|charge| charge.billed_cost.is_none());
    reasons.extend(uncovered(&own, estimated_without_bill_usd));
    reasons.extend(strangers(&own));
    reasons.extend(cell_reasons(&cells));
    reasons.extend(price_reason(&cells, pricing));
    reasons.extend(estimated_days(&own));
    reasons.extend(fitting_base(&cells, pricing));
    reasons.extend(rounding(&cells));
    let known_bytes = with_queries()
        .filter(|charge| charge.billed_cost.is_some())
        .filter_map(|charge| charge.figures.bytes_billed);
    Reconciliation {
        currency: currency.clone(),
        billed,
        estimated_cost_usd: estimate(|_| true),
        estimated_without_bill_usd,
        billed_terabytes: billed_terabytes(&cells),
        known_bytes_billed: known_bytes.fold(0, u64::saturating_add),
        reasons,
    }
}

fn reason(code: &'static str, count: u64, amount: Option<Decimal>, text: &str) -> Option<Reason> {
    (count > 0).then(|| Reason {
        code,
        count,
        amount,
        bytes: None,
        text: text.to_owned(),
    })
}

/// A question about a query, and what it means for the bill.
type QueryReason = (&'static str, fn(&QueryExecution) -> bool, &'static str);

const QUERY_REASONS: [QueryReason; 7] = [
    (
        "queries-not-billed",
        scanned_for_free,
        "queries scanned bytes that are not billed: they failed, or a result was reused",
    ),
    (
        "queries-without-statistics",
        QueryExecution::lacks_statistics,
        "queries without statistics: their bytes are unknown, and their cost is unallocated",
    ),
    (
        "queries-with-unknown-bytes",
        |query| {
            has(query, |figures| {
                figures.state.is_final() && figures.bytes_billed.is_none()
            })
        },
        "queries whose statistics lack bytes or statement type: their cost is unallocated",
    ),
    (
        "queries-of-unknown-statement",
        may_be_explain,
        "queries scanned nothing, and their statistics lack the substatement type: the least is counted as billed, but an \
         EXPLAIN is free",
    ),
    (
        "queries-not-final",
        |query| has(query, |figures| !figures.state.is_final()),
        "queries were still running when their statistics were taken",
    ),
    (
        "queries-on-reserved-capacity",
        |query| has(query, |figures| figures.dpu_count.is_some()),
        "queries ran on reserved capacity: billed by the hour, not by bytes",
    ),
    (
        "queries-without-price",
        |query| {
            has(query, |figures| {
                figures.bytes_billed.is_some() && figures.estimated_cost_usd.is_none()
            })
        },
        "queries ran in Regions without a known price: set [pricing] usd_per_tb to estimate them",
    ),
];

fn has(query: &QueryExecution, is: impl Fn(&QueryFigures) -> bool) -> bool {
    query.figures.as_deref().is_some_and(is)
}

fn may_be_explain(query: &QueryExecution) -> bool {
    has(query, |figures| {
        figures.substatement_type.is_none()
            && figures.bytes_scanned == Some(0)
            && figures.bytes_billed.is_some_and(|bytes| bytes > 0)
    })
}

fn scanned_for_free(query: &QueryExecution) -> bool {
    has(query, |figures| {
        figures.bytes_billed == Some(0)
            && figures.dpu_count.is_none()
            && figures.bytes_scanned.is_some_and(|bytes| bytes > 0)
    })
}

/// The queries for each reason that depends on queries alone.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct QueryReasonCounts {
    counts: [u64; QUERY_REASONS.len()],
    /// Bytes scanned by queries of the first reason.
    scanned_for_free: u64,
}

impl QueryReasonCounts {
    /// Counts a query.
    pub(super) fn add(&mut self, query: &QueryExecution) {
        for ((_, is, _), count) in QUERY_REASONS.iter().zip(&mut self.counts) {
            *count += u64::from(is(query));
        }
        if scanned_for_free(query) {
            let bytes = query.bytes_scanned().unwrap_or_default();
            self.scanned_for_free = self.scanned_for_free.saturating_add(bytes);
        }
    }

    /// Adds counts of other queries.
    pub(super) fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        let bytes = other.scanned_for_free;
        self.scanned_for_free = self.scanned_for_free.saturating_add(bytes);
    }

    fn reasons(&self) -> Vec<Reason> {
        let reasons = QUERY_REASONS.iter().zip(self.counts);
        let reasons = reasons.filter_map(|((code, _, text), count)| {
            let mut reason = reason(code, count, None, text)?;
            if *code == "queries-not-billed" {
                reason.bytes = Some(self.scanned_for_free);
            }
            Some(reason)
        });
        reasons.collect()
    }
}

fn uncovered(charges: &[&Charge], estimate: Option<Decimal>) -> Option<Reason> {
    let queries = charges
        .iter()
        .map(|charge| charge.figures.queries_without_bill);
    reason(
        "queries-without-bill",
        queries.sum(),
        estimate,
        "queries on days and in accounts that the bill does not cover (estimated cost, USD)",
    )
}

/// Accounts that are billed and of which no query was read at all.
fn strangers(charges: &[&Charge]) -> Option<Reason> {
    let with_queries: BTreeSet<&AccountId> = charges
        .iter()
        .filter(|charge| charge.figures.query_count > 0)
        .filter_map(|charge| charge.account_id.as_ref())
        .collect();
    let mut costs: BTreeMap<&AccountId, Decimal> = BTreeMap::new();
    for charge in charges {
        let account = charge.account_id.as_ref();
        let account = account.filter(|account| !with_queries.contains(account));
        if let (Some(account), Some(cost)) = (account, charge.billed_cost) {
            *costs.entry(account).or_default() += cost;
        }
    }
    reason(
        "accounts-without-queries",
        costs.len() as u64,
        Some(costs.values().sum()),
        "accounts are billed for Athena, but no query of them was read",
    )
}

fn cell_reasons(cells: &[&CellOutcome<'_>]) -> Vec<Reason> {
    let of = |code,
              text: &str,
              amount: fn(&CellOutcome<'_>) -> Decimal,
              is: &dyn Fn(&CellOutcome<'_>) -> bool| {
        let such: Vec<_> = cells.iter().filter(|cell| is(cell)).collect();
        let sum: Decimal = such.iter().map(|cell| amount(cell)).sum();
        reason(code, such.len() as u64, Some(sum), text)
    };
    let reasons = [
        of(
            "bill-without-queries",
            "lines of the bill for which no query was read: all of them unallocated",
            |cell| cell.cost,
            &|cell| cell.query_count == 0 && !cell.cost.is_zero(),
        ),
        of(
            "usage-not-explained",
            "lines of the bill with more bytes than the known queries: the difference is unallocated",
            |cell| cell.unallocated,
            &|cell| cell.query_count > 0 && cell.has_usage && !cell.unallocated.is_zero(),
        ),
        of(
            "known-above-usage",
            "lines of the bill with fewer bytes than the known queries: shares were scaled to the bill",
            |cell| cell.cost,
            &|cell| cell.has_usage && cell.known_bytes > cell.usage_bytes,
        ),
        of(
            "capacity-not-told-apart",
            "lines of the bill for all of Athena, including capacity: a bill by usage type separates them",
            |cell| cell.cost,
            &|cell| cell.key.billed_for == BilledFor::Athena && !cell.cost.is_zero(),
        ),
        of(
            "split-by-list-price",
            "lines of the bill without bytes: allocated by estimated cost at list price",
            |cell| cell.cost,
            &|cell| cell.query_count > 0 && !cell.has_usage && !cell.cost.is_zero(),
        ),
    ];
    reasons.into_iter().flatten().collect()
}

/// Returns the difference between the bill's price and the list price, where both are known.
fn price_reason(cells: &[&CellOutcome<'_>], pricing: &Pricing) -> Option<Reason> {
    let mut effect = Decimal::ZERO;
    let mut count = 0;
    for cell in cells {
        let known = || {
            let region = cell.key.region.as_deref()?;
            let price = pricing.usd_per_terabyte(region, cell.key.period.from)?;
            let terabytes = cell.amounts.terabytes.as_ref()?.rounded(TERABYTE_PLACES)?;
            let listed = terabytes.normalize().checked_mul(price)?;
            let is_usd = &*cell.key.currency == "USD";
            is_usd.then_some(cell.cost.checked_sub(listed)?)
        };
        if let Some(difference) = known().filter(|difference| !difference.is_zero()) {
            effect = effect.saturating_add(difference);
            count += 1;
        }
    }
    reason(
        "price-not-list-price",
        count,
        Some(effect.normalize()),
        "lines of the bill above or below the list price (bill minus list price)",
    )
}

fn billed_terabytes(cells: &[&CellOutcome<'_>]) -> Option<Decimal> {
    let mut sum: Option<ExactAmount> = None;
    for terabytes in cells
        .iter()
        .filter_map(|cell| cell.amounts.terabytes.as_ref())
    {
        *sum.get_or_insert_default() += terabytes;
    }
    Some(sum?.rounded(TERABYTE_PLACES)?.normalize())
}

/// The amounts that were rounded away, from doubles.
fn rounding(cells: &[&CellOutcome<'_>]) -> Option<Reason> {
    let mut sum = ExactAmount::default();
    let mut count = 0;
    for cell in cells {
        let difference = cell.amounts.cost.clone() - &cell.cost.into();
        if !difference.is_zero() {
            sum += &difference;
            count += 1;
        }
    }
    let amount = sum.rounded(SCALE_MAX).map(|sum| sum.normalize());
    let told = amount.map_or_else(|| sum.to_string(), |amount| amount.to_string());
    let text = format!(
        "lines of the bill were rounded to {AMOUNT_PLACES} places; what was rounded away comes to {told}"
    );
    reason("amounts-rounded", count, amount, &text)
}

/// Lines of the bill whose bytes are compared with those of the known queries, in one kind of
/// terabyte.
#[derive(Default, Clone, Copy)]
struct BaseFit {
    /// Lines with as many bytes as the known queries.
    alike: u64,
    /// Lines with fewer.
    too_few: u64,
}

fn base_fit(cells: &[&CellOutcome<'_>], base: TerabyteBase) -> BaseFit {
    let mut fit = BaseFit::default();
    for cell in cells
        .iter()
        .filter(|cell| cell.has_usage && cell.known_bytes > 0)
    {
        let terabytes = cell.amounts.terabytes.as_ref();
        let billed = terabytes.and_then(|terabytes| usage_bytes(terabytes, base));
        let Some(billed) = billed else {
            continue;
        };
        let rounding = billed / ROUNDING_SHARE;
        if cell.known_bytes.abs_diff(billed) <= rounding {
            fit.alike += 1;
        } else if cell.known_bytes > billed {
            fit.too_few += 1;
        }
    }
    fit
}

/// One part in so many is rounding.
const ROUNDING_SHARE: u128 = 1000;

/// The kind of terabyte that AWS billed by, where the known queries tell: in one of them lines
/// have as many bytes as the queries, or in the other one fewer, which cannot be.
fn fitting_base(cells: &[&CellOutcome<'_>], pricing: &Pricing) -> Option<Reason> {
    let (own, other) = (pricing.terabyte(), pricing.terabyte().other());
    let [of_own, of_other] = [own, other].map(|base| base_fit(cells, base));
    let fits = |left: BaseFit, right: BaseFit| {
        left.too_few == 0 && right.alike == 0 && (right.too_few > 0 || left.alike > 0)
    };
    let names = (own.as_str(), other.as_str());
    if fits(of_other, of_own) {
        let count = of_own.too_few.max(of_other.alike);
        let text = format!(
            "lines of the bill fit the known queries in {} terabytes, and not in {} ones: AWS seems to bill by {0} ones \
             (--tb {0})",
            names.1, names.0
        );
        return reason("terabyte-fits", count, None, &text);
    }
    let text = format!(
        "lines of the bill have as many bytes as the known queries in {} terabytes, as set",
        names.0
    );
    let count = if fits(of_own, of_other) {
        of_own.alike
    } else {
        0
    };
    reason("terabyte-fits", count, None, &text)
}

fn estimated_days(charges: &[&Charge]) -> Option<Reason> {
    let mut days: BTreeMap<_, Decimal> = BTreeMap::new();
    for charge in charges.iter().filter(|charge| charge.is_estimated) {
        for day in charge.period.days() {
            days.entry(day).or_default();
        }
        *days.entry(charge.period.from).or_default() += charge.billed_cost.unwrap_or_default();
    }
    reason(
        "estimated-days",
        days.len() as u64,
        Some(days.values().sum()),
        "days of the bill are estimated and may still change",
    )
}
