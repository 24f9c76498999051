//! Events to chains: AssumeRole -> AssumeRole -> StartQueryExecution.
//!
//! Everything here is a function of the set of events: they are put into one
//! order first ([`mod@dedupe`]), so neither the order they were read in, nor how the
//! logs were split, nor repeated delivery can show in the result.
//!
//! | step | file |
//! |---|---|
//! | one event per delivery group | [`mod@dedupe`] |
//! | one hop per AssumeRole, from its copies | [`hops`] |
//! | which session made a call | [`session`], [`sessions`], [`keys`], [`peers`], [`timeline`] |
//! | which call submitted a query execution first | [`submissions`] |
//! | what of all events each part has to know | [`facts`] |
//! | which sessions matter | [`mod@relevant`] |
//! | which roles are Role A and Role B | [`roles`], [`role_ids`] |
//! | who made the first session of a chain, and for what | [`origin`], [`workloads`] |
//! | one record per consumer session | [`assemble`], [`path`], [`notes`] |
//! | other roles that the same session of a service assumed | [`related`] |
//! | refused attempts, users without a role | [`direct`] |
//! | principals that only owners of tables tell of | [`owner_copies`] |
//! | who used Quick | [`quick_user`] |
//! | for whom a chain acted | [`acting_for`] |

mod acting_for;
mod assemble;
mod context;
mod conversations;
mod dedupe;
mod direct;
mod facts;
mod hops;
mod keys;
mod links;
mod notes;
mod origin;
mod owner_copies;
mod path;
mod peers;
mod quick_activity;
mod quick_user;
mod related;
mod relevant;
mod role_ids;
mod roles;
mod session;
mod sessions;
mod submissions;
mod timeline;
mod workloads;

pub use context::Context;
pub use dedupe::{Deduped, dedupe, in_order};
pub use facts::{WindowClues, WindowFacts};
pub use links::{SessionKeys, SessionLinks, is_of_every_part};
pub use quick_activity::{CONTEXT_SECONDS, NEARBY_SECONDS};
pub use relevant::{RelevanceClues, SessionClues, add_relevant, decide_relevant, relevant};

use crate::model::chain::Chain;
use crate::model::event::Event;
use crate::model::integrity::Integrity;
use crate::model::topology::KnownRoles;
use std::collections::BTreeMap;

/// Sets the integrity of each chain to the lowest integrity status of the files that its events
/// came from.
fn set_integrity(chains: &mut [Chain], events: &[Event], integrity: &[Integrity]) {
    if integrity.is_empty() {
        return;
    }
    for chain in chains {
        let objects = chain
            .events
            .iter()
            .map(|one| events[one.event as usize].place.object);
        let worst = Integrity::worst(objects.filter_map(|at| integrity.get(at as usize).copied()));
        chain.integrity = Some(worst.unwrap_or(Integrity::Unverified));
    }
}

/// Role A and Role B with their ARNs, as sessions have them.
fn known_roles(sessions: &sessions::Sessions, roles: &roles::Roles) -> KnownRoles {
    let mut known = KnownRoles {
        run_as: roles.run_as.clone(),
        consumer: roles.consumer.clone(),
        arns: BTreeMap::new(),
    };
    for session in &sessions.all {
        let (Some(role), Some(arn)) = (&session.role, &session.role_arn) else {
            continue;
        };
        if !(roles.run_as.contains(role) || roles.consumer.contains(role)) {
            continue;
        }
        if arn.contains(":role/") {
            known.add_arn(role.clone(), arn.clone());
        } else {
            let partition = arn.split(':').nth(1).unwrap_or("aws");
            let (account, name) = (&role.account_id, &role.name);
            let made = format!("arn:{partition}:iam::{account}:role/{name}");
            known.add_arn(role.clone(), made.into());
        }
    }
    known
}

/// Stitches events into chains, by start and id, and tells Role A and Role B, declared or found.
///
/// `events` are in their order and each once ([`dedupe()`]), and chains point into them. They may be a
/// part of those that the facts are of: chains are the same where all that they need is in it.
/// Rules: docs/output-v1.md, evidence: docs/cloudtrail-facts.md#assumerole,
/// docs/cloudtrail-facts.md#joining-sessions.
#[must_use]
pub fn stitch(
    events: &[Event],
    facts: &WindowFacts,
    context: &Context<'_>,
) -> (Vec<Chain>, KnownRoles) {
    let hops = hops::hops(events);
    let sessions = sessions::Sessions::link(events, hops);
    let roles = &facts.roles;
    let mut chains = assemble::assemble(events, &sessions, roles, context);
    quick_user::attach(&mut chains, events, &facts.quick_arns, context.statistics);
    acting_for::attach(&mut chains, events, facts.has_quick_queries, context);
    set_integrity(&mut chains, events, context.integrity);
    let known = known_roles(&sessions, roles);
    (chains, known)
}
