//! Which objects of a bucket are logs of the window (facts.md 1.1).
//!
//! Folders are found by listing with a delimiter, down to
//! `ACCOUNT/CloudTrail/REGION/`; there the days of the window are listed and no
//! others: by their own prefixes where they are few, else by month, from the first
//! day on (`StartAfter`) and no further than the last. Siblings of the logs, and
//! whatever else an account keeps beside them, are never listed.

use super::session::{Access, Aws};
use super::trouble::{AwsError, Trouble};
use crate::model::identity::is_account_id;
use crate::model::key::{KeyFacts, TrailObjects};
use crate::model::text::Text;
use crate::model::time::{day_number, numbered_day};
use crate::model::window::{DELIVERY_SLACK_DAYS, LOOK_BACK_SECONDS, TimeWindow};
use crate::ports::Listing;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{ResponseChecksumValidation, StalledStreamProtectionConfig};
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::RequestPayer;
use aws_smithy_types::retry::RetryConfig;
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use tokio::task::JoinSet;

/// Days that are listed one by one; more are listed by month.
const DAYS_BY_PREFIX_MAX: i32 = 4;
/// Lists in flight. Listing is a small part of the requests.
const LISTS_MAX: usize = 64;
/// What a prefix ends with, and folders are cut at.
const DELIMITER: &str = "/";

/// Logs in a bucket: `s3://bucket/prefix`, and how to reach it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct S3Location {
    /// The bucket.
    pub bucket: String,
    /// Where in it, without a slash in front.
    pub prefix: String,
    /// Role and Region.
    pub access: Access,
    /// The account that has to own the bucket, where it is known.
    pub expected_bucket_owner: Option<String>,
    /// Whether the caller pays for requests, where the bucket asks for that.
    pub requester_pays: bool,
    /// Only these accounts, where any are named.
    pub accounts: BTreeSet<String>,
    /// Only these Regions, where any are named.
    pub regions: BTreeSet<String>,
    /// Which of the trails' objects.
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

    /// The digests beside these logs.
    #[must_use]
    pub fn digests(&self) -> Self {
        Self {
            prefix: TrailObjects::Digests.beside(&self.prefix),
            objects: TrailObjects::Digests,
            ..self.clone()
        }
    }

    /// An object or folder of it, as people know it.
    pub(super) fn url(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }

    pub(super) fn payer(&self) -> Option<RequestPayer> {
        self.requester_pays.then_some(RequestPayer::Requester)
    }
}

/// An object of the listing. Keys share their folders.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Listed {
    /// The key up to and with its last slash.
    pub(super) folder: Text,
    pub(super) name: Box<str>,
    pub(super) bytes: u64,
    pub(super) etag: Box<str>,
    /// Seconds since 1970: what tells versions apart where there is no `ETag`.
    pub(super) changed_at: i64,
}

impl Listed {
    pub(super) fn key(&self) -> String {
        format!("{}{}", self.folder, self.name)
    }
}

/// Days of delivery that a window needs; open where the window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Days {
    first: Option<Date>,
    last: Option<Date>,
}

impl Days {
    /// The same days that [`TimeWindow::needs_delivery_day`] says.
    fn of(window: &TimeWindow) -> Self {
        let slack = DELIVERY_SLACK_DAYS * 86_400;
        Self {
            first: window.from.map(|from| from.plus(-LOOK_BACK_SECONDS).day()),
            last: window.to.map(|to| to.plus(slack - 1).day()),
        }
    }

    /// What is listed of one account and Region, and where listing begins and ends.
    fn scans(self, region: &str) -> Vec<Job> {
        let whole = |prefix: String| Job::Scan {
            after: self.first.map(|day| format!("{region}{}", path(day))),
            before: self.last.map(|day| {
                let next = numbered_day(day_number(day) + 1).unwrap_or(day);
                format!("{region}{}", path(next))
            }),
            prefix,
        };
        let (Some(first), Some(last)) = (self.first, self.last) else {
            return vec![whole(region.to_owned())];
        };
        let (from, to) = (day_number(first), day_number(last));
        if to - from < DAYS_BY_PREFIX_MAX {
            let days = (from..=to).filter_map(numbered_day);
            return days
                .map(|day| Job::Scan {
                    prefix: format!("{region}{}/", path(day)),
                    after: None,
                    before: None,
                })
                .collect();
        }
        let months: BTreeSet<(i16, i8)> = (from..=to)
            .filter_map(numbered_day)
            .map(|day| (day.year(), day.month()))
            .collect();
        let months = months.into_iter();
        months
            .map(|(year, month)| whole(format!("{region}{year:04}/{month:02}/")))
            .collect()
    }
}

fn path(day: Date) -> String {
    format!("{:04}/{:02}/{:02}", day.year(), day.month(), day.day())
}

/// Something to list.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Job {
    /// A folder whose folders are to be looked into.
    Explore { prefix: String },
    /// A folder beside logs: whether there are logs of another trail in it.
    Peek { prefix: String },
    /// Objects, from one key to another.
    Scan {
        prefix: String,
        after: Option<String>,
        before: Option<String>,
    },
}

/// What a folder is, by its key.
enum Folder<'a> {
    /// Above the accounts, or in no layout that is known.
    Above,
    /// `ACCOUNT/`
    Account(&'a str),
    /// `ACCOUNT/CloudTrail/`, or the folder of digests.
    Objects,
    /// `ACCOUNT/CloudTrail/REGION/`
    Region,
    /// `ACCOUNT/CloudTrail/REGION/...`: below what is found by listing.
    Below,
}

impl<'a> Folder<'a> {
    fn of(prefix: &'a str, wanted: TrailObjects) -> Self {
        let parts: Vec<&str> = prefix.trim_end_matches('/').split('/').collect();
        let account = parts.iter().rposition(|part| is_account_id(part));
        match account {
            None => Self::Above,
            Some(at) => match parts[at + 1..] {
                [] => Self::Account(parts[at]),
                [folder] if folder == wanted.folder() => Self::Objects,
                [folder, _] if folder == wanted.folder() => Self::Region,
                [folder, ..] if folder == wanted.folder() => Self::Below,
                _ => Self::Above,
            },
        }
    }
}

/// One page of a list.
struct Page {
    objects: Vec<Listed>,
    folders: Vec<String>,
    next: Option<String>,
}

/// What was found, and what could not be looked at.
pub(super) struct Found {
    pub(super) client: Client,
    pub(super) objects: Vec<Listed>,
    pub(super) listing: Listing,
}

/// Sees lists go by.
pub(super) type OnListed<'a> = &'a (dyn Fn(usize) + Sync);

/// Lists a location.
pub(super) fn list(
    aws: &Aws,
    location: &S3Location,
    window: &TimeWindow,
    on_listed: OnListed<'_>,
) -> Result<Found, AwsError> {
    let mut client = client(aws, location, None);
    let (begin, backoff) = (start(location), (aws.backoff(), aws.attempts()));
    let probe = aws.block_on(patiently(&client, location, &begin, None, backoff));
    let first = match probe {
        Err(error) if error.kind == Trouble::OtherRegion => {
            let Some(region) = &error.region else {
                return Err(error);
            };
            aws.note_region(&location.bucket, region);
            client = self::client(aws, location, Some(region));
            aws.block_on(patiently(&client, location, &begin, None, backoff))?
        }
        first => first?,
    };
    let first = (first, backoff);
    aws.block_on(walk(client, location, window, first, on_listed))
}

/// A client for the location's Region, or for the one that S3 says it is in.
pub(super) fn client(aws: &Aws, location: &S3Location, region: Option<&str>) -> Client {
    let mut access = location.access.clone();
    let known = aws.region_of(&location.bucket);
    if let Some(region) = region.or(known.as_deref()) {
        access.region = Some(region.to_owned());
    }
    let config = aws.config(&access);
    // Buckets are part of the host's name only where AWS itself is the host.
    let elsewhere = config.endpoint_url().is_some()
        || config
            .service_config()
            .is_some_and(|_| std::env::var_os("AWS_ENDPOINT_URL_S3").is_some());
    // Tries are counted here, so that being told to slow down is heard at once.
    let once = RetryConfig::standard().with_max_attempts(1);
    let own = aws_sdk_s3::config::Builder::from(&config)
        .retry_config(once)
        // Each try has its own time, and gzip its own checksum: small objects are many.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .force_path_style(elsewhere);
    Client::from_conf(own.build())
}

fn start(location: &S3Location) -> Job {
    let prefix = &location.prefix;
    let is_file = [".gz", ".json", ".jsonl"]
        .iter()
        .any(|ending| prefix.ends_with(ending));
    if is_file {
        return Job::Scan {
            prefix: prefix.clone(),
            after: None,
            before: None,
        };
    }
    let slash = if prefix.is_empty() || prefix.ends_with('/') {
        ""
    } else {
        DELIMITER
    };
    let prefix = format!("{prefix}{slash}");
    match Folder::of(&prefix, location.objects) {
        Folder::Below => Job::Scan {
            prefix,
            after: None,
            before: None,
        },
        _ => Job::Explore { prefix },
    }
}

/// The state of a walk through a bucket.
struct Walk<'a> {
    location: &'a S3Location,
    days: Days,
    window: &'a TimeWindow,
    queue: VecDeque<(Job, Option<String>)>,
    objects: Vec<Listed>,
    outside_window: u64,
    passed_over: BTreeMap<crate::model::coverage::Sibling, u64>,
    failed: BTreeMap<String, String>,
    folders: BTreeMap<String, Text>,
    /// Folders of folders that are not yet listed to their end.
    found: BTreeMap<String, Vec<String>>,
}

async fn walk(
    client: Client,
    location: &S3Location,
    window: &TimeWindow,
    (first, backoff): (Page, Patience),
    on_listed: OnListed<'_>,
) -> Result<Found, AwsError> {
    let mut walk = Walk {
        location,
        days: Days::of(window),
        window,
        queue: VecDeque::new(),
        objects: Vec::new(),
        outside_window: 0,
        passed_over: BTreeMap::new(),
        failed: BTreeMap::new(),
        folders: BTreeMap::new(),
        found: BTreeMap::new(),
    };
    let begin = start(location);
    // A Region's folder that was asked for itself is listed by days at once.
    match &begin {
        Job::Explore { prefix }
            if matches!(Folder::of(prefix, location.objects), Folder::Region) =>
        {
            walk.enter(prefix.clone());
        }
        _ => walk.take(&begin, first),
    }
    let mut running = JoinSet::new();
    loop {
        while running.len() < LISTS_MAX
            && let Some((job, token)) = walk.queue.pop_front()
        {
            let (client, location) = (client.clone(), location.clone());
            running.spawn(async move {
                let page = patiently(&client, &location, &job, token, backoff).await;
                (job, page)
            });
        }
        let Some(done) = running.join_next().await else {
            break;
        };
        match done {
            Ok((job, Ok(page))) => walk.take(&job, page),
            Ok((_, Err(error))) if error.kind == Trouble::Credentials => return Err(error),
            Ok((job, Err(error))) => walk.fail(&job, error.message),
            Err(error) => return Err(AwsError::other(format!("a list broke off: {error}"))),
        }
        on_listed(walk.objects.len());
    }
    Ok(walk.finish(client))
}

impl Walk<'_> {
    /// Takes in a page, and queues what follows from it.
    fn take(&mut self, job: &Job, page: Page) {
        let has_more = page.next.is_some();
        if let (Job::Scan { .. }, Some(token)) = (job, &page.next) {
            self.queue.push_front((job.clone(), Some(token.clone())));
        } else if let Some(token) = page.next {
            self.queue.push_back((job.clone(), Some(token)));
        }
        if !matches!(job, Job::Peek { .. }) {
            for object in page.objects {
                self.object(object);
            }
        }
        let (Job::Explore { prefix } | Job::Peek { prefix }) = job else {
            return;
        };
        let known = self.found.entry(prefix.clone()).or_default();
        known.extend(page.folders);
        // What a folder is can be told only when all of it was seen.
        if !has_more {
            let folders = self.found.remove(prefix).unwrap_or_default();
            self.look_into(job, prefix, folders);
        }
    }

    /// Goes on into the folders of a folder that may lead to logs.
    fn look_into(&mut self, job: &Job, prefix: &str, folders: Vec<String>) {
        let name = |folder: &str| {
            let rest = folder.strip_prefix(prefix).unwrap_or(folder);
            rest.trim_end_matches('/').to_owned()
        };
        let has = |wanted: &str| folders.iter().any(|folder| name(folder) == wanted);
        let has_logs = has("AWSLogs");
        // An account's folder in no layout of CloudTrail holds what somebody put there.
        let wanted = self.location.objects;
        let is_layout = has_logs || has(wanted.folder()) || prefix.contains("AWSLogs/");
        let kind = match Folder::of(prefix, wanted) {
            Folder::Account(_) if !is_layout => Folder::Above,
            kind => kind,
        };
        for folder in folders {
            let own = name(&folder);
            let is_wanted = match kind {
                _ if matches!(job, Job::Peek { .. }) => own == "AWSLogs",
                Folder::Above if has_logs && own != "AWSLogs" => {
                    self.queue.push_back((Job::Peek { prefix: folder }, None));
                    continue;
                }
                Folder::Above => !is_account_id(&own) || self.wants_account(&own),
                // Copies of logs may lie in a folder of the account that made them.
                Folder::Account(_) if own == "AWSLogs" => true,
                Folder::Account(account) => own == wanted.folder() && self.wants_account(account),
                Folder::Objects => {
                    let regions = &self.location.regions;
                    regions.is_empty() || regions.contains(&own)
                }
                Folder::Region | Folder::Below => true,
            };
            if is_wanted {
                self.enter(folder);
            }
        }
    }

    fn wants_account(&self, account: &str) -> bool {
        let accounts = &self.location.accounts;
        accounts.is_empty() || accounts.contains(account)
    }

    fn enter(&mut self, folder: String) {
        if let Folder::Region = Folder::of(&folder, self.location.objects) {
            let scans = self.days.scans(&folder);
            self.queue
                .extend(scans.into_iter().map(|scan| (scan, None)));
        } else {
            self.queue
                .push_back((Job::Explore { prefix: folder }, None));
        }
    }

    /// Notes an object, unless its key says that it is none of the window's logs.
    fn object(&mut self, mut object: Listed) {
        let facts = KeyFacts::of(&object.key());
        if !self.location.objects.has(facts.sibling) {
            if let Some(sibling) = facts.sibling {
                *self.passed_over.entry(sibling).or_default() += 1;
            }
        } else if facts
            .delivery_day
            .is_some_and(|day| !self.window.needs_delivery_day(day))
        {
            self.outside_window += 1;
        } else {
            let folder = self.folders.entry(object.folder.to_string());
            object.folder = folder.or_insert_with(|| object.folder.clone()).clone();
            self.objects.push(object);
        }
    }

    /// Notes what could not be listed: once for each account and Region.
    fn fail(&mut self, job: &Job, why: String) {
        let (Job::Explore { prefix } | Job::Peek { prefix } | Job::Scan { prefix, .. }) = job;
        let parts: Vec<&str> = prefix.split('/').collect();
        let region = parts
            .windows(2)
            .position(|pair| is_account_id(pair[0]) && pair[1] == self.location.objects.folder());
        let place = match region {
            Some(at) => {
                let known = parts[..parts.len().min(at + 3)].join("/");
                format!("{}/", known.trim_end_matches('/'))
            }
            None => prefix.clone(),
        };
        let own = format!("{}: ", self.location.url(prefix));
        let why = why.strip_prefix(&own).map(str::to_owned).unwrap_or(why);
        self.failed.entry(self.location.url(&place)).or_insert(why);
    }

    fn finish(self, client: Client) -> Found {
        let mut objects = self.objects;
        objects.sort_unstable();
        objects.dedup();
        let bytes = objects.iter().map(|object| object.bytes).sum();
        let failed = self.failed.into_iter();
        Found {
            client,
            listing: Listing {
                outside_window: self.outside_window,
                passed_over: self.passed_over,
                failed: failed.map(|(place, why)| (place.into(), why)).collect(),
                bytes: Some(bytes),
            },
            objects,
        }
    }
}

/// How long the first retry waits, and how many tries there are.
type Patience = (Duration, u32);

/// Asks for one page, again where that may help.
async fn patiently(
    client: &Client,
    location: &S3Location,
    job: &Job,
    token: Option<String>,
    (backoff, tries_max): Patience,
) -> Result<Page, AwsError> {
    let mut tries = 1;
    loop {
        match page(client, location, job, token.clone()).await {
            Err(error) if error.may_pass() && tries < tries_max => {
                tokio::time::sleep(backoff * 2_u32.pow(tries - 1)).await;
                tries += 1;
            }
            outcome => return outcome,
        }
    }
}

/// Asks for one page.
async fn page(
    client: &Client,
    location: &S3Location,
    job: &Job,
    token: Option<String>,
) -> Result<Page, AwsError> {
    let (prefix, delimiter, after, before) = match job {
        Job::Explore { prefix } | Job::Peek { prefix } => {
            (prefix, Some(DELIMITER.to_owned()), None, None)
        }
        Job::Scan {
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
        let cut = key.rfind('/').map_or(0, |at| at + 1);
        objects.push(Listed {
            folder: key[..cut].into(),
            name: key[cut..].into(),
            bytes: object
                .size
                .and_then(|size| size.try_into().ok())
                .unwrap_or(0),
            etag: object.e_tag.unwrap_or_default().trim_matches('"').into(),
            changed_at: object.last_modified.map_or(0, |moment| moment.secs()),
        });
    }
    let folders = answer.common_prefixes.unwrap_or_default();
    let next = answer.next_continuation_token;
    Ok(Page {
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
        Trouble::Unreachable,
        format!("{place}: its list was cut short"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::UtcSecond;

    fn days(first: &str, last: &str) -> Days {
        Days {
            first: Some(first.parse().unwrap()),
            last: Some(last.parse().unwrap()),
        }
    }

    #[test]
    fn days_of_a_window_are_those_that_local_reading_needs() {
        let at = |text: &str| UtcSecond::parse(text).unwrap();
        for (from, to) in [
            ("2026-07-02T00:00:00Z", "2026-07-03T00:00:00Z"),
            ("2026-07-02T13:00:00Z", "2026-07-02T14:00:00Z"),
            ("2026-07-02T11:59:59Z", "2026-07-09T00:00:01Z"),
        ] {
            let window = TimeWindow {
                from: Some(at(from)),
                to: Some(at(to)),
            };
            let days = Days::of(&window);
            for number in day_number(days.first.unwrap()) - 3..day_number(days.last.unwrap()) + 4 {
                let day = numbered_day(number).unwrap();
                let inside = days.first.unwrap() <= day && day <= days.last.unwrap();
                assert_eq!(inside, window.needs_delivery_day(day), "{from} {to} {day}");
            }
        }
    }

    #[test]
    fn few_days_are_listed_by_themselves() {
        let scans = days("2026-07-31", "2026-08-02").scans("r/");
        let prefixes: Vec<&str> = scans
            .iter()
            .map(|job| match job {
                Job::Scan { prefix, .. } => prefix.as_str(),
                Job::Explore { .. } | Job::Peek { .. } => "?",
            })
            .collect();
        assert_eq!(
            prefixes,
            ["r/2026/07/31/", "r/2026/08/01/", "r/2026/08/02/"]
        );
    }

    #[test]
    fn many_days_are_listed_by_month_from_the_first_to_the_last() {
        let scans = days("2026-06-15", "2026-08-02").scans("r/");
        assert_eq!(scans.len(), 3);
        for (scan, month) in scans.iter().zip(["06", "07", "08"]) {
            let wanted = Job::Scan {
                prefix: format!("r/2026/{month}/"),
                after: Some("r/2026/06/15".to_owned()),
                before: Some("r/2026/08/03".to_owned()),
            };
            assert_eq!(*scan, wanted);
        }
    }

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
