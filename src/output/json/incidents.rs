//! Incidents, version 1 (docs/output-v1.md).

use crate::model::ids::AccountId;
use crate::model::incident::Incident;
use crate::model::time::UtcSecond;
use serde::Serialize;
use std::collections::BTreeSet;

/// An incident: findings that share a cause.
#[derive(Serialize)]
pub(super) struct IncidentV1<'a> {
    incident_id: &'a str,
    cause: &'static str,
    title: &'a str,
    severity: &'static str,
    status: &'static str,
    finding_ids: &'a [String],
    news: &'a [String],
    acknowledged_count: u64,
    consumer_account_ids: &'a BTreeSet<AccountId>,
    first_seen: UtcSecond,
    last_seen: UtcSecond,
    next_step: &'a str,
    command: &'a str,
}

impl<'a> IncidentV1<'a> {
    pub(super) fn of(incident: &'a Incident) -> Self {
        Self {
            incident_id: &incident.incident_id,
            cause: incident.cause.as_str(),
            title: &incident.title,
            severity: incident.severity.as_str(),
            status: incident.status.as_str(),
            finding_ids: &incident.finding_ids,
            news: &incident.news,
            acknowledged_count: incident.acknowledged,
            consumer_account_ids: &incident.consumer_account_ids,
            first_seen: incident.first_seen,
            last_seen: incident.last_seen,
            next_step: &incident.next_step,
            command: &incident.command,
        }
    }
}
