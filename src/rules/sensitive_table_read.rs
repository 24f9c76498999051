//! `sensitive-table-read`: a table that the configuration calls sensitive was read
//! (docs/configuration.md).

use super::context::RuleContext;
use super::occurrences::{Occurrences, plural, sample};
use super::rule::{FindingDraft, FindingSink, Rule, RuleEntry, RuleKind, RuleMeta, RuleNeed};
use crate::model::finding::{Evidence, Severity, Subject};
use crate::model::ids::AccountId;
use crate::model::text::Text;
use std::collections::BTreeMap;

static META: RuleMeta = RuleMeta {
    id: "sensitive-table-read",
    title: "A table that is declared as sensitive was read",
    severity: Severity::High,
    kind: RuleKind::Event,
    needs: RuleNeed::Nothing,
    since: "0.1.0",
    page: include_str!("sensitive_table_read.md"),
    options: &[],
    next_step: "check that each reader is allowed to read the table",
    command: "qs-audit show CHAIN",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry {
    meta: &META,
    build: |_| Ok(Box::new(SensitiveTableRead)),
};

struct SensitiveTableRead;

impl Rule for SensitiveTableRead {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        let sensitive = &context.input.topology.sensitive;
        if sensitive.is_empty() {
            return sink.skip(
                "no tables are declared as sensitive: add [[sensitive]] to the configuration",
            );
        }
        let mut by_subject: BTreeMap<(AccountId, Text), Occurrences> = BTreeMap::new();
        for one in context
            .table_reads()
            .filter(|one| context.in_window(one.at))
        {
            let is_named = |pattern: &Text| one.read.is_named(pattern);
            let declared = sensitive
                .iter()
                .find(|declared| declared.tables.iter().any(is_named));
            let Some(declared) = declared else {
                continue;
            };
            let role = one.chain.consumer_session.as_ref();
            let role = role.and_then(|session| session.role_arn.as_ref());
            by_subject
                .entry((one.consumer.clone(), one.table()))
                .or_default()
                .happened(one.at)
                .with_chain(&one.chain.chain_id)
                .with_events(&one.read.event_ids)
                .with_events(one.query.map(|query| &query.event_id))
                .with_word("reasons", Some(&declared.reason))
                .with_word("users", one.user())
                .with_word("dashboards", one.dashboard())
                .with_word("roles", role);
        }
        for ((consumer, table), occurrences) in &by_subject {
            let users = occurrences.words("users");
            let by = if users.is_empty() {
                occurrences.words("roles")
            } else {
                users.clone()
            };
            let reasons = occurrences.words("reasons");
            sink.add(FindingDraft {
                title: format!("{table} was read through {}", context.account(consumer)),
                detail: format!(
                    "{} of {} read {table} ({}), by {}.",
                    plural(occurrences.count(), "query"),
                    context.account(consumer),
                    sample(&reasons),
                    sample(&by)
                ),
                subject: Subject(vec![
                    ("consumer_account_id", consumer.clone().into()),
                    ("table", table.clone()),
                ]),
                consumer_account_id: Some(consumer.clone()),
                evidence: vec![
                    ("reasons", Evidence::texts(reasons)),
                    ("users", Evidence::texts(users)),
                    (
                        "dashboards",
                        Evidence::texts(occurrences.words("dashboards")),
                    ),
                    ("roles", Evidence::texts(occurrences.words("roles"))),
                ],
                next_step: None,
                occurrences,
            });
        }
    }
}
