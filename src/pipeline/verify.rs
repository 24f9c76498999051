//! Digests and log files, read on many threads and held against each other.

use super::plan::{PipelineError, Plan, Unwatched, Watcher, pool};
use super::read::{self, contents_of};
use crate::decode::{InflateBudget, Unpacker};
use crate::integrity::{
    Chains, Digest, DigestBody, DigestChain, DigestName, DigestRead, DigestsKnown, Files, Judging,
    LogFileRead, Metadata, NO_DIGESTS, PublicKeys, Signatures, Trust, evaluate,
    reconcile as settle_files, tail,
};
use crate::model::coverage::Sibling;
use crate::model::event::{Detail, Event};
use crate::model::ids::Region;
use crate::model::integrity::{Contents, Integrity, Unchecked, Verification};
use crate::model::key::{KeyFacts, TrailObjects, is_in_s3};
use crate::model::region;
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use crate::ports::{KeySource, LogSource};
use rayon::prelude::*;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The period before and after a time for which public keys are requested, in seconds:
/// `validate-logs` uses the same.
const KEYS_BEHIND_SECONDS: i64 = 2 * 3600;

/// The inputs of verification.
pub struct VerificationInputs<'a> {
    /// The digests, listed for the window of the plan and a little more.
    pub digests: &'a dyn LogSource,
    /// Public keys that were given; where there are none, the source is asked.
    pub keys: PublicKeys,
    /// The source of keys that were not given; `None` where there is none.
    pub key_source: Option<&'a dyn KeySource>,
    /// Signatures of copies.
    pub signatures: &'a Signatures,
    /// The locations that were searched for logs: folders, and `s3://bucket/prefix`; empty where
    /// they are unknown.
    pub roots: &'a [String],
    /// Now: what is later is not missing.
    pub now: UtcSecond,
}

/// Verifies the digests of a plan's window, and the log files that they name.
///
/// # Errors
///
/// When threads cannot be started. Whatever cannot be read is in the result instead.
pub fn verify(
    plan: &Plan,
    logs: &dyn LogSource,
    evidence: &VerificationInputs<'_>,
    watcher: &dyn Watcher,
) -> Result<Verification, PipelineError> {
    pool(plan)?.install(|| {
        let chains = chains(plan, evidence);
        let all = 0..logs.object_count();
        let named: Vec<u32> = all.filter(|at| chains.names(&logs.key(*at))).collect();
        let contents = on_all_threads(
            logs,
            &named,
            &|object, body, unpacker| {
                let found = match logs.read(object, body) {
                    Ok(()) => unpacker.contents(body),
                    Err(error) => contents_of(&error),
                };
                watcher.object(object, body.len() as u64);
                found
            },
            plan,
        );
        let (verification, _) = reconcile(plan, logs, evidence, &chains, contents, &[]);
        let mut unchecked = verification.unchecked.iter();
        if !unchecked.any(|unchecked| &*unchecked.why == NO_DIGESTS) {
            return Ok(verification);
        }
        // Calls in the logs may tell that there were digests.
        let read = read::read(plan, logs, true, &Unwatched);
        let (verification, _) =
            reconcile(plan, logs, evidence, &chains, read.contents, &read.events);
        Ok(verification)
    })
}

/// Reads and evaluates the digests.
pub(super) fn chains(plan: &Plan, evidence: &VerificationInputs<'_>) -> Chains {
    let digests = read_digests(plan, evidence);
    let trust = trust(&digests, evidence);
    let roots = evidence.roots.iter();
    let roots: Vec<String> = roots
        .map(|root| TrailObjects::Digests.sibling_root(root))
        .collect();
    let judging = Judging {
        window: plan.window,
        trust: &trust,
        roots: &roots,
        unlisted: &evidence.digests.listing().failed,
    };
    // Checking a signature takes as long as hashing a small log file.
    evaluate(digests, judging, &|chains| {
        chains.par_iter_mut().for_each(DigestChain::evaluate);
    })
}

/// Holds what was read of the logs against the digests.
pub(super) fn reconcile(
    plan: &Plan,
    logs: &dyn LogSource,
    evidence: &VerificationInputs<'_>,
    chains: &Chains,
    contents: Vec<(u32, Contents)>,
    events: &[Event],
) -> (Verification, Vec<Integrity>) {
    let digests_known = digests_known(evidence, events);
    let listed = (0..logs.object_count()).map(|object| LogFileRead {
        key: logs.key(object),
        contents: Contents::NotRead,
    });
    let mut read: Vec<LogFileRead> = listed.collect();
    for (object, found) in contents {
        read[object as usize].contents = found;
    }
    let files = Files {
        read: &read,
        unlisted: &logs.listing().failed,
        roots: evidence.roots,
        listed: plan.window,
        digests_known: &digests_known,
        now: evidence.now,
    };
    let (mut verification, integrity) = settle_files(chains, files);
    let failed = evidence.digests.listing().failed.iter();
    let unlisted = failed.map(|(place, why)| Unchecked {
        place: None,
        why: format!("digest files could not be listed: {why}").into(),
        object: place.clone(),
        count: 1,
    });
    verification.unchecked.extend(unlisted);
    verification.unchecked.sort();
    (verification, integrity)
}

/// Returns what tells that there were digests: those of other days, and calls that set validation
/// or deleted digests.
fn digests_known(evidence: &VerificationInputs<'_>, events: &[Event]) -> DigestsKnown {
    let mut known = DigestsKnown {
        places: evidence.digests.listing().places.clone(),
        ..DigestsKnown::default()
    };
    for event in events.iter().filter(|event| event.error_code.is_none()) {
        let Detail::Change(parameters) = &event.detail else {
            continue;
        };
        let Ok(parameters) = serde_json::from_str::<Value>(parameters) else {
            continue;
        };
        // Every update carries every setting: one that is off need never have been on.
        if parameters["enableLogFileValidation"] == true
            && let Some(account) = &event.recipient_account_id
        {
            let since = known.since.entry(account.clone()).or_insert(event.time);
            *since = event.time.min(*since);
        }
        let key = parameters["key"].as_str().unwrap_or_default();
        let is_digest = KeyFacts::of(key).sibling == Some(Sibling::Digest);
        if let Some((account, region)) = KeyFacts::place_of(key).filter(|_| is_digest) {
            known.places.insert((account.into(), region.into()));
        }
    }
    known
}

/// The first bytes of gzip.
const GZIP: &[u8] = &[0x1f, 0x8b];

/// Reads all digests.
fn read_digests(plan: &Plan, evidence: &VerificationInputs<'_>) -> Vec<DigestRead> {
    let source = evidence.digests;
    let names = (0..source.object_count()).filter_map(|object| {
        let name = DigestName::of(&source.key(object))?;
        Some((object, name))
    });
    let (objects, names): (Vec<u32>, Vec<DigestName>) = names.unzip();
    let read = on_all_threads(
        source,
        &objects,
        &|object, body, unpacker| {
            let in_s3 = is_in_s3(&source.key(object));
            let body = match source.read(object, body) {
                // An inflated copy may have the text itself; CloudTrail compresses.
                Ok(()) if in_s3 && !body.starts_with(GZIP) => DigestBody::InvalidFormat,
                Ok(()) => match unpacker.digest_text(body).map(Digest::read) {
                    Some(Ok(_)) if in_s3 && unpacker.is_rewrapped() => DigestBody::InvalidFormat,
                    Some(Ok(digest)) => DigestBody::Digest(Box::new(digest)),
                    Some(Err(_)) | None => DigestBody::InvalidFormat,
                },
                Err(error) if error.is_absent => DigestBody::NotFound,
                Err(error) => DigestBody::Unreadable(error.message.into()),
            };
            let object_metadata = source.metadata(object);
            let key = source.key(object);
            let object_metadata =
                object_metadata.or_else(|| evidence.signatures.get(&*tail(&key)?).cloned());
            (key, body, object_metadata.as_ref().map(metadata))
        },
        plan,
    );
    let with_names = read.into_iter().zip(names);
    let digests = with_names.map(|((_, (key, body, metadata)), name)| DigestRead {
        key,
        name,
        body,
        metadata,
    });
    digests.collect()
}

/// Returns a digest's metadata, by the names that CloudTrail gives its fields.
fn metadata(object_metadata: &BTreeMap<Text, Text>) -> Metadata {
    let member = |name: &str| object_metadata.get(name).cloned();
    Metadata {
        signature: member("signature"),
        algorithm: member("signature-algorithm"),
        backfill_generated_at: member("backfill-generation-timestamp"),
    }
}

/// The keys that digests need: as given, else as asked for, by Region and time.
fn trust(digests: &[DigestRead], evidence: &VerificationInputs<'_>) -> Trust {
    let mut trust = Trust {
        keys: evidence.keys.clone(),
        ..Trust::default()
    };
    if !trust.keys.is_empty() {
        return trust;
    }
    let Some(source) = evidence.key_source else {
        trust.without_keys = Some("no public keys are available".into());
        return trust;
    };
    let mut spans: BTreeMap<&Region, (UtcSecond, UtcSecond)> = BTreeMap::new();
    for read in digests {
        let generated = read.metadata.as_ref();
        let generated =
            generated.and_then(|object_metadata| object_metadata.backfill_generated_at.as_deref());
        let generated = generated.and_then(UtcSecond::parse);
        let at = generated.unwrap_or(read.name.ended_at);
        let (from, to) = spans.entry(&read.name.region).or_insert((at, at));
        (*from, *to) = ((*from).min(at), (*to).max(at));
    }
    // Regions are as keys of the bucket say: anyone may have written those.
    let (known, unknown): (Vec<_>, Vec<_>) = spans
        .into_iter()
        .partition(|(region, _)| region::is_known(region));
    let why =
        "unknown AWS Region: its public keys were not requested; provide them with --public-keys";
    let unknown = unknown
        .into_iter()
        .map(|(region, _)| (region.clone(), why.into()));
    trust.regions_without_keys.extend(unknown);
    for (region, (from, to)) in known {
        let (from, to) = (
            from.plus(-KEYS_BEHIND_SECONDS),
            to.plus(KEYS_BEHIND_SECONDS),
        );
        match source.public_keys(region, from, to) {
            Ok(keys) => {
                for key in keys {
                    trust.keys.add(&key.fingerprint, Some(&key.der));
                }
            }
            Err(error) => {
                let why = format!("its public keys could not be requested: {}", error.message);
                trust
                    .regions_without_keys
                    .insert(region.clone(), why.into());
            }
        }
    }
    trust
}

/// Gives objects to all threads, and gives back what came of each, in their order.
fn on_all_threads<T: Send>(
    source: &dyn LogSource,
    objects: &[u32],
    job: &(dyn Fn(u32, &mut Vec<u8>, &mut Unpacker) -> T + Sync),
    plan: &Plan,
) -> Vec<(u32, T)> {
    source.expect(objects);
    let next = AtomicUsize::new(0);
    let budget = InflateBudget::of(&plan.limits);
    let parts = rayon::broadcast(|_| {
        let mut unpacker = Unpacker::sharing(plan.limits, Arc::clone(&budget));
        let mut body = Vec::new();
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(&object) = objects.get(at) else {
                return done;
            };
            done.push((at, object, job(object, &mut body, &mut unpacker)));
        }
    });
    let mut all: Vec<(usize, u32, T)> = parts.into_iter().flatten().collect();
    all.sort_unstable_by_key(|(at, ..)| *at);
    all.into_iter()
        .map(|(_, object, made)| (object, made))
        .collect()
}
