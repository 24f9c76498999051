//! `qs-audit explain`: the pages of rules.

use super::args::ExplainArgs;
use super::exit::Exit;
use super::formats::RecordFormat;
use super::run_args::RunArgs;
use super::terminal::{check_output, page, write_out};
use crate::app::failure::Failure;
use crate::app::record_files::plain_parquet;
use crate::app::rule_sets::with_near_rule;
use crate::model::table::{Table, TableBuilder};
use crate::model::text::Text;
use crate::output::human::line;
use crate::output::json::table as json;
use crate::output::{TextLayout, csv, page_text, xlsx};
use crate::rules::{self, RULES, RuleEntry};
use std::io::{self, IsTerminal, Write};

pub(super) fn run(args: &ExplainArgs) -> Result<Exit, Failure> {
    let (run_args, format) = RunArgs::new(&args.talk).output(&args.output)?;
    let run_args = &run_args;
    check_output(run_args)?;
    let page = page(run_args);
    let rules: Vec<&RuleEntry> = match &args.rule {
        None => RULES.iter().collect(),
        Some(id) => {
            let known = rules::find(id).ok_or_else(|| {
                let failure = Failure::usage(format!("no rule {id:?}"));
                with_near_rule(failure, id)
            })?;
            vec![known]
        }
    };
    write_out(run_args, |out| match (format, &args.rule) {
        // A file or a pipe gets the page as it is.
        (RecordFormat::Table, Some(_)) if is_plain(run_args) => {
            out.write_all(rules[0].meta.page.as_bytes())
        }
        (RecordFormat::Table, Some(_)) => page_text::write(rules[0].meta.page, page, out),
        (RecordFormat::Table, None) => list(page, out),
        (RecordFormat::Json, _) => json::write_json(&rule_table(&rules), None, &[], out),
        (RecordFormat::Jsonl, _) => json::write_jsonl(&rule_table(&rules), out),
        (RecordFormat::Csv, _) => csv::write_table(&rule_table(&rules), out),
        (RecordFormat::Parquet, _) => plain_parquet(&rule_table(&rules), out),
        (RecordFormat::Xlsx, _) => {
            let made_on = jiff::civil::date(2000, 1, 1);
            xlsx::write(&[rule_table(&rules).into()], made_on, out)
        }
    })?;
    Ok(Exit::Clean)
}

/// Returns true if no one looks: no terminal, no width and no colors asked for.
fn is_plain(run_args: &RunArgs) -> bool {
    let is_sized = std::env::var_os("COLUMNS").is_some() || page(run_args).color;
    !is_sized && (run_args.output.is_some() || !io::stdout().is_terminal())
}

/// Rules as a table for machines.
fn rule_table(rules: &[&RuleEntry]) -> Table {
    let options = |entry: &&RuleEntry| {
        let options = entry.meta.options.iter();
        let told: Vec<String> = options
            .map(|option| format!("{} = {}", option.name, option.default))
            .collect();
        Some(Text::from(told.join("; ")))
    };
    TableBuilder::new("rules", rules)
        .word("rule", |entry| Some(entry.meta.id))
        .word("severity", |entry| Some(entry.meta.severity.as_str()))
        .word("kind", |entry| Some(entry.meta.kind.as_str()))
        .word("title", |entry| Some(entry.meta.title))
        .word("since", |entry| Some(entry.meta.since))
        .text("options", options)
        .word("page", |entry| Some(entry.meta.page))
        .table()
}

fn list(page: TextLayout, out: &mut dyn Write) -> io::Result<()> {
    for entry in RULES {
        let meta = entry.meta;
        let id = if page.color {
            format!("\u{1b}[1m{}\u{1b}[0m", meta.id)
        } else {
            meta.id.to_owned()
        };
        line!(out, "{id} ({})", meta.severity.as_str())?;
        page_text::indented(meta.title, 4, page, out)?;
    }
    line!(out)?;
    line!(
        out,
        "{} rules. To read the page of one: qs-audit explain {}",
        RULES.len(),
        RULES[0].meta.id
    )
}
