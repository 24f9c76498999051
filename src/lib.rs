//! `qs-audit` audits and costs Amazon Quick (Quick Sight) cross-account Athena
//! access from CloudTrail logs.
//!
//! Quick lives in a hub account and queries Athena in many consumer accounts by
//! role chaining: Quick assumes Role A in the hub, Role A's session assumes Role B
//! in a consumer, and Athena runs there and is billed there. This library reads
//! the logs of all those accounts and stitches
//! `AssumeRole -> AssumeRole -> StartQueryExecution` into chain records.
//!
//! A run has a [`RunContext`]: options, configuration, the time that it takes for now,
//! and someone who hears how it goes. An [`AuditRun`] of it gives an [`Audit`], whose
//! [`Chain`]s are the records that `docs/output-v1.md` describes;
//! [`write_chains`] writes them as that. `examples/chains.rs` is a whole program.
//!
//! Everything else is for the `qs-audit` program, its tests, benchmarks and fuzzers, and
//! may change with any version. ARCHITECTURE.md has the map of the modules, which stand
//! here with the lowest floor first.

#[doc(hidden)]
pub mod model;

#[doc(hidden)]
pub mod event_list;
#[doc(hidden)]
pub mod iam;
#[doc(hidden)]
pub mod records;

#[doc(hidden)]
pub mod columnar;

#[doc(hidden)]
pub mod attribute;
#[doc(hidden)]
pub mod decode;
#[doc(hidden)]
pub mod ingest;
#[doc(hidden)]
pub mod integrity;
#[doc(hidden)]
pub mod ports;
#[doc(hidden)]
pub mod reads;
#[doc(hidden)]
pub mod rules;
#[doc(hidden)]
pub mod stitch;
#[doc(hidden)]
pub mod tables;

#[cfg(feature = "aws")]
#[doc(hidden)]
pub mod aws;
#[doc(hidden)]
pub mod config;
#[doc(hidden)]
pub mod engine;
#[doc(hidden)]
pub mod local;
#[doc(hidden)]
pub mod memory;
#[doc(hidden)]
pub mod output;
#[doc(hidden)]
pub mod queries;
#[doc(hidden)]
pub mod store;
#[cfg(feature = "aws")]
#[doc(hidden)]
pub mod web;

#[doc(hidden)]
pub mod pipeline;

#[doc(hidden)]
pub mod demo;

#[doc(hidden)]
pub mod app;

#[doc(hidden)]
pub mod cli;

pub use app::audit::AuditRun;
pub use app::checks::{CheckOptions, checks};
pub use app::context::RunContext;
pub use app::exports::Wants;
pub use app::failure::{Cause, Failure};
pub use app::notices::{ListingProgress, Notices, Silent};
pub use app::options::{MoneyOptions, RunOptions};
pub use app::verification_inputs::VerifyOptions;
pub use config::Settings;
pub use model::audit::Audit;
pub use model::chain::{Chain, ChainStatus, QueryExecution, RoleSession};
pub use model::finding::{Finding, Findings, Severity};
pub use model::ids::{AccountId, DataSourceArn, QueryExecutionId, Region, RoleArn};
pub use model::time::UtcSecond;
pub use model::window::TimeWindow;
pub use pipeline::{Checks, Plan, Watcher};
pub use ports::LogSource;

/// Writes chains as JSON lines, version 1 (`docs/output-v1.md`).
///
/// # Errors
///
/// When the writer fails.
pub fn write_chains(chains: &[&Chain], writer: &mut dyn std::io::Write) -> std::io::Result<()> {
    output::json::v1::write_jsonl(chains, output::json::v1::RecordShape::Chains, writer)
}
