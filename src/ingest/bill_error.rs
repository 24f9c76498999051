//! The reasons why a file is refused as a bill.

use super::rows::RowsError;
use super::text::TextError;

/// The accepted forms, for messages.
const EXPECTED: &str = "expected a Cost Explorer answer (aws ce get-cost-and-usage, grouped by \
                        LINKED_ACCOUNT and USAGE_TYPE, SERVICE or RECORD_TYPE), a Cost and Usage \
                        Report or FOCUS data as CSV or Parquet, also in gzip or ZIP";

/// The reason why a file is refused as a bill.
#[derive(Debug, thiserror::Error)]
pub enum BillError {
    /// It is something else.
    #[error("{EXPECTED}; found {found}")]
    NotABill {
        /// The form that it looks like.
        found: String,
    },
    /// It may hold a bill, but has to be made another file first.
    #[error("{found}: {remedy}")]
    OtherForm {
        /// The form that it has.
        found: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// It is a bill, but lacks what is needed of one.
    #[error("{kind} without {lacking}; it has {found}")]
    Lacks {
        /// The kind of bill.
        kind: &'static str,
        /// The missing column.
        lacking: String,
        /// The form that was found instead.
        found: String,
    },
    /// It is an archive that cannot be opened.
    #[error("damaged zip data: {0}")]
    Archive(#[source] zip::result::ZipError),
    /// It cannot be inflated.
    #[error(transparent)]
    Text(#[from] TextError),
    /// It cannot be read as CSV or Parquet at all.
    #[error(transparent)]
    Rows(#[from] RowsError),
}

impl From<std::io::Error> for BillError {
    fn from(error: std::io::Error) -> Self {
        Self::Text(TextError::Unreadable(error))
    }
}
