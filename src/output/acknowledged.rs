//! Acknowledgements for terminals.

use super::TextLayout;
use super::findings::wrapped;
use super::human::{line, plural, safe};
use crate::model::ack_record::AckRecord;
use crate::model::finding::PreviousFinding;
use jiff::civil::Date;
use std::io::{self, Write};

const INDENT: usize = 4;

/// Writes what became of findings: each with its title.
///
/// # Errors
///
/// When the writer fails.
pub fn write_done(
    findings: &[&PreviousFinding],
    said: &str,
    page: TextLayout,
    writer: &mut dyn Write,
) -> io::Result<()> {
    for finding in findings {
        line!(writer, "{}  {}", safe(&finding.finding_id), safe(said))?;
        indented(&finding.title, page, writer)?;
    }
    Ok(())
}

/// Writes all acknowledgements, with what became of them.
///
/// # Errors
///
/// When the writer fails.
pub fn write(
    all: &[AckRecord],
    today: Date,
    page: TextLayout,
    writer: &mut dyn Write,
) -> io::Result<()> {
    for one in all {
        let told = &one.acknowledgement;
        let of = one.incident_id.as_deref();
        let of = of.map_or_else(String::new, |incident| format!(" of {incident}"));
        line!(
            writer,
            "{}{of}  {}: {}, {} until {}",
            one.finding_id,
            one.state(today),
            safe(&told.owner),
            one.made_at.day(),
            told.until
        )?;
        if let Some(note) = &told.note {
            indented(note, page, writer)?;
        }
    }
    let counting = all
        .iter()
        .filter(|one| one.state(today) == "counts")
        .count();
    line!(
        writer,
        "{}, {counting} of them count{}",
        plural(all.len() as u64, "acknowledgement"),
        if counting == 1 { "s" } else { "" }
    )
}

fn indented(text: &str, page: TextLayout, writer: &mut dyn Write) -> io::Result<()> {
    for line in wrapped(&safe(text), page, INDENT) {
        line!(writer, "{:INDENT$}{line}", "")?;
    }
    Ok(())
}
