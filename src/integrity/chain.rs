//! Each digest by itself and by its neighbours.
//!
//! A chain is the digests of one trail in one account and Region; those made
//! afterwards are a chain of their own. It is walked from the newest to the oldest,
//! because a digest holds the signature and the hash of the one before it.

use super::digest::{Digest, NamedLogFile};
use super::name::{DigestName, tail};
use super::signature::{PublicKeys, SignatureStatus};
use crate::model::ids::{AccountId, Region};
use crate::model::integrity::{
    DigestPlace, Fault, FaultKind, FaultyFile, FileCounts, PlaceVerified, Unchecked, Uncovered,
    UncoveredWhy, Verification,
};
use crate::model::key::{KeyFacts, is_in_s3, is_object_below};
use crate::model::region::is_region_name;
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use crate::model::window::TimeWindow;
use hashbrown::HashMap;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Digests are hourly.
const DIGEST_SECONDS: i64 = 3600;
/// The tolerance of digests' hourly schedule, in seconds.
const DIGEST_SKEW_SECONDS: i64 = 300;
/// The number of unsigned neighbours that a digest is believed about.
const UNPROVEN_DIGESTS_MAX: usize = 100;

/// A digest file, and what is known of it.
#[derive(Debug, Clone)]
pub struct DigestRead {
    /// The origin: `s3://bucket/key`, or a path.
    pub key: Text,
    /// The parts of its name.
    pub name: DigestName,
    /// The parsed content.
    pub body: DigestBody,
    /// The object's metadata; `None` if it is unknown.
    pub metadata: Option<Metadata>,
}

/// The metadata that S3 keeps with a digest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// `signature`, in hex.
    pub signature: Option<Text>,
    /// `signature-algorithm`.
    pub algorithm: Option<Text>,
    /// `backfill-generation-timestamp`.
    pub backfill_generated_at: Option<Text>,
}

/// The content of a digest file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DigestBody {
    /// A digest.
    Digest(Box<Digest>),
    /// Something else.
    InvalidFormat,
    /// It was listed, and is gone.
    NotFound,
    /// It could not be read: why.
    Unreadable(Text),
}

impl DigestBody {
    fn digest(&self) -> Option<&Digest> {
        match self {
            Self::Digest(digest) => Some(digest),
            Self::InvalidFormat | Self::NotFound | Self::Unreadable(_) => None,
        }
    }
}

/// The public keys and signatures that digests are verified against.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// CloudTrail's public keys.
    pub keys: PublicKeys,
    /// The reason why there are no keys at all.
    pub without_keys: Option<Text>,
    /// Regions whose keys could not be asked for, and why.
    pub regions_without_keys: BTreeMap<Region, Text>,
}

impl Trust {
    /// Returns the reason why keys of a Region are missing, if they are.
    fn without_keys(&self, region: &Region) -> Option<&Text> {
        let of_region = self.regions_without_keys.get(region);
        of_region.or(self.without_keys.as_ref())
    }
}

/// The inputs of the evaluation of digests.
#[derive(Debug, Clone, Copy)]
pub struct Judging<'a> {
    /// Digests that end in it, or up to an hour behind it, are evaluated: the log files of
    /// its last hour are in those. Others only help to evaluate them.
    pub window: TimeWindow,
    /// The keys and signatures that they are verified against.
    pub trust: &'a Trust,
    /// The locations that were searched for digests; empty if they are unknown.
    pub roots: &'a [String],
    /// Places of digests that could not be listed, and why.
    pub unlisted: &'a [(Text, String)],
}

impl Judging<'_> {
    /// Returns true if a digest that ends then is evaluated.
    fn is_asked(&self, ended_at: UtcSecond) -> bool {
        let window = TimeWindow {
            to: self.window.to.map(|to| to.plus(DIGEST_SECONDS + 1)),
            ..self.window
        };
        window.contains(ended_at)
    }
}

/// The integrity status of a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DigestStatus {
    Valid,
    Invalid,
    Unchecked,
}

/// A log file that a digest names, and the integrity status of that digest file.
#[derive(Debug, Clone)]
pub(super) struct Naming {
    pub(super) file: NamedLogFile,
    pub(super) place: DigestPlace,
    pub(super) by: DigestStatus,
    /// True if the digest that names it is evaluated.
    pub(super) is_asked: bool,
}

/// Time that a digest covers, or would: from its start, not included, to its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cover {
    pub(super) from: UtcSecond,
    pub(super) to: UtcSecond,
    pub(super) verdict: DigestStatus,
}

/// The evaluated chains of digests.
#[derive(Debug, Default)]
pub struct Chains {
    pub(super) verification: Verification,
    /// By the end of their keys.
    pub(super) named: HashMap<Text, Vec<Naming>>,
    /// By account and Region.
    pub(super) covers: BTreeMap<(AccountId, Region), Vec<Cover>>,
    /// The end of each chain of hourly digests.
    pub(super) ends: BTreeMap<DigestPlace, UtcSecond>,
    /// Places of digests that could not be listed.
    pub(super) unlisted: Vec<Text>,
    /// Trails by account and Region.
    pub(super) trails: BTreeMap<(AccountId, Region), BTreeSet<Text>>,
    /// The end of the newest digest.
    pub(super) newest: Option<UtcSecond>,
    /// True if any digest is a copy.
    is_copy: bool,
    /// True if of any digest no one knows what is kept next to it.
    lacks_metadata: bool,
}

impl Chains {
    /// Returns, in words, the questions that these digests cannot answer.
    pub(super) fn limits(&self) -> Vec<String> {
        let limits = [
            (
                self.newest.is_some(),
                "a removed newest digest file cannot be detected: only a later one would list it",
            ),
            (
                self.lacks_metadata,
                "without object metadata (--signatures), the signature of the newest digest file is unknown; older ones are \
                 verified by the next digest file",
            ),
            (
                self.is_copy,
                "in a copy, the location of a digest file is compared by the end of its path: the bucket is unknown",
            ),
        ];
        let limits = limits.into_iter().filter(|(holds, _)| *holds);
        limits.map(|(_, text)| text.to_owned()).collect()
    }
}

/// Evaluates digests, in whatever order they come. `evaluate_all` calls [`DigestChain::evaluate`] once for each chain, in
/// any order and on any thread.
#[must_use]
pub fn evaluate(
    digests: Vec<DigestRead>,
    judging: Judging<'_>,
    evaluate_all: &dyn Fn(&mut [DigestChain<'_>]),
) -> Chains {
    let mut chains = Chains::default();
    chains.verification.window = judging.window;
    chains.unlisted = judging
        .unlisted
        .iter()
        .map(|(place, _)| place.clone())
        .collect();
    let mut by_chain: BTreeMap<(DigestPlace, Region, bool), Vec<DigestRead>> = BTreeMap::new();
    for digest in digests {
        chains.is_copy |= !is_in_s3(&digest.key);
        chains.lacks_metadata |= digest.metadata.is_none();
        let name = &digest.name;
        let place = DigestPlace {
            account_id: name.account_id.clone(),
            region: name.region.clone(),
            trail: Some(name.trail.clone()),
        };
        let key = (place, name.home_region.clone(), name.is_backfill);
        by_chain.entry(key).or_default().push(digest);
    }
    let open = by_chain
        .into_iter()
        .map(|((place, _, is_backfill), mut digests)| {
            digests.sort_by(|left, right| {
                left.name
                    .ended_at
                    .cmp(&right.name.ended_at)
                    .then_with(|| tail(&left.key).cmp(&tail(&right.key)))
                    // Of copies, the one that says most of itself comes first.
                    .then_with(|| rank(right).cmp(&rank(left)))
                    .then_with(|| left.key.cmp(&right.key))
            });
            digests.dedup_by(|right, left| is_copy(left, right));
            DigestChain::new(place, is_backfill, digests, judging)
        });
    let mut open: Vec<DigestChain<'_>> = open.collect();
    evaluate_all(&mut open);
    for chain in open {
        chain.finish(&mut chains);
    }
    chains
}

/// Returns the rank of a digest's copy: its place, and its metadata.
fn rank(read: &DigestRead) -> (bool, bool, bool) {
    let in_place = read.body.digest();
    let in_place = in_place.is_some_and(|digest| is_in_place(&read.key, digest));
    (in_place, read.metadata.is_some(), is_in_s3(&read.key))
}

/// Returns true if a digest is in the folder of another day than its name says: CloudTrail puts
/// none there.
fn is_misplaced(read: &DigestRead) -> bool {
    // Of a copy without folders, the name tells the day.
    let end = tail(&read.key);
    let key = end.as_deref().unwrap_or(&read.key);
    KeyFacts::of(key).delivery_day != Some(read.name.ended_at.day())
}

/// Returns true if a digest was read twice, from two copies of one bucket.
fn is_copy(left: &DigestRead, right: &DigestRead) -> bool {
    left.name == right.name && tail(&left.key) == tail(&right.key) && left.body == right.body
}

/// One chain, oldest first.
pub struct DigestChain<'a> {
    place: DigestPlace,
    is_backfill: bool,
    judging: Judging<'a>,
    digests: Vec<DigestRead>,
    verdicts: Vec<DigestStatus>,
    /// For each digest, those that name it as the one before them.
    successors: Vec<Vec<usize>>,
    /// For each digest, the one before it that it names, if it is there.
    before: Vec<Option<usize>>,
    faults: BTreeMap<usize, FaultKind>,
    /// Digests that are named, and not there.
    missing: BTreeMap<Text, UtcSecond>,
    uncovered: Vec<Uncovered>,
    unchecked: BTreeMap<Text, (Text, u64)>,
}

impl<'a> DigestChain<'a> {
    fn new(
        place: DigestPlace,
        is_backfill: bool,
        digests: Vec<DigestRead>,
        judging: Judging<'a>,
    ) -> Self {
        let mut chain = Self {
            place,
            is_backfill,
            judging,
            verdicts: vec![DigestStatus::Unchecked; digests.len()],
            successors: vec![Vec::new(); digests.len()],
            before: Vec::new(),
            digests,
            faults: BTreeMap::new(),
            missing: BTreeMap::new(),
            uncovered: Vec::new(),
            unchecked: BTreeMap::new(),
        };
        let before = chain.named_before();
        for (later, before) in before.iter().enumerate() {
            if let Some(before) = before {
                chain.successors[*before].push(later);
            }
        }
        chain.before = before;
        chain
    }

    fn digest(&self, at: usize) -> Option<&Digest> {
        self.digests[at].body.digest()
    }

    /// For each digest, the one that it names as the one before it, if it is there. Of
    /// copies that differ, the one that it means.
    fn named_before(&self) -> Vec<Option<usize>> {
        let mut by_tail: HashMap<Cow<'_, str>, Vec<usize>> = HashMap::new();
        for (at, read) in self.digests.iter().enumerate() {
            let own = by_tail.entry(tail(&read.key).unwrap_or_default());
            own.or_default().push(at);
        }
        let before = |later: usize| {
            let previous = self.digest(later)?.previous.as_ref()?;
            let found = by_tail.get(&tail(&previous.object)?)?;
            let mut found = found.iter().copied().filter(|at| *at < later);
            let first = found.clone().next();
            let is_meant = |at: &usize| {
                let known = self.digest(*at);
                known.is_some_and(|one| previous.hash == Some(one.hash))
            };
            found.find(is_meant).or(first)
        };
        (0..self.digests.len()).map(before).collect()
    }

    /// Returns true if a digest is evaluated, and does not only help to evaluate others. One that is
    /// where none belongs always is.
    fn is_asked(&self, at: usize) -> bool {
        let read = &self.digests[at];
        self.judging.is_asked(read.name.ended_at) || is_misplaced(read)
    }

    /// Evaluates the digests of the chain, the newest first.
    pub fn evaluate(&mut self) {
        for at in (0..self.digests.len()).rev() {
            self.verdicts[at] = match self.by_itself(at) {
                Ok(verdict) => verdict,
                Err(kind) => {
                    self.faults.insert(at, kind);
                    DigestStatus::Invalid
                }
            };
            self.by_its_successors(at);
        }
        for at in (0..self.digests.len()).rev() {
            if self.verdicts[at] == DigestStatus::Invalid || self.digest(at).is_none() {
                self.look_before_unread(at);
            } else {
                self.look_before(at);
            }
        }
    }

    /// Returns the status of a digest by its content and metadata alone.
    fn by_itself(&mut self, at: usize) -> Result<DigestStatus, FaultKind> {
        let read = &self.digests[at];
        let digest = match &read.body {
            DigestBody::Digest(digest) => digest,
            DigestBody::InvalidFormat => return Err(FaultKind::InvalidFormat),
            DigestBody::NotFound => return Err(FaultKind::NotFound),
            DigestBody::Unreadable(why) => return Ok(self.cannot_check(at, why.clone())),
        };
        if let Some(metadata) = &read.metadata {
            // Where what is next to the object is known, it has to be whole.
            if metadata.signature.is_none() || metadata.algorithm.is_none() {
                return Err(FaultKind::SignatureFailed);
            }
            if self.is_backfill && metadata.backfill_generated_at.is_none() {
                return Err(FaultKind::InvalidFormat);
            }
        }
        if !is_in_place(&read.key, digest) || is_misplaced(read) {
            return Err(FaultKind::Moved);
        }
        let own = read
            .metadata
            .as_ref()
            .and_then(|object_metadata| object_metadata.signature.as_deref());
        let later = self.successors[at].first().copied();
        let from_later = later.and_then(|later| self.digest(later)?.previous_signature.as_deref());
        let Some(signature) = own.or(from_later) else {
            let why = "its signature is unknown: it is in the object metadata, or in the next digest file";
            return Ok(self.cannot_check(at, why.into()));
        };
        let trust = self.judging.trust;
        let region = &read.name.region;
        match trust.keys.check(digest, signature) {
            SignatureStatus::Yes => Ok(DigestStatus::Valid),
            SignatureStatus::NoKey => match trust
                .without_keys(region)
                .filter(|_| is_region_name(region))
            {
                Some(why) => Ok(self.cannot_check(at, why.clone())),
                None => Err(FaultKind::PublicKeyNotFound {
                    region: read.name.home_region.clone(),
                    fingerprint: digest.fingerprint.clone(),
                }),
            },
            SignatureStatus::BadKey => Err(FaultKind::PublicKeyUnreadable {
                fingerprint: digest.fingerprint.clone(),
            }),
            SignatureStatus::No => {
                let is_doubtful = own.is_none()
                    && later.is_some_and(|later| self.verdicts[later] == DigestStatus::Invalid);
                if is_doubtful {
                    let why = "the next digest file, which has its signature, is invalid";
                    return Ok(self.cannot_check(at, why.into()));
                }
                Err(FaultKind::SignatureFailed)
            }
        }
    }

    fn cannot_check(&mut self, at: usize, why: Text) -> DigestStatus {
        let read = &self.digests[at];
        if self.is_asked(at) {
            let first = (read.key.clone(), 0);
            self.unchecked.entry(why).or_insert(first).1 += 1;
        }
        DigestStatus::Unchecked
    }

    /// Holds a digest against what later ones say of it.
    fn by_its_successors(&mut self, at: usize) {
        if self.verdicts[at] == DigestStatus::Invalid {
            return;
        }
        let Some(digest) = self.digest(at) else {
            return;
        };
        let metadata = self.digests[at].metadata.as_ref();
        let own = metadata.and_then(|object_metadata| object_metadata.signature.as_deref());
        let disagrees = |later: &Digest| {
            let hash = later.previous.as_ref().and_then(|previous| previous.hash);
            let signature = later.previous_signature.as_deref();
            let differs = own
                .zip(signature)
                .is_some_and(|(own, told)| !own.eq_ignore_ascii_case(told));
            hash.is_some_and(|hash| hash != digest.hash) || differs
        };
        for later in self.successors[at].clone() {
            let is_wrong = self.digest(later).is_some_and(disagrees);
            if !is_wrong || self.verdicts[later] == DigestStatus::Invalid {
                continue;
            }
            // A signature decides which of the two is not as it was.
            let (blamed, kind) = if self.verdicts[at] == DigestStatus::Valid {
                (later, FaultKind::PreviousMismatch)
            } else {
                (at, FaultKind::HashMismatch)
            };
            self.verdicts[blamed] = DigestStatus::Invalid;
            self.faults.insert(blamed, kind);
            return;
        }
    }

    /// The last digest that ends before one does.
    fn older(&self, at: usize) -> Option<usize> {
        let end = self.digests[at].name.ended_at;
        let before = self
            .digests
            .partition_point(|read| read.name.ended_at < end);
        before.checked_sub(1)
    }

    /// Looks for what should be before a digest that says it.
    fn look_before(&mut self, at: usize) {
        let Some(digest) = self.digest(at) else {
            return;
        };
        let started_at = digest.started_at;
        let previous = digest.previous.clone();
        let older = self.older(at);
        match (previous, self.before[at], older) {
            (None, _, Some(older)) => {
                let from = self.end_of(older);
                self.uncover(from, started_at, UncoveredWhy::NotDelivered, older, at);
            }
            (None, _, None) => {}
            (Some(_), Some(before), _) => {
                self.unlinked_between(before, at);
                if self.verdicts[before] != DigestStatus::Invalid {
                    let from = self.end_of(before);
                    self.uncover(from, started_at, UncoveredWhy::LeftOut, before, at);
                }
            }
            (Some(previous), None, older) => {
                let named = DigestName::of(&previous.object);
                let end = named.map_or(started_at, |named| named.ended_at);
                self.missing_before(at, &previous.bucket, &previous.object, end, older);
            }
        }
    }

    /// Looks for a hole before a digest that does not say what was before it, or is not
    /// believed: each covers an hour.
    fn look_before_unread(&mut self, at: usize) {
        let Some(older) = self.older(at).filter(|_| !is_misplaced(&self.digests[at])) else {
            return;
        };
        let from = self.end_of(older);
        let start = self.digests[at].name.ended_at.plus(-DIGEST_SECONDS);
        if from.plus(DIGEST_SKEW_SECONDS) < start {
            self.uncover(from, start, UncoveredWhy::DigestsMissing, older, at);
        }
    }

    /// The end of a digest, as it says or, where it is not believed, as its name does.
    fn end_of(&self, at: usize) -> UtcSecond {
        let believed = self
            .digest(at)
            .filter(|_| self.verdicts[at] != DigestStatus::Invalid);
        believed.map_or(self.digests[at].name.ended_at, |digest| digest.ended_at)
    }

    /// Notes time between two digests that none covers.
    fn uncover(
        &mut self,
        from: UtcSecond,
        to: UtcSecond,
        why: UncoveredWhy,
        older: usize,
        newer: usize,
    ) {
        let is_judged = self.is_asked(older) && !is_misplaced(&self.digests[older]);
        if from < to && is_judged {
            let is_valid = |at: usize| self.verdicts[at] == DigestStatus::Valid;
            self.uncovered.push(Uncovered {
                place: self.place.clone(),
                from,
                to,
                why,
                is_proven: is_valid(older) && is_valid(newer),
                is_backfill: self.is_backfill,
            });
        }
    }

    /// Digests between two that belong together were put there. Of a digest that is not
    /// known to be CloudTrail's, only its neighbourhood is believed.
    fn unlinked_between(&mut self, before: usize, at: usize) {
        if self.verdicts[at] != DigestStatus::Valid && at - before > UNPROVEN_DIGESTS_MAX {
            return;
        }
        for between in before + 1..at {
            let is_other = self.verdicts[between] != DigestStatus::Invalid
                && self.digests[between].name.ended_at < self.digests[at].name.ended_at;
            if is_other {
                self.verdicts[between] = DigestStatus::Invalid;
                self.faults.insert(between, FaultKind::Unlinked);
            }
        }
    }

    /// A digest is named and not there; and perhaps more before it.
    fn missing_before(
        &mut self,
        at: usize,
        bucket: &Text,
        object: &Text,
        end: UtcSecond,
        older: Option<usize>,
    ) {
        let window = self.judging.window;
        if !self.judging.is_asked(end) || !window.needs_delivery_day(end.day()) {
            return;
        }
        let uri = Text::from(format!("s3://{bucket}/{object}"));
        let is_below = |place: &str| is_object_below(bucket, object, place);
        let mut unlisted = self.judging.unlisted.iter();
        let unlisted = unlisted.find(|(place, _)| is_below(place));
        let roots = self.judging.roots;
        let why = match unlisted {
            Some((_, why)) => Some(format!("its folder could not be listed: {why}")),
            None if roots.is_empty() || roots.iter().any(|root| is_below(root)) => None,
            None => Some("it is outside the given location".to_owned()),
        };
        if let Some(why) = why {
            self.unchecked.entry(why.into()).or_insert((uri, 0)).1 += 1;
            return;
        }
        self.missing.insert(uri, end);
        let known = older.map(|older| self.end_of(older)).or(window.from);
        let Some(known) = known else {
            return;
        };
        let own_hour = DIGEST_SECONDS + DIGEST_SKEW_SECONDS;
        if known.plus(own_hour) < end {
            let to = self.digest(at).map_or(end, |digest| digest.started_at);
            self.uncovered.push(Uncovered {
                place: self.place.clone(),
                from: known,
                to,
                why: UncoveredWhy::DigestsMissing,
                is_proven: self.verdicts[at] == DigestStatus::Valid,
                is_backfill: self.is_backfill,
            });
        }
    }

    /// The bucket and prefix of a copy, as a digest of the chain says that is in its
    /// place.
    fn s3_root(&self) -> Option<String> {
        let mut in_place = self.digests.iter().filter_map(|read| {
            let digest = read.body.digest()?;
            is_in_place(&read.key, digest).then_some(digest)
        });
        let digest = in_place.next()?;
        let root = digest.object.strip_suffix(&*tail(&digest.object)?)?;
        Some(format!("s3://{}/{root}", digest.bucket))
    }

    /// Hands over what was found out.
    fn finish(self, chains: &mut Chains) {
        let mut of_place = PlaceVerified::default();
        let tally = self.tally();
        if self.is_backfill {
            of_place.backfill_digests = tally;
        } else {
            of_place.digests = tally;
        }
        for (at, read) in self.digests.iter().enumerate() {
            // What an invalid digest says of its time and its files counts for nothing.
            if self.verdicts[at] == DigestStatus::Invalid {
                continue;
            }
            let end = read.name.ended_at;
            chains.newest = chains.newest.max(Some(end));
            if !self.is_backfill {
                let known = chains.ends.entry(self.place.clone()).or_insert(end);
                *known = end.max(*known);
            }
            let Some(digest) = read.body.digest() else {
                continue;
            };
            if self.is_asked(at) && self.verdicts[at] == DigestStatus::Valid {
                let known = of_place.from.unwrap_or(digest.started_at);
                of_place.from = Some(known.min(digest.started_at));
                of_place.to = of_place.to.max(Some(digest.ended_at));
            }
            self.name_files(at, digest, chains);
        }
        let place = (self.place.account_id.clone(), self.place.region.clone());
        let trails = chains.trails.entry(place.clone()).or_default();
        trails.extend(self.place.trail.clone());
        chains
            .covers
            .entry(place)
            .or_default()
            .extend(self.covers());
        let verification = &mut chains.verification;
        verification.faults.extend(self.faults());
        let known = verification.places.entry(self.place.clone());
        known.or_default().merge(&of_place);
        let place = Some(self.place);
        let unchecked = self.unchecked.into_iter();
        verification
            .unchecked
            .extend(unchecked.map(|(why, (object, count))| Unchecked {
                place: place.clone(),
                why,
                object,
                count,
            }));
        verification.uncovered.extend(self.uncovered);
    }

    fn tally(&self) -> FileCounts {
        let mut tally = FileCounts {
            invalid: self.missing.len() as u64,
            ..FileCounts::default()
        };
        for at in (0..self.digests.len()).filter(|at| self.is_asked(*at)) {
            match self.verdicts[at] {
                DigestStatus::Valid => tally.valid += 1,
                DigestStatus::Invalid => tally.invalid += 1,
                DigestStatus::Unchecked => tally.unchecked += 1,
            }
        }
        tally
    }

    /// Returns the faults of evaluated digests.
    fn faults(&self) -> Vec<Fault> {
        let root = self.s3_root();
        let shown = |key: &Text| match root.as_ref().zip(tail(key)) {
            Some((root, end)) if !is_in_s3(key) => format!("{root}{end}").into(),
            _ => key.clone(),
        };
        let fault = |object: Text, at: UtcSecond, kind: FaultKind| Fault {
            place: self.place.clone(),
            at: Some(at),
            file: if self.is_backfill {
                FaultyFile::BackfillDigest
            } else {
                FaultyFile::Digest
            },
            object,
            kind,
        };
        let missing = self.missing.iter();
        let missing = missing.map(|(object, end)| fault(object.clone(), *end, FaultKind::NotFound));
        let faulty = self.faults.iter().filter(|(at, _)| self.is_asked(**at));
        let faulty = faulty.map(|(at, kind)| {
            let read = &self.digests[*at];
            fault(shown(&read.key), read.name.ended_at, kind.clone())
        });
        missing.chain(faulty).collect()
    }

    /// Time that digests cover, or would if they were there and sound.
    fn covers(&self) -> Vec<Cover> {
        let broken = |from: UtcSecond, to: UtcSecond| Cover {
            from,
            to,
            verdict: DigestStatus::Invalid,
        };
        let hour = |end: UtcSecond| broken(end.plus(-DIGEST_SECONDS), end);
        let mut covers: Vec<Cover> = self.missing.values().map(|end| hour(*end)).collect();
        let missing = |one: &&Uncovered| one.why == UncoveredWhy::DigestsMissing;
        let uncovered = self.uncovered.iter().filter(missing);
        covers.extend(uncovered.map(|one| broken(one.from, one.to)));
        for (at, read) in self.digests.iter().enumerate() {
            let is_judged = self.is_asked(at) && !is_misplaced(read);
            match (self.verdicts[at], read.body.digest()) {
                (DigestStatus::Invalid, _) if is_judged => covers.push(hour(read.name.ended_at)),
                (DigestStatus::Unchecked, None) => covers.push(hour(read.name.ended_at)),
                (verdict @ (DigestStatus::Valid | DigestStatus::Unchecked), Some(digest)) => {
                    covers.push(Cover {
                        from: digest.started_at,
                        to: digest.ended_at,
                        verdict,
                    });
                }
                (DigestStatus::Invalid, _) | (DigestStatus::Valid, None) => {}
            }
        }
        covers
    }

    /// Notes the log files that a digest names.
    fn name_files(&self, at: usize, digest: &Digest, chains: &mut Chains) {
        let is_asked = self.is_asked(at);
        for file in &digest.log_files {
            let Some(end) = tail(&file.object) else {
                continue;
            };
            chains
                .named
                .entry(Text::from(&*end))
                .or_default()
                .push(Naming {
                    file: file.clone(),
                    place: self.place.clone(),
                    by: self.verdicts[at],
                    is_asked,
                });
        }
    }
}

/// Returns true if a digest is where it says that it was delivered. Of a copy only the end of the
/// path can be told.
fn is_in_place(key: &str, digest: &Digest) -> bool {
    match key
        .strip_prefix("s3://")
        .and_then(|rest| rest.split_once('/'))
    {
        Some((bucket, object)) => *bucket == *digest.bucket && *object == *digest.object,
        None => tail(key).is_some() && tail(key) == tail(&digest.object),
    }
}
