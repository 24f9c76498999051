//! What rules compare a window with: the days before it, as tallies that are gathered from some chains
//! at a time.
//!
//! | what | file |
//! |---|---|
//! | all of it | [`before`] |
//! | queries, bytes, failures | [`figures`] |
//! | programs that used sessions | [`programs`] |
//! | routes of queries | [`routes`] |
//! | where results were written | [`locations`] |
//! | uses of data sources | [`sources`] |
//! | bytes of tables | [`volumes`] |

mod before;
mod figures;
mod locations;
mod programs;
mod routes;
mod sources;
mod volumes;

pub(super) use before::{EventTallies, add_role_arns, bucket_of, is_agent};
pub use before::{History, HistoryInput, HistoryOptions};
pub(super) use figures::{
    FailureTally, QueryTally, SeriesKey, SeriesScope, Use, has_failed, series_of, uses,
};
pub(super) use locations::{AccountWorkGroup, KnownLocation, bucket, submissions_of};
pub use programs::QuickAgents;
pub(super) use programs::{
    NO_AGENT, SeenCalls, SessionKey, SessionPrograms, SessionUser, session_calls,
};
pub(super) use routes::{ChainRoute, routes_of};
pub(super) use sources::{SourceUses, add_source_use};
pub(super) use volumes::table_key;
