//! All records, for documents and tests.

use super::field::{Description, Fields};
use super::{catalog_tables, chains, charges, findings, flat, hops, queries, reads, verification};
use crate::model::table::Table;

/// A kind of record: its name, its fields and its table.
#[derive(Debug, Clone)]
pub struct RecordType {
    /// The name, which is that of the table, too.
    pub name: &'static str,
    /// The fields, in the order of the JSON keys.
    pub fields: Vec<Description>,
    /// Its table, without rows.
    pub table: Table,
}

impl RecordType {
    fn of<R>(name: &'static str, fields: &Fields<'_, R>) -> Self {
        Self {
            name,
            fields: fields.descriptions().to_vec(),
            table: flat::table(name, fields, []),
        }
    }
}

/// Returns all kinds of records, in the order of the documentation.
#[must_use]
pub fn all() -> Vec<RecordType> {
    vec![
        RecordType::of("chains", &chains::fields()),
        RecordType::of("hops", &hops::fields()),
        RecordType::of("queries", &queries::fields()),
        RecordType::of("reads", &reads::fields()),
        RecordType::of("catalog_tables", &catalog_tables::fields()),
        RecordType::of("findings", &findings::fields()),
        RecordType::of("charges", &charges::fields()),
        RecordType::of("faults", &verification::fields()),
    ]
}
