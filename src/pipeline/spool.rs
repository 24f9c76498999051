//! Events on their way to disk: by the day that they are told on, while logs are read.

use super::crossings::{DayReach, ReachIndex};
use super::event_links::EventLinks;
use super::plan::SpillLimits;
use crate::decode::{Candidate, Decoder, RecordOutcome};
use crate::model::event::Event;
use crate::model::link::{LinkHasher, LinkKey, LinkKind};
use crate::model::relevance::RelevantSessions;
use crate::model::time::{SESSION_SECONDS_MAX, UtcDay};
use crate::model::topology::Topology;
use crate::ports::{KeptEvent, SpillError, SpillFile, SpilledSpan};
use crate::stitch::RelevanceClues;
use hashbrown::HashSet;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Takes events from all threads, and writes them once there are more than fit in memory.
pub(super) struct Spool<'a> {
    file: &'a dyn SpillFile,
    topology: &'a Topology,
    limits: SpillLimits,
    hasher: LinkHasher,
    kept: AtomicU64,
    written: Mutex<Result<Spooled, SpillError>>,
}

/// What was written.
#[derive(Debug, Default)]
pub(super) struct Spooled {
    /// Events by the day that they are told on.
    pub(super) days: BTreeMap<UtcDay, Vec<SpooledPart>>,
    /// For each day, other days with events close to its midnights.
    pub(super) neighbors: BTreeMap<UtcDay, BTreeSet<UtcDay>>,
    pub(super) index: ReachIndex,
    /// What decides about relevant sessions.
    pub(super) clues: RelevanceClues,
    /// The longest life of a session that an event tells.
    pub(super) life_seconds_max: i64,
}

/// Events of a day that were written together.
#[derive(Debug, Clone, Copy)]
pub(super) struct SpooledPart {
    pub(super) span: SpilledSpan,
    /// True if their objects were read for the second time.
    pub(super) is_second_reading: bool,
}

/// What one thread has told a spool.
#[derive(Debug, Default)]
pub(super) struct SpoolCounter {
    counted: usize,
    /// What was left in the decoder when events were taken last.
    left: usize,
}

impl<'a> Spool<'a> {
    pub(super) fn new(
        file: &'a dyn SpillFile,
        limits: SpillLimits,
        topology: &'a Topology,
        all_sessions: bool,
    ) -> Self {
        let relevant = RelevantSessions {
            all_sessions,
            ..RelevantSessions::default()
        };
        let spooled = Spooled {
            clues: RelevanceClues::of(relevant),
            life_seconds_max: SESSION_SECONDS_MAX,
            ..Spooled::default()
        };
        Self {
            file,
            topology,
            limits,
            hasher: LinkHasher::default(),
            kept: AtomicU64::new(0),
            written: Mutex::new(Ok(spooled)),
        }
    }

    /// Returns true if there are more events than fit in memory.
    pub(super) fn is_open(&self) -> bool {
        self.kept.load(Ordering::Relaxed) > self.limits.above
    }

    /// Returns true if something could not be written: nothing more needs to be read.
    pub(super) fn has_failed(&self) -> bool {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.is_err()
    }

    /// Takes what a thread's decoder holds, if that is enough to be written.
    pub(super) fn after_object(
        &self,
        decoder: &mut Decoder,
        counter: &mut SpoolCounter,
        is_second_reading: bool,
    ) {
        let held = decoder.held();
        let new = held.saturating_sub(counter.counted);
        counter.counted = held;
        self.kept.fetch_add(new as u64, Ordering::Relaxed);
        if self.is_open() && held - counter.left >= self.limits.part_events {
            let (events, candidates) = decoder.take_events();
            counter.left = decoder.held();
            counter.counted = counter.left;
            self.add(events, candidates, is_second_reading);
        }
    }

    /// Writes events, and candidates that are events. Events that matter in themselves are known
    /// from the first reading.
    pub(super) fn add(
        &self,
        events: Vec<Event>,
        candidates: Vec<Candidate>,
        is_second_reading: bool,
    ) {
        let events = events.into_iter().filter(|_| !is_second_reading);
        let events = events.map(|event| KeptEvent {
            event,
            is_of_session: false,
        });
        let of_sessions = candidates
            .into_iter()
            .filter_map(|candidate| match candidate.outcome {
                RecordOutcome::Event(event) => Some(KeptEvent {
                    event: *event,
                    is_of_session: true,
                }),
                RecordOutcome::Sibling(_) | RecordOutcome::Reject(_) => None,
            });
        self.put(events.chain(of_sessions), is_second_reading);
    }

    /// Writes events that an earlier run kept.
    pub(super) fn add_kept(&self, events: Vec<KeptEvent>) {
        self.put(events.into_iter(), false);
    }

    fn put(&self, events: impl Iterator<Item = KeptEvent>, is_second_reading: bool) {
        let mut part = SpoolPart::default();
        for kept in events {
            part.add(kept, &self.hasher);
            if part.count >= self.limits.part_events {
                self.write(std::mem::take(&mut part), is_second_reading);
            }
        }
        self.write(part, is_second_reading);
    }

    fn write(&self, part: SpoolPart, is_second_reading: bool) {
        if part.count == 0 || self.has_failed() {
            return;
        }
        self.gather_clues(&part);
        let spans = part.days.into_iter().map(|(day, events)| {
            let span = self.file.write_events(&events)?;
            let part = SpooledPart {
                span,
                is_second_reading,
            };
            Ok((day, part))
        });
        let spans: Result<Vec<(UtcDay, SpooledPart)>, SpillError> = spans.collect();
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(spooled) = &mut *written else {
            return;
        };
        let added = spans.and_then(|spans| {
            for (day, part) in spans {
                spooled.days.entry(day).or_default().push(part);
            }
            spooled.index.add(self.file, part.reaches, part.ids)
        });
        for (day, others) in part.neighbors {
            spooled.neighbors.entry(day).or_default().extend(others);
        }
        spooled.life_seconds_max = spooled.life_seconds_max.max(part.life_seconds_max);
        if let Err(error) = added {
            *written = Err(error);
        }
    }

    fn gather_clues(&self, part: &SpoolPart) {
        let events = part.days.values().flatten();
        let own = events.filter(|kept| !kept.is_of_session);
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(spooled) = &mut *written {
            let events = own.map(|kept| &kept.event);
            spooled.clues.add(events, self.topology);
        }
    }

    /// The file that it writes to.
    pub(super) fn file(&self) -> &'a dyn SpillFile {
        self.file
    }

    /// Ends the spool and gives out what it wrote.
    pub(super) fn finish(self) -> Result<(Spooled, LinkHasher), SpillError> {
        let written = self.written.into_inner();
        let spooled = written.unwrap_or_else(PoisonError::into_inner)?;
        Ok((spooled, self.hasher))
    }

    /// What decides about relevant sessions, as far as events were written.
    pub(super) fn take_clues(&self) -> RelevanceClues {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let spooled = written.as_mut().ok();
        spooled.map_or_else(RelevanceClues::default, |spooled| {
            std::mem::take(&mut spooled.clues)
        })
    }
}

/// Events that are written together, with what links them.
#[derive(Default)]
struct SpoolPart {
    count: usize,
    days: BTreeMap<UtcDay, Vec<KeptEvent>>,
    neighbors: BTreeMap<UtcDay, HashSet<UtcDay>>,
    reaches: Vec<DayReach>,
    ids: Vec<(LinkKey, UtcDay)>,
    life_seconds_max: i64,
}

impl SpoolPart {
    fn add(&mut self, kept: KeptEvent, hasher: &LinkHasher) {
        let links = EventLinks::of(&kept.event, hasher);
        let day = links.day();
        links.for_each_reach(hasher, &mut |reach| {
            self.reaches.push(DayReach { reach, day });
        });
        for other in links.days().filter(|other| *other != day) {
            self.neighbors.entry(other).or_default().insert(day);
        }
        let life = links.issued_seconds().unwrap_or_default();
        self.life_seconds_max = self.life_seconds_max.max(life);
        let content = &kept.event.content;
        let ids = std::iter::once(&content.id).chain(content.replaces());
        let ids = ids.map(|id| (hasher.key(LinkKind::EventId, id), day));
        self.ids.extend(ids);
        self.count += 1;
        self.days.entry(day).or_default().push(kept);
    }
}
