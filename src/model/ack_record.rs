//! An acknowledgement of findings, and what became of it.

use super::finding::Acknowledgement;
use super::time::UtcSecond;
use jiff::civil::Date;

/// An acknowledgement that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AckRecord {
    /// The finding.
    pub finding_id: String,
    /// The incident that was named, if it was not the finding itself.
    pub incident_id: Option<String>,
    /// The acknowledgement itself.
    pub acknowledgement: Acknowledgement,
    /// The time it was made.
    pub made_at: UtcSecond,
    /// The time it was undone, if it was.
    pub undone_at: Option<UtcSecond>,
}

impl AckRecord {
    /// `counts`, `expired` or `undone`, on a day.
    #[must_use]
    pub fn state(&self, today: Date) -> &'static str {
        if self.undone_at.is_some() {
            "undone"
        } else if today < self.acknowledgement.until {
            "counts"
        } else {
            "expired"
        }
    }
}
