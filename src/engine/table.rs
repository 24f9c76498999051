//! Tables that an index is made of.

use super::line_table::LineTable;
use super::record_table::RecordTable;
use super::slices::{TableObject, has_path};
use crate::model::window::TimeWindow;

/// A table of logs.
#[derive(Debug, Clone)]
pub enum LogTable {
    /// A row is a line of a log file.
    Lines(LineTable),
    /// A row is a record.
    Records(RecordTable),
}

impl LogTable {
    /// Says of each object of a slice what there is to know ([`super::answer`]).
    pub(super) fn index(
        &self,
        slice: &[TableObject],
        excluded: &[&str],
        window: &TimeWindow,
    ) -> String {
        match self {
            Self::Lines(table) => table.index(slice, excluded, window),
            Self::Records(table) => table.index(slice, excluded, window),
        }
    }

    /// The paths that an engine sees of a slice.
    pub(super) fn paths(&self, slice: &[TableObject]) -> String {
        let (table, partitions) = match self {
            Self::Lines(table) => (table.sql_name(), String::new()),
            Self::Records(table) => (table.sql_name(), table.has_partition(slice)),
        };
        let paths = has_path(r#""$path""#, slice, &[]);
        format!(
            "-- qs-audit\nSELECT \"$path\" FROM {table} WHERE {paths}{partitions} GROUP BY \"$path\""
        )
    }

    /// The same statement for objects that are not known yet.
    #[must_use]
    pub fn index_template(&self, window: &TimeWindow) -> String {
        let path = |name: &str| TableObject {
            object: 0,
            path: format!("<path of the {name} object of a folder>"),
            bytes: 0,
        };
        self.index(&[path("first"), path("last")], &[], window)
    }
}
