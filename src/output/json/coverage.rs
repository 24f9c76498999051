//! The `coverage` section of machine output, version 1.

use crate::model::bill::BillCoverage;
use crate::model::coverage::{Coverage, DayActivity, Reject, Rejects};
use crate::model::execution::StatisticsCoverage;
use crate::model::ids::{AccountId, Region};
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Coverage: what was read and what was not.
#[derive(Serialize)]
pub struct CoverageV1<'a> {
    objects: ObjectsV1,
    bytes_read: u64,
    bytes_inflated: u64,
    records: RecordsV1,
    rejects: RejectsV1<'a>,
    accounts: BTreeSet<&'a AccountId>,
    regions: BTreeSet<&'a Region>,
    first_event_at: Option<UtcSecond>,
    last_event_at: Option<UtcSecond>,
    seen: Vec<SeenV1<'a>>,
    notes: Vec<NoteV1<'a>>,
    reads_not_logged: Vec<ReadsNotLoggedV1<'a>>,
}

/// Accounts whose logs have no such events.
#[derive(Serialize)]
struct ReadsNotLoggedV1<'a> {
    events: &'static str,
    account_ids: &'a BTreeSet<AccountId>,
}

fn reads_not_logged(coverage: &Coverage) -> Vec<ReadsNotLoggedV1<'_>> {
    let gaps = coverage.reads_not_logged.iter();
    let gaps = gaps.map(|(events, account_ids)| ReadsNotLoggedV1 {
        events: events.as_str(),
        account_ids,
    });
    gaps.collect()
}

fn notes(coverage: &Coverage) -> Vec<NoteV1<'_>> {
    let notes = coverage.notes.iter();
    let notes = notes.map(|(text, objects)| NoteV1 {
        text,
        count: objects.count,
        first_object: &objects.first,
    });
    notes.collect()
}

/// A remark on objects, which is no coverage gap.
#[derive(Serialize)]
struct NoteV1<'a> {
    text: &'a str,
    count: u64,
    first_object: &'a str,
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
    in_window: Option<u64>,
    of_siblings: BTreeMap<&'static str, u64>,
    of_unknown_version: u64,
    duplicates: u64,
    conflicts: u64,
    replaced: u64,
}

/// The rejected inputs, by reason.
#[derive(Serialize)]
pub struct RejectsV1<'a> {
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
    account_id: &'a AccountId,
    region: &'a Region,
    days: usize,
    records: u64,
    first_event_at: UtcSecond,
    last_event_at: UtcSecond,
}

/// The coverage of query statistics.
#[derive(Serialize)]
pub struct StatisticsV1<'a> {
    files: u64,
    executions: u64,
    duplicates: u64,
    updates: u64,
    unprocessed: u64,
    unread_members: u64,
    query_count: u64,
    queries_with_statistics: u64,
    executions_without_query: u64,
    bytes_scanned_without_query: u64,
    rejects: RejectsV1<'a>,
}

impl<'a> StatisticsV1<'a> {
    /// The statistics as they are written.
    #[must_use]
    pub fn of(coverage: &'a StatisticsCoverage) -> Self {
        Self {
            files: coverage.files,
            executions: coverage.executions,
            duplicates: coverage.duplicates,
            updates: coverage.updates,
            unprocessed: coverage.unprocessed,
            unread_members: coverage.unread_members,
            query_count: coverage.queries,
            queries_with_statistics: coverage.queries_with_statistics,
            executions_without_query: coverage.executions_without_query,
            bytes_scanned_without_query: coverage.bytes_without_query,
            rejects: RejectsV1::of(&coverage.rejects),
        }
    }
}

/// The coverage of the bill.
#[derive(Serialize)]
pub struct BillV1<'a> {
    files: u64,
    kinds: Vec<&'static str>,
    metric: &'static str,
    side_files: u64,
    other_period_files: u64,
    replaced_files: u64,
    missing_files: u64,
    undecided: u64,
    unknown_prefixes: &'a BTreeSet<Text>,
    pages_missing: bool,
    uncounted: UncountedV1,
    rejects: RejectsV1<'a>,
    notes: &'a BTreeSet<String>,
}

#[derive(Serialize)]
struct UncountedV1 {
    repeated: u64,
    outdated: u64,
    covered_elsewhere: u64,
    same_bill: u64,
    other_providers: u64,
    outside_window: u64,
    across_window: u64,
    categories: BTreeMap<&'static str, u64>,
}

impl<'a> BillV1<'a> {
    /// The bill's coverage as it is written.
    #[must_use]
    pub fn of(coverage: &'a BillCoverage) -> Self {
        let uncounted = &coverage.uncounted;
        let categories = uncounted.categories.iter();
        Self {
            files: coverage.files,
            kinds: coverage.kinds.iter().map(|kind| kind.as_str()).collect(),
            metric: coverage.metric.as_str(),
            side_files: coverage.side_files,
            other_period_files: coverage.other_period_files,
            replaced_files: coverage.replaced_files,
            missing_files: coverage.missing_files,
            undecided: coverage.undecided,
            unknown_prefixes: &coverage.unknown_prefixes,
            pages_missing: coverage.pages_missing,
            uncounted: UncountedV1 {
                repeated: uncounted.repeated,
                outdated: uncounted.outdated,
                covered_elsewhere: uncounted.covered_elsewhere,
                same_bill: uncounted.same_bill,
                other_providers: uncounted.other_providers,
                outside_window: uncounted.outside_window,
                across_window: uncounted.across_window,
                categories: categories
                    .map(|(category, count)| (category.as_str(), *count))
                    .collect(),
            },
            rejects: RejectsV1::of(&coverage.rejects),
            notes: &coverage.notes,
        }
    }
}

impl<'a> RejectsV1<'a> {
    /// The rejects as they are written.
    #[must_use]
    pub fn of(rejects: &'a Rejects) -> Self {
        let by_reason = rejects.iter().map(|(reason, count, examples)| RejectedV1 {
            reason: reason.as_str(),
            count,
            examples,
        });
        Self {
            total: rejects.total(),
            by_reason: by_reason.collect(),
        }
    }
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
                in_window: (!coverage.is_window_cut).then_some(coverage.records_in_window),
                of_siblings: named(&coverage.records_of_siblings),
                of_unknown_version: coverage.records_of_unknown_version,
                duplicates: coverage.duplicates,
                conflicts: coverage.conflicts,
                replaced: coverage.replaced,
            },
            rejects: RejectsV1::of(&coverage.rejects),
            accounts: coverage.seen.keys().map(|(account, ..)| account).collect(),
            regions: coverage.seen.keys().map(|(_, region, _)| region).collect(),
            first_event_at: span.map(|(first, _)| first),
            last_event_at: span.map(|(_, last)| last),
            seen: seen(coverage),
            notes: notes(coverage),
            reads_not_logged: reads_not_logged(coverage),
        }
    }
}

/// Days of one account and Region together.
fn seen(coverage: &Coverage) -> Vec<SeenV1<'_>> {
    let mut places: BTreeMap<(&AccountId, &Region), (usize, DayActivity)> = BTreeMap::new();
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
