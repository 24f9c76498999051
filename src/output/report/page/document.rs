//! The page as a whole.

use super::super::ReportContent;
use super::super::cells::{Shown, amount};
use super::super::changes_text::lines;
use super::super::markdown::{of_hub, verdict};
use super::chains::ChainsSection;
use super::coverage::CoverageSection;
use super::findings::FindingsSection;
use super::money::{ChargebackSection, TrendsSection};
use super::reads::ReadsSection;
use super::roads::RoadsSection;
use crate::model::finding::Severity;
use crate::model::ids::AccountId;
use crate::output::human::{bytes, count, window_text};
use askama::Template;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::io::{self, Write};

const STYLE: &str = include_str!("../page.css");
/// Sorting, filtering and opening; built from `web/` (`npm run build` there). The page
/// says everything without it.
const SCRIPT: &str = include_str!("../page.js");

/// A figure at the top of the page.
struct Tile {
    name: &'static str,
    value: String,
}

#[derive(Template)]
#[template(path = "page.html")]
struct PageDocument<'a> {
    policy: String,
    style: &'static str,
    script: &'static str,
    title: String,
    window: String,
    hub: Shown,
    verdict: String,
    /// `critical` to `info`, `clean`, or `unknown` where nothing could be evaluated.
    mood: &'static str,
    tiles: Vec<Tile>,
    changed_since: String,
    changes: Vec<Shown>,
    coverage_gaps: CoverageSection,
    findings: FindingsSection,
    chains: ChainsSection,
    trends: TrendsSection,
    chargeback: ChargebackSection,
    reads: ReadsSection,
    roads: RoadsSection,
    is_of_producer: bool,
    /// The place of what this page has no room for.
    complete: &'static str,
    /// The other files of the folder.
    files: &'static str,
    account_reports: Vec<AccountLink<'a>>,
    version: &'static str,
}

/// A report of one account, in the folder of the organization's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountReport {
    /// The account, for people.
    pub name: String,
    /// The path of its page, from the folder of the organization's.
    pub path: String,
}

/// A link to the report of one account.
struct AccountLink<'a> {
    name: Shown,
    path: &'a str,
}

/// Returns the content security policy: the browser may run this script, use this style, and
/// nothing else. No request leaves the page, whatever is in it.
fn policy() -> String {
    let hash = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(SCRIPT),
        hash(STYLE)
    )
}

fn mood(content: &ReportContent<'_>) -> &'static str {
    let findings = content.findings();
    if !findings.has_logs {
        return "unknown";
    }
    // What no one settled is as bad as on the day it happened.
    let open = findings
        .not_observed
        .iter()
        .filter_map(|one| one.finding.severity);
    let worst = findings.worst().max(open.max());
    worst.map_or("clean", Severity::as_str)
}

/// The files next to the page.
fn files(content: &ReportContent<'_>) -> &'static str {
    match content.inputs.scope {
        None => {
            "In the same folder: report.md (short, for tickets), report.json (complete), chains.csv, chains.parquet, \
             findings.csv, chargeback.csv."
        }
        Some(scope) if scope.is_producer() => {
            "This page is about who read the tables of one account. In the same folder: findings.csv."
        }
        Some(_) => {
            "This page is about one account; what is about others, too, is told without them. In the same folder: \
             chains.csv, findings.csv, chargeback.csv."
        }
    }
}

fn tiles(content: &ReportContent<'_>) -> Vec<Tile> {
    let totals = &content.totals;
    let tile = |name, value| Tile { name, value };
    let unknown = || "–".to_owned();
    if content.inputs.producer().is_some() {
        let read = &content.tables_read;
        let readers: BTreeSet<&AccountId> = read
            .tables
            .iter()
            .flat_map(|table| table.consumers.clone())
            .collect();
        return vec![
            tile("findings", count(content.counts.all)),
            tile("tables read", count(read.table_count as u64)),
            tile("accounts that read them", count(readers.len() as u64)),
        ];
    }
    let mut tiles = vec![
        tile("findings", count(content.counts.all)),
        tile(
            "new",
            if content.findings().has_previous {
                count(content.counts.new)
            } else {
                unknown()
            },
        ),
        tile("Quick chains", count(totals.chain_count)),
        tile("queries", count(totals.query_count)),
        tile(
            "bytes scanned",
            totals.bytes_scanned.map_or_else(unknown, bytes),
        ),
        tile("USD estimated", amount(totals.estimated_cost_usd)),
    ];
    if let [total] = &content.inputs.chargeback.totals[..]
        && let Some(billed) = total.billed
        && &*total.currency == "USD"
    {
        tiles.push(tile("USD billed for Quick", amount(Some(billed.quick))));
        tiles.push(tile(
            "USD billed for all Athena",
            amount(Some(billed.total())),
        ));
    }
    tiles
}

/// Writes the page, with links to the reports of single accounts.
///
/// # Errors
///
/// When the writer fails.
pub fn write(
    content: &ReportContent<'_>,
    account_reports: &[AccountReport],
    writer: &mut dyn Write,
) -> io::Result<()> {
    let document = PageDocument {
        policy: policy(),
        style: STYLE,
        script: SCRIPT,
        title: content.title.clone(),
        window: window_text(&content.inputs.slice.window),
        hub: Shown::sentence(&of_hub(content, str::to_owned)),
        verdict: verdict(content),
        mood: mood(content),
        tiles: tiles(content),
        changed_since: content
            .changes
            .as_ref()
            .map_or_else(String::new, |changes| changes.since.to_string()),
        changes: lines(content)
            .iter()
            .map(|line| Shown::sentence(line))
            .collect(),
        coverage_gaps: CoverageSection::of(content),
        findings: FindingsSection::of(content),
        chains: ChainsSection::of(content),
        trends: TrendsSection::of(content),
        chargeback: ChargebackSection::of(content),
        reads: ReadsSection::of(content),
        roads: RoadsSection::of(content),
        is_of_producer: content.inputs.producer().is_some(),
        complete: content.complete(),
        files: files(content),
        account_reports: account_reports
            .iter()
            .map(|one| AccountLink {
                name: Shown::name(&one.name),
                path: &one.path,
            })
            .collect(),
        version: env!("CARGO_PKG_VERSION"),
    };
    document
        .write_into(&mut Adapter(writer))
        .map_err(io::Error::other)
}

/// A byte writer for a template that may hold any writer, but not a borrowed trait
/// object.
struct Adapter<'a>(&'a mut dyn Write);

impl Write for Adapter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
