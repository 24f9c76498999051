//! Numbers that stand for what events have in common, so that related events are found without the
//! events themselves.

use hashbrown::DefaultHashBuilder;
use std::hash::{BuildHasher, Hash};
use std::num::NonZeroU64;

/// A number that is equal for equal values of one kind. Different values may have one number, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkKey(NonZeroU64);

impl LinkKey {
    /// The key as a number, to be kept for the time of a run.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0.get()
    }

    /// A key that was kept.
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        match NonZeroU64::new(number) {
            Some(number) => Self(number),
            None => Self(NonZeroU64::MAX),
        }
    }
}

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
    /// The principal id of who submitted a query, or for whom Athena called.
    Principal,
    /// A UTC day on which events are near to each other.
    Nearness,
    /// The id of an event.
    EventId,
}

/// Makes the keys of one run: those of another run are others.
#[derive(Debug, Default)]
pub struct LinkHasher(DefaultHashBuilder);

impl LinkHasher {
    /// The key of a value.
    #[must_use]
    pub fn key(&self, kind: LinkKind, value: &impl Hash) -> LinkKey {
        LinkKey::from_number(self.0.hash_one((kind, value)))
    }
}
