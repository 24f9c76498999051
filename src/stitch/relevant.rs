//! The role sessions whose every call is wanted: those that query Athena, those of Role A and
//! Role B, and all that they came from.

use super::context::EARLIER_SESSIONS_MAX;
use super::role_ids::{RoleIds, split_id};
use crate::model::data_catalogs::functions_named;
use crate::model::event::{CredentialIssuance, Detail, Event};
use crate::model::function_sessions::function_name;
use crate::model::identity::RoleName;
use crate::model::ids::is_data_source_arn;
use crate::model::relevance::RelevantSessions;
use crate::model::road::{LAMBDA_SERVICE, function_arn};
use crate::model::text::Text;
use crate::model::topology::Topology;
use hashbrown::{HashMap, HashSet};
use serde_json::Value;

/// Adds the relevance that a few events alone establish: it keeps most calls of relevant sessions
/// while logs are read. [`relevant`] decides finally.
pub fn add_relevant<'e>(
    events: impl IntoIterator<Item = &'e Event>,
    topology: &Topology,
    relevant: &mut RelevantSessions,
) {
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

/// The relevant sessions of some events.
#[must_use]
pub fn relevant(events: &[Event], topology: &Topology, all_sessions: bool) -> RelevantSessions {
    let nothing = RelevantSessions {
        all_sessions,
        ..RelevantSessions::default()
    };
    let mut clues = RelevanceClues::of(nothing);
    clues.add(events, topology);
    clues.decide(topology)
}

/// What events say that decides about relevant sessions, gathered from some events at a time.
#[derive(Debug, Default)]
pub struct RelevanceClues {
    relevant: RelevantSessions,
    said: SessionClues,
}

/// What some events say of sessions.
#[derive(Debug, Default)]
pub struct SessionClues {
    role_ids: RoleIds,
    /// Roles that matter, of AssumeRole calls that did not say the role id.
    named: HashSet<RoleName>,
    /// Roles that were asked for, by the role ids of callers.
    assumed: HashMap<Text, HashSet<AskedRole>>,
    /// Sessions that sessions were assumed from.
    callers: HashMap<Text, HashSet<Text>>,
    /// Sessions that workloads made.
    workloads: HashSet<Text>,
    /// Functions that Athena invoked or that data catalogs name.
    invoked: HashSet<FunctionName>,
    /// Sessions of functions.
    of_functions: HashMap<FunctionName, HashSet<Text>>,
}

/// A role that a call asked for, as far as it says.
#[derive(Debug, PartialEq, Eq, Hash)]
struct AskedRole {
    name: Option<RoleName>,
    id: Option<Text>,
}

/// The account and the name of a function: the Region of an AssumeRole call may be another.
type FunctionName = (String, String);

impl RelevanceClues {
    /// Begins with what is known to be relevant.
    #[must_use]
    pub fn of(known: RelevantSessions) -> Self {
        Self {
            relevant: known,
            ..Self::default()
        }
    }

    /// Adds what some events say. What is decided already is forgotten.
    pub fn add<'e>(
        &mut self,
        events: impl IntoIterator<Item = &'e Event> + Clone,
        topology: &Topology,
    ) {
        self.said.add(events, topology, &mut self.relevant);
    }

    /// Decides which sessions are relevant.
    #[must_use]
    pub fn decide(self, topology: &Topology) -> RelevantSessions {
        decide_relevant(self.relevant, &[&self.said], topology)
    }
}

impl SessionClues {
    /// Adds what some events say; what is relevant by themselves is added to `relevant`. What is decided
    /// already is forgotten.
    pub fn add<'e>(
        &mut self,
        events: impl IntoIterator<Item = &'e Event> + Clone,
        topology: &Topology,
        relevant: &mut RelevantSessions,
    ) {
        add_relevant(events.clone(), topology, relevant);
        self.role_ids.add(events.clone());
        for event in events {
            if let Detail::CredentialIssuance(issue) = &event.detail {
                self.add_issue(event, issue, topology);
            }
            self.add_functions(event);
            let identity = &event.identity;
            let is_scoped = identity.scope_source_arn.is_some()
                || identity.scope_issuer_type.is_some()
                || identity.is_from_instance;
            if is_scoped && matches!(event.detail, Detail::CredentialIssuance(_)) {
                self.workloads.extend(identity.assumed_role_id().cloned());
            }
        }
        forget_decided(relevant);
        // Nothing more follows from sessions whose roles are relevant.
        self.callers.retain(|_, callers| {
            callers.retain(|id| is_open(relevant, id));
            !callers.is_empty()
        });
    }

    fn add_issue(&mut self, event: &Event, issue: &CredentialIssuance, topology: &Topology) {
        let caller = event.identity.assumed_role_id();
        let issued = issue.assumed_role_id.as_ref();
        let role = || issue.role_arn.as_deref().and_then(RoleName::from_arn);
        if issued.is_none() && is_relevant(event, issue, topology) {
            self.named.extend(role());
        }
        if let Some((role_id, _)) = caller.and_then(|id| split_id(id)) {
            let asked = AskedRole {
                name: role(),
                id: issued_role_id(issue),
            };
            let known = self.assumed.entry(role_id.into()).or_default();
            known.insert(asked);
        }
        if let Some((issued, caller)) = issued.zip(caller) {
            let known = self.callers.entry(issued.clone()).or_default();
            known.insert(caller.clone());
        }
        let by_service = event.identity.is_service() && !event.identity.is_invoked_by_quick();
        // Containers of Amazon EKS.
        let by_pod = event.identity.kind.as_deref() == Some("WebIdentityUser");
        self.workloads
            .extend(issued.filter(|_| by_service || by_pod).cloned());
        // Sessions of a function have its name (docs/cloudtrail-facts.md#origins).
        if event.identity.invoked_by.as_deref() == Some(LAMBDA_SERVICE)
            && let Some(name) = issue.session_name.as_deref()
            && let Some(function) = function_of(name, event)
            && let Some(issued) = issued
        {
            let known = self.of_functions.entry(function).or_default();
            known.insert(issued.clone());
        }
    }

    /// Adds functions that the event says to be invoked for queries.
    fn add_functions(&mut self, event: &Event) {
        match &event.detail {
            Detail::Invocation(function) => {
                self.invoked.extend(function_of(function, event));
            }
            Detail::Change(parameters) if event.name.ends_with("DataCatalog") => {
                let Ok(parameters) = serde_json::from_str::<Value>(parameters) else {
                    return;
                };
                let functions = functions_named(|name| parameters["parameters"][name].as_str());
                let functions = functions.filter_map(|name| function_of(name, event));
                self.invoked.extend(functions);
            }
            Detail::StartQuery(query) => {
                let name = query.catalog.as_deref();
                let function = name.and_then(|name| name.strip_prefix("lambda:"));
                let function = function.and_then(|name| function_of(name, event));
                self.invoked.extend(function);
            }
            _ => {}
        }
    }
}

/// Returns true for a session whose role does not decide about it.
fn is_open(relevant: &RelevantSessions, id: &Text) -> bool {
    split_id(id).is_none_or(|(role, _)| !relevant.roles.contains(role))
}

/// Forgets sessions whose roles are relevant.
fn forget_decided(relevant: &mut RelevantSessions) {
    let mut sessions = std::mem::take(&mut relevant.sessions);
    sessions.retain(|id| is_open(relevant, id));
    relevant.sessions = sessions;
}

/// Decides which sessions are relevant, from what is known to be and what events say, in parts.
#[must_use]
pub fn decide_relevant(
    known: RelevantSessions,
    said: &[&SessionClues],
    topology: &Topology,
) -> RelevantSessions {
    let mut deciding = Deciding {
        relevant: known,
        said,
    };
    deciding.add_roles_by_name(topology);
    deciding.add_assumed_from_run_as();
    deciding.add_ancestors();
    deciding.add_siblings();
    let invoked = said.iter().flat_map(|part| &part.invoked);
    for function in invoked {
        let sessions = said
            .iter()
            .filter_map(|part| part.of_functions.get(function));
        let sessions = sessions.flatten().cloned();
        deciding.relevant.sessions.extend(sessions);
    }
    forget_decided(&mut deciding.relevant);
    deciding.relevant
}

/// A decision about sessions.
struct Deciding<'a> {
    relevant: RelevantSessions,
    said: &'a [&'a SessionClues],
}

impl<'a> Deciding<'a> {
    /// The ids of a role.
    fn ids_of(&self, role: &RoleName) -> Vec<&'a Text> {
        let said = self.said.iter();
        said.flat_map(|part| part.role_ids.of(role)).collect()
    }

    /// The sessions that sessions were assumed from.
    fn callers(&self) -> impl Iterator<Item = (&'a Text, &'a HashSet<Text>)> + use<'a> {
        self.said.iter().flat_map(|part| &part.callers)
    }

    /// Declared roles, and roles of hops that did not say their role id.
    fn add_roles_by_name(&mut self, topology: &Topology) {
        let declared = topology.consumers.iter().flat_map(|one| &one.roles);
        let declared = declared.chain(&topology.run_as_roles);
        let named = self.said.iter().flat_map(|part| &part.named);
        for role in declared.chain(named) {
            let ids = self.ids_of(role);
            self.relevant.roles.extend(ids.into_iter().cloned());
        }
    }

    /// Adds the roles that sessions of relevant roles assume, whatever the external id, and those
    /// that their sessions assume.
    fn add_assumed_from_run_as(&mut self) {
        for _ in 0..EARLIER_SESSIONS_MAX {
            let relevant = &self.relevant.roles;
            let assumed = self.said.iter().flat_map(|part| &part.assumed);
            let from_relevant = assumed.filter(|(id, _)| relevant.contains(*id));
            let asked = from_relevant.flat_map(|(_, asked)| asked);
            let ids = asked.flat_map(|asked| {
                let named = asked.name.iter().flat_map(|role| self.ids_of(role));
                named.chain(&asked.id)
            });
            let found: Vec<Text> = ids.filter(|id| !relevant.contains(*id)).cloned().collect();
            if found.is_empty() {
                break;
            }
            self.relevant.roles.extend(found);
        }
    }

    /// The sessions that relevant sessions were assumed from.
    fn add_ancestors(&mut self) {
        let said = self.said;
        let relevant = &mut self.relevant;
        let all = said.iter().flat_map(|part| part.callers.keys());
        let mut open: Vec<Text> = all
            .filter(|issued| relevant.holds(issued))
            .cloned()
            .collect();
        let mut done: HashSet<Text> = HashSet::new();
        while let Some(issued) = open.pop() {
            if !done.insert(issued.clone()) {
                continue;
            }
            let callers = said.iter().filter_map(|part| part.callers.get(&issued));
            for caller in callers.flatten() {
                if relevant.sessions.insert(caller.clone()) {
                    open.push(caller.clone());
                }
            }
        }
    }

    /// Sessions that a workload assumed next to relevant ones: what else the same origin did.
    fn add_siblings(&mut self) {
        let is_workload = |caller: &Text| {
            let mut said = self.said.iter();
            said.any(|part| part.workloads.contains(caller))
        };
        let is_of_relevant_workload =
            |caller: &Text| is_workload(caller) && self.relevant.holds(caller);
        let siblings = self.callers();
        let siblings = siblings.filter(|(_, callers)| callers.iter().any(is_of_relevant_workload));
        let siblings: Vec<Text> = siblings.map(|(issued, _)| issued.clone()).collect();
        self.relevant.sessions.extend(siblings);
    }
}

/// A function that an event of its own account names.
fn function_of(name: &str, event: &Event) -> Option<FunctionName> {
    let account = event.recipient_account_id.as_ref()?;
    let arn = function_arn(name, account, event.region.as_ref())?;
    let (account, name) = function_name(&arn)?;
    Some((account.to_owned(), name.to_owned()))
}
