//! Engines that logs are asked about before they are read.

use super::check_line::CheckLine;
use super::context::RunContext;
use super::engine_access;
use super::engine_table::{EngineTable, OpenedTable, ScanPrice, SharedEngines};
use super::failure::Failure;
use super::places;
use super::pricing::pricing;
use super::will_read::WillRead;
use crate::config::{EngineLogs, EngineMode, EngineSettings, LogLocation, S3Settings};
use crate::engine::{
    Index, IndexedLogs, LineTable, LogTable, TableObject, TableObjects, count_seen, index, rows,
    scanned_bytes, send,
};
use crate::model::key::is_in_s3;
use crate::model::size::bytes;
use crate::model::window::TimeWindow;
use crate::output::human::{money, plural};
use crate::ports::{EngineError, EngineErrorKind, LogSource, SqlEngine, Version};
use rust_decimal::{Decimal, RoundingStrategy};
use std::sync::{Arc, PoisonError};

/// Endings of names of objects whose text an engine and this program read alike.
const READ_ALIKE: [&str; 2] = [".json.gz", ".json"];

/// Stored bytes of objects with relevant records beyond which an engine sends these, where it decides.
const SENT_BYTES_MIN: u64 = 1_000_000_000;

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
                mode: EngineMode::default(),
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

/// Returns the engines that logs are asked about. At the first call they are asked where the objects of
/// their tables are.
///
/// # Errors
///
/// When an engine cannot be asked.
pub(super) fn opened(context: &RunContext) -> Result<&[EngineTable], Failure> {
    if let Some(engines) = context.engines.get() {
        return Ok(engines);
    }
    let asked = asked(context)?;
    let opened = asked.iter().map(|logs| EngineTable::open(context, logs));
    let opened = opened.collect::<Result<Vec<_>, _>>()?;
    Ok(context.engines.get_or_init(|| opened))
}

/// From now on, an interruption of the program cancels the statements of an engine, too.
fn cancel_when_interrupted(context: &RunContext, engine: &Arc<dyn SqlEngine>) {
    let cancellable = context.cancellable.get_or_init(|| {
        let all = SharedEngines::default();
        let own = Arc::clone(&all);
        engine_access::when_interrupted(move || {
            let engines = own.lock().unwrap_or_else(PoisonError::into_inner);
            engines.iter().for_each(|engine| engine.cancel());
        });
        all
    });
    let mut all = cancellable.lock().unwrap_or_else(PoisonError::into_inner);
    all.push(Arc::clone(engine));
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
    /// Finds out where the objects of a table are, and how it is made.
    pub(super) fn open(context: &RunContext, logs: &EngineLogs) -> Result<Self, Failure> {
        let (engine, table, location, facts): OpenedTable = match &logs.engine {
            EngineSettings::Trino(settings) => {
                let engine = engine_access::trino(settings, logs.engine.url())?;
                cancel_when_interrupted(context, &engine);
                let name = [&settings.catalog, &settings.schema, &settings.table];
                let table = line_table(&*engine, name.map(|part| part.to_lowercase()))?;
                let location = location(&*engine, &table)?;
                (engine, LogTable::Lines(table), location, Vec::new())
            }
            EngineSettings::Athena(settings) => {
                let opened = engine_access::athena(settings, logs.engine.url())?;
                cancel_when_interrupted(context, &opened.0);
                opened
            }
        };
        let objects = match &logs.objects {
            Some(objects) => objects.clone(),
            None => objects_of(&location, &logs.engine)?,
        };
        let price = match &logs.engine {
            EngineSettings::Trino(_) => None,
            EngineSettings::Athena(settings) => Some(ScanPrice {
                pricing: pricing(context),
                region: engine_access::region(settings)?,
                max_usd: settings.max_usd,
            }),
        };
        Ok(Self {
            engine,
            table,
            location,
            objects,
            price,
            facts,
            mode: logs.mode,
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
        will_read: WillRead<'_>,
    ) -> Result<IndexedLogs, Failure> {
        let objects = self.table_objects(&*logs, will_read);
        let name = self.engine.name();
        if objects.is_empty() {
            return Ok(IndexedLogs::new(logs, Index::default()));
        }
        self.say_before(context, &objects)?;
        let watcher = context.notices.asking(name);
        let mut index = index(&*self.engine, &self.table, &objects, window, &*watcher)?;
        drop(watcher);
        self.send(context, &objects, &mut index);
        say(context, name, objects.with_text().len(), &index);
        Ok(IndexedLogs::new(logs, index))
    }

    /// Lets the engine send relevant records, where that is wanted.
    fn send(&self, context: &RunContext, objects: &TableObjects, index: &mut Index) {
        let LogTable::Lines(table) = &self.table else {
            return;
        };
        let relevant = objects.only(|object| index.relevant.contains_key(&object));
        let is_wanted = match self.mode {
            EngineMode::Objects => false,
            EngineMode::Events => true,
            EngineMode::Auto => relevant.bytes() > SENT_BYTES_MIN,
        };
        let what = format!(
            "{} of {} with relevant records",
            plural(relevant.len() as u64, "object"),
            bytes(relevant.bytes())
        );
        if self.mode == EngineMode::Auto {
            let decision = if is_wanted {
                "the engine sends these"
            } else {
                "they are read here"
            };
            let name = self.engine.name();
            context.notices.note(&format!("{name}: {what}: {decision}"));
        }
        if is_wanted {
            send(&*self.engine, table, &relevant, index);
        }
    }

    /// Counts the objects that the engine sees.
    pub(super) fn count_seen(&self, objects: &TableObjects) -> Result<u64, Failure> {
        Ok(count_seen(&*self.engine, &self.table, objects)?)
    }

    /// Says what is known of the engine before anything is asked.
    pub(super) fn facts(&self, url: &str, lines: &mut Vec<CheckLine>) {
        lines.extend(self.facts.iter().map(|fact| match fact {
            (check, Ok(detail)) => CheckLine::good(url, check, detail.as_str()),
            (check, Err((detail, next_step))) => {
                CheckLine::failed(url, check, detail.as_str(), next_step.as_str())
            }
        }));
    }

    /// Says what all statements may scan and cost; refuses what may cost too much.
    pub(super) fn say_before(
        &self,
        context: &RunContext,
        objects: &TableObjects,
    ) -> Result<(), Failure> {
        let (name, size) = (self.engine.name(), objects.bytes());
        let what = format!(
            "{name}: asking about {} of {}",
            plural(objects.len() as u64, "object"),
            bytes(size)
        );
        let Some(price) = &self.price else {
            context.notices.note(&what);
            return Ok(());
        };
        let usd = |bytes: u64| {
            let day = context.now.day();
            price.pricing.estimate_usd(bytes, &price.region, day)
        };
        let (once, at_most) = scanned_bytes(objects);
        let (once, at_most) = (usd(once), usd(at_most));
        let is_bounded = match &self.table {
            LogTable::Lines(_) => true,
            LogTable::Records(table) => table.is_cut_by_day(),
        };
        let at_most = at_most.filter(|_| is_bounded);
        let told = match once.zip(at_most) {
            Some((once, at_most)) => format!(
                "{}, and at most ${} with all retries",
                about(once),
                money(
                    at_most.round_dp_with_strategy(2, RoundingStrategy::AwayFromZero),
                    2
                )
            ),
            None if is_bounded => format!("the price in {} is not known", price.region),
            None => "what that costs is not known, because the table has no partitions by day"
                .to_owned(),
        };
        context.notices.announce(&format!("{what}: {told}"));
        match (price.max_usd, at_most) {
            (Some(max), Some(at_most)) if at_most <= max => Ok(()),
            (Some(max), _) => Err(Failure::usage(format!(
                "{name}: that may cost more than max_usd = \"{max}\""
            ))
            .hint("take a shorter window, or raise max_usd in [[logs]] athena")),
            (None, _) => Ok(()),
        }
    }

    /// The objects to ask about, by their paths in the engine.
    pub(super) fn table_objects(
        &self,
        logs: &dyn LogSource,
        will_read: WillRead<'_>,
    ) -> TableObjects {
        let roots: Vec<String> = [
            vec![self.objects.clone()],
            places::canonical(vec![self.objects.clone()]),
        ]
        .concat()
        .iter()
        .flat_map(places::roots)
        .collect();
        let location = self.location.trim_end_matches('/');
        let mut objects = Vec::new();
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
            objects.push(TableObject {
                object,
                path: format!("{location}/{own}"),
                bytes: version.map_or(0, |version: Version| version.bytes),
            });
        }
        TableObjects::new(objects)
    }
}

/// An amount of US dollars that is not known exactly.
fn about(amount: Decimal) -> String {
    match money(amount, 2).strip_prefix('<') {
        Some(least) => format!("less than ${least}"),
        None => format!("about ${}", money(amount, 2)),
    }
}

/// Says what an engine could not tell.
fn say(context: &RunContext, name: &str, objects: usize, index: &Index) {
    let unreadable = index.unreadable.len();
    if let Some((first, why)) = index.unreadable.first() {
        context.notices.note(&format!(
            "{name}: cannot read {}, and so they are read here; the first is {first} ({why})",
            plural(unreadable as u64, "object")
        ));
    }
    let given_up: usize = index.given_up.iter().map(|(_, objects)| objects).sum();
    if let Some((error, _)) = index.given_up.first() {
        context.notices.note(&format!(
            "{error}: {} read here instead",
            plural(given_up as u64, "object")
        ));
    }
    let unknown = objects.saturating_sub(index.answered + unreadable + given_up);
    if unknown > 0 {
        context.notices.note(&format!(
            "{name}: no answer for {}, and so they are read here; `qs-audit doctor` says what the engine sees",
            plural(unknown as u64, "object")
        ));
    }
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
    let told = rows(engine, &table.definition_statement(), &of_row)?.concat();
    if let Some(hindrance) = LineTable::hindrance(&told) {
        let name = engine.name();
        return Err(Failure::usage(format!("{name}: the table has {hindrance}"))
            .hint("`qs-audit engine ddl --for trino` prints the statement that creates a table"));
    }
    LineTable::location_in(&told).ok_or_else(|| {
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
