//! Sessions whose AssumeRole was not read.

use super::context::RuleContext;
use super::occurrences::plural;
use super::rule::FindingSink;
use crate::model::chain::{MissingPart, SessionIssuer};
use crate::model::identity::RoleName;
use std::collections::BTreeSet;

/// Notes sessions of Role B at work in the window whose AssumeRole was not read: who made them
/// is unknown, and that is not the same as nothing to report.
pub(super) fn note_unread_consumer_sessions(context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
    let chains = context.active().iter().map(|active| active.chain);
    // A question which of several sessions it was is not an event that was not read.
    let chains = chains.filter(|chain| {
        let mut missing = chain.missing.iter();
        missing.any(|missing| missing.part == MissingPart::ConsumerSession)
    });
    let sessions = chains.filter_map(|chain| chain.consumer_session.as_ref());
    let unread = sessions.filter(|session| {
        let role = session.role_arn.as_deref().and_then(RoleName::from_arn);
        session.issuer == SessionIssuer::NotLogged
            && session.event_ids.is_empty()
            && role.is_some_and(|role| context.input.roles.consumer.contains(&role))
    });
    note_unread(unread.count() as u64, "Role B", sink);
}

/// The same of sessions of Role A.
pub(super) fn note_unread_run_as_sessions(context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
    let sessions = context.active().iter();
    let sessions = sessions.filter_map(|active| active.chain.caller_session());
    let unread = sessions.filter(|session| {
        let role = session.role_arn.as_deref().and_then(RoleName::from_arn);
        session.issuer == SessionIssuer::NotLogged
            && role.is_none_or(|role| context.input.roles.run_as.contains(&role))
    });
    let unread: BTreeSet<_> = unread
        .filter_map(|session| session.assumed_role_id.as_ref())
        .collect();
    note_unread(unread.len() as u64, "Role A", sink);
}

fn note_unread(sessions: u64, role: &str, sink: &mut FindingSink<'_>) {
    if sessions > 0 {
        sink.note(format!(
            "{} of {role} not evaluated: their AssumeRole event is not in the logs, so the caller is unknown",
            plural(sessions, "session")
        ));
    }
}
