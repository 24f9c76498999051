//! `unexpected-connector-account`: an undeclared account owns or uses a connector
//! (docs/cloudtrail-facts.md#connectors).

use super::connectors::{connector_reads, invoke_permissions, note_not_logged};
use super::context::RuleContext;
use super::occurrences::{Occurrences, plural, sample};
use super::rule::{
    FindingDraft, FindingSink, OptionMeta, Rule, RuleEntry, RuleKind, RuleMeta, RuleNeed,
};
use crate::model::finding::{Evidence, PreviousFinding, Severity, Subject};
use crate::model::ids::AccountId;
use crate::model::text::Text;
use std::collections::BTreeMap;

static META: RuleMeta = RuleMeta {
    id: "unexpected-connector-account",
    title: "An undeclared account owns or uses a connector",
    severity: Severity::High,
    kind: RuleKind::Condition,
    needs: RuleNeed::Nothing,
    since: "0.1.0",
    page: include_str!("unexpected_connector_account.md"),
    options: &[OptionMeta {
        name: "accounts",
        default: "[]",
        meaning: "further accounts whose connectors may be used, and that may use connectors",
    }],
    next_step: "find out who owns the account; if it has no owner, delete the data catalog of the connector, or remove the permission to invoke it",
    command: "qs-audit show CHAIN",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry {
    meta: &META,
    build: |options| {
        let accounts = options.texts("accounts")?;
        Ok(Box::new(UnexpectedConnectorAccount { accounts }))
    },
};

struct UnexpectedConnectorAccount {
    accounts: Vec<Text>,
}

/// The account that is not declared, and its part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Stranger {
    connector: Text,
    account: Text,
    is_owner: bool,
}

impl Rule for UnexpectedConnectorAccount {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn is_remedied(&self, finding: &PreviousFinding, context: &RuleContext<'_>) -> bool {
        let account = finding.subject("account_id");
        account.is_some_and(|account| {
            let id = AccountId::from(account.clone());
            context.is_declared(&id) || self.accounts.contains(account)
        })
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        if !context.has_declared_accounts() {
            return sink.skip(
                "no accounts are declared: add [[consumers]] or [[producers]] to the configuration",
            );
        }
        note_not_logged(context, sink);
        let is_known = |account: &AccountId| {
            context.is_declared(account) || self.accounts.contains(account.text())
        };
        let mut strangers: BTreeMap<Stranger, Occurrences> = BTreeMap::new();
        for one in connector_reads(context) {
            let read = one.read;
            if !context.in_window(read.at) {
                continue;
            }
            let owner = one.owner.filter(|owner| !is_known(owner));
            let reader = Some(read.consumer).filter(|reader| !is_known(reader));
            for (account, is_owner) in [(owner, true), (reader, false)] {
                let Some(account) = account else {
                    continue;
                };
                let stranger = Stranger {
                    connector: one.connector.clone(),
                    account: account.text().clone(),
                    is_owner,
                };
                let occurrences = strangers.entry(stranger).or_default();
                occurrences
                    .happened(read.at)
                    .with_chain(&read.chain.chain_id)
                    .with_events(&read.read.event_ids)
                    .with_word("consumers", Some(read.consumer));
            }
        }
        for given in invoke_permissions(context) {
            let is_stranger = given.account_id.as_ref().is_none_or(|one| !is_known(one));
            if !is_stranger || !context.in_window(given.event.time) {
                continue;
            }
            let account = given.account_id.map_or_else(|| "*".into(), Text::from);
            let stranger = Stranger {
                connector: given.function_arn,
                account,
                is_owner: false,
            };
            let occurrences = strangers.entry(stranger).or_default();
            occurrences
                .happened(given.event.time)
                .with_events([&given.event.id])
                .with_word("permitted_by", given.event.identity.best_name());
        }
        for (stranger, occurrences) in &strangers {
            add(stranger, occurrences, context, sink);
        }
    }
}

fn add(
    stranger: &Stranger,
    occurrences: &Occurrences,
    context: &RuleContext<'_>,
    sink: &mut FindingSink<'_>,
) {
    let Stranger {
        connector,
        account,
        is_owner,
    } = stranger;
    let is_everyone = &**account == "*";
    let label = if is_everyone {
        "Everyone".to_owned()
    } else {
        context.account(account)
    };
    let consumers = occurrences.words("consumers");
    let permitted_by = occurrences.words("permitted_by");
    let labels = consumers.iter().map(|account| context.account(account));
    let labels: Vec<String> = labels.collect();
    let (title, detail) = if *is_owner {
        (
            format!("Queries use a connector of {label}, which is not declared"),
            format!(
                "{} of {} used {connector} of {label}, which is neither the hub nor a declared consumer or producer.",
                plural(occurrences.count(), "query"),
                sample(&labels)
            ),
        )
    } else if is_everyone {
        (
            "Everyone may invoke a connector".to_owned(),
            format!(
                "{} let everyone, in any account, invoke {connector}.",
                sample(&permitted_by)
            ),
        )
    } else {
        let used = if consumers.is_empty() {
            format!(
                "got permission to invoke {connector} from {}",
                sample(&permitted_by)
            )
        } else {
            format!("used {connector}")
        };
        (
            format!("{label}, which is not declared, may use a connector"),
            format!("{label} {used}, and is neither the hub nor a declared consumer or producer."),
        )
    };
    sink.add(FindingDraft {
        title,
        detail,
        subject: Subject(vec![
            ("account_id", account.clone()),
            ("connector", connector.clone()),
        ]),
        consumer_account_id: consumers.first().cloned().map(AccountId::from),
        evidence: vec![
            ("consumer_account_ids", Evidence::texts(consumers)),
            ("permitted_by", Evidence::texts(permitted_by)),
        ],
        next_step: None,
        occurrences,
    });
}
