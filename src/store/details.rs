//! Details of events as they are kept, and back.

use crate::model::event::{
    CredentialIssuance, DataAccess, Detail, KeyUse, QueryDatabase, QuickCall, S3ObjectCall,
    StartQuery, TableCall, WorkloadCall,
};
use crate::model::ids::{AccessKeyId, AccountId, QueryExecutionId, RoleArn};
use crate::model::text::{OpaqueId, Text};
use crate::model::time::UtcSecond;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use std::fmt;

/// A text of a detail, which stays where it was read or is written from, if it can.
#[derive(Serialize)]
#[serde(transparent)]
struct WireText<'a>(Cow<'a, str>);

impl<'a> WireText<'a> {
    fn plain(text: &'a str) -> Self {
        Self(text.into())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for WireText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = WireText<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(WireText::plain(text))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(WireText(text.to_owned().into()))
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_false(is: &bool) -> bool {
    !is
}

/// Details as they are kept. Names are the file format: never renamed.
#[derive(Serialize, Deserialize)]
enum WireDetail<'a> {
    #[serde(borrow)]
    Issue(WireIssue<'a>),
    #[serde(borrow)]
    StartQuery(WireStartQuery<'a>),
    #[serde(borrow)]
    QueryReference(Vec<WireText<'a>>),
    #[serde(borrow)]
    QueryDatabase(WireQueryDatabase<'a>),
    #[serde(borrow)]
    DataAccess(WireDataAccess<'a>),
    #[serde(borrow)]
    TableCall(WireTableCall<'a>),
    #[serde(borrow)]
    ObjectRead(WireObjectCall<'a>),
    #[serde(borrow)]
    ObjectWrite(WireObjectCall<'a>),
    #[serde(borrow)]
    KeyUse(WireKeyUse<'a>),
    #[serde(borrow)]
    Invocation(WireText<'a>),
    #[serde(borrow)]
    Workload(WireWorkload<'a>),
    #[serde(borrow)]
    QuickCall(WireQuickCall<'a>),
    #[serde(borrow)]
    Change(WireText<'a>),
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct WireIssue<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    role_arn: Option<WireText<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    session_name: Option<WireText<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    external_id: Option<WireText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_seconds: Option<i64>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    policy: Option<WireText<'a>>,
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    policy_arns: Vec<WireText<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    source_identity: Option<WireText<'a>>,
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    context_providers: Vec<WireText<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    issued_key_id: Option<WireText<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    assumed_role_id: Option<WireText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
    #[serde(skip_serializing_if = "is_false")]
    parameters_omitted: bool,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    shared_event_id: Option<WireText<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    request_id: Option<WireText<'a>>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct WireStartQuery<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    query_execution_id: Option<WireText<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    work_group: Option<WireText<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    catalog: Option<WireText<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    database: Option<WireText<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    output_location: Option<WireText<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    quick_query_id: Option<WireText<'a>>,
    #[serde(skip_serializing_if = "is_false")]
    parameters_omitted: bool,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct WireQueryDatabase<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    data_source: Option<WireText<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    query_id: Option<WireText<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    resource: Option<WireText<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    data_set: Option<WireText<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    mode: Option<WireText<'a>>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct WireDataAccess<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    query_execution_id: Option<WireText<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    table_arn: Option<WireText<'a>>,
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    permissions: Vec<WireText<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    principal_arn: Option<WireText<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    session_name: Option<WireText<'a>>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct WireTableCall<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    catalog_id: Option<WireText<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    database: Option<WireText<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    table: Option<WireText<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    location: Option<WireText<'a>>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct WireKeyUse<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    key_arn: Option<WireText<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    object_arn: Option<WireText<'a>>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct WireWorkload<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    resource: Option<WireText<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    role: Option<WireText<'a>>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct WireQuickCall<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    agent_id: Option<WireText<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    flow_id: Option<WireText<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    action_connector_id: Option<WireText<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    user: Option<WireText<'a>>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct WireObjectCall<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    bucket: Option<WireText<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    key: Option<WireText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    bucket_account_id: Option<WireText<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    request_id: Option<WireText<'a>>,
}

fn plain<T: AsRef<str> + ?Sized>(text: Option<&T>) -> Option<WireText<'_>> {
    text.map(|text| WireText::plain(text.as_ref()))
}

fn id<'a>(id: Option<&impl ToString>) -> Option<WireText<'a>> {
    id.map(|id| WireText(id.to_string().into()))
}

/// Takes in a text that was kept.
type Taking<'t> = &'t mut dyn FnMut(Option<WireText<'_>>) -> Option<Text>;

/// A detail as it is kept; `None` where there is nothing to keep.
pub(super) fn write(of: &Detail) -> Option<String> {
    let wire = match of {
        Detail::None => return None,
        Detail::CredentialIssuance(issue) => WireDetail::Issue(WireIssue::of(issue)),
        Detail::StartQuery(query) => WireDetail::StartQuery(WireStartQuery::of(query)),
        Detail::QueryReference(ids) => {
            let ids = ids.iter().map(|id| WireText(id.to_string().into()));
            WireDetail::QueryReference(ids.collect())
        }
        Detail::QueryDatabase(query) => WireDetail::QueryDatabase(WireQueryDatabase::of(query)),
        Detail::DataAccess(access) => WireDetail::DataAccess(WireDataAccess::of(access)),
        Detail::TableCall(call) => WireDetail::TableCall(WireTableCall::of(call)),
        Detail::ObjectRead(read) => WireDetail::ObjectRead(WireObjectCall::of(read)),
        Detail::ObjectWrite(write) => WireDetail::ObjectWrite(WireObjectCall::of(write)),
        Detail::KeyUse(used) => WireDetail::KeyUse(WireKeyUse::of(used)),
        Detail::Invocation(function) => WireDetail::Invocation(WireText::plain(function)),
        Detail::Workload(call) => WireDetail::Workload(WireWorkload::of(call)),
        Detail::QuickCall(call) => WireDetail::QuickCall(WireQuickCall::of(call)),
        Detail::Change(text) => WireDetail::Change(WireText::plain(text)),
    };
    serde_json::to_string(&wire).ok()
}

/// A detail that was kept, with its texts taken in by `take`.
pub(super) fn read(
    text: &str,
    take: &mut dyn FnMut(&str) -> Text,
) -> Result<Detail, serde_json::Error> {
    let wire: WireDetail<'_> = serde_json::from_str(text)?;
    Ok(wire.model(take))
}

impl<'a> WireIssue<'a> {
    fn model(self, text: Taking<'_>) -> CredentialIssuance {
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

    fn of(issue: &'a CredentialIssuance) -> Self {
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
            role_arn: plain(role_arn.as_ref()),
            session_name: plain(session_name.as_ref()),
            external_id: plain(external_id.as_ref()),
            duration_seconds: *duration_seconds,
            policy: plain(policy.as_ref()),
            policy_arns: policy_arns
                .iter()
                .map(|text| WireText::plain(text))
                .collect(),
            source_identity: plain(source_identity.as_ref()),
            context_providers: context_providers
                .iter()
                .map(|text| WireText::plain(text))
                .collect(),
            issued_key_id: plain(issued_key_id.as_ref()),
            assumed_role_id: plain(assumed_role_id.as_ref()),
            expires_at: expires_at.map(UtcSecond::unix),
            parameters_omitted: *parameters_omitted,
            shared_event_id: id(shared_event_id.as_ref()),
            request_id: id(request_id.as_ref()),
        }
    }
}

impl<'a> WireStartQuery<'a> {
    fn of(query: &'a StartQuery) -> Self {
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
            work_group: plain(work_group.as_ref()),
            catalog: plain(catalog.as_ref()),
            database: plain(database.as_ref()),
            output_location: plain(output_location.as_ref()),
            quick_query_id: id(quick_query_id.as_ref()),
            parameters_omitted: *parameters_omitted,
        }
    }
}

impl<'a> WireQueryDatabase<'a> {
    fn of(query: &'a QueryDatabase) -> Self {
        let QueryDatabase {
            data_source,
            query_id,
            resource,
            data_set,
            mode,
        } = query;
        Self {
            data_source: plain(data_source.as_ref()),
            query_id: id(query_id.as_ref()),
            resource: plain(resource.as_ref()),
            data_set: plain(data_set.as_ref()),
            mode: plain(mode.as_ref()),
        }
    }
}

impl<'a> WireDataAccess<'a> {
    fn of(access: &'a DataAccess) -> Self {
        let DataAccess {
            query_execution_id,
            table_arn,
            permissions,
            principal_arn,
            session_name,
        } = access;
        Self {
            query_execution_id: id(query_execution_id.as_ref()),
            table_arn: plain(table_arn.as_ref()),
            permissions: permissions
                .iter()
                .map(|text| WireText::plain(text))
                .collect(),
            principal_arn: plain(principal_arn.as_ref()),
            session_name: plain(session_name.as_ref()),
        }
    }
}

impl<'a> WireTableCall<'a> {
    fn of(call: &'a TableCall) -> Self {
        let TableCall {
            catalog_id,
            database,
            table,
            location,
        } = call;
        Self {
            catalog_id: plain(catalog_id.as_ref()),
            database: plain(database.as_ref()),
            table: plain(table.as_ref()),
            location: plain(location.as_ref()),
        }
    }
}

impl<'a> WireKeyUse<'a> {
    fn of(used: &'a KeyUse) -> Self {
        let KeyUse {
            key_arn,
            object_arn,
        } = used;
        Self {
            key_arn: plain(key_arn.as_ref()),
            object_arn: plain(object_arn.as_ref()),
        }
    }
}

impl<'a> WireWorkload<'a> {
    fn of(call: &'a WorkloadCall) -> Self {
        let WorkloadCall { resource, role } = call;
        Self {
            resource: plain(resource.as_ref()),
            role: plain(role.as_ref()),
        }
    }
}

impl<'a> WireQuickCall<'a> {
    fn of(call: &'a QuickCall) -> Self {
        let QuickCall {
            agent_id,
            flow_id,
            action_connector_id,
            user,
        } = call;
        Self {
            agent_id: plain(agent_id.as_ref()),
            flow_id: plain(flow_id.as_ref()),
            action_connector_id: plain(action_connector_id.as_ref()),
            user: plain(user.as_ref()),
        }
    }
}

impl<'a> WireObjectCall<'a> {
    fn model(self, text: Taking<'_>) -> S3ObjectCall {
        S3ObjectCall {
            bucket: text(self.bucket),
            key: text(self.key),
            bytes: self.bytes,
            bucket_account_id: text(self.bucket_account_id).map(AccountId::from),
            request_id: id_of(self.request_id),
        }
    }

    fn of(call: &'a S3ObjectCall) -> Self {
        let S3ObjectCall {
            bucket,
            key,
            bytes,
            bucket_account_id,
            request_id,
        } = call;
        Self {
            bucket: plain(bucket.as_ref()),
            key: plain(key.as_ref()),
            bytes: *bytes,
            bucket_account_id: plain(bucket_account_id.as_ref()),
            request_id: id(request_id.as_ref()),
        }
    }
}

/// An id, as it was kept.
fn id_of<I: From<OpaqueId>>(text: Option<WireText<'_>>) -> Option<I> {
    text.map(|text| I::from(OpaqueId::new(&text.0)))
}

/// Texts, as they were kept.
fn texts(kept: Vec<WireText<'_>>, text: Taking<'_>) -> Box<[Text]> {
    kept.into_iter().filter_map(|one| text(Some(one))).collect()
}

impl WireDetail<'_> {
    fn model(self, take: &mut dyn FnMut(&str) -> Text) -> Detail {
        let mut text = |of: Option<WireText<'_>>| of.map(|text| take(&text.0));
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
                Detail::QueryReference(ids.iter().map(|id| QueryExecutionId::new(&id.0)).collect())
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
            Self::Change(text) => Detail::Change(text.0.into()),
        }
    }
}
