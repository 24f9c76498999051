//! What the configuration accepts for a while, and what an earlier run knew.

use crate::model::finding::{
    ExpiredSuppression, Finding, FindingStatus, Findings, Previous, RuleReport, RuleState,
    Suppressed, Suppression,
};
use crate::model::pattern::matches;
use crate::model::window::TimeWindow;
use jiff::civil::Date;
use std::collections::BTreeSet;

/// Settles findings: takes out what is suppressed on the day `as_of`, calls out
/// suppressions that have expired, and tells new from ongoing and resolved.
#[must_use]
pub fn settle(
    found: (Vec<Finding>, Vec<RuleReport>),
    window: TimeWindow,
    baseline: TimeWindow,
    suppressions: &[Suppression],
    as_of: Date,
    previous: Option<&Previous>,
) -> Findings {
    let (mut all, mut rules) = found;
    if let Some(previous) = previous {
        note_rules_that_did_not_run(&mut rules, previous);
        for finding in &mut all {
            if let Some(known) = previous.findings.get(&finding.finding_id) {
                finding.status = FindingStatus::Ongoing;
                finding.first_seen = finding.first_seen.min(known.first_seen);
            }
        }
    }
    let resolved = previous.map_or_else(Vec::new, |previous| {
        let ran = rules.iter().filter(|report| report.state == RuleState::Ran);
        let ran: BTreeSet<&str> = ran.map(|report| report.rule).collect();
        let still: BTreeSet<&str> = all.iter().map(|one| one.finding_id.as_str()).collect();
        let is_gone = |id: &str, rule: &str| ran.contains(rule) && !still.contains(id);
        let known = previous.findings.values();
        known
            .filter(|one| is_gone(&one.finding_id, &one.rule))
            .cloned()
            .collect()
    });
    let mut expired: Vec<ExpiredSuppression> = suppressions
        .iter()
        .filter(|suppression| suppression.expires <= as_of)
        .map(|suppression| ExpiredSuppression {
            suppression: suppression.clone(),
            finding_ids: Vec::new(),
        })
        .collect();
    let mut settled = Findings {
        window,
        baseline,
        resolved,
        has_previous: previous.is_some(),
        rules,
        ..Findings::default()
    };
    for finding in all {
        let live = suppressions
            .iter()
            .filter(|suppression| as_of < suppression.expires);
        let mut accepting = live.filter(|suppression| hides(suppression, &finding));
        if let Some(suppression) = accepting.next() {
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
    settled
}

/// What an earlier run did not look for is not new because it did not find it.
fn note_rules_that_did_not_run(rules: &mut [RuleReport], previous: &Previous) {
    let Some(ran) = &previous.rules_ran else {
        return;
    };
    for report in rules
        .iter_mut()
        .filter(|report| report.state == RuleState::Ran)
    {
        if !ran.contains(report.rule) {
            let note = "the previous run did not run this rule: everything it finds counts as new";
            report.notes.push(note.to_owned());
        }
    }
}

/// Whether a suppression is about a finding.
fn hides(suppression: &Suppression, finding: &Finding) -> bool {
    let of_subject = |pattern: &str| {
        let mut values = finding.subject.0.iter();
        values.any(|(_, value)| matches(pattern, value))
            || matches(pattern, &finding.subject.text())
            || pattern == finding.finding_id
    };
    matches(&suppression.rule, finding.rule) && of_subject(&suppression.subject)
}
