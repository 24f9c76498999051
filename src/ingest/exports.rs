//! Exports of a bill: the files that make one report together, and one bill of several exports.
//!
//! Files of one export add up, whatever they have in common. Two exports (legacy and 2.0, CSV and
//! Parquet, two reports, one of them FOCUS) tell the same bill twice: they are compared by account,
//! purpose and days.

use super::file_lines::FileLine;
use super::manifest::Belongs;
use super::merge::{Facet, facet};
use super::scope::Scope;
use super::shape::LineEnd;
use crate::model::bill::{BillKind, BillPeriod, LineAmounts, LineKey, Uncounted};
use crate::model::exact::ExactAmount;
use crate::model::ids::AccountId;
use crate::model::text::Text;
use hashbrown::HashMap;
use jiff::civil::Date;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// The export of a file: what a manifest says, else files of the same form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ExportKey {
    pub(super) kind: BillKind,
    pub(super) belongs: Belongs,
    /// CSV or Parquet, and the names of the columns, where no manifest names the file.
    pub(super) form: Option<(&'static str, Vec<String>)>,
}

/// The lines of one export.
#[derive(Default)]
pub(super) struct ExportLines {
    /// The name of its first file, for messages.
    name: String,
    lines: HashMap<LineKey, LineAmounts>,
    /// Lines without an end of their period, on the day on which it starts.
    endless: HashMap<LineKey, LineAmounts>,
    /// The same of those that start within a day.
    within_days: HashMap<LineKey, LineAmounts>,
}

/// What is to be said of an export.
#[derive(Debug, Default)]
pub(super) struct ExportNotes {
    /// True if lines without an end were taken for months.
    pub(super) has_months: bool,
    /// True if lines without an end were taken for days.
    pub(super) has_days: bool,
    /// True if lines without a currency were taken for USD.
    pub(super) has_no_currency: bool,
}

impl ExportLines {
    pub(super) fn add(&mut self, name: &str, lines: Vec<FileLine>) {
        if self.name.is_empty() || *name < *self.name {
            name.clone_into(&mut self.name);
        }
        for FileLine { key, end, amounts } in lines {
            let lines = match end {
                LineEnd::Told => &mut self.lines,
                LineEnd::Unknown => &mut self.endless,
                LineEnd::WithinDay => &mut self.within_days,
            };
            lines.entry(key).or_default().merge(&amounts);
        }
    }

    /// The purposes whose lines without an end are of months: all of them start with one. Lines of
    /// months that have nothing of the window tell nothing.
    fn monthly(&self, scope: &Scope) -> BTreeSet<Facet> {
        let mut is_monthly: BTreeMap<Facet, bool> = BTreeMap::new();
        let endless = self
            .endless
            .keys()
            .map(|key| (key, key.period.from.day() == 1));
        let within = self.within_days.keys().map(|key| (key, false));
        for (key, is_first) in endless.chain(within) {
            let first = key.period.from.first_of_month();
            if scope.has_some_of(month_of(first)) {
                *is_monthly.entry(facet(key)).or_insert(true) &= is_first;
            }
        }
        let monthly = is_monthly.into_iter().filter(|(_, is_monthly)| *is_monthly);
        monthly.map(|(facet, _)| facet).collect()
    }

    /// Ends what could only be known of all lines: periods without an end, and currencies. Lines
    /// without one are in the `only` currency that others name.
    pub(super) fn finish(
        mut self,
        only: Option<&Text>,
        scope: &Scope,
        uncounted: &mut Uncounted,
        notes: &mut ExportNotes,
    ) -> Self {
        let monthly = self.monthly(scope);
        let endless = std::mem::take(&mut self.endless);
        let within_days = std::mem::take(&mut self.within_days);
        for (mut key, amounts) in endless.into_iter().chain(within_days) {
            let is_of_month = key.period.from.day() == 1 && monthly.contains(&facet(&key));
            if is_of_month {
                key.period = month_of(key.period.from);
            }
            if let Some(why) = scope.why_uncounted(key.category, Some(key.period)) {
                why.count(amounts.lines, uncounted);
                continue;
            }
            notes.has_months |= is_of_month;
            notes.has_days |= !is_of_month;
            self.lines.entry(key).or_default().merge(&amounts);
        }
        if self.lines.keys().any(|key| key.currency.is_empty()) {
            notes.has_no_currency |= only.is_none();
            let currency = only.cloned().unwrap_or_else(|| Text::from("USD"));
            for (mut key, amounts) in std::mem::take(&mut self.lines) {
                if key.currency.is_empty() {
                    key.currency = currency.clone();
                }
                self.lines.entry(key).or_default().merge(&amounts);
            }
        }
        self
    }

    /// How much it tells: lines with a work group, whether it is a Cost and Usage Report, then all
    /// lines.
    fn detail(&self) -> (u64, bool, u64) {
        let lines = self.lines.iter();
        let with_work_group = lines.filter(|(key, _)| key.work_group.is_some());
        (
            with_work_group.map(|(_, amounts)| amounts.lines).sum(),
            self.lines.keys().any(|key| key.kind == BillKind::Cur),
            self.lines.values().map(|amounts| amounts.lines).sum(),
        )
    }
}

fn month_of(day: Date) -> BillPeriod {
    let last = day.last_of_month();
    BillPeriod {
        from: day,
        to: last.tomorrow().unwrap_or(last),
    }
}

/// By what the totals of exports are compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct ComparedCharge {
    account_id: AccountId,
    currency: Text,
    facet: Facet,
}

/// The lines of several exports, as one bill.
#[derive(Debug, Default)]
pub(super) struct OneBill {
    pub(super) lines: BTreeMap<LineKey, LineAmounts>,
    /// Lines that another export tells as well.
    pub(super) same_bill: u64,
    /// Exports that tell the same: the one that counts, and another.
    pub(super) same: BTreeSet<(String, String)>,
    /// Accounts and periods of which two exports differ.
    pub(super) undecided: u64,
    pub(super) differing: BTreeSet<(String, String)>,
}

/// A line, and the number of its export.
type ExportedLine = (usize, LineKey, LineAmounts);

fn totals_of(lines: &[ExportedLine]) -> BTreeMap<usize, ExactAmount> {
    let mut totals: BTreeMap<usize, ExactAmount> = BTreeMap::new();
    for (index, _, amounts) in lines {
        *totals.entry(*index).or_default() += &amounts.cost;
    }
    totals
}

/// Returns true if exports have different totals of the same periods.
fn differs(lines: &[ExportedLine]) -> bool {
    let totals = totals_of(lines);
    let mut values = totals.values();
    let first = values.next();
    first.is_some_and(|first| values.any(|other| !is_same(first, other)))
}

/// Makes one bill of all exports.
pub(super) fn one_bill(mut exports: Vec<ExportLines>) -> OneBill {
    // What tells more comes first; of equals, the first by name.
    exports.sort_by_cached_key(|export| (std::cmp::Reverse(export.detail()), export.name.clone()));
    let mut bill = OneBill::default();
    if exports.len() == 1 {
        bill.lines = exports
            .into_iter()
            .flat_map(|export| export.lines)
            .collect();
        return bill;
    }
    let names: Vec<String> = exports.iter().map(|export| export.name.clone()).collect();
    let mut subjects: BTreeMap<ComparedCharge, Vec<ExportedLine>> = BTreeMap::new();
    for (index, export) in exports.into_iter().enumerate() {
        for (key, amounts) in export.lines {
            let subject = ComparedCharge {
                account_id: key.account_id.clone(),
                currency: key.currency.clone(),
                facet: facet(&key),
            };
            subjects
                .entry(subject)
                .or_default()
                .push((index, key, amounts));
        }
    }
    for mut lines in subjects.into_values() {
        lines.sort_by_key(|(_, key, _)| (key.period.from, key.period.to));
        let mut rest = lines.into_iter().peekable();
        let mut clusters = Vec::new();
        while let Some(first) = rest.next() {
            // Periods that overlap, one after the other.
            let mut end = first.1.period.to;
            let mut together = vec![first];
            while let Some(next) = rest.next_if(|(_, key, _)| key.period.from < end) {
                end = end.max(next.1.period.to);
                together.push(next);
            }
            clusters.push(together);
        }
        // Where a day differs, days of one export and of another make no bill.
        if clusters.iter().any(|lines| differs(lines)) {
            let is_of_one =
                |lines: &Vec<ExportedLine>| lines.iter().all(|line| line.0 == lines[0].0);
            let (mut of_one, of_more): (Vec<_>, Vec<_>) = clusters.into_iter().partition(is_of_one);
            of_one.push(of_more.into_iter().flatten().collect());
            clusters = of_one;
        }
        for lines in clusters {
            bill.take(lines, &names);
        }
    }
    bill
}

/// Differences of totals that are none: exports round their numbers in different ways.
const TOTALS_PLACES: u32 = 6;

impl OneBill {
    /// Takes the lines of one export, of those that tell of the same periods.
    fn take(&mut self, lines: Vec<ExportedLine>, names: &[String]) {
        let totals = totals_of(&lines);
        // Of equals the first, which tells more.
        let larger = |left: (usize, ExactAmount), right: (usize, ExactAmount)| {
            let is_larger = !is_same(&left.1, &right.1) && size(&left.1) < size(&right.1);
            if is_larger { right } else { left }
        };
        let chosen = totals.clone().into_iter().reduce(larger);
        let Some((chosen, total)) = chosen else {
            return;
        };
        let others = totals.iter().filter(|(index, _)| **index != chosen);
        let mut is_undecided = false;
        for (index, other) in others {
            let pair = (names[chosen].clone(), names[*index].clone());
            if is_same(&total, other) {
                self.same.insert(pair);
            } else {
                is_undecided = true;
                self.differing.insert(pair);
            }
        }
        self.undecided += u64::from(is_undecided);
        for (index, key, amounts) in lines {
            if index == chosen {
                self.lines.entry(key).or_default().merge(&amounts);
            } else {
                self.same_bill += amounts.lines;
            }
        }
    }
}

fn is_same(left: &ExactAmount, right: &ExactAmount) -> bool {
    let difference = left.clone() - right;
    difference.rounded_units(TOTALS_PLACES) == Some(0)
}

/// An amount without its sign: credits are larger where they take more away.
fn size(amount: &ExactAmount) -> ExactAmount {
    if amount.is_negative() {
        -amount.clone()
    } else {
        amount.clone()
    }
}

/// Files that nothing tells the export of, by their lines.
#[derive(Default)]
pub(super) struct Lookalikes {
    by_lines: HashMap<[u8; 32], String>,
    /// Files in different folders whose lines are the same.
    pub(super) pairs: BTreeSet<(String, String)>,
    /// Accounts and periods of files, by their name without its folder.
    by_file: BTreeMap<String, (String, BTreeSet<(AccountId, BillPeriod)>)>,
    /// Two files of one name in different folders that tell of the same accounts and periods in
    /// different ways.
    pub(super) overlap: Option<(String, String)>,
}

impl Lookalikes {
    /// Looks whether a file in another folder has the same lines.
    pub(super) fn look(&mut self, name: &str, export: &ExportKey, lines: &[FileLine]) {
        if lines.is_empty() {
            return;
        }
        let mut spelled: Vec<String> = lines
            .iter()
            .map(|line| {
                format!(
                    "{:?} {} {}",
                    line.key, line.amounts.cost, line.amounts.lines
                )
            })
            .collect();
        spelled.sort_unstable();
        let digest = Sha256::new()
            .chain_update(format!("{export:?}"))
            .chain_update(spelled.join("\n"))
            .finalize();
        let first = self
            .by_lines
            .entry(digest.into())
            .or_insert_with(|| name.to_owned());
        let split = |name: &str| {
            let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
            (folder.to_owned(), file.to_owned())
        };
        let (folder, file) = split(name);
        if split(first).0 != folder {
            self.pairs.insert((first.clone(), name.to_owned()));
            return;
        }
        let places = lines
            .iter()
            .map(|line| (line.key.account_id.clone(), line.key.period));
        let places: BTreeSet<(AccountId, BillPeriod)> = places.collect();
        match self.by_file.get_mut(&file) {
            None => {
                self.by_file.insert(file, (name.to_owned(), places));
            }
            Some((first, known)) if split(first).0 != folder && !known.is_disjoint(&places) => {
                let pair = (first.clone(), name.to_owned());
                self.overlap.get_or_insert(pair);
            }
            Some((_, known)) => known.extend(places),
        }
    }
}
