//! Findings as columns: CSV, Parquet, workbooks.

use super::json::findings::evidence;
use crate::model::finding::Finding;
use crate::model::integrity::Integrity;
use crate::model::table::{Columns, Table};
use crate::model::text::Text;

/// One row per finding; lists are texts with blanks between, evidence is JSON.
#[must_use]
pub fn rows(findings: &[&Finding]) -> Table {
    let owned = |text: &str| Some(Text::from(text));
    let joined = |words: Vec<String>| Some(Text::from(words.join(" ")));
    Columns::new("findings", findings)
        .text("finding_id", |finding| owned(&finding.finding_id))
        .word("rule", |finding| Some(finding.rule))
        .word("severity", |finding| Some(finding.severity.as_str()))
        .word("status", |finding| Some(finding.status.as_str()))
        .text("title", |finding| owned(&finding.title))
        .text("detail", |finding| owned(&finding.detail))
        .text("next_step", |finding| owned(&finding.next_step))
        .text("command", |finding| owned(&finding.command))
        .text("consumer_account_id", |finding| {
            finding.consumer_account_id.clone()
        })
        .text("subject", |finding| owned(&finding.subject.text()))
        .text("role_arns", |finding| {
            joined(finding.role_arns.iter().map(ToString::to_string).collect())
        })
        .moment("first_seen", |finding| Some(finding.first_seen))
        .moment("last_seen", |finding| Some(finding.last_seen))
        .integer("count", |finding| Some(finding.count))
        .integer("chain_count", |finding| Some(finding.chain_count))
        .integer("event_count", |finding| Some(finding.event_count))
        .text("chain_ids", |finding| {
            joined(finding.chain_ids.iter().map(ToString::to_string).collect())
        })
        .text("event_ids", |finding| {
            joined(finding.event_ids.iter().map(ToString::to_string).collect())
        })
        .text("evidence", |finding| {
            owned(&serde_json::Value::Object(evidence(finding)).to_string())
        })
        .word("integrity", |finding| {
            finding.integrity.map(Integrity::as_str)
        })
        .table()
}
