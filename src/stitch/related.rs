//! Related chains: different roles that one session of a function, job, container or instance
//! assumed, with overlapping validity (docs/roads.md).

use super::origin::ChainOrigins;
use super::path::issuer;
use super::peers::SessionId;
use super::roles::Roles;
use super::session::{Link, Session};
use super::sessions::Sessions;
use crate::model::chain::SessionIssuer;
use crate::model::road::RELATED_CHAINS_MAX;
use crate::model::text::Text;
use std::collections::BTreeMap;

/// Sessions in time order that are looked at to either side of one.
const LOOKED_AT_MAX: usize = 256;

/// By session: the sessions of other roles that the same origin assumed.
#[derive(Debug, Default)]
pub(super) struct Siblings(BTreeMap<SessionId, SiblingSessions>);

/// The siblings of one session.
#[derive(Debug, Clone)]
pub(super) struct SiblingSessions {
    /// The service whose session assumed them all.
    pub(super) service: Text,
    /// The nearest in time, sorted.
    pub(super) sessions: Vec<SessionId>,
    /// True if there are more.
    pub(super) has_more: bool,
}

impl Siblings {
    pub(super) fn of(sessions: &Sessions, roles: &Roles, origins: &ChainOrigins<'_>) -> Self {
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
                siblings.add(&children, sessions, &service);
            }
        }
        siblings
    }

    fn add(&mut self, children: &[SessionId], sessions: &Sessions, service: &Text) {
        for (at, &id) in children.iter().enumerate() {
            let session = sessions.get(id);
            let before = children[..at].iter().rev().take(LOOKED_AT_MAX);
            let after = children[at + 1..].iter().take(LOOKED_AT_MAX);
            let mut near: Vec<SessionId> = before
                .chain(after)
                .copied()
                .filter(|&other| is_related(session, sessions.get(other)))
                .collect();
            if near.is_empty() {
                continue;
            }
            near.sort_by_key(|&other| {
                let created_at = sessions.get(other).created_at;
                (session.created_at.distance(created_at), created_at, other)
            });
            let has_more = near.len() > RELATED_CHAINS_MAX;
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
