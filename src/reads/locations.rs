//! Which table's data is where in S3.

use super::calls::table_of;
use crate::model::data_read::ReadSubject;
use crate::model::event::{Detail, Event};
use crate::model::ids::AccountId;
use hashbrown::HashMap;
use std::collections::BTreeMap;

/// Tables by the folder of their data: `BUCKET/FOLDER`.
#[derive(Debug, Default)]
pub(super) struct Locations {
    by_folder: HashMap<String, BTreeMap<ReadSubject, Option<AccountId>>>,
}

impl Locations {
    /// The locations that calls of Glue name.
    pub(super) fn of(events: &[Event]) -> Self {
        let mut locations = Self::default();
        for event in events.iter().filter(|event| event.error_code.is_none()) {
            if let Detail::TableCall(call) = &event.detail
                && let Some(location) = &call.location
                && let Some((table, owner)) = table_of(event, call)
            {
                locations.add(location, table, owner);
            }
        }
        locations
    }

    fn add(&mut self, location: &str, table: ReadSubject, owner: Option<AccountId>) {
        let path = location
            .split_once("://")
            .map(|(_, path)| path.trim_end_matches('/'));
        // A whole bucket is the location of no table in particular.
        if let Some(path) = path.filter(|path| path.contains('/')) {
            let tables = self.by_folder.entry(path.to_owned()).or_default();
            tables.insert(table, owner);
        }
    }

    /// The tables whose data an object may be: those of the innermost folder that is a location.
    pub(super) fn tables_at(
        &self,
        bucket: &str,
        key: &str,
    ) -> impl Iterator<Item = (&ReadSubject, Option<&AccountId>)> {
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
        let tables = found.into_iter().flatten();
        tables.map(|(table, owner)| (table, owner.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_location_counts() {
        let table = |name: &str| ReadSubject {
            table: Some(name.into()),
            ..ReadSubject::default()
        };
        let mut locations = Locations::default();
        for (location, name) in [
            ("s3://lake/claims", "all"),
            ("s3://lake/claims/sales/", "sales"),
            ("s3a://lake/claims/sales", "sales_too"),
            ("s3://lake", "bucket"),
        ] {
            locations.add(location, table(name), None);
        }
        let at = |key: &str| {
            let found = locations.tables_at("lake", key);
            let names: Vec<String> = found
                .filter_map(|(table, _)| Some(table.table.as_ref()?.to_string()))
                .collect();
            names.join(" ")
        };
        assert_eq!(at("claims/sales/day=1/f"), "sales sales_too");
        assert_eq!(at("claims/other/f"), "all");
        assert_eq!(at("claims_sales/f"), "");
        assert_eq!(at("f"), "");
    }
}
