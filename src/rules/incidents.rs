//! Incidents: findings that share a cause (ARCHITECTURE.md#incidents). An incident's id is made of its
//! cause alone, so that it stays the same as findings join.

use super::occurrences::plural;
use super::registry::find;
use crate::model::finding::{Evidence, Finding};
use crate::model::ids::{AccountId, is_account_id};
use crate::model::incident::{CauseKind, Incident};
use crate::model::text::{Text, digest_id};
use std::collections::{BTreeMap, BTreeSet};

/// Rules that find a caller who ought not to be there.
const CALLER_RULES: [&str; 4] = [
    "external-id-spoof",
    "role-assumption-denied",
    "run-as-role-assumed-by-other",
    "unexpected-source-account",
];
/// The rule that finds sessions in other hands.
const SESSION_RULE: &str = "session-from-several-origins";
/// Rules that compare a consumer with its own past.
const SPIKE_RULES: [&str; 4] = [
    "bytes-scanned-spike",
    "cost-spike",
    "query-rate-spike",
    "unusual-read-volume",
];
/// Evidence that names who changed something.
const CHANGERS: [&str; 2] = ["changed_by", "by"];

/// The cause of findings: its kind, and what tells it from others of the kind.
type FindingCause = (CauseKind, Text);

/// Gives each finding its incident, and returns the incidents, the worst first. `is_own` tells the accounts
/// of the organization.
pub(super) fn incidents(
    findings: &mut [Finding],
    is_own: &dyn Fn(&AccountId) -> bool,
) -> Vec<Incident> {
    let intruders = Intruders::of(findings, is_own);
    let causes: Vec<FindingCause> = findings.iter().map(|one| intruders.cause(one)).collect();
    for (finding, cause) in findings.iter_mut().zip(&causes) {
        finding.incident_id = incident_id(cause);
    }
    let mut by_cause: BTreeMap<&FindingCause, Vec<&Finding>> = BTreeMap::new();
    for (finding, cause) in findings.iter().zip(&causes) {
        by_cause.entry(cause).or_default().push(finding);
    }
    let of_cause = by_cause.into_iter();
    let mut all: Vec<Incident> = of_cause
        .filter_map(|(cause, own)| incident(cause, &own))
        .collect();
    all.sort_by(|left, right| order(left).cmp(&order(right)));
    all
}

/// The worst first; of these, what is news; then what reaches most.
fn order(incident: &Incident) -> impl Ord + '_ {
    (
        std::cmp::Reverse(incident.severity),
        incident.news.is_empty(),
        std::cmp::Reverse(incident.consumer_account_ids.len()),
        std::cmp::Reverse(incident.finding_ids.len()),
        &incident.incident_id,
    )
}

fn incident_id(cause: &FindingCause) -> String {
    digest_id('i', [cause.0.as_str(), &cause.1])
}

fn incident(cause: &FindingCause, findings: &[&Finding]) -> Option<Incident> {
    Incident::of(incident_id(cause), cause.0, findings, |worst| {
        title(cause, worst, findings)
    })
}

fn title(cause: &FindingCause, worst: &Finding, findings: &[&Finding]) -> String {
    let count = findings.len() as u64;
    if count == 1 {
        return worst.title.clone();
    }
    let consumers = findings.iter();
    let consumers: BTreeSet<&AccountId> = consumers
        .filter_map(|one| one.consumer_account_id.as_ref())
        .collect();
    let consumers = consumers.len() as u64;
    let reach = if consumers > 1 {
        format!("; {}", plural(consumers, "consumer"))
    } else {
        String::new()
    };
    let rules: BTreeSet<&str> = findings.iter().map(|finding| finding.rule).collect();
    let of_rule = rules
        .first()
        .filter(|_| rules.len() == 1)
        .and_then(|id| find(id));
    if let (CauseKind::Rule, Some(entry)) = (cause.0, of_rule) {
        return format!("{} ({}{reach})", entry.meta.title, plural(count, "finding"));
    }
    let more = plural(count - 1, "more finding");
    format!("{} (and {more}{reach})", worst.title)
}

/// Callers who ought not to be there, and what they did.
#[derive(Default)]
struct Intruders {
    /// The chains of each.
    chains: BTreeMap<FindingCause, BTreeSet<Text>>,
    /// The cause of each account that is no own one.
    accounts: BTreeMap<Text, FindingCause>,
}

impl Intruders {
    fn of(findings: &[Finding], is_own: &dyn Fn(&AccountId) -> bool) -> Self {
        let mut intruders = Self::default();
        let is_foreign =
            |account: &Text| is_account_id(account) && !is_own(&AccountId::from(account.clone()));
        intruders.add(
            findings
                .iter()
                .filter_map(|one| Some((one, caller(one, is_own)?))),
            &is_foreign,
        );
        // A session in a known caller's hands is that caller's.
        let sessions = findings.iter().filter(|one| one.rule == SESSION_RULE);
        let sessions = sessions.filter(|one| intruders.of_chains(one).is_none());
        let sessions: Vec<(&Finding, FindingCause)> = sessions
            .filter_map(|one| Some((one, session(one)?)))
            .collect();
        intruders.add(sessions.into_iter(), &is_foreign);
        intruders
    }

    fn add<'f>(
        &mut self,
        found: impl Iterator<Item = (&'f Finding, FindingCause)>,
        is_foreign: &dyn Fn(&Text) -> bool,
    ) {
        for (finding, cause) in found {
            let chains = self.chains.entry(cause.clone()).or_default();
            chains.extend(finding.chain_ids.iter().cloned());
            if is_foreign(&cause.1) {
                self.accounts.insert(cause.1.clone(), cause);
            }
        }
    }

    fn cause(&self, finding: &Finding) -> FindingCause {
        let known = self.named_by(finding).or_else(|| self.of_chains(finding));
        known.unwrap_or_else(|| other_cause(finding))
    }

    /// The intruder that a finding names: as the source, or as one who was let in.
    fn named_by(&self, finding: &Finding) -> Option<FindingCause> {
        if let Some(own) = self.own(finding) {
            return Some(own);
        }
        let texts = finding.evidence.iter().flat_map(|(_, value)| texts(value));
        let subject = finding.subject.0.iter().map(|(_, value)| value);
        let texts: Vec<&Text> = subject.chain(texts).collect();
        let mut accounts = self.accounts.iter();
        let named = accounts.find(|(account, _)| texts.iter().any(|text| names(text, account)));
        named.map(|(_, cause)| cause.clone())
    }

    /// The intruder that a finding made known.
    fn own(&self, finding: &Finding) -> Option<FindingCause> {
        let candidates = candidates(finding);
        let mut causes = self.chains.keys();
        causes.find(|cause| candidates.contains(cause)).cloned()
    }

    /// The intruder whose chains are all of a finding's.
    fn of_chains(&self, finding: &Finding) -> Option<FindingCause> {
        if finding.chain_ids.is_empty() {
            return None;
        }
        let is_of_any = |chain: &Text| self.chains.values().any(|chains| chains.contains(chain));
        if !finding.chain_ids.iter().all(is_of_any) {
            return None;
        }
        let shared = |chains: &BTreeSet<Text>| {
            let own = finding.chain_ids.iter();
            own.filter(|chain| chains.contains(*chain)).count()
        };
        let most = self.chains.values().map(shared).max()?;
        let mut causes = self.chains.iter();
        let first = causes.find(|(_, chains)| shared(chains) == most);
        first.map(|(cause, _)| cause.clone())
    }
}

/// The session that a finding makes known as an intruder's.
fn session(finding: &Finding) -> Option<FindingCause> {
    let role = finding.subject.get("role")?;
    Some((CauseKind::Session, role.clone()))
}

/// The caller that a finding makes known as an intruder.
fn caller(finding: &Finding, is_own: &dyn Fn(&AccountId) -> bool) -> Option<FindingCause> {
    if !CALLER_RULES.contains(&finding.rule) {
        return None;
    }
    let callers = callers(finding);
    let source = source(finding);
    let account = source
        .filter(|source| is_account_id(source))
        .cloned()
        .or_else(|| account_of(callers.first()?));
    let foreign = account.filter(|account| !is_own(&AccountId::from(account.clone())));
    let single = || callers.first().filter(|_| callers.len() == 1).cloned();
    let who = foreign.or_else(single).or_else(|| source.cloned());
    who.map(|who| (CauseKind::Caller, who))
}

/// The causes that may be those of a finding by what it names.
fn candidates(finding: &Finding) -> BTreeSet<FindingCause> {
    if finding.rule == SESSION_RULE {
        return session(finding).into_iter().collect();
    }
    let is_of_callers = CALLER_RULES.contains(&finding.rule) || source(finding).is_some();
    let callers = if is_of_callers {
        callers(finding)
    } else {
        Vec::new()
    };
    let accounts = callers.iter().filter_map(account_of);
    let all = accounts
        .chain(callers.iter().cloned())
        .chain(source(finding).cloned());
    all.map(|who| (CauseKind::Caller, who)).collect()
}

fn source(finding: &Finding) -> Option<&Text> {
    let subject = &finding.subject;
    subject
        .get("source")
        .or_else(|| subject.get("source_account_id"))
}

fn callers(finding: &Finding) -> Vec<Text> {
    if let Some(caller) = finding.subject.get("caller") {
        return vec![caller.clone()];
    }
    let evidence = finding.evidence.iter();
    let callers = evidence.filter(|(name, _)| *name == "callers");
    callers
        .flat_map(|(_, value)| texts(value))
        .cloned()
        .collect()
}

/// The account in an ARN, or in `ACCOUNT:role/NAME`.
fn account_of(caller: &Text) -> Option<Text> {
    let mut parts = caller.split(':');
    let account = parts.find(|part| is_account_id(part));
    account.map(Text::from)
}

/// Returns true if a text has an account id in it, and not as a part of a longer number.
fn names(text: &str, account: &str) -> bool {
    let is_digit = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_digit());
    text.match_indices(account).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + account.len()..].chars().next();
        !is_digit(before) && !is_digit(after)
    })
}

fn texts(evidence: &Evidence) -> Vec<&Text> {
    match evidence {
        Evidence::Text(text) => vec![text],
        Evidence::List(items) => items.iter().flat_map(texts).collect(),
        Evidence::Record(members) => members.iter().flat_map(|(_, value)| texts(value)).collect(),
        Evidence::Integer(_)
        | Evidence::Decimal(_)
        | Evidence::Day(_)
        | Evidence::Boolean(_)
        | Evidence::Unknown => Vec::new(),
    }
}

/// The cause of a finding that no intruder is: an account's spike, someone's changes, or the rule itself.
fn other_cause(finding: &Finding) -> FindingCause {
    if SPIKE_RULES.contains(&finding.rule)
        && let Some(account) = &finding.consumer_account_id
    {
        return (CauseKind::Spike, account.text().clone());
    }
    let evidence = finding.evidence.iter();
    let changers = evidence.filter(|(name, _)| CHANGERS.contains(name));
    let changers: Vec<&Text> = changers.flat_map(|(_, value)| texts(value)).collect();
    if let [by] = changers[..] {
        return (CauseKind::Change, by.clone());
    }
    (CauseKind::Rule, finding.rule.into())
}
