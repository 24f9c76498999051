//! Which role session made a call, and which session a session came from.
//!
//! The triple decides: issued key, assumed role id, creation second. What it
//! cannot decide stays ambiguous, with its candidates (facts.md 3).

use super::CLOCK_SKEW_SECONDS;
use super::hops::Hop;
use crate::model::chain::Confidence;
use crate::model::event::{Detail, Event};
use crate::model::identity::{Identity, RoleName, session_name_in_arn};
use crate::model::text::{OpaqueId, Text};
use crate::model::time::UtcSecond;
use hashbrown::HashMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Life of a session whose making nobody logged, at most (facts.md 2.1).
const UNSEEN_SESSION_SECONDS_MAX: i64 = 12 * 3600;

pub(super) type SessionId = u32;

/// What a call is linked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// No role session.
    None,
    /// This session.
    To(SessionId, Confidence),
}

/// A role session, issued or only seen at work.
#[derive(Debug)]
pub(super) struct Session {
    /// The AssumeRole that made it; `None` where it was not read.
    pub(super) hop: Option<Hop>,
    pub(super) role: Option<RoleName>,
    pub(super) role_arn: Option<Text>,
    /// `roleSessionName`.
    pub(super) name: Option<Text>,
    pub(super) assumed_role_id: Option<Text>,
    pub(super) key: Option<Text>,
    pub(super) created_at: UtcSecond,
    pub(super) expires_at: UtcSecond,
    /// Calls by the session, in the order of events.
    pub(super) uses: Vec<(u32, Confidence)>,
    /// The session its AssumeRole was called from.
    pub(super) parent: Link,
    /// Sessions it may be one of: set for calls that could not be decided.
    pub(super) candidates: Vec<SessionId>,
    /// A call that shows who worked in it: for sessions whose hop is not read.
    pub(super) witness: Option<Arc<Identity>>,
    /// Keys of calls that were linked although the issued key was not logged.
    pub(super) keys_seen: BTreeSet<Text>,
    /// Sessions alike in all that matters; which of them worked is not known.
    pub(super) twins: Vec<SessionId>,
}

impl Session {
    /// A session of which only the time is known.
    pub(super) fn unknown(created_at: UtcSecond, expires_at: UtcSecond) -> Self {
        Self {
            hop: None,
            role: None,
            role_arn: None,
            name: None,
            assumed_role_id: None,
            key: None,
            created_at,
            expires_at,
            uses: Vec::new(),
            parent: Link::None,
            candidates: Vec::new(),
            witness: None,
            keys_seen: BTreeSet::new(),
            twins: Vec::new(),
        }
    }
}

/// All role sessions, with their calls and parents.
#[derive(Debug)]
pub(super) struct Sessions {
    pub(super) all: Vec<Session>,
    /// By event: the session that made the call.
    pub(super) by_event: Vec<Link>,
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
                let uses = &mut linker.sessions[session as usize].uses;
                uses.push((index, confidence));
            }
        }
        linker.link_parents(&by_event);
        Self {
            all: linker.sessions,
            by_event,
        }
    }

    pub(super) fn get(&self, session: SessionId) -> &Session {
        &self.all[session as usize]
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
        // Events of one reader share one identity, and so its address. That two
        // readers have one each does no harm: equals are resolved alike.
        let mut by_address: HashMap<usize, Option<u32>> = HashMap::new();
        let of_event = events.iter().map(|event| {
            let identity = &event.identity;
            let address = Arc::as_ptr(identity).addr();
            *by_address.entry(address).or_insert_with(|| {
                identity.assumed_role_id()?;
                identity.session_created_at?;
                all.push(Arc::clone(identity));
                u32::try_from(all.len() - 1).ok()
            })
        });
        let of_event = of_event.collect();
        Self { all, of_event }
    }
}

/// Account, role name and session name in an assumed-role ARN.
type Names = (Text, Text, Text);

fn names_of(identity: &Identity) -> Option<Names> {
    let arn = identity.arn.as_deref()?;
    let role = RoleName::from_arn(arn)?;
    let session = session_name_in_arn(arn)?;
    Some((role.account_id, role.name, session.into()))
}

/// The key of a call, if it is the session's own: Quick calls with the keys it
/// was issued, other services on a session's behalf with keys of theirs.
fn own_key(identity: &Identity) -> Option<&Text> {
    let is_own = identity.invoked_by.is_none() || identity.is_invoked_by_quick();
    identity.access_key_id.as_ref().filter(|_| is_own)
}

struct Linker {
    sessions: Vec<Session>,
    by_assumed_role_id: HashMap<Text, OneOrMore>,
    /// Sessions whose AssumeRole did not say its assumed role id.
    by_names: HashMap<Names, Vec<SessionId>>,
    /// Sessions that stand for a question: which of these, for this principal?
    questions: HashMap<(Vec<SessionId>, Option<Text>), SessionId>,
    /// By identity.
    resolved: Vec<Link>,
}

/// Sessions of one assumed role id: nearly always one.
struct OneOrMore {
    first: SessionId,
    rest: Vec<SessionId>,
}

impl OneOrMore {
    fn new(first: SessionId) -> Self {
        let rest = Vec::new();
        Self { first, rest }
    }

    fn iter(&self) -> impl Iterator<Item = SessionId> {
        std::iter::once(self.first).chain(self.rest.iter().copied())
    }
}

/// What the candidates leave open.
enum Choice {
    Nobody,
    One(SessionId),
    Several(Vec<SessionId>),
}

impl Linker {
    fn new(hops: Vec<Hop>) -> Self {
        let mut linker = Self {
            sessions: Vec::with_capacity(hops.len()),
            by_assumed_role_id: HashMap::with_capacity(hops.len()),
            by_names: HashMap::new(),
            questions: HashMap::new(),
            resolved: Vec::new(),
        };
        for hop in hops {
            let session = Session {
                role: hop.role.clone(),
                role_arn: hop.role_arn.clone(),
                name: hop.session_name.clone(),
                assumed_role_id: hop.assumed_role_id.clone(),
                key: hop.key.clone(),
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
    fn know(
        by_assumed_role_id: &mut HashMap<Text, OneOrMore>,
        assumed_role_id: &Text,
        id: SessionId,
    ) {
        by_assumed_role_id
            .entry_ref(assumed_role_id)
            .and_modify(|same| same.rest.push(id))
            .or_insert_with(|| OneOrMore::new(id));
    }

    fn add(&mut self, session: Session) -> SessionId {
        let id = u32::try_from(self.sessions.len()).unwrap_or(u32::MAX);
        if !session.candidates.is_empty() {
            // It stands for a question, and is no answer to the next one.
        } else if let Some(assumed_role_id) = &session.assumed_role_id {
            Self::know(&mut self.by_assumed_role_id, assumed_role_id, id);
        } else if let (Some(role), Some(name)) = (&session.role, &session.name) {
            let names = (role.account_id.clone(), role.name.clone(), name.clone());
            self.by_names.entry(names).or_default().push(id);
        }
        self.sessions.push(session);
        id
    }

    /// Sessions of this principal, made within the clock skew of `created_at`.
    fn made_at(&self, identity: &Identity, created_at: UtcSecond) -> Vec<SessionId> {
        self.of_principal(identity)
            .filter(|&id| {
                let session = &self.sessions[id as usize];
                session.created_at.distance(created_at) <= CLOCK_SKEW_SECONDS
            })
            .collect()
    }

    fn of_principal(&self, identity: &Identity) -> impl Iterator<Item = SessionId> {
        let by_id = identity
            .assumed_role_id()
            .and_then(|id| self.by_assumed_role_id.get(id))
            .map(OneOrMore::iter);
        let names = (!self.by_names.is_empty()).then(|| names_of(identity));
        let by_names = names.flatten().and_then(|names| self.by_names.get(&names));
        // What learned its role id since is found by it.
        let is_nameless = |id: &SessionId| self.sessions[*id as usize].assumed_role_id.is_none();
        let by_names = by_names.into_iter().flatten().copied().filter(is_nameless);
        by_id.into_iter().flatten().chain(by_names)
    }

    /// The one made closest to `created_at`, or all that are.
    fn closest(&self, candidates: &[SessionId], created_at: UtcSecond) -> Choice {
        let distance = |id: SessionId| self.sessions[id as usize].created_at.distance(created_at);
        let Some(least) = candidates.iter().map(|&id| distance(id)).min() else {
            return Choice::Nobody;
        };
        let closest = candidates
            .iter()
            .copied()
            .filter(|&id| distance(id) == least);
        let closest: Vec<SessionId> = closest.collect();
        match closest[..] {
            [one] => Choice::One(one),
            _ => Choice::Several(closest),
        }
    }

    fn with_key(&self, candidates: &[SessionId], key: Option<&Text>) -> Vec<SessionId> {
        let same = |&&id: &&SessionId| self.sessions[id as usize].key.as_ref() == key;
        candidates.iter().filter(same).copied().collect()
    }

    /// Resolves all identities: first those with a key of their own, then those
    /// that services used on a session's behalf.
    fn resolve(&mut self, identities: &Identities) {
        self.resolved = vec![Link::None; identities.all.len()];
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
        let made = self.made_at(identity, created_at);
        let on_behalf = identity.invoked_by.is_some() || identity.access_key_id.is_none();
        if identity.access_key_id.is_some() {
            let same_key = self.with_key(&made, identity.access_key_id.as_ref());
            match self.closest(&same_key, created_at) {
                Choice::One(session) => return self.learn(session, identity, Confidence::Proven),
                Choice::Several(several) => return self.undecided(several, identity),
                Choice::Nobody => {}
            }
            // The key is another one. Services call with keys of their own on a
            // session's behalf (facts.md 3.3); a session's own calls do not.
            if !on_behalf {
                let unknown_key = self.with_key(&made, None);
                return match self.closest(&unknown_key, created_at) {
                    Choice::One(session) => {
                        let keys = &mut self.sessions[session as usize].keys_seen;
                        keys.extend(identity.access_key_id.clone());
                        self.learn(session, identity, Confidence::Probable)
                    }
                    Choice::Several(several) => self.undecided(several, identity),
                    Choice::Nobody => self.unseen(identity, created_at),
                };
            }
        }
        let made = self.not_excluded(made, identity);
        match self.closest(&made, created_at) {
            Choice::One(session) => self.learn(session, identity, Confidence::Probable),
            Choice::Several(several) => self.undecided(several, identity),
            Choice::Nobody => self.unseen(identity, created_at),
        }
    }

    /// Leaves out sessions that the call's key speaks against. A service that made
    /// a session uses the session's own key; only other services, on its behalf,
    /// use keys of their own.
    fn not_excluded(&self, made: Vec<SessionId>, identity: &Identity) -> Vec<SessionId> {
        let Some(key) = &identity.access_key_id else {
            return made;
        };
        let is_excluded = |id: &SessionId| {
            let session = &self.sessions[*id as usize];
            let caller = session.hop.as_ref().map(|hop| &hop.caller);
            let maker = caller.filter(|caller| caller.is_service());
            maker.is_some_and(|maker| maker.invoked_by == identity.invoked_by)
                && session.key.as_ref().is_some_and(|known| known != key)
        };
        made.into_iter().filter(|id| !is_excluded(id)).collect()
    }

    /// Takes over what the call knows and the AssumeRole did not say.
    fn learn(&mut self, id: SessionId, identity: &Arc<Identity>, confidence: Confidence) -> Link {
        let session = &mut self.sessions[id as usize];
        if session.assumed_role_id.is_none()
            && let Some(learned) = identity.assumed_role_id()
        {
            session.assumed_role_id = Some(learned.clone());
            Self::know(&mut self.by_assumed_role_id, learned, id);
        }
        let issuer = identity.issuer_arn.as_ref().or(identity.arn.as_ref());
        if session.role.is_none() {
            session.role = issuer.and_then(|arn| RoleName::from_arn(arn));
        }
        if session.role_arn.is_none() {
            session.role_arn = issuer.cloned();
        }
        if session.name.is_none() {
            let name = identity.arn.as_deref().and_then(session_name_in_arn);
            session.name = name.map(Text::from);
        }
        if session.witness.is_none() {
            session.witness = Some(Arc::clone(identity));
        }
        Link::To(id, confidence)
    }

    /// Several sessions fit. If they agree on all that matters it does not
    /// matter which; otherwise a session of its own stands for the question.
    fn undecided(&mut self, several: Vec<SessionId>, identity: &Arc<Identity>) -> Link {
        if self.are_alike(&several) {
            let first = several[0];
            self.sessions[first as usize].twins.clone_from(&several);
            return self.learn(first, identity, Confidence::Probable);
        }
        let question = (several, identity.assumed_role_id().cloned());
        if let Some(&asked) = self.questions.get(&question) {
            return Link::To(asked, Confidence::Ambiguous);
        }
        let created_at = self.sessions[question.0[0] as usize].created_at;
        let created_at = identity.session_created_at.unwrap_or(created_at);
        let id = self.add_unseen(identity, created_at, question.0.clone());
        self.questions.insert(question, id);
        Link::To(id, Confidence::Ambiguous)
    }

    /// Whether it makes no difference which of the sessions it was: same role,
    /// same external id, made from the same session.
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
    fn unseen(&mut self, identity: &Arc<Identity>, created_at: UtcSecond) -> Link {
        let id = self.add_unseen(identity, created_at, Vec::new());
        let confidence = if own_key(identity).is_some() {
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
        candidates: Vec<SessionId>,
    ) -> SessionId {
        let issuer = identity.issuer_arn.as_ref().or(identity.arn.as_ref());
        let name = identity.arn.as_deref().and_then(session_name_in_arn);
        self.add(Session {
            role: issuer.and_then(|arn| RoleName::from_arn(arn)),
            role_arn: issuer.cloned(),
            name: name.map(Text::from),
            assumed_role_id: identity.assumed_role_id().cloned(),
            key: own_key(identity).cloned(),
            candidates,
            witness: Some(Arc::clone(identity)),
            ..Session::unknown(created_at, created_at.plus(UNSEEN_SESSION_SECONDS_MAX))
        })
    }

    /// Calls that name their principal but not when its session was made (the
    /// target's copy of a hop, Lake Formation): whoever was valid then.
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
        let skew = i64::try_from(CLOCK_SKEW_SECONDS).unwrap_or(0);
        let time = event.time;
        let wanted_role = match &event.detail {
            Detail::Issue(issue) => issue.role_arn.as_deref().and_then(RoleName::from_arn),
            _ => None,
        };
        let is_possible = |id: &SessionId| {
            let session = &self.sessions[*id as usize];
            let hop = session.hop.as_ref();
            let excludes = hop.zip(wanted_role.as_ref());
            session.created_at <= time.plus(skew)
                && time <= session.expires_at.plus(skew)
                && !excludes.is_some_and(|(hop, role)| hop.scope_excludes(role))
        };
        let identity = &event.identity;
        let possible = self.of_principal(identity).filter(is_possible);
        let possible: Vec<SessionId> = possible.collect();
        match possible[..] {
            [] => Link::None,
            [one] => Link::To(one, Confidence::Probable),
            _ => self.undecided(possible, identity),
        }
    }

    /// Calls that name a query execution belong to the session that started it,
    /// whatever else they say (facts.md 6: Lake Formation).
    fn link_by_query(&self, events: &[Event], by_event: &mut [Link]) {
        let is_open = |(event, link): (&Event, &Link)| {
            *link == Link::None
                && event.identity.assumed_role_id().is_some()
                && matches!(event.detail, Detail::QueryReference(_))
        };
        if !events.iter().zip(&*by_event).any(is_open) {
            return;
        }
        let mut started: HashMap<&OpaqueId, Link> = HashMap::new();
        for (event, link) in events.iter().zip(&*by_event) {
            if let Detail::StartQuery(query) = &event.detail
                && let Some(id) = &query.query_execution_id
            {
                started.insert(id, *link);
            }
        }
        for (event, link) in events.iter().zip(by_event.iter_mut()) {
            let Detail::QueryReference(ids) = &event.detail else {
                continue;
            };
            if !is_open((event, link)) {
                continue;
            }
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
