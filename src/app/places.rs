//! Places that logs lie in, and what their keys begin with.

use crate::config::LogLocation;
use crate::local::key_of;
use crate::model::key::{is_below, is_in_s3};
use std::path::PathBuf;

/// The folders and files of this machine among them.
pub(super) fn paths(locations: &[LogLocation]) -> Vec<PathBuf> {
    let paths = locations.iter().filter_map(|location| match location {
        LogLocation::Path(path) => Some(path.clone()),
        LogLocation::S3(_) | LogLocation::LookupEvents { .. } => None,
    });
    paths.collect()
}

/// Returns true if any of them is in S3.
pub(super) fn has_s3(locations: &[LogLocation]) -> bool {
    let mut all = locations.iter();
    all.any(|location| matches!(location, LogLocation::S3(_)))
}

/// Returns the key prefixes of a location's objects, and of those that could not be listed there.
pub(super) fn roots(location: &LogLocation) -> Vec<String> {
    match location {
        LogLocation::Path(path) => vec![key_of(path).to_string()],
        LogLocation::S3(bucket) => vec![bucket.url.clone()],
        LogLocation::LookupEvents {
            account_id,
            regions,
            ..
        } => {
            let regions = regions.iter();
            regions
                .map(|region| format!("lookup-events://{account_id}/{region}"))
                .collect()
        }
    }
}

/// The same places under names that are the same from everywhere.
pub(super) fn canonical(locations: Vec<LogLocation>) -> Vec<LogLocation> {
    let whole = |path: PathBuf| path.canonicalize().unwrap_or(path);
    let named = locations.into_iter().map(|location| match location {
        LogLocation::Path(path) => LogLocation::Path(whole(path)),
        other => other,
    });
    named.collect()
}

/// Returns true if an object of this key may be read: it is in one of the places.
pub(super) fn is_in(places: &[LogLocation], key: &str) -> bool {
    place_of(places, key).is_some()
}

/// The place that a key is in: the one that says most of it.
pub(super) fn place_of<'a>(places: &'a [LogLocation], key: &str) -> Option<&'a LogLocation> {
    let is_local = !is_in_s3(key);
    // A place may itself be named from above; what is in it leads nowhere else.
    let leads_up = |root: &str| {
        let rest = key.get(root.len()..).unwrap_or_default();
        is_local && rest.split(['/', '\\']).any(|part| part == "..")
    };
    let said = |place: &LogLocation| {
        let roots = roots(place).into_iter();
        roots
            .filter(|root| is_below(key, root) && !leads_up(root))
            .map(|root| root.len())
            .max()
    };
    let with_said = places
        .iter()
        .filter_map(|place| Some((said(place)?, place)));
    with_said
        .max_by_key(|(said, _)| *said)
        .map(|(_, place)| place)
}
