//! `service-chain-undeclared`: a state machine, a function or a job reaches a Role B or a declared table
//! without being declared (docs/roads.md).

use super::context::RuleContext;
use super::occurrences::{Occurrences, plural, sample};
use super::rule::{FindingDraft, FindingSink, Rule, RuleEntry, RuleKind, RuleMeta, RuleNeed};
use crate::model::chain::{Chain, ChainPath, ChainStatus, Confidence};
use crate::model::finding::{Evidence, PreviousFinding, Severity, Subject};
use crate::model::identity::RoleName;
use crate::model::ids::AccountId;
use crate::model::road::Origin;
use crate::model::text::Text;
use std::collections::{BTreeMap, BTreeSet};

static META: RuleMeta = RuleMeta {
    id: "service-chain-undeclared",
    title: "A state machine, a function or a job reaches a Role B or a declared table without being declared",
    severity: Severity::Medium,
    kind: RuleKind::Condition,
    needs: RuleNeed::Nothing,
    since: "0.1.0",
    page: include_str!("service_chain_undeclared.md"),
    options: &[],
    next_step: "find out who runs it; declare it under [[declared_services]], or take its permission away",
    command: "qs-audit show CHAIN",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry {
    meta: &META,
    build: |_| Ok(Box::new(ServiceChainUndeclared)),
};

struct ServiceChainUndeclared;

/// The service, its resource or the first role where that is not known, and the account that it
/// reaches.
type ServiceSubject = (Text, Text, AccountId);

impl Rule for ServiceChainUndeclared {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn is_remedied(&self, finding: &PreviousFinding, context: &RuleContext<'_>) -> bool {
        let service = finding.subject("service").cloned();
        let resource = finding.subject("resource").cloned();
        let origin = Origin {
            service,
            resource_arn: resource.filter(|resource| resource.starts_with("arn:")),
            confidence: None,
        };
        let mut declared = context.input.topology.services.iter();
        declared.any(|service| service.covers(&origin, finding.role_arns.iter()))
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        let topology = context.input.topology;
        let mut by_subject: BTreeMap<ServiceSubject, Occurrences> = BTreeMap::new();
        for chain in context.input.chains {
            let Some(service) = chain
                .origin
                .service
                .as_ref()
                .filter(|_| is_candidate(chain))
            else {
                continue;
            };
            if !active(context, chain) || topology.declares_service_of(chain) {
                continue;
            }
            let reached = reached(context, chain);
            let Some(consumer) = chain.consumer_account_id.as_ref() else {
                continue;
            };
            if reached.is_empty() {
                continue;
            }
            let key = (service.clone(), who(chain), consumer.clone());
            let occurrences = by_subject.entry(key).or_default();
            occurrences
                .happened(chain.started_at.max(first_call_in_window(context, chain)))
                .with_chain(&chain.chain_id);
            for session in chain.hops() {
                occurrences
                    .with_events(&session.event_ids)
                    .with_word("roles", session.role_arn.as_ref());
            }
            for one in &reached {
                occurrences.with_word("reached", Some(one));
            }
        }
        for ((service, who, consumer), occurrences) in &by_subject {
            let reached = occurrences.words("reached");
            sink.add(FindingDraft {
                title: format!("{who} of {service} is not declared and reaches {}", sample(&reached)),
                detail: format!(
                    "{} of {who} ({service}) reached {} in {}; [[declared_services]] does not have it.",
                    plural(occurrences.count(), "chain"),
                    sample(&reached),
                    context.account(consumer)
                ),
                subject: Subject(vec![
                    ("consumer_account_id", consumer.clone().into()),
                    ("resource", who.clone()),
                    ("service", service.clone()),
                ]),
                consumer_account_id: Some(consumer.clone()),
                evidence: vec![
                    ("reached", Evidence::texts(reached)),
                    ("roles", Evidence::texts(occurrences.words("roles"))),
                ],
                next_step: None,
                occurrences,
            });
        }
    }
}

/// Returns true if a service other than Quick made the first session of a chain, and it was not denied.
fn is_candidate(chain: &Chain) -> bool {
    chain.origin.is_other_service()
        && chain.status != ChainStatus::Denied
        && chain.path != ChainPath::Session
}

fn active(context: &RuleContext<'_>, chain: &Chain) -> bool {
    call_times(context, chain).any(|at| context.in_window(at))
}

fn call_times<'c>(
    context: &'c RuleContext<'_>,
    chain: &'c Chain,
) -> impl Iterator<Item = crate::model::time::UtcSecond> + 'c {
    let events = chain.events.iter();
    events.map(|entry| context.input.events[entry.event as usize].time)
}

/// Returns the time of a chain's first call in the window.
fn first_call_in_window(context: &RuleContext<'_>, chain: &Chain) -> crate::model::time::UtcSecond {
    let mut inside = call_times(context, chain).filter(|at| context.in_window(*at));
    inside.next().unwrap_or(chain.started_at)
}

/// The resource, else the first role, as subjects name it.
fn who(chain: &Chain) -> Text {
    if let Some(resource) = &chain.origin.resource_arn {
        return resource.clone();
    }
    let mut roles = chain.hops().filter_map(|session| session.role_arn.as_ref());
    let first = roles.next().and_then(|arn| RoleName::from_arn(arn));
    first.map_or_else(|| "unknown".into(), |role| super::hop::role_text(&role))
}

/// The Roles B and declared tables that a chain reached.
fn reached(context: &RuleContext<'_>, chain: &Chain) -> BTreeSet<Text> {
    let topology = context.input.topology;
    let roles = chain.hops().filter_map(|session| session.role_arn.as_ref());
    let roles = roles.filter_map(|arn| RoleName::from_arn(arn));
    let roles = roles.filter(|role| context.input.roles.consumer.contains(role));
    let mut reached: BTreeSet<Text> = roles.map(|role| super::hop::role_text(&role)).collect();
    let surely = chain
        .all_reads()
        .filter(|read| read.confidence != Confidence::Ambiguous);
    reached.extend(
        surely
            .filter(|read| topology.declares_table(read))
            .map(|read| {
                let owner = read.owner_account_id.as_ref();
                let owner = owner.map_or_else(String::new, |owner| format!("{owner}:"));
                Text::from(format!("{owner}{}", read.name()))
            }),
    );
    reached
}
