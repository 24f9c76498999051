//! `qs-audit show`.

use super::chains::record_table;
use super::exit::Exit;
use super::findings::repeated;
use super::formats::RecordFormat;
use super::run_args::RunArgs;
use super::search_args::ShowArgs;
use super::session::{self, prepare, start};
use super::shown_things::{self, ShownThings};
use super::strictness::{exit_of, nothing_to_read};
use super::terminal::{check_output, page, say, write_out, write_spelled};
use super::time_args::{self, DefaultWindow};
use crate::app::audit::AuditRun;
use crate::app::evidence::{self, ChainEvidence};
use crate::app::exports::Wants;
use crate::app::failure::Failure;
use crate::app::memory;
use crate::app::nearest::nearest;
use crate::app::record_files::{parquet, workbook};
use crate::decode::REDACTED;
use crate::model::audit::Audit;
use crate::model::chain::Chain;
use crate::model::event::EventOrigin;
use crate::model::finding::{Previous, PreviousFinding};
use crate::output::chain_table::is_listed_by_default;
use crate::output::human::{line, plural, window_text};
use crate::output::json::v1::{self, RecordShape};
use crate::output::not_read::NotRead;
use crate::output::reads_not_logged::of_chain as of_chain_reads;
use crate::output::terminal::Spelling;
use crate::output::{chain_table, csv, show};
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
    let known = memory::known(&context)?;
    let mut run = prepare(&context, window, Wants::Statistics, &args.verification)?;
    let mut audit = session::audit(run_args, &run)?;
    if let Some(exit) = nothing_to_read(run_args, &audit) {
        return Ok(exit_of(run_args, &audit).max(Some(exit)));
    }
    let wanted = args.asked.trim().to_lowercase();
    if !is_known(&audit, &wanted) && run.can_tell_all_sessions() {
        // It may be one of those that only --all-sessions lists.
        run.plan.all_sessions = true;
        audit = run.run_again()?;
    }
    let shown = if let Some(chain) = chain_of(&audit, &wanted) {
        ShownThings::of_chain(chain?)
    } else {
        let mut things = ShownThings::named(&audit, &known, &args.asked);
        if things.is_empty() {
            things.add_request(&audit, &args.asked, &|places| {
                Ok(run.raw_events(&audit, places)?.events)
            })?;
        }
        things
    };
    if shown.is_empty() {
        return Err(not_found(&audit, run_args, &args.asked));
    }
    let told = Told {
        run_args,
        format,
        run: &run,
        audit: &audit,
        known: &known,
    };
    match shown.chains[..] {
        [chain] => told.one(args, &shown, chain)?,
        _ => told.several(args, &shown)?,
    }
    Ok(exit_of(run_args, &audit).max(None))
}

/// What a command line is told.
struct Told<'a> {
    run_args: &'a RunArgs,
    format: RecordFormat,
    run: &'a AuditRun<'a>,
    audit: &'a Audit,
    known: &'a Previous,
}

impl Told<'_> {
    /// Shows one chain, and what led to it.
    fn one(&self, args: &ShowArgs, shown: &ShownThings<'_>, chain: &Chain) -> Result<(), Failure> {
        let (run_args, audit) = (self.run_args, self.audit);
        if args.raw {
            let events = raw(run_args, self.run, audit, chain)?;
            return write_spelled(run_args, Some(Spelling::Json), |out| {
                events.iter().try_for_each(|event| writeln!(out, "{event}"))
            });
        }
        let findings = self.known.findings.values();
        let of_chain =
            |known: &&PreviousFinding| known.chain_ids.iter().any(|id| **id == *chain.chain_id);
        let findings: Vec<&PreviousFinding> = findings.filter(of_chain).collect();
        if let Some(folder) = &args.evidence {
            let events = raw(run_args, self.run, audit, chain)?;
            let evidence = ChainEvidence {
                audit,
                chain,
                events: &events,
                findings: &findings,
            };
            let files = evidence::write(&evidence, folder)?;
            if !run_args.quiet {
                say(&format!(
                    "evidence in {}: {}\n",
                    folder.display(),
                    files.join(", ")
                ));
            }
        }
        if self.format != RecordFormat::Table {
            return self.records(&[chain]);
        }
        let page = page(run_args);
        let repeated = repeated(run_args);
        let options = format!("{}{}", repeated.logs, repeated.store);
        write_out(run_args, |out| {
            shown.write(out)?;
            show::write(audit, chain, &self.run.plan.topology, page, out)?;
            shown_things::write_findings(&findings, out)?;
            shown_things::write_pivots(chain, &options, out)?;
            NotRead::of(&audit.coverage.rejects).write(page, out)
        })?;
        if !run_args.quiet && !chain.queries.is_empty() {
            for gap in of_chain_reads(&audit.coverage, chain, &self.run.plan.topology) {
                say(&format!("{}\n", gap.text));
            }
        }
        Ok(())
    }

    /// Lists several chains, and what led to them.
    fn several(&self, args: &ShowArgs, shown: &ShownThings<'_>) -> Result<(), Failure> {
        let option = if args.raw {
            Some("--raw")
        } else {
            args.evidence.as_ref().map(|_| "--evidence")
        };
        if let Some(option) = option {
            let count = plural(shown.chains.len() as u64, "chain");
            return Err(Failure::usage(format!(
                "{option} is for one chain, and {:?} leads to {count}",
                args.asked
            ))
            .hint("`qs-audit show` with the same words lists them"));
        }
        if self.format != RecordFormat::Table {
            return self.records(&shown.chains);
        }
        let page = page(self.run_args);
        write_out(self.run_args, |out| {
            shown.write(out)?;
            if shown.chains.is_empty() {
                line!(out, "none of its chains is in the logs that were read")?;
            } else {
                chain_table::write(&shown.chains, page, out)?;
            }
            NotRead::of(&self.audit.coverage.rejects).write(page, out)
        })
    }

    fn records(&self, chains: &[&Chain]) -> Result<(), Failure> {
        let audit = self.audit;
        let table = || record_table(chains, RecordShape::Chains);
        write_out(self.run_args, |out| match self.format {
            RecordFormat::Table | RecordFormat::Json => {
                v1::write_json(audit, chains, RecordShape::Chains, out)
            }
            RecordFormat::Jsonl => v1::write_jsonl(chains, RecordShape::Chains, out),
            RecordFormat::Csv => csv::write_records(&records::chains::fields(), chains, out),
            RecordFormat::Parquet => parquet(&table(), audit, out),
            RecordFormat::Xlsx => workbook([table().into()], audit, out),
        })
    }
}

/// Nothing has this name: what was probably meant, or where it was not looked for.
fn not_found(audit: &Audit, run_args: &RunArgs, asked: &str) -> Failure {
    let is_chain = asked.to_lowercase().starts_with("c-");
    let what = if is_chain {
        "no chain"
    } else {
        "nothing is named"
    };
    let window = &audit.window;
    let place = if window.from.is_some() || window.to.is_some() {
        format!("in the logs of {}", window_text(window))
    } else {
        "in the logs".to_owned()
    };
    let failure = Failure::usage(format!("{what} {asked:?} {place}"));
    let is_narrowed = run_args.window.since.is_some()
        || run_args.window.from.is_some()
        || run_args.window.to.is_some();
    if is_narrowed {
        return failure.hint("without --since, --from and --to, show looks through all logs");
    }
    if asked.starts_with("f-") || asked.starts_with("i-") {
        return failure.hint("findings are remembered by the nightly report and `findings --remember`; `qs-audit findings` lists those of a window");
    }
    let ids = audit.chains.iter().map(|chain| chain.chain_id.as_str());
    // A word that is no id may be meant for latest; an id is not.
    let latest = (!asked.contains(|letter: char| letter.is_ascii_digit())).then_some(LATEST);
    let ids = ids.chain(latest);
    let id = full_id(&asked.to_lowercase());
    match nearest(asked, ids.clone()).or_else(|| nearest(&id, ids)) {
        Some(near) => failure.hint(format!("did you mean {near}?")),
        None => failure
            .hint("`qs-audit find` looks for a part of a name, `qs-audit chains` lists chains"),
    }
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

/// The chain that an id, a prefix of one, or `latest` names; `None` if it is none of these.
fn chain_of<'a>(audit: &'a Audit, asked: &str) -> Option<Result<&'a Chain, Failure>> {
    if asked == LATEST {
        let mut listed = audit
            .chains
            .iter()
            .filter(|chain| is_listed_by_default(chain));
        return Some(listed.next_back().ok_or_else(|| {
            Failure::usage("no chain in the logs")
                .hint("`qs-audit chains --path any` lists all chains that end in Athena")
        }));
    }
    if let Some(exact) = audit.chains.iter().find(|chain| chain.chain_id == asked) {
        return Some(Ok(exact));
    }
    let asked_id = full_id(asked);
    let starts = |chain: &&Chain| chain.chain_id.starts_with(&asked_id);
    let found: Vec<&Chain> = audit.chains.iter().filter(starts).collect();
    match found[..] {
        [] => None,
        [one] => Some(Ok(one)),
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
            let failure = Failure::usage(format!("{asked:?} is the prefix of several chain ids"));
            Some(Err(failure.hint(format!("{shown}{more}"))))
        }
    }
}
