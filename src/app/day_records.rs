//! Days before a window, from their records in the store. A record that was made of something else than
//! the store has now is made again.

use super::audit::AuditRun;
use super::context::{RunContext, lock};
use super::exports::Wants;
use super::failure::Failure;
use super::options::SpillOptions;
use crate::event_list::list::VERSION as LIST_VERSION;
use crate::model::execution::Statistics;
use crate::model::text::{Text, digest_id};
use crate::model::time::UtcDay;
use crate::model::window::TimeWindow;
use crate::pipeline::{DayFacts, DayRecord, DayTallies, Earlier, RECORD_VERSION, RecordPlan};
use crate::rules::HistoryOptions;
use crate::store::{NewRecord, Spill, Store, StoreError, Writer};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Days before a day whose facts decide about it.
const FACTS_DAYS: i64 = 28;

/// Makes and keeps records of days.
pub(super) struct DayRecords<'c> {
    context: &'c RunContext,
    store: &'c Mutex<Store>,
    /// Where what does not fit in memory goes.
    file: &'c Spill,
    spill: &'c SpillOptions,
    plan: RecordPlan,
    /// Tells configuration and inputs other than logs from all others.
    settings: String,
    /// The same of query statistics that are given as files, by day.
    statistics: BTreeMap<UtcDay, String>,
    /// What each kept record was made of.
    kept: BTreeMap<UtcDay, Text>,
    /// The facts of kept records.
    facts: BTreeMap<UtcDay, DayFacts>,
    revisions: BTreeMap<UtcDay, i64>,
    /// True if it was said that records cannot be kept.
    is_noted: bool,
    /// The number of records that were made.
    made: u64,
}

impl<'c> DayRecords<'c> {
    /// Looks up the records of days before one.
    pub(super) fn open(
        run: &AuditRun<'c>,
        store: &'c Mutex<Store>,
        file: &'c Spill,
        spill: &'c SpillOptions,
        options: HistoryOptions,
    ) -> Result<Self, Failure> {
        let plan = &run.plan;
        let exports = &plan.exports;
        let settings = digest_id(
            's',
            [
                &*format!("{RECORD_VERSION} {LIST_VERSION}"),
                &format!("{:?}", plan.topology),
                &format!("{options:?}"),
                &format!("{:?}", exports.pricing),
                &format!("{:?}", exports.catalogs),
                &format!("{:?}", exports.chat_logs),
            ],
        );
        let given = super::exports::statistics(run.context())?;
        let mut records = Self {
            context: run.context(),
            store,
            file,
            spill,
            plan: RecordPlan { options },
            settings,
            statistics: given.map(|given| by_day(&given)).unwrap_or_default(),
            kept: BTreeMap::new(),
            facts: BTreeMap::new(),
            revisions: BTreeMap::new(),
            is_noted: false,
            made: 0,
        };
        let mut store = lock(store);
        records.kept = store.day_records(UtcDay::MIN, UtcDay::MAX)?;
        records.revisions = store.day_revisions(UtcDay::MIN, UtcDay::MAX)?;
        Ok(records)
    }

    /// Looks up the facts of the days that decide about days from one to another.
    fn load_facts(&mut self, first: UtcDay, last: UtcDay) {
        let days = self.kept.range(first - FACTS_DAYS..last);
        let facts = days.filter_map(|(day, _)| Some((*day, self.read_facts(*day)?)));
        self.facts = facts.collect();
    }

    /// The records of days from one to before another. Those that do not count any more are made, and
    /// kept where the store can be written.
    pub(super) fn earlier(&mut self, first: UtcDay, live: UtcDay) -> Result<DayRecord, Failure> {
        self.load_facts(first, live);
        let mut record = DayRecord::default();
        for day in first.until(live) {
            let inputs = self.inputs(day);
            let is_kept = self.kept.get(&day).is_some_and(|kept| **kept == *inputs);
            let of_day = if is_kept { self.read(day) } else { None };
            let of_day = if let Some(of_day) = of_day {
                of_day
            } else {
                let made = self.make(day)?;
                self.keep(day, &inputs, &made);
                made
            };
            record.facts.merge(of_day.facts);
            record.tallies.merge(of_day.tallies);
        }
        Ok(record)
    }

    /// Keeps the record of a day that a run evaluated, if the run knew the facts of the same days before
    /// it as the record has to: those from `first` on.
    pub(super) fn keep_of_window(&mut self, first: UtcDay, day: UtcDay, record: &DayRecord) {
        let knew_all = self.kept.range(day - FACTS_DAYS..first).next().is_none();
        let knew_more = first < day - FACTS_DAYS;
        if knew_all && !knew_more {
            let inputs = self.inputs(day);
            self.keep(day, &inputs, record);
        }
    }

    /// The number of records that were made before the run.
    pub(super) fn made(&self) -> u64 {
        self.made
    }

    /// Tells what a day's record is made of from everything else.
    fn inputs(&self, day: UtcDay) -> String {
        let revision = self.revisions.get(&day).copied().unwrap_or_default();
        let statistics = self.statistics.range(day - 1..=day + 1);
        let statistics = statistics.map(|(_, digest)| digest.as_str());
        let facts = self.facts_before(day).digest();
        let revision = revision.to_string();
        let parts = [self.settings.as_str(), &revision, &facts].into_iter();
        digest_id('d', parts.chain(statistics))
    }

    /// The kept record of a day; `None` if it cannot be read: what cannot be is made again.
    fn read(&self, day: UtcDay) -> Option<DayRecord> {
        let facts = self.read_facts(day)?;
        let tallies = lock(self.store).day_tallies(day).ok()??;
        let tallies = DayTallies::decoded(&tallies).ok()?;
        Some(DayRecord { facts, tallies })
    }

    /// The facts of the days before one, together.
    fn facts_before(&self, day: UtcDay) -> DayFacts {
        let mut before = DayFacts::default();
        for (_, facts) in self.facts.range(day - FACTS_DAYS..day) {
            before.merge(facts.clone());
        }
        before
    }

    fn read_facts(&self, day: UtcDay) -> Option<DayFacts> {
        let (clues, events) = lock(self.store).day_facts(day).ok()??;
        DayFacts::decoded(&clues, events).ok()
    }

    /// Makes the record of a day: a run over that day alone, with the facts of the days before.
    fn make(&mut self, day: UtcDay) -> Result<DayRecord, Failure> {
        self.made += 1;
        let before = DayRecord {
            facts: self.facts_before(day),
            ..DayRecord::default()
        };
        let window = TimeWindow {
            from: Some(day.start()),
            to: Some((day + 1).start()),
        };
        let mut run = AuditRun::of_store(self.context, self.store, window, Wants::Statistics)?;
        run.plan.record = Some(self.plan.clone());
        let earlier = Earlier {
            record: before,
            span: None,
        };
        let (_, record) = run.checked_after(self.file, self.spill, earlier)?;
        Ok(record.unwrap_or_default())
    }

    /// Keeps a record. If another run writes to the store, or it cannot be written, the record is made
    /// again by the next run.
    fn keep(&mut self, day: UtcDay, inputs: &str, record: &DayRecord) {
        self.kept.insert(day, inputs.into());
        self.facts.insert(day, record.facts.clone());
        let kept = self.try_to_keep(
            day,
            &NewRecord {
                inputs,
                facts: &record.facts.encoded(),
                events: record.facts.events(),
                tallies: &record.tallies.encoded(),
            },
        );
        if let Err(error) = kept
            && !self.is_noted
        {
            self.is_noted = true;
            self.context.notices.note(&format!(
                "sums of days could not be kept, and are made again by the next run: {error}"
            ));
        }
    }

    fn try_to_keep(&self, day: UtcDay, record: &NewRecord<'_>) -> Result<(), StoreError> {
        let root = lock(self.store).root().to_owned();
        let now = self.context.now;
        let holder = format!("process {}, since {now}", std::process::id());
        // It is open for a moment only: others may want to write.
        let mut writer = Writer::open(&root, &holder, false, now)?;
        writer.keep_day_record(day, record)
    }
}

/// Tells the statistics of each day from all others.
fn by_day(statistics: &Statistics) -> BTreeMap<UtcDay, String> {
    let mut days: BTreeMap<UtcDay, Vec<String>> = BTreeMap::new();
    for (id, of) in &statistics.by_id {
        let day = of.submitted_at.map_or(UtcDay::MIN, |at| at.utc_day());
        days.entry(day).or_default().push(format!("{id:?} {of:?}"));
    }
    let days = days.into_iter().map(|(day, mut told)| {
        told.sort_unstable();
        let told = told.iter().map(String::as_str);
        (day, digest_id('q', told))
    });
    days.collect()
}
