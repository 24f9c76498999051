//! OCSF Detection Findings (class 2004), schema version 1.8.0: one JSON object per
//! line.
//!
//! Members are those of the published schema (schema.ocsf.io, `detection_finding`
//! with the `cloud` profile). Lists are bounded, so that no consumer has to take an
//! event of megabytes.

use super::human::is_deceptive;
use super::not_read::{NOT_READ, NotRead};
use crate::model::finding::{Finding, FindingStatus, Findings, PreviousFinding, Severity};
use crate::model::ids::RoleArn;
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use crate::records::findings::evidence;
use serde_json::{Value, json};
use std::io::{self, Write};

const SCHEMA_VERSION: &str = "1.8.0";
const CLASS_UID: u32 = 2004;
const CATEGORY_UID: u32 = 2;
/// `analytic.type_id`: a rule.
const ANALYTIC_RULE: u32 = 1;
/// `observable.type_id`: a resource uid; a user name; an IP address.
const RESOURCE_UID: u32 = 10;
const USER_NAME: u32 = 4;
const IP_ADDRESS: u32 = 2;
/// Ids that one event names at most.
const IDS_MAX: usize = 100;
/// Letters of a text at most.
const TEXT_LETTERS_MAX: usize = 1024;
/// Members of a subject at most: rules have four.
const SUBJECT_MAX: usize = 10;

/// The change of a finding: `activity_id`, its name, `status_id`, its name.
struct Activity(u32, &'static str, u32, &'static str);

const CREATE: Activity = Activity(1, "Create", 1, "New");
const UPDATE: Activity = Activity(2, "Update", 1, "New");
const SUPPRESS: Activity = Activity(2, "Update", 3, "Suppressed");
const CLOSE: Activity = Activity(3, "Close", 4, "Resolved");

fn severity(severity: Severity) -> (u32, &'static str) {
    match severity {
        Severity::Info => (1, "Informational"),
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
    }
}

fn milliseconds(moment: UtcSecond) -> i64 {
    moment.unix().saturating_mul(1000)
}

fn bounded(text: &str) -> String {
    text.chars().take(TEXT_LETTERS_MAX).collect()
}

fn metadata(uid: &str) -> Value {
    json!({
        "version": SCHEMA_VERSION,
        "product": {
            "name": env!("CARGO_PKG_NAME"),
            "vendor_name": env!("CARGO_PKG_NAME"),
            "version": env!("CARGO_PKG_VERSION"),
        },
        "profiles": ["cloud"],
        "log_name": "AWS CloudTrail",
        "uid": uid,
    })
}

fn analytic(rule: &str) -> Value {
    json!({
        "type_id": ANALYTIC_RULE,
        "type": "Rule",
        "uid": rule,
        "name": rule,
        "version": env!("CARGO_PKG_VERSION"),
    })
}

/// The members that every event of the class has.
fn event(activity: &Activity, severity: (u32, &'static str), time: UtcSecond, uid: &str) -> Value {
    let Activity(activity_id, activity_name, status_id, status) = activity;
    json!({
        "activity_id": activity_id,
        "activity_name": activity_name,
        "category_uid": CATEGORY_UID,
        "category_name": "Findings",
        "class_uid": CLASS_UID,
        "class_name": "Detection Finding",
        "type_uid": CLASS_UID * 100 + activity_id,
        "type_name": format!("Detection Finding: {activity_name}"),
        "severity_id": severity.0,
        "severity": severity.1,
        "status_id": status_id,
        "status": status,
        "time": milliseconds(time),
        "metadata": metadata(uid),
    })
}

/// A finding, made or seen again.
fn of_finding(finding: &Finding, is_suppressed: bool, end: UtcSecond, partition: &str) -> Value {
    let activity = match finding.status {
        _ if is_suppressed => SUPPRESS,
        FindingStatus::New => CREATE,
        FindingStatus::Again | FindingStatus::Worse | FindingStatus::Ongoing => UPDATE,
    };
    // One for each run, so that none is taken for a repeat of another.
    let uid = format!("{}-{}-{}", finding.finding_id, end.unix(), activity.0);
    let mut event = event(
        &activity,
        severity(finding.severity),
        finding.last_seen,
        &uid,
    );
    let events = finding.event_ids.iter().take(IDS_MAX);
    let related: Vec<Value> = events
        .map(|id| json!({"uid": id.to_string(), "product": {"vendor_name": "AWS", "name": "CloudTrail"}}))
        .collect();
    event["metadata"]["correlation_uid"] = finding.incident_id.clone().into();
    event["message"] = bounded(&finding.title).into();
    event["is_alert"] = (finding.severity >= Severity::High && !is_suppressed).into();
    event["count"] = finding.count.into();
    event["start_time"] = milliseconds(finding.first_seen).into();
    event["end_time"] = milliseconds(finding.last_seen).into();
    event["finding_info"] = json!({
        "uid": finding.finding_id,
        "title": bounded(&finding.title),
        "desc": bounded(&finding.detail),
        "types": [finding.rule],
        "analytic": analytic(finding.rule),
        "first_seen_time": milliseconds(finding.first_seen),
        "last_seen_time": milliseconds(finding.last_seen),
        "created_time": milliseconds(finding.first_seen),
        "modified_time": milliseconds(finding.last_seen),
        "data_sources": ["AWS CloudTrail"],
        "related_events": related,
        "related_events_count": finding.event_count,
    });
    let subject: Vec<(&str, &Text)> = finding
        .subject
        .0
        .iter()
        .map(|(name, value)| (*name, value))
        .collect();
    event["cloud"] = cloud(finding.consumer_account_id.as_deref(), &subject);
    event["remediation"] =
        json!({"desc": bounded(&format!("{} ({})", finding.next_step, finding.command))});
    event["resources"] = resources(&subject, &finding.role_arns, partition).into();
    event["observables"] = observables(finding).into();
    let chains: Vec<&str> = finding
        .chain_ids
        .iter()
        .take(IDS_MAX)
        .map(|id| &**id)
        .collect();
    let members = subject.iter().take(SUBJECT_MAX);
    let members: serde_json::Map<String, Value> = members
        .map(|(name, value)| ((*name).to_owned(), bounded(value).into()))
        .collect();
    event["evidences"] = json!([{
        "name": finding.rule,
        "data": evidence_text(finding),
    }]);
    event["unmapped"] = json!({
        "subject": members,
        "chain_ids": chains,
        "chain_count": finding.chain_count,
        "incident_id": finding.incident_id,
        "occurrence": finding.occurrence,
        "acknowledged_by": finding.acknowledged.as_ref().map(|one| bounded(&one.owner)),
    });
    event
}

/// Evidence as it is, or what it is too large for.
fn evidence_text(finding: &Finding) -> Value {
    const EVIDENCE_BYTES_MAX: usize = 64 << 10;
    let value = Value::Object(evidence(finding));
    if value.to_string().len() <= EVIDENCE_BYTES_MAX {
        value
    } else {
        json!({"omitted": "too large for an event; see the findings as JSON"})
    }
}

/// The account it is about: the consumer, else that of a role or a trail.
fn cloud(consumer: Option<&str>, subject: &[(&str, &Text)]) -> Value {
    let named = subject.iter().find_map(|(name, value)| match *name {
        "account_id" => Some(&***value),
        "role" => value.split(':').next().filter(|id| id.len() == 12),
        _ => None,
    });
    match consumer.or(named) {
        Some(account) => json!({
            "provider": "AWS",
            "account": {"uid": account, "type": "AWS Account", "type_id": 10},
        }),
        None => json!({"provider": "AWS"}),
    }
}

/// Returns the resources of the finding, by ARN where there is one.
fn resources(subject: &[(&str, &Text)], role_arns: &[RoleArn], run_partition: &str) -> Vec<Value> {
    let resource = |uid: &str, kind: &str| {
        let partition = partition_of(uid);
        json!({
            "uid": bounded(uid),
            "type": kind,
            "cloud_partition": partition.unwrap_or(run_partition),
        })
    };
    let roles = role_arns.iter().map(|arn| resource(arn, "AWS::IAM::Role"));
    let named = subject.iter().filter_map(|(name, value)| match *name {
        "consumer_account_id" | "account_id" => Some(resource(value, "AWS Account")),
        "data_source_arn" => Some(resource(value, "AWS::QuickSight::DataSource")),
        "bucket" => Some(resource(
            &format!("arn:{run_partition}:s3:::{value}"),
            "AWS::S3::Bucket",
        )),
        "target" => Some(resource(value, "trail, bucket or file")),
        "work_group" => Some(resource(value, "AWS::Athena::WorkGroup")),
        _ => None,
    });
    roles.chain(named).take(SUBJECT_MAX).collect()
}

/// The partition of an ARN.
fn partition_of(arn: &str) -> Option<&str> {
    arn.strip_prefix("arn:")?.split(':').next()
}

fn observables(finding: &Finding) -> Vec<Value> {
    let mut observables = Vec::new();
    for arn in finding.role_arns.iter().take(SUBJECT_MAX) {
        observables
            .push(json!({"name": "resources.uid", "type_id": RESOURCE_UID, "value": bounded(arn)}));
    }
    for (name, value) in finding.subject.0.iter().take(SUBJECT_MAX) {
        let type_id = match *name {
            "data_source_arn" | "target" | "bucket" => RESOURCE_UID,
            "quick_user" => USER_NAME,
            _ => continue,
        };
        observables.push(json!({
            "name": format!("unmapped.subject.{name}"),
            "type_id": type_id,
            "value": bounded(value),
        }));
    }
    let evidence = evidence(finding);
    let addresses = evidence.get("source_ips").and_then(Value::as_array);
    for address in addresses.into_iter().flatten().take(IDS_MAX) {
        let is_address = address
            .as_str()
            .is_some_and(|text| text.parse::<std::net::IpAddr>().is_ok());
        if is_address {
            observables.push(json!({
                "name": "evidences.data.source_ips",
                "type_id": IP_ADDRESS,
                "value": address,
            }));
        }
    }
    observables
}

/// A finding that is gone.
fn of_resolved(previous: &PreviousFinding, time: UtcSecond, partition: &str) -> Value {
    let uid = format!("{}-{}-closed", previous.finding_id, time.unix());
    let severity = previous.severity.map_or((0, "Unknown"), severity);
    let subject: Vec<(&str, &Text)> = previous
        .subject
        .iter()
        .map(|(name, value)| (name.as_str(), value))
        .collect();
    let mut event = event(&CLOSE, severity, time, &uid);
    event["message"] = bounded(&previous.title).into();
    event["is_alert"] = false.into();
    event["finding_info"] = json!({
        "uid": previous.finding_id,
        "title": bounded(&previous.title),
        "desc": bounded(&previous.detail),
        "types": [previous.rule],
        "analytic": analytic(&previous.rule),
        "first_seen_time": milliseconds(previous.first_seen),
        "last_seen_time": milliseconds(previous.last_seen),
    });
    event["cloud"] = cloud(previous.consumer_account_id.as_deref(), &subject);
    event["resources"] = resources(&subject, &previous.role_arns, partition).into();
    event
}

/// Takes what would control whatever shows it out of the texts of an event.
fn make_plain(value: &mut Value) {
    match value {
        Value::String(text) if text.chars().any(is_deceptive) => {
            *text = text.replace(is_deceptive, " ");
        }
        Value::Array(items) => items.iter_mut().for_each(make_plain),
        Value::Object(members) => members.values_mut().for_each(make_plain),
        _ => {}
    }
}

/// Writes one event per line: findings, suppressed ones, then those that are gone, as
/// of `end`; what could not be read is in each (`unmapped.not_read`).
///
/// # Errors
///
/// When the writer fails.
pub fn write(
    findings: &[&Finding],
    settled: &Findings,
    end: UtcSecond,
    partition: &str,
    not_read: NotRead<'_>,
    writer: &mut dyn Write,
) -> io::Result<()> {
    let found = findings
        .iter()
        .map(|finding| of_finding(finding, false, end, partition));
    let suppressed = settled.suppressed.iter();
    let suppressed = suppressed.map(|one| of_finding(&one.finding, true, end, partition));
    let gone = settled
        .resolved
        .iter()
        .map(|previous| of_resolved(previous, end, partition));
    for mut event in found.chain(suppressed).chain(gone) {
        // Anyone who sees one event sees that more might have been found.
        if !not_read.is_empty() {
            event["unmapped"][NOT_READ] = not_read.json();
        }
        make_plain(&mut event);
        serde_json::to_writer(&mut *writer, &event)?;
        writer.write_all(b"\n")?;
    }
    Ok(())
}
