//! Coverage by account, Region and day: what logged when, and the gaps.

use crate::model::audit::Audit;
use crate::model::text::Text;
use crate::model::time::{day_number, numbered_day};
use crate::model::topology::Topology;
use crate::model::window::TimeWindow;
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet};

/// How often an account logs in a Region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Habit {
    /// Never in what was read, though it is declared, or part of a chain.
    Never,
    /// On at least half of the days: that it is silent on one means something.
    Usual,
    /// On fewer.
    Occasional,
}

impl Habit {
    /// The habit as outputs spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Usual => "usual",
            Self::Occasional => "occasional",
        }
    }
}

/// Days without a record where there usually are some; both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// The first day.
    pub first: Date,
    /// The last day.
    pub last: Date,
    /// Whether a day of it is in the report's window.
    pub is_in_window: bool,
}

/// An account in a Region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place<'a> {
    /// The account.
    pub account_id: &'a Text,
    /// Its name, where one is declared.
    pub account_name: Option<&'a Text>,
    /// The Region; `None` where the account logged nowhere.
    pub region: Option<&'a Text>,
    /// How often it logs.
    pub habit: Habit,
    /// Records by day, in the order of [`Places::days`].
    pub records: Vec<u64>,
    /// Where there are none and should be.
    pub gaps: Vec<Gap>,
}

impl Place<'_> {
    /// Whether nothing of it was seen in the window, or on a day of it.
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
pub struct Places<'a> {
    /// The UTC days read, the baseline's first.
    pub days: Vec<Date>,
    /// Which of them are the report's own.
    pub first_in_window: usize,
    /// The places: those with a gap in the window first, then by account and Region.
    pub places: Vec<Place<'a>>,
}

/// The days that a run was to read, as far as it can be told.
fn days(audit: &Audit, window: TimeWindow) -> Vec<Date> {
    let (first_seen, last_seen) = audit.coverage.span().unzip();
    let first = audit.window.from.or(first_seen);
    let last = window.to.map(|to| to.plus(-1)).or(last_seen);
    let (Some(first), Some(last)) = (first, last) else {
        return Vec::new();
    };
    let numbers = day_number(first.day())..=day_number(last.day());
    numbers.filter_map(numbered_day).collect()
}

/// Accounts whose logs one would want: the declared ones, and those of chains.
fn wanted<'a>(audit: &'a Audit, topology: &'a Topology) -> BTreeSet<&'a Text> {
    let declared = topology.consumers.iter().map(|one| &one.account_id);
    let of_chains = audit
        .chains
        .iter()
        .filter(|chain| chain.touches_quick)
        .flat_map(|chain| [&chain.hub_account_id, &chain.consumer_account_id]);
    let hub = topology.hub_account_id.iter();
    declared.chain(hub).chain(of_chains.flatten()).collect()
}

/// Coverage of the days read; `window` is the report's own.
#[must_use]
pub(super) fn places<'a>(
    audit: &'a Audit,
    window: TimeWindow,
    topology: &'a Topology,
) -> Places<'a> {
    let days = days(audit, window);
    let Some(&first_day) = days.first() else {
        return Places::default();
    };
    let first_number = day_number(first_day);
    let starts = window
        .from
        .map_or(first_number, |from| day_number(from.day()));
    let first_in_window = usize::try_from(starts - first_number).unwrap_or(0);
    let at = |day: Date| usize::try_from(day_number(day) - first_number).ok();
    let mut known: BTreeMap<(&Text, Option<&Text>), Vec<u64>> = BTreeMap::new();
    for ((account, region, day), seen) in &audit.coverage.seen {
        let Some(at) = at(*day).filter(|at| *at < days.len()) else {
            continue;
        };
        let records = known.entry((account, Some(region)));
        let records = records.or_insert_with(|| vec![0; days.len()]);
        records[at] += seen.records;
    }
    let seen: BTreeSet<&Text> = known.keys().map(|(account, _)| *account).collect();
    let never = wanted(audit, topology).into_iter();
    let never: Vec<&Text> = never.filter(|account| !seen.contains(account)).collect();
    for account in never {
        known.insert((account, None), vec![0; days.len()]);
    }
    let places = known.into_iter().map(|((account_id, region), records)| {
        let logged = records.iter().filter(|records| **records > 0).count();
        let habit = match logged {
            0 => Habit::Never,
            _ if logged * 2 >= records.len() => Habit::Usual,
            _ => Habit::Occasional,
        };
        let gaps = if habit == Habit::Occasional {
            Vec::new()
        } else {
            gaps(&records, &days, first_in_window)
        };
        Place {
            account_id,
            account_name: topology.account_name(account_id),
            region,
            habit,
            records,
            gaps,
        }
    });
    let mut places: Vec<Place<'a>> = places.collect();
    places.sort_by_key(|place| !place.has_gap_in_window());
    Places {
        days,
        first_in_window,
        places,
    }
}

/// Runs of days without a record.
fn gaps(records: &[u64], days: &[Date], first_in_window: usize) -> Vec<Gap> {
    let mut gaps: Vec<Gap> = Vec::new();
    let mut was_silent = false;
    for (at, (records, day)) in records.iter().zip(days).enumerate() {
        let is_silent = *records == 0;
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
            gaps(&[0, 3, 0, 0, 2, 0], &days, 3),
            [gap(1, 1, false), gap(3, 4, true), gap(6, 6, true)]
        );
        assert_eq!(gaps(&[1, 1, 1, 1, 1, 1], &days, 0), []);
        assert_eq!(gaps(&[0; 6], &days, 5), [gap(1, 6, true)]);
    }
}
