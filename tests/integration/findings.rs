//! `findings` and `explain` as people and schedulers use them.

use crate::cli::{organization, output, program};
use assert_cmd::Command;
use qs_audit::cli::Exit;
use qs_audit::model::finding::{
    Evidence, Finding, FindingStatus, Findings, PreviousFinding, Severity, Subject, Suppressed,
};
use qs_audit::model::ids::EventId;
use qs_audit::model::text::Text;
use qs_audit::model::time::UtcSecond;
use qs_audit::output::asff::{self, SecurityHub};
use qs_audit::output::not_read::NotRead;
use qs_audit::output::ocsf;
use qs_audit::rules::RULES;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const SAMPLE: &str = "sample-logs/org-small";
const GOLDEN: &str = "reports/sample";
const WINDOW: [&str; 4] = ["--from", "2026-11-01", "--to", "2026-11-03"];

/// `findings` over the whole organization in a folder.
fn findings(folder: &Path, more: &[&str]) -> Command {
    let mut command = program();
    command.current_dir(folder);
    command.arg("findings").args(WINDOW).args(more);
    command
}

fn stdout(command: &mut Command) -> String {
    output(command, Exit::Clean).0
}

fn document(folder: &Path, more: &[&str]) -> Value {
    let text = stdout(findings(folder, &["--format", "json"]).args(more));
    serde_json::from_str(&text).unwrap()
}

fn ids(document: &Value, member: &str) -> Vec<String> {
    let findings = document[member].as_array().unwrap().iter();
    findings
        .map(|one| one["finding_id"].as_str().unwrap().to_owned())
        .collect()
}

/// The organization with something more in its configuration.
fn configured(more: &str) -> TempDir {
    let folder = organization();
    let path = folder.path().join("qs-audit.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}\n{more}")).unwrap();
    folder
}

#[test]
fn the_golden_findings_are_current() {
    let sample = Path::new(SAMPLE);
    for (name, more) in [
        ("findings.txt", &[][..]),
        ("findings.json", &["--format", "json"]),
        ("findings.csv", &["--format", "csv"]),
    ] {
        let written = stdout(&mut findings(sample, more));
        let path = Path::new(GOLDEN).join(name);
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            fs::write(&path, &written).unwrap();
        }
        let golden = fs::read_to_string(&path).unwrap_or_default();
        assert!(golden == written, "{name} is not what the program writes");
    }
}

#[test]
fn the_table_goes_by_severity_and_says_what_to_do() {
    let table = stdout(&mut findings(Path::new(SAMPLE), &[]));
    let at = |word: &str| {
        table
            .find(word)
            .unwrap_or_else(|| panic!("{word}\n{table}"))
    };
    assert!(at("CRITICAL (") < at("HIGH (") && at("HIGH (") < at("MEDIUM ("));
    // One next step for each incident, whose findings are below it.
    let steps = table.matches("\n    next: ").count();
    let all = document(Path::new(SAMPLE), &[]);
    assert_eq!(all["total"]["incident_count"], json!(steps), "{table}");
    let count = &all["total"]["finding_count"];
    assert!(table.contains(&format!(" {count} findings: ")), "{table}");
    for finding in all["findings"].as_array().unwrap() {
        let id = finding["finding_id"].as_str().unwrap();
        assert!(table.contains(id), "{id}\n{table}");
    }
    assert!(table.contains("Skipped rules") && table.contains("Not evaluated"));
}

#[test]
fn fail_on_sets_the_status() {
    let folder = Path::new(SAMPLE);
    for severity in ["info", "low", "medium", "high", "critical"] {
        output(
            &mut findings(folder, &["--fail-on", severity]),
            Exit::Findings,
        );
    }
    // What is not shown fails all the same; what was not asked does not.
    let (text, _) = output(
        &mut findings(
            folder,
            &[
                "--rule",
                "role-assumption-denied",
                "--min-severity",
                "high",
                "--fail-on",
                "medium",
            ],
        ),
        Exit::Findings,
    );
    let words: Vec<&str> = text.split_whitespace().collect();
    assert!(words.join(" ").contains("1 filtered out"), "{text}");
    let only = ["--rule", "role-assumption-denied", "--fail-on", "high"];
    output(&mut findings(folder, &only), Exit::Clean);
    // What is wrong outweighs what was not seen; both are said.
    let broken = organization();
    fs::write(broken.path().join("AWSLogs/broken.json"), "{").unwrap();
    let both = ["--fail-on", "low", "--strict"];
    let (_, error) = output(&mut findings(broken.path(), &both), Exit::Findings);
    assert!(
        error.contains("incomplete:") && error.contains("findings at or above low"),
        "{error}"
    );
    output(
        &mut findings(broken.path(), &["--strict"]),
        Exit::Incomplete,
    );
}

#[test]
fn rules_are_chosen_by_name_or_pattern() {
    let folder = Path::new(SAMPLE);
    let one = document(folder, &["--rule", "external-id-*"]);
    let rules: BTreeSet<&str> = one["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["rule"].as_str().unwrap())
        .collect();
    assert_eq!(rules, BTreeSet::from(["external-id-spoof"]));
    let states = one["rules"].as_array().unwrap().iter();
    let asked = states.filter(|rule| rule["state"] != "not-asked").count();
    assert_eq!(asked, 3);
    let (_, error) = output(&mut findings(folder, &["--rule", "log-gaps"]), Exit::Usage);
    assert!(error.contains("did you mean log-gap?"), "{error}");
}

#[test]
fn an_earlier_run_tells_new_from_ongoing_and_resolved() {
    let folder = organization();
    let all = document(folder.path(), &[]);
    assert_eq!(all["has_previous"], json!(false));
    let known = ids(&all, "findings");
    // The earlier run lacked one finding, and had one that is gone.
    let mut earlier = all.clone();
    let list = earlier["findings"].as_array_mut().unwrap();
    let lacking = list.remove(0);
    let mut gone = lacking.clone();
    gone["finding_id"] = "f-000000000000".into();
    gone["rule"] = "log-gap".into();
    gone["subject"] = json!({"account_id": "444455556666", "region": "us-east-1"});
    gone["last_seen"] = "2026-10-20T00:00:00Z".into();
    list.push(gone);
    list[0]["first_seen"] = "2026-10-01T00:00:00Z".into();
    let first = list[0]["finding_id"].clone();
    let path = folder.path().join("earlier.json");
    fs::write(&path, earlier.to_string()).unwrap();
    let now = document(folder.path(), &["--previous", "earlier.json"]);
    assert_eq!(ids(&now, "findings"), known);
    for finding in now["findings"].as_array().unwrap() {
        let is_new = finding["finding_id"] == lacking["finding_id"];
        assert_eq!(finding["status"], if is_new { "new" } else { "ongoing" });
        if finding["finding_id"] == first {
            assert_eq!(finding["first_seen"], "2026-10-01T00:00:00Z");
        }
    }
    // A log gap is over once there are logs again; what else does not show may still be so.
    assert_eq!(ids(&now, "resolved"), ["f-000000000000"]);
    assert_eq!(now["total"]["new"], json!(1));
    let table = stdout(&mut findings(
        folder.path(),
        &["--previous", "earlier.json"],
    ));
    assert!(table.contains("Resolved since the previous run"), "{table}");
    assert!(
        table.contains(": new: ") && table.contains("\n  ongoing: "),
        "{table}"
    );
    // What this run did not look for is not resolved.
    let again = document(
        folder.path(),
        &[
            "--previous",
            "earlier.json",
            "--rule",
            "long-idle-data-source",
        ],
    );
    assert!(ids(&again, "resolved").is_empty());
    assert!(ids(&again, "not_observed").contains(&"f-000000000000".to_owned()));
    // Rules that the earlier run did not run are said.
    let few = document(folder.path(), &["--rule", "log-gap"]);
    fs::write(&path, few.to_string()).unwrap();
    let now = document(folder.path(), &["--previous", "earlier.json"]);
    let spoof = now["rules"]
        .as_array()
        .unwrap()
        .iter()
        .find(|rule| rule["rule"] == "external-id-spoof");
    assert!(
        spoof.unwrap()["notes"]
            .to_string()
            .contains("findings count as new")
    );
}

#[test]
fn files_that_are_no_earlier_run_are_refused() {
    let folder = organization();
    for (name, text) in [
        ("a", "{"),
        ("b", "{\"schema\":\"qs-audit/chains/v1\"}"),
        ("c", "[]"),
        ("d", ""),
        (
            "e",
            "{\"schema\":\"qs-audit/finding/v1\",\"finding_id\":\"f-1\"}",
        ),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
        let (_, error) = output(
            &mut findings(folder.path(), &["--previous", name]),
            Exit::Usage,
        );
        assert!(
            error.contains("--previous") && error.contains("hint:"),
            "{error}"
        );
    }
    output(
        &mut findings(folder.path(), &["--previous", "nowhere"]),
        Exit::Usage,
    );
}

#[test]
fn suppressions_hide_for_a_while_and_are_shown() {
    let suppression = |expires: &str| {
        format!(
            "[[suppressions]]\nrule = \"unexpected-*\"\nsubject = \"*210987654321*\"\nreason = \"red team\"\nexpires = {expires}\n"
        )
    };
    let all = document(Path::new(SAMPLE), &[]);
    let live = configured(&suppression("2026-11-03"));
    let now = document(live.path(), &[]);
    let hidden = now["suppressed"].as_array().unwrap();
    assert_eq!(hidden.len(), 1);
    assert_eq!(hidden[0]["finding"]["rule"], "unexpected-source-account");
    assert_eq!(
        (&hidden[0]["reason"], &hidden[0]["expires"]),
        (&json!("red team"), &json!("2026-11-03"))
    );
    assert_eq!(ids(&now, "findings").len() + 1, ids(&all, "findings").len());
    let table = stdout(&mut findings(live.path(), &[]));
    assert!(
        table.contains("Suppressed\n") && table.contains("red team"),
        "{table}"
    );
    assert!(table.contains("; 1 suppressed"), "{table}");
    let only = ["--rule", "unexpected-source-account", "--fail-on", "info"];
    output(&mut findings(live.path(), &only), Exit::Clean);
    // The window ends on 2 November: on that day it does not count any more.
    let lapsed = configured(&suppression("\"2026-11-02\""));
    let now = document(lapsed.path(), &[]);
    assert_eq!(ids(&now, "findings"), ids(&all, "findings"));
    let expired = &now["expired_suppressions"][0];
    assert_eq!(expired["finding_ids"].as_array().unwrap().len(), 1);
    let table = stdout(&mut findings(lapsed.path(), &[]));
    assert!(table.contains("Suppressions that have expired") && table.contains("2026-11-02"));
}

#[test]
fn a_finding_may_be_suppressed_by_id_or_by_its_whole_subject() {
    let all = document(Path::new(SAMPLE), &["--rule", "role-trust-changed"]);
    let finding = &all["findings"][0];
    let id = finding["finding_id"].as_str().unwrap();
    let subject = format!("role={}", finding["subject"]["role"].as_str().unwrap());
    for subject in [id, &subject] {
        let folder = configured(&format!(
            "[[suppressions]]\nrule = \"role-*\"\nsubject = \"{subject}\"\nreason = \"r\"\nexpires = 2027-01-01\n"
        ));
        let now = document(folder.path(), &["--rule", "role-trust-changed"]);
        assert_eq!(ids(&now, "findings").len(), 0, "{subject}");
    }
}

#[test]
fn mistakes_in_the_configuration_point_at_the_key_whatever_the_command() {
    let lines = fs::read_to_string(format!("{SAMPLE}/qs-audit.toml"))
        .unwrap()
        .lines()
        .count();
    for (text, wanted) in [
        ("[rules.log-gap]\nmin_day = 1", "rules.log-gap.min_day"),
        (
            "[rules.log-gap]\nmin_history_days = \"a\"",
            "rules.log-gap.min_history_days",
        ),
        ("[rules.logs-gap]", "rules.logs-gap"),
        (
            "[[suppressions]]\nrule = \"a\"\nsubject = \"\"\nreason = \"r\"\nexpires = 2027-01-01",
            "suppressions.subject",
        ),
        (
            "[[suppressions]]\nrule = \"a\"\nsubject = \"*\"\nreason = \"r\"\nexpires = \"soon\"",
            "suppressions.expires",
        ),
        (
            "[[suppressions]]\nrule = \"a\"\nsubject = \"*\"\nreason = \"r\"",
            "expires",
        ),
        ("[security_hub]\nregion = \"Mars\"", "security_hub.region"),
    ] {
        let folder = configured(text);
        for command in ["findings", "chains"] {
            let mut program = program();
            program.current_dir(folder.path()).arg(command).args(WINDOW);
            let (_, error) = output(&mut program, Exit::Usage);
            assert!(error.contains(wanted), "{error}");
            let line = lines + 2;
            let has_line = (line..line + 5).any(|line| {
                error.contains(&format!(":{line}:")) || error.contains(&format!("line {line}"))
            });
            assert!(has_line, "{error}");
        }
    }
}

#[test]
fn options_change_what_a_rule_finds() {
    let usual = document(Path::new(SAMPLE), &["--rule", "role-assumption-denied"]);
    assert!(!ids(&usual, "findings").is_empty());
    let patient = configured("[rules.role-assumption-denied]\nburst_attempts = 50\n");
    let now = document(patient.path(), &["--rule", "role-assumption-denied"]);
    assert!(ids(&now, "findings").is_empty());
    let off = configured("[rules.role-assumption-denied]\nenabled = false\n");
    let now = document(off.path(), &["--rule", "role-assumption-denied"]);
    let state = now["rules"]
        .as_array()
        .unwrap()
        .iter()
        .find(|rule| rule["rule"] == "role-assumption-denied");
    assert_eq!(state.unwrap()["state"], "disabled");
    assert!(stdout(&mut findings(off.path(), &[])).contains("disabled in the configuration"));
}

#[test]
fn a_finding_has_all_keys_of_its_schema() {
    let all = document(Path::new(SAMPLE), &[]);
    assert_eq!(all["schema"], "qs-audit/findings/v1");
    let wanted = [
        "schema",
        "finding_id",
        "incident_id",
        "rule",
        "severity",
        "title",
        "detail",
        "next_step",
        "command",
        "consumer_account_id",
        "subject",
        "role_arns",
        "evidence",
        "chain_ids",
        "chain_count",
        "event_ids",
        "event_count",
        "first_seen",
        "last_seen",
        "count",
        "status",
        "occurrence",
        "evidence_keys",
        "acknowledged_by",
        "acknowledged_until",
        "integrity",
    ];
    for finding in all["findings"].as_array().unwrap() {
        let keys: Vec<&str> = finding
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(keys, wanted);
        assert_eq!(finding["schema"], "qs-audit/finding/v1");
    }
    assert_eq!(all["rules"].as_array().unwrap().len(), RULES.len());
    let lines = stdout(&mut findings(Path::new(SAMPLE), &["--format", "jsonl"]));
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(&Value::from(lines), &all["findings"]);
    let docs = fs::read_to_string("docs/output-v1.md").unwrap();
    for key in wanted {
        assert!(
            docs.contains(&format!("`{key}`")),
            "{key} is not documented"
        );
    }
}

#[test]
fn tables_for_machines_have_a_row_per_finding() {
    let folder = organization();
    let count = ids(&document(folder.path(), &[]), "findings").len();
    let csv = stdout(&mut findings(folder.path(), &["--format", "csv"]));
    assert_eq!(
        csv::Reader::from_reader(csv.as_bytes()).records().count(),
        count
    );
    for name in ["findings.parquet", "findings.xlsx"] {
        stdout(&mut findings(folder.path(), &["-o", name]));
        assert!(fs::metadata(folder.path().join(name)).unwrap().len() > 1000);
    }
}

#[test]
fn formats_of_other_commands_are_refused() {
    output(
        &mut findings(Path::new(SAMPLE), &["--format", "focus"]),
        Exit::Usage,
    );
    for command in ["chains", "chargeback"] {
        let mut program = program();
        program
            .current_dir(SAMPLE)
            .arg(command)
            .args(WINDOW)
            .args(["--format", "asff"]);
        let (_, error) = output(&mut program, Exit::Usage);
        assert!(
            error.contains("asff") && !error.contains("ocsf,"),
            "{error}"
        );
    }
}

/// Attributes that the published schema (1.8.0) requires: of the class, and of the
/// objects in it.
fn check_ocsf(event: &Value) {
    for (path, kind) in [
        ("/activity_id", "number"),
        ("/category_uid", "number"),
        ("/class_uid", "number"),
        ("/type_uid", "number"),
        ("/severity_id", "number"),
        ("/time", "number"),
        ("/metadata/version", "string"),
        ("/metadata/product/name", "string"),
        ("/finding_info/uid", "string"),
        ("/finding_info/analytic/type_id", "number"),
        ("/cloud/provider", "string"),
    ] {
        let value = event
            .pointer(path)
            .unwrap_or_else(|| panic!("{path}: {event}"));
        let is_kind = if kind == "number" {
            value.is_number()
        } else {
            value.is_string()
        };
        assert!(is_kind, "{path}");
    }
    assert_eq!(event["class_uid"], 2004);
    assert_eq!(event["category_uid"], 2);
    assert_eq!(event["metadata"]["version"], "1.8.0");
    let activity = event["activity_id"].as_u64().unwrap();
    assert_eq!(event["type_uid"].as_u64(), Some(200_400 + activity));
    for evidence in event["evidences"].as_array().into_iter().flatten() {
        assert!(
            evidence.get("data").is_some(),
            "at least one of the artifacts"
        );
    }
    for observable in event["observables"].as_array().into_iter().flatten() {
        assert!(observable["type_id"].is_number() && observable["name"].is_string());
    }
    if let Some(remediation) = event.get("remediation") {
        assert!(remediation["desc"].is_string());
    }
    assert!(event.to_string().len() < 256 << 10);
}

#[test]
fn ocsf_events_have_what_the_schema_requires() {
    let folder = organization();
    let text = stdout(&mut findings(folder.path(), &["--format", "ocsf"]));
    let events: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        events.len(),
        ids(&document(folder.path(), &[]), "findings").len()
    );
    for event in &events {
        check_ocsf(event);
        assert_eq!(event["activity_id"], 1);
    }
}

#[test]
fn security_hub_takes_what_is_written() {
    let folder = organization();
    let text = stdout(&mut findings(folder.path(), &["--format", "asff"]));
    let batches: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(batches.len(), 1);
    for finding in batches[0]["Findings"].as_array().unwrap() {
        check_asff(finding);
        assert_eq!(finding["AwsAccountId"], "111122223333");
        let arn = "arn:aws:securityhub:us-east-1:111122223333:product/111122223333/default";
        assert_eq!(finding["ProductArn"], arn);
    }
    let elsewhere =
        configured("[security_hub]\naccount_id = \"999988887777\"\nregion = \"us-gov-west-1\"\n");
    let text = stdout(&mut findings(elsewhere.path(), &["--format", "asff"]));
    assert!(text.contains(
        "arn:aws-us-gov:securityhub:us-gov-west-1:999988887777:product/999988887777/default"
    ));
}

#[test]
fn security_hub_needs_an_account() {
    let folder = tempfile::tempdir().unwrap();
    let record = json!({"eventVersion": "1.11", "eventID": "e", "eventTime": "2026-11-02T10:00:00Z",
        "eventSource": "cloudtrail.amazonaws.com", "eventName": "StopLogging", "awsRegion": "us-east-1",
        "requestParameters": {"name": "trail"},
        "recipientAccountId": "444455556666", "userIdentity": {"type": "AWSService"}});
    fs::write(
        folder.path().join("l.json"),
        json!({"Records": [record]}).to_string(),
    )
    .unwrap();
    let mut command = findings(folder.path(), &["--logs", "l.json", "--format", "asff"]);
    let (_, error) = output(&mut command, Exit::Usage);
    assert!(error.contains("[security_hub]"), "{error}");
}

/// Limits of the AWS Security Finding Format.
fn check_asff(finding: &Value) {
    let text = |member: &str| {
        finding[member]
            .as_str()
            .unwrap_or_else(|| panic!("{member}: {finding}"))
    };
    let letters = |member: &str| text(member).chars().count();
    assert_eq!(text("SchemaVersion"), "2018-10-08");
    assert!(letters("Id") <= 512 && letters("GeneratorId") <= 512);
    assert!((1..=256).contains(&letters("Title")) && (1..=1024).contains(&letters("Description")));
    assert_eq!(letters("AwsAccountId"), 12);
    for member in ["CreatedAt", "UpdatedAt"] {
        assert!(UtcSecond::parse(text(member)).is_some());
    }
    let labels = ["INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL"];
    assert!(labels.contains(&finding["Severity"]["Label"].as_str().unwrap()));
    let namespaces = [
        "Software and Configuration Checks/",
        "TTPs/",
        "Effects/",
        "Unusual Behaviors/",
        "Sensitive Data Identifications/",
    ];
    for kind in finding["Types"].as_array().unwrap() {
        let kind = kind.as_str().unwrap();
        assert!(
            namespaces
                .iter()
                .any(|namespace| kind.starts_with(namespace)),
            "{kind}"
        );
    }
    let resources = finding["Resources"].as_array().unwrap();
    assert!((1..=32).contains(&resources.len()));
    for resource in resources {
        assert!(resource["Id"].as_str().unwrap().chars().count() <= 512);
        assert!(resource["Type"].is_string());
    }
    let fields = finding.get("ProductFields").and_then(Value::as_object);
    for (name, value) in fields.into_iter().flatten() {
        assert!(name.len() <= 128 && value.as_str().unwrap().chars().count() <= 2048);
    }
    assert!(fields.is_none_or(|fields| fields.len() <= 50));
    if let Some(advice) = finding["Remediation"]["Recommendation"]["Text"].as_str() {
        assert!(advice.chars().count() <= 512);
    }
    assert!(finding.to_string().len() <= 240 << 10);
}

/// A finding with more of everything than any format takes.
fn enormous(number: usize) -> Finding {
    let long: Text = "ü\u{7}".repeat(5000).into();
    let at = UtcSecond::parse("2026-11-02T10:00:00Z").unwrap();
    Finding {
        integrity: None,
        finding_id: format!("f-{number:012x}"),
        incident_id: "i-000000000000".into(),
        rule: "log-gap",
        severity: Severity::Medium,
        title: long.to_string(),
        detail: long.to_string(),
        next_step: long.to_string(),
        command: long.to_string(),
        role_arns: vec![long.clone().into(); 60],
        consumer_account_id: None,
        subject: Subject((0..60).map(|_| ("data_source_arn", long.clone())).collect()),
        evidence: (0..60)
            .map(|_| ("calls", Evidence::texts(vec![long.clone(); 50])))
            .collect(),
        chain_ids: vec!["c-000000000000".into(); 1000],
        chain_count: 1000,
        event_ids: vec![EventId::new("e"); 1000],
        event_count: 1000,
        first_seen: at,
        last_seen: at,
        count: 1,
        status: FindingStatus::Ongoing,
        occurrence: 1,
        evidence_keys: vec![long; 3].into_iter().collect(),
        acknowledged: None,
    }
}

/// A finding of which little is known any more.
fn long_gone(at: UtcSecond) -> PreviousFinding {
    PreviousFinding {
        finding_id: "f-ffffffffffff".into(),
        incident_id: String::new(),
        rule: "log-gap".into(),
        severity: None,
        title: String::new(),
        detail: String::new(),
        consumer_account_id: None,
        subject: Vec::new(),
        role_arns: Vec::new(),
        first_seen: at,
        last_seen: at,
        occurrence: 1,
        chain_ids: Vec::new(),
        evidence_keys: BTreeSet::new(),
        is_resolved: false,
    }
}

#[test]
fn limits_hold_for_findings_of_any_size_and_number() {
    let all: Vec<Finding> = (0..250).map(enormous).collect();
    let shown: Vec<&Finding> = all.iter().collect();
    let at = UtcSecond::parse("2026-11-03T00:00:00Z").unwrap();
    let gone = long_gone(at);
    let hub = SecurityHub {
        account_id: "111122223333".into(),
        region: "eu-central-1".into(),
    };
    let mut text = Vec::new();
    let settled = Findings {
        resolved: vec![gone],
        suppressed: vec![Suppressed {
            finding: enormous(999),
            reason: String::new(),
            expires: at.day(),
        }],
        ..Findings::default()
    };
    asff::write(&shown, &settled, &hub, NotRead::default(), at, &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    let mut count = 0;
    for line in text.lines() {
        assert!(line.len() <= 6_000_000);
        let batch: Value = serde_json::from_str(line).unwrap();
        let batch = batch["Findings"].as_array().unwrap();
        assert!((1..=100).contains(&batch.len()));
        batch.iter().for_each(check_asff);
        count += batch.len();
    }
    assert_eq!(count, 252);
    assert!(text.contains("\"RecordState\":\"ARCHIVED\""));
    let mut text = Vec::new();
    ocsf::write(
        &shown[..3],
        &settled,
        at,
        "aws",
        NotRead::default(),
        &mut text,
    )
    .unwrap();
    let events: Vec<Value> = text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    events.iter().for_each(check_ocsf);
    let activities: Vec<u64> = events
        .iter()
        .map(|event| event["activity_id"].as_u64().unwrap())
        .collect();
    assert_eq!(activities, [2, 2, 2, 2, 3]);
    let uids: BTreeSet<String> = events
        .iter()
        .map(|event| event["metadata"]["uid"].to_string())
        .collect();
    assert_eq!(uids.len(), events.len());
}

#[test]
fn nothing_to_report_is_nothing_written() {
    let mut text = Vec::new();
    let at = UtcSecond::from_unix(0);
    let hub = SecurityHub {
        account_id: "1".into(),
        region: "r".into(),
    };
    asff::write(
        &[],
        &Findings::default(),
        &hub,
        NotRead::default(),
        at,
        &mut text,
    )
    .unwrap();
    ocsf::write(
        &[],
        &Findings::default(),
        at,
        "aws",
        NotRead::default(),
        &mut text,
    )
    .unwrap();
    assert!(text.is_empty());
}

#[test]
fn text_from_logs_is_harmless_wherever_it_is_shown() {
    let text = fs::read_to_string("sample-logs/rules/off-scope-activity/fires.json").unwrap();
    let fixture: Value = serde_json::from_str(&text).unwrap();
    let hostile = "=cmd|' /C calc'!A0\u{1b}[2J\u{202e}\u{7}<script>";
    let mut records = fixture["Records"].clone();
    for record in records.as_array_mut().unwrap() {
        if record["eventName"] == "ListRoles" {
            record["eventName"] = hostile.into();
            record["sourceIPAddress"] = hostile.into();
        }
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("l.json"),
        json!({ "Records": records }).to_string(),
    )
    .unwrap();
    let with = |more: &[&str]| stdout(findings(folder.path(), &["--logs", "l.json"]).args(more));
    let table = with(&[]);
    assert!(
        table.contains("calc") && table.contains("\\u{1b}[2J"),
        "{table}"
    );
    assert!(!table.contains(['\u{1b}', '\u{7}', '\u{202e}']));
    let csv = with(&["--format", "csv"]);
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    for row in reader.records() {
        assert!(
            row.unwrap()
                .iter()
                .all(|cell| !cell.starts_with(['=', '+', '@']))
        );
    }
    let ocsf = with(&["--format", "ocsf"]);
    assert!(!ocsf.contains('\u{1b}'));
}

#[test]
fn without_logs_in_the_window_the_status_is_3_and_the_gap_is_named() {
    let folder = organization();
    let mut late = program();
    late.current_dir(folder.path());
    late.args([
        "findings",
        "--logs",
        "AWSLogs",
        "--from",
        "2026-11-05",
        "--to",
        "2026-11-06",
    ]);
    let (text, error) = output(&mut late, Exit::NoLogs);
    assert!(error.contains("no logs from 2026-11-05"), "{error}");
    assert!(
        text.contains(&format!("of {} rules ran", RULES.len()))
            && text.contains("nothing was evaluated"),
        "{text}"
    );
    // A week of logs, then silence: the silence is the finding.
    let mut silent = program();
    silent.current_dir("sample-logs/rules/log-gap");
    silent.args([
        "findings",
        "--logs",
        "fires.json",
        "--from",
        "2026-11-04",
        "--to",
        "2026-11-05",
    ]);
    let (text, _) = output(&mut silent, Exit::NoLogs);
    assert!(
        text.contains("every account logged nothing on 2026-11-04"),
        "{text}"
    );
}

#[test]
fn odd_values_of_options_are_refused_with_a_hint() {
    let folder = organization();
    for (option, value) in [
        ("--baseline", "a month"),
        ("--baseline", "36h"),
        ("--baseline", "99999d"),
        ("--data-sources", "costs.json"),
        ("--data-sources", "nowhere.json"),
    ] {
        let (_, error) = output(&mut findings(folder.path(), &[option, value]), Exit::Usage);
        assert!(error.contains(option) && error.contains("hint:"), "{error}");
    }
    stdout(&mut findings(folder.path(), &["--baseline", "0d"]));
    output(
        &mut findings(folder.path(), &["--fail-on", "awful"]),
        Exit::Usage,
    );
}

#[test]
fn explain_prints_pages_and_lists_rules() {
    let explain = |more: &[&str]| {
        let mut command = program();
        command.arg("explain").args(more);
        command
    };
    let list = stdout(&mut explain(&[]));
    assert_eq!(list.lines().filter(|line| line.contains("  ")).count(), 39);
    for rule in qs_audit::rules::RULES {
        assert!(list.contains(rule.meta.id));
        assert_eq!(stdout(&mut explain(&[rule.meta.id])), rule.meta.page);
    }
    let (_, error) = output(&mut explain(&["external-id"]), Exit::Usage);
    assert!(error.contains("did you mean external-id-"), "{error}");
    let bold = stdout(&mut explain(&["log-gap", "--color", "always"]));
    assert!(bold.starts_with("\u{1b}[1m# log-gap\u{1b}[0m"));
}

/// Silence is no peace: without logs of its account, a finding is not resolved.
#[test]
fn what_could_not_be_looked_for_stays_open() {
    let folder = organization();
    let before = document(folder.path(), &[]);
    fs::write(folder.path().join("before.json"), before.to_string()).unwrap();
    let retail = folder.path().join("AWSLogs/o-exampleorgid/444455556666");
    fs::remove_dir_all(retail).unwrap();
    let now = document(folder.path(), &["--previous", "before.json"]);
    let of = |member: &str, rule: &str| -> Vec<Value> {
        let known = now[member].as_array().unwrap().iter();
        known.filter(|one| one["rule"] == rule).cloned().collect()
    };
    // How things are: it cannot be looked for. What happened: it stays until it is old.
    for (rule, why) in [
        ("undeclared-work-group", "no logs of account 444455556666"),
        ("unexpected-source-account", "remedied"),
    ] {
        assert!(of("resolved", rule).is_empty(), "{rule}");
        let open = of("not_observed", rule);
        assert_eq!(open.len(), 1, "{rule}");
        assert!(open[0]["why"].as_str().unwrap().contains(why), "{open:?}");
    }
    // It is remembered from night to night, and let go after a quarter.
    fs::write(folder.path().join("now.json"), now.to_string()).unwrap();
    let content = |from: &str, to: &str| {
        let mut command = program();
        command
            .current_dir(folder.path())
            .args(["findings", "--from", from, "--to", to]);
        command.args([
            "--previous",
            "now.json",
            "--format",
            "json",
            "--now",
            "2027-06-01",
        ]);
        let output = command.output().unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let later = content("2026-11-03", "2026-11-04");
    assert!(ids(&later, "not_observed").len() >= ids(&now, "not_observed").len());
    let much_later = content("2027-03-01", "2027-03-02");
    assert!(ids(&much_later, "not_observed").is_empty() && ids(&much_later, "resolved").is_empty());
    assert!(much_later["total"]["forgotten"].as_u64().unwrap() > 0);
    let mut ocsf = findings(
        folder.path(),
        &["--previous", "before.json", "--format", "ocsf"],
    );
    let id = of("not_observed", "unexpected-source-account")[0]["finding_id"].to_string();
    assert!(!stdout(&mut ocsf).contains(&id));
}

#[test]
fn what_a_filter_hides_is_remembered() {
    let folder = organization();
    let high = document(folder.path(), &["--min-severity", "high"]);
    assert!(!ids(&high, "hidden").is_empty());
    fs::write(folder.path().join("high.json"), high.to_string()).unwrap();
    let now = document(folder.path(), &["--previous", "high.json"]);
    assert_eq!(now["total"]["new"], json!(0));
    assert!(ids(&now, "resolved").is_empty() && ids(&now, "not_observed").is_empty());
    let none = document(folder.path(), &["--previous", "high.json", "--new"]);
    assert!(ids(&none, "findings").is_empty());
    let fails = ["--previous", "high.json", "--new", "--fail-on", "info"];
    output(&mut findings(folder.path(), &fails), Exit::Clean);
}

#[test]
fn suppressions_of_nothing_are_told_and_unknown_rules_refused() {
    let text = |rule: &str| {
        format!(
            "[[suppressions]]\nrule = \"{rule}\"\nsubject = \"*quick-lbas*\"\nreason = \"r\"\nexpires = 2027-01-01\n"
        )
    };
    let folder = configured(&text("log-gap"));
    let now = document(folder.path(), &[]);
    assert_eq!(now["unused_suppressions"][0]["subject"], "*quick-lbas*");
    assert!(
        stdout(&mut findings(folder.path(), &[])).contains("Suppressions that matched nothing")
    );
    let wrong = configured(&text("log-gaps"));
    let (_, error) = output(&mut findings(wrong.path(), &[]), Exit::Usage);
    assert!(
        error.contains("did you mean log-gap?") && error.contains("suppressions.rule"),
        "{error}"
    );
}

/// A command below a finding is one that this program takes, with this run's options.
#[test]
fn the_commands_below_findings_work_where_they_are_printed() {
    let folder = organization();
    let table = stdout(&mut findings(folder.path(), &["-c", "qs-audit.toml"]));
    let commands: BTreeSet<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("      qs-audit "))
        .collect();
    assert!(commands.len() > 4, "{table}");
    for command in commands {
        let mut program = program();
        program.current_dir(folder.path()).args(command.split(' '));
        let written = stdout(&mut program);
        assert!(!written.is_empty(), "{command}");
    }
}

#[test]
fn the_future_is_no_gap() {
    let mut command = program();
    command.current_dir("sample-logs/rules/log-gap");
    command.args([
        "findings",
        "--logs",
        "quiet.json",
        "--from",
        "2026-11-02",
        "--to",
        "2026-11-12",
    ]);
    command.args(["--now", "2026-11-04T01:00:00Z", "--rule", "log-gap"]);
    let text = stdout(&mut command);
    assert!(text.contains("no findings"), "{text}");
}

#[test]
fn logging_that_is_turned_on_again_settles_the_finding() {
    let folder = tempfile::tempdir().unwrap();
    let call = |name: &str, time: &str| {
        json!({"eventVersion": "1.11", "eventID": name, "eventTime": time, "recipientAccountId": "444455556666",
            "eventSource": "cloudtrail.amazonaws.com", "eventName": name, "awsRegion": "us-east-1",
            "userIdentity": {"type": "IAMUser", "accountId": "444455556666"}, "requestParameters": {"name": "trail"}})
    };
    let stop = call("StopLogging", "2026-11-02T10:00:00Z");
    let start = call("StartLogging", "2026-11-03T10:00:00Z");
    let log = json!({"Records": [stop, start]}).to_string();
    fs::write(folder.path().join("l.json"), log).unwrap();
    let content = |from: &str, to: &str, more: &[&str]| -> Value {
        let mut command = program();
        command
            .current_dir(folder.path())
            .args(["findings", "--logs", "l.json", "--format", "json"]);
        serde_json::from_str(&stdout(
            command.args(["--from", from, "--to", to]).args(more),
        ))
        .unwrap()
    };
    let first = content("2026-11-02", "2026-11-03", &[]);
    assert_eq!(ids(&first, "findings").len(), 1);
    fs::write(folder.path().join("first.json"), first.to_string()).unwrap();
    let second = content("2026-11-03", "2026-11-04", &["--previous", "first.json"]);
    assert_eq!(ids(&second, "resolved"), ids(&first, "findings"));
    assert!(ids(&second, "not_observed").is_empty());
}
