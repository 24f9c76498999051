//! One file per format. Outputs know the model; the model knows no output.
//!
//! Text from logs is hostile wherever it is shown: each format escapes for where
//! it goes.

pub mod acknowledged;
pub mod asff;
pub mod chain_table;
pub mod chargeback;
pub mod chargeback_rows;
pub mod csv;
pub mod findings;
pub mod flat_table;
pub mod focus;
pub mod human;
mod ink;
pub mod json;
pub mod messages;
pub mod not_read;
pub mod ocsf;
pub mod page_text;
pub mod reads;
pub mod reads_not_logged;
pub mod repeated;
pub mod report;
pub mod roads;
pub mod show;
pub mod summary;
pub mod table_text;
pub mod terminal;
pub mod verification;
pub mod xlsx;

/// The width and colors of text for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextLayout {
    /// Columns of the terminal.
    pub width: u16,
    /// True if color codes may be written.
    pub color: bool,
}
