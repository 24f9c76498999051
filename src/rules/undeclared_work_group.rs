//! `undeclared-work-group`: a query of a chain runs in a work group that the consumer, or the
//! data source, does not declare (docs/configuration.md,
//! docs/cloudtrail-facts.md#startqueryexecution).

use super::context::RuleContext;
use super::occurrences::{Occurrences, plural};
use super::rule::{FindingDraft, FindingSink, Rule, RuleEntry, RuleKind, RuleMeta, RuleNeed};
use crate::model::finding::{Evidence, PreviousFinding, Severity, Subject};
use crate::model::ids::AccountId;
use crate::model::text::Text;
use std::collections::BTreeMap;

static META: RuleMeta = RuleMeta {
    id: "undeclared-work-group",
    title: "A chain's query runs in a work group that is not declared",
    severity: Severity::Medium,
    kind: RuleKind::Condition,
    needs: RuleNeed::Nothing,
    since: "0.1.0",
    page: include_str!("undeclared_work_group.md"),
    options: &[],
    next_step: "look at the queries; declare the work group, or deny it in Role B's policy",
    command: "qs-audit show CHAIN",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry {
    meta: &META,
    build: |_| Ok(Box::new(UndeclaredWorkGroup)),
};

struct UndeclaredWorkGroup;

impl Rule for UndeclaredWorkGroup {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn is_remedied(&self, finding: &PreviousFinding, context: &RuleContext<'_>) -> bool {
        let account = finding.subject("consumer_account_id");
        let consumer = account.and_then(|account| context.input.topology.consumer(account));
        let declared = consumer.and_then(|consumer| consumer.work_groups.as_ref());
        let used = finding.subject("work_group");
        declared
            .zip(used)
            .is_some_and(|(declared, used)| declared.contains(used))
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        let topology = context.input.topology;
        let is_any_declared = topology
            .consumers
            .iter()
            .any(|consumer| consumer.work_groups.is_some());
        if !is_any_declared && context.input.inventory.is_none() {
            return sink.skip(
                "no work groups are declared: add work_groups to [[consumers]], or use --data-sources",
            );
        }
        let mut by_subject: BTreeMap<(AccountId, Text), Occurrences> = BTreeMap::new();
        for active in context.reaching() {
            let chain = active.chain;
            let Some(account) = &chain.consumer_account_id else {
                continue;
            };
            let declared = topology.consumer(account);
            let declared = declared.and_then(|consumer| consumer.work_groups.as_ref());
            let listed = context
                .input
                .inventory
                .zip(chain.data_source_arn.as_deref());
            let listed =
                listed.and_then(|(inventory, arn)| inventory.find(arn)?.work_group.as_ref());
            for query in &chain.queries {
                let Some(used) = query
                    .work_group
                    .as_ref()
                    .filter(|_| context.in_window(query.started_at))
                else {
                    continue;
                };
                let is_wrong = match (declared, listed) {
                    (Some(declared), _) if !declared.contains(used) => true,
                    (_, Some(listed)) => listed != used,
                    _ => false,
                };
                if is_wrong {
                    by_subject
                        .entry((account.clone(), used.clone()))
                        .or_default()
                        .happened(query.started_at)
                        .with_chain(&chain.chain_id)
                        .with_events([&query.event_id])
                        .with_word("listed", listed);
                }
            }
        }
        for ((account, used), occurrences) in &by_subject {
            let listed = occurrences.words("listed");
            let instead = match listed.first() {
                Some(listed) => format!(" The list of data sources names {listed}."),
                None => String::new(),
            };
            sink.add(FindingDraft {
                title: format!("Queries of {} ran in work group {used}", context.account(account)),
                detail: format!(
                    "{} of chains ran in work group {used} of account {account}, which is not declared for it.{instead}",
                    plural(occurrences.count(), "query")
                ),
                subject: Subject(vec![
                    ("consumer_account_id", account.clone().into()),
                    ("work_group", used.clone()),
                ]),
                consumer_account_id: Some(account.clone()),
                evidence: vec![("listed_work_groups", Evidence::texts(listed))],
                next_step: None,
                occurrences,
            });
        }
    }
}
