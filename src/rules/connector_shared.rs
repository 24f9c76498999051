//! `connector-shared`: queries use the connector of another account, or may
//! (docs/cloudtrail-facts.md#connectors).

use super::connectors::{connector_reads, invoke_permissions, note_not_logged};
use super::context::RuleContext;
use super::occurrences::{Occurrences, plural, sample};
use super::rule::{FindingDraft, FindingSink, Rule, RuleEntry, RuleKind, RuleMeta, RuleNeed};
use crate::model::finding::{Evidence, Severity, Subject};
use crate::model::ids::AccountId;
use crate::model::text::Text;
use std::collections::BTreeMap;

static META: RuleMeta = RuleMeta {
    id: "connector-shared",
    title: "Queries of one account use the connector of another, or may invoke it",
    severity: Severity::Low,
    kind: RuleKind::Condition,
    needs: RuleNeed::Nothing,
    since: "0.1.0",
    page: include_str!("connector_shared.md"),
    options: &[],
    next_step: "check that the owner of the connector shares it on purpose, and its spill bucket, too",
    command: "qs-audit show CHAIN",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry {
    meta: &META,
    build: |_| Ok(Box::new(ConnectorShared)),
};

struct ConnectorShared;

/// The account id of subjects where everyone is meant.
const EVERYONE: &str = "*";

/// The use of a connector of one account by another.
struct Shared {
    occurrences: Occurrences,
    owner: AccountId,
    queries: u64,
}

impl Shared {
    fn by(owner: &AccountId) -> Self {
        Self {
            occurrences: Occurrences::default(),
            owner: owner.clone(),
            queries: 0,
        }
    }
}

impl Rule for ConnectorShared {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        note_not_logged(context, sink);
        let mut by_subject: BTreeMap<(Text, Text), Shared> = BTreeMap::new();
        for one in connector_reads(context) {
            let read = one.read;
            let Some(owner) = read.producer().filter(|_| context.in_window(read.at)) else {
                continue;
            };
            let key = (one.connector.clone(), read.consumer.text().clone());
            let shared = by_subject.entry(key).or_insert_with(|| Shared::by(owner));
            shared.queries += 1;
            shared
                .occurrences
                .happened(read.at)
                .with_chain(&read.chain.chain_id)
                .with_events(&read.read.event_ids)
                .with_word("users", read.user());
        }
        for given in invoke_permissions(context) {
            // With declared accounts, another rule reports what everyone may use.
            let is_reported = given.account_id.is_none() && context.has_declared_accounts();
            if is_reported || !context.in_window(given.event.time) {
                continue;
            }
            let account = given.account_id.as_ref();
            let account = account.map_or_else(|| EVERYONE.into(), |one| one.text().clone());
            let key = (given.function_arn.clone(), account);
            let shared = by_subject
                .entry(key)
                .or_insert_with(|| Shared::by(given.owner));
            shared
                .occurrences
                .happened(given.event.time)
                .with_events([&given.event.id])
                .with_word("permitted_by", given.event.identity.best_name());
        }
        for ((connector, consumer), shared) in &by_subject {
            add(connector, consumer, shared, context, sink);
        }
    }
}

fn add(
    connector: &Text,
    consumer: &Text,
    shared: &Shared,
    context: &RuleContext<'_>,
    sink: &mut FindingSink<'_>,
) {
    let occurrences = &shared.occurrences;
    let is_everyone = &**consumer == EVERYONE;
    let reader = if is_everyone {
        "Everyone".to_owned()
    } else {
        context.account(consumer)
    };
    let owner = context.account(&shared.owner);
    let permitted_by = occurrences.words("permitted_by");
    let used = (shared.queries > 0).then(|| {
        let queries = plural(shared.queries, "query");
        format!("{queries} of {reader} used connector {connector} of {owner}.")
    });
    let permitted = (!permitted_by.is_empty()).then(|| {
        let by = sample(&permitted_by);
        format!("{reader} got permission to invoke connector {connector} from {by}.")
    });
    let sentences: Vec<String> = used.into_iter().chain(permitted).collect();
    let verb = if shared.queries > 0 {
        "uses"
    } else {
        "may invoke"
    };
    let severity = if is_everyone {
        Severity::High
    } else {
        META.severity
    };
    sink.add_at(
        severity,
        FindingDraft {
            title: format!("{reader} {verb} a connector of {owner}"),
            detail: sentences.join(" "),
            subject: Subject(vec![
                ("connector", connector.clone()),
                ("consumer_account_id", consumer.clone()),
            ]),
            consumer_account_id: (!is_everyone).then(|| AccountId::from(&**consumer)),
            evidence: vec![
                (
                    "owner_account_id",
                    Evidence::Text(shared.owner.clone().into()),
                ),
                ("users", Evidence::texts(occurrences.words("users"))),
                ("permitted_by", Evidence::texts(permitted_by)),
            ],
            next_step: None,
            occurrences,
        },
    );
}
