//! A message as plain text: for mail by way of SNS, and for terminals.

use super::lines::{INCIDENTS_MAX, finding_lines, incident_line, next_line, shown};
use crate::model::message::Message;
use std::fmt::Write as _;

/// Letters of a subject that SNS takes (<https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>).
const SUBJECT_LETTERS_MAX: usize = 99;
/// Letters of an alarm.
const ALARM_LETTERS_MAX: usize = 1000;

/// The subject of a mail: ASCII, in one line.
#[must_use]
pub fn subject(message: &Message) -> String {
    let text = format!("[{}] {}", message.severity().as_str(), message.headline());
    let plain = text.chars().map(|letter| {
        if letter == ' ' || letter.is_ascii_graphic() {
            letter
        } else {
            '?'
        }
    });
    plain.take(SUBJECT_LETTERS_MAX).collect()
}

/// The text.
#[must_use]
pub fn body(message: &Message) -> String {
    let mut text = format!("{}\n", message.headline());
    for alarm in &message.alarms {
        let _ = writeln!(
            text,
            "\n{}: {}",
            alarm.code,
            shown(&alarm.text, ALARM_LETTERS_MAX)
        );
    }
    for incident in message.incidents.iter().take(INCIDENTS_MAX) {
        let _ = writeln!(
            text,
            "\n{}\n  {}",
            incident_line(incident),
            incident.incident_id
        );
        for line in finding_lines(incident) {
            let _ = writeln!(text, "  - {line}");
        }
        let _ = writeln!(
            text,
            "  {}\n    {}",
            next_line(incident),
            shown(&incident.command, ALARM_LETTERS_MAX)
        );
    }
    let more = message.incidents.len().saturating_sub(INCIDENTS_MAX);
    if more > 0 {
        let _ = writeln!(text, "\nand {more} more: the report has them");
    }
    let _ = writeln!(text, "\nkey: {}", message.key);
    text
}
