//! How often what the records of days are made of has changed.

use crate::model::time::{UtcDay, UtcSecond};
use crate::model::window::{LOOK_AHEAD_SECONDS, LOOK_BACK_SECONDS};
use rusqlite::Transaction;
use std::collections::BTreeSet;

/// The days whose records are made of an event at a moment, among other events.
pub(super) fn days_of(at: UtcSecond) -> [UtcDay; 3] {
    [
        at.plus(-LOOK_AHEAD_SECONDS).utc_day(),
        at.utc_day(),
        at.plus(LOOK_BACK_SECONDS).utc_day(),
    ]
}

/// Says that what the records of some days are made of has changed.
pub(super) fn revise(
    transaction: &Transaction<'_>,
    days: &BTreeSet<UtcDay>,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO day_revisions VALUES (?1, 1)
               ON CONFLICT (day) DO UPDATE SET revision = revision + 1";
    let mut statement = transaction.prepare_cached(sql)?;
    for day in days {
        statement.execute([day])?;
    }
    Ok(())
}
