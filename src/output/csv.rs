//! Comma-separated values, safe to open in a spreadsheet.
//!
//! A cell that a spreadsheet would take for a formula starts with an apostrophe
//! instead; columns are part of version 1 and only ever added at the end.

use super::human::is_deceptive;
use crate::model::chain::{Chain, QueryExecution, RoleSession};
use crate::model::execution::StatementType;
use crate::model::integrity::Integrity;
use crate::model::money::exact;
use crate::model::table::{Cell, Table};
use csv::Writer;
use std::io::{self, Write};

const CHAIN_COLUMNS: [&str; 37] = [
    "chain_id",
    "path",
    "status",
    "missing",
    "confidence",
    "started_at",
    "last_activity_at",
    "hub_account_id",
    "consumer_account_id",
    "consumer_name",
    "business_unit",
    "data_source_arn",
    "run_as_role_arn",
    "run_as_session_name",
    "run_as_access_key_id",
    "run_as_assumed_at",
    "run_as_assumed_by",
    "consumer_role_arn",
    "consumer_session_name",
    "consumer_access_key_id",
    "consumer_assumed_at",
    "consumer_assumed_by",
    "source_account_id",
    "source_ip",
    "external_id",
    "scope_down_present",
    "scope_down_resources",
    "query_count",
    "bytes_scanned",
    "bytes_billed",
    "estimated_cost_usd",
    "call_count",
    "quick_user",
    "quick_user_confidence",
    "notes",
    "queries_without_statistics",
    "integrity",
];

const QUERY_COLUMNS: [&str; 27] = [
    "chain_id",
    "path",
    "status",
    "confidence",
    "hub_account_id",
    "consumer_account_id",
    "consumer_name",
    "business_unit",
    "data_source_arn",
    "quick_user",
    "query_execution_id",
    "started_at",
    "region",
    "work_group",
    "catalog",
    "database",
    "state",
    "statement_type",
    "bytes_scanned",
    "bytes_billed",
    "result_reused",
    "estimated_cost_usd",
    "error_code",
    "event_id",
    "schema",
    "dpu_count",
    "integrity",
];

/// Returns text that no spreadsheet takes for a formula, neither as a cell nor as what is
/// left of one where semicolons, tabs or line breaks separate cells.
#[must_use]
pub fn guarded(text: &str) -> String {
    let mut guarded = String::with_capacity(text.len() + 1);
    for part in text.split_inclusive([';', '\t', '\r', '\n']) {
        let is_blank_control = guarded.is_empty() && part.starts_with(['\t', '\r', '\n']);
        if is_blank_control || is_formula(part) {
            guarded.push('\'');
        }
        guarded.push_str(part);
    }
    guarded
}

/// Whether a spreadsheet takes a cell for a formula. What nobody sees in front of a sign
/// is no protection from it, and signs may have their full width.
fn is_formula(cell: &str) -> bool {
    let is_passed_over =
        |letter: char| letter.is_whitespace() || letter == '"' || is_deceptive(letter);
    let first = cell.trim_start_matches(is_passed_over).chars().next();
    matches!(
        first,
        Some('=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠')
    )
}

/// The writer's own error, whose kind tells a closed pipe from a full disk.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// A row in the making.
#[derive(Default)]
struct Row(Vec<String>);

impl Row {
    fn text(&mut self, text: &str) {
        self.0.push(guarded(text));
    }

    fn maybe(&mut self, text: Option<&str>) {
        self.text(text.unwrap_or_default());
    }

    fn value(&mut self, value: Option<impl ToString>) {
        self.text(&value.map_or_else(String::new, |value| value.to_string()));
    }

    /// A number is no formula, even a negative one.
    fn number(&mut self, value: Option<impl ToString>) {
        self.0
            .push(value.map_or_else(String::new, |value| value.to_string()));
    }
}

/// Writes one row per chain.
///
/// # Errors
///
/// When the writer fails.
pub fn write_chains(chains: &[&Chain], writer: &mut dyn Write) -> io::Result<()> {
    let mut csv = Writer::from_writer(writer);
    csv.write_record(CHAIN_COLUMNS).map_err(io_error)?;
    for chain in chains {
        csv.write_record(&chain_row(chain).0).map_err(io_error)?;
    }
    csv.flush()
}

/// Writes one row per query.
///
/// # Errors
///
/// When the writer fails.
pub fn write_queries(chains: &[&Chain], writer: &mut dyn Write) -> io::Result<()> {
    let mut csv = Writer::from_writer(writer);
    csv.write_record(QUERY_COLUMNS).map_err(io_error)?;
    for chain in chains {
        for query in &chain.queries {
            csv.write_record(&query_row(chain, query).0)
                .map_err(io_error)?;
        }
    }
    csv.flush()
}

fn joined<T: AsRef<str>>(items: impl Iterator<Item = T>) -> String {
    let items: Vec<T> = items.collect();
    let texts: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    texts.join("; ")
}

/// Writes a table.
///
/// # Errors
///
/// When the writer fails.
pub fn write_table(table: &Table, writer: &mut dyn Write) -> io::Result<()> {
    let mut csv = Writer::from_writer(writer);
    csv.write_record(table.columns.iter().map(|column| guarded(&column.name)))
        .map_err(io_error)?;
    for index in 0..table.row_count() {
        let mut row = Row::default();
        for column in &table.columns {
            match column.values.cell(index) {
                Cell::Null => row.maybe(None),
                Cell::Text(text) => row.text(text),
                Cell::Integer(number) => row.number(Some(number)),
                Cell::Decimal(number) => row.number(Some(exact(number))),
                Cell::Boolean(value) => row.value(Some(value)),
                Cell::Date(day) => row.value(Some(day)),
                Cell::Timestamp(moment) => row.value(Some(moment)),
                Cell::Float(number) => row.number(Some(number)),
            }
        }
        csv.write_record(&row.0).map_err(io_error)?;
    }
    csv.flush()
}

fn chain_row(chain: &Chain) -> Row {
    let mut row = Row::default();
    row.text(&chain.chain_id);
    row.text(chain.path.as_str());
    row.text(chain.status.as_str());
    row.text(&joined(
        chain.missing.iter().map(|missing| missing.part.as_str()),
    ));
    row.text(chain.confidence.as_str());
    row.value(Some(chain.started_at));
    row.value(Some(chain.last_activity_at));
    row.maybe(chain.hub_account_id.as_deref());
    row.maybe(chain.consumer_account_id.as_deref());
    row.maybe(chain.consumer_name.as_deref());
    row.maybe(chain.business_unit.as_deref());
    row.maybe(chain.data_source_arn.as_deref());
    for session in [&chain.run_as_session, &chain.consumer_session] {
        session_cells(&mut row, session.as_ref());
    }
    let last = chain.consumer_session.as_ref();
    let last_text = |member: fn(&RoleSession) -> Option<&str>| last.and_then(member);
    row.maybe(last_text(|session| session.source_account_id.as_deref()));
    row.maybe(last_text(|session| session.source_ip.as_deref()));
    row.maybe(last_text(|session| session.external_id.as_deref()));
    let first = chain
        .run_as_session
        .as_ref()
        .map(|session| &session.scope_down);
    row.value(first.and_then(|policy| policy.present));
    row.text(&joined(
        first.iter().flat_map(|policy| policy.resources.iter()),
    ));
    row.value(Some(chain.queries.len()));
    row.number(chain.bytes_scanned());
    row.number(chain.bytes_billed());
    row.number(chain.estimated_cost_usd().map(exact));
    row.value(Some(chain.call_count()));
    row.maybe(chain.quick_user.as_ref().map(|user| &*user.name));
    row.maybe(
        chain
            .quick_user
            .as_ref()
            .map(|user| user.confidence.as_str()),
    );
    row.text(&joined(chain.notes.iter()));
    row.number(Some(chain.queries_without_statistics()));
    row.maybe(chain.integrity.map(Integrity::as_str));
    row
}

fn session_cells(row: &mut Row, session: Option<&RoleSession>) {
    row.maybe(session.and_then(|session| session.role_arn.as_deref()));
    row.maybe(session.and_then(|session| session.role_session_name.as_deref()));
    row.maybe(session.and_then(|session| session.access_key_id.as_deref()));
    row.value(session.and_then(|session| session.assumed_at));
    row.maybe(session.and_then(|session| session.assumed_by.as_deref()));
}

fn query_row(chain: &Chain, query: &QueryExecution) -> Row {
    let mut row = Row::default();
    row.text(&chain.chain_id);
    row.text(chain.path.as_str());
    row.text(chain.status.as_str());
    row.text(chain.confidence.min(query.confidence).as_str());
    row.maybe(chain.hub_account_id.as_deref());
    row.maybe(chain.consumer_account_id.as_deref());
    row.maybe(chain.consumer_name.as_deref());
    row.maybe(chain.business_unit.as_deref());
    row.maybe(chain.data_source_arn.as_deref());
    row.maybe(chain.quick_user.as_ref().map(|user| &*user.name));
    row.value(query.query_execution_id.as_ref());
    row.value(Some(query.started_at));
    row.maybe(query.region.as_deref());
    row.maybe(query.work_group.as_deref());
    row.maybe(query.catalog.as_deref());
    row.maybe(query.database.as_deref());
    let figures = query.figures.as_deref();
    row.maybe(figures.map(|figures| figures.state.as_str()));
    let kind = figures.and_then(|figures| figures.statement_type);
    row.maybe(kind.map(StatementType::as_str));
    row.number(query.bytes_scanned());
    row.number(query.bytes_billed());
    row.value(figures.and_then(|figures| figures.result_reused));
    row.number(query.estimated_cost_usd().map(exact));
    row.maybe(query.error_code.as_deref());
    row.value(Some(&query.event_id));
    row.text("qs-audit/chain-query/v1");
    row.number(figures.and_then(|figures| figures.dpu_count).map(exact));
    row.maybe(chain.integrity.map(Integrity::as_str));
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for (formula, shown) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t'=1"),
            (" =1", "' =1"),
            ("\r=1", "'\r'=1"),
            ("＝1", "'＝1"),
            ("\0=1", "'\0=1"),
            ("\u{200b}=1", "'\u{200b}=1"),
            ("\u{feff}+1", "'\u{feff}+1"),
            ("a;=1", "a;'=1"),
            ("a; @x", "a;' @x"),
            ("a\n-1", "a\n'-1"),
            ("a;\"=1\"", "a;'\"=1\""),
        ] {
            assert_eq!(guarded(formula), shown, "{formula:?}");
        }
        assert_eq!(guarded("arn:aws:iam::1:role/x"), "arn:aws:iam::1:role/x");
        assert_eq!(guarded(""), "");
    }
}
