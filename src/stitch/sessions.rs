//! Links of calls to role sessions, and of sessions to the sessions that created them.
//!
//! The triple decides: issued key, assumed role id, creation second. What it cannot decide
//! stays ambiguous, with its candidates (docs/cloudtrail-facts.md#joining-sessions).

use super::context::EARLIER_SESSIONS_MAX;
use super::hops::Hop;
use super::keys::{PrincipalKey, console_principals, principal_key};
use super::peers::{
    CANDIDATES_MAX, Candidates, Closest, Likeness, Peer, PeerQuery, Peers, SessionId,
};
use super::session::{AssumedRoleName, Link, Session, names_of, own_key, own_names};
use super::timeline::{SessionTimeline, Valid, ValidAt};
use crate::model::chain::Confidence;
use crate::model::event::{Detail, Event};
use crate::model::identity::{Identity, RoleName, session_name_in_arn};
use crate::model::ids::{QueryExecutionId, RoleArn};
use crate::model::text::Text;
use crate::model::time::{CLOCK_SKEW_SECONDS, UtcSecond};
use hashbrown::hash_map::EntryRef;
use hashbrown::{HashMap, HashSet};
use std::sync::Arc;

/// Life of a session whose making no one logged, at most
/// (docs/cloudtrail-facts.md#by-a-service).
const UNSEEN_SESSION_SECONDS_MAX: i64 = 12 * 3600;

/// All role sessions, with their calls and parents.
#[derive(Debug)]
pub(super) struct Sessions {
    pub(super) all: Vec<Session>,
    /// By event: the session that made the call.
    pub(super) by_event: Vec<Link>,
    /// Sessions that stand for more than can be named.
    pub(super) crowds: Vec<Crowd>,
}

/// Sessions of one principal of which too many fit to name them all.
#[derive(Debug, Clone)]
pub(super) struct Crowd {
    /// The session that stands for them.
    pub(super) session: SessionId,
    /// Their assumed role id.
    pub(super) principal: Text,
    /// From the first to the last call of one of them.
    pub(super) span: (UtcSecond, UtcSecond),
}

impl Sessions {
    /// Links every event of a role session to its session.
    pub(super) fn link(events: &[Event], hops: Vec<Hop>) -> Self {
        let mut linker = Linker::new(hops);
        let identities = Identities::of(events);
        linker.resolve(&identities);
        let mut by_event: Vec<Link> = identities
            .of_event
            .iter()
            .map(|&identity| {
                let resolved = identity.map(|identity| linker.resolved[identity as usize]);
                resolved.unwrap_or(Link::None)
            })
            .collect();
        linker.link_by_query(events, &mut by_event);
        linker.link_by_time(events, &mut by_event);
        let repeats = linker.repeats(events.len(), &by_event);
        for ((index, link), is_repeat) in (0u32..).zip(&by_event).zip(repeats) {
            if let Link::To(session, confidence) = *link
                && !is_repeat
            {
                let calls = &mut linker.sessions[session as usize].calls;
                calls.push((index, confidence));
            }
        }
        linker.link_parents(&by_event);
        let mut crowds: Vec<Crowd> = linker.crowds.into_values().collect();
        crowds.sort_unstable_by_key(|crowd| crowd.session);
        Self {
            all: linker.sessions,
            by_event,
            crowds,
        }
    }

    pub(super) fn get(&self, session: SessionId) -> &Session {
        &self.all[session as usize]
    }

    /// The sessions that led to a session, the latest first, as far as links go. Records that assume
    /// each other in a circle end somewhere.
    pub(super) fn ancestors<'s>(
        &'s self,
        session: &'s Session,
    ) -> impl Iterator<Item = &'s Session> {
        let parent = |session: &&'s Session| self.parent(session).map(|(parent, _)| parent);
        std::iter::successors(parent(&session), parent).take(EARLIER_SESSIONS_MAX)
    }

    /// The session before, if it is known.
    pub(super) fn parent(&self, session: &Session) -> Option<(&Session, Confidence)> {
        match session.parent {
            Link::To(parent, confidence) => Some((self.get(parent), confidence)),
            Link::None => None,
        }
    }
}

/// The different identities of role sessions among the events: what decides a
/// link is decided once for each.
struct Identities {
    all: Vec<Arc<Identity>>,
    /// By event; `None` where the caller is no role session, or its creation
    /// time is not logged.
    of_event: Vec<Option<u32>>,
}

impl Identities {
    fn of(events: &[Event]) -> Self {
        let mut all: Vec<Arc<Identity>> = Vec::new();
        // Events mostly share what is equal.
        let mut numbers: HashMap<*const Identity, Option<u32>> = HashMap::new();
        let mut by_value: HashMap<&Identity, Option<u32>> = HashMap::new();
        let of_event = events.iter().map(|event| {
            let identity = &event.identity;
            *numbers.entry(Arc::as_ptr(identity)).or_insert_with(|| {
                *by_value.entry(identity).or_insert_with(|| {
                    identity
                        .session_created_at
                        .filter(|_| identity.is_role_session())?;
                    all.push(Arc::clone(identity));
                    u32::try_from(all.len() - 1).ok()
                })
            })
        });
        let of_event = of_event.collect();
        Self { all, of_event }
    }
}

struct Linker {
    sessions: Vec<Session>,
    by_assumed_role_id: HashMap<Text, Peers>,
    /// Sessions whose AssumeRole did not say its assumed role id.
    by_names: HashMap<AssumedRoleName, Peers>,
    /// All other sessions, where logs were masked and callers have only names.
    masked_by_names: Option<HashMap<AssumedRoleName, Peers>>,
    /// Numbers of what makes sessions alike.
    likenesses: HashMap<Alike, u32>,
    /// Sessions that stand for a question: which of these, for this principal?
    unresolved: HashMap<(Question, Option<Text>), SessionId>,
    crowds: HashMap<SessionId, Crowd>,
    /// The timelines of principals with many sessions.
    timelines: HashMap<Text, SessionTimeline>,
    timelines_by_names: HashMap<AssumedRoleName, SessionTimeline>,
    /// Principals and seconds of sessions in the console.
    console_principals: HashSet<PrincipalKey>,
    /// By identity.
    resolved: Vec<Link>,
}

/// The properties by which sessions are interchangeable: role, external id, policy, caller.
type Alike = (Option<RoleName>, Option<Text>, Option<Text>, Arc<Identity>);

/// The sessions that a lookup is limited to.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Question {
    These(Vec<SessionId>),
    /// A crowd, made in one second.
    MadeAt(UtcSecond),
    /// A crowd that was valid at one time; this is the first of them.
    ValidFrom(SessionId),
}

/// The decision between candidates.
enum Choice {
    NoSession,
    One(SessionId),
    Several(Candidates, bool),
}

/// The number of what makes a session alike to others; `None` where its AssumeRole was not
/// read.
fn likeness(likenesses: &mut HashMap<Alike, u32>, session: &Session) -> Likeness {
    let hop = session.hop.as_ref()?;
    let alike = (
        session.role.clone(),
        hop.external_id.clone(),
        hop.policy.clone(),
        Arc::clone(&hop.caller),
    );
    let next = u32::try_from(likenesses.len()).unwrap_or(u32::MAX);
    Some(*likenesses.entry(alike).or_insert(next))
}

/// Returns the timeline of these sessions.
fn timeline_of(
    peers: Option<&Peers>,
    sessions: &[Session],
    likenesses: &mut HashMap<Alike, u32>,
) -> SessionTimeline {
    let ids = peers.map(Peers::all).unwrap_or_default();
    let valid = ids.into_iter().map(|id| {
        let session = &sessions[id as usize];
        let scope = session.hop.as_ref().map(|hop| &hop.scope);
        Valid {
            id,
            created_at: session.created_at,
            expires_at: session.expires_at,
            likeness: likeness(likenesses, session),
            only_roles: scope.and_then(|scope| scope.only_roles.clone()),
        }
    });
    SessionTimeline::new(&valid.collect::<Vec<Valid>>())
}

/// Puts a session among those of the same principal.
fn put<K: std::hash::Hash + Eq + Clone>(
    peers: &mut HashMap<K, Peers>,
    key: &K,
    sessions: &[Session],
    likenesses: &mut HashMap<Alike, u32>,
    id: SessionId,
) {
    let session = &sessions[id as usize];
    let mut peer = Peer {
        id,
        created_at: session.created_at,
        key: session.key.clone().map(Text::from),
        likeness: None,
    };
    match peers.entry_ref(key) {
        // What it is like matters once there is another one.
        EntryRef::Vacant(vacant) => {
            vacant.insert(Peers::One(peer));
        }
        EntryRef::Occupied(mut known) => {
            if let Peers::One(one) = known.get_mut() {
                one.likeness = likeness(likenesses, &sessions[one.id as usize]);
            }
            peer.likeness = likeness(likenesses, session);
            known.get_mut().add(peer);
        }
    }
}

impl Linker {
    fn new(hops: Vec<Hop>) -> Self {
        let mut linker = Self {
            sessions: Vec::with_capacity(hops.len()),
            by_assumed_role_id: HashMap::with_capacity(hops.len()),
            by_names: HashMap::new(),
            masked_by_names: None,
            likenesses: HashMap::new(),
            unresolved: HashMap::new(),
            crowds: HashMap::new(),
            timelines: HashMap::new(),
            timelines_by_names: HashMap::new(),
            console_principals: HashSet::new(),
            resolved: Vec::new(),
        };
        for hop in hops {
            let session = Session {
                role: hop.role.clone(),
                role_arn: hop.role_arn.clone(),
                name: hop.session_name.clone(),
                assumed_role_id: hop.assumed_role_id.clone(),
                key: hop.key.clone(),
                is_from_console: hop.is_from_console,
                ..Session::unknown(hop.time, hop.expires_at)
            };
            linker.add(Session {
                hop: Some(hop),
                ..session
            });
        }
        linker
    }

    /// Finds the session by this assumed role id from now on.
    fn know(&mut self, assumed_role_id: &Text, id: SessionId) {
        put(
            &mut self.by_assumed_role_id,
            assumed_role_id,
            &self.sessions,
            &mut self.likenesses,
            id,
        );
    }

    fn add(&mut self, session: Session) -> SessionId {
        let id = u32::try_from(self.sessions.len()).unwrap_or(u32::MAX);
        // One that stands for a question is no answer to the next one.
        let is_answer = session.candidates.is_empty();
        let assumed_role_id = session.assumed_role_id.clone();
        let names = own_names(&session);
        self.sessions.push(session);
        if let Some(known) = &mut self.masked_by_names
            && let Some(names) = names
                .as_ref()
                .filter(|_| is_answer && assumed_role_id.is_some())
        {
            put(known, names, &self.sessions, &mut self.likenesses, id);
        }
        if let Some(assumed_role_id) = assumed_role_id.filter(|_| is_answer) {
            self.know(&assumed_role_id, id);
        } else if let Some(names) = names.filter(|_| is_answer) {
            let (sessions, likenesses) = (&self.sessions, &mut self.likenesses);
            put(&mut self.by_names, &names, sessions, likenesses, id);
        }
        id
    }

    /// The sessions that a principal may be: those of its assumed role id, and those whose
    /// id no one said.
    fn peers_of(&self, identity: &Identity) -> Vec<&Peers> {
        let by_id = identity.assumed_role_id();
        let by_id = by_id.and_then(|id| self.by_assumed_role_id.get(id));
        let masked = self.masked_by_names.as_ref();
        let masked = masked.filter(|_| identity.assumed_role_id().is_none());
        let needs_names = masked.is_some() || !self.by_names.is_empty();
        let names = needs_names.then(|| names_of(identity)).flatten();
        let by_names = names.as_ref().and_then(|names| self.by_names.get(names));
        let masked = masked
            .zip(names.as_ref())
            .and_then(|(masked, names)| masked.get(names));
        by_id.into_iter().chain(by_names).chain(masked).collect()
    }

    /// Finds all sessions by their names from now on: the principal ids of callers were masked.
    fn know_names(&mut self) {
        let mut known = HashMap::new();
        for (id, session) in (0u32..).zip(&self.sessions) {
            if session.assumed_role_id.is_some()
                && let Some(names) = own_names(session)
            {
                put(&mut known, &names, &self.sessions, &mut self.likenesses, id);
            }
        }
        self.masked_by_names = Some(known);
    }

    /// The one made closest to `created_at`, or all that are.
    fn closest(&self, identity: &Identity, created_at: UtcSecond, wanted: PeerQuery<'_>) -> Choice {
        let closest = Closest::of(&self.peers_of(identity), created_at, wanted);
        self.choice(closest.candidates(), closest.are_alike())
    }

    /// Returns the decision between candidates. Of a crowd it is known whether all are alike.
    fn choice(&self, candidates: Candidates, is_crowd_alike: bool) -> Choice {
        if candidates.is_crowd() {
            Choice::Several(candidates, is_crowd_alike)
        } else {
            self.choice_among(candidates.named)
        }
    }

    fn choice_among(&self, ids: Vec<SessionId>) -> Choice {
        match ids[..] {
            [] => Choice::NoSession,
            [one] => Choice::One(one),
            _ => {
                let are_alike = self.are_alike(&ids);
                Choice::Several(Candidates::of(ids), are_alike)
            }
        }
    }

    /// The same, without sessions that the call's key speaks against. A service that made
    /// a session uses the session's own key; only other services, on its behalf, use keys
    /// of their own. Of a crowd none is looked at.
    fn closest_not_excluded(&self, identity: &Identity, created_at: UtcSecond) -> Choice {
        let peers = self.peers_of(identity);
        for distance in 0..=CLOCK_SKEW_SECONDS.unsigned_abs() {
            let closest = Closest::at(&peers, created_at, distance, PeerQuery::All);
            if !closest.is_few() {
                return self.choice(closest.candidates(), closest.are_alike());
            }
            let mut ids = closest.ids();
            ids.retain(|id| !self.is_excluded(*id, identity));
            if !ids.is_empty() {
                return self.choice_among(ids);
            }
        }
        Choice::NoSession
    }

    fn is_excluded(&self, id: SessionId, identity: &Identity) -> bool {
        let Some(key) = &identity.access_key_id else {
            return false;
        };
        let session = &self.sessions[id as usize];
        let caller = session.hop.as_ref().map(|hop| &hop.caller);
        let issuer = caller.filter(|caller| caller.is_service());
        issuer.is_some_and(|issuer| issuer.invoked_by == identity.invoked_by)
            && session.key.as_ref().is_some_and(|known| known != key)
    }

    /// Resolves all identities: first those with a key of their own, then those
    /// that services used on a session's behalf.
    fn resolve(&mut self, identities: &Identities) {
        self.resolved = vec![Link::None; identities.all.len()];
        let is_masked = |identity: &Arc<Identity>| identity.assumed_role_id().is_none();
        if identities.all.iter().any(is_masked) {
            self.know_names();
        }
        self.console_principals = console_principals(&self.sessions, &identities.all);
        let order = Self::order(identities);
        let is_direct =
            |identity: &Identity| identity.access_key_id.is_some() && identity.invoked_by.is_none();
        for direct in [true, false] {
            for &index in &order {
                let identity = &identities.all[index as usize];
                if is_direct(identity) == direct {
                    self.resolved[index as usize] = self.resolve_one(identity);
                }
            }
        }
    }

    /// A fixed order of the identities, by content: sessions that are only seen
    /// at work are made on the way.
    fn order(identities: &Identities) -> Vec<u32> {
        let count = u32::try_from(identities.all.len()).unwrap_or(u32::MAX);
        let mut order: Vec<u32> = (0..count).collect();
        order.sort_by(|&left, &right| {
            let (left, right) = (
                &identities.all[left as usize],
                &identities.all[right as usize],
            );
            left.session_created_at
                .cmp(&right.session_created_at)
                .then_with(|| left.cmp(right))
        });
        order
    }

    fn resolve_one(&mut self, identity: &Arc<Identity>) -> Link {
        let Some(created_at) = identity.session_created_at else {
            return Link::None;
        };
        let on_behalf = identity.invoked_by.is_some() || identity.access_key_id.is_none();
        let question = || Question::MadeAt(created_at);
        if let Some(key) = &identity.access_key_id {
            match self.closest(identity, created_at, PeerQuery::Key(Some(key.text()))) {
                Choice::One(session) => {
                    // Names alone are not as sure as a principal id.
                    let confidence = match identity.assumed_role_id() {
                        Some(_) => Confidence::Proven,
                        None => Confidence::Probable,
                    };
                    return self.learn(session, identity, confidence);
                }
                Choice::Several(several, are_alike) => {
                    return self.undecided(several, are_alike, identity, question(), created_at);
                }
                Choice::NoSession => {}
            }
            // The key is another one. Services call with keys of their own on a session's behalf
            // (docs/cloudtrail-facts.md#calls-on-a-sessions-behalf); a session's own calls do not.
            if !on_behalf {
                return match self.closest(identity, created_at, PeerQuery::Key(None)) {
                    Choice::One(session) => self.learn_key(session, identity),
                    Choice::Several(several, are_alike) => {
                        self.undecided(several, are_alike, identity, question(), created_at)
                    }
                    Choice::NoSession => self.of_other_key(identity, created_at),
                };
            }
        }
        match self.closest_not_excluded(identity, created_at) {
            Choice::One(session) => self.learn(session, identity, Confidence::Probable),
            Choice::Several(several, are_alike) => {
                self.undecided(several, are_alike, identity, question(), created_at)
            }
            Choice::NoSession => self.not_logged(identity, created_at),
        }
    }

    /// A call of a session's own with a key that no AssumeRole issued: the console signs each call
    /// with another key. Principal and creation second still name the session
    /// (docs/cloudtrail-facts.md#console-sessions).
    fn of_other_key(&mut self, identity: &Arc<Identity>, created_at: UtcSecond) -> Link {
        let principal = principal_key(identity, created_at);
        let is_console = self.console_principals.contains(&principal);
        match self.closest(identity, created_at, PeerQuery::All) {
            Choice::One(session)
                if is_console || self.sessions[session as usize].is_from_console =>
            {
                self.learn_key(session, identity)
            }
            Choice::Several(several, are_alike) if is_console => {
                let question = Question::MadeAt(created_at);
                self.undecided(several, are_alike, identity, question, created_at)
            }
            // Quick makes several sessions of one name in one second: another key is another one.
            Choice::One(_) | Choice::Several(..) | Choice::NoSession => {
                self.not_logged(identity, created_at)
            }
        }
    }

    /// Links a call by all but its key.
    fn learn_key(&mut self, id: SessionId, identity: &Arc<Identity>) -> Link {
        let keys = &mut self.sessions[id as usize].keys_seen;
        keys.extend(identity.access_key_id.clone());
        self.learn(id, identity, Confidence::Probable)
    }

    /// Takes over what the call knows and the AssumeRole did not say.
    fn learn(&mut self, id: SessionId, identity: &Arc<Identity>, confidence: Confidence) -> Link {
        let session = &mut self.sessions[id as usize];
        if session.assumed_role_id.is_none()
            && let Some(learned) = identity.assumed_role_id()
        {
            session.assumed_role_id = Some(learned.clone());
            let names = own_names(session);
            let known = names.and_then(|names| self.by_names.get_mut(&names).zip(Some(names)));
            if let Some((peers, names)) = known
                && peers.remove(id)
            {
                self.by_names.remove(&names);
            }
            self.know(learned, id);
        }
        let session = &mut self.sessions[id as usize];
        let issuer = identity.role_arn();
        if session.role.is_none() {
            session.role = issuer.and_then(|arn| RoleName::from_arn(arn));
        }
        if session.role_arn.is_none() {
            session.role_arn = issuer.cloned().map(RoleArn::from);
        }
        if session.name.is_none() {
            let name = identity.arn.as_deref().and_then(session_name_in_arn);
            session.name = name.map(Text::from);
        }
        session.is_from_console |= identity.is_from_console;
        if session.sample_identity.is_none() {
            session.sample_identity = Some(Arc::clone(identity));
        }
        Link::To(id, confidence)
    }

    /// Several sessions fit. If they agree on all that matters it does not
    /// matter which; otherwise a session of its own stands for the question.
    fn undecided(
        &mut self,
        several: Candidates,
        are_alike: bool,
        identity: &Arc<Identity>,
        of_crowd: Question,
        at: UtcSecond,
    ) -> Link {
        let is_crowd = several.is_crowd();
        let first = several.named[0];
        if are_alike {
            self.note_crowd(is_crowd, first, identity, at);
            self.sessions[first as usize].indistinguishable = several;
            return self.learn(first, identity, Confidence::Probable);
        }
        let question = if is_crowd {
            of_crowd
        } else {
            Question::These(several.named.clone())
        };
        let question = (question, identity.assumed_role_id().cloned());
        let asked = if let Some(&asked) = self.unresolved.get(&question) {
            asked
        } else {
            let created_at = self.sessions[first as usize].created_at;
            let created_at = identity.session_created_at.unwrap_or(created_at);
            let id = self.add_unseen(identity, created_at, several);
            self.unresolved.insert(question, id);
            id
        };
        self.note_crowd(is_crowd, asked, identity, at);
        Link::To(asked, Confidence::Ambiguous)
    }

    /// Notes that a session stands for a crowd at a moment.
    fn note_crowd(&mut self, is_crowd: bool, id: SessionId, identity: &Identity, at: UtcSecond) {
        if let Some(principal) = identity.assumed_role_id().filter(|_| is_crowd) {
            let crowd = self.crowds.entry(id).or_insert_with(|| Crowd {
                session: id,
                principal: principal.clone(),
                span: (at, at),
            });
            crowd.span = (crowd.span.0.min(at), crowd.span.1.max(at));
        }
    }

    /// Returns true if it makes no difference which of the sessions it was: same role, same
    /// external id, made from the same session.
    fn are_alike(&self, several: &[SessionId]) -> bool {
        let matter = |&id: &SessionId| {
            let session = &self.sessions[id as usize];
            let hop = session.hop.as_ref()?;
            Some((&session.role, &hop.external_id, &hop.policy, &hop.caller))
        };
        let mut matters = several.iter().map(matter);
        let first = matters.next().flatten();
        first.is_some() && matters.all(|other| other == first)
    }

    /// A session whose AssumeRole was not read.
    fn not_logged(&mut self, identity: &Arc<Identity>, created_at: UtcSecond) -> Link {
        let id = self.add_unseen(identity, created_at, Candidates::default());
        let confidence = if own_key(identity).is_some() && identity.assumed_role_id().is_some() {
            Confidence::Proven
        } else {
            Confidence::Probable
        };
        Link::To(id, confidence)
    }

    fn add_unseen(
        &mut self,
        identity: &Arc<Identity>,
        created_at: UtcSecond,
        candidates: Candidates,
    ) -> SessionId {
        let issuer = identity.role_arn();
        let name = identity.arn.as_deref().and_then(session_name_in_arn);
        self.add(Session {
            role: issuer.and_then(|arn| RoleName::from_arn(arn)),
            role_arn: issuer.cloned().map(RoleArn::from),
            name: name.map(Text::from),
            assumed_role_id: identity.assumed_role_id().cloned(),
            key: own_key(identity).cloned(),
            is_from_console: identity.is_from_console,
            candidates,
            sample_identity: Some(Arc::clone(identity)),
            ..Session::unknown(created_at, created_at.plus(UNSEEN_SESSION_SECONDS_MAX))
        })
    }

    /// Calls that name their principal but not when its session was made (the
    /// target's copy of a hop, Lake Formation): the one who was valid then.
    fn link_by_time(&mut self, events: &[Event], by_event: &mut [Link]) {
        for (event, link) in events.iter().zip(by_event) {
            let identity = &event.identity;
            if *link != Link::None
                || identity.assumed_role_id().is_none()
                || identity.session_created_at.is_some()
            {
                continue;
            }
            *link = self.valid_at(event);
        }
    }

    fn valid_at(&mut self, event: &Event) -> Link {
        let role = match &event.detail {
            Detail::CredentialIssuance(issue) => {
                issue.role_arn.as_deref().and_then(RoleName::from_arn)
            }
            _ => None,
        };
        let identity = &event.identity;
        let peers = self.peers_of(identity);
        let count: usize = peers.iter().map(|peers| peers.len()).sum();
        let choice = if count <= CANDIDATES_MAX {
            let mut possible: Vec<SessionId> = peers.iter().flat_map(|peers| peers.all()).collect();
            possible.sort_unstable();
            possible.retain(|id| self.is_possible(*id, event.time, role.as_ref()));
            self.choice_among(possible)
        } else {
            let valid = self.valid_among_many(identity, event.time, role.as_ref());
            self.choice(valid.candidates, valid.are_alike)
        };
        match choice {
            Choice::NoSession => Link::None,
            Choice::One(one) => Link::To(one, Confidence::Probable),
            Choice::Several(several, are_alike) => {
                let question = Question::ValidFrom(several.named[0]);
                self.undecided(several, are_alike, identity, question, event.time)
            }
        }
    }

    fn is_possible(&self, id: SessionId, time: UtcSecond, role: Option<&RoleName>) -> bool {
        let session = &self.sessions[id as usize];
        let excludes = session.hop.as_ref().zip(role);
        session.created_at <= time.plus(CLOCK_SKEW_SECONDS)
            && time <= session.expires_at.plus(CLOCK_SKEW_SECONDS)
            && !excludes.is_some_and(|(hop, role)| hop.scope_excludes(role))
    }

    /// Returns the sessions of a principal with many that were valid at a time.
    fn valid_among_many(
        &mut self,
        identity: &Identity,
        time: UtcSecond,
        role: Option<&RoleName>,
    ) -> ValidAt {
        let mut found = Vec::new();
        let (sessions, likenesses) = (&self.sessions, &mut self.likenesses);
        if let Some(id) = identity.assumed_role_id() {
            let timeline = self.timelines.entry_ref(id).or_insert_with(|| {
                let peers = self.by_assumed_role_id.get(id);
                timeline_of(peers, sessions, likenesses)
            });
            timeline.at(time, role, &mut found);
        }
        let names = (!self.by_names.is_empty()).then(|| names_of(identity));
        if let Some(names) = names.flatten() {
            let peers = self.by_names.get(&names);
            let timeline = self.timelines_by_names.entry(names);
            let timeline = timeline.or_insert_with(|| timeline_of(peers, sessions, likenesses));
            timeline.at(time, role, &mut found);
        }
        ValidAt::of(found)
    }

    /// Calls that name a query execution belong to the session that started it, whatever else they
    /// say (docs/cloudtrail-facts.md#other-paths: Lake Formation).
    fn link_by_query(&self, events: &[Event], by_event: &mut [Link]) {
        let is_open = |(event, link): (&Event, &Link)| {
            *link == Link::None
                && event.identity.assumed_role_id().is_some()
                && !event.detail.named_queries().is_empty()
        };
        if !events.iter().zip(&*by_event).any(is_open) {
            return;
        }
        let mut started: HashMap<&QueryExecutionId, Link> = HashMap::new();
        for (event, link) in events.iter().zip(&*by_event) {
            if let Detail::StartQuery(query) = &event.detail
                && let Some(id) = &query.query_execution_id
            {
                started.insert(id, *link);
            }
        }
        for (event, link) in events.iter().zip(by_event.iter_mut()) {
            if !is_open((event, link)) {
                continue;
            }
            let ids = event.detail.named_queries();
            let named = ids.first().and_then(|id| started.get(id));
            let Some(&Link::To(session, _)) = named else {
                continue;
            };
            let principal = self.sessions[session as usize].assumed_role_id.as_ref();
            if principal == event.identity.assumed_role_id() {
                *link = Link::To(session, Confidence::Probable);
            }
        }
    }

    /// By event: whether it is one more copy of an AssumeRole, which is one call.
    fn repeats(&self, events: usize, by_event: &[Link]) -> Vec<bool> {
        let mut repeats = vec![false; events];
        for hop in self
            .sessions
            .iter()
            .filter_map(|session| session.hop.as_ref())
        {
            let best = best_copy(hop, by_event);
            for &copy in hop.copies.iter().filter(|&&copy| copy != best) {
                repeats[copy as usize] = true;
            }
        }
        repeats
    }

    /// An AssumeRole is a call of the session before.
    fn link_parents(&mut self, by_event: &[Link]) {
        for id in 0..self.sessions.len() {
            let Some(hop) = &self.sessions[id].hop else {
                continue;
            };
            let parent = by_event[best_copy(hop, by_event) as usize];
            // A role that assumes itself is its own parent in no other way.
            let is_self = matches!(parent, Link::To(parent, _) if parent as usize == id);
            if !is_self {
                self.sessions[id].parent = parent;
            }
        }
    }
}

/// The copy of a hop that tells most surely whose call it was.
fn best_copy(hop: &Hop, by_event: &[Link]) -> u32 {
    let sureness = |copy: u32| match by_event[copy as usize] {
        Link::To(_, confidence) => Some(confidence),
        Link::None => None,
    };
    let copies = hop.copies.iter().copied();
    copies.rev().max_by_key(|&copy| sureness(copy)).unwrap_or(0)
}
