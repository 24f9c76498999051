//! Rows of a bill as lines, whatever the format.

use super::bill_lines::{BillError, BillLines, StatedLine};
use super::bill_values::list;
use super::rows::{ExportRow, Rows, find};

/// The positions of a format's columns, in the order of the format.
pub(super) struct ColumnPositions(Vec<Option<usize>>);

impl ColumnPositions {
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

    /// Returns true if the column is there.
    pub(super) fn has(&self, wanted: usize) -> bool {
        self.0.get(wanted).is_some_and(Option::is_some)
    }
}

/// Columns that every format has somewhere.
#[derive(Clone, Copy)]
pub(super) struct CommonColumns {
    pub(super) account_name: usize,
    pub(super) start: usize,
}

/// Reads rows into lines. `line` gives `None` for one that was read before.
pub(super) fn read_lines(
    name: &str,
    rows: Rows<'_>,
    columns: &ColumnPositions,
    into: &mut BillLines,
    format: CommonColumns,
    line: impl Fn(&ExportRow<'_>, &mut BillLines) -> Result<Option<StatedLine>, String>,
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
