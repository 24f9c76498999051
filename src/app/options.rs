//! The options of a run, apart from its configuration.

use crate::model::bill::{ChargeCategory, CostMetric};
use crate::model::money::TerabyteBase;
use crate::pipeline::SpillLimits;
use crate::store::Spill;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The configuration that is used where none is named.
pub const CONFIG_FILE: &str = "qs-audit.toml";

/// The options of a run, apart from its configuration.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// The configuration; [`CONFIG_FILE`] in the working folder, if it is there, where none
    /// is named.
    pub config: Option<PathBuf>,
    /// Logs to read instead of the store or the configured ones: folders, files,
    /// `s3://bucket/prefix`, or `-` for standard input.
    pub logs: Vec<String>,
    /// Where the objects are read of a table that `logs` names.
    pub objects: Option<String>,
    /// The folder of the store, instead of the configured one.
    pub store: Option<PathBuf>,
    /// Pay for requests to the buckets among `logs`.
    pub requester_pays: bool,
    /// Threads that read; 0 means one for each processor.
    pub threads: usize,
    /// Inputs other than logs.
    pub money: MoneyOptions,
}

/// What becomes of events that do not fit in memory.
#[derive(Debug, Clone)]
pub struct SpillOptions {
    /// The folder of the temporary file that they are put into.
    pub folder: PathBuf,
    /// Kept events that stay in memory.
    pub above: u64,
}

impl SpillOptions {
    /// The file, which is made when something is put into it.
    #[must_use]
    pub fn file(&self) -> Spill {
        Spill::new(&self.folder)
    }

    pub(super) fn limits(&self) -> SpillLimits {
        SpillLimits {
            above: self.above,
            ..SpillLimits::default()
        }
    }
}

/// Query statistics, bill and business units, instead of the configured ones.
#[derive(Debug, Clone, Default)]
pub struct MoneyOptions {
    /// Files or folders of query statistics.
    pub executions: Vec<PathBuf>,
    /// Files or folders of the bill.
    pub costs: Vec<PathBuf>,
    /// The cost metric of the bill.
    pub metric: CostMetric,
    /// Charges other than usage that are shown, too.
    pub included: BTreeSet<ChargeCategory>,
    /// Files or folders of lists of data catalogs, shares and users of Quick.
    pub catalogs: Vec<PathBuf>,
    /// Files or folders of chat logs of Quick.
    pub chat_logs: Vec<PathBuf>,
    /// Files of business units.
    pub business_units: Vec<PathBuf>,
    /// The definition of a billed terabyte; overrides the configuration.
    pub terabyte: Option<TerabyteBase>,
}
