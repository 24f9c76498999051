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
use super::report_folder::{
    CONSUMERS, PRODUCERS, ReportDays, ReportFile, ReportFolder, WrittenReport,
};
use super::verification_inputs::VerifyOptions;
use crate::attribute::{self, BilledQueries};
use crate::model::audit::AuditSlice;
use crate::model::bill::Bill;
use crate::model::charge::{Chargeback, Dimension};
use crate::model::finding::{Finding, Findings, Previous};
use crate::model::topology::Topology;
use crate::model::window::TimeWindow;
use crate::output::json::report as json;
use crate::output::repeated::RepeatedOptions;
use crate::output::report::page::AccountReport;
use crate::output::report::{
    AccountPart, AccountView, AccountViews, ReportContent, ReportInputs, markdown, page as html,
};
use crate::output::{chargeback_rows, csv};
use crate::pipeline::SlicePlan;
use crate::records;
use std::io::{self, Write};
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
    charged(slice, &[Dimension::BusinessUnit], topology)
}

fn charged(
    slice: &AuditSlice,
    by: &[Dimension],
    topology: &Topology,
) -> Result<Chargeback, Failure> {
    let Some(attribution) = &slice.attribution else {
        return Ok(Chargeback::default());
    };
    let none = BilledQueries::default();
    attribute::chargeback(attribution, &none, by, topology)
        .map_err(|error| Failure::internal(error.to_string()))
}

/// Single accounts that have reports of their own, next to the organization's.
#[derive(Debug, Clone, Copy, Default)]
pub struct AccountReports {
    /// One of each consumer.
    pub of_consumers: bool,
    /// One of each producer.
    pub of_producers: bool,
}

impl AccountReports {
    fn parts(self) -> impl Iterator<Item = AccountPart> {
        let consumers = self.of_consumers.then_some(AccountPart::Consumer);
        let producers = self.of_producers.then_some(AccountPart::Producer);
        consumers.into_iter().chain(producers)
    }
}

/// The folder of the reports of accounts of one part.
fn account_folder(part: AccountPart) -> &'static str {
    match part {
        AccountPart::Consumer => CONSUMERS,
        AccountPart::Producer => PRODUCERS,
    }
}

/// Writes all files of a report, and puts them in their place in one step.
///
/// # Errors
///
/// When they cannot be written.
pub fn write(
    content: &ReportContent<'_>,
    accounts: AccountReports,
    folder: ReportFolder,
) -> Result<WrittenReport, Failure> {
    let written = write_accounts(content, accounts, &folder)?;
    write_organization(content, &written, &folder)?;
    folder.finish()
}

/// Writes the reports of single accounts that were asked for.
fn write_accounts(
    content: &ReportContent<'_>,
    accounts: AccountReports,
    folder: &ReportFolder,
) -> Result<Vec<AccountReport>, Failure> {
    let mut written = Vec::new();
    let mut parts = accounts.parts().peekable();
    if parts.peek().is_none() {
        return Ok(written);
    }
    let views = AccountViews::of(content);
    for part in parts {
        for account in views.accounts(part) {
            let own = format!("{}/{account}", account_folder(part));
            write_view(&views.view(account, part), &content.inputs, folder, &own)?;
            written.push(AccountReport {
                name: format!(
                    "{} {}",
                    part.as_str(),
                    content.inputs.topology.account_label(account)
                ),
                path: format!("{own}/index.html"),
            });
        }
    }
    Ok(written)
}

/// Writes the report of one account: what its owner needs, in files that can be handed to them as they are.
fn write_view(
    view: &AccountView,
    whole: &ReportInputs<'_>,
    folder: &ReportFolder,
    own: &str,
) -> Result<(), Failure> {
    let by = [Dimension::BusinessUnit, Dimension::WorkGroup];
    let chargeback = charged(&view.slice, &by, &view.topology)?;
    // The options of this run name files and buckets of the whole organization.
    let options = RepeatedOptions::default();
    let content = ReportContent::of(ReportInputs {
        audit: &view.audit,
        slice: &view.slice,
        findings: &view.findings,
        chargeback: &chargeback,
        topology: &view.topology,
        options: &options,
        scope: Some(&view.scope),
        ..*whole
    });
    let all: Vec<&Finding> = view.findings.findings.iter().collect();
    folder.write(
        own,
        &[
            ReportFile::of("index.html", &|out| html::write(&content, &[], out)),
            ReportFile::of("findings.csv", &csv_of_findings(&all)),
        ],
    )?;
    if view.scope.is_producer() {
        return Ok(());
    }
    folder.write(
        own,
        &[
            ReportFile::of("chains.csv", &csv_of_chains(&content)),
            ReportFile::of("chargeback.csv", &csv_of_chargeback(&content)),
        ],
    )
}

fn csv_of_findings(findings: &[&Finding]) -> impl Fn(&mut dyn Write) -> io::Result<()> {
    move |out| csv::write_records(&records::findings::fields(), findings, out)
}

fn csv_of_chains(content: &ReportContent<'_>) -> impl Fn(&mut dyn Write) -> io::Result<()> {
    move |out| csv::write_records(&records::chains::fields(), &content.chains, out)
}

fn csv_of_chargeback(content: &ReportContent<'_>) -> impl Fn(&mut dyn Write) -> io::Result<()> {
    let inputs = content.inputs;
    move |out| {
        csv::write_table(
            &chargeback_rows::rows(inputs.chargeback, inputs.topology),
            out,
        )
    }
}

fn write_organization(
    content: &ReportContent<'_>,
    accounts: &[AccountReport],
    folder: &ReportFolder,
) -> Result<(), Failure> {
    let inputs = &content.inputs;
    let findings: Vec<&Finding> = inputs.findings.findings.iter().collect();
    folder.write(
        "",
        &[
            ReportFile::of("index.html", &|out| html::write(content, accounts, out)),
            ReportFile::of("report.md", &|out| markdown::write(content, out)),
            ReportFile::of("report.json", &|out| json::write(content, out)),
            ReportFile::of("chains.csv", &csv_of_chains(content)),
            ReportFile::of("chains.parquet", &|out| {
                parquet(&records::chains::table(&content.chains), inputs.audit, out)
            }),
            ReportFile::of("findings.csv", &csv_of_findings(&findings)),
            ReportFile::of("chargeback.csv", &csv_of_chargeback(content)),
        ],
    )
}
