//! Logs in S3 as a source of objects.

use super::ahead::{Ahead, Fetch, Fetching};
use super::s3_list::{self, Listed, OnListed, S3Location};
use super::session::Aws;
use super::trouble::{AwsError, Trouble};
use crate::model::coverage::Limits;
use crate::model::key::TrailObjects;
use crate::model::text::Text;
use crate::model::window::TimeWindow;
use crate::ports::{Listing, LogSource, SourceError, Version};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Region;
use hashbrown::HashMap;
use std::collections::{BTreeMap, HashMap as StdHashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Stored bytes of one object.
const STORED_BYTES_MAX: u64 = Limits::DEFAULT.object_bytes_max as u64;

/// What an object that was not listed is taken for, so that not too many are brought at
/// once.
const UNLISTED_BYTES: u64 = 512 << 10;

/// Objects of a bucket, in the order of their keys.
pub struct S3Logs {
    bucket: Arc<Bucket>,
    listing: Listing,
    ahead: Ahead,
}

/// The listed objects, and how to ask for them.
struct Bucket {
    client: Mutex<Client>,
    location: S3Location,
    objects: Vec<Listed>,
    /// Whether sizes and `ETag`s are known.
    is_listed: bool,
    /// What is kept beside objects that came: of digests, their signatures.
    metadata: Mutex<HashMap<u32, BTreeMap<Text, Text>>>,
}

impl S3Logs {
    /// Lists the logs of a window. `on_listed` hears how many objects are known.
    ///
    /// # Errors
    ///
    /// When the location itself cannot be listed. What cannot be listed below it is
    /// part of the listing instead.
    pub fn open(
        aws: &Aws,
        location: S3Location,
        window: &TimeWindow,
        on_listed: OnListed<'_>,
    ) -> Result<Self, AwsError> {
        let found = s3_list::list(aws, &location, window, on_listed)?;
        let bucket = Bucket {
            client: Mutex::new(found.client),
            location,
            objects: found.objects,
            is_listed: true,
            metadata: Mutex::default(),
        };
        Ok(Self::new(aws, bucket, found.listing))
    }

    /// Some objects by their keys, without listing.
    #[must_use]
    pub fn of_keys(aws: &Aws, location: S3Location, keys: &[&str]) -> Self {
        let client = s3_list::client(aws, &location, None);
        let listed = keys.iter().map(|key| {
            let cut = key.rfind('/').map_or(0, |at| at + 1);
            Listed {
                folder: key[..cut].into(),
                name: key[cut..].into(),
                bytes: UNLISTED_BYTES,
                etag: "".into(),
                changed_at: 0,
            }
        });
        let bucket = Bucket {
            client: Mutex::new(client),
            location,
            objects: listed.collect(),
            is_listed: false,
            metadata: Mutex::default(),
        };
        Self::new(aws, bucket, Listing::default())
    }

    fn new(aws: &Aws, bucket: Bucket, listing: Listing) -> Self {
        let bucket = Arc::new(bucket);
        let fetch = Box::new(Arc::clone(&bucket));
        Self {
            ahead: Ahead::new(fetch, aws.runtime(), (aws.backoff(), aws.attempts())),
            bucket,
            listing,
        }
    }
}

impl Bucket {
    fn move_to(&self, region: &str) {
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        let config = client
            .config()
            .to_builder()
            .region(Region::new(region.to_owned()));
        *client = Client::from_conf(config.build());
    }

    fn metadata(&self) -> MutexGuard<'_, HashMap<u32, BTreeMap<Text, Text>>> {
        self.metadata.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep_metadata(&self, object: u32, told: Option<&StdHashMap<String, String>>) {
        let told = told.into_iter().flatten();
        let told = told.map(|(name, value)| (name.as_str().into(), value.as_str().into()));
        self.metadata().insert(object, told.collect());
    }

    /// One try to get an object, whole.
    async fn get(&self, object: u32) -> Result<Vec<u8>, AwsError> {
        let Some(listed) = self.objects.get(object as usize) else {
            return Err(AwsError::other("there is no such object".to_owned()));
        };
        let key = listed.key();
        let broken = |message: String| AwsError::new(Trouble::Unreachable, message);
        let client = self
            .client
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let asked = client.get_object().bucket(&self.location.bucket).key(&key);
        let answer = asked
            .set_request_payer(self.location.payer())
            .set_expected_bucket_owner(self.location.expected_bucket_owner.clone())
            .send()
            .await;
        let answer = answer.map_err(|error| {
            let error = AwsError::of(&error, "s3:GetObject", "S3");
            if let (Trouble::OtherRegion, Some(region)) = (error.kind, &error.region) {
                // Objects that were not listed come from a bucket whose Region nobody asked.
                self.move_to(region);
                return AwsError::new(Trouble::Unreachable, error.message);
            }
            if error.kind == Trouble::Absent {
                let message = "it was listed, but is no longer there".to_owned();
                return AwsError { message, ..error };
            }
            error
        })?;
        if self.location.objects == TrailObjects::Digests {
            self.keep_metadata(object, answer.metadata());
        }
        let told = answer
            .content_length
            .and_then(|told| u64::try_from(told).ok());
        let told = told.unwrap_or(listed.bytes);
        if told > STORED_BYTES_MAX {
            let message = format!("{told} bytes; the limit for one object is {STORED_BYTES_MAX}");
            return Err(AwsError::other(message));
        }
        let is_replaced = answer
            .e_tag
            .as_deref()
            .is_some_and(|tag| tag.trim_matches('"') != &*listed.etag && !listed.etag.is_empty());
        let mut body = answer.body;
        let mut bytes = Vec::with_capacity(usize::try_from(told).unwrap_or_default());
        loop {
            match body.try_next().await {
                Ok(Some(part)) if bytes.len() as u64 + part.len() as u64 > STORED_BYTES_MAX => {
                    let message = format!("more than {STORED_BYTES_MAX} bytes, the limit");
                    return Err(AwsError::other(message));
                }
                Ok(Some(part)) => bytes.extend_from_slice(&part),
                Ok(None) => break,
                Err(error) => return Err(broken(format!("its body broke off: {error}"))),
            }
        }
        let length = bytes.len() as u64;
        let is_whole = length == listed.bytes || (is_replaced && length == told);
        if self.is_listed && !is_whole {
            let wanted = listed.bytes;
            return Err(broken(format!(
                "{length} bytes came of {wanted} that were listed"
            )));
        }
        Ok(bytes)
    }
}

impl Fetch for Arc<Bucket> {
    fn bytes(&self, object: u32) -> u64 {
        let listed = self.objects.get(object as usize);
        listed.map_or(0, |listed| listed.bytes)
    }

    fn fetch(&self, object: u32) -> Fetching<'_> {
        Box::pin(self.get(object))
    }
}

impl LogSource for S3Logs {
    fn object_count(&self) -> u32 {
        u32::try_from(self.bucket.objects.len()).unwrap_or(u32::MAX)
    }

    fn key(&self, object: u32) -> Text {
        match self.bucket.objects.get(object as usize) {
            Some(listed) => self.bucket.location.url(&listed.key()).into(),
            None => "".into(),
        }
    }

    fn read(&self, object: u32, body: &mut Vec<u8>) -> Result<(), SourceError> {
        self.ahead.take(object, body)
    }

    fn listing(&self) -> &Listing {
        &self.listing
    }

    fn expect(&self, objects: &[u32]) {
        self.ahead.announce(objects);
    }

    fn fetched(&self) -> Option<u64> {
        Some(self.ahead.fetched())
    }

    fn version(&self, object: u32) -> Option<Version> {
        let listed = self.bucket.objects.get(object as usize)?;
        Some(Version {
            tag: match &*listed.etag {
                "" => listed.changed_at.to_string().into(),
                etag => etag.into(),
            },
            bytes: listed.bytes,
        })
    }

    fn metadata(&self, object: u32) -> Option<BTreeMap<Text, Text>> {
        self.bucket.metadata().remove(&object)
    }
}
