//! The audit: logs or a store, read and stitched for a window.

use super::context::{RunContext, lock};
use super::day_inputs::DayInputs;
use super::exports::{self, Wants};
use super::failure::Failure;
use super::options::SpillOptions;
use super::places;
use super::sources;
use super::verification_inputs::{self, VerifyOptions, Verifying};
use crate::attribute::BilledQueries;
use crate::config::{LogLocation, Settings};
use crate::local::path_of;
use crate::model::audit::Audit;
use crate::model::bill::Bill;
use crate::model::chain::ambiguous_in;
use crate::model::chat_log::ChatLogs;
use crate::model::coverage::{Coverage, Rejects};
use crate::model::event::EventOrigin;
use crate::model::execution::Statistics;
use crate::model::ids::AccountId;
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use crate::model::window::TimeWindow;
use crate::output::human::plural;
use crate::pipeline::{
    self, AuditWithRecord, Earlier, Exports, PipelineError, Plan, RawEvents, ReadRun, Recollection,
    SlicedRun, TakeChains, Unwatched, Watcher,
};
use crate::ports::{Listing, LogSource, Sources};
use crate::store::{Spill, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

/// The time before now that a store may lack, in seconds: it is collected once a day.
const DAY_SECONDS: i64 = 86_400;

/// An audit that is ready to run.
pub struct AuditRun<'c> {
    /// The objects that are read, and how.
    pub plan: Plan,
    context: &'c RunContext,
    /// The verification of log files against digests, where the run asks for it.
    verifying: Option<Verifying>,
    /// The days before the window, of a run that has these from their records.
    pub(super) days_before: Option<DayInputs>,
    /// Lines of business units that could not be read.
    units_rejects: Rejects,
    units_notes: BTreeSet<String>,
    logs: Logs<'c>,
}

/// A run whose logs were read.
pub enum StitchedRun<'r> {
    /// The result.
    Whole(Box<Audit>),
    /// Chains come a day at a time.
    Sliced(SlicedAudit<'r>),
}

/// An audit whose chains come a day at a time.
pub struct SlicedAudit<'r> {
    run: &'r AuditRun<'r>,
    sliced: Box<SlicedRun<'r>>,
    watcher: Box<dyn Watcher + 'r>,
}

impl SlicedAudit<'_> {
    /// The result as far as it is known before chains are: the coverage.
    #[must_use]
    pub fn audit(&self) -> &Audit {
        self.sliced.audit()
    }

    /// The same, with no one to watch: what is made of the chains is seen.
    #[must_use]
    pub fn unwatched(self) -> Self {
        let watcher = Box::new(Unwatched);
        Self { watcher, ..self }
    }

    /// Stitches, and hands out chains in their order, some at a time. The result has none.
    ///
    /// # Errors
    ///
    /// When what was written cannot be read again, or chains cannot be taken.
    pub fn chains(self, take: &mut TakeChains<'_>) -> Result<Audit, Failure> {
        let audit = self.sliced.chains(&*self.watcher, take)?;
        Ok(self.run.with_inputs(audit))
    }
}

/// A run whose bill was split.
pub struct ChargedRun {
    /// The result. It may have no chains.
    pub audit: Audit,
    /// What charges are grouped by, where that is what queries read.
    pub queries: BilledQueries,
    /// The number of chains that are ambiguous.
    pub ambiguous: u64,
}

/// The source of events.
enum Logs<'c> {
    /// From logs that are read now.
    Read(Sources),
    /// From what was kept of them.
    Kept(&'c Mutex<Store>),
}

fn of_sessions_that_are_not_kept() -> Failure {
    Failure::usage("the store holds only calls of sessions that are related to Quick or Athena")
        .hint("use --logs to read all of them")
}

/// The places that logs of a store are read from again: those that are configured, and
/// the folders that it was made from.
fn kept_places(settings: &Settings, store: &Mutex<Store>) -> Result<Vec<LogLocation>, Failure> {
    let mut store = lock(store);
    let mut places = places::canonical(settings.places().cloned().collect());
    let of_store = store.roots()?;
    // What a store says is no reason to ask anyone for anything.
    let folders = of_store.iter().filter(|root| !root.contains("://"));
    places.extend(folders.map(|root| LogLocation::Path(path_of(root))));
    Ok(places)
}

impl<'c> AuditRun<'c> {
    /// Gathers everything that options and configuration name, for a window.
    ///
    /// # Errors
    ///
    /// When something that is named cannot be read.
    pub fn prepare(
        context: &'c RunContext,
        window: TimeWindow,
        wanted: Wants,
    ) -> Result<Self, Failure> {
        if let Some(store) = context.store()? {
            return Self::of_logs(context, Logs::Kept(store), window, wanted);
        }
        Self::of_locations(context, &sources::locations(context)?, window, wanted)
    }

    /// Gathers the same. With something to verify against, log files are verified while they
    /// are read: then the logs themselves are read, and not the store.
    ///
    /// # Errors
    ///
    /// As [`Self::prepare`], and when files are to be verified and a store is named.
    pub fn prepare_with(
        context: &'c RunContext,
        window: TimeWindow,
        wanted: Wants,
        verifying: Option<&VerifyOptions>,
    ) -> Result<Self, Failure> {
        let Some(against) = verifying else {
            return Self::prepare(context, window, wanted);
        };
        let locations = verification_inputs::locations(context, "--verify")?;
        let verifying = Verifying::open(context, &locations, &window, against)?;
        let mut run = Self::of_locations(context, &locations, window, wanted)?;
        run.verifying = Some(verifying);
        Ok(run)
    }

    /// Gathers the same, of what a store has, with a bill that may be of a longer time.
    pub(super) fn of_store(
        context: &'c RunContext,
        store: &'c Mutex<Store>,
        window: TimeWindow,
        bill: Option<Bill>,
    ) -> Result<Self, Failure> {
        let exports = Exports {
            bill,
            ..exports::exports(context, window, Wants::Statistics)?
        };
        Self::with_exports(context, Logs::Kept(store), window, exports)
    }

    /// The same run over another window of the store, with statistics of that, and without a bill and
    /// rules.
    pub(super) fn of_day(
        &self,
        store: &'c Mutex<Store>,
        window: TimeWindow,
        statistics: Option<Statistics>,
    ) -> Self {
        Self {
            plan: Plan {
                window,
                topology: self.plan.topology.clone(),
                threads: self.plan.threads,
                exports: Exports {
                    statistics,
                    bill: None,
                    pricing: self.plan.exports.pricing.clone(),
                    catalogs: self.plan.exports.catalogs.clone(),
                    chat_logs: self.plan.exports.chat_logs.clone(),
                },
                ..Plan::default()
            },
            context: self.context,
            verifying: None,
            days_before: None,
            units_rejects: Rejects::default(),
            units_notes: BTreeSet::new(),
            logs: Logs::Kept(store),
        }
    }

    pub(super) fn context(&self) -> &'c RunContext {
        self.context
    }

    /// The number of query executions that a store knows of the window; `None` where logs are read, or
    /// all events fit in memory.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub(super) fn query_count(&self, spill: &SpillOptions) -> Result<Option<u64>, Failure> {
        let Some(mut store) = self.store().map(lock) else {
            return Ok(None);
        };
        if self.fits_in_memory(&mut store, spill)? {
            return Ok(None);
        }
        Ok(Some(store.execution_count(&self.plan.window)?))
    }

    /// The store that events come from; `None` where logs are read.
    pub(super) fn store(&self) -> Option<&'c Mutex<Store>> {
        match &self.logs {
            Logs::Kept(store) => Some(store),
            Logs::Read(_) => None,
        }
    }

    /// Gathers the same, of logs in these places.
    ///
    /// # Errors
    ///
    /// As [`Self::prepare`].
    pub fn of_locations(
        context: &'c RunContext,
        locations: &[LogLocation],
        window: TimeWindow,
        wanted: Wants,
    ) -> Result<Self, Failure> {
        let logs = sources::open(context, locations, &window, sources::ALL)?;
        Self::of_logs(context, Logs::Read(logs), window, wanted)
    }

    fn of_logs(
        context: &'c RunContext,
        logs: Logs<'c>,
        window: TimeWindow,
        wanted: Wants,
    ) -> Result<Self, Failure> {
        let exports = exports::exports(context, window, wanted)?;
        Self::with_exports(context, logs, window, exports)
    }

    fn with_exports(
        context: &'c RunContext,
        logs: Logs<'c>,
        window: TimeWindow,
        exports: Exports,
    ) -> Result<Self, Failure> {
        let mut topology = context.settings.topology.clone();
        let units = exports::add_units(context, exports.bill.as_ref(), &mut topology)?;
        Ok(Self {
            plan: Plan {
                window,
                topology,
                threads: context.options.threads,
                exports,
                ..Plan::default()
            },
            context,
            verifying: None,
            days_before: None,
            logs,
            units_rejects: units.rejects,
            units_notes: units.notes,
        })
    }

    /// Reads, or remembers, and stitches.
    ///
    /// # Errors
    ///
    /// When the store cannot be read, or nothing can be done with what was.
    pub fn run(&self) -> Result<Audit, Failure> {
        let audit = match &self.logs {
            Logs::Kept(store) => self.remembered(store)?,
            Logs::Read(logs) => {
                let watcher = self.watcher(logs);
                self.read(logs, &*watcher)?
            }
        };
        Ok(self.with_inputs(audit))
    }

    /// Reads, or remembers, and stitches at once or, of more events than fit in memory, a day at a
    /// time. Logs that are verified while they are read stay in memory.
    ///
    /// # Errors
    ///
    /// As [`Self::run`], and when what does not fit in memory cannot be written.
    pub fn run_spilling<'r>(
        &'r self,
        file: &'r Spill,
        spill: &SpillOptions,
    ) -> Result<StitchedRun<'r>, Failure> {
        let whole = match &self.logs {
            Logs::Kept(store) => {
                let mut kept = lock(store);
                if !self.plan.all_sessions && !self.fits_in_memory(&mut kept, spill)? {
                    let sliced = self.recall(&mut kept, file, spill, Earlier::default())?;
                    return Ok(self.sliced(sliced, Box::new(Unwatched)));
                }
                drop(kept);
                self.run()?
            }
            Logs::Read(_) if self.verifying.is_some() => self.run()?,
            Logs::Read(logs) => {
                let (plan, watcher) = (&self.plan, self.watcher(logs));
                match pipeline::run_spilling(plan, logs, file, spill.limits(), &*watcher)? {
                    ReadRun::Whole(audit) => self.with_inputs(*audit),
                    ReadRun::Sliced(sliced) => return Ok(self.sliced(*sliced, watcher)),
                }
            }
        };
        Ok(StitchedRun::Whole(Box::new(whole)))
    }

    /// Reads and stitches, of more events than fit in memory a day at a time, and splits the bill. With
    /// `by_reads`, what queries read is gathered: their charges are to be grouped by that.
    ///
    /// # Errors
    ///
    /// As [`Self::run_spilling`].
    pub fn charged(
        &self,
        file: &Spill,
        spill: &SpillOptions,
        by_reads: bool,
    ) -> Result<ChargedRun, Failure> {
        let mut queries = if by_reads {
            BilledQueries::with_reads()
        } else {
            BilledQueries::default()
        };
        match self.run_spilling(file, spill)? {
            StitchedRun::Whole(audit) => {
                if by_reads {
                    queries.add(&audit.chains);
                }
                Ok(ChargedRun {
                    ambiguous: ambiguous_in(&audit.chains),
                    audit: *audit,
                    queries,
                })
            }
            StitchedRun::Sliced(sliced) => {
                let mut ambiguous = 0;
                let mut audit = sliced.chains(&mut |chains, _| {
                    ambiguous += ambiguous_in(&chains);
                    queries.add(&chains);
                    Ok(())
                })?;
                pipeline::charge(&mut audit, &mut queries, &self.plan)?;
                Ok(ChargedRun {
                    audit,
                    queries,
                    ambiguous,
                })
            }
        }
    }

    /// Reads and stitches, of more events than fit in memory a day at a time, and asks the rules.
    ///
    /// # Errors
    ///
    /// As [`Self::run_spilling`].
    pub fn checked(&self, file: &Spill, spill: &SpillOptions) -> Result<Audit, Failure> {
        match self.run_spilling(file, spill)? {
            StitchedRun::Whole(audit) => Ok(*audit),
            StitchedRun::Sliced(sliced) => {
                let (audit, _) = sliced.sliced.checked(&*sliced.watcher)?;
                Ok(self.with_inputs(audit))
            }
        }
    }

    /// Reads the store's events of the window, after days of which there are records; of more events
    /// than fit in memory, a day at a time.
    pub(super) fn checked_after(
        &self,
        file: &Spill,
        spill: &SpillOptions,
        earlier: Earlier,
    ) -> Result<AuditWithRecord, Failure> {
        let Logs::Kept(store) = &self.logs else {
            return Err(Failure::internal("days have records in a store alone"));
        };
        let mut store = lock(store);
        if self.fits_in_memory(&mut store, spill)? {
            return self.remember(&mut store, earlier);
        }
        let sliced = self.recall(&mut store, file, spill, earlier)?;
        Ok(sliced.checked(&Unwatched)?)
    }

    fn sliced<'r>(
        &'r self,
        sliced: SlicedRun<'r>,
        watcher: Box<dyn Watcher + 'r>,
    ) -> StitchedRun<'r> {
        StitchedRun::Sliced(SlicedAudit {
            run: self,
            sliced: Box::new(sliced),
            watcher,
        })
    }

    /// Returns true if the store's events of the window fit in memory.
    fn fits_in_memory(&self, store: &mut Store, spill: &SpillOptions) -> Result<bool, Failure> {
        Ok(store.event_count(&self.plan.window)? <= spill.above)
    }

    /// What a store has, a day at a time, after days of which there are records.
    fn recall<'r>(
        &'r self,
        store: &mut Store,
        file: &'r Spill,
        spill: &SpillOptions,
        earlier: Earlier,
    ) -> Result<SlicedRun<'r>, Failure> {
        let begin = || Recollection::new(&self.plan, file, spill.limits());
        let window = &self.plan.window;
        let (events, mut recalled) = store.recall(window, &begin, &Recollection::add)?;
        self.complete(store, &mut recalled.coverage, &mut recalled.listing)?;
        Ok(events.sliced(recalled, earlier, &Unwatched)?)
    }

    fn watcher<'s>(&self, logs: &'s Sources) -> Box<dyn Watcher + 's> {
        let all = (0..logs.object_count()).collect();
        let bytes = logs.listing().bytes;
        self.context.notices.reading(logs, all, bytes)
    }

    /// The result, with what is known of inputs other than logs.
    pub(super) fn with_inputs(&self, audit: Audit) -> Audit {
        let inventory = self.plan.checks.as_ref();
        let inventory = inventory.and_then(|checks| checks.inventory.as_ref());
        let mut inventory_rejects = Rejects::default();
        let catalogs = self.plan.exports.catalogs.as_ref();
        let chat_logs = self.plan.exports.chat_logs.as_ref();
        for rejects in [
            inventory.map(|known| &known.rejects),
            catalogs.map(|known| &known.rejects),
            chat_logs.map(|known| &known.rejects),
        ] {
            inventory_rejects.merge(rejects.cloned().unwrap_or_default());
        }
        Audit {
            units_rejects: self.units_rejects.clone(),
            units_notes: self.units_notes(&audit),
            inventory_rejects,
            chat_logs: chat_logs.map(ChatLogs::coverage),
            ..audit
        }
    }

    /// Notes on business units; accounts that nothing else knows are counted, since a list may be
    /// of a whole organization.
    fn units_notes(&self, audit: &Audit) -> BTreeSet<String> {
        let mut notes = self.units_notes.clone();
        let bill = self.plan.exports.bill.iter();
        let billed = bill.flat_map(|bill| bill.lines.keys().map(|key| &key.account_id));
        let logged = audit.coverage.seen.keys().map(|(account, ..)| account);
        let reached = audit.chains.iter();
        let reached = reached.filter_map(|chain| chain.consumer_account_id.as_ref());
        let known = billed.chain(logged).chain(reached);
        let known = known.chain(&audit.named.consumers);
        let known: BTreeSet<&AccountId> = known.collect();
        let units = self.plan.topology.units.iter();
        let elsewhere = units
            .filter(|(account, unit)| unit.business_unit.is_some() && !known.contains(account));
        match elsewhere.count() as u64 {
            0 => {}
            count => {
                let accounts = plural(count, "account");
                let is_are = if count == 1 { "is" } else { "are" };
                notes.insert(format!(
                    "{accounts} of the business units {is_are} in no log and no bill"
                ));
            }
        }
        notes
    }

    /// Reads and stitches once more, unwatched.
    ///
    /// # Errors
    ///
    /// As [`Self::run`].
    pub fn run_again(&self) -> Result<Audit, Failure> {
        match &self.logs {
            Logs::Kept(store) => self.remembered(store),
            Logs::Read(logs) => Ok(self.read(logs, &Unwatched)?),
        }
    }

    /// Returns the store that events come from, and when it was last brought up to date;
    /// `None` where logs are read.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn kept_in(&self) -> Result<Option<(String, UtcSecond)>, Failure> {
        let Logs::Kept(store) = &self.logs else {
            return Ok(None);
        };
        let mut store = lock(store);
        let last = store.last_run()?;
        Ok(last.map(|last| (store.root().display().to_string(), last)))
    }

    fn remember(&self, store: &mut Store, earlier: Earlier) -> Result<AuditWithRecord, Failure> {
        if self.plan.all_sessions {
            return Err(of_sessions_that_are_not_kept());
        }
        let mut remembered = store.remember(&self.plan.window)?;
        self.complete(store, &mut remembered.coverage, &mut remembered.listing)?;
        Ok(pipeline::run_after(&self.plan, remembered, earlier)?)
    }

    /// Adds what a store says of the whole time: what was never collected, and the activity of days that
    /// are known from their records.
    fn complete(
        &self,
        store: &mut Store,
        coverage: &mut Coverage,
        listing: &mut Listing,
    ) -> Result<(), Failure> {
        listing.failed.extend(self.not_collected(store)?);
        if let Some(days) = &self.days_before {
            coverage.seen = store.activity(&days.span)?;
            // Records of the longer time were not counted.
            coverage.is_window_cut = true;
        }
        Ok(())
    }

    /// What the store has of the window, in memory.
    fn remembered(&self, store: &Mutex<Store>) -> Result<Audit, Failure> {
        let (audit, _) = self.remember(&mut lock(store), Earlier::default())?;
        Ok(audit)
    }

    /// Reads logs, and verifies them where that was asked for.
    fn read(&self, logs: &Sources, watcher: &dyn Watcher) -> Result<Audit, PipelineError> {
        match &self.verifying {
            Some(verifying) => {
                let evidence = verifying.evidence(self.context.now);
                pipeline::run_verifying(&self.plan, logs, &evidence, watcher)
            }
            None => pipeline::run(&self.plan, logs, watcher),
        }
    }

    /// Returns the parts of the window that were never collected: they count as logs that could not
    /// be read.
    fn not_collected(&self, store: &mut Store) -> Result<Vec<(Text, String)>, Failure> {
        let days_before = self.days_before.as_ref();
        let window = days_before.map_or(&self.plan.window, |days| &days.span);
        let place = Text::from(store.root().to_string_lossy());
        let Some((from, to)) = store.covered()? else {
            return Ok(vec![(place, "nothing has been collected yet".to_owned())]);
        };
        let mut missing = Vec::new();
        let mut add = |from: UtcSecond, to: UtcSecond| {
            let why = format!(
                "nothing was collected from {from} to {to}: qs-audit collect --from {from} --to {to}"
            );
            missing.push((place.clone(), why));
        };
        if let Some(asked) = window.from.filter(|asked| *asked < from) {
            add(asked, from);
        }
        // What has not happened is not missing, nor what a run of this day will bring.
        let end = window.to.unwrap_or(self.context.now).min(self.context.now);
        let is_past = window.to.is_some_and(|asked| asked <= self.context.now);
        let slack = if is_past { 0 } else { DAY_SECONDS };
        if to.plus(slack) < end {
            add(to, end);
        }
        Ok(missing)
    }

    /// Returns whether calls of sessions that have nothing to do with Quick or Athena can
    /// be told.
    #[must_use]
    pub fn can_tell_all_sessions(&self) -> bool {
        matches!(self.logs, Logs::Read(_))
    }

    /// Returns events as they were logged, read again from where they came from.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn raw_events(&self, audit: &Audit, places: &[EventOrigin]) -> Result<RawEvents, Failure> {
        let store = match &self.logs {
            Logs::Read(logs) => return Ok(pipeline::raw_events(&self.plan, logs, places)),
            Logs::Kept(store) => store,
        };
        let locations = kept_places(&self.context.settings, store)?;
        let logs: BTreeSet<u32> = places.iter().map(|place| place.object).collect();
        let positions: BTreeMap<&str, u32> = logs
            .iter()
            .filter_map(|object| Some((&**audit.objects.get(object)?, *object)))
            .collect();
        let keys: Vec<String> = positions.keys().map(ToString::to_string).collect();
        let mut found = RawEvents::default();
        for source in sources::of_keys(&locations, &keys)? {
            // Each source has its own positions.
            let own: BTreeMap<u32, u32> = (0..source.object_count())
                .filter_map(|object| Some((*positions.get(&*source.key(object))?, object)))
                .collect();
            let wanted = places.iter().filter_map(|place| {
                let object = *own.get(&place.object)?;
                Some(EventOrigin { object, ..*place })
            });
            let wanted: Vec<EventOrigin> = wanted.collect();
            let back: BTreeMap<u32, u32> =
                own.iter().map(|(ours, theirs)| (*theirs, *ours)).collect();
            let raw = pipeline::raw_events(&self.plan, &*source, &wanted);
            found.redacted += raw.redacted;
            found
                .events
                .extend(raw.events.into_iter().filter_map(|(place, value)| {
                    let object = *back.get(&place.object)?;
                    Some((EventOrigin { object, ..place }, value))
                }));
        }
        Ok(found)
    }
}
