//! Checks of engines, for `doctor`.

use super::check_line::CheckLine;
use super::context::RunContext;
use super::engine_table::EngineTable;
use super::engines;
use super::failure::Failure;
use super::places;
use super::sources;
use crate::model::window::TimeWindow;
use crate::output::human::{count, plural};

/// Checks every engine that options or configuration name.
pub(super) fn look(
    context: &RunContext,
    window: &TimeWindow,
    lines: &mut Vec<CheckLine>,
) -> Result<(), Failure> {
    for logs in engines::asked(context)? {
        let url = logs.engine.url();
        match EngineTable::open(context, &logs) {
            Ok(table) => {
                let place = places::roots(&table.objects).join(", ");
                let detail = format!("the table is there; its objects are read from {place}");
                lines.push(CheckLine::good(&url, "table", detail));
                table.facts(&url, lines);
                lines.push(of_objects(context, &url, &table, window));
            }
            Err(failure) => {
                let next_step = failure.hint.as_deref().unwrap_or_default();
                lines.push(CheckLine::failed(
                    &url,
                    "table",
                    &*failure.message,
                    next_step,
                ));
            }
        }
    }
    Ok(())
}

/// Says whether the engine sees as many objects as a listing.
fn of_objects(
    context: &RunContext,
    url: &str,
    table: &EngineTable,
    window: &TimeWindow,
) -> CheckLine {
    let next_step = "check that the table's location and `objects` are the same folder, and that the engine lists folders \
                     in folders (Trino: hive.recursive-directories=true)";
    let seen = table.seen(context, window);
    match seen {
        Ok((_, 0)) => CheckLine::skipped(url, "objects", "none of the last 2 days are listed"),
        Ok((seen, listed)) if seen == listed => {
            let detail = format!("the engine sees all {}", plural(listed, "object"));
            CheckLine::good(url, "objects", detail)
        }
        Ok((seen, listed)) => {
            let detail = format!(
                "the engine sees {} of {} that are listed: the others are read without it",
                count(seen),
                plural(listed, "object")
            );
            CheckLine::failed(url, "objects", detail, next_step)
        }
        Err(failure) => CheckLine::failed(url, "objects", failure.message, next_step),
    }
}

impl EngineTable {
    /// How many objects of a window the engine sees, and how many a listing has that are not empty.
    fn seen(&self, context: &RunContext, window: &TimeWindow) -> Result<(u64, u64), Failure> {
        let location = std::slice::from_ref(&self.objects);
        let logs = sources::list_of(context, location, window)?;
        let objects = self.table_objects(&logs, sources::ALL);
        let listed = objects.with_text().len() as u64;
        if listed == 0 {
            return Ok((0, 0));
        }
        self.say_before(context, &objects)?;
        Ok((self.count_seen(&objects)?, listed))
    }
}
