//! Bills: which kind a file is, and all files together.

use super::bill_error::BillError;
use super::bill_lines::BillLines;
use super::bill_values::list;
use super::exports::{ExportKey, ExportLines, ExportNotes, OneBill, one_bill};
use super::file_lines::FileLines;
use super::manifest::{Belongs, BillFileKind, BillFiles, bill_file_kind};
use super::rows::{EndOfRows, Rows};
use super::text::{EndHandle, ExportInput, PlainStream, spooled};
use super::{archive, cost_explorer, cur, focus, merge};
use crate::model::bill::{Bill, BillKind, ChargeCategory, CostMetric, LineAmounts};
use crate::model::window::TimeWindow;
use hashbrown::HashSet;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// Inflated bytes of an answer of Cost Explorer, which is in memory whole.
const ANSWER_BYTES_MAX: u64 = 2 << 30;

/// Reads the files of a bill, one after the other.
pub struct BillReader {
    lines: BillLines,
    files: BillFiles,
    exports: BTreeMap<ExportKey, ExportLines>,
    /// Digests of the plain bytes of files.
    files_seen: HashSet<[u8; 32]>,
}

impl BillReader {
    /// Makes a reader of the amounts of one metric inside a window. Taxes, credits and
    /// the like are left out unless they are among the `extra` categories.
    #[must_use]
    pub fn new(metric: CostMetric, window: TimeWindow, extra: BTreeSet<ChargeCategory>) -> Self {
        Self {
            lines: BillLines::new(metric, window, extra),
            files: BillFiles::default(),
            exports: BTreeMap::new(),
            files_seen: HashSet::new(),
        }
    }

    /// Tells which files belong together, before any is read.
    pub fn sort_by(&mut self, files: BillFiles) {
        for (name, why) in files.unread() {
            self.lines.pass_over(name, why);
        }
        for (report, count) in files.missing() {
            self.lines.bill.coverage.missing_files += count;
            self.lines.note(format!(
                "the manifest of {report:?} names {count} files that were not given: the bill is not complete"
            ));
        }
        self.files = files;
    }

    /// Counts a file that is no bill, or cannot be opened, as one that was not read.
    pub fn pass_over(&mut self, name: &str, why: impl Into<String>) {
        self.lines.pass_over(name, why);
    }

    /// Counts a file that AWS delivers with a bill.
    pub fn side_file(&mut self) {
        self.lines.bill.coverage.side_files += 1;
    }

    /// Counts a file of a billing period that has nothing of the window.
    pub fn other_period(&mut self) {
        self.lines.bill.coverage.other_period_files += 1;
    }

    /// Takes in one file that is in memory.
    ///
    /// # Errors
    ///
    /// As [`Self::read_input`].
    pub fn read(&mut self, name: &str, bytes: &[u8]) -> Result<(), BillError> {
        self.read_input(name, ExportInput::of_bytes(bytes.to_vec()))
    }

    /// Takes in one file.
    ///
    /// # Errors
    ///
    /// When it is no bill, or one without accounts, services or the metric, or cannot be read to
    /// its end: then nothing of it counts. Single lines that cannot be read are counted instead.
    pub fn read_input(&mut self, name: &str, input: ExportInput) -> Result<(), BillError> {
        if self.files.is_replaced(name) {
            self.lines.bill.coverage.replaced_files += 1;
            self.lines.note(
                "files of earlier assemblies of a report are not counted: a later one replaces them",
            );
            return Ok(());
        }
        let (start, input) = input.start()?;
        if let Some(other) = archive::other_form(&start) {
            return Err(other);
        }
        if archive::is_zip(&start) {
            return self.archive(name, &input.into_file()?);
        }
        if archive::is_parquet(&start) {
            return self.parquet(name, input.into_file()?);
        }
        self.stream(name, PlainStream::of(input.into_read())?)
    }

    fn archive(&mut self, name: &str, file: &File) -> Result<(), BillError> {
        let mut has_bill = false;
        let mut first_error = None;
        for entry in archive::entries(file)? {
            if bill_file_kind(&entry.name) != BillFileKind::Bill {
                self.side_file();
                continue;
            }
            let name = format!("{name}/{}", entry.name);
            let stream = PlainStream::of_entry(file.try_clone()?, entry.index)?;
            match self.stream(&name, stream) {
                Ok(()) => has_bill = true,
                // One file of many costs itself only.
                Err(error) => {
                    if let Some((name, error)) = first_error.replace((name, error)) {
                        self.pass_over(&name, error.to_string());
                    }
                }
            }
        }
        match first_error {
            Some((name, error)) if has_bill => self.pass_over(&name, error.to_string()),
            Some((_, error)) => return Err(error),
            None => {}
        }
        Ok(())
    }

    /// A text, or Parquet inside gzip or an archive.
    fn stream(&mut self, name: &str, mut stream: PlainStream) -> Result<(), BillError> {
        let end = stream.end();
        let start = failed_first(stream.peek().map(<[u8]>::to_vec), &end)?;
        if archive::is_parquet(&start) {
            let file = failed_first(spooled(&mut stream), &end)?;
            return self.parquet(name, file);
        }
        if let Some(other) = archive::other_form(&start) {
            return Err(other);
        }
        match start.iter().find(|byte| !byte.is_ascii_whitespace()) {
            None if start.is_empty() => Err(BillError::NotABill {
                found: "an empty file".to_owned(),
            }),
            Some(b'{' | b'[') => self.answer(name, stream),
            _ => self.csv(name, stream),
        }
    }

    fn answer(&mut self, name: &str, stream: PlainStream) -> Result<(), BillError> {
        let end = stream.end();
        let mut text = Vec::new();
        let mut stream = stream.take(ANSWER_BYTES_MAX + 1);
        failed_first(stream.read_to_end(&mut text), &end)?;
        if text.len() as u64 > ANSWER_BYTES_MAX {
            return Err(super::text::TextError::TooLarge(ANSWER_BYTES_MAX).into());
        }
        if self.is_seen(Sha256::digest(&text).into()) {
            return Ok(());
        }
        cost_explorer::read(name, &text, &mut self.lines)?;
        self.lines.bill.coverage.files += 1;
        Ok(())
    }

    fn parquet(&mut self, name: &str, mut file: File) -> Result<(), BillError> {
        let mut hasher = Sha256::new();
        file.seek(SeekFrom::Start(0))?;
        let mut piece = vec![0; 1 << 20];
        loop {
            match file.read(&mut piece)? {
                0 => break,
                count => hasher.update(&piece[..count]),
            }
        }
        let rows = Rows::parquet(file)?;
        let names = rows.names().to_vec();
        let (lines, _) = self.rows(name, rows)?;
        if !self.is_seen(hasher.finalize().into()) {
            self.take(name, lines, ("parquet", &names));
        }
        Ok(())
    }

    fn csv(&mut self, name: &str, stream: PlainStream) -> Result<(), BillError> {
        let end = stream.end();
        let read = Rows::csv(stream).map_err(BillError::Rows).and_then(|rows| {
            let names = rows.names().to_vec();
            Ok((self.rows(name, rows)?, names))
        });
        // The end is not reached where a row is too long: the rows before it count.
        let known = end.take().transpose()?;
        let ((mut lines, rows), names) = read?;
        if rows.lacks_last_column {
            lines.notes.insert(
                "the header of a file has one column more than its rows: the last one is taken to be missing"
                    .to_owned(),
            );
        }
        if let Some(known) = known {
            if self.is_seen(known.digest) {
                return Ok(());
            }
            if known.last != Some(b'\n') {
                lines.notes.insert(
                    "a file does not end with a line break: its last line may be cut short"
                        .to_owned(),
                );
            }
        }
        self.take(name, lines, ("csv", &names));
        Ok(())
    }

    /// Returns whether a file with the same plain bytes was read before, and counts it.
    fn is_seen(&mut self, digest: [u8; 32]) -> bool {
        let is_new = self.files_seen.insert(digest);
        if !is_new {
            self.lines.bill.coverage.uncounted.repeated += 1;
            self.lines
                .note("the same file was named twice and is counted once");
        }
        !is_new
    }

    fn rows(&self, name: &str, rows: Rows<'_>) -> Result<(FileLines, EndOfRows), BillError> {
        let mut lines = FileLines::default();
        let (metric, scope) = (self.lines.metric, &self.lines.scope);
        let end = if cur::is_cur(rows.names()) {
            cur::read(name, rows, metric, scope, &mut lines)?
        } else if focus::is_focus(rows.names()) {
            focus::read(name, rows, metric, scope, &mut lines)?
        } else {
            return Err(BillError::NotABill {
                found: format!("columns {}", list(rows.names())),
            });
        };
        Ok((lines, end))
    }

    /// Takes in the lines of a file, all of which was read.
    fn take(&mut self, name: &str, mut file: FileLines, form: (&'static str, &[String])) {
        let lines = file.take_lines();
        let coverage = &mut self.lines.bill.coverage;
        coverage.files += 1;
        coverage.rejects.merge(file.rejects);
        coverage.uncounted.merge(&file.uncounted);
        coverage.notes.extend(file.notes);
        coverage.unknown_prefixes.extend(file.unknown_prefixes);
        coverage.kinds.extend(&file.kinds);
        self.lines.bill.payers.extend(file.payers);
        for (account_id, told) in &file.names {
            self.lines.name_account(account_id, told);
        }
        let is_focus = focus::is_focus(form.1);
        let belongs = self.files.belongs(name);
        let key = ExportKey {
            kind: if is_focus {
                BillKind::Focus
            } else {
                BillKind::Cur
            },
            form: (!matches!(belongs, Belongs::Listed { .. })).then(|| (form.0, form.1.to_vec())),
            belongs,
        };
        self.exports.entry(key).or_default().add(name, lines);
    }

    /// The bill of all files. Where several cover the same, what says more counts.
    #[must_use]
    pub fn finish(mut self) -> Bill {
        self.finish_answers();
        self.finish_exports();
        let coverage = &mut self.lines.bill.coverage;
        for prefix in coverage.unknown_prefixes.clone() {
            coverage.notes.insert(format!(
                "the prefix {prefix:?} of usage types stands for no Region that is known: lines with it belong to no query"
            ));
        }
        let mut bill = self.lines.bill;
        let lines = std::mem::take(&mut bill.lines);
        bill.lines = merge::lines(lines, &mut bill.coverage.uncounted);
        bill
    }

    fn finish_answers(&mut self) {
        let entries = std::mem::take(&mut self.lines.entries);
        let has_entries = !entries.is_empty();
        let kept = merge::entries(entries, &mut self.lines.bill.coverage.uncounted);
        let has_free_use = kept.iter().any(|entry| {
            let used = entry.line.terabytes.as_ref();
            let is_used = used.is_some_and(|used| !used.is_zero() && !used.is_negative());
            is_used && (entry.line.cost.is_zero() || entry.line.cost.is_negative())
        });
        let has_record_types = kept
            .iter()
            .any(|entry| entry.line.key.kind == BillKind::CostExplorerByRecordType);
        for entry in kept {
            let amounts = LineAmounts {
                cost: entry.line.cost,
                terabytes: entry.line.terabytes,
                lines: 1,
                is_estimated: entry.line.is_estimated,
                sku: None,
            };
            self.lines.line(entry.line.key, &amounts);
        }
        let mut pages = self.lines.pages.values();
        if pages.any(|(with_next, last)| *with_next > 0 && *last == 0) {
            self.lines.bill.coverage.pages_missing = true;
            self.lines.note(
                "the Cost Explorer output has a NextPageToken but no last page: pages are missing",
            );
        }
        let may_be_net = self.lines.may_be_net && has_entries && !has_record_types;
        if may_be_net {
            self.lines.note(
                "the figures of Cost Explorer may be net of credits, refunds and taxes: an answer does not say whether it was \
                 filtered by RECORD_TYPE, and none by RECORD_TYPE was given (README.md has both requests)",
            );
            if has_free_use {
                self.lines.note(
                    "Cost Explorer gives no cost for some terabytes that were scanned: credits are likely netted",
                );
            }
        }
    }

    fn finish_exports(&mut self) {
        let mut by_kind: BTreeMap<BillKind, Vec<ExportLines>> = BTreeMap::new();
        let mut notes = ExportNotes::default();
        for (key, export) in std::mem::take(&mut self.exports) {
            let uncounted = &mut self.lines.bill.coverage.uncounted;
            let export = export.finish(&self.lines.scope, uncounted, &mut notes);
            by_kind.entry(key.kind).or_default().push(export);
        }
        for exports in by_kind.into_values() {
            let OneBill {
                lines,
                same_bill,
                same,
                undecided,
                differing,
            } = one_bill(exports);
            let coverage = &mut self.lines.bill.coverage;
            coverage.uncounted.same_bill += same_bill;
            coverage.undecided += undecided;
            for (counted, other) in same {
                coverage.notes.insert(format!(
                    "{counted:?} and {other:?} give the same totals for the same accounts and days: they are one bill, counted once"
                ));
            }
            for (counted, other) in differing {
                coverage.notes.insert(format!(
                    "{counted:?} and {other:?} give different totals for the same accounts and days: the larger is counted; \
                     name only one of them"
                ));
            }
            for (key, amounts) in lines {
                coverage.kinds.insert(key.kind);
                let known = self.lines.bill.lines.entry(key).or_default();
                known.merge(&amounts);
            }
        }
        if notes.has_months {
            self.lines.note(
                "lines without an end of their period that all start with a month are taken for whole months",
            );
        }
        if notes.has_no_currency {
            self.lines
                .note("some lines give no currency: USD is assumed");
        }
    }
}

/// The result of reading a stream; where it failed because its bytes could not be read, the reason
/// that the reading thread gave.
fn failed_first<T>(result: io::Result<T>, end: &EndHandle) -> Result<T, BillError> {
    if let Some(Err(error)) = end.borrow_mut().take_if(|end| end.is_err()) {
        return Err(error.into());
    }
    Ok(result?)
}
