//! `undeclared-data-source`: a chain reaches a consumer for a data source that is not declared
//! for it (docs/configuration.md).

use super::context::RuleContext;
use super::occurrences::{Occurrences, plural};
use super::rule::{FindingDraft, FindingSink, Rule, RuleEntry, RuleKind, RuleMeta, RuleNeed};
use crate::model::finding::{Evidence, PreviousFinding, Severity, Subject};
use crate::model::ids::{AccountId, DataSourceArn};
use std::collections::BTreeMap;

static META: RuleMeta = RuleMeta {
    id: "undeclared-data-source",
    title: "A chain reaches a consumer for a data source that is not declared for it",
    severity: Severity::Medium,
    kind: RuleKind::Condition,
    needs: RuleNeed::Nothing,
    since: "0.1.0",
    page: include_str!("undeclared_data_source.md"),
    options: &[],
    next_step: "look at who used it; declare the data source for this consumer, or delete it in Quick",
    command: "qs-audit show CHAIN",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry {
    meta: &META,
    build: |_| Ok(Box::new(UndeclaredDataSource)),
};

struct UndeclaredDataSource;

impl Rule for UndeclaredDataSource {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn is_remedied(&self, finding: &PreviousFinding, context: &RuleContext<'_>) -> bool {
        let account = finding.subject("consumer_account_id");
        let consumer = account.and_then(|account| context.input.topology.consumer(account));
        let declared = consumer.and_then(|consumer| consumer.data_sources.as_ref());
        let source = finding.subject("data_source_arn");
        let source = source.map(|arn| DataSourceArn::from(arn.clone()));
        declared
            .zip(source)
            .is_some_and(|(declared, source)| declared.contains(&source))
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        let topology = context.input.topology;
        if topology
            .consumers
            .iter()
            .all(|consumer| consumer.data_sources.is_none())
        {
            return sink.skip("no data sources are declared: add data_sources to [[consumers]]");
        }
        let mut by_subject: BTreeMap<(AccountId, DataSourceArn), Occurrences> = BTreeMap::new();
        for active in context.reaching() {
            let chain = active.chain;
            let (Some(account), Some(source)) =
                (&chain.consumer_account_id, &chain.data_source_arn)
            else {
                continue;
            };
            let declared = topology.consumer(account);
            let declared = declared.and_then(|consumer| consumer.data_sources.as_ref());
            if declared.is_none_or(|declared| declared.contains(source)) {
                continue;
            }
            let occurrences = by_subject
                .entry((account.clone(), source.clone()))
                .or_default();
            occurrences
                .happened(active.first)
                .seen(active.last)
                .with_chain(&chain.chain_id);
            if let Some(session) = &chain.consumer_session {
                occurrences.with_events(&session.event_ids);
            }
            let user = chain.quick_user.as_ref().map(|user| &user.name);
            occurrences.with_word("users", user);
        }
        for ((account, source), occurrences) in &by_subject {
            sink.add(FindingDraft {
                title: format!("{} was reached for an undeclared data source", context.account(account)),
                detail: format!(
                    "{} of account {account} used {source}, which is not one of the data sources declared for it.",
                    plural(occurrences.count(), "chain")
                ),
                subject: Subject(vec![
                    ("consumer_account_id", account.clone().into()),
                    ("data_source_arn", source.clone().into()),
                ]),
                consumer_account_id: Some(account.clone()),
                evidence: vec![("users", Evidence::texts(occurrences.words("users")))],
                next_step: None,
                occurrences,
            });
        }
    }
}
