//! Timelines of a principal's valid sessions, for calls that do not say when their session was
//! created.
//!
//! Calls come in the order of their time, so each session comes and goes once: what is
//! valid is never searched among all sessions.

use super::peers::{CANDIDATES_MAX, Candidates, Likeness, SessionId};
use crate::model::identity::RoleName;
use crate::model::time::{CLOCK_SKEW_SECONDS, UtcSecond};
use hashbrown::HashMap;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

/// A session, with what decides whether it may have made a call.
#[derive(Debug, Clone)]
pub(super) struct Valid {
    pub(super) id: SessionId,
    pub(super) created_at: UtcSecond,
    pub(super) expires_at: UtcSecond,
    pub(super) likeness: Likeness,
    /// The only roles that it may assume, where its policy names them.
    pub(super) only_roles: Option<Vec<RoleName>>,
}

/// Sessions that come and go.
#[derive(Debug, Default)]
struct Lane {
    /// Those that have not begun, the next one last.
    waiting: Vec<(UtcSecond, UtcSecond, SessionId, Likeness)>,
    valid: BTreeSet<SessionId>,
    ends: BinaryHeap<Reverse<(UtcSecond, SessionId, Likeness)>>,
    /// The number of valid sessions by likeness.
    alike: HashMap<Likeness, usize>,
}

impl Lane {
    fn add(&mut self, session: &Valid) {
        let (begins, ends) = (session.created_at, session.expires_at);
        self.waiting
            .push((begins, ends, session.id, session.likeness));
    }

    fn sort(&mut self) {
        self.waiting.sort_unstable_by(|left, right| right.cmp(left));
    }

    fn advance(&mut self, time: UtcSecond) {
        while let Some((_, ends, id, likeness)) = self
            .waiting
            .pop_if(|(begins, ..)| *begins <= time.plus(CLOCK_SKEW_SECONDS))
        {
            if self.valid.insert(id) {
                *self.alike.entry(likeness).or_default() += 1;
                self.ends.push(Reverse((ends, id, likeness)));
            }
        }
        while let Some(&Reverse((ends, id, likeness))) = self.ends.peek()
            && ends.plus(CLOCK_SKEW_SECONDS) < time
        {
            self.ends.pop();
            self.valid.remove(&id);
            if let Some(count) = self.alike.get_mut(&likeness) {
                *count -= 1;
                if *count == 0 {
                    self.alike.remove(&likeness);
                }
            }
        }
    }
}

/// The sessions of one principal over time.
#[derive(Debug, Default)]
pub(super) struct SessionTimeline {
    all: Lane,
    /// Those that may assume any role.
    open: Lane,
    /// Those that may assume only some, by role.
    by_role: HashMap<RoleName, Lane>,
}

/// The sessions valid at a time.
#[derive(Debug, Default)]
pub(super) struct ValidAt {
    pub(super) candidates: Candidates,
    /// True if it makes no difference which of them it was.
    pub(super) are_alike: bool,
}

impl SessionTimeline {
    pub(super) fn new(sessions: &[Valid]) -> Self {
        let mut timeline = Self::default();
        for session in sessions {
            timeline.all.add(session);
            match &session.only_roles {
                None => timeline.open.add(session),
                Some(roles) => {
                    for role in roles {
                        timeline.by_role.entry_ref(role).or_default().add(session);
                    }
                }
            }
        }
        timeline.all.sort();
        timeline.open.sort();
        for lane in timeline.by_role.values_mut() {
            lane.sort();
        }
        timeline
    }

    /// Moves on to a moment, and adds what is valid there to what others have: sessions
    /// that may have asked for this role, where one was asked for. Moments never go back.
    pub(super) fn at(
        &mut self,
        time: UtcSecond,
        role: Option<&RoleName>,
        found: &mut Vec<ValidSessions>,
    ) {
        let mut add = |lane: &mut Lane| {
            lane.advance(time);
            if !lane.valid.is_empty() {
                found.push(ValidSessions {
                    first: lane.valid.iter().take(CANDIDATES_MAX).copied().collect(),
                    count: lane.valid.len(),
                    alike: lane.alike.keys().take(2).copied().collect(),
                });
            }
        };
        match role {
            None => add(&mut self.all),
            Some(role) => {
                add(&mut self.open);
                if let Some(lane) = self.by_role.get_mut(role) {
                    add(lane);
                }
            }
        }
    }
}

/// The valid sessions in a part of the timeline.
#[derive(Debug)]
pub(super) struct ValidSessions {
    first: Vec<SessionId>,
    count: usize,
    alike: Vec<Likeness>,
}

impl ValidAt {
    pub(super) fn of(found: Vec<ValidSessions>) -> Self {
        let count: usize = found.iter().map(|part| part.count).sum();
        let mut alike: Vec<Likeness> = found.iter().flat_map(|part| part.alike.clone()).collect();
        alike.sort_unstable();
        alike.dedup();
        let mut named: Vec<SessionId> = found.into_iter().flat_map(|part| part.first).collect();
        named.sort_unstable();
        let given = named.len();
        named.dedup();
        let count = count - (given - named.len());
        named.truncate(CANDIDATES_MAX);
        Self {
            are_alike: matches!(alike[..], [Some(_)]),
            candidates: Candidates {
                more: count - named.len(),
                named,
            },
        }
    }
}
