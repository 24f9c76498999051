//! `report`: the nightly report, from an audit to the files of a folder.

use super::audit::AuditRun;
use super::checks::{CheckOptions, checks};
use super::compared;
use super::context::RunContext;
use super::exports;
use super::failure::Failure;
use super::memory;
use super::options::SpillOptions;
use super::record_files::parquet;
use super::report_folder::{ReportDays, ReportFile, ReportFolder, WrittenReport};
use super::verification_inputs::VerifyOptions;
use crate::attribute::{self, BilledQueries};
use crate::model::audit::AuditSlice;
use crate::model::bill::Bill;
use crate::model::charge::{Chargeback, Dimension};
use crate::model::finding::{Finding, Findings, Previous};
use crate::model::topology::Topology;
use crate::model::window::TimeWindow;
use crate::output::json::report as json;
use crate::output::report::{ReportContent, markdown, page as html};
use crate::output::{chargeback_rows, csv};
use crate::pipeline::SlicePlan;
use crate::records;
use std::path::Path;

/// A report that is ready to be read for.
pub struct ReportRun<'c> {
    /// The audit.
    pub audit: AuditRun<'c>,
    /// The destination folder.
    pub folder: ReportFolder,
    /// What is to be remembered: of the report of a night, in its own folder.
    pub remembering: Option<Remembering>,
}

/// A report whose findings are remembered once everything is written.
pub struct Remembering {
    /// The earlier findings, if these come from the last report and not from the memory.
    before: Option<Previous>,
}

impl Remembering {
    /// Keeps what was found.
    ///
    /// # Errors
    ///
    /// When the memory cannot be written.
    pub fn remember(&self, context: &RunContext, findings: &Findings) -> Result<(), Failure> {
        memory::remember(context, findings, self.before.as_ref())
    }
}

/// Gathers what the report of a window needs.
///
/// # Errors
///
/// When it cannot be written where it goes, or something that is named cannot be read.
pub fn prepare<'c>(
    context: &'c RunContext,
    asked: &CheckOptions,
    verifying: Option<&VerifyOptions>,
    folder: Option<&Path>,
    spill: &SpillOptions,
) -> Result<ReportRun<'c>, Failure> {
    let window = asked.window;
    let mut checks = checks(context, asked)?;
    let folder = ReportFolder::of(folder, ReportDays::of(window, checks.as_of))?;
    checks.trends = true;
    let mut before = None;
    if checks.previous.is_none() {
        before = last_report(context, &folder, window);
        checks.previous.clone_from(&before);
    }
    let remembering = folder.is_nightly().then_some(Remembering { before });
    let mut audit = compared::prepare(context, checks, verifying, spill)?;
    audit.plan.slice = Some(SlicePlan {
        window,
        bill: match window.days_inside() {
            Some(days) => exports::bill(context, days)?,
            None => Bill::default(),
        },
    });
    Ok(ReportRun {
        audit,
        folder,
        remembering,
    })
}

/// The report that this one is compared with where `--previous` names none and nothing is remembered. The same
/// window, made again, is compared with what it was compared with.
fn last_report(
    context: &RunContext,
    folder: &ReportFolder,
    window: TimeWindow,
) -> Option<Previous> {
    let (last, path) = folder.last_report()?;
    if last.window == window {
        return last.compared_with;
    }
    let is_earlier = last
        .window
        .to
        .zip(window.to)
        .is_some_and(|(last, own)| last < own);
    let with = if is_earlier {
        "compared with the report"
    } else {
        "compared with no report: a report of a later time is"
    };
    let line = format!("{with} in {}", path.display());
    context.notices.note(&line);
    is_earlier.then_some(last.found)
}

/// Splits the bill of a night among business units.
///
/// # Errors
///
/// When the amounts are too large.
pub fn chargeback(slice: &AuditSlice, topology: &Topology) -> Result<Chargeback, Failure> {
    let Some(attribution) = &slice.attribution else {
        return Ok(Chargeback::default());
    };
    let none = BilledQueries::default();
    attribute::chargeback(attribution, &none, &[Dimension::BusinessUnit], topology)
        .map_err(|error| Failure::internal(error.to_string()))
}

/// Writes all files of a report, and puts them in their place in one step.
///
/// # Errors
///
/// When they cannot be written.
pub fn write(content: &ReportContent<'_>, folder: ReportFolder) -> Result<WrittenReport, Failure> {
    let inputs = &content.inputs;
    let findings: Vec<&Finding> = inputs.findings.findings.iter().collect();
    let file = |name, write| ReportFile { name, write };
    folder.write(&[
        file("index.html", &|out| html::write(content, out)),
        file("report.md", &|out| markdown::write(content, out)),
        file("report.json", &|out| json::write(content, out)),
        file("chains.csv", &|out| {
            csv::write_records(&records::chains::fields(), &content.chains, out)
        }),
        file("chains.parquet", &|out| {
            parquet(&records::chains::table(&content.chains), inputs.audit, out)
        }),
        file("findings.csv", &|out| {
            csv::write_records(&records::findings::fields(), &findings, out)
        }),
        file("chargeback.csv", &|out| {
            let rows = chargeback_rows::rows(inputs.chargeback, inputs.topology);
            csv::write_table(&rows, out)
        }),
    ])
}
