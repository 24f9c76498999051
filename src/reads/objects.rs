//! Objects of S3 that were read for a query: by a session of Lake Formation, or by Athena on the
//! session's behalf.

use super::drafts::{Drafts, Reader, Sighting};
use super::executions::Execution;
use super::inputs::{Inputs, is_by_athena};
use super::lake_formation::{Grant, Grants};
use super::locations::Locations;
use crate::model::catalog_table::CatalogTable;
use crate::model::chain::Confidence;
use crate::model::data_catalogs::ListedName;
use crate::model::data_read::{ReadEvidence, ReadSubject};
use crate::model::event::{Detail, Event, S3ObjectCall};
use crate::model::identity::session_name_in_arn;
use crate::model::ids::{AccountId, QueryExecutionId, Region};
use crate::model::text::Text;
use crate::model::time::{CLOCK_SKEW_SECONDS, UtcSecond};
use hashbrown::HashSet;
use std::collections::{BTreeMap, BTreeSet};

/// The longest that access of Lake Formation lasts
/// (docs.aws.amazon.com/lake-formation/latest/APIReference/API_GetTemporaryGlueTableCredentials.html,
/// `DurationSeconds`).
pub const ACCESS_SECONDS_MAX: i64 = 12 * 3600;

/// How the names of Lake Formation's sessions begin (docs/cloudtrail-facts.md#other-paths).
const VENDED_SESSION: &str = "AWSLF-";

/// The characters of an execution's id.
pub(super) const EXECUTION_ID_CHARS: usize = 36;

/// Who read an object, as far as that is known.
struct ReadBy {
    reader: Reader,
    candidates: Vec<QueryExecutionId>,
    /// The tables that access was given to, if that was it.
    tables: BTreeMap<ReadSubject, AccountId>,
    confidence: Confidence,
}

/// Adds what S3 data events tell.
pub(super) fn sightings(
    inputs: &Inputs<'_>,
    grants: &Grants<'_>,
    locations: &Locations,
    spilled: &HashSet<u32>,
    drafts: &mut Drafts,
) {
    let others = inputs.successful();
    for (position, event) in others.filter(|(position, _)| !spilled.contains(position)) {
        let Detail::ObjectRead(object) = &event.detail else {
            continue;
        };
        if is_result(object, |id| inputs.executions.named(id).is_some()) {
            continue;
        }
        for read in readers_of(inputs, grants, position, event) {
            let region = region_of(inputs, &read.reader).or(event.region.as_ref());
            let region = region.map(|region| &**region);
            let (subject, owner) = subject_of(&read, object, region, locations, drafts);
            drafts.add(Sighting {
                reader: read.reader,
                candidates: read.candidates,
                subject,
                owner: owner.or_else(|| object.bucket_account_id.clone()),
                via: ReadEvidence::S3,
                confidence: read.confidence,
                permissions: &[],
                event: Some(&event.id),
                object: Some(object),
            });
        }
    }
}

/// Returns true if the object is the result of a query, which Athena names after it.
pub(super) fn is_result(
    object: &S3ObjectCall,
    is_query: impl Fn(&QueryExecutionId) -> bool,
) -> bool {
    let name = object.key.as_deref().and_then(|key| key.rsplit('/').next());
    let id = name.and_then(|name| name.get(..EXECUTION_ID_CHARS));
    id.is_some_and(|id| is_query(&QueryExecutionId::new(id)))
}

/// Returns true if a session that Lake Formation made read an object, as far as its name or its
/// source identity tell.
pub(super) fn is_by_lake_formation(event: &Event) -> bool {
    is_vended(event) || initiator(event).is_some()
}

/// Returns true if the session has a name that Lake Formation gives.
fn is_vended(event: &Event) -> bool {
    session_name(event).is_some_and(|name| name.starts_with(VENDED_SESSION))
}

fn readers_of(
    inputs: &Inputs<'_>,
    grants: &Grants<'_>,
    position: u32,
    event: &Event,
) -> Vec<ReadBy> {
    if let Some(given) = session_name(event).and_then(|name| grants.get(name)) {
        return by_grants(inputs, given, event);
    }
    if let Some((account, role_id)) = initiator(event) {
        let running = inputs.executions.of_role_at(account, role_id, event.time);
        // Others can set such an identity for sessions of their own.
        return among(&running, is_vended(event) || is_by_athena(event));
    }
    let made_by = inputs.chain_of(position).filter(|_| is_by_athena(event));
    let Some((chain, link)) = made_by else {
        return Vec::new();
    };
    let found = inputs.reader_of_call(chain, event, link);
    let found = found.map(|(reader, candidates, confidence)| ReadBy {
        reader,
        candidates,
        confidence,
        tables: BTreeMap::new(),
    });
    found.into_iter().collect()
}

/// The name of the session that made a call.
pub(super) fn session_name(event: &Event) -> Option<&str> {
    let identity = &event.identity;
    let of_principal = identity.principal_id.as_deref();
    let of_principal = of_principal.and_then(|principal| principal.split_once(':'));
    let of_arn = || identity.arn.as_deref().and_then(session_name_in_arn);
    of_principal.map(|(_, name)| name).or_else(of_arn)
}

/// The account and the role id that a source identity of Lake Formation names: the role whose
/// session access was given to (docs/cloudtrail-facts.md#other-paths).
pub(super) fn initiator(event: &Event) -> Option<(&str, &str)> {
    let source_identity = event.identity.source_identity.as_deref()?;
    let (account, role_id) = source_identity.strip_prefix("V2.")?.split_once('.')?;
    Some((account, role_id.split(':').next().unwrap_or(role_id)))
}

/// Those who were given access, and ran a query when the object was read.
fn by_grants(inputs: &Inputs<'_>, given: &[Grant], event: &Event) -> Vec<ReadBy> {
    let was_valid = |given_at: UtcSecond| {
        given_at <= event.time.plus(CLOCK_SKEW_SECONDS)
            && event.time <= given_at.plus(ACCESS_SECONDS_MAX)
    };
    let mut by_reader: BTreeMap<(&Reader, &[QueryExecutionId]), BTreeMap<ReadSubject, AccountId>> =
        BTreeMap::new();
    for grant in given.iter().filter(|grant| was_valid(grant.given_at)) {
        let tables = by_reader
            .entry((&grant.reader, &grant.candidates))
            .or_default();
        tables.insert(grant.table.subject(), grant.table.account_id.clone());
    }
    let is_running = |reader: &Reader| match reader {
        Reader::Query { chain, query } => {
            let id = inputs.chains[*chain].queries[*query]
                .query_execution_id
                .as_ref();
            let execution = id.and_then(|id| inputs.executions.named(id));
            execution.is_none_or(|execution| execution.is_at(event.time))
        }
        Reader::Chain { .. } => true,
    };
    // Access lasts longer than the query that it was given for: then any of them may be the one.
    if by_reader.keys().any(|(reader, _)| is_running(reader)) {
        by_reader.retain(|(reader, _), _| is_running(reader));
        if by_reader.len() == 1 {
            let only = by_reader.into_iter();
            let only = only.map(|((reader, candidates), tables)| ReadBy {
                reader: reader.clone(),
                confidence: if candidates.is_empty() {
                    Confidence::Probable
                } else {
                    Confidence::Ambiguous
                },
                candidates: candidates.to_vec(),
                tables,
            });
            return only.collect();
        }
    }
    shared_by(inputs, by_reader)
}

/// Several were given access under one name: of each chain, its queries are candidates.
fn shared_by(
    inputs: &Inputs<'_>,
    by_reader: BTreeMap<(&Reader, &[QueryExecutionId]), BTreeMap<ReadSubject, AccountId>>,
) -> Vec<ReadBy> {
    type Shared = (BTreeSet<QueryExecutionId>, BTreeMap<ReadSubject, AccountId>);
    let mut chains: BTreeMap<usize, Shared> = BTreeMap::new();
    let mut all: BTreeSet<QueryExecutionId> = BTreeSet::new();
    for ((reader, candidates), tables) in by_reader {
        let (_, known) = chains.entry(reader.chain()).or_default();
        known.extend(tables);
        all.extend(candidates.iter().cloned());
        if let Reader::Query { chain, query } = reader {
            all.extend(
                inputs.chains[*chain].queries[*query]
                    .query_execution_id
                    .clone(),
            );
        }
    }
    let of_each = chains.into_iter().map(|(chain, (_, tables))| ReadBy {
        reader: Reader::Chain { chain, named: None },
        candidates: all.iter().cloned().collect(),
        tables,
        confidence: Confidence::Ambiguous,
    });
    of_each.collect()
}

/// The reader that these executions leave; where they are several, each of their chains may be it,
/// and where only text tells, one of them may.
fn among(running: &[&Execution<'_>], is_known: bool) -> Vec<ReadBy> {
    let chains: BTreeSet<usize> = running.iter().map(|execution| execution.chain).collect();
    let readers = chains.into_iter().filter_map(|chain| {
        let (reader, candidates, confidence) = if is_known {
            Reader::among(chain, running, Confidence::Probable)?
        } else {
            let ids = running.iter().map(|execution| execution.id.clone());
            let reader = Reader::Chain { chain, named: None };
            (reader, ids.collect(), Confidence::Ambiguous)
        };
        Some(ReadBy {
            reader,
            candidates,
            confidence,
            tables: BTreeMap::new(),
        })
    });
    readers.collect()
}

/// The table whose data the object is, else its bucket: the only one that access was given to; or
/// the one whose location it is in.
fn subject_of(
    read: &ReadBy,
    object: &S3ObjectCall,
    region: Option<&str>,
    locations: &Locations,
    drafts: &Drafts,
) -> (ReadSubject, Option<AccountId>) {
    let (bucket, key) = (object.bucket.as_deref(), object.key.as_deref());
    let at_location: Vec<(ReadSubject, Option<AccountId>)> = locations
        .tables_at(bucket.unwrap_or_default(), key.unwrap_or_default())
        .map(|name| (subject_in(name, region), Some(name.account_id.clone())))
        .collect();
    let given: Vec<(ReadSubject, Option<AccountId>)> = read
        .tables
        .iter()
        .map(|(table, owner)| (table.clone(), Some(owner.clone())))
        .collect();
    let read_at_location: Vec<(ReadSubject, Option<AccountId>)> = at_location
        .iter()
        .filter(|(table, _)| drafts.has(&read.reader, table))
        .cloned()
        .collect();
    for found in [read_at_location, given, at_location] {
        if let [(table, owner)] = found.as_slice() {
            return (table.clone(), owner.clone());
        }
    }
    let subject = ReadSubject {
        bucket: object.bucket.clone(),
        ..ReadSubject::default()
    };
    (subject, None)
}

/// The Region of a query: that of its tables, while a bucket may be in another one.
fn region_of<'c>(inputs: &Inputs<'c>, reader: &Reader) -> Option<&'c Region> {
    match reader {
        Reader::Query { chain, query } => inputs.chains[*chain].queries[*query].region.as_ref(),
        Reader::Chain { .. } => None,
    }
}

/// A table by its name, in a Region.
fn subject_in(name: &ListedName, region: Option<&str>) -> ReadSubject {
    let table = CatalogTable {
        account_id: name.account_id.clone(),
        region: region.map(Text::from),
        catalog: None,
        database: name.database.clone(),
        table: name.table.clone(),
    };
    table.subject()
}
