//! Folders and files of this machine as sources.

mod dir;
mod exports;

pub use dir::{LocalLogs, LocalLogsError};
pub use exports::{ExportFile, export_files, read_export};
