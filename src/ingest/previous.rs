//! Findings of an earlier run: its `findings` as JSON.

use crate::model::finding::{Previous, PreviousFinding, Severity};
use crate::model::ids::{AccountId, RoleArn};
use crate::model::json::{
    for_each_member, for_each_of, is_list, is_object, member, text as text_of, try_for_each_of,
};
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use crate::model::window::TimeWindow;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// The document of `findings`.
const FINDINGS: &str = "qs-audit/findings/v1";
/// The document of `report`, which holds one.
const REPORT: &str = "qs-audit/report/v1";

/// The reason why a file is refused as an earlier run.
#[derive(Debug, thiserror::Error)]
pub enum PreviousError {
    /// It is not JSON.
    #[error("not JSON: {0}")]
    Json(#[source] serde_json::Error),
    /// It is something else.
    #[error("contains {0:?}, not findings")]
    AnotherDocument(String),
    /// It holds single findings, as JSON lines do: those that were shown, without what
    /// was hidden, suppressed, or not observed.
    #[error("contains only the findings that were shown; the JSON document has all")]
    Lines,
    /// A finding has no id, or a time that is none.
    #[error("finding {0:?} lacks a member or has an invalid time")]
    Finding(String),
}

/// Reads the findings of an earlier run.
///
/// # Errors
///
/// When the text is not what `findings --format json` or `report` writes.
pub fn read_previous(text: &[u8]) -> Result<Previous, PreviousError> {
    let mut previous = Previous::default();
    for document in serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>() {
        let document = document.map_err(PreviousError::Json)?;
        match schema(document).as_deref() {
            Some(FINDINGS) => read_document(document, &mut previous)?,
            Some(REPORT) => {
                if let Some(findings) = member(document, "findings") {
                    read_document(findings, &mut previous)?;
                }
            }
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

fn schema(document: &RawValue) -> Option<Cow<'_, str>> {
    text_of(member(document, "schema"))
}

fn time(value: Option<&RawValue>) -> Option<UtcSecond> {
    text_of(value).and_then(|text| UtcSecond::parse(&text))
}

/// The parts of a report that a later run reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierReport {
    /// Its window.
    pub window: TimeWindow,
    /// Its findings: a later report is compared with them.
    pub found: Previous,
    /// The findings it was compared with: the same report, made again, is compared with these.
    /// `None` where it was compared with nothing.
    pub compared_with: Option<Previous>,
}

/// Reads a report.
///
/// # Errors
///
/// When the text is not the `report.json` of a report.
pub fn read_report(text: &[u8]) -> Result<EarlierReport, PreviousError> {
    let document: &RawValue = serde_json::from_slice(text).map_err(PreviousError::Json)?;
    let named = schema(document);
    if named.as_deref() != Some(REPORT) {
        let name = named.as_deref().unwrap_or("no schema").to_owned();
        return Err(PreviousError::AnotherDocument(name));
    }
    let mut found = Previous::default();
    if let Some(findings) = member(document, "findings") {
        read_document(findings, &mut found)?;
    }
    let before = member(document, "compared_with").filter(|before| is_object(before));
    let compared_with = before.map(compared_with).transpose()?;
    let window = member(document, "window");
    let bound = |name: &str| time(window.and_then(|window| member(window, name)));
    Ok(EarlierReport {
        window: TimeWindow {
            from: bound("from"),
            to: bound("to"),
        },
        found,
        compared_with,
    })
}

/// Returns the findings that a report was compared with.
fn compared_with(before: &RawValue) -> Result<Previous, PreviousError> {
    let mut known = Previous {
        window_end: time(member(before, "window_end")),
        ..Previous::default()
    };
    add_all(member(before, "findings"), false, &mut known)?;
    if let Some(rules) = member(before, "rules_ran").filter(|rules| is_list(rules)) {
        let mut ran = BTreeSet::new();
        for_each_of(Some(rules), &mut |rule| {
            ran.extend(text_of(Some(rule)).map(Cow::into_owned));
        });
        known.rules_ran = Some(ran);
    }
    Ok(known)
}

/// Shown, filtered out, suppressed, or not looked for that time: all of it was known.
fn read_document(document: &RawValue, previous: &mut Previous) -> Result<(), PreviousError> {
    for list in ["resolved", "not_observed", "findings", "hidden"] {
        let is_resolved = list == "resolved";
        add_all(member(document, list), is_resolved, previous)?;
    }
    try_for_each_of(member(document, "suppressed"), &mut |one| {
        member(one, "finding").map_or(Ok(()), |finding| add(finding, false, previous))
    })?;
    let ran = previous.rules_ran.get_or_insert_with(BTreeSet::new);
    for_each_of(member(document, "rules"), &mut |rule| {
        if text_of(member(rule, "state")).as_deref() == Some("ran") {
            ran.extend(text_of(member(rule, "rule")).map(Cow::into_owned));
        }
    });
    let end = member(document, "window").and_then(|window| time(member(window, "to")));
    previous.window_end = previous.window_end.max(end);
    Ok(())
}

fn add_all(
    list: Option<&RawValue>,
    is_resolved: bool,
    previous: &mut Previous,
) -> Result<(), PreviousError> {
    try_for_each_of(list, &mut |finding| add(finding, is_resolved, previous))
}

/// Roles of one finding that are read.
const ROLES_MAX: usize = 1000;
/// Keys of the evidence of one finding that are read.
const KEYS_MAX: usize = 1000;
/// Members of a subject that are read; rules name at most four.
const SUBJECT_MAX: usize = 16;

fn add(value: &RawValue, is_resolved: bool, previous: &mut Previous) -> Result<(), PreviousError> {
    let text = |name: &str| text_of(member(value, name)).map(Cow::into_owned);
    let number = |name: &str| member(value, name).and_then(|number| number.get().parse().ok());
    // What a report was compared with says it of each.
    let told = member(value, "is_resolved").is_some_and(|told| told.get() == "true");
    let is_resolved = is_resolved || told;
    let finding = (|| {
        let mut subject = Vec::new();
        if let Some(told) = member(value, "subject").filter(|told| is_object(told)) {
            let _ = for_each_member(told, &mut |name, value| {
                if let (true, Some(value)) = (subject.len() < SUBJECT_MAX, text_of(Some(value))) {
                    subject.push((name.to_owned(), Text::from(value)));
                }
            });
        }
        let mut role_arns = Vec::new();
        for_each_of(member(value, "role_arns"), &mut |arn| {
            if role_arns.len() < ROLES_MAX {
                role_arns.extend(text_of(Some(arn)).map(|arn| RoleArn::from(&*arn)));
            }
        });
        let mut chain_ids = Vec::new();
        for_each_of(member(value, "chain_ids"), &mut |id| {
            if chain_ids.len() < KEYS_MAX {
                chain_ids.extend(text_of(Some(id)).map(Text::from));
            }
        });
        let mut evidence_keys = BTreeSet::new();
        for_each_of(member(value, "evidence_keys"), &mut |key| {
            if evidence_keys.len() < KEYS_MAX {
                evidence_keys.extend(text_of(Some(key)).map(Text::from));
            }
        });
        Some(PreviousFinding {
            finding_id: text("finding_id")?,
            incident_id: text("incident_id").unwrap_or_default(),
            rule: text("rule")?,
            severity: text("severity").and_then(|severity| Severity::parse(&severity)),
            title: text("title")?,
            detail: text("detail").unwrap_or_default(),
            consumer_account_id: text("consumer_account_id").map(AccountId::from),
            subject,
            role_arns,
            first_seen: time(member(value, "first_seen"))?,
            last_seen: time(member(value, "last_seen"))?,
            occurrence: number("occurrence").unwrap_or(1),
            chain_ids,
            evidence_keys,
            is_resolved,
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
            "rules":[{{"rule":"r","state":"ran"}},{{"rule":"s","state":"skipped"}}]}}"#
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
