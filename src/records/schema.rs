//! Records as JSON Schema (draft 2020-12).

use super::field::{Description, FieldType};
use serde_json::{Map, Value, json};

/// The JSON Schema of a record with these fields. Every key is in every record, and no
/// other key is.
#[must_use]
pub fn json_schema(title: &str, fields: &[Description]) -> Value {
    let mut schema = object(fields);
    let head = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
    });
    if let (Value::Object(schema), Value::Object(head)) = (&mut schema, head) {
        schema.extend(head);
    }
    schema
}

fn object(fields: &[Description]) -> Value {
    let property = |field: &Description| {
        let mut property = of_kind(&field.kind);
        if !field.is_always_known {
            property = or_null(property);
        }
        if let Value::Object(property) = &mut property {
            property.insert("description".to_owned(), field.about.into());
        }
        (field.name.to_owned(), property)
    };
    let properties: Map<String, Value> = fields.iter().map(property).collect();
    let required: Vec<&str> = fields.iter().map(|field| field.name).collect();
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
        "required": required,
    })
}

/// The same schema, or null.
fn or_null(mut schema: Value) -> Value {
    if let Some(Value::Array(words)) = schema.get_mut("enum") {
        words.push(Value::Null);
    } else if let Some(kind) = schema.get("type").cloned()
        && (can_be_null(&kind) || schema.get("required").is_some())
    {
        schema["type"] = json!([kind, "null"]);
    }
    schema
}

fn can_be_null(kind: &Value) -> bool {
    matches!(
        kind.as_str(),
        Some("string" | "integer" | "boolean" | "array")
    )
}

fn of_kind(kind: &FieldType) -> Value {
    match kind {
        FieldType::Schema(id) => json!({"const": id}),
        FieldType::Text => json!({"type": "string"}),
        FieldType::Word(words) if words.is_empty() => json!({"type": "string"}),
        FieldType::Word(words) => json!({"enum": words}),
        FieldType::Integer => json!({"type": "integer", "minimum": 0}),
        FieldType::Decimal => json!({"type": "string", "pattern": "^-?[0-9]+(\\.[0-9]+)?$"}),
        FieldType::Boolean => json!({"type": "boolean"}),
        FieldType::Day => json!({"type": "string", "format": "date"}),
        FieldType::Timestamp => json!({"type": "string", "format": "date-time"}),
        FieldType::Record(fields) => object(fields),
        FieldType::List(items) => json!({"type": "array", "items": of_kind(items)}),
        FieldType::Object => json!({"type": "object"}),
    }
}
