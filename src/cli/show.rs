//! `qs-audit show`.

use super::args::{Format, Global, ShowArgs};
use super::chains::{exit_of, nothing_to_read};
use super::exit::Exit;
use super::failure::Failure;
use super::inputs::Inputs;
use super::moments::DefaultWindow;
use super::select::nearest;
use super::terminal::{page, write_out};
use crate::model::audit::Audit;
use crate::model::chain::Chain;
use crate::model::event::Place;
use crate::output::chain_table::is_listed_by_default;
use crate::output::json::v1::{self, Shape};
use crate::output::{csv, show};
use crate::pipeline;
use std::io::Write;

/// Candidates named when a prefix is not unique.
const CANDIDATES_MAX: usize = 8;

pub(super) fn run(global: &Global, args: &ShowArgs) -> Result<Exit, Failure> {
    let inputs = Inputs::gather(global, DefaultWindow::All)?;
    let audit = inputs.run(global)?;
    if let Some(exit) = nothing_to_read(&audit) {
        return Ok(exit);
    }
    let chain = find(&audit, &args.chain_id)?;
    let page = page(global);
    let one = [chain];
    write_out(global, |out| match global.format {
        _ if args.raw => raw(&inputs, &audit, chain, out),
        Format::Table => show::write(&audit, chain, page, out),
        Format::Json => v1::write_json(&audit, &one, Shape::Chains, out),
        Format::Jsonl => v1::write_jsonl(&one, Shape::Chains, out),
        Format::Csv => csv::write_chains(&one, out),
    })?;
    Ok(exit_of(global, &audit, &one))
}

/// The events of a chain as they were logged, one per line, by time.
fn raw(inputs: &Inputs, audit: &Audit, chain: &Chain, out: &mut dyn Write) -> std::io::Result<()> {
    let places = chain.events.iter();
    let places: Vec<Place> = places
        .map(|event| audit.events[event.event as usize].place)
        .collect();
    let found = pipeline::raw_events(&inputs.plan, &inputs.logs, &places);
    for place in places {
        if let Some((_, event)) = found.iter().find(|(at, _)| *at == place) {
            writeln!(out, "{event}")?;
        }
    }
    Ok(())
}

fn find<'a>(audit: &'a Audit, asked: &str) -> Result<&'a Chain, Failure> {
    if asked == "latest" {
        let mut listed = audit
            .chains
            .iter()
            .filter(|chain| is_listed_by_default(chain));
        return listed.next_back().ok_or_else(|| {
            Failure::usage("there is no chain in the logs read")
                .hint("`qs-audit chains --path any` lists all that end in Athena")
        });
    }
    if let Some(exact) = audit.chains.iter().find(|chain| chain.chain_id == asked) {
        return Ok(exact);
    }
    let asked_id = if asked.starts_with("c-") {
        asked.to_owned()
    } else {
        format!("c-{asked}")
    };
    let starts = |chain: &&Chain| chain.chain_id.starts_with(&asked_id);
    let found: Vec<&Chain> = audit.chains.iter().filter(starts).collect();
    match found[..] {
        [one] => Ok(one),
        [] => {
            let ids = audit.chains.iter().map(|chain| chain.chain_id.as_str());
            let failure = Failure::usage(format!("no chain {asked:?} in the logs read"));
            Err(match nearest(&asked_id, ids) {
                Some(near) => failure.hint(format!("did you mean {near}?")),
                None => failure.hint(
                    "`qs-audit chains` lists them; show reads all logs unless a window is given",
                ),
            })
        }
        ref several => {
            let ids: Vec<&str> = several
                .iter()
                .map(|chain| chain.chain_id.as_str())
                .collect();
            let more = ids.len().saturating_sub(CANDIDATES_MAX);
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            let shown = ids[..ids.len().min(CANDIDATES_MAX)].join(", ");
            Err(
                Failure::usage(format!("{asked:?} is the start of several chains"))
                    .hint(format!("{shown}{more}")),
            )
        }
    }
}
