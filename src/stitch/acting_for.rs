//! For whom a chain acted: users that AWS names with its calls, source identities, delegates, and the
//! agents and flows of Quick (docs/cloudtrail-facts.md#agents-and-identities).

use super::context::Context;
use super::quick_user::{self, bare_id, user_of};
use crate::model::chain::{Chain, ChainEvent, ChainPart, Confidence};
use crate::model::event::{Detail, Event, QuickCall};
use crate::model::ids::EventId;
use crate::model::road::{
    ACTING_EVENT_IDS_MAX, ActingFor, ActingKind, QUICK_SERVICE, is_same_quick_user, quick_user_name,
};
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use hashbrown::HashSet;
use std::collections::{BTreeMap, BTreeSet};

/// A conversation is taken as open from so many seconds before its first message to so many after its
/// last: messages are logged when they are answered.
const CONVERSATION_SLACK_SECONDS: i64 = 300;

/// The longest distance between a call about an agent, flow or action and a query, in seconds.
const NEARBY_SECONDS: i64 = 60;

/// The longest time from the context of a user to the AssumeRole call that it is provided to, in
/// seconds.
const CONTEXT_SECONDS: i64 = 900;

/// Candidates that are listed of one kind.
const CANDIDATES_MAX: usize = 8;

/// The provider of the contexts of Quick's users, the same in all accounts.
const QUICK_CONTEXT: &str = ":contextProvider/QuickSight";

/// Sets for whom each chain acted.
pub(super) fn attach(chains: &mut [Chain], events: &[Event], context: &Context<'_>) {
    let quick = QuickEvents::of(events, context);
    for chain in chains {
        let mut acting = Acting::default();
        acting.add_calls(chain, events);
        acting.add_quick_user(chain, events);
        quick.add_contexts(chain, events, &mut acting);
        if chain.origin.service.as_deref() == Some(QUICK_SERVICE) {
            quick.add_calls(chain, events, &mut acting);
            quick.add_conversations(chain, &mut acting);
        }
        chain.acting_for = acting.list();
        chain.notes.extend(acting.notes);
        chain.notes.sort();
    }
}

type ActingKey = (ActingKind, Text, Option<Text>);

/// What is known of one of them.
#[derive(Debug)]
struct ActingEvidence {
    confidence: Confidence,
    conversations: BTreeSet<Text>,
    events: BTreeSet<EventId>,
}

/// Those for whom one chain acted.
#[derive(Debug, Default)]
struct Acting {
    all: BTreeMap<ActingKey, ActingEvidence>,
    notes: Vec<String>,
}

impl Acting {
    fn add(&mut self, key: ActingKey, confidence: Confidence) -> &mut ActingEvidence {
        let evidence = self.all.entry(key).or_insert_with(|| ActingEvidence {
            confidence,
            conversations: BTreeSet::new(),
            events: BTreeSet::new(),
        });
        evidence.confidence = evidence.confidence.max(confidence);
        evidence
    }

    fn add_event(&mut self, key: ActingKey, confidence: Confidence, event: &Event) {
        let evidence = self.add(key, confidence);
        evidence.events.insert(event.id.clone());
    }

    /// Users, source identities and delegates that the calls of a chain's own session name, and those
    /// by which its sessions were made.
    fn add_calls(&mut self, chain: &Chain, events: &[Event]) {
        let made_by: HashSet<&EventId> = chain
            .hops()
            .flat_map(|session| &session.event_ids)
            .collect();
        let is_own = |entry: &&ChainEvent| {
            entry.session == ChainPart::Consumer
                || entry.session == ChainPart::RunAs
                    && made_by.contains(&events[entry.event as usize].id)
        };
        for entry in chain.events.iter().filter(is_own) {
            let event = &events[entry.event as usize];
            let identity = &event.identity;
            if let Some(user) = &identity.on_behalf_of {
                let store = identity.identity_store_arn.clone();
                let key = (ActingKind::IdentityCenterUser, user.clone(), store);
                self.add_event(key, entry.confidence, event);
            }
            let asked_for = match &event.detail {
                Detail::CredentialIssuance(issue) => issue.source_identity.as_ref(),
                _ => None,
            };
            for text in identity.source_identity.iter().chain(asked_for) {
                let key = (ActingKind::SourceIdentity, text.clone(), None);
                self.add_event(key, entry.confidence, event);
            }
            if let Some(account) = &identity.delegate_account_id {
                let key = (ActingKind::Delegate, account.text().clone(), None);
                self.add_event(key, entry.confidence, event);
            }
        }
    }

    /// The Quick user that events of the data source name.
    fn add_quick_user(&mut self, chain: &Chain, events: &[Event]) {
        let Some(user) = &chain.quick_user else {
            return;
        };
        let key = (ActingKind::QuickUser, user.name.clone(), None);
        self.add(key, user.confidence);
        let of_quick = |entry: &&ChainEvent| entry.session == ChainPart::Quick;
        for entry in chain.events.iter().filter(of_quick) {
            let event = &events[entry.event as usize];
            let key = (ActingKind::QuickUser, user.name.clone(), None);
            self.add_event(key, user.confidence, event);
            if let Some(id) = &event.identity.on_behalf_of {
                let store = event.identity.identity_store_arn.clone();
                let key = (ActingKind::IdentityCenterUser, id.clone(), store);
                self.add_event(key, user.confidence, event);
            }
        }
    }

    /// The entries, by kind and id.
    fn list(&mut self) -> Vec<ActingFor> {
        let all = std::mem::take(&mut self.all).into_iter();
        let entries = all.map(|((kind, id, identity_store_arn), evidence)| ActingFor {
            kind,
            id,
            identity_store_arn,
            // Of several it is not known which.
            conversation_id: evidence
                .conversations
                .first()
                .filter(|_| evidence.conversations.len() == 1)
                .cloned(),
            confidence: evidence.confidence,
            event_ids: evidence
                .events
                .into_iter()
                .take(ACTING_EVENT_IDS_MAX)
                .collect(),
        });
        entries.collect()
    }
}

/// A call of Quick about an agent, a flow or an action, with its user.
#[derive(Debug)]
struct QuickActivity<'a> {
    at: UtcSecond,
    event: &'a Event,
    user: Option<&'a Text>,
    call: &'a QuickCall,
}

/// A conversation of the chat logs.
#[derive(Debug)]
struct OpenConversation<'a> {
    from: UtcSecond,
    to: UtcSecond,
    /// The hub.
    account_id: Option<&'a str>,
    user_arn: Option<&'a Text>,
    id: Option<&'a Text>,
    /// Agents and flows of its messages.
    actors: BTreeSet<(ActingKind, &'a Text)>,
}

/// What Quick's own events and chat logs tell of agents and users.
#[derive(Debug, Default)]
struct QuickEvents<'a> {
    /// Calls that work with an agent, a flow or an action, by time.
    activities: Vec<QuickActivity<'a>>,
    /// Contexts of users that were given out, by the caller's principal: when, and for whom.
    contexts: BTreeMap<&'a Text, Vec<(&'a Event, &'a Text)>>,
    /// `QueryDatabase` events by data source: when, and for whom; sorted.
    queried: BTreeMap<&'a str, Vec<(UtcSecond, &'a Text)>>,
    /// By start.
    conversations: Vec<OpenConversation<'a>>,
    /// By conversation: the latest end of it and those before it.
    latest_end: Vec<UtcSecond>,
}

impl<'a> QuickEvents<'a> {
    fn of(events: &'a [Event], context: &Context<'a>) -> Self {
        let mut quick = Self::default();
        for event in events.iter().filter(|event| event.error_code.is_none()) {
            if let Detail::QueryDatabase(detail) = &event.detail
                && let Some(source) = &detail.data_source
                && let Some(user) = user_of(&event.identity)
            {
                let of_source = quick.queried.entry(bare_id(source)).or_default();
                of_source.push((event.time, user));
            }
            let Detail::QuickCall(call) = &event.detail else {
                continue;
            };
            if &*event.name == "GetIdentityContext" {
                let named = event.identity.principal_id.as_ref().zip(call.user.as_ref());
                if let Some((principal, user)) = named {
                    quick
                        .contexts
                        .entry(principal)
                        .or_default()
                        .push((event, user));
                }
            } else if is_at_work(&event.name) {
                quick.activities.push(QuickActivity {
                    at: event.time,
                    event,
                    user: call.user.as_ref().or_else(|| user_of(&event.identity)),
                    call,
                });
            }
        }
        quick.activities.sort_by_key(|activity| activity.at);
        for of_source in quick.queried.values_mut() {
            of_source.sort();
        }
        quick.add_logs(context);
        quick
    }

    fn add_logs(&mut self, context: &Context<'a>) {
        let Some(logs) = context.chat_logs else {
            return;
        };
        for (key, messages) in &logs.conversations {
            let (Some(first), Some(last)) = (messages.first(), messages.last()) else {
                continue;
            };
            let agents = messages.iter().filter_map(|one| one.agent_id.as_ref());
            let flows = messages.iter().filter_map(|one| one.flow_id.as_ref());
            let agents = agents.map(|id| (ActingKind::Agent, id));
            let flows = flows.map(|id| (ActingKind::Flow, id));
            let user_arn = key.user_arn.as_ref();
            self.conversations.push(OpenConversation {
                from: first.at.plus(-CONVERSATION_SLACK_SECONDS),
                to: last.at.plus(CONVERSATION_SLACK_SECONDS),
                account_id: user_arn.and_then(|arn| arn.split(':').nth(4)),
                user_arn,
                id: key.conversation_id.as_ref(),
                actors: agents.chain(flows).collect(),
            });
        }
        self.conversations.sort_by_key(|one| one.from);
        let mut latest = None;
        for conversation in &self.conversations {
            let end = latest.map_or(conversation.to, |end| conversation.to.max(end));
            latest = Some(end);
            self.latest_end.push(end);
        }
    }

    /// Users whose context was provided to the AssumeRole call of a session. The calls of the session
    /// name users of Identity Center themselves.
    fn add_contexts(&self, chain: &Chain, events: &'a [Event], acting: &mut Acting) {
        for entry in &chain.events {
            let event = &events[entry.event as usize];
            let Detail::CredentialIssuance(issue) = &event.detail else {
                continue;
            };
            let mut providers = issue.context_providers.iter();
            if !providers.any(|provider| provider.ends_with(QUICK_CONTEXT)) {
                continue;
            }
            let given = event.identity.principal_id.as_ref();
            let given = given.and_then(|principal| self.contexts.get(principal));
            let given = given.into_iter().flatten().filter(|(context, _)| {
                context.time <= event.time && event.time <= context.time.plus(CONTEXT_SECONDS)
            });
            let given: Vec<&(&Event, &Text)> = given.collect();
            let users: BTreeSet<&Text> = given.iter().map(|(_, user)| *user).collect();
            if users.is_empty() {
                acting.notes.push(
                    "the context of a Quick user was provided to an AssumeRole call; the logs do not name the user"
                        .to_owned(),
                );
            }
            let confidence = match users.len() {
                1 => Confidence::Probable,
                _ => Confidence::Ambiguous,
            };
            let listed: BTreeSet<&Text> = users.into_iter().take(CANDIDATES_MAX).collect();
            for (context, user) in given.into_iter().filter(|(_, user)| listed.contains(user)) {
                let name = name_of(user);
                let key = (ActingKind::QuickUser, name.into(), None);
                acting.add_event(key, confidence, context);
            }
        }
    }

    /// Agents, flows and actions that a chain's user worked with when its queries ran.
    fn add_calls(&self, chain: &Chain, events: &[Event], acting: &mut Acting) {
        let Some(user) = &chain.quick_user else {
            return;
        };
        let hub = chain.hub_account_id.as_ref();
        let of_chain: HashSet<&EventId> = chain
            .events
            .iter()
            .filter(|entry| entry.session == ChainPart::Quick)
            .map(|entry| &events[entry.event as usize].id)
            .collect();
        for at in chain.queries.iter().map(|query| query.started_at) {
            let from = at.plus(-NEARBY_SECONDS);
            let to = at.plus(NEARBY_SECONDS);
            let first = self.activities.partition_point(|one| one.at < from);
            let last = self.activities.partition_point(|one| one.at <= to);
            for activity in &self.activities[first..last] {
                let is_users = activity
                    .user
                    .is_some_and(|name| is_same_quick_user(name, &user.name));
                let account = activity.event.recipient_account_id.as_ref();
                let is_hubs = hub.is_none() || account.is_none() || account == hub;
                if !is_users || !is_hubs || of_chain.contains(&activity.event.id) {
                    continue;
                }
                let confidence = user.confidence.min(Confidence::Probable);
                for (kind, id) in actors_of(activity) {
                    acting.add_event((kind, id, None), confidence, activity.event);
                }
            }
        }
    }

    /// Agents and flows of the conversations that were open when a chain's queries ran: those of its
    /// user. Where the logs have Quick's own events, and they do not name the user of this chain, it is
    /// someone else's, or of one of the users that they name; where they have none, anyone's.
    fn add_conversations(&self, chain: &Chain, acting: &mut Acting) {
        if self.conversations.is_empty() {
            return;
        }
        let told = self.users_told(chain);
        if told.is_empty() && !self.queried.is_empty() {
            return;
        }
        let mut open: BTreeSet<usize> = BTreeSet::new();
        for at in chain.queries.iter().map(|query| query.started_at) {
            open.extend(self.open_at(at).filter(|&one| {
                let conversation = &self.conversations[one];
                let hub = chain.hub_account_id.as_deref();
                let is_hubs = hub.zip(conversation.account_id);
                let mut told = told.iter();
                let is_told = |arn: &Text| told.any(|user| is_same_quick_user(arn, user));
                is_hubs.is_none_or(|(hub, account)| hub == account)
                    && (self.queried.is_empty() || conversation.user_arn.is_some_and(is_told))
            }));
        }
        let is_decided = told.len() <= 1;
        let open: Vec<&OpenConversation<'_>> = open
            .into_iter()
            .map(|one| &self.conversations[one])
            .collect();
        let users: BTreeSet<&Text> = open.iter().filter_map(|one| one.user_arn).collect();
        if chain.quick_user.is_none() {
            let confidence = certainty(users.len(), is_decided);
            for user in users.iter().take(CANDIDATES_MAX) {
                let name = name_of(user);
                acting.add((ActingKind::QuickUser, name.into(), None), confidence);
            }
        }
        for kind in [ActingKind::Agent, ActingKind::Flow] {
            let of_kind = open.iter().flat_map(|conversation| {
                let actors = conversation.actors.iter();
                let of_kind = actors.filter(move |(of, _)| *of == kind);
                of_kind.map(|(_, id)| (*id, conversation.id))
            });
            let mut by_id: BTreeMap<&Text, BTreeSet<&Text>> = BTreeMap::new();
            for (id, conversation) in of_kind {
                by_id.entry(id).or_default().extend(conversation);
            }
            let confidence = certainty(by_id.len(), is_decided);
            for (id, conversations) in by_id.into_iter().take(CANDIDATES_MAX) {
                let evidence = acting.add((kind, id.clone(), None), confidence);
                evidence
                    .conversations
                    .extend(conversations.into_iter().cloned());
            }
        }
    }

    /// The user of a chain; if it is not decided, those whom Quick's own events name for its queries.
    fn users_told<'c>(&'c self, chain: &'c Chain) -> BTreeSet<&'c Text> {
        if let Some(user) = &chain.quick_user {
            return BTreeSet::from([&user.name]);
        }
        let mut told = BTreeSet::new();
        let source = chain.data_source_arn.as_deref();
        let of_source = source.and_then(|source| self.queried.get(bare_id(source)));
        let of_source = of_source.map_or(&[][..], Vec::as_slice);
        for query in &chain.queries {
            let from = query.started_at.plus(-quick_user::NEARBY_SECONDS);
            let to = query.started_at.plus(quick_user::NEARBY_SECONDS);
            let first = of_source.partition_point(|(at, _)| *at < from);
            let last = of_source.partition_point(|(at, _)| *at <= to);
            told.extend(
                of_source[first..last.max(first)]
                    .iter()
                    .map(|(_, user)| *user),
            );
        }
        told
    }

    /// Conversations that were open at a moment.
    fn open_at(&self, at: UtcSecond) -> impl Iterator<Item = usize> {
        let begun = self.conversations.partition_point(|one| one.from <= at);
        (0..begun)
            .rev()
            .take_while(move |&one| at <= self.latest_end[one])
            .filter(move |&one| at <= self.conversations[one].to)
    }
}

/// One candidate is probable; of several, or for one of several users, it is not known which.
fn certainty(candidates: usize, is_decided: bool) -> Confidence {
    match candidates {
        0 | 1 if is_decided => Confidence::Probable,
        _ => Confidence::Ambiguous,
    }
}

/// `NAMESPACE/NAME` of an ARN of a user; else what is there.
fn name_of(user: &str) -> String {
    let name = quick_user_name(user);
    match name.namespace {
        Some(namespace) => format!("{namespace}/{}", name.name),
        None => user.to_owned(),
    }
}

/// The agent, the flow, and the connector of an action, by its ARN.
fn actors_of(activity: &QuickActivity<'_>) -> Vec<(ActingKind, Text)> {
    let call = activity.call;
    let agent = call.agent_id.clone().map(|id| (ActingKind::Agent, id));
    let flow = call.flow_id.clone().map(|id| (ActingKind::Flow, id));
    let connector = call.action_connector_id.as_ref().map(|id| {
        let name = format!("action-connector/{id}");
        (ActingKind::Agent, name.into())
    });
    agent.into_iter().chain(flow).chain(connector).collect()
}

/// Returns true if an event tells that an agent, a flow or an action works, and not that someone looks
/// at it or changes it.
fn is_at_work(name: &str) -> bool {
    const WORKING: [&str; 8] = [
        "Invoke", "Start", "Run", "Execute", "Chat", "Send", "Converse", "Resume",
    ];
    WORKING.iter().any(|verb| name.starts_with(verb))
}
