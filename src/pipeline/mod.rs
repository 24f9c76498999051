//! The conductor: the order of the stages, and the threads they run on.

mod read;

use crate::attribute::{self, AttributeError, Pricing};
use crate::decode::Reading;
use crate::model::audit::Audit;
use crate::model::bill::Bill;
use crate::model::coverage::{Coverage, Limits};
use crate::model::event::{Event, Place};
use crate::model::execution::Statistics;
use crate::model::text::Text;
use crate::model::topology::Topology;
use crate::model::window::TimeWindow;
use crate::ports::LogSource;
use crate::stitch;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What a run is to do. No clock, no environment, no output in here.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What the run answers for.
    pub window: TimeWindow,
    /// The declared topology.
    pub topology: Topology,
    /// How many threads read; 0 means one for each processor.
    pub threads: usize,
    /// Whether sessions that have nothing to do with Quick or Athena are wanted.
    pub all_sessions: bool,
    /// What one object may hold.
    pub limits: Limits,
    /// How records are found.
    pub reading: Reading,
    /// What is known besides the logs.
    pub exports: Exports,
}

/// What AWS exports besides logs: query statistics and the bill.
#[derive(Debug, Clone, Default)]
pub struct Exports {
    /// Query statistics, where any were given.
    pub statistics: Option<Statistics>,
    /// The bill, where its attribution is wanted; it may be empty.
    pub bill: Option<Bill>,
    /// Prices to estimate by.
    pub pricing: Pricing,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            window: TimeWindow::ALL,
            topology: Topology::default(),
            threads: 0,
            all_sessions: false,
            limits: Limits::DEFAULT,
            reading: Reading::Fast,
            exports: Exports::default(),
        }
    }
}

/// Sees objects go by, from many threads.
pub trait Watcher: Sync {
    /// An object of so many stored bytes was read.
    fn object(&self, stored_bytes: u64);
}

/// A watcher that does not look.
pub struct Unwatched;

impl Watcher for Unwatched {
    fn object(&self, _stored_bytes: u64) {}
}

/// Why a run could not be done.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The threads could not be started.
    #[error("cannot start {threads} threads: {source}")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// Why not.
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
}

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
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(plan.threads)
        .build()
        .map_err(|source| PipelineError::Threads {
            threads: plan.threads,
            source,
        })?;
    let (events, coverage) = pool.install(|| read::read(plan, source, watcher));
    finish(plan, source, events, coverage)
}

fn finish(
    plan: &Plan,
    source: &dyn LogSource,
    events: Vec<Event>,
    mut coverage: Coverage,
) -> Result<Audit, PipelineError> {
    if !coverage.adds_up() {
        let accounted = coverage.records_kept + coverage.records_not_relevant;
        return Err(PipelineError::Unaccounted {
            records: coverage.records,
            accounted: accounted + coverage.records_rejected,
        });
    }
    let accounts_seen: BTreeSet<Text> = coverage
        .seen
        .keys()
        .map(|(account, ..)| account.clone())
        .collect();
    let stitched = stitch::stitch(
        events,
        &stitch::Context {
            topology: &plan.topology,
            window: plan.window,
            accounts_seen: &accounts_seen,
            all_sessions: plan.all_sessions,
            statistics: plan.exports.statistics.as_ref(),
        },
    );
    coverage.duplicates = stitched.duplicates;
    coverage.conflicts = stitched.conflicts;
    coverage.replaced = stitched.replaced;
    let mut audit = Audit {
        window: plan.window,
        objects: keys_of(source, &stitched.events),
        coverage,
        chains: stitched.chains,
        events: stitched.events,
        ..Audit::default()
    };
    add_money(&mut audit, &plan.exports)?;
    Ok(audit)
}

/// Bytes and money, as far as statistics and a bill were given.
fn add_money(audit: &mut Audit, exports: &Exports) -> Result<(), AttributeError> {
    let pricing = &exports.pricing;
    if let Some(statistics) = &exports.statistics {
        let joined = attribute::join_statistics(&mut audit.chains, statistics, pricing);
        audit.statistics = Some(joined);
    }
    if let Some(bill) = &exports.bill {
        audit.attribution = Some(attribute::attribute(&audit.chains, bill, pricing)?);
        audit.bill = (bill.coverage.files > 0).then(|| bill.coverage.clone());
    }
    Ok(())
}

/// Keys of the objects that kept events came from.
fn keys_of(source: &dyn LogSource, events: &[Event]) -> BTreeMap<u32, Text> {
    let objects: BTreeSet<u32> = events.iter().map(|event| event.place.object).collect();
    let keyed = objects
        .into_iter()
        .map(|object| (object, source.key(object)));
    keyed.collect()
}

/// Reads events again, whole, as JSON with secrets replaced.
///
/// What can no longer be read is left out.
#[must_use]
pub fn raw_events(plan: &Plan, source: &dyn LogSource, places: &[Place]) -> Vec<(Place, Value)> {
    let mut by_object: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    for place in places {
        by_object
            .entry(place.object)
            .or_default()
            .insert(place.record);
    }
    let mut decoder = crate::decode::Decoder::new(plan.window, plan.limits, plan.reading);
    let mut body = Vec::new();
    let mut found = Vec::new();
    for (object, records) in by_object {
        if source.read(object, &mut body).is_ok() {
            let values = decoder.raw(&body, &records).into_iter();
            found.extend(values.map(|(record, value)| (Place { object, record }, value)));
        }
    }
    found
}
