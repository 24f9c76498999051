//! Statements over a table whose rows are records: what Athena makes of log files with the input format
//! for CloudTrail, or a view of such rows.
//!
//! The engine takes every record apart, and shows no text: what it hides, such as a record that it cannot
//! read, is hidden here, too (docs/engines.md).

use super::conditions::{RecordParts, is_listed};
use super::line_table::TIME;
use super::slices::{TableObject, has_path};
use super::sql::{is_in_window, name, text, texts};
use crate::model::key::KeyFacts;
use crate::model::window::TimeWindow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Names of columns that tables are partitioned by, as `qs-audit engine ddl` and the documentation of Athena
/// have them; days are written `2026/11/01`.
const ACCOUNT_PARTITIONS: &[&str] = &["account", "accountid", "account_id"];
const REGION_PARTITIONS: &[&str] = &["region"];
const DAY_PARTITIONS: &[&str] = &["day", "timestamp"];

/// Columns that an index cannot do without.
pub const NEEDED_COLUMNS: [&str; 8] = [
    "awsregion",
    "eventname",
    "eventsource",
    "eventtime",
    "recipientaccountid",
    "requestparameters",
    "sourceipaddress",
    "useridentity",
];

/// A table of records.
#[derive(Debug, Clone)]
pub struct RecordTable {
    /// Database and table.
    pub name: [String; 2],
    /// Its columns and their types, in lower case.
    pub columns: BTreeMap<String, String>,
    /// True if the column of the identity has the source identity of a session.
    pub has_source_identity: bool,
    /// The columns that the table is partitioned by.
    pub partitions: Vec<String>,
}

impl RecordTable {
    pub(super) fn sql_name(&self) -> String {
        self.name.each_ref().map(|part| name(part)).join(".")
    }

    /// Says of each object of a slice what there is to know ([`super::answer`]).
    pub(super) fn index(
        &self,
        slice: &[TableObject],
        excluded: &[&str],
        window: &TimeWindow,
    ) -> String {
        let table = self.sql_name();
        let paths = has_path(r#""$path""#, slice, excluded);
        let partitions = self.has_partition(slice);
        let relevant = self.is_relevant();
        let in_window = is_in_window(r#""time""#, window);
        let trusted = format!(
            "regexp_like(eventtime, {}) AND regexp_like(awsregion, '^[a-z0-9-]{{1,64}}$') \
             AND regexp_like(recipientaccountid, '^[0-9]{{12}}$')",
            text(&format!("^{TIME}$"))
        );
        // Partitions that overlap give records twice.
        let (event_id, is_each_once) = if self.columns.contains_key("eventid") {
            (
                r#", eventid AS "event_id""#,
                r#" AND count(DISTINCT "event_id") = count(*)"#,
            )
        } else {
            ("", "")
        };
        format!(
            r#"-- qs-audit
WITH "records" AS (
    SELECT "$path" AS "path", recipientaccountid AS "account", awsregion AS "region", eventtime AS "time",
        useridentity.principalid AS "principal", coalesce({relevant}, TRUE) AS "is_relevant",
        coalesce({trusted}, FALSE) AS "is_trusted"{event_id}
    FROM {table}
    WHERE {paths}{partitions}
), "days" AS (
    SELECT "path", "account" || ' ' || "region" || ' ' || substr("time", 1, 10) AS "day",
        count(*) AS "records", min("time") AS "first", max("time") AS "last",
        count_if({in_window}) AS "in_window", bool_or("is_relevant") AS "is_relevant",
        bool_and("is_trusted"){is_each_once} AS "is_trusted",
        array_agg(DISTINCT "principal") FILTER (WHERE regexp_like("principal", '^[^0-9:][^:]*:.')) AS "sessions"
    FROM "records"
    GROUP BY "path", "account" || ' ' || "region" || ' ' || substr("time", 1, 10)
)
SELECT "path", '1', CAST(sum("records") AS varchar),
    CAST(bool_and("is_trusted") AS varchar),
    CAST(bool_or("is_relevant") AS varchar),
    CASE WHEN NOT bool_or("is_relevant") THEN array_join(array_agg("day" || ' ' || CAST("records" AS varchar)
        || ' ' || "first" || ' ' || "last" || ' ' || CAST("in_window" AS varchar)), chr(10)) END,
    CASE WHEN NOT bool_or("is_relevant") THEN array_join(flatten(array_agg(coalesce("sessions", ARRAY[]))), chr(10)) END,
    '0'
FROM "days" GROUP BY "path""#
        )
    }

    /// True if a record may be relevant in itself.
    fn is_relevant(&self) -> String {
        let texts: Vec<String> = self
            .columns
            .iter()
            .map(|(column, kind)| match kind.as_str() {
                "string" | "varchar" => format!("coalesce({column}, '')"),
                _ => format!("coalesce(json_format(CAST({column} AS json)), '')"),
            })
            .collect();
        let all = format!("concat({}, '')", texts.join(", "));
        // What a table does not show may be there.
        let source_identity = if self.has_source_identity {
            format!("strpos({all}, 'V2.') > 0")
        } else {
            "coalesce(useridentity.principalid, '') LIKE '%:%'".to_owned()
        };
        let by_lake_formation = format!(
            "(coalesce(useridentity.principalid, '') LIKE '%:AWSLF-%' OR {source_identity})"
        );
        let parts = RecordParts {
            source: "eventsource",
            name: "coalesce(eventname, '')",
            touches_logs: &format!(
                "(strpos({all}, 'AWSLogs') > 0 AND coalesce(useridentity.invokedby, '') <> 'cloudtrail.amazonaws.com')"
            ),
            names_spill: &format!("strpos({all}, 'spill') > 0"),
            by_lake_formation: &by_lake_formation,
        };
        format!(
            "eventsource IS NULL OR eventsource LIKE 'aws:%' OR coalesce(useridentity.invokedby, '') = 'athena.amazonaws.com' \
             OR coalesce(sourceipaddress, '') = 'athena.amazonaws.com' OR {}",
            is_listed(&parts)
        )
    }

    /// Returns true if statements about some days scan no others.
    #[must_use]
    pub fn is_cut_by_day(&self) -> bool {
        let mut partitions = self.partitions.iter();
        partitions.any(|column| DAY_PARTITIONS.contains(&column.as_str()))
    }

    /// Restricts a statement to the partitions of a slice, where the table is partitioned as
    /// `qs-audit engine ddl` or the documentation of Athena has it.
    pub(super) fn has_partition(&self, slice: &[TableObject]) -> String {
        let (mut accounts, mut regions, mut days) =
            (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for TableObject { path, .. } in slice {
            let place = KeyFacts::place_of(path);
            let day = KeyFacts::of(path).delivery_day;
            let (Some((account, region)), Some(day)) = (place, day) else {
                return String::new();
            };
            accounts.insert(account.to_owned());
            regions.insert(region.to_owned());
            days.insert(day.strftime("%Y/%m/%d").to_string());
        }
        let mut told = String::new();
        for (columns, values) in [
            (ACCOUNT_PARTITIONS, &accounts),
            (REGION_PARTITIONS, &regions),
            (DAY_PARTITIONS, &days),
        ] {
            let mut partitions = self.partitions.iter();
            let column = partitions.find(|column| columns.contains(&column.as_str()));
            if let Some(column) = column.filter(|_| !values.is_empty()) {
                let values = texts(values.iter().map(String::as_str));
                let _ = write!(told, " AND {} IN ({values})", name(column));
            }
        }
        told
    }
}
