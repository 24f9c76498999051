//! Bills: which kind a file is, and all files together.

use super::bill_lines::{BillError, BillLines};
use super::bill_values::list;
use super::rows::Rows;
use super::text::{Stored, plain};
use super::{cost_explorer, cur, focus, merge};
use crate::model::bill::{Bill, BillKind, ChargeCategory, CostMetric, LineKey, Uncounted};
use crate::model::window::TimeWindow;
use hashbrown::HashSet;
use std::collections::BTreeSet;

/// Reads the files of a bill, one after the other.
pub struct BillReader {
    lines: BillLines,
    files_seen: HashSet<[u8; 32]>,
    /// Digests of each file's rows, independent of their order, form and ids.
    tellings_seen: HashSet<u128>,
}

impl BillReader {
    /// Makes a reader of the amounts of one metric inside a window. Taxes, credits and
    /// the like are left out unless they are among the `extra` categories.
    #[must_use]
    pub fn new(metric: CostMetric, window: TimeWindow, extra: BTreeSet<ChargeCategory>) -> Self {
        Self {
            lines: BillLines::new(metric, window, extra),
            files_seen: HashSet::new(),
            tellings_seen: HashSet::new(),
        }
    }

    /// Counts a file that is no bill as one that was not read.
    pub fn pass_over(&mut self, name: &str, error: &BillError) {
        self.lines.pass_over(name, error);
    }

    /// Takes in one file.
    ///
    /// # Errors
    ///
    /// When it is no bill, or one without accounts, services or the metric. Single
    /// lines that cannot be read are counted instead.
    pub fn read(&mut self, name: &str, bytes: &[u8]) -> Result<(), BillError> {
        if bytes.starts_with(b"PK\x03\x04") {
            return Err(BillError::NotABill {
                found: "a zip archive: unpack it first".to_owned(),
            });
        }
        let stored = Stored::new(bytes);
        let look = stored.look()?;
        if !self.files_seen.insert(look.digest) {
            self.lines.bill.coverage.uncounted.repeated += 1;
            self.lines
                .note("the same file was named twice and is counted once");
            return Ok(());
        }
        self.lines.bill.coverage.files += 1;
        if look.start == b"PAR1" {
            return self.rows(name, Rows::parquet(&plain(bytes)?)?);
        }
        match look.first {
            None => Err(BillError::NotABill {
                found: "an empty file".to_owned(),
            }),
            Some(b'{' | b'[') => cost_explorer::read(name, &plain(bytes)?, &mut self.lines),
            Some(_) => {
                if look.last != Some(b'\n') {
                    self.lines.note(
                        "a file does not end with a line break: its last line may be cut short",
                    );
                }
                self.rows(name, Rows::csv(stored.reader(), look.has_odd_quotes)?)
            }
        }
    }

    /// Rows of one file. A file whose rows tell exactly what those of an earlier one
    /// did, in another form or with other ids, is the same data.
    fn rows(&mut self, name: &str, rows: Rows<'_>) -> Result<(), BillError> {
        let before = std::mem::take(&mut self.lines.bill.lines);
        let counted = self.lines.bill.coverage.uncounted.clone();
        self.lines.rows_digest = 0;
        let read = self.rows_of_kind(name, rows);
        let own = std::mem::replace(&mut self.lines.bill.lines, before);
        read?;
        let is_new = own.is_empty() || self.tellings_seen.insert(self.lines.rows_digest);
        if !is_new {
            let lines: u64 = own.values().map(|amounts| amounts.lines).sum();
            self.lines.bill.coverage.uncounted = Uncounted {
                repeated: counted.repeated + lines,
                ..counted
            };
            self.lines.note(
                "a file has the same contents as an earlier one in another form: counted once",
            );
            return Ok(());
        }
        let known = |key: &LineKey| self.lines.bill.lines.get(key);
        if own.keys().any(|key| known(key).is_some()) {
            self.lines.note(
                "several files of a report cover the same accounts and days and are added up: name only one version of each \
                 report",
            );
        }
        for (key, amounts) in own {
            let fits = self.lines.merge_amounts(key, &amounts);
            if !fits {
                self.lines
                    .reject(name, 0, "the sum of its lines needs more than 28 digits");
            }
        }
        Ok(())
    }

    fn rows_of_kind(&mut self, name: &str, rows: Rows<'_>) -> Result<(), BillError> {
        if cur::is_cur(rows.names()) {
            cur::read(name, rows, &mut self.lines)
        } else if focus::is_focus(rows.names()) {
            focus::read(name, rows, &mut self.lines)
        } else {
            Err(BillError::NotABill {
                found: format!("columns {}", list(rows.names())),
            })
        }
    }

    /// The bill of all files. Where several cover the same, what says more counts.
    #[must_use]
    pub fn finish(mut self) -> Bill {
        let entries = std::mem::take(&mut self.lines.entries);
        for entry in merge::entries(entries, &mut self.lines.bill.coverage.uncounted) {
            self.lines.line(&entry.file, entry.record, entry.line);
        }
        let mut pages = self.lines.pages.values();
        if pages.any(|(with_next, last)| *with_next > 0 && *last == 0) {
            self.lines.bill.coverage.pages_missing = true;
            self.lines.note(
                "the Cost Explorer output has a NextPageToken but no last page: pages are missing",
            );
        }
        let kinds = &self.lines.bill.coverage.kinds;
        let only_cost_explorer =
            !kinds.contains(&BillKind::Cur) && !kinds.contains(&BillKind::Focus);
        if !self.lines.extra.is_empty() && only_cost_explorer && !kinds.is_empty() {
            self.lines.note(
                "Cost Explorer by service or usage type does not separate credits and refunds from usage",
            );
        }
        let mut bill = self.lines.bill;
        let lines = std::mem::take(&mut bill.lines);
        bill.lines = merge::lines(lines, &mut bill.coverage.uncounted);
        bill
    }
}
