//! The command line's arguments. The doc comments are the help texts.

use super::formats::{ChargebackFormat, FindingsFormat, RecordFormat};
use super::groups::{
    AuditArgs, BillArgs, ConfigArgs, LogArgs, OutputArgs, ProgressArgs, SpillArgs, StatisticsArgs,
    StoreArgs, StrictArgs, TalkArgs, TextOutputArgs, ThreadArgs, VerifyArgs, WhileReadingArgs,
    WindowArgs,
};
use super::news_args::{AckArgs, NotifyArgs};
use super::search_args::{FindArgs, QueryArgs, ShowArgs};
use crate::app::collect::COMMIT_EVERY;
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
#[expect(clippy::large_enum_variant, reason = "there is one, once")]
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List access chains.
    ///
    /// Lists every chain that used Role A or a Role B, declared or discovered, in the last 7 days unless a window is given.
    #[command(after_help = "Examples:\n  \
        qs-audit chains --logs AWSLogs --since 7d\n  \
        qs-audit chains --logs AWSLogs --consumer retail --status partial --status denied\n  \
        qs-audit chains --logs AWSLogs --path any --format csv -o chains.csv")]
    Chains(ChainsArgs),
    /// Show anything: a chain, or what an id, key, address, user, table or finding leads to.
    ///
    /// Says what it is, and shows its chain: AssumeRole calls, policies, queries, timeline, findings that are remembered, and
    /// commands that go on from there. Of several chains, a list. Reads all logs unless a window is given.
    #[command(after_help = "Examples:\n  \
        qs-audit show c-3f9a1b2c4d5e --logs AWSLogs\n  \
        qs-audit show 203.0.113.7 --since 7d\n  \
        qs-audit show i-3f9a1b2c4d5e\n  \
        qs-audit show latest --logs AWSLogs --raw")]
    Show(ShowArgs),
    /// Find names: lists what matches a part of a name, with its chains.
    ///
    /// Looks through chains, queries, access keys, role sessions, roles, callers, events, addresses, users, source identities,
    /// dashboards, data sources, tables, functions and resources; * stands for any text. `show` shows one of them.
    #[command(after_help = "Examples:\n  \
        qs-audit find ana --since 7d\n  \
        qs-audit find 203.0.113.* --logs AWSLogs\n  \
        qs-audit find claims --format csv -o claims.csv")]
    Find(FindArgs),
    /// Detect anomalies and list them as findings.
    ///
    /// Evaluates the last 7 days unless a window is given. Also reads the days before the window, as the baseline.
    #[command(after_help = "Examples:\n  \
        qs-audit findings --logs AWSLogs --since 1d --fail-on high\n  \
        qs-audit findings --logs AWSLogs --executions executions.json --data-sources data-sources.json\n  \
        qs-audit findings --logs AWSLogs --previous yesterday.json --format json -o today.json\n  \
        qs-audit explain external-id-spoof")]
    Findings(FindingsArgs),
    /// Acknowledge findings: they are not news any more, and --fail-on does not count them.
    ///
    /// Takes the id of a finding, or of an incident with all findings that it has now. Findings that join the incident later, that
    /// happen again or get worse are not silenced. Without an id, lists what was acknowledged.
    #[command(after_help = "Examples:\n  \
        qs-audit ack i-3f9a1b2c4d5e --owner lena --note \"ticket SEC-12\" --until 14d\n  \
        qs-audit ack f-0123456789ab --undo\n  \
        qs-audit ack")]
    Ack(AckArgs),
    /// Send messages that were not delivered yet, and raise an alarm if no night was evaluated for too long.
    ///
    /// Reports and `findings --remember` send messages themselves, to the places of `[[notify]]` in the configuration. This command
    /// sends again what was not taken, and watches over them: run it from another scheduler.
    #[command(after_help = "Examples:\n  \
        qs-audit notify --dry-run\n  \
        qs-audit notify --max-age 36h")]
    Notify(NotifyArgs),
    /// Explain a rule: what it finds, why it matters, what to do.
    ///
    /// Lists all rules if none is named.
    #[command(after_help = "Examples:\n  \
        qs-audit explain\n  \
        qs-audit explain bytes-scanned-spike")]
    Explain(ExplainArgs),
    /// Allocate Athena cost to business units, consumers and users.
    ///
    /// Allocates the Athena cost of every consumer account and UTC day to the queries that ran: queries from Quick, other known
    /// queries, and an unallocated rest that no known query explains. Covers the current month unless a window is given.
    /// Windows are widened to whole days, because bills have days.
    #[command(after_help = "Examples:\n  \
        qs-audit chargeback --month 2026-10 --logs AWSLogs --executions executions.json --costs costs.json\n  \
        qs-audit chargeback --month 2026-10 --by business-unit,consumer,day\n  \
        qs-audit chargeback --month 2026-10 --format xlsx -o october.xlsx")]
    Chargeback(ChargebackArgs),
    /// Write the nightly report as HTML, Markdown, JSON and tables.
    ///
    /// Covers the last whole UTC day unless a window is given. Writes index.html, report.md, report.json, chains.csv,
    /// chains.parquet, findings.csv and chargeback.csv to reports/nightly/DATE, or to the folder of --output, which is replaced
    /// as a whole. The previous report determines which findings are new, ongoing or resolved.
    #[command(after_help = "Examples:\n  \
        qs-audit report --logs AWSLogs --executions executions --costs costs.json\n  \
        qs-audit report -q --fail-on high\n  \
        qs-audit report --from 2026-10-01 --to 2026-11-01 -o october")]
    Report(ReportArgs),
    /// Verify log files against CloudTrail's digest files.
    ///
    /// Checks the location, format, signature, sequence and time of every digest file, and every log file that it lists, in all
    /// accounts and Regions. Also reports log files that no digest lists. Covers the last 7 days unless a window is given.
    /// Faults are worded as in aws cloudtrail validate-logs. The exit status is 10 if a file is invalid, missing, or not listed
    /// in a digest that should list it.
    #[command(after_help = "Examples:\n  \
        qs-audit verify --logs s3://amzn-s3-demo-bucket --since 7d\n  \
        qs-audit verify --logs AWSLogs --public-keys public-keys.json --signatures signatures.json\n  \
        qs-audit verify --logs AWSLogs --format json -o verification.json")]
    Verify(VerifyCommandArgs),
    /// Collect new logs, query statistics and costs into the store.
    ///
    /// Reads only what is not in the store yet: the last 36 days in the first run, then everything since shortly before the
    /// last run, unless a window is given. Once a store exists, the other commands read it instead of the logs.
    #[command(after_help = "Examples:\n  \
        qs-audit collect\n  \
        qs-audit collect --since 90d\n  \
        qs-audit collect --logs s3://amzn-s3-demo-bucket/AWSLogs --store store\n  \
        qs-audit collect -q --wait && qs-audit report -q")]
    Collect(CollectArgs),
    /// Run a saved query, or your own SQL, on the record tables.
    ///
    /// The tables are chains, hops, queries, reads, charges and listed tables (docs/tables-v1.md). Covers the last 7 days unless a window is given.
    /// Windows are widened to whole days.
    #[command(after_help = "Examples:\n  \
        qs-audit query -e \"SELECT consumer_name, COUNT(*) AS chains FROM chains GROUP BY consumer_name\"\n  \
        qs-audit query --interactive --since 30d\n  \
        qs-audit query --list\n  \
        qs-audit query who-reached-database --param database=retail --since 7d\n  \
        qs-audit query --file my.sql --format csv\n  \
        qs-audit query --export tables --since 30d")]
    Query(QueryArgs),
    /// Write a first qs-audit.toml from the logs.
    ///
    /// Reads the last 30 days unless a window is given. Declares the hub, and the consumers, roles, work groups and data
    /// sources that Quick's chains used. Keeps the logs in the store, so that no command has to read them again.
    #[command(after_help = "Examples:\n  \
        qs-audit init --logs AWSLogs\n  \
        qs-audit init --logs s3://amzn-s3-demo-bucket --ask-aws -o qs-audit.toml")]
    Init(InitArgs),
    /// Check access and coverage: what can be read, what cannot, and how to fix it.
    ///
    /// Checks for each declared account: can its logs be listed and read, when was its last event, is its trail on and
    /// complete, is log file validation enabled, and are query statistics and costs available.
    #[command(after_help = "Examples:\n  \
        qs-audit doctor\n  \
        qs-audit doctor --strict -q --format json")]
    Doctor(DoctorArgs),
    /// Print statements for an engine that says which log files matter: Athena or Trino (docs/engines.md).
    #[command(
        subcommand_required = true,
        arg_required_else_help = true,
        after_help = "Examples:\n  \
        qs-audit engine ddl --for trino --table hive.logs.cloudtrail --logs s3://amzn-s3-demo-bucket/AWSLogs\n  \
        qs-audit engine sql --logs trino://trino.example.com:8443/hive/logs/cloudtrail"
    )]
    Engine(EngineArgs),
    /// Write the logs of a synthetic organization to a folder, and audit them.
    #[command(after_help = "Examples:\n  \
        qs-audit demo\n  \
        qs-audit demo my-demo --seed 7")]
    Demo(DemoArgs),
    /// Print a completion script for a shell.
    #[command(after_help = "Example:\n  \
        qs-audit completions bash > /etc/bash_completion.d/qs-audit")]
    Completions(CompletionsArgs),
    /// Print the manual page, or write one per command to a folder.
    #[command(after_help = "Examples:\n  \
        qs-audit man | man -l -\n  \
        qs-audit man --dir /usr/local/share/man/man1")]
    Man(ManArgs),
}

/// The commands of `engine`.
#[derive(Debug, Args)]
pub(super) struct EngineArgs {
    #[command(subcommand)]
    pub(super) command: EngineCommand,
}

/// The commands of `engine`.
#[derive(Debug, Subcommand)]
pub(super) enum EngineCommand {
    /// Print the statements that create a table of log files.
    #[command(after_help = "Examples:\n  \
        qs-audit engine ddl --for trino --table hive.logs.cloudtrail --logs s3://amzn-s3-demo-bucket/AWSLogs\n  \
        qs-audit engine ddl --for athena --table audit.cloudtrail --logs s3://amzn-s3-demo-bucket/AWSLogs/o-exampleorgid")]
    Ddl(DdlArgs),
    /// Print the statements that a run sends to an engine.
    ///
    /// Paths of objects are known when these are listed; here names in <> stand for them.
    #[command(after_help = "Example:\n  \
        qs-audit engine sql --logs trino://trino.example.com:8443/hive/logs/cloudtrail --since 7d")]
    Sql(EngineSqlArgs),
}

/// An engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum EngineArg {
    /// Amazon Athena.
    Athena,
    /// Trino.
    Trino,
}

/// Options of `engine ddl`.
#[derive(Debug, Args)]
pub(super) struct DdlArgs {
    /// The engine.
    #[arg(long = "for", value_enum, value_name = "ENGINE")]
    pub(super) engine: EngineArg,

    /// The table: DATABASE.TABLE for Athena, CATALOG.SCHEMA.TABLE for Trino.
    #[arg(long, value_name = "NAME")]
    pub(super) table: String,

    /// Where the engine has the log files: the folder that has the folders of accounts.
    #[arg(long, value_name = "LOCATION")]
    pub(super) logs: String,

    #[command(flatten)]
    pub(super) output: TextOutputArgs,
}

/// Options of `engine sql`.
#[derive(Debug, Args)]
pub(super) struct EngineSqlArgs {
    #[command(flatten)]
    pub(super) window: WindowArgs,
    #[command(flatten)]
    pub(super) logs: LogArgs,
    #[command(flatten)]
    pub(super) config: ConfigArgs,
    #[command(flatten)]
    pub(super) output: TextOutputArgs,
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

/// Options of `chains`.
#[derive(Debug, Args)]
pub(super) struct ChainsArgs {
    /// Sort by this key.
    #[arg(long, value_enum, value_name = "KEY", default_value_t = SortKey::Started)]
    pub(super) sort: SortKey,

    /// Show at most this many, after sorting.
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<usize>,

    /// One row per query instead of one per chain.
    #[arg(long)]
    pub(super) flat: bool,

    /// Also list role sessions that are not related to Quick or Athena.
    #[arg(long)]
    pub(super) all_sessions: bool,

    #[command(flatten)]
    pub(super) filter: FilterArgs,
    #[command(flatten)]
    pub(super) verification: WhileReadingArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs<RecordFormat>,
    #[command(flatten)]
    pub(super) spill: SpillArgs,
    #[command(flatten)]
    pub(super) audit: AuditArgs,
}

/// Filters of chains. Names can contain * for any text.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Filters (each may be given more than once)")]
pub(super) struct FilterArgs {
    /// A consumer, by declared name or account id.
    #[arg(long, value_name = "NAME")]
    pub(super) consumer: Vec<String>,

    /// A declared business unit.
    #[arg(long, value_name = "NAME")]
    pub(super) business_unit: Vec<String>,

    /// A Quick data source, by ARN or id.
    #[arg(long, value_name = "ARN")]
    pub(super) data_source: Vec<String>,

    /// A work group in which at least one query ran.
    #[arg(long, value_name = "NAME")]
    pub(super) work_group: Vec<String>,

    /// A Quick user: the whole name, the whole e-mail address, or the part before the @.
    #[arg(long, value_name = "NAME")]
    pub(super) user: Vec<String>,

    /// A role of the chain, by ARN or name.
    #[arg(long, value_name = "ARN")]
    pub(super) role: Vec<String>,

    /// A caller that assumed one of its roles or made one of its calls: an ARN, its last part, or a principal id.
    #[arg(long, value_name = "ARN")]
    pub(super) caller: Vec<String>,

    /// An address that one of its calls came from.
    #[arg(long, value_name = "ADDRESS")]
    pub(super) ip: Vec<String>,

    /// The dashboard or analysis that caused it, by ARN or id.
    #[arg(long, value_name = "ARN")]
    pub(super) dashboard: Vec<String>,

    /// A Region in which one of its queries ran.
    #[arg(long, value_name = "REGION")]
    pub(super) region: Vec<String>,

    /// An access key id of one of its sessions or calls.
    #[arg(long, value_name = "ID")]
    pub(super) access_key: Vec<String>,

    /// A query execution.
    #[arg(long, value_name = "ID")]
    pub(super) query_id: Vec<String>,

    /// A table that a query read: sales, claims.sales, an ARN, or `s3://BUCKET`; * stands for any text.
    #[arg(long, value_name = "NAME")]
    pub(super) table: Vec<String>,

    /// The database of a table that a query read.
    #[arg(long, value_name = "NAME")]
    pub(super) database: Vec<String>,

    /// The maker of the first session: a service such as `states` or `lambda.amazonaws.com`, the name or ARN of a state machine,
    /// function or job, `people` (with IAM users), or `unknown`; `*` stands for any text. Lists chains of all paths.
    #[arg(long, value_name = "SERVICE")]
    pub(super) origin: Vec<String>,

    /// The owner of a table that a query read, by declared name or account id.
    #[arg(long, value_name = "NAME")]
    pub(super) producer: Vec<String>,

    /// Only chains of this status.
    #[arg(long, value_enum, value_name = "STATUS")]
    pub(super) status: Vec<StatusArg>,

    /// Only chains of this path; any lists all chains that end in Athena.
    #[arg(long, value_enum, value_name = "PATH")]
    pub(super) path: Vec<PathArg>,

    /// Minimum bytes scanned: 500MB, 2GB, 1TB (needs query statistics).
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
    /// Oldest first.
    #[default]
    Started,
    /// Newest first.
    Latest,
    /// Most bytes scanned first.
    Bytes,
    /// Most queries first.
    Queries,
    /// Most calls first.
    Calls,
    /// Longest first.
    Duration,
    /// By consumer, then by time.
    Consumer,
}

/// Options of `findings`.
#[derive(Debug, Args)]
pub(super) struct FindingsArgs {
    /// Only these rules; * matches any text.
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub(super) rule: Vec<String>,

    /// Only show findings at or above this severity.
    #[arg(long, value_enum, value_name = "SEVERITY", ignore_case = true)]
    pub(super) min_severity: Option<SeverityArg>,

    /// Exit with status 10 if there is a finding at or above this severity, shown or not. Suppressed findings do not count.
    #[arg(long, value_enum, value_name = "SEVERITY", ignore_case = true)]
    pub(super) fail_on: Option<SeverityArg>,

    /// Only show, and fail on, findings that are news: earlier runs (or that of --previous) do not have them, they happened
    /// again, or they got worse. What was acknowledged does not count.
    #[arg(long)]
    pub(super) new: bool,

    /// Remember what is found, as the nightly report does: it is not new any more in later runs.
    #[arg(long)]
    pub(super) remember: bool,

    #[command(flatten)]
    pub(super) checks: ChecksArgs,
    #[command(flatten)]
    pub(super) spill: SpillArgs,
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
    /// Exit with status 10 if there is a finding at or above this severity. Suppressed findings do not count.
    #[arg(long, value_enum, value_name = "SEVERITY", ignore_case = true)]
    pub(super) fail_on: Option<SeverityArg>,

    /// Let --fail-on count only findings that are news, and that no one acknowledged.
    #[arg(long, requires = "fail_on")]
    pub(super) new: bool,

    #[command(flatten)]
    pub(super) checks: ChecksArgs,
    #[command(flatten)]
    pub(super) spill: SpillArgs,
    #[command(flatten)]
    pub(super) verification: WhileReadingArgs,
    #[command(flatten)]
    pub(super) bill: BillArgs,

    /// Tell what changed since this day of the baseline, instead of the day before the report.
    #[arg(long, value_name = "DAY")]
    pub(super) compare: Option<String>,

    /// Write a report of each consumer, too: consumers/ACCOUNT/index.html and its tables, with what its owner needs and nothing of
    /// the accounts of others.
    #[arg(long, help_heading = "Output")]
    pub(super) per_consumer: bool,

    /// Write a report of each producer, too: producers/ACCOUNT/index.html, with who read what of its tables.
    #[arg(long, help_heading = "Output")]
    pub(super) per_producer: bool,

    /// The folder of the report. It is replaced as a whole.
    #[arg(short, long, value_name = "DIR", help_heading = "Output")]
    pub(super) output: Option<PathBuf>,

    #[command(flatten)]
    pub(super) audit: AuditArgs,
}

/// Further inputs of rules.
#[derive(Debug, Args)]
#[command(next_help_heading = "Input of findings")]
pub(super) struct ChecksArgs {
    /// Length of the baseline before the window: 28d, 4w.
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "28d",
        allow_hyphen_values = true
    )]
    pub(super) baseline: String,

    /// The findings of an earlier run, as JSON, or the folder of its report, instead of what is remembered. Findings that it has
    /// are ongoing, not new.
    #[arg(long, value_name = "FILE")]
    pub(super) previous: Option<PathBuf>,

    /// Quick's data sources, instead of the configured ones: output of aws quicksight list-data-sources, a file or a folder.
    /// Can be repeated.
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
    /// The rule. Without one, all rules are listed.
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
    /// The month, instead of a window: 2026-10.
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
    pub(super) spill: SpillArgs,
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
    Table,
    Producer,
    Origin,
}

/// Options of `init`.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// Overwrite the file if it exists.
    #[arg(long)]
    pub(super) force: bool,

    /// Request names and business units of accounts from AWS Organizations.
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

    /// Write to this file instead of qs-audit.toml.
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

    /// Commit to the store after this many objects. An interrupted run repeats at most this many.
    #[arg(long, value_name = "N", default_value_t = COMMIT_EVERY,
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

/// Options of `demo`.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// The folder to write to. It must not exist yet, or must contain an earlier demo.
    #[arg(value_name = "DIR", default_value = "qs-audit-demo")]
    pub(super) dir: PathBuf,

    /// Seed of the generated organization.
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
    /// Write the pages of all commands to this folder.
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
