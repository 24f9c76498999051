//! Paths that bytes took: from the hub's role through the consumer's to the work
//! group.

use super::listed::FindingsByChain;
use crate::model::chain::{Chain, ChainStatus};
use crate::model::ids::{AccountId, RoleArn};
use crate::model::text::Text;
use std::collections::{BTreeMap, BTreeSet};

/// The quantity that the width of a path shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WidthMeasure {
    /// Bytes scanned.
    Bytes,
    /// Queries, because the bytes of none are known.
    Queries,
}

impl WidthMeasure {
    /// The basis as outputs spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bytes => "bytes-scanned",
            Self::Queries => "queries",
        }
    }
}

/// Chains that went the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowPath<'a> {
    /// The role that assumed the consumer's, as it was logged; `None` where it was
    /// not.
    pub hub_role_arn: Option<&'a RoleArn>,
    /// The consumer account.
    pub consumer_account_id: Option<&'a AccountId>,
    /// Its declared name.
    pub consumer_name: Option<&'a Text>,
    /// The consumer's role.
    pub consumer_role_arn: Option<&'a RoleArn>,
    /// The work group; `None` for sessions without a query.
    pub work_group: Option<&'a Text>,
    /// The number of chains.
    pub chain_count: u64,
    /// The number of queries.
    pub query_count: u64,
    /// Queries of which the bytes are not known.
    pub queries_without_statistics: u64,
    /// Bytes scanned, as far as they are known.
    pub bytes_scanned: Option<u64>,
    /// Findings about these chains.
    pub finding_ids: BTreeSet<&'a str>,
}

/// All paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow<'a> {
    /// The quantity that widths show.
    pub basis: WidthMeasure,
    /// The paths: those with findings first, then by bytes.
    pub paths: Vec<FlowPath<'a>>,
    /// Refused attempts, which took no path.
    pub denied: u64,
}

type PathKey<'a> = (
    Option<&'a RoleArn>,
    Option<&'a AccountId>,
    Option<&'a RoleArn>,
    Option<&'a Text>,
);

/// The paths of these chains.
#[must_use]
pub(super) fn flow<'a>(chains: &[&'a Chain], named: &FindingsByChain<'a>) -> Flow<'a> {
    let mut paths: BTreeMap<PathKey<'a>, FlowPath<'a>> = BTreeMap::new();
    let mut denied = 0;
    for chain in chains {
        if chain.status == ChainStatus::Denied {
            denied += 1;
            continue;
        }
        add(chain, named, &mut paths);
    }
    let mut paths: Vec<FlowPath<'a>> = paths.into_values().collect();
    paths.sort_by_key(|path| {
        let bytes = path.bytes_scanned.unwrap_or(0);
        (
            path.finding_ids.is_empty(),
            std::cmp::Reverse((bytes, path.query_count)),
        )
    });
    let has_bytes = paths.iter().any(|path| path.bytes_scanned > Some(0));
    Flow {
        basis: if has_bytes {
            WidthMeasure::Bytes
        } else {
            WidthMeasure::Queries
        },
        paths,
        denied,
    }
}

fn add<'a>(
    chain: &'a Chain,
    named: &FindingsByChain<'a>,
    paths: &mut BTreeMap<PathKey<'a>, FlowPath<'a>>,
) {
    let run_as = chain.run_as_session();
    let hub_role_arn = run_as.and_then(|session| session.role_arn.as_ref());
    let consumer = chain.consumer_session.as_ref();
    let consumer_role_arn = consumer.and_then(|session| session.role_arn.as_ref());
    let findings: Vec<&str> = named.of(&chain.chain_id).collect();
    let groups: BTreeSet<Option<&Text>> = if chain.queries.is_empty() {
        BTreeSet::from([None])
    } else {
        let groups = chain.queries.iter().map(|query| query.work_group.as_ref());
        groups.collect()
    };
    for work_group in groups {
        let key = (
            hub_role_arn,
            chain.consumer_account_id.as_ref(),
            consumer_role_arn,
            work_group,
        );
        let path = paths.entry(key).or_insert_with(|| FlowPath {
            hub_role_arn,
            consumer_account_id: chain.consumer_account_id.as_ref(),
            consumer_name: chain.consumer_name.as_ref(),
            consumer_role_arn,
            work_group,
            chain_count: 0,
            query_count: 0,
            queries_without_statistics: 0,
            bytes_scanned: None,
            finding_ids: BTreeSet::new(),
        });
        path.chain_count += 1;
        path.finding_ids.extend(&findings);
        let own = chain.queries.iter();
        for query in own.filter(|query| query.work_group.as_ref() == work_group) {
            path.query_count += 1;
            path.queries_without_statistics += u64::from(query.lacks_statistics());
            if let Some(bytes) = query.bytes_scanned() {
                let sum = path.bytes_scanned.unwrap_or(0).saturating_add(bytes);
                path.bytes_scanned = Some(sum);
            }
        }
    }
}
