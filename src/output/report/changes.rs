//! What changed since an earlier day: bytes and cost of consumers, and findings.

use crate::model::ids::AccountId;
use crate::model::trend::{Measure, Trend};
use jiff::civil::Date;
use rust_decimal::Decimal;

/// A change by less than this part is none: days are never alike.
const CHANGE_PERCENT_MIN: i64 = 10;

/// What changed between two days.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes {
    /// The day that is compared with.
    pub since: Date,
    /// Figures that changed most, first.
    pub figures: Vec<ChangedFigure>,
}

/// A figure of a consumer on two days.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangedFigure {
    /// The consumer.
    pub account_id: AccountId,
    /// The measure.
    pub measure: Measure,
    /// The value of the earlier day; zero if there was none.
    pub before: Decimal,
    /// The value of the report's last day; zero if there is none.
    pub now: Decimal,
}

impl ChangedFigure {
    fn size(&self) -> Decimal {
        (self.now - self.before).abs()
    }

    fn is_change(&self) -> bool {
        let largest = self.now.max(self.before);
        self.size() * Decimal::from(100) >= largest * Decimal::from(CHANGE_PERCENT_MIN)
            && self.now != self.before
    }
}

/// Returns what changed between a day and the last one of the report; `None` if no figure of that day is
/// known.
#[must_use]
pub(super) fn changes(trends: &[Trend], since: Date, last: Date) -> Option<Changes> {
    let value = |trend: &Trend, day: Date| {
        let mut days = trend.days.iter();
        days.find(|known| known.day == day)
            .and_then(|known| known.value)
    };
    let is_known = trends.iter().any(|trend| value(trend, since).is_some());
    let changed = trends.iter().map(|trend| ChangedFigure {
        account_id: trend.account_id.clone(),
        measure: trend.measure.clone(),
        before: value(trend, since).unwrap_or_default(),
        now: value(trend, last).unwrap_or_default(),
    });
    let mut figures: Vec<ChangedFigure> = changed.filter(ChangedFigure::is_change).collect();
    // Bytes and amounts are no common unit: each measure has its own largest first.
    figures.sort_by(|left, right| {
        (&left.measure, right.size(), &left.account_id).cmp(&(
            &right.measure,
            left.size(),
            &right.account_id,
        ))
    });
    is_known.then_some(Changes { since, figures })
}
