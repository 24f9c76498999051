//! What somebody who can write into logs, exports or the store's folder can do
//! (SECURITY.md): nothing but be read.

use crate::cli::{output, program};
use crate::common::stdout_of;
use crate::needs;
use assert_cmd::Command;
use qs_audit::cli::Exit;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command as Process;
use tempfile::TempDir;

const HUB: &str = "111122223333";
const CONSUMER: &str = "444455556666";

/// Records of one chain: two hops and a query, with ids of their own.
pub(crate) struct Story {
    pub(crate) next: u32,
    pub(crate) records: Vec<Value>,
}

impl Story {
    pub(crate) fn new() -> Self {
        Self {
            next: 0,
            records: Vec::new(),
        }
    }

    fn id(&mut self) -> String {
        self.next += 1;
        format!("00000000-0000-4000-8000-{:012}", self.next)
    }

    fn record(
        &mut self,
        account: &str,
        call: (&str, &str),
        identity: &Value,
        time: &str,
    ) -> &mut Value {
        let id = self.id();
        self.records.push(json!({
            "eventVersion": "1.11", "eventSource": format!("{}.amazonaws.com", call.0),
            "eventName": call.1, "eventTime": time, "awsRegion": "us-east-1", "eventID": id,
            "sourceIPAddress": "quicksight.amazonaws.com", "userIdentity": identity,
            "recipientAccountId": account, "eventType": "AwsApiCall",
        }));
        self.records.last_mut().unwrap()
    }

    /// A chain whose second session has this name, and whose query is in this database.
    pub(crate) fn chain(&mut self, number: u32, session: &str, database: &str) {
        let (a, b) = (format!("ASIAA{number:07}"), format!("ASIAB{number:07}"));
        let time = format!("2026-07-01T10:{:02}:{:02}Z", number / 60, number % 60);
        let quick = json!({"type": "AWSService", "invokedBy": "quicksight.amazonaws.com"});
        let first = self.record(HUB, ("sts", "AssumeRole"), &quick, &time);
        first["requestParameters"] = json!({"roleArn": format!("arn:aws:iam::{HUB}:role/a"),
            "roleSessionName": format!("S{number}")});
        first["responseElements"] = json!({"credentials": {"accessKeyId": a},
            "assumedRoleUser": {"assumedRoleId": format!("AROAA:S{number}")}});
        let role_a = session_of(HUB, "a", &format!("S{number}"), &a, &time);
        let second = self.record(HUB, ("sts", "AssumeRole"), &role_a, &time);
        second["requestParameters"] = json!({"roleArn": format!("arn:aws:iam::{CONSUMER}:role/b"),
            "roleSessionName": session,
            "externalId": format!("arn:aws:quicksight:us-east-1:{HUB}:datasource/ds")});
        second["responseElements"] = json!({"credentials": {"accessKeyId": b},
            "assumedRoleUser": {"assumedRoleId": format!("AROAB:{session}")}});
        let role_b = session_of(CONSUMER, "b", session, &b, &time);
        let execution = self.id();
        let query = self.record(CONSUMER, ("athena", "StartQueryExecution"), &role_b, &time);
        query["requestParameters"] = json!({"workGroup": "w",
            "queryExecutionContext": {"database": database, "catalog": "c"}});
        query["responseElements"] = json!({"queryExecutionId": execution});
    }

    /// A session of Role A that shares its name and second with all others, with one of
    /// some policies that all allow the same, and the consumer's copy of a second hop,
    /// which does not say from which of them.
    pub(crate) fn look_alike(&mut self, number: u32, policy: u32) {
        let time = "2026-07-01T10:00:00Z";
        let quick = json!({"type": "AWSService", "invokedBy": "quicksight.amazonaws.com"});
        let first = self.record(HUB, ("sts", "AssumeRole"), &quick, time);
        first["requestParameters"] = json!({"roleArn": format!("arn:aws:iam::{HUB}:role/a"),
            "roleSessionName": "S", "policy": json!({"Statement": [{"Sid": format!("P{policy}"),
                "Effect": "Allow", "Action": "sts:*", "Resource": "*"}]}).to_string()});
        first["responseElements"] = json!({
            "credentials": {"accessKeyId": format!("ASIAA{number:07}")},
            "assumedRoleUser": {"assumedRoleId": "AROAA:S"}});
        let caller = json!({"type": "AWSAccount", "principalId": "AROAA:S", "accountId": HUB});
        let second = self.record(CONSUMER, ("sts", "AssumeRole"), &caller, time);
        second["requestParameters"] = json!({"roleSessionName": format!("T{number}"),
            "roleArn": format!("arn:aws:iam::{CONSUMER}:role/b"),
            "externalId": format!("arn:aws:quicksight:us-east-1:{HUB}:datasource/ds")});
        second["responseElements"] = json!({
            "credentials": {"accessKeyId": format!("ASIAB{number:07}")},
            "assumedRoleUser": {"assumedRoleId": format!("AROAB:T{number}")}});
    }

    pub(crate) fn write(&self, folder: &Path) {
        let logs = folder.join("logs");
        fs::create_dir_all(&logs).unwrap();
        let text = json!({"Records": self.records}).to_string();
        fs::write(logs.join("f.json"), text).unwrap();
    }
}

fn session_of(account: &str, role: &str, name: &str, key: &str, time: &str) -> Value {
    let id = format!("AROA{}:{name}", role.to_uppercase());
    json!({"type": "AssumedRole", "principalId": id, "accountId": account, "accessKeyId": key,
        "arn": format!("arn:aws:sts::{account}:assumed-role/{role}/{name}"),
        "sessionContext": {"sessionIssuer": {"arn": format!("arn:aws:iam::{account}:role/{role}")},
            "attributes": {"creationDate": time}}})
}

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A folder with the logs of one chain.
pub(crate) fn with_one_chain() -> TempDir {
    let folder = folder();
    let mut story = Story::new();
    story.chain(1, "T", "db");
    story.write(folder.path());
    folder
}

/// A command over the logs of a folder, from before they begin.
pub(crate) fn over(folder: &Path, args: &[&str]) -> Command {
    let mut command = program();
    command.current_dir(folder).args(args);
    command.args(["--logs", "logs", "--from", "2000-01-01"]);
    command
}

/// Runs Python with what it is given as arguments; `None` where it lacks the module.
fn python(module: &str, script: &str, args: &[&Path]) -> Option<String> {
    let python = needs::python(module)?;
    let mut command = Process::new(&python);
    Some(stdout_of(command.args(["-c", script]).args(args)))
}

/// Text that a workbook might take for its own, and that a spreadsheet might run.
fn texts_for_workbooks() -> Vec<String> {
    let mut texts: Vec<String> = [
        "<r><t>..</t></r></si><si><t>INJECTED</t></si><si><r><t>x</t></r>",
        "<r>&x</r>",
        "<r></r>",
        "<r><t>plain</t></r>",
        "<r> _x0041_ </r>",
        "<r>\u{1}</r>",
        "<si><t>x</t></si>",
        "]]></t></si>",
        "_x0041_",
        "_x005F_x0041_",
        "=1+1",
        "{=1}",
        "http://evil.example",
        "internal:Sheet1!A1",
        "mailto:a@evil.example",
        " leading and trailing ",
        "line\nbreak\ttab",
        "é名😀",
        "\u{fffe}",
        "&amp;&#60;",
        "'quoted",
        "TRUE",
        "007",
        "1e5",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.push(format!("<r>{}</r>", "<&>\u{2}".repeat(500)));
    texts.push("😀".repeat(2000));
    texts
}

#[test]
fn a_workbook_holds_every_text_where_it_belongs() {
    const SCRIPT: &str = "import sys, json, openpyxl
book = openpyxl.load_workbook(sys.argv[1])
print(json.dumps([[['' if c is None else str(c) for c in row] for row in sheet.iter_rows(values_only=True)] for sheet in book]))";
    let folder = folder();
    let mut story = Story::new();
    let texts = texts_for_workbooks();
    for (number, text) in (0..).zip(&texts) {
        story.chain(number, &format!("T{number}"), text);
    }
    story.write(folder.path());
    let file = folder.path().join("out.xlsx");
    let path = file.to_str().unwrap();
    output(
        &mut over(folder.path(), &["chains", "--flat", "-q", "-o", path]),
        Exit::Clean,
    );
    let json = output(
        &mut over(
            folder.path(),
            &["chains", "--flat", "-q", "--format", "json"],
        ),
        Exit::Clean,
    );
    let told: Value = serde_json::from_str(&json.0).unwrap();
    let told: Vec<&str> = told["queries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|query| query["query"]["database"].as_str().unwrap())
        .collect();
    assert_eq!(told, texts, "JSON has every text");
    let Some(read) = python("openpyxl", SCRIPT, &[&file]) else {
        return;
    };
    let sheets: Vec<Vec<Vec<String>>> = serde_json::from_str(&read).unwrap();
    let rows = &sheets[0];
    let column = rows[0].iter().position(|name| name == "database").unwrap();
    assert_eq!(rows.len(), texts.len() + 1);
    for (row, text) in rows[1..].iter().zip(&texts) {
        // Control characters are written by their code, which openpyxl leaves as it is; of
        // what is spelled like a code it drops every mark that it is none.
        let spelled: String = text
            .chars()
            .map(|letter| match letter {
                '\u{1}' => "_x0001_".to_owned(),
                '\u{2}' => "_x0002_".to_owned(),
                '\u{fffe}' => "_xFFFE_".to_owned(),
                letter => letter.to_string(),
            })
            .collect();
        let spelled = spelled.replace("x005F_", "");
        assert_eq!(row[column], spelled.as_str(), "{text:?}");
        assert_eq!(row.len(), rows[0].len());
        assert!(!row.iter().any(|cell| cell == "INJECTED"));
    }
}

/// Years that no spreadsheet has, and that a log may.
#[test]
fn strange_years_spoil_no_workbook_and_no_report() {
    let folder = folder();
    let mut story = Story::new();
    story.chain(1, "T", "db");
    for (number, year) in (2..).zip(["0000", "0001", "1899", "-000001", "9999"]) {
        let from = story.records.len();
        story.chain(number, "T", "db");
        for record in &mut story.records[from..] {
            let text = record
                .to_string()
                .replace("2026-07-01", &format!("{year}-07-01"));
            *record = serde_json::from_str(&text).unwrap();
        }
    }
    story.write(folder.path());
    let args = |more: &[&str]| {
        let mut command = program();
        command.current_dir(folder.path()).args(more);
        command.args(["--logs", "logs", "--now", "2026-07-02T00:00:00Z"]);
        command
    };
    for format in ["csv", "json", "xlsx", "parquet"] {
        let out = format!("out.{format}");
        output(
            &mut args(&["chains", "-q", "-o", &out, "--from", "0001-01-01"]),
            Exit::Clean,
        );
        let all = format!("all.{format}");
        output(
            &mut args(&["chains", "-q", "-o", &all, "--to", "2030-01-01"]),
            Exit::Clean,
        );
    }
    let range = ["--from", "2026-07-01", "--to", "2026-07-02"];
    output(
        &mut args(&[&["findings", "-q", "-o", "f.xlsx"][..], &range[..]].concat()),
        Exit::Clean,
    );
    output(
        &mut args(&[&["report", "-q", "-o", "report"][..], &range[..]].concat()),
        Exit::Clean,
    );
    let page = fs::read_to_string(folder.path().join("report/index.html")).unwrap();
    for size in ["width=\"-", "height=\"-"] {
        assert!(!page.contains(size));
    }
}

/// Characters that control a terminal or cannot be seen, as log text, in every place that
/// reaches a terminal.
const DECEPTIVE: &str = "\u{1b}[31mx\u{7f}\u{9b}2J\u{202e}\u{2066}\u{200b}\u{3164}\u{2800}\u{115f}\u{34f}\u{fe0f}\u{e0100}\u{feff}\r\n";

fn is_deceptive(letter: char) -> bool {
    qs_audit::output::human::is_deceptive(letter)
}

#[test]
fn nothing_that_controls_a_terminal_reaches_text() {
    let folder = folder();
    let mut story = Story::new();
    story.chain(1, &format!("T{DECEPTIVE}"), &format!("db{DECEPTIVE}"));
    for (number, record) in story.records.iter_mut().enumerate() {
        record["eventID"] = format!("id{number}{DECEPTIVE}").into();
        record["errorMessage"] = DECEPTIVE.into();
        record["requestParameters"]["x"] = DECEPTIVE.into();
    }
    story.write(folder.path());
    for args in [
        &["show", "latest"][..],
        &["show", "latest", "--raw"],
        &["chains"],
        &["chains", "--flat"],
        &["findings"],
        &["doctor"],
        &["query", "top-databases"],
    ] {
        let mut command = program();
        command
            .current_dir(folder.path())
            .args(args)
            .env("COLUMNS", "400");
        command.args([
            "--logs",
            "logs",
            "--from",
            "2026-01-01",
            "--now",
            "2026-07-02T00:00:00Z",
        ]);
        let ran = command.output().unwrap();
        for text in [ran.stdout, ran.stderr] {
            let text = String::from_utf8(text).unwrap();
            let odd = text
                .chars()
                .find(|letter| !matches!(letter, '\n' | '\t') && is_deceptive(*letter));
            assert_eq!(odd, None, "{args:?}: {text:?}");
        }
    }
    // As JSON, the same is spelled so that it means the same.
    let raw = output(
        &mut over(folder.path(), &["show", "latest", "--raw", "-q"]),
        Exit::Clean,
    )
    .0;
    let first: Value = serde_json::from_str(raw.lines().next().unwrap()).unwrap();
    assert!(first["eventID"].as_str().unwrap().ends_with(DECEPTIVE));
    for format in ["ocsf", "asff"] {
        let args = ["findings", "--format", format, "-q"];
        let mut command = over(folder.path(), &args);
        let text = String::from_utf8(command.output().unwrap().stdout).unwrap();
        let odd = text
            .chars()
            .find(|letter| *letter != '\n' && is_deceptive(*letter));
        assert_eq!(odd, None, "{format}");
        assert!(
            !text.contains("\\u202e") && !text.contains("\\u001b"),
            "{format}"
        );
    }
}

#[test]
fn commands_to_paste_say_paths_safely() {
    let folder = with_one_chain();
    let odd = "lo\u{1b}[2Jgs\u{202e}'x";
    fs::rename(folder.path().join("logs"), folder.path().join(odd)).unwrap();
    let mut command = program();
    command
        .current_dir(folder.path())
        .args(["findings", "--logs", odd, "--from", "2026-01-01"]);
    let ran = command.output().unwrap();
    let text = String::from_utf8(ran.stdout).unwrap();
    assert!(
        text.contains("--logs $'lo\\x1b[2Jgs\\xe2\\x80\\xae\\'x'"),
        "{text}"
    );
}

#[test]
fn a_query_reaches_nothing_but_the_tables() {
    let folder = with_one_chain();
    fs::write(folder.path().join("secret.csv"), "a\nTOPSECRET\n").unwrap();
    let tables = ["query", "--export", "tables", "-q"];
    output(&mut over(folder.path(), &tables), Exit::Clean);
    for sql in [
        "SELECT * FROM read_csv('secret.csv')",
        "SELECT * FROM read_parquet('tables/chains.parquet')",
        "SELECT * FROM (SELECT * FROM read_parquet('http://127.0.0.1:9/x'))",
    ] {
        fs::write(folder.path().join("q.sql"), sql).unwrap();
        let mut command = over(folder.path(), &["query", "--file", "q.sql", "-q"]);
        let (out, said) = output(&mut command, Exit::Usage);
        assert!(out.is_empty() && said.contains("nothing else"), "{said}");
    }
}

/// What must not leave decode.
const SECRETS: [&str; 12] = [
    "hunter2-password",
    "TOKENCODE99",
    "ASSERTION-aaaa",
    "SIG-deadbeef",
    "SELECT-ssn",
    "KEYMATERIAL",
    "COOKIE-xyz",
    "BEARER-abcdefgh",
    "SECRETSTRING",
    "ESCAPED-secret",
    "URLPASS",
    "STS-TOKEN-x",
];

/// Secrets and SQL wherever a log may hold them.
fn story_of_secrets() -> Story {
    let mut story = Story::new();
    story.chain(1, "T", "db");
    let query = story.records.last_mut().unwrap();
    query["errorMessage"] =
        "Queries of this type are not supported: SELECT SELECT-ssn FROM people; \
        password=hunter2-password https://b/k?X-Amz-Signature=SIG-deadbeef&x=1 \
        postgres://u:URLPASS@h/x Authorization: Bearer BEARER-abcdefgh"
            .into();
    query["requestParameters"]["queryString"] = "SELECT SELECT-ssn".into();
    let role_b = query["userIdentity"].clone();
    let nested =
        r#"{"pass\u0077ord":"ESCAPED-secret","deep":"{\"secretString\":\"SECRETSTRING\"}"}"#;
    let time = "2026-07-01T10:00:01Z";
    let other = story.record(
        CONSUMER,
        ("secretsmanager", "PutSecretValue"),
        &role_b,
        time,
    );
    other["requestParameters"] = json!({
        "secretString": "SECRETSTRING", "tokenCode": "TOKENCODE99", "contextAssertion": "ASSERTION-aaaa",
        "webIdentityToken": "STS-TOKEN-x", "sAMLAssertion": "ASSERTION-aaaa",
        "headers": {"Cookie": "COOKIE-xyz", "Authorization": "BEARER-abcdefgh"},
        "nested": nested, "clientRequestToken": "kept-token", "secretId": "kept-id",
        "pem": "-----BEGIN PRIVATE KEY-----\nKEYMATERIAL\n-----END PRIVATE KEY-----",
        "text": "client_secret: 'hunter2-password'", "url": "https://b/k?X-Amz-Security-Token=STS-TOKEN-x",
    });
    let admin = json!({"type": "IAMUser", "userName": "u", "accountId": CONSUMER,
        "arn": format!("arn:aws:iam::{CONSUMER}:user/u")});
    let change = story.record(CONSUMER, ("iam", "PutRolePolicy"), &admin, time);
    change["requestParameters"] = json!({"roleName": "b", "policyName": "p",
        "policyDocument": "{\"Statement\":[]}", "note": "hunter2-password", "tags": [{"v": "SECRETSTRING"}]});
    story
}

#[test]
fn secrets_reach_neither_the_store_nor_raw_records() {
    let folder = folder();
    story_of_secrets().write(folder.path());
    let raw = output(
        &mut over(folder.path(), &["show", "latest", "--raw"]),
        Exit::Clean,
    );
    for secret in SECRETS {
        assert!(!raw.0.contains(secret), "{secret}: {}", raw.0);
    }
    assert!(
        raw.0.contains("kept-token") && raw.0.contains("kept-id"),
        "{}",
        raw.0
    );
    assert!(raw.1.contains("replaced by ***REDACTED***"), "{}", raw.1);
    let mut collect = over(folder.path(), &["collect", "--store", "store", "-q"]);
    output(collect.args(["--now", "2026-07-02T00:00:00Z"]), Exit::Clean);
    let mut stored = Vec::new();
    for entry in walkdir::WalkDir::new(folder.path().join("store")) {
        let entry = entry.unwrap();
        if entry.file_type().is_file() {
            stored.extend(fs::read(entry.path()).unwrap());
        }
    }
    // Segments are compressed: what they hold is seen through the program.
    let mut tables = program();
    tables.current_dir(folder.path());
    tables.args([
        "chains",
        "--store",
        "store",
        "--from",
        "2026-01-01",
        "--path",
        "any",
        "-q",
    ]);
    let told = output(tables.args(["--format", "json"]), Exit::Clean).0;
    for secret in SECRETS {
        let is_there = memchr::memmem::find(&stored, secret.as_bytes()).is_some();
        assert!(!is_there && !told.contains(secret), "{secret}");
    }
}

#[test]
fn files_that_differ_in_bytes_that_are_no_text_are_two() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let folder = folder();
    for (number, name) in (1..).zip([&b"a\xff.json"[..], b"a\xfe.json"]) {
        let mut story = Story::new();
        story.next = number * 100;
        story.chain(number, &format!("T{number}"), "db");
        story.write(folder.path());
        let logs = folder.path().join("logs");
        fs::rename(logs.join("f.json"), logs.join(OsStr::from_bytes(name))).unwrap();
    }
    let count = |text: &str| {
        let told: Value = serde_json::from_str(text).unwrap();
        told["chains"].as_array().unwrap().len()
    };
    let args = ["chains", "--format", "json", "-q"];
    assert_eq!(
        count(&output(&mut over(folder.path(), &args), Exit::Clean).0),
        2
    );
    let mut collect = over(folder.path(), &["collect", "--store", "store"]);
    let (said, _) = output(collect.args(["--now", "2026-07-02T00:00:00Z"]), Exit::Clean);
    assert!(said.contains("2 new objects read"), "{said}");
    let stored = ["--store", "store", "--from", "2026-01-01", "-q"];
    let mut chains = program();
    chains
        .current_dir(folder.path())
        .args(["chains", "--format", "json"])
        .args(stored);
    let told = output(&mut chains, Exit::Clean).0;
    assert_eq!(count(&told), 2);
    let told: Value = serde_json::from_str(&told).unwrap();
    for chain in told["chains"].as_array().unwrap() {
        let mut show = program();
        show.current_dir(folder.path());
        let id = chain["chain_id"].as_str().unwrap();
        let raw = output(show.args(["show", id, "--raw"]).args(stored), Exit::Clean).0;
        assert_eq!(raw.lines().count(), 3, "{raw}");
    }
}

#[test]
fn a_strange_account_in_a_role_spoils_no_configuration() {
    let folder = folder();
    let mut story = Story::new();
    story.chain(1, "T", "db");
    let mut strange = Story::new();
    strange.next = 1000;
    strange.chain(2, "U", "db");
    let text = json!(strange.records).to_string();
    let text = text.replace(CONSUMER, "not-an-account\\\"]\\n");
    let records: Vec<Value> = serde_json::from_str(&text).unwrap();
    story.records.extend(records);
    story.write(folder.path());
    let mut init = over(folder.path(), &["init", "-o", "own.toml"]);
    let (_, said) = output(&mut init, Exit::Clean);
    assert!(said.contains("left out 2 declarations"), "{said}");
    let written = fs::read_to_string(folder.path().join("own.toml")).unwrap();
    assert!(
        written.contains(CONSUMER) && !written.contains("not-an-account"),
        "{written}"
    );
    let mut chains = program();
    chains.current_dir(folder.path());
    output(
        chains.args(["chains", "-c", "own.toml", "--from", "2026-01-01", "-q"]),
        Exit::Clean,
    );
}

/// A caller may pad a policy with blanks, which IAM does not count, and write long texts
/// into parameters: the record is read all the same.
#[test]
fn nobody_can_make_a_record_of_their_own_unreadable() {
    let folder = folder();
    let mut story = Story::new();
    story.chain(1, "T", "db");
    let admin = json!({"type": "IAMUser", "userName": "u", "accountId": CONSUMER,
        "arn": format!("arn:aws:iam::{CONSUMER}:user/u")});
    let blanks = " ".repeat(130_000);
    let policy = format!(
        "{{\"Statement\":[{{\"Effect\":\"Allow\",{blanks}\"Principal\":\"*\",\
         \"Action\":\"sts:AssumeRole\"}}]}}"
    );
    let call = ("iam", "UpdateAssumeRolePolicy");
    let change = story.record(CONSUMER, call, &admin, "2026-07-01T10:00:09Z");
    change["requestParameters"] = json!({"roleName": "b", "policyDocument": policy});
    let query = &mut story.records[2];
    query["requestParameters"]["queryExecutionContext"]["database"] = "d".repeat(100_000).into();
    story.write(folder.path());
    let mut findings = over(folder.path(), &["findings", "--format", "json", "-q"]);
    let told = output(&mut findings, Exit::Clean).0;
    assert!(told.contains("role-trust-changed"), "{told}");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["coverage"]["rejects"]["total"], 0);
}

/// Folders may be named from above.
#[test]
fn doctor_reads_places_that_are_named_from_above() {
    let folder = with_one_chain();
    let object_metadata = folder.path().join("beside");
    fs::create_dir(&object_metadata).unwrap();
    let mut doctor = program();
    doctor
        .current_dir(&object_metadata)
        .args(["doctor", "--logs", "../logs"]);
    let ran = doctor
        .args(["--now", "2026-07-02T00:00:00Z"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(
        said.contains("last 2026-07-01") || said.contains("2026-07-01"),
        "{said}"
    );
}
