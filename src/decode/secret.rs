//! Secrets and statements in text: told by the name in front of them, or by their look.

use regex::{Captures, Regex};
use std::borrow::Cow;
use std::sync::LazyLock;

/// Stands in place of a secret.
pub const REDACTED: &str = "***REDACTED***";

/// Parts of names, without case and punctuation, whose value is a secret or SQL.
const SECRET_PARTS: [&str; 29] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "token",
    "assertion",
    "authorization",
    "cookie",
    "credentialpair",
    "privatekey",
    "apikey",
    "signingkey",
    "presharedkey",
    "sharedaccesskey",
    "accountkey",
    "keymaterial",
    "plaintext",
    "connectionstring",
    "amzsignature",
    "amzcredential",
    "googsignature",
    "mfacode",
    "querystring",
    "querystatement",
    "sqlquery",
    "customsql",
    "executionparameters",
    "samlresponse",
];

/// Whole names of the same kind, which are too short to be parts.
const SECRET_NAMES: [&str; 18] = [
    "auth",
    "otp",
    "otpcode",
    "pwd",
    "pass",
    "pin",
    "sig",
    "signature",
    "sql",
    "sqls",
    "sqlstatement",
    "statement",
    "userdata",
    "jwt",
    "bearer",
    "accesskey",
    "awsaccesskey",
    "sessionkey",
];

/// Ends of names that say that it is no secret, but which one it is or of what kind.
const HARMLESS_ENDS: [&str; 22] = [
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
    "age",
    "prevention",
    "required",
    "exception",
    "error",
    "fault",
    "characters",
    "manager",
];

/// Names that only sound like a secret: what tells one call from its repetition, where a
/// list goes on, and a service.
const HARMLESS_NAMES: [&str; 6] = [
    "clienttoken",
    "idempotencytoken",
    "nexttoken",
    "paginationtoken",
    "continuationtoken",
    "secretsmanager",
];

/// Names whose value goes on to the end of the line.
const WHOLE_LINES: [&str; 4] = ["authorization", "proxyauthorization", "cookie", "setcookie"];

/// The placeholders that CloudTrail itself writes for hidden text.
const HIDDEN_BY_AWS: [&str; 2] = ["***OMITTED***", "HIDDEN_DUE_TO_SECURITY_REASONS"];

/// First words of error codes that end like a secret: `ExpiredToken: ...`.
const OF_ERROR_CODES: [&str; 7] = [
    "expired",
    "invalid",
    "missing",
    "malformed",
    "unrecognized",
    "unsupported",
    "no",
];

/// Bytes of an ARN.
const ARN_BYTES_MAX: usize = 2048;

/// Bytes of a name in front of its value.
const NAME_BYTES_MAX: usize = 128;

/// Returns true if text is what CloudTrail, or this program, writes in place of a secret.
pub(super) fn is_hidden(text: &str) -> bool {
    text == REDACTED || HIDDEN_BY_AWS.contains(&text)
}

/// A name without case, width and punctuation.
pub(super) fn bare(name: &str) -> String {
    let narrow = |letter: char| match letter {
        // Full-width forms stand for ASCII, 0xfee0 code points before.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(letter) - 0xfee0).unwrap_or(letter),
        other => other,
    };
    name.chars()
        .map(narrow)
        .filter(|letter| letter.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// Returns true if the value of a member of this name is a secret, or SQL.
pub(super) fn is_secret_name(name: &str) -> bool {
    let bare = bare(name);
    let is_harmless = HARMLESS_NAMES.contains(&bare.as_str())
        || HARMLESS_ENDS.iter().any(|end| bare.ends_with(end));
    let is_pass = bare.ends_with("pass") && !bare.ends_with("bypass") && !bare.ends_with("compass");
    !is_harmless
        && (is_pass
            || SECRET_NAMES.contains(&bare.as_str())
            || SECRET_PARTS.iter().any(|part| bare.contains(part)))
}

/// The statements that a text may contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Statements {
    /// Those of a service that runs SQL: whatever begins like one.
    OfSqlService,
    /// Those that are no sentence of English.
    Unmistakable,
}

/// Returns text without what looks like a secret or a statement. Names that are spelled
/// with escapes, of JSON or of addresses, are read as what they stand for.
pub(super) fn scrubbed(text: &str, statements: Statements) -> Cow<'_, str> {
    if let Some(plain) = without_escapes(text)
        && let Cow::Owned(clean) = clean(&plain, statements)
    {
        return Cow::Owned(clean);
    }
    clean(text, statements)
}

fn clean(text: &str, statements: Statements) -> Cow<'_, str> {
    let mut clean = Cow::Borrowed(text);
    let keep = |clean: &mut Cow<'_, str>, changed: Option<String>| {
        if let Some(changed) = changed {
            *clean = Cow::Owned(changed);
        }
    };
    for (pattern, by) in &*LOOKS {
        let changed = replaced(pattern, *by, &clean);
        keep(&mut clean, changed);
    }
    let changed = without_named(&clean);
    keep(&mut clean, changed);
    let changed = without_statements(&clean, statements);
    keep(&mut clean, changed);
    clean
}

/// The text with `\u0041` and `%41` as the ASCII that they stand for; `None` where it has
/// none.
fn without_escapes(text: &str) -> Option<String> {
    let has = ESCAPES.is_match(text);
    has.then(|| {
        let ascii = |found: &Captures<'_>| {
            let code = u8::from_str_radix(&found[1], 16).unwrap_or_default();
            char::from(code).to_string()
        };
        ESCAPES.replace_all(text, ascii).into_owned()
    })
}

/// The part of a match that is the secret.
#[derive(Debug, Clone, Copy)]
enum By {
    /// All of it.
    Whole,
    /// The text after the first group.
    Second,
    /// The text after the first group, if it is no plain word.
    Token,
    /// All of it, where it is a mixture of letters and digits, as keys are.
    Mixture,
}

/// Secrets by what they look like.
static LOOKS: LazyLock<Vec<(Regex, By)>> = LazyLock::new(|| {
    let patterns = [
        // Private keys (RFC 7468), also where their end was cut off.
        (
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.)*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)",
            By::Whole,
        ),
        // JSON web tokens (RFC 7519).
        (
            r"(?-u:\b)eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?",
            By::Whole,
        ),
        // AWS session tokens begin alike.
        (
            r"(?-u:\b)(?:IQoJb3JpZ2lu|FwoGZXIvYXdz|FQoGZXIvYXdz|AQoDYXdz)[A-Za-z0-9+/=%_-]{16,}",
            By::Whole,
        ),
        // Tokens of GitHub, GitLab, Slack, Stripe and Google.
        (
            r"(?-u:\b)(?:gh[pousr]_|github_pat_|glpat-|xox[abposr]-|[sr]k_live_|AIza)[A-Za-z0-9_-]{4,}",
            By::Whole,
        ),
        // Names and passwords in addresses.
        (r"(://[^/\s:@]+:)[^/\s@]+@", By::Second),
        // Authorization headers.
        (
            r"(?i)(?-u:\b)((?:bearer|basic|negotiate|ntlm)\s+)[A-Za-z0-9+/=._~-]{4,}",
            By::Token,
        ),
        (r"(?i)((?-u:\b)AWS4-HMAC-SHA256\s+)[^\r\n]{8,}", By::Second),
        // Options of programs, and SQL that sets a password.
        (
            r"(?i)((?:^|\s)--?[a-z0-9_-]{0,40}(?:password|passwd|secret|token)\s+)[^\s-]\S*",
            By::Second,
        ),
        (
            r#"(?i)((?-u:\b)(?:password|identified\s+by)\s+)(?:'[^']*'?|"[^"]*"?)"#,
            By::Second,
        ),
        // What a secret access key looks like, and longer ones.
        (r"[A-Za-z0-9+/]{40,}={0,2}", By::Mixture),
    ];
    let compiled = patterns
        .into_iter()
        .map(|(pattern, by)| (compiled(pattern), by));
    compiled.collect()
});

/// Statements of any service.
static UNMISTAKABLE: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r#"(?isx)(?-u:\b)(?:
            select\s+(?:\*|[0-9'(]|[\w."]+\s*,|distinct(?-u:\b)|[\w."*()]+\s+from(?-u:\b))
            | insert\s+into(?-u:\b) | update\s+\S+\s+set(?-u:\b) | delete\s+from(?-u:\b) | merge\s+into(?-u:\b)
            | create\s+(?:or\s+replace\s+)?(?:external\s+)?(?:table|view|database|schema)(?-u:\b)
            | (?:alter|drop|truncate)\s+(?:table|view|database|schema)(?-u:\b) | unload\s*\(
            | msck\s+repair(?-u:\b) | explain\s+(?:analyze\s+)?select(?-u:\b) | with\s+\w+\s+as\s*\(
            | prepare\s+\w+\s+from(?-u:\b) | execute\s+\w+\s+using(?-u:\b) | optimize\s+\S+\s+rewrite(?-u:\b)
            | grant\s+[\w,\s]{1,80}\s+on(?-u:\b) | revoke\s+[\w,\s]{1,80}\s+on(?-u:\b)
        )"#,
    )
});

/// Further openings of statements.
static OF_SQL_SERVICES: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"(?isx)(?-u:\b)(?:
            values\s*\( | call\s+\w+\s*\( | vacuum\s+\S | use\s+\w+\s*$
            | show\s+(?:columns|tables|partitions|create|databases|schemas|views|tblproperties)(?-u:\b)
            | desc(?:ribe)?\s+(?:extended\s+|formatted\s+)?[\w.]+
        )",
    )
});

static SELECT: LazyLock<Regex> = LazyLock::new(|| compiled(r"(?i)(?-u:\b)select(?-u:\b)"));
static FROM: LazyLock<Regex> = LazyLock::new(|| compiled(r"(?i)(?-u:\b)from(?-u:\b)"));
static ESCAPES: LazyLock<Regex> = LazyLock::new(|| compiled(r"(?:\\+u00|%)([2-7][0-9A-Fa-f])"));

#[expect(
    clippy::unwrap_used,
    reason = "patterns are constants that tests compile"
)]
fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap()
}

fn replaced(pattern: &Regex, by: By, text: &str) -> Option<String> {
    let changed = match by {
        By::Whole => pattern.replace_all(text, REDACTED),
        By::Second => pattern.replace_all(text, |found: &Captures<'_>| {
            format!("{}{REDACTED}", &found[1])
        }),
        By::Token => pattern.replace_all(text, |found: &Captures<'_>| {
            let token = &found[0][found[1].len()..];
            let is_word = token
                .chars()
                .all(|letter| letter.is_ascii_lowercase() || letter == '.');
            let by = if is_word { token } else { REDACTED };
            format!("{}{by}", &found[1])
        }),
        By::Mixture => pattern.replace_all(text, |found: &Captures<'_>| {
            let text = &found[0];
            if is_key(text) { REDACTED } else { text }.to_owned()
        }),
    };
    match changed {
        Cow::Owned(changed) if changed != text => Some(changed),
        _ => None,
    }
}

/// Returns true for keys of 40 letters and digits, and longer tokens; not for paths, nor
/// for the digits of a hash.
fn is_key(text: &str) -> bool {
    let has = |is: fn(&char) -> bool| text.chars().any(|letter| is(&letter));
    let is_mixed =
        has(char::is_ascii_uppercase) && has(char::is_ascii_lowercase) && has(char::is_ascii_digit);
    let is_hash = text.chars().all(|letter| letter.is_ascii_hexdigit());
    let longest = text.split('/').map(str::len).max().unwrap_or(0);
    is_mixed && !is_hash && (text.len() == 40 || (text.len() >= 100 && longest >= 40))
}

/// Cuts a text where a statement begins.
fn without_statements(text: &str, statements: Statements) -> Option<String> {
    let mut starts = vec![UNMISTAKABLE.find(text).map(|found| found.start())];
    if statements == Statements::OfSqlService {
        starts.push(OF_SQL_SERVICES.find(text).map(|found| found.start()));
        let select = SELECT.find(text).map(|found| found.start());
        starts.push(select.filter(|at| FROM.is_match(&text[*at..])));
    }
    let start = starts.into_iter().flatten().min()?;
    Some(format!("{}{REDACTED}", &text[..start]))
}

/// Text without the values of secret names: `name=value`, `name: value`, the same with
/// quotes, `<name>value</name>`. `None` where there are none.
fn without_named(text: &str) -> Option<String> {
    let mut clean: Option<String> = None;
    // Up to here the text is in `clean`, or looked at.
    let (mut copied, mut from) = (0, 0);
    while let Some(found) = memchr::memchr3(b'=', b':', b'>', &text.as_bytes()[from..]) {
        let at = from + found;
        from = at + 1;
        let Some(value) = secret_value(text, at) else {
            continue;
        };
        let clean = clean.get_or_insert_default();
        clean.push_str(&text[copied..value.start]);
        clean.push_str(REDACTED);
        (copied, from) = (value.end, value.end);
    }
    let mut clean = clean?;
    clean.push_str(&text[copied..]);
    Some(clean)
}

/// The place of the value behind a sign, where the name in front of it is of a secret.
fn secret_value(text: &str, at: usize) -> Option<std::ops::Range<usize>> {
    let before = text[..at].trim_end_matches([' ', '\t', '"', '\'', '\\']);
    let is_of_name = |letter: char| letter.is_alphanumeric() || "_.-".contains(letter);
    let start = before
        .char_indices()
        .rev()
        .take_while(|(place, letter)| is_of_name(*letter) && before.len() - place <= NAME_BYTES_MAX)
        .last()?
        .0;
    let name = &before[start..];
    let sign = text.as_bytes()[at];
    let is_tag = sign == b'>';
    if is_tag != before[..start].ends_with('<') || !is_secret_name(name) {
        return None;
    }
    let behind = &text[at + 1..];
    // `=>` is one sign.
    let behind = behind
        .strip_prefix('>')
        .filter(|_| sign == b'=')
        .unwrap_or(behind);
    let value = if is_tag {
        behind
    } else {
        behind.trim_start_matches([' ', '\t'])
    };
    let begin = text.len() - value.len();
    let has_blank = value.len() < behind.len();
    // In an ARN, `secret` and the like are kinds of resources.
    let word = &before[before.floor_char_boundary(start.saturating_sub(ARN_BYTES_MAX))..start];
    let word = word.rsplit([' ', '\t', '"', '\'', ',']).next();
    let word = word.unwrap_or_default();
    if sign == b':' && word.contains("arn:") {
        return None;
    }
    let lower = name.to_ascii_lowercase();
    let is_code = OF_ERROR_CODES.iter().any(|first| lower.starts_with(first));
    if sign == b':' && has_blank && is_code {
        return None;
    }
    let length = length_of_value(name, value, is_tag);
    let is_nothing = length == 0 || is_hidden(value[..length].trim_matches(['"', '\'']));
    (!is_nothing && !value.starts_with(REDACTED)).then_some(begin..begin + length)
}

/// Returns the length of a name's value, in bytes.
fn length_of_value(name: &str, value: &str, is_tag: bool) -> usize {
    let up_to = |ends: &[char]| value.find(ends).unwrap_or(value.len());
    if is_tag {
        return up_to(&['<']);
    }
    if WHOLE_LINES.contains(&bare(name).as_str()) {
        return up_to(&['\r', '\n']);
    }
    // In JSON inside a string, quotes have a backslash; one inside the value has more.
    let slashes = value.len() - value.trim_start_matches('\\').len();
    match value[slashes..].chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let mut run = 0;
            let end = value.char_indices().skip(slashes + 1).find(|(_, letter)| {
                let is_end = *letter == quote && (run == slashes || slashes == 0 && run % 2 == 0);
                run = if *letter == '\\' { run + 1 } else { 0 };
                is_end
            });
            end.map_or(value.len(), |(place, quote)| place + quote.len_utf8())
        }
        _ => up_to(&[
            ' ', '\t', '\r', '\n', ',', ';', '&', '"', '\'', '{', '}', '[', ']', '<',
        ]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean_of(text: &str) -> String {
        scrubbed(text, Statements::Unmistakable).into_owned()
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
            "https://b.s3.amazonaws.com/k?x=1&X%2DAmz%2DSignature=deadbeef",
            "https://storage.googleapis.com/b?X-Goog-Signature=deadbeef",
            "https://a.blob.core.windows.net/c?sv=1&sig=deadbeef",
            "DefaultEndpointsProtocol=https;AccountKey=deadbeef;x=1",
            "postgres://user:deadbeef@db.example.com/x",
            "Authorization: Bearer deadbeefdeadbeef",
            "Authorization: Negotiate deadbeef dead beef",
            "Cookie: a=deadbeef; b=dead beef",
            "sent Bearer deadbeefdeadbeef0",
            "password=deadbeef",
            "error: password=deadbeef",
            "password%3Ddeadbeef",
            "ｐassword=deadbeef",
            "pass=deadbeef auth=deadbeef",
            "Password : 'dead beef'",
            "the {\"client_secret\": \"deadbeef\"} was wrong",
            "x {\"pass\\u0077ord\":\"deadbeef\"}",
            "x {\\\"password\\\":\\\"deadbeef\\\"}",
            "apikey => deadbeef",
            "token:deadbeef",
            "<password>deadbeef</password>",
            "mysql --password deadbeef -h x",
            "ALTER USER x PASSWORD 'deadbeef'",
            "ghp_deadbeefdeadbeef",
            &token,
            key,
        ] {
            let clean = clean_of(secret);
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
    }

    #[test]
    fn what_is_no_secret_stays() {
        for plain in [
            "arn:aws:secretsmanager:us-east-1:111122223333:secret:prod/db-AbCdEf",
            "AWSLogs/o-exampleorgid/111122223333/CloudTrail/us-east-1/2026/10/05/\
             111122223333_CloudTrail_us-east-1_20261005T0000Z_ABCDEFGHIJKLMNOP.json.gz",
            "User: arn:aws:sts::111122223333:assumed-role/a/b is not authorized to perform: \
             sts:AssumeRole on resource: arn:aws:iam::444455556666:role/c with an explicit deny",
            "User: x is not authorized to perform: secretsmanager:GetSecretValue on resource: y",
            "ExpiredToken: The security token included in the request is expired",
            "ExpiredTokenException: the token is expired",
            "InvalidClientTokenId: The security token is invalid",
            "Please select a role from the list",
            "Basic authentication is not supported",
            "passwordPolicy.maxPasswordAge: 90, passwordReusePrevention: 24",
            "Rate exceeded: 100% of 20%",
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "AROAEXAMPLEHUBROLEA01:QuickSight-RoleSession-1782900000000",
        ] {
            assert_eq!(clean_of(plain), plain);
        }
    }

    #[test]
    fn statements_are_cut_out() {
        for text in [
            "Queries of this type are not supported: SELECT ssn FROM people",
            "line 1: select\n*\nfrom t where ssn",
            "SELECT \"ssn\" , name",
            "bad: INSERT INTO t VALUES ('ssn')",
            "near: with a as (select ssn)",
            "CREATE EXTERNAL TABLE ssn",
            "TRUNCATE TABLE ssn",
            "GRANT SELECT ON ssn TO x",
        ] {
            let clean = clean_of(text);
            assert!(
                !clean.contains("ssn") && clean.contains(REDACTED),
                "{clean}"
            );
        }
        for text in [
            "bad: select case when ssn then 1 end from t",
            "SHOW COLUMNS IN ssn",
            "VALUES ('ssn')",
        ] {
            let clean = scrubbed(text, Statements::OfSqlService);
            assert!(
                !clean.contains("ssn") && clean.contains(REDACTED),
                "{clean}"
            );
        }
    }

    /// As names of members, and not only in text.
    #[test]
    fn names_say_what_is_a_secret() {
        for name in [
            "sessionToken",
            "SecretAccessKey",
            "contextAssertion",
            "tokenCode",
            "dbPass",
            "passcode",
            "sAMLAssertion",
            "SAMLResponse",
            "Set-Cookie",
            "client_secret",
            "x-api-key",
            "jwt",
            "accessKey",
            "signingKey",
            "preshared_key",
            "X-Amz-Signature",
            "ＰＡＳＳＷＯＲＤ",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "secretId",
            "clientRequestToken",
            "nextToken",
            "accessKeyId",
            "tokenType",
            "bypass",
            "passwordLastTimeUsed",
            "policyDocument",
            "workGroup",
            "minimumPasswordLength",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
