//! `first-seen-table`: a consumer, dashboard or user reads a table that it never read before.

use super::context::RuleContext;
use super::occurrences::{Occurrences, plural, sample};
use super::rule::{
    FindingDraft, FindingSink, OptionMeta, Options, OptionsError, Rule, RuleEntry, RuleKind,
    RuleMeta, RuleNeed,
};
use super::table_reads::{TableReader, TableReaderKey};
use crate::model::finding::{Evidence, Severity, Subject};
use std::collections::{BTreeMap, BTreeSet};

static META: RuleMeta = RuleMeta {
    id: "first-seen-table",
    title: "A consumer, dashboard or user reads a table for the first time",
    severity: Severity::Low,
    kind: RuleKind::Event,
    needs: RuleNeed::Nothing,
    since: "0.1.0",
    page: include_str!("first_seen_table.md"),
    options: &[OptionMeta {
        name: "min_history_days",
        default: "14",
        meaning: "minimum days with logs of the consumer before the window; with fewer, it is not evaluated",
    }],
    next_step: "look at who read it; a new dashboard is expected to show up here once",
    command: "qs-audit show CHAIN",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry { meta: &META, build };

fn build(options: &Options<'_>) -> Result<Box<dyn Rule>, OptionsError> {
    let history_days_min = options.integer("min_history_days", 14, 1)?;
    Ok(Box::new(FirstSeenTable { history_days_min }))
}

struct FirstSeenTable {
    history_days_min: u64,
}

fn reader_name(reader: &TableReader, consumer: &str) -> String {
    match reader {
        TableReader::Consumer => consumer.to_owned(),
        TableReader::Dashboard(arn) => format!("dashboard {arn} at {consumer}"),
        TableReader::User(name) => format!("user {name} at {consumer}"),
    }
}

/// Reads of the window by who had never read the table, told by the broadest of them alone.
fn first_reads(context: &RuleContext<'_>) -> BTreeMap<TableReaderKey, Occurrences> {
    let before = context.input.history.table_readers();
    let mut firsts: BTreeMap<TableReaderKey, Occurrences> = BTreeMap::new();
    for one in context
        .table_reads()
        .filter(|one| context.in_window(one.at))
    {
        let Some(first) = one.readers().find(|key| !before.contains(key)) else {
            continue;
        };
        firsts
            .entry(first)
            .or_default()
            .happened(one.at)
            .with_chain(&one.chain.chain_id)
            .with_events(&one.read.event_ids)
            .with_events(one.query.map(|query| &query.event_id))
            .with_word("users", one.user())
            .with_word("dashboards", one.dashboard());
    }
    firsts
}

impl Rule for FirstSeenTable {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        if context.input.history.table_readers().is_empty() {
            return sink.skip(
                "what queries read is not known of any day before the window: raise --baseline, or log what \
                 coverage.reads_not_logged names",
            );
        }
        let mut too_young: BTreeSet<String> = BTreeSet::new();
        for ((consumer, table, reader), occurrences) in &first_reads(context) {
            let days = context.baseline_days_of(consumer);
            let account = context.account(consumer);
            if days < self.history_days_min {
                too_young.insert(format!("{account} ({} of history)", plural(days, "day")));
                continue;
            }
            let name = reader_name(reader, &account);
            let mut subject = vec![
                ("consumer_account_id", consumer.clone().into()),
                ("table", table.clone()),
            ];
            match reader {
                TableReader::Consumer => {}
                TableReader::Dashboard(arn) => subject.push(("dashboard", arn.clone())),
                TableReader::User(user) => subject.push(("quick_user", user.clone())),
            }
            sink.add(FindingDraft {
                title: format!("{name} read {table} for the first time"),
                detail: format!(
                    "{} of {name} read {table}, for the first time in {} of logs of that account.",
                    plural(occurrences.count(), "query"),
                    plural(days, "day")
                ),
                subject: Subject(subject),
                consumer_account_id: Some(consumer.clone()),
                evidence: vec![
                    ("users", Evidence::texts(occurrences.words("users"))),
                    (
                        "dashboards",
                        Evidence::texts(occurrences.words("dashboards")),
                    ),
                    ("history_days", Evidence::Integer(days)),
                ],
                next_step: None,
                occurrences,
            });
        }
        if !too_young.is_empty() {
            let accounts: Vec<String> = too_young.into_iter().collect();
            sink.note(format!(
                "not enough history to evaluate tables that {} reads",
                sample(&accounts)
            ));
        }
    }
}
