//! One list of fields for each record: every format and every document follows it.

use crate::cli::{WHOLE_SAMPLE, organization, program};
use boon::{Compiler, Schemas};
use qs_audit::columnar::schema_text;
use qs_audit::records::list::{RecordType, all};
use qs_audit::records::reference::reference;
use qs_audit::records::schema::json_schema;
use qs_audit::records::{chains, findings, flat, queries};
use serde_json::{Map, Value, json};
use std::fs;
use std::path::Path;

/// Compares a document with what the program says, or writes it anew.
pub(crate) fn check_document(path: impl AsRef<Path>, text: &str) {
    let path = path.as_ref();
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let written = fs::read_to_string(path).unwrap();
    assert!(
        written == text,
        "{} is not what the program has: UPDATE_EXPECTED=1 writes it anew",
        path.display()
    );
}

fn pretty(schema: &Value) -> String {
    serde_json::to_string_pretty(schema).unwrap() + "\n"
}

fn schema_of(record: &RecordType) -> Value {
    json_schema(record.name, &record.fields)
}

#[test]
fn documents_of_records_are_written_from_their_fields() {
    check_document("docs/records-v1.md", &reference());
    for record in all() {
        let name = record.name;
        let schema = format!("docs/records/{name}.schema.json");
        check_document(schema, &pretty(&schema_of(&record)));
        let parquet = format!("docs/records/{name}.parquet.txt");
        check_document(parquet, &schema_text(&record.table).unwrap());
    }
}

#[test]
fn the_schema_of_the_report_has_the_schemas_of_records() {
    let path = "docs/report-v1.schema.json";
    let mut schema: Map<String, Value> =
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let definitions = schema["$defs"].as_object_mut().unwrap();
    let generated = [
        (
            "chain",
            json_schema("chain", chains::fields().descriptions()),
        ),
        (
            "query",
            json_schema("query", queries::execution_fields().descriptions()),
        ),
        (
            "finding",
            json_schema("finding", findings::fields().descriptions()),
        ),
    ];
    for (name, mut record) in generated {
        record.as_object_mut().unwrap().remove("$schema");
        definitions.insert(name.to_owned(), record);
    }
    check_document(path, &pretty(&Value::Object(schema)));
}

/// A JSON record as its columns, by the rule of docs/records-v1.md.
fn flattened(record: &Value) -> Map<String, Value> {
    fn add(prefix: &str, members: &Map<String, Value>, columns: &mut Map<String, Value>) {
        for (name, value) in members {
            let column = match (prefix, name.as_str()) {
                ("", name) => name.to_owned(),
                (prefix, "name") => prefix.to_owned(),
                (prefix, name) => format!("{prefix}_{name}"),
            };
            match (name.as_str(), value) {
                ("schema" | "queries", _) => {}
                // A chain's own reads have a table of their own; a query's are a column.
                ("reads", _) if members.contains_key("hops") => {}
                ("query" | "fault", Value::Object(inner)) => add(prefix, inner, columns),
                ("calls" | "evidence" | "subject", _) | (_, Value::Array(_)) => {
                    columns.insert(column, value.to_string().into());
                }
                (_, Value::Object(inner)) => add(&column, inner, columns),
                (_, value) => {
                    columns.insert(column, value.clone());
                }
            }
        }
    }
    let mut columns = Map::new();
    add("", record.as_object().unwrap(), &mut columns);
    columns
}

fn output(folder: &Path, args: &[&str]) -> Vec<u8> {
    let mut run = program();
    let run = run.current_dir(folder).args(args).args(WHOLE_SAMPLE);
    run.arg("-q").output().unwrap().stdout
}

/// The records of a command, its options first: as JSON, and as cells of CSV.
fn lines_and_cells(folder: &Path, args: &[&str]) -> (Vec<Value>, Vec<Map<String, Value>>) {
    let with = |format: &str| output(folder, &[args, &["--format", format]].concat());
    let lines = String::from_utf8(with("jsonl")).unwrap();
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let csv = with("csv");
    let mut csv = csv::Reader::from_reader(&csv[..]);
    let names = csv.headers().unwrap().clone();
    let cells = csv.records().map(|row| {
        let row = row.unwrap();
        let cells = names.iter().zip(row.iter());
        cells
            .map(|(name, cell)| (name.to_owned(), Value::from(cell)))
            .collect()
    });
    (lines.collect(), cells.collect())
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[test]
fn every_format_has_the_same_columns_and_values() {
    let folder = organization();
    let known = all();
    for (name, args) in [
        ("chains", &["chains", "--path", "any"][..]),
        ("queries", &["chains", "--path", "any", "--flat"]),
        ("findings", &["findings"]),
    ] {
        let record = known.iter().find(|record| record.name == name).unwrap();
        let columns = flat::columns(&record.fields);
        let names: Vec<&str> = columns.iter().map(|column| &*column.name).collect();
        let of_table: Vec<&str> = record.table.columns.iter().map(|one| &*one.name).collect();
        assert_eq!(names, of_table, "{name}");
        let (lines, rows) = lines_and_cells(folder.path(), args);
        assert!(lines.len() > 5 && lines.len() == rows.len(), "{name}");
        let mut compiler = Compiler::new();
        compiler.add_resource("r.json", schema_of(record)).unwrap();
        let mut schemas = Schemas::new();
        let schema = compiler.compile("r.json", &mut schemas).unwrap();
        for (line, row) in lines.iter().zip(&rows) {
            if let Err(complaint) = schemas.validate(line, schema) {
                panic!("{name}: {complaint:#}");
            }
            let expected = flattened(line);
            assert_eq!(row.len(), names.len());
            for column in expected.keys() {
                let is_column = names.contains(&column.as_str());
                // A null object has no columns of its own name.
                assert!(is_column || expected[column].is_null(), "{name}: {column}");
            }
            for column in &names {
                // Where an object is null, so are all of its columns.
                let of_json = cell(expected.get(*column).unwrap_or(&Value::Null));
                let of_csv = row[*column].as_str().unwrap();
                assert_eq!(of_csv, of_json, "{name}: {column}");
            }
        }
    }
}

#[test]
fn sql_has_the_columns_of_the_formats() {
    let folder = organization();
    fs::write(
        folder.path().join("all.sql"),
        "SELECT * FROM chains ORDER BY started_at, chain_id",
    )
    .unwrap();
    let sql = output(
        folder.path(),
        &["query", "--file", "all.sql", "--format", "json"],
    );
    let document: Value = serde_json::from_slice(&sql).unwrap();
    let names: Vec<&Value> = document["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| &column["name"])
        .collect();
    let fields = chains::fields();
    let columns = flat::columns(fields.descriptions());
    let expected: Vec<Value> = columns.iter().map(|column| json!(column.name)).collect();
    assert_eq!(names, expected.iter().collect::<Vec<_>>());
    let rows = document["rows"].as_array().unwrap();
    assert!(rows.len() > 5);
    for row in rows {
        let hops: Vec<Value> = serde_json::from_str(row["hops"].as_str().unwrap()).unwrap();
        assert!(hops.len() <= 2);
    }
}
