//! The command line: the only place where everything meets.

mod ack;
mod args;
mod chains;
mod chargeback;
mod collect;
mod completions_and_man;
mod demo;
mod doctor;
mod engine;
mod exit;
mod explain;
mod failure;
mod findings;
mod formats;
mod groups;
mod init;
mod news_args;
mod notify;
mod progress;
mod query;
mod report;
mod run;
mod run_args;
mod select;
mod session;
mod show;
mod strictness;
mod terminal;
mod time_args;
mod verify;

pub use args::{Cli, command};
pub use exit::Exit;
pub use run::main;
