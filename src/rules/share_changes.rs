//! Changes to who may read tables, from the calls that make them
//! (docs/cloudtrail-facts.md#changes-to-shares).

use super::occurrences::sample;
use crate::iam::policy::{Effect, Match, Policy, Principal, Principals};
use crate::model::event::Event;
use crate::model::ids::{AccountId, Region, is_account_id};
use crate::model::text::Text;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A change of one resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ShareChange {
    /// The resource, for subjects: `table claims.sales`, `catalog policy us-east-1`.
    pub(super) resource: Text,
    /// The change in words: who gains what.
    pub(super) words: Text,
    /// Accounts that gain access.
    pub(super) gaining: BTreeSet<AccountId>,
    /// True if everyone of any account gains access.
    pub(super) is_for_everyone: bool,
    /// True if accounts of an organization gain access.
    pub(super) is_for_organization: bool,
}

impl ShareChange {
    fn new(resource: String, words: String) -> Self {
        Self {
            resource: resource.into(),
            words: words.into(),
            ..Self::default()
        }
    }

    /// Notes a principal that gains access.
    fn gained_by(mut self, principal: &str) -> Self {
        if principal == "*" {
            self.is_for_everyone = true;
        } else if principal.contains(":organizations:") {
            self.is_for_organization = true;
        } else {
            self.gaining.extend(account_in(principal));
        }
        self
    }
}

/// The account of a principal, as RAM, Lake Formation and IAM spell it.
fn account_in(principal: &str) -> Option<AccountId> {
    let mut parts = principal.split(|letter: char| !letter.is_ascii_digit());
    parts.find(|part| is_account_id(part)).map(AccountId::new)
}

/// The last policies and settings that were put: calls carry the whole, changed or not.
#[derive(Debug, Default)]
pub(super) struct KnownShares {
    policies: BTreeMap<(AccountId, Option<Region>, String), BTreeSet<Permission>>,
    settings: BTreeMap<(AccountId, Option<Region>), BTreeSet<String>>,
}

/// What a statement of a policy gives to one principal: principal, actions, resources.
type Permission = (String, String, String);

impl KnownShares {
    /// The changes that a call made, in the order of its entries. Events come by time.
    pub(super) fn changes(
        &mut self,
        event: &Event,
        parameters: &Value,
        account: &AccountId,
    ) -> Vec<ShareChange> {
        match &*event.source {
            "glue.amazonaws.com" => self.of_policy(event, parameters, account),
            "ram.amazonaws.com" => of_share(event, parameters, account),
            "lakeformation.amazonaws.com" => match &*event.name {
                "PutDataLakeSettings" => self.of_settings(event, parameters, account),
                "BatchGrantPermissions" | "BatchRevokePermissions" => {
                    let entries = parameters["entries"].as_array().into_iter().flatten();
                    entries.map(|entry| of_grant(event, entry)).collect()
                }
                "RegisterResource" | "UpdateResource" | "DeregisterResource" => {
                    vec![of_location(event, parameters)]
                }
                _ => vec![of_grant(event, parameters)],
            },
            _ => Vec::new(),
        }
    }

    fn of_policy(
        &mut self,
        event: &Event,
        parameters: &Value,
        account: &AccountId,
    ) -> Vec<ShareChange> {
        let catalog = parameters["resourceArn"].as_str().unwrap_or_default();
        let region = event.region.clone();
        let name = match (catalog, region.as_deref()) {
            ("", Some(region)) => format!("catalog policy {region}"),
            ("", None) => "catalog policy".to_owned(),
            (arn, _) => format!("catalog policy {arn}"),
        };
        let place = (account.clone(), region, catalog.to_owned());
        match &*event.name {
            "DeleteResourcePolicy" => {
                self.policies.insert(place, BTreeSet::new());
                let words = "DeleteResourcePolicy: no one gains anything";
                vec![ShareChange::new(name, words.to_owned())]
            }
            "PutResourcePolicy" => {
                let text = parameters["policyInJson"].as_str();
                let Some(policy) = text.and_then(|text| Policy::parse(text).ok()) else {
                    self.policies.remove(&place);
                    let words = "PutResourcePolicy of a policy that is not logged or not valid";
                    return vec![ShareChange::new(name, words.to_owned())];
                };
                let now = permissions(&policy);
                let before = self.policies.insert(place, now.clone());
                policy_change(name, before.as_ref(), &now)
                    .into_iter()
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    fn of_settings(
        &mut self,
        event: &Event,
        parameters: &Value,
        account: &AccountId,
    ) -> Vec<ShareChange> {
        let now = settings(&parameters["dataLakeSettings"]);
        let place = (account.clone(), event.region.clone());
        let before = self.settings.insert(place, now.clone());
        let was_known = before.is_some();
        let before = before.unwrap_or_default();
        let new: Vec<&String> = now.difference(&before).collect();
        if new.is_empty() {
            return Vec::new();
        }
        let texts: Vec<String> = new.iter().map(ToString::to_string).collect();
        let set_to = if was_known { "now has" } else { "was set to" };
        let words = format!("PutDataLakeSettings: {set_to} {}", sample(&texts));
        let change = ShareChange::new("settings of Lake Formation".to_owned(), words);
        vec![
            new.into_iter()
                .fold(change, |change, text| change.gained_by(text)),
        ]
    }
}

/// What a policy gives, by principal.
fn permissions(policy: &Policy) -> BTreeSet<Permission> {
    let allows = policy.statements.iter();
    let allows = allows.filter(|statement| statement.effect == Effect::Allow);
    allows
        .flat_map(|statement| {
            let actions = match_text(&statement.actions);
            let resources = statement.resources.as_ref().map(match_text);
            let resources = resources.unwrap_or_else(|| "*".to_owned());
            let principals: Vec<String> = match &statement.principals {
                Some(Principals::AnyOf(all)) => all.iter().map(principal_text).collect(),
                Some(Principals::AllBut(_)) | None => vec!["*".to_owned()],
            };
            principals
                .into_iter()
                .map(move |principal| (principal, actions.clone(), resources.clone()))
        })
        .collect()
}

fn match_text(of: &Match) -> String {
    let (words, names) = match of {
        Match::AnyOf(names) => ("", names),
        Match::AllBut(names) => ("everything except ", names),
    };
    let names: Vec<&str> = names.iter().map(|name| &**name).collect();
    format!("{words}{}", names.join(", "))
}

fn principal_text(principal: &Principal) -> String {
    match principal {
        Principal::Everyone => "*".to_owned(),
        Principal::Account(account) => account.to_string(),
        Principal::Arn(name) | Principal::Service(name) | Principal::Federated(name) => {
            name.to_string()
        }
        Principal::Other(kind, name) => format!("{kind} {name}"),
    }
}

/// What a policy gives that the one before did not, or no longer gives; `None` for an equal one.
fn policy_change(
    resource: String,
    before: Option<&BTreeSet<Permission>>,
    now: &BTreeSet<Permission>,
) -> Option<ShareChange> {
    let empty = BTreeSet::new();
    let known = before.unwrap_or(&empty);
    let told = |(principal, actions, resources): &Permission, verb: &str| {
        format!("{principal} {verb} {actions} on {resources}")
    };
    let gained: Vec<&Permission> = now.difference(known).collect();
    if !gained.is_empty() {
        let texts: Vec<String> = gained.iter().map(|gained| told(gained, "gains")).collect();
        let words = if before.is_some() {
            format!("PutResourcePolicy: {}", sample(&texts))
        } else {
            format!(
                "PutResourcePolicy, the first in the logs: {}",
                sample(&texts)
            )
        };
        let change = ShareChange::new(resource, words);
        let principals = gained.into_iter().map(|(principal, ..)| principal);
        return Some(principals.fold(change, |change, principal| change.gained_by(principal)));
    }
    let lost: Vec<String> = known
        .difference(now)
        .map(|lost| told(lost, "loses"))
        .collect();
    let words = format!("PutResourcePolicy: {}", sample(&lost));
    (!lost.is_empty()).then(|| ShareChange::new(resource, words))
}

fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}

/// A call of RAM, unless it is about other resources than tables.
fn of_share(event: &Event, parameters: &Value, account: &AccountId) -> Vec<ShareChange> {
    let resources = texts(&parameters["resourceArns"]);
    let is_of_tables = |arn: &String| arn.contains(":glue:") || arn.contains(":lakeformation:");
    if !resources.is_empty() && !resources.iter().any(is_of_tables) {
        return Vec::new();
    }
    let share = ["resourceShareArn", "name", "resourceShareInvitationArn"]
        .iter()
        .find_map(|member| parameters[member].as_str());
    let name = format!("share {}", share.unwrap_or("without a name"));
    let principals = texts(&parameters["principals"]);
    let what = if resources.is_empty() {
        "the share".to_owned()
    } else {
        sample(&resources)
    };
    let call = &event.name;
    match &**call {
        "CreateResourceShare" | "AssociateResourceShare" => {
            let words = if principals.is_empty() {
                format!("{call}: those who have the share gain {what}")
            } else {
                format!("{call}: {} gains {what}", sample(&principals))
            };
            let change = ShareChange::new(name, words);
            let all = principals.iter();
            vec![all.fold(change, |change, principal| change.gained_by(principal))]
        }
        "AcceptResourceShareInvitation" => {
            let words = format!("{call}: {account} gains what another account shares");
            vec![ShareChange::new(name, words)]
        }
        "PromoteResourceShareCreatedFromPolicy" => {
            let words = format!("{call}: a share that a policy made can now be changed by itself");
            vec![ShareChange::new(name, words)]
        }
        _ => {
            let losing = if principals.is_empty() {
                "those who have the share lose".to_owned()
            } else {
                format!("{} loses", sample(&principals))
            };
            vec![ShareChange::new(name, format!("{call}: {losing} {what}"))]
        }
    }
}

/// A grant of Lake Formation, or the end of one.
fn of_grant(event: &Event, grant: &Value) -> ShareChange {
    let principal = grant["principal"]["dataLakePrincipalIdentifier"].as_str();
    let principal = principal.unwrap_or("an unnamed principal");
    let permissions = texts(&grant["permissions"]);
    let passed_on = texts(&grant["permissionsWithGrantOption"]);
    let resource = granted(&grant["resource"]);
    let is_end = event.name.contains("Revoke") || event.name.starts_with("Delete");
    let verb = if is_end { "loses" } else { "gains" };
    let what = if permissions.is_empty() {
        "access through Lake Formation only".to_owned()
    } else {
        permissions.join(", ")
    };
    let passed_on = if passed_on.is_empty() {
        String::new()
    } else {
        format!(", may grant {}", passed_on.join(", "))
    };
    let words = format!(
        "{}: {principal} {verb} {what} on {resource}{passed_on}",
        event.name
    );
    let change = ShareChange::new(resource, words);
    if is_end {
        change
    } else {
        change.gained_by(principal)
    }
}

/// A resource of Lake Formation in words.
fn granted(resource: &Value) -> String {
    let text = |kind: &str, member: &str| resource[kind][member].as_str();
    for kind in ["table", "tableWithColumns"] {
        if let Some(database) = text(kind, "databaseName") {
            let table = text(kind, "name").unwrap_or("*");
            return format!("table {database}.{table}");
        }
    }
    if let Some(name) = text("database", "name") {
        return format!("database {name}");
    }
    if let Some(arn) = text("dataLocation", "resourceArn") {
        return format!("location {arn}");
    }
    if let Some(kind) = text("lFTagPolicy", "resourceType") {
        return format!("tagged resources of type {kind}");
    }
    "the catalog".to_owned()
}

fn of_location(event: &Event, parameters: &Value) -> ShareChange {
    let arn = parameters["resourceArn"]
        .as_str()
        .unwrap_or("without a name");
    let role = parameters["roleArn"].as_str();
    let role = role.map_or_else(String::new, |role| format!(" with {role}"));
    ShareChange::new(format!("location {arn}"), format!("{}{role}", event.name))
}

/// The settings that widen access, as texts.
fn settings(of: &Value) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for list in [
        "dataLakeAdmins",
        "readOnlyAdmins",
        "externalDataFilteringAllowList",
    ] {
        for principal in of[list].as_array().into_iter().flatten() {
            let name = principal["dataLakePrincipalIdentifier"].as_str();
            all.extend(name.map(|name| format!("{list} {name}")));
        }
    }
    for flag in [
        "allowExternalDataFiltering",
        "allowFullTableExternalDataAccess",
    ] {
        if of[flag].as_bool() == Some(true) {
            all.insert(flag.to_owned());
        }
    }
    for list in [
        "createDatabaseDefaultPermissions",
        "createTableDefaultPermissions",
    ] {
        for grant in of[list].as_array().into_iter().flatten() {
            let name = grant["principal"]["dataLakePrincipalIdentifier"].as_str();
            let permissions = texts(&grant["permissions"]).join(", ");
            all.extend(name.map(|name| format!("{list} {name} {permissions}")));
        }
    }
    let owners = texts(&of["trustedResourceOwners"]).into_iter();
    all.extend(owners.map(|owner| format!("trustedResourceOwners {owner}")));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_in_all_spellings() {
        for principal in [
            "444455556666",
            "arn:aws:iam::444455556666:role/reader",
            "444455556666:IAMPrincipals",
            "dataLakeAdmins arn:aws:iam::444455556666:role/admin",
        ] {
            assert_eq!(account_in(principal).as_deref(), Some("444455556666"));
        }
        assert_eq!(account_in("IAM_ALLOWED_PRINCIPALS"), None);
    }

    #[test]
    fn an_equal_policy_is_no_change() {
        let policy = |principal: &str| {
            let text = format!(
                r#"{{"Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{principal}"}},"Action":"glue:GetTable","Resource":"arn:aws:glue:us-east-1:777788889999:table/claims/sales"}}]}}"#
            );
            permissions(&Policy::parse(&text).unwrap())
        };
        let one = policy("arn:aws:iam::444455556666:root");
        let other = policy("*");
        let change = |before: Option<&BTreeSet<Permission>>, now: &BTreeSet<Permission>| {
            policy_change("p".to_owned(), before, now)
        };
        assert_eq!(change(Some(&one), &one), None);
        let first = change(None, &one).unwrap();
        assert!(
            first.words.contains("the first in the logs"),
            "{}",
            first.words
        );
        assert_eq!(first.gaining.len(), 1);
        assert!(change(Some(&one), &other).unwrap().is_for_everyone);
        let fewer = change(Some(&one), &BTreeSet::new()).unwrap();
        assert!(fewer.words.contains("loses") && fewer.gaining.is_empty());
    }
}
