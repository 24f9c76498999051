//! What standard output and standard error are, and how wide and colourful.

use super::args::{ColorWhen, Global};
use super::failure::Failure;
use crate::output::Page;
use std::fs;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;

/// Width of a table that goes to a file or a pipe.
const WIDTH_OF_A_PIPE: u16 = 120;
/// Narrower than this nothing fits.
const WIDTH_MIN: u16 = 40;

/// The page that standard output is.
pub(super) fn page(global: &Global) -> Page {
    let to_terminal = global.output.is_none() && io::stdout().is_terminal();
    let asked: Option<u16> = std::env::var("COLUMNS")
        .ok()
        .and_then(|text| text.parse().ok());
    let width = match terminal_size::terminal_size() {
        Some((width, _)) if to_terminal => width.0,
        _ => asked.unwrap_or(WIDTH_OF_A_PIPE),
    };
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    Page {
        width: width.max(WIDTH_MIN),
        color: match global.color {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => to_terminal && !no_color,
        },
    }
}

/// Writes to standard output, or to the file of `--output`, whole or not at all.
pub(super) fn write_out(
    global: &Global,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Failure> {
    let Some(path) = &global.output else {
        let mut out = BufWriter::new(io::stdout().lock());
        write(&mut out)?;
        out.flush()?;
        return Ok(());
    };
    write_file(path, write)
        .map_err(|error| Failure::internal(format!("cannot write {}: {error}", path.display())))
}

/// Writes a file beside its place and moves it there.
fn write_file(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new()
        .prefix(".qs-audit-")
        .tempfile_in(folder)?;
    let mut out = BufWriter::new(file.as_file_mut());
    write(&mut out)?;
    out.flush()?;
    drop(out);
    make_readable(file.path())?;
    file.persist(path)?;
    Ok(())
}

/// Temporary files are for their owner alone; an output is a normal file.
#[cfg(unix)]
fn make_readable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Says something on standard error; that nobody listens is no failure.
pub(super) fn say(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}
