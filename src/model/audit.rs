//! The one result of a run.

use super::bill::BillCoverage;
use super::chain::Chain;
use super::charge::Attribution;
use super::chat_log::ChatLogCoverage;
use super::coverage::{Coverage, Rejects};
use super::event::Event;
use super::execution::StatisticsCoverage;
use super::finding::Findings;
use super::ids::{AccountId, DataSourceArn};
use super::integrity::Verification;
use super::set::add_new;
use super::text::Text;
use super::topology::{KnownRoles, Topology, UnconfirmedHub};
use super::trend::Trend;
use super::window::TimeWindow;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The result of a run: findings and coverage.
#[derive(Debug, Clone, Default)]
pub struct Audit {
    /// The window of the run.
    pub window: TimeWindow,
    /// The coverage of the logs.
    pub coverage: Coverage,
    /// Chains, by start and id.
    pub chains: Vec<Chain>,
    /// What chains name, those that are not in `chains` included, of a run that does not have all.
    pub named: NamedInChains,
    /// The coverage of query statistics; `None` if the run had none.
    pub statistics: Option<StatisticsCoverage>,
    /// The coverage of the bill; `None` if the run had none.
    pub bill: Option<BillCoverage>,
    /// Lines of business units that could not be read.
    pub units_rejects: Rejects,
    /// Notes on business units, for readers.
    pub units_notes: BTreeSet<String>,
    /// The bill by its causes, where the run asked for it.
    pub attribution: Option<Attribution>,
    /// Role A and Role B, declared or found.
    pub roles: KnownRoles,
    /// Data sources that could not be read, where an inventory was given.
    pub inventory_rejects: Rejects,
    /// The findings, where the rules ran.
    pub findings: Option<Findings>,
    /// Days of consumers next to their expected values, where they were asked for.
    pub trends: Vec<Trend>,
    /// The end of the window, told by itself, where that was asked for.
    pub slice: Option<AuditSlice>,
    /// The events kept, which chains point into.
    pub events: Vec<Event>,
    /// Notes for readers of the whole result.
    pub notes: Vec<String>,
    /// The extent of Quick's chat logs, if any were given.
    pub chat_logs: Option<ChatLogCoverage>,
    /// Keys of the objects that events came from, by position.
    pub objects: BTreeMap<u32, Text>,
    /// The result of digest verification; `None` if the run did not ask for it.
    pub verification: Option<Verification>,
}

impl Audit {
    /// Returns the declared hub, if the logs do not confirm it.
    #[must_use]
    pub fn unconfirmed_hub(&self, topology: &Topology) -> Option<UnconfirmedHub> {
        topology.unconfirmed_hub(&self.roles, |account| {
            self.named.source_accounts.contains(account)
                || is_named(account, &self.coverage, &self.chains)
        })
    }
}

/// Returns true if an account logged anything, or a session was assumed from it.
#[must_use]
pub fn is_named(account: &AccountId, coverage: &Coverage, chains: &[Chain]) -> bool {
    let mut logged = coverage.seen.keys();
    let mut sessions = chains.iter().flat_map(Chain::hops);
    logged.any(|(own, ..)| own == account)
        || sessions.any(|session| session.source_account_id.as_ref() == Some(account))
}

/// What chains name that a result need not have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedInChains {
    /// Accounts that they reached.
    pub consumers: BTreeSet<AccountId>,
    /// Accounts that their sessions were assumed from.
    pub source_accounts: BTreeSet<AccountId>,
    /// Data sources that they used.
    pub data_sources: BTreeSet<DataSourceArn>,
}

impl NamedInChains {
    /// Adds what some chains name.
    pub fn add(&mut self, chains: &[Chain]) {
        for chain in chains {
            add_new(&mut self.consumers, chain.consumer_account_id.as_ref());
            add_new(&mut self.data_sources, chain.data_source_arn.as_ref());
            for session in chain.hops() {
                let source = session.source_account_id.as_ref();
                add_new(&mut self.source_accounts, source);
            }
        }
    }

    /// Adds what other chains name.
    pub fn merge(&mut self, other: Self) {
        self.consumers.extend(other.consumers);
        self.source_accounts.extend(other.source_accounts);
        self.data_sources.extend(other.data_sources);
    }
}

/// A part of a run's window, as if nothing else had been asked for: the window of a
/// run that also read what it is compared with.
#[derive(Debug, Clone, Default)]
pub struct AuditSlice {
    /// The window of the slice.
    pub window: TimeWindow,
    /// Chains, by start and id. They point into the events of the run.
    pub chains: Vec<Chain>,
    /// The coverage of the slice's query statistics; `None` if the run had none.
    pub statistics: Option<StatisticsCoverage>,
    /// The coverage of the bill for these days; `None` if the run had none.
    pub bill: Option<BillCoverage>,
    /// The bill of these days by its causes.
    pub attribution: Option<Attribution>,
}
