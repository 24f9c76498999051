//! What queries read: each kind of evidence, and what it does not prove.

use crate::common::{Memory, files_below, plan, run};
use crate::needs;
use crate::small_logs::{CONSUMER, HUB, Log, bare, one, session, usual};
use qs_audit::decode::SplitMode;
use qs_audit::ingest::read_data_catalogs;
use qs_audit::model::audit::Audit;
use qs_audit::model::chain::{ChainStatus, Confidence};
use qs_audit::model::data_catalogs::DataCatalogs;
use qs_audit::model::data_read::{DataRead, ReadEvents, ReadEvidence};
use qs_audit::model::execution::{QueryState, QueryStatistics, StatementType, Statistics};
use qs_audit::model::ids::QueryExecutionId;
use qs_audit::model::table_name::{StatementTables, TableName};
use qs_audit::model::time::UtcSecond;
use serde_json::{Value, json};

pub(crate) const PRODUCER: &str = "777788889999";
pub(crate) const Q1: &str = "11111111-0000-4000-8000-000000000001";
pub(crate) const Q2: &str = "22222222-0000-4000-8000-000000000002";
const TABLE: &str = "arn:aws:glue:us-east-1:777788889999:table/claims/sales";
const ATHENA: &str = "athena.amazonaws.com";

/// The session of Role B, on whose behalf Athena calls.
pub(crate) fn by_athena() -> Value {
    let mut identity = session("b", Some("KATHENA"), 1);
    identity["invokedBy"] = ATHENA.into();
    identity
}

/// The same in the owner's copy.
pub(crate) fn in_owners_copy() -> Value {
    let mut identity = bare(CONSUMER, "AROAb:s", false);
    identity["invokedBy"] = ATHENA.into();
    identity
}

/// Quick reaches Role B.
pub(crate) fn reached() -> Log {
    let mut log = usual();
    log.0.truncate(2);
    log
}

pub(crate) fn access(
    log: &mut Log,
    second: u32,
    recipient: &str,
    caller: Value,
    query: Option<&str>,
) {
    let context = query.map(|id| json!({"additionalAuditContext": format!("{{queryId: {id}}}")}));
    let members = json!({
        "requestParameters": {
            "tableArn": TABLE, "permissions": ["SELECT"], "durationSeconds": 900,
            "auditContext": context,
        },
        "additionalEventData": {"lakeFormationRoleSessionName": "AWSLF-00-AT-444455556666-x"},
    });
    let action = ("lakeformation", "GetDataAccess");
    log.put(second, recipient, action, caller, members);
}

pub(crate) fn get_table(
    log: &mut Log,
    second: u32,
    caller: Value,
    catalog_id: Option<&str>,
    table: &str,
) {
    let parameters = json!({"catalogId": catalog_id, "databaseName": "claims", "name": table});
    let members = json!({"requestParameters": parameters});
    log.put(second, CONSUMER, ("glue", "GetTable"), caller, members);
}

pub(crate) fn get_object(
    log: &mut Log,
    second: u32,
    recipient: &str,
    caller: Value,
    key: &str,
    request: &str,
) {
    let members = json!({
        "requestParameters": {"bucketName": "lake", "key": key},
        "additionalEventData": {"bytesTransferredOut": 1000.0},
        "requestID": request,
        "resources": [
            {"type": "AWS::S3::Object", "ARN": format!("arn:aws:s3:::lake/{key}")},
            {"type": "AWS::S3::Bucket", "accountId": PRODUCER, "ARN": "arn:aws:s3:::lake"},
        ],
    });
    log.put(second, recipient, ("s3", "GetObject"), caller, members);
}

/// A session that Lake Formation made.
pub(crate) fn lake_formation(source_identity: Option<&str>) -> Value {
    let name = if source_identity.is_some() {
        "other"
    } else {
        "AWSLF-00-AT-444455556666-x"
    };
    json!({
        "type": "AssumedRole",
        "principalId": format!("AROALF:{name}"),
        "arn": format!("arn:aws:sts::{PRODUCER}:assumed-role/lf/{name}"),
        "accountId": PRODUCER,
        "accessKeyId": "KLF",
        "sessionContext": {
            "attributes": {"creationDate": "2026-07-01T10:00:10Z"},
            "sourceIdentity": source_identity,
        },
        "invokedBy": ATHENA,
    })
}

pub(crate) fn query_reads(audit: &Audit, query: usize) -> &[DataRead] {
    one(audit).queries[query]
        .reads
        .as_deref()
        .unwrap_or_default()
}

/// Names, evidence and confidence of reads.
pub(crate) fn told(reads: &[DataRead]) -> Vec<String> {
    let told = reads.iter().map(|read| {
        let owner = read.owner_account_id.as_deref().unwrap_or("-");
        let (via, confidence) = (read.via.as_str(), read.confidence.as_str());
        format!("{} {owner} {via} {confidence}", read.name())
    });
    told.collect()
}

/// The statistics of a query: its id, when it ended, the tables that its SQL names.
pub(crate) type Known<'a> = (&'a str, Option<u32>, Option<&'a [&'a str]>);

fn with_catalogs(log: &Log, lists: &[Value]) -> Audit {
    let mut catalogs = DataCatalogs::default();
    for list in lists {
        read_data_catalogs("lists", list.to_string().as_bytes(), &mut catalogs);
    }
    assert_eq!(catalogs.rejects.total(), 0);
    let mut plan = plan(SplitMode::Fast, 1);
    plan.exports.catalogs = Some(catalogs);
    log.audit(&plan)
}

pub(crate) fn with_statistics(log: &Log, known: &[Known<'_>]) -> Audit {
    let mut statistics = Statistics::default();
    for (id, end, tables) in known {
        let names = tables.map(|tables| {
            let names = tables.iter().map(|name| {
                let parts: Vec<String> = name.split('.').map(str::to_owned).collect();
                TableName::of(&parts).unwrap()
            });
            StatementTables {
                read: names.collect(),
                written: Vec::new(),
            }
        });
        let end = end.map(|second| format!("2026-07-01T10:{:02}:{:02}Z", second / 60, second % 60));
        statistics.add(
            QueryExecutionId::new(id),
            QueryStatistics {
                state: QueryState::Succeeded,
                completed_at: end.and_then(|end| UtcSecond::parse(&end)),
                submitted_at: None,
                statement_type: Some(StatementType::Dml),
                substatement_type: None,
                bytes_scanned: Some(5),
                result_reused: None,
                dpu_count: None,
                work_group: None,
                quick_query_id: None,
                tables: names,
            },
        );
    }
    let mut plan = plan(SplitMode::Fast, 1);
    plan.exports.statistics = Some(statistics);
    log.audit(&plan)
}

#[test]
fn access_that_athena_asked_for_in_the_session_of_the_query_proves_the_read() {
    for (recipient, caller) in [(PRODUCER, in_owners_copy()), (CONSUMER, by_athena())] {
        let mut log = reached();
        log.query(9, Some("KB"), 1, Q1);
        access(&mut log, 11, recipient, caller, Some(Q1));
        let audit = log.chains();
        let reads = query_reads(&audit, 0);
        assert_eq!(
            told(reads),
            ["claims.sales 777788889999 lake-formation proven"]
        );
        assert_eq!(reads[0].subject.table_arn.as_deref(), Some(TABLE));
        assert_eq!(reads[0].query_execution_id, Some(QueryExecutionId::new(Q1)));
        assert_eq!(reads[0].permissions, ["SELECT".into()]);
        assert_eq!(reads[0].event_count, 1);
        assert!(one(&audit).reads.is_empty());
    }
}

#[test]
fn a_query_id_that_others_write_proves_nothing() {
    let own_call = session("b", Some("KB"), 1);
    let mut other_session = in_owners_copy();
    other_session["principalId"] = "AROAb:other".into();
    let mut other_account = in_owners_copy();
    other_account["accountId"] = HUB.into();
    let mut other_service = in_owners_copy();
    other_service["invokedBy"] = "redshift.amazonaws.com".into();
    let mut masked = in_owners_copy();
    masked["principalId"] = Value::Null;
    for caller in [
        own_call,
        other_session,
        other_account,
        other_service,
        masked,
    ] {
        let mut log = reached();
        log.query(9, Some("KB"), 1, Q1);
        access(&mut log, 11, PRODUCER, caller.clone(), Some(Q1));
        let audit = log.chains();
        let chain = audit
            .chains
            .iter()
            .find(|chain| !chain.queries.is_empty())
            .unwrap();
        let reads = chain.queries[0].reads.as_deref().unwrap();
        assert_eq!(
            told(reads),
            ["claims.sales 777788889999 lake-formation ambiguous"],
            "{caller}"
        );
    }
    // Long before or after the query, too.
    let mut log = reached();
    log.query(900, Some("KB"), 1, Q1);
    access(&mut log, 11, PRODUCER, in_owners_copy(), Some(Q1));
    assert_eq!(
        query_reads(&log.chains(), 0)[0].confidence,
        Confidence::Ambiguous
    );
}

#[test]
fn a_refused_call_is_no_read() {
    let mut log = reached();
    log.query(9, Some("KB"), 1, Q1);
    access(&mut log, 11, PRODUCER, in_owners_copy(), Some(Q1));
    get_table(&mut log, 11, by_athena(), None, "sales");
    for record in log.0.iter_mut().rev().take(2) {
        record["errorCode"] = "AccessDeniedException".into();
    }
    let audit = log.chains();
    assert_eq!(one(&audit).queries[0].reads, None);
    assert!(one(&audit).reads.is_empty());
}

#[test]
fn a_table_that_athena_asked_for_while_one_query_ran_is_probably_its() {
    let mut log = reached();
    log.query(9, Some("KB"), 1, Q1);
    get_table(&mut log, 10, by_athena(), None, "Sales");
    get_table(&mut log, 10, by_athena(), Some(PRODUCER), "rates");
    let audit = log.chains();
    assert_eq!(
        told(query_reads(&audit, 0)),
        [
            "claims.sales 444455556666 glue probable",
            "claims.rates 777788889999 glue probable"
        ]
    );
    // The session's own call is none that Athena made.
    let mut log = reached();
    log.query(9, Some("KB"), 1, Q1);
    get_table(&mut log, 10, session("b", Some("KB"), 1), None, "sales");
    assert_eq!(one(&log.chains()).queries[0].reads, None);
}

#[test]
fn of_several_queries_none_is_chosen() {
    let mut log = reached();
    log.query(9, Some("KB"), 1, Q1);
    log.query(10, Some("KB"), 1, Q2);
    get_table(&mut log, 11, by_athena(), None, "sales");
    let audit = log.chains();
    let chain = one(&audit);
    assert_eq!(
        told(&chain.reads),
        ["claims.sales 444455556666 glue ambiguous"]
    );
    assert_eq!(chain.reads[0].query_execution_id, None);
    let candidates = [Q1, Q2].map(QueryExecutionId::new);
    assert_eq!(chain.reads[0].candidate_query_ids, candidates);
    assert!(chain.queries.iter().all(|query| query.reads.is_none()));
    // One of them had ended: by its statistics, or because its results were read.
    let audit = with_statistics(&log, &[(Q1, Some(5), None)]);
    assert_eq!(
        told(query_reads(&audit, 1)).len(),
        0,
        "an end before the start is none"
    );
    log.0.pop();
    get_table(&mut log, 60, by_athena(), None, "sales");
    let audit = with_statistics(&log, &[(Q1, Some(20), None)]);
    assert_eq!(
        told(query_reads(&audit, 1)),
        ["claims.sales 444455556666 glue probable"]
    );
    let results = json!({"requestParameters": {"queryExecutionId": Q2}});
    let caller = session("b", Some("KB"), 1);
    log.put(30, CONSUMER, ("athena", "GetQueryResults"), caller, results);
    let audit = log.chains();
    assert_eq!(
        told(query_reads(&audit, 0)),
        ["claims.sales 444455556666 glue probable"]
    );
}

#[test]
fn a_resource_link_and_its_table_are_one_entry() {
    let mut log = reached();
    log.query(9, Some("KB"), 1, Q1);
    get_table(&mut log, 10, by_athena(), None, "sales");
    access(&mut log, 11, PRODUCER, in_owners_copy(), Some(Q1));
    let audit = with_statistics(&log, &[(Q1, None, Some(&["claims.sales"]))]);
    let reads = query_reads(&audit, 0);
    assert_eq!(
        told(reads),
        ["claims.sales 777788889999 lake-formation proven"]
    );
    assert_eq!(reads[0].event_count, 2);
}

#[test]
fn objects_are_told_with_the_table_that_access_was_given_to() {
    let mut log = reached();
    log.query(9, Some("KB"), 1, Q1);
    access(&mut log, 11, PRODUCER, in_owners_copy(), Some(Q1));
    for (number, key) in ["day=1/a", "day=1/a", "day=2/b"].iter().enumerate() {
        let key = format!("claims/sales/{key}");
        get_object(
            &mut log,
            12,
            PRODUCER,
            lake_formation(None),
            &key,
            &format!("R{number}"),
        );
    }
    // The other account's copy of the last one.
    get_object(
        &mut log,
        12,
        CONSUMER,
        lake_formation(None),
        "claims/sales/day=2/b",
        "R2",
    );
    let audit = log.chains();
    let reads = query_reads(&audit, 0);
    assert_eq!(
        told(reads),
        ["claims.sales 777788889999 lake-formation proven"]
    );
    assert_eq!((reads[0].objects, reads[0].bytes), (Some(2), Some(3000)));
    assert_eq!(
        reads[0].prefixes,
        ["claims/sales/day=1/".into(), "claims/sales/day=2/".into()]
    );
    assert_eq!(reads[0].event_count, 5);
}

#[test]
fn objects_are_found_by_source_identity_and_by_session() {
    let by_identity = lake_formation(Some("V2.444455556666.AROAb"));
    for caller in [by_identity, by_athena()] {
        let mut log = reached();
        log.query(9, Some("KB"), 1, Q1);
        get_object(&mut log, 12, PRODUCER, caller, "claims/sales/a", "R1");
        // The query's own result.
        let result = format!("results/{Q1}.csv");
        get_object(&mut log, 13, CONSUMER, by_athena(), &result, "R2");
        let audit = log.chains();
        let reads = query_reads(&audit, 0);
        assert_eq!(told(reads), ["s3://lake 777788889999 s3 probable"]);
        assert_eq!(reads[0].objects, Some(1));
    }
    let mut log = reached();
    log.query(9, Some("KB"), 1, Q1);
    let of_another_role = lake_formation(Some("V2.444455556666.AROAother"));
    get_object(
        &mut log,
        12,
        PRODUCER,
        of_another_role,
        "claims/sales/a",
        "R1",
    );
    assert_eq!(one(&log.chains()).queries[0].reads, None);
}

#[test]
fn objects_are_told_as_the_table_whose_location_they_are_in() {
    let mut log = reached();
    log.query(9, Some("KB"), 1, Q1);
    let owner = json!({"type": "IAMUser", "principalId": "AIDA", "accountId": PRODUCER});
    let table =
        json!({"name": "sales", "storageDescriptor": {"location": "s3://lake/claims/sales/"}});
    let members = json!({"requestParameters": {"databaseName": "claims", "tableInput": table}});
    log.put(5, PRODUCER, ("glue", "CreateTable"), owner, members);
    get_table(&mut log, 10, by_athena(), Some(PRODUCER), "sales");
    get_object(&mut log, 12, PRODUCER, by_athena(), "claims/sales/a", "R1");
    get_object(&mut log, 12, PRODUCER, by_athena(), "claims/other/a", "R2");
    let audit = log.chains();
    let reads = query_reads(&audit, 0);
    assert_eq!(
        told(reads),
        [
            "s3://lake 777788889999 s3 probable",
            "claims.sales 777788889999 glue probable"
        ]
    );
    assert_eq!(reads[1].objects, Some(1));
}

#[test]
fn sql_names_tables_and_the_context_completes_them() {
    let mut log = reached();
    log.query(9, Some("KB"), 1, Q1);
    let context = json!({"queryExecutionContext": {"database": "Claims"}});
    log.0.last_mut().unwrap()["requestParameters"] = context;
    let tables: &[&str] = &["sales", "mesh.claims.rates", "information_schema.tables"];
    let audit = with_statistics(&log, &[(Q1, None, Some(tables))]);
    let reads = query_reads(&audit, 0);
    assert_eq!(
        told(reads),
        ["claims.rates - sql probable", "claims.sales - sql probable"]
    );
    assert_eq!(reads[0].subject.catalog_id.as_deref(), Some("mesh"));
    assert_eq!(reads[0].event_count, 0);
    let audit = with_statistics(&log, &[(Q1, None, Some(&[]))]);
    assert_eq!(one(&audit).queries[0].reads, Some(Vec::new()));
    let audit = with_statistics(&log, &[(Q1, None, None)]);
    assert_eq!(
        one(&audit).queries[0].reads,
        None,
        "what is unknown is not empty"
    );
}

#[test]
fn a_connector_is_a_read_of_its_function() {
    let mut log = reached();
    log.query(9, Some("KB"), 1, Q1);
    let function = "arn:aws:lambda:us-east-1:777788889999:function:connector";
    let members = json!({"requestParameters": {"functionName": function}});
    log.put(10, CONSUMER, ("lambda", "Invoke"), by_athena(), members);
    let audit = log.chains();
    let reads = query_reads(&audit, 0);
    assert_eq!(
        told(reads),
        [format!("{function} 777788889999 connector probable")]
    );
    assert_eq!(reads[0].via, ReadEvidence::Connector);
}

#[test]
fn the_owners_copies_alone_say_who_read_what() {
    let mut log = Log::default();
    access(&mut log, 11, PRODUCER, in_owners_copy(), Some(Q1));
    access(&mut log, 11, PRODUCER, in_owners_copy(), None);
    let caller = in_owners_copy();
    let members = json!({"requestParameters": {"catalogId": PRODUCER, "databaseName": "claims", "name": "rates"}});
    log.put(12, PRODUCER, ("glue", "GetTable"), caller, members);
    let audit = log.chains();
    let chain = one(&audit);
    assert_eq!(chain.status, ChainStatus::Partial);
    assert_eq!(chain.consumer_account_id.as_deref(), Some(CONSUMER));
    let session = chain.consumer_session.as_ref().unwrap();
    assert_eq!(session.assumed_role_id.as_deref(), Some("AROAb:s"));
    assert_eq!(
        told(&chain.reads),
        [
            "claims.rates 777788889999 glue probable",
            "claims.sales 777788889999 lake-formation probable",
            "claims.sales 777788889999 lake-formation probable",
        ]
    );
    // What others call in their own name is not told by Athena.
    let mut log = Log::default();
    access(
        &mut log,
        11,
        PRODUCER,
        bare(CONSUMER, "AROAb:s", false),
        Some(Q1),
    );
    assert!(log.chains().chains.is_empty());
    // With the consumer's logs it is the consumer's chain.
    let mut log = reached();
    log.query(9, Some("KB"), 1, Q1);
    access(&mut log, 11, PRODUCER, in_owners_copy(), Some(Q1));
    assert!(one(&log.chains()).reads.is_empty());
}

#[test]
fn what_the_logs_do_not_have_is_told_with_every_answer() {
    let mut log = reached();
    log.query(9, Some("KB"), 1, Q1);
    access(&mut log, 11, PRODUCER, in_owners_copy(), Some(Q1));
    let audit = log.chains();
    let missing = |events: ReadEvents| -> Vec<&str> {
        let accounts = audit.coverage.reads_not_logged.get(&events);
        accounts
            .into_iter()
            .flatten()
            .map(|account| &**account)
            .collect()
    };
    assert_eq!(missing(ReadEvents::LakeFormation), [CONSUMER]);
    assert_eq!(missing(ReadEvents::S3DataEvents), [CONSUMER, PRODUCER]);
    assert_eq!(missing(ReadEvents::LambdaDataEvents), [CONSUMER]);
}

#[test]
fn lists_tell_links_owners_and_locations_that_logs_do_not() {
    let mut log = reached();
    log.query(9, Some("KB"), 1, Q1);
    get_table(&mut log, 10, by_athena(), None, "link");
    get_object(&mut log, 12, PRODUCER, by_athena(), "claims/sales/a", "R1");
    let table = |name: &str, location: &str| {
        json!({"CatalogId": PRODUCER, "DatabaseName": "claims", "Name": name,
            "StorageDescriptor": {"Location": location}})
    };
    let link = json!({"CatalogId": CONSUMER, "DatabaseName": "claims", "Name": "link",
        "TargetTable": {"CatalogId": PRODUCER, "DatabaseName": "claims", "Name": "sales"}});
    let list = json!({"TableList": [link, table("sales", "s3://lake/claims/sales/")]});
    let audit = with_catalogs(&log, &[list]);
    let reads = query_reads(&audit, 0);
    assert_eq!(told(reads), ["claims.sales 777788889999 glue probable"]);
    assert_eq!(reads[0].subject.table_arn.as_deref(), Some(TABLE));
    assert_eq!(reads[0].objects, Some(1));
    // Without the list, the link is a table of the consumer.
    let audit = log.chains();
    assert_eq!(
        told(query_reads(&audit, 0)),
        [
            "s3://lake 777788889999 s3 probable",
            "claims.link 444455556666 glue probable"
        ]
    );
}

#[test]
fn shares_are_named_while_they_hold() {
    let administrator = json!({"type": "IAMUser", "principalId": "AIDA", "accountId": PRODUCER});
    let change = |log: &mut Log, second: u32, source: &str, name: &str, parameters: Value| {
        let members = json!({"requestParameters": parameters});
        log.put(
            second,
            PRODUCER,
            (source, name),
            administrator.clone(),
            members,
        );
    };
    let grant = |principal: &str| {
        json!({"principal": {"dataLakePrincipalIdentifier": principal}, "permissions": ["SELECT"],
            "resource": {"table": {"catalogId": PRODUCER, "databaseName": "claims", "name": "sales"}}})
    };
    let policy = json!({"Statement": [{"Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{CONSUMER}:root")},
        "Action": "glue:GetTable", "Resource": [TABLE]}]});
    let share = json!({"name": "claims", "principals": [CONSUMER], "resourceArns": [TABLE]});
    let mut log = reached();
    change(
        &mut log,
        3,
        "lakeformation",
        "GrantPermissions",
        grant(CONSUMER),
    );
    change(
        &mut log,
        3,
        "lakeformation",
        "GrantPermissions",
        grant("999900001111"),
    );
    change(&mut log, 3, "ram", "CreateResourceShare", share);
    change(
        &mut log,
        3,
        "glue",
        "PutResourcePolicy",
        json!({"policyInJson": policy.to_string()}),
    );
    log.query(9, Some("KB"), 1, Q1);
    access(&mut log, 11, PRODUCER, in_owners_copy(), Some(Q1));
    let shared_by = |log: &Log| -> Vec<String> {
        let audit = log.chains();
        let reads = query_reads(&audit, 0);
        reads[0].shared_by.iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        shared_by(&log),
        [
            "glue-policy: resource policy for arn:aws:iam::444455556666:root",
            "lake-formation: SELECT for 444455556666",
            "ram: claims for 444455556666",
        ]
    );
    change(
        &mut log,
        5,
        "lakeformation",
        "RevokePermissions",
        grant(CONSUMER),
    );
    change(&mut log, 5, "glue", "DeleteResourcePolicy", json!({}));
    assert_eq!(shared_by(&log), ["ram: claims for 444455556666"]);
}

#[test]
fn a_list_knows_what_was_shared_before_the_logs() {
    let listed = json!({"PrincipalResourcePermissions": [{"Principal": {"DataLakePrincipalIdentifier": CONSUMER},
        "Resource": {"Table": {"CatalogId": PRODUCER, "DatabaseName": "claims", "TableWildcard": {}}},
        "Permissions": ["SELECT"]}]});
    let mut log = reached();
    log.query(9, Some("KB"), 1, Q1);
    access(&mut log, 11, PRODUCER, in_owners_copy(), Some(Q1));
    let audit = with_catalogs(&log, &[listed]);
    assert_eq!(
        query_reads(&audit, 0)[0].shared_by,
        ["lake-formation: SELECT for 444455556666".into()]
    );
}

/// No query of the real logs is known to have read anything: ids are masked, and examples of
/// documents are of different callers.
#[test]
fn real_logs_give_no_false_read() {
    let Some(folder) = needs::folder_beside("real-logs") else {
        return;
    };
    let mut events = 0;
    for path in files_below(&folder) {
        let source = Memory::new([("log.json", std::fs::read(&path).unwrap())]);
        let mut plan = plan(SplitMode::Fast, 1);
        plan.all_sessions = true;
        let audit = run(&plan, &source);
        events += audit.events.len();
        for chain in &audit.chains {
            let of_queries = chain.queries.iter().flat_map(|query| &query.reads);
            let surely = of_queries.flatten().chain(&chain.reads);
            let told: Vec<&DataRead> = surely.collect();
            let is_of_athena = |read: &&DataRead| read.via == ReadEvidence::LakeFormation;
            assert!(
                told.iter()
                    .all(|read| is_of_athena(read) && read.confidence != Confidence::Proven),
                "{}: {told:#?}",
                path.display()
            );
        }
    }
    assert!(events > 100);
}
