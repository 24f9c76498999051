//! `qs-audit verify`.

use super::args::VerifyCommandArgs;
use super::exit::Exit;
use super::formats::RecordFormat;
use super::run_args::RunArgs;
use super::session::{start, verify_options};
use super::terminal::{check_output, page, say, say_incomplete, write_out};
use super::time_args::{self, DefaultWindow};
use crate::app::failure::Failure;
use crate::app::record_files::plain_parquet;
use crate::app::verify as app;
use crate::model::integrity::Verification;
use crate::output::human::{first_of, plural, window_text};
use crate::output::json::verification as json;
use crate::output::{csv, verification as text, xlsx};
use crate::records::verification as rows;

const DEFAULT_SECONDS: i64 = 7 * 86_400;

pub(super) fn run(args: &VerifyCommandArgs) -> Result<Exit, Failure> {
    let (run_args, format) = RunArgs::new(&args.talk)
        .progress(&args.progress)
        .logs(&args.logs)
        .threads(&args.threads)
        .config(&args.config)
        .window(&args.window)
        .strict(&args.strict)
        .output(&args.output)?;
    let run_args = &run_args;
    check_output(run_args)?;
    let context = start(run_args)?;
    let window = time_args::window(run_args, context.now, DefaultWindow::Last(DEFAULT_SECONDS))?;
    let verified = app::verify(&context, window, &verify_options(&args.against))?;
    let verification = &verified.verification;
    if !verification.has_digests() && !verified.has_logs && !run_args.quiet {
        say(&format!(
            "no digest files and no log files from {}\n  hint: check --logs, or choose another window\n",
            window_text(&window)
        ));
    }
    let last = window.to.map_or(context.now, |to| to.plus(-1));
    print(run_args, format, verification, last.day())?;
    Ok(exit_of(run_args, format, verification, !verified.has_logs))
}

fn print(
    run_args: &RunArgs,
    format: RecordFormat,
    verification: &Verification,
    last_day: jiff::civil::Date,
) -> Result<(), Failure> {
    let faults = || rows::faults(verification);
    write_out(run_args, |out| match format {
        RecordFormat::Json => json::write_json(verification, out),
        RecordFormat::Jsonl => json::write_jsonl(verification, out),
        RecordFormat::Csv => csv::write_table(&faults(), out),
        RecordFormat::Parquet => plain_parquet(&faults(), out),
        RecordFormat::Xlsx => {
            let sheets = [rows::places(verification).into(), faults().into()];
            xlsx::write(&sheets, last_day, out)
        }
        RecordFormat::Table => text::write(verification, page(run_args), out),
    })
}

/// Failed objects decide first, then those that could not be verified.
fn exit_of(
    run_args: &RunArgs,
    format: RecordFormat,
    verification: &Verification,
    has_no_logs: bool,
) -> Exit {
    let unchecked = verification.unchecked_count();
    let is_in_table = format == RecordFormat::Table && !run_args.quiet;
    if let Some(first) = verification.unchecked.first().filter(|_| !is_in_table) {
        let line = text::unchecked_line(first);
        let more = unchecked.saturating_sub(first.count);
        say(&format!("{}\n", first_of(&line, more)));
    }
    let is_incomplete = run_args.strict && unchecked > 0;
    if is_incomplete {
        let unchecked = plural(unchecked, "file");
        say_incomplete([format!("{unchecked} could not be checked")]);
    }
    if verification.is_faulty() {
        if !run_args.quiet {
            let faults = verification.faults.len() + verification.uncovered.len();
            let faults = plural(faults as u64, "digest or log file");
            say(&format!("not as CloudTrail delivered them: {faults}\n"));
        }
        return Exit::Findings;
    }
    if is_incomplete {
        return Exit::Incomplete;
    }
    if has_no_logs && !verification.has_digests() {
        return Exit::NoLogs;
    }
    Exit::Clean
}
