//! What the data catalog of a query's context tells: another account's catalog, or a connector
//! (docs/cloudtrail-facts.md#connectors).

use super::drafts::{Drafts, Reader, Sighting};
use super::inputs::Inputs;
use super::registered::{CatalogTarget, account_of_arn, account_of_catalog};
use crate::model::chain::{Chain, Confidence, QueryExecution};
use crate::model::data_read::{ReadEvidence, ReadSubject};
use crate::model::ids::AccountId;
use crate::model::text::Text;

/// Adds the catalogs and connectors that contexts name. A query may name others in its SQL.
pub(super) fn sightings(inputs: &Inputs<'_>, drafts: &mut Drafts) {
    for (chain, of) in inputs.chains.iter().enumerate() {
        for (query, execution) in of.queries.iter().enumerate() {
            // One that Athena refused read nothing.
            if execution.query_execution_id.is_none() {
                continue;
            }
            for (subject, owner, via) in subjects(inputs, of, execution) {
                drafts.add(Sighting {
                    reader: Reader::Query { chain, query },
                    candidates: Vec::new(),
                    subject,
                    owner,
                    via,
                    confidence: execution.confidence.min(Confidence::Probable),
                    permissions: &[],
                    event: Some(&execution.event_id),
                    object: None,
                });
            }
        }
    }
}

type ContextRead = (ReadSubject, Option<AccountId>, ReadEvidence);

fn subjects(inputs: &Inputs<'_>, chain: &Chain, query: &QueryExecution) -> Vec<ContextRead> {
    let consumer = chain.consumer_account_id.as_ref();
    let Some(name) = query.catalog.as_deref() else {
        return Vec::new();
    };
    let registered = &inputs.registered;
    let target = registered.target(name, consumer, query.region.as_ref(), query.started_at);
    let database = query
        .database
        .as_deref()
        .map(|database| Text::from(database.to_lowercase()));
    match target {
        Some(CatalogTarget::Glue(id)) => {
            let owner = account_of_catalog(&id);
            if owner.is_none() || owner.as_ref() == consumer {
                return Vec::new();
            }
            let subject = ReadSubject {
                catalog_id: Some(id),
                database,
                ..ReadSubject::default()
            };
            vec![(subject, owner, ReadEvidence::Glue)]
        }
        Some(CatalogTarget::Functions(functions)) => {
            let found = functions.into_iter().map(|function| {
                let owner = account_of_arn(&function);
                let subject = ReadSubject {
                    function_arn: Some(function),
                    ..ReadSubject::default()
                };
                (subject, owner, ReadEvidence::Connector)
            });
            found.collect()
        }
        Some(CatalogTarget::Connection(arn)) => {
            let owner = arn.as_deref().and_then(account_of_arn);
            let subject = ReadSubject {
                catalog_id: Some(name.into()),
                database,
                ..ReadSubject::default()
            };
            vec![(subject, owner, ReadEvidence::Connector)]
        }
        None => Vec::new(),
    }
}
