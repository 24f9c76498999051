//! `run-as-role-assumed-by-other`: Role A is assumed by anything but Quick
//! (docs/cloudtrail-facts.md#by-a-service, docs/cloudtrail-facts.md#quicks-role-chain).

use super::context::RuleContext;
use super::occurrences::{Occurrences, plural, sample, times};
use super::rule::{FindingDraft, FindingSink, Rule, RuleEntry, RuleKind, RuleMeta, RuleNeed};
use crate::model::chain::SessionIssuer;
use crate::model::finding::{Evidence, Severity, Subject};
use crate::model::text::Text;
use std::collections::{BTreeMap, BTreeSet};

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

    fn check(&self, facts: &RuleContext<'_>, found: &mut FindingSink<'_>) {
        let mut groups: BTreeMap<(Text, Text), Occurrences> = BTreeMap::new();
        for hop in facts.run_as_hops() {
            if matches!(
                hop.session.maker,
                SessionIssuer::Quick | SessionIssuer::Unseen
            ) {
                continue;
            }
            let caller = hop.caller();
            let caller = caller.unwrap_or_else(|| "an unknown caller".into());
            let reached = hop
                .chains
                .iter()
                .filter_map(|chain| chain.consumer_account_id.as_ref());
            let group = groups.entry((hop.role_text(), caller)).or_default();
            group
                .with_hop(hop)
                .with_word("source_ips", hop.session.source_ip.as_ref());
            for account in reached {
                group.with_word("accounts_reached", Some(account));
            }
        }
        let unseen: BTreeSet<&Text> = facts
            .active()
            .iter()
            .filter_map(|active| active.chain.caller_session())
            .filter(|session| session.maker == SessionIssuer::Unseen)
            .filter_map(|session| session.assumed_role_id.as_ref())
            .collect();
        if !unseen.is_empty() {
            found.note(format!(
                "{} that assumed Role B in the window: their own AssumeRole record was not read",
                plural(unseen.len() as u64, "session")
            ));
        }
        for ((role, caller), group) in &groups {
            let reached = group.words("accounts_reached");
            let named: Vec<String> = reached
                .iter()
                .map(|account| facts.account(account))
                .collect();
            let reach = if named.is_empty() {
                "It assumed no further role.".to_owned()
            } else {
                format!("It went on to reach {}.", sample(&named))
            };
            found.add(FindingDraft {
                title: format!("Role A was assumed by {caller}"),
                detail: format!(
                    "{role} was assumed {} by {caller}; only quicksight.amazonaws.com should assume it. {reach}",
                    times(group.count())
                ),
                subject: Subject(vec![("role", role.clone()), ("caller", caller.clone())]),
                consumer_account_id: None,
                evidence: vec![
                    ("source_ips", Evidence::texts(group.words("source_ips"))),
                    ("accounts_reached", Evidence::texts(reached)),
                ],
                next_step: None,
                group,
            });
        }
    }
}
