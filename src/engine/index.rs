//! Runs the statements of an index. An object that a statement fails at is left out, and read by this
//! program; so is whatever no statement answers for.

use super::answer::{ObjectAnswer, SentRecords};
use super::line_table::LineTable;
use super::slices::{TableObject, TableObjects};
use super::table::LogTable;
use crate::model::coverage::Limits;
use crate::model::indexed::IndexedObject;
use crate::model::window::TimeWindow;
use crate::ports::{EngineError, EngineErrorKind, SqlEngine, StatementWatcher};
use hashbrown::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Objects that are left out of one statement, one after the other; beyond them the statement is halved.
const EXCLUDED_MAX: usize = 8;
/// The number of times that one statement is tried, where trying again may help.
const TRIES_MAX: u32 = 3;
/// Bytes of a statement that Athena bills at least (docs/cloudtrail-facts.md#bytes-scanned).
const STATEMENT_BYTES_MIN: u64 = 10_000_000;
/// How many times the bytes of all objects the statements of an index may scan together, retries
/// included: what is asked about beyond that is read by this program.
const SCANS_MAX: u64 = 3;
/// Bytes that statements may scan in any case: half a cent of Athena's.
const SCAN_BYTES_MIN: u64 = 1_000_000_000;

/// Bytes that a statement over objects is billed for.
fn statement_bytes(slice: &[TableObject]) -> u64 {
    let bytes: u64 = slice.iter().map(|object| object.bytes).sum();
    bytes.max(STATEMENT_BYTES_MIN)
}

/// The bytes that an index of objects scans, as an engine bills them: without retries, and at most.
#[must_use]
pub fn scanned_bytes(objects: &TableObjects) -> (u64, u64) {
    let once = objects
        .slices()
        .into_iter()
        .map(statement_bytes)
        .sum::<u64>();
    (once, once.saturating_mul(SCANS_MAX).max(SCAN_BYTES_MIN))
}

/// What an engine knows of objects.
#[derive(Debug, Default)]
pub struct Index {
    /// Objects that need not be read, by their positions.
    pub objects: HashMap<u32, IndexedObject>,
    /// Objects with a relevant record that the engine can send.
    pub relevant: HashMap<u32, IndexedObject>,
    /// The number of objects that the engine answered for.
    pub answered: usize,
    /// Paths of objects that the engine cannot read, with its message.
    pub unreadable: Vec<(String, String)>,
    /// Why objects were not asked about again, and how many.
    pub given_up: Vec<(EngineError, usize)>,
}

/// Watches an index being made.
pub trait IndexWatcher: Sync {
    /// So many of all objects were asked about.
    fn asked(&self, objects: usize, all: usize);

    /// The engine's word for how far a statement is, and the bytes that all have scanned.
    fn state(&self, state: &str, scanned_bytes: u64);
}

/// A watcher that does not look.
pub struct UnwatchedIndex;

impl IndexWatcher for UnwatchedIndex {
    fn asked(&self, _objects: usize, _all: usize) {}

    fn state(&self, _state: &str, _scanned_bytes: u64) {}
}

impl StatementWatcher for UnwatchedIndex {
    fn state(&self, _state: &str, _scanned_bytes: u64) {}
}

/// Watches one of several statements, and adds up what all of them scan.
struct OneOfSeveral<'a> {
    watcher: &'a dyn IndexWatcher,
    /// Bytes that all have scanned.
    all: &'a AtomicU64,
    /// Bytes that this one has scanned.
    own: AtomicU64,
}

impl StatementWatcher for OneOfSeveral<'_> {
    fn state(&self, state: &str, scanned_bytes: u64) {
        let before = self.own.fetch_max(scanned_bytes, Ordering::Relaxed);
        let added = scanned_bytes.saturating_sub(before);
        let all = self.all.fetch_add(added, Ordering::Relaxed) + added;
        self.watcher.state(state, all);
    }
}

/// Asks an engine about objects of a table.
///
/// # Errors
///
/// When the engine refuses to answer: no access, no such table.
pub fn index(
    engine: &dyn SqlEngine,
    table: &LogTable,
    objects: &TableObjects,
    window: &TimeWindow,
    watcher: &dyn IndexWatcher,
) -> Result<Index, EngineError> {
    let slices = objects.slices();
    let all = slices.iter().map(|slice| slice.len()).sum();
    let (_, scan_bytes_max) = scanned_bytes(objects);
    let run = IndexRun {
        watcher,
        scanned: AtomicU64::new(0),
        engine,
        table,
        window,
        index: Mutex::default(),
        refused: Mutex::default(),
        scan_bytes_max,
        bytes_left: Mutex::new(scan_bytes_max),
    };
    let (next, asked) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..engine.statements_at_once().clamp(1, slices.len().max(1)) {
            scope.spawn(|| {
                while let Some(slice) = slices.get(next.fetch_add(1, Ordering::Relaxed))
                    && !run.is_refused()
                {
                    run.slice(slice);
                    let before = asked.fetch_add(slice.len(), Ordering::Relaxed);
                    watcher.asked(before + slice.len(), all);
                }
            });
        }
    });
    let refused = run.refused.into_inner();
    if let Some(error) = refused.unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let index = run.index.into_inner();
    let mut index = index.unwrap_or_else(PoisonError::into_inner);
    index.unreadable.sort_unstable();
    Ok(index)
}

/// Asks an engine for the relevant records of objects that have some, and adds these to what need not be
/// read. What does not come, or not as expected, is read.
pub fn send(engine: &dyn SqlEngine, table: &LineTable, objects: &TableObjects, index: &mut Index) {
    for slice in objects.slices() {
        let by_path: HashMap<&str, u32> = slice
            .iter()
            .map(|object| (object.path.as_str(), object.object))
            .collect();
        let sent = match rows(engine, &table.records(slice), &SentRecords::of) {
            Ok(sent) => sent,
            Err(error) => {
                index.given_up.push((error, slice.len()));
                continue;
            }
        };
        for sent in sent {
            let object = by_path.get(sent.path.as_str());
            let known = object.and_then(|object| Some((*object, index.relevant.remove(object)?)));
            if let Some((object, indexed)) = known {
                let indexed = IndexedObject {
                    fingerprints: sent.fingerprints,
                    relevant: sent.records,
                    ..indexed
                };
                index.objects.insert(object, indexed);
            }
        }
    }
}

/// Counts the objects that an engine sees among those with text.
///
/// # Errors
///
/// When the engine does not answer.
pub fn count_seen(
    engine: &dyn SqlEngine,
    table: &LogTable,
    objects: &TableObjects,
) -> Result<u64, EngineError> {
    let mut seen = 0;
    for slice in objects.slices() {
        let with_text = slice.iter().filter(|object| object.bytes > 0);
        let paths: HashSet<&str> = with_text.map(|object| object.path.as_str()).collect();
        let of_row = |row: Vec<Option<String>>| row.into_iter().next().flatten();
        let told = rows(engine, &table.paths(slice), &of_row)?;
        seen += told
            .iter()
            .filter(|path| paths.contains(path.as_str()))
            .count() as u64;
    }
    Ok(seen)
}

/// Runs a statement, again where that may help, and returns what is made of its rows.
///
/// # Errors
///
/// When the statement does not come to its end.
pub fn rows<T>(
    engine: &dyn SqlEngine,
    statement: &str,
    of_row: &dyn Fn(Vec<Option<String>>) -> Option<T>,
) -> Result<Vec<T>, EngineError> {
    let mut tries = 1;
    loop {
        let mut made = Vec::new();
        match engine.run(statement, &UnwatchedIndex, &mut |row| {
            made.extend(of_row(row));
        }) {
            Ok(()) => return Ok(made),
            Err(error) if error.kind == EngineErrorKind::Passing && tries < TRIES_MAX => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

struct IndexRun<'a> {
    watcher: &'a dyn IndexWatcher,
    /// Bytes that all statements have scanned.
    scanned: AtomicU64,
    engine: &'a dyn SqlEngine,
    table: &'a LogTable,
    window: &'a TimeWindow,
    index: Mutex<Index>,
    refused: Mutex<Option<EngineError>>,
    /// Bytes that all statements together may scan.
    scan_bytes_max: u64,
    /// Stored bytes that may still be scanned.
    bytes_left: Mutex<u64>,
}

impl IndexRun<'_> {
    fn is_refused(&self) -> bool {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.is_some()
    }

    fn answers(&self, statement: &str) -> Result<Vec<ObjectAnswer>, EngineError> {
        let watcher = OneOfSeveral {
            watcher: self.watcher,
            all: &self.scanned,
            own: AtomicU64::new(0),
        };
        let mut answers = Vec::new();
        let run = self.engine.run(statement, &watcher, &mut |row| {
            answers.extend(ObjectAnswer::of(row));
        });
        run.map(|()| answers)
    }

    /// Takes what a statement over a slice scans from what may be scanned; `false` if that is too little.
    fn may_ask(&self, slice: &[TableObject]) -> bool {
        let bytes = statement_bytes(slice);
        let mut left = self
            .bytes_left
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let rest = left.checked_sub(bytes);
        *left = rest.unwrap_or(*left);
        rest.is_some() && self.scanned.load(Ordering::Relaxed) < self.scan_bytes_max
    }

    fn too_often(&self) -> EngineError {
        let name = self.engine.name();
        EngineError {
            message: format!("{name}: all statements have scanned as much as was said before"),
            kind: EngineErrorKind::Data,
        }
    }

    fn change(&self, change: impl FnOnce(&mut Index)) {
        change(&mut self.index.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn slice(&self, slice: &[TableObject]) {
        let mut excluded: Vec<&str> = Vec::new();
        let mut tries = 1;
        loop {
            if excluded.len() == slice.len() {
                return;
            }
            if !self.may_ask(slice) {
                return self.give_up(self.too_often(), slice.len());
            }
            let statement = self.table.index(slice, &excluded, self.window);
            let error = match self.answers(&statement) {
                Ok(answers) => return self.take(slice, answers),
                Err(error) => error,
            };
            match error.kind {
                EngineErrorKind::Passing if tries < TRIES_MAX => tries += 1,
                EngineErrorKind::Refused => {
                    let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
                    refused.get_or_insert(error);
                    return;
                }
                EngineErrorKind::Passing => return self.give_up(error, slice.len()),
                EngineErrorKind::Data => {
                    let named = named_in(slice, &error.message);
                    match named.filter(|path| !excluded.contains(path)) {
                        Some(path) if excluded.len() < EXCLUDED_MAX => {
                            self.change(|index| {
                                index.unreadable.push((path.to_owned(), error.message));
                            });
                            excluded.push(path);
                        }
                        _ => return self.halves(slice, &excluded, error),
                    }
                }
            }
        }
    }

    /// Asks about the halves of a slice, each by itself.
    fn halves(&self, slice: &[TableObject], excluded: &[&str], error: EngineError) {
        if slice.len() <= 1 {
            return self.give_up(error, slice.len());
        }
        let is_left = |object: &&TableObject| !excluded.contains(&object.path.as_str());
        let left: Vec<TableObject> = slice.iter().filter(is_left).cloned().collect();
        let (one, other) = left.split_at(left.len() / 2);
        for half in [one, other] {
            if !half.is_empty() && !self.is_refused() {
                self.slice(half);
            }
        }
    }

    fn give_up(&self, error: EngineError, objects: usize) {
        self.change(|index| index.given_up.push((error, objects)));
    }

    fn take(&self, slice: &[TableObject], answers: Vec<ObjectAnswer>) {
        let by_path: HashMap<&str, &TableObject> = slice
            .iter()
            .map(|object| (object.path.as_str(), object))
            .collect();
        let mut answered = 0;
        let known = answers.into_iter().filter_map(|answer| {
            let object = by_path.get(answer.path.as_str())?;
            answered += 1;
            // What inflates too far is refused by the decoder.
            let stored = usize::try_from(object.bytes).unwrap_or(usize::MAX);
            let limit = Limits::DEFAULT.inflated_bytes_max(stored) as u64;
            let is_within = object.bytes == 0 || answer.text_bytes <= limit;
            let indexed = answer.indexed.filter(|_| is_within)?;
            Some((answer.is_relevant, (object.object, indexed)))
        });
        let known: Vec<(bool, (u32, IndexedObject))> = known.collect();
        self.change(|index| {
            for (is_relevant, (object, indexed)) in known {
                let of = if is_relevant {
                    &mut index.relevant
                } else {
                    &mut index.objects
                };
                of.insert(object, indexed);
            }
            index.answered += answered;
        });
    }
}

/// The path among those of a slice that a message names. Of two that begin alike, the longer one.
fn named_in<'s>(slice: &'s [TableObject], message: &str) -> Option<&'s str> {
    let paths = slice.iter().map(|object| object.path.as_str());
    paths
        .filter(|path| message.contains(path))
        .max_by_key(|path| path.len())
}
