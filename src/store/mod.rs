//! The store: what was read before, so that it need not be read again.
//!
//! | what | file |
//! |---|---|
//! | the folder: its lock, files that appear whole or not at all | [`folder`] |
//! | which objects were read, and what they held: SQLite | [`ledger`], [`schema`] |
//! | slim events and statistics: Parquet, by day | [`segments`], [`events`], [`statistics`] |
//! | what a collecting run adds, in one step | [`writer`] |
//! | small segments into one, old days away | [`tidy`] |
//! | what a window needs of it | [`reader`] |
//! | what later runs need of a day, in place of its events | [`day_records`], [`revisions`] |
//! | answers that cost money or time, kept as text | [`documents`] |
//! | bills and other exports, as they were in buckets | [`exports`] |
//!
//! A commit writes segments first and then, in one transaction, the ledger that names
//! them: whatever is not named does not count, and is swept away by the next writer.

mod day_records;
mod details;
mod documents;
mod error;
mod events;
mod exports;
mod files;
mod folder;
mod ledger;
mod number;
mod reader;
mod revisions;
mod schema;
mod segments;
mod spill;
mod statistics;
mod tidy;
mod writer;

pub use day_records::{NewRecord, StoredFacts};
pub use documents::{CostPages, StoredDocument};
pub use error::StoreError;
pub use exports::{KeptExports, ListedExport, StoredExport};
pub use reader::Store;
pub use spill::Spill;
pub use statistics::{Pending, QuestionState};
pub use writer::{LedgerEntry, Looked, ReadObject, Tidied, Writer};
