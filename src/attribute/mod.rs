//! Bytes and money: what queries scanned, what that is billed, and who caused which part of
//! the bill (ARCHITECTURE.md#how-a-bill-is-allocated; docs/cloudtrail-facts.md#athena,
//! docs/cloudtrail-facts.md#apis-and-bills).
//!
//! | step | file |
//! |---|---|
//! | statistics joined into queries | [`figures`] |
//! | bytes that are billed | [`bytes`] |
//! | dated list prices, estimates | [`price`] |
//! | an amount split to its last digit | [`share`] |
//! | which line of the bill covers which query, and its shares | [`split`] |
//! | the queries that share a bill, in columns | [`billed_queries`] |
//! | charges split among the tables that queries read | [`by_read`] |
//! | charges grouped by what was asked for | [`group`] |
//! | why estimate and bill differ | [`reconcile`] |
//!
//! Amounts are whole numbers of a smallest unit in here: nothing rounds but
//! [`share`], which says how, and no float touches them. Data frames do the joins
//! and the grouping; none leaves this folder.

mod billed_queries;
mod by_read;
mod bytes;
mod figures;
mod frame;
mod group;
mod price;
mod reconcile;
mod share;
mod split;

pub use billed_queries::{BilledQueries, CountedQueries};
pub use bytes::{ScanBilling, billed_bytes};
pub use figures::{StatisticsTally, add_figures, join_statistics};
pub use group::chargeback;
pub use price::Pricing;
pub use split::{AttributeError, attribute, attribute_to};
