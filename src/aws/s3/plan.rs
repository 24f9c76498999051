//! The listing plan of a bucket for a window, and the kinds of its folders.

use crate::model::ids::is_account_id;
use crate::model::key::TrailObjects;
use crate::model::time::UtcDay;
use crate::model::window::{DELIVERY_SLACK_DAYS, LOOK_BACK_SECONDS, TimeWindow};
use jiff::civil::Date;
use std::collections::BTreeSet;
use std::str::FromStr;

/// Days that are listed one by one.
const DAYS_BY_PREFIX_MAX: i64 = 4;
/// A character that sorts after every name that begins like a day's folder.
const BEHIND: char = '~';
/// Months that are listed without asking which there are.
const MONTHS_UNASKED_MAX: usize = 2;

/// Days of delivery that a window needs; open where the window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DeliveryDays {
    first: Option<Date>,
    last: Option<Date>,
}

impl DeliveryDays {
    /// The same days that [`TimeWindow::needs_delivery_day`] says.
    pub(super) fn of(window: &TimeWindow) -> Self {
        let slack = DELIVERY_SLACK_DAYS * 86_400;
        Self {
            first: window.from.map(|from| from.plus(-LOOK_BACK_SECONDS).day()),
            last: window.to.map(|to| to.plus(slack - 1).day()),
        }
    }

    /// Returns the first listings of one account and Region: few days each by itself, few months by
    /// month, else the existing years.
    pub(super) fn lists(self, region: &str) -> Vec<ListingJob> {
        let explored = || {
            vec![ListingJob::Explore {
                prefix: region.to_owned(),
            }]
        };
        let (Some(first), Some(last)) = (self.first, self.last) else {
            return explored();
        };
        let (from, to) = (UtcDay::of(first), UtcDay::of(last));
        if to - from < DAYS_BY_PREFIX_MAX {
            let days = from.until(to + 1).filter_map(UtcDay::date);
            return days.map(|day| ListingJob::day(region, day)).collect();
        }
        let most = i64::try_from(MONTHS_UNASKED_MAX * 31).unwrap_or_default();
        let months: BTreeSet<(i16, i8)> = from
            .until(to.min(from + most) + 1)
            .filter_map(UtcDay::date)
            .map(|day| (day.year(), day.month()))
            .collect();
        if months.len() > MONTHS_UNASKED_MAX {
            return explored();
        }
        let months = months.into_iter();
        months
            .map(|(year, month)| self.month(&format!("{region}{year:04}/{month:02}/")))
            .collect()
    }

    /// A month's folder, from the first of the days on and no further than the last.
    pub(super) fn month(self, folder: &str) -> ListingJob {
        let region = &folder[..folder.len().saturating_sub("YYYY/MM/".len())];
        ListingJob::Scan {
            after: self.first.map(|day| format!("{region}{}", path(day))),
            before: self.last.map(|day| {
                let next = (UtcDay::of(day) + 1).date().unwrap_or(day);
                format!("{region}{}", path(next))
            }),
            prefix: folder.to_owned(),
        }
    }

    /// Returns the rest of a month after one of its keys, in parts that can be listed concurrently:
    /// each day, with every name that begins like it, and what sorts after the days. `None` where
    /// the key is not in the folder of a day.
    pub(super) fn rest_of_month(
        self,
        folder: &str,
        year: i16,
        month: i8,
        key: &str,
    ) -> Option<Vec<ListingJob>> {
        let day = key.strip_prefix(folder)?.split_once('/')?.0;
        let day = Date::new(year, month, number(day, 2)?).ok()?;
        let end = day.last_of_month();
        let last = self.last.map_or(end, |last| last.min(end));
        let prefix = |day: Date| format!("{folder}{:02}", day.day());
        let days = UtcDay::of(day)
            .until(UtcDay::of(last) + 1)
            .filter_map(UtcDay::date);
        let mut jobs: Vec<ListingJob> = days.map(|day| ListingJob::whole(prefix(day))).collect();
        if let Some(ListingJob::Scan { after, .. }) = jobs.first_mut() {
            *after = Some(key.to_owned());
        }
        if last == end {
            jobs.push(ListingJob::Scan {
                prefix: folder.to_owned(),
                after: Some(format!("{}{BEHIND}", prefix(end))),
                before: None,
            });
        }
        Some(jobs)
    }

    /// Returns true if any of the days is in this year.
    pub(super) fn has_year(self, year: i16) -> bool {
        self.first.is_none_or(|first| first.year() <= year)
            && self.last.is_none_or(|last| year <= last.year())
    }

    /// Returns true if any of the days is in this month.
    pub(super) fn has_month(self, month: (i16, i8)) -> bool {
        let of = |day: Date| (day.year(), day.month());
        self.first.is_none_or(|first| of(first) <= month)
            && self.last.is_none_or(|last| month <= of(last))
    }
}

/// A number that is written with so many digits.
pub(super) fn number<T: FromStr>(text: &str, digits: usize) -> Option<T> {
    let is_number = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

fn path(day: Date) -> String {
    format!("{:04}/{:02}/{:02}", day.year(), day.month(), day.day())
}

/// Something to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ListingJob {
    /// A folder whose folders are to be looked into.
    Explore { prefix: String },
    /// A folder next to logs: whether there are logs of another trail in it.
    Peek { prefix: String },
    /// Objects, from one key to another.
    Scan {
        prefix: String,
        after: Option<String>,
        before: Option<String>,
    },
}

/// The kind of a folder, by its key.
pub(super) enum FolderKind<'a> {
    /// Above the accounts, or in no layout that is known.
    Above,
    /// `ACCOUNT/`
    Account(&'a str),
    /// `ACCOUNT/CloudTrail/`, or the folder of digests.
    Objects,
    /// `ACCOUNT/CloudTrail/REGION/`
    Region,
    /// `ACCOUNT/CloudTrail/REGION/YYYY/`
    Year(i16),
    /// `ACCOUNT/CloudTrail/REGION/YYYY/MM/`
    Month(i16, i8),
    /// `ACCOUNT/CloudTrail/REGION/...`: below what is found by listing.
    Below,
}

impl<'a> FolderKind<'a> {
    pub(super) fn of(prefix: &'a str, wanted: TrailObjects) -> Self {
        let parts: Vec<&str> = prefix.trim_end_matches('/').split('/').collect();
        let account = parts.iter().rposition(|part| is_account_id(part));
        match account {
            None => Self::Above,
            Some(at) => match parts[at + 1..] {
                [] => Self::Account(parts[at]),
                [folder] if folder == wanted.folder() => Self::Objects,
                [folder, ref below @ ..] if folder == wanted.folder() => match below {
                    [_region] => Self::Region,
                    [_, year] => number(year, 4).map_or(Self::Below, Self::Year),
                    [_, year, month] => match (number(year, 4), number(month, 2)) {
                        (Some(year), Some(month)) => Self::Month(year, month),
                        _ => Self::Below,
                    },
                    _ => Self::Below,
                },
                _ => Self::Above,
            },
        }
    }
}

impl ListingJob {
    /// All of a prefix.
    pub(super) fn whole(prefix: String) -> Self {
        Self::Scan {
            prefix,
            after: None,
            before: None,
        }
    }

    fn day(region: &str, day: Date) -> Self {
        Self::whole(format!("{region}{}/", path(day)))
    }

    pub(super) fn prefix(&self) -> &str {
        let (Self::Explore { prefix } | Self::Peek { prefix } | Self::Scan { prefix, .. }) = self;
        prefix
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::UtcSecond;

    fn days(first: &str, last: &str) -> DeliveryDays {
        DeliveryDays {
            first: Some(first.parse().unwrap()),
            last: Some(last.parse().unwrap()),
        }
    }

    #[test]
    fn days_of_a_window_are_those_that_local_reading_needs() {
        let at = |text: &str| UtcSecond::parse(text).unwrap();
        for (from, to) in [
            ("2026-07-02T00:00:00Z", "2026-07-03T00:00:00Z"),
            ("2026-07-02T13:00:00Z", "2026-07-02T14:00:00Z"),
            ("2026-07-02T11:59:59Z", "2026-07-09T00:00:01Z"),
        ] {
            let window = TimeWindow {
                from: Some(at(from)),
                to: Some(at(to)),
            };
            let days = DeliveryDays::of(&window);
            let first = UtcDay::of(days.first.unwrap()) - 3;
            for day in first.until(UtcDay::of(days.last.unwrap()) + 4) {
                let day = day.date().unwrap();
                let inside = days.first.unwrap() <= day && day <= days.last.unwrap();
                assert_eq!(inside, window.needs_delivery_day(day), "{from} {to} {day}");
            }
        }
    }

    #[test]
    fn few_days_are_listed_by_themselves() {
        let scans = days("2026-07-31", "2026-08-02").lists("r/");
        let prefixes: Vec<&str> = scans
            .iter()
            .map(|job| match job {
                ListingJob::Scan { prefix, .. } => prefix.as_str(),
                ListingJob::Explore { .. } | ListingJob::Peek { .. } => "?",
            })
            .collect();
        assert_eq!(
            prefixes,
            ["r/2026/07/31/", "r/2026/08/01/", "r/2026/08/02/"]
        );
    }

    #[test]
    fn many_days_are_listed_by_month_from_the_first_to_the_last() {
        let scans = days("2026-07-15", "2026-08-02").lists("r/");
        assert_eq!(scans.len(), 2);
        for (scan, month) in scans.iter().zip(["07", "08"]) {
            let wanted = ListingJob::Scan {
                prefix: format!("r/2026/{month}/"),
                after: Some("r/2026/07/15".to_owned()),
                before: Some("r/2026/08/03".to_owned()),
            };
            assert_eq!(*scan, wanted);
        }
    }

    #[test]
    fn of_many_months_those_that_there_are_are_asked_for() {
        let explored = [ListingJob::Explore {
            prefix: "r/".to_owned(),
        }];
        for (first, last) in [("2026-06-15", "2026-08-02"), ("0001-01-01", "9999-12-31")] {
            assert_eq!(days(first, last).lists("r/"), explored);
        }
        let open = DeliveryDays {
            first: None,
            last: None,
        };
        assert_eq!(open.lists("r/"), explored);
        assert!(open.has_year(1999) && open.has_month((1999, 1)));
        let days = days("2025-12-30", "2026-02-01");
        assert!(days.has_year(2025) && days.has_year(2026) && !days.has_year(2027));
        assert!(days.has_month((2025, 12)) && days.has_month((2026, 2)));
        assert!(!days.has_month((2025, 11)) && !days.has_month((2026, 3)));
    }

    #[test]
    fn what_is_left_of_a_long_month_is_listed_by_day() {
        let rest = |key: &str| {
            let july = days("2026-06-15", "2026-07-04");
            july.rest_of_month("r/2026/07/", 2026, 7, key)
        };
        let begun = ListingJob::Scan {
            prefix: "r/2026/07/02".to_owned(),
            after: Some("r/2026/07/02/f".to_owned()),
            before: None,
        };
        let whole = |day: &str| ListingJob::whole(format!("r/2026/07/{day}"));
        let left = rest("r/2026/07/02/f").unwrap();
        assert_eq!(left, [begun, whole("03"), whole("04")]);
        // To the end of the month, what is behind its days belongs to it.
        let all = DeliveryDays {
            first: None,
            last: None,
        };
        let left = all.rest_of_month("r/2026/07/", 2026, 7, "r/2026/07/30/f");
        let behind = ListingJob::Scan {
            prefix: "r/2026/07/".to_owned(),
            after: Some("r/2026/07/31~".to_owned()),
            before: None,
        };
        assert_eq!(left.unwrap()[1..], [whole("31"), behind]);
        for other in ["r/2026/07/f", "r/2026/07/32/f", "r/2026/07/x2/f", "q"] {
            assert_eq!(rest(other), None, "{other}");
        }
    }

    #[test]
    fn folders_are_told_by_their_keys() {
        let of = |below: &str| {
            let key = format!("AWSLogs/444455556666/CloudTrail/{below}");
            let folder = FolderKind::of(&key, TrailObjects::Logs);
            match folder {
                FolderKind::Objects => "objects".to_owned(),
                FolderKind::Region => "region".to_owned(),
                FolderKind::Year(year) => format!("{year}"),
                FolderKind::Month(year, month) => format!("{year}-{month}"),
                FolderKind::Below => "below".to_owned(),
                FolderKind::Above | FolderKind::Account(_) => "above".to_owned(),
            }
        };
        let told = ["", "eu-west-1/", "eu-west-1/2026/", "eu-west-1/2026/07/"].map(of);
        assert_eq!(told, ["objects", "region", "2026", "2026-7"]);
        let told = ["eu-west-1/x/", "eu-west-1/2026/7/", "eu-west-1/2026/07/01/"].map(of);
        assert_eq!(told, ["below", "below", "below"]);
    }
}
