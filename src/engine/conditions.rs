//! The relevance of records as SQL, made from the event list. It may say yes to a record that is not
//! relevant; it never says no to one that is.

use super::sql::{text, texts};
use crate::event_list::entry::{EventNames, READING_VERBS, ServiceEvents, When};
use crate::event_list::list::SOURCES;
use std::fmt::Write;

/// The parts of a record that decide, as SQL expressions.
pub(super) struct RecordParts<'s> {
    /// `eventSource`.
    pub(super) source: &'s str,
    /// `eventName`.
    pub(super) name: &'s str,
    /// True if the record may be about an object where logs are.
    pub(super) touches_logs: &'s str,
    /// True if the record may name what a connector spilled.
    pub(super) names_spill: &'s str,
    /// True if a session of Lake Formation may have made the call.
    pub(super) by_lake_formation: &'s str,
}

/// The condition that an event of the list may be relevant by its source and its name, which are columns
/// or expressions.
#[must_use]
pub fn listed_condition(source: &str, name: &str) -> String {
    is_listed(&RecordParts {
        source,
        name,
        touches_logs: "TRUE",
        names_spill: "TRUE",
        by_lake_formation: "TRUE",
    })
}

/// True if an event of this source and name may be relevant in itself.
pub(super) fn is_listed(parts: &RecordParts<'_>) -> String {
    let mut cases = String::new();
    for service in SOURCES {
        let decision = of_service(service, parts);
        let _ = write!(cases, " WHEN {} THEN {decision}", text(service.name));
    }
    format!("CASE {}{cases} ELSE FALSE END", parts.source)
}

/// The first entry that has the name decides.
fn of_service(service: &ServiceEvents, parts: &RecordParts<'_>) -> String {
    let mut cases = String::new();
    for entry in service.entries {
        let kept = match entry.kept.map(|kept| kept.when) {
            Some(When::Always) => "TRUE".to_owned(),
            Some(When::OnLogs) => parts.touches_logs.to_owned(),
            Some(When::OnLogsOrSpill) => {
                format!("({} OR {})", parts.touches_logs, parts.names_spill)
            }
            Some(When::OfReads) => {
                format!("({} OR {})", parts.by_lake_formation, parts.names_spill)
            }
            Some(When::OfSession) | None => "FALSE".to_owned(),
        };
        if entry.names == EventNames::All {
            return if cases.is_empty() {
                kept
            } else {
                format!("CASE{cases} ELSE {kept} END")
            };
        }
        let is_named = has_name(&entry.names, parts.name);
        let _ = write!(cases, " WHEN {is_named} THEN {kept}");
    }
    format!("CASE{cases} ELSE FALSE END")
}

/// True if an expression is one of the names, as [`EventNames::hold`] says.
fn has_name(names: &EventNames, name: &str) -> String {
    let like = |pattern: String| format!("{name} LIKE {}", text(&pattern));
    let any = |parts: &[&str]| {
        let all: Vec<String> = parts.iter().map(|part| like(format!("%{part}%"))).collect();
        format!("({})", all.join(" OR "))
    };
    let changes = || {
        let reads: Vec<String> = READING_VERBS
            .iter()
            .map(|verb| like(format!("{verb}%")))
            .collect();
        format!("NOT ({})", reads.join(" OR "))
    };
    match names {
        EventNames::All => "TRUE".to_owned(),
        EventNames::Exactly(names) => format!("{name} IN ({})", texts(names.iter().copied())),
        EventNames::InAnyCase(known) => {
            format!("lower({name}) = {}", text(&known.to_ascii_lowercase()))
        }
        EventNames::StartingWith(start) => like(format!("{start}%")),
        EventNames::EndingWith(end) => like(format!("%{end}")),
        EventNames::Containing(parts) => any(parts),
        EventNames::ChangesWith(parts) => format!("({} AND {})", any(parts), changes()),
        EventNames::Changes => changes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_service_has_its_case() {
        let parts = RecordParts {
            source: "s",
            name: "n",
            touches_logs: "LOGS",
            names_spill: "SPILL",
            by_lake_formation: "LF",
        };
        let told = is_listed(&parts);
        for service in SOURCES {
            let case = format!(" WHEN '{}' THEN ", service.name);
            assert!(told.contains(&case), "{}", service.name);
        }
        assert!(told.contains("WHEN n IN ('DeleteObject') THEN LOGS"));
        assert!(told.contains("WHEN n LIKE 'AssumeRo%' THEN TRUE"));
        assert!(told.contains("WHEN n IN ('GetObject', 'SelectObjectContent') THEN (LF OR SPILL)"));
    }

    #[test]
    fn no_listed_name_has_a_wildcard() {
        for entry in SOURCES.iter().flat_map(|service| service.entries) {
            let told = format!("{:?}", entry.names);
            assert!(!told.contains(['%', '_']), "{told}");
        }
    }
}
