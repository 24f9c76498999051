//! `qs-audit chains`.

use super::args::ChainsArgs;
use super::exit::Exit;
use super::formats::RecordFormat;
use super::run_args::RunArgs;
use super::select::{Selection, asks_reads};
use super::session::{prepare, say_coverage, start};
use super::strictness::{exit_of_counts, has_logs, nothing_to_read};
use super::terminal::{check_output, is_to_terminal, page, say, say_reads_not_logged, write_out};
use super::time_args::{self, DefaultWindow};
use crate::app::audit::{AuditRun, SlicedAudit, StitchedRun};
use crate::app::exports::Wants;
use crate::app::failure::Failure;
use crate::app::record_files::{parquet, workbook};
use crate::model::audit::Audit;
use crate::model::chain::{Chain, ambiguous_in};
use crate::model::table::Table;
use crate::output::json::v1::{self, RecordShape};
use crate::output::not_read::NotRead;
use crate::output::{chain_table, csv, flat_table};
use crate::records::{self, queries::QueryRecord};
use std::io::{self, Write};

const DEFAULT_SECONDS: i64 = 7 * 86_400;

pub(super) fn run(args: &ChainsArgs) -> Result<Exit, Failure> {
    let (run_args, format) = RunArgs::audit(&args.audit).output(&args.output)?;
    check_output(&run_args)?;
    let context = start(&run_args)?;
    let selection = Selection::new(args, &context.settings.topology)?;
    let default = DefaultWindow::Last(DEFAULT_SECONDS);
    let window = time_args::window(&run_args, context.now, default)?;
    let mut run = prepare(&context, window, Wants::Statistics, &args.verification)?;
    run.plan.all_sessions = args.all_sessions;
    let spill = args.spill.options();
    let file = spill.file();
    let mut list = ChainList {
        args,
        run_args: &run_args,
        format,
        run: &run,
        selection,
    };
    match run.run_spilling(&file, &spill)? {
        StitchedRun::Whole(audit) => list.whole(*audit),
        StitchedRun::Sliced(sliced) if list.streams(&sliced) => list.stream(sliced),
        StitchedRun::Sliced(sliced) => list.hold(sliced),
    }
}

/// The list of chains that a command line asks for.
struct ChainList<'a> {
    args: &'a ChainsArgs,
    run_args: &'a RunArgs,
    format: RecordFormat,
    run: &'a AuditRun<'a>,
    selection: Selection<'a>,
}

impl ChainList<'_> {
    /// Lists the chains of a result.
    fn whole(&mut self, audit: Audit) -> Result<Exit, Failure> {
        let wanted = self.selection.of(&audit.chains, &audit.events);
        let exit = self.print(&audit, &wanted, ambiguous_in(&audit.chains));
        // The process ends here: it would take as long to give a million events back as to read them in.
        std::mem::forget(audit);
        exit
    }

    /// Returns true if chains that come a day at a time can be written as they come.
    fn streams(&self, sliced: &SlicedAudit<'_>) -> bool {
        matches!(self.format, RecordFormat::Jsonl | RecordFormat::Csv)
            && self.selection.is_in_their_order()
            && has_logs(sliced.audit())
    }

    /// Lists chains that come a day at a time, once all have come.
    fn hold(&mut self, sliced: SlicedAudit<'_>) -> Result<Exit, Failure> {
        let mut ambiguous = 0;
        let mut held = Vec::new();
        let selection = &mut self.selection;
        let mut audit = sliced.chains(&mut |chains, events| {
            ambiguous += ambiguous_in(&chains);
            let wanted = chains
                .into_iter()
                .filter(|chain| selection.sees(chain, events));
            held.extend(wanted);
            Ok(())
        })?;
        audit.chains = held;
        let mut wanted: Vec<&Chain> = audit.chains.iter().collect();
        self.selection.put_in_order(&mut wanted);
        self.print(&audit, &wanted, ambiguous)
    }

    /// Lists chains as they come, a day at a time.
    fn stream(&mut self, sliced: SlicedAudit<'_>) -> Result<Exit, Failure> {
        let mut ambiguous = 0;
        let mut audit = Audit::default();
        let (format, shape) = (self.format, shape(self.args));
        let selection = &mut self.selection;
        let sliced = if is_to_terminal(self.run_args) {
            sliced.unwatched()
        } else {
            sliced
        };
        write_out(self.run_args, |out| {
            let mut records = RecordStream::new(format, shape, out)?;
            let stitched = sliced.chains(&mut |chains, events| {
                ambiguous += ambiguous_in(&chains);
                records.write(&selection.next(&chains, events))
            });
            audit = stitched.map_err(io::Error::other)?;
            records.finish()
        })?;
        say_coverage(self.run_args, self.run, &audit)?;
        self.say_remarks(&audit);
        Ok(exit_of_counts(self.run_args, &audit, ambiguous).max(None))
    }

    fn print(&self, audit: &Audit, chains: &[&Chain], ambiguous: u64) -> Result<Exit, Failure> {
        let (run_args, format) = (self.run_args, self.format);
        say_coverage(run_args, self.run, audit)?;
        let nothing = nothing_to_read(run_args, audit);
        if nothing.is_none() || format == RecordFormat::Json {
            print(run_args, format, shape(self.args), audit, chains)?;
            self.say_remarks(audit);
        }
        Ok(exit_of_counts(run_args, audit, ambiguous).max(nothing))
    }

    fn say_remarks(&self, audit: &Audit) {
        if self.run_args.quiet {
            return;
        }
        for remark in self.selection.remarks() {
            say(&format!("{remark}\n"));
        }
        if asks_reads(&self.args.filter) {
            say_reads_not_logged(audit, &self.run.plan.topology);
        }
    }
}

fn shape(args: &ChainsArgs) -> RecordShape {
    if args.flat {
        RecordShape::Flat
    } else {
        RecordShape::Chains
    }
}

/// Records that are written as they come.
enum RecordStream<'w> {
    Jsonl(&'w mut dyn Write, RecordShape),
    Csv(Box<csv::RecordWriter<'w>>, RecordShape),
}

impl<'w> RecordStream<'w> {
    fn new(format: RecordFormat, shape: RecordShape, out: &'w mut dyn Write) -> io::Result<Self> {
        if format != RecordFormat::Csv {
            return Ok(Self::Jsonl(out, shape));
        }
        let writer = match shape {
            RecordShape::Chains => csv::RecordWriter::new(&records::chains::fields(), out),
            RecordShape::Flat => csv::RecordWriter::new(&records::queries::fields(), out),
        };
        Ok(Self::Csv(Box::new(writer?), shape))
    }

    fn write(&mut self, chains: &[&Chain]) -> io::Result<()> {
        match self {
            Self::Jsonl(out, shape) => v1::write_jsonl(chains, *shape, *out),
            Self::Csv(writer, RecordShape::Chains) => {
                writer.write(&records::chains::fields(), chains)
            }
            Self::Csv(writer, RecordShape::Flat) => {
                let queries = QueryRecord::all_of(chains, None);
                writer.write(&records::queries::fields(), &queries)
            }
        }
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::Jsonl(..) => Ok(()),
            Self::Csv(writer, _) => writer.finish(),
        }
    }
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
    shape: RecordShape,
    audit: &Audit,
    chains: &[&Chain],
) -> Result<(), Failure> {
    let page = page(run_args);
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
        (RecordFormat::Jsonl | RecordFormat::Csv, shape) => {
            let mut records = RecordStream::new(format, shape, out)?;
            records.write(chains)?;
            records.finish()
        }
        (RecordFormat::Parquet, shape) => parquet(&record_table(chains, shape), audit, out),
        (RecordFormat::Xlsx, shape) => {
            let sheets = [record_table(chains, shape).into()];
            workbook(sheets, audit, out)
        }
    })
}
