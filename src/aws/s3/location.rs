//! Locations of logs in S3, and access to them.

use crate::aws::session::Access;
use crate::model::key::TrailObjects;
use aws_sdk_s3::types::RequestPayer;
use std::collections::BTreeSet;

/// Logs in a bucket: `s3://bucket/prefix`, and how to reach it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct S3Location {
    /// The bucket.
    pub bucket: String,
    /// The key prefix, without a leading slash.
    pub prefix: String,
    /// Role and Region.
    pub access: Access,
    /// The account that has to own the bucket, where it is known.
    pub expected_bucket_owner: Option<String>,
    /// True if the caller pays for requests, where the bucket asks for that.
    pub requester_pays: bool,
    /// Only these accounts, where any are named.
    pub accounts: BTreeSet<String>,
    /// Only these Regions, where any are named.
    pub regions: BTreeSet<String>,
    /// The kind of trail objects to read.
    pub objects: TrailObjects,
}

impl S3Location {
    /// Reads `s3://bucket/prefix`. `None` where it is no such URL.
    #[must_use]
    pub fn parse(url: &str) -> Option<Self> {
        let (bucket, prefix) = match url.strip_prefix("s3://")?.split_once('/') {
            Some((bucket, prefix)) => (bucket, prefix.trim_start_matches('/')),
            None => (url.strip_prefix("s3://")?, ""),
        };
        let is_bucket = (3..=63).contains(&bucket.len())
            && bucket
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
        is_bucket.then(|| Self {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            ..Self::default()
        })
    }

    /// The digests next to these logs.
    #[must_use]
    pub fn digests(&self) -> Self {
        Self {
            prefix: TrailObjects::Digests.sibling_root(&self.prefix),
            objects: TrailObjects::Digests,
            ..self.clone()
        }
    }

    /// An object or folder of it, as people know it.
    pub(in crate::aws) fn url(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }

    pub(super) fn payer(&self) -> Option<RequestPayer> {
        self.requester_pays.then_some(RequestPayer::Requester)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let location = S3Location::parse("s3://amzn-s3-demo-bucket/a/b").unwrap();
        assert_eq!(location.bucket, "amzn-s3-demo-bucket");
        assert_eq!(location.prefix, "a/b");
        assert_eq!(
            S3Location::parse("s3://amzn-s3-demo-bucket")
                .unwrap()
                .prefix,
            ""
        );
        for wrong in ["s3://", "s3:///a", "https://b/a", "s3://a b/c", "s3://ab"] {
            assert_eq!(S3Location::parse(wrong), None, "{wrong}");
        }
    }
}
