//! Tables that Lake Formation gave access to (docs/cloudtrail-facts.md#other-paths).
//!
//! The query id in the audit context is text that any caller can write. It proves a read only where
//! Athena made the call, for the session that submitted that query, while it ran.

use super::drafts::{Drafts, Reader, Sighting};
use super::executions::{Execution, is_of_one_second};
use super::inputs::{Inputs, is_by_athena};
use crate::model::catalog_table::CatalogTable;
use crate::model::chain::Confidence;
use crate::model::data_read::{ReadEvidence, ReadSubject};
use crate::model::event::{DataAccess, Detail, Event};
use crate::model::identity::Identity;
use crate::model::ids::{AccountId, QueryExecutionId};
use crate::model::time::UtcSecond;
use hashbrown::HashMap;

/// Access that was given to a session of Lake Formation, which then reads objects.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Grant {
    pub(super) reader: Reader,
    pub(super) candidates: Vec<QueryExecutionId>,
    pub(super) table: CatalogTable,
    pub(super) given_at: UtcSecond,
}

/// Access that was given, by the name of the session.
pub(super) type Grants<'a> = HashMap<&'a str, Vec<Grant>>;

/// Adds what `GetDataAccess` tells, and returns the access that it gave.
pub(super) fn sightings<'a>(inputs: &Inputs<'a>, drafts: &mut Drafts) -> Grants<'a> {
    let mut grants: Grants<'a> = HashMap::new();
    for (position, event) in inputs.successful() {
        let Detail::DataAccess(access) = &event.detail else {
            continue;
        };
        let table = access.table_arn.as_deref().and_then(CatalogTable::from_arn);
        let Some(table) = table else {
            continue;
        };
        let Some(found) = reader_of(inputs, position, event, access) else {
            continue;
        };
        let name = access.session_name.as_deref();
        if let Some(name) = name.filter(|_| found.is_given) {
            grants.entry(name).or_default().push(Grant {
                reader: found.reader.clone(),
                candidates: found.candidates.clone(),
                table: table.clone(),
                given_at: event.time,
            });
        }
        drafts.add(Sighting {
            reader: found.reader,
            candidates: found.candidates,
            subject: subject(&table, access),
            owner: Some(table.account_id),
            via: ReadEvidence::LakeFormation,
            confidence: found.confidence,
            permissions: &access.permissions,
            event: Some(&event.id),
            object: None,
        });
    }
    grants
}

/// The table, under the ARN that was logged.
fn subject(table: &CatalogTable, access: &DataAccess) -> ReadSubject {
    let subject = table.subject();
    ReadSubject {
        table_arn: subject.table_arn.or_else(|| access.table_arn.clone()),
        ..subject
    }
}

struct Found {
    reader: Reader,
    candidates: Vec<QueryExecutionId>,
    confidence: Confidence,
    /// False where only text names the query: what the session then reads is not the query's.
    is_given: bool,
}

fn reader_of(
    inputs: &Inputs<'_>,
    position: u32,
    event: &Event,
    access: &DataAccess,
) -> Option<Found> {
    let by_athena = is_by_athena(event);
    let named = access.query_execution_id.as_ref();
    if let Some(execution) = named.and_then(|id| inputs.executions.named(id)) {
        let query = execution.query?;
        let is_proven =
            by_athena && is_same_caller(&event.identity, execution) && execution.is_at(event.time);
        return Some(Found {
            reader: Reader::Query {
                chain: execution.chain,
                query,
            },
            candidates: Vec::new(),
            confidence: if is_proven {
                Confidence::Proven
            } else {
                Confidence::Ambiguous
            },
            is_given: is_proven,
        });
    }
    // The query is not in the logs, or not named: the session is what is known.
    let (chain, link) = inputs.chain_of(position).filter(|_| by_athena)?;
    if let Some(id) = named {
        return Some(Found {
            reader: Reader::Chain {
                chain,
                named: Some(id.clone()),
            },
            candidates: Vec::new(),
            confidence: link.min(Confidence::Probable),
            is_given: true,
        });
    }
    let (reader, candidates, confidence) = inputs.reader_of_call(chain, event, link)?;
    Some(Found {
        reader,
        candidates,
        confidence,
        is_given: true,
    })
}

/// Returns true if the caller of Lake Formation is the one who submitted a query: the same
/// principal, in the owner's copy by account and principal id, and no other session of it.
fn is_same_caller(caller: &Identity, execution: &Execution<'_>) -> bool {
    let own = execution.caller;
    let is_same = |left: Option<&AccountId>, right: Option<&AccountId>| match (left, right) {
        (Some(left), Some(right)) => left == right,
        _ => false,
    };
    let same_principal = caller.principal_id.is_some()
        && caller.principal_id == own.principal_id
        && is_same(caller.account_id.as_ref(), own.account_id.as_ref());
    same_principal && is_of_one_second(caller, own)
}
