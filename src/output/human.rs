//! Sizes, times and names as people read them, and log text made harmless.

pub use crate::model::size::bytes;

use crate::model::identity::RoleName;
use crate::model::time::UtcSecond;
use crate::model::window::TimeWindow;
use rust_decimal::Decimal;
use std::borrow::Cow;
use std::io::{self, Write};

/// Returns text from a log as a terminal may show it: control codes, bidirectional
/// marks and characters that no one can see are spelled out.
#[must_use]
pub fn safe(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_deceptive) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        if is_deceptive(letter) {
            safe.extend(letter.escape_unicode());
        } else {
            safe.push(letter);
        }
    }
    Cow::Owned(safe)
}

/// Returns true if a character controls what shows it, turns the direction of what follows, or
/// cannot be seen (Unicode 17, `Default_Ignorable_Code_Point` and `Bidi_Control`, and the blanks
/// that are letters).
#[must_use]
pub fn is_deceptive(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d159}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Writes a line of text for people. The styles that this program sets stay; whatever
/// else in it would control a terminal, a line break included, is spelled out.
///
/// # Errors
///
/// When the writer fails.
pub fn write_line(writer: &mut dyn Write, line: &str) -> io::Result<()> {
    let mut rest = line;
    while let Some(at) = rest.find(|letter| letter != '\t' && is_deceptive(letter)) {
        let (plain, behind) = rest.split_at(at);
        writer.write_all(plain.as_bytes())?;
        let style = style_length(behind.as_bytes()).unwrap_or(0);
        writer.write_all(&behind.as_bytes()[..style])?;
        rest = &behind[style..];
        if style == 0
            && let Some(letter) = rest.chars().next()
        {
            write!(writer, "{}", letter.escape_unicode())?;
            rest = &rest[letter.len_utf8()..];
        }
    }
    writer.write_all(rest.as_bytes())?;
    writer.write_all(b"\n")
}

/// Writes a line of text for people, as `writeln!` does, through [`write_line`].
macro_rules! line {
    ($writer:expr $(,)?) => {
        ::std::writeln!($writer)
    };
    ($writer:expr, $($text:tt)*) => {
        $crate::output::human::write_line($writer, &::std::format!($($text)*))
    };
}
pub(crate) use line;

/// The first of some things, and how many more there are.
#[must_use]
pub fn first_of(first: &str, more: u64) -> String {
    match more {
        0 => first.to_owned(),
        more => format!("{first}; and {} more", count(more)),
    }
}

/// The bytes of a style that this program sets (ECMA-48, "select graphic rendition":
/// bold, faint, a color of the text, and their ends) at the start of a text.
#[must_use]
pub fn style_length(text: &[u8]) -> Option<usize> {
    let parameters = text.strip_prefix(b"\x1b[")?;
    let end = parameters
        .iter()
        .take(STYLE_BYTES_MAX - b"\x1b[m".len())
        .position(|byte| *byte == b'm')?;
    let is_own = match &parameters[..end] {
        b"0"
        | b"1"
        | b"2"
        | b"22"
        | b"39"
        | [b'3', b'1'..=b'7']
        | [b'1', b';', b'3', b'1'..=b'7'] => true,
        indexed => indexed
            .strip_prefix(b"38;5;")
            .is_some_and(|color| !color.is_empty() && color.iter().all(u8::is_ascii_digit)),
    };
    is_own.then_some(b"\x1b[".len() + end + 1)
}

/// Bytes of the longest style that this program sets.
pub(super) const STYLE_BYTES_MAX: usize = 12;

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

/// Returns the number of decimals that a column of amounts needs: cents for dollars, more for
/// smaller amounts.
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
    fn no_character_that_deceives_is_shown() {
        for letter in [
            '\0',
            '\u{7f}',
            '\u{9b}',
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{1160}',
            '\u{180e}',
            '\u{200b}',
            '\u{200f}',
            '\u{202e}',
            '\u{2066}',
            '\u{2069}',
            '\u{2800}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{e0041}',
            '\u{e01ef}',
        ] {
            let shown = super::safe(&format!("a{letter}b")).into_owned();
            assert_eq!(shown, format!("a{}b", letter.escape_unicode()));
        }
    }

    #[test]
    fn lines_keep_the_styles_of_this_program_and_nothing_else() {
        let written = |line: &str| {
            let mut out = Vec::new();
            write_line(&mut out, line).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            written("\u{1b}[31mred\u{1b}[0m\tx"),
            "\u{1b}[31mred\u{1b}[0m\tx\n"
        );
        assert_eq!(
            written("\u{1b}[38;5;9mred\u{1b}[39m"),
            "\u{1b}[38;5;9mred\u{1b}[39m\n"
        );
        for (hostile, shown) in [
            ("a\nb", "a\\u{a}b\n"),
            ("\u{1b}[8mhidden", "\\u{1b}[8mhidden\n"),
            ("\u{1b}[2J", "\\u{1b}[2J\n"),
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}\n"),
            ("\u{1b}", "\\u{1b}\n"),
            ("\u{1b}[38;5;m", "\\u{1b}[38;5;m\n"),
            ("x\u{9b}31m", "x\\u{9b}31m\n"),
        ] {
            assert_eq!(written(hostile), shown);
        }
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
