//! Text as a page may show it: harmless, and never too long.

use crate::model::text::Text;
use crate::output::human::{bytes, decimals, money, safe, shortened};
use rust_decimal::Decimal;
use std::fmt;

/// Letters of a name or an id; longer ones lose their middle. AWS's own are shorter.
const NAME_LETTERS_MAX: usize = 160;
/// Letters of a sentence.
const SENTENCE_LETTERS_MAX: usize = 1200;

/// The label of a user or a data source that no log names.
pub(super) const NOT_TOLD: &str = "(not logged)";
/// The label of an unknown value.
pub(super) const UNKNOWN: &str = "–";

/// Text that was made harmless: control codes, overrides and invisible characters
/// are spelled out, and it is short. A template shows log text as this only, and
/// escapes it like everything else.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shown(String);

impl Shown {
    /// A name, an id, an ARN.
    pub(super) fn name(text: &str) -> Self {
        Self::bounded(text, NAME_LETTERS_MAX)
    }

    /// Prose that may hold names.
    pub(super) fn sentence(text: &str) -> Self {
        Self::bounded(text, SENTENCE_LETTERS_MAX)
    }

    /// A name that may not be known.
    pub(super) fn or_unknown(text: Option<&Text>) -> Self {
        Self::name(text.map_or(UNKNOWN, |text| text))
    }

    /// At most so many letters, with the middle left out.
    pub(super) fn bounded(text: &str, letters: usize) -> Self {
        // Spelled out, a letter is up to ten: cut before, so that it cannot grow.
        let short = shortened(text, letters);
        Self(shortened(&safe(&short), letters).into_owned())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Bytes for people.
pub(super) fn size(known: Option<u64>) -> String {
    known.map_or_else(|| UNKNOWN.to_owned(), bytes)
}

/// An amount for people, with so many decimals.
pub(super) fn cost(known: Option<Decimal>, decimals: u32) -> String {
    known.map_or_else(|| UNKNOWN.to_owned(), |amount| money(amount, decimals))
}

/// An amount by itself: cents for a dollar and more, and as many digits as it takes for
/// less.
pub(super) fn amount(known: Option<Decimal>) -> String {
    let decimals = match known {
        Some(amount) if Decimal::ONE <= amount.abs() => 2,
        _ => decimals(known.into_iter()),
    };
    cost(known, decimals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_grows_past_its_limit() {
        let long = "\u{202e}".repeat(10_000);
        assert_eq!(
            Shown::name(&long).as_str().chars().count(),
            NAME_LETTERS_MAX
        );
        let text = Shown::sentence("a\u{1b}]0;title\u{7}b\u{200b}");
        assert_eq!(text.as_str(), "a\\u{1b}]0;title\\u{7}b\\u{200b}");
        assert_eq!(Shown::or_unknown(None).as_str(), UNKNOWN);
    }
}
