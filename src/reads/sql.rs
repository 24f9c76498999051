//! Tables that the SQL of a query names.

use super::drafts::{Drafts, Reader, Sighting};
use super::inputs::Inputs;
use super::registered::{NamedCatalog, OWN_CATALOG, RegisteredCatalogs};
use crate::model::catalog_table::CatalogTable;
use crate::model::chain::{Chain, Confidence, QueryExecution};
use crate::model::data_catalogs::CatalogTarget;
use crate::model::data_read::{ReadEvidence, ReadSubject};
use crate::model::ids::{AccountId, is_account_id};
use crate::model::table_name::TableName;

/// The database of metadata, which is no data of anyone.
const METADATA: &str = "information_schema";

/// Adds what the SQL of statistics tells.
pub(super) fn sightings(inputs: &Inputs<'_>, drafts: &mut Drafts) {
    let Some(statistics) = inputs.statistics else {
        return;
    };
    for (chain, of) in inputs.chains.iter().enumerate() {
        for (query, execution) in of.queries.iter().enumerate() {
            let id = execution.query_execution_id.as_ref();
            let known = id.and_then(|id| statistics.by_id.get(id));
            let Some(tables) = known.and_then(|known| known.tables.as_ref()) else {
                continue;
            };
            let reader = Reader::Query { chain, query };
            if tables.read.is_empty() {
                drafts.add_nothing(chain, query);
            }
            for name in &tables.written {
                if let Some(written) = subject_of(name, of, execution, &inputs.registered) {
                    drafts.drop_written(&reader, &written);
                }
            }
            for name in &tables.read {
                let Some(subject) = subject_of(name, of, execution, &inputs.registered) else {
                    drafts.add_nothing(chain, query);
                    continue;
                };
                // In a registered catalog a table is the owner's own, and no link.
                let owner = subject.catalog_id.as_deref();
                let owner = owner.filter(|id| is_account_id(id)).map(AccountId::from);
                let owner = owner.filter(|owner| of.consumer_account_id.as_ref() != Some(owner));
                drafts.add(Sighting {
                    reader: reader.clone(),
                    candidates: Vec::new(),
                    subject,
                    owner,
                    via: ReadEvidence::Sql,
                    confidence: Confidence::Probable,
                    permissions: &[],
                    event: None,
                    object: None,
                });
            }
        }
    }
}

/// The table of a name, with what the name leaves out from the context of the query; `None` for
/// metadata.
fn subject_of(
    name: &TableName,
    chain: &Chain,
    query: &QueryExecution,
    registered: &RegisteredCatalogs<'_>,
) -> Option<ReadSubject> {
    let database = name.database.as_ref().or(query.database.as_ref());
    if database.is_some_and(|database| database.eq_ignore_ascii_case(METADATA)) {
        return None;
    }
    let catalog = name.catalog.as_ref().or(query.catalog.as_ref());
    let is_own = catalog.is_none_or(|catalog| catalog.eq_ignore_ascii_case(OWN_CATALOG));
    let account = chain.consumer_account_id.as_ref().map(AccountId::text);
    // A registered catalog may stand for one of Glue.
    let consumer = chain.consumer_account_id.as_ref();
    let named = catalog
        .map(|name| registered.named(name, consumer, query.region.as_ref(), query.started_at));
    let registered = match named {
        Some(NamedCatalog::Target(CatalogTarget::Glue(id))) => Some(id),
        _ => None,
    };
    let of_catalog = account
        .filter(|_| is_own)
        .or(registered.as_ref())
        .zip(database);
    let known = of_catalog.and_then(|(account, database)| {
        CatalogTable::new(account, query.region.as_deref(), database, &name.table)
    });
    Some(known.map_or_else(
        || ReadSubject {
            catalog_id: catalog.filter(|_| !is_own).cloned(),
            database: database.map(|database| database.to_lowercase().into()),
            table: Some(name.table.clone()),
            ..ReadSubject::default()
        },
        |table| table.subject(),
    ))
}
