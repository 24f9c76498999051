//! Errors of the store.

use std::io;
use std::path::PathBuf;

/// The reason why the store cannot be used, in words for the person who reads them.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or folder of it cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// The I/O error.
        source: io::Error,
    },
    /// Another run is collecting into it.
    #[error("the store {} is being written by {holder}", path.display())]
    Locked {
        /// The store.
        path: PathBuf,
        /// The process that holds the lock.
        holder: String,
    },
    /// The folder holds something else.
    #[error("{} is not empty and is not a qs-audit store", path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
    },
    /// Something is in the place of a file or folder of the store.
    #[error("{}: {what}", path.display())]
    Planted {
        /// Where.
        path: PathBuf,
        /// The kind of file.
        what: &'static str,
    },
    /// The ledger's tables are not those that this program makes.
    #[error("the store's ledger {} was not made by this program: {what}", path.display())]
    ForeignLedger {
        /// The ledger.
        path: PathBuf,
        /// The unexpected or missing content.
        what: String,
    },
    /// A later version of this program made it.
    #[error(
        "the store {} has version {found}; this program knows version {known} and earlier ones",
        path.display()
    )]
    Newer {
        /// The store.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The last version known here.
        known: i64,
    },
    /// An earlier version of this program made it.
    #[error("the store {} has version {found}; this program reads version {known}", path.display())]
    Older {
        /// The store.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The version that is read.
        known: i64,
    },
    /// The ledger refuses.
    #[error("the store's ledger {}: {source}", path.display())]
    Ledger {
        /// The ledger.
        path: PathBuf,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// A segment is not what was written.
    #[error("the store's segment {}: {message}", path.display())]
    Segment {
        /// The segment.
        path: PathBuf,
        /// The error's message.
        message: String,
    },
}

impl StoreError {
    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
