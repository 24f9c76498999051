//! Links between events that tell together what a query read, by what each event says.

use super::objects::{EXECUTION_ID_CHARS, initiator, session_name};
use super::shares::is_of_shares;
use super::spill::{ObjectPlace, is_write};
use crate::model::event::{Content, Detail, Event};
use crate::model::ids::QueryExecutionId;
use crate::model::link::{LinkHasher, LinkKey, LinkKind};

/// What an event has in common with others that tell of reads.
#[derive(Debug, Clone, Default)]
pub struct ReadLinks {
    /// The query executions that it names.
    pub executions: Vec<LinkKey>,
    /// The session of Lake Formation that it gives access to, or that it was made by.
    pub access_session: Option<LinkKey>,
    /// The role that access was given to, or that a query was submitted as.
    pub access_role: Option<LinkKey>,
    /// Who submitted a query, or for whom a call was made that a query makes.
    pub principal: Option<LinkKey>,
    /// What it does.
    pub act: ReadAct,
}

/// What an event does that matters to reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReadAct {
    /// Nothing but naming executions.
    #[default]
    Other,
    /// It submits a query.
    Submits,
    /// It gives access.
    GivesAccess,
    /// It reads an object.
    Reads,
    /// It writes an object, or gets a key to write one.
    Writes,
}

impl ReadLinks {
    /// The links of an event.
    #[must_use]
    pub fn of(event: &Event, hasher: &LinkHasher) -> Self {
        let execution = |id: &QueryExecutionId| hasher.key(LinkKind::Execution, id);
        let mut links = Self::default();
        match &event.detail {
            Detail::StartQuery(query) => {
                links.act = ReadAct::Submits;
                links.executions = query.query_execution_id.iter().map(execution).collect();
                let principal = event.identity.principal_id.as_deref();
                let role_id = principal.and_then(|id| id.split_once(':'));
                links.access_role =
                    role_id.map(|(role_id, _)| hasher.key(LinkKind::AccessRole, &role_id));
            }
            Detail::QueryReference(ids) => links.executions = ids.iter().map(execution).collect(),
            Detail::DataAccess(access) => {
                links.act = ReadAct::GivesAccess;
                links.executions = access.query_execution_id.iter().map(execution).collect();
                let name = access.session_name.as_deref();
                links.access_session = name.map(|name| hasher.key(LinkKind::AccessSession, &name));
            }
            Detail::ObjectRead(_) | Detail::ObjectWrite(_) | Detail::KeyUse(_) => {
                if let Some(place) = ObjectPlace::of(event) {
                    let named = executions_in(place.key);
                    links.executions = named.map(|id| execution(&id)).collect();
                }
                links.act = if is_write(event) {
                    ReadAct::Writes
                } else {
                    ReadAct::Reads
                };
                let name = session_name(event);
                links.access_session = name.map(|name| hasher.key(LinkKind::AccessSession, &name));
                links.access_role =
                    initiator(event).map(|(_, role_id)| hasher.key(LinkKind::AccessRole, &role_id));
            }
            _ => {}
        }
        let of_query = matches!(
            event.detail,
            Detail::StartQuery(_)
                | Detail::DataAccess(_)
                | Detail::TableCall(_)
                | Detail::ObjectRead(_)
                | Detail::KeyUse(_)
                | Detail::Invocation(_)
        );
        let principal = event.identity.principal_id.as_deref();
        let principal = principal.filter(|_| of_query);
        links.principal = principal.map(|id| hasher.key(LinkKind::Principal, &id));
        links
    }
}

/// What may be the ids of executions in the key of an object: its folders, and the beginning of its
/// name.
fn executions_in(key: &str) -> impl Iterator<Item = QueryExecutionId> {
    let mut parts = key.rsplit('/');
    let name = parts.next().and_then(|name| name.get(..EXECUTION_ID_CHARS));
    let folders = parts.filter(|folder| folder.len() == EXECUTION_ID_CHARS);
    name.into_iter().chain(folders).map(QueryExecutionId::new)
}

/// Returns true for events that decide about any part of a window, however far they are: changes to
/// catalogs, tables and shares.
#[must_use]
pub fn is_of_every_part(event: &Content) -> bool {
    match &event.detail {
        Detail::TableCall(call) => call.location.is_some(),
        Detail::Change(_) | Detail::None => {
            let is_change = is_of_shares(&event.source) && !event.name.starts_with("Get");
            is_change || event.name.ends_with("DataCatalog")
        }
        _ => false,
    }
}
