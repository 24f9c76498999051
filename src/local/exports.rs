//! Files of query statistics, bills and business units on this machine.

use super::dir::{open_regular, read_bounded};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// Stored bytes of one export: a month of a large Cost and Usage Report is a
/// few gigabytes, in files of less.
const STORED_BYTES_MAX: u64 = 4 << 30;

/// A file that was named, or found in a folder that was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExportFile {
    /// The file's path.
    pub path: PathBuf,
    /// The part of it below the folder that was named.
    pub below: PathBuf,
    /// True if the path itself was given: that it cannot be read is then no matter of one file
    /// among many.
    pub is_named: bool,
    /// The reason why it cannot be looked at, if so.
    pub problem: Option<String>,
}

/// The files that some paths lead to: files themselves, and all files below
/// folders, in the order of their names.
///
/// # Errors
///
/// When a path cannot be looked at.
pub fn export_files(paths: &[PathBuf]) -> Result<Vec<ExportFile>, (PathBuf, io::Error)> {
    let mut files = Vec::new();
    for path in paths {
        let unopenable = |error: io::Error| (path.clone(), error);
        if !path.metadata().map_err(unopenable)?.is_dir() {
            files.push(ExportFile {
                path: path.clone(),
                below: PathBuf::new(),
                is_named: true,
                problem: None,
            });
            continue;
        }
        for entry in WalkDir::new(path).follow_links(true).sort_by_file_name() {
            match entry {
                Ok(entry) => {
                    let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
                    if entry.file_type().is_file() && !is_hidden {
                        let found = entry.into_path();
                        files.push(ExportFile {
                            below: below(&found, path),
                            path: found,
                            is_named: false,
                            problem: None,
                        });
                    }
                }
                // A dangling link, or a folder that may not be read, costs itself.
                Err(error) if error.depth() > 0 => {
                    let found = error.path().unwrap_or(path).to_owned();
                    files.push(ExportFile {
                        below: below(&found, path),
                        path: found,
                        is_named: false,
                        problem: Some(io::Error::from(error).to_string()),
                    });
                }
                Err(error) => return Err(unopenable(error.into())),
            }
        }
    }
    Ok(files)
}

fn below(found: &Path, named: &Path) -> PathBuf {
    found.strip_prefix(named).unwrap_or(found).to_owned()
}

/// Reads one file whole.
///
/// # Errors
///
/// When it cannot be read, or is larger than any export.
pub fn read_export(path: &Path) -> io::Result<Vec<u8>> {
    read_whole(File::open(path)?)
}

/// Opens one file.
///
/// # Errors
///
/// When it cannot be opened, or was found in a folder and is no regular file: a pipe in its place
/// would never end.
pub fn open_export(file: &ExportFile) -> io::Result<File> {
    if let Some(problem) = &file.problem {
        return Err(io::Error::other(problem.clone()));
    }
    if file.is_named {
        File::open(&file.path)
    } else {
        open_regular(&file.path)
    }
}

/// Reads a file that has to be a regular one: a pipe in its place would never end.
///
/// # Errors
///
/// When it is something else, cannot be read, or is larger than any export.
pub fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    read_whole(open_regular(path)?)
}

fn read_whole(mut file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    read_bounded(&mut file, STORED_BYTES_MAX, &mut bytes)?;
    Ok(bytes)
}
