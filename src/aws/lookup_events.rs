//! `LookupEvents`, for accounts without a readable bucket
//! (docs/cloudtrail-facts.md#apis-and-bills).
//!
//! CloudTrail keeps management events for 90 days and hands them out by one
//! attribute, 50 at a time, two requests a second for each account and Region. Asked
//! for are the names of events that make or change a chain, by day or by week: each
//! such piece is an object of this source, so that what was read stays read. Calls
//! that are relevant only for who made them cannot be asked for.

use super::error::AwsError;
use super::prefetch::{Ahead, Feed, Fetch, Fetching};
use super::retry_policy::RetryPolicy;
use super::session::{Access, Aws};
use crate::event_list::list::{self as event_list, Lookup};
use crate::model::key::LOOKED_UP_NOTE;
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use crate::model::window::{LOOK_AHEAD_SECONDS, LOOK_BACK_SECONDS, TimeWindow};
use crate::ports::{Listing, LogSource, SourceError, Version};
use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::types::{LookupAttribute, LookupAttributeKey};
use aws_smithy_types::DateTime;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// The retention of CloudTrail's event history, in days.
pub const LOOKUP_DAYS_MAX: i64 = 90;
const DAY_SECONDS: i64 = 86_400;
const EVENTS_PER_PAGE: i32 = 50;
/// Time between two requests to one account and Region: two a second.
pub const LOOKUP_EVERY: Duration = Duration::from_millis(500);
/// Bytes of one piece: what an object may hold, and some room.
const BYTES_MAX: usize = 200 << 20;
/// The assumed size of a piece that has not been fetched, in bytes.
const PIECE_BYTES: u64 = 1 << 20;
/// Pages of one piece: more than a day of the busiest account has.
const PAGES_MAX: usize = 20_000;

/// An account and a Region, and how to reach them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LookupPlace {
    /// The account: for the names of objects.
    pub account_id: String,
    /// Role and Region.
    pub access: Access,
}

/// One piece: a place, an event name, a stretch of time.
struct Piece {
    place: usize,
    lookup: Lookup,
    from: UtcSecond,
    to: UtcSecond,
    /// True if CloudTrail may still add to it.
    is_open: bool,
}

/// Events of accounts by `LookupEvents`.
pub struct LookupLogs {
    pieces: Arc<Pieces>,
    feed: Feed,
    listing: Listing,
}

/// The pieces to request, each with its account and Region.
struct Pieces {
    places: Vec<LookupTarget>,
    all: Vec<Piece>,
    pause: Duration,
}

struct LookupTarget {
    label: String,
    client: Client,
    /// Anyone who asks here waits for its turn.
    turn: tokio::sync::Mutex<()>,
}

/// Pieces that are asked for at once.
const PIECES_AT_ONCE_MAX: usize = 192;

/// Minutes after which all of a stretch of time is there
/// (docs/cloudtrail-facts.md#order-duplicates-and-delay).
const SETTLED_AFTER_SECONDS: i64 = 3600;

impl LookupLogs {
    /// The pieces of a window, as far back as CloudTrail remembers at `now`, with so much
    /// time between two requests to one account and Region.
    #[must_use]
    pub fn open(
        aws: &Aws,
        places: &[LookupPlace],
        window: &TimeWindow,
        now: UtcSecond,
        pause: Duration,
    ) -> Self {
        let oldest = now.plus(-LOOKUP_DAYS_MAX * DAY_SECONDS);
        let from = window.from.map(|from| from.plus(-LOOK_BACK_SECONDS));
        let from = from.map_or(oldest, |from| from.max(oldest));
        let to = window.to.map(|to| to.plus(LOOK_AHEAD_SECONDS));
        let to = to.map_or(now, |to| to.min(now));
        let mut listing = Listing::default();
        if window.from.is_some_and(|from| from < oldest) {
            let why = format!("LookupEvents has no events before {oldest}");
            let labels = places
                .iter()
                .map(|place| (label(place).into(), why.clone()));
            listing.failed.extend(labels);
        }
        for place in places {
            listing.notes.add(LOOKED_UP_NOTE, &label(place).into());
        }
        let mut all = Vec::new();
        // One piece of every place after the other: each has a limit of its own.
        for (from, to) in days(from, to, now) {
            for lookup in event_list::lookups() {
                all.extend((0..places.len()).map(|place| Piece {
                    place,
                    lookup,
                    from,
                    to,
                    is_open: now < to.plus(SETTLED_AFTER_SECONDS),
                }));
            }
        }
        let places = places.iter().map(|place| LookupTarget {
            label: label(place),
            client: Client::new(&aws.config(&place.access)),
            turn: tokio::sync::Mutex::default(),
        });
        let pieces = Arc::new(Pieces {
            places: places.collect(),
            all,
            pause,
        });
        // The SDK tries again by itself here, and each place has a pace of its own.
        let ahead = Ahead::new(aws.runtime(), RetryPolicy::ONCE, PIECES_AT_ONCE_MAX);
        Self {
            feed: ahead.feed(Arc::clone(&pieces) as Arc<dyn Fetch>),
            pieces,
            listing,
        }
    }
}

impl Pieces {
    async fn ask(&self, object: u32) -> Result<Vec<u8>, AwsError> {
        let Some(piece) = self.all.get(object as usize) else {
            return Err(AwsError::other("the object does not exist".to_owned()));
        };
        let place = &self.places[piece.place];
        let attribute = LookupAttribute::builder()
            .attribute_key(match piece.lookup {
                Lookup::Name(_) => LookupAttributeKey::EventName,
                Lookup::Source(_) => LookupAttributeKey::EventSource,
            })
            .attribute_value(piece.lookup.text())
            .build()
            .map_err(|error| AwsError::other(error.to_string()))?;
        let (mut events, mut bytes) = (Vec::new(), 0);
        let mut token = None;
        for _ in 0..PAGES_MAX {
            place.wait(self.pause).await;
            let asked = place
                .client
                .lookup_events()
                .lookup_attributes(attribute.clone())
                .start_time(DateTime::from_secs(piece.from.unix()))
                // Both ends are inside, and times are whole seconds.
                .end_time(DateTime::from_secs(piece.to.unix() - 1))
                .max_results(EVENTS_PER_PAGE)
                .set_next_token(token.take());
            let answer = asked
                .send()
                .await
                .map_err(|error| AwsError::of(&error, "cloudtrail:LookupEvents", &place.label))?;
            for event in answer.events.unwrap_or_default() {
                let event = json!({"CloudTrailEvent": event.cloud_trail_event}).to_string();
                bytes += event.len();
                events.push(event);
            }
            if bytes > BYTES_MAX {
                let name = piece.lookup.text();
                let what = format!("more than {BYTES_MAX} bytes of {name} in one day");
                let instead = "read this account from the bucket of its trail";
                return Err(AwsError::other(format!(
                    "{}: {what}; {instead}",
                    place.label
                )));
            }
            token = answer.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(format!("{{\"Events\":[{}]}}", events.join(",")).into_bytes());
            }
        }
        let what = format!("more than {PAGES_MAX} pages of {}", piece.lookup.text());
        Err(AwsError::other(format!("{}: {what}", place.label)))
    }
}

fn label(place: &LookupPlace) -> String {
    let region = place.access.region.as_deref().unwrap_or_default();
    format!("lookup-events://{}/{region}", place.account_id)
}

impl LookupTarget {
    /// Waits until the next request may be made.
    async fn wait(&self, pause: Duration) {
        let _turn = self.turn.lock().await;
        tokio::time::sleep(pause).await;
    }
}

/// Whole UTC days, the last one up to now.
fn days(from: UtcSecond, to: UtcSecond, now: UtcSecond) -> Vec<(UtcSecond, UtcSecond)> {
    let mut days = Vec::new();
    let mut at = from.utc_day().start().unix();
    while at < to.unix() {
        let end = (at + DAY_SECONDS).min(now.unix().max(at + 1));
        days.push((UtcSecond::from_unix(at), UtcSecond::from_unix(end)));
        at += DAY_SECONDS;
    }
    days
}

impl Fetch for Pieces {
    fn bytes(&self, _object: u32) -> u64 {
        PIECE_BYTES
    }

    /// Pieces wait for their turn, and for that of every page.
    fn seconds_max(&self, _object: u32) -> u64 {
        7 * DAY_SECONDS.unsigned_abs()
    }

    fn fetch(&self, object: u32) -> Fetching<'_> {
        Box::pin(self.ask(object))
    }
}

impl LogSource for LookupLogs {
    fn object_count(&self) -> u32 {
        u32::try_from(self.pieces.all.len()).unwrap_or(u32::MAX)
    }

    fn key(&self, object: u32) -> Text {
        let Some(piece) = self.pieces.all.get(object as usize) else {
            return "".into();
        };
        let place = &self.pieces.places[piece.place].label;
        let day = piece.from.day();
        format!("{place}/{}/{day}", piece.lookup.text()).into()
    }

    fn read(&self, object: u32, body: &mut Vec<u8>) -> Result<(), SourceError> {
        self.feed.take(object, body)
    }

    fn expect(&self, objects: &[u32]) {
        self.feed.announce(objects);
    }

    fn fetched(&self) -> Option<u64> {
        Some(self.feed.fetched())
    }

    fn listing(&self) -> &Listing {
        &self.listing
    }

    fn version(&self, object: u32) -> Option<Version> {
        let piece = self.pieces.all.get(object as usize)?;
        // What may still grow is asked for again: its end is never the same.
        let tag = if piece.is_open {
            format!("until {}", piece.to)
        } else {
            "settled".to_owned()
        };
        Some(Version {
            tag: tag.into(),
            bytes: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_asked_for_whole_and_never_overlap() {
        let at = |text: &str| UtcSecond::parse(text).unwrap();
        let now = at("2026-07-03T10:00:00Z");
        let all = days(at("2026-07-01T13:00:00Z"), now, now);
        let spelled: Vec<String> = all
            .iter()
            .map(|(from, to)| format!("{} {}", from.day(), (to.unix() - from.unix()) / 3600))
            .collect();
        assert_eq!(spelled, ["2026-07-01 24", "2026-07-02 24", "2026-07-03 10"]);
        assert!(all.windows(2).all(|pair| pair[0].1 == pair[1].0));
    }
}
