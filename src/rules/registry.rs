//! All rules, by id, and a set of them with its options.

use super::context::RuleContext;
use super::history::HistoryOptions;
use super::rule::{Checked, FindingSink, Options, OptionsError, Rule, RuleEntry, RuleNeed};
use super::{
    agent_acts_for_unknown_user, audit_trail_tampering, bytes_scanned_spike, catalog_created,
    connector_shared, cost_spike, cross_account_read_denied, data_share_changed,
    delegated_access_used, external_id_mismatch, external_id_missing, external_id_spoof,
    first_seen_path, first_seen_table, log_gap, long_idle_data_source, off_scope_activity,
    query_failure_surge, query_rate_spike, result_location_changed, role_assumption_denied,
    role_permissions_changed, role_trust_changed, run_as_role_assumed_by_other,
    scope_down_mismatch, scope_down_missing, scope_down_too_wide, sensitive_table_read,
    service_chain_undeclared, session_from_several_origins, spill_bucket_exposed,
    undeclared_consumer, undeclared_data_source, undeclared_producer, undeclared_role,
    undeclared_work_group, unexpected_connector_account, unexpected_source_account,
    unusual_read_volume,
};
use crate::model::finding::{Previous, RulePage, RuleReport, RuleState};
use crate::model::trend::Trend;
use std::collections::{BTreeMap, BTreeSet};

/// All rules, sorted by id.
pub static RULES: &[RuleEntry] = &[
    agent_acts_for_unknown_user::ENTRY,
    audit_trail_tampering::ENTRY,
    bytes_scanned_spike::ENTRY,
    catalog_created::ENTRY,
    connector_shared::ENTRY,
    cost_spike::ENTRY,
    cross_account_read_denied::ENTRY,
    data_share_changed::ENTRY,
    delegated_access_used::ENTRY,
    external_id_mismatch::ENTRY,
    external_id_missing::ENTRY,
    external_id_spoof::ENTRY,
    first_seen_path::ENTRY,
    first_seen_table::ENTRY,
    log_gap::ENTRY,
    long_idle_data_source::ENTRY,
    off_scope_activity::ENTRY,
    query_failure_surge::ENTRY,
    query_rate_spike::ENTRY,
    result_location_changed::ENTRY,
    role_assumption_denied::ENTRY,
    role_permissions_changed::ENTRY,
    role_trust_changed::ENTRY,
    run_as_role_assumed_by_other::ENTRY,
    scope_down_mismatch::ENTRY,
    scope_down_missing::ENTRY,
    scope_down_too_wide::ENTRY,
    sensitive_table_read::ENTRY,
    service_chain_undeclared::ENTRY,
    session_from_several_origins::ENTRY,
    spill_bucket_exposed::ENTRY,
    undeclared_consumer::ENTRY,
    undeclared_data_source::ENTRY,
    undeclared_producer::ENTRY,
    undeclared_role::ENTRY,
    undeclared_work_group::ENTRY,
    unexpected_connector_account::ENTRY,
    unexpected_source_account::ENTRY,
    unusual_read_volume::ENTRY,
];

/// The rule of this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static RuleEntry> {
    RULES.iter().find(|entry| entry.meta.id == id)
}

/// The pages of all rules.
#[must_use]
pub fn pages() -> Vec<RulePage> {
    let page = |entry: &RuleEntry| RulePage {
        rule: entry.meta.id,
        page: entry.meta.page,
    };
    RULES.iter().map(page).collect()
}

/// A rule with its options, and why it does not run, if so.
struct Chosen {
    rule: Box<dyn Rule>,
    idle: Option<RuleState>,
}

/// Rules with their options, ready to run.
pub struct RuleSet(Vec<Chosen>);

impl std::fmt::Debug for RuleSet {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ids = self.0.iter().map(|chosen| chosen.rule.meta().id);
        formatter.debug_list().entries(ids).finish()
    }
}

impl RuleSet {
    /// All rules with the options of the configuration, by rule id; those that are
    /// not among `only` do not run, unless it is empty.
    ///
    /// # Errors
    ///
    /// When options name a rule or an option that there is not, or a value that
    /// makes no sense.
    pub fn new(
        options: &BTreeMap<String, toml::Table>,
        only: &BTreeSet<String>,
    ) -> Result<Self, OptionsError> {
        if let Some(unknown) = options.keys().find(|id| find(id).is_none()) {
            return Err(OptionsError {
                rule: unknown.clone(),
                name: "*".to_owned(),
                message: "there is no such rule".to_owned(),
            });
        }
        let mut chosen = Vec::with_capacity(RULES.len());
        for entry in RULES {
            let options = Options::new(entry.meta, options.get(entry.meta.id));
            options.check_names()?;
            let rule = (entry.build)(&options)?;
            let is_enabled = options.is_enabled()?;
            let idle = if !only.is_empty() && !only.contains(entry.meta.id) {
                Some(RuleState::NotAsked)
            } else if is_enabled {
                None
            } else {
                Some(RuleState::Disabled)
            };
            chosen.push(Chosen { rule, idle });
        }
        Ok(Self(chosen))
    }
}

/// Returns the reason why a rule cannot run, where the roles it needs are unknown.
fn lacking(needs: RuleNeed, context: &RuleContext<'_>) -> Option<&'static str> {
    let roles = context.input.roles;
    let (no_a, no_b) = (roles.run_as.is_empty(), roles.consumer.is_empty());
    match needs {
        RuleNeed::RunAsRole if no_a => Some(
            "Role A is not known: declare hub.run_as_roles, or read logs in which Quick assumes it",
        ),
        RuleNeed::ConsumerRole if no_b => Some(
            "Role B is not known: declare roles of [[consumers]], or read logs in which it is assumed",
        ),
        RuleNeed::AnyRole if no_a && no_b => Some(
            "neither Role A nor Role B is known: declare them, or read logs in which Quick uses them",
        ),
        _ => None,
    }
}

/// Returns what the rules of a set want to know of the days before a window.
#[must_use]
pub fn history_options(rules: &RuleSet) -> HistoryOptions {
    let mut options = HistoryOptions::default();
    for Chosen { rule, .. } in &rules.0 {
        rule.ask_of_history(&mut options);
    }
    options
}

/// Asks all rules of a set. Findings come the worst first, then by rule and subject;
/// reports in the order of ids.
#[must_use]
pub fn check(rules: &RuleSet, context: &RuleContext<'_>) -> Checked {
    let mut checked = Checked::default();
    for Chosen { rule, idle } in &rules.0 {
        let meta = rule.meta();
        if let Some(state) = idle {
            checked.reports.push(RuleReport {
                rule: meta.id,
                severity: meta.severity,
                state: state.clone(),
                notes: Vec::new(),
            });
            continue;
        }
        let mut sink = FindingSink::new(meta, context.integrity_index());
        match lacking(meta.needs, context) {
            Some(why) => sink.skip(why),
            None => rule.check(context, &mut sink),
        }
        let of_rule = sink.finish();
        checked.findings.extend(of_rule.findings);
        checked.reports.extend(of_rule.reports);
        checked.undone.extend(of_rule.undone);
        checked.put_back.extend(of_rule.put_back);
    }
    for finding in &mut checked.findings {
        let values = finding.subject.0.iter().map(|(_, value)| value);
        finding.role_arns = values.filter_map(|value| context.role_arn(value)).collect();
    }
    checked.findings.sort_by(|left, right| {
        (right.severity, left.rule, &left.subject).cmp(&(left.severity, right.rule, &right.subject))
    });
    checked
}

/// Returns the ids of earlier findings whose cause is known to be gone, of rules that run.
#[must_use]
pub fn remedied(
    rules: &RuleSet,
    context: &RuleContext<'_>,
    previous: &Previous,
) -> BTreeSet<String> {
    let running = rules.0.iter().filter(|chosen| chosen.idle.is_none());
    let by_id: BTreeMap<&str, &dyn Rule> = running
        .map(|chosen| (chosen.rule.meta().id, &*chosen.rule))
        .collect();
    let known = previous.findings.values();
    let gone = known.filter(|known| {
        let rule = by_id.get(known.rule.as_str());
        rule.is_some_and(|rule| rule.is_remedied(known, context))
    });
    gone.map(|known| known.finding_id.clone()).collect()
}

/// The days that rules evaluate consumers by, by account and measure; of rules that do
/// not run, too.
#[must_use]
pub fn trends(rules: &RuleSet, context: &RuleContext<'_>) -> Vec<Trend> {
    let all = rules.0.iter();
    let mut trends: Vec<Trend> = all.flat_map(|chosen| chosen.rule.trends(context)).collect();
    trends.sort_by(|left, right| {
        (&left.account_id, &left.measure).cmp(&(&right.account_id, &right.measure))
    });
    trends
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    #[test]
    fn ids_are_sorted_unique_and_well_formed() {
        let ids: Vec<&str> = RULES.iter().map(|entry| entry.meta.id).collect();
        assert!(ids.is_sorted_by(|left, right| left < right), "{ids:?}");
        for id in ids {
            let is_plain = |letter: char| letter.is_ascii_lowercase() || letter == '-';
            assert!(id.chars().all(is_plain), "{id}");
        }
    }

    #[test]
    fn every_option_has_the_default_that_is_documented() {
        for entry in RULES {
            let mut text = String::from("enabled = true\n");
            for option in entry.meta.options {
                writeln!(text, "{} = {}", option.name, option.default).unwrap();
            }
            let table: toml::Table = toml::from_str(&text).unwrap();
            let options = Options::new(entry.meta, Some(&table));
            assert!(
                options.check_names().is_ok() && (entry.build)(&options).is_ok(),
                "{text}"
            );
        }
    }

    #[test]
    fn options_that_make_no_sense_are_refused() {
        for entry in RULES {
            for option in entry.meta.options {
                let table: toml::Table =
                    toml::from_str(&format!("{} = {{ odd = 1 }}", option.name)).unwrap();
                let options = Options::new(entry.meta, Some(&table));
                assert!(
                    (entry.build)(&options).is_err(),
                    "{} {}",
                    entry.meta.id,
                    option.name
                );
            }
        }
        let set = |text: &str| {
            let tables: BTreeMap<String, toml::Table> = toml::from_str(text).unwrap();
            RuleSet::new(&tables, &BTreeSet::new()).map_err(|error| error.to_string())
        };
        assert!(set("[log-gap]\nenabled = false").is_ok());
        let error = set("[log-gap]\nmin_days = 3").unwrap_err();
        assert!(
            error.contains("rules.log-gap.min_days") && error.contains("min_history_days"),
            "{error}"
        );
        assert!(set("[log-gaps]").unwrap_err().contains("log-gaps"));
        assert!(set("[log-gap]\nenabled = 1").is_err());
    }
}
