//! The chain table for people. It shows what fits, the most telling first.

use super::TextLayout;
use super::human::{
    bytes, count, decimals, line, minute, minute_of_year, money, plural, safe, tail,
};
use super::ink::Ink;
use super::page_text;
use crate::model::chain::{Chain, ChainPath, ChainStatus, Confidence, MissingPart, QueryExecution};
use crate::model::integrity::Integrity;
use crate::model::road::{QUICK_SERVICE, resource_name};
use comfy_table::presets::NOTHING;
use comfy_table::{
    Attribute, Cell, CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table,
    TableStyle,
};
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

/// A column, and how much it tells.
struct ChainColumn {
    title: &'static str,
    /// 0 is always shown; the others are while there is room.
    rank: u8,
    cell: fn(&Chain, TextLayout) -> Cell,
    /// Returns whether the chain has a value in it: a column without values is left out.
    says: fn(&Chain) -> bool,
}

const fn column(
    title: &'static str,
    rank: u8,
    cell: fn(&Chain, TextLayout) -> Cell,
    says: fn(&Chain) -> bool,
) -> ChainColumn {
    ChainColumn {
        title,
        rank,
        cell,
        says,
    }
}

const COLUMNS: [ChainColumn; 15] = [
    column("Chain", 0, |chain, _| text_cell(&chain.chain_id), |_| true),
    column("Started (UTC)", 0, started, |_| true),
    column(
        "Consumer",
        0,
        |chain, _| text_cell(consumer(chain)),
        |_| true,
    ),
    column("Data source", 1, data_source, |chain| {
        chain.data_source_arn.is_some()
    }),
    column("Quick user", 3, user, |chain| chain.quick_user.is_some()),
    column(
        "Work group",
        5,
        |chain, _| list(work_groups(chain)),
        |chain| !chain.queries.is_empty(),
    ),
    column(
        "Path",
        2,
        |chain, _| text_cell(chain.path.as_str()),
        |chain| chain.path != ChainPath::QuickRoleChain,
    ),
    column("Origin", 1, origin, |chain| {
        chain.origin.label() != QUICK_SERVICE
    }),
    column("Assumed from", 4, assumed_from, |chain| {
        source_account(chain).is_some()
    }),
    column("Calls", 6, |chain, _| number(chain.call_count()), |_| true),
    column(
        "Queries",
        0,
        |chain, _| number(chain.queries.len() as u64),
        |_| true,
    ),
    column("Scanned", 1, scanned, |chain| {
        chain.queries.iter().any(|query| query.figures.is_some())
    }),
    column("Est. USD", 4, estimate, |chain| {
        chain.queries.iter().any(|query| query.figures.is_some())
    }),
    column("Log files", 1, integrity, |chain| chain.integrity.is_some()),
    column("Status", 0, status, |_| true),
];

/// Returns the integrity status of the chain's log files, as a cell.
fn integrity(chain: &Chain, page: TextLayout) -> Cell {
    let cell = text_cell(chain.integrity.map_or("–", Integrity::as_str));
    match chain.integrity {
        Some(Integrity::Failed) => Ink::Red.paint_cell(cell, page),
        _ => cell,
    }
}

/// Follows figures that leave out queries without statistics.
const AT_LEAST: &str = "+";

/// Bytes scanned, as far as statistics were read.
fn scanned(chain: &Chain, _: TextLayout) -> Cell {
    partly(chain, chain.bytes_scanned().map(bytes))
}

fn estimate(chain: &Chain, _: TextLayout) -> Cell {
    let cost = chain.estimated_cost_usd();
    partly(
        chain,
        cost.map(|cost| money(cost, decimals(std::iter::once(cost)))),
    )
}

/// Returns true if some of its queries have statistics and some have none.
fn is_partly_known(chain: &Chain) -> bool {
    chain.queries_without_statistics() > 0 && chain.bytes_scanned().is_some()
}

fn partly(chain: &Chain, figure: Option<String>) -> Cell {
    let mark = if is_partly_known(chain) { AT_LEAST } else { "" };
    let shown = figure.map_or_else(|| "–".to_owned(), |figure| format!("{figure}{mark}"));
    text_cell(shown).set_alignment(CellAlignment::Right)
}

/// Writes the table, totals below, and the coverage gaps in one line.
///
/// # Errors
///
/// When the writer fails.
pub fn write(chains: &[&Chain], page: TextLayout, writer: &mut dyn Write) -> io::Result<()> {
    write_part(chains, chains, page, writer)
}

/// Writes the table of some chains, with the totals of all.
///
/// # Errors
///
/// When the writer fails.
pub fn write_part(
    chains: &[&Chain],
    all: &[&Chain],
    page: TextLayout,
    writer: &mut dyn Write,
) -> io::Result<()> {
    let (mut shows_user, mut shows_scanned) = (false, false);
    if !chains.is_empty() {
        let mut table = new_table(page);
        let columns = columns_that_fit(chains, page);
        let shows = |title: &str| columns.iter().any(|column| column.title == title);
        (shows_user, shows_scanned) = (shows("Quick user"), shows("Scanned"));
        table.set_header(columns.iter().map(|column| title(column.title)));
        for chain in chains {
            table.add_row(columns.iter().map(|column| (column.cell)(chain, page)));
        }
        let titles: Vec<&str> = columns.iter().map(|column| column.title).collect();
        let fixed: Vec<&str> = titles
            .iter()
            .copied()
            .filter(|title| *title != "Consumer")
            .collect();
        keep_whole(&mut table, &titles, &fixed);
        write_table(&table, writer)?;
    }
    page_text::prose(page, writer, |writer| {
        if chains.len() < all.len() {
            let of = count(all.len() as u64);
            line!(
                writer,
                "The last {} of {of} chains; totals of all chains:",
                chains.len()
            )?;
        }
        line!(writer, "{}", totals(all))?;
        if let Some(gaps) = gaps(all) {
            line!(writer, "{gaps}")?;
        }
        if shows_scanned && all.iter().any(|chain| is_partly_known(chain)) {
            line!(
                writer,
                "{AT_LEAST} after a figure: a lower bound, because some queries have no statistics"
            )?;
        }
        let doubted = |chain: &&Chain| {
            let user = chain.quick_user.as_ref();
            user.is_some_and(|user| user.confidence != Confidence::Proven)
        };
        if shows_user && all.iter().copied().any(|chain| doubted(&chain)) {
            line!(
                writer,
                "? after a user: probable, from Quick's own events at that time"
            )?;
        }
        Ok(())
    })
}

/// No lines but one below the titles.
const HOUSE_STYLE: TableStyle = NOTHING.header_separator(LineStyle::none().fill('─'));

/// Blanks between two columns.
const GAP: usize = 2;

/// The columns that fit side by side without folding, the most telling first.
fn columns_that_fit(chains: &[&Chain], page: TextLayout) -> Vec<&'static ChainColumn> {
    let width_of = |column: &ChainColumn| {
        let cells = chains
            .iter()
            .map(|chain| (column.cell)(chain, page).content());
        let widest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
        widest.max(column.title.chars().count())
    };
    let says = |column: &ChainColumn| chains.iter().any(|chain| (column.says)(chain));
    let mut by_rank: Vec<&ChainColumn> = COLUMNS.iter().filter(|column| says(column)).collect();
    by_rank.sort_by_key(|column| column.rank);
    // The last column has no gap behind it.
    let mut room = usize::from(page.width) + GAP;
    by_rank.retain(|column| {
        let needed = width_of(column) + GAP;
        let fits = column.rank == 0 || needed <= room;
        room = room.saturating_sub(if fits { needed } else { 0 });
        fits
    });
    let is_chosen = |column: &&ChainColumn| by_rank.iter().any(|one| one.title == column.title);
    COLUMNS.iter().filter(is_chosen).collect()
}

/// A table in the house style.
pub(super) fn new_table(page: TextLayout) -> Table {
    let mut table = Table::new();
    table
        .load_style(HOUSE_STYLE)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(page.width);
    if page.color {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table
}

/// Columns that are never folded: half an id helps no one.
pub(super) fn keep_whole(table: &mut Table, titles: &[&str], fixed: &[&str]) {
    let last = titles.len().saturating_sub(1);
    for (index, (column, title)) in table.column_iter_mut().zip(titles).enumerate() {
        column.set_padding((0, if index == last { 0 } else { 2 }));
        if fixed.contains(title) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
}

pub(super) fn title(text: &str) -> Cell {
    text_cell(text).add_attribute(Attribute::Bold)
}

/// Writes a table without the blanks that pad its last column.
pub(super) fn write_table(table: &Table, writer: &mut dyn Write) -> io::Result<()> {
    for line in table.lines() {
        line!(writer, "{}", line.trim_end())?;
    }
    Ok(())
}

/// A cell of text: every cell is made here, so that none can hold what a terminal obeys.
pub(super) fn text_cell(text: impl AsRef<str>) -> Cell {
    Cell::new(safe(text.as_ref()))
}

/// Log text in a cell; a dash where there is none.
pub(super) fn text(text: Option<&str>) -> Cell {
    text_cell(text.unwrap_or("–"))
}

/// The query's id, or why it has none.
pub(super) fn query_name(query: &QueryExecution) -> Option<String> {
    let id = query.query_execution_id.as_ref().map(ToString::to_string);
    let refused = query.error_code.as_deref();
    id.or_else(|| refused.map(|code| format!("refused: {code}")))
}

fn list(items: BTreeSet<&str>) -> Cell {
    let items: Vec<_> = items.into_iter().map(safe).collect();
    if items.is_empty() {
        text(None)
    } else {
        text_cell(items.join(", "))
    }
}

fn number(number: u64) -> Cell {
    text_cell(count(number)).set_alignment(CellAlignment::Right)
}

fn started(chain: &Chain, page: TextLayout) -> Cell {
    if page.width < 100 {
        text_cell(minute_of_year(chain.started_at))
    } else {
        text_cell(minute(chain.started_at))
    }
}

/// The service with the resource; on a narrow page one of both.
fn origin(chain: &Chain, page: TextLayout) -> Cell {
    let resource = chain.origin.resource_arn.as_deref().map(resource_name);
    if page.width < 100 {
        return text_cell(resource.unwrap_or(chain.origin.short_label()));
    }
    text_cell(chain.origin.short_text())
}

/// The consumer's declared name, else its account.
#[must_use]
pub fn consumer(chain: &Chain) -> String {
    let name = chain.consumer_label();
    name.map_or_else(|| "–".to_owned(), |name| safe(name).into_owned())
}

fn user(chain: &Chain, _: TextLayout) -> Cell {
    let user = chain.quick_user.as_ref();
    let name = user.map(|user| {
        let doubt = if user.confidence == Confidence::Proven {
            ""
        } else {
            "?"
        };
        format!("{}{doubt}", tail(&user.name))
    });
    text(name.as_deref())
}

/// The work groups of a chain's queries.
fn work_groups(chain: &Chain) -> BTreeSet<&str> {
    let groups = chain.queries.iter();
    groups
        .filter_map(|query| query.work_group.as_deref())
        .collect()
}

fn data_source(chain: &Chain, _: TextLayout) -> Cell {
    text(chain.data_source_arn.as_deref().map(tail))
}

/// The account that the consumer role was assumed from.
fn source_account(chain: &Chain) -> Option<&str> {
    let session = chain.consumer_session.as_ref()?;
    session.source_account_id.as_deref()
}

fn assumed_from(chain: &Chain, _: TextLayout) -> Cell {
    text(source_account(chain))
}

fn status(chain: &Chain, page: TextLayout) -> Cell {
    let doubt = if chain.is_ambiguous() {
        ", ambiguous"
    } else {
        ""
    };
    let cell = text_cell(format!("{}{doubt}", chain.status.as_str()));
    let ink = match chain.status {
        _ if chain.is_ambiguous() => Ink::Purple,
        ChainStatus::Complete => Ink::Green,
        ChainStatus::Partial => Ink::Orange,
        ChainStatus::Idle => Ink::Teal,
        ChainStatus::Denied => Ink::Red,
    };
    ink.paint_cell(cell, page)
}

/// `12 chains (9 complete, 3 partial), 31 queries, 4 consumers`.
fn totals(chains: &[&Chain]) -> String {
    let mut by_status: BTreeMap<ChainStatus, u64> = BTreeMap::new();
    for chain in chains {
        *by_status.entry(chain.status).or_default() += 1;
    }
    let parts: Vec<String> = by_status
        .iter()
        .map(|(status, number)| format!("{} {}", count(*number), status.as_str()))
        .collect();
    let parts = if parts.is_empty() {
        String::new()
    } else {
        format!(" ({})", parts.join(", "))
    };
    let queries: usize = chains.iter().map(|chain| chain.queries.len()).sum();
    let consumers: BTreeSet<_> = chains
        .iter()
        .filter_map(|chain| chain.consumer_account_id.as_deref())
        .collect();
    let queries = match queries {
        1 => "1 query".to_owned(),
        _ => format!("{} queries", count(queries as u64)),
    };
    format!(
        "{}{parts}, {queries}, {}{}",
        plural(chains.len() as u64, "chain"),
        plural(consumers.len() as u64, "account"),
        figures(chains)
    )
}

/// Returns the bytes that the queries scanned, where statistics of any were read.
fn figures(chains: &[&Chain]) -> String {
    let all = || chains.iter().flat_map(|chain| &chain.queries);
    let known = || all().filter(|query| query.figures.is_some());
    if known().next().is_none() {
        return String::new();
    }
    let scanned = known().filter_map(QueryExecution::bytes_scanned);
    let scanned = scanned.fold(0, u64::saturating_add);
    let cost = known().filter_map(QueryExecution::estimated_cost_usd);
    let cost: Decimal = cost.sum();
    let lacking = all().filter(|query| query.lacks_statistics()).count() as u64;
    let lacking = match lacking {
        0 => String::new(),
        1 => "; 1 query without statistics".to_owned(),
        lacking => format!("; {} queries without statistics", count(lacking)),
    };
    format!(
        ", {} scanned, estimated {} USD{lacking}",
        bytes(scanned),
        money(cost, decimals(std::iter::once(cost)))
    )
}

/// One line on what the chains lack.
fn gaps(chains: &[&Chain]) -> Option<String> {
    let mut lacking: BTreeMap<MissingPart, BTreeMap<&str, u64>> = BTreeMap::new();
    for missing in chains.iter().flat_map(|chain| &chain.missing) {
        let reasons = lacking.entry(missing.part).or_default();
        let why = missing.why.as_deref().unwrap_or("reason unknown");
        *reasons.entry(why).or_default() += 1;
    }
    let mut parts: Vec<String> = lacking
        .into_iter()
        .map(|(part, reasons)| {
            let number: u64 = reasons.values().sum();
            let most = reasons.iter().max_by_key(|(_, count)| **count);
            let why = match (most, reasons.len()) {
                (Some((why, _)), 1) => safe(why).into_owned(),
                (Some((why, times)), _) => format!("{times} of them: {}", safe(why)),
                (None, _) => String::new(),
            };
            format!("{} without {} ({why})", count(number), part.as_str())
        })
        .collect();
    let ambiguous = chains.iter().filter(|chain| chain.is_ambiguous()).count();
    if ambiguous > 0 {
        parts.push(format!("{} ambiguous", count(ambiguous as u64)));
    }
    (!parts.is_empty()).then(|| format!("Coverage gaps: {}", parts.join("; ")))
}

/// Returns true if a chain is listed when no path is asked for: Role A or Role B is in it, or only
/// the owner of what it read tells of it, who cannot know.
#[must_use]
pub fn is_listed_by_default(chain: &Chain) -> bool {
    let is_of_owner = chain.queries.is_empty() && !chain.reads.is_empty();
    (chain.touches_quick || is_of_owner) && chain.path != ChainPath::Session
}
