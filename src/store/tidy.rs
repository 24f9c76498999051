//! Small segments into one for each day, and what is too old away.

use super::error::StoreError;
use super::events::SegmentReader;
use super::folder::WrittenSegment;
use super::ledger::LiveSegment;
use super::number::count;
use super::statistics;
use super::writer::{MARKS_DAYS, Tidied, Writer, name_segment, sum_day, superseded};
use crate::model::time::{UtcDay, UtcSecond};
use hashbrown::HashSet;
use std::collections::BTreeMap;

impl Writer {
    /// Puts the segments of each day together, forgets what is older than so many
    /// days, and removes files that nothing names.
    ///
    /// # Errors
    ///
    /// When something cannot be read or written. Then nothing has changed.
    pub fn tidy(&mut self, retention_days: u32) -> Result<Tidied, StoreError> {
        let oldest = self.now.utc_day() - i64::from(retention_days);
        let objects_forgotten = self.forget(oldest)?;
        let days = self.compact()? + statistics::compact(self)?;
        let named = self.ledger.segment_names()?;
        let files_removed = self.folder.sweep(&named)?;
        // What was appended goes into the ledger itself.
        self.ledger
            .try_to(|ledger| ledger.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())))?;
        Ok(Tidied {
            days,
            objects_forgotten,
            files_removed,
        })
    }

    /// Forgets objects delivered, and segments of days, before one.
    fn forget(&mut self, oldest: UtcDay) -> Result<u64, StoreError> {
        let today = self.now.utc_day();
        self.ledger.try_to(|ledger| {
            let transaction = ledger.transaction()?;
            // Objects of no known day stay.
            let sql = "DELETE FROM objects WHERE delivery_day < ?1";
            let forgotten = transaction.execute(sql, [oldest])?;
            for sql in [
                "DELETE FROM days WHERE delivery_day < ?1",
                "DELETE FROM seen WHERE delivery_day < ?1",
                "DELETE FROM segments WHERE day < ?1",
                "DELETE FROM executions WHERE day < ?1",
                "DELETE FROM day_records WHERE day < ?1",
                "DELETE FROM day_revisions WHERE day < ?1",
                "DELETE FROM cost_pages WHERE end_day < ?1",
                "DELETE FROM gaps WHERE until < ?1 * 86400",
            ] {
                transaction.execute(sql, [oldest])?;
            }
            // Sessions end, and late files come, within a month.
            let sql = "DELETE FROM relevant WHERE is_role = 0 AND day < ?1";
            transaction.execute(sql, [today - MARKS_DAYS])?;
            let sql = "DELETE FROM fingerprints WHERE object NOT IN
                (SELECT id FROM objects WHERE delivery_day >= ?1 OR delivery_day IS NULL)";
            transaction.execute(sql, [today - MARKS_DAYS])?;
            transaction.commit()?;
            Ok(forgotten as u64)
        })
    }

    /// As few segments as may be for each day, without what no longer counts.
    fn compact(&mut self) -> Result<u64, StoreError> {
        let superseded = superseded(&mut self.ledger)?;
        let mut days: BTreeMap<UtcDay, Vec<LiveSegment>> = BTreeMap::new();
        for named in self.ledger.segments("events", (UtcDay::MIN, UtcDay::MAX))? {
            days.entry(named.day).or_default().push(named);
        }
        let sql = "SELECT first_day, last_day FROM superseded";
        let spans: Vec<(UtcDay, UtcDay)> = self
            .ledger
            .rows(sql, &[], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut compacted = 0;
        for (day, mut names) in days {
            // Small ones first: these are put together.
            names.sort_by(|left, right| (left.rows, &left.name).cmp(&(right.rows, &right.name)));
            let holds_old = spans
                .iter()
                .any(|(first, last)| (*first..=*last).contains(&day));
            let mut is_changed = false;
            for group in groups(&names) {
                if group.len() > 1 || holds_old {
                    is_changed |= self.compact_group(day, group, &superseded)?;
                }
            }
            compacted += u64::from(is_changed);
        }
        // Sums of objects that were read again are right already: their rows are gone.
        self.ledger.try_to(|ledger| {
            let transaction = ledger.transaction()?;
            transaction.execute("DELETE FROM superseded", [])?;
            sum_day(&transaction, None)?;
            transaction.commit()
        })?;
        Ok(compacted)
    }

    /// One segment in place of some; returns whether there was anything to do.
    fn compact_group(
        &mut self,
        day: UtcDay,
        names: &[LiveSegment],
        superseded: &HashSet<u32>,
    ) -> Result<bool, StoreError> {
        let mut reader = SegmentReader::default();
        let mut rows = Vec::new();
        let wanted = |object: u32, _: UtcSecond| !superseded.contains(&object);
        for named in names {
            reader.read(&self.folder, named, &wanted, &mut rows)?;
        }
        rows.sort_by_key(|row| row.event.place);
        let made = if rows.is_empty() {
            None
        } else {
            Some((self.write_events(day, &rows)?, count(rows.len())))
        };
        let is_same = made
            .as_ref()
            .is_some_and(|(made, _)| names.len() == 1 && made.name == names[0].name);
        if !is_same {
            self.replace("events", day, names, made)?;
        }
        Ok(!is_same)
    }

    /// Names one segment in place of others, in one step.
    pub(super) fn replace(
        &mut self,
        kind: &str,
        day: UtcDay,
        names: &[LiveSegment],
        made: Option<(WrittenSegment, i64)>,
    ) -> Result<(), StoreError> {
        self.ledger.try_to(|ledger| {
            let transaction = ledger.transaction()?;
            for named in names {
                transaction.execute("DELETE FROM segments WHERE name = ?1", [&named.name])?;
            }
            if let Some((written, rows)) = made {
                name_segment(&transaction, kind, day, &written, rows)?;
            }
            transaction.commit()
        })
    }
}

/// Rows of a segment at most that several are put together into: they are in memory at once.
const SEGMENT_ROWS_MAX: u64 = 400_000;

/// Segments of a day that are put together, in their order.
fn groups(names: &[LiveSegment]) -> Vec<&[LiveSegment]> {
    let mut groups = Vec::new();
    let mut start = 0;
    let mut rows = 0;
    for (at, named) in names.iter().enumerate() {
        if at > start && rows + named.rows > SEGMENT_ROWS_MAX {
            groups.push(&names[start..at]);
            (start, rows) = (at, 0);
        }
        rows += named.rows;
    }
    groups.push(&names[start..]);
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_put_together_as_far_as_they_fit_in_memory() {
        let of = |rows: &[u64]| {
            let segment = |rows: &u64| LiveSegment {
                day: UtcDay::MIN,
                name: String::new(),
                digest: None,
                rows: *rows,
            };
            let names: Vec<LiveSegment> = rows.iter().map(segment).collect();
            groups(&names)
                .iter()
                .map(|group| group.len())
                .collect::<Vec<_>>()
        };
        assert_eq!(of(&[10, 20, 30]), [3]);
        assert_eq!(of(&[300_000, 100_000, 1]), [2, 1]);
        assert_eq!(of(&[500_000, 1, 2]), [1, 2]);
        assert_eq!(of(&[1, 500_000, 500_000]), [1, 1, 1]);
    }
}
