//! Calls that Athena made on a session's behalf: tables of Glue, functions of Lambda.

use super::drafts::{Drafts, Sighting};
use super::inputs::{Inputs, is_by_athena};
use super::registered::account_of_arn;
use crate::model::catalog_table::CatalogTable;
use crate::model::data_read::{ReadEvidence, ReadSubject};
use crate::model::event::{Detail, Event, TableCall};
use crate::model::ids::AccountId;
use crate::model::road::function_arn;

/// Adds what calls for tables and functions tell.
pub(super) fn sightings(inputs: &Inputs<'_>, drafts: &mut Drafts) {
    for (position, event) in inputs.successful() {
        let made_by = inputs.chain_of(position).filter(|_| is_by_athena(event));
        let Some((chain, link)) = made_by else {
            continue;
        };
        let Some((subject, owner, via)) = subject_of(event) else {
            continue;
        };
        let found = inputs.reader_of_call(chain, event, link);
        let Some((reader, candidates, confidence)) = found else {
            continue;
        };
        drafts.add(Sighting {
            reader,
            candidates,
            subject,
            owner,
            via,
            confidence,
            permissions: &[],
            event: Some(&event.id),
            object: None,
        });
    }
}

fn subject_of(event: &Event) -> Option<(ReadSubject, Option<AccountId>, ReadEvidence)> {
    match &event.detail {
        Detail::TableCall(call) if !changes_table(&event.name) => {
            let (subject, owner) = table_of(event, call)?;
            Some((subject, owner, ReadEvidence::Glue))
        }
        Detail::Invocation(function) => {
            let caller = event.identity.account_id.as_ref()?;
            let function = function_arn(function, caller, event.region.as_ref())?;
            let owner = account_of_arn(&function);
            let subject = ReadSubject {
                function_arn: Some(function),
                ..ReadSubject::default()
            };
            Some((subject, owner, ReadEvidence::Connector))
        }
        _ => None,
    }
}

fn changes_table(name: &str) -> bool {
    matches!(name, "CreateTable" | "UpdateTable")
}

/// The table of a call: in the caller's own catalog where the call names none
/// (<https://docs.aws.amazon.com/glue/latest/webapi/API_GetTable.html>, `CatalogId`).
pub(super) fn table_of(
    event: &Event,
    call: &TableCall,
) -> Option<(ReadSubject, Option<AccountId>)> {
    let (database, table) = (call.database.as_deref()?, call.table.as_deref()?);
    let own = event.identity.account_id.as_ref().map(AccountId::text);
    let catalog_id = call.catalog_id.as_ref().or(own);
    let region = event.region.as_deref();
    let known = catalog_id.and_then(|id| CatalogTable::new(id, region, database, table));
    if let Some(table) = known {
        return Some((table.subject(), Some(table.account_id)));
    }
    let subject = ReadSubject {
        catalog_id: catalog_id.cloned(),
        database: Some(database.to_lowercase().into()),
        table: Some(table.to_lowercase().into()),
        ..ReadSubject::default()
    };
    Some((subject, None))
}
