//! The members of records that are read.

/// Members that are read of every event that is kept, by their dotted names.
pub const COMMON: &[&str] = &[
    "addendum.originalEventID",
    "addendum.reason",
    "awsRegion",
    "errorCode",
    "errorMessage",
    "eventCategory",
    "eventID",
    "eventName",
    "eventSource",
    "eventTime",
    "eventType",
    "eventVersion",
    "recipientAccountId",
    "sessionCredentialFromConsole",
    "sourceIPAddress",
    "userAgent",
    "userIdentity.accessKeyId",
    "userIdentity.accountId",
    "userIdentity.arn",
    "userIdentity.invokedBy",
    "userIdentity.invokedByDelegate.accountId",
    "userIdentity.onBehalfOf.userId",
    "userIdentity.principalId",
    "userIdentity.sessionContext.attributes.creationDate",
    "userIdentity.sessionContext.sessionIssuer.arn",
    "userIdentity.sessionContext.sourceIdentity",
    "userIdentity.type",
    "userIdentity.userName",
];

/// Of calls that issue credentials.
pub(super) const CREDENTIALS: &[&str] = &[
    "requestID",
    "requestParameters.durationSeconds",
    "requestParameters.externalId",
    "requestParameters.omitted",
    "requestParameters.policy",
    "requestParameters.policyArns",
    "requestParameters.roleArn",
    "requestParameters.roleSessionName",
    "requestParameters.sourceIdentity",
    "resources",
    "responseElements.assumedRoleUser.arn",
    "responseElements.assumedRoleUser.assumedRoleId",
    "responseElements.credentials.accessKeyId",
    "responseElements.credentials.expiration",
    "sharedEventID",
];

/// Of `StartQueryExecution`. Of the SQL only the id in Quick's comment is kept.
pub(super) const START_QUERY: &[&str] = &[
    "requestParameters.omitted",
    "requestParameters.queryExecutionContext.catalog",
    "requestParameters.queryExecutionContext.database",
    "requestParameters.queryString",
    "requestParameters.resultConfiguration.outputLocation",
    "requestParameters.workGroup",
    "responseElements.queryExecutionId",
];

/// Of Athena's other calls.
pub(super) const QUERY_IDS: &[&str] = &[
    "requestParameters.queryExecutionId",
    "requestParameters.queryExecutionIds",
];

/// Of Quick's own `QueryDatabase`.
pub(super) const QUERY_DATABASE: &[&str] = &[
    "serviceEventDetails.eventRequestDetails.dataSetId",
    "serviceEventDetails.eventRequestDetails.dataSetMode",
    "serviceEventDetails.eventRequestDetails.dataSourceId",
    "serviceEventDetails.eventRequestDetails.queryId",
    "serviceEventDetails.eventRequestDetails.resourceId",
];

/// Of Lake Formation's `GetDataAccess`.
pub(super) const DATA_ACCESS: &[&str] = &["requestParameters.auditContext.additionalAuditContext"];

/// The members of an event that are read in addition to [`COMMON`].
#[derive(Debug, Clone, Copy)]
pub enum MembersRead {
    /// Nothing.
    Nothing,
    /// The receiver of credentials, which credentials, and under which conditions.
    Credentials,
    /// A query that is submitted.
    StartQuery,
    /// The ids of queries that the call names.
    QueryIds,
    /// A data source that Quick queried.
    QueryDatabase,
    /// The query that Lake Formation gave access for.
    DataAccess,
    /// Parameters of a change: these members, as they were logged.
    Change(&'static Members),
}

/// Members of an object, and what is kept of each.
#[derive(Debug)]
pub struct Members(pub &'static [(&'static str, Kept)]);

/// The kept form of a member.
#[derive(Debug, Clone, Copy)]
pub enum Kept {
    /// A string, a number or a flag.
    Plain,
    /// A policy document.
    Policy,
    /// A list of strings.
    Texts,
    /// An object.
    Object(&'static Members),
    /// A list of objects.
    Objects(&'static Members),
}

use Kept::{Object, Objects, Plain, Policy, Texts};

impl Members {
    /// The member of a record that the parameters of a change are in.
    pub(super) const PARAMETERS: &'static str = "requestParameters";

    /// Returns what is kept of a member, with the member's name; `None` where it is not
    /// read.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<(&'static str, Kept)> {
        self.0.iter().find(|(known, _)| *known == name).copied()
    }

    /// Returns the dotted names of the members below a place.
    pub(super) fn dotted(&self, place: &str) -> Vec<String> {
        let names = self.0.iter().flat_map(|(name, kept)| {
            let name = format!("{place}.{name}");
            match kept {
                Plain | Policy | Texts => vec![name],
                Object(members) => members.dotted(&name),
                Objects(members) => members.dotted(&format!("{name}[]")),
            }
        });
        names.collect()
    }
}

/// Parameters of IAM: roles and policies.
pub(super) static OF_IAM: Members = Members(&[
    ("assumeRolePolicyDocument", Policy),
    ("omitted", Plain),
    ("permissionsBoundary", Plain),
    ("policyArn", Plain),
    ("policyDocument", Policy),
    ("policyName", Plain),
    ("roleName", Plain),
    ("setAsDefault", Plain),
]);

/// Parameters of CloudTrail: trails and event data stores.
pub(super) static OF_CLOUDTRAIL: Members = Members(&[
    ("advancedEventSelectors", Objects(&ADVANCED_SELECTOR)),
    ("enableLogFileValidation", Plain),
    ("eventDataStore", Plain),
    ("eventSelectors", Objects(&SELECTOR)),
    ("includeGlobalServiceEvents", Plain),
    ("isMultiRegionTrail", Plain),
    ("isOrganizationTrail", Plain),
    ("kmsKeyId", Plain),
    ("name", Plain),
    ("omitted", Plain),
    ("s3BucketName", Plain),
    ("trailName", Plain),
]);
static SELECTOR: Members = Members(&[
    ("excludeManagementEventSources", Texts),
    ("includeManagementEvents", Plain),
    ("readWriteType", Plain),
]);
static ADVANCED_SELECTOR: Members = Members(&[("fieldSelectors", Objects(&FIELD_SELECTOR))]);
static FIELD_SELECTOR: Members =
    Members(&[("equals", Texts), ("field", Plain), ("notEquals", Texts)]);

/// Parameters of S3: buckets and objects.
pub(super) static OF_S3: Members = Members(&[
    ("VersioningConfiguration", Object(&VERSIONING)),
    ("bucketName", Plain),
    ("key", Plain),
    ("omitted", Plain),
]);
static VERSIONING: Members = Members(&[("Status", Plain)]);

/// Parameters of Athena's work groups.
pub(super) static OF_WORK_GROUPS: Members = Members(&[
    ("configuration", Object(&WORK_GROUP)),
    ("configurationUpdates", Object(&WORK_GROUP_UPDATES)),
    ("name", Plain),
    ("omitted", Plain),
    ("workGroup", Plain),
]);
static WORK_GROUP: Members = Members(&[("resultConfiguration", Object(&RESULTS))]);
static WORK_GROUP_UPDATES: Members = Members(&[("resultConfigurationUpdates", Object(&RESULTS))]);
static RESULTS: Members = Members(&[("outputLocation", Plain)]);
