//! Discovery of Role A and Role B, and of the sessions that are relevant because of them.
//!
//! Declared roles count as declared. Without a declaration, Role A is what
//! Quick assumes and then chains; Role B is what Role A's sessions assume, or
//! what is assumed with the ARN of a Quick data source as external id.

use super::context::EARLIER_SESSIONS_MAX;
use super::hops::asked;
use super::session::{AssumedRoleName, Session, names_of};
use crate::model::data_catalogs::functions_named;
use crate::model::event::{CredentialIssuance, Detail, Event};
use crate::model::function_sessions::function_name;
use crate::model::identity::{Identity, RoleName};
use crate::model::ids::{AccessKeyId, AccountId, is_data_source_arn};
use crate::model::relevance::RelevantSessions;
use crate::model::road::{LAMBDA_SERVICE, function_arn};
use crate::model::text::Text;
use crate::model::time::{CLOCK_SKEW_SECONDS, SESSION_SECONDS_MAX, UtcSecond};
use crate::model::topology::Topology;
use hashbrown::{HashMap, HashSet};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

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

impl Roles {
    /// Finds them by the calls that issue credentials, or refuse to.
    pub(super) fn find(
        events: &[Event],
        ids: &HashMap<RoleName, BTreeSet<Text>>,
        topology: &Topology,
    ) -> Self {
        let calls = events.iter().filter_map(|event| {
            let issue = asked(event)?;
            Some(AssumeRoleCall { event, issue })
        });
        let calls: Vec<AssumeRoleCall<'_>> = calls.collect();
        let mut roles = Self {
            run_as: topology.run_as_roles.clone(),
            ..Self::default()
        };
        for consumer in &topology.consumers {
            roles.consumer.extend(consumer.roles.iter().cloned());
        }
        let by_id = ids
            .iter()
            .flat_map(|(role, ids)| ids.iter().map(move |id| (&**id, role)));
        let callers = CallerRoles {
            by_id: by_id.collect(),
            known: HashMap::new(),
        };
        roles.find_run_as(&calls, callers);
        let of_run_as = roles.run_as.iter().filter_map(|role| ids.get(role));
        roles.run_as_ids = of_run_as.flatten().cloned().collect();
        roles.find_consumer(&calls);
        roles
    }

    /// Roles that Quick assumed, and whose sessions asked for another role.
    fn find_run_as<'e>(&mut self, calls: &[AssumeRoleCall<'e>], mut callers: CallerRoles<'e>) {
        let by_quick = calls.iter().filter(|call| is_quick(&call.event.identity));
        let by_quick = IssuedSessions::of(by_quick);
        let mut all = None;
        for call in calls {
            let caller = &call.event.identity;
            let Some(role) = callers.of(caller) else {
                continue;
            };
            if self.run_as.contains(role) {
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

    fn find_consumer(&mut self, calls: &[AssumeRoleCall<'_>]) {
        // A few roles are asked for, again and again.
        let mut done: HashSet<&str> = HashSet::new();
        for call in calls {
            let Some(role_arn) = call.issue.role_arn.as_deref() else {
                continue;
            };
            if done.contains(role_arn) {
                continue;
            }
            let for_data_source = call.event.error_code.is_none()
                && call
                    .issue
                    .external_id
                    .as_deref()
                    .is_some_and(is_data_source_arn);
            if for_data_source || self.is_run_as_caller(&call.event.identity) {
                done.insert(role_arn);
                self.consumer.extend(RoleName::from_arn(role_arn));
            }
        }
    }

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
        let by_id = caller
            .assumed_role_id()
            .and_then(|id| split_id(id))
            .is_some_and(|(role_id, _)| self.run_as_ids.contains(role_id));
        let arn = caller.issuer_arn.as_deref().or(caller.arn.as_deref());
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

fn split_id(assumed_role_id: &str) -> Option<(&str, &str)> {
    assumed_role_id.split_once(':')
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
        let arn = caller.issuer_arn.as_deref().or(caller.arn.as_deref());
        let arn = arn.filter(|_| caller.is_role_session());
        let by_arn = arn.and_then(|arn| {
            let known = known.entry(arn);
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

/// Adds the relevance that a few events alone establish: it keeps most calls of relevant sessions
/// while logs are read. [`relevant`] decides finally.
pub fn add_relevant(events: &[Event], topology: &Topology, relevant: &mut RelevantSessions) {
    for event in events {
        let session = event.identity.assumed_role_id();
        if &*event.source == "athena.amazonaws.com" {
            relevant.sessions.extend(session.cloned());
        }
        if let Detail::CredentialIssuance(issue) = &event.detail
            && is_relevant(event, issue, topology)
        {
            relevant.roles.extend(issued_role_id(issue));
        }
    }
}

fn issued_role_id(issue: &CredentialIssuance) -> Option<Text> {
    let (role_id, _) = issue.assumed_role_id.as_deref().and_then(split_id)?;
    Some(role_id.into())
}

fn is_relevant(event: &Event, issue: &CredentialIssuance, topology: &Topology) -> bool {
    let is_declared = || {
        let role = issue.role_arn.as_deref().and_then(RoleName::from_arn);
        role.is_some_and(|role| {
            topology.run_as_roles.contains(&role) || topology.is_consumer_role(&role)
        })
    };
    let for_data_source = issue.external_id.as_deref().is_some_and(is_data_source_arn);
    for_data_source || event.identity.is_invoked_by_quick() || is_declared()
}

/// The role sessions whose every call is wanted: those that query Athena, those
/// of Role A and Role B, and all that they came from.
#[must_use]
pub fn relevant(events: &[Event], topology: &Topology, all_sessions: bool) -> RelevantSessions {
    let nothing = RelevantSessions {
        all_sessions,
        ..RelevantSessions::default()
    };
    relevant_from(nothing, events, topology)
}

/// The same, and what follows from sessions and roles that are known to matter already.
#[must_use]
pub fn relevant_from(
    known: RelevantSessions,
    events: &[Event],
    topology: &Topology,
) -> RelevantSessions {
    let mut relevant = known;
    add_relevant(events, topology, &mut relevant);
    let ids = role_ids(events);
    add_roles_by_name(events, topology, &ids, &mut relevant);
    add_assumed_from_run_as(events, &ids, &mut relevant);
    add_ancestors(events, &mut relevant);
    add_siblings(events, &mut relevant);
    add_functions(events, &mut relevant);
    relevant
}

/// Role ids by role, from every event that tells both.
pub(super) fn role_ids<'e>(events: &'e [Event]) -> HashMap<RoleName, BTreeSet<Text>> {
    // A few roles have all the sessions: each is read once.
    let mut seen: HashSet<*const Identity> = HashSet::new();
    let mut pairs: HashSet<(&str, &str)> = HashSet::new();
    for event in events {
        let mut add = |arn: Option<&'e str>, id: Option<&'e Text>| {
            let id = id.and_then(|id| split_id(id));
            pairs.extend(arn.zip(id.map(|(role_id, _)| role_id)));
        };
        if let Detail::CredentialIssuance(issue) = &event.detail {
            add(issue.role_arn.as_deref(), issue.assumed_role_id.as_ref());
        }
        let identity = &event.identity;
        if seen.insert(Arc::as_ptr(identity)) {
            let arn = identity.issuer_arn.as_deref().or(identity.arn.as_deref());
            add(arn, identity.assumed_role_id());
        }
    }
    let mut ids: HashMap<RoleName, BTreeSet<Text>> = HashMap::new();
    for (arn, id) in pairs {
        if let Some(role) = RoleName::from_arn(arn) {
            ids.entry(role).or_default().insert(id.into());
        }
    }
    ids
}

/// Declared roles, and roles of hops that did not say their role id.
fn add_roles_by_name(
    events: &[Event],
    topology: &Topology,
    ids: &HashMap<RoleName, BTreeSet<Text>>,
    relevant: &mut RelevantSessions,
) {
    let declared = topology.consumers.iter().flat_map(|one| &one.roles);
    for role in declared.chain(&topology.run_as_roles) {
        relevant
            .roles
            .extend(ids.get(role).into_iter().flatten().cloned());
    }
    for event in events {
        if let Detail::CredentialIssuance(issue) = &event.detail
            && issue.assumed_role_id.is_none()
            && is_relevant(event, issue, topology)
        {
            let role = issue.role_arn.as_deref().and_then(RoleName::from_arn);
            let known = role.and_then(|role| ids.get(&role));
            relevant.roles.extend(known.into_iter().flatten().cloned());
        }
    }
}

/// Adds the roles that sessions of relevant roles assume, whatever the external id, and those that
/// their sessions assume.
fn add_assumed_from_run_as(
    events: &[Event],
    ids: &HashMap<RoleName, BTreeSet<Text>>,
    relevant: &mut RelevantSessions,
) {
    for _ in 0..EARLIER_SESSIONS_MAX {
        let before = relevant.roles.len();
        add_assumed_once(events, ids, relevant);
        if relevant.roles.len() == before {
            break;
        }
    }
}

fn add_assumed_once(
    events: &[Event],
    ids: &HashMap<RoleName, BTreeSet<Text>>,
    relevant: &mut RelevantSessions,
) {
    let mut found: Vec<Text> = Vec::new();
    for event in events {
        let Detail::CredentialIssuance(issue) = &event.detail else {
            continue;
        };
        let caller = event.identity.assumed_role_id().and_then(|id| split_id(id));
        if caller.is_some_and(|(role, _)| relevant.roles.contains(role)) {
            let role = issue.role_arn.as_deref().and_then(RoleName::from_arn);
            let known = role.and_then(|role| ids.get(&role));
            found.extend(issued_role_id(issue));
            found.extend(known.into_iter().flatten().cloned());
        }
    }
    relevant.roles.extend(found);
}

/// The sessions that relevant sessions were assumed from.
fn add_ancestors(events: &[Event], relevant: &mut RelevantSessions) {
    let mut callers: HashMap<&Text, Vec<&Text>> = HashMap::new();
    let mut open: Vec<&Text> = Vec::new();
    for event in events {
        if let Detail::CredentialIssuance(issue) = &event.detail
            && let Some(issued) = &issue.assumed_role_id
            && let Some(caller) = event.identity.assumed_role_id()
        {
            callers.entry(issued).or_default().push(caller);
            if relevant.holds(issued) {
                open.push(issued);
            }
        }
    }
    while let Some(issued) = open.pop() {
        for caller in callers.remove(issued).unwrap_or_default() {
            if relevant.sessions.insert(caller.clone()) {
                open.push(caller);
            }
        }
    }
}

/// Sessions that a workload assumed next to relevant ones: what else the same origin did.
fn add_siblings(events: &[Event], relevant: &mut RelevantSessions) {
    let mut workloads: HashSet<&Text> = HashSet::new();
    for event in events {
        let Detail::CredentialIssuance(issue) = &event.detail else {
            continue;
        };
        let by_service = event.identity.is_service() && !event.identity.is_invoked_by_quick();
        // Containers of Amazon EKS.
        let by_pod = event.identity.kind.as_deref() == Some("WebIdentityUser");
        let is_workload = by_service || by_pod;
        workloads.extend(issue.assumed_role_id.as_ref().filter(|_| is_workload));
        let identity = &event.identity;
        let is_scoped = identity.scope_source_arn.is_some()
            || identity.scope_issuer_type.is_some()
            || identity.is_from_instance;
        workloads.extend(identity.assumed_role_id().filter(|_| is_scoped));
    }
    let mut siblings: Vec<Text> = Vec::new();
    for event in events {
        if let Detail::CredentialIssuance(issue) = &event.detail
            && let Some(caller) = event.identity.assumed_role_id()
            && workloads.contains(caller)
            && relevant.sessions.contains(caller)
        {
            siblings.extend(issue.assumed_role_id.clone());
        }
    }
    relevant.sessions.extend(siblings);
}

/// Sessions of functions that Athena invoked or that data catalogs name: their spilled objects tell
/// which queries they served.
fn add_functions(events: &[Event], relevant: &mut RelevantSessions) {
    let arn = |name: &str, event: &Event| {
        let account = event.recipient_account_id.as_ref()?;
        function_arn(name, account, event.region.as_ref())
    };
    let named = |parameters: &str, event: &Event| -> Vec<Text> {
        let Ok(parameters) = serde_json::from_str::<Value>(parameters) else {
            return Vec::new();
        };
        let functions = functions_named(|name| parameters["parameters"][name].as_str());
        functions.filter_map(|name| arn(name, event)).collect()
    };
    let invoked = events.iter().flat_map(|event| match &event.detail {
        Detail::Invocation(function) => arn(function, event).into_iter().collect(),
        Detail::Change(parameters) if event.name.ends_with("DataCatalog") => {
            named(parameters, event)
        }
        Detail::StartQuery(query) => {
            let name = query.catalog.as_deref();
            let function = name.and_then(|name| name.strip_prefix("lambda:"));
            let function = function.and_then(|name| arn(name, event));
            function.into_iter().collect()
        }
        _ => Vec::new(),
    });
    let invoked: HashSet<(String, String)> = invoked.filter_map(|arn| owned_name(&arn)).collect();
    if invoked.is_empty() {
        return;
    }
    for event in events {
        // Its sessions have the name of the function (docs/cloudtrail-facts.md#origins).
        if let Detail::CredentialIssuance(issue) = &event.detail
            && event.identity.invoked_by.as_deref() == Some(LAMBDA_SERVICE)
            && let Some(name) = issue.session_name.as_deref()
            && let Some(named) = arn(name, event).and_then(|arn| owned_name(&arn))
            && invoked.contains(&named)
        {
            relevant.sessions.extend(issue.assumed_role_id.clone());
        }
    }
}

/// The account and the name of a function: the Region of an AssumeRole call may be another.
fn owned_name(arn: &str) -> Option<(String, String)> {
    let (account, name) = function_name(arn)?;
    Some((account.to_owned(), name.to_owned()))
}
