//! The rules, asked about the result of a run.

use super::plan::{Checks, Plan};
use crate::model::audit::Audit;
use crate::model::ids::{AccountId, Region};
use crate::model::integrity::Integrity;
use crate::model::window::TimeWindow;
use crate::rules::{self, History};
use std::collections::BTreeSet;

/// Evaluates the rules: the result has their findings from then on, and the expected ranges of days.
pub(super) fn evaluate(
    audit: &mut Audit,
    checks: &Checks,
    plan: &Plan,
    integrity: &[Integrity],
    history: &History,
) {
    let bill = audit.attribution.as_ref();
    let bill = bill.filter(|_| audit.bill.as_ref().is_some_and(|bill| bill.files > 0));
    let exports = &plan.exports;
    let facts = rules::RuleContext::new(rules::RuleInput {
        window: checks.window,
        baseline_days: checks.baseline_days,
        topology: &plan.topology,
        inventory: checks.inventory.as_ref(),
        quick_users: exports.catalogs.as_ref().map(|catalogs| &catalogs.users),
        has_chat_logs: exports
            .chat_logs
            .as_ref()
            .is_some_and(|logs| logs.entries > 0),
        roles: &audit.roles,
        history,
        chains: &audit.chains,
        events: &audit.events,
        coverage: &audit.coverage,
        has_statistics: audit.statistics.is_some(),
        charges: bill.map(|attribution| attribution.charges.as_slice()),
        verification: audit.verification.as_ref(),
        integrity,
    });
    let baseline = TimeWindow {
        from: audit.window.from,
        to: checks.window.from,
    };
    let seen = audit.coverage.seen.iter();
    let in_window = seen.filter(|(_, seen)| seen.is_in(&checks.window));
    let places_logged: BTreeSet<(AccountId, Region)> = in_window
        .map(|((account, region, _), _)| (account.clone(), region.clone()))
        .collect();
    let settling = rules::StatusInputs {
        window: checks.window,
        baseline,
        places_logged: &places_logged,
        suppressions: &checks.suppressions,
        as_of: checks.as_of,
        previous: checks.previous.as_ref(),
        acknowledged: &checks.acknowledged,
        is_own_account: &|account| {
            let first = (account.clone(), Region::default());
            let mut logged = places_logged.range(first..);
            facts.is_declared(account) || logged.next().is_some_and(|(known, _)| known == account)
        },
    };
    let trends = if checks.trends {
        rules::trends(&checks.rules, &facts)
    } else {
        Vec::new()
    };
    let mut checked = rules::check(&checks.rules, &facts);
    if let Some(previous) = &checks.previous {
        let found = checked
            .findings
            .iter()
            .map(|finding| finding.finding_id.as_str());
        let found: BTreeSet<&str> = found.collect();
        let mut remedied = rules::remedied(&checks.rules, &facts, previous);
        remedied.retain(|id| !found.contains(id.as_str()));
        checked.undone.extend(remedied);
    }
    let findings = rules::reconcile(checked, &settling);
    audit.findings = Some(findings);
    audit.trends = trends;
}
