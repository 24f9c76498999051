//! Rows of the documented CloudTrail tables of Athena and CloudTrail Lake, exported as CSV or
//! Parquet (docs/cloudtrail-facts.md#exported-tables).
//!
//! Each row becomes the JSON of a record. Column names have lost their case, and CSV has nested
//! values in the notation of the query engine: `{type=AssumedRole, arn=..., sessioncontext={...}}`.

use super::form::BYTE_ORDER_MARK;
use crate::columnar::for_each_json_row;
use crate::model::coverage::RejectReason;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Names of members whose case a table loses.
const NAMES: [&str; 53] = [
    "eventVersion",
    "userIdentity",
    "eventTime",
    "eventSource",
    "eventName",
    "awsRegion",
    "sourceIPAddress",
    "userAgent",
    "errorCode",
    "errorMessage",
    "requestParameters",
    "responseElements",
    "additionalEventData",
    "requestID",
    "eventID",
    "readOnly",
    "eventType",
    "apiVersion",
    "managementEvent",
    "recipientAccountId",
    "serviceEventDetails",
    "sharedEventID",
    "vpcEndpointId",
    "vpcEndpointAccountId",
    "eventCategory",
    "edgeDeviceDetails",
    "insightDetails",
    "tlsDetails",
    "sessionCredentialFromConsole",
    "principalId",
    "accountId",
    "invokedBy",
    "accessKeyId",
    "userName",
    "sessionContext",
    "sessionIssuer",
    "mfaAuthenticated",
    "creationDate",
    "sourceIdentity",
    "ec2RoleDelivery",
    "webIdFederationData",
    "federatedProvider",
    "onBehalfOf",
    "userId",
    "identityStoreArn",
    "identityProvider",
    "originalRequestID",
    "originalEventID",
    "updatedFields",
    "tlsVersion",
    "cipherSuite",
    "clientProvidedHostHeader",
    "invokedByDelegate",
];

/// Members of a record whose contents have names of their own: they are not renamed.
const CONTENTS: [&str; 4] = [
    "requestParameters",
    "responseElements",
    "additionalEventData",
    "serviceEventDetails",
];

/// Columns without which chains lose links or are less sure.
const WANTED: [&str; 9] = [
    "eventID",
    "userIdentity",
    "awsRegion",
    "recipientAccountId",
    "requestParameters",
    "responseElements",
    "requestID",
    "sharedEventID",
    "errorCode",
];

/// The column of CloudTrail Lake that has the whole record.
const EVENT_JSON: &str = "eventjson";

/// The form of an exported table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TableForm {
    Csv,
    Parquet,
}

/// The header of a table is looked for in so many bytes.
const HEADER_LINE_BYTES_MAX: usize = 4096;

/// An error of an exported table.
pub(super) type TableFault = (RejectReason, String);

/// Returns the form of an exported table; `None` for other text.
pub(super) fn form_of(text: &[u8]) -> Option<TableForm> {
    if text.starts_with(b"PAR1") {
        return Some(TableForm::Parquet);
    }
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    if !text
        .first()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'"')
    {
        return None;
    }
    let start = &text[..text.len().min(HEADER_LINE_BYTES_MAX)];
    let line = start
        .split(|byte| *byte == b'\n')
        .next()?
        .to_ascii_lowercase();
    let has = |name: &str| memchr::memmem::find(&line, name.as_bytes()).is_some();
    let names_events = has("eventsource") && has("eventname") || has(EVENT_JSON);
    (names_events && !line.contains(&b'{')).then_some(TableForm::Csv)
}

/// Calls `each` with the JSON of every row, in order, and returns the wanted columns that the
/// table lacks. A table whose rows have more bytes than the limit is read up to it.
pub(super) fn for_each_row(
    form: TableForm,
    text: &[u8],
    bytes_max: usize,
    each: &mut dyn FnMut(&str),
) -> Result<BTreeSet<&'static str>, TableFault> {
    match form {
        TableForm::Csv => for_each_csv_row(text, each),
        TableForm::Parquet => for_each_parquet_row(text, bytes_max, each),
    }
}

fn for_each_csv_row(
    text: &[u8],
    each: &mut dyn FnMut(&str),
) -> Result<BTreeSet<&'static str>, TableFault> {
    let fault = |error: csv::Error| (RejectReason::InvalidCsv, format!("CSV: {error}"));
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text);
    let headers = reader.headers().map_err(fault)?.clone();
    let names: Vec<String> = headers
        .iter()
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    let mut row = csv::StringRecord::new();
    while reader.read_record(&mut row).map_err(fault)? {
        let cells = names.iter().map(String::as_str).zip(&row);
        let event = cells
            .clone()
            .find(|(name, cell)| *name == EVENT_JSON && !cell.is_empty());
        if let Some((_, event)) = event {
            each(event);
            continue;
        }
        let cells = cells.filter(|(_, cell)| !cell.is_empty());
        each(&record_of(
            cells.map(|(name, cell)| (name, cell_value(cell))),
        ));
    }
    Ok(lacking(&names.iter().map(String::as_str).collect()))
}

/// The least that a row counts for: many empty ones take their time, too.
const ROW_BYTES_MIN: usize = 64;

fn for_each_parquet_row(
    bytes: &[u8],
    bytes_max: usize,
    each: &mut dyn FnMut(&str),
) -> Result<BTreeSet<&'static str>, TableFault> {
    let mut names = BTreeSet::new();
    let mut bytes_read = 0;
    let mut count = |row: &str| {
        bytes_read += row.len().max(ROW_BYTES_MIN);
        let is_within = bytes_read <= bytes_max;
        if is_within {
            each(row);
        }
        is_within
    };
    for_each_json_row(bytes, &mut |row| {
        let Value::Object(row) = row else { return true };
        names.extend(row.keys().map(|name| name.to_ascii_lowercase()));
        let event = row
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(EVENT_JSON));
        if let Some((_, Value::String(event))) = event {
            return count(event);
        }
        let cells = row.into_iter().filter(|(_, value)| !value.is_null());
        count(&record_of(cells.map(|(name, value)| {
            let value = match value {
                Value::String(cell) => cell_value(&cell),
                other => other,
            };
            (name.to_ascii_lowercase(), value)
        })))
    })
    .map_err(|error| (RejectReason::InvalidParquet, error))?;
    if bytes_read > bytes_max {
        let detail = format!("its rows have more than {bytes_max} bytes; the rest is not read");
        return Err((RejectReason::TooLarge, detail));
    }
    Ok(lacking(&names.iter().map(String::as_str).collect()))
}

/// The JSON of a record from the cells of a row, by the names of their columns in lower case.
fn record_of<N: AsRef<str>>(cells: impl Iterator<Item = (N, Value)>) -> String {
    let members = cells.map(|(name, value)| {
        let name = spelled(name.as_ref());
        (name.to_owned(), member_value(name, value))
    });
    Value::Object(members.collect()).to_string()
}

fn lacking(names: &BTreeSet<&str>) -> BTreeSet<&'static str> {
    if names.contains(EVENT_JSON) {
        return BTreeSet::new();
    }
    let has = |wanted: &&str| names.contains(wanted.to_ascii_lowercase().as_str());
    WANTED.into_iter().filter(|wanted| !has(wanted)).collect()
}

/// The name of a member as CloudTrail writes it.
fn spelled(name: &str) -> &str {
    let known = NAMES.iter().find(|known| known.eq_ignore_ascii_case(name));
    known.copied().unwrap_or(name)
}

/// A cell as a value: JSON, the notation of the query engine, or text.
fn cell_value(cell: &str) -> Value {
    let cell = cell.trim();
    if !cell.starts_with(['{', '[']) {
        return cell.into();
    }
    if let Ok(value) = serde_json::from_str(cell) {
        return value;
    }
    let mut notation = Notation {
        text: cell,
        at: 0,
        depth: 0,
    };
    let value = notation.value();
    if notation.at == cell.len() {
        value
    } else {
        cell.into()
    }
}

/// Renames what is inside a member, and leaves documents as text.
fn member_value(name: &str, value: Value) -> Value {
    let is_document = name.to_ascii_lowercase().ends_with("policy")
        || name.to_ascii_lowercase().ends_with("policydocument");
    match value {
        Value::Object(members) if is_document => Value::Object(members).to_string().into(),
        Value::Object(members) => {
            let keeps_names = CONTENTS.contains(&name);
            let members = members.into_iter().map(|(inner, value)| {
                let inner = if keeps_names {
                    inner
                } else {
                    spelled(&inner).to_owned()
                };
                let value = match value {
                    Value::String(cell) if keeps_names => cell_value(&cell),
                    other => other,
                };
                let value = member_value(&inner, value);
                (inner, value)
            });
            Value::Object(members.collect::<Map<_, _>>())
        }
        Value::Array(items) => items
            .into_iter()
            .map(|item| member_value(name, item))
            .collect(),
        other => other,
    }
}

/// Values in values of the query engine's notation: far more than records have.
const NOTATION_DEPTH_MAX: usize = 64;

/// Reads `{name=value, name={...}}` and `[value, value]`.
struct Notation<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Notation<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    /// A value; what is nested too deep is text.
    fn value(&mut self) -> Value {
        if self.depth == NOTATION_DEPTH_MAX {
            return self.text();
        }
        self.depth += 1;
        let value = self.shallow_value();
        self.depth -= 1;
        value
    }

    fn shallow_value(&mut self) -> Value {
        if self.rest().starts_with('{') && name_length(&self.rest()[1..]).is_some() {
            return self.object();
        }
        if self.rest().starts_with('[') && !self.rest().starts_with("[\"") {
            return self.list();
        }
        self.text()
    }

    fn object(&mut self) -> Value {
        self.at += 1;
        let mut members = Map::new();
        while let Some(length) = name_length(self.rest()) {
            let name = self.rest()[..length].to_owned();
            self.at += length + 1;
            let value = self.value();
            if value != "null" {
                members.insert(name, value);
            }
            if !self.rest().starts_with(", ") {
                break;
            }
            self.at += 2;
        }
        self.close('}');
        Value::Object(members)
    }

    fn list(&mut self) -> Value {
        self.at += 1;
        let mut items = Vec::new();
        while !self.rest().is_empty() && !self.rest().starts_with(']') {
            let before = self.at;
            items.push(self.value());
            if self.rest().starts_with(", ") {
                self.at += 2;
            } else if self.at == before || !self.rest().starts_with(']') {
                break;
            }
        }
        self.close(']');
        Value::Array(items)
    }

    fn close(&mut self, bracket: char) {
        if self.rest().starts_with(bracket) {
            self.at += 1;
        }
    }

    /// Text up to the end of the value: a closing bracket that was not opened, or a comma with
    /// the next name behind it.
    fn text(&mut self) -> Value {
        let (mut depth, mut is_quoted, mut is_escaped) = (0u32, false, false);
        let mut end = self.rest().len();
        for (at, letter) in self.rest().char_indices() {
            match letter {
                _ if is_escaped => is_escaped = false,
                '\\' if is_quoted => is_escaped = true,
                '"' if depth > 0 => is_quoted = !is_quoted,
                _ if is_quoted => {}
                '{' | '[' => depth += 1,
                '}' | ']' if depth == 0 => {
                    end = at;
                    break;
                }
                '}' | ']' => depth -= 1,
                ',' if depth == 0 && is_separator(&self.rest()[at..]) => {
                    end = at;
                    break;
                }
                _ => {}
            }
        }
        let text = self.rest()[..end].to_owned();
        self.at += end;
        text.into()
    }
}

/// Returns true if a comma ends a value: a name and `=`, or the next item, follow.
fn is_separator(rest: &str) -> bool {
    let next = rest.strip_prefix(", ");
    next.is_some_and(|next| name_length(next).is_some() || next.starts_with('{'))
}

/// Bytes of a name in front of `=`.
fn name_length(text: &str) -> Option<usize> {
    const NAME_BYTES_MAX: usize = 64;
    let length = text
        .bytes()
        .take(NAME_BYTES_MAX)
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(byte))
        .count();
    (length > 0 && text.as_bytes().get(length) == Some(&b'=')).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rows(text: &str) -> (Vec<Value>, BTreeSet<&'static str>) {
        let mut rows = Vec::new();
        assert_eq!(form_of(text.as_bytes()), Some(TableForm::Csv));
        let lacking = for_each_row(TableForm::Csv, text.as_bytes(), usize::MAX, &mut |row| {
            rows.push(serde_json::from_str(row).unwrap());
        });
        (rows, lacking.unwrap())
    }

    #[test]
    fn rows_of_athena_are_records() {
        let (rows, lacking) = rows(
            "eventversion,useridentity,eventtime,eventsource,eventname,requestparameters,responseelements,resources\n\
             1.11,\"{type=AssumedRole, principalid=AROA:s, arn=arn:aws:sts::1:assumed-role/r/s, accountid=1, invokedby=null, \
             sessioncontext={attributes={mfaauthenticated=false, creationdate=2026-11-20T10:00:00Z}, sessionissuer={type=Role, \
             arn=arn:aws:iam::1:role/r}}}\",2026-11-20T10:00:01Z,sts.amazonaws.com,AssumeRole,\
             \"{\"\"roleArn\"\":\"\"arn:aws:iam::2:role/b\"\",\"\"policy\"\":\"\"{\\\"\"a\\\"\":1}\"\"}\",,\"[{arn=arn:aws:iam::2:role/b, \
             accountid=2, type=AWS::IAM::Role}, {arn=x, accountid=null, type=null}]\"\n",
        );
        assert_eq!(
            rows,
            [json!({
                "eventVersion": "1.11",
                "userIdentity": {
                    "type": "AssumedRole",
                    "principalId": "AROA:s",
                    "arn": "arn:aws:sts::1:assumed-role/r/s",
                    "accountId": "1",
                    "sessionContext": {
                        "attributes": {"mfaAuthenticated": "false", "creationDate": "2026-11-20T10:00:00Z"},
                        "sessionIssuer": {"type": "Role", "arn": "arn:aws:iam::1:role/r"},
                    },
                },
                "eventTime": "2026-11-20T10:00:01Z",
                "eventSource": "sts.amazonaws.com",
                "eventName": "AssumeRole",
                "requestParameters": {"roleArn": "arn:aws:iam::2:role/b", "policy": "{\"a\":1}"},
                "resources": [
                    {"arn": "arn:aws:iam::2:role/b", "accountId": "2", "type": "AWS::IAM::Role"},
                    {"arn": "x"},
                ],
            })]
        );
        assert!(lacking.contains("sharedEventID") && !lacking.contains("userIdentity"));
    }

    #[test]
    fn rows_of_cloudtrail_lake_are_records() {
        let (rows, _) = rows(
            "eventSource,eventName,requestParameters\n\
             athena.amazonaws.com,StartQueryExecution,\"{workGroup=primary, queryExecutionContext={\"\"database\"\":\"\"sales\"\"}, \
             queryString=***OMITTED***, policy={\"\"Version\"\":\"\"2012-10-17\"\",\"\"Statement\"\":[{\"\"Effect\"\":\"\"Allow\"\"}]}}\"\n",
        );
        assert_eq!(
            rows[0]["requestParameters"],
            json!({
                "workGroup": "primary",
                "queryExecutionContext": {"database": "sales"},
                "queryString": "***OMITTED***",
                "policy": "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\"}]}",
            })
        );
    }

    #[test]
    fn a_column_of_whole_events_is_taken() {
        let (rows, lacking) = rows("\"eventJson\"\n\"{\"\"eventSource\"\":\"\"x\"\"}\"\n");
        assert_eq!(rows, [json!({"eventSource": "x"})]);
        assert!(lacking.is_empty());
    }

    #[test]
    fn notation_of_any_kind_ends() {
        for cell in [
            "{", "{a=", "{a={b=[", "[{", "{a=b, ", "{a=[, ]}", "[[[]]", "{=}", "[, , ]",
        ] {
            let _ = cell_value(cell);
        }
        assert_eq!(cell_value("{a=b, c, d=e}"), json!({"a": "b, c", "d": "e"}));
    }
}
