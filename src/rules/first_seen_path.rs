//! `first-seen-path`: a data source, Role B and work group that were never seen
//! together before.

use super::context::RuleContext;
use super::history::{ChainRoute, routes_of};
use super::hop::role_text;
use super::occurrences::{Occurrences, plural, sample};
use super::rule::{
    FindingDraft, FindingSink, OptionMeta, Options, OptionsError, Rule, RuleEntry, RuleKind,
    RuleMeta, RuleNeed,
};
use crate::model::finding::{Evidence, Severity, Subject};
use std::collections::{BTreeMap, BTreeSet};

static META: RuleMeta = RuleMeta {
    id: "first-seen-path",
    title: "A data source, Role B and work group are used together for the first time",
    severity: Severity::Low,
    kind: RuleKind::Event,
    needs: RuleNeed::Nothing,
    since: "0.1.0",
    page: include_str!("first_seen_path.md"),
    options: &[OptionMeta {
        name: "min_history_days",
        default: "14",
        meaning: "minimum days with logs of the consumer before the window; with fewer, it is not evaluated",
    }],
    next_step: "look at who used it; a new data source is expected to show up here once",
    command: "qs-audit show CHAIN",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry { meta: &META, build };

fn build(options: &Options<'_>) -> Result<Box<dyn Rule>, OptionsError> {
    let history_days_min = options.integer("min_history_days", 14, 1)?;
    Ok(Box::new(FirstSeenPath { history_days_min }))
}

struct FirstSeenPath {
    history_days_min: u64,
}

/// Paths of the window that were never seen before it.
fn new_paths(context: &RuleContext<'_>) -> BTreeMap<ChainRoute, Occurrences> {
    let before = context.input.history.routes();
    let mut by_subject: BTreeMap<ChainRoute, Occurrences> = BTreeMap::new();
    for chain in context.touching() {
        let routes = routes_of(chain).into_iter();
        let inside = routes.filter(|(_, at)| context.in_window(*at));
        for (path, at) in inside.filter(|(path, _)| !before.contains(path)) {
            let user = chain.quick_user.as_ref().map(|user| &user.name);
            let occurrences = by_subject.entry(path).or_default();
            occurrences
                .happened(at)
                .with_chain(&chain.chain_id)
                .with_word("users", user);
            if let Some(session) = &chain.consumer_session {
                occurrences.with_events(&session.event_ids);
            }
        }
    }
    by_subject
}

impl Rule for FirstSeenPath {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        if context.baseline_days().is_empty() {
            return sink.skip(
                "no logs from before the window were read: raise --baseline, or add older logs",
            );
        }
        let by_subject = new_paths(context);
        let mut too_young: BTreeSet<String> = BTreeSet::new();
        for ((role, source, work_group), occurrences) in &by_subject {
            let account = &role.account_id;
            let days = context.baseline_days_of(account);
            if days < self.history_days_min {
                too_young.insert(format!(
                    "{} ({} of history)",
                    context.account(account),
                    plural(days, "day")
                ));
                continue;
            }
            sink.add(FindingDraft {
                title: format!("{} was reached for {source} in {work_group} for the first time", context.account(account)),
                detail: format!(
                    "{} of {source} ran as {} in work group {work_group}, for the first time in {} of logs of that account.",
                    plural(occurrences.count(), "query"),
                    role_text(role),
                    plural(days, "day")
                ),
                subject: Subject(vec![
                    ("consumer_account_id", account.clone().into()),
                    ("role", role_text(role)),
                    ("data_source_arn", source.clone().into()),
                    ("work_group", work_group.clone()),
                ]),
                consumer_account_id: Some(account.clone()),
                evidence: vec![
                    ("users", Evidence::texts(occurrences.words("users"))),
                    ("history_days", Evidence::Integer(days)),
                ],
                next_step: None,
                occurrences,
            });
        }
        if !too_young.is_empty() {
            let accounts: Vec<String> = too_young.into_iter().collect();
            sink.note(format!(
                "not enough history to evaluate paths to {}",
                sample(&accounts)
            ));
        }
    }
}
