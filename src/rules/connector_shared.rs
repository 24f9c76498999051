//! `connector-shared`: queries use the connector of another account, or may
//! (docs/cloudtrail-facts.md#connectors).

use super::connectors::{connector_reads, invoke_permissions};
use super::context::RuleContext;
use super::occurrences::{Occurrences, plural, sample};
use super::rule::{FindingDraft, FindingSink, Rule, RuleEntry, RuleKind, RuleMeta, RuleNeed};
use crate::model::finding::{Evidence, Severity, Subject};
use crate::model::ids::AccountId;
use crate::model::text::Text;
use std::collections::BTreeMap;

static META: RuleMeta = RuleMeta {
    id: "connector-shared",
    title: "Queries of one account use the connector of another",
    severity: Severity::Low,
    kind: RuleKind::Condition,
    needs: RuleNeed::Nothing,
    since: "0.1.0",
    page: include_str!("connector_shared.md"),
    options: &[],
    next_step: "check that the owner of the connector shares it on purpose, and its spill bucket, too",
    command: "qs-audit show CHAIN",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry {
    meta: &META,
    build: |_| Ok(Box::new(ConnectorShared)),
};

struct ConnectorShared;

impl Rule for ConnectorShared {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        let mut by_subject: BTreeMap<(Text, AccountId), (Occurrences, AccountId)> = BTreeMap::new();
        for one in connector_reads(context) {
            let read = one.read;
            let Some(owner) = read.producer().filter(|_| context.in_window(read.at)) else {
                continue;
            };
            let key = (one.connector.clone(), read.consumer.clone());
            let known = by_subject.entry(key);
            let (occurrences, _) = known.or_insert_with(|| (Occurrences::default(), owner.clone()));
            occurrences
                .happened(read.at)
                .with_chain(&read.chain.chain_id)
                .with_events(&read.read.event_ids)
                .with_word("users", read.user());
        }
        for given in invoke_permissions(context) {
            let Some(account) = &given.account_id else {
                continue;
            };
            if !context.in_window(given.event.time) {
                continue;
            }
            let key = (given.function_arn.clone(), account.clone());
            let known = by_subject.entry(key);
            let (occurrences, _) =
                known.or_insert_with(|| (Occurrences::default(), given.owner.clone()));
            occurrences
                .happened(given.event.time)
                .with_events([&given.event.id])
                .with_word("permitted_by", given.event.identity.best_name());
        }
        for ((connector, consumer), (occurrences, owner)) in &by_subject {
            let (reader, owner_label) = (context.account(consumer), context.account(owner));
            let permitted_by = occurrences.words("permitted_by");
            let permitted = if permitted_by.is_empty() {
                String::new()
            } else {
                format!(
                    " Permission to invoke it was given by {}.",
                    sample(&permitted_by)
                )
            };
            sink.add(FindingDraft {
                title: format!("{reader} uses a connector of {owner_label}"),
                detail: format!(
                    "{reader} used {connector} of {owner_label}, or got permission to: {}.{permitted}",
                    plural(occurrences.count(), "occurrence")
                ),
                subject: Subject(vec![
                    ("connector", connector.clone()),
                    ("consumer_account_id", consumer.clone().into()),
                ]),
                consumer_account_id: Some(consumer.clone()),
                evidence: vec![
                    ("owner_account_id", Evidence::Text(owner.clone().into())),
                    ("users", Evidence::texts(occurrences.words("users"))),
                    ("permitted_by", Evidence::texts(permitted_by)),
                ],
                next_step: None,
                occurrences,
            });
        }
    }
}
