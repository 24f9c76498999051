//! The memory of findings: nights after nights, what rings and what does not.

use crate::cli::{output, program};
use proptest::prelude::*;
use qs_audit::cli::Exit;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const HUB: &str = "111122223333";
const ROLE_A: &str = "quick-a";
const ROLE_B: &str = "quick-b";

/// The account of a consumer.
fn consumer(number: usize) -> String {
    format!("4444{number:08}")
}

/// The account of a stranger.
fn stranger(number: usize) -> String {
    format!("9999{number:08}")
}

/// A moment of a day of November, so many seconds after eight.
fn time(day: usize, second: usize) -> String {
    let (hours, minutes, seconds) = (8 + second / 3600, second / 60 % 60, second % 60);
    format!("2026-11-{day:02}T{hours:02}:{minutes:02}:{seconds:02}Z")
}

/// Logs of an organization, a day at a time.
#[derive(Default)]
pub(crate) struct Organization {
    records: Vec<Value>,
    consumers: usize,
}

impl Organization {
    pub(crate) fn of(consumers: usize) -> Self {
        Self {
            consumers,
            records: Vec::new(),
        }
    }

    fn put(
        &mut self,
        day: usize,
        second: usize,
        account: &str,
        name: (&str, &str),
        members: &Value,
    ) {
        let mut record = json!({
            "eventVersion": "1.11",
            "eventTime": time(day, second),
            "eventSource": format!("{}.amazonaws.com", name.0),
            "eventName": name.1,
            "awsRegion": "us-east-1",
            "sourceIPAddress": "quicksight.amazonaws.com",
            "userAgent": "quicksight.amazonaws.com",
            "eventID": format!("00000000-0000-4000-8000-{:012}", self.records.len()),
            "recipientAccountId": account,
        });
        for (name, value) in members.as_object().unwrap() {
            record[name] = value.clone();
        }
        self.records.push(record);
    }

    fn session(account: &str, role: &str, key: &str, (day, second): (usize, usize)) -> Value {
        json!({
            "type": "AssumedRole", "principalId": format!("AROA{account}{role}:s"), "accountId": account,
            "arn": format!("arn:aws:sts::{account}:assumed-role/{role}/s"), "accessKeyId": key,
            "sessionContext": {
                "sessionIssuer": {"arn": format!("arn:aws:iam::{account}:role/{role}")},
                "attributes": {"creationDate": time(day, second)},
            },
        })
    }

    fn assumed(
        &mut self,
        day: usize,
        second: usize,
        caller: &Value,
        target: (&str, &str),
        external_id: Option<&str>,
        key: &str,
    ) {
        let (account, role) = target;
        let members = json!({
            "userIdentity": caller,
            "requestParameters": {"roleArn": format!("arn:aws:iam::{account}:role/{role}"), "roleSessionName": "s",
                "externalId": external_id},
            "responseElements": {
                "credentials": {"accessKeyId": key, "sessionToken": "EXAMPLETOKEN"},
                "assumedRoleUser": {"assumedRoleId": format!("AROA{account}{role}:s"),
                    "arn": format!("arn:aws:sts::{account}:assumed-role/{role}/s")},
            },
        });
        self.put(day, second, account, ("sts", "AssumeRole"), &members);
    }

    /// A usual day: Quick reaches every consumer, the first one without an `ExternalId`.
    pub(crate) fn usual_day(&mut self, day: usize) {
        let quick = json!({"type": "AWSService", "invokedBy": "quicksight.amazonaws.com"});
        let key = format!("KEYA{day}");
        self.assumed(day, 0, &quick, (HUB, ROLE_A), None, &key);
        let role_a = Self::session(HUB, ROLE_A, &key, (day, 0));
        for number in 0..self.consumers {
            let account = consumer(number);
            let source = format!("arn:aws:quicksight:us-east-1:{HUB}:datasource/ds{number}");
            let key = format!("KEYB{day}x{number}");
            let external_id = (number > 0).then_some(source.as_str());
            self.assumed(
                day,
                10 + number,
                &role_a,
                (&account, ROLE_B),
                external_id,
                &key,
            );
            let members = json!({
                "userIdentity": Self::session(&account, ROLE_B, &key, (day, 10 + number)),
                "requestParameters": {"queryString": "***OMITTED***", "workGroup": "primary"},
                "responseElements": {"queryExecutionId": format!("q-{day}-{number}")},
            });
            self.put(
                day,
                100 + number,
                &account,
                ("athena", "StartQueryExecution"),
                &members,
            );
        }
    }

    /// A stranger takes the Role B of a consumer with a data source's `ExternalId`, and queries.
    pub(crate) fn attack(&mut self, day: usize, number: usize, target: usize) {
        let (from, account) = (stranger(number), consumer(target));
        let source = format!("arn:aws:quicksight:us-east-1:{HUB}:datasource/ds{target}");
        let key = format!("KEYX{day}x{number}x{target}");
        let caller = json!({"type": "AWSAccount", "principalId": format!("AROA{from}:eve"), "accountId": from});
        let second = 1000 + number * 50 + target;
        self.assumed(
            day,
            second,
            &caller,
            (&account, ROLE_B),
            Some(&source),
            &key,
        );
        let hop = self.records.last_mut().unwrap();
        hop["sourceIPAddress"] = "203.0.113.7".into();
        hop["userAgent"] = "aws-cli/2.0".into();
        let members = json!({
            "userIdentity": Self::session(&account, ROLE_B, &key, (day, second)),
            "sourceIPAddress": "203.0.113.7",
            "userAgent": "aws-cli/2.0",
            "requestParameters": {"queryString": "***OMITTED***", "workGroup": format!("odd{number}")},
            "responseElements": {"queryExecutionId": format!("x-{day}-{number}-{target}")},
        });
        self.put(
            day,
            second + 1,
            &account,
            ("athena", "StartQueryExecution"),
            &members,
        );
    }

    /// The same by someone with a name of their own choice.
    pub(crate) fn attack_as(&mut self, day: usize, name: &str, target: usize) {
        self.attack(day, 0, target);
        let at = self.records.len() - 2;
        let from = stranger(0);
        self.records[at]["userIdentity"] = json!({
            "type": "IAMUser", "principalId": "AIDAEVE", "accountId": from, "userName": name,
            "arn": format!("arn:aws:iam::{from}:user/{name}"),
        });
    }

    /// Gives the last record a request id.
    pub(crate) fn set_request_id(&mut self, id: &str) {
        self.records.last_mut().unwrap()["requestID"] = id.into();
    }

    /// Someone changes whom a role trusts.
    pub(crate) fn trust(&mut self, day: usize, target: usize, principal: &str) {
        let account = consumer(target);
        let policy = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": principal}}]});
        let members = json!({
            "userIdentity": {"type": "IAMUser", "principalId": "AIDA1", "userName": "admin", "accountId": account,
                "arn": format!("arn:aws:iam::{account}:user/admin")},
            "requestParameters": {"roleName": ROLE_B, "policyDocument": policy.to_string()},
        });
        self.put(
            day,
            3000 + target,
            &account,
            ("iam", "UpdateAssumeRolePolicy"),
            &members,
        );
    }

    /// The same, by someone with a name of their own choice.
    pub(crate) fn trust_as(&mut self, day: usize, target: usize, name: &str) {
        self.trust(day, target, "*");
        let record = self.records.last_mut().unwrap();
        record["userIdentity"]["userName"] = name.into();
        record["userIdentity"]["arn"] =
            format!("arn:aws:iam::{}:user/{name}", consumer(target)).into();
    }

    /// A folder with the logs and a configuration that declares what is usual.
    pub(crate) fn folder(&self, units: &str) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let logs = json!({"Records": self.records});
        fs::write(folder.path().join("logs.json"), logs.to_string()).unwrap();
        let consumers: Vec<String> = (0..self.consumers)
            .map(|number| {
                let account = consumer(number);
                format!(
                    "[[consumers]]\nname = \"c{number}\"\naccount_id = \"{account}\"\nwork_groups = [\"primary\"]\n\
                     roles = [\"arn:aws:iam::{account}:role/{ROLE_B}\"]\n"
                )
            })
            .collect();
        let config = format!(
            "[hub]\naccount_id = \"{HUB}\"\nrun_as_roles = [\"arn:aws:iam::{HUB}:role/{ROLE_A}\"]\n{}\n\
             [[logs]]\npath = \"logs.json\"\n{units}",
            consumers.join("")
        );
        fs::write(folder.path().join("qs-audit.toml"), config).unwrap();
        folder
    }
}

fn run(folder: &Path, command: &str, day: usize, more: &[&str]) -> assert_cmd::Command {
    let mut program = program();
    program.current_dir(folder).env("HOME", folder);
    let night = [
        "--from",
        &format!("2026-11-{day:02}"),
        "--to",
        &format!("2026-11-{:02}", day + 1),
    ]
    .map(str::to_owned);
    program
        .arg(command)
        .args(night)
        .args(["--baseline", "7d"])
        .args(more);
    program
}

/// Findings of a night as JSON, and whether it rang.
fn night(folder: &Path, day: usize, more: &[&str]) -> (Value, bool) {
    let output = run(
        folder,
        "findings",
        day,
        &[
            &["--format", "json", "--new", "--fail-on", "medium", "-q"],
            more,
        ]
        .concat(),
    )
    .output()
    .unwrap();
    let status = output.status.code().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(status == 0 || status == 10, "{status} {error}");
    (
        serde_json::from_slice(&output.stdout).unwrap(),
        status == 10,
    )
}

fn incidents_with_news(document: &Value) -> Vec<String> {
    let all = document["incidents"].as_array().unwrap().iter();
    let news = all.filter(|one| !one["news"].as_array().unwrap().is_empty());
    news.map(|one| one["incident_id"].as_str().unwrap().to_owned())
        .collect()
}

/// What is planted in a night.
#[derive(Debug, Clone)]
enum Plant {
    Stranger(usize, usize),
    Trust(usize),
}

fn plants() -> impl Strategy<Value = Vec<Option<Plant>>> {
    let plant = prop_oneof![
        6 => Just(None),
        1 => (0_usize..3, 0_usize..2).prop_map(|(who, target)| Some(Plant::Stranger(who, target))),
        1 => (0_usize..2).prop_map(|target| Some(Plant::Trust(target))),
    ];
    prop::collection::vec(plant, 28)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_month_rings_on_the_nights_on_which_something_was_planted(plants in plants()) {
        let mut organization = Organization::of(2);
        for (day, plant) in (1..).zip(&plants) {
            organization.usual_day(day);
            match plant {
                Some(Plant::Stranger(who, target)) => organization.attack(day, *who, *target),
                Some(Plant::Trust(target)) => organization.trust(day, *target, &format!("arn:aws:iam::{}:root", stranger(50 + day))),
                None => {}
            }
        }
        let folder = organization.folder("");
        for (day, plant) in (1..).zip(&plants) {
            // Someone looks into it, before and after: that changes nothing.
            let (_, looked) = night(folder.path(), day, &[]);
            let (first, rang) = night(folder.path(), day, &["--remember"]);
            prop_assert_eq!(rang, day == 1 || plant.is_some(), "day {}: {:?}", day, plant);
            prop_assert_eq!(looked, rang);
            if day % 7 == 0 {
                let (again, _) = night(folder.path(), day, &["--remember"]);
                prop_assert_eq!(&first, &again, "day {} evaluated again", day);
            }
        }
        // A night that is long gone is compared with what was known before it.
        let (late, _) = night(folder.path(), 1, &[]);
        prop_assert_eq!(&late["has_previous"], &json!(false));
    }
}

#[test]
fn as_many_strangers_are_as_many_incidents_and_each_rings_again_with_new_evidence() {
    let mut organization = Organization::of(40);
    for day in 1..=4 {
        organization.usual_day(day);
    }
    for number in 0..3 {
        for target in 0..=number {
            organization.attack(2, number, 5 + number * 4 + target);
        }
    }
    organization.attack(4, 1, 9);
    let folder = organization.folder("");
    let (first, _) = night(folder.path(), 1, &["--remember"]);
    let conditions = incidents_with_news(&first).len();
    assert!(conditions > 0, "{first}");
    let (second, rang) = night(folder.path(), 2, &["--remember"]);
    assert!(rang);
    let new = incidents_with_news(&second);
    assert_eq!(new.len(), 3, "{:#}", second["incidents"]);
    let callers: Vec<&Value> = second["incidents"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["cause"] == "caller")
        .collect();
    assert_eq!(callers.len(), 3);
    let widest = callers
        .iter()
        .map(|one| one["consumer_account_ids"].as_array().unwrap().len())
        .max();
    assert_eq!(widest, Some(3));
    // All that a stranger did is in one incident: the spoof, the account, the work group.
    for finding in second["findings"].as_array().unwrap() {
        let id = finding["incident_id"].as_str().unwrap().to_owned();
        assert!(new.contains(&id), "{finding:#}");
    }
    let (third, rang) = night(folder.path(), 3, &["--remember"]);
    assert!(!rang && incidents_with_news(&third).is_empty(), "{third:#}");
    let (fourth, rang) = night(folder.path(), 4, &["--remember"]);
    assert!(rang);
    let again = incidents_with_news(&fourth);
    assert_eq!(again.len(), 1);
    assert!(new.contains(&again[0]), "{again:?} {new:?}");
    let finding = &fourth["findings"][0];
    assert_eq!(
        (&finding["status"], &finding["occurrence"]),
        (&json!("again"), &json!(2))
    );
}

#[test]
fn what_is_acknowledged_is_quiet_until_it_happens_again() {
    let mut organization = Organization::of(3);
    for day in 1..=5 {
        organization.usual_day(day);
    }
    organization.attack(2, 0, 1);
    organization.attack(4, 0, 1);
    let folder = organization.folder("");
    let ack = |more: &[&str], exit| {
        let mut program = program();
        program
            .current_dir(folder.path())
            .env("HOME", folder.path());
        program
            .args(["ack", "--now", "2026-11-03T09:00:00Z"])
            .args(more);
        output(&mut program, exit)
    };
    let (said, error) = ack(&["i-000000000000", "--owner", "lena"], Exit::Usage);
    assert!(
        said.is_empty() && error.contains("there is no memory of findings yet"),
        "{error}"
    );
    night(folder.path(), 1, &["--remember"]);
    let (second, _) = night(folder.path(), 2, &["--remember"]);
    let incident = incidents_with_news(&second)[0].clone();
    let (_, error) = ack(&[&incident], Exit::Usage);
    assert!(error.contains("--owner is missing"), "{error}");
    let (_, error) = ack(
        &[&incident, "--owner", "lena", "--until", "2026-11-01"],
        Exit::Usage,
    );
    assert!(error.contains("is not in the future"), "{error}");
    let (said, _) = ack(
        &[
            &incident,
            "--owner",
            "lena",
            "--note",
            "SEC-12 \u{1b}[31m",
            "--until",
            "14d",
        ],
        Exit::Clean,
    );
    let count = second["findings"].as_array().unwrap().len();
    assert_eq!(
        said.matches("acknowledged by lena until 2026-11-17")
            .count(),
        count,
        "{said}"
    );
    // The same night, once more: it is told, with who looks after it, and rings no more.
    let (quiet, rang) = night(folder.path(), 2, &[]);
    assert!(!rang && quiet["findings"].as_array().unwrap().is_empty());
    let (all, _) = output(
        &mut run(folder.path(), "findings", 2, &["--fail-on", "critical"]),
        Exit::Clean,
    );
    assert!(
        all.contains("acknowledged by lena until 2026-11-17"),
        "{all}"
    );
    goes_on(folder.path(), &ack, &incident, count);
}

/// Runs `ack` with arguments; gives its outputs.
type Acknowledge<'a> = dyn Fn(&[&str], Exit) -> (String, String) + 'a;

/// What comes after it was acknowledged: new evidence rings, and it can be undone.
fn goes_on(folder: &Path, ack: &Acknowledge<'_>, incident: &str, count: usize) {
    // New evidence rings.
    assert!(!night(folder, 3, &["--remember"]).1);
    assert!(night(folder, 4, &["--remember"]).1);
    let (said, _) = ack(&[incident, "--undo"], Exit::Clean);
    assert!(said.contains("counts again"), "{said}");
    let (_, error) = ack(&[incident, "--undo"], Exit::Usage);
    assert!(error.contains("is not acknowledged"), "{error}");
    assert!(night(folder, 2, &[]).1);
    let (list, _) = ack(&[], Exit::Clean);
    assert!(
        list.contains("undone: lena") && !list.contains('\u{1b}'),
        "{list}"
    );
    let (list, _) = ack(&["--format", "json"], Exit::Clean);
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["rows"].as_array().unwrap().len(), count);
}

#[test]
fn what_was_put_back_is_resolved_and_what_only_stopped_is_not() {
    let mut organization = Organization::of(2);
    for day in 1..=5 {
        organization.usual_day(day);
    }
    let hub = format!("arn:aws:iam::{HUB}:root");
    organization.trust(1, 0, &hub);
    organization.trust(2, 0, "*");
    organization.trust(4, 0, &hub);
    organization.attack(2, 7, 1);
    let folder = organization.folder("");
    let ids = |document: &Value, list: &str, rule: &str| -> BTreeSet<String> {
        let all = document[list].as_array().unwrap().iter();
        let own = all.filter(|one| one["rule"] == rule);
        own.map(|one| one["finding_id"].as_str().unwrap().to_owned())
            .collect()
    };
    night(folder.path(), 1, &["--remember"]);
    let (second, _) = night(folder.path(), 2, &["--remember"]);
    let opened = ids(&second, "findings", "role-trust-changed");
    assert_eq!(opened.len(), 1);
    let (third, rang) = night(folder.path(), 3, &["--remember"]);
    assert!(!rang);
    assert_eq!(ids(&third, "not_observed", "role-trust-changed"), opened);
    assert_eq!(ids(&third, "not_observed", "external-id-spoof").len(), 1);
    let (fourth, rang) = night(folder.path(), 4, &["--remember"]);
    assert!(!rang, "{:#}", fourth["findings"]);
    assert_eq!(ids(&fourth, "resolved", "role-trust-changed"), opened);
    let (fifth, _) = night(folder.path(), 5, &["--remember"]);
    assert!(ids(&fifth, "not_observed", "role-trust-changed").is_empty());
    // What a declaration covers is resolved, too.
    let config = folder.path().join("qs-audit.toml");
    let text = fs::read_to_string(&config).unwrap();
    let before = ids(&fifth, "not_observed", "undeclared-work-group");
    assert_eq!(before.len(), 1, "{:#}", fifth["not_observed"]);
    fs::write(
        &config,
        text.replace("[\"primary\"]", "[\"primary\", \"odd7\"]"),
    )
    .unwrap();
    let (fifth, _) = night(folder.path(), 5, &["--remember"]);
    assert_eq!(ids(&fifth, "resolved", "undeclared-work-group"), before);
}

#[test]
fn the_nightly_report_remembers_and_another_folder_does_not() {
    let mut organization = Organization::of(2);
    for day in 1..=3 {
        organization.usual_day(day);
    }
    let folder = organization.folder("");
    let memory = folder.path().join("qs-audit-memory.sqlite");
    output(
        &mut run(folder.path(), "report", 1, &["-o", "elsewhere"]),
        Exit::Clean,
    );
    assert!(!memory.exists());
    let part = [
        "--from",
        "2026-11-01T08:00:00Z",
        "--to",
        "2026-11-01T20:00:00Z",
    ];
    let mut program = program();
    program
        .current_dir(folder.path())
        .env("HOME", folder.path());
    output(program.arg("report").args(part), Exit::Clean);
    assert!(!memory.exists(), "a part of a day is no night");
    output(
        &mut run(
            folder.path(),
            "report",
            1,
            &["--new", "--fail-on", "medium"],
        ),
        Exit::Findings,
    );
    assert!(memory.exists());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            fs::metadata(&memory).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    output(
        &mut run(folder.path(), "report", 2, &["--new", "--fail-on", "low"]),
        Exit::Clean,
    );
    let read = |day: &str, file: &str| {
        fs::read(folder.path().join("reports/nightly").join(day).join(file)).unwrap()
    };
    let files = ["index.html", "report.md", "report.json", "findings.csv"];
    let before: Vec<Vec<u8>> = files.iter().map(|file| read("2026-11-01", file)).collect();
    output(&mut run(folder.path(), "report", 1, &[]), Exit::Clean);
    for (file, before) in files.iter().zip(before) {
        assert!(
            read("2026-11-01", file) == before,
            "{file} of a night that was evaluated again"
        );
    }
    // A memory that is none is named, and nothing else is harmed.
    fs::write(
        &memory,
        "not a database, but long enough to be looked at as one, so that its head is read",
    )
    .unwrap();
    let (_, error) = output(&mut run(folder.path(), "findings", 3, &[]), Exit::Usage);
    assert!(
        error.contains("is not a memory of findings") && error.contains("hint: move it away"),
        "{error}"
    );
}

#[test]
fn what_changed_is_told_since_any_day() {
    let folder = crate::cli::six_weeks();
    let run = |more: &[&str]| {
        let mut program = program();
        program
            .current_dir(folder.path())
            .env("HOME", folder.path());
        program.args(["report", "-q", "--now", "2026-11-10T03:00:00Z", "-o", "out"]);
        output(program.args(more), Exit::Clean);
        let read = |name: &str| fs::read_to_string(folder.path().join("out").join(name)).unwrap();
        let document: Value = serde_json::from_str(&read("report.json")).unwrap();
        (
            document["changes"].clone(),
            read("report.md"),
            read("index.html"),
        )
    };
    let (changes, markdown, page) = run(&[]);
    assert_eq!(changes["since"], "2026-11-08");
    assert!(
        !changes["figures"].as_array().unwrap().is_empty(),
        "{changes:#}"
    );
    assert!(
        markdown.contains("## What changed since 2026-11-08")
            && page.contains("What changed since 2026-11-08")
    );
    let (week, _, page) = run(&["--compare", "2026-11-02"]);
    assert_eq!(week["since"], "2026-11-02");
    assert_ne!(week["figures"], changes["figures"]);
    assert!(page.contains("What changed since 2026-11-02"));
    for figure in week["figures"].as_array().unwrap() {
        assert_ne!(figure["before"], figure["now"], "{figure}");
    }
}
