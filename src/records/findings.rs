//! Findings: one record for each subject of a rule.

use super::field::{Fields, Value};
use super::flat;
use crate::model::finding::{Evidence, Finding, FindingStatus, Severity, Subject};
use crate::model::integrity::Integrity;
use crate::model::money::exact;
use crate::model::table::Table;
use serde_json::{Map, Value as Json};

/// The JSON schema of a finding.
pub const SCHEMA: &str = "qs-audit/finding/v1";

/// The fields of a finding.
#[must_use]
pub fn fields<'a>() -> Fields<'a, Finding> {
    with_occurrence(with_evidence(with_text(Fields::new())))
}

fn with_text(fields: Fields<'_, Finding>) -> Fields<'_, Finding> {
    fields
        .schema(SCHEMA)
        .string(
            "finding_id",
            "`f-` and 12 hex digits of rule and subject: the same in every run",
            |finding| Some(finding.finding_id.clone()),
        )
        .string(
            "incident_id",
            "the incident: `i-` and 12 hex digits of the cause that its findings share",
            |finding| Some(finding.incident_id.clone()),
        )
        .word("rule", "the id of the rule", [], |finding| {
            Some(finding.rule)
        })
        .word(
            "severity",
            "the severity",
            Severity::ALL.iter().copied().map(Severity::as_str),
            |finding| Some(finding.severity.as_str()),
        )
        .string("title", "what happened, in one line", |finding| {
            Some(finding.title.clone())
        })
        .string("detail", "what happened, in full", |finding| {
            Some(finding.detail.clone())
        })
        .string("next_step", "the most important next step", |finding| {
            Some(finding.next_step.clone())
        })
        .string(
            "command",
            "a command for the next step, without the options of this run",
            |finding| Some(finding.command.clone()),
        )
}

fn with_evidence(fields: Fields<'_, Finding>) -> Fields<'_, Finding> {
    fields
        .text(
            "consumer_account_id",
            "the consumer; null if the finding is not about one",
            |finding| finding.consumer_account_id.clone(),
        )
        .object(
            "subject",
            "the subject of the finding, as names and values",
            |finding| Json::Object(subject(&finding.subject)),
        )
        .texts("role_arns", "the roles, as they were logged", |finding| {
            Value::texts(&finding.role_arns)
        })
        .object(
            "evidence",
            "the evidence: see the page of the rule",
            |finding| Json::Object(evidence(finding)),
        )
        .texts(
            "chain_ids",
            "the first thousand chains, sorted",
            |finding| Value::texts(&finding.chain_ids),
        )
        .integer("chain_count", "number of chains", |finding| {
            Some(finding.chain_count)
        })
        .texts(
            "event_ids",
            "the first thousand events, sorted",
            |finding| Value::strings(&finding.event_ids),
        )
        .integer("event_count", "number of events", |finding| {
            Some(finding.event_count)
        })
}

fn with_occurrence(fields: Fields<'_, Finding>) -> Fields<'_, Finding> {
    fields
        .timestamp(
            "first_seen",
            "the first occurrence; for an ongoing finding, the first one in earlier runs",
            |finding| Some(finding.first_seen),
        )
        .timestamp(
            "last_seen",
            "the last occurrence in the window",
            |finding| Some(finding.last_seen),
        )
        .integer("count", "occurrences in the window", |finding| {
            Some(finding.count)
        })
        .word(
            "status",
            "compared with earlier runs: `new`; `again`, if it happened with new evidence or had been resolved; `worse`, if its severity was lower; `ongoing`",
            FindingStatus::ALL
                .iter()
                .copied()
                .map(FindingStatus::as_str),
            |finding| Some(finding.status.as_str()),
        )
        .integer(
            "occurrence",
            "which occurrence it is, from 1: one more each time that it is `again` or `worse`",
            |finding| Some(finding.occurrence),
        )
        .texts(
            "evidence_keys",
            "what tells an event from its happening again: days, and digests of callers, policies and the like; empty for conditions",
            |finding| Value::texts(&finding.evidence_keys),
        )
        .string(
            "acknowledged_by",
            "who acknowledged it; null if no one did, or it has got worse or happened again since",
            |finding| Some(finding.acknowledged.as_ref()?.owner.clone()),
        )
        .day(
            "acknowledged_until",
            "the first day on which that does not count any more",
            |finding| Some(finding.acknowledged.as_ref()?.until),
        )
        .word(
            "integrity",
            "the lowest integrity status of the log files that it is based on; null without `--verify`",
            Integrity::ALL.iter().copied().map(Integrity::as_str),
            |finding| finding.integrity.map(Integrity::as_str),
        )
        .always_known(&[
            "finding_id",
            "rule",
            "severity",
            "title",
            "detail",
            "next_step",
            "command",
            "chain_count",
            "event_count",
            "first_seen",
            "last_seen",
            "count",
            "status",
            "occurrence",
            "incident_id",
        ])
}

/// Returns what a finding is about, as named texts.
#[must_use]
pub fn subject(subject: &Subject) -> Map<String, Json> {
    let members = subject.0.iter();
    let members = members.map(|(name, value)| ((*name).to_owned(), Json::from(&**value)));
    members.collect()
}

/// Returns what a finding rests on.
#[must_use]
pub fn evidence(finding: &Finding) -> Map<String, Json> {
    members(&finding.evidence)
}

fn members(members: &[(&'static str, Evidence)]) -> Map<String, Json> {
    members
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json(value)))
        .collect()
}

fn json(evidence: &Evidence) -> Json {
    match evidence {
        Evidence::Text(text) => Json::from(&**text),
        Evidence::Integer(number) => Json::from(*number),
        Evidence::Decimal(amount) => Json::from(exact(*amount)),
        Evidence::Day(day) => Json::from(day.to_string()),
        Evidence::Boolean(value) => Json::from(*value),
        Evidence::List(items) => items.iter().map(json).collect(),
        Evidence::Record(of) => Json::Object(members(of)),
        Evidence::Unknown => Json::Null,
    }
}

/// One row for each finding.
#[must_use]
pub fn table(findings: &[&Finding]) -> Table {
    flat::table("findings", &fields(), findings.iter().copied())
}
