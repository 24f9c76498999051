//! The lines of a bill, as they come in from its files.

use super::scope::Scope;
use crate::model::bill::{
    Bill, BillCoverage, BillKind, ChargeCategory, CostMetric, LineAmounts, LineKey,
};
use crate::model::coverage::{Reject, RejectReason};
use crate::model::exact::ExactAmount;
use crate::model::ids::AccountId;
use crate::model::text::Text;
use crate::model::window::TimeWindow;
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet};

/// One line as Cost Explorer tells it.
pub(super) struct StatedLine {
    pub(super) key: LineKey,
    pub(super) cost: ExactAmount,
    pub(super) terabytes: Option<ExactAmount>,
    pub(super) is_estimated: bool,
}

/// The key that tells one entry of an answer from all others.
pub(super) type EntryKey = (BillKind, String, String, String, String, String);

/// An entry, kept until all answers are read: a later one may know better.
pub(super) struct AnswerEntry {
    /// True if it tells of less than a day.
    pub(super) is_part_of_day: bool,
    /// True if the answer was filtered by record type, as far as is known.
    pub(super) is_filtered: bool,
    pub(super) line: StatedLine,
}

/// Lines of all files together, and what was not counted.
pub(super) struct BillLines {
    pub(super) metric: CostMetric,
    pub(super) scope: Scope,
    pub(super) entries: BTreeMap<EntryKey, AnswerEntry>,
    /// Days of answers of Cost Explorer that were not filtered by record type, as far as is known.
    pub(super) unfiltered_days: BTreeSet<Date>,
    /// True if a filter is known that is none by record type.
    pub(super) is_known_unfiltered: bool,
    /// Days of answers by record type.
    pub(super) record_type_days: BTreeSet<Date>,
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
            scope: Scope { window, extra },
            entries: BTreeMap::new(),
            unfiltered_days: BTreeSet::new(),
            is_known_unfiltered: false,
            record_type_days: BTreeSet::new(),
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

    /// Counts a file that is no bill, or cannot be opened, as one that was not read.
    pub(super) fn pass_over(&mut self, name: &str, why: impl Into<String>) {
        self.bill.coverage.rejects.add(Reject {
            object: name.into(),
            record: None,
            offset: None,
            reason: RejectReason::Unreadable,
            detail: why.into(),
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

    /// Names a prefix of usage types that stands for no Region that is known.
    pub(super) fn unknown_prefix(&mut self, prefix: &str) {
        let prefixes = &mut self.bill.coverage.unknown_prefixes;
        prefixes.insert(Text::from(prefix));
    }

    /// A page of Cost Explorer, and whether another one follows it.
    pub(super) fn page(&mut self, kind: BillKind, has_next: bool) {
        let (with_next, last) = self.pages.entry(kind).or_default();
        *(if has_next { with_next } else { last }) += 1;
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
                if known.is_filtered != entry.is_filtered {
                    uncounted.covered_elsewhere += 1;
                    if entry.is_filtered {
                        *known = entry;
                    }
                    return;
                }
                let amounts = |line: &StatedLine| (line.cost.clone(), line.terabytes.clone());
                let is_final_now = known.line.is_estimated != entry.line.is_estimated;
                if amounts(&known.line) == amounts(&entry.line) || is_final_now {
                    uncounted.repeated += 1;
                } else {
                    uncounted.outdated += 1;
                    // One is enough to look for.
                    if uncounted.outdated == 1 {
                        let (_, account, other, _, start, _) = &key;
                        self.bill.coverage.notes.insert(format!(
                            "answers of Cost Explorer give different amounts, first for account {account}, {other:?}, {start}: \
                             those given later count"
                        ));
                    }
                }
                if known.line.is_estimated || !entry.line.is_estimated {
                    *known = entry;
                }
            }
        }
    }

    /// Counts a line, or counts why not.
    pub(super) fn line(&mut self, key: LineKey, amounts: &LineAmounts) {
        self.bill.coverage.kinds.insert(key.kind);
        let why = self.scope.why_uncounted(key.category, Some(key.period));
        match why {
            Some(why) => why.count(amounts.lines, &mut self.bill.coverage.uncounted),
            None => self.bill.lines.entry(key).or_default().merge(amounts),
        }
    }
}
