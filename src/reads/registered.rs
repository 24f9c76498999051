//! Data catalogs by the names that queries have for them: catalogs of Glue in other accounts, and
//! connectors (docs/cloudtrail-facts.md#connectors).

use crate::model::data_catalogs::{CatalogTarget, DataCatalogs};
use crate::model::event::{Detail, Event};
use crate::model::ids::{AccountId, Region, is_account_id};
use crate::model::road::function_arn;
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use hashbrown::HashMap;
use serde_json::Value;

/// The name of an account's own data catalog
/// (<https://docs.aws.amazon.com/athena/latest/APIReference/API_QueryExecutionContext.html>).
pub(super) const OWN_CATALOG: &str = "awsdatacatalog";

/// The account, the Region and the name of a data catalog, in lower case.
type CatalogKey = (AccountId, Option<Region>, Text);

/// Targets of a name with their first moments, by time; `None` where it is deleted or not known.
type Registrations = Vec<(UtcSecond, Option<CatalogTarget>)>;

/// A data catalog that a query names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NamedCatalog {
    /// The account's own.
    Own,
    /// One with this target.
    Target(CatalogTarget),
    /// Neither logs nor lists have its target.
    Unknown,
}

/// All data catalogs of events and lists.
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
                let own = parameters["parameters"].as_object();
                let is_kept =
                    event.name.starts_with("Update") && own.is_none_or(serde_json::Map::is_empty);
                let key = (account.clone(), event.region.clone(), lower(name));
                let known = registered.logged.entry(key).or_default();
                // An update has what is new.
                if is_kept {
                    continue;
                }
                let target = target.filter(|_| !is_gone);
                match known.last_mut() {
                    // Of several in one second it is not known which was the last.
                    Some((since, last)) if *since == event.time => {
                        if *last != target {
                            *last = None;
                        }
                    }
                    _ => known.push((event.time, target)),
                }
            }
        }
        registered
    }

    /// The data catalog that a name is of, in an account and Region, at a moment: by the name itself, by
    /// its registration in the logs, else by lists. Lists are of today: they do not apply to names that
    /// the logs saw changed.
    pub(super) fn named(
        &self,
        name: &str,
        account: Option<&AccountId>,
        region: Option<&Region>,
        at: UtcSecond,
    ) -> NamedCatalog {
        // Catalogs within the account's own have names with a slash, such as
        // `s3tablescatalog/BUCKET`: they are not registered.
        let is_nested = name.contains('/') && !name.contains(':');
        if name.eq_ignore_ascii_case(OWN_CATALOG) || is_nested {
            return NamedCatalog::Own;
        }
        let target =
            of_name(name, account, region).or_else(|| self.target(name, account?, region, at));
        target.map_or(NamedCatalog::Unknown, NamedCatalog::Target)
    }

    fn target(
        &self,
        name: &str,
        account: &AccountId,
        region: Option<&Region>,
        at: UtcSecond,
    ) -> Option<CatalogTarget> {
        let key = (account.clone(), region.cloned(), lower(name));
        let Some(logged) = self.logged.get(&key).filter(|logged| !logged.is_empty()) else {
            return self.listed?.target(account, name).cloned();
        };
        let end = logged.partition_point(|(since, _)| *since <= at);
        logged[..end].last()?.1.clone()
    }
}

/// The target of names that contain it: `glue:ARN` and `lambda:FUNCTION`
/// (<https://docs.aws.amazon.com/athena/latest/ug/data-sources-glue-cross-account.html>).
fn of_name(
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
    let is_connection = parameter("connection-type").is_some()
        || matches!(registration["type"].as_str(), Some("FEDERATED" | "HIVE"));
    let arn = |function: &str| function_arn(function, account, region);
    CatalogTarget::of(parameter, arn, is_connection)
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
        let of = |name: &str| super::of_name(name, Some(&account), Some(&region));
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
            "lambda:arn:aws:iam::444455556666:role/x",
            "",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
