//! Events that the logs do not have, and without which reads are not fully known.

use super::human::{plural, safe};
use crate::model::chain::Chain;
use crate::model::coverage::Coverage;
use crate::model::data_read::ReadEvents;
use crate::model::ids::AccountId;
use crate::model::topology::Topology;
use std::collections::BTreeSet;

/// Accounts that a line names.
const ACCOUNTS_NAMED_MAX: usize = 8;

/// Events that are not in the logs, and the accounts whose they would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadsNotLogged {
    /// A fixed name for the kind of it.
    pub code: &'static str,
    /// The number of accounts.
    pub accounts: u64,
    /// The gap in words; names of accounts are those of the configuration.
    pub text: String,
}

/// Returns what is missing, one for each kind of event.
#[must_use]
pub fn reads_not_logged(coverage: &Coverage, topology: &Topology) -> Vec<ReadsNotLogged> {
    let gaps = coverage.reads_not_logged.iter();
    let gaps = gaps.map(|(&events, accounts)| gap(events, accounts, topology));
    gaps.collect()
}

/// Returns what is missing of the accounts of a chain: its consumer and the owners of what it read.
#[must_use]
pub fn of_chain(coverage: &Coverage, chain: &Chain, topology: &Topology) -> Vec<ReadsNotLogged> {
    let of_queries = chain.queries.iter().flat_map(|query| &query.reads);
    let reads = of_queries.flatten().chain(&chain.reads);
    let mut own: BTreeSet<&AccountId> = reads
        .filter_map(|read| read.owner_account_id.as_ref())
        .collect();
    own.extend(&chain.consumer_account_id);
    let gaps = coverage.reads_not_logged.iter();
    let gaps = gaps.map(|(&events, accounts)| {
        let accounts = accounts.iter().filter(|account| own.contains(account));
        (events, accounts.cloned().collect::<BTreeSet<AccountId>>())
    });
    gaps.filter(|(_, accounts)| !accounts.is_empty())
        .map(|(events, accounts)| gap(events, &accounts, topology))
        .collect()
}

fn gap(events: ReadEvents, accounts: &BTreeSet<AccountId>, topology: &Topology) -> ReadsNotLogged {
    ReadsNotLogged {
        code: code(events),
        accounts: accounts.len() as u64,
        text: text(events, accounts, topology),
    }
}

fn code(events: ReadEvents) -> &'static str {
    match events {
        ReadEvents::LakeFormation => "reads-without-lake-formation",
        ReadEvents::S3DataEvents => "reads-without-s3-data-events",
        ReadEvents::LambdaDataEvents => "reads-without-lambda-data-events",
    }
}

fn text(events: ReadEvents, accounts: &BTreeSet<AccountId>, topology: &Topology) -> String {
    let (what, consequence) = match events {
        ReadEvents::LakeFormation => (
            "GetDataAccess of Lake Formation",
            "reads that only it proves are not known",
        ),
        ReadEvents::S3DataEvents => (
            "S3 data events of queries",
            "which objects were read, and how much of each table, is not known",
        ),
        ReadEvents::LambdaDataEvents => (
            "Lambda data events of queries",
            "reads through connectors are not known",
        ),
    };
    let named = accounts.iter().take(ACCOUNTS_NAMED_MAX);
    let named: Vec<String> = named
        .map(|account| safe(&topology.account_label(account)).into_owned())
        .collect();
    let more = accounts.len().saturating_sub(ACCOUNTS_NAMED_MAX);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    let count = plural(accounts.len() as u64, "account");
    format!(
        "no {what} in the logs of {count} ({}{more}): {consequence}",
        named.join(", ")
    )
}
