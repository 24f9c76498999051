//! Origins of chains other than Quick, and those for whom chains acted.

use crate::model::chain::{Chain, ChainPath, Confidence};
use crate::model::ids::AccountId;
use crate::model::money::add;
use crate::model::road::{ActingKind, Origin, PEOPLE, UNKNOWN};
use crate::model::text::Text;
use crate::model::topology::Topology;
use rust_decimal::Decimal;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Lines of each list.
const LINES_MAX: usize = 500;

/// A service, with its state machine, function or job, and the account that it queries.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Road<'a> {
    /// The service.
    pub service: &'a Text,
    /// The state machine, function, job or instance, where it is known.
    pub resource_arn: Option<&'a Text>,
    /// The account of the session that queried.
    pub consumer_account_id: Option<&'a AccountId>,
}

/// The chains of a road, in sums.
#[derive(Debug, Clone, Default)]
pub struct RoadUse<'a> {
    /// Chains.
    pub chain_count: u64,
    /// Their queries.
    pub query_count: u64,
    /// Bytes that they scanned, as far as they are known.
    pub bytes_scanned: Option<u64>,
    /// Their estimated cost, as far as it is known.
    pub estimated_cost_usd: Option<Decimal>,
    /// Other accounts whose tables they read, at least probably.
    pub owner_account_ids: BTreeSet<&'a AccountId>,
    /// True if one of them reached a Role B.
    pub reaches_role_b: bool,
    /// True if one of them read a table of a declared producer, or a declared sensitive one.
    pub reads_declared_table: bool,
    /// True if all of them are declared (`[[declared_services]]`).
    pub is_declared: bool,
}

impl RoadUse<'_> {
    /// Returns `yes` if the chains are declared, `no` if they have to be, and `not needed` otherwise.
    #[must_use]
    pub fn declared(&self) -> &'static str {
        if self.is_declared {
            "yes"
        } else if self.is_to_declare() {
            "no"
        } else {
            "not needed"
        }
    }

    /// Returns true if they are not declared, and `service-chain-undeclared` reports that.
    #[must_use]
    pub fn is_to_declare(&self) -> bool {
        !self.is_declared && (self.reaches_role_b || self.reads_declared_table)
    }
}

/// Chains and queries of one kind of origin.
#[derive(Debug, Clone, Copy, Default)]
pub struct OriginCount {
    /// Chains.
    pub chains: u64,
    /// Their queries.
    pub queries: u64,
}

/// Someone for whom chains acted.
#[derive(Debug, Clone, Default)]
pub struct ActingUse {
    /// Chains that acted for them, at least probably.
    pub chain_count: u64,
    /// Chains that may have.
    pub ambiguous_count: u64,
    /// Queries of the former.
    pub query_count: u64,
}

/// The lists: those to declare first, then those with the most queries.
#[derive(Debug, Clone, Default)]
pub struct OtherRoads<'a> {
    /// Services other than Quick.
    pub roads: Vec<(Road<'a>, RoadUse<'a>)>,
    /// Their number.
    pub road_count: usize,
    /// Those for whom chains acted, other than users of Quick.
    pub acting: Vec<((ActingKind, &'a Text), ActingUse)>,
    /// Their number.
    pub acting_count: usize,
    /// Chains of people, other than through Quick.
    pub people: OriginCount,
    /// Chains of which the origin is not known.
    pub unknown: OriginCount,
}

impl OtherRoads<'_> {
    /// Returns true if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.roads.is_empty() && self.acting.is_empty()
    }
}

/// The other roads that these chains took.
#[must_use]
pub(super) fn other_roads<'a>(chains: &'a [Chain], topology: &Topology) -> OtherRoads<'a> {
    let mut roads: BTreeMap<Road<'a>, RoadUse<'a>> = BTreeMap::new();
    let mut acting: BTreeMap<(ActingKind, &'a Text), ActingUse> = BTreeMap::new();
    let (mut people, mut unknown) = (OriginCount::default(), OriginCount::default());
    for chain in chains
        .iter()
        .filter(|chain| chain.path != ChainPath::Session)
    {
        if chain.origin.is_other_service()
            && let Origin {
                service: Some(service),
                resource_arn,
                ..
            } = &chain.origin
        {
            let road = Road {
                service,
                resource_arn: resource_arn.as_ref(),
                consumer_account_id: chain.consumer_account_id.as_ref(),
            };
            let known = roads.entry(road).or_insert_with(|| RoadUse {
                is_declared: true,
                ..RoadUse::default()
            });
            known.add(chain, topology);
        }
        let of_label = match chain.origin.label() {
            PEOPLE => Some(&mut people),
            UNKNOWN => Some(&mut unknown),
            _ => None,
        };
        if let Some(count) = of_label {
            count.chains += 1;
            count.queries += chain.queries.len() as u64;
        }
        for one in &chain.acting_for {
            if one.kind == ActingKind::QuickUser {
                continue;
            }
            let known = acting.entry((one.kind, &one.id)).or_default();
            if one.confidence == Confidence::Ambiguous {
                known.ambiguous_count += 1;
            } else {
                known.chain_count += 1;
                known.query_count += chain.queries.len() as u64;
            }
        }
    }
    let mut roads: Vec<_> = roads.into_iter().collect();
    roads.sort_by_key(|(_, of)| Reverse((of.is_to_declare(), of.query_count, of.chain_count)));
    let mut acting: Vec<_> = acting.into_iter().collect();
    acting.sort_by_key(|(_, of)| Reverse((of.query_count, of.chain_count)));
    let (road_count, acting_count) = (roads.len(), acting.len());
    roads.truncate(LINES_MAX);
    acting.truncate(LINES_MAX);
    OtherRoads {
        roads,
        road_count,
        acting,
        acting_count,
        people,
        unknown,
    }
}

impl<'a> RoadUse<'a> {
    fn add(&mut self, chain: &'a Chain, topology: &Topology) {
        self.chain_count += 1;
        self.query_count += chain.queries.len() as u64;
        if !chain.queries.is_empty() {
            if let Some(bytes) = chain.bytes_scanned() {
                self.bytes_scanned = Some(self.bytes_scanned.unwrap_or(0).saturating_add(bytes));
            }
            if let Some(cost) = chain.estimated_cost_usd() {
                self.estimated_cost_usd = add(self.estimated_cost_usd.unwrap_or_default(), cost);
            }
        }
        let surely = chain
            .all_reads()
            .filter(|read| read.confidence != Confidence::Ambiguous);
        self.reads_declared_table |= surely.clone().any(|read| topology.declares_table(read));
        let owners = surely.filter_map(|read| read.owner_account_id.as_ref());
        let own = chain.consumer_account_id.as_ref();
        self.owner_account_ids
            .extend(owners.filter(|owner| Some(*owner) != own));
        self.reaches_role_b |= chain.touches_quick && chain.consumer_session.is_some();
        self.is_declared &= topology.declares_service_of(chain);
    }
}
