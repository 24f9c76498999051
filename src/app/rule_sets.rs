//! Rules with the options of a configuration.

use super::failure::Failure;
use super::nearest::nearest;
use crate::config::Settings;
use crate::model::pattern::matches;
use crate::rules::{RULES, RuleSet};
use std::collections::BTreeSet;

/// Returns the rules with their options; only some, where any are named.
///
/// # Errors
///
/// When there is no such rule, or a rule has no such option or value.
pub fn rule_set(settings: &Settings, only: &BTreeSet<String>) -> Result<RuleSet, Failure> {
    for suppression in &settings.suppressions {
        if !RULES
            .iter()
            .any(|entry| matches(&suppression.rule, entry.meta.id))
        {
            let message = format!("no rule {:?}", suppression.rule);
            let failure = Failure::from(settings.suppression_error(suppression, message));
            return Err(with_near_rule(failure, &suppression.rule));
        }
    }
    RuleSet::new(&settings.rules, only).map_err(|error| {
        let is_unknown = error.name == "*";
        let key = match error.name.as_str() {
            "*" => format!("rules.{}", error.rule),
            name => format!("rules.{}.{name}", error.rule),
        };
        let option = (!is_unknown).then_some(error.name.as_str());
        let failure = settings.rule_error(&error.rule, option, key, error.message);
        if is_unknown {
            return with_near_rule(failure.into(), &error.rule);
        }
        let hint = format!("`qs-audit explain {}` lists its options", error.rule);
        Failure::from(failure).hint(hint)
    })
}

/// Adds the rule with the most similar name to an error about an unknown rule.
#[must_use]
pub fn with_near_rule(failure: Failure, rule: &str) -> Failure {
    match nearest(rule, RULES.iter().map(|entry| entry.meta.id)) {
        Some(near) => failure.hint(format!("did you mean {near}?")),
        None => failure.hint("`qs-audit explain` lists the rules"),
    }
}
