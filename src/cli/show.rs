//! `qs-audit show`.

use super::args::ShowArgs;
use super::chains::record_table;
use super::exit::Exit;
use super::formats::RecordFormat;
use super::run_args::RunArgs;
use super::session::{self, start};
use super::strictness::{exit_of, nothing_to_read};
use super::terminal::{check_output, page, say, write_out, write_spelled};
use super::time_args::{self, DefaultWindow};
use crate::app::audit::AuditRun;
use crate::app::exports::Wants;
use crate::app::failure::Failure;
use crate::app::nearest::nearest;
use crate::app::record_files::{parquet, workbook};
use crate::decode::REDACTED;
use crate::model::audit::Audit;
use crate::model::chain::Chain;
use crate::model::event::EventOrigin;
use crate::output::chain_table::is_listed_by_default;
use crate::output::human::plural;
use crate::output::json::v1::{self, RecordShape};
use crate::output::not_read::NotRead;
use crate::output::reads_not_logged::of_chain;
use crate::output::terminal::Spelling;
use crate::output::{csv, show};
use crate::records;
use serde_json::Value;
use std::collections::BTreeMap;

/// The chain that started last.
const LATEST: &str = "latest";

/// Candidates named when a prefix is not unique.
const CANDIDATES_MAX: usize = 8;

pub(super) fn run(args: &ShowArgs) -> Result<Exit, Failure> {
    let (run_args, format) = RunArgs::audit(&args.audit).output(&args.output)?;
    let run_args = &run_args;
    check_output(run_args)?;
    let context = start(run_args)?;
    let window = time_args::window(run_args, context.now, DefaultWindow::All)?;
    let mut run = AuditRun::prepare(&context, window, Wants::Statistics)?;
    let mut audit = session::audit(run_args, &run)?;
    if let Some(exit) = nothing_to_read(run_args, &audit) {
        return Ok(exit_of(run_args, &audit).max(Some(exit)));
    }
    let wanted = args.chain_id.to_lowercase();
    if !is_known(&audit, &wanted) && run.can_tell_all_sessions() {
        // It may be one of those that only --all-sessions lists.
        run.plan.all_sessions = true;
        audit = run.run_again()?;
    }
    let chain = find(&audit, &wanted)?;
    let page = page(run_args);
    let one = [chain];
    let not_read = NotRead::of(&audit.coverage.rejects);
    if args.raw {
        let events = raw(run_args, &run, &audit, chain)?;
        write_spelled(run_args, Some(Spelling::Json), |out| {
            events.iter().try_for_each(|event| writeln!(out, "{event}"))
        })?;
        return Ok(exit_of(run_args, &audit).max(None));
    }
    write_out(run_args, |out| match format {
        RecordFormat::Table => {
            show::write(&audit, chain, &run.plan.topology, page, out)?;
            not_read.write(page, out)
        }
        RecordFormat::Json => v1::write_json(&audit, &one, RecordShape::Chains, out),
        RecordFormat::Jsonl => v1::write_jsonl(&one, RecordShape::Chains, out),
        RecordFormat::Csv => csv::write_records(&records::chains::fields(), &one, out),
        RecordFormat::Parquet => parquet(&record_table(&one, RecordShape::Chains), &audit, out),
        RecordFormat::Xlsx => {
            let sheets = [record_table(&one, RecordShape::Chains).into()];
            workbook(sheets, &audit, out)
        }
    })?;
    if format == RecordFormat::Table && !run_args.quiet && !chain.queries.is_empty() {
        for gap in of_chain(&audit.coverage, chain, &run.plan.topology) {
            say(&format!("{}\n", gap.text));
        }
    }
    Ok(exit_of(run_args, &audit).max(None))
}

/// The events of a chain as they were logged, by time.
fn raw(
    run_args: &RunArgs,
    run: &AuditRun<'_>,
    audit: &Audit,
    chain: &Chain,
) -> Result<Vec<Value>, Failure> {
    let places = chain.events.iter();
    let places: Vec<EventOrigin> = places
        .map(|event| audit.events[event.event as usize].place)
        .collect();
    let found = run.raw_events(audit, &places)?;
    let mut by_place: BTreeMap<EventOrigin, Value> = found.events.into_iter().collect();
    let events = places.iter().filter_map(|place| by_place.remove(place));
    let events: Vec<Value> = events.collect();
    if found.redacted > 0 && !run_args.quiet {
        say(&format!(
            "{} replaced by {REDACTED}: possible secrets or SQL\n",
            plural(found.redacted, "value"),
        ));
    }
    let lost = (places.len() - events.len()) as u64;
    if lost > 0 && !run_args.quiet {
        say(&format!(
            "{} can no longer be read from their log files\n",
            plural(lost, "event")
        ));
    }
    Ok(events)
}

fn is_known(audit: &Audit, asked: &str) -> bool {
    let id = full_id(asked);
    let mut chains = audit.chains.iter();
    asked == LATEST || chains.any(|chain| chain.chain_id.starts_with(&id))
}

/// The id as it is written: `c-` may be left out.
fn full_id(asked: &str) -> String {
    if asked.starts_with("c-") {
        asked.to_owned()
    } else {
        format!("c-{asked}")
    }
}

/// Returns a hint for an id of another kind: of a finding, a query execution or an event.
fn other_kind(audit: &Audit, asked: &str) -> Option<String> {
    if asked.starts_with("f-") {
        return Some(
            "this is the id of a finding: `qs-audit findings` prints its chains".to_owned(),
        );
    }
    let is_uuid = asked.len() == 36 && asked.matches('-').count() == 4;
    if !is_uuid {
        return None;
    }
    let chain = audit.chains.iter().find(|chain| {
        let mut queries = chain.queries.iter();
        let mut events = chain.events.iter();
        queries.any(|query| {
            query
                .query_execution_id
                .as_ref()
                .is_some_and(|id| id.to_string() == asked)
        }) || events.any(|entry| audit.events[entry.event as usize].id.to_string() == asked)
    });
    Some(match chain {
        Some(chain) => format!(
            "this query execution or event is in chain {}",
            chain.chain_id
        ),
        None => {
            "this is not a chain id, and no chain has a query execution or event with it".to_owned()
        }
    })
}

fn find<'a>(audit: &'a Audit, asked: &str) -> Result<&'a Chain, Failure> {
    if asked == LATEST {
        let mut listed = audit
            .chains
            .iter()
            .filter(|chain| is_listed_by_default(chain));
        return listed.next_back().ok_or_else(|| {
            Failure::usage("no chain in the logs")
                .hint("`qs-audit chains --path any` lists all chains that end in Athena")
        });
    }
    if let Some(exact) = audit.chains.iter().find(|chain| chain.chain_id == asked) {
        return Ok(exact);
    }
    let asked_id = full_id(asked);
    let starts = |chain: &&Chain| chain.chain_id.starts_with(&asked_id);
    let found: Vec<&Chain> = audit.chains.iter().filter(starts).collect();
    match found[..] {
        [one] => Ok(one),
        [] => {
            let failure = Failure::usage(format!("no chain {asked:?} in the logs"));
            if let Some(hint) = other_kind(audit, asked) {
                return Err(failure.hint(hint));
            }
            let ids = audit.chains.iter().map(|chain| chain.chain_id.as_str());
            // A word that is no id may be meant for latest; an id is not.
            let latest =
                (!asked.contains(|letter: char| letter.is_ascii_digit())).then_some(LATEST);
            let ids = ids.chain(latest);
            Err(match nearest(asked, ids.clone()).or_else(|| nearest(&asked_id, ids)) {
                Some(near) => failure.hint(format!("did you mean {near}?")),
                None => failure.hint(
                    "`qs-audit chains` lists chains; show reads all logs unless a window is given",
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
                Failure::usage(format!("{asked:?} is the prefix of several chain ids"))
                    .hint(format!("{shown}{more}")),
            )
        }
    }
}
