//! Spikes of what queries did, as findings: value, expected range, history, and the
//! queries that made the difference.

use super::context::RuleContext;
use super::history::{QueryTally, SeriesKey, Use, series_of, uses};
use super::occurrences::{Occurrences, plural, sample};
use super::rule::{FindingDraft, FindingSink};
use super::series::{AllSeries, SeriesDay, Spike, statistic, times_expected, whole};
use crate::model::chain::QueryExecution;
use crate::model::finding::Evidence;
use crate::model::ids::{AccountId, DataSourceArn};
use crate::model::size;
use crate::model::text::Text;
use crate::model::time::UtcDay;
use std::collections::{BTreeMap, BTreeSet};

/// Queries that a finding names as evidence, biggest first.
const TOP_QUERIES_MAX: usize = 10;
/// Queries whose ids a finding keeps, biggest first.
const QUERY_IDS_MAX: usize = 100;
/// A day is doubtful if of fewer than four in five of its queries the figure is
/// known.
const KNOWN_SHARE: (u64, u64) = (4, 5);

/// The figure by which queries are ranked; `None` where it is unknown.
pub(super) type QueryAmount = fn(&QueryExecution) -> Option<u64>;

/// Queries of Quick's chains that Athena took in the window or on its first day, with the account
/// that pays.
fn recent_uses<'a>(context: &RuleContext<'a>) -> impl Iterator<Item = (&'a AccountId, Use<'a>)> {
    context.touching().flat_map(uses)
}

/// What is summed up by day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Figure {
    BytesScanned,
    Queries,
}

/// Daily sums of a figure.
pub(super) fn tally(context: &RuleContext<'_>, figure: Figure) -> AllSeries {
    let mut tallies = context.input.history.series().clone();
    for (account, one) in recent_uses(context) {
        if context.in_baseline(one.query.started_at) {
            continue;
        }
        let day = one.query.started_at.utc_day();
        for key in series_of(account, &one) {
            let days = tallies.entry(key).or_default();
            days.entry(day).or_default().add_query(one.query);
        }
    }
    let (least, of) = KNOWN_SHARE;
    let day = |tally: &QueryTally| match figure {
        Figure::BytesScanned => SeriesDay {
            value: statistic(tally.bytes_scanned),
            is_doubtful: tally.measured * of < tally.queries * least,
        },
        Figure::Queries => SeriesDay {
            value: statistic(tally.queries),
            is_doubtful: false,
        },
    };
    let days = |days: &BTreeMap<UtcDay, QueryTally>| {
        days.iter().map(|(at, tally)| (*at, day(tally))).collect()
    };
    tallies
        .iter()
        .map(|(key, tallied)| (key.clone(), days(tallied)))
        .collect()
}

/// The words for a figure in messages.
pub(super) struct Wording {
    /// `scanned {}`: what a subject did, with the value.
    pub(super) did: fn(u64) -> String,
    /// The figure by which queries are ranked.
    pub(super) figure: QueryAmount,
}

/// Turns spikes into findings, one for each subject.
pub(super) fn report(
    context: &RuleContext<'_>,
    spikes: &BTreeMap<SeriesKey, Vec<Spike>>,
    wording: &Wording,
    sink: &mut FindingSink<'_>,
) {
    let causes = causes(context, spikes, wording.figure);
    for (key, days) in spikes {
        let Some(worst) = days
            .iter()
            .max_by(|left, right| left.value.total_cmp(&right.value))
        else {
            continue;
        };
        let empty = Vec::new();
        let causes = causes.get(key).unwrap_or(&empty);
        let mut occurrences = Occurrences::default();
        add_ids(&mut occurrences, causes);
        for spike in days {
            let mut at = of_day(causes, spike.day).map(|one| one.query.started_at);
            let midnight = spike.day.start();
            occurrences.happened(at.next().unwrap_or(midnight));
        }
        let of_worst: Vec<Use<'_>> = of_day(causes, worst.day).collect();
        if let Some(first) = of_worst.first() {
            occurrences.led_by(&first.chain.chain_id);
        }
        let name = key.name(&context.account(&key.account));
        let did = wording.did;
        let more = stood_out(days);
        let expected = &worst.expected;
        let evidence = days.iter().map(|spike| {
            let count = |value: f64| Evidence::Integer(whole(value));
            Evidence::Record(day_evidence(spike, count(spike.value), count))
        });
        sink.add(FindingDraft {
            title: format!(
                "{} {} on {}: {} the expected",
                capital(&name),
                did(whole(worst.value)),
                day_name(worst.day),
                times_expected(worst)
            ),
            detail: format!(
                "On {} {name} {}; between {} and {} was expected (expected value {}, {}, {} of history).{more}{}",
                day_name(worst.day),
                did(whole(worst.value)),
                amount(did, expected.low),
                amount(did, expected.high),
                amount(did, expected.level),
                plural(expected.similar_days as u64, "similar day"),
                plural(expected.history_days as u64, "day"),
                biggest(&of_worst)
            ),
            subject: key.subject(),
            consumer_account_id: Some(key.account.clone()),
            evidence: vec![
                ("days", Evidence::List(evidence.collect())),
                ("top_queries", top_queries(causes)),
            ],
            next_step: None,
            occurrences: &occurrences,
        });
    }
}

/// The queries of one day.
pub(super) fn of_day<'a>(causes: &[Use<'a>], day: UtcDay) -> impl Iterator<Item = Use<'a>> {
    let started = move |one: &Use<'_>| one.query.started_at.utc_day() == day;
    causes.iter().copied().filter(started)
}

/// The chains and events of queries, biggest first, as far as a finding keeps ids.
pub(super) fn add_ids(occurrences: &mut Occurrences, causes: &[Use<'_>]) {
    for one in causes {
        occurrences.seen(one.query.started_at);
    }
    for one in causes.iter().take(QUERY_IDS_MAX) {
        occurrences
            .with_chain(&one.chain.chain_id)
            .with_events([&one.query.event_id]);
    }
}

/// That it was not that day alone.
pub(super) fn stood_out(days: &[Spike]) -> String {
    match days.len() {
        0 | 1 => String::new(),
        many => format!(" It was above its baseline on {many} days of the window."),
    }
}

/// With a capital letter in front.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).collect()
}

/// The value alone: the last words of what was done.
fn amount(did: fn(u64) -> String, value: f64) -> String {
    let words = did(whole(value));
    let (_, amount) = words.split_once(' ').unwrap_or(("", &words));
    amount.to_owned()
}

/// Returns a day for a sentence.
pub(super) fn day_name(day: UtcDay) -> String {
    day.date()
        .map_or_else(|| "an unknown day".to_owned(), |day| day.to_string())
}

/// A day that stands out: its value, and what was expected in the value's own unit.
pub(super) fn day_evidence(
    spike: &Spike,
    value: Evidence,
    in_unit: impl Fn(f64) -> Evidence,
) -> Vec<(&'static str, Evidence)> {
    let expected = &spike.expected;
    vec![
        (
            "day",
            spike.day.date().map_or(Evidence::Unknown, Evidence::Day),
        ),
        ("value", value),
        ("expected", in_unit(expected.level)),
        ("expected_low", in_unit(expected.low)),
        ("expected_high", in_unit(expected.high)),
        (
            "similar_days",
            Evidence::Integer(expected.similar_days as u64),
        ),
        (
            "history_days",
            Evidence::Integer(expected.history_days as u64),
        ),
    ]
}

/// The queries of the days that stand out, biggest first, by series (whatever its
/// currency).
pub(super) fn causes<'a>(
    context: &RuleContext<'a>,
    spikes: &BTreeMap<SeriesKey, Vec<Spike>>,
    figure: QueryAmount,
) -> BTreeMap<SeriesKey, Vec<Use<'a>>> {
    let spikes: BTreeMap<SeriesKey, &Vec<Spike>> = spikes
        .iter()
        .map(|(key, days)| (key.without_currency(), days))
        .collect();
    let days: BTreeSet<UtcDay> = spikes
        .values()
        .copied()
        .flatten()
        .map(|spike| spike.day)
        .collect();
    let mut causes: BTreeMap<SeriesKey, Vec<Use<'a>>> = BTreeMap::new();
    for (account, one) in recent_uses(context) {
        let day = one.query.started_at.utc_day();
        if !days.contains(&day) {
            continue;
        }
        for key in series_of(account, &one) {
            let is_spike = |spikes: &&Vec<Spike>| spikes.iter().any(|spike| spike.day == day);
            if spikes.get(&key).is_some_and(is_spike) {
                causes.entry(key).or_default().push(one);
            }
        }
    }
    for uses in causes.values_mut() {
        uses.sort_by(|left, right| {
            let of =
                |one: &Use<'_>| std::cmp::Reverse(figure(one.query).max(one.query.bytes_scanned()));
            (of(left), left.query.started_at, &left.query.event_id).cmp(&(
                of(right),
                right.query.started_at,
                &right.query.event_id,
            ))
        });
    }
    causes
}

pub(super) fn top_queries(causes: &[Use<'_>]) -> Evidence {
    let text =
        |text: Option<&Text>| text.map_or(Evidence::Unknown, |text| Evidence::Text(text.clone()));
    let query = |one: &Use<'_>| {
        let id = one.query.query_execution_id.as_ref();
        let user = one.chain.quick_user.as_ref().map(|user| &user.name);
        Evidence::Record(vec![
            (
                "query_execution_id",
                id.map_or(Evidence::Unknown, |id| {
                    Evidence::Text(id.to_string().into())
                }),
            ),
            (
                "chain_id",
                Evidence::Text(one.chain.chain_id.as_str().into()),
            ),
            (
                "started_at",
                Evidence::Text(one.query.started_at.to_string().into()),
            ),
            (
                "bytes_scanned",
                one.query
                    .bytes_scanned()
                    .map_or(Evidence::Unknown, Evidence::Integer),
            ),
            ("work_group", text(one.query.work_group.as_ref())),
            (
                "data_source_arn",
                text(one.chain.data_source_arn.as_ref().map(DataSourceArn::text)),
            ),
            ("quick_user", text(user)),
        ])
    };
    Evidence::List(causes.iter().take(TOP_QUERIES_MAX).map(query).collect())
}

/// The biggest queries, for a sentence.
pub(super) fn biggest(causes: &[Use<'_>]) -> String {
    const NAMED_MAX: usize = 3;
    let named = causes.iter().take(NAMED_MAX).filter_map(|one| {
        let bytes = one.query.bytes_scanned()?;
        let id = one.query.query_execution_id.as_ref()?;
        let user = one.chain.quick_user.as_ref();
        let user = user.map_or_else(String::new, |user| format!(" by {}", user.name));
        Some(format!("{id} ({}{user})", size::bytes(bytes)))
    });
    let named: Vec<String> = named.collect();
    if named.is_empty() {
        String::new()
    } else {
        format!(" Largest queries: {}.", sample(&named))
    }
}
