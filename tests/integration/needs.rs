//! What some tests need in addition to the program. Where it is missing they say so, past the
//! capture of their output, and pass; where everything has to run they fail.

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Set where nothing may be skipped for want of what can be installed: in CI.
const ALL: &str = "QS_AUDIT_ALL_TESTS";
/// Set to the Python that has the modules of the tests; without it, `python3` is asked.
const PYTHON: &str = "QS_AUDIT_PYTHON";
/// Set to the path of Chromium; without it, one is looked for.
const CHROMIUM: &str = "QS_AUDIT_CHROMIUM";
/// Set to the path of the AWS CLI, 1.46 or later: earlier ones evaluate some damage otherwise.
const AWS_CLI: &str = "QS_AUDIT_AWS_CLI";

/// Set to a Python with `focus-validator`, whose libraries other modules do not get along with.
const FOCUS_PYTHON: &str = "QS_AUDIT_FOCUS_PYTHON";

/// Set to the program that starts a Trino (tests/engine).
#[cfg(feature = "aws")]
const TRINO: &str = "QS_AUDIT_TRINO";

fn say(what: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {what}");
}

fn missing<T>(what: &str) -> Option<T> {
    assert!(env::var_os(ALL).is_none(), "{what}, and {ALL} is set");
    say(what);
    None
}

/// The program that a variable names, or the first of these names on the path.
fn program(variable: &str, names: &[&str]) -> Option<PathBuf> {
    if let Some(path) = env::var_os(variable).map(PathBuf::from) {
        assert!(path.exists(), "{variable}: there is no {}", path.display());
        return Some(path);
    }
    first_on_the_path(names)
}

fn first_on_the_path(names: &[&str]) -> Option<PathBuf> {
    let folders: Vec<PathBuf> = env::split_paths(&env::var_os("PATH")?).collect();
    let places = |name: &&str| {
        let name = (*name).to_owned();
        folders.iter().map(move |folder| folder.join(&name))
    };
    names.iter().flat_map(places).find(|place| place.exists())
}

/// A Python with this module.
pub(crate) fn python(module: &str) -> Option<PathBuf> {
    let named = env::var_os(PYTHON).map(PathBuf::from);
    let python = named.clone().unwrap_or_else(|| PathBuf::from("python3"));
    let import = format!("import {module}");
    let asked = Command::new(&python).args(["-c", &import]).output();
    if asked.is_ok_and(|answer| answer.status.success()) {
        return Some(python);
    }
    assert!(named.is_none(), "{PYTHON} has no module {module}");
    missing(&format!(
        "no Python with the module {module} ({PYTHON} can name one)"
    ))
}

/// A Python with the `FinOps` Foundation's validator.
pub(crate) fn focus_python() -> Option<PathBuf> {
    let found = program(FOCUS_PYTHON, &[]);
    found.or_else(|| {
        missing(&format!(
            "{FOCUS_PYTHON} names no Python with focus-validator"
        ))
    })
}

/// A program of the system.
pub(crate) fn on_the_path(name: &str) -> Option<PathBuf> {
    let found = first_on_the_path(&[name]);
    found.or_else(|| missing(&format!("no {name}")))
}

/// A browser.
pub(crate) fn chromium() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
    let found = program(CHROMIUM, &names);
    found.or_else(|| missing(&format!("no Chromium ({CHROMIUM} can name one)")))
}

/// The AWS CLI.
#[cfg(feature = "aws")]
pub(crate) fn aws_cli() -> Option<PathBuf> {
    let found = program(AWS_CLI, &[]);
    found.or_else(|| missing(&format!("{AWS_CLI} names no AWS CLI")))
}

/// The program that starts a Trino.
#[cfg(feature = "aws")]
pub(crate) fn trino() -> Option<PathBuf> {
    let found = program(TRINO, &[]);
    found.or_else(|| missing(&format!("{TRINO} names no program that starts a Trino")))
}

/// Data of others, which lies next to the project and is no part of it: nothing that could
/// be installed.
pub(crate) fn folder_beside(name: &str) -> Option<PathBuf> {
    let folder = Path::new("../shared").join(name).canonicalize().ok();
    if folder.is_none() {
        say(&format!("no {name} beside the project"));
    }
    folder
}
