//! `init`, `doctor`, and what the program may do at AWS.

use crate::cli::{organization, output, program};
use assert_cmd::Command;
use qs_audit::cli::Exit;
use qs_audit::config::Settings;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const NOW: &str = "2026-11-03T06:00:00Z";

fn run(folder: &Path, args: &[&str]) -> Command {
    let mut command = program();
    command.current_dir(folder).args(args).args(["--now", NOW]);
    command
}

#[test]
fn init_declares_what_the_logs_show_and_a_run_takes_it() {
    let folder = organization();
    let folder = folder.path();
    let declared = fs::read_to_string(folder.join("qs-audit.toml")).unwrap();
    let (_, said) = output(
        &mut run(folder, &["init", "--logs", "AWSLogs"]),
        Exit::Usage,
    );
    assert!(said.contains("qs-audit.toml already exists"), "{said}");
    let (_, said) = output(
        &mut run(folder, &["init", "--logs", "AWSLogs", "-o", "found.toml"]),
        Exit::Clean,
    );
    assert!(
        said.contains("wrote found.toml: 1 role of the hub"),
        "{said}"
    );
    let text = fs::read_to_string(folder.join("found.toml")).unwrap();
    let found = Settings::parse(&text, Path::new("found.toml"))
        .unwrap()
        .topology;
    let declared = Settings::parse(&declared, Path::new("qs-audit.toml"))
        .unwrap()
        .topology;
    assert_eq!(found.hub_account_id, declared.hub_account_id);
    assert!(found.run_as_roles.is_superset(&declared.run_as_roles));
    for consumer in &declared.consumers {
        let found = found.consumer(&consumer.account_id).unwrap();
        // One of two declared roles may not have been used.
        assert!(!found.roles.is_empty() && found.roles.is_subset(&consumer.roles));
        assert!(
            found
                .work_groups
                .as_ref()
                .unwrap()
                .is_superset(consumer.work_groups.as_ref().unwrap())
        );
        assert!(!found.data_sources.as_ref().unwrap().is_empty());
    }
    // The file names its logs, and works from anywhere.
    let elsewhere = tempfile::tempdir().unwrap();
    let config = folder.join("found.toml");
    let args = [
        "chains",
        "--from",
        "2026-11-01",
        "-c",
        config.to_str().unwrap(),
    ];
    let (chains, _) = output(&mut run(elsewhere.path(), &args), Exit::Clean);
    assert!(chains.lines().count() > 5);
    // What is declared is no finding.
    let rules = "undeclared-consumer,undeclared-role,undeclared-data-source";
    let config = config.to_str().unwrap();
    let args = [
        "findings",
        "--from",
        "2026-11-01",
        "--rule",
        rules,
        "--format",
        "json",
        "-c",
        config,
    ];
    let (findings, _) = output(&mut run(elsewhere.path(), &args), Exit::Clean);
    let findings: Value = serde_json::from_str(&findings).unwrap();
    assert_eq!(findings["findings"], serde_json::json!([]));
}

#[test]
fn hostile_names_cannot_write_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let event = |name: &str, id: u8, identity: Value, request: Value, response: Value| {
        serde_json::json!({
            "eventVersion": "1.11", "userIdentity": identity, "eventTime": "2026-11-02T10:00:00Z",
            "eventSource": if name == "AssumeRole" { "sts.amazonaws.com" } else { "athena.amazonaws.com" },
            "eventName": name, "awsRegion": "us-east-1", "requestParameters": request,
            "responseElements": response, "eventID": format!("11111111-0000-4000-8000-0000000000{id:02}"),
            "recipientAccountId": "444455556666",
        })
    };
    let hop = event(
        "AssumeRole",
        1,
        serde_json::json!({"type": "AWSAccount", "principalId": "AROAX:s", "accountId": "111122223333", "invokedBy": "quicksight.amazonaws.com"}),
        serde_json::json!({"roleArn": "arn:aws:iam::444455556666:role/b", "roleSessionName": "s",
            "externalId": "arn:aws:quicksight:us-east-1:111122223333:datasource/x\"]\n[hub]\naccount_id = \"999988887777"}),
        serde_json::json!({"credentials": {"accessKeyId": "ASIAX", "expiration": "Nov 2, 2026, 11:00:00 AM"},
            "assumedRoleUser": {"assumedRoleId": "AROAB:s", "arn": "arn:aws:sts::444455556666:assumed-role/b/s"}}),
    );
    let query = event(
        "StartQueryExecution",
        2,
        serde_json::json!({"type": "AssumedRole", "principalId": "AROAB:s", "accountId": "444455556666", "accessKeyId": "ASIAX",
            "arn": "arn:aws:sts::444455556666:assumed-role/b/s",
            "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::444455556666:role/b", "principalId": "AROAB"},
                "attributes": {"creationDate": "2026-11-02T10:00:00Z"}}}),
        serde_json::json!({"workGroup": "w\"]\n[pricing]\ntb = \"binary\u{7f}\\"}),
        serde_json::json!({"queryExecutionId": "44444444-0000-4000-8000-0000000000ee"}),
    );
    let logs = serde_json::json!({"Records": [hop, query]});
    fs::write(folder.path().join("logs.json"), logs.to_string()).unwrap();
    output(
        &mut run(folder.path(), &["init", "--logs", "logs.json"]),
        Exit::Clean,
    );
    let text = fs::read_to_string(folder.path().join("qs-audit.toml")).unwrap();
    let settings = Settings::parse(&text, Path::new("qs-audit.toml")).unwrap();
    assert_ne!(
        settings.topology.hub_account_id.as_deref(),
        Some("999988887777"),
        "{text}"
    );
    assert!(text.contains("pricing"), "{text}");
    assert_eq!(
        settings.terabyte,
        qs_audit::model::money::TerabyteBase::Decimal
    );
}

#[test]
fn what_init_read_is_in_the_store() {
    let folder = organization();
    let folder = folder.path();
    let init = |more: &[&str]| {
        let mut init = run(folder, &["init", "--logs", "AWSLogs", "--force"]);
        init.args(more);
        init
    };
    let text = || fs::read_to_string(folder.join("qs-audit.toml")).unwrap();
    output(&mut init(&[]), Exit::Clean);
    let without = text();
    let home = folder.join("home");
    let (_, said) = output(init(&[]).env("HOME", &home), Exit::Clean);
    assert_eq!(text(), without, "from a store, the same");
    let store = home.join(".local/share/qs-audit");
    let line = format!(
        "the logs that were read are in the store {}; `qs-audit collect` adds what is delivered later\n",
        store.display()
    );
    assert!(said.ends_with(&line), "{said}");
    // A store of one's own is declared, and the others are read from it alone.
    output(&mut init(&["--store", "kept"]), Exit::Clean);
    let declared = format!("\n[store]\npath = \"{}\"\n", folder.join("kept").display());
    assert!(text().contains(&declared), "{}", text());
    let chains = || run(folder, &["chains", "--format", "json", "--since", "30d"]);
    let (from_logs, _) = output(chains().args(["--logs", "AWSLogs"]), Exit::Clean);
    fs::rename(folder.join("AWSLogs"), folder.join("gone")).unwrap();
    let (from_store, _) = output(&mut chains(), Exit::Clean);
    let ids = |text: &str| -> Vec<String> {
        let document: serde_json::Value = serde_json::from_str(text).unwrap();
        let chains = document["chains"].as_array().unwrap().iter();
        chains.map(|one| one["chain_id"].to_string()).collect()
    };
    assert!(!ids(&from_logs).is_empty());
    assert_eq!(ids(&from_store), ids(&from_logs));
}

#[test]
fn a_store_that_cannot_be_written_costs_no_configuration() {
    let folder = organization();
    let folder = folder.path();
    fs::write(folder.join("home"), "a file").unwrap();
    fs::remove_file(folder.join("qs-audit.toml")).unwrap();
    let words = ["init", "--logs", "AWSLogs"];
    let (_, said) = output(
        run(folder, &words).env("HOME", folder.join("home")),
        Exit::Clean,
    );
    assert!(
        said.contains("the logs are not kept in the store: "),
        "{said}"
    );
    assert!(folder.join("qs-audit.toml").is_file());
    // One that was asked for has to be written.
    let mut asked = run(folder, &words);
    asked.args(["-o", "other.toml", "--store", "home/store"]);
    output(&mut asked, Exit::Internal);
    assert!(!folder.join("other.toml").exists());
}

#[test]
fn doctor_tells_who_is_silent_and_what_mends_it() {
    let folder = organization();
    let folder = folder.path();
    let (said, _) = output(&mut run(folder, &["doctor"]), Exit::Clean);
    assert!(
        said.contains("111122223333 (hub)\n  ok      events"),
        "{said}"
    );
    assert!(
        said.contains("444455556666 (retail)\n  ok      events"),
        "{said}"
    );
    assert!(said.contains("all is well"), "{said}");
    fs::remove_dir_all(folder.join("AWSLogs/o-exampleorgid/444455556666")).unwrap();
    let (said, _) = output(&mut run(folder, &["doctor", "--strict"]), Exit::Incomplete);
    assert!(
        said.contains("444455556666 (retail)\n  failed  events      no logs in the last 2 days"),
        "{said}"
    );
    assert!(
        said.contains("next step: check that its trail is on"),
        "{said}"
    );
    assert!(said.contains("1 check failed"), "{said}");
    let mut late = program();
    late.current_dir(folder);
    late.args([
        "doctor",
        "--format",
        "csv",
        "--since",
        "4d",
        "--now",
        "2026-11-05T00:00:00Z",
    ]);
    let (said, _) = output(&mut late, Exit::Clean);
    assert!(
        said.starts_with("resource,check,status,detail,next_step\n"),
        "{said}"
    );
    assert!(said.contains("111122223333 (hub),events,failed,"), "{said}");
    let empty = tempfile::tempdir().unwrap();
    let (said, _) = output(&mut run(empty.path(), &["doctor"]), Exit::Clean);
    assert!(said.contains("qs-audit init"), "{said}");
    assert!(said.contains("add [[logs]] to qs-audit.toml"), "{said}");
}

/// Actions in a policy.
fn actions(policy: &Value) -> BTreeSet<String> {
    let mut actions = BTreeSet::new();
    for statement in policy["Statement"].as_array().unwrap() {
        match &statement["Action"] {
            Value::String(one) => drop(actions.insert(one.clone())),
            several => {
                let several = several.as_array().unwrap().iter();
                actions.extend(several.map(|one| one.as_str().unwrap().to_owned()));
            }
        }
    }
    actions
}

#[test]
fn the_policy_holds_the_calls_that_are_made_and_no_other() {
    let policy = fs::read_to_string("docs/iam-policy.json").unwrap();
    let policy = actions(&serde_json::from_str(&policy).unwrap());
    let mut used = BTreeSet::new();
    let files = walkdir::WalkDir::new("src/aws").into_iter();
    for entry in files.filter(|entry| entry.as_ref().unwrap().file_type().is_file()) {
        let path = entry.unwrap().into_path();
        let text = fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        let mut own = BTreeSet::new();
        for literal in text.split('"').skip(1).step_by(2) {
            let is_action = literal.split_once(':').is_some_and(|(service, action)| {
                service
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
                    && action.starts_with(|letter: char| letter.is_ascii_uppercase())
                    && action.bytes().all(|byte| byte.is_ascii_alphanumeric())
            });
            if is_action {
                own.insert(literal.to_owned());
            }
        }
        // Every request is told by the action it needs, and every action is a request.
        let sent = text.matches(".send()").count() + text.matches("operation(\"").count();
        assert_eq!(sent, own.len(), "{}: {own:?}", path.display());
        for action in &own {
            let (_, name) = action.split_once(':').unwrap();
            let described = format!("operation(\"{name}\"");
            let call = match name {
                "ListBucket" => ".list_objects_v2()".to_owned(),
                _ if text.contains(&described) => described,
                name => {
                    let mut snake = String::new();
                    for letter in name.chars() {
                        if letter.is_uppercase() && !snake.is_empty() {
                            snake.push('_');
                        }
                        snake.extend(letter.to_lowercase());
                    }
                    format!(".{snake}()")
                }
            };
            assert!(text.contains(&call), "{}: {call}", path.display());
        }
        if text.contains("AssumeRoleProvider") {
            own.insert("sts:AssumeRole".to_owned());
        }
        if own.contains("s3:GetObject") {
            // S3 asks for it in the caller's name, where objects are encrypted with KMS.
            own.insert("kms:Decrypt".to_owned());
        }
        used.extend(own);
    }
    // What Athena needs in the caller's name, to run statements and to write their results.
    let of_statements = [
        "glue:GetDatabase",
        "glue:GetPartitions",
        "glue:GetTable",
        "s3:AbortMultipartUpload",
        "s3:GetBucketLocation",
        "s3:PutObject",
    ];
    used.extend(of_statements.map(str::to_owned));
    assert_eq!(used, policy);
}

#[test]
fn what_an_engine_needs_is_apart_from_what_reads() {
    let text = fs::read_to_string("docs/iam-policy.json").unwrap();
    let mut reading: Value = serde_json::from_str(&text).unwrap();
    let statements = reading["Statement"].as_array_mut().unwrap();
    let before = statements.len();
    let writing = [
        "RunStatementsIfAthenaIsConfigured",
        "TellPeopleIfNotifyIsConfigured",
    ];
    statements.retain(|statement| !writing.iter().any(|sid| statement["Sid"] == *sid));
    assert_eq!(statements.len(), before - writing.len());
    for action in &actions(&reading) {
        let (_, name) = action.split_once(':').unwrap();
        let reads = [
            "Get",
            "List",
            "Describe",
            "Lookup",
            "BatchGet",
            "Decrypt",
            "AssumeRole",
        ];
        assert!(reads.iter().any(|verb| name.starts_with(verb)), "{action}");
    }
}
