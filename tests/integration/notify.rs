//! Messages about news: what is sent, to whom, and what happens when no one takes it.

use crate::cli::{output, program};
use crate::memory::Organization;
use crate::moto::Moto;
use crate::needs;
use crate::s3::program_at;
use crate::s3_server::BUCKET;
use assert_cmd::Command;
use qs_audit::cli::Exit;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// A request that came.
#[derive(Debug, Clone)]
struct Taken {
    path: String,
    key: String,
    body: Value,
}

/// A server of webhooks on loopback.
struct Hooks {
    address: String,
    taken: Arc<Mutex<Vec<Taken>>>,
    /// Statuses of the next answers; 200 where there are none.
    statuses: Arc<Mutex<Vec<u16>>>,
}

impl Hooks {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let taken: Arc<Mutex<Vec<Taken>>> = Arc::default();
        let statuses: Arc<Mutex<Vec<u16>>> = Arc::default();
        let (own_taken, own_statuses) = (Arc::clone(&taken), Arc::clone(&statuses));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let mut reader = BufReader::new(client.try_clone().unwrap());
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 {
                    continue;
                }
                let path = line.split(' ').nth(1).unwrap().to_owned();
                let (mut length, mut key) = (0, String::new());
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    let line = line.trim();
                    if line.is_empty() {
                        break;
                    }
                    let (name, value) = line.split_once(": ").unwrap();
                    match name.to_lowercase().as_str() {
                        "content-length" => length = value.parse().unwrap(),
                        "idempotency-key" => value.clone_into(&mut key),
                        _ => {}
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let mut statuses = own_statuses.lock().unwrap();
                let status = if statuses.is_empty() {
                    200
                } else {
                    statuses.remove(0)
                };
                let mut client = client;
                // The answer names what was posted to, as some servers do.
                let answer = format!("no: {path}");
                let _ = write!(
                    client,
                    "HTTP/1.1 {status} X\r\nretry-after: 0\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: {}\r\n\
                     connection: close\r\n\r\n{answer}",
                    answer.len()
                );
                if status == 200 {
                    let body = serde_json::from_slice(&body).unwrap();
                    own_taken.lock().unwrap().push(Taken { path, key, body });
                }
            }
        });
        Self {
            address,
            taken,
            statuses,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }

    /// The next answers have these statuses.
    fn refuse(&self, statuses: &[u16]) {
        *self.statuses.lock().unwrap() = statuses.to_vec();
    }
}

fn night(folder: &Path, day: usize, hooks: &Hooks) -> Command {
    let mut program = program();
    program.current_dir(folder).env("HOME", folder);
    program.env("HOOK", hooks.url("services/T0/token7731"));
    let (from, to) = (
        format!("2026-11-{day:02}"),
        format!("2026-11-{:02}", day + 1),
    );
    program.args(["report", "-q", "--baseline", "7d", "--now"]);
    program
        .arg(format!("{to}T03:00:00Z"))
        .args(["--from", &from, "--to", &to]);
    program
}

fn notify(folder: &Path, hooks: &Hooks, now: &str, more: &[&str]) -> Command {
    let mut program = program();
    program.current_dir(folder).env("HOME", folder);
    program.env("HOOK", hooks.url("services/T0/token7731"));
    program.args(["notify", "--now", now]).args(more);
    program
}

const HOOK: &str = "[[notify]]\nwebhook = { url_env = \"HOOK\" }\n";

/// Five usual days; a stranger on the second and the fourth.
fn attacked() -> Organization {
    let mut organization = Organization::of(3);
    for day in 1..=5 {
        organization.usual_day(day);
    }
    organization.attack(2, 0, 1);
    organization.attack(4, 0, 1);
    organization.attack(4, 0, 2);
    organization
}

#[test]
fn new_and_grown_incidents_are_told_once() {
    let hooks = Hooks::start();
    let folder = attacked().folder(HOOK);
    let run = |day, exit| output(&mut night(folder.path(), day, &hooks), exit);
    run(1, Exit::Clean);
    let first = hooks.taken();
    assert_eq!(first.len(), 1, "{first:?}");
    assert_eq!(first[0].path, "/services/T0/token7731");
    assert_eq!(first[0].body["schema"], "qs-audit/message/v1");
    assert_eq!(first[0].key, first[0].body["key"].as_str().unwrap());
    run(2, Exit::Clean);
    run(2, Exit::Clean);
    let taken = hooks.taken();
    assert_eq!(
        taken.len(),
        2,
        "a night that is reported again tells nothing again"
    );
    let [incident] = &taken[1].body["incidents"].as_array().unwrap()[..] else {
        panic!("{:#}", taken[1].body);
    };
    assert_eq!(
        (&incident["status"], &incident["severity"]),
        (&json!("new"), &json!("critical"))
    );
    // Only what is at least high is named; the rest is counted.
    let findings = incident["findings"].as_array().unwrap();
    assert!(
        findings
            .iter()
            .all(|one| one["severity"] == "critical" || one["severity"] == "high")
    );
    assert!(incident["other_finding_count"].as_u64() > Some(0));
    run(3, Exit::Clean);
    assert_eq!(hooks.taken().len(), 2, "a quiet night");
    run(4, Exit::Clean);
    let taken = hooks.taken();
    assert_eq!(taken.len(), 3);
    let again = &taken[2].body["incidents"][0];
    assert_eq!(again["incident_id"], incident["incident_id"]);
    assert_eq!(again["status"], "grown");
    assert_ne!(taken[1].key, taken[2].key);
}

#[test]
fn what_is_not_taken_is_sent_again_and_the_url_is_shown_nowhere() {
    let hooks = Hooks::start();
    let folder = attacked().folder(HOOK);
    hooks.refuse(&[500, 429, 503, 502]);
    let (_, error) = output(&mut night(folder.path(), 2, &hooks), Exit::NotTold);
    assert!(
        error.contains("notify webhook (webhook): HTTP 502"),
        "{error}"
    );
    assert!(error.contains("hint: the messages are kept"), "{error}");
    assert!(!error.contains("token7731"), "{error}");
    assert!(
        folder
            .path()
            .join("reports/nightly/2026-11-02/index.html")
            .exists()
    );
    // The database may be looked at: no URL is in it.
    let memory = fs::read(folder.path().join("qs-audit-memory.sqlite")).unwrap();
    assert!(!memory.windows(9).any(|part| part == b"token7731"));
    let (told, _) = output(
        &mut notify(
            folder.path(),
            &hooks,
            "2026-11-03T04:00:00Z",
            &["--dry-run"],
        ),
        Exit::Clean,
    );
    assert!(
        told.contains("to webhook:")
            && told.contains("tried 1 times: HTTP 502")
            && told.contains("1 message would be sent"),
        "{told}"
    );
    assert!(hooks.taken().is_empty());
    // A refusal that will not pass, and a redirect, are not tried again.
    for status in [404, 302] {
        hooks.refuse(&[status]);
        let (_, error) = output(
            &mut notify(folder.path(), &hooks, "2026-11-03T04:00:00Z", &[]),
            Exit::NotTold,
        );
        assert!(
            error.contains(&format!("HTTP {status}")) && !error.contains("token7731"),
            "{error}"
        );
    }
    output(
        &mut notify(folder.path(), &hooks, "2026-11-03T04:00:00Z", &[]),
        Exit::Clean,
    );
    assert_eq!(hooks.taken().len(), 1);
    output(
        &mut notify(folder.path(), &hooks, "2026-11-03T04:00:00Z", &[]),
        Exit::Clean,
    );
    assert_eq!(hooks.taken().len(), 1, "taken once");
}

#[test]
fn findings_count_more_than_a_message_and_a_message_more_than_a_gap() {
    let hooks = Hooks::start();
    let folder = attacked().folder(HOOK);
    hooks.refuse(&[400]);
    output(
        night(folder.path(), 2, &hooks).args(["--fail-on", "high"]),
        Exit::Findings,
    );
    fs::write(folder.path().join("broken.json"), "{").unwrap();
    let config = folder.path().join("qs-audit.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(
        &config,
        text.replace("path = \"logs.json\"", "path = \".\""),
    )
    .unwrap();
    hooks.refuse(&[400]);
    output(
        night(folder.path(), 4, &hooks).arg("--strict"),
        Exit::NotTold,
    );
    hooks.refuse(&[]);
    output(
        night(folder.path(), 5, &hooks).arg("--strict"),
        Exit::Incomplete,
    );
}

#[test]
fn the_night_itself_raises_an_alarm() {
    let hooks = Hooks::start();
    let folder = attacked().folder(HOOK);
    let alarms = |hooks: &Hooks| -> Vec<String> {
        let taken = hooks.taken();
        let all = taken
            .iter()
            .flat_map(|one| one.body["alarms"].as_array().unwrap().clone());
        all.map(|alarm| alarm["code"].as_str().unwrap().to_owned())
            .collect()
    };
    let ask = |now| output(&mut notify(folder.path(), &hooks, now, &[]), Exit::Clean);
    ask("2026-11-01T09:00:00Z");
    assert_eq!(alarms(&hooks), ["no-run"]);
    // Once a day.
    ask("2026-11-01T10:00:00Z");
    assert_eq!(alarms(&hooks), ["no-run"]);
    output(&mut night(folder.path(), 1, &hooks), Exit::Clean);
    ask("2026-11-02T09:00:00Z");
    assert_eq!(alarms(&hooks), ["no-run"]);
    ask("2026-11-04T09:00:00Z");
    assert_eq!(alarms(&hooks), ["no-run", "no-run"]);
    output(&mut night(folder.path(), 20, &hooks), Exit::NoLogs);
    assert!(
        alarms(&hooks).contains(&"no-logs".to_owned()),
        "{:?}",
        alarms(&hooks)
    );
    // A store that cannot be written, and one that was collected too early.
    fs::write(folder.path().join("no-store"), "").unwrap();
    let collect = |store: &str, exit| {
        let mut program = program();
        program
            .current_dir(folder.path())
            .env("HOME", folder.path());
        program.env("HOOK", hooks.url("services/T0/token7731"));
        program.args(["collect", "--store", store, "--now", "2026-11-06T03:00:00Z"]);
        output(&mut program, exit)
    };
    let (_, error) = collect("no-store", Exit::Internal);
    assert!(error.contains("no-store"), "{error}");
    assert!(
        alarms(&hooks).contains(&"collect-failed".to_owned()),
        "{:?}",
        alarms(&hooks)
    );
    collect("store", Exit::Clean);
    assert!(!alarms(&hooks).contains(&"store-stale".to_owned()));
    output(
        night(folder.path(), 7, &hooks).args(["--store", "store"]),
        Exit::NoLogs,
    );
    assert!(
        alarms(&hooks).contains(&"store-stale".to_owned()),
        "{:?}",
        alarms(&hooks)
    );
    assert!(folder.path().join("store/memory.sqlite").exists());
}

#[test]
fn text_from_logs_does_nothing_where_it_goes() {
    let hooks = Hooks::start();
    let mut organization = attacked();
    // What a log may hold: mentions, links, marks, letters that turn text around.
    let evil = "<!channel> [x](https://evil.example) *b* <https://evil.example|y> \u{202e}\u{1b}[31m @here";
    organization.trust_as(2, 1, evil);
    let folder = organization.folder(
        "[[notify]]\nname = \"slack\"\nmin_severity = \"info\"\nwebhook = { url_env = \"HOOK\", format = \"slack\" }\n\
         [[notify]]\nname = \"teams\"\nmin_severity = \"info\"\nwebhook = { url_file = \"hook.txt\", format = \"teams\" }\n",
    );
    fs::write(
        folder.path().join("hook.txt"),
        format!("{}\n", hooks.url("teams")),
    )
    .unwrap();
    output(&mut night(folder.path(), 2, &hooks), Exit::Clean);
    let taken = hooks.taken();
    assert_eq!(taken.len(), 2);
    let of = |path: &str| {
        taken
            .iter()
            .find(|one| one.path.ends_with(path))
            .unwrap()
            .body
            .clone()
    };
    let slack = of("token7731");
    assert_eq!(slack["unfurl_links"], json!(false));
    assert!(!slack["text"].as_str().unwrap().contains('<'));
    for block in slack["blocks"].as_array().unwrap() {
        assert_eq!(block["text"]["type"], "plain_text");
        let text = block["text"]["text"].as_str().unwrap();
        assert!(
            text.chars().count() <= 3000 && !text.contains(['\u{202e}', '\u{1b}']),
            "{text}"
        );
    }
    assert!(slack["blocks"].as_array().unwrap().len() <= 50);
    let card = &of("teams")["attachments"][0]["content"];
    for block in card["body"].as_array().unwrap() {
        assert_eq!(
            (&block["type"], &block["inlines"][0]["type"]),
            (&json!("RichTextBlock"), &json!("TextRun"))
        );
        assert!(
            !block["inlines"][0]["text"]
                .as_str()
                .unwrap()
                .contains(['\u{202e}', '\u{1b}'])
        );
    }
}

#[test]
fn a_target_that_makes_no_sense_is_refused() {
    let folder = attacked().folder("");
    let config = folder.path().join("qs-audit.toml");
    let text = fs::read_to_string(&config).unwrap();
    for (wrong, said) in [
        (
            "[[notify]]\n",
            "needs one of webhook, sns, security-hub and s3",
        ),
        (
            "[[notify]]\nwebhook = { url = \"https://x\" }\n",
            "unknown field `url`",
        ),
        ("[[notify]]\nwebhook = {}\n", "needs one of url_env"),
        (
            "[[notify]]\nwebhook = { url_env = \"X\", format = \"mail\" }\n",
            "is not slack, teams or json",
        ),
        (
            "[[notify]]\nsns = { topic_arn = \"topic\" }\n",
            "is not arn:aws:sns:REGION:ACCOUNT:TOPIC",
        ),
        (
            "[[notify]]\nmin_severity = \"bad\"\nsecurity-hub = {}\n",
            "is not critical, high",
        ),
        (
            "[[notify]]\ns3 = {}\n",
            "write url = \"s3://BUCKET/PREFIX\"",
        ),
        (
            "[[notify]]\nsecurity-hub = {}\n[[notify]]\nsecurity-hub = {}\n",
            "is the name of another one",
        ),
    ] {
        fs::write(&config, format!("{text}{wrong}")).unwrap();
        let mut program = program();
        let (_, error) = output(
            program
                .current_dir(folder.path())
                .args(["notify", "--dry-run"]),
            Exit::Usage,
        );
        assert!(error.contains(said), "{wrong}: {error}");
    }
    fs::write(&config, text).unwrap();
    let mut program = program();
    let (_, error) = output(
        program.current_dir(folder.path()).arg("notify"),
        Exit::Usage,
    );
    assert!(error.contains("there is no [[notify]]"), "{error}");
}

/// Asks a service of the other implementation of AWS, by its own client.
fn ask(python: &Path, moto: &Moto, question: &str) -> Value {
    let script = format!(
        "import boto3, json, sys\n\
         def client(name): return boto3.client(name, endpoint_url='{}', region_name='us-east-1',\n\
         \x20   aws_access_key_id='AKIAEXAMPLE', aws_secret_access_key='x')\n{question}",
        moto.url
    );
    let done = std::process::Command::new(python)
        .args(["-c", &script])
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    serde_json::from_slice(&done.stdout).unwrap()
}

/// A mail, findings and a report came where they were to come.
fn came(python: &Path, moto: &Moto, queue: &str) {
    let found = ask(python, moto, &format!("
messages = client('sqs').receive_message(QueueUrl='{queue}', MaxNumberOfMessages=10).get('Messages', [])
findings = client('securityhub').get_findings()['Findings']
objects = [one['Key'] for one in client('s3').list_objects_v2(Bucket='{BUCKET}', Prefix='reports/')['Contents']]
print(json.dumps({{'messages': [json.loads(one['Body']) for one in messages], 'findings': findings, 'objects': objects}}, default=str))"));
    let [message] = &found["messages"].as_array().unwrap()[..] else {
        panic!("{found:#}");
    };
    assert!(
        message["Subject"]
            .as_str()
            .unwrap()
            .starts_with("[critical] Quick and Athena, night of 2026-11-02"),
        "{message:#}"
    );
    let text = message["Message"].as_str().unwrap();
    assert!(
        text.contains("999900000000") && text.contains("\n  next: "),
        "{text}"
    );
    let key = message["MessageAttributes"]["idempotency-key"]["Value"]
        .as_str()
        .unwrap();
    assert!(text.contains(key), "{message:#}");
    let findings = found["findings"].as_array().unwrap();
    assert!(
        findings
            .iter()
            .any(|one| one["Id"].as_str().unwrap().starts_with("qs-audit/f-")),
        "{findings:#?}"
    );
    let objects: Vec<&str> = found["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key.as_str().unwrap())
        .collect();
    assert!(
        objects.contains(&"reports/2026-11-02/index.html"),
        "{objects:?}"
    );
    // Reports of single accounts come along.
    let of_consumers = objects.iter();
    let of_consumers = of_consumers.filter(|key| key.starts_with("reports/2026-11-02/consumers/"));
    let of_consumers = of_consumers.count();
    assert!(of_consumers > 0 && of_consumers % 4 == 0, "{objects:?}");
    assert_eq!(objects.len(), 7 + of_consumers, "{objects:?}");
}

#[test]
fn services_of_aws_take_what_they_are_sent() {
    let Some(python) = needs::python("moto.server") else {
        return;
    };
    let empty = tempfile::tempdir().unwrap();
    let moto = Moto::start(&python, empty.path());
    let made = ask(&python, &moto, "
topic = client('sns').create_topic(Name='qs-audit')['TopicArn']
queue = client('sqs').create_queue(QueueName='q')['QueueUrl']
arn = client('sqs').get_queue_attributes(QueueUrl=queue, AttributeNames=['QueueArn'])['Attributes']['QueueArn']
client('sns').subscribe(TopicArn=topic, Protocol='sqs', Endpoint=arn)
client('securityhub').enable_security_hub()
print(json.dumps({'topic': topic, 'queue': queue}))");
    let topic = made["topic"].as_str().unwrap();
    let mut organization = attacked();
    organization.trust(2, 2, "*");
    let targets = format!(
        "[security_hub]\naccount_id = \"123456789012\"\nregion = \"us-east-1\"\n\
         [[notify]]\nsns = {{ topic_arn = \"{topic}\" }}\n[[notify]]\nsecurity-hub = {{}}\n\
         [[notify]]\ns3 = {{ url = \"s3://{BUCKET}/reports\" }}\n"
    );
    let folder = organization.folder(&targets);
    let run = |day: usize| {
        let mut program = program_at(&moto.url);
        program
            .current_dir(folder.path())
            .env("HOME", folder.path());
        program.args([
            "report",
            "-q",
            "--baseline",
            "7d",
            "--per-consumer",
            "--now",
        ]);
        program.arg(format!("2026-11-{:02}T03:00:00Z", day + 1));
        output(&mut program, Exit::Clean)
    };
    run(2);
    came(&python, &moto, made["queue"].as_str().unwrap());
    // A topic that is gone is a warning, and the other targets get theirs.
    ask(
        &python,
        &moto,
        &format!("client('sns').delete_topic(TopicArn='{topic}')\nprint('1')"),
    );
    let mut program = program_at(&moto.url);
    program
        .current_dir(folder.path())
        .env("HOME", folder.path());
    program.args([
        "report",
        "-q",
        "--baseline",
        "7d",
        "--now",
        "2026-11-05T03:00:00Z",
    ]);
    let (_, error) = output(&mut program, Exit::NotTold);
    assert!(
        error.contains("notify sns (sns): ") && !error.contains("notify s3"),
        "{error}"
    );
}
