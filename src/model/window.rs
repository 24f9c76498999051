//! The half-open UTC window that a run answers for.

use super::time::{UtcDay, UtcSecond};

/// Longest life of a role session, in seconds: a chained one lives an hour, one that a service
/// made up to twelve (docs/cloudtrail-facts.md#by-a-service). Events this much earlier than
/// the window are read so that its chains find their hops.
pub const LOOK_BACK_SECONDS: i64 = 12 * 3600;

/// The longest time that a chained session from inside the window may go on after it, in seconds
/// (docs/cloudtrail-facts.md#assumerole: role chaining caps a session at an hour).
pub const LOOK_AHEAD_SECONDS: i64 = 3600;

/// The longest delay of a file's delivery after its events, in days, within which it is found when
/// files are selected by the date in their key (docs/cloudtrail-facts.md#object-keys).
pub const DELIVERY_SLACK_DAYS: i64 = 1;

/// `[from, to)` in UTC; an absent end is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeWindow {
    /// First second inside.
    pub from: Option<UtcSecond>,
    /// First second after.
    pub to: Option<UtcSecond>,
}

impl TimeWindow {
    /// The window that holds everything.
    pub const ALL: Self = Self {
        from: None,
        to: None,
    };

    /// The window of one UTC day.
    #[must_use]
    pub fn of_day(day: UtcDay) -> Self {
        Self {
            from: Some(day.start()),
            to: Some((day + 1).start()),
        }
    }

    /// Returns true if the moment is inside.
    #[must_use]
    pub fn contains(&self, moment: UtcSecond) -> bool {
        self.from.is_none_or(|from| from <= moment) && self.to.is_none_or(|to| moment < to)
    }

    /// Returns true if an event of this time is needed to tell what happened inside: inside, at
    /// most [`LOOK_BACK_SECONDS`] before, or so soon behind that a chained session from inside may
    /// still be at work.
    #[must_use]
    pub fn needs(&self, moment: UtcSecond) -> bool {
        self.to
            .is_none_or(|to| moment < to.plus(LOOK_AHEAD_SECONDS))
            && self
                .from
                .is_none_or(|from| from.plus(-LOOK_BACK_SECONDS) <= moment)
    }

    /// Returns true if files delivered on this day may hold needed events.
    #[must_use]
    pub fn needs_delivery_day(&self, day: jiff::civil::Date) -> bool {
        let midnight = UtcSecond::midnight(day);
        midnight.is_none_or(|midnight| self.needs_delivery(midnight, DAY_SECONDS))
    }

    /// Returns true if files delivered on this day may hold needed events at some times of the day
    /// and not at others.
    #[must_use]
    pub fn cuts_delivery_day(&self, day: jiff::civil::Date) -> bool {
        let Some(midnight) = UtcSecond::midnight(day) else {
            return false;
        };
        let last = midnight.plus(DAY_SECONDS - 1);
        self.needs_delivery_day(day)
            && !(self.needs_delivery(midnight, 1) && self.needs_delivery(last, 1))
    }

    /// Returns true if files delivered within so many seconds of a moment may hold needed events:
    /// at most [`DELIVERY_SLACK_DAYS`] after they happened, and not before.
    #[must_use]
    pub fn needs_delivery(&self, first: UtcSecond, seconds: i64) -> bool {
        let slack = DELIVERY_SLACK_DAYS * DAY_SECONDS;
        self.from
            .is_none_or(|from| from.plus(-LOOK_BACK_SECONDS) < first.plus(seconds))
            && self.to.is_none_or(|to| first < to.plus(slack))
    }

    /// Returns the window with so many whole UTC days before it.
    #[must_use]
    pub fn with_baseline(self, days: i64) -> Self {
        let start = |from: UtcSecond| {
            if days == 0 {
                return from;
            }
            (from.utc_day() - days).start()
        };
        Self {
            from: self.from.map(start),
            to: self.to,
        }
    }

    /// Returns the window widened to whole UTC days, as bills are.
    #[must_use]
    pub fn whole_days(self) -> Self {
        let end = |moment: UtcSecond| (moment.plus(-1).utc_day() + 1).start();
        Self {
            from: self.from.map(|from| from.utc_day().start()),
            to: self.to.map(end),
        }
    }

    /// Returns the whole UTC days inside the window: what a bill can tell; `None` where
    /// there are none.
    #[must_use]
    pub fn days_inside(self) -> Option<Self> {
        let from = self.from.map(|from| (from.plus(-1).utc_day() + 1).start());
        let to = self.to.map(|to| to.utc_day().start());
        let is_empty = from.zip(to).is_some_and(|(from, to)| to <= from);
        (!is_empty).then_some(Self { from, to })
    }
}

const DAY_SECONDS: i64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UtcSecond {
        UtcSecond::parse(text).unwrap()
    }

    fn window() -> TimeWindow {
        TimeWindow {
            from: Some(at("2026-07-02T00:00:00Z")),
            to: Some(at("2026-07-03T00:00:00Z")),
        }
    }

    #[test]
    fn the_window_is_half_open() {
        assert!(window().contains(at("2026-07-02T00:00:00Z")));
        assert!(window().contains(at("2026-07-02T23:59:59Z")));
        assert!(!window().contains(at("2026-07-03T00:00:00Z")));
        assert!(!window().contains(at("2026-07-01T23:59:59Z")));
        assert!(TimeWindow::ALL.contains(at("1970-01-01T00:00:00Z")));
    }

    #[test]
    fn hops_before_the_window_are_needed_and_calls_just_behind_it() {
        assert!(window().needs(at("2026-07-01T12:00:00Z")));
        assert!(!window().needs(at("2026-07-01T11:59:59Z")));
        assert!(window().needs(at("2026-07-03T00:59:59Z")));
        assert!(!window().needs(at("2026-07-03T01:00:00Z")));
    }

    #[test]
    fn days_are_chosen_with_slack_on_both_sides() {
        let needs = |day: &str| window().needs_delivery_day(day.parse().unwrap());
        assert!(!needs("2026-06-30"));
        assert!(needs("2026-07-01"));
        assert!(needs("2026-07-02"));
        assert!(needs("2026-07-03"));
        assert!(!needs("2026-07-04"));
    }

    #[test]
    fn the_minute_of_delivery_is_enough() {
        let needs = |minute: &str| window().needs_delivery(at(minute), 60);
        assert!(!needs("2026-07-01T11:59:00Z"));
        assert!(needs("2026-07-01T12:00:00Z"));
        assert!(needs("2026-07-03T23:59:00Z"));
        assert!(!needs("2026-07-04T00:00:00Z"));
        let cuts = |day: &str| window().cuts_delivery_day(day.parse().unwrap());
        assert!(cuts("2026-07-01"));
        for whole in ["2026-06-30", "2026-07-02", "2026-07-03", "2026-07-04"] {
            assert!(!cuts(whole), "{whole}");
        }
    }

    #[test]
    fn days_are_whole() {
        let at = |text: &str| UtcSecond::parse(text);
        let part = TimeWindow {
            from: at("2026-11-01T10:00:00Z"),
            to: at("2026-11-03T00:00:01Z"),
        };
        let whole = part.whole_days();
        assert_eq!(whole.from, at("2026-11-01T00:00:00Z"));
        assert_eq!(whole.to, at("2026-11-04T00:00:00Z"));
        assert_eq!(whole.whole_days(), whole);
        assert_eq!(whole.days_inside(), Some(whole));
        let inside = part.days_inside().unwrap();
        assert_eq!(inside.from, at("2026-11-02T00:00:00Z"));
        assert_eq!(inside.to, at("2026-11-03T00:00:00Z"));
        assert_eq!(inside.with_baseline(0), inside);
        assert_eq!(part.with_baseline(1).from, at("2026-10-31T00:00:00Z"));
        let hours = TimeWindow {
            from: at("2026-11-01T10:00:00Z"),
            to: at("2026-11-01T12:00:00Z"),
        };
        assert_eq!(hours.days_inside(), None);
        assert_eq!(TimeWindow::ALL.days_inside(), Some(TimeWindow::ALL));
    }
}
