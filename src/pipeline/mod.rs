//! The conductor: the order of the stages, and the threads they run on.

mod collect;
mod plan;
mod read;
mod run;
mod slices;
mod verify;

pub use collect::{CollectedObjects, ObjectRead, collect, interest_in};
pub use plan::{Checks, Exports, PipelineError, Plan, SlicePlan, Unwatched, Watcher};
pub use run::{RawEvents, raw_events, run, run_again, run_verifying};
pub use verify::{VerificationInputs, verify};
