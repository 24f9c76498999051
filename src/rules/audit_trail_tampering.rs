//! `audit-trail-tampering`: someone stops, narrows or removes the trail, or touches the files
//! that it delivered (docs/cloudtrail-facts.md#object-keys, docs/cloudtrail-facts.md#digests).

use super::context::RuleContext;
use super::occurrences::{Occurrences, plural, sample, times};
use super::rule::{
    FindingDraft, FindingSink, OptionMeta, Options, OptionsError, Rule, RuleEntry, RuleKind,
    RuleMeta, RuleNeed,
};
use super::trail_state::{Narrowing, TrailState};
use crate::model::event::Event;
use crate::model::finding::{Evidence, Severity, Subject};
use crate::model::ids::{AccountId, Region};
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
    next_step: "restore the logging settings; find out who made the call and what else they did",
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
    severity: Severity,
}

/// The severity of a setting of which no earlier one is in the logs: it need not be a change.
const SETTING_SEVERITY: Severity = Severity::Medium;

/// The name of the trail or data store that a call is about: of an ARN, its end.
fn trail(parameters: &Value) -> Text {
    let members = ["name", "trailName", "eventDataStore"];
    let name = members
        .iter()
        .find_map(|member| parameters[*member].as_str());
    let name = name.and_then(|name| name.rsplit('/').next());
    name.unwrap_or("an unnamed trail").into()
}

/// Returns the harm of a call to CloudTrail, if it does any, and takes over what the call says of
/// its trail.
fn harm_to_trail(event: &Event, parameters: &Value, trails: &mut Trails) -> Option<Harm> {
    let target = trail(parameters);
    let harm = |what: &str| {
        Some(Harm {
            target: target.clone(),
            what: what.to_owned(),
            severity: META.severity,
        })
    };
    let of_narrowings = |narrowings: Vec<Narrowing>| {
        let is_change = narrowings.iter().any(|one| one.is_change);
        let what: Vec<String> = narrowings.into_iter().map(|one| one.text).collect();
        (!what.is_empty()).then(|| Harm {
            target: target.clone(),
            what: what.join(", "),
            severity: if is_change {
                META.severity
            } else {
                SETTING_SEVERITY
            },
        })
    };
    let account = account(event);
    let known = trails
        .0
        .entry((
            account.clone(),
            trail_region(event, parameters),
            target.clone(),
        ))
        .or_default();
    match &*event.name {
        "StopLogging" => harm("logging was stopped"),
        "DeleteTrail" => {
            *known = TrailState::default();
            harm("the trail was deleted")
        }
        "StopEventDataStoreIngestion" => harm("ingestion into an event data store was stopped"),
        "DeleteEventDataStore" => harm("an event data store was deleted"),
        "CreateTrail" => {
            *known = TrailState::created(parameters);
            None
        }
        "UpdateTrail" => {
            let (narrowings, has_unknown_bucket) = known.update(parameters, &account);
            trails.1 += u64::from(has_unknown_bucket);
            of_narrowings(narrowings)
        }
        "PutEventSelectors" => of_narrowings(known.select(parameters)),
        _ => None,
    }
}

/// The Region of the trail that a call is about: that of its ARN, else that of the call.
fn trail_region(event: &Event, parameters: &Value) -> Option<Region> {
    let of_arn = parameters["name"]
        .as_str()
        .filter(|name| name.starts_with("arn:"))
        .and_then(|arn| arn.split(':').nth(3));
    of_arn.map(Region::from).or_else(|| event.region.clone())
}

/// The trails that the logs tell of, by account, Region and name, and the number of updates that
/// named a bucket without a previous one in the logs.
#[derive(Default)]
struct Trails(HashMap<(AccountId, Option<Region>, Text), TrailState>, u64);

/// Buckets that hold logs.
struct Buckets {
    all: BTreeSet<Text>,
}

impl Buckets {
    fn of(context: &RuleContext<'_>, named: &[Text]) -> Self {
        let mut buckets = Self {
            all: named.iter().cloned().collect(),
        };
        for (event, parameters) in context.changes() {
            let names_bucket = matches!(&*event.name, "CreateTrail" | "UpdateTrail");
            if let Some(bucket) = parameters["s3BucketName"].as_str().filter(|_| names_bucket) {
                buckets.all.insert(bucket.into());
            }
        }
        buckets
    }
}

/// Returns the harm of a call to S3 to stored logs, if it does any.
fn harm_to_files(event: &Event, parameters: &Value, buckets: &Buckets) -> Option<Harm> {
    let bucket = parameters["bucketName"].as_str()?;
    let is_log_bucket = buckets.all.contains(bucket);
    let of_bucket = |what: &str| {
        is_log_bucket.then(|| Harm {
            target: bucket.into(),
            what: what.to_owned(),
            severity: META.severity,
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
            severity: META.severity,
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
            of_bucket("the lifecycle configuration, which can expire logs, was replaced")
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
        let mut by_subject: BTreeMap<(AccountId, Text), (Occurrences, Severity)> = BTreeMap::new();
        let mut trails = Trails::default();
        for (event, parameters) in context.changes() {
            // Logging that was turned on again settles an earlier night's finding.
            if &*event.name == "StartLogging" && context.in_window(event.time) {
                sink.undo(&subject(account(event), trail(parameters)));
            }
            let harm = match &*event.source {
                "cloudtrail.amazonaws.com" => {
                    let unknown_before = trails.1;
                    let harm = harm_to_trail(event, parameters, &mut trails);
                    if !context.in_window(event.time) {
                        trails.1 = unknown_before;
                    }
                    harm
                }
                "s3.amazonaws.com" => harm_to_files(event, parameters, &buckets),
                _ => None,
            };
            let Some(harm) = harm.filter(|_| context.in_window(event.time)) else {
                continue;
            };
            let (occurrences, severity) = by_subject
                .entry((account(event), harm.target))
                .or_insert_with(|| (Occurrences::default(), harm.severity));
            *severity = (*severity).max(harm.severity);
            occurrences
                .happened(event.time)
                .with_events([&event.id])
                .with_word("harm", Some(&Text::from(harm.what)))
                .with_word("by", event.identity.best_name())
                .with_word("source_ips", event.source_ip.as_ref());
        }
        if trails.1 > 0 {
            sink.note(format!(
                "{} of a trail with a bucket: whether it is another one is unknown, because the previous one is not in the \
                 logs",
                plural(trails.1, "update")
            ));
        }
        for ((account, target), (occurrences, severity)) in &by_subject {
            sink.add_at(
                *severity,
                finding(context, account, target, occurrences, *severity),
            );
        }
    }
}

fn finding<'o>(
    context: &RuleContext<'_>,
    account: &AccountId,
    target: &Text,
    occurrences: &'o Occurrences,
    severity: Severity,
) -> FindingDraft<'o> {
    let (harm, by) = (occurrences.words("harm"), occurrences.words("by"));
    let source_ips = occurrences.words("source_ips");
    let (verb, outcome) = if severity == SETTING_SEVERITY {
        ("set", "Whether this is a change is unknown.")
    } else {
        ("changed", "Log records may be missing or altered.")
    };
    let (account_label, what) = (context.account(account), sample(&harm));
    let consumer = context.input.topology.consumer(account);
    FindingDraft {
        title: format!("{target} in {account_label}: {what}"),
        detail: format!(
            "{} {verb} {target} in account {account} {}: {what}. {outcome}",
            sample(&by),
            times(occurrences.count()),
        ),
        subject: subject(account.clone(), target.clone()),
        consumer_account_id: consumer.map(|consumer| consumer.account_id.clone()),
        evidence: vec![
            ("harm", Evidence::texts(harm)),
            ("by", Evidence::texts(by)),
            ("source_ips", Evidence::texts(source_ips)),
        ],
        next_step: None,
        occurrences,
    }
}
