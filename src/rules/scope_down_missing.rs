//! `scope-down-missing`: Quick assumes Role A without the inline policy that narrows the
//! session to one consumer role (docs/cloudtrail-facts.md#scope-down-policy-and-external-id).

use super::context::RuleContext;
use super::occurrences::{Occurrences, plural, times};
use super::rule::{FindingDraft, FindingSink, Rule, RuleEntry, RuleKind, RuleMeta, RuleNeed};
use super::unread::note_unread_run_as_sessions;
use crate::model::chain::SessionIssuer;
use crate::model::finding::{Severity, Subject};
use crate::model::text::Text;
use std::collections::BTreeMap;

static META: RuleMeta = RuleMeta {
    id: "scope-down-missing",
    title: "Quick assumes Role A without an inline session policy",
    severity: Severity::Medium,
    kind: RuleKind::Condition,
    needs: RuleNeed::RunAsRole,
    since: "0.1.0",
    page: include_str!("scope_down_missing.md"),
    options: &[],
    next_step: "look at the first AssumeRole call; then check which roles Role A's own policy lets such a session assume",
    command: "qs-audit show CHAIN",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry {
    meta: &META,
    build: |_| Ok(Box::new(ScopeDownMissing)),
};

struct ScopeDownMissing;

impl Rule for ScopeDownMissing {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        note_unread_run_as_sessions(context, sink);
        let mut by_subject: BTreeMap<Text, Occurrences> = BTreeMap::new();
        let mut managed = 0;
        for hop in context.run_as_hops() {
            let scope = &hop.session.scope_down;
            let is_missing =
                hop.session.issuer == SessionIssuer::Quick && scope.present == Some(false);
            // It may stand on the second hop instead
            // (docs/cloudtrail-facts.md#scope-down-policy-and-external-id).
            let on_second_hop = hop.chains.iter().any(|chain| {
                let consumer = chain.consumer_session.as_ref();
                consumer.is_some_and(|session| session.scope_down.present == Some(true))
            });
            let is_missing = is_missing && !on_second_hop;
            if is_missing && !scope.policy_arns.is_empty() {
                managed += 1;
            } else if is_missing {
                by_subject.entry(hop.role_text()).or_default().with_hop(hop);
            }
        }
        if managed > 0 {
            sink.note(format!(
                "{} of Role A limited by managed session policies, whose text is not in the logs",
                plural(managed, "session")
            ));
        }
        for (role, occurrences) in &by_subject {
            sink.add(FindingDraft {
                title: format!("Sessions of {role} are not scoped down"),
                detail: format!(
                    "Quick assumed {role} {} without an inline session policy: each of those sessions can assume every role \
                     that Role A can.",
                    times(occurrences.count())
                ),
                subject: Subject(vec![("role", role.clone())]),
                consumer_account_id: None,
                evidence: Vec::new(),
                next_step: None,
                occurrences,
            });
        }
    }
}
