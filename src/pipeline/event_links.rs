//! What an event has in common with others, and for how long.

use crate::model::event::{Detail, Event};
use crate::model::link::{LinkHasher, LinkKey, LinkKind};
use crate::model::time::{CLOCK_SKEW_SECONDS, SESSION_SECONDS_MAX, UtcDay, UtcSecond};
use crate::reads::{ACCESS_SECONDS_MAX, QUERY_SECONDS_MAX, ReadAct, ReadLinks};
use crate::stitch::{CONTEXT_SECONDS, NEARBY_SECONDS, SessionKeys, SessionLinks};

/// Sessions made so near to each other may be taken for one.
pub(super) const SAME_SECONDS: i64 = 2 * CLOCK_SKEW_SECONDS;

/// The links of one event.
#[derive(Debug, Clone)]
pub(super) struct EventLinks {
    pub(super) time: UtcSecond,
    pub(super) session: SessionLinks,
    pub(super) read: ReadLinks,
    /// It may tell of the user or the workload of a query or session that is near in time.
    pub(super) is_near_kind: bool,
}

/// The stretch of time in which an event may be linked to others with the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct LinkReach {
    pub(super) key: LinkKey,
    pub(super) from: UtcSecond,
    pub(super) to: UtcSecond,
    pub(super) side: Side,
}

/// The sides of a link. Events are linked if their reaches overlap and their sides differ, or one
/// is on both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(super) enum Side {
    Both = 0,
    /// It looks for what is on the other side.
    Seeks = 1,
    /// It is looked for, or read in return.
    IsSought = 2,
    /// Both, and also as early as the longest session is long.
    BothSinceLongestSession = 3,
    /// It looks for others, which do not look for it.
    SeeksAlone = 4,
}

impl Side {
    pub(super) const ALL: [Self; 5] = [
        Self::Both,
        Self::Seeks,
        Self::IsSought,
        Self::BothSinceLongestSession,
        Self::SeeksAlone,
    ];

    pub(super) fn seeks(self) -> bool {
        self != Self::IsSought
    }

    pub(super) fn is_sought(self) -> bool {
        !matches!(self, Self::Seeks | Self::SeeksAlone)
    }
}

impl EventLinks {
    pub(super) fn of(event: &Event, hasher: &LinkHasher) -> Self {
        let is_near_kind = matches!(
            event.detail,
            Detail::QueryDatabase(_) | Detail::QuickCall(_) | Detail::Workload(_)
        );
        Self {
            time: event.time,
            session: SessionLinks::of(event, hasher),
            read: ReadLinks::of(event, hasher),
            is_near_kind,
        }
    }

    /// The second in which the caller's session was made, where it is one; that of the event
    /// otherwise.
    pub(super) fn session_second(&self) -> UtcSecond {
        self.session.caller_created_at.unwrap_or(self.time)
    }

    pub(super) fn issues(&self) -> bool {
        keys(self.session.issued).next().is_some()
    }

    /// What links calls to the queries that may have made them.
    pub(super) fn query_keys(&self) -> impl Iterator<Item = LinkKey> + use<> {
        let has_role = matches!(
            self.read.act,
            ReadAct::Submits | ReadAct::Reads | ReadAct::Writes
        );
        let role = self.read.access_role.filter(|_| has_role);
        role.into_iter().chain(self.read.principal)
    }

    /// Events of Quick and of workloads that are near in time may belong to it.
    pub(super) fn has_near_events(&self) -> bool {
        self.issues() || self.read.act == ReadAct::Submits
    }

    /// The length of the session that it issued, where it tells that.
    pub(super) fn issued_seconds(&self) -> Option<i64> {
        let until = self.session.issued_until?;
        // Beyond all time that a window may have.
        let life = until.unix().saturating_sub(self.time.unix());
        Some(life.min(i64::MAX / 4))
    }

    /// The day that it is told on.
    pub(super) fn day(&self) -> UtcDay {
        self.session_second().utc_day()
    }

    /// The days on which it, or the session of its caller, may have been made, for all that clocks
    /// know.
    pub(super) fn days(&self) -> impl Iterator<Item = UtcDay> {
        let moments = [self.time, self.session_second()];
        moments.into_iter().flat_map(near_midnight)
    }

    /// Calls `each` with what links it to others.
    pub(super) fn for_each_reach(&self, hasher: &LinkHasher, each: &mut dyn FnMut(LinkReach)) {
        let mut put = |key, at: UtcSecond, before: i64, after: i64, side| {
            let (from, to) = (at.plus(-before), at.plus(after));
            each(LinkReach {
                key,
                from,
                to,
                side,
            });
        };
        let (session, read, time) = (&self.session, &self.read, self.time);
        for key in keys(session.caller) {
            match session.caller_created_at {
                Some(made_at) => put(key, made_at, SAME_SECONDS, SAME_SECONDS, Side::Both),
                None => put(key, time, 0, SAME_SECONDS, Side::BothSinceLongestSession),
            }
            if read.act == ReadAct::Writes {
                let before = SESSION_SECONDS_MAX;
                put(key, time, before, CLOCK_SKEW_SECONDS, Side::Seeks);
            }
        }
        let of_issue = keys(session.issued).chain(session.copies.into_iter().flatten());
        for key in of_issue {
            put(key, time, SAME_SECONDS, SAME_SECONDS, Side::Both);
        }
        if let Some(key) = read.access_session {
            match read.act {
                ReadAct::GivesAccess => {
                    let after = ACCESS_SECONDS_MAX;
                    put(key, time, CLOCK_SKEW_SECONDS, after, Side::Seeks);
                }
                ReadAct::Reads | ReadAct::Writes => put(key, time, 0, 0, Side::IsSought),
                ReadAct::Submits | ReadAct::Other => {}
            }
        }
        for key in self.query_keys() {
            if read.act == ReadAct::Submits {
                let after = QUERY_SECONDS_MAX + CLOCK_SKEW_SECONDS;
                put(key, time, CLOCK_SKEW_SECONDS, after, Side::Seeks);
            } else {
                put(key, time, 0, 0, Side::IsSought);
            }
        }
        let nearness = |day: UtcDay| hasher.key(LinkKind::Nearness, &day);
        if self.has_near_events() {
            let (first, last) = (time.plus(-CONTEXT_SECONDS), time.plus(NEARBY_SECONDS));
            for day in first.utc_day().until(last.utc_day() + 1) {
                let (before, after) = (CONTEXT_SECONDS, NEARBY_SECONDS);
                put(nearness(day), time, before, after, Side::SeeksAlone);
            }
        }
        if self.is_near_kind {
            put(nearness(time.utc_day()), time, 0, 0, Side::IsSought);
        }
        for key in &read.executions {
            each(LinkReach {
                key: *key,
                from: UtcSecond::from_unix(i64::MIN),
                to: UtcSecond::from_unix(i64::MAX),
                side: Side::Both,
            });
        }
    }
}

pub(super) fn keys(of: SessionKeys) -> impl Iterator<Item = LinkKey> {
    of.into_iter().flatten()
}

/// The days that a moment may be of, for all that clocks know.
fn near_midnight(at: UtcSecond) -> [UtcDay; 3] {
    [-SAME_SECONDS, 0, SAME_SECONDS].map(|skew| at.plus(skew).utc_day())
}
