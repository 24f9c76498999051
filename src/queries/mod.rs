//! Saved investigations: SQL files with a header, embedded; their parameters.

mod bind;
mod header;
mod saved;

pub use bind::{BindError, bind};
pub use header::{HeaderError, Parameter, ParameterKind, QueryHeader};
pub use saved::{Saved, all, find};
