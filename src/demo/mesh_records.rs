//! Records of calls that tell what a query read.

use super::chance::Chance;
use super::records::{CallSigning, Frame, QueryCast, SessionCast};
use serde_json::{Value, json};

const ATHENA: &str = "athena.amazonaws.com";

/// The caller as the copy of another account describes it.
pub(super) fn caller_in_copy(session: &SessionCast) -> Value {
    json!({
        "type": "AWSAccount",
        "principalId": session.assumed_role_id(),
        "accountId": session.account,
        "invokedBy": ATHENA,
    })
}

/// The account that gets a record, and how it describes the caller.
#[derive(Clone, Copy)]
pub(super) struct Copy<'a> {
    pub(super) session: &'a SessionCast,
    pub(super) recipient: &'a str,
    /// Seconds after the query was submitted.
    pub(super) delay: i64,
}

impl Copy<'_> {
    fn frame<'f>(&'f self, query: &'f QueryCast<'_>, call: (&'f str, &'f str)) -> Frame<'f> {
        let is_own = self.session.account == self.recipient;
        Frame {
            time: query.time.plus(self.delay),
            region: query.region,
            recipient: self.recipient,
            source: call.0,
            name: call.1,
            identity: if is_own {
                self.session.identity(CallSigning::OnBehalf(ATHENA))
            } else {
                caller_in_copy(self.session)
            },
            from: ATHENA,
            agent: ATHENA,
            read_only: true,
            parameters: Value::Null,
            response: Value::Null,
        }
    }
}

/// Athena asks a data catalog for a table; `catalog_id` is null for the caller's own.
pub(super) fn get_table(
    copy: Copy<'_>,
    query: &QueryCast<'_>,
    catalog_id: Option<&str>,
    table: (&str, &str),
    chance: &mut Chance,
) -> Value {
    let parameters = json!({"catalogId": catalog_id, "databaseName": table.0, "name": table.1});
    let frame = copy.frame(query, ("glue.amazonaws.com", "GetTable"));
    Frame {
        parameters,
        ..frame
    }
    .record(chance)
}

/// Lake Formation gives access to a table, under the name of a session that reads its objects.
pub(super) fn get_data_access(
    copy: Copy<'_>,
    query: &QueryCast<'_>,
    table_arn: &str,
    session_name: &str,
    chance: &mut Chance,
) -> Value {
    let frame = copy.frame(query, ("lakeformation.amazonaws.com", "GetDataAccess"));
    let parameters = json!({
        "tableArn": table_arn,
        "permissions": ["SELECT"],
        "durationSeconds": 900,
        "auditContext": {"additionalAuditContext": format!("{{queryId: {}}}", query.id)},
        "cellLevelSecurityEnforced": true,
    });
    let mut record = Frame {
        parameters,
        ..frame
    }
    .record(chance);
    record["additionalEventData"] = json!({
        "requesterService": "ATHENA",
        "LakeFormationTrustedCallerInvocation": "true",
        "lakeFormationRoleSessionName": session_name,
    });
    record
}

/// An object of S3, and who it is read by.
#[derive(Clone, Copy)]
pub(super) struct ObjectCast<'a> {
    pub(super) bucket: &'a str,
    pub(super) owner: &'a str,
    pub(super) key: &'a str,
    pub(super) bytes: u64,
}

/// An object of a table is read for a query, as the owner of the bucket logs it.
pub(super) fn get_object(
    identity: Value,
    query: &QueryCast<'_>,
    object: ObjectCast<'_>,
    delay: i64,
    chance: &mut Chance,
) -> Value {
    let ObjectCast {
        bucket,
        owner,
        key,
        bytes,
    } = object;
    let mut record = Frame {
        time: query.time.plus(delay),
        region: query.region,
        recipient: owner,
        source: "s3.amazonaws.com",
        name: "GetObject",
        identity,
        from: ATHENA,
        agent: ATHENA,
        read_only: true,
        parameters: json!({"bucketName": bucket, "key": key}),
        response: Value::Null,
    }
    .record(chance);
    record["additionalEventData"] = json!({"bytesTransferredOut": bytes});
    record["resources"] = json!([
        {"type": "AWS::S3::Object", "ARN": format!("arn:aws:s3:::{bucket}/{key}")},
        {"type": "AWS::S3::Bucket", "accountId": owner, "ARN": format!("arn:aws:s3:::{bucket}")},
    ]);
    record["eventCategory"] = "Data".into();
    record["managementEvent"] = false.into();
    record
}

/// The session of Lake Formation that reads objects in the owner's account.
pub(super) fn lake_session(
    owner: &str,
    name: &str,
    source_identity: Option<&str>,
    query: &QueryCast<'_>,
    chance: &mut Chance,
) -> Value {
    let mut identity = json!({
        "type": "AssumedRole",
        "principalId": format!("AROAEXAMPLELAKEROLE01:{name}"),
        "arn": format!("arn:aws:sts::{owner}:assumed-role/lake-reader/{name}"),
        "accountId": owner,
        "accessKeyId": chance.temporary_key(),
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": "AROAEXAMPLELAKEROLE01",
                "arn": format!("arn:aws:iam::{owner}:role/lake-reader"),
                "accountId": owner,
                "userName": "lake-reader",
            },
            "attributes": {"creationDate": query.time.plus(1).to_string(), "mfaAuthenticated": "false"},
        },
        "invokedBy": ATHENA,
    });
    if let Some(source_identity) = source_identity {
        identity["sessionContext"]["sourceIdentity"] = source_identity.into();
    }
    identity
}

/// Athena invokes the function of a connector.
pub(super) fn invoke(
    copy: Copy<'_>,
    query: &QueryCast<'_>,
    function_arn: &str,
    chance: &mut Chance,
) -> Value {
    let frame = copy.frame(query, ("lambda.amazonaws.com", "Invoke"));
    let parameters = json!({"functionName": function_arn, "invocationType": "RequestResponse"});
    let mut record = Frame {
        parameters,
        ..frame
    }
    .record(chance);
    record["eventCategory"] = "Data".into();
    record["managementEvent"] = false.into();
    record
}
