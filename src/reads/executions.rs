//! When the queries of each chain ran.

use crate::model::chain::{Chain, ChainPart};
use crate::model::event::{Detail, Event};
use crate::model::execution::Statistics;
use crate::model::identity::Identity;
use crate::model::ids::{QueryExecutionId, Region};
use crate::model::time::{CLOCK_SKEW_SECONDS, UtcSecond};
use hashbrown::{HashMap, HashSet};
use std::ops::Range;

/// The longest that a query runs
/// (docs.aws.amazon.com/athena/latest/ug/service-limits.html: 240 minutes at most).
pub const QUERY_SECONDS_MAX: i64 = 240 * 60;

/// Queries that a call may belong to, at most: where there are more, more say nothing.
pub(super) const CANDIDATES_MAX: usize = 100;

/// A query execution, from its submission to its end.
#[derive(Debug)]
pub(super) struct Execution<'a> {
    pub(super) id: &'a QueryExecutionId,
    /// Position of its chain.
    pub(super) chain: usize,
    /// Position in the queries of the chain; `None` where it was submitted outside the window.
    pub(super) query: Option<usize>,
    pub(super) started_at: UtcSecond,
    /// When it was known to have ended, else the latest that it can have ended.
    pub(super) ended_at: UtcSecond,
    pub(super) region: Option<&'a Region>,
    /// Who submitted it.
    pub(super) caller: &'a Identity,
}

impl Execution<'_> {
    /// Returns true if it ran at this moment.
    pub(super) fn is_at(&self, time: UtcSecond) -> bool {
        self.started_at <= time.plus(CLOCK_SKEW_SECONDS)
            && time <= self.ended_at.plus(CLOCK_SKEW_SECONDS)
    }

    fn is_in(&self, region: Option<&Region>) -> bool {
        let regions = self.region.zip(region);
        regions.is_none_or(|(own, other)| own == other)
    }
}

/// All query executions that chains submitted.
#[derive(Debug)]
pub(super) struct Executions<'a> {
    /// By chain, and by time in each.
    pub(super) all: Vec<Execution<'a>>,
    by_id: HashMap<&'a QueryExecutionId, usize>,
    of_chain: Vec<Range<usize>>,
    /// By execution: the latest end of it and those before it in its chain.
    latest_end: Vec<UtcSecond>,
    /// By role id: the executions of its sessions, by time.
    by_role_id: HashMap<&'a str, Vec<usize>>,
    /// By principal id: the executions of its sessions, by time.
    by_principal: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Executions<'a> {
    pub(super) fn of(
        chains: &[Chain],
        events: &'a [Event],
        statistics: Option<&Statistics>,
    ) -> Self {
        let ends = ends(events, statistics);
        let mut executions = Self {
            all: Vec::new(),
            by_id: HashMap::new(),
            of_chain: Vec::with_capacity(chains.len()),
            latest_end: Vec::new(),
            by_role_id: HashMap::new(),
            by_principal: HashMap::new(),
        };
        for (position, chain) in chains.iter().enumerate() {
            let from = executions.all.len();
            executions.add_chain(position, chain, events, &ends);
            executions.all[from..].sort_by_key(|execution| execution.started_at);
            executions.of_chain.push(from..executions.all.len());
        }
        executions.index();
        executions
    }

    fn add_chain(
        &mut self,
        position: usize,
        chain: &Chain,
        events: &'a [Event],
        ends: &HashMap<&QueryExecutionId, UtcSecond>,
    ) {
        let queries = chain.queries.iter().enumerate();
        let queries: HashMap<&QueryExecutionId, usize> = queries
            .filter_map(|(at, query)| Some((query.query_execution_id.as_ref()?, at)))
            .collect();
        let repeats = chain.repeated_queries.iter();
        let mut known: HashSet<&QueryExecutionId> =
            repeats.map(|query| &query.query_execution_id).collect();
        // One that this chain submitted and repeated is its own.
        known.retain(|id| !queries.contains_key(id));
        for entry in &chain.events {
            let event = &events[entry.event as usize];
            let Detail::StartQuery(query) = &event.detail else {
                continue;
            };
            let Some(id) = &query.query_execution_id else {
                continue;
            };
            if entry.session != ChainPart::Consumer || !known.insert(id) {
                continue;
            }
            let started_at = event.time;
            let last = started_at.plus(QUERY_SECONDS_MAX);
            let ended_at = ends.get(id).copied().unwrap_or(last);
            self.all.push(Execution {
                id,
                chain: position,
                query: queries.get(id).copied(),
                started_at,
                ended_at: ended_at.clamp(started_at, last),
                region: event.region.as_ref(),
                caller: &event.identity,
            });
        }
    }

    fn index(&mut self) {
        for range in &self.of_chain {
            let mut latest = None;
            for execution in &self.all[range.clone()] {
                let end = latest.map_or(execution.ended_at, |end| execution.ended_at.max(end));
                latest = Some(end);
                self.latest_end.push(end);
            }
        }
        for (at, execution) in self.all.iter().enumerate() {
            self.by_id.entry(execution.id).or_insert(at);
            let Some(principal) = execution.caller.principal_id.as_deref() else {
                continue;
            };
            self.by_principal.entry(principal).or_default().push(at);
            if let Some((role_id, _)) = principal.split_once(':') {
                self.by_role_id.entry(role_id).or_default().push(at);
            }
        }
        let all = &self.all;
        let of_sessions = self.by_principal.values_mut();
        for executions in of_sessions.chain(self.by_role_id.values_mut()) {
            executions.sort_by_key(|&at| (all[at].started_at, at));
        }
    }

    /// Executions that a call by Athena for a chain's session may belong to: those of the chain, and
    /// those of other sessions of the same principal and second, from which nothing in such a call
    /// tells it apart. At most [`CANDIDATES_MAX`], by chain and time.
    pub(super) fn for_call(&self, chain: usize, event: &Event) -> Vec<&Execution<'a>> {
        let time = event.time;
        // A bucket may be in another Region than the query.
        let region = event.region.as_ref();
        let region = region.filter(|_| !matches!(event.detail, Detail::ObjectRead(_)));
        let mut running = self.at(chain, time, region);
        let principal = event.identity.principal_id.as_deref();
        let same = principal.and_then(|principal| self.by_principal.get(principal));
        let others = self.recent(same, time).filter(|execution| {
            execution.chain != chain
                && execution.is_in(region)
                && is_of_one_second(execution.caller, &event.identity)
        });
        running.extend(others.take(CANDIDATES_MAX));
        running.truncate(CANDIDATES_MAX);
        running
    }

    /// Returns true if no query of a chain is known.
    pub(super) fn is_without(&self, chain: usize) -> bool {
        self.of_chain[chain].is_empty()
    }

    /// The execution of this id.
    pub(super) fn named(&self, id: &QueryExecutionId) -> Option<&Execution<'a>> {
        self.by_id.get(id).map(|&at| &self.all[at])
    }

    /// Executions of a chain that ran at a moment in a Region, at most [`CANDIDATES_MAX`], by time.
    pub(super) fn at(
        &self,
        chain: usize,
        time: UtcSecond,
        region: Option<&Region>,
    ) -> Vec<&Execution<'a>> {
        let range = self.of_chain[chain].clone();
        let begun = self.all[range.clone()]
            .partition_point(|execution| execution.started_at <= time.plus(CLOCK_SKEW_SECONDS));
        let mut running = Vec::new();
        for at in (range.start..range.start + begun).rev() {
            if self.latest_end[at].plus(CLOCK_SKEW_SECONDS) < time
                || running.len() == CANDIDATES_MAX
            {
                break;
            }
            let execution = &self.all[at];
            if execution.is_at(time) && execution.is_in(region) {
                running.push(execution);
            }
        }
        running.reverse();
        running
    }

    /// Executions that sessions of a role of an account ran at a moment, at most
    /// [`CANDIDATES_MAX`].
    pub(super) fn of_role_at(
        &self,
        account: &str,
        role_id: &str,
        time: UtcSecond,
    ) -> Vec<&Execution<'a>> {
        self.recent(self.by_role_id.get(role_id), time)
            .filter(|execution| execution.caller.account_id.as_deref() == Some(account))
            .take(CANDIDATES_MAX)
            .collect()
    }

    /// Those of executions by time that ran at a moment.
    fn recent<'e>(
        &'e self,
        by_time: Option<&'e Vec<usize>>,
        time: UtcSecond,
    ) -> impl Iterator<Item = &'e Execution<'a>> {
        let by_time = by_time.map_or(&[][..], Vec::as_slice);
        let earliest = time.plus(-QUERY_SECONDS_MAX - CLOCK_SKEW_SECONDS);
        let first = by_time.partition_point(|&at| self.all[at].started_at < earliest);
        by_time[first..]
            .iter()
            .map(|&at| &self.all[at])
            .take_while(move |execution| execution.started_at <= time.plus(CLOCK_SKEW_SECONDS))
            .filter(move |execution| execution.is_at(time))
    }
}

/// Returns true unless the creation times of two sessions tell them apart.
pub(super) fn is_of_one_second(left: &Identity, right: &Identity) -> bool {
    let created = left.session_created_at.zip(right.session_created_at);
    created.is_none_or(|(left, right)| left.is_within_skew(right))
}

/// When executions had ended: by statistics, or because their results were read.
fn ends<'a>(
    events: &'a [Event],
    statistics: Option<&'a Statistics>,
) -> HashMap<&'a QueryExecutionId, UtcSecond> {
    let mut ends: HashMap<&QueryExecutionId, UtcSecond> = HashMap::new();
    let mut note = |id: &'a QueryExecutionId, time: UtcSecond| {
        ends.entry(id)
            .and_modify(|known| *known = time.min(*known))
            .or_insert(time);
    };
    for event in events {
        let reads_results = event.name.starts_with("GetQueryResults") && event.error_code.is_none();
        if let Detail::QueryReference(ids) = &event.detail
            && reads_results
        {
            ids.iter().for_each(|id| note(id, event.time));
        }
    }
    for (id, known) in statistics.iter().flat_map(|known| &known.by_id) {
        if let Some(time) = known.completed_at.filter(|_| known.state.is_final()) {
            note(id, time);
        }
    }
    ends
}
