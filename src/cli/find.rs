//! `qs-audit find`.

use super::exit::Exit;
use super::formats::RecordFormat;
use super::run_args::RunArgs;
use super::search_args::FindArgs;
use super::session::{self, start};
use super::strictness::{exit_of, nothing_to_read};
use super::terminal::{check_output, page, write_out};
use super::time_args::{self, DefaultWindow};
use crate::app::audit::AuditRun;
use crate::app::exports::Wants;
use crate::app::failure::Failure;
use crate::app::memory;
use crate::app::record_files::{parquet, workbook};
use crate::app::search::{Asked, Hits, Thing, ThingKind, search};
use crate::model::audit::Audit;
use crate::model::finding::Previous;
use crate::model::table::{Table, TableBuilder};
use crate::model::text::Text;
use crate::output::human::{line, window_text};
use crate::output::json::table as json;
use crate::output::not_read::NotRead;
use crate::output::{csv, table_text};

pub(super) fn run(args: &FindArgs) -> Result<Exit, Failure> {
    let (run_args, format) = RunArgs::audit(&args.audit).output(&args.output)?;
    let run_args = &run_args;
    check_output(run_args)?;
    let context = start(run_args)?;
    let window = time_args::window(run_args, context.now, DefaultWindow::All)?;
    let known = memory::known(&context)?;
    let run = AuditRun::prepare(&context, window, Wants::Statistics)?;
    let audit = session::audit(run_args, &run)?;
    let nothing = nothing_to_read(run_args, &audit);
    let asked = Asked::part(&args.asked);
    let mut hits = search(&audit, &asked);
    add_findings(&mut hits, &known, &audit, &asked);
    let table = table(&hits, &audit);
    let not_read = NotRead::of(&audit.coverage.rejects);
    write_out(run_args, |out| match format {
        RecordFormat::Table if hits.is_empty() => line!(
            out,
            "nothing has {:?} in its name in the logs of {}",
            args.asked,
            window_text(&audit.window)
        ),
        RecordFormat::Table => {
            table_text::write(&table, page(run_args), out)?;
            line!(out, "`qs-audit show NAME` shows one")?;
            not_read.write(page(run_args), out)
        }
        RecordFormat::Json => json::write_json(&table, Some(not_read), &[], out),
        RecordFormat::Jsonl => json::write_jsonl(&table, out),
        RecordFormat::Csv => csv::write_table(&table, out),
        RecordFormat::Parquet => parquet(&table, &audit, out),
        RecordFormat::Xlsx => workbook([table.clone().into()], &audit, out),
    })?;
    Ok(exit_of(run_args, &audit).max(nothing))
}

/// Adds findings and incidents that are remembered, with those of their chains that were read.
fn add_findings(hits: &mut Hits, known: &Previous, audit: &Audit, asked: &Asked) {
    for finding in known.findings.values() {
        for (kind, name) in [
            (ThingKind::Finding, &finding.finding_id),
            (ThingKind::Incident, &finding.incident_id),
        ] {
            if !asked.is(name) && !asked.is(&finding.title) {
                continue;
            }
            let thing = Thing {
                kind,
                name: name.clone(),
            };
            let chains = hits.entry(thing).or_default();
            let own = audit.chains.iter().enumerate();
            let own =
                own.filter(|(_, chain)| finding.chain_ids.iter().any(|id| **id == *chain.chain_id));
            chains.extend(own.map(|(at, _)| at));
            chains.sort_unstable();
            chains.dedup();
        }
    }
}

fn table(hits: &Hits, audit: &Audit) -> Table {
    let rows: Vec<(&Thing, &Vec<usize>)> = hits.iter().collect();
    let first = |chains: &[usize]| chains.iter().map(|at| audit.chains[*at].started_at).min();
    let last = |chains: &[usize]| {
        chains
            .iter()
            .map(|at| audit.chains[*at].last_activity_at)
            .max()
    };
    TableBuilder::new("names", &rows)
        .word("kind", |(thing, _)| Some(thing.kind.as_str()))
        .text("name", |(thing, _)| Some(Text::from(thing.name.as_str())))
        .integer("chain_count", |(_, chains)| Some(chains.len() as u64))
        .text("first_chain_id", |(_, chains)| {
            let at = chains.first()?;
            Some(Text::from(audit.chains[*at].chain_id.as_str()))
        })
        .text("first_at", |(_, chains)| {
            Some(Text::from(first(chains)?.to_string()))
        })
        .text("last_at", |(_, chains)| {
            Some(Text::from(last(chains)?.to_string()))
        })
        .table()
}
