//! Access to engines: Trino by its own protocol, Athena as a service of AWS.

#[cfg(feature = "aws")]
use super::engine_table::EngineFact;
use super::engine_table::OpenedTable;
use super::failure::Failure;
#[cfg(feature = "aws")]
use crate::engine::LogTable;
use crate::ports::SqlEngine;
use std::sync::Arc;

pub(super) use remote::{athena, region, trino, when_interrupted};

#[cfg(not(feature = "aws"))]
mod remote {
    use super::{Arc, Failure, OpenedTable, SqlEngine};
    use crate::config::{AthenaSettings, TrinoSettings};

    pub(in crate::app) fn trino(
        _settings: &TrinoSettings,
        _name: String,
    ) -> Result<Arc<dyn SqlEngine>, Failure> {
        Err(without_engines())
    }

    pub(in crate::app) fn athena(
        _settings: &AthenaSettings,
        _name: String,
    ) -> Result<OpenedTable, Failure> {
        Err(without_engines())
    }

    pub(in crate::app) fn region(_settings: &AthenaSettings) -> Result<String, Failure> {
        Err(without_engines())
    }

    pub(in crate::app) fn when_interrupted(_act: impl FnOnce() + Send + 'static) {}

    fn without_engines() -> Failure {
        Failure::usage("this program was built without engines")
            .hint("build it with the feature aws")
    }
}

#[cfg(feature = "aws")]
mod remote {
    use super::{Arc, EngineFact, Failure, LogTable, OpenedTable, SqlEngine};
    use crate::app::aws_access::access;
    use crate::aws::{AthenaSql, Aws, AwsError, WorkGroup};
    use crate::config::{AthenaSettings, TrinoSettings};
    use crate::engine::{NEEDED_COLUMNS, RecordTable, Trino, TrinoServer};
    use crate::model::size::bytes;
    use std::path::Path;
    use std::time::Duration;

    pub(in crate::app) use crate::engine::when_interrupted;

    /// The user's own variable for the name by which Trino knows them.
    const USER_VARIABLE: &str = "QS_AUDIT_TRINO_USER";
    const USER_DEFAULT: &str = "qs-audit";
    const BACKOFF: Duration = Duration::from_millis(500);

    pub(in crate::app) fn trino(
        settings: &TrinoSettings,
        name: String,
    ) -> Result<Arc<dyn SqlEngine>, Failure> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let user = settings.user.clone().or_else(|| variable(USER_VARIABLE));
        let password = match (&settings.password_env, &settings.password_file) {
            (Some(name), _) => Some(variable(name).ok_or_else(|| {
                Failure::usage(format!("the environment variable {name} is not set"))
                    .hint("[[logs]] trino.password_env names it")
            })?),
            (None, Some(file)) => {
                let text = String::from_utf8(read(file)?).map_err(|_| {
                    Failure::usage(format!("{}: it is no UTF-8 text", file.display()))
                        .hint("[[logs]] trino.password_file names this file")
                })?;
                Some(text.trim_end_matches(['\r', '\n']).to_owned())
            }
            (None, None) => None,
        };
        let user = user.unwrap_or_else(|| USER_DEFAULT.to_owned());
        let is_sendable = |char: char| matches!(char, ' '..='~');
        let is_told_apart = password.is_none() || !user.contains(':');
        if user.is_empty() || !user.chars().all(is_sendable) || !is_told_apart {
            return Err(
                Failure::usage(format!("{user:?} cannot be a user of Trino"))
                    .hint("write `user` in [[logs]] trino, or set QS_AUDIT_TRINO_USER"),
            );
        }
        let server = TrinoServer {
            name,
            authority: settings.authority.clone(),
            is_plain: settings.is_on_loopback(),
            user,
            password,
            ca_bundle: settings.ca_bundle.as_deref().map(read).transpose()?,
            backoff: BACKOFF,
        };
        Ok(Arc::new(Trino::new(server)?))
    }

    /// A work group that runs statements, the table of records, and its location.
    pub(in crate::app) fn athena(
        settings: &AthenaSettings,
        name: String,
    ) -> Result<OpenedTable, Failure> {
        let access = access(&settings.role, settings.region.as_deref());
        let engine = AthenaSql::new(Aws::new()?, &access, &settings.work_group, name)?;
        let AthenaSettings {
            database, table, ..
        } = settings;
        let described = engine.table(&access, database, table)?;
        let mut needed = NEEDED_COLUMNS.iter();
        if let Some(column) = needed.find(|column| !described.columns.contains_key(**column)) {
            return Err(Failure::usage(format!(
                "{}: {database}.{table} has no column {column}",
                engine.name()
            ))
            .hint("`qs-audit engine ddl --for athena` prints the statement that creates a table"));
        }
        let identity = described.columns.get("useridentity");
        let table = RecordTable {
            name: [database.clone(), table.clone()],
            has_source_identity: identity.is_some_and(|kind| kind.contains("sourceidentity:")),
            columns: described.columns.clone(),
            partitions: described.partitions,
        };
        let mut facts = vec![of_partitions(&table)];
        facts.extend(of_work_group(engine.work_group(&access)));
        let engine: Arc<dyn SqlEngine> = Arc::new(engine);
        Ok((engine, LogTable::Records(table), described.location, facts))
    }

    /// Whether a window scans less than the whole table.
    fn of_partitions(table: &RecordTable) -> EngineFact {
        let told = table.partitions.join(", ");
        let fact = if table.is_cut_by_day() {
            Ok(format!("by {told}"))
        } else {
            let next_step = "partition the table by account, region and day: `qs-audit engine ddl --for athena` prints how";
            let detail = "the table has no partitions by day: each statement may scan all of it";
            Err((detail.to_owned(), next_step.to_owned()))
        };
        ("partitions", fact)
    }

    /// What a work group allows.
    fn of_work_group(told: Result<WorkGroup, AwsError>) -> Vec<EngineFact> {
        let group = match told {
            Ok(group) => group,
            Err(error) => {
                let next_step = "allow athena:GetWorkGroup on the work group".to_owned();
                return vec![("work group", Err((error.message, next_step)))];
            }
        };
        let state = if !group.is_enabled {
            let next_step = "aws athena update-work-group --state ENABLED --work-group NAME";
            Err(("it is disabled".to_owned(), next_step.to_owned()))
        } else if !group.has_results {
            let next_step =
                "give the work group an output location, or let Athena manage its results";
            Err(("results have no place".to_owned(), next_step.to_owned()))
        } else {
            Ok("it is enabled, and results have a place".to_owned())
        };
        let cutoff = match group.cutoff_bytes {
            Some(limit) => format!("a statement is ended after {}", bytes(limit)),
            None => "none: a statement may scan any number of bytes".to_owned(),
        };
        vec![("work group", state), ("cutoff", Ok(cutoff))]
    }

    /// The Region in which a work group is asked.
    pub(in crate::app) fn region(settings: &AthenaSettings) -> Result<String, Failure> {
        match &settings.region {
            Some(region) => Ok(region.clone()),
            None => Ok(Aws::new()?.region().unwrap_or_default().to_owned()),
        }
    }

    fn read(file: &Path) -> Result<Vec<u8>, Failure> {
        std::fs::read(file).map_err(|error| {
            Failure::usage(format!("{}: {error}", file.display()))
                .hint("[[logs]] trino names this file")
        })
    }
}
