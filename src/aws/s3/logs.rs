//! The logs of a window in a bucket, as a source of objects.

use super::bucket::Bucket;
use super::location::S3Location;
use super::page::ListedObject;
use super::walk;
use crate::aws::error::AwsError;
use crate::aws::prefetch::{Feed, Fetch};
use crate::aws::session::Aws;
use crate::model::text::Text;
use crate::model::window::TimeWindow;
use crate::ports::{Listing, ListingWatcher, LogSource, SourceError, Version};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Objects of a bucket, in the order of their keys.
pub struct S3Logs {
    bucket: Arc<Bucket>,
    /// The object of each position, as an index into the listed objects.
    by_key: Vec<u32>,
    listing: Listing,
    feed: Feed,
}

impl S3Logs {
    /// Lists the logs of a window, and starts to bring those that the watcher says will
    /// be read.
    ///
    /// # Errors
    ///
    /// When the location itself cannot be listed. What cannot be listed below it is
    /// part of the listing instead.
    pub fn open(
        aws: &Aws,
        location: S3Location,
        window: &TimeWindow,
        watcher: &dyn ListingWatcher,
    ) -> Result<Self, AwsError> {
        let bucket = Arc::new(Bucket::new(aws, location, Vec::new(), true));
        let feed = aws.ahead().feed(Arc::clone(&bucket) as Arc<dyn Fetch>);
        let first = bucket.first_page(aws)?;
        let listing = {
            let _is_listing = feed.while_listing();
            let mut on_object = |listed: ListedObject| {
                let key = bucket.location.url(&listed.key());
                let will_read = watcher.will_read(&key, &listed.version());
                let object = bucket.add(listed);
                if will_read {
                    feed.announce_too(object);
                }
            };
            let on_listed = |objects: usize| watcher.listed(objects);
            let lister = bucket.lister(aws);
            let walk = walk::walk(&lister, window, first, &mut on_object, &on_listed);
            aws.block_on(walk)?
        };
        let by_key = bucket.by_key();
        Ok(Self {
            bucket,
            by_key,
            listing,
            feed,
        })
    }

    /// Some objects by their keys, without listing.
    #[must_use]
    pub fn of_keys(aws: &Aws, location: S3Location, keys: &[&str]) -> Self {
        let listed = keys.iter().map(|key| ListedObject::of_key(key));
        let bucket = Arc::new(Bucket::new(aws, location, listed.collect(), false));
        let feed = aws.ahead().feed(Arc::clone(&bucket) as Arc<dyn Fetch>);
        let count = u32::try_from(keys.len()).unwrap_or(u32::MAX);
        Self {
            bucket,
            by_key: (0..count).collect(),
            listing: Listing::default(),
            feed,
        }
    }

    /// Returns the index of a position's object among the listed objects.
    fn own(&self, object: u32) -> Option<u32> {
        self.by_key.get(object as usize).copied()
    }
}

impl LogSource for S3Logs {
    fn object_count(&self) -> u32 {
        u32::try_from(self.by_key.len()).unwrap_or(u32::MAX)
    }

    fn key(&self, object: u32) -> Text {
        let own = self.own(object);
        let key = own.and_then(|own| self.bucket.of_listed(own, ListedObject::key));
        key.map_or_else(|| "".into(), |key| self.bucket.location.url(&key).into())
    }

    fn read(&self, object: u32, body: &mut Vec<u8>) -> Result<(), SourceError> {
        // What is not there says so itself.
        self.feed.take(self.own(object).unwrap_or(u32::MAX), body)
    }

    fn listing(&self) -> &Listing {
        &self.listing
    }

    fn expect(&self, objects: &[u32]) {
        let own = objects.iter().filter_map(|&object| self.own(object));
        self.feed.announce(&own.collect::<Vec<u32>>());
    }

    fn fetched(&self) -> Option<u64> {
        Some(self.feed.fetched())
    }

    fn version(&self, object: u32) -> Option<Version> {
        self.bucket
            .of_listed(self.own(object)?, ListedObject::version)
    }

    fn metadata(&self, object: u32) -> Option<BTreeMap<Text, Text>> {
        self.bucket.metadata().remove(&self.own(object)?)
    }
}
