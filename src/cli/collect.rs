//! `qs-audit collect`.

use super::args::CollectArgs;
use super::exit::Exit;
use super::findings::told;
use super::run_args::RunArgs;
use super::session::start;
use super::terminal::{check_output, say, say_incomplete, write_out};
use super::time_args::{self, DefaultWindow};
use crate::app::collect::{self, CollectOptions};
use crate::app::collected::CollectReport;
use crate::app::context::RunContext;
use crate::app::failure::Failure;
use crate::app::notify;
use crate::output::human::{count, first_of, line, plural, safe};
use std::fmt::Write as _;
use std::io::{self, Write};

/// The look-back of the first run, in seconds: a week to evaluate, and four weeks as its baseline.
const FIRST_SECONDS: i64 = 36 * 86_400;
pub(super) fn run(args: &CollectArgs) -> Result<Exit, Failure> {
    let run_args = RunArgs::new(&args.talk)
        .progress(&args.progress)
        .logs(&args.logs)
        .threads(&args.threads)
        .store(&args.store)
        .config(&args.config)
        .window(&args.window)
        .statistics(&args.statistics)
        .strict(&args.strict)
        .text_output(&args.output)?;
    let run_args = &run_args;
    check_output(run_args)?;
    let context = start(run_args)?;
    let options = CollectOptions {
        window: time_args::window(run_args, context.now, DefaultWindow::Last(FIRST_SECONDS))?,
        is_asked: run_args.window.since.is_some()
            || run_args.window.from.is_some()
            || run_args.window.to.is_some(),
        wait: args.wait,
        commit_every: args.commit_every as usize,
    };
    let done = match collect::collect(&context, options) {
        Ok(done) => done,
        Err(failure) => {
            // What was wrong first is what the exit status says.
            let _ = told(tell_people(&context, &failure));
            return Err(failure);
        }
    };
    tell(run_args, &done)?;
    let is_incomplete = done.rejected > 0 || !done.gaps.is_empty();
    Ok(if run_args.strict && is_incomplete {
        let rejected = (done.rejected > 0)
            .then(|| format!("{} not read", plural(done.rejected, "record or object")));
        let gaps = (!done.gaps.is_empty()).then(|| {
            format!(
                "{} not read or requested",
                plural(done.gaps.len() as u64, "place")
            )
        });
        say_incomplete(rejected.into_iter().chain(gaps));
        Exit::Incomplete
    } else {
        Exit::Clean
    })
}

/// Tells people that collecting failed.
fn tell_people(context: &RunContext, failure: &Failure) -> Result<(), Failure> {
    let delivery = notify::tell_collect_failed(context, &failure.message)?;
    delivery.checked().map(|_| ())
}

/// Says what was done.
fn tell(run_args: &RunArgs, done: &CollectReport) -> Result<(), Failure> {
    if !run_args.quiet || run_args.output.is_some() {
        write_out(run_args, |out| summary(done, out))?;
    }
    if let Some((place, why)) = done.gaps.first().filter(|_| run_args.quiet) {
        let line = format!("not read: {}: {}", safe(place), safe(why));
        let more = done.gaps.len() as u64 - 1;
        say(&format!("{}\n", first_of(&line, more)));
    }
    if !done.gaps.is_empty() && !run_args.quiet {
        let mut lines = String::new();
        for (place, why) in done.gaps.iter().take(GAPS_SHOWN) {
            let _ = writeln!(lines, "  {}: {}", safe(place), safe(why));
        }
        let more = done.gaps.len().saturating_sub(GAPS_SHOWN);
        let more = if more > 0 {
            format!("  and {more} more\n")
        } else {
            String::new()
        };
        let gaps = plural(done.gaps.len() as u64, "place");
        say(&format!(
            "{gaps} not read; the next run tries again:\n{lines}{more}"
        ));
    }
    Ok(())
}

fn summary(done: &CollectReport, out: &mut dyn Write) -> io::Result<()> {
    let again = match done.objects_again {
        0 => String::new(),
        again => format!(
            ", {} read again for calls that became relevant",
            count(again)
        ),
    };
    line!(
        out,
        "{} read ({}), {} already in the store{again}",
        plural(done.objects_read, "new object"),
        plural(done.records, "record"),
        count(done.objects_known),
    )?;
    for line in &done.lines {
        line!(out, "{line}")?;
    }
    let from = done
        .window
        .from
        .map_or_else(|| "the beginning".to_owned(), |from| from.to_string());
    let to = done
        .window
        .to
        .map_or_else(|| "now".to_owned(), |to| to.to_string());
    line!(out, "stored in {}: {from} to {to}", done.root.display())
}

/// Places named in one message.
const GAPS_SHOWN: usize = 10;
