//! `report.json` against its published schema.

use boon::{Compiler, Schemas};
use serde_json::Value;
use std::fs;

/// Complains about whatever the schema does not allow.
pub(crate) fn validate(document: &Value) {
    if let Err(complaint) = complaint(document) {
        panic!("{complaint}");
    }
}

/// What the schema does not allow.
pub(crate) fn complaint(document: &Value) -> Result<(), String> {
    const NAME: &str = "report-v1.schema.json";
    let schema = fs::read_to_string("docs/report-v1.schema.json").unwrap();
    let mut compiler = Compiler::new();
    let schema = serde_json::from_str(&schema).unwrap();
    compiler.add_resource(NAME, schema).unwrap();
    let mut schemas = Schemas::new();
    let schema = compiler.compile(NAME, &mut schemas).unwrap();
    let checked = schemas.validate(document, schema);
    checked.map_err(|complaint| format!("{complaint:#}"))
}
