//! `role-permissions-changed`: IAM changed what Role A or Role B may do.

use super::context::{RuleContext, changed_role};
use super::hop::role_text;
use super::occurrences::{Occurrences, plural, sample};
use super::rule::{FindingDraft, FindingSink, Rule, RuleEntry, RuleKind, RuleMeta, RuleNeed};
use crate::iam::policy::{Effect, Match, Policy};
use crate::model::event::Event;
use crate::model::finding::{Evidence, Severity, Subject};
use crate::model::identity::RoleName;
use crate::model::text::Text;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

static META: RuleMeta = RuleMeta {
    id: "role-permissions-changed",
    title: "The permissions of Role A or Role B were changed in IAM",
    severity: Severity::High,
    kind: RuleKind::Event,
    needs: RuleNeed::AnyRole,
    since: "0.1.0",
    page: include_str!("role_permissions_changed.md"),
    options: &[],
    next_step: "compare with what was requested; revert the rest",
    command: "qs-audit explain role-permissions-changed",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry {
    meta: &META,
    build: |_| Ok(Box::new(RolePermissionsChanged)),
};

struct RolePermissionsChanged;

/// Calls that change what a role may do, in addition to those on policies of their own.
const CHANGES: [&str; 8] = [
    "PutRolePolicy",
    "DeleteRolePolicy",
    "AttachRolePolicy",
    "DetachRolePolicy",
    "PutRolePermissionsBoundary",
    "DeleteRolePermissionsBoundary",
    "DeleteRole",
    "CreateRole",
];
/// Calls that change a managed policy: of every role it is attached to. A version
/// that counts cannot be deleted.
const POLICY_CHANGES: [&str; 2] = ["CreatePolicyVersion", "SetDefaultPolicyVersion"];

/// Managed policies attached to watched roles, as far as logs tell.
type Attached = BTreeMap<Text, BTreeSet<RoleName>>;

fn note_attachment(attached: &mut Attached, event: &Event, parameters: &Value, role: &RoleName) {
    let Some(policy) = parameters["policyArn"].as_str() else {
        return;
    };
    let roles = attached.entry(policy.into()).or_default();
    match &*event.name {
        "AttachRolePolicy" => {
            roles.insert(role.clone());
        }
        "DetachRolePolicy" => {
            roles.remove(role);
        }
        _ => {}
    }
}

/// Returns the effect of a change, in words.
fn words(event: &Event, parameters: &Value) -> Text {
    let text = |member: &str| parameters[member].as_str();
    let policy = text("policyArn")
        .or(text("policyName"))
        .or(text("permissionsBoundary"));
    let name = policy.map_or_else(String::new, |policy| format!(" {policy}"));
    let document = text("policyDocument").and_then(|document| Policy::parse(document).ok());
    let allows = document.map_or_else(String::new, |policy| {
        format!(", which {}", allowed(&policy))
    });
    format!("{}{name}{allows}", event.name).into()
}

/// Returns the permissions that a policy allows, in a few words.
fn allowed(policy: &Policy) -> String {
    let allows = policy
        .statements
        .iter()
        .filter(|one| one.effect == Effect::Allow);
    let mut actions: BTreeSet<String> = BTreeSet::new();
    for statement in allows {
        match &statement.actions {
            Match::AnyOf(names) => actions.extend(names.iter().map(ToString::to_string)),
            Match::AllBut(names) => {
                let names: Vec<&str> = names.iter().map(|name| &**name).collect();
                actions.insert(format!("everything except {}", names.join(" and ")));
            }
        }
    }
    let actions: Vec<String> = actions.into_iter().collect();
    if actions.is_empty() {
        "allows nothing".to_owned()
    } else {
        format!("allows {}", sample(&actions))
    }
}

impl Rule for RolePermissionsChanged {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        let mut attached = Attached::new();
        let mut by_subject: BTreeMap<RoleName, Occurrences> = BTreeMap::new();
        let mut elsewhere = 0;
        for (event, parameters) in context.changes() {
            let name = &*event.name;
            if &*event.source != "iam.amazonaws.com" {
                continue;
            }
            let roles: Vec<RoleName> = if CHANGES.contains(&name) {
                let role = changed_role(event, parameters);
                let role = role.filter(|role| context.is_watched(role));
                if let Some(role) = &role {
                    note_attachment(&mut attached, event, parameters, role);
                }
                // A new role may do nothing yet; who may assume it is another rule's.
                role.into_iter().filter(|_| name != "CreateRole").collect()
            } else if POLICY_CHANGES.contains(&name) {
                let policy = parameters["policyArn"].as_str().unwrap_or_default();
                let known = attached.get(policy).filter(|roles| !roles.is_empty());
                let is_default = name != "CreatePolicyVersion"
                    || parameters["setAsDefault"].as_bool() == Some(true);
                match known {
                    Some(roles) if is_default => roles.iter().cloned().collect(),
                    Some(_) => Vec::new(),
                    None => {
                        elsewhere += u64::from(context.in_window(event.time));
                        Vec::new()
                    }
                }
            } else {
                continue;
            };
            if !context.in_window(event.time) {
                continue;
            }
            for role in roles {
                let occurrences = by_subject.entry(role).or_default();
                occurrences
                    .happened(event.time)
                    .with_events([&event.id])
                    .with_word("changes", Some(&words(event, parameters)))
                    .with_word("changed_by", event.identity.best_name());
            }
        }
        if elsewhere > 0 {
            sink.note(format!(
                "{} of managed policies that the logs do not show as attached to Role A or Role B",
                plural(elsewhere, "change")
            ));
        }
        for (role, occurrences) in &by_subject {
            let by = occurrences.words("changed_by");
            let changes = occurrences.words("changes");
            sink.add(FindingDraft {
                title: format!("The permissions of {} were changed", role_text(role)),
                detail: format!(
                    "{} changed the permissions of {}: {}.",
                    sample(&by),
                    role_text(role),
                    sample(&changes)
                ),
                subject: Subject(vec![("role", role_text(role))]),
                consumer_account_id: context.consumer_of(role),
                evidence: vec![
                    ("changed_by", Evidence::texts(by)),
                    ("changes", Evidence::texts(changes)),
                ],
                next_step: None,
                occurrences,
            });
        }
    }
}
