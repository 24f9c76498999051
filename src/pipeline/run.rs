//! A run: the stages in their order.

use super::day_records::{DayRecord, Earlier, RecordDraft};
use super::evaluate::evaluate;
use super::money::{charge, join_statistics, split};
use super::plan::{Checks, Exports, PipelineError, Plan, SlicePlan, SpillLimits, Watcher, pool};
use super::read::Spilled;
use super::slices::{EventsByDay, SlicedRun};
use super::spool::Spool;
use super::verify::VerificationInputs;
use super::{read, verify};
use crate::attribute::{AttributeError, BilledQueries};
use crate::decode::{Candidate, Decoded, RecordOutcome};
use crate::model::audit::{Audit, AuditSlice};
use crate::model::coverage::Coverage;
use crate::model::event::{Event, EventOrigin};
use crate::model::integrity::{Integrity, Verification};
use crate::model::text::Text;
use crate::ports::{KeptEvent, LogSource, Recalled, Remembered, SpillFile};
use crate::reads::{self, ReadsTally};
use crate::rules::{self, History, HistoryInput};
use crate::stitch::{self, WindowClues};
use hashbrown::HashSet;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Reads the source and stitches what is in it.
///
/// # Errors
///
/// When threads cannot be started, or the counts do not add up. Whatever cannot
/// be read is in the result's coverage instead.
pub fn run(
    plan: &Plan,
    source: &dyn LogSource,
    watcher: &dyn Watcher,
) -> Result<Audit, PipelineError> {
    let read = pool(plan)?.install(|| read::read(plan, source, false, watcher));
    let key = |object| source.key(object);
    finish(plan, &key, read.events, read.coverage, None)
}

/// A run whose logs were read.
pub enum ReadRun<'a> {
    /// All of its events were in memory: the result.
    Whole(Box<Audit>),
    /// Its events are on disk.
    Sliced(Box<SlicedRun<'a>>),
}

/// The same, with more kept events than fit in memory written to a file. Then chains come a day at a
/// time, and neither a bill nor rules are evaluated.
///
/// # Errors
///
/// As for [`run`], and when the file cannot be written or read.
pub fn run_spilling<'a>(
    plan: &'a Plan,
    source: &dyn LogSource,
    file: &'a dyn SpillFile,
    limits: SpillLimits,
    watcher: &dyn Watcher,
) -> Result<ReadRun<'a>, PipelineError> {
    let threads = pool(plan)?;
    let spool = Spool::new(file, limits, &plan.topology, plan.all_sessions);
    match threads.install(|| read::read_spilling(plan, source, spool, watcher))? {
        Spilled::InMemory(read) => {
            let key = |object| source.key(object);
            let audit = finish(plan, &key, read.events, read.coverage, None)?;
            Ok(ReadRun::Whole(Box::new(audit)))
        }
        Spilled::OnDisk(events, coverage) => {
            let none = Earlier::default();
            let run = threads.install(|| SlicedRun::new(plan, *events, coverage, none, watcher))?;
            Ok(ReadRun::Sliced(Box::new(run)))
        }
    }
}

/// The same, with every log file held against the digests in the same pass.
///
/// # Errors
///
/// As for [`run`].
pub fn run_verifying(
    plan: &Plan,
    source: &dyn LogSource,
    evidence: &VerificationInputs<'_>,
    watcher: &dyn Watcher,
) -> Result<Audit, PipelineError> {
    pool(plan)?.install(|| {
        let chains = verify::chains(plan, evidence);
        let read = read::read(plan, source, true, watcher);
        let verified =
            verify::reconcile(plan, source, evidence, &chains, read.contents, &read.events);
        let key = |object| source.key(object);
        finish(plan, &key, read.events, read.coverage, Some(verified))
    })
}

/// The same of what was read before, and kept.
///
/// # Errors
///
/// As for [`run`].
pub fn run_again(plan: &Plan, remembered: Remembered) -> Result<Audit, PipelineError> {
    let (audit, _) = run_after(plan, remembered, Earlier::default())?;
    Ok(audit)
}

/// The same, after days of which there are records.
///
/// # Errors
///
/// As for [`run`].
pub fn run_after(
    plan: &Plan,
    remembered: Remembered,
    earlier: Earlier,
) -> Result<AuditWithRecord, PipelineError> {
    let Remembered {
        events,
        session_events,
        coverage,
        keys,
        listing,
    } = remembered;
    let coverage = counted(coverage, events.len() as u64);
    let relevant = stitch::relevant(&events, &plan.topology, plan.all_sessions);
    let candidates = session_events.into_iter().map(|event| Candidate {
        assumed_role_id: event.identity.principal_id.clone().unwrap_or_default(),
        object: event.place.object,
        outcome: RecordOutcome::Event(Box::new(event)),
    });
    let whole = Decoded {
        events,
        candidates: candidates.collect(),
        coverage,
        ..Decoded::default()
    };
    let (events, coverage) = read::reconcile(whole, &relevant, &listing);
    let key = |object: u32| keys.get(&object).cloned().unwrap_or_else(|| "".into());
    let read = WindowEvents {
        events,
        coverage,
        verified: None,
    };
    finish_after(plan, &key, read, earlier)
}

/// Events that an earlier run kept, more than fit in memory, on their way to a file.
pub struct Recollection<'a> {
    plan: &'a Plan,
    spool: Spool<'a>,
    held: Vec<KeptEvent>,
    part_events: usize,
    /// Events that matter in themselves.
    kept: u64,
}

impl<'a> Recollection<'a> {
    /// Has no events yet.
    #[must_use]
    pub fn new(plan: &'a Plan, file: &'a dyn SpillFile, limits: SpillLimits) -> Self {
        Self {
            plan,
            spool: Spool::new(file, limits, &plan.topology, plan.all_sessions),
            held: Vec::new(),
            part_events: limits.part_events,
            kept: 0,
        }
    }

    /// Adds an event.
    pub fn add(&mut self, event: KeptEvent) {
        self.kept += u64::from(!event.is_of_session);
        self.held.push(event);
        if self.held.len() >= self.part_events {
            self.spool.add_kept(std::mem::take(&mut self.held));
        }
    }

    /// Finds out what has to be known of the whole window.
    ///
    /// # Errors
    ///
    /// As for [`run_spilling`].
    pub fn sliced(
        mut self,
        recalled: Recalled,
        earlier: Earlier,
        watcher: &dyn Watcher,
    ) -> Result<SlicedRun<'a>, PipelineError> {
        self.spool.add_kept(std::mem::take(&mut self.held));
        let coverage = counted(recalled.coverage, self.kept);
        let relevant = self.spool.take_clues().decide(&self.plan.topology);
        let whole = Decoded {
            coverage,
            ..Decoded::default()
        };
        let (_, mut coverage) = read::reconcile(whole, &relevant, &recalled.listing);
        pool(self.plan)?.install(|| {
            let none = HashSet::new();
            let events = EventsByDay::new(self.spool, relevant, none, &mut coverage)?;
            SlicedRun::new(self.plan, events, coverage, earlier, watcher)
        })
    }
}

/// The coverage of objects that were read before, of which so many records are kept.
fn counted(mut coverage: Coverage, kept: u64) -> Coverage {
    coverage.records_kept = kept;
    let others = coverage.records_kept + coverage.records_rejected;
    coverage.records_not_relevant = coverage.records.saturating_sub(others);
    coverage
}

/// The result of verification, and the integrity status of each object.
type VerifiedObjects = (Verification, Vec<Integrity>);

fn finish(
    plan: &Plan,
    key: &dyn Fn(u32) -> Text,
    events: Vec<Event>,
    coverage: Coverage,
    verified: Option<VerifiedObjects>,
) -> Result<Audit, PipelineError> {
    let read = WindowEvents {
        events,
        coverage,
        verified,
    };
    let (audit, _) = finish_after(plan, key, read, Earlier::default())?;
    Ok(audit)
}

/// What was read of a window.
struct WindowEvents {
    events: Vec<Event>,
    coverage: Coverage,
    verified: Option<VerifiedObjects>,
}

fn finish_after(
    plan: &Plan,
    key: &dyn Fn(u32) -> Text,
    read: WindowEvents,
    earlier: Earlier,
) -> Result<AuditWithRecord, PipelineError> {
    let WindowEvents {
        events,
        mut coverage,
        verified,
    } = read;
    let (verification, integrity) = verified.unzip();
    let integrity = integrity.unwrap_or_default();
    PipelineError::check(&coverage)?;
    let accounts_seen = coverage.accounts_seen();
    let context = plan.context(&accounts_seen, &integrity);
    let deduped = stitch::dedupe(events, &integrity);
    coverage.duplicates = deduped.duplicates;
    coverage.conflicts = deduped.conflicts;
    coverage.replaced = deduped.replaced;
    let DayRecord { facts, tallies } = earlier.record;
    let mut draft = RecordDraft::of(plan);
    let clues = WindowClues::of(&deduped.events, &plan.topology);
    if let Some(draft) = &mut draft {
        draft.set_clues(&clues);
        draft.add_events(deduped.events.iter());
    }
    let events = with_earlier(deduped.events, facts.events_before(&plan.window));
    let facts = facts.clues_after(clues).facts(&plan.topology);
    let (chains, roles) = stitch::stitch(&events, &facts, &context);
    let mut audit = Audit {
        window: earlier.span.unwrap_or(plan.window),
        objects: keys_of(key, &events),
        coverage,
        chains,
        named: tallies.history.named().clone(),
        events,
        verification,
        ..Audit::default()
    };
    audit.statistics = join_statistics(&mut audit.chains, &plan.exports);
    tallies.queries.counted().add_to(&mut audit.statistics);
    if plan.exports.bill.is_some() {
        let mut queries = tallies.queries;
        queries.add(&audit.chains);
        charge(&mut audit, &mut queries, plan)?;
    }
    reads::attach(&mut audit.chains, &audit.events, plan.exports.of_reads());
    let mut of_reads = ReadsTally::of(&audit.chains, &audit.events, plan.window);
    let record = draft.map(|mut draft| {
        draft.add_chains(&audit.chains, &audit.events, &roles);
        draft.finish(of_reads.clone(), roles.clone())
    });
    of_reads.merge(tallies.reads);
    audit.coverage.reads_not_logged = of_reads.not_logged(plan.owners());
    audit.roles = tallies.roles;
    audit.roles.add(roles);
    if let Some(checks) = &plan.checks {
        check(&mut audit, checks, plan, &integrity, tallies.history);
    }
    if let Some(wanted) = &plan.slice {
        let context = stitch::Context {
            window: wanted.window,
            ..context
        };
        audit.slice = Some(slice(
            &audit.events,
            wanted,
            &facts,
            &plan.exports,
            &context,
        )?);
    }
    Ok((audit, record))
}

/// Asks the rules, after the days of a history.
fn check(
    audit: &mut Audit,
    checks: &Checks,
    plan: &Plan,
    integrity: &[Integrity],
    mut history: History,
) {
    if let Some(baseline) = checks.baseline(plan) {
        let input = HistoryInput {
            baseline,
            roles: &audit.roles,
            chains: &audit.chains,
            events: &audit.events,
        };
        history.add(&input, &rules::history_options(&checks.rules));
    }
    evaluate(audit, checks, plan, integrity, &history);
}

/// A result, and the record of its day, if the plan asks for that.
pub type AuditWithRecord = (Audit, Option<DayRecord>);

/// Events with those of earlier days, in their order.
fn with_earlier(mut events: Vec<Event>, earlier: Vec<Event>) -> Vec<Event> {
    if earlier.is_empty() {
        return events;
    }
    events.extend(earlier);
    stitch::in_order(events)
}

/// A part of the window by itself, from the events of the whole.
fn slice(
    events: &[Event],
    wanted: &SlicePlan,
    facts: &stitch::WindowFacts,
    exports: &Exports,
    context: &stitch::Context<'_>,
) -> Result<AuditSlice, AttributeError> {
    let (mut chains, _) = stitch::stitch(events, facts, context);
    let statistics = join_statistics(&mut chains, exports);
    let mut queries = BilledQueries::of(&chains);
    let (attribution, bill) = split(&wanted.bill, &mut queries, &exports.pricing)?;
    reads::attach(&mut chains, events, exports.of_reads());
    Ok(AuditSlice {
        window: wanted.window,
        chains,
        statistics,
        attribution,
        bill,
    })
}

/// Keys of the objects that kept events came from.
fn keys_of(key: &dyn Fn(u32) -> Text, events: &[Event]) -> BTreeMap<u32, Text> {
    let objects: BTreeSet<u32> = events.iter().map(|event| event.place.object).collect();
    let keyed = objects.into_iter().map(|object| (object, key(object)));
    keyed.collect()
}

/// Events as they were logged, with secrets replaced.
#[derive(Debug, Default)]
pub struct RawEvents {
    /// The events, with where they are.
    pub events: Vec<(EventOrigin, Value)>,
    /// The number of values in them that were redacted.
    pub redacted: u64,
}

/// Reads events again, whole, as JSON with secrets replaced.
///
/// What can no longer be read is left out.
#[must_use]
pub fn raw_events(plan: &Plan, source: &dyn LogSource, places: &[EventOrigin]) -> RawEvents {
    let mut by_object: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    for place in places {
        by_object
            .entry(place.object)
            .or_default()
            .insert(place.record);
    }
    let mut decoder = crate::decode::Decoder::new(plan.window, plan.limits, plan.reading);
    let mut body = Vec::new();
    let mut raw = RawEvents::default();
    for (object, records) in by_object {
        if source.read(object, &mut body).is_ok() {
            let (values, redacted) = decoder.raw(&body, &records);
            let values = values.into_iter();
            raw.events
                .extend(values.map(|(record, value)| (EventOrigin { object, record }, value)));
            raw.redacted += redacted;
        }
    }
    raw
}
