//! `qs-audit.toml`: read strictly, then checked into what the program uses.

mod file;
mod reference;
mod settings;
mod sources;

pub use reference::{Key, SECTIONS, Section, reference};
pub use settings::{ConfigError, Settings};
pub use sources::{AuditRoles, AwsSettings, LogLocation, Role, S3Settings, StoreSettings};
