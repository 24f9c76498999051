//! A digest file as it is written (docs/cloudtrail-facts.md#digests).

use crate::model::integrity::{Hash, hash_of};
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use serde::Deserialize;
use std::borrow::Cow;

/// The content of a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// `digestS3Bucket`.
    pub bucket: Text,
    /// `digestS3Object`.
    pub object: Text,
    /// `digestStartTime`.
    pub started_at: UtcSecond,
    /// `digestEndTime`.
    pub ended_at: UtcSecond,
    /// `digestEndTime` as it is written, which is what is signed.
    pub ended_at_text: Box<str>,
    /// `digestPublicKeyFingerprint`.
    pub fingerprint: Text,
    /// The digest before it; `None` where a chain begins.
    pub previous: Option<PreviousDigest>,
    /// `previousDigestSignature`, in hex.
    pub previous_signature: Option<Box<str>>,
    /// The log files of its hour.
    pub log_files: Vec<NamedLogFile>,
    /// SHA-256 of the digest's own text.
    pub hash: Hash,
}

/// The digest before one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviousDigest {
    /// `previousDigestS3Bucket`.
    pub bucket: Text,
    /// `previousDigestS3Object`.
    pub object: Text,
    /// `previousDigestHashValue`, where it is a SHA-256.
    pub hash: Option<Hash>,
}

/// A log file that a digest names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedLogFile {
    /// `s3Bucket`.
    pub bucket: Text,
    /// `s3Object`.
    pub object: Text,
    /// `hashValue`; `None` where it is no SHA-256, which no file can match.
    pub hash: Option<Hash>,
}

/// The reason why a text is no digest; an invalid format in the terms of `validate-logs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no digest: {0}")]
pub struct NoDigest(&'static str);

/// The members of a digest that matter, as they are written: nothing else of the text is
/// kept, whatever it holds.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(expecting = "a JSON object")]
struct RawDigest<'a> {
    #[serde(borrow)]
    digest_public_key_fingerprint: Cow<'a, str>,
    #[serde(borrow, rename = "digestS3Bucket")]
    bucket: Cow<'a, str>,
    #[serde(borrow, rename = "digestS3Object")]
    object: Cow<'a, str>,
    #[serde(borrow)]
    digest_start_time: Cow<'a, str>,
    #[serde(borrow)]
    digest_end_time: Cow<'a, str>,
    /// May be null, and has to be there, by `validate-logs` either.
    #[serde(borrow, deserialize_with = "Option::deserialize")]
    previous_digest_signature: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "previousDigestS3Bucket")]
    previous_bucket: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "previousDigestS3Object")]
    previous_object: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    previous_digest_hash_value: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "Option::deserialize")]
    log_files: Option<Vec<RawLogFile<'a>>>,
}

#[derive(Deserialize)]
#[serde(expecting = "a JSON object")]
struct RawLogFile<'a> {
    #[serde(borrow, rename = "s3Bucket")]
    bucket: Cow<'a, str>,
    #[serde(borrow, rename = "s3Object")]
    object: Cow<'a, str>,
    #[serde(borrow, rename = "hashValue")]
    hash: Cow<'a, str>,
}

impl Digest {
    /// Reads a digest's text, inflated.
    ///
    /// # Errors
    ///
    /// When it is not JSON, lacks what a digest has, or has it in another shape.
    pub fn read(text: &[u8]) -> Result<Self, NoDigest> {
        let raw: RawDigest<'_> = serde_json::from_slice(text).map_err(|_| {
            NoDigest("it is not JSON, or lacks a member, or has it in another shape")
        })?;
        let moment = |text: &str| UtcSecond::parse(text).ok_or(NoDigest("a time is invalid"));
        let previous = raw.previous_bucket.zip(raw.previous_object);
        let told = raw.previous_digest_hash_value;
        let log_files = raw
            .log_files
            .into_iter()
            .flatten()
            .map(|file| NamedLogFile {
                bucket: file.bucket.into(),
                object: file.object.into(),
                hash: hash(&file.hash),
            });
        Ok(Self {
            bucket: raw.bucket.into(),
            object: raw.object.into(),
            started_at: moment(&raw.digest_start_time)?,
            ended_at: moment(&raw.digest_end_time)?,
            ended_at_text: raw.digest_end_time.into(),
            fingerprint: raw.digest_public_key_fingerprint.into(),
            previous: previous.map(|(bucket, object)| PreviousDigest {
                bucket: bucket.into(),
                object: object.into(),
                hash: told.as_deref().and_then(hash),
            }),
            previous_signature: raw.previous_digest_signature.map(Into::into),
            log_files: log_files.collect(),
            hash: hash_of(text),
        })
    }

    /// Returns the text that CloudTrail signs.
    #[must_use]
    pub fn signed_text(&self) -> String {
        format!(
            "{}\n{}/{}\n{}\n{}",
            self.ended_at_text,
            self.bucket,
            self.object,
            hex::encode(self.hash),
            self.previous_signature.as_deref().unwrap_or("null")
        )
    }
}

/// The bytes of a hash in hex, as CloudTrail spells it: in lower case.
fn hash(text: &str) -> Option<Hash> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    hex::decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const REQUIRED: [&str; 6] = [
        "digestPublicKeyFingerprint",
        "digestS3Bucket",
        "digestS3Object",
        "previousDigestSignature",
        "digestEndTime",
        "digestStartTime",
    ];

    fn digest() -> Value {
        json!({
            "awsAccountId": "111122223333",
            "digestStartTime": "2026-07-01T10:00:31Z", "digestEndTime": "2026-07-01T11:00:31Z",
            "digestS3Bucket": "amzn-s3-demo-bucket", "digestS3Object": "k",
            "digestPublicKeyFingerprint": "f", "previousDigestSignature": null,
            "previousDigestS3Bucket": null, "previousDigestS3Object": null,
            "previousDigestHashValue": null, "logFiles": [],
        })
    }

    fn read(value: &Value) -> Result<Digest, NoDigest> {
        Digest::read(value.to_string().as_bytes())
    }

    #[test]
    fn a_starting_digest_signs_null() {
        let digest = read(&digest()).unwrap();
        assert_eq!(digest.previous, None);
        let text = digest.signed_text();
        assert!(text.starts_with("2026-07-01T11:00:31Z\namzn-s3-demo-bucket/k\n"));
        assert!(text.ends_with("\nnull"));
        assert_eq!(text.lines().nth(2).unwrap(), hex::encode(digest.hash));
    }

    #[test]
    fn every_required_member_is_required() {
        for name in REQUIRED {
            let mut lacking = digest();
            lacking.as_object_mut().unwrap().remove(name);
            assert!(read(&lacking).is_err(), "{name}");
            let mut wrong = digest();
            wrong[name] = json!(7);
            assert!(read(&wrong).is_err(), "{name}");
        }
        for (name, value) in [
            ("digestEndTime", json!("yesterday")),
            ("logFiles", json!({})),
            ("logFiles", json!([1])),
            ("logFiles", json!([{"s3Bucket": "b", "s3Object": "o"}])),
        ] {
            let mut wrong = digest();
            wrong[name] = value;
            assert!(read(&wrong).is_err(), "{name}");
        }
        assert!(Digest::read(b"").is_err());
        assert!(Digest::read(b"[]").is_err());
    }

    #[test]
    fn a_hash_that_is_none_matches_no_file() {
        let sixty_three = "a".repeat(63);
        for wrong in ["", "xyz", sixty_three.as_str(), &"A".repeat(64)] {
            let mut one = digest();
            one["logFiles"] = json!([{"s3Bucket": "b", "s3Object": "o", "hashValue": wrong}]);
            assert_eq!(read(&one).unwrap().log_files[0].hash, None, "{wrong}");
        }
    }
}
