//! The tables that SQL reads, of chains that come a day at a time: the named columns alone, within a
//! memory budget.

use super::audit::{AuditRun, SlicedAudit};
use super::failure::Failure;
use super::options::SpillOptions;
use crate::attribute::BilledQueries;
use crate::model::audit::Audit;
use crate::model::chain::{Chain, ambiguous_in};
use crate::model::charge::QueryShare;
use crate::model::size;
use crate::model::table::{Table, Values};
use crate::output::human::plural;
use crate::pipeline;
use crate::records::{self, queries::QueryRecord};
use crate::tables::NamedColumns;
use std::io;

/// The tables of chains, and rows of each for one query execution at most, as a rule.
const OF_CHAINS: [(&str, u64); 4] = [("chains", 1), ("hops", 3), ("queries", 1), ("reads", 4)];

/// Bytes of a value in a column, and in the data frame that is made of it.
const VALUE_BYTES: u64 = 40;

/// What is read of tables, and how much of it at most.
pub struct TableNeeds<'a> {
    /// Tables and columns that are named.
    pub named: &'a NamedColumns,
    /// Bytes of memory.
    pub bytes_max: u64,
}

/// The tables that chains have so far.
struct TablesOfChains<'a> {
    needs: &'a TableNeeds<'a>,
    run: &'a AuditRun<'a>,
    tables: Vec<Table>,
    bytes: u64,
}

impl TableNeeds<'_> {
    /// Refuses a query of a store, before anything is read, if its events do not fit in memory and its
    /// tables would need more of it.
    ///
    /// # Errors
    ///
    /// When they would, or the store cannot be read.
    pub fn check(&self, run: &AuditRun<'_>, spill: &SpillOptions) -> Result<(), Failure> {
        let Some(queries) = run.query_count(spill)? else {
            return Ok(());
        };
        let columns = tables_of(&[], run);
        let columns = columns.iter().zip(OF_CHAINS).map(|(table, (name, rows))| {
            let named = table.columns.iter();
            let named = named.filter(|column| self.named.has(name, &column.name));
            rows * named.count() as u64
        });
        let values = columns.sum::<u64>().saturating_mul(queries);
        let bytes = values.saturating_mul(VALUE_BYTES);
        if bytes > self.bytes_max {
            let of = plural(queries, "query");
            let about = size::bytes(bytes);
            return Err(self.refused(&format!(
                "the query would need about {about} of memory: the window has {of}"
            )));
        }
        Ok(())
    }

    fn refused(&self, why: &str) -> Failure {
        let allowed = size::bytes(self.bytes_max);
        Failure::usage(format!("{why}, and --memory-mb allows {allowed}")).hint(
            "name the columns that you need instead of *, choose a shorter window with --from and --to, or raise --memory-mb",
        )
    }
}

/// The tables of some chains, in the order of [`OF_CHAINS`].
fn tables_of(chains: &[Chain], run: &AuditRun<'_>) -> [Table; 4] {
    let chains: Vec<&Chain> = chains.iter().collect();
    [
        records::chains::table(&chains),
        records::hops::table(&chains),
        records::queries::table(&QueryRecord::all_of(&chains, None)),
        records::reads::table(&chains, &run.plan.topology),
    ]
}

impl TablesOfChains<'_> {
    fn add(&mut self, chains: &[Chain]) {
        let named = self.needs.named;
        let tables = tables_of(chains, self.run).into_iter();
        let tables = tables.filter(|table| named.has_table(&table.name));
        for (at, mut table) in tables.enumerate() {
            let mut first = true;
            // Without any column there would be no rows.
            table.columns.retain(|column| {
                std::mem::take(&mut first) || named.has(&table.name, &column.name)
            });
            let values = table.columns.len() as u64 * table.row_count() as u64;
            self.bytes = self
                .bytes
                .saturating_add(values.saturating_mul(VALUE_BYTES));
            match self.tables.get_mut(at) {
                Some(known) => known.append(table),
                None => self.tables.push(table),
            }
        }
    }
}

/// Stitches a day after the other into the named tables, and splits the bill.
///
/// # Errors
///
/// When the tables need more memory than is allowed, or what was written cannot be read again.
pub fn of_slices(
    run: &AuditRun<'_>,
    sliced: SlicedAudit<'_>,
    needs: &TableNeeds<'_>,
) -> Result<(Audit, Vec<Table>, u64), Failure> {
    let mut queries = BilledQueries::default();
    let mut ambiguous = 0;
    let mut tables = TablesOfChains {
        needs,
        run,
        tables: Vec::new(),
        bytes: 0,
    };
    tables.add(&[]);
    let stitched = sliced.chains(&mut |chains, _| {
        ambiguous += ambiguous_in(&chains);
        queries.add(&chains);
        tables.add(&chains);
        if tables.bytes > needs.bytes_max {
            return Err(io::Error::other("the tables do not fit in memory"));
        }
        Ok(())
    });
    let mut audit = match stitched {
        Ok(audit) => audit,
        Err(_) if tables.bytes > needs.bytes_max => {
            let so_far = size::bytes(tables.bytes);
            return Err(needs.refused(&format!(
                "the query's tables took {so_far} of memory before all days were read"
            )));
        }
        Err(failure) => return Err(failure),
    };
    pipeline::charge(&mut audit, &mut queries, &run.plan)?;
    let attribution = audit.attribution.as_ref();
    let shares = attribution.map_or(&[][..], |attribution| &attribution.query_shares);
    for table in &mut tables.tables {
        if table.name == "queries" {
            add_shares(table, shares);
        }
    }
    Ok((audit, tables.tables, ambiguous))
}

/// Puts the shares of the bill into the table of queries.
fn add_shares(table: &mut Table, shares: &[Option<QueryShare>]) {
    let values = |name: &str| match name {
        "billed_cost" => {
            let costs = shares.iter().map(|share| Some(share.as_ref()?.cost));
            Some(Values::Decimal(costs.collect()))
        }
        "currency" => {
            let currencies = shares
                .iter()
                .map(|share| Some(share.as_ref()?.currency.clone()));
            Some(Values::Text(currencies.collect()))
        }
        _ => None,
    };
    let rows = table.row_count();
    for column in &mut table.columns {
        if let Some(values) = values(&column.name).filter(|values| values.len() == rows) {
            column.values = values;
        }
    }
}
