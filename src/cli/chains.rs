//! `qs-audit chains`.

use super::args::ChainsArgs;
use super::exit::Exit;
use super::formats::RecordFormat;
use super::run_args::RunArgs;
use super::select::{Selection, asks_reads};
use super::session::{self, prepare, start};
use super::strictness::{exit_of, nothing_to_read};
use super::terminal::{check_output, page, say, say_reads_not_logged, write_out};
use super::time_args::{self, DefaultWindow};
use crate::app::exports::Wants;
use crate::app::failure::Failure;
use crate::app::record_files::{parquet, workbook};
use crate::model::audit::Audit;
use crate::model::chain::Chain;
use crate::model::table::Table;
use crate::output::json::v1::{self, RecordShape};
use crate::output::not_read::NotRead;
use crate::output::{chain_table, csv, flat_table};
use crate::records::{self, queries::QueryRecord};

const DEFAULT_SECONDS: i64 = 7 * 86_400;

pub(super) fn run(args: &ChainsArgs) -> Result<Exit, Failure> {
    let (run_args, format) = RunArgs::audit(&args.audit).output(&args.output)?;
    let run_args = &run_args;
    check_output(run_args)?;
    let context = start(run_args)?;
    let mut selection = Selection::new(args, &context.settings.topology)?;
    let default = DefaultWindow::Last(DEFAULT_SECONDS);
    let window = time_args::window(run_args, context.now, default)?;
    let mut run = prepare(&context, window, Wants::Statistics, &args.verification)?;
    run.plan.all_sessions = args.all_sessions;
    let audit = session::audit(run_args, &run)?;
    let nothing = nothing_to_read(run_args, &audit);
    if nothing.is_some() && format != RecordFormat::Json {
        return Ok(exit_of(run_args, &audit).max(nothing));
    }
    let chains = selection.of(&audit.chains);
    print(run_args, format, args, &audit, &chains)?;
    if !run_args.quiet {
        for remark in selection.remarks(&audit.chains, &chains) {
            say(&format!("{remark}\n"));
        }
        if asks_reads(&args.filter) {
            say_reads_not_logged(&audit, &context.settings.topology);
        }
    }
    let exit = exit_of(run_args, &audit).max(nothing);
    // The process ends here: it would take as long to give a million events back as to read them in.
    std::mem::forget(audit);
    Ok(exit)
}

/// The records in the columns that SQL and Parquet know.
pub(super) fn record_table(chains: &[&Chain], shape: RecordShape) -> Table {
    match shape {
        RecordShape::Chains => records::chains::table(chains),
        RecordShape::Flat => records::queries::table(&QueryRecord::all_of(chains, None)),
    }
}

fn print(
    run_args: &RunArgs,
    format: RecordFormat,
    args: &ChainsArgs,
    audit: &Audit,
    chains: &[&Chain],
) -> Result<(), Failure> {
    let page = page(run_args);
    let shape = if args.flat {
        RecordShape::Flat
    } else {
        RecordShape::Chains
    };
    let not_read = NotRead::of(&audit.coverage.rejects);
    write_out(run_args, |out| match (format, shape) {
        (RecordFormat::Table, shape) => {
            match shape {
                RecordShape::Chains => chain_table::write(chains, page, out)?,
                RecordShape::Flat => flat_table::write(chains, page, out)?,
            }
            not_read.write(page, out)
        }
        (RecordFormat::Json, shape) => v1::write_json(audit, chains, shape, out),
        (RecordFormat::Jsonl, shape) => v1::write_jsonl(chains, shape, out),
        (RecordFormat::Csv, RecordShape::Chains) => {
            csv::write_records(&records::chains::fields(), chains, out)
        }
        (RecordFormat::Csv, RecordShape::Flat) => {
            let queries = QueryRecord::all_of(chains, None);
            csv::write_records(&records::queries::fields(), &queries, out)
        }
        (RecordFormat::Parquet, shape) => parquet(&record_table(chains, shape), audit, out),
        (RecordFormat::Xlsx, shape) => {
            let sheets = [record_table(chains, shape).into()];
            workbook(sheets, audit, out)
        }
    })
}
