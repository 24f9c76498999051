//! Verdicts next to those of `aws cloudtrail validate-logs`, over one bucket: S3 by
//! `s3s-fs` with signatures checked, CloudTrail's answers from memory. Without
//! the AWS CLI, only this program is asked.

use crate::cli::output;
use crate::digest_bucket::{
    BUCKET, Bucket, ORGANIZATION, Plant, Signer, TRAIL, answers, organization,
};
use crate::needs;
use crate::s3::program_at;
use crate::s3_server::S3Server;
use qs_audit::cli::Exit;
use qs_audit::model::time::UtcSecond;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

const REGION: &str = "eu-central-1";

/// What the AWS CLI says of an account: faults and gaps, and how many files are valid.
fn of_aws_cli(
    cli: &Path,
    url: &str,
    account: &str,
    window: (&str, &str),
) -> (BTreeSet<String>, [u64; 3]) {
    let arn = format!("arn:aws:cloudtrail:us-east-1:999988887777:trail/{TRAIL}");
    let answer = Command::new(cli)
        .env_clear()
        .env("AWS_ENDPOINT_URL", url)
        .env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "x")
        .args([
            "cloudtrail",
            "validate-logs",
            "--verbose",
            "--trail-arn",
            &arn,
        ])
        .args(["--account-id", account, "--region", REGION])
        .args(["--start-time", window.0, "--end-time", window.1])
        .output()
        .unwrap();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&answer.stdout),
        String::from_utf8_lossy(&answer.stderr),
    );
    let lines = stderr.lines().filter(|line| !line.is_empty());
    let valid = |start: &str| {
        let lines = stdout.lines().filter(|line| line.starts_with(start));
        lines.filter(|line| line.ends_with("\tvalid")).count() as u64
    };
    let counts = [
        valid("Digest file"),
        valid("(backfill) Digest file"),
        valid("Log file"),
    ];
    assert!(counts[0] > 0, "{stdout}\n{stderr}");
    (lines.map(str::to_owned).collect(), counts)
}

/// What this program says of the same, by account, in the words that both know.
fn of_program(text: &str, document: &Value) -> BTreeMap<String, (BTreeSet<String>, [u64; 3])> {
    let mut by_account: BTreeMap<String, (BTreeSet<String>, [u64; 3])> = BTreeMap::new();
    for place in document["places"].as_array().unwrap() {
        let account = place["account_id"].as_str().unwrap();
        let valid = |kind: &str| place["counts"][kind]["valid"].as_u64().unwrap();
        let counts = [
            valid("digests"),
            valid("backfill_digests"),
            valid("log_files"),
        ];
        by_account.insert(account.to_owned(), (BTreeSet::new(), counts));
    }
    for line in text.lines() {
        let is_fault = line.contains("\tINVALID: ") && !line.ends_with("no digest file lists it");
        let is_gap = line.contains("No log files were delivered");
        let (line, account) = match line.split_once(" (") {
            Some((gap, place)) if is_gap => (gap, place.split(' ').next().unwrap().to_owned()),
            _ if is_fault => {
                let account = line
                    .split('/')
                    .find(|part| qs_audit::model::ids::is_account_id(part));
                (line, account.unwrap().to_owned())
            }
            _ => continue,
        };
        by_account
            .get_mut(&account)
            .unwrap()
            .0
            .insert(line.to_owned());
    }
    by_account
}

#[test]
fn verdicts_are_those_of_the_aws_cli() {
    let signer = Signer::new();
    let first = UtcSecond::parse("2026-07-01T01:00:31Z").unwrap();
    let (accounts, bucket) = organization(&signer, Plant::ALL.len(), first, 30, 2);
    let folder = tempfile::tempdir().unwrap();
    bucket.write_copy(&folder.path().join(BUCKET));
    let keys = answers(signer.public_keys());
    let server = S3Server::start_with(folder.path(), bucket.metadata_by_path(), keys);
    let window = ("2026-07-01T00:00:00Z", "2026-07-03T00:00:00Z");
    let program = |format: &str| {
        let mut command = program_at(&server.url());
        command.current_dir(folder.path());
        command.args([
            "verify",
            "--logs",
            &format!("s3://{BUCKET}"),
            "--format",
            format,
        ]);
        command.args(["--from", window.0, "--to", window.1, "--now", window.1]);
        output(&mut command, Exit::Findings).0
    };
    let document: Value = serde_json::from_str(&program("json")).unwrap();
    let ours = of_program(&program("table"), &document["verification"]);
    assert_eq!(ours.len(), accounts.len());
    let faulty = ours
        .values()
        .filter(|(faults, _)| !faults.is_empty())
        .count();
    assert_eq!(faulty, Plant::ALL.len() - 1, "{ours:?}");
    let Some(cli) = needs::aws_cli() else {
        return;
    };
    for account in &accounts {
        let theirs = of_aws_cli(&cli, &server.url(), account, window);
        assert_eq!(ours[account], theirs, "{account}");
    }
}

#[test]
fn digests_and_keys_come_from_aws_itself() {
    let signer = Signer::new();
    let first = UtcSecond::parse("2026-07-01T01:00:31Z").unwrap();
    let (_, mut bucket) = organization(&signer, 1, first, 20, 2);
    let run = |bucket: &Bucket, keys: Value, more: &[&str], exit: Exit| {
        let folder = tempfile::tempdir().unwrap();
        bucket.write_copy(&folder.path().join(BUCKET));
        let object_metadata = bucket.metadata_by_path();
        let server = S3Server::start_with(folder.path(), object_metadata, answers(keys));
        let mut command = program_at(&server.url());
        command
            .env("AWS_MAX_ATTEMPTS", "1")
            .current_dir(folder.path());
        command.args([
            "verify",
            "--format",
            "json",
            "--from",
            "2026-07-01",
            "--to",
            "2026-07-02",
        ]);
        command.args(["--now", "2026-07-02"]).args(more);
        let (stdout, _) = output(&mut command, exit);
        serde_json::from_str::<Value>(&stdout).unwrap()["verification"].clone()
    };
    let keys = signer.public_keys();
    let all = ["--logs", "s3://amzn-s3-demo-bucket"];
    let sound = run(&bucket, keys.clone(), &all, Exit::Clean);
    assert_eq!(sound["total"]["digests"]["valid"], 20);
    // Named by the folder of one account's logs, the digests next to it are found.
    let folder = format!("s3://{BUCKET}/AWSLogs/{ORGANIZATION}/444455556666/CloudTrail/{REGION}/");
    let one = run(&bucket, keys.clone(), &["--logs", &folder], Exit::Clean);
    assert_eq!(one["total"], sound["total"]);
    // Without the right key, and without any answer.
    let none = json!({"PublicKeyList": []});
    let unknown = run(&bucket, none, &all, Exit::Findings);
    assert_eq!(unknown["faults"][0]["fault"], "public-key-not-found");
    let refused = run(
        &bucket,
        json!({"__type": "x"}),
        &[&all[..], &["--strict"]].concat(),
        Exit::Findings,
    );
    assert_eq!(refused["total"]["digests"]["valid"], 0);
    // Metadata that is known to be missing is a fault, not a matter of the copy.
    let newest = bucket.keys("CloudTrail-Digest").pop().unwrap();
    bucket.0.get_mut(&newest).unwrap().metadata.clear();
    let bare = run(&bucket, keys, &all, Exit::Findings);
    assert_eq!(bare["faults"][0]["fault"], "signature-failed");
}
