//! Store selection, and the data in a store other than logs.

use super::failure::Failure;
use super::options::RunOptions;
use super::places;
use crate::config::Settings;
use crate::store::{Store, StoreError};
use etcetera::{BaseStrategy, choose_base_strategy};
use std::path::PathBuf;

/// The store's folder below the user's data folder.
const FOLDER: &str = "qs-audit";

/// The folder of the store: as asked, as configured, else below the user's data folder;
/// `None` where the user has none.
pub(super) fn root(options: &RunOptions, settings: &Settings) -> Option<PathBuf> {
    let asked = options.store.as_ref().or(settings.store.path.as_ref());
    if let Some(asked) = asked {
        return Some(asked.clone());
    }
    // Without a home folder there is nothing that is the user's own.
    std::env::var_os("HOME").filter(|home| !home.is_empty())?;
    let base = choose_base_strategy().ok()?;
    Some(base.data_dir().join(FOLDER))
}

/// The store that a run reads: the one there is, unless logs are named.
pub(super) fn in_use(options: &RunOptions, settings: &Settings) -> Result<Option<Store>, Failure> {
    if !options.logs.is_empty() {
        if options.store.is_some() {
            return Err(
                Failure::usage("--logs and --store cannot be used together here")
                    .hint("--logs reads log files, --store what `qs-audit collect` stored"),
            );
        }
        return Ok(None);
    }
    let Some(root) = root(options, settings) else {
        return Ok(None);
    };
    let is_named = options.store.is_some() || settings.store.path.is_some();
    let has_places = !settings.logs.is_empty() || !settings.engines.is_empty();
    let mut store = match Store::open(&root) {
        // Whose logs are in it cannot be told: those of this configuration are read.
        Err(StoreError::Older { .. }) if !is_named && has_places => return Ok(None),
        opened => opened?,
    };
    if !is_named
        && let Some(kept) = &mut store
        && has_places
        && settings
            .engines
            .iter()
            .all(|engine| engine.objects.is_some())
    {
        // The user's own store may be of other logs than this configuration's.
        let kept = kept.roots()?;
        let configured = places::canonical(settings.places().cloned().collect());
        let mut configured = configured.iter().flat_map(places::roots);
        if !configured.any(|root| kept.contains(&root)) {
            return Ok(None);
        }
    }
    if store.is_none() && options.store.is_some() {
        let message = format!("there is no store in {}", root.display());
        return Err(Failure::usage(message).hint("`qs-audit collect --store DIR` creates one"));
    }
    Ok(store)
}
