//! The name of a table, as SQL has it.

use super::text::Text;

/// A table that SQL names, in lower case as Athena reads it. What the SQL leaves out is that of the
/// query's context.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName {
    /// The data catalog.
    pub catalog: Option<Text>,
    /// The database.
    pub database: Option<Text>,
    /// The table.
    pub table: Text,
}

/// The tables that a statement reads and writes.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct StatementTables {
    /// Tables that it reads, sorted.
    pub read: Vec<TableName>,
    /// Tables that it writes and does not read, sorted.
    pub written: Vec<TableName>,
}

impl TableName {
    /// A table by the parts of its name, the last one first to be known; `None` for a name of
    /// none or more than three parts.
    #[must_use]
    pub fn of(parts: &[String]) -> Option<Self> {
        let text = |part: &String| Some(Text::from(part.as_str()));
        let (catalog, database, table) = match parts {
            [table] => (None, None, table),
            [database, table] => (None, text(database), table),
            [catalog, database, table] => (text(catalog), text(database), table),
            _ => return None,
        };
        Some(Self {
            catalog,
            database,
            table: text(table)?,
        })
    }
}
