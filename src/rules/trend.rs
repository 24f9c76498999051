//! The days of consumers next to their expected values: the band that spike rules
//! evaluate by, for a picture.

use super::context::RuleContext;
use super::history::{SeriesKey, SeriesScope};
use super::series::{AllSeries, SpikeOptions, expectations};
use crate::model::text::Text;
use crate::model::time::UtcDay;
use crate::model::trend::{ExpectedRange, Measure, Trend, TrendDay};
use rust_decimal::Decimal;

/// The conversion of a rule's figures to days of a trend.
pub(super) struct TrendSource<V> {
    /// The measured quantity, by the currency of a series.
    pub(super) measure: fn(&Text) -> Measure,
    /// The exact value of a day.
    pub(super) value: V,
    /// A statistic in the measure's unit.
    pub(super) in_unit: fn(f64) -> Decimal,
}

/// The trends of all consumers among the series.
pub(super) fn trends<V: Fn(&SeriesKey, UtcDay) -> Decimal>(
    context: &RuleContext<'_>,
    all: &AllSeries,
    options: &SpikeOptions,
    drawing: &TrendSource<V>,
) -> Vec<Trend> {
    let consumers = all
        .iter()
        .filter(|(key, _)| key.scope == SeriesScope::Consumer);
    let trends = consumers.map(|(key, days)| {
        let expected = expectations(context, key, days, options);
        let day = |(&at, (expected, is_spike)): (&UtcDay, &(Option<_>, bool))| {
            let range = |expected: &super::baseline::Expectation| ExpectedRange {
                low: (drawing.in_unit)(expected.low),
                level: (drawing.in_unit)(expected.level),
                high: (drawing.in_unit)(expected.high),
            };
            Some(TrendDay {
                day: at.date()?,
                value: days
                    .get(&at)
                    .filter(|day| !day.is_doubtful)
                    .map(|_| (drawing.value)(key, at)),
                expected: expected.as_ref().map(range),
                is_spike: *is_spike,
            })
        };
        Trend {
            account_id: key.account.clone(),
            measure: (drawing.measure)(&key.currency),
            days: expected.iter().filter_map(day).collect(),
        }
    });
    trends.collect()
}

/// The same series with zeros on days of the run on which a consumer logged and did
/// nothing that counts.
pub(super) fn with_quiet_days(context: &RuleContext<'_>, mut all: AllSeries) -> AllSeries {
    let window = context.input.window;
    let first = window.from.map_or(UtcDay::MIN, |from| {
        from.utc_day() - context.input.baseline_days
    });
    let last = window.to.map_or(UtcDay::MAX, |to| to.plus(-1).utc_day());
    for (key, days) in &mut all {
        let logged = context.days_logged(&key.account).into_iter().flatten();
        for day in logged.filter(|day| (first..=last).contains(*day)) {
            days.entry(*day).or_default();
        }
    }
    all
}
