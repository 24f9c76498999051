//! `qs-audit.toml`: read strictly, then checked into what the program uses.

mod checker;
mod engines;

mod file;
mod notify;
mod producers;
mod reference;
mod roads;
mod settings;
mod sources;

pub use checker::ConfigError;
pub use engines::{AthenaSettings, EngineLogs, EngineMode, EngineSettings, TrinoSettings};
pub use notify::{
    AwsTarget, NotifyChannel, NotifyTarget, SecretPlace, WebhookFormat, WebhookSettings,
};
pub use reference::{ConfigKey, ConfigSection, SECTIONS, reference};
pub use settings::Settings;
pub use sources::{
    AuditRoles, AwsSettings, ExportLocation, LogLocation, Role, S3Settings, StoreSettings,
};
