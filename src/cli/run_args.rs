//! The arguments of a run, for any command: options that a command does not have keep their
//! defaults.

use super::formats::{Format, FormatKind};
use super::groups::{
    AuditArgs, BillArgs, ColorWhen, ConfigArgs, IncludeArg, LogArgs, MetricArg, OutputArgs,
    ProgressArgs, StatisticsArgs, StoreArgs, StrictArgs, TalkArgs, TerabyteArg, TextOutputArgs,
    ThreadArgs, UnitArgs, WindowArgs,
};
use crate::app::failure::Failure;
use crate::app::options::RunOptions;
use crate::model::bill::{ChargeCategory, CostMetric};
use crate::model::money::TerabyteBase;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The arguments of a run.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[derive(Debug, Clone)]
pub(super) struct RunArgs {
    pub(super) run: RunOptions,
    pub(super) window: WindowArgs,
    pub(super) color: ColorWhen,
    pub(super) quiet: bool,
    pub(super) no_progress: bool,
    pub(super) strict: bool,
    pub(super) output: Option<PathBuf>,
    /// The kind of bytes that the output consists of.
    pub(super) kind: FormatKind,
    /// True if the ending of the output tells of no format that there is.
    pub(super) is_ending_unknown: bool,
}

impl RunArgs {
    /// Nothing but a way to talk.
    pub(super) fn new(talk: &TalkArgs) -> Self {
        Self {
            color: talk.color,
            quiet: talk.quiet,
            ..Self::quietly()
        }
    }

    /// Nothing, and no one to talk to.
    pub(super) fn quietly() -> Self {
        Self {
            run: RunOptions::default(),
            window: WindowArgs::default(),
            color: ColorWhen::Never,
            quiet: true,
            no_progress: false,
            strict: false,
            output: None,
            kind: FormatKind::Table,
            is_ending_unknown: false,
        }
    }

    /// Returns the arguments of a command that audits.
    pub(super) fn audit(args: &AuditArgs) -> Self {
        Self::new(&args.talk)
            .progress(&args.progress)
            .logs(&args.logs)
            .threads(&args.threads)
            .store(&args.store)
            .config(&args.config)
            .window(&args.window)
            .statistics(&args.statistics)
            .units(&args.units)
            .strict(&args.strict)
    }

    pub(super) fn progress(mut self, args: &ProgressArgs) -> Self {
        self.no_progress = args.no_progress;
        self
    }

    pub(super) fn logs(mut self, args: &LogArgs) -> Self {
        self.run.logs.clone_from(&args.logs);
        self.run.objects.clone_from(&args.objects);
        self.run.requester_pays = args.requester_pays;
        self
    }

    pub(super) fn threads(mut self, args: &ThreadArgs) -> Self {
        self.run.threads = usize::from(args.threads);
        self
    }

    pub(super) fn store(mut self, args: &StoreArgs) -> Self {
        self.run.store.clone_from(&args.store);
        self
    }

    pub(super) fn config(mut self, args: &ConfigArgs) -> Self {
        self.run.config.clone_from(&args.config);
        self
    }

    pub(super) fn window(mut self, args: &WindowArgs) -> Self {
        self.window.clone_from(args);
        self
    }

    pub(super) fn strict(mut self, args: &StrictArgs) -> Self {
        self.strict = args.strict;
        self
    }

    pub(super) fn statistics(mut self, args: &StatisticsArgs) -> Self {
        self.run.money.executions.clone_from(&args.executions);
        self.run.money.catalogs.clone_from(&args.catalogs);
        self.run.money.chat_logs.clone_from(&args.chat_logs);
        self
    }

    pub(super) fn units(mut self, args: &UnitArgs) -> Self {
        let money = &mut self.run.money;
        money.business_units.clone_from(&args.business_units);
        money.terabyte = args.tb.map(|base| match base {
            TerabyteArg::Decimal => TerabyteBase::Decimal,
            TerabyteArg::Binary => TerabyteBase::Binary,
        });
        self
    }

    pub(super) fn bill(mut self, args: &BillArgs) -> Self {
        let money = &mut self.run.money;
        money.costs.clone_from(&args.costs);
        money.metric = metric(args.metric);
        money.included = included(&args.include);
        self
    }

    /// Returns the output and its format: as requested, else by the file name's ending.
    pub(super) fn output<F: Format>(mut self, args: &OutputArgs<F>) -> Result<(Self, F), Failure> {
        let ending = args.output.as_deref().map(Ending::of);
        if let (None, Some(Ending::Other(instead))) = (args.format, &ending) {
            let path = args.output.as_deref().unwrap_or(Path::new(""));
            return Err(Failure::usage(format!(
                "{}: this extension names no output format",
                path.display()
            ))
            .hint(format!("{instead}; --format writes one whatever the name")));
        }
        let told = match (args.format, &ending) {
            (None, Some(Ending::Format(name))) => {
                let known = F::from_str(name, true);
                Some(known.map_err(|_| no_such_format::<F>(name))?)
            }
            _ => None,
        };
        self.is_ending_unknown = args.format.is_none() && ending == Some(Ending::Unknown);
        self.output.clone_from(&args.output);
        let format = args.format.or(told).unwrap_or(F::TABLE);
        self.kind = format.kind();
        Ok((self, format))
    }

    /// Returns the output for text: a file named like another format is refused.
    pub(super) fn text_output(mut self, args: &TextOutputArgs) -> Result<Self, Failure> {
        let ending = args.output.as_deref().map(Ending::of);
        if let Some(Ending::Format(name)) = ending {
            return Err(Failure::usage(format!(
                "this command has no machine output, so not {name}"
            ))
            .hint("name another file with -o; other commands write every format"));
        }
        self.output.clone_from(&args.output);
        Ok(self)
    }
}

/// The ending of an output's name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Nothing, or what text is named.
    Plain,
    /// The name of a format of some command.
    Format(&'static str),
    /// What a known format is named that is not written: what to write instead.
    Other(&'static str),
    /// Something else.
    Unknown,
}

impl Ending {
    pub(super) fn of(path: &Path) -> Self {
        let Some(ending) = path.extension() else {
            return Self::Plain;
        };
        match &*ending.to_string_lossy().to_lowercase() {
            "txt" | "text" | "log" | "out" | "md" => Self::Plain,
            "csv" => Self::Format("csv"),
            "json" => Self::Format("json"),
            "jsonl" | "ndjson" => Self::Format("jsonl"),
            "parquet" => Self::Format("parquet"),
            "xlsx" => Self::Format("xlsx"),
            "ocsf" => Self::Format("ocsf"),
            "asff" => Self::Format("asff"),
            "xls" | "xlsm" | "xlsb" | "ods" => Self::Other("a workbook is .xlsx"),
            "tsv" | "tab" => Self::Other("tables of text are .csv"),
            "yaml" | "yml" | "xml" => Self::Other("documents are .json or .jsonl"),
            "html" | "htm" | "pdf" | "doc" | "docx" => {
                Self::Other("`qs-audit report -o DIR` writes index.html, which prints to PDF")
            }
            "db" | "sqlite" | "duckdb" => {
                Self::Other("`qs-audit query --export DIR` writes Parquet, which databases read")
            }
            _ => Self::Unknown,
        }
    }
}

fn no_such_format<F: Format>(name: &str) -> Failure {
    let known = F::value_variants().iter().filter_map(F::to_possible_value);
    let known: Vec<String> = known.map(|value| value.get_name().to_owned()).collect();
    Failure::usage(format!("{name} is not one of this command's formats"))
        .hint(format!("it has {}", known.join(", ")))
}

fn metric(arg: MetricArg) -> CostMetric {
    match arg {
        MetricArg::Unblended => CostMetric::Unblended,
        MetricArg::Blended => CostMetric::Blended,
        MetricArg::Amortized => CostMetric::Amortized,
        MetricArg::NetUnblended => CostMetric::NetUnblended,
        MetricArg::NetAmortized => CostMetric::NetAmortized,
    }
}

fn included(args: &[IncludeArg]) -> BTreeSet<ChargeCategory> {
    let mut included = BTreeSet::new();
    for arg in args {
        match arg {
            IncludeArg::Tax => included.insert(ChargeCategory::Tax),
            IncludeArg::Credit => included.insert(ChargeCategory::Credit),
            IncludeArg::Refund => included.insert(ChargeCategory::Refund),
            IncludeArg::Other => included.insert(ChargeCategory::Other),
            IncludeArg::All => {
                included.extend(ChargeCategory::EXTRA);
                true
            }
        };
    }
    included
}
