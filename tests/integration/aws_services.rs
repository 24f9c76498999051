//! The services behind the adapters, by answers in their own shapes: paging, throttling, refusals, and what is asked.

use crate::replay::{Answer, Replay};
use qs_audit::aws::{
    Access, Aws, AwsErrorKind, CatalogLists, CostQuestion, LookupLogs, LookupPlace,
};
use qs_audit::decode::quick_query_id;
use qs_audit::ingest::{
    BillReader, UnitsReader, read_data_catalogs, read_data_sources, read_executions,
};
use qs_audit::model::bill::CostMetric;
use qs_audit::model::data_catalogs::{CatalogTarget, DataCatalogs};
use qs_audit::model::exact::ExactAmount;
use qs_audit::model::execution::{QueryState, Statistics};
use qs_audit::model::ids::QueryExecutionId;
use qs_audit::model::inventory::Inventory;
use qs_audit::model::time::UtcSecond;
use qs_audit::model::window::TimeWindow;
use qs_audit::ports::LogSource;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

fn replay(answers: &[Answer]) -> (Aws, Replay) {
    let replay = Replay::new(answers.iter().cloned());
    let aws = Aws::through(Some(replay.http()), None, Duration::from_micros(10)).unwrap();
    (aws, replay)
}

fn ok(body: Value) -> Answer {
    (200, "", body)
}

/// Bodies of the requests that were made.
fn asked(replay: &Replay) -> Vec<Value> {
    let requests = replay.asked().into_iter();
    requests.map(|request| request.body).collect()
}

fn targets(replay: &Replay) -> Vec<String> {
    let requests = replay.asked().into_iter();
    requests.map(|request| request.target).collect()
}

fn in_region(region: &str) -> Access {
    Access {
        region: Some(region.to_owned()),
        ..Access::default()
    }
}

const ID: &str = "44444444-0000-4000-8000-0000000000ee";

fn execution(id: &str, state: &str, bytes: u64) -> Value {
    json!({
        "QueryExecutionId": id,
        "Query": "/* QuickSight 0a0a0a0a-0000-4000-8000-000000000001 */ SELECT secret FROM t",
        "StatementType": "DML",
        "WorkGroup": "quick-retail",
        "Status": {"State": state, "SubmissionDateTime": 1_782_900_011.204, "CompletionDateTime": 1_782_900_019.9},
        "Statistics": {"DataScannedInBytes": bytes, "ResultReuseInformation": {"ReusedPreviousResult": false}},
    })
}

fn ids(count: usize) -> Vec<String> {
    (0..count)
        .map(|at| format!("44444444-0000-4000-8000-{at:012}"))
        .collect()
}

#[test]
fn statistics_are_asked_for_where_they_ran_and_told_without_sql() {
    let (aws, client) = replay(&[ok(
        json!({"QueryExecutions": [execution(ID, "SUCCEEDED", 123)]}),
    )]);
    let answer = aws
        .executions(&in_region("eu-central-1"), "Athena", &[ID.to_owned()])
        .unwrap();
    assert_eq!(asked(&client), [json!({"QueryExecutionIds": [ID]})]);
    assert_eq!(targets(&client), ["AmazonAthena.BatchGetQueryExecution"]);
    let uri = &client.asked()[0].uri;
    assert!(uri.contains("athena.eu-central-1.amazonaws.com"), "{uri}");
    assert!(!answer.text.contains("secret"), "{}", answer.text);
    let mut told = Statistics::default();
    read_executions("f", answer.text.as_bytes(), quick_query_id, &mut told);
    let known = &told.by_id[&QueryExecutionId::new(ID)];
    assert_eq!(known.bytes_scanned, Some(123));
    assert_eq!(known.state, QueryState::Succeeded);
    assert_eq!(known.submitted_at, UtcSecond::parse("2026-07-01T10:00:11Z"));
    assert!(known.quick_query_id.is_some());
    assert_eq!(told.rejects.total(), 0);
}

#[test]
fn ids_that_athena_did_not_get_to_are_asked_for_again() {
    let unprocessed = |id: &str, code: &str, said: &str| json!({"QueryExecutionId": id, "ErrorCode": code, "ErrorMessage": said});
    let three = ids(3);
    let (aws, client) = replay(&[
        ok(json!({
            "QueryExecutions": [execution(&three[0], "SUCCEEDED", 1)],
            "UnprocessedQueryExecutionIds": [
                unprocessed(&three[1], "INTERNAL_FAILURE", "try again"),
                unprocessed(&three[2], "INVALID_INPUT", "QueryExecution was not found"),
            ],
        })),
        ok(json!({"QueryExecutions": [execution(&three[1], "FAILED", 2)]})),
    ]);
    let answer = aws
        .executions(&in_region("us-east-1"), "Athena", &three)
        .unwrap();
    assert_eq!(asked(&client)[1], json!({"QueryExecutionIds": [three[1]]}));
    assert_eq!(answer.unavailable, BTreeSet::from([three[2].clone()]));
    assert!(answer.unprocessed.is_empty());
    assert!(answer.text.contains(&three[1]));
}

#[test]
fn ids_that_never_come_are_left_for_the_next_run() {
    let one = ids(1);
    let unprocessed = ok(
        json!({"UnprocessedQueryExecutionIds": [{"QueryExecutionId": one[0], "ErrorCode": "BUSY"}]}),
    );
    let (aws, client) = replay(&vec![unprocessed; 6]);
    let answer = aws
        .executions(&in_region("us-east-1"), "Athena", &one)
        .unwrap();
    assert_eq!(answer.unprocessed.len(), 1);
    assert_eq!(asked(&client).len(), 6);
}

#[test]
fn one_id_that_makes_no_sense_does_not_cost_the_others() {
    let four = ids(4);
    let refused = (400, "InvalidRequestException", json!({"Message": "bad id"}));
    let (aws, _) = replay(&[
        refused.clone(),
        ok(
            json!({"QueryExecutions": [execution(&four[0], "SUCCEEDED", 1), execution(&four[1], "SUCCEEDED", 1)]}),
        ),
        refused.clone(),
        ok(json!({"QueryExecutions": [execution(&four[2], "SUCCEEDED", 1)]})),
        refused,
    ]);
    let answer = aws
        .executions(&in_region("us-east-1"), "Athena", &four)
        .unwrap();
    assert_eq!(answer.unavailable, BTreeSet::from([four[3].clone()]));
    for id in &four[..3] {
        assert!(answer.text.contains(id));
    }
}

#[test]
fn throttling_is_waited_out_and_a_refusal_says_what_to_allow() {
    let throttled = (
        400,
        "ThrottlingException",
        json!({"message": "Rate exceeded"}),
    );
    let broken = (500, "InternalServerException", json!({"message": "oops"}));
    let (aws, client) = replay(&[
        throttled.clone(),
        broken,
        ok(json!({"QueryExecutions": [execution(ID, "SUCCEEDED", 7)]})),
    ]);
    aws.executions(&in_region("us-east-1"), "Athena", &[ID.to_owned()])
        .unwrap();
    assert_eq!(asked(&client).len(), 3);

    let (aws, _) = replay(&vec![throttled; 6]);
    let error = aws
        .executions(&in_region("us-east-1"), "Athena in 4444", &[ID.to_owned()])
        .unwrap_err();
    assert_eq!(error.kind, AwsErrorKind::Throttled);
    assert!(
        error
            .message
            .contains("Athena in 4444: throttled after all retries"),
        "{error}"
    );

    let denied = (
        400,
        "AccessDeniedException",
        json!({"Message": "User is not authorized"}),
    );
    let (aws, _) = replay(&[denied]);
    let error = aws
        .executions(&in_region("us-east-1"), "Athena in 4444", &[ID.to_owned()])
        .unwrap_err();
    assert_eq!(error.kind, AwsErrorKind::Denied);
    assert!(
        error
            .message
            .ends_with("allow athena:BatchGetQueryExecution"),
        "{error}"
    );

    let expired = (
        400,
        "ExpiredTokenException",
        json!({"message": "The security token is expired"}),
    );
    let (aws, _) = replay(&[expired]);
    let error = aws
        .executions(&in_region("us-east-1"), "Athena", &[ID.to_owned()])
        .unwrap_err();
    assert_eq!(error.kind, AwsErrorKind::Credentials);
    assert!(error.message.contains("aws sso login"), "{error}");
}

fn costs(start: &str, end: &str, amount: &str, estimated: bool) -> Value {
    json!({
        "TimePeriod": {"Start": start, "End": end},
        "Total": {},
        "Groups": [{
            "Keys": ["444455556666", "USE1-DataScannedInTB"],
            "Metrics": {
                "UnblendedCost": {"Amount": amount, "Unit": "USD"},
                "UsageQuantity": {"Amount": "0.2469135780", "Unit": "Terabytes"},
            },
        }],
        "Estimated": estimated,
    })
}

#[test]
fn every_page_of_the_bill_is_kept_as_it_comes() {
    let (aws, client) = replay(&[
        ok(json!({
            "ResultsByTime": [costs("2026-07-01", "2026-07-02", "1.2345678901", false)],
            "NextPageToken": "page-2",
            "DimensionValueAttributes": [{"Value": "444455556666", "Attributes": {"description": "retail-bu"}}],
        })),
        ok(json!({"ResultsByTime": [costs("2026-07-02", "2026-07-03", "2.5", true)]})),
    ]);
    let mut pages = Vec::new();
    let days = ("2026-07-01".parse().unwrap(), "2026-07-03".parse().unwrap());
    let question = CostQuestion::AthenaUsageByUsageType;
    let count = aws
        .costs(
            &Access::default(),
            question,
            days.0,
            days.1,
            &mut |_, page| {
                pages.push(page);
            },
        )
        .unwrap();
    assert_eq!(count, 2);
    assert_eq!(
        pages
            .iter()
            .map(|page| page.is_estimated)
            .collect::<Vec<_>>(),
        [false, true]
    );
    let asked = asked(&client);
    assert_eq!(
        asked[0]["TimePeriod"],
        json!({"Start": "2026-07-01", "End": "2026-07-03"})
    );
    assert_eq!(asked[0]["Granularity"], "DAILY");
    assert_eq!(
        asked[0]["Filter"]["And"],
        json!([
            {"Dimensions": {"Key": "SERVICE", "Values": ["Amazon Athena"]}},
            {"Not": {"Dimensions": {"Key": "RECORD_TYPE", "Values": ["Credit", "Refund", "Tax"]}}},
        ])
    );
    let keys: Vec<&Value> = asked[0]["GroupBy"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["Key"])
        .collect();
    assert_eq!(keys, ["LINKED_ACCOUNT", "USAGE_TYPE"]);
    assert_eq!(asked[1]["NextPageToken"], "page-2");
    let window = TimeWindow {
        from: UtcSecond::parse("2026-07-01T00:00:00Z"),
        to: UtcSecond::parse("2026-07-03T00:00:00Z"),
    };
    let mut reader = BillReader::new(CostMetric::Unblended, window, BTreeSet::new());
    for page in &pages {
        reader.read("f", page.text.as_bytes()).unwrap();
    }
    let bill = reader.finish();
    let total: ExactAmount = bill.lines.values().map(|line| &line.cost).sum();
    assert_eq!(total.to_string(), "3.7345678901");
    assert!(!bill.coverage.pages_missing);
    assert!(bill.coverage.notes.is_empty(), "{:?}", bill.coverage.notes);
    assert_eq!(&*bill.account_names["444455556666"], "retail-bu");
}

#[test]
fn a_page_that_was_paid_for_is_not_lost_when_the_next_one_fails() {
    let (aws, _) = replay(&[
        ok(json!({"ResultsByTime": [], "NextPageToken": "next"})),
        (400, "AccessDeniedException", json!({"Message": "no"})),
    ]);
    let mut pages = 0;
    let days = ("2026-07-01".parse().unwrap(), "2026-07-03".parse().unwrap());
    let error = aws
        .costs(
            &Access::default(),
            CostQuestion::UsageByService,
            days.0,
            days.1,
            &mut |_, _| pages += 1,
        )
        .unwrap_err();
    assert_eq!(pages, 1);
    assert!(
        error.message.contains("allow ce:GetCostAndUsage"),
        "{error}"
    );
}

#[test]
fn accounts_come_with_their_tags_page_by_page() {
    let tags = |value: &str| ok(json!({"Tags": [{"Key": "business-unit", "Value": value}]}));
    let (aws, client) = replay(&[
        ok(json!({"Accounts": [{"Id": "444455556666", "Name": "retail"}], "NextToken": "more"})),
        ok(json!({"Accounts": [{"Id": "555566667777", "Name": "insurance"}]})),
        tags("Retail"),
        tags("Insurance"),
    ]);
    let text = aws.accounts(&Access::default()).unwrap().text;
    assert_eq!(
        targets(&client),
        [
            "AWSOrganizationsV20161128.ListAccounts",
            "AWSOrganizationsV20161128.ListAccounts",
            "AWSOrganizationsV20161128.ListTagsForResource",
            "AWSOrganizationsV20161128.ListTagsForResource",
        ]
    );
    assert_eq!(
        asked(&client),
        [
            json!({}),
            json!({"NextToken": "more"}),
            json!({"ResourceId": "444455556666"}),
            json!({"ResourceId": "555566667777"}),
        ]
    );
    let first = &client.asked()[0];
    assert!(
        first.user_agent.contains("app/qs-audit"),
        "{}",
        first.user_agent
    );
    assert!(first.uri.contains("organizations.us-east-1.amazonaws.com"));
    let scope = "/us-east-1/organizations/aws4_request";
    assert!(
        first.authorization.contains(scope),
        "{}",
        first.authorization
    );
    let mut reader = UnitsReader::new(None, None);
    reader.read("accounts", text.as_bytes()).unwrap();
    let qs_audit::ingest::ReadUnits { units, rejects, .. } = reader.finish();
    assert_eq!(rejects.total(), 0);
    assert_eq!(
        units["444455556666"].business_unit.as_deref(),
        Some("Retail")
    );
    assert_eq!(
        units["555566667777"].account_name.as_deref(),
        Some("insurance")
    );
}

#[test]
fn data_sources_are_listed_page_by_page_and_signed() {
    let source = |id: &str| {
        json!({
            "Arn": format!("arn:aws:quicksight:us-east-1:111122223333:datasource/{id}"),
            "DataSourceParameters": {"AthenaParameters": {
                "WorkGroup": "quick-retail",
                "RoleArn": "arn:aws:iam::111122223333:role/a",
                "ConsumerAccountRoleArn": "arn:aws:iam::444455556666:role/b",
            }},
        })
    };
    let throttled = (429, "ThrottlingException", json!({"Message": "slow"}));
    let (aws, client) = replay(&[
        ok(json!({"DataSources": [source("ds-1")], "NextToken": "a/b+c="})),
        throttled,
        ok(json!({"DataSources": [source("ds-2")]})),
    ]);
    let text = aws
        .data_sources(&in_region("us-east-1"), "111122223333")
        .unwrap();
    let requests = client.asked();
    let first = "https://quicksight.us-east-1.amazonaws.com/accounts/111122223333/data-sources?max-results=100";
    assert_eq!(requests[0].uri, first);
    let next = format!("{first}&next-token=a%2Fb%2Bc%3D");
    assert_eq!(requests[2].uri, next);
    let signed = &requests[0].authorization;
    assert!(
        signed.contains("/us-east-1/quicksight/aws4_request"),
        "{signed}"
    );
    let mut inventory = Inventory::default();
    read_data_sources("f", text.as_bytes(), &mut inventory);
    assert_eq!(inventory.data_sources.len(), 2);
    assert_eq!(inventory.rejects.total(), 0);

    let denied = (
        403,
        "AccessDeniedException:http://x",
        json!({"Message": "not allowed"}),
    );
    let (aws, _) = replay(&[denied]);
    let error = aws
        .data_sources(&in_region("us-east-1"), "111122223333")
        .unwrap_err();
    assert_eq!(error.kind, AwsErrorKind::Denied);
    assert!(
        error.message.contains("allow quicksight:ListDataSources"),
        "{error}"
    );
}

#[test]
fn looked_up_events_are_asked_for_by_name_and_read_like_any_log() {
    let event = json!({
        "eventVersion": "1.11",
        "userIdentity": {"type": "AWSService", "invokedBy": "quicksight.amazonaws.com"},
        "eventTime": "2026-07-01T10:00:00Z", "eventSource": "sts.amazonaws.com",
        "eventName": "AssumeRole", "awsRegion": "us-east-1",
        "requestParameters": {"roleArn": "arn:aws:iam::111122223333:role/a", "roleSessionName": "s"},
        "responseElements": {"credentials": {"accessKeyId": "ASIAEXAMPLE", "expiration": "Jul 1, 2026, 11:00:00 AM"}},
        "eventID": "11111111-0000-4000-8000-00000000000a", "recipientAccountId": "111122223333",
    });
    let page = |more: Option<&str>| {
        ok(json!({
            "Events": [{"EventId": "x", "CloudTrailEvent": event.to_string()}],
            "NextToken": more,
        }))
    };
    let (aws, client) = replay(&[page(Some("next")), page(None)]);
    let place = LookupPlace {
        account_id: "111122223333".to_owned(),
        access: in_region("us-east-1"),
    };
    let now = UtcSecond::parse("2026-07-01T12:00:00Z").unwrap();
    let window = TimeWindow {
        from: UtcSecond::parse("2026-07-01T11:00:00Z").map(|from| from.plus(12 * 3600 - 11 * 3600)),
        to: Some(now),
    };
    let logs = LookupLogs::open(&aws, &[place], &window, now, Duration::from_micros(1));
    assert_eq!(
        logs.object_count() as usize,
        qs_audit::event_list::list::lookups().len()
    );
    let key = "lookup-events://111122223333/us-east-1/AssumeRole/2026-07-01";
    let object = (0..logs.object_count()).find(|object| &*logs.key(*object) == key);
    let object = object.unwrap();
    let athena = "lookup-events://111122223333/us-east-1/athena.amazonaws.com/2026-07-01";
    assert!((0..logs.object_count()).any(|object| &*logs.key(object) == athena));
    assert_eq!(logs.listing().notes.iter().count(), 1);
    let mut body = Vec::new();
    logs.read(object, &mut body).unwrap();
    let asked = asked(&client);
    assert_eq!(
        asked[0]["LookupAttributes"],
        json!([{"AttributeKey": "EventName", "AttributeValue": "AssumeRole"}])
    );
    assert_eq!(asked[0]["MaxResults"], 50);
    assert_eq!(asked[1]["NextToken"], "next");
    let source = crate::common::Memory::new([("looked-up", body)]);
    let audit = crate::common::run(&qs_audit::pipeline::Plan::default(), &source);
    assert_eq!(audit.coverage.records, 2);
    assert_eq!(audit.coverage.rejects.total(), 0);
    assert_eq!(audit.coverage.duplicates, 1);
}

#[test]
fn what_looking_up_cannot_know_is_a_gap() {
    let (aws, _) = replay(&[]);
    let place = LookupPlace {
        account_id: "444455556666".to_owned(),
        access: in_region("us-east-1"),
    };
    let now = UtcSecond::parse("2026-11-05T12:00:00Z").unwrap();
    let window = TimeWindow {
        from: UtcSecond::parse("2026-01-01T00:00:00Z"),
        to: Some(now),
    };
    let logs = LookupLogs::open(&aws, &[place], &window, now, Duration::ZERO);
    let (place, why) = &logs.listing().failed[0];
    assert_eq!(&**place, "lookup-events://444455556666/us-east-1");
    assert!(why.contains("has no events before 2026-08-07"), "{why}");
    // What is settled has one version for ever; what may grow has not.
    assert_eq!(&*logs.version(0).unwrap().tag, "settled");
    let last = logs.object_count() - 1;
    assert!(logs.version(last).unwrap().tag.starts_with("until "));
}

#[test]
fn trails_say_whether_they_are_on_and_what_they_leave_out() {
    let trail = json!({
        "Name": "org-trail", "S3BucketName": "amzn-s3-demo-bucket", "IsMultiRegionTrail": true,
        "IncludeGlobalServiceEvents": true, "LogFileValidationEnabled": false,
        "TrailARN": "arn:aws:cloudtrail:us-east-1:111122223333:trail/org-trail", "IsOrganizationTrail": true,
    });
    let (aws, client) = replay(&[
        ok(json!({"trailList": [trail]})),
        ok(json!({"IsLogging": true, "LatestDeliveryTime": 1_782_900_000.0})),
        ok(json!({"AdvancedEventSelectors": [{"FieldSelectors": [
            {"Field": "eventCategory", "Equals": ["Management"]},
            {"Field": "readOnly", "Equals": ["false"]},
        ]}]})),
    ]);
    let trails = aws
        .trails(&in_region("us-east-1"), "account 111122223333")
        .unwrap();
    let trail = &trails[0];
    assert_eq!(trail.is_logging, Some(true));
    assert!(trail.is_multi_region && !trail.has_digests);
    // STS calls only read.
    assert_eq!(trail.has_management_events, Some(false));
    assert_eq!(
        trail.last_delivery_at,
        UtcSecond::parse("2026-07-01T10:00:00Z")
    );
    assert_eq!(targets(&client).len(), 3);
}

#[test]
fn catalogs_grants_and_shares_are_listed_without_what_is_not_read() {
    let database = |name: &str| json!({"CatalogId": "777788889999", "Name": name, "Parameters": {"secret": "x"}});
    let table = json!({"CatalogId": "777788889999", "DatabaseName": "claims", "Name": "sales",
        "TableType": "EXTERNAL_TABLE", "Parameters": {"secret": "x"},
        "StorageDescriptor": {"Location": "s3://lake/sales/", "Columns": [{"Name": "secret"}]}});
    let share = "arn:aws:ram:eu-central-1:222233334444:resource-share/1";
    let ledger = "arn:aws:lambda:eu-central-1:222233334444:function:ledger";
    let denied = (403, "AccessDeniedException", json!({"Message": "no"}));
    let (aws, client) = replay(&[
        ok(json!({"DatabaseList": [database("claims")], "NextToken": "next"})),
        ok(json!({"DatabaseList": [database("empty")]})),
        ok(json!({"TableList": [table]})),
        ok(json!({"TableList": []})),
        denied,
        ok(json!({"DataCatalogsSummary": [
            {"CatalogName": "AwsDataCatalog", "Type": "GLUE"},
            {"CatalogName": "mesh", "Type": "GLUE"},
            {"CatalogName": "lambda", "Type": "LAMBDA"},
        ]})),
        ok(json!({"DataCatalog": {"Name": "mesh", "Type": "GLUE",
            "Parameters": {"catalog-id": "222233334444", "secret": "x"}}})),
        ok(
            json!({"DataCatalog": {"Name": "lambda", "Type": "LAMBDA", "Parameters": {
            "metadata-function": ledger, "record-function": ledger, "secret": "x"}}}),
        ),
        ok(json!({"PrincipalResourcePermissions": [{
            "Principal": {"DataLakePrincipalIdentifier": "444455556666"},
            "Resource": {"Table": {"CatalogId": "777788889999", "DatabaseName": "claims", "Name": "sales"}},
            "Permissions": ["SELECT"], "LastUpdatedBy": "secret",
        }]})),
        ok(json!({"resourceShareAssociations": [], "nextToken": "more"})),
        ok(json!({"resourceShareAssociations": []})),
        ok(json!({"resourceShareAssociations": []})),
        ok(json!({"resources": [
            {"arn": "arn:aws:glue:eu-central-1:222233334444:database/rates", "resourceShareArn": share},
        ]})),
    ]);
    let access = in_region("eu-central-1");
    let lists = aws.catalog_lists(&access, "777788889999").unwrap();
    let named: Vec<&str> = lists.iter().map(|list| list.name).collect();
    assert_eq!(named, ["tables", "data-catalogs", "grants", "shares"]);
    let refused: Vec<String> = lists
        .iter()
        .flat_map(|list| &list.refused)
        .map(ToString::to_string)
        .collect();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].contains("allow glue:GetResourcePolicies"));

    let requests = client.asked();
    assert_eq!(requests[1].body["NextToken"], "next");
    assert_eq!(requests[2].body["DatabaseName"], "claims");
    assert_eq!(requests[2].target, "AWSGlue.GetTables");
    assert_eq!(requests[6].body["Name"], "mesh");
    let host = "https://lakeformation.eu-central-1.amazonaws.com/ListPermissions";
    assert_eq!(requests[8].uri, host);
    assert_eq!(requests[10].body["nextToken"], "more");
    assert_eq!(requests[12].body["resourceOwner"], "OTHER-ACCOUNTS");
    check_lists(&lists, ledger);
}

/// The lists are what was answered, without what is not read.
fn check_lists(lists: &[CatalogLists], ledger: &str) {
    let mut catalogs = DataCatalogs::default();
    for list in lists {
        assert!(!list.text.contains("secret"), "{}", list.text);
        read_data_catalogs(list.name, list.text.as_bytes(), &mut catalogs);
    }
    assert_eq!(catalogs.rejects.total(), 0);
    let location = catalogs.tables.values().next().unwrap().location.as_deref();
    assert_eq!(location, Some("s3://lake/sales/"));
    let listed = |name: &str| catalogs.target(&"777788889999".into(), name).cloned();
    let mesh = CatalogTarget::Glue("222233334444".into());
    assert_eq!(listed("mesh"), Some(mesh));
    let functions = CatalogTarget::Functions(vec![ledger.into()]);
    assert_eq!(listed("lambda"), Some(functions));
    assert_eq!(catalogs.target(&"444455556666".into(), "mesh"), None);
    let shares: Vec<(&str, &str)> = catalogs
        .shares
        .iter()
        .map(|share| (share.kind.into(), &*share.principal))
        .collect();
    // Who asks for what others share is whom they share it with.
    let expected = [("lake-formation", "444455556666"), ("ram", "777788889999")];
    assert_eq!(shares, expected);
}

#[test]
fn users_of_quick_are_listed_in_all_namespaces() {
    let (aws, client) = replay(&[
        ok(json!({"Namespaces": [{"Name": "default"}, {"Name": "team/b"}]})),
        ok(
            json!({"UserList": [{"UserName": "ana", "Email": "ana@example.com", "Role": "READER",
            "Active": true, "PrincipalId": "secret"}], "NextToken": "a b"}),
        ),
        ok(json!({"UserList": [{"UserName": "bela"}]})),
        ok(json!({"UserList": []})),
    ]);
    let lists = aws
        .quick_users(&in_region("us-east-1"), "111122223333")
        .unwrap();
    assert!(!lists.text.contains("secret"), "{}", lists.text);
    let mut catalogs = DataCatalogs::default();
    read_data_catalogs("users", lists.text.as_bytes(), &mut catalogs);
    assert_eq!(catalogs.users.len(), 2);
    let requests = client.asked();
    assert!(
        requests[2]
            .uri
            .ends_with("/namespaces/default/users?max-results=100&next-token=a%20b")
    );
    assert!(requests[3].uri.contains("/namespaces/team%2Fb/users"));

    // Another Region than that of the identities refuses.
    let elsewhere = (
        400,
        "InvalidParameterValueException",
        json!({"Message": "your identity region is us-east-1"}),
    );
    let (aws, _) = replay(&[elsewhere]);
    assert!(
        aws.quick_users(&in_region("eu-central-1"), "111122223333")
            .is_err()
    );
}
