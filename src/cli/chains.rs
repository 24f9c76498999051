//! `qs-audit chains`.

use super::args::{ChainsArgs, Format, Global};
use super::exit::Exit;
use super::findings::prepare;
use super::moments::{self, DefaultWindow};
use super::run::{self, start};
use super::select::Selection;
use super::terminal::{TABULAR, check_format, page, say, say_incomplete, write_out};
use crate::app::exports::Wants;
use crate::app::failure::Failure;
use crate::app::record_files::{parquet, workbook};
use crate::model::audit::Audit;
use crate::model::chain::Chain;
use crate::model::coverage::Rejects;
use crate::model::table::Table;
use crate::output::human::{count, plural};
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
    let audit = run::audit(global, &run)?;
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

/// Says so if there were no logs in the window, unless nothing is to be said.
pub(super) fn nothing_to_read(global: &Global, audit: &Audit) -> Option<Exit> {
    let coverage = &audit.coverage;
    // Findings judge the end of what was read.
    let judged = audit.findings.as_ref().map(|findings| findings.window);
    let is_there = match judged {
        Some(judged) => coverage.has_records_in(&judged),
        None if coverage.is_window_cut => coverage.has_records_in(&audit.window),
        None => coverage.records_in_window > 0,
    };
    if is_there {
        return None;
    }
    if global.quiet {
        return Some(Exit::NoLogs);
    }
    let window = judged.as_ref().unwrap_or(&audit.window);
    let bound = |moment: Option<crate::model::time::UtcSecond>, open: &str| {
        moment.map_or_else(|| open.to_owned(), |moment| moment.to_string())
    };
    let from = bound(window.from, "the beginning");
    let to = bound(window.to, "the end");
    let holds_window = |first, last| {
        window.from.is_some_and(|from| first <= from) && window.to.is_some_and(|to| to <= last)
    };
    let hint = match (coverage.span(), coverage.objects_outside_window) {
        (Some((first, last)), _) if holds_window(first, last) => {
            format!("there are logs from {first} to {last}, but no event in this window")
        }
        (Some((first, last)), _) => {
            format!(
                "the logs read go from {first} to {last}: choose a window with --since or --from and --to"
            )
        }
        (None, 0) if coverage.rejects.total() > 0 => "nothing could be read: see above".to_owned(),
        (None, 0) => "the folder holds no CloudTrail logs: check --logs".to_owned(),
        (None, outside) => {
            format!(
                "{outside} files are of other days: choose a window with --since or --from and --to"
            )
        }
    };
    say(&format!("no logs from {from} to {to}\n  hint: {hint}\n"));
    Some(Exit::NoLogs)
}

/// Incomplete under `--strict`, if so.
pub(super) fn exit_of(global: &Global, audit: &Audit) -> Strictly {
    exit_of_chains(global, audit, &audit.chains)
}

/// The same, where only some chains are answered for.
pub(super) fn exit_of_chains<'a>(
    global: &Global,
    audit: &Audit,
    chains: impl IntoIterator<Item = &'a Chain>,
) -> Strictly {
    let exports = [
        audit.statistics.as_ref().map(|read| &read.rejects),
        audit.bill.as_ref().map(|read| &read.rejects),
        Some(&audit.units_rejects),
        Some(&audit.inventory_rejects),
    ];
    let of_exports: u64 = exports.into_iter().flatten().map(Rejects::total).sum();
    let of_bill = audit.bill.as_ref().map_or(0, |bill| {
        let uncounted = &bill.uncounted;
        uncounted.outdated + uncounted.across_window + u64::from(bill.pages_missing)
    });
    let conflicts = audit.coverage.conflicts + of_bill;
    let unread = audit.coverage.rejects.total() + conflicts + of_exports;
    let ambiguous = chains.into_iter().filter(|chain| chain.is_ambiguous());
    let ambiguous = ambiguous.count() as u64;
    if global.strict && unread + ambiguous > 0 {
        // Whatever was filtered out of the output: it is about what was read.
        let unread = (unread > 0).then(|| format!("{} not read or in conflict", count(unread)));
        let ambiguous =
            (ambiguous > 0).then(|| format!("{} ambiguous", plural(ambiguous, "chain")));
        say_incomplete(unread.into_iter().chain(ambiguous));
        Strictly::Incomplete
    } else {
        Strictly::Complete
    }
}

/// What `--strict` has to say of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strictly {
    Complete,
    Incomplete,
}

impl Strictly {
    /// The exit status, when another one may be due: what was unread comes first.
    pub(super) fn max(self, other: Option<Exit>) -> Exit {
        match self {
            Self::Incomplete => Exit::Incomplete,
            Self::Complete => other.unwrap_or(Exit::Clean),
        }
    }
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
