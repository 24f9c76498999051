//! Findings for people: by severity, each with the one thing to do next.

use super::Page;
use super::human::{count, minute, plural, safe};
use crate::model::finding::{Finding, FindingStatus, Findings, RuleState, Severity};
use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Text starts so far in.
const INDENT: usize = 4;
/// Lines are never narrower.
const LINE_LETTERS_MIN: usize = 36;

/// Writes findings by severity, what was suppressed and resolved, and what rules
/// could not do.
///
/// # Errors
///
/// When the writer fails.
pub fn write(
    findings: &Findings,
    shown: &[&Finding],
    page: Page,
    writer: &mut dyn Write,
) -> io::Result<()> {
    for severity in Severity::ALL {
        let of: Vec<&&Finding> = shown
            .iter()
            .filter(|one| one.severity == severity)
            .collect();
        if of.is_empty() {
            continue;
        }
        let heading = format!("{} ({})", severity.as_str().to_uppercase(), of.len());
        writeln!(writer, "{}", painted(&heading, color(severity), page))?;
        for finding in of {
            write_finding(finding, findings.has_previous, page, writer)?;
        }
        writeln!(writer)?;
    }
    write_rest(findings, page, writer)?;
    writeln!(writer, "{}", summary(findings, shown))
}

fn write_finding(
    finding: &Finding,
    has_previous: bool,
    page: Page,
    writer: &mut dyn Write,
) -> io::Result<()> {
    let status = match (has_previous, finding.status) {
        (false, _) => "",
        (true, FindingStatus::New) => "new: ",
        (true, FindingStatus::Ongoing) => "ongoing: ",
    };
    let title = format!("{status}{}", safe(&finding.title));
    for line in wrapped(&title, page, 2) {
        writeln!(writer, "  {}", painted(&line, "1", page))?;
    }
    let indent = " ".repeat(INDENT);
    for line in wrapped(&safe(&finding.detail), page, INDENT) {
        writeln!(writer, "{indent}{line}")?;
    }
    let seen = if finding.first_seen == finding.last_seen {
        minute(finding.first_seen)
    } else {
        format!(
            "{} to {}",
            minute(finding.first_seen),
            minute(finding.last_seen)
        )
    };
    let about = format!(
        "{} · {} · {seen} · {}",
        finding.rule,
        finding.finding_id,
        places(finding)
    );
    for line in wrapped(&about, page, INDENT) {
        writeln!(writer, "{indent}{}", painted(&line, "2", page))?;
    }
    let next = format!("next: {}", safe(&finding.next_step));
    for line in wrapped(&next, page, INDENT) {
        writeln!(writer, "{indent}{}", painted(&line, "36", page))?;
    }
    Ok(())
}

/// How often, and where to look.
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
        format!("{} times", count(finding.count))
    } else {
        places.join(", ")
    }
}

/// Suppressed, expired, resolved; rules that rest, and what could not be judged.
fn write_rest(findings: &Findings, page: Page, writer: &mut dyn Write) -> io::Result<()> {
    let mut section = |heading: &str, lines: &[String]| -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        writeln!(writer, "{}", painted(heading, "1", page))?;
        for line in lines {
            for (number, part) in wrapped(line, page, INDENT).into_iter().enumerate() {
                let indent = if number == 0 { 2 } else { INDENT };
                writeln!(writer, "{:indent$}{part}", "")?;
            }
        }
        writeln!(writer)
    };
    let expired: Vec<String> = findings
        .expired
        .iter()
        .map(|expired| {
            let suppression = &expired.suppression;
            format!(
                "{} {}: {:?} expired on {}; {} shown again",
                safe(&suppression.rule),
                safe(&suppression.subject),
                safe(&suppression.reason),
                suppression.expires,
                plural(expired.finding_ids.len() as u64, "finding")
            )
        })
        .collect();
    section("Suppressions that have expired", &expired)?;
    let suppressed: Vec<String> = findings
        .suppressed
        .iter()
        .map(|one| {
            format!(
                "{}: {} ({}, until {})",
                one.finding.rule,
                safe(&one.finding.title),
                safe(&one.reason),
                one.expires
            )
        })
        .collect();
    section("Suppressed", &suppressed)?;
    let resolved: Vec<String> = findings
        .resolved
        .iter()
        .map(|one| format!("{}: {}", safe(&one.rule), safe(&one.title)))
        .collect();
    section("Resolved since the previous run", &resolved)?;
    let resting: Vec<String> = findings
        .rules
        .iter()
        .filter_map(|report| match &report.state {
            RuleState::Resting(why) => Some(format!("{}: {}", report.rule, safe(why))),
            RuleState::Disabled => Some(format!("{}: disabled in the configuration", report.rule)),
            RuleState::Ran | RuleState::NotAsked => None,
        })
        .collect();
    section("Rules that rest", &resting)?;
    let notes: Vec<String> = findings
        .rules
        .iter()
        .flat_map(|report| {
            let notes = report.notes.iter();
            notes.map(|note| format!("{}: {}", report.rule, safe(note)))
        })
        .collect();
    section("Not judged", &notes)
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
        (0, 0) => "no findings".to_owned(),
        (0, hidden) => format!("no findings shown; {hidden} were filtered out"),
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
        let new = shown
            .iter()
            .filter(|one| one.status == FindingStatus::New)
            .count();
        let _ = write!(
            text,
            "; {new} new, {} ongoing, {} resolved",
            shown.len() - new,
            findings.resolved.len()
        );
    }
    if !findings.suppressed.is_empty() {
        let _ = write!(text, "; {} suppressed", findings.suppressed.len());
    }
    let ran = findings
        .rules
        .iter()
        .filter(|report| report.state == RuleState::Ran)
        .count();
    format!("{text}. {ran} of {} rules ran.", findings.rules.len())
}

fn color(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "1;31",
        Severity::High => "31",
        Severity::Medium => "33",
        Severity::Low => "34",
        Severity::Info => "2",
    }
}

fn painted(text: &str, code: &str, page: Page) -> String {
    if page.color {
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}

/// Lines that fit the page beside an indent; an id that is longer has a line of its
/// own.
fn wrapped(text: &str, page: Page, indent: usize) -> Vec<String> {
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
