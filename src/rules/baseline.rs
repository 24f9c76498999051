//! The baseline of a day: robust statistics over like weekdays.
//!
//! Days vary by factors, so everything is done in logarithms. The level of a day is
//! half way between the median of its weekday and the median of its kind (working
//! day or weekend); how much days vary is the median distance from their level.
//! Medians do not follow single outliers, holidays or missing days. Figures about
//! how well this does are in `bytes_scanned_spike.md`.

#![expect(
    clippy::float_arithmetic,
    reason = "an expected value is a statistic; no count or cost depends on it"
)]

use crate::model::time::UtcDay;

/// Days of one weekday from which on it has a level of its own.
const WEEKDAY_DAYS_MIN: usize = 3;
/// Days of one kind from which on it has a level.
const KIND_DAYS_MIN: usize = 5;
/// From the median distance to the standard deviation, for a normal spread.
const DEVIATIONS_PER_MAD: f64 = 1.4826;
/// Variance of a median against that of a mean, for a normal spread.
const MEDIAN_VARIANCE: f64 = 1.57;

/// The sensitivity of spike detection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sensitivity {
    /// Less is never a spike.
    pub(super) value_min: f64,
    /// The lowest ratio of a spike to the expected value.
    pub(super) ratio_min: f64,
    /// A spike is so many deviations above the expected.
    pub(super) deviations: f64,
    /// So many times the expected is a spike whatever the spread.
    pub(super) ratio_sure: f64,
    /// Days with a value that there must be.
    pub(super) history_days_min: usize,
    /// A spike is above every day of the history, not only above what is usual.
    pub(super) is_record: bool,
}

/// A day and its value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct DayValue {
    /// Days since 1970-01-01.
    pub(super) day: UtcDay,
    pub(super) value: f64,
}

/// The expectation of a day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Expectation {
    /// The value that fits best.
    pub(super) level: f64,
    /// The lower bound: a day below it is unusually quiet.
    pub(super) low: f64,
    /// The upper bound: a day above it is a spike.
    pub(super) high: f64,
    /// Days like it, by weekday or kind.
    pub(super) similar_days: usize,
    /// Days with a value in the history.
    pub(super) history_days: usize,
}

/// The verdict on a day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum DayVerdict {
    /// As expected, or below what matters.
    Usual,
    /// The history is too short to say.
    TooLittleHistory {
        /// Days with a value.
        days: usize,
    },
    /// A spike.
    Spike(Expectation),
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len().is_multiple_of(2) {
        Some(f64::midpoint(values[middle - 1], upper))
    } else {
        Some(upper)
    }
}

/// A level, and of how many days it is told.
struct DayLevel {
    center: f64,
    days: f64,
    similar_days: usize,
}

fn level(history: &[DayValue], day: UtcDay) -> Option<DayLevel> {
    let of = |is_like: &dyn Fn(UtcDay) -> bool| {
        let like = history.iter().filter(|known| is_like(known.day));
        like.map(|known| known.value.ln()).collect::<Vec<f64>>()
    };
    let mut kind = of(&|known| known.is_weekend() == day.is_weekend());
    let mut same = of(&|known| known.weekday() == day.weekday());
    if kind.len() < KIND_DAYS_MIN {
        return None;
    }
    let of_kind = median(&mut kind)?;
    if same.len() < WEEKDAY_DAYS_MIN {
        return Some(DayLevel {
            center: of_kind,
            days: as_number(kind.len()),
            similar_days: kind.len(),
        });
    }
    Some(DayLevel {
        center: f64::midpoint(of_kind, median(&mut same)?),
        days: f64::midpoint(as_number(same.len()), as_number(kind.len())),
        similar_days: same.len(),
    })
}

fn as_number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

/// Returns the variation of days around their levels: of all days, and of days of this kind; where
/// this kind varies more, half way toward it.
fn spread(history: &[DayValue], day: UtcDay) -> Option<f64> {
    // The level of a day is that of its weekday: Monday to Sunday, from an epoch day
    // that is a Monday.
    let levels: [Option<DayLevel>; 7] = std::array::from_fn(|weekday| {
        let monday = UtcDay::numbered(4);
        level(history, monday + i64::try_from(weekday).unwrap_or(0))
    });
    let mut all = Vec::with_capacity(history.len());
    let mut of_kind = Vec::new();
    for known in history {
        let of_weekday = usize::try_from(known.day.weekday()).ok();
        let Some(level) = of_weekday.and_then(|weekday| levels[weekday].as_ref()) else {
            continue;
        };
        let distance = (known.value.ln() - level.center).abs();
        all.push(distance);
        if known.day.is_weekend() == day.is_weekend() {
            of_kind.push(distance);
        }
    }
    let all = median(&mut all)?;
    let of_kind = median(&mut of_kind)?;
    Some(DEVIATIONS_PER_MAD * f64::midpoint(all, of_kind.max(all)))
}

/// The history is too short to expect anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLittleHistory {
    /// Days with a value.
    pub(super) days: usize,
}

/// Returns the expectation of a day, by the days before it. `history` has one entry for each day on
/// which there was anything at all; days without logs are not in it.
pub(super) fn expect(
    history: &[DayValue],
    day: UtcDay,
    limits: &Sensitivity,
) -> Result<Expectation, TooLittleHistory> {
    let history: Vec<DayValue> = history
        .iter()
        .copied()
        .filter(|day| day.value > 0.0)
        .collect();
    let too_little = TooLittleHistory {
        days: history.len(),
    };
    if history.len() < limits.history_days_min {
        return Err(too_little);
    }
    let (Some(own), Some(spread)) = (level(&history, day), spread(&history, day)) else {
        return Err(too_little);
    };
    let uncertain = spread * (1.0 + MEDIAN_VARIANCE / own.days).sqrt();
    let margin = (limits.deviations * uncertain).max(limits.ratio_min.ln());
    let margin = margin.min(limits.ratio_sure.ln());
    // What is usual on some day is no spike on another.
    let mut all: Vec<f64> = history.iter().map(|known| known.value.ln()).collect();
    let usual = median(&mut all).unwrap_or(own.center);
    let record = all.last().copied().filter(|_| limits.is_record);
    let high = (own.center + margin)
        .max(usual)
        .max(record.unwrap_or(usual));
    Ok(Expectation {
        level: own.center.exp(),
        low: (own.center - margin).exp(),
        high: high.exp(),
        similar_days: own.similar_days,
        history_days: history.len(),
    })
}

/// Evaluates a day by days before it, as [`expect`] takes them.
pub(super) fn evaluate(history: &[DayValue], today: DayValue, limits: &Sensitivity) -> DayVerdict {
    if today.value < limits.value_min || today.value <= 0.0 {
        return DayVerdict::Usual;
    }
    match expect(history, today.day, limits) {
        Err(too_little) => DayVerdict::TooLittleHistory {
            days: too_little.days,
        },
        Ok(expected) if today.value <= expected.high => DayVerdict::Usual,
        Ok(expected) => DayVerdict::Spike(expected),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Sensitivity = Sensitivity {
        value_min: 10.0,
        ratio_min: 2.6,
        deviations: 3.0,
        ratio_sure: 6.0,
        history_days_min: 10,
        is_record: false,
    };

    /// Monday, 5 January 1970, and 27 days more; weekends have a tenth.
    fn four_weeks() -> Vec<DayValue> {
        let day = |day: UtcDay| DayValue {
            day,
            value: if day.is_weekend() { 100.0 } else { 1000.0 }
                + f64::from(u8::try_from(day.number() % 7).unwrap()),
        };
        (4..32)
            .map(|number| day(UtcDay::numbered(number)))
            .collect()
    }

    fn verdict(history: &[DayValue], number: i32, value: f64) -> DayVerdict {
        let day = UtcDay::numbered(number);
        evaluate(history, DayValue { day, value }, &LIMITS)
    }

    #[test]
    fn a_day_is_compared_with_days_like_it() {
        let history = four_weeks();
        assert_eq!(verdict(&history, 32, 1200.0), DayVerdict::Usual);
        let DayVerdict::Spike(expected) = verdict(&history, 32, 4000.0) else {
            panic!("a fourfold Monday is no spike");
        };
        assert!((999.0..1010.0).contains(&expected.level), "{expected:?}");
        assert_eq!((expected.similar_days, expected.history_days), (4, 28));
        // As much as on any working day: unusual for a Saturday, but no spike.
        assert_eq!(verdict(&history, 37, 900.0), DayVerdict::Usual);
        assert!(matches!(
            verdict(&history, 37, 1100.0),
            DayVerdict::Spike(_)
        ));
    }

    #[test]
    fn one_outlier_or_holiday_changes_nothing() {
        let mut history = four_weeks();
        history[7].value = 1e9;
        history[14].value = 100.0;
        assert_eq!(verdict(&history, 32, 1200.0), DayVerdict::Usual);
        assert!(matches!(
            verdict(&history, 32, 4000.0),
            DayVerdict::Spike(_)
        ));
    }

    #[test]
    fn what_is_small_is_no_spike() {
        let tiny: Vec<DayValue> = (4..32)
            .map(|number| DayValue {
                day: UtcDay::numbered(number),
                value: 0.1,
            })
            .collect();
        assert_eq!(verdict(&tiny, 32, 9.0), DayVerdict::Usual);
        assert!(matches!(verdict(&tiny, 32, 10.0), DayVerdict::Spike(_)));
    }

    #[test]
    fn without_enough_history_nothing_is_said() {
        let history = four_weeks();
        let few = &history[..9];
        assert_eq!(
            verdict(few, 32, 1e9),
            DayVerdict::TooLittleHistory { days: 9 }
        );
        let working_days: Vec<DayValue> = history
            .iter()
            .copied()
            .filter(|known| !known.day.is_weekend())
            .collect();
        let saturday = verdict(&working_days, 37, 1e9);
        assert_eq!(saturday, DayVerdict::TooLittleHistory { days: 20 });
        assert_eq!(
            verdict(&[], 32, 1e9),
            DayVerdict::TooLittleHistory { days: 0 }
        );
    }
}
