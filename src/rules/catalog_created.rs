//! `catalog-created`: a data catalog was registered in Athena, by whom, and for which account
//! (docs/cloudtrail-facts.md#connectors).

use super::connectors::account_in;
use super::context::RuleContext;
use super::occurrences::{Occurrences, sample};
use super::rule::{FindingDraft, FindingSink, Rule, RuleEntry, RuleKind, RuleMeta, RuleNeed};
use crate::model::event::{Detail, Event};
use crate::model::finding::{Evidence, Severity, Subject};
use crate::model::identity::Identity;
use crate::model::ids::AccountId;
use crate::model::text::Text;
use crate::model::time::CLOCK_SKEW_SECONDS;
use hashbrown::HashMap;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

static META: RuleMeta = RuleMeta {
    id: "catalog-created",
    title: "A data catalog was registered or updated in Athena",
    severity: Severity::Medium,
    kind: RuleKind::Event,
    needs: RuleNeed::Nothing,
    since: "0.1.0",
    page: include_str!("catalog_created.md"),
    options: &[],
    next_step: "check with the owner of the catalog or connector that the registration is wanted; delete it if not",
    command: "qs-audit chains --path any --consumer CONSUMER --from FROM",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry {
    meta: &META,
    build: |_| Ok(Box::new(CatalogCreated)),
};

struct CatalogCreated;

/// AssumeRole calls of one session's name and second that are looked at.
const MAKERS_MAX: usize = 256;

/// The account, the Region and the name of a data catalog.
type RegistrationKey = (AccountId, Text, Text);

/// The registrations of one data catalog.
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
        let makers = Makers::of(context);
        let mut by_subject: BTreeMap<RegistrationKey, Registration> = BTreeMap::new();
        for (event, parameters) in context.changes() {
            let is_registration = matches!(&*event.name, "CreateDataCatalog" | "UpdateDataCatalog");
            let name = parameters["name"].as_str().filter(|_| is_registration);
            let (Some(name), Some(account)) = (name, &event.recipient_account_id) else {
                continue;
            };
            if !context.in_window(event.time) {
                continue;
            }
            let region = event.region.as_ref();
            let region = region.map_or_else(|| "unknown".into(), |region| region.text().clone());
            let of_key = by_subject.entry((account.clone(), region, name.into()));
            let registration = of_key.or_default();
            let (targets, owners) = targets(parameters);
            registration.owners.extend(owners);
            let assumed = makers.get(event);
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
        for (key, registration) in &by_subject {
            add(key, registration, context, sink);
        }
    }
}

fn add(
    (account, region, name): &RegistrationKey,
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
    let caller = if assumed_by.is_empty() {
        sample(&by)
    } else {
        format!("{} (through {})", sample(&assumed_by), sample(&by))
    };
    let targets = occurrences.words("targets");
    let target = if targets.is_empty() {
        "The call does not name its target.".to_owned()
    } else {
        format!("Its target is {}.", sample(&targets))
    };
    sink.add_at(
        severity,
        FindingDraft {
            title: format!(
                "Data catalog {name} was registered or updated in {}{of}",
                context.account(account)
            ),
            detail: format!(
                "{caller} registered or updated data catalog {name} in {}, {region}. {target}",
                context.account(account)
            ),
            subject: Subject(vec![
                ("account_id", account.clone().into()),
                ("data_catalog", name.clone()),
                ("region", region.clone()),
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

/// The catalogs, functions and connections that a registration names, and their accounts.
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

/// AssumeRole calls by the sessions that they made.
struct Makers<'a>(HashMap<&'a Text, Vec<&'a Event>>);

impl<'a> Makers<'a> {
    fn of(context: &RuleContext<'a>) -> Self {
        let mut makers: HashMap<&Text, Vec<&Event>> = HashMap::new();
        let events = context.recent_events();
        for event in events.filter(|event| event.error_code.is_none()) {
            if let Detail::CredentialIssuance(issue) = &event.detail
                && let Some(id) = &issue.assumed_role_id
            {
                makers.entry(id).or_default().push(event);
            }
        }
        Self(makers)
    }

    /// The call that made the session of an event, and its caller; `None` if several may have.
    fn get(&self, event: &Event) -> Option<(&'a Event, &'a Identity)> {
        let identity = &event.identity;
        let made = self.0.get(identity.assumed_role_id()?)?;
        // The creation time of a session is the time of its AssumeRole
        // (docs/cloudtrail-facts.md#joining-sessions).
        let created = identity.session_created_at?;
        let first = made.partition_point(|one| one.time < created.plus(-CLOCK_SKEW_SECONDS));
        let last = made.partition_point(|one| one.time <= created.plus(CLOCK_SKEW_SECONDS));
        let made = &made[first..last.min(first.saturating_add(MAKERS_MAX))];
        let is_key = |one: &&&Event| match &one.detail {
            Detail::CredentialIssuance(issue) => {
                issue.issued_key_id.is_some() && issue.issued_key_id == identity.access_key_id
            }
            _ => false,
        };
        let mut possible: Vec<&&Event> = made.iter().filter(is_key).collect();
        if possible.is_empty() {
            possible = made.iter().collect();
        }
        let callers = possible
            .iter()
            .filter_map(|one| one.identity.principal_id.as_ref());
        let callers: BTreeSet<&Text> = callers.collect();
        // The caller's own copy has its name.
        let best = possible
            .into_iter()
            .max_by_key(|one| one.identity.arn.is_some());
        best.filter(|_| callers.len() <= 1)
            .map(|event| (*event, &*event.identity))
    }
}
