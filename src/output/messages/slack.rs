//! A message for Slack's incoming webhooks. Text from logs stands in `plain_text` objects, which know no
//! links, mentions and marks (<https://docs.slack.dev/reference/block-kit/composition-objects/text-object/>).

use super::lines::{INCIDENTS_MAX, finding_lines, incident_line, next_line, shown};
use crate::model::message::Message;
use serde_json::{Value, json};

/// Letters of a section, of 3,000 that Slack takes.
const SECTION_LETTERS_MAX: usize = 2900;

/// The body of the request.
#[must_use]
pub fn body(message: &Message) -> Value {
    let mut blocks = vec![section(&message.headline())];
    for alarm in &message.alarms {
        blocks.push(section(&format!(
            "{}: {}",
            alarm.code,
            shown(&alarm.text, SECTION_LETTERS_MAX)
        )));
    }
    for incident in message.incidents.iter().take(INCIDENTS_MAX) {
        let mut lines = vec![incident_line(incident)];
        lines.extend(
            finding_lines(incident)
                .into_iter()
                .map(|line| format!("• {line}")),
        );
        lines.push(next_line(incident));
        lines.push(shown(&incident.command, SECTION_LETTERS_MAX));
        lines.push(incident.incident_id.clone());
        blocks.push(section(&lines.join("\n")));
    }
    let more = message.incidents.len().saturating_sub(INCIDENTS_MAX);
    if more > 0 {
        blocks.push(section(&format!("and {more} more: the report has them")));
    }
    blocks.push(section(&format!("key: {}", message.key)));
    json!({
        "text": escaped(&message.headline()),
        "mrkdwn": false,
        "blocks": blocks,
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

fn section(text: &str) -> Value {
    let text: String = text.chars().take(SECTION_LETTERS_MAX).collect();
    json!({"type": "section", "text": {"type": "plain_text", "text": text, "emoji": false}})
}

/// The three letters that mean something in Slack's texts
/// (<https://docs.slack.dev/messaging/formatting-message-text#escaping>).
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
