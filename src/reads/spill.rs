//! What connectors spill: objects in a folder that is named after the query, written by the function
//! and read by Athena (docs/cloudtrail-facts.md#connectors).

use super::drafts::{Drafts, Reader, Sighting};
use super::executions::Execution;
use super::inputs::{Inputs, is_by_athena};
use super::registered::{account_of_arn, function_arn};
use crate::model::chain::Confidence;
use crate::model::data_read::{ReadEvidence, ReadSubject};
use crate::model::event::{Detail, Event, S3ObjectCall};
use crate::model::ids::{AccountId, QueryExecutionId};
use crate::model::text::Text;
use hashbrown::{HashMap, HashSet};

const LAMBDA: &str = "lambda.amazonaws.com";

/// The characters of an execution's id.
const EXECUTION_ID_CHARS: usize = 36;

/// Adds what was spilled, and returns the positions of the events that tell it.
pub(super) fn sightings(inputs: &Inputs<'_>, drafts: &mut Drafts) -> HashSet<u32> {
    let functions = Functions::of(inputs.events);
    let mut written: HashSet<(&Text, &Text)> = HashSet::new();
    let mut told: HashSet<u32> = HashSet::new();
    for (position, event) in inputs.successful() {
        let Some(place) = ObjectPlace::of(event) else {
            continue;
        };
        let Some(function) = functions.of_session(event) else {
            continue;
        };
        let Some(execution) = place.execution(inputs).filter(|one| one.is_at(event.time)) else {
            continue;
        };
        if let Detail::ObjectWrite(object) = &event.detail {
            written.extend(object.bucket.as_ref().zip(object.key.as_ref()));
        }
        let owner = account_of_arn(&function);
        let subject = ReadSubject {
            function_arn: Some(function),
            ..ReadSubject::default()
        };
        told.insert(position);
        add(drafts, execution, event, subject, owner, None);
    }
    for (position, event) in inputs.successful() {
        let Some(place) = ObjectPlace::of(event).filter(|_| is_by_athena(event)) else {
            continue;
        };
        let Some(execution) = place.execution(inputs) else {
            continue;
        };
        let own = inputs.chain_of(position).map(|(chain, _)| chain);
        let is_its = own == Some(execution.chain) && execution.is_at(event.time);
        let Some(query) = execution.query.filter(|_| is_its) else {
            continue;
        };
        let reader = Reader::Query {
            chain: execution.chain,
            query,
        };
        let function = drafts.only_function(&reader);
        let object = match &event.detail {
            Detail::ObjectRead(object) => Some(&**object),
            _ => None,
        };
        let was_written = object.is_some_and(|object| {
            let name = object.bucket.as_ref().zip(object.key.as_ref());
            name.is_some_and(|name| written.contains(&name))
        });
        // Results that a query writes as a table are in folders of such names, too.
        if function.is_none() && !was_written && !place.says_spill() {
            continue;
        }
        let (subject, owner) = match function {
            Some(function) => {
                let owner = account_of_arn(&function);
                let subject = ReadSubject {
                    function_arn: Some(function),
                    ..ReadSubject::default()
                };
                (subject, owner)
            }
            None => {
                let subject = ReadSubject {
                    bucket: Some(place.bucket.into()),
                    ..ReadSubject::default()
                };
                let owner = object.and_then(|object| object.bucket_account_id.clone());
                (subject, owner)
            }
        };
        told.insert(position);
        add(drafts, execution, event, subject, owner, object);
    }
    told
}

fn add(
    drafts: &mut Drafts,
    execution: &Execution<'_>,
    event: &Event,
    subject: ReadSubject,
    owner: Option<AccountId>,
    object: Option<&S3ObjectCall>,
) {
    let Some(query) = execution.query else {
        return;
    };
    drafts.add(Sighting {
        reader: Reader::Query {
            chain: execution.chain,
            query,
        },
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

/// The object of S3 that a call is about.
#[derive(Debug, Clone, Copy)]
struct ObjectPlace<'a> {
    bucket: &'a str,
    key: &'a str,
}

impl<'a> ObjectPlace<'a> {
    fn of(event: &'a Event) -> Option<Self> {
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

    fn says_spill(&self) -> bool {
        self.bucket.contains("spill") || self.key.contains("spill")
    }
}

/// The functions of sessions that Lambda made: their names are those of the functions
/// (docs/cloudtrail-facts.md#origins).
struct Functions<'a>(HashMap<&'a Text, Text>);

impl<'a> Functions<'a> {
    fn of(events: &'a [Event]) -> Self {
        let made = events.iter().filter_map(|event| {
            let Detail::CredentialIssuance(issue) = &event.detail else {
                return None;
            };
            let is_lambdas = event.identity.is_service()
                && event.identity.invoked_by.as_deref() == Some(LAMBDA)
                && event.error_code.is_none();
            let account = event.recipient_account_id.as_ref().filter(|_| is_lambdas)?;
            let name = issue.session_name.as_deref()?;
            let arn = function_arn(name, account, event.region.as_ref())?;
            Some((issue.assumed_role_id.as_ref()?, arn))
        });
        Self(made.collect())
    }

    /// The function whose session made a call itself.
    fn of_session(&self, event: &Event) -> Option<Text> {
        let identity = &event.identity;
        if is_by_athena(event) {
            return None;
        }
        let scope = identity.scope_source_arn.as_ref();
        let scope = scope.filter(|arn| arn.contains(":lambda:")).cloned();
        scope.or_else(|| self.0.get(identity.assumed_role_id()?).cloned())
    }
}
