//! Events of a part of a window by what links them, and all that is linked to some of them.

use super::event_links::{EventLinks, SAME_SECONDS, keys};
use crate::model::event::Event;
use crate::model::link::{LinkHasher, LinkKey};
use crate::model::time::{CLOCK_SKEW_SECONDS, SESSION_SECONDS_MAX, UtcSecond};
use crate::reads::{ACCESS_SECONDS_MAX, QUERY_SECONDS_MAX, ReadAct};
use crate::stitch::{CONTEXT_SECONDS, NEARBY_SECONDS};
use hashbrown::HashSet;
use std::collections::BTreeSet;

/// Events by a key and a time, both in order.
type ByKeyAndTime = Vec<(LinkKey, UtcSecond, u32)>;

/// Events by what links them.
pub(super) struct LinkLists<'a> {
    events: &'a [Event],
    hasher: &'a LinkHasher,
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
    /// Calls that queries may have made, and queries, by role and principal.
    query_calls: ByKeyAndTime,
    queries: ByKeyAndTime,
    /// Events of the kinds that matter by nearness, by time.
    near: Vec<(UtcSecond, u32)>,
    /// The longest life of a session that an event of the window tells.
    life_seconds_max: i64,
}

impl<'a> LinkLists<'a> {
    /// Reads events in their order, and calls `each` with the links of each.
    pub(super) fn of(
        events: &'a [Event],
        hasher: &'a LinkHasher,
        life_seconds_max: i64,
        each: &mut dyn FnMut(u32, &EventLinks),
    ) -> Self {
        let mut lists = Self {
            events,
            hasher,
            calls: Vec::new(),
            undated: Vec::new(),
            issues: Vec::new(),
            copies: Vec::new(),
            executions: Vec::new(),
            access_reads: Vec::new(),
            access_given: Vec::new(),
            query_calls: Vec::new(),
            queries: Vec::new(),
            near: Vec::new(),
            life_seconds_max,
        };
        for (index, event) in (0u32..).zip(events) {
            let links = EventLinks::of(event, hasher);
            each(index, &links);
            lists.add(index, &links);
        }
        for sorted in [
            &mut lists.calls,
            &mut lists.undated,
            &mut lists.issues,
            &mut lists.copies,
            &mut lists.executions,
            &mut lists.access_reads,
            &mut lists.access_given,
            &mut lists.query_calls,
            &mut lists.queries,
        ] {
            sorted.sort_unstable();
        }
        lists.near.sort_unstable();
        lists
    }

    fn add(&mut self, event: u32, links: &EventLinks) {
        let time = links.time;
        let session = &links.session;
        for key in keys(session.caller) {
            match session.caller_created_at {
                Some(created_at) => self.calls.push((key, created_at, event)),
                None => self.undated.push((key, time, event)),
            }
        }
        for key in keys(session.issued) {
            self.issues.push((key, time, event));
        }
        for key in session.copies.iter().flatten() {
            self.copies.push((*key, time, event));
        }
        for key in &links.read.executions {
            self.executions.push((*key, time, event));
        }
        let by_session = match links.read.act {
            ReadAct::GivesAccess => Some(&mut self.access_given),
            ReadAct::Reads | ReadAct::Writes => Some(&mut self.access_reads),
            ReadAct::Submits | ReadAct::Other => None,
        };
        if let Some((list, key)) = by_session.zip(links.read.access_session) {
            list.push((key, time, event));
        }
        for key in links.query_keys() {
            let list = match links.read.act {
                ReadAct::Submits => &mut self.queries,
                _ => &mut self.query_calls,
            };
            list.push((key, time, event));
        }
        if links.is_near_kind {
            self.near.push((time, event));
        }
    }

    fn links(&self, event: u32) -> EventLinks {
        EventLinks::of(&self.events[event as usize], self.hasher)
    }

    /// The positions of some events, and of all that their chains need, in order:
    ///
    /// - the sessions that led to their sessions, and what else these assumed;
    /// - all sessions that an undecided call may be of;
    /// - calls that name their query executions, and what else may have read for them;
    /// - events of Quick and of workloads close to queries and sessions.
    pub(super) fn linked(&self, events: impl IntoIterator<Item = u32>) -> BTreeSet<u32> {
        let mut linked = Linked {
            lists: self,
            events: events.into_iter().collect(),
            sessions: HashSet::new(),
            open: Vec::new(),
            undated: HashSet::new(),
        };
        linked.fill();
        linked.events
    }
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
    /// True if it led to a session that is wanted: what else it assumed is added, too.
    is_earlier: bool,
}

/// Events that are linked, in the making.
struct Linked<'a> {
    lists: &'a LinkLists<'a>,
    events: BTreeSet<u32>,
    sessions: HashSet<Wanted>,
    open: Vec<Wanted>,
    /// Undated calls whose sessions were added.
    undated: HashSet<u32>,
}

impl Linked<'_> {
    fn fill(&mut self) {
        for event in self.events.clone() {
            let links = self.lists.links(event);
            self.want_caller(event, &links, true);
            self.want_issued(&links, true);
            // Whoever looks for it from another part of the window looks on from it.
            if matches!(links.read.act, ReadAct::Reads | ReadAct::Writes) {
                self.follow_access_read(event, &links);
            }
            if links.read.act != ReadAct::Submits {
                self.follow_query_call(event, &links);
            }
        }
        self.close();
        self.follow_reads();
        self.close();
        self.add_near();
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

    fn want_caller(&mut self, event: u32, links: &EventLinks, is_earlier: bool) {
        match links.session.caller_created_at {
            Some(made_at) => {
                for key in keys(links.session.caller) {
                    self.want(key, made_at, is_earlier);
                }
            }
            None => self.want_undated(event, links, is_earlier),
        }
    }

    fn want_issued(&mut self, links: &EventLinks, is_earlier: bool) {
        for key in keys(links.session.issued) {
            self.want(key, links.time, is_earlier);
        }
    }

    /// All sessions that an undated call may be of.
    fn want_undated(&mut self, event: u32, links: &EventLinks, is_earlier: bool) {
        if !self.undated.insert(event) {
            return;
        }
        self.events.insert(event);
        let lists = self.lists;
        let from = links
            .time
            .plus(-lists.life_seconds_max - CLOCK_SKEW_SECONDS);
        let to = links.time.plus(CLOCK_SKEW_SECONDS);
        for key in keys(links.session.caller) {
            let made = within(&lists.issues, key, from, to);
            let seen = within(&lists.calls, key, from, to);
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
        let lists = self.lists;
        let from = wanted.made_at.plus(-SAME_SECONDS);
        let to = wanted.made_at.plus(SAME_SECONDS);
        for (_, event) in within(&lists.calls, wanted.key, from, to) {
            self.events.insert(event);
            let links = lists.links(event);
            self.want_caller(event, &links, wanted.is_earlier);
            if links.issues() {
                self.add_copies(&links);
                if wanted.is_earlier {
                    self.want_issued(&links, false);
                }
            }
        }
        for (_, event) in within(&lists.issues, wanted.key, from, to) {
            self.events.insert(event);
            let links = lists.links(event);
            self.want_issued(&links, wanted.is_earlier);
            self.add_copies(&links);
            self.want_caller(event, &links, true);
        }
        let last = wanted
            .made_at
            .plus(lists.life_seconds_max + CLOCK_SKEW_SECONDS);
        for (_, event) in within(&lists.undated, wanted.key, from, last) {
            self.want_undated(event, &lists.links(event), false);
        }
    }

    fn add_copies(&mut self, links: &EventLinks) {
        let from = links.time.plus(-SAME_SECONDS);
        let to = links.time.plus(SAME_SECONDS);
        for key in links.session.copies.iter().flatten() {
            for (_, copy) in within(&self.lists.copies, *key, from, to) {
                self.events.insert(copy);
            }
        }
    }

    /// Adds the events that tell what the queries so far read, and the queries that these may be of.
    fn follow_reads(&mut self) {
        let lists = self.lists;
        for event in self.events.clone() {
            let links = lists.links(event);
            self.follow_executions(&links);
            let given = links.read.access_session;
            if links.read.act == ReadAct::GivesAccess
                && let Some(key) = given
            {
                let from = links.time.plus(-CLOCK_SKEW_SECONDS);
                let to = links.time.plus(ACCESS_SECONDS_MAX);
                for (_, read) in within(&lists.access_reads, key, from, to) {
                    self.follow_access_read(read, &lists.links(read));
                }
            }
            if links.read.act == ReadAct::Submits {
                let from = links.time.plus(-CLOCK_SKEW_SECONDS);
                let to = links.time.plus(QUERY_SECONDS_MAX + CLOCK_SKEW_SECONDS);
                for key in links.query_keys() {
                    for (_, call) in within(&lists.query_calls, key, from, to) {
                        self.follow_query_call(call, &lists.links(call));
                    }
                }
            }
        }
    }

    /// Adds all that names the executions of an event.
    fn follow_executions(&mut self, links: &EventLinks) {
        let lists = self.lists;
        let always = (
            UtcSecond::from_unix(i64::MIN),
            UtcSecond::from_unix(i64::MAX),
        );
        for key in &links.read.executions {
            for (_, other) in within(&lists.executions, *key, always.0, always.1) {
                self.follow(other);
            }
        }
    }

    /// Adds a read by a session of Lake Formation, and all that may have given access to it.
    fn follow_access_read(&mut self, read: u32, links: &EventLinks) {
        let lists = self.lists;
        self.events.insert(read);
        let Some(key) = links.read.access_session else {
            return;
        };
        let from = links.time.plus(-ACCESS_SECONDS_MAX);
        let to = links.time.plus(CLOCK_SKEW_SECONDS);
        for (_, given) in within(&lists.access_given, key, from, to) {
            self.follow(given);
            self.follow_executions(&lists.links(given));
        }
    }

    /// Adds a call that a query may have made, and all queries that it may be of.
    fn follow_query_call(&mut self, call: u32, links: &EventLinks) {
        let lists = self.lists;
        self.events.insert(call);
        let from = links.time.plus(-QUERY_SECONDS_MAX - CLOCK_SKEW_SECONDS);
        let to = links.time.plus(CLOCK_SKEW_SECONDS);
        for key in links.query_keys() {
            for (_, query) in within(&lists.queries, key, from, to) {
                self.follow(query);
            }
        }
    }

    /// Adds an event that may matter to reads, and its session where that matters, too.
    fn follow(&mut self, event: u32) {
        let lists = self.lists;
        self.events.insert(event);
        let links = lists.links(event);
        match links.read.act {
            ReadAct::Submits | ReadAct::GivesAccess => self.want_caller(event, &links, false),
            ReadAct::Writes => {
                let from = links.time.plus(-SESSION_SECONDS_MAX);
                let to = links.time.plus(CLOCK_SKEW_SECONDS);
                for key in keys(links.session.caller) {
                    for (_, issue) in within(&lists.issues, key, from, to) {
                        self.events.insert(issue);
                    }
                }
            }
            ReadAct::Reads | ReadAct::Other => {}
        }
    }

    /// Adds events of Quick and of workloads near queries and AssumeRole calls.
    fn add_near(&mut self) {
        let lists = self.lists;
        let all = self.events.iter().map(|event| lists.links(*event));
        let all = all.filter(EventLinks::has_near_events);
        let moments: BTreeSet<UtcSecond> = all.map(|links| links.time).collect();
        let mut next = 0;
        for at in moments {
            let from = at.plus(-CONTEXT_SECONDS);
            let to = at.plus(NEARBY_SECONDS);
            let first = lists.near.partition_point(|(at, _)| *at < from);
            let end = lists.near.partition_point(|(at, _)| *at <= to);
            for (_, event) in lists.near.get(first.max(next)..end).unwrap_or_default() {
                self.events.insert(*event);
            }
            next = next.max(end);
        }
    }
}
