//! Exports that were taken from buckets, as they were stored there: bills are replaced where they
//! lie, and query statistics end after 45 days.

use super::error::StoreError;
use super::folder::StoreFolder;
use super::reader::Store;
use super::writer::{Writer, signed};
use crate::ports::Version;
use rusqlite::params;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};

/// An object of a bucket, as it was listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedExport {
    /// `s3://bucket/key`.
    pub url: String,
    /// Its version and stored bytes.
    pub version: Version,
}

/// An object that was kept.
#[derive(Debug, Clone)]
pub struct StoredExport {
    /// `s3://bucket/key`.
    pub url: String,
    folder: StoreFolder,
    file: String,
}

impl StoredExport {
    /// Opens its bytes.
    ///
    /// # Errors
    ///
    /// When they are not there, or are no regular file.
    pub fn open(&self) -> io::Result<File> {
        self.folder.open_export(&self.file).map_err(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                io::Error::other("it could not be read when it was collected: collect it again")
            } else {
                error
            }
        })
    }
}

/// The outcome of keeping a place's objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptExports {
    /// Objects that are new, or were replaced.
    pub taken: u64,
    /// Their stored bytes.
    pub bytes: u64,
    /// Objects that could not be read, and why.
    pub failed: Vec<(String, String)>,
}

/// The name of the file of a version of an object.
fn file_name(listed: &ListedExport) -> String {
    let digest = Sha256::new()
        .chain_update(&listed.url)
        .chain_update([0])
        .chain_update(&*listed.version.tag)
        // A tag may stay the same where a server makes it of times.
        .chain_update(listed.version.bytes.to_le_bytes())
        .finalize();
    hex::encode(digest)
}

impl Writer {
    /// Keeps the objects of a place: those that are new or were replaced are read with `open`,
    /// those that are gone are forgotten. The objects of a place belong together: where one of
    /// them cannot be read, all stay as they were kept before. Where none were, the others are
    /// kept, and what is missing is still named.
    ///
    /// # Errors
    ///
    /// When the store cannot be read or written.
    pub fn keep_exports(
        &mut self,
        place: &str,
        listed: &[ListedExport],
        open: &mut dyn FnMut(&ListedExport) -> Box<dyn Read>,
    ) -> Result<KeptExports, StoreError> {
        let sql = "SELECT file FROM exports WHERE place = ?1";
        let known = self
            .ledger
            .rows(sql, &[&place], |row| row.get::<_, String>(0))?;
        let known: BTreeSet<String> = known.into_iter().collect();
        let mut kept = KeptExports::default();
        for export in listed {
            let file = file_name(export);
            let bytes = export.version.bytes;
            if self.folder.has_export(&file, bytes) {
                // One that was kept by a run that then failed is new all the same.
                kept.taken += u64::from(!known.contains(&file));
                continue;
            }
            match self.folder.write_export(&file, bytes, &mut *open(export))? {
                Ok(()) => {
                    kept.taken += 1;
                    kept.bytes += bytes;
                }
                Err(why) => kept.failed.push((export.url.clone(), why)),
            }
        }
        if !kept.failed.is_empty() && !known.is_empty() {
            return Ok(kept);
        }
        let now = self.now.unix();
        self.ledger.try_to(|ledger| {
            let all = ledger.transaction()?;
            all.execute("DELETE FROM exports WHERE place = ?1", params![place])?;
            for export in listed {
                let sql = "INSERT OR REPLACE INTO exports VALUES (?1, ?2, ?3, ?4, ?5)";
                let bytes = signed(export.version.bytes);
                let row = params![export.url, place, bytes, file_name(export), now];
                all.execute(sql, row)?;
            }
            all.commit()
        })?;
        let named = self.ledger.rows("SELECT file FROM exports", &[], |row| {
            row.get::<_, String>(0)
        })?;
        self.folder.sweep_exports(&named.into_iter().collect())?;
        Ok(kept)
    }
}

impl Store {
    /// The objects that were kept of a place; `None` where none were.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn exports(&mut self, place: &str) -> Result<Option<Vec<StoredExport>>, StoreError> {
        let folder: StoreFolder = self.folder.clone();
        let sql = "SELECT url, file FROM exports WHERE place = ?1 ORDER BY url";
        let kept = self.ledger.rows(sql, &[&place], |row| {
            Ok(StoredExport {
                url: row.get(0)?,
                file: row.get(1)?,
                folder: folder.clone(),
            })
        })?;
        Ok((!kept.is_empty()).then_some(kept))
    }
}
