//! `run-as-role-assumed-by-other`: Role A is assumed by anything but Quick
//! (docs/cloudtrail-facts.md#by-a-service, docs/cloudtrail-facts.md#quicks-role-chain).

use super::context::RuleContext;
use super::occurrences::{Occurrences, sample, times};
use super::rule::{FindingDraft, FindingSink, Rule, RuleEntry, RuleKind, RuleMeta, RuleNeed};
use super::unread::note_unread_run_as_sessions;
use crate::model::chain::SessionIssuer;
use crate::model::finding::{Evidence, Severity, Subject};
use crate::model::text::Text;
use std::collections::BTreeMap;

static META: RuleMeta = RuleMeta {
    id: "run-as-role-assumed-by-other",
    title: "Role A is assumed by a principal other than Quick",
    severity: Severity::High,
    kind: RuleKind::Event,
    needs: RuleNeed::RunAsRole,
    since: "0.1.0",
    page: include_str!("run_as_role_assumed_by_other.md"),
    options: &[],
    next_step: "look at which roles the session assumed; then trust only quicksight.amazonaws.com in Role A's trust policy",
    command: "qs-audit show CHAIN",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry {
    meta: &META,
    build: |_| Ok(Box::new(RunAsRoleAssumedByOther)),
};

struct RunAsRoleAssumedByOther;

impl Rule for RunAsRoleAssumedByOther {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        let mut by_subject: BTreeMap<(Text, Text), Occurrences> = BTreeMap::new();
        for hop in context.run_as_hops() {
            if matches!(
                hop.session.issuer,
                SessionIssuer::Quick | SessionIssuer::NotLogged
            ) {
                continue;
            }
            let caller = hop.caller();
            let caller = caller.unwrap_or_else(|| "an unknown caller".into());
            let reached = hop
                .chains
                .iter()
                .filter_map(|chain| chain.consumer_account_id.as_ref());
            let occurrences = by_subject.entry((hop.role_text(), caller)).or_default();
            occurrences
                .with_hop(hop)
                .with_word("source_ips", hop.session.source_ip.as_ref());
            for account in reached {
                occurrences.with_word("accounts_reached", Some(account));
            }
        }
        note_unread_run_as_sessions(context, sink);
        for ((role, caller), occurrences) in &by_subject {
            let reached = occurrences.words("accounts_reached");
            let named: Vec<String> = reached
                .iter()
                .map(|account| context.account(account))
                .collect();
            let reach = if named.is_empty() {
                "It assumed no further role.".to_owned()
            } else {
                format!("It went on to reach {}.", sample(&named))
            };
            sink.add(FindingDraft {
                title: format!("Role A was assumed by {caller}"),
                detail: format!(
                    "{role} was assumed {} by {caller}; only quicksight.amazonaws.com should assume it. {reach}",
                    times(occurrences.count())
                ),
                subject: Subject(vec![("role", role.clone()), ("caller", caller.clone())]),
                consumer_account_id: None,
                evidence: vec![
                    ("source_ips", Evidence::texts(occurrences.words("source_ips"))),
                    ("accounts_reached", Evidence::texts(reached)),
                ],
                next_step: None,
                occurrences,
            });
        }
    }
}
