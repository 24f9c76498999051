//! `external-id-missing`: Role B is assumed without an `ExternalId`
//! (docs/cloudtrail-facts.md#scope-down-policy-and-external-id).

use super::context::RuleContext;
use super::occurrences::{Occurrences, plural, sample, times};
use super::rule::{FindingDraft, FindingSink, Rule, RuleEntry, RuleKind, RuleMeta, RuleNeed};
use super::unread::note_unread_consumer_sessions;
use crate::model::chain::SessionIssuer;
use crate::model::finding::{Evidence, Severity, Subject};
use crate::model::ids::AccountId;
use crate::model::text::Text;
use std::collections::BTreeMap;

static META: RuleMeta = RuleMeta {
    id: "external-id-missing",
    title: "Role B is assumed without an ExternalId",
    severity: Severity::High,
    kind: RuleKind::Condition,
    needs: RuleNeed::ConsumerRole,
    since: "0.1.0",
    page: include_str!("external_id_missing.md"),
    options: &[],
    next_step: "look at the AssumeRole call; then require sts:ExternalId in Role B's trust policy",
    command: "qs-audit show CHAIN",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry {
    meta: &META,
    build: |_| Ok(Box::new(ExternalIdMissing)),
};

struct ExternalIdMissing;

impl Rule for ExternalIdMissing {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        note_unread_consumer_sessions(context, sink);
        let mut by_subject: BTreeMap<(AccountId, Text, Text), Occurrences> = BTreeMap::new();
        let mut unknown = 0;
        for hop in context.consumer_hops() {
            // A sign-in has no ExternalId to give.
            let can_have_one = matches!(
                hop.session.issuer,
                SessionIssuer::Principal | SessionIssuer::Quick
            );
            // It may stand on the first hop instead
            // (docs/cloudtrail-facts.md#scope-down-policy-and-external-id).
            let on_first_hop = hop.chains.iter().any(|chain| {
                let run_as = chain.caller_session();
                run_as.is_some_and(|session| {
                    let id = session.external_id.as_deref();
                    session.issuer == SessionIssuer::Quick
                        && id.is_some_and(|id| context.is_data_source(id))
                })
            });
            if !can_have_one || hop.session.external_id.is_some() || on_first_hop {
                continue;
            }
            if !hop.session.parameters_known {
                unknown += 1;
                continue;
            }
            let account = hop.role.account_id.clone();
            let key = (account, hop.role_text(), hop.source_account());
            let occurrences = by_subject.entry(key).or_default();
            occurrences
                .with_hop(hop)
                .with_word("callers", hop.caller().as_ref())
                .with_word("source_ips", hop.session.source_ip.as_ref());
        }
        if unknown > 0 {
            sink.note(format!(
                "{} of Role B: the request parameters were not logged",
                plural(unknown, "session")
            ));
        }
        for ((account, role, source), occurrences) in &by_subject {
            let callers = occurrences.words("callers");
            let caller = sample(&callers);
            sink.add(FindingDraft {
                title: format!("Role B of {} was assumed without an ExternalId", context.account(account)),
                detail: format!(
                    "{role} was assumed {} by {caller} without an ExternalId: its trust policy does not require one, or \
                     only of other principals.",
                    times(occurrences.count())
                ),
                subject: Subject(vec![
                    ("consumer_account_id", account.clone().into()),
                    ("role", role.clone()),
                    ("source_account_id", source.clone()),
                ]),
                consumer_account_id: Some(account.clone()),
                evidence: vec![
                    ("callers", Evidence::texts(callers)),
                    ("source_ips", Evidence::texts(occurrences.words("source_ips"))),
                ],
                next_step: None,
                occurrences,
            });
        }
    }
}
