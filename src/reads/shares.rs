//! By which share a table of another account was reachable: shares of lists, and those that the logs
//! saw being made (docs/cloudtrail-facts.md#changes-to-shares).

use crate::model::catalog_table::CatalogTable;
use crate::model::chain::Chain;
use crate::model::data_catalogs::{DataCatalogs, ShareKind, TableShare};
use crate::model::data_read::DataRead;
use crate::model::event::{Detail, Event};
use crate::model::ids::{AccountId, is_account_id};
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A share that the logs saw, and for how long.
#[derive(Debug)]
struct LoggedShare {
    share: TableShare,
    from: UtcSecond,
    until: Option<UtcSecond>,
}

/// All shares that are known, by the account that owns the tables.
#[derive(Debug, Default)]
pub(super) struct TableShares<'a> {
    listed: Vec<&'a TableShare>,
    logged: Vec<LoggedShare>,
    /// By owner and share of RAM: its resources, and the principals that it is with.
    ram: BTreeMap<(AccountId, Text), (BTreeSet<String>, BTreeSet<String>)>,
}

impl<'a> TableShares<'a> {
    pub(super) fn of(events: &[Event], catalogs: Option<&'a DataCatalogs>) -> Self {
        let listed = catalogs.into_iter().flat_map(|catalogs| &catalogs.shares);
        let mut shares = Self {
            listed: listed.collect(),
            logged: Vec::new(),
            ram: BTreeMap::new(),
        };
        for event in events.iter().filter(|event| event.error_code.is_none()) {
            let parameters = match &event.detail {
                Detail::Change(parameters) => serde_json::from_str(parameters).ok(),
                Detail::None => Some(Value::Null),
                _ => None,
            };
            if let Some(parameters) = parameters
                && let Some(owner) = &event.recipient_account_id
                && is_of_shares(&event.source)
            {
                shares.add_change(event, owner, &parameters);
            }
        }
        shares
    }

    fn add_change(&mut self, event: &Event, owner: &AccountId, parameters: &Value) {
        match (&*event.source, &*event.name) {
            ("glue.amazonaws.com", "PutResourcePolicy" | "DeleteResourcePolicy") => {
                self.end(event.time, |share| {
                    share.kind == ShareKind::GluePolicy
                        && share.owner_account_id.as_ref() == Some(owner)
                });
                for share in of_policy(owner, parameters) {
                    self.begin(event.time, share);
                }
            }
            ("lakeformation.amazonaws.com", "GrantPermissions") => {
                self.begin_all(event.time, of_grant(owner, parameters));
            }
            ("lakeformation.amazonaws.com", "BatchGrantPermissions") => {
                for entry in parameters["entries"].as_array().into_iter().flatten() {
                    self.begin_all(event.time, of_grant(owner, entry));
                }
            }
            ("lakeformation.amazonaws.com", "RevokePermissions") => {
                self.end_grant(event.time, owner, parameters);
            }
            ("lakeformation.amazonaws.com", "BatchRevokePermissions") => {
                for entry in parameters["entries"].as_array().into_iter().flatten() {
                    self.end_grant(event.time, owner, entry);
                }
            }
            ("ram.amazonaws.com", change) => {
                self.change_ram(event.time, owner, change, parameters);
            }
            _ => {}
        }
    }

    /// Resources and principals of a share come and go in calls of their own: the share is all of
    /// the one with all of the other.
    fn change_ram(&mut self, time: UtcSecond, owner: &AccountId, change: &str, parameters: &Value) {
        let Some(name) = ["resourceShareArn", "name"]
            .iter()
            .find_map(|member| parameters[member].as_str())
        else {
            return;
        };
        let key = (owner.clone(), Text::from(name));
        let (mut resources, mut principals) = self.ram.remove(&key).unwrap_or_default();
        let named = texts(&parameters["resourceArns"]);
        let with = texts(&parameters["principals"]);
        match change {
            "CreateResourceShare" | "AssociateResourceShare" => {
                resources.extend(named);
                principals.extend(with);
            }
            "DisassociateResourceShare" => {
                resources.retain(|arn| !named.contains(arn));
                principals.retain(|principal| !with.contains(principal));
            }
            "DeleteResourceShare" => resources.clear(),
            _ => {}
        }
        self.end(time, |share| {
            share.kind == ShareKind::Ram
                && *share.name == *name
                && share.owner_account_id.as_ref() == Some(owner)
        });
        for share in of_ram(owner, name, &resources, &principals) {
            self.begin(time, share);
        }
        if change != "DeleteResourceShare" {
            self.ram.insert(key, (resources, principals));
        }
    }

    fn begin(&mut self, from: UtcSecond, share: TableShare) {
        self.logged.push(LoggedShare {
            share,
            from,
            until: None,
        });
    }

    fn begin_all(&mut self, from: UtcSecond, shares: Vec<TableShare>) {
        for share in shares {
            self.begin(from, share);
        }
    }

    fn end(&mut self, until: UtcSecond, is_it: impl Fn(&TableShare) -> bool) {
        let open = self.logged.iter_mut().filter(|one| one.until.is_none());
        for one in open.filter(|one| is_it(&one.share)) {
            one.until = Some(until);
        }
    }

    /// Takes permissions out of the grants of a table; those that are left stay granted.
    fn end_grant(&mut self, until: UtcSecond, owner: &AccountId, parameters: &Value) {
        let revoked = texts(&parameters["permissions"]);
        for ended in of_grant(owner, parameters) {
            let is_it = |share: &TableShare| {
                share.kind == ended.kind
                    && share.owner_account_id == ended.owner_account_id
                    && share.database == ended.database
                    && share.table == ended.table
                    && share.principal == ended.principal
            };
            let open = self.logged.iter_mut().filter(|one| one.until.is_none());
            let mut left = Vec::new();
            for one in open.filter(|one| is_it(&one.share)) {
                let granted = one.share.name.split(", ");
                let kept: Vec<&str> = granted
                    .filter(|permission| {
                        !revoked
                            .iter()
                            .any(|gone| gone == permission || gone == "ALL")
                    })
                    .collect();
                let name = Text::from(kept.join(", "));
                if name == one.share.name {
                    continue;
                }
                one.until = Some(until);
                if !name.is_empty() {
                    left.push(TableShare {
                        name,
                        ..one.share.clone()
                    });
                }
            }
            self.begin_all(until, left);
        }
    }

    /// Names the shares by which each table of another account was reachable.
    pub(super) fn name_in(&self, chains: &mut [Chain]) {
        if self.listed.is_empty() && self.logged.is_empty() {
            return;
        }
        for chain in chains {
            let Some(consumer) = chain.consumer_account_id.clone() else {
                continue;
            };
            let started = chain.last_activity_at;
            for query in &mut chain.queries {
                let at = query.started_at;
                for read in query.reads.iter_mut().flatten() {
                    read.shared_by = self.of_read(read, &consumer, at);
                }
            }
            for read in &mut chain.reads {
                read.shared_by = self.of_read(read, &consumer, started);
            }
        }
    }

    fn of_read(&self, read: &DataRead, consumer: &AccountId, at: UtcSecond) -> Vec<Text> {
        let owner = read.owner_account_id.as_ref();
        let Some(owner) = owner.filter(|owner| *owner != consumer) else {
            return Vec::new();
        };
        let logged = self
            .logged
            .iter()
            .filter(|one| one.from <= at && one.until.is_none_or(|until| at < until));
        let all = logged
            .map(|one| &one.share)
            .chain(self.listed.iter().copied());
        let covering = all.filter(|share| {
            share.owner_account_id.as_ref().is_none_or(|of| of == owner)
                && is_or_all(share.database.as_ref(), read.subject.database.as_ref())
                && is_or_all(share.table.as_ref(), read.subject.table.as_ref())
                && reaches(&share.principal, consumer)
        });
        let names: BTreeSet<Text> = covering.map(share_name).collect();
        names.into_iter().collect()
    }
}

pub(super) fn is_of_shares(source: &str) -> bool {
    matches!(
        source,
        "glue.amazonaws.com" | "ram.amazonaws.com" | "lakeformation.amazonaws.com"
    )
}

/// Returns true if a share of `wanted`, or of all, covers a name.
fn is_or_all(wanted: Option<&Text>, name: Option<&Text>) -> bool {
    wanted.is_none_or(|wanted| name == Some(wanted))
}

/// Returns true if a principal may stand for an account: it is in it, is everyone, or an
/// organization, whose accounts are not known.
fn reaches(principal: &str, account: &AccountId) -> bool {
    principal == "*" || principal.contains(":organizations:") || principal.contains(&**account)
}

fn share_name(share: &TableShare) -> Text {
    let kind: &'static str = share.kind.into();
    let (name, principal) = (&share.name, &share.principal);
    format!("{kind}: {name} for {principal}").into()
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(all) => all
            .iter()
            .filter_map(|one| one.as_str().map(str::to_owned))
            .collect(),
        Value::String(one) => vec![one.clone()],
        _ => Vec::new(),
    }
}

fn lower(text: &str) -> Text {
    text.to_lowercase().into()
}

/// A grant on a table or a database of Lake Formation.
fn of_grant(owner: &AccountId, grant: &Value) -> Vec<TableShare> {
    let principal = grant["principal"]["dataLakePrincipalIdentifier"].as_str();
    let Some(principal) = principal else {
        return Vec::new();
    };
    let permissions = texts(&grant["permissions"]).join(", ");
    let resource = &grant["resource"];
    let of = |database: &str, table: Option<&str>, catalog: Option<&str>| TableShare {
        kind: ShareKind::LakeFormation,
        owner_account_id: catalog
            .filter(|id| is_account_id(id))
            .map(AccountId::from)
            .or_else(|| Some(owner.clone())),
        database: Some(lower(database)),
        table: table.map(lower),
        principal: principal.into(),
        name: permissions.as_str().into(),
    };
    let tables = ["table", "tableWithColumns"]
        .into_iter()
        .filter_map(|kind| {
            let table = &resource[kind];
            let database = table["databaseName"].as_str()?;
            Some(of(
                database,
                table["name"].as_str(),
                table["catalogId"].as_str(),
            ))
        });
    let database = &resource["database"];
    let whole = database["name"]
        .as_str()
        .map(|name| of(name, None, database["catalogId"].as_str()));
    tables.chain(whole).collect()
}

/// The tables of a share of RAM, with each of its principals.
fn of_ram(
    owner: &AccountId,
    name: &str,
    resources: &BTreeSet<String>,
    principals: &BTreeSet<String>,
) -> Vec<TableShare> {
    let tables = resources.iter().filter_map(|arn| tables_of_arn(arn));
    tables
        .flat_map(|(database, table)| {
            principals.iter().map(move |principal| TableShare {
                kind: ShareKind::Ram,
                owner_account_id: Some(owner.clone()),
                database: database.clone(),
                table: table.clone(),
                principal: principal.as_str().into(),
                name: name.into(),
            })
        })
        .collect()
}

/// Database and table of an ARN of Glue; `None` for them where it names all.
fn tables_of_arn(arn: &str) -> Option<(Option<Text>, Option<Text>)> {
    let unless_all = |name: &str| (name != "*").then(|| lower(name));
    if let Some(table) = CatalogTable::from_arn(arn) {
        return Some((unless_all(&table.database), unless_all(&table.table)));
    }
    let resource = arn.splitn(6, ':').nth(5)?;
    match resource.split_once('/') {
        Some(("database", name)) => Some((unless_all(name), None)),
        None if resource == "catalog" && arn.contains(":glue:") => Some((None, None)),
        _ => None,
    }
}

/// What a resource policy of Glue lets others read.
fn of_policy(owner: &AccountId, parameters: &Value) -> Vec<TableShare> {
    let policy = parameters["policyInJson"].as_str();
    let policy: Value = policy
        .and_then(|policy| serde_json::from_str(policy).ok())
        .unwrap_or_default();
    let statements = match &policy["Statement"] {
        Value::Array(all) => all.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    };
    let mut shares: BTreeMap<(Option<Text>, Option<Text>, String), TableShare> = BTreeMap::new();
    for statement in statements {
        if statement["Effect"].as_str() != Some("Allow") {
            continue;
        }
        let principals = match &statement["Principal"] {
            Value::String(all) => vec![all.clone()],
            principals => texts(&principals["AWS"]),
        };
        for arn in texts(&statement["Resource"]) {
            let tables = if arn == "*" {
                Some((None, None))
            } else {
                tables_of_arn(&arn)
            };
            // A policy names the catalog and the database next to the tables.
            let is_of_tables = arn == "*" || arn.contains(":table/");
            let Some((database, table)) = tables.filter(|_| is_of_tables) else {
                continue;
            };
            for principal in &principals {
                let key = (database.clone(), table.clone(), principal.clone());
                shares.entry(key).or_insert_with(|| TableShare {
                    kind: ShareKind::GluePolicy,
                    owner_account_id: Some(owner.clone()),
                    database: database.clone(),
                    table: table.clone(),
                    principal: principal.as_str().into(),
                    name: "resource policy".into(),
                });
            }
        }
    }
    shares.into_values().collect()
}
