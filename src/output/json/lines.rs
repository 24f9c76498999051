//! JSON lines.

use crate::records::field::Fields;
use std::borrow::Borrow;
use std::io::{self, Write};

/// Writes one record per line.
pub(super) fn write_lines<R, B: Borrow<R>>(
    fields: &Fields<'_, R>,
    records: &[B],
    writer: &mut dyn Write,
) -> io::Result<()> {
    for record in records {
        serde_json::to_writer(&mut *writer, &fields.read(record.borrow()))?;
        writer.write_all(b"\n")?;
    }
    Ok(())
}
