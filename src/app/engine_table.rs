//! An engine, and its table of logs.

use crate::attribute::Pricing;
use crate::config::{EngineMode, LogLocation};
use crate::engine::LogTable;
use crate::ports::SqlEngine;
use rust_decimal::Decimal;
use std::sync::{Arc, Mutex};

/// An engine, its table, and where the objects of the table are read.
pub(super) struct EngineTable {
    pub(super) engine: Arc<dyn SqlEngine>,
    pub(super) table: LogTable,
    /// The location of the table, as the engine has it in paths.
    pub(super) location: String,
    /// Where the same objects are read.
    pub(super) objects: LogLocation,
    /// What it costs to scan them; `None` where no one is billed by bytes.
    pub(super) price: Option<ScanPrice>,
    /// What is known of the engine: the name of a check, and how it went.
    pub(super) facts: Vec<EngineFact>,
    /// What is done with objects that have relevant records.
    pub(super) mode: EngineMode,
}

/// The name of a check, and its detail, or what is amiss and what to do about it.
pub(super) type EngineFact = (&'static str, Result<String, (String, String)>);

/// An engine, its table, the location of that, and what else is known.
pub(super) type OpenedTable = (Arc<dyn SqlEngine>, LogTable, String, Vec<EngineFact>);

/// What it costs to scan objects.
pub(super) struct ScanPrice {
    pub(super) pricing: Pricing,
    pub(super) region: String,
    /// The most that a run may cost.
    pub(super) max_usd: Option<Decimal>,
}

/// Engines that several threads know of.
pub(super) type SharedEngines = Arc<Mutex<Vec<Arc<dyn SqlEngine>>>>;
