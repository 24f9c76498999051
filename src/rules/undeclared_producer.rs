//! `undeclared-producer`: a consumer reads tables of an account that is not declared as a producer,
//! or that does not list it as a reader (docs/configuration.md).

use super::context::RuleContext;
use super::occurrences::{Occurrences, plural, sample};
use super::rule::{FindingDraft, FindingSink, Rule, RuleEntry, RuleKind, RuleMeta, RuleNeed};
use crate::model::finding::{Evidence, PreviousFinding, Severity, Subject};
use crate::model::ids::AccountId;
use crate::model::topology::ReadDeclaration;
use std::collections::BTreeMap;

static META: RuleMeta = RuleMeta {
    id: "undeclared-producer",
    title: "A consumer reads tables of an account that is not declared, or that does not list it as a reader",
    severity: Severity::Medium,
    kind: RuleKind::Condition,
    needs: RuleNeed::Nothing,
    since: "0.1.0",
    page: include_str!("undeclared_producer.md"),
    options: &[],
    next_step: "ask the owner of the tables; declare the account and its readers under [[producers]], or revoke the share",
    command: "qs-audit show CHAIN",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry {
    meta: &META,
    build: |_| Ok(Box::new(UndeclaredProducer)),
};

struct UndeclaredProducer;

impl Rule for UndeclaredProducer {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn is_remedied(&self, finding: &PreviousFinding, context: &RuleContext<'_>) -> bool {
        let reader = finding.subject("consumer_account_id");
        let owner = finding.subject("producer_account_id");
        let declaration = owner.zip(reader).and_then(|(owner, reader)| {
            let topology = context.input.topology;
            topology.read_declaration(owner, &AccountId::from(reader.clone()))
        });
        declaration.is_some_and(|declaration| !declaration.is_undeclared())
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        let topology = context.input.topology;
        if topology.producers.is_empty() {
            return sink.skip("no producers are declared: add [[producers]] to the configuration");
        }
        let mut by_subject: BTreeMap<(AccountId, AccountId), Occurrences> = BTreeMap::new();
        for one in context
            .table_reads()
            .filter(|one| context.in_window(one.at))
        {
            let Some(producer) = one.producer() else {
                continue;
            };
            let declaration = topology.read_declaration(producer, one.consumer);
            if !declaration.is_some_and(ReadDeclaration::is_undeclared) {
                continue;
            }
            by_subject
                .entry((one.consumer.clone(), producer.clone()))
                .or_default()
                .happened(one.at)
                .with_chain(&one.chain.chain_id)
                .with_events(&one.read.event_ids)
                .with_word("tables", Some(&one.table()))
                .with_word("users", one.user());
        }
        for ((consumer, producer), occurrences) in &by_subject {
            let tables = occurrences.words("tables");
            let is_declared = topology.producer(producer).is_some();
            let (severity, why) = if is_declared {
                (Severity::High, "does not list it as a reader")
            } else {
                (META.severity, "is not a declared producer")
            };
            let reader = context.account(consumer);
            let owner = context.account(producer);
            sink.add_at(
                severity,
                FindingDraft {
                    title: format!("{reader} reads tables of {owner}, which {why}"),
                    detail: format!(
                        "{reader} read {} in {}; {owner}, which owns them, {why}.",
                        sample(&tables),
                        plural(occurrences.count(), "query")
                    ),
                    subject: Subject(vec![
                        ("consumer_account_id", consumer.clone().into()),
                        ("producer_account_id", producer.clone().into()),
                    ]),
                    consumer_account_id: Some(consumer.clone()),
                    evidence: vec![
                        ("tables", Evidence::texts(tables)),
                        ("users", Evidence::texts(occurrences.words("users"))),
                    ],
                    next_step: None,
                    occurrences,
                },
            );
        }
    }
}
