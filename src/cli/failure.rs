//! Failures as the person at the terminal sees them.

use super::exit::Exit;
use crate::app::failure::{Cause, Failure};
use crate::output::human::safe;
use std::fmt::Write as _;

/// Returns the status that a failure ends a run with.
pub(super) fn exit_of(failure: &Failure) -> Exit {
    match failure.cause {
        Cause::Asked => Exit::Usage,
        Cause::Internal => Exit::Internal,
        Cause::OutputClosed => Exit::Clean,
    }
}

/// Returns the message and the hint, for standard error.
pub(super) fn text_of(failure: &Failure) -> String {
    // Names of folders and words of services may be in it. Lines are the program's own.
    let plain = |text: &str| {
        let lines = text.split('\n').map(|line| safe(line).into_owned());
        lines.collect::<Vec<_>>().join("\n")
    };
    let mut text = format!("error: {}\n", plain(&failure.message));
    if let Some(hint) = &failure.hint {
        let _ = writeln!(text, "  hint: {}", plain(hint));
    }
    text
}
