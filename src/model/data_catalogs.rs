//! Data catalogs, their tables and who may read them, as AWS lists them: what logs do not tell,
//! because it was there before them (docs/cloudtrail-facts.md#what-a-query-read).

use super::coverage::Rejects;
use super::ids::AccountId;
use super::text::Text;
use std::collections::{BTreeMap, BTreeSet};

/// A table of a listed catalog, in lower case. Lists do not tell the Region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListedName {
    /// The account of the catalog.
    pub account_id: AccountId,
    /// The database.
    pub database: Text,
    /// The table.
    pub table: Text,
}

/// What a list tells of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListedTable {
    /// `StorageDescriptor.Location`.
    pub location: Option<Text>,
    /// The table that a resource link stands for: `TargetTable`.
    pub target: Option<ListedName>,
    /// `TableType`, such as `EXTERNAL_TABLE` or `VIRTUAL_VIEW`.
    pub table_type: Option<Text>,
}

/// The target of a data catalog of Athena.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum CatalogTarget {
    /// A catalog of Glue: an account's id, or `ACCOUNT:CATALOG`.
    Glue(Text),
    /// Functions of Lambda, by their ARNs.
    Functions(Vec<Text>),
    /// A connection of Glue, or an engine of another kind, without a function; its ARN if it is given.
    Connection(Option<Text>),
}

impl CatalogTarget {
    /// Reads the parameters of a data catalog
    /// (<https://docs.aws.amazon.com/athena/latest/APIReference/API_DataCatalog.html>): `parameter` gives
    /// them by name, without those that are empty, and `function_arn` the ARN of a function as a parameter
    /// names it. `is_connection` if anything but the parameters says that it is a connection.
    pub fn of<'p>(
        parameter: impl Fn(&str) -> Option<&'p str>,
        function_arn: impl Fn(&'p str) -> Option<Text>,
        is_connection: bool,
    ) -> Option<Self> {
        if let Some(id) = parameter("catalog-id") {
            return Some(Self::Glue(id.into()));
        }
        let functions = functions_named(&parameter).filter_map(function_arn);
        let functions: BTreeSet<Text> = functions.collect();
        if !functions.is_empty() {
            return Some(Self::Functions(functions.into_iter().collect()));
        }
        let connection = parameter("connection-arn").map(Text::from);
        (is_connection || connection.is_some()).then_some(Self::Connection(connection))
    }
}

/// The functions that the parameters of a data catalog name: one for all, or two for data and metadata.
pub fn functions_named<'p>(
    parameter: impl Fn(&str) -> Option<&'p str>,
) -> impl Iterator<Item = &'p str> {
    let names = ["function", "record-function", "metadata-function"];
    names.into_iter().filter_map(parameter)
}

/// A user of Quick.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListedUser {
    /// `Email`.
    pub email: Option<Text>,
    /// `Role`, such as `READER`.
    pub role: Option<Text>,
    /// `Active`.
    pub is_active: Option<bool>,
}

/// The way in which tables are shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum ShareKind {
    /// A grant of Lake Formation.
    LakeFormation,
    /// A share of RAM.
    Ram,
    /// A resource policy of Glue.
    GluePolicy,
}

/// A share of tables with a principal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TableShare {
    /// The way.
    pub kind: ShareKind,
    /// The owner; `None` where the list does not tell.
    pub owner_account_id: Option<AccountId>,
    /// The database; `None` for all.
    pub database: Option<Text>,
    /// The table; `None` for all of the database.
    pub table: Option<Text>,
    /// The principal as it was listed: an account, an ARN, `*`.
    pub principal: Text,
    /// The share as people know it: its ARN, or the permissions of the grant.
    pub name: Text,
}

/// All lists that were given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DataCatalogs {
    /// Lists that were read; one may be empty.
    pub lists: u64,
    /// Tables.
    pub tables: BTreeMap<ListedName, ListedTable>,
    /// Databases that are resource links, by account and name: account and name of the target.
    pub database_links: BTreeMap<(AccountId, Text), (AccountId, Text)>,
    /// Registered data catalogs of Athena by account, if the list has it, and name, in lower case.
    pub registered: BTreeMap<(Option<AccountId>, Text), BTreeSet<CatalogTarget>>,
    /// Shares of tables.
    pub shares: BTreeSet<TableShare>,
    /// What RAM shares, by the share's ARN: ARNs of resources.
    pub shared_resources: BTreeMap<Text, BTreeSet<Text>>,
    /// With whom RAM shares, by the share's ARN: principals. Its lists tell the two apart.
    pub share_principals: BTreeMap<Text, BTreeSet<Text>>,
    /// Users of Quick, by `NAMESPACE/NAME`, or `UserName` where the list has no ARN.
    pub users: BTreeMap<Text, ListedUser>,
    /// The rejected entries.
    pub rejects: Rejects,
}

impl DataCatalogs {
    /// Returns the table that a name stands for: the target, if it is a resource link or in a
    /// database that is one; `None` where no list has it.
    #[must_use]
    pub fn resolved(&self, name: &ListedName) -> Option<ListedName> {
        let listed = self.tables.get(name);
        if let Some(target) = listed.and_then(|table| table.target.clone()) {
            return Some(target);
        }
        let database = (name.account_id.clone(), name.database.clone());
        if let Some((account_id, database)) = self.database_links.get(&database) {
            return Some(ListedName {
                account_id: account_id.clone(),
                database: database.clone(),
                table: name.table.clone(),
            });
        }
        listed.map(|_| name.clone())
    }

    /// The target of a data catalog that is registered in an account, if all lists agree. Lists that do
    /// not name an account are taken for those of any.
    #[must_use]
    pub fn target(&self, account: &AccountId, name: &str) -> Option<&CatalogTarget> {
        let name: Text = name.to_lowercase().into();
        let of_account = self.registered.get(&(Some(account.clone()), name.clone()));
        let targets = of_account.or_else(|| self.registered.get(&(None, name)))?;
        targets.first().filter(|_| targets.len() == 1)
    }
}
