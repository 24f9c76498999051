//! `spill-bucket-exposed`: what connectors spill can be read, or was read, by others
//! (docs/cloudtrail-facts.md#connectors).

use super::connectors::{SpillBuckets, account_in};
use super::context::RuleContext;
use super::occurrences::{Occurrences, sample};
use super::rule::{
    FindingDraft, FindingSink, OptionMeta, Rule, RuleEntry, RuleKind, RuleMeta, RuleNeed,
};
use crate::iam::policy::{Effect, Policy, Principal, Principals, Statement};
use crate::model::event::{Detail, Event, S3ObjectCall};
use crate::model::finding::{Evidence, Severity, Subject};
use crate::model::ids::AccountId;
use crate::model::text::Text;
use serde_json::Value;
use std::collections::BTreeMap;

static META: RuleMeta = RuleMeta {
    id: "spill-bucket-exposed",
    title: "A bucket that connectors spill to can be read, or was read, by others",
    severity: Severity::High,
    kind: RuleKind::Event,
    needs: RuleNeed::Nothing,
    since: "0.1.0",
    page: include_str!("spill_bucket_exposed.md"),
    options: &[OptionMeta {
        name: "buckets",
        default: "[]",
        meaning: "further buckets that connectors spill to",
    }],
    next_step: "close the bucket to all but the connector and those who query; let its objects expire within a day",
    command: "qs-audit explain spill-bucket-exposed",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry {
    meta: &META,
    build: |options| {
        let buckets = options.texts("buckets")?;
        Ok(Box::new(SpillBucketExposed { buckets }))
    },
};

struct SpillBucketExposed {
    buckets: Vec<Text>,
}

impl Rule for SpillBucketExposed {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        let spill = SpillBuckets::of(context, &self.buckets);
        let mut by_bucket: BTreeMap<Text, Occurrences> = BTreeMap::new();
        for (event, parameters) in context.changes() {
            let bucket = parameters["bucketName"].as_str();
            let bucket = bucket.filter(|bucket| spill.has(bucket) || bucket.contains("spill"));
            let Some(bucket) = bucket.filter(|_| context.in_window(event.time)) else {
                continue;
            };
            if let Some(how) = opening(context, event, parameters, bucket) {
                let occurrences = by_bucket.entry(bucket.into()).or_default();
                occurrences
                    .happened(event.time)
                    .with_events([&event.id])
                    .with_word("how", Some(&Text::from(how)))
                    .with_word("by", event.identity.best_name());
            }
        }
        for event in context.input.events {
            let Some(object) = stranger_read(event, &spill) else {
                continue;
            };
            let (Some(bucket), true) = (&object.bucket, context.in_window(event.time)) else {
                continue;
            };
            let reader = event.identity.best_name();
            let how = format!(
                "objects were read by {}",
                reader.map_or("unknown", |name| name)
            );
            let occurrences = by_bucket.entry(bucket.clone()).or_default();
            occurrences
                .happened(event.time)
                .with_events([&event.id])
                .with_word("how", Some(&Text::from(how)))
                .with_word("by", reader)
                .with_word("keys", object.key.as_ref());
        }
        for (bucket, occurrences) in &by_bucket {
            let how = occurrences.words("how");
            sink.add(FindingDraft {
                title: format!("Bucket {bucket}, to which connectors spill, is open to others"),
                detail: format!(
                    "Connectors write what they read to {bucket}: {}.",
                    sample(&how)
                ),
                subject: Subject(vec![("bucket", bucket.clone())]),
                consumer_account_id: None,
                evidence: vec![
                    ("how", Evidence::texts(how)),
                    ("by", Evidence::texts(occurrences.words("by"))),
                    ("keys", Evidence::texts(occurrences.words("keys"))),
                ],
                next_step: None,
                occurrences,
            });
        }
    }
}

/// The object that someone other than queries and connectors read where connectors spill.
fn stranger_read<'e>(event: &'e Event, spill: &SpillBuckets<'_>) -> Option<&'e S3ObjectCall> {
    let Detail::ObjectRead(object) = &event.detail else {
        return None;
    };
    let bucket = object.bucket.as_deref()?;
    let key = object.key.as_deref().unwrap_or_default();
    let is_spill = spill.has(bucket) || bucket.contains("spill") || key.contains("spill");
    let is_exposed = is_spill && !spill.is_own(event) && event.error_code.is_none();
    is_exposed.then_some(object)
}

/// How a change opens a bucket; `None` for others.
fn opening(
    context: &RuleContext<'_>,
    event: &Event,
    parameters: &Value,
    bucket: &str,
) -> Option<String> {
    match &*event.name {
        "DeleteBucketPublicAccessBlock" => {
            Some("the block of public access was removed".to_owned())
        }
        "PutBucketPublicAccessBlock" => {
            let block = parameters["PublicAccessBlockConfiguration"].as_object()?;
            let is_off = |value: &Value| value == false || value == "false";
            let off = block.iter().filter(|(_, value)| is_off(value));
            let off: Vec<&str> = off.map(|(name, _)| name.as_str()).collect();
            let told = || {
                format!(
                    "the block of public access was turned off: {}",
                    off.join(", ")
                )
            };
            (!off.is_empty()).then(told)
        }
        "PutBucketAcl" => {
            let canned = parameters["x-amz-acl"].as_str();
            let canned = canned.or(parameters["accessControlList"]["x-amz-acl"].as_str())?;
            let is_public = canned.starts_with("public") || canned == "authenticated-read";
            is_public.then(|| format!("its ACL is now {canned}"))
        }
        "PutBucketPolicy" => {
            let policy = Policy::parse(parameters["bucketPolicy"].as_str()?).ok()?;
            let owner = event.recipient_account_id.as_ref();
            let readers = readers(context, &policy, bucket, owner);
            (!readers.is_empty()).then(|| format!("its policy lets {} read", sample(&readers)))
        }
        _ => None,
    }
}

/// Principals other than declared accounts whom a policy lets read objects of a bucket.
fn readers(
    context: &RuleContext<'_>,
    policy: &Policy,
    bucket: &str,
    owner: Option<&AccountId>,
) -> Vec<String> {
    let object = format!("arn:aws:s3:::{bucket}/x");
    if !policy.may_allow("s3:GetObject", &object) {
        return Vec::new();
    }
    let allows = policy.statements.iter().filter(|statement| {
        statement.effect == Effect::Allow && statement.actions.holds_action("s3:GetObject")
    });
    let mut readers: Vec<String> = allows
        .flat_map(|statement| strangers(context, statement, owner))
        .collect();
    readers.sort();
    readers.dedup();
    readers
}

fn strangers(
    context: &RuleContext<'_>,
    statement: &Statement,
    owner: Option<&AccountId>,
) -> Vec<String> {
    // Conditions keep some of everyone out.
    let is_open = statement.conditions.is_empty();
    let everyone = |is_open: bool| is_open.then(|| "everyone".to_owned());
    let named = |account: &AccountId, name: &str| {
        let is_known = Some(account) == owner
            || context.is_declared(account)
            || !context.has_declared_accounts();
        (!is_known).then(|| name.to_owned())
    };
    match &statement.principals {
        Some(Principals::AllBut(_)) => everyone(is_open).into_iter().collect(),
        Some(Principals::AnyOf(all)) => all
            .iter()
            .filter_map(|principal| match principal {
                Principal::Everyone => everyone(is_open),
                Principal::Account(account) => named(account, account),
                Principal::Arn(arn) => named(&account_in(arn)?, arn),
                Principal::Service(_) | Principal::Federated(_) | Principal::Other(..) => None,
            })
            .collect(),
        None => Vec::new(),
    }
}
