//! What each part of a window needs of the whole: its roles, and what names of Quick stand for.

use super::quick_user::{QuickArns, user_of};
use super::roles::{RoleClues, Roles};
use crate::model::event::{Detail, Event};
use crate::model::topology::Topology;
use serde::{Deserialize, Serialize};

/// What has to be known of all events of a window before some of them can be stitched by
/// themselves.
#[derive(Debug, Default)]
pub struct WindowFacts {
    /// Role A and Role B.
    pub(super) roles: Roles,
    /// ARNs of dashboards, analyses and data sets.
    pub(super) quick_arns: QuickArns,
    /// True if any event names the user of a query of Quick.
    pub(super) has_quick_queries: bool,
}

impl WindowFacts {
    /// Gathers them from events in their order, each once.
    #[must_use]
    pub fn of(events: &[Event], topology: &Topology) -> Self {
        WindowClues::of(events, topology).facts(topology)
    }
}

/// What events say of a window, gathered from some of them at a time.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct WindowClues {
    roles: RoleClues,
    quick_arns: QuickArns,
    has_quick_queries: bool,
}

impl WindowClues {
    /// Gathers them from events in their order, each once.
    #[must_use]
    pub fn of(events: &[Event], topology: &Topology) -> Self {
        let mut clues = Self::default();
        clues.add(events);
        clues.find_roles(events, topology, &|_| true);
        clues
    }

    /// Adds what some events say of themselves. All have to be added before any role is found.
    pub fn add(&mut self, events: &[Event]) {
        self.roles.add(events);
        for event in events {
            if let Detail::QueryDatabase(detail) = &event.detail {
                self.quick_arns.add(detail.resource.as_ref());
                self.quick_arns.add(detail.data_set.as_ref());
                let is_named = detail.data_source.is_some() && user_of(&event.identity).is_some();
                self.has_quick_queries |= is_named && event.error_code.is_none();
            }
        }
    }

    /// Finds Role A by what the events do of which `is_own` is true: `events` have all that may have
    /// led to them.
    pub fn find_roles(
        &mut self,
        events: &[Event],
        topology: &Topology,
        is_own: &dyn Fn(&Event) -> bool,
    ) {
        self.roles.find_run_as(events, topology, is_own);
    }

    /// Adds what is known of other events.
    pub fn merge(&mut self, other: Self) {
        self.roles.merge(other.roles);
        self.quick_arns.merge(&other.quick_arns);
        self.has_quick_queries |= other.has_quick_queries;
    }

    /// Returns true if roles are found by this event.
    #[must_use]
    pub fn is_of_roles(event: &Event) -> bool {
        super::hops::asked(event).is_some()
    }

    /// What is known of the window.
    #[must_use]
    pub fn facts(self, topology: &Topology) -> WindowFacts {
        WindowFacts {
            roles: self.roles.roles(topology),
            quick_arns: self.quick_arns,
            has_quick_queries: self.has_quick_queries,
        }
    }
}
