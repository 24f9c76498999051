//! Dates, amounts and names as bills spell them.

use crate::model::bill::{BillPeriod, BilledFor};
use crate::model::money::parse_decimal;
use crate::model::time::UtcSecond;
use jiff::civil::Date;
use rust_decimal::Decimal;

/// Days of the longest period that is believed: a bill covers a month, a fee a
/// year.
const PERIOD_DAYS_MAX: i32 = 400;

/// Places that an amount given as a binary number keeps: more are noise.
pub(super) const BINARY_SCALE: u32 = 15;

/// The whole days that hold a period given by two moments.
pub(super) fn period(from: &str, to: Option<&str>) -> Option<BillPeriod> {
    let (from, _) = day_and_rest(from)?;
    let to = match to {
        None => from.tomorrow().ok()?,
        Some(to) => match day_and_rest(to)? {
            (day, true) if from < day => day,
            (day, _) => day.tomorrow().ok()?,
        },
    };
    let days = from.until(to).ok()?.get_days();
    (1..=PERIOD_DAYS_MAX)
        .contains(&days)
        .then_some(BillPeriod { from, to })
}

/// The UTC day of a date or time as bills spell them, and whether it is midnight.
fn day_and_rest(text: &str) -> Option<(Date, bool)> {
    if text.len() == 10 {
        return Some((text.parse().ok()?, true));
    }
    let with_zone = |text: &str| {
        let has_zone = text.ends_with('Z') || text.rfind(['+', '-']).is_some_and(|at| at > 10);
        let zone = if has_zone { "" } else { "Z" };
        format!("{}{zone}", text.replacen(' ', "T", 1))
    };
    let moment = UtcSecond::parse(&with_zone(text.trim_end_matches(" UTC")))?;
    let day = moment.day();
    Some((day, UtcSecond::midnight(day) == Some(moment)))
}

/// More terabytes than any account scans in a month.
const TERABYTES_MAX: Decimal = Decimal::from_parts(1_000_000_000, 0, 0, false, 0);

/// An amount as bills spell it; what was a binary number is rounded to where its
/// digits still mean something.
pub(super) fn cost(text: &str, is_binary: bool) -> Option<Decimal> {
    if !is_binary {
        return parse_decimal(text);
    }
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().ok()?;
    let keep = i64::from(BINARY_SCALE) + i64::from(exponent);
    let Ok(keep) = u32::try_from(keep) else {
        return parse_decimal(mantissa).map(|_| Decimal::ZERO);
    };
    let mantissa = parse_decimal(mantissa)?.round_dp(keep);
    let rounded = parse_decimal(&format!("{mantissa}e{exponent}"))?;
    Some(rounded.normalize())
}

/// Terabytes as bills spell them; `None` for more than can be.
pub(super) fn terabytes(text: &str, is_binary: bool) -> Option<Decimal> {
    cost(text, is_binary).filter(|terabytes| terabytes.abs() <= TERABYTES_MAX)
}

/// The well-known name of a service, whichever way a bill spells it.
pub(super) fn service_name(told: &str) -> &str {
    match told {
        "AmazonS3" | "Amazon Simple Storage Service" => "Amazon S3",
        "AWSGlue" => "AWS Glue",
        "AmazonQuickSight" | "Amazon QuickSight" | "Amazon Quick" | "Amazon Quick Suite" => {
            "Amazon Quick"
        }
        "AWSLambda" => "AWS Lambda",
        told => told,
    }
}

/// Returns the purpose of an Athena charge, by its usage type.
pub(super) fn athena(usage_type: Option<&str>) -> BilledFor {
    match usage_type {
        Some(usage_type) if is_scan(usage_type) => BilledFor::AthenaScan,
        Some(_) => BilledFor::AthenaOther,
        None => BilledFor::Athena,
    }
}

/// Returns true if the usage type is of scanned data.
pub(super) fn is_scan(usage_type: &str) -> bool {
    usage_type.ends_with("DataScannedInTB")
}

/// Names for a message: the first few.
pub(super) fn list(names: &[String]) -> String {
    const NAMES_MAX: usize = 6;
    let shown: Vec<String> = names
        .iter()
        .take(NAMES_MAX)
        .map(|name| {
            name.chars()
                .filter(|letter| !letter.is_control())
                .take(60)
                .collect()
        })
        .collect();
    let more = names.len().saturating_sub(NAMES_MAX);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    if shown.is_empty() {
        "none".to_owned()
    } else {
        format!("{}{more}", shown.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_numbers_are_rounded_to_what_they_mean() {
        let read = |text: &str| cost(text, true).map(|cost| cost.to_string());
        assert_eq!(read("1.2345678901e0").as_deref(), Some("1.2345678901"));
        assert_eq!(read("3.0000000000000004e-1").as_deref(), Some("0.3"));
        assert_eq!(
            read("1.2345678901234567e-13").as_deref(),
            Some("0.000000000000123")
        );
        assert_eq!(read("5e-300").as_deref(), Some("0"));
        assert_eq!(read("1.5e3").as_deref(), Some("1500"));
        assert_eq!(read("NaN"), None);
    }

    #[test]
    fn periods_are_whole_days() {
        let spelled = |from: &str, to: Option<&str>| period(from, to).map(|days| days.to_string());
        for (from, to, wanted) in [
            ("2026-11-01", Some("2026-11-02"), "2026-11-01"),
            ("2026-11-01", Some("2026-12-01"), "2026-11-01/2026-12-01"),
            (
                "2026-11-01T05:00:00Z",
                Some("2026-11-01T06:00:00Z"),
                "2026-11-01",
            ),
            (
                "2026-11-01T23:00:00Z",
                Some("2026-11-02T00:00:00Z"),
                "2026-11-01",
            ),
            (
                "2026-11-01 00:00:00",
                Some("2026-11-02 00:00:00"),
                "2026-11-01",
            ),
            ("2026-11-01T00:00:00.000Z", None, "2026-11-01"),
        ] {
            assert_eq!(spelled(from, to).as_deref(), Some(wanted), "{from}");
        }
        for (from, to) in [
            ("yesterday", None),
            ("2026-11-02", Some("2026-10-01")),
            ("0001-01-01", Some("9999-01-01")),
        ] {
            assert_eq!(spelled(from, to), None, "{from}");
        }
    }
}
