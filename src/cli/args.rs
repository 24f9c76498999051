//! The command line's arguments. The doc comments are the help texts.

use super::formats::{ChargebackFormat, FindingsFormat, RecordFormat};
use super::groups::{
    AuditArgs, BillArgs, ConfigArgs, LogArgs, OutputArgs, ProgressArgs, StatisticsArgs, StoreArgs,
    StrictArgs, TalkArgs, TextOutputArgs, ThreadArgs, WindowArgs,
};
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

/// The commands.
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
    /// List anomalies, each found by a rule with a page.
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
    /// Show the cost of queries, and who caused it.
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
    /// Say what can be seen, what cannot, and what fixes it.
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

/// The inputs of verification.
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
    pub(super) against: VerifyArgs,
    #[command(flatten)]
    pub(super) window: WindowArgs,
    #[command(flatten)]
    pub(super) logs: LogArgs,
    #[command(flatten)]
    pub(super) threads: ThreadArgs,
    #[command(flatten)]
    pub(super) config: ConfigArgs,
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
    pub(super) window: WindowArgs,
    #[command(flatten)]
    pub(super) logs: LogArgs,
    #[command(flatten)]
    pub(super) store: StoreArgs,
    #[command(flatten)]
    pub(super) config: ConfigArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs<RecordFormat>,
    #[command(flatten)]
    pub(super) strict: StrictArgs,
    #[command(flatten)]
    pub(super) talk: TalkArgs,
    #[command(flatten)]
    pub(super) progress: ProgressArgs,
}

/// Verification of log files while they are read.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Verification")]
pub(super) struct WhileReadingArgs {
    /// Verify each log file against CloudTrail's digest files, and give every result
    /// its integrity status. Reads logs, not the store.
    #[arg(long)]
    pub(super) verify: bool,

    #[command(flatten)]
    pub(super) against: VerifyArgs,
}

/// Options of `chains`.
#[derive(Debug, Args)]
pub(super) struct ChainsArgs {
    /// Sort by this key.
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

    #[command(flatten)]
    pub(super) filter: FilterArgs,
    #[command(flatten)]
    pub(super) verification: WhileReadingArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs<RecordFormat>,
    #[command(flatten)]
    pub(super) audit: AuditArgs,
}

/// Filters of chains. Names may hold * for any text.
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

    /// Only chains of this status: complete, or how much of them was seen.
    #[arg(long, value_enum, value_name = "STATUS")]
    pub(super) status: Vec<StatusArg>,

    /// Only chains of this kind; any shows all that end in Athena.
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
    /// A chain id, a unique start of one, or latest.
    #[arg(value_name = "CHAIN_ID")]
    pub(super) chain_id: String,

    /// Print the events themselves as JSON lines, secrets replaced.
    #[arg(long)]
    pub(super) raw: bool,

    #[command(flatten)]
    pub(super) output: OutputArgs<RecordFormat>,
    #[command(flatten)]
    pub(super) audit: AuditArgs,
}

/// Options of `findings`.
#[derive(Debug, Args)]
pub(super) struct FindingsArgs {
    /// Only these rules; * stands for any text.
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub(super) rule: Vec<String>,

    /// Only show findings at or above this severity.
    #[arg(long, value_enum, value_name = "SEVERITY", ignore_case = true)]
    pub(super) min_severity: Option<SeverityArg>,

    /// Exit with status 10 if there are findings at or above this severity, shown or
    /// not; suppressed ones do not count.
    #[arg(long, value_enum, value_name = "SEVERITY", ignore_case = true)]
    pub(super) fail_on: Option<SeverityArg>,

    /// Show, and fail on, only what the run of --previous did not know.
    #[arg(long, requires = "previous")]
    pub(super) new: bool,

    #[command(flatten)]
    pub(super) checks: ChecksArgs,
    #[command(flatten)]
    pub(super) verification: WhileReadingArgs,
    #[command(flatten)]
    pub(super) bill: BillArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs<FindingsFormat>,
    #[command(flatten)]
    pub(super) audit: AuditArgs,
}

/// Options of `report`.
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// Exit with status 10 if there are findings at or above this severity; suppressed
    /// ones do not count.
    #[arg(long, value_enum, value_name = "SEVERITY", ignore_case = true)]
    pub(super) fail_on: Option<SeverityArg>,

    /// Let --fail-on count only what the report before did not know.
    #[arg(long, requires = "fail_on")]
    pub(super) new: bool,

    #[command(flatten)]
    pub(super) checks: ChecksArgs,
    #[command(flatten)]
    pub(super) verification: WhileReadingArgs,
    #[command(flatten)]
    pub(super) bill: BillArgs,

    /// The folder of the report, which is replaced whole.
    #[arg(short, long, value_name = "DIR", help_heading = "Output")]
    pub(super) output: Option<PathBuf>,

    #[command(flatten)]
    pub(super) audit: AuditArgs,
}

/// The inputs of rules besides logs, statistics and the bill.
#[derive(Debug, Args)]
#[command(next_help_heading = "What findings are compared with")]
pub(super) struct ChecksArgs {
    /// Read this much time before the window as the baseline: 28d, 4w.
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
    /// The rule; without one, all are listed.
    #[arg(value_name = "RULE")]
    pub(super) rule: Option<String>,

    #[command(flatten)]
    pub(super) output: OutputArgs<RecordFormat>,
    #[command(flatten)]
    pub(super) talk: TalkArgs,
}

/// Options of `chargeback`.
#[derive(Debug, Args)]
pub(super) struct ChargebackArgs {
    /// A month instead of a window: 2026-10.
    #[arg(long, value_name = "YYYY-MM", conflicts_with_all = ["since", "from", "to"])]
    pub(super) month: Option<String>,

    /// Group by these dimensions, in this order.
    #[arg(
        long,
        value_enum,
        value_name = "DIMENSION",
        value_delimiter = ',',
        default_value = "business-unit"
    )]
    pub(super) by: Vec<ByArg>,

    #[command(flatten)]
    pub(super) bill: BillArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs<ChargebackFormat>,
    #[command(flatten)]
    pub(super) audit: AuditArgs,
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
    /// Write it even if it is there already.
    #[arg(long)]
    pub(super) force: bool,

    /// Ask AWS Organizations for names and business units of accounts.
    #[arg(long)]
    pub(super) ask_aws: bool,

    #[command(flatten)]
    pub(super) window: WindowArgs,
    #[command(flatten)]
    pub(super) logs: LogArgs,
    #[command(flatten)]
    pub(super) threads: ThreadArgs,
    #[command(flatten)]
    pub(super) store: StoreArgs,

    /// Write there instead of qs-audit.toml.
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub(super) output: Option<PathBuf>,

    #[command(flatten)]
    pub(super) talk: TalkArgs,
    #[command(flatten)]
    pub(super) progress: ProgressArgs,
}

/// Options of `collect`.
#[derive(Debug, Args)]
pub(super) struct CollectArgs {
    /// Wait while another run collects into the same store.
    #[arg(long)]
    pub(super) wait: bool,

    /// Keep what was read after so many objects: what a killed run has to read again.
    #[arg(long, value_name = "N", default_value_t = 4000,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) commit_every: u32,

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
    pub(super) output: TextOutputArgs,
    #[command(flatten)]
    pub(super) strict: StrictArgs,
    #[command(flatten)]
    pub(super) talk: TalkArgs,
    #[command(flatten)]
    pub(super) progress: ProgressArgs,
}

/// Options of `query`.
#[derive(Debug, Args)]
pub(super) struct QueryArgs {
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

    #[command(flatten)]
    pub(super) bill: BillArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs<RecordFormat>,
    #[command(flatten)]
    pub(super) audit: AuditArgs,
}

/// Options of `demo`.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Write to this folder; it must not exist yet, or hold an earlier demo.
    #[arg(value_name = "DIR", default_value = "qs-audit-demo")]
    pub(super) dir: PathBuf,

    /// Another organisation for another number.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,

    #[command(flatten)]
    pub(super) threads: ThreadArgs,
    #[command(flatten)]
    pub(super) output: TextOutputArgs,
    #[command(flatten)]
    pub(super) talk: TalkArgs,
    #[command(flatten)]
    pub(super) progress: ProgressArgs,
}

/// Options of `completions`.
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub(super) shell: clap_complete::Shell,

    #[command(flatten)]
    pub(super) output: TextOutputArgs,
}

/// Options of `man`.
#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// Write the pages of all commands into this folder.
    #[arg(long, value_name = "DIR")]
    pub(super) dir: Option<PathBuf>,

    #[command(flatten)]
    pub(super) output: TextOutputArgs,
}

/// The command as clap knows it, for completions, pages and documentation.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}
