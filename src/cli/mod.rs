//! The command line: the only place where everything meets.

mod args;
mod chains;
mod demo;
mod exit;
mod failure;
mod glue;
mod inputs;
mod moments;
mod progress;
mod run;
mod select;
mod show;
mod terminal;

pub use args::{Cli, command};
pub use exit::Exit;
pub use run::main;
