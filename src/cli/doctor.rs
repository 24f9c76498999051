//! `qs-audit doctor`.

use super::args::DoctorArgs;
use super::exit::Exit;
use super::formats::RecordFormat;
use super::run_args::RunArgs;
use super::session::start;
use super::terminal::{check_output, page, say_incomplete, write_out};
use super::time_args::{self, DefaultWindow};
use crate::app::check_line::{CheckLine, Status};
use crate::app::doctor::{LOOK_BACK_SECONDS, look};
use crate::app::failure::Failure;
use crate::app::record_files::plain_parquet;
use crate::model::table::{Table, TableBuilder};
use crate::model::text::Text;
use crate::output::TextLayout;
use crate::output::human::{line, plural, safe};
use crate::output::json::table as json;
use crate::output::page_text::prose;
use crate::output::{csv, xlsx};
use jiff::civil::Date;
use std::collections::BTreeMap;
use std::io::{self, Write};

pub(super) fn run(args: &DoctorArgs) -> Result<Exit, Failure> {
    let (run_args, format) = RunArgs::new(&args.talk)
        .progress(&args.progress)
        .logs(&args.logs)
        .store(&args.store)
        .config(&args.config)
        .window(&args.window)
        .strict(&args.strict)
        .output(&args.output)?;
    let run_args = &run_args;
    check_output(run_args)?;
    let context = start(run_args)?;
    let window = time_args::window(
        run_args,
        context.now,
        DefaultWindow::Last(LOOK_BACK_SECONDS),
    )?;
    let lines = look(&context, &window)?;
    print(run_args, format, &lines, context.now.day())?;
    let failed = lines.iter().filter(|line| line.status == Status::Failed);
    let failed = failed.count() as u64;
    Ok(if failed > 0 && run_args.strict {
        say_incomplete([format!("{} failed", plural(failed, "check"))]);
        Exit::Incomplete
    } else {
        Exit::Clean
    })
}

fn print(
    run_args: &RunArgs,
    format: RecordFormat,
    lines: &[CheckLine],
    today: Date,
) -> Result<(), Failure> {
    write_out(run_args, |out| match format {
        RecordFormat::Table => text(lines, page(run_args), out),
        RecordFormat::Json => json::write_json(&table(lines), None, &[], out),
        RecordFormat::Jsonl => json::write_jsonl(&table(lines), out),
        RecordFormat::Csv => csv::write_table(&table(lines), out),
        RecordFormat::Parquet => plain_parquet(&table(lines), out),
        RecordFormat::Xlsx => xlsx::write(&[table(lines).into()], today, out),
    })
}

fn table(lines: &[CheckLine]) -> Table {
    TableBuilder::new("doctor", lines)
        .text("resource", |line| Some(Text::from(line.resource.as_str())))
        .word("check", |line| Some(line.check))
        .word("status", |line| Some(line.status.as_str()))
        .text("detail", |line| Some(Text::from(line.detail.as_str())))
        .text("next_step", |line| {
            line.next_step.as_deref().map(Text::from)
        })
        .table()
}

/// Resources with the same result, from so many on, are told once.
const GROUP_MIN: usize = 3;
/// Resources of a group that are named.
const NAMED_MAX: usize = 5;

/// What tells the cause of a result from others: account ids and names do not.
type ResultCause = (&'static str, &'static str, String, Option<String>);

fn cause(line: &CheckLine) -> ResultCause {
    let name = line
        .resource
        .split_once(" (")
        .map_or(line.resource.as_str(), |(id, _)| id);
    let general = |text: &str| text.replace(&line.resource, "it").replace(name, "ACCOUNT");
    (
        line.status.as_str(),
        line.check,
        general(&line.detail),
        line.next_step.as_deref().map(general),
    )
}

/// Lines of the same cause, in their order.
fn groups(lines: &[CheckLine]) -> BTreeMap<ResultCause, Vec<&CheckLine>> {
    let mut groups: BTreeMap<ResultCause, Vec<&CheckLine>> = BTreeMap::new();
    for line in lines {
        groups.entry(cause(line)).or_default().push(line);
    }
    groups
}

fn check_line(line: &CheckLine, page: TextLayout, out: &mut dyn Write) -> io::Result<()> {
    let (color, reset) = match (page.color, line.status) {
        (true, Status::Good) => ("\x1b[32m", "\x1b[0m"),
        (true, Status::Failed) => ("\x1b[31m", "\x1b[0m"),
        _ => ("", ""),
    };
    let status = line.status.as_str();
    prose(page, out, |out| {
        line!(
            out,
            "  {color}{status:<8}{reset}{:<12}{}",
            line.check,
            safe(&line.detail)
        )
    })?;
    if let Some(next_step) = &line.next_step {
        prose(page, out, |out| {
            line!(out, "          next step: {}", safe(next_step))
        })?;
    }
    Ok(())
}

/// One line for each check, below what it is of; what to do about it in a line of its own.
fn text(lines: &[CheckLine], page: TextLayout, out: &mut dyn Write) -> io::Result<()> {
    let groups = groups(lines);
    let mut resource = "";
    for line in lines {
        if groups
            .get(&cause(line))
            .is_some_and(|group| group.len() >= GROUP_MIN)
        {
            continue;
        }
        if line.resource != resource {
            resource = &line.resource;
            line!(out, "{}", safe(resource))?;
        }
        check_line(line, page, out)?;
    }
    for group in groups.values().filter(|group| group.len() >= GROUP_MIN) {
        let named: Vec<&str> = group
            .iter()
            .take(NAMED_MAX)
            .map(|line| line.resource.as_str())
            .collect();
        let more = group.len().saturating_sub(NAMED_MAX);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        let heading = format!("{} alike: {}{more}", group.len(), named.join(", "));
        prose(page, out, |out| line!(out, "{}", safe(&heading)))?;
        check_line(group[0], page, out)?;
    }
    let failed = lines
        .iter()
        .filter(|line| line.status == Status::Failed)
        .count() as u64;
    if failed == 0 {
        line!(out, "all is well")
    } else {
        line!(out, "{} failed", plural(failed, "check"))
    }
}
