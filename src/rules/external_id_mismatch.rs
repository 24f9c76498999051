//! `external-id-mismatch`: Role B is assumed with an `ExternalId` that is no data source of
//! the hub, or that of a data source with another role
//! (docs/cloudtrail-facts.md#scope-down-policy-and-external-id,
//! 5.1).

use super::context::RuleContext;
use super::occurrences::{Occurrences, times};
use super::rule::{FindingDraft, FindingSink, Rule, RuleEntry, RuleKind, RuleMeta, RuleNeed};
use super::unread::note_unread_consumer_sessions;
use crate::model::finding::{Evidence, Severity, Subject};
use crate::model::identity::RoleName;
use crate::model::ids::{AccountId, DataSourceArn, is_data_source_arn};
use crate::model::text::Text;
use std::collections::{BTreeMap, BTreeSet};

static META: RuleMeta = RuleMeta {
    id: "external-id-mismatch",
    title: "Role B is assumed with an ExternalId that is no data source of the hub, or one set up for another role",
    severity: Severity::High,
    kind: RuleKind::Condition,
    needs: RuleNeed::ConsumerRole,
    since: "0.1.0",
    page: include_str!("external_id_mismatch.md"),
    options: &[],
    next_step: "find out who sent it; then list the hub's data sources in Role B's trust policy",
    command: "qs-audit show CHAIN",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry {
    meta: &META,
    build: |_| Ok(Box::new(ExternalIdMismatch)),
};

struct ExternalIdMismatch;

/// Returns the fault of an external id for a role, if it has one.
fn fault(context: &RuleContext<'_>, external_id: &str, role: &RoleName) -> Option<String> {
    let declared = context.input.topology.consumer(&role.account_id);
    let declared = declared.and_then(|consumer| consumer.data_sources.as_ref());
    let is_declared = |declared: &BTreeSet<DataSourceArn>| {
        let mut arns = declared.iter();
        arns.any(|arn| **arn == *external_id || arn.rsplit('/').next() == Some(external_id))
    };
    if declared.is_some_and(|declared| !is_declared(declared)) {
        return Some("it is not one of the data sources declared for this consumer".to_owned());
    }
    if let Some(inventory) = context
        .input
        .inventory
        .filter(|list| list.covers(external_id))
    {
        let Some(source) = inventory.find(external_id) else {
            return Some("it is not in the list of data sources".to_owned());
        };
        let Some(listed) = source.consumer_role_arn.as_deref() else {
            return Some("that data source is not set up for any consumer role".to_owned());
        };
        let is_other = RoleName::from_arn(listed).is_some_and(|listed| listed != *role);
        return is_other.then(|| format!("that data source is set up for {listed}"));
    }
    if context.is_data_source(external_id) {
        return None;
    }
    if !is_data_source_arn(external_id) {
        return Some("it is not the ARN of a Quick data source".to_owned());
    }
    let account = external_id.split(':').nth(4).unwrap_or_default();
    let hubs = context.hub_accounts();
    (!hubs.is_empty() && !hubs.contains(account))
        .then(|| format!("it names a data source of account {account}, which is not the hub"))
}

impl Rule for ExternalIdMismatch {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        if context.input.inventory.is_none() {
            sink.note(
                "without a list of data sources (--data-sources), every well-formed data source ARN of the hub is accepted",
            );
        }
        note_unread_consumer_sessions(context, sink);
        let mut by_subject: BTreeMap<(AccountId, Text, Text), (Occurrences, String)> =
            BTreeMap::new();
        for hop in context.consumer_hops() {
            let Some(external_id) = &hop.session.external_id else {
                continue;
            };
            let Some(fault) = fault(context, external_id, &hop.role) else {
                continue;
            };
            let key = (
                hop.role.account_id.clone(),
                hop.role_text(),
                external_id.clone(),
            );
            let (occurrences, why) = by_subject.entry(key).or_default();
            *why = fault;
            occurrences
                .with_hop(hop)
                .with_word("callers", hop.session.assumed_by.as_ref());
        }
        for ((account, role, external_id), (occurrences, why)) in &by_subject {
            sink.add(FindingDraft {
                title: format!(
                    "Role B of {} was assumed with an ExternalId that does not match",
                    context.account(account)
                ),
                detail: format!(
                    "{role} was assumed {} with the ExternalId {external_id}: {why}.",
                    times(occurrences.count())
                ),
                subject: Subject(vec![
                    ("consumer_account_id", account.clone().into()),
                    ("role", role.clone()),
                    ("external_id", external_id.clone()),
                ]),
                consumer_account_id: Some(account.clone()),
                evidence: vec![
                    ("fault", Evidence::Text(why.as_str().into())),
                    ("callers", Evidence::texts(occurrences.words("callers"))),
                ],
                next_step: None,
                occurrences,
            });
        }
    }
}
