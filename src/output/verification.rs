//! The result of verification, for people: a table by account and Region, and each fault in the
//! words of `aws cloudtrail validate-logs`.

use super::TextLayout;
use super::chain_table::{new_table, text_cell, title, write_table};
use super::human::{count, line, minute, plural, safe, window_text};
use super::ink::Ink;
use crate::model::integrity::{
    Fault, FaultyFile, FileCounts, PlaceVerified, Unchecked, Uncovered, UncoveredWhy, Verification,
};
use comfy_table::{Cell, CellAlignment};
use std::io::{self, Write};

/// Faults that are listed; the machine formats have all.
const FAULTS_SHOWN: usize = 100;

/// Writes the table, the faults, and what could not be checked or known.
///
/// # Errors
///
/// When the writer fails.
pub fn write(
    verification: &Verification,
    page: TextLayout,
    writer: &mut dyn Write,
) -> io::Result<()> {
    if !verification.places.is_empty() {
        write_places(verification, page, writer)?;
    }
    for fault in verification.faults.iter().take(FAULTS_SHOWN) {
        line!(writer, "{}", fault_line(fault))?;
    }
    let more = verification.faults.len().saturating_sub(FAULTS_SHOWN);
    if more > 0 {
        line!(
            writer,
            "and {} more; --format json has all",
            count(more as u64)
        )?;
    }
    for uncovered in &verification.uncovered {
        line!(writer, "{}", uncovered_line(uncovered))?;
    }
    for unchecked in &verification.unchecked {
        line!(writer, "{}", unchecked_line(unchecked))?;
    }
    for limit in &verification.limits {
        line!(writer, "Note: {limit}")?;
    }
    line!(writer, "{}", verdict(verification))
}

/// The verdict in a line: what `validate-logs` says last, and what it does not look for.
#[must_use]
pub fn verdict(verification: &Verification) -> String {
    let total = verification.total();
    let mut parts = Vec::new();
    let kinds = [
        (total.digests, "digest"),
        (total.backfill_digests, "backfill digest"),
        (total.log_files, "log"),
    ];
    for (tally, name) in kinds {
        parts.extend(ratio(tally, name));
    }
    if total.unreferenced > 0 {
        parts.push(format!(
            "{} in no digest",
            plural(total.unreferenced, "log file")
        ));
    }
    if total.awaiting_digest > 0 {
        let awaiting = plural(total.awaiting_digest, "log file");
        parts.push(format!("{awaiting} too new to be in one"));
    }
    if parts.is_empty() {
        parts.push("no digests found".to_owned());
    }
    format!(
        "{}: {}",
        window_text(&verification.window),
        parts.join(", ")
    )
}

/// `719/720 digest files valid, 1/720 digest files INVALID`.
fn ratio(tally: FileCounts, name: &str) -> Option<String> {
    let total = count(tally.total());
    let of = |number: u64, what: &str| {
        (number > 0).then(|| format!("{}/{total} {name} files {what}", count(number)))
    };
    let parts = [
        Some(format!("{}/{total} {name} files valid", count(tally.valid))),
        of(tally.invalid, "INVALID"),
        of(tally.unchecked, "not checked"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (tally.total() > 0).then(|| parts.join(", "))
}

/// A fault as `validate-logs` writes it: what, where, why, with tabs between.
#[must_use]
pub fn fault_line(fault: &Fault) -> String {
    let what = match fault.file {
        FaultyFile::Digest => "Digest file",
        FaultyFile::BackfillDigest => "(backfill) Digest file",
        FaultyFile::LogFile => "Log file",
    };
    format!(
        "{what}\t{}\tINVALID: {}",
        safe(&fault.object),
        safe(&fault.kind.words())
    )
}

/// Time that no digest covers, in words.
#[must_use]
pub fn uncovered_line(uncovered: &Uncovered) -> String {
    let kind = if uncovered.is_backfill {
        "(backfill) "
    } else {
        ""
    };
    let place = &uncovered.place;
    let place = format!("{} in {}", safe(&place.account_id), safe(&place.region));
    let (from, to) = (uncovered.from, uncovered.to);
    match uncovered.why {
        UncoveredWhy::NotDelivered => format!(
            "{kind}No log files were delivered by CloudTrail between {from} and {to} ({place})"
        ),
        UncoveredWhy::DigestsMissing => {
            format!("{kind}Digest files are missing between {from} and {to} ({place})")
        }
        UncoveredWhy::LeftOut => {
            format!("{kind}No digest file covers {from} to {to} ({place})")
        }
    }
}

/// Returns a line about the files of one account and Region that could not be verified.
#[must_use]
pub fn unchecked_line(unchecked: &Unchecked) -> String {
    let first = safe(&unchecked.object);
    let why = safe(&unchecked.why);
    match unchecked.count {
        1 => format!("Not checked: {first}: {why}"),
        many => format!(
            "Not checked: {}, first {first}: {why}",
            plural(many, "file")
        ),
    }
}

fn write_places(
    verification: &Verification,
    page: TextLayout,
    writer: &mut dyn Write,
) -> io::Result<()> {
    let total = verification.total();
    let shows = |tally: FileCounts| tally.total() > 0;
    let mut titles = vec!["Account", "Region", "Trail", "Digests"];
    if shows(total.backfill_digests) {
        titles.push("Backfill");
    }
    titles.push("Log files");
    if total.unreferenced > 0 {
        titles.push("In no digest");
    }
    if total.awaiting_digest > 0 {
        titles.push("Too new");
    }
    titles.extend(["Integrity from", "To (UTC)"]);
    let mut table = new_table(page);
    table.set_header(titles.iter().map(|name| title(name)));
    for (place, of) in &verification.places {
        let mut row = vec![
            text_cell(&place.account_id),
            text_cell(&place.region),
            text_cell(place.trail.as_deref().unwrap_or("–")),
            tally(of.digests, page),
        ];
        if shows(total.backfill_digests) {
            row.push(tally(of.backfill_digests, page));
        }
        row.push(tally(of.log_files, page));
        if total.unreferenced > 0 {
            row.push(number(of.unreferenced, page, true));
        }
        if total.awaiting_digest > 0 {
            row.push(number(of.awaiting_digest, page, false));
        }
        row.extend(integrity_cells(of));
        table.add_row(row);
    }
    write_table(&table, writer)
}

fn integrity_cells(of: &PlaceVerified) -> [Cell; 2] {
    let shown = |moment: Option<_>| text_cell(moment.map_or_else(|| "–".to_owned(), minute));
    [shown(of.from), shown(of.to)]
}

/// `720 valid`, or what else there is.
fn tally(tally: FileCounts, page: TextLayout) -> Cell {
    if tally.total() == 0 {
        return text_cell("–");
    }
    let of = |number: u64, what: &str| (number > 0).then(|| format!("{} {what}", count(number)));
    let parts = [
        of(tally.valid, "valid"),
        of(tally.invalid, "INVALID"),
        of(tally.unchecked, "not checked"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    colored(text_cell(parts.join(", ")), page, tally.invalid > 0)
}

fn number(number: u64, page: TextLayout, is_bad: bool) -> Cell {
    let cell = text_cell(count(number)).set_alignment(CellAlignment::Right);
    colored(cell, page, is_bad && number > 0)
}

fn colored(cell: Cell, page: TextLayout, is_bad: bool) -> Cell {
    if is_bad {
        Ink::Red.paint_cell(cell, page)
    } else {
        cell
    }
}
