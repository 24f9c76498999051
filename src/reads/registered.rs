//! Data catalogs by the names that queries have for them: catalogs of Glue in other accounts, and
//! connectors (docs/cloudtrail-facts.md#connectors).

use crate::model::data_catalogs::DataCatalogs;
use crate::model::event::{Detail, Event};
use crate::model::ids::{AccountId, Region, is_account_id};
use crate::model::region::partition;
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use hashbrown::HashMap;
use serde_json::Value;

/// The name of an account's own data catalog
/// (<https://docs.aws.amazon.com/athena/latest/APIReference/API_QueryExecutionContext.html>).
pub(super) const OWN_CATALOG: &str = "awsdatacatalog";

/// What a data catalog stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CatalogTarget {
    /// A catalog of Glue: an account's id, or `ACCOUNT:CATALOG`.
    Glue(Text),
    /// Functions of Lambda, by their ARNs.
    Functions(Vec<Text>),
    /// A connection of Glue, or an engine of another kind, without a function; its ARN where one is told.
    Connection(Option<Text>),
}

/// The account, the Region and the name of a data catalog, in lower case.
type CatalogKey = (AccountId, Option<Region>, Text);

/// Since when a name stands for what; for nothing once it was deleted.
type Registrations = Vec<(UtcSecond, Option<CatalogTarget>)>;

/// All data catalogs that events or lists tell of.
#[derive(Debug, Default)]
pub(super) struct RegisteredCatalogs<'a> {
    logged: HashMap<CatalogKey, Registrations>,
    listed: Option<&'a DataCatalogs>,
}

impl<'a> RegisteredCatalogs<'a> {
    /// Reads events in their order, which is by time.
    pub(super) fn of(events: &[Event], listed: Option<&'a DataCatalogs>) -> Self {
        let mut registered = Self {
            logged: HashMap::new(),
            listed,
        };
        for event in events.iter().filter(|event| event.error_code.is_none()) {
            if let Detail::Change(parameters) = &event.detail
                && &*event.source == "athena.amazonaws.com"
                && event.name.ends_with("DataCatalog")
                && let Some(account) = &event.recipient_account_id
                && let Ok(parameters) = serde_json::from_str::<Value>(parameters)
                && let Some(name) = parameters["name"].as_str()
            {
                let target = target_of(&parameters, account, event.region.as_ref());
                let is_gone = event.name.starts_with("Delete");
                let key = (account.clone(), event.region.clone(), lower(name));
                let known = registered.logged.entry(key).or_default();
                // An update tells what is new.
                if is_gone || target.is_some() {
                    known.push((event.time, target.filter(|_| !is_gone)));
                }
            }
        }
        registered
    }

    /// What a name stands for, in an account and Region, at a moment: as the name itself says, as the
    /// logs saw it registered, else as lists tell.
    pub(super) fn target(
        &self,
        name: &str,
        account: Option<&AccountId>,
        region: Option<&Region>,
        at: UtcSecond,
    ) -> Option<CatalogTarget> {
        if name.eq_ignore_ascii_case(OWN_CATALOG) {
            return None;
        }
        if let Some(told) = told_by_name(name, account, region) {
            return Some(told);
        }
        let key = account.map(|account| (account.clone(), region.cloned(), lower(name)));
        let logged = key.and_then(|key| self.logged.get(&key));
        let logged = logged.map_or(&[][..], Vec::as_slice);
        let before = logged.iter().rfind(|(since, _)| *since <= at);
        if let Some((_, target)) = before {
            return target.clone();
        }
        let listed = self.listed?;
        if let Some(id) = listed.registered_id(name) {
            return Some(CatalogTarget::Glue(id.clone()));
        }
        let functions = listed.connectors.get(&*lower(name))?;
        Some(CatalogTarget::Functions(
            functions.iter().cloned().collect(),
        ))
    }
}

/// The target of names that say it: `glue:ARN` and `lambda:FUNCTION`
/// (<https://docs.aws.amazon.com/athena/latest/ug/data-sources-glue-cross-account.html>).
fn told_by_name(
    name: &str,
    account: Option<&AccountId>,
    region: Option<&Region>,
) -> Option<CatalogTarget> {
    let (kind, rest) = name.split_once(':')?;
    match kind.to_lowercase().as_str() {
        "glue" => catalog_of_arn(rest).map(CatalogTarget::Glue),
        "lambda" => {
            let function = function_arn(rest, account?, region)?;
            Some(CatalogTarget::Functions(vec![function]))
        }
        _ => None,
    }
}

/// The id of a catalog by its ARN: `arn:P:glue:REGION:ACCOUNT:catalog[/NAME]`.
fn catalog_of_arn(arn: &str) -> Option<Text> {
    let mut parts = arn.splitn(6, ':');
    let is_glue = parts.next() == Some("arn") && parts.nth(1) == Some("glue");
    let account = parts.nth(1).filter(|account| is_account_id(account))?;
    let resource = parts.next()?;
    let catalog = resource.strip_prefix("catalog").filter(|_| is_glue)?;
    match catalog.strip_prefix('/').filter(|name| !name.is_empty()) {
        Some(name) => Some(format!("{account}:{name}").into()),
        None if catalog.is_empty() || catalog == "/" => Some(account.into()),
        None => None,
    }
}

/// The target of a registration
/// (<https://docs.aws.amazon.com/athena/latest/APIReference/API_CreateDataCatalog.html>). The type may
/// be missing from an update.
fn target_of(
    registration: &Value,
    account: &AccountId,
    region: Option<&Region>,
) -> Option<CatalogTarget> {
    let parameters = &registration["parameters"];
    let parameter = |name: &str| parameters[name].as_str().filter(|text| !text.is_empty());
    if let Some(id) = parameter("catalog-id") {
        return Some(CatalogTarget::Glue(id.into()));
    }
    let functions = ["function", "record-function", "metadata-function"];
    let mut functions: Vec<Text> = functions
        .into_iter()
        .filter_map(parameter)
        .filter_map(|function| function_arn(function, account, region))
        .collect();
    functions.sort();
    functions.dedup();
    if !functions.is_empty() {
        return Some(CatalogTarget::Functions(functions));
    }
    let connection = parameter("connection-arn").map(Text::from);
    let is_connection = connection.is_some()
        || parameter("connection-type").is_some()
        || matches!(
            registration["type"].as_str(),
            Some("FEDERATED" | "HIVE" | "LAMBDA")
        );
    is_connection.then_some(CatalogTarget::Connection(connection))
}

/// The ARN of a function by its ARN, its name, or `ACCOUNT:function:NAME`, as calls of Lambda take it
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>). A name alone is of the caller's
/// account.
pub(super) fn function_arn(
    name: &str,
    caller: &AccountId,
    region: Option<&Region>,
) -> Option<Text> {
    let mut parts = name.split(':');
    if parts.next() == Some("arn") {
        let account = parts.nth(3);
        return account.filter(|of| is_account_id(of)).map(|_| name.into());
    }
    let (account, name) = match name.split_once(":function:") {
        Some((account, name)) if is_account_id(account) => (account, name),
        Some(_) => return None,
        None => (&**caller, name),
    };
    let region = region?;
    let partition = partition(region);
    Some(format!("arn:{partition}:lambda:{region}:{account}:function:{name}").into())
}

/// The account in an ARN.
pub(super) fn account_of_arn(arn: &str) -> Option<AccountId> {
    let account = arn.split(':').nth(4)?;
    is_account_id(account).then(|| account.into())
}

/// The account of a catalog's id: `ACCOUNT` or `ACCOUNT:CATALOG`.
pub(super) fn account_of_catalog(id: &str) -> Option<AccountId> {
    let account = id.split(':').next().unwrap_or(id);
    is_account_id(account).then(|| account.into())
}

fn lower(text: &str) -> Text {
    text.to_lowercase().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_say_what_they_stand_for() {
        let account = AccountId::from("444455556666");
        let region = Region::from("us-east-1");
        let of = |name: &str| told_by_name(name, Some(&account), Some(&region));
        let glue = |id: &str| Some(CatalogTarget::Glue(id.into()));
        assert_eq!(
            of("glue:arn:aws:glue:us-east-1:777788889999:catalog"),
            glue("777788889999")
        );
        assert_eq!(
            of("glue:arn:aws-cn:glue:cn-north-1:777788889999:catalog/lake"),
            glue("777788889999:lake")
        );
        let function = "arn:aws:lambda:us-east-1:444455556666:function:mysql";
        assert_eq!(
            of("lambda:mysql"),
            Some(CatalogTarget::Functions(vec![function.into()]))
        );
        for other in [
            "glue:x",
            "glue:arn:aws:s3:::b",
            "AwsDataCatalog",
            "mysql",
            "",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn functions_are_named_in_three_ways() {
        let account = AccountId::from("444455556666");
        let region = Region::from("us-east-1");
        let of =
            |name: &str| function_arn(name, &account, Some(&region)).map(|arn| arn.to_string());
        let own = "arn:aws:lambda:us-east-1:444455556666:function:f";
        let other = "arn:aws:lambda:us-east-1:777788889999:function:f";
        assert_eq!(of("f").as_deref(), Some(own));
        assert_eq!(of("777788889999:function:f").as_deref(), Some(other));
        assert_eq!(of(other).as_deref(), Some(other));
        assert_eq!(of("x:function:f"), None);
        assert_eq!(of("arn:aws:lambda:us-east-1::function:f"), None);
    }
}
