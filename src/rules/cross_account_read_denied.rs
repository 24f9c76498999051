//! `cross-account-read-denied`: a query was denied access to data of another account.

use super::context::RuleContext;
use super::occurrences::{Occurrences, plural, sample};
use super::rule::{
    FindingDraft, FindingSink, OptionMeta, Options, OptionsError, Rule, RuleEntry, RuleKind,
    RuleMeta, RuleNeed,
};
use crate::model::catalog_table::CatalogTable;
use crate::model::chain::ChainPart;
use crate::model::event::{Detail, Event};
use crate::model::finding::{Evidence, Severity, Subject};
use crate::model::ids::{AccountId, is_account_id};
use crate::model::text::Text;
use std::collections::BTreeMap;

static META: RuleMeta = RuleMeta {
    id: "cross-account-read-denied",
    title: "A query was denied access to data of another account",
    severity: Severity::Medium,
    kind: RuleKind::Event,
    needs: RuleNeed::Nothing,
    since: "0.1.0",
    page: include_str!("cross_account_read_denied.md"),
    options: &[OptionMeta {
        name: "min_denied",
        default: "1",
        meaning: "minimum denied calls on the data of one account",
    }],
    next_step: "look at who tried; grant access with the owner, or find out why it was tried",
    command: "qs-audit show CHAIN",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry { meta: &META, build };

fn build(options: &Options<'_>) -> Result<Box<dyn Rule>, OptionsError> {
    let denied_min = options.integer("min_denied", 1, 1)?;
    Ok(Box::new(CrossAccountReadDenied { denied_min }))
}

struct CrossAccountReadDenied {
    denied_min: u64,
}

/// Whose data was asked for, where the call says so: another account, or an unknown one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    Account(AccountId),
    /// S3 does not tell the owner of a bucket to whom it denies access.
    OfBucket(Text),
}

impl Rule for CrossAccountReadDenied {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        let mut by_subject: BTreeMap<(AccountId, Owner), Occurrences> = BTreeMap::new();
        for chain in context.input.chains {
            let Some(consumer) = &chain.consumer_account_id else {
                continue;
            };
            let own = chain.events.iter();
            for entry in own.filter(|entry| entry.session == ChainPart::Consumer) {
                let event = &context.input.events[entry.event as usize];
                if !is_denied(event) || !context.in_window(event.time) {
                    continue;
                }
                let Some((owner, what)) = asked_for(event) else {
                    continue;
                };
                if owner == Owner::Account(consumer.clone()) {
                    continue;
                }
                let user = chain.quick_user.as_ref().map(|user| &user.name);
                by_subject
                    .entry((consumer.clone(), owner))
                    .or_default()
                    .happened(event.time)
                    .with_chain(&chain.chain_id)
                    .with_events([&event.id])
                    .with_word("what", Some(&what))
                    .with_word("error_codes", event.error_code.as_ref())
                    .with_word("users", user);
            }
        }
        by_subject.retain(|_, occurrences| occurrences.count() >= self.denied_min);
        for ((consumer, owner), occurrences) in &by_subject {
            let what = occurrences.words("what");
            let reader = context.account(consumer);
            let (whose, member) = match owner {
                Owner::Account(account) => (
                    context.account(account),
                    ("owner_account_id", account.clone().into()),
                ),
                Owner::OfBucket(bucket) => (
                    format!("bucket {bucket}, whose account is not told"),
                    ("bucket", bucket.clone()),
                ),
            };
            sink.add(FindingDraft {
                title: format!("{reader} was denied access to data of {whose}"),
                detail: format!(
                    "{} for {} denied to sessions of {reader}: {}.",
                    plural(occurrences.count(), "call"),
                    sample(&what),
                    sample(&occurrences.words("error_codes"))
                ),
                subject: Subject(vec![
                    ("consumer_account_id", consumer.clone().into()),
                    member,
                ]),
                consumer_account_id: Some(consumer.clone()),
                evidence: vec![
                    ("what", Evidence::texts(what)),
                    (
                        "error_codes",
                        Evidence::texts(occurrences.words("error_codes")),
                    ),
                    ("users", Evidence::texts(occurrences.words("users"))),
                ],
                next_step: None,
                occurrences,
            });
        }
    }
}

/// Returns true if permissions were missing, not the table.
fn is_denied(event: &Event) -> bool {
    let code = event.error_code.as_deref();
    code.is_some_and(|code| code.contains("AccessDenied") || code.contains("Insufficient"))
}

/// The owner and the name of what a call asked for.
fn asked_for(event: &Event) -> Option<(Owner, Text)> {
    match &event.detail {
        Detail::DataAccess(access) => {
            let table = CatalogTable::from_arn(access.table_arn.as_deref()?)?;
            Some((Owner::Account(table.account_id.clone()), name(&table)))
        }
        Detail::TableCall(call) => {
            let catalog_id = call.catalog_id.as_deref()?;
            let region = event.region.as_deref();
            let (database, table) = (call.database.as_deref()?, call.table.as_deref()?);
            let table = CatalogTable::new(catalog_id, region, database, table)?;
            Some((Owner::Account(table.account_id.clone()), name(&table)))
        }
        Detail::ObjectRead(read) => {
            let bucket = read.bucket.as_ref()?;
            let owner = match &read.bucket_account_id {
                Some(account) if is_account_id(account) => Owner::Account(account.clone()),
                _ => Owner::OfBucket(bucket.clone()),
            };
            Some((owner, format!("s3://{bucket}").into()))
        }
        _ => None,
    }
}

fn name(table: &CatalogTable) -> Text {
    format!("{}.{}", table.database, table.table).into()
}
