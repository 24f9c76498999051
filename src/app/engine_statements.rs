//! The statements of engines, for people: those that create a table, and those that a run sends.

use super::context::RunContext;
use super::engines;
use super::failure::Failure;
use crate::config::EngineSettings;
use crate::engine::{LineTable, LogTable, RecordTable, athena_ddl, columns, trino_ddl};
use crate::model::window::TimeWindow;

/// An engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    /// Amazon Athena.
    Athena,
    /// Trino.
    Trino,
}

/// The statements that create a table of the logs at a location of the engine.
///
/// # Errors
///
/// When the name is not that of a table of this engine.
pub fn ddl(kind: EngineKind, table: &str, location: &str) -> Result<String, Failure> {
    let parts: Vec<&str> = table.split('.').collect();
    let is_named = !parts.iter().any(|part| part.is_empty());
    match (kind, &parts[..]) {
        (EngineKind::Trino, [catalog, schema, table]) if is_named => {
            let name = [catalog, schema, table].map(|part| (*part).to_owned());
            Ok(trino_ddl(&name, location))
        }
        (EngineKind::Athena, [database, table]) if is_named => {
            if !location.starts_with("s3://") {
                return Err(Failure::usage(format!("{location:?} is not s3://...")));
            }
            let name = [database, table].map(|part| (*part).to_owned());
            Ok(athena_ddl(&name, location))
        }
        (EngineKind::Trino, _) => Err(Failure::usage(format!("{table:?} is no table of Trino"))
            .hint("write --table CATALOG.SCHEMA.TABLE")),
        (EngineKind::Athena, _) => Err(Failure::usage(format!("{table:?} is no table of Athena"))
            .hint("write --table DATABASE.TABLE")),
    }
}

/// The statements that a run over a window sends to each engine that is named. Paths of objects are
/// known when these are listed.
///
/// # Errors
///
/// When no engine is named.
pub fn sql(context: &RunContext, window: &TimeWindow) -> Result<Vec<String>, Failure> {
    let asked = engines::asked(context)?;
    if asked.is_empty() {
        return Err(Failure::usage("no engine is named").hint(
            "name a table with --logs trino://HOST:PORT/CATALOG/SCHEMA/TABLE, or in [[logs]]",
        ));
    }
    let statements = asked.iter().flat_map(|logs| match &logs.engine {
        EngineSettings::Trino(trino) => {
            let name = [&trino.catalog, &trino.schema, &trino.table];
            let table = LineTable {
                name: name.map(|part| part.to_lowercase()),
                column: LineTable::COLUMN.to_owned(),
            };
            vec![
                table.columns_statement(),
                table.definition_statement(),
                LogTable::Lines(table).index_template(window),
            ]
        }
        EngineSettings::Athena(athena) => {
            let table = RecordTable {
                name: [athena.database.clone(), athena.table.clone()],
                columns: columns().into_iter().collect(),
                has_source_identity: true,
                partitions: Vec::new(),
            };
            vec![LogTable::Records(table).index_template(window)]
        }
    });
    Ok(statements.collect())
}
