//! Strings as the model keeps them: shared, and compact where they are ids.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;
use uuid::Uuid;

/// A string that many events share: an ARN, a Region, a role id.
pub type Text = Arc<str>;

/// Hex digits of an id by digest, after its letter.
const DIGEST_ID_DIGITS: usize = 12;

/// The id of what these parts, in this order, tell from everything else: a letter, a
/// hyphen, and the start of their SHA-256. Each part counts with its length, so that
/// no two lists run together.
#[must_use]
pub fn digest_id<'p>(letter: char, parts: impl IntoIterator<Item = &'p str>) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let digest = hasher.finalize();
    format!("{letter}-{}", hex::encode(&digest[..DIGEST_ID_DIGITS / 2]))
}

/// An id that is a UUID in nearly every event, kept in 16 bytes when it is one
/// in the canonical spelling, and as it came when it is not.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum OpaqueId {
    /// A lower-case, hyphenated UUID.
    Uuid([u8; 16]),
    /// Anything else.
    Other(Text),
}

impl OpaqueId {
    /// Takes the id as it was logged.
    #[must_use]
    pub fn new(id: &str) -> Self {
        let canonical = |uuid: &Uuid| {
            let mut spelled = Uuid::encode_buffer();
            *uuid.hyphenated().encode_lower(&mut spelled) == *id
        };
        match Uuid::try_parse_ascii(id.as_bytes()) {
            Ok(uuid) if canonical(&uuid) => Self::Uuid(uuid.into_bytes()),
            _ => Self::Other(id.into()),
        }
    }
}

impl fmt::Display for OpaqueId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid(bytes) => Uuid::from_bytes(*bytes).hyphenated().fmt(formatter),
            Self::Other(text) => formatter.write_str(text),
        }
    }
}

impl fmt::Debug for OpaqueId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_spelling_comes_back_as_it_went_in() {
        for id in [
            "11111111-0000-4000-8000-00000000000a",
            "AAAAAAAA-0000-4000-8000-00000000000A",
            "11111111000040008000000000000000",
            "dEXAMPLE-ac7f-466c-a608-4ac8dEXAMPLE",
            "",
        ] {
            assert_eq!(OpaqueId::new(id).to_string(), id);
        }
    }

    #[test]
    fn a_canonical_uuid_takes_no_heap() {
        let id = OpaqueId::new("11111111-0000-4000-8000-00000000000a");
        assert!(matches!(id, OpaqueId::Uuid(_)));
    }
}
