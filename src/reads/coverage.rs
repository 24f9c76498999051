//! Events without which reads are not fully known.

use super::inputs::is_by_athena;
use super::objects::{is_by_lake_formation, is_result};
use crate::model::chain::Chain;
use crate::model::data_read::ReadEvents;
use crate::model::event::{Detail, Event};
use crate::model::ids::{AccountId, QueryExecutionId};
use crate::model::window::TimeWindow;
use hashbrown::HashSet;
use std::collections::{BTreeMap, BTreeSet};

/// Returns the consumers of queries, the producers of what they read and further owners of tables
/// whose logs have no such events in the window: they may be not logged, or there were none.
#[must_use]
pub fn not_logged<'a>(
    chains: &'a [Chain],
    events: &[Event],
    window: TimeWindow,
    owners: impl Iterator<Item = &'a AccountId>,
) -> BTreeMap<ReadEvents, BTreeSet<AccountId>> {
    let with_queries = chains
        .iter()
        .filter(|chain| !chain.queries.is_empty() || !chain.reads.is_empty());
    let consumers: BTreeSet<&AccountId> = with_queries
        .filter_map(|chain| chain.consumer_account_id.as_ref())
        .collect();
    let reads = chains.iter().flat_map(Chain::all_reads);
    let producers: BTreeSet<&AccountId> = reads
        .filter_map(|read| read.owner_account_id.as_ref())
        .chain(owners)
        .collect();
    let mut logged: BTreeMap<ReadEvents, BTreeSet<&AccountId>> = BTreeMap::new();
    let of_queries = chains.iter().flat_map(|chain| &chain.queries);
    let ids: HashSet<&QueryExecutionId> = of_queries
        .filter_map(|query| query.query_execution_id.as_ref())
        .collect();
    for event in events.iter().filter(|event| window.contains(event.time)) {
        let kind = kind_of(event, |id| ids.contains(id));
        if let Some((kind, account)) = kind.zip(event.recipient_account_id.as_ref()) {
            logged.entry(kind).or_default().insert(account);
        }
    }
    let mut missing = BTreeMap::new();
    for &kind in ReadEvents::ALL {
        let has_events = |account: &AccountId| {
            let known = logged.get(&kind);
            known.is_some_and(|accounts| accounts.contains(account))
        };
        let accounts: BTreeSet<AccountId> = consumers
            .union(&producers)
            .filter(|account| kind != ReadEvents::LambdaDataEvents || consumers.contains(**account))
            .filter(|account| !has_events(account))
            .map(|account| (*account).clone())
            .collect();
        if !accounts.is_empty() {
            missing.insert(kind, accounts);
        }
    }
    missing
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
