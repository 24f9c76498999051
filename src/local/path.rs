//! Paths as keys, and back. A key is text, and a path need not be: two paths that differ
//! only in bytes that are no text must not have one key.

use crate::model::text::Text;
use std::path::{Path, PathBuf};

/// Returns the key of a path: its text, in which bytes that are no UTF-8 stand as `\xff`. A
/// backslash that would read like one of them stands as `\x5c`.
#[must_use]
pub fn key_of(path: &Path) -> Text {
    match path.to_str() {
        Some(text) if !text.contains("\\x") => text.into(),
        _ => escaped(path),
    }
}

#[cfg(unix)]
fn escaped(path: &Path) -> Text {
    use std::fmt::Write as _;
    use std::os::unix::ffi::OsStrExt;
    let bytes = path.as_os_str().as_bytes();
    let mut key = String::with_capacity(bytes.len() + 8);
    let mut behind = 0;
    for chunk in bytes.utf8_chunks() {
        for (at, letter) in chunk.valid().char_indices() {
            if letter == '\\' && escape_at(&bytes[behind + at..]).is_some() {
                key.push_str("\\x5c");
            } else {
                key.push(letter);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(key, "\\x{byte:02x}");
        }
        behind += chunk.valid().len() + chunk.invalid().len();
    }
    key.into()
}

#[cfg(not(unix))]
fn escaped(path: &Path) -> Text {
    path.to_string_lossy().into()
}

/// The byte that an escape at the start of some text stands for.
#[cfg(unix)]
fn escape_at(text: &[u8]) -> Option<u8> {
    let digits = text.strip_prefix(b"\\x")?.get(..2)?;
    let is_lower = digits
        .iter()
        .all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(digit));
    let digits = str::from_utf8(digits).ok().filter(|_| is_lower)?;
    u8::from_str_radix(digits, 16).ok()
}

/// Returns the path that has a key.
#[cfg(unix)]
#[must_use]
pub fn path_of(key: &str) -> PathBuf {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.as_bytes();
    while let Some(&first) = rest.first() {
        let escape = escape_at(rest);
        bytes.push(escape.unwrap_or(first));
        rest = &rest[if escape.is_some() { 4 } else { 1 }..];
    }
    OsString::from_vec(bytes).into()
}

/// Returns the path that has a key.
#[cfg(not(unix))]
#[must_use]
pub fn path_of(key: &str) -> PathBuf {
    key.into()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn plain_paths_are_their_own_keys() {
        for path in ["AWSLogs/a b/é.json", "a\\b", "\\x", "\\xg0", "\\xFF"] {
            assert_eq!(&*key_of(Path::new(path)), path);
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_kept_apart() {
        let key = |bytes: &[u8]| key_of(Path::new(OsStr::from_bytes(bytes))).to_string();
        assert_eq!(key(b"a\xff.json"), "a\\xff.json");
        assert_eq!(key(b"a\xfe.json"), "a\\xfe.json");
        assert_eq!(key(b"a\\xff.json"), "a\\x5cxff.json");
    }

    proptest! {
        #[test]
        fn a_key_leads_back_to_its_path(
            parts in prop::collection::vec(prop_oneof![
                Just(b"\\x".to_vec()), Just(b"ff".to_vec()), Just(b"5c".to_vec()),
                Just(b"\\".to_vec()), prop::collection::vec(any::<u8>(), 1..4),
            ], 0..6),
        ) {
            let bytes = parts.concat();
            let path = Path::new(OsStr::from_bytes(&bytes));
            let back = path_of(&key_of(path));
            prop_assert_eq!(back.as_os_str().as_bytes(), &bytes[..]);
        }
    }
}
