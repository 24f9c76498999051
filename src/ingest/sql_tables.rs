//! The tables that SQL reads and writes, by names: of a statement nothing else is kept.
//!
//! Athena's dialect is Trino's for queries and Hive's for the rest
//! (docs.aws.amazon.com/athena/latest/ug/ddl-sql-reference.html). What the parser does not take is
//! unknown, not empty.

use crate::model::table_name::{StatementTables, TableName};
use sqlparser::ast::{
    Ident, ObjectName, ObjectNamePart, Query, SetExpr, Statement, Table, TableFactor, TableObject,
    Visit, Visitor,
};
use sqlparser::dialect::{Dialect, GenericDialect, HiveDialect, SnowflakeDialect};
use sqlparser::keywords::Keyword;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// The longest text that is parsed: Athena takes no longer one
/// (docs.aws.amazon.com/athena/latest/ug/service-limits.html).
const SQL_BYTES_MAX: usize = 262_144;

/// Returns the tables that a statement reads and writes; `None` where what it reads is unknown.
#[must_use]
pub(super) fn tables_of(sql: &str) -> Option<StatementTables> {
    if sql.len() > SQL_BYTES_MAX {
        return None;
    }
    let dialects: [&dyn Dialect; 2] = [&GenericDialect {}, &HiveDialect {}];
    let parsed = dialects
        .into_iter()
        .find_map(|dialect| Parser::parse_sql(dialect, sql).ok())
        .or_else(|| of_another_time(sql))?;
    let [statement] = parsed.as_slice() else {
        return None;
    };
    let mut sources = TableCollector::default();
    sources.of_statement(statement)?;
    let mut written = TableCollector::default();
    let target = match statement {
        Statement::Insert(insert) => match &insert.table {
            TableObject::TableName(name) => Some(name),
            _ => None,
        },
        Statement::CreateTable(create) => Some(&create.name),
        _ => None,
    };
    if let Some(name) = target {
        written.add(name);
    }
    let written = written
        .tables
        .difference(&sources.tables)
        .cloned()
        .collect();
    Some(StatementTables {
        read: sources.tables.into_iter().collect(),
        written,
    })
}

/// Parses a statement that reads tables as they were: `FOR TIMESTAMP AS OF`, `FOR VERSION AS OF`
/// (docs.aws.amazon.com/athena/latest/ug/querying-iceberg-time-travel-and-version-travel-queries.html).
/// The parser knows that by another word.
fn of_another_time(sql: &str) -> Option<Vec<Statement>> {
    let dialect = SnowflakeDialect {};
    let mut tokens = Tokenizer::new(&dialect, sql).tokenize().ok()?;
    tokens.retain(|token| !matches!(token, Token::Whitespace(_)));
    let is = |token: &Token, keyword: Keyword| matches!(token, Token::Word(word) if word.keyword == keyword);
    let is_version = |words: &[Token]| {
        is(&words[0], Keyword::FOR)
            && (is(&words[1], Keyword::TIMESTAMP) || is(&words[1], Keyword::VERSION))
            && is(&words[2], Keyword::AS)
            && is(&words[3], Keyword::OF)
    };
    let found: Vec<usize> = (0..tokens.len().saturating_sub(3))
        .filter(|&at| is_version(&tokens[at..at + 4]))
        .collect();
    for at in &found {
        tokens[at + 1] = Token::make_keyword("SYSTEM_TIME");
    }
    let mut parser = Parser::new(&dialect).with_tokens(tokens);
    parser.parse_statements().ok().filter(|_| !found.is_empty())
}

/// The common table expressions of one query.
#[derive(Default)]
struct NameScope {
    /// True if an expression may name itself.
    is_recursive: bool,
    /// Those that are still to be read, by the address of their query.
    waiting: Vec<(*const Query, String)>,
    /// Those whose names mean them from here on.
    named: Vec<String>,
}

impl NameScope {
    /// The name of an expression means it from here on.
    fn name(&mut self, query: &Query) {
        let mut waiting = self.waiting.iter();
        if let Some(at) = waiting.position(|(waiting, _)| std::ptr::eq(*waiting, query)) {
            self.named.push(self.waiting.remove(at).1);
        }
    }
}

/// Collects the tables in `FROM` and `JOIN`.
#[derive(Default)]
struct TableCollector {
    tables: BTreeSet<TableName>,
    scopes: Vec<NameScope>,
    has_odd_name: bool,
}

impl TableCollector {
    /// Reads a statement; `None` where it is of a kind whose tables are unknown.
    fn of_statement(&mut self, statement: &Statement) -> Option<()> {
        match statement {
            Statement::Query(query)
            | Statement::Unload {
                query: Some(query), ..
            } => self.read(&**query),
            Statement::Insert(insert) => insert
                .source
                .as_ref()
                .map_or(Some(()), |source| self.read(&**source)),
            Statement::CreateTable(create) => create
                .query
                .as_ref()
                .map_or(Some(()), |query| self.read(&**query)),
            Statement::Explain {
                analyze: true,
                statement,
                ..
            } => self.of_statement(statement),
            // Rows of the target are read, too.
            Statement::Merge(merge) => self.read(merge),
            Statement::Delete(_) | Statement::Update(_) => self.read(statement),
            // They describe tables, and read no data of them.
            Statement::Explain { .. }
            | Statement::ExplainTable { .. }
            | Statement::CreateView(_)
            | Statement::CreateDatabase { .. }
            | Statement::CreateSchema { .. }
            | Statement::Drop { .. }
            | Statement::AlterTable(_)
            | Statement::ShowTables { .. }
            | Statement::ShowColumns { .. }
            | Statement::ShowDatabases { .. }
            | Statement::ShowCreate { .. }
            | Statement::ShowViews { .. }
            | Statement::Msck(_) => Some(()),
            _ => None,
        }
    }

    fn read(&mut self, part: &impl Visit) -> Option<()> {
        let _: ControlFlow<()> = part.visit(self);
        (!self.has_odd_name).then_some(())
    }

    /// Returns true if a name without a database is that of a common table expression.
    fn is_expression(&self, name: &[String]) -> bool {
        let [name] = name else {
            return false;
        };
        let mut scopes = self.scopes.iter().flat_map(|scope| &scope.named);
        scopes.any(|known| known == name)
    }

    /// Adds the tables of `TABLE name`, which stands for `SELECT * FROM name`.
    fn add_whole_tables(&mut self, body: &SetExpr) {
        match body {
            SetExpr::Table(table) => self.add_whole_table(table),
            SetExpr::SetOperation { left, right, .. } => {
                self.add_whole_tables(left);
                self.add_whole_tables(right);
            }
            _ => {}
        }
    }

    fn add_whole_table(&mut self, table: &Table) {
        // Of a single name the parser takes two tokens too many.
        let Some((database, table)) = table.schema_name.as_ref().zip(table.table_name.as_ref())
        else {
            self.has_odd_name = true;
            return;
        };
        let parts =
            [database, table].map(|part| ObjectNamePart::Identifier(Ident::new(part.as_str())));
        self.add(&ObjectName(parts.into()));
    }

    fn add(&mut self, name: &ObjectName) {
        let parts: Option<Vec<String>> = name
            .0
            .iter()
            .map(|part| part.as_ident().map(lower_case))
            .collect();
        let Some(mut parts) = parts else {
            self.has_odd_name = true;
            return;
        };
        if self.is_expression(&parts) {
            return;
        }
        // `table$history`, `table$partitions`: its metadata.
        if let Some(table) = parts.last_mut()
            && let Some(at) = table.find('$').filter(|at| *at > 0)
        {
            table.truncate(at);
        }
        match TableName::of(&parts) {
            Some(table) => {
                self.tables.insert(table);
            }
            None => self.has_odd_name = true,
        }
    }
}

/// Athena does not tell upper from lower case in names, quoted or not.
fn lower_case(name: &Ident) -> String {
    name.value.to_lowercase()
}

fn is_unnest(name: &ObjectName) -> bool {
    let [part] = name.0.as_slice() else {
        return false;
    };
    part.as_ident()
        .is_some_and(|name| lower_case(name) == "unnest")
}

impl Visitor for TableCollector {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let mut scope = NameScope::default();
        if let Some(with) = &query.with {
            let expressions = with.cte_tables.iter();
            let named = expressions.map(|cte| (&raw const *cte.query, lower_case(&cte.alias.name)));
            scope.is_recursive = with.recursive;
            scope.waiting = named.collect();
        }
        if let Some(outer) = self.scopes.last_mut().filter(|outer| outer.is_recursive) {
            outer.name(query);
        }
        self.scopes.push(scope);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.add_whole_tables(&query.body);
        self.scopes.pop();
        // An expression can be named behind its end, not in itself.
        if let Some(outer) = self.scopes.last_mut() {
            outer.name(query);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table {
                name, args: None, ..
            } => self.add(name),
            TableFactor::Table { name, .. } if is_unnest(name) => {}
            // What is in them is visited.
            TableFactor::Derived { .. }
            | TableFactor::UNNEST { .. }
            | TableFactor::NestedJoin { .. }
            | TableFactor::Pivot { .. }
            | TableFactor::Unpivot { .. }
            | TableFactor::MatchRecognize { .. } => {}
            // A function may read any table, such as one of its arguments.
            _ => self.has_odd_name = true,
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(sql: &str) -> Option<Vec<String>> {
        let tables = tables_of(sql)?.read.into_iter();
        let spelled = tables.map(|name| {
            let parts = [name.catalog, name.database, Some(name.table)];
            parts
                .iter()
                .flatten()
                .map(|part| &**part)
                .collect::<Vec<_>>()
                .join(".")
        });
        Some(spelled.collect())
    }

    #[test]
    fn tables_are_found_wherever_they_are_read() {
        for (sql, wanted) in [
            ("SELECT * FROM Claims.Sales", "claims.sales"),
            (
                r#"/* QuickSight x */ SELECT "a" FROM "AwsDataCatalog"."claims"."sales" LIMIT 10"#,
                "awsdatacatalog.claims.sales",
            ),
            ("SELECT 1", ""),
            (
                "SELECT * FROM a JOIN b.c ON a.x = c.x WHERE x IN (SELECT y FROM d)",
                "a d b.c",
            ),
            (
                "SELECT (SELECT max(x) FROM b) FROM a UNION ALL SELECT x FROM c",
                "a b c",
            ),
            ("INSERT INTO target SELECT * FROM source", "source"),
            (
                "CREATE TABLE t WITH (format = 'PARQUET') AS SELECT * FROM source",
                "source",
            ),
            (
                "UNLOAD (SELECT * FROM source) TO 's3://bucket/x/' WITH (format = 'PARQUET')",
                "source",
            ),
            ("EXPLAIN SELECT * FROM a", ""),
            ("EXPLAIN ANALYZE SELECT * FROM a", "a"),
            ("CREATE VIEW v AS SELECT * FROM a", ""),
            ("DELETE FROM a WHERE x = 1", "a"),
            ("UPDATE a SET x = 1 WHERE y IN (SELECT y FROM b)", "a b"),
            (
                "MERGE INTO a USING b ON a.x = b.x WHEN MATCHED THEN DELETE",
                "a b",
            ),
            (r#"SELECT * FROM db."t$history""#, "db.t"),
            ("SELECT * FROM a CROSS JOIN UNNEST(items) AS t (item)", "a"),
            ("SELECT filter(x, y -> y > 1) FROM a", "a"),
            (
                "SELECT CAST(ROW(1, 2) AS ROW(x BIGINT, y DOUBLE)) FROM a",
                "a",
            ),
            (
                "SELECT * FROM a FOR TIMESTAMP AS OF TIMESTAMP '2026-07-01 00:00:00 UTC'",
                "a",
            ),
            (
                "SELECT * FROM a UNION ALL TABLE hr.salaries",
                "a hr.salaries",
            ),
            (
                "WITH s AS (TABLE hr.salaries) SELECT * FROM s",
                "hr.salaries",
            ),
            ("SELECT * FROM (TABLE hr.salaries)", "hr.salaries"),
            ("INSERT INTO a TABLE hr.salaries", "hr.salaries"),
            (
                "MERGE INTO a USING b ON a.x IN (SELECT x FROM c) WHEN MATCHED THEN UPDATE SET y = (SELECT z FROM d)",
                "a b c d",
            ),
            ("SELECT * FROM a TABLESAMPLE BERNOULLI (10)", "a"),
            ("SELECT x AT TIME ZONE 'UTC', DATE '2026-07-01' FROM a", "a"),
        ] {
            assert_eq!(
                names(sql).map(|names| names.join(" ")).as_deref(),
                Some(wanted),
                "{sql}"
            );
        }
    }

    #[test]
    fn what_is_written_and_not_read_is_known() {
        for (sql, wanted) in [
            ("INSERT INTO target SELECT * FROM source", "target"),
            ("INSERT INTO a SELECT * FROM a", ""),
            ("CREATE TABLE db.t AS SELECT * FROM source", "t"),
            ("SELECT * FROM a", ""),
        ] {
            let written = tables_of(sql).unwrap().written.into_iter();
            let written: Vec<String> = written.map(|name| name.table.to_string()).collect();
            assert_eq!(written.join(" "), wanted, "{sql}");
        }
    }

    #[test]
    fn a_common_table_expression_is_no_table_where_its_name_means_it() {
        for (sql, wanted) in [
            ("WITH s AS (SELECT * FROM sales) SELECT * FROM s", "sales"),
            (
                "WITH sales AS (SELECT * FROM sales) SELECT * FROM sales",
                "sales",
            ),
            (
                "WITH a AS (SELECT 1), b AS (SELECT * FROM a) SELECT * FROM b",
                "",
            ),
            (
                "WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a, b",
                "b",
            ),
            ("WITH a AS (SELECT 1) SELECT * FROM db.a", "db.a"),
            (
                "SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a) x, a",
                "a",
            ),
            (
                "WITH RECURSIVE a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a",
                "b",
            ),
            (
                "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT * FROM r",
                "",
            ),
        ] {
            assert_eq!(
                names(sql).map(|names| names.join(" ")).as_deref(),
                Some(wanted),
                "{sql}"
            );
        }
    }

    #[test]
    fn what_is_not_understood_is_unknown() {
        for sql in [
            "",
            "***OMITTED***",
            "EXECUTE prepared",
            "SELECT * FROM a; SELECT * FROM b",
            "SELECT * FROM a.b.c.d",
            "SELECT * FROM",
            "SELECT * FROM TABLE(pg.system.query(query => 'select * from hr.salaries'))",
            "SELECT * FROM TABLE(exclude_columns(input => TABLE(hr.salaries), columns => DESCRIPTOR(x)))",
            "SELECT * FROM system.t(1)",
            "WITH s AS (SELECT 1) TABLE s",
        ] {
            assert_eq!(names(sql), None, "{sql}");
        }
        let long = format!("SELECT '{}' FROM a", "x".repeat(SQL_BYTES_MAX));
        assert_eq!(names(&long), None);
        let deep = format!(
            "SELECT {}1{} FROM a",
            "(".repeat(10_000),
            ")".repeat(10_000)
        );
        assert_eq!(names(&deep), None);
    }
}
