//! Events without which reads are not fully known.

use super::inputs::is_by_athena;
use super::objects::{is_by_lake_formation, is_result};
use crate::model::chain::Chain;
use crate::model::data_read::ReadEvents;
use crate::model::event::{Detail, Event};
use crate::model::ids::{AccountId, QueryExecutionId};
use crate::model::set::add_new;
use crate::model::window::TimeWindow;
use hashbrown::HashSet;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The accounts of queries, and of events that tell what queries read, gathered from some chains and
/// events at a time.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ReadsTally {
    consumers: BTreeSet<AccountId>,
    producers: BTreeSet<AccountId>,
    logged: BTreeMap<ReadEvents, BTreeSet<AccountId>>,
}

impl ReadsTally {
    /// Gathers all at once.
    #[must_use]
    pub fn of(chains: &[Chain], events: &[Event], window: TimeWindow) -> Self {
        let mut tally = Self::default();
        tally.add_chains(chains);
        tally.add_events(events, chains, window);
        tally
    }

    /// Adds chains, with what their queries read.
    pub fn add_chains(&mut self, chains: &[Chain]) {
        for chain in chains {
            if !chain.queries.is_empty() || !chain.reads.is_empty() {
                add_new(&mut self.consumers, chain.consumer_account_id.as_ref());
            }
            for read in chain.all_reads() {
                add_new(&mut self.producers, read.owner_account_id.as_ref());
            }
        }
    }

    /// Adds events of the window. `chains` have the queries that these may be of.
    pub fn add_events<'e>(
        &mut self,
        events: impl IntoIterator<Item = &'e Event>,
        chains: &[Chain],
        window: TimeWindow,
    ) {
        let of_queries = chains.iter().flat_map(|chain| &chain.queries);
        let ids: HashSet<&QueryExecutionId> = of_queries
            .filter_map(|query| query.query_execution_id.as_ref())
            .collect();
        let in_window = |event: &&Event| window.contains(event.time);
        for event in events.into_iter().filter(in_window) {
            if let Some(kind) = kind_of(event, |id| ids.contains(id)) {
                let accounts = self.logged.entry(kind).or_default();
                add_new(accounts, event.recipient_account_id.as_ref());
            }
        }
    }

    /// Adds what is known of others.
    pub fn merge(&mut self, other: Self) {
        self.consumers.extend(other.consumers);
        self.producers.extend(other.producers);
        for (kind, accounts) in other.logged {
            self.logged.entry(kind).or_default().extend(accounts);
        }
    }

    /// Returns the consumers of queries and the producers of what they read of which no such events were
    /// added: they may be not logged, or there were none. `owners` are further producers.
    #[must_use]
    pub fn not_logged<'a>(
        mut self,
        owners: impl Iterator<Item = &'a AccountId>,
    ) -> BTreeMap<ReadEvents, BTreeSet<AccountId>> {
        self.producers.extend(owners.cloned());
        let Self {
            consumers,
            producers,
            logged,
        } = &self;
        let mut missing = BTreeMap::new();
        for &kind in ReadEvents::ALL {
            let has_events = |account: &AccountId| {
                let known = logged.get(&kind);
                known.is_some_and(|accounts| accounts.contains(account))
            };
            let accounts: BTreeSet<AccountId> = consumers
                .union(producers)
                .filter(|account| {
                    kind != ReadEvents::LambdaDataEvents || consumers.contains(*account)
                })
                .filter(|account| !has_events(account))
                .cloned()
                .collect();
            if !accounts.is_empty() {
                missing.insert(kind, accounts);
            }
        }
        missing
    }
}

/// What an event shows to be logged: calls that were made for queries. That others read objects in
/// the account, or that results were fetched, does not show that reads of tables are logged.
fn kind_of(event: &Event, is_query: impl Fn(&QueryExecutionId) -> bool) -> Option<ReadEvents> {
    let by_athena = is_by_athena(event);
    match &event.detail {
        Detail::DataAccess(_) if by_athena => Some(ReadEvents::LakeFormation),
        Detail::ObjectRead(object)
            if (by_athena || is_by_lake_formation(event)) && !is_result(object, is_query) =>
        {
            Some(ReadEvents::S3DataEvents)
        }
        Detail::Invocation(_) if by_athena => Some(ReadEvents::LambdaDataEvents),
        _ => None,
    }
}
