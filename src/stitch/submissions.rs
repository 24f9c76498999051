//! The first submission of each query execution. A caller that repeats a client request token gets
//! the id of an existing execution, which scans nothing again and is billed once
//! (docs/cloudtrail-facts.md#startqueryexecution).

use crate::model::chain::{Chain, ChainPart};
use crate::model::event::{Detail, Event};
use crate::model::execution::Statistics;
use crate::model::ids::QueryExecutionId;
use crate::model::time::UtcSecond;
use hashbrown::HashMap;

/// The largest difference between the submission time in the statistics and the time of the event.
const SUBMISSION_SKEW_SECONDS: u64 = 60;

/// Query executions that are not simply submitted by one event.
#[derive(Debug, Default)]
pub(super) struct Submissions {
    /// The event that submitted an execution first; `None` if it was not read. Executions of one
    /// event, which submitted them, are not listed.
    first: HashMap<QueryExecutionId, Option<u32>>,
}

impl Submissions {
    /// Finds them among events in their fixed order.
    pub(super) fn of(events: &[Event], statistics: Option<&Statistics>) -> Self {
        let mut calls: HashMap<&QueryExecutionId, Vec<u32>> = HashMap::new();
        for (index, event) in (0u32..).zip(events) {
            if let Detail::StartQuery(query) = &event.detail
                && let Some(id) = &query.query_execution_id
            {
                calls.entry(id).or_default().push(index);
            }
        }
        let submitted = |id: &QueryExecutionId| statistics?.by_id.get(id)?.submitted_at;
        let first = calls.into_iter().filter_map(|(id, calls)| {
            let first = first_of(events, &calls, submitted(id));
            let is_usual = calls.len() == 1 && first == Some(calls[0]);
            (!is_usual).then(|| (id.clone(), first))
        });
        Self {
            first: first.collect(),
        }
    }

    /// Returns true if the call did not submit the execution, but named one that was submitted.
    pub(super) fn is_repeat(&self, id: &QueryExecutionId, event: u32) -> bool {
        self.first
            .get(id)
            .is_some_and(|first| *first != Some(event))
    }

    /// Names the chains of the first submissions in those of later ones.
    pub(super) fn name_chains(&self, chains: &mut [Chain]) {
        if chains.iter().all(|chain| chain.repeated_queries.is_empty()) {
            return;
        }
        let first: HashMap<u32, &QueryExecutionId> = self
            .first
            .iter()
            .filter_map(|(id, first)| Some(((*first)?, id)))
            .collect();
        let mut ids: HashMap<&QueryExecutionId, String> = HashMap::new();
        for chain in &*chains {
            // The calls of a session also stand in the chains of sessions assumed from it.
            let own = chain.events.iter();
            for entry in own.filter(|entry| entry.session == ChainPart::Consumer) {
                if let Some(id) = first.get(&entry.event) {
                    ids.insert(id, chain.chain_id.clone());
                }
            }
        }
        for chain in chains {
            for query in &mut chain.repeated_queries {
                query.chain_id = ids.get(&query.query_execution_id).cloned();
            }
            let unread = chain.repeated_queries.iter();
            let unread = unread.filter(|query| query.chain_id.is_none()).count();
            if unread > 0 {
                chain.notes.push(format!(
                    "{unread} of its query executions were first submitted before the logs that were read: their bytes \
                     are in no total"
                ));
                chain.notes.sort();
            }
        }
    }
}

/// The call that submitted an execution: the one at the time of the statistics, else the earliest.
fn first_of(events: &[Event], calls: &[u32], submitted: Option<UtcSecond>) -> Option<u32> {
    let earliest = calls.first().copied()?;
    let Some(submitted) = submitted else {
        return Some(earliest);
    };
    let distance = |call: &u32| events[*call as usize].time.distance(submitted);
    let closest = calls.iter().min_by_key(|call| distance(call)).copied()?;
    let is_before = submitted < events[earliest as usize].time;
    if distance(&closest) <= SUBMISSION_SKEW_SECONDS {
        Some(closest)
    } else {
        (!is_before).then_some(earliest)
    }
}
