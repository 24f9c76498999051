//! Exit statuses (`docs/exit-codes.md`). They are forever.

use std::process::ExitCode;

/// The exit status of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All is well.
    Clean = 0,
    /// An error of this program, or of the machine it runs on.
    Internal = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// There are no logs in the window.
    NoLogs = 3,
    /// Something was unread or ambiguous, under `--strict`.
    Incomplete = 4,
    /// Findings could not be remembered, or a message about them was not taken.
    NotTold = 5,
    /// There are findings at or above `--fail-on`, or `verify` found logs that are not as
    /// CloudTrail delivered them.
    Findings = 10,
}

impl Exit {
    /// All statuses with what they mean, for the documentation.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Clean, "clean"),
        (
            Self::Internal,
            "internal error: a failure of the program or the machine",
        ),
        (
            Self::Usage,
            "the command line or the configuration is wrong",
        ),
        (Self::NoLogs, "no logs in the window"),
        (
            Self::Incomplete,
            "coverage gaps or ambiguous chains, with --strict",
        ),
        (
            Self::NotTold,
            "findings could not be remembered, or a message about them could not be delivered",
        ),
        (
            Self::Findings,
            "findings at or above --fail-on, or log files that fail verification",
        ),
    ];

    /// The number.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
