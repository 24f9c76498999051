//! Coverage by account, Region and day: what logged when, and the gaps.

use super::account_scope::AccountScope;
use crate::model::audit::Audit;
use crate::model::ids::{AccountId, Region};
use crate::model::text::Text;
use crate::model::time::{UtcDay, UtcSecond};
use crate::model::topology::Topology;
use crate::model::window::TimeWindow;
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The frequency of an account's logs in a Region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Habit {
    /// Never in what was read, though it is declared, or part of a chain.
    Never,
    /// On at least nine in ten days between its first and its last.
    Usual,
    /// On fewer.
    Occasional,
}

impl Habit {
    /// The habit as outputs spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Days without a record where there usually are some; both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// The first day.
    pub first: Date,
    /// The last day.
    pub last: Date,
    /// True if a day of it is in the report's window.
    pub is_in_window: bool,
}

impl fmt::Display for Gap {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            return self.first.fmt(formatter);
        }
        write!(formatter, "{} to {}", self.first, self.last)
    }
}

/// An account in a Region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRegion<'a> {
    /// The account.
    pub account_id: &'a AccountId,
    /// Its name, where one is declared.
    pub account_name: Option<&'a Text>,
    /// The Region; `None` where the account logged nowhere.
    pub region: Option<&'a Region>,
    /// The frequency of its logs.
    pub habit: Habit,
    /// Records by day, in the order of [`CoverageGrid::days`].
    pub records: Vec<u64>,
    /// Days without records that should have some, in the order of [`CoverageGrid::days`].
    pub silent: Vec<bool>,
    /// The same as runs of days.
    pub gaps: Vec<Gap>,
}

impl AccountRegion<'_> {
    /// Returns true if nothing of it was seen in the window, or on a day of it.
    #[must_use]
    pub fn has_gap_in_window(&self) -> bool {
        self.gaps.iter().any(|gap| gap.is_in_window)
    }

    /// Days on which it logged.
    #[must_use]
    pub fn days_logged(&self) -> usize {
        self.records.iter().filter(|records| **records > 0).count()
    }
}

/// Every place, by day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CoverageGrid<'a> {
    /// The UTC days from the first record on, those before the window first.
    pub days: Vec<Date>,
    /// The index of the first of them in the report's own window.
    pub first_in_window: usize,
    /// The places: those with a gap in the window first, then by account and Region.
    pub places: Vec<AccountRegion<'a>>,
}

/// Days of a window that are shown before the first record of all: a window from the
/// beginning of time has no more.
const DAYS_BEFORE_LOGS_MAX: i64 = 366;

/// The days that a run was to read, as far as it can be told.
fn days(audit: &Audit, window: TimeWindow) -> Vec<Date> {
    let (first_seen, last_seen) = audit.coverage.span().unzip();
    // Before the first record of all, silence is the beginning of the logs.
    let first = match (audit.window.from, first_seen, window.from) {
        (Some(read), Some(seen), Some(own)) => {
            let own = own.max(seen.plus(-DAYS_BEFORE_LOGS_MAX * 86_400));
            Some(read.max(seen).min(own))
        }
        (read, seen, _) => read.or(seen),
    };
    let last = window.to.map(|to| to.plus(-1)).or(last_seen);
    let (Some(first), Some(last)) = (first, last) else {
        return Vec::new();
    };
    let days = first.utc_day().until(last.utc_day() + 1);
    days.filter_map(UtcDay::date).collect()
}

/// Accounts whose logs one would want: the declared ones, and those of chains.
fn wanted<'a>(
    audit: &'a Audit,
    topology: &'a Topology,
    scope: Option<&'a AccountScope>,
) -> BTreeSet<&'a AccountId> {
    let declared = topology.consumers.iter().map(|one| &one.account_id);
    let of_chains = audit
        .chains
        .iter()
        .filter(|chain| chain.touches_quick)
        .flat_map(|chain| [&chain.hub_account_id, &chain.consumer_account_id]);
    let hub = topology.hub_account_id.iter();
    let own = scope.map(|scope| &scope.account_id);
    let all = declared.chain(hub).chain(of_chains.flatten());
    all.chain(own).collect()
}

/// Coverage of the days read; `window` is the report's own.
#[must_use]
pub(super) fn places<'a>(
    audit: &'a Audit,
    window: TimeWindow,
    topology: &'a Topology,
    scope: Option<&'a AccountScope>,
) -> CoverageGrid<'a> {
    let days = days(audit, window);
    let Some(&first_day) = days.first() else {
        return CoverageGrid::default();
    };
    let first_utc_day = UtcDay::of(first_day);
    let starts = window.from.map_or(first_utc_day, UtcSecond::utc_day);
    let first_in_window = usize::try_from(starts - first_utc_day).unwrap_or(0);
    let is_last_day_whole = window.to.is_none_or(UtcSecond::is_midnight);
    let at = |day: Date| usize::try_from(UtcDay::of(day) - first_utc_day).ok();
    let mut known: BTreeMap<(&AccountId, Option<&Region>), Vec<u64>> = BTreeMap::new();
    for ((account, region, day), seen) in &audit.coverage.seen {
        let Some(at) = at(*day).filter(|at| *at < days.len()) else {
            continue;
        };
        let records = known.entry((account, Some(region)));
        let records = records.or_insert_with(|| vec![0; days.len()]);
        records[at] += seen.records;
    }
    let seen: BTreeSet<&AccountId> = known.keys().map(|(account, _)| *account).collect();
    let never = wanted(audit, topology, scope).into_iter();
    let never: Vec<&AccountId> = never.filter(|account| !seen.contains(account)).collect();
    for account in never {
        known.insert((account, None), vec![0; days.len()]);
    }
    let places = known.into_iter().map(|((account_id, region), records)| {
        let mut silent = silent(&records, first_utc_day);
        if let Some(last) = silent.last_mut() {
            // A day that is not over is no gap yet.
            *last &= is_last_day_whole || known_empty(&records);
        }
        let gaps = gaps(&silent, &days, first_in_window);
        let habit = habit(&records);
        AccountRegion {
            account_id,
            account_name: topology.account_name(account_id),
            region,
            habit,
            records,
            silent,
            gaps,
        }
    });
    let mut places: Vec<AccountRegion<'a>> = places.collect();
    places.sort_by_key(|place| !place.has_gap_in_window());
    CoverageGrid {
        days,
        first_in_window,
        places,
    }
}

fn habit(records: &[u64]) -> Habit {
    let logged = || {
        records
            .iter()
            .enumerate()
            .filter(|(_, records)| **records > 0)
    };
    match (logged().next(), logged().next_back()) {
        (Some((first, _)), Some((last, _))) if is_mostly(logged().count(), last - first + 1) => {
            Habit::Usual
        }
        (Some(_), _) => Habit::Occasional,
        (None, _) => Habit::Never,
    }
}

/// Days like one that its silence is evaluated by, at least: as the rule `log-gap` does.
const LIKE_DAYS_MIN: usize = 4;

fn is_mostly(logged: usize, days: usize) -> bool {
    days * 9 <= logged * 10
}

/// Days without records where there should be some: on most like days (working days or
/// weekend days) before it, up to the last with records, there are. A silence that goes
/// on does not become usual; what never logged at all is silent on every day.
fn silent(records: &[u64], first: UtcDay) -> Vec<bool> {
    if known_empty(records) {
        return vec![true; records.len()];
    }
    // Of working days and of weekend days: how many there were, and how many with records,
    // by now and up to the last day with records.
    let (mut by_now, mut by_last) = ([(0, 0); 2], None);
    let mut silent = Vec::with_capacity(records.len());
    for (day, records) in first.until(UtcDay::MAX).zip(records) {
        let kind = usize::from(day.is_weekend());
        let is_silent = by_last.is_some_and(|known: [(usize, usize); 2]| {
            let (days, logged) = known[kind];
            *records == 0 && LIKE_DAYS_MIN <= days && is_mostly(logged, days)
        });
        silent.push(is_silent);
        by_now[kind].0 += 1;
        if *records > 0 {
            by_now[kind].1 += 1;
            by_last = Some(by_now);
        }
    }
    silent
}

fn known_empty(records: &[u64]) -> bool {
    records.iter().all(|records| *records == 0)
}

/// Runs of silent days.
fn gaps(silent: &[bool], days: &[Date], first_in_window: usize) -> Vec<Gap> {
    let mut gaps: Vec<Gap> = Vec::new();
    let mut was_silent = false;
    for (at, (is_silent, day)) in silent.iter().copied().zip(days).enumerate() {
        let is_in_window = at >= first_in_window;
        match gaps.last_mut().filter(|_| is_silent && was_silent) {
            Some(gap) => {
                gap.last = *day;
                gap.is_in_window |= is_in_window;
            }
            None if is_silent => gaps.push(Gap {
                first: *day,
                last: *day,
                is_in_window,
            }),
            None => {}
        }
        was_silent = is_silent;
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monday, 2 November 2026.
    fn monday() -> UtcDay {
        UtcDay::of(jiff::civil::date(2026, 11, 2))
    }

    #[test]
    fn a_silent_day_is_one_that_usually_is_not() {
        let silent = |records: &[u64]| -> Vec<usize> {
            let silent = silent(records, monday());
            silent
                .iter()
                .enumerate()
                .filter(|(_, is)| **is)
                .map(|(at, _)| at)
                .collect()
        };
        // Two weeks of working days: weekends are usual, a Wednesday is not.
        let mut office = vec![9, 9, 9, 9, 9, 0, 0, 9, 9, 0, 9, 9, 0, 0];
        assert_eq!(silent(&office), [9]);
        // What stopped stays silent, and a weekend says nothing.
        office.extend([0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(silent(&office), [9, 14, 15, 16, 17, 18]);
        // Two days in three are a habit; so is what began later; too few days say nothing.
        assert_eq!(silent(&[9, 9, 0, 9, 9, 0, 9, 9, 0, 9, 9, 0]), [0usize; 0]);
        assert_eq!(silent(&[0, 0, 0, 9, 9]), [0usize; 0]);
        assert_eq!(silent(&[9, 9, 0]), [0usize; 0]);
        assert_eq!(silent(&[0, 0]), [0, 1]);
        assert_eq!(habit(&[0, 0]), Habit::Never);
        assert_eq!(habit(&[0, 0, 0, 9, 9]), Habit::Usual);
        assert_eq!(habit(&[9, 0, 0, 9]), Habit::Occasional);
    }

    #[test]
    fn gaps_are_runs_of_silent_days() {
        let day = |number: i8| jiff::civil::date(2026, 11, number);
        let days: Vec<Date> = (1..=6).map(day).collect();
        let gap = |first: i8, last: i8, is_in_window: bool| Gap {
            first: day(first),
            last: day(last),
            is_in_window,
        };
        assert_eq!(
            gaps(&[true, false, true, true, false, true], &days, 3),
            [gap(1, 1, false), gap(3, 4, true), gap(6, 6, true)]
        );
        assert_eq!(gaps(&[false; 6], &days, 0), []);
        assert_eq!(gaps(&[true; 6], &days, 5), [gap(1, 6, true)]);
    }
}
