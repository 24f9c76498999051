//! Rules and the bill of a run that is stitched a day at a time. What is compared with is added up, and
//! only what is evaluated is held.

use super::evaluate::evaluate;
use super::money::Charging;
use super::plan::{Checks, PipelineError, Plan, SlicePlan, Watcher};
use super::slices::{DaySlice, DayStitching, SlicedRun};
use crate::attribute::StatisticsTally;
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
    /// Stitches, splits the bill, and asks the rules. The result has the chains of the evaluated window
    /// alone, and the events that these and rules look at.
    ///
    /// # Errors
    ///
    /// When what was written cannot be read again, or the bill cannot be split.
    pub fn checked(self, checks: &Checks, watcher: &dyn Watcher) -> Result<Audit, PipelineError> {
        let plan = self.plan();
        let mut days = CheckedDays::of(plan, checks);
        let mut audit = self.each_day(watcher, &mut |slice, stitching| {
            days.add(slice, stitching);
            Ok(())
        })?;
        let of_window = days.window.take();
        let positions = days.held.put_in_order();
        move_events(&mut days.chains, &positions);
        audit.chains = days.chains;
        audit.events = days.held.events;
        audit.named = days.history.named().clone();
        days.charging.finish(&mut audit, plan)?;
        let (findings, trends) = evaluate(&audit, checks, plan, &[], &days.history);
        audit.findings = Some(findings);
        audit.trends = trends;
        if let Some(of_window) = of_window {
            audit.slice = Some(of_window.finish(plan, &positions)?);
        }
        Ok(audit)
    }
}

/// What is known, while days are gone through.
struct CheckedDays<'a> {
    window: Option<WindowChains<'a>>,
    evaluated: TimeWindow,
    baseline: Option<TimeWindow>,
    options: HistoryOptions,
    history: History,
    charging: Charging,
    is_billed: bool,
    held: HeldEvents,
    chains: Vec<Chain>,
}

impl<'a> CheckedDays<'a> {
    fn of(plan: &'a Plan, checks: &Checks) -> Self {
        Self {
            window: plan.slice.as_ref().map(|wanted| WindowChains {
                wanted,
                chains: Vec::new(),
                charging: Charging::default(),
                statistics: plan.exports.statistics.as_ref().map(StatisticsTally::of),
            }),
            evaluated: checks.window,
            baseline: checks.baseline(plan),
            options: rules::history_options(&checks.rules),
            history: History::default(),
            charging: Charging::default(),
            is_billed: plan.exports.bill.is_some(),
            held: HeldEvents::default(),
            chains: Vec::new(),
        }
    }

    fn add(&mut self, mut slice: DaySlice, stitching: &DayStitching<'_>) {
        if let Some(baseline) = self.baseline {
            let input = HistoryInput {
                baseline,
                roles: &slice.roles,
                chains: &slice.chains,
                events: &slice.events,
            };
            self.history.add(&input, &self.options);
        }
        self.history.add_events(slice.own_events());
        if self.is_billed {
            self.charging.add(&slice.chains);
        }
        let of_rules = slice.own_events();
        for event in of_rules.filter(|event| rules::is_of_rules(event, &self.evaluated)) {
            self.held.position(event);
        }
        if let Some(of_window) = &mut self.window {
            of_window.add(&slice, stitching, &mut self.held);
        }
        let mut chains = mem::take(&mut slice.chains);
        chains.retain(|chain| is_evaluated(chain, &slice.events, &self.evaluated));
        self.held.hold(&mut chains, &slice.events);
        self.chains.extend(chains);
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
    charging: Charging,
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
        self.charging.add(&chains);
        held.hold(&mut chains, &slice.events);
        self.chains.extend(chains);
    }

    fn finish(self, plan: &Plan, positions: &[u32]) -> Result<AuditSlice, PipelineError> {
        let Self {
            wanted,
            mut chains,
            mut charging,
            statistics,
        } = self;
        move_events(&mut chains, positions);
        let mut slice = AuditSlice {
            window: wanted.window,
            chains,
            statistics: statistics.map(StatisticsTally::coverage),
            ..AuditSlice::default()
        };
        let money = charging.split(&wanted.bill, &plan.exports.pricing)?;
        (slice.attribution, slice.bill) = money;
        Ok(slice)
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
