//! `collect`: what is new of logs, statistics and costs is brought into the store.

use super::collected::CollectReport;
use super::context::RunContext;
use super::failure::Failure;
use super::fetch;
use super::places;
use super::sources;
use super::store_selection;
use super::stretches::Stretches;
use crate::config::LogLocation;
use crate::model::key::{KeyFacts, LOOKED_UP, is_below};
use crate::model::relevance::RelevantSessions;
use crate::model::text::{Text, digest_id};
use crate::model::time::{UtcDay, UtcSecond};
use crate::model::window::TimeWindow;
use crate::output::human::plural;
use crate::pipeline::{self, Plan, RecentClues, Watcher};
use crate::ports::{LogSource, Sources, Version};
use crate::store::{LedgerEntry, ReadObject, Writer};
use hashbrown::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

/// Days of events that new ones may belong together with: no role session lives longer
/// than half a day.
const RECENT_DAYS: i64 = 3;
/// The same, when other roles are declared than before.
const RECENT_DAYS_AFTER_CHANGE: i64 = 31;
/// Rounds in which relevant sessions lead to further ones.
const ROUNDS_MAX: usize = 8;

/// Options of `collect`.
#[derive(Debug, Clone, Copy)]
pub struct CollectOptions {
    /// The window that was asked for; else what a first run looks at.
    pub window: TimeWindow,
    /// True if it was asked for: else each place is looked at from where it was left.
    pub is_asked: bool,
    /// Wait until no one else writes to the store.
    pub wait: bool,
    /// Objects of one commit.
    pub commit_every: usize,
}

/// Objects of one commit, unless another number is asked for.
pub const COMMIT_EVERY: u32 = 4000;
/// Stored bytes of one commit, but for one larger object: its events are in memory at once.
const BATCH_BYTES_MAX: u64 = 64 << 20;

/// Objects that are committed together, in their order: so many, or fewer large ones.
fn batches(wanted: &[WantedObject], objects_max: usize) -> Vec<&[WantedObject]> {
    let mut batches = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, one) in wanted.iter().enumerate() {
        let is_full = at - start == objects_max || bytes + one.version.bytes > BATCH_BYTES_MAX;
        if at > start && is_full {
            batches.push(&wanted[start..at]);
            (start, bytes) = (at, 0);
        }
        bytes += one.version.bytes;
    }
    if start < wanted.len() {
        batches.push(&wanted[start..]);
    }
    batches
}

/// Brings what is new into the store.
///
/// # Errors
///
/// When there is no place for a store, or it cannot be written, or nothing can be listed.
/// What was kept until then counts.
pub fn collect(context: &RunContext, options: CollectOptions) -> Result<CollectReport, Failure> {
    let (mut writer, mut done) = collect_logs(context, options)?;
    let window = done.window;
    let gathered = fetch::gather(context, &mut writer, &window, &mut done);
    let tidied = writer.tidy(context.settings.store.retention_days)?;
    drop(writer);
    gathered?;
    if tidied.objects_forgotten > 0 {
        let forgotten = plural(tidied.objects_forgotten, "object");
        let days = context.settings.store.retention_days;
        done.lines.push(format!(
            "{forgotten} older than {days} days removed from the store"
        ));
    }
    Ok(done)
}

/// Brings what is new of the logs into the store, and nothing else: neither is AWS asked for other data, nor
/// is anything removed that the store has.
///
/// # Errors
///
/// As [`collect`].
pub(super) fn collect_logs(
    context: &RunContext,
    options: CollectOptions,
) -> Result<(Writer, CollectReport), Failure> {
    let Some(root) = store_selection::root(&context.options, &context.settings) else {
        return Err(Failure::usage("the store has no folder")
            .hint("set --store DIR, or [store] path = \"DIR\" in qs-audit.toml"));
    };
    let locations = sources::locations(context)?;
    if locations.contains(&LogLocation::Path("-".into())) {
        return Err(Failure::usage("standard input cannot be collected")
            .hint("collected logs must be readable again later: name a file or a folder"));
    }
    let locations = places::canonical(locations);
    let mut writer = context.write_store(&root, options.wait)?;
    let stretches = stretches(context, &mut writer, &locations, options)?;
    let window = stretches.window();
    let run = writer.begin(&window)?;
    let mut done = CollectReport {
        root,
        window,
        ..CollectReport::default()
    };
    let mut collector = Collector {
        context,
        writer: &mut writer,
        window,
        batch_objects: options.commit_every,
        done: &mut done,
    };
    collector.logs(&locations, &stretches)?;
    writer.finish(run, done.objects_read)?;
    Ok((writer, done))
}

/// Returns the stretches to look at: as requested, else from a little before the end of the last
/// run.
fn stretches(
    context: &RunContext,
    writer: &mut Writer,
    locations: &[LogLocation],
    options: CollectOptions,
) -> Result<Stretches, Failure> {
    let now = context.now;
    let usual = TimeWindow {
        to: Some(options.window.to.unwrap_or(now).min(now)),
        ..options.window
    };
    if options.is_asked {
        return Ok(Stretches::asked(locations, usual));
    }
    let look_back_seconds = i64::from(context.settings.store.look_back_days) * 86_400;
    Stretches::going_on(locations, writer, usual, look_back_seconds, now)
}

struct Collector<'a> {
    context: &'a RunContext,
    writer: &'a mut Writer,
    window: TimeWindow,
    /// Objects of one commit.
    batch_objects: usize,
    done: &'a mut CollectReport,
}

/// An object that has to be read.
struct WantedObject {
    object: u32,
    key: Text,
    version: Version,
    day: Option<jiff::civil::Date>,
}

/// Objects of one commit, and those of the next.
struct Objects<'a> {
    batch: &'a [WantedObject],
    next: &'a [WantedObject],
}

impl Collector<'_> {
    fn logs(&mut self, locations: &[LogLocation], stretches: &Stretches) -> Result<(), Failure> {
        let mut logs = self.list(stretches)?;
        let looked = stretches.looked();
        let mut failed = logs.listing().failed.clone();
        // One place may have been looked at in two stretches of time.
        failed.sort();
        failed.dedup();
        // What was listed once and could not be read is tried again.
        let mut unread = self.writer.unread()?;
        unread.retain(|key| {
            let mut places = looked.iter().map(|one| one.place);
            !key.starts_with(LOOKED_UP)
                && places.clone().any(|place| is_below(key, place))
                && !places.any(|place| place == key)
        });
        self.writer.note_unlisted(&looked, &failed)?;
        self.done.gaps.extend(failed.iter().cloned());
        for source in sources::of_keys(locations, &unread)? {
            logs.add(source);
        }
        let wanted = self.wanted(&logs)?;
        let plan = self.plan();
        let objects = wanted.iter().map(|one| one.object).collect();
        let bytes = wanted.iter().map(|one| one.version.bytes).sum();
        let watcher = self.context.notices.reading(&logs, objects, Some(bytes));
        let mut known = self.writer.relevant()?;
        let mut recent = self.recent(&wanted, &plan, &mut known)?;
        // Other roles may be declared than before, whether or not there is anything new.
        let mut relevant = recent.decide(known, &plan.topology);
        let batches = batches(&wanted, self.batch_objects);
        for (at, &batch) in batches.iter().enumerate() {
            let next = batches.get(at + 1).copied();
            let objects = Objects {
                batch,
                next: next.unwrap_or_default(),
            };
            relevant = self.batch(&plan, &logs, &objects, &mut recent, &relevant, &*watcher)?;
        }
        drop(watcher);
        self.came_late(&plan, locations, &mut recent, relevant)?;
        self.writer.set_fact("topology", &self.topology())?;
        // What was read of logs counts, whatever else goes wrong from here on.
        Ok(self.writer.cover(&looked, &failed)?)
    }

    /// Lists what is looked at; what is new of it may be on its way at once.
    fn list(&mut self, stretches: &Stretches) -> Result<Sources, Failure> {
        let writer = Mutex::new(&mut *self.writer);
        let seen: Mutex<HashSet<u64>> = Mutex::default();
        let state = RandomState::new();
        let is_new = |key: &str, version: &Version| {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
            // What cannot be told here is read in its turn, and says so then.
            seen.insert(state.hash_one(key))
                && matches!(
                    writer.entry(key, version),
                    Ok(LedgerEntry::New | LedgerEntry::Changed)
                )
        };
        sources::open_each(self.context, &stretches.places(), &is_new)
    }

    fn plan(&self) -> Plan {
        Plan {
            topology: self.context.settings.topology.clone(),
            threads: self.context.options.threads,
            ..Plan::default()
        }
    }

    /// Returns a fingerprint of the declared roles.
    fn topology(&self) -> String {
        let topology = &self.context.settings.topology;
        let consumers = topology
            .consumers
            .iter()
            .flat_map(|consumer| &consumer.roles);
        let roles = topology.run_as_roles.iter().chain(consumers);
        let mut spelled: Vec<String> = roles
            .map(|role| format!("{}/{}", role.account_id, role.name))
            .collect();
        spelled.sort();
        digest_id('t', spelled.iter().map(String::as_str))
    }

    /// The objects that were not read before, by day of delivery.
    fn wanted(&mut self, logs: &dyn LogSource) -> Result<Vec<WantedObject>, Failure> {
        let mut wanted = Vec::new();
        let mut seen: HashSet<Text> = HashSet::new();
        for object in 0..logs.object_count() {
            let key = logs.key(object);
            let Some(version) = logs.version(object) else {
                return Err(Failure::usage(format!("{key} can be read only once"))
                    .hint("collected logs must be readable again later: name a file or a folder"));
            };
            if !seen.insert(key.clone()) {
                continue;
            }
            match self.writer.entry(&key, &version)? {
                LedgerEntry::Read => self.done.objects_known += 1,
                LedgerEntry::New | LedgerEntry::Changed => wanted.push(WantedObject {
                    object,
                    day: KeyFacts::of(&key).delivery_day,
                    key,
                    version,
                }),
            }
        }
        wanted.sort_by_key(|one| (one.day, one.object));
        Ok(wanted)
    }

    /// Clues of events kept before that those to be read may belong together with.
    fn recent(
        &mut self,
        wanted: &[WantedObject],
        plan: &Plan,
        known: &mut RelevantSessions,
    ) -> Result<RecentClues, Failure> {
        let is_same = self
            .writer
            .fact("topology")?
            .is_none_or(|known| known == self.topology());
        let first = wanted.iter().find_map(|one| one.day);
        let first = first.map(UtcDay::of);
        let first = first.or(self.window.from.map(UtcSecond::utc_day));
        let first = first.unwrap_or(UtcDay::numbered(0));
        let days = if is_same {
            (first - RECENT_DAYS, first + RECENT_DAYS)
        } else {
            (self.writer.today() - RECENT_DAYS_AFTER_CHANGE, UtcDay::MAX)
        };
        let mut recent = RecentClues::default();
        self.writer.for_each_event_between(days, &mut |events| {
            recent.add(events, &plan.topology, known);
        })?;
        Ok(recent)
    }

    /// Reads some objects and keeps them; gives the relevant sessions that were added.
    fn batch(
        &mut self,
        plan: &Plan,
        logs: &dyn LogSource,
        &Objects { batch, next }: &Objects<'_>,
        recent: &mut RecentClues,
        known: &RelevantSessions,
        watcher: &dyn Watcher,
    ) -> Result<RelevantSessions, Failure> {
        let objects = |of: &[WantedObject]| of.iter().map(|one| one.object).collect::<Vec<u32>>();
        let (batch_objects, next_objects) = (objects(batch), objects(next));
        let collected = pipeline::collect(
            plan,
            logs,
            &batch_objects,
            &next_objects,
            recent,
            known,
            watcher,
        )?;
        let mut read = Vec::new();
        for (wanted, object) in batch.iter().zip(collected.objects) {
            self.done.records += object.coverage.records;
            self.done.rejected += object.coverage.rejects.total();
            if object.coverage.objects_failed > 0 {
                let rejects = object.coverage.rejects.iter();
                let examples = rejects.flat_map(|(_, _, examples)| examples);
                let first = examples.take(1);
                let named = first.map(|reject| (reject.object.clone(), reject.detail.clone()));
                self.done.gaps.extend(named);
            }
            read.push(ReadObject {
                key: wanted.key.clone(),
                version: wanted.version.clone(),
                delivery_day: wanted.day,
                coverage: object.coverage,
                events: object.events,
                session_events: object.session_events,
                fingerprints: object.fingerprints,
            });
        }
        self.done.objects_read += self.writer.commit(read, &collected.relevant)?;
        let last = batch.iter().filter_map(|one| one.day).next_back();
        if let Some(oldest) = last.map(|day| UtcDay::of(day) - RECENT_DAYS) {
            recent.forget_before(oldest);
        }
        Ok(collected.relevant)
    }

    /// Reads objects again in which calls were passed over that are relevant by now.
    fn came_late(
        &mut self,
        plan: &Plan,
        places: &[LogLocation],
        recent: &mut RecentClues,
        mut relevant: RelevantSessions,
    ) -> Result<(), Failure> {
        let mut before = Vec::new();
        for _ in 0..ROUNDS_MAX {
            let mut keys = self.writer.passed_over(&relevant)?;
            // Those were asked for by name, not for who made them.
            keys.retain(|key| !key.starts_with(LOOKED_UP));
            let known = keys.len();
            keys.retain(|key| places::is_in(places, key));
            self.note_elsewhere(known - keys.len());
            // What cannot be read again now, the next run tries.
            if keys.is_empty() || keys == before {
                return Ok(());
            }
            self.done.objects_again += keys.len() as u64;
            for logs in sources::of_keys(places, &keys)? {
                let mut again = Vec::new();
                for object in 0..logs.object_count() {
                    let key = logs.key(object);
                    again.push(WantedObject {
                        object,
                        version: self.writer.version(&key)?,
                        day: KeyFacts::of(&key).delivery_day,
                        key,
                    });
                }
                again.sort_by_key(|one| (one.day, one.object));
                let before = self.done.objects_read;
                let unwatched = &pipeline::Unwatched;
                for batch in batches(&again, self.batch_objects) {
                    let objects = Objects { batch, next: &[] };
                    relevant = self.batch(plan, &*logs, &objects, recent, &relevant, unwatched)?;
                }
                self.done.objects_read = before;
            }
            before = keys;
        }
        Ok(())
    }

    /// Says, once, that objects in other places than this run's hold calls that matter.
    fn note_elsewhere(&mut self, objects: usize) {
        const PLACE: &str = "log locations not configured in this run";
        if objects > 0 && !self.done.gaps.iter().any(|(place, _)| **place == *PLACE) {
            let objects = plural(objects as u64, "object");
            let why = format!(
                "{objects} of earlier runs contain calls of sessions that became relevant, and were not read again: collect \
                 with the --logs or [[logs]] of those objects"
            );
            self.done.gaps.push((PLACE.into(), why));
        }
    }
}
