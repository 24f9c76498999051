//! The prompt of `query --interactive`: SQL line by line, with completion and history.

use super::terminal::say;
use crate::app::failure::Failure;
use crate::model::table::Table;
use etcetera::{BaseStrategy, choose_base_strategy};
use rustyline::completion::{Completer, Pair};
use rustyline::config::{CompletionType, Config};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Editor, Helper};
use std::fs;
use std::path::PathBuf;

const PROMPT: &str = "qs-audit> ";
/// Lines of the history.
const HISTORY_MAX: usize = 1000;
const HISTORY: &str = "query-history";
/// Words of the dialect (docs/tables-v1.md).
const WORDS: [&str; 24] = [
    "AND", "AS", "BY", "CASE", "COALESCE", "COUNT", "DESC", "DISTINCT", "FROM", "GROUP", "HAVING",
    "IN", "IS", "JOIN", "LEFT", "LIKE", "LIMIT", "NOT", "NULL", "ON", "ORDER", "SELECT", "SUM",
    "WHERE",
];

/// Completes names of tables and columns, and words of SQL.
struct SqlNames {
    names: Vec<String>,
}

impl Completer for SqlNames {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = line.get(..position).unwrap_or_default();
        let is_of_name = |letter: char| letter.is_alphanumeric() || letter == '_';
        let start = before.rfind(|letter| !is_of_name(letter)).map_or(0, |at| {
            at + before[at..].chars().next().map_or(1, char::len_utf8)
        });
        let word = before[start..].to_lowercase();
        let matching = self
            .names
            .iter()
            .filter(|name| name.to_lowercase().starts_with(&word));
        let pairs = matching.map(|name| Pair {
            display: name.clone(),
            replacement: name.clone(),
        });
        Ok((start, pairs.collect()))
    }
}

impl Hinter for SqlNames {
    type Hint = String;
}

impl Highlighter for SqlNames {}

impl Validator for SqlNames {
    /// A statement ends with a semicolon, or on a line of its own.
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let text = context.input().trim();
        let is_done = text.is_empty() || text.ends_with(';') || is_word(text);
        Ok(if is_done {
            ValidationResult::Valid(None)
        } else {
            ValidationResult::Incomplete
        })
    }
}

impl Helper for SqlNames {}

/// Returns true for a word that is a command of the prompt and no SQL.
fn is_word(text: &str) -> bool {
    matches!(text, "tables" | "help" | "exit" | "quit")
}

/// Reads statements until there are no more; each is run, and what is wrong with it is said.
pub(super) fn read_statements(
    tables: &[Table],
    run: &mut dyn FnMut(&str) -> Result<(), Failure>,
    describe: &dyn Fn(&Failure) -> String,
) -> Result<(), Failure> {
    let broken =
        |error: ReadlineError| Failure::internal(format!("cannot read statements: {error}"));
    let config = Config::builder()
        .max_history_size(HISTORY_MAX)
        .map_err(broken)?
        .completion_type(CompletionType::List)
        .auto_add_history(false)
        .build();
    let mut editor: Editor<SqlNames, FileHistory> = Editor::with_config(config).map_err(broken)?;
    editor.set_helper(Some(SqlNames {
        names: names(tables),
    }));
    let history = history();
    if let Some(history) = &history {
        // The first time there is none.
        let _ = editor.load_history(history);
    }
    say("statements end with a semicolon; `tables` lists tables and columns, Ctrl-D ends\n");
    loop {
        let line = match editor.readline(PROMPT) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(broken(error)),
        };
        let text = line.trim().trim_end_matches(';').trim();
        match text {
            "" => continue,
            "exit" | "quit" => break,
            "tables" | "help" => {
                say(&listed(tables));
                continue;
            }
            _ => {}
        }
        let _ = editor.add_history_entry(line.trim());
        if let Err(failure) = run(text) {
            say(&describe(&failure));
        }
    }
    if let Some(history) = &history {
        // A history that cannot be kept is no reason to fail.
        let _ = editor.save_history(history);
    }
    Ok(())
}

/// The file of the history, in the user's own data folder.
fn history() -> Option<PathBuf> {
    std::env::var_os("HOME").filter(|home| !home.is_empty())?;
    let folder = choose_base_strategy().ok()?.data_dir().join("qs-audit");
    fs::create_dir_all(&folder).ok()?;
    Some(folder.join(HISTORY))
}

fn names(tables: &[Table]) -> Vec<String> {
    let of_tables = tables.iter().map(|table| table.name.clone());
    let columns = tables.iter().flat_map(|table| &table.columns);
    let columns = columns.map(|column| column.name.clone());
    let words = WORDS.iter().map(|word| (*word).to_owned());
    let mut names: Vec<String> = of_tables.chain(columns).chain(words).collect();
    names.sort();
    names.dedup();
    names
}

fn listed(tables: &[Table]) -> String {
    let lines = tables.iter().map(|table| {
        let columns: Vec<&str> = table
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .collect();
        format!(
            "{} ({} rows): {}\n",
            table.name,
            table.row_count(),
            columns.join(", ")
        )
    });
    lines.collect()
}
