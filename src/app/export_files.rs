//! Files of exports that options and configuration name: on this machine, in a bucket, or kept
//! in the store.

use super::context::RunContext;
use super::failure::Failure;
use crate::config::{ExportLocation, S3Settings};
use crate::ingest::{ExportInput, billing_period};
use crate::local::{ExportFile, export_files, open_export};
use crate::model::window::TimeWindow;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Stored bytes of an export that is read whole.
const STORED_BYTES_MAX: u64 = 4 << 30;

/// Opens a file. It may be opened more than once.
type Opener = Box<dyn Fn() -> io::Result<ExportInput> + Send + Sync>;

/// A file that was named, or found in a folder or below a prefix that was.
pub(super) struct GivenFile {
    /// Its path or URL.
    pub(super) name: String,
    /// The same in full, by which folders around it are known.
    pub(super) place: String,
    /// The part of it below the folder or prefix that was named.
    below: String,
    /// True if it was named itself: that it cannot be read is then no matter of one file among
    /// many.
    pub(super) is_named: bool,
    open: Opener,
}

impl GivenFile {
    pub(super) fn new(
        name: String,
        is_named: bool,
        open: impl Fn() -> io::Result<ExportInput> + Send + Sync + 'static,
    ) -> Self {
        Self {
            place: name.clone(),
            below: name.clone(),
            name,
            is_named,
            open: Box::new(open),
        }
    }

    fn local(file: ExportFile) -> Self {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let name = text(&file.path);
        let place = std::path::absolute(&file.path).unwrap_or_else(|_| file.path.clone());
        let below = text(&file.below);
        let given = Self::new(name, file.is_named, move || {
            open_export(&file).map(ExportInput::File)
        });
        Self {
            place: text(&place),
            below,
            ..given
        }
    }

    /// A file of a place in a bucket.
    fn in_bucket(self, bucket: &S3Settings) -> Self {
        let below = self.name.strip_prefix(&bucket.url);
        Self {
            below: below.unwrap_or(&self.name).to_owned(),
            ..self
        }
    }

    /// Returns false if it stands in the folder of a billing period that has nothing of a window,
    /// and nothing of that folder was named.
    pub(super) fn may_have(&self, window: &TimeWindow) -> bool {
        self.is_named || may_have(&self.below, window)
    }

    /// Opens it.
    pub(super) fn open(&self) -> io::Result<ExportInput> {
        (self.open)()
    }

    /// Reads all of it.
    pub(super) fn read(&self) -> io::Result<Vec<u8>> {
        self.read_at_most(STORED_BYTES_MAX)
    }

    /// Reads all of it, if it is no larger.
    pub(super) fn read_at_most(&self, bytes_max: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut reader = self.open()?.into_read().take(bytes_max + 1);
        reader.read_to_end(&mut bytes)?;
        if bytes.len() as u64 > bytes_max {
            return Err(io::Error::other(format!(
                "more than {bytes_max} bytes: split it"
            )));
        }
        Ok(bytes)
    }
}

/// Files and folders, and by what name they were given: an option's, or a key's of the
/// configuration.
pub(super) struct NamedInputs {
    pub(super) name: &'static str,
    locations: Vec<ExportLocation>,
    requester_pays: bool,
}

impl NamedInputs {
    /// The paths of an option, else the configured ones.
    pub(super) fn of(
        option: &'static str,
        asked: &[PathBuf],
        key: &'static str,
        configured: &[PathBuf],
    ) -> Self {
        let (name, paths) = if asked.is_empty() {
            (key, configured)
        } else {
            (option, asked)
        };
        Self {
            name,
            locations: paths.iter().cloned().map(ExportLocation::Path).collect(),
            requester_pays: false,
        }
    }

    /// The paths or buckets of an option, else the configured ones.
    pub(super) fn anywhere(
        context: &RunContext,
        option: &'static str,
        asked: &[PathBuf],
        key: &'static str,
        configured: &[ExportLocation],
    ) -> Self {
        if asked.is_empty() {
            return Self {
                name: key,
                locations: configured.to_vec(),
                requester_pays: false,
            };
        }
        let location = |path: &PathBuf| match path.to_str() {
            Some(text) => ExportLocation::of(text),
            None => ExportLocation::Path(path.clone()),
        };
        Self {
            name: option,
            locations: asked.iter().map(location).collect(),
            requester_pays: context.options.requester_pays,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.locations.is_empty()
    }

    /// The buckets among them.
    pub(super) fn buckets(&self) -> impl Iterator<Item = S3Settings> {
        self.locations.iter().filter_map(|location| match location {
            ExportLocation::Path(_) => None,
            ExportLocation::S3(bucket) => {
                let mut bucket = bucket.clone();
                bucket.requester_pays |= self.requester_pays;
                Some(bucket)
            }
        })
    }

    /// All files, those of folders by name.
    pub(super) fn files(&self, context: &RunContext) -> Result<Vec<GivenFile>, Failure> {
        let name = self.name;
        let paths = self.locations.iter().filter_map(|location| match location {
            ExportLocation::Path(path) => Some(path.clone()),
            ExportLocation::S3(_) => None,
        });
        let paths: Vec<PathBuf> = paths.collect();
        let found = export_files(&paths).map_err(|(path, error)| {
            Failure::usage(format!("{name} {}: {error}", path.display()))
                .hint(format!("{name} takes a file, or a folder of files"))
        })?;
        let mut files: Vec<GivenFile> = found.into_iter().map(GivenFile::local).collect();
        for bucket in self.buckets() {
            match kept(context, &bucket)? {
                Some(kept) => found_in(&bucket, kept, &mut files),
                None => found_in(&bucket, remote::files(&bucket)?, &mut files),
            }
        }
        if files.is_empty() && !self.is_empty() {
            let places: Vec<String> = self.locations.iter().map(ToString::to_string).collect();
            let places = places.join(", ");
            return Err(Failure::usage(format!(
                "{name}: there are no files in {places}"
            )));
        }
        Ok(files)
    }
}

fn found_in(bucket: &S3Settings, found: Vec<GivenFile>, files: &mut Vec<GivenFile>) {
    files.extend(found.into_iter().map(|file| file.in_bucket(bucket)));
}

/// The files that were collected from a place, where any were.
fn kept(context: &RunContext, bucket: &S3Settings) -> Result<Option<Vec<GivenFile>>, Failure> {
    let Some(mut store) = context.locked_store()? else {
        return Ok(None);
    };
    let Some(kept) = store.exports(&bucket.url)? else {
        return Ok(None);
    };
    let files = kept.into_iter().map(|export| {
        let is_named = export.url == bucket.url;
        GivenFile::new(export.url.clone(), is_named, move || {
            export.open().map(ExportInput::File)
        })
    });
    Ok(Some(files.collect()))
}

/// Returns false for a file in the folder of a billing period that has nothing of a window. What
/// was used late in a month may be billed with the next one.
pub(super) fn may_have(name: &str, window: &TimeWindow) -> bool {
    let Some(period) = billing_period(name) else {
        return true;
    };
    let ends_before = window.from.is_some_and(|from| period.to <= from.day());
    let next = |day: jiff::civil::Date| day.last_of_month().tomorrow().unwrap_or(day);
    let starts_after = window.to.is_some_and(|to| {
        let last = to.plus(-1).day();
        period.from > next(last)
    });
    !ends_before && !starts_after
}

/// What is said where this program cannot reach a bucket.
#[cfg(not(feature = "aws"))]
pub(super) fn in_s3(bucket: &S3Settings) -> Failure {
    Failure::usage(format!(
        "{} is in S3, which this program was built without",
        bucket.url
    ))
}

#[cfg(not(feature = "aws"))]
mod remote {
    use super::{Failure, GivenFile, S3Settings, in_s3};

    pub(super) fn files(bucket: &S3Settings) -> Result<Vec<GivenFile>, Failure> {
        Err(in_s3(bucket))
    }
}

#[cfg(feature = "aws")]
mod remote {
    use super::{ExportInput, Failure, GivenFile, S3Settings};
    use crate::app::sources;
    use crate::aws::{Aws, S3Exports};
    use std::sync::Arc;

    /// Lists a place in a bucket.
    pub(super) fn files(bucket: &S3Settings) -> Result<Vec<GivenFile>, Failure> {
        let listed = S3Exports::list(&Aws::new()?, sources::s3(bucket)?)?;
        let listed = Arc::new(listed);
        let files = listed.objects().iter().map(|object| {
            let (listed, object) = (Arc::clone(&listed), object.clone());
            GivenFile::new(object.url.clone(), object.is_named, move || {
                Ok(ExportInput::Stream(listed.open(&object)))
            })
        });
        Ok(files.collect())
    }
}
