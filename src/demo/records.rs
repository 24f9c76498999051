//! CloudTrail records in the shapes of docs/cloudtrail-facts.md.

use super::cast::{self, ConsumerCast, HUB, QUICK_REGION, ROLE_A, ROLE_A_ID};
use super::chance::Chance;
use crate::model::time::UtcSecond;
use serde_json::{Value, json};

const QUICK: &str = "quicksight.amazonaws.com";
const EVENT_VERSION: &str = "1.11";
const SESSION_SECONDS: i64 = 3600;

/// A role session at work.
#[derive(Debug, Clone)]
pub(super) struct SessionCast {
    pub(super) account: String,
    pub(super) role_arn: String,
    pub(super) role: String,
    pub(super) role_id: String,
    pub(super) name: String,
    pub(super) key: String,
    pub(super) created: UtcSecond,
    /// Write the creation date without hyphens and colons.
    pub(super) compact_date: bool,
    /// The offset of the services' clock from that of STS, in seconds.
    pub(super) skew_seconds: i64,
}

/// The way in which a session's calls are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallSigning {
    /// With the session's own key.
    Own,
    /// By a service on its behalf, without a key.
    OnBehalf(&'static str),
}

impl SessionCast {
    pub(super) fn assumed_role_id(&self) -> String {
        format!("{}:{}", self.role_id, self.name)
    }

    pub(super) fn arn(&self) -> String {
        format!(
            "arn:aws:sts::{}:assumed-role/{}/{}",
            self.account, self.role, self.name
        )
    }

    fn creation_date(&self) -> String {
        let text = self.created.plus(self.skew_seconds).to_string();
        if self.compact_date {
            text.replace(['-', ':'], "")
        } else {
            text
        }
    }

    /// `userIdentity` of a call.
    pub(super) fn identity(&self, signed: CallSigning) -> Value {
        let mut identity = json!({
            "type": "AssumedRole",
            "principalId": self.assumed_role_id(),
            "arn": self.arn(),
            "accountId": self.account,
            "accessKeyId": self.key,
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": self.role_id,
                    "arn": self.role_arn,
                    "accountId": self.account,
                    "userName": self.role,
                },
                "attributes": {
                    "creationDate": self.creation_date(),
                    "mfaAuthenticated": "false",
                },
            },
        });
        if let CallSigning::OnBehalf(service) = signed {
            identity["invokedBy"] = service.into();
            if let Some(map) = identity.as_object_mut() {
                map.shift_remove("accessKeyId");
            }
        }
        identity
    }
}

/// `Jul 1, 2026, 11:00:00 AM`, the spelling of real logs.
fn expiration(moment: UtcSecond, comma: bool) -> String {
    let zoned = jiff::Timestamp::from_second(moment.unix())
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .to_zoned(jiff::tz::TimeZone::UTC);
    let format = if comma {
        "%b %-d, %Y, %-I:%M:%S %p"
    } else {
        "%b %-d, %Y %-I:%M:%S %p"
    };
    zoned.strftime(format).to_string()
}

/// The members that every record has, around those of its own.
pub(super) struct Frame<'a> {
    pub(super) time: UtcSecond,
    pub(super) region: &'a str,
    pub(super) recipient: &'a str,
    pub(super) source: &'a str,
    pub(super) name: &'a str,
    pub(super) identity: Value,
    pub(super) from: &'a str,
    pub(super) agent: &'a str,
    pub(super) read_only: bool,
    pub(super) parameters: Value,
    pub(super) response: Value,
}

impl Frame<'_> {
    pub(super) fn record(self, chance: &mut Chance) -> Value {
        json!({
            "eventVersion": EVENT_VERSION,
            "userIdentity": self.identity,
            "eventTime": self.time.to_string(),
            "eventSource": self.source,
            "eventName": self.name,
            "awsRegion": self.region,
            "sourceIPAddress": self.from,
            "userAgent": self.agent,
            "requestParameters": self.parameters,
            "responseElements": self.response,
            "requestID": chance.uuid(),
            "eventID": chance.uuid(),
            "readOnly": self.read_only,
            "eventType": "AwsApiCall",
            "managementEvent": true,
            "recipientAccountId": self.recipient,
            "eventCategory": "Management",
        })
    }
}

/// The form in which an AssumeRole is logged.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an oddity of its own"
)]
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct HopStyle {
    pub(super) without_assumed_role_user: bool,
    pub(super) omitted_parameters: bool,
    pub(super) expiration_without_comma: bool,
    /// An SDK's agent and a public address instead of the service's name.
    pub(super) plain_client: bool,
    pub(super) parameters_as_text: bool,
}

fn hop_parameters(parameters: Value, style: HopStyle) -> Value {
    if style.omitted_parameters {
        return json!({
            "reason": "requestParameters too large",
            "omitted": "true",
            "originalSize": "149893",
        });
    }
    if style.parameters_as_text {
        return parameters.to_string().into();
    }
    parameters
}

fn hop_response(session: &SessionCast, style: HopStyle, chance: &mut Chance) -> Value {
    let end = expiration(
        session.created.plus(SESSION_SECONDS),
        !style.expiration_without_comma,
    );
    let mut response = json!({
        "credentials": {
            "accessKeyId": session.key,
            "sessionToken": chance.token(),
            "expiration": end,
        },
    });
    if !style.without_assumed_role_user {
        response["assumedRoleUser"] = json!({
            "assumedRoleId": session.assumed_role_id(),
            "arn": session.arn(),
        });
    }
    response
}

fn role_resource(session: &SessionCast) -> Value {
    json!([{
        "accountId": session.account,
        "type": "AWS::IAM::Role",
        "ARN": session.role_arn,
    }])
}

/// A service assumes a role: one record, with a shared id all the same.
pub(super) fn assumed_by_service(
    session: &SessionCast,
    service: &str,
    region: &str,
    policy: Option<&str>,
    style: HopStyle,
    chance: &mut Chance,
) -> Value {
    let mut parameters = json!({
        "roleArn": session.role_arn,
        "roleSessionName": session.name,
        "durationSeconds": SESSION_SECONDS,
    });
    if let Some(policy) = policy {
        parameters["policy"] = policy.into();
    }
    let mut record = Frame {
        time: session.created,
        region,
        recipient: &session.account,
        source: "sts.amazonaws.com",
        name: "AssumeRole",
        identity: json!({"type": "AWSService", "invokedBy": service}),
        from: service,
        agent: service,
        read_only: true,
        parameters: hop_parameters(parameters, style),
        response: hop_response(session, style, chance),
    }
    .record(chance);
    record["resources"] = role_resource(session);
    record["sharedEventID"] = chance.uuid().into();
    record
}

/// Quick assumes Role A, scoped down to one consumer role.
pub(super) fn hop_one(
    run_as: &SessionCast,
    consumer_role_arn: &str,
    style: HopStyle,
    chance: &mut Chance,
) -> Value {
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Resource": consumer_role_arn,
        }],
    });
    let policy = policy.to_string();
    assumed_by_service(run_as, QUICK, QUICK_REGION, Some(&policy), style, chance)
}

/// A session assumes a role in another account: the caller's copy and the
/// target's.
pub(super) fn hop_two(
    caller: &SessionCast,
    session: &SessionCast,
    external_id: Option<&str>,
    region: &str,
    style: HopStyle,
    by_quick: bool,
    chance: &mut Chance,
) -> [Value; 2] {
    let mut parameters = json!({
        "roleArn": session.role_arn,
        "roleSessionName": session.name,
    });
    if let Some(external_id) = external_id {
        parameters["externalId"] = external_id.into();
    }
    let address = chance.address();
    let quick_client = by_quick && !style.plain_client;
    let (from, agent) = if quick_client {
        (QUICK, QUICK)
    } else {
        (address.as_str(), "aws-sdk-java/2.29.45 md/internal")
    };
    let mut identity = caller.identity(CallSigning::Own);
    let mut bare = json!({
        "type": "AWSAccount",
        "principalId": caller.assumed_role_id(),
        "accountId": caller.account,
    });
    if quick_client {
        identity["invokedBy"] = QUICK.into();
        bare["invokedBy"] = QUICK.into();
    }
    let mut hub = Frame {
        time: session.created,
        region,
        recipient: &caller.account,
        source: "sts.amazonaws.com",
        name: "AssumeRole",
        identity,
        from,
        agent,
        read_only: true,
        parameters: hop_parameters(parameters, style),
        response: hop_response(session, style, chance),
    }
    .record(chance);
    hub["resources"] = role_resource(session);
    hub["sharedEventID"] = chance.uuid().into();
    let mut consumer = hub.clone();
    consumer["userIdentity"] = bare;
    consumer["recipientAccountId"] = session.account.as_str().into();
    consumer["eventID"] = chance.uuid().into();
    [hub, consumer]
}

/// A refused AssumeRole: only the message tells the role, only the caller's
/// account gets it.
pub(super) fn refused(
    caller: &SessionCast,
    role_arn: &str,
    time: UtcSecond,
    chance: &mut Chance,
) -> Value {
    let mut record = Frame {
        time,
        region: QUICK_REGION,
        recipient: &caller.account,
        source: "sts.amazonaws.com",
        name: "AssumeRole",
        identity: caller.identity(CallSigning::Own),
        from: QUICK,
        agent: QUICK,
        read_only: true,
        parameters: Value::Null,
        response: Value::Null,
    }
    .record(chance);
    record["errorCode"] = "AccessDenied".into();
    record["errorMessage"] = format!(
        "User: {} is not authorized to perform: sts:AssumeRole on resource: {role_arn} \
         because no identity-based policy allows the sts:AssumeRole action",
        caller.arn()
    )
    .into();
    record
}

/// The parties to a query.
pub(super) struct QueryCast<'a> {
    pub(super) id: String,
    pub(super) time: UtcSecond,
    pub(super) region: &'a str,
    pub(super) work_group: Option<&'a str>,
    pub(super) database: &'a str,
    pub(super) from: &'a str,
    pub(super) agent: &'a str,
}

const JDBC: &str = "sbAthenaJDBCDriver/2.0, aws-internal/3";

/// A query as Quick's driver submits it.
pub(super) fn quick_query<'a>(
    consumer: &'a ConsumerCast,
    id: String,
    time: UtcSecond,
    from: &'a str,
) -> QueryCast<'a> {
    QueryCast {
        id,
        time,
        region: consumer.region,
        // The default work group is what a call without one gets.
        work_group: Some(consumer.work_group).filter(|group| *group != "primary"),
        database: consumer.database,
        from,
        agent: JDBC,
    }
}

/// `StartQueryExecution`.
pub(super) fn start_query(
    identity: Value,
    account: &str,
    query: &QueryCast<'_>,
    chance: &mut Chance,
) -> Value {
    let mut parameters = json!({
        "queryString": "***OMITTED***",
        "queryExecutionContext": {"database": query.database, "catalog": "AwsDataCatalog"},
        "resultConfiguration": {
            "outputLocation": format!("s3://aws-athena-query-results-{account}-{}/", query.region),
        },
        "clientRequestToken": chance.uuid(),
    });
    if let Some(work_group) = query.work_group {
        parameters["workGroup"] = work_group.into();
    }
    Frame {
        time: query.time,
        region: query.region,
        recipient: account,
        source: "athena.amazonaws.com",
        name: "StartQueryExecution",
        identity,
        from: query.from,
        agent: query.agent,
        read_only: false,
        parameters,
        response: json!({"queryExecutionId": query.id}),
    }
    .record(chance)
}

/// The same, refused at once: no id, no cost.
pub(super) fn refuse_query(mut record: Value) -> Value {
    record["responseElements"] = Value::Null;
    record["errorCode"] = "InvalidRequestException".into();
    record["errorMessage"] = "WorkGroup quick-closed is disabled".into();
    record
}

/// `GetQueryExecution`, `GetQueryResults`, `StopQueryExecution`.
pub(super) fn about_query(
    name: &str,
    identity: Value,
    account: &str,
    query: &QueryCast<'_>,
    delay: i64,
    chance: &mut Chance,
) -> Value {
    Frame {
        time: query.time.plus(delay),
        region: query.region,
        recipient: account,
        source: "athena.amazonaws.com",
        name,
        identity,
        from: query.from,
        agent: query.agent,
        read_only: name.starts_with("Get"),
        parameters: json!({"queryExecutionId": query.id}),
        response: Value::Null,
    }
    .record(chance)
}

/// Athena reads the catalog on a session's behalf.
pub(super) fn catalog_read(
    session: &SessionCast,
    query: &QueryCast<'_>,
    chance: &mut Chance,
) -> Value {
    const ATHENA: &str = "athena.amazonaws.com";
    Frame {
        time: query.time.plus(1),
        region: query.region,
        recipient: &session.account,
        source: "glue.amazonaws.com",
        name: "GetTable",
        identity: session.identity(CallSigning::OnBehalf(ATHENA)),
        from: ATHENA,
        agent: ATHENA,
        read_only: true,
        parameters: json!({"databaseName": query.database, "name": "sales"}),
        response: Value::Null,
    }
    .record(chance)
}

/// Lake Formation lends access to a table of another account: the owner's copy.
pub(super) fn data_access(
    session: &SessionCast,
    query: &QueryCast<'_>,
    owner: &str,
    chance: &mut Chance,
) -> Value {
    const ATHENA: &str = "athena.amazonaws.com";
    let mut record = Frame {
        time: query.time.plus(1),
        region: query.region,
        recipient: owner,
        source: "lakeformation.amazonaws.com",
        name: "GetDataAccess",
        identity: json!({
            "type": "AWSAccount",
            "principalId": session.assumed_role_id(),
            "accountId": session.account,
            "invokedBy": ATHENA,
        }),
        from: ATHENA,
        agent: ATHENA,
        read_only: true,
        parameters: json!({
            "tableArn": format!("arn:aws:glue:{}:{owner}:table/shared/sales", query.region),
            "permissions": ["SELECT"],
            "durationSeconds": 900,
            "auditContext": {"additionalAuditContext": format!("{{queryId: {}}}", query.id)},
            "cellLevelSecurityEnforced": true,
        }),
        response: Value::Null,
    }
    .record(chance);
    record["additionalEventData"] = json!({"requesterService": "ATHENA"});
    record["sharedEventID"] = chance.uuid().into();
    record
}

/// Quick's own event of a query: the only place where a user is named.
pub(super) fn query_database(
    user: &str,
    data_source: &str,
    bare_ids: bool,
    time: UtcSecond,
    chance: &mut Chance,
) -> Value {
    let arn = |kind: &str, id: &str| {
        if bare_ids {
            id.to_owned()
        } else {
            format!("arn:aws:quicksight:{QUICK_REGION}:{HUB}:{kind}/{id}")
        }
    };
    let mut record = Frame {
        time,
        region: QUICK_REGION,
        recipient: HUB,
        source: QUICK,
        name: "QueryDatabase",
        identity: json!({
            "type": "Unknown",
            "principalId": format!("{HUB}:{user}"),
            "accountId": HUB,
            "userName": user,
        }),
        from: QUICK,
        agent: QUICK,
        read_only: true,
        parameters: Value::Null,
        response: Value::Null,
    }
    .record(chance);
    record["eventType"] = "AwsServiceEvent".into();
    record["serviceEventDetails"] = json!({
        "eventRequestDetails": {
            "dataSourceId": arn("datasource", data_source),
            "queryId": chance.uuid(),
            "resourceId": arn("dashboard", "dash-01"),
            "dataSetId": arn("dataset", "set-01"),
            "dataSetMode": "DIRECT_QUERY",
        },
    });
    record
}

/// A session of Role A, made by Quick at this time.
pub(super) fn run_as_session(time: UtcSecond, chance: &mut Chance) -> SessionCast {
    SessionCast {
        account: HUB.into(),
        role_arn: cast::role_a_arn(),
        role: ROLE_A.into(),
        role_id: ROLE_A_ID.into(),
        name: session_name(time),
        key: chance.temporary_key(),
        created: time,
        compact_date: false,
        skew_seconds: 0,
    }
}

/// A session of a consumer's Role B.
pub(super) fn consumer_session(
    consumer: &ConsumerCast,
    time: UtcSecond,
    chance: &mut Chance,
) -> SessionCast {
    SessionCast {
        account: consumer.account.into(),
        role_arn: consumer.role_arn(),
        role: consumer.role.into(),
        role_id: consumer.role_id.into(),
        name: session_name(time),
        key: chance.temporary_key(),
        created: time,
        compact_date: false,
        skew_seconds: 0,
    }
}

fn session_name(time: UtcSecond) -> String {
    format!("QuickSight-RoleSession-{}000", time.unix())
}
