//! What each part of a window needs of the whole: its roles, and what names of Quick stand for.

use super::quick_user::{QuickArns, user_of};
use super::roles::{Roles, role_ids};
use crate::model::event::{Detail, Event};
use crate::model::topology::Topology;

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
        let mut facts = Self {
            roles: Roles::find(events, &role_ids(events), topology),
            ..Self::default()
        };
        for event in events {
            if let Detail::QueryDatabase(detail) = &event.detail {
                facts.quick_arns.add(detail.resource.as_ref());
                facts.quick_arns.add(detail.data_set.as_ref());
                let is_named = detail.data_source.is_some() && user_of(&event.identity).is_some();
                facts.has_quick_queries |= is_named && event.error_code.is_none();
            }
        }
        facts
    }
}
