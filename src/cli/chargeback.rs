//! `qs-audit chargeback`.

use super::args::{ByArg, ChargebackArgs};
use super::exit::Exit;
use super::formats::ChargebackFormat;
use super::run_args::RunArgs;
use super::session::{self, start};
use super::strictness::{exit_of_counts, nothing_to_read};
use super::terminal::{check_output, page, say, say_reads_not_logged, write_out};
use super::time_args::{self, DefaultWindow};
use crate::app::compared;
use crate::app::failure::Failure;
use crate::app::record_files::{parquet, workbook};
use crate::attribute;
use crate::model::audit::Audit;
use crate::model::charge::{Chargeback, Dimension};
use crate::model::time::UtcSecond;
use crate::model::topology::Topology;
use crate::model::window::TimeWindow;
use crate::output::focus::{self, FocusError};
use crate::output::json::chargeback as json;
use crate::output::not_read::NotRead;
use crate::output::xlsx::Sheet;
use crate::output::{chargeback as text, chargeback_rows, csv};

fn dimension(arg: ByArg) -> Dimension {
    match arg {
        ByArg::BusinessUnit => Dimension::BusinessUnit,
        ByArg::Consumer => Dimension::Consumer,
        ByArg::WorkGroup => Dimension::WorkGroup,
        ByArg::DataSource => Dimension::DataSource,
        ByArg::User => Dimension::User,
        ByArg::Day => Dimension::Day,
        ByArg::Table => Dimension::Table,
        ByArg::Producer => Dimension::Producer,
        ByArg::Origin => Dimension::Origin,
    }
}

/// The dimensions, each once.
fn dimensions(args: &[ByArg]) -> Vec<Dimension> {
    let mut by: Vec<Dimension> = Vec::new();
    for dimension in args.iter().copied().map(dimension) {
        if !by.contains(&dimension) {
            by.push(dimension);
        }
    }
    by
}

/// The window: a month, or the asked one in whole days.
fn window(
    run_args: &RunArgs,
    args: &ChargebackArgs,
    now: UtcSecond,
) -> Result<TimeWindow, Failure> {
    if let Some(month) = &args.month {
        return time_args::month(month, now);
    }
    let window = time_args::window(run_args, now, DefaultWindow::ThisMonth)?;
    let whole = window.whole_days();
    let is_asked = run_args.window.from.is_some() || run_args.window.to.is_some();
    if whole != window && is_asked && !run_args.quiet {
        say("the window was widened to whole UTC days, because bills have days\n");
    }
    Ok(whole)
}

pub(super) fn run(args: &ChargebackArgs) -> Result<Exit, Failure> {
    let (run_args, format) = RunArgs::audit(&args.audit)
        .bill(&args.bill)
        .output(&args.output)?;
    let run_args = &run_args;
    check_output(run_args)?;
    let by = dimensions(&args.by);
    let context = start(run_args)?;
    let window = window(run_args, args, context.now)?;
    let by_reads = by.iter().any(|dimension| dimension.is_of_reads());
    let spill = args.spill.options();
    // The chains of all days tell what was read, and which are ambiguous.
    let is_whole = by_reads || run_args.strict;
    let run = compared::prepare_charges(&context, window, is_whole, &spill)?;
    let charged = compared::charged(&run, &spill.file(), &spill, by_reads)?;
    let (audit, ambiguous) = (charged.audit, charged.ambiguous);
    session::say_coverage(run_args, &run, &audit)?;
    let nothing = nothing_to_read(run_args, &audit);
    let has_bill = audit
        .attribution
        .as_ref()
        .is_some_and(|attribution| !attribution.charges.is_empty());
    if nothing.is_some() && format != ChargebackFormat::Json && !has_bill {
        return Ok(exit_of_counts(run_args, &audit, ambiguous).max(nothing));
    }
    let topology = &run.plan.topology;
    let chargeback = match &audit.attribution {
        Some(attribution) => attribute::chargeback(attribution, &charged.queries, &by, topology)
            .map_err(|error| Failure::internal(error.to_string()))?,
        None => Chargeback::default(),
    };
    print(run_args, format, &audit, &chargeback, topology)?;
    if let Some(note) = chargeback.by_reads_note()
        && !run_args.quiet
    {
        if !matches!(format, ChargebackFormat::Table | ChargebackFormat::Json) {
            say(&format!("{note}\n"));
        }
        say_reads_not_logged(&audit, topology);
    }
    Ok(exit_of_counts(run_args, &audit, ambiguous).max(nothing))
}

fn refused_as_focus(error: &FocusError) -> Failure {
    let hint = match error {
        FocusError::NoPayer(_) => {
            "set payer_account_id under [aws] in the configuration, or use a Cost and Usage Report"
        }
        FocusError::NoQuantity(_) => {
            "use a bill by usage type or a Cost and Usage Report, or set [pricing] usd_per_tb"
        }
    };
    Failure::usage(error.to_string()).hint(hint)
}

fn print(
    run_args: &RunArgs,
    format: ChargebackFormat,
    audit: &Audit,
    chargeback: &Chargeback,
    topology: &Topology,
) -> Result<(), Failure> {
    let rows = || chargeback_rows::rows(chargeback, topology);
    let attribution = audit.attribution.as_ref();
    let as_focus = attribution.filter(|_| format == ChargebackFormat::Focus);
    let as_focus = as_focus.map(|attribution| focus::rows(attribution, topology));
    let as_focus = as_focus
        .transpose()
        .map_err(|error| refused_as_focus(&error))?;
    let not_read = NotRead::of(&audit.coverage.rejects);
    write_out(run_args, |out| match format {
        ChargebackFormat::Table => {
            text::write(audit, chargeback, topology, page(run_args), out)?;
            not_read.write(page(run_args), out)
        }
        ChargebackFormat::Json => json::write_json(audit, chargeback, out),
        ChargebackFormat::Jsonl => json::write_jsonl(chargeback, out),
        ChargebackFormat::Csv => csv::write_table(&rows(), out),
        ChargebackFormat::Parquet => parquet(&rows(), audit, out),
        ChargebackFormat::Xlsx => {
            let blocks = attribution.map_or(&[][..], |attribution| &attribution.reconciliations);
            let sheets = [
                Sheet {
                    table: rows(),
                    total: Some(chargeback_rows::totals(chargeback)),
                },
                chargeback_rows::reconciliation(blocks).into(),
                chargeback_rows::other_services(chargeback).into(),
                chargeback_rows::about(audit, &text::heading_line(audit)).into(),
            ];
            workbook(sheets, audit, out)
        }
        ChargebackFormat::Focus => as_focus
            .as_ref()
            .map_or(Ok(()), |table| csv::write_table(table, out)),
    })
}
