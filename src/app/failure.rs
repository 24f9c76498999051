//! Failures of a run: what happened, where, and what to do next.

#[cfg(feature = "aws")]
use crate::aws::{AwsError, AwsErrorKind};
use crate::config::ConfigError;
use crate::local::LocalLogsError;
use crate::pipeline::PipelineError;
use crate::store::StoreError;
use std::io;

/// The side that has to act on a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The request: options, configuration, or files that they name.
    Asked,
    /// This program, or the machine or service that it needs.
    Internal,
    /// Anyone who reads the output has seen enough: that is no failure.
    OutputClosed,
}

/// A failure of a run.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The side that has to act.
    pub cause: Cause,
    /// What happened, and where.
    pub message: String,
    /// The next step, where one is known.
    pub hint: Option<String>,
}

impl Failure {
    /// Makes a failure that the one who asked can put right.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Cause::Asked, message.into())
    }

    /// Makes a failure of the program or the machine.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Cause::Internal, message.into())
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn new(cause: Cause, message: String) -> Self {
        Self {
            cause,
            message,
            hint: None,
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let hint = match &error {
            ConfigError::Unreadable { .. } => {
                "set the path with --config FILE, or omit it: roles and accounts are then discovered from the logs"
            }
            ConfigError::Syntax { .. } | ConfigError::Value { .. } => {
                "docs/configuration.md lists every key; unknown keys are errors, so that typing errors are noticed"
            }
        };
        Self::usage(error.to_string()).hint(hint)
    }
}

#[cfg(feature = "aws")]
impl From<AwsError> for Failure {
    fn from(error: AwsError) -> Self {
        let hint = match error.kind {
            AwsErrorKind::Credentials => {
                "`aws sts get-caller-identity` shows the identity of your credentials"
            }
            AwsErrorKind::Denied => "docs/iam-policy.json lists every permission that is needed",
            AwsErrorKind::Absent => "`aws s3 ls` lists the buckets that you can access",
            AwsErrorKind::OtherRegion => "set the bucket's Region in [[logs]] region",
            AwsErrorKind::Throttled | AwsErrorKind::Unreachable => {
                "try again, or run `qs-audit doctor`"
            }
            AwsErrorKind::Other => "`qs-audit doctor` checks every account",
        };
        let failure = match error.kind {
            // It may well work a little later.
            AwsErrorKind::Throttled | AwsErrorKind::Unreachable => {
                Self::internal(error.to_string())
            }
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
        let hint = match error {
            PipelineError::Threads { .. } => Some("try a smaller --threads"),
            PipelineError::Spill(_) => Some(
                "name a folder with more space with --spill DIR or TMPDIR, or a shorter window; what fits in memory \
                 needs none (--spill-above)",
            ),
            PipelineError::Unaccounted { .. } | PipelineError::Attribution(_) => None,
            PipelineError::Output(error) => return error.into(),
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
        // What is written may have failed before it could be.
        let error = match error.downcast::<Self>() {
            Ok(failure) => return failure,
            Err(error) => error,
        };
        // Anyone who reads the output has seen enough: that is no failure.
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(Cause::OutputClosed, String::new());
        }
        Self::internal(format!("cannot write the output: {error}"))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let failure = match &error {
            StoreError::Newer { .. }
            | StoreError::Older { .. }
            | StoreError::Locked { .. }
            | StoreError::Foreign { .. }
            | StoreError::Planted { .. }
            | StoreError::ForeignLedger { .. } => Self::usage(error.to_string()),
            _ => Self::internal(error.to_string()),
        };
        match error {
            StoreError::Newer { .. } => {
                failure.hint("use the version that wrote it, or a later one")
            }
            StoreError::Older { .. } => {
                failure.hint("qs-audit collect upgrades it and keeps its contents")
            }
            StoreError::Foreign { .. } => {
                failure.hint("name a folder that is empty or does not exist: --store DIR")
            }
            StoreError::Planted { .. } | StoreError::ForeignLedger { .. } => failure.hint(
                "another program or user may have changed the store: find out why before you use it; then restore it from a \
                 backup, or move it away and collect again (its query statistics and Cost Explorer data are lost)",
            ),
            StoreError::Locked { .. } => failure.hint("--wait waits until it has finished"),
            StoreError::Segment { .. } => failure.hint(
                "the file was changed or damaged: restore it, or delete the store's folder and collect again",
            ),
            StoreError::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                failure.hint("free disk space and run it again: work that was committed is kept")
            }
            _ => failure.hint("work that was committed is kept; run it again when this is fixed"),
        }
    }
}
