//! Tables that an index is made of.

use super::line_table::LineTable;
use super::record_table::RecordTable;
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
        slice: &[(u32, String)],
        excluded: &[&str],
        window: &TimeWindow,
    ) -> String {
        match self {
            Self::Lines(table) => table.index(slice, excluded, window),
            Self::Records(table) => table.index(slice, excluded, window),
        }
    }

    /// The same statement for objects that are not known yet.
    #[must_use]
    pub fn index_template(&self, window: &TimeWindow) -> String {
        let path = |name: &str| (0, format!("<path of the {name} object of a folder>"));
        self.index(&[path("first"), path("last")], &[], window)
    }
}
