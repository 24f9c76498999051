//! Findings that are remembered, as a table for SQL.

use crate::model::finding::{Previous, PreviousFinding, Severity};
use crate::model::table::{Table, TableBuilder};

/// One row per finding of the last 90 days.
#[must_use]
pub fn table(known: &Previous) -> Table {
    let rows: Vec<&PreviousFinding> = known.findings.values().collect();
    TableBuilder::new("findings", &rows)
        .text("finding_id", |one| Some(one.finding_id.as_str()))
        .text("incident_id", |one| Some(one.incident_id.as_str()))
        .text("rule", |one| Some(one.rule.as_str()))
        .word("severity", |one| one.severity.map(Severity::as_str))
        .text("title", |one| Some(one.title.as_str()))
        .text("detail", |one| Some(one.detail.as_str()))
        .text("consumer_account_id", |one| one.consumer_account_id.clone())
        .moment("first_seen", |one| Some(one.first_seen))
        .moment("last_seen", |one| Some(one.last_seen))
        .integer("occurrence", |one| Some(one.occurrence))
        .boolean("is_resolved", |one| Some(one.is_resolved))
        .text("first_chain_id", |one| one.chain_ids.first().cloned())
        .table()
}
