//! `delegated-access-used`: a product provider made calls of a chain under a temporary delegation
//! (docs/cloudtrail-facts.md#agents-and-identities).

use super::context::RuleContext;
use super::occurrences::{Occurrences, plural, sample};
use super::rule::{
    FindingDraft, FindingSink, OptionMeta, Rule, RuleEntry, RuleKind, RuleMeta, RuleNeed,
};
use crate::model::event::Event;
use crate::model::finding::{Evidence, Severity, Subject};
use crate::model::ids::AccountId;
use crate::model::text::Text;
use std::collections::BTreeMap;

static META: RuleMeta = RuleMeta {
    id: "delegated-access-used",
    title: "A provider used a temporary delegation in a chain",
    severity: Severity::Medium,
    kind: RuleKind::Event,
    needs: RuleNeed::Nothing,
    since: "0.1.0",
    page: include_str!("delegated_access_used.md"),
    options: &[OptionMeta {
        name: "accounts",
        default: "[]",
        meaning: "accounts of providers whose delegated access is expected",
    }],
    next_step: "check that someone approved this delegation, for this purpose and time; revoke it if not",
    command: "qs-audit show CHAIN",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry {
    meta: &META,
    build: |options| {
        let accounts = options.texts("accounts")?;
        Ok(Box::new(DelegatedAccessUsed { accounts }))
    },
};

struct DelegatedAccessUsed {
    accounts: Vec<Text>,
}

impl Rule for DelegatedAccessUsed {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        let mut by_subject: BTreeMap<(Option<AccountId>, AccountId), Occurrences> = BTreeMap::new();
        for chain in context.input.chains {
            let events = chain.events.iter();
            let events = events.map(|entry| &context.input.events[entry.event as usize]);
            for event in events.filter(|event| context.in_window(event.time)) {
                let Some(delegate) = self.delegate(event) else {
                    continue;
                };
                let consumer = chain.consumer_account_id.clone();
                let of_key = by_subject.entry((consumer, delegate.clone()));
                let occurrences = of_key.or_default();
                // A call of an earlier session is in all the chains that it led to.
                if occurrences.events().contains(&event.id) {
                    occurrences.with_chain(&chain.chain_id);
                    continue;
                }
                occurrences
                    .happened(event.time)
                    .with_chain(&chain.chain_id)
                    .with_events([&event.id])
                    .with_word("calls", Some(&Text::from(event.action())))
                    .with_word("by", event.identity.best_name());
            }
        }
        for ((consumer, delegate), occurrences) in &by_subject {
            let calls = occurrences.words("calls");
            let place = consumer.as_ref().map_or_else(
                || "an unknown account".to_owned(),
                |one| context.account(one),
            );
            let mut subject = vec![("delegate_account_id", Text::from(delegate.clone()))];
            subject.extend(
                consumer
                    .iter()
                    .map(|consumer| ("consumer_account_id", Text::from(consumer.clone()))),
            );
            subject.sort();
            sink.add(FindingDraft {
                title: format!(
                    "{} acted in {place} under a temporary delegation",
                    context.account(delegate)
                ),
                detail: format!(
                    "{} of chains in {place} were made by {} under a temporary delegation: {}.",
                    plural(occurrences.count(), "call"),
                    context.account(delegate),
                    sample(&calls)
                ),
                subject: Subject(subject),
                consumer_account_id: consumer.clone(),
                evidence: vec![
                    ("calls", Evidence::texts(calls)),
                    ("by", Evidence::texts(occurrences.words("by"))),
                ],
                next_step: None,
                occurrences,
            });
        }
    }
}

impl DelegatedAccessUsed {
    /// The provider behind a call, unless it is expected.
    fn delegate<'e>(&self, event: &'e Event) -> Option<&'e AccountId> {
        let delegate = event.identity.delegate_account_id.as_ref()?;
        (!self.accounts.contains(delegate.text())).then_some(delegate)
    }
}
