//! The AWS Security Finding Format, as `securityhub batch-import-findings` takes it:
//! one batch per line (Security Hub User Guide, "ASFF syntax"; API Reference,
//! `BatchImportFindings`).

use super::human::is_deceptive;
use super::not_read::NotRead;
use crate::model::finding::{Finding, Findings, PreviousFinding, Severity};
use crate::model::ids::RoleArn;
use crate::model::message::NightAlarm;
use crate::model::region::partition;
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use crate::records::findings::evidence;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write};

const SCHEMA_VERSION: &str = "2018-10-08";
/// Findings of one call.
const BATCH_FINDINGS_MAX: usize = 100;
/// Bytes of one finding.
const FINDING_BYTES_MAX: usize = 240 * 1024;
/// Bytes of one call; a request body may not be larger than 6 MB.
const BATCH_BYTES_MAX: usize = 5_000_000;
const TITLE_LETTERS_MAX: usize = 256;
const DESCRIPTION_LETTERS_MAX: usize = 1024;
const REMEDIATION_LETTERS_MAX: usize = 512;
const RESOURCES_MAX: usize = 32;
const RESOURCE_ID_LETTERS_MAX: usize = 512;
const PRODUCT_FIELDS_MAX: usize = 50;
const FIELD_LETTERS_MAX: usize = 2048;
/// Findings of the same incident that a finding names; Security Hub takes ten.
const RELATED_MAX: usize = 10;
/// Ids that a field names at most.
const FIELD_IDS_MAX: usize = 20;

/// The destination of imported findings: an account and a Region of Security Hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityHub {
    /// The account that imports.
    pub account_id: String,
    /// The Region.
    pub region: String,
}

impl SecurityHub {
    fn partition(&self) -> &'static str {
        partition(&self.region)
    }

    /// The product that an account's own findings are of.
    fn product_arn(&self) -> String {
        let Self { account_id, region } = self;
        let partition = self.partition();
        format!("arn:{partition}:securityhub:{region}:{account_id}:product/{account_id}/default")
    }
}

fn label(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "INFORMATIONAL",
        Severity::Low => "LOW",
        Severity::Medium => "MEDIUM",
        Severity::High => "HIGH",
        Severity::Critical => "CRITICAL",
    }
}

/// The types of the format's own taxonomy that fit a rule.
fn types(rule: &str) -> [&'static str; 1] {
    match rule {
        "bytes-scanned-spike"
        | "query-rate-spike"
        | "cost-spike"
        | "first-seen-path"
        | "long-idle-data-source"
        | "query-failure-surge" => ["Unusual Behaviors/Data"],
        "audit-trail-tampering" | "log-gap" => ["TTPs/Defense Evasion"],
        "role-trust-changed" | "role-permissions-changed" => ["TTPs/Persistence"],
        "undeclared-consumer"
        | "undeclared-role"
        | "undeclared-work-group"
        | "undeclared-data-source"
        | "scope-down-missing"
        | "scope-down-too-wide"
        | "external-id-missing" => {
            ["Software and Configuration Checks/AWS Security Best Practices"]
        }
        _ => ["TTPs/Initial Access"],
    }
}

/// At most so many letters, none of which controls what shows them, never nothing.
fn bounded(text: &str, letters: usize) -> String {
    let plain = text
        .chars()
        .map(|letter| if is_deceptive(letter) { ' ' } else { letter });
    let bounded: String = plain.take(letters).collect();
    if bounded.trim().is_empty() {
        "-".to_owned()
    } else {
        bounded
    }
}

fn time(moment: UtcSecond) -> Value {
    moment.to_string().into()
}

/// The resources a finding is about; there has to be one.
fn resources<'a>(
    subject: impl Iterator<Item = (&'a str, &'a Text)>,
    role_arns: &[RoleArn],
    hub: &SecurityHub,
) -> Vec<Value> {
    let partition = hub.partition();
    let resource = |kind: &str, id: &str| {
        json!({
            "Type": kind,
            "Id": bounded(id, RESOURCE_ID_LETTERS_MAX),
            "Partition": partition,
            "Region": hub.region,
        })
    };
    let account = |id: &str| resource("AwsAccount", &format!("AWS::::Account:{id}"));
    let mut resources: Vec<Value> = role_arns
        .iter()
        .map(|arn| resource("AwsIamRole", arn))
        .collect();
    for (name, value) in subject {
        let role = value
            .split_once(":role/")
            .filter(|(account, _)| account.len() == 12);
        match (name, role) {
            // Its ARN, with its path, is among the role ARNs; a role that no chain has
            // used is known by its name alone.
            ("role" | "caller", Some((account, role))) if role_arns.is_empty() => {
                let arn = format!("arn:{partition}:iam::{account}:role/{role}");
                resources.push(resource("AwsIamRole", &arn));
            }
            ("role" | "caller", Some(_)) => {}
            ("consumer_account_id" | "account_id", _) => resources.push(account(value)),
            ("bucket", _) => {
                resources.push(resource(
                    "AwsS3Bucket",
                    &format!("arn:{partition}:s3:::{value}"),
                ));
            }
            _ => resources.push(resource("Other", value)),
        }
    }
    if resources.is_empty() {
        resources.push(account(&hub.account_id));
    }
    resources.truncate(RESOURCES_MAX);
    resources
}

/// The first few ids, in one field.
fn first_ids<T: ToString>(ids: &[T]) -> String {
    let first = ids.iter().take(FIELD_IDS_MAX);
    first.map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// Names and values for people who look at the finding in Security Hub.
fn product_fields(finding: &Finding) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut add = |name: String, value: &str| {
        // One is left for what could not be read.
        if fields.len() + 1 < PRODUCT_FIELDS_MAX && !value.is_empty() {
            fields.insert(name, bounded(value, FIELD_LETTERS_MAX).into());
        }
    };
    add("qs-audit/rule".to_owned(), finding.rule);
    add("qs-audit/incident_id".to_owned(), &finding.incident_id);
    if let Some(acknowledged) = &finding.acknowledged {
        add("qs-audit/acknowledged_by".to_owned(), &acknowledged.owner);
    }
    add("qs-audit/count".to_owned(), &finding.count.to_string());
    add(
        "qs-audit/chain_ids".to_owned(),
        &first_ids(&finding.chain_ids),
    );
    add(
        "qs-audit/event_ids".to_owned(),
        &first_ids(&finding.event_ids),
    );
    for (name, value) in &finding.subject.0 {
        add(format!("qs-audit/subject/{name}"), value);
    }
    for (name, value) in evidence(finding) {
        let text = match &value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        add(format!("qs-audit/evidence/{name}"), &text);
    }
    fields
}

/// The common fields of a current finding and one that is gone.
struct FindingFields<'a> {
    id: &'a str,
    rule: &'a str,
    first_seen: UtcSecond,
    last_seen: UtcSecond,
    severity: Value,
    title: &'a str,
    description: &'a str,
}

/// A finding as Security Hub takes it, without what only some have.
fn envelope(told: &FindingFields<'_>, hub: &SecurityHub, end: UtcSecond) -> Value {
    json!({
        "SchemaVersion": SCHEMA_VERSION,
        "Id": format!("qs-audit/{}", told.id),
        "ProductArn": hub.product_arn(),
        "ProductName": "qs-audit",
        "GeneratorId": format!("qs-audit/{}", told.rule),
        "AwsAccountId": hub.account_id,
        "Types": types(told.rule),
        "FirstObservedAt": time(told.first_seen),
        "LastObservedAt": time(told.last_seen),
        "CreatedAt": time(told.first_seen),
        "UpdatedAt": time(end.max(told.last_seen)),
        "Severity": told.severity,
        "Title": bounded(told.title, TITLE_LETTERS_MAX),
        "Description": bounded(told.description, DESCRIPTION_LETTERS_MAX),
    })
}

fn of_finding(
    finding: &Finding,
    related: &[String],
    is_suppressed: bool,
    hub: &SecurityHub,
    end: UtcSecond,
) -> Value {
    let subject = finding.subject.0.iter().map(|(name, value)| (*name, value));
    let advice = format!("{} ({})", finding.next_step, finding.command);
    let told = FindingFields {
        id: &finding.finding_id,
        rule: finding.rule,
        first_seen: finding.first_seen,
        last_seen: finding.last_seen,
        severity: json!({"Label": label(finding.severity), "Original": finding.severity.as_str()}),
        title: &finding.title,
        description: &finding.detail,
    };
    let mut value = envelope(&told, hub, end);
    value["Remediation"] =
        json!({"Recommendation": {"Text": bounded(&advice, REMEDIATION_LETTERS_MAX)}});
    value["Resources"] = resources(subject, &finding.role_arns, hub).into();
    value["ProductFields"] = product_fields(finding).into();
    value["RecordState"] = if is_suppressed { "ARCHIVED" } else { "ACTIVE" }.into();
    let related = related.iter().filter(|id| **id != finding.finding_id);
    let related = related.take(RELATED_MAX);
    let related: Vec<Value> = related
        .map(|id| json!({"ProductArn": hub.product_arn(), "Id": format!("qs-audit/{id}")}))
        .collect();
    if !related.is_empty() {
        value["RelatedFindings"] = related.into();
    }
    if value.to_string().len() + FIELD_LETTERS_MAX * 4 > FINDING_BYTES_MAX {
        // Fields are for convenience; the finding itself is far below the limit.
        value["ProductFields"] = json!({"qs-audit/rule": finding.rule});
    }
    value
}

/// A finding that is gone: archived under the id it had.
fn of_resolved(previous: &PreviousFinding, hub: &SecurityHub, end: UtcSecond) -> Value {
    let subject = previous.subject.iter();
    let subject = subject.map(|(name, value)| (name.as_str(), value));
    let told = FindingFields {
        id: &previous.finding_id,
        rule: &previous.rule,
        first_seen: previous.first_seen,
        last_seen: previous.last_seen,
        severity: json!({"Label": previous.severity.map_or("INFORMATIONAL", label)}),
        title: &previous.title,
        description: &format!("No longer found. {}", previous.detail),
    };
    let mut value = envelope(&told, hub, end);
    value["Resources"] = resources(subject, &previous.role_arns, hub).into();
    value["RecordState"] = "ARCHIVED".into();
    value
}

/// Types of findings about the audit itself.
const ALARM_RULE: &str = "night";

/// What is wrong with a night itself, as an argument of `BatchImportFindings`.
#[must_use]
pub fn alarms(alarms: &[NightAlarm], hub: &SecurityHub, at: UtcSecond) -> Value {
    let findings = alarms.iter().map(|alarm| {
        let id = format!("night-{}", alarm.code);
        let title = format!("qs-audit: {}", alarm.code);
        let told = FindingFields {
            id: &id,
            rule: ALARM_RULE,
            first_seen: at,
            last_seen: at,
            severity: json!({"Label": label(Severity::High)}),
            title: &title,
            description: &alarm.text,
        };
        let mut value = envelope(&told, hub, at);
        value["Resources"] = resources(std::iter::empty(), &[], hub).into();
        value["RecordState"] = "ACTIVE".into();
        value
    });
    json!({"Findings": findings.collect::<Vec<_>>()})
}

/// Writes batches, one per line, each an argument of `--cli-input-json`: findings,
/// then suppressed ones and those that are gone, archived, as of `end`.
///
/// # Errors
///
/// When the writer fails.
pub fn write(
    findings: &[&Finding],
    settled: &Findings,
    hub: &SecurityHub,
    not_read: NotRead<'_>,
    end: UtcSecond,
    writer: &mut dyn Write,
) -> io::Result<()> {
    let of_incident = settled.incidents.iter();
    let of_incident: BTreeMap<&str, &[String]> = of_incident
        .map(|incident| (incident.incident_id.as_str(), &incident.finding_ids[..]))
        .collect();
    let related = |finding: &Finding| {
        let all = of_incident.get(finding.incident_id.as_str());
        all.copied().unwrap_or_default()
    };
    let found = findings
        .iter()
        .map(|finding| of_finding(finding, related(finding), false, hub, end));
    let suppressed = settled.suppressed.iter();
    let suppressed = suppressed.map(|one| of_finding(&one.finding, &[], true, hub, end));
    let gone = settled
        .resolved
        .iter()
        .map(|previous| of_resolved(previous, hub, end));
    let mut batch: Vec<String> = Vec::new();
    let mut bytes = 0;
    for mut finding in found.chain(suppressed).chain(gone) {
        // Anyone who sees one finding sees that more might have been found.
        if let Some(line) = not_read.line() {
            let line = bounded(&line, FIELD_LETTERS_MAX);
            finding["ProductFields"]["qs-audit/not_read"] = line.into();
        }
        let text = finding.to_string();
        let is_full = batch.len() == BATCH_FINDINGS_MAX || bytes + text.len() > BATCH_BYTES_MAX;
        if is_full && !batch.is_empty() {
            write_batch(&mut batch, writer)?;
            bytes = 0;
        }
        bytes += text.len() + 1;
        batch.push(text);
    }
    write_batch(&mut batch, writer)
}

fn write_batch(batch: &mut Vec<String>, writer: &mut dyn Write) -> io::Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    writeln!(writer, "{{\"Findings\":[{}]}}", batch.join(","))?;
    batch.clear();
    Ok(())
}
