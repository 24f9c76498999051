//! Suppressions of the configuration, and findings of an earlier run.

use super::incidents::incidents;
use super::registry::find;
use super::rule::{Checked, RuleKind};
use crate::model::finding::{
    Acknowledgement, ExpiredSuppression, Finding, FindingStatus, Findings, NotObserved, OPEN_DAYS,
    Previous, PreviousFinding, RuleReport, RuleState, Suppressed, Suppression,
};
use crate::model::ids::{AccountId, Region, RoleArn, is_account_id};
use crate::model::incident::Incident;
use crate::model::pattern::matches;
use crate::model::window::TimeWindow;
use jiff::civil::Date;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// The inputs of a finding's status.
pub struct StatusInputs<'a> {
    /// The evaluated window.
    pub window: TimeWindow,
    /// The baseline.
    pub baseline: TimeWindow,
    /// Accounts and Regions that logged anything in the window.
    pub places_logged: &'a BTreeSet<(AccountId, Region)>,
    /// Findings that are accepted for a while.
    pub suppressions: &'a [Suppression],
    /// The day on which suppressions count or have expired.
    pub as_of: Date,
    /// The findings of earlier runs.
    pub previous: Option<&'a Previous>,
    /// Acknowledgements, by finding id.
    pub acknowledged: &'a BTreeMap<String, Acknowledgement>,
    /// Tells the accounts of the organization from others.
    pub is_own_account: &'a dyn Fn(&AccountId) -> bool,
}

/// Settles findings: takes out what is suppressed, calls out suppressions that have
/// expired or hide nothing, and tells new from ongoing, resolved, and not observed
/// this time.
#[must_use]
pub fn reconcile(found: Checked, by: &StatusInputs<'_>) -> Findings {
    let Checked {
        findings: mut all,
        reports: mut rules,
        mut undone,
        put_back,
    } = found;
    let mut settled = Findings {
        window: by.window,
        baseline: by.baseline,
        has_previous: by.previous.is_some(),
        has_logs: !by.places_logged.is_empty(),
        ..Findings::default()
    };
    if let Some(previous) = by.previous {
        note_rules_that_did_not_run(&mut rules, previous);
        let is_open = |id: &String| {
            previous
                .findings
                .get(id)
                .is_some_and(|known| !known.is_resolved)
        };
        let put_back: BTreeSet<String> = put_back.into_iter().filter(is_open).collect();
        all.retain(|finding| !put_back.contains(&finding.finding_id));
        undone.extend(put_back);
        settle_known(&mut all, previous, by);
        settle_missing(&all, previous, &undone, (&rules, by), &mut settled);
    }
    for finding in &mut all {
        let acknowledged = by.acknowledged.get(&finding.finding_id);
        finding.acknowledged = acknowledged
            .filter(|one| counts(one, finding, by.as_of))
            .cloned();
    }
    settled
        .not_observed
        .sort_by_key(|one| Reverse(one.finding.severity));
    settled
        .resolved
        .sort_by_key(|known| Reverse(known.severity));
    settled.rules = rules;
    suppress(all, by, &mut settled);
    settled.incidents = incidents(&mut settled.findings, by.is_own_account);
    put_in_order(&mut settled.findings, &settled.incidents);
    settled
}

/// Puts the worst first; of these, what is news, then what belongs to the worst and widest incidents, then
/// what happened before what is so.
fn put_in_order(findings: &mut [Finding], incidents: &[Incident]) {
    let ranks = (0usize..).zip(incidents);
    let ranks: BTreeMap<&str, usize> = ranks
        .map(|(rank, incident)| (incident.incident_id.as_str(), rank))
        .collect();
    let is_condition = |finding: &Finding| {
        find(finding.rule).is_some_and(|entry| entry.meta.kind == RuleKind::Condition)
    };
    findings.sort_by_cached_key(|finding| {
        (
            Reverse(finding.severity),
            !finding.rings(),
            !finding.status.is_news(),
            ranks.get(finding.incident_id.as_str()).copied(),
            is_condition(finding),
            Reverse(finding.chain_count),
            finding.rule,
            finding.subject.clone(),
        )
    });
}

/// Tells what is new from what earlier runs have.
fn settle_known(all: &mut [Finding], previous: &Previous, by: &StatusInputs<'_>) {
    for finding in all {
        let known = previous.findings.get(&finding.finding_id);
        let Some(known) = known.filter(|known| !is_forgotten(known, by)) else {
            continue;
        };
        finding.status = status(finding, known);
        finding.occurrence = known.occurrence + u64::from(finding.status.is_news());
        finding.first_seen = finding.first_seen.min(known.first_seen);
    }
}

/// The status of a finding that earlier runs have.
fn status(finding: &Finding, known: &PreviousFinding) -> FindingStatus {
    let is_worse = known.severity.is_some_and(|worst| worst < finding.severity);
    if known.is_resolved || happened_again(finding, known) {
        FindingStatus::Again
    } else if is_worse {
        FindingStatus::Worse
    } else {
        FindingStatus::Ongoing
    }
}

/// Returns true if an event happened with evidence that earlier runs do not have.
fn happened_again(finding: &Finding, known: &PreviousFinding) -> bool {
    if finding.evidence_keys.is_empty() {
        return false;
    }
    if known.evidence_keys.is_empty() {
        return known.last_seen.utc_day() < finding.last_seen.utc_day();
    }
    !finding.evidence_keys.is_subset(&known.evidence_keys)
}

/// Returns true if an acknowledgement still counts for a finding.
fn counts(acknowledged: &Acknowledgement, finding: &Finding, as_of: Date) -> bool {
    as_of < acknowledged.until
        && finding.severity <= acknowledged.severity
        && finding.occurrence <= acknowledged.occurrence
}

/// Settles findings of earlier runs that were not found again.
fn settle_missing(
    all: &[Finding],
    previous: &Previous,
    undone: &BTreeSet<String>,
    (rules, by): (&[RuleReport], &StatusInputs<'_>),
    settled: &mut Findings,
) {
    let still: BTreeSet<&str> = all.iter().map(|one| one.finding_id.as_str()).collect();
    let open = previous
        .findings
        .values()
        .filter(|known| !known.is_resolved);
    for known in open.filter(|known| !still.contains(known.finding_id.as_str())) {
        if undone.contains(&known.finding_id) {
            settled.resolved.push(known.clone());
        } else if is_forgotten(known, by) {
            settled.forgotten += 1;
        } else {
            settled.not_observed.push(NotObserved {
                finding: known.clone(),
                why: why_not_observed(known, rules, by),
            });
        }
    }
}

fn is_forgotten(known: &PreviousFinding, by: &StatusInputs<'_>) -> bool {
    let end = by.window.to.unwrap_or(known.last_seen);
    known.last_seen.plus(OPEN_DAYS * 86_400) <= end
}

/// The reason why the state of an earlier finding is unknown.
fn why_not_observed(
    known: &PreviousFinding,
    rules: &[RuleReport],
    by: &StatusInputs<'_>,
) -> String {
    let report = rules.iter().find(|report| report.rule == known.rule);
    let why = match report.map(|report| &report.state) {
        Some(RuleState::Ran) => None,
        Some(RuleState::Skipped(_)) => Some("its rule was skipped"),
        Some(RuleState::Disabled | RuleState::NotAsked) => Some("its rule was not selected"),
        None => Some("this version does not have the rule"),
    };
    if let Some(why) = why {
        return why.to_owned();
    }
    let is_event = find(&known.rule).is_some_and(|entry| entry.meta.kind == RuleKind::Event);
    if is_event {
        return "it is a past event, and nothing in the logs says that it was remedied".to_owned();
    }
    match silent_place(known, by) {
        Some(place) => format!("no logs of {place} in the window were read"),
        None => "it did not show in the window, and nothing says that its cause is gone".to_owned(),
    }
}

/// A place that the finding would be seen in, and that logged nothing.
fn silent_place(known: &PreviousFinding, by: &StatusInputs<'_>) -> Option<String> {
    let logged = |account: &str| {
        let first = (AccountId::from(account), Region::default());
        let mut behind = by.places_logged.range(first..);
        behind.next().is_some_and(|(known, _)| **known == *account)
    };
    if let Some(account) = accounts(known).into_iter().find(|id| !logged(id)) {
        return Some(format!("account {account}"));
    }
    let of = |name: &str| {
        known
            .subject
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    };
    let (account, region) = of("account_id").zip(of("region"))?;
    let place = (account.clone().into(), region.clone().into());
    (!by.places_logged.contains(&place)).then(|| format!("account {account} in {region}"))
}

/// The accounts whose logs a finding is seen in.
fn accounts(known: &PreviousFinding) -> BTreeSet<&str> {
    let named = known
        .subject
        .iter()
        .filter_map(|(name, value)| match name.as_str() {
            "role" => value.split(':').next(),
            "account_id" => Some(&**value),
            _ => None,
        });
    named
        .chain(known.consumer_account_id.as_deref())
        .filter(|text| is_account_id(text))
        .collect()
}

/// Takes out what is suppressed.
fn suppress(all: Vec<Finding>, by: &StatusInputs<'_>, settled: &mut Findings) {
    let (live, lapsed): (Vec<&Suppression>, Vec<&Suppression>) = by
        .suppressions
        .iter()
        .partition(|one| by.as_of < one.expires);
    let mut expired: Vec<ExpiredSuppression> = lapsed
        .into_iter()
        .map(|suppression| ExpiredSuppression {
            suppression: suppression.clone(),
            finding_ids: Vec::new(),
        })
        .collect();
    let mut is_used = vec![false; live.len()];
    for finding in all {
        for (used, suppression) in is_used.iter_mut().zip(&live) {
            *used |= hides(suppression, &finding);
        }
        if let Some(suppression) = live.iter().find(|one| hides(one, &finding)) {
            settled.suppressed.push(Suppressed {
                reason: suppression.reason.clone(),
                expires: suppression.expires,
                finding,
            });
            continue;
        }
        for lapsed in &mut expired {
            if hides(&lapsed.suppression, &finding) {
                lapsed.finding_ids.push(finding.finding_id.clone());
            }
        }
        settled.findings.push(finding);
    }
    settled.expired = expired;
    let unused = live.into_iter().zip(is_used).filter(|(_, used)| !used);
    settled.unused = unused.map(|(suppression, _)| suppression.clone()).collect();
}

/// Notes each rule that an earlier run skipped: its findings may be older than they seem.
fn note_rules_that_did_not_run(rules: &mut [RuleReport], previous: &Previous) {
    let Some(ran) = &previous.rules_ran else {
        return;
    };
    for report in rules
        .iter_mut()
        .filter(|report| report.state == RuleState::Ran)
    {
        if !ran.contains(report.rule) {
            let note = "the previous run did not evaluate this rule: all its findings count as new";
            report.notes.push(note.to_owned());
        }
    }
}

/// Returns true if a suppression is about a finding.
fn hides(suppression: &Suppression, finding: &Finding) -> bool {
    let of_subject = |pattern: &str| {
        let mut values = finding.subject.0.iter().map(|(_, value)| value);
        let is_role =
            |arn: &RoleArn| matches(pattern, arn) || matches(pattern, &format!("role={arn}"));
        values.any(|value| matches(pattern, value))
            || finding.role_arns.iter().any(is_role)
            || matches(pattern, &finding.subject.text())
            || pattern == finding.finding_id
    };
    matches(&suppression.rule, finding.rule) && of_subject(&suppression.subject)
}
