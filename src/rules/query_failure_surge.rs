//! `query-failure-surge`: far more queries of a consumer fail than before.

use super::context::RuleContext;
use super::history::{FailureTally, has_failed};
use super::occurrences::{Occurrences, plural, sample};
use super::rule::{
    FindingDraft, FindingSink, OptionMeta, Options, OptionsError, Rule, RuleEntry, RuleKind,
    RuleMeta, RuleNeed,
};
use crate::model::finding::{Evidence, Severity, Subject};
use crate::model::ids::AccountId;
use std::collections::BTreeMap;

static META: RuleMeta = RuleMeta {
    id: "query-failure-surge",
    title: "The failure rate of queries in a consumer rises sharply",
    severity: Severity::Low,
    kind: RuleKind::Event,
    needs: RuleNeed::Nothing,
    since: "0.1.0",
    page: include_str!("query_failure_surge.md"),
    options: &[
        OptionMeta {
            name: "min_failures",
            default: "10",
            meaning: "minimum failures in the window",
        },
        OptionMeta {
            name: "min_percent",
            default: "30",
            meaning: "minimum failure rate, in percent",
        },
        OptionMeta {
            name: "ratio",
            default: "3",
            meaning: "minimum ratio of the failure rate to the one before",
        },
        OptionMeta {
            name: "min_history_queries",
            default: "30",
            meaning: "minimum queries before the window; with fewer, the consumer is not evaluated",
        },
    ],
    next_step: "look at the failure reasons: often a table or a permission was removed",
    command: "qs-audit show CHAIN",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry { meta: &META, build };

fn build(options: &Options<'_>) -> Result<Box<dyn Rule>, OptionsError> {
    let percent = options.integer("min_percent", 30, 1)?;
    if percent > 100 {
        return Err(options.wrong("min_percent", "must be at most 100"));
    }
    Ok(Box::new(QueryFailureSurge {
        failures_min: options.integer("min_failures", 10, 1)?,
        percent_min: percent,
        ratio: options.integer("ratio", 3, 1)?,
        history_queries_min: options.integer("min_history_queries", 30, 1)?,
    }))
}

struct QueryFailureSurge {
    failures_min: u64,
    percent_min: u64,
    ratio: u64,
    history_queries_min: u64,
}

#[derive(Default)]
struct FailureCounts {
    before: FailureTally,
    queries: u64,
    /// Queries of which no one says how they ended.
    unknown: u64,
    occurrences: Occurrences,
}

impl FailureCounts {
    /// Returns true if too little is known, before the window or in it.
    fn is_doubtful(&self) -> bool {
        // One in five is too many.
        self.unknown * 4 > self.queries || self.before.unknown * 4 > self.before.known
    }
}

impl QueryFailureSurge {
    fn is_surge(&self, tally: &FailureCounts) -> bool {
        let failures = tally.occurrences.count();
        // One failure before stands for "hardly ever".
        let before = tally.before.failed.max(1);
        let times = |left: u64, right: u64| u128::from(left) * u128::from(right);
        failures >= self.failures_min
            && times(failures, 100) >= times(self.percent_min, tally.queries)
            && times(failures, tally.before.known)
                >= times(before, tally.queries).saturating_mul(u128::from(self.ratio))
    }
}

/// Queries and failures by account, before the window and in it.
fn tallies(context: &RuleContext<'_>) -> BTreeMap<AccountId, FailureCounts> {
    let mut tallies: BTreeMap<AccountId, FailureCounts> = BTreeMap::new();
    // Without statistics a query that Athena took is taken for well.
    let has_statistics = context.input.has_statistics;
    for (account, before) in context.input.history.failures() {
        let mut before = *before;
        if !has_statistics {
            before.known += std::mem::take(&mut before.unknown);
        }
        tallies.entry(account.clone()).or_default().before = before;
    }
    for chain in context.touching() {
        let Some(account) = &chain.consumer_account_id else {
            continue;
        };
        let queries = chain.queries.iter();
        for query in queries.filter(|query| context.in_window(query.started_at)) {
            let state = has_failed(query).or((!has_statistics).then_some(false));
            let tally = tallies.entry(account.clone()).or_default();
            let Some(has_failed) = state else {
                tally.unknown += 1;
                continue;
            };
            tally.queries += 1;
            if has_failed {
                tally
                    .occurrences
                    .happened(query.started_at)
                    .with_chain(&chain.chain_id)
                    .with_events([&query.event_id])
                    .with_word("error_codes", query.error_code.as_ref())
                    .with_word("work_groups", query.work_group.as_ref());
            }
        }
    }
    tallies
}

impl Rule for QueryFailureSurge {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        if !context.input.has_statistics {
            sink.note("without query statistics (--executions), only queries that Athena rejected at submission are known \
                        to have failed");
        }
        let tallies = tallies(context);
        let (mut too_young, mut doubtful) = (Vec::new(), Vec::new());
        for (account, tally) in &tallies {
            let failures = tally.occurrences.count();
            if tally.before.known < self.history_queries_min {
                if failures >= self.failures_min {
                    too_young.push(context.account(account));
                }
                continue;
            }
            if !self.is_surge(tally) {
                continue;
            }
            if tally.is_doubtful() {
                doubtful.push(context.account(account));
                continue;
            }
            let work_groups = tally.occurrences.words("work_groups");
            sink.add(FindingDraft {
                title: format!("{failures} of {} of {} failed", plural(tally.queries, "query"), context.account(account)),
                detail: format!(
                    "{failures} of {} of account {account} failed, in {}; before the window, {} of {} failed.",
                    plural(tally.queries, "query"),
                    sample(&work_groups),
                    tally.before.failed,
                    tally.before.known
                ),
                subject: Subject(vec![("consumer_account_id", account.clone().into())]),
                consumer_account_id: Some(account.clone()),
                evidence: vec![
                    ("queries", Evidence::Integer(tally.queries)),
                    ("failures", Evidence::Integer(failures)),
                    ("queries_before", Evidence::Integer(tally.before.known)),
                    ("failures_before", Evidence::Integer(tally.before.failed)),
                    ("error_codes", Evidence::texts(tally.occurrences.words("error_codes"))),
                ],
                next_step: None,
                occurrences: &tally.occurrences,
            });
        }
        if !doubtful.is_empty() {
            sink.note(format!(
                "too few queries of {} have statistics to evaluate failures",
                sample(&doubtful)
            ));
        }
        if !too_young.is_empty() {
            sink.note(format!(
                "not enough history to evaluate failures of {}",
                sample(&too_young)
            ));
        }
    }
}
