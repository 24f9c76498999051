//! One event for each that happened, in one order.

use crate::model::event::Event;
use crate::model::text::{OpaqueId, Text};
use hashbrown::HashMap;

pub(super) struct Deduped {
    /// By time, then account, id and content.
    pub(super) events: Vec<Event>,
    pub(super) duplicates: u64,
    pub(super) conflicts: u64,
    pub(super) replaced: u64,
}

/// The account copy of an event: two accounts' copies are two events
/// (facts.md 1.5 and 1.6).
type Key = (Option<Text>, OpaqueId);

/// Keeps one of each event. An `UPDATED_DATA` addendum replaces its original;
/// of deliveries that disagree otherwise, the one last in a fixed order stays,
/// so that file names and order do not matter, and the conflict is counted.
pub(super) fn dedupe(mut events: Vec<Event>) -> Deduped {
    events.sort_unstable_by(|left, right| {
        let by_id = |event: &Event| (event.time, event.content.replaces.is_some());
        by_id(left)
            .cmp(&by_id(right))
            .then_with(|| left.content.id.cmp(&right.content.id))
            .then_with(|| left.content.cmp(&right.content))
            .then_with(|| left.place.cmp(&right.place))
    });
    let origins = origins(&events);
    let mut groups: HashMap<Key, u32> = HashMap::with_capacity(events.len());
    let mut rivals: HashMap<u32, Vec<u32>> = HashMap::new();
    for (index, event) in (0u32..).zip(&events) {
        let key = (event.recipient_account_id.clone(), root(event, &origins));
        match groups.entry(key) {
            hashbrown::hash_map::Entry::Vacant(slot) => {
                slot.insert(index);
            }
            hashbrown::hash_map::Entry::Occupied(first) => {
                rivals.entry(*first.get()).or_default().push(index);
            }
        }
    }
    let mut deduped = Deduped {
        events: Vec::new(),
        duplicates: 0,
        conflicts: 0,
        replaced: 0,
    };
    let mut dropped = vec![false; events.len()];
    for (first, others) in rivals {
        let mut members = vec![first];
        members.extend(others);
        deduped.settle(&events, &mut members, &mut dropped);
    }
    let mut keep = dropped.iter().map(|dropped| !dropped);
    events.retain(|_| keep.next().unwrap_or(true));
    events.shrink_to_fit();
    deduped.events = events;
    deduped
}

/// For every addendum, the id of the event it replaces.
fn origins(events: &[Event]) -> HashMap<OpaqueId, OpaqueId> {
    let updates = events.iter().filter_map(|event| {
        let original = event.content.replaces.clone()?;
        Some((event.content.id.clone(), original))
    });
    updates.collect()
}

/// The id of the event that was first, through updates of updates.
fn root(event: &Event, origins: &HashMap<OpaqueId, OpaqueId>) -> OpaqueId {
    let mut id = event.content.replaces.as_ref().unwrap_or(&event.content.id);
    // Updates that name each other in a circle end somewhere too.
    for _ in 0..=origins.len().min(16) {
        match origins.get(id) {
            Some(original) if original != id => id = original,
            _ => break,
        }
    }
    id.clone()
}

impl Deduped {
    /// Chooses one of a group and counts the rest.
    fn settle(&mut self, events: &[Event], members: &mut [u32], dropped: &mut [bool]) {
        members.sort_unstable_by(|&left, &right| {
            let rank = |index: u32| {
                let event = &events[index as usize];
                (event.content.replaces.is_some(), &event.content)
            };
            rank(left).cmp(&rank(right))
        });
        let content = |index: u32| &events[index as usize].content;
        let is_update = |index: u32| content(index).replaces.is_some();
        for pair in members.windows(2) {
            let (lower, upper) = (pair[0], pair[1]);
            dropped[lower as usize] = true;
            if content(lower) == content(upper) {
                self.duplicates += 1;
            } else if is_update(lower) == is_update(upper) {
                self.conflicts += 1;
            } else {
                self.replaced += 1;
            }
        }
    }
}
