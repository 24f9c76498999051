//! The use cases: what a run does, without arguments, terminal and exit statuses.

pub mod audit;
pub mod checks;
pub mod collect;
pub mod collected;
pub mod compared;
pub mod context;
mod day_records;
pub mod doctor;
pub mod export_files;
pub mod exports;
pub mod failure;
pub mod fetch;
pub mod init;
pub mod nearest;
pub mod notices;
pub mod options;
pub mod places;
pub mod record_files;
pub mod report;
pub mod report_folder;
pub mod rule_sets;
pub mod sources;
pub mod store_selection;
pub mod stretches;
pub mod verification_inputs;
pub mod verify;
