//! Data catalogs, their tables and who may read them: Glue, Athena, Lake Formation and RAM of one
//! account and Region, and the users of Quick. They leave as text in the shape of the AWS CLI, one
//! answer per line, which `ingest::data_catalogs` reads; members that it does not read are dropped.

use super::described::{
    Described, Request, Service, all_pages, escaped, page_of, page_path, region,
};
use super::error::AwsError;
use super::quicksight::QUICKSIGHT;
use super::session::{Access, Aws};
use aws_config::SdkConfig;
use serde_json::{Map, Value, json};

const GLUE: Service = Service {
    name: "glue",
    id: "Glue",
    target_prefix: "AWSGlue",
    is_global: false,
};
const LAKE_FORMATION: Service = Service {
    name: "lakeformation",
    id: "LakeFormation",
    target_prefix: "", // it is asked by paths
    is_global: false,
};
const RAM: Service = Service {
    name: "ram",
    id: "RAM",
    target_prefix: "", // it is asked by paths
    is_global: false,
};
/// Databases, tables or users of one page.
const ITEMS_PER_PAGE: u8 = 100;
const DATA_CATALOGS_PER_PAGE: u8 = 50;
/// Athena's own catalog of an account: the account's Glue catalog, which stands for no other.
const OWN_CATALOG: &str = "AwsDataCatalog";

/// The lists of one service, as far as it gave them.
#[derive(Debug, Clone, Default)]
pub struct CatalogLists {
    /// What they are of: `tables`, `data-catalogs`, `grants`, `shares`, `users`.
    pub name: &'static str,
    /// One answer per line.
    pub text: String,
    /// The requests that were refused or failed.
    pub refused: Vec<AwsError>,
}

impl CatalogLists {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }

    /// Adds a list with these members of each item, and returns the items.
    fn add(
        &mut self,
        list: &str,
        items: Result<Vec<Value>, AwsError>,
        members: &[&str],
    ) -> Vec<Value> {
        let items = match items {
            Ok(items) => items,
            Err(error) => {
                self.refused.push(error);
                return Vec::new();
            }
        };
        let kept: Vec<Value> = items.iter().map(|item| kept(item, members)).collect();
        self.text.push_str(&json!({ list: kept }).to_string());
        self.text.push('\n');
        items
    }
}

/// A copy with these members only; a path such as `A.B` is the member `B` of `A`.
fn kept(item: &Value, members: &[&str]) -> Value {
    let mut copy = Map::new();
    for member in members {
        match member.split_once('.') {
            Some((outer, inner)) if item[outer].is_object() => {
                let copied = copy.entry(outer).or_insert_with(|| json!({}));
                if let (Some(copied), false) =
                    (copied.as_object_mut(), item[outer][inner].is_null())
                {
                    copied.insert(inner.to_owned(), item[outer][inner].clone());
                }
            }
            None if !item[*member].is_null() => {
                copy.insert((*member).to_owned(), item[*member].clone());
            }
            _ => {}
        }
    }
    Value::Object(copy)
}

impl Aws {
    /// Lists the catalogs of an account in the access's Region, its grants and shares. A service
    /// that refuses costs its own lists only.
    ///
    /// # Errors
    ///
    /// When nothing can be asked there.
    pub fn catalog_lists(
        &self,
        access: &Access,
        account_id: &str,
    ) -> Result<Vec<CatalogLists>, AwsError> {
        let config = self.config(access);
        let place = format!("account {account_id}, {}", region(&config));
        self.block_on(async {
            Ok(vec![
                tables(&config, &place).await?,
                data_catalogs(&config, &place, account_id).await?,
                grants(&config, &place).await?,
                shares(&config, &place, account_id).await?,
            ])
        })
    }

    /// Lists the users of Quick in all namespaces. Only the Region of its identities knows them.
    ///
    /// # Errors
    ///
    /// When the namespaces or all users are refused.
    pub fn quick_users(&self, access: &Access, account_id: &str) -> Result<CatalogLists, AwsError> {
        let config = self.config(access);
        let place = format!("Quick in account {account_id}, {}", region(&config));
        let list_namespaces = QUICKSIGHT.operation("ListNamespaces", &config)?;
        let list_users = QUICKSIGHT.operation("ListUsers", &config)?;
        self.block_on(async {
            let path = format!("/accounts/{account_id}/namespaces?max-results={ITEMS_PER_PAGE}");
            let namespaces = all_pages(
                &list_namespaces,
                |token| Request::Get(page_path(&path, token)),
                "Namespaces",
                "quicksight:ListNamespaces",
                &place,
            )
            .await?;
            let mut lists = CatalogLists::new("users");
            for name in namespaces.iter().filter_map(|one| one["Name"].as_str()) {
                let path = format!(
                    "/accounts/{account_id}/namespaces/{}/users?max-results={ITEMS_PER_PAGE}",
                    escaped(name)
                );
                let users = all_pages(
                    &list_users,
                    |token| Request::Get(page_path(&path, token)),
                    "UserList",
                    "quicksight:ListUsers",
                    &place,
                );
                lists.add(
                    "UserList",
                    users.await,
                    &["Arn", "UserName", "Email", "Role", "Active"],
                );
            }
            match lists.refused.pop() {
                Some(refused) if lists.text.is_empty() => Err(refused),
                refused => {
                    lists.refused.extend(refused);
                    Ok(lists)
                }
            }
        })
    }
}

/// Databases, tables and resource policies of Glue.
async fn tables(config: &SdkConfig, place: &str) -> Result<CatalogLists, AwsError> {
    let place = format!("Glue in {place}");
    let get_databases = GLUE.operation("GetDatabases", config)?;
    let get_tables = GLUE.operation("GetTables", config)?;
    let get_policies = GLUE.operation("GetResourcePolicies", config)?;
    let mut lists = CatalogLists::new("tables");
    let databases = all_pages(
        &get_databases,
        |token| Request::Json(page_of(json!({ "MaxResults": ITEMS_PER_PAGE }), token)),
        "DatabaseList",
        "glue:GetDatabases",
        &place,
    );
    let members = ["CatalogId", "Name", "TargetDatabase"];
    let databases = lists.add("DatabaseList", databases.await, &members);
    for database in databases.iter().filter_map(|one| one["Name"].as_str()) {
        let asked = json!({ "DatabaseName": database, "MaxResults": ITEMS_PER_PAGE });
        let tables = all_pages(
            &get_tables,
            |token| Request::Json(page_of(asked.clone(), token)),
            "TableList",
            "glue:GetTables",
            &place,
        );
        let members = [
            "CatalogId",
            "DatabaseName",
            "Name",
            "TableType",
            "TargetTable",
            "StorageDescriptor.Location",
        ];
        lists.add("TableList", tables.await, &members);
    }
    let policies = all_pages(
        &get_policies,
        |token| Request::Json(page_of(json!({}), token)),
        "GetResourcePoliciesResponseList",
        "glue:GetResourcePolicies",
        &place,
    );
    let list = "GetResourcePoliciesResponseList";
    lists.add(list, policies.await, &["PolicyInJson"]);
    Ok(lists)
}

/// Athena's registered data catalogs with their targets: catalogs of Glue, functions, connections.
async fn data_catalogs(
    config: &SdkConfig,
    place: &str,
    account_id: &str,
) -> Result<CatalogLists, AwsError> {
    let place = format!("Athena in {place}");
    let athena = super::athena::ATHENA;
    let list_catalogs = athena.operation("ListDataCatalogs", config)?;
    let get_catalog = athena.operation("GetDataCatalog", config)?;
    let mut lists = CatalogLists::new("data-catalogs");
    let listed = all_pages(
        &list_catalogs,
        |token| {
            Request::Json(page_of(
                json!({ "MaxResults": DATA_CATALOGS_PER_PAGE }),
                token,
            ))
        },
        "DataCatalogsSummary",
        "athena:ListDataCatalogs",
        &place,
    );
    let listed = lists.add(
        "DataCatalogsSummary",
        listed.await,
        &["CatalogName", "Type"],
    );
    for catalog in &listed {
        let Some(name) = catalog["CatalogName"].as_str() else {
            continue;
        };
        if name == OWN_CATALOG {
            continue;
        }
        match one(
            &get_catalog,
            json!({ "Name": name }),
            "athena:GetDataCatalog",
            &place,
        )
        .await
        {
            Ok(answer) => {
                let members = [
                    "Name",
                    "Type",
                    "Parameters.catalog-id",
                    "Parameters.function",
                    "Parameters.metadata-function",
                    "Parameters.record-function",
                    "Parameters.connection-arn",
                ];
                let mut catalog = kept(&answer["DataCatalog"], &members);
                // Answers do not name the account that they are of.
                catalog["AccountId"] = account_id.into();
                lists
                    .text
                    .push_str(&json!({ "DataCatalog": catalog }).to_string());
                lists.text.push('\n');
            }
            Err(error) => lists.refused.push(error),
        }
    }
    Ok(lists)
}

async fn one(
    operation: &Described,
    parameters: Value,
    action: &str,
    place: &str,
) -> Result<Value, AwsError> {
    let answer = operation.invoke(Request::Json(parameters)).await;
    answer.map_err(|error| AwsError::of(&error, action, place))
}

/// The grants of Lake Formation.
async fn grants(config: &SdkConfig, place: &str) -> Result<CatalogLists, AwsError> {
    let place = format!("Lake Formation in {place}");
    let list_permissions = LAKE_FORMATION.operation("ListPermissions", config)?;
    let mut lists = CatalogLists::new("grants");
    let granted = all_pages(
        &list_permissions,
        |token| Request::Post("/ListPermissions", page_of(json!({}), token)),
        "PrincipalResourcePermissions",
        "lakeformation:ListPermissions",
        &place,
    );
    let members = ["Principal", "Resource", "Permissions"];
    lists.add("PrincipalResourcePermissions", granted.await, &members);
    Ok(lists)
}

/// The shares of RAM: of this account, and those with it.
async fn shares(
    config: &SdkConfig,
    place: &str,
    account_id: &str,
) -> Result<CatalogLists, AwsError> {
    let place = format!("RAM in {place}");
    let get_associations = RAM.operation("GetResourceShareAssociations", config)?;
    let list_resources = RAM.operation("ListResources", config)?;
    let mut lists = CatalogLists::new("shares");
    let members = [
        "resourceShareArn",
        "associatedEntity",
        "associationType",
        "status",
    ];
    for kind in ["PRINCIPAL", "RESOURCE"] {
        let path = "/getresourceshareassociations";
        let associated = all_pages(
            &get_associations,
            |token| Request::Post(path, lower_page(json!({ "associationType": kind }), token)),
            "resourceShareAssociations",
            "ram:GetResourceShareAssociations",
            &place,
        );
        lists.add("resourceShareAssociations", associated.await, &members);
    }
    let asked = json!({ "resourceOwner": "OTHER-ACCOUNTS" });
    let shared = all_pages(
        &list_resources,
        |token| Request::Post("/listresources", lower_page(asked.clone(), token)),
        "resources",
        "ram:ListResources",
        &place,
    );
    let shared = lists.add("resources", shared.await, &["arn", "resourceShareArn"]);
    // That they are shared with this account is in the question, not in the answer.
    let with_this = shared.iter().filter_map(|one| {
        let share = one["resourceShareArn"].as_str()?;
        Some(json!({
            "resourceShareArn": share,
            "associatedEntity": account_id,
            "associationType": "PRINCIPAL",
            "status": "ASSOCIATED",
        }))
    });
    let with_this = with_this.collect::<Vec<_>>();
    if !with_this.is_empty() {
        lists.add("resourceShareAssociations", Ok(with_this), &members);
    }
    Ok(lists)
}

/// The parameters of a page, as RAM names its token.
fn lower_page(mut parameters: Value, token: Option<&str>) -> Value {
    if let Some(token) = token {
        parameters["nextToken"] = token.into();
    }
    parameters
}
