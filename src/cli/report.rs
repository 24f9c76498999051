//! `qs-audit report`.

use super::args::{Format, Global, ReportArgs};
use super::exit::Exit;
use super::findings::{check_options, failing, options};
use super::moments::{self, DefaultWindow};
use super::session::{self, start, verifying};
use super::strictness::{exit_of_chains, nothing_to_read};
use super::terminal::page;
use crate::app::checks::judged;
use crate::app::failure::Failure;
use crate::app::report as app;
use crate::app::report_folder::Written;
use crate::model::finding::{Finding, FindingStatus};
use crate::model::time::UtcSecond;
use crate::model::window::TimeWindow;
use crate::output::human::line;
use crate::output::report::{Material, Night, summary};
use crate::output::terminal::{Spelling, TerminalWriter};
use crate::rules;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;

/// What an open window is bounded to.
const DEFAULT_SECONDS: i64 = 86_400;

pub(super) fn run(global: &Global, args: &ReportArgs) -> Result<Exit, Failure> {
    if global.format != Format::Table {
        return Err(Failure::usage("a report has all of its formats")
            .hint("-o takes a folder; index.html, report.md, report.json and tables go into it"));
    }
    let context = start(global)?;
    let asked = check_options(&args.checks, window(global, context.now)?, BTreeSet::new())?;
    let verifying = verifying(&args.verification)?;
    let folder = global.output.as_deref();
    let run = app::prepare(&context, &asked, verifying.as_ref(), folder)?;
    let audit = session::audit(global, &run.audit)?;
    let nothing = nothing_to_read(global, &audit);
    let (Some(findings), Some(part)) = (&audit.findings, &audit.part) else {
        return Err(Failure::internal("the run has no findings, or no night"));
    };
    let plan = &run.audit.plan;
    let chargeback = app::chargeback(part, &plan.topology)?;
    let pages = rules::pages();
    let options = options(global);
    let night = Night::of(Material {
        audit: &audit,
        part,
        findings,
        chargeback: &chargeback,
        topology: &plan.topology,
        pages: &pages,
        previous: plan
            .checks
            .as_ref()
            .and_then(|checks| checks.previous.as_ref()),
        options: &options,
    });
    let written = app::write(&night, run.folder)?;
    let latest = written.point_latest()?;
    if !global.quiet {
        tell(global, &night, &written, latest.as_deref())?;
    }
    let strictly = exit_of_chains(global, &audit, &part.chains);
    let wanted = |finding: &&Finding| !args.new || finding.status == FindingStatus::New;
    let wanted: Vec<&Finding> = findings.findings.iter().filter(wanted).collect();
    Ok(if failing(global, args.fail_on, &wanted) {
        Exit::Findings
    } else {
        strictly.max(nothing)
    })
}

/// The window: the last whole UTC day, or the asked one up to now.
fn window(global: &Global, now: UtcSecond) -> Result<TimeWindow, Failure> {
    let window = moments::window(global, now, DefaultWindow::LastDay)?;
    let window = TimeWindow {
        to: window.to.or(Some(now)),
        ..window
    };
    Ok(judged(window, now, DEFAULT_SECONDS))
}

/// The night in ten lines.
fn tell(
    global: &Global,
    night: &Night<'_>,
    written: &Written,
    latest: Option<&Path>,
) -> Result<(), Failure> {
    let latest = latest.map_or_else(String::new, |latest| {
        format!(", and {} points at the newest", latest.display())
    });
    let page = page(global);
    let mut stdout = io::stdout().lock();
    let styles = page.color;
    let mut out = TerminalWriter::new(&mut stdout, Spelling::Text { styles });
    summary::write(night, page, &mut out)?;
    let path = written.path().join("index.html");
    line!(&mut out, "Written to {}{latest}", path.display())?;
    Ok(out.finish()?)
}
