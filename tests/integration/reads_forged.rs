//! What looks like a read of a query and is none, or another's: text that others write, tables of
//! the same names, objects that are read later or elsewhere.

use crate::reads::{
    PRODUCER, Q1, Q2, access, by_athena, get_object, get_table, in_owners_copy, lake_formation,
    query_reads, reached, told, with_statistics,
};
use crate::small_logs::{CONSUMER, Log, bare, one, session};
use qs_audit::model::data_read::ReadEvents;
use qs_audit::model::ids::QueryExecutionId;
use serde_json::{Value, json};

const STRANGER: &str = "999900001111";

/// Someone who writes a query id into a call of their own, about a table of their own.
fn forged_access(log: &mut Log, second: u32, query: &str) {
    access(
        log,
        second,
        STRANGER,
        bare(STRANGER, "AROAx:x", false),
        Some(query),
    );
    let record = log.0.last_mut().unwrap();
    let table = format!("arn:aws:glue:us-east-1:{STRANGER}:table/claims/sales");
    record["requestParameters"]["tableArn"] = table.into();
}

/// The chain that ran queries.
fn with_queries(audit: &qs_audit::model::audit::Audit) -> &qs_audit::model::chain::Chain {
    let mut chains = audit.chains.iter();
    chains.find(|chain| !chain.queries.is_empty()).unwrap()
}

#[test]
fn a_table_that_only_text_names_takes_no_ones_place() {
    let mut log = reached();
    log.query(9, Some("KB"), 1, Q1);
    log.query(900, Some("KB"), 1, Q2);
    get_table(&mut log, 10, by_athena(), None, "sales");
    get_table(&mut log, 901, by_athena(), None, "sales");
    forged_access(&mut log, 12, Q1);
    let audit = with_statistics(&log, &[(Q1, Some(20), None), (Q2, Some(920), None)]);
    let chain = with_queries(&audit);
    let own = "claims.sales 444455556666 glue probable";
    assert_eq!(
        told(chain.queries[0].reads.as_deref().unwrap()),
        [own, "claims.sales 999900001111 lake-formation ambiguous"]
    );
    assert_eq!(told(chain.queries[1].reads.as_deref().unwrap()), [own]);
}

#[test]
fn a_table_of_the_same_name_in_another_query_is_no_link() {
    let mut log = reached();
    log.query(9, Some("KB"), 1, Q1);
    get_table(&mut log, 10, by_athena(), None, "sales");
    log.query(900, Some("KB"), 1, Q2);
    get_table(&mut log, 901, by_athena(), Some(PRODUCER), "sales");
    let known = [(Q1, Some(20), None), (Q2, Some(920), None)];
    let audit = with_statistics(&log, &known);
    assert_eq!(
        told(query_reads(&audit, 0)),
        ["claims.sales 444455556666 glue probable"]
    );
    assert_eq!(
        told(query_reads(&audit, 1)),
        ["claims.sales 777788889999 glue probable"]
    );
    // SQL that names both says that they are two.
    let mut log = reached();
    log.query(9, Some("KB"), 1, Q1);
    get_table(&mut log, 10, by_athena(), None, "sales");
    get_table(&mut log, 11, by_athena(), Some(PRODUCER), "sales");
    let both: &[&str] = &["claims.sales", "mesh.claims.sales"];
    let audit = with_statistics(&log, &[(Q1, None, Some(both))]);
    let reads = told(query_reads(&audit, 0));
    assert!(
        reads.contains(&"claims.sales 444455556666 glue probable".to_owned()),
        "{reads:?}"
    );
}

#[test]
fn a_link_that_one_query_shows_is_known_where_only_sql_names_it() {
    let mut log = reached();
    log.query(9, Some("KB"), 1, Q1);
    get_table(&mut log, 10, by_athena(), None, "sales");
    access(&mut log, 11, PRODUCER, in_owners_copy(), Some(Q1));
    log.query(900, Some("KB"), 1, Q2);
    let named: &[&str] = &["claims.sales"];
    let audit = with_statistics(
        &log,
        &[(Q1, Some(20), Some(named)), (Q2, Some(920), Some(named))],
    );
    assert_eq!(
        told(query_reads(&audit, 1)),
        ["claims.sales 777788889999 sql probable"]
    );
}

#[test]
fn objects_that_a_stranger_reads_are_no_querys() {
    let mut log = reached();
    log.query(9, Some("KB"), 1, Q1);
    forged_access(&mut log, 11, Q1);
    get_object(
        &mut log,
        12,
        PRODUCER,
        lake_formation(None),
        "claims/1",
        "r1",
    );
    let audit = with_statistics(&log, &[(Q1, Some(20), None)]);
    let chain = with_queries(&audit);
    assert!(
        chain.queries[0]
            .reads
            .iter()
            .flatten()
            .all(|read| read.bytes.is_none())
    );

    // Anyone may give their own session a source identity.
    let mut log = reached();
    log.query(9, Some("KB"), 1, Q1);
    let mut stranger = lake_formation(Some("V2.444455556666.AROAb"));
    stranger.as_object_mut().unwrap().remove("invokedBy");
    get_object(&mut log, 12, PRODUCER, stranger, "claims/1", "r1");
    let audit = with_statistics(&log, &[(Q1, Some(20), None)]);
    let chain = with_queries(&audit);
    assert_eq!(chain.queries[0].reads, None);
    assert_eq!(told(&chain.reads), ["s3://lake 777788889999 s3 ambiguous"]);
}

#[test]
fn what_is_read_after_a_query_ended_is_not_its() {
    let mut log = reached();
    log.query(9, Some("KB"), 1, Q1);
    access(&mut log, 11, PRODUCER, in_owners_copy(), Some(Q1));
    get_object(
        &mut log,
        600,
        PRODUCER,
        lake_formation(None),
        "claims/1",
        "r1",
    );
    get_table(&mut log, 700, by_athena(), None, "browsed");
    let audit = with_statistics(&log, &[(Q1, Some(20), None)]);
    let reads = query_reads(&audit, 0);
    assert_eq!(
        told(reads),
        ["claims.sales 777788889999 lake-formation proven"]
    );
    assert_eq!(reads[0].bytes, None);
    let of_chain = &one(&audit).reads;
    assert_eq!(
        told(of_chain),
        [
            "claims.browsed 444455556666 glue ambiguous",
            "claims.sales 777788889999 s3 ambiguous"
        ]
    );
    assert_eq!(of_chain[1].bytes, Some(1000));
    assert_eq!(of_chain[1].candidate_query_ids, [QueryExecutionId::new(Q1)]);
}

#[test]
fn a_bucket_of_another_region_is_read_by_the_query() {
    for caller in [by_athena(), lake_formation(Some("V2.444455556666.AROAb"))] {
        let mut log = reached();
        log.query(9, Some("KB"), 1, Q1);
        get_object(&mut log, 12, PRODUCER, caller.clone(), "claims/1", "r1");
        log.0.last_mut().unwrap()["awsRegion"] = "eu-west-1".into();
        let audit = with_statistics(&log, &[(Q1, Some(20), None)]);
        let reads = query_reads(&audit, 0);
        assert_eq!(
            told(reads),
            ["s3://lake 777788889999 s3 probable"],
            "{caller}"
        );
    }
}

#[test]
fn results_and_calls_of_others_do_not_show_that_reads_are_logged() {
    let mut log = reached();
    log.query(9, Some("KB"), 1, Q1);
    let own = || session("b", Some("KB"), 1);
    get_object(
        &mut log,
        12,
        CONSUMER,
        by_athena(),
        &format!("results/{Q1}.csv"),
        "r1",
    );
    access(&mut log, 13, CONSUMER, own(), None);
    let members = json!({"requestParameters": {"functionName": "f"}});
    log.put(14, CONSUMER, ("lambda", "Invoke"), own(), members);
    let audit = with_statistics(&log, &[(Q1, Some(20), None)]);
    let missing: Vec<ReadEvents> = audit.coverage.reads_not_logged.keys().copied().collect();
    assert_eq!(missing, ReadEvents::ALL);
}

fn ram(log: &mut Log, second: u32, action: &str, parameters: &Value) {
    let caller = json!({"type": "IAMUser", "accountId": PRODUCER, "userName": "u",
        "arn": format!("arn:aws:iam::{PRODUCER}:user/u")});
    let members = json!({
        "requestParameters": parameters,
        "responseElements": {"resourceShare": {"resourceShareArn": SHARE}},
    });
    log.put(second, PRODUCER, ("ram", action), caller, members);
}

const SHARE: &str = "arn:aws:ram:us-east-1:777788889999:resource-share/1";

#[test]
fn a_share_ends_by_the_arn_that_its_creation_was_answered_with() {
    let database = "arn:aws:glue:us-east-1:777788889999:database/claims";
    let create =
        json!({"name": "mesh", "resourceArns": [database], "principals": [CONSUMER, STRANGER]});
    let of_stranger = json!({"resourceShareArn": SHARE, "principals": [STRANGER]});
    let of_consumer = json!({"resourceShareArn": SHARE, "principals": [CONSUMER]});
    for (ends, action, parameters) in [
        (
            true,
            "DeleteResourceShare",
            json!({"resourceShareArn": SHARE}),
        ),
        (true, "DisassociateResourceShare", of_consumer),
        (false, "DisassociateResourceShare", of_stranger),
    ] {
        let mut log = reached();
        ram(&mut log, 3, "CreateResourceShare", &create);
        ram(&mut log, 5, action, &parameters);
        log.query(9, Some("KB"), 1, Q1);
        access(&mut log, 11, PRODUCER, in_owners_copy(), Some(Q1));
        let audit = with_statistics(&log, &[]);
        let chain = with_queries(&audit);
        let reads = chain.queries[0].reads.as_deref().unwrap();
        assert_eq!(
            reads[0].shared_by.is_empty(),
            ends,
            "{action}: {:?}",
            reads[0].shared_by
        );
    }
}

#[test]
fn what_a_revocation_leaves_stays_granted() {
    let grant = |log: &mut Log, second, action, owner: &str, permissions: &[&str]| {
        let caller = json!({"type": "IAMUser", "accountId": owner, "userName": "u",
            "arn": format!("arn:aws:iam::{owner}:user/u")});
        let parameters = json!({
            "principal": {"dataLakePrincipalIdentifier": CONSUMER},
            "resource": {"table": {"catalogId": owner, "databaseName": "claims", "name": "sales"}},
            "permissions": permissions,
        });
        let members = json!({"requestParameters": parameters});
        log.put(second, owner, ("lakeformation", action), caller, members);
    };
    for (owner, revoked, left) in [
        (
            PRODUCER,
            "DESCRIBE",
            Some("lake-formation: SELECT for 444455556666"),
        ),
        (
            STRANGER,
            "SELECT",
            Some("lake-formation: SELECT, DESCRIBE for 444455556666"),
        ),
        (PRODUCER, "ALL", None),
    ] {
        let mut log = reached();
        grant(
            &mut log,
            3,
            "GrantPermissions",
            PRODUCER,
            &["SELECT", "DESCRIBE"],
        );
        grant(&mut log, 4, "GrantPermissions", STRANGER, &["SELECT"]);
        grant(&mut log, 5, "RevokePermissions", owner, &[revoked]);
        log.query(9, Some("KB"), 1, Q1);
        access(&mut log, 11, PRODUCER, in_owners_copy(), Some(Q1));
        let audit = with_statistics(&log, &[]);
        let chain = with_queries(&audit);
        let reads = chain.queries[0].reads.as_deref().unwrap();
        let shares: Vec<&str> = reads[0].shared_by.iter().map(|share| &**share).collect();
        assert_eq!(
            shares,
            left.into_iter().collect::<Vec<_>>(),
            "{owner} {revoked}"
        );
    }
}
