//! `qs-audit report`.

use super::args::ReportArgs;
use super::exit::Exit;
use super::findings::{check_options, failing, repeated, told};
use super::run_args::{Ending, RunArgs};
use super::session::{self, start, verifying};
use super::strictness::{exit_of_chains, nothing_to_read};
use super::terminal::{page, say};
use super::time_args::{self, DefaultWindow};
use crate::app::checks::evaluated;
use crate::app::compared;
use crate::app::context::RunContext;
use crate::app::failure::Failure;
use crate::app::notify;
use crate::app::report as app;
use crate::app::report_folder::WrittenReport;
use crate::app::security_hub::security_hub;
use crate::model::audit::Audit;
use crate::model::finding::Finding;
use crate::model::time::UtcSecond;
use crate::model::window::TimeWindow;
use crate::output::human::line;
use crate::output::report::{ReportContent, ReportInputs, summary};
use crate::output::terminal::{Spelling, TerminalWriter};
use crate::rules;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;

/// The length of a report's window where its start or end is open, in seconds.
const DEFAULT_SECONDS: i64 = 86_400;

pub(super) fn run(args: &ReportArgs) -> Result<Exit, Failure> {
    let mut run_args = RunArgs::audit(&args.audit).bill(&args.bill);
    run_args.output.clone_from(&args.output);
    let run_args = &run_args;
    check_ending(args)?;
    let context = start(run_args)?;
    let check = check_options(
        &args.checks,
        window(run_args, context.now)?,
        BTreeSet::new(),
    )?;
    let verifying = verifying(&args.verification)?;
    let compare = args.compare.as_deref();
    let compare = compare.map(|day| time_args::day_from("--compare", day, context.now.day()));
    let compare = compare.transpose()?;
    let folder = run_args.output.as_deref();
    let spill = args.spill.options();
    let run = app::prepare(&context, &check, verifying.as_ref(), folder, &spill)?;
    let audit = compared::checked(&run.audit, &spill.file(), &spill)?;
    session::say_coverage(run_args, &run.audit, &audit)?;
    let nothing = nothing_to_read(run_args, &audit);
    let (Some(findings), Some(slice)) = (&audit.findings, &audit.slice) else {
        return Err(Failure::internal("the run has no findings, or no night"));
    };
    let plan = &run.audit.plan;
    let chargeback = app::chargeback(slice, &plan.topology)?;
    let pages = rules::pages();
    let options = repeated(run_args);
    let report = ReportContent::of(ReportInputs {
        audit: &audit,
        events: &audit.events,
        slice,
        findings,
        chargeback: &chargeback,
        topology: &plan.topology,
        pages: &pages,
        previous: plan
            .checks
            .as_ref()
            .and_then(|checks| checks.previous.as_ref()),
        options: &options,
        compare,
        scope: None,
    });
    if compare.is_some() && report.changes.is_none() {
        say(
            "no figures of the day of --compare are known: it is outside the baseline (--baseline), or nothing ran\n",
        );
    }
    let written = app::write(&report, account_reports(args), run.folder)?;
    let latest = written.point_latest()?;
    if !run_args.quiet {
        tell(run_args, &report, &written, latest.as_deref())?;
    }
    let remembering = run.remembering.as_ref();
    let kept = remembering.and_then(|one| told(one.remember(&context, findings)));
    let kept = kept.or_else(|| {
        remembering?;
        told(notify_of(&context, &audit, &report, &written))
    });
    let strictly = exit_of_chains(run_args, &audit, &slice.chains);
    let wanted = |finding: &&Finding| !args.new || finding.rings();
    let wanted: Vec<&Finding> = findings.findings.iter().filter(wanted).collect();
    Ok(if failing(run_args, args.fail_on, &wanted) {
        Exit::Findings
    } else {
        kept.unwrap_or_else(|| strictly.max(nothing))
    })
}

fn account_reports(args: &ReportArgs) -> app::AccountReports {
    app::AccountReports {
        of_consumers: args.per_consumer,
        of_producers: args.per_producer,
    }
}

/// Tells people what is new, and what is wrong with the night itself.
fn notify_of(
    context: &RunContext,
    audit: &Audit,
    report: &ReportContent<'_>,
    written: &WrittenReport,
) -> Result<(), Failure> {
    let findings = report.findings();
    let alarms = notify::alarms_of(context, findings)?;
    let hub = security_hub(&context.settings, audit).ok();
    let news = notify::News {
        about: &report.title,
        findings: Some(findings),
        hub: hub.as_ref(),
        report: Some(written.path()),
        alarms: &alarms,
    };
    notify::tell(context, news)?.checked().map(|_| ())
}

/// Checks that the output is not named like a file of one format.
fn check_ending(args: &ReportArgs) -> Result<(), Failure> {
    match args.output.as_deref().map(Ending::of) {
        Some(Ending::Format(_)) => Err(Failure::usage("a report is written in all formats").hint(
            "-o takes a folder; index.html, report.md, report.json and tables are written to it",
        )),
        _ => Ok(()),
    }
}

/// The window: the last whole UTC day, or the asked one up to now.
fn window(run_args: &RunArgs, now: UtcSecond) -> Result<TimeWindow, Failure> {
    let window = time_args::window(run_args, now, DefaultWindow::LastDay)?;
    let window = TimeWindow {
        to: window.to.or(Some(now)),
        ..window
    };
    Ok(evaluated(window, now, DEFAULT_SECONDS))
}

/// The report in ten lines.
fn tell(
    run_args: &RunArgs,
    content: &ReportContent<'_>,
    written: &WrittenReport,
    latest: Option<&Path>,
) -> Result<(), Failure> {
    let latest = latest.map_or_else(String::new, |latest| {
        format!("; {} points at the newest", latest.display())
    });
    let page = page(run_args);
    let mut stdout = io::stdout().lock();
    let styles = page.color;
    let mut out = TerminalWriter::new(&mut stdout, Spelling::Text { styles });
    summary::write(content, page, &mut out)?;
    let path = written.path().join("index.html");
    line!(&mut out, "Written to {}{latest}", path.display())?;
    Ok(out.finish()?)
}
