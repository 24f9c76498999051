//! `undeclared-role`: a chain uses a Role A or Role B that is not declared, or not the one
//! that the list of data sources names (docs/configuration.md,
//! docs/cloudtrail-facts.md#data-sources).

use super::context::RuleContext;
use super::hop::{role_of_text, role_text};
use super::occurrences::{Occurrences, plural};
use super::rule::{FindingDraft, FindingSink, Rule, RuleEntry, RuleKind, RuleMeta, RuleNeed};
use crate::model::finding::{Evidence, PreviousFinding, Severity, Subject};
use crate::model::identity::RoleName;
use crate::model::text::Text;
use std::collections::{BTreeMap, BTreeSet};

static META: RuleMeta = RuleMeta {
    id: "undeclared-role",
    title: "A chain uses a Role A or Role B that is not declared",
    severity: Severity::High,
    kind: RuleKind::Condition,
    needs: RuleNeed::Nothing,
    since: "0.1.0",
    page: include_str!("undeclared_role.md"),
    options: &[],
    next_step: "look at the roles; declare the role, or remove it from the trust policy of the other",
    command: "qs-audit show CHAIN",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry {
    meta: &META,
    build: |_| Ok(Box::new(UndeclaredRole)),
};

struct UndeclaredRole;

/// The roles that may stand on a hop, and who says so; `None` where no one does.
struct DeclaredRoles {
    roles: BTreeSet<RoleName>,
    says: &'static str,
}

fn expected(context: &RuleContext<'_>, role: &RoleName, is_run_as: bool) -> Option<DeclaredRoles> {
    let topology = context.input.topology;
    let declared = if is_run_as {
        topology.run_as_roles.clone()
    } else {
        let consumer = topology.consumer(&role.account_id);
        consumer
            .map(|consumer| consumer.roles.clone())
            .unwrap_or_default()
    };
    if !declared.is_empty() {
        return Some(DeclaredRoles {
            roles: declared,
            says: "the configuration",
        });
    }
    // An account that is not declared is a finding of its own.
    let is_unknown_account = !is_run_as
        && !topology.consumers.is_empty()
        && topology.consumer(&role.account_id).is_none();
    let sources = context.input.inventory?.data_sources.values();
    let listed = sources.filter_map(|source| {
        let arn = if is_run_as {
            &source.run_as_role_arn
        } else {
            &source.consumer_role_arn
        };
        RoleName::from_arn(arn.as_deref()?)
    });
    let roles: BTreeSet<RoleName> = listed.collect();
    (!roles.is_empty() && !is_unknown_account).then_some(DeclaredRoles {
        roles,
        says: "the list of data sources",
    })
}

impl Rule for UndeclaredRole {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn is_remedied(&self, finding: &PreviousFinding, context: &RuleContext<'_>) -> bool {
        let role = finding.subject("role").and_then(|role| role_of_text(role));
        let is_run_as = finding
            .subject("part")
            .is_some_and(|part| &**part == "Role A");
        let declared = role.and_then(|role| Some((expected(context, &role, is_run_as)?, role)));
        declared.is_some_and(|(expected, role)| expected.roles.contains(&role))
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        let topology = context.input.topology;
        let declares = !topology.run_as_roles.is_empty()
            || topology
                .consumers
                .iter()
                .any(|consumer| !consumer.roles.is_empty());
        if !declares && context.input.inventory.is_none() {
            return sink.skip(
                "no roles are declared: add hub.run_as_roles and roles of [[consumers]], or use --data-sources",
            );
        }
        let mut by_subject: BTreeMap<(Text, &'static str, &'static str), Occurrences> =
            BTreeMap::new();
        for active in context.reaching() {
            let chain = active.chain;
            let sessions = [
                (chain.caller_session(), "Role A"),
                (chain.consumer_session.as_ref(), "Role B"),
            ];
            for (session, part) in sessions {
                let Some(session) = session else { continue };
                let Some(role) = session.role_arn.as_deref().and_then(RoleName::from_arn) else {
                    continue;
                };
                let roles = context.input.roles;
                let is_run_as = part == "Role A";
                // Callers that are no Role A are another rule's matter, and sessions
                // of Role A that query themselves are no Role B.
                let is_of_part = if is_run_as {
                    roles.run_as.contains(&role)
                } else {
                    roles.consumer.contains(&role)
                };
                let Some(expected) = expected(context, &role, is_run_as).filter(|_| is_of_part)
                else {
                    continue;
                };
                if expected.roles.contains(&role) {
                    continue;
                }
                by_subject
                    .entry((role_text(&role), part, expected.says))
                    .or_default()
                    .happened(active.first)
                    .seen(active.last)
                    .with_chain(&chain.chain_id)
                    .with_events(&session.event_ids);
            }
        }
        for ((role, part, says), occurrences) in &by_subject {
            let account = role.split(':').next().unwrap_or_default();
            sink.add(FindingDraft {
                title: format!("{role} is used as {part} and is not declared"),
                detail: format!(
                    "{} used {role} as {part}; {says} names other roles.",
                    plural(occurrences.count(), "chain")
                ),
                subject: Subject(vec![("role", role.clone()), ("part", (*part).into())]),
                consumer_account_id: (*part == "Role B").then(|| account.into()),
                evidence: vec![("named_by", Evidence::Text((*says).into()))],
                next_step: None,
                occurrences,
            });
        }
    }
}
