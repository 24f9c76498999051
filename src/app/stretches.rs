//! The time that a run of `collect` looks at: each location from the end of its own progress.
//!
//! A place that could not be listed is looked at again from where it first could not, by
//! itself: no other place is listed again for it.

use super::failure::Failure;
use super::places;
use super::sources::LocationWindow;
use crate::config::{LogLocation, S3Settings};
use crate::model::time::UtcSecond;
use crate::model::window::TimeWindow;
use crate::store::{Looked, Writer};
use std::collections::BTreeSet;

/// A stretch of time that is looked at in a place.
pub(super) struct Stretch {
    location: LogLocation,
    /// The key prefix of its objects.
    root: String,
    window: TimeWindow,
    /// True if it is below a place that is looked at from later on.
    is_gap: bool,
    /// True if there is anything to list: its own folder finds a gap again that is no longer a
    /// folder or a file.
    is_there: bool,
}

/// The stretches of a run.
pub(super) struct Stretches(Vec<Stretch>);

impl Stretches {
    /// All places in a window that was asked for.
    pub(super) fn asked(locations: &[LogLocation], window: TimeWindow) -> Self {
        let each = apart(locations).into_iter();
        Self(
            each.map(|(location, root)| Stretch {
                location,
                root,
                window,
                is_gap: false,
                is_there: true,
            })
            .collect(),
        )
    }

    /// Each place from so long before the end of what was collected of it, a new one in the
    /// usual window; and what could not be listed before from where it could not.
    pub(super) fn going_on(
        locations: &[LogLocation],
        writer: &mut Writer,
        usual: TimeWindow,
        look_back_seconds: i64,
        now: UtcSecond,
    ) -> Result<Self, Failure> {
        let mut all = Vec::new();
        for (location, root) in apart(locations) {
            let window = match writer.progress(&root)? {
                Some(last) => TimeWindow {
                    from: Some(last.plus(-look_back_seconds).min(now)),
                    to: usual.to,
                },
                None => usual,
            };
            for (place, since) in writer.unlisted(&root)? {
                let is_before = window.from.is_some_and(|from| since < from);
                let location = narrowed(&location, &root, &place);
                if let Some(is_there) = is_there(&location).filter(|_| is_before) {
                    all.push(Stretch {
                        location,
                        root: place,
                        window: TimeWindow {
                            from: Some(since),
                            to: window.from,
                        },
                        is_gap: true,
                        is_there,
                    });
                }
            }
            all.push(Stretch {
                location,
                root,
                window,
                is_gap: false,
                is_there: true,
            });
        }
        Ok(Self(all))
    }

    /// Returns the locations to look at, each with its window.
    pub(super) fn places(&self) -> Vec<LocationWindow<'_>> {
        let each = self.0.iter().filter(|stretch| stretch.is_there);
        each.map(|stretch| (&stretch.location, stretch.window))
            .collect()
    }

    /// Returns the stretches that were looked at, for the ledger.
    pub(super) fn looked(&self) -> Vec<Looked<'_>> {
        let each = self.0.iter();
        each.map(|stretch| Looked {
            place: &stretch.root,
            window: stretch.window,
            is_gap: stretch.is_gap,
        })
        .collect()
    }

    /// From the earliest beginning to the latest end, but for what is made up for.
    pub(super) fn window(&self) -> TimeWindow {
        let own = || self.0.iter().filter(|stretch| !stretch.is_gap);
        let earliest = own().map(|stretch| stretch.window.from).min().flatten();
        TimeWindow {
            from: earliest,
            to: own().filter_map(|stretch| stretch.window.to).max(),
        }
    }
}

/// Locations with one root each.
fn apart(locations: &[LogLocation]) -> Vec<(LogLocation, String)> {
    let mut all = Vec::new();
    let mut seen = BTreeSet::new();
    for location in locations {
        let parts = match location {
            LogLocation::LookupEvents {
                account_id,
                regions,
                role,
            } => {
                let each = regions.iter().map(|region| LogLocation::LookupEvents {
                    account_id: account_id.clone(),
                    regions: [region.clone()].into(),
                    role: role.clone(),
                });
                each.collect()
            }
            other => vec![other.clone()],
        };
        for part in parts {
            for root in places::roots(&part) {
                if seen.insert(root.clone()) {
                    all.push((part.clone(), root));
                }
            }
        }
    }
    all
}

/// Returns whether a gap can be listed: `None` where no one can say whether it is there.
fn is_there(gap: &LogLocation) -> Option<bool> {
    let LogLocation::Path(path) = gap else {
        return Some(true);
    };
    if path.is_dir() || path.is_file() {
        return Some(true);
    }
    // A link that leads nowhere is seen by its folder, and so is that it is gone.
    match path.symlink_metadata() {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => None,
        _ => Some(false),
    }
}

/// The location, no wider than a place in it.
fn narrowed(location: &LogLocation, root: &str, place: &str) -> LogLocation {
    match location {
        LogLocation::Path(_) if place != root => LogLocation::Path(place.into()),
        LogLocation::S3(bucket) => LogLocation::S3(S3Settings {
            url: place.to_owned(),
            ..bucket.clone()
        }),
        LogLocation::Path(_) | LogLocation::LookupEvents { .. } => location.clone(),
    }
}
