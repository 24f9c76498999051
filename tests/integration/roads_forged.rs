//! Logs and lists that look like a road to the data and are none, and changes that hide one
//! (docs/roads.md).

use crate::common::{Memory, plan, run};
use crate::reads::{by_athena, query_reads, told};
use crate::roads::{
    FUNCTION, OWNER, Q1, acting, assume, context_reads, of_role, origin, queried_by, query_in,
    querying, reached, register, service, submit,
};
use crate::small_logs::{CONSUMER, HUB, Log, session, usual};
use qs_audit::config::Settings;
use qs_audit::decode::SplitMode;
use qs_audit::ingest::{read_chat_logs, read_data_catalogs, read_executions};
use qs_audit::model::audit::Audit;
use qs_audit::model::chain::Chain;
use qs_audit::model::chat_log::ChatLogs;
use qs_audit::model::data_catalogs::DataCatalogs;
use qs_audit::model::execution::Statistics;
use qs_audit::model::finding::{Finding, Severity};
use qs_audit::model::time::UtcSecond;
use qs_audit::model::window::TimeWindow;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

const STRANGER: &str = "999900001111";
/// 2026-07-01T10:00:00Z
const TEN: i64 = 1_782_900_000;

fn call(log: &mut Log, second: u32, event: (&str, &str), identity: Value, parameters: &Value) {
    let members = json!({ "requestParameters": parameters });
    log.put(second, CONSUMER, event, identity, members);
}

/// A session that a service made in the consumer, and a query by it.
fn of_service(log: &mut Log, name: &str, session_name: &str) {
    assume(log, 100, service(name), CONSUMER, "etl", session_name);
    let identity = of_role(CONSUMER, "etl", session_name, 100);
    submit(log, 109, CONSUMER, identity, Q1, &Value::Null);
}

fn resource(log: &Log) -> Option<String> {
    let audit = log.chains();
    let (_, resource, _) = origin(querying(&audit));
    resource.map(str::to_owned)
}

#[test]
fn a_function_is_named_by_its_session_and_not_by_another_of_the_role() {
    let mut log = Log::default();
    let role = format!("arn:aws:iam::{CONSUMER}:role/etl");
    let made = json!({"functionName": "nightly", "role": role});
    let admin = of_role(CONSUMER, "admin", "a", 0);
    call(
        &mut log,
        1,
        ("lambda", "CreateFunction20150331"),
        admin,
        &made,
    );
    of_service(&mut log, "lambda.amazonaws.com", "other");
    let other = format!("arn:aws:lambda:us-east-1:{CONSUMER}:function:other");
    assert_eq!(resource(&log), Some(other));
}

#[test]
fn a_start_elsewhere_or_of_another_kind_names_no_one() {
    let machine = |region: &str, account: &str| json!({"stateMachineArn": format!("arn:aws:states:{region}:{account}:stateMachine:m")});
    let job = json!({"jobName": "payroll"});
    for (event, parameters, maker, name) in [
        (
            ("states", "StartExecution"),
            machine("eu-west-1", CONSUMER),
            "states",
            "kJ",
        ),
        (
            ("states", "StartExecution"),
            machine("us-east-1", STRANGER),
            "states",
            "kJ",
        ),
        (("glue", "StartJobRun"), job, "glue", "AWS-Crawler"),
    ] {
        let mut log = Log::default();
        let admin = of_role(CONSUMER, "admin", "a", 0);
        call(&mut log, 90, event, admin, &parameters);
        of_service(&mut log, &format!("{maker}.amazonaws.com"), name);
        assert_eq!(resource(&log), None, "{event:?} {parameters}");
    }
    let mut log = Log::default();
    let admin = of_role(CONSUMER, "admin", "a", 0);
    let parameters = machine("us-east-1", CONSUMER);
    call(
        &mut log,
        90,
        ("states", "StartExecution"),
        admin,
        &parameters,
    );
    of_service(&mut log, "states.amazonaws.com", "kJ");
    assert!(resource(&log).is_some());
}

#[test]
fn the_role_of_a_machine_at_its_start_counts_whatever_the_region_and_however_busy() {
    let machine = |region: &str, name: &str| {
        format!("arn:aws:states:{region}:{CONSUMER}:stateMachine:{name}")
    };
    let role = |name: &str| format!("arn:aws:iam::{CONSUMER}:role/{name}");
    let admin = || of_role(CONSUMER, "admin", "a", 0);
    let started = |log: &mut Log, second: u32, arn: &str| {
        let parameters = json!({"stateMachineArn": arn});
        call(
            log,
            second,
            ("states", "StartExecution"),
            admin(),
            &parameters,
        );
    };
    let runs_as = |log: &mut Log, second: u32, arn: &str, name: &str| {
        let parameters = json!({"stateMachineArn": arn, "roleArn": role(name)});
        call(
            log,
            second,
            ("states", "UpdateStateMachine"),
            admin(),
            &parameters,
        );
    };
    // The call for the role is logged in another Region than the machine's.
    let mut log = Log::default();
    let nightly = machine("eu-central-1", "nightly");
    runs_as(&mut log, 1, &nightly, "etl");
    started(&mut log, 95, &nightly);
    started(&mut log, 96, &machine("us-east-1", "unrelated"));
    of_service(&mut log, "states.amazonaws.com", "kJ");
    assert_eq!(resource(&log), Some(nightly));
    // Executions go on with the role that they were started with.
    let mut log = Log::default();
    let nightly = machine("us-east-1", "nightly");
    runs_as(&mut log, 1, &nightly, "etl");
    started(&mut log, 95, &nightly);
    runs_as(&mut log, 98, &nightly, "next");
    of_service(&mut log, "states.amazonaws.com", "kJ");
    assert_eq!(resource(&log), Some(nightly.clone()));
    let mut log = Log::default();
    runs_as(&mut log, 1, &nightly, "etl");
    for _ in 0..600 {
        started(&mut log, 95, &nightly);
    }
    of_service(&mut log, "states.amazonaws.com", "kJ");
    assert_eq!(resource(&log), Some(nightly));
}

#[test]
fn a_role_that_assumes_itself_has_no_known_origin() {
    let mut log = Log::default();
    for _ in 0..2 {
        let own = json!({
            "type": "AssumedRole",
            "principalId": "AROAloop:s",
            "accountId": CONSUMER,
            "sessionContext": {"attributes": {"creationDate": "2026-07-01T10:00:01Z"}},
        });
        assume(&mut log, 1, own, CONSUMER, "loop", "s");
        let response = &mut log.0.last_mut().unwrap()["responseElements"];
        response["credentials"] = json!({});
    }
    let mut own = of_role(CONSUMER, "loop", "s", 1);
    own["accessKeyId"] = Value::Null;
    submit(&mut log, 9, CONSUMER, own, Q1, &Value::Null);
    let audit = log.chains();
    assert_eq!(origin(querying(&audit)).0, "unknown");
}

#[test]
fn roles_that_were_set_in_one_second_are_not_known() {
    let machine = format!("arn:aws:states:us-east-1:{CONSUMER}:stateMachine:m");
    let of = |roles: &[&str]| {
        let mut log = Log::default();
        for role in roles {
            let role = format!("arn:aws:iam::{CONSUMER}:role/{role}");
            let set = json!({"stateMachineArn": machine, "roleArn": role});
            let admin = of_role(CONSUMER, "admin", "a", 0);
            call(&mut log, 1, ("states", "UpdateStateMachine"), admin, &set);
        }
        of_service(&mut log, "states.amazonaws.com", "kJ");
        resource(&log)
    };
    assert_eq!(of(&["etl"]).as_deref(), Some(&*machine));
    assert_eq!(of(&["etl", "other"]), None);
    assert_eq!(of(&["other", "etl"]), None);
}

#[test]
fn a_service_that_forwards_some_calls_did_not_make_the_session() {
    let of = |forwarded: &[bool]| {
        let mut log = Log::default();
        for (second, forwarded) in (9..).zip(forwarded) {
            let mut identity = of_role(CONSUMER, "analyst", "jane", 0);
            if *forwarded {
                identity["invokedBy"] = "glue.amazonaws.com".into();
            }
            let id = format!("00000005-0000-4000-8000-{second:012}");
            submit(&mut log, second, CONSUMER, identity, &id, &Value::Null);
        }
        let audit = log.chains();
        origin(querying(&audit)).0.to_owned()
    };
    assert_eq!(of(&[true, true]), "glue.amazonaws.com");
    assert_eq!(of(&[true, false]), "unknown");
    assert_eq!(of(&[false, true]), "unknown");
}

#[test]
fn a_source_identity_that_was_asked_for_in_vain_is_of_no_one() {
    let mut log = usual();
    let parameters = json!({
        "roleArn": format!("arn:aws:iam::{CONSUMER}:role/x"),
        "roleSessionName": "x",
        "sourceIdentity": "ceo@example.com",
    });
    let members = json!({"requestParameters": parameters, "errorCode": "AccessDenied"});
    let own = session("b", Some("KB"), 1);
    log.put(20, CONSUMER, ("sts", "AssumeRole"), own, members);
    assert_eq!(acting(querying(&log.chains())), [] as [String; 0]);
}

#[test]
fn contexts_are_of_the_session_that_they_were_provided_to() {
    let mut log = Log::default();
    assume(
        &mut log,
        1,
        service("ecs-tasks.amazonaws.com"),
        HUB,
        "portal",
        "p",
    );
    let portal = of_role(HUB, "portal", "p", 1);
    let with_context = |log: &mut Log, second: u32, name: Option<&str>| {
        if let Some(name) = name {
            let arn = format!("arn:aws:quicksight:us-east-1:{HUB}:user/default/{name}");
            let members = json!({"requestParameters": {"userIdentifier": {"userArn": arn}}});
            let action = ("quicksight", "GetIdentityContext");
            log.put(second, HUB, action, portal.clone(), members);
        }
        let session_name = format!("r{second}");
        assume(
            log,
            second + 1,
            portal.clone(),
            CONSUMER,
            "reader",
            &session_name,
        );
        if name.is_some() {
            log.0.last_mut().unwrap()["requestParameters"]["providedContexts"] =
                json!([{"providerArn": "arn:aws:iam::aws:contextProvider/QuickSight"}]);
        }
        let reader = of_role(CONSUMER, "reader", &session_name, second + 1);
        let id = format!("00000005-0000-4000-8000-{second:012}");
        submit(log, second + 2, CONSUMER, reader, &id, &Value::Null);
    };
    with_context(&mut log, 100, Some("ana"));
    with_context(&mut log, 1500, Some("bela"));
    with_context(&mut log, 2000, None);
    let audit = log.chains();
    let queried = audit
        .chains
        .iter()
        .filter(|chain| !chain.queries.is_empty());
    let told: Vec<Vec<String>> = queried.map(acting).collect();
    let expected = [
        vec!["quick-user default/ana probable".to_owned()],
        vec!["quick-user default/bela probable".to_owned()],
        vec![],
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_data_source_of_another_account_has_no_say_in_who_queried() {
    let mut log = usual();
    let source = format!("arn:aws:quicksight:us-east-1:{STRANGER}:datasource/ds");
    let details = json!({"eventRequestDetails": {"dataSourceId": source}});
    let members = json!({ "serviceEventDetails": details });
    let identity = json!({"type": "Unknown", "accountId": STRANGER, "userName": "default/ana"});
    log.put(
        8,
        STRANGER,
        ("quicksight", "QueryDatabase"),
        identity,
        members,
    );
    let entry = chat("default/ana", Some("a-1"), None, Some("c"), 20);
    assert_eq!(
        acting(querying(&with_logs(&log, &[entry]))),
        [] as [String; 0]
    );
}

fn chat(
    user: &str,
    agent: Option<&str>,
    flow: Option<&str>,
    conversation: Option<&str>,
    second: i64,
) -> Value {
    json!({
        "user_arn": format!("arn:aws:quicksight:us-east-1:{HUB}:user/{user}"),
        "agent_id": agent,
        "flow_id": flow,
        "conversation_id": conversation,
        "event_timestamp": (TEN + second) * 1000,
    })
}

fn with_logs(log: &Log, entries: &[Value]) -> Audit {
    let mut logs = ChatLogs::default();
    let text = Value::from(entries).to_string();
    read_chat_logs("chat", text.as_bytes(), &mut logs);
    let mut plan = plan(SplitMode::Fast, 1);
    plan.exports.chat_logs = Some(logs);
    log.audit(&plan)
}

fn told_by(entries: &[Value]) -> Vec<String> {
    let mut log = usual();
    queried_by(&mut log, &["default/ana"]);
    let all = acting(querying(&with_logs(&log, entries)));
    all.into_iter()
        .filter(|one| !one.starts_with("quick-user"))
        .collect()
}

#[test]
fn a_conversation_that_paused_was_not_open() {
    let agent = |conversation, second| chat("default/ana", Some("a"), None, conversation, second);
    let nothing: [String; 0] = [];
    assert_eq!(
        told_by(&[agent(Some("c"), -4000), agent(Some("c"), 40_000)]),
        nothing
    );
    assert_eq!(told_by(&[agent(None, -500), agent(None, 500)]), nothing);
    assert_eq!(told_by(&[agent(None, 20)]), ["agent a probable"]);
}

#[test]
fn of_two_rivals_neither_is_known() {
    let user = "default/ana";
    let rivals = told_by(&[
        chat(user, Some("a"), None, Some("c"), 20),
        chat(user, None, Some("f"), Some("d"), 30),
    ]);
    assert_eq!(rivals, ["agent a ambiguous", "flow f ambiguous"]);
    let together = told_by(&[chat(user, Some("a"), Some("f"), Some("c"), 20)]);
    assert_eq!(together, ["agent a probable", "flow f probable"]);
}

#[test]
fn a_user_of_another_namespace_is_another_user() {
    let entry = chat("other/ana", Some("a"), None, Some("c"), 20);
    assert_eq!(told_by(&[entry]), [] as [String; 0]);
    let mut log = usual();
    queried_by(&mut log, &["ana"]);
    let entry = |user: &str| chat(user, Some("a"), None, Some("c"), 20);
    assert_eq!(
        acting(querying(&with_logs(&log, &[entry("other/ana")]))).len(),
        1
    );
    assert_eq!(
        acting(querying(&with_logs(&log, &[entry("default/ana")]))).len(),
        2
    );
}

/// A function that Athena invoked for the query; then these writes into its folder.
fn spilled_by(writes: impl Fn(&mut Log, &Value)) -> Vec<String> {
    let mut log = reached();
    log.query(10, Some("KB"), 1, Q1);
    let object = json!({"bucketName": "results", "key": format!("spill/{Q1}/part")});
    writes(&mut log, &object);
    let audit = log.chains();
    told(query_reads(&audit, 0))
}

fn put(log: &mut Log, account: &str, event: &str, identity: Value, object: &Value) {
    let members = json!({ "requestParameters": object });
    log.put(12, account, ("s3", event), identity, members);
}

#[test]
fn objects_in_a_folder_of_a_query_make_no_connector_of_their_writer() {
    let lambda = "lambda.amazonaws.com";
    // Anyone can write, in a bucket of their own.
    let foreign = spilled_by(|log, object| {
        assume(log, 11, service(lambda), STRANGER, "r", "ledger");
        let writer = of_role(STRANGER, "r", "ledger", 11);
        put(log, STRANGER, "PutObject", writer, object);
    });
    assert_eq!(foreign, [] as [String; 0]);
    // A function that reads the output of the query that it started.
    let reader = spilled_by(|log, object| {
        assume(log, 11, service(lambda), CONSUMER, "r", "nightly");
        let reader = of_role(CONSUMER, "r", "nightly", 11);
        put(log, CONSUMER, "GetObject", reader, object);
    });
    assert!(
        !reader.iter().any(|one| one.contains("connector")),
        "{reader:?}"
    );
    // A session of that name that someone else made.
    let by_name = spilled_by(|log, object| {
        assume(log, 11, service(lambda), OWNER, "r", "ledger");
        let mallory = of_role(OWNER, "mallory", "m", 0);
        assume(log, 12, mallory, OWNER, "r", "ledger");
        let writer = of_role(OWNER, "r", "ledger", 12);
        put(log, OWNER, "PutObject", writer, object);
        put(log, CONSUMER, "GetObject", by_athena(), object);
    });
    assert!(
        !by_name.iter().any(|one| one.contains(FUNCTION)),
        "{by_name:?}"
    );
    // The function's own session, and Athena reads it.
    let own = spilled_by(|log, object| {
        assume(log, 11, service(lambda), OWNER, "r", "ledger");
        let writer = of_role(OWNER, "r", "ledger", 11);
        put(log, OWNER, "PutObject", writer, object);
        put(log, CONSUMER, "GetObject", by_athena(), object);
    });
    assert_eq!(own, [format!("{FUNCTION} {OWNER} connector probable")]);
}

#[test]
fn a_bucket_is_no_spill_bucket_because_of_a_word_in_its_name() {
    let mut log = reached();
    log.query(10, Some("KB"), 1, Q1);
    let invoke = json!({"requestParameters": {"functionName": FUNCTION}});
    log.put(11, CONSUMER, ("lambda", "Invoke"), by_athena(), invoke);
    let object = json!({
        "requestParameters": {"bucketName": "oil-spill-data", "key": "fx/spill-report.parquet"},
        "resources": [{"type": "AWS::S3::Bucket", "accountId": OWNER}],
    });
    log.put(13, CONSUMER, ("s3", "GetObject"), by_athena(), object);
    let all = told(query_reads(&log.chains(), 0));
    assert!(
        all.iter().any(|one| one.starts_with("s3://oil-spill-data")),
        "{all:?}"
    );
}

fn with_list(log: &Log, list: &Value) -> Audit {
    let mut catalogs = DataCatalogs::default();
    read_data_catalogs("list", list.to_string().as_bytes(), &mut catalogs);
    let mut plan = plan(SplitMode::Fast, 1);
    plan.exports.catalogs = Some(catalogs);
    log.audit(&plan)
}

#[test]
fn a_list_of_today_has_no_say_where_the_logs_saw_a_change() {
    let list = |account: Option<&str>| {
        let mut catalog =
            json!({"Name": "mesh", "Type": "GLUE", "Parameters": {"catalog-id": OWNER}});
        if let Some(account) = account {
            catalog["AccountId"] = account.into();
        }
        json!({ "DataCatalog": catalog })
    };
    let of = |change: Option<&str>, account: Option<&str>| {
        let mut log = reached();
        let context = json!({"catalog": "mesh", "database": "rates"});
        let own = session("b", Some("KB"), 1);
        submit(&mut log, 30, CONSUMER, own, Q1, &context);
        if let Some(event) = change {
            register(
                &mut log,
                40,
                "mesh",
                event,
                &json!({"catalog-id": STRANGER}),
            );
        }
        let audit = with_list(&log, &list(account));
        let notes = querying(&audit).notes.join("; ");
        (
            told(query_reads(&audit, 0)),
            notes.contains("data catalog mesh"),
        )
    };
    let owners = vec![format!("rates.* {OWNER} glue probable")];
    assert_eq!(of(None, None), (owners.clone(), false));
    assert_eq!(of(None, Some(CONSUMER)), (owners, false));
    for (change, account) in [
        (Some("UpdateDataCatalog"), None),
        (Some("DeleteDataCatalog"), Some(CONSUMER)),
        (None, Some(STRANGER)),
    ] {
        assert_eq!(
            of(change, account),
            (vec![], true),
            "{change:?} {account:?}"
        );
    }
}

#[test]
fn a_nested_catalog_is_the_accounts_own() {
    let mut log = reached();
    let context = json!({"catalog": "s3tablescatalog/retail", "database": "d"});
    query_in(&mut log, &context);
    let audit = log.chains();
    assert_eq!(querying(&audit).notes, [] as [String; 0]);
}

#[test]
fn a_name_of_something_else_is_no_function() {
    let name = format!("lambda:arn:aws:iam::{OWNER}:role/x");
    assert_eq!(context_reads(&mut reached(), &name), [] as [String; 0]);
    let alias = format!("lambda:{FUNCTION}:live");
    let expected = [format!("{FUNCTION} {OWNER} connector probable")];
    assert_eq!(context_reads(&mut reached(), &alias), expected);
}

#[test]
fn an_update_without_a_target_keeps_it() {
    let updated = |updates: &[Value]| {
        let mut log = reached();
        register(
            &mut log,
            5,
            "mesh",
            "CreateDataCatalog",
            &json!({"catalog-id": OWNER}),
        );
        for parameters in updates {
            register(&mut log, 6, "mesh", "UpdateDataCatalog", parameters);
            log.0.last_mut().unwrap()["requestParameters"]["type"] = "LAMBDA".into();
        }
        context_reads(&mut log, "mesh")
    };
    let to = |account: &str| json!({"catalog-id": account});
    let reads_of = |account: &str| [format!("rates.* {account} glue probable")];
    assert_eq!(updated(&[json!({})]), reads_of(OWNER));
    assert_eq!(updated(&[to(STRANGER)]), reads_of(STRANGER));
    // Of two in one second it is not known which was the last.
    assert_eq!(updated(&[to(OWNER), to(STRANGER)]), [] as [String; 0]);
}

#[test]
fn a_query_that_failed_before_it_scanned_read_nothing() {
    let mut log = reached();
    let context = json!({"catalog": format!("glue:arn:aws:glue:us-east-1:{OWNER}:catalog"), "database": "hr"});
    let own = session("b", Some("KB"), 1);
    submit(&mut log, 30, CONSUMER, own, Q1, &context);
    let of = |state: &str, bytes: u64| {
        let execution = json!({"QueryExecution": {
            "QueryExecutionId": Q1,
            "Status": {"State": state},
            "Statistics": {"DataScannedInBytes": bytes},
        }});
        let mut statistics = Statistics::default();
        let text = execution.to_string();
        read_executions("e", text.as_bytes(), |_| None, &mut statistics);
        let mut plan = plan(SplitMode::Fast, 1);
        plan.exports.statistics = Some(statistics);
        let audit = log.audit(&plan);
        query_reads(&audit, 0).len()
    };
    assert_eq!(of("FAILED", 0), 0);
    assert_eq!(of("FAILED", 7), 1);
    assert_eq!(of("SUCCEEDED", 0), 1);
}

#[test]
fn related_chains_that_queried_come_before_idle_ones() {
    let mut log = Log::default();
    assume(
        &mut log,
        1,
        service("lambda.amazonaws.com"),
        CONSUMER,
        "sync",
        "sync",
    );
    let parent = of_role(CONSUMER, "sync", "sync", 1);
    for second in 2..302 {
        let (role, name) = match second {
            301 => ("writer", "w"),
            2 => ("reader", "first"),
            _ => ("idle", "i"),
        };
        assume(&mut log, second, parent.clone(), OWNER, role, name);
    }
    for (role, name, made) in [("reader", "first", 2), ("writer", "w", 301)] {
        let identity = of_role(OWNER, role, name, made);
        let id = format!("00000005-0000-4000-8000-{made:012}");
        submit(&mut log, 400, OWNER, identity, &id, &Value::Null);
    }
    let audit = log.chains();
    let queried: Vec<&Chain> = audit
        .chains
        .iter()
        .filter(|chain| !chain.queries.is_empty())
        .collect();
    let [first, second] = queried[..] else {
        panic!("{}", queried.len());
    };
    for (one, other) in [(first, second), (second, first)] {
        let mut related = one.related_chains.iter();
        assert!(related.any(|related| related.chain_id == other.chain_id));
        assert!(one.notes.iter().any(|note| note.contains("related chains")));
    }
}

const DECLARED: &str = r#"
[hub]
account_id = "111122223333"
[[consumers]]
name = "retail"
account_id = "444455556666"
[[producers]]
name = "rates"
account_id = "222233334444"
"#;

/// The findings of one rule.
fn findings(log: &Log, rule: &str, configuration: &str) -> Vec<Finding> {
    let settings = Settings::parse(configuration, Path::new("qs-audit.toml")).unwrap();
    let window = TimeWindow {
        from: UtcSecond::parse("2026-07-01T00:00:00Z"),
        to: UtcSecond::parse("2026-07-02T00:00:00Z"),
    };
    let only = BTreeSet::from([rule.to_owned()]);
    let plan = crate::rules::plan(&settings, window, &only);
    let text = json!({ "Records": log.0 }).to_string();
    let source = Memory::new([("log.json", text.into_bytes())]);
    run(&plan, &source).findings.unwrap().findings
}

/// A connector of the owner that a query used, and spilled for it.
fn connector() -> Log {
    let mut log = reached();
    log.query(10, Some("KB"), 1, Q1);
    let invoke = json!({"requestParameters": {"functionName": format!("{FUNCTION}:live")}});
    log.put(11, CONSUMER, ("lambda", "Invoke"), by_athena(), invoke);
    assume(
        &mut log,
        11,
        service("lambda.amazonaws.com"),
        OWNER,
        "r",
        "ledger",
    );
    let object = json!({"bucketName": "results", "key": format!("spill/{Q1}/part")});
    let writer = of_role(OWNER, "r", "ledger", 11);
    put(&mut log, OWNER, "PutObject", writer, &object);
    put(&mut log, CONSUMER, "GetObject", by_athena(), &object);
    log
}

fn spill_findings(change: impl Fn(&mut Log)) -> Vec<String> {
    let mut log = connector();
    change(&mut log);
    let found = findings(&log, "spill-bucket-exposed", DECLARED);
    found
        .into_iter()
        .map(|one| format!("{}; {}", one.title, one.count))
        .collect()
}

#[test]
fn a_spill_bucket_may_be_opened_in_many_ways() {
    let admin = || of_role(OWNER, "admin", "a", 0);
    let all = "http://acs.amazonaws.com/groups/global/AllUsers";
    let policy = |principal: Value, resource: &str, condition: Value| {
        json!({"bucketPolicy": {"Statement": [{
            "Effect": "Allow", "Principal": principal, "Action": "s3:GetObject",
            "Resource": resource, "Condition": condition,
        }]}})
    };
    let everyone = || json!("*");
    let whole = "arn:aws:s3:::results/*";
    let secure = json!({"Bool": {"aws:SecureTransport": "true"}});
    let of_organization = json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}});
    let of = |event: &str, parameters: Value| {
        spill_findings(|log| {
            let mut parameters = parameters.clone();
            parameters["bucketName"] = "results".into();
            put(log, OWNER, event, admin(), &parameters);
        })
    };
    let open = ["The access protection of spill bucket results was reduced; 1"];
    for (event, parameters) in [
        ("PutBucketPolicy", policy(everyone(), whole, json!({}))),
        (
            "PutBucketPolicy",
            policy(everyone(), "arn:aws:s3:::results/spill/*", json!({})),
        ),
        ("PutBucketPolicy", policy(everyone(), whole, secure)),
        (
            "PutBucketPolicy",
            policy(json!({"AWS": STRANGER}), whole, json!({})),
        ),
        ("PutBucketAcl", json!({"x-amz-acl": "public-read"})),
        (
            "PutBucketAcl",
            json!({"x-amz-grant-read": format!("uri=\"{all}\"")}),
        ),
        (
            "PutBucketAcl",
            json!({"AccessControlPolicy": {"AccessControlList": {"Grant": [
            {"Grantee": {"URI": all}, "Permission": "READ"}]}}}),
        ),
        ("DeleteBucketPublicAccessBlock", json!({})),
    ] {
        assert_eq!(of(event, parameters.clone()), open, "{event} {parameters}");
    }
    for (event, parameters) in [
        (
            "PutBucketPolicy",
            policy(everyone(), whole, of_organization),
        ),
        (
            "PutBucketPolicy",
            policy(json!({"AWS": CONSUMER}), whole, json!({})),
        ),
        (
            "PutBucketPolicy",
            policy(everyone(), "arn:aws:s3:::other/*", json!({})),
        ),
        ("PutBucketAcl", json!({"x-amz-acl": "private"})),
    ] {
        assert_eq!(
            of(event, parameters.clone()),
            [] as [String; 0],
            "{event} {parameters}"
        );
    }
}

#[test]
fn what_was_spilled_may_be_read_in_many_ways() {
    let object = json!({"bucketName": "results", "key": "athena-federation-spill/x"});
    let mut by = object.clone();
    by["x-amz-copy-source"] = "results/athena-federation-spill/x%20y".into();
    // Another function than the connector.
    let function = spill_findings(|log| {
        assume(
            log,
            20,
            service("lambda.amazonaws.com"),
            STRANGER,
            "r",
            "exfil",
        );
        put(
            log,
            OWNER,
            "GetObject",
            of_role(STRANGER, "r", "exfil", 20),
            &object,
        );
    });
    assert_eq!(function.len(), 1);
    let person = of_role(STRANGER, "analyst", "bob", 0);
    let copied = spill_findings(|log| put(log, OWNER, "CopyObject", person.clone(), &by));
    assert_eq!(copied.len(), 1);
    // Both accounts have a copy of one request.
    let twice = spill_findings(|log| {
        for account in [OWNER, STRANGER] {
            put(log, account, "GetObject", person.clone(), &object);
            log.0.last_mut().unwrap()["requestID"] = "R1".into();
        }
    });
    assert!(twice[0].ends_with("; 1"), "{twice:?}");
    let elsewhere = json!({"bucketName": "docs", "key": "reports/oil-spill.pdf"});
    let none = spill_findings(|log| put(log, OWNER, "GetObject", person.clone(), &elsewhere));
    assert_eq!(none, [] as [String; 0]);
}

#[test]
fn sessions_are_the_connectors_by_their_keys_and_not_by_their_names() {
    let object = json!({"bucketName": "results", "key": "athena-federation-spill/x"});
    // Someone makes a session of the connector's role, with its name.
    let forged = spill_findings(|log| {
        let mallory = of_role(OWNER, "mallory", "m", 0);
        assume(log, 20, mallory, OWNER, "r", "ledger");
        put(
            log,
            OWNER,
            "GetObject",
            of_role(OWNER, "r", "ledger", 20),
            &object,
        );
    });
    assert_eq!(forged.len(), 1);
    // Athena reads for a query of someone else.
    let for_others = spill_findings(|log| {
        let mut identity = of_role(STRANGER, "x", "y", 0);
        identity["invokedBy"] = "athena.amazonaws.com".into();
        put(log, OWNER, "GetObject", identity, &object);
    });
    assert_eq!(for_others.len(), 1);
    // The connector's own sessions, whether their making was logged or not.
    let own = spill_findings(|log| {
        put(
            log,
            OWNER,
            "GetObject",
            of_role(OWNER, "r", "ledger", 11),
            &object,
        );
        put(
            log,
            OWNER,
            "GetObject",
            of_role(OWNER, "other", "ledger", 0),
            &object,
        );
    });
    assert_eq!(own, [] as [String; 0]);
}

#[test]
fn a_deny_leaves_those_whom_it_does_not_name() {
    let statement = |effect: &str, principal: (&str, Value), condition: Value| {
        json!({
            "Effect": effect, principal.0: principal.1, "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::results/*", "Condition": condition,
        })
    };
    let nothing = || json!({});
    let everyone = || ("Principal", json!("*"));
    let stranger = || ("Principal", json!({"AWS": STRANGER}));
    let all_but_stranger = || ("NotPrincipal", json!({"AWS": STRANGER}));
    let outside = |key: &str, value: &str| json!({"StringNotEquals": {key: value}});
    let of = |statements: [Value; 2]| {
        let mut log = connector();
        let policy = json!({"bucketName": "results", "bucketPolicy": {"Statement": statements}});
        put(
            &mut log,
            OWNER,
            "PutBucketPolicy",
            of_role(OWNER, "admin", "a", 0),
            &policy,
        );
        let found = findings(&log, "spill-bucket-exposed", DECLARED);
        found.into_iter().map(|one| one.detail).collect::<String>()
    };
    let allow = || statement("Allow", everyone(), nothing());
    for deny in [
        statement("Deny", everyone(), outside("aws:PrincipalOrgID", "o-1")),
        statement(
            "Deny",
            everyone(),
            outside("aws:PrincipalAccount", CONSUMER),
        ),
        statement("Deny", everyone(), nothing()),
    ] {
        assert_eq!(of([allow(), deny.clone()]), "", "{deny}");
    }
    let named = [allow(), statement("Deny", all_but_stranger(), nothing())];
    assert!(of(named).contains(&format!("lets {STRANGER} read")));
    let secure = json!({"Bool": {"aws:SecureTransport": "false"}});
    let open = [allow(), statement("Deny", everyone(), secure)];
    assert!(of(open).contains("lets everyone read"));
    let taken = [
        statement("Allow", stranger(), nothing()),
        statement("Deny", stranger(), nothing()),
    ];
    assert_eq!(of(taken), "");
}

#[test]
fn a_registration_is_by_who_made_the_session_at_its_creation() {
    let mut log = Log::default();
    for (second, name) in [(1, "zoe"), (60, "mallory")] {
        let caller = of_role(OWNER, "admin", name, 0);
        assume(&mut log, second, caller, CONSUMER, "create", "share");
        let response = &mut log.0.last_mut().unwrap()["responseElements"];
        response["credentials"] = json!({});
    }
    let mut own = of_role(CONSUMER, "create", "share", 1);
    own["accessKeyId"] = "ASIACONSOLE".into();
    let parameters = json!({"name": "mesh", "parameters": {"catalog-id": OWNER}});
    call(
        &mut log,
        90,
        ("athena", "CreateDataCatalog"),
        own,
        &parameters,
    );
    let found = findings(&log, "catalog-created", DECLARED);
    let [found] = &found[..] else {
        panic!("{found:?}");
    };
    assert!(found.detail.contains("admin/zoe") && !found.detail.contains("mallory"));
}

#[test]
fn permissions_are_of_the_function_in_its_region_whatever_its_alias() {
    let permitted_for = |region: &str, parameters: &Value, configuration: &str, rule: &str| {
        let mut log = connector();
        let members = json!({"requestParameters": parameters, "awsRegion": region});
        let admin = of_role(OWNER, "admin", "a", 0);
        log.put(
            20,
            OWNER,
            ("lambda", "AddPermission20150331v2"),
            admin,
            members,
        );
        let found = findings(&log, rule, configuration);
        let about = found.into_iter().filter(|one| {
            one.evidence.iter().any(|(name, value)| {
                *name == "permitted_by" && format!("{value:?}").contains("admin")
            })
        });
        about.map(|one| one.severity).collect::<Vec<_>>()
    };
    let permitted = |region: &str, principal: &str, configuration: &str, rule: &str| {
        let parameters = json!({"functionName": "ledger", "principal": principal});
        permitted_for(region, &parameters, configuration, rule)
    };
    let unexpected = "unexpected-connector-account";
    // To look at a function is not to invoke it, and a source account limits everyone.
    for member in [
        json!({"principal": STRANGER, "action": "lambda:GetFunctionConfiguration"}),
        json!({"principal": "*", "action": "lambda:InvokeFunction", "sourceAccount": OWNER}),
    ] {
        let mut parameters = member.clone();
        parameters["functionName"] = "ledger".into();
        let found = permitted_for("us-east-1", &parameters, DECLARED, unexpected);
        assert_eq!(found, [], "{member}");
    }
    assert_eq!(
        permitted("us-east-1", "*", DECLARED, unexpected),
        [Severity::High]
    );
    assert_eq!(
        permitted("us-east-1", STRANGER, DECLARED, unexpected),
        [Severity::High]
    );
    assert_eq!(permitted("eu-west-1", "*", DECLARED, unexpected), []);
    // Without declared accounts, another rule reports it.
    assert_eq!(
        permitted("us-east-1", "*", "", "connector-shared"),
        [Severity::High]
    );
    assert_eq!(
        permitted("us-east-1", "*", DECLARED, "connector-shared"),
        []
    );
    assert_eq!(
        permitted("us-east-1", STRANGER, DECLARED, "connector-shared"),
        [Severity::Low]
    );
}

#[test]
fn data_catalogs_of_two_regions_are_two_findings() {
    let mut log = reached();
    register(
        &mut log,
        5,
        "mesh",
        "CreateDataCatalog",
        &json!({"catalog-id": OWNER}),
    );
    register(
        &mut log,
        6,
        "mesh",
        "CreateDataCatalog",
        &json!({"catalog-id": STRANGER}),
    );
    log.0.last_mut().unwrap()["awsRegion"] = "eu-west-1".into();
    let found = findings(&log, "catalog-created", DECLARED);
    let severities: BTreeSet<Severity> = found.iter().map(|one| one.severity).collect();
    assert_eq!(found.len(), 2);
    assert_eq!(
        severities,
        BTreeSet::from([Severity::Medium, Severity::High])
    );
}
