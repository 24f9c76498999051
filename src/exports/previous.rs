//! What an earlier run found: its `findings` as JSON, or as JSON lines.

use crate::model::finding::{Previous, PreviousFinding};
use crate::model::time::UtcSecond;
use serde::Deserialize;
use std::collections::BTreeSet;

/// Why a file is not taken for an earlier run.
#[derive(Debug, thiserror::Error)]
pub enum PreviousError {
    /// It is not JSON.
    #[error("not JSON: {0}")]
    Json(#[source] serde_json::Error),
    /// It is something else.
    #[error("holds {0:?}, not findings")]
    AnotherDocument(String),
    /// A finding has no id, or a time that is none.
    #[error("finding {0:?} lacks a member, or has a time that is none")]
    Finding(String),
}

#[derive(Deserialize)]
struct RawDocument {
    schema: Option<String>,
    findings: Option<Vec<RawFinding>>,
    suppressed: Option<Vec<RawSuppressed>>,
    rules: Option<Vec<RawRule>>,
    finding_id: Option<String>,
    rule: Option<String>,
    title: Option<String>,
    first_seen: Option<String>,
    last_seen: Option<String>,
}

#[derive(Deserialize)]
struct RawFinding {
    finding_id: String,
    rule: String,
    title: String,
    first_seen: String,
    last_seen: String,
}

#[derive(Deserialize)]
struct RawSuppressed {
    finding: RawFinding,
}

#[derive(Deserialize)]
struct RawRule {
    rule: String,
    state: String,
}

/// Reads the findings of an earlier run.
///
/// # Errors
///
/// When the text is not what `findings --format json` or `jsonl` writes.
pub fn read_previous(text: &[u8]) -> Result<Previous, PreviousError> {
    let mut previous = Previous::default();
    for document in serde_json::Deserializer::from_slice(text).into_iter::<RawDocument>() {
        let document = document.map_err(PreviousError::Json)?;
        match document.schema.as_deref() {
            Some("qs-audit/findings/v1") => {
                for finding in document.findings.unwrap_or_default() {
                    add(&mut previous, finding)?;
                }
                for suppressed in document.suppressed.unwrap_or_default() {
                    add(&mut previous, suppressed.finding)?;
                }
                let rules = document.rules.unwrap_or_default().into_iter();
                let ran = rules
                    .filter(|rule| rule.state == "ran")
                    .map(|rule| rule.rule);
                let known = previous.rules_ran.get_or_insert_with(BTreeSet::new);
                known.extend(ran);
            }
            Some("qs-audit/finding/v1") => {
                let id = document.finding_id.clone().unwrap_or_default();
                let finding = (|| {
                    Some(RawFinding {
                        finding_id: document.finding_id?,
                        rule: document.rule?,
                        title: document.title?,
                        first_seen: document.first_seen?,
                        last_seen: document.last_seen?,
                    })
                })();
                add(&mut previous, finding.ok_or(PreviousError::Finding(id))?)?;
            }
            other => {
                let name = other.unwrap_or("no schema").to_owned();
                return Err(PreviousError::AnotherDocument(name));
            }
        }
    }
    // A night without findings is an empty file of lines.
    Ok(previous)
}

fn add(previous: &mut Previous, raw: RawFinding) -> Result<(), PreviousError> {
    let times = UtcSecond::parse(&raw.first_seen).zip(UtcSecond::parse(&raw.last_seen));
    let Some((first_seen, last_seen)) = times else {
        return Err(PreviousError::Finding(raw.finding_id));
    };
    previous.findings.insert(
        raw.finding_id.clone(),
        PreviousFinding {
            finding_id: raw.finding_id,
            rule: raw.rule,
            title: raw.title,
            first_seen,
            last_seen,
        },
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINDING: &str = r#"{"schema":"qs-audit/finding/v1","finding_id":"f-1","rule":"r","title":"t",
        "first_seen":"2026-11-01T00:00:00Z","last_seen":"2026-11-02T00:00:00Z"}"#;

    #[test]
    fn documents_and_lines_are_read() {
        let document = format!(
            r#"{{"schema":"qs-audit/findings/v1","findings":[{FINDING}],"suppressed":[],
            "rules":[{{"rule":"r","state":"ran"}},{{"rule":"s","state":"resting"}}]}}"#
        );
        let read = read_previous(document.as_bytes()).unwrap();
        assert!(read.findings.contains_key("f-1"));
        assert_eq!(read.rules_ran, Some(BTreeSet::from(["r".to_owned()])));
        let lines = read_previous(FINDING.as_bytes()).unwrap();
        assert_eq!(lines.findings, read.findings);
        assert_eq!(lines.rules_ran, None);
        assert_eq!(read_previous(b"").unwrap(), Previous::default());
    }

    #[test]
    fn other_files_are_refused() {
        for text in [
            "{",
            "{}",
            r#"{"schema":"qs-audit/chains/v1"}"#,
            r#"{"schema":"qs-audit/finding/v1","finding_id":"f-1"}"#,
            &FINDING.replace("2026-11-01T", "yesterday"),
        ] {
            assert!(read_previous(text.as_bytes()).is_err(), "{text}");
        }
    }
}
