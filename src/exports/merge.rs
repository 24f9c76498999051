//! Which lines count where several answers or bills cover the same.
//!
//! Lines of a report add up, whatever their periods. Answers of Cost Explorer do
//! not: an hour, its day, its month and the month as it stood a week ago are the
//! same money. And where two kinds of bills cover an account and day, the one that
//! says more counts. What a longer period has beyond the days that are told apart
//! stays, as a line of its own.

use super::cost_explorer::{Entry, EntryKey};
use crate::model::bill::{
    BillKind, BillPeriod, BilledFor, ChargeCategory, LineAmounts, LineKey, Uncounted,
};
use crate::model::money::add;
use crate::model::text::Text;
use jiff::civil::Date;
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};

type Lines = BTreeMap<LineKey, LineAmounts>;

/// Entries of Cost Explorer that do not overlap.
pub(super) fn entries(all: BTreeMap<EntryKey, Entry>, uncounted: &mut Uncounted) -> Vec<Entry> {
    let mut by_subject: BTreeMap<_, Vec<Entry>> = BTreeMap::new();
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

fn of_one_subject(entries: Vec<Entry>, uncounted: &mut Uncounted) -> Vec<Entry> {
    let (long, short): (Vec<Entry>, Vec<Entry>) = entries
        .into_iter()
        .partition(|entry| !entry.line.key.period.is_one_day());
    let (parts, days): (Vec<Entry>, Vec<Entry>) =
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
    let days_told: Vec<(Date, Decimal, Option<Decimal>)> = kept
        .iter()
        .map(|entry| {
            (
                entry.line.key.period.from,
                entry.line.cost,
                entry.line.terabytes,
            )
        })
        .collect();
    for mut entry in longest(long, uncounted) {
        let period = entry.line.key.period;
        let inside = days_told
            .iter()
            .filter(|(day, ..)| contains_day(period, *day));
        let told: BTreeSet<Date> = inside.clone().map(|(day, ..)| *day).collect();
        if period.days().all(|day| told.contains(&day)) {
            uncounted.covered_elsewhere += 1;
            continue;
        }
        for (_, cost, terabytes) in inside {
            entry.line.cost = add(entry.line.cost, -*cost).unwrap_or(entry.line.cost);
            entry.line.terabytes = less(entry.line.terabytes, *terabytes);
        }
        kept.push(entry);
    }
    kept
}

/// Of longer periods that overlap, the longest: a month as it stood later.
fn longest(mut long: Vec<Entry>, uncounted: &mut Uncounted) -> Vec<Entry> {
    let days = |period: BillPeriod| period.days().count();
    long.sort_by_key(|entry| {
        let period = entry.line.key.period;
        (
            std::cmp::Reverse(days(period)),
            entry.line.is_estimated,
            period,
        )
    });
    let mut kept: Vec<Entry> = Vec::new();
    for entry in long {
        let period = entry.line.key.period;
        let overlaps = |known: &Entry| {
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

fn contains_day(period: BillPeriod, day: Date) -> bool {
    period.from <= day && day < period.to
}

fn contains(outer: BillPeriod, inner: BillPeriod) -> bool {
    outer.from <= inner.from && inner.to <= outer.to
}

/// What is left of a quantity, where both are told.
fn less(quantity: Option<Decimal>, part: Option<Decimal>) -> Option<Decimal> {
    let left = add(quantity?, -part.unwrap_or_default())?;
    Some(left.max(Decimal::ZERO))
}

/// What kinds of bills are compared on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Facet {
    Athena,
    Services,
    Extra(ChargeCategory),
}

fn facet(key: &LineKey) -> Facet {
    match (key.category, &key.billed_for) {
        (ChargeCategory::Usage, BilledFor::Service(_)) => Facet::Services,
        (ChargeCategory::Usage, _) => Facet::Athena,
        (category, _) => Facet::Extra(category),
    }
}

/// How much a kind says of a facet.
fn rank(kind: BillKind, facet: Facet) -> u8 {
    match (kind, facet) {
        (BillKind::Cur, _) => 3,
        (BillKind::Focus, _) => 2,
        (BillKind::CostExplorerByUsageType, Facet::Athena)
        | (BillKind::CostExplorerByService, Facet::Services | Facet::Extra(_)) => 1,
        (BillKind::CostExplorerByUsageType, Facet::Services | Facet::Extra(_))
        | (BillKind::CostExplorerByService, Facet::Athena) => 0,
    }
}

/// The best rank of each facet, account and day.
struct Coverage(BTreeMap<(Facet, Text, Date), u8>);

impl Coverage {
    fn of(lines: &Lines) -> Self {
        let tells_scans = lines.keys().any(|key| {
            key.kind == BillKind::CostExplorerByUsageType && key.billed_for == BilledFor::AthenaScan
        });
        let mut best = BTreeMap::new();
        for key in lines.keys() {
            let own = facet(key);
            let mut facets = vec![own];
            match key.kind {
                // An answer by service that tells of Athena tells of other services.
                BillKind::CostExplorerByService if own == Facet::Athena => {
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
        Self(best)
    }

    /// The best rank of the line's facet, account and day, if it is better.
    fn better(&self, key: &LineKey, day: Date) -> Option<u8> {
        let facet = facet(key);
        let best = self.0.get(&(facet, key.account_id.clone(), day)).copied();
        best.filter(|best| rank(key.kind, facet) < *best)
    }
}

/// Lines of which no two of different kinds tell the same.
pub(super) fn lines(all: Lines, uncounted: &mut Uncounted) -> Lines {
    let coverage = Coverage::of(&all);
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
            if of_athena && days.iter().all(|best| *best == Some(1)) {
                wholes.push((key, amounts));
            }
        } else {
            partly.push((key, amounts));
        }
    }
    let remainders: Vec<(LineKey, LineAmounts)> = partly
        .into_iter()
        .map(|(key, amounts)| {
            let left = without_told(&key, amounts, &kept);
            (key, left)
        })
        .collect();
    kept.extend(remainders);
    let other = apart_from_scans(wholes, &kept);
    kept.extend(other);
    kept
}

/// What a longer period has beyond what better lines tell of some of its days.
fn without_told(key: &LineKey, mut amounts: LineAmounts, kept: &Lines) -> LineAmounts {
    let is_same = |better: &LineKey| {
        let is_same_use = match key.billed_for {
            BilledFor::Athena => facet(better) == Facet::Athena,
            _ => better.billed_for == key.billed_for,
        };
        is_same_use
            && better.account_id == key.account_id
            && better.category == key.category
            && better.currency == key.currency
            && (key.region.is_none() || better.region == key.region)
            && contains(key.period, better.period)
    };
    for (_, told) in kept.iter().filter(|(better, _)| is_same(better)) {
        amounts.cost = add(amounts.cost, -told.cost).unwrap_or(amounts.cost);
        amounts.terabytes = less(amounts.terabytes, told.terabytes);
    }
    amounts
}

/// What Cost Explorer's figures for all of Athena say beyond what usage types tell
/// of the same account and days: capacity, Spark and the like.
fn apart_from_scans(wholes: Vec<(LineKey, LineAmounts)>, kept: &Lines) -> Lines {
    let mut told_apart: BTreeMap<(&Text, &Text), Vec<(BillPeriod, Decimal)>> = BTreeMap::new();
    for (key, amounts) in kept {
        let is_told_apart =
            key.kind == BillKind::CostExplorerByUsageType && facet(key) == Facet::Athena;
        if is_told_apart {
            let place = (&key.account_id, &key.currency);
            told_apart
                .entry(place)
                .or_default()
                .push((key.period, amounts.cost));
        }
    }
    let mut sums: Lines = Lines::new();
    for (key, amounts) in wholes {
        let told = told_apart.get(&(&key.account_id, &key.currency));
        let told = told.map_or(&[][..], Vec::as_slice);
        let longer = told
            .iter()
            .find(|(period, _)| contains(*period, key.period));
        let period = longer.map_or(key.period, |(period, _)| *period);
        let key = LineKey {
            billed_for: BilledFor::AthenaOther,
            period,
            ..key
        };
        let sum = sums.entry(key).or_default();
        sum.cost = add(sum.cost, amounts.cost).unwrap_or(sum.cost);
        sum.lines += amounts.lines;
        sum.is_estimated |= amounts.is_estimated;
    }
    for (key, sum) in &mut sums {
        let told = told_apart.get(&(&key.account_id, &key.currency));
        let inside = told.into_iter().flatten();
        for (_, cost) in inside.filter(|(period, _)| contains(key.period, *period)) {
            sum.cost = add(sum.cost, -*cost).unwrap_or(sum.cost);
        }
    }
    sums.retain(|_, sum| !sum.cost.is_zero());
    sums
}
