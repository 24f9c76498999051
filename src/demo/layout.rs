//! Records into files: CloudTrail's keys, its delays, its repeats and its lack of
//! order.

use super::cast::ORGANIZATION;
use super::plan::DemoPlan;
use super::scenes::{Stage, WrittenRecord};
use crate::model::time::UtcSecond;
use flate2::{Compression, GzBuilder};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Delivery takes up to this long (docs/cloudtrail-facts.md#order-duplicates-and-delay).
const DELIVERY_SECONDS_MAX: i64 = 600;
/// One record in so many is delivered twice.
const REPEAT_ONE_IN: usize = 12;

/// A file to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeneratedFile {
    /// Path below the folder of the organization, with `/`.
    pub key: String,
    /// Its bytes.
    pub body: Vec<u8>,
}

pub(super) struct LaidOut {
    pub(super) files: Vec<GeneratedFile>,
    pub(super) record_count: u64,
    pub(super) duplicate_count: u64,
}

/// Records of one file, and when the last of them was delivered.
#[derive(Default)]
struct File {
    records: Vec<String>,
    delivered: Option<UtcSecond>,
}

impl File {
    fn add(&mut self, record: String, delivered: UtcSecond) {
        self.records.push(record);
        self.delivered = self.delivered.max(Some(delivered));
    }
}

/// Puts records into files as CloudTrail would deliver them.
pub(super) fn lay_out(stage: Stage, plan: &DemoPlan) -> LaidOut {
    let Stage {
        mut chance,
        written,
        ..
    } = stage;
    let mut laid = LaidOut {
        files: Vec::new(),
        record_count: 0,
        duplicate_count: 0,
    };
    // A first and, for repeats, a second file for each account, Region and slot.
    let mut files: BTreeMap<(String, String, UtcSecond, bool), File> = BTreeMap::new();
    for one in written {
        let WrittenRecord {
            time,
            account,
            region,
            record,
            late_seconds,
        } = one;
        let delivered = time.plus(late_seconds + chance.seconds(0, DELIVERY_SECONDS_MAX));
        let slot_seconds = plan.minutes_per_file * 60;
        let slot = delivered.unix().div_euclid(slot_seconds) * slot_seconds;
        let slot = UtcSecond::from_unix(slot);
        let text = record.to_string();
        laid.record_count += 1;
        if plan.oddities && chance.once_in(REPEAT_ONE_IN) {
            laid.record_count += 1;
            laid.duplicate_count += 1;
            let again = (account.clone(), region.clone(), slot, true);
            files.entry(again).or_default().add(text.clone(), delivered);
        }
        let own = (account, region, slot, false);
        files.entry(own).or_default().add(text, delivered);
    }
    for ((account, region, slot, _), file) in files {
        let File {
            mut records,
            delivered,
        } = file;
        chance.shuffle(&mut records);
        // A file is named by when it was delivered: no record in it is later.
        let stamp = delivered
            .unwrap_or(slot)
            .to_string()
            .replace(['-', ':'], "");
        let stamp = stamp.get(..13).unwrap_or(&stamp);
        let mark = chance.file_mark();
        let day = slot.day().strftime("%Y/%m/%d");
        laid.files.push(GeneratedFile {
            key: format!(
                "AWSLogs/{ORGANIZATION}/{account}/CloudTrail/{region}/{day}/\
                 {account}_CloudTrail_{region}_{stamp}Z_{mark}.json.gz"
            ),
            body: gzip(&format!("{{\"Records\":[{}]}}", records.join(","))),
        });
    }
    laid.files.sort_by(|left, right| left.key.cmp(&right.key));
    laid
}

/// Compresses with no time and no name in the header: the same bytes each time.
pub(super) fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::new(6));
    // Writing to memory does not fail.
    let _ = encoder.write_all(text.as_bytes());
    encoder.finish().unwrap_or_default()
}

/// Writes files below a folder, making folders as needed. No link below it is followed: one
/// in the place of a file is replaced, one in the place of a folder an error.
///
/// # Errors
///
/// When a file or folder cannot be written.
pub fn write_to(folder: &Path, files: &[GeneratedFile]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut made: Option<std::path::PathBuf> = None;
    for file in files {
        let path = folder.join(&file.key);
        let parent = path.parent().map(Path::to_owned);
        if parent != made {
            make_folders(folder, Path::new(&file.key).parent())?;
            made = parent;
        }
        if fs::symlink_metadata(&path).is_ok_and(|there| !there.is_dir()) {
            fs::remove_file(&path)?;
        }
        let mut new = fs::File::options()
            .write(true)
            .create_new(true)
            .open(&path)?;
        new.write_all(&file.body)?;
    }
    Ok(())
}

/// Makes the folders of a file, one in the other.
fn make_folders(root: &Path, below: Option<&Path>) -> io::Result<()> {
    let mut folder = root.to_owned();
    for part in below.into_iter().flat_map(Path::components) {
        folder.push(part);
        match fs::symlink_metadata(&folder) {
            Ok(there) if there.is_dir() => {}
            Ok(_) => {
                let message = format!(
                    "{}: expected a folder, found a link or a file",
                    folder.display()
                );
                return Err(io::Error::new(io::ErrorKind::NotADirectory, message));
            }
            Err(_) => fs::create_dir(&folder)?,
        }
    }
    Ok(())
}
