//! Small segments into one for each day, and what is too old away.

use super::error::StoreError;
use super::events::SegmentReader;
use super::folder::WrittenSegment;
use super::ledger::LiveSegment;
use super::number::count;
use super::statistics;
use super::writer::{MARKS_DAYS, Tidied, Writer, name_segment, sum_day, superseded};
use crate::model::time::{UtcDay, UtcSecond};
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

    /// One segment for each day, without what no longer counts.
    fn compact(&mut self) -> Result<u64, StoreError> {
        let superseded = superseded(&mut self.ledger)?;
        let mut days: BTreeMap<UtcDay, Vec<LiveSegment>> = BTreeMap::new();
        for named in self.ledger.segments("events", (UtcDay::MIN, UtcDay::MAX))? {
            days.entry(named.day).or_default().push(named);
        }
        let mut compacted = 0;
        let sql = "SELECT first_day, last_day FROM superseded";
        let spans: Vec<(UtcDay, UtcDay)> = self
            .ledger
            .rows(sql, &[], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let holds_old = |day: UtcDay| {
            spans
                .iter()
                .any(|(first, last)| (*first..=*last).contains(&day))
        };
        days.retain(|day, names| names.len() > 1 || holds_old(*day));
        for (day, names) in days {
            let mut reader = SegmentReader::default();
            let mut rows = Vec::new();
            let wanted = |object: u32, _: UtcSecond| !superseded.contains(&object);
            for named in &names {
                reader.read(&self.folder, named, &wanted, &mut rows)?;
            }
            rows.sort_by_key(|row| row.event.place);
            let made = if rows.is_empty() {
                None
            } else {
                Some((self.write_events(day, &rows)?, count(rows.len())))
            };
            if names.len() == 1
                && made
                    .as_ref()
                    .is_some_and(|(made, _)| made.name == names[0].name)
            {
                continue;
            }
            compacted += 1;
            self.replace("events", day, &names, made)?;
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
