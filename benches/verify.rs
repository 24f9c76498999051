//! Digest chains: the whole process against plain downloads of the same objects and against
//! `aws cloudtrail validate-logs`, and what hashing costs in the pass that reads the logs.
//!
//! ```text
//! QS_AUDIT_AWS_CLI=aws cargo bench --bench verify            # 20 accounts, 30 days
//! QS_AUDIT_AWS_CLI=aws cargo bench --bench verify -- 4 2 20  # 4 accounts, 2 days, 20 ms before each answer
//! cargo bench --bench verify -- hashing 5                    # what hashing costs, 5 rounds
//! ```
//!
//! The server answers from memory, in a process of its own that shares the cores. Every
//! verdict is compared before any time counts. `QS_AUDIT_BIN` names another build of the
//! program.

#![expect(
    clippy::print_stdout,
    clippy::float_arithmetic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a benchmark prints figures, and stops at the first thing that is wrong"
)]

#[expect(dead_code, reason = "tests use more of it")]
#[path = "../tests/integration/digest_bucket.rs"]
mod digest_bucket;
#[path = "measure/plain_client.rs"]
mod plain_client;
#[path = "measure/server.rs"]
mod server;

use digest_bucket::{Signer, TRAIL, answers, organization, with_digests};
use qs_audit::demo::{self, DemoPlan};
use qs_audit::model::time::UtcSecond;
use serde_json::Value;
use server::{BUCKET, Objects};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const REGION: &str = "eu-central-1";
const FILES_PER_HOUR: i64 = 2;

/// What the plain client keeps in flight: as many as the program at most.
const DOWNLOADS_AT_ONCE: usize = 192;

fn first() -> UtcSecond {
    UtcSecond::parse("2026-07-01T01:00:31Z").unwrap()
}

/// The bucket's server, and its accounts in a file.
fn serve(accounts: usize, days: i64, latency: Duration) {
    let signer = Signer::new();
    let (_, bucket) = organization(&signer, accounts, first(), days * 24, FILES_PER_HOUR);
    let keys = signer.public_keys();
    let objects: Objects = bucket
        .0
        .into_iter()
        .map(|(key, object)| (key, (object.body.into(), object.metadata)))
        .collect();
    let manners = server::Manners {
        latency,
        ..server::Manners::default()
    };
    server::serve(objects, manners, Box::new(answers(keys)));
}

struct Server(Child, String);

impl Server {
    fn start(accounts: usize, days: i64, latency: Duration) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["serve", &accounts.to_string(), &days.to_string()])
            .arg(latency.as_millis().to_string())
            .stdout(Stdio::piped())
            .spawn()
            .expect("server");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        Self(child, format!("http://127.0.0.1:{}", line.trim()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn with_access(program: &str, url: &str) -> Command {
    let mut command = Command::new(program);
    command
        .env("AWS_ENDPOINT_URL", url)
        .env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "x")
        .env("AWS_REGION", "us-east-1");
    command
}

fn own_program() -> String {
    let usual = || env!("CARGO_BIN_EXE_qs-audit").to_owned();
    std::env::var("QS_AUDIT_BIN").unwrap_or_else(|_| usual())
}

/// Faults and gaps in the words that both know.
fn of_program(url: &str, to: &str) -> (BTreeSet<String>, Value, f64) {
    let run = |format: &str| {
        let mut command = with_access(&own_program(), url);
        command.args([
            "verify",
            "-q",
            "--logs",
            &format!("s3://{BUCKET}"),
            "--format",
            format,
        ]);
        command.args(["--from", "2026-07-01", "--to", to, "--now", to]);
        let start = Instant::now();
        let answer = command.output().expect("program run");
        assert_eq!(answer.status.code(), Some(10), "{answer:?}");
        (
            String::from_utf8(answer.stdout).unwrap(),
            start.elapsed().as_secs_f64(),
        )
    };
    let (document, seconds) = run("json");
    let (table, _) = run("table");
    let lines = table.lines().filter(|line| {
        let is_fault = line.contains("\tINVALID: ") && !line.ends_with("no digest file lists it");
        is_fault || line.contains("No log files were delivered")
    });
    let lines = lines.map(|line| match line.split_once(" (") {
        Some((gap, _)) if !line.contains('\t') => gap.to_owned(),
        _ => line.to_owned(),
    });
    let document: Value = serde_json::from_str(&document).unwrap();
    (
        lines.collect(),
        document["verification"]["total"].clone(),
        seconds,
    )
}

fn of_aws_cli(
    cli: &str,
    url: &str,
    accounts: usize,
    to: &str,
) -> (BTreeSet<String>, [u64; 3], f64) {
    let arn = format!("arn:aws:cloudtrail:us-east-1:999988887777:trail/{TRAIL}");
    let (mut faults, mut counts) = (BTreeSet::new(), [0; 3]);
    let start = Instant::now();
    for number in 0..accounts {
        let account = format!("{:012}", 444_455_556_666 + number);
        let mut command = with_access(cli, url);
        command.args([
            "cloudtrail",
            "validate-logs",
            "--verbose",
            "--trail-arn",
            &arn,
        ]);
        command.args(["--account-id", &account, "--region", REGION]);
        command.args([
            "--start-time",
            "2026-07-01T00:00:00Z",
            "--end-time",
            &format!("{to}T00:00:00Z"),
        ]);
        let answer = command.output().expect("AWS CLI");
        let (stdout, stderr) = (
            String::from_utf8_lossy(&answer.stdout).into_owned(),
            String::from_utf8_lossy(&answer.stderr).into_owned(),
        );
        faults.extend(
            stderr
                .lines()
                .filter(|line| !line.is_empty())
                .map(str::to_owned),
        );
        let starts = ["Digest file", "(backfill) Digest file", "Log file"];
        for (count, begins) in counts.iter_mut().zip(starts) {
            let valid = stdout.lines().filter(|line| line.ends_with("\tvalid"));
            *count += valid.filter(|line| line.starts_with(begins)).count() as u64;
        }
    }
    (faults, counts, start.elapsed().as_secs_f64())
}

/// Seconds that a plain client takes for all objects.
fn of_plain_client(url: &str) -> f64 {
    let mut client = Command::new(std::env::current_exe().unwrap());
    let answer = client.args(["download", url]).output().expect("client run");
    assert!(answer.status.success(), "{answer:?}");
    let seconds = String::from_utf8(answer.stdout).unwrap();
    seconds.trim().parse().unwrap()
}

fn beside_others(accounts: usize, days: i64, latency: Duration) {
    let server = Server::start(accounts, days, latency);
    let end = first().plus((days + 1) * 86_400);
    let to = &end.to_string()[..10];
    let (ours, total, _) = of_program(&server.1, to);
    let (mut times, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        plain.push(of_plain_client(&server.1));
        times.push(of_program(&server.1, to).2);
    }
    times.sort_by(f64::total_cmp);
    plain.sort_by(f64::total_cmp);
    let valid = |kind: &str| total[kind]["valid"].as_u64().unwrap();
    let counts = [
        valid("digests"),
        valid("backfill_digests"),
        valid("log_files"),
    ];
    println!(
        "{accounts} accounts, {days} days: {counts:?} valid digests, backfill digests, log files; {} faults and gaps",
        ours.len()
    );
    println!("{} ms before each answer", latency.as_millis());
    println!("qs-audit verify: {:.2} s (median of 3)", times[1]);
    println!(
        "plain downloads: {:.2} s (median of 3); {:.2} times",
        plain[1],
        times[1] / plain[1]
    );
    let Ok(cli) = std::env::var("QS_AUDIT_AWS_CLI") else {
        println!("QS_AUDIT_AWS_CLI names no AWS CLI to compare with");
        return;
    };
    let (theirs, known, seconds) = of_aws_cli(&cli, &server.1, accounts, to);
    assert_eq!(ours, theirs);
    assert_eq!(counts, known);
    println!("aws cloudtrail validate-logs: {seconds:.2} s, the same verdicts");
    println!("{:.0} times as fast", seconds / times[1]);
}

fn text_of(body: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut gzip = flate2::read::MultiGzDecoder::new(body);
    std::io::Read::read_to_end(&mut gzip, &mut text).expect("gzip");
    text
}

/// Seconds that hashing these texts takes on two threads.
fn bare_hashes(texts: &[Vec<u8>]) -> f64 {
    use sha2::{Digest, Sha256};
    let next = AtomicUsize::new(0);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(text) = texts.get(next.fetch_add(1, Ordering::Relaxed)) {
                    std::hint::black_box(Sha256::digest(text));
                }
            });
        }
    });
    start.elapsed().as_secs_f64()
}

/// The whole process over local logs, with and without `--verify`, in turn.
fn hashing(rounds: usize) {
    let work = tempfile::tempdir().unwrap();
    let plan = DemoPlan {
        // About half a megabyte of text for each digest, as of an account at work.
        days: 6,
        oddities: false,
        noise_per_day: 20_000,
        chains_per_day: 40,
        minutes_per_file: 15,
        ..DemoPlan::demo(0)
    };
    let signer = Signer::new();
    let bucket = with_digests(&signer, &demo::generate(&plan).logs);
    bucket.write_copy(work.path());
    std::fs::write(
        work.path().join("keys.json"),
        signer.public_keys().to_string(),
    )
    .unwrap();
    let is_digest = |key: &&String| key.contains("CloudTrail-Digest");
    let digests = bucket.0.keys().filter(is_digest).count();
    let bytes: usize = bucket.0.values().map(|object| object.body.len()).sum();
    println!(
        "{} log files and {digests} digests, {bytes} bytes",
        bucket.0.len() - digests
    );
    let texts: Vec<Vec<u8>> = bucket
        .0
        .values()
        .map(|object| text_of(&object.body))
        .collect();
    let run = |more: &[&str], folder: &Path| {
        let mut command = Command::new(own_program());
        command.current_dir(folder).stdout(Stdio::null());
        command.args([
            "chains",
            "-q",
            "--logs",
            "AWSLogs",
            "--from",
            "2026-10-01",
            "--format",
            "jsonl",
        ]);
        let start = Instant::now();
        assert!(command.args(more).status().unwrap().success());
        start.elapsed().as_secs_f64()
    };
    let verify = ["--verify", "--public-keys", "keys.json"];
    let (mut bare, mut with_hashes, mut hashes) = (Vec::new(), Vec::new(), Vec::new());
    run(&verify, work.path());
    for _ in 0..rounds {
        hashes.push(bare_hashes(&texts));
        bare.push(run(&[], work.path()));
        with_hashes.push(run(&verify, work.path()));
    }
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[rounds / 2]
    };
    let (bare, with_hashes, hashes) = (median(bare), median(with_hashes), median(hashes));
    let ratio = with_hashes / bare;
    println!("chains: {bare:.3} s; with --verify: {with_hashes:.3} s; ratio {ratio:.2}");
    let bytes: usize = texts.iter().map(Vec::len).sum();
    println!(
        "SHA-256 of {bytes} bytes of text on two threads: {hashes:.3} s; --verify adds {:.2} times that",
        (with_hashes - bare) / hashes
    );
}

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|one| one != "--bench")
        .collect();
    let number = |at: usize, usual: usize| {
        arguments
            .get(at)
            .and_then(|text| text.parse().ok())
            .unwrap_or(usual)
    };
    let days = |at: usize| i64::try_from(number(at, 30)).unwrap();
    let latency = |at: usize| Duration::from_millis(number(at, 0) as u64);
    match arguments.first().map(String::as_str) {
        Some("serve") => serve(number(1, 20), days(2), latency(3)),
        Some("download") => plain_client::download(&arguments[1], DOWNLOADS_AT_ONCE),
        Some("hashing") => hashing(number(1, 5)),
        _ => {
            beside_others(number(0, 20), days(1), latency(2));
            if arguments.is_empty() {
                hashing(5);
            }
        }
    }
}
