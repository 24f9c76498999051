//! `scope-down-too-wide`: the inline policy of a Role A session lets it assume more than one
//! role (docs/cloudtrail-facts.md#scope-down-policy-and-external-id).

use super::context::RuleContext;
use super::occurrences::{Occurrences, sample, times};
use super::rule::{FindingDraft, FindingSink, Rule, RuleEntry, RuleKind, RuleMeta, RuleNeed};
use super::unread::note_unread_run_as_sessions;
use crate::iam::policy::{Policy, Reach};
use crate::model::chain::SessionIssuer;
use crate::model::finding::{Evidence, Severity, Subject};
use crate::model::text::Text;
use std::collections::{BTreeMap, BTreeSet};

static META: RuleMeta = RuleMeta {
    id: "scope-down-too-wide",
    title: "The session policy of a Role A session has a wildcard or allows several roles",
    severity: Severity::Medium,
    kind: RuleKind::Condition,
    needs: RuleNeed::RunAsRole,
    since: "0.1.0",
    page: include_str!("scope_down_too_wide.md"),
    options: &[],
    next_step: "look at the policy; then check which of those roles Role A itself can assume",
    command: "qs-audit show CHAIN --raw",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry {
    meta: &META,
    build: |_| Ok(Box::new(ScopeDownTooWide)),
};

struct ScopeDownTooWide;

impl Rule for ScopeDownTooWide {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        note_unread_run_as_sessions(context, sink);
        let mut by_subject: BTreeMap<Text, (Occurrences, BTreeSet<String>)> = BTreeMap::new();
        let mut unreadable = 0;
        for hop in context.run_as_hops() {
            let policy = match &hop.session.scope_down.policy {
                Some(policy) if hop.session.issuer == SessionIssuer::Quick => policy,
                _ => continue,
            };
            let Ok(policy) = Policy::parse(policy) else {
                unreadable += 1;
                continue;
            };
            let reach = policy.reach("sts:AssumeRole");
            if reach.len() > 1 || reach.iter().any(Reach::is_open) {
                let (occurrences, reached) = by_subject.entry(hop.role_text()).or_default();
                reached.extend(reach.iter().map(ToString::to_string));
                occurrences.with_hop(hop);
            }
        }
        if unreadable > 0 {
            sink.note(format!(
                "{unreadable} session policies cannot be parsed as IAM policies"
            ));
        }
        for (role, (occurrences, reached)) in &by_subject {
            let reached: Vec<String> = reached.iter().cloned().collect();
            sink.add(FindingDraft {
                title: format!("Sessions of {role} can assume more than one role"),
                detail: format!(
                    "Quick assumed {role} {} with a session policy that lets it assume {}.",
                    times(occurrences.count()),
                    sample(&reached)
                ),
                subject: Subject(vec![("role", role.clone())]),
                consumer_account_id: None,
                evidence: vec![("may_assume", Evidence::texts(reached))],
                next_step: None,
                occurrences,
            });
        }
    }
}
