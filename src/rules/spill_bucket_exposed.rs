//! `spill-bucket-exposed`: what connectors spill can be read, or was read, by others
//! (docs/cloudtrail-facts.md#connectors).

use super::bucket_opening::opening;
use super::connectors::SpillBuckets;
use super::context::RuleContext;
use super::occurrences::{Occurrences, plural, sample};
use super::rule::{
    FindingDraft, FindingSink, OptionMeta, Rule, RuleEntry, RuleKind, RuleMeta, RuleNeed,
};
use crate::model::event::{Detail, Event, S3ObjectCall};
use crate::model::finding::{Evidence, Severity, Subject};
use crate::model::ids::RequestId;
use crate::model::road::SPILL_FOLDERS;
use crate::model::text::Text;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

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
        note_not_logged(context, sink);
        let spill = SpillBuckets::of(context, &self.buckets);
        let mut by_bucket: BTreeMap<Text, Exposure> = BTreeMap::new();
        for (event, parameters) in context.changes() {
            if !context.in_window(event.time) {
                continue;
            }
            if let Some((bucket, key)) = copied(parameters)
                && is_spill(&spill, &bucket, &key)
                && !spill.is_own(event)
            {
                let exposure = by_bucket.entry(bucket.as_str().into()).or_default();
                // Copies of both accounts have no request id in common that is kept.
                let request = RequestId::new(&format!("{} {bucket}/{key}", event.time));
                exposure.read(event, Some(&request), Some(&key.as_str().into()));
            }
            let bucket = parameters["bucketName"].as_str();
            let bucket = bucket.filter(|bucket| spill.has(bucket) || is_named_spill(bucket));
            let Some(bucket) = bucket else {
                continue;
            };
            if let Some(how) = opening(context, event, parameters, bucket) {
                let exposure = by_bucket.entry(bucket.into()).or_default();
                exposure.opened.insert(how);
                exposure
                    .occurrences
                    .happened(event.time)
                    .with_events([&event.id])
                    .with_word("by", event.identity.best_name());
            }
        }
        for event in context.input.events {
            let Some(object) = stranger_read(event, &spill) else {
                continue;
            };
            if let (Some(bucket), true) = (&object.bucket, context.in_window(event.time)) {
                let exposure = by_bucket.entry(bucket.clone()).or_default();
                exposure.read(event, object.request_id.as_ref(), object.key.as_ref());
            }
        }
        for (bucket, exposure) in &by_bucket {
            add(bucket, exposure, sink);
        }
    }
}

/// The ways in which others got at one bucket.
#[derive(Default)]
struct Exposure {
    occurrences: Occurrences,
    opened: BTreeSet<String>,
    readers: BTreeSet<Text>,
    objects: u64,
    /// Requests that were counted: the accounts of reader and bucket each have a copy.
    requests: BTreeSet<RequestId>,
}

impl Exposure {
    fn read(&mut self, event: &Event, request: Option<&RequestId>, key: Option<&Text>) {
        let reader = event.identity.best_name();
        self.occurrences
            .seen(event.time)
            .with_events([&event.id])
            .with_word("by", reader)
            .with_word("keys", key);
        self.readers.extend(reader.cloned());
        let is_new = request.is_none_or(|request| self.requests.insert(request.clone()));
        if is_new {
            self.objects += 1;
            self.occurrences.happened(event.time);
        }
    }
}

fn add(bucket: &Text, exposure: &Exposure, sink: &mut FindingSink<'_>) {
    let occurrences = &exposure.occurrences;
    let opened: Vec<String> = exposure.opened.iter().cloned().collect();
    let readers: Vec<&Text> = exposure.readers.iter().collect();
    let keys = occurrences.words("keys");
    let title = if opened.is_empty() {
        format!(
            "Objects in spill bucket {bucket} were read by {}",
            sample(&readers)
        )
    } else {
        format!("The access protection of spill bucket {bucket} was reduced")
    };
    let opened_by = (!opened.is_empty()).then(|| {
        let how = sample(&opened);
        format!("The access protection of bucket {bucket}, to which connectors write what they read, was reduced: {how}.")
    });
    let read = (exposure.objects > 0).then(|| {
        let objects = plural(exposure.objects, "read");
        let by = if readers.is_empty() {
            String::new()
        } else {
            format!(" by {}", sample(&readers))
        };
        format!(
            "{objects} of objects in bucket {bucket}{by}, neither for a query nor by a connector: {}.",
            sample(&keys)
        )
    });
    let sentences: Vec<String> = opened_by.into_iter().chain(read).collect();
    sink.add(FindingDraft {
        title,
        detail: sentences.join(" "),
        subject: Subject(vec![("bucket", bucket.clone())]),
        consumer_account_id: None,
        evidence: vec![
            ("opened", Evidence::texts(opened)),
            ("by", Evidence::texts(occurrences.words("by"))),
            ("keys", Evidence::texts(keys)),
        ],
        next_step: None,
        occurrences,
    });
}

/// Notes reads that only data events of S3 would show.
fn note_not_logged(context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
    if !context.of_events().has_object_reads {
        sink.note(
            "reads of spilled objects are not evaluated: the logs have no data events of S3 objects; log GetObject and CopyObject of \
             the spill buckets",
        );
    }
}

/// Returns true if a bucket's name says that connectors of Athena spill to it.
fn is_named_spill(bucket: &str) -> bool {
    bucket.contains("athena") && bucket.contains("spill")
}

/// Returns true if connectors spill to a bucket, or to a folder of a key.
fn is_spill(spill: &SpillBuckets<'_>, bucket: &str, key: &str) -> bool {
    let mut folders = key.split('/').rev().skip(1);
    spill.has(bucket)
        || is_named_spill(bucket)
        || folders.any(|folder| SPILL_FOLDERS.contains(&folder))
}

/// The bucket and the key that an object was copied from: `x-amz-copy-source`.
fn copied(parameters: &Value) -> Option<(String, String)> {
    let source = parameters["x-amz-copy-source"].as_str()?;
    let source = percent_decode_str(source).decode_utf8_lossy();
    let (bucket, key) = source.trim_start_matches('/').split_once('/')?;
    let key = key.split('?').next().unwrap_or(key);
    Some((bucket.to_owned(), key.to_owned()))
}

/// The object that someone other than queries and connectors read where connectors spill.
fn stranger_read<'e>(event: &'e Event, spill: &SpillBuckets<'_>) -> Option<&'e S3ObjectCall> {
    let Detail::ObjectRead(object) = &event.detail else {
        return None;
    };
    let key = object.key.as_deref().unwrap_or_default();
    let is_spilled = is_spill(spill, object.bucket.as_deref()?, key);
    let is_exposed = is_spilled && !spill.is_own(event) && event.error_code.is_none();
    is_exposed.then_some(object)
}
