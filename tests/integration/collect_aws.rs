//! `collect` asks for statistics, the bill and lists, keeps them, and pays once.

use crate::cli::{organization, output, program};
use crate::s3::program_at;
use qs_audit::cli::Exit;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Answers like the services that are asked, and remembers what was.
struct Services {
    url: String,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
    is_estimated: Arc<Mutex<bool>>,
}

impl Services {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
        let is_estimated = Arc::new(Mutex::new(true));
        let (own, estimated) = (Arc::clone(&asked), Arc::clone(&is_estimated));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (asked, estimated) = (Arc::clone(&own), Arc::clone(&estimated));
                std::thread::spawn(move || serve(client, &asked, &estimated));
            }
        });
        Self {
            url,
            asked,
            is_estimated,
        }
    }

    /// How often something was asked since the last time.
    fn asked(&self, what: &str) -> usize {
        let mut asked = self.asked.lock().unwrap();
        let before = asked.len();
        asked.retain(|(target, _)| !target.contains(what));
        before - asked.len()
    }
}

fn serve(
    client: TcpStream,
    asked: &Mutex<Vec<(String, Value)>>,
    is_estimated: &Mutex<bool>,
) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let mut client = client;
    loop {
        let (mut head, mut line) = (Vec::new(), String::new());
        while reader.read_line(&mut line).ok()? > 2 {
            head.push(std::mem::take(&mut line));
        }
        let header = |name: &str| {
            let found = head.iter().find_map(|line| {
                let (own, value) = line.split_once(':')?;
                (own.eq_ignore_ascii_case(name)).then(|| value.trim().to_owned())
            });
            found.unwrap_or_default()
        };
        let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
        reader.read_exact(&mut body).ok()?;
        let form = String::from_utf8_lossy(&body).into_owned();
        let body: Value =
            serde_json::from_slice(&body).unwrap_or_else(|_| Value::String(form.clone()));
        let target = match header("x-amz-target").as_str() {
            "" => head.first()?.clone(),
            target => target.to_owned(),
        };
        let text = match sts(&form) {
            Some(text) => text,
            None => answer(&target, &body, *is_estimated.lock().unwrap()).to_string(),
        };
        asked.lock().unwrap().push((target, body));
        let length = text.len();
        write!(
            client,
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{text}"
        )
        .ok()?;
    }
}

/// What STS says, in its own words.
fn sts(form: &str) -> Option<String> {
    if form.contains("Action=GetCallerIdentity") {
        return Some(
            "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>111122223333</Account>\
             </GetCallerIdentityResult></GetCallerIdentityResponse>"
                .to_owned(),
        );
    }
    form.contains("Action=AssumeRole").then(|| {
        let account = form
            .split("iam%3A%3A")
            .nth(1)
            .map_or("", |rest| &rest[..12]);
        format!(
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA{account}\
             </AccessKeyId><SecretAccessKey>x</SecretAccessKey><SessionToken>t</SessionToken>\
             <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult>\
             </AssumeRoleResponse>"
        )
    })
}

fn answer(target: &str, body: &Value, is_estimated: bool) -> Value {
    if target.ends_with("BatchGetQueryExecution") {
        let ids = body["QueryExecutionIds"].as_array().unwrap();
        assert!(ids.len() <= 50);
        let told = ids.iter().map(|id| json!({
            "QueryExecutionId": id, "StatementType": "DML", "WorkGroup": "w",
            "Status": {"State": "SUCCEEDED"}, "Statistics": {"DataScannedInBytes": 1_000_000_000},
        }));
        json!({"QueryExecutions": told.collect::<Vec<_>>()})
    } else if target.ends_with("GetCostAndUsage") {
        let start = body["TimePeriod"]["Start"].as_str().unwrap();
        let key = match body["GroupBy"][1]["Key"].as_str() {
            Some("SERVICE") => "Amazon Athena",
            Some("RECORD_TYPE") => "Credit",
            _ => "USE1-DataScannedInTB",
        };
        json!({"ResultsByTime": [{
            "TimePeriod": {"Start": "2026-11-02", "End": "2026-11-03"},
            "Groups": [{"Keys": ["444455556666", key], "Metrics": {
                "UnblendedCost": {"Amount": "12.50", "Unit": "USD"},
                "UsageQuantity": {"Amount": "2.5", "Unit": "Terabytes"},
            }}],
            "Estimated": is_estimated,
        }], "asked_from": start})
    } else if target.ends_with("ListAccounts") {
        json!({"Accounts": [{"Id": "444455556666", "Name": "retail-account"}]})
    } else if target.ends_with("ListTagsForResource") {
        json!({"Tags": [{"Key": "business-unit", "Value": "From tags"}]})
    } else if target.ends_with("GetDatabases") {
        json!({"DatabaseList": [{"CatalogId": "777788889999", "Name": "policies"}]})
    } else if target.ends_with("GetTables") {
        let tables = ["claimants", "never_read"].map(|name| {
            json!({"CatalogId": "777788889999", "DatabaseName": body["DatabaseName"], "Name": name})
        });
        json!({ "TableList": tables })
    } else if target.ends_with("GetResourcePolicies") {
        json!({"GetResourcePoliciesResponseList": []})
    } else if target.ends_with("ListDataCatalogs") {
        json!({"DataCatalogsSummary": []})
    } else if target.contains("/ListPermissions") {
        json!({"PrincipalResourcePermissions": [{
            "Principal": {"DataLakePrincipalIdentifier": "444455556666"},
            "Resource": {"Table": {"CatalogId": "777788889999", "DatabaseName": "policies", "Name": "claimants"}},
            "Permissions": ["SELECT"]}]})
    } else if target.contains("/getresourceshareassociations") {
        json!({"resourceShareAssociations": []})
    } else if target.contains("/listresources") {
        json!({"resources": []})
    } else if target.contains("/users") {
        json!({"UserList": [{"UserName": "default/ana@example.com", "Role": "READER"}]})
    } else if target.contains("/namespaces") {
        json!({"Namespaces": [{"Name": "default"}]})
    } else {
        json!({"DataSources": [{"Arn": "arn:aws:quicksight:us-east-1:111122223333:datasource/ds-retail-01"}]})
    }
}

const CONFIG: &str = "[hub]\naccount_id = \"111122223333\"\n[[logs]]\npath = \"AWSLogs\"\n\
    [store]\npath = \"store\"\n[aws]\ncosts = true\norganizations = true\n\
    audit_role_arn = \"arn:aws:iam::{account_id}:role/qs-audit\"\n";

fn collect(folder: &Path, services: &Services, now: &str) -> (String, String) {
    let mut command = program_at(&services.url);
    command
        .current_dir(folder)
        .args(["collect", "-c", "own.toml", "--now", now]);
    output(&mut command, Exit::Clean)
}

fn read(folder: &Path, args: &[&str]) -> String {
    let mut command = program();
    command.current_dir(folder).args(args).args([
        "-c",
        "own.toml",
        "--now",
        "2026-11-06T00:00:00Z",
    ]);
    output(&mut command, Exit::Clean).0
}

#[test]
fn what_is_asked_for_is_kept_and_pages_are_paid_for_once() {
    let folder = organization();
    let folder = folder.path();
    fs::write(folder.join("own.toml"), CONFIG).unwrap();
    let services = Services::start();
    let (said, warned) = collect(folder, &services, "2026-11-05T12:00:00Z");
    assert!(
        warned.contains("requesting costs from Cost Explorer: 3 paid requests ($0.03)"),
        "{warned}"
    );
    assert!(
        said.contains("bill stored; 3 paid requests to Cost Explorer ($0.03)"),
        "{said}"
    );
    assert!(said.contains("accounts and their tags listed"), "{said}");
    assert!(
        said.contains("data sources of 111122223333 in us-east-1 listed"),
        "{said}"
    );
    assert_eq!(services.asked("GetCostAndUsage"), 3);
    assert!(services.asked("BatchGetQueryExecution") > 0);

    // Statistics are asked for once; figures that are fresh are not paid for again.
    let (said, warned) = collect(folder, &services, "2026-11-05T13:00:00Z");
    assert!(!warned.contains("paid"), "{said}{warned}");
    assert_eq!(services.asked("GetCostAndUsage"), 0);
    assert_eq!(services.asked("BatchGetQueryExecution"), 0);

    // Estimates are asked for again, and with them the days behind them.
    *services.is_estimated.lock().unwrap() = false;
    let (said, _) = collect(folder, &services, "2026-11-05T20:00:00Z");
    assert!(said.contains("3 paid requests"), "{said}");
    assert_eq!(services.asked("GetCostAndUsage"), 3);
    // What is final is never asked for again: only the day that is new.
    collect(folder, &services, "2026-11-06T09:00:00Z");
    let asked = services.asked.lock().unwrap().clone();
    let costs = asked
        .iter()
        .filter(|(target, _)| target.ends_with("GetCostAndUsage"));
    let periods: Vec<&Value> = costs.map(|(_, body)| &body["TimePeriod"]).collect();
    let one_day = json!({"Start": "2026-11-05", "End": "2026-11-06"});
    assert_eq!(periods, [&one_day; 3]);

    only_an_accounts_own_role_is_asked(folder, &services);
    everything_is_told(folder);
}

#[test]
fn catalogs_are_listed_where_asked_for_and_tell_by_which_share_and_what_no_one_reads() {
    let folder = organization();
    let folder = folder.path();
    let declared = "catalogs = true\ncatalog_regions = [\"us-east-1\"]\n\
        [[producers]]\nname = \"policies-data\"\naccount_id = \"777788889999\"\n";
    let config = format!("{CONFIG}{declared}").replace("costs = true\n", "");
    fs::write(folder.join("own.toml"), &config).unwrap();
    let services = Services::start();
    let (said, warned) = collect(folder, &services, "2026-11-05T12:00:00Z");
    for listed in [
        "data catalogs of 777788889999 in us-east-1 listed",
        "data catalogs of 111122223333 in us-east-1 listed",
        "users of Quick in 111122223333 listed",
    ] {
        assert!(said.contains(listed), "{listed}: {said}{warned}");
    }
    assert_eq!(services.asked("AWSGlue.GetTables"), 2);
    assert_eq!(services.asked("ListPermissions"), 2);
    let never = read(
        folder,
        &[
            "query",
            "tables-never-read",
            "--from",
            "2026-11-01",
            "--format",
            "csv",
        ],
    );
    assert!(never.contains("never_read"), "{never}");
    assert!(!never.contains("claimants"), "{never}");
    let table = [
        "chains",
        "--table",
        "policies.claimants",
        "--from",
        "2026-11-01",
    ];
    let chains = read(folder, &[&table[..], &["--format", "json"]].concat());
    let chains: Value = serde_json::from_str(&chains).unwrap();
    let reads = chains["chains"][0]["queries"][0]["reads"].to_string();
    assert!(
        reads.contains("claimants") && reads.contains("shared_by"),
        "{reads}"
    );

    // No one asked for them: no one is asked.
    services.asked("AWSGlue");
    let config = config
        .replace("catalogs = true\n", "")
        .replace("\"store\"", "\"other\"");
    fs::write(folder.join("own.toml"), config).unwrap();
    collect(folder, &services, "2026-11-05T12:00:00Z");
    assert_eq!(services.asked("AWSGlue"), 0);
}

/// Without a role nobody is asked in its place: another account would deny to know them.
fn only_an_accounts_own_role_is_asked(folder: &Path, services: &Services) {
    let config = CONFIG
        .replace("audit_role_arn", "# audit_role_arn")
        .replace("\"store\"", "\"other\"");
    fs::write(folder.join("own.toml"), config).unwrap();
    let (_, warned) = collect(folder, services, "2026-11-05T12:00:00Z");
    assert!(
        warned.contains("Athena in account 444455556666: no role is configured for this account"),
        "{warned}"
    );
    // Only the caller's own account is asked.
    assert!(services.asked("BatchGetQueryExecution") <= 1);
    fs::write(
        folder.join("own.toml"),
        CONFIG.replace("\"store\"", "\"other\""),
    )
    .unwrap();
    let (said, _) = collect(folder, services, "2026-11-05T13:00:00Z");
    assert!(said.contains("statistics of"), "{said}");
    fs::write(folder.join("own.toml"), CONFIG).unwrap();
}

/// Without a file and without AWS.
fn everything_is_told(folder: &Path) {
    let chains = read(
        folder,
        &["chains", "--from", "2026-11-01", "--format", "json"],
    );
    let chains: Value = serde_json::from_str(&chains).unwrap();
    let bytes = chains["total"]["bytes_scanned"].as_u64().unwrap();
    assert!(bytes > 1_000_000_000, "{}", chains["total"]);
    let bill = read(
        folder,
        &[
            "chargeback",
            "--from",
            "2026-11-01",
            "--to",
            "2026-11-04",
            "--format",
            "json",
        ],
    );
    let bill: Value = serde_json::from_str(&bill).unwrap();
    let billed = bill["total"]["billed_cost_usd"].as_str().unwrap();
    assert!(billed.starts_with("12.50"), "{}", bill["total"]);
    assert!(bill.to_string().contains("From tags"));
}

/// A query of a user of an account, with an id of its own.
fn query_in(account: &str, region: &str, id: u32) -> Value {
    json!({"eventVersion": "1.11", "eventSource": "athena.amazonaws.com",
            "eventName": "StartQueryExecution", "eventTime": "2026-11-05T10:00:00Z",
            "awsRegion": region, "recipientAccountId": account,
            "eventID": format!("00000000-0000-4000-8000-{id:012}"),
            "userIdentity": {"type": "IAMUser", "accountId": account, "userName": "u",
                "arn": format!("arn:aws:iam::{account}:user/u")},
            "requestParameters": {"workGroup": "w"},
            "responseElements": {"queryExecutionId": format!("00000000-0000-4000-9000-{id:012}")}})
}

#[test]
fn the_external_id_goes_to_no_account_that_only_logs_name() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let records = [
        query_in("444455556666", "us-east-1", 1),
        query_in("666677778888", "us-east-1", 2),
        query_in("444455556666", "us-east-1.evil.example/", 3),
        query_in("444455556666", "zz-nowhere-9", 4),
        query_in("evil@203.0.113.1/", "us-east-1", 5),
    ];
    fs::create_dir(folder.join("logs")).unwrap();
    let text = json!({"Records": records}).to_string();
    fs::write(folder.join("logs/f.json"), text).unwrap();
    let config = "[hub]\naccount_id = \"111122223333\"\n[[consumers]]\nname = \"retail\"\n\
        account_id = \"444455556666\"\n[[logs]]\npath = \"logs\"\n[store]\npath = \"store\"\n\
        [aws]\ndata_sources = false\nexternal_id = \"s3cret-external-id\"\n\
        audit_role_arn = \"arn:aws:iam::{account_id}:role/qs-audit\"\n";
    fs::write(folder.join("own.toml"), config).unwrap();
    let services = Services::start();
    let doctor = |config| {
        let mut doctor = program_at(&services.url);
        doctor.current_dir(folder).args(["doctor", "-c", config]);
        output(doctor.args(["--now", "2026-11-05T12:00:00Z"]), Exit::Clean).0
    };
    let (_, said) = collect(folder, &services, "2026-11-05T12:00:00Z");
    for named in ["666677778888", "zz-nowhere-9", "evil@203.0.113.1/"] {
        assert!(said.contains(named), "{named}: {said}");
    }
    assert!(
        said.contains("this account appears only in the logs"),
        "{said}"
    );
    let out = doctor("own.toml");
    assert!(out.contains("444455556666"), "{out}");
    let undeclared = config.replace("[hub]\naccount_id = \"111122223333\"\n", "");
    let start = undeclared.find("[[consumers]]").unwrap();
    let end = undeclared.find("[[logs]]").unwrap();
    let undeclared = format!("{}{}", &undeclared[..start], &undeclared[end..]);
    fs::write(folder.join("undeclared.toml"), undeclared).unwrap();
    let name = "666677778888_CloudTrail_us-east-1_20261105T1000Z_ABCDEFGHIJKLMNOP.json";
    let foreign = folder.join("logs/AWSLogs/666677778888/CloudTrail/us-east-1/2026/11/05");
    fs::create_dir_all(&foreign).unwrap();
    fs::write(
        foreign.join(name),
        json!({"Records": [records[1]]}).to_string(),
    )
    .unwrap();
    let out = doctor("undeclared.toml");
    assert!(
        out.contains("not declared, so doctor assumes no role in it"),
        "{out}"
    );
    // Whatever was asked: the external id went to the declared account, and nowhere else.
    let asked = services.asked.lock().unwrap().clone();
    let assumed: Vec<String> = asked
        .iter()
        .filter_map(|(_, body)| body.as_str().map(str::to_owned))
        .filter(|form| form.contains("Action=AssumeRole"))
        .collect();
    assert!(!assumed.is_empty());
    for form in assumed {
        assert!(
            form.contains("444455556666") || form.contains("111122223333"),
            "{form}"
        );
        assert!(form.contains("s3cret-external-id"), "{form}");
    }
}
