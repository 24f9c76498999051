//! One line per query, for people.

use super::TextLayout;
use super::chain_table::{
    consumer, keep_whole, new_table, query_name, text, text_cell, title, write_table,
};
use super::human::{bytes, count, decimals, line, minute_of_year, money, plural, tail};
use crate::model::chain::{Chain, QueryExecution};
use comfy_table::{Cell, CellAlignment};
use std::io::{self, Write};

/// Narrowest page on which work group and database are shown.
const WIDE: u16 = 150;
/// Narrowest page on which times are shown whole.
const ROOMY: u16 = 100;

/// Writes the table and its total.
///
/// # Errors
///
/// When the writer fails.
pub fn write(chains: &[&Chain], page: TextLayout, writer: &mut dyn Write) -> io::Result<()> {
    let mut table = new_table(page);
    let wide = page.width >= WIDE;
    let submitted = if page.width < ROOMY {
        "UTC"
    } else {
        "Submitted (UTC)"
    };
    let mut titles = vec![submitted, "Consumer", "Query execution", "Chain"];
    let mut queries = chains.iter().flat_map(|chain| &chain.queries);
    let figures = page.width >= ROOMY && queries.any(|query| query.figures.is_some());
    if figures {
        titles.extend(["State", "Scanned", "Est. USD"]);
    }
    if wide {
        titles.extend(["Work group", "Database", "Data source"]);
    }
    table.set_header(titles.iter().map(|text| title(text)));
    let mut rows = 0u64;
    for chain in chains {
        for query in &chain.queries {
            rows += 1;
            table.add_row(row(chain, query, page, figures));
        }
    }
    keep_whole(
        &mut table,
        &titles,
        &[submitted, "Query execution", "Chain"],
    );
    if rows > 0 {
        write_table(&table, writer)?;
    }
    let queries = if rows == 1 { "query" } else { "queries" };
    let chains = plural(chains.len() as u64, "chain");
    line!(writer, "{} {queries} in {chains}", count(rows))
}

fn row(chain: &Chain, query: &QueryExecution, page: TextLayout, figures: bool) -> Vec<Cell> {
    let submitted = if page.width < ROOMY {
        minute_of_year(query.started_at)
    } else {
        query.started_at.to_string()
    };
    let mut row = vec![
        text_cell(submitted),
        text_cell(consumer(chain)),
        text(query_name(query).as_deref()),
        text_cell(&chain.chain_id),
    ];
    if figures {
        row.extend(figure_cells(query));
    }
    if page.width >= WIDE {
        row.push(text(query.work_group.as_deref()));
        row.push(text(query.database.as_deref()));
        row.push(text(chain.data_source_arn.as_deref().map(tail)));
    }
    row
}

/// State, bytes scanned and estimated cost of a query, where they are known.
pub(super) fn figure_cells(query: &QueryExecution) -> [Cell; 3] {
    let right = |text: Option<String>| {
        let text = text.unwrap_or_else(|| "–".to_owned());
        text_cell(text).set_alignment(CellAlignment::Right)
    };
    let figures = query.figures.as_deref();
    let state = figures.map(|figures| match (figures.result_reused, figures.dpu_count) {
        (Some(true), _) => format!("{}, reused", figures.state.as_str()),
        (_, Some(_)) => format!("{}, capacity", figures.state.as_str()),
        (_, None) => figures.state.as_str().to_owned(),
    });
    let cost = query.estimated_cost_usd().filter(|_| figures.is_some());
    let scanned = query.bytes_scanned().filter(|_| figures.is_some());
    [
        text(state.as_deref()),
        right(scanned.map(bytes)),
        right(cost.map(|cost| money(cost, decimals(std::iter::once(cost))))),
    ]
}
