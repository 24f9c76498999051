//! `qs-audit report`.

use super::args::{Format, Global, ReportArgs, WhileReadingArgs};
use super::chains::{exit_of_chains, nothing_to_read};
use super::exit::Exit;
use super::exports::{self, Wants};
use super::failure::Failure;
use super::findings::{checks, failing, judged, options};
use super::inputs::{self, Inputs};
use super::moments::{self, DefaultWindow};
use super::record_files::parquet;
use super::report_folder::{Days, ReportFile, ReportFolder, Written};
use super::terminal::{page, say};
use crate::attribute;
use crate::config::Settings;
use crate::model::audit::Part;
use crate::model::bill::Bill;
use crate::model::charge::{Chargeback, Dimension};
use crate::model::finding::{Finding, FindingStatus, Previous};
use crate::model::time::UtcSecond;
use crate::model::window::TimeWindow;
use crate::output::human::line;
use crate::output::json::report as json;
use crate::output::report::{Material, Night, markdown, page as html, summary};
use crate::output::terminal::{Spelling, TerminalWriter};
use crate::output::{chargeback_rows, csv};
use crate::pipeline::{Checks, PartPlan};
use crate::records;
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
    let now = inputs::now(global)?;
    let window = window(global, now)?;
    let settings = inputs::settings(global)?;
    let mut checks = checks(
        global,
        &args.checks,
        &settings,
        window,
        now,
        &BTreeSet::new(),
    )?;
    let days = Days::of(window, checks.as_of);
    let folder = ReportFolder::of(global.output.as_deref(), days)?;
    checks.trends = true;
    if checks.previous.is_none() {
        checks.previous = last_report(global, &folder, window);
    }
    let inputs = gather(global, &settings, (window, checks), &args.verification)?;
    let audit = inputs.run(global)?;
    let nothing = nothing_to_read(global, &audit);
    let (Some(findings), Some(part)) = (&audit.findings, &audit.part) else {
        return Err(Failure::internal("the run has no findings, or no night"));
    };
    let chargeback = chargeback(part, &inputs)?;
    let pages = rules::pages();
    let options = options(global);
    let night = Night::of(Material {
        audit: &audit,
        part,
        findings,
        chargeback: &chargeback,
        topology: &inputs.plan.topology,
        pages: &pages,
        previous: inputs
            .plan
            .checks
            .as_ref()
            .and_then(|checks| checks.previous.as_ref()),
        options: &options,
    });
    let written = write(&night, folder)?;
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

/// The report that this one is compared with where `--previous` names none. The same
/// window, made again, is compared with what it was compared with.
fn last_report(global: &Global, folder: &ReportFolder, window: TimeWindow) -> Option<Previous> {
    let (last, path) = folder.last_report()?;
    if last.window == window {
        return last.compared_with;
    }
    let is_earlier = last
        .window
        .to
        .zip(window.to)
        .is_some_and(|(last, own)| last < own);
    if !global.quiet {
        let with = if is_earlier {
            "compared with the report"
        } else {
            "compared with nothing: a report of a later time is"
        };
        say(&format!("{with} in {}\n", path.display()));
    }
    is_earlier.then_some(last.found)
}

/// The whole UTC days inside a window: what a bill can tell. `None` where there are none.
fn days_inside(window: TimeWindow) -> Option<TimeWindow> {
    let whole = moments::whole_days(window);
    let from = window.from.zip(whole.from).map(
        |(own, day)| {
            if own == day { day } else { day.plus(86_400) }
        },
    );
    let to = window.to.zip(whole.to).map(
        |(own, day)| {
            if own == day { day } else { day.plus(-86_400) }
        },
    );
    let is_empty = from.zip(to).is_some_and(|(from, to)| to <= from);
    (!is_empty).then_some(TimeWindow { from, to })
}

fn gather(
    global: &Global,
    settings: &Settings,
    (window, checks): (TimeWindow, Checks),
    verification: &WhileReadingArgs,
) -> Result<Inputs, Failure> {
    let read = moments::with_baseline(window, checks.baseline_days);
    let wanted = Wants::BillIfGiven;
    let mut inputs = Inputs::verified(global, settings, read, wanted, verification)?;
    inputs.plan.part = Some(PartPlan {
        window,
        bill: match days_inside(window) {
            Some(days) => exports::bill(global, settings, days)?,
            None => Bill::default(),
        },
    });
    inputs.plan.checks = Some(checks);
    Ok(inputs)
}

fn chargeback(part: &Part, inputs: &Inputs) -> Result<Chargeback, Failure> {
    let Some(attribution) = &part.attribution else {
        return Ok(Chargeback::default());
    };
    attribute::chargeback(
        attribution,
        &[Dimension::BusinessUnit],
        &inputs.plan.topology,
    )
    .map_err(|error| Failure::internal(error.to_string()))
}

fn write(night: &Night<'_>, folder: ReportFolder) -> Result<Written, Failure> {
    let material = &night.material;
    let findings: Vec<&Finding> = material.findings.findings.iter().collect();
    let file = |name, write| ReportFile { name, write };
    folder.write(&[
        file("index.html", &|out| html::write(night, out)),
        file("report.md", &|out| markdown::write(night, out)),
        file("report.json", &|out| json::write(night, out)),
        file("chains.csv", &|out| {
            csv::write_records(&records::chains::fields(), &night.chains, out)
        }),
        file("chains.parquet", &|out| {
            parquet(&records::chains::table(&night.chains), material.audit, out)
        }),
        file("findings.csv", &|out| {
            csv::write_records(&records::findings::fields(), &findings, out)
        }),
        file("chargeback.csv", &|out| {
            let rows = chargeback_rows::rows(material.chargeback, material.topology);
            csv::write_table(&rows, out)
        }),
    ])
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
