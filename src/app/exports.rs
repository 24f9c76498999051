//! Query statistics, the bill and business units, from options and files.

use super::context::RunContext;
use super::export_files::{GivenFile, NamedInputs};
use super::failure::Failure;
use super::pricing::pricing;
use crate::decode::quick_query_id;
use crate::ingest::{
    BillError, BillFile, BillFileKind, BillFiles, BillReader, ReadUnits, UnitsReader,
    bill_file_kind, plain, read_chat_logs, read_data_catalogs, read_data_sources, read_executions,
    read_previous,
};
use crate::local::read_export;
use crate::model::bill::Bill;
use crate::model::chat_log::ChatLogs;
use crate::model::coverage::{Reject, RejectReason};
use crate::model::data_catalogs::DataCatalogs;
use crate::model::execution::Statistics;
use crate::model::finding::Previous;
use crate::model::inventory::Inventory;
use crate::model::topology::Topology;
use crate::model::window::TimeWindow;
use crate::output::human::plural;
use crate::pipeline::Exports;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Everything other than logs. The bill is read where it is `wanted`.
pub(super) fn exports(
    context: &RunContext,
    window: TimeWindow,
    wanted: Wants,
) -> Result<Exports, Failure> {
    let bill = match wanted {
        Wants::Bill => Some(bill(context, window)?),
        Wants::BillIfGiven => bill_if_given(context, window)?,
        Wants::Statistics => None,
    };
    Ok(Exports {
        statistics: with_kept(statistics(context)?, context, window)?,
        bill,
        pricing: pricing(context),
        catalogs: catalogs(context)?,
        chat_logs: chat_logs(context)?,
    })
}

/// The exports that a command needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// Query statistics.
    Statistics,
    /// The bill, too.
    Bill,
    /// The bill, if the command line or the configuration names one.
    BillIfGiven,
}

fn executions(context: &RunContext) -> NamedInputs {
    let asked = &context.options.money.executions;
    NamedInputs::anywhere(
        context,
        "--executions",
        asked,
        "[[executions]]",
        &context.settings.executions,
    )
}

/// Everything that may be in a bucket.
pub(super) fn inputs(context: &RunContext) -> [NamedInputs; 4] {
    [
        executions(context),
        costs(context),
        units(context),
        chat_log_files(context),
    ]
}

fn chat_log_files(context: &RunContext) -> NamedInputs {
    let asked = &context.options.money.chat_logs;
    let configured = &context.settings.chat_logs;
    NamedInputs::anywhere(context, "--chat-logs", asked, "[[chat_logs]]", configured)
}

fn units(context: &RunContext) -> NamedInputs {
    NamedInputs::anywhere(
        context,
        "--business-units",
        &context.options.money.business_units,
        "[business_units] paths",
        &context.settings.business_units,
    )
}

fn costs(context: &RunContext) -> NamedInputs {
    let asked = &context.options.money.costs;
    let configured = &context.settings.costs;
    NamedInputs::anywhere(context, "--costs", asked, "[[costs]]", configured)
}

/// The text of a list, unpacked.
fn list_text(file: &GivenFile, option: &str) -> Result<Vec<u8>, Failure> {
    let wrong = |error: &dyn std::fmt::Display| unreadable(file, option, &error.to_string());
    let bytes = file.read().map_err(|error| wrong(&error))?;
    let text = plain(&bytes).map_err(|error| wrong(&error))?;
    Ok(text.into_owned())
}

fn unreadable(file: &GivenFile, option: &str, why: &str) -> Failure {
    Failure::usage(format!("{option} {}: {why}", file.name))
}

fn reject(file: &GivenFile, reason: RejectReason, detail: String) -> Reject {
    Reject {
        object: file.name.as_str().into(),
        record: None,
        offset: None,
        reason,
        detail,
    }
}

/// Returns whether a bill is named, or kept.
fn has_bill(context: &RunContext) -> Result<bool, Failure> {
    if !costs(context).is_empty() {
        return Ok(true);
    }
    match context.locked_store()? {
        Some(mut store) => Ok(!store.cost_pages()?.is_empty()),
        None => Ok(false),
    }
}

/// The statistics of files together with those that are kept.
pub(super) fn with_kept(
    read: Option<Statistics>,
    context: &RunContext,
    window: TimeWindow,
) -> Result<Option<Statistics>, Failure> {
    let Some(mut store) = context.locked_store()? else {
        return Ok(read);
    };
    let kept = store.statistics(&window)?;
    if kept.told() == 0 {
        return Ok(read);
    }
    let Some(mut read) = read else {
        return Ok(Some(kept));
    };
    read.unprocessed += kept.unprocessed;
    for (id, statistics) in kept.by_id {
        // Collected from the same files.
        if read.by_id.get(&id) != Some(&statistics) {
            read.add(id, statistics);
        }
    }
    Ok(Some(read))
}

pub(super) fn statistics(context: &RunContext) -> Result<Option<Statistics>, Failure> {
    let given = executions(context);
    if given.is_empty() {
        return Ok(None);
    }
    let mut statistics = Statistics::default();
    for file in given.files(context)? {
        let bytes = match file.read() {
            Ok(bytes) => bytes,
            Err(error) if file.is_named => {
                return Err(unreadable(&file, given.name, &error.to_string()));
            }
            Err(error) => {
                let unread = reject(&file, RejectReason::Unreadable, error.to_string());
                statistics.rejects.add(unread);
                continue;
            }
        };
        match plain(&bytes) {
            Ok(text) => {
                let before = statistics.told();
                read_executions(&file.name, &text, quick_query_id, &mut statistics);
                if file.is_named && statistics.told() == before && !statistics.has_broken() {
                    return Err(
                        unreadable(&file, given.name, "has no query execution").hint(
                            "it takes output of aws athena batch-get-query-execution or \
                             get-query-execution",
                        ),
                    );
                }
            }
            Err(error) => {
                let damaged = reject(&file, RejectReason::CorruptGzip, error.to_string());
                statistics.rejects.add(damaged);
            }
        }
    }
    Ok(Some(statistics))
}

/// The bill of a window, if one is named or kept.
pub(super) fn bill_if_given(
    context: &RunContext,
    window: TimeWindow,
) -> Result<Option<Bill>, Failure> {
    if has_bill(context)? {
        return bill(context, window.whole_days()).map(Some);
    }
    Ok(None)
}

/// The bill of a window; empty where none is named.
pub(super) fn bill(context: &RunContext, window: TimeWindow) -> Result<Bill, Failure> {
    let money = &context.options.money;
    let mut reader = BillReader::new(money.metric, window, money.included.clone());
    let given = costs(context);
    if given.is_empty()
        && let Some(mut store) = context.locked_store()?
    {
        for (name, text) in store.cost_pages()? {
            if let Err(error) = reader.read(&name, text.as_bytes()) {
                reader.pass_over(&name, error.to_string());
            }
        }
    }
    bill_files(context, &given, &window, &mut reader)?;
    Ok(reader.finish())
}

/// Manifests are small.
const MANIFEST_BYTES_MAX: u64 = 64 << 20;

/// Reads the files of a bill: first the manifests, which tell what belongs together.
fn bill_files(
    context: &RunContext,
    given: &NamedInputs,
    window: &TimeWindow,
    reader: &mut BillReader,
) -> Result<(), Failure> {
    let mut bills = Vec::new();
    let mut manifests = Vec::new();
    let mut seen = BTreeSet::new();
    for file in given.files(context)? {
        let real = fs::canonicalize(&file.place);
        let real = real.unwrap_or_else(|_| PathBuf::from(&file.place));
        if !seen.insert(real) {
            reader.named_again();
            continue;
        }
        if !file.may_have(window) {
            reader.other_period();
            continue;
        }
        match bill_file_kind(&file.name) {
            BillFileKind::Bill => bills.push(file),
            BillFileKind::Side => reader.side_file(),
            BillFileKind::Manifest => match file.read_at_most(MANIFEST_BYTES_MAX) {
                Ok(text) => {
                    reader.side_file();
                    manifests.push((file.place, text));
                }
                Err(error) => reader.pass_over(&file.name, error.to_string()),
            },
        }
    }
    let places: Vec<String> = bills.iter().map(|file| file.place.clone()).collect();
    let files = BillFiles::of(&places, &manifests);
    bills.sort_by_cached_key(|file| files.order(&file.place));
    reader.sort_by(files);
    for file in bills {
        let read = file.open().map_err(BillError::from).and_then(|opened| {
            let bill_file = BillFile {
                name: &file.name,
                place: &file.place,
            };
            reader.read_input(bill_file, opened)
        });
        match read {
            Ok(()) => {}
            Err(error) if file.is_named => {
                return Err(unreadable(&file, given.name, &error.to_string()));
            }
            Err(error) => reader.pass_over(&file.name, error.to_string()),
        }
    }
    Ok(())
}

/// Quick's data sources, where they were listed.
pub(super) fn inventory(
    context: &RunContext,
    asked: &[PathBuf],
) -> Result<Option<Inventory>, Failure> {
    let given = NamedInputs::of(
        "--data-sources",
        asked,
        "[[data_sources]]",
        &context.settings.data_sources,
    );
    let mut inventory = Inventory::default();
    if given.is_empty() {
        let Some(mut store) = context.locked_store()? else {
            return Ok(None);
        };
        for list in store.documents("data-sources")? {
            read_data_sources(&list.name, list.text.as_bytes(), &mut inventory);
        }
        return Ok((inventory.lists > 0).then_some(inventory));
    }
    for file in given.files(context)? {
        let text = list_text(&file, given.name)?;
        let told = |inventory: &Inventory| inventory.data_sources.len() as u64 + inventory.lists;
        let before = told(&inventory);
        read_data_sources(&file.name, &text, &mut inventory);
        if file.is_named && told(&inventory) == before {
            return Err(unreadable(&file, given.name, "lists no data source")
                .hint("it takes output of aws quicksight list-data-sources"));
        }
    }
    if inventory.data_sources.is_empty() && inventory.lists == 0 {
        return Err(
            Failure::usage(format!("{}: no file lists a data source", given.name))
                .hint("it takes output of aws quicksight list-data-sources"),
        );
    }
    Ok(Some(inventory))
}

/// Data catalogs and shares, where they were listed.
fn catalogs(context: &RunContext) -> Result<Option<DataCatalogs>, Failure> {
    let given = NamedInputs::of(
        "--catalogs",
        &context.options.money.catalogs,
        "[[catalogs]]",
        &context.settings.catalogs,
    );
    let mut catalogs = DataCatalogs::default();
    if given.is_empty() {
        let Some(mut store) = context.locked_store()? else {
            return Ok(None);
        };
        for list in store.documents("catalogs")? {
            read_data_catalogs(&list.name, list.text.as_bytes(), &mut catalogs);
        }
        return Ok((catalogs.lists > 0).then_some(catalogs));
    }
    for file in given.files(context)? {
        let text = list_text(&file, given.name)?;
        let before = catalogs.lists;
        read_data_catalogs(&file.name, &text, &mut catalogs);
        if file.is_named && catalogs.lists == before {
            let rejects = catalogs.rejects.iter().flat_map(|(_, _, rejects)| rejects);
            let mut of_file = rejects.filter(|reject| *reject.object == *file.name);
            let why = of_file
                .next()
                .map_or("has no list", |reject| reject.detail.as_str());
            return Err(unreadable(&file, given.name, why).hint(
                "it takes output of aws glue get-tables, lakeformation list-permissions and others: --help lists them",
            ));
        }
    }
    Ok(Some(catalogs))
}

/// Chat logs of Quick, where any were given.
fn chat_logs(context: &RunContext) -> Result<Option<ChatLogs>, Failure> {
    let given = chat_log_files(context);
    if given.is_empty() {
        return Ok(None);
    }
    let mut logs = ChatLogs::default();
    for file in given.files(context)? {
        let text = match file.read() {
            Ok(bytes) => plain(&bytes).map(std::borrow::Cow::into_owned),
            Err(error) if file.is_named => {
                return Err(unreadable(&file, given.name, &error.to_string()));
            }
            Err(error) => {
                let unread = reject(&file, RejectReason::Unreadable, error.to_string());
                logs.rejects.add(unread);
                continue;
            }
        };
        match text {
            Ok(text) => {
                logs.files += 1;
                let before = (logs.entries, logs.rejects.total());
                read_chat_logs(&file.name, &text, &mut logs);
                let is_nothing = logs.entries == before.0 && logs.rejects.total() > before.1;
                if file.is_named && is_nothing {
                    return Err(unreadable(&file, given.name, "has no entry of a chat log")
                        .hint("it takes CHAT_LOGS of Quick, one JSON object a line"));
                }
            }
            Err(error) => {
                let damaged = reject(&file, RejectReason::CorruptGzip, error.to_string());
                logs.rejects.add(damaged);
            }
        }
    }
    // One file among others may be anything; all of them are the wrong folder.
    if logs.entries == 0 && logs.rejects.total() > 0 {
        let files = plural(logs.rejects.total(), "file or line");
        let message = format!(
            "{}: {files} read, and none is an entry of a chat log",
            given.name
        );
        return Err(
            Failure::usage(message).hint("it takes CHAT_LOGS of Quick, one JSON object a line")
        );
    }
    Ok(Some(logs))
}

/// Loads the findings of an earlier run.
pub(super) fn previous(path: &Path) -> Result<Previous, Failure> {
    let wrong = |why: String| {
        Failure::usage(format!("--previous {}: {why}", path.display())).hint(
            "it takes output of qs-audit findings --format json, or the report.json of a report",
        )
    };
    // The folder of a report stands for the document in it.
    let document = path.join(super::report_folder::DOCUMENT);
    let path = if path.is_dir() { &document } else { path };
    let bytes = read_export(path).map_err(|error| wrong(error.to_string()))?;
    let text = plain(&bytes).map_err(|error| wrong(error.to_string()))?;
    read_previous(&text).map_err(|error| wrong(error.to_string()))
}

/// Business units that are not declared with their consumers, and names of
/// accounts that only the bill tells.
pub(super) fn add_units(
    context: &RunContext,
    bill: Option<&Bill>,
    topology: &mut Topology,
) -> Result<ReadUnits, Failure> {
    let tags = (
        context.settings.business_unit_tag.as_deref(),
        context.settings.cost_center_tag.as_deref(),
    );
    let mut reader = UnitsReader::new(tags.0, tags.1);
    let given = units(context);
    for file in given.files(context)? {
        let bytes = file
            .read()
            .map_err(|error| unreadable(&file, given.name, &error.to_string()))?;
        reader
            .read(&file.name, &bytes)
            .map_err(|error| unreadable(&file, given.name, &error.to_string()))?;
    }
    if given.is_empty()
        && let Some(mut store) = context.locked_store()?
    {
        for list in store.documents("accounts")? {
            reader
                .read(&list.name, list.text.as_bytes())
                .map_err(|error| Failure::internal(format!("the store's accounts: {error}")))?;
        }
    }
    let mut read = reader.finish();
    topology.units = std::mem::take(&mut read.units);
    if !context.options.money.business_units.is_empty() {
        let changed = topology.prefer_listed_units();
        if changed > 0 {
            read.notes.insert(format!(
                "--business-units replaces the business units of {} in the configuration",
                plural(changed, "consumer")
            ));
        }
        if !context.settings.business_units.is_empty() {
            let note = "--business-units replaces [business_units] paths of the configuration";
            read.notes.insert(note.to_owned());
        }
    }
    for (account, name) in bill.iter().flat_map(|bill| &bill.account_names) {
        let unit = topology.units.entry(account.clone()).or_default();
        unit.account_name.get_or_insert_with(|| name.clone());
    }
    Ok(read)
}
