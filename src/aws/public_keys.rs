//! The keys that digests are signed with: `ListPublicKeys`.

use super::error::AwsError;
use super::session::{Access, Aws};
use crate::model::integrity::PublicKey;
use crate::model::time::UtcSecond;
use crate::ports::{KeySource, SourceError};
use aws_sdk_cloudtrail::Client;
use aws_smithy_types::DateTime;

/// Pages of keys at most: there are a few keys a year.
const PAGES_MAX: usize = 100;

/// Asks CloudTrail for its public keys, Region by Region.
pub struct PublicKeyLookup {
    aws: Aws,
    access: Access,
}

impl PublicKeyLookup {
    /// With the access of an account; which one does not matter.
    #[must_use]
    pub fn new(aws: Aws, access: Access) -> Self {
        Self { aws, access }
    }

    async fn pages(
        &self,
        client: &Client,
        region: &str,
        from: UtcSecond,
        to: UtcSecond,
    ) -> Result<Vec<PublicKey>, AwsError> {
        let mut keys = Vec::new();
        let mut token = None;
        for _ in 0..PAGES_MAX {
            let answer = client
                .list_public_keys()
                .start_time(DateTime::from_secs(from.unix()))
                .end_time(DateTime::from_secs(to.unix()))
                .set_next_token(token)
                .send()
                .await;
            let place = format!("CloudTrail in {region}");
            let answer = answer
                .map_err(|error| AwsError::of(&error, "cloudtrail:ListPublicKeys", &place))?;
            for key in answer.public_key_list.unwrap_or_default() {
                if let (Some(fingerprint), Some(value)) = (key.fingerprint, key.value) {
                    keys.push(PublicKey {
                        fingerprint: fingerprint.into(),
                        der: value.into_inner(),
                    });
                }
            }
            token = answer.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(keys);
            }
        }
        Err(AwsError::other(format!(
            "more than {PAGES_MAX} pages of public keys"
        )))
    }
}

impl KeySource for PublicKeyLookup {
    fn public_keys(
        &self,
        region: &str,
        from: UtcSecond,
        to: UtcSecond,
    ) -> Result<Vec<PublicKey>, SourceError> {
        let access = Access {
            region: Some(region.to_owned()),
            ..self.access.clone()
        };
        let client = Client::new(&self.aws.config(&access));
        let keys = self.aws.block_on(self.pages(&client, region, from, to));
        keys.map_err(|error| SourceError {
            message: error.message,
            is_absent: false,
        })
    }
}
