//! Small logs that are made in a test, record by record.

use crate::common::{Memory, plan, run};
use qs_audit::decode::SplitMode;
use qs_audit::model::audit::Audit;
use qs_audit::model::chain::Chain;
use qs_audit::pipeline::Plan;
use serde_json::{Value, json};

pub(crate) const HUB: &str = "111122223333";
pub(crate) const CONSUMER: &str = "444455556666";
pub(crate) const DATA_SOURCE: &str = "arn:aws:quicksight:us-east-1:111122223333:datasource/ds";

/// Records in the making, with ids of their own.
#[derive(Default)]
pub(crate) struct Log(pub(crate) Vec<Value>);

#[expect(
    clippy::needless_pass_by_value,
    reason = "the log takes what it is given"
)]
impl Log {
    pub(crate) fn put(
        &mut self,
        second: u32,
        recipient: &str,
        action: (&str, &str),
        identity: Value,
        members: Value,
    ) {
        let mut record = json!({
            "eventVersion": "1.11",
            "userIdentity": identity,
            "eventTime": format!("2026-07-01T10:{:02}:{:02}Z", second / 60, second % 60),
            "eventSource": format!("{}.amazonaws.com", action.0),
            "eventName": action.1,
            "awsRegion": "us-east-1",
            "eventID": format!("00000000-0000-4000-8000-{:012}", self.0.len()),
            "recipientAccountId": recipient,
        });
        for (name, value) in members.as_object().unwrap() {
            record[name] = value.clone();
        }
        self.0.push(record);
    }

    /// Somebody makes a session of Role A (`a`) or Role B (`b`).
    pub(crate) fn assume(
        &mut self,
        second: u32,
        recipient: &str,
        caller: Value,
        role: &str,
        key: Option<&str>,
    ) {
        let account = if role == "a" { HUB } else { CONSUMER };
        let external_id = (role == "b").then_some(DATA_SOURCE);
        let response = key.map(|key| {
            json!({
                "credentials": {"accessKeyId": key, "sessionToken": "EXAMPLETOKEN"},
                "assumedRoleUser": {"assumedRoleId": format!("AROA{role}:s"), "arn": format!("arn:aws:sts::{account}:assumed-role/{role}/s")},
            })
        });
        self.put(second, recipient, ("sts", "AssumeRole"), caller, json!({
            "requestParameters": {"roleArn": format!("arn:aws:iam::{account}:role/{role}"), "roleSessionName": "s", "externalId": external_id},
            "responseElements": response,
        }));
    }

    pub(crate) fn query(&mut self, second: u32, key: Option<&str>, made: u32, id: &str) {
        let response = json!({"responseElements": {"queryExecutionId": id}});
        self.put(
            second,
            CONSUMER,
            ("athena", "StartQueryExecution"),
            session("b", key, made),
            response,
        );
    }

    pub(crate) fn chains(&self) -> Audit {
        self.audit(&plan(SplitMode::Fast, 1))
    }

    pub(crate) fn audit(&self, plan: &Plan) -> Audit {
        let body = json!({"Records": self.0}).to_string().into_bytes();
        run(plan, &Memory::new([("log.json", body)]))
    }
}

pub(crate) fn quick() -> Value {
    json!({"type": "AWSService", "invokedBy": "quicksight.amazonaws.com"})
}

pub(crate) fn session(role: &str, key: Option<&str>, made: u32) -> Value {
    let account = if role == "a" { HUB } else { CONSUMER };
    json!({
        "type": "AssumedRole",
        "principalId": format!("AROA{role}:s"),
        "arn": format!("arn:aws:sts::{account}:assumed-role/{role}/s"),
        "accountId": account,
        "accessKeyId": key,
        "sessionContext": {
            "sessionIssuer": {"arn": format!("arn:aws:iam::{account}:role/{role}")},
            "attributes": {"creationDate": format!("2026-07-01T10:{:02}:{:02}Z", made / 60, made % 60)},
        },
    })
}

/// The target's copy: the principal and nothing else.
pub(crate) fn bare(account: &str, principal: &str, by_quick: bool) -> Value {
    let service = by_quick.then_some("quicksight.amazonaws.com");
    json!({"type": "AWSAccount", "principalId": principal, "accountId": account, "invokedBy": service})
}

/// Quick reaches Role B, and Role B queries.
pub(crate) fn usual() -> Log {
    let mut log = Log::default();
    log.assume(0, HUB, quick(), "a", Some("KA"));
    log.assume(1, HUB, session("a", Some("KA"), 0), "b", Some("KB"));
    log.query(9, Some("KB"), 1, "q1");
    log
}

pub(crate) fn one(audit: &Audit) -> &Chain {
    let [chain] = &audit.chains[..] else {
        panic!("{:#?}", audit.chains);
    };
    chain
}

pub(crate) fn notes(chain: &Chain) -> String {
    chain.notes.join("; ")
}
