//! The slim event: what is kept of a CloudTrail record.

use super::identity::Identity;
use super::ids::{
    AccessKeyId, AccountId, EventId, QueryExecutionId, QuickQueryId, Region, RequestId, RoleArn,
    SharedEventId,
};
use super::text::Text;
use super::time::UtcSecond;
use std::sync::Arc;

/// The origin of an event: the object of the run, and the record in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventOrigin {
    /// Position of the object in the run's listing.
    pub object: u32,
    /// Position of the record in the object, from 0.
    pub record: u32,
}

/// The kept part of a CloudTrail record (docs/cloudtrail-facts.md#record-fields).
#[derive(Debug, Clone)]
pub struct Event {
    /// The origin of the event.
    pub place: EventOrigin,
    /// Everything else. Two deliveries of one event differ in `place` alone.
    pub content: Content,
}

impl std::ops::Deref for Event {
    type Target = Content;

    fn deref(&self) -> &Content {
        &self.content
    }
}

/// An event without its place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Content {
    /// `eventID`; where a record has none, `sha256:` and the digest of its text.
    pub id: EventId,
    /// `eventTime`.
    pub time: UtcSecond,
    /// What was called, and from where.
    pub call: Arc<Call>,
    /// `userIdentity`.
    pub identity: Arc<Identity>,
    /// The fields that only this kind of event has.
    pub detail: Detail,
    /// The fields that few events have.
    pub rare: Option<Box<RareFields>>,
}

/// The fields of an event that many events have in common: they share one copy.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Call {
    /// `recipientAccountId`: whose trail got this copy; the caller's account
    /// where the record does not say.
    pub recipient_account_id: Option<AccountId>,
    /// `awsRegion`.
    pub region: Option<Region>,
    /// `eventSource`, such as `athena.amazonaws.com`.
    pub source: Text,
    /// `eventName`, such as `StartQueryExecution`.
    pub name: Text,
    /// `sourceIPAddress`: an address or a service name.
    pub source_ip: Option<Text>,
    /// `userAgent`.
    pub user_agent: Option<Text>,
    /// `errorCode`.
    pub error_code: Option<Text>,
}

/// The fields that few events have.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RareFields {
    /// `errorMessage`.
    pub error_message: Option<Text>,
    /// The event this one replaces, if it is an `UPDATED_DATA` addendum.
    pub replaces: Option<EventId>,
}

impl RareFields {
    /// The fields in a box, if there are any.
    #[must_use]
    pub fn boxed(self) -> Option<Box<Self>> {
        (self != Self::default()).then(|| Box::new(self))
    }
}

impl std::ops::Deref for Content {
    type Target = Call;

    fn deref(&self) -> &Call {
        &self.call
    }
}

impl Content {
    /// `service:EventName`, the short form used in call counts.
    #[must_use]
    pub fn action(&self) -> String {
        let service = self
            .source
            .strip_suffix(".amazonaws.com")
            .unwrap_or(&self.source);
        format!("{service}:{}", self.name)
    }

    /// `errorMessage`.
    #[must_use]
    pub fn error_message(&self) -> Option<&Text> {
        self.rare.as_ref()?.error_message.as_ref()
    }

    /// The event this one replaces, if it is an `UPDATED_DATA` addendum.
    #[must_use]
    pub fn replaces(&self) -> Option<&EventId> {
        self.rare.as_ref()?.replaces.as_ref()
    }

    /// Returns true if this is a submitted Athena query.
    #[must_use]
    pub fn is_query(&self) -> bool {
        matches!(self.detail, Detail::StartQuery(_))
    }
}

/// The members of `requestParameters`, `responseElements` and the rest that
/// matter for this kind of event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// Nothing beyond the common members.
    None,
    /// Credentials were asked for: `AssumeRole*`, `AssumeRoot`,
    /// `GetFederationToken`, `GetSessionToken`.
    CredentialIssuance(Box<CredentialIssuance>),
    /// `athena:StartQueryExecution`.
    StartQuery(Box<StartQuery>),
    /// Another call that names query executions (`GetQueryResults`,
    /// `StopQueryExecution`, ...).
    QueryReference(Box<[QueryExecutionId]>),
    /// `lakeformation:GetDataAccess`.
    DataAccess(Box<DataAccess>),
    /// A call of Glue about one table.
    TableCall(Box<TableCall>),
    /// An object of S3 was read.
    ObjectRead(Box<S3ObjectCall>),
    /// An object of S3 was written.
    ObjectWrite(Box<S3ObjectCall>),
    /// A key of KMS was used for an object of S3.
    KeyUse(Box<KeyUse>),
    /// A function was invoked: its name or ARN, as it was asked for.
    Invocation(Text),
    /// A state machine, function or job was started, or given a role.
    Workload(Box<WorkloadCall>),
    /// A call of Quick about an agent, a flow, an action or the context of a user.
    QuickCall(Box<QuickCall>),
    /// Quick's `QueryDatabase`.
    QueryDatabase(Box<QueryDatabase>),
    /// A change to a role, a trail or a data source, or a bucket: its
    /// `requestParameters` as compact JSON, secrets dropped.
    Change(Box<str>),
}

impl Detail {
    /// The query executions that the call names, other than one that it submits.
    #[must_use]
    pub fn named_queries(&self) -> &[QueryExecutionId] {
        match self {
            Self::QueryReference(ids) => ids,
            Self::DataAccess(access) => access.query_execution_id.as_slice(),
            _ => &[],
        }
    }
}

/// The request and response of a call that issues credentials
/// (docs/cloudtrail-facts.md#assumerole).
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CredentialIssuance {
    /// The role asked for: from the parameters, the response, `resources`, or
    /// the text of the refusal. With its IAM path where that was logged.
    pub role_arn: Option<RoleArn>,
    /// `roleSessionName`, or the session in the response's ARN.
    pub session_name: Option<Text>,
    /// `externalId`.
    pub external_id: Option<Text>,
    /// `durationSeconds`.
    pub duration_seconds: Option<i64>,
    /// The inline scope-down `policy`, verbatim.
    pub policy: Option<Text>,
    /// `policyArns`.
    pub policy_arns: Box<[Text]>,
    /// `sourceIdentity`.
    pub source_identity: Option<Text>,
    /// `providedContexts[].providerArn`: the providers that identify a user. The assertions are secrets and are not
    /// kept.
    pub context_providers: Box<[Text]>,
    /// Issued `accessKeyId`. The secret and the token are never kept.
    pub issued_key_id: Option<AccessKeyId>,
    /// `assumedRoleUser.assumedRoleId`; absent in 6 % of real service hops.
    pub assumed_role_id: Option<Text>,
    /// `credentials.expiration`.
    pub expires_at: Option<UtcSecond>,
    /// `requestParameters` were left out for size.
    pub parameters_omitted: bool,
    /// `sharedEventID`.
    pub shared_event_id: Option<SharedEventId>,
    /// `requestID`.
    pub request_id: Option<RequestId>,
}

/// The request of `athena:StartQueryExecution` (docs/cloudtrail-facts.md#startqueryexecution).
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct StartQuery {
    /// `queryExecutionId`; absent where the call was refused.
    pub query_execution_id: Option<QueryExecutionId>,
    /// `workGroup`; absent means the default, `primary`.
    pub work_group: Option<Text>,
    /// `queryExecutionContext.catalog`.
    pub catalog: Option<Text>,
    /// `queryExecutionContext.database`.
    pub database: Option<Text>,
    /// `resultConfiguration.outputLocation`.
    pub output_location: Option<Text>,
    /// The Quick query id in the SQL's leading comment, in old logs that still hold SQL
    /// (docs/cloudtrail-facts.md#the-sql-comment). The SQL itself is never kept.
    pub quick_query_id: Option<QuickQueryId>,
    /// `requestParameters` were left out for size.
    pub parameters_omitted: bool,
}

/// The fields of Quick's `QueryDatabase` (docs/cloudtrail-facts.md#quicks-own-events).
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueryDatabase {
    /// `dataSourceId`: an ARN or a bare id.
    pub data_source: Option<Text>,
    /// `queryId`.
    pub query_id: Option<QuickQueryId>,
    /// `resourceId`: the dashboard or analysis.
    pub resource: Option<Text>,
    /// `dataSetId`.
    pub data_set: Option<Text>,
    /// `dataSetMode`.
    pub mode: Option<Text>,
}

/// The members of `lakeformation:GetDataAccess` (docs/cloudtrail-facts.md#other-paths).
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct DataAccess {
    /// The query id in the audit context. Whoever makes the call can write it.
    pub query_execution_id: Option<QueryExecutionId>,
    /// `tableArn`.
    pub table_arn: Option<Text>,
    /// `permissions`.
    pub permissions: Box<[Text]>,
    /// `additionalEventData.lakeFormationPrincipal`: who is given access, where the owner is told.
    pub principal_arn: Option<Text>,
    /// `additionalEventData.lakeFormationRoleSessionName`: the session that then reads objects.
    pub session_name: Option<Text>,
}

/// The members of a call of Glue about one table
/// (<https://docs.aws.amazon.com/glue/latest/webapi/API_GetTable.html>).
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TableCall {
    /// `catalogId`: the owner's account, where it is not the caller's.
    pub catalog_id: Option<Text>,
    /// `databaseName`.
    pub database: Option<Text>,
    /// The table.
    pub table: Option<Text>,
    /// `tableInput.storageDescriptor.location`, where the call makes or changes the table.
    pub location: Option<Text>,
}

/// The members of a call of KMS that an encrypted object of S3 needs
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html>).
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyUse {
    /// The key, from `resources`, else `keyId`.
    pub key_arn: Option<Text>,
    /// `encryptionContext."aws:s3:arn"`: the object, or its bucket where that has a key of its own.
    pub object_arn: Option<Text>,
}

/// The members of a call that starts a state machine, a function or a job, or that sets its role
/// (docs/cloudtrail-facts.md#origins).
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkloadCall {
    /// `stateMachineArn`, `functionName`, `jobName` or `name`.
    pub resource: Option<Text>,
    /// `roleArn` or `role`: an ARN, or of Glue's jobs also a name.
    pub role: Option<Text>,
}

/// The members of calls of Quick that tell for whom it acts
/// (docs/cloudtrail-facts.md#agents-and-identities).
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct QuickCall {
    /// `agentId`.
    pub agent_id: Option<Text>,
    /// `flowId`.
    pub flow_id: Option<Text>,
    /// `actionConnectorId`.
    pub action_connector_id: Option<Text>,
    /// `endUserArn`, or of `GetIdentityContext` the `userIdentifier`.
    pub user: Option<Text>,
}

/// The members of a call about an object of S3
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-understanding-s3-entries.html>).
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct S3ObjectCall {
    /// `bucketName`.
    pub bucket: Option<Text>,
    /// `key`.
    pub key: Option<Text>,
    /// `additionalEventData.bytesTransferredOut`: what was read.
    pub bytes: Option<u64>,
    /// The account of the bucket, from `resources`.
    pub bucket_account_id: Option<AccountId>,
    /// `requestID`, which the copies of both accounts have.
    pub request_id: Option<RequestId>,
}
