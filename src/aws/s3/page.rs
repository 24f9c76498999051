//! One page of a list, as S3 gives it.

use super::location::S3Location;
use super::plan::ListingJob;
use crate::aws::error::{AwsError, AwsErrorKind};
use crate::model::text::Text;
use crate::ports::Version;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;

/// The assumed size of an object that was not listed, in bytes; it limits how many are fetched at
/// once.
const UNLISTED_BYTES: u64 = 512 << 10;

/// The delimiter that ends a prefix and separates folders.
pub(super) const DELIMITER: &str = "/";

/// An object of the listing. Keys share their folders.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ListedObject {
    /// The key up to and with its last slash.
    pub(super) folder: Text,
    pub(super) name: Box<str>,
    pub(super) bytes: u64,
    pub(super) etag: Box<str>,
    /// Seconds since 1970: what tells versions apart where there is no `ETag`.
    pub(super) changed_at: i64,
}

impl ListedObject {
    pub(super) fn key(&self) -> String {
        format!("{}{}", self.folder, self.name)
    }

    /// An object of which nothing but its key is known.
    pub(super) fn of_key(key: &str) -> Self {
        let (folder, name) = key.split_at(key.rfind('/').map_or(0, |at| at + 1));
        Self {
            folder: folder.into(),
            name: name.into(),
            bytes: UNLISTED_BYTES,
            etag: "".into(),
            changed_at: 0,
        }
    }

    pub(super) fn version(&self) -> Version {
        Version {
            tag: match &*self.etag {
                "" => self.changed_at.to_string().into(),
                etag => etag.into(),
            },
            bytes: self.bytes,
        }
    }
}

/// One page of a list.
pub(super) struct ListPage {
    pub(super) objects: Vec<ListedObject>,
    pub(super) folders: Vec<String>,
    pub(super) next: Option<String>,
}

/// Asks for one page.
pub(super) async fn page(
    client: &Client,
    location: &S3Location,
    job: &ListingJob,
    token: Option<String>,
) -> Result<ListPage, AwsError> {
    let (prefix, delimiter, after, before) = match job {
        ListingJob::Explore { prefix } | ListingJob::Peek { prefix } => {
            (prefix, Some(DELIMITER.to_owned()), None, None)
        }
        ListingJob::Scan {
            prefix,
            after,
            before,
        } => (prefix, None, after.clone(), before.clone()),
    };
    let asked = client
        .list_objects_v2()
        .bucket(&location.bucket)
        .prefix(prefix)
        .set_delimiter(delimiter)
        .set_start_after(after.clone().filter(|_| token.is_none()))
        .set_continuation_token(token)
        .set_request_payer(location.payer())
        .set_expected_bucket_owner(location.expected_bucket_owner.clone());
    let answer = asked
        .send()
        .await
        .map_err(|error| AwsError::of(&error, "s3:ListBucket", &location.url(prefix)))?;
    check(&answer, &location.url(prefix))?;
    let mut objects = Vec::new();
    let mut is_past_end = false;
    for object in answer.contents.unwrap_or_default() {
        let key = object.key.unwrap_or_default();
        if before.as_ref().is_some_and(|before| *before <= key) {
            is_past_end = true;
            break;
        }
        // Consoles write empty objects for folders.
        let is_before = after.as_ref().is_some_and(|after| key <= *after);
        if key.ends_with('/') || is_before {
            continue;
        }
        objects.push(ListedObject {
            bytes: object
                .size
                .and_then(|size| size.try_into().ok())
                .unwrap_or(0),
            etag: object.e_tag.unwrap_or_default().trim_matches('"').into(),
            changed_at: object.last_modified.map_or(0, |moment| moment.secs()),
            ..ListedObject::of_key(&key)
        });
    }
    let folders = answer.common_prefixes.unwrap_or_default();
    let next = answer.next_continuation_token;
    Ok(ListPage {
        objects,
        folders: folders.into_iter().filter_map(|one| one.prefix).collect(),
        next: next.filter(|_| !is_past_end),
    })
}

/// The service's own contract. An answer that was cut short may still read like one.
fn check(answer: &ListObjectsV2Output, place: &str) -> Result<(), AwsError> {
    let objects = answer.contents();
    let entries = objects.len() + answer.common_prefixes().len();
    let counted = answer
        .key_count
        .and_then(|count| usize::try_from(count).ok());
    let is_more = answer.next_continuation_token.is_some();
    let is_whole = counted.is_none_or(|counted| counted == entries)
        && answer.is_truncated == Some(is_more)
        && objects
            .iter()
            .all(|object| object.key.is_some() && object.size.is_some());
    if is_whole {
        return Ok(());
    }
    Err(AwsError::new(
        AwsErrorKind::Unreachable,
        format!("{place}: its list was cut short"),
    ))
}
