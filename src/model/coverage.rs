//! Coverage: what was read and what could not be, counted, located, in every output.

use super::data_read::ReadEvents;
use super::ids::{AccountId, Region};
use super::region::partition;
use super::text::Text;
use super::time::UtcSecond;
use super::window::TimeWindow;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Limits on what one object may hold, each with its reason. AWS's own limits are far below
/// (docs/cloudtrail-facts.md#envelopes, docs/cloudtrail-facts.md#size-limits).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Inflated bytes of one object. CloudTrail writes at most 50 MB; exports
    /// may be larger; a gzip bomb is larger still.
    pub object_bytes_max: usize,
    /// The largest accepted ratio of inflated to stored bytes, past [`Self::any_ratio_bytes_max`].
    /// Log files inflate to 10 to 40 times theirs: every record has ids that no compression
    /// shortens. A gzip bomb inflates to 1,000 times.
    pub inflation_ratio_max: usize,
    /// Inflated bytes that an object may have whatever its stored size.
    pub any_ratio_bytes_max: usize,
    /// Inflated bytes that all threads together have in memory of large objects.
    pub inflating_bytes_max: usize,
    /// Inflated bytes of all objects of a run together.
    pub run_bytes_max: u64,
    /// Bytes of one record. CloudTrail's are at most 256 KB, CloudTrail Lake's 1 MB.
    pub record_bytes_max: usize,
    /// Bytes of one string, as it is written, in a record that is kept: no longer than
    /// the largest whole record that AWS writes. What is kept stays in memory.
    pub string_bytes_max: usize,
    /// Bytes of one text that is kept of a record: more than CloudTrail logs of all
    /// parameters of a call, whatever the caller put there, so that no caller can have a
    /// record of its own rejected.
    pub kept_text_bytes_max: usize,
    /// Bytes of one policy that is kept. IAM does not count blanks, and takes documents of
    /// up to 131,072 characters.
    pub policy_bytes_max: usize,
    /// Nested containers in one record, counting the record itself.
    pub nesting_max: u32,
}

impl Limits {
    /// The limits of a normal run.
    pub const DEFAULT: Self = Self {
        object_bytes_max: 256 << 20,
        inflation_ratio_max: 100,
        any_ratio_bytes_max: 16 << 20,
        inflating_bytes_max: 320 << 20,
        run_bytes_max: 16 << 40,
        record_bytes_max: 4 << 20,
        string_bytes_max: 1 << 20,
        kept_text_bytes_max: 128 << 10,
        policy_bytes_max: 256 << 10,
        nesting_max: 100,
    };

    /// Returns how many bytes an object of so many stored bytes may inflate to.
    #[must_use]
    pub fn inflated_bytes_max(&self, stored_bytes: usize) -> usize {
        let by_ratio = stored_bytes.saturating_mul(self.inflation_ratio_max);
        by_ratio
            .max(self.any_ratio_bytes_max)
            .min(self.object_bytes_max)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The reason why an input was not read.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum RejectReason {
    /// The object could not be opened or read from its source.
    Unreadable,
    /// The object holds nothing.
    Empty,
    /// The object is neither gzip nor JSON.
    NotJson,
    /// A gzip member fails its checksum or its format: nothing of it is trusted.
    CorruptGzip,
    /// A zstd file is damaged: nothing of it is trusted.
    CorruptZstd,
    /// A table that was exported as CSV is damaged.
    InvalidCsv,
    /// A table that was exported as Parquet is damaged.
    InvalidParquet,
    /// The object ends inside a gzip member: what came whole is kept.
    TruncatedGzip,
    /// There are bytes after the last gzip member.
    TrailingBytes,
    /// The object, or the run, inflates past its limit.
    TooLarge,
    /// The object ends inside a record.
    TruncatedJson,
    /// A record, or what stands between records, is not JSON.
    InvalidJson,
    /// A record is not UTF-8.
    InvalidUtf8,
    /// A record is nested deeper than the limit.
    NestedTooDeep,
    /// A record is longer than the limit.
    RecordTooLarge,
    /// JSON, but not a CloudTrail record.
    NotARecord,
    /// A member of the record has a type that CloudTrail never gives it.
    WrongType,
    /// A needed member is missing or does not make sense.
    BadMember,
    /// The object changed between two readings of one run.
    Changed,
}

impl RejectReason {
    /// All reasons.
    const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Reads what [`Self::as_str`] gives.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|reason| reason.as_str() == text)
    }

    /// The reason as the outputs spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Something that was not read: what, where and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Reject {
    /// Key or path of the object.
    pub object: Text,
    /// Position of the record in the object, from 0; absent where the object
    /// itself, or the space between records, is at fault.
    pub record: Option<u32>,
    /// Byte offset in the inflated object.
    pub offset: Option<u64>,
    /// Why.
    pub reason: RejectReason,
    /// The reason in words; never text from the log.
    pub detail: String,
}

/// The number of examples shown of each reason.
pub const REJECT_EXAMPLES_MAX: usize = 5;
/// The number of unreadable places and objects that are named: each is a coverage gap of its own.
pub const UNREADABLE_NAMED_MAX: usize = 100;

/// Rejects, counted by reason, with the first few of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rejects {
    by_reason: BTreeMap<RejectReason, (u64, Vec<Reject>)>,
}

impl Rejects {
    /// Counts one. The first examples by object, record and offset are kept,
    /// whatever the order they come in.
    pub fn add(&mut self, reject: Reject) {
        let (count, examples) = self.by_reason.entry(reject.reason).or_default();
        *count += 1;
        let most = match reject.reason {
            RejectReason::Unreadable => UNREADABLE_NAMED_MAX,
            _ => REJECT_EXAMPLES_MAX,
        };
        if examples.len() < most || examples.last() > Some(&reject) {
            let at = examples.partition_point(|known| *known <= reject);
            examples.insert(at, reject);
            examples.truncate(most);
        }
    }

    /// Counts some more of a reason of which there is no example.
    pub fn add_uncounted(&mut self, reason: RejectReason, count: u64) {
        if count > 0 {
            self.by_reason.entry(reason).or_default().0 += count;
        }
    }

    /// The same without those of one reason.
    #[must_use]
    pub fn without(&self, reason: RejectReason) -> Self {
        let mut others = self.clone();
        others.by_reason.remove(&reason);
        others
    }

    /// Counts all of another's.
    pub fn merge(&mut self, other: Self) {
        for (reason, (count, examples)) in other.by_reason {
            // `add` counts the examples; the rest were only counted.
            self.add_uncounted(reason, count - examples.len() as u64);
            for example in examples {
                self.add(example);
            }
        }
    }

    /// Returns the total.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_reason.values().map(|(count, _)| count).sum()
    }

    /// Reasons with their counts and first examples, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = (RejectReason, u64, &[Reject])> {
        self.by_reason
            .iter()
            .map(|(reason, (count, examples))| (*reason, *count, examples.as_slice()))
    }
}

/// Folders, files and record kinds that are no logs of calls
/// (docs/cloudtrail-facts.md#object-keys).
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum Sibling {
    /// Digest files.
    Digest,
    /// Insight events.
    Insight,
    /// Network activity events.
    NetworkActivity,
    /// Aggregated events.
    Aggregated,
    /// Logs of other services in the same bucket, by their folder or name.
    OtherService,
    /// Files that are no logs by name and content, such as `.DS_Store`.
    NotALog,
}

impl Sibling {
    /// Reads what [`Self::as_str`] gives.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let all = <Self as strum::VariantArray>::VARIANTS;
        all.iter().copied().find(|sibling| sibling.as_str() == text)
    }

    /// The sibling as the outputs spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Remarks on objects, by their text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes(BTreeMap<Text, NotedObjects>);

impl Notes {
    /// Adds a note on an object.
    pub fn add(&mut self, note: &str, object: &Text) {
        let objects = NotedObjects {
            count: 1,
            first: object.clone(),
        };
        self.add_all(&note.into(), &objects);
    }

    fn add_all(&mut self, note: &Text, objects: &NotedObjects) {
        let known = self.0.entry(note.clone()).or_insert_with(|| NotedObjects {
            count: 0,
            first: objects.first.clone(),
        });
        known.count += objects.count;
        if objects.first < known.first {
            known.first.clone_from(&objects.first);
        }
    }

    /// Adds the notes of another part of the run.
    pub fn merge(&mut self, other: &Self) {
        for (note, objects) in &other.0 {
            self.add_all(note, objects);
        }
    }

    /// The notes with their objects, by text.
    pub fn iter(&self) -> impl Iterator<Item = (&Text, &NotedObjects)> {
        self.0.iter()
    }
}

/// The objects that a note is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotedObjects {
    /// The number of objects.
    pub count: u64,
    /// The first object by key.
    pub first: Text,
}

/// Records seen of one account and Region on one UTC day of event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayActivity {
    /// The number of records.
    pub records: u64,
    /// The first event.
    pub first: UtcSecond,
    /// The last event.
    pub last: UtcSecond,
}

impl DayActivity {
    /// Returns true if any of the records may be of this window: sure where the first or the last
    /// one is.
    #[must_use]
    pub fn is_in(&self, window: &TimeWindow) -> bool {
        window.to.is_none_or(|to| self.first < to)
            && window.from.is_none_or(|from| from <= self.last)
    }

    /// Both sightings together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            records: self.records + other.records,
            first: self.first.min(other.first),
            last: self.last.max(other.last),
        }
    }
}

/// Account id, Region, UTC day.
pub type SeenKey = (AccountId, Region, jiff::civil::Date);

/// The coverage of a run: what it read, and what it did not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Objects read, whole or in part.
    pub objects_read: u64,
    /// Objects of which nothing could be read.
    pub objects_failed: u64,
    /// Objects not read because the date in their key is outside the window.
    pub objects_outside_window: u64,
    /// Objects passed over as siblings, by key or by content.
    pub objects_passed_over: BTreeMap<Sibling, u64>,
    /// Bytes of the objects as stored.
    pub bytes_read: u64,
    /// Bytes after inflation.
    pub bytes_inflated: u64,
    /// Records found.
    pub records: u64,
    /// Records kept: relevant, or a call of a relevant session.
    pub records_kept: u64,
    /// Records read whole and not needed.
    pub records_not_relevant: u64,
    /// Records that could not be read.
    pub records_rejected: u64,
    /// Records among the not relevant that belong to a sibling.
    pub records_of_siblings: BTreeMap<Sibling, u64>,
    /// Kept records whose event version is not 1.x: read as if it were.
    pub records_of_unknown_version: u64,
    /// Kept records that were delivered before.
    pub duplicates: u64,
    /// Deliveries of one event that do not agree.
    pub conflicts: u64,
    /// Events replaced by an `UPDATED_DATA` addendum.
    pub replaced: u64,
    /// Records whose event time is inside the window.
    pub records_in_window: u64,
    /// True if those are only the ones of whole days: of what was kept, only days are known, and
    /// the window cuts through one.
    pub is_window_cut: bool,
    /// The inputs that were not read, with their reasons.
    pub rejects: Rejects,
    /// Remarks on objects that were read or passed over, by their text. They are no gaps.
    pub notes: Notes,
    /// Accounts, Regions and days seen.
    pub seen: BTreeMap<SeenKey, DayActivity>,
    /// Consumers and producers whose logs have no such events: what queries read there is not fully
    /// known.
    pub reads_not_logged: BTreeMap<ReadEvents, BTreeSet<AccountId>>,
}

impl Coverage {
    /// Returns true if every record is accounted for: in = kept + not relevant + rejected.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        self.records == self.records_kept + self.records_not_relevant + self.records_rejected
    }

    /// Adds records of an account, a Region and a day.
    pub fn add_seen(&mut self, key: SeenKey, seen: DayActivity) {
        self.seen
            .entry(key)
            .and_modify(|known| *known = known.and(seen))
            .or_insert(seen);
    }

    /// Returns true if any record may be of this window: exact to the second at the ends of what an
    /// account and Region logged in a day.
    #[must_use]
    pub fn has_records_in(&self, window: &TimeWindow) -> bool {
        self.seen.values().any(|seen| seen.is_in(window))
    }

    /// Accounts of which any record was read.
    #[must_use]
    pub fn accounts_seen(&self) -> BTreeSet<AccountId> {
        let seen = self.seen.keys();
        seen.map(|(account, ..)| account.clone()).collect()
    }

    /// The partition of the Regions that logged, as ARNs name it: a run reads one.
    #[must_use]
    pub fn partition(&self) -> &'static str {
        let regions = self.seen.keys().map(|(_, region, _)| region);
        let other = regions
            .map(|region| partition(region))
            .find(|own| *own != "aws");
        other.unwrap_or("aws")
    }

    /// First and last event time seen.
    #[must_use]
    pub fn span(&self) -> Option<(UtcSecond, UtcSecond)> {
        let all = self.seen.values().copied().reduce(DayActivity::and)?;
        Some((all.first, all.last))
    }

    /// Adds what another part of the run read.
    pub fn merge(&mut self, other: Self) {
        self.objects_read += other.objects_read;
        self.objects_failed += other.objects_failed;
        self.objects_outside_window += other.objects_outside_window;
        for (sibling, count) in other.objects_passed_over {
            *self.objects_passed_over.entry(sibling).or_default() += count;
        }
        self.bytes_read += other.bytes_read;
        self.bytes_inflated += other.bytes_inflated;
        self.records += other.records;
        self.records_kept += other.records_kept;
        self.records_not_relevant += other.records_not_relevant;
        self.records_rejected += other.records_rejected;
        for (sibling, count) in other.records_of_siblings {
            *self.records_of_siblings.entry(sibling).or_default() += count;
        }
        self.records_of_unknown_version += other.records_of_unknown_version;
        self.duplicates += other.duplicates;
        self.conflicts += other.conflicts;
        self.replaced += other.replaced;
        self.records_in_window += other.records_in_window;
        self.is_window_cut |= other.is_window_cut;
        self.rejects.merge(other.rejects);
        self.notes.merge(&other.notes);
        for (events, accounts) in other.reads_not_logged {
            let known = self.reads_not_logged.entry(events).or_default();
            known.extend(accounts);
        }
        for (key, seen) in other.seen {
            self.seen
                .entry(key)
                .and_modify(|known| *known = known.and(seen))
                .or_insert(seen);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reject(object: &str, record: u32) -> Reject {
        Reject {
            object: object.into(),
            record: Some(record),
            offset: None,
            reason: RejectReason::InvalidJson,
            detail: String::new(),
        }
    }

    #[test]
    fn the_same_examples_are_kept_in_any_order() {
        let all: Vec<Reject> = (0..40).map(|n| reject(&format!("o{}", n % 7), n)).collect();
        let mut forward = Rejects::default();
        all.iter().cloned().for_each(|one| forward.add(one));
        let mut halves = [Rejects::default(), Rejects::default()];
        for (index, one) in all.iter().rev().enumerate() {
            halves[index % 2].add(one.clone());
        }
        let [mut left, right] = halves;
        left.merge(right);
        assert_eq!(left, forward);
        assert_eq!(left.total(), 40);
        let (_, _, examples) = left.iter().next().unwrap();
        assert_eq!(examples.len(), REJECT_EXAMPLES_MAX);
    }
}
