//! Roads to the data: origins, those for whom chains act, related chains, connectors, registered data
//! catalogs (docs/roads.md).

use crate::cli::{organization, output, program};
use crate::common::{Memory, files_below, plan, run};
use crate::needs;
use crate::reads::{by_athena, query_reads, told};
use crate::small_logs::{CONSUMER, HUB, Log, one, quick, session, usual};
use qs_audit::cli::Exit;
use qs_audit::decode::SplitMode;
use qs_audit::ingest::{read_chat_logs, read_data_catalogs};
use qs_audit::model::audit::Audit;
use qs_audit::model::chain::{Chain, ChainPath, Confidence};
use qs_audit::model::chat_log::ChatLogs;
use qs_audit::model::data_catalogs::DataCatalogs;
use qs_audit::model::road::ActingKind;
use serde_json::{Value, json};

pub(crate) const OWNER: &str = "222233334444";
pub(crate) const Q1: &str = "00000005-0000-4000-8000-000000000001";
pub(crate) const FUNCTION: &str = "arn:aws:lambda:us-east-1:222233334444:function:ledger";

pub(crate) fn time(second: u32) -> String {
    format!("2026-07-01T10:{:02}:{:02}Z", second / 60, second % 60)
}

pub(crate) fn service(name: &str) -> Value {
    json!({"type": "AWSService", "invokedBy": name})
}

/// A session of a role of an account, made at a second.
pub(crate) fn of_role(account: &str, role: &str, name: &str, made: u32) -> Value {
    json!({
        "type": "AssumedRole",
        "principalId": format!("AROA{role}:{name}"),
        "arn": format!("arn:aws:sts::{account}:assumed-role/{role}/{name}"),
        "accountId": account,
        "accessKeyId": format!("KEY{role}{made}"),
        "sessionContext": {
            "sessionIssuer": {"arn": format!("arn:aws:iam::{account}:role/{role}")},
            "attributes": {"creationDate": time(made)},
        },
    })
}

/// The AssumeRole call that makes it, in its own account's copy.
pub(crate) fn assume(
    log: &mut Log,
    second: u32,
    caller: Value,
    account: &str,
    role: &str,
    name: &str,
) {
    let members = json!({
        "requestParameters": {"roleArn": format!("arn:aws:iam::{account}:role/{role}"), "roleSessionName": name},
        "responseElements": {
            "credentials": {"accessKeyId": format!("KEY{role}{second}")},
            "assumedRoleUser": {
                "assumedRoleId": format!("AROA{role}:{name}"),
                "arn": format!("arn:aws:sts::{account}:assumed-role/{role}/{name}"),
            },
        },
    });
    log.put(second, account, ("sts", "AssumeRole"), caller, members);
}

pub(crate) fn submit(
    log: &mut Log,
    second: u32,
    account: &str,
    identity: Value,
    id: &str,
    context: &Value,
) {
    let members = json!({
        "requestParameters": {"queryString": "***OMITTED***", "queryExecutionContext": context},
        "responseElements": {"queryExecutionId": id},
    });
    let call = ("athena", "StartQueryExecution");
    log.put(second, account, call, identity, members);
}

pub(crate) fn user(name: &str) -> Value {
    json!({
        "type": "IAMUser",
        "principalId": format!("AIDA{name}"),
        "arn": format!("arn:aws:iam::{CONSUMER}:user/{name}"),
        "accountId": CONSUMER,
        "accessKeyId": "AKIAEXAMPLE",
        "userName": name,
    })
}

/// A chain's origin: label, resource, confidence.
pub(crate) fn origin(chain: &Chain) -> (&str, Option<&str>, Option<Confidence>) {
    let origin = &chain.origin;
    (
        origin.label(),
        origin.resource_arn.as_deref(),
        origin.confidence,
    )
}

/// The chain that ran queries.
pub(crate) fn querying(audit: &Audit) -> &Chain {
    let mut chains = audit.chains.iter();
    chains.find(|chain| !chain.queries.is_empty()).unwrap()
}

/// Those a chain acted for: `KIND ID CONFIDENCE`.
pub(crate) fn acting(chain: &Chain) -> Vec<String> {
    let all = chain.acting_for.iter();
    all.map(|one| {
        format!(
            "{} {} {}",
            one.kind.as_str(),
            one.id,
            one.confidence.as_str()
        )
    })
    .collect()
}

#[test]
fn a_services_own_session_is_service_role_and_its_origin_the_service() {
    for (name, session_name, resource) in [
        ("states.amazonaws.com", "kJvMBTKrvZWmqbDKuVJo", None),
        ("glue.amazonaws.com", "GlueJobRunnerSession", None),
        ("ecs-tasks.amazonaws.com", "0123456789abcdef", None),
        (
            "lambda.amazonaws.com",
            "etl",
            Some("arn:aws:lambda:us-east-1:444455556666:function:etl"),
        ),
        (
            "ec2.amazonaws.com",
            "i-0123456789abcdef0",
            Some("arn:aws:ec2:us-east-1:444455556666:instance/i-0123456789abcdef0"),
        ),
    ] {
        let mut log = Log::default();
        assume(&mut log, 1, service(name), CONSUMER, "etl", session_name);
        let identity = of_role(CONSUMER, "etl", session_name, 1);
        submit(&mut log, 9, CONSUMER, identity, Q1, &Value::Null);
        let audit = log.chains();
        let chain = one(&audit);
        assert_eq!(chain.path, ChainPath::ServiceRole);
        let confidence = match resource {
            Some(_) => Confidence::Probable,
            None => Confidence::Proven,
        };
        assert_eq!(origin(chain), (name, resource, Some(confidence)));
    }
}

#[test]
fn aws_names_the_function_of_a_session_in_its_calls() {
    let mut log = Log::default();
    let mut identity = of_role(CONSUMER, "etl", "any", 1);
    identity["inScopeOf"] = json!({
        "sourceArn": "arn:aws:lambda:us-east-1:444455556666:function:totals:live",
        "sourceAccount": CONSUMER,
        "issuerType": "AWS::Lambda::Function",
    });
    submit(&mut log, 9, CONSUMER, identity.clone(), Q1, &Value::Null);
    let function = "arn:aws:lambda:us-east-1:444455556666:function:totals";
    let audit = log.chains();
    let expected = (
        "lambda.amazonaws.com",
        Some(function),
        Some(Confidence::Proven),
    );
    assert_eq!(origin(one(&audit)), expected);
    // Where several functions share a session, none is named.
    identity["inScopeOf"]["sourceArn"] =
        "arn:aws:lambda:us-east-1:444455556666:function:other".into();
    submit(&mut log, 12, CONSUMER, identity, "q2", &Value::Null);
    let audit = log.chains();
    assert_eq!(origin(one(&audit)).1, None);
}

/// A state machine with task credentials; `members` of the records that name the machine.
fn task_credentials(named: &[(&str, Value)]) -> Log {
    let states = "states.amazonaws.com";
    let mut log = Log::default();
    for (name, members) in named {
        let members = json!({"requestParameters": members});
        log.put(0, OWNER, ("states", name), user("scheduler"), members);
    }
    assume(&mut log, 1, service(states), OWNER, "execution", "x");
    let mut execution = of_role(OWNER, "execution", "x", 1);
    execution["invokedBy"] = states.into();
    assume(&mut log, 3, execution, CONSUMER, "target", "t");
    let target = of_role(CONSUMER, "target", "t", 3);
    submit(&mut log, 9, CONSUMER, target, Q1, &Value::Null);
    log
}

#[test]
fn task_credentials_are_a_role_chain_of_the_state_machine() {
    let machine = |name: &str| format!("arn:aws:states:us-east-1:{OWNER}:stateMachine:{name}");
    let start = |name: &str| ("StartExecution", json!({"stateMachineArn": machine(name)}));
    let role = format!("arn:aws:iam::{OWNER}:role/execution");
    let make = |name: &str, role: &str| {
        let parameters = json!({"name": name, "roleArn": role});
        ("CreateStateMachine", parameters)
    };
    for (named, expected) in [
        (vec![], None),
        // The only one that was started.
        (vec![start("m")], Some("m")),
        (vec![start("m"), start("n")], None),
        // The only one that runs as the role.
        (vec![make("m", &role)], Some("m")),
        (
            vec![
                make("m", "arn:aws:iam::222233334444:role/other"),
                start("m"),
            ],
            None,
        ),
        (
            vec![make("m", &role), make("n", &role), start("n")],
            Some("n"),
        ),
        // Another one was started, and its role is not known.
        (vec![make("m", &role), start("n")], None),
        (vec![make("m", &role), make("n", &role)], None),
    ] {
        let log = task_credentials(&named);
        let audit = log.chains();
        let chain = querying(&audit);
        assert_eq!(chain.path, ChainPath::RoleChain);
        let (service, resource, _) = origin(chain);
        assert_eq!(service, "states.amazonaws.com");
        let expected = expected.map(machine);
        assert_eq!(resource, expected.as_deref(), "{named:?}");
    }
    // Without the logs of the first account, the caller says so.
    let mut log = task_credentials(&[]);
    log.0.remove(0);
    let audit = log.chains();
    let expected = ("states.amazonaws.com", None, Some(Confidence::Probable));
    assert_eq!(origin(querying(&audit)), expected);
}

#[test]
fn people_have_no_service_and_what_no_one_tells_is_unknown() {
    let mut log = Log::default();
    submit(&mut log, 9, CONSUMER, user("ann"), Q1, &Value::Null);
    let audit = log.chains();
    assert_eq!(
        origin(one(&audit)),
        ("people", None, Some(Confidence::Proven))
    );
    let mut log = Log::default();
    let identity = of_role(CONSUMER, "analyst", "ann", 1);
    submit(&mut log, 9, CONSUMER, identity, Q1, &Value::Null);
    let audit = log.chains();
    assert_eq!(origin(one(&audit)), ("unknown", None, None));
    // A name that a caller chose tells nothing.
    let mut log = Log::default();
    assume(
        &mut log,
        1,
        user("ann"),
        CONSUMER,
        "analyst",
        "i-0123456789abcdef0",
    );
    let identity = of_role(CONSUMER, "analyst", "i-0123456789abcdef0", 1);
    submit(&mut log, 9, CONSUMER, identity, Q1, &Value::Null);
    let audit = log.chains();
    assert_eq!(
        origin(one(&audit)),
        ("people", None, Some(Confidence::Proven))
    );
    assert_eq!(origin(one(&usual().chains())).0, "quicksight.amazonaws.com");
}

/// One session of a caller assumes two roles; the first one queries, the second one writes.
fn two_roles(caller: Value, second_at: u32) -> Log {
    let mut log = Log::default();
    assume(&mut log, 1, caller, OWNER, "sync", "account-sync");
    let sync = of_role(OWNER, "sync", "account-sync", 1);
    assume(&mut log, 3, sync.clone(), CONSUMER, "source", "s");
    assume(&mut log, second_at, sync, OWNER, "target", "t");
    let source = of_role(CONSUMER, "source", "s", 3);
    submit(&mut log, 9, CONSUMER, source, Q1, &Value::Null);
    let target = of_role(OWNER, "target", "t", second_at);
    let write = json!({"requestParameters": {"bucketName": "copies", "key": "k"}});
    log.put(second_at + 5, OWNER, ("s3", "PutObject"), target, write);
    log
}

#[test]
fn two_roles_of_one_workload_are_related_and_those_of_people_and_role_a_are_not() {
    let related = |log: &Log| {
        let audit = log.chains();
        let of = |chain: &Chain| chain.related_chains.len();
        let counts: Vec<usize> = audit.chains.iter().map(of).collect();
        (audit, counts)
    };
    for name in ["lambda", "glue", "ecs-tasks", "ec2"] {
        let log = two_roles(service(&format!("{name}.amazonaws.com")), 5);
        let (audit, counts) = related(&log);
        assert_eq!(counts, [1, 1], "{name}");
        let [source, target] = &audit.chains[..] else {
            panic!();
        };
        assert_eq!(source.related_chains[0].chain_id, target.chain_id);
        assert_eq!(source.related_chains[0].confidence, Confidence::Probable);
        assert_eq!(target.path, ChainPath::RoleChain);
        assert_eq!(target.calls, [("s3:PutObject".into(), 1)]);
    }
    let (_, counts) = related(&two_roles(user("ann"), 5));
    assert_eq!(counts, [0]);
    // The first session, of an hour, has ended.
    let (_, counts) = related(&two_roles(service("lambda.amazonaws.com"), 3 * 3600));
    assert_eq!(counts, [0]);
    let mut log = usual();
    log.assume(2, HUB, session("a", Some("KA"), 0), "b", Some("KC"));
    log.0.last_mut().unwrap()["requestParameters"]["roleArn"] =
        "arn:aws:iam::444455556666:role/c".into();
    log.query(12, Some("KC"), 2, "q2");
    let (_, counts) = related(&log);
    assert!(counts.iter().all(|count| *count == 0));
}

#[test]
fn aws_says_for_whom_a_session_acts() {
    let store = "arn:aws:identitystore::999988887777:identitystore/d-1";
    for (member, value, expected) in [
        (
            "onBehalfOf",
            json!({"userId": "u-1", "identityStoreArn": store}),
            "identity-center-user u-1 proven",
        ),
        (
            "invokedByDelegate",
            json!({"accountId": "555544443333"}),
            "delegate 555544443333 proven",
        ),
    ] {
        let mut log = Log::default();
        let mut identity = user("ann");
        identity[member] = value;
        submit(&mut log, 9, CONSUMER, identity, Q1, &Value::Null);
        let audit = log.chains();
        let chain = one(&audit);
        assert_eq!(acting(chain), [expected]);
        assert_eq!(chain.acting_for[0].event_ids.len(), 1);
        let has_store = chain.acting_for[0].kind == ActingKind::IdentityCenterUser;
        let told = chain.acting_for[0].identity_store_arn.as_deref();
        assert_eq!(told, has_store.then_some(store));
    }
    let mut log = Log::default();
    assume(&mut log, 1, user("ann"), CONSUMER, "analyst", "s");
    log.0[0]["requestParameters"]["sourceIdentity"] = "ann".into();
    let mut identity = of_role(CONSUMER, "analyst", "s", 1);
    identity["sessionContext"]["sourceIdentity"] = "ann".into();
    submit(&mut log, 9, CONSUMER, identity, Q1, &Value::Null);
    let audit = log.chains();
    assert_eq!(acting(one(&audit)), ["source-identity ann proven"]);
    assert_eq!(one(&audit).acting_for[0].event_ids.len(), 2);
    assert!(one(&usual().chains()).acting_for.is_empty());
}

#[test]
fn a_context_of_a_quick_user_is_told_by_who_asked_for_it() {
    let with = |users: &[&str]| {
        let mut log = Log::default();
        assume(
            &mut log,
            1,
            service("lambda.amazonaws.com"),
            HUB,
            "portal",
            "p",
        );
        let portal = of_role(HUB, "portal", "p", 1);
        for name in users {
            let arn = format!("arn:aws:quicksight:us-east-1:{HUB}:user/default/{name}");
            let members = json!({"requestParameters": {"userIdentifier": {"userArn": arn}}});
            let call = ("quicksight", "GetIdentityContext");
            log.put(2, HUB, call, portal.clone(), members);
        }
        assume(&mut log, 3, portal, CONSUMER, "reader", "r");
        let provider = "arn:aws:iam::aws:contextProvider/QuickSight";
        log.0.last_mut().unwrap()["requestParameters"]["providedContexts"] =
            json!([{"providerArn": provider, "contextAssertion": "EXAMPLESECRET"}]);
        let reader = of_role(CONSUMER, "reader", "r", 3);
        submit(&mut log, 9, CONSUMER, reader, Q1, &Value::Null);
        log
    };
    let audit = with(&["ana"]).chains();
    assert_eq!(
        acting(querying(&audit)),
        ["quick-user default/ana probable"]
    );
    let audit = with(&["ana", "bela"]).chains();
    let both = [
        "quick-user default/ana ambiguous",
        "quick-user default/bela ambiguous",
    ];
    assert_eq!(acting(querying(&audit)), both);
    let audit = with(&[]).chains();
    assert_eq!(acting(querying(&audit)), [] as [String; 0]);
    let notes = querying(&audit).notes.join("; ");
    assert!(notes.contains("the context of a Quick user"), "{notes}");
    // Assertions are secrets.
    let text = format!("{:?}", audit.events);
    assert!(!text.contains("EXAMPLESECRET"));
}

/// Quick's own event of the query names these users.
pub(crate) fn queried_by(log: &mut Log, users: &[&str]) {
    for name in users {
        let identity = json!({"type": "Unknown", "accountId": HUB, "userName": name});
        let details =
            json!({"eventRequestDetails": {"dataSourceId": crate::small_logs::DATA_SOURCE}});
        let members = json!({"serviceEventDetails": details});
        log.put(8, HUB, ("quicksight", "QueryDatabase"), identity, members);
    }
}

pub(crate) fn with_chats(log: &Log, chats: &[(&str, &str, i64)]) -> Audit {
    let entries = chats.iter().map(|(name, agent, second)| {
        json!({
            "user_arn": format!("arn:aws:quicksight:us-east-1:{HUB}:user/default/{name}"),
            "agent_id": agent,
            "conversation_id": format!("conversation of {name}"),
            // 2026-07-01T10:00:00Z
            "event_timestamp": (1_782_900_000 + second) * 1000,
        })
    });
    let text = entries.collect::<Value>().to_string();
    let mut logs = ChatLogs::default();
    read_chat_logs("chat", text.as_bytes(), &mut logs);
    assert_eq!(logs.rejects.total(), 0);
    let mut plan = plan(SplitMode::Fast, 1);
    plan.exports.chat_logs = Some(logs);
    log.audit(&plan)
}

#[test]
fn chat_logs_name_the_conversation_that_was_open() {
    let of = |users: &[&str], chats: &[(&str, &str, i64)]| {
        let mut log = usual();
        queried_by(&mut log, users);
        acting(querying(&with_chats(&log, chats)))
    };
    let user = "quick-user default/ana probable";
    // The user's own, and not another's, nor one that was over.
    let own = of(&["default/ana"], &[("ana", "a-1", 20), ("bela", "a-2", 20)]);
    assert_eq!(own, [user, "agent a-1 probable"]);
    assert_eq!(of(&["default/ana"], &[("bela", "a-2", 20)]), [user]);
    assert_eq!(of(&["default/ana"], &[("ana", "a-1", -400)]), [user]);
    // Two agents at one time: not known which.
    let two = of(&["default/ana"], &[("ana", "a-1", 20), ("ana", "a-2", 30)]);
    assert_eq!(two, [user, "agent a-1 ambiguous", "agent a-2 ambiguous"]);
    // Quick's own events name two users: it may be the agent's of one of them.
    let undecided = of(&["default/ana", "default/bela"], &[("ana", "a-1", 20)]);
    let open = ["quick-user default/ana ambiguous", "agent a-1 ambiguous"];
    assert_eq!(undecided, open);
    // Without any event of Quick, the only open conversation is probably it.
    let only = of(&[], &[("ana", "a-1", 20)]);
    assert_eq!(only, [user, "agent a-1 probable"]);
    let several = of(&[], &[("ana", "a-1", 20), ("bela", "a-2", 20)]);
    assert_eq!(several.len(), 4);
    assert!(several.iter().all(|one| one.ends_with("ambiguous")));
    let audit = with_chats(&usual(), &[("ana", "a-1", 20)]);
    let agent = &querying(&audit).acting_for[1];
    assert_eq!(
        agent.conversation_id.as_deref(),
        Some("conversation of ana")
    );
}

#[test]
fn actions_and_flows_of_the_user_are_told_by_time() {
    let mut log = usual();
    queried_by(&mut log, &["default/ana"]);
    let arn = format!("arn:aws:quicksight:us-east-1:{HUB}:user/default/ana");
    let action = json!({"requestParameters": {"actionConnectorId": "c-1", "actionId": "Send", "endUserArn": arn}});
    let identity =
        json!({"type": "IdentityCenterUser", "accountId": HUB, "onBehalfOf": {"userId": "u-1"}});
    log.put(
        20,
        HUB,
        ("quicksight", "InvokeAction"),
        identity.clone(),
        action.clone(),
    );
    log.put(
        200,
        HUB,
        ("quicksight", "InvokeAction"),
        identity.clone(),
        action,
    );
    let flow = json!({"requestParameters": {"flowId": "f-1", "endUserArn": arn}});
    log.put(
        15,
        HUB,
        ("quicksight", "StartFlowSession"),
        identity.clone(),
        flow.clone(),
    );
    log.put(15, HUB, ("quicksight", "DescribeFlow"), identity, flow);
    let audit = log.chains();
    let chain = querying(&audit);
    let expected = [
        "quick-user default/ana probable",
        "agent action-connector/c-1 probable",
        "flow f-1 probable",
    ];
    assert_eq!(acting(chain), expected);
    assert_eq!(chain.acting_for[1].event_ids.len(), 1);
}

/// A data catalog is registered in the consumer.
pub(crate) fn register(log: &mut Log, second: u32, name: &str, event: &str, parameters: &Value) {
    let members = json!({"requestParameters": {"name": name, "parameters": parameters}});
    log.put(
        second,
        CONSUMER,
        ("athena", event),
        user("platform"),
        members,
    );
}

/// A query of the consumer's session, with its context.
pub(crate) fn query_in(log: &mut Log, context: &Value) {
    let identity = session("b", Some("KB"), 1);
    submit(log, 30, CONSUMER, identity, Q1, context);
}

/// What a query read whose context names a catalog.
pub(crate) fn context_reads(log: &mut Log, catalog: &str) -> Vec<String> {
    query_in(log, &json!({"catalog": catalog, "database": "Rates"}));
    let audit = log.chains();
    let chain = querying(&audit);
    told(chain.queries[0].reads.as_deref().unwrap_or_default())
}

pub(crate) fn reached() -> Log {
    let mut log = Log::default();
    log.assume(0, HUB, quick(), "a", Some("KA"));
    log.assume(1, HUB, session("a", Some("KA"), 0), "b", Some("KB"));
    log
}

#[test]
fn a_query_reads_what_its_registered_data_catalog_stands_for() {
    let whole = ["rates.* 222233334444 glue probable"];
    let mut log = reached();
    register(
        &mut log,
        5,
        "Mesh",
        "CreateDataCatalog",
        &json!({"catalog-id": OWNER}),
    );
    assert_eq!(context_reads(&mut log, "mesh"), whole);
    let arn = format!("glue:arn:aws:glue:us-east-1:{OWNER}:catalog");
    assert_eq!(context_reads(&mut reached(), &arn), whole);
    // Not a catalog that is registered later, was deleted, or is the own one.
    let mut log = reached();
    register(
        &mut log,
        40,
        "mesh",
        "CreateDataCatalog",
        &json!({"catalog-id": OWNER}),
    );
    assert_eq!(context_reads(&mut log, "mesh"), [] as [String; 0]);
    let mut log = reached();
    register(
        &mut log,
        5,
        "mesh",
        "CreateDataCatalog",
        &json!({"catalog-id": OWNER}),
    );
    register(&mut log, 7, "mesh", "DeleteDataCatalog", &Value::Null);
    assert_eq!(context_reads(&mut log, "mesh"), [] as [String; 0]);
    let mut log = reached();
    register(
        &mut log,
        5,
        "mesh",
        "CreateDataCatalog",
        &json!({"catalog-id": CONSUMER}),
    );
    assert_eq!(context_reads(&mut log, "mesh"), [] as [String; 0]);
    assert_eq!(
        context_reads(&mut reached(), "AwsDataCatalog"),
        [] as [String; 0]
    );
    // The inventory tells it, too.
    let mut catalogs = DataCatalogs::default();
    let list = json!({"DataCatalog": {"Name": "mesh", "Type": "GLUE", "Parameters": {"catalog-id": OWNER}}});
    read_data_catalogs("list", list.to_string().as_bytes(), &mut catalogs);
    let mut log = reached();
    let context = json!({"catalog": "mesh", "database": "rates"});
    query_in(&mut log, &context);
    let mut plan = plan(SplitMode::Fast, 1);
    plan.exports.catalogs = Some(catalogs);
    assert_eq!(told(query_reads(&log.audit(&plan), 0)), whole);
}

#[test]
fn connectors_are_known_with_and_without_lambda_data_events() {
    let connector = [format!("{FUNCTION} 222233334444 connector probable")];
    for parameters in [
        json!({"function": FUNCTION}),
        json!({"metadata-function": FUNCTION, "record-function": FUNCTION}),
    ] {
        let mut log = reached();
        register(&mut log, 5, "ledger", "CreateDataCatalog", &parameters);
        assert_eq!(context_reads(&mut log, "ledger"), connector);
    }
    let mut log = reached();
    let connection = "arn:aws:glue:us-east-1:222233334444:connection/ledger";
    register(
        &mut log,
        5,
        "ledger",
        "CreateDataCatalog",
        &json!({"connection-arn": connection}),
    );
    let expected = ["rates.* 222233334444 connector probable"];
    assert_eq!(context_reads(&mut log, "ledger"), expected);
}

/// Athena invokes a connector, which spills an object that Athena reads.
fn spilled(key: &str, writer: &str) -> Vec<String> {
    let mut log = reached();
    log.query(10, Some("KB"), 1, Q1);
    let invoke = json!({"requestParameters": {"functionName": FUNCTION}});
    log.put(11, CONSUMER, ("lambda", "Invoke"), by_athena(), invoke);
    assume(
        &mut log,
        11,
        service("lambda.amazonaws.com"),
        OWNER,
        "ledger-role",
        writer,
    );
    let object = json!({
        "requestParameters": {"bucketName": "results", "key": key},
        "additionalEventData": {"bytesTransferredOut": 7},
        "resources": [{"type": "AWS::S3::Bucket", "accountId": OWNER}],
    });
    let connector = of_role(OWNER, "ledger-role", writer, 11);
    log.put(12, OWNER, ("s3", "PutObject"), connector, object.clone());
    log.put(13, CONSUMER, ("s3", "GetObject"), by_athena(), object);
    let arn = format!("arn:aws:s3:::results/{key}");
    let decrypt = json!({"requestParameters": {"encryptionContext": {"aws:s3:arn": arn}}});
    log.put(13, CONSUMER, ("kms", "Decrypt"), by_athena(), decrypt);
    let audit = log.chains();
    let reads = query_reads(&audit, 0);
    let describe = |read: &qs_audit::model::data_read::DataRead| {
        let objects = read.objects.unwrap_or(0);
        format!(
            "{} {} {objects} objects, {} events",
            read.name(),
            read.via.as_str(),
            read.event_count
        )
    };
    reads.iter().map(describe).collect()
}

#[test]
fn what_is_spilled_is_the_connectors() {
    let all = [format!("{FUNCTION} connector 1 objects, 4 events")];
    assert_eq!(spilled(&format!("spilled/{Q1}/0"), "ledger"), all);
    // Without the id of the query, the name of the folder and the only connector tell.
    let named = [format!("{FUNCTION} connector 1 objects, 3 events")];
    assert_eq!(spilled("athena-spill/x/0", "ledger"), named);
    // An object of any other folder is read for itself.
    let other = spilled("tables/x/0", "ledger");
    let object = "s3://results s3 1 objects, 1 events";
    assert!(other.contains(&object.to_owned()), "{other:?}");
}

#[test]
fn real_logs_give_no_false_road() {
    let Some(folder) = needs::folder_beside("real-logs") else {
        return;
    };
    let mut services = 0;
    for path in files_below(&folder) {
        let source = Memory::new([("log.json", std::fs::read(&path).unwrap())]);
        let mut plan = plan(SplitMode::Fast, 1);
        plan.all_sessions = true;
        let audit = run(&plan, &source);
        for chain in &audit.chains {
            assert!(chain.related_chains.is_empty(), "{}", path.display());
            let events = chain.events.iter();
            let identities = events.map(|entry| &audit.events[entry.event as usize].identity);
            if let Some(service) = &chain.origin.service {
                services += 1;
                let mut identities = identities.clone();
                let says_so = identities.any(|identity| {
                    let scope = identity.scope_issuer_type.is_some() || identity.is_from_instance;
                    identity.invoked_by.as_ref() == Some(service) || scope
                });
                assert!(says_so, "{}: {service}", path.display());
            }
            for acting in &chain.acting_for {
                let by_time = matches!(acting.kind, ActingKind::Agent | ActingKind::Flow);
                assert!(!by_time, "{}: {acting:?}", path.display());
                assert_eq!(acting.confidence, Confidence::Proven);
            }
        }
    }
    assert!(services > 5, "{services}");
}

#[test]
fn the_command_line_lists_and_tells_roads() {
    let folder = organization();
    let chains = |more: &[&str]| {
        let mut command = program();
        command.current_dir(folder.path()).arg("chains");
        command.args(["--from", "2026-11-01", "--to", "2026-11-03"]);
        output(command.args(more), Exit::Clean)
    };
    let records = |more: &[&str]| -> Vec<Value> {
        let (text, _) = chains(&[&["--format", "jsonl"], more].concat());
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    for (asked, service) in [
        ("states", json!("states.amazonaws.com")),
        ("GLUE.amazonaws.com", json!("glue.amazonaws.com")),
        ("arn:aws:glue:*:job/lake-copy", json!("glue.amazonaws.com")),
        ("people", Value::Null),
    ] {
        let found = records(&["--origin", asked]);
        assert!(!found.is_empty(), "{asked}");
        assert!(
            found
                .iter()
                .all(|chain| chain["origin"]["service"] == service)
        );
    }
    let (_, message) = chains(&["--origin", "stepfunctions"]);
    assert!(
        message.contains("--origin \"stepfunctions\" is in none"),
        "{message}"
    );
    let of_lambda = records(&["--origin", "lambda"]);
    let related = of_lambda.iter().find(|chain| {
        let related = chain["related_chains"].as_array();
        related.is_some_and(|related| !related.is_empty())
    });
    let id = related.unwrap()["chain_id"].as_str().unwrap();
    let mut show = program();
    show.current_dir(folder.path()).args(["show", id]);
    show.args(["--from", "2026-11-01", "--to", "2026-11-03"]);
    let (text, _) = output(&mut show, Exit::Clean);
    assert!(
        text.contains("Origin          lambda.amazonaws.com")
            && text.contains("Resource        arn:aws:lambda:"),
        "{text}"
    );
    assert!(text.contains("\nRelated\n  c-"), "{text}");
    let agent = records(&[]).into_iter().find(|chain| {
        let acting = chain["acting_for"].as_array();
        acting.is_some_and(|all| all.iter().any(|one| one["kind"] == "agent"))
    });
    let agent = agent.unwrap();
    let id = agent["chain_id"].as_str().unwrap();
    let mut show = program();
    show.current_dir(folder.path()).args(["show", id]);
    show.args(["--from", "2026-11-01", "--to", "2026-11-03"]);
    let (text, _) = output(&mut show, Exit::Clean);
    assert!(text.contains("\nActing for\n"), "{text}");
    assert!(
        text.contains("  agent sales-helper (probable, conversation "),
        "{text}"
    );
}

#[test]
fn queries_of_this_program_are_its_own_unless_a_session_of_quick_says_so() {
    let agent = |log: &mut Log| {
        let agent = "aws-sdk-rust/1.3.9 api/athena/0.1.0 lang/rust/1.91.0 app/qs-audit";
        log.0.last_mut().unwrap()["userAgent"] = json!(agent);
    };
    let mut own = Log::default();
    submit(&mut own, 9, CONSUMER, user("auditor"), Q1, &Value::Null);
    agent(&mut own);
    let chains = own.chains();
    let found = origin(querying(&chains));
    assert_eq!(found, ("qs-audit", None, Some(Confidence::Probable)));
    // Another query of the same user is not this program's.
    submit(&mut own, 10, CONSUMER, user("auditor"), "q2", &Value::Null);
    assert_eq!(origin(querying(&own.chains())).0, "people");
    own.0.last_mut().unwrap()["userAgent"] = json!("x/app/qs-audit2 app/qs-auditor");
    assert_eq!(origin(querying(&own.chains())).0, "people");
    let mut quicks = usual();
    agent(&mut quicks);
    let chains = quicks.chains();
    assert_eq!(origin(querying(&chains)).0, "quicksight.amazonaws.com");
}
