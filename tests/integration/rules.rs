//! Every rule: registered, documented, firing on its fixture and quiet on the other,
//! and on an organization where nothing is wrong.

use crate::common::{Memory, run};
use crate::needs;
use proptest::prelude::*;
use qs_audit::config::Settings;
use qs_audit::decode::quick_query_id;
use qs_audit::demo;
use qs_audit::ingest::{
    BillReader, plain, read_chat_logs, read_data_catalogs, read_data_sources, read_executions,
};
use qs_audit::model::audit::Audit;
use qs_audit::model::bill::CostMetric;
use qs_audit::model::chat_log::ChatLogs;
use qs_audit::model::data_catalogs::DataCatalogs;
use qs_audit::model::execution::Statistics;
use qs_audit::model::finding::{Finding, Findings, RuleState, Severity};
use qs_audit::model::inventory::Inventory;
use qs_audit::model::time::UtcSecond;
use qs_audit::model::window::TimeWindow;
use qs_audit::output::json::findings as json;
use qs_audit::pipeline::{Checks, Exports, Plan};
use qs_audit::rules::{RULES, RuleSet};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

const BASELINE_DAYS: i64 = 28;

/// A fixture: records, and what goes with them.
struct Fixture {
    plan: Plan,
    records: Vec<Value>,
    expected: Vec<(String, u64)>,
}

fn moment(value: &Value) -> UtcSecond {
    UtcSecond::parse(value.as_str().unwrap()).unwrap()
}

fn fixture(rule: &str, kind: &str) -> Fixture {
    let path = format!("sample-logs/rules/{rule}/{kind}.json");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let value: Value = serde_json::from_str(&text).unwrap();
    let window = TimeWindow {
        from: Some(moment(&value["window"][0])),
        to: Some(moment(&value["window"][1])),
    };
    let configuration: Vec<&str> = match &value["configuration"] {
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let settings = Settings::parse(&configuration.join("\n"), Path::new("qs-audit.toml")).unwrap();
    let expected = value["expected"].as_array().unwrap().iter();
    let expected = expected.map(|one| {
        let subject = one["subject"].as_str().unwrap().to_owned();
        (subject, one["count"].as_u64().unwrap())
    });
    let mut plan = plan(&settings, window, &BTreeSet::new());
    plan.exports = exports(&value, plan.window);
    if let Some(sources) = value.get("data_sources") {
        let mut inventory = Inventory::default();
        read_data_sources("fixture", sources.to_string().as_bytes(), &mut inventory);
        assert_eq!(inventory.rejects.total(), 0);
        plan.checks.as_mut().unwrap().inventory = Some(inventory);
    }
    Fixture {
        plan,
        expected: expected.collect(),
        records: value["Records"].as_array().unwrap().clone(),
    }
}

fn exports(value: &Value, window: TimeWindow) -> Exports {
    let mut exports = Exports::default();
    if let Some(executions) = value.get("executions") {
        let mut statistics = Statistics::default();
        let text = executions.to_string();
        read_executions("fixture", text.as_bytes(), quick_query_id, &mut statistics);
        assert_eq!(statistics.rejects.total(), 0);
        exports.statistics = Some(statistics);
    }
    if let Some(catalogs) = value.get("catalogs") {
        let mut listed = DataCatalogs::default();
        read_data_catalogs("fixture", catalogs.to_string().as_bytes(), &mut listed);
        assert_eq!(listed.rejects.total(), 0);
        exports.catalogs = Some(listed);
    }
    if let Some(entries) = value.get("chat_logs") {
        let mut logs = ChatLogs::default();
        read_chat_logs("fixture", entries.to_string().as_bytes(), &mut logs);
        assert_eq!(logs.rejects.total(), 0);
        exports.chat_logs = Some(logs);
    }
    if let Some(days) = value.get("costs") {
        let mut reader = BillReader::new(CostMetric::Unblended, window, BTreeSet::new());
        let answer = json!({
            "GroupDefinitions": [
                {"Type": "DIMENSION", "Key": "LINKED_ACCOUNT"},
                {"Type": "DIMENSION", "Key": "USAGE_TYPE"},
            ],
            "ResultsByTime": days,
        });
        reader
            .read("fixture", answer.to_string().as_bytes())
            .unwrap();
        exports.bill = Some(reader.finish());
    }
    exports
}

pub(crate) fn plan(settings: &Settings, window: TimeWindow, only: &BTreeSet<String>) -> Plan {
    Plan {
        window: TimeWindow {
            from: window.from.map(|from| from.plus(-BASELINE_DAYS * 86_400)),
            to: window.to,
        },
        topology: settings.topology.clone(),
        threads: 1,
        checks: Some(Checks {
            rules: Arc::new(RuleSet::new(&settings.rules, only).unwrap()),
            window,
            baseline_days: BASELINE_DAYS,
            inventory: None,
            suppressions: settings.suppressions.clone(),
            as_of: window.to.unwrap().day(),
            previous: None,
            acknowledged: BTreeMap::new(),
            trends: false,
        }),
        ..Plan::default()
    }
}

fn log(records: &[Value]) -> Vec<u8> {
    json!({ "Records": records }).to_string().into_bytes()
}

fn findings_of(fixture: &Fixture) -> (Audit, Findings) {
    let source = Memory::new([("fixture.json", log(&fixture.records))]);
    let audit = run(&fixture.plan, &source);
    assert_eq!(audit.coverage.rejects.total(), 0);
    let findings = audit.findings.clone().unwrap();
    (audit, findings)
}

fn of_rule<'f>(findings: &'f Findings, rule: &str) -> Vec<&'f Finding> {
    findings
        .findings
        .iter()
        .filter(|finding| finding.rule == rule)
        .collect()
}

#[test]
fn the_contract_has_its_rules_with_their_severities() {
    let wanted = [
        ("agent-acts-for-unknown-user", Severity::Medium),
        ("audit-trail-tampering", Severity::Critical),
        ("bytes-scanned-spike", Severity::High),
        ("catalog-created", Severity::Medium),
        ("connector-shared", Severity::Low),
        ("cost-spike", Severity::Medium),
        ("cross-account-read-denied", Severity::Medium),
        ("data-share-changed", Severity::Medium),
        ("delegated-access-used", Severity::Medium),
        ("external-id-mismatch", Severity::High),
        ("external-id-missing", Severity::High),
        ("external-id-spoof", Severity::Critical),
        ("first-seen-path", Severity::Low),
        ("first-seen-table", Severity::Low),
        ("log-gap", Severity::Medium),
        ("long-idle-data-source", Severity::Low),
        ("off-scope-activity", Severity::High),
        ("query-failure-surge", Severity::Low),
        ("query-rate-spike", Severity::Medium),
        ("result-location-changed", Severity::Low),
        ("role-assumption-denied", Severity::Medium),
        ("role-permissions-changed", Severity::High),
        ("role-trust-changed", Severity::High),
        ("run-as-role-assumed-by-other", Severity::High),
        ("scope-down-mismatch", Severity::Medium),
        ("scope-down-missing", Severity::Medium),
        ("scope-down-too-wide", Severity::Medium),
        ("sensitive-table-read", Severity::High),
        ("service-chain-undeclared", Severity::Medium),
        ("session-from-several-origins", Severity::Medium),
        ("spill-bucket-exposed", Severity::High),
        ("undeclared-consumer", Severity::High),
        ("undeclared-data-source", Severity::Medium),
        ("undeclared-producer", Severity::Medium),
        ("undeclared-role", Severity::High),
        ("undeclared-work-group", Severity::Medium),
        ("unexpected-connector-account", Severity::High),
        ("unexpected-source-account", Severity::Critical),
        ("unusual-read-volume", Severity::Medium),
    ];
    let known: Vec<_> = RULES
        .iter()
        .map(|entry| (entry.meta.id, entry.meta.severity))
        .collect();
    assert_eq!(known, wanted);
}

/// Names of a rule's fixtures of a kind: `fires` and `fires-...`.
fn fixtures(rule: &str, kind: &str) -> Vec<String> {
    let entries = fs::read_dir(format!("sample-logs/rules/{rule}")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let names = names.filter_map(|name| name.strip_suffix(".json").map(str::to_owned));
    let mut names: Vec<String> = names
        .filter(|name| name.split('-').next() == Some(kind))
        .collect();
    names.sort();
    assert!(
        names.contains(&kind.to_owned()),
        "{rule} has no {kind}.json"
    );
    names
}

#[test]
fn every_rule_fires_on_its_fixtures_as_told() {
    for entry in RULES {
        let rule = entry.meta.id;
        for name in fixtures(rule, "fires") {
            let fixture = fixture(rule, &name);
            let (_, findings) = findings_of(&fixture);
            let found: Vec<(String, u64)> = of_rule(&findings, rule)
                .iter()
                .map(|finding| (finding.subject.text(), finding.count))
                .collect();
            assert!(
                !fixture.expected.is_empty(),
                "{rule} {name} expects nothing"
            );
            let mut found = found;
            found.sort();
            let mut expected = fixture.expected.clone();
            expected.sort();
            assert_eq!(found, expected, "{rule} {name}");
        }
    }
}

#[test]
fn every_rule_is_quiet_on_its_other_fixtures() {
    for entry in RULES {
        let rule = entry.meta.id;
        for name in fixtures(rule, "quiet") {
            let fixture = fixture(rule, &name);
            let (_, findings) = findings_of(&fixture);
            assert!(fixture.expected.is_empty());
            let found = of_rule(&findings, rule);
            let found: Vec<&str> = found
                .iter()
                .map(|finding| finding.detail.as_str())
                .collect();
            assert!(found.is_empty(), "{rule} {name}: {found:?}");
            let report = findings
                .rules
                .iter()
                .find(|report| report.rule == rule)
                .unwrap();
            assert_eq!(
                report.state,
                RuleState::Ran,
                "{rule} {name} is quiet because it is skipped"
            );
        }
    }
}

#[test]
fn fixtures_of_rules_that_are_gone_do_not_stay() {
    let ids: BTreeSet<&str> = RULES.iter().map(|entry| entry.meta.id).collect();
    for entry in fs::read_dir("sample-logs/rules").unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        assert!(
            !entry.path().is_dir() || ids.contains(name.as_str()),
            "{name}"
        );
    }
}

#[test]
fn a_finding_has_everything_a_reader_needs() {
    for entry in RULES {
        let (audit, findings) = findings_of(&fixture(entry.meta.id, "fires"));
        for finding in of_rule(&findings, entry.meta.id) {
            assert!(finding.finding_id.starts_with("f-") && finding.finding_id.len() == 14);
            assert!(finding.first_seen <= finding.last_seen && finding.count > 0);
            assert!(!finding.title.is_empty() && finding.detail.ends_with(['.', ')']));
            assert!(
                !finding.next_step.contains("CHAIN"),
                "{}",
                finding.next_step
            );
            let chains: BTreeSet<&str> = audit
                .chains
                .iter()
                .map(|chain| chain.chain_id.as_str())
                .collect();
            assert!(finding.chain_ids.iter().all(|id| chains.contains(&**id)));
            let events: BTreeSet<String> = audit
                .events
                .iter()
                .map(|event| event.id.to_string())
                .collect();
            assert!(
                finding
                    .event_ids
                    .iter()
                    .all(|id| events.contains(&id.to_string()))
            );
            let days_only = ["cost-spike", "log-gap", "long-idle-data-source"];
            let has_proof = !finding.event_ids.is_empty() || days_only.contains(&entry.meta.id);
            assert!(has_proof, "{} has no events", entry.meta.id);
        }
    }
}

#[test]
fn pages_have_their_headings_options_and_commands() {
    const HEADINGS: [&str; 6] = [
        "## What it finds",
        "## Why it matters",
        "## Evidence",
        "## False positives",
        "## What to do now",
        "## Tuning",
    ];
    for entry in RULES {
        let meta = entry.meta;
        let page = meta.page;
        let headings: Vec<&str> = page
            .lines()
            .filter(|line| line.starts_with("## "))
            .collect();
        assert_eq!(headings, HEADINGS, "{}", meta.id);
        assert!(
            page.starts_with(&format!("# {}\n\n{}.\n", meta.id, meta.title)),
            "{}",
            meta.id
        );
        let severity = format!(
            "Severity: {}. Since {}. {}",
            meta.severity.as_str(),
            meta.since,
            meta.kind.about()
        );
        assert!(page.contains(&severity), "{}", meta.id);
        let todo = page.split("## What to do now").nth(1).unwrap();
        let todo = todo.split("## Tuning").next().unwrap();
        assert!(todo.contains('`'), "{} has no command", meta.id);
        for option in meta.options {
            let line = format!("{} = {}  # {}", option.name, option.default, option.meaning);
            assert!(page.contains(&line), "{}: {line}", meta.id);
        }
        assert!(
            page.lines()
                .all(|line| line.len() <= 240 && !line.ends_with(' '))
        );
        assert!(
            page.ends_with("```\n") && !page.contains("FIGURES"),
            "{}",
            meta.id
        );
    }
}

/// What the pages propose for the configuration is a configuration.
#[test]
fn the_settings_in_pages_are_taken() {
    for entry in RULES {
        let block = entry.meta.page.split("```toml\n").nth(1).unwrap();
        let block = block.split("```").next().unwrap();
        let settings = Settings::parse(block, Path::new("page.toml")).unwrap();
        assert!(settings.rules.contains_key(entry.meta.id));
        RuleSet::new(&settings.rules, &BTreeSet::new()).unwrap();
        assert_eq!(settings.suppressions[0].rule, entry.meta.id);
    }
}

/// Commands in pages are commands of this program.
#[test]
fn the_commands_in_pages_are_taken() {
    let mut seen = 0;
    for entry in RULES {
        for command in entry
            .meta
            .page
            .split('`')
            .filter(|part| part.starts_with("qs-audit "))
        {
            let words = command.split_whitespace().map(|word| match word {
                "DAY" => "2026-11-01",
                "NEXT_DAY" => "2026-11-02",
                other => other,
            });
            let parsed = qs_audit::cli::command().try_get_matches_from(words);
            assert!(parsed.is_ok(), "{command}: {}", parsed.unwrap_err());
            seen += 1;
        }
    }
    assert!(seen > 20);
}

/// Five weeks of five consumers, Quick chains and what else there is, and nothing
/// wrong.
fn calm() -> (demo::DemoPlan, demo::Organization) {
    let plan = demo::DemoPlan {
        days: 35,
        oddities: false,
        noise_per_day: 20,
        chains_per_day: 4,
        ..demo::DemoPlan::demo(13)
    };
    let organization = demo::generate(&plan);
    (plan, organization)
}

/// The configuration with the data sources of each consumer, by the ARNs of roles.
fn with_data_sources(text: &str, arns: &BTreeMap<String, Vec<String>>) -> String {
    text.lines()
        .map(|line| {
            let of_line = arns
                .iter()
                .filter(|(role, _)| line.starts_with("roles = ") && line.contains(role.as_str()));
            let of_line: Vec<&String> = of_line.flat_map(|(_, arns)| arns).collect();
            if of_line.is_empty() {
                format!("{line}\n")
            } else {
                format!("{line}\ndata_sources = {of_line:?}\n")
            }
        })
        .collect()
}

#[test]
fn every_rule_runs_and_is_quiet_where_nothing_is_wrong() {
    let (generated, organization) = calm();
    let extra = |key: &str| {
        let file = organization
            .extras
            .iter()
            .find(|file| file.key == key)
            .unwrap();
        plain(&file.body).unwrap().into_owned()
    };
    let text = String::from_utf8(extra("qs-audit.toml")).unwrap();
    // Declare the data sources as well, so that no rule is skipped.
    let mut inventory = Inventory::default();
    read_data_sources(
        "data-sources.json",
        &extra("data-sources.json"),
        &mut inventory,
    );
    let arns: BTreeMap<String, Vec<String>> =
        inventory
            .data_sources
            .values()
            .fold(BTreeMap::new(), |mut by_role, source| {
                let role = source.consumer_role_arn.as_deref().unwrap().to_owned();
                by_role
                    .entry(role)
                    .or_insert_with(Vec::new)
                    .push(source.arn.to_string());
                by_role
            });
    let text = with_data_sources(&text, &arns);
    let settings = Settings::parse(&text, Path::new("qs-audit.toml")).unwrap();
    let window = TimeWindow {
        from: Some(generated.end().plus(-7 * 86_400)),
        to: Some(generated.end()),
    };
    let mut plan = plan(&settings, window, &BTreeSet::new());
    let mut statistics = Statistics::default();
    read_executions(
        "e",
        &extra("executions.json"),
        quick_query_id,
        &mut statistics,
    );
    plan.exports.statistics = Some(statistics);
    let mut reader = BillReader::new(CostMetric::Unblended, plan.window, BTreeSet::new());
    reader.read("costs.json", &extra("costs.json")).unwrap();
    plan.exports.bill = Some(reader.finish());
    plan.checks.as_mut().unwrap().inventory = Some(inventory);
    let mut catalogs = DataCatalogs::default();
    read_data_catalogs("catalogs.json", &extra("catalogs.json"), &mut catalogs);
    plan.exports.catalogs = Some(catalogs);
    let mut chat_logs = ChatLogs::default();
    let chat = json!({"user_arn": "u", "agent_id": "a", "event_timestamp": "2020-01-01T00:00:00Z"});
    read_chat_logs("chat", chat.to_string().as_bytes(), &mut chat_logs);
    plan.exports.chat_logs = Some(chat_logs);
    let audit = run(&plan, &Memory::of(&organization.logs));
    assert!(audit.chains.len() > 500);
    let findings = audit.findings.unwrap();
    for report in &findings.rules {
        assert_eq!(report.state, RuleState::Ran, "{}", report.rule);
    }
    let told: Vec<String> = findings
        .findings
        .iter()
        .map(|finding| format!("{}: {}", finding.rule, finding.detail))
        .collect();
    assert!(told.is_empty(), "{told:#?}");
}

/// Without a word of configuration, hub, Role A and Role B are found, and what needs
/// a declaration says that it is skipped.
#[test]
fn without_a_configuration_rules_run_or_say_why_they_rest() {
    let (generated, organization) = calm();
    let window = TimeWindow {
        from: Some(generated.end().plus(-86_400)),
        to: Some(generated.end()),
    };
    let plan = plan(&Settings::default(), window, &BTreeSet::new());
    let audit = run(&plan, &Memory::of(&organization.logs));
    assert_eq!(audit.roles.run_as.len(), 1);
    assert_eq!(audit.roles.consumer.len(), 5);
    let findings = audit.findings.unwrap();
    assert!(findings.findings.is_empty());
    let skipped: BTreeMap<&str, &str> = findings
        .rules
        .iter()
        .filter_map(|report| match &report.state {
            RuleState::Skipped(why) => Some((report.rule, why.as_str())),
            _ => None,
        })
        .collect();
    let ids: Vec<&str> = skipped.keys().copied().collect();
    let wanted = [
        "agent-acts-for-unknown-user",
        "bytes-scanned-spike",
        "cost-spike",
        "sensitive-table-read",
        "undeclared-consumer",
        "undeclared-data-source",
        "undeclared-producer",
        "undeclared-role",
        "undeclared-work-group",
        "unexpected-connector-account",
    ];
    assert_eq!(ids, wanted);
    for why in skipped.values() {
        let says_what_to_do = [
            "--executions",
            "--costs",
            "[[consumers]]",
            "[[producers]]",
            "[[sensitive]]",
            "[[agents]]",
        ];
        assert!(
            says_what_to_do.iter().any(|word| why.contains(word)),
            "{why}"
        );
    }
}

fn as_json(fixture: &Fixture, objects: Vec<(String, Vec<u8>)>, threads: usize) -> Vec<u8> {
    let plan = Plan {
        threads,
        ..fixture.plan.clone()
    };
    let audit = run(&plan, &Memory::new(objects));
    let findings = audit.findings.as_ref().unwrap();
    let shown: Vec<&Finding> = findings.findings.iter().collect();
    let mut text = Vec::new();
    json::write_jsonl(&shown, &mut text).unwrap();
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// The same findings, to the byte, whatever the order of records, how they are
    /// split into files, how often they come, and how many threads read.
    #[test]
    fn order_files_repeats_and_threads_do_not_show(
        rule in 0..RULES.len(),
        seed in any::<u64>(),
        files in 1..5usize,
        threads in 1..4usize,
    ) {
        let fixture = fixture(RULES[rule].meta.id, "fires");
        let wanted = as_json(&fixture, vec![("a".to_owned(), log(&fixture.records))], 1);
        let mut random = fastrand::Rng::with_seed(seed);
        let mut records = fixture.records.clone();
        let again = random.usize(..records.len());
        records.push(records[again].clone());
        random.shuffle(&mut records);
        let mut parts: Vec<Vec<Value>> = vec![Vec::new(); files];
        for record in records {
            parts[random.usize(..files)].push(record);
        }
        let objects = parts.iter().enumerate().filter(|(_, part)| !part.is_empty());
        let objects: Vec<_> = objects.map(|(at, part)| (format!("f{at}"), log(part))).collect();
        prop_assert_eq!(as_json(&fixture, objects, threads), wanted);
    }
}

/// Real logs of an attacked account and others: no rule stumbles.
#[test]
fn real_logs_give_findings_and_no_panic() {
    let Some(folder) = needs::folder_beside("real-logs") else {
        return;
    };
    let files = walkdir::WalkDir::new(folder)
        .sort_by_file_name()
        .into_iter();
    let files = files
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file());
    let objects: Vec<(String, Vec<u8>)> = files
        .map(|entry| {
            (
                entry.path().to_string_lossy().into_owned(),
                fs::read(entry.path()).unwrap(),
            )
        })
        .collect();
    let window = TimeWindow {
        from: Some(UtcSecond::parse("1999-01-01T00:00:00Z").unwrap()),
        to: Some(UtcSecond::parse("2026-12-01T00:00:00Z").unwrap()),
    };
    let plan = plan(&Settings::default(), window, &BTreeSet::new());
    let audit = run(&plan, &Memory::new(objects));
    let findings = audit.findings.unwrap();
    let tampering = of_rule(&findings, "audit-trail-tampering");
    assert!(
        !tampering.is_empty(),
        "StopLogging and DeleteTrail are among the real logs"
    );
}

/// Calls by the hundred do not drown one that matters.
#[test]
fn many_calls_of_role_a_hide_nothing() {
    let mut fixture = fixture("session-from-several-origins", "fires-role-a");
    let pattern = fixture
        .records
        .iter()
        .find(|record| record["eventName"] == "GetCallerIdentity")
        .unwrap()
        .clone();
    for number in 0..300 {
        let mut record = pattern.clone();
        record["eventID"] = format!("many-{number}").into();
        fixture.records.push(record);
    }
    let (_, findings) = findings_of(&fixture);
    let found = of_rule(&findings, "session-from-several-origins");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].event_count, 303);
}

/// Which account's copy of a hop was read decides nothing about a finding's id.
#[test]
fn ids_do_not_depend_on_the_copy_that_was_read() {
    for (rule, name) in [
        ("external-id-spoof", "fires-insider"),
        ("external-id-missing", "fires"),
        ("unexpected-source-account", "fires"),
    ] {
        let id = |recipient: &str| {
            let mut fixture = fixture(rule, name);
            // Without the hub's copies of second hops, or without the consumer's.
            fixture.records.retain(|record| {
                let is_second = record["requestParameters"]["roleArn"]
                    .as_str()
                    .is_some_and(|arn| arn.ends_with("qs-athena-consumer-role"));
                !is_second || record["recipientAccountId"] != recipient
            });
            let (_, findings) = findings_of(&fixture);
            let found = of_rule(&findings, rule);
            found.first().map(|finding| finding.finding_id.clone())
        };
        let all = id("none");
        assert!(all.is_some(), "{rule}");
        for recipient in ["111122223333", "444455556666"] {
            let lacking = id(recipient);
            assert!(lacking.is_none() || lacking == all, "{rule} {recipient}");
        }
    }
}

/// Where Quick was never at work, rules about its roles rest instead of finding
/// nothing.
#[test]
fn without_role_a_and_role_b_nothing_is_called_well() {
    let record = json!({"eventVersion": "1.11", "eventID": "e", "eventTime": "2026-11-02T10:00:00Z",
        "eventSource": "athena.amazonaws.com", "eventName": "StartQueryExecution", "awsRegion": "us-east-1",
        "recipientAccountId": "444455556666", "userIdentity": {"type": "IAMUser",
            "arn": "arn:aws:iam::444455556666:user/batch", "accountId": "444455556666"}});
    let window = TimeWindow {
        from: UtcSecond::parse("2026-11-02T00:00:00Z"),
        to: UtcSecond::parse("2026-11-03T00:00:00Z"),
    };
    let plan = plan(&Settings::default(), window, &BTreeSet::new());
    let audit = run(&plan, &Memory::new([("l.json", log(&[record]))]));
    let findings = audit.findings.unwrap();
    assert!(findings.findings.is_empty());
    let is_skipped = |rule: &str| {
        let report = findings
            .rules
            .iter()
            .find(|report| report.rule == rule)
            .unwrap();
        matches!(&report.state, RuleState::Skipped(why) if why.contains("known: declare"))
    };
    for rule in [
        "external-id-spoof",
        "scope-down-missing",
        "off-scope-activity",
        "role-trust-changed",
    ] {
        assert!(is_skipped(rule), "{rule}");
    }
    assert!(!is_skipped("audit-trail-tampering"));
}
