//! Discovery of Role A and Role B.
//!
//! Declared roles count as declared. Without a declaration, Role A is what
//! Quick assumes and then chains; Role B is what Role A's sessions assume, or
//! what is assumed with the ARN of a Quick data source as external id.

use super::hops::asked;
use super::role_ids::{RoleIds, split_id};
use super::session::{AssumedRoleName, Session, names_of};
use crate::model::event::{CredentialIssuance, Event};
use crate::model::identity::{Identity, RoleName};
use crate::model::ids::{AccessKeyId, AccountId, RoleArn, is_data_source_arn};
use crate::model::text::Text;
use crate::model::time::{CLOCK_SKEW_SECONDS, SESSION_SECONDS_MAX, UtcSecond};
use crate::model::topology::Topology;
use hashbrown::{HashMap, HashSet};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Role A and Role B, declared or found.
#[derive(Debug, Default)]
pub(super) struct Roles {
    pub(super) run_as: BTreeSet<RoleName>,
    pub(super) consumer: BTreeSet<RoleName>,
    /// Role ids (`AROA...`) of Role A.
    run_as_ids: HashSet<Text>,
}

/// Returns true if Quick itself, not a session, made the call.
pub(super) fn is_quick(identity: &Identity) -> bool {
    identity.is_invoked_by_quick() && identity.assumed_role_id().is_none()
}

/// What calls that ask for roles say of Role A and Role B, gathered from some events at a time.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct RoleClues {
    ids: RoleIds,
    /// Who asked for which role: a few ask again and again.
    asked: BTreeSet<RoleAsked>,
    run_as: BTreeSet<RoleName>,
}

/// A role that was asked for, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct RoleAsked {
    role_arn: RoleArn,
    is_for_data_source: bool,
    caller_role_id: Option<Text>,
    caller_arn: Option<Text>,
}

impl RoleClues {
    /// Adds what some events say of themselves. All have to be added before any role is found.
    pub(super) fn add(&mut self, events: &[Event]) {
        self.ids.add(events);
        for AssumeRoleCall { event, issue } in calls(events) {
            let Some(role_arn) = issue.role_arn.clone() else {
                continue;
            };
            let caller = &event.identity;
            let id = caller.assumed_role_id().and_then(|id| split_id(id));
            let external_id = issue.external_id.as_deref();
            self.asked.insert(RoleAsked {
                role_arn,
                is_for_data_source: event.error_code.is_none()
                    && external_id.is_some_and(is_data_source_arn),
                caller_role_id: id.map(|(role_id, _)| role_id.into()),
                caller_arn: caller.role_arn().cloned(),
            });
        }
    }

    /// Adds what other calls say.
    pub(super) fn merge(&mut self, other: Self) {
        self.ids.merge(other.ids);
        self.asked.extend(other.asked);
        self.run_as.extend(other.run_as);
    }

    /// Finds roles that Quick assumed, and whose sessions asked for another role. `events` have all
    /// that may have led to those of which `is_own` is true.
    pub(super) fn find_run_as(
        &mut self,
        events: &[Event],
        topology: &Topology,
        is_own: &dyn Fn(&Event) -> bool,
    ) {
        let calls: Vec<AssumeRoleCall<'_>> = calls(events).collect();
        let mut callers = CallerRoles {
            by_id: self.ids.by_id(),
            known: HashMap::new(),
        };
        let by_quick = calls.iter().filter(|call| is_quick(&call.event.identity));
        let by_quick = IssuedSessions::of(by_quick);
        let mut all = None;
        for call in calls.iter().filter(|call| is_own(call.event)) {
            let caller = &call.event.identity;
            let Some(role) = callers.of(caller) else {
                continue;
            };
            if self.run_as.contains(role) || topology.run_as_roles.contains(role) {
                continue;
            }
            // AWS itself may say that Quick made the call with a session of which nothing else is known.
            let mut is_unseen = || {
                let all = all.get_or_insert_with(|| IssuedSessions::of(calls.iter()));
                !all.hold(call.event)
            };
            if by_quick.hold(call.event) || caller.is_invoked_by_quick() && is_unseen() {
                self.run_as.insert(role.clone());
            }
        }
    }

    /// The roles that were declared or found.
    pub(super) fn roles(&self, topology: &Topology) -> Roles {
        let declared = topology.run_as_roles.iter();
        let run_as: BTreeSet<RoleName> = declared.chain(&self.run_as).cloned().collect();
        let ids = run_as.iter().flat_map(|role| self.ids.of(role));
        let mut roles = Roles {
            run_as_ids: ids.cloned().collect(),
            run_as,
            consumer: BTreeSet::new(),
        };
        for consumer in &topology.consumers {
            roles.consumer.extend(consumer.roles.iter().cloned());
        }
        for asked in &self.asked {
            let RoleAsked {
                caller_role_id,
                caller_arn,
                ..
            } = asked;
            if asked.is_for_data_source
                || roles.is_run_as_id_or_arn(caller_role_id.as_deref(), caller_arn.as_deref())
            {
                roles.consumer.extend(RoleName::from_arn(&asked.role_arn));
            }
        }
        roles
    }
}

/// The calls that issue credentials, or refuse to.
fn calls(events: &[Event]) -> impl Iterator<Item = AssumeRoleCall<'_>> {
    events.iter().filter_map(|event| {
        let issue = asked(event)?;
        Some(AssumeRoleCall { event, issue })
    })
}

impl Roles {
    pub(super) fn is_run_as(&self, session: &Session) -> bool {
        let role = session.role.as_ref();
        role.is_some_and(|role| self.run_as.contains(role))
    }

    pub(super) fn is_consumer(&self, session: &Session) -> bool {
        let role = session.role.as_ref();
        role.is_some_and(|role| self.consumer.contains(role))
    }

    /// Returns true if a caller known by its principal alone is a session of Role A.
    pub(super) fn is_run_as_caller(&self, caller: &Identity) -> bool {
        let id = caller.assumed_role_id().and_then(|id| split_id(id));
        let role_id = id.map(|(role_id, _)| role_id);
        self.is_run_as_id_or_arn(role_id, caller.role_arn().map(|arn| &**arn))
    }

    fn is_run_as_id_or_arn(&self, role_id: Option<&str>, arn: Option<&str>) -> bool {
        let by_id = role_id.is_some_and(|role_id| self.run_as_ids.contains(role_id));
        let by_arn = arn.and_then(RoleName::from_arn);
        by_id || by_arn.is_some_and(|role| self.run_as.contains(&role))
    }

    /// The one account that Role A is in.
    pub(super) fn hub_account_id(&self) -> Option<&AccountId> {
        let mut accounts = self.run_as.iter().map(|role| &role.account_id);
        let first = accounts.next()?;
        accounts.all(|account| account == first).then_some(first)
    }
}

/// A call that asked for a role.
struct AssumeRoleCall<'e> {
    event: &'e Event,
    issue: &'e CredentialIssuance,
}

/// The roles of callers, by their ARNs or else by their role ids.
struct CallerRoles<'e> {
    by_id: HashMap<&'e str, &'e RoleName>,
    /// By ARN: a few roles make all calls.
    known: HashMap<&'e str, Option<RoleName>>,
}

impl<'e> CallerRoles<'e> {
    fn of(&mut self, caller: &'e Identity) -> Option<&RoleName> {
        let Self { by_id, known } = self;
        let arn = caller.role_arn().filter(|_| caller.is_role_session());
        let by_arn = arn.and_then(|arn| {
            let known = known.entry(&**arn);
            known.or_insert_with(|| RoleName::from_arn(arn)).as_ref()
        });
        by_arn.or_else(|| {
            let (role_id, _) = caller.assumed_role_id().and_then(|id| split_id(id))?;
            by_id.get(role_id).copied()
        })
    }
}

/// An issued session.
#[derive(Clone, Copy)]
struct IssuedSession<'e> {
    at: UtcSecond,
    key: Option<&'e AccessKeyId>,
}

/// Issued sessions by their assumed role ids, and by their names where no id was logged; each by
/// time.
#[derive(Default)]
struct IssuedSessions<'e> {
    by_id: HashMap<&'e str, Vec<IssuedSession<'e>>>,
    by_names: HashMap<AssumedRoleName, Vec<IssuedSession<'e>>>,
    /// Those whose id was logged, by their names: some logs mask the ids of callers.
    masked_by_names: HashMap<AssumedRoleName, Vec<IssuedSession<'e>>>,
}

impl<'e> IssuedSessions<'e> {
    fn of<'c>(calls: impl Iterator<Item = &'c AssumeRoleCall<'e>>) -> Self
    where
        'e: 'c,
    {
        let mut issued = Self::default();
        for AssumeRoleCall { event, issue } in calls.filter(|call| call.event.error_code.is_none())
        {
            let session = IssuedSession {
                at: event.time,
                key: issue.issued_key_id.as_ref(),
            };
            let id = issue.assumed_role_id.as_deref();
            let id = id.filter(|id| id.contains(':'));
            let role = issue.role_arn.as_deref().and_then(RoleName::from_arn);
            if let Some((role, name)) = role.zip(issue.session_name.as_ref()) {
                let names = (role.account_id, role.name, name.clone());
                let by_names = match id {
                    Some(_) => &mut issued.masked_by_names,
                    None => &mut issued.by_names,
                };
                by_names.entry(names).or_default().push(session);
            }
            if let Some(id) = id {
                issued.by_id.entry(id).or_default().push(session);
            }
        }
        issued
    }

    /// Returns true if the caller of an event is one of them, as far as it says.
    fn hold(&self, event: &Event) -> bool {
        let caller = &event.identity;
        let id = caller.assumed_role_id();
        let by_id = id.and_then(|id| self.by_id.get(&**id));
        let needs_names = id.is_none() || !self.by_names.is_empty();
        let names = needs_names.then(|| names_of(caller)).flatten();
        let by_names = names.as_ref().and_then(|names| self.by_names.get(names));
        let masked = names.as_ref().filter(|_| id.is_none());
        let masked = masked.and_then(|names| self.masked_by_names.get(names));
        let (from, to) = match caller.session_created_at {
            Some(created_at) => (
                created_at.plus(-CLOCK_SKEW_SECONDS),
                created_at.plus(CLOCK_SKEW_SECONDS),
            ),
            None => (
                event.time.plus(-SESSION_SECONDS_MAX),
                event.time.plus(CLOCK_SKEW_SECONDS),
            ),
        };
        let mut all = by_id.into_iter().chain(by_names).chain(masked);
        all.any(|sessions| {
            let first = sessions.partition_point(|session| session.at < from);
            let mut of_time = sessions[first..]
                .iter()
                .take_while(|session| session.at <= to);
            of_time.any(|session| {
                let keys = session.key.zip(caller.access_key_id.as_ref());
                keys.is_none_or(|(issued, own)| issued == own)
            })
        })
    }
}
