//! Coverage of the run: gaps, rejected inputs, skipped rules.

use super::super::cells::Shown;
use super::super::coverage_grid::{AccountRegion, Habit};
use super::super::markdown::gaps_by_kind;
use super::super::picture::{self, DAYS_MAX, ROWS_MAX};
use super::super::{CoverageGap, ReportContent};
use super::table::{PageCell, PageTable};
use crate::output::human::count;
use std::fmt::Write as _;

/// Lines of the list.
const LINES_MAX: usize = 60;
/// Rows of the table of places.
const PLACES_MAX: usize = 600;
/// Gaps named in a row.
const GAPS_MAX: usize = 6;

/// The section, in words.
pub(super) struct CoverageSection {
    /// The gaps, counted by kind.
    pub(super) summary: String,
    pub(super) lines: Vec<Shown>,
    pub(super) more: usize,
    /// The rules that were skipped or could not evaluate everything.
    pub(super) rules: Vec<Shown>,
    pub(super) picture: Option<String>,
    /// The accounts that the picture leaves out.
    pub(super) picture_note: String,
    pub(super) places: PageTable,
}

impl CoverageSection {
    pub(super) fn of(content: &ReportContent<'_>) -> Self {
        let (of_rules, of_logs): (Vec<&CoverageGap>, Vec<&CoverageGap>) = content
            .coverage_gaps
            .iter()
            .partition(|one| one.is_of_rules());
        let shown = |lines: &[&CoverageGap]| {
            let lines = lines.iter().take(LINES_MAX);
            lines.map(|one| Shown::sentence(&one.text)).collect()
        };
        Self {
            summary: format!("Coverage gaps: {}", gaps_by_kind(content)),
            lines: shown(&of_logs),
            more: of_logs.len().saturating_sub(LINES_MAX),
            rules: shown(&of_rules),
            picture: picture::coverage(&content.places),
            picture_note: picture_note(content),
            places: places(content),
        }
    }
}

/// Gaps that the verdict names.
const NAMED_MAX: usize = 10;

impl CoverageSection {
    /// Returns true if there is no gap.
    pub(super) fn is_complete(&self) -> bool {
        self.lines.is_empty() && self.rules.is_empty()
    }

    /// The gaps that the verdict names.
    pub(super) fn first(&self) -> impl Iterator<Item = &Shown> {
        self.lines.iter().chain(&self.rules).take(NAMED_MAX)
    }
}

fn picture_note(content: &ReportContent<'_>) -> String {
    let places = &content.places;
    let mut note =
        "A cross is a day without records, if most similar days before it (working days or weekends) have some. The dotted \
         line is the start of the report's window."
            .to_owned();
    let more = places.places.len().saturating_sub(ROWS_MAX);
    if more > 0 {
        let _ = write!(
            note,
            " The first {ROWS_MAX} of {} accounts and Regions, those with a gap in the window first; the table lists the \
             others.",
            count(places.places.len() as u64)
        );
    }
    if places.days.len() > DAYS_MAX {
        let _ = write!(note, " The last {DAYS_MAX} of {} days.", places.days.len());
    }
    note
}

fn gaps(place: &AccountRegion<'_>) -> String {
    if place.habit == Habit::Never {
        return "every day".to_owned();
    }
    // The last ones matter most.
    let named = place.gaps.iter().rev().take(GAPS_MAX);
    let named: Vec<String> = named.map(ToString::to_string).collect();
    let more = place.gaps.len().saturating_sub(GAPS_MAX);
    match (named.is_empty(), more) {
        (true, _) if place.habit == Habit::Occasional => "logs only on some days".to_owned(),
        (true, _) => "none".to_owned(),
        (false, 0) => named.join(", "),
        (false, more) => format!("{} and {more} earlier", named.join(", ")),
    }
}

fn places(content: &ReportContent<'_>) -> PageTable {
    let places = &content.places;
    let days = places.days.len();
    let row = |place: &AccountRegion<'_>| {
        let records: u64 = place.records.iter().sum();
        let own: u64 = place.records.iter().skip(places.first_in_window).sum();
        vec![
            PageCell::text(place.account_id),
            PageCell::or_unknown(place.account_name.map(|name| &**name)),
            PageCell::or_unknown(place.region.map(|region| &**region)),
            PageCell::figure(
                format!("{} of {days}", place.days_logged()),
                Some(place.days_logged().into()),
            ),
            PageCell::count(records),
            PageCell::count(own),
            PageCell::text(&gaps(place)),
        ]
    };
    let caption = "Coverage by account and Region";
    let titles = [
        "Account",
        "Name",
        "Region",
        "Days",
        "Records",
        "Days of the window",
        "Silent days",
    ];
    let rows = places.places.iter().take(PLACES_MAX).map(row).collect();
    let table = PageTable::new("places", caption, &titles).with(rows);
    match places.places.len().saturating_sub(PLACES_MAX) {
        0 => table,
        more => table.noting(&format!(
            "{} more accounts and Regions are in {}.",
            count(more as u64),
            content.complete()
        )),
    }
}
