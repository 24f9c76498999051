//! What was read, in a few lines for people.

use super::human::{bytes, count, plural, safe};
use crate::model::coverage::{Coverage, Reject};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Writes one line on what was read, and one for each kind of thing that was not.
///
/// # Errors
///
/// When the writer fails.
pub fn write(coverage: &Coverage, writer: &mut dyn Write) -> io::Result<()> {
    writeln!(writer, "{}", read_line(coverage))?;
    for (reason, number, examples) in coverage.rejects.iter() {
        let place = examples.first().map_or_else(String::new, place);
        let more = if number > 1 { ", first " } else { " " };
        let detail = examples.first().map_or("", |reject| reject.detail.as_str());
        let detail = if detail.is_empty() {
            String::new()
        } else {
            format!(": {}", safe(detail))
        };
        writeln!(
            writer,
            "not read: {} {}{more}at {place}{detail}",
            count(number),
            reason.as_str()
        )?;
    }
    Ok(())
}

fn place(reject: &Reject) -> String {
    let mut place = safe(&reject.object).into_owned();
    if let Some(record) = reject.record {
        let _ = write!(place, " record {record}");
    }
    if let Some(offset) = reject.offset {
        let _ = write!(place, " byte {offset}");
    }
    place
}

fn read_line(coverage: &Coverage) -> String {
    let mut line = format!(
        "read {} ({}, {} inflated): {} = {} kept + {} not relevant + {} rejected",
        plural(coverage.objects_read, "file"),
        bytes(coverage.bytes_read),
        bytes(coverage.bytes_inflated),
        plural(coverage.records, "record"),
        count(coverage.records_kept),
        count(coverage.records_not_relevant),
        count(coverage.records_rejected),
    );
    let mut add = |number: u64, what: &str| {
        if number > 0 {
            let _ = write!(line, "; {} {what}", count(number));
        }
    };
    add(coverage.duplicates, "delivered again");
    add(coverage.replaced, "replaced by an update");
    add(coverage.conflicts, "in conflict");
    add(
        coverage.records_of_unknown_version,
        "of an unknown event version",
    );
    add(coverage.objects_outside_window, "files outside the window");
    let passed_over = coverage.objects_passed_over.iter();
    for (sibling, number) in passed_over {
        add(*number, &format!("{} files passed over", sibling.as_str()));
    }
    let accounts: BTreeSet<_> = coverage.seen.keys().map(|(account, ..)| account).collect();
    let regions: BTreeSet<_> = coverage.seen.keys().map(|(_, region, _)| region).collect();
    if let Some((first, last)) = coverage.span() {
        let _ = write!(
            line,
            "; {}, {}, {first} to {last}",
            plural(accounts.len() as u64, "account"),
            plural(regions.len() as u64, "Region"),
        );
    }
    line
}
