//! Reads all objects on many threads, in two passes.
//!
//! The first pass keeps what matters in itself, and what belongs to sessions
//! known to matter when it goes by. When it is over, the relevant sessions
//! are known; objects that hold calls of them which went by too early are read
//! again. Memory grows with what is kept, not with what is read.

use super::plan::{Plan, Watcher};
use super::slices::EventsByDay;
use super::spool::{Spool, SpoolCounter};
use crate::decode::{Candidate, Decoded, Decoder, InflateBudget, RecordOutcome, Unresolved};
use crate::model::coverage::{Coverage, Reject, RejectReason};
use crate::model::event::Event;
use crate::model::integrity::Contents;
use crate::model::relevance::RelevantSessions;
use crate::ports::{Listing, LogSource, SourceError, SpillError};
use crate::stitch;
use hashbrown::{HashMap, HashSet};
use std::cmp::Reverse;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// The content of a source.
pub(super) struct AllRead {
    pub(super) events: Vec<Event>,
    pub(super) coverage: Coverage,
    /// The content hash of each object, where the run asked for it.
    pub(super) contents: Vec<(u32, Contents)>,
}

/// The content of a source, as far as it fits in memory.
pub(super) enum Spilled<'a> {
    InMemory(AllRead),
    /// What was kept is on disk. Calls of sessions are not counted as kept yet.
    OnDisk(Box<EventsByDay<'a>>, Coverage),
}

/// Reads everything the source has, and hashes it on the way where that is wanted.
pub(super) fn read(
    plan: &Plan,
    source: &dyn LogSource,
    hashes: bool,
    watcher: &dyn Watcher,
) -> AllRead {
    let (mut whole, mut contents) = first_pass(plan, source, hashes, None, watcher);
    let relevant = stitch::relevant(&whole.events, &plan.topology, plan.all_sessions);
    let pass = SecondPass {
        plan,
        source,
        relevant: &relevant,
        spool: None,
    };
    pass.run(&mut whole, &mut contents[..]);
    let (events, coverage) = reconcile(whole, &relevant, source.listing());
    AllRead {
        events,
        coverage,
        contents,
    }
}

/// The same, with what does not fit in memory in a file.
pub(super) fn read_spilling<'a>(
    plan: &Plan,
    source: &dyn LogSource,
    spool: Spool<'a>,
    watcher: &dyn Watcher,
) -> Result<Spilled<'a>, SpillError> {
    let (mut whole, mut contents) = first_pass(plan, source, false, Some(&spool), watcher);
    let relevant = if spool.is_open() {
        spool.take_clues().decide(&plan.topology)
    } else {
        stitch::relevant(&whole.events, &plan.topology, plan.all_sessions)
    };
    let pass = SecondPass {
        plan,
        source,
        relevant: &relevant,
        spool: Some(&spool),
    };
    let read_again = pass.run(&mut whole, &mut contents[..]);
    let is_on_disk = spool.is_open();
    if is_on_disk {
        // The second reading may have brought too much.
        let (events, candidates) = whole.take_events();
        spool.add(events, candidates, false);
    }
    let (events, mut coverage) = reconcile(whole, &relevant, source.listing());
    if !is_on_disk {
        return Ok(Spilled::InMemory(AllRead {
            events,
            coverage,
            contents,
        }));
    }
    let events = EventsByDay::new(spool, relevant, read_again, &mut coverage)?;
    Ok(Spilled::OnDisk(Box::new(events), coverage))
}

/// What a thread decoded, and the content hashes of the objects that it read.
type DecodedAndHashed = (Decoded, Vec<(u32, Contents)>);

/// Reads all objects once.
fn first_pass(
    plan: &Plan,
    source: &dyn LogSource,
    hashes: bool,
    spool: Option<&Spool<'_>>,
    watcher: &dyn Watcher,
) -> DecodedAndHashed {
    let objects: Vec<u32> = (0..source.object_count()).collect();
    let relevant = RelevantSessions {
        all_sessions: plan.all_sessions,
        ..RelevantSessions::default()
    };
    let known = KnownInterest::new(plan, relevant);
    source.expect(&not_indexed(plan, source, &objects));
    let job = |worker: &mut Worker<'_>,
               object: u32,
               body: &mut Vec<u8>,
               (contents, counter): &mut (Vec<(u32, Contents)>, SpoolCounter)| {
        if spool.is_some_and(Spool::has_failed) {
            return;
        }
        let found = worker.first_pass(object, body, &known, watcher);
        if hashes {
            contents.push((object, found));
        }
        if let Some(spool) = spool {
            spool.after_object(&mut worker.decoder, counter, false);
        }
    };
    let parts = on_all_threads(plan, source, &objects, hashes, &job);
    let mut parts: Vec<DecodedAndHashed> = parts
        .into_iter()
        .map(|(part, (contents, _))| (part, contents))
        .collect();
    // The largest part takes the others in: most events stay where they are.
    parts.sort_unstable_by_key(|(part, _)| Reverse(part.events.len()));
    let mut parts = parts.into_iter();
    let (mut whole, mut contents) = parts.next().unwrap_or_default();
    for (part, own) in parts {
        contents.extend(own);
        whole.events.extend(part.events);
        whole.candidates.extend(part.candidates);
        whole.unresolved.extend(part.unresolved);
        whole.coverage.merge(part.coverage);
    }
    if let Some(spool) = spool.filter(|spool| spool.is_open()) {
        let (events, candidates) = whole.take_events();
        spool.add(events, candidates, false);
    }
    (whole, contents)
}

/// The reading of objects again that hold relevant calls which were passed over.
struct SecondPass<'a> {
    plan: &'a Plan,
    source: &'a dyn LogSource,
    relevant: &'a RelevantSessions,
    spool: Option<&'a Spool<'a>>,
}

impl SecondPass<'_> {
    /// Reads them, and returns which they were. What was hashed the first time has to be the same.
    fn run(&self, whole: &mut Decoded, contents: &mut [(u32, Contents)]) -> HashSet<u32> {
        let fingerprints = self.relevant.fingerprints();
        let holds_interest = |unresolved: &&Unresolved| {
            let mut marks = unresolved.fingerprints.iter();
            marks.any(|fingerprint| fingerprints.contains(fingerprint))
        };
        let mut again: Vec<&Unresolved> = whole.unresolved.iter().filter(holds_interest).collect();
        again.sort_unstable_by_key(|unresolved| unresolved.object);
        let records: Vec<(u32, u64)> = again
            .iter()
            .map(|unresolved| (unresolved.object, unresolved.records))
            .collect();
        if records.is_empty() {
            return HashSet::new();
        }
        contents.sort_unstable_by_key(|(object, _)| *object);
        let parts = self.read(&records, contents);
        // The second reading of an object stands for both.
        let read_again: HashSet<u32> = records.iter().map(|(object, _)| *object).collect();
        whole
            .candidates
            .retain(|candidate| !read_again.contains(&candidate.object));
        let mut changed: HashMap<u32, Contents> = HashMap::new();
        for (mut part, own) in parts {
            changed.extend(own);
            if let Some(spool) = self.spool.filter(|spool| spool.is_open()) {
                let (events, candidates) = part.take_events();
                spool.add(events, candidates, true);
            }
            whole.candidates.extend(part.candidates);
            for (reason, _, examples) in part.coverage.rejects.iter() {
                if reason == RejectReason::Changed {
                    for example in examples {
                        whole.coverage.rejects.add(example.clone());
                    }
                }
            }
        }
        for (object, found) in contents {
            if let Some(other) = changed.remove(object) {
                *found = other;
            }
        }
        read_again
    }

    /// Reads objects with so many records each, and tells what has changed.
    fn read(&self, records: &[(u32, u64)], contents: &[(u32, Contents)]) -> Vec<DecodedAndHashed> {
        let objects: Vec<u32> = records.iter().map(|(object, _)| *object).collect();
        let known = |object: u32| {
            let at = contents.binary_search_by_key(&object, |(object, _)| *object);
            at.ok().map(|at| &contents[at].1)
        };
        let hashes = !contents.is_empty();
        self.source.expect(&objects);
        let job =
            |worker: &mut Worker<'_>,
             object: u32,
             body: &mut Vec<u8>,
             (changed, counter): &mut (Vec<(u32, Contents)>, SpoolCounter)| {
                if self.spool.is_some_and(Spool::has_failed) {
                    return;
                }
                let key = worker.source.key(object);
                if let Err(error) = worker.source.read(object, body) {
                    changed.push((object, contents_of(&error)));
                    return worker.changed(&key);
                }
                let size = worker.decoder.object(object, &key, body, self.relevant);
                let before = records.binary_search_by_key(&object, |(object, _)| *object);
                let before = before.ok().map(|at| records[at].1);
                let known = known(object).filter(|known| **known != Contents::NotRead);
                let is_same = known.is_none_or(|known| *known == size.contents);
                let has_changed = before != Some(size.records) || !is_same;
                // Of what was indexed, this is the first reading.
                if has_changed || (hashes && known.is_none()) {
                    changed.push((object, size.contents));
                }
                if has_changed {
                    worker.changed(&key);
                }
                if let Some(spool) = self.spool {
                    spool.after_object(&mut worker.decoder, counter, true);
                }
            };
        let parts = on_all_threads(self.plan, self.source, &objects, hashes, &job);
        let parts = parts.into_iter();
        parts.map(|(part, (changed, _))| (part, changed)).collect()
    }
}

/// Counts the candidates as what they turned out to be.
pub(super) fn reconcile(
    whole: Decoded,
    relevant: &RelevantSessions,
    listing: &Listing,
) -> (Vec<Event>, Coverage) {
    let Decoded {
        mut events,
        candidates,
        mut coverage,
        ..
    } = whole;
    let wanted = |candidate: &Candidate| relevant.holds(&candidate.assumed_role_id);
    for candidate in candidates.into_iter().filter(wanted) {
        match candidate.outcome {
            RecordOutcome::Event(event) => {
                coverage.records_not_relevant -= 1;
                coverage.records_kept += 1;
                events.push(*event);
            }
            RecordOutcome::Sibling(sibling) => {
                *coverage.records_of_siblings.entry(sibling).or_default() += 1;
            }
            RecordOutcome::Reject(reject) => {
                coverage.records_not_relevant -= 1;
                coverage.records_rejected += 1;
                coverage.rejects.add(reject);
            }
        }
    }
    coverage.objects_outside_window += listing.outside_window;
    for (&sibling, &count) in &listing.passed_over {
        *coverage.objects_passed_over.entry(sibling).or_default() += count;
    }
    coverage.notes.merge(&listing.notes);
    for (object, why) in &listing.failed {
        coverage.objects_failed += 1;
        coverage.rejects.add(Reject {
            object: object.clone(),
            record: None,
            offset: None,
            reason: RejectReason::Unreadable,
            detail: why.clone(),
        });
    }
    (events, coverage)
}

/// The sessions known to matter so far, shared by all readers.
pub(super) struct KnownInterest<'a> {
    plan: &'a Plan,
    /// True if more is learned on the way.
    learns: bool,
    relevant: RwLock<Arc<RelevantSessions>>,
    /// The relevance that was learned and is not shared yet.
    pending: Mutex<RelevantSessions>,
}

/// Relevant ids that are shared one by one. Beyond that, sharing each by itself would
/// copy all of them each time: they are shared once a good part of them is new.
const SHARED_ONE_BY_ONE_MAX: usize = 4096;
/// The part of all ids that is new when more are shared.
const SHARED_PART: usize = 16;

impl<'a> KnownInterest<'a> {
    pub(super) fn new(plan: &'a Plan, relevant: RelevantSessions) -> Self {
        Self {
            learns: true,
            ..Self::fixed(plan, relevant)
        }
    }

    /// The relevant sessions are fixed.
    pub(super) fn fixed(plan: &'a Plan, relevant: RelevantSessions) -> Self {
        Self {
            plan,
            learns: false,
            relevant: RwLock::new(Arc::new(relevant)),
            pending: Mutex::default(),
        }
    }

    fn now(&self) -> Arc<RelevantSessions> {
        let relevant = self.relevant.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&relevant)
    }

    fn learn(&self, events: &[Event]) {
        if !self.learns {
            return;
        }
        let mut learned = RelevantSessions::default();
        stitch::add_relevant(events, &self.plan.topology, &mut learned);
        let known = self.now();
        learned.sessions.retain(|id| !known.holds(id));
        learned.roles.retain(|id| !known.roles.contains(id));
        if learned.sessions.is_empty() && learned.roles.is_empty() {
            return;
        }
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.sessions.extend(learned.sessions);
        pending.roles.extend(learned.roles);
        let known = known.sessions.len() + known.roles.len();
        let new = pending.sessions.len() + pending.roles.len();
        if known < SHARED_ONE_BY_ONE_MAX || known / SHARED_PART <= new {
            let pending = std::mem::take(&mut *pending);
            let mut relevant = self
                .relevant
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            let relevant = Arc::make_mut(&mut relevant);
            relevant.sessions.extend(pending.sessions);
            relevant.roles.extend(pending.roles);
        }
    }
}

/// The objects among these that have to be read.
pub(super) fn not_indexed(plan: &Plan, source: &dyn LogSource, objects: &[u32]) -> Vec<u32> {
    let objects = objects.iter().copied();
    objects
        .filter(|&object| plan.all_sessions || source.indexed(object).is_none())
        .collect()
}

/// Returns the known content of an object that could not be read.
pub(super) fn contents_of(error: &SourceError) -> Contents {
    if error.is_absent {
        Contents::NotFound
    } else {
        Contents::Unreadable(error.message.as_str().into())
    }
}

/// One thread's reader.
pub(super) struct Worker<'a> {
    source: &'a dyn LogSource,
    pub(super) decoder: Decoder,
    /// Inflated bytes of all readers together, against the limit of the run.
    inflated: &'a AtomicU64,
    limit: u64,
    /// True if what is indexed is not read. Where the calls of all sessions are kept, everything is.
    uses_index: bool,
}

impl Worker<'_> {
    pub(super) fn first_pass(
        &mut self,
        object: u32,
        body: &mut Vec<u8>,
        known: &KnownInterest<'_>,
        watcher: &dyn Watcher,
    ) -> Contents {
        let indexed = self.source.indexed(object).filter(|_| self.uses_index);
        if let Some(indexed) = indexed {
            let key = self.source.key(object);
            let from = self.decoder.event_count();
            if self.decoder.indexed(object, &key, indexed) {
                known.learn(self.decoder.events_since(from));
                watcher.object(object, 0);
                return Contents::NotRead;
            }
        }
        self.read(object, body, known, watcher)
    }

    /// Reads an object, whatever is known of it.
    pub(super) fn read(
        &mut self,
        object: u32,
        body: &mut Vec<u8>,
        known: &KnownInterest<'_>,
        watcher: &dyn Watcher,
    ) -> Contents {
        let key = self.source.key(object);
        if self.inflated.load(Ordering::Relaxed) > self.limit {
            let detail = format!(
                "the run has already inflated more than {} bytes",
                self.limit
            );
            self.decoder
                .unreadable(&key, RejectReason::TooLarge, detail.clone());
            return Contents::Unreadable(detail.into());
        }
        let contents = match self.source.read(object, body) {
            Ok(()) => {
                let from = self.decoder.event_count();
                let size = self.decoder.object(object, &key, body, &known.now());
                self.inflated
                    .fetch_add(size.inflated_bytes, Ordering::Relaxed);
                known.learn(self.decoder.events_since(from));
                size.contents
            }
            Err(error) => {
                let contents = contents_of(&error);
                self.decoder
                    .unreadable(&key, RejectReason::Unreadable, error.message);
                contents
            }
        };
        watcher.object(object, body.len() as u64);
        contents
    }

    fn changed(&mut self, key: &crate::model::text::Text) {
        let detail = "its contents changed between the first and the second read".to_owned();
        self.decoder.unreadable(key, RejectReason::Changed, detail);
    }
}

/// Stored bytes whose memory is kept for the next object.
const BODY_BYTES_KEPT: usize = 16 << 20;

/// A function that processes an object: its worker, its position, its body.
type ObjectJob<'a, T> = &'a (dyn Fn(&mut Worker<'_>, u32, &mut Vec<u8>, &mut T) + Sync);

/// Gives the objects to all threads of the pool, one after the other; gives back what
/// each thread decoded, and what the job made in addition.
pub(super) fn on_all_threads<T: Default + Send>(
    plan: &Plan,
    source: &dyn LogSource,
    objects: &[u32],
    hashes: bool,
    job: ObjectJob<'_, T>,
) -> Vec<(Decoded, T)> {
    let next = AtomicUsize::new(0);
    let inflated = AtomicU64::new(0);
    let budget = InflateBudget::of(&plan.limits);
    rayon::broadcast(|_| {
        let decoder = Decoder::new(plan.window, plan.limits, plan.reading);
        let mut worker = Worker {
            source,
            decoder: decoder.hashing(hashes).sharing(Arc::clone(&budget)),
            inflated: &inflated,
            limit: plan.limits.run_bytes_max,
            uses_index: !plan.all_sessions,
        };
        let mut body = Vec::new();
        let mut made = T::default();
        while let Some(&object) = objects.get(next.fetch_add(1, Ordering::Relaxed)) {
            job(&mut worker, object, &mut body, &mut made);
            if body.capacity() > BODY_BYTES_KEPT {
                body = Vec::new();
            }
        }
        (worker.decoder.finish(), made)
    })
}
