//! Acknowledgements by people, with their history.

use super::database::{Memory, MemoryError};
use crate::model::ack_record::AckRecord;
use crate::model::finding::{Acknowledgement, Severity};
use crate::model::time::UtcSecond;
use jiff::civil::Date;
use rusqlite::{Row, params};
use std::collections::BTreeMap;

/// A finding that someone acknowledges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAck {
    /// The finding.
    pub finding_id: String,
    /// The incident that was named, if it was not the finding itself.
    pub incident_id: Option<String>,
    /// The acknowledgement itself.
    pub acknowledgement: Acknowledgement,
}

impl Memory {
    /// Keeps acknowledgements; each replaces those of the same finding that still count.
    ///
    /// # Errors
    ///
    /// When the database cannot be written.
    pub fn acknowledge(&mut self, all: &[NewAck], now: UtcSecond) -> Result<(), MemoryError> {
        let mut write = || -> rusqlite::Result<()> {
            let transaction = self.connection.transaction()?;
            for ack in all {
                undo(&transaction, &ack.finding_id, now)?;
                let told = &ack.acknowledgement;
                let sql = "INSERT INTO acknowledged
                    (finding_id, incident_id, owner, note, until, severity, occurrence, made_at)
                    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
                let row = params![
                    ack.finding_id,
                    ack.incident_id,
                    told.owner,
                    told.note,
                    told.until.to_string(),
                    told.severity.as_str(),
                    i64::try_from(told.occurrence).unwrap_or(i64::MAX),
                    now.unix(),
                ];
                transaction.execute(sql, row)?;
            }
            transaction.commit()
        };
        let written = write();
        self.told(written)
    }

    /// Undoes the acknowledgements of a finding that still count; returns how many.
    ///
    /// # Errors
    ///
    /// When the database cannot be written.
    pub fn undo(&mut self, finding_id: &str, now: UtcSecond) -> Result<usize, MemoryError> {
        let undone = undo(&self.connection, finding_id, now);
        self.told(undone)
    }

    /// The acknowledgements that were not undone, by finding id. Whether one counts depends on its day.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn acknowledged(&self) -> Result<BTreeMap<String, Acknowledgement>, MemoryError> {
        let all = self.acknowledgements()?;
        let standing = all.into_iter().filter(|one| one.undone_at.is_none());
        Ok(standing
            .map(|one| (one.finding_id, one.acknowledgement))
            .collect())
    }

    /// All acknowledgements, the oldest first.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn acknowledgements(&self) -> Result<Vec<AckRecord>, MemoryError> {
        let sql = "SELECT finding_id, incident_id, owner, note, until, severity, occurrence, made_at, undone_at
                   FROM acknowledged ORDER BY id";
        let read = || {
            let mut statement = self.connection.prepare(sql)?;
            statement.query_map([], record)?.collect()
        };
        self.told(read())
    }
}

fn undo(
    connection: &rusqlite::Connection,
    finding_id: &str,
    now: UtcSecond,
) -> rusqlite::Result<usize> {
    connection.execute(
        "UPDATE acknowledged SET undone_at = ?2 WHERE finding_id = ?1 AND undone_at IS NULL",
        params![finding_id, now.unix()],
    )
}

fn record(row: &Row<'_>) -> rusqlite::Result<AckRecord> {
    let (until, severity): (String, String) = (row.get(4)?, row.get(5)?);
    let occurrence: i64 = row.get(6)?;
    let undone: Option<i64> = row.get(8)?;
    Ok(AckRecord {
        finding_id: row.get(0)?,
        incident_id: row.get(1)?,
        acknowledgement: Acknowledgement {
            owner: row.get(2)?,
            note: row.get(3)?,
            // One that no one can read counts no more.
            until: until.parse().unwrap_or(Date::MIN),
            severity: Severity::parse(&severity).unwrap_or(Severity::Info),
            occurrence: u64::try_from(occurrence).unwrap_or_default(),
        },
        made_at: UtcSecond::from_unix(row.get(7)?),
        undone_at: undone.map(UtcSecond::from_unix),
    })
}
