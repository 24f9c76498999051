//! The store's folder: who may write into it, and files that appear whole.
//!
//! Other users may have written into it. Only files with the name of a segment or a
//! temporary file, and with the folder's owner, are deleted; symbolic links are not
//! followed; new files are readable by their owner only.

use super::error::StoreError;
use super::files::{create_folder, create_new, open_own, open_regular, regular_bytes, restrict};
use crate::model::integrity::hash_of;
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

const LOCK: &str = "lock";
const LEDGER: &str = "ledger.sqlite";
/// Files that SQLite keeps next to the ledger.
const BESIDE_LEDGER: [&str; 3] = [
    "ledger.sqlite-journal",
    "ledger.sqlite-shm",
    "ledger.sqlite-wal",
];
const SEGMENTS: &str = "segments";
/// Objects that were taken from buckets.
const EXPORTS: &str = "exports";
/// Tells a store from any other folder.
const MARKER: &str = "qs-audit-store";
const MARKER_TEXT: &[u8] =
    b"This folder is a store of qs-audit: what `qs-audit collect` keeps of logs.\n";
const MARKER_BYTES_MAX: u64 = 4096;
/// The first bytes of an SQLite database (<https://www.sqlite.org/fileformat.html>).
const SQLITE_START: &[u8] = b"SQLite format 3\0";
const ENDING: &str = ".parquet";
const TEMPORARY: &str = ".writing-";
/// Hex digits of a segment's digest in its name.
const NAME_DIGITS: usize = 16;
/// Kinds of segments, with which their names begin.
const KINDS: [&str; 2] = ["events-", "statistics-"];
/// Bytes of one segment: a day of a very large organization has some hundred megabytes.
const SEGMENT_BYTES_MAX: u64 = 4 << 30;

/// The folder of a store.
#[derive(Debug, Clone)]
pub(super) struct StoreFolder {
    root: PathBuf,
}

/// The right to write, until it is dropped or the process ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// A segment that was written: its name, and the digest of its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WrittenSegment {
    pub(super) name: String,
    pub(super) digest: String,
}

impl StoreFolder {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn ledger(&self) -> PathBuf {
        self.root.join(LEDGER)
    }

    pub(super) fn segment(&self, name: &str) -> PathBuf {
        self.root.join(SEGMENTS).join(name)
    }

    /// Checks that the ledger, and what SQLite keeps next to it, are regular files where
    /// they are there at all. Returns whether there is a ledger.
    pub(super) fn check_ledger(&self) -> Result<bool, StoreError> {
        let mut is_there = false;
        for name in [LEDGER].iter().chain(&BESIDE_LEDGER) {
            let path = self.root.join(name);
            match fs::symlink_metadata(&path) {
                Ok(there) if there.is_file() => is_there |= *name == LEDGER,
                Ok(_) => {
                    let what = "expected a regular file of the store, found a symbolic link, a pipe or a folder";
                    return Err(StoreError::Planted { path, what });
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(StoreError::io(&path)(error)),
            }
        }
        Ok(is_there)
    }

    /// Makes the folder, unless it is there; refuses one that holds something else.
    fn prepare(&self) -> Result<(), StoreError> {
        let root = &self.root;
        let io = || StoreError::io(root);
        create_folder(root).map_err(io())?;
        if !self.has_marker()? {
            // What an earlier build wrote has no marker, but a ledger and nothing else.
            if !self.is_empty_or_unmarked_store()? {
                return Err(StoreError::Foreign { path: root.clone() });
            }
            create_new(&root.join(MARKER), MARKER_TEXT).map_err(io())?;
        }
        restrict(root).map_err(io())?;
        self.prepare_below(SEGMENTS)?;
        // Exports are in few stores.
        if self.has_exports()? {
            self.prepare_below(EXPORTS)?;
        }
        Ok(())
    }

    /// Makes a folder of the store, for its owner alone, unless it is there.
    fn prepare_below(&self, name: &str) -> Result<(), StoreError> {
        let folder = self.root.join(name);
        if !is_real_folder(&folder)? {
            create_folder(&folder).map_err(StoreError::io(&folder))?;
        }
        restrict(&folder).map_err(StoreError::io(&folder))
    }

    /// Returns whether the folder of exports is there, and refuses a link in its place.
    pub(super) fn has_exports(&self) -> Result<bool, StoreError> {
        is_real_folder(&self.root.join(EXPORTS))
    }

    /// Returns whether the marker file is there and says what it has to.
    fn has_marker(&self) -> Result<bool, StoreError> {
        let path = self.root.join(MARKER);
        match regular_bytes(&path, MARKER_BYTES_MAX) {
            Ok(text) if text == MARKER_TEXT => Ok(true),
            // A run was killed, or the disk was full, while it was written.
            Ok(text) if MARKER_TEXT.starts_with(&text) => {
                fs::remove_file(&path).map_err(StoreError::io(path))?;
                Ok(false)
            }
            Ok(_) => {
                let what = "this is not the marker file of a store";
                Err(StoreError::Planted { path, what })
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(StoreError::io(path)(error)),
        }
    }

    /// Returns whether the folder is empty, or has a ledger of SQLite and no file that is
    /// not of a store. Nothing is changed before this is known.
    fn is_empty_or_unmarked_store(&self) -> Result<bool, StoreError> {
        let io = || StoreError::io(&self.root);
        let mut is_empty = true;
        for entry in fs::read_dir(&self.root).map_err(io())? {
            let name = entry.map_err(io())?.file_name();
            // Every new file system has this one.
            if name == "lost+found" {
                continue;
            }
            is_empty = false;
            let own = [LOCK, LEDGER, SEGMENTS, EXPORTS]
                .iter()
                .chain(&BESIDE_LEDGER);
            if !own.copied().any(|own| name == own) {
                return Ok(false);
            }
        }
        if is_empty || !self.check_ledger()? {
            return Ok(is_empty);
        }
        let path = self.ledger();
        let mut start = Vec::new();
        let file = open_regular(&path, OpenOptions::new().read(true));
        file.and_then(|file| file.take(SQLITE_START.len() as u64).read_to_end(&mut start))
            .map_err(StoreError::io(&path))?;
        Ok(start.is_empty() || start == SQLITE_START)
    }

    /// Makes an empty ledger, for its owner alone, unless there is one.
    pub(super) fn prepare_ledger(&self) -> Result<(), StoreError> {
        let path = self.ledger();
        if self.check_ledger()? {
            restrict(&path).map_err(StoreError::io(&path))
        } else {
            create_new(&path, b"").map_err(StoreError::io(&path))
        }
    }

    /// The bytes of a segment, which are those that its name, and the ledger, were made
    /// of.
    pub(super) fn read_segment(
        &self,
        name: &str,
        digest: Option<&str>,
    ) -> Result<Vec<u8>, StoreError> {
        let path = self.segment(name);
        let broken = |message: &str| StoreError::Segment {
            path: path.clone(),
            message: message.to_owned(),
        };
        let own = digest_in_name(name).ok_or_else(|| broken("this is no name of a segment"))?;
        let bytes = regular_bytes(&path, SEGMENT_BYTES_MAX).map_err(StoreError::io(&path))?;
        let found = hex::encode(hash_of(&bytes));
        let is_known = digest.is_none_or(|digest| digest == found);
        if !is_known || found.get(..NAME_DIGITS) != Some(own) {
            return Err(broken("its contents are not what was written"));
        }
        Ok(bytes)
    }

    /// Makes the folder, and takes the right to write into it: at once, or once
    /// the one who has it is done.
    pub(super) fn lock(&self, holder: &str, waits: bool) -> Result<Lock, StoreError> {
        self.prepare()?;
        let path = self.root.join(LOCK);
        let io = || StoreError::io(&path);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = open_own(&path, &mut options).map_err(io())?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) if waits => file.lock().map_err(io())?,
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = (&file).take(HOLDER_BYTES_MAX).read_to_string(&mut holder);
                let holder = match holder.trim() {
                    "" => "another run".to_owned(),
                    known => known.to_owned(),
                };
                let path = self.root.clone();
                return Err(StoreError::Locked { path, holder });
            }
            Err(TryLockError::Error(error)) => return Err(io()(error)),
        }
        file.set_len(0).map_err(io())?;
        file.rewind().map_err(io())?;
        file.write_all(holder.as_bytes()).map_err(io())?;
        file.sync_data().map_err(io())?;
        restrict(&path).map_err(io())?;
        Ok(Lock { _file: file })
    }

    /// Writes a segment, whole or not at all. Its name is what it starts with, and a
    /// digest of what is in it.
    pub(super) fn write_segment(
        &self,
        starts: &str,
        bytes: &[u8],
    ) -> Result<WrittenSegment, StoreError> {
        let digest = hex::encode(hash_of(bytes));
        let name = format!("{starts}-{}{ENDING}", &digest[..NAME_DIGITS]);
        let path = self.segment(&name);
        let folder = self.root.join(SEGMENTS);
        let io = || StoreError::io(&path);
        let mut file = tempfile::Builder::new()
            .prefix(TEMPORARY)
            .tempfile_in(&folder)
            .map_err(io())?;
        file.write_all(bytes).map_err(io())?;
        file.as_file().sync_all().map_err(io())?;
        file.persist(&path).map_err(|error| io()(error.error))?;
        // The name itself has to survive a crash, too.
        let opened = File::open(&folder).map_err(io())?;
        opened.sync_all().map_err(io())?;
        Ok(WrittenSegment { name, digest })
    }

    /// The file of an export. A name that this program would not have given leads nowhere.
    pub(super) fn export(&self, name: &str) -> PathBuf {
        let name = if is_export_name(name) { name } else { "-" };
        self.root.join(EXPORTS).join(name)
    }

    /// Returns whether an export of so many bytes is there.
    pub(super) fn has_export(&self, name: &str, bytes: u64) -> bool {
        let found = self.export(name).symlink_metadata();
        found.is_ok_and(|found| found.is_file() && found.len() == bytes)
    }

    /// Opens an export, which has to be a regular file.
    pub(super) fn open_export(&self, name: &str) -> std::io::Result<File> {
        self.has_exports().map_err(std::io::Error::other)?;
        open_regular(&self.export(name), OpenOptions::new().read(true))
    }

    /// Writes an export of so many bytes, whole or not at all; returns why it could not be read,
    /// if so.
    pub(super) fn write_export(
        &self,
        name: &str,
        wanted: u64,
        from: &mut dyn Read,
    ) -> Result<Result<(), String>, StoreError> {
        let path = self.export(name);
        let folder = self.root.join(EXPORTS);
        let io = || StoreError::io(&path);
        self.prepare_below(EXPORTS)?;
        let mut file = tempfile::Builder::new()
            .prefix(TEMPORARY)
            .tempfile_in(&folder)
            .map_err(io())?;
        let mut piece = vec![0; 1 << 20];
        let mut bytes = 0;
        loop {
            match from.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => {
                    file.write_all(&piece[..count]).map_err(io())?;
                    bytes += count as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Ok(Err(error.to_string())),
            }
        }
        if bytes != wanted {
            let why = format!("{bytes} bytes came of {wanted} that were listed");
            return Ok(Err(why));
        }
        file.as_file().sync_all().map_err(io())?;
        file.persist(&path).map_err(|error| io()(error.error))?;
        let opened = File::open(&folder).map_err(io())?;
        opened.sync_all().map_err(io())?;
        Ok(Ok(()))
    }

    /// Removes exports that no ledger names.
    pub(super) fn sweep_exports(&self, named: &BTreeSet<String>) -> Result<(), StoreError> {
        if !self.has_exports()? {
            return Ok(());
        }
        let folder = self.root.join(EXPORTS);
        let owner = owner(&fs::symlink_metadata(&folder).map_err(StoreError::io(&folder))?);
        for entry in fs::read_dir(&folder).map_err(StoreError::io(&folder))? {
            let entry = entry.map_err(StoreError::io(&folder))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_own = is_export_name(&name) || name.starts_with(TEMPORARY);
            let there = entry.path().symlink_metadata();
            let is_file = there.is_ok_and(|there| there.is_file() && self::owner(&there) == owner);
            if is_own && is_file && !named.contains(&name) {
                fs::remove_file(entry.path()).map_err(StoreError::io(entry.path()))?;
            }
        }
        Ok(())
    }

    /// Removes segments that no ledger names: left by runs that were killed, or
    /// replaced since. Files that this program would not have named so stay, and so do
    /// links, and files of others.
    pub(super) fn sweep(&self, named: &BTreeSet<String>) -> Result<u64, StoreError> {
        let folder = self.root.join(SEGMENTS);
        let owner = owner(&fs::symlink_metadata(&folder).map_err(StoreError::io(&folder))?);
        let mut swept = 0;
        for entry in fs::read_dir(&folder).map_err(StoreError::io(&folder))? {
            let entry = entry.map_err(StoreError::io(&folder))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_named_so = digest_in_name(&name).is_some() || name.starts_with(TEMPORARY);
            if !is_named_so || named.contains(&name) {
                continue;
            }
            let there = match entry.path().symlink_metadata() {
                Ok(there) => there,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(StoreError::io(entry.path())(error)),
            };
            if there.is_file() && self::owner(&there) == owner {
                fs::remove_file(entry.path()).map_err(StoreError::io(entry.path()))?;
                swept += 1;
            }
        }
        Ok(swept)
    }
}

/// Returns true for the name of an export's file: a SHA-256 in hex.
fn is_export_name(name: &str) -> bool {
    let is_digit = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
    name.len() == 64 && name.bytes().all(is_digit)
}

/// Bytes of the text that says who holds the lock.
const HOLDER_BYTES_MAX: u64 = 1024;

#[cfg(unix)]
fn owner(data: &fs::Metadata) -> u32 {
    use std::os::unix::fs::MetadataExt;
    data.uid()
}

#[cfg(not(unix))]
fn owner(_data: &fs::Metadata) -> u32 {
    0
}

/// The digest in the name of a segment; `None` where it is no name of one.
fn digest_in_name(name: &str) -> Option<&str> {
    let stem = name.strip_suffix(ENDING)?;
    let is_of_kind = KINDS.iter().any(|kind| stem.starts_with(kind));
    let (_, digest) = stem.rsplit_once('-')?;
    let is_digest = digest.len() == NAME_DIGITS
        && digest
            .bytes()
            .all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit));
    (is_of_kind && is_digest && !name.contains(['/', '\\'])).then_some(digest)
}

/// Returns whether a folder is there, and refuses a link or a file in its place.
fn is_real_folder(path: &Path) -> Result<bool, StoreError> {
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_dir() => Ok(true),
        Ok(_) => {
            let what = "expected a folder of the store, found a symbolic link or a file";
            let path = path.to_owned();
            Err(StoreError::Planted { path, what })
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StoreError::io(path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::digest_in_name;

    #[test]
    fn only_names_that_are_given_here_are_names_of_segments() {
        for (name, digest) in [
            (
                "events-2026-11-01-0123456789abcdef.parquet",
                Some("0123456789abcdef"),
            ),
            (
                "statistics-unknown-0123456789abcdef.parquet",
                Some("0123456789abcdef"),
            ),
            ("events-2026-11-01-0123456789ABCDEF.parquet", None),
            ("events-2026-11-01-0123456789abcde.parquet", None),
            ("sales-2026-11-01-0123456789abcdef.parquet", None),
            ("events-../x-0123456789abcdef.parquet", None),
            ("part-0.parquet", None),
            ("events-2026-11-01-0123456789abcdef", None),
        ] {
            assert_eq!(digest_in_name(name), digest, "{name}");
        }
    }
}
