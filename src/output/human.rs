//! Sizes, times and names as people read them, and log text made harmless.

pub use crate::model::size::bytes;

use crate::model::identity::RoleName;
use crate::model::time::UtcSecond;
use crate::model::window::TimeWindow;
use rust_decimal::Decimal;
use std::borrow::Cow;

/// Text from a log, safe for a terminal: control codes, bidirectional overrides
/// and invisible characters are spelled out.
#[must_use]
pub fn safe(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_treacherous) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        if is_treacherous(letter) {
            safe.extend(letter.escape_unicode());
        } else {
            safe.push(letter);
        }
    }
    Cow::Owned(safe)
}

fn is_treacherous(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// At most `letters` characters, with the middle left out.
#[must_use]
pub fn shortened(text: &str, letters: usize) -> Cow<'_, str> {
    let count = text.chars().count();
    if count <= letters || letters < 3 {
        return Cow::Borrowed(text);
    }
    let front = letters / 2;
    let back = letters - front - 1;
    let start: String = text.chars().take(front).collect();
    let end: String = text.chars().skip(count - back).collect();
    Cow::Owned(format!("{start}…{end}"))
}

/// A count with thousands separators: `1,234,567`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 chain`, `2 chains`; `1 query`, `2 queries`.
#[must_use]
pub fn plural(number: u64, one: &str) -> String {
    let stem = one.strip_suffix('y');
    let stem = stem.filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u']));
    match stem {
        _ if number == 1 => format!("{} {one}", count(number)),
        Some(stem) => format!("{} {stem}ies", count(number)),
        None => format!("{} {one}s", count(number)),
    }
}

/// `2026-11-01 00:00 to 2026-11-02 00:00 UTC`: a window, whose ends may be open.
#[must_use]
pub fn window_text(window: &TimeWindow) -> String {
    let bound =
        |moment: Option<UtcSecond>, open: &str| moment.map_or_else(|| open.to_owned(), minute);
    let from = bound(window.from, "the beginning");
    format!("{from} to {} UTC", bound(window.to, "the end"))
}

/// How many decimals the amounts of one column need: cents for what is worth
/// dollars, more for what is worth less.
#[must_use]
pub fn decimals(amounts: impl Iterator<Item = Decimal>) -> u32 {
    let largest = amounts.map(|amount| amount.abs()).max().unwrap_or_default();
    if largest >= Decimal::TEN || largest.is_zero() {
        2
    } else if largest >= Decimal::new(1, 1) {
        4
    } else {
        6
    }
}

/// An amount with thousands separators and so many decimals; what is smaller
/// than those can show says so.
#[must_use]
pub fn money(amount: Decimal, decimals: u32) -> String {
    let least = Decimal::new(1, decimals);
    if !amount.is_zero() && amount.abs() < least / Decimal::TWO {
        let sign = if amount.is_sign_negative() { ">-" } else { "<" };
        return format!("{sign}{least}");
    }
    let mut rounded = amount.round_dp(decimals);
    rounded.rescale(decimals);
    let digits = rounded.abs().to_string();
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    let grouped = whole.parse().map_or_else(|_| whole.to_owned(), count);
    let sign = if rounded.is_sign_negative() && !rounded.is_zero() {
        "-"
    } else {
        ""
    };
    format!("{sign}{grouped}.{fraction}")
}

/// `2026-11-01 10:00`, in UTC.
#[must_use]
pub fn minute(moment: UtcSecond) -> String {
    let text = moment.to_string();
    text.get(..16).unwrap_or(&text).replace('T', " ")
}

/// `11-01 10:00`, in UTC.
#[must_use]
pub fn minute_of_year(moment: UtcSecond) -> String {
    let text = minute(moment);
    text.get(5..).unwrap_or(&text).to_owned()
}

/// A duration in its two largest units: `1 h 2 min`.
#[must_use]
pub fn duration(seconds: u64) -> String {
    let (days, hours) = (seconds / 86_400, seconds % 86_400 / 3600);
    let (minutes, rest) = (seconds % 3600 / 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest} s"),
        (0, 0, _) => format!("{minutes} min {rest} s"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// The part of an ARN or id that tells it apart: what follows the last `/`.
#[must_use]
pub fn tail(arn: &str) -> &str {
    arn.rsplit('/')
        .next()
        .filter(|tail| !tail.is_empty())
        .unwrap_or(arn)
}

/// A role as `name (account)`.
#[must_use]
pub fn role(arn: &str) -> String {
    match RoleName::from_arn(arn) {
        Some(role) => format!("{} ({})", safe(&role.name), safe(&role.account_id)),
        None => safe(arn).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_codes_and_overrides_are_spelled_out() {
        let hostile = "a\u{1b}[31mb\u{202e}c\nd\u{9b}e\u{200b}";
        let safe = safe(hostile);
        assert_eq!(safe, "a\\u{1b}[31mb\\u{202e}c\\u{a}d\\u{9b}e\\u{200b}");
        assert_eq!(super::safe("naïve 名"), "naïve 名");
    }

    #[test]
    fn amounts_have_the_digits_a_person_needs() {
        let read = |text: &str| crate::model::money::parse_decimal(text).unwrap();
        for (amount, decimals, wanted) in [
            ("1234567.891", 2, "1,234,567.89"),
            ("-12.5", 2, "-12.50"),
            ("0.000620", 6, "0.000620"),
            ("0.000620", 2, "<0.01"),
            ("-0.000620", 2, ">-0.01"),
            ("0", 2, "0.00"),
            ("0.006", 2, "0.01"),
        ] {
            assert_eq!(money(read(amount), decimals), wanted);
        }
        let needed = |all: &[&str]| decimals(all.iter().map(|text| read(text)));
        assert_eq!(needed(&["0.0001", "12"]), 2);
        assert_eq!(needed(&["0.0001", "0.5"]), 4);
        assert_eq!(needed(&["0.00062"]), 6);
        assert_eq!(needed(&[]), 2);
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(plural(1, "chain"), "1 chain");
        assert_eq!(plural(1000, "chain"), "1,000 chains");
        assert_eq!(plural(1, "query"), "1 query");
        assert_eq!(plural(2, "query"), "2 queries");
        assert_eq!(plural(2, "day"), "2 days");
    }

    #[test]
    fn the_middle_of_long_text_is_left_out() {
        assert_eq!(shortened("abcdefghij", 5), "ab…ij");
        assert_eq!(shortened("short", 5), "short");
    }
}
