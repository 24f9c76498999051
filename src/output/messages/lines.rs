//! Lines of a message, for all ways that have lines.

use crate::model::message::{MessageFinding, MessageIncident};
use crate::output::human::safe;

/// Letters of a title in a message.
const TITLE_LETTERS_MAX: usize = 400;
/// Incidents of a message that are told in full.
pub(super) const INCIDENTS_MAX: usize = 12;
/// Findings of an incident that are named.
const FINDINGS_MAX: usize = 6;

/// Text from logs on one line, of at most so many letters, with nothing in it that changes how it is read.
pub(super) fn shown(text: &str, letters: usize) -> String {
    let short: String = text.chars().take(letters).collect();
    let is_cut = short.len() < text.len();
    let spelled = safe(&short);
    let spelled: String = spelled.chars().take(letters).collect();
    if is_cut {
        format!("{spelled}…")
    } else {
        spelled
    }
}

pub(super) fn incident_line(incident: &MessageIncident) -> String {
    format!(
        "{}, {}: {}",
        incident.severity.as_str(),
        incident.status.as_str(),
        shown(&incident.title, TITLE_LETTERS_MAX)
    )
}

fn finding_line(finding: &MessageFinding) -> String {
    format!(
        "{}, {}: {} ({} {})",
        finding.severity.as_str(),
        finding.status.as_str(),
        shown(&finding.title, TITLE_LETTERS_MAX),
        finding.rule,
        finding.finding_id
    )
}

/// The findings of an incident in lines: those that are named, and how many more there are. One alone is
/// what its incident says.
pub(super) fn finding_lines(incident: &MessageIncident) -> Vec<String> {
    if incident.findings.len() == 1 && incident.other_findings == 0 {
        return Vec::new();
    }
    let named = incident
        .findings
        .iter()
        .take(FINDINGS_MAX)
        .map(finding_line);
    let mut lines: Vec<String> = named.collect();
    let more = incident.findings.len().saturating_sub(FINDINGS_MAX);
    if more > 0 {
        lines.push(format!("and {more} more with news"));
    }
    if incident.other_findings > 0 {
        lines.push(format!("{} known from before", incident.other_findings));
    }
    lines
}

pub(super) fn next_line(incident: &MessageIncident) -> String {
    format!("next: {}", shown(&incident.next_step, TITLE_LETTERS_MAX))
}
