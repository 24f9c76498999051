//! Daily figures of consumers, work groups, data sources and users, and the days
//! among them that stand out.

#![expect(
    clippy::float_arithmetic,
    reason = "expected values are statistics; no count or cost depends on them"
)]

use super::baseline::{DayValue, DayVerdict, Expectation, Sensitivity, evaluate, expect};
use super::context::RuleContext;
use super::history::{SeriesKey, SeriesScope};
use super::occurrences::{plural, sample};
use super::rule::{FindingSink, OptionMeta, Options, OptionsError};
use crate::model::ids::AccountId;
use crate::model::text::Text;
use crate::model::time::UtcDay;
use std::collections::{BTreeMap, BTreeSet};

/// The value of one day of a series.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SeriesDay {
    pub(super) value: f64,
    /// The day is not to be compared with: too little is known of it.
    pub(super) is_doubtful: bool,
}

/// All series of a rule.
pub(super) type AllSeries = BTreeMap<SeriesKey, BTreeMap<UtcDay, SeriesDay>>;

/// A day that stands out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spike {
    pub(super) day: UtcDay,
    pub(super) value: f64,
    pub(super) expected: Expectation,
}

/// The sensitivity of a spike rule, by its options.
#[derive(Debug, Clone, Copy)]
pub(super) struct SpikeOptions {
    pub(super) value_min: f64,
    pub(super) ratio: f64,
    pub(super) deviations: f64,
    pub(super) history_days_min: usize,
}

/// From so many times the expected on, a consumer's day is a spike whatever the
/// spread of its days.
const RATIO_SURE: f64 = 6.0;
/// Series of fewer queries vary more, and there are many of them: their spikes are
/// further out, and above all days of their history.
const NARROW_DEVIATIONS: f64 = 3.0;

/// `ratio`, as all spike rules have it.
pub(super) const RATIO: OptionMeta = OptionMeta {
    name: "ratio",
    default: "2.6",
    meaning: "minimum ratio of a spike to the expected value",
};
/// `deviations`, as all spike rules have it.
pub(super) const DEVIATIONS: OptionMeta = OptionMeta {
    name: "deviations",
    default: "3.0",
    meaning: "minimum robust standard deviations above the expected value (three more for work groups, data sources and users)",
};
/// `min_history_days`, as all spike rules have it.
pub(super) const MIN_HISTORY_DAYS: OptionMeta = OptionMeta {
    name: "min_history_days",
    default: "10",
    meaning: "minimum days of history; with fewer, a series is not evaluated",
};

impl SpikeOptions {
    /// Reads what all spike rules have; `value_min` is the rule's own.
    pub(super) fn read(options: &Options<'_>, value_min: f64) -> Result<Self, OptionsError> {
        let days = options.integer("min_history_days", 10, 5)?;
        Ok(Self {
            value_min,
            ratio: options.number("ratio", 2.6, 1.0)?,
            deviations: options.number("deviations", 3.0, 0.0)?,
            history_days_min: usize::try_from(days).unwrap_or(usize::MAX),
        })
    }

    fn sensitivity(&self, scope: &SeriesScope) -> Sensitivity {
        let is_broad = *scope == SeriesScope::Consumer;
        Sensitivity {
            value_min: self.value_min,
            ratio_min: self.ratio,
            deviations: if is_broad {
                self.deviations
            } else {
                self.deviations + NARROW_DEVIATIONS
            },
            ratio_sure: if is_broad {
                RATIO_SURE.max(self.ratio)
            } else {
                f64::INFINITY
            },
            history_days_min: self.history_days_min,
            is_record: !is_broad,
        }
    }
}

/// Finds the days of the window that stand out, by series. What there is not enough
/// history for is noted.
pub(super) fn spikes(
    context: &RuleContext<'_>,
    all: &AllSeries,
    options: &SpikeOptions,
    sink: &mut FindingSink<'_>,
) -> BTreeMap<SeriesKey, Vec<Spike>> {
    let mut spikes: BTreeMap<SeriesKey, Vec<Spike>> = BTreeMap::new();
    let mut broad: BTreeSet<(AccountId, Text, UtcDay)> = BTreeSet::new();
    let mut unjudged: Vec<String> = Vec::new();
    let mut narrower = 0;
    for (key, days) in all {
        let sensitivity = options.sensitivity(&key.scope);
        let mut days_unjudged = 0u64;
        let mut known_days = 0;
        for (&day, today) in days.iter().filter(|(day, _)| is_judged(context, **day)) {
            let account_day = (key.account.clone(), key.currency.clone(), day);
            if broad.contains(&account_day) {
                continue;
            }
            let history = history(context, key, days, day);
            let today = DayValue {
                day,
                value: today.value,
            };
            match evaluate(&history, today, &sensitivity) {
                DayVerdict::Usual => {}
                DayVerdict::TooLittleHistory { days } => {
                    days_unjudged += 1;
                    known_days = days;
                }
                DayVerdict::Spike(expected) => {
                    if key.scope == SeriesScope::Consumer {
                        broad.insert(account_day);
                    }
                    spikes.entry(key.clone()).or_default().push(Spike {
                        day,
                        value: today.value,
                        expected,
                    });
                }
            }
        }
        if days_unjudged > 0 && key.scope != SeriesScope::Consumer {
            narrower += 1;
        } else if days_unjudged > 0 {
            let days = plural(days_unjudged, "day");
            let had = plural(known_days as u64, "day");
            unjudged.push(format!(
                "{days} of {} ({had} before)",
                key.name(&context.account(&key.account))
            ));
        }
    }
    if narrower > 0 {
        unjudged.push(format!(
            "{narrower} of their work groups, data sources, users and tables"
        ));
    }
    if !unjudged.is_empty() {
        sink.note(format!(
            "not enough history to evaluate {} (needed: {} days with a value, 5 of them of the same kind, working days or \
             weekend days)",
            sample(&unjudged),
            options.history_days_min
        ));
    }
    spikes
}

/// Returns the expected range of each of a consumer's days, and the days of the window outside it:
/// the values that a spike rule uses, for a chart.
pub(super) fn expectations(
    context: &RuleContext<'_>,
    key: &SeriesKey,
    days: &BTreeMap<UtcDay, SeriesDay>,
    options: &SpikeOptions,
) -> BTreeMap<UtcDay, (Option<Expectation>, bool)> {
    let sensitivity = options.sensitivity(&key.scope);
    let of = |(&day, today): (&UtcDay, &SeriesDay)| {
        let history = history(context, key, days, day);
        let value = today.value;
        let verdict = evaluate(&history, DayValue { day, value }, &sensitivity);
        let is_spike = matches!(verdict, DayVerdict::Spike(_)) && is_judged(context, day);
        (day, (expect(&history, day, &sensitivity).ok(), is_spike))
    };
    days.iter().map(of).collect()
}

/// Returns true if a UTC day lies, in part at least, in the window.
pub(super) fn is_judged(context: &RuleContext<'_>, day: UtcDay) -> bool {
    let window = context.input.window;
    let (start, end) = (day.start(), (day + 1).start());
    window.from.is_none_or(|from| from < end) && window.to.is_none_or(|to| start < to)
}

/// The days before one that it is compared with: those on which the account logged
/// anything, as far back as the baseline reaches, without doubtful ones.
fn history(
    context: &RuleContext<'_>,
    key: &SeriesKey,
    days: &BTreeMap<UtcDay, SeriesDay>,
    day: UtcDay,
) -> Vec<DayValue> {
    let first = day - context.input.baseline_days.max(1);
    // What was read of the first day may be its end only.
    let read_from = context.input.window.from.map(|from| {
        let read_from = from.plus(-context.input.baseline_days * 86_400);
        read_from.first_whole_day()
    });
    let first = read_from.map_or(first, |read_from| first.max(read_from));
    let logged = context.days_logged(&key.account);
    // Of the first day that was read there is nothing before.
    days.range(first.min(day)..day)
        .filter(|(day, known)| {
            // A bill needs no other evidence.
            let is_witnessed =
                !key.currency.is_empty() || logged.is_some_and(|logged| logged.contains(day));
            !known.is_doubtful && is_witnessed
        })
        .map(|(&day, known)| DayValue {
            day,
            value: known.value,
        })
        .collect()
}

/// Ratio of a value to what was expected, for a sentence: `12 times`, `3.4 times`.
pub(super) fn times_expected(spike: &Spike) -> String {
    let ratio = spike.value / spike.expected.level;
    if ratio >= 10.0 {
        format!("{ratio:.0} times")
    } else {
        format!("{ratio:.1} times")
    }
}

/// A statistic as a whole number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, which is what is wanted"
)]
pub(super) fn whole(value: f64) -> u64 {
    value.round() as u64
}

/// A count or a number of bytes as a statistic; past 2^53 it is rounded.
#[expect(
    clippy::cast_precision_loss,
    reason = "statistics do not need the last digit"
)]
pub(super) fn statistic(value: u64) -> f64 {
    value as f64
}
