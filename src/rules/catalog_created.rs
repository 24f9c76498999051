//! `catalog-created`: a data catalog was registered in Athena, by whom, and for which account
//! (docs/cloudtrail-facts.md#connectors).

use super::connectors::account_in;
use super::context::RuleContext;
use super::occurrences::{Occurrences, sample};
use super::rule::{FindingDraft, FindingSink, Rule, RuleEntry, RuleKind, RuleMeta, RuleNeed};
use crate::model::event::{CredentialIssuance, Detail, Event};
use crate::model::finding::{Evidence, Severity, Subject};
use crate::model::identity::Identity;
use crate::model::ids::AccountId;
use crate::model::text::Text;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

static META: RuleMeta = RuleMeta {
    id: "catalog-created",
    title: "A data catalog was registered in Athena, or now stands for something else",
    severity: Severity::Medium,
    kind: RuleKind::Event,
    needs: RuleNeed::Nothing,
    since: "0.1.0",
    page: include_str!("catalog_created.md"),
    options: &[],
    next_step: "check with the owner of the catalog or connector that the registration is wanted; delete it if not",
    command: "qs-audit explain catalog-created",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry {
    meta: &META,
    build: |_| Ok(Box::new(CatalogCreated)),
};

struct CatalogCreated;

/// How far the session that registers catalogs for another account may be searched, in seconds: the
/// longest that a session lasts.
const SESSION_SECONDS_MAX: i64 = 12 * 3600;

/// What a registration stands for.
#[derive(Default)]
struct Registration {
    occurrences: Occurrences,
    owners: BTreeSet<AccountId>,
}

impl Rule for CatalogCreated {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        let mut by_subject: BTreeMap<(AccountId, Text), Registration> = BTreeMap::new();
        for (event, parameters) in context.changes() {
            let is_registration = matches!(&*event.name, "CreateDataCatalog" | "UpdateDataCatalog");
            let name = parameters["name"].as_str().filter(|_| is_registration);
            let (Some(name), Some(account)) = (name, &event.recipient_account_id) else {
                continue;
            };
            if !context.in_window(event.time) {
                continue;
            }
            let of_key = by_subject.entry((account.clone(), name.into()));
            let registration = of_key.or_default();
            let (targets, owners) = targets(parameters);
            registration.owners.extend(owners);
            let assumed = maker(context, event);
            let from = assumed.and_then(|(_, caller)| caller.best_name());
            let occurrences = &mut registration.occurrences;
            occurrences
                .happened(event.time)
                .with_events([&event.id])
                .with_events(assumed.map(|(event, _)| &event.id))
                .with_word("registered_by", event.identity.best_name())
                .with_word("assumed_by", from);
            for target in targets {
                occurrences.with_word("targets", Some(&target));
            }
        }
        for ((account, name), registration) in &by_subject {
            add(account, name, registration, context, sink);
        }
    }
}

fn add(
    account: &AccountId,
    name: &Text,
    registration: &Registration,
    context: &RuleContext<'_>,
    sink: &mut FindingSink<'_>,
) {
    let occurrences = &registration.occurrences;
    let others = registration.owners.iter().filter(|owner| *owner != account);
    let others: Vec<&AccountId> = others.collect();
    let severity = if others.is_empty() {
        Severity::Low
    } else if context.has_declared_accounts() && !others.iter().all(|one| context.is_declared(one))
    {
        Severity::High
    } else {
        META.severity
    };
    let labels: Vec<String> = others.iter().map(|owner| context.account(owner)).collect();
    let of = if labels.is_empty() {
        String::new()
    } else {
        format!(" for {}", sample(&labels))
    };
    let by = occurrences.words("registered_by");
    let assumed_by = occurrences.words("assumed_by");
    let from = if assumed_by.is_empty() {
        String::new()
    } else {
        format!(", a session that {} assumed", sample(&assumed_by))
    };
    let targets = occurrences.words("targets");
    let stands_for = if targets.is_empty() {
        "the call does not tell what it stands for".to_owned()
    } else {
        format!("it stands for {}", sample(&targets))
    };
    sink.add_at(
        severity,
        FindingDraft {
            title: format!(
                "Data catalog {name} was registered in {}{of}",
                context.account(account)
            ),
            detail: format!(
                "{}{from} registered data catalog {name} in {}: {stands_for}.",
                sample(&by),
                context.account(account)
            ),
            subject: Subject(vec![
                ("account_id", account.clone().into()),
                ("data_catalog", name.clone()),
            ]),
            consumer_account_id: Some(account.clone()),
            evidence: vec![
                ("registered_by", Evidence::texts(by)),
                ("assumed_by", Evidence::texts(assumed_by)),
                ("targets", Evidence::texts(targets)),
                (
                    "owner_account_ids",
                    Evidence::texts(registration.owners.iter().cloned()),
                ),
            ],
            next_step: None,
            occurrences,
        },
    );
}

/// What a registration names: catalogs, functions and connections, and their accounts.
fn targets(parameters: &Value) -> (Vec<Text>, BTreeSet<AccountId>) {
    const NAMES: [&str; 6] = [
        "catalog-id",
        "function",
        "metadata-function",
        "record-function",
        "connection-arn",
        "connection-type",
    ];
    let of = &parameters["parameters"];
    let named = NAMES.iter().filter_map(|name| of[name].as_str());
    let named: Vec<Text> = named.map(Text::from).collect();
    let owners = named.iter().filter_map(|one| account_in(one)).collect();
    (named, owners)
}

/// The AssumeRole call that made the session of an event, and its caller.
fn maker<'a>(context: &RuleContext<'a>, event: &Event) -> Option<(&'a Event, &'a Identity)> {
    let identity = &event.identity;
    let id = identity.assumed_role_id()?;
    let is_made = |issue: &CredentialIssuance| issue.assumed_role_id.as_ref() == Some(id);
    let is_key = |issue: &CredentialIssuance| {
        issue.issued_key_id.is_none() || issue.issued_key_id == identity.access_key_id
    };
    let mut found: Option<&'a Event> = None;
    for other in context.input.events {
        let Detail::CredentialIssuance(issue) = &other.detail else {
            continue;
        };
        let is_before =
            other.time <= event.time && event.time <= other.time.plus(SESSION_SECONDS_MAX);
        if is_before && other.error_code.is_none() && is_made(issue) && is_key(issue) {
            // The caller's own copy tells more.
            let is_better = found.is_none_or(|known| known.identity.arn.is_none());
            found = if is_better { Some(other) } else { found };
        }
    }
    found.map(|event| (event, &*event.identity))
}
