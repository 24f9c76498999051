//! Quick users: `QueryDatabase` events linked to chains
//! (docs/cloudtrail-facts.md#quicks-own-events, docs/cloudtrail-facts.md#the-sql-comment).
//!
//! A user is named when every `QueryDatabase` of the chain's data source around
//! its queries names the same one. A Quick query id in the SQL's comment proves
//! it; where users differ, no one is chosen and all are named in a note.

use crate::model::chain::{Chain, ChainEvent, ChainPart, ChainPath, Confidence, QuickUser};
use crate::model::event::{Detail, Event, QueryDatabase, StartQuery};
use crate::model::execution::Statistics;
use crate::model::identity::Identity;
use crate::model::ids::{EventId, QuickQueryId};
use crate::model::road::canonical_quick_user;
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The longest distance between a `QueryDatabase` event and its query, in seconds.
pub(super) const NEARBY_SECONDS: i64 = 15;

/// `QueryDatabase` events near one query that are looked at. Where there are more, only a
/// query id tells which of them it was.
const NEARBY_MAX: usize = 256;

/// Users that a note names.
const USERS_NAMED_MAX: usize = 8;

/// One `QueryDatabase` event.
struct QuickUserEvent<'a> {
    index: u32,
    time: UtcSecond,
    user: Text,
    detail: &'a QueryDatabase,
}

/// The `QueryDatabase` events of data sources whose ids end alike, by time.
#[derive(Default)]
struct QuickUserEvents<'a> {
    all: Vec<QuickUserEvent<'a>>,
    by_query_id: HashMap<&'a QuickQueryId, Vec<usize>>,
}

impl<'a> QuickUserEvents<'a> {
    fn add(&mut self, sighting: QuickUserEvent<'a>) {
        if let Some(id) = &sighting.detail.query_id {
            let same = self.by_query_id.entry(id).or_default();
            if same.len() < NEARBY_MAX {
                same.push(self.all.len());
            }
        }
        self.all.push(sighting);
    }

    /// Those of a data source close to a moment; sightings are by time.
    fn near(&self, time: UtcSecond) -> std::ops::Range<usize> {
        let from = time.plus(-NEARBY_SECONDS);
        let to = time.plus(NEARBY_SECONDS);
        let all = &self.all;
        let start = all.partition_point(|sighting| sighting.time < from);
        start..all.partition_point(|sighting| sighting.time <= to)
    }

    fn is_of(&self, at: usize, source: &str) -> bool {
        let named = self.all[at].detail.data_source.as_deref();
        same_source(named.unwrap_or_default(), source)
    }
}

/// ARNs of dashboards, analyses and data sets by their bare ids, which some events have instead.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct QuickArns(BTreeMap<Text, Option<Text>>);

impl QuickArns {
    pub(super) fn add(&mut self, told: Option<&Text>) {
        if let Some(arn) = told.filter(|told| told.contains(':')) {
            self.add_arn(bare_id(arn), Some(arn));
        }
    }

    fn add_arn(&mut self, id: &str, arn: Option<&Text>) {
        match self.0.get_mut(id) {
            None => {
                self.0.insert(id.into(), arn.cloned());
            }
            // One id in two accounts or Regions stands for neither.
            Some(known) if known.as_ref() != arn => *known = None,
            Some(_) => {}
        }
    }

    /// Adds ARNs that are known from elsewhere.
    pub(super) fn merge(&mut self, other: &Self) {
        for (id, arn) in &other.0 {
            self.add_arn(id, arn.as_ref());
        }
    }

    /// The ARN of a bare id, if one is known; else what was told.
    fn spelled<'a>(&'a self, told: Option<&'a Text>) -> Option<&'a Text> {
        let told = told?;
        let is_bare = !told.contains(':');
        let known = self.0.get(&**told).and_then(Option::as_ref);
        known.filter(|_| is_bare).or(Some(told))
    }
}

/// Names the users of Quick chains.
pub(super) fn attach(
    chains: &mut [Chain],
    events: &[Event],
    arns: &QuickArns,
    statistics: Option<&Statistics>,
) {
    let mut by_source: HashMap<&str, QuickUserEvents<'_>> = HashMap::new();
    for (index, event) in (0u32..).zip(events) {
        let Detail::QueryDatabase(detail) = &event.detail else {
            continue;
        };
        let user = user_of(&event.identity).cloned();
        let (Some(source), Some(user)) = (&detail.data_source, user) else {
            continue;
        };
        by_source
            .entry(bare_id(source))
            .or_default()
            .add(QuickUserEvent {
                index,
                time: event.time,
                user,
                detail,
            });
    }
    let of_quick = |chain: &&mut Chain| chain.path == ChainPath::QuickRoleChain;
    for chain in chains.iter_mut().filter(of_quick) {
        let Some(source) = &chain.data_source_arn else {
            continue;
        };
        if let Some(sightings) = by_source.get(bare_id(source)) {
            let proofs = query_ids(chain, events, statistics);
            name_user(chain, events, sightings, &proofs, arns);
        }
    }
}

/// ARNs and bare ids of one data source end alike.
pub(super) fn bare_id(source: &str) -> &str {
    source.rsplit('/').next().unwrap_or(source)
}

/// Returns true if two spellings can be of one data source: bare ids lack the account.
pub(super) fn same_source(left: &str, right: &str) -> bool {
    let either_bare = !left.contains(':') || !right.contains(':');
    bare_id(left) == bare_id(right) && (either_bare || left == right)
}

/// The user as whom an event was made: the most readable name that it has.
pub(super) fn user_of(identity: &Identity) -> Option<&Text> {
    let names = [
        &identity.user_name,
        &identity.on_behalf_of,
        &identity.arn,
        &identity.principal_id,
    ];
    names.into_iter().find_map(Option::as_ref)
}

/// The number of different users, however they are spelled.
pub(super) fn user_count(users: &BTreeSet<&Text>) -> usize {
    let canonical = users.iter().map(|user| canonical_quick_user(user));
    canonical.collect::<BTreeSet<String>>().len()
}

fn name_user(
    chain: &mut Chain,
    events: &[Event],
    sightings: &QuickUserEvents<'_>,
    proofs: &HashMap<EventId, &QuickQueryId>,
    arns: &QuickArns,
) {
    let source = chain.data_source_arn.clone().unwrap_or_default();
    let mut chosen: BTreeSet<usize> = BTreeSet::new();
    let mut confidence = Confidence::Proven;
    for query in &chain.queries {
        let near = sightings.near(query.started_at);
        let proof = proofs.get(&query.event_id).copied();
        let proven = proof.and_then(|id| sightings.by_query_id.get(id));
        let proven = proven.into_iter().flatten().copied();
        let proven: Vec<usize> = proven
            .filter(|at| near.contains(at) && sightings.is_of(*at, &source))
            .collect();
        if !proven.is_empty() {
            chosen.extend(proven);
        } else if near.len() <= NEARBY_MAX {
            confidence = Confidence::Probable;
            chosen.extend(near.filter(|at| sightings.is_of(*at, &source)));
        } else {
            chain.notes.push(format!(
                "Quick user not identified: {} QueryDatabase events are close in time to a query of this chain, but none \
                 has its query id",
                near.len()
            ));
            chain.notes.sort();
            return;
        }
    }
    let sightings = &sightings.all;
    let of: Vec<&QuickUserEvent<'_>> = chosen.into_iter().map(|index| &sightings[index]).collect();
    let users: BTreeSet<&Text> = of.iter().map(|sighting| &sighting.user).collect();
    match user_count(&users) {
        0 => return,
        1 => {}
        several => {
            let names = users.iter().take(USERS_NAMED_MAX).map(|name| &***name);
            let names: Vec<&str> = names.collect();
            let more = match several.saturating_sub(USERS_NAMED_MAX) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            chain.notes.push(format!(
                "several possible Quick users: {}{more} queried the data source at that time",
                names.join(", ")
            ));
            chain.notes.sort();
            return;
        }
    }
    chain.quick_user = Some(QuickUser {
        name: of[0].user.clone(),
        confidence,
        resource_arn: only(&of, &|detail| arns.spelled(detail.resource.as_ref())).cloned(),
        data_set_arn: only(&of, &|detail| arns.spelled(detail.data_set.as_ref())).cloned(),
        query_id: only(&of, &|detail| detail.query_id.as_ref()).cloned(),
    });
    chain.events.extend(of.iter().map(|sighting| ChainEvent {
        event: sighting.index,
        session: ChainPart::Quick,
        confidence,
    }));
    chain
        .events
        .sort_by_key(|entry| events[entry.event as usize].time);
}

/// Quick's query ids that stand in the SQL of the chain's queries, by event: in
/// the event itself, else in the statistics of the execution.
fn query_ids<'a>(
    chain: &Chain,
    events: &'a [Event],
    statistics: Option<&'a Statistics>,
) -> HashMap<EventId, &'a QuickQueryId> {
    let told_later = |query: &StartQuery| {
        let execution = query.query_execution_id.as_ref()?;
        let known = statistics?.by_id.get(execution)?;
        known.quick_query_id.as_ref()
    };
    let of_chain = chain.events.iter();
    let of_chain = of_chain.map(|entry| &events[entry.event as usize]);
    of_chain
        .filter_map(|event| match &event.detail {
            Detail::StartQuery(query) => {
                let told = query.quick_query_id.as_ref();
                Some((event.id.clone(), told.or_else(|| told_later(query))?))
            }
            _ => None,
        })
        .collect()
}

/// The member, if all sightings agree on it.
fn only<'a, T: PartialEq>(
    sightings: &[&QuickUserEvent<'a>],
    member: &dyn Fn(&'a QueryDatabase) -> Option<&'a T>,
) -> Option<&'a T> {
    let mut values = sightings.iter().map(|sighting| member(sighting.detail));
    let first = values.next().flatten()?;
    values.all(|other| other == Some(first)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_id_is_the_only_arn_that_ends_so() {
        let texts = [
            "arn:aws:quicksight:us-east-1:111122223333:dashboard/d-1",
            "d-1",
            "arn:aws:quicksight:us-east-1:111122223333:dashboard/d-2",
            "arn:aws:quicksight:us-east-1:444455556666:dashboard/d-2",
            "d-2",
            "d-3",
        ];
        let texts = texts.map(Text::from);
        let mut arns = QuickArns::default();
        for text in &texts {
            arns.add(Some(text));
        }
        let spelled = |at: usize| arns.spelled(Some(&texts[at])).map(|text| &**text);
        assert_eq!(spelled(1), Some(&*texts[0]));
        assert_eq!(spelled(4), Some("d-2"));
        assert_eq!(spelled(5), Some("d-3"));
        assert_eq!(spelled(2), Some(&*texts[2]));
        assert_eq!(arns.spelled(None), None);
    }
}
