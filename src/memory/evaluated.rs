//! Windows that were evaluated, and what was found in them. What is known before a window is what windows
//! that end earlier have, at most [`OPEN_DAYS`] ago: so a window that is evaluated again is compared with the
//! same.

use super::database::{Memory, MemoryError};
use crate::model::finding::{Findings, OPEN_DAYS, Previous, PreviousFinding, RuleState, Severity};
use crate::model::ids::{AccountId, RoleArn};
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use rusqlite::{Row, params};
use std::collections::{BTreeMap, BTreeSet};

/// Days that windows are kept, so that those of the last [`OPEN_DAYS`] can be evaluated again.
const WINDOWS_KEPT_DAYS: i64 = 2 * OPEN_DAYS;
const DAY: i64 = 86_400;
/// Chains that are remembered of a finding.
const CHAINS_MAX: usize = 50;

/// A window that rules evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvaluatedWindow {
    /// Its beginning, if it has one.
    pub from: Option<UtcSecond>,
    /// Its end.
    pub to: UtcSecond,
}

const COLUMNS: &str =
    "finding_id, incident_id, rule, severity, occurrence, is_resolved, first_seen, last_seen,
    title, detail, consumer_account_id, subject, role_arns, evidence_keys, chain_ids";

impl Memory {
    /// Returns what was known before a time; `None` if nothing was evaluated before it.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn known_before(&self, end: UtcSecond) -> Result<Option<Previous>, MemoryError> {
        let since = end.unix() - OPEN_DAYS * DAY;
        let found = self.read_known(since, end.unix());
        self.told(found)
    }

    /// Returns all that is known.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn known(&self) -> Result<Option<Previous>, MemoryError> {
        let last = self.last_evaluated()?;
        let last = last.map(|window| window.to.plus(1));
        Ok(last
            .map(|end| self.known_before(end))
            .transpose()?
            .flatten())
    }

    /// The window that ends last, if any was evaluated.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn last_evaluated(&self) -> Result<Option<EvaluatedWindow>, MemoryError> {
        let sql = "SELECT window_from, window_to FROM evaluated ORDER BY window_to DESC LIMIT 1";
        let read = || {
            let mut statement = self.connection.prepare(sql)?;
            let mut rows = statement.query_map([], |row| {
                let from: Option<i64> = row.get(0)?;
                Ok(EvaluatedWindow {
                    from: from.map(UtcSecond::from_unix),
                    to: UtcSecond::from_unix(row.get(1)?),
                })
            })?;
            rows.next().transpose()
        };
        self.told(read())
    }

    fn read_known(&self, since: i64, before: i64) -> rusqlite::Result<Option<Previous>> {
        let sql = "SELECT window_to, rules FROM evaluated
                   WHERE window_to > ?1 AND window_to < ?2 ORDER BY window_to";
        let mut statement = self.connection.prepare(sql)?;
        let windows = statement.query_map(params![since, before], |row| {
            Ok((row.get::<_, i64>(0)?, list(&row.get::<_, String>(1)?)))
        })?;
        let mut known = Previous::default();
        let mut ran = BTreeSet::new();
        for window in windows {
            let (end, rules) = window?;
            known.window_end = Some(UtcSecond::from_unix(end));
            ran.extend(rules);
        }
        if known.window_end.is_none() {
            return Ok(None);
        }
        known.rules_ran = Some(ran);
        let sql = format!(
            "SELECT {COLUMNS} FROM observed JOIN evaluated ON evaluated.id = observed.evaluated
             WHERE window_to > ?1 AND window_to < ?2
             ORDER BY window_to, coalesce(window_from, -9223372036854775808)"
        );
        let mut statement = self.connection.prepare(&sql)?;
        let observed = statement.query_map(params![since, before], finding)?;
        for finding in observed {
            add(finding?, &mut known.findings);
        }
        Ok(Some(known))
    }

    /// Remembers what was found in a window, in place of what was found in it before. `before` is what it
    /// was compared with, if that came from elsewhere: it is what was known when the window began.
    ///
    /// # Errors
    ///
    /// When the database cannot be written.
    pub fn remember(
        &mut self,
        window: EvaluatedWindow,
        findings: &Findings,
        before: Option<&Previous>,
        now: UtcSecond,
    ) -> Result<(), MemoryError> {
        let written = self.write(window, findings, before, now);
        self.told(written)
    }

    fn write(
        &mut self,
        window: EvaluatedWindow,
        findings: &Findings,
        before: Option<&Previous>,
        now: UtcSecond,
    ) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        if let Some(before) = before {
            let end = before
                .window_end
                .map_or(window.to.unix() - 1, UtcSecond::unix);
            let ran = before.rules_ran.iter().flatten().map(String::as_str);
            let all: Vec<&PreviousFinding> = before.findings.values().collect();
            let bounds = (None, end.min(window.to.unix() - 1));
            put(&transaction, bounds, ran, &all, now)?;
        }
        let ran = findings
            .rules
            .iter()
            .filter(|rule| rule.state == RuleState::Ran);
        let observed = observed(findings);
        let observed: Vec<&PreviousFinding> = observed.iter().collect();
        let bounds = (window.from.map(UtcSecond::unix), window.to.unix());
        put(
            &transaction,
            bounds,
            ran.map(|rule| rule.rule),
            &observed,
            now,
        )?;
        transaction.execute(
            "DELETE FROM evaluated WHERE window_to < (SELECT max(window_to) FROM evaluated) - ?1",
            [WINDOWS_KEPT_DAYS * DAY],
        )?;
        transaction.commit()
    }
}

/// Puts a window and its findings in the place of what is known of it.
fn put<'r>(
    transaction: &rusqlite::Transaction<'_>,
    (from, to): (Option<i64>, i64),
    ran: impl Iterator<Item = &'r str>,
    findings: &[&PreviousFinding],
    now: UtcSecond,
) -> rusqlite::Result<()> {
    let ran: Vec<&str> = ran.collect();
    let delete = "DELETE FROM evaluated WHERE window_from IS ?1 AND window_to = ?2";
    transaction.execute(delete, params![from, to])?;
    let sql = "INSERT INTO evaluated (window_from, window_to, rules, evaluated_at) VALUES (?1, ?2, ?3, ?4)";
    transaction.execute(sql, params![from, to, json(&ran), now.unix()])?;
    let id = transaction.last_insert_rowid();
    let sql = format!(
        "INSERT INTO observed (evaluated, {COLUMNS})
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)"
    );
    let mut statement = transaction.prepare(&sql)?;
    for finding in findings {
        let subject: Vec<(&str, &str)> = finding
            .subject
            .iter()
            .map(|(name, value)| (name.as_str(), &**value))
            .collect();
        let arns: Vec<&str> = finding.role_arns.iter().map(|arn| &**arn).collect();
        let keys: Vec<&str> = finding.evidence_keys.iter().map(|key| &**key).collect();
        let chains = finding.chain_ids.iter().take(CHAINS_MAX);
        let chains: Vec<&str> = chains.map(|chain| &**chain).collect();
        statement.execute(params![
            id,
            finding.finding_id,
            finding.incident_id,
            finding.rule,
            finding.severity.map_or("", Severity::as_str),
            i64::try_from(finding.occurrence).unwrap_or(i64::MAX),
            finding.is_resolved,
            finding.first_seen.unix(),
            finding.last_seen.unix(),
            finding.title,
            finding.detail,
            finding.consumer_account_id.as_deref(),
            json(&subject),
            json(&arns),
            json(&keys),
            json(&chains),
        ])?;
    }
    Ok(())
}

/// Findings of a run, suppressed ones too, and those that it resolved.
fn observed(findings: &Findings) -> Vec<PreviousFinding> {
    let suppressed = findings.suppressed.iter().map(|one| &one.finding);
    let found = findings
        .findings
        .iter()
        .chain(suppressed)
        .map(|finding| PreviousFinding {
            finding_id: finding.finding_id.clone(),
            incident_id: finding.incident_id.clone(),
            rule: finding.rule.to_owned(),
            severity: Some(finding.severity),
            title: finding.title.clone(),
            detail: finding.detail.clone(),
            consumer_account_id: finding.consumer_account_id.clone(),
            subject: finding
                .subject
                .0
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
            role_arns: finding.role_arns.clone(),
            first_seen: finding.first_seen,
            last_seen: finding.last_seen,
            occurrence: finding.occurrence,
            chain_ids: finding.chain_ids.clone(),
            evidence_keys: finding.evidence_keys.clone(),
            is_resolved: false,
        });
    let resolved = findings.resolved.iter().cloned().map(|mut finding| {
        finding.is_resolved = true;
        finding
    });
    let all: BTreeMap<String, PreviousFinding> = resolved
        .chain(found)
        .map(|finding| (finding.finding_id.clone(), finding))
        .collect();
    all.into_values().collect()
}

/// Adds what a later window has of a finding.
fn add(finding: PreviousFinding, all: &mut BTreeMap<String, PreviousFinding>) {
    let Some(known) = all.get_mut(&finding.finding_id) else {
        all.insert(finding.finding_id.clone(), finding);
        return;
    };
    // What was resolved begins anew: what was bad of it before is gone.
    let severity = if known.is_resolved {
        finding.severity
    } else {
        finding.severity.max(known.severity)
    };
    let mut evidence_keys = std::mem::take(&mut known.evidence_keys);
    evidence_keys.extend(finding.evidence_keys);
    *known = PreviousFinding {
        severity,
        evidence_keys,
        first_seen: finding.first_seen.min(known.first_seen),
        last_seen: finding.last_seen.max(known.last_seen),
        occurrence: finding.occurrence.max(known.occurrence),
        ..finding
    };
}

fn finding(row: &Row<'_>) -> rusqlite::Result<PreviousFinding> {
    let severity: String = row.get(3)?;
    let occurrence: i64 = row.get(4)?;
    let consumer: Option<String> = row.get(10)?;
    let subject: Vec<(String, String)> =
        serde_json::from_str(&row.get::<_, String>(11)?).unwrap_or_default();
    Ok(PreviousFinding {
        finding_id: row.get(0)?,
        incident_id: row.get(1)?,
        rule: row.get(2)?,
        severity: Severity::parse(&severity),
        occurrence: u64::try_from(occurrence).unwrap_or(1),
        is_resolved: row.get(5)?,
        first_seen: UtcSecond::from_unix(row.get(6)?),
        last_seen: UtcSecond::from_unix(row.get(7)?),
        title: row.get(8)?,
        detail: row.get(9)?,
        consumer_account_id: consumer.map(|id| AccountId::from(&*id)),
        subject: subject
            .into_iter()
            .map(|(name, value)| (name, Text::from(value)))
            .collect(),
        role_arns: list(&row.get::<_, String>(12)?)
            .into_iter()
            .map(|arn| RoleArn::from(&*arn))
            .collect(),
        chain_ids: list(&row.get::<_, String>(14)?)
            .into_iter()
            .map(Text::from)
            .collect(),
        evidence_keys: list(&row.get::<_, String>(13)?)
            .into_iter()
            .map(Text::from)
            .collect(),
    })
}

/// A JSON list of texts; what is no such list has none.
fn list(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_default()
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
