//! From arguments to an exit status.

use super::args::{Cli, Command, Global, IncludeArg, MetricArg, TerabyteArg};
use super::exit::Exit;
use super::failure::{exit_of, text_of};
use super::moments;
use super::progress::Terminal;
use super::terminal::{check_output, say};
use super::{
    chains, chargeback, collect, demo, doctor, explain, findings, glue, init, query, report, show,
    verify,
};
use crate::app::audit::AuditRun;
use crate::app::context::{MoneyOptions, RunContext, RunOptions};
use crate::app::failure::Failure;
use crate::app::notices::Notices;
use crate::config::Settings;
use crate::model::audit::Audit;
use crate::model::bill::{ChargeCategory, CostMetric};
use crate::model::money::TerabyteBase;
use crate::model::time::UtcSecond;
use crate::output::human::safe;
use crate::output::not_read::NotRead;
use crate::output::summary;
use clap::Parser;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::process::ExitCode;

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let mut cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; that nobody reads them neither.
            let _ = error.print();
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Clean
            };
            return exit.into();
        }
    };
    cli.global.settle();
    match run(&cli) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            let exit = exit_of(&failure);
            if exit != Exit::Clean {
                say(&text_of(&failure));
            }
            exit.into()
        }
    }
}

fn run(cli: &Cli) -> Result<Exit, Failure> {
    if !matches!(cli.command, Command::Report(_) | Command::Init(_)) {
        check_output(&cli.global)?;
    }
    match &cli.command {
        Command::Chains(args) => chains::run(&cli.global, args),
        Command::Show(args) => show::run(&cli.global, args),
        Command::Chargeback(args) => chargeback::run(&cli.global, args),
        Command::Findings(args) => findings::run(&cli.global, args),
        Command::Report(args) => report::run(&cli.global, args),
        Command::Explain(args) => explain::run(&cli.global, args),
        Command::Init(args) => init::run(&cli.global, args),
        Command::Doctor => doctor::run(&cli.global),
        Command::Collect(args) => collect::run(&cli.global, args),
        Command::Verify(args) => verify::run(&cli.global, args),
        Command::Query(args) => query::run(&cli.global, args),
        Command::Demo(args) => demo::run(&cli.global, args),
        Command::Completions(args) => glue::completions(&cli.global, args),
        Command::Man(args) => glue::man(&cli.global, args),
    }
}

/// Starts a run with the configuration.
pub(super) fn start(global: &Global) -> Result<RunContext, Failure> {
    RunContext::open(options(global), now(global)?, terminal(global))
}

/// Starts a run with another configuration.
pub(super) fn start_with(global: &Global, settings: Settings) -> Result<RunContext, Failure> {
    let now = now(global)?;
    Ok(RunContext::with(
        settings,
        options(global),
        now,
        terminal(global),
    ))
}

fn terminal(global: &Global) -> Box<dyn Notices> {
    Box::new(Terminal {
        is_quiet: global.quiet,
        shows_progress: !global.no_progress && !global.quiet,
    })
}

/// Reads and stitches, and says on standard error what was read.
pub(super) fn audit(global: &Global, run: &AuditRun<'_>) -> Result<Audit, Failure> {
    let audit = run.run()?;
    if global.quiet {
        if let Some(line) = NotRead::of(&audit.coverage.rejects).line() {
            // What was not seen is said in any case.
            say(&format!("{line}\n"));
        }
        return Ok(audit);
    }
    if let Some((place, last)) = run.kept_in()? {
        say(&format!("from {}, collected {last}\n", safe(&place)));
    }
    let mut text = Vec::new();
    summary::write(&audit, &mut text)?;
    summary::write_rejects(&audit.units_rejects, &mut text)?;
    summary::write_rejects(&audit.inventory_rejects, &mut text)?;
    if audit.attribution.is_some() {
        summary::write_unmapped(&audit, &run.plan.topology, &mut text)?;
    }
    say(&String::from_utf8_lossy(&text));
    Ok(audit)
}

/// Now: the clock, or what `--now` says instead.
fn now(global: &Global) -> Result<UtcSecond, Failure> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where the clock comes in"
    )]
    let clock = || UtcSecond::from_unix(Timestamp::now().as_second());
    match &global.now {
        Some(now) => moments::moment("--now", now),
        None => Ok(clock()),
    }
}

fn options(global: &Global) -> RunOptions {
    let money = &global.money;
    RunOptions {
        config: global.config.clone(),
        logs: global.logs.clone(),
        store: global.store.clone(),
        requester_pays: global.requester_pays,
        threads: usize::from(global.threads),
        money: MoneyOptions {
            executions: money.executions.clone(),
            costs: money.costs.clone(),
            metric: metric(money.metric),
            included: included(&money.include),
            business_units: money.business_units.clone(),
            terabyte: money.tb.map(|base| match base {
                TerabyteArg::Decimal => TerabyteBase::Decimal,
                TerabyteArg::Binary => TerabyteBase::Binary,
            }),
        },
    }
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
