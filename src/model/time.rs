//! UTC seconds: the granularity of CloudTrail (docs/cloudtrail-facts.md#record-fields).

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use std::fmt;
use std::ops::{Add, Sub};

/// A moment in UTC, to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcSecond(i64);

impl UtcSecond {
    /// Seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_unix(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// Reads the spellings that CloudTrail uses for event and session times:
    /// `2026-07-01T10:00:00Z` and `20260701T100000Z`, with or without a fraction
    /// (which is dropped). `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let moment: Timestamp = text.parse().ok()?;
        Some(Self(moment.as_second()))
    }

    /// Reads the times of logs, also as exports of query engines and SIEMs write them: a space for
    /// the `T`, fractions, `UTC` or no zone (`2026-11-20 09:15:31.123456789`), or seconds or
    /// milliseconds since 1970. Times without a zone are UTC.
    #[must_use]
    pub fn parse_logged(text: &str) -> Option<Self> {
        const MILLISECONDS_DIGITS: usize = 13;
        if let Some(moment) = Self::parse(text) {
            return Some(moment);
        }
        let text = text.trim();
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            let number: i64 = text.parse().ok()?;
            return match text.len() {
                10 => Some(Self(number)),
                MILLISECONDS_DIGITS => Some(Self(number / 1000)),
                _ => None,
            };
        }
        let zoneless = text.strip_suffix("UTC").unwrap_or(text).trim_end();
        if let Ok(moment) = zoneless.parse::<DateTime>()
            && zoneless.contains(':')
        {
            let moment = moment.to_zoned(TimeZone::UTC).ok()?;
            return Some(Self(moment.timestamp().as_second()));
        }
        None
    }

    /// Reads the `expiration` of issued credentials: `Jul 1, 2026, 11:00:00 AM`, the same without
    /// the comma after the year, or one of [`Self::parse`]
    /// (docs/cloudtrail-facts.md#by-a-service). Times there are UTC.
    #[must_use]
    pub fn parse_expiration(text: &str) -> Option<Self> {
        if let Some(moment) = Self::parse_logged(text) {
            return Some(moment);
        }
        let plain: String = text
            .chars()
            .filter(|&letter| letter != ',')
            .map(|letter| if letter == '\u{202f}' { ' ' } else { letter })
            .collect();
        let parsed = strtime::parse("%b %d %Y %I:%M:%S %p", &plain).ok()?;
        let moment: DateTime = parsed.to_datetime().ok()?;
        let moment = moment.to_zoned(TimeZone::UTC).ok()?;
        Some(Self(moment.timestamp().as_second()))
    }

    /// Midnight at the start of a UTC day.
    #[must_use]
    pub fn midnight(day: Date) -> Option<Self> {
        let moment = day.to_zoned(TimeZone::UTC).ok()?;
        Some(Self(moment.timestamp().as_second()))
    }

    /// Returns true if a UTC day begins with it.
    #[must_use]
    pub const fn is_midnight(self) -> bool {
        self.0.rem_euclid(86_400) == 0
    }

    /// Returns the first UTC day that begins at or after it.
    #[must_use]
    pub fn first_whole_day(self) -> UtcDay {
        self.utc_day() + i64::from(!self.is_midnight())
    }

    /// Returns the UTC day it falls on as a number, many times as fast as [`Self::day`].
    #[must_use]
    pub fn utc_day(self) -> UtcDay {
        UtcDay::clamped(self.0.div_euclid(DAY_SECONDS))
    }

    /// The UTC day it falls on.
    #[must_use]
    pub fn day(self) -> Date {
        self.timestamp().to_zoned(TimeZone::UTC).date()
    }

    /// So many seconds later (earlier, if negative).
    #[must_use]
    pub const fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Returns true for two times of one thing, as two services wrote them.
    #[must_use]
    pub const fn is_within_skew(self, other: Self) -> bool {
        self.distance(other) <= CLOCK_SKEW_SECONDS.unsigned_abs()
    }

    /// Seconds between two moments, always positive.
    #[must_use]
    pub const fn distance(self, other: Self) -> u64 {
        self.0.abs_diff(other.0)
    }

    fn timestamp(self) -> Timestamp {
        let bounded = self
            .0
            .clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
        Timestamp::from_second(bounded).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// Times of one thing differ by at most this between services: creation times of a session,
/// copies of an event
/// (docs/cloudtrail-facts.md#joining-sessions: equal to the second in 118 of 118 cases).
pub const CLOCK_SKEW_SECONDS: i64 = 2;

/// The longest that a role session lasts, in seconds
/// (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>).
pub const SESSION_SECONDS_MAX: i64 = 12 * 3600;

const EPOCH: Date = jiff::civil::date(1970, 1, 1);
const DAY_SECONDS: i64 = 86_400;

/// A UTC day as a number, days since 1970-01-01: histories and sums are kept by it, which
/// is many times as fast as by the calendar.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct UtcDay(i32);

impl UtcDay {
    /// Before every day.
    pub const MIN: Self = Self(i32::MIN);
    /// After every day.
    pub const MAX: Self = Self(i32::MAX);

    /// Returns the day so many days after 1970-01-01.
    #[must_use]
    pub const fn numbered(number: i32) -> Self {
        Self(number)
    }

    /// Returns the number of a day of the calendar.
    #[must_use]
    pub fn of(date: Date) -> Self {
        Self(EPOCH.until(date).map_or(0, |span| span.get_days()))
    }

    /// Returns the days since 1970-01-01.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0
    }

    /// Returns the day of the calendar; `None` where no calendar has it.
    #[must_use]
    pub fn date(self) -> Option<Date> {
        let days = jiff::Span::new().try_days(self.0).ok()?;
        EPOCH.checked_add(days).ok()
    }

    /// Returns the midnight that it begins with.
    #[must_use]
    pub const fn start(self) -> UtcSecond {
        UtcSecond(self.0 as i64 * DAY_SECONDS)
    }

    /// Returns the days from this one to `end`, which is not one of them.
    pub fn until(self, end: Self) -> impl DoubleEndedIterator<Item = Self> + use<> {
        (self.0..end.0).map(Self)
    }

    /// Returns the weekday: 0 is Monday. 1970-01-01 was a Thursday.
    #[must_use]
    pub const fn weekday(self) -> i64 {
        (self.0 as i64 + 3).rem_euclid(7)
    }

    /// Returns whether it is a Saturday or a Sunday.
    #[must_use]
    pub const fn is_weekend(self) -> bool {
        self.weekday() >= 5
    }

    fn clamped(number: i64) -> Self {
        let out_of_range = if number < 0 { Self::MIN } else { Self::MAX };
        i32::try_from(number).map_or(out_of_range, Self)
    }
}

/// So many days later.
impl Add<i64> for UtcDay {
    type Output = Self;

    fn add(self, days: i64) -> Self {
        Self::clamped(i64::from(self.0).saturating_add(days))
    }
}

/// So many days earlier.
impl Sub<i64> for UtcDay {
    type Output = Self;

    fn sub(self, days: i64) -> Self {
        Self::clamped(i64::from(self.0).saturating_sub(days))
    }
}

/// The days between two days.
impl Sub for UtcDay {
    type Output = i64;

    fn sub(self, earlier: Self) -> i64 {
        i64::from(self.0) - i64::from(earlier.0)
    }
}

impl fmt::Display for UtcSecond {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timestamp().fmt(formatter)
    }
}

impl serde::Serialize for UtcSecond {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for UtcSecond {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let wrong = || serde::de::Error::custom("no moment in UTC");
        Self::parse(&text).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UtcSecond {
        UtcSecond::parse(text).unwrap()
    }

    #[test]
    fn both_spellings_of_a_session_time_are_read() {
        assert_eq!(at("20131102T010628Z"), at("2013-11-02T01:06:28Z"));
        assert_eq!(at("2013-11-02T01:06:28.999Z"), at("2013-11-02T01:06:28Z"));
        assert_eq!(
            at("2013-11-02T01:06:28Z").to_string(),
            "2013-11-02T01:06:28Z"
        );
    }

    #[test]
    fn every_spelling_of_an_expiration_is_read() {
        let wanted = Some(at("2023-07-10T12:09:47Z"));
        for text in [
            "Jul 10, 2023, 12:09:47 PM",
            "Jul 10, 2023 12:09:47 PM",
            "Jul 10, 2023, 12:09:47\u{202f}PM",
            "2023-07-10T12:09:47Z",
        ] {
            assert_eq!(UtcSecond::parse_expiration(text), wanted, "{text}");
        }
        assert_eq!(
            UtcSecond::parse_expiration("Jul 1, 2021 1:06:03 AM"),
            Some(at("2021-07-01T01:06:03Z"))
        );
    }

    #[test]
    fn times_of_exports_are_read() {
        for text in [
            "2026-11-20T09:15:31Z",
            "2026-11-20 09:15:31.123456789",
            "2026-11-20 09:15:31",
            "2026-11-20T09:15:31",
            "2026-11-20 09:15:31.000 UTC",
            "2026-11-20T09:15:31.000+0000",
            "2026-11-20 10:15:31+01:00",
            "1795166131",
            "1795166131000",
        ] {
            assert_eq!(
                UtcSecond::parse_logged(text),
                Some(at("2026-11-20T09:15:31Z")),
                "{text}"
            );
        }
        for text in ["2026-11-20", "11/20/2026 09:15", "12345", "", "UTC"] {
            assert_eq!(UtcSecond::parse_logged(text), None, "{text}");
        }
    }

    #[test]
    fn nonsense_is_not_a_time() {
        for text in [
            "",
            "yesterday",
            "2026-13-01T00:00:00Z",
            "Jul 41, 2023, 12:09:47 PM",
        ] {
            assert_eq!(UtcSecond::parse(text), None, "{text}");
            assert_eq!(UtcSecond::parse_expiration(text), None, "{text}");
        }
    }

    #[test]
    fn a_day_starts_at_midnight() {
        let late = at("2026-07-01T23:59:59Z");
        let midnight = UtcSecond::midnight(late.day()).unwrap();
        assert_eq!(midnight, at("2026-07-01T00:00:00Z"));
        assert!(midnight.is_midnight() && !late.is_midnight());
        assert_eq!(midnight.distance(late), 86_399);
        assert_eq!(midnight.utc_day(), late.utc_day());
        assert_eq!(late.plus(1).utc_day(), late.utc_day() + 1);
        assert_eq!(UtcSecond::from_unix(-1).utc_day().number(), -1);
        assert_eq!(UtcSecond::from_unix(i64::MAX).utc_day(), UtcDay::MAX);
        assert_eq!(UtcDay::MAX + 1, UtcDay::MAX);
        assert_eq!((UtcDay::MIN.date(), UtcDay::MAX.date()), (None, None));
    }

    #[test]
    fn the_weekday_of_a_day_number_is_the_calendars() {
        let monday = at("2026-11-02T00:00:00Z");
        assert_eq!(monday.utc_day().weekday(), 0);
        assert!((monday.utc_day() - 1).is_weekend());
    }

    #[test]
    fn days_come_back_as_they_went_in() {
        for day in ["1970-01-01", "2026-11-22", "1969-12-31"] {
            let day: Date = day.parse().unwrap();
            assert_eq!(UtcDay::of(day).date(), Some(day));
        }
    }
}
