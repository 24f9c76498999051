//! Putting a small object.

use super::bucket::client;
use super::location::S3Location;
use crate::aws::error::AwsError;
use crate::aws::session::{Access, Aws};
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_types::retry::RetryConfig;

/// The number of times that an object is put.
const TRIES_MAX: u32 = 4;

/// Puts an object into a bucket, in place of one that is there.
///
/// # Errors
///
/// When it was not taken.
pub(in crate::aws) fn put_object(
    aws: &Aws,
    access: &Access,
    (bucket, key): (&str, &str),
    bytes: Vec<u8>,
) -> Result<(), AwsError> {
    let location = S3Location {
        bucket: bucket.to_owned(),
        access: access.clone(),
        ..S3Location::default()
    };
    let own = client(aws, &location).config().to_builder();
    let patient = RetryConfig::standard().with_max_attempts(TRIES_MAX);
    let client = aws_sdk_s3::Client::from_conf(own.retry_config(patient).build());
    let put = client
        .put_object()
        .bucket(bucket)
        .key(key)
        .body(ByteStream::from(bytes));
    let answer = aws.block_on(put.send());
    answer
        .map(|_| ())
        .map_err(|error| AwsError::of(&error, "s3:PutObject", &location.url(key)))
}
