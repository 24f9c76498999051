//! Logs on this machine: folders, files and standard input.

mod dir;

pub use dir::{LocalLogs, LocalLogsError};
