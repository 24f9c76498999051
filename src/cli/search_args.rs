//! Options of the commands that search: `show`, `find` and `query`.

use super::formats::RecordFormat;
use super::groups::{AuditArgs, BillArgs, OutputArgs, SpillArgs, WhileReadingArgs};
use clap::Args;
use std::path::PathBuf;

/// Options of `show`.
#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// A chain id, a unique prefix of one, latest; or a query execution id, access key id, role session name, assumed role id,
    /// session ARN, event id, request id, address, user, source identity, dashboard, data source, table, function, state machine,
    /// role, finding or incident.
    #[arg(value_name = "ANYTHING")]
    pub(super) asked: String,

    /// Print the events as JSON lines, with secrets replaced.
    #[arg(long)]
    pub(super) raw: bool,

    /// Also write the evidence of the chain to this folder, for a ticket: raw events, the chain, its findings, what digests say
    /// (with --verify), and the hashes of these files.
    #[arg(long, value_name = "DIR", conflicts_with = "raw")]
    pub(super) evidence: Option<PathBuf>,

    #[command(flatten)]
    pub(super) verification: WhileReadingArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs<RecordFormat>,
    #[command(flatten)]
    pub(super) audit: AuditArgs,
}

/// Options of `find`.
#[derive(Debug, Args)]
pub(super) struct FindArgs {
    /// A part of a name; * stands for any text.
    #[arg(value_name = "TEXT")]
    pub(super) asked: String,

    #[command(flatten)]
    pub(super) output: OutputArgs<RecordFormat>,
    #[command(flatten)]
    pub(super) audit: AuditArgs,
}

/// Options of `query`.
#[derive(Debug, Args)]
pub(super) struct QueryArgs {
    /// The name of a saved query; --list prints them.
    #[arg(value_name = "NAME", conflicts_with_all = ["file", "list", "execute", "interactive"])]
    pub(super) name: Option<String>,

    /// Run this SQL.
    #[arg(short, long, value_name = "SQL", conflicts_with_all = ["file", "list", "interactive"])]
    pub(super) execute: Option<String>,

    /// Read the logs once, and run statements as they are typed, with completion and history.
    #[arg(short, long, conflicts_with_all = ["file", "list", "sql", "export", "output"])]
    pub(super) interactive: bool,

    /// A value for a parameter of the query: database=retail. Can be repeated.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(super) param: Vec<String>,

    /// List the saved queries, their tables and parameters.
    #[arg(long)]
    pub(super) list: bool,

    /// Run the SQL in this file; - reads standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "list")]
    pub(super) file: Option<PathBuf>,

    /// Print the SQL with its parameters filled in, without running it.
    #[arg(long)]
    pub(super) sql: bool,

    /// Write the tables as Parquet to this folder, for DuckDB or Athena.
    #[arg(long, value_name = "DIR")]
    pub(super) export: Option<PathBuf>,

    /// Refuse a query whose tables take more megabytes of memory, where events do not fit in memory.
    #[arg(long, value_name = "MB", default_value_t = 4_000)]
    pub(super) memory_mb: u64,

    #[command(flatten)]
    pub(super) spill: SpillArgs,
    #[command(flatten)]
    pub(super) bill: BillArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs<RecordFormat>,
    #[command(flatten)]
    pub(super) audit: AuditArgs,
}
