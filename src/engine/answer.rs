//! What a statement answers of an object.

use super::members::OTHER_TYPE;
use crate::model::coverage::{DayActivity, SeenKey};
use crate::model::indexed::IndexedObject;
use crate::model::relevance::SessionFingerprint;
use crate::model::text::Text;
use crate::model::time::UtcSecond;

/// Columns of an index statement, in their order: path, rows of the table, records, whether what the
/// engine says of the object can be relied on, whether a record may be relevant, records by account,
/// Region and day, role sessions, and bytes of text.
pub(super) const COLUMNS: usize = 8;

/// One row of an index statement.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ObjectAnswer {
    /// The path of the object.
    pub(super) path: String,
    /// What is known of it; `None` if it has to be read.
    pub(super) indexed: Option<IndexedObject>,
    /// True if a record may be relevant.
    pub(super) is_relevant: bool,
    /// Bytes of its text; 0 where the engine does not show it.
    pub(super) text_bytes: u64,
}

impl ObjectAnswer {
    /// Reads a row; `None` if it is none. Whatever is not understood has to be read.
    pub(super) fn of(row: Vec<Option<String>>) -> Option<Self> {
        let row: [Option<String>; COLUMNS] = row.try_into().ok()?;
        let [
            path,
            rows,
            records,
            trusted,
            relevant,
            places,
            sessions,
            bytes,
        ] = row;
        let is_sure = rows.as_deref() == Some("1") && trusted.as_deref() == Some("true");
        let is_relevant = relevant.as_deref() != Some("false");
        let indexed = is_sure
            .then(|| indexed(&records?, &places?, &sessions?))
            .flatten();
        Some(Self {
            path: path?,
            indexed,
            is_relevant,
            text_bytes: bytes.and_then(|bytes| bytes.parse().ok()).unwrap_or(0),
        })
    }
}

/// `places` are lines of account, Region, day, records, first, last and records in the window;
/// `sessions` are assumed role ids, a line each.
fn indexed(records: &str, places: &str, sessions: &str) -> Option<IndexedObject> {
    let mut indexed = IndexedObject {
        records: records.parse().ok()?,
        records_in_window: 0,
        seen: Vec::new(),
        fingerprints: fingerprints(sessions.lines()),
        relevant: Vec::new(),
    };
    for place in places.lines() {
        let parts: Vec<&str> = place.split(' ').collect();
        let [account, region, day, records, first, last, in_window] = parts[..] else {
            return None;
        };
        let (first, last) = (UtcSecond::parse(first)?, UtcSecond::parse(last)?);
        if first.to_string().get(..10) != Some(day) {
            return None;
        }
        let key: SeenKey = (
            Text::from(account).into(),
            Text::from(region).into(),
            first.day(),
        );
        let records = records.parse().ok()?;
        indexed.records_in_window += in_window.parse::<u64>().ok()?;
        indexed.seen.push((
            key,
            DayActivity {
                records,
                first,
                last,
            },
        ));
    }
    let counted: u64 = indexed.seen.iter().map(|(_, seen)| seen.records).sum();
    if counted != indexed.records {
        return None;
    }
    Some(indexed)
}

/// Fingerprints of sessions and of their roles, sorted, each once.
fn fingerprints<'i>(ids: impl Iterator<Item = &'i str>) -> Box<[SessionFingerprint]> {
    let mut all: Vec<SessionFingerprint> = ids
        .flat_map(|id| SessionFingerprint::of_session_and_role(id.as_bytes()))
        .collect();
    all.sort_unstable();
    all.dedup();
    all.into()
}

/// The relevant records of an object, as an engine sent them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SentRecords {
    /// The path of the object.
    pub(super) path: String,
    /// Sessions of the other records.
    pub(super) fingerprints: Box<[SessionFingerprint]>,
    /// Records by their positions.
    pub(super) records: Vec<(u32, String)>,
}

impl SentRecords {
    /// Reads a row: a path, sessions in lines, and lines of a position, from 1, and a record.
    pub(super) fn of(row: Vec<Option<String>>) -> Option<Self> {
        let [path, sessions, records]: [Option<String>; 3] = row.try_into().ok()?;
        let records = records?;
        let records = records.lines().map(|line| {
            let (number, record) = line.split_once(' ')?;
            let number: u32 = number.parse().ok()?;
            // An event without an id is known by its text.
            let is_whole = record.contains("\"eventID\":\"") && !record.contains(OTHER_TYPE);
            if !is_whole {
                return None;
            }
            Some((number.checked_sub(1)?, record.to_owned()))
        });
        Some(Self {
            path: path?,
            fingerprints: fingerprints(sessions.unwrap_or_default().lines()),
            records: records.collect::<Option<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: &str =
        "111122223333 us-east-1 2026-11-01 2 2026-11-01T00:00:01Z 2026-11-01T00:04:00Z 1";

    fn row(changed: usize, value: Option<&str>) -> Vec<Option<String>> {
        let mut row: Vec<Option<String>> = [
            "p",
            "1",
            "2",
            "true",
            "false",
            PLACE,
            "AROAX:a\nAROAX:b",
            "700",
        ]
        .iter()
        .map(|&value| Some(value.to_owned()))
        .collect();
        row[changed] = value.map(str::to_owned);
        row
    }

    #[test]
    fn an_object_without_relevant_records_is_known() {
        let answer = ObjectAnswer::of(row(0, Some("p"))).unwrap();
        let indexed = answer.indexed.unwrap();
        assert_eq!((indexed.records, indexed.records_in_window), (2, 1));
        assert_eq!(indexed.seen.len(), 1);
        // Two sessions of one role.
        assert_eq!(indexed.fingerprints.len(), 3);
    }

    #[test]
    fn sent_records_have_their_positions() {
        let row = |records: &str| {
            let row = ["p", "AROAX:a", records];
            SentRecords::of(row.iter().map(|&value| Some(value.to_owned())).collect())
        };
        let sent = row("1 {\"eventID\":\"a\"}\n12 {\"eventID\":\"b\"}").unwrap();
        assert_eq!(
            sent.records,
            [
                (0, "{\"eventID\":\"a\"}".to_owned()),
                (11, "{\"eventID\":\"b\"}".to_owned())
            ]
        );
        assert_eq!(sent.fingerprints.len(), 2);
        assert_eq!(row("0 {\"eventID\":\"a\"}"), None);
        assert_eq!(row("1 {}"), None);
        assert_eq!(
            row("1 {\"eventID\":\"a\",\"requestParameters\":\"qs-audit: of another type\"}"),
            None
        );
        assert_eq!(row("x {}"), None);
        assert_eq!(row("{}"), None);
    }

    #[test]
    fn whatever_is_not_understood_has_to_be_read() {
        for (column, value) in [
            (1, Some("2")),
            (2, Some("3")),
            (2, None),
            (3, Some("false")),
            (3, None),
            (
                5,
                Some("111122223333 us-east-1 2026-02-31 2 2026-02-31T00:00:01Z x 1"),
            ),
            (5, Some("")),
            (5, None),
            (6, None),
        ] {
            let answer = ObjectAnswer::of(row(column, value)).unwrap();
            assert_eq!(answer.indexed, None, "{column} {value:?}");
        }
        assert_eq!(ObjectAnswer::of(row(0, None)), None);
        assert_eq!(ObjectAnswer::of(vec![None]), None);
    }
}
