//! `report.md`for chat and tickets, short.
//!
//! Text from logs stands in code spans only: there, no renderer takes it for links,
//! mentions, images or HTML.

use super::ReportContent;
use super::cells::{NOT_TOLD, Shown, cost, size};
use super::changes_text::lines;
use super::coverage_gaps::CoverageGap;
use super::tables_read::declared;
use crate::model::finding::{Finding, Severity};
use crate::model::incident::Incident;
use crate::model::integrity::Integrity;
use crate::model::road::short_service;
use crate::output::chargeback::{FigureColumn, figures, marks, names};
use crate::output::human::{count, decimals, plural, window_text};
use crate::output::roads::kind_name;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Findings that are told in full; the rest is counted.
const FINDINGS_MAX: usize = 20;
/// Findings of one incident.
const INCIDENT_FINDINGS_MAX: usize = 8;
/// Lines of coverage gaps.
const COVERAGE_GAPS_MAX: usize = 12;
/// Lines of the biggest users and data sources.
const TOPS_MAX: usize = 5;
/// Letters of one piece of log text.
const LETTERS_MAX: usize = 300;

/// Text as a code span that nothing in it can end.
fn code(text: &str) -> String {
    let text = Shown::bounded(text, LETTERS_MAX);
    let text = text.as_str();
    let mut longest = 0;
    let mut run = 0;
    for letter in text.chars() {
        run = if letter == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat(longest + 1);
    let is_padded = text.is_empty() || text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']);
    let pad = if is_padded { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// The same inside a table, where a bar would end the cell, and a backslash in front of it
/// would take its own back.
fn cell(text: &str) -> String {
    let text = text.replace("\\|", "\\u{5c}|");
    let text = match text.strip_suffix('\\') {
        Some(rest) => format!("{rest}\\u{{5c}}"),
        None => text,
    };
    code(&text).replace('|', "\\|")
}

/// A figure as it is; a currency is a bill's own text.
fn figure_cell(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || " .,<>-~*–".contains(letter);
    if text.chars().all(is_plain) && text.len() < 40 {
        text.to_owned()
    } else {
        cell(text)
    }
}

/// `, hub 111122223333`: where Quick lives, as far as that is known; ids as they are
/// to be `shown`.
pub(super) fn of_hub(content: &ReportContent<'_>, shown: fn(&str) -> String) -> String {
    let hubs: Vec<String> = content
        .hub_account_ids
        .iter()
        .map(|hub| shown(hub))
        .collect();
    if hubs.is_empty() {
        String::new()
    } else {
        format!(", hub {}", hubs.join(", "))
    }
}

/// Returns the verdict in one sentence: the findings, and how many of them are new.
pub(super) fn verdict(content: &ReportContent<'_>) -> String {
    let (counts, findings) = (&content.counts, content.findings());
    if !findings.has_logs && counts.all == 0 {
        return "Nothing was evaluated: there are no logs in the window".to_owned();
    }
    let mut text = if !findings.has_logs {
        format!(
            "Only missing logs could be evaluated: there are no logs in the window; {}",
            plural(counts.all, "finding")
        )
    } else if counts.all == 0 {
        "No findings".to_owned()
    } else {
        let found = counts.by_severity.iter().filter(|(_, all, _)| *all > 0);
        let found: Vec<String> = found
            .map(|(severity, all, _)| format!("{all} {}", severity.as_str()))
            .collect();
        let incidents = findings.incidents.len() as u64;
        let of_incidents = if incidents < counts.all {
            format!(" in {}", plural(incidents, "incident"))
        } else {
            String::new()
        };
        format!(
            "{}{of_incidents}: {}",
            plural(counts.all, "finding"),
            found.join(", ")
        )
    };
    if findings.has_previous {
        let _ = write!(
            text,
            "; {} new, {} ongoing, {} resolved, {} not observed",
            counts.new,
            counts.ongoing,
            findings.resolved.len(),
            findings.not_observed.len()
        );
        let worst = open_by_severity(content);
        if !worst.is_empty() {
            let _ = write!(text, " ({worst})");
        }
    } else if counts.all > 0 {
        text += "; no earlier report to compare with, so all are new";
    }
    if !findings.suppressed.is_empty() {
        let _ = write!(text, "; {} suppressed", findings.suppressed.len());
    }
    text
}

/// `3 critical, 5 high` of the findings that were not observed.
fn open_by_severity(content: &ReportContent<'_>) -> String {
    let open = &content.findings().not_observed;
    let of = |severity: &Severity| {
        let own = open
            .iter()
            .filter(|one| one.finding.severity == Some(*severity));
        own.count()
    };
    let known = Severity::ALL.iter().filter(|severity| of(severity) > 0);
    let known: Vec<String> = known
        .map(|severity| format!("{} {}", of(severity), severity.as_str()))
        .collect();
    known.join(", ")
}

/// Returns the coverage gaps, counted by kind.
pub(super) fn gaps_by_kind(content: &ReportContent<'_>) -> String {
    let mut kinds: Vec<(&str, u64)> = Vec::new();
    for gap in &content.coverage_gaps {
        let what = kind(gap);
        match kinds.iter_mut().find(|(known, _)| *known == what) {
            Some((_, number)) => *number += gap.count,
            None => kinds.push((what, gap.count)),
        }
    }
    if kinds.is_empty() {
        return "none known".to_owned();
    }
    let kinds = kinds.into_iter();
    let kinds: Vec<String> = kinds
        .map(|(what, number)| format!("{what} {}", count(number)))
        .collect();
    kinds.join(" · ")
}

fn kind(gap: &CoverageGap) -> &'static str {
    match gap.code {
        "no-logs" => "no logs",
        "account-without-logs" => "accounts without logs",
        "gap" => "gaps",
        "short-history" => "days without history",
        "unread" => "unread",
        "conflict" => "conflicts",
        "partial-chain" => "partial chains",
        "ambiguous-chain" => "ambiguous chains",
        "query-without-statistics" | "statistics-unprocessed" => "queries without statistics",
        "no-bill" | "bill-without-window" => "no bill",
        "bill-pages-missing" | "bill-uncounted" | "bill-note" | "bill-whole-days" => {
            "parts of the bill"
        }
        "reads-without-lake-formation"
        | "reads-without-s3-data-events"
        | "reads-without-lambda-data-events" => "accounts whose reads are not fully logged",
        "night-skipped" => "days in no report",
        "bill-estimated" => "estimated days of the bill",
        "unmapped-account" => "accounts without business unit",
        "rule-skipped" | "rule-disabled" => "rules skipped",
        _ => "not evaluated",
    }
}

/// Writes the report.
///
/// # Errors
///
/// When the writer fails.
pub fn write(content: &ReportContent<'_>, writer: &mut dyn Write) -> io::Result<()> {
    writeln!(writer, "# Quick and Athena, {}\n", content.title)?;
    writeln!(
        writer,
        "{}{}. **{}.**\n",
        window_text(&content.inputs.slice.window),
        of_hub(content, code),
        verdict(content)
    )?;
    findings(content, writer)?;
    changes(content, writer)?;
    chargeback(content, writer)?;
    top_consumers(content, writer)?;
    tables_read(content, writer)?;
    other_roads(content, writer)?;
    coverage_gaps(content, writer)?;
    writeln!(
        writer,
        "\nIn the same folder: `index.html` is the complete report with pictures; `report.json`, `chains.csv`, \
         `chains.parquet`, `findings.csv` and `chargeback.csv` are for machines."
    )
}

fn findings(content: &ReportContent<'_>, writer: &mut dyn Write) -> io::Result<()> {
    let findings = content.findings();
    let is_empty = findings.findings.is_empty() && findings.resolved.is_empty();
    if is_empty && findings.not_observed.is_empty() {
        return Ok(());
    }
    writeln!(writer, "## Findings\n")?;
    let mut told = 0;
    for incident in &findings.incidents {
        told += write_incident(content, incident, told, writer)?;
    }
    let more = findings.findings.len().saturating_sub(told);
    if more > 0 {
        writeln!(
            writer,
            "- … and {more} more in [index.html](index.html#findings)"
        )?;
    }
    let resolved = findings.resolved.iter().take(FINDINGS_MAX);
    for known in resolved {
        let severity = known.severity.map_or("?", Severity::as_str);
        writeln!(writer, "- resolved ({severity}): {}", code(&known.title))?;
    }
    for open in findings.not_observed.iter().take(FINDINGS_MAX) {
        let severity = open.finding.severity.map_or("?", Severity::as_str);
        writeln!(
            writer,
            "- **{severity}, not observed** {} ({}, last seen {})",
            code(&open.finding.title),
            code(&open.finding.rule),
            open.finding.last_seen.day()
        )?;
    }
    let more = findings.not_observed.len().saturating_sub(FINDINGS_MAX);
    if more > 0 {
        writeln!(writer, "- … and {more} more that were not observed")?;
    }
    writeln!(writer)
}

/// Writes an incident with its findings; returns how many it told. Once there is no more room, only what is
/// new and high is told: nothing of that is ever cut.
fn write_incident(
    content: &ReportContent<'_>,
    incident: &Incident,
    told: usize,
    writer: &mut dyn Write,
) -> io::Result<usize> {
    let findings = content.findings();
    let has_previous = findings.has_previous;
    let own = findings.findings.iter();
    let own = own.filter(|finding| finding.incident_id == incident.incident_id);
    let own: Vec<&Finding> = own.collect();
    let is_urgent = |finding: &Finding| finding.rings() && finding.severity >= Severity::High;
    let has_room = told < FINDINGS_MAX;
    let named: Vec<&Finding> = own
        .iter()
        .copied()
        .enumerate()
        .filter(|(at, finding)| is_urgent(finding) || has_room && *at < INCIDENT_FINDINGS_MAX)
        .map(|(_, finding)| finding)
        .collect();
    if named.is_empty() {
        return Ok(0);
    }
    if let [single] = own[..] {
        writeln!(writer, "- {}", line(single, has_previous))?;
    } else {
        writeln!(
            writer,
            "- **{}{}** {} ({})",
            incident.severity.as_str(),
            status(incident.status.as_str(), has_previous),
            code(&incident.title),
            link(&incident.incident_id)
        )?;
        for finding in &named {
            writeln!(writer, "  - {}", line(finding, has_previous))?;
        }
        let left = own.len() - named.len();
        if left > 0 {
            writeln!(
                writer,
                "  - … and {left} more in {}",
                link(&incident.incident_id)
            )?;
        }
    }
    writeln!(
        writer,
        "  - next: {} — {}",
        plain(&incident.next_step),
        code(&content.inputs.options.with(&incident.command))
    )?;
    Ok(own.len())
}

/// A link to an incident, or a finding, of the page in the same folder.
fn link(id: &str) -> String {
    format!("[{id}](index.html#{id})")
}

/// A sentence of this program's own, without what Markdown would take for its own.
fn plain(text: &str) -> String {
    let text = Shown::bounded(text, LETTERS_MAX);
    let mut escaped = String::new();
    for letter in text.as_str().chars() {
        if "\\`*_[]<>#|~&".contains(letter) {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

fn status(status: &str, has_previous: bool) -> String {
    if has_previous {
        format!(", {status}")
    } else {
        String::new()
    }
}

fn line(finding: &Finding, has_previous: bool) -> String {
    let status = status(finding.status.as_str(), has_previous);
    let acknowledged = finding.acknowledged.as_ref();
    let acknowledged = acknowledged.map_or_else(String::new, |one| {
        format!(", acknowledged by {} until {}", code(&one.owner), one.until)
    });
    let failed = match finding.integrity {
        Some(Integrity::Failed) => ", based on log files that failed verification",
        Some(Integrity::Verified | Integrity::Unverified) | None => "",
    };
    format!(
        "**{}{status}** {} ({}, {}{failed}{acknowledged})",
        finding.severity.as_str(),
        code(&finding.title),
        finding.rule,
        link(&finding.finding_id)
    )
}

fn changes(content: &ReportContent<'_>, writer: &mut dyn Write) -> io::Result<()> {
    let Some(told) = &content.changes else {
        return Ok(());
    };
    writeln!(writer, "## What changed since {}\n", told.since)?;
    let lines = lines(content);
    if lines.is_empty() {
        writeln!(writer, "Nothing by much.")?;
    }
    for line in lines {
        writeln!(writer, "- {}", code(&line))?;
    }
    writeln!(writer)
}

fn coverage_gaps(content: &ReportContent<'_>, writer: &mut dyn Write) -> io::Result<()> {
    writeln!(writer, "## Coverage gaps\n")?;
    if content.coverage_gaps.is_empty() {
        return writeln!(writer, "None known.\n");
    }
    for one in content.coverage_gaps.iter().take(COVERAGE_GAPS_MAX) {
        writeln!(writer, "- {}", code(&one.text))?;
    }
    let more = content
        .coverage_gaps
        .len()
        .saturating_sub(COVERAGE_GAPS_MAX);
    if more > 0 {
        writeln!(writer, "- … and {more} more in `index.html`")?;
    }
    writeln!(writer)
}

fn row(cells: &[String], writer: &mut dyn Write) -> io::Result<()> {
    writeln!(writer, "| {} |", cells.join(" | "))
}

fn header(titles: &[&str], writer: &mut dyn Write) -> io::Result<()> {
    texts_header(titles, 1, writer)
}

/// The titles of a table whose first columns are text, and the others figures.
fn texts_header(titles: &[&str], text_count: usize, writer: &mut dyn Write) -> io::Result<()> {
    writeln!(writer, "| {} |", titles.join(" | "))?;
    let lines: Vec<&str> = titles
        .iter()
        .enumerate()
        .map(|(at, _)| if at < text_count { "---" } else { "---:" })
        .collect();
    writeln!(writer, "| {} |", lines.join(" | "))
}

fn chargeback(content: &ReportContent<'_>, writer: &mut dyn Write) -> io::Result<()> {
    let table = content.inputs.chargeback;
    writeln!(writer, "## Cost by business unit\n")?;
    if table.rows.is_empty() {
        return writeln!(writer, "No queries and no costs in the window.\n");
    }
    let figures = figures(table);
    let titles: Vec<&str> = std::iter::once("Business unit")
        .chain(figures.iter().map(FigureColumn::title))
        .collect();
    header(&titles, writer)?;
    for (at, names) in names(table, content.inputs.topology).iter().enumerate() {
        let name = names.first().map_or("", String::as_str);
        let cells = figures
            .iter()
            .map(|figure| figure_cell(&figure.cells()[at]));
        let cells: Vec<String> = std::iter::once(cell(name)).chain(cells).collect();
        row(&cells, writer)?;
    }
    writeln!(writer)?;
    for mark in marks(table) {
        // The marks themselves would be Markdown.
        writeln!(writer, "- {}", mark.replace('*', "\\*").replace('~', "\\~"))?;
    }
    writeln!(
        writer,
        "- Quick: queries from Quick. Other: other known queries. Unallocated: explained by no known query.\n"
    )
}

fn top_consumers(content: &ReportContent<'_>, writer: &mut dyn Write) -> io::Result<()> {
    let top_consumers = &content.top_consumers;
    let lists = [
        ("Quick user", &top_consumers.users),
        ("Data source", &top_consumers.data_sources),
    ];
    if !top_consumers.users.is_empty() {
        writeln!(writer, "## Largest in Quick\n")?;
    }
    for (title, uses) in lists {
        if uses.is_empty() {
            continue;
        }
        header(&[title, "Queries", "Scanned", "Estimated USD"], writer)?;
        let places = decimals(uses.iter().filter_map(|one| one.estimated_cost_usd));
        for one in uses.iter().take(TOPS_MAX) {
            let cells = [
                cell(one.name.map_or(NOT_TOLD, |name| name)),
                count(one.query_count),
                size(one.bytes_scanned),
                cost(one.estimated_cost_usd, places),
            ];
            row(&cells, writer)?;
        }
        writeln!(writer)?;
    }
    Ok(())
}

fn tables_read(content: &ReportContent<'_>, writer: &mut dyn Write) -> io::Result<()> {
    let read = &content.tables_read;
    let topology = content.inputs.topology;
    if !read.tables.is_empty() {
        writeln!(writer, "## Tables read\n")?;
        let titles = ["Table", "Owner", "Queries", "Ambiguous", "Bytes read"];
        texts_header(&titles, 2, writer)?;
        for table in read.tables.iter().take(TOPS_MAX) {
            let owner = table.owner_account_id;
            let owner = owner.map_or_else(
                || NOT_TOLD.to_owned(),
                |owner| topology.account_label(owner),
            );
            let cells = [
                cell(&table.name),
                cell(&owner),
                count(table.query_count),
                count(table.ambiguous_count),
                size(table.bytes),
            ];
            row(&cells, writer)?;
        }
        more(read.table_count, writer)?;
    }
    if !read.readers.is_empty() {
        writeln!(writer, "## Who reads the tables of producers\n")?;
        let titles = [
            "Producer",
            "Consumer",
            "Quick user",
            "Declared",
            "Queries",
            "Bytes read",
        ];
        texts_header(&titles, 4, writer)?;
        for (reader, of) in read.readers.iter().take(TOPS_MAX) {
            let cells = [
                cell(&topology.account_label(reader.producer)),
                cell(&topology.account_label(reader.consumer)),
                cell(reader.user.map_or(NOT_TOLD, |user| user)),
                cell(declared(topology, reader)),
                count(of.query_count),
                size(of.bytes),
            ];
            row(&cells, writer)?;
        }
        more(read.reader_count, writer)?;
    }
    Ok(())
}

fn other_roads(content: &ReportContent<'_>, writer: &mut dyn Write) -> io::Result<()> {
    let found = &content.other_roads;
    let topology = content.inputs.topology;
    if !found.roads.is_empty() {
        writeln!(writer, "## Other roads\n")?;
        let titles = [
            "Service", "Resource", "Consumer", "Declared", "Chains", "Queries", "Scanned",
        ];
        texts_header(&titles, 4, writer)?;
        for (road, of) in found.roads.iter().take(TOPS_MAX) {
            let consumer = road.consumer_account_id;
            let consumer = consumer.map_or_else(
                || NOT_TOLD.to_owned(),
                |account| topology.account_label(account),
            );
            let cells = [
                cell(short_service(road.service)),
                cell(road.resource_arn.map_or(NOT_TOLD, |arn| arn)),
                cell(&consumer),
                cell(of.declared()),
                count(of.chain_count),
                count(of.query_count),
                size(of.bytes_scanned),
            ];
            row(&cells, writer)?;
        }
        more(found.road_count, writer)?;
    }
    if !found.acting.is_empty() {
        let names = found.acting.iter().take(TOPS_MAX).map(|((kind, id), of)| {
            let chains = plural(of.chain_count + of.ambiguous_count, "chain");
            format!("{} {} ({chains})", kind_name(*kind), cell(id))
        });
        let names: Vec<String> = names.collect();
        let more = found.acting_count.saturating_sub(names.len());
        let more = match more {
            0 => String::new(),
            more => format!("; {more} more in index.html"),
        };
        writeln!(writer, "For whom chains acted: {}{more}.", names.join(", "))?;
    }
    Ok(())
}

/// Says how many rows the page has that this text leaves out.
fn more(number: usize, writer: &mut dyn Write) -> io::Result<()> {
    writeln!(writer)?;
    let left = number.saturating_sub(TOPS_MAX) as u64;
    if left > 0 {
        writeln!(writer, "{} more in index.html.\n", count(left))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_span_cannot_be_left() {
        assert_eq!(code("plain"), "`plain`");
        assert_eq!(code("a``b`c"), "```a``b`c```");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(
            code("[x](javascript:1)\n# y"),
            "`[x](javascript:1)\\u{a}# y`"
        );
        assert_eq!(cell("a|b"), "`a\\|b`");
    }
}
