//! SQL over tables. Complaints point at the place in the text.

use super::frame::{frame, table};
use crate::model::table::Table;
use polars::prelude::{Expr as PolarsExpr, IntoLazy, PolarsError, SortMultipleOptions, col};
use polars::sql::SQLContext;
use sqlparser::ast::{
    Expr, GroupByExpr, Ident, ObjectName, Query, Select, SelectItem, SetExpr, Spanned, Statement,
    TableFactor, Visit, Visitor,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Location, Token, Tokenizer};
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// A place in SQL text, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqlPlace {
    /// The line.
    pub line: u64,
    /// The column, in characters.
    pub column: u64,
}

/// The reason why SQL was not run.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SqlError {
    /// The error's message.
    pub message: String,
    /// The position of the error, where it is known.
    pub place: Option<SqlPlace>,
    /// A name that was not found, where one was not.
    pub unknown_name: Option<String>,
}

impl SqlError {
    fn new(message: impl Into<String>, place: Option<SqlPlace>) -> Self {
        Self {
            message: message.into(),
            place,
            unknown_name: None,
        }
    }
}

/// Runs one `SELECT` over the tables and gives its rows. Rows of a query without
/// `ORDER BY` are sorted by all columns, so that they come alike every time.
///
/// # Errors
///
/// When the text is not one query, or names what is not there.
pub fn run(sql: &str, tables: &[Table]) -> Result<Table, SqlError> {
    let is_ordered = check(sql)?;
    let mut context = SQLContext::new();
    for table in tables {
        let frame = frame(table).map_err(|error| locate(&error, sql))?;
        context.register(&table.name, frame.lazy());
    }
    let mut lazy = context.execute(sql).map_err(|error| locate(&error, sql))?;
    if !is_ordered {
        let schema = lazy.collect_schema().map_err(|error| locate(&error, sql))?;
        let columns: Vec<PolarsExpr> = schema.iter_names().map(|name| col(name.clone())).collect();
        lazy = lazy.sort_by_exprs(
            columns,
            SortMultipleOptions::default().with_nulls_last(true),
        );
    }
    let result = lazy.collect().map_err(|error| locate(&error, sql))?;
    table("result", &result).map_err(|error| locate(&error, sql))
}

/// Refuses a text that is not one query, and returns whether it orders its rows.
fn check(sql: &str) -> Result<bool, SqlError> {
    let statements = Parser::parse_sql(&GenericDialect {}, sql).map_err(|error| {
        let (message, place) = split_place(&error.to_string());
        let is_cut_short = message.ends_with("found: EOF");
        SqlError::new(message, place.or(is_cut_short.then(|| end_of(sql))))
    })?;
    match statements.as_slice() {
        [Statement::Query(query)] => {
            check_sources(query)?;
            if let SetExpr::Select(select) = &*query.body {
                check_grouping(select)?;
            }
            let is_single_row = matches!(&*query.body, SetExpr::Values(_));
            Ok(query.order_by.is_some() || is_single_row)
        }
        [] => Err(SqlError::new("there is no SQL in it", None)),
        [_] => Err(SqlError::new(
            "only SELECT (and WITH ... SELECT) can be run: the tables are read-only",
            Some(SqlPlace { line: 1, column: 1 }),
        )),
        [..] => Err(SqlError::new(
            "more than one statement: give one SELECT",
            None,
        )),
    }
}

/// Refuses whatever a query could read, or write to, in addition to the tables that it is given.
fn check_sources(query: &Query) -> Result<(), SqlError> {
    match query.visit(&mut SourceCheck) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// Looks at every table, function and nested statement of a query.
struct SourceCheck;

impl SourceCheck {
    fn refuse(what: impl Into<String>, at: Location) -> ControlFlow<SqlError> {
        let place = (at.line > 0).then_some(SqlPlace {
            line: at.line,
            column: at.column,
        });
        ControlFlow::Break(SqlError::new(what, place))
    }
}

impl Visitor for SourceCheck {
    type Break = SqlError;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<SqlError> {
        if query.for_clause.is_some() || query.format_clause.is_some() || query.settings.is_some() {
            return Self::refuse(
                "FOR, FORMAT and SETTINGS are not supported",
                query.span().start,
            );
        }
        match &*query.body {
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                Self::refuse("the tables are read-only", query.span().start)
            }
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<SqlError> {
        if select.into.is_some() {
            return Self::refuse(
                "SELECT INTO writes: the tables are read-only",
                select.span().start,
            );
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<SqlError> {
        match statement {
            Statement::Query(_) => ControlFlow::Continue(()),
            other => Self::refuse("only SELECT can be run here", other.span().start),
        }
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<SqlError> {
        match factor {
            TableFactor::Table {
                name, args: None, ..
            } => check_name(name),
            TableFactor::Derived { .. } | TableFactor::NestedJoin { .. } => {
                ControlFlow::Continue(())
            }
            TableFactor::Table { name, .. } | TableFactor::Function { name, .. } => Self::refuse(
                format!(
                    "{name}(...) cannot be used as a table: a query can read the tables of the \
                     record and nothing else"
                ),
                factor.span().start,
            ),
            other => Self::refuse(
                "this kind of table is not supported: a query can read the tables of the record and \
                 nothing else",
                other.span().start,
            ),
        }
    }
}

/// A table is named by one plain word: anything else may be a file or an address.
fn check_name(name: &ObjectName) -> ControlFlow<SqlError> {
    let parts: Option<Vec<&Ident>> = name.0.iter().map(|part| part.as_ident()).collect();
    let is_plain = |part: &&Ident| {
        let mut letters = part.value.chars();
        part.quote_style != Some('\'')
            && letters.all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-' | ' '))
    };
    match parts.as_deref() {
        Some([part]) if is_plain(part) => ControlFlow::Continue(()),
        _ => SourceCheck::refuse(
            format!(
                "{name} is not a table: a query can read the tables of the record and nothing else"
            ),
            name.span().start,
        ),
    }
}

/// Functions that make one value of many rows.
const AGGREGATES: [&str; 10] = [
    "avg", "corr", "count", "first", "last", "max", "median", "min", "stddev", "sum",
];

/// Refuses a column next to an aggregate without `GROUP BY`: the engine would
/// repeat the aggregate on every row, where other engines see the mistake.
fn check_grouping(select: &Select) -> Result<(), SqlError> {
    let is_grouped = match &select.group_by {
        GroupByExpr::All(_) => true,
        GroupByExpr::Expressions(by, _) => !by.is_empty(),
    };
    let expressions = || {
        select.projection.iter().filter_map(|item| match item {
            SelectItem::UnnamedExpr(expression)
            | SelectItem::ExprWithAlias {
                expr: expression, ..
            } => Some(expression),
            _ => None,
        })
    };
    let has_aggregate = expressions().any(is_aggregate);
    let bare = expressions().find_map(|expression| match expression {
        Expr::Identifier(name) => Some(name),
        Expr::CompoundIdentifier(parts) => parts.last(),
        _ => None,
    });
    match bare {
        Some(name) if has_aggregate && !is_grouped => Err(SqlError::new(
            format!("the column {name} is used next to an aggregate but is not in GROUP BY"),
            Some(SqlPlace {
                line: name.span.start.line,
                column: name.span.start.column,
            }),
        )),
        _ => Ok(()),
    }
}

fn is_aggregate(expression: &Expr) -> bool {
    match expression {
        Expr::Function(function) => {
            let name = function.name.to_string().to_lowercase();
            function.over.is_none() && AGGREGATES.contains(&name.as_str())
        }
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => is_aggregate(inner),
        Expr::BinaryOp { left, right, .. } => is_aggregate(left) || is_aggregate(right),
        _ => false,
    }
}

/// The parser ends its messages with `at Line: 1, Column: 8`.
fn split_place(message: &str) -> (String, Option<SqlPlace>) {
    let bare = |text: &str| text.trim_start_matches("sql parser error: ").to_owned();
    let Some((before, place)) = message.rsplit_once(" at Line: ") else {
        return (bare(message), None);
    };
    let place = place.split_once(", Column: ").and_then(|(line, column)| {
        Some(SqlPlace {
            line: line.parse().ok()?,
            column: column.trim().parse().ok()?,
        })
    });
    (bare(before), place)
}

/// The place behind the last letter.
fn end_of(sql: &str) -> SqlPlace {
    let sql = sql.trim_end();
    let last = sql.lines().last().unwrap_or_default();
    SqlPlace {
        line: sql.lines().count().max(1) as u64,
        column: last.chars().count() as u64 + 1,
    }
}

/// Finds the name that an engine error is about in the text.
fn locate(error: &PolarsError, sql: &str) -> SqlError {
    let text = error.to_string();
    let message = first_line(&text);
    let quoted = message.split(['\'', '"', '`']).nth(1).map(str::to_owned);
    let last_word = || {
        let word = message.rsplit([' ', ':']).next()?;
        Some(word.trim_end_matches('.').to_owned())
    };
    let name = match error {
        PolarsError::ColumnNotFound(name) | PolarsError::SchemaFieldNotFound(name) => {
            let first = first_line(name);
            let inside = first.split(['\'', '"', '`']).nth(1);
            Some(inside.unwrap_or(&first).trim().to_owned())
        }
        _ => quoted.or_else(last_word),
    };
    let place = name.as_deref().and_then(|name| find_word(sql, name));
    SqlError {
        message,
        unknown_name: name.filter(|_| place.is_some()),
        place,
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_owned()
}

/// Returns true if the text has a name, outside strings and comments.
#[must_use]
pub fn names(sql: &str, name: &str) -> bool {
    find_word(sql, name).is_some()
}

/// The tables and columns that SQL may read, by its words: it may be fewer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamedColumns {
    /// `None` if everything is read.
    words: Option<BTreeSet<String>>,
    /// True if columns are also read that are not named.
    has_star: bool,
}

impl NamedColumns {
    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// What SQL names. Text that cannot be split into words names everything.
    #[must_use]
    pub fn of(sql: &str) -> Self {
        let Ok(tokens) = Tokenizer::new(&GenericDialect {}, sql).tokenize() else {
            return Self::all();
        };
        let tokens = tokens.into_iter();
        let tokens: Vec<Token> = tokens
            .filter(|token| !matches!(token, Token::Whitespace(_)))
            .collect();
        let words = tokens.iter().filter_map(word);
        let mut named = Self {
            words: Some(words.collect()),
            has_star: false,
        };
        // COLUMNS('...') names columns by a pattern, NATURAL JOIN by no name at all, and a star after
        // DISTINCT ON (...) looks like a product.
        let is_unnamed = named.has_word("columns") || named.has_word("natural");
        let pairs = tokens
            .windows(2)
            .map(|pair| (word(&pair[0]), word(&pair[1])));
        let is_distinct_on = |(first, second): (Option<String>, Option<String>)| {
            first.as_deref() == Some("distinct") && second.as_deref() == Some("on")
        };
        let stars = (0..tokens.len()).filter(|at| tokens[*at] == Token::Mul);
        named.has_star = is_unnamed
            || pairs.into_iter().any(is_distinct_on)
            || stars.into_iter().any(|at| is_of_columns(&tokens, at));
        named
    }

    fn has_word(&self, name: &str) -> bool {
        let words = self.words.as_ref();
        words.is_none_or(|words| words.contains(name))
    }

    /// Returns true if a table may be read.
    #[must_use]
    pub fn has_table(&self, table: &str) -> bool {
        self.has_word(table)
    }

    /// Returns true if a column of a table may be read.
    #[must_use]
    pub fn has(&self, table: &str, column: &str) -> bool {
        self.has_table(table) && (self.has_star || self.has_word(column))
    }
}

fn word(token: &Token) -> Option<String> {
    match token {
        Token::Word(word) => Some(word.value.to_lowercase()),
        _ => None,
    }
}

/// Returns true if a star stands for columns: it is no product, and does not count rows.
fn is_of_columns(tokens: &[Token], at: usize) -> bool {
    let before = |distance: usize| at.checked_sub(distance).map(|at| &tokens[at]);
    match before(1) {
        Some(Token::LParen) => before(2).and_then(word).is_none_or(|name| name != "count"),
        Some(Token::Number(..) | Token::RParen | Token::SingleQuotedString(_)) => false,
        Some(Token::Word(word)) => {
            let word = word.value.to_lowercase();
            ["select", "distinct", "all"].contains(&word.as_str())
        }
        _ => true,
    }
}

/// Returns the first position of a name in the text, outside strings and comments.
fn find_word(sql: &str, name: &str) -> Option<SqlPlace> {
    let tokens = Tokenizer::new(&GenericDialect {}, sql)
        .tokenize_with_location()
        .ok()?;
    let wanted = name.rsplit('.').next().unwrap_or(name);
    let found = tokens.into_iter().find(|token| match &token.token {
        Token::Word(word) => word.value.eq_ignore_ascii_case(wanted),
        _ => false,
    })?;
    Some(SqlPlace {
        line: found.span.start.line,
        column: found.span.start.column,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::table::Values;

    #[test]
    fn columns_that_are_not_named_need_not_be_read() {
        let named = |sql: &str, column: &str| NamedColumns::of(sql).has("chains", column);
        let sql = "SELECT count(*), sum(query_count * 2) FROM Chains WHERE \"Started_At\" > '2026'";
        assert!(named(sql, "query_count") && named(sql, "started_at"));
        assert!(!named(sql, "chain_id"));
        assert!(!NamedColumns::of(sql).has_table("queries"));
        for sql in [
            "SELECT * FROM chains",
            "SELECT DISTINCT * FROM chains",
            "SELECT c.* FROM chains c",
            "SELECT started_at, * FROM chains",
            "SELECT COLUMNS('^chain') FROM chains",
            "SELECT max(*) FROM chains",
            "SELECT count(*) FROM chains NATURAL JOIN queries",
            "SELECT DISTINCT ON (started_at) * FROM chains",
            "SELECT 'cut off FROM chains",
        ] {
            assert!(named(sql, "chain_id"), "{sql}");
        }
        let product = "SELECT (1 + query_count) * started, 2*3 FROM chains";
        assert!(!named(product, "chain_id"));
    }

    fn tables() -> Vec<Table> {
        let table = Table::new("t")
            .with(
                "name",
                Values::Text(vec![Some("b".into()), Some("a".into())]),
            )
            .with("number", Values::Integer(vec![Some(2), Some(1)]));
        vec![table]
    }

    #[test]
    fn rows_without_an_order_come_sorted() {
        let result = run("SELECT name, number FROM t", &tables()).unwrap();
        assert_eq!(
            result.columns[0].values,
            Values::Text(vec![Some("a".into()), Some("b".into())])
        );
        let result = run("SELECT number FROM t ORDER BY number DESC", &tables()).unwrap();
        assert_eq!(
            result.columns[0].values,
            Values::Integer(vec![Some(2), Some(1)])
        );
    }

    #[test]
    fn nothing_but_the_tables_can_be_reached() {
        for sql in [
            "SELECT * FROM read_parquet('/etc/passwd')",
            "SELECT * FROM read_csv('x') WHERE 1 = 1",
            "SELECT * FROM READ_JSON('https://203.0.113.1/x')",
            "SELECT * FROM t JOIN read_ipc('x') AS r ON t.name = r.name",
            "SELECT * FROM t, read_parquet('x')",
            "SELECT * FROM (SELECT * FROM read_parquet('x')) AS inner_one",
            "WITH a AS (SELECT * FROM read_parquet('x')) SELECT * FROM a",
            "SELECT name FROM t WHERE number IN (SELECT n FROM read_parquet('x'))",
            "SELECT (SELECT max(n) FROM read_parquet('x')) AS m FROM t",
            "SELECT name FROM t WHERE EXISTS (SELECT 1 FROM read_parquet('x'))",
            "SELECT name FROM t UNION ALL SELECT name FROM read_parquet('x')",
            "SELECT name FROM t ORDER BY (SELECT max(n) FROM read_parquet('x'))",
            "SELECT CASE WHEN number > (SELECT 1 FROM read_parquet('x')) THEN 1 END FROM t",
            "SELECT * FROM TABLE(read_parquet('x'))",
            "SELECT * FROM LATERAL read_parquet('x')",
            "SELECT * FROM 'other.parquet'",
            "SELECT * FROM \"other.parquet\"",
            "SELECT * FROM \"s3://bucket/key\"",
            "SELECT * FROM other.t",
            "SELECT * FROM UNNEST([1, 2])",
            "SELECT * INTO u FROM t",
            "INSERT INTO t SELECT * FROM t",
            "EXPLAIN SELECT * FROM t",
            "SHOW TABLES",
            "TRUNCATE TABLE t",
        ] {
            assert!(run(sql, &tables()).is_err(), "{sql}");
        }
        let error = run("SELECT *\nFROM read_parquet('x')", &tables()).unwrap_err();
        assert!(error.message.contains("read_parquet"), "{error}");
        assert_eq!(error.place, Some(SqlPlace { line: 2, column: 6 }));
        for sql in [
            "SELECT a.name FROM t AS a JOIN t AS b ON a.name = b.name",
            "WITH a AS (SELECT name FROM t) SELECT name FROM a UNION ALL SELECT name FROM t",
            "SELECT name FROM (SELECT name FROM \"t\") AS inner_one",
        ] {
            assert!(run(sql, &tables()).is_ok(), "{sql}");
        }
    }

    #[test]
    fn complaints_have_a_place() {
        for (sql, line, column) in [
            ("SELEC name FROM t", 1, 1),
            ("SELECT name\nFROM t\nWHERE (number > 1", 3, 18),
            ("SELECT\n  nmae FROM t", 2, 3),
            ("SELECT name FROM\n tt", 2, 2),
            ("DROP TABLE t", 1, 1),
            ("SELECT name,\n number, COUNT(*) FROM t", 1, 8),
        ] {
            let error = run(sql, &tables()).unwrap_err();
            let place = error.place.map(|place| (place.line, place.column));
            assert_eq!(place, Some((line, column)), "{sql}: {error}");
        }
        assert!(run("SELECT name, COUNT(*) AS n FROM t GROUP BY name", &tables()).is_ok());
        assert!(run("SELECT COUNT(*) AS n, MAX(name) AS m FROM t", &tables()).is_ok());
        assert!(run("SELECT 1; SELECT 2", &tables()).is_err());
        assert!(run("", &tables()).is_err());
    }
}
