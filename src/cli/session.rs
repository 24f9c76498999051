//! One run, from options to an audit.

use super::args::{Global, IncludeArg, MetricArg, TerabyteArg, VerifyArgs, WhileReadingArgs};
use super::moments;
use super::progress::Terminal;
use super::terminal::say;
use crate::app::audit::AuditRun;
use crate::app::context::RunContext;
use crate::app::evidence::VerifyOptions;
use crate::app::exports::Wants;
use crate::app::failure::Failure;
use crate::app::notices::Notices;
use crate::app::options::{MoneyOptions, RunOptions};
use crate::config::Settings;
use crate::model::audit::Audit;
use crate::model::bill::{ChargeCategory, CostMetric};
use crate::model::money::TerabyteBase;
use crate::model::time::UtcSecond;
use crate::model::window::TimeWindow;
use crate::output::human::safe;
use crate::output::not_read::NotRead;
use crate::output::summary;
use jiff::Timestamp;
use std::collections::BTreeSet;

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

/// Returns what log files are verified against.
pub(super) fn verify_options(args: &VerifyArgs) -> VerifyOptions {
    VerifyOptions {
        public_keys: args.public_keys.clone(),
        signatures: args.signatures.clone(),
    }
}

/// What log files are verified against while they are read, where that is asked for.
pub(super) fn verifying(args: &WhileReadingArgs) -> Result<Option<VerifyOptions>, Failure> {
    let against = verify_options(&args.against);
    if args.verify {
        return Ok(Some(against));
    }
    match against.first() {
        Some(option) => Err(Failure::usage(format!("{option} is for --verify"))
            .hint("add --verify, or leave it out")),
        None => Ok(None),
    }
}

/// Gathers an audit, with log files verified while they are read where that is asked for.
pub(super) fn prepare<'c>(
    context: &'c RunContext,
    window: TimeWindow,
    wanted: Wants,
    args: &WhileReadingArgs,
) -> Result<AuditRun<'c>, Failure> {
    match verifying(args)? {
        Some(against) => AuditRun::prepare_verifying(context, window, wanted, &against),
        None => AuditRun::prepare(context, window, wanted),
    }
}
