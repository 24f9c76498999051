//! Logs that an engine has a table of: a real Trino says what has to be read, and the result is that of
//! reading all of them.

use crate::cli::{organization, output, program};
use crate::digest_bucket::{Bucket, Chain, Signer, gzip};
use crate::moto::Moto;
use crate::needs;
use crate::s3::program_at;
use crate::s3_server::{BUCKET, Fault, Proxy};
use qs_audit::cli::Exit;
use qs_audit::demo::{self, DemoPlan};
use qs_audit::engine::{Trino, TrinoServer, UnwatchedIndex};
use qs_audit::event_list::entry::When;
use qs_audit::event_list::list::{SOURCES, entry};
use qs_audit::model::time::UtcSecond;
use qs_audit::ports::SqlEngine;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;
use tempfile::TempDir;

/// A Trino of its own process: it ends when its standard input does.
pub(crate) struct Engine {
    folder: TempDir,
    child: Child,
    commands: Mutex<ChildStdin>,
    lines: Mutex<BufReader<std::process::ChildStdout>>,
    pub(crate) address: SocketAddr,
}

impl Engine {
    fn start(program: &Path, workers: u32) -> Self {
        Self::start_with(program, workers, &[])
    }

    /// The same, with properties of the catalog.
    fn start_with(program: &Path, workers: u32, properties: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(program)
            .arg(folder.path())
            .arg(workers.to_string())
            .args(properties)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let commands = Mutex::new(child.stdin.take().unwrap());
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let url = line_with(&mut lines, "READY ");
        let address = url.trim().strip_prefix("http://").unwrap().parse().unwrap();
        let engine = Self {
            folder,
            child,
            commands,
            lines: Mutex::new(lines),
            address,
        };
        engine.sql("CREATE SCHEMA hive.logs");
        engine
    }

    fn sql(&self, statement: &str) -> Vec<Vec<Option<String>>> {
        let server = TrinoServer {
            name: "trino".to_owned(),
            authority: self.address.to_string(),
            is_plain: true,
            user: "tests".to_owned(),
            password: None,
            ca_bundle: None,
            backoff: Duration::from_millis(1),
        };
        let mut rows = Vec::new();
        let trino = Trino::new(server).unwrap();
        trino
            .run(statement, &UnwatchedIndex, &mut |row| rows.push(row))
            .unwrap();
        rows
    }

    /// A folder of the engine's, of which there is no table yet.
    pub(crate) fn empty(&self, table: &str) -> PathBuf {
        let folder = self.folder.path().join(table);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// Creates the table of a folder, as the program says.
    pub(crate) fn create(&self, table: &str) {
        self.create_at(table, &format!("local:///{table}"));
    }

    /// A table of the sample organization's logs; returns its folder.
    pub(crate) fn with_sample(&self, table: &str) -> PathBuf {
        let folder = self.empty(table);
        let organization = demo::generate(&DemoPlan::sample());
        demo::write_to(&folder, &organization.logs).unwrap();
        self.create(table);
        folder
    }

    fn create_at(&self, table: &str, location: &str) {
        let name = format!("hive.logs.{table}");
        let mut ddl = program();
        ddl.args(["engine", "ddl", "--for", "trino"])
            .args(["--table", &name, "--logs", location]);
        let (statements, _) = output(&mut ddl, Exit::Clean);
        for statement in statements.split(';').filter(|text| !text.trim().is_empty()) {
            self.sql(statement);
        }
    }

    fn url(address: SocketAddr, table: &str) -> String {
        format!("trino://{address}/hive/logs/{table}")
    }

    /// Closes a worker.
    fn close_a_worker(&self) {
        writeln!(self.commands.lock().unwrap(), "close").unwrap();
        line_with(&mut *self.lines.lock().unwrap(), "CLOSED");
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The rest of the first line that has this in it.
fn line_with(lines: &mut impl BufRead, wanted: &str) -> String {
    let mut line = String::new();
    while !line.contains(wanted) {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "no {wanted}");
    }
    line.split_once(wanted).unwrap().1.to_owned()
}

/// The engine that most tests share.
pub(crate) fn engine() -> Option<&'static Engine> {
    static ENGINE: OnceLock<Option<Engine>> = OnceLock::new();
    let start = || Some(Engine::start(&needs::trino()?, 2));
    ENGINE.get_or_init(start).as_ref()
}

const ALL_DAYS: [&str; 6] = [
    "--from",
    "2000-01-01",
    "--to",
    "2030-01-01",
    "--path",
    "any",
];

/// Runs `chains` over a folder: standard output, standard error.
pub(crate) fn direct(folder: &Path, format: &str) -> (String, String) {
    let mut command = program();
    command.args(["chains", "--format", format]).args(ALL_DAYS);
    output(command.arg("--logs").arg(folder), Exit::Clean)
}

/// The same with an engine.
fn asked(url: &str, folder: &Path, format: &str) -> (String, String) {
    let mut command = program();
    command.args(["chains", "--format", format]).args(ALL_DAYS);
    command.args(["--logs", url, "--objects"]).arg(folder);
    output(&mut command, Exit::Clean)
}

/// A result without what an engine spares: bytes, and remarks on that.
pub(crate) fn essence(result: &str) -> Value {
    let mut result: Value = serde_json::from_str(result).unwrap();
    let coverage = result["coverage"].as_object_mut().unwrap();
    coverage.remove("bytes_read").unwrap();
    coverage.remove("bytes_inflated").unwrap();
    let notes = coverage["notes"].as_array_mut().unwrap();
    notes.retain(|note| !note["text"].as_str().unwrap().contains("by the engine"));
    result
}

/// The number of objects that were not read here.
pub(crate) fn spared(result: &str) -> u64 {
    let result: Value = serde_json::from_str(result).unwrap();
    let notes = result["coverage"]["notes"].as_array().unwrap();
    let mut notes = notes.iter();
    let note = notes.find(|note| note["text"].as_str().unwrap().contains("by the engine"));
    note.map_or(0, |note| note["count"].as_u64().unwrap())
}

/// Compares a table's chains and coverage with those of reading its folder; returns how many objects
/// were spared.
fn compare(engine: &Engine, table: &str) -> u64 {
    let folder = engine.folder.path().join(table);
    let (all, _) = direct(&folder, "json");
    let (few, _) = asked(&Engine::url(engine.address, table), &folder, "json");
    let (wanted, got) = (essence(&all), essence(&few));
    for (name, value) in wanted["coverage"].as_object().unwrap() {
        assert_eq!(&got["coverage"][name], value, "{table}: {name}");
    }
    assert!(wanted == got, "{table}: other chains");
    // The same where the engine sends relevant records itself.
    let sent = with_events(engine, table, &folder);
    let got = essence(&sent);
    for (name, value) in wanted["coverage"].as_object().unwrap() {
        assert_eq!(&got["coverage"][name], value, "{table}, events: {name}");
    }
    for (one, other) in wanted["chains"]
        .as_array()
        .unwrap()
        .iter()
        .zip(got["chains"].as_array().unwrap())
    {
        assert_eq!(one, other, "{table}, events");
    }
    assert!(wanted == got, "{table}, events: other chains");
    spared(&few)
}

/// Runs `chains` with an engine that sends relevant records.
fn with_events(engine: &Engine, table: &str, folder: &Path) -> String {
    let own = tempfile::tempdir().unwrap();
    let text = format!(
        "[[logs]]\ntrino = {{ url = \"http://{}\", catalog = \"hive\", schema = \"logs\", \
         table = \"{table}\", mode = \"events\", objects = '{}' }}\n",
        engine.address,
        folder.display()
    );
    fs::write(own.path().join("qs-audit.toml"), text).unwrap();
    let mut command = program();
    command
        .current_dir(own.path())
        .args(["chains", "--format", "json"])
        .args(ALL_DAYS);
    output(&mut command, Exit::Clean).0
}

pub(crate) fn write(folder: &Path, key: &str, body: &[u8]) {
    let path = folder.join(key);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, body).unwrap();
}

#[test]
fn a_sample_is_the_same_in_every_format() {
    let Some(engine) = engine() else { return };
    let folder = engine.with_sample("sample");
    assert!(compare(engine, "sample") > 5, "nothing was spared");
    let sent = with_events(engine, "sample", &folder);
    assert!(
        sent.contains("which sent its relevant records"),
        "nothing was sent"
    );
    let url = Engine::url(engine.address, "sample");
    for format in ["table", "jsonl", "csv"] {
        let (all, _) = direct(&folder, format);
        let (few, said) = asked(&url, &folder, format);
        assert!(all == few, "{format}: another output");
        assert!(said.contains("asking about "), "{said}");
    }
    let (chains, _) = direct(&folder, "jsonl");
    assert!(chains.lines().count() > 10);
}

#[test]
fn generated_organizations_with_reads_and_roads_are_the_same() {
    let Some(engine) = engine() else { return };
    for seed in 1..=3 {
        let table = format!("generated{seed}");
        let folder = engine.empty(&table);
        let organization = demo::generate(&DemoPlan {
            seed,
            ..DemoPlan::sample()
        });
        demo::write_to(&folder, &organization.logs).unwrap();
        engine.create(&table);
        assert!(compare(engine, &table) > 0, "nothing was spared");
    }
}

#[test]
fn hostile_samples_and_those_of_rules_are_the_same() {
    let Some(engine) = engine() else { return };
    for table in ["hostile", "rules"] {
        let folder = engine.empty(table);
        copy(&Path::new("sample-logs").join(table), &folder);
        engine.create(table);
        compare(engine, table);
    }
}

#[test]
fn real_logs_are_the_same() {
    let Some(engine) = engine() else { return };
    let Some(real) = needs::folder_beside("real-logs") else {
        return;
    };
    copy(&real, &engine.empty("real"));
    engine.create("real");
    assert!(compare(engine, "real") > 0);
}

fn copy(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.unwrap();
        if entry.file_type().is_file() {
            let key = entry.path().strip_prefix(from).unwrap();
            write(to, &key.to_string_lossy(), &fs::read(entry.path()).unwrap());
        }
    }
}

/// A record that is relevant to no one.
pub(crate) fn record(at: u32) -> Value {
    json!({
        "eventVersion": "1.11",
        "userIdentity": {"type": "AssumedRole", "principalId": format!("AROAEXAMPLE{at}:session"),
            "arn": "arn:aws:sts::111122223333:assumed-role/app/session", "accountId": "111122223333",
            "sessionContext": {"sessionIssuer": {"type": "Role", "principalId": "AROAEXAMPLE",
                "arn": "arn:aws:iam::111122223333:role/app", "accountId": "111122223333", "userName": "app"},
                "attributes": {"creationDate": "2026-11-01T09:00:00Z", "mfaAuthenticated": "false"}}},
        "eventTime": format!("2026-11-01T10:{at:02}:00Z"),
        "eventSource": "ec2.amazonaws.com",
        "eventName": "DescribeInstances",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "203.0.113.7",
        "userAgent": "aws-cli",
        "requestParameters": {"note": "plain"},
        "responseElements": null,
        "requestID": "r",
        "eventID": format!("00000000-0000-4000-8000-0000000000{at:02}"),
        "readOnly": true,
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": "111122223333",
        "eventCategory": "Management"
    })
}

/// The same with another member.
fn changed(member: &str, value: &Value) -> Value {
    let mut record = record(1);
    record[member] = value.clone();
    record
}

/// A log file of these records, as CloudTrail writes it.
pub(crate) fn log(records: &[Value]) -> String {
    json!({ "Records": records }).to_string()
}

fn two() -> String {
    log(&[record(1), record(2)])
}

/// The text of two records with one place of it changed.
fn with(from: &str, to: &str) -> Vec<u8> {
    let text = two();
    assert!(text.contains(from), "{from}");
    gzip(text.replacen(from, to, 1).as_bytes())
}

/// Objects of two records, each damaged or relevant in its own way: what a search for text could miss.
#[expect(clippy::too_many_lines, reason = "it is a list")]
fn odd_objects() -> Vec<(&'static str, Vec<u8>)> {
    let plain = two();
    let deep = format!("{}1{}", "[".repeat(120), "]".repeat(120));
    let mut cut = gzip(plain.as_bytes());
    cut.truncate(cut.len() / 2);
    let mut wrong = gzip(plain.as_bytes());
    let end = wrong.len() - 6;
    wrong[end] ^= 0xff;
    let pretty = serde_json::to_string_pretty(&serde_json::from_str::<Value>(&plain).unwrap());
    let source = "\"eventSource\":\"ec2.amazonaws.com\"";
    let assume = "\"eventSource\":\"sts.amazonaws.com\",\"eventName\":\"AssumeRole\"";
    let call = "\"eventSource\":\"ec2.amazonaws.com\",\"eventName\":\"DescribeInstances\"";
    let of_s3 =
        |name: &str| format!("\"eventSource\":\"s3.amazonaws.com\",\"eventName\":\"{name}\"");
    let of_s3_with = |name: &str, from: &str, to: &str| {
        gzip(
            two()
                .replacen(call, &of_s3(name), 1)
                .replacen(from, to, 1)
                .as_bytes(),
        )
    };
    vec![
        ("key-escaped", with("\"eventSource\"", "\"\\u0065ventSource\"")),
        ("end-of-key-escaped", with("\"eventName\"", "\"eventNam\\u0065\"")),
        (
            "value-escaped",
            with(call, &assume.replace("sts.", "s\\u0074s.")),
        ),
        ("name-escaped", with(call, &assume.replace("Assume", "\\u0041ssume"))),
        ("spaced-colon", with(call, &assume.replace("\":\"", "\" : \""))),
        ("space-behind-colon", with(call, &assume.replace("\":\"", "\": \""))),
        ("tab-at-colon", with(call, &assume.replace("\":\"", "\"\t:\t\""))),
        ("relevant", with(call, assume)),
        ("relevant-in-other-case", with(call, &assume.replace("AssumeRole", "assumeRole"))),
        ("invoked-by-athena", with("\"type\":\"AssumedRole\"", "\"type\":\"AssumedRole\",\"invokedBy\":\"athena.amazonaws.com\"")),
        (
            "invoked-by-escaped-athena",
            with("\"type\":\"AssumedRole\"", "\"type\":\"AssumedRole\",\"invokedBy\":\"athena\\u002eamazonaws.com\""),
        ),
        ("from-athena", with("203.0.113.7", "athena.amazonaws.com")),
        ("from-escaped-athena", with("203.0.113.7", "\\u0061thena.amazonaws.com")),
        ("lake-formation", of_s3_with("GetObject", ":session", ":AWSLF-00-AT-111122223333-x")),
        ("source-identity", of_s3_with("GetObject", "plain", "x\",\"sourceIdentity\":\"V2.111122223333.AROAY")),
        ("spilled", of_s3_with("PutObject", "plain", "athena-spill/q")),
        ("logs-deleted", of_s3_with("DeleteObject", "plain", "AWSLogs/111122223333")),
        ("object-read", of_s3_with("GetObject", "plain", "AWSLogs/111122223333")),
        ("policy-put", of_s3_with("PutBucketPolicy", "plain", "other")),
        ("nested-call", with("{\"note\":\"plain\"}", &format!("{{{assume}}}"))),
        (
            "nested-head-hides-one",
            gzip(
                two()
                    .replacen("{\"note\":\"plain\"}", &format!("{{\"eventTime\":\"2026-11-01T10:00:00Z\",{call},\"awsRegion\":\"us-east-1\"}}"), 1)
                    .replacen(source, "\"eventSource\": \"athena.amazonaws.com\"", 1)
                    .as_bytes(),
            ),
        ),
        ("same-key-twice", with(source, &format!("{source},{assume}"))),
        ("call-in-a-string", with("plain", "\\\"eventSource\\\":\\\"athena.amazonaws.com\\\"")),
        ("no-recipient", with("\"recipientAccountId\":\"111122223333\",", "")),
        ("recipient-of-another", with("\"recipientAccountId\":\"111122223333\"", "\"recipientAccountId\":\"222233334444\"")),
        ("recipient-is-none", with("\"recipientAccountId\":\"111122223333\"", "\"recipientAccountId\":\"123\"")),
        ("no-region", with("\"awsRegion\":\"us-east-1\",", "")),
        ("another-region", with("\"awsRegion\":\"us-east-1\"", "\"awsRegion\":\"eu-west-1\"")),
        ("another-day", with("2026-11-01T10:01:00Z", "2026-10-31T23:59:59Z")),
        ("no-such-time", with("2026-11-01T10:01:00Z", "2026-11-31T10:01:00Z")),
        ("time-with-fraction", with("2026-11-01T10:01:00Z", "2026-11-01T10:01:00.123Z")),
        ("no-time", with("\"eventTime\":\"2026-11-01T10:01:00Z\",", "")),
        ("no-source", with("\"eventSource\":\"ec2.amazonaws.com\",", "")),
        ("source-is-null", with(source, "\"eventSource\":null")),
        ("principal-escaped", with("AROAEXAMPLE1:session", "AROAEXAMPLE1\\u003asession")),
        ("no-principal", with("\"principalId\":\"AROAEXAMPLE1:session\",", "")),
        ("user", with("AROAEXAMPLE1:session", "AIDAEXAMPLE")),
        ("federated", with("AROAEXAMPLE1:session", "111122223333:bob")),
        ("replaced", with("plain", "pl\u{fffd}in")),
        ("not-ascii", with("plain", "pl\u{e4}in \u{1f600}")),
        ("control", with("plain", "pl\u{1}ain")),
        ("field-separator", with("plain", "pl\u{0}ain")),
        ("deep", with("\"plain\"", &deep)),
        ("comma-behind", with("\"eventCategory\":\"Management\"}", "\"eventCategory\":\"Management\",}")),
        ("no-comma", with("},{\"eventVersion\"", "}{\"eventVersion\"")),
        ("not-a-record", with("{\"Records\":[", "{\"Records\":[7,")),
        ("records-twice", with("{\"Records\":[", "{\"Records\":[],\"Records\":[")),
        ("no-records", gzip(b"{\"Records\":[]}")),
        ("another-member", with("{\"Records\":[", "{\"kind\":\"x\",\"Records\":[")),
        ("two-documents", gzip(format!("{plain}{plain}").as_bytes())),
        ("two-lines", gzip(format!("{plain}\n{plain}\n").as_bytes())),
        ("line-end", gzip(format!("{plain}\n").as_bytes())),
        ("carriage-return", gzip(format!("{plain}\r\n").as_bytes())),
        ("pretty", gzip(pretty.unwrap().as_bytes())),
        ("lines-of-records", gzip(format!("{}\n{}\n", record(1), record(2)).as_bytes())),
        ("byte-order-mark", gzip(format!("\u{feff}{plain}").as_bytes())),
        ("cut-text", gzip(&plain.as_bytes()[..plain.len() - 40])),
        ("cut-gzip", cut),
        ("wrong-checksum", wrong),
        ("not-gzip", plain.clone().into_bytes()),
        ("two-members", [gzip(plain.as_bytes()), gzip(plain.as_bytes())].concat()),
        ("empty", Vec::new()),
        ("empty-gzip", gzip(b"")),
        ("invalid-utf8", gzip(&[&plain.as_bytes()[..300], b"\xff", &plain.as_bytes()[300..]].concat())),
        ("plain", gzip(plain.as_bytes())),
        (
            "a-member-behind",
            gzip(format!("{},\"Events\":[7]}}", &plain[..plain.len() - 1]).as_bytes()),
        ),
        (
            "an-event-behind",
            gzip(
                json!({"Records": [record(1)], "Events": [{"CloudTrailEvent":
                    record(2).to_string().replace("ec2.", "athena.")}]})
                .to_string()
                .as_bytes(),
            ),
        ),
        (
            "a-call-that-imitates-a-record",
            gzip(
                log(&[
                    changed("requestParameters", &json!({
                        "eventTime": "2026-11-01T10:00:00Z", "eventSource": "ec2.amazonaws.com",
                        "eventName": "DescribeInstances", "awsRegion": "us-east-1",
                        "recipientAccountId": "111122223333"})),
                    json!(record(2).to_string().replace("ec2.", "athena.")),
                ])
                .as_bytes(),
            ),
        ),
        (
            "a-recipient-in-a-call",
            gzip(
                log(&[changed("requestParameters", &json!({"recipientAccountId": "111122223333"})), record(2)])
                    .replacen(",\"recipientAccountId\":\"111122223333\",\"eventCategory\":\"Management\"}]", ",\"eventCategory\":\"Management\"}]", 1)
                    .as_bytes(),
            ),
        ),
        ("address-of-a-wrong-type", gzip(log(&[changed("sourceIPAddress", &json!(1))]).as_bytes())),
        ("identity-of-a-wrong-type", gzip(log(&[changed("userIdentity", &json!("x"))]).as_bytes())),
        ("identity-is-a-list", gzip(log(&[changed("userIdentity", &json!([]))]).as_bytes())),
        ("principal-of-a-wrong-type", with("\"AROAEXAMPLE1:session\"", "5")),
        ("invoked-by-an-object", with("\"type\":\"AssumedRole\"", "\"type\":\"AssumedRole\",\"invokedBy\":{}")),
        ("half-a-letter", with("203.0.113.7", "\\ud83d")),
        ("long-region", with("us-east-1", &"x".repeat(65))),
        ("large-record", gzip(log(&[changed("userAgent", &json!("\u{1f600}".repeat(1_300_000)))]).as_bytes())),
        ("inflates-too-far", gzip(log(&vec![record(1); 60_000]).as_bytes())),
        ("many-escapes", with("plain", &"\\u0041".repeat(20_000))),
        ("long-key", with("\"note\"", &format!("\"{}\"", "k".repeat(60_000)))),
    ]
}

#[test]
fn what_a_search_for_text_could_miss_is_read() {
    let Some(engine) = engine() else { return };
    let folder = engine.empty("odd");
    let objects = odd_objects();
    for (name, body) in &objects {
        let key = format!("AWSLogs/111122223333/CloudTrail/us-east-1/2026/11/01/{name}.json.gz");
        write(&folder, &key, body);
    }
    // Names that the engine passes over in silence, or that are no names of its own.
    let plain = gzip(two().as_bytes());
    for key in [
        "AWSLogs/111122223333/CloudTrail/us-east-1/2026/11/01/_hidden.json.gz",
        "AWSLogs/111122223333/CloudTrail/us-east-1/2026/11/01/.hidden.json.gz",
        "AWSLogs/111122223333/CloudTrail/us-east-1/2026/11/01/it's 100% + \u{e9}.json.gz",
        "AWSLogs/111122223333/CloudTrail/us-east-1/2026/11/01/no-ending",
        "AWSLogs/111122223333/CloudTrail/us-east-1/2026/11/01/text.json",
    ] {
        write(&folder, key, &plain);
    }
    engine.create("odd");
    let spared = compare(engine, "odd");
    assert!(spared > 3, "{spared} of {}", objects.len());
}

#[test]
fn calls_of_a_session_that_is_relevant_are_read_wherever_they_are() {
    let Some(engine) = engine() else { return };
    let folder = engine.empty("sessions");
    let mut query = record(3);
    query["eventSource"] = json!("athena.amazonaws.com");
    query["eventName"] = json!("StartQueryExecution");
    query["userIdentity"]["principalId"] = json!("AROAEXAMPLE1:session");
    let at =
        |name: &str| format!("AWSLogs/111122223333/CloudTrail/us-east-1/2026/11/01/{name}.json.gz");
    write(&folder, &at("a"), &gzip(log(&[record(1)]).as_bytes()));
    write(&folder, &at("b"), &gzip(log(&[query]).as_bytes()));
    write(&folder, &at("c"), &gzip(log(&[record(2)]).as_bytes()));
    engine.create("sessions");
    assert_eq!(compare(engine, "sessions"), 2);
    let (chains, _) = asked(&Engine::url(engine.address, "sessions"), &folder, "json");
    assert!(chains.contains("DescribeInstances"), "{chains}");
}

#[test]
fn calls_of_all_sessions_are_read() {
    let Some(engine) = engine() else { return };
    let folder = engine.empty("all_sessions");
    let at =
        |name: &str| format!("AWSLogs/111122223333/CloudTrail/us-east-1/2026/11/01/{name}.json.gz");
    for (name, number) in [("a", 1), ("b", 2)] {
        write(&folder, &at(name), &gzip(log(&[record(number)]).as_bytes()));
    }
    engine.create("all_sessions");
    let url = Engine::url(engine.address, "all_sessions");
    let run = |logs: &[&str]| {
        let mut command = program();
        command
            .args(["chains", "--all-sessions", "--format", "json"])
            .args(ALL_DAYS);
        output(command.args(logs), Exit::Clean).0
    };
    let place = folder.to_str().unwrap();
    let (all, few) = (
        run(&["--logs", place]),
        run(&["--logs", &url, "--objects", place]),
    );
    assert!(all.contains("\"kept\":2"), "{all}");
    assert_eq!(essence(&all), essence(&few));
    // A place that is named twice counts once, with an engine or without.
    let twice = run(&["--logs", &url, "--logs", place, "--objects", place]);
    assert_eq!(essence(&all), essence(&twice));
}

#[test]
fn a_store_is_the_same_and_a_change_of_readers_counts_nothing_twice() {
    let Some(engine) = engine() else { return };
    let folder = engine.with_sample("stored");
    let url = Engine::url(engine.address, "stored");
    let stores = tempfile::tempdir().unwrap();
    let in_window = |command: &str, store: &str, args: &[&str]| {
        let mut program = program();
        program.current_dir(stores.path());
        program.args([command, "--store", store, "--from", "2026-10-31"]);
        program.args(["--to", "2026-11-05", "--now", "2026-11-06T00:00:00Z"]);
        output(program.args(args), Exit::Clean)
    };
    let collect = |store: &str, args: &[&str]| in_window("collect", store, args);
    let chains = |store: &str| {
        let (told, _) = in_window("chains", store, &["--format", "json", "--path", "any"]);
        told
    };
    let place = folder.canonicalize().unwrap();
    let place = place.to_str().unwrap();
    collect("direct", &["--logs", place]);
    let (_, said) = collect("asked", &["--logs", &url, "--objects", place]);
    assert!(said.contains("asking about "), "{said}");
    let (all, few) = (chains("direct"), chains("asked"));
    assert_eq!(essence(&all)["coverage"], essence(&few)["coverage"]);
    assert!(essence(&all) == essence(&few), "another store");
    // Read again without the engine: everything is there already.
    collect("asked", &["--logs", place]);
    assert!(chains("asked") == few, "something counts twice");
}

#[test]
fn what_the_engine_is_asked_is_told_before() {
    let mut sql = program();
    sql.args(["engine", "sql", "--logs", "trino://h:1/Hive/logs/raw"])
        .args(["--from", "2026-11-01", "--to", "2026-11-02"]);
    let (told, _) = output(&mut sql, Exit::Clean);
    assert!(told.contains("information_schema.columns"), "{told}");
    assert!(
        told.contains("SHOW CREATE TABLE \"hive\".\"logs\".\"raw\""),
        "{told}"
    );
    assert!(
        told.contains("<path of the first object of a folder>"),
        "{told}"
    );
    assert!(told.contains("'2026-11-01T00:00:00Z'"), "{told}");
}

#[test]
fn conditions_hold_the_names_that_the_event_list_holds() {
    let Some(engine) = engine() else { return };
    let names = [
        "AssumeRole",
        "AssumeRoleWithSAML",
        "GetSessionToken",
        "GetCallerIdentity",
        "GetRole",
        "UpdateRole",
        "CreateRole",
        "ListRoles",
        "SimulateCustomPolicy",
        "CreatePolicyVersion",
        "StopLogging",
        "DescribeTrails",
        "LookupEvents",
        "GetObject",
        "PutObject",
        "DeleteObject",
        "DeleteObjects",
        "CreateBucket",
        "ListBuckets",
        "QueryDatabase",
        "queryDatabase",
        "GetDataAccess",
        "GrantPermissions",
        "CreateTable",
        "GetTable",
        "StartJobRun",
        "Invoke",
        "Decrypt",
        "StartExecution",
        "Other",
    ];
    let mut sources: Vec<&str> = SOURCES.iter().map(|service| service.name).collect();
    sources.push("ec2.amazonaws.com");
    let condition = qs_audit::engine::listed_condition("s", "n");
    for source in sources {
        let rows: Vec<String> = names
            .iter()
            .map(|name| format!("('{source}', '{name}')"))
            .collect();
        let statement = format!(
            "SELECT n, CAST({condition} AS varchar) FROM (VALUES {}) AS t (s, n)",
            rows.join(", ")
        );
        for row in engine.sql(&statement) {
            let (name, told) = (row[0].clone().unwrap(), row[1].clone().unwrap());
            let kept = entry(source.as_bytes(), name.as_bytes()).and_then(|entry| entry.kept);
            // The conditions beside names are taken to be met.
            let wanted = kept.is_some_and(|kept| kept.when != When::OfSession);
            assert_eq!(told, wanted.to_string(), "{source} {name}");
        }
    }
}

#[test]
fn an_engine_that_stumbles_gives_the_same_or_says_so() {
    let Some(engine) = engine() else { return };
    let folder = engine.with_sample("stumbling");
    let (all, _) = direct(&folder, "json");
    let all = essence(&all);
    // Each request fails once: busy, asked too often, cut short.
    for fault in [
        Fault::SlowDown,
        Fault::TooMany,
        Fault::Truncated,
        Fault::Reset,
    ] {
        let proxy = Proxy::start(engine.address, move |asked| {
            let is_first = asked.before == 0 && !asked.target.ends_with("/0");
            fault.when(is_first && asked.target != "/v1/statement")
        });
        let (few, _) = asked(&Engine::url(proxy.address, "stumbling"), &folder, "json");
        assert!(essence(&few) == all, "{fault:?}");
    }
    // A coordinator that was started anew knows of no statement, once.
    let forgotten = Mutex::new(false);
    let proxy = Proxy::start(engine.address, move |asked| {
        let mut forgotten = forgotten.lock().unwrap();
        let is_page = asked.head.starts_with("GET") && !*forgotten;
        *forgotten |= is_page;
        Fault::Gone.when(is_page)
    });
    let mut command = program();
    command.args(["chains", "--format", "json"]).args(ALL_DAYS);
    command
        .args(["--logs", &Engine::url(proxy.address, "stumbling")])
        .arg("--objects")
        .arg(&folder);
    let result = command.output().unwrap();
    let said = String::from_utf8(result.stderr).unwrap();
    if result.status.success() {
        assert!(essence(&String::from_utf8(result.stdout).unwrap()) == all);
    } else {
        assert!(said.contains("the statement is gone"), "{said}");
    }
    // Who may not ask is told so.
    let proxy = Proxy::start(engine.address, |_| Fault::Denied);
    let mut command = program();
    command.args(["chains", "--logs", &Engine::url(proxy.address, "stumbling")]);
    let (_, said) = output(command.arg("--objects").arg(&folder), Exit::Usage);
    assert!(said.contains("HTTP 403"), "{said}");
}

#[test]
fn a_worker_that_is_closed_changes_nothing() {
    let Some(program) = needs::trino() else {
        return;
    };
    let engine = Engine::start(&program, 2);
    let folder = engine.with_sample("logs");
    let (all, _) = direct(&folder, "json");
    std::thread::scope(|scope| {
        let closing = scope.spawn(|| engine.close_a_worker());
        for _ in 0..3 {
            let (few, _) = asked(&Engine::url(engine.address, "logs"), &folder, "json");
            assert!(essence(&few) == essence(&all));
        }
        closing.join().unwrap();
    });
}

#[test]
fn a_table_that_is_not_one_of_lines_is_refused_with_what_to_write() {
    let Some(engine) = engine() else { return };
    let folder = engine.empty("unfit");
    engine.sql("CREATE TABLE hive.logs.unfit (a varchar, b bigint) WITH (external_location = 'local:///unfit', format = 'TEXTFILE')");
    engine.sql("CREATE TABLE hive.logs.headed (line varchar) WITH (external_location = 'local:///unfit', format = 'TEXTFILE', skip_header_line_count = 1)");
    for (table, told) in [
        ("unfit", "has other columns"),
        ("absent", "is not there"),
        ("headed", "has skip_header_line_count"),
    ] {
        let mut command = program();
        command.args(["chains", "--logs", &Engine::url(engine.address, table)]);
        let (_, said) = output(command.arg("--objects").arg(&folder), Exit::Usage);
        assert!(said.contains(told), "{said}");
        assert!(said.contains("engine ddl --for trino"), "{said}");
    }
    let mut command = program();
    command.args([
        "chains",
        "--logs",
        &folder.to_string_lossy(),
        "--objects",
        "x",
    ]);
    let (_, said) = output(&mut command, Exit::Usage);
    assert!(said.contains("--objects is for a table"), "{said}");
}

#[test]
fn logs_in_s3_are_found_where_the_table_has_them() {
    let (Some(start), Some(python)) = (needs::trino(), needs::python("moto.server")) else {
        return;
    };
    let folder = organization();
    let moto = Moto::start(&python, &folder.path().join("AWSLogs"));
    let properties = [
        "fs.s3.enabled=true".to_owned(),
        format!("s3.endpoint={}", moto.url),
        "s3.region=us-east-1".to_owned(),
        "s3.path-style-access=true".to_owned(),
        "s3.aws-access-key=AKIAEXAMPLE".to_owned(),
        "s3.aws-secret-key=x".to_owned(),
    ];
    let engine = Engine::start_with(&start, 1, &properties);
    let location = format!("s3://{BUCKET}/AWSLogs");
    engine.create_at("raw", &location);
    let chains = |logs: &str| {
        let mut command = program_at(&moto.url);
        command.args(["chains", "--format", "json", "--logs", logs]);
        output(command.args(ALL_DAYS), Exit::Clean)
    };
    let (all, _) = chains(&location);
    let (few, said) = chains(&Engine::url(engine.address, "raw"));
    assert!(essence(&all) == essence(&few), "other chains");
    assert!(spared(&few) > 5);
    assert!(said.contains("asking about "), "{said}");
}

#[test]
fn doctor_says_what_the_engine_sees() {
    let Some(engine) = engine() else { return };
    let folder = engine.with_sample("examined");
    let doctor = |table: &str| {
        let mut command = program();
        command.args([
            "doctor",
            "--logs",
            &Engine::url(engine.address, table),
            "--objects",
        ]);
        command
            .arg(&folder)
            .args(["--now", "2026-11-03T00:00:00Z", "--format", "csv"]);
        output(&mut command, Exit::Clean).0
    };
    let told = doctor("examined");
    assert!(told.contains("the table is there"), "{told}");
    assert!(told.contains("the engine sees all "), "{told}");
    // The table of another folder.
    engine.empty("elsewhere");
    engine.create("elsewhere");
    let told = doctor("elsewhere");
    assert!(told.contains("the engine sees 0 of "), "{told}");
    assert!(told.contains("hive.recursive-directories=true"), "{told}");
    assert!(doctor("absent").contains("is not there"));
}

/// A table of logs with digests, its folder, and one with keys and signatures.
fn with_digests(engine: &Engine, table: &str) -> (String, PathBuf, TempDir) {
    let folder = engine.empty(table);
    let (signer, mut bucket) = (Signer::new(), Bucket::default());
    let chain = Chain {
        account: "444455556666",
        region: "eu-central-1",
        first: UtcSecond::parse("2026-07-01T01:00:31Z").unwrap(),
        hours: 3,
        files: 2,
        backfill: false,
    };
    chain.put(&signer, &mut bucket);
    bucket.write_copy(&folder);
    let own = tempfile::tempdir().unwrap();
    let write = |name: &str, value: Value| {
        fs::write(own.path().join(name), value.to_string()).unwrap();
    };
    write("keys.json", signer.public_keys());
    write("signatures.json", bucket.signatures());
    engine.create(table);
    (Engine::url(engine.address, table), folder, own)
}

#[test]
fn log_files_that_were_not_read_are_unverified() {
    let Some(engine) = engine() else { return };
    let (url, folder, own) = with_digests(engine, "verified");
    let run = |args: &[&str], exit: Exit| {
        let mut command = program();
        command.current_dir(own.path()).args(args);
        command.args([
            "--from",
            "2026-07-01",
            "--to",
            "2026-07-02",
            "--now",
            "2026-07-03",
        ]);
        command.args([
            "--public-keys",
            "keys.json",
            "--signatures",
            "signatures.json",
        ]);
        command
            .args(["--format", "json", "--logs", &url, "--objects"])
            .arg(&folder);
        output(&mut command, exit)
    };
    let (told, said) = run(
        &["chains", "--verify", "--path", "any", "--strict"],
        Exit::Incomplete,
    );
    assert_eq!(spared(&told), 6);
    let told: Value = serde_json::from_str(&told).unwrap();
    let unchecked = told["verification"]["unchecked"].to_string();
    assert!(
        unchecked.contains("it was not read"),
        "{}\n{said}",
        told["verification"]
    );
    // `verify` reads all of them, as ever.
    let (told, _) = run(&["verify"], Exit::Clean);
    assert!(!told.contains("it was not read"), "{told}");
}

#[test]
fn what_is_read_after_all_has_not_changed() {
    let Some(engine) = engine() else { return };
    let (url, folder, own) = with_digests(engine, "read_after_all");
    // The session of the first file turns out to be relevant by the second.
    let place = "AWSLogs/o-exampleorgid/444455556666/CloudTrail/eu-central-1/2026/07/01";
    for (name, number, source) in [("a", 1, "ec2"), ("b", 2, "athena")] {
        let text = log(&[record(number)]).replace("2026-11-01T", "2026-07-01T");
        let text = text.replace("ec2.amazonaws", &format!("{source}.amazonaws"));
        let text = text.replace("AROAEXAMPLE2", "AROAEXAMPLE1");
        let name =
            format!("{place}/444455556666_CloudTrail_eu-central-1_20260701T0100Z_{name}.json.gz");
        fs::write(folder.join(name), gzip(text.as_bytes())).unwrap();
    }
    let mut command = program();
    command
        .current_dir(own.path())
        .args(["chains", "--verify", "--path", "any", "--format", "json"]);
    command.args([
        "--from",
        "2026-07-01",
        "--to",
        "2026-07-02",
        "--now",
        "2026-07-03",
    ]);
    command.args([
        "--public-keys",
        "keys.json",
        "--signatures",
        "signatures.json",
        "--logs",
        &url,
    ]);
    let (told, said) = output(command.arg("--objects").arg(&folder), Exit::Clean);
    assert!(told.contains("\"kept\":2"), "{told}");
    assert!(!said.contains("changed"), "{said}");
}

#[test]
fn a_configuration_names_an_engine_and_init_writes_it() {
    let Some(engine) = engine() else { return };
    let folder = engine.with_sample("configured");
    let url = Engine::url(engine.address, "configured");
    let own = tempfile::tempdir().unwrap();
    let mut init = program();
    init.current_dir(own.path())
        .args(["init", "--logs", &url, "--objects"]);
    init.arg(&folder)
        .args(["--now", "2026-11-04T00:00:00Z", "-o", "qs-audit.toml"]);
    output(&mut init, Exit::Clean);
    let written = fs::read_to_string(own.path().join("qs-audit.toml")).unwrap();
    assert!(
        written.contains("trino = { url = \"http://127.0.0.1:"),
        "{written}"
    );
    let mut chains = program();
    chains
        .current_dir(own.path())
        .args(["chains", "--format", "json"])
        .args(ALL_DAYS);
    let (few, said) = output(&mut chains, Exit::Clean);
    assert!(said.contains("asking about "), "{said}");
    assert!(spared(&few) > 5);
    let mut chains = program();
    chains
        .current_dir(own.path())
        .arg("chains")
        .env("QS_AUDIT_TRINO_USER", "a\nb");
    let (_, said) = output(&mut chains, Exit::Usage);
    assert!(said.contains("cannot be a user of Trino"), "{said}");
    // A password is named, and never written.
    for (key, told) in [
        (
            "password_env = \"NO_SUCH_VARIABLE\"",
            "NO_SUCH_VARIABLE is not set",
        ),
        ("password_file = \"no-such-file\"", "no-such-file"),
        (
            "password_env = \"A\", password_file = \"B\"",
            "give one of them",
        ),
    ] {
        let text = written.replace("trino = {", &format!("trino = {{ {key},"));
        fs::write(own.path().join("qs-audit.toml"), text).unwrap();
        let mut chains = program();
        chains.current_dir(own.path()).args(["chains"]);
        let (_, said) = output(&mut chains, Exit::Usage);
        assert!(said.contains(told), "{said}");
    }
}

/// A server that never comes to the end of a statement: what it was asked.
fn endless() -> (SocketAddr, std::sync::Arc<Mutex<Vec<String>>>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked: std::sync::Arc<Mutex<Vec<String>>> = std::sync::Arc::default();
    let own = std::sync::Arc::clone(&asked);
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut lines = BufReader::new(client.try_clone().unwrap());
            let mut line = String::new();
            lines.read_line(&mut line).unwrap();
            own.lock().unwrap().push(line.trim().to_owned());
            let body = json!({"id": "q", "nextUri": format!("http://{address}/v1/statement/executing/q/1"),
                "stats": {"state": "RUNNING"}});
            let body = body.to_string();
            let _ = write!(
                client,
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    (address, asked)
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_cancels_its_statement() {
    let (address, asked) = endless();
    let program = program();
    let mut child = Command::new(program.get_program())
        .args([
            "chains",
            "--logs",
            &Engine::url(address, "raw"),
            "--objects",
            ".",
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while asked.lock().unwrap().len() < 3 {
        std::thread::yield_now();
    }
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let asked = asked.lock().unwrap();
    let cancelled = "DELETE /v1/statement/executing/q/1 HTTP/1.1";
    assert!(asked.iter().any(|line| line == cancelled), "{asked:?}");
}

#[test]
fn an_answer_leads_nowhere_else() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut lines = BufReader::new(client.try_clone().unwrap());
            lines.read_line(&mut String::new()).unwrap();
            let body = json!({"id": "q", "nextUri": format!("http://{address}.evil.example/x")})
                .to_string();
            let _ = write!(
                client,
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    let mut command = program();
    command.args([
        "chains",
        "--logs",
        &Engine::url(address, "raw"),
        "--objects",
        ".",
    ]);
    let (_, said) = output(&mut command, Exit::Usage);
    assert!(said.contains("leads to another server"), "{said}");
}

#[test]
fn a_server_that_is_not_there_is_told_soon() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut command = program();
    command.args([
        "chains",
        "--logs",
        &Engine::url(address, "raw"),
        "--objects",
        ".",
    ]);
    let (_, said) = output(&mut command, Exit::Internal);
    assert!(said.contains("Connection refused"), "{said}");
    assert!(said.contains("reads them without the engine"), "{said}");
}

#[test]
fn a_wrong_engine_is_told_with_its_line() {
    let own = tempfile::tempdir().unwrap();
    let table = "catalog = \"c\", schema = \"s\", table = \"t\"";
    for (entry, told) in [
        (format!("trino = {{ url = \"http://trino.example.com:8080\", {table} }}"), "write https://"),
        (format!("trino = {{ url = \"https://user@host\", {table} }}"), "is not https://HOST:PORT"),
        (format!("trino = {{ url = \"https://h\", {table}, colour = \"x\" }}"), "colour"),
        (format!("path = \"AWSLogs\"\ntrino = {{ url = \"https://h\", {table} }}"), "write `objects` inside"),
        ("athena = { work_group = \"a\", database = \"b\", table = \"c\", max_usd = \"much\" }".to_owned(), "decimal amount"),
        ("athena = { work_group = \"a\", database = \"b\", table = \"c\", region = \"nowhere\" }".to_owned(), "is not a Region code"),
    ] {
        fs::write(own.path().join("qs-audit.toml"), format!("[[logs]]\n{entry}\n")).unwrap();
        let mut chains = program();
        let (_, said) = output(chains.current_dir(own.path()).arg("chains"), Exit::Usage);
        assert!(said.contains(told), "{entry}: {said}");
        assert!(said.contains("qs-audit.toml"), "{said}");
    }
    for (logs, told) in [
        (
            "trino://host/one/two",
            "trino://HOST:PORT/CATALOG/SCHEMA/TABLE",
        ),
        ("athena://group/table", "athena://WORKGROUP/DATABASE.TABLE"),
    ] {
        let mut chains = program();
        chains.current_dir(own.path().parent().unwrap());
        let (_, said) = output(chains.args(["chains", "--logs", logs]), Exit::Usage);
        assert!(said.contains(told), "{said}");
    }
}
