//! Logs in S3: the whole process against a plain concurrent client of the same SDK with
//! as many requests in flight, in one run, from a server on loopback.
//!
//! ```text
//! cargo bench --bench remote                  # 20,058 small objects, seven servers; a nightly collect
//! cargo bench --bench remote -- 3000 3        # fewer objects, fewer rounds
//! cargo bench --bench remote -- night 5       # the nightly collect alone
//! QS_AUDIT_PROGRAM=... cargo bench ...        # another build of the program
//! ```
//!
//! The server answers GET and LIST from memory, in a process of its own that shares the
//! cores: S3's shapes, tags and paging, and nothing else. It waits before each answer, and
//! tells some of the requests to slow down, or all beyond so many in a second. The plain
//! client knows the keys: it lists nothing, decodes nothing, and keeps a request's place
//! while it waits to make it again.

#![expect(
    clippy::print_stdout,
    clippy::float_arithmetic,
    clippy::expect_used,
    reason = "a benchmark prints figures, and stops at the first thing that is wrong"
)]

#[path = "measure/plain_client.rs"]
mod plain_client;
#[path = "measure/server.rs"]
mod server;

use plain_client::download;
use qs_audit::demo::{self, DemoPlan};
use server::{BUCKET, Objects};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Latency in milliseconds, refusals in a hundred requests, requests in a second.
const SERVERS: [(u64, u64, u64); 7] = [
    (0, 0, 0),
    (20, 0, 0),
    (20, 1, 0),
    (20, 5, 0),
    (20, 0, 2000),
    (80, 0, 0),
    (80, 5, 0),
];

/// What the plain client keeps in flight at least: without latency few are seen at once.
const DOWNLOADS_AT_ONCE_MIN: usize = 64;

/// So many small files as 5-minute files of many accounts are.
fn objects(count: usize) -> Objects {
    let mut objects = Objects::new();
    for day in 0.. {
        let plan = DemoPlan {
            days: 1,
            oddities: false,
            seed: day + 1,
            noise_per_day: 1850,
            chains_per_day: 4,
            minutes_per_file: 5,
            ..DemoPlan::demo(0)
        };
        let start = plan
            .start
            .plus(i64::try_from(day).expect("few days") * 86_400);
        let organization = demo::generate(&DemoPlan { start, ..plan });
        for file in organization.logs {
            objects.insert(file.key, (file.body.into(), BTreeMap::new()));
            if objects.len() == count {
                return objects;
            }
        }
    }
    objects
}

/// Runs this very program in another role.
fn role(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("own path"));
    command.args(arguments);
    command
}

struct Server {
    child: std::process::Child,
    url: String,
}

impl Server {
    fn start(count: usize, (millis, refused, most): (u64, u64, u64)) -> Self {
        use std::io::{BufRead, BufReader};
        let mut child = role(&["serve"])
            .args([count.to_string(), millis.to_string()])
            .args([refused.to_string(), most.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("server");
        let mut line = String::new();
        let out = child.stdout.take().expect("output");
        BufReader::new(out).read_line(&mut line).expect("port");
        let url = format!("http://127.0.0.1:{}", line.trim());
        Self { child, url }
    }

    /// Requests since this was last asked, and how many of them ran at once at most.
    fn statistics(&self) -> (u64, usize) {
        use std::io::{Read, Write};
        let address = self.url.trim_start_matches("http://");
        let mut socket = std::net::TcpStream::connect(address).expect("server");
        let asked = "GET /statistics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        socket.write_all(asked.as_bytes()).expect("request");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("answer");
        let body = answer.rsplit("\r\n").next().expect("body");
        let (requests, most) = body.split_once(' ').expect("two numbers");
        (
            requests.parse().expect("a number"),
            most.parse().expect("a number"),
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program that is measured.
fn program() -> std::ffi::OsString {
    std::env::var_os("QS_AUDIT_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_qs-audit").into())
}

/// The whole process: its time, and its peak memory in MB.
fn process(folder: &Path, endpoint: &str, arguments: &[&str]) -> (f64, u64) {
    let mut command = Command::new("/usr/bin/time");
    command
        .args(["-f", "%M"])
        .arg(program())
        .arg("-q")
        .args(arguments)
        .current_dir(folder)
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "x")
        .env("AWS_REGION", "us-east-1")
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let start = Instant::now();
    let output = command.output().expect("program run");
    let elapsed = start.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let kilobytes: u64 = said
        .trim()
        .lines()
        .last()
        .and_then(|line| line.parse().ok())
        .unwrap_or(0);
    (elapsed, kilobytes / 1000)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn reading(count: usize, rounds: usize) {
    let folder = std::env::temp_dir();
    let logs = format!("s3://{BUCKET}");
    let from = DemoPlan::demo(0).start.to_string();
    let arguments = [
        "chains", "--from", &from, "--format", "jsonl", "--logs", &logs,
    ];
    println!(
        "| latency | refused | plain client s | qs-audit s | ratio | at once | requests | peak MB |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for manners in SERVERS {
        let server = Server::start(count, manners);
        let (mut downloads, mut runs) = (Vec::new(), Vec::new());
        let (mut peak, mut most, mut requests) = (0, 0, 0);
        for _ in 0..rounds {
            server.statistics();
            let (time, memory) = process(&folder, &server.url, &arguments);
            runs.push(time);
            peak = peak.max(memory);
            (requests, most) = server.statistics();
            let at_once = most.max(DOWNLOADS_AT_ONCE_MIN).to_string();
            let output = role(&["download", &server.url, &at_once])
                .output()
                .expect("download");
            assert!(output.status.success());
            let seconds = String::from_utf8_lossy(&output.stdout);
            downloads.push(seconds.trim().parse().expect("seconds"));
        }
        let (download, run) = (median(downloads), median(runs));
        let (millis, refused, limit) = manners;
        let refused = if limit > 0 {
            format!("over {limit}/s")
        } else {
            format!("{refused} %")
        };
        println!(
            "| {millis} ms | {refused} | {download:.2} | {run:.2} | {:.2} | {most} | {requests} | {peak} |",
            run / download
        );
    }
    println!();
}

/// A store of 90 days, one new day, and findings over it.
fn content(rounds: usize) {
    let plan = DemoPlan {
        days: 91,
        oddities: false,
        noise_per_day: 1500,
        chains_per_day: 40,
        minutes_per_file: 60,
        ..DemoPlan::demo(0)
    };
    let work = tempfile::tempdir().expect("folder");
    let organization = demo::generate(&plan);
    demo::write_to(work.path(), &organization.logs).expect("logs");
    demo::write_to(work.path(), &organization.extras).expect("extras");
    let (logs, store) = ("AWSLogs", "store");
    let last = plan.end().plus(-86_400).to_string();
    let end = plan.end().plus(3600).to_string();
    let (time, peak) = process(
        work.path(),
        "",
        &[
            "collect", "--since", "95d", "--logs", logs, "--store", store, "--now", &last,
        ],
    );
    println!("| step | s | peak MB |\n|---|---|---|");
    println!(
        "| collect 90 days, {} files | {time:.2} | {peak} |",
        organization.logs.len()
    );
    let (mut collects, mut findings, mut peaks) = (Vec::new(), Vec::new(), [0, 0]);
    for round in 0..rounds {
        let own = format!("store{round}");
        let copied = Command::new("cp")
            .args(["-r", store, &own])
            .current_dir(work.path())
            .status()
            .expect("copy");
        assert!(copied.success());
        let (time, peak) = process(
            work.path(),
            "",
            &["collect", "--logs", logs, "--store", &own, "--now", &end],
        );
        collects.push(time);
        peaks[0] = peak.max(peaks[0]);
        let (time, peak) = process(
            work.path(),
            "",
            &["findings", "--since", "1d", "--store", &own, "--now", &end],
        );
        findings.push(time);
        peaks[1] = peak.max(peaks[1]);
    }
    println!(
        "| collect one new day | {:.2} | {} |",
        median(collects),
        peaks[0]
    );
    println!(
        "| findings over 29 days of the store | {:.2} | {} |",
        median(findings),
        peaks[1]
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
    match arguments.first().map(String::as_str) {
        Some("serve") => {
            let manners = server::Manners {
                latency: Duration::from_millis(number(2, 0) as u64),
                refused_percent: number(3, 0) as u64,
                per_second_max: number(4, 0) as u64,
            };
            server::serve(objects(number(1, 0)), manners, Box::new(|_| None));
        }
        Some("download") => {
            download(&arguments[1], number(2, 128));
        }
        Some("night") => content(number(1, 5)),
        _ => {
            reading(number(0, 20_058), number(1, 5));
            content(number(1, 5));
        }
    }
}
