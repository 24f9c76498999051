//! What must not leave decode: tokens, secrets, and SQL in old logs.
//!
//! A secret is told by the name of its member, at any depth and in JSON inside a string,
//! or by what it looks like: a private key, a token, a signature, `password=...`.

use regex::{Captures, Regex};
use serde_json::Value;
use std::borrow::Cow;
use std::sync::LazyLock;

/// Stands in place of a secret.
pub const REDACTED: &str = "***REDACTED***";

/// Parts of names, without case and punctuation, whose value is a secret or SQL.
const SECRET_PARTS: [&str; 22] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "assertion",
    "authorization",
    "cookie",
    "credentialpair",
    "privatekey",
    "apikey",
    "keymaterial",
    "plaintext",
    "connectionstring",
    "xamzsignature",
    "xamzcredential",
    "mfacode",
    "querystring",
    "querystatement",
    "sqlquery",
    "customsql",
    "executionparameters",
];

/// Whole names of the same kind, which are too short to be parts.
const SECRET_NAMES: [&str; 11] = [
    "auth",
    "otp",
    "pwd",
    "pass",
    "sig",
    "signature",
    "sql",
    "sqls",
    "sqlstatement",
    "statement",
    "userdata",
];

/// Ends of names that say that it is no secret, but which one it is or of what kind.
const HARMLESS_ENDS: [&str; 14] = [
    "id",
    "arn",
    "name",
    "type",
    "version",
    "status",
    "policy",
    "expiration",
    "expires",
    "length",
    "count",
    "enabled",
    "lasttimeused",
    "clientrequesttoken",
];

/// Names that only sound like a secret: what tells one call from its repetition, and
/// where a list goes on.
const HARMLESS_NAMES: [&str; 5] = [
    "clienttoken",
    "idempotencytoken",
    "nexttoken",
    "paginationtoken",
    "continuationtoken",
];

/// What CloudTrail itself writes in place of hidden text.
const HIDDEN_BY_AWS: [&str; 2] = ["***OMITTED***", "HIDDEN_DUE_TO_SECURITY_REASONS"];

/// Services whose error messages quote SQL.
const SQL_SERVICES: [&str; 5] = [
    "athena.amazonaws.com",
    "redshift-data.amazonaws.com",
    "rds-data.amazonaws.com",
    "timestream.amazonaws.com",
    "cloudtrail.amazonaws.com",
];

/// Bytes of an error message that are kept: CloudTrail writes no more (facts.md 1.3).
const MESSAGE_BYTES_MAX: usize = 1024;

/// Whether the value of a member of this name is a secret, or SQL.
fn is_secret_name(name: &str) -> bool {
    let bare: String = name
        .chars()
        .filter(|letter| letter.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    let is_harmless = HARMLESS_NAMES.contains(&bare.as_str())
        || HARMLESS_ENDS.iter().any(|end| bare.ends_with(end));
    !is_harmless
        && (SECRET_NAMES.contains(&bare.as_str())
            || SECRET_PARTS.iter().any(|part| bare.contains(part)))
}

/// Replaces secrets in a record, wherever they stand, and returns how many. Iterative, so
/// that no nesting can exhaust the stack.
pub fn redact(value: &mut Value) -> u64 {
    let source = value["eventSource"].as_str().unwrap_or_default().to_owned();
    let mut count = 0;
    if let Some(Value::String(message)) = value.get_mut("errorMessage")
        && let Cow::Owned(scrubbed) = scrubbed_message(&source, message)
    {
        *message = scrubbed;
        count += 1;
    }
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) => {
                for (name, member) in members.iter_mut() {
                    if is_secret_name(name) && holds_secret(name, member) {
                        *member = REDACTED.into();
                        count += 1;
                    } else {
                        open.push(member);
                    }
                }
            }
            Value::Array(items) => open.extend(items),
            Value::String(text) => count += redact_text(text),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    count
}

/// Whether a member of a secret name has a value that is one. A policy's `Statement` is
/// no SQL, and a flag is no secret.
fn holds_secret(name: &str, value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::String(text) => {
            !text.is_empty() && text != REDACTED && !HIDDEN_BY_AWS.contains(&text.as_str())
        }
        Value::Number(_) => true,
        Value::Array(_) | Value::Object(_) => !name.eq_ignore_ascii_case("statement"),
    }
}

/// Replaces secrets inside a string: in JSON that it holds, else by what they look like.
fn redact_text(text: &mut String) -> u64 {
    let start = text.trim_start();
    if start.starts_with(['{', '[', '"']) {
        match serde_json::from_str::<Value>(text) {
            Ok(mut inner) if !inner.is_string() || start.starts_with('"') => {
                let count = redact(&mut inner);
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
    match scrubbed(text) {
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
    let mut scrubbed = scrubbed(message);
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

/// Text without what looks like a secret or a statement.
fn scrubbed(text: &str) -> Cow<'_, str> {
    let mut clean = Cow::Borrowed(text);
    for (pattern, by) in &*LOOKS {
        let replaced = match by {
            By::Whole => pattern.replace_all(&clean, REDACTED),
            By::Second => pattern.replace_all(&clean, |found: &Captures<'_>| {
                format!("{}{REDACTED}", &found[1])
            }),
            By::Name => pattern.replace_all(&clean, named_secret),
            By::Mixture => pattern.replace_all(&clean, mixed_secret),
        };
        if let Cow::Owned(replaced) = replaced
            && replaced != *clean
        {
            clean = Cow::Owned(replaced);
        }
    }
    clean
}

/// What of a match is the secret.
#[derive(Clone, Copy)]
enum By {
    /// All of it.
    Whole,
    /// What follows the first group.
    Second,
    /// The value, where the name in front of it says so.
    Name,
    /// All of it, where it is a mixture of letters and digits, as keys are.
    Mixture,
}

/// Secrets by what they look like, and statements.
static LOOKS: LazyLock<Vec<(Regex, By)>> = LazyLock::new(|| {
    let patterns = [
        // Private keys (RFC 7468), also where their end was cut off.
        (
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.)*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)",
            By::Whole,
        ),
        // JSON web tokens (RFC 7519).
        (
            r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?",
            By::Whole,
        ),
        // AWS session tokens begin alike.
        (
            r"\b(?:IQoJb3JpZ2lu|FwoGZXIvYXdz|FQoGZXIvYXdz|AQoDYXdz)[A-Za-z0-9+/=%_-]{16,}",
            By::Whole,
        ),
        // Names and passwords in addresses.
        (r"(://[^/\s:@]{1,256}:)[^/\s@]{1,256}@", By::Second),
        // Authorization headers.
        (
            r"(?i)\b((?:bearer|basic)\s+)[A-Za-z0-9+/=._~-]{8,}",
            By::Second,
        ),
        (r"(?i)(\bAWS4-HMAC-SHA256\s+)[^\r\n]{8,}", By::Second),
        // Statements: all of the text from there on.
        (
            r"(?isx)\b(?:
                select\b.{0,4000}?\bfrom\b | select\s+(?:\*|[0-9'(]|[\w.]+\s*,) | insert\s+into\b
                | update\s+\S+\s+set\b | delete\s+from\b | merge\s+into\b
                | create\s+(?:or\s+replace\s+)?(?:external\s+)?(?:table|view|database|schema)\b
                | (?:alter|drop)\s+(?:table|view|database|schema)\b | unload\s*\(
                | msck\s+repair\b | explain\s+(?:analyze\s+)?select\b | with\s+\w+\s+as\s*\(
                | prepare\s+\w+\s+from\b | execute\s+\w+\s+using\b | optimize\s+\S+\s+rewrite\b
            ).*",
            By::Whole,
        ),
        // name=value, name: value, and the same with quotes.
        (
            r#"(?xis)(^|[^\w.-])
                ([\w.-]{0,64}(?:pass(?:word|wd|phrase)|secret|token|assertion|authorization|cookie
                    |private[-_.]?key|api[-_.]?key|signature|credential|connection[-_.]?string|pwd
                    |otp|mfa[-_.]?code)[\w.-]{0,64})
                (["']?\s*(?:=>|[=:])\s*)
                ("(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s,;&"'{}\[\]]+)"#,
            By::Name,
        ),
        // What a secret access key looks like, and longer ones.
        (r"[A-Za-z0-9+/]{40,}={0,2}", By::Mixture),
    ];
    let compiled = patterns.into_iter().filter_map(|(pattern, by)| {
        let pattern = Regex::new(pattern);
        debug_assert!(pattern.is_ok(), "{pattern:?}");
        Some((pattern.ok()?, by))
    });
    compiled.collect()
});

/// Anything in quotes.
static QUOTED: LazyLock<Regex> = LazyLock::new(|| {
    #[expect(
        clippy::unwrap_used,
        reason = "the pattern is a constant that tests compile"
    )]
    Regex::new(r#"'[^']*'?|"[^"]*"?|`[^`]*`?"#).unwrap()
});

fn named_secret(found: &Captures<'_>) -> String {
    let (before, name, between, value) = (&found[1], &found[2], &found[3], &found[4]);
    // In an ARN, `secret` and the like are kinds of resources.
    let is_in_arn = between.trim() == ":" && matches!(before, ":" | "/");
    let is_hidden = value.contains(REDACTED) || HIDDEN_BY_AWS.contains(&value.trim_matches('"'));
    if is_in_arn || is_hidden || !is_secret_name(name) {
        return found[0].to_owned();
    }
    format!("{before}{name}{between}{REDACTED}")
}

/// Keys of 40 letters and digits, and longer tokens; not paths, nor the digits of a hash.
fn mixed_secret(found: &Captures<'_>) -> String {
    let text = &found[0];
    let has = |is: fn(&char) -> bool| text.chars().any(|letter| is(&letter));
    let is_mixed =
        has(char::is_ascii_uppercase) && has(char::is_ascii_lowercase) && has(char::is_ascii_digit);
    let is_hash = text.chars().all(|letter| letter.is_ascii_hexdigit());
    let longest = text.split('/').map(str::len).max().unwrap_or(0);
    let is_key = text.len() == 40 || (text.len() >= 100 && longest >= 40);
    if is_mixed && is_key && !is_hash {
        REDACTED.to_owned()
    } else {
        text.to_owned()
    }
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
    fn secrets_are_told_by_what_they_look_like() {
        let key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        let token = format!("IQoJb3JpZ2luX2VjEXAMPLE{}", "aB3/".repeat(30));
        for secret in [
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----\nMIIE",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
            "https://b.s3.amazonaws.com/k?X-Amz-Signature=deadbeefdeadbeef&x=1",
            "https://b.s3.amazonaws.com/k?x=1&X-Amz-Security-Token=deadbeefdeadbeef",
            "postgres://user:deadbeef@db.example.com/x",
            "Authorization: Bearer deadbeefdeadbeef",
            "password=deadbeef",
            "Password : 'dead beef'",
            "the {\"client_secret\": \"deadbeef\"} was wrong",
            "apikey => deadbeef",
            "token:deadbeef",
            &token,
            key,
        ] {
            let clean = scrubbed(secret);
            for part in [
                "MIIE",
                "deadbeef",
                "dead beef",
                "eyJzdWIi",
                "aB3/aB3",
                "wJalr",
            ] {
                assert!(!clean.contains(part), "{secret}: {clean}");
            }
            assert!(clean.contains(REDACTED), "{secret}: {clean}");
        }
        for plain in [
            "arn:aws:secretsmanager:us-east-1:111122223333:secret:prod/db-AbCdEf",
            "AWSLogs/o-exampleorgid/111122223333/CloudTrail/us-east-1/2026/10/05/\
             111122223333_CloudTrail_us-east-1_20261005T0000Z_ABCDEFGHIJKLMNOP.json.gz",
            "User: arn:aws:sts::111122223333:assumed-role/a/b is not authorized to perform: \
             sts:AssumeRole on resource: arn:aws:iam::444455556666:role/c with an explicit deny",
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "AROAEXAMPLEHUBROLEA01:QuickSight-RoleSession-1782900000000",
        ] {
            assert_eq!(scrubbed(plain), plain);
        }
    }

    #[test]
    fn statements_are_cut_out_of_messages() {
        for message in [
            "Queries of this type are not supported: SELECT ssn FROM people",
            "line 1: select\n*\nfrom t",
            "bad: INSERT INTO t VALUES ('ssn')",
            "near: with a as (select ssn)",
            "CREATE EXTERNAL TABLE ssn",
        ] {
            let clean = scrubbed(message);
            assert!(
                !clean.contains("ssn") && clean.contains(REDACTED),
                "{clean}"
            );
        }
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
