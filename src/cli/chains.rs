//! `qs-audit chains`.

use super::args::{ChainsArgs, Format, Global};
use super::exit::Exit;
use super::moments::{self, DefaultWindow};
use super::select::Selection;
use super::session::{self, prepare, start};
use super::strictness::{exit_of, nothing_to_read};
use super::terminal::{TABULAR, check_format, page, say, write_out};
use crate::app::exports::Wants;
use crate::app::failure::Failure;
use crate::app::record_files::{parquet, workbook};
use crate::model::audit::Audit;
use crate::model::chain::Chain;
use crate::model::table::Table;
use crate::output::json::v1::{self, Shape};
use crate::output::not_read::NotRead;
use crate::output::{chain_table, csv, flat_table};
use crate::records::{self, queries::QueryRecord};

const DEFAULT_SECONDS: i64 = 7 * 86_400;

pub(super) fn run(global: &Global, args: &ChainsArgs) -> Result<Exit, Failure> {
    check_format(global, &TABULAR)?;
    let mut selection = Selection::new(args)?;
    let context = start(global)?;
    let default = DefaultWindow::Last(DEFAULT_SECONDS);
    let window = moments::window(global, context.now, default)?;
    let mut run = prepare(&context, window, Wants::Statistics, &args.verification)?;
    run.plan.all_sessions = args.all_sessions;
    let audit = session::audit(global, &run)?;
    let nothing = nothing_to_read(global, &audit);
    if nothing.is_some() && global.format != Format::Json {
        return Ok(exit_of(global, &audit).max(nothing));
    }
    let chains = selection.of(&audit.chains);
    print(global, args, &audit, &chains)?;
    if !global.quiet {
        for remark in selection.remarks(&audit.chains, &chains) {
            say(&format!("{remark}\n"));
        }
    }
    Ok(exit_of(global, &audit).max(nothing))
}

/// The records in the columns that SQL and Parquet know.
pub(super) fn record_table(chains: &[&Chain], shape: Shape) -> Table {
    match shape {
        Shape::Chains => records::chains::table(chains),
        Shape::Flat => records::queries::table(&QueryRecord::all_of(chains, None)),
    }
}

fn print(
    global: &Global,
    args: &ChainsArgs,
    audit: &Audit,
    chains: &[&Chain],
) -> Result<(), Failure> {
    let page = page(global);
    let shape = if args.flat {
        Shape::Flat
    } else {
        Shape::Chains
    };
    let not_read = NotRead::of(&audit.coverage.rejects);
    write_out(global, |out| match (global.format, shape) {
        (Format::Table, shape) => {
            match shape {
                Shape::Chains => chain_table::write(chains, page, out)?,
                Shape::Flat => flat_table::write(chains, page, out)?,
            }
            not_read.write(page, out)
        }
        (Format::Json, shape) => v1::write_json(audit, chains, shape, out),
        (Format::Jsonl, shape) => v1::write_jsonl(chains, shape, out),
        (Format::Csv, Shape::Chains) => csv::write_records(&records::chains::fields(), chains, out),
        (Format::Csv, Shape::Flat) => {
            let queries = QueryRecord::all_of(chains, None);
            csv::write_records(&records::queries::fields(), &queries, out)
        }
        (Format::Parquet, shape) => parquet(&record_table(chains, shape), audit, out),
        (Format::Xlsx | Format::Focus | Format::Ocsf | Format::Asff, shape) => {
            let sheets = [record_table(chains, shape).into()];
            workbook(sheets, audit, out)
        }
    })
}
