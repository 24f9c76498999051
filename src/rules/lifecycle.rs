//! Suppressions of the configuration, and findings of an earlier run.

use super::registry::find;
use super::rule::{Checked, RuleKind};
use crate::model::finding::{
    ExpiredSuppression, Finding, FindingStatus, Findings, NotObserved, Previous, PreviousFinding,
    RuleReport, RuleState, Suppressed, Suppression,
};
use crate::model::ids::{AccountId, Region, RoleArn, is_account_id};
use crate::model::pattern::matches;
use crate::model::window::TimeWindow;
use jiff::civil::Date;
use std::collections::BTreeSet;

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
    /// The findings of an earlier run.
    pub previous: Option<&'a Previous>,
}

/// Settles findings: takes out what is suppressed, calls out suppressions that have
/// expired or hide nothing, and tells new from ongoing, resolved, and not observed
/// this time.
#[must_use]
pub fn reconcile(found: Checked, by: &StatusInputs<'_>) -> Findings {
    let Checked {
        findings: mut all,
        reports: mut rules,
        undone,
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
        for finding in &mut all {
            if let Some(known) = previous.findings.get(&finding.finding_id) {
                finding.status = FindingStatus::Ongoing;
                finding.first_seen = finding.first_seen.min(known.first_seen);
            }
        }
        let still: BTreeSet<&str> = all.iter().map(|one| one.finding_id.as_str()).collect();
        for known in previous.findings.values() {
            if still.contains(known.finding_id.as_str()) {
                continue;
            }
            let fate = if undone.contains(&known.finding_id) {
                Fate::Resolved
            } else {
                fate(known, previous, &rules, by)
            };
            match fate {
                Fate::Resolved => settled.resolved.push(known.clone()),
                Fate::Forgotten => settled.forgotten += 1,
                Fate::NotObserved(why) => settled.not_observed.push(NotObserved {
                    finding: known.clone(),
                    why,
                }),
            }
        }
    }
    settled
        .not_observed
        .sort_by_key(|one| std::cmp::Reverse(one.finding.severity));
    settled
        .resolved
        .sort_by_key(|known| std::cmp::Reverse(known.severity));
    settled.rules = rules;
    suppress(all, by, &mut settled);
    settled
}

/// A finding that no one sees again and no one settles is forgotten after so long, as
/// AWS Security Hub does.
const OPEN_DAYS: i64 = 90;

/// The status of an earlier finding that is not found again.
enum Fate {
    Resolved,
    NotObserved(String),
    Forgotten,
}

fn fate(
    known: &PreviousFinding,
    previous: &Previous,
    rules: &[RuleReport],
    by: &StatusInputs<'_>,
) -> Fate {
    let end = by.window.to.unwrap_or(known.last_seen);
    if known.last_seen.plus(OPEN_DAYS * 86_400) <= end {
        return Fate::Forgotten;
    }
    let not_observed = |why: &str| Fate::NotObserved(why.to_owned());
    let report = rules.iter().find(|report| report.rule == known.rule);
    match report.map(|report| &report.state) {
        Some(RuleState::Ran) => {}
        Some(RuleState::Skipped(_)) => return not_observed("its rule was skipped"),
        Some(RuleState::Disabled | RuleState::NotAsked) => {
            return not_observed("its rule was not selected");
        }
        None => return not_observed("this version does not have the rule"),
    }
    if find(&known.rule).is_some_and(|entry| entry.meta.kind == RuleKind::Event) {
        return not_observed(
            "it is a past event, and nothing in the logs says that it was remedied",
        );
    }
    // What was evaluated before tells nothing new, unless it holds the finding itself.
    let judged_before = previous.window_end.unwrap_or(known.last_seen);
    if end <= judged_before && !by.window.contains(known.last_seen) {
        return not_observed(
            "it lies outside the window, which does not end later than that of the earlier run",
        );
    }
    match silent_place(known, by) {
        Some(place) => Fate::NotObserved(format!("no logs of {place} in the window were read")),
        None => Fate::Resolved,
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
