//! Slim events as columns, and back.

use super::error::StoreError;
use super::folder::Folder;
use super::segments::{Columns, Segment};
use crate::model::event::{Content, Detail, Event, Issue, Place, QueryDatabase, StartQuery};
use crate::model::identity::Identity;
use crate::model::text::{OpaqueId, Text};
use crate::model::time::UtcSecond;
use hashbrown::{HashMap, HashSet};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An event of the store.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// `place.object` is the object's id in the ledger.
    pub(super) event: Event,
    /// Whether it is kept for its role session alone.
    pub(super) is_of_session: bool,
}

type Member = (&'static str, fn(&Identity) -> Option<&Text>);

/// Texts of identities, by column.
const IDENTITY: [Member; 10] = [
    ("identity_type", |identity| identity.kind.as_ref()),
    ("principal_id", |identity| identity.principal_id.as_ref()),
    ("arn", |identity| identity.arn.as_ref()),
    ("caller_account_id", |identity| identity.account_id.as_ref()),
    ("access_key_id", |identity| identity.access_key_id.as_ref()),
    ("user_name", |identity| identity.user_name.as_ref()),
    ("invoked_by", |identity| identity.invoked_by.as_ref()),
    ("issuer_arn", |identity| identity.issuer_arn.as_ref()),
    ("source_identity", |identity| {
        identity.source_identity.as_ref()
    }),
    ("on_behalf_of", |identity| identity.on_behalf_of.as_ref()),
];

type ContentMember = (&'static str, fn(&Content) -> Option<&Text>);

const CONTENT: [ContentMember; 6] = [
    ("account_id", |content| {
        content.recipient_account_id.as_ref()
    }),
    ("region", |content| content.region.as_ref()),
    ("source_ip", |content| content.source_ip.as_ref()),
    ("user_agent", |content| content.user_agent.as_ref()),
    ("error_code", |content| content.error_code.as_ref()),
    ("error_message", |content| content.error_message.as_ref()),
];

/// Rows as a file.
pub(super) fn write(rows: &[Row]) -> Result<Vec<u8>, String> {
    let mut columns = Columns::default();
    let all = || rows.iter().map(|row| &row.event);
    let place = |of: fn(&Place) -> u32| {
        rows.iter()
            .map(move |row| Some(i64::from(of(&row.event.place))))
    };
    columns.numbers("object", place(|place| place.object));
    columns.numbers("record", place(|place| place.record));
    let flags = rows.iter().map(|row| Some(i64::from(row.is_of_session)));
    columns.numbers("is_of_session", flags);
    let ids: Vec<String> = all().map(|event| event.id.to_string()).collect();
    columns.texts("event_id", ids.iter().map(|id| Some(id.as_str())));
    columns.numbers("event_time", all().map(|event| Some(event.time.unix())));
    columns.texts("event_source", all().map(|event| Some(&*event.source)));
    columns.texts("event_name", all().map(|event| Some(&*event.name)));
    for (name, of) in CONTENT {
        columns.texts(name, all().map(|event| of(event).map(|text| &**text)));
    }
    for (name, of) in IDENTITY {
        columns.texts(
            name,
            all().map(|event| of(&event.identity).map(|text| &**text)),
        );
    }
    let created = all().map(|event| event.identity.session_created_at.map(UtcSecond::unix));
    columns.numbers("session_created_at", created);
    let replaces: Vec<Option<String>> = all()
        .map(|event| event.replaces.as_ref().map(OpaqueId::to_string))
        .collect();
    columns.texts("replaces", replaces.iter().map(Option::as_deref));
    let details: Vec<Option<String>> = all().map(|event| detail(&event.detail)).collect();
    columns.texts("detail", details.iter().map(Option::as_deref));
    columns.parquet(rows.len())
}

/// Reads segments; texts and identities that many events share are kept once.
#[derive(Default)]
pub(super) struct Reader {
    texts: HashSet<Text>,
    identities: HashSet<Arc<Identity>>,
}

impl Reader {
    fn text(&mut self, text: &str) -> Text {
        if let Some(known) = self.texts.get(text) {
            return known.clone();
        }
        let text = Text::from(text);
        self.texts.insert(text.clone());
        text
    }

    fn identity(&mut self, identity: Identity) -> Arc<Identity> {
        if let Some(known) = self.identities.get(&identity) {
            return Arc::clone(known);
        }
        let identity = Arc::new(identity);
        self.identities.insert(Arc::clone(&identity));
        identity
    }

    /// Hands out the rows of a segment that are wanted by object and time.
    pub(super) fn read(
        &mut self,
        folder: &Folder,
        name: &str,
        wanted: &dyn Fn(u32, UtcSecond) -> bool,
        out: &mut Vec<Row>,
    ) -> Result<(), StoreError> {
        let segment = Segment::read(folder, name)?;
        let objects = segment.numbers("object")?;
        let records = segment.numbers("record")?;
        let flags = segment.numbers("is_of_session")?;
        let ids = segment.texts("event_id")?;
        let times = segment.numbers("event_time")?;
        let sources = segment.texts("event_source")?;
        let names = segment.texts("event_name")?;
        let created = segment.numbers("session_created_at")?;
        let replaces = segment.texts("replaces")?;
        let details = segment.texts("detail")?;
        let mut content = Vec::new();
        for (name, _) in CONTENT {
            content.push(segment.texts(name)?);
        }
        let mut identity = Vec::new();
        for (name, _) in IDENTITY {
            identity.push(segment.texts(name)?);
        }
        let number = |of: Option<i64>| of.and_then(|number| u32::try_from(number).ok());
        for row in 0..segment.rows() {
            let place = number(objects.get(row)).zip(number(records.get(row)));
            let (Some((object, record)), Some(time)) = (place, times.get(row)) else {
                return Err(segment.broken("a row without a place or a time"));
            };
            let time = UtcSecond::from_unix(time);
            if !wanted(object, time) {
                continue;
            }
            let mut member = |at: usize| content[at].get(row).map(|text| self.text(text));
            let [account, region, ip, agent, code, message] = std::array::from_fn(&mut member);
            let mut member = |at: usize| identity[at].get(row).map(|text| self.text(text));
            let [
                kind,
                principal,
                arn,
                caller,
                key,
                user,
                invoked,
                issuer,
                source,
                behalf,
            ] = std::array::from_fn(&mut member);
            let identity = Identity {
                kind,
                principal_id: principal,
                arn,
                account_id: caller,
                access_key_id: key,
                user_name: user,
                invoked_by: invoked,
                session_created_at: created.get(row).map(UtcSecond::from_unix),
                issuer_arn: issuer,
                source_identity: source,
                on_behalf_of: behalf,
            };
            let detail = match details.get(row) {
                None => Detail::None,
                Some(text) => serde_json::from_str::<WireDetail>(text)
                    .map_err(|error| segment.broken(&error.to_string()))?
                    .model(self),
            };
            let event = Event {
                place: Place { object, record },
                content: Content {
                    id: OpaqueId::new(ids.get(row).unwrap_or_default()),
                    time,
                    recipient_account_id: account,
                    region,
                    source: self.text(sources.get(row).unwrap_or_default()),
                    name: self.text(names.get(row).unwrap_or_default()),
                    identity: self.identity(identity),
                    source_ip: ip,
                    user_agent: agent,
                    error_code: code,
                    error_message: message,
                    detail,
                    replaces: replaces.get(row).map(OpaqueId::new),
                },
            };
            out.push(Row {
                event,
                is_of_session: flags.get(row) == Some(1),
            });
        }
        Ok(())
    }
}

/// Details as they are kept. Names are the file format: never renamed.
#[derive(Serialize, Deserialize)]
enum WireDetail {
    Issue(WireIssue),
    StartQuery(WireStartQuery),
    QueryReference(Vec<String>),
    QueryDatabase(WireQueryDatabase),
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

fn spelled(text: Option<&Text>) -> Option<String> {
    text.map(|text| text.to_string())
}

fn id(id: Option<&OpaqueId>) -> Option<String> {
    id.map(OpaqueId::to_string)
}

fn detail(of: &Detail) -> Option<String> {
    let wire = match of {
        Detail::None => return None,
        Detail::Issue(issue) => WireDetail::Issue(WireIssue::of(issue)),
        Detail::StartQuery(query) => WireDetail::StartQuery(WireStartQuery::of(query)),
        Detail::QueryReference(ids) => {
            WireDetail::QueryReference(ids.iter().map(OpaqueId::to_string).collect())
        }
        Detail::QueryDatabase(query) => WireDetail::QueryDatabase(WireQueryDatabase::of(query)),
        Detail::Change(text) => WireDetail::Change(text.to_string()),
    };
    serde_json::to_string(&wire).ok()
}

impl WireIssue {
    fn of(issue: &Issue) -> Self {
        // Taken apart, so that a new member cannot be forgotten.
        let Issue {
            role_arn,
            session_name,
            external_id,
            duration_seconds,
            policy,
            policy_arns,
            source_identity,
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

impl WireDetail {
    fn model(self, reader: &mut Reader) -> Detail {
        let mut text = |of: Option<String>| of.map(|text| reader.text(&text));
        let id = |of: Option<String>| of.map(|text| OpaqueId::new(&text));
        match self {
            Self::Issue(issue) => Detail::Issue(Box::new(Issue {
                role_arn: text(issue.role_arn),
                session_name: text(issue.session_name),
                external_id: text(issue.external_id),
                duration_seconds: issue.duration_seconds,
                policy: text(issue.policy),
                policy_arns: issue
                    .policy_arns
                    .into_iter()
                    .filter_map(|arn| text(Some(arn)))
                    .collect(),
                source_identity: text(issue.source_identity),
                issued_key_id: text(issue.issued_key_id),
                assumed_role_id: text(issue.assumed_role_id),
                expires_at: issue.expires_at.map(UtcSecond::from_unix),
                parameters_omitted: issue.parameters_omitted,
                shared_event_id: id(issue.shared_event_id),
                request_id: id(issue.request_id),
            })),
            Self::StartQuery(query) => Detail::StartQuery(Box::new(StartQuery {
                query_execution_id: id(query.query_execution_id),
                work_group: text(query.work_group),
                catalog: text(query.catalog),
                database: text(query.database),
                output_location: text(query.output_location),
                quick_query_id: id(query.quick_query_id),
                parameters_omitted: query.parameters_omitted,
            })),
            Self::QueryReference(ids) => {
                Detail::QueryReference(ids.iter().map(|text| OpaqueId::new(text)).collect())
            }
            Self::QueryDatabase(query) => Detail::QueryDatabase(Box::new(QueryDatabase {
                data_source: text(query.data_source),
                query_id: id(query.query_id),
                resource: text(query.resource),
                data_set: text(query.data_set),
                mode: text(query.mode),
            })),
            Self::Change(text) => Detail::Change(text.into()),
        }
    }
}

/// Rows by the day of their events.
pub(super) fn by_day(rows: Vec<Row>) -> HashMap<i64, Vec<Row>> {
    let mut days: HashMap<i64, Vec<Row>> = HashMap::new();
    for row in rows {
        days.entry(row.event.time.day_number())
            .or_default()
            .push(row);
    }
    days
}
