//! Data catalogs, shares and users of Quick: output of the AWS CLI, one answer or several, one after
//! the other. Which answer it is, its members tell:
//!
//! | command | member |
//! |---|---|
//! | `glue get-tables`, `get-databases` | `TableList`, `DatabaseList` |
//! | `glue get-resource-policies`, `get-resource-policy` | `GetResourcePoliciesResponseList`, `PolicyInJson` |
//! | `athena list-data-catalogs`, `get-data-catalog` | `DataCatalogsSummary`, `DataCatalog` |
//! | `lakeformation list-permissions` | `PrincipalResourcePermissions` |
//! | `ram list-resources`, `get-resource-share-associations` | `resources`, `resourceShareAssociations` |
//! | `quicksight list-users` | `UserList` |

use super::documents::each_document;
use crate::model::catalog_table::CatalogTable;
use crate::model::coverage::{Reject, RejectReason};
use crate::model::data_catalogs::{
    CatalogTarget, DataCatalogs, ListedName, ListedTable, ListedUser, ShareKind, TableShare,
};
use crate::model::ids::{AccountId, is_account_id};
use crate::model::road::{is_function_arn, quick_user_name, unqualified};
use crate::model::text::Text;
use serde_json::Value;

/// Reads a file into the catalogs. What cannot be read becomes a reject.
pub fn read_data_catalogs(name: &str, text: &[u8], into: &mut DataCatalogs) {
    let mut reader = DataCatalogsReader {
        name: name.into(),
        record: 0,
        into,
    };
    if let Err(fault) = each_document(text, |document| reader.document(&document)) {
        reader.reject(fault.offset, fault.reason, fault.detail);
    }
    reader.finish();
}

/// Reads an entry of a list; false where it lacks what names it.
type EntryReader<R> = fn(&mut R, &Value) -> bool;

struct DataCatalogsReader<'a> {
    name: Text,
    record: u32,
    into: &'a mut DataCatalogs,
}

fn text<'v>(of: &'v Value, member: &str) -> Option<&'v str> {
    of[member].as_str().filter(|text| !text.is_empty())
}

fn lower(text: &str) -> Text {
    text.to_lowercase().into()
}

/// The account of a catalog's id: `ACCOUNT` or `ACCOUNT:CATALOG`.
fn account(id: &str) -> Option<AccountId> {
    let account = id.split(':').next().unwrap_or(id);
    is_account_id(account).then(|| account.into())
}

fn items<'v>(of: &'v Value, member: &str) -> Option<&'v Vec<Value>> {
    of[member].as_array()
}

/// The target of an answer of `get-data-catalog`
/// (<https://docs.aws.amazon.com/athena/latest/APIReference/API_DataCatalog.html>).
fn catalog_target(catalog: &Value) -> Option<CatalogTarget> {
    let is_connection = matches!(text(catalog, "Type"), Some("FEDERATED" | "HIVE"));
    let arn = |function: &str| is_function_arn(function).then(|| unqualified(function));
    CatalogTarget::of(
        |name| text(&catalog["Parameters"], name),
        arn,
        is_connection,
    )
}

impl DataCatalogsReader<'_> {
    fn reject(&mut self, offset: Option<u64>, reason: RejectReason, detail: String) {
        self.into.rejects.add(Reject {
            object: self.name.clone(),
            record: offset.is_none().then_some(self.record),
            offset,
            reason,
            detail,
        });
    }

    fn document(&mut self, document: &Value) {
        let lists: [(&str, EntryReader<Self>); 8] = [
            ("TableList", Self::table),
            ("DatabaseList", Self::database),
            ("GetResourcePoliciesResponseList", Self::policy),
            // Names without their targets: `get-data-catalog` has those.
            ("DataCatalogsSummary", |_, catalog| {
                text(catalog, "CatalogName").is_some()
            }),
            ("PrincipalResourcePermissions", Self::permission),
            ("resources", Self::shared_resource),
            ("resourceShareAssociations", Self::association),
            ("UserList", Self::user),
        ];
        let mut is_known = false;
        for (member, read) in lists {
            let Some(entries) = items(document, member) else {
                continue;
            };
            is_known = true;
            for entry in entries {
                if !read(self, entry) {
                    let detail = format!("an entry of {member} lacks the members that name it");
                    self.reject(None, RejectReason::BadMember, detail);
                }
                self.record += 1;
            }
        }
        let singles: [(&str, EntryReader<Self>); 3] = [
            ("DataCatalog", Self::data_catalog),
            ("Table", Self::table),
            ("User", Self::user),
        ];
        for (member, read) in singles {
            if document[member].is_object() {
                is_known = true;
                read(self, &document[member]);
            }
        }
        if document["PolicyInJson"].is_string() {
            is_known = true;
            self.policy(document);
        }
        self.into.lists += u64::from(is_known);
        if !is_known {
            let detail = "no list of tables, databases, policies, catalogs, permissions, shares or users: not \
                          output of the AWS CLI that is read";
            self.reject(None, RejectReason::NotARecord, detail.to_owned());
        }
    }

    fn table(&mut self, table: &Value) -> bool {
        let Some(name) = listed_name(table, "Name") else {
            return false;
        };
        let target = &table["TargetTable"];
        let listed = ListedTable {
            location: text(&table["StorageDescriptor"], "Location").map(Text::from),
            target: listed_name(target, "Name"),
            table_type: text(table, "TableType").map(Text::from),
        };
        self.into.tables.insert(name, listed);
        true
    }

    fn database(&mut self, database: &Value) -> bool {
        let own = text(database, "CatalogId").and_then(account);
        let Some((own, name)) = own.zip(text(database, "Name")) else {
            return false;
        };
        let target = &database["TargetDatabase"];
        let owner = text(target, "CatalogId").and_then(account);
        if let Some((owner, target)) = owner.zip(text(target, "DatabaseName")) {
            let link = (own, lower(name));
            self.into
                .database_links
                .insert(link, (owner, lower(target)));
        }
        true
    }

    /// A resource policy: its statements share the tables that they name.
    fn policy(&mut self, entry: &Value) -> bool {
        let policy = text(entry, "PolicyInJson");
        let policy = policy.and_then(|policy| serde_json::from_str::<Value>(policy).ok());
        let Some(policy) = policy else {
            return false;
        };
        for statement in one_or_many(&policy["Statement"]) {
            if statement["Effect"].as_str() != Some("Allow") {
                continue;
            }
            let principals = match &statement["Principal"] {
                Value::String(all) => vec![all.clone()],
                principals => texts(&principals["AWS"]),
            };
            for resource in texts(&statement["Resource"]) {
                for principal in &principals {
                    self.share(
                        ShareKind::GluePolicy,
                        &resource,
                        principal,
                        "resource policy",
                    );
                }
            }
        }
        true
    }

    fn data_catalog(&mut self, catalog: &Value) -> bool {
        let Some(name) = text(catalog, "Name") else {
            return false;
        };
        if let Some(target) = catalog_target(catalog) {
            let key = (text(catalog, "AccountId").and_then(account), lower(name));
            self.into.registered.entry(key).or_default().insert(target);
        }
        true
    }

    fn permission(&mut self, entry: &Value) -> bool {
        let principal = text(&entry["Principal"], "DataLakePrincipalIdentifier");
        let Some(principal) = principal else {
            return false;
        };
        let permissions = texts(&entry["Permissions"]).join(", ");
        let resource = &entry["Resource"];
        for kind in ["Table", "TableWithColumns"] {
            let table = &resource[kind];
            if let Some(database) = text(table, "DatabaseName") {
                self.into.shares.insert(TableShare {
                    kind: ShareKind::LakeFormation,
                    owner_account_id: text(table, "CatalogId").and_then(account),
                    database: Some(lower(database)),
                    table: text(table, "Name").map(lower),
                    principal: principal.into(),
                    name: permissions.as_str().into(),
                });
            }
        }
        if let Some(database) = text(&resource["Database"], "Name") {
            self.into.shares.insert(TableShare {
                kind: ShareKind::LakeFormation,
                owner_account_id: text(&resource["Database"], "CatalogId").and_then(account),
                database: Some(lower(database)),
                table: None,
                principal: principal.into(),
                name: permissions.as_str().into(),
            });
        }
        true
    }

    fn shared_resource(&mut self, entry: &Value) -> bool {
        let share = text(entry, "resourceShareArn");
        let Some((share, arn)) = share.zip(text(entry, "arn")) else {
            return false;
        };
        let resources = &mut self.into.shared_resources;
        resources
            .entry(share.into())
            .or_default()
            .insert(arn.into());
        true
    }

    fn association(&mut self, entry: &Value) -> bool {
        let share = text(entry, "resourceShareArn");
        let Some((share, entity)) = share.zip(text(entry, "associatedEntity")) else {
            return false;
        };
        let is_over = matches!(text(entry, "status"), Some("DISASSOCIATED" | "FAILED"));
        let of_kind = match text(entry, "associationType") {
            Some("PRINCIPAL") => &mut self.into.share_principals,
            Some("RESOURCE") => &mut self.into.shared_resources,
            _ => return false,
        };
        if !is_over {
            let entities = of_kind.entry(share.into()).or_default();
            entities.insert(entity.into());
        }
        true
    }

    fn user(&mut self, user: &Value) -> bool {
        let Some(name) = text(user, "UserName") else {
            return false;
        };
        let listed = ListedUser {
            email: text(user, "Email").map(Text::from),
            role: text(user, "Role").map(Text::from),
            is_active: user["Active"].as_bool(),
        };
        let named = text(user, "Arn").map(quick_user_name);
        let qualified = named.and_then(|user| Some(format!("{}/{}", user.namespace?, user.name)));
        let name = qualified.map_or_else(|| name.into(), Text::from);
        self.into.users.insert(name, listed);
        true
    }

    fn share(&mut self, kind: ShareKind, resource: &str, principal: &str, name: &str) {
        let Some((owner, database, table)) = shared_tables(resource) else {
            return;
        };
        self.into.shares.insert(TableShare {
            kind,
            owner_account_id: owner,
            database,
            table,
            principal: principal.into(),
            name: name.into(),
        });
    }

    /// Joins RAM's lists, of this file and of those before it.
    fn finish(mut self) {
        let resources = std::mem::take(&mut self.into.shared_resources);
        let principals = std::mem::take(&mut self.into.share_principals);
        for (share, arns) in &resources {
            for arn in arns {
                for principal in principals.get(share).into_iter().flatten() {
                    self.share(ShareKind::Ram, arn, principal, share);
                }
            }
        }
        self.into.shared_resources = resources;
        self.into.share_principals = principals;
    }
}

fn one_or_many(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(all) => all.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

fn texts(value: &Value) -> Vec<String> {
    let all = one_or_many(value).into_iter();
    all.filter_map(|one| one.as_str().map(str::to_owned))
        .collect()
}

/// A table by `CatalogId`, `DatabaseName` and a name.
fn listed_name(of: &Value, name: &str) -> Option<ListedName> {
    Some(ListedName {
        account_id: text(of, "CatalogId").and_then(account)?,
        database: lower(text(of, "DatabaseName")?),
        table: lower(text(of, name)?),
    })
}

/// Owner, database and table that an ARN of Glue names; `None` for them where it names all. Other
/// resources share no table.
fn shared_tables(arn: &str) -> Option<(Option<AccountId>, Option<Text>, Option<Text>)> {
    if arn == "*" {
        return Some((None, None, None));
    }
    let unless_all = |name: &str| (name != "*").then(|| lower(name));
    if let Some(table) = CatalogTable::from_arn(arn) {
        let owner = Some(table.account_id.clone());
        return Some((owner, unless_all(&table.database), unless_all(&table.table)));
    }
    let mut parts = arn.splitn(6, ':');
    let service = parts.nth(2)?;
    let owner = parts.nth(1).and_then(account);
    let resource = parts.next()?;
    match resource.split_once('/') {
        Some(("database", name)) if service == "glue" => Some((owner, unless_all(name), None)),
        None if service == "glue" && resource == "catalog" => Some((owner, None, None)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(documents: &[Value]) -> DataCatalogs {
        let text: Vec<String> = documents.iter().map(Value::to_string).collect();
        let mut catalogs = DataCatalogs::default();
        read_data_catalogs("f", text.join("\n").as_bytes(), &mut catalogs);
        catalogs
    }

    fn name(account: &str, database: &str, table: &str) -> ListedName {
        ListedName {
            account_id: account.into(),
            database: database.into(),
            table: table.into(),
        }
    }

    #[test]
    fn links_are_resolved_by_table_and_by_database() {
        let catalogs = read(&[
            json!({"TableList": [
                {"CatalogId": "444455556666", "DatabaseName": "Own", "Name": "Link",
                 "TargetTable": {"CatalogId": "777788889999", "DatabaseName": "claims", "Name": "sales"}},
                {"CatalogId": "444455556666", "DatabaseName": "own", "Name": "plain",
                 "StorageDescriptor": {"Location": "s3://lake/plain/"}},
            ]}),
            json!({"DatabaseList": [
                {"CatalogId": "444455556666", "Name": "shared",
                 "TargetDatabase": {"CatalogId": "777788889999", "DatabaseName": "claims"}},
            ]}),
        ]);
        assert_eq!(catalogs.lists, 2);
        let sales = name("777788889999", "claims", "sales");
        let own = "444455556666";
        assert_eq!(
            catalogs.resolved(&name(own, "own", "link")),
            Some(sales.clone())
        );
        assert_eq!(
            catalogs.resolved(&name(own, "shared", "sales")),
            Some(sales)
        );
        let plain = name(own, "own", "plain");
        assert_eq!(catalogs.resolved(&plain), Some(plain.clone()));
        assert_eq!(catalogs.resolved(&name(own, "other", "x")), None);
    }

    #[test]
    fn shares_of_all_kinds_are_read() {
        let share = "arn:aws:ram:us-east-1:777788889999:resource-share/1";
        let table = "arn:aws:glue:us-east-1:777788889999:table/claims/sales";
        let policy = json!({"Statement": {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::444455556666:root"},
            "Action": "glue:GetTable", "Resource": [table, "arn:aws:glue:us-east-1:777788889999:database/claims"]}});
        let catalogs = read(&[
            json!({"PolicyInJson": policy.to_string()}),
            json!({"resources": [{"arn": table, "resourceShareArn": share}]}),
            json!({"resourceShareAssociations": [
                {"resourceShareArn": share, "associatedEntity": "444455556666", "associationType": "PRINCIPAL", "status": "ASSOCIATED"},
                {"resourceShareArn": share, "associatedEntity": "999900001111", "associationType": "PRINCIPAL", "status": "DISASSOCIATED"},
            ]}),
            json!({"PrincipalResourcePermissions": [
                {"Principal": {"DataLakePrincipalIdentifier": "444455556666"},
                 "Resource": {"Table": {"CatalogId": "777788889999", "DatabaseName": "claims", "TableWildcard": {}}},
                 "Permissions": ["SELECT"]},
            ]}),
        ]);
        let kinds: Vec<&'static str> = catalogs
            .shares
            .iter()
            .map(|share| share.kind.into())
            .collect();
        assert_eq!(
            kinds,
            ["lake-formation", "ram", "glue-policy", "glue-policy"]
        );
        assert!(
            catalogs
                .shares
                .iter()
                .all(|share| share.owner_account_id.as_deref() == Some("777788889999"))
        );
    }

    #[test]
    fn shares_and_their_principals_may_be_in_two_files() {
        let share = "arn:aws:ram:us-east-1:777788889999:resource-share/1";
        let database = "arn:aws:glue:us-east-1:777788889999:database/claims";
        let files = [
            json!({"resources": [{"arn": database, "resourceShareArn": share}]}),
            json!({"resourceShareAssociations": [
                {"resourceShareArn": share, "associatedEntity": "444455556666", "associationType": "PRINCIPAL"},
            ]}),
        ];
        for files in [[&files[0], &files[1]], [&files[1], &files[0]]] {
            let mut catalogs = DataCatalogs::default();
            for file in files {
                read_data_catalogs("f", file.to_string().as_bytes(), &mut catalogs);
            }
            assert_eq!(catalogs.shares.len(), 1);
        }
    }

    #[test]
    fn catalogs_and_users_are_read_and_other_answers_refused() {
        let catalogs = read(&[
            json!({"DataCatalogsSummary": [{"CatalogName": "Mesh", "Type": "GLUE"}]}),
            json!({"DataCatalog": {"Name": "mesh", "Type": "GLUE", "Parameters": {"catalog-id": "777788889999"}}}),
            json!({"UserList": [
                {"UserName": "default/ana@example.com", "Role": "READER", "Active": true},
                {"UserName": "Reader/bela", "Arn": "arn:aws:quicksight:us-east-1:111122223333:user/team/Reader/bela"},
            ]}),
            json!({"Buckets": []}),
            json!({"TableList": [{"Name": "x"}]}),
        ]);
        let target = catalogs.target(&"444455556666".into(), "MESH");
        assert_eq!(target, Some(&CatalogTarget::Glue("777788889999".into())));
        let users: Vec<&str> = catalogs.users.keys().map(|name| &**name).collect();
        assert_eq!(users, ["default/ana@example.com", "team/Reader/bela"]);
        assert_eq!(catalogs.rejects.total(), 2);
        let mut empty = DataCatalogs::default();
        read_data_catalogs("f", b"", &mut empty);
        assert_eq!(empty.rejects.total(), 1);
    }

    #[test]
    fn a_list_of_one_account_is_of_no_other() {
        let of = |account: Option<&str>, parameters: Value| {
            let mut catalog =
                json!({"Name": "Mesh", "Type": "FEDERATED", "Parameters": parameters});
            if let Some(account) = account {
                catalog["AccountId"] = account.into();
            }
            json!({"DataCatalog": catalog})
        };
        let connection = "arn:aws:glue:us-east-1:777788889999:connection/c";
        let function = "arn:aws:lambda:us-east-1:777788889999:function:f";
        let catalogs = read(&[
            of(Some("444455556666"), json!({"connection-arn": connection})),
            of(
                Some("555566667777"),
                json!({"function": format!("{function}:live")}),
            ),
            of(Some("666677778888"), json!({"catalog-id": "777788889999"})),
            of(Some("666677778888"), json!({"catalog-id": "222233334444"})),
        ]);
        let target = |account: &str| catalogs.target(&account.into(), "mesh").cloned();
        let expected = CatalogTarget::Connection(Some(connection.into()));
        assert_eq!(target("444455556666"), Some(expected));
        let expected = CatalogTarget::Functions(vec![function.into()]);
        assert_eq!(target("555566667777"), Some(expected));
        assert_eq!(target("666677778888"), None);
        assert_eq!(target("111122223333"), None);
        let catalogs = read(&[of(None, json!({}))]);
        let target = catalogs.target(&"111122223333".into(), "mesh");
        assert_eq!(target, Some(&CatalogTarget::Connection(None)));
    }
}
