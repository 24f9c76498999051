//! `qs-audit ack`.

use super::exit::Exit;
use super::formats::RecordFormat;
use super::news_args::AckArgs;
use super::run_args::RunArgs;
use super::session::start;
use super::terminal::{check_output, page, write_out};
use super::time_args;
use crate::app::context::RunContext;
use crate::app::failure::Failure;
use crate::app::memory::{self, AckRequest};
use crate::app::record_files::plain_parquet;
use crate::model::ack_record::AckRecord;
use crate::model::finding::PreviousFinding;
use crate::model::table::{Table, TableBuilder};
use crate::model::text::Text;
use crate::output::acknowledged;
use crate::output::json::table as json;
use crate::output::{csv, xlsx};
use jiff::civil::Date;

/// The duration of an acknowledgement, unless `--until` says it.
const DEFAULT_UNTIL: &str = "30d";

pub(super) fn run(args: &AckArgs) -> Result<Exit, Failure> {
    let run_args = RunArgs::new(&args.talk)
        .store(&args.store)
        .config(&args.config);
    let (mut run_args, format) = run_args.output(&args.output)?;
    run_args.window.now.clone_from(&args.now);
    let run_args = &run_args;
    check_output(run_args)?;
    let context = start(run_args)?;
    let Some(id) = &args.id else {
        return list(run_args, format, &context);
    };
    let (said, findings) = if args.undo {
        ("counts again".to_owned(), memory::undo(&context, id)?)
    } else {
        let asked = request(args, id, context.now.day())?;
        let said = format!("acknowledged by {} until {}", asked.owner, asked.until);
        (said, memory::acknowledge(&context, &asked)?)
    };
    let findings: Vec<&PreviousFinding> = findings.iter().collect();
    write_out(run_args, |out| {
        acknowledged::write_done(&findings, &said, page(run_args), out)
    })?;
    Ok(Exit::Clean)
}

fn request(args: &AckArgs, id: &str, today: Date) -> Result<AckRequest, Failure> {
    let owner = args
        .owner
        .as_deref()
        .map(str::trim)
        .filter(|owner| !owner.is_empty());
    let owner = owner.ok_or_else(|| {
        Failure::usage("--owner is missing: who looks after it?").hint(format!(
            "qs-audit ack {id} --owner NAME --note \"what there is to say\" --until 14d"
        ))
    })?;
    let until = time_args::day_from(
        "--until",
        args.until.as_deref().unwrap_or(DEFAULT_UNTIL),
        today,
    )?;
    if until <= today {
        return Err(
            Failure::usage(format!("--until {until} is not in the future"))
                .hint("it is the first day on which the finding counts again"),
        );
    }
    Ok(AckRequest {
        id: id.to_owned(),
        owner: owner.to_owned(),
        note: args.note.clone(),
        until,
    })
}

fn list(run_args: &RunArgs, format: RecordFormat, context: &RunContext) -> Result<Exit, Failure> {
    let all = memory::acknowledgements(context)?;
    let today = context.now.day();
    let table = || table(&all, today);
    write_out(run_args, |out| match format {
        RecordFormat::Table => acknowledged::write(&all, today, page(run_args), out),
        RecordFormat::Json => json::write_json(&table(), None, &[], out),
        RecordFormat::Jsonl => json::write_jsonl(&table(), out),
        RecordFormat::Csv => csv::write_table(&table(), out),
        RecordFormat::Parquet => plain_parquet(&table(), out),
        RecordFormat::Xlsx => xlsx::write(&[table().into()], today, out),
    })?;
    Ok(Exit::Clean)
}

fn table(all: &[AckRecord], today: Date) -> Table {
    let text = |text: &str| Some(Text::from(text));
    TableBuilder::new("acknowledgements", all)
        .text("finding_id", |one| text(&one.finding_id))
        .text("incident_id", |one| text(one.incident_id.as_deref()?))
        .word("state", |one| Some(one.state(today)))
        .text("owner", |one| text(&one.acknowledgement.owner))
        .text("note", |one| text(one.acknowledgement.note.as_deref()?))
        .text("until", |one| text(&one.acknowledgement.until.to_string()))
        .word("severity", |one| {
            Some(one.acknowledgement.severity.as_str())
        })
        .integer("occurrence", |one| Some(one.acknowledgement.occurrence))
        .text("made_at", |one| text(&one.made_at.to_string()))
        .text("undone_at", |one| text(&one.undone_at?.to_string()))
        .table()
}
