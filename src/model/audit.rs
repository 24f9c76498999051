//! The one result of a run.

use super::bill::BillCoverage;
use super::chain::Chain;
use super::charge::Attribution;
use super::coverage::{Coverage, Rejects};
use super::event::Event;
use super::execution::StatisticsCoverage;
use super::finding::Findings;
use super::integrity::Verification;
use super::text::Text;
use super::topology::KnownRoles;
use super::trend::Trend;
use super::window::TimeWindow;
use std::collections::BTreeMap;

/// What a run found, and how much it saw.
#[derive(Debug, Clone, Default)]
pub struct Audit {
    /// What the run answers for.
    pub window: TimeWindow,
    /// What was read.
    pub coverage: Coverage,
    /// Chains, by start and id.
    pub chains: Vec<Chain>,
    /// What was read of query statistics; `None` where none were given.
    pub statistics: Option<StatisticsCoverage>,
    /// What was read of the bill; `None` where none was given.
    pub bill: Option<BillCoverage>,
    /// Lines of business units that could not be read.
    pub units_rejects: Rejects,
    /// Who caused which part of the bill, where that was asked for.
    pub attribution: Option<Attribution>,
    /// Role A and Role B, declared or found.
    pub roles: KnownRoles,
    /// Data sources that could not be read, where an inventory was given.
    pub inventory_rejects: Rejects,
    /// What rules found, where they were asked.
    pub findings: Option<Findings>,
    /// Days of consumers beside what is expected of them, where they were asked for.
    pub trends: Vec<Trend>,
    /// The end of the window, told by itself, where that was asked for.
    pub part: Option<Part>,
    /// The events kept, which chains point into.
    pub events: Vec<Event>,
    /// What a reader of the whole result has to know.
    pub notes: Vec<String>,
    /// Keys of the objects that events came from, by position.
    pub objects: BTreeMap<u32, Text>,
    /// What digests say of the files; `None` where nobody asked.
    pub verification: Option<Verification>,
}

/// A part of a run's window, as if nothing else had been asked for: the night of a
/// run that also read what it is compared with.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// What it answers for.
    pub window: TimeWindow,
    /// Chains, by start and id. They point into the events of the run.
    pub chains: Vec<Chain>,
    /// What query statistics have for them; `None` where none were given.
    pub statistics: Option<StatisticsCoverage>,
    /// What was read of the bill for these days; `None` where none was given.
    pub bill: Option<BillCoverage>,
    /// Who caused which part of the bill of these days.
    pub attribution: Option<Attribution>,
}
