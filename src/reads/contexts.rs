//! Reads by the data catalog of a query's context: another account's catalog, or a connector
//! (docs/cloudtrail-facts.md#connectors).

use super::drafts::{Drafts, Reader, Sighting};
use super::inputs::Inputs;
use super::registered::{NamedCatalog, account_of_arn, account_of_catalog};
use crate::model::chain::{Chain, Confidence, QueryExecution};
use crate::model::data_catalogs::CatalogTarget;
use crate::model::data_read::{ReadEvidence, ReadSubject};
use crate::model::execution::QueryState;
use crate::model::ids::AccountId;
use crate::model::text::Text;
use std::collections::BTreeSet;

/// Data catalogs that a chain's notes name.
const UNKNOWN_NAMED_MAX: usize = 8;

/// Adds the catalogs and connectors that contexts name. A query may name others in its SQL.
pub(super) fn sightings(inputs: &Inputs<'_>, drafts: &mut Drafts) {
    for (chain, of) in inputs.chains.iter().enumerate() {
        for (query, execution) in of.queries.iter().enumerate() {
            if read_nothing(inputs, execution) {
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

/// Notes in each chain the data catalogs of its contexts whose target is not known.
pub(super) fn note_unknown(chains: &mut [Chain], unknown: Vec<BTreeSet<Text>>) {
    for (chain, names) in chains.iter_mut().zip(unknown) {
        for name in names {
            chain.notes.push(format!(
                "the owner of data catalog {name} of the query context is not known: neither the logs nor the lists have its target at that \
                 time; add the output of `aws athena get-data-catalog` with --catalogs"
            ));
        }
        chain.notes.sort();
    }
}

/// By chain: the data catalogs of its contexts whose target is not known.
pub(super) fn unknown(inputs: &Inputs<'_>, drafts: &Drafts) -> Vec<BTreeSet<Text>> {
    let of_chain = inputs.chains.iter().enumerate().map(|(position, chain)| {
        let queries = chain.queries.iter().enumerate();
        let names = queries.filter_map(|(at, query)| {
            let name = query.catalog.as_ref()?;
            let reader = Reader::Query {
                chain: position,
                query: at,
            };
            let is_unknown =
                named(inputs, chain, query)? == NamedCatalog::Unknown && !drafts.has_owner(&reader);
            Some(name.clone()).filter(|_| is_unknown)
        });
        names.take(UNKNOWN_NAMED_MAX).collect()
    });
    of_chain.collect()
}

/// Returns true for a query that Athena refused, and one that failed before it scanned anything.
fn read_nothing(inputs: &Inputs<'_>, query: &QueryExecution) -> bool {
    let Some(id) = &query.query_execution_id else {
        return true;
    };
    let statistics = inputs.statistics.and_then(|known| known.by_id.get(id));
    statistics.is_some_and(|known| {
        known.state == QueryState::Failed && known.bytes_scanned.is_none_or(|bytes| bytes == 0)
    })
}

/// The data catalog of a query's context, if that names one.
fn named(inputs: &Inputs<'_>, chain: &Chain, query: &QueryExecution) -> Option<NamedCatalog> {
    let name = query.catalog.as_deref()?;
    let consumer = chain.consumer_account_id.as_ref();
    let region = query.region.as_ref();
    Some(
        inputs
            .registered
            .named(name, consumer, region, query.started_at),
    )
}

type ContextRead = (ReadSubject, Option<AccountId>, ReadEvidence);

fn subjects(inputs: &Inputs<'_>, chain: &Chain, query: &QueryExecution) -> Vec<ContextRead> {
    let consumer = chain.consumer_account_id.as_ref();
    let Some(NamedCatalog::Target(target)) = named(inputs, chain, query) else {
        return Vec::new();
    };
    let database = query
        .database
        .as_deref()
        .map(|database| Text::from(database.to_lowercase()));
    match target {
        CatalogTarget::Glue(id) => {
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
        CatalogTarget::Functions(functions) => {
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
        CatalogTarget::Connection(arn) => {
            let owner = arn.as_deref().and_then(account_of_arn);
            let subject = ReadSubject {
                catalog_id: query.catalog.clone(),
                database,
                ..ReadSubject::default()
            };
            vec![(subject, owner, ReadEvidence::Connector)]
        }
    }
}
