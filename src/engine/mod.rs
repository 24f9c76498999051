//! An engine where the logs are (Trino, Athena) tells of each object whether it may have a relevant
//! record, so that only such objects are read.
//!
//! | what | file |
//! |---|---|
//! | which records are relevant, as SQL | [`conditions`] |
//! | names and texts in SQL | [`sql`] |
//! | objects that one statement asks about | [`slices`] |
//! | statements over a table of lines (Trino) | [`line_table`] |
//! | what a statement answers of an object | [`answer`] |
//! | running all statements | [`index`] |
//! | the objects as a source of logs | [`logs`] |
//! | Trino's protocol | [`trino`] |

mod answer;
mod conditions;
mod index;
mod line_table;
mod logs;
mod slices;
mod sql;
#[cfg(feature = "aws")]
mod trino;

pub use index::{Index, IndexWatcher, index};
pub use line_table::LineTable;
pub use logs::IndexedLogs;
pub use slices::TableObjects;
#[cfg(feature = "aws")]
pub use trino::{Trino, TrinoServer};
