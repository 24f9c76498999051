//! Log files against the digests that name them.

use super::chain::{Chains, Cover, DigestStatus, Naming};
use super::name::{LogFileName, tail};
use crate::model::ids::{AccountId, Region};
use crate::model::integrity::{
    Contents, DIGEST_DELAY_SECONDS, DigestPlace, Fault, FaultKind, FaultyFile, Hash, Integrity,
    NOT_READ_WHY, Unchecked, Verification,
};
use crate::model::key::{
    KeyFacts, TrailObjects, from_account, is_below, is_in_s3, is_object_below,
};
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use crate::model::window::TimeWindow;
use hashbrown::{HashMap, HashSet};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// A file that is named for the minute it was delivered in may be in the digest of the
/// next hour.
const EDGE_SECONDS: i64 = 900;

/// A log file that was listed.
#[derive(Debug, Clone)]
pub struct LogFileRead {
    /// The origin: `s3://bucket/key`, or a path.
    pub key: Text,
    /// The content hash of the file.
    pub contents: Contents,
}

/// The log files that were listed, and what is known of the listing.
#[derive(Debug, Clone, Copy)]
pub struct Files<'a> {
    /// In the order of the source.
    pub read: &'a [LogFileRead],
    /// Places that could not be listed.
    pub unlisted: &'a [(Text, String)],
    /// The locations that were searched for files; empty if they are unknown.
    pub roots: &'a [String],
    /// The window that files were listed for: by days, with some slack.
    pub listed: TimeWindow,
    /// What tells that there were digests.
    pub digests_known: &'a DigestsKnown,
    /// The current time: later hours have not happened.
    pub now: UtcSecond,
}

/// Accounts of which something tells that there were digests, though none was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DigestsKnown {
    /// With digests of other days, or with events that deleted digests.
    pub places: BTreeSet<(AccountId, Region)>,
    /// Accounts whose trails were set to write digests, and since when.
    pub since: BTreeMap<AccountId, UtcSecond>,
}

impl DigestsKnown {
    /// Returns true if a log file of that time had a digest.
    fn tell_of(&self, place: &(AccountId, Region), at: UtcSecond) -> bool {
        let since = self.since.get(&place.0);
        self.places.contains(place) || since.is_some_and(|since| *since <= at)
    }
}

/// The statement on logs without any digest.
pub const NO_DIGESTS: &str =
    "no digest files found: is log file validation enabled for this trail?";

impl Chains {
    /// Returns true if a digest names the file, so that its contents matter.
    #[must_use]
    pub fn names(&self, key: &str) -> bool {
        // A file on this machine may have another name: its contents tell.
        !is_in_s3(key) || tail(key).is_some_and(|end| self.named.contains_key(&*end))
    }
}

/// Verifies log files against digest files. Returns the result, and the integrity status of each
/// file, in their order.
#[must_use]
pub fn reconcile(chains: &Chains, files: Files<'_>) -> (Verification, Vec<Integrity>) {
    let mut positions: HashMap<Cow<'_, str>, Vec<usize>> = HashMap::new();
    for (at, file) in files.read.iter().enumerate() {
        if let Some(end) = tail(&file.key) {
            positions.entry(end).or_default().push(at);
        }
    }
    let mut settling = FileReconciliation {
        files,
        end: end_of_time(chains, files),
        chains,
        positions,
        local: local_contents(files),
        named_contents: named_contents(chains),
        verification: chains.verification.clone(),
        unchecked: BTreeMap::new(),
    };
    let integrity: Vec<Integrity> = files
        .read
        .iter()
        .map(|file| settling.integrity(file))
        .collect();
    settling.named();
    settling.unnamed();
    settling.ends();
    settling.unlisted();
    (settling.finish(), integrity)
}

/// Up to when anything is known to have been delivered: in S3, to this day.
fn end_of_time(chains: &Chains, files: Files<'_>) -> UtcSecond {
    let is_live = |root: &String| is_in_s3(root);
    if !files.roots.is_empty() && files.roots.iter().all(is_live) {
        return files.now;
    }
    let delivered = files
        .read
        .iter()
        .filter_map(|file| LogFileName::of(&file.key));
    let newest = delivered.map(|name| name.delivered_at).max();
    newest
        .max(chains.newest)
        .unwrap_or(files.now)
        .min(files.now)
}

/// The hash of the text of a file on this machine, which may be inflated and renamed.
fn hash_of_copy(file: &LogFileRead) -> Option<Hash> {
    match &file.contents {
        Contents::Hash(hash) | Contents::Plain(hash) if !is_in_s3(&file.key) => Some(*hash),
        _ => None,
    }
}

fn local_contents(files: Files<'_>) -> HashSet<Hash> {
    files.read.iter().filter_map(hash_of_copy).collect()
}

fn named_contents(chains: &Chains) -> HashSet<Hash> {
    let named = chains.named.values().flatten();
    let valid = named.filter(|named| named.by == DigestStatus::Valid);
    valid.filter_map(|named| named.file.hash).collect()
}

/// A note on files that have other names than they were delivered with.
fn renamed_note(files: &Files<'_>, named: &HashSet<Hash>) -> Option<String> {
    let is_renamed = |file: &&LogFileRead| {
        let has_name = matches!(tail(&file.key), Some(Cow::Borrowed(_)));
        !has_name && hash_of_copy(file).is_some_and(|hash| named.contains(&hash))
    };
    let renamed = files.read.iter().filter(is_renamed).count();
    (renamed > 0).then(|| {
        format!(
            "log files of this copy whose name or folder is not the delivered one, matched by their contents: {renamed}"
        )
    })
}

/// The state of one named file.
enum FileState {
    Valid,
    Faulty(FaultKind),
    Unchecked(Text),
}

struct FileReconciliation<'a> {
    files: Files<'a>,
    end: UtcSecond,
    chains: &'a Chains,
    /// Files by the end of their keys.
    positions: HashMap<Cow<'a, str>, Vec<usize>>,
    /// Contents of files on this machine.
    local: HashSet<Hash>,
    /// Contents that valid digests name.
    named_contents: HashSet<Hash>,
    verification: Verification,
    unchecked: BTreeMap<(Option<DigestPlace>, Text), (Text, u64)>,
}

/// Returns true if a key may be the object that a digest names: in S3 it is it exactly.
fn is_object(key: &str, named: &Naming) -> bool {
    match key
        .strip_prefix("s3://")
        .and_then(|rest| rest.split_once('/'))
    {
        Some((bucket, object)) => *bucket == *named.file.bucket && *object == *named.file.object,
        None => true,
    }
}

impl<'a> FileReconciliation<'a> {
    /// The namings of a file.
    fn namings(&self, key: &'a str) -> impl Iterator<Item = &'a Naming> + use<'a> {
        let chains: &'a Chains = self.chains;
        let all = tail(key).and_then(|end| chains.named.get(&*end));
        all.into_iter()
            .flatten()
            .filter(move |named| is_object(key, named))
    }

    /// Returns true if a valid digest names a file of the same name and contents: then it is what
    /// CloudTrail delivered, wherever the copy lies.
    fn is_genuine(&self, file: &LogFileRead) -> bool {
        if hash_of_copy(file).is_some_and(|hash| self.named_contents.contains(&hash)) {
            return true;
        }
        let named = tail(&file.key).and_then(|end| self.chains.named.get(&*end));
        let mut named = named.into_iter().flatten();
        named.any(|named| {
            named.by == DigestStatus::Valid && matches!(found(named, file), FileState::Valid)
        })
    }

    /// Returns the integrity status of a file, by the digests.
    fn integrity(&self, file: &'a LogFileRead) -> Integrity {
        if self.is_genuine(file) {
            return Integrity::Verified;
        }
        let is_faulty = |named: &Naming| matches!(found(named, file), FileState::Faulty(_));
        if self.namings(&file.key).any(is_faulty) {
            Integrity::Failed
        } else {
            Integrity::Unverified
        }
    }

    /// Goes through everything that digests name.
    fn named(&mut self) {
        let chains = self.chains;
        let mut all: Vec<(&Text, &Naming)> = chains
            .named
            .iter()
            .flat_map(|(end, named)| named.iter().map(move |one| (end, one)))
            .filter(|(_, named)| named.is_asked)
            .collect();
        let key = |named: &Naming| (named.place.clone(), named.file.bucket.clone());
        all.sort_by(|(left_end, left), (right_end, right)| {
            (left_end, key(left), left.by as u8).cmp(&(right_end, key(right), right.by as u8))
        });
        // What two digests of a place name, a valid one first, counts once.
        all.dedup_by(|(right_end, right), (left_end, left)| {
            left_end == right_end && key(left) == key(right)
        });
        for (end, named) in all {
            self.one_named(end, named);
        }
    }

    fn one_named(&mut self, end: &Text, named: &Naming) {
        let object = format!("s3://{}/{}", named.file.bucket, named.file.object);
        let files = self.files.read;
        let places = self.positions.get(&**end).cloned().unwrap_or_default();
        let places = places.into_iter().map(|at| &files[at]);
        let candidates: Vec<&LogFileRead> =
            places.filter(|file| is_object(&file.key, named)).collect();
        let mut is_valid = false;
        let mut is_faulty = false;
        for file in &candidates {
            match found(named, file) {
                FileState::Valid => is_valid = true,
                FileState::Faulty(kind) => {
                    is_faulty = true;
                    let shown = if is_in_s3(&file.key) || candidates.len() == 1 {
                        object.as_str().into()
                    } else {
                        file.key.clone()
                    };
                    self.fault(named.place.clone(), end, shown, kind);
                }
                FileState::Unchecked(why) => self.cannot_check(&named.place, why, &object),
            }
        }
        let is_renamed = named
            .file
            .hash
            .is_some_and(|hash| self.local.contains(&hash));
        if candidates.is_empty() && is_renamed {
            is_valid = true;
        } else if candidates.is_empty() {
            if let Some(why) = self.why_absent(named) {
                self.cannot_check(&named.place, why, &object);
            } else {
                is_faulty = true;
                let gone = FaultKind::NotFound;
                self.fault(named.place.clone(), end, object.as_str().into(), gone);
            }
        }
        let is_listed_by_valid_digest = named.by == DigestStatus::Valid;
        let place = self.verification.places.entry(named.place.clone());
        let tally = &mut place.or_default().log_files;
        match (is_faulty, is_valid) {
            (true, _) => tally.invalid += 1,
            (false, true) if is_listed_by_valid_digest => tally.valid += 1,
            (false, _) => tally.unchecked += 1,
        }
        if is_valid && !is_faulty && !is_listed_by_valid_digest {
            let why = "the digest file that lists it is not verified";
            self.cannot_check(&named.place, why.into(), &object);
        }
    }

    /// Returns the reason why a file that was not listed need not be missing.
    fn why_absent(&self, named: &Naming) -> Option<Text> {
        let (bucket, object) = (&named.file.bucket, &named.file.object);
        if !KeyFacts::of(object).may_be_needed(&self.files.listed) {
            return Some("it was delivered outside the window".into());
        }
        let is_below = |place: &str| is_object_below(bucket, object, place);
        let mut unlisted = self.files.unlisted.iter();
        if let Some((_, why)) = unlisted.find(|(place, _)| is_below(place)) {
            return Some(format!("its folder could not be listed: {why}").into());
        }
        let roots = self.files.roots;
        let is_elsewhere = !roots.is_empty() && !roots.iter().any(|root| is_below(root));
        is_elsewhere.then(|| "it is outside the given location".into())
    }

    /// Looks for log files that no digest names.
    fn unnamed(&mut self) {
        for file in self.files.read {
            if self.is_genuine(file) {
                continue;
            }
            let mut namings = self.namings(&file.key);
            match namings.next() {
                // What a digest of the window names was evaluated with it.
                Some(first) if first.is_asked || namings.any(|named| named.is_asked) => continue,
                _ => {}
            }
            match placed(&file.key) {
                Some((account, region, at)) if self.verification.window.contains(at) => {
                    self.one_unnamed(file, (account.into(), region.into()), at);
                }
                Some(_) => {}
                None => {
                    let why = "its name is not a name of a CloudTrail log file";
                    self.unchecked
                        .entry((None, why.into()))
                        .or_insert((file.key.clone(), 0))
                        .1 += 1;
                }
            }
        }
    }

    fn one_unnamed(&mut self, file: &LogFileRead, key: (AccountId, Region), at: UtcSecond) {
        let covers = self.chains.covers.get(&key);
        let covers = covers.map_or(&[][..], Vec::as_slice);
        let mut trails = self.chains.trails.get(&key).into_iter().flatten();
        let trail = trails.next().filter(|_| trails.next().is_none());
        let digests = format!("{}/{}/{}", key.0, TrailObjects::Digests.folder(), key.1);
        let is_unlisted = self.chains.unlisted.iter().any(|place| {
            let folder = from_account(place);
            folder.is_none_or(|folder| is_below(folder, &digests) || is_below(&digests, folder))
        });
        let place = DigestPlace {
            account_id: key.0,
            region: key.1,
            trail: trail.cloned(),
        };
        let believed = covers
            .iter()
            .filter(|cover| cover.verdict != DigestStatus::Invalid);
        let newest = believed.map(|cover| cover.to).max();
        let is_behind = newest.is_none_or(|newest| newest.plus(-EDGE_SECONDS) < at);
        let is_named = self.namings_of(&file.key);
        // Logs of a trail without validation look the same: nothing says that there were digests.
        let has_digests = !covers.is_empty()
            || self.chains.trails.contains_key(&key_of(&place))
            || self.files.digests_known.tell_of(&key_of(&place), at);
        if !has_digests && !is_unlisted && !is_named {
            let first = (file.key.clone(), 0);
            let why = (None, NO_DIGESTS.into());
            self.unchecked.entry(why).or_insert(first).1 += 1;
            return;
        }
        let counts = self.verification.places.entry(place.clone()).or_default();
        if is_behind && self.end < at.plus(DIGEST_DELAY_SECONDS) {
            counts.awaiting_digest += 1;
        } else if is_named {
            let why = "only a digest file outside the window lists it";
            self.cannot_check(&place, why.into(), &file.key);
        } else if is_unlisted {
            let why = "digest files of its account and Region could not be listed";
            self.cannot_check(&place, why.into(), &file.key);
        } else if is_broken(covers, at) {
            let why = "the digest file of its hour is missing or invalid";
            self.cannot_check(&place, why.into(), &file.key);
        } else {
            counts.unreferenced += 1;
            self.verification.faults.push(Fault {
                place,
                at: Some(at),
                file: FaultyFile::LogFile,
                object: file.key.clone(),
                kind: FaultKind::Unreferenced,
            });
        }
    }

    fn namings_of(&self, key: &str) -> bool {
        let named = tail(key).and_then(|end| self.chains.named.get(&*end));
        let mut named = named.into_iter().flatten();
        named.any(|named| is_object(key, named))
    }

    /// Chains that end before the window does: what came after was taken away, or was
    /// never written.
    fn ends(&mut self) {
        let window = self.verification.window.to;
        let limit = window.map_or(self.end, |to| to.min(self.end));
        for (place, end) in &self.chains.ends {
            if end.plus(DIGEST_DELAY_SECONDS) < limit {
                let why = format!(
                    "no digest file covers the time after {end}: removed, or no longer written"
                );
                let key = (Some(place.clone()), why.into());
                let object = format!("{} in {}", place.account_id, place.region);
                self.unchecked.entry(key).or_insert((object.into(), 0)).1 += 1;
            }
        }
    }

    /// Places whose log files could not be listed at all.
    fn unlisted(&mut self) {
        for (place, why) in self.files.unlisted {
            let why = format!("log files could not be listed: {why}");
            let key = (None, why.into());
            self.unchecked.entry(key).or_insert((place.clone(), 0)).1 += 1;
        }
    }

    fn fault(&mut self, place: DigestPlace, end: &str, object: Text, kind: FaultKind) {
        self.verification.faults.push(Fault {
            place,
            at: LogFileName::of(end).map(|name| name.delivered_at),
            file: FaultyFile::LogFile,
            object,
            kind,
        });
    }

    fn cannot_check(&mut self, place: &DigestPlace, why: Text, object: &str) {
        let key = (Some(place.clone()), why);
        let first = (object.into(), 0);
        self.unchecked.entry(key).or_insert(first).1 += 1;
    }

    fn finish(mut self) -> Verification {
        let unchecked = self.unchecked.into_iter();
        self.verification
            .unchecked
            .extend(unchecked.map(|((place, why), (object, count))| Unchecked {
                place,
                why,
                object,
                count,
            }));
        self.verification.limits = self.chains.limits();
        self.verification
            .limits
            .extend(renamed_note(&self.files, &self.named_contents));
        self.verification.unchecked.sort();
        self.verification.faults.sort();
        self.verification.uncovered.sort();
        self.verification
    }
}

fn key_of(place: &DigestPlace) -> (AccountId, Region) {
    (place.account_id.clone(), place.region.clone())
}

/// A file's contents against its name in a digest.
fn found(named: &Naming, file: &LogFileRead) -> FileState {
    match &file.contents {
        Contents::Plain(hash) if !is_in_s3(&file.key) && Some(*hash) == named.file.hash => {
            FileState::Valid
        }
        Contents::Plain(_) if !is_in_s3(&file.key) && !file.key.ends_with(".gz") => {
            FileState::Faulty(FaultKind::HashMismatch)
        }
        Contents::Hash(hash) if Some(*hash) == named.file.hash => FileState::Valid,
        Contents::Hash(_) | Contents::TooLarge => FileState::Faulty(FaultKind::HashMismatch),
        Contents::Plain(_) | Contents::InvalidFormat => FileState::Faulty(FaultKind::InvalidFormat),
        Contents::TrailingData => FileState::Faulty(FaultKind::TrailingData),
        Contents::NotFound => FileState::Faulty(FaultKind::NotFound),
        Contents::Unreadable(why) => FileState::Unchecked(why.clone()),
        Contents::NotRead => FileState::Unchecked(NOT_READ_WHY.into()),
    }
}

/// Returns account, Region and delivery time of a log file: by its name, if that agrees with its
/// folder, else by its folder. `None` where neither tells.
fn placed(key: &str) -> Option<(Text, Text, UtcSecond)> {
    let end = tail(key)?;
    let mut parts = end.split('/');
    let (account, kind, region) = (parts.next()?, parts.next()?, parts.next()?);
    if kind != TrailObjects::Logs.folder() {
        return None;
    }
    let midnight = UtcSecond::midnight(KeyFacts::of(&end).delivery_day?)?;
    let named = LogFileName::of(key).map(|name| name.delivered_at);
    let agrees = |at: &UtcSecond| midnight.distance(*at) <= 2 * 86_400;
    let at = named.filter(agrees).unwrap_or(midnight);
    Some((account.into(), region.into(), at))
}

/// Returns true if the digest that would name a file of this moment is missing or invalid, and no
/// valid one is of that time.
fn is_broken(covers: &[Cover], at: UtcSecond) -> bool {
    let holds =
        |cover: &Cover, from: i64, to: i64| cover.from.plus(from) < at && at <= cover.to.plus(to);
    let mut valid = covers
        .iter()
        .filter(|cover| cover.verdict == DigestStatus::Valid);
    if valid.any(|cover| holds(cover, 0, -EDGE_SECONDS)) {
        return false;
    }
    let mut broken = covers
        .iter()
        .filter(|cover| cover.verdict == DigestStatus::Invalid);
    broken.any(|cover| holds(cover, -EDGE_SECONDS, 0))
}
