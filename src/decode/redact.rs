//! Redaction at decode: tokens, secrets, and SQL in old logs.
//!
//! A secret is told by the name of its member, at any depth and in JSON inside a string,
//! or by what it looks like ([`secret`](super::secret)).

use super::secret::{Statements, bare, is_hidden, is_secret_name, scrubbed};
use regex::Regex;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::sync::LazyLock;

pub use super::secret::REDACTED;

/// Services whose error messages quote SQL.
const SQL_SERVICES: [&str; 5] = [
    "athena.amazonaws.com",
    "redshift-data.amazonaws.com",
    "rds-data.amazonaws.com",
    "timestream.amazonaws.com",
    "cloudtrail.amazonaws.com",
];

/// Bytes of an error message that are kept: CloudTrail writes no more
/// (docs/cloudtrail-facts.md#size-limits).
const MESSAGE_BYTES_MAX: usize = 1024;

/// Bytes of an error message that are looked at: what is longer was not written by
/// CloudTrail.
const MESSAGE_BYTES_READ: usize = 4 * MESSAGE_BYTES_MAX;

/// Names of a member that says what the value next to it is.
const NAMING: [&str; 6] = [
    "name",
    "key",
    "parametername",
    "parameterkey",
    "field",
    "header",
];

/// Names of the value next to it.
const NAMED: [&str; 3] = ["value", "values", "parametervalue"];

fn statements_of(source: &str) -> Statements {
    if SQL_SERVICES.contains(&source) {
        Statements::OfSqlService
    } else {
        Statements::Unmistakable
    }
}

/// Replaces secrets in a record, wherever they stand, and returns how many. Iterative, so
/// that no nesting can exhaust the stack.
pub(super) fn redact(value: &mut Value) -> u64 {
    let source = value["eventSource"].as_str().unwrap_or_default().to_owned();
    let mut count = 0;
    if let Some(Value::String(message)) = value.get_mut("errorMessage")
        && let Cow::Owned(scrubbed) = scrubbed_message(&source, message)
    {
        *message = scrubbed;
        count += 1;
    }
    count + redact_value(value, statements_of(&source))
}

fn redact_value(value: &mut Value, statements: Statements) -> u64 {
    let mut count = 0;
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) => {
                count += redact_names(members, statements);
                let is_named_secret = members.iter().any(|(name, value)| {
                    NAMING.contains(&bare(name).as_str())
                        && value.as_str().is_some_and(is_secret_name)
                });
                for (name, member) in members.iter_mut() {
                    let is_value = is_named_secret && NAMED.contains(&bare(name).as_str());
                    if is_value && holds_secret("value", member)
                        || is_secret_name(name) && holds_secret(name, member)
                        || is_credentials(name, member)
                    {
                        *member = REDACTED.into();
                        count += 1;
                    } else {
                        open.push(member);
                    }
                }
            }
            Value::Array(items) => open.extend(items),
            Value::String(text) => count += redact_text(text, statements),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    count
}

/// Replaces secrets in the names of members.
fn redact_names(members: &mut Map<String, Value>, statements: Statements) -> u64 {
    let is_clean = |name: &String| matches!(scrubbed(name, statements), Cow::Borrowed(_));
    if members.keys().all(is_clean) {
        return 0;
    }
    let mut count = 0;
    let cleaned = std::mem::take(members).into_iter().map(|(name, value)| {
        let clean = scrubbed(&name, statements).into_owned();
        count += u64::from(clean != name);
        (clean, value)
    });
    *members = cleaned.collect();
    count
}

/// Returns true for credentials that are one string: as an object they have names of
/// their own.
fn is_credentials(name: &str, value: &Value) -> bool {
    let is_text = value
        .as_str()
        .is_some_and(|text| !text.is_empty() && !is_hidden(text));
    is_text && matches!(bare(name).as_str(), "credential" | "credentials")
}

/// Returns true if a member of a secret name has a value that is one. A policy's `Statement` is no
/// SQL, and a flag is no secret.
fn holds_secret(name: &str, value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::String(text) => !text.is_empty() && !is_hidden(text),
        Value::Number(_) => true,
        Value::Array(_) | Value::Object(_) => !name.eq_ignore_ascii_case("statement"),
    }
}

/// Replaces secrets inside a string: in JSON that it holds, else by what they look like.
fn redact_text(text: &mut String, statements: Statements) -> u64 {
    let start = text.trim_start();
    if start.starts_with(['{', '[', '"']) {
        match serde_json::from_str::<Value>(text) {
            Ok(mut inner) if !inner.is_string() || start.starts_with('"') => {
                let count = redact_value(&mut inner, statements);
                if count > 0 {
                    *text = inner.to_string();
                }
                return count;
            }
            // Names in it may be spelled with escapes, which only a parse could read.
            Err(_) if text.contains("\\u") => {
                REDACTED.clone_into(text);
                return 1;
            }
            _ => {}
        }
    }
    match scrubbed(text, statements) {
        Cow::Borrowed(_) => 0,
        Cow::Owned(clean) => {
            *text = clean;
            1
        }
    }
}

/// Returns an error message as it is kept: without secrets, quoted statements and, where
/// a service quotes SQL, anything quoted; and no longer than CloudTrail writes them.
pub(super) fn scrubbed_message<'t>(source: &str, message: &'t str) -> Cow<'t, str> {
    let message = &message[..message.floor_char_boundary(MESSAGE_BYTES_READ)];
    let mut scrubbed = scrubbed(message, statements_of(source));
    if SQL_SERVICES.contains(&source)
        && let Cow::Owned(unquoted) = QUOTED.replace_all(&scrubbed, "'…'")
    {
        scrubbed = Cow::Owned(unquoted);
    }
    if scrubbed.len() > MESSAGE_BYTES_MAX {
        let end = scrubbed.floor_char_boundary(MESSAGE_BYTES_MAX);
        scrubbed = match scrubbed {
            Cow::Borrowed(text) => Cow::Owned(text[..end].to_owned()),
            Cow::Owned(mut text) => {
                text.truncate(end);
                Cow::Owned(text)
            }
        };
    }
    scrubbed
}

/// Anything in quotes.
static QUOTED: LazyLock<Regex> = LazyLock::new(|| {
    #[expect(
        clippy::unwrap_used,
        reason = "the pattern is a constant that tests compile"
    )]
    Regex::new(r#"'[^']*'?|"[^"]*"?|`[^`]*`?"#).unwrap()
});

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
        assert_eq!(redact(&mut record), 3);
        let text = record.to_string();
        assert!(!text.contains("TOPSECRET"), "{text}");
        assert!(
            text.contains("ASIA1") && text.contains("workGroup"),
            "{text}"
        );
    }

    #[test]
    fn what_aws_hid_already_stays_as_it_is() {
        let mut record = json!({
            "queryString": "***OMITTED***", "password": "HIDDEN_DUE_TO_SECURITY_REASONS",
        });
        let before = record.clone();
        assert_eq!(redact(&mut record), 0);
        assert_eq!(record, before);
    }

    #[test]
    fn secrets_are_told_by_the_name_of_their_member() {
        for name in [
            "sessionToken",
            "SecretAccessKey",
            "secretString",
            "contextAssertion",
            "tokenCode",
            "webIdentityToken",
            "sAMLAssertion",
            "Authorization",
            "cookie",
            "Set-Cookie",
            "client_secret",
            "masterUserPassword",
            "x-api-key",
            "privateKey",
            "X-Amz-Signature",
            "sql",
            "statement",
            "refresh_token",
            "dbPwd_password",
            "userData",
        ] {
            let mut record = json!({"a": [{"b": {name: "TOPSECRET"}}]});
            assert_eq!(redact(&mut record), 1, "{name}");
            assert!(!record.to_string().contains("TOPSECRET"), "{name}");
        }
        for name in [
            "secretId",
            "secretArn",
            "clientRequestToken",
            "nextToken",
            "sAMLAssertionID",
            "SignatureVersion",
            "tokenType",
            "passwordLastTimeUsed",
            "policyDocument",
            "workGroup",
        ] {
            let mut record = json!({name: "plain"});
            assert_eq!(redact(&mut record), 0, "{name}");
        }
        let mut policy = json!({"Statement": [{"Effect": "Allow"}]});
        assert_eq!(redact(&mut policy), 0);
    }

    #[test]
    fn names_spelled_with_escapes_are_read() {
        let mut record: Value = serde_json::from_str(
            r#"{"pass\u0077ord":"TOPSECRET","p":"{\"pass\\u0077ord\":\"TOPSECRET\"}",
                "cut":"{\"pass\\u0077ord\":\"TOPSECRET"}"#,
        )
        .unwrap();
        assert_eq!(redact(&mut record), 3);
        assert!(!record.to_string().contains("TOPSECRET"), "{record}");
    }

    #[test]
    fn values_are_told_by_the_name_beside_them() {
        let mut record = json!({"environment": [
            {"name": "DB_PASSWORD", "value": "TOPSECRET"}, {"Key": "password", "Value": "TOPSECRET"},
            {"name": "REGION", "value": "plain"},
        ], "credential": "TOPSECRET", "x?sig=TOPSECRET": 1});
        assert_eq!(redact(&mut record), 4);
        let text = record.to_string();
        assert!(
            !text.contains("TOPSECRET") && text.contains("plain"),
            "{text}"
        );
    }

    #[test]
    fn statements_and_quotes_are_cut_out_of_messages() {
        let statement = "Queries of this type are not supported: select case ssn from people";
        let clean = scrubbed_message("athena.amazonaws.com", statement);
        assert!(!clean.contains("ssn"), "{clean}");
        let quoted = "line 1:8: Column 'ssn_123' cannot be resolved";
        assert_eq!(
            scrubbed_message("athena.amazonaws.com", quoted),
            "line 1:8: Column '…' cannot be resolved"
        );
        assert_eq!(scrubbed_message("s3.amazonaws.com", quoted), quoted);
        let long = "é".repeat(MESSAGE_BYTES_MAX);
        assert_eq!(
            scrubbed_message("s3.amazonaws.com", &long).len(),
            MESSAGE_BYTES_MAX
        );
    }
}
