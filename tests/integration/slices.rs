//! Chains that are stitched a day at a time, of events on disk, are those of the whole window.

use crate::common::{Memory, plan, run};
use flate2::read::MultiGzDecoder;
use qs_audit::decode::SplitMode;
use qs_audit::demo::{self, DemoPlan, GeneratedFile};
use qs_audit::model::audit::Audit;
use qs_audit::model::bill::Bill;
use qs_audit::model::chain::Chain;
use qs_audit::model::event::EventOrigin;
use qs_audit::model::time::UtcSecond;
use qs_audit::model::window::TimeWindow;
use qs_audit::pipeline::{self, Checks, Plan, ReadRun, SlicePlan, SpillLimits, Unwatched};
use qs_audit::rules::RuleSet;
use qs_audit::store::Spill;
use regex::{Captures, Regex};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::Arc;

/// The number of organizations that are compared, where `QS_AUDIT_ORGANIZATIONS` does not say
/// another.
const ORGANIZATIONS: u64 = 100;

/// Seconds in the logs for each second of the generated ones, and of how many organizations one is
/// compared at that speed: midnight comes between the calls of a few sessions, of many, or of all.
const STRETCHES: [(i64, u64); 8] = [
    (1, 1),
    (1, 1),
    (1, 1),
    (1, 1),
    (5, 1),
    (40, 1),
    (2_000, 2),
    (20_000, 8),
];

fn organizations() -> u64 {
    let asked = std::env::var("QS_AUDIT_ORGANIZATIONS");
    asked.map_or(ORGANIZATIONS, |asked| asked.parse().unwrap())
}

fn organization(seed: u64) -> DemoPlan {
    DemoPlan {
        days: 1,
        consumers: 2,
        chains_per_day: 20,
        noise_per_day: 3,
        minutes_per_file: 360,
        ..DemoPlan::demo(seed)
    }
}

/// Logs in which time passes more slowly, so that midnight follows a moment closely.
fn stretched(files: &[GeneratedFile], start: UtcSecond, cut: UtcSecond, factor: i64) -> Memory {
    let moved = |at: UtcSecond| (at.unix() - start.unix()) * factor;
    let of_cut = start.unix() + moved(cut);
    let shift = 86_400 - of_cut.rem_euclid(86_400);

    let time = Regex::new(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ").unwrap();
    Memory::new(files.iter().map(|file| {
        let mut text = String::new();
        let mut body = MultiGzDecoder::new(&file.body[..]);
        let is_text = body.read_to_string(&mut text).is_ok();
        let later = time.replace_all(&text, |found: &Captures<'_>| {
            let at = UtcSecond::parse(&found[0]).unwrap();
            start.plus(moved(at) + shift).to_string()
        });
        let body = if is_text {
            later.into_owned().into_bytes()
        } else {
            file.body.clone()
        };
        (file.key.as_str(), body)
    }))
}

/// What differs between two audits, chain by chain.
fn compare(name: &str, whole: &Audit, sliced: &Audit) {
    for (left, right) in whole.chains.iter().zip(&sliced.chains) {
        let (left, right) = (format!("{left:#?}"), format!("{right:#?}"));
        if left != right {
            let lines = left.lines().zip(right.lines());
            let differing: Vec<String> = lines
                .filter(|(left, right)| left != right)
                .take(12)
                .map(|(left, right)| format!("- {left}\n+ {right}"))
                .collect();
            panic!("{name}\n{}\n{left}", differing.join("\n"));
        }
    }
    assert_eq!(whole.chains.len(), sliced.chains.len(), "{name}");
    assert_eq!(
        format!("{:?}", whole.coverage),
        format!("{:?}", sliced.coverage),
        "{name}"
    );
    assert_eq!(whole.roles, sliced.roles, "{name}");
}

/// The same with all events on disk, written so many at a time.
fn sliced(plan: &Plan, source: &Memory, part_events: usize) -> Audit {
    let folder = tempfile::tempdir().unwrap();
    let spill = Spill::new(folder.path());
    let limits = SpillLimits {
        above: 0,
        part_events,
    };
    match pipeline::run_spilling(plan, source, &spill, limits, &Unwatched).unwrap() {
        ReadRun::Whole(audit) => without_positions(*audit),
        ReadRun::Sliced(run) => {
            let mut all = Vec::new();
            let audit = run.chains(&Unwatched, &mut |chains, _| {
                all.extend(chains);
                Ok(())
            });
            without_positions(Audit {
                chains: all,
                ..audit.unwrap()
            })
        }
    }
}

/// Chains point into the events of their slice.
fn without_positions(mut audit: Audit) -> Audit {
    let entries = audit.chains.iter_mut().flat_map(|chain| &mut chain.events);
    entries.for_each(|entry| entry.event = 0);
    audit
}

#[test]
fn slices_give_the_chains_of_the_whole() {
    for seed in 0..organizations() {
        let plan_of = organization(seed);
        let logs = demo::generate(&plan_of).logs;
        let times = run(&plan(SplitMode::Fast, 1), &Memory::of(&logs)).events;
        let mut random = seed;
        for (factor, one_of) in STRETCHES {
            if seed % one_of != 0 {
                continue;
            }
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let picked = usize::try_from(random >> 33).unwrap();
            let behind = i64::try_from(random >> 60).unwrap();
            let cut = times[picked % times.len()].time.plus(behind * behind);
            let source = stretched(&logs, plan_of.start, cut, factor);
            let whole = Plan {
                all_sessions: seed % 4 == 0,
                ..plan(SplitMode::Fast, 1)
            };
            let name = format!("seed {seed}, stretched by {factor}");
            let part_events = 40 + usize::from(seed % 2 == 0) * 400;
            let on_threads = Plan {
                threads: 1 + usize::try_from(seed % 3).unwrap(),
                ..whole.clone()
            };
            // Objects come in any order: sessions may turn out to matter when their calls went by.
            let backwards: Vec<GeneratedFile> = logs.iter().rev().cloned().collect();
            let of_sliced = if seed % 3 == 1 { &backwards } else { &logs };
            let of_sliced = stretched(of_sliced, plan_of.start, cut, factor);
            let sliced = sliced(&on_threads, &of_sliced, part_events);
            compare(&name, &without_positions(run(&whole, &source)), &sliced);
        }
    }
}

/// Rules of a plan whose window begins at a moment; they compare with little.
fn checks(plan: &Plan, from: UtcSecond) -> Checks {
    let options = toml::toml! {
        [first-seen-path]
        min_history_days = 1
        [first-seen-table]
        min_history_days = 1
        [result-location-changed]
        min_history_queries = 1
        [query-failure-surge]
        min_failures = 1
        min_percent = 1
        ratio = 1
        min_history_queries = 1
        [query-rate-spike]
        min_queries = 1
        min_history_days = 5
        [long-idle-data-source]
        idle_days = 1
    };
    let options = options.into_iter().map(|(id, options)| match options {
        toml::Value::Table(options) => (id, options),
        other => panic!("{other:?}"),
    });
    Checks {
        rules: Arc::new(RuleSet::new(&options.collect(), &BTreeSet::new()).unwrap()),
        window: TimeWindow {
            from: Some(from),
            to: plan.window.to,
        },
        baseline_days: 400,
        inventory: None,
        suppressions: Vec::new(),
        as_of: from.day(),
        previous: None,
        acknowledged: BTreeMap::new(),
        trends: true,
    }
}

/// Chains, with the events that they point to.
fn with_events(audit: &Audit, chains: &[Chain]) -> Vec<(String, Vec<EventOrigin>)> {
    let chains = chains.iter().map(|chain| {
        let mut chain = chain.clone();
        let entries = chain.events.iter_mut();
        let places = entries.map(|entry| {
            let at = std::mem::take(&mut entry.event);
            audit.events[at as usize].place
        });
        let places = places.collect();
        (format!("{chain:#?}"), places)
    });
    chains.collect()
}

/// Fails with the lines around the first difference of two texts.
fn assert_same(name: &str, left: &str, right: &str) {
    let both = left.lines().zip(right.lines());
    let Some(first) = both.clone().position(|(left, right)| left != right) else {
        assert_eq!(left.len(), right.len(), "{name}");
        return;
    };
    let around = |text: &str| {
        let lines = text.lines().skip(first.saturating_sub(6)).take(12);
        lines.collect::<Vec<_>>().join("\n")
    };
    panic!("{name}\n{}\n---\n{}", around(left), around(right));
}

/// What differs between two results of rules and reports.
fn compare_checked(name: &str, whole: &Audit, sliced: &Audit) {
    let findings = |audit: &Audit| format!("{:#?}", audit.findings);
    assert_same(name, &findings(whole), &findings(sliced));
    assert_same(
        name,
        &format!("{:#?}", whole.trends),
        &format!("{:#?}", sliced.trends),
    );
    let bill = |audit: &Audit| format!("{:#?}", audit.attribution);
    assert_same(name, &bill(whole), &bill(sliced));
    let (of_whole, of_sliced) = (
        whole.slice.as_ref().unwrap(),
        sliced.slice.as_ref().unwrap(),
    );
    let chains = with_events(whole, &of_whole.chains);
    assert_eq!(chains.len(), of_sliced.chains.len(), "{name}");
    for (left, right) in chains.iter().zip(with_events(sliced, &of_sliced.chains)) {
        assert_same(name, &left.0, &right.0);
        assert_eq!(left.1, right.1, "{name}");
    }
    let ids: Vec<&str> = sliced.chains.iter().map(|chain| &*chain.chain_id).collect();
    let mut held = whole
        .chains
        .iter()
        .filter(|chain| ids.contains(&&*chain.chain_id));
    for chain in &sliced.chains {
        assert_eq!(
            held.next().map(|chain| &chain.chain_id),
            Some(&chain.chain_id)
        );
    }
    let coverage = |audit: &Audit| format!("{:?}", audit.coverage);
    assert_eq!(coverage(whole), coverage(sliced), "{name}");
}

#[test]
fn rules_and_reports_of_slices_are_those_of_the_whole() {
    let mut found = BTreeSet::new();
    for seed in 0..organizations() / 2 {
        let plan_of = DemoPlan {
            incidents: seed % 2 == 0,
            ..organization(seed)
        };
        let logs = demo::generate(&plan_of).logs;
        let times = run(&plan(SplitMode::Fast, 1), &Memory::of(&logs)).events;
        let picked = usize::try_from(seed * 7_919).unwrap() % times.len();
        let factor = [1, 40, 2_000][usize::try_from(seed % 3).unwrap()];
        let source = stretched(&logs, plan_of.start, times[picked].time, factor);
        let read = run(&plan(SplitMode::Fast, 1), &source);
        // The window begins at an event, or at a midnight.
        let at = read.events[picked].time;
        let from = [at, at.utc_day().start(), (at.utc_day() + 1).start()];
        let from = from[usize::try_from(seed % 5 % 3).unwrap()];
        let mut whole_plan = plan(SplitMode::Fast, 1);
        let checks = checks(&whole_plan, from);
        whole_plan.exports.bill = Some(Bill::default());
        whole_plan.slice = Some(SlicePlan {
            window: checks.window,
            bill: Bill::default(),
        });
        whole_plan.checks = Some(checks.clone());
        let whole = run(&whole_plan, &source);
        let folder = tempfile::tempdir().unwrap();
        let spill = Spill::new(folder.path());
        let limits = SpillLimits {
            above: 0,
            part_events: 400,
        };
        let spilled = pipeline::run_spilling(&whole_plan, &source, &spill, limits, &Unwatched);
        let ReadRun::Sliced(sliced) = spilled.unwrap() else {
            panic!("nothing is kept");
        };
        let (sliced, _) = sliced.checked(&Unwatched).unwrap();
        let name = format!("seed {seed}, stretched by {factor}, from {from}");
        compare_checked(&name, &whole, &sliced);
        let findings = whole.findings.unwrap().findings.into_iter();
        found.extend(findings.map(|finding| finding.rule));
    }
    // What is compared with has to matter.
    for rule in [
        "first-seen-path",
        "first-seen-table",
        "query-failure-surge",
        "query-rate-spike",
        "long-idle-data-source",
    ] {
        assert!(found.contains(rule), "{found:?}");
    }
}

/// Records again, as deliveries that do not agree on the day, and addenda that came a day later.
fn told_on_other_days(logs: &[GeneratedFile]) -> Vec<u8> {
    let mut records: Vec<Value> = Vec::new();
    for file in logs {
        let mut text = String::new();
        let mut body = MultiGzDecoder::new(&file.body[..]);
        let is_text = body.read_to_string(&mut text).is_ok();
        let Some(Value::Array(all)) = is_text
            .then(|| serde_json::from_str::<Value>(&text).ok())
            .flatten()
            .map(|mut file| file["Records"].take())
        else {
            continue;
        };
        let of_chains = all.into_iter().filter(|record| {
            let name = record["eventName"].as_str().unwrap_or_default();
            ["AssumeRole", "StartQueryExecution", "GetQueryResults"].contains(&name)
        });
        records.extend(of_chains);
    }
    let moved = |record: &Value, days: i64| {
        let mut record = record.clone();
        let time = UtcSecond::parse(record["eventTime"].as_str().unwrap()).unwrap();
        record["eventTime"] = time.plus(days * 86_400).to_string().into();
        record
    };
    let mut others = Vec::new();
    for (number, record) in records.iter().enumerate() {
        match number % 11 {
            // The same event, on another day.
            0 => others.push(moved(record, 1)),
            1 => others.extend([moved(record, 1), moved(record, -2)]),
            // An addendum, and one to that.
            2 => {
                let mut update = moved(record, 1);
                let replaced = update["eventID"].take();
                update["eventID"] = format!("{number:08x}-0000-4000-8000-000000000001").into();
                update["addendum"] = json!({"reason": "UPDATED_DATA", "originalEventID": replaced});
                let mut again = moved(&update, 1);
                again["eventID"] = format!("{number:08x}-0000-4000-8000-000000000002").into();
                again["addendum"]["originalEventID"] = update["eventID"].clone();
                others.extend([update, again]);
            }
            // The same again.
            3 => others.push(record.clone()),
            _ => {}
        }
    }
    json!({"Records": others}).to_string().into_bytes()
}

#[test]
fn deliveries_of_several_days_are_settled_as_those_of_one() {
    for seed in 0..4 {
        let plan_of = organization(seed);
        let logs = demo::generate(&plan_of).logs;
        let again = told_on_other_days(&logs);
        let files = logs
            .iter()
            .map(|file| (file.key.as_str(), file.body.clone()));
        let source = Memory::new(files.chain([("again.json", again)]));
        let whole_plan = plan(SplitMode::Fast, 1);
        let whole = run(&whole_plan, &source);
        let coverage = &whole.coverage;
        let settled = [coverage.duplicates, coverage.conflicts, coverage.replaced];
        assert!(settled.iter().all(|count| *count > 0), "{settled:?}");
        let sliced = sliced(&whole_plan, &source, 40);
        compare(&format!("seed {seed}"), &without_positions(whole), &sliced);
    }
}

const CONSUMER: &str = "444455556666";
const OWNER: &str = "222233334444";

/// A record at a moment.
fn record(number: u32, at: &str, call: (&str, &str), account: &str, rest: &Value) -> Value {
    let mut record = json!({
        "eventVersion": "1.11",
        "eventTime": at,
        "eventSource": format!("{}.amazonaws.com", call.0),
        "eventName": call.1,
        "awsRegion": "us-east-1",
        "sourceIPAddress": "athena.amazonaws.com",
        "eventID": format!("{number:08x}-0000-4000-8000-000000000000"),
        "eventType": "AwsApiCall",
        "recipientAccountId": account,
    });
    for (name, value) in rest.as_object().unwrap() {
        record[name] = value.clone();
    }
    record
}

fn query(number: u32, at: &str, identity: &Value) -> Value {
    let execution = format!("{number:08x}-1111-4111-8111-111111111111");
    let rest = json!({
        "userIdentity": identity,
        "requestParameters": {"queryExecutionContext": {"database": "sales"}},
        "responseElements": {"queryExecutionId": execution},
    });
    let call = ("athena", "StartQueryExecution");
    record(number, at, call, CONSUMER, &rest)
}

/// The owner's copy of a call that Athena made for a principal of the consumer.
fn copy(number: u32, at: &str, principal: &str) -> Value {
    let rest = json!({
        "userIdentity": {
            "type": "AWSAccount",
            "principalId": principal,
            "accountId": CONSUMER,
            "invokedBy": "athena.amazonaws.com",
        },
        "requestParameters": {"databaseName": "sales", "name": "orders", "catalogId": OWNER},
        "responseElements": null,
    });
    record(number, at, ("glue", "GetTable"), OWNER, &rest)
}

/// What owners tell of queries on the other side of midnight is the same, whoever submitted them.
#[test]
fn copies_of_owners_belong_to_queries_of_the_day_before() {
    let user = json!({"type": "IAMUser", "principalId": "AIDAEXAMPLEUSER", "accountId": CONSUMER,
        "arn": format!("arn:aws:iam::{CONSUMER}:user/ada"), "userName": "ada"});
    let undated = json!({"type": "AssumedRole", "principalId": "AROAEXAMPLE:etl", "accountId": CONSUMER,
        "arn": format!("arn:aws:sts::{CONSUMER}:assumed-role/etl/etl")});
    let mut dated = undated.clone();
    dated["sessionContext"] = json!({"attributes": {"creationDate": "2026-11-02T00:01:00Z"}});
    for identity in [&user, &undated] {
        let principal = identity["principalId"].as_str().unwrap();
        for records in [
            vec![
                query(1, "2026-11-01T23:59:58Z", identity),
                copy(2, "2026-11-02T00:00:01Z", principal),
            ],
            vec![
                query(1, "2026-11-01T23:00:00Z", identity),
                query(2, "2026-11-02T00:04:00Z", identity),
                copy(3, "2026-11-02T00:05:00Z", principal),
            ],
            vec![
                query(1, "2026-11-01T23:30:00Z", identity),
                query(2, "2026-11-02T00:02:00Z", &dated),
                copy(3, "2026-11-02T00:03:00Z", "AROAEXAMPLE:etl"),
            ],
        ] {
            let body = json!({"Records": records}).to_string().into_bytes();
            let source = Memory::new([("log.json", body)]);
            let whole_plan = plan(SplitMode::Fast, 1);
            let whole = run(&whole_plan, &source);
            assert!(
                whole
                    .chains
                    .iter()
                    .any(|chain| chain.all_reads().next().is_some())
            );
            let sliced = sliced(&whole_plan, &source, 40);
            compare("copies", &without_positions(whole), &sliced);
        }
    }
}

/// An AssumeRole call with a request id that all have in common, and nothing else that copies share.
fn assume(number: u32, at: &str, account: &str, caller: &Value, session: &str) -> Value {
    let rest = json!({
        "userIdentity": caller,
        "requestID": "redacted",
        "requestParameters": {
            "roleArn": format!("arn:aws:iam::{CONSUMER}:role/etl"),
            "roleSessionName": session,
        },
        "responseElements": {"assumedRoleUser": {"assumedRoleId": format!("AROAEXAMPLE:{session}")}},
    });
    record(number, at, ("sts", "AssumeRole"), account, &rest)
}

/// However often an id was used before, it joins the copies of one call.
#[test]
fn an_id_that_was_used_up_joins_copies_again() {
    let user = json!({"type": "IAMUser", "principalId": "AIDAEXAMPLEUSER", "accountId": OWNER,
        "arn": format!("arn:aws:iam::{OWNER}:user/ada"), "userName": "ada"});
    let seen = json!({"type": "AWSAccount", "principalId": "AIDAEXAMPLEUSER", "accountId": OWNER});
    let worker = json!({"type": "AssumedRole", "principalId": "AROAEXAMPLE:last", "accountId": CONSUMER,
        "arn": format!("arn:aws:sts::{CONSUMER}:assumed-role/etl/last")});
    let mut records: Vec<Value> = (0..40)
        .map(|number| {
            let at = format!("2026-11-01T10:{number:02}:00Z");
            assume(number, &at, OWNER, &user, &format!("early-{number}"))
        })
        .collect();
    records.push(assume(100, "2026-11-02T10:00:00Z", OWNER, &user, "last"));
    records.push(assume(101, "2026-11-02T10:00:01Z", CONSUMER, &seen, "last"));
    records.push(query(102, "2026-11-02T10:00:05Z", &worker));
    let body = json!({"Records": records}).to_string().into_bytes();
    let source = Memory::new([("log.json", body)]);
    let whole_plan = plan(SplitMode::Fast, 1);
    let whole = run(&whole_plan, &source);
    let with_query = whole.chains.iter().find(|chain| !chain.queries.is_empty());
    let session = with_query.unwrap().consumer_session.as_ref().unwrap();
    assert_eq!(session.event_ids.len(), 2, "both copies are of one call");
    let sliced = sliced(&whole_plan, &source, 40);
    compare("one id", &without_positions(whole), &sliced);
}
