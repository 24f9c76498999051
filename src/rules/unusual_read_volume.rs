//! `unusual-read-volume`: far more of a table was read than its own past days predict.

use super::context::RuleContext;
use super::history::{SeriesKey, table_key};
use super::occurrences::{Occurrences, plural, sample};
use super::rule::{
    FindingDraft, FindingSink, OptionMeta, Options, OptionsError, Rule, RuleEntry, RuleKind,
    RuleMeta, RuleNeed,
};
use super::series::{
    AllSeries, DEVIATIONS, MIN_HISTORY_DAYS, RATIO, SeriesDay, Spike, SpikeOptions, spikes,
    statistic, times_expected, whole,
};
use super::spike::{capital, day_evidence, day_name, stood_out};
use super::table_reads::reads_of;
use crate::model::finding::{Evidence, Severity};
use crate::model::size;
use std::collections::BTreeMap;

static META: RuleMeta = RuleMeta {
    id: "unusual-read-volume",
    title: "A consumer reads far more of a table than on its other days",
    severity: Severity::Medium,
    kind: RuleKind::Event,
    needs: RuleNeed::Nothing,
    since: "0.1.0",
    page: include_str!("unusual_read_volume.md"),
    options: &[
        OptionMeta {
            name: "min_bytes",
            default: "10_000_000_000",
            meaning: "minimum bytes read of a table on a day that can be a spike",
        },
        RATIO,
        DEVIATIONS,
        MIN_HISTORY_DAYS,
    ],
    next_step: "look at who read the table; tell its owner if the data may have been copied out",
    command: "qs-audit show CHAIN",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry { meta: &META, build };

fn build(options: &Options<'_>) -> Result<Box<dyn Rule>, OptionsError> {
    let bytes_min = options.integer("min_bytes", 10_000_000_000, 0)?;
    let options = SpikeOptions::read(options, statistic(bytes_min))?;
    Ok(Box::new(UnusualReadVolume { options }))
}

struct UnusualReadVolume {
    options: SpikeOptions,
}

/// Bytes that S3 data events tell, by consumer, table and day.
fn read_bytes(context: &RuleContext<'_>) -> AllSeries {
    let mut bytes = context.input.history.bytes_read().clone();
    for one in context.table_reads() {
        bytes.add(&one);
    }
    bytes.series(|bytes| SeriesDay {
        value: statistic(bytes),
        is_doubtful: false,
    })
}

/// The reads of the days of a spike.
fn occurrences(context: &RuleContext<'_>, key: &SeriesKey, days: &[Spike]) -> Occurrences {
    let mut occurrences = Occurrences::default();
    let mut most = 0;
    let reads = context.input.chains.iter().flat_map(reads_of);
    for one in reads {
        let day = one.at.utc_day();
        let is_spike = days.iter().any(|spike| spike.day == day);
        let bytes = one.read.bytes.unwrap_or(0);
        if !is_spike || bytes == 0 || table_key(&one) != *key {
            continue;
        }
        occurrences
            .happened(one.at)
            .with_chain(&one.chain.chain_id)
            .with_events(&one.read.event_ids)
            .with_word("users", one.user());
        if bytes > most {
            most = bytes;
            occurrences.led_by(&one.chain.chain_id);
        }
    }
    occurrences
}

impl Rule for UnusualReadVolume {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        let series = read_bytes(context);
        if series.is_empty() {
            return sink.skip(
                "no S3 data events of tables were read: how much of each was read is not known",
            );
        }
        let spikes: BTreeMap<SeriesKey, Vec<Spike>> = spikes(context, &series, &self.options, sink);
        for (key, days) in &spikes {
            let largest = days
                .iter()
                .max_by(|left, right| left.value.total_cmp(&right.value));
            let Some(worst) = largest else {
                continue;
            };
            let occurrences = occurrences(context, key, days);
            let users = occurrences.words("users");
            let name = key.name(&context.account(&key.account));
            let expected = &worst.expected;
            let bytes = |value: f64| size::bytes(whole(value));
            let by = if users.is_empty() {
                String::new()
            } else {
                format!(" It was read by {}.", sample(&users))
            };
            let evidence = days.iter().map(|spike| {
                let count = |value: f64| Evidence::Integer(whole(value));
                Evidence::Record(day_evidence(spike, count(spike.value), count))
            });
            sink.add(FindingDraft {
                title: format!(
                    "{}: {} read on {}, {} the expected",
                    capital(&name),
                    bytes(worst.value),
                    day_name(worst.day),
                    times_expected(worst)
                ),
                detail: format!(
                    "On {} {} of {name} were read; between {} and {} was expected ({} of history).{}{by}",
                    day_name(worst.day),
                    bytes(worst.value),
                    bytes(expected.low),
                    bytes(expected.high),
                    plural(expected.history_days as u64, "day"),
                    stood_out(days)
                ),
                subject: key.subject(),
                consumer_account_id: Some(key.account.clone()),
                evidence: vec![
                    ("days", Evidence::List(evidence.collect())),
                    ("users", Evidence::texts(users)),
                ],
                next_step: None,
                occurrences: &occurrences,
            });
        }
    }
}
