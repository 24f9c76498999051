//! Folders and files of this machine as sources.

mod dir;
mod exports;
mod path;

pub use dir::{LocalLogs, LocalLogsError};
pub use exports::{ExportFile, export_files, read_export, read_regular};
pub use path::{key_of, path_of};
