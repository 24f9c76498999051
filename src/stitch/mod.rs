//! Events to chains: AssumeRole -> AssumeRole -> StartQueryExecution.
//!
//! Everything here is a function of the set of events: they are put into one
//! order first ([`dedupe`]), so neither the order they were read in, nor how the
//! logs were split, nor repeated delivery can show in the result.
//!
//! | step | file |
//! |---|---|
//! | one event per delivery group | [`dedupe`] |
//! | one hop per AssumeRole, from its copies | [`hops`] |
//! | which session made a call | [`session`], [`sessions`], [`keys`], [`peers`], [`timeline`] |
//! | which call submitted a query execution first | [`submissions`] |
//! | which roles are Role A and Role B | [`roles`] |
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
mod hops;
mod keys;
mod notes;
mod origin;
mod owner_copies;
mod path;
mod peers;
mod quick_activity;
mod quick_user;
mod related;
mod roles;
mod session;
mod sessions;
mod submissions;
mod timeline;
mod workloads;

pub use context::Context;
pub use roles::{add_relevant, relevant, relevant_from};

use crate::model::chain::Chain;
use crate::model::event::Event;
use crate::model::identity::RoleName;
use crate::model::ids::RoleArn;
use crate::model::integrity::Integrity;
use crate::model::topology::KnownRoles;
use std::collections::BTreeMap;

/// The result of stitching.
#[derive(Debug, Default)]
pub struct Stitched {
    /// The events, one for each that happened, in a fixed order.
    pub events: Vec<Event>,
    /// Chains in the window, by start and id.
    pub chains: Vec<Chain>,
    /// Events delivered more than once.
    pub duplicates: u64,
    /// Deliveries of one event that do not agree.
    pub conflicts: u64,
    /// Events replaced by an `UPDATED_DATA` addendum.
    pub replaced: u64,
    /// Role A and Role B, declared or found.
    pub roles: KnownRoles,
}

/// Stitches events into chains.
///
/// `events` come in any order and with repeats; the result is the same for the same set.
/// Rules: docs/output-v1.md, evidence: docs/cloudtrail-facts.md#assumerole,
/// docs/cloudtrail-facts.md#joining-sessions.
#[must_use]
pub fn stitch(events: Vec<Event>, context: &Context<'_>) -> Stitched {
    let deduped = dedupe::dedupe(events, context.integrity);
    let (chains, roles) = chains(&deduped.events, context);
    Stitched {
        events: deduped.events,
        chains,
        duplicates: deduped.duplicates,
        conflicts: deduped.conflicts,
        replaced: deduped.replaced,
        roles,
    }
}

/// The chains of another window over events that [`stitch`] gave back; they point
/// into these events.
#[must_use]
pub fn stitch_again(events: &[Event], context: &Context<'_>) -> Vec<Chain> {
    chains(events, context).0
}

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

/// ARNs of Role A and Role B, as sessions have them: an IAM ARN, which has the path of the role,
/// before one that is made of a session's.
fn role_arns(sessions: &sessions::Sessions, roles: &roles::Roles) -> BTreeMap<RoleName, RoleArn> {
    let mut arns: BTreeMap<RoleName, RoleArn> = BTreeMap::new();
    for session in &sessions.all {
        let (Some(role), Some(arn)) = (&session.role, &session.role_arn) else {
            continue;
        };
        if !(roles.run_as.contains(role) || roles.consumer.contains(role)) {
            continue;
        }
        let is_full = arn.contains(":role/");
        if is_full && arns.get(role).is_none_or(|known| known < arn) {
            arns.insert(role.clone(), arn.clone());
        } else if !is_full && !arns.contains_key(role) {
            let partition = arn.split(':').nth(1).unwrap_or("aws");
            let (account, name) = (&role.account_id, &role.name);
            let made = format!("arn:{partition}:iam::{account}:role/{name}");
            arns.insert(role.clone(), made.into());
        }
    }
    arns
}

fn chains(events: &[Event], context: &Context<'_>) -> (Vec<Chain>, KnownRoles) {
    let hops = hops::hops(events);
    let sessions = sessions::Sessions::link(events, hops);
    let roles = roles::Roles::find(events, &sessions, context.topology);
    let mut chains = assemble::assemble(events, &sessions, &roles, context);
    quick_user::attach(&mut chains, events, context.statistics);
    acting_for::attach(&mut chains, events, context);
    set_integrity(&mut chains, events, context.integrity);
    let known = KnownRoles {
        arns: role_arns(&sessions, &roles),
        run_as: roles.run_as,
        consumer: roles.consumer,
    };
    (chains, known)
}
