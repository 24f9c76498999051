//! Rules and the bill of a run that is stitched a day at a time. What is compared with is added up, and
//! only what is evaluated is held.

use super::day_records::RecordDraft;
use super::evaluate::evaluate;
use super::money::{charge, split};
use super::plan::{Checks, PipelineError, Plan, SlicePlan, Watcher};
use super::run::AuditWithRecord;
use super::slices::{DaySlice, DayStitching, SlicedRun};
use crate::attribute::{BilledQueries, StatisticsTally};
use crate::model::audit::{Audit, AuditSlice};
use crate::model::chain::Chain;
use crate::model::event::{Event, EventOrigin};
use crate::model::time::UtcSecond;
use crate::model::window::TimeWindow;
use crate::rules::{self, History, HistoryInput, HistoryOptions};
use crate::stitch;
use hashbrown::HashMap;
use std::mem;

impl SlicedRun<'_> {
    /// Stitches, splits the bill, asks the rules and makes the record of the day, as far as the plan asks
    /// for these. The result has the chains of the evaluated window alone, and the events that these and
    /// rules look at.
    ///
    /// # Errors
    ///
    /// When what was written cannot be read again, or the bill cannot be split.
    pub fn checked(mut self, watcher: &dyn Watcher) -> Result<AuditWithRecord, PipelineError> {
        let plan = self.plan();
        let earlier = mem::take(&mut self.earlier);
        let before = earlier.queries.counted();
        let mut days = CheckedDays::of(plan, earlier.history, earlier.queries);
        days.hold_earlier(&self.earlier_events);
        if let Some(draft) = &mut days.draft {
            draft.set_clues(&self.clues);
        }
        let told = self.each_day(watcher, &mut |slice, stitching| {
            days.add(slice, stitching);
            Ok(())
        })?;
        let mut audit = told.audit;
        before.add_to(&mut audit.statistics);
        let draft = days.draft.take();
        let record = draft.map(|draft| draft.finish(told.reads.clone(), told.roles.clone()));
        let mut reads = told.reads;
        reads.merge(earlier.reads);
        audit.coverage.reads_not_logged = reads.not_logged(plan.owners());
        audit.roles = earlier.roles;
        audit.roles.add(told.roles);
        days.finish(&mut audit, plan)?;
        Ok((audit, record))
    }
}

/// What is known, while days are gone through.
struct CheckedDays<'a> {
    window: Option<WindowChains<'a>>,
    checks: Option<&'a Checks>,
    baseline: Option<TimeWindow>,
    options: HistoryOptions,
    history: History,
    queries: BilledQueries,
    is_billed: bool,
    held: HeldEvents,
    chains: Vec<Chain>,
    draft: Option<RecordDraft>,
}

impl<'a> CheckedDays<'a> {
    fn of(plan: &'a Plan, history: History, queries: BilledQueries) -> Self {
        let checks = plan.checks.as_ref();
        Self {
            window: plan.slice.as_ref().map(|wanted| WindowChains {
                wanted,
                chains: Vec::new(),
                queries: BilledQueries::default(),
                statistics: plan.exports.statistics.as_ref().map(StatisticsTally::of),
            }),
            checks,
            baseline: checks.and_then(|checks| checks.baseline(plan)),
            options: checks
                .map(|checks| rules::history_options(&checks.rules))
                .unwrap_or_default(),
            history,
            queries,
            is_billed: plan.exports.bill.is_some(),
            held: HeldEvents::default(),
            chains: Vec::new(),
            draft: RecordDraft::of(plan),
        }
    }

    /// Holds what rules look at of days before the run's window.
    fn hold_earlier(&mut self, events: &[Event]) {
        for event in events.iter().filter(|event| rules::is_change(event)) {
            self.held.position(event);
        }
    }

    fn add(&mut self, mut slice: DaySlice, stitching: &DayStitching<'_>) {
        if let Some(draft) = &mut self.draft {
            draft.add_events(slice.own_events());
            draft.add_chains(&slice.chains, &slice.events, &slice.roles);
        }
        if let Some(baseline) = self.baseline {
            let input = HistoryInput {
                baseline,
                roles: &slice.roles,
                chains: &slice.chains,
                events: &slice.events,
            };
            self.history.add(&input, &self.options);
        }
        if self.is_billed {
            self.queries.add(&slice.chains);
        }
        if let Some(of_window) = &mut self.window {
            of_window.add(&slice, stitching, &mut self.held);
        }
        let Some(evaluated) = self.checks.map(|checks| checks.window) else {
            return;
        };
        self.history.add_events(slice.own_events());
        let of_rules = slice.own_events();
        for event in of_rules.filter(|event| rules::is_of_rules(event, &evaluated)) {
            self.held.position(event);
        }
        let mut chains = mem::take(&mut slice.chains);
        chains.retain(|chain| is_evaluated(chain, &slice.events, &evaluated));
        self.held.hold(&mut chains, &slice.events);
        self.chains.extend(chains);
    }

    fn finish(mut self, audit: &mut Audit, plan: &Plan) -> Result<(), PipelineError> {
        let positions = self.held.put_in_order();
        move_events(&mut self.chains, &positions);
        audit.chains = self.chains;
        audit.events = self.held.events;
        audit.named = self.history.named().clone();
        charge(audit, &mut self.queries, plan)?;
        if let Some(checks) = self.checks {
            evaluate(audit, checks, plan, &[], &self.history);
        }
        if let Some(of_window) = self.window {
            audit.slice = Some(of_window.finish(plan, &positions)?);
        }
        Ok(())
    }
}

/// Returns true if rules may look at a chain itself: it was at work in the window, or on the UTC day on
/// which that begins.
fn is_evaluated(chain: &Chain, events: &[Event], window: &TimeWindow) -> bool {
    let Some(from) = window.from.map(|from| from.utc_day().start()) else {
        return true;
    };
    let is_later = |at: UtcSecond| from <= at;
    let mut own = chain.events.iter();
    is_later(chain.last_activity_at) || own.any(|entry| is_later(events[entry.event as usize].time))
}

/// The chains of the window by itself.
struct WindowChains<'a> {
    wanted: &'a SlicePlan,
    chains: Vec<Chain>,
    queries: BilledQueries,
    statistics: Option<StatisticsTally<'a>>,
}

impl WindowChains<'_> {
    fn add(&mut self, slice: &DaySlice, stitching: &DayStitching<'_>, held: &mut HeldEvents) {
        let window = self.wanted.window;
        let mut events = slice.events.iter();
        if !events.any(|event| window.contains(event.time)) {
            return;
        }
        let mut chains = stitching.chains_of(slice, window);
        if let Some(statistics) = &mut self.statistics {
            statistics.add(&chains);
        }
        self.queries.add(&chains);
        held.hold(&mut chains, &slice.events);
        self.chains.extend(chains);
    }

    fn finish(self, plan: &Plan, positions: &[u32]) -> Result<AuditSlice, PipelineError> {
        let Self {
            wanted,
            mut chains,
            mut queries,
            statistics,
        } = self;
        move_events(&mut chains, positions);
        let (attribution, bill) = split(&wanted.bill, &mut queries, &plan.exports.pricing)?;
        Ok(AuditSlice {
            window: wanted.window,
            chains,
            statistics: statistics.map(StatisticsTally::coverage),
            attribution,
            bill,
        })
    }
}

/// Events of several days that are held, each once.
#[derive(Default)]
struct HeldEvents {
    events: Vec<Event>,
    positions: HashMap<EventOrigin, u32>,
}

impl HeldEvents {
    /// The position of an event, which is held from now on.
    fn position(&mut self, event: &Event) -> u32 {
        let next = u32::try_from(self.events.len()).unwrap_or(u32::MAX);
        *self.positions.entry(event.place).or_insert_with(|| {
            self.events.push(event.clone());
            next
        })
    }

    /// Holds the events of chains, which then point to them.
    fn hold(&mut self, chains: &mut [Chain], events: &[Event]) {
        for entry in chains.iter_mut().flat_map(|chain| &mut chain.events) {
            entry.event = self.position(&events[entry.event as usize]);
        }
    }

    /// Puts the events in their order; returns the new position of each.
    fn put_in_order(&mut self) -> Vec<u32> {
        let events = mem::take(&mut self.events);
        self.events = stitch::in_order(events);
        let mut moved = vec![0; self.events.len()];
        for (new, event) in (0u32..).zip(&self.events) {
            if let Some(old) = self.positions.get(&event.place) {
                moved[*old as usize] = new;
            }
        }
        moved
    }
}

/// Lets chains point to where events were moved to.
fn move_events(chains: &mut [Chain], positions: &[u32]) {
    for entry in chains.iter_mut().flat_map(|chain| &mut chain.events) {
        entry.event = positions[entry.event as usize];
    }
}
