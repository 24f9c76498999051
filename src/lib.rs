//! `qs-audit` audits and costs Amazon Quick (Quick Sight) cross-account Athena
//! access from CloudTrail logs.
//!
//! Quick lives in a hub account and queries Athena in many consumer accounts by
//! role chaining: Quick assumes Role A in the hub, Role A's session assumes Role B
//! in a consumer, and Athena runs there and is billed there. This library reads
//! the logs of all those accounts and stitches
//! `AssumeRole -> AssumeRole -> StartQueryExecution` into chain records.
//!
//! It serves the `qs-audit` program and its tests and makes no promise of
//! stability to others; the program's machine outputs do (`docs/output-v1.md`).
//! ARCHITECTURE.md has the map. Modules, lowest floor first:

pub mod model;

pub mod event_list;
pub mod iam;
pub mod records;

pub mod columnar;

pub mod attribute;
pub mod decode;
pub mod exports;
pub mod integrity;
pub mod ports;
pub mod rules;
pub mod stitch;
pub mod tables;

#[cfg(feature = "aws")]
pub mod aws;
pub mod config;
pub mod local;
pub mod output;
pub mod queries;
pub mod store;

pub mod pipeline;

pub mod demo;

pub mod app;

pub mod cli;
