//! `qs-audit.toml`: read strictly, then checked into what the program uses.

mod file;
mod settings;

pub use settings::{ConfigError, LogLocation, Settings};
