//! Precedence of lines where several answers or bills cover the same usage.
//!
//! Lines of a report add up, whatever their periods. Answers of Cost Explorer do
//! not: an hour, its day, its month and the month as it stood a week ago are the
//! same money. And where two kinds of bills cover an account and day, the one that
//! says more counts. What a longer period has beyond the days that are told apart
//! stays, as a line of its own.

use super::bill_lines::{AnswerEntry, EntryKey};
use crate::model::bill::{
    BillKind, BillPeriod, BilledFor, ChargeCategory, LineAmounts, LineKey, Uncounted,
};
use crate::model::exact::ExactAmount;
use crate::model::ids::AccountId;
use crate::model::money::AMOUNT_PLACES;
use crate::model::text::Text;
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet};

type Lines = BTreeMap<LineKey, LineAmounts>;

/// Entries of Cost Explorer that do not overlap.
pub(super) fn entries(
    all: BTreeMap<EntryKey, AnswerEntry>,
    uncounted: &mut Uncounted,
) -> Vec<AnswerEntry> {
    let mut by_subject: BTreeMap<_, Vec<AnswerEntry>> = BTreeMap::new();
    for (key, entry) in all {
        let (kind, account, other, currency, ..) = key;
        let subject = (kind, account, other, currency);
        by_subject.entry(subject).or_default().push(entry);
    }
    let mut kept = Vec::new();
    for entries in by_subject.into_values() {
        kept.extend(of_one_subject(entries, uncounted));
    }
    kept
}

fn of_one_subject(entries: Vec<AnswerEntry>, uncounted: &mut Uncounted) -> Vec<AnswerEntry> {
    let entries = without_former_estimates(entries, uncounted);
    let (long, short): (Vec<AnswerEntry>, Vec<AnswerEntry>) = entries
        .into_iter()
        .partition(|entry| !entry.line.key.period.is_one_day());
    let (parts, days): (Vec<AnswerEntry>, Vec<AnswerEntry>) =
        short.into_iter().partition(|entry| entry.is_part_of_day);
    let told: BTreeSet<Date> = days
        .iter()
        .map(|entry| entry.line.key.period.from)
        .collect();
    let mut kept = days;
    for part in parts {
        if told.contains(&part.line.key.period.from) {
            uncounted.covered_elsewhere += 1;
        } else {
            kept.push(part);
        }
    }
    let days_told: Vec<(Date, ExactAmount, Option<ExactAmount>)> = kept
        .iter()
        .map(|entry| {
            (
                entry.line.key.period.from,
                entry.line.cost.clone(),
                entry.line.terabytes.clone(),
            )
        })
        .collect();
    for mut entry in longest(long, uncounted) {
        let period = entry.line.key.period;
        let inside = days_told
            .iter()
            .filter(|(day, ..)| period.holds(BillPeriod::day(*day)));
        let told: BTreeSet<Date> = inside.clone().map(|(day, ..)| *day).collect();
        if period.days().all(|day| told.contains(&day)) {
            uncounted.covered_elsewhere += 1;
            continue;
        }
        let mut left = entry.line.cost.clone();
        for (_, cost, terabytes) in inside {
            left = left - cost;
            entry.line.terabytes = less(entry.line.terabytes, terabytes.as_ref());
        }
        if left.is_negative() && !entry.line.cost.is_negative() {
            // A month as it stood before some of its days.
            uncounted.outdated += 1;
            continue;
        }
        entry.line.cost = left;
        kept.push(entry);
    }
    kept
}

/// Entries without estimated days of a longer period whose figure is final by now.
fn without_former_estimates(
    entries: Vec<AnswerEntry>,
    uncounted: &mut Uncounted,
) -> Vec<AnswerEntry> {
    let is_long = |entry: &&AnswerEntry| !entry.line.key.period.is_one_day();
    let long = entries.iter().filter(is_long);
    let final_periods = long.filter(|entry| !entry.line.is_estimated);
    let final_periods: Vec<BillPeriod> = final_periods.map(|entry| entry.line.key.period).collect();
    let inside = |entry: &AnswerEntry, period: &BillPeriod| {
        entry.line.key.period != *period && period.holds(entry.line.key.period)
    };
    let periods: Vec<BillPeriod> = final_periods
        .into_iter()
        .filter(|period| {
            let mut inside = entries.iter().filter(|entry| inside(entry, period));
            inside.all(|entry| entry.line.is_estimated)
        })
        .collect();
    let (former, rest): (Vec<_>, Vec<_>) = entries
        .into_iter()
        .partition(|entry| periods.iter().any(|period| inside(entry, period)));
    uncounted.repeated += former.len() as u64;
    rest
}

/// Returns true if an answer of Cost Explorer has for an account what its use and its credits come
/// to: it was not filtered, and has the credits in it.
pub(super) fn are_netted(entries: &[AnswerEntry]) -> bool {
    let mut sums: BTreeMap<_, BTreeMap<(BillKind, bool), ExactAmount>> = BTreeMap::new();
    for AnswerEntry { line, .. } in entries {
        let place = (&line.key.account_id, &line.key.currency);
        let is_use = line.key.category == ChargeCategory::Usage;
        let of = sums.entry(place).or_default();
        *of.entry((line.key.kind, is_use)).or_default() += &line.cost;
    }
    sums.values().any(|of| {
        let by_record_type = |is_use| of.get(&(BillKind::CostExplorerByRecordType, is_use));
        let (Some(of_use), Some(rest)) = (by_record_type(true), by_record_type(false)) else {
            return false;
        };
        let net = of_use.clone() - &-rest.clone();
        let kinds = [
            BillKind::CostExplorerByUsageType,
            BillKind::CostExplorerByService,
        ];
        !rest.is_zero()
            && kinds
                .iter()
                .any(|kind| of.get(&(*kind, true)) == Some(&net))
    })
}

/// Of longer periods that overlap, the longest: a month as it stood later.
fn longest(mut long: Vec<AnswerEntry>, uncounted: &mut Uncounted) -> Vec<AnswerEntry> {
    long.sort_by_key(|entry| {
        let period = entry.line.key.period;
        (
            std::cmp::Reverse(period.day_count()),
            entry.line.is_estimated,
            period,
        )
    });
    let mut kept: Vec<AnswerEntry> = Vec::new();
    for entry in long {
        let period = entry.line.key.period;
        let overlaps = |known: &AnswerEntry| {
            let known = known.line.key.period;
            known.from < period.to && period.from < known.to
        };
        if kept.iter().any(overlaps) {
            uncounted.outdated += 1;
        } else {
            kept.push(entry);
        }
    }
    kept
}

/// Returns a quantity less another, where both are known.
fn less(quantity: Option<ExactAmount>, part: Option<&ExactAmount>) -> Option<ExactAmount> {
    let mut left = quantity?;
    if let Some(part) = part {
        left = left - part;
    }
    Some(left.max(ExactAmount::default()))
}

/// Less than a cent is rounding.
const CENTS_PLACES: u32 = 2;

/// The facets by which kinds of bills are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Facet {
    Athena,
    Services,
    Extra(ChargeCategory),
}

/// The facet of a line.
pub(super) fn facet(key: &LineKey) -> Facet {
    match (key.category, &key.billed_for) {
        (ChargeCategory::Usage, BilledFor::Service(_)) => Facet::Services,
        (ChargeCategory::Usage, _) => Facet::Athena,
        (category, _) => Facet::Extra(category),
    }
}

/// Returns the detail that a kind of bill gives of a facet, as a rank.
fn rank(kind: BillKind, facet: Facet) -> u8 {
    match (kind, facet) {
        (BillKind::Cur, _) => 4,
        (BillKind::Focus, _) => 3,
        (BillKind::CostExplorerByRecordType, _) => 2,
        (BillKind::CostExplorerByUsageType, Facet::Athena)
        | (BillKind::CostExplorerByService, Facet::Services | Facet::Extra(_)) => 1,
        (BillKind::CostExplorerByUsageType, Facet::Services | Facet::Extra(_))
        | (BillKind::CostExplorerByService, Facet::Athena) => 0,
    }
}

/// The best rank of each facet, account and day.
struct BestRanks {
    ranks: BTreeMap<(Facet, AccountId, Date), u8>,
    /// Days of which any bill tells use.
    days_of_use: BTreeSet<Date>,
}

impl BestRanks {
    fn of(lines: &Lines) -> Self {
        let tells_scans = lines.keys().any(|key| {
            key.kind == BillKind::CostExplorerByUsageType && key.billed_for == BilledFor::AthenaScan
        });
        let tells_services = lines.keys().any(|key| {
            key.kind == BillKind::CostExplorerByService && facet(key) == Facet::Services
        });
        let place = |key: &LineKey| (facet(key), key.account_id.clone(), key.kind);
        let by_days: BTreeSet<_> = lines
            .keys()
            .filter(|key| key.period.is_one_day())
            .map(place)
            .collect();
        let mut best = BTreeMap::new();
        let mut days_of_use = BTreeSet::new();
        for (key, amounts) in lines {
            // A total of all use tells nothing apart.
            if is_total_of_use(key) {
                continue;
            }
            if key.category == ChargeCategory::Usage {
                days_of_use.extend(key.period.days());
            }
            let own = facet(key);
            // A report's fee of a month, or a discount, tells nothing of its days.
            let is_report = matches!(key.kind, BillKind::Cur | BillKind::Focus);
            let tells_days = key.period.is_one_day() || !by_days.contains(&place(key));
            let is_discount = amounts.cost.is_negative() && key.category == ChargeCategory::Usage;
            if is_report && (!tells_days || is_discount) {
                continue;
            }
            let mut facets = vec![own];
            match key.kind {
                // An answer by service that tells of Athena tells of other services.
                BillKind::CostExplorerByService if own == Facet::Athena && tells_services => {
                    facets.push(Facet::Services);
                }
                // One by usage type tells of scans, if there are none on a day.
                BillKind::CostExplorerByUsageType if own == Facet::Services && tells_scans => {
                    facets.push(Facet::Athena);
                }
                _ => {}
            }
            for facet in facets {
                let rank = rank(key.kind, facet);
                for day in key.period.days() {
                    let known = best
                        .entry((facet, key.account_id.clone(), day))
                        .or_insert(rank);
                    *known = rank.max(*known);
                }
            }
        }
        Self {
            ranks: best,
            days_of_use,
        }
    }

    /// The best rank of the line's facet, account and day, if it is better.
    fn better(&self, key: &LineKey, day: Date) -> Option<u8> {
        if is_total_of_use(key) {
            return self.days_of_use.contains(&day).then_some(u8::MAX);
        }
        let facet = facet(key);
        let place = (facet, key.account_id.clone(), day);
        let best = self.ranks.get(&place).copied();
        best.filter(|best| rank(key.kind, facet) < *best)
    }
}

/// Returns true for what a record type says of all use of an account.
fn is_total_of_use(key: &LineKey) -> bool {
    key.kind == BillKind::CostExplorerByRecordType && key.category == ChargeCategory::Usage
}

/// Accounts and days of which Cost Explorer has more for Athena's scans than the report that
/// counts.
pub(super) fn more_than_reported(all: &Lines) -> u64 {
    let mut told: BTreeMap<_, [ExactAmount; 2]> = BTreeMap::new();
    let scans = all.iter().filter(|(key, _)| {
        key.billed_for == BilledFor::AthenaScan && key.category == ChargeCategory::Usage
    });
    for (key, amounts) in scans {
        let is_report = matches!(key.kind, BillKind::Cur | BillKind::Focus);
        let place = (&key.account_id, &key.currency, key.period);
        told.entry(place).or_default()[usize::from(is_report)] += &amounts.cost;
    }
    let is_more = |[answered, reported]: &[ExactAmount; 2]| {
        let more = answered.clone() - reported;
        !reported.is_zero()
            && more
                .rounded_units(CENTS_PLACES)
                .is_some_and(|cents| cents > 0)
    };
    told.values().filter(|told| is_more(told)).count() as u64
}

/// Lines of which no two of different kinds tell the same.
pub(super) fn lines(all: Lines, uncounted: &mut Uncounted) -> Lines {
    let coverage = BestRanks::of(&all);
    let mut kept = Lines::new();
    let mut partly: Vec<(LineKey, LineAmounts)> = Vec::new();
    let mut wholes: Vec<(LineKey, LineAmounts)> = Vec::new();
    for (key, amounts) in all {
        let days: Vec<Option<u8>> = key
            .period
            .days()
            .map(|day| coverage.better(&key, day))
            .collect();
        if days.iter().all(Option::is_none) {
            kept.insert(key, amounts);
        } else if days.iter().all(Option::is_some) {
            uncounted.covered_elsewhere += amounts.lines;
            let of_athena = key.kind == BillKind::CostExplorerByService
                && key.billed_for == BilledFor::Athena
                && key.category == ChargeCategory::Usage;
            if of_athena && days.contains(&Some(1)) {
                wholes.push((key, amounts));
            }
        } else {
            partly.push((key, amounts));
        }
    }
    let mut by_account: BTreeMap<AccountId, Vec<(LineKey, LineAmounts)>> = BTreeMap::new();
    for (key, _) in &partly {
        by_account.entry(key.account_id.clone()).or_default();
    }
    for (key, amounts) in &kept {
        if let Some(own) = by_account.get_mut(&key.account_id) {
            own.push((key.clone(), amounts.clone()));
        }
    }
    for (key, amounts) in partly {
        let lines = amounts.lines;
        let known = by_account
            .get(&key.account_id)
            .map_or(&[][..], Vec::as_slice);
        match without_told(&key, amounts, known) {
            Some(left) => {
                kept.insert(key, left);
            }
            None => uncounted.covered_elsewhere += lines,
        }
    }
    let other = apart_from_scans(wholes, &kept);
    kept.extend(other);
    kept
}

/// Returns a longer period's line less the better lines of some of its days; `None` where the
/// better bill uses another name for it, so that the two cannot be compared, and where it is less
/// than they are.
fn without_told(
    key: &LineKey,
    mut amounts: LineAmounts,
    known: &[(LineKey, LineAmounts)],
) -> Option<LineAmounts> {
    let was_negative = amounts.cost.is_negative();
    let is_same = |better: &LineKey| {
        let is_same_use = match key.billed_for {
            BilledFor::Athena => facet(better) == Facet::Athena,
            BilledFor::AthenaScan => better.billed_for.is_shared_by_queries(),
            _ => better.billed_for == key.billed_for,
        };
        is_same_use
            && better.category == key.category
            && better.currency == key.currency
            && (key.region.is_none() || better.region.is_none() || better.region == key.region)
            && key.period.holds(better.period)
    };
    let mut is_told = false;
    for (_, told) in known.iter().filter(|(better, _)| is_same(better)) {
        is_told = true;
        amounts.cost = amounts.cost - &told.cost;
        amounts.terabytes = less(amounts.terabytes, told.terabytes.as_ref());
    }
    let is_stale = !was_negative && amounts.cost.is_negative();
    let has_one_name = facet(key) != Facet::Services || is_told;
    (has_one_name && !is_stale).then_some(amounts)
}

/// Returns Cost Explorer's totals for all of Athena less the usage types and reports of the same
/// account and days: capacity, Spark and the like. Days are taken together as far as what is told
/// apart spans them.
fn apart_from_scans(wholes: Vec<(LineKey, LineAmounts)>, kept: &Lines) -> Lines {
    let mut told: BTreeMap<(&AccountId, &Text), Vec<(BillPeriod, &ExactAmount)>> = BTreeMap::new();
    for (key, amounts) in kept {
        if key.kind != BillKind::CostExplorerByService && facet(key) == Facet::Athena {
            let place = (&key.account_id, &key.currency);
            told.entry(place)
                .or_default()
                .push((key.period, &amounts.cost));
        }
    }
    let mut sums: Lines = Lines::new();
    for (key, amounts) in wholes {
        let known = told.get(&(&key.account_id, &key.currency));
        let periods = known.into_iter().flatten().map(|(period, _)| *period);
        let spans = periods.filter(|period| period.holds(key.period));
        let period = spans.max_by_key(|period| period.day_count());
        let key = LineKey {
            billed_for: BilledFor::AthenaOther,
            period: period.unwrap_or(key.period),
            ..key
        };
        let sum = sums.entry(key).or_default();
        sum.cost += &amounts.cost;
        sum.lines += amounts.lines;
        sum.is_estimated |= amounts.is_estimated;
    }
    // Each part is taken away once: from the longest period that holds it.
    let mut periods: BTreeMap<(AccountId, Text), Vec<BillPeriod>> = BTreeMap::new();
    for key in sums.keys() {
        let place = (key.account_id.clone(), key.currency.clone());
        periods.entry(place).or_default().push(key.period);
    }
    for (key, sum) in &mut sums {
        let place = (key.account_id.clone(), key.currency.clone());
        let own = periods.get(&place).map_or(&[][..], Vec::as_slice);
        let parts = told.get(&(&key.account_id, &key.currency));
        for (part, cost) in parts.into_iter().flatten() {
            let holds = own.iter().copied().filter(|period| period.holds(*part));
            if holds.max_by_key(|period| period.day_count()) == Some(key.period) {
                sum.cost += &-(*cost).clone();
            }
        }
    }
    // What is left of doubles is nothing.
    sums.retain(|_, sum| sum.cost.rounded_units(AMOUNT_PLACES) != Some(0));
    sums
}
