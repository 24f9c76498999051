//! Links between events of different days, found on disk.
//!
//! What each event reaches is written to one of many buckets by its key. A bucket at a time is read
//! again, put in order, and tells for each day which of its keys events of other days have, too, at
//! the same time.

use super::event_links::{LinkReach, Side};
use crate::model::link::LinkKey;
use crate::model::time::{CLOCK_SKEW_SECONDS, UtcDay, UtcSecond};
use crate::ports::{SpillError, SpillFile, SpilledSpan};
use hashbrown::HashMap;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Keys are in this many buckets: one fits in memory.
const BUCKETS: usize = 64;

/// What links an event to others, and the day that the event is told on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DayReach {
    pub(super) reach: LinkReach,
    pub(super) day: UtcDay,
}

/// Rows of one size on disk.
trait SpilledRow: Sized {
    const BYTES: usize;
    fn write(&self, out: &mut Vec<u8>);
    fn read(bytes: &[u8]) -> Self;
}

impl SpilledRow for LinkReach {
    const BYTES: usize = 25;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.key.number().to_le_bytes());
        out.extend(self.from.unix().to_le_bytes());
        out.extend(self.to.unix().to_le_bytes());
        out.push(self.side as u8);
    }

    fn read(bytes: &[u8]) -> Self {
        let second = |at| UtcSecond::from_unix(i64::from_le_bytes(part(bytes, at)));
        let side = bytes.last().copied().unwrap_or_default();
        Self {
            key: LinkKey::from_number(u64::from_le_bytes(part(bytes, 0))),
            from: second(8),
            to: second(16),
            side: Side::ALL
                .get(usize::from(side))
                .copied()
                .unwrap_or(Side::Both),
        }
    }
}

impl SpilledRow for DayReach {
    const BYTES: usize = LinkReach::BYTES + 4;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.day.number().to_le_bytes());
        self.reach.write(out);
    }

    fn read(bytes: &[u8]) -> Self {
        let (day, reach) = bytes.split_at(4);
        Self {
            day: UtcDay::numbered(i32::from_le_bytes(part(day, 0))),
            reach: LinkReach::read(reach),
        }
    }
}

/// An id of an event, and the day that the event is told on.
impl SpilledRow for (LinkKey, UtcDay) {
    const BYTES: usize = 12;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.0.number().to_le_bytes());
        out.extend(self.1.number().to_le_bytes());
    }

    fn read(bytes: &[u8]) -> Self {
        (
            LinkKey::from_number(u64::from_le_bytes(part(bytes, 0))),
            UtcDay::numbered(i32::from_le_bytes(part(bytes, 8))),
        )
    }
}

fn part<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let part = bytes.get(at..at + N).and_then(|part| part.try_into().ok());
    part.unwrap_or([0; N])
}

fn write_rows<R: SpilledRow>(rows: &[R]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(rows.len() * R::BYTES);
    for row in rows {
        row.write(&mut bytes);
    }
    bytes
}

fn read_rows<R: SpilledRow>(
    file: &dyn SpillFile,
    spans: &[SpilledSpan],
    rows: &mut Vec<R>,
) -> Result<(), SpillError> {
    for span in spans {
        let bytes = file.read(*span)?;
        rows.extend(bytes.chunks_exact(R::BYTES).map(R::read));
    }
    Ok(())
}

/// Rows by their keys, on disk.
#[derive(Debug)]
struct ReachBuckets([Vec<SpilledSpan>; BUCKETS]);

impl Default for ReachBuckets {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Vec::new()))
    }
}

impl ReachBuckets {
    /// Writes rows, each once.
    fn add<R: SpilledRow + Copy + Ord>(
        &mut self,
        file: &dyn SpillFile,
        mut rows: Vec<R>,
        key: fn(&R) -> LinkKey,
    ) -> Result<(), SpillError> {
        let bucket = |row: &R| {
            let bucket = key(row).number() % BUCKETS as u64;
            usize::try_from(bucket).unwrap_or_default()
        };
        rows.sort_unstable_by_key(|row| (bucket(row), *row));
        rows.dedup();
        for rows in rows.chunk_by(|left, right| bucket(left) == bucket(right)) {
            let span = file.write(&write_rows(rows))?;
            self.0[bucket(&rows[0])].push(span);
        }
        Ok(())
    }

    /// Calls `each` with all rows of a bucket, in order and each once, on all threads.
    fn for_each<R: SpilledRow + Copy + Ord, T: Send>(
        &self,
        file: &dyn SpillFile,
        each: impl Fn(&[R]) -> Result<T, SpillError> + Sync,
    ) -> Result<Vec<T>, SpillError> {
        let of_bucket = |spans: &Vec<SpilledSpan>| {
            let mut rows: Vec<R> = Vec::new();
            read_rows(file, spans, &mut rows)?;
            rows.sort_unstable();
            rows.dedup();
            each(&rows)
        };
        self.0.par_iter().map(of_bucket).collect()
    }
}

/// What the events of all days reach, and their ids, on disk.
#[derive(Debug, Default)]
pub(super) struct ReachIndex {
    reaches: ReachBuckets,
    ids: ReachBuckets,
}

impl ReachIndex {
    /// Adds what some events reach.
    pub(super) fn add(
        &mut self,
        file: &dyn SpillFile,
        reaches: Vec<DayReach>,
        ids: Vec<(LinkKey, UtcDay)>,
    ) -> Result<(), SpillError> {
        self.reaches.add(file, reaches, |row| row.reach.key)?;
        self.ids.add(file, ids, |(id, _)| *id)
    }

    /// The ids that events of several days have.
    pub(super) fn repeated_ids(
        &self,
        file: &dyn SpillFile,
    ) -> Result<HashMap<LinkKey, BTreeSet<UtcDay>>, SpillError> {
        let found = self.ids.for_each(file, |rows: &[(LinkKey, UtcDay)]| {
            let of_id = rows.chunk_by(|left, right| left.0 == right.0);
            let repeated = of_id.filter(|days| days.len() > 1);
            let repeated = repeated.map(|days| {
                let id = days[0].0;
                (id, days.iter().map(|(_, day)| *day).collect())
            });
            Ok(repeated.collect::<Vec<(LinkKey, BTreeSet<UtcDay>)>>())
        })?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Finds the links between days. Sessions last this long at most.
    pub(super) fn crossings(
        &self,
        file: &dyn SpillFile,
        life_seconds_max: i64,
    ) -> Result<Crossings, SpillError> {
        let parts = self.reaches.for_each(file, |rows: &[DayReach]| {
            let mut found: BTreeMap<UtcDay, Vec<DayReach>> = BTreeMap::new();
            for of_key in rows_by_key(rows) {
                KeyDays::of(of_key, life_seconds_max).crossings(of_key, &mut found);
            }
            let written = found.into_iter().map(|(day, crossings)| {
                let span = file.write(&write_rows(&crossings))?;
                Ok((day, span))
            });
            written.collect::<Result<Vec<(UtcDay, SpilledSpan)>, SpillError>>()
        })?;
        let mut by_day: BTreeMap<UtcDay, Vec<SpilledSpan>> = BTreeMap::new();
        for (day, span) in parts.into_iter().flatten() {
            by_day.entry(day).or_default().push(span);
        }
        Ok(Crossings { by_day })
    }
}

/// The rows of each key.
fn rows_by_key(rows: &[DayReach]) -> impl Iterator<Item = &[DayReach]> {
    rows.chunk_by(|left, right| left.reach.key == right.reach.key)
}

/// The reaches of one key on one side of a day, by their beginnings.
#[derive(Debug, Default)]
struct OneSide {
    /// Beginnings, in order, and the last end of all up to there.
    ends: Vec<(UtcSecond, UtcSecond)>,
}

impl OneSide {
    fn add(&mut self, from: UtcSecond, to: UtcSecond) {
        self.ends.push((from, to));
    }

    fn close(&mut self) {
        self.ends.sort_unstable();
        let mut last = UtcSecond::from_unix(i64::MIN);
        for (_, to) in &mut self.ends {
            last = last.max(*to);
            *to = last;
        }
    }

    fn overlaps(&self, from: UtcSecond, to: UtcSecond) -> bool {
        let count = self.ends.partition_point(|(start, _)| *start <= to);
        let before = count.checked_sub(1);
        before.is_some_and(|at| self.ends[at].1 >= from)
    }
}

/// The reaches of one key, by day.
struct KeyDays {
    life_seconds_max: i64,
    days: BTreeMap<UtcDay, [OneSide; 2]>,
}

impl KeyDays {
    fn of(rows: &[DayReach], life_seconds_max: i64) -> Self {
        let mut all = Self {
            life_seconds_max,
            days: BTreeMap::new(),
        };
        if rows.iter().all(|row| row.day == rows[0].day) {
            return all;
        }
        for row in rows {
            let (from, to) = all.stretch(&row.reach);
            let [seeking, sought] = all.days.entry(row.day).or_default();
            if row.reach.side.seeks() {
                seeking.add(from, to);
            }
            if row.reach.side.is_sought() {
                sought.add(from, to);
            }
        }
        all.days.values_mut().flatten().for_each(OneSide::close);
        all
    }

    fn stretch(&self, reach: &LinkReach) -> (UtcSecond, UtcSecond) {
        let from = match reach.side {
            Side::BothSinceLongestSession => {
                reach.from.plus(-self.life_seconds_max - CLOCK_SKEW_SECONDS)
            }
            _ => reach.from,
        };
        (from, reach.to)
    }

    fn crossings(&self, rows: &[DayReach], found: &mut BTreeMap<UtcDay, Vec<DayReach>>) {
        for row in rows {
            let (from, to) = self.stretch(&row.reach);
            let side = row.reach.side;
            for (&other, [seeking, sought]) in &self.days {
                let is_linked = other != row.day
                    && (side.seeks() && sought.overlaps(from, to)
                        || side.is_sought() && seeking.overlaps(from, to));
                if is_linked {
                    let reach = row.reach;
                    let links = found.entry(row.day).or_default();
                    links.push(DayReach { reach, day: other });
                }
            }
        }
    }
}

/// Links between days, on disk by day: what is reached, and the other day.
#[derive(Debug, Default)]
pub(super) struct Crossings {
    by_day: BTreeMap<UtcDay, Vec<SpilledSpan>>,
}

/// What there is of a day.
pub(super) fn of_day<T>(by_day: &BTreeMap<UtcDay, Vec<T>>, day: UtcDay) -> &[T] {
    by_day.get(&day).map_or(&[], Vec::as_slice)
}

/// The links of one day with others.
#[derive(Debug, Default)]
pub(super) struct DayCrossings {
    others: HashMap<LinkReach, Vec<UtcDay>>,
}

impl Crossings {
    pub(super) fn of(&self, file: &dyn SpillFile, day: UtcDay) -> Result<DayCrossings, SpillError> {
        let mut rows: Vec<DayReach> = Vec::new();
        read_rows(file, of_day(&self.by_day, day), &mut rows)?;
        let mut others: HashMap<LinkReach, Vec<UtcDay>> = HashMap::new();
        for row in rows {
            others.entry(row.reach).or_default().push(row.day);
        }
        Ok(DayCrossings { others })
    }
}

impl DayCrossings {
    /// The other days that have what is reached.
    pub(super) fn others(&self, reach: &LinkReach) -> &[UtcDay] {
        self.others.get(reach).map_or(&[], Vec::as_slice)
    }

    /// All other days that have anything.
    pub(super) fn all(&self) -> BTreeSet<UtcDay> {
        self.others.values().flatten().copied().collect()
    }
}
