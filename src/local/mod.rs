//! Folders and files of this machine as sources.

mod dir;
mod exports;
mod file;
mod path;

pub use dir::{LocalLogs, LocalLogsError};
pub use exports::{ExportFile, export_files, open_export, read_export, read_regular};
pub use file::{
    folder_of, new_builder, new_private_file, new_private_folder, new_private_folders, write_file,
    write_new,
};
pub use path::{key_of, path_of};
