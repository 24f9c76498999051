//! The outbox: messages are kept before they are sent, and sent until someone took them.

use super::database::{Memory, MemoryError};
use crate::model::time::UtcSecond;
use rusqlite::params;
use std::collections::BTreeSet;

/// Days that messages are kept.
const KEPT_DAYS: i64 = 180;

/// A message for a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxMessage {
    /// The key that tells it from all others: a message with a known key is not kept again.
    pub key: String,
    /// The name of where it goes.
    pub target: String,
    /// The text to send.
    pub body: String,
}

/// A message that has not been taken yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedMessage {
    /// The message.
    pub message: OutboxMessage,
    /// The time it was made.
    pub made_at: UtcSecond,
    /// The number of tries.
    pub tries: u64,
    /// The reason why it was not taken the last time.
    pub last_error: Option<String>,
}

impl Memory {
    /// The occurrences of findings that a target was told, or will be.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn told_to(&self, target: &str) -> Result<BTreeSet<String>, MemoryError> {
        let read = || {
            let mut statement = self
                .connection
                .prepare("SELECT what FROM told WHERE target = ?1")?;
            statement.query_map([target], |row| row.get(0))?.collect()
        };
        self.told(read())
    }

    /// Keeps messages for a target that are not known yet, and what it is told by them.
    ///
    /// # Errors
    ///
    /// When the database cannot be written.
    pub fn queue(
        &mut self,
        target: &str,
        messages: &[OutboxMessage],
        told: &BTreeSet<String>,
        now: UtcSecond,
    ) -> Result<(), MemoryError> {
        let mut write = || -> rusqlite::Result<()> {
            let transaction = self.connection.transaction()?;
            let sql =
                "INSERT OR IGNORE INTO outbox (key, target, body, made_at) VALUES (?1, ?2, ?3, ?4)";
            for message in messages {
                let row = params![message.key, message.target, message.body, now.unix()];
                transaction.execute(sql, row)?;
            }
            for what in told {
                let sql = "INSERT OR IGNORE INTO told (target, what, at) VALUES (?1, ?2, ?3)";
                transaction.execute(sql, params![target, what, now.unix()])?;
            }
            let old = now.unix() - KEPT_DAYS * 86_400;
            transaction.execute("DELETE FROM told WHERE at < ?1", [old])?;
            let sql = "DELETE FROM outbox WHERE made_at < ?1 AND sent_at IS NOT NULL";
            transaction.execute(sql, [old])?;
            transaction.commit()
        };
        let written = write();
        self.told(written)
    }

    /// Messages that were not taken yet, the oldest first.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn queued(&self) -> Result<Vec<QueuedMessage>, MemoryError> {
        let sql = "SELECT key, target, body, made_at, tries, last_error FROM outbox
                   WHERE sent_at IS NULL ORDER BY made_at, key, target";
        let read = || {
            let mut statement = self.connection.prepare(sql)?;
            let rows = statement.query_map([], |row| {
                let tries: i64 = row.get(4)?;
                Ok(QueuedMessage {
                    message: OutboxMessage {
                        key: row.get(0)?,
                        target: row.get(1)?,
                        body: row.get(2)?,
                    },
                    made_at: UtcSecond::from_unix(row.get(3)?),
                    tries: u64::try_from(tries).unwrap_or_default(),
                    last_error: row.get(5)?,
                })
            })?;
            rows.collect()
        };
        self.told(read())
    }

    /// Says that a message was taken.
    ///
    /// # Errors
    ///
    /// When the database cannot be written.
    pub fn sent(&mut self, message: &OutboxMessage, now: UtcSecond) -> Result<(), MemoryError> {
        let sql = "UPDATE outbox SET sent_at = ?3, tries = tries + 1, last_error = NULL
                   WHERE key = ?1 AND target = ?2";
        let row = params![message.key, message.target, now.unix()];
        let written = self.connection.execute(sql, row).map(|_| ());
        self.told(written)
    }

    /// Says that a message was not taken, and why.
    ///
    /// # Errors
    ///
    /// When the database cannot be written.
    pub fn failed(&mut self, message: &OutboxMessage, why: &str) -> Result<(), MemoryError> {
        let sql =
            "UPDATE outbox SET tries = tries + 1, last_error = ?3 WHERE key = ?1 AND target = ?2";
        let row = params![message.key, message.target, why];
        let written = self.connection.execute(sql, row).map(|_| ());
        self.told(written)
    }
}
