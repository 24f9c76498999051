//! The database: opened for reading where it is there, and made where something is to be remembered.

use super::schema;
use rusqlite::{Connection, OpenFlags};
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The longest wait for another run that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// The reason why the memory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// The database cannot be read or written.
    #[error("the memory of findings {}: {source}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// The error of SQLite.
        source: rusqlite::Error,
    },
    /// The file cannot be made.
    #[error("the memory of findings {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The I/O error.
        source: io::Error,
    },
    /// Something else is in its place.
    #[error("{} is not a memory of findings", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A later version of this program made it.
    #[error(
        "the memory of findings {} has version {found}; this program knows version {}: use the newer program",
        path.display(),
        schema::VERSION
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
}

/// The memory of findings.
#[derive(Debug)]
pub struct Memory {
    pub(super) connection: Connection,
    path: PathBuf,
}

impl Memory {
    /// Opens a memory for reading; `None` if there is none.
    ///
    /// # Errors
    ///
    /// When something else is in its place, or it cannot be read.
    pub fn open(path: &Path) -> Result<Option<Self>, MemoryError> {
        match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(io_error(path, source)),
            Ok(there) if !there.is_file() => {
                return Err(MemoryError::Foreign {
                    path: path.to_owned(),
                });
            }
            // A run was killed before anything was written.
            Ok(there) if there.len() == 0 => return Ok(None),
            Ok(_) => {}
        }
        let memory = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        memory.checked_version()?;
        Ok(Some(memory))
    }

    /// Opens a memory for writing, which is made if there is none: readable by its owner alone.
    ///
    /// # Errors
    ///
    /// When something else is in its place, or it cannot be written.
    pub fn open_or_create(path: &Path) -> Result<Self, MemoryError> {
        let mut options = OpenOptions::new();
        match private(options.write(true).create_new(true)).open(path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(io_error(path, source)),
        }
        let mut memory = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let found = memory.checked_version()?;
        if found < schema::VERSION {
            let migrated = schema::migrate(&mut memory.connection, found);
            memory.told(migrated)?;
        }
        Ok(memory)
    }

    fn connect(path: &Path, access: OpenFlags) -> Result<Self, MemoryError> {
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let opened = Connection::open_with_flags(absolute(path), flags);
        let prepared = opened.and_then(|connection| {
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.execute_batch("PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;")?;
            Ok(connection)
        });
        let connection = prepared.map_err(|source| database_error(path, source))?;
        Ok(Self {
            connection,
            path: path.to_owned(),
        })
    }

    /// The version, if it is a memory that this program knows.
    fn checked_version(&self) -> Result<i64, MemoryError> {
        let foreign = || MemoryError::Foreign {
            path: self.path.clone(),
        };
        let id = self
            .connection
            .pragma_query_value(None, "application_id", |row| row.get::<_, i64>(0));
        let id = match id {
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
                return Err(foreign());
            }
            other => self.told(other)?,
        };
        let found = self.told(schema::version(&self.connection))?;
        let is_new = id == 0 && found == 0;
        if id != schema::APPLICATION_ID && !is_new {
            return Err(foreign());
        }
        if found > schema::VERSION {
            let path = self.path.clone();
            return Err(MemoryError::Newer { path, found });
        }
        Ok(found)
    }

    /// A result of SQLite, with the file in its error.
    pub(super) fn told<T>(&self, result: rusqlite::Result<T>) -> Result<T, MemoryError> {
        result.map_err(|source| database_error(&self.path, source))
    }

    /// Returns where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A link in the place of a folder is the owner's own choice; one in the place of the file is not.
fn absolute(path: &Path) -> PathBuf {
    let name = path.file_name();
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = std::fs::canonicalize(folder.unwrap_or(Path::new(".")));
    match (folder, name) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}

fn io_error(path: &Path, source: io::Error) -> MemoryError {
    MemoryError::Io {
        path: path.to_owned(),
        source,
    }
}

fn database_error(path: &Path, source: rusqlite::Error) -> MemoryError {
    MemoryError::Database {
        path: path.to_owned(),
        source,
    }
}

/// Makes a file for its owner alone, whatever the user's mask.
#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}
