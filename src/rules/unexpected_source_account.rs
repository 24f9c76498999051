//! `unexpected-source-account`: Role B is assumed from an account that is not the hub
//! (docs/cloudtrail-facts.md#across-accounts,
//! docs/cloudtrail-facts.md#scope-down-policy-and-external-id).

use super::context::RuleContext;
use super::hop::RoleAssumption;
use super::occurrences::{Occurrences, plural, sample, times};
use super::rule::{FindingDraft, FindingSink, Rule, RuleEntry, RuleKind, RuleMeta, RuleNeed};
use super::unread::note_unread_consumer_sessions;
use crate::model::chain::SessionIssuer;
use crate::model::finding::{Evidence, Severity, Subject};
use crate::model::ids::AccountId;
use crate::model::text::Text;
use std::collections::BTreeMap;

static META: RuleMeta = RuleMeta {
    id: "unexpected-source-account",
    title: "Role B is assumed from an account that is not the hub",
    severity: Severity::Critical,
    kind: RuleKind::Event,
    needs: RuleNeed::ConsumerRole,
    since: "0.1.0",
    page: include_str!("unexpected_source_account.md"),
    options: &[],
    next_step: "look at what the session did; then trust only Role A in Role B's trust policy",
    command: "qs-audit show CHAIN",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry {
    meta: &META,
    build: |_| Ok(Box::new(UnexpectedSourceAccount)),
};

struct UnexpectedSourceAccount;

/// Returns the source of a session: an account, or else the caller that assumed it.
fn source(hop: &RoleAssumption<'_>) -> Option<Text> {
    match hop.session.issuer {
        SessionIssuer::Federated => Some("federated sign-in".into()),
        SessionIssuer::Service | SessionIssuer::Quick => hop.session.assumed_by.clone(),
        SessionIssuer::Principal => hop.session.source_account_id.clone().map(Text::from),
        SessionIssuer::NotLogged => None,
    }
}

impl Rule for UnexpectedSourceAccount {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        let hubs = context.hub_accounts();
        if let Some(hub) = context.unconfirmed_hub() {
            return sink.skip(hub.to_string());
        }
        if hubs.is_empty() {
            return sink.skip(
                "the hub is not known: declare [hub] account_id, or read logs in which Quick assumes Role A",
            );
        }
        note_unread_consumer_sessions(context, sink);
        let mut by_subject: BTreeMap<(AccountId, Text, Text), (Occurrences, u64)> = BTreeMap::new();
        let mut undecided = 0;
        for hop in context.consumer_hops() {
            let Some(source) = source(hop) else {
                undecided += 1;
                continue;
            };
            if hubs.contains(&*source) {
                continue;
            }
            let key = (hop.role.account_id.clone(), hop.role_text(), source);
            let (occurrences, queries) = by_subject.entry(key).or_default();
            *queries += hop.query_count();
            occurrences
                .with_hop(hop)
                .with_word("callers", hop.caller().as_ref())
                .with_word("source_ips", hop.session.source_ip.as_ref());
        }
        if undecided > 0 {
            sink.note(format!(
                "{} of Role B: the record does not name the account that assumed it",
                plural(undecided, "session")
            ));
        }
        let hub = sample(&hubs.iter().collect::<Vec<_>>());
        for ((account, role, source), (occurrences, queries)) in &by_subject {
            let name = context.account(account);
            let callers = occurrences.words("callers");
            let by = if callers.is_empty() {
                String::new()
            } else {
                format!(" by {}", sample(&callers))
            };
            sink.add(FindingDraft {
                title: format!("Role B of {name} was assumed from {source}"),
                detail: format!(
                    "{role} was assumed {} from {source}{by}; the hub is {hub}. Its sessions submitted {}.",
                    times(occurrences.count()),
                    plural(*queries, "query")
                ),
                subject: Subject(vec![
                    ("consumer_account_id", account.clone().into()),
                    ("role", role.clone()),
                    ("source", source.clone()),
                ]),
                consumer_account_id: Some(account.clone()),
                evidence: vec![
                    ("callers", Evidence::texts(callers)),
                    ("source_ips", Evidence::texts(occurrences.words("source_ips"))),
                    ("queries", Evidence::Integer(*queries)),
                ],
                next_step: None,
                occurrences,
            });
        }
    }
}
