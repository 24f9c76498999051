//! Findings that share a cause (ARCHITECTURE.md#incidents).

use super::ids::AccountId;
use super::severity::{FindingStatus, Severity};
use super::time::UtcSecond;
use std::collections::BTreeSet;

/// The common ground of the findings of one incident.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[strum(serialize_all = "kebab-case")]
pub enum CauseKind {
    /// An account, role or user that is not the expected caller.
    Caller,
    /// A role whose session was used from several places.
    Session,
    /// Someone who changed policies, trails or shares.
    Change,
    /// An account whose use or cost stands out.
    Spike,
    /// The same rule, whatever the subjects.
    Rule,
}

impl CauseKind {
    /// All kinds, in the order of the documentation.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The kind as outputs spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The status of an incident, compared with earlier runs.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[strum(serialize_all = "kebab-case")]
pub enum IncidentStatus {
    /// No earlier run has any of its findings.
    New,
    /// A finding joined.
    Grown,
    /// A finding got worse.
    Worse,
    /// A finding happened again.
    Again,
    /// There is nothing new about it.
    Ongoing,
}

impl IncidentStatus {
    /// All of them.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The status as outputs spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The status of an incident with findings of these.
    #[must_use]
    pub fn of(statuses: &BTreeSet<FindingStatus>) -> Self {
        let has = |status| statuses.contains(&status);
        if statuses.len() == 1 && has(FindingStatus::New) {
            Self::New
        } else if has(FindingStatus::New) {
            Self::Grown
        } else if has(FindingStatus::Worse) {
            Self::Worse
        } else if has(FindingStatus::Again) {
            Self::Again
        } else {
            Self::Ongoing
        }
    }
}

/// Findings that share a cause: what one person looks into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// `i-` and 12 hex digits of the cause: the same every night, however many findings join.
    pub incident_id: String,
    /// The common ground of its findings.
    pub cause: CauseKind,
    /// A summary in one line.
    pub title: String,
    /// The worst severity of its findings.
    pub severity: Severity,
    /// The status, compared with earlier runs.
    pub status: IncidentStatus,
    /// Ids of its findings, in the order of findings.
    pub finding_ids: Vec<String>,
    /// Ids of those that are news, and were not acknowledged.
    pub news: Vec<String>,
    /// The number of those that were acknowledged.
    pub acknowledged: u64,
    /// The consumers that its findings are about.
    pub consumer_account_ids: BTreeSet<AccountId>,
    /// The time it was first seen, in earlier runs, too.
    pub first_seen: UtcSecond,
    /// The time it was last seen.
    pub last_seen: UtcSecond,
    /// The one thing to do next.
    pub next_step: String,
    /// The command to do it with.
    pub command: String,
}
