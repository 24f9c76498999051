//! Things that go wrong in the last week of an organization, for rules to find.

use super::cast::{self, ConsumerCast, HUB, STRANGER};
use super::plan::DemoPlan;
use super::records::{self, CallSigning, Frame, HopStyle, SessionCast};
use super::scenes::{Scene, Stage};
use super::side::SideScene;
use crate::model::time::UtcSecond;
use serde_json::{Value, json};

/// Draws for incidents are their own, so that the rest does not depend on them.
const INCIDENTS_SEED: u64 = 0x001c_1de4_7000;
/// Sessions of the day on which one consumer scans far more than usual.
const HEAVY_SESSIONS: i64 = 3;

/// Plays all incidents. Each has its day before the end; in a shorter plan, the first.
pub(super) fn play(plan: &DemoPlan, consumers: &[ConsumerCast]) -> Stage {
    let mut stage = Stage::new(plan.seed ^ INCIDENTS_SEED);
    let day = |days_before_end: i64| {
        let days = days_before_end.min(i64::from(plan.days));
        plan.end().plus(-days * 86_400)
    };
    let one = |at: usize| &consumers[at % consumers.len()];
    if !plan.strangers {
        stage.side(SideScene::Spoof, one(0), day(6).plus(11 * 3600 + 127));
    }
    stage.administrator_takes_role_a(day(5).plus(9 * 3600 + 40));
    stage.trust_is_widened(
        one(1),
        day(30).plus(8 * 3600),
        day(4).plus(17 * 3600 + 1200),
    );
    stage.session_looks_around(one(4), day(3).plus(13 * 3600 + 75));
    stage.trail_is_stopped(one(3), day(2).plus(2 * 3600 + 1800));
    stage.much_is_scanned(one(2), day(2).plus(14 * 3600 + 200));
    stage
}

/// An administrator of an account, with a key of their own.
fn administrator(account: &str) -> Value {
    json!({
        "type": "IAMUser",
        "principalId": "AIDAEXAMPLEADMIN00001",
        "arn": format!("arn:aws:iam::{account}:user/admin"),
        "accountId": account,
        "accessKeyId": "AKIAEXAMPLEADMIN0001",
        "userName": "admin",
    })
}

const CLI: &str = "aws-cli/2.31.18 md/awscrt#0.28.2 ua/2.1 os/linux";

impl Stage {
    /// A call by the administrator of an account.
    fn administer(
        &mut self,
        account: &str,
        at: UtcSecond,
        source: &str,
        name: &str,
        parameters: Value,
    ) {
        let address = self.chance.address();
        let record = Frame {
            time: at,
            region: "us-east-1",
            recipient: account,
            source,
            name,
            identity: administrator(account),
            from: &address,
            agent: CLI,
            read_only: false,
            parameters,
            response: Value::Null,
        }
        .record(&mut self.chance);
        self.put(record);
    }

    fn administrator_takes_role_a(&mut self, at: UtcSecond) {
        let mut session = records::run_as_session(at, &mut self.chance);
        session.name = "troubleshooting".into();
        let address = self.chance.address();
        let style = HopStyle::default();
        let mut hop = records::assumed_by_service(
            &session,
            "",
            cast::QUICK_REGION,
            None,
            style,
            &mut self.chance,
        );
        hop["userIdentity"] = administrator(HUB);
        hop["sourceIPAddress"] = address.into();
        hop["userAgent"] = CLI.into();
        self.put(hop);
        let story = "an administrator assumes Role A";
        let mut truth = Self::true_chain(&session, "role-chain", "partial", story);
        truth.origin = "people".into();
        truth.run_as_access_key_id = truth.consumer_access_key_id.take();
        truth.consumer_account_id = None;
        truth.consumer_role = None;
        truth.consumer_session_name = None;
        truth.missing = vec!["consumer-session".into()];
        self.truth.chains.push(truth);
    }

    /// The trust policy of Role B, as it was, and later with a stranger in it.
    fn trust_is_widened(&mut self, consumer: &ConsumerCast, first: UtcSecond, then: UtcSecond) {
        let ids: Vec<String> = consumer
            .data_sources
            .iter()
            .map(|id| cast::data_source_arn(id))
            .collect();
        let hub = json!({
            "Effect": "Allow",
            "Principal": {"AWS": cast::role_a_arn()},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": ids}},
        });
        let stranger = json!({
            "Effect": "Allow",
            "Principal": {"AWS": format!("arn:aws:iam::{STRANGER}:root")},
            "Action": "sts:AssumeRole",
        });
        let policies = [(first, vec![hub.clone()]), (then, vec![hub, stranger])];
        for (at, statements) in policies {
            let document = json!({"Version": "2012-10-17", "Statement": statements});
            let parameters = json!({
                "roleName": consumer.role,
                "policyDocument": document.to_string(),
            });
            let (source, name) = ("iam.amazonaws.com", "UpdateAssumeRolePolicy");
            self.administer(consumer.account, at, source, name, parameters);
        }
    }

    /// A session of Role B that Quick made is used by a script as well.
    fn session_looks_around(&mut self, consumer: &ConsumerCast, at: UtcSecond) {
        let before = self.written.len();
        self.quick(Scene::LongSession, consumer, at);
        let Some(session) = self.session_of_last_query(consumer, before) else {
            return;
        };
        let address = self.chance.address();
        let calls = [
            ("sts.amazonaws.com", "GetCallerIdentity", None),
            ("iam.amazonaws.com", "ListRoles", Some("AccessDenied")),
            (
                "secretsmanager.amazonaws.com",
                "ListSecrets",
                Some("AccessDenied"),
            ),
        ];
        for (number, (source, name, error)) in (0i64..).zip(calls) {
            let mut record = Frame {
                time: session.created.plus(600 + number * 4),
                region: consumer.region,
                recipient: consumer.account,
                source,
                name,
                identity: session.identity(CallSigning::Own),
                from: &address,
                agent: "Boto3/1.40.2 md/Botocore#1.40.2 ua/2.1 os/linux",
                read_only: true,
                parameters: Value::Null,
                response: Value::Null,
            }
            .record(&mut self.chance);
            if let Some(error) = error {
                record["errorCode"] = error.into();
                record["errorMessage"] = "User is not authorized to perform this action".into();
            }
            self.put(record);
        }
        if let Some(truth) = self.truth.chains.last_mut() {
            truth.call_count += calls.len() as u64;
            truth.story = "a session of Role B looks around".into();
        }
    }

    /// The session that the last query written was submitted in.
    fn session_of_last_query(&self, consumer: &ConsumerCast, from: usize) -> Option<SessionCast> {
        let written = self.written[from..].iter().rev();
        let mut queries = written.filter(|one| one.record["eventName"] == "StartQueryExecution");
        let identity = &queries.next()?.record["userIdentity"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let principal = text(&identity["principalId"]);
        let created = &identity["sessionContext"]["attributes"]["creationDate"];
        Some(SessionCast {
            account: consumer.account.into(),
            role_arn: consumer.role_arn(),
            role: consumer.role.into(),
            role_id: consumer.role_id.into(),
            name: principal.split(':').nth(1).unwrap_or_default().to_owned(),
            key: text(&identity["accessKeyId"]),
            created: UtcSecond::parse(&text(created))?,
            compact_date: false,
            skew_seconds: 0,
        })
    }

    fn trail_is_stopped(&mut self, consumer: &ConsumerCast, at: UtcSecond) {
        let trail = || json!({"name": "org-trail"});
        let cloudtrail = "cloudtrail.amazonaws.com";
        self.administer(consumer.account, at, cloudtrail, "StopLogging", trail());
        self.administer(
            consumer.account,
            at.plus(2400),
            cloudtrail,
            "StartLogging",
            trail(),
        );
    }

    /// A few sessions whose queries scan far more than usual.
    fn much_is_scanned(&mut self, consumer: &ConsumerCast, at: UtcSecond) {
        for number in 0..HEAVY_SESSIONS {
            let before = self.written.len();
            self.quick(Scene::LongSession, consumer, at.plus(number * 3000));
            let ids = self.written[before..].iter().filter_map(|one| {
                let is_query = one.record["eventName"] == "StartQueryExecution";
                let id = one.record["responseElements"]["queryExecutionId"].as_str();
                id.filter(|_| is_query).map(str::to_owned)
            });
            self.heavy.extend(ids);
        }
    }
}
