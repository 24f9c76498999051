//! Coverage by account, Region and day, as a table for SQL.

use crate::model::coverage::Coverage;
use crate::model::table::{Table, TableBuilder};

/// One row per account, Region and UTC day with records.
#[must_use]
pub fn table(coverage: &Coverage) -> Table {
    let rows: Vec<_> = coverage.seen.iter().collect();
    TableBuilder::new("coverage", &rows)
        .text("account_id", |((account, ..), _)| Some(account.clone()))
        .text("region", |((_, region, _), _)| Some(region.clone()))
        .day("day", |((.., day), _)| Some(*day))
        .integer("record_count", |(_, seen)| Some(seen.records))
        .moment("first_event_at", |(_, seen)| Some(seen.first))
        .moment("last_event_at", |(_, seen)| Some(seen.last))
        .table()
}
