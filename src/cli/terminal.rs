//! Standard output and standard error: terminal or not, width, colors.

use super::formats::FormatKind;
use super::groups::ColorWhen;
use super::run_args::RunArgs;
use crate::app::failure::Failure;
use crate::local::{folder_of, write_file};
use crate::model::audit::Audit;
use crate::model::topology::Topology;
use crate::output::TextLayout;
use crate::output::human::is_deceptive;
use crate::output::reads_not_logged::reads_not_logged;
use crate::output::terminal::{Spelling, TerminalWriter};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;

/// Width of a table that goes to a file or a pipe.
const WIDTH_OF_A_PIPE: u16 = 120;
/// Narrower than this nothing fits.
const WIDTH_MIN: u16 = 40;

/// Returns true if the output is read as it is written.
pub(super) fn is_to_terminal(run_args: &RunArgs) -> bool {
    run_args.output.is_none() && io::stdout().is_terminal()
}

/// The page that standard output is.
pub(super) fn page(run_args: &RunArgs) -> TextLayout {
    let to_terminal = is_to_terminal(run_args);
    let columns: Option<u16> = std::env::var("COLUMNS")
        .ok()
        .and_then(|text| text.parse().ok());
    let width = match terminal_size::terminal_size() {
        Some((width, _)) if to_terminal => width.0,
        _ => columns.unwrap_or(WIDTH_OF_A_PIPE),
    };
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    TextLayout {
        width: width.max(WIDTH_MIN),
        color: match run_args.color {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => to_terminal && !no_color,
        },
    }
}

/// Checks, before any work is done, that the output can be written where it goes.
pub(super) fn check_output(run_args: &RunArgs) -> Result<(), Failure> {
    if run_args.kind == FormatKind::Binary
        && run_args.output.is_none()
        && io::stdout().is_terminal()
    {
        return Err(
            Failure::usage("this format is binary and a terminal cannot show it")
                .hint("write it to a file with -o FILE"),
        );
    }
    let Some(path) = run_args.output.as_deref().filter(|path| !is_stdout(path)) else {
        return Ok(());
    };
    if run_args.is_ending_unknown && !run_args.quiet && path.as_os_str() != "/dev/null" {
        say(&format!(
            "{}: this extension names no output format; a table is written (choose with --format)\n",
            path.display()
        ));
    }
    let is_there = folder_of(path).is_dir() && !path.is_dir();
    is_there.then_some(()).ok_or_else(|| {
        Failure::usage(format!(
            "cannot write {}: the folder does not exist, or the path is a folder",
            path.display()
        ))
        .hint("-o takes a file in an existing folder, or - for standard output")
    })
}

fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Writes to standard output, or to the file of `--output`, whole or not at all. Text for
/// people, and whatever a terminal will show, goes through a [`TerminalWriter`].
pub(super) fn write_out(
    run_args: &RunArgs,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Failure> {
    write_spelled(run_args, spelling(run_args), write)
}

/// The same, with the spelling that the caller knows the output to need.
pub(super) fn write_spelled(
    run_args: &RunArgs,
    spelling: Option<Spelling>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Failure> {
    let write = |out: &mut dyn Write| match spelling {
        Some(spelling) => {
            let mut terminal = TerminalWriter::new(out, spelling);
            write(&mut terminal)?;
            terminal.finish()
        }
        None => write(out),
    };
    let Some(path) = run_args.output.as_deref().filter(|path| !is_stdout(path)) else {
        let mut out = BufWriter::new(io::stdout().lock());
        write(&mut out)?;
        out.flush()?;
        return Ok(());
    };
    write_file(path, write).map_err(|error| match error.downcast::<Failure>() {
        Ok(failure) => failure,
        Err(error) => Failure::internal(format!("cannot write {}: {error}", path.display())),
    })
}

/// Returns how the output of a run is written; `None` for machine formats that no terminal shows.
fn spelling(run_args: &RunArgs) -> Option<Spelling> {
    let to_terminal = is_to_terminal(run_args);
    match run_args.kind {
        FormatKind::Table => Some(Spelling::Text {
            styles: page(run_args).color,
        }),
        FormatKind::Json => to_terminal.then_some(Spelling::Json),
        FormatKind::Csv => to_terminal.then_some(Spelling::Text { styles: false }),
        FormatKind::Binary => None,
    }
}

/// Says why `--strict` makes the status 4: also where nothing else is said.
pub(super) fn say_incomplete(what: impl IntoIterator<Item = String>) {
    let what: Vec<String> = what.into_iter().collect();
    let what = what.join(", ");
    say(&format!("incomplete: {what} (--strict)\n"));
}

/// Says which events the logs do not have, below an answer about what queries read.
pub(super) fn say_reads_not_logged(audit: &Audit, topology: &Topology) {
    for gap in reads_not_logged(&audit.coverage, topology) {
        say(&format!("{}\n", gap.text));
    }
}

/// Says something on standard error; that no one listens is no failure.
pub(super) fn say(text: &str) {
    let mut out = io::stderr().lock();
    let mut terminal = TerminalWriter::new(&mut out, Spelling::Text { styles: false });
    let _ = terminal.write_all(text.as_bytes());
    let _ = terminal.finish();
}

/// Returns a path as a shell takes it. What a terminal would obey is written by its code
/// (`$'..'`, which bash, zsh and ksh know).
pub(super) fn quoted(path: &str) -> String {
    use std::fmt::Write as _;
    let is_plain = |letter: char| letter.is_alphanumeric() || "/._-+:@%".contains(letter);
    if path.chars().all(is_plain) {
        return path.to_owned();
    }
    if !path.chars().any(is_deceptive) {
        return format!("'{}'", path.replace('\'', "'\\''"));
    }
    let mut quoted = "$'".to_owned();
    for letter in path.chars() {
        match letter {
            '\'' | '\\' => quoted.extend(['\\', letter]),
            letter if is_deceptive(letter) => {
                let mut bytes = [0; 4];
                for byte in letter.encode_utf8(&mut bytes).bytes() {
                    let _ = write!(quoted, "\\x{byte:02x}");
                }
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn paths_are_quoted_for_shell_and_terminal() {
        for (path, shown) in [
            ("AWSLogs/a-b", "AWSLogs/a-b"),
            ("a b", "'a b'"),
            ("it's", "'it'\\''s'"),
            ("a\u{1b}[2J'b\\", "$'a\\x1b[2J\\'b\\\\'"),
            ("\u{202e}", "$'\\xe2\\x80\\xae'"),
        ] {
            assert_eq!(quoted(path), shown);
        }
    }
}
