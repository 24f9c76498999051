//! Daily figures of a consumer next to what its own past days predict.

use super::ids::AccountId;
use super::text::Text;
use jiff::civil::Date;
use rust_decimal::Decimal;

/// The measure of a trend.
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
    /// The measured quantity.
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
    /// The expected range; `None` where there is too little history.
    pub expected: Option<ExpectedRange>,
    /// True if the rule of this measure calls the day a spike.
    pub is_spike: bool,
}

/// The expected range of a day, in the measure's own unit, rounded: an expectation is a statistic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpectedRange {
    /// The lower bound: a day below it is unusually quiet.
    pub low: Decimal,
    /// The value that fits best.
    pub level: Decimal,
    /// The upper bound: a day above it is a spike.
    pub high: Decimal,
}
