//! The lines of `doctor`.

/// The outcome of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// All is well.
    Good,
    /// Something is amiss.
    Failed,
    /// It was not asked for.
    Skipped,
}

impl Status {
    /// Returns the word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// One line: of what, what was checked, how it went, what to do about it.
#[derive(Debug)]
pub struct CheckLine {
    /// An account, with its name; or what else was looked at.
    pub resource: String,
    /// The name of the check.
    pub check: &'static str,
    /// The outcome of the check.
    pub status: Status,
    /// Details of the outcome.
    pub detail: String,
    /// A command, or a permission.
    pub next_step: Option<String>,
}

impl CheckLine {
    pub(super) fn good(resource: &str, check: &'static str, detail: impl Into<String>) -> Self {
        Self::new(resource, check, Status::Good, detail.into())
    }

    pub(super) fn skipped(resource: &str, check: &'static str, detail: impl Into<String>) -> Self {
        Self::new(resource, check, Status::Skipped, detail.into())
    }

    pub(super) fn failed(
        resource: &str,
        check: &'static str,
        detail: impl Into<String>,
        next_step: impl Into<String>,
    ) -> Self {
        let mut line = Self::new(resource, check, Status::Failed, detail.into());
        line.next_step = Some(next_step.into());
        line
    }

    fn new(resource: &str, check: &'static str, status: Status, detail: String) -> Self {
        Self {
            resource: resource.to_owned(),
            check,
            status,
            detail,
            next_step: None,
        }
    }
}
