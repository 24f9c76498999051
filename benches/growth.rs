//! What hostile logs cost: 1, 2, 4 and 8 times as many records of each kind that once took
//! time by their square, through the whole program.
//!
//! ```text
//! cargo bench --bench growth                       # every kind, 25,000 to 200,000 times
//! cargo bench --bench growth -- one-second 125000  # one kind, up to a million times
//! ```
//!
//! `QS_AUDIT_PROGRAM` names another build of the program to measure.
//!
//! What grows as n log n takes little more than 8 times as long; a square takes 64 times.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::float_arithmetic,
    reason = "a benchmark prints figures, and stops at the first thing that is wrong"
)]

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const HUB: &str = "111122223333";
const CONSUMER: &str = "444455556666";
const ROLE_A: &str = "arn:aws:iam::111122223333:role/role-a";
const ROLE_B: &str = "arn:aws:iam::444455556666:role/role-b";
const ID_A: &str = "AROAEXAMPLEHUBROLEA01";
const ID_B: &str = "AROAEXAMPLECONROLEB01";
const COUNT: u32 = 25_000;
const RECORDS_PER_FILE: usize = 50_000;

/// What a kind repeats, and the records that one time adds.
struct Kind {
    name: &'static str,
    repeats: &'static str,
    /// Records of the number'th time.
    records: fn(u32) -> Vec<Value>,
}

const KINDS: [Kind; 14] = [
    Kind {
        name: "one-second",
        repeats: "sessions of Role A of one name in one second, and uses that tell no key",
        records: |n| vec![hop_a(0, n, "S", None), seen_by_consumer(n, ROLE_B)],
    },
    Kind {
        name: "one-second-policies",
        repeats: "the same, each session with a policy of 19 statements",
        records: |n| {
            let statement = |role| {
                let role = format!("arn:aws:iam::{CONSUMER}:role/r{role}-{n}");
                json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role})
            };
            let statements: Vec<Value> = (0..19).map(statement).collect();
            let policy = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
            let role = format!("arn:aws:iam::{CONSUMER}:role/r0-{n}");
            vec![hop_a(0, n, "S", Some(policy)), seen_by_consumer(n, &role)]
        },
    },
    Kind {
        name: "over-time",
        repeats: "sessions of one name over eleven hours, and uses that tell no key",
        records: |n| {
            let mut second = seen_by_consumer(n, ROLE_B);
            second["eventTime"] = time(n % 40_000 + 1).into();
            vec![hop_a(n % 40_000, n, "S", None), second]
        },
    },
    Kind {
        name: "many-keys",
        repeats: "keys of one principal",
        records: |n| vec![query(2, &session_a(0, Some(n), "S"), HUB, "w")],
    },
    Kind {
        name: "keyless-identities",
        repeats: "sessions of one name, and queries by identities without a key",
        records: |n| {
            let mut identity = session_a(0, None, "S");
            identity["userName"] = format!("u{n}").into();
            vec![hop_a(0, n, "S", None), query(2, &identity, HUB, "w")]
        },
    },
    Kind {
        name: "many-roles",
        repeats: "roles, each with a chain",
        records: |n| {
            let role = format!("arn:aws:iam::{CONSUMER}:role/b{n}");
            chain(n, &role, CONSUMER)
        },
    },
    Kind {
        name: "many-accounts",
        repeats: "consumers, each with a chain",
        records: |n| {
            let account = (500_000_000_000 + u64::from(n)).to_string();
            chain(n, &format!("arn:aws:iam::{account}:role/b"), &account)
        },
    },
    Kind {
        name: "many-days",
        repeats: "days, one query on each",
        records: |n| {
            let day = jiff::civil::date(1900, 1, 1) + jiff::Span::new().days(n % 2_900_000);
            let mut one = query(2, &session_a(0, Some(n), &format!("x{n}")), HUB, "w");
            one["eventTime"] = format!("{day}T10:00:00Z").into();
            vec![one]
        },
    },
    Kind {
        name: "denied-roles",
        repeats: "roles that were refused",
        records: |n| {
            let mut denied = record(1, ("sts", "AssumeRole"), &session_a(0, Some(0), "S"), HUB);
            denied["errorCode"] = "AccessDenied".into();
            let said = "User: x is not authorized to perform: sts:AssumeRole on resource:";
            denied["errorMessage"] = format!("{said} {ROLE_B}{n}").into();
            vec![denied]
        },
    },
    Kind {
        name: "copies",
        repeats: "copies of one event in as many accounts",
        records: |n| {
            let mut copy = hop_a(0, 0, "S", None);
            copy["sharedEventID"] = "00000000-0000-4000-8000-00000000000f".into();
            copy["recipientAccountId"] = format!("{n:012}").into();
            vec![copy]
        },
    },
    Kind {
        name: "quick-users",
        repeats: "users of Quick in one second, and queries",
        records: |n| {
            let user = json!({"type": "Directory", "userName": format!("u{n}"), "accountId": HUB});
            let mut asked = record(5, ("quicksight", "QueryDatabase"), &user, HUB);
            let source = "arn:aws:quicksight:us-east-1:111122223333:datasource/ds";
            asked["serviceEventDetails"] = json!({"eventRequestDetails": {"dataSourceId": source, "queryId": format!("q{n}")}});
            vec![asked, query(5, &session_b(1, 0, "T0"), CONSUMER, "w")]
        },
    },
    Kind {
        name: "calls",
        repeats: "other calls of one session, addresses and programs",
        records: |n| {
            let name = format!("Get{n}");
            let mut call = record(5, ("s3", &name), &session_b(1, 0, "T0"), CONSUMER);
            let [_, high, middle, low] = n.to_be_bytes();
            call["sourceIPAddress"] = format!("10.{high}.{middle}.{low}").into();
            call["userAgent"] = format!("agent{n}").into();
            vec![call]
        },
    },
    Kind {
        name: "trust-policies",
        repeats: "changes of one role's trust policy",
        records: |n| {
            let root = format!("arn:aws:iam::{}:root", 500_000_000_000 + u64::from(n));
            let trusted = json!({"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
                "Principal": {"AWS": root}}]});
            changed(
                n,
                ("iam", "UpdateAssumeRolePolicy"),
                json!({"roleName": "role-b",
                "policyDocument": trusted.to_string()}),
            )
        },
    },
    Kind {
        name: "trails",
        repeats: "changes of one trail's bucket",
        records: |n| {
            let bucket = format!("b{n}");
            changed(
                n,
                ("cloudtrail", "UpdateTrail"),
                json!({"name": "t", "s3BucketName": bucket}),
            )
        },
    },
];

fn time(second: u32) -> String {
    let start = jiff::civil::date(2026, 7, 1).at(10, 0, 0, 0);
    format!("{}Z", start + jiff::Span::new().seconds(second))
}

fn key(letter: char, number: u32) -> String {
    format!("ASIA{letter}{number:012}")
}

fn record(second: u32, (service, name): (&str, &str), identity: &Value, account: &str) -> Value {
    json!({
        "eventVersion": "1.11", "eventTime": time(second), "eventName": name,
        "eventSource": format!("{service}.amazonaws.com"), "awsRegion": "us-east-1",
        "sourceIPAddress": "quicksight.amazonaws.com", "userAgent": "agent",
        "eventType": "AwsApiCall", "eventCategory": "Management",
        "userIdentity": identity, "recipientAccountId": account,
    })
}

fn assumed(mut record: Value, role: &str, id: &str, name: &str, key: &str) -> Value {
    record["requestParameters"]["roleArn"] = role.into();
    record["requestParameters"]["roleSessionName"] = name.into();
    record["responseElements"] = json!({"credentials": {"accessKeyId": key},
        "assumedRoleUser": {"assumedRoleId": format!("{id}:{name}")}});
    record
}

fn hop_a(second: u32, number: u32, name: &str, policy: Option<String>) -> Value {
    let quick = json!({"type": "AWSService", "invokedBy": "quicksight.amazonaws.com"});
    let mut hop = record(second, ("sts", "AssumeRole"), &quick, HUB);
    if let Some(policy) = policy {
        hop["requestParameters"]["policy"] = policy.into();
    }
    assumed(hop, ROLE_A, ID_A, name, &key('A', number))
}

/// The consumer's copy of a second hop, which tells the caller's role and name alone.
fn seen_by_consumer(number: u32, role: &str) -> Value {
    let caller = json!({"type": "AWSAccount", "principalId": format!("{ID_A}:S"),
        "accountId": HUB});
    let hop = record(1, ("sts", "AssumeRole"), &caller, CONSUMER);
    assumed(hop, role, ID_B, &format!("T{number}"), &key('B', number))
}

fn session(role: &str, id: &str, name: &str, second: u32, key: Option<String>) -> Value {
    let account = role.split(':').nth(4).unwrap();
    let role_name = role.rsplit('/').next().unwrap();
    let mut session = json!({
        "type": "AssumedRole", "principalId": format!("{id}:{name}"), "accountId": account,
        "arn": format!("arn:aws:sts::{account}:assumed-role/{role_name}/{name}"),
        "sessionContext": {"sessionIssuer": {"type": "Role", "principalId": id, "arn": role,
            "accountId": account}, "attributes": {"creationDate": time(second)}},
    });
    if let Some(key) = key {
        session["accessKeyId"] = key.into();
    }
    session
}

fn session_a(second: u32, number: Option<u32>, name: &str) -> Value {
    session(
        ROLE_A,
        ID_A,
        name,
        second,
        number.map(|number| key('A', number)),
    )
}

fn session_b(second: u32, number: u32, name: &str) -> Value {
    session(ROLE_B, ID_B, name, second, Some(key('B', number)))
}

fn query(second: u32, identity: &Value, account: &str, work_group: &str) -> Value {
    let mut query = record(second, ("athena", "StartQueryExecution"), identity, account);
    query["requestParameters"] = json!({"workGroup": work_group});
    query
}

/// Both hops of a chain into a role, and its query.
fn chain(number: u32, role: &str, account: &str) -> Vec<Value> {
    let (first, second) = (format!("S{number}"), format!("T{number}"));
    let id = format!("AROAB{number:08}");
    let hop = record(
        1,
        ("sts", "AssumeRole"),
        &session_a(0, Some(number), &first),
        HUB,
    );
    let group = format!("w{number}");
    let used = session(role, &id, &second, 1, Some(key('B', number)));
    vec![
        hop_a(0, number, &first, None),
        assumed(hop, role, &id, &second, &key('B', number)),
        query(2, &used, account, &group),
    ]
}

fn changed(number: u32, call: (&str, &str), parameters: Value) -> Vec<Value> {
    let admin = json!({"type": "IAMUser", "userName": "u", "accountId": CONSUMER,
        "arn": format!("arn:aws:iam::{CONSUMER}:user/u")});
    let mut change = record(5 + number % 1000, call, &admin, CONSUMER);
    change["requestParameters"] = parameters;
    vec![change]
}

/// Writes a kind's records into a folder, and returns how many.
fn write(kind: &Kind, count: u32, folder: &Path) -> u32 {
    let first = [
        vec![hop_a(0, 0, "S0", None)],
        chain(0, ROLE_B, CONSUMER)[1..2].to_vec(),
    ];
    let mut records = first
        .into_iter()
        .chain((0..count).map(kind.records))
        .flatten();
    let (mut written, mut file) = (0, 0);
    loop {
        let part: Vec<Value> = records.by_ref().take(RECORDS_PER_FILE).collect();
        if part.is_empty() {
            return written;
        }
        let path = folder.join(format!("{file}.json.gz"));
        let mut out = GzEncoder::new(File::create(path).unwrap(), Compression::fast());
        out.write_all(b"{\"Records\":[").unwrap();
        for (number, mut record) in part.into_iter().enumerate() {
            if number > 0 {
                out.write_all(b",").unwrap();
            }
            written += 1;
            record["eventID"] = format!("00000000-0000-4000-8000-{written:012}").into();
            serde_json::to_writer(&mut out, &record).unwrap();
        }
        out.write_all(b"]}").unwrap();
        out.finish().unwrap();
        file += 1;
    }
}

/// The program: of this build, or another one to compare with.
fn program() -> OsString {
    std::env::var_os("QS_AUDIT_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_qs-audit").into())
}

/// Seconds and peak megabytes of a command over a folder of logs.
fn run(args: &[&str], folder: &Path) -> (f64, f64) {
    let mut command = Command::new("/usr/bin/time");
    command.args(["-f", "%M", "-o"]).arg(folder.join("peak"));
    command.arg(program()).args(args);
    command.arg("--logs").arg(folder.join("logs"));
    command.args(["--from", "1900-01-01", "--to", "9999-01-01", "-q"]);
    let started = Instant::now();
    let status = command.stdout(Stdio::null()).status().unwrap();
    let seconds = started.elapsed().as_secs_f64();
    assert!(matches!(status.code(), Some(0 | 1)), "{args:?}: {status}");
    let peak = fs::read_to_string(folder.join("peak")).unwrap();
    let peak: f64 = peak.lines().last().unwrap().parse().unwrap();
    (seconds, peak / 1000.0)
}

fn main() {
    let args: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| arg != "--bench")
        .collect();
    let count = args
        .iter()
        .find_map(|arg| arg.parse().ok())
        .unwrap_or(COUNT);
    let wanted = args.iter().find(|arg| arg.parse::<u32>().is_err());
    println!("| kind | command | records | seconds at 1, 2, 4, 8 times | 8 to 1 | peak MB |");
    println!("|---|---|--:|---|--:|--:|");
    for kind in KINDS
        .iter()
        .filter(|kind| wanted.is_none_or(|name| name == kind.name))
    {
        let commands = [
            &["chains", "--format", "json"][..],
            &["chains", "--path", "any"],
            &["findings"],
        ];
        let mut seconds = vec![Vec::new(); commands.len()];
        let mut peaks = vec![0.0_f64; commands.len()];
        let mut records = 0;
        for times in [1, 2, 4, 8] {
            let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
            fs::create_dir(folder.path().join("logs")).unwrap();
            records = write(kind, count * times, &folder.path().join("logs"));
            for (at, command) in commands.iter().enumerate() {
                let (took, peak) = run(command, folder.path());
                seconds[at].push(took);
                peaks[at] = peak;
            }
        }
        for (at, command) in commands.iter().enumerate() {
            let took: Vec<String> = seconds[at]
                .iter()
                .map(|took| format!("{took:.2}"))
                .collect();
            let ratio = seconds[at][3] / seconds[at][0];
            let (command, took, peak) = (command.join(" "), took.join(", "), peaks[at]);
            println!(
                "| {} | {command} | {records} | {took} | {ratio:.1} | {peak:.0} |",
                kind.name
            );
        }
    }
    for kind in &KINDS {
        println!("{}: {}", kind.name, kind.repeats);
    }
}
