//! A bucket: its objects as they were listed, and one try to get one of them.

use super::location::S3Location;
use super::page::{ListPage, ListedObject};
use super::walk::Lister;
use crate::aws::error::{AwsError, AwsErrorKind};
use crate::aws::prefetch::{Fetch, Fetching};
use crate::aws::session::Aws;
use crate::model::coverage::Limits;
use crate::model::key::TrailObjects;
use crate::model::text::Text;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Region, ResponseChecksumValidation, StalledStreamProtectionConfig};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_types::retry::RetryConfig;
use hashbrown::HashMap;
use std::collections::{BTreeMap, HashMap as StdHashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// Stored bytes of one object.
const STORED_BYTES_MAX: u64 = Limits::DEFAULT.object_bytes_max as u64;

/// The listed objects, and how to ask for them.
pub(super) struct Bucket {
    client: Mutex<Client>,
    pub(super) location: Arc<S3Location>,
    /// In the order they were listed.
    objects: RwLock<Vec<ListedObject>>,
    /// True if sizes and `ETag`s are known.
    is_listed: bool,
    /// Metadata of fetched objects: of digests, their signatures.
    metadata: Mutex<HashMap<u32, BTreeMap<Text, Text>>>,
}

/// A client for the location's Region, or for the one that S3 said it is in.
pub(super) fn client(aws: &Aws, location: &S3Location) -> Client {
    let mut access = location.access.clone();
    if let Some(region) = aws.region_of(&location.bucket) {
        access.region = Some(region);
    }
    let config = aws.config(&access);
    // Buckets are part of the host's name only where AWS itself is the host.
    let elsewhere = config.endpoint_url().is_some()
        || config
            .service_config()
            .is_some_and(|_| std::env::var_os("AWS_ENDPOINT_URL_S3").is_some());
    // Tries are counted here, so that being told to slow down is heard at once, and no
    // limit of the SDK's own is put upon them.
    let once = RetryConfig::standard().with_max_attempts(1);
    let own = aws_sdk_s3::config::Builder::from(&config)
        .retry_config(once)
        // Each try has its own time, and gzip its own checksum: small objects are many.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .force_path_style(elsewhere);
    Client::from_conf(own.build())
}

impl Bucket {
    pub(super) fn new(
        aws: &Aws,
        location: S3Location,
        objects: Vec<ListedObject>,
        is_listed: bool,
    ) -> Self {
        Self {
            client: Mutex::new(client(aws, &location)),
            location: Arc::new(location),
            objects: RwLock::new(objects),
            is_listed,
            metadata: Mutex::default(),
        }
    }

    /// Returns the lister of the location.
    pub(super) fn lister(&self, aws: &Aws) -> Lister {
        Lister {
            client: self.client(),
            location: Arc::clone(&self.location),
            patience: aws.patience(),
            at_once: aws.lists(),
        }
    }

    /// The first page of the location, from the Region that the bucket is in.
    pub(super) fn first_page(&self, aws: &Aws) -> Result<ListPage, AwsError> {
        let ask = || aws.block_on(self.lister(aws).first());
        match ask() {
            Err(error) if error.kind == AwsErrorKind::OtherRegion => {
                let Some(region) = &error.region else {
                    return Err(error);
                };
                aws.note_region(&self.location.bucket, region);
                self.move_to(region);
                ask()
            }
            first => first,
        }
    }

    fn client(&self) -> Client {
        let client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        client.clone()
    }

    pub(super) fn add(&self, listed: ListedObject) -> u32 {
        let mut objects = self.objects.write().unwrap_or_else(PoisonError::into_inner);
        objects.push(listed);
        u32::try_from(objects.len() - 1).unwrap_or(u32::MAX)
    }

    /// Applies a function to an object's entry; `None` if there is no such object.
    pub(super) fn of_listed<T>(
        &self,
        object: u32,
        ask: impl FnOnce(&ListedObject) -> T,
    ) -> Option<T> {
        let objects = self.objects.read().unwrap_or_else(PoisonError::into_inner);
        objects.get(object as usize).map(ask)
    }

    /// The objects in the order of their keys, each once.
    pub(super) fn by_key(&self) -> Vec<u32> {
        let objects = self.objects.read().unwrap_or_else(PoisonError::into_inner);
        let count = u32::try_from(objects.len()).unwrap_or(u32::MAX);
        let mut by_key: Vec<u32> = (0..count).collect();
        by_key.sort_unstable_by_key(|&object| &objects[object as usize]);
        by_key.dedup_by_key(|object| &objects[*object as usize]);
        by_key
    }

    fn move_to(&self, region: &str) {
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        let config = client
            .config()
            .to_builder()
            .region(Region::new(region.to_owned()));
        *client = Client::from_conf(config.build());
    }

    pub(super) fn metadata(&self) -> MutexGuard<'_, HashMap<u32, BTreeMap<Text, Text>>> {
        self.metadata.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep_metadata(&self, object: u32, told: Option<&StdHashMap<String, String>>) {
        let told = told.into_iter().flatten();
        let told = told.map(|(name, value)| (name.as_str().into(), value.as_str().into()));
        self.metadata().insert(object, told.collect());
    }

    /// Asks for an object, from a byte on; where there is a tag, for that version of it. Errors name
    /// the `place`.
    async fn ask(
        &self,
        key: &str,
        from: u64,
        tag: Option<&str>,
        place: &str,
    ) -> Result<GetObjectOutput, AwsError> {
        let client = self.client();
        let asked = client.get_object().bucket(&self.location.bucket).key(key);
        asked
            .set_range((from > 0).then(|| format!("bytes={from}-")))
            .set_if_match(tag.map(|tag| format!("\"{tag}\"")))
            .set_request_payer(self.location.payer())
            .set_expected_bucket_owner(self.location.expected_bucket_owner.clone())
            .send()
            .await
            .map_err(|error| AwsError::of(&error, "s3:GetObject", place))
    }

    /// One try to get the rest of an object, from a byte on. It has to be the version that was
    /// listed.
    pub(super) async fn body(
        &self,
        key: &str,
        from: u64,
        tag: &str,
    ) -> Result<ByteStream, AwsError> {
        // Without an `ETag`, it is a moment.
        let tag = Some(tag).filter(|tag| !tag.bytes().all(|byte| byte.is_ascii_digit()));
        let answer = self.ask(key, from, tag, &self.location.url(key)).await?;
        Ok(answer.body)
    }

    /// One try to get an object, whole.
    async fn get(&self, object: u32) -> Result<Vec<u8>, AwsError> {
        let Some(listed) = self.of_listed(object, ListedObject::clone) else {
            return Err(AwsError::other("the object does not exist".to_owned()));
        };
        let key = listed.key();
        let broken = |message: String| AwsError::new(AwsErrorKind::Unreachable, message);
        let answer = self.ask(&key, 0, None, "S3").await;
        let answer = answer.map_err(|error| {
            if let (AwsErrorKind::OtherRegion, Some(region)) = (error.kind, &error.region) {
                // Objects that were not listed come from a bucket whose Region no one asked.
                self.move_to(region);
                return AwsError::new(AwsErrorKind::Unreachable, error.message);
            }
            if error.kind == AwsErrorKind::Absent {
                let message = "it was listed, but no longer exists".to_owned();
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

impl Fetch for Bucket {
    fn bytes(&self, object: u32) -> u64 {
        self.of_listed(object, |listed| listed.bytes)
            .unwrap_or_default()
    }

    fn fetch(&self, object: u32) -> Fetching<'_> {
        Box::pin(self.get(object))
    }
}
