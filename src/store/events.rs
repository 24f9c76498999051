//! Slim events as columns, and back.

use super::error::StoreError;
use super::folder::StoreFolder;
use super::ledger::LiveSegment;
use super::segments::{Segment, SegmentRows, integer, segment_bytes};
use crate::columnar::Texts;
use crate::model::event::{
    Call, Content, CredentialIssuance, DataAccess, Detail, Event, EventOrigin, KeyUse,
    QueryDatabase, QuickCall, RareFields, S3ObjectCall, StartQuery, TableCall, WorkloadCall,
};
use crate::model::identity::Identity;
use crate::model::ids::{AccessKeyId, AccountId, EventId, QueryExecutionId, Region, RoleArn};
use crate::model::table::TableBuilder;
use crate::model::text::{OpaqueId, Text};
use crate::model::time::{UtcDay, UtcSecond};
use crate::ports::KeptEvent;
use hashbrown::{HashMap, HashSet};
use serde::{Deserialize, Serialize};
use std::hash::Hash;
use std::sync::Arc;

type IdentityColumn = (&'static str, fn(&Identity) -> Option<&Text>);

/// Texts of identities, by column.
const IDENTITY: [IdentityColumn; 10] = [
    ("identity_type", |identity| identity.kind.as_ref()),
    ("principal_id", |identity| identity.principal_id.as_ref()),
    ("arn", |identity| identity.arn.as_ref()),
    ("caller_account_id", |identity| {
        identity.account_id.as_ref().map(AccountId::text)
    }),
    ("access_key_id", |identity| {
        identity.access_key_id.as_ref().map(AccessKeyId::text)
    }),
    ("user_name", |identity| identity.user_name.as_ref()),
    ("invoked_by", |identity| identity.invoked_by.as_ref()),
    ("issuer_arn", |identity| identity.issuer_arn.as_ref()),
    ("source_identity", |identity| {
        identity.source_identity.as_ref()
    }),
    ("on_behalf_of", |identity| identity.on_behalf_of.as_ref()),
];

/// Texts of identities that segments of earlier versions do not have.
const LATER_IDENTITY: [IdentityColumn; 4] = [
    ("delegate_account_id", |identity| {
        identity.delegate_account_id.as_ref().map(AccountId::text)
    }),
    ("identity_store_arn", |identity| {
        identity.identity_store_arn.as_ref()
    }),
    ("scope_source_arn", |identity| {
        identity.scope_source_arn.as_ref()
    }),
    ("scope_issuer_type", |identity| {
        identity.scope_issuer_type.as_ref()
    }),
];

type ContentMember = (&'static str, fn(&Content) -> Option<&Text>);

const CONTENT: [ContentMember; 6] = [
    ("account_id", |content| {
        content.recipient_account_id.as_ref().map(AccountId::text)
    }),
    ("region", |content| {
        content.region.as_ref().map(Region::text)
    }),
    ("source_ip", |content| content.source_ip.as_ref()),
    ("user_agent", |content| content.user_agent.as_ref()),
    ("error_code", |content| content.error_code.as_ref()),
    ("error_message", Content::error_message),
];

/// Rows as a file.
pub(super) fn write(rows: &[KeptEvent]) -> Result<Vec<u8>, String> {
    let mut table = TableBuilder::new("events", rows)
        .integer("is_from_console", |row| {
            Some(row.event.identity.is_from_console.into())
        })
        .integer("is_from_instance", |row| {
            Some(row.event.identity.is_from_instance.into())
        })
        .integer("object", |row| Some(row.event.place.object.into()))
        .integer("record", |row| Some(row.event.place.record.into()))
        .integer("is_of_session", |row| Some(row.is_of_session.into()))
        .text("event_id", |row| id_text(Some(&row.event.id)))
        .signed("event_time", |row| Some(row.event.time.unix()))
        .text("event_source", |row| Some(row.event.source.clone()))
        .text("event_name", |row| Some(row.event.name.clone()));
    for (name, of) in CONTENT {
        table = table.text(name, |row| of(&row.event).cloned());
    }
    for (name, of) in IDENTITY.into_iter().chain(LATER_IDENTITY) {
        table = table.text(name, |row| of(&row.event.identity).cloned());
    }
    let table = table
        .signed("session_created_at", |row| {
            row.event.identity.session_created_at.map(UtcSecond::unix)
        })
        .text("replaces", |row| id_text(row.event.replaces()))
        .text("detail", |row| detail(&row.event.detail).map(Text::from))
        .table();
    segment_bytes(&table)
}

fn id_text(of: Option<&impl ToString>) -> Option<Text> {
    id(of).map(Text::from)
}

/// Reads segments; texts and identities that many events share are kept once.
#[derive(Default)]
pub(super) struct SegmentReader {
    texts: HashSet<Text>,
    identities: HashSet<Arc<Identity>>,
    calls: HashSet<Arc<Call>>,
}

/// The one copy of a value.
fn shared<T: Eq + Hash>(known: &mut HashSet<Arc<T>>, value: T) -> Arc<T> {
    if let Some(known) = known.get(&value) {
        return Arc::clone(known);
    }
    let value = Arc::new(value);
    known.insert(Arc::clone(&value));
    value
}

impl SegmentReader {
    fn text(&mut self, text: &str) -> Text {
        if let Some(known) = self.texts.get(text) {
            return known.clone();
        }
        let text = Text::from(text);
        self.texts.insert(text.clone());
        text
    }

    /// Hands out the rows of a segment that are wanted by object and time.
    pub(super) fn read(
        &mut self,
        folder: &StoreFolder,
        named: &LiveSegment,
        wanted: &dyn Fn(u32, UtcSecond) -> bool,
        out: &mut Vec<KeptEvent>,
    ) -> Result<(), StoreError> {
        let segment = Segment::open(folder, named)?;
        self.read_segment(segment, wanted, &mut |event| out.push(event))
    }

    /// The same of an open segment.
    pub(super) fn read_segment(
        &mut self,
        segment: Segment,
        wanted: &dyn Fn(u32, UtcSecond) -> bool,
        each: &mut dyn FnMut(KeptEvent),
    ) -> Result<(), StoreError> {
        segment.for_each(|rows| {
            let columns = EventColumns::of(rows)?;
            for row in 0..rows.count() {
                let Some((place, time)) = columns.place(row) else {
                    return Err(rows.broken("a row without a location or a time"));
                };
                if !wanted(place.object, time) {
                    continue;
                }
                let detail = match columns.details.get(row) {
                    None => Detail::None,
                    Some(text) => serde_json::from_str::<WireDetail>(text)
                        .map_err(|error| rows.broken(&error.to_string()))?
                        .model(self),
                };
                let identity = columns.identity(row, self);
                let identity = shared(&mut self.identities, identity);
                let content = columns.content(row, self, time, identity, detail);
                each(KeptEvent {
                    event: Event { place, content },
                    is_of_session: integer(columns.flags, row) == Some(1),
                });
            }
            Ok(())
        })
    }
}

/// Some rows of a segment of events, by column.
struct EventColumns<'a> {
    objects: &'a [Option<i64>],
    records: &'a [Option<i64>],
    flags: &'a [Option<i64>],
    times: &'a [Option<i64>],
    created: &'a [Option<i64>],
    /// Empty in segments of earlier versions.
    console: &'a [Option<i64>],
    /// The same.
    instances: &'a [Option<i64>],
    ids: &'a Texts,
    sources: &'a Texts,
    names: &'a Texts,
    replaces: &'a Texts,
    details: &'a Texts,
    content: Vec<&'a Texts>,
    identity: Vec<&'a Texts>,
    /// Not in segments of earlier versions.
    later_identity: [Option<&'a Texts>; LATER_IDENTITY.len()],
}

impl<'a> EventColumns<'a> {
    fn of(rows: &SegmentRows<'a>) -> Result<Self, StoreError> {
        let content = CONTENT.iter().map(|(name, _)| rows.texts(name));
        let identity = IDENTITY.iter().map(|(name, _)| rows.texts(name));
        Ok(Self {
            objects: rows.integers("object")?,
            records: rows.integers("record")?,
            flags: rows.integers("is_of_session")?,
            times: rows.integers("event_time")?,
            created: rows.integers("session_created_at")?,
            console: rows.integers("is_from_console").unwrap_or_default(),
            instances: rows.integers("is_from_instance").unwrap_or_default(),
            ids: rows.texts("event_id")?,
            sources: rows.texts("event_source")?,
            names: rows.texts("event_name")?,
            replaces: rows.texts("replaces")?,
            details: rows.texts("detail")?,
            content: content.collect::<Result<_, _>>()?,
            identity: identity.collect::<Result<_, _>>()?,
            later_identity: LATER_IDENTITY.map(|(name, _)| rows.texts(name).ok()),
        })
    }

    fn place(&self, row: usize) -> Option<(EventOrigin, UtcSecond)> {
        let number = |of: &[Option<i64>]| integer(of, row)?.try_into().ok();
        let place = EventOrigin {
            object: number(self.objects)?,
            record: number(self.records)?,
        };
        Some((place, UtcSecond::from_unix(integer(self.times, row)?)))
    }

    fn identity(&self, row: usize, reader: &mut SegmentReader) -> Identity {
        let mut member = |at: usize| self.identity[at].get(row).map(|text| reader.text(text));
        let [
            kind,
            principal_id,
            arn,
            account_id,
            access_key_id,
            user_name,
            invoked_by,
            issuer_arn,
            source_identity,
            on_behalf_of,
        ] = std::array::from_fn(&mut member);
        let mut later = |at: usize| {
            let text = self.later_identity[at].and_then(|texts| texts.get(row));
            text.map(|text| reader.text(text))
        };
        let [
            delegate_account_id,
            identity_store_arn,
            scope_source_arn,
            scope_issuer_type,
        ] = std::array::from_fn(&mut later);
        let is_set = |flags: &[Option<i64>]| flags.get(row).copied().flatten() == Some(1);
        Identity {
            kind,
            principal_id,
            arn,
            account_id: account_id.map(AccountId::from),
            access_key_id: access_key_id.map(AccessKeyId::from),
            user_name,
            invoked_by,
            session_created_at: integer(self.created, row).map(UtcSecond::from_unix),
            issuer_arn,
            source_identity,
            on_behalf_of,
            delegate_account_id: delegate_account_id.map(AccountId::from),
            is_from_console: is_set(self.console),
            is_from_instance: is_set(self.instances),
            identity_store_arn,
            scope_source_arn,
            scope_issuer_type,
        }
    }

    fn content(
        &self,
        row: usize,
        reader: &mut SegmentReader,
        time: UtcSecond,
        identity: Arc<Identity>,
        detail: Detail,
    ) -> Content {
        let mut member = |at: usize| self.content[at].get(row).map(|text| reader.text(text));
        let [
            recipient_account_id,
            region,
            source_ip,
            user_agent,
            error_code,
            error_message,
        ] = std::array::from_fn(&mut member);
        let call = Call {
            recipient_account_id: recipient_account_id.map(AccountId::from),
            region: region.map(Region::from),
            source: reader.text(self.sources.get(row).unwrap_or_default()),
            name: reader.text(self.names.get(row).unwrap_or_default()),
            source_ip,
            user_agent,
            error_code,
        };
        let rare = RareFields {
            error_message,
            replaces: self.replaces.get(row).map(EventId::new),
        };
        Content {
            id: EventId::new(self.ids.get(row).unwrap_or_default()),
            time,
            call: shared(&mut reader.calls, call),
            identity,
            detail,
            rare: rare.boxed(),
        }
    }
}

/// Details as they are kept. Names are the file format: never renamed.
#[derive(Serialize, Deserialize)]
enum WireDetail {
    Issue(WireIssue),
    StartQuery(WireStartQuery),
    QueryReference(Vec<String>),
    QueryDatabase(WireQueryDatabase),
    DataAccess(WireDataAccess),
    TableCall(WireTableCall),
    ObjectRead(WireObjectCall),
    ObjectWrite(WireObjectCall),
    KeyUse(WireKeyUse),
    Invocation(String),
    Workload(WireWorkload),
    QuickCall(WireQuickCall),
    Change(String),
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct WireIssue {
    role_arn: Option<String>,
    session_name: Option<String>,
    external_id: Option<String>,
    duration_seconds: Option<i64>,
    policy: Option<String>,
    policy_arns: Vec<String>,
    source_identity: Option<String>,
    context_providers: Vec<String>,
    issued_key_id: Option<String>,
    assumed_role_id: Option<String>,
    expires_at: Option<i64>,
    parameters_omitted: bool,
    shared_event_id: Option<String>,
    request_id: Option<String>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct WireStartQuery {
    query_execution_id: Option<String>,
    work_group: Option<String>,
    catalog: Option<String>,
    database: Option<String>,
    output_location: Option<String>,
    quick_query_id: Option<String>,
    parameters_omitted: bool,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct WireQueryDatabase {
    data_source: Option<String>,
    query_id: Option<String>,
    resource: Option<String>,
    data_set: Option<String>,
    mode: Option<String>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct WireDataAccess {
    query_execution_id: Option<String>,
    table_arn: Option<String>,
    permissions: Vec<String>,
    principal_arn: Option<String>,
    session_name: Option<String>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct WireTableCall {
    catalog_id: Option<String>,
    database: Option<String>,
    table: Option<String>,
    location: Option<String>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct WireKeyUse {
    key_arn: Option<String>,
    object_arn: Option<String>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct WireWorkload {
    resource: Option<String>,
    role: Option<String>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct WireQuickCall {
    agent_id: Option<String>,
    flow_id: Option<String>,
    action_connector_id: Option<String>,
    user: Option<String>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct WireObjectCall {
    bucket: Option<String>,
    key: Option<String>,
    bytes: Option<u64>,
    bucket_account_id: Option<String>,
    request_id: Option<String>,
}

fn spelled(text: Option<&impl ToString>) -> Option<String> {
    text.map(std::string::ToString::to_string)
}

fn id(id: Option<&impl ToString>) -> Option<String> {
    id.map(ToString::to_string)
}

fn detail(of: &Detail) -> Option<String> {
    let wire = match of {
        Detail::None => return None,
        Detail::CredentialIssuance(issue) => WireDetail::Issue(WireIssue::of(issue)),
        Detail::StartQuery(query) => WireDetail::StartQuery(WireStartQuery::of(query)),
        Detail::QueryReference(ids) => {
            WireDetail::QueryReference(ids.iter().map(QueryExecutionId::to_string).collect())
        }
        Detail::QueryDatabase(query) => WireDetail::QueryDatabase(WireQueryDatabase::of(query)),
        Detail::DataAccess(access) => WireDetail::DataAccess(WireDataAccess::of(access)),
        Detail::TableCall(call) => WireDetail::TableCall(WireTableCall::of(call)),
        Detail::ObjectRead(read) => WireDetail::ObjectRead(WireObjectCall::of(read)),
        Detail::ObjectWrite(write) => WireDetail::ObjectWrite(WireObjectCall::of(write)),
        Detail::KeyUse(used) => WireDetail::KeyUse(WireKeyUse::of(used)),
        Detail::Invocation(function) => WireDetail::Invocation(function.to_string()),
        Detail::Workload(call) => WireDetail::Workload(WireWorkload::of(call)),
        Detail::QuickCall(call) => WireDetail::QuickCall(WireQuickCall::of(call)),
        Detail::Change(text) => WireDetail::Change(text.to_string()),
    };
    serde_json::to_string(&wire).ok()
}

impl WireIssue {
    fn model(self, text: &mut dyn FnMut(Option<String>) -> Option<Text>) -> CredentialIssuance {
        CredentialIssuance {
            role_arn: text(self.role_arn).map(RoleArn::from),
            session_name: text(self.session_name),
            external_id: text(self.external_id),
            duration_seconds: self.duration_seconds,
            policy: text(self.policy),
            policy_arns: texts(self.policy_arns, text),
            source_identity: text(self.source_identity),
            context_providers: texts(self.context_providers, text),
            issued_key_id: text(self.issued_key_id).map(AccessKeyId::from),
            assumed_role_id: text(self.assumed_role_id),
            expires_at: self.expires_at.map(UtcSecond::from_unix),
            parameters_omitted: self.parameters_omitted,
            shared_event_id: id_of(self.shared_event_id),
            request_id: id_of(self.request_id),
        }
    }

    fn of(issue: &CredentialIssuance) -> Self {
        // Taken apart, so that a new member cannot be forgotten.
        let CredentialIssuance {
            role_arn,
            session_name,
            external_id,
            duration_seconds,
            policy,
            policy_arns,
            source_identity,
            context_providers,
            issued_key_id,
            assumed_role_id,
            expires_at,
            parameters_omitted,
            shared_event_id,
            request_id,
        } = issue;
        Self {
            role_arn: spelled(role_arn.as_ref()),
            session_name: spelled(session_name.as_ref()),
            external_id: spelled(external_id.as_ref()),
            duration_seconds: *duration_seconds,
            policy: spelled(policy.as_ref()),
            policy_arns: policy_arns.iter().map(ToString::to_string).collect(),
            source_identity: spelled(source_identity.as_ref()),
            context_providers: context_providers.iter().map(ToString::to_string).collect(),
            issued_key_id: spelled(issued_key_id.as_ref()),
            assumed_role_id: spelled(assumed_role_id.as_ref()),
            expires_at: expires_at.map(UtcSecond::unix),
            parameters_omitted: *parameters_omitted,
            shared_event_id: id(shared_event_id.as_ref()),
            request_id: id(request_id.as_ref()),
        }
    }
}

impl WireStartQuery {
    fn of(query: &StartQuery) -> Self {
        let StartQuery {
            query_execution_id,
            work_group,
            catalog,
            database,
            output_location,
            quick_query_id,
            parameters_omitted,
        } = query;
        Self {
            query_execution_id: id(query_execution_id.as_ref()),
            work_group: spelled(work_group.as_ref()),
            catalog: spelled(catalog.as_ref()),
            database: spelled(database.as_ref()),
            output_location: spelled(output_location.as_ref()),
            quick_query_id: id(quick_query_id.as_ref()),
            parameters_omitted: *parameters_omitted,
        }
    }
}

impl WireQueryDatabase {
    fn of(query: &QueryDatabase) -> Self {
        let QueryDatabase {
            data_source,
            query_id,
            resource,
            data_set,
            mode,
        } = query;
        Self {
            data_source: spelled(data_source.as_ref()),
            query_id: id(query_id.as_ref()),
            resource: spelled(resource.as_ref()),
            data_set: spelled(data_set.as_ref()),
            mode: spelled(mode.as_ref()),
        }
    }
}

impl WireDataAccess {
    fn of(access: &DataAccess) -> Self {
        let DataAccess {
            query_execution_id,
            table_arn,
            permissions,
            principal_arn,
            session_name,
        } = access;
        Self {
            query_execution_id: id(query_execution_id.as_ref()),
            table_arn: spelled(table_arn.as_ref()),
            permissions: permissions.iter().map(ToString::to_string).collect(),
            principal_arn: spelled(principal_arn.as_ref()),
            session_name: spelled(session_name.as_ref()),
        }
    }
}

impl WireTableCall {
    fn of(call: &TableCall) -> Self {
        let TableCall {
            catalog_id,
            database,
            table,
            location,
        } = call;
        Self {
            catalog_id: spelled(catalog_id.as_ref()),
            database: spelled(database.as_ref()),
            table: spelled(table.as_ref()),
            location: spelled(location.as_ref()),
        }
    }
}

impl WireKeyUse {
    fn of(used: &KeyUse) -> Self {
        let KeyUse {
            key_arn,
            object_arn,
        } = used;
        Self {
            key_arn: spelled(key_arn.as_ref()),
            object_arn: spelled(object_arn.as_ref()),
        }
    }
}

impl WireWorkload {
    fn of(call: &WorkloadCall) -> Self {
        let WorkloadCall { resource, role } = call;
        Self {
            resource: spelled(resource.as_ref()),
            role: spelled(role.as_ref()),
        }
    }
}

impl WireQuickCall {
    fn of(call: &QuickCall) -> Self {
        let QuickCall {
            agent_id,
            flow_id,
            action_connector_id,
            user,
        } = call;
        Self {
            agent_id: spelled(agent_id.as_ref()),
            flow_id: spelled(flow_id.as_ref()),
            action_connector_id: spelled(action_connector_id.as_ref()),
            user: spelled(user.as_ref()),
        }
    }
}

impl WireObjectCall {
    fn model(self, text: &mut dyn FnMut(Option<String>) -> Option<Text>) -> S3ObjectCall {
        S3ObjectCall {
            bucket: text(self.bucket),
            key: text(self.key),
            bytes: self.bytes,
            bucket_account_id: text(self.bucket_account_id).map(AccountId::from),
            request_id: id_of(self.request_id),
        }
    }

    fn of(call: &S3ObjectCall) -> Self {
        let S3ObjectCall {
            bucket,
            key,
            bytes,
            bucket_account_id,
            request_id,
        } = call;
        Self {
            bucket: spelled(bucket.as_ref()),
            key: spelled(key.as_ref()),
            bytes: *bytes,
            bucket_account_id: spelled(bucket_account_id.as_ref()),
            request_id: id(request_id.as_ref()),
        }
    }
}

/// An id, as it was kept.
fn id_of<I: From<OpaqueId>>(text: Option<String>) -> Option<I> {
    text.map(|text| I::from(OpaqueId::new(&text)))
}

/// Texts, as they were kept.
fn texts(kept: Vec<String>, text: &mut dyn FnMut(Option<String>) -> Option<Text>) -> Box<[Text]> {
    kept.into_iter().filter_map(|one| text(Some(one))).collect()
}

impl WireDetail {
    fn model(self, reader: &mut SegmentReader) -> Detail {
        let mut text = |of: Option<String>| of.map(|text| reader.text(&text));
        match self {
            Self::Issue(issue) => Detail::CredentialIssuance(Box::new(issue.model(&mut text))),
            Self::StartQuery(query) => Detail::StartQuery(Box::new(StartQuery {
                query_execution_id: id_of(query.query_execution_id),
                work_group: text(query.work_group),
                catalog: text(query.catalog),
                database: text(query.database),
                output_location: text(query.output_location),
                quick_query_id: id_of(query.quick_query_id),
                parameters_omitted: query.parameters_omitted,
            })),
            Self::QueryReference(ids) => {
                Detail::QueryReference(ids.iter().map(|text| QueryExecutionId::new(text)).collect())
            }
            Self::QueryDatabase(query) => Detail::QueryDatabase(Box::new(QueryDatabase {
                data_source: text(query.data_source),
                query_id: id_of(query.query_id),
                resource: text(query.resource),
                data_set: text(query.data_set),
                mode: text(query.mode),
            })),
            Self::DataAccess(access) => Detail::DataAccess(Box::new(DataAccess {
                query_execution_id: id_of(access.query_execution_id),
                table_arn: text(access.table_arn),
                permissions: texts(access.permissions, &mut text),
                principal_arn: text(access.principal_arn),
                session_name: text(access.session_name),
            })),
            Self::TableCall(call) => Detail::TableCall(Box::new(TableCall {
                catalog_id: text(call.catalog_id),
                database: text(call.database),
                table: text(call.table),
                location: text(call.location),
            })),
            Self::ObjectRead(read) => Detail::ObjectRead(Box::new(read.model(&mut text))),
            Self::ObjectWrite(write) => Detail::ObjectWrite(Box::new(write.model(&mut text))),
            Self::KeyUse(used) => Detail::KeyUse(Box::new(KeyUse {
                key_arn: text(used.key_arn),
                object_arn: text(used.object_arn),
            })),
            Self::Workload(call) => Detail::Workload(Box::new(WorkloadCall {
                resource: text(call.resource),
                role: text(call.role),
            })),
            Self::QuickCall(call) => Detail::QuickCall(Box::new(QuickCall {
                agent_id: text(call.agent_id),
                flow_id: text(call.flow_id),
                action_connector_id: text(call.action_connector_id),
                user: text(call.user),
            })),
            Self::Invocation(function) => {
                text(Some(function)).map_or(Detail::None, Detail::Invocation)
            }
            Self::Change(text) => Detail::Change(text.into()),
        }
    }
}

/// Rows by the day of their events.
pub(super) fn by_day(rows: Vec<KeptEvent>) -> HashMap<UtcDay, Vec<KeptEvent>> {
    let mut days: HashMap<UtcDay, Vec<KeptEvent>> = HashMap::new();
    for row in rows {
        days.entry(row.event.time.utc_day()).or_default().push(row);
    }
    days
}
