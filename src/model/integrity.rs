//! Integrity of the logs: what was read is what CloudTrail delivered
//! (docs/cloudtrail-facts.md#digests).

use super::ids::{AccountId, Region};
use super::text::Text;
use super::time::UtcSecond;
use super::window::TimeWindow;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// The longest delay of the digest that names a log file, in seconds after the file's delivery:
/// digests are hourly, and take a few minutes themselves (docs/cloudtrail-facts.md#digests).
pub const DIGEST_DELAY_SECONDS: i64 = 3600 + 900;

/// The integrity status of a log file, or of anything derived from log files; the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Integrity {
    /// It is not what CloudTrail delivered.
    Failed,
    /// No valid digest file covers it.
    Unverified,
    /// A digest file with a valid signature of CloudTrail covers every byte of it.
    Verified,
}

impl Integrity {
    /// All of them, the best first.
    pub const ALL: [Self; 3] = [Self::Verified, Self::Unverified, Self::Failed];

    /// The spelling of the outputs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The worst of several; `None` where there are none.
    #[must_use]
    pub fn worst(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        all.into_iter().min()
    }
}

/// SHA-256 of a text.
pub type Hash = [u8; 32];

/// The SHA-256 of a text.
#[must_use]
pub fn hash_of(text: &[u8]) -> Hash {
    Sha256::digest(text).into()
}

/// The content of a log file, as a digest hashes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Contents {
    /// Gzip of a text with this SHA-256; of one that ends early, of what there is.
    Hash(Hash),
    /// Text with this SHA-256 that is not compressed: what an inflated copy holds.
    Plain(Hash),
    /// No sound gzip.
    InvalidFormat,
    /// Gzip, and something behind it.
    TrailingData,
    /// More than one object may hold, which is more than CloudTrail delivers.
    TooLarge,
    /// It was listed, and is gone.
    NotFound,
    /// It could not be read: why.
    Unreadable(Text),
    /// No one asked.
    #[default]
    NotRead,
}

/// Files of one kind, by what came of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileCounts {
    /// All is well with them.
    pub valid: u64,
    /// Altered, moved, badly signed, or not there.
    pub invalid: u64,
    /// No one can tell.
    pub unchecked: u64,
}

impl FileCounts {
    /// Returns the total.
    #[must_use]
    pub fn total(self) -> u64 {
        self.valid + self.invalid + self.unchecked
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            valid: self.valid + other.valid,
            invalid: self.invalid + other.invalid,
            unchecked: self.unchecked + other.unchecked,
        }
    }
}

/// The origin of digests: one trail, in one account and Region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DigestPlace {
    /// The account that is logged.
    pub account_id: AccountId,
    /// The Region that is logged.
    pub region: Region,
    /// The trail's name; `None` where there is no digest to tell it.
    pub trail: Option<Text>,
}

/// One of CloudTrail's public keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// By which digests name it.
    pub fingerprint: Text,
    /// Its DER form, PKCS#1 or SPKI.
    pub der: Vec<u8>,
}

/// The verified files and digests of one place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlaceVerified {
    /// Hourly digests.
    pub digests: FileCounts,
    /// Digests made afterwards, which are chains of their own.
    pub backfill_digests: FileCounts,
    /// Log files that digests name.
    pub log_files: FileCounts,
    /// Log files that no digest names, though one would be due.
    pub unreferenced: u64,
    /// Log files so new that the digest that will name them is not due.
    pub awaiting_digest: u64,
    /// Start of the time that valid digest files cover.
    pub from: Option<UtcSecond>,
    /// End of the time that valid digest files cover.
    pub to: Option<UtcSecond>,
}

impl PlaceVerified {
    /// Returns true if anything of it is invalid, missing or in no digest.
    #[must_use]
    pub fn is_faulty(&self) -> bool {
        self.digests.invalid
            + self.backfill_digests.invalid
            + self.log_files.invalid
            + self.unreferenced
            > 0
    }

    /// Takes in another place's.
    pub fn merge(&mut self, other: &Self) {
        self.digests = self.digests.and(other.digests);
        self.backfill_digests = self.backfill_digests.and(other.backfill_digests);
        self.log_files = self.log_files.and(other.log_files);
        self.unreferenced += other.unreferenced;
        self.awaiting_digest += other.awaiting_digest;
        self.from = [self.from, other.from].into_iter().flatten().min();
        self.to = self.to.max(other.to);
    }
}

/// The kind of file with a fault.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[strum(serialize_all = "kebab-case")]
pub enum FaultyFile {
    /// An hourly digest.
    Digest,
    /// A digest made afterwards.
    BackfillDigest,
    /// A log file.
    LogFile,
}

impl FaultyFile {
    /// All of them, in the order of the documentation.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The spelling of the outputs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The kind of a fault.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// Named, and not there.
    NotFound,
    /// Not where its own text says that it was delivered.
    Moved,
    /// Not gzip, not JSON, or without what a digest has.
    InvalidFormat,
    /// The signature is not CloudTrail's, or the digest is not what was signed.
    SignatureFailed,
    /// No public key was given for it.
    PublicKeyNotFound {
        /// The Region whose keys were asked for.
        region: Region,
        /// The key's fingerprint.
        fingerprint: Text,
    },
    /// The public key itself cannot be read.
    PublicKeyUnreadable {
        /// The key's fingerprint.
        fingerprint: Text,
    },
    /// Its text has another SHA-256 than the digest says.
    HashMismatch,
    /// There is something behind the gzip data.
    TrailingData,
    /// The digest before it has another SHA-256, or another signature, than it says.
    PreviousMismatch,
    /// No digest after it leads to it.
    Unlinked,
    /// No digest names it, though one would be due.
    Unreferenced,
}

impl FaultKind {
    /// The spelling of the machine formats.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::Moved => "moved",
            Self::InvalidFormat => "invalid-format",
            Self::SignatureFailed => "signature-failed",
            Self::PublicKeyNotFound { .. } => "public-key-not-found",
            Self::PublicKeyUnreadable { .. } => "public-key-unreadable",
            Self::HashMismatch => "hash-mismatch",
            Self::TrailingData => "trailing-data",
            Self::PreviousMismatch => "previous-mismatch",
            Self::Unlinked => "unlinked",
            Self::Unreferenced => "unreferenced",
        }
    }

    /// The fault in words: those of `aws cloudtrail validate-logs` where it knows the
    /// fault.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::NotFound => "not found".to_owned(),
            Self::Moved => "has been moved from its original location".to_owned(),
            Self::InvalidFormat => "invalid format".to_owned(),
            Self::SignatureFailed => "signature verification failed".to_owned(),
            Self::PublicKeyNotFound {
                region,
                fingerprint,
            } => {
                format!("public key not found in region {region} for fingerprint {fingerprint}")
            }
            Self::PublicKeyUnreadable { fingerprint } => {
                format!("Unable to load PKCS #1 key with fingerprint {fingerprint}")
            }
            Self::HashMismatch => "hash value doesn't match".to_owned(),
            Self::TrailingData => "unexpected data after end of compressed stream".to_owned(),
            Self::PreviousMismatch => {
                "hash value or signature of the previous digest doesn't match".to_owned()
            }
            Self::Unlinked => "no later digest file refers to it".to_owned(),
            Self::Unreferenced => "no digest file lists it".to_owned(),
        }
    }

    /// Returns true if it is about the key to check a file with, and not about the file.
    #[must_use]
    pub fn is_of_key(&self) -> bool {
        matches!(
            self,
            Self::PublicKeyNotFound { .. } | Self::PublicKeyUnreadable { .. }
        )
    }
}

/// Something wrong with a digest or a log file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The trail, account and Region of the file.
    pub place: DigestPlace,
    /// The time it was delivered, or the end of its hour, by its name.
    pub at: Option<UtcSecond>,
    /// The file.
    pub file: FaultyFile,
    /// The object: `s3://bucket/key`, or the path of a copy whose bucket no one knows.
    pub object: Text,
    /// The kind of the fault.
    pub kind: FaultKind,
}

/// The reason why a period is in no digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum UncoveredWhy {
    /// The digest after it begins a chain: CloudTrail delivered nothing.
    NotDelivered,
    /// Digests are missing beyond those that others name.
    DigestsMissing,
    /// The digests on both sides are sound, and leave it out.
    LeftOut,
}

impl UncoveredWhy {
    /// The spelling of the machine formats.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Time that no digest covers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Uncovered {
    /// The trail, account and Region of the digests.
    pub place: DigestPlace,
    /// The end of the digest before it.
    pub from: UtcSecond,
    /// The start of the digest after it.
    pub to: UtcSecond,
    /// Why.
    pub why: UncoveredWhy,
    /// True if the digests that say so are valid.
    pub is_proven: bool,
    /// True if it is between digests made afterwards.
    pub is_backfill: bool,
}

/// Why a file was not verified that was not read.
pub const NOT_READ_WHY: &str = "it was not read";

/// Files that could not be verified: their kind, reason and number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unchecked {
    /// The trail, account and Region of the files, where known.
    pub place: Option<DigestPlace>,
    /// Why.
    pub why: Text,
    /// The first of them.
    pub object: Text,
    /// The number of files.
    pub count: u64,
}

/// The result of verification: verified files, faults, and what could not be verified.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    /// Digests that end in it were evaluated, and the log files that they name.
    pub window: TimeWindow,
    /// Every place, with its counts.
    pub places: BTreeMap<DigestPlace, PlaceVerified>,
    /// The faults, by place and time.
    pub faults: Vec<Fault>,
    /// Time that no digest covers, by place.
    pub uncovered: Vec<Uncovered>,
    /// The files that could not be verified.
    pub unchecked: Vec<Unchecked>,
    /// The limits of this verification, in words.
    pub limits: Vec<String>,
}

impl Verification {
    /// Everything together.
    #[must_use]
    pub fn total(&self) -> PlaceVerified {
        let mut total = PlaceVerified::default();
        for place in self.places.values() {
            total.merge(place);
        }
        total
    }

    /// Returns true if anything is invalid, missing, or in no digest though one would be due.
    #[must_use]
    pub fn is_faulty(&self) -> bool {
        let missing = |one: &Uncovered| one.why == UncoveredWhy::DigestsMissing;
        !self.faults.is_empty() || self.uncovered.iter().any(missing)
    }

    /// Returns the number of files that were not verified because they were not read: an engine said that
    /// nothing in them is relevant.
    #[must_use]
    pub fn not_read_count(&self) -> u64 {
        let unchecked = self.unchecked.iter();
        let not_read = unchecked.filter(|one| *one.why == *NOT_READ_WHY);
        not_read.map(|one| one.count).sum()
    }

    /// Returns the number of files that could not be verified.
    #[must_use]
    pub fn unchecked_count(&self) -> u64 {
        self.unchecked.iter().map(|one| one.count).sum()
    }

    /// Returns true if there is any digest.
    #[must_use]
    pub fn has_digests(&self) -> bool {
        let total = self.total();
        total.digests.total() + total.backfill_digests.total() > 0
    }

    /// Returns the integrity status of all that was delivered for an account and Region in a
    /// period: verified if digests cover it without a gap, and all files that they name are there.
    #[must_use]
    pub fn integrity_of(&self, account_id: &str, region: &str, time: TimeWindow) -> Integrity {
        let is_own =
            |place: &DigestPlace| *place.account_id == *account_id && *place.region == *region;
        let is_in = |at: Option<UtcSecond>| at.is_none_or(|at| time.contains(at));
        let mut faults = self.faults.iter();
        if faults.any(|fault| is_own(&fault.place) && is_in(fault.at)) {
            return Integrity::Failed;
        }
        let overlaps = |from: UtcSecond, to: UtcSecond| {
            time.to.is_none_or(|end| from < end) && time.from.is_none_or(|start| start < to)
        };
        let mut uncovered = self.uncovered.iter();
        let has_hole = uncovered.any(|one| is_own(&one.place) && overlaps(one.from, one.to));
        let covers = |of: &PlaceVerified| {
            let from = of
                .from
                .zip(time.from)
                .is_some_and(|(own, asked)| own <= asked);
            let to = of.to.zip(time.to).is_some_and(|(own, asked)| asked <= own);
            from && to && of.digests.invalid + of.digests.unchecked == 0
        };
        let mut places = self.places.iter();
        let is_covered = places.any(|(place, of)| is_own(place) && covers(of));
        if is_covered && !has_hole {
            Integrity::Verified
        } else {
            Integrity::Unverified
        }
    }
}
