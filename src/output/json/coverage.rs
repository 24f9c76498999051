//! The `coverage` section of machine output, version 1.

use crate::model::coverage::{Coverage, Reject, Seen};
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What was read and what was not.
#[derive(Serialize)]
pub struct CoverageV1<'a> {
    objects: ObjectsV1,
    bytes_read: u64,
    bytes_inflated: u64,
    records: RecordsV1,
    rejects: RejectsV1<'a>,
    accounts: BTreeSet<&'a Text>,
    regions: BTreeSet<&'a Text>,
    first_event_at: Option<UtcSecond>,
    last_event_at: Option<UtcSecond>,
    seen: Vec<SeenV1<'a>>,
}

#[derive(Serialize)]
struct ObjectsV1 {
    read: u64,
    failed: u64,
    outside_window: u64,
    passed_over: BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
struct RecordsV1 {
    read: u64,
    kept: u64,
    not_relevant: u64,
    rejected: u64,
    in_window: u64,
    of_siblings: BTreeMap<&'static str, u64>,
    of_unknown_version: u64,
    duplicates: u64,
    conflicts: u64,
    replaced: u64,
}

#[derive(Serialize)]
struct RejectsV1<'a> {
    total: u64,
    by_reason: Vec<RejectedV1<'a>>,
}

#[derive(Serialize)]
struct RejectedV1<'a> {
    reason: &'static str,
    count: u64,
    examples: &'a [Reject],
}

#[derive(Serialize)]
struct SeenV1<'a> {
    account_id: &'a Text,
    region: &'a Text,
    days: usize,
    records: u64,
    first_event_at: UtcSecond,
    last_event_at: UtcSecond,
}

impl<'a> CoverageV1<'a> {
    /// The coverage as it is written.
    #[must_use]
    pub fn of(coverage: &'a Coverage) -> Self {
        let named = |counts: &BTreeMap<crate::model::coverage::Sibling, u64>| {
            let counts = counts.iter();
            counts
                .map(|(sibling, &count)| (sibling.as_str(), count))
                .collect()
        };
        let span = coverage.span();
        let by_reason = coverage
            .rejects
            .iter()
            .map(|(reason, count, examples)| RejectedV1 {
                reason: reason.as_str(),
                count,
                examples,
            });
        Self {
            objects: ObjectsV1 {
                read: coverage.objects_read,
                failed: coverage.objects_failed,
                outside_window: coverage.objects_outside_window,
                passed_over: named(&coverage.objects_passed_over),
            },
            bytes_read: coverage.bytes_read,
            bytes_inflated: coverage.bytes_inflated,
            records: RecordsV1 {
                read: coverage.records,
                kept: coverage.records_kept,
                not_relevant: coverage.records_not_relevant,
                rejected: coverage.records_rejected,
                in_window: coverage.records_in_window,
                of_siblings: named(&coverage.records_of_siblings),
                of_unknown_version: coverage.records_of_unknown_version,
                duplicates: coverage.duplicates,
                conflicts: coverage.conflicts,
                replaced: coverage.replaced,
            },
            rejects: RejectsV1 {
                total: coverage.rejects.total(),
                by_reason: by_reason.collect(),
            },
            accounts: coverage.seen.keys().map(|(account, ..)| account).collect(),
            regions: coverage.seen.keys().map(|(_, region, _)| region).collect(),
            first_event_at: span.map(|(first, _)| first),
            last_event_at: span.map(|(_, last)| last),
            seen: seen(coverage),
        }
    }
}

/// Days of one account and Region together.
fn seen(coverage: &Coverage) -> Vec<SeenV1<'_>> {
    let mut places: BTreeMap<(&Text, &Text), (usize, Seen)> = BTreeMap::new();
    for ((account, region, _), seen) in &coverage.seen {
        places
            .entry((account, region))
            .and_modify(|(days, known)| {
                *days += 1;
                *known = known.and(*seen);
            })
            .or_insert((1, *seen));
    }
    let places = places.into_iter();
    let rows = places.map(|((account_id, region), (days, seen))| SeenV1 {
        account_id,
        region,
        days,
        records: seen.records,
        first_event_at: seen.first,
        last_event_at: seen.last,
    });
    rows.collect()
}
