//! Records of days: what later runs need of a day that lies before their window, so that they need not
//! read it again.
//!
//! The record of a day is what a run over that day alone says of it, with the facts of the days before.

use super::plan::{Plan, RecordPlan};
use crate::attribute::BilledQueries;
use crate::model::chain::Chain;
use crate::model::event::Event;
use crate::model::text::digest_id;
use crate::model::topology::KnownRoles;
use crate::model::window::TimeWindow;
use crate::reads::{self, ReadsTally};
use crate::rules::{self, History, HistoryInput};
use crate::stitch::{self, WindowClues};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The version of records. One of another version is made again.
pub const RECORD_VERSION: u32 = 1;

/// What a day has that decides about later days.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct DayFacts {
    /// Roles, and names of Quick's resources.
    clues: WindowClues,
    /// Changes to workloads, catalogs, tables, shares, roles and trails.
    #[serde(skip)]
    events: Vec<Event>,
}

/// What later days are compared with.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct DayTallies {
    pub(super) history: History,
    pub(super) reads: ReadsTally,
    pub(super) roles: KnownRoles,
    /// Rows of queries; they are kept apart, since only a bill needs them.
    #[serde(skip)]
    pub(super) queries: BilledQueries,
}

/// The record of a day, or of several.
#[derive(Debug, Clone, Default)]
pub struct DayRecord {
    /// What decides about later days.
    pub facts: DayFacts,
    /// What later days are compared with.
    pub tallies: DayTallies,
}

/// The days before a run's window, by their records.
#[derive(Debug, Clone, Default)]
pub struct Earlier {
    /// The records, together.
    pub record: DayRecord,
    /// The time from the first of these days to the end of the run's window; `None` if there are none.
    pub span: Option<TimeWindow>,
}

/// The reason why a record cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the record of a day cannot be read: {message}")]
pub struct RecordError {
    /// The error's message.
    pub message: String,
}

fn encoded<T: Serialize>(value: &T) -> Vec<u8> {
    // Nothing that is encoded here can be refused.
    rmp_serde::to_vec(value).unwrap_or_default()
}

fn decoded<'b, T: Deserialize<'b>>(bytes: &'b [u8]) -> Result<T, RecordError> {
    rmp_serde::from_slice(bytes).map_err(|error| RecordError {
        message: error.to_string(),
    })
}

impl DayFacts {
    /// The facts in bytes, but for their events.
    #[must_use]
    pub fn encoded(&self) -> Vec<u8> {
        encoded(&self.clues)
    }

    /// Reads facts from bytes and events.
    ///
    /// # Errors
    ///
    /// When the bytes are none of facts.
    pub fn decoded(bytes: &[u8], events: Vec<Event>) -> Result<Self, RecordError> {
        let clues = decoded(bytes)?;
        Ok(Self { clues, events })
    }

    /// The events among the facts.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Tells facts from all that differ from them, whatever days they are of.
    #[must_use]
    pub fn digest(&self) -> String {
        let clues = hex::encode(self.encoded());
        let ids: BTreeSet<String> = self
            .events
            .iter()
            .map(|event| event.id.to_string())
            .collect();
        let ids = ids.iter().map(String::as_str);
        digest_id('f', std::iter::once(clues.as_str()).chain(ids))
    }

    /// Adds the facts of a later day.
    pub fn merge(&mut self, later: Self) {
        self.clues.merge(later.clues);
        self.events.extend(later.events);
    }

    /// Clues of a window that comes after these facts.
    pub(super) fn clues_after(&self, own: WindowClues) -> WindowClues {
        let mut clues = self.clues.clone();
        clues.merge(own);
        clues
    }

    /// Events that decide about a window, but for those that it needs anyway. Their places are of no
    /// object.
    pub(super) fn events_before(&self, window: &TimeWindow) -> Vec<Event> {
        let events = self.events.iter();
        let before = events.filter(|event| !window.needs(event.time));
        let placed = (0u32..).zip(before).map(|(number, event)| {
            let mut event = event.clone();
            event.place.object = u32::MAX - number;
            event
        });
        placed.collect()
    }
}

impl DayTallies {
    /// The tallies in bytes.
    #[must_use]
    pub fn encoded(&self) -> Vec<u8> {
        encoded(self)
    }

    /// Reads tallies from bytes.
    ///
    /// # Errors
    ///
    /// When the bytes are none of tallies.
    pub fn decoded(bytes: &[u8]) -> Result<Self, RecordError> {
        decoded(bytes)
    }

    /// The rows of queries in bytes.
    #[must_use]
    pub fn encoded_queries(&self) -> Vec<u8> {
        encoded(&self.queries)
    }

    /// The same tallies with rows of queries from bytes.
    ///
    /// # Errors
    ///
    /// When the bytes are none of queries.
    pub fn with_queries(self, bytes: &[u8]) -> Result<Self, RecordError> {
        let queries = decoded(bytes)?;
        Ok(Self { queries, ..self })
    }

    /// Forgets what matters for the next day alone.
    pub fn forget_recent(&mut self) {
        self.history.forget_recent();
    }

    /// Adds the tallies of a later day.
    pub fn merge(&mut self, later: Self) {
        self.history.merge(later.history);
        self.reads.merge(later.reads);
        self.roles.add(later.roles);
        self.queries.merge(&later.queries);
    }
}

/// The record of a day in the making.
pub(super) struct RecordDraft {
    plan: RecordPlan,
    window: TimeWindow,
    record: DayRecord,
}

impl RecordDraft {
    /// A record of the plan's window, if the plan asks for one.
    pub(super) fn of(plan: &Plan) -> Option<Self> {
        let record = plan.record.clone()?;
        Some(Self {
            plan: record,
            window: plan.window,
            record: DayRecord::default(),
        })
    }

    /// Adds what some events say of themselves.
    pub(super) fn set_clues(&mut self, clues: &WindowClues) {
        self.record.facts.clues = clues.clone();
    }

    /// Adds events of the run, each once.
    pub(super) fn add_events<'e>(&mut self, events: impl Iterator<Item = &'e Event>) {
        let window = self.window;
        let own = events.filter(move |event| window.contains(event.time));
        for event in own {
            self.record.tallies.history.add_events([event]);
            let is_decisive = stitch::is_of_every_part(event)
                || reads::is_of_every_part(event)
                || rules::is_change(event);
            if is_decisive {
                self.record.facts.events.push(event.clone());
            }
        }
    }

    /// Adds chains, with the events that they point into.
    pub(super) fn add_chains(&mut self, chains: &[Chain], events: &[Event], roles: &KnownRoles) {
        let input = HistoryInput {
            baseline: self.window,
            roles,
            chains,
            events,
        };
        let tallies = &mut self.record.tallies;
        tallies.history.add(&input, &self.plan.options);
        tallies.queries.add(chains);
    }

    /// The record; `reads` and `roles` are those of the window alone.
    pub(super) fn finish(mut self, reads: ReadsTally, roles: KnownRoles) -> DayRecord {
        self.record.tallies.reads = reads;
        self.record.tallies.roles = roles;
        self.record
    }
}
