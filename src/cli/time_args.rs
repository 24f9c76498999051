//! Moments and windows as people type them.

use super::run_args::RunArgs;
use crate::app::failure::Failure;
use crate::model::time::UtcSecond;
use crate::model::window::TimeWindow;
use jiff::civil::Date;
use jiff::{Span, SpanRelativeTo};

/// A date (its midnight), an RFC 3339 time, or a time as outputs print it: `2026-11-01 10:00`, with or
/// without seconds and `UTC`.
pub(super) fn moment(option: &str, text: &str) -> Result<UtcSecond, Failure> {
    let day: Option<Date> = text.parse().ok().filter(|_| text.len() == 10);
    let midnight = day.and_then(UtcSecond::midnight);
    let told = midnight
        .or_else(|| UtcSecond::parse(text))
        .or_else(|| UtcSecond::parse(&as_rfc_3339(text)));
    told.ok_or_else(|| {
        Failure::usage(format!(
            "{option} {text:?} is neither a date nor an RFC 3339 time"
        ))
        .hint("write 2026-11-01, 2026-11-01T10:00:00Z, or 2026-11-01 10:00")
    })
}

/// A time as outputs print it, as RFC 3339 has it.
fn as_rfc_3339(text: &str) -> String {
    let text = text.trim();
    let text = text.strip_suffix("UTC").unwrap_or(text).trim_end();
    let text = text.strip_suffix('Z').unwrap_or(text);
    let text = text.replacen(' ', "T", 1);
    let seconds = if text.matches(':').count() == 1 {
        ":00"
    } else {
        ""
    };
    format!("{text}{seconds}Z")
}

/// `90s`, `30m`, `12h`, `7d`, `2w` in seconds: a day is 24 hours.
fn duration_seconds(text: &str) -> Option<i64> {
    let span: Span = text.parse().ok()?;
    let lasts = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    (!lasts.is_negative()).then_some(lasts.as_secs())
}

/// A day, or the one that is a duration after another.
pub(super) fn day_from(option: &str, text: &str, today: Date) -> Result<Date, Failure> {
    let named: Option<Date> = text.parse().ok().filter(|_| text.len() == 10);
    let later = || {
        let days = duration_seconds(text)?.div_euclid(86_400);
        today.checked_add(Span::new().try_days(days).ok()?).ok()
    };
    named.or_else(later).ok_or_else(|| {
        Failure::usage(format!("{option} {text:?} is neither a day nor a duration"))
            .hint("write 2026-12-24, or 14d or 4w from today")
    })
}

/// A length of time, in seconds.
pub(super) fn seconds(option: &str, text: &str) -> Result<i64, Failure> {
    duration_seconds(text).ok_or_else(|| {
        Failure::usage(format!("{option} {text:?} is not a duration"))
            .hint("write a duration such as 90s, 30m, 12h, 7d or 2w")
    })
}

/// The window of a command that was given none.
#[derive(Debug, Clone, Copy)]
pub(super) enum DefaultWindow {
    /// So many seconds up to now.
    Last(i64),
    /// Everything there is.
    All,
    /// The current month, up to now.
    ThisMonth,
    /// The last whole UTC day.
    LastDay,
}

/// The window that was asked for.
pub(super) fn window(
    run_args: &RunArgs,
    now: UtcSecond,
    default: DefaultWindow,
) -> Result<TimeWindow, Failure> {
    let from = match (&run_args.window.since, &run_args.window.from) {
        (Some(since), _) => Some(match duration_seconds(since) {
            Some(seconds) => now.plus(-seconds),
            None => moment("--since", since).map_err(|failure| {
                failure.hint("write a duration such as 90s, 30m, 12h, 7d or 2w, or a date")
            })?,
        }),
        (None, Some(from)) => Some(moment("--from", from)?),
        (None, None) => None,
    };
    let to = match &run_args.window.to {
        Some(to) => Some(moment("--to", to)?),
        None => None,
    };
    if let (Some(from), Some(to)) = (from, to)
        && to <= from
    {
        return Err(Failure::usage(format!(
            "the window is empty: it ends at {to} and starts at {from}"
        ))
        .hint("--to is exclusive: it is the first instant after the window"));
    }
    if let Some(from) = from {
        has_begun(from, now)?;
    }
    let is_asked = from.is_some() || to.is_some();
    // Nothing after what was said to be now has happened.
    let ends_now = run_args.window.since.is_some() || run_args.window.now.is_some();
    Ok(match default {
        DefaultWindow::ThisMonth if !is_asked => {
            // At the very end of a month, it is that month.
            let month = now.plus(-1).day().first_of_month();
            TimeWindow {
                from: UtcSecond::midnight(month),
                to: Some(now),
            }
        }
        DefaultWindow::LastDay if !is_asked => {
            let today = UtcSecond::midnight(now.day());
            TimeWindow {
                from: today.map(|today| today.plus(-86_400)),
                to: today,
            }
        }
        DefaultWindow::Last(seconds) if !is_asked => TimeWindow {
            from: Some(now.plus(-seconds)),
            to: Some(now),
        },
        _ => TimeWindow {
            from,
            to: to.or(ends_now.then_some(now)),
        },
    })
}

/// Refuses a window of which nothing has happened yet.
fn has_begun(from: UtcSecond, now: UtcSecond) -> Result<(), Failure> {
    if from < now {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "the window lies in the future: it starts at {from}, and now is {now}"
    ))
    .hint("choose a window that has begun; --now sets the current time"))
}

/// The days of `--baseline`: whole ones.
pub(super) fn baseline_days(text: &str) -> Result<i64, Failure> {
    const DAYS_MAX: i64 = 3660;
    let seconds = duration_seconds(text).filter(|seconds| seconds % 86_400 == 0);
    let days = seconds.map(|seconds| seconds / 86_400);
    let hint = "write 28d or 4w, or 0d for no baseline";
    match days {
        Some(days) if days <= DAYS_MAX => Ok(days),
        Some(_) => Err(
            Failure::usage(format!("--baseline {text:?} is more than {DAYS_MAX} days")).hint(hint),
        ),
        None => Err(
            Failure::usage(format!("--baseline {text:?} is not a number of whole days")).hint(hint),
        ),
    }
}

/// The window of a month: `2026-10`.
pub(super) fn month(text: &str, now: UtcSecond) -> Result<TimeWindow, Failure> {
    let first = (text.len() == 7)
        .then(|| format!("{text}-01").parse::<Date>().ok())
        .flatten();
    let next = first.and_then(|first| first.last_of_month().tomorrow().ok());
    let bounds = first.zip(next);
    let bounds = bounds
        .and_then(|(first, next)| Some((UtcSecond::midnight(first)?, UtcSecond::midnight(next)?)));
    match bounds {
        Some((from, to)) => {
            has_begun(from, now)?;
            Ok(TimeWindow {
                from: Some(from),
                to: Some(to),
            })
        }
        None => Err(Failure::usage(format!("--month {text:?} is not a month"))
            .hint("write the year and the month: 2026-10")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_of_units_that_last_alike() {
        assert_eq!(duration_seconds("90s"), Some(90));
        assert_eq!(duration_seconds("7d"), Some(604_800));
        assert_eq!(duration_seconds("2w"), Some(1_209_600));
        assert_eq!(duration_seconds("1h30m"), Some(5400));
        assert_eq!(duration_seconds("7 days"), Some(604_800));
        for text in [
            "",
            "d",
            "7",
            "-1d",
            "1mo",
            "1y",
            "999999999999999999w",
            "2026-11-01",
        ] {
            assert_eq!(duration_seconds(text), None, "{text}");
        }
    }

    #[test]
    fn months_are_whole() {
        let at = |text: &str| UtcSecond::parse(text);
        let now = UtcSecond::parse("2027-01-05T00:00:00Z").unwrap();
        let december = month("2026-12", now).unwrap();
        assert_eq!(december.from, at("2026-12-01T00:00:00Z"));
        assert_eq!(december.to, at("2027-01-01T00:00:00Z"));
        assert!(month("2027-01", now).is_ok() && month("2027-02", now).is_err());
        for text in ["2026", "2026-13", "2026-1", "october", "2026-10-01"] {
            assert!(month(text, now).is_err(), "{text}");
        }
    }

    #[test]
    fn a_date_is_its_midnight() {
        assert_eq!(
            moment("--from", "2026-11-01").unwrap().to_string(),
            "2026-11-01T00:00:00Z"
        );
        assert!(moment("--from", "tomorrow").is_err());
        let at = moment("--from", "2026-11-01T10:05:00Z").unwrap();
        for text in [
            "2026-11-01 10:05",
            "2026-11-01 10:05 UTC",
            "2026-11-01T10:05Z",
            "2026-11-01 10:05:00",
        ] {
            assert_eq!(moment("--from", text).unwrap(), at, "{text}");
        }
        for text in [
            "10:05",
            "2026-11-01 25:00",
            "2026-11-01  10:05",
            "11-01 10:05",
        ] {
            assert!(moment("--from", text).is_err(), "{text}");
        }
    }
}
