//! One event for each that happened, in one order.

use crate::model::event::{Content, Event};
use crate::model::ids::EventId;
use crate::model::integrity::Integrity;
use crate::model::time::UtcSecond;
use hashbrown::{DefaultHashBuilder, HashMap};
use std::cmp::Ordering;
use std::hash::BuildHasher;

/// Events, each once.
#[derive(Debug, Default)]
pub struct Deduped {
    /// By time, then id and content.
    pub events: Vec<Event>,
    /// Events delivered more than once.
    pub duplicates: u64,
    /// Deliveries of one event that do not agree.
    pub conflicts: u64,
    /// Events replaced by an `UPDATED_DATA` addendum.
    pub replaced: u64,
}

/// Keeps one of each event, in a fixed order. What a verified file says stays before anything else, where
/// files were verified: `integrity` has the status of each object, and is empty without verification.
/// An `UPDATED_DATA` addendum replaces its original; of deliveries that disagree
/// otherwise, the one last in a fixed order stays, so that file names and order do not
/// matter, and the conflict is counted.
#[must_use]
pub fn dedupe(events: Vec<Event>, integrity: &[Integrity]) -> Deduped {
    let mut deduped = Deduped {
        events: in_order(events),
        duplicates: 0,
        conflicts: 0,
        replaced: 0,
    };
    let mut dropped = vec![false; deduped.events.len()];
    for mut group in groups(&deduped.events, integrity) {
        deduped.settle(&mut group, integrity, &mut dropped);
    }
    let mut keep = dropped.iter().map(|dropped| !dropped);
    deduped.events.retain(|_| keep.next().unwrap_or(true));
    deduped.events.shrink_to_fit();
    deduped
}

/// A key that decides the order of most events without reading them.
struct EventOrderKey {
    time: UtcSecond,
    is_update: bool,
    /// The id, if it is a UUID; other ids come behind.
    uuid: [u8; 16],
    index: u32,
}

/// Puts events in the order of [`Deduped::events`], by small keys, and moves each event once.
#[must_use]
pub fn in_order(mut events: Vec<Event>) -> Vec<Event> {
    let mut keys: Vec<EventOrderKey> = (0u32..)
        .zip(&events)
        .map(|(index, event)| EventOrderKey {
            time: event.time,
            is_update: event.content.replaces().is_some(),
            uuid: event.content.id.uuid().unwrap_or([u8::MAX; 16]),
            index,
        })
        .collect();
    keys.sort_unstable_by(|left, right| {
        let quick = |key: &EventOrderKey| (key.time, key.is_update, key.uuid);
        quick(left)
            .cmp(&quick(right))
            .then_with(|| compare(&events[left.index as usize], &events[right.index as usize]))
    });
    // Each event to its place, one cycle of places after the other.
    let mut from: Vec<u32> = keys.into_iter().map(|key| key.index).collect();
    for start in 0..from.len() {
        let mut hole = start;
        loop {
            let source = from[hole] as usize;
            from[hole] = u32::try_from(hole).unwrap_or(u32::MAX);
            if source == start {
                break;
            }
            events.swap(hole, source);
            hole = source;
        }
    }
    events
}

/// By id, content and place: what is left when the times agree.
fn compare(left: &Event, right: &Event) -> Ordering {
    let (one, other) = (&left.content, &right.content);
    one.id
        .cmp(&other.id)
        .then_with(|| one.cmp(other))
        .then_with(|| left.place.cmp(&right.place))
}

/// Deliveries of one event, where there are several. An event is known by the account that got
/// it and its id: two accounts' copies are two events
/// (docs/cloudtrail-facts.md#order-duplicates-and-delay,
/// docs/cloudtrail-facts.md#copies-of-an-event).
fn groups(events: &[Event], integrity: &[Integrity]) -> Vec<Vec<u32>> {
    let origins = origins(events, integrity);
    let key = |index: u32| {
        let content = &events[index as usize].content;
        (&content.recipient_account_id, root(content, &origins))
    };
    let build = DefaultHashBuilder::default();
    let mut hashes: Vec<(u64, u32)> = (0u32..)
        .zip(events)
        .map(|(index, _)| (build.hash_one(key(index)), index))
        .collect();
    hashes.sort_unstable();
    let mut groups: Vec<Vec<u32>> = Vec::new();
    for same_hash in hashes.chunk_by(|left, right| left.0 == right.0) {
        if same_hash.len() < 2 {
            continue;
        }
        // Different keys may share a hash.
        let mut of_hash: Vec<Vec<u32>> = Vec::new();
        for &(_, index) in same_hash {
            let known = of_hash.iter_mut().find(|group| key(group[0]) == key(index));
            match known {
                Some(group) => group.push(index),
                None => of_hash.push(vec![index]),
            }
        }
        groups.extend(of_hash.into_iter().filter(|group| group.len() > 1));
    }
    groups
}

/// For every addendum, the id of the event it replaces. Where files were verified, only a
/// verified one says what other events of its id belong to.
fn origins<'e>(events: &'e [Event], integrity: &[Integrity]) -> HashMap<&'e EventId, &'e EventId> {
    let is_believed = |event: &Event| {
        let worth_of = integrity.get(event.place.object as usize);
        worth_of.is_none_or(|integrity| *integrity == Integrity::Verified)
    };
    let updates = events.iter().filter_map(|event| {
        let original = event.content.replaces()?;
        is_believed(event).then_some((&event.content.id, original))
    });
    updates.collect()
}

/// The id of the event that was first, through updates of updates.
fn root<'a>(content: &'a Content, origins: &HashMap<&'a EventId, &'a EventId>) -> &'a EventId {
    /// Updates that name each other in a circle end somewhere too.
    const UPDATES_MAX: usize = 16;
    let mut id = content.replaces().unwrap_or(&content.id);
    for _ in 0..origins.len().min(UPDATES_MAX) {
        match origins.get(id) {
            Some(original) if *original != id => id = original,
            _ => break,
        }
    }
    id
}

impl Deduped {
    /// Chooses one of a group and counts the rest.
    fn settle(&mut self, members: &mut [u32], integrity: &[Integrity], dropped: &mut [bool]) {
        let content = |index: u32| &self.events[index as usize].content;
        let is_update = |index: u32| content(index).replaces().is_some();
        let integrity =
            |index: u32| integrity.get(self.events[index as usize].place.object as usize);
        members.sort_unstable_by(|&left, &right| {
            let key = |index: u32| (integrity(index), is_update(index), content(index));
            key(left).cmp(&key(right))
        });
        for pair in members.windows(2) {
            let (lower, upper) = (pair[0], pair[1]);
            dropped[lower as usize] = true;
            if content(lower) == content(upper) {
                self.duplicates += 1;
            } else if is_update(upper) && !is_update(lower) {
                self.replaced += 1;
            } else {
                self.conflicts += 1;
            }
        }
    }
}
