//! Statements that create tables of logs.

use super::line_table::LineTable;
use super::sql::{name, text};
use crate::event_list::entry::EventListEntry;
use crate::event_list::list::SOURCES;
use crate::event_list::members::COMMON;
use std::collections::BTreeMap;

/// Members that Athena's input format gives as text, whatever is in them.
const TEXT_MEMBERS: [&str; 4] = [
    "additionalEventData",
    "requestParameters",
    "responseElements",
    "serviceEventDetails",
];

/// Members that are not read, and that may name what makes a record relevant.
const MORE_MEMBERS: [&str; 6] = [
    "apiVersion",
    "readOnly",
    "tlsDetails.clientProvidedHostHeader",
    "vpcEndpointAccountId",
    "vpcEndpointId",
    "eventContext",
];

/// Creates a table of lines in Trino.
#[must_use]
pub fn trino_ddl(table: &[String; 3], location: &str) -> String {
    let [catalog, schema, _] = table;
    let schema = format!("{}.{}", name(catalog), name(schema));
    let table = table.each_ref().map(|part| name(part)).join(".");
    format!(
        "-- A row of this table is a line of a log file: an object that CloudTrail wrote is one line\n\
         CREATE SCHEMA IF NOT EXISTS {schema};\n\
         CREATE TABLE {table} (\n    {} varchar\n) WITH (\n    external_location = {},\n    \
         format = 'TEXTFILE',\n    textfile_field_separator = U&'\\0001'\n);\n",
        name(LineTable::COLUMN),
        text(location)
    )
}

/// Creates a table of records in Athena.
#[must_use]
pub fn athena_ddl(table: &[String; 2], location: &str) -> String {
    let location = location.trim_end_matches('/');
    let columns: Vec<String> = columns()
        .iter()
        .map(|(column, kind)| format!("    `{column}` {kind}"))
        .collect();
    let [database, table] = table.each_ref().map(|part| part.replace('`', ""));
    let quoted = |value: &str| format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"));
    let template = format!("{location}/${{account}}/CloudTrail/${{region}}/${{day}}");
    format!(
        "-- A row of this table is a record. LOCATION is the folder that has the folders of accounts\n\
         CREATE DATABASE IF NOT EXISTS `{database}`;\n\
         CREATE EXTERNAL TABLE `{database}`.`{table}` (\n{}\n)\n\
         PARTITIONED BY (`account` string, `region` string, `day` string)\n\
         ROW FORMAT SERDE 'org.apache.hive.hcatalog.data.JsonSerDe'\n\
         STORED AS INPUTFORMAT 'com.amazon.emr.cloudtrail.CloudTrailInputFormat'\n\
         OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'\n\
         LOCATION {}\n\
         TBLPROPERTIES (\n    'projection.enabled' = 'true',\n    'projection.account.type' = 'injected',\n    \
         'projection.region.type' = 'injected',\n    'projection.day.type' = 'date',\n    \
         'projection.day.format' = 'yyyy/MM/dd',\n    'projection.day.range' = '2013/01/01,NOW',\n    \
         'projection.day.interval' = '1',\n    'projection.day.interval.unit' = 'DAYS',\n    \
         'storage.location.template' = {}\n);\n",
        columns.join(",\n"),
        quoted(&format!("{location}/")),
        quoted(&template)
    )
}

/// The columns of a table of records, with their types: every member that is read of any record.
#[must_use]
pub fn columns() -> Vec<(String, String)> {
    let mut root = ColumnMembers::default();
    let entries = SOURCES.iter().flat_map(|service| service.entries);
    let listed = entries.flat_map(EventListEntry::members);
    let others = COMMON.iter().chain(&MORE_MEMBERS);
    let others = others.map(|&member| member.to_owned());
    for member in others.chain(listed) {
        let parts: Vec<&str> = member.split('.').collect();
        let is_text = TEXT_MEMBERS.contains(&parts[0]);
        root.add(if is_text { &parts[..1] } else { &parts });
    }
    let columns = root.0.iter();
    columns
        .map(|(column, kind)| {
            let kind = match column.as_str() {
                "resources" => "array<struct<arn:string,accountid:string,type:string>>".to_owned(),
                _ => kind.kind(),
            };
            (column.clone(), kind)
        })
        .collect()
}

/// Members of an object, by their names in lower case.
#[derive(Default)]
struct ColumnMembers(BTreeMap<String, ColumnMembers>);

impl ColumnMembers {
    fn add(&mut self, path: &[&str]) {
        if let [first, rest @ ..] = path {
            let first = first.trim_end_matches("[]").to_ascii_lowercase();
            self.0.entry(first).or_default().add(rest);
        }
    }

    fn kind(&self) -> String {
        if self.0.is_empty() {
            return "string".to_owned();
        }
        let members: Vec<String> = self
            .0
            .iter()
            .map(|(member, kind)| format!("{member}:{}", kind.kind()))
            .collect();
        format!("struct<{}>", members.join(","))
    }
}
