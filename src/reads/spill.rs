//! Objects that connectors spill: in a folder that is named after the query, written by the function
//! and read by Athena (docs/cloudtrail-facts.md#connectors).

use super::drafts::{Drafts, Reader, Sighting};
use super::executions::Execution;
use super::inputs::{Inputs, is_by_athena};
use super::locations::Locations;
use super::objects::EXECUTION_ID_CHARS;
use super::registered::account_of_arn;
use crate::model::chain::Confidence;
use crate::model::data_read::{ReadEvidence, ReadSubject};
use crate::model::event::{Detail, Event, S3ObjectCall};
use crate::model::function_sessions::FunctionSessions;
use crate::model::ids::{AccountId, QueryExecutionId};
use crate::model::road::SPILL_FOLDERS;
use crate::model::text::Text;
use hashbrown::{HashMap, HashSet};
use std::cell::LazyCell;

/// Functions by the bucket and key of objects that they wrote.
type WrittenObjects<'a> = HashMap<(&'a str, &'a str), Text>;

/// Objects, by bucket and key.
type ObjectNames<'a> = HashSet<(&'a str, &'a str)>;

/// Adds reads by spilled objects, and returns the positions of their events.
pub(super) fn sightings(
    inputs: &Inputs<'_>,
    locations: &Locations,
    drafts: &mut Drafts,
) -> HashSet<u32> {
    let mut spilled: HashSet<u32> = HashSet::new();
    let read = read_objects(inputs);
    let written = add_writes(inputs, &read, drafts, &mut spilled);
    add_reads(inputs, locations, &written, drafts, &mut spilled);
    spilled
}

/// Objects in folders of queries that Athena read for them.
fn read_objects<'a>(inputs: &Inputs<'a>) -> ObjectNames<'a> {
    let read = inputs.successful().filter_map(|(position, event)| {
        let place = ObjectPlace::of(event).filter(|_| is_by_athena(event))?;
        let execution = place.execution(inputs)?;
        let (chain, _) = inputs.chain_of(position)?;
        let is_its = execution.chain == chain && execution.is_at(event.time);
        is_its.then_some((place.bucket, place.key))
    });
    read.collect()
}

/// Adds the functions whose sessions wrote into folders of queries: those that Athena invoked for the
/// query, or that it names, and those whose objects Athena then read for it. Others may name their
/// folders after any query.
fn add_writes<'a>(
    inputs: &Inputs<'a>,
    read: &ObjectNames<'_>,
    drafts: &mut Drafts,
    spilled: &mut HashSet<u32>,
) -> WrittenObjects<'a> {
    // Few logs have spilled objects.
    let sessions = LazyCell::new(|| FunctionSessions::of(inputs.events));
    let mut written: WrittenObjects<'a> = HashMap::new();
    for (position, event) in inputs.successful() {
        let Some(place) = ObjectPlace::of(event).filter(|_| is_write(event)) else {
            continue;
        };
        let execution = place
            .execution(inputs)
            .filter(|one| one.is_at(event.time) && !is_by_athena(event));
        let Some(reader) = execution.and_then(reader_of) else {
            continue;
        };
        let Some(function) = sessions.of_call(event) else {
            continue;
        };
        // The Region of the name is that of the AssumeRole call, which may be another.
        let known = drafts.function_named(&reader, &function);
        if known.is_none() && !read.contains(&(place.bucket, place.key)) {
            continue;
        }
        let function = known.unwrap_or(function);
        written.insert((place.bucket, place.key), function.clone());
        spilled.insert(position);
        let (subject, owner) = of_function(function);
        add(drafts, reader, event, subject, owner, None);
    }
    written
}

/// Adds the objects that Athena read of them for the session of the query.
fn add_reads(
    inputs: &Inputs<'_>,
    locations: &Locations,
    written: &WrittenObjects<'_>,
    drafts: &mut Drafts,
    spilled: &mut HashSet<u32>,
) {
    for (position, event) in inputs.successful() {
        let Some(place) = ObjectPlace::of(event).filter(|_| is_by_athena(event)) else {
            continue;
        };
        let Some(reader) = place.reader(inputs, position, event) else {
            continue;
        };
        let writer = written.get(&(place.bucket, place.key)).cloned();
        let was_written = writer.is_some();
        let function = writer.or_else(|| drafts.only_function(&reader));
        let object = match &event.detail {
            Detail::ObjectRead(object) => Some(&**object),
            _ => None,
        };
        let is_spilled = if place.execution(inputs).is_some() {
            // Results that a query writes as a table are in folders of such names, too.
            function.is_some() || was_written || place.says_spill()
        } else {
            let is_tables = locations
                .tables_at(place.bucket, place.key)
                .next()
                .is_some();
            function.is_some() && place.says_spill() && !is_tables
        };
        if !is_spilled {
            continue;
        }
        let in_bucket = || {
            let subject = ReadSubject {
                bucket: Some(place.bucket.into()),
                ..ReadSubject::default()
            };
            let owner = object.and_then(|object| object.bucket_account_id.clone());
            (subject, owner)
        };
        let (subject, owner) = function.map_or_else(in_bucket, of_function);
        spilled.insert(position);
        add(drafts, reader, event, subject, owner, object);
    }
}

fn of_function(function: Text) -> (ReadSubject, Option<AccountId>) {
    let owner = account_of_arn(&function);
    let subject = ReadSubject {
        function_arn: Some(function),
        ..ReadSubject::default()
    };
    (subject, owner)
}

fn add(
    drafts: &mut Drafts,
    reader: Reader,
    event: &Event,
    subject: ReadSubject,
    owner: Option<AccountId>,
    object: Option<&S3ObjectCall>,
) {
    drafts.add(Sighting {
        reader,
        candidates: Vec::new(),
        subject,
        owner,
        via: ReadEvidence::Connector,
        confidence: Confidence::Probable,
        permissions: &[],
        event: Some(&event.id),
        object,
    });
}

/// The query of an execution, unless it was submitted outside the window.
fn reader_of(execution: &Execution<'_>) -> Option<Reader> {
    Some(Reader::Query {
        chain: execution.chain,
        query: execution.query?,
    })
}

/// The object of S3 that a call is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct ObjectPlace<'a> {
    bucket: &'a str,
    pub(super) key: &'a str,
}

impl<'a> ObjectPlace<'a> {
    pub(super) fn of(event: &'a Event) -> Option<Self> {
        match &event.detail {
            Detail::ObjectRead(object) | Detail::ObjectWrite(object) => Some(Self {
                bucket: object.bucket.as_deref()?,
                key: object.key.as_deref()?,
            }),
            Detail::KeyUse(used) => {
                let arn = used.object_arn.as_deref()?;
                let (bucket, key) = arn.split_once(":::")?.1.split_once('/')?;
                Some(Self { bucket, key })
            }
            _ => None,
        }
    }

    /// The query after which one of its folders is named.
    fn execution<'i, 'e>(&self, inputs: &'i Inputs<'e>) -> Option<&'i Execution<'e>> {
        let (folders, _) = self.key.rsplit_once('/')?;
        let mut ids = folders
            .split('/')
            .filter(|folder| folder.len() == EXECUTION_ID_CHARS);
        ids.find_map(|id| inputs.executions.named(&QueryExecutionId::new(id)))
    }

    /// The query for which Athena read the object: the one after which a folder is named, if it is the
    /// session's and ran; of an object that is named as spilled, the only one that ran.
    fn reader(&self, inputs: &Inputs<'_>, position: u32, event: &Event) -> Option<Reader> {
        let (chain, link) = inputs.chain_of(position)?;
        if let Some(execution) = self.execution(inputs) {
            let is_its = execution.chain == chain && execution.is_at(event.time);
            return reader_of(execution).filter(|_| is_its);
        }
        let (reader, _, confidence) = inputs.reader_of_call(chain, event, link)?;
        let is_one = confidence > Confidence::Ambiguous && matches!(reader, Reader::Query { .. });
        Some(reader).filter(|_| is_one && self.says_spill())
    }

    /// Returns true if a folder, or the end of the bucket's name, is named after what is spilled.
    fn says_spill(&self) -> bool {
        let mut folders = self.key.split('/').rev().skip(1);
        self.bucket.ends_with("-spill")
            || folders.any(|folder| folder == "spill" || SPILL_FOLDERS.contains(&folder))
    }
}

/// Returns true for calls that write an object, or get a key to write one.
pub(super) fn is_write(event: &Event) -> bool {
    matches!(event.detail, Detail::ObjectWrite(_)) || &*event.name == "GenerateDataKey"
}
