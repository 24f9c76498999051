//! Runs the statements of an index. An object that a statement fails at is left out, and read by this
//! program; so is whatever no statement answers for.

use super::answer::Answer;
use super::slices::TableObjects;
use super::table::LogTable;
use crate::model::indexed::IndexedObject;
use crate::model::window::TimeWindow;
use crate::ports::{EngineError, EngineErrorKind, SqlEngine};
use hashbrown::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Objects that are left out of one statement, one after the other; beyond them the statement is halved.
const EXCLUDED_MAX: usize = 8;
/// The number of times that one statement is tried, where trying again may help.
const TRIES_MAX: u32 = 3;

/// What an engine knows of objects.
#[derive(Debug, Default)]
pub struct Index {
    /// Objects without a relevant record, by their positions.
    pub objects: HashMap<u32, IndexedObject>,
    /// Paths of objects that the engine cannot read.
    pub unreadable: Vec<String>,
    /// Why objects were not asked about again, and how many.
    pub given_up: Vec<(EngineError, usize)>,
}

/// Watches an index being made.
pub trait IndexWatcher: Sync {
    /// So many of all objects were asked about.
    fn asked(&self, objects: usize, all: usize);
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
    let run = IndexRun {
        engine,
        table,
        window,
        index: Mutex::default(),
        refused: Mutex::default(),
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
        match engine.run(statement, &mut |row| made.extend(of_row(row))) {
            Ok(()) => return Ok(made),
            Err(error) if error.kind == EngineErrorKind::Passing && tries < TRIES_MAX => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

struct IndexRun<'a> {
    engine: &'a dyn SqlEngine,
    table: &'a LogTable,
    window: &'a TimeWindow,
    index: Mutex<Index>,
    refused: Mutex<Option<EngineError>>,
}

impl IndexRun<'_> {
    fn is_refused(&self) -> bool {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.is_some()
    }

    fn change(&self, change: impl FnOnce(&mut Index)) {
        change(&mut self.index.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn slice(&self, slice: &[(u32, String)]) {
        let mut excluded: Vec<&str> = Vec::new();
        loop {
            if excluded.len() == slice.len() {
                return;
            }
            let statement = self.table.index(slice, &excluded, self.window);
            let error = match rows(self.engine, &statement, &Answer::of) {
                Ok(answers) => return self.take(slice, answers),
                Err(error) => error,
            };
            match error.kind {
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
                            self.change(|index| index.unreadable.push(path.to_owned()));
                            excluded.push(path);
                        }
                        _ => return self.halves(slice, &excluded, error),
                    }
                }
            }
        }
    }

    /// Asks about the halves of a slice, each by itself.
    fn halves(&self, slice: &[(u32, String)], excluded: &[&str], error: EngineError) {
        if slice.len() <= 1 {
            return self.give_up(error, slice.len());
        }
        let is_left = |(_, path): &&(u32, String)| !excluded.contains(&path.as_str());
        let left: Vec<(u32, String)> = slice.iter().filter(is_left).cloned().collect();
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

    fn take(&self, slice: &[(u32, String)], answers: Vec<Answer>) {
        let positions: HashMap<&str, u32> = slice
            .iter()
            .map(|(object, path)| (path.as_str(), *object))
            .collect();
        let known = answers.into_iter().filter_map(|answer| {
            let object = positions.get(answer.path.as_str())?;
            Some((*object, answer.indexed?))
        });
        let known: Vec<(u32, IndexedObject)> = known.collect();
        self.change(|index| index.objects.extend(known));
    }
}

/// The path among those of a slice that a message names. Of two that begin alike, the longer one.
fn named_in<'s>(slice: &'s [(u32, String)], message: &str) -> Option<&'s str> {
    let paths = slice.iter().map(|(_, path)| path.as_str());
    paths
        .filter(|path| message.contains(path))
        .max_by_key(|path| path.len())
}
