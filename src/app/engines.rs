//! Engines that logs are asked about before they are read.

use super::context::RunContext;
use super::failure::Failure;
use super::places;
use crate::config::{EngineLogs, EngineSettings, LogLocation, S3Settings};
use crate::engine::{
    Index, IndexWatcher, IndexedLogs, LineTable, LogTable, TableObjects, index, rows,
};
use crate::model::key::is_in_s3;
use crate::model::size::bytes;
use crate::model::window::TimeWindow;
use crate::output::human::plural;
use crate::ports::{EngineError, EngineErrorKind, LogSource, SqlEngine, Version};

/// Endings of names of objects whose text an engine and this program read alike.
const READ_ALIKE: [&str; 2] = [".json.gz", ".json"];

/// An engine, its table, and where the objects of the table are read.
pub(super) struct EngineTable {
    engine: Box<dyn SqlEngine>,
    table: LogTable,
    /// The location of the table, as the engine has it in paths.
    location: String,
    /// Where the same objects are read.
    pub(super) objects: LogLocation,
}

/// Engines that options or configuration name.
pub(super) fn asked(context: &RunContext) -> Result<Vec<EngineLogs>, Failure> {
    let options = &context.options;
    if options.logs.is_empty() {
        if options.objects.is_some() {
            return Err(
                Failure::usage("--objects says where the objects of a table are read")
                    .hint("name the table with --logs trino://HOST:PORT/CATALOG/SCHEMA/TABLE"),
            );
        }
        return Ok(context.settings.engines.clone());
    }
    let objects = options.objects.as_deref();
    let objects = objects.map(|objects| location_of(context, objects));
    let mut engines = Vec::new();
    for url in &options.logs {
        let Some(engine) = EngineSettings::of_url(url) else {
            continue;
        };
        let engine = engine.map_err(|write| {
            Failure::usage(format!("--logs {url:?} names no table of an engine")).hint(write)
        })?;
        // Of a table that is configured, the configuration knows the user and the rest.
        let mut configured = context.settings.engines.iter();
        let mut logs = configured
            .find(|known| known.engine.url() == engine.url())
            .cloned()
            .unwrap_or(EngineLogs {
                engine,
                objects: None,
            });
        logs.objects = objects.clone().or(logs.objects);
        engines.push(logs);
    }
    match (engines.len(), &objects) {
        (0, Some(_)) => Err(Failure::usage(
            "--objects is for a table of an engine, and --logs names none",
        )
        .hint("write --logs trino://HOST:PORT/CATALOG/SCHEMA/TABLE")),
        (2.., Some(_)) => Err(
            Failure::usage("--objects cannot be said of more than one engine")
                .hint("write each engine as [[logs]] in qs-audit.toml, with its own `objects`"),
        ),
        _ => Ok(engines),
    }
}

/// The location that a text names.
pub(super) fn location_of(context: &RunContext, logs: &str) -> LogLocation {
    if is_in_s3(logs) {
        LogLocation::S3(S3Settings {
            url: logs.to_owned(),
            requester_pays: context.options.requester_pays,
            ..S3Settings::default()
        })
    } else {
        LogLocation::Path(logs.into())
    }
}

impl EngineTable {
    /// Finds out where the objects of a table are, and what its column is called.
    pub(super) fn open(logs: &EngineLogs) -> Result<Self, Failure> {
        let EngineSettings::Trino(settings) = &logs.engine else {
            return Err(Failure::usage("athena:// is not read yet"));
        };
        let engine = remote::trino(settings)?;
        let name = [&settings.catalog, &settings.schema, &settings.table];
        let table = line_table(&*engine, name.map(|part| part.to_lowercase()))?;
        let location = location(&*engine, &table)?;
        let objects = match &logs.objects {
            Some(objects) => objects.clone(),
            None => objects_of(&location, &logs.engine)?,
        };
        Ok(Self {
            engine,
            table: LogTable::Lines(table),
            location,
            objects,
        })
    }

    /// Returns true if a location is where the objects of the table are read, or a part of that.
    pub(super) fn is_of(&self, location: &LogLocation) -> bool {
        let whole = |location: &LogLocation| places::canonical(vec![location.clone()]);
        let own = whole(&self.objects);
        let roots = whole(location)
            .into_iter()
            .flat_map(|one| places::roots(&one));
        roots.into_iter().all(|root| places::is_in(&own, &root))
    }

    /// Asks about logs, and returns them with what was answered.
    pub(super) fn indexed(
        &self,
        context: &RunContext,
        logs: Box<dyn LogSource>,
        window: &TimeWindow,
        will_read: super::sources::WillRead<'_>,
    ) -> Result<IndexedLogs, Failure> {
        let (objects, size) = self.table_objects(&*logs, will_read);
        let name = self.engine.name();
        context.notices.note(&format!(
            "{name}: asking about {} of {}",
            plural(objects.len() as u64, "object"),
            bytes(size)
        ));
        let objects = TableObjects::new(objects);
        let index = index(&*self.engine, &self.table, &objects, window, &Unwatched)?;
        say(context, name, &index);
        Ok(IndexedLogs::new(logs, index))
    }

    /// The objects to ask about, by their paths in the engine, and the bytes of all.
    fn table_objects(
        &self,
        logs: &dyn LogSource,
        will_read: super::sources::WillRead<'_>,
    ) -> (Vec<(u32, String)>, u64) {
        let roots: Vec<String> = [
            vec![self.objects.clone()],
            places::canonical(vec![self.objects.clone()]),
        ]
        .concat()
        .iter()
        .flat_map(places::roots)
        .collect();
        let location = self.location.trim_end_matches('/');
        let (mut objects, mut size) = (Vec::new(), 0);
        for object in 0..logs.object_count() {
            let key = logs.key(object);
            // A name that is no text stands in its key as an escape.
            if key.contains("\\x") || !READ_ALIKE.iter().any(|ending| key.ends_with(ending)) {
                continue;
            }
            let mut own = roots.iter().filter_map(|root| {
                let rest = key.strip_prefix(root.trim_end_matches('/'))?;
                rest.strip_prefix('/')
            });
            let Some(own) = own.next() else {
                continue;
            };
            let version = logs.version(object);
            if let Some(version) = &version
                && !will_read(&key, version)
            {
                continue;
            }
            size += version.map_or(0, |version: Version| version.bytes);
            objects.push((object, format!("{location}/{own}")));
        }
        (objects, size)
    }
}

/// Says what an engine could not tell.
fn say(context: &RunContext, name: &str, index: &Index) {
    let unreadable = index.unreadable.len() as u64;
    if let Some(first) = index.unreadable.first() {
        context.notices.note(&format!(
            "{name}: cannot read {}, which are read here; the first is {first}",
            plural(unreadable, "object")
        ));
    }
    let objects: usize = index.given_up.iter().map(|(_, objects)| objects).sum();
    if let Some((error, _)) = index.given_up.first() {
        context.notices.note(&format!(
            "{}, which are read here: {error}",
            plural(objects as u64, "object was not answered for")
                .replace("object was", "objects were")
        ));
    }
}

struct Unwatched;

impl IndexWatcher for Unwatched {
    fn asked(&self, _objects: usize, _all: usize) {}
}

/// The table of lines of this name.
fn line_table(engine: &dyn SqlEngine, name: [String; 3]) -> Result<LineTable, Failure> {
    let table = LineTable {
        name,
        column: LineTable::COLUMN.to_owned(),
    };
    let (mut columns, mut others) = (Vec::new(), 0);
    let of_row = |row: Vec<Option<String>>| <[Option<String>; 2]>::try_from(row).ok();
    for row in rows(engine, &table.columns_statement(), &of_row)? {
        match row {
            [Some(column), Some(kind)] if kind == "varchar" => columns.push(column),
            _ => others += 1,
        }
    }
    let unfit = |message: &str| {
        let named = table.name.join(".");
        Failure::usage(format!("{}: {named} {message}", engine.name()))
            .hint("`qs-audit engine ddl --for trino` prints the statement that creates a table")
    };
    match (&columns[..], others) {
        ([column], 0) => Ok(LineTable {
            column: column.clone(),
            ..table
        }),
        ([], 0) => Err(unfit("is not there")),
        _ => Err(unfit("has other columns than one of text")),
    }
}

/// The location of a table.
fn location(engine: &dyn SqlEngine, table: &LineTable) -> Result<String, Failure> {
    let of_row = |row: Vec<Option<String>>| row.into_iter().next().flatten();
    let told = rows(engine, &table.definition_statement(), &of_row)?;
    LineTable::location_in(&told.concat()).ok_or_else(|| {
        Failure::usage(format!(
            "{}: the table has no external_location",
            engine.name()
        ))
        .hint("`qs-audit engine ddl --for trino` prints the statement that creates one")
    })
}

/// Where objects are read that an engine has at a location.
fn objects_of(location: &str, engine: &EngineSettings) -> Result<LogLocation, Failure> {
    let bucket = ["s3://", "s3a://", "s3n://"]
        .iter()
        .find_map(|scheme| location.strip_prefix(scheme));
    match bucket {
        Some(bucket) => Ok(LogLocation::S3(S3Settings {
            url: format!("s3://{bucket}"),
            ..S3Settings::default()
        })),
        None => Err(Failure::usage(format!(
            "{}: the table's location {location} is not in S3",
            engine.url()
        ))
        .hint("say where the same objects are read: --objects FOLDER, or `objects` in [[logs]]")),
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error.kind {
            EngineErrorKind::Refused => Self::usage(error.message)
                .hint("`qs-audit doctor` checks the engine, its table and the permissions"),
            EngineErrorKind::Passing | EngineErrorKind::Data => Self::internal(error.message)
                .hint("--logs with the location of the objects reads them without the engine"),
        }
    }
}

#[cfg(not(feature = "aws"))]
mod remote {
    use super::{Failure, SqlEngine};
    use crate::config::TrinoSettings;

    pub(super) fn trino(_settings: &TrinoSettings) -> Result<Box<dyn SqlEngine>, Failure> {
        Err(Failure::usage("this program was built without engines")
            .hint("build it with the feature aws"))
    }
}

#[cfg(feature = "aws")]
mod remote {
    use super::{Failure, SqlEngine};
    use crate::config::TrinoSettings;
    use crate::engine::{Trino, TrinoServer};
    use std::path::Path;
    use std::time::Duration;

    /// The user's own variable for the name by which Trino knows them.
    const USER_VARIABLE: &str = "QS_AUDIT_TRINO_USER";
    const USER_DEFAULT: &str = "qs-audit";
    const BACKOFF: Duration = Duration::from_millis(500);

    pub(super) fn trino(settings: &TrinoSettings) -> Result<Box<dyn SqlEngine>, Failure> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let user = settings.user.clone().or_else(|| variable(USER_VARIABLE));
        let password = match (&settings.password_env, &settings.password_file) {
            (Some(name), _) => Some(variable(name).ok_or_else(|| {
                Failure::usage(format!("the environment variable {name} is not set"))
                    .hint("[[logs]] trino.password_env names it")
            })?),
            (None, Some(file)) => {
                let text = String::from_utf8(read(file)?).unwrap_or_default();
                Some(text.trim_end_matches(['\r', '\n']).to_owned())
            }
            (None, None) => None,
        };
        let server = TrinoServer {
            authority: settings.authority.clone(),
            is_plain: settings.is_on_loopback(),
            user: user.unwrap_or_else(|| USER_DEFAULT.to_owned()),
            password,
            ca_bundle: settings.ca_bundle.as_deref().map(read).transpose()?,
            backoff: BACKOFF,
        };
        Ok(Box::new(Trino::new(server)?))
    }

    fn read(file: &Path) -> Result<Vec<u8>, Failure> {
        std::fs::read(file).map_err(|error| {
            Failure::usage(format!("{}: {error}", file.display()))
                .hint("[[logs]] trino names this file")
        })
    }
}
