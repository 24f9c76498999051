//! Everything else that an organization's trail is full of.

use super::cast::{CONSUMERS, HUB, MANAGEMENT};
use super::chance::Chance;
use super::records::{self, CallSigning, Frame, HopStyle, SessionCast};
use super::scenes::Stage;
use crate::model::time::UtcSecond;
use serde_json::{Value, json};

/// Calls that no one asks about: source, name, whether it only reads.
const CALLS: [(&str, &str, bool); 16] = [
    ("ec2.amazonaws.com", "DescribeInstances", true),
    ("ec2.amazonaws.com", "DescribeSecurityGroups", true),
    ("ec2.amazonaws.com", "CreateTags", false),
    ("s3.amazonaws.com", "GetBucketAcl", true),
    ("s3.amazonaws.com", "ListBuckets", true),
    ("kms.amazonaws.com", "Decrypt", true),
    ("kms.amazonaws.com", "GenerateDataKey", true),
    ("lambda.amazonaws.com", "GetFunction20150331v2", true),
    ("logs.amazonaws.com", "CreateLogStream", false),
    ("dynamodb.amazonaws.com", "DescribeTable", true),
    ("iam.amazonaws.com", "ListRoles", true),
    ("iam.amazonaws.com", "GetRole", true),
    ("sts.amazonaws.com", "GetCallerIdentity", true),
    ("glue.amazonaws.com", "GetTables", true),
    ("cloudtrail.amazonaws.com", "DescribeTrails", true),
    ("ssm.amazonaws.com", "UpdateInstanceInformation", false),
];

const SERVICES: [(&str, &str); 4] = [
    ("ec2.amazonaws.com", "web-server"),
    ("lambda.amazonaws.com", "image-resizer"),
    ("ecs-tasks.amazonaws.com", "order-service"),
    ("config.amazonaws.com", "config-recorder"),
];

/// Accounts that have noise, with their Region.
pub(super) fn places() -> Vec<(&'static str, &'static str)> {
    let consumers = CONSUMERS.iter().map(|one| (one.account, one.region));
    let central = [(HUB, "us-east-1"), (MANAGEMENT, "us-east-1")];
    consumers.chain(central).collect()
}

/// Writes so many records in one account on one day, one in a hundred of them
/// an AssumeRole by a service.
pub(super) fn day(stage: &mut Stage, place: (&str, &str), midnight: UtcSecond, records: usize) {
    let (account, region) = place;
    let mut session = service_session(stage, account, midnight);
    for number in 0..records {
        let time = midnight.plus(stage.chance.seconds(0, 86_399));
        if number % 100 == 99 {
            session = service_session(stage, account, time);
            put_assumption(stage, &session, region);
            continue;
        }
        let record = call(&mut stage.chance, account, region, &session, time);
        stage.put(record);
    }
}

fn service_session(stage: &mut Stage, account: &str, time: UtcSecond) -> SessionCast {
    let (_, role) = *stage.chance.pick(&SERVICES);
    let tail: String = account.chars().rev().take(3).collect();
    SessionCast {
        account: account.into(),
        role_arn: format!("arn:aws:iam::{account}:role/{role}"),
        role: role.into(),
        role_id: format!(
            "AROAEXAMPLE{}{tail}",
            &role.to_ascii_uppercase().replace('-', "X")[..7]
        ),
        name: format!("i-{:017x}", stage.chance.below(usize::MAX)),
        key: stage.chance.temporary_key(),
        created: time,
        compact_date: false,
        skew_seconds: 0,
    }
}

fn put_assumption(stage: &mut Stage, session: &SessionCast, region: &str) {
    let service = SERVICES.iter().find(|(_, role)| *role == session.role);
    let service = service.map_or("ec2.amazonaws.com", |(service, _)| service);
    let style = HopStyle {
        without_assumed_role_user: stage.chance.once_in(17),
        ..HopStyle::default()
    };
    let hop = records::assumed_by_service(session, service, region, None, style, &mut stage.chance);
    stage.put(hop);
}

fn call(
    chance: &mut Chance,
    account: &str,
    region: &str,
    session: &SessionCast,
    time: UtcSecond,
) -> Value {
    let (source, name, read_only) = *chance.pick(&CALLS);
    let address = chance.address();
    let (identity, from) = match chance.below(10) {
        0 => (user(account), address.clone()),
        1 => {
            let service = chance.pick(&SERVICES).0;
            (
                json!({"type": "AWSService", "invokedBy": service}),
                service.to_owned(),
            )
        }
        _ => (session.identity(CallSigning::Own), address.clone()),
    };
    let mut record = Frame {
        time,
        region,
        recipient: account,
        source,
        name,
        identity,
        from: &from,
        agent: "aws-sdk-go-v2/1.41.2 os/linux lang/go#1.25.3 md/GOOS#linux md/GOARCH#arm64 api/service#1.2",
        read_only,
        parameters: parameters(chance, name, account),
        response: Value::Null,
    }
    .record(chance);
    if !chance.once_in(4) {
        record["additionalEventData"] = json!({
            "SignatureVersion": "SigV4",
            "CipherSuite": "TLS_AES_128_GCM_SHA256",
            "AuthenticationMethod": "AuthHeader",
            "bytesTransferredIn": 0,
            "bytesTransferredOut": chance.below(90_000),
            "x-amz-id-2": chance.opaque(76),
        });
    }
    if chance.once_in(5) {
        record["sharedEventID"] = chance.uuid().into();
    }
    if chance.once_in(40) {
        record["errorCode"] = "AccessDenied".into();
        record["errorMessage"] = "User is not authorized to perform this \"action\"".into();
        record["requestParameters"] = Value::Null;
    }
    if chance.once_in(2) {
        record["tlsDetails"] = json!({
            "tlsVersion": "TLSv1.3",
            "cipherSuite": "TLS_AES_128_GCM_SHA256",
            "clientProvidedHostHeader": format!("{source}.{region}.amazonaws.com"),
        });
    }
    record
}

fn user(account: &str) -> Value {
    json!({
        "type": "IAMUser",
        "principalId": "AIDAEXAMPLEUSER000002",
        "arn": format!("arn:aws:iam::{account}:user/deployer"),
        "accountId": account,
        "accessKeyId": "AKIAEXAMPLEDEPLOYER1",
        "userName": "deployer",
    })
}

fn parameters(chance: &mut Chance, name: &str, account: &str) -> Value {
    match name {
        "DescribeInstances" => json!({
            "instancesSet": {"items": [{"instanceId": format!("i-{:017x}", chance.below(usize::MAX))}]},
            "filterSet": {"items": [{"name": "vpc-id", "valueSet": {"items": [{"value": "vpc-0example"}]}}]},
            "maxResults": 1000,
        }),
        "Decrypt" | "GenerateDataKey" => json!({
            "encryptionContext": {"aws:s3:arn": format!("arn:aws:s3:::data-{account}/{}", chance.uuid())},
            "encryptionAlgorithm": "SYMMETRIC_DEFAULT",
        }),
        "CreateTags" => json!({
            "resourcesSet": {"items": [{"resourceId": format!("vol-{:017x}", chance.below(usize::MAX))}]},
            "tagSet": {"items": [{"key": "Name", "value": "naïve – “quoted” 名前"}, {"key": "ratio", "value": "0.5"}]},
            "dryRun": false,
        }),
        "UpdateInstanceInformation" => json!({
            "agentVersion": "3.3.1.0", "agentStatus": "Active", "availabilityZone": "a",
            "iPAddress": chance.address(), "weight": 0.25, "offset": -1, "large": 1.5e9,
        }),
        _ => {
            json!({"bucketName": format!("data-{account}"), "Host": "s3.amazonaws.com", "acl": ""})
        }
    }
}
