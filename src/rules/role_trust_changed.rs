//! `role-trust-changed`: IAM changed who may assume Role A or Role B.

use super::context::{RuleContext, changed_role};
use super::hop::role_text;
use super::occurrences::{Occurrences, sample, times};
use super::rule::{FindingDraft, FindingSink, Rule, RuleEntry, RuleKind, RuleMeta, RuleNeed};
use crate::iam::policy::Policy;
use crate::iam::trust::{WayIn, newly_let_in, ways_in};
use crate::model::event::Event;
use crate::model::finding::{Evidence, Severity, Subject};
use crate::model::identity::RoleName;
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use serde_json::Value;
use std::collections::BTreeMap;

static META: RuleMeta = RuleMeta {
    id: "role-trust-changed",
    title: "The trust policy of Role A or Role B was changed in IAM",
    severity: Severity::High,
    kind: RuleKind::Event,
    needs: RuleNeed::AnyRole,
    since: "0.1.0",
    page: include_str!("role_trust_changed.md"),
    options: &[],
    next_step: "compare with what was requested; restore the previous trust policy if no one requested the change",
    command: "qs-audit explain role-trust-changed",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry {
    meta: &META,
    build: |_| Ok(Box::new(RoleTrustChanged)),
};

struct RoleTrustChanged;

/// The trust policy of a role before a change.
enum Before {
    /// The logs have it.
    Policy(Policy),
    /// There was no such role.
    Nothing,
    /// It is older than the logs.
    Unknown,
}

/// The effect of a change on a role and its trust policy.
enum Change {
    Made(Option<Text>),
    Updated(Option<Text>),
    Deleted,
}

impl Change {
    fn of(event: &Event, parameters: &Value) -> Option<Self> {
        let text = |member: &str| parameters[member].as_str().map(Text::from);
        match &*event.name {
            "UpdateAssumeRolePolicy" => Some(Self::Updated(text("policyDocument"))),
            "CreateRole" => Some(Self::Made(text("assumeRolePolicyDocument"))),
            "DeleteRole" => Some(Self::Deleted),
            _ => None,
        }
    }

    /// Returns the state of the policy after the change.
    fn after(&self) -> Before {
        match self {
            Self::Deleted => Before::Nothing,
            Self::Made(text) | Self::Updated(text) => {
                let policy = text.as_deref().map(Policy::parse);
                match policy {
                    Some(Ok(policy)) => Before::Policy(policy),
                    None | Some(Err(_)) => Before::Unknown,
                }
            }
        }
    }
}

/// The changes of one role's trust policy.
#[derive(Default)]
struct TrustChanges {
    occurrences: Occurrences,
    /// The access that each change granted.
    lets_in: Vec<String>,
    /// The access that the last policy grants and the oldest known one did not.
    since: Option<String>,
    /// A change opened the role to everyone.
    opens: bool,
    /// A change admitted someone new, or may have.
    widens: bool,
}

impl Rule for RoleTrustChanged {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        let mut policies: BTreeMap<RoleName, Before> = BTreeMap::new();
        let mut oldest: BTreeMap<RoleName, (UtcSecond, Policy)> = BTreeMap::new();
        let mut by_subject: BTreeMap<RoleName, TrustChanges> = BTreeMap::new();
        for (event, parameters) in context.changes() {
            if &*event.source != "iam.amazonaws.com" {
                continue;
            }
            let change = Change::of(event, parameters);
            let role = changed_role(event, parameters).filter(|role| context.is_watched(role));
            let (Some(change), Some(role)) = (change, role) else {
                continue;
            };
            let known = policies.insert(role.clone(), change.after());
            if let Before::Policy(policy) = &policies[&role] {
                let first = || (event.time, policy.clone());
                oldest.entry(role.clone()).or_insert_with(first);
            }
            let (before, text) = match change {
                Change::Deleted => continue,
                Change::Made(text) => (Before::Nothing, text),
                Change::Updated(text) => (known.unwrap_or(Before::Unknown), text),
            };
            if !context.in_window(event.time) {
                continue;
            }
            let opens = is_open(&policies[&role]) && !is_open(&before);
            let widens = widens(&before, &policies[&role], &role.account_id);
            let lets_in = lets_in(&before, &policies[&role], &role.account_id);
            let since = oldest.get(&role).and_then(|(at, first)| {
                since_oldest(*at, first, &policies[&role], &role.account_id)
            });
            let change = by_subject.entry(role).or_default();
            change.lets_in.extend(lets_in);
            change.opens |= opens;
            change.widens |= widens;
            change.since = since;
            let who = event.identity.best_name();
            change
                .occurrences
                .happened(event.time)
                .with_events([&event.id])
                .with_word("changed_by", who)
                .with_word("policies", text.as_ref());
        }
        for (role, change) in &by_subject {
            let severity = if change.opens {
                Severity::Critical
            } else {
                META.severity
            };
            let finding = change.finding(context, role);
            // The policy of before, or less than that: what an earlier finding told is gone.
            if !change.widens && change.since.is_none() {
                sink.put_back(&finding.subject);
            }
            sink.add_at(severity, finding);
        }
    }
}

impl TrustChanges {
    fn finding(&self, context: &RuleContext<'_>, role: &RoleName) -> FindingDraft<'_> {
        let name = role_text(role);
        let by = self.occurrences.words("changed_by");
        let lets_in = self.lets_in.iter().chain(&self.since);
        let lets_in: Vec<&str> = lets_in.map(String::as_str).collect();
        FindingDraft {
            title: if self.opens {
                format!("{name} can be assumed by anyone")
            } else {
                format!("The trust policy of {name} was changed")
            },
            detail: format!(
                "{} changed who can assume {name} {}. {}",
                sample(&by),
                times(self.occurrences.count()),
                lets_in.join(" ")
            ),
            subject: Subject(vec![("role", name)]),
            consumer_account_id: context.consumer_of(role),
            evidence: vec![
                ("changed_by", Evidence::texts(by)),
                ("lets_in", Evidence::texts(lets_in)),
                (
                    "policies",
                    Evidence::texts(self.occurrences.words("policies")),
                ),
            ],
            next_step: None,
            occurrences: &self.occurrences,
        }
    }
}

/// Returns true if a policy admits any principal in any account without conditions.
fn is_open(policy: &Before) -> bool {
    match policy {
        Before::Policy(policy) => ways_in(policy).iter().any(WayIn::is_open),
        Before::Nothing | Before::Unknown => false,
    }
}

/// Returns true if a change admits someone new, or that is not known.
fn widens(before: &Before, after: &Before, role_account: &str) -> bool {
    match (before, after) {
        (Before::Policy(old), Before::Policy(new)) => {
            is_open(after) || !newly_let_in(old, new, role_account).is_empty()
        }
        _ => true,
    }
}

/// Returns the access that the policy grants and the oldest one in the logs did not: a change that
/// is written again hides nothing.
fn since_oldest(
    at: UtcSecond,
    oldest: &Policy,
    now: &Before,
    role_account: &str,
) -> Option<String> {
    let Before::Policy(now) = now else {
        return None;
    };
    let added = newly_let_in(oldest, now, role_account);
    let added = (!added.is_empty()).then(|| added.join("; "))?;
    Some(format!(
        "Compared with the policy of {}, it newly admits {added}.",
        at.day()
    ))
}

/// Returns, in sentences, the access that a change newly granted.
fn lets_in(before: &Before, after: &Before, role_account: &str) -> Vec<String> {
    let Before::Policy(new) = after else {
        return vec!["The new policy cannot be read.".to_owned()];
    };
    let ways = |policy: &Policy| {
        let ways: Vec<String> = ways_in(policy).iter().map(ToString::to_string).collect();
        if ways.is_empty() {
            "no one".to_owned()
        } else {
            ways.join("; ")
        }
    };
    let mut change = match before {
        Before::Policy(old) => {
            let added = newly_let_in(old, new, role_account);
            if added.is_empty() {
                vec!["It admits no one new.".to_owned()]
            } else {
                vec![format!("It newly admits {}.", added.join("; "))]
            }
        }
        Before::Nothing => vec![format!(
            "The role was created with it; it admits {}.",
            ways(new)
        )],
        Before::Unknown => vec![format!(
            "The previous policy is not in the logs that were read; the new one admits {}.",
            ways(new)
        )],
    };
    if ways_in(new).iter().any(WayIn::is_open) {
        change.push("It admits any principal in any account, without conditions.".to_owned());
    } else if ways_in(new).iter().any(|way| way.who.is_everyone()) {
        change.push(
            "It names no account: any principal that meets its conditions is admitted.".to_owned(),
        );
    }
    change
}
