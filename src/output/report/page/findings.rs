//! Findings with their evidence, and the pages of their rules.

use super::super::ReportContent;
use super::super::cells::Shown;
use super::table::{PageCell, PageTable};
use crate::model::finding::{
    Evidence, Finding, Findings, PreviousFinding, RulePage, RuleReport, RuleState, Severity,
};
use crate::model::incident::Incident;
use crate::model::money::exact;
use crate::model::time::UtcSecond;
use crate::output::findings::rests_on;
use crate::output::human::{count, minute, plural};
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};
use std::collections::BTreeSet;

/// Findings that the page tells in full, the worst first.
const FINDINGS_MAX: usize = 150;
/// Findings of one incident that the page tells in full.
const INCIDENT_FINDINGS_MAX: usize = 25;
/// Lines of one finding's evidence.
const EVIDENCE_MAX: usize = 40;
/// Members of a list in one line of evidence.
const ITEMS_MAX: usize = 12;
/// Chains and events that a finding names.
const IDS_MAX: usize = 12;
/// Incidents that the verdict names.
const WORST_MAX: usize = 5;
/// Open findings that the verdict names.
const OPEN_NAMED_MAX: usize = 5;
/// Findings of an earlier run in one list.
const KNOWN_MAX: usize = 60;

/// A line of evidence.
pub(super) struct EvidenceLine {
    pub(super) name: String,
    pub(super) value: Shown,
}

/// A chain that a finding names, and whether the page has it.
pub(super) struct ChainName {
    pub(super) id: Shown,
    pub(super) is_listed: bool,
}

/// A finding in words.
pub(super) struct FindingCard {
    pub(super) id: Shown,
    pub(super) severity: &'static str,
    /// `new`, `ongoing`, or nothing where there was no earlier report.
    pub(super) status: &'static str,
    /// The acknowledgement; empty if there is none.
    pub(super) acknowledged: Shown,
    pub(super) title: Shown,
    pub(super) detail: Shown,
    pub(super) rule: &'static str,
    pub(super) seen: String,
    pub(super) places: String,
    pub(super) next_step: Shown,
    pub(super) command: Shown,
    pub(super) chains: Vec<ChainName>,
    pub(super) more_chains: u64,
    pub(super) evidence: Vec<EvidenceLine>,
    pub(super) evidence_left_out: usize,
}

/// The page of a rule, as HTML.
pub(super) struct RuleText {
    pub(super) rule: &'static str,
    pub(super) html: String,
}

/// A line about a finding that is not one of this night's.
pub(super) struct KnownLine {
    pub(super) severity: &'static str,
    pub(super) text: Shown,
}

/// A list of such lines.
pub(super) struct KnownList {
    pub(super) title: &'static str,
    pub(super) lines: Vec<KnownLine>,
    pub(super) more: usize,
}

/// An incident, as the verdict names it.
pub(super) struct WorstLine {
    pub(super) id: String,
    pub(super) severity: &'static str,
    pub(super) status: &'static str,
    pub(super) title: Shown,
}

/// Findings that share a cause.
pub(super) struct IncidentCard {
    pub(super) id: String,
    pub(super) severity: &'static str,
    pub(super) status: &'static str,
    pub(super) title: Shown,
    /// True if it has more than one finding: one alone speaks for itself.
    pub(super) is_group: bool,
    pub(super) seen: String,
    pub(super) next_step: Shown,
    pub(super) command: Shown,
    pub(super) cards: Vec<FindingCard>,
    /// Its findings that the page leaves out.
    pub(super) more: usize,
}

/// The section, in words.
pub(super) struct FindingsSection {
    /// Those that the verdict names.
    pub(super) worst: Vec<WorstLine>,
    /// Incidents that it does not name.
    pub(super) worst_more: usize,
    /// Incidents with news, the worst first.
    pub(super) news: Vec<IncidentCard>,
    /// The others.
    pub(super) ongoing: Vec<IncidentCard>,
    pub(super) more: usize,
    pub(super) lists: Vec<KnownList>,
    /// The worst of the findings that were not observed: critical and high.
    pub(super) still_open: Vec<KnownLine>,
    /// The reason why there are none, if so.
    pub(super) why_empty: String,
    pub(super) rules: Vec<RuleText>,
    pub(super) states: PageTable,
}

impl FindingsSection {
    pub(super) fn of(content: &ReportContent<'_>) -> Self {
        let findings = content.findings();
        let listed: BTreeSet<&str> = content
            .listed
            .chains
            .iter()
            .map(|one| one.chain.chain_id.as_str())
            .collect();
        let mut room = FINDINGS_MAX;
        let (mut news, mut ongoing) = (Vec::new(), Vec::new());
        let (new, old): (Vec<&Incident>, Vec<&Incident>) = findings
            .incidents
            .iter()
            .partition(|incident| !incident.news.is_empty());
        for (incidents, into) in [(new, &mut news), (old, &mut ongoing)] {
            for incident in incidents {
                into.extend(incident_card(incident, content, &listed, &mut room));
            }
        }
        let all = news.iter().chain(&ongoing);
        let cards: Vec<&FindingCard> = all.flat_map(|one: &IncidentCard| &one.cards).collect();
        let fired: BTreeSet<&str> = cards.iter().map(|card| card.rule).collect();
        let pages = content.inputs.pages.iter();
        Self {
            more: findings.findings.len() - cards.len(),
            worst: worst(findings),
            worst_more: findings.incidents.len().saturating_sub(WORST_MAX),
            news,
            ongoing,
            lists: lists(findings),
            still_open: still_open(findings),
            why_empty: why_empty(findings),
            rules: pages
                .filter(|page| fired.contains(page.rule))
                .map(rule_text)
                .collect(),
            states: states(findings),
        }
    }
}

fn why_empty(findings: &Findings) -> String {
    if !findings.has_logs {
        return "Nothing was evaluated: there are no logs in the window.".to_owned();
    }
    let ran = findings
        .rules
        .iter()
        .filter(|rule| rule.state == RuleState::Ran);
    format!(
        "{} of {} rules ran and found nothing. The others, and what could not be evaluated, are under “Coverage gaps”.",
        ran.count(),
        findings.rules.len()
    )
}

/// An incident, as far as the page has room for its findings; `None` if there is none left.
fn incident_card(
    incident: &Incident,
    content: &ReportContent<'_>,
    listed: &BTreeSet<&str>,
    room: &mut usize,
) -> Option<IncidentCard> {
    let findings = content.findings();
    let own = findings.findings.iter();
    let own = own.filter(|finding| finding.incident_id == incident.incident_id);
    let shown = own.clone().take(*room).take(INCIDENT_FINDINGS_MAX);
    let cards: Vec<FindingCard> = shown.map(|one| card(one, content, listed)).collect();
    if cards.is_empty() {
        return None;
    }
    *room -= cards.len();
    Some(IncidentCard {
        id: incident.incident_id.clone(),
        severity: incident.severity.as_str(),
        status: status(findings, incident.status.as_str()),
        title: Shown::sentence(&incident.title),
        is_group: incident.finding_ids.len() > 1,
        seen: span(incident.first_seen, incident.last_seen),
        next_step: Shown::sentence(&incident.next_step),
        command: Shown::sentence(&content.inputs.options.with(&incident.command)),
        more: own.count() - cards.len(),
        cards,
    })
}

/// The incidents that the verdict names: those with news first.
fn worst(findings: &Findings) -> Vec<WorstLine> {
    let (new, old): (Vec<&Incident>, Vec<&Incident>) = findings
        .incidents
        .iter()
        .partition(|incident| !incident.news.is_empty());
    let named = new.into_iter().chain(old).take(WORST_MAX);
    let lines = named.map(|incident| WorstLine {
        id: incident.incident_id.clone(),
        severity: incident.severity.as_str(),
        status: status(findings, incident.status.as_str()),
        title: Shown::sentence(&incident.title),
    });
    lines.collect()
}

/// The status, where there was anything to compare with.
fn status(findings: &Findings, status: &'static str) -> &'static str {
    if findings.has_previous { status } else { "" }
}

fn span(first: UtcSecond, last: UtcSecond) -> String {
    let (first, last) = (minute(first), minute(last));
    if first == last {
        format!("{first} UTC")
    } else {
        format!("{first} to {last} UTC")
    }
}

/// The acknowledgement of a finding, if that counts.
fn acknowledged(finding: &Finding) -> Shown {
    let acknowledged = finding.acknowledged.as_ref();
    let text = acknowledged.map_or_else(String::new, |one| {
        let note = one
            .note
            .as_deref()
            .map_or_else(String::new, |note| format!(": {note}"));
        format!("Acknowledged by {} until {}{note}", one.owner, one.until)
    });
    Shown::sentence(&text)
}

fn card(finding: &Finding, content: &ReportContent<'_>, listed: &BTreeSet<&str>) -> FindingCard {
    let evidence = lines(&finding.evidence);
    let ids = finding.chain_ids.iter().take(IDS_MAX);
    let chains: Vec<ChainName> = ids
        .map(|id| ChainName {
            id: Shown::name(id),
            is_listed: listed.contains(&**id),
        })
        .collect();
    FindingCard {
        id: Shown::name(&finding.finding_id),
        severity: finding.severity.as_str(),
        status: status(content.findings(), finding.status.as_str()),
        acknowledged: acknowledged(finding),
        title: Shown::sentence(&finding.title),
        detail: Shown::sentence(&finding.detail),
        rule: finding.rule,
        seen: span(finding.first_seen, finding.last_seen),
        places: places(finding) + &integrity(finding),
        next_step: Shown::sentence(&finding.next_step),
        command: Shown::sentence(&content.inputs.options.with(&finding.command)),
        more_chains: finding.chain_count.saturating_sub(chains.len() as u64),
        chains,
        evidence_left_out: evidence.len().saturating_sub(EVIDENCE_MAX),
        evidence: evidence.into_iter().take(EVIDENCE_MAX).collect(),
    }
}

/// How often it happened; nothing where that is not told.
fn places(finding: &Finding) -> String {
    if finding.count == 0 {
        return "seen in other accounts, too".to_owned();
    }
    format!(
        "{}, {}, {}",
        plural(finding.count, "time"),
        plural(finding.event_count, "event"),
        plural(finding.chain_count, "chain")
    )
}

/// Returns the integrity status of the finding's log files, where the run asked for it.
fn integrity(finding: &Finding) -> String {
    let rests_on = finding.integrity.map(rests_on);
    rests_on.map_or_else(String::new, |text| format!(" · {text}"))
}

/// Evidence, one value a line; a list of records is one line a record.
fn lines(evidence: &[(&'static str, Evidence)]) -> Vec<EvidenceLine> {
    let mut lines = Vec::new();
    for (name, value) in evidence {
        let name = name.replace('_', " ");
        match value {
            Evidence::List(items)
                if items.iter().any(|item| matches!(item, Evidence::Record(_))) =>
            {
                for (at, item) in items.iter().enumerate() {
                    lines.push(EvidenceLine {
                        name: format!("{name} {}", at + 1),
                        value: Shown::sentence(&text(item)),
                    });
                }
            }
            value => lines.push(EvidenceLine {
                name,
                value: Shown::sentence(&text(value)),
            }),
        }
    }
    lines
}

fn text(evidence: &Evidence) -> String {
    match evidence {
        Evidence::Text(text) => text.to_string(),
        Evidence::Integer(number) => count(*number),
        Evidence::Decimal(amount) => exact(*amount),
        Evidence::Day(day) => day.to_string(),
        Evidence::Boolean(true) => "yes".to_owned(),
        Evidence::Boolean(false) => "no".to_owned(),
        Evidence::Unknown => "not known".to_owned(),
        Evidence::List(items) => {
            let shown: Vec<String> = items.iter().take(ITEMS_MAX).map(text).collect();
            match items.len().saturating_sub(ITEMS_MAX) {
                0 if items.is_empty() => "none".to_owned(),
                0 => shown.join(", "),
                more => format!("{} and {more} more", shown.join(", ")),
            }
        }
        Evidence::Record(members) => {
            let members = members.iter();
            let members: Vec<String> = members
                .map(|(name, value)| format!("{}: {}", name.replace('_', " "), text(value)))
                .collect();
            members.join("; ")
        }
    }
}

fn lists(findings: &Findings) -> Vec<KnownList> {
    let known = |one: &PreviousFinding, why: Option<&str>| {
        let why = why.map_or_else(String::new, |why| format!(" — {why}"));
        KnownLine {
            severity: one.severity.map_or("unknown", Severity::as_str),
            text: Shown::sentence(&format!("{}: {}{why}", one.rule, one.title)),
        }
    };
    let suppressed = findings.suppressed.iter().map(|one| KnownLine {
        severity: one.finding.severity.as_str(),
        text: Shown::sentence(&format!(
            "{}: {} — accepted until {}: {}",
            one.finding.rule, one.finding.title, one.expires, one.reason
        )),
    });
    let resolved = findings.resolved.iter().map(|one| known(one, None));
    let not_observed = findings
        .not_observed
        .iter()
        .map(|one| known(&one.finding, Some(&one.why)));
    let list = |title, lines: Vec<KnownLine>| KnownList {
        title,
        more: lines.len().saturating_sub(KNOWN_MAX),
        lines: lines.into_iter().take(KNOWN_MAX).collect(),
    };
    let expired = findings.expired.iter().map(|one| KnownLine {
        severity: "expired",
        text: Shown::sentence(&format!(
            "{} {}: {:?} expired on {}; {} shown again",
            one.suppression.rule,
            one.suppression.subject,
            one.suppression.reason,
            one.suppression.expires,
            plural(one.finding_ids.len() as u64, "finding")
        )),
    });
    let unused = findings.unused.iter().map(|one| KnownLine {
        severity: "unused",
        text: Shown::sentence(&format!("{} {}: {}", one.rule, one.subject, one.reason)),
    });
    let forgotten = (findings.forgotten > 0).then(|| KnownLine {
        severity: "gone",
        text: Shown::sentence(&format!(
            "{} of earlier runs, not observed for 90 days",
            plural(findings.forgotten, "finding")
        )),
    });
    let lists = [
        list("Resolved since the previous report", resolved.collect()),
        list("Not observed this time", not_observed.collect()),
        list("Suppressed by the configuration", suppressed.collect()),
        list("Suppressions that have expired", expired.collect()),
        list("Suppressions that matched nothing", unused.collect()),
        list("No longer tracked", forgotten.into_iter().collect()),
    ];
    lists
        .into_iter()
        .filter(|list| !list.lines.is_empty())
        .collect()
}

fn still_open(findings: &Findings) -> Vec<KnownLine> {
    let open = findings.not_observed.iter().map(|open| &open.finding);
    let severe = open.filter(|finding| finding.severity >= Some(Severity::High));
    let lines = severe.take(OPEN_NAMED_MAX).map(|finding| KnownLine {
        severity: finding.severity.map_or("unknown", Severity::as_str),
        text: Shown::sentence(&format!(
            "{} (last seen {})",
            finding.title,
            finding.last_seen.day()
        )),
    });
    lines.collect()
}

fn states(findings: &Findings) -> PageTable {
    let row = |report: &RuleReport| {
        let found = findings
            .findings
            .iter()
            .filter(|one| one.rule == report.rule);
        let why = match &report.state {
            RuleState::Skipped(why) => why.as_str(),
            RuleState::Ran | RuleState::Disabled | RuleState::NotAsked => "",
        };
        vec![
            PageCell::text(report.rule),
            PageCell::text(report.severity.as_str()),
            PageCell::text(report.state.as_str()),
            PageCell::count(found.count() as u64),
            PageCell::text(why),
        ]
    };
    let titles = ["Rule", "Severity", "State", "Findings", "Why"];
    let rows = findings.rules.iter().map(row).collect();
    let table = PageTable::new("rules", "Status of every rule", &titles).with(rows);
    PageTable {
        is_long: false,
        ..table
    }
}

/// The page of a rule, its headings below those of the section.
fn rule_text(page: &RulePage) -> RuleText {
    let parser = Parser::new_ext(page.page, Options::ENABLE_TABLES);
    let mut is_title = false;
    let events = parser.filter_map(|event| match event {
        Event::Start(Tag::Heading {
            level: HeadingLevel::H1,
            ..
        }) => {
            is_title = true;
            None
        }
        Event::End(TagEnd::Heading(HeadingLevel::H1)) => {
            is_title = false;
            None
        }
        Event::Start(Tag::Heading {
            id, classes, attrs, ..
        }) => {
            let level = HeadingLevel::H4;
            Some(Event::Start(Tag::Heading {
                level,
                id,
                classes,
                attrs,
            }))
        }
        Event::End(TagEnd::Heading(_)) => Some(Event::End(TagEnd::Heading(HeadingLevel::H4))),
        _ if is_title => None,
        event => Some(event),
    });
    let mut text = String::new();
    html::push_html(&mut text, events);
    RuleText {
        rule: page.rule,
        html: text,
    }
}
