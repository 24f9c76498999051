//! Which store is meant, and what is kept in it besides logs.

use super::args::Global;
use super::failure::Failure;
use super::sources;
use crate::config::Settings;
use crate::store::{Store, StoreError};
use etcetera::{BaseStrategy, choose_base_strategy};
use std::path::PathBuf;

/// The store's folder below the user's data folder.
const FOLDER: &str = "qs-audit";

/// The folder of the store: as asked, as configured, else below the user's data folder;
/// `None` where the user has none.
pub(super) fn root(global: &Global, settings: &Settings) -> Option<PathBuf> {
    let asked = global.store.as_ref().or(settings.store.path.as_ref());
    if let Some(asked) = asked {
        return Some(asked.clone());
    }
    // Without a home folder there is nothing that is the user's own.
    std::env::var_os("HOME").filter(|home| !home.is_empty())?;
    let base = choose_base_strategy().ok()?;
    Some(base.data_dir().join(FOLDER))
}

/// The store that a run reads: the one there is, unless logs are named.
pub(super) fn in_use(global: &Global, settings: &Settings) -> Result<Option<Store>, Failure> {
    if !global.logs.is_empty() {
        if global.store.is_some() {
            return Err(
                Failure::usage("--logs and --store exclude each other here").hint(
                    "--logs reads logs themselves, --store what `qs-audit collect` kept of them",
                ),
            );
        }
        return Ok(None);
    }
    let Some(root) = root(global, settings) else {
        return Ok(None);
    };
    let mut store = Store::open(&root)?;
    let is_named = global.store.is_some() || settings.store.path.is_some();
    if !is_named
        && let Some(kept) = &mut store
        && !settings.logs.is_empty()
    {
        // The user's own store may be of other logs than this configuration's.
        let kept = kept.roots()?;
        let configured = sources::canonical(settings.logs.clone());
        let mut configured = configured.iter().flat_map(sources::roots);
        if !configured.any(|root| kept.contains(&root)) {
            return Ok(None);
        }
    }
    if store.is_none() && global.store.is_some() {
        let message = format!("there is no store in {}", root.display());
        return Err(Failure::usage(message).hint("`qs-audit collect --store DIR` makes one"));
    }
    Ok(store)
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let failure = match &error {
            StoreError::Newer { .. }
            | StoreError::Older { .. }
            | StoreError::Locked { .. }
            | StoreError::Foreign { .. }
            | StoreError::Planted { .. }
            | StoreError::ForeignLedger { .. } => Self::usage(error.to_string()),
            _ => Self::internal(error.to_string()),
        };
        match error {
            StoreError::Newer { .. } => {
                failure.hint("use the program that wrote it, or a later one")
            }
            StoreError::Older { .. } => {
                failure.hint("qs-audit collect brings it up to date; what it holds is kept")
            }
            StoreError::Foreign { .. } => {
                failure.hint("name a folder that is empty or not there yet: --store DIR")
            }
            StoreError::Planted { .. } | StoreError::ForeignLedger { .. } => failure.hint(
                "another program or user may have changed the store: find out why before you use \
                 it; then restore it from a backup, or move it away and collect again (query \
                 statistics and Cost Explorer pages in it are lost)",
            ),
            StoreError::Locked { .. } => failure.hint("--wait waits until it is done"),
            StoreError::Segment { .. } => failure.hint(
                "the file was changed or damaged: restore it, or remove the store's folder and \
                 collect again",
            ),
            StoreError::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                failure.hint("make room and run it again: what was kept so far counts")
            }
            _ => failure.hint("what was kept so far counts; run it again once this is mended"),
        }
    }
}
