//! The tables of the memory, by version. A version that was ever released is never changed.

use rusqlite::Connection;

/// The migrations: each version's changes to the one before.
const MIGRATIONS: [&str; 1] = [V1];

/// The version that this program reads and writes.
pub(super) const VERSION: i64 = 1;

/// Tells the database from others: `QSAM`.
pub(super) const APPLICATION_ID: i64 = 0x5153_414d;

const V1: &str = "
-- Windows that were evaluated. A bound is in seconds since 1970-01-01; a window without a beginning has null.
CREATE TABLE evaluated (
    id INTEGER PRIMARY KEY,
    window_from INTEGER,
    window_to INTEGER NOT NULL,
    -- Rules that ran, as a JSON list.
    rules TEXT NOT NULL,
    evaluated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX evaluated_by_window ON evaluated (window_to, coalesce(window_from, -9223372036854775808));

-- Findings of a window: found, suppressed ones too, or resolved.
CREATE TABLE observed (
    evaluated INTEGER NOT NULL REFERENCES evaluated (id) ON DELETE CASCADE,
    finding_id TEXT NOT NULL,
    incident_id TEXT NOT NULL,
    rule TEXT NOT NULL,
    severity TEXT NOT NULL,
    occurrence INTEGER NOT NULL,
    is_resolved INTEGER NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    title TEXT NOT NULL,
    detail TEXT NOT NULL,
    consumer_account_id TEXT,
    -- [[name, value], ...]
    subject TEXT NOT NULL,
    -- JSON lists.
    role_arns TEXT NOT NULL,
    evidence_keys TEXT NOT NULL,
    chain_ids TEXT NOT NULL,
    PRIMARY KEY (evaluated, finding_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX observed_by_incident ON observed (incident_id);
CREATE INDEX observed_by_finding ON observed (finding_id);

-- What people acknowledged: never changed but by undoing it.
CREATE TABLE acknowledged (
    id INTEGER PRIMARY KEY,
    finding_id TEXT NOT NULL,
    -- The incident that was named, if it was not the finding itself.
    incident_id TEXT,
    owner TEXT NOT NULL,
    note TEXT,
    -- A day: 2026-12-24.
    until TEXT NOT NULL,
    severity TEXT NOT NULL,
    occurrence INTEGER NOT NULL,
    made_at INTEGER NOT NULL,
    undone_at INTEGER
) STRICT;
CREATE INDEX acknowledged_by_finding ON acknowledged (finding_id);

-- Messages to send, and those that were sent.
CREATE TABLE outbox (
    -- What tells one message from all others: it is sent with it.
    key TEXT NOT NULL,
    -- The name of where it goes.
    target TEXT NOT NULL,
    body TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    sent_at INTEGER,
    last_error TEXT,
    PRIMARY KEY (key, target)
) STRICT, WITHOUT ROWID;
-- What each target was told, or will be: occurrences of findings.
CREATE TABLE told (
    target TEXT NOT NULL,
    what TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (target, what)
) STRICT, WITHOUT ROWID;
";

/// The version of a memory; 0 for one that is new.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings a memory up to this program's version, in one step.
pub(super) fn migrate(connection: &mut Connection, found: i64) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for (at, migration) in (0..VERSION).zip(MIGRATIONS) {
        if found <= at {
            transaction.execute_batch(migration)?;
        }
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}
