//! What was not seen: coverage, gaps, what could not be read or judged.

use super::super::Night;
use super::super::cells::Shown;
use super::super::picture::{self, DAYS_MAX, ROWS_MAX};
use super::super::places::{Gap, Habit, Place};
use super::table::{Cell, Table};
use crate::output::human::count;

/// Lines of the list.
const LINES_MAX: usize = 60;
/// Rows of the table of places.
const PLACES_MAX: usize = 600;
/// Gaps named in a row.
const GAPS_MAX: usize = 6;

/// The section, in words.
pub(super) struct UnseenSection {
    pub(super) lines: Vec<Shown>,
    pub(super) more: usize,
    pub(super) picture: Option<String>,
    /// What the picture leaves out.
    pub(super) picture_note: String,
    pub(super) places: Table,
}

impl UnseenSection {
    pub(super) fn of(night: &Night<'_>) -> Self {
        let lines = night.unseen.iter().take(LINES_MAX);
        Self {
            lines: lines.map(|one| Shown::sentence(&one.text)).collect(),
            more: night.unseen.len().saturating_sub(LINES_MAX),
            picture: picture::coverage(&night.places),
            picture_note: picture_note(night),
            places: places(night),
        }
    }
}

fn picture_note(night: &Night<'_>) -> String {
    let places = &night.places;
    let mut note =
        "A cross is a day without records of a place that logs on at least half of the days; right of the dotted line is the night itself."
            .to_owned();
    let more = places.places.len().saturating_sub(ROWS_MAX);
    if more > 0 {
        note += &format!(
            " The first {ROWS_MAX} of {} places, those with a gap in the night first; the table has the others.",
            count(places.places.len() as u64)
        );
    }
    if places.days.len() > DAYS_MAX {
        note += &format!(" The last {DAYS_MAX} of {} days.", places.days.len());
    }
    note
}

fn gap(gap: &Gap) -> String {
    if gap.first == gap.last {
        gap.first.to_string()
    } else {
        format!("{} to {}", gap.first, gap.last)
    }
}

fn gaps(place: &Place<'_>) -> String {
    match place.habit {
        Habit::Never => return "every day".to_owned(),
        Habit::Occasional => return "logs now and then only".to_owned(),
        Habit::Usual => {}
    }
    // The last ones matter most.
    let named: Vec<String> = place.gaps.iter().rev().take(GAPS_MAX).map(gap).collect();
    let more = place.gaps.len().saturating_sub(GAPS_MAX);
    match (named.is_empty(), more) {
        (true, _) => "none".to_owned(),
        (false, 0) => named.join(", "),
        (false, more) => format!("{} and {more} earlier", named.join(", ")),
    }
}

fn places(night: &Night<'_>) -> Table {
    let places = &night.places;
    let days = places.days.len();
    let row = |place: &Place<'_>| {
        let records: u64 = place.records.iter().sum();
        let own: u64 = place.records.iter().skip(places.first_in_window).sum();
        vec![
            Cell::text(place.account_id),
            Cell::or_unknown(place.account_name.map(|name| &**name)),
            Cell::or_unknown(place.region.map(|region| &**region)),
            Cell::figure(
                format!("{} of {days}", place.days_logged()),
                Some(place.days_logged().into()),
            ),
            Cell::count(records),
            Cell::count(own),
            Cell::text(&gaps(place)),
        ]
    };
    let caption = "Coverage by account and Region";
    let titles = [
        "Account",
        "Name",
        "Region",
        "Days",
        "Records",
        "In the night",
        "Days without records",
    ];
    let rows = places.places.iter().take(PLACES_MAX).map(row).collect();
    let table = Table::new("places", caption, &titles).with(rows);
    match places.places.len().saturating_sub(PLACES_MAX) {
        0 => table,
        more => table.noting(&format!(
            "{} more places are in report.json.",
            count(more as u64)
        )),
    }
}
