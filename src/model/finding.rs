//! The findings of rules (ARCHITECTURE.md#how-rules-are-evaluated).

use super::ids::{AccountId, EventId, RoleArn};
use super::incident::{CauseKind, Incident, IncidentStatus};
use super::integrity::Integrity;
pub use super::severity::{FindingStatus, Severity};
use super::text::Text;
use super::time::UtcSecond;
use super::window::TimeWindow;
use jiff::civil::Date;
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};

/// The subject of a finding: named values, in the order the rule gives them.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject(pub Vec<(&'static str, Text)>);

impl Subject {
    /// The value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Text> {
        let mut members = self.0.iter();
        members
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    /// `name=value name=value`, which suppressions match.
    #[must_use]
    pub fn text(&self) -> String {
        let members = self.0.iter();
        let members: Vec<String> = members
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        members.join(" ")
    }
}

/// A value that a finding rests on.
#[derive(Debug, Clone, PartialEq)]
pub enum Evidence {
    /// Text, which may be from a log: hostile wherever it is shown.
    Text(Text),
    /// A count, or bytes.
    Integer(u64),
    /// An exact amount.
    Decimal(Decimal),
    /// A UTC day.
    Day(Date),
    /// A truth value.
    Boolean(bool),
    /// Several.
    List(Vec<Evidence>),
    /// Named ones.
    Record(Vec<(&'static str, Evidence)>),
    /// Not known.
    Unknown,
}

impl Evidence {
    /// A list of texts.
    pub fn texts<T: Into<Text>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::List(
            texts
                .into_iter()
                .map(|text| Self::Text(text.into()))
                .collect(),
        )
    }
}

/// What a person said about findings that they know of: it silences these for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The person who looks after it.
    pub owner: String,
    /// Their words about it.
    pub note: Option<String>,
    /// The first day on which it does not count any more.
    pub until: Date,
    /// The severity that was acknowledged: what gets worse rings again.
    pub severity: Severity,
    /// The occurrence that was acknowledged: what happens again rings again.
    pub occurrence: u64,
}

/// Ids that a finding names at most; how many there are is told separately.
pub const FINDING_IDS_MAX: usize = 1000;

/// One finding: one subject, however often it happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// `f-` and 12 hex digits of rule and subject: the same every night.
    pub finding_id: String,
    /// The incident that it belongs to: `i-` and 12 hex digits; empty until all findings are known.
    pub incident_id: String,
    /// The rule's id.
    pub rule: &'static str,
    /// The severity.
    pub severity: Severity,
    /// A summary in one line.
    pub title: String,
    /// The full description.
    pub detail: String,
    /// The one thing to do next.
    pub next_step: String,
    /// The command to do it with, or to begin with.
    pub command: String,
    /// The consumer it is about, where it is about one.
    pub consumer_account_id: Option<AccountId>,
    /// The subject.
    pub subject: Subject,
    /// ARNs of the roles in the subject, as they were logged.
    pub role_arns: Vec<RoleArn>,
    /// The evidence, apart from ids.
    pub evidence: Vec<(&'static str, Evidence)>,
    /// The first chains, sorted by id.
    pub chain_ids: Vec<Text>,
    /// The number of chains.
    pub chain_count: u64,
    /// The first events, sorted by id.
    pub event_ids: Vec<EventId>,
    /// The number of events.
    pub event_count: u64,
    /// The time it was first seen: in this run, or in the one it was compared with.
    pub first_seen: UtcSecond,
    /// The time it was last seen.
    pub last_seen: UtcSecond,
    /// The number of occurrences in the window.
    pub count: u64,
    /// The status, compared with earlier runs.
    pub status: FindingStatus,
    /// Which occurrence this is, from 1: one more each time that it is told as news.
    pub occurrence: u64,
    /// What tells an event from its happening again: its days, callers, policies. Empty for conditions.
    pub evidence_keys: BTreeSet<Text>,
    /// The acknowledgement, if that still counts.
    pub acknowledged: Option<Acknowledgement>,
    /// The worst integrity status of the log files that are its evidence; `None` if the run did not
    /// ask for it.
    pub integrity: Option<Integrity>,
}

impl Finding {
    /// Returns true if it is news that no one acknowledged.
    #[must_use]
    pub fn rings(&self) -> bool {
        self.status.is_news() && self.acknowledged.is_none()
    }
}

/// The outcome of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleState {
    /// It looked at everything it needs.
    Ran,
    /// It needs what is not there.
    Skipped(String),
    /// The configuration switched it off.
    Disabled,
    /// The command line asked for others only.
    NotAsked,
}

impl RuleState {
    /// The state as outputs spell it.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Ran => "ran",
            Self::Skipped(_) => "skipped",
            Self::Disabled => "disabled",
            Self::NotAsked => "not-asked",
        }
    }
}

/// The documentation of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RulePage {
    /// Its id.
    pub rule: &'static str,
    /// Its page, in Markdown.
    pub page: &'static str,
}

/// The report on one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleReport {
    /// Its id.
    pub rule: &'static str,
    /// The severity of what it finds.
    pub severity: Severity,
    /// The rule's outcome.
    pub state: RuleState,
    /// The cases that it could not evaluate, with their reasons.
    pub notes: Vec<String>,
}

/// A finding that the configuration accepts for a while.
#[derive(Debug, Clone, PartialEq)]
pub struct Suppressed {
    /// The finding.
    pub finding: Finding,
    /// The reason for the suppression.
    pub reason: String,
    /// The first day on which it is not any more.
    pub expires: Date,
}

/// A rule of the configuration that accepts findings for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// A rule id; `*` stands for any text.
    pub rule: String,
    /// A finding id, a value of the subject, or the subject's text
    /// (`name=value name=value`); `*` stands for any text.
    pub subject: String,
    /// Why.
    pub reason: String,
    /// The first day on which it does not count any more.
    pub expires: Date,
}

/// A suppression that does not count any more, and what it would have hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpiredSuppression {
    /// The suppression.
    pub suppression: Suppression,
    /// Ids of findings that show again because of it.
    pub finding_ids: Vec<String>,
}

/// Days after which a finding that no one sees again and no one settles is forgotten, as AWS Security Hub does.
pub const OPEN_DAYS: i64 = 90;

/// A finding of earlier runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviousFinding {
    /// Its id.
    pub finding_id: String,
    /// Its incident; empty where that is not known.
    pub incident_id: String,
    /// Its rule.
    pub rule: String,
    /// The worst severity that it had, where the file tells one.
    pub severity: Option<Severity>,
    /// Its title.
    pub title: String,
    /// Its detail.
    pub detail: String,
    /// The consumer it was about.
    pub consumer_account_id: Option<AccountId>,
    /// The subject.
    pub subject: Vec<(String, Text)>,
    /// ARNs of the roles in the subject.
    pub role_arns: Vec<RoleArn>,
    /// The time it was first seen.
    pub first_seen: UtcSecond,
    /// The time it was last seen.
    pub last_seen: UtcSecond,
    /// Which occurrence was the last, from 1.
    pub occurrence: u64,
    /// The first of its chains, where these are known.
    pub chain_ids: Vec<Text>,
    /// What tells its occurrences from others, as [`Finding::evidence_keys`]; empty where that is not known.
    pub evidence_keys: BTreeSet<Text>,
    /// True if its cause was gone when it was last looked for.
    pub is_resolved: bool,
}

impl PreviousFinding {
    /// The value of a name of the subject.
    #[must_use]
    pub fn subject(&self, name: &str) -> Option<&Text> {
        let mut members = self.subject.iter();
        members.find(|(key, _)| key == name).map(|(_, value)| value)
    }
}

/// The findings of earlier runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Previous {
    /// Findings by id, suppressed ones among them.
    pub findings: BTreeMap<String, PreviousFinding>,
    /// Rules that ran; `None` where the file does not tell.
    pub rules_ran: Option<BTreeSet<String>>,
    /// The end of what it evaluated, where the file tells.
    pub window_end: Option<UtcSecond>,
}

/// A finding of an earlier run that this one cannot say anything about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotObserved {
    /// The finding.
    pub finding: PreviousFinding,
    /// The reason why its state is unknown.
    pub why: String,
}

/// The findings of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Findings {
    /// The evaluated window.
    pub window: TimeWindow,
    /// The baseline: the time before the window that was read, too.
    pub baseline: TimeWindow,
    /// Findings: the worst first; of these, news first, then those of the worst incidents.
    pub findings: Vec<Finding>,
    /// Findings that share a cause, the worst first.
    pub incidents: Vec<Incident>,
    /// Findings that the configuration accepts.
    pub suppressed: Vec<Suppressed>,
    /// Suppressions that do not count any more.
    pub expired: Vec<ExpiredSuppression>,
    /// Live suppressions that hid nothing.
    pub unused: Vec<Suppression>,
    /// Findings of the earlier run that this one looked for and does not have.
    pub resolved: Vec<PreviousFinding>,
    /// Findings of the earlier run that this one could not look for.
    pub not_observed: Vec<NotObserved>,
    /// Findings of the earlier run that no one saw again for so long that they are let
    /// go.
    pub forgotten: u64,
    /// True if there is any record in the window.
    pub has_logs: bool,
    /// True if there was an earlier run to compare with.
    pub has_previous: bool,
    /// Every rule, in the order of their ids.
    pub rules: Vec<RuleReport>,
}

impl Findings {
    /// Returns the number of findings of this severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> u64 {
        let findings = self.findings.iter();
        findings
            .filter(|finding| finding.severity == severity)
            .count() as u64
    }

    /// The worst severity found.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }
}

impl Incident {
    /// The incident of some findings that share a cause, in their order; `title` says it in one line by the
    /// worst of them. `None` if there are none.
    pub fn of(
        incident_id: String,
        cause: CauseKind,
        findings: &[&Finding],
        title: impl FnOnce(&Finding) -> String,
    ) -> Option<Self> {
        // Of equal ones, the first: findings come in their order.
        let worst = findings.iter().copied().min_by_key(|finding| {
            std::cmp::Reverse((finding.severity, finding.rings(), finding.status.is_news()))
        })?;
        let ids = |wanted: &dyn Fn(&Finding) -> bool| -> Vec<String> {
            let wanted = findings.iter().filter(|finding| wanted(finding));
            wanted.map(|finding| finding.finding_id.clone()).collect()
        };
        let consumers = findings.iter();
        let consumers = consumers.filter_map(|one| one.consumer_account_id.clone());
        let acknowledged = findings.iter().filter(|one| one.acknowledged.is_some());
        Some(Self {
            incident_id,
            cause,
            title: title(worst),
            severity: worst.severity,
            status: IncidentStatus::of(&findings.iter().map(|one| one.status).collect()),
            finding_ids: ids(&|_| true),
            news: ids(&Finding::rings),
            acknowledged: acknowledged.count() as u64,
            consumer_account_ids: consumers.collect(),
            first_seen: findings.iter().map(|one| one.first_seen).min()?,
            last_seen: findings.iter().map(|one| one.last_seen).max()?,
            next_step: worst.next_step.clone(),
            command: worst.command.clone(),
        })
    }
}
