//! A role session: issued by an AssumeRole that was read, or known by its calls.

use super::hops::Hop;
use super::peers::{Candidates, SessionId};
use crate::model::chain::Confidence;
use crate::model::event::Event;
use crate::model::identity::{Identity, RoleName, session_name_in_arn};
use crate::model::ids::{AccessKeyId, AccountId, RoleArn};
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The link of a call.
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
    pub(super) role_arn: Option<RoleArn>,
    /// `roleSessionName`.
    pub(super) name: Option<Text>,
    pub(super) assumed_role_id: Option<Text>,
    pub(super) key: Option<AccessKeyId>,
    pub(super) created_at: UtcSecond,
    pub(super) expires_at: UtcSecond,
    /// Calls by the session, in the order of events.
    pub(super) calls: Vec<(u32, Confidence)>,
    /// The session its AssumeRole was called from.
    pub(super) parent: Link,
    /// Sessions it may be one of: set for calls that could not be decided.
    pub(super) candidates: Candidates,
    /// A call that shows who worked in it: for sessions whose hop is not read.
    pub(super) sample_identity: Option<Arc<Identity>>,
    /// Keys of its own calls, where they are not the issued one or that was not logged.
    pub(super) keys_seen: BTreeSet<AccessKeyId>,
    /// The console made it or signed a call of it.
    pub(super) is_from_console: bool,
    /// Sessions alike in all that matters; which of them worked is not known.
    pub(super) indistinguishable: Candidates,
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
            calls: Vec::new(),
            parent: Link::None,
            candidates: Candidates::default(),
            sample_identity: None,
            keys_seen: BTreeSet::new(),
            is_from_console: false,
            indistinguishable: Candidates::default(),
        }
    }
}

impl Session {
    /// Returns true if one of its calls submitted a query.
    pub(super) fn has_query(&self, events: &[Event]) -> bool {
        let mut calls = self.calls.iter();
        calls.any(|&(call, _)| events[call as usize].is_query())
    }

    /// The number of different keys that its own calls were signed with, the issued one included.
    pub(super) fn key_count(&self) -> usize {
        let issued = self
            .key
            .as_ref()
            .filter(|key| !self.keys_seen.contains(*key));
        self.keys_seen.len() + usize::from(issued.is_some())
    }

    /// Returns true if a key does not identify it: the console signs each call with another one
    /// (docs/cloudtrail-facts.md#console-sessions).
    pub(super) fn has_changing_keys(&self) -> bool {
        self.is_from_console || self.key_count() > 1
    }
}

/// Account, role name and session name in an assumed-role ARN.
pub(super) type AssumedRoleName = (AccountId, Text, Text);

pub(super) fn names_of(identity: &Identity) -> Option<AssumedRoleName> {
    let arn = identity.arn.as_deref()?;
    let role = RoleName::from_arn(arn)?;
    let session = session_name_in_arn(arn)?;
    Some((role.account_id, role.name, session.into()))
}

/// The same of a session, where its assumed role id is not known.
pub(super) fn own_names(session: &Session) -> Option<AssumedRoleName> {
    let role = session.role.as_ref()?;
    let name = session.name.as_ref()?;
    Some((role.account_id.clone(), role.name.clone(), name.clone()))
}

/// The key of a call, if it is the session's own: Quick calls with the keys it
/// was issued, other services on a session's behalf with keys of theirs.
pub(super) fn own_key(identity: &Identity) -> Option<&AccessKeyId> {
    let is_own = identity.invoked_by.is_none() || identity.is_invoked_by_quick();
    identity.access_key_id.as_ref().filter(|_| is_own)
}
