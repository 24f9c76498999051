//! What AWS exports besides logs, from text to the model: query statistics,
//! bills, business units (facts.md 4.2 and 8).
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
//!
//! Nothing in here opens a file: it is given names, for messages, and bytes.

mod bill;
mod cost_explorer;
mod cur;
mod executions;
mod focus;
mod merge;
mod parquet;
mod rows;
mod text;
mod units;

pub use bill::{BillError, BillReader};
pub use executions::read_executions;
pub use rows::RowsError;
pub use text::{TextError, plain};
pub use units::{UnitsError, UnitsReader};
