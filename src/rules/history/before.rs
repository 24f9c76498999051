//! The days before a window, gathered from some chains at a time.

use super::figures::{FailureTally, QueryTally, SeriesKey, series_of, uses};
use super::locations::{AccountWorkGroup, KnownLocation, submissions_of};
use super::programs::{
    QuickAgents, SeenCalls, SessionKey, SessionPrograms, SessionUser, session_calls,
};
use super::routes::{ChainRoute, routes_of};
use super::sources::{SourceUses, add_source_use, add_uses};
use super::volumes::BytesRead;
use crate::model::audit::NamedInChains;
use crate::model::chain::Chain;
use crate::model::event::{Detail, Event};
use crate::model::identity::RoleName;
use crate::model::ids::{AccountId, DataSourceArn, EventId, RoleArn};
use crate::model::road::{ActingFor, ActingKind};
use crate::model::set::add_new;
use crate::model::text::Text;
use crate::model::time::{SESSION_SECONDS_MAX, UtcDay, UtcSecond};
use crate::model::topology::KnownRoles;
use crate::model::window::TimeWindow;
use crate::rules::hop::role_text;
use crate::rules::table_reads::{TableReaderKey, connector_of, reads_of};
use hashbrown::HashSet;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What rules ask of history that depends on their options.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistoryOptions {
    /// What tells calls of Quick's own programs from those of others.
    pub quick_agents: QuickAgents,
}

/// The days before a window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    series: BTreeMap<SeriesKey, BTreeMap<UtcDay, QueryTally>>,
    bytes_read: BytesRead,
    tallies: Tallies,
}

/// What rules compare with of some time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Tallies {
    failures: BTreeMap<AccountId, FailureTally>,
    programs: SessionPrograms,
    routes: BTreeSet<ChainRoute>,
    table_readers: BTreeSet<TableReaderKey>,
    locations: BTreeMap<AccountWorkGroup, KnownLocation>,
    sources: BTreeMap<DataSourceArn, SourceUses>,
    connectors: Connectors,
    /// Accounts that chains reached.
    consumers: BTreeSet<AccountId>,
    named: NamedInChains,
    /// ARNs of roles, as subjects name these.
    role_arns: BTreeMap<Text, RoleArn>,
    of_events: EventTallies,
    /// True if a chain acted for an agent or a flow.
    has_agent_chains: bool,
}

/// What rules want to know of events, whenever they were.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::rules) struct EventTallies {
    /// Roles by their unique id (`AROA...`).
    pub(in crate::rules) role_ids: BTreeMap<Text, RoleName>,
    /// ARNs of data sources that Quick queried.
    pub(in crate::rules) data_sources: BTreeSet<Text>,
    /// True if there are data events of Lambda.
    pub(in crate::rules) has_invocations: bool,
    /// True if there are data events of S3 objects.
    pub(in crate::rules) has_object_reads: bool,
    /// True if events of Quick name an agent, a flow or an action.
    pub(in crate::rules) has_agent_calls: bool,
}

/// Connectors that queries used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::rules) struct Connectors {
    /// Functions, or names of data catalogs.
    pub(in crate::rules) names: BTreeSet<Text>,
    /// Buckets that were spilled to.
    pub(in crate::rules) buckets: BTreeSet<Text>,
    /// Events of queries and connectors themselves, not long before the window.
    pub(in crate::rules) event_ids: BTreeSet<EventId>,
    /// Sessions whose queries read through connectors, not long before the window.
    pub(in crate::rules) sessions: BTreeSet<Text>,
}

/// Chains and events, some of all.
#[derive(Clone, Copy)]
pub struct HistoryInput<'a> {
    /// The time that is compared with.
    pub baseline: TimeWindow,
    /// Role A and Role B.
    pub roles: &'a KnownRoles,
    /// Chains with what they did in the baseline, and later.
    pub chains: &'a [Chain],
    /// The events that chains point into.
    pub events: &'a [Event],
}

impl History {
    /// Adds what some chains did in the baseline.
    pub fn add(&mut self, input: &HistoryInput<'_>, options: &HistoryOptions) {
        let mut of_connectors = HashSet::new();
        for chain in input.chains {
            self.add_reads(chain, input, &mut of_connectors);
            let is_over = input.baseline.contains(chain.last_activity_at);
            self.tallies.has_agent_chains |= is_over && chain.acting_for.iter().any(is_agent);
            if chain.touches_quick {
                self.add_chain(chain, input);
            }
            if is_over {
                add_role_arns(&mut self.tallies.role_arns, chain);
            }
        }
        self.tallies.named.add(input.chains);
        self.add_programs(input, &options.quick_agents);
        if !of_connectors.is_empty() {
            let events = input.events.iter();
            let own = events.filter(|event| of_connectors.contains(&event.id));
            let buckets = own.filter_map(bucket_of);
            self.tallies.connectors.buckets.extend(buckets);
        }
    }

    /// Adds events, whenever they were.
    pub fn add_events<'e>(&mut self, events: impl IntoIterator<Item = &'e Event>) {
        for event in events {
            self.tallies.of_events.add(event);
        }
    }

    fn add_chain(&mut self, chain: &Chain, input: &HistoryInput<'_>) {
        let is_before = |at: UtcSecond| input.baseline.contains(at);
        for (account, one) in uses(chain) {
            if is_before(one.query.started_at) {
                let day = one.query.started_at.utc_day();
                for key in series_of(account, &one) {
                    let days = self.series.entry(key).or_default();
                    days.entry(day).or_default().add_query(one.query);
                }
            }
        }
        let tallies = &mut self.tallies;
        if let Some(account) = &chain.consumer_account_id {
            let queries = chain.queries.iter();
            for query in queries.filter(|query| is_before(query.started_at)) {
                let failures = tallies.failures.entry(account.clone()).or_default();
                failures.add_query(query);
            }
        }
        let routes = routes_of(chain).into_iter();
        let routes = routes.filter(|(_, at)| is_before(*at));
        tallies.routes.extend(routes.map(|(route, _)| route));
        let submissions = submissions_of(chain, input.events);
        for one in submissions.filter(|one| is_before(one.event.time)) {
            let known = tallies.locations.entry(one.place).or_default();
            known.queries += 1;
            known.buckets.extend(one.bucket);
        }
        if is_before(chain.last_activity_at) {
            add_source_use(&mut tallies.sources, chain);
            add_new(&mut tallies.consumers, chain.consumer_account_id.as_ref());
        }
    }

    /// Adds the reads of a chain; `of_connectors` are the events of those through connectors.
    fn add_reads<'a>(
        &mut self,
        chain: &'a Chain,
        input: &HistoryInput<'a>,
        of_connectors: &mut HashSet<&'a EventId>,
    ) {
        let tallies = &mut self.tallies;
        let connectors = &mut tallies.connectors;
        let near = input.baseline.to.map(|to| to.plus(-SESSION_SECONDS_MAX));
        for one in reads_of(chain).filter(|one| input.baseline.contains(one.at)) {
            self.bytes_read.add(&one);
            for reader in one.readers() {
                add_new(&mut tallies.table_readers, Some(&reader));
            }
            let Some(connector) = connector_of(&one) else {
                continue;
            };
            add_new(&mut connectors.names, Some(connector));
            add_new(&mut connectors.buckets, one.read.subject.bucket.as_ref());
            let own = &one.read.event_ids;
            of_connectors.extend(own);
            if near.is_none_or(|near| near <= one.at) {
                connectors.event_ids.extend(own.iter().cloned());
                let session = chain.consumer_session.as_ref();
                let session = session.and_then(|session| session.assumed_role_id.clone());
                connectors.sessions.extend(session);
            }
        }
    }

    fn add_programs(&mut self, input: &HistoryInput<'_>, agents: &QuickAgents) {
        // A session counts on each day on which it was used.
        let mut sessions: BTreeMap<(UtcDay, SessionKey<'_>), BTreeSet<Text>> = BTreeMap::new();
        let mut seen = SeenCalls::default();
        for chain in input.chains.iter().filter(|chain| chain.touches_quick) {
            for call in session_calls(chain, input.events, input.roles) {
                let is_new = seen.is_new(&call);
                if !input.baseline.contains(call.event.time) {
                    continue;
                }
                let key = (call.event.time.utc_day(), call.key);
                let programs = sessions.entry(key).or_default();
                if is_new && let SessionUser::Program(program) = agents.user_of(call.event) {
                    programs.insert(program);
                }
            }
        }
        for programs in sessions.values() {
            self.tallies.programs.add_session(programs);
        }
    }

    /// Forgets what matters for a window that follows at once, and for no later one.
    pub fn forget_recent(&mut self) {
        self.tallies.connectors.event_ids.clear();
        self.tallies.connectors.sessions.clear();
    }

    /// Adds what is known of other chains.
    pub fn merge(&mut self, other: Self) {
        for (key, days) in other.series {
            let known = self.series.entry(key).or_default();
            for (day, tally) in days {
                known.entry(day).or_default().add(tally);
            }
        }
        self.bytes_read.merge(other.bytes_read);
        self.tallies.merge(other.tallies);
    }

    /// Daily queries and bytes.
    pub(in crate::rules) fn series(&self) -> &BTreeMap<SeriesKey, BTreeMap<UtcDay, QueryTally>> {
        &self.series
    }

    /// Daily bytes of tables, as S3 data events tell them.
    pub(in crate::rules) fn bytes_read(&self) -> &BytesRead {
        &self.bytes_read
    }

    /// Queries and failures by account.
    pub(in crate::rules) fn failures(&self) -> &BTreeMap<AccountId, FailureTally> {
        &self.tallies.failures
    }

    /// Programs that used sessions.
    pub(in crate::rules) fn programs(&self) -> &SessionPrograms {
        &self.tallies.programs
    }

    /// Routes of queries.
    pub(in crate::rules) fn routes(&self) -> &BTreeSet<ChainRoute> {
        &self.tallies.routes
    }

    /// Who read which table.
    pub(in crate::rules) fn table_readers(&self) -> &BTreeSet<TableReaderKey> {
        &self.tallies.table_readers
    }

    /// Result locations of work groups.
    pub(in crate::rules) fn locations(&self) -> &BTreeMap<AccountWorkGroup, KnownLocation> {
        &self.tallies.locations
    }

    /// Uses of data sources.
    pub(in crate::rules) fn sources(&self) -> &BTreeMap<DataSourceArn, SourceUses> {
        &self.tallies.sources
    }

    /// Connectors that queries used.
    pub(in crate::rules) fn connectors(&self) -> &Connectors {
        &self.tallies.connectors
    }

    /// Accounts that chains reached.
    pub(in crate::rules) fn consumers(&self) -> &BTreeSet<AccountId> {
        &self.tallies.consumers
    }

    /// What chains name.
    #[must_use]
    pub fn named(&self) -> &NamedInChains {
        &self.tallies.named
    }

    /// ARNs of roles, as subjects name these.
    pub(in crate::rules) fn role_arns(&self) -> &BTreeMap<Text, RoleArn> {
        &self.tallies.role_arns
    }

    /// What events tell, whenever they were.
    pub(in crate::rules) fn of_events(&self) -> &EventTallies {
        &self.tallies.of_events
    }

    /// True if a chain acted for an agent or a flow.
    pub(in crate::rules) fn has_agent_chains(&self) -> bool {
        self.tallies.has_agent_chains
    }
}

impl Tallies {
    fn merge(&mut self, other: Self) {
        for (account, tally) in other.failures {
            self.failures.entry(account).or_default().add(tally);
        }
        self.programs.add(other.programs);
        self.routes.extend(other.routes);
        self.table_readers.extend(other.table_readers);
        for (place, location) in other.locations {
            let known = self.locations.entry(place).or_default();
            known.queries += location.queries;
            known.buckets.extend(location.buckets);
        }
        for (arn, uses) in other.sources {
            add_uses(&mut self.sources, arn, uses);
        }
        self.connectors.merge(other.connectors);
        self.consumers.extend(other.consumers);
        self.named.merge(other.named);
        for (role, arn) in other.role_arns {
            add_role_arn(&mut self.role_arns, role, arn);
        }
        self.of_events.merge(other.of_events);
        self.has_agent_chains |= other.has_agent_chains;
    }
}

impl Connectors {
    fn merge(&mut self, other: Self) {
        self.names.extend(other.names);
        self.buckets.extend(other.buckets);
        self.event_ids.extend(other.event_ids);
        self.sessions.extend(other.sessions);
    }
}

impl EventTallies {
    /// Adds what an event tells.
    pub(in crate::rules) fn add(&mut self, event: &Event) {
        let identity = &event.identity;
        let id = identity
            .assumed_role_id()
            .and_then(|id| id.split(':').next());
        if let (Some(id), Some(arn)) = (id, identity.role_arn())
            && !self.role_ids.contains_key(id)
            && let Some(role) = RoleName::from_arn(arn)
        {
            self.role_ids.insert(id.into(), role);
        }
        match &event.detail {
            Detail::QueryDatabase(seen) => {
                let source = seen.data_source.as_ref();
                add_new(&mut self.data_sources, source);
            }
            Detail::Invocation(_) => self.has_invocations = true,
            Detail::ObjectRead(_) => self.has_object_reads = true,
            Detail::QuickCall(call) => {
                self.has_agent_calls |= call.agent_id.is_some()
                    || call.flow_id.is_some()
                    || call.action_connector_id.is_some();
            }
            _ => {}
        }
    }

    fn merge(&mut self, other: Self) {
        for (id, role) in other.role_ids {
            self.role_ids.entry(id).or_insert(role);
        }
        self.data_sources.extend(other.data_sources);
        self.has_invocations |= other.has_invocations;
        self.has_object_reads |= other.has_object_reads;
        self.has_agent_calls |= other.has_agent_calls;
    }
}

/// Returns true for agents and flows; the connector of an action is neither.
pub(in crate::rules) fn is_agent(acting: &ActingFor) -> bool {
    matches!(acting.kind, ActingKind::Agent | ActingKind::Flow)
        && !acting.id.starts_with("action-connector/")
}

/// Adds the ARNs of a chain's roles.
pub(in crate::rules) fn add_role_arns(known: &mut BTreeMap<Text, RoleArn>, chain: &Chain) {
    let sessions = [chain.caller_session(), chain.consumer_session.as_ref()];
    let arns = sessions
        .into_iter()
        .flatten()
        .filter_map(|session| session.role_arn.as_ref());
    for arn in arns.filter(|arn| arn.contains(":role/")) {
        if let Some(role) = RoleName::from_arn(arn) {
            add_role_arn(known, role_text(&role), arn.clone());
        }
    }
}

/// Adds an ARN of a role; the one with the longest path counts.
fn add_role_arn(known: &mut BTreeMap<Text, RoleArn>, role: Text, arn: RoleArn) {
    let rank = |arn: &RoleArn| (arn.matches('/').count(), arn.clone());
    match known.get_mut(&role) {
        Some(last) if rank(last) < rank(&arn) => *last = arn,
        Some(_) => {}
        None => {
            known.insert(role, arn);
        }
    }
}

/// The bucket of an object that a call is about.
pub(in crate::rules) fn bucket_of(event: &Event) -> Option<Text> {
    match &event.detail {
        Detail::ObjectRead(object) | Detail::ObjectWrite(object) => object.bucket.clone(),
        Detail::KeyUse(used) => {
            let (_, path) = used.object_arn.as_deref()?.split_once(":::")?;
            Some(path.split('/').next().unwrap_or(path).into())
        }
        _ => None,
    }
}
