//! The plan of a run, and the reasons why it could fail.

use crate::attribute::{AttributeError, Pricing};
use crate::decode::SplitMode;
use crate::model::bill::Bill;
use crate::model::chat_log::ChatLogs;
use crate::model::coverage::{Coverage, Limits};
use crate::model::data_catalogs::DataCatalogs;
use crate::model::execution::Statistics;
use crate::model::finding::{Acknowledgement, Previous, Suppression};
use crate::model::ids::AccountId;
use crate::model::integrity::Integrity;
use crate::model::inventory::Inventory;
use crate::model::topology::Topology;
use crate::model::window::TimeWindow;
use crate::ports::SpillError;
use crate::reads;
use crate::rules::{HistoryOptions, RuleSet};
use crate::stitch;
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The plan of a run. No clock, no environment, no output in here.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The window of the run.
    pub window: TimeWindow,
    /// The declared topology.
    pub topology: Topology,
    /// The number of threads that read; 0 means one for each processor.
    pub threads: usize,
    /// True if sessions that have nothing to do with Quick or Athena are wanted.
    pub all_sessions: bool,
    /// The limits of one object.
    pub limits: Limits,
    /// The way in which records are found.
    pub reading: SplitMode,
    /// The inputs other than the logs.
    pub exports: Exports,
    /// Rules to ask, where findings are wanted.
    pub checks: Option<Checks>,
    /// A part of the window that is to be told by itself, too.
    pub slice: Option<SlicePlan>,
    /// The record that is made of the window, a UTC day, for later runs.
    pub record: Option<RecordPlan>,
}

/// How the record of a day is made.
#[derive(Debug, Clone)]
pub struct RecordPlan {
    /// What rules ask of days before their window.
    pub options: HistoryOptions,
}

/// A part of a run's window that is to be told by itself.
#[derive(Debug, Clone)]
pub struct SlicePlan {
    /// The window.
    pub window: TimeWindow,
    /// The bill of these days; it may be empty.
    pub bill: Bill,
}

/// The inputs of the rules. The window of the plan holds the baseline, too.
#[derive(Debug, Clone)]
pub struct Checks {
    /// The rules.
    pub rules: Arc<RuleSet>,
    /// The evaluated window: the end of the plan's window.
    pub window: TimeWindow,
    /// The length of the baseline before it, in days.
    pub baseline_days: i64,
    /// Quick's data sources, where they were listed.
    pub inventory: Option<Inventory>,
    /// Findings that are accepted for a while.
    pub suppressions: Vec<Suppression>,
    /// The day on which suppressions count or have expired.
    pub as_of: Date,
    /// The findings of earlier runs.
    pub previous: Option<Previous>,
    /// Acknowledgements, by finding id.
    pub acknowledged: BTreeMap<String, Acknowledgement>,
    /// True if the days of consumers are wanted, with their expected values.
    pub trends: bool,
}

impl Checks {
    /// The time that the window is compared with, from a midnight on; `None` if there is nothing
    /// before it.
    pub(super) fn baseline(&self, plan: &Plan) -> Option<TimeWindow> {
        let to = Some(self.window.from?);
        let from = plan.window.from;
        let from = from.map(|from| from.first_whole_day().start());
        Some(TimeWindow { from, to })
    }
}

/// AWS exports other than logs: query statistics and the bill.
#[derive(Debug, Clone, Default)]
pub struct Exports {
    /// Query statistics, where any were given.
    pub statistics: Option<Statistics>,
    /// The bill, where its attribution is wanted; it may be empty.
    pub bill: Option<Bill>,
    /// Prices to estimate by.
    pub pricing: Pricing,
    /// Data catalogs and shares, where they were listed.
    pub catalogs: Option<DataCatalogs>,
    /// Chat logs of Quick, where any were given.
    pub chat_logs: Option<ChatLogs>,
}

impl Exports {
    /// What tells of reads.
    pub(super) fn of_reads(&self) -> reads::ReadsContext<'_> {
        reads::ReadsContext {
            statistics: self.statistics.as_ref(),
            catalogs: self.catalogs.as_ref(),
        }
    }
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            window: TimeWindow::ALL,
            topology: Topology::default(),
            threads: 0,
            all_sessions: false,
            limits: Limits::DEFAULT,
            reading: SplitMode::Fast,
            exports: Exports::default(),
            checks: None,
            slice: None,
            record: None,
        }
    }
}

impl Plan {
    /// The inputs of stitching other than events.
    pub(super) fn context<'a>(
        &'a self,
        accounts_seen: &'a BTreeSet<AccountId>,
        integrity: &'a [Integrity],
    ) -> stitch::Context<'a> {
        stitch::Context {
            topology: &self.topology,
            window: self.window,
            accounts_seen,
            all_sessions: self.all_sessions,
            statistics: self.exports.statistics.as_ref(),
            chat_logs: self.exports.chat_logs.as_ref(),
            integrity,
        }
    }

    /// The owners of tables that are declared or listed: those may have been read where no read was
    /// seen.
    pub(super) fn owners(&self) -> impl Iterator<Item = &AccountId> {
        let producers = self.topology.producers.iter();
        let listed = self.exports.catalogs.iter();
        let listed = listed.flat_map(|catalogs| catalogs.tables.keys());
        producers
            .map(|producer| &producer.account_id)
            .chain(listed.map(|table| &table.account_id))
    }
}

/// When events are written to disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpillLimits {
    /// Kept events that stay in memory.
    pub above: u64,
    /// Events that each thread holds before it writes them.
    pub part_events: usize,
}

impl Default for SpillLimits {
    fn default() -> Self {
        Self {
            above: 500_000,
            part_events: 50_000,
        }
    }
}

/// Sees objects go by, from many threads.
pub trait Watcher: Sync {
    /// An object of so many stored bytes was read.
    fn object(&self, object: u32, stored_bytes: u64);

    /// So many of all days of events on disk are through with a stage.
    fn days(&self, stage: DayStage, done: usize, all: usize);
}

/// What is done with the days of events that do not fit in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DayStage {
    /// What each needs of others is found.
    Linking,
    /// They are stitched.
    Stitching,
}

/// A watcher that does not look.
pub struct Unwatched;

impl Watcher for Unwatched {
    fn object(&self, _object: u32, _stored_bytes: u64) {}

    fn days(&self, _stage: DayStage, _done: usize, _all: usize) {}
}

/// The reason why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The threads could not be started.
    #[error("cannot start {threads} threads: {source}")]
    Threads {
        /// The requested number of threads.
        threads: usize,
        /// The error of the thread pool.
        source: rayon::ThreadPoolBuildError,
    },
    /// The counts do not add up: an error of this program.
    #[error("{records} records were read, but {accounted} are accounted for; please report this")]
    Unaccounted {
        /// Records found.
        records: u64,
        /// Kept, not relevant and rejected together.
        accounted: u64,
    },
    /// The bill cannot be split.
    #[error(transparent)]
    Attribution(#[from] AttributeError),
    /// What does not fit in memory could not be written or read.
    #[error(transparent)]
    Spill(#[from] SpillError),
    /// What was stitched could not be taken.
    #[error("cannot write the output: {0}")]
    Output(std::io::Error),
}

impl PipelineError {
    /// Checks that every record is accounted for.
    pub(super) fn check(coverage: &Coverage) -> Result<(), Self> {
        if coverage.adds_up() {
            return Ok(());
        }
        let accounted = coverage.records_kept + coverage.records_not_relevant;
        Err(Self::Unaccounted {
            records: coverage.records,
            accounted: accounted + coverage.records_rejected,
        })
    }
}

/// Threads as the plan asks for them.
pub(super) fn pool(plan: &Plan) -> Result<rayon::ThreadPool, PipelineError> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(plan.threads)
        .build()
        .map_err(|source| PipelineError::Threads {
            threads: plan.threads,
            source,
        })
}
