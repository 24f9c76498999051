//! Daily figures of a consumer beside what its own past days lead one to expect.

use super::ids::AccountId;
use super::text::Text;
use jiff::civil::Date;
use rust_decimal::Decimal;

/// What a trend is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// Bytes that Quick's chains scanned.
    BytesScanned,
    /// The consumer's whole Athena bill, in this currency (ISO 4217).
    BilledCost(Text),
}

impl Measure {
    /// The measure as outputs spell it.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::BytesScanned => "bytes-scanned",
            Self::BilledCost(_) => "billed-cost",
        }
    }
}

/// The days of one consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trend {
    /// The consumer's account.
    pub account_id: AccountId,
    /// What is counted.
    pub measure: Measure,
    /// Days with a value, the first first.
    pub days: Vec<TrendDay>,
}

/// One UTC day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrendDay {
    /// The day.
    pub day: Date,
    /// Bytes, or an amount, as the measure says; `None` where too little is known of
    /// the day: statistics of too many of its queries were not read.
    pub value: Option<Decimal>,
    /// What was expected; `None` where there is too little history.
    pub expected: Option<ExpectedRange>,
    /// Whether the rule of this measure calls the day a spike.
    pub is_spike: bool,
}

/// What a day is expected to be like, in the measure's own unit, rounded: an
/// expectation is a statistic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpectedRange {
    /// What is unusually little.
    pub low: Decimal,
    /// The value that fits best.
    pub level: Decimal,
    /// What is a spike.
    pub high: Decimal,
}
