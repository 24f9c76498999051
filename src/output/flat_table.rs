//! One line per query, for people.

use super::Page;
use super::chain_table::{consumer, keep_whole, new_table, query_name, text, title, write_table};
use super::human::{count, minute_of_year, plural, tail};
use crate::model::chain::{Chain, QueryExecution};
use comfy_table::Cell;
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
pub fn write(chains: &[&Chain], page: Page, writer: &mut dyn Write) -> io::Result<()> {
    let mut table = new_table(page);
    let wide = page.width >= WIDE;
    let submitted = if page.width < ROOMY {
        "UTC"
    } else {
        "Submitted (UTC)"
    };
    let mut titles = vec![submitted, "Consumer", "Query execution", "Chain"];
    if wide {
        titles.extend(["Work group", "Database", "Data source"]);
    }
    table.set_header(titles.iter().map(|text| title(text)));
    let mut rows = 0u64;
    for chain in chains {
        for query in &chain.queries {
            rows += 1;
            table.add_row(row(chain, query, page));
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
    writeln!(writer, "{} {queries} in {chains}", count(rows))
}

fn row(chain: &Chain, query: &QueryExecution, page: Page) -> Vec<Cell> {
    let submitted = if page.width < ROOMY {
        minute_of_year(query.started_at)
    } else {
        query.started_at.to_string()
    };
    let mut row = vec![
        Cell::new(submitted),
        Cell::new(consumer(chain)),
        text(query_name(query).as_deref()),
        Cell::new(&chain.chain_id),
    ];
    if page.width >= WIDE {
        row.push(text(query.work_group.as_deref()));
        row.push(text(query.database.as_deref()));
        row.push(text(chain.data_source_arn.as_deref().map(tail)));
    }
    row
}
