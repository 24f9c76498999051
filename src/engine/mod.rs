//! An engine where the logs are (Trino, Athena) tells of each object whether it may have a relevant
//! record, so that only such objects are read.
//!
//! | what | file |
//! |---|---|
//! | which records are relevant, as SQL | [`conditions`] |
//! | names and texts in SQL | [`sql`] |
//! | objects that one statement asks about | [`slices`] |
//! | tables, and the statements that create them | [`table`], [`ddl`] |
//! | statements over a table of lines (Trino) | [`line_table`] |
//! | statements over a table of records (Athena) | [`record_table`] |
//! | members of records that an engine sends | [`members`] |
//! | what a statement answers of an object | [`answer`] |
//! | running all statements | [`index`] |
//! | cancelling statements | [`interruption`] |
//! | the objects as a source of logs | [`logs`] |
//! | Trino's protocol | [`trino`] |

mod answer;
mod conditions;
mod ddl;
mod index;
#[cfg(feature = "aws")]
mod interruption;
mod line_table;
mod logs;
mod members;
mod record_table;
mod slices;
mod sql;
mod table;
#[cfg(feature = "aws")]
mod trino;

pub use conditions::listed_condition;
pub use ddl::{athena_ddl, columns, trino_ddl};
pub use index::{
    Index, IndexWatcher, UnwatchedIndex, count_seen, index, rows, scanned_bytes, send,
};
#[cfg(feature = "aws")]
pub use interruption::when_interrupted;
pub use line_table::LineTable;
pub use logs::IndexedLogs;
pub use record_table::{NEEDED_COLUMNS, RecordTable};
pub use slices::{TableObject, TableObjects};
pub use table::LogTable;
#[cfg(feature = "aws")]
pub use trino::{Trino, TrinoServer};
