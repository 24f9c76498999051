//! The command line: the only place where everything meets.

mod args;
mod chains;
mod chargeback;
mod collect;
mod demo;
mod doctor;
mod evidence;
mod exit;
mod explain;
mod exports;
mod failure;
mod findings;
mod gather;
mod glue;
mod init;
mod inputs;
mod moments;
mod progress;
mod query;
mod record_files;
mod report;
mod report_folder;
mod run;
mod select;
mod show;
mod sources;
mod stores;
mod stretches;
mod terminal;
mod verify;

pub use args::{Cli, command};
pub use exit::Exit;
pub use run::main;
