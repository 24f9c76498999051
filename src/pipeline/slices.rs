//! A run whose events do not fit in memory, a UTC day at a time.
//!
//! A chain is of the day on which it began, whatever the days of its calls: a session's events are
//! those of the second in which it was made. The slice of a day has the events that are told on it
//! and, of other days, all that is linked to these. It may have more than it needs: what is not of
//! its day is not told.
//!
//! When all is written, days are read twice: once to write apart what other days may need, once to be
//! stitched.

use super::crossings::{Crossings, DayCrossings, of_day};
use super::day_records::{DayRecord, DayTallies, Earlier};
use super::event_links::{EventLinks, Side};
use super::link_lists::LinkLists;
use super::plan::{DayStage, PipelineError, Plan, Watcher};
use super::spool::{Spool, SpooledPart};
use crate::attribute::{self, StatisticsTally};
use crate::model::audit::{Audit, NamedInChains};
use crate::model::chain::Chain;
use crate::model::coverage::Coverage;
use crate::model::event::{Event, EventOrigin};
use crate::model::ids::AccountId;
use crate::model::link::{LinkHasher, LinkKey, LinkKind};
use crate::model::relevance::RelevantSessions;
use crate::model::time::UtcDay;
use crate::model::topology::KnownRoles;
use crate::model::window::TimeWindow;
use crate::ports::{KeptEvent, SpillError, SpillFile, SpilledSpan};
use crate::reads::{self, ReadsTally};
use crate::stitch::{self, WindowClues, WindowFacts};
use hashbrown::{HashMap, HashSet};
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// Events that are written together.
const PART_EVENTS: usize = 50_000;

/// Events on disk by day, and how they are found.
pub(super) struct EventsByDay<'a> {
    file: &'a dyn SpillFile,
    threads: usize,
    hasher: LinkHasher,
    days: BTreeMap<UtcDay, Vec<SpooledPart>>,
    neighbors: BTreeMap<UtcDay, BTreeSet<UtcDay>>,
    crossings: Crossings,
    life_seconds_max: i64,
    relevant: RelevantSessions,
    /// Objects that were read twice: what the first reading found for sessions does not count.
    read_again: HashSet<u32>,
    /// Deliveries of events that were told on another day, too, and do not count.
    dropped: HashSet<EventOrigin>,
}

/// What was found while days were gone through for the first time.
#[derive(Default)]
struct Prepared {
    /// Events that other days may need.
    borders: BTreeMap<UtcDay, Vec<SpilledSpan>>,
    /// Events that roles are found by.
    of_roles: BTreeMap<UtcDay, Vec<SpilledSpan>>,
    /// Events that decide about every day.
    of_every_day: Vec<(UtcDay, Event)>,
    clues: WindowClues,
}

/// The events of a day, each once.
struct DayEvents {
    events: Vec<Event>,
    /// Calls of sessions among them, repeated or not.
    of_sessions: u64,
    duplicates: u64,
    conflicts: u64,
    replaced: u64,
}

impl<'a> EventsByDay<'a> {
    /// Finds out what events of different days have in common.
    pub(super) fn new(
        spool: Spool<'a>,
        relevant: RelevantSessions,
        read_again: HashSet<u32>,
        coverage: &mut Coverage,
    ) -> Result<Self, SpillError> {
        let file = spool.file();
        let (spooled, hasher) = spool.finish()?;
        let life_seconds_max = spooled.life_seconds_max;
        let mut all = Self {
            file,
            threads: rayon::current_num_threads(),
            hasher,
            crossings: spooled.index.crossings(file, life_seconds_max)?,
            days: spooled.days,
            neighbors: spooled.neighbors,
            life_seconds_max,
            relevant,
            read_again,
            dropped: HashSet::new(),
        };
        let repeated = spooled.index.repeated_ids(file)?;
        all.drop_repeated(&repeated, coverage)?;
        Ok(all)
    }

    /// All days that chains may be of.
    fn all_days(&self) -> BTreeSet<UtcDay> {
        self.days
            .keys()
            .chain(self.neighbors.keys())
            .copied()
            .collect()
    }

    /// Settles which delivery counts of events that were told on several days.
    fn drop_repeated(
        &mut self,
        repeated: &HashMap<LinkKey, BTreeSet<UtcDay>>,
        coverage: &mut Coverage,
    ) -> Result<(), SpillError> {
        let days: BTreeSet<UtcDay> = repeated.values().flatten().copied().collect();
        let mut events = Vec::new();
        for day in days {
            let own = repeated.iter().filter(|(_, days)| days.contains(&day));
            let own: HashSet<LinkKey> = own.map(|(id, _)| *id).collect();
            let (all, _) = self.read(day)?;
            events.extend(self.with_ids(all, own));
        }
        let all: Vec<EventOrigin> = events.iter().map(|event| event.place).collect();
        let settled = stitch::dedupe(events, &[]);
        coverage.duplicates += settled.duplicates;
        coverage.conflicts += settled.conflicts;
        coverage.replaced += settled.replaced;
        let kept = settled.events.iter().map(|event| event.place);
        let kept: HashSet<EventOrigin> = kept.collect();
        self.dropped = all.into_iter().filter(|at| !kept.contains(at)).collect();
        Ok(())
    }

    /// The events that have one of these ids, or replace or are replaced by one that has.
    fn with_ids(&self, mut events: Vec<Event>, mut wanted: HashSet<LinkKey>) -> Vec<Event> {
        let ids = |event: &Event| {
            let id = self.hasher.key(LinkKind::EventId, &event.id);
            let replaced = event.replaces();
            let replaced = replaced.map(|id| self.hasher.key(LinkKind::EventId, id));
            (id, replaced)
        };
        let updates = events.iter().map(ids);
        let updates: Vec<(LinkKey, LinkKey)> = updates
            .filter_map(|(id, replaced)| Some((id, replaced?)))
            .collect();
        let mut known = 0;
        while known < wanted.len() {
            known = wanted.len();
            for (id, replaced) in &updates {
                if wanted.contains(id) || wanted.contains(replaced) {
                    wanted.extend([*id, *replaced]);
                }
            }
        }
        events.retain(|event| {
            let (id, replaced) = ids(event);
            wanted.contains(&id) || replaced.is_some_and(|id| wanted.contains(&id))
        });
        events
    }

    /// The events of a day that count so far, and how many of them are calls of sessions.
    fn read(&self, day: UtcDay) -> Result<(Vec<Event>, u64), SpillError> {
        let parts = of_day(&self.days, day);
        let share = parts.len().div_ceil(self.threads).max(1);
        // Threads that end: the allocator has memory back that others free only of those.
        let read = std::thread::scope(|scope| {
            let readers = parts.chunks(share);
            let readers = readers.map(|parts| scope.spawn(|| self.read_parts(parts)));
            let readers: Vec<_> = readers.collect();
            let read = readers.into_iter().map(|reader| match reader.join() {
                Ok(read) => read,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            read.collect::<Result<Vec<(Vec<Event>, u64)>, SpillError>>()
        });
        let mut read = read?.into_iter();
        let (mut events, mut of_sessions) = read.next().unwrap_or_default();
        let rest: Vec<(Vec<Event>, u64)> = read.collect();
        events.reserve_exact(rest.iter().map(|(events, _)| events.len()).sum());
        for (others, of_others) in rest {
            events.extend(others);
            of_sessions += of_others;
        }
        Ok((events, of_sessions))
    }

    fn read_parts(&self, parts: &[SpooledPart]) -> Result<(Vec<Event>, u64), SpillError> {
        let mut events = Vec::new();
        let mut of_sessions = 0;
        for is_second_reading in [false, true] {
            let parts = parts.iter();
            let spans = parts.filter(|part| part.is_second_reading == is_second_reading);
            let spans: Vec<SpilledSpan> = spans.map(|part| part.span).collect();
            self.file.read_events(&spans, &mut |kept| {
                if kept.is_of_session {
                    if !self.counts(&kept.event, is_second_reading) {
                        return;
                    }
                    of_sessions += 1;
                }
                events.push(kept.event);
            })?;
        }
        Ok((events, of_sessions))
    }

    /// Returns true for a call of a session that is relevant after all.
    fn counts(&self, event: &Event, is_second_reading: bool) -> bool {
        let is_replaced = !is_second_reading && self.read_again.contains(&event.place.object);
        let id = event.identity.principal_id.as_deref().unwrap_or_default();
        !is_replaced && self.relevant.holds(id)
    }

    /// The events of a day and others, which are there once, in order.
    fn day(&self, day: UtcDay, others: Vec<Event>) -> Result<DayEvents, SpillError> {
        let (mut events, of_sessions) = self.read(day)?;
        events.retain(|event| !self.dropped.contains(&event.place));
        events.reserve_exact(others.len());
        events.extend(others);
        let deduped = stitch::dedupe(events, &[]);
        Ok(DayEvents {
            events: deduped.events,
            of_sessions,
            duplicates: deduped.duplicates,
            conflicts: deduped.conflicts,
            replaced: deduped.replaced,
        })
    }

    fn write<'e>(
        &self,
        events: impl Iterator<Item = &'e Event>,
    ) -> Result<Vec<SpilledSpan>, SpillError> {
        let kept: Vec<KeptEvent> = events
            .map(|event| KeptEvent {
                event: event.clone(),
                is_of_session: false,
            })
            .collect();
        let parts = kept.chunks(PART_EVENTS);
        parts.map(|part| self.file.write_events(part)).collect()
    }

    fn read_spans(
        &self,
        spans: &BTreeMap<UtcDay, Vec<SpilledSpan>>,
        day: UtcDay,
    ) -> Result<Vec<Event>, SpillError> {
        let mut events = Vec::new();
        let spans = of_day(spans, day);
        self.file
            .read_events(spans, &mut |kept| events.push(kept.event))?;
        Ok(events)
    }

    /// Goes through all days once, and counts what they have.
    fn prepare(
        &self,
        coverage: &mut Coverage,
        watcher: &dyn Watcher,
    ) -> Result<Prepared, SpillError> {
        let mut prepared = Prepared::default();
        for (done, &day) in self.days.keys().enumerate() {
            watcher.days(DayStage::Linking, done, self.days.len());
            let DayEvents {
                events,
                of_sessions,
                duplicates,
                conflicts,
                replaced,
            } = self.day(day, Vec::new())?;
            coverage.records_kept += of_sessions;
            let others = coverage.records_not_relevant;
            coverage.records_not_relevant = others.saturating_sub(of_sessions);
            coverage.duplicates += duplicates;
            coverage.conflicts += conflicts;
            coverage.replaced += replaced;
            let of_every = events
                .iter()
                .filter(|event| stitch::is_of_every_part(event) || reads::is_of_every_part(event));
            let of_every = of_every.map(|event| (day, event.clone()));
            prepared.of_every_day.extend(of_every);
            let clues = &mut prepared.clues;
            let (of_roles, border) = rayon::join(
                || {
                    clues.add(&events);
                    let of_roles = events
                        .iter()
                        .filter(|event| WindowClues::is_of_roles(event));
                    self.write(of_roles)
                },
                || {
                    let border = self.border(day, &events)?.into_iter();
                    self.write(border.map(|at| &events[at as usize]))
                },
            );
            prepared.of_roles.insert(day, of_roles?);
            prepared.borders.insert(day, border?);
        }
        Ok(prepared)
    }

    /// The events of a day that events of other days are linked to, and what these need.
    fn border(&self, day: UtcDay, events: &[Event]) -> Result<BTreeSet<u32>, SpillError> {
        let crossings = self.crossings.of(self.file, day)?;
        let mut seeds: Vec<u32> = Vec::new();
        let mut near: Vec<u32> = Vec::new();
        let mut see = |index: u32, links: &EventLinks| {
            let mut is_seed = links.days().any(|other| other != day);
            let mut is_near = false;
            links.for_each_reach(&self.hasher, &mut |reach| {
                if reach.side != Side::SeeksAlone && !crossings.others(&reach).is_empty() {
                    // Nothing is looked for from events that are only near.
                    let is_nearness = links.is_near_kind && reach.side == Side::IsSought;
                    is_near |= is_nearness;
                    is_seed |= !is_nearness;
                }
            });
            if is_seed {
                seeds.push(index);
            } else if is_near {
                near.push(index);
            }
        };
        let lists = LinkLists::of(events, &self.hasher, self.life_seconds_max, &mut see);
        let mut border = lists.linked(seeds);
        border.extend(near);
        Ok(border)
    }

    /// The events of other days that the chains of a day need.
    fn of_other_days(&self, day: UtcDay, prepared: &Prepared) -> Result<Vec<Event>, SpillError> {
        let mut borders = Borders {
            all: self,
            prepared,
            day,
            events: Vec::new(),
            days: Vec::new(),
            crossings: HashMap::new(),
        };
        let own = self.crossings.of(self.file, day)?;
        let neighbors = self.neighbors.get(&day).into_iter().flatten().copied();
        let mut wanted = own.all();
        wanted.extend(neighbors);
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        wanted.insert(day);
        loop {
            borders.load(&wanted)?;
            let linked = borders.linked();
            let more = borders.further_days(&linked);
            if more.is_subset(&wanted) {
                return Ok(borders.take(linked));
            }
            wanted.extend(more);
        }
    }
}

/// The borders of a day and of others that it is linked to.
struct Borders<'a> {
    all: &'a EventsByDay<'a>,
    prepared: &'a Prepared,
    day: UtcDay,
    events: Vec<Event>,
    /// The day of each event.
    days: Vec<UtcDay>,
    crossings: HashMap<UtcDay, DayCrossings>,
}

impl Borders<'_> {
    fn load(&mut self, wanted: &BTreeSet<UtcDay>) -> Result<(), SpillError> {
        for &day in wanted {
            if self.crossings.contains_key(&day) {
                continue;
            }
            let crossings = self.all.crossings.of(self.all.file, day)?;
            self.crossings.insert(day, crossings);
            let events = self.all.read_spans(&self.prepared.borders, day)?;
            self.days.extend(events.iter().map(|_| day));
            self.events.extend(events);
        }
        Ok(())
    }

    fn links(&self, at: u32) -> EventLinks {
        EventLinks::of(&self.events[at as usize], &self.all.hasher)
    }

    /// The events that are linked to those of the day.
    fn linked(&self) -> BTreeSet<u32> {
        let mut seeds: Vec<u32> = Vec::new();
        let mut see = |at: u32, links: &EventLinks| {
            let mut days = links.days().chain([self.days[at as usize]]);
            if days.any(|day| day == self.day) {
                seeds.push(at);
            }
        };
        let (hasher, life) = (&self.all.hasher, self.all.life_seconds_max);
        let lists = LinkLists::of(&self.events, hasher, life, &mut see);
        lists.linked(seeds)
    }

    /// Further days that some events are linked to.
    fn further_days(&self, linked: &BTreeSet<u32>) -> BTreeSet<UtcDay> {
        let mut days = BTreeSet::new();
        for &at in linked {
            let day = self.days[at as usize];
            if day == self.day {
                continue;
            }
            let crossings = &self.crossings[&day];
            self.links(at)
                .for_each_reach(&self.all.hasher, &mut |reach| {
                    days.extend(crossings.others(&reach));
                });
        }
        days
    }

    /// Events of other days, and those that may be near to events of the day.
    fn take(self, linked: BTreeSet<u32>) -> Vec<Event> {
        let is_near = |at: &u32| self.links(*at).is_near_kind;
        let near = (0u32..).zip(&self.events).map(|(at, _)| at).filter(is_near);
        let wanted: BTreeSet<u32> = near.chain(linked).collect();
        let is_wanted = |at: u32| wanted.contains(&at) && self.days[at as usize] != self.day;
        let events = (0u32..).zip(&self.events);
        let events = events.filter(|(at, _)| is_wanted(*at));
        events.map(|(_, event)| event.clone()).collect()
    }
}

/// A run that is stitched a day at a time.
pub struct SlicedRun<'a> {
    plan: &'a Plan,
    audit: Audit,
    events: EventsByDay<'a>,
    /// What events of the run say of its window.
    pub(super) clues: WindowClues,
    facts: WindowFacts,
    pub(super) earlier: DayTallies,
    /// Events of earlier days.
    pub(super) earlier_events: Vec<Event>,
    /// What each day needs of others.
    of_other_days: BTreeMap<UtcDay, Vec<SpilledSpan>>,
    of_every_day: Vec<(UtcDay, Event)>,
}

impl<'a> SlicedRun<'a> {
    /// Finds out what has to be known of the whole window.
    pub(super) fn new(
        plan: &'a Plan,
        events: EventsByDay<'a>,
        mut coverage: Coverage,
        earlier: Earlier,
        watcher: &dyn Watcher,
    ) -> Result<Self, PipelineError> {
        let mut prepared = events.prepare(&mut coverage, watcher)?;
        PipelineError::check(&coverage)?;
        let mut of_other_days = BTreeMap::new();
        for day in events.all_days() {
            let others = events.of_other_days(day, &prepared)?;
            let places: HashSet<EventOrigin> = others.iter().map(|event| event.place).collect();
            of_other_days.insert(day, events.write(others.iter())?);
            let mut calls = events.read_spans(&prepared.of_roles, day)?;
            calls.extend(others);
            let calls = stitch::in_order(calls);
            let is_own = |event: &Event| !places.contains(&event.place);
            let clues = &mut prepared.clues;
            clues.find_roles(&calls, &plan.topology, &is_own);
        }
        let DayRecord { facts, tallies } = earlier.record;
        let earlier_events = facts.events_before(&plan.window);
        let of_earlier = earlier_events.iter();
        let of_earlier = of_earlier.map(|event| (UtcDay::MIN, event.clone()));
        prepared.of_every_day.extend(of_earlier);
        let clues = prepared.clues;
        Ok(Self {
            plan,
            audit: Audit {
                window: earlier.span.unwrap_or(plan.window),
                coverage,
                ..Audit::default()
            },
            events,
            facts: facts.clues_after(clues.clone()).facts(&plan.topology),
            clues,
            earlier: tallies,
            earlier_events,
            of_other_days,
            of_every_day: prepared.of_every_day,
        })
    }

    /// The result as far as it is known before chains are: the coverage.
    #[must_use]
    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    /// The plan of the run.
    pub(super) fn plan(&self) -> &'a Plan {
        self.plan
    }

    /// Stitches, and hands out chains in their order, some at a time. The result has none.
    ///
    /// # Errors
    ///
    /// When what was written cannot be read again, or chains cannot be taken.
    pub fn chains(
        self,
        watcher: &dyn Watcher,
        take: &mut TakeChains<'_>,
    ) -> Result<Audit, PipelineError> {
        let mut named = NamedInChains::default();
        let told = self.each_day(watcher, &mut |slice, _| {
            named.add(&slice.chains);
            take(slice.chains, &slice.events).map_err(PipelineError::Output)
        })?;
        let mut audit = told.audit;
        audit.coverage.reads_not_logged = told.reads.not_logged(self.plan.owners());
        audit.roles = told.roles;
        Ok(Audit { named, ..audit })
    }

    /// Stitches a day after the other, and hands each out with how to stitch it for another window.
    pub(super) fn each_day(
        &self,
        watcher: &dyn Watcher,
        take: &mut TakeSlice<'_>,
    ) -> Result<ToldDays, PipelineError> {
        let accounts_seen = self.audit.coverage.accounts_seen();
        let statistics = self.plan.exports.statistics.as_ref();
        let mut told = SliceTotals {
            roles: KnownRoles::default(),
            reads: ReadsTally::default(),
            statistics: statistics.map(StatisticsTally::of),
        };
        let stitching = DayStitching {
            plan: self.plan,
            facts: &self.facts,
            accounts_seen: &accounts_seen,
        };
        let days = self.events.all_days();
        for (done, &day) in days.iter().enumerate() {
            watcher.days(DayStage::Stitching, done, days.len());
            let slice = self.slice(day, &stitching, &mut told)?;
            take(slice, &stitching)?;
        }
        Ok(ToldDays {
            audit: Audit {
                statistics: told.statistics.map(StatisticsTally::coverage),
                ..self.audit.clone()
            },
            reads: told.reads,
            roles: told.roles,
        })
    }

    /// The chains of a day, with its events.
    fn slice(
        &self,
        day: UtcDay,
        stitching: &DayStitching<'_>,
        told: &mut SliceTotals<'_>,
    ) -> Result<DaySlice, PipelineError> {
        let mut others = self.events.read_spans(&self.of_other_days, day)?;
        let mut not_own: HashSet<EventOrigin> = others.iter().map(|event| event.place).collect();
        for (of, event) in &self.of_every_day {
            if *of != day && not_own.insert(event.place) {
                others.push(event.clone());
            }
        }
        let mut slice = DaySlice {
            day,
            events: self.events.day(day, others)?.events,
            not_own,
            chains: Vec::new(),
            roles: KnownRoles::default(),
        };
        let (mut chains, roles) = stitching.stitch(&slice.events, self.plan.window);
        told.reads
            .add_events(slice.own_events(), &chains, self.plan.window);
        chains.retain(|chain| chain.started_at.utc_day() == day);
        told.reads.add_chains(&chains);
        told.roles.add(roles.clone());
        if let Some(statistics) = &mut told.statistics {
            statistics.add(&chains);
        }
        slice.chains = chains;
        slice.roles = roles;
        Ok(slice)
    }
}

/// What days told together.
pub(super) struct ToldDays {
    /// The coverage, and that of statistics.
    pub(super) audit: Audit,
    pub(super) reads: ReadsTally,
    pub(super) roles: KnownRoles,
}

/// Takes chains, with the events that they point to.
pub type TakeChains<'t> = dyn FnMut(Vec<Chain>, &[Event]) -> io::Result<()> + 't;

/// Takes a day, and how to stitch it for another window.
pub(super) type TakeSlice<'t> =
    dyn FnMut(DaySlice, &DayStitching<'_>) -> Result<(), PipelineError> + 't;

/// A day of a run.
pub(super) struct DaySlice {
    day: UtcDay,
    /// Its events, and those of other days that they are linked to.
    pub(super) events: Vec<Event>,
    not_own: HashSet<EventOrigin>,
    /// Its chains, which point into the events.
    pub(super) chains: Vec<Chain>,
    /// Role A and Role B.
    pub(super) roles: KnownRoles,
}

impl DaySlice {
    /// The events of the day itself.
    pub(super) fn own_events(&self) -> impl Iterator<Item = &Event> {
        let events = self.events.iter();
        events.filter(|event| !self.not_own.contains(&event.place))
    }
}

/// How the events of a day are stitched.
pub(super) struct DayStitching<'a> {
    plan: &'a Plan,
    facts: &'a WindowFacts,
    accounts_seen: &'a BTreeSet<AccountId>,
}

impl DayStitching<'_> {
    /// The chains of a day for another window than the run's.
    pub(super) fn chains_of(&self, slice: &DaySlice, window: TimeWindow) -> Vec<Chain> {
        let (mut chains, _) = self.stitch(&slice.events, window);
        chains.retain(|chain| chain.started_at.utc_day() == slice.day);
        chains
    }

    fn stitch(&self, events: &[Event], window: TimeWindow) -> (Vec<Chain>, KnownRoles) {
        let context = stitch::Context {
            window,
            ..self.plan.context(self.accounts_seen, &[])
        };
        let exports = &self.plan.exports;
        let (mut chains, roles) = stitch::stitch(events, self.facts, &context);
        if let Some(statistics) = &exports.statistics {
            attribute::add_figures(&mut chains, statistics, &exports.pricing);
        }
        reads::attach(&mut chains, events, exports.of_reads());
        (chains, roles)
    }
}

/// What chains told so far.
struct SliceTotals<'a> {
    roles: KnownRoles,
    reads: ReadsTally,
    statistics: Option<StatisticsTally<'a>>,
}
