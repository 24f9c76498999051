//! Which table's data is where in S3.

use super::calls::table_of;
use crate::model::data_catalogs::{DataCatalogs, ListedName};
use crate::model::event::{Detail, Event};
use hashbrown::HashMap;
use std::collections::BTreeSet;

/// Tables by the folder of their data: `BUCKET/FOLDER`.
#[derive(Debug, Default)]
pub(super) struct Locations {
    by_folder: HashMap<String, BTreeSet<ListedName>>,
}

impl Locations {
    /// The locations that calls of Glue name, and those of lists.
    pub(super) fn of(events: &[Event], catalogs: Option<&DataCatalogs>) -> Self {
        let mut locations = Self::default();
        for (name, table) in catalogs.iter().flat_map(|catalogs| &catalogs.tables) {
            if let Some(location) = table.location.as_ref().filter(|_| table.target.is_none()) {
                locations.add(location, name.clone());
            }
        }
        for event in events.iter().filter(|event| event.error_code.is_none()) {
            if let Detail::TableCall(call) = &event.detail
                && let Some(location) = &call.location
                && let Some((table, Some(account_id))) = table_of(event, call)
                && let Some((database, table)) = table.database.zip(table.table)
            {
                let name = ListedName {
                    account_id,
                    database,
                    table,
                };
                locations.add(location, name);
            }
        }
        locations
    }

    fn add(&mut self, location: &str, table: ListedName) {
        let path = location
            .split_once("://")
            .map(|(_, path)| path.trim_end_matches('/'));
        // A whole bucket is the location of no table in particular.
        if let Some(path) = path.filter(|path| path.contains('/')) {
            let tables = self.by_folder.entry(path.to_owned()).or_default();
            tables.insert(table);
        }
    }

    /// The tables whose data an object may be: those of the innermost folder that is a location.
    pub(super) fn tables_at(&self, bucket: &str, key: &str) -> impl Iterator<Item = &ListedName> {
        let mut path = if self.by_folder.is_empty() {
            String::new()
        } else {
            format!("{bucket}/{key}")
        };
        let mut found = None;
        while let Some(end) = path.rfind('/') {
            path.truncate(end);
            found = self.by_folder.get(&path);
            if found.is_some() {
                break;
            }
        }
        found.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_location_counts() {
        let table = |name: &str| ListedName {
            account_id: "777788889999".into(),
            database: "claims".into(),
            table: name.into(),
        };
        let mut locations = Locations::default();
        for (location, name) in [
            ("s3://lake/claims", "all"),
            ("s3://lake/claims/sales/", "sales"),
            ("s3a://lake/claims/sales", "sales_too"),
            ("s3://lake", "bucket"),
        ] {
            locations.add(location, table(name));
        }
        let at = |key: &str| {
            let found = locations.tables_at("lake", key);
            let names: Vec<&str> = found.map(|table| &*table.table).collect();
            names.join(" ")
        };
        assert_eq!(at("claims/sales/day=1/f"), "sales sales_too");
        assert_eq!(at("claims/other/f"), "all");
        assert_eq!(at("claims_sales/f"), "");
        assert_eq!(at("f"), "");
    }
}
