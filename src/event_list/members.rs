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
    "userIdentity.inScopeOf.issuerType",
    "userIdentity.inScopeOf.sourceArn",
    "userIdentity.invokedBy",
    "userIdentity.invokedByDelegate.accountId",
    "userIdentity.onBehalfOf.identityStoreArn",
    "userIdentity.onBehalfOf.userId",
    "userIdentity.principalId",
    "userIdentity.sessionContext.attributes.creationDate",
    "userIdentity.sessionContext.ec2RoleDelivery",
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
    "requestParameters.providedContexts[].providerArn",
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
pub(super) const DATA_ACCESS: &[&str] = &[
    "additionalEventData.lakeFormationPrincipal",
    "additionalEventData.lakeFormationRoleSessionName",
    "requestParameters.auditContext.additionalAuditContext",
    "requestParameters.permissions",
    "requestParameters.tableArn",
];

/// Of Glue's calls about one table.
pub(super) const TABLE_CALL: &[&str] = &[
    "requestParameters.catalogId",
    "requestParameters.databaseName",
    "requestParameters.name",
    "requestParameters.tableInput.name",
    "requestParameters.tableInput.storageDescriptor.location",
    "requestParameters.tableName",
];

/// Of calls that read objects of S3.
pub(super) const OBJECT_READ: &[&str] = &[
    "additionalEventData.bytesTransferredOut",
    "requestID",
    "requestParameters.bucketName",
    "requestParameters.key",
    "resources",
];

/// Of calls that write objects of S3.
pub(super) const OBJECT_WRITE: &[&str] = &["requestID", "resources"];

/// Of calls of KMS.
pub(super) const KEY_USE: &[&str] = &[
    "requestParameters.encryptionContext.aws:s3:arn",
    "requestParameters.keyId",
    "resources",
];

/// Of Lambda's `Invoke`.
pub(super) const INVOCATION: &[&str] = &["requestParameters.functionName"];

/// Of state machines, functions and jobs.
pub(super) const WORKLOAD: &[&str] = &[
    "requestParameters.functionName",
    "requestParameters.jobName",
    "requestParameters.jobUpdate.role",
    "requestParameters.name",
    "requestParameters.role",
    "requestParameters.roleArn",
    "requestParameters.stateMachineArn",
];

/// Of Quick's calls about agents, flows, actions and users.
pub(super) const QUICK_CALL: &[&str] = &[
    "requestParameters.actionConnectorId",
    "requestParameters.agentId",
    "requestParameters.endUserArn",
    "requestParameters.flowId",
    "requestParameters.userIdentifier",
    "serviceEventDetails.eventRequestDetails.actionConnectorId",
    "serviceEventDetails.eventRequestDetails.agentId",
    "serviceEventDetails.eventRequestDetails.endUserArn",
    "serviceEventDetails.eventRequestDetails.flowId",
];

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
    /// The table that Lake Formation gave access to, and the query that it was for.
    DataAccess,
    /// The table of a data catalog that the call is about.
    TableCall,
    /// The object of S3 that was read.
    ObjectRead,
    /// The object of S3 that was written; of stored log files, parameters of the change.
    ObjectWrite,
    /// The key of KMS, and the object of S3 that it was used for.
    KeyUse,
    /// The function that was invoked.
    Invocation,
    /// The state machine, function or job that was started, or that got a role.
    Workload,
    /// The agent, flow, action and user of a call of Quick.
    QuickCall,
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
pub(crate) static OF_S3: Members = Members(&[
    (
        "PublicAccessBlockConfiguration",
        Object(&PUBLIC_ACCESS_BLOCK),
    ),
    ("VersioningConfiguration", Object(&VERSIONING)),
    ("AccessControlPolicy", Object(&ACCESS_CONTROL_POLICY)),
    ("accessControlList", Object(&CANNED_ACL)),
    ("bucketName", Plain),
    ("bucketPolicy", Policy),
    ("key", Plain),
    ("omitted", Plain),
    ("x-amz-acl", Plain),
    ("x-amz-copy-source", Plain),
    ("x-amz-grant-full-control", Plain),
    ("x-amz-grant-read", Plain),
]);
static ACCESS_CONTROL_POLICY: Members = Members(&[("AccessControlList", Object(&ACL_GRANTS))]);
static ACL_GRANTS: Members = Members(&[("Grant", Objects(&ACL_GRANT))]);
static ACL_GRANT: Members = Members(&[("Grantee", Object(&GRANTEE)), ("Permission", Plain)]);
static GRANTEE: Members = Members(&[("URI", Plain)]);
static PUBLIC_ACCESS_BLOCK: Members = Members(&[
    ("BlockPublicAcls", Plain),
    ("BlockPublicPolicy", Plain),
    ("IgnorePublicAcls", Plain),
    ("RestrictPublicBuckets", Plain),
]);
static CANNED_ACL: Members = Members(&[("x-amz-acl", Plain), ("x-amz-grant-read", Plain)]);
static VERSIONING: Members = Members(&[("Status", Plain)]);

/// Parameters of Athena: data catalogs.
pub(super) static OF_DATA_CATALOGS: Members = Members(&[
    ("name", Plain),
    ("omitted", Plain),
    ("parameters", Object(&CATALOG_PARAMETERS)),
    ("type", Plain),
]);
static CATALOG_PARAMETERS: Members = Members(&[
    ("catalog-id", Plain),
    ("connection-arn", Plain),
    ("connection-type", Plain),
    ("function", Plain),
    ("metadata-function", Plain),
    ("record-function", Plain),
]);

/// Parameters of Lambda: who may invoke a function.
pub(super) static OF_FUNCTION_POLICIES: Members = Members(&[
    ("action", Plain),
    ("functionName", Plain),
    ("omitted", Plain),
    ("principal", Plain),
    ("principalOrgID", Plain),
    ("sourceAccount", Plain),
    ("sourceArn", Plain),
    ("statementId", Plain),
]);

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

/// Parameters of Glue: policies of data catalogs.
pub(super) static OF_CATALOG_POLICIES: Members = Members(&[
    ("omitted", Plain),
    ("policyInJson", Policy),
    ("resourceArn", Plain),
]);

/// Parameters of RAM: shares.
pub(super) static OF_SHARES: Members = Members(&[
    ("name", Plain),
    ("omitted", Plain),
    ("permissionArns", Texts),
    ("principals", Texts),
    ("resourceArns", Texts),
    ("resourceShareArn", Plain),
    ("resourceShareInvitationArn", Plain),
]);

/// The answer to the creation of a share, whose ARN later calls name.
pub(crate) static OF_SHARE_ANSWER: Members = Members(&[("resourceShare", Object(&CREATED_SHARE))]);
static CREATED_SHARE: Members = Members(&[("resourceShareArn", Plain)]);

/// Parameters of Lake Formation: grants, settings, registered locations.
pub(super) static OF_GRANTS: Members = Members(&[
    ("catalogId", Plain),
    ("dataLakeSettings", Object(&SETTINGS)),
    ("entries", Objects(&GRANT)),
    ("omitted", Plain),
    ("permissions", Texts),
    ("permissionsWithGrantOption", Texts),
    ("principal", Object(&PRINCIPAL)),
    ("resource", Object(&GRANTED)),
    ("resourceArn", Plain),
    ("roleArn", Plain),
    ("useServiceLinkedRole", Plain),
]);
static GRANT: Members = Members(&[
    ("permissions", Texts),
    ("permissionsWithGrantOption", Texts),
    ("principal", Object(&PRINCIPAL)),
    ("resource", Object(&GRANTED)),
]);
static PRINCIPAL: Members = Members(&[("dataLakePrincipalIdentifier", Plain)]);
static GRANTED: Members = Members(&[
    ("catalog", Object(&NAMED)),
    ("dataLocation", Object(&LOCATION)),
    ("database", Object(&NAMED)),
    ("lFTagPolicy", Object(&NAMED)),
    ("table", Object(&NAMED)),
    ("tableWithColumns", Object(&NAMED)),
]);
static NAMED: Members = Members(&[
    ("catalogId", Plain),
    ("databaseName", Plain),
    ("id", Plain),
    ("name", Plain),
    ("resourceType", Plain),
]);
static LOCATION: Members = Members(&[("catalogId", Plain), ("resourceArn", Plain)]);
static SETTINGS: Members = Members(&[
    ("allowExternalDataFiltering", Plain),
    ("allowFullTableExternalDataAccess", Plain),
    ("createDatabaseDefaultPermissions", Objects(&DEFAULT_GRANT)),
    ("createTableDefaultPermissions", Objects(&DEFAULT_GRANT)),
    ("dataLakeAdmins", Objects(&PRINCIPAL)),
    ("externalDataFilteringAllowList", Objects(&PRINCIPAL)),
    ("readOnlyAdmins", Objects(&PRINCIPAL)),
    ("trustedResourceOwners", Texts),
]);
static DEFAULT_GRANT: Members =
    Members(&[("permissions", Texts), ("principal", Object(&PRINCIPAL))]);
