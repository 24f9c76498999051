//! CloudTrail's public keys, and what they say of a signature
//! (docs/cloudtrail-facts.md#digests).

use super::digest::Digest;
use super::name::tail;
use crate::model::json::{for_each_member, is_list, member, text as text_of, try_for_each_of};
use crate::model::text::Text;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pkcs1::RsaPublicKeyRef;
use pkcs1::der::Decode as _;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::value::RawValue;
use spki::SubjectPublicKeyInfoRef;
use std::collections::BTreeMap;

/// Keys by fingerprint, as `list-public-keys` gives them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublicKeys {
    /// The PKCS#1 form; `None` where the key cannot be read.
    keys: BTreeMap<String, Option<Vec<u8>>>,
}

/// The metadata of digests, by the end of their keys.
pub type Signatures = BTreeMap<Text, BTreeMap<Text, Text>>;

/// The reason why a file is refused as signatures.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignaturesError {
    /// It is not JSON.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// It is something else.
    #[error(
        "no signatures: expected {{KEY: {{\"signature\": HEX, \"signature-algorithm\": NAME}}}} with keys of digest files"
    )]
    NoSignatures,
}

/// Reads the metadata of digest objects, by their keys (`s3://bucket/` in front or not).
///
/// # Errors
///
/// When the text is something else.
pub fn read_signatures(text: &[u8], into: &mut Signatures) -> Result<(), SignaturesError> {
    let objects: &RawValue = serde_json::from_slice(text)
        .map_err(|error| SignaturesError::NotJson(error.to_string()))?;
    let mut outcome = Ok(());
    let read = for_each_member(objects, &mut |key, object_metadata| {
        if outcome.is_ok() {
            outcome = read_object_metadata(key, object_metadata, into);
        }
    });
    read.map_err(|_| SignaturesError::NoSignatures)?;
    outcome
}

/// Metadata that CloudTrail gives a digest, as far as anything is read of it.
const METADATA: [&str; 3] = [
    "signature",
    "signature-algorithm",
    "backfill-generation-timestamp",
];

fn read_object_metadata(
    key: &str,
    object_metadata: &RawValue,
    into: &mut Signatures,
) -> Result<(), SignaturesError> {
    let end = tail(key).ok_or(SignaturesError::NoSignatures)?.into_owned();
    let mut members = BTreeMap::new();
    let mut outcome = Ok(());
    let read = for_each_member(
        object_metadata,
        &mut |name, value| match text_of(Some(value)) {
            Some(value) => {
                let name = name.to_ascii_lowercase();
                if METADATA.contains(&name.as_str()) {
                    members.insert(Text::from(name), Text::from(value));
                }
            }
            None => outcome = Err(SignaturesError::NoSignatures),
        },
    );
    read.map_err(|_| SignaturesError::NoSignatures)?;
    outcome?;
    into.insert(end.into(), members);
    Ok(())
}

/// The reason why a file is refused as public keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// It is not JSON.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// It is something else.
    #[error("no public keys: expected the output of aws cloudtrail list-public-keys")]
    NoKeys,
}

/// The status of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SignatureStatus {
    /// CloudTrail made it.
    Yes,
    /// CloudTrail did not make it, or not for this digest.
    No,
    /// Its key was not given.
    NoKey,
    /// Its key cannot be read.
    BadKey,
}

impl PublicKeys {
    /// Returns true if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Takes in the output of `aws cloudtrail list-public-keys`: one answer or several,
    /// one after the other, or single keys.
    ///
    /// # Errors
    ///
    /// When the text is something else.
    pub fn read(&mut self, text: &[u8]) -> Result<(), KeysError> {
        let mut found = 0;
        for answer in serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>() {
            let answer = answer.map_err(|error| KeysError::NotJson(error.to_string()))?;
            let list = member(answer, "PublicKeyList").filter(|list| is_list(list));
            let mut is_empty = true;
            let mut read = |key: &RawValue| {
                is_empty = false;
                found += 1;
                self.read_key(key)
            };
            match list {
                Some(list) => try_for_each_of(Some(list), &mut read)?,
                None => read(answer)?,
            }
            found += u64::from(is_empty);
        }
        (found > 0).then_some(()).ok_or(KeysError::NoKeys)
    }

    fn read_key(&mut self, key: &RawValue) -> Result<(), KeysError> {
        let fingerprint = text_of(member(key, "Fingerprint")).ok_or(KeysError::NoKeys)?;
        let value = text_of(member(key, "Value")).ok_or(KeysError::NoKeys)?;
        let der = STANDARD.decode(value.trim()).ok();
        self.add(&fingerprint, der.as_deref());
        Ok(())
    }

    /// Takes in one key by its DER form, PKCS#1 or SPKI. `None` is a key that cannot be
    /// read.
    pub fn add(&mut self, fingerprint: &str, der: Option<&[u8]>) {
        let key = der.and_then(pkcs1).map(<[u8]>::to_vec);
        let known = self.keys.entry(fingerprint.to_owned()).or_default();
        if known.is_none() {
            *known = key;
        }
    }

    /// Verifies a digest's signature and returns its status.
    pub(super) fn check(&self, digest: &Digest, signature: &str) -> SignatureStatus {
        match self.keys.get(&*digest.fingerprint) {
            None => SignatureStatus::NoKey,
            Some(None) => SignatureStatus::BadKey,
            Some(Some(key)) => {
                let Ok(signature) = hex::decode(signature) else {
                    return SignatureStatus::No;
                };
                let text = digest.signed_text();
                let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
                match key.verify(text.as_bytes(), &signature) {
                    Ok(()) => SignatureStatus::Yes,
                    Err(_) => SignatureStatus::No,
                }
            }
        }
    }
}

/// An RSA key in PKCS#1 form, also where it is wrapped in SPKI (RFC 8017, A.1.1, and
/// RFC 5280, 4.1). `None` where it is neither.
fn pkcs1(der: &[u8]) -> Option<&[u8]> {
    let bare = match SubjectPublicKeyInfoRef::from_der(der) {
        Ok(wrapped) => wrapped.subject_public_key.as_bytes()?,
        Err(_) => der,
    };
    RsaPublicKeyRef::from_der(bare).ok().map(|_| bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_are_none_are_kept_as_such_and_others_refused() {
        let mut keys = PublicKeys::default();
        keys.read(br#"{"PublicKeyList": [{"Value": "AAAA", "Fingerprint": "f"}]}"#)
            .unwrap();
        assert_eq!(keys.keys.get("f"), Some(&None));
        for text in ["", "[]", "{}", "{\"PublicKeyList\": [{}]}"] {
            let mut keys = PublicKeys::default();
            assert_eq!(keys.read(text.as_bytes()), Err(KeysError::NoKeys), "{text}");
        }
        assert!(matches!(keys.read(b"{"), Err(KeysError::NotJson(_))));
        keys.read(b"{\"PublicKeyList\": []}").unwrap();
    }

    #[test]
    fn damaged_keys_are_no_keys() {
        let key = [0x30, 0x06, 0x02, 0x01, 0x05, 0x02, 0x01, 0x03];
        assert_eq!(pkcs1(&key), Some(&key[..]));
        for cut in 0..key.len() {
            assert_eq!(pkcs1(&key[..cut]), None, "{cut}");
        }
        assert_eq!(pkcs1(&[&key[..], &[0]].concat()), None);
        assert_eq!(pkcs1(&[0x30, 0x80, 0, 0]), None);
        assert_eq!(pkcs1(&[0x31, 0x00]), None);
    }
}
