//! An engine where the logs are (Trino, Athena) tells of each object whether it may have a relevant
//! record, so that only such objects are read.
//!
//! | what | file |
//! |---|---|
//! | which records are relevant, as SQL | `conditions.rs` |
//! | names and texts in SQL | `sql.rs` |
//! | objects that one statement asks about | `slices.rs` |
//! | tables, and the statements that create them | `table.rs`, `ddl.rs` |
//! | statements over a table of lines (Trino) | `line_table.rs` |
//! | statements over a table of records (Athena) | `record_table.rs` |
//! | members of records that an engine sends | `members.rs` |
//! | what a statement answers of an object | `answer.rs` |
//! | running all statements | `index.rs` |
//! | cancelling statements | `interruption.rs` |
//! | the objects as a source of logs | `logs.rs` |
//! | Trino's protocol | `trino.rs` |

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
