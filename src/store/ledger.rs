//! The ledger: SQLite, opened for reading or for writing.

use super::error::StoreError;
use super::folder::StoreFolder;
use super::schema;
use crate::model::time::UtcDay;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use rusqlite::config::DbConfig;
use rusqlite::types::{FromSql, FromSqlResult, ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// The time that a reader waits while a writer commits.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// Opens nothing to the one who may have written the ledger: what it says is data, and not run.
fn distrust(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false)?;
    connection.pragma_update(None, "cell_size_check", true)
}

/// The characters that would end a path in a URI of SQLite, or start another part of it.
const OF_URI: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b'#');

/// An open ledger.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) connection: Connection,
    path: PathBuf,
}

impl Ledger {
    /// Opens the ledger for writing: made, or brought up to date, where need be.
    pub(super) fn open_to_write(folder: &StoreFolder) -> Result<Self, StoreError> {
        folder.prepare_ledger()?;
        let path = folder.ledger();
        let connection = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE);
        let connection = connection.map_err(|source| StoreError::Ledger {
            path: path.clone(),
            source,
        })?;
        let mut ledger = Self { connection, path };
        ledger.try_to(|ledger| distrust(ledger))?;
        let found = ledger.try_to(|ledger| schema::version(ledger))?;
        schema::check(found, folder.root())?;
        ledger.check_schema(found)?;
        ledger.try_to(|ledger| {
            ledger.pragma_update(None, "journal_mode", "wal")?;
            ledger.pragma_update(None, "synchronous", "full")
        })?;
        if found < schema::VERSION {
            ledger.try_to(|ledger| schema::migrate(ledger, found))?;
        }
        Ok(ledger)
    }

    /// Opens the ledger for reading; `None` where there is none yet.
    pub(super) fn open_to_read(folder: &StoreFolder) -> Result<Option<Self>, StoreError> {
        let path = folder.ledger();
        if !folder.check_ledger()? {
            return Ok(None);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        let open = |uri: String| Connection::open_with_flags(uri, flags);
        let name = path.to_string_lossy();
        let escaped = utf8_percent_encode(&name, OF_URI);
        let plain = format!("file:{escaped}");
        let works = |connection: Connection| {
            distrust(&connection)?;
            schema::version(&connection).map(|found| (connection, found))
        };
        // In a folder that may not be written, SQLite has to be told that no one else
        // writes either.
        let log = path.with_extension("sqlite-wal");
        let is_still = log.metadata().map_or(true, |log| log.len() == 0);
        let opened = match open(plain.clone()).and_then(works) {
            Err(rusqlite::Error::SqliteFailure(error, _))
                if is_still
                    && matches!(error.code, ErrorCode::CannotOpen | ErrorCode::ReadOnly) =>
            {
                open(format!("{plain}?immutable=1")).and_then(works)
            }
            opened => opened,
        };
        let (connection, found) = opened.map_err(|source| StoreError::Ledger {
            path: path.clone(),
            source,
        })?;
        schema::check_is_current(found, folder.root())?;
        let mut ledger = Self { connection, path };
        ledger.check_schema(found)?;
        Ok((found > 0).then_some(ledger))
    }

    /// Checks that the ledger has the tables of its version, and nothing else: a view or a
    /// trigger in it would run.
    fn check_schema(&mut self, version: i64) -> Result<(), StoreError> {
        let difference = self.try_to(|ledger| schema::difference(ledger, version))?;
        match difference {
            None => Ok(()),
            Some(what) => Err(StoreError::ForeignLedger {
                path: self.path.clone(),
                what,
            }),
        }
    }

    /// Does something with the ledger; says which ledger where that fails.
    pub(super) fn try_to<T>(
        &mut self,
        run: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        run(&mut self.connection).map_err(|source| StoreError::Ledger {
            path: self.path.clone(),
            source,
        })
    }

    /// The segments of a kind on some days, by day and name.
    pub(super) fn segments(
        &mut self,
        kind: &str,
        days: (UtcDay, UtcDay),
    ) -> Result<Vec<LiveSegment>, StoreError> {
        let sql = "SELECT day, name, digest, rows FROM segments
                   WHERE kind = ?1 AND day BETWEEN ?2 AND ?3 ORDER BY day, name";
        self.rows(sql, &[&kind, &days.0, &days.1], |row| {
            Ok(LiveSegment {
                day: row.get(0)?,
                name: row.get(1)?,
                digest: row.get(2)?,
                rows: row.get::<_, i64>(3)?.try_into().unwrap_or_default(),
            })
        })
    }

    /// Names of all segments.
    pub(super) fn segment_names(&mut self) -> Result<BTreeSet<String>, StoreError> {
        let names = self.rows("SELECT name FROM segments", &[], |row| row.get(0))?;
        Ok(names.into_iter().collect())
    }

    /// All rows of a query.
    pub(super) fn rows<T>(
        &mut self,
        sql: &str,
        parameters: &[&dyn ToSql],
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        self.try_to(|ledger| {
            let mut statement = ledger.prepare_cached(sql)?;
            let rows = statement.query_map(parameters, read)?;
            rows.collect()
        })
    }

    /// A single value kept by name.
    pub(super) fn fact(&mut self, name: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT value FROM facts WHERE name = ?1";
        let mut found = self.rows(sql, &[&name], |row| row.get(0))?;
        Ok(found.pop())
    }
}

/// A segment that counts.
#[derive(Debug, Clone)]
pub(super) struct LiveSegment {
    pub(super) day: UtcDay,
    pub(super) name: String,
    /// The SHA-256 of its bytes, in hex; `None` in what an earlier version wrote.
    pub(super) digest: Option<String>,
    pub(super) rows: u64,
}

impl ToSql for UtcDay {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.number().into())
    }
}

impl FromSql for UtcDay {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        i32::column_result(value).map(Self::numbered)
    }
}
