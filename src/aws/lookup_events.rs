//! `LookupEvents`, for accounts without a readable bucket (facts.md section 8).
//!
//! CloudTrail keeps management events for 90 days and hands them out by one
//! attribute, 50 at a time, two requests a second for each account and Region. Asked
//! for are the names of events that make or change a chain, by day or by week: each
//! such piece is an object of this source, so that what was read stays read. Calls
//! that are of interest only for who made them cannot be asked for.

use super::session::{Access, Aws};
use super::trouble::AwsError;
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
use tokio::runtime::Runtime;

/// How far back CloudTrail remembers.
pub const LOOKUP_DAYS_MAX: i64 = 90;
const DAY_SECONDS: i64 = 86_400;
const WEEK_SECONDS: i64 = 7 * DAY_SECONDS;
/// Time between two requests to one account and Region: two a second.
const REQUEST_EVERY: Duration = Duration::from_millis(500);
const EVENTS_PER_PAGE: i32 = 50;
/// Pages of one piece: more than a day of the busiest account has.
const PAGES_MAX: usize = 20_000;

/// Events that make a chain, or change what it may do or what is seen of it.
const EVENT_NAMES: [&str; 16] = [
    "AssumeRole",
    "AttachRolePolicy",
    "CreatePolicyVersion",
    "CreateRole",
    "DeleteRolePolicy",
    "DeleteTrail",
    "DetachRolePolicy",
    "GetDataAccess",
    "PutEventSelectors",
    "PutRolePolicy",
    "QueryDatabase",
    "StartQueryExecution",
    "StopLogging",
    "StopQueryExecution",
    "UpdateAssumeRolePolicy",
    "UpdateTrail",
];

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
    event_name: &'static str,
    from: UtcSecond,
    to: UtcSecond,
    /// Whether CloudTrail may still add to it.
    is_open: bool,
}

/// Events of accounts by `LookupEvents`.
pub struct LookupLogs {
    runtime: Arc<Runtime>,
    places: Vec<Place>,
    pieces: Vec<Piece>,
    listing: Listing,
    pause: Duration,
}

struct Place {
    label: String,
    client: Client,
    /// Whoever asks here waits for its turn.
    turn: tokio::sync::Mutex<()>,
}

/// Minutes after which all of a stretch of time is there (facts.md 1.5).
const SETTLED_AFTER_SECONDS: i64 = 3600;

impl LookupLogs {
    /// The pieces of a window, as far back as CloudTrail remembers at `now`.
    #[must_use]
    pub fn open(aws: &Aws, places: &[LookupPlace], window: &TimeWindow, now: UtcSecond) -> Self {
        let oldest = now.plus(-LOOKUP_DAYS_MAX * DAY_SECONDS);
        let from = window.from.map(|from| from.plus(-LOOK_BACK_SECONDS));
        let from = from.map_or(oldest, |from| from.max(oldest));
        let to = window.to.map(|to| to.plus(LOOK_AHEAD_SECONDS));
        let to = to.map_or(now, |to| to.min(now));
        let mut listing = Listing::default();
        let mut pieces = Vec::new();
        for (at, place) in places.iter().enumerate() {
            if window.from.is_some_and(|from| from < oldest) {
                let why = format!("LookupEvents knows nothing of the time before {oldest}");
                listing.failed.push((label(place).into(), why));
            }
            for event_name in EVENT_NAMES {
                let stretches = stretches(from, to, now).into_iter();
                pieces.extend(stretches.map(|(from, to)| Piece {
                    place: at,
                    event_name,
                    from,
                    to,
                    is_open: now < to.plus(SETTLED_AFTER_SECONDS),
                }));
            }
        }
        let places = places.iter().map(|place| Place {
            label: label(place),
            client: Client::new(&aws.config(&place.access)),
            turn: tokio::sync::Mutex::default(),
        });
        Self {
            runtime: aws.runtime(),
            places: places.collect(),
            pieces,
            listing,
            pause: REQUEST_EVERY,
        }
    }

    /// The same with another time between two requests.
    #[must_use]
    pub fn every(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Names of the events that are asked for.
    #[must_use]
    pub fn event_names() -> &'static [&'static str] {
        &EVENT_NAMES
    }

    async fn ask(&self, piece: &Piece) -> Result<Vec<u8>, AwsError> {
        let place = &self.places[piece.place];
        let attribute = LookupAttribute::builder()
            .attribute_key(LookupAttributeKey::EventName)
            .attribute_value(piece.event_name)
            .build()
            .map_err(|error| AwsError::other(error.to_string()))?;
        let mut events = Vec::new();
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
            let page = answer.events.unwrap_or_default().into_iter();
            events.extend(page.map(|event| json!({"CloudTrailEvent": event.cloud_trail_event})));
            token = answer.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(json!({ "Events": events }).to_string().into_bytes());
            }
        }
        let what = format!("more than {PAGES_MAX} pages of {}", piece.event_name);
        Err(AwsError::other(format!("{}: {what}", place.label)))
    }
}

fn label(place: &LookupPlace) -> String {
    let region = place.access.region.as_deref().unwrap_or_default();
    format!("lookup-events://{}/{region}", place.account_id)
}

impl Place {
    /// Waits until the next request may be made.
    async fn wait(&self, pause: Duration) {
        let _turn = self.turn.lock().await;
        tokio::time::sleep(pause).await;
    }
}

/// Whole weeks that are over, by a calendar that does not move with the window, and
/// the days around them.
fn stretches(from: UtcSecond, to: UtcSecond, now: UtcSecond) -> Vec<(UtcSecond, UtcSecond)> {
    let floor = |moment: UtcSecond, unit: i64| moment.unix().div_euclid(unit) * unit;
    let mut stretches = Vec::new();
    let mut at = floor(from, DAY_SECONDS);
    while at < to.unix() {
        let is_week =
            at % WEEK_SECONDS == 0 && at + WEEK_SECONDS <= floor(to.min(now), DAY_SECONDS);
        let length = if is_week { WEEK_SECONDS } else { DAY_SECONDS };
        let end = (at + length).min(now.unix().max(at + 1));
        stretches.push((UtcSecond::from_unix(at), UtcSecond::from_unix(end)));
        at += length;
    }
    stretches
}

impl LogSource for LookupLogs {
    fn object_count(&self) -> u32 {
        u32::try_from(self.pieces.len()).unwrap_or(u32::MAX)
    }

    fn key(&self, object: u32) -> Text {
        let Some(piece) = self.pieces.get(object as usize) else {
            return "".into();
        };
        let place = &self.places[piece.place].label;
        let days = (piece.to.unix() - piece.from.unix())
            .div_euclid(DAY_SECONDS)
            .max(1);
        let span = if days > 1 { "/week" } else { "" };
        let day = piece.from.day();
        format!("{place}/{}/{day}{span}", piece.event_name).into()
    }

    fn read(&self, object: u32, body: &mut Vec<u8>) -> Result<(), SourceError> {
        body.clear();
        let Some(piece) = self.pieces.get(object as usize) else {
            return Err(SourceError {
                message: "there is no such object".to_owned(),
            });
        };
        *body = self
            .runtime
            .block_on(self.ask(piece))
            .map_err(|error| SourceError {
                message: error.message,
            })?;
        Ok(())
    }

    fn listing(&self) -> &Listing {
        &self.listing
    }

    fn version(&self, object: u32) -> Option<Version> {
        let piece = self.pieces.get(object as usize)?;
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
    fn weeks_that_are_over_are_asked_for_whole_and_never_overlap() {
        let at = |text: &str| UtcSecond::parse(text).unwrap();
        let now = at("2026-07-20T10:00:00Z");
        let all = stretches(at("2026-07-01T13:00:00Z"), now, now);
        // 2026-07-02 is a Thursday, like 1970-01-01.
        let spelled: Vec<String> = all
            .iter()
            .map(|(from, to)| format!("{} {}", from.day(), (to.unix() - from.unix()) / 3600))
            .collect();
        assert_eq!(
            spelled,
            [
                "2026-07-01 24",
                "2026-07-02 168",
                "2026-07-09 168",
                "2026-07-16 24",
                "2026-07-17 24",
                "2026-07-18 24",
                "2026-07-19 24",
                "2026-07-20 10",
            ]
        );
        assert!(all.windows(2).all(|pair| pair[0].1 == pair[1].0));
        // The next night asks for the same pieces, but for the last ones.
        let later = at("2026-07-21T10:00:00Z");
        let again = stretches(at("2026-07-02T13:00:00Z"), later, later);
        assert_eq!(again[..5], all[1..6]);
    }
}
