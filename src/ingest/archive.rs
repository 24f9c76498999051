//! Forms of files by their first bytes: archives, Parquet, and forms that hold no bill as they are.

use super::bill_error::BillError;
use std::fs::File;
use std::io::{self, Read};
use zip::ZipArchive;

const COMPRESSED: &str = "decompress it, or export it as gzip";
const SPREADSHEET: &str = "save the sheet as CSV (UTF-8), with account ids as text";

/// Forms that cannot be read, by their first bytes, and what to do.
const OTHER_FORMS: [(&[u8], &str, &str); 5] = [
    (
        b"\x28\xb5\x2f\xfd",
        "a file compressed with zstd",
        COMPRESSED,
    ),
    (b"BZh", "a file compressed with bzip2", COMPRESSED),
    (b"\xfd7zXZ", "a file compressed with xz", COMPRESSED),
    (b"7z\xbc\xaf", "a 7-Zip archive", COMPRESSED),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet of Excel", SPREADSHEET),
];

/// The reason why a file of these first bytes cannot be read as it is, where it is known.
pub(super) fn other_form(start: &[u8]) -> Option<BillError> {
    let known = OTHER_FORMS
        .iter()
        .find(|(magic, ..)| start.starts_with(magic));
    known.map(|(_, found, remedy)| BillError::OtherForm { found, remedy })
}

pub(super) fn is_zip(start: &[u8]) -> bool {
    start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06")
}

pub(super) fn is_parquet(start: &[u8]) -> bool {
    start.starts_with(b"PAR1")
}

/// A file of an archive.
pub(super) struct ArchiveEntry {
    pub(super) index: usize,
    pub(super) name: String,
}

/// The files of an archive that may hold lines of a bill.
///
/// # Errors
///
/// When it cannot be read, holds a spreadsheet's parts, or no files.
pub(super) fn entries(file: &File) -> Result<Vec<ArchiveEntry>, BillError> {
    let mut archive = ZipArchive::new(file).map_err(BillError::Archive)?;
    let mut entries = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(BillError::Archive)?;
        let name = entry.name().map_err(BillError::Archive)?.into_owned();
        let is_spreadsheet = name == "xl/workbook.xml" || name == "Index/Document.iwa";
        let is_open_document = name == "mimetype" || name == "content.xml";
        if is_spreadsheet || is_open_document {
            return Err(BillError::OtherForm {
                found: "a spreadsheet",
                remedy: SPREADSHEET,
            });
        }
        if entry.encrypted() {
            return Err(BillError::OtherForm {
                found: "an encrypted zip archive",
                remedy: "decrypt it",
            });
        }
        let is_of_mac = name
            .split('/')
            .any(|part| part == "__MACOSX" || part.starts_with("._") || part == ".DS_Store");
        if entry.is_file() && !is_of_mac {
            entries.push(ArchiveEntry { index, name });
        }
    }
    if entries.is_empty() {
        return Err(io::Error::other("a zip archive without files").into());
    }
    Ok(entries)
}

/// Bytes of a manifest.
const MANIFEST_BYTES_MAX: u64 = 64 << 20;

/// The text of a manifest in an archive.
pub(super) fn text_of(file: &File, entry: &ArchiveEntry) -> Result<Vec<u8>, BillError> {
    let mut archive = ZipArchive::new(file).map_err(BillError::Archive)?;
    let entry = archive.by_index(entry.index).map_err(BillError::Archive)?;
    let mut text = Vec::new();
    entry.take(MANIFEST_BYTES_MAX).read_to_end(&mut text)?;
    Ok(text)
}
