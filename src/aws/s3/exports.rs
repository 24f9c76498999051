//! Exports in a bucket: bills, query statistics and lists of accounts. They are few and may be
//! large, so each is read as a stream.

use super::bucket::Bucket;
use super::location::S3Location;
use super::page::ListedObject;
use super::plan::ListingJob;
use super::walk::Lister;
use crate::aws::error::{AwsError, AwsErrorKind};
use crate::aws::retry_policy::RetryPolicy;
use crate::aws::session::Aws;
use crate::ports::Version;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use std::io::{self, Read};
use std::sync::Arc;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Pieces of a body that wait to be read.
const PIECES_MAX: usize = 32;

/// The objects of a place in a bucket.
pub struct S3Exports {
    bucket: Arc<Bucket>,
    runtime: Arc<Runtime>,
    patience: RetryPolicy,
    objects: Vec<ExportObject>,
}

/// An object that may be an export.
#[derive(Debug, Clone)]
pub struct ExportObject {
    /// `s3://bucket/key`.
    pub url: String,
    /// True if the place is this object, and no folder.
    pub is_named: bool,
    /// Its version and stored bytes.
    pub version: Version,
    key: String,
}

impl S3Exports {
    /// Lists a place: an object, or all objects below a prefix, in the order of their keys.
    ///
    /// # Errors
    ///
    /// When it cannot be listed.
    pub fn list(aws: &Aws, location: S3Location) -> Result<Self, AwsError> {
        let bucket = Bucket::new(aws, location, Vec::new(), true);
        let prefix = bucket.location.prefix.clone();
        // It also finds the Region that the bucket is in.
        bucket.first_page(aws)?;
        let found = aws.block_on(all_below(&bucket.lister(aws), &prefix))?;
        let folder = if prefix.is_empty() || prefix.ends_with('/') {
            prefix.clone()
        } else {
            format!("{prefix}/")
        };
        let objects = found.into_iter().filter_map(|object| {
            let key = object.key();
            (key == prefix || key.starts_with(&folder)).then(|| ExportObject {
                url: bucket.location.url(&key),
                is_named: key == prefix,
                version: object.version(),
                key,
            })
        });
        let mut objects: Vec<ExportObject> = objects.collect();
        objects.sort_by(|left, right| left.key.cmp(&right.key));
        Ok(Self {
            bucket: Arc::new(bucket),
            runtime: aws.runtime(),
            patience: aws.patience(),
            objects,
        })
    }

    /// The objects that were listed.
    #[must_use]
    pub fn objects(&self) -> &[ExportObject] {
        &self.objects
    }

    /// Reads an object as a stream. A connection that breaks off is made again from where it
    /// was; what cannot be read is an error of the stream.
    #[must_use]
    pub fn open(&self, object: &ExportObject) -> Box<dyn Read + Send> {
        let (to, pieces) = channel(PIECES_MAX);
        let download = Download {
            bucket: Arc::clone(&self.bucket),
            patience: self.patience,
            object: object.clone(),
        };
        self.runtime.spawn(download.run(to));
        Box::new(ExportBody {
            pieces,
            piece: Bytes::new(),
        })
    }
}

/// All objects whose keys begin so.
async fn all_below(lister: &Lister, prefix: &str) -> Result<Vec<ListedObject>, AwsError> {
    let job = ListingJob::whole(prefix.to_owned());
    let mut found = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let page = lister.page(&job, token.as_deref(), 0).await?;
        found.extend(page.objects);
        token = page.next;
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// One object on its way.
struct Download {
    bucket: Arc<Bucket>,
    patience: RetryPolicy,
    object: ExportObject,
}

impl Download {
    async fn run(self, to: Sender<Result<Bytes, AwsError>>) {
        let mut done = 0;
        let mut tries = 1;
        loop {
            let before = done;
            match self.part(&mut done, &to).await {
                Ok(()) => return,
                Err(error) => {
                    // What came is progress: only tries without any count.
                    tries = if done > before { 1 } else { tries + 1 };
                    let Some(wait) = self.patience.wait(&error, tries, done) else {
                        let _ = to.send(Err(error)).await;
                        return;
                    };
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// The rest of the object, from where it broke off.
    async fn part(
        &self,
        done: &mut u64,
        to: &Sender<Result<Bytes, AwsError>>,
    ) -> Result<(), AwsError> {
        let mut body: ByteStream = self
            .bucket
            .body(&self.object.key, *done, &self.object.version.tag)
            .await?;
        let broken = |message: String| AwsError::new(AwsErrorKind::Unreachable, message);
        loop {
            match body.try_next().await {
                Ok(Some(piece)) => {
                    *done += piece.len() as u64;
                    if to.send(Ok(piece)).await.is_err() {
                        return Ok(());
                    }
                }
                Ok(None) if *done < self.object.version.bytes => {
                    let wanted = self.object.version.bytes;
                    return Err(broken(format!(
                        "{done} bytes came of {wanted} that were listed"
                    )));
                }
                Ok(None) => return Ok(()),
                Err(error) => return Err(broken(format!("its body broke off: {error}"))),
            }
        }
    }
}

/// The pieces of a body, one after the other.
struct ExportBody {
    pieces: Receiver<Result<Bytes, AwsError>>,
    piece: Bytes,
}

impl Read for ExportBody {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.blocking_recv() {
                Some(Ok(piece)) => self.piece = piece,
                Some(Err(error)) => return Err(io::Error::other(error.to_string())),
                None => return Ok(0),
            }
        }
        let count = self.piece.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.piece.split_to(count));
        Ok(count)
    }
}
