//! Events without which reads are not fully known.

use crate::model::chain::Chain;
use crate::model::data_read::ReadEvents;
use crate::model::event::{Detail, Event};
use crate::model::ids::AccountId;
use crate::model::window::TimeWindow;
use std::collections::{BTreeMap, BTreeSet};

/// Returns the consumers of queries and the producers of what they read whose logs have no such
/// events in the window: they may be not logged, or there were none.
#[must_use]
pub fn not_logged(
    chains: &[Chain],
    events: &[Event],
    window: TimeWindow,
) -> BTreeMap<ReadEvents, BTreeSet<AccountId>> {
    let with_queries = chains.iter().filter(|chain| !chain.queries.is_empty());
    let consumers: BTreeSet<&AccountId> = with_queries
        .filter_map(|chain| chain.consumer_account_id.as_ref())
        .collect();
    let of_queries = chains.iter().flat_map(|chain| &chain.queries);
    let reads = of_queries.flat_map(|query| query.reads.iter().flatten());
    let reads = reads.chain(chains.iter().flat_map(|chain| &chain.reads));
    let producers: BTreeSet<&AccountId> = reads
        .filter_map(|read| read.owner_account_id.as_ref())
        .collect();
    let mut logged: BTreeMap<ReadEvents, BTreeSet<&AccountId>> = BTreeMap::new();
    for event in events.iter().filter(|event| window.contains(event.time)) {
        if let Some((kind, account)) =
            kind_of(&event.detail).zip(event.recipient_account_id.as_ref())
        {
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

fn kind_of(detail: &Detail) -> Option<ReadEvents> {
    match detail {
        Detail::DataAccess(_) => Some(ReadEvents::LakeFormation),
        Detail::ObjectRead(_) => Some(ReadEvents::S3DataEvents),
        Detail::Invocation(_) => Some(ReadEvents::LambdaDataEvents),
        _ => None,
    }
}
