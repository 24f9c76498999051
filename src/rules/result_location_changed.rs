//! `result-location-changed`: results of a consumer's queries go to a bucket that
//! they did not go to before.

use super::context::RuleContext;
use super::history::{AccountWorkGroup, KnownLocation, bucket, submissions_of};
use super::occurrences::{Occurrences, plural, sample, times};
use super::rule::{
    FindingDraft, FindingSink, OptionMeta, Options, OptionsError, Rule, RuleEntry, RuleKind,
    RuleMeta, RuleNeed,
};
use crate::model::event::Event;
use crate::model::finding::{Evidence, Severity, Subject};
use crate::model::text::Text;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

static META: RuleMeta = RuleMeta {
    id: "result-location-changed",
    title: "Query results are written to a bucket that was not used before",
    severity: Severity::Low,
    kind: RuleKind::Event,
    needs: RuleNeed::Nothing,
    since: "0.1.0",
    page: include_str!("result_location_changed.md"),
    options: &[OptionMeta {
        name: "min_history_queries",
        default: "5",
        meaning: "minimum queries of the work group before the window; with fewer, it is not evaluated",
    }],
    next_step: "find out who owns the bucket; enforce the result location in the work group",
    command: "qs-audit show CHAIN",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry { meta: &META, build };

fn build(options: &Options<'_>) -> Result<Box<dyn Rule>, OptionsError> {
    let history_queries_min = options.integer("min_history_queries", 5, 1)?;
    Ok(Box::new(ResultLocationChanged {
        history_queries_min,
    }))
}

struct ResultLocationChanged {
    history_queries_min: u64,
}

/// The work group and the location that a change of it sets.
fn work_group_change(event: &Event, parameters: &Value) -> Option<(Text, Text)> {
    let is_change = matches!(&*event.name, "UpdateWorkGroup" | "CreateWorkGroup");
    if !is_change || &*event.source != "athena.amazonaws.com" {
        return None;
    }
    let name = parameters["workGroup"]
        .as_str()
        .or(parameters["name"].as_str())?;
    let updated = &parameters["configurationUpdates"]["resultConfigurationUpdates"];
    let created = &parameters["configuration"]["resultConfiguration"];
    let location = updated["outputLocation"]
        .as_str()
        .or(created["outputLocation"].as_str())?;
    Some((name.into(), bucket(location)?))
}

/// Returns the result locations of the window: of queries, and of changes of work groups that chains
/// use.
fn locations(context: &RuleContext<'_>) -> BTreeMap<(AccountWorkGroup, Text), Occurrences> {
    let known = context.input.history.locations();
    let mut now: BTreeMap<(AccountWorkGroup, Text), Occurrences> = BTreeMap::new();
    for chain in context.touching() {
        let submissions = submissions_of(chain, context.input.events);
        for one in submissions.filter(|one| context.in_window(one.event.time)) {
            if let Some(bucket) = one.bucket {
                now.entry((one.place, bucket))
                    .or_default()
                    .happened(one.event.time)
                    .with_chain(&chain.chain_id)
                    .with_events([&one.event.id]);
            }
        }
    }
    let is_used = |place: &AccountWorkGroup| {
        known.contains_key(place) || now.keys().any(|(used, _)| used == place)
    };
    let mut changes: Vec<(AccountWorkGroup, Text, &Event)> = Vec::new();
    let in_window = context
        .changes()
        .filter(|(event, _)| context.in_window(event.time));
    for (event, parameters) in in_window {
        let account = event.recipient_account_id.clone();
        let change = work_group_change(event, parameters);
        if let (Some(account), Some((occurrences, bucket))) = (account, change) {
            let place = (account, occurrences);
            if is_used(&place) {
                changes.push((place, bucket, event));
            }
        }
    }
    for (place, bucket, event) in changes {
        now.entry((place, bucket))
            .or_default()
            .happened(event.time)
            .with_events([&event.id])
            .with_word("changed_by", event.identity.best_name());
    }
    now
}

/// A bucket that results did not go to before, as a finding.
fn report(
    context: &RuleContext<'_>,
    (account, work_group): &AccountWorkGroup,
    bucket: &Text,
    before: &KnownLocation,
    occurrences: &Occurrences,
    sink: &mut FindingSink<'_>,
) {
    let old: Vec<Text> = before.buckets.iter().cloned().collect();
    let old_text = if old.is_empty() {
        "the location that the work group sets".to_owned()
    } else {
        sample(&old)
    };
    let by = occurrences.words("changed_by");
    let by_text = if by.is_empty() {
        String::new()
    } else {
        format!(" The work group was changed by {}.", sample(&by))
    };
    sink.add(FindingDraft {
        title: format!("Results of {work_group} of {} are written to {bucket}", context.account(account)),
        detail: format!(
            "Results of work group {work_group} of account {account} were written to bucket {bucket} {} in the window; \
             those of {} before it were written to {old_text}.{by_text}",
            times(occurrences.count()),
            plural(before.queries, "query")
        ),
        subject: Subject(vec![
            ("consumer_account_id", account.clone().into()),
            ("work_group", work_group.clone()),
            ("bucket", bucket.clone()),
        ]),
        consumer_account_id: Some(account.clone()),
        evidence: vec![
            ("buckets_before", Evidence::texts(old)),
            ("changed_by", Evidence::texts(by)),
        ],
        next_step: None,
        occurrences,
    });
}

impl Rule for ResultLocationChanged {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        if context.baseline_days().is_empty() {
            return sink.skip(
                "no logs from before the window were read: raise --baseline, or add older logs",
            );
        }
        let known = context.input.history.locations();
        let now = locations(context);
        let mut too_young: BTreeSet<String> = BTreeSet::new();
        for (((account, work_group), bucket), occurrences) in &now {
            let place = (account.clone(), work_group.clone());
            let before = known.get(&place);
            if before.is_some_and(|before| before.buckets.contains(bucket)) {
                continue;
            }
            let queries = before.map_or(0, |before| before.queries);
            if queries < self.history_queries_min {
                too_young.insert(format!("{work_group} of {}", context.account(account)));
                continue;
            }
            if let Some(before) = before {
                report(context, &place, bucket, before, occurrences, sink);
            }
        }
        if !too_young.is_empty() {
            let work_groups: Vec<String> = too_young.into_iter().collect();
            sink.note(format!(
                "not enough history to evaluate the result location of {}",
                sample(&work_groups)
            ));
        }
    }
}
