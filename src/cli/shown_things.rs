//! What a text leads to: things of a kind, their chains, and the ways on from there.

use super::terminal::quoted;
use crate::app::failure::Failure;
use crate::app::search::{Asked, Hits, ThingKind, named_findings, search};
use crate::model::audit::Audit;
use crate::model::chain::Chain;
use crate::model::event::EventOrigin;
use crate::model::finding::{Previous, PreviousFinding, Severity};
use crate::output::human::{line, minute, plural, safe};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{self, Write};

/// Events that are read again at once, for their request ids.
const EVENTS_AT_ONCE: usize = 20_000;
/// Things of one kind that are named.
const THINGS_MAX: usize = 10;

/// Reads events again from where they came from.
type ReadRaw<'r> = dyn Fn(&[EventOrigin]) -> Result<Vec<(EventOrigin, Value)>, Failure> + 'r;

/// What a text leads to.
#[derive(Debug, Default)]
pub(super) struct ShownThings<'a> {
    /// Lines that say what it is.
    lines: Vec<String>,
    /// Findings that it names.
    findings: Vec<&'a PreviousFinding>,
    /// The chains that it leads to, in their order.
    pub(super) chains: Vec<&'a Chain>,
}

impl<'a> ShownThings<'a> {
    /// A chain that was named itself.
    pub(super) fn of_chain(chain: &'a Chain) -> Self {
        Self {
            chains: vec![chain],
            ..Self::default()
        }
    }

    /// Looks for a text among findings, and in chains.
    pub(super) fn named(audit: &'a Audit, known: &'a Previous, asked: &str) -> Self {
        let findings = named_findings(known.findings.values(), asked);
        if !findings.is_empty() {
            return Self::of_findings(audit, findings);
        }
        let hits = search(audit, &Asked::whole(asked));
        let positions: BTreeSet<usize> = hits.values().flatten().copied().collect();
        Self {
            lines: lines_of(&hits),
            findings: Vec::new(),
            chains: positions.into_iter().map(|at| &audit.chains[at]).collect(),
        }
    }

    fn of_findings(audit: &'a Audit, findings: Vec<&'a PreviousFinding>) -> Self {
        let ids = findings.iter().flat_map(|finding| &finding.chain_ids);
        let ids: BTreeSet<&str> = ids.map(|id| &**id).collect();
        let chains = audit.chains.iter();
        Self {
            lines: Vec::new(),
            findings,
            chains: chains
                .filter(|chain| ids.contains(chain.chain_id.as_str()))
                .collect(),
        }
    }

    /// Looks for a request id, which chains do not keep: in one pass through their events as they were
    /// logged.
    pub(super) fn add_request(
        &mut self,
        audit: &'a Audit,
        asked: &str,
        read: &ReadRaw<'_>,
    ) -> Result<(), Failure> {
        if !is_like_request_id(asked) {
            return Ok(());
        }
        let used: BTreeSet<u32> = audit
            .chains
            .iter()
            .flat_map(|chain| &chain.events)
            .map(|entry| entry.event)
            .collect();
        let mut places: Vec<EventOrigin> = used
            .iter()
            .map(|event| audit.events[*event as usize].place)
            .collect();
        places.sort_unstable();
        for part in places.chunks(EVENTS_AT_ONCE) {
            let found = read(part)?.into_iter();
            let is_asked = |(_, event): &(EventOrigin, Value)| {
                event["requestID"]
                    .as_str()
                    .is_some_and(|id| id.eq_ignore_ascii_case(asked.trim()))
            };
            let found: BTreeSet<EventOrigin> =
                found.filter(is_asked).map(|(place, _)| place).collect();
            if !found.is_empty() {
                let has = |chain: &&Chain| {
                    let mut entries = chain.events.iter();
                    entries.any(|entry| found.contains(&audit.events[entry.event as usize].place))
                };
                self.chains = audit.chains.iter().filter(has).collect();
                self.lines = vec![format!("{} is the id of a request", safe(asked))];
                return Ok(());
            }
        }
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.chains.is_empty() && self.findings.is_empty()
    }

    /// Writes what it is.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        for line in &self.lines {
            line!(out, "{line}")?;
        }
        for finding in &self.findings {
            finding_line(finding, out)?;
            line!(out, "  {}", safe(&finding.detail))?;
        }
        if !(self.lines.is_empty() && self.findings.is_empty()) {
            line!(out)?;
        }
        Ok(())
    }
}

/// CloudTrail's request ids are UUIDs, or 16 letters and digits for S3 and others.
fn is_like_request_id(asked: &str) -> bool {
    let asked = asked.trim();
    let is_of_id = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    asked.len() >= 16 && asked.chars().all(is_of_id)
}

/// `203.0.113.7 is an address, in 3 chains`, for each thing.
fn lines_of(hits: &Hits) -> Vec<String> {
    let mut lines: Vec<String> = hits
        .iter()
        .filter(|(thing, _)| thing.kind != ThingKind::Chain)
        .take(THINGS_MAX)
        .map(|(thing, chains)| {
            format!(
                "{} is {}, in {}",
                safe(&thing.name),
                thing.kind.words(),
                plural(chains.len() as u64, "chain")
            )
        })
        .collect();
    let more = hits.len().saturating_sub(THINGS_MAX);
    if more > 0 {
        lines.push(format!("and {more} more: `qs-audit find` lists them"));
    }
    lines
}

fn finding_line(finding: &PreviousFinding, out: &mut dyn Write) -> io::Result<()> {
    let severity = finding.severity.map_or("unknown", Severity::as_str);
    let state = if finding.is_resolved {
        ", resolved"
    } else {
        ""
    };
    line!(
        out,
        "{} of {} ({severity}{state}, {}, last seen {}): {}",
        finding.finding_id,
        finding.incident_id,
        finding.rule,
        minute(finding.last_seen),
        safe(&finding.title)
    )
}

/// Writes the findings about a chain that are remembered.
pub(super) fn write_findings(findings: &[&PreviousFinding], out: &mut dyn Write) -> io::Result<()> {
    if findings.is_empty() {
        return Ok(());
    }
    line!(out)?;
    line!(out, "Findings that are remembered")?;
    for finding in findings {
        write!(out, "  ")?;
        finding_line(finding, out)?;
    }
    Ok(())
}

/// Writes commands that go on from a chain: other sessions of its caller, its address, its user. Names from
/// logs are quoted for a shell.
pub(super) fn write_pivots(chain: &Chain, options: &str, out: &mut dyn Write) -> io::Result<()> {
    let callers = chain
        .sessions()
        .filter_map(|session| session.assumed_by.as_deref());
    let addresses = chain
        .sessions()
        .filter_map(|session| session.source_ip.as_deref());
    let user = chain.quick_user.as_ref().map(|user| &*user.name);
    let is_service = |name: &&str| name.ends_with(".amazonaws.com");
    let ways: [(&str, &str, BTreeSet<&str>); 3] = [
        (
            "caller",
            "--caller",
            callers.filter(|name| !is_service(name)).collect(),
        ),
        (
            "address",
            "--ip",
            addresses.filter(|name| !is_service(name)).collect(),
        ),
        ("user", "--user", user.into_iter().collect()),
    ];
    if ways.iter().all(|(.., names)| names.is_empty()) {
        return Ok(());
    }
    line!(out)?;
    line!(out, "Other sessions")?;
    for (what, option, names) in ways {
        for name in names {
            let name = quoted(name);
            line!(
                out,
                "  of this {what}: qs-audit chains --path any {option} {name}{options}"
            )?;
        }
    }
    Ok(())
}
