//! `undeclared-consumer`: a chain reaches an account that the configuration does not declare
//! (docs/configuration.md).

use super::context::RuleContext;
use super::occurrences::{Occurrences, plural};
use super::rule::{FindingDraft, FindingSink, Rule, RuleEntry, RuleKind, RuleMeta, RuleNeed};
use crate::model::finding::{Evidence, PreviousFinding, Severity, Subject};
use crate::model::ids::AccountId;
use std::collections::BTreeMap;

static META: RuleMeta = RuleMeta {
    id: "undeclared-consumer",
    title: "A chain reaches a consumer account that is not declared",
    severity: Severity::High,
    kind: RuleKind::Condition,
    needs: RuleNeed::Nothing,
    since: "0.1.0",
    page: include_str!("undeclared_consumer.md"),
    options: &[],
    next_step: "look at what was reached; declare the account under [[consumers]], or delete its Role B",
    command: "qs-audit show CHAIN",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry {
    meta: &META,
    build: |_| Ok(Box::new(UndeclaredConsumer)),
};

struct UndeclaredConsumer;

impl Rule for UndeclaredConsumer {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn is_remedied(&self, finding: &PreviousFinding, context: &RuleContext<'_>) -> bool {
        let account = finding.subject("consumer_account_id");
        account.is_some_and(|account| context.input.topology.consumer(account).is_some())
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        let topology = context.input.topology;
        if topology.consumers.is_empty() {
            return sink.skip("no consumers are declared: add [[consumers]] to the configuration");
        }
        let mut by_subject: BTreeMap<AccountId, (Occurrences, u64)> = BTreeMap::new();
        for active in context.reaching() {
            let chain = active.chain;
            let Some(account) = &chain.consumer_account_id else {
                continue;
            };
            let is_hub = context.hub_accounts().contains(account);
            if is_hub || topology.consumer(account).is_some() {
                continue;
            }
            let (occurrences, queries) = by_subject.entry(account.clone()).or_default();
            *queries += chain.queries.len() as u64;
            occurrences
                .happened(active.first)
                .seen(active.last)
                .with_chain(&chain.chain_id);
            if let Some(session) = &chain.consumer_session {
                occurrences
                    .with_events(&session.event_ids)
                    .with_word("roles", session.role_arn.as_ref());
            }
        }
        for (account, (occurrences, queries)) in &by_subject {
            sink.add(FindingDraft {
                title: format!("Quick reaches {}, which is not declared", context.account(account)),
                detail: format!(
                    "{} of account {account} used Role A or Role B and submitted {}; the account is not a declared consumer.",
                    plural(occurrences.count(), "chain"),
                    plural(*queries, "query")
                ),
                subject: Subject(vec![("consumer_account_id", account.clone().into())]),
                consumer_account_id: Some(account.clone()),
                evidence: vec![
                    ("roles", Evidence::texts(occurrences.words("roles"))),
                    ("queries", Evidence::Integer(*queries)),
                ],
                next_step: None,
                occurrences,
            });
        }
    }
}
