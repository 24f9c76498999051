//! The list as a page: `docs/event-list.md`.

use super::entry::{EventListEntry, EventNames, When};
use super::list::{SOURCES, VERSION};
use super::members::COMMON;
use std::fmt::Write as _;

/// Returns the page.
#[must_use]
pub fn page() -> String {
    let mut page = format!(
        "# Events\n\n\
         The relevant CloudTrail events, generated from `src/event_list/list.rs` (version {VERSION} of the list). All \
         other calls are kept only if a relevant role session made them, or Athena on its behalf, and nothing \
         further is read of them.\n\n\
         Of every kept event these members are read, and no others but those of the table:\n\n"
    );
    for member in COMMON {
        let _ = writeln!(page, "- `{member}`");
    }
    page += "\n`LookupEvents` is asked for the names in bold, and for all events of athena.amazonaws.com and quicksight.amazonaws.com. It never has data events. Since: the version of the list that first kept the \
             event; a store says where objects were read by an earlier one.\n";
    for source in SOURCES {
        let _ = writeln!(page, "\n## {}\n", source.name);
        page += "| event | kept | since | for | members |\n|---|---|---|---|---|\n";
        for entry in source.entries {
            let _ = writeln!(page, "{}", row(entry));
        }
    }
    page
}

fn row(entry: &EventListEntry) -> String {
    let (when, since) = match entry.kept {
        None => ("not yet", "-".to_owned()),
        Some(kept) => {
            let when = match kept.when {
                When::Always => "always",
                When::OnLogs => "on stored log files",
                When::OnLogsOrSpill => {
                    "on stored log files, or on objects with `spill` in their name"
                }
                When::OfReads => {
                    "by sessions of Lake Formation, or on objects with `spill` in their name"
                }
                When::OfSession => "of relevant sessions",
            };
            (when, kept.since.to_string())
        }
    };
    let members: Vec<String> = entry
        .members()
        .iter()
        .map(|member| format!("`{member}`"))
        .collect();
    format!(
        "| {} | {when} | {since} | {} | {} |",
        names(entry),
        entry.why,
        members.join(", ")
    )
}

fn names(entry: &EventListEntry) -> String {
    let list = |names: &[&str]| {
        let names = names.iter().map(|name| {
            if entry.lookup.contains(name) {
                format!("**{name}**")
            } else {
                (*name).to_owned()
            }
        });
        names.collect::<Vec<_>>().join(", ")
    };
    match entry.names {
        EventNames::Exactly(names) => list(names),
        EventNames::InAnyCase(name) => list(&[name]),
        others if entry.lookup.is_empty() => others.to_string(),
        others => format!("{others}: {}", list(entry.lookup)),
    }
}
