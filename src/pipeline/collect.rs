//! Reads objects for keeps: each by itself, for all of time, so that any window can be
//! answered for later.

use super::plan::{PipelineError, Plan, Unwatched, Watcher};
use super::read::{KnownInterest, Worker, not_indexed, on_all_threads};
use crate::decode::{Decoder, RecordOutcome};
use crate::model::coverage::Coverage;
use crate::model::event::Event;
use crate::model::relevance::{RelevantSessions, SessionFingerprint};
use crate::model::time::UtcDay;
use crate::model::topology::Topology;
use crate::model::window::TimeWindow;
use crate::ports::LogSource;
use crate::stitch::{self, SessionClues};
use hashbrown::{HashMap, HashSet};
use std::collections::BTreeMap;

/// The content of one object.
#[derive(Debug, Default)]
pub struct ObjectRead {
    /// Its position in the source.
    pub object: u32,
    /// Counts, rejects and sightings of this object alone.
    pub coverage: Coverage,
    /// Events that matter in themselves.
    pub events: Vec<Event>,
    /// Calls of role sessions that are relevant.
    pub session_events: Vec<Event>,
    /// Fingerprints of role sessions whose calls were passed over, sorted.
    pub fingerprints: Vec<SessionFingerprint>,
}

/// Objects read, and the relevant sessions at that time.
#[derive(Debug, Default)]
pub struct CollectedObjects {
    /// In the order they were asked for.
    pub objects: Vec<ObjectRead>,
    /// All role sessions whose calls were kept.
    pub relevant: RelevantSessions,
}

/// What events of the last days say of sessions, by day: it may decide about what is read next.
#[derive(Debug, Default)]
pub struct RecentClues(BTreeMap<UtcDay, SessionClues>);

impl RecentClues {
    /// Adds events that matter in themselves; what is relevant by them is added to `known`.
    pub fn add<'e>(
        &mut self,
        events: impl IntoIterator<Item = &'e Event>,
        topology: &Topology,
        known: &mut RelevantSessions,
    ) {
        let mut days: BTreeMap<UtcDay, Vec<&Event>> = BTreeMap::new();
        for event in events {
            days.entry(event.time.utc_day()).or_default().push(event);
        }
        for (day, events) in days {
            let clues = self.0.entry(day).or_default();
            clues.add(events.iter().copied(), topology, known);
        }
    }

    /// Forgets days before one.
    pub fn forget_before(&mut self, oldest: UtcDay) {
        self.0 = self.0.split_off(&oldest);
    }

    /// The relevant sessions that follow, with the topology as it is now.
    #[must_use]
    pub fn decide(&self, known: RelevantSessions, topology: &Topology) -> RelevantSessions {
        let said: Vec<&SessionClues> = self.0.values().collect();
        stitch::decide_relevant(known, &said, topology)
    }
}

/// Reads some objects of a source; others are read after them, and may be brought ahead.
/// `recent` are clues of events that were kept before and may
/// belong together with those read now, which are added; `known` are the relevant sessions so far.
///
/// The same objects with the same knowledge give the same result, whatever the
/// threads: what was kept by a hint that came to nothing is passed over again.
///
/// # Errors
///
/// When threads cannot be started.
pub fn collect(
    plan: &Plan,
    source: &dyn LogSource,
    objects: &[u32],
    next: &[u32],
    recent: &mut RecentClues,
    known: &RelevantSessions,
    watcher: &dyn Watcher,
) -> Result<CollectedObjects, PipelineError> {
    let pool = super::plan::pool(plan)?;
    pool.install(|| {
        let plan = &Plan {
            window: TimeWindow::ALL,
            ..plan.clone()
        };
        let shared = KnownInterest::new(plan, known.clone());
        let mut read = read_all(plan, source, objects, next, &shared, Some(watcher));
        let own = read.iter().flat_map(|object| &object.events);
        let mut known = known.clone();
        recent.add(own, &plan.topology, &mut known);
        let relevant = recent.decide(known, &plan.topology);
        let fingerprints = relevant.fingerprints();
        let came_late = |object: &ObjectRead| {
            object
                .fingerprints
                .iter()
                .any(|fingerprint| fingerprints.contains(fingerprint))
        };
        let again: Vec<u32> = read
            .iter()
            .filter(|object| came_late(object))
            .map(|object| object.object)
            .collect();
        if !again.is_empty() {
            let settled = KnownInterest::fixed(plan, relevant.clone());
            let reread = read_all(plan, source, &again, next, &settled, None);
            let places: HashMap<u32, usize> = (0..)
                .zip(&read)
                .map(|(at, object)| (object.object, at))
                .collect();
            for object in reread {
                if let Some(&at) = places.get(&object.object) {
                    read[at] = object;
                }
            }
        }
        for object in &mut read {
            object.forget_hints(&relevant);
        }
        Ok(CollectedObjects {
            objects: read,
            relevant,
        })
    })
}

impl ObjectRead {
    /// Drops calls of sessions that are not relevant after all.
    fn forget_hints(&mut self, relevant: &RelevantSessions) {
        if relevant.all_sessions {
            return;
        }
        let mut fingerprints: HashSet<SessionFingerprint> = HashSet::new();
        self.session_events.retain(|event| {
            let id = event.identity.principal_id.as_deref().unwrap_or_default();
            let is_held = relevant.holds(id);
            if !is_held {
                fingerprints.extend(SessionFingerprint::of_session_and_role(id.as_bytes()));
            }
            is_held
        });
        self.fingerprints.extend(fingerprints);
        self.fingerprints.sort_unstable();
        self.fingerprints.dedup();
        let kept = self.events.len() + self.session_events.len();
        let coverage = &mut self.coverage;
        coverage.records_kept = kept as u64;
        let others = coverage.records_kept + coverage.records_rejected;
        coverage.records_not_relevant = coverage.records.saturating_sub(others);
    }
}

fn read_all(
    plan: &Plan,
    source: &dyn LogSource,
    objects: &[u32],
    next: &[u32],
    known: &KnownInterest<'_>,
    watcher: Option<&dyn Watcher>,
) -> Vec<ObjectRead> {
    let next = not_indexed(plan, source, next);
    let job = |worker: &mut Worker<'_>, object, body: &mut Vec<u8>, out: &mut Vec<ObjectRead>| {
        match watcher {
            Some(watcher) => worker.first_pass(object, body, known, watcher),
            // It was indexed, or read, and has to be read anyway.
            None => worker.read(object, body, known, &Unwatched),
        };
        out.push(take(&mut worker.decoder, object));
    };
    let first = match watcher {
        Some(_) => not_indexed(plan, source, objects),
        None => objects.to_vec(),
    };
    source.expect(&[first, next].concat());
    let read = on_all_threads(plan, source, objects, false, &job);
    let mut read: Vec<ObjectRead> = read.into_iter().flat_map(|(_, objects)| objects).collect();
    let order: HashMap<u32, usize> = objects.iter().copied().zip(0..).collect();
    read.sort_unstable_by_key(|object| order.get(&object.object).copied());
    read
}

fn take(decoder: &mut Decoder, object: u32) -> ObjectRead {
    let found = decoder.take();
    let mut read = ObjectRead {
        object,
        coverage: found.coverage,
        events: found.events,
        ..ObjectRead::default()
    };
    for candidate in found.candidates {
        match candidate.outcome {
            RecordOutcome::Event(event) => read.session_events.push(*event),
            RecordOutcome::Sibling(sibling) => {
                let siblings = &mut read.coverage.records_of_siblings;
                *siblings.entry(sibling).or_default() += 1;
            }
            RecordOutcome::Reject(reject) => {
                read.coverage.records_rejected += 1;
                read.coverage.rejects.add(reject);
            }
        }
    }
    let fingerprints = found.unresolved.into_iter();
    read.fingerprints = fingerprints
        .flat_map(|unresolved| unresolved.fingerprints)
        .collect();
    read
}
