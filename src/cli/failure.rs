//! Errors as the person at the terminal sees them: what, where, what next.

use super::exit::Exit;
#[cfg(feature = "aws")]
use crate::aws::{AwsError, Trouble};
use crate::config::ConfigError;
use crate::local::LocalLogsError;
use crate::output::human::safe;
use crate::pipeline::PipelineError;
use std::fmt::Write as _;
use std::io;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    message: String,
    hint: Option<String>,
}

impl Failure {
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Usage,
            message: message.into(),
            hint: None,
        }
    }

    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Internal,
            message: message.into(),
            hint: None,
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What happened.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// What to do next; empty where nobody knows.
    pub(super) fn hint_text(&self) -> &str {
        self.hint.as_deref().unwrap_or_default()
    }

    /// The message and the hint, for standard error.
    pub(super) fn text(&self) -> String {
        // Names of folders and words of services may be in it. Lines are the program's own.
        let plain = |text: &str| {
            let lines = text.split('\n').map(|line| safe(line).into_owned());
            lines.collect::<Vec<_>>().join("\n")
        };
        let mut text = format!("error: {}\n", plain(&self.message));
        if let Some(hint) = &self.hint {
            let _ = writeln!(text, "  hint: {}", plain(hint));
        }
        text
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let hint = match &error {
            ConfigError::Unreadable { .. } => {
                "give the configuration with --config FILE, or leave it out: \
                 roles and accounts are then discovered from the logs"
            }
            ConfigError::Syntax { .. } | ConfigError::Value { .. } => {
                "README.md lists every key; unknown keys are errors so that a typo cannot hide"
            }
        };
        Self::usage(error.to_string()).hint(hint)
    }
}

#[cfg(feature = "aws")]
impl From<AwsError> for Failure {
    fn from(error: AwsError) -> Self {
        let hint = match error.kind {
            Trouble::Credentials => "`aws sts get-caller-identity` shows who you are to AWS",
            Trouble::Denied => "docs/iam-policy.json has every permission that is needed",
            Trouble::Absent => "`aws s3 ls` lists the buckets that you may see",
            Trouble::OtherRegion => "write the bucket's Region into [[logs]] region",
            Trouble::Throttled | Trouble::Unreachable => "try again, or see `qs-audit doctor`",
            Trouble::Other => "`qs-audit doctor` looks at every account",
        };
        let failure = match error.kind {
            // It may well work a little later.
            Trouble::Throttled | Trouble::Unreachable => Self::internal(error.to_string()),
            // What AWS refuses is a matter of how the run was set up.
            _ => Self::usage(error.to_string()),
        };
        failure.hint(hint)
    }
}

impl From<LocalLogsError> for Failure {
    fn from(error: LocalLogsError) -> Self {
        match error {
            LocalLogsError::Unopenable { .. } => Self::usage(error.to_string())
                .hint("--logs takes a folder, a file, or - for standard input"),
            LocalLogsError::StandardInput(_) => Self::internal(error.to_string()),
        }
    }
}

impl From<PipelineError> for Failure {
    fn from(error: PipelineError) -> Self {
        let hint = match &error {
            PipelineError::Threads { .. } => Some("try a smaller --threads"),
            PipelineError::Unaccounted { .. } | PipelineError::Attribution(_) => None,
        };
        let failure = Self::internal(error.to_string());
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        // Whoever reads the output has seen enough: that is no failure.
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self {
                exit: Exit::Clean,
                message: String::new(),
                hint: None,
            };
        }
        Self::internal(format!("cannot write the output: {error}"))
    }
}
