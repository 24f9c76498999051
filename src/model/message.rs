//! Messages to people about a night, whatever the way there.

use super::incident::IncidentStatus;
use super::severity::{FindingStatus, Severity};

/// A message: new and grown incidents of one run, or that something is wrong with the night itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The key that tells it from all other messages.
    pub key: String,
    /// The run, in words: `night of 2026-11-02`.
    pub about: String,
    /// Incidents with news, the worst first.
    pub incidents: Vec<MessageIncident>,
    /// Faults of the night itself.
    pub alarms: Vec<NightAlarm>,
}

/// An incident, with what is new about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageIncident {
    /// Its id.
    pub incident_id: String,
    /// Its status.
    pub status: IncidentStatus,
    /// Its severity.
    pub severity: Severity,
    /// A summary in one line; it may have text from logs.
    pub title: String,
    /// The one thing to do next.
    pub next_step: String,
    /// The command to do it with.
    pub command: String,
    /// Its findings with news.
    pub findings: Vec<MessageFinding>,
    /// The number of its other findings.
    pub other_findings: u64,
}

/// A finding that is news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageFinding {
    /// Its id.
    pub finding_id: String,
    /// The number of the occurrence.
    pub occurrence: u64,
    /// Its rule.
    pub rule: String,
    /// Its severity.
    pub severity: Severity,
    /// Its status.
    pub status: FindingStatus,
    /// A summary in one line; it may have text from logs.
    pub title: String,
}

/// Something that is wrong with a night itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NightAlarm {
    /// A fixed name: `no-logs`, `store-stale`, `no-run`, `collect-failed`.
    pub code: &'static str,
    /// The fault, and the next step.
    pub text: String,
}

impl Message {
    /// The worst severity that it tells; alarms are high.
    #[must_use]
    pub fn severity(&self) -> Severity {
        let alarms = self.alarms.iter().map(|_| Severity::High);
        let incidents = self.incidents.iter().map(|incident| incident.severity);
        alarms.chain(incidents).max().unwrap_or(Severity::Info)
    }

    /// The message in one line: `2 new incidents, 1 grown`.
    #[must_use]
    pub fn headline(&self) -> String {
        let count = |wanted: &dyn Fn(IncidentStatus) -> bool| {
            let of = self
                .incidents
                .iter()
                .filter(|incident| wanted(incident.status));
            of.count()
        };
        let new = count(&|status| status == IncidentStatus::New);
        let known = self.incidents.len() - new;
        let mut parts = Vec::new();
        if !self.alarms.is_empty() {
            parts.push("the night itself needs attention".to_owned());
        }
        for (number, what) in [(new, "new incident"), (known, "known incident")] {
            let plural = if number == 1 { "" } else { "s" };
            let news = if what == "known incident" {
                " with news"
            } else {
                ""
            };
            if number > 0 {
                parts.push(format!("{number} {what}{plural}{news}"));
            }
        }
        format!("Quick and Athena, {}: {}", self.about, parts.join(", "))
    }
}
