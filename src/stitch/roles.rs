//! Discovery of Role A and Role B, and of the sessions that are relevant because of them.
//!
//! Declared roles count as declared. Without a declaration, Role A is what
//! Quick assumes and then chains; Role B is what Role A's sessions assume, or
//! what is assumed with the ARN of a Quick data source as external id.

use super::context::EARLIER_SESSIONS_MAX;
use super::hops::refusal;
use super::session::Session;
use super::sessions::Sessions;
use crate::model::data_catalogs::functions_named;
use crate::model::event::{CredentialIssuance, Detail, Event};
use crate::model::function_sessions::function_name;
use crate::model::identity::{Identity, RoleName};
use crate::model::ids::{AccountId, is_data_source_arn};
use crate::model::relevance::RelevantSessions;
use crate::model::road::{LAMBDA_SERVICE, function_arn};
use crate::model::text::Text;
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
    pub(super) fn find(events: &[Event], sessions: &Sessions, topology: &Topology) -> Self {
        let mut roles = Self {
            run_as: topology.run_as_roles.clone(),
            ..Self::default()
        };
        for consumer in &topology.consumers {
            roles.consumer.extend(consumer.roles.iter().cloned());
        }
        roles.find_run_as(events, sessions);
        roles.find_consumer(events, sessions);
        for session in &sessions.all {
            if roles.is_run_as(session)
                && let Some((id, _)) = session.assumed_role_id.as_deref().and_then(split_id)
            {
                roles.run_as_ids.insert(id.into());
            }
        }
        roles
    }

    /// Roles that Quick assumed, and whose sessions asked for another role.
    fn find_run_as(&mut self, events: &[Event], sessions: &Sessions) {
        let made_by_quick = |session: &Session| {
            let hop = session.hop.as_ref();
            hop.is_some_and(|hop| is_quick(&hop.caller))
        };
        for session in &sessions.all {
            let for_quick = session.hop.as_ref().is_some_and(|hop| {
                // AWS itself says that Quick made the call with this session.
                hop.caller.is_invoked_by_quick()
            });
            if let Some((parent, _)) = sessions.parent(session)
                && (made_by_quick(parent) || for_quick && parent.hop.is_none())
            {
                self.run_as.extend(parent.role.clone());
            }
        }
        for (_, parent) in refusals(events, sessions) {
            if made_by_quick(parent) {
                self.run_as.extend(parent.role.clone());
            }
        }
    }

    fn find_consumer(&mut self, events: &[Event], sessions: &Sessions) {
        for session in &sessions.all {
            let Some(hop) = &session.hop else {
                continue;
            };
            let from_run_as = sessions
                .parent(session)
                .is_some_and(|(parent, _)| self.is_run_as(parent));
            let for_data_source = hop.external_id.as_deref().is_some_and(is_data_source_arn);
            if from_run_as || for_data_source {
                self.consumer.extend(session.role.clone());
            }
        }
        for (issue, parent) in refusals(events, sessions) {
            if self.is_run_as(parent) {
                let role = issue.role_arn.as_deref().and_then(RoleName::from_arn);
                self.consumer.extend(role);
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

/// Refused AssumeRole calls by role sessions.
fn refusals<'a>(
    events: &'a [Event],
    sessions: &'a Sessions,
) -> impl Iterator<Item = (&'a CredentialIssuance, &'a Session)> {
    let linked = events.iter().zip(&sessions.by_event);
    linked.filter_map(|(event, link)| {
        let issue = refusal(event)?;
        match link {
            super::session::Link::To(session, _) => Some((issue, sessions.get(*session))),
            super::session::Link::None => None,
        }
    })
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
fn role_ids<'e>(events: &'e [Event]) -> HashMap<RoleName, BTreeSet<Text>> {
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
