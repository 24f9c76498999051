//! The conductor: the order of the stages, and the threads they run on.

mod collect;
mod crossings;
mod day_records;
mod evaluate;
mod event_links;
mod link_lists;
mod money;
mod plan;
mod read;
mod run;
mod sliced_checks;
mod slices;
mod spool;
mod verify;

pub use collect::{CollectedObjects, ObjectRead, RecentClues, collect};
pub use day_records::{DayFacts, DayRecord, DayTallies, Earlier, RECORD_VERSION, RecordError};
pub use money::charge;
pub use plan::{
    Checks, DayStage, Exports, PipelineError, Plan, RecordPlan, SlicePlan, SpillLimits, Unwatched,
    Watcher,
};
pub use run::{
    AuditWithRecord, RawEvents, ReadRun, Recollection, raw_events, run, run_after, run_again,
    run_spilling, run_verifying,
};
pub use slices::{SlicedRun, TakeChains};
pub use verify::{VerificationInputs, verify};
