//! Those for whom a chain acted: users that AWS names with its calls, source identities, delegates, and the
//! agents and flows of Quick (docs/cloudtrail-facts.md#agents-and-identities).

use super::context::Context;
use super::conversations::{ConversationSpan, Conversations};
use super::quick_activity::{GivenContext, QuickActivities, QuickActivity, may_be_of_hub};
use super::quick_user::user_count;
use crate::model::chain::{Chain, ChainEvent, ChainPart, Confidence};
use crate::model::event::{CredentialIssuance, Detail, Event};
use crate::model::ids::EventId;
use crate::model::road::{
    ACTING_EVENT_IDS_MAX, ActingFor, ActingKind, DEFAULT_NAMESPACE, QUICK_SERVICE, quick_user_name,
};
use crate::model::text::Text;
use hashbrown::HashSet;
use std::collections::{BTreeMap, BTreeSet};

/// Candidates that are listed of one kind.
const CANDIDATES_MAX: usize = 8;

/// The provider of the contexts of Quick's users, the same in all accounts.
const QUICK_CONTEXT: &str = ":contextProvider/QuickSight";

/// Sets for whom each chain acted.
pub(super) fn attach(
    chains: &mut [Chain],
    events: &[Event],
    has_queries: bool,
    context: &Context<'_>,
) {
    let activities = QuickActivities::of(events, has_queries);
    let conversations = context.chat_logs.map(Conversations::of);
    let conversations = conversations.unwrap_or_default();
    for chain in chains {
        let mut acting = Acting::of(chain, events, &activities, &conversations);
        chain.acting_for = acting.list();
        chain.notes.extend(acting.notes);
        chain.notes.sort();
    }
}

/// The events by which the sessions of a chain were made.
fn made_by(chain: &Chain) -> HashSet<&EventId> {
    let sessions = chain.hops();
    sessions.flat_map(|session| &session.event_ids).collect()
}

type ActingKey = (ActingKind, Text, Option<Text>);

/// The evidence that a chain acted for someone.
#[derive(Debug)]
struct ActingEvidence {
    confidence: Confidence,
    conversations: BTreeSet<Text>,
    events: BTreeSet<EventId>,
    /// Positions of queries, where it is not for all of them.
    queries: BTreeSet<usize>,
}

/// Those for whom one chain acted.
#[derive(Debug, Default)]
struct Acting {
    all: BTreeMap<ActingKey, ActingEvidence>,
    notes: Vec<String>,
}

impl Acting {
    fn of(
        chain: &Chain,
        events: &[Event],
        activities: &QuickActivities<'_>,
        conversations: &Conversations<'_>,
    ) -> Self {
        let mut acting = Self::default();
        let made_by = made_by(chain);
        acting.add_calls(chain, events, &made_by);
        acting.add_quick_user(chain, events);
        acting.add_contexts(chain, events, &made_by, activities);
        if chain.origin.service.as_deref() == Some(QUICK_SERVICE) {
            acting.add_activities(chain, events, activities);
            acting.add_conversations(chain, activities, conversations);
        }
        acting
    }

    fn add(&mut self, key: ActingKey, confidence: Confidence) -> &mut ActingEvidence {
        let evidence = self.all.entry(key).or_insert_with(|| ActingEvidence {
            confidence,
            conversations: BTreeSet::new(),
            events: BTreeSet::new(),
            queries: BTreeSet::new(),
        });
        evidence.confidence = evidence.confidence.max(confidence);
        evidence
    }

    fn add_event(
        &mut self,
        key: ActingKey,
        confidence: Confidence,
        event: &Event,
    ) -> &mut ActingEvidence {
        let evidence = self.add(key, confidence);
        if !evidence.events.contains(&event.id) {
            evidence.events.insert(event.id.clone());
        }
        evidence
    }

    /// Users, source identities and delegates that the calls of a chain's own session name, and those
    /// by which its sessions were made.
    fn add_calls(&mut self, chain: &Chain, events: &[Event], made_by: &HashSet<&EventId>) {
        for entry in &chain.events {
            let event = &events[entry.event as usize];
            let is_maker = made_by.contains(&event.id);
            let is_own = entry.session == ChainPart::Consumer
                || entry.session == ChainPart::RunAs && is_maker;
            if !is_own {
                continue;
            }
            let identity = &event.identity;
            if let Some(user) = &identity.on_behalf_of {
                let store = identity.identity_store_arn.clone();
                let key = (ActingKind::IdentityCenterUser, user.clone(), store);
                self.add_event(key, entry.confidence, event);
            }
            // A refused call may ask for any source identity.
            let asked_for = match &event.detail {
                Detail::CredentialIssuance(issue) if is_maker && event.error_code.is_none() => {
                    issue.source_identity.as_ref()
                }
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

    /// Users whose context was provided to the AssumeRole calls that made the chain's sessions. The
    /// calls of the session name users of Identity Center themselves.
    fn add_contexts(
        &mut self,
        chain: &Chain,
        events: &[Event],
        made_by: &HashSet<&EventId>,
        activities: &QuickActivities<'_>,
    ) {
        let provided_to = chain.events.iter().filter_map(|entry| {
            let event = &events[entry.event as usize];
            match &event.detail {
                Detail::CredentialIssuance(issue) if made_by.contains(&event.id) => {
                    has_quick_context(issue).then_some(event)
                }
                _ => None,
            }
        });
        let provided_to: Vec<&Event> = provided_to.collect();
        if provided_to.is_empty() {
            return;
        }
        let given = provided_to.into_iter().filter_map(|event| {
            let caller = event.identity.principal_id.as_ref()?;
            Some(activities.contexts(caller, event.time))
        });
        let given: Vec<&GivenContext<'_>> = given.flatten().collect();
        let users: BTreeSet<&Text> = given.iter().map(|one| one.user).collect();
        if users.is_empty() {
            self.notes.push(
                "the context of a Quick user was provided to an AssumeRole call, but no GetIdentityContext event of the caller in \
                 the 900 seconds before names the user; add the logs of the caller's account"
                    .to_owned(),
            );
        }
        let confidence = certainty(user_count(&users) <= 1);
        let listed: BTreeSet<&Text> = users.into_iter().take(CANDIDATES_MAX).collect();
        for one in given.into_iter().filter(|one| listed.contains(one.user)) {
            let key = (ActingKind::QuickUser, name_of(one.user).into(), None);
            self.add_event(key, confidence, one.event);
        }
    }

    /// Agents, flows and actions that a chain's user worked with when its queries ran. Of several
    /// agents and flows it is not known which one queried.
    fn add_activities(
        &mut self,
        chain: &Chain,
        events: &[Event],
        activities: &QuickActivities<'_>,
    ) {
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
        for (position, query) in chain.queries.iter().enumerate() {
            let near = activities.near(&user.name, hub, query.started_at);
            let near: Vec<&QuickActivity<'_>> = near
                .filter(|one| !of_chain.contains(&one.event.id))
                .collect();
            let sets = near.iter().map(|one| one.actors());
            let sets: BTreeSet<_> = sets.filter(|actors| !actors.is_empty()).collect();
            let confidence = user.confidence.min(certainty(sets.len() <= 1));
            let probable = user.confidence.min(Confidence::Probable);
            for activity in near {
                for (kind, id) in activity.actors() {
                    let key = (kind, id.clone(), None);
                    let evidence = self.add_event(key, confidence, activity.event);
                    evidence.queries.insert(position);
                }
                if let Some(id) = activity.action_connector() {
                    let key = (ActingKind::Agent, id, None);
                    let evidence = self.add_event(key, probable, activity.event);
                    evidence.queries.insert(position);
                }
            }
        }
    }

    /// Agents and flows of conversations that were open when a chain's queries ran. If the logs have
    /// `QueryDatabase` events, only conversations of the users that they name near the query are
    /// looked at; otherwise those of all users.
    fn add_conversations(
        &mut self,
        chain: &Chain,
        activities: &QuickActivities<'_>,
        conversations: &Conversations<'_>,
    ) {
        if conversations.is_empty() {
            return;
        }
        for (position, query) in chain.queries.iter().enumerate() {
            let at = query.started_at;
            let users = match &chain.quick_user {
                Some(user) => BTreeSet::from([&user.name]),
                None => activities.users_near(chain, at),
            };
            // Without a data source, no event can name the user of the chain's queries.
            let is_named = chain.quick_user.is_some() || chain.data_source_arn.is_some();
            let has_queries = activities.has_queries();
            let open: Vec<&ConversationSpan<'_>> = if has_queries && is_named {
                let of_users = users.iter();
                of_users
                    .flat_map(|user| conversations.of_user(user, at))
                    .collect()
            } else {
                conversations.of_anyone(at).collect()
            };
            let hub = chain.hub_account_id.as_deref();
            let open = open.into_iter();
            let open = open.filter(|span| may_be_of_hub(hub, span.account_id));
            let open: Vec<&ConversationSpan<'_>> = open.collect();
            let is_decided = is_named || !has_queries;
            self.add_spans(
                chain,
                position,
                &open,
                is_decided && user_count(&users) <= 1,
            );
        }
    }

    /// Adds those of the conversations that were open when one query ran. `is_decided` if it is known
    /// whose query it was, or nothing is known of users.
    fn add_spans(
        &mut self,
        chain: &Chain,
        position: usize,
        open: &[&ConversationSpan<'_>],
        is_decided: bool,
    ) {
        let users: BTreeSet<&Text> = open.iter().filter_map(|one| one.user_arn).collect();
        if chain.quick_user.is_none() {
            let confidence = certainty(is_decided && user_count(&users) <= 1);
            for user in users.iter().take(CANDIDATES_MAX) {
                let key = (ActingKind::QuickUser, name_of(user).into(), None);
                self.add(key, confidence).queries.insert(position);
            }
        }
        let sets: BTreeSet<_> = open.iter().map(|one| &one.actors).collect();
        let kinds = sets.iter().flat_map(|actors| actors.iter());
        let kinds: Vec<ActingKind> = kinds.map(|(kind, _)| *kind).collect();
        let of_kind = |kind| kinds.iter().filter(|one| **one == kind).count();
        let is_one =
            sets.len() == 1 && of_kind(ActingKind::Agent) <= 1 && of_kind(ActingKind::Flow) <= 1;
        let confidence = certainty(is_decided && is_one);
        for kind in [ActingKind::Agent, ActingKind::Flow] {
            let of_kind = open.iter().flat_map(|span| {
                let actors = span.actors.iter();
                let of_kind = actors.filter(move |(of, _)| *of == kind);
                of_kind.map(|(_, id)| (*id, span.conversation_id))
            });
            let mut by_id: BTreeMap<&Text, BTreeSet<&Text>> = BTreeMap::new();
            for (id, conversation) in of_kind {
                by_id.entry(id).or_default().extend(conversation);
            }
            for (id, conversations) in by_id.into_iter().take(CANDIDATES_MAX) {
                let evidence = self.add((kind, id.clone(), None), confidence);
                evidence.queries.insert(position);
                evidence
                    .conversations
                    .extend(conversations.into_iter().cloned());
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
            queries: evidence.queries.into_iter().collect(),
        });
        entries.collect()
    }
}

fn has_quick_context(issue: &CredentialIssuance) -> bool {
    let mut providers = issue.context_providers.iter();
    providers.any(|provider| provider.ends_with(QUICK_CONTEXT))
}

/// The only candidate is probable; of several it is not known which.
fn certainty(is_only: bool) -> Confidence {
    if is_only {
        Confidence::Probable
    } else {
        Confidence::Ambiguous
    }
}

/// `NAMESPACE/NAME` of a user; the ARN of a role session as it is.
fn name_of(user: &str) -> String {
    let name = quick_user_name(user);
    if name.is_session {
        return user.to_owned();
    }
    format!(
        "{}/{}",
        name.namespace.unwrap_or(DEFAULT_NAMESPACE),
        name.name
    )
}
