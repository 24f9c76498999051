//! The store's folder: who may write into it, and files that appear whole.

use super::error::StoreError;
use crate::model::integrity::{hash_of, hex};
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

const LOCK: &str = "lock";
const LEDGER: &str = "ledger.sqlite";
const SEGMENTS: &str = "segments";
const ENDING: &str = ".parquet";
const TEMPORARY: &str = ".writing-";
/// Hex digits of a segment's digest in its name.
const NAME_DIGITS: usize = 16;

/// The folder of a store.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    root: PathBuf,
}

/// The right to write, until it is dropped or the process ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Folder {
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

    /// The bytes of a segment, which are those that its name was made of.
    pub(super) fn read_segment(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        let path = self.segment(name);
        let broken = |message: &str| StoreError::Segment {
            path: path.clone(),
            message: message.to_owned(),
        };
        let stem = name.strip_suffix(ENDING).unwrap_or_default();
        let digest = stem.rsplit_once('-').map(|(_, digest)| digest);
        let digest = digest.filter(|_| !name.contains(['/', '\\']));
        let digest = digest.ok_or_else(|| broken("this is no name of a segment"))?;
        let bytes = fs::read(&path).map_err(StoreError::io(&path))?;
        if digest_name(&bytes) != digest {
            return Err(broken("it holds other bytes than were written"));
        }
        Ok(bytes)
    }

    /// Makes the folder, and takes the right to write into it: at once, or once
    /// whoever has it is done.
    pub(super) fn lock(&self, holder: &str, waits: bool) -> Result<Lock, StoreError> {
        let segments = self.root.join(SEGMENTS);
        fs::create_dir_all(&segments).map_err(StoreError::io(&segments))?;
        let path = self.root.join(LOCK);
        let io = || StoreError::io(&path);
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(io())?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) if waits => file.lock().map_err(io())?,
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
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
        Ok(Lock { _file: file })
    }

    /// Writes a segment, whole or not at all, and gives its name: what it starts with,
    /// and a digest of what is in it.
    pub(super) fn write_segment(&self, starts: &str, bytes: &[u8]) -> Result<String, StoreError> {
        let name = format!("{starts}-{}{ENDING}", digest_name(bytes));
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
        Ok(name)
    }

    /// Removes segments that no ledger names: left by runs that were killed, or
    /// replaced since.
    pub(super) fn sweep(&self, named: &BTreeSet<String>) -> Result<u64, StoreError> {
        let folder = self.root.join(SEGMENTS);
        let mut swept = 0;
        for entry in fs::read_dir(&folder).map_err(StoreError::io(&folder))? {
            let entry = entry.map_err(StoreError::io(&folder))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_own = name.ends_with(ENDING) || name.starts_with(TEMPORARY);
            if is_own && !named.contains(&name) {
                fs::remove_file(entry.path()).map_err(StoreError::io(entry.path()))?;
                swept += 1;
            }
        }
        Ok(swept)
    }
}

/// The part of a segment's name that tells its bytes from others.
fn digest_name(bytes: &[u8]) -> String {
    hex(&hash_of(bytes)[..NAME_DIGITS / 2])
}
