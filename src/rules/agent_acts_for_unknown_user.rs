//! `agent-acts-for-unknown-user`: an agent or a flow of Quick queried for a user whom no one declared or
//! listed (docs/cloudtrail-facts.md#agents-and-identities).

use super::context::RuleContext;
use super::history::is_agent;
use super::occurrences::{Occurrences, plural, sample};
use super::rule::{FindingDraft, FindingSink, Rule, RuleEntry, RuleKind, RuleMeta, RuleNeed};
use crate::model::chain::{Chain, Confidence};
use crate::model::finding::{Evidence, PreviousFinding, Severity, Subject};
use crate::model::pattern;
use crate::model::road::{ActingFor, ActingKind, canonical_quick_user, is_same_quick_user};
use crate::model::text::Text;
use std::collections::BTreeMap;

static META: RuleMeta = RuleMeta {
    id: "agent-acts-for-unknown-user",
    title: "An agent or a flow of Quick queried for a user who is neither declared nor listed",
    severity: Severity::Medium,
    kind: RuleKind::Condition,
    needs: RuleNeed::Nothing,
    since: "0.1.0",
    page: include_str!("agent_acts_for_unknown_user.md"),
    options: &[],
    next_step: "find out who the user is; declare the agent with its users under [[agents]], or remove the user's access to it in Quick",
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

    fn is_remedied(&self, finding: &PreviousFinding, context: &RuleContext<'_>) -> bool {
        let subject = finding.subject("agent").zip(finding.subject("user"));
        subject.is_some_and(|(agent, user)| {
            if &**user == NO_ONE {
                may_act_for_anyone(context, agent)
            } else {
                is_known(context, agent, user)
            }
        })
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
        if !context.input.has_chat_logs && !has_agents(context) {
            return sink.skip(
                "neither chat logs were read (--chat-logs) nor events of Quick's agents, flows or actions",
            );
        }
        let mut by_subject: BTreeMap<(Text, Text), Occurrences> = BTreeMap::new();
        for chain in context.input.chains {
            for (position, query) in chain.queries.iter().enumerate() {
                if !context.in_window(query.started_at) {
                    continue;
                }
                for (agent, user) in unknown(context, chain, position) {
                    by_subject
                        .entry((agent.id.clone(), user))
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
        for ((agent, user), occurrences) in &by_subject {
            add(agent, user, occurrences, context, sink);
        }
    }
}

fn add(
    agent: &Text,
    user: &Text,
    occurrences: &Occurrences,
    context: &RuleContext<'_>,
    sink: &mut FindingSink<'_>,
) {
    let mut agents = context.input.topology.agents.iter();
    let declared = agents.find(|one| one.id == *agent);
    let name = declared.and_then(|one| one.name.as_ref()).unwrap_or(agent);
    let consumers = occurrences.words("consumers");
    let labels = consumers.iter().map(|account| context.account(account));
    let labels: Vec<String> = labels.collect();
    let queries = plural(occurrences.count(), "query");
    let place = sample(&labels);
    let (title, detail) = if &**user == NO_ONE {
        (
            format!("Agent or flow {name} queried, and the logs do not name its user"),
            format!(
                "{queries} of {place} ran while agent or flow {name} worked; neither chat logs nor Quick's events name the user, \
                 and no entry of [[agents]] lets it act for every user."
            ),
        )
    } else if declared.is_some() {
        (
            format!("Agent or flow {name} queried for {user}, who is not among its declared users"),
            format!(
                "{queries} of {place} ran while agent or flow {name} worked for {user}, who is not among its declared users."
            ),
        )
    } else {
        (
            format!("Agent or flow {name} queried for {user}, who is not listed"),
            format!(
                "{queries} of {place} ran while agent or flow {name} worked for {user}. It is not declared, and the user is not \
                 among the listed users of Quick."
            ),
        )
    };
    sink.add(FindingDraft {
        title,
        detail,
        subject: Subject(vec![("agent", agent.clone()), ("user", user.clone())]),
        consumer_account_id: None,
        evidence: vec![
            ("consumer_account_ids", Evidence::texts(consumers)),
            (
                "conversations",
                Evidence::texts(occurrences.words("conversations")),
            ),
        ],
        next_step: declared
            .map(|_| "find out who the user is; add the user to the agent's `users` under [[agents]], or remove the user's access to it in Quick"),
        occurrences,
    });
}

/// Returns true if any event names an agent, a flow or an action.
fn has_agents(context: &RuleContext<'_>) -> bool {
    let mut chains = context.input.chains.iter();
    context.of_events().has_agent_calls
        || context.input.history.has_agent_chains()
        || chains.any(|chain| chain.acting_for.iter().any(is_agent))
}

/// Returns true if a pattern is of a user, in any case and however the user is spelled.
fn is_like(known: &str, user: &str) -> bool {
    let known = known.to_lowercase();
    let is_like = |user: &str| pattern::matches(&known, user);
    is_like(&user.to_lowercase()) || is_like(&canonical_quick_user(user))
}

/// Agents and flows of one query with the users who are not known.
fn unknown<'c>(
    context: &RuleContext<'_>,
    chain: &'c Chain,
    query: usize,
) -> Vec<(&'c ActingFor, Text)> {
    // Ambiguous entries are not reported.
    let is_of_query = |acting: &&ActingFor| {
        acting.confidence != Confidence::Ambiguous
            && (acting.queries.is_empty() || acting.queries.contains(&query))
    };
    let acting = chain.acting_for.iter().filter(is_of_query);
    let users: Vec<&Text> = acting
        .clone()
        .filter(|one| one.kind == ActingKind::QuickUser)
        .map(|one| &one.id)
        .collect();
    let mut found = Vec::new();
    for agent in acting.filter(|one| is_agent(one)) {
        if users.is_empty() && !may_act_for_anyone(context, &agent.id) {
            found.push((agent, NO_ONE.into()));
        }
        let unknown = users
            .iter()
            .filter(|user| !is_known(context, &agent.id, user));
        found.extend(unknown.map(|user| (agent, (*user).clone())));
    }
    found
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
                .any(|known| is_same_quick_user(known, user) || is_like(known, user))
        });
    }
    let listed = context.input.quick_users;
    listed.is_some_and(|users| users.keys().any(|known| is_same_quick_user(known, user)))
}
