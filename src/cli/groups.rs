//! Options that several commands take. The doc comments are the help texts.

use super::formats::Format;
use crate::app::options::SpillOptions;
use crate::pipeline::SpillLimits;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// More threads than this only cost memory.
const THREADS_MAX: i64 = 256;

/// Options for messages and color.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Terminal")]
pub(super) struct TalkArgs {
    /// When to use color. `NO_COLOR` is honored.
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = ColorWhen::Auto)]
    pub(super) color: ColorWhen,

    /// Print only errors to standard error.
    #[arg(short, long)]
    pub(super) quiet: bool,
}

/// Options of the progress display.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Terminal")]
pub(super) struct ProgressArgs {
    /// Do not show progress, even on a terminal.
    #[arg(long)]
    pub(super) no_progress: bool,
}

/// The configuration.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Configuration")]
pub(super) struct ConfigArgs {
    /// The configuration file. Default: qs-audit.toml in the working folder, if it exists.
    #[arg(short, long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

/// The logs.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logs")]
pub(super) struct LogArgs {
    /// Read these logs, instead of the store or the configured ones: a folder, a file, <s3://bucket/prefix>, - for standard
    /// input, or a table of an engine, <trino://HOST:PORT/CATALOG/SCHEMA/TABLE> or <athena://WORKGROUP/DATABASE.TABLE>. Can be
    /// repeated.
    #[arg(long, value_name = "DIR")]
    pub(super) logs: Vec<String>,

    /// Read the objects of --logs trino:// or athena:// here: a folder, or <s3://bucket/prefix>. Default: where the table has
    /// them, if that is in S3.
    #[arg(long, value_name = "DIR")]
    pub(super) objects: Option<String>,

    /// Pay for the requests of --logs s3://, for buckets with Requester Pays.
    #[arg(long)]
    pub(super) requester_pays: bool,
}

/// The threads.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logs")]
pub(super) struct ThreadArgs {
    /// Number of threads, at most 256; 0 means one per processor.
    #[arg(long, value_name = "N", default_value_t = 0,
          value_parser = clap::value_parser!(u16).range(0..=THREADS_MAX))]
    pub(super) threads: u16,
}

/// What does not fit in memory.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logs")]
pub(super) struct SpillArgs {
    /// Put events that do not fit in memory into a temporary file in this folder, which takes about 150 bytes for each.
    /// Nothing of it is left. Default: TMPDIR, or the system's folder for temporary files.
    #[arg(long, value_name = "DIR")]
    pub(super) spill: Option<PathBuf>,

    /// Keep so many events in memory; beyond them, all are put into the temporary file and stitched a day at a time. The
    /// output is the same. A day's events have to fit in memory: a million take some 700 MB.
    #[arg(long, value_name = "N", default_value_t = SpillLimits::default().above)]
    pub(super) spill_above: u64,
}

impl SpillArgs {
    /// What becomes of events that do not fit in memory.
    pub(super) fn options(&self) -> SpillOptions {
        SpillOptions {
            folder: self.spill.clone().unwrap_or_else(std::env::temp_dir),
            above: self.spill_above,
        }
    }
}

/// The store.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logs")]
pub(super) struct StoreArgs {
    /// The folder of the store, instead of the configured one or the default in the user's data folder.
    #[arg(long, value_name = "DIR")]
    pub(super) store: Option<PathBuf>,
}

/// The window, and the reference time of relative windows.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Window")]
pub(super) struct WindowArgs {
    /// Start of the window: a duration back from now (90s, 30m, 12h, 7d, 2w) or a
    /// date.
    #[arg(long, value_name = "WHEN", conflicts_with = "from")]
    pub(super) since: Option<String>,

    /// Start of the window, inclusive: a date or an RFC 3339 time, in UTC.
    #[arg(long, value_name = "TIME")]
    pub(super) from: Option<String>,

    /// End of the window, exclusive: a date or an RFC 3339 time, in UTC.
    #[arg(long, value_name = "TIME")]
    pub(super) to: Option<String>,

    /// The time to use as the current time, for reproducible runs.
    #[arg(long, value_name = "TIME")]
    pub(super) now: Option<String>,
}

/// Options that turn coverage gaps into an exit status.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Exit status")]
pub(super) struct StrictArgs {
    /// Exit with status 4 if there are coverage gaps or ambiguous chains.
    #[arg(long)]
    pub(super) strict: bool,
}

/// The output, in one of the formats of the command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArgs<F: Format> {
    /// The output format. Default: the one that the extension of --output names, such as .csv, else a table.
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(super) format: Option<F>,

    /// Write to this file instead of standard output. The file is complete or not written at all.
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

/// The output for text.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct TextOutputArgs {
    /// Write to this file instead of standard output. The file is complete or not written at all.
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

/// Query statistics.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Bytes and money")]
pub(super) struct StatisticsArgs {
    /// Query statistics, instead of the configured ones: output of aws athena batch-get-query-execution or get-query-execution,
    /// a file, a folder, or `s3://bucket/prefix`. Can be repeated.
    #[arg(long, value_name = "PATH")]
    pub(super) executions: Vec<PathBuf>,

    /// Data catalogs, shares and users of Quick, instead of the configured ones: output of aws glue get-tables,
    /// get-databases and get-resource-policies, athena get-data-catalog, lakeformation list-permissions, ram list-resources and
    /// get-resource-share-associations, quicksight list-users; a file or a folder. Can be repeated.
    #[arg(long, value_name = "PATH")]
    pub(super) catalogs: Vec<PathBuf>,

    /// Chat logs of Quick (`CHAT_LOGS`), instead of the configured ones: which agent a user talked with when a query
    /// ran; a file, a folder, or `s3://bucket/prefix`. Can be repeated.
    #[arg(long, value_name = "PATH")]
    pub(super) chat_logs: Vec<PathBuf>,
}

/// Business units, and how bytes are counted.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Bytes and money")]
pub(super) struct UnitArgs {
    /// Business units of accounts: CSV with `account_id` and `business_unit`, or output of AWS Organizations; a
    /// file, a folder or `s3://bucket/prefix`. They take precedence over the configuration. Can be repeated.
    #[arg(long, value_name = "PATH")]
    pub(super) business_units: Vec<PathBuf>,

    /// Bytes in a billed terabyte: 10^12 or 2^40. AWS does not document which.
    #[arg(long, value_enum, value_name = "BASE")]
    pub(super) tb: Option<TerabyteArg>,
}

/// The bill.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Bytes and money")]
pub(super) struct BillArgs {
    /// Billing data, instead of the configured one: output of aws ce get-cost-and-usage, a Cost and Usage Report, or FOCUS
    /// data, a file, a folder as AWS delivers it, or `s3://bucket/prefix`. Can be repeated.
    #[arg(long, value_name = "PATH")]
    pub(super) costs: Vec<PathBuf>,

    /// The cost metric to use.
    #[arg(long, value_enum, value_name = "METRIC", default_value_t = MetricArg::Unblended)]
    pub(super) metric: MetricArg,

    /// Also show taxes, credits, refunds or other charges, in separate lines.
    #[arg(long, value_enum, value_name = "KIND", value_delimiter = ',')]
    pub(super) include: Vec<IncludeArg>,
}

/// Options of every command that audits.
#[derive(Debug, Clone, Args)]
pub(super) struct AuditArgs {
    #[command(flatten)]
    pub(super) window: WindowArgs,
    #[command(flatten)]
    pub(super) logs: LogArgs,
    #[command(flatten)]
    pub(super) threads: ThreadArgs,
    #[command(flatten)]
    pub(super) store: StoreArgs,
    #[command(flatten)]
    pub(super) config: ConfigArgs,
    #[command(flatten)]
    pub(super) statistics: StatisticsArgs,
    #[command(flatten)]
    pub(super) units: UnitArgs,
    #[command(flatten)]
    pub(super) strict: StrictArgs,
    #[command(flatten)]
    pub(super) talk: TalkArgs,
    #[command(flatten)]
    pub(super) progress: ProgressArgs,
}

/// Metrics as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum MetricArg {
    /// The cost as charged, on the day of the charge (unblended).
    Unblended,
    /// Rates averaged over the organization.
    Blended,
    /// Commitments spread over their term.
    Amortized,
    /// Unblended, after discounts.
    NetUnblended,
    /// Amortized, after discounts.
    NetAmortized,
}

/// Charges that are left out unless asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum IncludeArg {
    Tax,
    Credit,
    Refund,
    /// Fees and all other charges that are not usage.
    Other,
    /// All of them.
    All,
}

/// Terabytes as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum TerabyteArg {
    /// 10^12 bytes.
    Decimal,
    /// 2^40 bytes.
    Binary,
}

/// The use of color.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ColorWhen {
    /// If the output is a terminal and `NO_COLOR` is not set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Inputs of verification.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Verification")]
pub(super) struct VerifyArgs {
    /// CloudTrail's public keys: output of aws cloudtrail list-public-keys. Without this option, the keys for logs in S3 are
    /// requested from AWS. Can be repeated.
    #[arg(long, value_name = "FILE")]
    pub(super) public_keys: Vec<PathBuf>,

    /// Signatures of copied digest files, which lose their S3 object metadata: {KEY: {"signature": ..., "signature-algorithm":
    /// ...}}. Can be repeated.
    #[arg(long, value_name = "FILE")]
    pub(super) signatures: Vec<PathBuf>,
}

/// Verification of log files while they are read.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Verification")]
pub(super) struct WhileReadingArgs {
    /// Verify each log file against CloudTrail's digest files, and add an integrity status to every result. Reads logs, not the
    /// store.
    #[arg(long)]
    pub(super) verify: bool,

    #[command(flatten)]
    pub(super) against: VerifyArgs,
}
