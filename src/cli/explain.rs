//! `qs-audit explain`: the pages of rules.

use super::args::{ExplainArgs, Format, Global};
use super::exit::Exit;
use super::failure::Failure;
use super::inputs;
use super::terminal::{page, write_out};
use crate::output::Page;
use crate::rules::{self, RULES, RuleMeta};
use std::io::{self, Write};

pub(super) fn run(global: &Global, args: &ExplainArgs) -> Result<Exit, Failure> {
    if global.format != Format::Table {
        return Err(Failure::usage("explain prints a page, and nothing else"));
    }
    let page = page(global);
    let Some(id) = &args.rule else {
        write_out(global, |out| list(page, out))?;
        return Ok(Exit::Clean);
    };
    let entry = rules::find(id).ok_or_else(|| {
        let failure = Failure::usage(format!("there is no rule {id:?}"));
        inputs::with_near_rule(failure, id)
    })?;
    write_out(global, |out| print(entry.meta, page, out))?;
    Ok(Exit::Clean)
}

fn bold(text: &str, page: Page) -> String {
    if page.color {
        format!("\u{1b}[1m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}

/// The page as it is, its headings bold where colours may be.
fn print(meta: &RuleMeta, page: Page, out: &mut dyn Write) -> io::Result<()> {
    for line in meta.page.lines() {
        if line.starts_with('#') {
            writeln!(out, "{}", bold(line, page))?;
        } else {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

fn list(page: Page, out: &mut dyn Write) -> io::Result<()> {
    let width = RULES
        .iter()
        .map(|entry| entry.meta.id.len())
        .max()
        .unwrap_or(0);
    for entry in RULES {
        let meta = entry.meta;
        let id = bold(&format!("{:<width$}", meta.id), page);
        writeln!(out, "{id}  {:<8}  {}", meta.severity.as_str(), meta.title)?;
    }
    writeln!(
        out,
        "\n{} rules. The page of one: qs-audit explain {}",
        RULES.len(),
        RULES[0].meta.id
    )
}
