//! Forms of files that are neither gzip nor JSON, by their first bytes.

use memchr::memmem;

/// The byte order mark of UTF-8, which some tools write before a text.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// First bytes of forms, and a message that names the form and the next step.
const STARTS: [(&[u8], &str); 17] = [
    (
        b"PK\x03\x04",
        "a zip archive or workbook: unpack it and read its files",
    ),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\xfd7zXZ\x00", "an xz file: decompress it (xz -d)"),
    (b"BZh", "a bzip2 file: decompress it (bzip2 -d)"),
    (b"\x04\x22\x4d\x18", "an lz4 file: decompress it (lz4 -d)"),
    (
        b"7z\xbc\xaf\x27\x1c",
        "a 7-Zip archive: unpack it and read its files",
    ),
    (b"Rar!", "a RAR archive: unpack it and read its files"),
    (b"\xff\x06\x00\x00sNaPpY", "a snappy file: decompress it"),
    (b"ORC", "an ORC file: export it as JSON, CSV or Parquet"),
    (
        b"Obj\x01",
        "an Avro file: export it as JSON, CSV or Parquet",
    ),
    (b"SQLite format 3", "a SQLite database"),
    (b"%PDF", "a PDF file"),
    (b"\x89PNG", "a picture"),
    (
        b"<?xml",
        "XML, such as an error message that was saved in place of a file: download the file again",
    ),
    (
        b"<Error",
        "XML, such as an error message that was saved in place of a file: download the file again",
    ),
    (
        b"<html",
        "HTML, such as a sign-in page that was saved in place of a file: download the file again",
    ),
    (
        b"<!DOCTYPE",
        "HTML, such as a sign-in page that was saved in place of a file: download the file again",
    ),
];

/// Returns true if a file is neither JSON nor an archive or compressed file, in which there may be
/// logs.
pub(super) fn is_no_log(bytes: &[u8]) -> bool {
    let text = bytes.trim_ascii_start();
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let is_json = matches!(text.first(), Some(b'{' | b'[' | b'"' | b'0'..=b'9'));
    let holds_files =
        name_of(bytes).is_some_and(|name| name.contains("unpack") || name.contains("decompress"));
    !is_json && !holds_files
}

/// Position of the magic of a tar archive.
const TAR_AT: usize = 257;

/// Returns a message that names the form of a file, and the next step.
pub(super) fn name_of(bytes: &[u8]) -> Option<&'static str> {
    let start = STARTS.iter().find(|(start, _)| bytes.starts_with(start));
    let is_tar = bytes
        .get(TAR_AT..)
        .is_some_and(|rest| rest.starts_with(b"ustar"));
    let is_flow_log = || {
        let line = bytes
            .split(|byte| *byte == b'\n')
            .next()
            .unwrap_or_default();
        memmem::find(line, b"interface-id").is_some()
    };
    match start {
        Some((_, message)) => Some(message),
        None if is_tar => Some("a tar archive: unpack it (tar -xf) and read its files"),
        None if is_flow_log() => Some("VPC flow logs"),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_named() {
        let mut tar = vec![0; 512];
        tar[TAR_AT..TAR_AT + 5].copy_from_slice(b"ustar");
        for (bytes, name) in [
            (&tar[..], "tar"),
            (b"PK\x03\x04rest", "zip"),
            (b"BZh9", "bzip2"),
            (b"version account-id interface-id\n2 1", "flow"),
            (b"<Error><Code>AccessDenied", "XML"),
        ] {
            assert!(name_of(bytes).unwrap().contains(name), "{name}");
        }
        assert_eq!(name_of(b"hello"), None);
        assert_eq!(name_of(b""), None);
    }
}
