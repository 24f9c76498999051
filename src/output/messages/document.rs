//! A message as a document of JSON, `qs-audit/message/v1` (docs/output-v1.md).

use crate::model::message::Message;
use serde_json::{Value, json};

/// The schema of the document.
pub const SCHEMA: &str = "qs-audit/message/v1";

/// The document.
#[must_use]
pub fn body(message: &Message) -> Value {
    let incidents = message.incidents.iter().map(|incident| {
        let findings = incident.findings.iter().map(|finding| {
            json!({
                "finding_id": finding.finding_id,
                "occurrence": finding.occurrence,
                "rule": finding.rule,
                "severity": finding.severity.as_str(),
                "status": finding.status.as_str(),
                "title": finding.title,
            })
        });
        json!({
            "incident_id": incident.incident_id,
            "status": incident.status.as_str(),
            "severity": incident.severity.as_str(),
            "title": incident.title,
            "next_step": incident.next_step,
            "command": incident.command,
            "findings": findings.collect::<Vec<_>>(),
            "other_finding_count": incident.other_findings,
        })
    });
    let alarms = message.alarms.iter();
    let alarms = alarms.map(|alarm| json!({"code": alarm.code, "text": alarm.text}));
    json!({
        "schema": SCHEMA,
        "key": message.key,
        "about": message.about,
        "headline": message.headline(),
        "severity": message.severity().as_str(),
        "incidents": incidents.collect::<Vec<_>>(),
        "alarms": alarms.collect::<Vec<_>>(),
    })
}
