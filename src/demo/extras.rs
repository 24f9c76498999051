//! Files other than the logs: query statistics, a bill, an inventory, settings.

use super::bill;
use super::cast::{self, CONSUMERS, HUB, PRODUCERS, QUICK_REGION, SENSITIVE_TABLE};
use super::chance::Chance;
use super::layout::GeneratedFile;
use super::plan::DemoPlan;
use super::roads;
use super::scenes::Stage;
use super::statistics;
use super::truth::Truth;
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Draws for the exports are their own, so that the logs do not depend on them.
const EXPORTS_SEED: u64 = 0x5eed_0f5e_ed12;

/// JSON with indents and a line feed at the end.
pub(super) fn pretty(value: &impl Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).unwrap_or_default();
    text.push(b'\n');
    text
}

pub(super) fn extras(stage: &Stage, truth: &Truth, plan: &DemoPlan) -> Vec<GeneratedFile> {
    let mut chance = Chance::new(plan.seed ^ EXPORTS_SEED);
    let queries = statistics::queries(stage, truth, &mut chance);
    let days = bill::days(&queries, plan, &mut chance);
    let mut extras = vec![
        file("executions.json", &statistics::answer(&queries)),
        file("costs.json", &bill::by_usage_type(&days)),
        file("costs-by-service.json", &bill::by_service(&days)),
        file("costs-rest.json", &bill::by_record_type(&days)),
        file("data-sources.json", &data_sources(plan)),
        GeneratedFile {
            key: "catalogs.json".into(),
            body: catalogs(plan).iter().flat_map(pretty).collect(),
        },
        GeneratedFile {
            key: "chat-logs.jsonl".into(),
            body: lines(&stage.chat_log),
        },
        GeneratedFile {
            key: "qs-audit.toml".into(),
            body: configuration(plan).into_bytes(),
        },
    ];
    extras.sort_by(|left, right| left.key.cmp(&right.key));
    extras
}

/// JSON lines.
fn lines(entries: &[Value]) -> Vec<u8> {
    let lines = entries.iter().map(|entry| format!("{entry}\n"));
    lines.collect::<String>().into_bytes()
}

fn file(key: &str, value: &Value) -> GeneratedFile {
    GeneratedFile {
        key: key.into(),
        body: pretty(value),
    }
}

/// `aws quicksight list-data-sources`.
fn data_sources(plan: &DemoPlan) -> Value {
    let consumers = &CONSUMERS[..plan.consumers.clamp(1, CONSUMERS.len())];
    let sources: Vec<Value> = consumers
        .iter()
        .flat_map(|consumer| {
            let own = consumer.data_sources.iter();
            let own = own.map(|id| ((*id).to_owned(), consumer.role_arn()));
            let lake = has_lake_role(plan).then(|| {
                (
                    cast::lake_data_source(consumer),
                    cast::mesh_role_arn(consumer),
                )
            });
            own.chain(lake).map(|(id, role)| {
                json!({
                    "Arn": cast::data_source_arn(&id),
                    "DataSourceId": id,
                    "Name": format!("{} {id}", consumer.name),
                    "Type": "ATHENA",
                    "Status": "CREATION_SUCCESSFUL",
                    "DataSourceParameters": {
                        "AthenaParameters": {
                            "WorkGroup": consumer.work_group,
                            "RoleArn": cast::role_a_arn(),
                            "ConsumerAccountRoleArn": role,
                        },
                    },
                })
            })
        })
        .collect();
    json!({"DataSources": sources, "Status": 200, "RequestId": Chance::stable_uuid(1)})
}

/// `aws glue get-tables` of all accounts, with `aws lakeformation list-permissions` and
/// `aws quicksight list-users`; then `aws athena get-data-catalog` of those that are registered.
fn catalogs(plan: &DemoPlan) -> Vec<Value> {
    let consumers = &CONSUMERS[..plan.consumers.clamp(1, CONSUMERS.len())];
    let table = |account: &str, database: &str, name: &str, location: String| {
        json!({
            "CatalogId": account,
            "DatabaseName": database,
            "Name": name,
            "TableType": "EXTERNAL_TABLE",
            "StorageDescriptor": {"Location": location},
        })
    };
    let mut tables: Vec<Value> = consumers
        .iter()
        .map(|consumer| {
            let (name, database) = (consumer.name, consumer.database);
            let location = format!("s3://{name}-lake/{database}/sales/");
            table(consumer.account, database, "sales", location)
        })
        .collect();
    let [policies, rates] = &PRODUCERS;
    for (producer, name) in [
        (policies, policies.table),
        (policies, SENSITIVE_TABLE),
        (policies, "archived_contracts"),
        (rates, rates.table),
    ] {
        let (bucket, database) = (producer.bucket, producer.database);
        let location = format!("s3://{bucket}/{database}/{name}/");
        tables.push(table(producer.account, database, name, location));
    }
    let permissions: Vec<Value> = consumers
        .iter()
        .map(|consumer| {
            json!({
                "Principal": {"DataLakePrincipalIdentifier": consumer.account},
                "Resource": {"Table": {
                    "CatalogId": policies.account,
                    "DatabaseName": policies.database,
                    "Name": SENSITIVE_TABLE,
                }},
                "Permissions": ["SELECT"],
            })
        })
        .collect();
    let users: Vec<Value> = cast::USERS
        .iter()
        .copied()
        .chain((plan.roads_per_day() > 0).then_some(roads::AGENT_USER))
        .map(|name| {
            let (_, email) = name.split_once('/').unwrap_or(("default", name));
            let arn = format!("arn:aws:quicksight:us-east-1:{}:user/{name}", cast::HUB);
            json!({"Arn": arn, "UserName": email, "Email": email, "Role": "READER", "Active": true})
        })
        .collect();
    let mut lists = vec![json!({
        "TableList": tables,
        "PrincipalResourcePermissions": permissions,
        "UserList": users,
    })];
    if plan.roads_per_day() > 0 {
        for consumer in consumers {
            let registered = roads::data_catalogs(consumer).into_iter();
            lists.extend(registered.map(|catalog| json!({ "DataCatalog": catalog })));
        }
    }
    lists
}

/// Returns true if consumers have a second Role B, with a data source of its own.
fn has_lake_role(plan: &DemoPlan) -> bool {
    plan.mesh_per_day > 0 && plan.oddities
}

/// A configuration that declares what is there.
fn configuration(plan: &DemoPlan) -> String {
    let mut text = format!(
        "# Declares the organization of the logs next to this file.\n\n\
         [hub]\naccount_id = \"{HUB}\"\nrun_as_roles = [\"{}\"]\n",
        cast::role_a_arn()
    );
    for consumer in &CONSUMERS[..plan.consumers.clamp(1, CONSUMERS.len())] {
        let unit = consumer.business_unit;
        let unit = unit.map_or_else(String::new, |unit| format!("business_unit = \"{unit}\"\n"));
        let mut roles = vec![consumer.role_arn()];
        if has_lake_role(plan) {
            roles.push(cast::mesh_role_arn(consumer));
        }
        let _ = write!(
            text,
            "\n[[consumers]]\nname = \"{}\"\naccount_id = \"{}\"\n{unit}roles = [\"{}\"]\n\
             work_groups = [\"{}\"]\n",
            consumer.name,
            consumer.account,
            roles.join("\", \""),
            consumer.work_group
        );
    }
    if plan.mesh_per_day > 0 {
        for producer in &PRODUCERS {
            let (name, account) = (producer.name, producer.account);
            let _ = write!(
                text,
                "\n[[producers]]\nname = \"{name}\"\naccount_id = \"{account}\"\n"
            );
        }
        let database = PRODUCERS[0].database;
        let _ = write!(
            text,
            "\n[[sensitive]]\ntables = [\"{database}.{SENSITIVE_TABLE}\"]\nreason = \"personal data\"\n"
        );
    }
    if plan.roads_per_day() > 0 {
        let job = roads::GLUE_JOB;
        let (agent, user) = (roads::AGENT, roads::AGENT_USER);
        let _ = write!(
            text,
            "\n[[declared_services]]\nservice = \"glue.amazonaws.com\"\nresource_arn = \"arn:aws:glue:*:job/{job}\"\n\
             reason = \"copies rates every night\"\n\
             \n[[agents]]\nid = \"{agent}\"\nname = \"Sales helper\"\nusers = [\"{user}\"]\n\
             \n[[chat_logs]]\npath = \"chat-logs.jsonl\"\n"
        );
    }
    let _ = write!(
        text,
        "\n[[logs]]\npath = \"AWSLogs\"\n\n[[executions]]\npath = \"executions.json\"\n\n\
         [[data_sources]]\npath = \"data-sources.json\"\n\n\
         [[catalogs]]\npath = \"catalogs.json\"\n\n\
         [[costs]]\npath = \"costs.json\"\n\n[[costs]]\npath = \"costs-by-service.json\"\n\n\
         [[costs]]\npath = \"costs-rest.json\"\n\n\
         [aws]\npayer_account_id = \"{HUB}\"\n\n\
         [pricing]\ntb = \"decimal\"\n\
         usd_per_tb = {{ {QUICK_REGION} = \"5.00\" }}\n"
    );
    text
}
