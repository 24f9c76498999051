//! Selection of a bucket's log files for a window (docs/cloudtrail-facts.md#object-keys).
//!
//! Folders are found by listing with a delimiter, down to
//! `ACCOUNT/CloudTrail/REGION/`; there the days of the window are listed and no
//! others: by their own prefixes where they are few, else by month, from the first
//! day on (`StartAfter`) and no further than the last, and of a month with many objects
//! all days that are left at once. Where the window has many months, those that there
//! are are asked for. Siblings of the logs, and whatever else an account keeps next to
//! them, are never listed.

use super::location::S3Location;
use super::page::{DELIMITER, ListPage, ListedObject, page};
use super::plan::{DeliveryDays, FolderKind, ListingJob, number};
use crate::aws::error::{AwsError, AwsErrorKind};
use crate::aws::retry_policy::RetryPolicy;
use crate::aws::session::LISTS_AT_ONCE;
use crate::model::coverage::{Notes, Sibling};
use crate::model::ids::{AccountId, Region, is_account_id};
use crate::model::key::KeyFacts;
use crate::model::text::Text;
use crate::model::window::TimeWindow;
use crate::ports::Listing;
use aws_sdk_s3::Client;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// A lister of pages, with its access.
#[derive(Clone)]
pub(super) struct Lister {
    pub(super) client: Client,
    pub(super) location: Arc<S3Location>,
    pub(super) patience: RetryPolicy,
    /// Lists of all buckets share these.
    pub(super) at_once: Arc<Semaphore>,
}

impl Lister {
    /// Asks for one page, again where that may help. A list that waits gives its place to
    /// others.
    pub(super) async fn page(
        &self,
        job: &ListingJob,
        token: Option<&str>,
        request: u64,
    ) -> Result<ListPage, AwsError> {
        let mut tries = 1;
        loop {
            let place = self.at_once.acquire().await;
            let asked = page(&self.client, &self.location, job, token.map(str::to_owned)).await;
            drop(place);
            let wait = match &asked {
                Err(error) => self.patience.wait(error, tries, request),
                Ok(_) => None,
            };
            let Some(wait) = wait else {
                return asked;
            };
            tokio::time::sleep(wait).await;
            tries += 1;
        }
    }

    /// The first page of a location: whether it can be listed at all.
    pub(super) async fn first(&self) -> Result<ListPage, AwsError> {
        self.page(&start(&self.location), None, 0).await
    }
}

fn start(location: &S3Location) -> ListingJob {
    let prefix = &location.prefix;
    let is_file = [".gz", ".json", ".jsonl"]
        .iter()
        .any(|ending| prefix.ends_with(ending));
    if is_file {
        return ListingJob::whole(prefix.clone());
    }
    let slash = if prefix.is_empty() || prefix.ends_with('/') {
        ""
    } else {
        DELIMITER
    };
    let prefix = format!("{prefix}{slash}");
    match FolderKind::of(&prefix, location.objects) {
        FolderKind::Month(..) | FolderKind::Below => ListingJob::whole(prefix),
        _ => ListingJob::Explore { prefix },
    }
}

/// Takes in an object that is one of the window's logs.
pub(super) type OnObject<'a> = &'a mut dyn FnMut(ListedObject);

/// Folders next to `AWSLogs/` that are searched for logs: each is one request or more.
const SEARCHES_MAX: usize = 500;

/// The state of a walk through a bucket.
struct Walk<'a> {
    location: &'a S3Location,
    days: DeliveryDays,
    window: &'a TimeWindow,
    queue: VecDeque<(ListingJob, Option<String>)>,
    on_object: OnObject<'a>,
    objects: usize,
    bytes: u64,
    outside_window: u64,
    passed_over: BTreeMap<Sibling, u64>,
    failed: BTreeMap<String, String>,
    folders: BTreeMap<String, Text>,
    /// Accounts and Regions that have a folder.
    places: BTreeSet<(AccountId, Region)>,
    /// Folders next to `AWSLogs/` that may still be searched for logs.
    searches_left: usize,
    /// Those that were not searched: the first, and how many.
    unsearched: Option<(String, u64)>,
    /// Folders of folders that are not yet listed to their end.
    found: BTreeMap<String, Vec<String>>,
}

/// Lists a location whose first page has come. `on_listed` hears how many objects are
/// known.
pub(super) async fn walk(
    lister: &Lister,
    window: &TimeWindow,
    first: ListPage,
    on_object: OnObject<'_>,
    on_listed: &(dyn Fn(usize) + Sync),
) -> Result<Listing, AwsError> {
    let location = &*lister.location;
    let mut walk = Walk {
        location,
        days: DeliveryDays::of(window),
        window,
        queue: VecDeque::new(),
        on_object,
        objects: 0,
        bytes: 0,
        outside_window: 0,
        passed_over: BTreeMap::new(),
        failed: BTreeMap::new(),
        folders: BTreeMap::new(),
        places: BTreeSet::new(),
        searches_left: SEARCHES_MAX,
        unsearched: None,
        found: BTreeMap::new(),
    };
    let begin = start(location);
    // A Region's folder that was asked for itself is listed by days at once.
    match walk.folder(begin.prefix()) {
        FolderKind::Region => walk.enter(begin.prefix().to_owned()),
        _ => walk.take(&begin, first),
    }
    let mut running = JoinSet::new();
    let mut requests = 0;
    loop {
        while running.len() < LISTS_AT_ONCE
            && let Some((job, token)) = walk.queue.pop_front()
        {
            let lister = lister.clone();
            requests += 1;
            running.spawn(async move {
                let page = lister.page(&job, token.as_deref(), requests).await;
                (job, page)
            });
        }
        let Some(done) = running.join_next().await else {
            break;
        };
        match done {
            Ok((job, Ok(page))) => walk.take(&job, page),
            Ok((_, Err(error))) if error.kind == AwsErrorKind::Credentials => return Err(error),
            Ok((job, Err(error))) => walk.fail(&job, error.message),
            Err(error) => return Err(AwsError::other(format!("listing objects failed: {error}"))),
        }
        on_listed(walk.objects);
    }
    Ok(walk.finish())
}

impl Walk<'_> {
    /// Takes in a page, and queues what follows from it.
    fn take(&mut self, job: &ListingJob, page: ListPage) {
        let has_more = page.next.is_some();
        if let Some(token) = page.next {
            self.go_on(job, page.objects.last(), token);
        }
        if !matches!(job, ListingJob::Peek { .. }) {
            for object in page.objects {
                self.object(object);
            }
        }
        let (ListingJob::Explore { prefix } | ListingJob::Peek { prefix }) = job else {
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

    /// Queues what follows a page: of a month, all days that are left at once.
    fn go_on(&mut self, job: &ListingJob, last: Option<&ListedObject>, token: String) {
        let is_scan = matches!(job, ListingJob::Scan { .. });
        let prefix = job.prefix();
        if let (true, Some(last), FolderKind::Month(year, month)) = (is_scan, last, self.folder(prefix))
            // What was cut off of a month does not fall apart again.
            && (*job == self.days.month(prefix) || *job == ListingJob::whole(prefix.to_owned()))
            && let Some(rest) = self.days.rest_of_month(prefix, year, month, &last.key())
        {
            self.queue.extend(rest.into_iter().map(|job| (job, None)));
        } else if is_scan {
            self.queue.push_front((job.clone(), Some(token)));
        } else {
            self.queue.push_back((job.clone(), Some(token)));
        }
    }

    fn folder<'p>(&self, prefix: &'p str) -> FolderKind<'p> {
        FolderKind::of(prefix, self.location.objects)
    }

    /// Goes on into the folders of a folder that may lead to logs.
    fn look_into(&mut self, job: &ListingJob, prefix: &str, folders: Vec<String>) {
        let name = |folder: &str| {
            let rest = folder.strip_prefix(prefix).unwrap_or(folder);
            rest.trim_end_matches('/').to_owned()
        };
        let has = |wanted: &str| folders.iter().any(|folder| name(folder) == wanted);
        let has_logs = has("AWSLogs");
        // An account's folder in no layout of CloudTrail holds what someone put there.
        let wanted = self.location.objects;
        let is_layout = has_logs || has(wanted.folder()) || prefix.contains("AWSLogs/");
        let kind = match FolderKind::of(prefix, wanted) {
            FolderKind::Account(_) if !is_layout => FolderKind::Above,
            kind => kind,
        };
        for folder in folders {
            let own = name(&folder);
            let is_wanted = match kind {
                _ if own != "AWSLogs" && matches!(job, ListingJob::Peek { .. }) => {
                    self.search(folder);
                    continue;
                }
                _ if matches!(job, ListingJob::Peek { .. }) => true,
                FolderKind::Above if has_logs && own != "AWSLogs" => {
                    self.search(folder);
                    continue;
                }
                FolderKind::Above => !is_account_id(&own) || self.wants_account(&own),
                // Copies of logs may lie in a folder of the account that made them.
                FolderKind::Account(_) if own == "AWSLogs" => true,
                FolderKind::Account(account) => {
                    own == wanted.folder() && self.wants_account(account)
                }
                FolderKind::Objects => {
                    let regions = &self.location.regions;
                    regions.is_empty() || regions.contains(&own)
                }
                FolderKind::Region => number(&own, 4).is_none_or(|year| self.days.has_year(year)),
                FolderKind::Year(year) => {
                    number(&own, 2).is_none_or(|month| self.days.has_month((year, month)))
                }
                FolderKind::Month(..) | FolderKind::Below => true,
            };
            if is_wanted {
                self.enter(folder);
            }
        }
    }

    /// Searches a folder next to `AWSLogs/`, at any depth, for logs of another trail, as long as
    /// there are not too many.
    fn search(&mut self, folder: String) {
        if let Some(left) = self.searches_left.checked_sub(1) {
            self.searches_left = left;
            let job = ListingJob::Peek { prefix: folder };
            self.queue.push_back((job, None));
        } else {
            self.unsearched.get_or_insert((folder, 0)).1 += 1;
        }
    }

    fn wants_account(&self, account: &str) -> bool {
        let accounts = &self.location.accounts;
        accounts.is_empty() || accounts.contains(account)
    }

    fn enter(&mut self, folder: String) {
        match self.folder(&folder) {
            FolderKind::Region => {
                // The folder ends with a slash, and a file would follow.
                if let Some((account, region)) = KeyFacts::place_of(&format!("{folder}f")) {
                    self.places.insert((account.into(), region.into()));
                }
                let lists = self.days.lists(&folder);
                self.queue
                    .extend(lists.into_iter().map(|list| (list, None)));
            }
            FolderKind::Month(..) => self.queue.push_back((self.days.month(&folder), None)),
            FolderKind::Below => self.queue.push_back((ListingJob::whole(folder), None)),
            FolderKind::Above
            | FolderKind::Account(_)
            | FolderKind::Objects
            | FolderKind::Year(_) => self
                .queue
                .push_back((ListingJob::Explore { prefix: folder }, None)),
        }
    }

    /// Notes an object, unless its key says that it is none of the window's logs.
    fn object(&mut self, mut object: ListedObject) {
        let facts = KeyFacts::of(&object.key());
        if !self.location.objects.has(facts.sibling) {
            if let Some(sibling) = facts.sibling {
                *self.passed_over.entry(sibling).or_default() += 1;
            }
        } else if !facts.may_be_needed(self.window) {
            self.outside_window += 1;
        } else {
            let folder = self.folders.entry(object.folder.to_string());
            object.folder = folder.or_insert_with(|| object.folder.clone()).clone();
            self.bytes += object.bytes;
            self.objects += 1;
            (self.on_object)(object);
        }
    }

    /// Notes what could not be listed: once for each account and Region.
    fn fail(&mut self, job: &ListingJob, why: String) {
        let prefix = job.prefix();
        let parts: Vec<&str> = prefix.split('/').collect();
        let region = parts
            .windows(2)
            .position(|pair| is_account_id(pair[0]) && pair[1] == self.location.objects.folder());
        let place = match region {
            Some(at) => {
                let known = parts[..parts.len().min(at + 3)].join("/");
                format!("{}/", known.trim_end_matches('/'))
            }
            None => prefix.to_owned(),
        };
        let own = format!("{}: ", self.location.url(prefix));
        let why = why.strip_prefix(&own).map(str::to_owned).unwrap_or(why);
        self.failed.entry(self.location.url(&place)).or_insert(why);
    }

    fn finish(mut self) -> Listing {
        if let Some((first, count)) = self.unsearched.take() {
            let why = format!(
                "{count} folders next to AWSLogs/ were not searched for logs, this one first: the limit is {SEARCHES_MAX}; \
                 name the prefixes of further trails with --logs or [[logs]]"
            );
            self.failed.insert(self.location.url(&first), why);
        }
        let failed = self.failed.into_iter();
        Listing {
            outside_window: self.outside_window,
            passed_over: self.passed_over,
            places: self.places,
            notes: Notes::default(),
            failed: failed.map(|(place, why)| (place.into(), why)).collect(),
            bytes: Some(self.bytes),
        }
    }
}
