//! Programs that sessions of Role A and Role B were used by.

use crate::model::chain::{Chain, ChainPart, RoleSession};
use crate::model::event::{Detail, Event};
use crate::model::identity::{RoleName, is_quick_service};
use crate::model::ids::{AccessKeyId, EventId, is_data_source_arn};
use crate::model::text::Text;
use crate::model::topology::KnownRoles;
use hashbrown::HashSet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The parts of the user agents of Quick's own calls (docs/cloudtrail-facts.md#quicks-role-chain,
/// docs/cloudtrail-facts.md#startqueryexecution).
const QUICK_AGENTS: [&str; 4] = [
    "quicksight",
    "sbAthenaJDBCDriver",
    "AthenaJDBC",
    "aws-internal",
];
/// The label of a call without a user agent.
pub(in crate::rules) const NO_AGENT: &str = "a program without a name";

/// What tells calls of Quick's own programs from those of others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QuickAgents {
    /// Parts of user agents, in small letters, apart from those that are always Quick's.
    further: Vec<String>,
}

impl QuickAgents {
    /// With further parts of user agents.
    #[must_use]
    pub fn with(further: &[Text]) -> Self {
        let further = further.iter().map(|part| part.to_ascii_lowercase());
        Self {
            further: further.collect(),
        }
    }

    fn has(&self, event: &Event) -> bool {
        let source = event.source_ip.as_deref().unwrap_or_default();
        let agent = event.user_agent.as_deref().unwrap_or_default();
        let agent = agent.to_ascii_lowercase();
        // Quick's second hop may come with an SDK's agent
        // (docs/cloudtrail-facts.md#quicks-role-chain).
        let is_second_hop = match &event.detail {
            Detail::CredentialIssuance(issue) => {
                issue.external_id.as_deref().is_some_and(is_data_source_arn)
            }
            _ => false,
        };
        let is_known = || {
            let own = QUICK_AGENTS.iter().map(|part| part.to_ascii_lowercase());
            let mut known = own.chain(self.further.iter().cloned());
            known.any(|part| agent.contains(&part))
        };
        is_quick_service(source)
            || (is_second_hop && agent.starts_with("aws-sdk-"))
            || event.identity.is_invoked_by_quick()
            || is_known()
    }

    /// Tells who used the session of a call.
    pub(in crate::rules) fn user_of(&self, event: &Event) -> SessionUser {
        if self.has(event) {
            return SessionUser::Quick;
        }
        // Calls by other services for a session do not tell where it is.
        let source = event.source_ip.as_deref().unwrap_or_default();
        let is_service = event.identity.invoked_by.is_some() || source.ends_with(".amazonaws.com");
        if is_service || source == "AWS Internal" {
            SessionUser::Service
        } else {
            SessionUser::Program(program(event.user_agent.as_ref()))
        }
    }
}

/// Who made a call of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::rules) enum SessionUser {
    /// Quick.
    Quick,
    /// Another service, for the session.
    Service,
    /// A program.
    Program(Text),
}

/// The program of a user agent.
fn program(agent: Option<&Text>) -> Text {
    let Some(agent) = agent else {
        return NO_AGENT.into();
    };
    agent.split(['/', ' ']).next().unwrap_or(agent).into()
}

/// The session that made the call of an entry: of the making of the consumer
/// session, the one before.
fn maker_of<'a>(chain: &'a Chain, part: ChainPart, event: &Event) -> Option<&'a RoleSession> {
    let makes = |session: &RoleSession| session.event_ids.contains(&event.id);
    let run_as = chain.caller_session();
    let consumer = chain.consumer_session.as_ref();
    match part {
        ChainPart::Consumer if consumer.is_some_and(makes) => run_as,
        ChainPart::Consumer => consumer,
        ChainPart::RunAs => run_as.filter(|session| !makes(session)),
        ChainPart::Quick => None,
    }
}

/// A session: role, assumed role id, key, and the AssumeRole that made it.
pub(in crate::rules) type SessionKey<'a> =
    (RoleName, &'a Text, &'a Option<AccessKeyId>, &'a [EventId]);

/// A call by a session of Role A or Role B.
pub(in crate::rules) struct SessionCall<'a> {
    pub(in crate::rules) key: SessionKey<'a>,
    pub(in crate::rules) session: &'a RoleSession,
    pub(in crate::rules) part: ChainPart,
    pub(in crate::rules) event: &'a Event,
    /// The position of the event.
    at: u32,
}

/// The calls of a chain by sessions of Role A and Role B.
pub(in crate::rules) fn session_calls<'a>(
    chain: &'a Chain,
    events: &'a [Event],
    roles: &KnownRoles,
) -> impl Iterator<Item = SessionCall<'a>> {
    chain.events.iter().filter_map(move |entry| {
        let event = &events[entry.event as usize];
        let session = maker_of(chain, entry.session, event)?;
        let role = session.role_arn.as_deref().and_then(RoleName::from_arn)?;
        let id = session.assumed_role_id.as_ref()?;
        let is_watched = roles.run_as.contains(&role) || roles.consumer.contains(&role);
        is_watched.then(|| SessionCall {
            key: (role, id, &session.access_key_id, &session.event_ids[..]),
            session,
            part: entry.session,
            event,
            at: entry.event,
        })
    })
}

/// Calls of sessions that were seen: calls of Role A are in every chain that came from it.
#[derive(Debug, Default)]
pub(in crate::rules) struct SeenCalls<'a>(HashSet<(u32, &'a [EventId])>);

impl<'a> SeenCalls<'a> {
    /// Returns true the first time that a call is seen.
    pub(in crate::rules) fn is_new(&mut self, call: &SessionCall<'a>) -> bool {
        self.0.insert((call.at, &call.session.event_ids))
    }
}

/// Sessions of a day, and those of them that each program used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::rules) struct SessionPrograms {
    pub(in crate::rules) sessions: u64,
    pub(in crate::rules) programs: BTreeMap<Text, u64>,
}

impl SessionPrograms {
    /// Counts a session with the programs that used it.
    pub(in crate::rules) fn add_session<'p>(
        &mut self,
        programs: impl IntoIterator<Item = &'p Text>,
    ) {
        self.sessions += 1;
        for program in programs {
            *self.programs.entry(program.clone()).or_default() += 1;
        }
    }

    pub(in crate::rules) fn add(&mut self, other: Self) {
        self.sessions += other.sessions;
        for (program, sessions) in other.programs {
            *self.programs.entry(program).or_default() += sessions;
        }
    }
}
