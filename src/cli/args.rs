//! What can be typed. The doc comments are the help texts.

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Audits and costs Amazon Quick (Quick Sight) cross-account Athena access.
///
/// Reads CloudTrail logs of the hub and the consumer accounts and stitches
/// AssumeRole -> AssumeRole -> StartQueryExecution into chain records.
#[derive(Debug, Parser)]
#[command(
    name = "qs-audit",
    version,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Examples:\n  \
        qs-audit demo\n  \
        qs-audit chains --logs AWSLogs --since 7d\n  \
        qs-audit show latest --logs AWSLogs\n  \
        qs-audit findings --logs AWSLogs --since 1d\n  \
        qs-audit chargeback --month 2026-10 --costs costs.json --executions executions.json\n  \
        qs-audit report --logs AWSLogs\n\n\
        Exit status: 0 clean, 1 internal error, 2 usage or configuration, 3 no logs in\n\
        the window, 4 incomplete under --strict, 10 findings at or above --fail-on, or logs\n\
        that are not as CloudTrail delivered them."
)]
pub struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

/// More threads than this only cost memory.
const THREADS_MAX: i64 = 256;

/// How a command talks.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Terminal")]
pub(super) struct TalkArgs {
    /// When to use colour. `NO_COLOR` is honoured.
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = ColorWhen::Auto)]
    pub(super) color: ColorWhen,

    /// Say nothing on standard error but errors.
    #[arg(short, long)]
    pub(super) quiet: bool,
}

/// Whether the progress of reading is shown.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Terminal")]
pub(super) struct ProgressArgs {
    /// Show no progress, even on a terminal.
    #[arg(long)]
    pub(super) no_progress: bool,
}

/// The configuration, and the time.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Configuration")]
pub(super) struct ConfigArgs {
    /// Settings; qs-audit.toml in the working folder is used if it is there.
    #[arg(short, long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

/// The time.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Window")]
pub(super) struct NowArgs {
    /// The time to take for now, so that a run can be repeated.
    #[arg(long, value_name = "TIME")]
    pub(super) now: Option<String>,
}

/// The logs.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logs")]
pub(super) struct LogArgs {
    /// Read these logs instead of the store or the configured ones: a folder, a file,
    /// <s3://bucket/prefix>, or - for standard input. May be given more than once.
    #[arg(long, value_name = "DIR")]
    pub(super) logs: Vec<String>,

    /// Pay for the requests that --logs s3:// makes, where the bucket asks for that.
    #[arg(long)]
    pub(super) requester_pays: bool,

    /// How many threads read, at most 256; 0 means one for each processor.
    #[arg(long, value_name = "N", default_value_t = 0,
          value_parser = clap::value_parser!(u16).range(0..=THREADS_MAX))]
    pub(super) threads: u16,
}

/// The store.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logs")]
pub(super) struct StoreArgs {
    /// The folder of the store, instead of the configured one or the one below the
    /// user's data folder.
    #[arg(long, value_name = "DIR")]
    pub(super) store: Option<PathBuf>,
}

/// The window.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Window")]
pub(super) struct WindowArgs {
    /// Start of the window: a duration back from now (90s, 30m, 12h, 7d, 2w) or a
    /// date.
    #[arg(long, value_name = "WHEN", conflicts_with = "from")]
    pub(super) since: Option<String>,

    /// Start of the window, included: a date or an RFC 3339 time, UTC.
    #[arg(long, value_name = "TIME")]
    pub(super) from: Option<String>,

    /// End of the window, excluded: a date or an RFC 3339 time, UTC.
    #[arg(long, value_name = "TIME")]
    pub(super) to: Option<String>,
}

/// Whether gaps matter.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Exit status")]
pub(super) struct StrictArgs {
    /// Exit with status 4 if anything was unread or ambiguous.
    #[arg(long)]
    pub(super) strict: bool,
}

/// Where the output goes, and in which of a command's formats.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArgs<F: Format> {
    /// A table for people, or one of the versioned machine formats. Without it, the
    /// ending of --output tells: .csv, .json, .jsonl, .parquet, .xlsx.
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(super) format: Option<F>,

    /// Write there instead of standard output, whole or not at all.
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

/// Where text goes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct TextOutputArgs {
    /// Write there instead of standard output, whole or not at all.
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

/// Query statistics.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Bytes and money")]
pub(super) struct StatisticsArgs {
    /// Query statistics instead of the configured ones: output of aws athena
    /// batch-get-query-execution or get-query-execution, a file or a folder. May be
    /// given more than once.
    #[arg(long, value_name = "PATH")]
    pub(super) executions: Vec<PathBuf>,
}

/// Business units, and how bytes are counted.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Bytes and money")]
pub(super) struct UnitArgs {
    /// Business units of accounts: CSV with `account_id` and `business_unit`, or output
    /// of AWS Organizations. May be given more than once; the configuration's
    /// consumers come first.
    #[arg(long, value_name = "PATH")]
    pub(super) business_units: Vec<PathBuf>,

    /// How a billed terabyte is counted; AWS does not say.
    #[arg(long, value_enum, value_name = "BASE")]
    pub(super) tb: Option<TerabyteArg>,
}

/// The bill.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Bytes and money")]
pub(super) struct BillArgs {
    /// The bill instead of the configured one: output of aws ce get-cost-and-usage,
    /// a Cost and Usage Report, or FOCUS data, as a file or a folder. May be given
    /// more than once.
    #[arg(long, value_name = "PATH")]
    pub(super) costs: Vec<PathBuf>,

    /// Which of the bill's amounts.
    #[arg(long, value_enum, value_name = "METRIC", default_value_t = MetricArg::Unblended)]
    pub(super) metric: MetricArg,

    /// Also show taxes, credits, refunds or other charges, in lines of their own.
    #[arg(long, value_enum, value_name = "KIND", value_delimiter = ',')]
    pub(super) include: Vec<IncludeArg>,
}

/// What every command takes that audits.
#[derive(Debug, Clone, Args)]
pub(super) struct AuditArgs {
    #[command(flatten)]
    pub(super) logs: LogArgs,
    #[command(flatten)]
    pub(super) store: StoreArgs,
    #[command(flatten)]
    pub(super) config: ConfigArgs,
    #[command(flatten)]
    pub(super) window: WindowArgs,
    #[command(flatten)]
    pub(super) now: NowArgs,
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
    /// What was charged, when it was charged.
    Unblended,
    /// Averaged over the organisation.
    Blended,
    /// Commitments spread over the time they cover.
    Amortized,
    /// Unblended after discounts.
    NetUnblended,
    /// Amortized after discounts.
    NetAmortized,
}

/// Charges that are left out unless asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum IncludeArg {
    Tax,
    Credit,
    Refund,
    /// Fees and everything else that is not use.
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

/// The formats of a command.
pub(super) trait Format: ValueEnum + Copy + Send + Sync + std::fmt::Debug + 'static {
    /// For people.
    const TABLE: Self;

    /// Returns what kind of bytes it is.
    fn kind(self) -> FormatKind;
}

/// What kind of bytes a format is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FormatKind {
    /// A table for people.
    Table,
    Json,
    Csv,
    /// Bytes that no terminal shows.
    Binary,
}

/// Formats of records of any kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum RecordFormat {
    /// For people: fits the terminal.
    Table,
    /// One JSON document with window, coverage and totals.
    Json,
    /// One JSON object per line.
    Jsonl,
    /// Comma-separated values, safe to open in a spreadsheet.
    Csv,
    /// Parquet, for DuckDB, Athena and the like.
    Parquet,
    /// A workbook.
    Xlsx,
}

/// Formats of `chargeback`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ChargebackFormat {
    /// For people: fits the terminal.
    Table,
    /// One JSON document with window, coverage and totals.
    Json,
    /// One JSON object per line.
    Jsonl,
    /// Comma-separated values, safe to open in a spreadsheet.
    Csv,
    /// Parquet, for DuckDB, Athena and the like.
    Parquet,
    /// A workbook.
    Xlsx,
    /// CSV in FOCUS columns.
    Focus,
}

/// Formats of `findings`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FindingsFormat {
    /// For people: fits the terminal.
    Table,
    /// One JSON document with window, coverage and totals.
    Json,
    /// One JSON object per line.
    Jsonl,
    /// Comma-separated values, safe to open in a spreadsheet.
    Csv,
    /// Parquet, for DuckDB, Athena and the like.
    Parquet,
    /// A workbook.
    Xlsx,
    /// OCSF Detection Findings, one per line.
    Ocsf,
    /// AWS Security Hub findings, one batch per line.
    Asff,
}

impl Format for RecordFormat {
    const TABLE: Self = Self::Table;

    fn kind(self) -> FormatKind {
        match self {
            Self::Table => FormatKind::Table,
            Self::Json | Self::Jsonl => FormatKind::Json,
            Self::Csv => FormatKind::Csv,
            Self::Parquet | Self::Xlsx => FormatKind::Binary,
        }
    }
}

impl Format for ChargebackFormat {
    const TABLE: Self = Self::Table;

    fn kind(self) -> FormatKind {
        match self {
            Self::Table => FormatKind::Table,
            Self::Json | Self::Jsonl => FormatKind::Json,
            Self::Csv | Self::Focus => FormatKind::Csv,
            Self::Parquet | Self::Xlsx => FormatKind::Binary,
        }
    }
}

impl Format for FindingsFormat {
    const TABLE: Self = Self::Table;

    fn kind(self) -> FormatKind {
        match self {
            Self::Table => FormatKind::Table,
            Self::Json | Self::Jsonl | Self::Ocsf | Self::Asff => FormatKind::Json,
            Self::Csv => FormatKind::Csv,
            Self::Parquet | Self::Xlsx => FormatKind::Binary,
        }
    }
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ColorWhen {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What can be asked.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the chains that ran.
    ///
    /// Shows every chain that touched Role A or a Role B, declared or discovered;
    /// the last 7 days unless a window is given.
    #[command(after_help = "Examples:\n  \
        qs-audit chains --logs AWSLogs --since 7d\n  \
        qs-audit chains --logs AWSLogs --consumer retail --status partial --status denied\n  \
        qs-audit chains --logs AWSLogs --path any --format csv -o chains.csv")]
    Chains(ChainsArgs),
    /// Show one chain: hops, policies, queries, and a timeline.
    #[command(after_help = "Examples:\n  \
        qs-audit show c-3f9a1b2c4d5e --logs AWSLogs\n  \
        qs-audit show c-3f9 --logs AWSLogs\n  \
        qs-audit show latest --logs AWSLogs --raw")]
    Show(ShowArgs),
    /// What is wrong: anomalies, each by a rule with a page.
    ///
    /// Judges the last 7 days unless a window is given, and reads the time before it,
    /// too, to know what is usual.
    #[command(after_help = "Examples:\n  \
        qs-audit findings --logs AWSLogs --since 1d --fail-on high\n  \
        qs-audit findings --logs AWSLogs --executions executions.json --data-sources data-sources.json\n  \
        qs-audit findings --logs AWSLogs --previous yesterday.json --format json -o today.json\n  \
        qs-audit explain external-id-spoof")]
    Findings(FindingsArgs),
    /// Print the page of a rule: what it finds, why it matters, what to do.
    ///
    /// Without a rule, lists all of them.
    #[command(after_help = "Examples:\n  \
        qs-audit explain\n  \
        qs-audit explain bytes-scanned-spike")]
    Explain(ExplainArgs),
    /// What queries cost, and who caused it.
    ///
    /// Splits the Athena bill of every consumer account and UTC day among the queries
    /// that ran: Quick's role chains, other known queries, and what no known query
    /// explains. The current month unless a window is given; windows are widened to
    /// whole days, as bills are.
    #[command(after_help = "Examples:\n  \
        qs-audit chargeback --month 2026-10 --logs AWSLogs --executions executions.json --costs costs.json\n  \
        qs-audit chargeback --month 2026-10 --by business-unit,consumer,day\n  \
        qs-audit chargeback --month 2026-10 --format xlsx -o october.xlsx")]
    Chargeback(ChargebackArgs),
    /// Write the nightly report: a page, and the same for tickets and machines.
    ///
    /// Covers the last whole UTC day unless a window is given, and goes into
    /// reports/nightly/DATE (index.html, report.md, report.json, chains.csv,
    /// chains.parquet, findings.csv, chargeback.csv), or into the folder of --output,
    /// which is replaced whole. The last report before it tells new findings from
    /// ongoing and resolved ones.
    #[command(after_help = "Examples:\n  \
        qs-audit report --logs AWSLogs --executions executions --costs costs.json\n  \
        qs-audit report -q --fail-on high\n  \
        qs-audit report --from 2026-10-01 --to 2026-11-01 -o october")]
    Report(ReportArgs),
    /// Verify that logs are what CloudTrail delivered.
    ///
    /// Checks digests (place, format, signature, what the next one says of them, time)
    /// and every log file that they name, and looks for log files that none names; in
    /// all accounts and Regions. The last 7 days unless a window is given. Faults have
    /// the words of aws cloudtrail validate-logs. Exit status 10 if anything is
    /// invalid, missing, or in no digest that is due.
    #[command(after_help = "Examples:\n  \
        qs-audit verify --logs s3://amzn-s3-demo-bucket --since 7d\n  \
        qs-audit verify --logs AWSLogs --public-keys public-keys.json --signatures signatures.json\n  \
        qs-audit verify --logs AWSLogs --format json -o verification.json")]
    Verify(VerifyCommandArgs),
    /// Bring new logs, query statistics and costs into the store.
    ///
    /// Reads what was not read before: the first time the last 36 days, then from a
    /// little before the last run, unless a window is given. Once there is a store,
    /// the other commands read it instead of the logs.
    #[command(after_help = "Examples:\n  \
        qs-audit collect\n  \
        qs-audit collect --since 90d\n  \
        qs-audit collect --logs s3://amzn-s3-demo-bucket/AWSLogs --store store\n  \
        qs-audit collect -q --wait && qs-audit report -q")]
    Collect(CollectArgs),
    /// Run a saved investigation, or SQL of your own, over the record tables.
    ///
    /// Tables: chains, hops, queries, charges (docs/tables-v1.md). The last 7 days
    /// unless a window is given; windows are widened to whole days.
    #[command(after_help = "Examples:\n  \
        qs-audit query --list\n  \
        qs-audit query who-reached-database --param database=retail --since 7d\n  \
        qs-audit query --file my.sql --format csv\n  \
        qs-audit query --export tables --since 30d")]
    Query(QueryArgs),
    /// Write a first qs-audit.toml from what the logs show.
    ///
    /// Reads the last 30 days unless a window is given, and declares the hub, the
    /// consumers, roles, work groups and data sources that role chains of Quick were
    /// seen with.
    #[command(after_help = "Examples:\n  \
        qs-audit init --logs AWSLogs\n  \
        qs-audit init --logs s3://amzn-s3-demo-bucket --ask-aws -o qs-audit.toml")]
    Init(InitArgs),
    /// Say what can be seen, what cannot, and what mends it.
    ///
    /// For each declared account: whether its logs can be listed and read, when its
    /// last event was, whether its trail is on, complete and digested, and whether
    /// statistics and costs can be asked for.
    #[command(after_help = "Examples:\n  \
        qs-audit doctor\n  \
        qs-audit doctor --strict -q --format json")]
    Doctor(DoctorArgs),
    /// Write a synthetic organisation to a folder and run on it.
    #[command(after_help = "Examples:\n  \
        qs-audit demo\n  \
        qs-audit demo my-demo --seed 7")]
    Demo(DemoArgs),
    /// Print a completion script for a shell.
    #[command(after_help = "Example:\n  \
        qs-audit completions bash > /etc/bash_completion.d/qs-audit")]
    Completions(CompletionsArgs),
    /// Print the manual page, or write one for each command into a folder.
    #[command(after_help = "Examples:\n  \
        qs-audit man | man -l -\n  \
        qs-audit man --dir /usr/local/share/man/man1")]
    Man(ManArgs),
}

/// What log files are verified against.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Verification")]
pub(super) struct VerifyArgs {
    /// CloudTrail's public keys: output of aws cloudtrail list-public-keys. Without
    /// them, logs in S3 are verified with the keys that AWS is asked for. May be given
    /// more than once.
    #[arg(long, value_name = "FILE")]
    pub(super) public_keys: Vec<PathBuf>,

    /// The signatures of copied digests, which a copy loses: the objects' metadata as
    /// {KEY: {"signature": ..., "signature-algorithm": ...}}. May be given more than
    /// once.
    #[arg(long, value_name = "FILE")]
    pub(super) signatures: Vec<PathBuf>,
}

/// Options of `verify`.
#[derive(Debug, Args)]
pub(super) struct VerifyCommandArgs {
    #[command(flatten)]
    pub(super) logs: LogArgs,
    #[command(flatten)]
    pub(super) config: ConfigArgs,
    #[command(flatten)]
    pub(super) window: WindowArgs,
    #[command(flatten)]
    pub(super) now: NowArgs,
    #[command(flatten)]
    pub(super) against: VerifyArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs<RecordFormat>,
    #[command(flatten)]
    pub(super) strict: StrictArgs,
    #[command(flatten)]
    pub(super) talk: TalkArgs,
    #[command(flatten)]
    pub(super) progress: ProgressArgs,
}

/// Options of `doctor`.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    pub(super) logs: LogArgs,
    #[command(flatten)]
    pub(super) store: StoreArgs,
    #[command(flatten)]
    pub(super) config: ConfigArgs,
    #[command(flatten)]
    pub(super) window: WindowArgs,
    #[command(flatten)]
    pub(super) now: NowArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs<RecordFormat>,
    #[command(flatten)]
    pub(super) strict: StrictArgs,
    #[command(flatten)]
    pub(super) talk: TalkArgs,
    #[command(flatten)]
    pub(super) progress: ProgressArgs,
}

/// Whether log files are verified while they are read.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Verification")]
pub(super) struct WhileReadingArgs {
    /// Hold each log file that is read against CloudTrail's digests, and say of every
    /// result whether it rests on verified files. Reads logs, not the store.
    #[arg(long)]
    pub(super) verify: bool,

    #[command(flatten)]
    pub(super) against: VerifyArgs,
}

/// Options of `chains`.
#[derive(Debug, Args)]
pub(super) struct ChainsArgs {
    #[command(flatten)]
    pub(super) audit: AuditArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs<RecordFormat>,

    #[command(flatten)]
    pub(super) verification: WhileReadingArgs,

    #[command(flatten)]
    pub(super) filter: FilterArgs,

    /// What to sort by.
    #[arg(long, value_enum, value_name = "KEY", default_value_t = SortKey::Started)]
    pub(super) sort: SortKey,

    /// Show at most so many, after sorting.
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<usize>,

    /// One row per query instead of one per chain.
    #[arg(long)]
    pub(super) flat: bool,

    /// Also list role sessions that have nothing to do with Quick or Athena.
    #[arg(long)]
    pub(super) all_sessions: bool,
}

/// Which chains are wanted. Names may hold * for any text.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Filters (each may be given more than once)")]
pub(super) struct FilterArgs {
    /// A consumer: declared name or account id.
    #[arg(long, value_name = "NAME")]
    pub(super) consumer: Vec<String>,

    /// A declared business unit.
    #[arg(long, value_name = "NAME")]
    pub(super) business_unit: Vec<String>,

    /// A Quick data source: ARN or id.
    #[arg(long, value_name = "ARN")]
    pub(super) data_source: Vec<String>,

    /// A work group that one of its queries ran in.
    #[arg(long, value_name = "NAME")]
    pub(super) work_group: Vec<String>,

    /// A Quick user.
    #[arg(long, value_name = "NAME")]
    pub(super) user: Vec<String>,

    /// How much of the chain was seen.
    #[arg(long, value_enum, value_name = "STATUS")]
    pub(super) status: Vec<StatusArg>,

    /// What kind of chain; any shows all that end in Athena.
    #[arg(long, value_enum, value_name = "PATH")]
    pub(super) path: Vec<PathArg>,

    /// At least so many bytes scanned: 500MB, 2GB, 1TB (needs query statistics).
    #[arg(long, value_name = "SIZE")]
    pub(super) min_bytes: Option<String>,
}

/// Statuses as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum StatusArg {
    Complete,
    Partial,
    Idle,
    Denied,
}

/// Paths as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum PathArg {
    QuickRoleChain,
    RoleChain,
    ServiceRole,
    Direct,
    Session,
    Any,
}

/// Sort keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum SortKey {
    /// Earliest first.
    #[default]
    Started,
    /// Latest first.
    Latest,
    /// Most bytes scanned first.
    Bytes,
    /// Most queries first.
    Queries,
    /// Most calls first.
    Calls,
    /// Longest first.
    Duration,
    /// By consumer, then time.
    Consumer,
}

/// Options of `show`.
#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    #[command(flatten)]
    pub(super) audit: AuditArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs<RecordFormat>,

    /// A chain id, a unique start of one, or latest.
    #[arg(value_name = "CHAIN_ID")]
    pub(super) chain_id: String,

    /// Print the events themselves as JSON lines, secrets replaced.
    #[arg(long)]
    pub(super) raw: bool,
}

/// Options of `findings`.
#[derive(Debug, Args)]
pub(super) struct FindingsArgs {
    #[command(flatten)]
    pub(super) audit: AuditArgs,
    #[command(flatten)]
    pub(super) bill: BillArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs<FindingsFormat>,

    #[command(flatten)]
    pub(super) checks: ChecksArgs,

    #[command(flatten)]
    pub(super) verification: WhileReadingArgs,

    /// Only these rules; * stands for any text.
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub(super) rule: Vec<String>,

    /// Show only findings at least so bad.
    #[arg(long, value_enum, value_name = "SEVERITY", ignore_case = true)]
    pub(super) min_severity: Option<SeverityArg>,

    /// Exit with status 10 if there are findings at least so bad, shown or not;
    /// suppressed ones do not count.
    #[arg(long, value_enum, value_name = "SEVERITY", ignore_case = true)]
    pub(super) fail_on: Option<SeverityArg>,

    /// Show, and fail on, only what the run of --previous did not know.
    #[arg(long, requires = "previous")]
    pub(super) new: bool,
}

/// Options of `report`.
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    #[command(flatten)]
    pub(super) audit: AuditArgs,
    #[command(flatten)]
    pub(super) bill: BillArgs,
    /// The folder of the report, which is replaced whole.
    #[arg(short, long, value_name = "DIR", help_heading = "Output")]
    pub(super) output: Option<PathBuf>,

    #[command(flatten)]
    pub(super) checks: ChecksArgs,

    #[command(flatten)]
    pub(super) verification: WhileReadingArgs,

    /// Exit with status 10 if there are findings at least so bad; suppressed ones do
    /// not count.
    #[arg(long, value_enum, value_name = "SEVERITY", ignore_case = true)]
    pub(super) fail_on: Option<SeverityArg>,

    /// Let --fail-on count only what the report before did not know.
    #[arg(long, requires = "fail_on")]
    pub(super) new: bool,
}

/// What rules need besides logs, statistics and the bill.
#[derive(Debug, Args)]
#[command(next_help_heading = "What findings are compared with")]
pub(super) struct ChecksArgs {
    /// How much of the time before the window is read to know what is usual: 28d, 4w.
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "28d",
        allow_hyphen_values = true
    )]
    pub(super) baseline: String,

    /// The findings of an earlier run, as JSON, or the folder of its report: what it
    /// knew is ongoing, not new.
    #[arg(long, value_name = "FILE")]
    pub(super) previous: Option<PathBuf>,

    /// Quick's data sources instead of the configured ones: output of aws quicksight
    /// list-data-sources, a file or a folder. May be given more than once.
    #[arg(long, value_name = "PATH")]
    pub(super) data_sources: Vec<PathBuf>,
}

/// Severities as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SeverityArg {
    Info,
    Low,
    Medium,
    High,
    Critical,
}

/// Options of `explain`.
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    #[command(flatten)]
    pub(super) output: OutputArgs<RecordFormat>,
    #[command(flatten)]
    pub(super) talk: TalkArgs,

    /// The rule; without one, all are listed.
    #[arg(value_name = "RULE")]
    pub(super) rule: Option<String>,
}

/// Options of `chargeback`.
#[derive(Debug, Args)]
pub(super) struct ChargebackArgs {
    #[command(flatten)]
    pub(super) audit: AuditArgs,
    #[command(flatten)]
    pub(super) bill: BillArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs<ChargebackFormat>,

    /// A month instead of a window: 2026-10.
    #[arg(long, value_name = "YYYY-MM", conflicts_with_all = ["since", "from", "to"])]
    pub(super) month: Option<String>,

    /// What to group by, in this order.
    #[arg(
        long,
        value_enum,
        value_name = "DIMENSION",
        value_delimiter = ',',
        default_value = "business-unit"
    )]
    pub(super) by: Vec<ByArg>,
}

/// Dimensions as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ByArg {
    BusinessUnit,
    Consumer,
    WorkGroup,
    DataSource,
    User,
    Day,
}

/// Options of `init`.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    #[command(flatten)]
    pub(super) logs: LogArgs,
    #[command(flatten)]
    pub(super) store: StoreArgs,
    #[command(flatten)]
    pub(super) window: WindowArgs,
    #[command(flatten)]
    pub(super) now: NowArgs,
    #[command(flatten)]
    pub(super) talk: TalkArgs,
    #[command(flatten)]
    pub(super) progress: ProgressArgs,
    /// Write there instead of qs-audit.toml.
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub(super) output: Option<PathBuf>,

    /// Write it even if it is there already.
    #[arg(long)]
    pub(super) force: bool,

    /// Ask AWS Organizations for names and business units of accounts.
    #[arg(long)]
    pub(super) ask_aws: bool,
}

/// Options of `collect`.
#[derive(Debug, Args)]
pub(super) struct CollectArgs {
    #[command(flatten)]
    pub(super) logs: LogArgs,
    #[command(flatten)]
    pub(super) store: StoreArgs,
    #[command(flatten)]
    pub(super) config: ConfigArgs,
    #[command(flatten)]
    pub(super) window: WindowArgs,
    #[command(flatten)]
    pub(super) now: NowArgs,
    #[command(flatten)]
    pub(super) statistics: StatisticsArgs,
    #[command(flatten)]
    pub(super) strict: StrictArgs,
    #[command(flatten)]
    pub(super) talk: TalkArgs,
    #[command(flatten)]
    pub(super) progress: ProgressArgs,
    #[command(flatten)]
    pub(super) output: TextOutputArgs,

    /// Wait while another run collects into the same store.
    #[arg(long)]
    pub(super) wait: bool,

    /// Keep what was read after so many objects: what a killed run has to read again.
    #[arg(long, value_name = "N", default_value_t = 4000,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) commit_every: u32,
}

/// Options of `query`.
#[derive(Debug, Args)]
pub(super) struct QueryArgs {
    #[command(flatten)]
    pub(super) audit: AuditArgs,
    #[command(flatten)]
    pub(super) bill: BillArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs<RecordFormat>,

    /// A saved query; --list names them.
    #[arg(value_name = "NAME", conflicts_with_all = ["file", "list"])]
    pub(super) name: Option<String>,

    /// A value for a parameter of the query: database=retail. May be given more than
    /// once.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(super) param: Vec<String>,

    /// List the saved queries, their tables and parameters.
    #[arg(long)]
    pub(super) list: bool,

    /// Run the SQL of this file; - reads standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "list")]
    pub(super) file: Option<PathBuf>,

    /// Print the SQL with its parameters filled in, and run nothing.
    #[arg(long)]
    pub(super) sql: bool,

    /// Write the tables as Parquet into this folder, for DuckDB or Athena.
    #[arg(long, value_name = "DIR")]
    pub(super) export: Option<PathBuf>,
}

/// Options of `demo`.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    #[command(flatten)]
    pub(super) talk: TalkArgs,
    #[command(flatten)]
    pub(super) progress: ProgressArgs,
    #[command(flatten)]
    pub(super) output: TextOutputArgs,

    /// Where to write; must not exist yet, or hold an earlier demo.
    #[arg(value_name = "DIR", default_value = "qs-audit-demo")]
    pub(super) dir: PathBuf,

    /// Another organisation for another number.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,
}

/// Options of `completions`.
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    #[command(flatten)]
    pub(super) output: TextOutputArgs,

    /// The shell.
    #[arg(value_enum)]
    pub(super) shell: clap_complete::Shell,
}

/// Options of `man`.
#[derive(Debug, Args)]
pub(super) struct ManArgs {
    #[command(flatten)]
    pub(super) output: TextOutputArgs,

    /// Write the pages of all commands into this folder.
    #[arg(long, value_name = "DIR")]
    pub(super) dir: Option<PathBuf>,
}

/// The command as clap knows it, for completions, pages and documentation.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}
