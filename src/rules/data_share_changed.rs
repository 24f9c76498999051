//! `data-share-changed`: what others may read was changed: resource policies of Glue, shares of RAM,
//! grants, settings and locations of Lake Formation.

use super::context::RuleContext;
use super::occurrences::{Occurrences, sample};
use super::rule::{FindingDraft, FindingSink, Rule, RuleEntry, RuleKind, RuleMeta, RuleNeed};
use super::share_changes::{KnownShares, ShareChange};
use crate::model::finding::{Evidence, Severity, Subject};
use crate::model::ids::AccountId;
use crate::model::text::Text;
use std::collections::{BTreeMap, BTreeSet};

static META: RuleMeta = RuleMeta {
    id: "data-share-changed",
    title: "Access to tables was granted, shared or revoked",
    severity: Severity::Medium,
    kind: RuleKind::Event,
    needs: RuleNeed::Nothing,
    since: "0.1.0",
    page: include_str!("data_share_changed.md"),
    options: &[],
    next_step: "compare with what was requested; revert the rest",
    command: "qs-audit explain data-share-changed",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry {
    meta: &META,
    build: |_| Ok(Box::new(DataShareChanged)),
};

struct DataShareChanged;

/// The worst of the changes of one subject.
#[derive(Default)]
struct SubjectChanges {
    occurrences: Occurrences,
    /// Accounts that gained anything, other than the owner's.
    gaining: BTreeSet<AccountId>,
    is_for_everyone: bool,
    is_for_organization: bool,
}

impl Rule for DataShareChanged {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        let mut known = KnownShares::default();
        let mut by_subject: BTreeMap<(AccountId, Text), SubjectChanges> = BTreeMap::new();
        for (event, parameters) in context.changes() {
            let Some(account) = &event.recipient_account_id else {
                continue;
            };
            for change in known.changes(event, parameters, account) {
                if !context.in_window(event.time) {
                    continue;
                }
                add(&mut by_subject, account, &change)
                    .happened(event.time)
                    .with_events([&event.id])
                    .with_word("changes", Some(&change.words))
                    .with_word("changed_by", event.identity.best_name());
            }
        }
        for ((account, resource), changes) in &by_subject {
            let severity = severity(context, account, changes);
            let by = changes.occurrences.words("changed_by");
            let words = changes.occurrences.words("changes");
            sink.add_at(
                severity,
                FindingDraft {
                    title: format!(
                        "Access to {resource} of {} was changed",
                        context.account(account)
                    ),
                    detail: format!(
                        "{} changed who may read {resource}: {}.",
                        sample(&by),
                        sample(&words)
                    ),
                    subject: Subject(vec![
                        ("account_id", account.clone().into()),
                        ("resource", resource.clone()),
                    ]),
                    consumer_account_id: None,
                    evidence: vec![
                        ("changed_by", Evidence::texts(by)),
                        ("changes", Evidence::texts(words)),
                        (
                            "accounts_that_gain",
                            Evidence::texts(changes.gaining.iter().cloned()),
                        ),
                    ],
                    next_step: None,
                    occurrences: &changes.occurrences,
                },
            );
        }
    }
}

fn add<'c>(
    by_subject: &'c mut BTreeMap<(AccountId, Text), SubjectChanges>,
    account: &AccountId,
    change: &ShareChange,
) -> &'c mut Occurrences {
    let key = (account.clone(), change.resource.clone());
    let changes = by_subject.entry(key).or_default();
    let others = change.gaining.iter().filter(|gaining| *gaining != account);
    changes.gaining.extend(others.cloned());
    changes.is_for_everyone |= change.is_for_everyone;
    changes.is_for_organization |= change.is_for_organization;
    &mut changes.occurrences
}

/// High if everyone gains, or an account that is neither hub, consumer nor producer; low if no
/// other account gains anything.
fn severity(context: &RuleContext<'_>, owner: &AccountId, changes: &SubjectChanges) -> Severity {
    let topology = context.input.topology;
    let may_gain = |account: &AccountId| {
        let declared = topology.producer(owner);
        match declared.and_then(|producer| producer.readers.as_ref()) {
            Some(readers) => readers.contains(account),
            None => context.is_declared(account),
        }
    };
    if changes.is_for_everyone || !changes.gaining.iter().all(may_gain) {
        Severity::High
    } else if changes.gaining.is_empty() && !changes.is_for_organization {
        Severity::Low
    } else {
        META.severity
    }
}
