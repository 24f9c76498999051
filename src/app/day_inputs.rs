//! What records of days are made of, as it was before a run read anything: what changes meanwhile makes a
//! record out of date, and never passes for what it was made of.

use super::context::{RunContext, lock};
use super::exports;
use super::failure::Failure;
use crate::model::execution::Statistics;
use crate::model::text::digest_id;
use crate::model::time::{UtcDay, UtcSecond};
use crate::model::window::TimeWindow;
use crate::store::Store;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Days before a day whose facts decide about it.
pub(super) const FACTS_DAYS: i64 = 28;

/// The inputs of records of the days before a run's window.
pub(super) struct DayInputs {
    /// The window with the days before it.
    pub(super) span: TimeWindow,
    /// The first day of which the store has events; `None` if it has none.
    pub(super) first_stored: Option<UtcDay>,
    /// How often what a day's record is made of has changed.
    pub(super) revisions: BTreeMap<UtcDay, i64>,
    /// Statistics that are given as files.
    pub(super) given: Option<Statistics>,
    /// Tells those of each day from all others.
    pub(super) statistics: BTreeMap<UtcDay, String>,
}

impl DayInputs {
    /// The inputs as they are now.
    pub(super) fn now(
        context: &RunContext,
        store: &Mutex<Store>,
        span: TimeWindow,
    ) -> Result<Self, Failure> {
        let given = exports::statistics(context)?;
        let mut store = lock(store);
        let first = span.from.map_or(UtcDay::MIN, UtcSecond::utc_day);
        let last = span.to.map_or(UtcDay::MAX, UtcSecond::utc_day);
        Ok(Self {
            span,
            first_stored: store.first_day_of_events()?,
            revisions: store.day_revisions(first, last)?,
            statistics: given.as_ref().map(by_day).unwrap_or_default(),
            given,
        })
    }

    /// The first whole day of the span of which the store can have events.
    pub(super) fn first_day(&self) -> UtcDay {
        let asked = self.span.from;
        let asked = asked.map_or(UtcDay::MIN, UtcSecond::first_whole_day);
        self.first_stored.map_or(asked, |stored| asked.max(stored))
    }
}

/// Tells the statistics of each day from all others.
fn by_day(statistics: &Statistics) -> BTreeMap<UtcDay, String> {
    let mut days: BTreeMap<UtcDay, Vec<String>> = BTreeMap::new();
    for (id, of) in &statistics.by_id {
        let day = of.submitted_at.map_or(UtcDay::MIN, UtcSecond::utc_day);
        days.entry(day).or_default().push(format!("{id:?} {of:?}"));
    }
    let days = days.into_iter().map(|(day, mut told)| {
        told.sort_unstable();
        let told = told.iter().map(String::as_str);
        (day, digest_id('q', told))
    });
    days.collect()
}
