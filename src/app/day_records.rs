//! Days before a window, from their records in the store. A record that was made of something else than
//! the store has now is made again.

use super::audit::AuditRun;
use super::context::{RunContext, lock};
use super::day_inputs::{DayInputs, FACTS_DAYS};
use super::exports;
use super::failure::Failure;
use super::options::SpillOptions;
use crate::model::text::{Text, digest_id};
use crate::model::time::UtcDay;
use crate::model::topology::Topology;
use crate::model::window::TimeWindow;
use crate::pipeline::{DayFacts, DayRecord, DayTallies, Earlier, Plan, RECORD_VERSION, RecordPlan};
use crate::rules::HistoryOptions;
use crate::store::{NewRecord, Spill, Store, StoreError};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Makes and keeps records of days.
pub(super) struct DayRecords<'r, 'c> {
    run: &'r AuditRun<'c>,
    inputs: &'r DayInputs,
    context: &'c RunContext,
    store: &'c Mutex<Store>,
    /// Where what does not fit in memory goes.
    file: &'r Spill,
    spill: &'r SpillOptions,
    plan: RecordPlan,
    /// Tells configuration and inputs other than logs and statistics from all others.
    settings: String,
    /// What each kept record was made of.
    kept: BTreeMap<UtcDay, Text>,
    /// The facts of kept records.
    facts: BTreeMap<UtcDay, DayFacts>,
    /// True if it was said that records cannot be kept.
    is_noted: bool,
    /// The number of records that were made.
    made: u64,
}

impl<'r, 'c> DayRecords<'r, 'c> {
    /// Looks up the records of days before one.
    pub(super) fn open(
        run: &'r AuditRun<'c>,
        inputs: &'r DayInputs,
        store: &'c Mutex<Store>,
        file: &'r Spill,
        spill: &'r SpillOptions,
        options: HistoryOptions,
    ) -> Result<Self, Failure> {
        let kept = lock(store).day_records(UtcDay::MIN, UtcDay::MAX)?;
        Ok(Self {
            run,
            inputs,
            context: run.context(),
            store,
            file,
            spill,
            settings: settings(&run.plan, &options),
            plan: RecordPlan { options },
            kept,
            facts: BTreeMap::new(),
            is_noted: false,
            made: 0,
        })
    }

    /// The records of the days before one, together. Those that do not count any more are made, and kept
    /// where the store can be written.
    pub(super) fn earlier(&mut self, night: UtcDay) -> Result<DayRecord, Failure> {
        let first = self.inputs.first_day();
        self.load_facts(first, night);
        let has_bill = self.run.plan.exports.bill.is_some();
        let mut record = DayRecord::default();
        for day in first.until(night) {
            let before = self.facts_before(day);
            let inputs = self.digest(day, &before);
            let is_kept = self.kept.get(&day).is_some_and(|kept| **kept == *inputs);
            let of_day = is_kept.then(|| self.read(day, has_bill)).flatten();
            let mut of_day = if let Some(of_day) = of_day {
                of_day
            } else {
                let made = self.make(day, before)?;
                self.keep(day, &inputs, &made);
                made
            };
            if day + 1 < night {
                of_day.tallies.forget_recent();
            }
            record.facts.merge(of_day.facts);
            record.tallies.merge(of_day.tallies);
        }
        Ok(record)
    }

    /// Keeps the record of a day that a run evaluated, if the run knew the facts of the same days before
    /// it as the record has to.
    pub(super) fn keep_of_window(&mut self, day: UtcDay, record: &DayRecord) {
        let first = self.inputs.first_day();
        if first < day - FACTS_DAYS {
            return;
        }
        let mut others = self.kept.range(day - FACTS_DAYS..first);
        if others.next().is_none() {
            let inputs = self.digest(day, &self.facts_before(day));
            self.keep(day, &inputs, record);
        }
    }

    /// The number of records that were made before the run.
    pub(super) fn made(&self) -> u64 {
        self.made
    }

    /// Looks up the facts of the days that decide about days from one to another.
    fn load_facts(&mut self, first: UtcDay, last: UtcDay) {
        let days = self.kept.range(first - FACTS_DAYS..last.max(first));
        let facts = days.filter_map(|(day, _)| Some((*day, self.read_facts(*day)?)));
        self.facts = facts.collect();
    }

    /// The facts of the days before one, together.
    fn facts_before(&self, day: UtcDay) -> DayFacts {
        let mut before = DayFacts::default();
        for (_, facts) in self.facts.range(day - FACTS_DAYS..day) {
            before.merge(facts.clone());
        }
        before
    }

    /// Tells what a day's record is made of from everything else.
    fn digest(&self, day: UtcDay, before: &DayFacts) -> String {
        let revision = self.inputs.revisions.get(&day).copied();
        let revision = revision.unwrap_or_default().to_string();
        let statistics = self.inputs.statistics.range(day - 1..=day + 1);
        let statistics = statistics.map(|(_, digest)| digest.as_str());
        let facts = before.digest();
        let parts = [self.settings.as_str(), &revision, &facts].into_iter();
        digest_id('d', parts.chain(statistics))
    }

    /// The kept record of a day; `None` if it cannot be read: what cannot be is made again.
    fn read(&self, day: UtcDay, has_bill: bool) -> Option<DayRecord> {
        let facts = self.read_facts(day)?;
        let tallies = lock(self.store).day_tallies(day).ok()??;
        let mut tallies = DayTallies::decoded(&tallies).ok()?;
        if has_bill {
            let queries = lock(self.store).day_queries(day).ok()??;
            tallies = tallies.with_queries(&queries).ok()?;
        }
        Some(DayRecord { facts, tallies })
    }

    fn read_facts(&self, day: UtcDay) -> Option<DayFacts> {
        let stored = lock(self.store).day_facts(day).ok()??;
        DayFacts::decoded(&stored.facts, stored.events).ok()
    }

    /// Makes the record of a day: a run over that day alone, with the facts of the days before.
    fn make(&mut self, day: UtcDay, before: DayFacts) -> Result<DayRecord, Failure> {
        if self.made == 0 {
            let line = "reading earlier days, one by one: later runs have their sums";
            self.context.notices.note(line);
        }
        self.made += 1;
        let window = TimeWindow::of_day(day);
        let given = self.inputs.given.clone();
        let statistics = exports::with_kept(given, self.context, window)?;
        let mut run = self.run.of_day(self.store, window, statistics);
        run.plan.record = Some(self.plan.clone());
        let record = DayRecord {
            facts: before,
            ..DayRecord::default()
        };
        let earlier = Earlier { record, span: None };
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
                queries: &record.tallies.encoded_queries(),
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
        // It is open for a moment only: others may want to write.
        let mut writer = self.context.write_store(&root, false)?;
        writer.keep_day_record(day, record)
    }
}

/// Tells what all records are made of, but for logs and statistics, from everything else.
fn settings(plan: &Plan, options: &HistoryOptions) -> String {
    // Business units are in no record.
    let topology = Topology {
        units: BTreeMap::new(),
        ..plan.topology.clone()
    };
    let exports = &plan.exports;
    digest_id(
        's',
        [
            &*RECORD_VERSION.to_string(),
            &format!("{topology:?}"),
            &format!("{options:?}"),
            &format!("{:?}", exports.pricing),
            &format!("{:?}", exports.catalogs),
            &format!("{:?}", exports.chat_logs),
        ],
    )
}
