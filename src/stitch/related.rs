//! Related chains: different roles that one session of a function, job, container or instance
//! assumed, with overlapping validity (docs/roads.md).

use super::origin::ChainOrigins;
use super::path::issuer;
use super::peers::SessionId;
use super::roles::Roles;
use super::session::{Link, Session};
use super::sessions::Sessions;
use crate::model::chain::SessionIssuer;
use crate::model::event::Event;
use crate::model::road::RELATED_CHAINS_MAX;
use crate::model::text::Text;
use hashbrown::HashSet;
use std::collections::{BTreeMap, BTreeSet};

/// Sessions in time order that are looked at to either side of one: of those that queried, and of all.
const LOOKED_AT_MAX: usize = 256;

/// By session: the sessions of other roles that the same origin assumed.
#[derive(Debug, Default)]
pub(super) struct Siblings(BTreeMap<SessionId, SiblingSessions>);

/// The siblings of one session.
#[derive(Debug, Clone)]
pub(super) struct SiblingSessions {
    /// The service whose session assumed them all.
    pub(super) service: Text,
    /// Those that queried, then the others; of each the nearest in time. Sorted.
    pub(super) sessions: Vec<SessionId>,
    /// True if there are more.
    pub(super) has_more: bool,
}

impl Siblings {
    pub(super) fn of(
        events: &[Event],
        sessions: &Sessions,
        roles: &Roles,
        origins: &ChainOrigins<'_>,
    ) -> Self {
        let mut children: BTreeMap<SessionId, Vec<SessionId>> = BTreeMap::new();
        for (id, session) in (0u32..).zip(&sessions.all) {
            if let Link::To(parent, _) = session.parent
                && session.role.is_some()
            {
                children.entry(parent).or_default().push(id);
            }
        }
        let mut siblings = Self::default();
        for (parent, mut children) in children {
            let session = sessions.get(parent);
            let has_one_role = children
                .iter()
                .all(|&id| sessions.get(id).role == sessions.get(children[0]).role);
            if has_one_role {
                continue;
            }
            if let Some(service) = workload(session, roles, origins) {
                children.sort_by_key(|&id| (sessions.get(id).created_at, id));
                siblings.add(&children, events, sessions, &service);
            }
        }
        siblings
    }

    fn add(
        &mut self,
        children: &[SessionId],
        events: &[Event],
        sessions: &Sessions,
        service: &Text,
    ) {
        let queried = children.iter().copied();
        let queried = queried.filter(|&id| sessions.get(id).has_query(events));
        let queried: Vec<SessionId> = queried.collect();
        let at_work: HashSet<SessionId> = queried.iter().copied().collect();
        let started = |id: SessionId| (sessions.get(id).created_at, id);
        for (at, &id) in children.iter().enumerate() {
            let session = sessions.get(id);
            let at_of_queried = queried.partition_point(|&other| started(other) < started(id));
            let looked_at: BTreeSet<SessionId> = around(children, at)
                .chain(around(&queried, at_of_queried))
                .copied()
                .collect();
            let related = looked_at
                .into_iter()
                .filter(|&other| is_related(session, sessions.get(other)));
            let mut near: Vec<SessionId> = related.collect();
            if near.is_empty() {
                continue;
            }
            near.sort_by_key(|&other| {
                let created_at = sessions.get(other).created_at;
                let distance = session.created_at.distance(created_at);
                (!at_work.contains(&other), distance, created_at, other)
            });
            let is_cut = children.len() > LOOKED_AT_MAX;
            let has_more = near.len() > RELATED_CHAINS_MAX || is_cut;
            near.truncate(RELATED_CHAINS_MAX);
            near.sort_unstable();
            let found = SiblingSessions {
                service: service.clone(),
                sessions: near,
                has_more,
            };
            self.0.insert(id, found);
        }
    }

    /// The siblings of a session, if it has any.
    pub(super) fn get(&self, session: SessionId) -> Option<&SiblingSessions> {
        self.0.get(&session)
    }
}

/// Sessions to either side of a place.
fn around(sessions: &[SessionId], at: usize) -> impl Iterator<Item = &SessionId> {
    let from = at.saturating_sub(LOOKED_AT_MAX);
    let to = at.saturating_add(LOOKED_AT_MAX + 1).min(sessions.len());
    sessions[from..to].iter()
}

/// The service that a session works for, if that made it for a workload: sessions of Role A and Role B
/// are Quick's ordinary work.
fn workload(session: &Session, roles: &Roles, origins: &ChainOrigins<'_>) -> Option<Text> {
    let is_quicks = roles.is_run_as(session) || roles.is_consumer(session);
    let is_assumed = issuer(session, roles) == SessionIssuer::Principal;
    let is_known = session.candidates.is_empty();
    if is_quicks || is_assumed || !is_known || session.parent != Link::None {
        return None;
    }
    let origin = origins.of(session);
    let is_other = origin.is_other_service();
    origin.service.filter(|_| is_other)
}

/// Different roles, and both sessions valid at one time.
fn is_related(one: &Session, other: &Session) -> bool {
    one.role != other.role
        && one.created_at <= other.expires_at
        && other.created_at <= one.expires_at
}
