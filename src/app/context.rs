//! The context of one run: its current time, its configuration, its options, its store.

use super::engine_table::{EngineTable, SharedEngines};
use super::failure::Failure;
use super::notices::Notices;
use super::options::{CONFIG_FILE, RunOptions};
use super::rule_sets::rule_set;
use super::store_selection;
use crate::config::Settings;
use crate::model::time::UtcSecond;
use crate::store::{Store, StoreError, Writer};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// One run. The clock is read once, by the one who makes it; the store is opened once.
pub struct RunContext {
    /// The time that is taken for now.
    pub(crate) now: UtcSecond,
    /// The configuration.
    pub(crate) settings: Settings,
    /// The options of the run.
    pub(crate) options: RunOptions,
    /// The receiver of notices while the run goes on.
    pub(crate) notices: Box<dyn Notices>,
    store: OnceLock<Option<Mutex<Store>>>,
    /// Engines that logs are asked about, once they were.
    pub(super) engines: OnceLock<Vec<EngineTable>>,
    /// Engines whose statements are cancelled when the program is interrupted.
    pub(super) cancellable: OnceLock<SharedEngines>,
}

impl RunContext {
    /// Starts a run with the configuration that the options name, if there is one, with
    /// every option of every rule checked: a typo is an error whatever is done.
    ///
    /// # Errors
    ///
    /// When the configuration cannot be read, or is wrong.
    pub fn open(
        options: RunOptions,
        now: UtcSecond,
        notices: Box<dyn Notices>,
    ) -> Result<Self, Failure> {
        let settings = settings(options.config.as_deref())?;
        Ok(Self::with(settings, options, now, notices))
    }

    /// Starts a run with a configuration.
    #[must_use]
    pub fn with(
        settings: Settings,
        options: RunOptions,
        now: UtcSecond,
        notices: Box<dyn Notices>,
    ) -> Self {
        Self {
            now,
            settings,
            options,
            notices,
            store: OnceLock::new(),
            engines: OnceLock::new(),
            cancellable: OnceLock::new(),
        }
    }

    /// Returns the store that the run reads: the one there is, unless logs are named. It is
    /// opened at the first call.
    ///
    /// # Errors
    ///
    /// When it cannot be opened, or is named and not there.
    pub(crate) fn store(&self) -> Result<Option<&Mutex<Store>>, Failure> {
        if let Some(store) = self.store.get() {
            return Ok(store.as_ref());
        }
        let store = store_selection::in_use(&self.options, &self.settings)?.map(Mutex::new);
        Ok(self.store.get_or_init(|| store).as_ref())
    }

    /// Opens the store of a folder for writing; `waits` whether to wait for another run that writes.
    ///
    /// # Errors
    ///
    /// As [`Writer::open`].
    pub(super) fn write_store(&self, root: &Path, waits: bool) -> Result<Writer, StoreError> {
        let holder = format!("process {}, since {}", std::process::id(), self.now);
        Writer::open(root, &holder, waits, self.now)
    }

    /// Returns the store, locked.
    ///
    /// # Errors
    ///
    /// As [`Self::store`].
    pub(super) fn locked_store(&self) -> Result<Option<MutexGuard<'_, Store>>, Failure> {
        Ok(self.store()?.map(lock))
    }
}

/// Locks a store. That a thread panicked with it changes nothing: it is only read.
pub(super) fn lock(store: &Mutex<Store>) -> MutexGuard<'_, Store> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

fn settings(named: Option<&Path>) -> Result<Settings, Failure> {
    let settings = match named {
        Some(path) => Settings::load(path)?,
        None if Path::new(CONFIG_FILE).exists() => Settings::load(Path::new(CONFIG_FILE))?,
        None => return Ok(Settings::default()),
    };
    rule_set(&settings, &BTreeSet::new())?;
    Ok(settings)
}
