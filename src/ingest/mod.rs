//! Ingest of AWS exports other than logs, from text to the model: query statistics, bills, business
//! units, data sources (docs/cloudtrail-facts.md#bytes-scanned,
//! docs/cloudtrail-facts.md#data-sources, docs/cloudtrail-facts.md#apis-and-bills).
//!
//! | what | file |
//! |---|---|
//! | `athena batch-get-query-execution`, `get-query-execution` | [`executions`] |
//! | which kind of bill a file is | [`bill`] |
//! | `ce get-cost-and-usage` | [`cost_explorer`] |
//! | Cost and Usage Report, legacy and 2.0 | [`cur`] |
//! | FOCUS 1.x | [`focus`] |
//! | which lines count where several cover the same | [`merge`] |
//! | rows of CSV or Parquet by column name | [`rows`], [`parquet`] |
//! | account -> business unit | [`units`] |
//! | `quicksight list-data-sources`, `describe-data-source` | [`data_sources`] |
//! | chat logs of Quick | [`chat_logs`] |
//! | what an earlier run found | [`previous`] |
//!
//! Nothing in here opens a file: it is given names, for messages, and bytes.

mod account;
mod archive;
mod bill;
mod bill_error;
mod bill_lines;
mod bill_rows;
mod bill_values;
mod chat_logs;
mod cost_explorer;
mod cur;
mod data_catalogs;
mod data_sources;
mod documents;
mod executions;
mod exports;
mod file_lines;
mod focus;
mod manifest;
mod merge;
mod parquet;
mod previous;
mod rows;
mod scope;
mod shape;
mod sql_tables;
mod text;
mod units;

pub use bill::{BillFile, BillReader};
pub use bill_error::BillError;
pub use chat_logs::read_chat_logs;
pub use data_catalogs::read_data_catalogs;
pub use data_sources::read_data_sources;
pub use executions::read_executions;
pub use manifest::{BillFileKind, BillFiles, bill_file_kind, billing_period};
pub use previous::{EarlierReport, PreviousError, read_previous, read_report};
pub use rows::RowsError;
pub use text::{ExportInput, TextError, plain};
pub use units::{ReadUnits, UnitsError, UnitsReader};
