//! `audit-trail-tampering`: someone stops, narrows or removes the trail, or touches the files
//! that it delivered (docs/cloudtrail-facts.md#object-keys, docs/cloudtrail-facts.md#digests).

use super::context::RuleContext;
use super::occurrences::{Occurrences, sample, times};
use super::rule::{
    FindingDraft, FindingSink, OptionMeta, Options, OptionsError, Rule, RuleEntry, RuleKind,
    RuleMeta, RuleNeed,
};
use crate::model::event::Event;
use crate::model::finding::{Evidence, Severity, Subject};
use crate::model::ids::AccountId;
use crate::model::integrity::{DigestPlace, FaultyFile, Integrity, UncoveredWhy};
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use hashbrown::HashMap;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

static META: RuleMeta = RuleMeta {
    id: "audit-trail-tampering",
    title: "A trail is stopped, narrowed or deleted, or delivered log or digest files are altered",
    severity: Severity::Critical,
    kind: RuleKind::Event,
    needs: RuleNeed::Nothing,
    since: "0.1.0",
    page: include_str!("audit_trail_tampering.md"),
    options: &[OptionMeta {
        name: "log_buckets",
        default: "[]",
        meaning: "names of further log buckets, in addition to those of trails in the logs",
    }],
    next_step: "start the trail again; find out who stopped it and what else they did",
    command: "qs-audit explain audit-trail-tampering",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry { meta: &META, build };

fn build(options: &Options<'_>) -> Result<Box<dyn Rule>, OptionsError> {
    let log_buckets = options.texts("log_buckets")?;
    Ok(Box::new(AuditTrailTampering { log_buckets }))
}

struct AuditTrailTampering {
    log_buckets: Vec<Text>,
}

/// A harm done: to which trail, bucket or file, and what it was.
struct Harm {
    target: Text,
    what: String,
}

/// The name of the trail or data store that a call is about: of an ARN, its end.
fn trail(parameters: &Value) -> Text {
    let members = ["name", "trailName", "eventDataStore"];
    let name = members
        .iter()
        .find_map(|member| parameters[*member].as_str());
    let name = name.and_then(|name| name.rsplit('/').next());
    name.unwrap_or("an unnamed trail").into()
}

/// Returns the harm of a call to CloudTrail, if it does any.
fn harm_to_trail(event: &Event, parameters: &Value, buckets: &Buckets) -> Option<Harm> {
    let harm = |what: String| {
        Some(Harm {
            target: trail(parameters),
            what,
        })
    };
    match &*event.name {
        "StopLogging" => harm("logging was stopped".to_owned()),
        "DeleteTrail" => harm("the trail was deleted".to_owned()),
        "StopEventDataStoreIngestion" => {
            harm("ingestion into an event data store was stopped".to_owned())
        }
        "DeleteEventDataStore" => harm("an event data store was deleted".to_owned()),
        "UpdateTrail" => {
            let account = event.recipient_account_id.as_deref().unwrap_or_default();
            let before = buckets.before(&trail(parameters), event.time);
            let less = trail_update(parameters, account, before);
            if less.is_empty() {
                None
            } else {
                harm(less.join(", "))
            }
        }
        "PutEventSelectors" => {
            let less = narrowed_selectors(parameters);
            if less.is_empty() {
                None
            } else {
                harm(less.join(", "))
            }
        }
        _ => None,
    }
}

/// Returns the settings that an update of a trail switches off or moves.
fn trail_update(parameters: &Value, account: &str, before: Option<&Text>) -> Vec<String> {
    let off = [
        ("isMultiRegionTrail", "other Regions are no longer logged"),
        (
            "enableLogFileValidation",
            "digest files are no longer written",
        ),
        (
            "includeGlobalServiceEvents",
            "global services such as IAM are no longer logged",
        ),
        (
            "isOrganizationTrail",
            "other accounts of the organization are no longer logged",
        ),
    ];
    let off = off
        .into_iter()
        .filter(|(member, _)| parameters[*member] == Value::Bool(false));
    let mut less: Vec<String> = off.map(|(_, what)| what.to_owned()).collect();
    match (parameters["s3BucketName"].as_str(), before) {
        (Some(bucket), Some(before)) if **before == *bucket => {}
        (Some(bucket), Some(before)) => {
            less.push(format!("logs go to bucket {bucket} instead of {before}"));
        }
        (Some(bucket), None) => less.push(format!(
            "logs go to bucket {bucket}; the previous bucket is not in the logs"
        )),
        (None, _) => {}
    }
    let key = parameters["kmsKeyId"]
        .as_str()
        .filter(|key| key.starts_with("arn:"));
    if let Some(key) = key.filter(|key| key.split(':').nth(4) != Some(account)) {
        less.push(format!(
            "logs are encrypted with a key of another account, {key}"
        ));
    }
    less
}

/// Buckets that hold logs, and which trail wrote to which when.
struct Buckets {
    all: BTreeSet<Text>,
    of_trails: HashMap<Text, BTreeMap<UtcSecond, Text>>,
}

impl Buckets {
    fn of(context: &RuleContext<'_>, named: &[Text]) -> Self {
        let mut buckets = Self {
            all: named.iter().cloned().collect(),
            of_trails: HashMap::new(),
        };
        for (event, parameters) in context.changes() {
            let names_bucket = matches!(&*event.name, "CreateTrail" | "UpdateTrail");
            if let Some(bucket) = parameters["s3BucketName"].as_str().filter(|_| names_bucket) {
                let bucket = Text::from(bucket);
                buckets.all.insert(bucket.clone());
                let of_trail = buckets.of_trails.entry(trail(parameters)).or_default();
                of_trail.insert(event.time, bucket);
            }
        }
        buckets
    }

    /// The bucket that a trail wrote to before a moment.
    fn before(&self, trail: &Text, moment: UtcSecond) -> Option<&Text> {
        let own = self.of_trails.get(trail)?.range(..moment);
        own.last().map(|(_, bucket)| bucket)
    }
}

/// Services whose management events AWS lets one leave out for their sheer number;
/// chains do not need them.
const MAY_BE_LEFT_OUT: [&str; 2] = ["kms.amazonaws.com", "rdsdata.amazonaws.com"];

/// Returns the events that selectors leave out and chains need: management events, reads among them
/// (`AssumeRole` is one).
fn narrowed_selectors(parameters: &Value) -> Vec<String> {
    let empty = Vec::new();
    let list = |member: &str| parameters[member].as_array().unwrap_or(&empty);
    let (basic, advanced) = (list("eventSelectors"), list("advancedEventSelectors"));
    let mut less = Vec::new();
    if !basic.is_empty() {
        let with_management: Vec<&Value> = basic
            .iter()
            .filter(|one| one["includeManagementEvents"] != Value::Bool(false))
            .collect();
        let has = |kind: &str| {
            with_management.iter().any(|one| {
                let asked = one["readWriteType"].as_str().unwrap_or("All");
                asked == "All" || asked == kind
            })
        };
        if with_management.is_empty() {
            less.push("management events are no longer logged".to_owned());
        } else {
            if !has("ReadOnly") {
                less.push("read events, including AssumeRole, are no longer logged".to_owned());
            }
            if !has("WriteOnly") {
                less.push("write events are no longer logged".to_owned());
            }
        }
        for one in &with_management {
            let excluded = one["excludeManagementEventSources"].as_array();
            let excluded = excluded.unwrap_or(&empty).iter().filter_map(Value::as_str);
            let needed = excluded.filter(|source| !MAY_BE_LEFT_OUT.contains(source));
            less.extend(needed.map(|source| format!("events of {source} are no longer logged")));
        }
    } else if !advanced.is_empty() {
        less.extend(narrowed_advanced(advanced));
    }
    less.sort();
    less.dedup();
    less
}

fn narrowed_advanced(selectors: &[Value]) -> Vec<String> {
    let fields = |selector: &Value| {
        selector["fieldSelectors"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    };
    let is_management = |selector: &&Value| {
        fields(selector).iter().any(|field| {
            let equals = field["equals"].as_array();
            let holds = equals.is_some_and(|values| values.iter().any(|one| one == "Management"));
            field["field"] == "eventCategory" && holds
        })
    };
    let management: Vec<&Value> = selectors.iter().filter(is_management).collect();
    if management.is_empty() {
        return vec!["management events are no longer logged".to_owned()];
    }
    let mut best: Option<Vec<String>> = None;
    let mut halves: BTreeSet<String> = BTreeSet::new();
    for selector in management {
        let mut less = Vec::new();
        let mut half = None;
        for field in fields(selector) {
            let name = field["field"].as_str().unwrap_or_default().to_owned();
            let excluded = field["notEquals"].as_array().cloned().unwrap_or_default();
            let is_usual = !excluded.is_empty()
                && excluded.iter().all(|one| {
                    one.as_str()
                        .is_some_and(|source| MAY_BE_LEFT_OUT.contains(&source))
                });
            if name == "eventCategory" || (name == "eventSource" && is_usual) {
                continue;
            }
            if name == "readOnly" {
                half = field["equals"][0].as_str().map(str::to_owned);
            }
            less.push(format!(
                "management events are only partly logged, selected by {name}"
            ));
        }
        // Two halves, of reading and of writing calls, are a whole.
        if less.len() == 1 {
            halves.extend(half);
        }
        // Selectors add up: the widest of them counts.
        if best.as_ref().is_none_or(|best| less.len() < best.len()) {
            best = Some(less);
        }
    }
    if halves.len() == 2 {
        return Vec::new();
    }
    best.unwrap_or_default()
}

/// Returns the harm of a call to S3 to stored logs, if it does any.
fn harm_to_files(event: &Event, parameters: &Value, buckets: &Buckets) -> Option<Harm> {
    let bucket = parameters["bucketName"].as_str()?;
    let is_log_bucket = buckets.all.contains(bucket);
    let of_bucket = |what: &str| {
        is_log_bucket.then(|| Harm {
            target: bucket.into(),
            what: what.to_owned(),
        })
    };
    let key = parameters["key"].as_str().unwrap_or_default();
    let looks_like_log = key.contains("AWSLogs/") && key.contains("/CloudTrail");
    // A copy of the logs elsewhere is no one's record.
    let is_log = looks_like_log && (is_log_bucket || buckets.all.is_empty());
    let of_file = |what: &str| {
        let kind = if key.contains("/CloudTrail-Digest/") {
            "digest"
        } else {
            "log"
        };
        is_log.then(|| Harm {
            target: bucket.into(),
            what: format!("a delivered {kind} file was {what}"),
        })
    };
    match &*event.name {
        "DeleteObject" => of_file("deleted"),
        "DeleteObjects" => of_bucket("many objects were deleted in one request"),
        "PutObject" | "CopyObject" | "CompleteMultipartUpload" => {
            of_file("written by a principal other than CloudTrail")
        }
        "DeleteBucket" => of_bucket("the bucket was deleted"),
        "PutBucketLifecycle" | "PutBucketLifecycleConfiguration" => {
            of_bucket("an expiration rule was set")
        }
        "PutBucketPolicy" => of_bucket("the bucket policy was replaced"),
        "DeleteBucketPolicy" => of_bucket("the bucket policy was deleted"),
        "PutBucketVersioning" => {
            let suspended = parameters.to_string().contains("Suspended");
            if suspended {
                of_bucket("versioning was suspended")
            } else {
                None
            }
        }
        _ => None,
    }
}

/// The account whose trail or bucket it is about.
fn account(event: &Event) -> AccountId {
    let account = event.recipient_account_id.clone();
    account.unwrap_or_else(|| "?".into())
}

fn subject(account: AccountId, target: Text) -> Subject {
    Subject(vec![("account_id", account.into()), ("target", target)])
}

/// The account, if it is a declared consumer's.
fn consumer_of(context: &RuleContext<'_>, account: &str) -> Option<AccountId> {
    let consumer = context.input.topology.consumer(account);
    consumer.map(|consumer| consumer.account_id.clone())
}

/// Adds the faults that verification found in delivered files.
fn add_faulty_files(context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
    let Some(verification) = context.input.verification else {
        return;
    };
    let mut by_subject: BTreeMap<(AccountId, Text), (Occurrences, Vec<Text>)> = BTreeMap::new();
    let mut add = |place: &DigestPlace, what: &str, at: UtcSecond, (harm, object): (Text, Text)| {
        if context.in_window(at) {
            let target = format!("{what} of {}", place.region);
            let key = (place.account_id.clone(), Text::from(target));
            let (occurrences, objects) = by_subject.entry(key).or_default();
            occurrences
                .happened(at)
                .with_word("harm", Some(&harm))
                .with_integrity(Some(Integrity::Failed));
            objects.push(object);
        }
    };
    // Where other digests were verified, an unknown key is the digest's fault.
    let has_keys = verification.total().digests.valid > 0;
    for fault in verification
        .faults
        .iter()
        .filter(|fault| has_keys || !fault.kind.is_of_key())
    {
        let what = match fault.file {
            FaultyFile::LogFile => "log files",
            FaultyFile::Digest | FaultyFile::BackfillDigest => "digests",
        };
        let harm = (fault.kind.words().into(), fault.object.clone());
        if let Some(at) = fault.at {
            add(&fault.place, what, at, harm);
        }
    }
    for uncovered in &verification.uncovered {
        if uncovered.why == UncoveredWhy::DigestsMissing {
            let time = format!("{} to {}", uncovered.from, uncovered.to);
            let harm = ("missing in sequence".into(), time.into());
            add(&uncovered.place, "digests", uncovered.to.plus(-1), harm);
        }
    }
    for ((account, target), (occurrences, objects)) in &by_subject {
        let harm = occurrences.words("harm");
        let shown = objects.iter().take(OBJECTS_MAX).cloned();
        sink.add(FindingDraft {
            title: format!("{target} in {}: {}", context.account(account), sample(&harm)),
            detail: format!(
                "{} of {target} in account {account} {} not as CloudTrail delivered them: {}. The records of that time are \
                 not reliable.",
                occurrences.count(),
                if occurrences.count() == 1 { "is" } else { "are" },
                sample(&harm)
            ),
            subject: subject(account.clone(), target.clone()),
            consumer_account_id: consumer_of(context, account),
            evidence: vec![
                ("harm", Evidence::texts(harm)),
                ("objects", Evidence::texts(shown)),
            ],
            next_step: Some("find out who can write to the bucket and who did; compare with another copy"),
            occurrences,
        });
    }
}

/// Objects that evidence names; `verify` has all.
const OBJECTS_MAX: usize = 100;

impl Rule for AuditTrailTampering {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        add_faulty_files(context, sink);
        let buckets = Buckets::of(context, &self.log_buckets);
        if buckets.all.is_empty() {
            sink.note("no trail in the logs names its bucket: set log_buckets so that changes to it are evaluated");
        }
        let mut by_subject: BTreeMap<(AccountId, Text), Occurrences> = BTreeMap::new();
        for (event, parameters) in context.changes() {
            // Logging that was turned on again settles an earlier night's finding.
            if &*event.name == "StartLogging" && context.in_window(event.time) {
                sink.undo(&subject(account(event), trail(parameters)));
            }
            let harm = match &*event.source {
                "cloudtrail.amazonaws.com" => harm_to_trail(event, parameters, &buckets),
                "s3.amazonaws.com" => harm_to_files(event, parameters, &buckets),
                _ => None,
            };
            let Some(harm) = harm.filter(|_| context.in_window(event.time)) else {
                continue;
            };
            by_subject
                .entry((account(event), harm.target))
                .or_default()
                .happened(event.time)
                .with_events([&event.id])
                .with_word("harm", Some(&Text::from(harm.what)))
                .with_word("by", event.identity.best_name())
                .with_word("source_ips", event.source_ip.as_ref());
        }
        for ((account, target), occurrences) in &by_subject {
            let (harm, by) = (occurrences.words("harm"), occurrences.words("by"));
            sink.add(FindingDraft {
                title: format!("{target} in {}: {}", context.account(account), sample(&harm)),
                detail: format!(
                    "{} changed {target} in account {account} {}: {}. Later activity may be missing from the logs.",
                    sample(&by),
                    times(occurrences.count()),
                    sample(&harm)
                ),
                subject: subject(account.clone(), target.clone()),
                consumer_account_id: context
                    .input
                    .topology
                    .consumer(account)
                    .map(|consumer| consumer.account_id.clone()),
                evidence: vec![
                    ("harm", Evidence::texts(harm)),
                    ("by", Evidence::texts(by)),
                    ("source_ips", Evidence::texts(occurrences.words("source_ips"))),
                ],
                next_step: None,
                occurrences,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn selectors_that_leave_out_what_chains_need_are_named() {
        let less = |parameters: Value| narrowed_selectors(&parameters);
        let all =
            json!({"eventSelectors": [{"readWriteType": "All", "includeManagementEvents": true}]});
        assert!(less(all).is_empty());
        let halves = json!({"eventSelectors": [{"readWriteType": "ReadOnly"}, {"readWriteType": "WriteOnly"}]});
        assert!(less(halves).is_empty());
        let writes = json!({"eventSelectors": [{"readWriteType": "WriteOnly"}]});
        assert!(less(writes)[0].contains("AssumeRole"));
        let data_only = json!({"eventSelectors": [{"includeManagementEvents": false}]});
        assert!(less(data_only)[0].contains("management"));
        let without_kms =
            json!({"eventSelectors": [{"excludeManagementEventSources": ["kms.amazonaws.com"]}]});
        assert!(less(without_kms).is_empty());
        let category = json!({"field": "eventCategory", "equals": ["Management"]});
        let advanced =
            |more: Value| json!({"advancedEventSelectors": [{"fieldSelectors": [category, more]}]});
        assert!(
            less(advanced(
                json!({"field": "eventSource", "notEquals": ["kms.amazonaws.com"]})
            ))
            .is_empty()
        );
        assert_eq!(
            less(advanced(json!({"field": "readOnly", "equals": ["false"]}))).len(),
            1
        );
        let halves = json!({"advancedEventSelectors": [
            {"fieldSelectors": [category, {"field": "readOnly", "equals": ["true"]}]},
            {"fieldSelectors": [category, {"field": "readOnly", "equals": ["false"]}]},
        ]});
        assert!(less(halves).is_empty());
        let data = json!({"advancedEventSelectors": [{"fieldSelectors": [{"field": "eventCategory", "equals": ["Data"]}]}]});
        assert_eq!(less(data).len(), 1);
    }
}
