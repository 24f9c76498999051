//! Athena by its protocol on loopback, whose statements a real Trino runs: only the input format differs,
//! and no more than the columns of the documented table are there.

use crate::cli::{output, program};
use crate::digest_bucket::gzip;
use crate::engine::{Engine, direct, engine, essence, log, record, spared, write};
use crate::needs;
use qs_audit::cli::Exit;
use qs_audit::demo::{self, DemoPlan};
use qs_audit::engine::{Trino, TrinoServer, UnwatchedIndex, columns as documented_columns};
use qs_audit::event_list::entry::EventListEntry;
use qs_audit::event_list::list::SOURCES;
use qs_audit::event_list::members::COMMON;
use qs_audit::ports::SqlEngine;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const LOCATION: &str = "s3://amzn-s3-demo-bucket";
const TABLE: &str = r#""audit"."cloudtrail""#;
/// Rows of a page: few, so that there are many pages.
const PAGE: usize = 4;

/// The member that a column is made of, as it is spelled in logs.
fn member_of(column: &str) -> Option<String> {
    let listed = SOURCES.iter().flat_map(|service| service.entries);
    let listed = listed.flat_map(EventListEntry::members);
    let common = COMMON.iter().map(|&member| member.to_owned());
    let mut members = common.chain(listed);
    let first = |member: String| member.split('.').next().unwrap_or_default().to_owned();
    members.find_map(|member| Some(first(member)).filter(|first| first.to_lowercase() == column))
}

/// The rows of a log file as the documented table has them.
fn records_of(table: &str) -> String {
    let text = |member: &str| format!("json_extract_scalar(rec, '$.{member}')");
    let json = |member: &str| {
        format!(
            "json_format(json_extract(rec, '$.{member}')) AS {}",
            member.to_lowercase()
        )
    };
    let identity = [
        "type",
        "principalId",
        "arn",
        "accountId",
        "invokedBy",
        "accessKeyId",
        "userName",
    ];
    let values: Vec<String> = identity
        .iter()
        .map(|name| text(&format!("userIdentity.{name}")))
        .collect();
    let types: Vec<String> = identity
        .iter()
        .map(|name| format!("{} varchar", name.to_lowercase()))
        .collect();
    let mut columns: Vec<String> = Vec::new();
    for (column, _) in documented_columns() {
        let member = member_of(&column);
        columns.push(match (column.as_str(), member) {
            ("useridentity" | "resources", _) => continue,
            (_, None) => format!("CAST(NULL AS varchar) AS {column}"),
            ("addendum" | "tlsdetails", Some(member)) => {
                format!("json_extract(rec, '$.{member}') AS {column}")
            }
            (
                "requestparameters"
                | "responseelements"
                | "additionaleventdata"
                | "serviceeventdetails",
                Some(member),
            ) => json(&member),
            (_, Some(member)) => format!("{} AS {column}", text(&member)),
        });
    }
    columns.push(format!(
        "CAST(ROW({}, ROW({})) AS ROW({}, sessioncontext ROW(sourceidentity varchar))) AS useridentity",
        values.join(", "),
        text("userIdentity.sessionContext.sourceIdentity"),
        types.join(", "),
    ));
    columns.push("CAST(json_extract(rec, '$.resources') AS array(json)) AS resources".to_owned());
    format!(
        r#"(SELECT replace("$path", 'local:///{table}', '{LOCATION}') AS "$path", {},
            regexp_extract("$path", '/([0-9]{{12}})/CloudTrail/', 1) AS "account",
            regexp_extract("$path", '/CloudTrail/([^/]+)/', 1) AS "region",
            regexp_extract("$path", '/([0-9]{{4}}/[0-9]{{2}}/[0-9]{{2}})/', 1) AS "day"
        FROM hive.logs.{table}
            CROSS JOIN UNNEST(CAST(json_extract(line, '$.Records') AS array(json))) AS u (rec))"#,
        columns.join(", ")
    )
}

/// What an answer does instead of answering.
#[derive(Clone, Copy, PartialEq)]
enum Trouble {
    None,
    /// Every request is throttled once.
    Throttling,
    /// The first statement is ended by the work group's cutoff.
    Cutoff,
    /// Results are gone.
    Expired,
}

/// Rows, or the reason of a failure.
type Ended = Result<Vec<Vec<Option<String>>>, String>;

#[derive(Default)]
struct Asked {
    tokens: BTreeSet<String>,
    statements: Vec<String>,
    /// Statements that have ended, by their ids.
    ended: BTreeMap<String, Ended>,
    seen: BTreeSet<String>,
    throttled: BTreeSet<String>,
}

/// Athena's protocol.
struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Asked>>,
}

impl Server {
    fn start(engine: &Engine, table: &str, trouble: Trouble) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Asked>> = Arc::default();
        let (own, trino, table) = (Arc::clone(&asked), engine.address, table.to_owned());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (asked, table) = (Arc::clone(&own), table.clone());
                std::thread::spawn(move || serve(client, trino, &table, trouble, &asked));
            }
        });
        Self { address, asked }
    }

    fn program(&self) -> assert_cmd::Command {
        let mut program = program();
        program
            .env("AWS_ENDPOINT_URL", format!("http://{}", self.address))
            .env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "x")
            .env("AWS_REGION", "us-east-1");
        program
    }

    fn chains(&self, folder: &Path) -> assert_cmd::Command {
        let mut program = self.program();
        program
            .args(["chains", "--format", "json", "--path", "any"])
            .args(["--from", "2000-01-01", "--to", "2030-01-01"])
            .args(["--logs", "athena://audit/audit.cloudtrail", "--objects"])
            .arg(folder);
        program
    }
}

fn serve(
    mut client: TcpStream,
    trino: SocketAddr,
    table: &str,
    trouble: Trouble,
    asked: &Mutex<Asked>,
) {
    let mut reader = BufReader::new(client.try_clone().unwrap());
    let (mut target, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let line = line.trim().to_ascii_lowercase();
        if let Some(name) = line.strip_prefix("x-amz-target: amazonathena.") {
            name.clone_into(&mut target);
        }
        if let Some(agent) = line.strip_prefix("user-agent: ") {
            // By this, the query's own record is known for this program's.
            assert!(
                agent.split(' ').any(|word| word == "app/qs-audit"),
                "{agent}"
            );
        }
        if let Some(bytes) = line.strip_prefix("content-length: ") {
            length = bytes.parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let request: Value = serde_json::from_slice(&body).unwrap();
    let mut asked = asked.lock().unwrap();
    let (status, answer) = if trouble == Trouble::Throttling
        && asked
            .throttled
            .insert(format!("{target} {}", request["NextToken"]))
    {
        (
            400,
            json!({"__type": "ThrottlingException", "Message": "Rate exceeded"}),
        )
    } else {
        answer(&target, &request, trino, table, trouble, &mut asked)
    };
    let body = answer.to_string();
    let _ = write!(
        client,
        "HTTP/1.1 {status} X\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    );
}

fn answer(
    target: &str,
    request: &Value,
    trino: SocketAddr,
    table: &str,
    trouble: Trouble,
    asked: &mut Asked,
) -> (u16, Value) {
    let id = request["QueryExecutionId"].as_str().unwrap_or_default();
    match target {
        "gettablemetadata" => (200, described()),
        "getworkgroup" => (
            200,
            json!({"WorkGroup": {"Name": "audit", "State": "ENABLED", "Configuration":
            {"BytesScannedCutoffPerQuery": 10_000_000, "ManagedQueryResultsConfiguration": {"Enabled": true}}}}),
        ),
        "startqueryexecution" => {
            let token = request["ClientRequestToken"].as_str().unwrap();
            assert!((32..=128).contains(&token.len()));
            assert!(asked.tokens.insert(token.to_owned()), "a token twice");
            let reuse =
                &request["ResultReuseConfiguration"]["ResultReuseByAgeConfiguration"]["Enabled"];
            assert_eq!(*reuse, json!(false));
            let statement = request["QueryString"].as_str().unwrap();
            assert!(statement.len() < 262_144);
            asked.statements.push(statement.to_owned());
            let id = format!("00000000-0000-4000-8000-{:012}", asked.tokens.len());
            let ended = run(statement, trino, table);
            asked.ended.insert(id.clone(), ended);
            (200, json!({ "QueryExecutionId": id }))
        }
        "getqueryexecution" => {
            let mut status = json!({"State": "RUNNING"});
            // The first question comes too early.
            if !asked.seen.insert(id.to_owned()) {
                status = match (&asked.ended[id], trouble) {
                    (_, Trouble::Cutoff) => json!({"State": "CANCELLED",
                        "StateChangeReason": "Bytes scanned limit was exceeded"}),
                    (Ok(_), _) => json!({"State": "SUCCEEDED"}),
                    (Err(reason), _) => json!({"State": "FAILED", "StateChangeReason": reason,
                        "AthenaError": {"ErrorCategory": 2, "Retryable": false}}),
                };
            }
            (
                200,
                json!({"QueryExecution": {"QueryExecutionId": id, "Status": status,
                "Statistics": {"DataScannedInBytes": 1000}}}),
            )
        }
        "getqueryresults" if trouble == Trouble::Expired => (
            400,
            json!({
            "__type": "InvalidRequestException",
            "Message": "Query results are no longer available"}),
        ),
        "getqueryresults" => (200, results(asked.ended[id].as_ref().unwrap(), request)),
        other => panic!("{other}"),
    }
}

/// The table, as its catalog describes it.
fn described() -> Value {
    let columns: Vec<Value> = documented_columns()
        .into_iter()
        .map(|(name, kind)| json!({"Name": name, "Type": kind}))
        .collect();
    let keys = ["account", "region", "day"].map(|name| json!({"Name": name, "Type": "string"}));
    json!({"TableMetadata": {"Name": "cloudtrail", "Columns": columns,
                "PartitionKeys": keys, "Parameters": {"location": format!("{LOCATION}/")}}})
}

/// A page of rows.
fn results(rows: &[Vec<Option<String>>], request: &Value) -> Value {
    let header = vec![Some("_col".to_owned()); 8];
    let all: Vec<&Vec<Option<String>>> = std::iter::once(&header).chain(rows).collect();
    let from: usize = request["NextToken"]
        .as_str()
        .map_or(0, |token| token.parse().unwrap());
    let to = (from + PAGE).min(all.len());
    let page: Vec<Value> = all[from..to]
        .iter()
        .map(|row| {
            let data = row.iter().map(|value| match value {
                Some(value) => json!({"VarCharValue": value}),
                None => json!({}),
            });
            json!({"Data": data.collect::<Vec<Value>>()})
        })
        .collect();
    let mut answer = json!({"ResultSet": {"Rows": page}, "UpdateCount": 0});
    if to < all.len() {
        answer["NextToken"] = json!(to.to_string());
    }
    answer
}

/// Runs a statement of Athena on Trino.
fn run(statement: &str, trino: SocketAddr, table: &str) -> Ended {
    assert!(statement.contains(TABLE), "{statement}");
    let statement = statement.replace(TABLE, &records_of(table));
    let server = TrinoServer {
        name: "trino".to_owned(),
        authority: trino.to_string(),
        is_plain: true,
        user: "tests".to_owned(),
        password: None,
        ca_bundle: None,
        backoff: Duration::from_millis(1),
    };
    let mut rows = Vec::new();
    let run = Trino::new(server)
        .unwrap()
        .run(&statement, &UnwatchedIndex, &mut |row| rows.push(row));
    let located = |message: String| message.replace(&format!("local:///{table}"), LOCATION);
    run.map(|()| rows).map_err(|error| located(error.message))
}

#[test]
fn athena_says_what_has_to_be_read_and_the_result_is_the_same() {
    let Some(engine) = engine() else { return };
    for (table, seed) in [("athena1", 1), ("athena2", 5)] {
        let folder = engine.empty(table);
        let organization = demo::generate(&DemoPlan {
            seed,
            ..DemoPlan::sample()
        });
        demo::write_to(&folder, &organization.logs).unwrap();
        engine.create(table);
        let server = Server::start(engine, table, Trouble::None);
        let (few, said) = output(&mut server.chains(&folder), Exit::Clean);
        let (all, _) = direct(&folder, "json");
        assert_eq!(essence(&all)["coverage"], essence(&few)["coverage"]);
        assert!(essence(&all) == essence(&few), "{table}: other chains");
        assert!(spared(&few) > 5, "{} objects were spared", spared(&few));
        assert!(
            said.contains("less than $0.01, and at most $0.01 with all retries"),
            "{said}"
        );
        let asked = server.asked.lock().unwrap();
        assert!(asked.statements[0].contains(r#""account" IN ('111122223333'"#));
        assert!(asked.statements[0].contains(r#""day" IN ('2026/11/01'"#));
    }
}

#[test]
fn what_athena_cannot_read_is_read_here() {
    let Some(engine) = engine() else { return };
    let folder = engine.empty("athena_damaged");
    let place = "AWSLogs/111122223333/CloudTrail/us-east-1/2026/11/01";
    let plain = gzip(log(&[record(1), record(2)]).as_bytes());
    write(&folder, &format!("{place}/plain.json.gz"), &plain);
    write(
        &folder,
        &format!("{place}/cut.json.gz"),
        &plain[..plain.len() / 2],
    );
    write(
        &folder,
        &format!("{place}/not-gzip.json.gz"),
        b"{\"Records\":[]}",
    );
    write(&folder, &format!("{place}/empty.json.gz"), b"");
    engine.create("athena_damaged");
    let server = Server::start(engine, "athena_damaged", Trouble::None);
    let (few, said) = output(&mut server.chains(&folder), Exit::Clean);
    let (all, _) = direct(&folder, "json");
    assert_eq!(essence(&all), essence(&few));
    assert_eq!(spared(&few), 1);
    assert!(said.contains("cannot read "), "{said}");
}

#[test]
fn athena_throttles_ends_statements_and_forgets_results() {
    let Some(engine) = engine() else { return };
    let folder = engine.with_sample("athena_troubled");
    let server = Server::start(engine, "athena_troubled", Trouble::Throttling);
    let (few, _) = output(&mut server.chains(&folder), Exit::Clean);
    let (all, _) = direct(&folder, "json");
    assert!(essence(&all) == essence(&few));
    let server = Server::start(engine, "athena_troubled", Trouble::Cutoff);
    let (_, said) = output(&mut server.chains(&folder), Exit::Usage);
    assert!(said.contains("Bytes scanned limit was exceeded"), "{said}");
    let server = Server::start(engine, "athena_troubled", Trouble::Expired);
    let (_, said) = output(&mut server.chains(&folder), Exit::Usage);
    assert!(said.contains("no longer available"), "{said}");
}

#[test]
fn a_run_that_may_cost_too_much_is_refused_before_anything_is_scanned() {
    let Some(engine) = engine() else { return };
    let folder = engine.with_sample("athena_dear");
    let server = Server::start(engine, "athena_dear", Trouble::None);
    let own = tempfile::tempdir().unwrap();
    let objects = folder.to_str().unwrap();
    let config = |max_usd: &str| {
        let text = format!(
            "[[logs]]\nathena = {{ work_group = \"audit\", database = \"audit\", table = \"cloudtrail\", \
             region = \"us-east-1\", max_usd = \"{max_usd}\", objects = '{objects}' }}\n"
        );
        fs::write(own.path().join("qs-audit.toml"), text).unwrap();
    };
    let chains = || {
        let mut program = server.program();
        program.current_dir(own.path());
        program.args([
            "chains",
            "--from",
            "2026-11-01",
            "--to",
            "2026-11-04",
            "--path",
            "any",
        ]);
        program
    };
    config("0.00001");
    let (_, said) = output(&mut chains(), Exit::Usage);
    assert!(said.contains("more than max_usd"), "{said}");
    assert!(server.asked.lock().unwrap().statements.is_empty());
    config("1");
    output(&mut chains(), Exit::Clean);
    assert!(!server.asked.lock().unwrap().statements.is_empty());
}

#[test]
fn every_member_that_is_read_has_a_column() {
    let columns: BTreeMap<String, String> = documented_columns().into_iter().collect();
    let texts = [
        "additionaleventdata",
        "requestparameters",
        "responseelements",
        "serviceeventdetails",
    ];
    let listed = SOURCES.iter().flat_map(|service| service.entries);
    let members = listed.flat_map(EventListEntry::members);
    for member in members.chain(COMMON.iter().map(|&member| member.to_owned())) {
        let member = member.to_lowercase();
        let (first, rest) = member.split_once('.').unwrap_or((&member, ""));
        let kind = &columns[first];
        if texts.contains(&first) {
            assert_eq!(kind, "string");
        } else if let Some(last) = rest.rsplit('.').next().filter(|last| !last.is_empty()) {
            assert!(kind.contains(&format!("{last}:")), "{member}: {kind}");
        }
    }
}

/// Parses statements, of the dialects that they are for.
const PARSER: &str = "
import sys, json, sqlglot
for dialect, text in json.load(sys.stdin):
    parsed = [one for one in sqlglot.parse(text, dialect=dialect) if one is not None]
    assert parsed and all(type(one).__name__ != 'Command' for one in parsed), (dialect, text)
print('parsed')
";

#[test]
fn another_parser_reads_the_statements() {
    let Some(python) = needs::python("sqlglot") else {
        return;
    };
    let told = |args: &[&str]| output(program().arg("engine").args(args), Exit::Clean).0;
    let trino = "trino://h:1/hive/logs/it's";
    let location = "s3://amzn-s3-demo-bucket/it's/AWSLogs";
    let index = told(&["sql", "--logs", trino, "--since", "1d"]);
    // Of `SHOW` it knows no more than the word.
    let index = index
        .split(';')
        .filter(|statement| !statement.contains("SHOW CREATE"));
    let statements = json!([
        ["trino", index.collect::<Vec<&str>>().join(";")],
        [
            "athena",
            told(&[
                "sql",
                "--logs",
                "athena://primary/audit.cloudtrail",
                "--since",
                "1d"
            ])
        ],
        [
            "trino",
            told(&[
                "ddl",
                "--for",
                "trino",
                "--table",
                "hive.logs.raw",
                "--logs",
                location
            ])
        ],
        [
            "athena",
            told(&[
                "ddl",
                "--for",
                "athena",
                "--table",
                "audit.cloudtrail",
                "--logs",
                location
            ])
        ],
    ]);
    let mut parser = Command::new(python)
        .args(["-c", PARSER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = parser.stdin.take().unwrap();
    stdin.write_all(statements.to_string().as_bytes()).unwrap();
    drop(stdin);
    let parsed = parser.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(parsed.stdout).unwrap().trim(), "parsed");
}
