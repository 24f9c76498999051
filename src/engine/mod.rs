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
//! | what a statement answers of an object | [`answer`] |
//! | running all statements | [`index`] |
//! | the objects as a source of logs | [`logs`] |
//! | Trino's protocol | [`trino`] |

mod answer;
mod conditions;
mod ddl;
mod index;
mod line_table;
mod logs;
mod record_table;
mod slices;
mod sql;
mod table;
#[cfg(feature = "aws")]
mod trino;

pub use conditions::listed_condition;
pub use ddl::{athena_ddl, columns, trino_ddl};
pub use index::{Index, IndexWatcher, index, rows};
pub use line_table::LineTable;
pub use logs::IndexedLogs;
pub use record_table::{NEEDED_COLUMNS, RecordTable};
pub use slices::TableObjects;
pub use table::LogTable;
#[cfg(feature = "aws")]
pub use trino::{Trino, TrinoServer};
