//! Logs as options and configuration name them: local, in S3, or looked up.

use super::context::RunContext;
use super::engine_table::EngineTable;
use super::engines::{self, location_of};
use super::failure::Failure;
use super::places::{self, has_s3, paths, place_of};
pub(super) use super::will_read::{ALL, NONE, WillRead};
use crate::config::{EngineSettings, LogLocation, S3Settings};
use crate::local::LocalLogs;
use crate::model::window::TimeWindow;
use crate::ports::{LogSource, Sources};
use std::collections::BTreeMap;
use std::path::PathBuf;

pub(super) use remote::key_source;
#[cfg(feature = "aws")]
pub(super) use remote::s3;

/// Returns the locations of the logs: from the command line, else from the configuration.
pub(super) fn locations(context: &RunContext) -> Result<Vec<LogLocation>, Failure> {
    let engines = engines::opened(context)?
        .iter()
        .map(|table| table.objects.clone());
    if !context.options.logs.is_empty() {
        let logs = context.options.logs.iter();
        let asked = logs.filter(|logs| EngineSettings::of_url(logs).is_none());
        let asked = asked.map(|logs| location_of(context, logs));
        return Ok(asked.chain(engines).collect());
    }
    if context.settings.logs.is_empty() && context.settings.engines.is_empty() {
        return Err(Failure::usage("no logs to read").hint(
            "set a folder or s3://bucket/prefix with --logs, or [[logs]] in qs-audit.toml; `qs-audit demo` needs neither",
        ));
    }
    Ok(context
        .settings
        .logs
        .iter()
        .cloned()
        .chain(engines)
        .collect())
}

/// Lists all of them. One that cannot be reached is a gap, unless nothing else is left.
pub(super) fn open(
    context: &RunContext,
    locations: &[LogLocation],
    window: &TimeWindow,
    will_read: WillRead<'_>,
) -> Result<Sources, Failure> {
    open_each(context, &in_window(locations, window), will_read)
}

/// A location, and the window that is looked at there.
pub(super) type LocationWindow<'a> = (&'a LogLocation, TimeWindow);

/// Locations that are looked at in one window.
fn in_window<'l>(locations: &'l [LogLocation], window: &TimeWindow) -> Vec<LocationWindow<'l>> {
    let locations = locations.iter();
    locations.map(|location| (location, *window)).collect()
}

/// Lists each in a window of its own. What engines have tables of is asked about.
pub(super) fn open_each(
    context: &RunContext,
    places: &[LocationWindow<'_>],
    will_read: WillRead<'_>,
) -> Result<Sources, Failure> {
    let engines = engines::opened(context)?;
    // Places of one table are listed together: they may overlap.
    let mut groups: Vec<(Option<usize>, Vec<LocationWindow<'_>>)> = Vec::new();
    for place in places {
        let table = engines.iter().position(|table| table.is_of(place.0));
        add_to(&mut groups, table, [*place]);
    }
    let mut sources = Sources::default();
    let (mut is_any, mut failed) = (false, None);
    for (table, group) in groups {
        match listed(context, table.map(|at| &engines[at]), &group, will_read) {
            Ok(logs) => {
                is_any = true;
                sources.add(logs);
            }
            Err(failure) => {
                let roots = group
                    .iter()
                    .flat_map(|(location, _)| places::roots(location));
                let roots: Vec<String> = roots.collect();
                sources.add_failed(roots.join(", ").into(), failure.message.clone());
                failed.get_or_insert(failure);
            }
        }
    }
    match failed {
        Some(failure) if !is_any => Err(failure),
        _ => Ok(sources),
    }
}

/// Lists places; of those of a table, its engine is asked.
fn listed(
    context: &RunContext,
    table: Option<&EngineTable>,
    places: &[LocationWindow<'_>],
    will_read: WillRead<'_>,
) -> Result<Box<dyn LogSource>, Failure> {
    let (Some(table), Some((_, window))) = (table, places.first()) else {
        return Ok(Box::new(list(context, places, will_read)?));
    };
    // Nothing is brought before it is known what has to be read.
    let logs = list(context, places, NONE)?;
    let logs = table.indexed(context, Box::new(logs), window, will_read)?;
    Ok(Box::new(logs))
}

/// Lists locations, without asking engines.
pub(super) fn list_of(
    context: &RunContext,
    locations: &[LogLocation],
    window: &TimeWindow,
) -> Result<Sources, Failure> {
    list(context, &in_window(locations, window), NONE)
}

/// Lists each in a window of its own.
fn list(
    context: &RunContext,
    places: &[LocationWindow<'_>],
    will_read: WillRead<'_>,
) -> Result<Sources, Failure> {
    let mut sources = Sources::default();
    let mut local: Vec<(TimeWindow, Vec<PathBuf>)> = Vec::new();
    for (location, window) in places {
        if let LogLocation::Path(path) = location {
            add_to(&mut local, *window, [path.clone()]);
        }
    }
    for (window, paths) in &local {
        let measure = context.notices.is_watched();
        let mut stdin = std::io::stdin();
        let local = LocalLogs::open(paths, window, &mut stdin, measure);
        let local = local.map_err(|error| match Failure::from(error) {
            // No one gave an option.
            failure if context.options.logs.is_empty() => {
                failure.hint("[[logs]] path in qs-audit.toml takes a folder or a file")
            }
            failure => failure,
        })?;
        sources.add(Box::new(local));
    }
    let is_remote = |(location, _): &LocationWindow<'_>| !matches!(location, LogLocation::Path(_));
    if places.iter().any(is_remote) {
        remote::open(context, places, will_read, &mut sources)?;
    }
    Ok(sources)
}

/// Adds items to those that have the same key.
fn add_to<K: PartialEq, T>(
    groups: &mut Vec<(K, Vec<T>)>,
    key: K,
    items: impl IntoIterator<Item = T>,
) {
    match groups.iter_mut().find(|(known, _)| *known == key) {
        Some((_, group)) => group.extend(items),
        None => groups.push((key, items.into_iter().collect())),
    }
}

/// Lists the digests next to the logs of all of them. Events that are looked up have
/// none.
pub(super) fn digests(
    context: &RunContext,
    locations: &[LogLocation],
    window: &TimeWindow,
) -> Result<Sources, Failure> {
    let mut sources = Sources::default();
    let paths = paths(locations);
    sources.add(Box::new(LocalLogs::digests(&paths, window)));
    if has_s3(locations) {
        remote::digests(context, locations, window, &mut sources)?;
    }
    Ok(sources)
}

/// Returns the objects that were read before under these keys: a source for each place
/// that they are in, which tells the keys that it has. A key outside the places is not
/// looked for: the one who may write into a store could have put it there.
pub(super) fn of_keys(
    places: &[LogLocation],
    keys: &[String],
) -> Result<Vec<Box<dyn LogSource>>, Failure> {
    let mut files: Vec<&str> = Vec::new();
    let mut buckets: BTreeMap<&S3Settings, Vec<&str>> = BTreeMap::new();
    for key in keys {
        match place_of(places, key) {
            Some(LogLocation::Path(_)) => files.push(key),
            Some(LogLocation::S3(bucket)) => buckets.entry(bucket).or_default().push(key),
            Some(LogLocation::LookupEvents { .. }) | None => {}
        }
    }
    let mut sources: Vec<Box<dyn LogSource>> = Vec::new();
    if !files.is_empty() {
        sources.push(Box::new(LocalLogs::of_keys(&files)));
    }
    for (bucket, keys) in buckets {
        sources.push(remote::of_keys(bucket, &keys)?);
    }
    Ok(sources)
}

#[cfg(not(feature = "aws"))]
mod remote {
    use super::{Failure, LogLocation, RunContext, Sources, TimeWindow};

    pub(super) fn open(
        _context: &RunContext,
        _places: &[super::LocationWindow<'_>],
        _will_read: super::WillRead<'_>,
        _sources: &mut Sources,
    ) -> Result<(), Failure> {
        Err(without_aws())
    }

    pub(super) fn digests(
        _context: &RunContext,
        _locations: &[LogLocation],
        _window: &TimeWindow,
        _sources: &mut Sources,
    ) -> Result<(), Failure> {
        Err(without_aws())
    }

    pub(in crate::app) fn key_source(
        _locations: &[LogLocation],
    ) -> Result<Box<dyn crate::ports::KeySource>, Failure> {
        Err(without_aws())
    }

    pub(super) fn of_keys(
        _place: &super::S3Settings,
        _keys: &[&str],
    ) -> Result<Box<dyn super::LogSource>, Failure> {
        Err(without_aws())
    }

    fn without_aws() -> Failure {
        Failure::usage("this program was built without AWS access")
            .hint("copy the logs with `aws s3 sync`, or build it with the feature aws")
    }
}

#[cfg(feature = "aws")]
mod remote {
    use super::{
        ALL, Failure, LocationWindow, LogLocation, RunContext, S3Settings, Sources, TimeWindow,
        WillRead, add_to,
    };
    use crate::app::aws_access::access;
    use crate::app::notices::ListingProgress;
    use crate::aws::{
        Aws, AwsError, AwsErrorKind, LOOKUP_EVERY, LookupLogs, LookupPlace, PublicKeyLookup,
        S3Location, S3Logs,
    };
    use crate::ports::{KeySource, ListingWatcher, Version};
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicUsize, Ordering};

    pub(super) fn open(
        context: &RunContext,
        places: &[LocationWindow<'_>],
        will_read: WillRead<'_>,
        sources: &mut Sources,
    ) -> Result<(), Failure> {
        let aws = Aws::new()?;
        let is_other = places
            .iter()
            .any(|(location, _)| !matches!(location, LogLocation::S3(_)));
        let mut buckets = Vec::new();
        let mut lookups: Vec<(TimeWindow, Vec<LookupPlace>)> = Vec::new();
        for (location, window) in places {
            match location {
                LogLocation::Path(_) => {}
                LogLocation::S3(bucket) => buckets.push((bucket, s3(bucket)?, *window)),
                LogLocation::LookupEvents {
                    account_id,
                    regions,
                    role,
                } => {
                    let own = regions.iter().map(|region| LookupPlace {
                        account_id: account_id.to_string(),
                        access: access(role, Some(region)),
                    });
                    add_to(&mut lookups, *window, own);
                }
            }
        }
        let (is_bucket, failed) = list(context, &aws, &buckets, will_read, sources)?;
        for (window, places) in lookups {
            let logs = LookupLogs::open(&aws, &places, &window, context.now, LOOKUP_EVERY);
            sources.add(Box::new(logs));
        }
        match failed {
            Some(error) if !is_bucket && !is_other => Err(error.into()),
            _ => Ok(()),
        }
    }

    pub(super) fn digests(
        context: &RunContext,
        locations: &[LogLocation],
        window: &TimeWindow,
        sources: &mut Sources,
    ) -> Result<(), Failure> {
        let aws = Aws::new()?;
        let mut buckets = Vec::new();
        for location in locations {
            if let LogLocation::S3(bucket) = location {
                buckets.push((bucket, s3(bucket)?.digests(), *window));
            }
        }
        list(context, &aws, &buckets, ALL, sources)?;
        Ok(())
    }

    /// Buckets that are listed at the same time.
    const BUCKETS_AT_ONCE: usize = 16;

    /// A bucket as it was named, how to reach it, and the window that is looked at there.
    type Bucket<'a> = (&'a S3Settings, S3Location, TimeWindow);

    /// Lists buckets, many at a time, and adds them in their order. Tells whether any could
    /// be listed, and what was the matter with the first that could not.
    fn list(
        context: &RunContext,
        aws: &Aws,
        buckets: &[Bucket<'_>],
        will_read: WillRead<'_>,
        sources: &mut Sources,
    ) -> Result<(bool, Option<AwsError>), Failure> {
        let progress = context.notices.listing();
        let next = AtomicUsize::new(0);
        let listed: Vec<OnceLock<Result<S3Logs, AwsError>>> =
            buckets.iter().map(|_| OnceLock::new()).collect();
        std::thread::scope(|scope| {
            for _ in 0..buckets.len().min(BUCKETS_AT_ONCE) {
                scope.spawn(|| {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some((named, location, window)) = buckets.get(at) else {
                            break;
                        };
                        let watcher = Watcher {
                            progress: &*progress,
                            named: &named.url,
                            will_read,
                        };
                        let logs = S3Logs::open(aws, location.clone(), window, &watcher);
                        let _ = listed[at].set(logs);
                    }
                });
            }
        });
        drop(progress);
        let (mut is_any, mut failed) = (false, None);
        for ((named, ..), logs) in buckets.iter().zip(listed) {
            match logs.into_inner() {
                Some(Ok(logs)) => {
                    is_any = true;
                    sources.add(Box::new(logs));
                }
                Some(Err(error)) if error.kind == AwsErrorKind::Credentials => {
                    return Err(error.into());
                }
                Some(Err(error)) => {
                    sources.add_failed(named.url.as_str().into(), error.to_string());
                    failed.get_or_insert(error);
                }
                None => {}
            }
        }
        Ok((is_any, failed))
    }

    /// Shows how far a bucket's listing is, and says what of it will be read.
    struct Watcher<'a> {
        progress: &'a dyn ListingProgress,
        named: &'a str,
        will_read: WillRead<'a>,
    }

    impl ListingWatcher for Watcher<'_> {
        fn listed(&self, objects: usize) {
            self.progress.listed(self.named, objects);
        }

        fn will_read(&self, key: &str, version: &Version) -> bool {
            (self.will_read)(key, version)
        }
    }

    /// Returns the source of public keys: CloudTrail, with the access of the first bucket.
    pub(in crate::app) fn key_source(
        locations: &[LogLocation],
    ) -> Result<Box<dyn KeySource>, Failure> {
        let mut roles = locations.iter().filter_map(|location| match location {
            LogLocation::S3(bucket) => Some(access(&bucket.role, None)),
            LogLocation::Path(_) | LogLocation::LookupEvents { .. } => None,
        });
        let access = roles.next().unwrap_or_default();
        Ok(Box::new(PublicKeyLookup::new(Aws::new()?, access)))
    }

    /// Objects of one bucket by their keys, read as its location says.
    pub(super) fn of_keys(
        place: &S3Settings,
        keys: &[&str],
    ) -> Result<Box<dyn super::LogSource>, Failure> {
        let location = s3(place)?;
        let own = format!("s3://{}/", location.bucket);
        let keys: Vec<&str> = keys
            .iter()
            .filter_map(|key| key.strip_prefix(&own))
            .collect();
        Ok(Box::new(S3Logs::of_keys(&Aws::new()?, location, &keys)))
    }

    /// A place in a bucket, and how it is reached.
    pub(in crate::app) fn s3(bucket: &S3Settings) -> Result<S3Location, Failure> {
        let location = S3Location::parse(&bucket.url).ok_or_else(|| {
            Failure::usage(format!("{:?} names no bucket", bucket.url))
                .hint("write s3://bucket or s3://bucket/prefix")
        })?;
        Ok(S3Location {
            access: access(&bucket.role, bucket.region.as_deref()),
            expected_bucket_owner: bucket.expected_bucket_owner.clone(),
            requester_pays: bucket.requester_pays,
            accounts: bucket.accounts.clone(),
            regions: bucket.regions.clone(),
            ..location
        })
    }
}
