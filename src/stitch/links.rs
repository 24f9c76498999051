//! Links between events and role sessions, by what each event says.

use super::hops::{refusal, shared_ids, success};
use super::session::names_of;
use crate::model::event::{Content, Event};
use crate::model::identity::{RoleName, session_name_in_arn};
use crate::model::link::{LinkHasher, LinkKey, LinkKind};
use crate::model::time::UtcSecond;

/// The keys of a role session: that of its assumed role id, and that of its names.
pub type SessionKeys = [Option<LinkKey>; 2];

/// The role sessions that an event is linked to.
#[derive(Debug, Clone)]
pub struct SessionLinks {
    /// The session that made the call.
    pub caller: SessionKeys,
    /// The second in which that was made, where the event tells it.
    pub caller_created_at: Option<UtcSecond>,
    /// The session that the call issued, at the time of the event.
    pub issued: SessionKeys,
    /// The moment at which that ends, where the event tells it.
    pub issued_until: Option<UtcSecond>,
    /// What the copies of an AssumeRole call have in common.
    pub copies: [Option<LinkKey>; 3],
    /// True if the call was refused a session.
    pub is_refused: bool,
}

impl SessionLinks {
    /// The links of an event.
    #[must_use]
    pub fn of(event: &Event, hasher: &LinkHasher) -> Self {
        let identity = &event.identity;
        let is_session = identity.is_role_session();
        let id = identity.assumed_role_id();
        let names = is_session.then(|| names_of(identity)).flatten();
        let mut links = Self {
            caller: [
                id.map(|id| hasher.key(LinkKind::AssumedRoleId, id)),
                names.map(|names| hasher.key(LinkKind::SessionNames, &names)),
            ],
            caller_created_at: identity.session_created_at.filter(|_| is_session),
            issued: [None; 2],
            issued_until: None,
            copies: [None; 3],
            is_refused: refusal(event).is_some(),
        };
        if let Some(issue) = success(event) {
            let role_arn = issue.role_arn.as_deref();
            let name = issue.session_name.as_deref();
            let name = name.or_else(|| role_arn.and_then(session_name_in_arn));
            let role = role_arn.and_then(RoleName::from_arn);
            let names = role.zip(name);
            links.issued = [
                issue
                    .assumed_role_id
                    .as_ref()
                    .map(|id| hasher.key(LinkKind::AssumedRoleId, id)),
                names.map(|(role, name)| {
                    let names = (role.account_id, role.name, name);
                    hasher.key(LinkKind::SessionNames, &names)
                }),
            ];
            let lasts = issue.duration_seconds.map(|lasts| event.time.plus(lasts));
            links.issued_until = issue.expires_at.max(lasts);
            links.copies = shared_ids(event, issue)
                .map(|shared| shared.map(|shared| hasher.key(LinkKind::Copy, &shared)));
        }
        links
    }
}

/// Returns true for events that decide about any part of a window, however far they are: roles and
/// names of workloads.
#[must_use]
pub fn is_of_every_part(event: &Content) -> bool {
    super::workloads::is_setting(event)
}
