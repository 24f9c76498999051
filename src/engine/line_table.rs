//! Statements over a table of one column, whose rows are the lines of log files: an object that
//! CloudTrail wrote is one line.
//!
//! What is relevant is looked for in the text, which costs a fraction of taking every record apart. In
//! sound JSON, an unescaped quote that a letter follows opens a string, and CloudTrail escapes every
//! quote inside one: so `"eventSource":"` is a key and the beginning of its value, at some depth. An
//! object whose text is written in any other way, or whose counts disagree, has to be read.

use super::conditions::{RecordParts, is_listed};
use super::members::read_members;
use super::slices::{TableObject, has_path};
use super::sql::{is_in_window, name, text};
use crate::model::window::TimeWindow;

/// A time as CloudTrail writes it.
pub(super) const TIME: &str = "20[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z";
/// Deciding members as CloudTrail writes them behind a time: one after the other.
const BEHIND_TIME: &str = concat!(
    r#"","eventSource":"[a-z0-9-]+(?:\.[a-z0-9-]+)+","eventName":"[A-Za-z0-9]+","#,
    r#""awsRegion":"[a-z0-9-]{1,64}""#,
);
/// Parts of a head that is split at its quotes.
const TIME_PART: u32 = 4;
const SOURCE_PART: u32 = 8;
const NAME_PART: u32 = 12;
const REGION_PART: u32 = 16;
/// Keys that decide, at any depth, and how many of them a record has.
const DECIDING_KEYS: [(&str, u32); 3] = [
    (r#""event(?:Time|Source|Name)":"#, 3),
    (r#""awsRegion":"#, 1),
    (r#""recipientAccountId":"#, 1),
];
const RECIPIENT: &str = r#""recipientAccountId":"[0-9]{12}""#;
const PRINCIPAL_KEY: &str = r#""principalId":""#;
const PRINCIPAL: &str = r#""principalId":"([^"\\]*)""#;
/// White space around colons, or where only an unusual writer has any: none of these may be in the text.
const SPACES: [&str; 4] = [r#"": "#, r#"" :"#, "\t", "\r"];
/// A letter that is escaped, as no key and no value that decides is written by CloudTrail.
const ESCAPED_LETTER: &str = r"\\u00[4-7]";
/// A value that decides and is no plain text: of another type, or with an escape in it.
const ODD_VALUE: &str =
    r#""(?:principalId":[^"n]|(?:invokedBy|sourceIPAddress)":(?:[^"n]|"[^"\\]*\\))"#;
/// What each record has once.
const IDENTITY_PATTERN: &str = r#""userIdentity":\{"#;
/// The end of something nested so deeply that the decoder may refuse it.
const DEEP_NESTING: &str = r"[\]}]{12}";
/// Letters between two times of records, at most: what is longer may be above the decoder's limit in bytes.
const RECORD_CHARS_MAX: u32 = 1_000_000;

/// A table of lines.
#[derive(Debug, Clone)]
pub struct LineTable {
    /// Catalog, schema and table.
    pub name: [String; 3],
    /// Its column.
    pub column: String,
}

impl LineTable {
    /// The column of a table that `qs-audit engine ddl` prints.
    pub const COLUMN: &str = "line";

    /// The table's name in SQL.
    pub(super) fn sql_name(&self) -> String {
        self.name.each_ref().map(|part| name(part)).join(".")
    }

    /// The statement that tells columns of a table and their types.
    #[must_use]
    pub fn columns_statement(&self) -> String {
        let [catalog, schema, table] = &self.name;
        let (schema, table) = (text(schema), text(table));
        format!(
            "SELECT column_name, data_type FROM {}.information_schema.columns WHERE table_schema = {schema} \
             AND table_name = {table} ORDER BY ordinal_position",
            name(catalog)
        )
    }

    /// The statement that tells how the table was created.
    #[must_use]
    pub fn definition_statement(&self) -> String {
        format!("SHOW CREATE TABLE {}", self.sql_name())
    }

    /// The location in the statement that created a table.
    #[must_use]
    pub fn location_in(definition: &str) -> Option<String> {
        let (_, rest) = definition.split_once("external_location = '")?;
        let mut location = String::new();
        let mut letters = rest.chars();
        while let Some(letter) = letters.next() {
            if letter == '\'' && !letters.as_str().starts_with('\'') {
                return Some(location);
            }
            if letter == '\'' {
                letters.next();
            }
            location.push(letter);
        }
        None
    }

    /// What hinders a table from being read as lines, by the statement that created it; `None` if nothing
    /// does.
    #[must_use]
    pub fn hindrance(definition: &str) -> Option<&'static str> {
        const PROPERTIES: [&str; 4] = [
            "textfile_field_separator_escape",
            "skip_header_line_count",
            "skip_footer_line_count",
            "null_format",
        ];
        if !definition.contains("format = 'TEXTFILE'") {
            return Some("format other than TEXTFILE");
        }
        let mut properties = PROPERTIES.into_iter();
        properties.find(|property| definition.contains(property))
    }

    /// Says of each object of a slice what there is to know ([`super::answer`]).
    pub(super) fn index(
        &self,
        slice: &[TableObject],
        excluded: &[&str],
        window: &TimeWindow,
    ) -> String {
        let relevant = is_relevant();
        let trusted = is_trusted();
        let in_window = is_in_window("split_part(t, ' ', 2)", window);
        let (head, recipient, principal) = (
            text(&format!(r#""eventTime":"{TIME}{BEHIND_TIME}"#)),
            text(RECIPIENT),
            text(PRINCIPAL),
        );
        let (table, line) = (self.sql_name(), name(&self.column));
        let paths = has_path(r#""$path""#, slice, excluded);
        format!(
            r#"-- qs-audit
WITH "lines" AS (
    SELECT "$path" AS "path", {line} AS "line",
        try(json_size({line}, '$.Records')) AS "records",
        regexp_extract_all({line}, {head}) AS "heads",
        regexp_extract_all({line}, {principal}, 1) AS "principals",
        regexp_extract_all({line}, {recipient}) AS "recipients"
    FROM {table}
    WHERE {paths}
), "objects" AS (
    SELECT "path", "line", "records", "principals",
        coalesce({trusted}, FALSE) AS "is_trusted",
        split_part(element_at("recipients", 1), '"', 4) AS "account",
        transform("heads", h -> split_part(h, '"', {REGION_PART}) || ' ' || split_part(h, '"', {TIME_PART})) AS "times",
        array_distinct(transform("heads", h -> split_part(h, '"', {SOURCE_PART}) || '/' || split_part(h, '"', {NAME_PART}))) AS "calls"
    FROM "lines"
), "decided" AS (
    SELECT *, coalesce({relevant}, TRUE) AS "is_relevant",
        array_distinct(transform("times", t -> substr(t, 1, length(t) - 10))) AS "days"
    FROM "objects"
), "told" AS (
    SELECT "path", "records", "is_trusted", "is_relevant", length(to_utf8("line")) AS "bytes",
        CASE WHEN "is_trusted" THEN array_join(transform("days", d -> "account" || ' ' || d
            || ' ' || CAST(cardinality(filter("times", t -> starts_with(t, d))) AS varchar)
            || ' ' || split_part(array_min(filter("times", t -> starts_with(t, d))), ' ', 2)
            || ' ' || split_part(array_max(filter("times", t -> starts_with(t, d))), ' ', 2)
            || ' ' || CAST(cardinality(filter("times", t -> starts_with(t, d) AND {in_window})) AS varchar)
        ), chr(10)) END AS "places",
        CASE WHEN "is_trusted" THEN array_join(filter(array_distinct("principals"),
            p -> regexp_like(p, '^[^0-9:][^:]*:.')), chr(10)) END AS "sessions"
    FROM "decided"
)
SELECT "path", CAST(count(*) AS varchar), CAST(max("records") AS varchar),
    CAST(bool_and("is_trusted") AS varchar), CAST(bool_or("is_relevant") AS varchar),
    max("places"), max("sessions"), CAST(sum("bytes") AS varchar)
FROM "told" GROUP BY "path""#
        )
    }
}

impl LineTable {
    /// Asks for the relevant records of a slice's objects, and for the sessions of all others
    /// ([`super::answer::SentRecords`]).
    pub(super) fn records(&self, slice: &[TableObject]) -> String {
        let parts = RecordParts {
            source: r#"json_extract_scalar("record", '$.eventSource')"#,
            name: r#"coalesce(json_extract_scalar("record", '$.eventName'), '')"#,
            touches_logs: r#"(strpos("text", 'AWSLogs') > 0
                AND coalesce(json_extract_scalar("record", '$.userIdentity.invokedBy'), '') <> 'cloudtrail.amazonaws.com')"#,
            names_spill: r#"strpos("text", 'spill') > 0"#,
            by_lake_formation: r#"(strpos(coalesce("principal", ''), ':AWSLF-') > 0 OR strpos("text", '"V2.') > 0)"#,
        };
        let listed = is_listed(&parts);
        let (table, line) = (self.sql_name(), name(&self.column));
        let paths = has_path(r#""$path""#, slice, &[]);
        let members = read_members(r#""record""#);
        format!(
            r#"-- qs-audit
WITH "records" AS (
    SELECT "$path" AS "path", "number", "record", json_format("record") AS "text",
        json_extract_scalar("record", '$.userIdentity.principalId') AS "principal"
    FROM {table} CROSS JOIN UNNEST(CAST(json_extract({line}, '$.Records') AS array(json)))
        WITH ORDINALITY AS "all" ("record", "number")
    WHERE {paths}
), "decided" AS (
    SELECT "path", "number", "record", "principal",
        coalesce(json_extract_scalar("record", '$.userIdentity.invokedBy'), '') = 'athena.amazonaws.com'
        OR coalesce(json_extract_scalar("record", '$.sourceIPAddress'), '') = 'athena.amazonaws.com'
        OR coalesce({listed}, TRUE) AS "is_relevant"
    FROM "records"
)
SELECT "path",
    array_join(array_agg(DISTINCT "principal") FILTER (
        WHERE NOT "is_relevant" AND regexp_like("principal", '^[^0-9:][^:]*:.')), chr(10)),
    array_join(array_agg(CAST("number" AS varchar) || ' ' || {members} ORDER BY "number")
        FILTER (WHERE "is_relevant"), chr(10))
FROM "decided" GROUP BY "path""#
        )
    }
}

/// True if what is looked for in the text of an object finds all there is.
fn is_trusted() -> String {
    let mut all = vec![
        r#"cardinality("heads") = "records""#.to_owned(),
        r#"cardinality("recipients") = "records" AND cardinality(array_distinct("recipients")) <= 1"#.to_owned(),
        format!(
            r#"regexp_count("line", {}) = cardinality("principals")"#,
            text(PRINCIPAL_KEY)
        ),
        r#"starts_with("line", '{"Records":[') AND substr("line", -2) = ']}'"#.to_owned(),
        // It has one member, and nothing behind that.
        r#"try(json_size("line", '$')) = 1"#.to_owned(),
        format!(r#"NOT regexp_like("line", {})"#, text(ESCAPED_LETTER)),
        format!(r#"NOT regexp_like("line", {})"#, text(ODD_VALUE)),
        format!(r#"regexp_count("line", {}) = "records""#, text(IDENTITY_PATTERN)),
        // A recipient stands behind each time: no record lacks what another one has twice.
        r#"none_match(slice(split("line", '"eventTime":"'), 2, 10000000),
            p -> strpos(p, '"recipientAccountId":"') = 0 OR strpos(p, '"recipientAccountId":"', 2) > 0)"#.to_owned(),
        format!(r#"NOT regexp_like("line", {})"#, text(DEEP_NESTING)),
        format!(
            r#"strpos("line", {}) = 0 AND from_utf8(to_utf8("line")) = "line""#,
            text("\u{fffd}")
        ),
        format!(
            r#"(length("line") <= {RECORD_CHARS_MAX} OR none_match(split("line", '"eventTime":"'), p -> length(p) > {RECORD_CHARS_MAX}))"#
        ),
    ];
    all.extend(DECIDING_KEYS.map(|(key, of_record)| {
        format!(
            r#"regexp_count("line", {}) = {of_record} * "records""#,
            text(key)
        )
    }));
    all.extend(SPACES.map(|space| format!(r#"strpos("line", {}) = 0"#, text(space))));
    all.join(" AND ")
}

/// True if a record of the object may be relevant in itself.
fn is_relevant() -> String {
    let parts = RecordParts {
        source: "split_part(c, '/', 1)",
        name: "split_part(c, '/', 2)",
        touches_logs: r#"strpos("line", 'AWSLogs') > 0"#,
        names_spill: r#"strpos("line", 'spill') > 0"#,
        by_lake_formation: r#"(strpos("line", ':AWSLF-') > 0 OR strpos("line", '"V2.') > 0)"#,
    };
    let listed = is_listed(&parts);
    format!(r#"strpos("line", '"athena.amazonaws.com"') > 0 OR any_match("calls", c -> {listed})"#)
}
