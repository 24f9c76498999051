//! Findings for people: by severity, each with the one thing to do next.

use super::TextLayout;
use super::human::{count, line, minute, plural, safe, window_text};
use super::ink::Ink;
use crate::model::finding::{
    Finding, FindingStatus, Findings, PreviousFinding, RuleState, Severity, Suppression,
};
use crate::model::incident::Incident;
use crate::model::integrity::Integrity;
use crate::model::text::Text;
use crate::output::repeated::RepeatedOptions;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, Write};

/// Text starts so far in.
const INDENT: usize = 4;
/// Lines are never narrower.
const LINE_LETTERS_MIN: usize = 36;

/// The context of a page of findings.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The findings that are shown.
    pub shown: &'a [&'a Finding],
    /// Options of this run that a command has to repeat to see the same data.
    pub options: &'a RepeatedOptions,
    /// Objects, records or lines that could not be read.
    pub unread: u64,
}

/// Writes findings by severity, what was suppressed and resolved, and what rules
/// could not do.
///
/// # Errors
///
/// When the writer fails.
pub fn write(
    findings: &Findings,
    about: About<'_>,
    page: TextLayout,
    writer: &mut dyn Write,
) -> io::Result<()> {
    let shown = about.shown;
    for line in wrapped(&heading(findings, shown), page, 0) {
        line!(writer, "{}", Ink::Bold.paint(&line, page))?;
    }
    line!(writer)?;
    let of_page = OfPage {
        findings,
        options: about.options,
        chain_rules: ChainRules::of(shown),
    };
    let groups = shown_incidents(findings, shown);
    for severity in Severity::ALL {
        let of: Vec<&ShownIncident<'_>> = groups
            .iter()
            .filter(|(_, own)| own.iter().any(|finding| finding.severity == severity))
            .filter(|(_, own)| own.iter().all(|finding| finding.severity <= severity))
            .collect();
        if of.is_empty() {
            continue;
        }
        let number = of.iter().map(|(_, own)| own.len()).sum::<usize>();
        let mut heading = format!(
            "{} ({}",
            severity.as_str().to_uppercase(),
            plural(number as u64, "finding")
        );
        if number > of.len() {
            let _ = write!(heading, " in {}", plural(of.len() as u64, "incident"));
        }
        heading.push(')');
        line!(writer, "{}", ink(severity).paint(&heading, page))?;
        for (incident, own) in of {
            match own[..] {
                [single] => write_finding(single, &of_page, page, writer)?,
                _ => write_incident(incident, own, &of_page, page, writer)?,
            }
        }
        line!(writer)?;
    }
    write_rest(findings, about.unread, page, writer)?;
    line!(writer, "{}", rules_summary(findings))
}

/// Returns the heading: the evaluated window, the baseline, and the numbers of findings.
fn heading(findings: &Findings, shown: &[&Finding]) -> String {
    let window = &findings.window;
    let baseline = match (findings.baseline.from, window.from) {
        (Some(start), Some(from)) if start < from => {
            format!(", compared with the time since {}", minute(start))
        }
        _ => ", without a baseline".to_owned(),
    };
    let evaluated = window_text(window);
    format!("{evaluated}{baseline}: {}", summary(findings, shown))
}

/// Writes one line per finding, the worst first.
///
/// # Errors
///
/// When the writer fails.
pub fn write_titles(
    findings: &Findings,
    page: TextLayout,
    writer: &mut dyn Write,
) -> io::Result<()> {
    let from = findings
        .window
        .from
        .map_or_else(String::new, |from| format!(" since {}", from.day()));
    line!(writer)?;
    line!(writer, "Findings{from}:")?;
    for finding in &findings.findings {
        let severity = format!("{:<8}", finding.severity.as_str());
        let severity = ink(finding.severity).paint(&severity, page);
        let lines = wrapped(&safe(&finding.title), page, 12);
        for (number, line) in lines.into_iter().enumerate() {
            let start = if number == 0 {
                severity.as_str()
            } else {
                "        "
            };
            line!(writer, "  {start}  {line}")?;
        }
    }
    let all: Vec<&Finding> = findings.findings.iter().collect();
    line!(writer, "{}", summary(findings, &all))
}

/// An incident with those of its findings that are shown.
type ShownIncident<'a> = (&'a Incident, Vec<&'a Finding>);

/// Incidents with findings that are shown, the worst first.
fn shown_incidents<'a>(findings: &'a Findings, shown: &[&'a Finding]) -> Vec<ShownIncident<'a>> {
    let mut by_incident: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in shown {
        by_incident
            .entry(&finding.incident_id)
            .or_default()
            .push(finding);
    }
    let incidents = findings.incidents.iter();
    let with_shown = incidents.filter_map(|incident| {
        let own = by_incident.remove(incident.incident_id.as_str())?;
        Some((incident, own))
    });
    with_shown.collect()
}

/// Findings of an incident that are named; the others are counted.
const INCIDENT_FINDINGS_MAX: usize = 12;

/// Writes findings that share a cause: one line for each, and one next step.
fn write_incident(
    incident: &Incident,
    own: &[&Finding],
    about: &OfPage<'_>,
    page: TextLayout,
    writer: &mut dyn Write,
) -> io::Result<()> {
    let status = status_text(about.findings, incident.status.as_str());
    let title = format!("{status}{}", safe(&incident.title));
    for line in wrapped(&title, page, 2) {
        line!(writer, "  {}", Ink::Bold.paint(&line, page))?;
    }
    let indent = " ".repeat(INDENT);
    let (first, last) = (minute(incident.first_seen), minute(incident.last_seen));
    let seen = if first == last {
        first
    } else {
        format!("{first} to {last}")
    };
    let facts = [
        incident.incident_id.clone(),
        plural(own.len() as u64, "finding"),
        seen,
    ];
    for line in wrapped(&facts.join(" · "), page, INDENT) {
        line!(writer, "{indent}{}", Ink::Faint.paint(&line, page))?;
    }
    for finding in own.iter().take(INCIDENT_FINDINGS_MAX) {
        let status = status_text(about.findings, finding.status.as_str());
        let who = acknowledged_by(finding);
        let line = format!(
            "{}: {status}{} ({} {}{who})",
            finding.severity.as_str(),
            safe(&finding.title),
            finding.rule,
            finding.finding_id
        );
        for (number, line) in wrapped(&line, page, INDENT + 2).into_iter().enumerate() {
            let start = if number == 0 { "- " } else { "  " };
            line!(writer, "{indent}{start}{line}")?;
        }
    }
    let more = own.len().saturating_sub(INCIDENT_FINDINGS_MAX);
    if more > 0 {
        line!(writer, "{indent}- and {more} more: --format json has them")?;
    }
    write_next(&incident.next_step, &incident.command, about, page, writer)
}

/// The status, where there was anything to compare with.
fn status_text(findings: &Findings, status: &str) -> String {
    if findings.has_previous {
        format!("{status}: ")
    } else {
        String::new()
    }
}

/// The acknowledgement of a finding, if that counts.
fn acknowledged_by(finding: &Finding) -> String {
    let acknowledged = finding.acknowledged.as_ref();
    acknowledged.map_or_else(String::new, |one| {
        format!(
            " · acknowledged by {} until {}",
            safe(&one.owner),
            one.until
        )
    })
}

/// The shared context of all findings of a page.
struct OfPage<'a> {
    findings: &'a Findings,
    options: &'a RepeatedOptions,
    chain_rules: ChainRules<'a>,
}

fn write_finding(
    finding: &Finding,
    about: &OfPage<'_>,
    page: TextLayout,
    writer: &mut dyn Write,
) -> io::Result<()> {
    let findings = about.findings;
    let status = status_text(findings, finding.status.as_str());
    let title = format!("{status}{}", safe(&finding.title));
    for line in wrapped(&title, page, 2) {
        line!(writer, "  {}", Ink::Bold.paint(&line, page))?;
    }
    let indent = " ".repeat(INDENT);
    for line in wrapped(&safe(&finding.detail), page, INDENT) {
        line!(writer, "{indent}{line}")?;
    }
    let mut facts = vec![finding.rule.to_owned(), finding.finding_id.clone()];
    facts.push(seen(finding, findings));
    facts.push(places(finding));
    facts.extend(finding.integrity.map(rests_on));
    if let Some(one) = &finding.acknowledged {
        let note = one
            .note
            .as_deref()
            .map_or_else(String::new, |note| format!(" ({})", safe(note)));
        facts.push(format!(
            "acknowledged by {} until {}{note}",
            safe(&one.owner),
            one.until
        ));
    }
    let others: Vec<&str> = about.chain_rules.others(finding).into_iter().collect();
    if !others.is_empty() {
        facts.push(format!("the same chains: {}", others.join(", ")));
    }
    for line in wrapped(&facts.join(" · "), page, INDENT) {
        line!(writer, "{indent}{}", Ink::Faint.paint(&line, page))?;
    }
    write_next(&finding.next_step, &finding.command, about, page, writer)
}

/// Writes the one thing to do next.
fn write_next(
    next_step: &str,
    command: &str,
    about: &OfPage<'_>,
    page: TextLayout,
    writer: &mut dyn Write,
) -> io::Result<()> {
    let indent = " ".repeat(INDENT);
    for line in wrapped(&format!("next: {}", safe(next_step)), page, INDENT) {
        line!(writer, "{indent}{}", Ink::Teal.paint(&line, page))?;
    }
    // A command stays in one piece, to be copied.
    line!(
        writer,
        "{indent}  {}",
        Ink::Teal.paint(&about.options.with(command), page)
    )
}

/// Returns, in words, the integrity status of the log files that are its evidence.
#[must_use]
pub fn rests_on(integrity: Integrity) -> String {
    match integrity {
        Integrity::Verified => "based on verified log files".to_owned(),
        Integrity::Unverified => "based on unverified log files".to_owned(),
        Integrity::Failed => "based on log files that FAILED verification".to_owned(),
    }
}

/// When: for what goes on, since when and when last.
fn seen(finding: &Finding, findings: &Findings) -> String {
    let (first, last) = (minute(finding.first_seen), minute(finding.last_seen));
    let is_older = findings
        .window
        .from
        .is_some_and(|from| finding.first_seen < from);
    if finding.status == FindingStatus::Ongoing && is_older {
        format!("since {first}, last seen {last}")
    } else if first == last {
        first
    } else {
        format!("{first} to {last}")
    }
}

/// The rules with findings about each chain, and the number of findings.
struct ChainRules<'a>(BTreeMap<&'a Text, BTreeMap<&'static str, u64>>);

impl<'a> ChainRules<'a> {
    fn of(shown: &[&'a Finding]) -> Self {
        let mut rules: BTreeMap<&Text, BTreeMap<&'static str, u64>> = BTreeMap::new();
        for finding in shown {
            for chain in &finding.chain_ids {
                *rules
                    .entry(chain)
                    .or_default()
                    .entry(finding.rule)
                    .or_default() += 1;
            }
        }
        Self(rules)
    }

    /// Rules of other findings that are about the same chains.
    fn others(&self, finding: &Finding) -> BTreeSet<&'static str> {
        let of_chains = finding.chain_ids.iter().filter_map(|id| self.0.get(id));
        let others = of_chains.flatten().filter(|(rule, count)| {
            let own = u64::from(**rule == finding.rule);
            **count > own
        });
        others.map(|(rule, _)| *rule).collect()
    }
}

/// Returns the number of occurrences, and where to look for them.
fn places(finding: &Finding) -> String {
    let mut places = Vec::new();
    if finding.event_count > 0 {
        places.push(plural(finding.event_count, "event"));
    }
    match (finding.chain_count, finding.chain_ids.first()) {
        (1, Some(chain)) => places.push(format!("chain {chain}")),
        (many, Some(_)) => places.push(plural(many, "chain")),
        _ => {}
    }
    if places.is_empty() {
        plural(finding.count, "time")
    } else {
        places.join(", ")
    }
}

/// Open findings that the page names.
const NOT_OBSERVED_NAMED_MAX: usize = 20;

/// A heading, and what stands below it.
type TextSection = (&'static str, Vec<String>);

/// Suppressed, expired, resolved; rules that rest, and what could not be evaluated.
fn write_rest(
    findings: &Findings,
    unread: u64,
    page: TextLayout,
    writer: &mut dyn Write,
) -> io::Result<()> {
    let sections = [
        of_suppressions(findings).as_slice(),
        of_previous(findings).as_slice(),
        of_rules(findings, unread).as_slice(),
    ]
    .concat();
    for (heading, lines) in sections.iter().filter(|(_, lines)| !lines.is_empty()) {
        line!(writer, "{}", Ink::Bold.paint(heading, page))?;
        for line in lines {
            for (number, part) in wrapped(line, page, INDENT).into_iter().enumerate() {
                let indent = if number == 0 { 2 } else { INDENT };
                line!(writer, "{:indent$}{part}", "")?;
            }
        }
        line!(writer)?;
    }
    Ok(())
}

fn of_suppressions(findings: &Findings) -> [TextSection; 3] {
    let name = |one: &Suppression| format!("{} {}", safe(&one.rule), safe(&one.subject));
    let expired = findings.expired.iter().map(|expired| {
        let suppression = &expired.suppression;
        format!(
            "{}: {:?} expired on {}; {} shown again",
            name(suppression),
            safe(&suppression.reason),
            suppression.expires,
            plural(expired.finding_ids.len() as u64, "finding")
        )
    });
    let suppressed = findings.suppressed.iter().map(|one| {
        format!(
            "{}: {} ({}, until {})",
            one.finding.rule,
            safe(&one.finding.title),
            safe(&one.reason),
            one.expires
        )
    });
    let unused = findings.unused.iter();
    let unused = unused.map(|one| format!("{} ({})", name(one), safe(&one.reason)));
    [
        ("Suppressions that have expired", expired.collect()),
        ("Suppressed", suppressed.collect()),
        ("Suppressions that matched nothing", unused.collect()),
    ]
}

fn of_previous(findings: &Findings) -> [TextSection; 2] {
    let known = |one: &PreviousFinding| {
        let severity = one.severity.map_or("?", Severity::as_str);
        let (rule, id) = (safe(&one.rule), safe(&one.finding_id));
        format!("{severity} {rule} {id}: {}", safe(&one.title))
    };
    let resolved = findings.resolved.iter().map(known);
    // Each reason once, with what it is the reason of.
    let mut by_why: BTreeMap<&str, Vec<&PreviousFinding>> = BTreeMap::new();
    for one in findings.not_observed.iter().take(NOT_OBSERVED_NAMED_MAX) {
        by_why.entry(&one.why).or_default().push(&one.finding);
    }
    let not_observed = by_why.into_iter().flat_map(|(why, findings)| {
        let named = findings.into_iter().map(|one| format!("· {}", known(one)));
        let named: Vec<String> = named.collect();
        std::iter::once(format!("{}:", safe(why))).chain(named)
    });
    let more = findings
        .not_observed
        .len()
        .saturating_sub(NOT_OBSERVED_NAMED_MAX);
    let more = (more > 0).then(|| format!("{more} more: --format json has them"));
    [
        ("Resolved since the previous run", resolved.collect()),
        ("Not observed this time", not_observed.chain(more).collect()),
    ]
}

fn of_rules(findings: &Findings, unread: u64) -> [TextSection; 2] {
    let skipped = findings
        .rules
        .iter()
        .filter_map(|report| match &report.state {
            RuleState::Skipped(why) => Some(format!("{}: {}", report.rule, safe(why))),
            RuleState::Disabled => Some(format!("{}: disabled in the configuration", report.rule)),
            RuleState::Ran | RuleState::NotAsked => None,
        });
    let unread = (unread > 0).then(|| {
        let (what, them) = if unread == 1 {
            ("object, record or line", "it")
        } else {
            ("objects, records or lines", "them")
        };
        format!(
            "{} {what} could not be read: --format json lists {them}",
            count(unread)
        )
    });
    let noted = findings.rules.iter().flat_map(|report| {
        let notes = report.notes.iter();
        notes.map(|note| format!("{}: {}", report.rule, safe(note)))
    });
    [
        ("Skipped rules", skipped.collect()),
        ("Not evaluated", unread.into_iter().chain(noted).collect()),
    ]
}

fn summary(findings: &Findings, shown: &[&Finding]) -> String {
    let of = |severity: Severity| shown.iter().filter(|one| one.severity == severity).count();
    let parts = Severity::ALL
        .into_iter()
        .filter(|severity| of(*severity) > 0);
    let parts: Vec<String> = parts
        .map(|severity| format!("{} {}", of(severity), severity.as_str()))
        .collect();
    let mut text = match (shown.len(), findings.findings.len()) {
        (0, 0) if !findings.has_logs => "nothing was evaluated: there are no logs".to_owned(),
        (0, 0) => "no findings".to_owned(),
        (0, hidden) => format!("no findings shown, {hidden} filtered out"),
        (number, all) => {
            let hidden = match all - number {
                0 => String::new(),
                hidden => format!(", {hidden} filtered out"),
            };
            format!(
                "{}: {}{hidden}",
                plural(number as u64, "finding"),
                parts.join(", ")
            )
        }
    };
    if findings.has_previous {
        let new = shown.iter().filter(|one| one.status.is_news()).count();
        let _ = write!(
            text,
            "; {new} new, {} ongoing, {} resolved, {} not observed",
            shown.len() - new,
            findings.resolved.len(),
            findings.not_observed.len()
        );
    }
    if !findings.suppressed.is_empty() {
        let _ = write!(text, "; {} suppressed", findings.suppressed.len());
    }
    text
}

fn rules_summary(findings: &Findings) -> String {
    let ran = findings
        .rules
        .iter()
        .filter(|report| report.state == RuleState::Ran);
    let all = findings.rules.len();
    format!(
        "{} of {all} rules ran; to read about one: qs-audit explain RULE",
        ran.count()
    )
}

fn ink(severity: Severity) -> Ink {
    match severity {
        Severity::Critical => Ink::BoldRed,
        Severity::High => Ink::Red,
        Severity::Medium => Ink::Orange,
        Severity::Low => Ink::Blue,
        Severity::Info => Ink::Faint,
    }
}

/// Lines that fit the page next to an indent; an id that is longer has a line of its
/// own.
pub(super) fn wrapped(text: &str, page: TextLayout, indent: usize) -> Vec<String> {
    let room = usize::from(page.width)
        .saturating_sub(indent)
        .max(LINE_LETTERS_MIN);
    let options = textwrap::Options::new(room)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::wrap(text, options)
        .into_iter()
        .map(Cow::into_owned)
        .collect()
}
