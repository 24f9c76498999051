//! Bills: which kind a file is, and all files together.

use super::cost_explorer::{self, Entry, EntryKey};
use super::rows::{Row, Rows, RowsError, find};
use super::text::{Stored, TextError, plain};
use super::{cur, focus, merge};
use crate::model::bill::{
    Bill, BillCoverage, BillKind, BillPeriod, BilledFor, ChargeCategory, CostMetric, LineAmounts,
    LineKey, Uncounted,
};
use crate::model::coverage::{Reject, RejectReason};
use crate::model::ids::AccountId;
use crate::model::money::{add, parse_decimal};
use crate::model::time::UtcSecond;
use crate::model::window::TimeWindow;
use hashbrown::HashSet;
use jiff::civil::Date;
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Days of the longest period that is believed: a bill covers a month, a fee a
/// year.
const PERIOD_DAYS_MAX: i32 = 400;

/// Places that an amount given as a binary number keeps: more are noise.
pub(super) const BINARY_SCALE: u32 = 15;

/// What is accepted, for messages.
const EXPECTED: &str = "expected a Cost Explorer answer (aws ce get-cost-and-usage, grouped by \
                        LINKED_ACCOUNT and USAGE_TYPE or SERVICE), a Cost and Usage Report or \
                        FOCUS data as CSV or Parquet";

/// Why a file is not taken as a bill.
#[derive(Debug, thiserror::Error)]
pub enum BillError {
    /// It is something else.
    #[error("{EXPECTED}; found {found}")]
    NotABill {
        /// What it looks like.
        found: String,
    },
    /// It is a bill, but lacks what is needed of one.
    #[error("{kind} without {lacking}; it has {found}")]
    Lacks {
        /// What kind of bill.
        kind: &'static str,
        /// What is missing.
        lacking: String,
        /// What there is instead.
        found: String,
    },
    /// It cannot be inflated.
    #[error(transparent)]
    Text(#[from] TextError),
    /// It cannot be read as CSV or Parquet at all.
    #[error(transparent)]
    Rows(#[from] RowsError),
}

/// Reads the files of a bill, one after the other.
pub struct BillReader {
    metric: CostMetric,
    window: TimeWindow,
    extra: BTreeSet<ChargeCategory>,
    files_seen: HashSet<[u8; 32]>,
    /// Ids of CUR line items.
    pub(super) items_seen: HashSet<[u8; 16]>,
    entries: BTreeMap<EntryKey, Entry>,
    /// What the rows of each file tell, whatever their order, form and ids.
    tellings_seen: HashSet<u128>,
    rows_digest: u128,
    /// Answers of Cost Explorer that another page follows, and others.
    pages: BTreeMap<BillKind, (u64, u64)>,
    bill: Bill,
}

/// One line as a format tells it.
pub(super) struct Line {
    pub(super) key: LineKey,
    pub(super) cost: Decimal,
    pub(super) terabytes: Option<Decimal>,
    pub(super) is_estimated: bool,
}

impl BillReader {
    /// A reader of the amounts of one metric inside a window. Taxes, credits and
    /// the like are left out unless they are among the `extra` categories.
    #[must_use]
    pub fn new(metric: CostMetric, window: TimeWindow, extra: BTreeSet<ChargeCategory>) -> Self {
        Self {
            metric,
            window,
            extra,
            files_seen: HashSet::new(),
            items_seen: HashSet::new(),
            entries: BTreeMap::new(),
            tellings_seen: HashSet::new(),
            rows_digest: 0,
            pages: BTreeMap::new(),
            bill: Bill {
                coverage: BillCoverage {
                    metric,
                    ..BillCoverage::default()
                },
                ..Bill::default()
            },
        }
    }

    pub(super) fn metric(&self) -> CostMetric {
        self.metric
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
            self.bill.coverage.uncounted.repeated += 1;
            self.note("the same file was given twice and is counted once");
            return Ok(());
        }
        self.bill.coverage.files += 1;
        if look.start == b"PAR1" {
            return self.rows(name, Rows::parquet(&plain(bytes)?)?);
        }
        match look.first {
            None => Err(BillError::NotABill {
                found: "an empty file".to_owned(),
            }),
            Some(b'{' | b'[') => cost_explorer::read(name, &plain(bytes)?, self),
            Some(_) => {
                if look.last != Some(b'\n') {
                    self.note(
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
        let before = std::mem::take(&mut self.bill.lines);
        let counted = self.bill.coverage.uncounted.clone();
        self.rows_digest = 0;
        let read = self.rows_of_kind(name, rows);
        let own = std::mem::replace(&mut self.bill.lines, before);
        read?;
        let is_new = own.is_empty() || self.tellings_seen.insert(self.rows_digest);
        if !is_new {
            let lines: u64 = own.values().map(|amounts| amounts.lines).sum();
            self.bill.coverage.uncounted = Uncounted {
                repeated: counted.repeated + lines,
                ..counted
            };
            self.note("a file tells the same as an earlier one in another form: counted once");
            return Ok(());
        }
        let known = |key: &LineKey| self.bill.lines.get(key);
        if own.keys().any(|key| known(key).is_some()) {
            self.note(
                "several files of a report tell of the same accounts and days and are added up: \
                 give every version of a report once",
            );
        }
        for (key, amounts) in own {
            let fits = self.merge_amounts(key, &amounts);
            if !fits {
                self.reject(name, 0, "the sum of its lines needs more than 28 digits");
            }
        }
        Ok(())
    }

    /// Adds amounts to a line; whether they fit.
    fn merge_amounts(&mut self, key: LineKey, more: &LineAmounts) -> bool {
        let amounts = self.bill.lines.entry(key).or_default();
        let Some(cost) = add(amounts.cost, more.cost) else {
            return false;
        };
        amounts.cost = cost;
        amounts.lines += more.lines;
        amounts.is_estimated |= more.is_estimated;
        if let Some(terabytes) = more.terabytes {
            let known = amounts.terabytes.unwrap_or_default();
            amounts.terabytes = Some(known.saturating_add(terabytes));
        }
        true
    }

    fn rows_of_kind(&mut self, name: &str, rows: Rows<'_>) -> Result<(), BillError> {
        if cur::is_cur(rows.names()) {
            cur::read(name, rows, self)
        } else if focus::is_focus(rows.names()) {
            focus::read(name, rows, self)
        } else {
            Err(BillError::NotABill {
                found: format!("columns {}", list(rows.names())),
            })
        }
    }

    /// Counts a file that is no bill as one that was not read.
    pub fn pass_over(&mut self, name: &str, error: &BillError) {
        self.bill.coverage.rejects.add(Reject {
            object: name.into(),
            record: None,
            offset: None,
            reason: RejectReason::NotARecord,
            detail: error.to_string(),
        });
    }

    pub(super) fn reject(&mut self, name: &str, record: u32, detail: impl Into<String>) {
        self.bill.coverage.rejects.add(Reject {
            object: name.into(),
            record: Some(record),
            offset: None,
            reason: RejectReason::BadMember,
            detail: detail.into(),
        });
    }

    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.bill.coverage.notes.insert(note.into());
    }

    pub(super) fn name_account(&mut self, account_id: &AccountId, name: &str) {
        if !self.bill.account_names.contains_key(account_id) {
            let names = &mut self.bill.account_names;
            names.insert(account_id.clone(), name.into());
        }
    }

    /// A page of Cost Explorer, and whether another one follows it.
    pub(super) fn page(&mut self, kind: BillKind, has_next: bool) {
        let (with_next, last) = self.pages.entry(kind).or_default();
        *(if has_next { with_next } else { last }) += 1;
    }

    /// Adds a row to what its file tells: sums do not depend on the order.
    fn tell(&mut self, start: &str, line: &Line) {
        let start = UtcSecond::parse(start).map_or_else(|| start.to_owned(), |at| at.to_string());
        let told = format!(
            "{start} {:?} {} {:?}",
            line.key,
            line.cost.normalize(),
            line.terabytes.map(|terabytes| terabytes.normalize())
        );
        let digest = Sha256::digest(told);
        let mut short = [0; 16];
        short.copy_from_slice(&digest[..16]);
        self.rows_digest = self.rows_digest.wrapping_add(u128::from_be_bytes(short));
    }

    fn repeated(&mut self) {
        self.bill.coverage.uncounted.repeated += 1;
    }

    /// An entry of Cost Explorer. The same one may stand in two answers, the later
    /// of which knows better; a final one always does.
    pub(super) fn entry(&mut self, key: EntryKey, entry: Entry) {
        match self.entries.get_mut(&key) {
            None => {
                self.entries.insert(key, entry);
            }
            Some(known) => {
                let uncounted = &mut self.bill.coverage.uncounted;
                let amounts = |line: &Line| (line.cost, line.terabytes);
                if amounts(&known.line) == amounts(&entry.line) {
                    uncounted.repeated += 1;
                } else {
                    uncounted.outdated += 1;
                }
                if known.line.is_estimated || !entry.line.is_estimated {
                    *known = entry;
                }
            }
        }
    }

    /// Counts a line, or counts why not. `name` and `record` are where it stands.
    pub(super) fn line(&mut self, name: &str, record: u32, line: Line) {
        let Line { key, .. } = &line;
        if !is_currency(&key.currency) {
            return self.reject(name, record, "the currency is no code of three letters");
        }
        self.bill.coverage.kinds.insert(key.kind);
        if key.category != ChargeCategory::Usage && !self.extra.contains(&key.category) {
            let uncounted = &mut self.bill.coverage.uncounted.categories;
            *uncounted.entry(key.category).or_default() += 1;
            return;
        }
        match inside(key.period, &self.window) {
            Inside::Whole => {}
            Inside::Not => {
                self.bill.coverage.uncounted.outside_window += 1;
                return;
            }
            Inside::Partly => {
                self.bill.coverage.uncounted.across_window += 1;
                return;
            }
        }
        let more = LineAmounts {
            cost: line.cost,
            terabytes: line.terabytes,
            lines: 1,
            is_estimated: line.is_estimated,
        };
        if !self.merge_amounts(line.key, &more) {
            self.reject(
                name,
                record,
                "the sum of its lines needs more than 28 digits",
            );
        }
    }

    /// The bill of all files. Where several cover the same, what says more counts.
    #[must_use]
    pub fn finish(mut self) -> Bill {
        let entries = std::mem::take(&mut self.entries);
        for entry in merge::entries(entries, &mut self.bill.coverage.uncounted) {
            self.line(&entry.file, entry.record, entry.line);
        }
        let mut pages = self.pages.values();
        if pages.any(|(with_next, last)| *with_next > 0 && *last == 0) {
            self.bill.coverage.pages_missing = true;
            self.note(
                "Cost Explorer's answers hold a NextPageToken and no last page: pages are missing",
            );
        }
        let kinds = &self.bill.coverage.kinds;
        let only_cost_explorer =
            !kinds.contains(&BillKind::Cur) && !kinds.contains(&BillKind::Focus);
        if !self.extra.is_empty() && only_cost_explorer && !kinds.is_empty() {
            self.note(
                "Cost Explorer by service or usage type does not tell credits and refunds from use",
            );
        }
        let mut bill = self.bill;
        let lines = std::mem::take(&mut bill.lines);
        bill.lines = merge::lines(lines, &mut bill.coverage.uncounted);
        bill
    }
}

/// Whether it is spelled like an ISO 4217 code.
fn is_currency(code: &str) -> bool {
    code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Where the columns of a format are, in the order it knows them.
pub(super) struct Columns(Vec<Option<usize>>);

impl Columns {
    /// Finds columns, each under one of several names; the first `needed` of them
    /// have to be there.
    pub(super) fn find(
        kind: &'static str,
        names: &[String],
        wanted: &[&[&str]],
        needed: usize,
    ) -> Result<Self, BillError> {
        let found = find(names, wanted);
        let lacking = found.iter().zip(wanted).take(needed);
        let lacking: Vec<String> = lacking
            .filter(|(at, _)| at.is_none())
            .map(|(_, names)| names.first().map_or("a cost of this metric", |name| *name))
            .map(str::to_owned)
            .collect();
        if lacking.is_empty() {
            return Ok(Self(found));
        }
        Err(BillError::Lacks {
            kind,
            lacking: format!("the columns {}", list(&lacking)),
            found: list(names),
        })
    }

    /// Whether the column is there.
    pub(super) fn has(&self, wanted: usize) -> bool {
        self.0.get(wanted).is_some_and(Option::is_some)
    }
}

/// Columns that every format has somewhere.
#[derive(Clone, Copy)]
pub(super) struct Places {
    pub(super) account_name: usize,
    pub(super) start: usize,
}

/// Reads rows into lines. `line` gives `None` for one that was read before.
pub(super) fn read_lines(
    name: &str,
    rows: Rows<'_>,
    columns: &Columns,
    into: &mut BillReader,
    format: Places,
    line: impl Fn(&Row<'_>, &mut BillReader) -> Result<Option<Line>, String>,
) -> Result<(), BillError> {
    rows.for_each(&columns.0, |number, row| {
        let row = match row {
            Ok(row) => row,
            Err(detail) => return into.reject(name, number, detail),
        };
        match line(&row, into) {
            Ok(Some(line)) => {
                if let Some(account) = row.get(format.account_name) {
                    into.name_account(&line.key.account_id, account);
                }
                into.tell(row.get(format.start).unwrap_or_default(), &line);
                into.line(name, number, line);
            }
            Ok(None) => into.repeated(),
            Err(detail) => into.reject(name, number, detail),
        }
    })?;
    Ok(())
}

enum Inside {
    Whole,
    Partly,
    Not,
}

fn inside(period: BillPeriod, window: &TimeWindow) -> Inside {
    let (Some(from), Some(to)) = (
        UtcSecond::midnight(period.from),
        UtcSecond::midnight(period.to),
    ) else {
        return Inside::Not;
    };
    let starts_inside = window.from.is_none_or(|start| start <= from);
    let ends_inside = window.to.is_none_or(|end| to <= end);
    let is_apart =
        window.from.is_some_and(|start| to <= start) || window.to.is_some_and(|end| end <= from);
    match (starts_inside && ends_inside, is_apart) {
        (true, _) => Inside::Whole,
        (false, true) => Inside::Not,
        (false, false) => Inside::Partly,
    }
}

/// The whole days that hold a period given by two moments.
pub(super) fn period(from: &str, to: Option<&str>) -> Option<BillPeriod> {
    let (from, _) = day_and_rest(from)?;
    let to = match to {
        None => from.tomorrow().ok()?,
        Some(to) => match day_and_rest(to)? {
            (day, true) if from < day => day,
            (day, _) => day.tomorrow().ok()?,
        },
    };
    let days = from.until(to).ok()?.get_days();
    (1..=PERIOD_DAYS_MAX)
        .contains(&days)
        .then_some(BillPeriod { from, to })
}

/// The UTC day of a date or time as bills spell them, and whether it is midnight.
fn day_and_rest(text: &str) -> Option<(Date, bool)> {
    if text.len() == 10 {
        return Some((text.parse().ok()?, true));
    }
    let with_zone = |text: &str| {
        let has_zone = text.ends_with('Z') || text.rfind(['+', '-']).is_some_and(|at| at > 10);
        let zone = if has_zone { "" } else { "Z" };
        format!("{}{zone}", text.replacen(' ', "T", 1))
    };
    let moment = UtcSecond::parse(&with_zone(text.trim_end_matches(" UTC")))?;
    let day = moment.day();
    Some((day, UtcSecond::midnight(day) == Some(moment)))
}

/// More terabytes than any account scans in a month.
const TERABYTES_MAX: Decimal = Decimal::from_parts(1_000_000_000, 0, 0, false, 0);

/// An amount as bills spell it; what was a binary number is rounded to where its
/// digits still mean something.
pub(super) fn cost(text: &str, is_binary: bool) -> Option<Decimal> {
    if !is_binary {
        return parse_decimal(text);
    }
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().ok()?;
    let keep = i64::from(BINARY_SCALE) + i64::from(exponent);
    let Ok(keep) = u32::try_from(keep) else {
        return parse_decimal(mantissa).map(|_| Decimal::ZERO);
    };
    let mantissa = parse_decimal(mantissa)?.round_dp(keep);
    let rounded = parse_decimal(&format!("{mantissa}e{exponent}"))?;
    Some(rounded.normalize())
}

/// Terabytes as bills spell them; `None` for more than can be.
pub(super) fn terabytes(text: &str, is_binary: bool) -> Option<Decimal> {
    cost(text, is_binary).filter(|terabytes| terabytes.abs() <= TERABYTES_MAX)
}

/// The well-known name of a service, whichever way a bill spells it.
pub(super) fn service_name(told: &str) -> &str {
    match told {
        "AmazonS3" | "Amazon Simple Storage Service" => "Amazon S3",
        "AWSGlue" => "AWS Glue",
        "AmazonQuickSight" | "Amazon QuickSight" | "Amazon Quick" | "Amazon Quick Suite" => {
            "Amazon Quick"
        }
        "AWSLambda" => "AWS Lambda",
        told => told,
    }
}

/// What an Athena charge of this usage type is for.
pub(super) fn athena(usage_type: Option<&str>) -> BilledFor {
    match usage_type {
        Some(usage_type) if is_scan(usage_type) => BilledFor::AthenaScan,
        Some(_) => BilledFor::AthenaOther,
        None => BilledFor::Athena,
    }
}

/// Whether the usage type is of scanned data.
pub(super) fn is_scan(usage_type: &str) -> bool {
    usage_type.ends_with("DataScannedInTB")
}

/// Names for a message: the first few.
pub(super) fn list(names: &[String]) -> String {
    const NAMES_MAX: usize = 6;
    let shown: Vec<String> = names
        .iter()
        .take(NAMES_MAX)
        .map(|name| {
            name.chars()
                .filter(|letter| !letter.is_control())
                .take(60)
                .collect()
        })
        .collect();
    let more = names.len().saturating_sub(NAMES_MAX);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    if shown.is_empty() {
        "none".to_owned()
    } else {
        format!("{}{more}", shown.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_numbers_are_rounded_to_what_they_mean() {
        let read = |text: &str| cost(text, true).map(|cost| cost.to_string());
        assert_eq!(read("1.2345678901e0").as_deref(), Some("1.2345678901"));
        assert_eq!(read("3.0000000000000004e-1").as_deref(), Some("0.3"));
        assert_eq!(
            read("1.2345678901234567e-13").as_deref(),
            Some("0.000000000000123")
        );
        assert_eq!(read("5e-300").as_deref(), Some("0"));
        assert_eq!(read("1.5e3").as_deref(), Some("1500"));
        assert_eq!(read("NaN"), None);
    }

    #[test]
    fn periods_are_whole_days() {
        let spelled = |from: &str, to: Option<&str>| period(from, to).map(|days| days.to_string());
        for (from, to, wanted) in [
            ("2026-11-01", Some("2026-11-02"), "2026-11-01"),
            ("2026-11-01", Some("2026-12-01"), "2026-11-01/2026-12-01"),
            (
                "2026-11-01T05:00:00Z",
                Some("2026-11-01T06:00:00Z"),
                "2026-11-01",
            ),
            (
                "2026-11-01T23:00:00Z",
                Some("2026-11-02T00:00:00Z"),
                "2026-11-01",
            ),
            (
                "2026-11-01 00:00:00",
                Some("2026-11-02 00:00:00"),
                "2026-11-01",
            ),
            ("2026-11-01T00:00:00.000Z", None, "2026-11-01"),
        ] {
            assert_eq!(spelled(from, to).as_deref(), Some(wanted), "{from}");
        }
        for (from, to) in [
            ("yesterday", None),
            ("2026-11-02", Some("2026-10-01")),
            ("0001-01-01", Some("9999-01-01")),
        ] {
            assert_eq!(spelled(from, to), None, "{from}");
        }
    }
}
