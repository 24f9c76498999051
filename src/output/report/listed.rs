//! The chains that a page has room for: those that findings name, then the biggest.

use crate::model::chain::{Chain, ChainPart, Confidence};
use crate::model::event::Event;
use crate::model::finding::{Finding, Findings};
use std::collections::{BTreeMap, BTreeSet};

/// Chains with a row and a timeline of their own. More make the page slow and tell
/// no one anything: the files next to it have all of them.
pub(super) const CHAINS_MAX: usize = 400;
/// Events of one timeline.
pub(super) const EVENTS_MAX: usize = 30;
/// Chains that one finding puts on the list, so that a burst leaves room for others.
const CHAINS_OF_FINDING_MAX: usize = 25;

/// Findings by the chains they name.
#[derive(Debug, Default)]
pub(super) struct FindingsByChain<'a>(BTreeMap<&'a str, BTreeSet<&'a str>>);

impl<'a> FindingsByChain<'a> {
    /// The findings of a night.
    #[must_use]
    pub(super) fn by(findings: &'a Findings) -> Self {
        let mut named: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for finding in &findings.findings {
            for chain in &finding.chain_ids {
                let ids = named.entry(chain).or_default();
                ids.insert(&finding.finding_id);
            }
        }
        Self(named)
    }

    /// Ids of the findings that name this chain.
    pub(super) fn of(&self, chain_id: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let ids = self.0.get(chain_id).cloned();
        ids.into_iter().flatten()
    }
}

/// An event of a timeline.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// The event.
    pub event: &'a Event,
    /// The session that the event belongs to.
    pub part: ChainPart,
    /// The confidence of the link.
    pub confidence: Confidence,
}

/// A chain with what the page shows of it.
#[derive(Debug, Clone)]
pub struct ListedChain<'a> {
    /// The chain.
    pub chain: &'a Chain,
    /// Findings that name it.
    pub finding_ids: Vec<&'a str>,
    /// Its first events.
    pub timeline: Vec<Moment<'a>>,
    /// Events that are left out.
    pub events_left_out: u64,
}

/// The chains that are listed, and how many there are.
#[derive(Debug, Clone, Default)]
pub struct ListedChains<'a> {
    /// Those with findings first; by bytes, the biggest first.
    pub chains: Vec<ListedChain<'a>>,
    /// All chains of the report, listed or not.
    pub total: u64,
}

/// Chooses chains for the page. `events` are those that chains point into.
#[must_use]
pub(super) fn listed<'a>(
    chains: &[&'a Chain],
    events: &'a [Event],
    findings: &'a Findings,
    named: &FindingsByChain<'a>,
) -> ListedChains<'a> {
    let by_id: BTreeMap<&str, &'a Chain> = chains
        .iter()
        .map(|chain| (chain.chain_id.as_str(), *chain))
        .collect();
    let told = |finding: &'a Finding| {
        let ids = finding.chain_ids.iter();
        let there = ids.filter_map(|id| by_id.get(&**id).copied());
        there.take(CHAINS_OF_FINDING_MAX)
    };
    let of_findings = findings.findings.iter().flat_map(told);
    let mut biggest: Vec<&'a Chain> = chains.to_vec();
    biggest.sort_by_key(|chain| std::cmp::Reverse((chain.bytes_scanned(), chain.started_at)));
    let mut known: BTreeSet<&str> = BTreeSet::new();
    let chosen = of_findings
        .chain(biggest)
        .filter(|chain| known.insert(&chain.chain_id))
        .take(CHAINS_MAX);
    let mut chosen: Vec<&'a Chain> = chosen.collect();
    chosen.sort_by_key(|chain| {
        let is_named = named.of(&chain.chain_id).next().is_some();
        (!is_named, std::cmp::Reverse(chain.bytes_scanned()))
    });
    let listed = chosen.into_iter().map(|chain| ListedChain {
        chain,
        finding_ids: named.of(&chain.chain_id).collect(),
        timeline: timeline(chain, events),
        events_left_out: chain.events.len().saturating_sub(EVENTS_MAX) as u64,
    });
    ListedChains {
        chains: listed.collect(),
        total: chains.len() as u64,
    }
}

fn timeline<'a>(chain: &Chain, events: &'a [Event]) -> Vec<Moment<'a>> {
    let entries = chain.events.iter().take(EVENTS_MAX);
    let moments = entries.filter_map(|entry| {
        Some(Moment {
            event: events.get(entry.event as usize)?,
            part: entry.session,
            confidence: entry.confidence,
        })
    });
    moments.collect()
}
