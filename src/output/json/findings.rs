//! Findings, version 1 (ARCHITECTURE.md#how-rules-are-evaluated).

use super::coverage::CoverageV1;
use super::incidents::IncidentV1;
use super::lines::write_lines;
use super::verification::VerificationV1;
use super::window::WindowV1;
use crate::model::audit::Audit;
use crate::model::finding::{
    ExpiredSuppression, Finding, Findings, PreviousFinding, RuleReport, RuleState, Severity,
    Suppressed, Suppression,
};
use crate::model::ids::{AccountId, RoleArn};
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use crate::records;
use crate::records::field::{Fields, Value as Record};
use crate::records::findings::subject;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

const FINDINGS_SCHEMA: &str = "qs-audit/findings/v1";

#[derive(Serialize)]
struct SuppressedV1<'a> {
    reason: &'a str,
    expires: String,
    finding: Record,
}

impl<'a> SuppressedV1<'a> {
    fn of(suppressed: &'a Suppressed, fields: &Fields<'_, Finding>) -> Self {
        Self {
            reason: &suppressed.reason,
            expires: suppressed.expires.to_string(),
            finding: fields.read(&suppressed.finding),
        }
    }
}

#[derive(Serialize)]
struct ExpiredV1<'a> {
    rule: &'a str,
    subject: &'a str,
    reason: &'a str,
    expired: String,
    finding_ids: &'a [String],
}

impl<'a> ExpiredV1<'a> {
    fn of(expired: &'a ExpiredSuppression) -> Self {
        Self {
            rule: &expired.suppression.rule,
            subject: &expired.suppression.subject,
            reason: &expired.suppression.reason,
            expired: expired.suppression.expires.to_string(),
            finding_ids: &expired.finding_ids,
        }
    }
}

/// A live suppression that hid nothing.
#[derive(Serialize)]
struct UnusedV1<'a> {
    rule: &'a str,
    subject: &'a str,
    reason: &'a str,
    expires: String,
}

impl<'a> UnusedV1<'a> {
    fn of(suppression: &'a Suppression) -> Self {
        Self {
            rule: &suppression.rule,
            subject: &suppression.subject,
            reason: &suppression.reason,
            expires: suppression.expires.to_string(),
        }
    }
}

/// A finding of an earlier run, or one that is not shown: enough to know it again.
#[derive(Serialize)]
pub(super) struct KnownV1<'a> {
    finding_id: &'a str,
    incident_id: &'a str,
    rule: &'a str,
    severity: Option<&'static str>,
    title: &'a str,
    detail: &'a str,
    consumer_account_id: Option<&'a AccountId>,
    subject: Map<String, Value>,
    role_arns: &'a [RoleArn],
    first_seen: UtcSecond,
    last_seen: UtcSecond,
    occurrence: u64,
    evidence_keys: &'a BTreeSet<Text>,
    is_resolved: bool,
    /// The reason why its state is unknown; null where it is known.
    why: Option<&'a str>,
}

impl<'a> KnownV1<'a> {
    pub(super) fn of_previous(previous: &'a PreviousFinding, why: Option<&'a str>) -> Self {
        let subject = previous.subject.iter();
        Self {
            finding_id: &previous.finding_id,
            incident_id: &previous.incident_id,
            rule: &previous.rule,
            severity: previous.severity.map(Severity::as_str),
            title: &previous.title,
            detail: &previous.detail,
            consumer_account_id: previous.consumer_account_id.as_ref(),
            subject: subject
                .map(|(name, value)| (name.clone(), Value::from(&**value)))
                .collect(),
            role_arns: &previous.role_arns,
            first_seen: previous.first_seen,
            last_seen: previous.last_seen,
            occurrence: previous.occurrence,
            evidence_keys: &previous.evidence_keys,
            is_resolved: previous.is_resolved,
            why,
        }
    }

    fn of_hidden(finding: &'a Finding) -> Self {
        Self {
            finding_id: &finding.finding_id,
            incident_id: &finding.incident_id,
            rule: finding.rule,
            severity: Some(finding.severity.as_str()),
            title: &finding.title,
            detail: &finding.detail,
            consumer_account_id: finding.consumer_account_id.as_ref(),
            subject: subject(&finding.subject),
            role_arns: &finding.role_arns,
            first_seen: finding.first_seen,
            last_seen: finding.last_seen,
            occurrence: finding.occurrence,
            evidence_keys: &finding.evidence_keys,
            is_resolved: false,
            why: None,
        }
    }
}

#[derive(Serialize)]
struct RuleV1<'a> {
    rule: &'static str,
    severity: &'static str,
    state: &'static str,
    why: Option<&'a str>,
    finding_count: usize,
    notes: &'a [String],
}

impl<'a> RuleV1<'a> {
    fn of(report: &'a RuleReport, findings: &[&Finding]) -> Self {
        let own = findings
            .iter()
            .filter(|finding| finding.rule == report.rule);
        Self {
            rule: report.rule,
            severity: report.severity.as_str(),
            state: report.state.as_str(),
            why: match &report.state {
                RuleState::Skipped(why) => Some(why),
                RuleState::Ran | RuleState::Disabled | RuleState::NotAsked => None,
            },
            finding_count: own.count(),
            notes: &report.notes,
        }
    }
}

#[derive(Serialize)]
struct FindingsTotalV1 {
    finding_count: usize,
    incident_count: usize,
    by_severity: BTreeMap<&'static str, usize>,
    new: usize,
    ongoing: usize,
    resolved: usize,
    not_observed: usize,
    forgotten: u64,
    suppressed: usize,
    hidden: usize,
}

impl FindingsTotalV1 {
    fn of(findings: &Findings, shown: &[&Finding]) -> Self {
        let is_new = |finding: &&&Finding| finding.status.is_news();
        let new = shown.iter().filter(is_new).count();
        let of = |severity: Severity| {
            let of_severity = shown.iter().filter(|finding| finding.severity == severity);
            (severity.as_str(), of_severity.count())
        };
        Self {
            finding_count: shown.len(),
            incident_count: findings.incidents.len(),
            by_severity: Severity::ALL.into_iter().map(of).collect(),
            new,
            ongoing: shown.len() - new,
            resolved: findings.resolved.len(),
            not_observed: findings.not_observed.len(),
            forgotten: findings.forgotten,
            suppressed: findings.suppressed.len(),
            hidden: findings.findings.len() - shown.len(),
        }
    }
}

/// The findings of a run as one document.
#[derive(Serialize)]
pub struct FindingsV1<'a> {
    schema: &'static str,
    window: WindowV1,
    baseline: WindowV1,
    has_previous: bool,
    coverage: CoverageV1<'a>,
    verification: Option<VerificationV1<'a>>,
    incidents: Vec<IncidentV1<'a>>,
    findings: Vec<Record>,
    suppressed: Vec<SuppressedV1<'a>>,
    expired_suppressions: Vec<ExpiredV1<'a>>,
    unused_suppressions: Vec<UnusedV1<'a>>,
    hidden: Vec<KnownV1<'a>>,
    resolved: Vec<KnownV1<'a>>,
    not_observed: Vec<KnownV1<'a>>,
    rules: Vec<RuleV1<'a>>,
    total: FindingsTotalV1,
}

impl<'a> FindingsV1<'a> {
    /// The findings that are `shown`, what was suppressed and resolved, and what every
    /// rule did.
    #[must_use]
    pub fn of(audit: &'a Audit, findings: &'a Findings, shown: &[&'a Finding]) -> Self {
        let is_shown = |finding: &&Finding| shown.iter().any(|one| std::ptr::eq(*one, *finding));
        let hidden = findings
            .findings
            .iter()
            .filter(|finding| !is_shown(finding));
        let not_observed = findings.not_observed.iter();
        let fields = records::findings::fields();
        Self {
            schema: FINDINGS_SCHEMA,
            window: WindowV1::of(findings.window),
            baseline: WindowV1::of(findings.baseline),
            has_previous: findings.has_previous,
            coverage: CoverageV1::of(&audit.coverage),
            verification: audit.verification.as_ref().map(VerificationV1::of),
            incidents: findings.incidents.iter().map(IncidentV1::of).collect(),
            findings: shown.iter().map(|finding| fields.read(finding)).collect(),
            suppressed: findings
                .suppressed
                .iter()
                .map(|one| SuppressedV1::of(one, &fields))
                .collect(),
            expired_suppressions: findings.expired.iter().map(ExpiredV1::of).collect(),
            unused_suppressions: findings.unused.iter().map(UnusedV1::of).collect(),
            hidden: hidden.map(KnownV1::of_hidden).collect(),
            resolved: findings
                .resolved
                .iter()
                .map(|one| KnownV1::of_previous(one, None))
                .collect(),
            not_observed: not_observed
                .map(|one| KnownV1::of_previous(&one.finding, Some(&one.why)))
                .collect(),
            rules: findings
                .rules
                .iter()
                .map(|report| RuleV1::of(report, shown))
                .collect(),
            total: FindingsTotalV1::of(findings, shown),
        }
    }
}

/// Writes findings of earlier runs as a list.
///
/// # Errors
///
/// When the writer fails.
pub fn write_known(findings: &[&PreviousFinding], writer: &mut dyn Write) -> io::Result<()> {
    let known = findings
        .iter()
        .map(|known| KnownV1::of_previous(known, None));
    serde_json::to_writer(&mut *writer, &known.collect::<Vec<_>>())?;
    writer.write_all(b"\n")
}

/// Writes one JSON document.
///
/// # Errors
///
/// When the writer fails.
pub fn write_json(
    audit: &Audit,
    findings: &Findings,
    shown: &[&Finding],
    writer: &mut dyn Write,
) -> io::Result<()> {
    serde_json::to_writer(&mut *writer, &FindingsV1::of(audit, findings, shown))?;
    writer.write_all(b"\n")
}

/// Writes one JSON object per finding.
///
/// # Errors
///
/// When the writer fails.
pub fn write_jsonl(findings: &[&Finding], writer: &mut dyn Write) -> io::Result<()> {
    write_lines(&records::findings::fields(), findings, writer)
}
