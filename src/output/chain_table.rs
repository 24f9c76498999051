//! The chain table for people. It shows what fits, the most telling first.

use super::Page;
use super::human::{count, minute, minute_of_year, plural, safe, shortened, tail};
use crate::model::chain::{Chain, ChainPath, ChainStatus, Confidence, MissingPart};
use comfy_table::presets::NOTHING;
use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, LineStyle, Table,
    TableStyle,
};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

/// A column, and the narrowest page it is shown on.
struct Column {
    title: &'static str,
    width_min: u16,
    cell: fn(&Chain, Page) -> Cell,
    /// Left out where no chain says anything in it.
    optional: bool,
}

const COLUMNS: [Column; 11] = [
    Column {
        title: "Chain",
        width_min: 0,
        cell: |chain, _| Cell::new(&chain.chain_id),
        optional: false,
    },
    Column {
        title: "Started (UTC)",
        width_min: 0,
        cell: started,
        optional: false,
    },
    Column {
        title: "Consumer",
        width_min: 0,
        cell: |chain, _| Cell::new(consumer(chain)),
        optional: false,
    },
    Column {
        title: "Data source",
        width_min: 0,
        cell: |chain, _| text(chain.data_source_arn.as_deref().map(tail)),
        optional: true,
    },
    Column {
        title: "Quick user",
        width_min: 120,
        cell: user,
        optional: true,
    },
    Column {
        title: "Work group",
        width_min: 140,
        cell: |chain, _| list(work_groups(chain)),
        optional: true,
    },
    Column {
        title: "Path",
        width_min: 160,
        cell: |chain, _| Cell::new(chain.path.as_str()),
        optional: false,
    },
    Column {
        title: "Assumed by",
        width_min: 175,
        cell: assumed_by,
        optional: true,
    },
    Column {
        title: "Calls",
        width_min: 100,
        cell: |chain, _| number(chain.call_count()),
        optional: false,
    },
    Column {
        title: "Queries",
        width_min: 0,
        cell: |chain, _| number(chain.queries.len() as u64),
        optional: false,
    },
    Column {
        title: "Status",
        width_min: 0,
        cell: status,
        optional: false,
    },
];

/// Writes the table, totals below, and what was not seen in one line.
///
/// # Errors
///
/// When the writer fails.
pub fn write(chains: &[&Chain], page: Page, writer: &mut dyn Write) -> io::Result<()> {
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
    page: Page,
    writer: &mut dyn Write,
) -> io::Result<()> {
    if !chains.is_empty() {
        let mut table = new_table(page);
        let is_shown = |column: &&Column| {
            let says = || {
                chains
                    .iter()
                    .any(|chain| (column.cell)(chain, page).content() != "–")
            };
            page.width >= column.width_min && (!column.optional || says())
        };
        let columns: Vec<&Column> = COLUMNS.iter().filter(is_shown).collect();
        table.set_header(columns.iter().map(|column| title(column.title)));
        for chain in chains {
            table.add_row(columns.iter().map(|column| (column.cell)(chain, page)));
        }
        let fixed = ["Chain", "Started (UTC)", "Calls", "Queries", "Status"];
        let titles: Vec<&str> = columns.iter().map(|column| column.title).collect();
        keep_whole(&mut table, &titles, &fixed);
        write_table(&table, writer)?;
    }
    if chains.len() < all.len() {
        let of = count(all.len() as u64);
        writeln!(writer, "The last {} of {of} chains; in all:", chains.len())?;
    }
    writeln!(writer, "{}", totals(all))?;
    if let Some(gaps) = gaps(all) {
        writeln!(writer, "{gaps}")?;
    }
    Ok(())
}

/// No lines but one below the titles.
const HOUSE_STYLE: TableStyle = NOTHING.header_separator(LineStyle::none().fill('─').junction('─'));

/// A table in the house style.
pub(super) fn new_table(page: Page) -> Table {
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

/// Columns that are never folded: half an id helps nobody.
pub(super) fn keep_whole(table: &mut Table, titles: &[&str], fixed: &[&str]) {
    for (column, title) in table.column_iter_mut().zip(titles) {
        column.set_padding((0, 2));
        if fixed.contains(title) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
}

pub(super) fn title(text: &str) -> Cell {
    Cell::new(text).add_attribute(Attribute::Bold)
}

/// Writes a table without the blanks that pad its last column.
pub(super) fn write_table(table: &Table, writer: &mut dyn Write) -> io::Result<()> {
    for line in table.lines() {
        writeln!(writer, "{}", line.trim_end())?;
    }
    Ok(())
}

fn text(text: Option<&str>) -> Cell {
    Cell::new(text.map_or_else(|| "–".into(), safe))
}

fn list(items: BTreeSet<&str>) -> Cell {
    let items: Vec<_> = items.into_iter().map(safe).collect();
    if items.is_empty() {
        text(None)
    } else {
        Cell::new(items.join(", "))
    }
}

fn number(number: u64) -> Cell {
    Cell::new(count(number)).set_alignment(CellAlignment::Right)
}

fn started(chain: &Chain, page: Page) -> Cell {
    if page.width < 100 {
        Cell::new(minute_of_year(chain.started_at))
    } else {
        Cell::new(minute(chain.started_at))
    }
}

/// The consumer's declared name, else its account.
#[must_use]
pub fn consumer(chain: &Chain) -> String {
    let name = chain.consumer_name.as_deref();
    let name = name.or(chain.consumer_account_id.as_deref());
    name.map_or_else(|| "–".to_owned(), |name| safe(name).into_owned())
}

fn user(chain: &Chain, _: Page) -> Cell {
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

fn assumed_by(chain: &Chain, _: Page) -> Cell {
    let session = chain
        .run_as_session
        .as_ref()
        .or(chain.consumer_session.as_ref());
    let maker = session.and_then(|session| session.assumed_by.as_deref());
    let short = maker.map(|maker| maker.strip_suffix(".amazonaws.com").unwrap_or(maker));
    text(short.map(|maker| shortened(tail(maker), 32)).as_deref())
}

fn status(chain: &Chain, page: Page) -> Cell {
    let doubt = if chain.is_ambiguous() {
        ", ambiguous"
    } else {
        ""
    };
    let cell = Cell::new(format!("{}{doubt}", chain.status.as_str()));
    if !page.color {
        return cell;
    }
    match chain.status {
        _ if chain.is_ambiguous() => cell.fg(Color::Magenta),
        ChainStatus::Complete => cell.fg(Color::Green),
        ChainStatus::Partial => cell.fg(Color::Yellow),
        ChainStatus::Idle => cell.fg(Color::Cyan),
        ChainStatus::Denied => cell.fg(Color::Red),
    }
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
        "{}{parts}, {queries}, {}",
        plural(chains.len() as u64, "chain"),
        plural(consumers.len() as u64, "consumer")
    )
}

/// One line on what the chains lack.
fn gaps(chains: &[&Chain]) -> Option<String> {
    let mut lacking: BTreeMap<MissingPart, (u64, BTreeSet<&str>)> = BTreeMap::new();
    for missing in chains.iter().flat_map(|chain| &chain.missing) {
        let (number, reasons) = lacking.entry(missing.part).or_default();
        *number += 1;
        reasons.extend(missing.why.as_deref());
    }
    let mut parts: Vec<String> = lacking
        .into_iter()
        .map(|(part, (number, reasons))| {
            let reasons: Vec<&str> = reasons.into_iter().collect();
            let why = match reasons[..] {
                [] => String::new(),
                [one] => format!(" ({})", safe(one)),
                [one, ..] => format!(" ({}; and other reasons)", safe(one)),
            };
            format!("{} without {}{why}", count(number), part.as_str())
        })
        .collect();
    let ambiguous = chains.iter().filter(|chain| chain.is_ambiguous()).count();
    if ambiguous > 0 {
        parts.push(format!("{} ambiguous", count(ambiguous as u64)));
    }
    (!parts.is_empty()).then(|| format!("Not seen: {}", parts.join("; ")))
}

/// Whether a chain is listed when no path is asked for.
#[must_use]
pub fn is_listed_by_default(chain: &Chain) -> bool {
    chain.touches_quick && chain.path != ChainPath::Session
}
