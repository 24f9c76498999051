//! The kind of chain that a session ends.

use super::roles::{Roles, is_quick};
use super::session::Session;
use super::sessions::Sessions;
use crate::model::chain::{ChainPath, SessionIssuer};
use crate::model::identity::Identity;
use crate::model::ids::is_data_source_arn;

/// Returns the kind of caller that created a session, as far as its hop tells.
pub(super) fn issuer(session: &Session, roles: &Roles) -> SessionIssuer {
    let Some(hop) = &session.hop else {
        return SessionIssuer::NotLogged;
    };
    let caller = &hop.caller;
    match caller.kind.as_deref() {
        _ if is_quick(caller) => SessionIssuer::Quick,
        // Quick's own account may show instead of the service
        // (docs/cloudtrail-facts.md#quicks-role-chain).
        Some("AWSAccount")
            if (caller.is_invoked_by_quick() || hop.is_from_quick())
                && roles.is_run_as(session) =>
        {
            SessionIssuer::Quick
        }
        Some("SAMLUser" | "WebIdentityUser") => SessionIssuer::Federated,
        _ if caller.is_service() => SessionIssuer::Service,
        _ => SessionIssuer::Principal,
    }
}

/// The kind of a session: the hops that decide the kind of its chain.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChainKind {
    pub(super) path: ChainPath,
    /// The session was assumed from another session or user.
    pub(super) has_run_as: bool,
    /// It touched Role A or a Role B.
    pub(super) touches_quick: bool,
}

/// The path of a session that is the end of a chain.
pub(super) fn kind(
    session: &Session,
    sessions: &Sessions,
    roles: &Roles,
    queries: bool,
) -> ChainKind {
    let mut candidates = session.candidates.named.iter();
    let first = candidates.next().filter(|_| !session.candidates.is_crowd());
    let Some(&first) = first else {
        return kind_of(session, sessions, roles, queries);
    };
    // What all candidates agree on is no question.
    let of = |id| kind_of(sessions.get(id), sessions, roles, queries);
    let first = of(first);
    if candidates.all(|&id| of(id).path == first.path) {
        first
    } else {
        kind_of(session, sessions, roles, queries)
    }
}

fn kind_of(session: &Session, sessions: &Sessions, roles: &Roles, queries: bool) -> ChainKind {
    let made_by = issuer(session, roles);
    let (from_run_as, by_quick) = previous_hop(session, sessions, roles);
    let ancestry = Ancestry::of(session, sessions, roles);
    let by_quick = by_quick || ancestry.is_from_quick;
    let touches_quick =
        from_run_as || by_quick || ancestry.touches_quick || roles.is_consumer(session);
    let on_behalf_of_service = session
        .sample_identity
        .as_ref()
        .is_some_and(|sample_identity| sample_identity.invoked_by.is_some());
    let path = match made_by {
        _ if by_quick => ChainPath::QuickRoleChain,
        SessionIssuer::Quick | SessionIssuer::Service if queries => ChainPath::ServiceRole,
        SessionIssuer::Federated if queries && !touches_quick => ChainPath::Direct,
        SessionIssuer::NotLogged if queries && on_behalf_of_service && !touches_quick => {
            ChainPath::ServiceRole
        }
        _ if queries || touches_quick => ChainPath::RoleChain,
        _ => ChainPath::Session,
    };
    ChainKind {
        path,
        has_run_as: from_run_as || made_by == SessionIssuer::Principal,
        touches_quick,
    }
}

/// Returns whether a session was assumed from a session of Role A, and whether Quick was behind
/// that.
fn previous_hop(session: &Session, sessions: &Sessions, roles: &Roles) -> (bool, bool) {
    let parent = sessions.parent(session).map(|(parent, _)| parent);
    let caller = session.hop.as_ref().map(|hop| &*hop.caller);
    let from_run_as = match parent {
        Some(parent) => roles.is_run_as(parent),
        None => caller.is_some_and(|caller| roles.is_run_as_caller(caller)),
    };
    let by_quick = match parent.map(|parent| issuer(parent, roles)) {
        Some(SessionIssuer::Quick) => from_run_as,
        Some(SessionIssuer::NotLogged) => {
            from_run_as || caller.is_some_and(Identity::is_invoked_by_quick)
        }
        Some(_) => false,
        None => from_run_as || caller.is_some_and(|caller| quick_behind(session, caller)),
    };
    (from_run_as, by_quick)
}

/// The sessions before the one that a session was assumed from: Role B may assume a further role,
/// and its queries are still Quick's.
struct Ancestry {
    /// Quick is behind one of them, the previous session included.
    is_from_quick: bool,
    /// A session of Role A or Role B is among them, the previous session included.
    touches_quick: bool,
}

impl Ancestry {
    fn of(session: &Session, sessions: &Sessions, roles: &Roles) -> Self {
        let mut ancestry = Self {
            is_from_quick: false,
            touches_quick: false,
        };
        let previous = sessions.parent(session).map(|(parent, _)| parent);
        let Some(previous) = previous else {
            return ancestry;
        };
        for earlier in std::iter::once(previous).chain(sessions.ancestors(previous)) {
            ancestry.touches_quick |= roles.is_run_as(earlier) || roles.is_consumer(earlier);
            ancestry.is_from_quick |= previous_hop(earlier, sessions, roles).1;
        }
        ancestry
    }
}

/// Returns true if Quick is behind a caller of which only the principal was logged (no logs of the
/// hub): AWS itself says so in `invokedBy`, and the caller is in the account of the data source
/// that its external id names. The external id alone proves nothing: it is no secret
/// (docs/cloudtrail-facts.md#scope-down-policy-and-external-id).
fn quick_behind(session: &Session, caller: &Identity) -> bool {
    let external_id = session
        .hop
        .as_ref()
        .and_then(|hop| hop.external_id.as_deref());
    let Some(external_id) = external_id.filter(|id| is_data_source_arn(id)) else {
        return false;
    };
    let account = external_id.split(':').nth(4);
    let is_bare = caller.kind.as_deref() == Some("AWSAccount") && caller.arn.is_none();
    let in_hub = account.is_some() && caller.account_id.as_deref() == account;
    let by_quick = caller.is_invoked_by_quick() && caller.assumed_role_id().is_some();
    is_bare && in_hub && by_quick
}
