//! The lines of a bill, as they come in from its files.

use super::rows::RowsError;
use super::text::TextError;
use crate::model::bill::{
    Bill, BillCoverage, BillKind, BillPeriod, ChargeCategory, CostMetric, LineAmounts, LineKey,
};
use crate::model::coverage::{Reject, RejectReason};
use crate::model::ids::AccountId;
use crate::model::money::add;
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use crate::model::window::TimeWindow;
use hashbrown::HashSet;
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// The accepted forms, for messages.
const EXPECTED: &str = "expected a Cost Explorer answer (aws ce get-cost-and-usage, grouped by \
                        LINKED_ACCOUNT and USAGE_TYPE or SERVICE), a Cost and Usage Report or \
                        FOCUS data as CSV or Parquet";

/// The reason why a file is refused as a bill.
#[derive(Debug, thiserror::Error)]
pub enum BillError {
    /// It is something else.
    #[error("{EXPECTED}; found {found}")]
    NotABill {
        /// The form that it looks like.
        found: String,
    },
    /// It is a bill, but lacks what is needed of one.
    #[error("{kind} without {lacking}; it has {found}")]
    Lacks {
        /// The kind of bill.
        kind: &'static str,
        /// The missing column.
        lacking: String,
        /// The form that was found instead.
        found: String,
    },
    /// It cannot be inflated.
    #[error(transparent)]
    Text(#[from] TextError),
    /// It cannot be read as CSV or Parquet at all.
    #[error(transparent)]
    Rows(#[from] RowsError),
}

/// One line as a format tells it.
pub(super) struct StatedLine {
    pub(super) key: LineKey,
    pub(super) cost: Decimal,
    pub(super) terabytes: Option<Decimal>,
    pub(super) is_estimated: bool,
}

/// The key that tells one entry of an answer from all others.
pub(super) type EntryKey = (BillKind, String, String, String, String, String);

/// An entry, kept until all answers are read: a later one may know better.
pub(super) struct AnswerEntry {
    pub(super) file: Text,
    pub(super) record: u32,
    /// True if it tells of less than a day.
    pub(super) is_part_of_day: bool,
    pub(super) line: StatedLine,
}

/// Lines of all files together, and what was not counted.
pub(super) struct BillLines {
    pub(super) metric: CostMetric,
    window: TimeWindow,
    pub(super) extra: BTreeSet<ChargeCategory>,
    /// Ids of CUR line items.
    pub(super) items_seen: HashSet<[u8; 16]>,
    pub(super) entries: BTreeMap<EntryKey, AnswerEntry>,
    /// A digest of a file's rows, independent of their order, form and ids.
    pub(super) rows_digest: u128,
    /// Answers of Cost Explorer that another page follows, and others.
    pub(super) pages: BTreeMap<BillKind, (u64, u64)>,
    pub(super) bill: Bill,
}

impl BillLines {
    pub(super) fn new(
        metric: CostMetric,
        window: TimeWindow,
        extra: BTreeSet<ChargeCategory>,
    ) -> Self {
        Self {
            metric,
            window,
            extra,
            items_seen: HashSet::new(),
            entries: BTreeMap::new(),
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

    /// Adds amounts to a line; whether they fit.
    pub(super) fn merge_amounts(&mut self, key: LineKey, more: &LineAmounts) -> bool {
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

    /// Counts a file that is no bill as one that was not read.
    pub(super) fn pass_over(&mut self, name: &str, error: &BillError) {
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
    pub(super) fn tell(&mut self, start: &str, line: &StatedLine) {
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

    pub(super) fn repeated(&mut self) {
        self.bill.coverage.uncounted.repeated += 1;
    }

    /// An entry of Cost Explorer. The same one may stand in two answers, the later
    /// of which knows better; a final one always does.
    pub(super) fn entry(&mut self, key: EntryKey, entry: AnswerEntry) {
        match self.entries.get_mut(&key) {
            None => {
                self.entries.insert(key, entry);
            }
            Some(known) => {
                let uncounted = &mut self.bill.coverage.uncounted;
                let amounts = |line: &StatedLine| (line.cost, line.terabytes);
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
    pub(super) fn line(&mut self, name: &str, record: u32, line: StatedLine) {
        let StatedLine { key, .. } = &line;
        if !is_currency(&key.currency) {
            return self.reject(name, record, "the currency is not a code of three letters");
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
}

/// Returns true if it is spelled like an ISO 4217 code.
fn is_currency(code: &str) -> bool {
    code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase())
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
