//! The entries of the event list.

use super::members::{Members, MembersRead};
use std::fmt;

/// The events of one service.
#[derive(Debug)]
pub struct ServiceEvents {
    /// `eventSource`, such as `athena.amazonaws.com`.
    pub name: &'static str,
    /// Its events. The first entry whose names hold an event's name is the event's.
    pub entries: &'static [EventListEntry],
}

impl ServiceEvents {
    /// Returns true if all events of the service are kept for their own sake.
    #[must_use]
    pub fn is_kept_whole(&self) -> bool {
        self.entries.iter().any(|entry| {
            entry.names == EventNames::All
                && entry.kept.is_some_and(|kept| kept.when == When::Always)
        })
    }
}

/// Events of one service that are treated alike.
#[derive(Debug)]
pub struct EventListEntry {
    /// `eventName`.
    pub names: EventNames,
    /// The condition for keeping them for their own sake; `None` for events that are listed and not
    /// kept yet.
    pub kept: Option<Keeping>,
    /// The members that are read, apart from those that every event has.
    pub reading: MembersRead,
    /// The purpose of the events.
    pub why: &'static str,
    /// The names that `LookupEvents` is asked for, sorted: it takes whole names only.
    pub lookup: &'static [&'static str],
}

/// The condition for keeping an event, and the version since which it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keeping {
    /// When.
    pub when: When,
    /// The version of the list ([`super::list::VERSION`]) that first kept it. A store knows
    /// by which version each object was read.
    pub since: u32,
}

/// The condition for keeping an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Always.
    Always,
    /// Kept if anyone but CloudTrail writes or deletes an object where logs are.
    OnLogs,
    /// The same, and if the name of the object says that it is spilled by a connector.
    OnLogsOrSpill,
    /// Kept if a session that Lake Formation made reads an object, or if its name says that it is
    /// spilled by a connector.
    OfReads,
    /// Kept if its role session is relevant: like any call of it, and read further.
    OfSession,
}

/// Names of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventNames {
    /// All of the service.
    All,
    /// These.
    Exactly(&'static [&'static str]),
    /// This one, however its letters are cased.
    InAnyCase(&'static str),
    /// Those that start like this.
    StartingWith(&'static str),
    /// Those that end like this.
    EndingWith(&'static str),
    /// Those with one of these in them.
    Containing(&'static [&'static str]),
    /// Calls that change something, with one of these in their names.
    ChangesWith(&'static [&'static str]),
    /// All calls that change something.
    Changes,
}

/// The beginnings of the names of calls that change nothing.
pub const READING_VERBS: [&str; 5] = ["Get", "List", "Describe", "Lookup", "Simulate"];

fn contains(name: &[u8], part: &str) -> bool {
    memchr::memmem::find(name, part.as_bytes()).is_some()
}

fn changes_something(name: &[u8]) -> bool {
    !READING_VERBS
        .iter()
        .any(|verb| name.starts_with(verb.as_bytes()))
}

impl EventNames {
    /// Returns whether an event's name, as bytes, is one of them.
    #[must_use]
    pub fn hold(&self, name: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::Exactly(names) => names.iter().any(|known| known.as_bytes() == name),
            Self::InAnyCase(known) => known.as_bytes().eq_ignore_ascii_case(name),
            Self::StartingWith(start) => name.starts_with(start.as_bytes()),
            Self::EndingWith(end) => name.ends_with(end.as_bytes()),
            Self::Containing(parts) => parts.iter().any(|part| contains(name, part)),
            Self::ChangesWith(parts) => {
                parts.iter().any(|part| contains(name, part)) && changes_something(name)
            }
            Self::Changes => changes_something(name),
        }
    }
}

/// As pages and messages tell them.
impl fmt::Display for EventNames {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => formatter.write_str("all others"),
            Self::Exactly(names) => formatter.write_str(&names.join(", ")),
            Self::InAnyCase(name) => formatter.write_str(name),
            Self::StartingWith(start) => write!(formatter, "{start}*"),
            Self::EndingWith(end) => write!(formatter, "*{end}"),
            Self::Containing(parts) => write!(formatter, "*{}*", parts.join("*, *")),
            Self::ChangesWith(parts) => {
                write!(formatter, "changes named *{}*", parts.join("*, *"))
            }
            Self::Changes => formatter.write_str("all other changes"),
        }
    }
}

impl EventListEntry {
    /// Returns the dotted names of the members that are read of these events, in addition to
    /// [`super::members::COMMON`].
    #[must_use]
    pub fn members(&self) -> Vec<String> {
        match self.reading {
            MembersRead::Nothing => Vec::new(),
            MembersRead::Credentials => owned(super::members::CREDENTIALS),
            MembersRead::StartQuery => owned(super::members::START_QUERY),
            MembersRead::QueryIds => owned(super::members::QUERY_IDS),
            MembersRead::QueryDatabase => owned(super::members::QUERY_DATABASE),
            MembersRead::DataAccess => owned(super::members::DATA_ACCESS),
            MembersRead::TableCall => owned(super::members::TABLE_CALL),
            MembersRead::ObjectRead => owned(super::members::OBJECT_READ),
            MembersRead::ObjectWrite => {
                let mut all = owned(super::members::OBJECT_WRITE);
                all.extend(super::members::OF_S3.dotted(Members::PARAMETERS));
                all.sort();
                all.dedup();
                all
            }
            MembersRead::KeyUse => owned(super::members::KEY_USE),
            MembersRead::Invocation => owned(super::members::INVOCATION),
            MembersRead::Workload => owned(super::members::WORKLOAD),
            MembersRead::QuickCall => owned(super::members::QUICK_CALL),
            MembersRead::Change(members) => members.dotted(Members::PARAMETERS),
        }
    }
}

fn owned(members: &[&str]) -> Vec<String> {
    members.iter().map(|&member| member.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_held_as_they_say() {
        for (names, held, not_held) in [
            (EventNames::Exactly(&["A", "B"]), "B", "b"),
            (
                EventNames::InAnyCase("QueryDatabase"),
                "queryDatabase",
                "Query",
            ),
            (EventNames::StartingWith("AssumeRo"), "AssumeRoot", "Assume"),
            (
                EventNames::EndingWith("Token"),
                "GetSessionToken",
                "TokenGet",
            ),
            (
                EventNames::Containing(&["Bucket"]),
                "ListBuckets",
                "GetObject",
            ),
            (EventNames::ChangesWith(&["Role"]), "DeleteRole", "GetRole"),
            (EventNames::Changes, "StopLogging", "DescribeTrails"),
            (EventNames::Changes, "PutX", "SimulateX"),
        ] {
            assert!(names.hold(held.as_bytes()), "{names:?} {held}");
            assert!(!names.hold(not_held.as_bytes()), "{names:?} {not_held}");
        }
        assert!(EventNames::All.hold(b"anything"));
    }
}
