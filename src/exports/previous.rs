//! What an earlier run found: its `findings` as JSON.

use crate::model::finding::{Previous, PreviousFinding, Severity};
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use crate::model::window::TimeWindow;
use serde_json::Value;
use std::collections::BTreeSet;

/// The document of `findings`.
const FINDINGS: &str = "qs-audit/findings/v1";
/// The document of `report`, which holds one.
const REPORT: &str = "qs-audit/report/v1";

/// Why a file is not taken for an earlier run.
#[derive(Debug, thiserror::Error)]
pub enum PreviousError {
    /// It is not JSON.
    #[error("not JSON: {0}")]
    Json(#[source] serde_json::Error),
    /// It is something else.
    #[error("holds {0:?}, not findings")]
    AnotherDocument(String),
    /// It holds single findings, as JSON lines do: those that were shown, without what
    /// was hidden, suppressed, or still open.
    #[error("holds only the findings that were shown; the JSON document has all that is known")]
    Lines,
    /// A finding has no id, or a time that is none.
    #[error("finding {0:?} lacks a member, or has a time that is none")]
    Finding(String),
}

/// Reads the findings of an earlier run.
///
/// # Errors
///
/// When the text is not what `findings --format json` or `report` writes.
pub fn read_previous(text: &[u8]) -> Result<Previous, PreviousError> {
    let mut previous = Previous::default();
    for document in serde_json::Deserializer::from_slice(text).into_iter::<Value>() {
        let document = document.map_err(PreviousError::Json)?;
        match document["schema"].as_str() {
            Some(FINDINGS) => read_document(&document, &mut previous)?,
            Some(REPORT) => read_document(&document["findings"], &mut previous)?,
            Some("qs-audit/finding/v1") => return Err(PreviousError::Lines),
            other => {
                let name = other.unwrap_or("no schema").to_owned();
                return Err(PreviousError::AnotherDocument(name));
            }
        }
    }
    if previous.rules_ran.is_none() {
        return Err(PreviousError::AnotherDocument("nothing".to_owned()));
    }
    Ok(previous)
}

/// What a report has to say of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierReport {
    /// Its window.
    pub window: TimeWindow,
    /// What it found: what a later night is compared with.
    pub found: Previous,
    /// What it was compared with itself: the same night, made again, is compared with
    /// this. `None` where it was compared with nothing.
    pub compared_with: Option<Previous>,
}

/// Reads a report.
///
/// # Errors
///
/// When the text is not the `report.json` of a report.
pub fn read_report(text: &[u8]) -> Result<EarlierReport, PreviousError> {
    let document: Value = serde_json::from_slice(text).map_err(PreviousError::Json)?;
    if document["schema"] != REPORT {
        let name = document["schema"].as_str().unwrap_or("no schema");
        return Err(PreviousError::AnotherDocument(name.to_owned()));
    }
    let mut found = Previous::default();
    read_document(&document["findings"], &mut found)?;
    let time = |value: &Value| value.as_str().and_then(UtcSecond::parse);
    let before = &document["compared_with"];
    let mut known = Previous {
        window_end: time(&before["window_end"]),
        ..Previous::default()
    };
    for finding in list(before, "findings") {
        add(finding, &mut known)?;
    }
    if let Some(rules) = before["rules_ran"].as_array() {
        let rules = rules.iter().filter_map(Value::as_str);
        known.rules_ran = Some(rules.map(str::to_owned).collect());
    }
    Ok(EarlierReport {
        window: TimeWindow {
            from: time(&document["window"]["from"]),
            to: time(&document["window"]["to"]),
        },
        found,
        compared_with: before.is_object().then_some(known),
    })
}

fn list<'a>(document: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> {
    document[member].as_array().into_iter().flatten()
}

/// Shown, filtered out, suppressed, or not looked for that time: all of it was known.
fn read_document(document: &Value, previous: &mut Previous) -> Result<(), PreviousError> {
    let suppressed = list(document, "suppressed").map(|one| &one["finding"]);
    let open = list(document, "open");
    let known = list(document, "findings").chain(list(document, "hidden"));
    for finding in open.chain(known).chain(suppressed) {
        add(finding, previous)?;
    }
    let ran = list(document, "rules").filter(|rule| rule["state"] == "ran");
    let ran = ran.filter_map(|rule| rule["rule"].as_str().map(str::to_owned));
    previous
        .rules_ran
        .get_or_insert_with(BTreeSet::new)
        .extend(ran);
    let end = document["window"]["to"].as_str().and_then(UtcSecond::parse);
    previous.window_end = previous.window_end.max(end);
    Ok(())
}

fn add(value: &Value, previous: &mut Previous) -> Result<(), PreviousError> {
    let text = |member: &str| value[member].as_str().map(str::to_owned);
    let time = |member: &str| value[member].as_str().and_then(UtcSecond::parse);
    let finding = (|| {
        let subject = value["subject"].as_object().into_iter().flatten();
        let roles = list(value, "role_arns").filter_map(Value::as_str);
        Some(PreviousFinding {
            finding_id: text("finding_id")?,
            rule: text("rule")?,
            severity: value["severity"].as_str().and_then(Severity::parse),
            title: text("title")?,
            detail: text("detail").unwrap_or_default(),
            consumer_account_id: text("consumer_account_id").map(Text::from),
            subject: subject
                .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.into())))
                .collect(),
            role_arns: roles.map(Text::from).collect(),
            first_seen: time("first_seen")?,
            last_seen: time("last_seen")?,
        })
    })();
    let finding =
        finding.ok_or_else(|| PreviousError::Finding(text("finding_id").unwrap_or_default()))?;
    previous
        .findings
        .insert(finding.finding_id.clone(), finding);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINDING: &str = r#"{"schema":"qs-audit/finding/v1","finding_id":"f-1","rule":"r","title":"t",
        "first_seen":"2026-11-01T00:00:00Z","last_seen":"2026-11-02T00:00:00Z"}"#;

    #[test]
    fn a_document_is_read() {
        let document = format!(
            r#"{{"schema":"qs-audit/findings/v1","findings":[{FINDING}],"suppressed":[],
            "rules":[{{"rule":"r","state":"ran"}},{{"rule":"s","state":"resting"}}]}}"#
        );
        let read = read_previous(document.as_bytes()).unwrap();
        assert!(read.findings.contains_key("f-1"));
        assert_eq!(read.rules_ran, Some(BTreeSet::from(["r".to_owned()])));
    }

    #[test]
    fn other_files_are_refused() {
        for text in [
            "",
            "{",
            "{}",
            FINDING,
            r#"{"schema":"qs-audit/chains/v1"}"#,
            r#"{"schema":"qs-audit/finding/v1","finding_id":"f-1"}"#,
            &FINDING.replace("2026-11-01T", "yesterday"),
        ] {
            assert!(read_previous(text.as_bytes()).is_err(), "{text}");
        }
    }
}
