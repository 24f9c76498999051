//! `qs-audit query`: SQL over the record tables.

use super::exit::Exit;
use super::failure::text_of;
use super::formats::RecordFormat;
use super::query_prompt;
use super::run_args::RunArgs;
use super::search_args::QueryArgs;
use super::session::{self, start};
use super::strictness::{exit_of_counts, nothing_to_read};
use super::terminal::{check_output, page, say, write_out};
use super::time_args::{self, DefaultWindow};
use crate::app::audit::{AuditRun, StitchedRun};
use crate::app::exports::Wants;
use crate::app::failure::Failure;
use crate::app::memory;
use crate::app::nearest::nearest;
use crate::app::query_tables::{self, TableNeeds};
use crate::app::record_files::{parquet, workbook};
use crate::local::write_new;
use crate::model::audit::Audit;
use crate::model::chain::{Chain, ambiguous_in};
use crate::model::data_catalogs::DataCatalogs;
use crate::model::finding::Previous;
use crate::model::table::{Table, Values};
use crate::model::text::Text;
use crate::model::topology::Topology;
use crate::output::chargeback::heading_line;
use crate::output::human::{line, safe};
use crate::output::json::table as json;
use crate::output::not_read::NotRead;
use crate::output::reads_not_logged::reads_not_logged;
use crate::output::{csv, table_text};
use crate::queries::{self, BindError, QueryHeader, Saved};
use crate::records;
use crate::records::queries::QueryRecord;
use crate::tables::{self, NamedColumns, SqlError};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Read};
use std::path::Path;

const DEFAULT_SECONDS: i64 = 7 * 86_400;

/// The table of what queries read, and the column of it.
const READS: &str = "reads";

/// The table of events.
const EVENTS: &str = "events";

/// The table of listed tables.
const CATALOG_TABLES: &str = "catalog_tables";

/// SQL with where it is from, for messages.
struct SqlText {
    origin: String,
    sql: String,
}

pub(super) fn run(args: &QueryArgs) -> Result<Exit, Failure> {
    let (run_args, format) = RunArgs::audit(&args.audit)
        .bill(&args.bill)
        .output(&args.output)?;
    let run_args = &run_args;
    check_output(run_args)?;
    if args.list {
        return list(run_args, format);
    }
    let query = wanted(args)?;
    if args.sql {
        let query = query.ok_or_else(nothing_asked)?;
        write_out(run_args, |out| out.write_all(query.sql.as_bytes()))?;
        return Ok(Exit::Clean);
    }
    if query.is_none() && args.export.is_none() && !args.interactive {
        return Err(nothing_asked());
    }
    let context = start(run_args)?;
    let default = DefaultWindow::Last(DEFAULT_SECONDS);
    let window = time_args::window(run_args, context.now, default)?.whole_days();
    let known = memory::known(&context)?;
    let run = AuditRun::prepare(&context, window, Wants::Bill)?;
    let Stitched {
        audit,
        tables,
        ambiguous,
    } = stitched(args, &run, query.as_ref(), &known)?;
    session::say_coverage(run_args, &run, &audit)?;
    let nothing = nothing_to_read(run_args, &audit);
    let catalogs = run.plan.exports.catalogs.as_ref();
    if let Some(dir) = &args.export {
        export(run_args, dir, &tables, &audit)?;
    }
    if args.interactive {
        prompt(run_args, format, &tables, &audit)?;
        return Ok(exit_of_counts(run_args, &audit, ambiguous).max(nothing));
    }
    if let Some(query) = &query {
        let result = tables::run(&query.sql, &tables).map_err(|error| complaint(&error, query))?;
        let name = args.name.as_deref().unwrap_or("query");
        let result = Table {
            name: name.to_owned(),
            ..result
        };
        // An answer about reads says which of them the logs cannot tell.
        let gaps = if tables::names(&query.sql, READS) {
            reads_not_logged(&audit.coverage, &run.plan.topology)
        } else {
            Vec::new()
        };
        let mut notes: Vec<String> = gaps.into_iter().map(|gap| gap.text).collect();
        if tables::names(&query.sql, CATALOG_TABLES) && catalogs.is_none() {
            notes.push(
                "no list of tables was given (--catalogs): which tables were never read is not known".to_owned(),
            );
        }
        print(run_args, format, &result, &audit, &notes)?;
        if !run_args.quiet {
            for note in &notes {
                say(&format!("{note}\n"));
            }
        }
    }
    Ok(exit_of_counts(run_args, &audit, ambiguous).max(nothing))
}

/// Runs statements as they are typed.
fn prompt(
    run_args: &RunArgs,
    format: RecordFormat,
    tables: &[Table],
    audit: &Audit,
) -> Result<(), Failure> {
    let mut execute = |sql: &str| {
        let asked = SqlText {
            origin: "SQL".to_owned(),
            sql: sql.to_owned(),
        };
        let result = tables::run(sql, tables).map_err(|error| complaint(&error, &asked))?;
        print(run_args, format, &result, audit, &[])
    };
    query_prompt::read_statements(tables, &mut execute, &text_of)
}

/// A run, and the tables that SQL reads.
struct Stitched {
    audit: Audit,
    tables: Vec<Table>,
    ambiguous: u64,
}

/// Reads and stitches; of more events than fit in memory, only into what is named.
fn stitched(
    args: &QueryArgs,
    run: &AuditRun<'_>,
    query: Option<&SqlText>,
    known: &Previous,
) -> Result<Stitched, Failure> {
    let spill = args.spill.options();
    let named = match query {
        Some(query) if args.export.is_none() => NamedColumns::of(&query.sql),
        _ => NamedColumns::all(),
    };
    let needs = TableNeeds {
        named: &named,
        bytes_max: args.memory_mb.saturating_mul(1_000_000),
    };
    needs.check(run, &spill)?;
    let catalogs = run.plan.exports.catalogs.as_ref();
    let topology = &run.plan.topology;
    let file = spill.file();
    match run.run_spilling(&file, &spill)? {
        StitchedRun::Whole(audit) => Ok(Stitched {
            tables: record_tables(&audit, catalogs, topology, known).into(),
            ambiguous: ambiguous_in(&audit.chains),
            audit: *audit,
        }),
        StitchedRun::Sliced(sliced) => {
            let (audit, mut tables, ambiguous) = query_tables::of_slices(run, sliced, &needs)?;
            if query.is_some_and(|query| tables::names(&query.sql, EVENTS)) {
                return Err(
                    Failure::usage("the table events is for events that fit in memory").hint(
                        "choose a shorter window with --from and --to, or raise --spill-above",
                    ),
                );
            }
            let others = [
                charges_table(&audit, topology),
                catalogs_table(&audit, catalogs),
                records::coverage_days::table(&audit.coverage),
                records::known_findings::table(known),
            ];
            tables.extend(others);
            Ok(Stitched {
                audit,
                tables,
                ambiguous,
            })
        }
    }
}

fn nothing_asked() -> Failure {
    Failure::usage("no query is named")
        .hint("qs-audit query --list prints the saved queries; -e \"SELECT ...\" runs your own SQL, --interactive reads it from you")
}

/// The tables that SQL can read.
fn record_tables(
    audit: &Audit,
    catalogs: Option<&DataCatalogs>,
    topology: &Topology,
    known: &Previous,
) -> [Table; 9] {
    let attribution = audit.attribution.as_ref();
    let chains: Vec<&Chain> = audit.chains.iter().collect();
    [
        records::chains::table(&chains),
        records::hops::table(&chains),
        records::queries::table(&QueryRecord::all_of(&chains, attribution)),
        records::reads::table(&chains, topology),
        catalogs_table(audit, catalogs),
        charges_table(audit, topology),
        records::session_events::table(&audit.events),
        records::coverage_days::table(&audit.coverage),
        records::known_findings::table(known),
    ]
}

fn charges_table(audit: &Audit, topology: &Topology) -> Table {
    let attribution = audit.attribution.as_ref();
    let charges = attribution.map_or(&[][..], |attribution| &attribution.charges);
    records::charges::table(charges, topology)
}

fn catalogs_table(audit: &Audit, catalogs: Option<&DataCatalogs>) -> Table {
    records::catalog_tables::table(catalogs, &audit.coverage.reads_not_logged)
}

/// The SQL that was asked for, its parameters filled in.
fn wanted(args: &QueryArgs) -> Result<Option<SqlText>, Failure> {
    let (origin, sql) = match (&args.name, &args.file) {
        _ if args.execute.is_some() => ("SQL".to_owned(), args.execute.clone().unwrap_or_default()),
        (Some(name), _) => {
            let saved = queries::find(name).ok_or_else(|| unknown(name))?;
            (name.clone(), saved.sql.to_owned())
        }
        (None, Some(file)) => (file.display().to_string(), read(file)?),
        (None, None) => return Ok(None),
    };
    let header =
        QueryHeader::parse(&sql).map_err(|error| Failure::usage(format!("{origin}: {error}")))?;
    let mut values = BTreeMap::new();
    for param in &args.param {
        let (name, value) = param.split_once('=').ok_or_else(|| {
            Failure::usage(format!("--param {param:?} has no value"))
                .hint("write --param name=value")
        })?;
        values.insert(name.to_owned(), value.to_owned());
    }
    let bound = queries::bind(&sql, &header, &values).map_err(|error| {
        let failure = Failure::usage(format!("{origin}: {error}"));
        match &error {
            BindError::Missing { name, .. } => {
                failure.hint(format!("set it with --param {name}=VALUE"))
            }
            BindError::WrongKind { .. } | BindError::Unknown { .. } | BindError::NotSql { .. } => {
                failure
            }
        }
    })?;
    Ok(Some(SqlText { origin, sql: bound }))
}

fn unknown(name: &str) -> Failure {
    let names = queries::all().iter().map(|saved| saved.name);
    let failure = Failure::usage(format!("no saved query {name:?}"));
    match nearest(name, names) {
        Some(near) => failure.hint(format!("did you mean {near}?")),
        None => failure.hint("qs-audit query --list prints them; --file runs your own SQL"),
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    Ok(text)
}

/// The error with the line it is about, and what was probably meant.
fn complaint(error: &SqlError, query: &SqlText) -> Failure {
    // Columns that are not named may not have been read.
    let tables = record_tables(
        &Audit::default(),
        None,
        &Topology::default(),
        &Previous::default(),
    );
    let mut message = query.origin.clone();
    if let Some(place) = error.place {
        let _ = write!(message, ":{}:{}", place.line, place.column);
    }
    let _ = write!(message, ": {}", error.message);
    if let Some(place) = error.place {
        let line = usize::try_from(place.line).unwrap_or(1);
        let column = usize::try_from(place.column).unwrap_or(1);
        let text = query
            .sql
            .lines()
            .nth(line.saturating_sub(1))
            .unwrap_or_default();
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        let indent = " ".repeat(column.saturating_sub(1));
        let _ = write!(
            message,
            "\n{margin} |\n{number} | {}\n{margin} | {indent}^",
            safe(text)
        );
    }
    let failure = Failure::usage(message);
    let names = || {
        let columns = tables.iter().flat_map(|table| &table.columns);
        let columns = columns.map(|column| column.name.as_str());
        tables
            .iter()
            .map(|table| table.name.as_str())
            .chain(columns)
    };
    let is_function = error.message.contains("function");
    let meant = error.unknown_name.as_deref().filter(|_| !is_function);
    let meant = meant.and_then(|name| nearest(name, names().filter(|known| *known != name)));
    match meant {
        Some(near) => failure.hint(format!("did you mean {near}?")),
        None if is_function => failure.hint(
            "docs/tables-v1.md describes the SQL dialect; days, weekdays, hours and months are columns",
        ),
        None => failure.hint("docs/tables-v1.md lists the tables and their columns"),
    }
}

fn export(run_args: &RunArgs, dir: &Path, tables: &[Table], audit: &Audit) -> Result<(), Failure> {
    if dir.exists() && !dir.is_dir() {
        return Err(
            Failure::usage(format!("--export {} is a file", dir.display()))
                .hint("--export takes a folder; it is created if it does not exist"),
        );
    }
    let cannot = |path: &Path, error: io::Error| {
        Failure::internal(format!("cannot write {}: {error}", path.display()))
    };
    std::fs::create_dir_all(dir).map_err(|error| cannot(dir, error))?;
    for table in tables {
        let path = dir.join(format!("{}.parquet", table.name));
        let write = |out: &mut dyn io::Write| parquet(table, audit, out);
        write_new(&path, write).map_err(|error| cannot(&path, error))?;
    }
    if !run_args.quiet {
        let rows: Vec<String> = tables
            .iter()
            .map(|table| format!("{} ({} rows)", table.name, table.row_count()))
            .collect();
        say(&format!(
            "wrote {} to {}: {}\n",
            rows.join(", "),
            dir.display(),
            heading_line(audit)
        ));
    }
    Ok(())
}

fn print(
    run_args: &RunArgs,
    format: RecordFormat,
    result: &Table,
    audit: &Audit,
    notes: &[String],
) -> Result<(), Failure> {
    let not_read = NotRead::of(&audit.coverage.rejects);
    write_out(run_args, |out| match format {
        RecordFormat::Table => {
            table_text::write(result, page(run_args), out)?;
            not_read.write(page(run_args), out)
        }
        RecordFormat::Json => json::write_json(result, Some(not_read), notes, out),
        RecordFormat::Jsonl => json::write_jsonl(result, out),
        RecordFormat::Csv => csv::write_table(result, out),
        RecordFormat::Parquet => parquet(result, audit, out),
        RecordFormat::Xlsx => workbook([result.clone().into()], audit, out),
    })
}

/// The saved queries as a table.
fn list(run_args: &RunArgs, format: RecordFormat) -> Result<Exit, Failure> {
    let saved = queries::all();
    let text = |of: &dyn Fn(&Saved) -> String| {
        let values = saved.iter().map(|saved| Some(Text::from(of(saved))));
        Values::Text(values.collect())
    };
    let parameters = |saved: &Saved| {
        let parameters = saved.header().parameters;
        let told = parameters.iter().map(|parameter| match &parameter.default {
            Some(default) => format!("{}={default}", parameter.name),
            None => format!("{} ({})", parameter.name, parameter.kind.as_str()),
        });
        told.collect::<Vec<_>>().join(", ")
    };
    let table = Table::new("saved-queries")
        .with("name", text(&|saved| saved.name.to_owned()))
        .with("title", text(&|saved| saved.header().title))
        .with("tables", text(&|saved| saved.header().tables.join(", ")))
        .with("parameters", text(&parameters))
        .with("example", text(&|saved| saved.header().example));
    if format == RecordFormat::Table {
        write_out(run_args, |out| {
            for saved in saved {
                let header = saved.header();
                let parameters = parameters(saved);
                line!(out, "{}", saved.name)?;
                line!(out, "    {}", header.title)?;
                line!(out, "    tables: {}", header.tables.join(", "))?;
                if !parameters.is_empty() {
                    line!(out, "    parameters: {parameters}")?;
                }
                line!(out, "    {}", header.example)?;
            }
            line!(out)?;
            line!(
                out,
                "{} saved queries. To run your own SQL on chains, hops, queries, reads, catalog_tables, charges, events, coverage and findings: qs-audit query -e \"SELECT ...\"",
                saved.len()
            )?;
            line!(out, "SELECT * FROM chains LIMIT 1 shows the columns.")
        })?;
        return Ok(Exit::Clean);
    }
    print(run_args, format, &table, &Audit::default(), &[])?;
    Ok(Exit::Clean)
}
