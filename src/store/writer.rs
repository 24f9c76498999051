//! Writing a collecting run to the store, each batch in one step.

use super::error::StoreError;
use super::events::{self, SegmentReader};
use super::folder::{Lock, StoreFolder, WrittenSegment};
use super::ledger::Ledger;
use super::number::count;
use super::revisions::{days_of, revise};
use super::segments::Segment;
use crate::event_list::list::VERSION as LIST_VERSION;
use crate::model::coverage::{Coverage, DayActivity, Reject, RejectReason, SeenKey};
use crate::model::event::{Detail, Event};
use crate::model::ids::QueryExecutionId;
use crate::model::key::is_below;
use crate::model::relevance::{RelevantSessions, SessionFingerprint};
use crate::model::text::Text;
use crate::model::time::{UtcDay, UtcSecond};
use crate::model::window::TimeWindow;
use crate::ports::{KeptEvent, Version};
use hashbrown::HashSet;
use jiff::civil::Date;
use rusqlite::{OptionalExtension, Transaction, params};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;

/// Days for which Fingerprints of sessions that were passed over are kept: files are delivered again
/// for 30 days (docs/cloudtrail-facts.md#object-keys).
pub(super) const MARKS_DAYS: i64 = 31;

/// Events that are given at once.
const EVENTS_AT_ONCE: usize = 20_000;

/// An object that was read, with what it holds.
#[derive(Debug)]
pub struct ReadObject {
    /// Its key.
    pub key: Text,
    /// The version of the object.
    pub version: Version,
    /// The day it was delivered, by its key.
    pub delivery_day: Option<Date>,
    /// Counts, rejects and sightings of it alone.
    pub coverage: Coverage,
    /// Events that matter in themselves.
    pub events: Vec<Event>,
    /// Calls of relevant role sessions.
    pub session_events: Vec<Event>,
    /// Fingerprints of role sessions whose calls were passed over.
    pub fingerprints: Vec<SessionFingerprint>,
}

/// The ledger's state of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerEntry {
    /// Nothing: it has to be read.
    New,
    /// This version was read.
    Read,
    /// Another version was read, or by another version of the event list.
    Changed,
}

/// The result of compaction and retention.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Days whose segments were put together.
    pub days: u64,
    /// Objects forgotten because they are older than what is kept.
    pub objects_forgotten: u64,
    /// Files removed that nothing names.
    pub files_removed: u64,
}

/// The store, open for writing. There is one at a time.
#[derive(Debug)]
pub struct Writer {
    pub(super) folder: StoreFolder,
    pub(super) ledger: Ledger,
    _lock: Lock,
    next_object: u32,
    /// Relevant ids that the ledger has.
    noted: HashSet<Text>,
    pub(super) now: UtcSecond,
}

impl Writer {
    /// Opens the store of a folder, made where need be. `holder` is what others read
    /// who find it locked; `waits` whether to wait for the one who holds it.
    ///
    /// # Errors
    ///
    /// When another run writes, the folder cannot be written, or a later program made
    /// the store.
    pub fn open(
        root: &Path,
        holder: &str,
        waits: bool,
        now: UtcSecond,
    ) -> Result<Self, StoreError> {
        let folder = StoreFolder::new(root);
        let lock = folder.lock(holder, waits)?;
        let mut ledger = Ledger::open_to_write(&folder)?;
        let named = ledger.segment_names()?;
        folder.sweep(&named)?;
        let last: Option<u32> = ledger.try_to(|ledger| {
            let sql = "SELECT max(id) FROM (SELECT max(id) AS id FROM objects
                       UNION ALL SELECT max(object) FROM superseded)";
            ledger.query_row(sql, [], |row| row.get(0))
        })?;
        Ok(Self {
            folder,
            ledger,
            _lock: lock,
            next_object: last.map_or(0, |last| last + 1),
            noted: HashSet::new(),
            now,
        })
    }

    /// Returns the state of an object in the ledger: read, new or changed.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn entry(&mut self, key: &str, version: &Version) -> Result<LedgerEntry, StoreError> {
        self.ledger.try_to(|ledger| {
            let sql = "SELECT tag = ?2 AND stored_bytes = ?3 AND list_version = ?4
                       FROM objects WHERE key = ?1";
            let mut statement = ledger.prepare_cached(sql)?;
            let wanted = params![key, &*version.tag, signed(version.bytes), LIST_VERSION];
            let is_same = statement.query_row(wanted, |row| row.get(0)).optional()?;
            Ok(match is_same {
                None => LedgerEntry::New,
                Some(true) => LedgerEntry::Read,
                Some(false) => LedgerEntry::Changed,
            })
        })
    }

    /// Notes that a run began, and gives its number.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be written.
    pub fn begin(&mut self, window: &TimeWindow) -> Result<i64, StoreError> {
        let now = self.now.unix();
        let bounds = (
            window.from.map(UtcSecond::unix),
            window.to.map(UtcSecond::unix),
        );
        self.ledger.try_to(|ledger| {
            let sql = "INSERT INTO runs (started_at, window_from, window_to, is_done, objects)
                       VALUES (?1, ?2, ?3, 0, 0)";
            ledger.execute(sql, params![now, bounds.0, bounds.1])?;
            Ok(ledger.last_insert_rowid())
        })
    }

    /// Notes that a run is done, and how many objects it read.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be written.
    pub fn finish(&mut self, run: i64, objects: u64) -> Result<(), StoreError> {
        self.ledger.try_to(|ledger| {
            let sql = "UPDATE runs SET is_done = 1, objects = ?2 WHERE id = ?1";
            ledger.execute(sql, params![run, signed(objects)])?;
            // What was interrupted has been made up for.
            ledger.execute("DELETE FROM runs WHERE is_done = 0", [])?;
            Ok(())
        })
    }

    /// The role sessions whose calls are kept so far.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn relevant(&mut self) -> Result<RelevantSessions, StoreError> {
        let rows = self
            .ledger
            .rows("SELECT id, is_role FROM relevant", &[], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?))
            })?;
        let mut relevant = RelevantSessions::default();
        for (id, is_role) in rows {
            let set = if is_role {
                &mut relevant.roles
            } else {
                &mut relevant.sessions
            };
            let id = Text::from(id);
            self.noted.insert(id.clone());
            set.insert(id);
        }
        Ok(relevant)
    }

    /// Gives events that matter in themselves, of the days from one to another, some at a time.
    ///
    /// # Errors
    ///
    /// When a segment cannot be read.
    pub fn for_each_event_between(
        &mut self,
        days: (UtcDay, UtcDay),
        each: &mut dyn FnMut(&[Event]),
    ) -> Result<(), StoreError> {
        let superseded = superseded(&mut self.ledger)?;
        let mut some = Vec::new();
        for named in self.ledger.segments("events", days)? {
            let wanted = |object: u32, _: UtcSecond| !superseded.contains(&object);
            let segment = Segment::open(&self.folder, &named)?;
            SegmentReader::default().read_segment(segment, &wanted, &mut |row| {
                if !row.is_of_session {
                    some.push(row.event);
                }
                if some.len() == EVENTS_AT_ONCE {
                    each(&some);
                    some.clear();
                }
            })?;
        }
        each(&some);
        Ok(())
    }

    /// Keys of objects in which calls of these sessions were passed over.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn passed_over(&mut self, relevant: &RelevantSessions) -> Result<Vec<String>, StoreError> {
        let fingerprints = relevant.fingerprints();
        let sql =
            "SELECT key, fingerprints FROM fingerprints JOIN objects ON id = object ORDER BY key";
        let holds = |stored: &[u8]| {
            let (numbers, _) = stored.as_chunks::<8>();
            let mut numbers = numbers.iter().map(|bytes| u64::from_le_bytes(*bytes));
            numbers.any(|number| fingerprints.contains(&SessionFingerprint::from_number(number)))
        };
        // Keys are kept only of those that are wanted: there may be a million others.
        let found = self.ledger.rows(sql, &[], |row| {
            let stored: Vec<u8> = row.get(1)?;
            let is_wanted = holds(&stored);
            is_wanted.then(|| row.get::<_, String>(0)).transpose()
        })?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Adds objects with all that they hold: segments first, then the ledger that
    /// names them, in one transaction. Gives how many were taken in.
    ///
    /// # Errors
    ///
    /// When something cannot be written. Then nothing of it counts.
    pub fn commit(
        &mut self,
        objects: Vec<ReadObject>,
        relevant: &RelevantSessions,
    ) -> Result<u64, StoreError> {
        let first = self.next_object;
        let mut rows = Vec::new();
        let mut entries = Vec::new();
        let mut gaps = Vec::new();
        let mut next = first;
        for mut object in objects {
            if let Some(why) = gap(&object.coverage) {
                gaps.push((object.key, why));
                continue;
            }
            let mut keep = |events: &mut Vec<Event>, is_of_session: bool| {
                for mut event in events.drain(..) {
                    event.place.object = next;
                    rows.push(KeptEvent {
                        event,
                        is_of_session,
                    });
                }
            };
            keep(&mut object.events, false);
            keep(&mut object.session_events, true);
            entries.push((next, object));
            next += 1;
        }
        let executions = executions(&rows);
        let times = rows.iter().map(|row| row.event.time);
        let mut revised: BTreeSet<UtcDay> = times.flat_map(days_of).collect();
        let segments = self.write_days(rows)?;
        let now = self.now;
        let noted = &self.noted;
        self.ledger.try_to(|ledger| {
            let transaction = ledger.transaction()?;
            let mut touched = HashSet::new();
            for (id, object) in &entries {
                let before = insert(&transaction, *id, object, now)?;
                // Its events reach a day further, to both sides.
                revised.extend(before.iter().flat_map(|day| [*day - 1, *day, *day + 1]));
                touched.insert(day_of(object));
            }
            for (day, written, rows) in &segments {
                name_segment(&transaction, "events", *day, written, count(*rows))?;
            }
            for (key, why) in &gaps {
                note_gap(&transaction, key, why, now)?;
            }
            for (id, account, region, day) in &executions {
                let sql = "INSERT OR IGNORE INTO executions (id, account, region, day, state)
                           VALUES (?1, ?2, ?3, ?4, 'pending')";
                transaction.execute(sql, params![id, account, region, day])?;
            }
            note_interest(&transaction, relevant, noted, now)?;
            revise(&transaction, &revised)?;
            for day in touched {
                sum_day(&transaction, day)?;
            }
            transaction.commit()
        })?;
        self.next_object = next;
        let ids = relevant.roles.iter().chain(&relevant.sessions);
        let new: Vec<Text> = ids
            .filter(|id| !self.noted.contains(*id))
            .cloned()
            .collect();
        self.noted.extend(new);
        Ok(u64::from(next - first))
    }

    /// Writes a segment for each day of events.
    fn write_days(
        &self,
        rows: Vec<KeptEvent>,
    ) -> Result<Vec<(UtcDay, WrittenSegment, usize)>, StoreError> {
        let mut segments = Vec::new();
        let mut days: Vec<(UtcDay, Vec<KeptEvent>)> = events::by_day(rows).into_iter().collect();
        days.sort_unstable_by_key(|(day, _)| *day);
        for (day, mut rows) in days {
            rows.sort_by_key(|row| row.event.place);
            segments.push((day, self.write_events(day, &rows)?, rows.len()));
        }
        Ok(segments)
    }

    pub(super) fn write_events(
        &self,
        day: UtcDay,
        rows: &[KeptEvent],
    ) -> Result<WrittenSegment, StoreError> {
        let bytes = events::write(rows).map_err(|message| StoreError::Segment {
            path: self.folder.root().to_owned(),
            message,
        })?;
        self.folder.write_segment(&starts("events", day), &bytes)
    }

    /// Notes what could not be listed, from when on.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be written.
    pub fn note_unlisted(
        &mut self,
        looked: &[Looked<'_>],
        failed: &[(Text, String)],
    ) -> Result<(), StoreError> {
        let now = self.now;
        self.ledger.try_to(|ledger| {
            let transaction = ledger.transaction()?;
            for (place, why) in failed {
                let holds = |one: &&Looked<'_>| is_below(place, one.place);
                let bounds = looked.iter().filter(holds).map(|one| one.bounds(now));
                let since = bounds.clone().map(|(from, _)| from).min().unwrap_or(0);
                let until = bounds.map(|(_, to)| to).max().unwrap_or(now.unix());
                let mut roots = looked.iter().filter(|one| !one.is_gap).filter(holds);
                let root = roots.next().map_or(&**place, |one| one.place);
                let sql = "INSERT INTO gaps (place, why, root, since, until)
                           VALUES (?1, ?2, ?3, ?4, ?5)
                           ON CONFLICT (place) DO UPDATE SET why = excluded.why,
                               since = min(since, excluded.since),
                               until = max(until, excluded.until)";
                transaction.execute(sql, params![&**place, why, root, since, until])?;
            }
            transaction.commit()
        })
    }

    /// Notes that all of some windows was collected, but for what could not be listed: what
    /// could not be listed before is forgotten where its time was read now. A window that
    /// leaves a hole behind what was collected before changes nothing: the next run fills
    /// it.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be written.
    pub fn cover(
        &mut self,
        looked: &[Looked<'_>],
        failed: &[(Text, String)],
    ) -> Result<(), StoreError> {
        let now = self.now;
        let failed: Vec<&str> = failed.iter().map(|(place, _)| &**place).collect();
        let failed = serde_json::Value::from(failed).to_string();
        self.ledger.try_to(|ledger| {
            let transaction = ledger.transaction()?;
            for one in looked {
                let (from, to) = one.bounds(now);
                if one.is_gap {
                    let sql = "DELETE FROM gaps WHERE place = ?1 AND since >= ?2
                               AND place NOT IN (SELECT value FROM json_each(?3))";
                    transaction.execute(sql, params![one.place, from, failed])?;
                    continue;
                }
                let sql = "DELETE FROM gaps WHERE root = ?1 AND since >= ?2 AND until <= ?3
                           AND place NOT IN (SELECT value FROM json_each(?4))";
                transaction.execute(sql, params![one.place, from, to, failed])?;
                let sql = "INSERT INTO roots (root, covered_from, covered_to)
                           VALUES (?1, ?2, ?3)
                           ON CONFLICT (root) DO UPDATE SET
                               covered_from = min(covered_from, excluded.covered_from),
                               covered_to = max(covered_to, excluded.covered_to)
                           WHERE excluded.covered_from <= covered_to
                               AND covered_from <= excluded.covered_to";
                transaction.execute(sql, params![one.place, from, to])?;
            }
            transaction.commit()
        })
    }

    /// The end of what was collected from a place; `None` where it is new.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn progress(&mut self, root: &str) -> Result<Option<UtcSecond>, StoreError> {
        let sql = "SELECT covered_to FROM roots WHERE root = ?1";
        let found = self.ledger.rows(sql, &[&root], |row| row.get(0))?;
        Ok(found.first().copied().map(UtcSecond::from_unix))
    }

    /// Returns the parts of a place that could not be listed and still cannot, each with its start.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn unlisted(&mut self, root: &str) -> Result<Vec<(String, UtcSecond)>, StoreError> {
        let sql = "SELECT place, since FROM gaps WHERE root = ?1 ORDER BY place";
        self.ledger.rows(sql, &[&root], |row| {
            Ok((row.get(0)?, UtcSecond::from_unix(row.get(1)?)))
        })
    }

    /// Keys of objects that were listed and could not be read.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn unread(&mut self) -> Result<Vec<String>, StoreError> {
        let sql = format!("SELECT place FROM gaps WHERE {IS_OBJECT} ORDER BY place");
        self.ledger.rows(&sql, &[], |row| row.get(0))
    }

    /// The version of an object that was read.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read, or does not know the object.
    pub fn version(&mut self, key: &str) -> Result<Version, StoreError> {
        self.ledger.try_to(|ledger| {
            let sql = "SELECT tag, stored_bytes FROM objects WHERE key = ?1";
            ledger.query_row(sql, [key], |row| {
                let (tag, bytes): (String, i64) = (row.get(0)?, row.get(1)?);
                Ok(Version {
                    tag: tag.into(),
                    bytes: bytes.try_into().unwrap_or_default(),
                })
            })
        })
    }

    /// Returns the day it is.
    #[must_use]
    pub fn today(&self) -> UtcDay {
        self.now.utc_day()
    }

    /// A value kept by name.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn fact(&mut self, name: &str) -> Result<Option<String>, StoreError> {
        self.ledger.fact(name)
    }

    /// Keeps a value by name.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be written.
    pub fn set_fact(&mut self, name: &str, value: &str) -> Result<(), StoreError> {
        self.ledger.try_to(|ledger| {
            let sql = "INSERT OR REPLACE INTO facts (name, value) VALUES (?1, ?2)";
            ledger.execute(sql, [name, value]).map(|_| ())
        })
    }
}

/// Names a segment in the ledger: from then on it counts.
pub(super) fn name_segment(
    transaction: &Transaction<'_>,
    kind: &str,
    day: UtcDay,
    written: &WrittenSegment,
    rows: i64,
) -> rusqlite::Result<()> {
    let sql = "INSERT OR IGNORE INTO segments (name, kind, day, rows, digest)
               VALUES (?1, ?2, ?3, ?4, ?5)";
    let WrittenSegment { name, digest } = written;
    transaction.execute(sql, params![name, kind, day, rows, digest])?;
    Ok(())
}

/// Returns the beginning of a segment's name.
pub(super) fn starts(kind: &str, day: UtcDay) -> String {
    match day.date() {
        Some(day) => format!("{kind}-{day}"),
        None => format!("{kind}-unknown"),
    }
}

/// Of a gap: whether it is an object that could not be read, and no place that could not be
/// listed.
pub(super) const IS_OBJECT: &str = "(root = place AND place NOT IN (SELECT root FROM roots))";

/// A place that was looked at, and the window of it.
#[derive(Debug, Clone, Copy)]
pub struct Looked<'a> {
    /// The key prefix of its objects.
    pub place: &'a str,
    /// The window that was looked at.
    pub window: TimeWindow,
    /// True if it is part of a place that was looked at from later on: it could not be listed
    /// before.
    pub is_gap: bool,
}

impl Looked<'_> {
    fn bounds(&self, now: UtcSecond) -> (i64, i64) {
        let from = self.window.from.map_or(0, UtcSecond::unix);
        (from, self.window.to.unwrap_or(now).unix())
    }
}

/// Objects read again since.
pub(super) fn superseded(ledger: &mut Ledger) -> Result<HashSet<u32>, StoreError> {
    let rows = ledger.rows("SELECT object FROM superseded", &[], |row| row.get(0))?;
    Ok(rows.into_iter().collect())
}

pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn day_of(object: &ReadObject) -> Option<UtcDay> {
    object.delivery_day.map(UtcDay::of)
}

/// Returns the reason why an object could not be fetched: the next run tries again.
fn gap(coverage: &Coverage) -> Option<String> {
    if coverage.objects_failed == 0 || coverage.bytes_read > 0 {
        return None;
    }
    let mut rejects = coverage.rejects.iter();
    let (.., examples) = rejects.find(|(reason, ..)| *reason == RejectReason::Unreadable)?;
    Some(examples.first()?.detail.clone())
}

/// Query executions that these events name, where they ran.
fn executions(rows: &[KeptEvent]) -> Vec<(String, String, String, UtcDay)> {
    let found = rows.iter().filter_map(|row| {
        let Detail::StartQuery(query) = &row.event.detail else {
            return None;
        };
        let account = row.event.recipient_account_id.as_deref()?;
        let id = query
            .query_execution_id
            .as_ref()
            .map(QueryExecutionId::to_string)?;
        let region = row.event.region.as_deref()?;
        Some((
            id,
            account.to_owned(),
            region.to_owned(),
            row.event.time.utc_day(),
        ))
    });
    found.collect()
}

/// Notes an object that could not be read, unless it was before.
fn note_gap(
    transaction: &Transaction<'_>,
    key: &str,
    why: &str,
    now: UtcSecond,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO gaps (place, why, root, since, until)
               SELECT ?1, ?2, ?1, ?3, ?3
               WHERE NOT EXISTS (SELECT 1 FROM objects WHERE key = ?1)
               ON CONFLICT (place) DO UPDATE SET why = excluded.why,
                   until = max(until, excluded.until)";
    transaction.execute(sql, params![key, why, now.unix()])?;
    Ok(())
}

/// Returns a row's activity of an account, a Region and a day.
fn seen_row(((account, region, day), seen): (&SeenKey, &DayActivity)) -> serde_json::Value {
    let day = UtcDay::of(*day).number();
    let (first, last) = (seen.first.unix(), seen.last.unix());
    json!([account, region, day, seen.records, first, last])
}

fn insert(
    transaction: &Transaction<'_>,
    id: u32,
    object: &ReadObject,
    now: UtcSecond,
) -> rusqlite::Result<Vec<UtcDay>> {
    let ReadObject {
        key,
        version,
        coverage,
        fingerprints,
        ..
    } = object;
    let before = supersede(transaction, key)?;
    let seen: Vec<_> = coverage.seen.iter().map(seen_row).collect();
    let passed_over = coverage.objects_passed_over.keys().next();
    let siblings: Vec<_> = coverage
        .records_of_siblings
        .iter()
        .map(|(sibling, count)| json!([sibling.as_str(), count]))
        .collect();
    let rejects: Vec<_> = coverage
        .rejects
        .iter()
        .map(|(reason, count, examples)| {
            let example = |reject: &Reject| json!([reject.record, reject.offset, reject.detail]);
            let examples: Vec<_> = examples.iter().map(example).collect();
            json!([reason.as_str(), count, examples])
        })
        .collect();
    let some = |list: Vec<serde_json::Value>| {
        (!list.is_empty()).then(|| serde_json::Value::Array(list).to_string())
    };
    let sql = "INSERT INTO objects (id, key, tag, stored_bytes, delivery_day, read_at,
                   inflated_bytes, records, rejected, unknown_version, is_failed, passed_over,
                   siblings, rejects, seen, list_version, notes)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,
                   ?17)";
    let mut statement = transaction.prepare_cached(sql)?;
    statement.execute(params![
        id,
        &**key,
        &*version.tag,
        signed(version.bytes),
        day_of(object),
        now.unix(),
        signed(coverage.bytes_inflated),
        signed(coverage.records),
        signed(coverage.records_rejected),
        signed(coverage.records_of_unknown_version),
        coverage.objects_failed > 0,
        passed_over.map(|sibling| sibling.as_str()),
        some(siblings),
        some(rejects),
        serde_json::Value::Array(seen).to_string(),
        LIST_VERSION,
        some(
            coverage
                .notes
                .iter()
                .map(|(note, _)| json!(**note))
                .collect()
        ),
    ])?;
    if !fingerprints.is_empty() {
        let stored: Vec<u8> = fingerprints
            .iter()
            .flat_map(|fingerprint| fingerprint.number().to_le_bytes())
            .collect();
        transaction.execute(
            "INSERT INTO fingerprints VALUES (?1, ?2)",
            params![id, stored],
        )?;
    }
    Ok(before)
}

/// Replaces an earlier version of an object: its events no longer count, and its errors are
/// cleared. Returns the days of its records.
fn supersede(transaction: &Transaction<'_>, key: &str) -> rusqlite::Result<Vec<UtcDay>> {
    let before: Option<u32> = transaction
        .query_row("SELECT id FROM objects WHERE key = ?1", [key], |row| {
            row.get(0)
        })
        .optional()?;
    let mut days_before = Vec::new();
    if let Some(before) = before {
        let days = "SELECT DISTINCT json_extract(value, '$[2]')
                    FROM objects, json_each(objects.seen) WHERE objects.id = ?1 ORDER BY 1";
        let mut statement = transaction.prepare_cached(days)?;
        let days = statement.query_map([before], |row| row.get::<_, UtcDay>(0))?;
        days_before = days.collect::<rusqlite::Result<_>>()?;
        let epoch = UtcDay::numbered(0);
        let first = days_before.first().copied().unwrap_or(epoch);
        let last = days_before.last().copied().unwrap_or(epoch);
        let sql = "INSERT OR IGNORE INTO superseded VALUES (?1, ?2, ?3)";
        transaction.execute(sql, params![before, first, last])?;
        transaction.execute("DELETE FROM fingerprints WHERE object = ?1", [before])?;
        transaction.execute("DELETE FROM objects WHERE id = ?1", [before])?;
    }
    transaction.execute("DELETE FROM gaps WHERE place = ?1", [key])?;
    Ok(days_before)
}

fn note_interest(
    transaction: &Transaction<'_>,
    relevant: &RelevantSessions,
    noted: &HashSet<Text>,
    now: UtcSecond,
) -> rusqlite::Result<()> {
    let sql = "INSERT OR IGNORE INTO relevant (id, is_role, day) VALUES (?1, ?2, ?3)";
    let mut statement = transaction.prepare_cached(sql)?;
    let today = now.utc_day();
    for (ids, is_role) in [(&relevant.roles, true), (&relevant.sessions, false)] {
        for id in ids.iter().filter(|id| !noted.contains(*id)) {
            statement.execute(params![&**id, is_role, today])?;
        }
    }
    Ok(())
}

/// Makes the sums of one day of delivery anew, from its objects.
pub(super) fn sum_day(transaction: &Transaction<'_>, day: Option<UtcDay>) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM days WHERE delivery_day IS ?1", [day])?;
    transaction.execute("DELETE FROM seen WHERE delivery_day IS ?1", [day])?;
    let sums = "INSERT INTO days
        SELECT delivery_day, count(*) FILTER (WHERE is_failed = 0 AND passed_over IS NULL),
            count(*) FILTER (WHERE is_failed = 1),
            coalesce((SELECT json_group_object(name, number) FROM
                (SELECT passed_over AS name, count(*) AS number FROM objects
                 WHERE delivery_day IS ?1 AND passed_over IS NOT NULL GROUP BY passed_over)), '{}'),
            sum(stored_bytes), sum(inflated_bytes), sum(records), sum(rejected),
            sum(unknown_version)
        FROM objects WHERE delivery_day IS ?1 GROUP BY delivery_day";
    transaction.prepare_cached(sums)?.execute([day])?;
    let seen = "INSERT INTO seen
        SELECT ?1, json_extract(value, '$[0]'), json_extract(value, '$[1]'),
            json_extract(value, '$[2]'), sum(json_extract(value, '$[3]')),
            min(json_extract(value, '$[4]')), max(json_extract(value, '$[5]'))
        FROM objects, json_each(objects.seen) WHERE delivery_day IS ?1
        GROUP BY 2, 3, 4";
    transaction.prepare_cached(seen)?.execute([day])?;
    Ok(())
}
