//! Folders, single files, and `-` for standard input, as one source of objects.

use super::path::{key_of, path_of};
use crate::model::coverage::Limits;
use crate::model::coverage::Sibling;
use crate::model::key::{KeyFacts, TrailObjects};
use crate::model::text::Text;
use crate::model::window::TimeWindow;
use crate::ports::{Listing, LogSource, SourceError, Version};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::UNIX_EPOCH;
use walkdir::WalkDir;

/// The name that stands for standard input.
const STANDARD_INPUT: &str = "-";

/// The reason why local logs cannot be opened at all.
#[derive(Debug, thiserror::Error)]
pub enum LocalLogsError {
    /// There is no such file or folder, or it may not be looked at.
    #[error("{}: {source}", path.display())]
    Unopenable {
        /// The requested path.
        path: PathBuf,
        /// The I/O error.
        source: io::Error,
    },
    /// Standard input could not be put aside to be read more than once.
    #[error("standard input could not be read into a temporary file: {0}")]
    StandardInput(#[source] io::Error),
}

enum LocalObject {
    File(PathBuf),
    /// A pipe, or standard input, put aside in an unnamed temporary file.
    Spool(Text, Mutex<File>),
}

/// Objects on this machine, in the order of their paths.
pub struct LocalLogs {
    objects: Vec<LocalObject>,
    listing: Listing,
}

impl LocalLogs {
    /// Lists what is under the given paths. Folders are walked, symbolic links
    /// followed, siblings of the logs and days outside the window left out and
    /// counted. `measure` asks for the sizes too, for progress.
    ///
    /// # Errors
    ///
    /// When one of the paths themselves cannot be opened. What cannot be opened
    /// below them is part of the listing instead.
    pub fn open(
        paths: &[PathBuf],
        window: &TimeWindow,
        stdin: &mut dyn Read,
        measure: bool,
    ) -> Result<Self, LocalLogsError> {
        let mut logs = Self {
            objects: Vec::new(),
            listing: Listing::default(),
        };
        let mut files = Vec::new();
        let mut spools: Vec<(Text, File)> = Vec::new();
        for path in paths {
            if path.as_os_str() == STANDARD_INPUT {
                if spools.iter().any(|(name, _)| **name == *STANDARD_INPUT) {
                    continue;
                }
                let aside = put_aside(stdin).map_err(LocalLogsError::StandardInput)?;
                spools.push((STANDARD_INPUT.into(), aside));
                continue;
            }
            let unopenable = |source| LocalLogsError::Unopenable {
                path: path.clone(),
                source,
            };
            let data = std::fs::metadata(path).map_err(unopenable)?;
            if data.is_dir() {
                std::fs::read_dir(path).map_err(unopenable)?;
                logs.walk(path, TrailObjects::Logs, window, &mut files);
            } else if data.is_file() {
                files.push(path.clone());
            } else {
                // A pipe can be read once; it may be needed twice.
                let mut pipe = File::open(path).map_err(unopenable)?;
                let aside = put_aside(&mut pipe).map_err(unopenable)?;
                spools.push((key_of(path), aside));
            }
        }
        only_once(&mut files);
        if measure {
            let sizes = files.iter().filter_map(|path| path.metadata().ok());
            logs.listing.bytes = Some(sizes.map(|data| data.len()).sum());
        }
        logs.objects
            .extend(files.into_iter().map(LocalObject::File));
        let spools = spools.into_iter();
        logs.objects
            .extend(spools.map(|(name, file)| LocalObject::Spool(name, Mutex::new(file))));
        Ok(logs)
    }

    /// Lists the digests that are among, or next to, the logs under the given paths. Of
    /// paths that are no folders there are none.
    #[must_use]
    pub fn digests(paths: &[PathBuf], window: &TimeWindow) -> Self {
        let mut digests = Self {
            objects: Vec::new(),
            listing: Listing::default(),
        };
        let mut files = Vec::new();
        for path in paths {
            let sibling_root = path_of(&TrailObjects::Digests.sibling_root(&key_of(path)));
            if sibling_root.is_dir() {
                digests.walk(&sibling_root, TrailObjects::Digests, window, &mut files);
            }
        }
        only_once(&mut files);
        digests.objects = files.into_iter().map(LocalObject::File).collect();
        digests
    }

    /// The files that were read under these keys before, whether they are there or not.
    #[must_use]
    pub fn of_keys(keys: &[&str]) -> Self {
        let files = keys.iter().map(|key| LocalObject::File(path_of(key)));
        Self {
            objects: files.collect(),
            listing: Listing::default(),
        }
    }

    fn walk(
        &mut self,
        root: &Path,
        wanted: TrailObjects,
        window: &TimeWindow,
        files: &mut Vec<PathBuf>,
    ) {
        // Objects of one folder share all of the key that is looked at.
        let mut folder: Option<(PathBuf, Needed, KeyFacts)> = None;
        for entry in WalkDir::new(root)
            .follow_links(true)
            .max_open(FOLDERS_OPEN_MAX)
        {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    let path = key_of(error.path().unwrap_or(root));
                    let why = match error.io_error() {
                        Some(why) => why.to_string(),
                        None => "a link that leads back to a folder above it".to_owned(),
                    };
                    self.listing.failed.push((path, why));
                    continue;
                }
            };
            if entry.file_type().is_dir() {
                continue;
            }
            if !entry.file_type().is_file() {
                // A pipe or a device may never end.
                let path = key_of(entry.path());
                let why = "not a regular file".to_owned();
                self.listing.failed.push((path, why));
                continue;
            }
            let parent = entry.path().parent().unwrap_or(root);
            let is_same = folder
                .as_ref()
                .is_some_and(|(known, ..)| known.as_os_str() == parent.as_os_str());
            if !is_same {
                let facts = KeyFacts::of(&key_of(entry.path()));
                folder = Some((parent.to_owned(), Needed::of(facts, window), facts));
            }
            let Some((_, needed, facts)) = &folder else {
                continue;
            };
            // A flat copy has names and no folders that tell: each file speaks for itself.
            let own = match (needed, facts.delivery_day) {
                (Needed::All | Needed::None, Some(_)) => *facts,
                _ => KeyFacts::of(&key_of(entry.path())),
            };
            let is_needed = match needed {
                Needed::All => true,
                Needed::ByName => own.may_be_needed(window),
                Needed::None => false,
            };
            if wanted == TrailObjects::Digests
                && own.sibling == Some(Sibling::Digest)
                && let Some((account, region)) = KeyFacts::place_of(&key_of(entry.path()))
            {
                let place = (account.into(), region.into());
                self.listing.places.insert(place);
            }
            match own.sibling {
                own if wanted.has(own) && is_needed => files.push(entry.into_path()),
                own if wanted.has(own) => self.listing.outside_window += 1,
                Some(sibling) => *self.listing.passed_over.entry(sibling).or_default() += 1,
                None => {}
            }
        }
    }
}

/// The files of a folder that a window needs.
#[derive(Clone, Copy)]
enum Needed {
    All,
    /// The window cuts through the day: their names tell.
    ByName,
    None,
}

impl Needed {
    fn of(facts: KeyFacts, window: &TimeWindow) -> Self {
        match facts.delivery_day {
            Some(day) if window.cuts_delivery_day(day) => Self::ByName,
            Some(day) if !window.needs_delivery_day(day) => Self::None,
            _ => Self::All,
        }
    }
}

/// Leaves out files that two of the given paths lead to.
fn only_once(files: &mut Vec<PathBuf>) {
    // As text: comparing component by component takes many times as long.
    files.sort_unstable_by(|left, right| left.as_os_str().cmp(right.as_os_str()));
    files.dedup_by(|left, right| left.as_os_str() == right.as_os_str());
}

/// Files over the limit are not needed to report that there are too many.
fn put_aside(stdin: &mut dyn Read) -> io::Result<File> {
    let mut spool = tempfile::tempfile()?;
    io::copy(&mut stdin.take(STORED_BYTES_MAX + 1), &mut spool)?;
    Ok(spool)
}

fn read_file(path: &Path, body: &mut Vec<u8>) -> io::Result<()> {
    // A pipe may have taken the file's place since it was listed.
    read_bounded(&mut open_regular(path)?, STORED_BYTES_MAX, body)
}

/// Opens a file that has to be a regular one: a pipe in its place would be waited for.
pub(super) fn open_regular(path: &Path) -> io::Result<File> {
    if !path.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    File::open(path)
}

/// Folders that are open while folders are walked. In addition to them, each thread that reads
/// has one file open.
const FOLDERS_OPEN_MAX: usize = 10;

/// Stored bytes of one object.
const STORED_BYTES_MAX: u64 = Limits::DEFAULT.object_bytes_max as u64;

/// Reads what one file may hold, and no more.
pub(super) fn read_bounded(file: &mut File, bytes_max: u64, body: &mut Vec<u8>) -> io::Result<()> {
    file.take(bytes_max + 1).read_to_end(body)?;
    if body.len() as u64 > bytes_max {
        body.clear();
        let message = format!("larger than {bytes_max} bytes, the limit for one file");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(())
}

fn read_spool(spool: &Mutex<File>, body: &mut Vec<u8>) -> io::Result<()> {
    let mut file = spool
        .lock()
        .map_err(|_| io::Error::other("another reader of it failed"))?;
    file.seek(SeekFrom::Start(0))?;
    read_bounded(&mut file, STORED_BYTES_MAX, body)
}

impl LogSource for LocalLogs {
    fn object_count(&self) -> u32 {
        u32::try_from(self.objects.len()).unwrap_or(u32::MAX)
    }

    fn key(&self, object: u32) -> Text {
        match self.objects.get(object as usize) {
            Some(LocalObject::File(path)) => key_of(path),
            Some(LocalObject::Spool(name, _)) => name.clone(),
            None => STANDARD_INPUT.into(),
        }
    }

    fn read(&self, object: u32, body: &mut Vec<u8>) -> Result<(), SourceError> {
        body.clear();
        let outcome = match self.objects.get(object as usize) {
            Some(LocalObject::File(path)) => read_file(path, body),
            Some(LocalObject::Spool(_, spool)) => read_spool(spool, body),
            None => Err(io::Error::from(io::ErrorKind::NotFound)),
        };
        outcome.map_err(|error| SourceError {
            message: error.to_string(),
            is_absent: error.kind() == io::ErrorKind::NotFound,
        })
    }

    fn listing(&self) -> &Listing {
        &self.listing
    }

    fn version(&self, object: u32) -> Option<Version> {
        let LocalObject::File(path) = self.objects.get(object as usize)? else {
            return None;
        };
        let data = path.metadata().ok()?;
        let changed = data.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(Version {
            tag: format!("{}.{:09}", changed.as_secs(), changed.subsec_nanos()).into(),
            bytes: data.len(),
        })
    }
}
