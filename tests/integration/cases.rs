//! The program on small logs, as people run it: what must be said, and what must not.

use crate::cli::{output, program};
use crate::small_logs::{CONSUMER, DATA_SOURCE, HUB, Log, bare, session, usual};
use qs_audit::cli::Exit;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use tempfile::TempDir;

const NOW: &str = "2026-07-02T00:00:00Z";
const TAMPERING: &str = "audit-trail-tampering";
const ADMIN: &str = "arn:aws:iam::444455556666:user/ann";

fn folder(log: &Log) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("in")).unwrap();
    let body = json!({"Records": log.0}).to_string();
    fs::write(folder.path().join("in/a.json"), body).unwrap();
    folder
}

fn said(folder: &TempDir, words: &[&str], exit: Exit) -> (String, String) {
    let mut command = program();
    command.current_dir(folder.path()).args(words);
    output(command.args(["--now", NOW]), exit)
}

/// The lines of `chains --format jsonl`.
fn chains(log: &Log, more: &[&str]) -> Vec<Value> {
    let words = [
        &[
            "chains", "--logs", "in", "--since", "7d", "--format", "jsonl",
        ],
        more,
    ];
    let (text, _) = said(&folder(log), &words.concat(), Exit::Clean);
    let parsed = text.lines().map(|line| serde_json::from_str(line).unwrap());
    parsed.collect()
}

/// The findings, by rule, severity and title, of a log without a configuration.
fn findings(log: &Log, more: &[&str]) -> Vec<(String, String, String)> {
    of_findings(&folder(log), &[&["--logs", "in"], more].concat())
}

fn of_findings(folder: &TempDir, more: &[&str]) -> Vec<(String, String, String)> {
    let words = [&["findings", "--since", "7d", "--format", "json"], more].concat();
    let (text, _) = said(folder, &words, Exit::Clean);
    let document: Value = serde_json::from_str(&text).unwrap();
    let text = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
    let all = document["findings"].as_array().unwrap().iter();
    all.map(|one| (text(one, "rule"), text(one, "severity"), text(one, "title")))
        .collect()
}

fn rules(log: &Log) -> BTreeSet<String> {
    let found = findings(log, &["--min-severity", "info"]);
    found.into_iter().map(|(rule, ..)| rule).collect()
}

fn ann() -> Value {
    json!({"type": "IAMUser", "principalId": "AIDAANN", "arn": ADMIN, "accountId": CONSUMER, "userName": "ann"})
}

/// A call of `ann` on CloudTrail, in the console.
fn on_the_trail(log: &mut Log, second: u32, action: &str, parameters: &Value) {
    let members = json!({"requestParameters": parameters});
    log.put(second, CONSUMER, ("cloudtrail", action), ann(), members);
}

#[test]
fn parameters_that_were_left_out_are_unknown_and_not_absent() {
    for absent in [Value::Null, json!({}), json!("omitted")] {
        let mut log = usual();
        for record in &mut log.0[..2] {
            let role = record["requestParameters"]["roleArn"].clone();
            record["resources"] = json!([{"ARN": role, "type": "AWS::IAM::Role"}]);
            record["requestParameters"] = absent.clone();
        }
        let [chain] = &chains(&log, &[])[..] else {
            panic!("one chain: {absent}");
        };
        assert_eq!(chain["status"], "complete", "{absent}");
        assert_eq!(
            chain["consumer_session"]["scope_down"]["present"],
            Value::Null
        );
        let rules = rules(&log);
        for rule in ["external-id-missing", "scope-down-missing"] {
            assert!(!rules.contains(rule), "{absent}: {rules:?}");
        }
    }
}

/// Hop 2 as both accounts log it; `share` makes the second copy of the first.
fn with_two_copies(change: impl FnOnce(&mut Value, &mut Value)) -> Log {
    let mut log = usual();
    log.assume(1, CONSUMER, bare(HUB, "AROAa:s", true), "b", Some("KB"));
    for at in [1, 3] {
        log.0[at]["sharedEventID"] = json!("00000000-0000-4000-8000-00000000dddd");
        log.0[at]["requestID"] = json!("00000000-0000-4000-8000-00000000eeee");
    }
    let (first, last) = log.0.split_at_mut(3);
    change(&mut first[1], &mut last[0]);
    log
}

#[test]
fn a_thin_copy_and_a_whole_one_are_one_hop() {
    for thin_is_first in [false, true] {
        let log = with_two_copies(|hub, consumer| {
            let thin = if thin_is_first { hub } else { consumer };
            thin["requestParameters"] = Value::Null;
        });
        let [chain] = &chains(&log, &[])[..] else {
            panic!("one chain");
        };
        assert_eq!(chain["status"], "complete");
        assert_eq!(chain["confidence"], "proven");
        let hop = &chain["consumer_session"];
        assert_eq!(hop["event_ids"].as_array().unwrap().len(), 2);
        assert_eq!(hop["external_id"], DATA_SOURCE);
    }
}

#[test]
fn copies_without_a_recipient_are_one_hop() {
    let log = with_two_copies(|hub, consumer| {
        for copy in [hub, consumer] {
            copy.as_object_mut().unwrap().remove("recipientAccountId");
        }
    });
    let [chain] = &chains(&log, &[])[..] else {
        panic!("one chain");
    };
    assert_eq!(chain["path"], "quick-role-chain");
    assert_eq!(chain["consumer_account_id"], CONSUMER);
    let copies = chain["consumer_session"]["event_ids"].as_array().unwrap();
    assert_eq!(copies.len(), 2);
}

#[test]
fn a_console_session_is_one_session_however_many_keys_sign() {
    let mut log = Log::default();
    log.assume(0, CONSUMER, ann(), "b", Some("KB"));
    for (number, key) in ["K1", "K2", "K3"].into_iter().enumerate() {
        let number = u32::try_from(number).unwrap();
        log.query(9 + number, Some(key), 0, &format!("q{number}"));
        log.0.last_mut().unwrap()["sessionCredentialFromConsole"] = json!("true");
    }
    let [chain] = &chains(&log, &["--path", "any"])[..] else {
        panic!("one chain");
    };
    assert_eq!(chain["query_count"], 3);
    assert_ne!(chain["confidence"], "ambiguous");
    assert!(
        chain["notes"].to_string().contains("different access keys"),
        "{chain:#?}"
    );
    let named = said(
        &folder(&log),
        &["findings", "--logs", "in", "--since", "7d"],
        Exit::Clean,
    );
    assert!(named.0.contains("user/ann"), "{}", named.0);
}

#[test]
fn a_query_id_that_comes_back_is_paid_once() {
    let mut log = usual();
    log.assume(100, HUB, session("a", Some("KA"), 0), "b", Some("KC"));
    log.query(120, Some("KC"), 100, "q1");
    let folder = folder(&log);
    let executions = json!({"QueryExecutions": [{
        "QueryExecutionId": "q1",
        "StatementType": "DML",
        "Status": {"State": "SUCCEEDED", "SubmissionDateTime": "2026-07-01T10:00:09Z", "CompletionDateTime": "2026-07-01T10:00:20Z"},
        "Statistics": {"DataScannedInBytes": 1_000_000_000_000_u64},
        "WorkGroup": "primary",
    }]});
    fs::write(folder.path().join("ex.json"), executions.to_string()).unwrap();
    let words = [
        "chains",
        "--logs",
        "in",
        "--since",
        "7d",
        "--format",
        "jsonl",
        "--executions",
        "ex.json",
    ];
    let (text, _) = said(&folder, &words, Exit::Clean);
    let chains: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |key: &str| -> Vec<u64> {
        chains
            .iter()
            .map(|one| one[key].as_u64().unwrap_or(0))
            .collect()
    };
    assert_eq!(of("bytes_scanned").iter().sum::<u64>(), 1_000_000_000_000);
    assert_eq!(of("query_count").iter().sum::<u64>(), 1, "{chains:#?}");
    assert!(
        chains
            .iter()
            .any(|one| one["notes"].to_string().contains("same query")),
        "{chains:#?}"
    );
}

#[test]
fn settings_of_a_trail_that_did_not_change_are_no_finding() {
    let narrow = json!({"name": "main", "s3BucketName": "logs", "isMultiRegionTrail": false, "enableLogFileValidation": false, "includeGlobalServiceEvents": false});
    let mut log = usual();
    on_the_trail(&mut log, 20, "CreateTrail", &narrow);
    on_the_trail(&mut log, 40, "UpdateTrail", &narrow);
    assert!(!rules(&log).contains(TAMPERING), "{:?}", rules(&log));
}

#[test]
fn a_bucket_that_may_be_the_same_is_a_note_and_another_bucket_is_critical() {
    let all = json!({"name": "main", "s3BucketName": "logs", "isMultiRegionTrail": true, "enableLogFileValidation": true});
    let mut log = usual();
    on_the_trail(&mut log, 40, "UpdateTrail", &all);
    let only = ["--rule", "audit-trail-tampering", "--min-severity", "info"];
    for (_, severity, title) in findings(&log, &only) {
        assert_eq!(severity, "info", "{title}");
    }
    let mut elsewhere = all;
    elsewhere["s3BucketName"] = json!("other");
    on_the_trail(&mut log, 60, "UpdateTrail", &elsewhere);
    let found = findings(&log, &only);
    assert!(
        found.iter().any(|(_, severity, _)| severity == "critical"),
        "{found:?}"
    );
}

const CONFIGURATION: &str = r#"
[hub]
account_id = "111122223333"
run_as_roles = ["arn:aws:iam::111122223333:role/a"]

[[consumers]]
name = "retail"
account_id = "444455556666"
roles = ["arn:aws:iam::444455556666:role/b"]

[[logs]]
path = "in"
"#;

/// A folder with the log and the configuration.
fn configured(log: &Log) -> TempDir {
    let folder = folder(log);
    fs::write(folder.path().join("c.toml"), CONFIGURATION).unwrap();
    folder
}

#[test]
fn a_session_of_role_b_that_nobody_saw_made_is_said_to_be_unjudged() {
    let mut log = Log::default();
    for number in 0..3 {
        log.query(9 + number, Some("KB"), 1, &format!("q{number}"));
    }
    let folder = configured(&log);
    let words = ["findings", "-c", "c.toml", "--since", "7d"];
    let (text, messages) = said(&folder, &words, Exit::Clean);
    let said = format!("{text}{messages}");
    assert!(said.contains("1 session of Role B"), "{said}");
}

#[test]
fn role_a_and_role_b_in_one_account_are_declared_by_init() {
    let mut log = usual();
    let moved = json!(log.0).to_string().replace(CONSUMER, HUB);
    log.0 = serde_json::from_str(&moved).unwrap();
    let folder = folder(&log);
    let words = ["init", "--logs", "in", "-o", "c.toml"];
    said(&folder, &words, Exit::Clean);
    let found = of_findings(&folder, &["-c", "c.toml", "--min-severity", "info"]);
    assert!(
        !found
            .iter()
            .any(|(rule, ..)| rule.starts_with("undeclared")),
        "{found:?}"
    );
}

#[test]
fn partitions_and_paths_are_written_as_they_were_logged() {
    for (partition, path) in [("aws-us-gov", ""), ("aws-cn", ""), ("aws", "analytics/")] {
        let mut log = usual();
        let text = json!(log.0).to_string();
        let text = text.replace("arn:aws:", &format!("arn:{partition}:"));
        log.0 = serde_json::from_str(&text.replace(":role/", &format!(":role/{path}"))).unwrap();
        let folder = folder(&log);
        said(
            &folder,
            &["init", "--logs", "in", "-o", "c.toml"],
            Exit::Clean,
        );
        let written = fs::read_to_string(folder.path().join("c.toml")).unwrap();
        for (account, role) in [(HUB, "a"), (CONSUMER, "b")] {
            let arn = format!("\"arn:{partition}:iam::{account}:role/{path}{role}\"");
            assert!(written.contains(&arn), "{arn}: {written}");
        }
        let found = of_findings(&folder, &["-c", "c.toml", "--min-severity", "info"]);
        assert!(
            !found
                .iter()
                .any(|(rule, ..)| rule.starts_with("undeclared")),
            "{found:?}"
        );
    }
}

/// `ann` replaces the trust policy of Role B.
fn trusts(log: &mut Log, second: u32, principal: &Value) {
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}]});
    let members =
        json!({"requestParameters": {"roleName": "b", "policyDocument": policy.to_string()}});
    log.put(
        second,
        CONSUMER,
        ("iam", "UpdateAssumeRolePolicy"),
        ann(),
        members,
    );
}

#[test]
fn a_narrower_trust_lets_nobody_in_and_an_open_one_is_critical() {
    let role = json!("arn:aws:iam::111122223333:role/a");
    let mut log = usual();
    trusts(&mut log, 20, &role);
    trusts(
        &mut log,
        40,
        &json!("arn:aws:sts::111122223333:assumed-role/a/s"),
    );
    let folder = folder(&log);
    let words = [
        "findings",
        "--logs",
        "in",
        "--since",
        "7d",
        "--format",
        "json",
        "--rule",
        "role-trust-changed",
    ];
    let (text, _) = said(&folder, &words, Exit::Clean);
    let document: Value = serde_json::from_str(&text).unwrap();
    let texts = document["findings"][0]["evidence"]["lets_in"].to_string();
    assert!(!texts.contains("assumed-role"), "{texts}");

    trusts(&mut log, 60, &json!("*"));
    let found = findings(&log, &["--rule", "role-trust-changed"]);
    let [(_, severity, title)] = &found[..] else {
        panic!("{found:?}");
    };
    assert_eq!(severity, "critical");
    assert!(title.contains("anyone"), "{title}");
}

#[test]
fn a_third_hop_into_an_undeclared_account_is_seen() {
    let producer = "555566667777";
    let mut log = usual();
    let made = json!({
        "requestParameters": {"roleArn": format!("arn:aws:iam::{producer}:role/c"), "roleSessionName": "s"},
        "responseElements": {
            "credentials": {"accessKeyId": "KC"},
            "assumedRoleUser": {"assumedRoleId": "AROAc:s", "arn": format!("arn:aws:sts::{producer}:assumed-role/c/s")},
        },
    });
    log.put(
        20,
        CONSUMER,
        ("sts", "AssumeRole"),
        session("b", Some("KB"), 1),
        made,
    );
    let mut identity = session("b", Some("KC"), 20);
    let text = identity
        .to_string()
        .replace(CONSUMER, producer)
        .replace("role/b", "role/c")
        .replace("AROAb", "AROAc");
    identity = serde_json::from_str(&text).unwrap();
    let members = json!({"responseElements": {"queryExecutionId": "q9"}});
    log.put(
        30,
        producer,
        ("athena", "StartQueryExecution"),
        identity,
        members,
    );
    let listed = chains(&log, &[]);
    assert!(
        listed
            .iter()
            .any(|one| one["consumer_account_id"] == producer),
        "{listed:#?}"
    );
    let folder = configured(&log);
    let found = of_findings(&folder, &["-c", "c.toml"]);
    assert!(
        found.iter().any(|(_, _, title)| title.contains(producer)),
        "{found:?}"
    );
}

#[test]
fn trails_of_one_name_in_two_regions_are_two() {
    let mut log = usual();
    for (second, action, region, bucket) in [
        (20, "CreateTrail", "eu-west-1", "logs-eu"),
        (30, "CreateTrail", "us-east-1", "logs-us"),
        (40, "UpdateTrail", "eu-west-1", "logs-eu"),
    ] {
        let parameters =
            json!({"name": "audit", "s3BucketName": bucket, "enableLogFileValidation": false});
        on_the_trail(&mut log, second, action, &parameters);
        log.0.last_mut().unwrap()["awsRegion"] = json!(region);
    }
    assert!(!rules(&log).contains(TAMPERING), "{:?}", rules(&log));
}

#[test]
fn a_third_hop_is_quick_s_where_role_a_was_not_seen_made() {
    let mut log = usual();
    log.0.remove(0);
    let mut third = session("b", Some("KC"), 20);
    third["arn"] = json!("arn:aws:sts::444455556666:assumed-role/c/s");
    third["principalId"] = json!("AROAc:s");
    third["sessionContext"]["sessionIssuer"]["arn"] = json!("arn:aws:iam::444455556666:role/c");
    let made = json!({
        "requestParameters": {"roleArn": "arn:aws:iam::444455556666:role/c", "roleSessionName": "s"},
        "responseElements": {
            "credentials": {"accessKeyId": "KC"},
            "assumedRoleUser": {"assumedRoleId": "AROAc:s", "arn": "arn:aws:sts::444455556666:assumed-role/c/s"},
        },
    });
    log.put(
        20,
        CONSUMER,
        ("sts", "AssumeRole"),
        session("b", Some("KB"), 1),
        made,
    );
    let members = json!({"responseElements": {"queryExecutionId": "q9"}});
    log.put(
        30,
        CONSUMER,
        ("athena", "StartQueryExecution"),
        third,
        members,
    );
    for record in &mut log.0[..1] {
        record["userIdentity"]["invokedBy"] = json!("quicksight.amazonaws.com");
    }
    let chains = chains(&log, &["--path", "any"]);
    let paths: Vec<&str> = chains
        .iter()
        .map(|one| one["path"].as_str().unwrap())
        .collect();
    assert_eq!(
        paths,
        ["quick-role-chain", "quick-role-chain"],
        "{chains:#?}"
    );
}

#[test]
fn one_console_call_speaks_for_the_session_whichever_key_comes_first() {
    for keys in [["K1", "K2"], ["K2", "K1"]] {
        let mut log = Log::default();
        log.assume(0, CONSUMER, ann(), "b", Some("KB"));
        log.query(9, Some(keys[0]), 0, "q1");
        log.0.last_mut().unwrap()["sessionCredentialFromConsole"] = json!("true");
        log.query(12, Some(keys[1]), 0, "q2");
        let chains = chains(&log, &["--path", "any"]);
        let [chain] = &chains[..] else {
            panic!("one chain: {chains:#?}");
        };
        assert_eq!(chain["query_count"], 2);
    }
}

#[test]
fn a_hub_that_no_log_confirms_is_said_once_and_accuses_nobody() {
    let folder = folder(&usual());
    let wrong = CONFIGURATION.replace(HUB, "999988887777");
    fs::write(folder.path().join("c.toml"), wrong).unwrap();
    let statement = "the declared hub 999988887777 never appears in the logs, while Quick works in account 111122223333";
    let words = ["findings", "-c", "c.toml", "--since", "7d"];
    let (text, _) = said(&folder, &words, Exit::Clean);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains(statement), "{text}");
    let found = of_findings(&folder, &["-c", "c.toml"]);
    let accused = "unexpected-source-account";
    assert!(!found.iter().any(|(rule, ..)| rule == accused), "{found:?}");

    let report = ["report", "-c", "c.toml", "-o", "r", "-q"];
    said(&folder, &report, Exit::Clean);
    let report = fs::read_to_string(folder.path().join("r/report.json")).unwrap();
    assert_eq!(report.matches("\"hub-unconfirmed\"").count(), 1);
}

#[test]
fn a_console_session_has_one_id_whether_its_making_was_read_or_not() {
    let mut log = Log::default();
    log.assume(0, CONSUMER, ann(), "b", Some("KB"));
    for (second, key) in [(9, "K1"), (12, "K2")] {
        log.query(second, Some(key), 0, key);
        log.0.last_mut().unwrap()["sessionCredentialFromConsole"] = json!("true");
    }
    let ids = |log: &Log| -> Vec<String> {
        let chains = chains(log, &["--path", "any"]);
        chains
            .iter()
            .map(|one| one["chain_id"].to_string())
            .collect()
    };
    let whole = ids(&log);
    assert_eq!(whole.len(), 1);
    log.0.remove(0);
    assert_eq!(ids(&log), whole);
    log.0.remove(0);
    assert_eq!(ids(&log), whole);
}

#[test]
fn a_user_with_many_keys_is_one_chain_for_each_day() {
    let mut log = Log::default();
    for (number, (time, key)) in [
        ("2026-06-29T23:50:00Z", "AKIA1"),
        ("2026-06-29T23:55:00Z", "AKIA2"),
        ("2026-06-30T00:05:00Z", "AKIA1"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut user = ann();
        user["accessKeyId"] = json!(key);
        let members = json!({"responseElements": {"queryExecutionId": format!("q{number}")}});
        log.put(
            0,
            CONSUMER,
            ("athena", "StartQueryExecution"),
            user,
            members,
        );
        log.0[number]["eventTime"] = json!(time);
    }
    let chains = chains(&log, &["--path", "any"]);
    let counts: Vec<&Value> = chains.iter().map(|one| &one["query_count"]).collect();
    assert_eq!(counts, [2, 1], "{chains:#?}");
}

#[test]
fn denied_calls_that_the_driver_makes_are_no_finding() {
    let mut log = usual();
    for (second, action) in [
        (20, "ListWorkGroups"),
        (21, "ListDataCatalogs"),
        (22, "ListEngineVersions"),
    ] {
        let denied = json!({"errorCode": "AccessDenied", "errorMessage": "no"});
        let identity = session("b", Some("KB"), 1);
        log.put(second, CONSUMER, ("athena", action), identity, denied);
    }
    assert!(!rules(&log).contains("off-scope-activity"));
}

#[test]
fn sessions_whose_making_was_not_read_are_listed_as_partial() {
    let mut log = Log::default();
    let identity = session("x", Some("KX"), 1);
    log.put(9, CONSUMER, ("athena", "GetWorkGroup"), identity, json!({}));
    let [session] = &chains(&log, &["--all-sessions"])[..] else {
        panic!("one session");
    };
    assert_eq!(session["status"], "partial");
}

#[test]
fn masked_principals_are_known_by_their_names() {
    let mut log = usual();
    for record in &mut log.0 {
        if let Some(principal) = record.pointer_mut("/userIdentity/principalId") {
            *principal = json!("***");
        }
    }
    let [chain] = &chains(&log, &[])[..] else {
        panic!("one chain");
    };
    assert_eq!(chain["path"], "quick-role-chain");
    assert_eq!(chain["confidence"], "probable");
}

#[test]
fn assertions_of_contexts_are_secrets() {
    let mut log = usual();
    log.0[1]["requestParameters"]["providedContexts"] = json!([{"providerArn": "arn:aws:iam::aws:contextProvider/IdentityCenter", "contextAssertion": "TOPSECRET"}]);
    let folder = folder(&log);
    for words in [
        &["show", "latest", "--logs", "in", "--raw"][..],
        &[
            "chains", "--logs", "in", "--since", "7d", "--format", "jsonl",
        ],
    ] {
        let (text, messages) = said(&folder, words, Exit::Clean);
        assert!(!text.contains("TOPSECRET") && !messages.contains("TOPSECRET"));
    }
}

#[test]
fn newer_names_of_quick_make_the_chain() {
    let mut log = usual();
    let text = json!(log.0)
        .to_string()
        .replace("quicksight.amazonaws.com", "quick.amazonaws.com");
    log.0 = serde_json::from_str(&text).unwrap();
    let [chain] = &chains(&log, &[])[..] else {
        panic!("one chain");
    };
    assert_eq!(chain["path"], "quick-role-chain");
    assert_eq!(chain["confidence"], "proven");
}
