//! One night, worked out once for all formats.

use super::account_scope::AccountScope;
use super::changes::{Changes, changes};
use super::coverage_gaps::{CoverageGap, GapInputs, coverage_gaps};
use super::coverage_grid::{CoverageGrid, places};
use super::flow::{Flow, flow};
use super::listed::{FindingsByChain, ListedChains, listed};
use super::roads::{OtherRoads, other_roads};
use super::tables_read::{TablesRead, tables_read};
use super::top_consumers::{TopConsumers, top_consumers};
use crate::model::audit::{Audit, AuditSlice};
use crate::model::chain::Chain;
use crate::model::charge::Chargeback;
use crate::model::event::Event;
use crate::model::finding::{Findings, Previous, RulePage, Severity};
use crate::model::ids::AccountId;
use crate::model::money::add;
use crate::model::time::UtcSecond;
use crate::model::topology::Topology;
use crate::output::chain_table::is_listed_by_default;
use crate::output::repeated::RepeatedOptions;
use jiff::civil::Date;
use rust_decimal::Decimal;
use std::collections::BTreeSet;

/// The inputs of a report.
#[derive(Debug, Clone, Copy)]
pub struct ReportInputs<'a> {
    /// The whole run, with what it is compared with.
    pub audit: &'a Audit,
    /// The events of the run, which chains point into.
    pub events: &'a [Event],
    /// The window of the report.
    pub slice: &'a AuditSlice,
    /// The findings of the run.
    pub findings: &'a Findings,
    /// The bill of the report by business unit.
    pub chargeback: &'a Chargeback,
    /// The declared topology.
    pub topology: &'a Topology,
    /// Pages of rules.
    pub pages: &'a [RulePage],
    /// The findings of an earlier run, where there was one to compare with.
    pub previous: Option<&'a Previous>,
    /// Options that a command has to repeat to see the same data.
    pub options: &'a RepeatedOptions,
    /// The day to compare with; the one before the report where none was asked for.
    pub compare: Option<Date>,
    /// The account that the report is for; `None` if it is for the whole organization.
    pub scope: Option<&'a AccountScope>,
}

impl<'a> ReportInputs<'a> {
    /// The producer that the report is for, if it is for one.
    pub(super) fn producer(&self) -> Option<&'a AccountScope> {
        self.scope.filter(|scope| scope.is_producer())
    }
}

/// The numbers of findings, by state and severity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FindingCounts {
    /// By severity, the worst first: all, and new ones among them.
    pub by_severity: Vec<(Severity, u64, u64)>,
    /// All.
    pub all: u64,
    /// New ones.
    pub new: u64,
    /// Those that the run before knew, too.
    pub ongoing: u64,
}

/// Sums over the chains of the report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChainTotals {
    /// Chains, as `chains` lists them.
    pub chain_count: u64,
    /// Their queries.
    pub query_count: u64,
    /// Bytes their queries scanned, as far as they are known.
    pub bytes_scanned: Option<u64>,
    /// Billed bytes at list price, as far as they are known.
    pub estimated_cost_usd: Option<Decimal>,
    /// Consumer accounts they reached.
    pub consumer_count: u64,
}

/// One night.
#[derive(Debug)]
pub struct ReportContent<'a> {
    /// The inputs of the report.
    pub inputs: ReportInputs<'a>,
    /// The last UTC day of the window: the report's name.
    pub date: Date,
    /// The title of the report: its night, or its days.
    pub title: String,
    /// What changed since an earlier day, where figures of that are known.
    pub changes: Option<Changes>,
    /// Findings, counted.
    pub counts: FindingCounts,
    /// Chains, summed up.
    pub totals: ChainTotals,
    /// The chains, as `chains` lists them; none in the report of a producer.
    pub chains: Vec<&'a Chain>,
    /// The chains that a page has room for.
    pub listed: ListedChains<'a>,
    /// Coverage by account, Region and day.
    pub places: CoverageGrid<'a>,
    /// The coverage gaps.
    pub coverage_gaps: Vec<CoverageGap>,
    /// The paths that bytes took.
    pub flow: Flow<'a>,
    /// The biggest queries, users and data sources.
    pub top_consumers: TopConsumers<'a>,
    /// The tables that were read, and who read those of producers.
    pub tables_read: TablesRead<'a>,
    /// Other roads to the data than Quick's.
    pub other_roads: OtherRoads<'a>,
    /// The accounts that Quick lives in, as far as they are known.
    pub hub_account_ids: BTreeSet<&'a AccountId>,
}

/// The last UTC day of a window; of what was read, where the window is open.
fn last_day(audit: &Audit, slice: &AuditSlice) -> Date {
    let last = slice.window.to.map(|to| to.plus(-1));
    let last = last.or_else(|| audit.coverage.span().map(|(_, last)| last));
    last.unwrap_or(UtcSecond::from_unix(0)).day()
}

/// The changes since the day that was asked for, else since the one before the report.
fn changes_of(inputs: &ReportInputs<'_>) -> Option<Changes> {
    let last = last_day(inputs.audit, inputs.slice);
    let first = inputs.slice.window.from.map_or(last, UtcSecond::day);
    let since = inputs.compare.or_else(|| first.yesterday().ok())?;
    changes(&inputs.audit.trends, since, last)
}

/// `night of 2026-11-02`, or `2026-10-01 to 2026-10-31`; with the account of a report that is for one.
fn title(inputs: &ReportInputs<'_>) -> String {
    let last = last_day(inputs.audit, inputs.slice);
    let first = inputs.slice.window.from.map(UtcSecond::day);
    let days = match first.filter(|first| *first < last) {
        Some(first) => format!("{first} to {last}"),
        None => format!("night of {last}"),
    };
    match inputs.scope {
        None => days,
        Some(scope) => {
            let account = inputs.topology.account_label(&scope.account_id);
            format!("{days}, {} {account}", scope.part.as_str())
        }
    }
}

/// Chains that count as readers of tables: those that others made by other roads, too.
fn readers(slice: &AuditSlice) -> impl Iterator<Item = &Chain> {
    let chains = slice.chains.iter();
    chains.filter(|chain| is_listed_by_default(chain) || chain.origin.is_other_service())
}

impl<'a> ReportContent<'a> {
    /// Works it out.
    #[must_use]
    pub fn of(inputs: ReportInputs<'a>) -> Self {
        let ReportInputs {
            audit,
            slice,
            findings,
            topology,
            ..
        } = inputs;
        // A producer sees who read what of its tables, and nothing else of their chains.
        let producer = inputs.producer();
        let own = match producer {
            Some(_) => &[][..],
            None => &slice.chains,
        };
        let chains = own.iter().filter(|chain| is_listed_by_default(chain));
        let chains: Vec<&Chain> = chains.collect();
        let readers: Vec<&Chain> = readers(slice).collect();
        let named = FindingsByChain::by(findings);
        let places = places(audit, slice.window, topology, inputs.scope);
        let coverage_gaps = coverage_gaps(&GapInputs {
            audit,
            slice,
            findings,
            topology,
            previous: inputs.previous,
            places: &places,
            chains: &chains,
            scope: inputs.scope,
        });
        let declared = topology.hub_account_id.as_ref();
        let found = audit.roles.run_as.iter().map(|role| &role.account_id);
        let hub_account_ids = match declared {
            Some(hub) => BTreeSet::from([hub]),
            None => found.collect(),
        };
        Self {
            inputs,
            date: last_day(audit, slice),
            title: title(&inputs),
            changes: changes_of(&inputs),
            counts: counts(findings),
            totals: totals(&chains, slice),
            listed: listed(&chains, inputs.events, findings, &named),
            flow: flow(&chains, &named),
            top_consumers: top_consumers(&chains),
            tables_read: match producer {
                None => tables_read(&readers, None),
                Some(scope) => TablesRead {
                    unknown_query_count: scope.run.unknown_query_count,
                    ..tables_read(&readers, Some(&scope.account_id))
                },
            },
            other_roads: other_roads(own, topology),
            chains,
            places,
            coverage_gaps,
            hub_account_ids,
        }
    }

    /// The chains that count as readers of tables.
    pub(super) fn readers(&self) -> impl Iterator<Item = &'a Chain> + use<'a> {
        readers(self.inputs.slice)
    }

    /// The place of what a page has no room for.
    pub(super) fn complete(&self) -> &'static str {
        match self.inputs.scope {
            None => "report.json",
            Some(_) => "the report of the whole organization",
        }
    }

    /// The findings.
    #[must_use]
    pub fn findings(&self) -> &'a Findings {
        self.inputs.findings
    }
}

fn counts(findings: &Findings) -> FindingCounts {
    let of = |severity: Severity| {
        let all = findings.findings.iter();
        let all = all.filter(|finding| finding.severity == severity);
        let new = all.clone().filter(|one| one.status.is_news());
        (severity, all.count() as u64, new.count() as u64)
    };
    let by_severity: Vec<(Severity, u64, u64)> = Severity::ALL.into_iter().map(of).collect();
    let all = by_severity.iter().map(|(_, all, _)| all).sum();
    let new = by_severity.iter().map(|(_, _, new)| new).sum();
    FindingCounts {
        by_severity,
        all,
        new,
        ongoing: all - new,
    }
}

fn totals(chains: &[&Chain], slice: &AuditSlice) -> ChainTotals {
    let consumers: BTreeSet<&AccountId> = chains
        .iter()
        .filter_map(|chain| chain.consumer_account_id.as_ref())
        .collect();
    // Without statistics only what was refused is known: nothing.
    let has_statistics = slice.statistics.is_some();
    let with_queries = chains
        .iter()
        .filter(|chain| has_statistics && !chain.queries.is_empty());
    let bytes = with_queries
        .clone()
        .filter_map(|chain| chain.bytes_scanned());
    let costs = with_queries.filter_map(|chain| chain.estimated_cost_usd());
    ChainTotals {
        chain_count: chains.len() as u64,
        query_count: chains.iter().map(|chain| chain.queries.len() as u64).sum(),
        bytes_scanned: bytes.reduce(u64::saturating_add),
        estimated_cost_usd: costs
            .map(Some)
            .reduce(|left, right| add(left?, right?))
            .flatten(),
        consumer_count: consumers.len() as u64,
    }
}
