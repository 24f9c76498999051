//! Records as tables: CSV, Parquet, workbooks and SQL have one row for each.
//!
//! Columns carry the JSON keys. The fields of an object have its name in front, but the
//! field `name` of an object has the object's name alone. Lists and objects without fixed
//! keys are JSON text.

use super::field::{Description, FieldType, Fields, TablePlacement, Value};
use crate::model::table::{Table, Values};
use crate::model::text::Text;

/// A column of a record's table.
#[derive(Debug, Clone, PartialEq)]
pub struct FlatColumn<'d> {
    /// The name.
    pub name: String,
    /// The field that it shows.
    pub field: &'d Description,
}

/// The columns of a record's table, in order.
#[must_use]
pub fn columns(fields: &[Description]) -> Vec<FlatColumn<'_>> {
    let mut columns = Vec::new();
    add_columns("", fields, &mut columns);
    columns
}

fn add_columns<'d>(prefix: &str, fields: &'d [Description], columns: &mut Vec<FlatColumn<'d>>) {
    for field in fields {
        let name = match (prefix, field.name) {
            ("", name) => name.to_owned(),
            (prefix, "name") => prefix.to_owned(),
            (prefix, name) => format!("{prefix}_{name}"),
        };
        match (&field.kind, field.place) {
            (_, TablePlacement::OtherTable) | (FieldType::Schema(_), _) => {}
            (FieldType::Record(inner), TablePlacement::Row) => add_columns(prefix, inner, columns),
            (FieldType::Record(inner), TablePlacement::Column) => {
                add_columns(&name, inner, columns);
            }
            (_, TablePlacement::Column | TablePlacement::Row) => {
                columns.push(FlatColumn { name, field });
            }
        }
    }
}

/// A table with a row for each record.
pub fn table<'a, R: 'a>(
    name: &str,
    fields: &Fields<'_, R>,
    rows: impl IntoIterator<Item = &'a R>,
) -> Table {
    let columns = columns(fields.descriptions());
    let mut values: Vec<Values> = columns
        .iter()
        .map(|column| empty(&column.field.kind))
        .collect();
    for row in rows {
        for (column, cell) in values.iter_mut().zip(cells(fields, row)) {
            push(column, cell);
        }
    }
    let named = columns.into_iter().zip(values);
    named.fold(Table::new(name), |table, (column, values)| {
        table.with(&column.name, values)
    })
}

/// Returns the cells of a record, in the order of its columns.
#[must_use]
pub fn cells<R>(fields: &Fields<'_, R>, record: &R) -> Vec<Value> {
    let mut cells = Vec::new();
    add_cells(fields.descriptions(), fields.read(record), &mut cells);
    cells
}

fn add_cells(fields: &[Description], record: Value, cells: &mut Vec<Value>) {
    let mut values = match record {
        Value::Record(members) => members,
        _ => Vec::new(),
    }
    .into_iter()
    .map(|(_, value)| value);
    for field in fields {
        let value = values.next().unwrap_or(Value::Null);
        match (&field.kind, field.place) {
            (_, TablePlacement::OtherTable) | (FieldType::Schema(_), _) => {}
            (FieldType::Record(inner), _) => add_cells(inner, value, cells),
            _ => cells.push(value),
        }
    }
}

fn empty(kind: &FieldType) -> Values {
    match kind {
        FieldType::Integer => Values::Integer(Vec::new()),
        FieldType::Decimal => Values::Decimal(Vec::new()),
        FieldType::Boolean => Values::Boolean(Vec::new()),
        FieldType::Day => Values::Date(Vec::new()),
        FieldType::Timestamp => Values::Timestamp(Vec::new()),
        FieldType::Schema(_)
        | FieldType::Text
        | FieldType::Word(_)
        | FieldType::Record(_)
        | FieldType::List(_)
        | FieldType::Object => Values::Text(Vec::new()),
    }
}

fn push(column: &mut Values, cell: Value) {
    match (column, cell) {
        (Values::Integer(values), Value::Integer(number)) => {
            values.push(Some(i64::try_from(number).unwrap_or(i64::MAX)));
        }
        (Values::Decimal(values), Value::Decimal(amount)) => values.push(Some(amount)),
        (Values::Boolean(values), Value::Boolean(value)) => values.push(Some(value)),
        (Values::Date(values), Value::Day(day)) => values.push(Some(day)),
        (Values::Timestamp(values), Value::Timestamp(second)) => values.push(Some(second)),
        (Values::Text(values), cell) => values.push(text(cell)),
        (Values::Integer(values), _) => values.push(None),
        (Values::Decimal(values), _) => values.push(None),
        (Values::Boolean(values), _) => values.push(None),
        (Values::Date(values), _) => values.push(None),
        (Values::Timestamp(values), _) => values.push(None),
        (Values::Float(values), _) => values.push(None),
    }
}

/// Returns a cell as text: lists and objects as JSON; `None` where it is unknown.
#[must_use]
pub fn text(cell: Value) -> Option<Text> {
    match cell {
        Value::Null => None,
        Value::Text(text) => Some(text),
        Value::Word(word) => Some(word.into()),
        Value::String(text) => Some(text.into()),
        // Everything in a value can be written as JSON.
        other => serde_json::to_string(&other).ok().map(Text::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Owner {
        name: Option<Text>,
    }

    struct Thing {
        owner: Option<Owner>,
        tags: Vec<Text>,
        size: u64,
    }

    fn fields() -> Fields<'static, Thing> {
        let owner = Fields::new()
            .text("name", "", |owner: &Owner| owner.name.clone())
            .integer("age", "", |_| None);
        let shape = Fields::new().integer("size", "", |thing: &Thing| Some(thing.size));
        let tag = Fields::new().text("tag", "", |tag: &Text| Some(tag.clone()));
        Fields::new()
            .schema("thing/v1")
            .record("owner", "", owner, |thing: &Thing| thing.owner.as_ref())
            .texts("tags", "", |thing: &Thing| Value::texts(&thing.tags))
            .records("long", "", tag, |thing, each| {
                thing.tags.iter().for_each(each);
            })
            .placed(TablePlacement::OtherTable)
            .record("shape", "", shape, |thing| Some(thing))
            .placed(TablePlacement::Row)
    }

    #[test]
    fn columns_are_named_after_keys() {
        let fields = fields();
        let names: Vec<String> = columns(fields.descriptions())
            .into_iter()
            .map(|column| column.name)
            .collect();
        assert_eq!(names, ["owner", "owner_age", "tags", "size"]);
    }

    #[test]
    fn lists_are_json_and_a_missing_object_is_unknown_in_all_of_its_columns() {
        let rows = [
            Thing {
                owner: None,
                tags: vec!["a b".into(), "\"".into()],
                size: u64::MAX,
            },
            Thing {
                owner: Some(Owner {
                    name: Some("Eve".into()),
                }),
                tags: Vec::new(),
                size: 1,
            },
        ];
        let table = table("things", &fields(), &rows);
        let expected = Table::new("things")
            .with("owner", Values::Text(vec![None, Some("Eve".into())]))
            .with("owner_age", Values::Integer(vec![None, None]))
            .with(
                "tags",
                Values::Text(vec![Some(r#"["a b","\""]"#.into()), Some("[]".into())]),
            )
            .with("size", Values::Integer(vec![Some(i64::MAX), Some(1)]));
        assert_eq!(table, expected);
    }
}
