//! Numbers that stand for what events have in common, so that related events are found without the
//! events themselves.

use hashbrown::DefaultHashBuilder;
use std::hash::{BuildHasher, Hash};

/// A number that is equal for equal values of one kind. Different values may have one number, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkKey(u64);

/// The kind of a value that events have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkKind {
    /// An assumed role id.
    AssumedRoleId,
    /// Account, role and session name of a role session.
    SessionNames,
    /// What the copies of one AssumeRole call have in common.
    Copy,
    /// A query execution.
    Execution,
    /// The name of a session of Lake Formation.
    AccessSession,
    /// The id of a role that Lake Formation gives access to.
    AccessRole,
}

/// Makes the keys of one run: those of another run are others.
#[derive(Debug, Default)]
pub struct LinkHasher(DefaultHashBuilder);

impl LinkHasher {
    /// The key of a value.
    #[must_use]
    pub fn key(&self, kind: LinkKind, value: &impl Hash) -> LinkKey {
        LinkKey(self.0.hash_one((kind, value)))
    }
}
