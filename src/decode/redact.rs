//! What must not leave decode: tokens, secrets, and SQL in old logs.

use serde_json::Value;

const REDACTED: &str = "***REDACTED***";

/// Members whose value is a secret or may hold data.
const SECRET_MEMBERS: [&str; 10] = [
    "sessionToken",
    "secretAccessKey",
    "password",
    "credentialPair",
    "queryString",
    "executionParameters",
    "queryStatement",
    "sqlQuery",
    "customSql",
    "sql",
];

/// What CloudTrail itself writes in place of hidden text.
const HIDDEN_BY_AWS: [&str; 2] = ["***OMITTED***", "HIDDEN_DUE_TO_SECURITY_REASONS"];

/// Replaces secrets in a record, wherever they stand: as members, or inside a
/// string that holds JSON. Iterative, so that no nesting can exhaust the stack.
pub(super) fn redact(value: &mut Value) {
    // Athena quotes the SQL it refuses.
    let is_query = value["eventName"] == "StartQueryExecution";
    if let (true, Some(message)) = (is_query, value.get_mut("errorMessage")) {
        *message = REDACTED.into();
    }
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(map) => {
                for (key, member) in map.iter_mut() {
                    let is_secret = SECRET_MEMBERS
                        .iter()
                        .any(|secret| key.eq_ignore_ascii_case(secret));
                    let is_hidden = member
                        .as_str()
                        .is_some_and(|text| HIDDEN_BY_AWS.contains(&text));
                    if is_secret && !member.is_null() && !is_hidden {
                        *member = REDACTED.into();
                    } else {
                        open.push(member);
                    }
                }
            }
            Value::Array(items) => open.extend(items),
            Value::String(text) => redact_inside(text),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// A string that holds JSON with a secret in it is given back redacted.
fn redact_inside(text: &mut String) {
    let lower = text.to_ascii_lowercase();
    let suspicious = SECRET_MEMBERS
        .iter()
        .any(|secret| lower.contains(&secret.to_ascii_lowercase()));
    // A message that only mentions such a member is no JSON and stays.
    if !suspicious || !text.trim_start().starts_with(['{', '[', '"']) {
        return;
    }
    *text = match serde_json::from_str::<Value>(text) {
        Ok(mut inner) => {
            redact(&mut inner);
            inner.to_string()
        }
        Err(_) => REDACTED.to_owned(),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tokens_and_sql_are_gone_wherever_they_stand() {
        let mut record = json!({
            "responseElements": {"credentials": {"accessKeyId": "ASIA1", "sessionToken": "TOPSECRET"}},
            "requestParameters": "{\"queryString\":\"SELECT TOPSECRET\",\"workGroup\":\"w\"}",
            "list": [{"sessiontoken": "TOPSECRET"}],
        });
        redact(&mut record);
        let text = record.to_string();
        assert!(!text.contains("TOPSECRET"), "{text}");
        assert!(
            text.contains("ASIA1") && text.contains("workGroup"),
            "{text}"
        );
    }

    #[test]
    fn what_aws_hid_already_stays_as_it_is() {
        let mut record = json!({"queryString": "***OMITTED***"});
        redact(&mut record);
        assert_eq!(record, json!({"queryString": "***OMITTED***"}));
    }
}
