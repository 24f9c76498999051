//! A window in slices: for each UTC day the events that its chains need.
//!
//! A chain is of the day on which it began, whatever the days of its calls: a session's events are
//! those of the second in which it was made. Beyond the events of its day a slice has
//!
//! - the sessions that led to sessions of the day, and what else these assumed;
//! - all sessions that an undecided call of the day may be of;
//! - calls that name its query executions, and what else may have read for them;
//! - events of Quick and of workloads close to its queries and sessions;
//! - events that decide about every day, such as the roles of workloads.
//!
//! It may have more than it needs: what is not of its day is not told.

use super::plan::Exports;
use crate::attribute;
use crate::model::chain::Chain;
use crate::model::event::{Detail, Event};
use crate::model::link::{LinkHasher, LinkKey};
use crate::model::time::{CLOCK_SKEW_SECONDS, SESSION_SECONDS_MAX, UtcDay, UtcSecond};
use crate::model::topology::KnownRoles;
use crate::reads::{self, ACCESS_SECONDS_MAX, QUERY_SECONDS_MAX, ReadAct, ReadLinks};
use crate::stitch::{
    self, CONTEXT_SECONDS, NEARBY_SECONDS, SessionKeys, SessionLinks, WindowFacts,
};
use hashbrown::HashSet;
use std::collections::{BTreeMap, BTreeSet};

/// Sessions made so near to each other may be taken for one.
const SAME_SECONDS: i64 = 2 * CLOCK_SKEW_SECONDS;

/// The links of one event.
#[derive(Debug, Clone)]
struct EventLinks {
    time: UtcSecond,
    session: SessionLinks,
    read: ReadLinks,
    /// It may tell of the user or the workload of a query or session that is near in time.
    is_near_kind: bool,
    is_of_every_slice: bool,
}

impl EventLinks {
    fn of(event: &Event, hasher: &LinkHasher) -> Self {
        let near = matches!(
            event.detail,
            Detail::QueryDatabase(_) | Detail::QuickCall(_) | Detail::Workload(_)
        );
        Self {
            time: event.time,
            session: SessionLinks::of(event, hasher),
            read: ReadLinks::of(event, hasher),
            is_near_kind: near,
            is_of_every_slice: stitch::is_of_every_part(event) || reads::is_of_every_part(event),
        }
    }

    /// The second in which the caller's session was made, where it is one; that of the event
    /// otherwise.
    fn session_second(&self) -> UtcSecond {
        self.session.caller_created_at.unwrap_or(self.time)
    }

    fn issues(&self) -> bool {
        keys(self.session.issued).next().is_some()
    }
}

fn keys(of: SessionKeys) -> impl Iterator<Item = LinkKey> {
    of.into_iter().flatten()
}

/// Events by a key and a time, both in order.
type ByKeyAndTime = Vec<(LinkKey, UtcSecond, u32)>;

/// Events of a window by what links them.
#[derive(Debug, Default)]
struct SlicePlanner {
    links: Vec<EventLinks>,
    /// Events by the days on which they, or the sessions of their callers, may have been made.
    by_day: BTreeMap<UtcDay, BTreeSet<u32>>,
    /// Calls of sessions, by the second in which those were made.
    calls: ByKeyAndTime,
    /// Calls of sessions whose second is not told, by their own time.
    undated: ByKeyAndTime,
    /// AssumeRole calls by what they issued.
    issues: ByKeyAndTime,
    /// Copies of AssumeRole calls.
    copies: ByKeyAndTime,
    executions: ByKeyAndTime,
    /// Reads by sessions of Lake Formation, and calls that gave access to those.
    access_reads: ByKeyAndTime,
    access_given: ByKeyAndTime,
    /// Reads for roles, and queries submitted as those.
    role_reads: ByKeyAndTime,
    role_queries: ByKeyAndTime,
    /// Events of the kinds that matter by nearness, by time.
    near: Vec<(UtcSecond, u32)>,
    of_every_slice: Vec<u32>,
    /// The longest life of a session that an event tells.
    life_seconds_max: i64,
}

impl SlicePlanner {
    /// Reads events in their order.
    fn of(events: &[Event]) -> Self {
        let hasher = LinkHasher::default();
        let links = events.iter().map(|event| EventLinks::of(event, &hasher));
        let mut planner = Self {
            links: links.collect(),
            life_seconds_max: SESSION_SECONDS_MAX,
            ..Self::default()
        };
        for index in 0..planner.links.len() {
            planner.add(index);
        }
        for sorted in [
            &mut planner.calls,
            &mut planner.undated,
            &mut planner.issues,
            &mut planner.copies,
            &mut planner.executions,
            &mut planner.access_reads,
            &mut planner.access_given,
            &mut planner.role_reads,
            &mut planner.role_queries,
        ] {
            sorted.sort_unstable();
        }
        planner.near.sort_unstable();
        planner
    }

    fn add(&mut self, index: usize) {
        let links = &self.links[index];
        let event = u32::try_from(index).unwrap_or(u32::MAX);
        let time = links.time;
        let session = &links.session;
        let made = near_midnight(links.session_second());
        for day in near_midnight(time).into_iter().chain(made) {
            self.by_day.entry(day).or_default().insert(event);
        }
        for key in keys(session.caller) {
            match session.caller_created_at {
                Some(created_at) => self.calls.push((key, created_at, event)),
                None => self.undated.push((key, time, event)),
            }
        }
        for key in keys(session.issued) {
            self.issues.push((key, time, event));
        }
        if let Some(until) = session.issued_until {
            // Beyond all time that a window may have.
            let life = until.unix().saturating_sub(time.unix()).min(i64::MAX / 4);
            self.life_seconds_max = self.life_seconds_max.max(life);
        }
        for key in session.copies.iter().flatten() {
            self.copies.push((*key, time, event));
        }
        for key in &links.read.executions {
            self.executions.push((*key, time, event));
        }
        let (by_session, by_role) = match links.read.act {
            ReadAct::GivesAccess => (Some(&mut self.access_given), None),
            ReadAct::Reads | ReadAct::Writes => {
                (Some(&mut self.access_reads), Some(&mut self.role_reads))
            }
            ReadAct::Submits => (None, Some(&mut self.role_queries)),
            ReadAct::Other => (None, None),
        };
        let by_session = by_session.zip(links.read.access_session);
        let by_role = by_role.zip(links.read.access_role);
        for (list, key) in by_session.into_iter().chain(by_role) {
            list.push((key, time, event));
        }
        if links.is_near_kind {
            self.near.push((time, event));
        }
        if links.is_of_every_slice {
            self.of_every_slice.push(event);
        }
    }

    /// The positions of the events that the chains of a day need, in order.
    fn slice(&self, day: UtcDay, of_day: &BTreeSet<u32>) -> Vec<u32> {
        let mut draft = SliceDraft {
            planner: self,
            events: of_day.clone(),
            sessions: HashSet::new(),
            open: Vec::new(),
            undated: HashSet::new(),
        };
        draft.fill(day, of_day);
        draft.events.into_iter().collect()
    }
}

/// The chains of events, stitched a day at a time, with what their queries read.
pub(super) fn chains(
    events: &[Event],
    facts: &WindowFacts,
    context: &stitch::Context<'_>,
    exports: &Exports,
) -> (Vec<Chain>, KnownRoles) {
    let planner = SlicePlanner::of(events);
    let mut all = Vec::new();
    let mut known = KnownRoles::default();
    for (&day, of_day) in &planner.by_day {
        let positions = planner.slice(day, of_day);
        let part = positions.iter().map(|at| events[*at as usize].clone());
        let part: Vec<Event> = part.collect();
        let (mut chains, roles) = stitch::stitch(&part, facts, context);
        if let Some(statistics) = &exports.statistics {
            attribute::join_statistics(&mut chains, statistics, &exports.pricing);
        }
        reads::attach(&mut chains, &part, exports.of_reads());
        chains.retain(|chain| chain.started_at.utc_day() == day);
        for entry in chains.iter_mut().flat_map(|chain| &mut chain.events) {
            entry.event = positions[entry.event as usize];
        }
        all.append(&mut chains);
        known.add(roles);
    }
    (all, known)
}

/// The days that a moment may be of, for all that clocks know.
fn near_midnight(at: UtcSecond) -> [UtcDay; 3] {
    [-SAME_SECONDS, 0, SAME_SECONDS].map(|skew| at.plus(skew).utc_day())
}

/// The entries of a key within a time.
fn within(
    list: &ByKeyAndTime,
    key: LinkKey,
    from: UtcSecond,
    to: UtcSecond,
) -> impl Iterator<Item = (UtcSecond, u32)> + '_ {
    let first = list.partition_point(|(of, at, _)| (*of, *at) < (key, from));
    list[first..]
        .iter()
        .take_while(move |(of, at, _)| *of == key && *at <= to)
        .map(|(_, at, event)| (*at, *event))
}

/// A session, as far as it is to be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Wanted {
    key: LinkKey,
    made_at: UtcSecond,
    /// True if it led to a session of the slice: what else it assumed is added, too.
    is_earlier: bool,
}

/// A slice in the making.
struct SliceDraft<'a> {
    planner: &'a SlicePlanner,
    events: BTreeSet<u32>,
    sessions: HashSet<Wanted>,
    open: Vec<Wanted>,
    /// Undated calls whose sessions were added.
    undated: HashSet<u32>,
}

impl SliceDraft<'_> {
    fn fill(&mut self, day: UtcDay, of_day: &BTreeSet<u32>) {
        for &event in of_day {
            let links = &self.planner.links[event as usize];
            let is_made = near_midnight(links.session_second()).contains(&day);
            let is_at = near_midnight(links.time).contains(&day);
            if is_made || links.session.is_refused {
                self.want_caller(event, false);
            }
            if is_at && links.issues() {
                self.want_issued(event, false);
            }
        }
        self.close();
        self.follow_reads();
        self.close();
        self.add_near();
        self.events.extend(&self.planner.of_every_slice);
    }

    fn want(&mut self, key: LinkKey, made_at: UtcSecond, is_earlier: bool) {
        let wanted = Wanted {
            key,
            made_at,
            is_earlier,
        };
        if self.sessions.insert(wanted) {
            self.open.push(wanted);
        }
    }

    fn want_caller(&mut self, event: u32, is_earlier: bool) {
        let session = &self.planner.links[event as usize].session;
        match session.caller_created_at {
            Some(made_at) => {
                for key in keys(session.caller) {
                    self.want(key, made_at, is_earlier);
                }
            }
            None => self.want_undated(event, is_earlier),
        }
    }

    fn want_issued(&mut self, event: u32, is_earlier: bool) {
        let links = &self.planner.links[event as usize];
        for key in keys(links.session.issued) {
            self.want(key, links.time, is_earlier);
        }
    }

    /// All sessions that an undated call may be of.
    fn want_undated(&mut self, event: u32, is_earlier: bool) {
        if !self.undated.insert(event) {
            return;
        }
        self.events.insert(event);
        let planner = self.planner;
        let links = &planner.links[event as usize];
        let from = links
            .time
            .plus(-planner.life_seconds_max - CLOCK_SKEW_SECONDS);
        let to = links.time.plus(CLOCK_SKEW_SECONDS);
        for key in keys(links.session.caller) {
            let made = within(&planner.issues, key, from, to);
            let seen = within(&planner.calls, key, from, to);
            for (made_at, _) in made.chain(seen) {
                self.want(key, made_at, is_earlier);
            }
        }
    }

    /// Adds the sessions that are wanted, and those that they need.
    fn close(&mut self) {
        while let Some(wanted) = self.open.pop() {
            self.add_session(wanted);
        }
    }

    fn add_session(&mut self, wanted: Wanted) {
        let planner = self.planner;
        let from = wanted.made_at.plus(-SAME_SECONDS);
        let to = wanted.made_at.plus(SAME_SECONDS);
        for (_, event) in within(&planner.calls, wanted.key, from, to) {
            self.events.insert(event);
            self.want_caller(event, wanted.is_earlier);
            if planner.links[event as usize].issues() {
                self.add_copies(event);
                if wanted.is_earlier {
                    self.want_issued(event, false);
                }
            }
        }
        for (_, event) in within(&planner.issues, wanted.key, from, to) {
            self.events.insert(event);
            self.want_issued(event, wanted.is_earlier);
            self.add_copies(event);
            self.want_caller(event, true);
        }
        let last = wanted
            .made_at
            .plus(planner.life_seconds_max + CLOCK_SKEW_SECONDS);
        for (_, event) in within(&planner.undated, wanted.key, from, last) {
            self.want_undated(event, false);
        }
    }

    fn add_copies(&mut self, event: u32) {
        let planner = self.planner;
        let links = &planner.links[event as usize];
        let from = links.time.plus(-SAME_SECONDS);
        let to = links.time.plus(SAME_SECONDS);
        for key in links.session.copies.iter().flatten() {
            for (_, copy) in within(&planner.copies, *key, from, to) {
                self.events.insert(copy);
            }
        }
    }

    /// Adds the events that tell what the queries so far read, and the queries that these may be of.
    fn follow_reads(&mut self) {
        let planner = self.planner;
        let always = (
            UtcSecond::from_unix(i64::MIN),
            UtcSecond::from_unix(i64::MAX),
        );
        for event in self.events.clone() {
            let links = &planner.links[event as usize];
            for key in &links.read.executions {
                for (_, other) in within(&planner.executions, *key, always.0, always.1) {
                    self.follow(other);
                }
            }
            let given =
                (links.read.act == ReadAct::GivesAccess).then_some(links.read.access_session);
            if let Some(key) = given.flatten() {
                let to = links.time.plus(ACCESS_SECONDS_MAX);
                let from = links.time.plus(-CLOCK_SKEW_SECONDS);
                for (at, read) in within(&planner.access_reads, key, from, to) {
                    self.events.insert(read);
                    let from = at.plus(-ACCESS_SECONDS_MAX);
                    let to = at.plus(CLOCK_SKEW_SECONDS);
                    for (_, other) in within(&planner.access_given, key, from, to) {
                        self.follow(other);
                        for key in &planner.links[other as usize].read.executions {
                            for (_, of) in within(&planner.executions, *key, always.0, always.1) {
                                self.follow(of);
                            }
                        }
                    }
                }
            }
            let submitted = (links.read.act == ReadAct::Submits).then_some(links.read.access_role);
            if let Some(key) = submitted.flatten() {
                let from = links.time.plus(-CLOCK_SKEW_SECONDS);
                let to = links.time.plus(QUERY_SECONDS_MAX + CLOCK_SKEW_SECONDS);
                for (at, read) in within(&planner.role_reads, key, from, to) {
                    self.events.insert(read);
                    let from = at.plus(-QUERY_SECONDS_MAX - CLOCK_SKEW_SECONDS);
                    let to = at.plus(CLOCK_SKEW_SECONDS);
                    for (_, other) in within(&planner.role_queries, key, from, to) {
                        self.follow(other);
                    }
                }
            }
        }
    }

    /// Adds an event that may matter to reads, and its session where that matters, too.
    fn follow(&mut self, event: u32) {
        let planner = self.planner;
        self.events.insert(event);
        let links = &planner.links[event as usize];
        match links.read.act {
            ReadAct::Submits | ReadAct::GivesAccess => self.want_caller(event, false),
            ReadAct::Writes => {
                let from = links.time.plus(-SESSION_SECONDS_MAX);
                let to = links.time.plus(CLOCK_SKEW_SECONDS);
                for key in keys(links.session.caller) {
                    for (_, issue) in within(&planner.issues, key, from, to) {
                        self.events.insert(issue);
                    }
                }
            }
            ReadAct::Reads | ReadAct::Other => {}
        }
    }

    /// Adds events of Quick and of workloads near queries and AssumeRole calls.
    fn add_near(&mut self) {
        let planner = self.planner;
        let moments: BTreeSet<UtcSecond> = self
            .events
            .iter()
            .map(|event| &planner.links[*event as usize])
            .filter(|links| links.issues() || links.read.act == ReadAct::Submits)
            .map(|links| links.time)
            .collect();
        let mut next = 0;
        for at in moments {
            let from = at.plus(-CONTEXT_SECONDS);
            let to = at.plus(NEARBY_SECONDS);
            let first = planner.near.partition_point(|(at, _)| *at < from);
            let end = planner.near.partition_point(|(at, _)| *at <= to);
            for (_, event) in planner.near.get(first.max(next)..end).unwrap_or_default() {
                self.events.insert(*event);
            }
            next = next.max(end);
        }
    }
}
