//! `long-idle-data-source`: a data source that is known, and that no one uses.

use super::context::RuleContext;
use super::history::{SourceUses, add_source_use};
use super::occurrences::{Occurrences, plural};
use super::rule::{
    FindingDraft, FindingSink, OptionMeta, Options, OptionsError, Rule, RuleEntry, RuleKind,
    RuleMeta, RuleNeed,
};
use crate::model::finding::{Evidence, PreviousFinding, Severity, Subject};
use crate::model::identity::RoleName;
use crate::model::ids::{AccountId, DataSourceArn};
use crate::model::time::UtcDay;
use std::collections::{BTreeMap, BTreeSet};

static META: RuleMeta = RuleMeta {
    id: "long-idle-data-source",
    title: "An existing data source has not been used for a long time",
    severity: Severity::Low,
    kind: RuleKind::Condition,
    needs: RuleNeed::Nothing,
    since: "0.1.0",
    page: include_str!("long_idle_data_source.md"),
    options: &[OptionMeta {
        name: "idle_days",
        default: "28",
        meaning: "minimum days without a chain for a data source to be idle; the logs must cover as many days",
    }],
    next_step: "ask its owner; delete it in Quick, and take its ExternalId out of Role B's trust policy",
    command: "qs-audit explain long-idle-data-source",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry { meta: &META, build };

fn build(options: &Options<'_>) -> Result<Box<dyn Rule>, OptionsError> {
    let idle_days = options.integer("idle_days", 28, 1)?;
    Ok(Box::new(LongIdleDataSource {
        idle_days: i64::try_from(idle_days).unwrap_or(i64::MAX / 86_400),
    }))
}

struct LongIdleDataSource {
    idle_days: i64,
}

/// Data sources that are known to exist, with the account they reach, as far as it
/// is known. Those of an inventory that reach no other account are left out.
fn known(
    context: &RuleContext<'_>,
    used: &BTreeMap<DataSourceArn, SourceUses>,
) -> BTreeMap<DataSourceArn, Option<AccountId>> {
    let mut known: BTreeMap<DataSourceArn, Option<AccountId>> = BTreeMap::new();
    for consumer in &context.input.topology.consumers {
        for arn in consumer.data_sources.iter().flatten() {
            known.insert(arn.clone(), Some(consumer.account_id.clone()));
        }
    }
    match context.input.inventory {
        Some(inventory) => {
            for source in inventory.data_sources.values() {
                let role = source.consumer_role_arn.as_deref();
                if let Some(role) = role.and_then(RoleName::from_arn) {
                    known.insert(source.arn.clone(), Some(role.account_id));
                }
            }
        }
        // What was used once was set up; it may have been deleted since.
        None => {
            for (arn, uses) in used {
                known
                    .entry(arn.clone())
                    .or_insert_with(|| uses.first_account().cloned());
            }
        }
    }
    known
}

impl Rule for LongIdleDataSource {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn is_remedied(&self, finding: &PreviousFinding, context: &RuleContext<'_>) -> bool {
        let Some(arn) = finding.subject("data_source_arn") else {
            return false;
        };
        let arn = DataSourceArn::from(arn.clone());
        let inventory = context.input.inventory;
        let is_deleted = inventory.is_some_and(|listed| listed.find(&arn).is_none());
        let is_used = context.touching().any(|chain| {
            chain.data_source_arn.as_ref() == Some(&arn)
                && !context.in_baseline(chain.last_activity_at)
        });
        is_used || is_deleted
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        let Some(end) = context.end() else {
            return sink.skip("no logs were read");
        };
        let since = end.plus(-self.idle_days.saturating_mul(86_400));
        let logged: BTreeSet<UtcDay> = context
            .accounts_logged()
            .values()
            .flatten()
            .copied()
            .collect();
        let has_history = logged
            .first()
            .is_some_and(|first| *first <= since.utc_day());
        if !has_history {
            let days = logged.first().map_or(0, |first| end.utc_day() - *first);
            let advice = if context.input.baseline_days < self.idle_days {
                "raise --baseline"
            } else {
                "add older logs"
            };
            return sink.skip(format!(
                "{} of logs are needed, but only {days} were read: {advice}",
                plural(self.idle_days.unsigned_abs(), "day")
            ));
        }
        let mut used = context.input.history.sources().clone();
        for chain in context.touching() {
            if !context.in_baseline(chain.last_activity_at) {
                add_source_use(&mut used, chain);
            }
        }
        for (arn, account) in known(context, &used) {
            let last = used.get(&arn).map(SourceUses::last);
            if last.is_some_and(|(at, _)| *at >= since) {
                continue;
            }
            let mut occurrences = Occurrences::default();
            occurrences
                .happened(last.map_or(since, |(at, _)| *at))
                .seen(end.plus(-1));
            if let Some((_, chain)) = last {
                occurrences.with_chain(chain);
            }
            let used = match last {
                Some((at, _)) => format!("was last used on {}", at.day()),
                None => "was not used in the logs that were read".to_owned(),
            };
            sink.add(FindingDraft {
                title: format!(
                    "{arn} has been idle for at least {}",
                    plural(self.idle_days.unsigned_abs(), "day")
                ),
                detail: format!(
                    "{arn} {used}. It still gives access to {}.",
                    account
                        .as_deref()
                        .map_or_else(|| "its consumer".to_owned(), |id| context.account(id))
                ),
                subject: Subject(vec![("data_source_arn", arn.clone().into())]),
                consumer_account_id: account,
                evidence: vec![(
                    "last_used",
                    last.map_or(Evidence::Unknown, |(at, _)| Evidence::Day(at.day())),
                )],
                next_step: None,
                occurrences: &occurrences,
            });
        }
    }
}
