//! The list of events: the page follows it, and decoding reads no other members.

use crate::cli::{WHOLE_SAMPLE, organization, output, program};
use crate::records::check_document;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use qs_audit::cli::Exit;
use qs_audit::event_list::entry::EventListEntry;
use qs_audit::event_list::list::entry;
use qs_audit::event_list::members::COMMON;
use qs_audit::event_list::reference::page;
use serde_json::{Map, Value};
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;

#[test]
fn the_page_of_events_is_written_from_the_list() {
    check_document("docs/event-list.md", &page());
}

/// What a value has below some dotted names.
fn pruned(value: &Value, names: &[&str]) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| pruned(item, names)).collect(),
        Value::Object(members) => {
            let kept = members.iter().filter_map(|(name, value)| {
                if names.contains(&name.as_str()) {
                    return Some((name.clone(), value.clone()));
                }
                let below = names.iter().filter_map(|path| {
                    let rest = path.strip_prefix(name.as_str())?;
                    rest.strip_prefix("[]").unwrap_or(rest).strip_prefix('.')
                });
                let below: Vec<&str> = below.collect();
                (!below.is_empty()).then(|| (name.clone(), pruned(value, &below)))
            });
            Value::Object(kept.collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

/// A record with the members that the list says are read of it.
fn as_listed(record: &Value) -> Value {
    let text = |name: &str| record[name].as_str().unwrap_or_default();
    let entry = entry(text("eventSource").as_bytes(), text("eventName").as_bytes());
    let own = entry.map_or_else(Vec::new, EventListEntry::members);
    let names = COMMON.iter().copied().chain(own.iter().map(String::as_str));
    pruned(record, &names.collect::<Vec<_>>())
}

/// Copies logs with the listed members only; returns how many records were cut.
fn copy_as_listed(from: &Path, to: &Path) -> usize {
    fs::create_dir_all(to).unwrap();
    let mut cut = 0;
    for child in fs::read_dir(from).unwrap() {
        let child = child.unwrap();
        let (path, copy) = (child.path(), to.join(child.file_name()));
        if path.is_dir() {
            cut += copy_as_listed(&path, &copy);
            continue;
        }
        let mut text = String::new();
        let file = fs::File::open(&path).unwrap();
        let read = MultiGzDecoder::new(file).read_to_string(&mut text);
        let logs = read.ok().and_then(|_| serde_json::from_str(&text).ok());
        let Some(Value::Object(mut logs)) =
            logs.filter(|logs: &Value| logs.get("Records").is_some())
        else {
            fs::copy(&path, &copy).unwrap();
            continue;
        };
        for record in logs["Records"].as_array_mut().unwrap() {
            let listed = as_listed(record);
            cut += usize::from(listed != *record);
            *record = listed;
        }
        let mut out = GzEncoder::new(fs::File::create(&copy).unwrap(), Compression::fast());
        out.write_all(Value::Object(logs).to_string().as_bytes())
            .unwrap();
        out.finish().unwrap();
    }
    cut
}

#[test]
fn no_member_is_read_that_the_list_does_not_name() {
    let organization = organization();
    let copies = tempfile::tempdir().unwrap();
    assert!(copy_as_listed(organization.path(), copies.path()) > 100);
    let run = |folder: &Path, args: &[&str]| {
        let mut command = program();
        command.args(args).args(WHOLE_SAMPLE).current_dir(folder);
        output(&mut command, Exit::Clean).0
    };
    for args in [
        &[
            "chains",
            "--path",
            "any",
            "--all-sessions",
            "--format",
            "jsonl",
        ][..],
        &["findings", "--format", "csv"],
    ] {
        let whole = run(organization.path(), args);
        assert!(whole.lines().count() > 5, "{args:?}");
        assert!(run(copies.path(), args) == whole, "{args:?}");
    }
}
