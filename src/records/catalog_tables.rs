//! Tables of data catalogs, as lists have them: what was never read is found by them.

use super::field::{Fields, Value};
use super::flat;
use crate::model::data_catalogs::{DataCatalogs, ListedName, ListedTable};
use crate::model::data_read::ReadEvents;
use crate::model::ids::AccountId;
use crate::model::table::Table;
use std::collections::{BTreeMap, BTreeSet};

/// The JSON schema of a listed table.
pub const SCHEMA: &str = "qs-audit/catalog-table/v1";

/// A listed table, and what the logs of its account do not have.
#[derive(Debug, Clone, Copy)]
pub struct CatalogTableRecord<'a> {
    name: &'a ListedName,
    table: &'a ListedTable,
    not_logged: &'a BTreeMap<ReadEvents, BTreeSet<AccountId>>,
}

impl CatalogTableRecord<'_> {
    /// The events that its account's logs do not have: without them a read may be unknown.
    fn missing_events(&self) -> Vec<&'static str> {
        let of_owner = [ReadEvents::LakeFormation, ReadEvents::S3DataEvents];
        let missing = of_owner.into_iter().filter(|events| {
            let accounts = self.not_logged.get(events);
            accounts.is_some_and(|accounts| accounts.contains(&self.name.account_id))
        });
        missing.map(ReadEvents::as_str).collect()
    }
}

/// The fields of a listed table.
#[must_use]
pub fn fields<'a>() -> Fields<'a, CatalogTableRecord<'a>> {
    type Listed<'a> = CatalogTableRecord<'a>;
    Fields::new()
        .schema(SCHEMA)
        .text(
            "owner_account_id",
            "the account of the catalog",
            |listed: &Listed<'_>| Some(listed.name.account_id.clone()),
        )
        .text("database", "the database", |listed: &Listed<'_>| {
            Some(listed.name.database.clone())
        })
        .text("table", "the table", |listed: &Listed<'_>| {
            Some(listed.name.table.clone())
        })
        .text("table_type", "`TableType`", |listed: &Listed<'_>| {
            listed.table.table_type.clone()
        })
        .text("location", "where its data is", |listed: &Listed<'_>| {
            listed.table.location.clone()
        })
        .string(
            "target",
            "of a resource link, the table that it stands for: `ACCOUNT:DATABASE.TABLE`",
            |listed: &Listed<'_>| {
                let target = listed.table.target.as_ref()?;
                let (database, table) = (&target.database, &target.table);
                Some(format!("{}:{database}.{table}", target.account_id))
            },
        )
        .texts(
            "events_not_logged",
            "events that the logs of its account do not have; with any of them, a read of it may be unknown",
            |listed: &Listed<'_>| Value::strings(listed.missing_events()),
        )
        .always_known(&["owner_account_id", "database", "table"])
}

/// One row for each listed table.
#[must_use]
pub fn table(
    catalogs: Option<&DataCatalogs>,
    not_logged: &BTreeMap<ReadEvents, BTreeSet<AccountId>>,
) -> Table {
    let tables = catalogs.into_iter().flat_map(|catalogs| &catalogs.tables);
    let records: Vec<CatalogTableRecord<'_>> = tables
        .map(|(name, table)| CatalogTableRecord {
            name,
            table,
            not_logged,
        })
        .collect();
    flat::table("catalog_tables", &fields(), &records)
}
