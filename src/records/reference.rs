//! The reference of all records: `docs/records-v1.md` is written from this.

use super::field::{Description, FieldType, TablePlacement};
use super::flat;
use super::list::{RecordType, all};
use std::fmt::Write as _;

const HEAD: &str = "# Records, version 1

This page is written by the program's tests from the lists of fields that every format is written from. Keys and columns
are only added, at the end.

JSON has the keys; CSV, Parquet, workbooks and SQL tables have the columns. One rule leads from one to the other:

- A column has the name of its key. The fields of an object have the object's name in front, such as
  `consumer_session_role_arn`; the field `name` of an object has the object's name alone, such as `quick_user`.
- Lists, and objects whose keys are not fixed, are compact JSON text, such as `[\"a\",\"b\"]`, `[]` and
  `{\"athena:GetQueryResults\":2}`.
- The queries of a chain are no column: the records `queries` have a row for each.
- `schema` is no column.

Times are UTC: RFC 3339 in JSON and CSV, `TIMESTAMP` without a zone in Parquet and SQL. Decimals are strings in JSON, with all
of their digits, and `DECIMAL` elsewhere; in Parquet, the number of decimal places is that of the values in the file. A null,
an empty cell and `NULL` mean unknown. Each record has a [JSON Schema](records) and, as text, the schema of its Parquet file.
";

/// Returns the page.
#[must_use]
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    for record in all() {
        add_record(&record, &mut page);
    }
    page
}

fn add_record(record: &RecordType, page: &mut String) {
    let name = record.name;
    let _ = write!(
        page,
        "\n## `{name}`\n\n[JSON Schema](records/{name}.schema.json), [Parquet](records/{name}.parquet.txt)\n\n\
         | key | column | type | meaning |\n|---|---|---|---|\n"
    );
    let columns: Vec<String> = flat::columns(&record.fields)
        .into_iter()
        .map(|column| column.name)
        .collect();
    let mut rest = columns.into_iter();
    add_rows("", &record.fields, true, &mut rest, page);
}

fn add_rows(
    prefix: &str,
    fields: &[Description],
    is_flat: bool,
    columns: &mut impl Iterator<Item = String>,
    page: &mut String,
) {
    for field in fields {
        let key = format!("{prefix}{}", field.name);
        let has_column = is_flat && field.place != TablePlacement::OtherTable;
        let column = match &field.kind {
            FieldType::Schema(_) | FieldType::Record(_) => None,
            _ if has_column => columns.next(),
            _ => None,
        };
        let column = column.map_or_else(String::new, |column| format!("`{column}`"));
        let about = match &field.kind {
            FieldType::Word(words) if !words.is_empty() => {
                format!("{} (`{}`)", field.about, words.join("`, `"))
            }
            _ => field.about.to_owned(),
        };
        let kind = type_name(&field.kind);
        let _ = writeln!(page, "| `{key}` | {column} | {kind} | {about} |");
        match &field.kind {
            FieldType::Record(inner) => {
                add_rows(&format!("{key}."), inner, has_column, columns, page);
            }
            FieldType::List(items) => {
                if let FieldType::Record(inner) = &**items {
                    add_rows(&format!("{key}[]."), inner, false, columns, page);
                }
            }
            _ => {}
        }
    }
}

fn type_name(kind: &FieldType) -> String {
    match kind {
        FieldType::Schema(id) => format!("`{id}`"),
        FieldType::Text => "text".to_owned(),
        FieldType::Word(_) => "word".to_owned(),
        FieldType::Integer => "integer".to_owned(),
        FieldType::Decimal => "decimal".to_owned(),
        FieldType::Boolean => "boolean".to_owned(),
        FieldType::Day => "date".to_owned(),
        FieldType::Timestamp => "timestamp".to_owned(),
        FieldType::Record(_) | FieldType::Object => "object".to_owned(),
        FieldType::List(items) => match &**items {
            FieldType::Record(_) => "list of objects".to_owned(),
            items => format!("list of {}s", type_name(items)),
        },
    }
}
