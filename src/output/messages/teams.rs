//! A message for Microsoft Teams, as an adaptive card that a workflow posts. Text from logs stands in
//! text runs, which know no Markdown
//! (<https://adaptivecards.microsoft.com/?topic=TextRun>).

use super::lines::{INCIDENTS_MAX, finding_lines, incident_line, next_line, shown};
use crate::model::message::Message;
use serde_json::{Value, json};

/// Letters of a run.
const RUN_LETTERS_MAX: usize = 2000;

/// The body of the request.
#[must_use]
pub fn body(message: &Message) -> Value {
    let mut blocks = vec![run(&message.headline(), true)];
    for alarm in &message.alarms {
        blocks.push(run(&format!("{}: {}", alarm.code, alarm.text), false));
    }
    for incident in message.incidents.iter().take(INCIDENTS_MAX) {
        blocks.push(run(&incident_line(incident), true));
        for line in finding_lines(incident) {
            blocks.push(run(&format!("• {line}"), false));
        }
        blocks.push(run(&next_line(incident), false));
        blocks.push(run(&incident.command, false));
        blocks.push(run(&incident.incident_id, false));
    }
    let more = message.incidents.len().saturating_sub(INCIDENTS_MAX);
    if more > 0 {
        blocks.push(run(&format!("and {more} more: the report has them"), false));
    }
    blocks.push(run(&format!("key: {}", message.key), false));
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": blocks,
            },
        }],
    })
}

fn run(text: &str, is_heading: bool) -> Value {
    let weight = if is_heading { "Bolder" } else { "Default" };
    let text = shown(text, RUN_LETTERS_MAX);
    json!({"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, "weight": weight}]})
}
