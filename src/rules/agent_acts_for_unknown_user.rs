//! `agent-acts-for-unknown-user`: an agent or a flow of Quick queried for a user whom no one declared or
//! listed (docs/cloudtrail-facts.md#agents-and-identities).

use super::context::RuleContext;
use super::occurrences::{Occurrences, plural, sample};
use super::rule::{FindingDraft, FindingSink, Rule, RuleEntry, RuleKind, RuleMeta, RuleNeed};
use crate::model::chain::{Chain, Confidence};
use crate::model::finding::{Evidence, Severity, Subject};
use crate::model::pattern;
use crate::model::road::{ActingFor, ActingKind, is_same_quick_user};
use crate::model::text::Text;
use std::collections::BTreeMap;

static META: RuleMeta = RuleMeta {
    id: "agent-acts-for-unknown-user",
    title: "An agent or a flow of Quick queried for a user who is neither declared for it nor listed",
    severity: Severity::Medium,
    kind: RuleKind::Condition,
    needs: RuleNeed::Nothing,
    since: "0.1.0",
    page: include_str!("agent_acts_for_unknown_user.md"),
    options: &[],
    next_step: "find out who the user is; declare the agent with its users under [[agents]], or take the user out of it",
    command: "qs-audit show CHAIN",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry {
    meta: &META,
    build: |_| Ok(Box::new(AgentActsForUnknownUser)),
};

struct AgentActsForUnknownUser;

/// The user where nothing names one.
const NO_ONE: &str = "unknown";

impl Rule for AgentActsForUnknownUser {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        let topology = context.input.topology;
        let has_users = context
            .input
            .quick_users
            .is_some_and(|users| !users.is_empty());
        if topology.agents.is_empty() && !has_users {
            return sink.skip(
                "neither agents are declared ([[agents]]) nor users of Quick listed (--catalogs with quicksight list-users)",
            );
        }
        let mut by_subject: BTreeMap<(Text, Text), Occurrences> = BTreeMap::new();
        for chain in context.input.chains {
            let users = users(chain);
            for agent in agents(chain) {
                let unknown: Vec<Text> = if users.is_empty() {
                    let is_open = may_act_for_anyone(context, &agent.id);
                    (!is_open).then(|| NO_ONE.into()).into_iter().collect()
                } else {
                    let known = |user: &&Text| is_known(context, &agent.id, user);
                    users
                        .iter()
                        .copied()
                        .filter(|user| !known(user))
                        .cloned()
                        .collect()
                };
                for user in unknown {
                    let queries = chain.queries.iter();
                    for query in queries.filter(|query| context.in_window(query.started_at)) {
                        by_subject
                            .entry((agent.id.clone(), user.clone()))
                            .or_default()
                            .happened(query.started_at)
                            .with_chain(&chain.chain_id)
                            .with_events(&agent.event_ids)
                            .with_events([&query.event_id])
                            .with_word("conversations", agent.conversation_id.as_ref())
                            .with_word("consumers", chain.consumer_account_id.as_ref());
                    }
                }
            }
        }
        for ((agent, user), occurrences) in &by_subject {
            let name = topology.agents.iter().find(|one| one.id == *agent);
            let name = name.and_then(|one| one.name.as_ref()).unwrap_or(agent);
            let consumers = occurrences.words("consumers");
            let labels = consumers.iter().map(|account| context.account(account));
            let labels: Vec<String> = labels.collect();
            sink.add(FindingDraft {
                title: format!("Agent {name} queried for {user}, who is not known"),
                detail: format!(
                    "{} of {} ran while agent {name} worked for {user}, who is neither declared for it nor among the listed \
                     users of Quick.",
                    plural(occurrences.count(), "query"),
                    sample(&labels)
                ),
                subject: Subject(vec![("agent", agent.clone()), ("user", user.clone())]),
                consumer_account_id: None,
                evidence: vec![
                    ("consumer_account_ids", Evidence::texts(consumers)),
                    (
                        "conversations",
                        Evidence::texts(occurrences.words("conversations")),
                    ),
                ],
                next_step: None,
                occurrences,
            });
        }
    }
}

/// Agents and flows that a chain acted through, at least probably.
fn agents(chain: &Chain) -> impl Iterator<Item = &ActingFor> {
    let all = chain.acting_for.iter();
    all.filter(|acting| {
        matches!(acting.kind, ActingKind::Agent | ActingKind::Flow)
            && acting.confidence != Confidence::Ambiguous
    })
}

/// Users for whom a chain acted, at least probably.
fn users(chain: &Chain) -> Vec<&Text> {
    let all = chain.acting_for.iter();
    let users = all.filter(|acting| {
        acting.kind == ActingKind::QuickUser && acting.confidence != Confidence::Ambiguous
    });
    users.map(|acting| &acting.id).collect()
}

/// Returns true if an agent is declared for any user.
fn may_act_for_anyone(context: &RuleContext<'_>, agent: &Text) -> bool {
    let mut declared = context.input.topology.agents.iter();
    declared.any(|one| one.id == *agent && one.users.is_none())
}

/// Returns true if a user is declared for an agent; where the agent is not declared, if the user is
/// listed.
fn is_known(context: &RuleContext<'_>, agent: &Text, user: &str) -> bool {
    let mut agents = context.input.topology.agents.iter();
    if let Some(declared) = agents.find(|one| one.id == *agent) {
        return declared.users.as_ref().is_none_or(|users| {
            users
                .iter()
                .any(|known| is_same_quick_user(known, user) || pattern::matches(known, user))
        });
    }
    let listed = context.input.quick_users;
    listed.is_some_and(|users| users.keys().any(|known| is_same_quick_user(known, user)))
}
