//! One run, from options to an audit.

use super::groups::{VerifyArgs, WhileReadingArgs};
use super::progress::Terminal;
use super::run_args::RunArgs;
use super::terminal::say;
use super::time_args;
use crate::app::audit::AuditRun;
use crate::app::context::RunContext;
use crate::app::exports::Wants;
use crate::app::failure::Failure;
use crate::app::notices::Notices;
use crate::app::verification_inputs::VerifyOptions;
use crate::config::Settings;
use crate::model::audit::Audit;
use crate::model::time::UtcSecond;
use crate::model::window::TimeWindow;
use crate::output::human::safe;
use crate::output::not_read::NotRead;
use crate::output::summary;
use jiff::Timestamp;

/// Starts a run with the configuration.
pub(super) fn start(run_args: &RunArgs) -> Result<RunContext, Failure> {
    RunContext::open(run_args.run.clone(), now(run_args)?, terminal(run_args))
}

/// Starts a run with another configuration.
pub(super) fn start_with(run_args: &RunArgs, settings: Settings) -> Result<RunContext, Failure> {
    let now = now(run_args)?;
    Ok(RunContext::with(
        settings,
        run_args.run.clone(),
        now,
        terminal(run_args),
    ))
}

fn terminal(run_args: &RunArgs) -> Box<dyn Notices> {
    Box::new(Terminal {
        is_quiet: run_args.quiet,
        shows_progress: !run_args.no_progress && !run_args.quiet,
    })
}

/// Reads and stitches, and says on standard error what was read.
pub(super) fn audit(run_args: &RunArgs, run: &AuditRun<'_>) -> Result<Audit, Failure> {
    let audit = run.run()?;
    say_coverage(run_args, run, &audit)?;
    Ok(audit)
}

/// Says on standard error what was read.
pub(super) fn say_coverage(
    run_args: &RunArgs,
    run: &AuditRun<'_>,
    audit: &Audit,
) -> Result<(), Failure> {
    if run_args.quiet {
        if let Some(line) = NotRead::of(&audit.coverage.rejects).line() {
            // Coverage gaps are printed in any case.
            say(&format!("{line}\n"));
        }
        return Ok(());
    }
    if let Some((place, last)) = run.kept_in()? {
        say(&format!("from {}, collected {last}\n", safe(&place)));
    }
    let mut text = Vec::new();
    summary::write(audit, &mut text)?;
    summary::write_rejects(&audit.units_rejects, &mut text)?;
    summary::write_rejects(&audit.inventory_rejects, &mut text)?;
    if audit.attribution.is_some() {
        summary::write_unmapped(audit, &run.plan.topology, &mut text)?;
    }
    say(&String::from_utf8_lossy(&text));
    Ok(())
}

/// Now: the clock, or what `--now` says instead.
fn now(run_args: &RunArgs) -> Result<UtcSecond, Failure> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where the clock comes in"
    )]
    let clock = || UtcSecond::from_unix(Timestamp::now().as_second());
    match &run_args.window.now {
        Some(now) => time_args::moment("--now", now),
        None => Ok(clock()),
    }
}

/// Returns what log files are verified against.
pub(super) fn verify_options(args: &VerifyArgs) -> VerifyOptions {
    VerifyOptions {
        public_keys: args.public_keys.clone(),
        signatures: args.signatures.clone(),
    }
}

/// Returns the inputs of verification while logs are read, where the run asks for it.
pub(super) fn verifying(args: &WhileReadingArgs) -> Result<Option<VerifyOptions>, Failure> {
    let against = verify_options(&args.against);
    if args.verify {
        return Ok(Some(against));
    }
    match against.first() {
        Some(option) => Err(Failure::usage(format!("{option} needs --verify"))
            .hint(format!("add --verify, or omit {option}"))),
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
    AuditRun::prepare_with(context, window, wanted, verifying(args)?.as_ref())
}
