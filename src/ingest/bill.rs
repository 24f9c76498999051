//! Bills: which kind a file is, and all files together.

use super::archive::ArchiveEntry;
use super::bill_error::BillError;
use super::bill_lines::BillLines;
use super::bill_values::list;
use super::exports::{ExportKey, ExportLines, ExportNotes, Lookalikes, OneBill, one_bill};
use super::file_lines::FileLines;
use super::manifest::{Belongs, BillFileKind, BillFiles, bill_file_kind};
use super::rows::{EndOfRows, Rows};
use super::text::{EndHandle, ExportInput, PlainStream, spooled};
use super::{archive, cost_explorer, cur, focus, merge};
use crate::model::bill::{Bill, BillKind, ChargeCategory, CostMetric, LineAmounts};
use crate::model::text::Text;
use crate::model::window::TimeWindow;
use hashbrown::{HashMap, HashSet};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// Inflated bytes of an answer of Cost Explorer, which is in memory whole.
const ANSWER_BYTES_MAX: u64 = 2 << 30;

/// A file of a bill.
#[derive(Debug, Clone, Copy)]
pub struct BillFile<'a> {
    /// Its name, for messages.
    pub name: &'a str,
    /// Its whole path or URL, by which [`BillFiles`] knows it.
    pub place: &'a str,
}

/// Reads the files of a bill, one after the other.
pub struct BillReader {
    lines: BillLines,
    files: BillFiles,
    exports: BTreeMap<ExportKey, ExportLines>,
    /// Digests of the plain bytes of files, and the exports that they were of.
    files_seen: HashMap<[u8; 32], BTreeSet<ExportKey>>,
    /// The same of answers.
    answers_seen: HashSet<[u8; 32]>,
    lookalikes: Lookalikes,
    /// Currencies that any line names, whether it counts or not.
    currencies: BTreeSet<Text>,
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
            files_seen: HashMap::new(),
            answers_seen: HashSet::new(),
            lookalikes: Lookalikes::default(),
            currencies: BTreeSet::new(),
        }
    }

    /// Tells which files belong together, before any is read.
    pub fn sort_by(&mut self, files: BillFiles) {
        self.say(&files);
        self.files = files;
    }

    /// Says what manifests tell that is not right.
    fn say(&mut self, files: &BillFiles) {
        for (name, why) in files.unread() {
            self.lines.pass_over(name, why);
        }
        for (report, count) in files.missing() {
            self.lines.bill.coverage.missing_files += count;
            self.lines.note(format!(
                "the manifest of {report:?} names {count} files that were not given: the bill is not complete"
            ));
        }
    }

    /// Counts a file that is no bill, or cannot be opened, as one that was not read.
    pub fn pass_over(&mut self, name: &str, why: impl Into<String>) {
        self.lines.pass_over(name, why);
    }

    /// Counts a file that AWS delivers with a bill.
    pub fn side_file(&mut self) {
        self.lines.bill.coverage.side_files += 1;
    }

    /// Counts a file that was named before.
    pub fn named_again(&mut self) {
        self.repeated();
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
        let file = BillFile { name, place: name };
        self.read_input(file, ExportInput::of_bytes(bytes.to_vec()))
    }

    /// Takes in one file.
    ///
    /// # Errors
    ///
    /// When it is no bill, or one without accounts, services or the metric, or cannot be read to
    /// its end: then nothing of it counts. Single lines that cannot be read are counted instead.
    pub fn read_input(&mut self, file: BillFile<'_>, input: ExportInput) -> Result<(), BillError> {
        if self.is_replaced(file) {
            return Ok(());
        }
        let (start, input) = input.start()?;
        if let Some(other) = archive::other_form(&start) {
            return Err(other);
        }
        if archive::is_zip(&start) {
            return self.archive(file, &input.into_file()?);
        }
        if archive::is_parquet(&start) {
            return self.parquet(file, input.into_file()?);
        }
        self.stream(file, PlainStream::of(input.into_read())?)
    }

    fn archive(&mut self, of: BillFile<'_>, file: &File) -> Result<(), BillError> {
        let mut has_bill = false;
        let mut first_error = None;
        let is_known = self.files.belongs(of.place) != Belongs::Alone;
        let entries = self.archive_entries(of.place, is_known, file)?;
        for entry in entries {
            let name = format!("{}/{}", of.name, entry.name);
            let inside = format!("{}/{}", of.place, entry.name);
            // Manifests name the archive, or stand in it.
            let place = if is_known { of.place } else { &inside };
            let own = BillFile { name: &name, place };
            if self.is_replaced(own) {
                has_bill = true;
                continue;
            }
            let stream = PlainStream::of_entry(file.try_clone()?, entry.index)?;
            match self.stream(own, stream) {
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

    /// Returns whether a later assembly replaces a file, and counts it.
    fn is_replaced(&mut self, file: BillFile<'_>) -> bool {
        let is_replaced = self.files.is_replaced(file.place);
        if is_replaced {
            self.lines.bill.coverage.replaced_files += 1;
            self.lines.note(
                "files of earlier assemblies of a report are not counted: a later one replaces them",
            );
        }
        is_replaced
    }

    /// The files of an archive that may hold lines, sorted by the manifests in it.
    fn archive_entries(
        &mut self,
        place: &str,
        is_known: bool,
        file: &File,
    ) -> Result<Vec<ArchiveEntry>, BillError> {
        let mut bills = Vec::new();
        let mut manifests = Vec::new();
        for entry in archive::entries(file)? {
            match bill_file_kind(&entry.name) {
                BillFileKind::Bill => bills.push(entry),
                BillFileKind::Side => self.side_file(),
                BillFileKind::Manifest => {
                    self.side_file();
                    let text = archive::text_of(file, &entry)?;
                    manifests.push((format!("{place}/{}", entry.name), text));
                }
            }
        }
        if !is_known {
            let inside = |entry: &ArchiveEntry| format!("{place}/{}", entry.name);
            let places: Vec<String> = bills.iter().map(inside).collect();
            let files = BillFiles::of(&places, &manifests);
            self.say(&files);
            self.files.extend(files);
            bills.sort_by_cached_key(|entry| self.files.order(&inside(entry)));
        }
        Ok(bills)
    }

    /// A text, or Parquet inside gzip or an archive.
    fn stream(
        &mut self,
        bill_file: BillFile<'_>,
        mut stream: PlainStream,
    ) -> Result<(), BillError> {
        let end = stream.end();
        let start = failed_first(stream.peek().map(<[u8]>::to_vec), &end)?;
        if archive::is_parquet(&start) {
            let file = failed_first(spooled(&mut stream), &end)?;
            return self.parquet(bill_file, file);
        }
        if let Some(other) = archive::other_form(&start) {
            return Err(other);
        }
        match start.iter().find(|byte| !byte.is_ascii_whitespace()) {
            None if start.is_empty() => Err(BillError::NotABill {
                found: "an empty file".to_owned(),
            }),
            Some(b'{' | b'[') => self.answer(bill_file.name, stream),
            _ => self.csv(bill_file, stream),
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
        if !self.answers_seen.insert(Sha256::digest(&text).into()) {
            self.repeated();
            return Ok(());
        }
        cost_explorer::read(name, &text, &mut self.lines)?;
        self.lines.bill.coverage.files += 1;
        Ok(())
    }

    fn parquet(&mut self, bill_file: BillFile<'_>, mut file: File) -> Result<(), BillError> {
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
        let form = ("parquet", rows.names().to_vec());
        let (lines, _) = self.rows(bill_file.name, rows)?;
        self.take(bill_file, lines, form, hasher.finalize().into());
        Ok(())
    }

    fn csv(&mut self, file: BillFile<'_>, stream: PlainStream) -> Result<(), BillError> {
        let end = stream.end();
        let read = Rows::csv(stream).map_err(BillError::Rows).and_then(|rows| {
            let names = rows.names().to_vec();
            Ok((self.rows(file.name, rows)?, names))
        });
        let known = end.take().transpose()?;
        let ((mut lines, rows), names) = read?;
        let known = known.ok_or_else(|| io::Error::other("its end was not reached"))?;
        if rows.lacks_last_column {
            lines.notes.insert(
                "the header of a file has one column more than its rows: the last one is taken to be missing"
                    .to_owned(),
            );
        }
        if rows.has_windows_1252 {
            lines.notes.insert(
                "a file is not UTF-8: its other letters are read as Windows-1252".to_owned(),
            );
        }
        if rows.has_headers {
            lines.notes.insert(
                "a file repeats its header between its rows: files were put together, and the headers are no lines"
                    .to_owned(),
            );
        }
        if !matches!(known.last, Some(b'\n' | b'\r')) {
            lines.notes.insert(
                "a file does not end with a line break: its last line may be cut short".to_owned(),
            );
        }
        self.take(file, lines, ("csv", names), known.digest);
        Ok(())
    }

    fn repeated(&mut self) {
        self.lines.bill.coverage.uncounted.repeated += 1;
        self.lines
            .note("the same file was named twice and is counted once");
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

    /// Takes in the lines of a file, all of which was read, unless the same file was read before.
    /// What a manifest names always counts: honest parts may be equal.
    fn take(
        &mut self,
        of: BillFile<'_>,
        mut file: FileLines,
        form: (&'static str, Vec<String>),
        digest: [u8; 32],
    ) {
        let belongs = self.files.belongs(of.place);
        let is_listed = matches!(belongs, Belongs::Listed { .. });
        let kind = if focus::is_focus(&form.1) {
            BillKind::Focus
        } else {
            BillKind::Cur
        };
        let lines = file.take_lines();
        let is_alone = belongs == Belongs::Alone;
        let key = ExportKey {
            kind,
            // Columns of a report change from month to month.
            form: (!is_listed).then(|| (form.0, if is_alone { form.1 } else { Vec::new() })),
            belongs,
        };
        let is_assembled = matches!(key.belongs, Belongs::Assembled { .. });
        let readers = self.files_seen.entry(digest).or_default();
        let is_repeated = !is_listed
            && readers
                .iter()
                .any(|known| !is_assembled || known.form.is_none() || *known == key);
        readers.insert(key.clone());
        // Files without lines are alike.
        if is_repeated && !lines.is_empty() {
            self.repeated();
            return;
        }
        let coverage = &mut self.lines.bill.coverage;
        coverage.files += 1;
        coverage.rejects.merge(file.rejects);
        coverage.uncounted.merge(&file.uncounted);
        coverage.notes.extend(file.notes);
        coverage.unknown_prefixes.extend(file.unknown_prefixes);
        coverage.kinds.extend(&file.kinds);
        self.lines.bill.payers.extend(file.payers);
        self.currencies.extend(file.currencies);
        for (account_id, told) in &file.names {
            self.lines.name_account(account_id, told);
        }
        if key.belongs == Belongs::Alone {
            self.lookalikes.look(of.name, &key, &lines);
        }
        let export = self.exports.entry(key).or_default();
        export.add(of.name, lines);
    }

    /// The bill of all files. Where several cover the same, what says more counts.
    #[must_use]
    pub fn finish(mut self) -> Bill {
        self.finish_answers();
        self.finish_exports();
        let coverage = &mut self.lines.bill.coverage;
        if coverage.files == 0 && coverage.other_period_files > 0 {
            coverage.notes.insert(format!(
                "no bill of the window was read: {} files stand in the folders of other billing periods",
                coverage.other_period_files
            ));
        }
        for prefix in coverage.unknown_prefixes.clone() {
            coverage.notes.insert(format!(
                "the prefix {prefix:?} of usage types stands for no Region that is known: lines with it belong to no query"
            ));
        }
        let mut bill = self.lines.bill;
        let lines = std::mem::take(&mut bill.lines);
        let more = merge::more_than_reported(&lines);
        if more > 0 {
            bill.coverage.notes.insert(format!(
                "Cost Explorer has more for Athena's scans than the report for {more} accounts and days: the report, which \
                 counts, may not be complete"
            ));
        }
        bill.lines = merge::lines(lines, &mut bill.coverage.uncounted);
        bill
    }

    fn finish_answers(&mut self) {
        let entries = std::mem::take(&mut self.lines.entries);
        let kept = merge::entries(entries, &mut self.lines.bill.coverage.uncounted);
        let has_free_use = kept.iter().any(|entry| {
            let used = entry.line.terabytes.as_ref();
            let is_used = used.is_some_and(|used| !used.is_zero() && !used.is_negative());
            is_used && (entry.line.cost.is_zero() || entry.line.cost.is_negative())
        });
        let is_unfiltered = self.lines.is_known_unfiltered || merge::are_netted(&kept);
        for entry in kept {
            self.currencies.insert(entry.line.key.currency.clone());
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
        let mut unfiltered = self.lines.unfiltered_days.iter();
        if is_unfiltered || unfiltered.any(|day| !self.lines.record_type_days.contains(day)) {
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
        let mut notes = ExportNotes::default();
        let exports = std::mem::take(&mut self.exports);
        let currencies = std::mem::take(&mut self.currencies);
        let only = currencies.first().filter(|_| currencies.len() == 1);
        let uncounted = &mut self.lines.bill.coverage.uncounted;
        let scope = &self.lines.scope;
        let exports = exports
            .into_values()
            .map(|export| export.finish(only, scope, uncounted, &mut notes))
            .collect();
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
        if let Some((first, other)) = self.lookalikes.overlap.take() {
            coverage.notes.insert(format!(
                "{first:?} and {other:?} tell of the same accounts and days, and are added as parts of one bill: name only \
                 one of them if they are two exports of it"
            ));
        }
        for (first, other) in std::mem::take(&mut self.lookalikes.pairs) {
            coverage.undecided += 1;
            coverage.notes.insert(format!(
                "{first:?} and {other:?} have the same lines, and nothing tells that they are not parts of one bill: \
                 both are counted; name only one of them if they are the same"
            ));
        }
        for (key, amounts) in lines {
            coverage.kinds.insert(key.kind);
            let known = self.lines.bill.lines.entry(key).or_default();
            known.merge(&amounts);
        }
        self.note_exports(&notes);
    }

    fn note_exports(&mut self, notes: &ExportNotes) {
        if notes.has_months {
            self.lines.note(
                "lines without an end of their period that all start with a month are taken for whole months",
            );
        }
        if notes.has_days {
            self.lines
                .note("lines without an end of their period are taken for single days");
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
