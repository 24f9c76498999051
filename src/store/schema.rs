//! The tables of the ledger, by version. A version that was ever released is never
//! changed: the next one changes what it made.

use super::error::StoreError;
#[cfg(test)]
use super::number::count;
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::path::Path;

/// The migrations: each version's changes to the one before.
const MIGRATIONS: [&str; 7] = [V1, V2, V3, V4, V5, V6, V7];

const V5: &str = "
-- Remarks on objects, which are no gaps: texts as a JSON list.
ALTER TABLE objects ADD COLUMN notes TEXT;
-- The terms of the code.
ALTER TABLE marks RENAME COLUMN marks TO fingerprints;
ALTER TABLE marks RENAME TO fingerprints;
ALTER TABLE interest RENAME TO relevant;
";

const V1: &str = "
-- One row for each object that was read, or of which nothing could be read.
CREATE TABLE objects (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    tag TEXT NOT NULL,
    stored_bytes INTEGER NOT NULL,
    -- Days since 1970-01-01, or -1 where the key does not tell.
    delivery_day INTEGER NOT NULL,
    read_at INTEGER NOT NULL,
    inflated_bytes INTEGER NOT NULL,
    records INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    unknown_version INTEGER NOT NULL,
    -- Why not, where nothing of it counts: 'failed', or the name of a sibling.
    is_failed INTEGER NOT NULL,
    passed_over TEXT,
    siblings TEXT,
    rejects TEXT,
    -- [[account, region, day, records, first, last], ...]
    seen TEXT NOT NULL
) STRICT;
CREATE INDEX objects_by_day ON objects (delivery_day);
CREATE INDEX objects_with_rejects ON objects (delivery_day) WHERE rejects IS NOT NULL;
CREATE INDEX objects_with_siblings ON objects (delivery_day) WHERE siblings IS NOT NULL;

-- Sums by day of delivery, so that no window needs every object.
CREATE TABLE days (
    delivery_day INTEGER PRIMARY KEY,
    objects INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    passed_over TEXT NOT NULL,
    stored_bytes INTEGER NOT NULL,
    inflated_bytes INTEGER NOT NULL,
    records INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    unknown_version INTEGER NOT NULL
) STRICT;
CREATE TABLE seen (
    delivery_day INTEGER NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    day INTEGER NOT NULL,
    records INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (delivery_day, account, region, day)
) STRICT, WITHOUT ROWID;

-- Parquet files that count.
CREATE TABLE segments (
    name TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    day INTEGER NOT NULL,
    rows INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX segments_by_day ON segments (kind, day);
-- Objects read again since: their rows in segments of these days no longer count.
CREATE TABLE superseded (
    object INTEGER PRIMARY KEY,
    first_day INTEGER NOT NULL,
    last_day INTEGER NOT NULL
) STRICT;

-- Role sessions whose calls are kept, and sessions whose calls were passed over.
CREATE TABLE interest (
    id TEXT PRIMARY KEY,
    is_role INTEGER NOT NULL,
    day INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE marks (object INTEGER PRIMARY KEY, marks BLOB NOT NULL) STRICT;

-- Places and objects that could not be read, and still cannot: from when on.
CREATE TABLE gaps (
    place TEXT PRIMARY KEY,
    why TEXT NOT NULL,
    root TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER NOT NULL
) STRICT;
-- Where logs come from, and what of it was collected.
CREATE TABLE roots (
    root TEXT PRIMARY KEY,
    covered_from INTEGER NOT NULL,
    covered_to INTEGER NOT NULL
) STRICT;

CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    started_at INTEGER NOT NULL,
    window_from INTEGER,
    window_to INTEGER,
    is_done INTEGER NOT NULL,
    objects INTEGER NOT NULL
) STRICT;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
";

const V2: &str = "
-- Query executions that logs name: whether Athena still has to be asked.
CREATE TABLE executions (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    day INTEGER NOT NULL,
    -- 'pending', 'known', 'unavailable'
    state TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX executions_by_state ON executions (state, day);

-- Pages of Cost Explorer: each was paid for.
CREATE TABLE cost_pages (
    question TEXT NOT NULL,
    first_day INTEGER NOT NULL,
    end_day INTEGER NOT NULL,
    page INTEGER NOT NULL,
    text TEXT NOT NULL,
    is_estimated INTEGER NOT NULL,
    asked_at INTEGER NOT NULL,
    PRIMARY KEY (question, first_day, end_day, page)
) STRICT, WITHOUT ROWID;

-- Lists of data sources and accounts, as text.
CREATE TABLE documents (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    text TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
";

const V3: &str = "
-- The SHA-256 of a segment's bytes, in hex.
ALTER TABLE segments ADD COLUMN digest TEXT;
";

const V4: &str = "
-- The day of delivery is null where an object's key does not tell it.
CREATE TABLE new_objects (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    tag TEXT NOT NULL,
    stored_bytes INTEGER NOT NULL,
    -- Days since 1970-01-01.
    delivery_day INTEGER,
    read_at INTEGER NOT NULL,
    inflated_bytes INTEGER NOT NULL,
    records INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    unknown_version INTEGER NOT NULL,
    -- Why not, where nothing of it counts: 'failed', or the name of a sibling.
    is_failed INTEGER NOT NULL,
    passed_over TEXT,
    siblings TEXT,
    rejects TEXT,
    -- [[account, region, day, records, first, last], ...]
    seen TEXT NOT NULL,
    -- The version of the event list that it was read by.
    list_version INTEGER NOT NULL
) STRICT;
INSERT INTO new_objects SELECT
    id, key, tag, stored_bytes, nullif(delivery_day, -1), read_at, inflated_bytes,
    records, rejected, unknown_version, is_failed, passed_over, siblings, rejects, seen, 1
    FROM objects;
DROP TABLE objects;
ALTER TABLE new_objects RENAME TO objects;
CREATE TABLE new_days (
    delivery_day INTEGER UNIQUE,
    objects INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    passed_over TEXT NOT NULL,
    stored_bytes INTEGER NOT NULL,
    inflated_bytes INTEGER NOT NULL,
    records INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    unknown_version INTEGER NOT NULL
) STRICT;
INSERT INTO new_days SELECT
    nullif(delivery_day, -1), objects, failed, passed_over, stored_bytes,
    inflated_bytes, records, rejected, unknown_version
    FROM days;
DROP TABLE days;
ALTER TABLE new_days RENAME TO days;
CREATE TABLE new_seen (
    delivery_day INTEGER,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    day INTEGER NOT NULL,
    records INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    UNIQUE (delivery_day, account, region, day)
) STRICT;
INSERT INTO new_seen SELECT
    nullif(delivery_day, -1), account, region, day, records, first, last
    FROM seen;
DROP TABLE seen;
ALTER TABLE new_seen RENAME TO seen;
CREATE INDEX objects_by_day ON objects (delivery_day);
CREATE INDEX objects_with_rejects ON objects (delivery_day) WHERE rejects IS NOT NULL;
CREATE INDEX objects_with_siblings ON objects (delivery_day) WHERE siblings IS NOT NULL;
CREATE INDEX objects_by_list_version ON objects (list_version);
";

const V6: &str = "
-- Objects of buckets that were taken as they were: bills, statistics, business units.
CREATE TABLE exports (
    url TEXT NOT NULL,
    -- Where it was listed.
    place TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    file TEXT NOT NULL,
    taken_at INTEGER NOT NULL,
    PRIMARY KEY (url, place)
) STRICT, WITHOUT ROWID;
";

const V7: &str = "
-- Records of days, which later runs read in place of the days' events.
CREATE TABLE day_records (
    day INTEGER PRIMARY KEY,
    -- Tells what it was made of from everything else.
    inputs TEXT NOT NULL,
    facts BLOB NOT NULL,
    events BLOB NOT NULL,
    tallies BLOB NOT NULL,
    queries BLOB NOT NULL
) STRICT;
-- How often what a day's record is made of has changed.
CREATE TABLE day_revisions (day INTEGER PRIMARY KEY, revision INTEGER NOT NULL) STRICT;
";

/// The version that this program reads and writes.
pub(super) const VERSION: i64 = 7;

/// Returns how the tables of a ledger differ from those of a version; `None` where they do
/// not.
pub(super) fn difference(
    connection: &Connection,
    version: i64,
) -> rusqlite::Result<Option<String>> {
    let model = Connection::open_in_memory()?;
    for (at, migration) in (0..).zip(MIGRATIONS) {
        if at < version {
            model.execute_batch(migration)?;
        }
    }
    let (found, wanted) = (objects(connection)?, objects(&model)?);
    let odd = found.iter().find(|object| !wanted.contains(object));
    let lacking = wanted.iter().find(|object| !found.contains(object));
    Ok(match (odd, lacking) {
        (Some((kind, name, _)), _) => Some(format!("unexpected or altered {kind} {name:?}")),
        (None, Some((kind, name, _))) => Some(format!("missing {kind} {name:?}")),
        (None, None) => None,
    })
}

/// A table, an index, or whatever else a ledger has: kind, name, and how it was made.
type SchemaObject = (String, String, Option<String>);

fn objects(connection: &Connection) -> rusqlite::Result<BTreeSet<SchemaObject>> {
    let sql = "SELECT type, name, sql FROM sqlite_schema";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    rows.collect()
}

/// The version of a ledger; 0 for one that is new.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Refuses a ledger for reading that an earlier program wrote.
pub(super) fn check_is_current(found: i64, root: &Path) -> Result<(), StoreError> {
    if found > 0 && found < VERSION {
        return Err(StoreError::Older {
            path: root.to_owned(),
            found,
            known: VERSION,
        });
    }
    check(found, root)
}

/// Refuses a ledger that a later program wrote.
pub(super) fn check(found: i64, root: &Path) -> Result<(), StoreError> {
    if found > VERSION {
        return Err(StoreError::Newer {
            path: root.to_owned(),
            found,
            known: VERSION,
        });
    }
    Ok(())
}

/// Brings a ledger up to this program's version, in one step.
pub(super) fn migrate(connection: &mut Connection, found: i64) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for (at, migration) in (0..VERSION).zip(MIGRATIONS) {
        if found <= at {
            transaction.execute_batch(migration)?;
        }
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

/// A ledger as an earlier version of this program left it: for tests.
///
/// # Errors
///
/// When it cannot be written.
#[cfg(test)]
fn make(path: &Path, version: usize) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    for migration in &MIGRATIONS[..version] {
        connection.execute_batch(migration)?;
    }
    connection.pragma_update(None, "user_version", count(version))?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::UtcSecond;
    use crate::model::window::TimeWindow;
    use crate::store::{Store, Writer};

    #[test]
    fn a_store_of_an_earlier_program_is_brought_up_to_date() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("segments")).unwrap();
        let old = make(&folder.path().join("ledger.sqlite"), 1).unwrap();
        old.execute_batch(
            "INSERT INTO objects VALUES (7, 'AWSLogs/f', 't', 9, 20000, 0, 90, 3, 0, 0, 0, NULL,
                 NULL, NULL, '[[\"111122223333\", \"us-east-1\", 20000, 3, 1728000000, 1728000009]]');
             INSERT INTO objects VALUES (8, 'f', 't', 9, -1, 0, 90, 2, 0, 0, 0, NULL,
                 NULL, NULL, '[[\"111122223333\", \"us-east-1\", 20000, 2, 1728000000, 1728000009]]');
             INSERT INTO days VALUES (20000, 1, 0, '{}', 9, 90, 3, 0, 0);
             INSERT INTO days VALUES (-1, 1, 0, '{}', 9, 90, 2, 0, 0);
             INSERT INTO seen VALUES (-1, '111122223333', 'us-east-1', 20000, 2, 1728000000, 1728000009);
             INSERT INTO seen VALUES (20000, '111122223333', 'us-east-1', 20000, 3, 1728000000, 1728000009);",
        )
        .unwrap();
        drop(old);
        // It is not read as it is: what it says is brought up to date by the next collect.
        let refused = Store::open(folder.path()).unwrap_err();
        assert!(matches!(refused, StoreError::Older { found: 1, .. }));
        let mut writer =
            Writer::open(folder.path(), "a test", false, UtcSecond::from_unix(0)).unwrap();
        assert_eq!(writer.pending().unwrap(), []);
        drop(writer);
        let mut store = Store::open(folder.path()).unwrap().unwrap();
        let known = store.remember(&TimeWindow::ALL).unwrap();
        assert_eq!(known.coverage.records, 5);
        assert_eq!(known.coverage.seen.len(), 1);
        assert_eq!(store.statistics(&TimeWindow::ALL).unwrap().told(), 0);
        assert_eq!(store.cost_pages().unwrap(), []);
        assert_eq!(store.documents("accounts").unwrap(), []);
        assert!(store.exports("s3://b/bills").unwrap().is_none());
        // What the key of an object does not date belongs to every window.
        let day = |day: i64| Some(UtcSecond::from_unix(day * 86_400));
        let later = TimeWindow {
            from: day(21_000),
            to: day(21_001),
        };
        assert_eq!(store.remember(&later).unwrap().coverage.records, 2);
        let told = store.remember(&later).unwrap().listing.failed;
        assert!(
            told[0].1.contains("which stored fewer events of athena"),
            "{told:?}"
        );
        // What an earlier list of events did not keep is told.
        let ledger = Connection::open(folder.path().join("ledger.sqlite")).unwrap();
        ledger
            .execute("UPDATE objects SET list_version = 0 WHERE id = 8", [])
            .unwrap();
        drop(ledger);
        let known = store.remember(&later).unwrap();
        let [(place, why)] = &known.listing.failed[..] else {
            panic!("{:?}", known.listing.failed);
        };
        assert_eq!(**place, *folder.path().to_string_lossy());
        assert!(
            why.starts_with("1 of its objects were read by an earlier version"),
            "{why}"
        );
        assert!(
            why.contains("stored fewer events of athena.amazonaws.com"),
            "{why}"
        );
        let ledger = Connection::open(folder.path().join("ledger.sqlite")).unwrap();
        assert_eq!(version(&ledger).unwrap(), VERSION);
        assert_eq!(count(MIGRATIONS.len()), VERSION);
    }
}
