//! Logs as options and configuration name them: local, in S3, or looked up.

use super::args::Global;
use super::failure::Failure;
use super::progress;
use crate::config::{LogLocation, S3Settings, Settings};
use crate::local::{LocalLogs, key_of};
use crate::model::key::is_below;
use crate::model::window::TimeWindow;
use crate::ports::{LogSource, Sources};
use std::collections::BTreeMap;
use std::path::PathBuf;

#[cfg(feature = "aws")]
pub(super) use remote::access;
pub(super) use remote::key_source;

/// Where the logs are: as the command line says, else as configured.
pub(super) fn locations(global: &Global, settings: &Settings) -> Result<Vec<LogLocation>, Failure> {
    if !global.logs.is_empty() {
        let asked = global.logs.iter().map(|logs| location(global, logs));
        return Ok(asked.collect());
    }
    if settings.logs.is_empty() {
        return Err(Failure::usage("no logs to read").hint(
            "give a folder or s3://bucket/prefix with --logs, or [[logs]] in qs-audit.toml; \
             `qs-audit demo` needs neither",
        ));
    }
    Ok(settings.logs.clone())
}

fn location(global: &Global, logs: &str) -> LogLocation {
    if logs.starts_with("s3://") {
        LogLocation::S3(S3Settings {
            url: logs.to_owned(),
            requester_pays: global.requester_pays,
            ..S3Settings::default()
        })
    } else {
        LogLocation::Path(PathBuf::from(logs))
    }
}

/// Lists all of them. One that cannot be reached is a gap, unless nothing else is left.
pub(super) fn open(
    global: &Global,
    locations: &[LogLocation],
    window: &TimeWindow,
) -> Result<Sources, Failure> {
    let mut sources = Sources::default();
    let paths = paths(locations);
    if !paths.is_empty() {
        let measure = progress::is_wanted(global);
        let mut stdin = std::io::stdin();
        let local = LocalLogs::open(&paths, window, &mut stdin, measure)?;
        sources.add(Box::new(local));
    }
    if paths.len() < locations.len() {
        remote::open(global, locations, window, &mut sources)?;
    }
    Ok(sources)
}

/// The folders and files of this machine among them.
fn paths(locations: &[LogLocation]) -> Vec<PathBuf> {
    let paths = locations.iter().filter_map(|location| match location {
        LogLocation::Path(path) => Some(path.clone()),
        LogLocation::S3(_) | LogLocation::LookupEvents { .. } => None,
    });
    paths.collect()
}

/// Lists the digests beside the logs of all of them. Events that are looked up have
/// none.
pub(super) fn digests(
    global: &Global,
    locations: &[LogLocation],
    window: &TimeWindow,
) -> Result<Sources, Failure> {
    let mut sources = Sources::default();
    let paths = paths(locations);
    sources.add(Box::new(LocalLogs::digests(&paths, window)));
    if has_s3(locations) {
        remote::digests(global, locations, window, &mut sources)?;
    }
    Ok(sources)
}

/// Whether any of them is in S3.
pub(super) fn has_s3(locations: &[LogLocation]) -> bool {
    let mut all = locations.iter();
    all.any(|location| matches!(location, LogLocation::S3(_)))
}

/// What the keys of a location's objects, and of what could not be listed there, begin
/// with.
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

/// Returns the objects that were read before under these keys: a source for each place
/// that they are in, which tells the keys that it has. A key outside the places is not
/// looked for: whoever may write into a store could have put it there.
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

/// Whether an object of this key may be read: it is in one of the places.
pub(super) fn is_in(places: &[LogLocation], key: &str) -> bool {
    place_of(places, key).is_some()
}

/// The place that a key is in: the one that says most of it.
fn place_of<'a>(places: &'a [LogLocation], key: &str) -> Option<&'a LogLocation> {
    let is_local = !key.starts_with("s3://");
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

#[cfg(not(feature = "aws"))]
mod remote {
    use super::{Failure, Global, LogLocation, Sources, TimeWindow};

    pub(super) fn open(
        _global: &Global,
        _locations: &[LogLocation],
        _window: &TimeWindow,
        _sources: &mut Sources,
    ) -> Result<(), Failure> {
        Err(without_aws())
    }

    pub(super) fn digests(
        _global: &Global,
        _locations: &[LogLocation],
        _window: &TimeWindow,
        _sources: &mut Sources,
    ) -> Result<(), Failure> {
        Err(without_aws())
    }

    pub(in crate::cli) fn key_source(
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
    use super::{Failure, Global, LogLocation, S3Settings, Sources, TimeWindow};
    use crate::aws::{
        Access, Aws, AwsError, LOOKUP_EVERY, LookupLogs, LookupPlace, PublicKeyLookup, S3Location,
        S3Logs, Trouble,
    };
    use crate::cli::{inputs, progress};
    use crate::config::Role;
    use crate::ports::KeySource;

    pub(super) fn open(
        global: &Global,
        locations: &[LogLocation],
        window: &TimeWindow,
        sources: &mut Sources,
    ) -> Result<(), Failure> {
        let aws = Aws::new()?;
        let mut is_any = locations
            .iter()
            .any(|one| matches!(one, LogLocation::Path(_)));
        let mut failed: Vec<AwsError> = Vec::new();
        let mut places = Vec::new();
        let listing = progress::Listing::new(global);
        for location in locations {
            match location {
                LogLocation::Path(_) => {}
                LogLocation::S3(bucket) => {
                    let location = s3(bucket)?;
                    let on_listed = |objects| listing.listed(&bucket.url, objects);
                    match S3Logs::open(&aws, location, window, &on_listed) {
                        Ok(logs) => {
                            is_any = true;
                            sources.add(Box::new(logs));
                        }
                        Err(error) if error.kind == Trouble::Credentials => {
                            return Err(error.into());
                        }
                        Err(error) => {
                            sources.add_failed(bucket.url.as_str().into(), error.to_string());
                            failed.push(error);
                        }
                    }
                }
                LogLocation::LookupEvents {
                    account_id,
                    regions,
                    role,
                } => {
                    is_any = true;
                    places.extend(regions.iter().map(|region| LookupPlace {
                        account_id: account_id.to_string(),
                        access: access(role, Some(region)),
                    }));
                }
            }
        }
        if !places.is_empty() {
            let now = inputs::now(global)?;
            sources.add(Box::new(LookupLogs::open(
                &aws,
                &places,
                window,
                (now, LOOKUP_EVERY),
            )));
        }
        listing.finish();
        match failed.into_iter().next() {
            Some(error) if !is_any => Err(error.into()),
            _ => Ok(()),
        }
    }

    pub(super) fn digests(
        global: &Global,
        locations: &[LogLocation],
        window: &TimeWindow,
        sources: &mut Sources,
    ) -> Result<(), Failure> {
        let aws = Aws::new()?;
        let listing = progress::Listing::new(global);
        for location in locations {
            let LogLocation::S3(bucket) = location else {
                continue;
            };
            let digests = s3(bucket)?.digests();
            let on_listed = |objects| listing.listed(&bucket.url, objects);
            match S3Logs::open(&aws, digests, window, &on_listed) {
                Ok(digests) => sources.add(Box::new(digests)),
                Err(error) if error.kind == Trouble::Credentials => return Err(error.into()),
                Err(error) => {
                    sources.add_failed(bucket.url.as_str().into(), error.to_string());
                }
            }
        }
        listing.finish();
        Ok(())
    }

    /// Who is asked for public keys: CloudTrail, with the access of the first bucket.
    pub(in crate::cli) fn key_source(
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

    /// How an account or a bucket is reached: by a role, in a Region.
    pub(in crate::cli) fn access(role: &Role, region: Option<&str>) -> Access {
        Access {
            role_arn: role.arn.clone(),
            external_id: role.external_id.clone(),
            region: region.map(str::to_owned),
        }
    }

    fn s3(bucket: &S3Settings) -> Result<S3Location, Failure> {
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
