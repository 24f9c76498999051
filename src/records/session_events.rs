//! Events that the event list keeps, as a table for SQL.

use crate::model::event::Event;
use crate::model::table::{Table, TableBuilder};

/// One row per event.
#[must_use]
pub fn table(events: &[Event]) -> Table {
    TableBuilder::new("events", events)
        .text("event_id", |event| Some(event.id.to_string()))
        .moment("event_at", |event| Some(event.time))
        .day("day", |event| Some(event.time.day()))
        .text("account_id", |event| event.recipient_account_id.clone())
        .text("region", |event| event.region.clone())
        .text("event_source", |event| Some(event.source.clone()))
        .text("event_name", |event| Some(event.name.clone()))
        .text("caller_type", |event| event.identity.kind.clone())
        .text("caller", |event| event.identity.best_name().cloned())
        .text("caller_account_id", |event| {
            event.identity.account_id.clone()
        })
        .text("invoked_by", |event| event.identity.invoked_by.clone())
        .text("access_key_id", |event| {
            event
                .identity
                .access_key_id
                .as_ref()
                .map(ToString::to_string)
        })
        .text("source_identity", |event| {
            event.identity.source_identity.clone()
        })
        .text("source_ip", |event| event.source_ip.clone())
        .text("user_agent", |event| event.user_agent.clone())
        .text("error_code", |event| event.error_code.clone())
        .text("error_message", |event| event.error_message().cloned())
        .table()
}
