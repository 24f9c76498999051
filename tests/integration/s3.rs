//! Logs in S3 give what the same files give locally, on good days and on bad ones.

use crate::cli::{organization, output, program};
use crate::s3_server::{Asked, BUCKET, Fault, Proxy, S3Server};
use assert_cmd::Command;
use qs_audit::aws::{Aws, S3Location, S3Logs};
use qs_audit::cli::Exit;
use qs_audit::model::audit::Audit;
use qs_audit::model::time::UtcSecond;
use qs_audit::model::window::TimeWindow;
use qs_audit::pipeline::{self, Plan, Unwatched};
use qs_audit::ports::{ListingWatcher, LogSource, Version};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// A small organization whose logs are a bucket.
pub(crate) fn bucket() -> TempDir {
    let folder = organization();
    let bucket = folder.path().join(BUCKET);
    fs::create_dir(&bucket).unwrap();
    fs::rename(folder.path().join("AWSLogs"), bucket.join("AWSLogs")).unwrap();
    folder
}

/// The same on a server, and what a reading of it gives on a good day.
pub(crate) fn bucket_as_read() -> (TempDir, S3Server, Audit) {
    let folder = bucket();
    let server = S3Server::start(folder.path());
    let wanted = run(&open(&server.url(), "", TimeWindow::ALL), TimeWindow::ALL);
    (folder, server, wanted)
}

/// Nobody may list the logs of one of the accounts.
pub(crate) fn one_account_denied(asked: &Asked<'_>) -> Fault {
    let is_of_it = asked.target.contains("444455556666%2FCloudTrail");
    Fault::Denied.when(asked.is_list() && is_of_it)
}

/// Writes `own.toml`: the bucket's logs, kept in a store next to it.
pub(crate) fn write_own_configuration(folder: &Path) {
    let config = format!(
        "[[logs]]\ns3 = \"s3://{BUCKET}\"\n[aws]\nstatistics = false\n[store]\npath = \"store\"\n"
    );
    fs::write(folder.join("own.toml"), config).unwrap();
}

fn aws(endpoint: &str) -> Aws {
    Aws::through(None, Some(endpoint), Duration::from_millis(2)).unwrap()
}

fn location(prefix: &str) -> S3Location {
    S3Location {
        bucket: BUCKET.to_owned(),
        prefix: prefix.to_owned(),
        ..S3Location::default()
    }
}

fn at(text: &str) -> UtcSecond {
    UtcSecond::parse(text).unwrap()
}

pub(crate) fn window(from: &str, to: &str) -> TimeWindow {
    TimeWindow {
        from: Some(at(from)),
        to: Some(at(to)),
    }
}

pub(crate) fn run(logs: &dyn LogSource, window: TimeWindow) -> Audit {
    let plan = Plan {
        window,
        ..Plan::default()
    };
    pipeline::run(&plan, logs, &Unwatched).unwrap()
}

/// Whether the one who lists reads everything, or looks first.
struct Reads(bool);

impl ListingWatcher for Reads {
    fn listed(&self, _objects: usize) {}

    fn will_read(&self, _key: &str, _version: &Version) -> bool {
        self.0
    }
}

pub(crate) fn open(endpoint: &str, prefix: &str, window: TimeWindow) -> S3Logs {
    S3Logs::open(&aws(endpoint), location(prefix), &window, &Reads(true)).unwrap()
}

/// The program with credentials and an endpoint, and nothing else of the surroundings.
pub(crate) fn program_at(endpoint: &str) -> Command {
    let mut command = program();
    command
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "x")
        .env("AWS_REGION", "us-east-1");
    command
}

#[test]
fn the_program_says_the_same_of_a_bucket_as_of_a_folder() {
    let folder = bucket();
    let server = S3Server::start(folder.path());
    let of = |command: &mut Command, logs: &str| {
        command.args([
            "chains",
            "--from",
            "2026-11-01",
            "--format",
            "json",
            "--logs",
            logs,
        ]);
        command.current_dir(folder.path());
        output(command, Exit::Clean).0
    };
    let url = format!("s3://{BUCKET}");
    let remote = of(&mut program_at(&server.url()), &url);
    let local = of(&mut program(), BUCKET);
    assert!(local.contains("\"chain_id\""));
    assert_eq!(remote.replace(&url, BUCKET), local);
}

#[test]
fn every_place_in_a_bucket_can_be_where_logs_begin() {
    let folder = bucket();
    let server = S3Server::start(folder.path());
    let all = open(&server.url(), "", TimeWindow::ALL);
    assert!(all.object_count() > 10);
    let keys = |logs: &S3Logs| -> Vec<String> {
        (0..logs.object_count())
            .map(|at| logs.key(at).to_string())
            .collect()
    };
    for prefix in ["AWSLogs", "AWSLogs/"] {
        assert_eq!(
            keys(&open(&server.url(), prefix, TimeWindow::ALL)),
            keys(&all)
        );
    }
    // An account, a Region, a day, a file.
    let one = all.key(0).to_string();
    let one = one.strip_prefix(&format!("s3://{BUCKET}/")).unwrap();
    let parts: Vec<&str> = one.split('/').collect();
    for depth in 2..=parts.len() {
        let prefix = parts[..depth].join("/");
        let below = open(&server.url(), &prefix, TimeWindow::ALL);
        let wanted: Vec<String> = keys(&all)
            .into_iter()
            .filter(|key| key.starts_with(&format!("s3://{BUCKET}/{prefix}")))
            .collect();
        assert_eq!(keys(&below), wanted, "{prefix}");
        assert!(!wanted.is_empty());
    }
}

#[test]
fn an_organization_trail_with_a_prefix_is_found() {
    let folder = bucket();
    let root = folder.path().join(BUCKET);
    fs::create_dir_all(root.join("some/prefix/AWSLogs")).unwrap();
    fs::rename(
        root.join("AWSLogs"),
        root.join("some/prefix/AWSLogs/o-exampleorgid"),
    )
    .unwrap();
    // A second trail in the same place, and what else a bucket holds.
    let other = "some/prefix/trail-2/AWSLogs/777788889999/CloudTrail/us-east-1/2026/11/02";
    fs::create_dir_all(root.join(other)).unwrap();
    fs::write(root.join(other).join("f.json"), "{\"Records\":[]}").unwrap();
    let third = "some/prefix/org/trails/AWSLogs/888899990000/CloudTrail/us-east-1/2026/11/02";
    fs::create_dir_all(root.join(third)).unwrap();
    fs::write(root.join(third).join("f.json"), "{\"Records\":[]}").unwrap();
    fs::create_dir_all(root.join("some/prefix/lake/deep")).unwrap();
    fs::write(root.join("some/prefix/lake/deep/file.parquet"), "x").unwrap();
    let server = S3Server::start(folder.path());
    let proxy = Proxy::start(server.address, |_| Fault::None);
    let logs = open(&proxy.url(), "some/prefix", TimeWindow::ALL);
    assert!(logs.object_count() > 10);
    let of_other = |at: &u32| logs.key(*at).contains("trail-2/AWSLogs");
    assert_eq!((0..logs.object_count()).filter(of_other).count(), 1);
    let of_third = |at: &u32| logs.key(*at).contains("org/trails/AWSLogs");
    assert_eq!((0..logs.object_count()).filter(of_third).count(), 1);
    assert!((0..logs.object_count()).all(|at| logs.key(at).contains("AWSLogs")));
    // Of folders next to logs, those of other things are listed once each.
    assert_eq!(proxy.asked_for("lake%2F"), 2);
    assert_eq!(proxy.asked_for("deep"), 1);
}

/// The prefixes that lists asked for.
pub(crate) fn listed(proxy: &Proxy) -> Vec<String> {
    let log = proxy.log.lock().unwrap();
    let prefixes = log.iter().filter_map(|(target, _)| {
        let prefix = target.split("&prefix=").nth(1)?;
        let prefix = prefix.split('&').next()?;
        Some(prefix.replace("%2F", "/"))
    });
    prefixes.collect()
}

#[test]
fn days_accounts_and_regions_outside_are_never_listed() {
    let folder = bucket();
    let root = folder.path().join(BUCKET);
    let sibling = root.join("AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/11/02");
    fs::create_dir_all(&sibling).unwrap();
    fs::write(sibling.join("digest.json.gz"), "x").unwrap();
    let server = S3Server::start(folder.path());
    let one_day = window("2026-11-02T13:00:00Z", "2026-11-02T14:00:00Z");
    let proxy = Proxy::start(server.address, |_| Fault::None);
    let logs = open(&proxy.url(), "", one_day);
    assert!(logs.object_count() > 0);
    let prefixes = listed(&proxy);
    for prefix in &prefixes {
        assert!(!prefix.contains("Digest"), "{prefix}");
        if let Some((_, day)) = prefix.split_once("/2026/") {
            assert!(["11/02/", "11/03/"].contains(&day), "{prefix}");
        }
    }
    assert!(
        prefixes
            .iter()
            .any(|prefix| prefix.ends_with("/2026/11/02/"))
    );

    // A long window begins behind its first day, and ends with its last.
    let proxy = Proxy::start(server.address, |_| Fault::None);
    let long = window("2026-10-20T00:00:00Z", "2026-11-02T00:00:00Z");
    let logs = open(&proxy.url(), "", long);
    let days: BTreeSet<String> = (0..logs.object_count())
        .map(|at| logs.key(at).split("/2026/").nth(1).unwrap()[..5].to_owned())
        .collect();
    assert!(days.iter().all(|day| day.as_str() <= "11/02"), "{days:?}");
    assert!(proxy.asked_for("start-after=") > 0);

    let proxy = Proxy::start(server.address, |_| Fault::None);
    let only = S3Location {
        accounts: ["444455556666".to_owned()].into(),
        regions: ["us-east-1".to_owned()].into(),
        ..location("")
    };
    let logs = S3Logs::open(&aws(&proxy.url()), only, &TimeWindow::ALL, &Reads(true)).unwrap();
    assert!(logs.object_count() > 0);
    for prefix in listed(&proxy) {
        assert!(!prefix.contains("111122223333"), "{prefix}");
        assert!(!prefix.contains("eu-"), "{prefix}");
    }
}

/// What is the same of two readings, however they came about.
pub(crate) fn essence(audit: &Audit) -> String {
    let mut coverage = audit.coverage.clone();
    coverage.rejects = qs_audit::model::coverage::Rejects::default();
    format!("{:?}\n{coverage:?}", audit.chains)
}

const FAULTS: [Fault; 8] = [
    Fault::None,
    Fault::InternalError,
    Fault::SlowDown,
    Fault::Reset,
    Fault::Truncated,
    Fault::ShortLength,
    Fault::LongLength,
    Fault::Slow,
];

#[test]
fn whatever_passes_changes_nothing() {
    let (_folder, server, wanted) = bucket_as_read();
    // Every answer is spoiled the first two times that it is asked for, each request
    // in its own way; lists too.
    let proxy = Proxy::start(server.address, |asked: &Asked<'_>| {
        let hash = asked
            .target
            .bytes()
            .fold(7_usize, |hash, byte| hash * 31 % 1009 + usize::from(byte));
        match asked.before {
            0 | 1 => FAULTS[(hash + asked.before as usize * 3) % FAULTS.len()],
            _ => Fault::None,
        }
    });
    let found = run(&open(&proxy.url(), "", TimeWindow::ALL), TimeWindow::ALL);
    assert_eq!(
        found.coverage.rejects.total(),
        0,
        "{:?}",
        found.coverage.rejects
    );
    assert_eq!(essence(&found), essence(&wanted));
    let log = proxy.log.lock().unwrap();
    let seen: BTreeSet<Fault> = log.iter().map(|(_, fault)| *fault).collect();
    assert_eq!(seen.len(), FAULTS.len(), "every fault was met: {seen:?}");
}

#[test]
fn each_fault_that_lasts_costs_its_object_and_is_named() {
    let folder = bucket();
    let server = S3Server::start(folder.path());
    let all = open(&server.url(), "", TimeWindow::ALL);
    let key = all.key(3).to_string();
    let name = key.rsplit('/').next().unwrap().to_owned();
    let whole = run(&all, TimeWindow::ALL);
    for fault in FAULTS.into_iter().chain([Fault::Denied]) {
        let own = name.clone();
        let proxy = Proxy::start(server.address, move |asked: &Asked<'_>| {
            fault.when(asked.target.contains(&own))
        });
        let audit = run(&open(&proxy.url(), "", TimeWindow::ALL), TimeWindow::ALL);
        if matches!(fault, Fault::None | Fault::Slow) {
            assert_eq!(essence(&audit), essence(&whole));
            continue;
        }
        assert_eq!(audit.coverage.objects_failed, 1, "{fault:?}");
        let (_, count, examples) = audit.coverage.rejects.iter().next().unwrap();
        assert_eq!(
            (count, &*examples[0].object),
            (1, key.as_str()),
            "{fault:?}"
        );
        assert!(!examples[0].detail.is_empty());
        assert_eq!(audit.coverage.objects_read + 1, whole.coverage.objects_read);
    }
}

#[test]
fn an_object_that_goes_between_list_and_get_is_named() {
    let folder = bucket();
    let server = S3Server::start(folder.path());
    let all = &TimeWindow::ALL;
    let logs = S3Logs::open(&aws(&server.url()), location(""), all, &Reads(false)).unwrap();
    let key = logs.key(5).to_string();
    let path = key.strip_prefix("s3://").unwrap();
    fs::remove_file(folder.path().join(path)).unwrap();
    let audit = run(&logs, TimeWindow::ALL);
    assert_eq!(audit.coverage.objects_failed, 1);
    let (_, _, examples) = audit.coverage.rejects.iter().next().unwrap();
    assert_eq!(&*examples[0].object, key.as_str());
    assert_eq!(examples[0].detail, "it was listed, but no longer exists");
}

#[test]
fn access_denied_to_one_account_is_a_gap_and_not_the_end() {
    let folder = bucket();
    let server = S3Server::start(folder.path());
    let proxy = Proxy::start(server.address, one_account_denied);
    let mut command = program_at(&proxy.url());
    command.args(["chains", "--from", "2026-11-01", "--strict"]);
    command.args(["--logs", &format!("s3://{BUCKET}")]);
    let (chains, said) = output(&mut command, Exit::Incomplete);
    assert!(
        chains.contains("777788889999") || chains.lines().count() > 5,
        "{chains}"
    );
    let place = "/444455556666/CloudTrail/: access denied";
    assert!(said.contains(place), "{said}");
    assert!(said.contains("allow s3:ListBucket"), "{said}");
}

#[test]
fn one_bucket_that_is_not_there_is_a_gap_and_the_only_one_an_error() {
    let folder = bucket();
    let server = S3Server::start(folder.path());
    let there = format!("s3://{BUCKET}");
    let run = |logs: &[&str], exit| {
        let mut command = program_at(&server.url());
        command.args(["chains", "--from", "2026-11-01", "--strict"]);
        for logs in logs {
            command.args(["--logs", logs]);
        }
        output(&mut command, exit).1
    };
    let said = run(&[&there, "s3://amzn-s3-demo-bucket2"], Exit::Incomplete);
    assert!(said.contains("s3://amzn-s3-demo-bucket2"), "{said}");
    let said = run(&["s3://amzn-s3-demo-bucket2"], Exit::Usage);
    assert!(said.contains("error: s3://amzn-s3-demo-bucket2"), "{said}");
    assert!(said.contains("hint: "), "{said}");
    let said = run(&["s3://"], Exit::Usage);
    assert!(said.contains("s3://bucket/prefix"), "{said}");
}

#[test]
fn without_credentials_the_program_says_what_to_do() {
    let folder = bucket();
    let server = S3Server::start(folder.path());
    let mut command = program_at(&server.url());
    command
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY");
    command
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("HOME", folder.path());
    command.args(["chains", "--logs", &format!("s3://{BUCKET}")]);
    let (_, said) = output(&mut command, Exit::Usage);
    assert!(said.contains("there are no AWS credentials"), "{said}");
    assert!(said.contains("aws sso login"), "{said}");
    assert!(said.contains("AWS_PROFILE"), "{said}");
}

#[test]
fn whoever_pays_is_told_to_the_bucket() {
    let folder = bucket();
    let server = S3Server::start(folder.path());
    let has_header = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&has_header);
    let proxy = crate::s3_server::Proxy::start_seeing(server.address, move |head| {
        if head
            .to_ascii_lowercase()
            .contains("x-amz-request-payer: requester")
        {
            seen.store(true, Ordering::SeqCst);
        }
    });
    let run = |more: &[&str]| {
        let mut command = program_at(&proxy.url());
        command.args([
            "chains",
            "--from",
            "2026-11-01",
            "--logs",
            &format!("s3://{BUCKET}"),
        ]);
        command.args(more);
        output(&mut command, Exit::Clean);
    };
    run(&[]);
    assert!(!has_header.load(Ordering::SeqCst));
    run(&["--requester-pays"]);
    assert!(has_header.load(Ordering::SeqCst));
}

#[test]
fn the_bucket_is_asked_as_its_expected_owners() {
    let folder = bucket();
    let server = S3Server::start(folder.path());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let proxy = crate::s3_server::Proxy::start_seeing(server.address, move |head| {
        let head = head.to_ascii_lowercase();
        let is_owned = head.contains("x-amz-expected-bucket-owner: 999988887777");
        seen.lock().unwrap().push((head, is_owned));
    });
    let home = tempfile::tempdir().unwrap();
    let config =
        format!("[[logs]]\ns3 = \"s3://{BUCKET}\"\nexpected_bucket_owner = \"999988887777\"\n");
    fs::write(home.path().join("qs-audit.toml"), config).unwrap();
    let mut command = program_at(&proxy.url());
    command.current_dir(home.path());
    output(
        command.args(["chains", "--from", "2026-11-01"]),
        Exit::Clean,
    );
    let asked = asked.lock().unwrap();
    let is_for_objects = |head: &str| head.contains("list-type=2") || head.contains(".json.gz");
    let of_objects: Vec<_> = asked
        .iter()
        .filter(|(head, _)| is_for_objects(head))
        .collect();
    assert!(of_objects.len() > 2);
    assert!(
        of_objects.iter().all(|(_, is_owned)| *is_owned),
        "{of_objects:?}"
    );
}

#[test]
fn raw_events_come_from_the_bucket_too() {
    let folder = bucket();
    let server = S3Server::start(folder.path());
    let of = |command: &mut Command, logs: &str| {
        command.current_dir(Path::new(folder.path()));
        command.args(["show", "latest", "--raw", "--logs", logs]);
        output(command, Exit::Clean).0
    };
    let remote = of(&mut program_at(&server.url()), &format!("s3://{BUCKET}"));
    assert_eq!(remote, of(&mut program(), BUCKET));
    assert!(remote.contains("eventID"));
}

#[test]
fn buckets_whose_names_begin_alike_are_not_mixed_up() {
    // Logs of the hub in one bucket, those of a consumer in another; the hub's come late.
    let folder = bucket();
    let first = folder.path().join(BUCKET);
    let second = folder.path().join(format!("{BUCKET}-eu"));
    fs::create_dir_all(second.join("AWSLogs/o-exampleorgid")).unwrap();
    let account = "AWSLogs/o-exampleorgid/444455556666";
    fs::rename(first.join(account), second.join(account)).unwrap();
    let hub = first.join("AWSLogs/o-exampleorgid/111122223333");
    let aside = folder.path().join("aside");
    fs::rename(&hub, &aside).unwrap();
    let server = S3Server::start(folder.path());
    let (one, two) = (format!("s3://{BUCKET}"), format!("s3://{BUCKET}-eu"));
    let config = format!(
        "[[logs]]\ns3 = \"{one}\"\n[[logs]]\ns3 = \"{two}\"\n[aws]\nstatistics = false\n\
         [store]\npath = \"store\"\n"
    );
    fs::write(folder.path().join("two.toml"), config).unwrap();
    let run = |args: &[&str]| {
        let mut command = program_at(&server.url());
        command.current_dir(folder.path()).args(args);
        command.args(["-c", "two.toml", "--now", "2026-11-05T12:00:00Z"]);
        output(&mut command, Exit::Clean).0
    };
    run(&["collect"]);
    fs::rename(&aside, &hub).unwrap();
    run(&["collect", "--since", "36d"]);
    let chains = [
        "chains",
        "--path",
        "any",
        "--from",
        "2026-11-01",
        "--format",
        "jsonl",
    ];
    let kept = run(&chains);
    let read = run(&[&chains[..], &["--logs", &one, "--logs", &two]].concat());
    assert!(
        kept == read,
        "the store says something else than the buckets"
    );
    // Events of one chain lie in both, and are read again by their keys.
    let raw = run(&["show", "latest", "--raw"]);
    let of_logs = run(&["show", "latest", "--raw", "--logs", &one, "--logs", &two]);
    assert!(raw.lines().count() > 2 && raw == of_logs, "{raw}");
}

#[test]
fn a_gap_stays_until_its_days_were_listed() {
    let folder = bucket();
    let server = S3Server::start(folder.path());
    let proxy = Proxy::start(server.address, one_account_denied);
    write_own_configuration(folder.path());
    let run = |endpoint: &str, now: &str, args: &[&str]| {
        let mut command = program_at(endpoint);
        command.current_dir(folder.path()).args(args);
        output(command.args(["-c", "own.toml", "--now", now]), Exit::Clean)
    };
    run(&proxy.url(), "2026-11-05T12:00:00Z", &["collect"]);
    run(&proxy.url(), "2026-11-15T12:00:00Z", &["collect"]);
    let chains = ["chains", "--from", "2026-11-01", "--to", "2026-11-04"];
    let (_, said) = run("", "2026-11-15T12:00:00Z", &chains);
    assert!(
        said.contains("444455556666/CloudTrail/: access denied"),
        "{said}"
    );
    // Fixed ten days later, the run goes back to where it began.
    let (said, _) = run(&server.url(), "2026-11-16T12:00:00Z", &["collect"]);
    assert!(!said.starts_with("0 new"), "{said}");
    let (_, said) = run("", "2026-11-16T12:00:00Z", &chains);
    assert!(!said.contains("access denied"), "{said}");
}
