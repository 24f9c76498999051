//! `scope-down-mismatch`: the inline policy of a Role A session does not allow the role that
//! the session then assumed (docs/cloudtrail-facts.md#scope-down-policy-and-external-id).

use super::context::RuleContext;
use super::occurrences::{Occurrences, sample, times};
use super::rule::{FindingDraft, FindingSink, Rule, RuleEntry, RuleKind, RuleMeta, RuleNeed};
use super::unread::note_unread_run_as_sessions;
use crate::iam::policy::{Policy, Reach};
use crate::model::finding::{Evidence, Severity, Subject};
use crate::model::identity::RoleName;
use crate::model::ids::AccountId;
use crate::model::text::Text;
use std::collections::BTreeMap;

static META: RuleMeta = RuleMeta {
    id: "scope-down-mismatch",
    title: "A Role A session assumes a Role B that its own session policy does not allow",
    severity: Severity::Medium,
    kind: RuleKind::Event,
    needs: RuleNeed::RunAsRole,
    since: "0.1.0",
    page: include_str!("scope_down_mismatch.md"),
    options: &[],
    next_step: "compare the policy with the role; if they differ, verify the log files",
    command: "qs-audit show CHAIN --raw",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry {
    meta: &META,
    build: |_| Ok(Box::new(ScopeDownMismatch)),
};

struct ScopeDownMismatch;

/// Returns true if the policy lets the role be assumed. Where the role's path was not logged, names
/// are compared, and a pattern is given the benefit of the doubt
/// (docs/cloudtrail-facts.md#role-paths).
fn allows(policy: &Policy, role_arn: &str, role: &RoleName) -> bool {
    let may_be = |reach: &Reach| match reach {
        Reach::Resource(arn) if !reach.is_open() => {
            RoleName::from_arn(arn).is_some_and(|named| named == *role)
        }
        Reach::Resource(_) | Reach::AllBut(_) => true,
    };
    policy.may_allow("sts:AssumeRole", role_arn)
        || (!role_arn.contains(":role/") && policy.reach("sts:AssumeRole").iter().any(may_be))
}

impl Rule for ScopeDownMismatch {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        note_unread_run_as_sessions(context, sink);
        let mut by_subject: BTreeMap<(AccountId, Text), Occurrences> = BTreeMap::new();
        for hop in context.consumer_hops() {
            let Some(role_arn) = &hop.session.role_arn else {
                continue;
            };
            for chain in hop.own_chains().filter(|chain| !chain.is_ambiguous()) {
                let caller = chain.caller_session();
                let Some((text, policy)) = caller
                    .and_then(|caller| caller.scope_down.policy.as_ref())
                    .and_then(|text| Some((text, Policy::parse(text).ok()?)))
                else {
                    continue;
                };
                if allows(&policy, role_arn, &hop.role) {
                    continue;
                }
                let key = (hop.role.account_id.clone(), hop.role_text());
                let occurrences = by_subject.entry(key).or_default();
                occurrences
                    .happened(hop.at)
                    .with_events(&hop.session.event_ids)
                    .with_chain(&chain.chain_id)
                    .with_word("policies", Some(text));
                for reach in policy.reach("sts:AssumeRole") {
                    occurrences.with_word("may_assume", Some(&Text::from(reach.to_string())));
                }
            }
        }
        for ((account, role), occurrences) in &by_subject {
            let allowed = occurrences.words("may_assume");
            let allowed_text = if allowed.is_empty() {
                "no role at all".to_owned()
            } else {
                sample(&allowed)
            };
            sink.add(FindingDraft {
                title: format!("{role} was assumed although the session policy does not allow it"),
                detail: format!(
                    "{role} was assumed {} by sessions of Role A whose session policy allows {allowed_text}. IAM would have \
                     denied that: the records contradict each other.",
                    times(occurrences.count())
                ),
                subject: Subject(vec![
                    ("consumer_account_id", account.clone().into()),
                    ("role", role.clone()),
                ]),
                consumer_account_id: Some(account.clone()),
                evidence: vec![
                    ("may_assume", Evidence::texts(allowed)),
                    ("policies", Evidence::texts(occurrences.words("policies").into_iter().take(5))),
                ],
                next_step: None,
                occurrences,
            });
        }
    }
}
