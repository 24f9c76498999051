//! Engines that say which log files matter: Trino and Athena.

use super::checker::{Checker, ConfigError};
use super::file::{RawAthena, RawLogs, RawTrino};
use super::sources::{LogLocation, Role, S3Settings};
use crate::model::money::parse_decimal;
use rust_decimal::Decimal;
use std::net::IpAddr;
use std::ops::Range;
use std::path::PathBuf;
use toml::Spanned;

/// Logs that an engine has a table of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineLogs {
    /// The engine, and the table.
    pub engine: EngineSettings,
    /// Where the same objects are read; `None`: where the table says that they are.
    pub objects: Option<LogLocation>,
    /// What is done with objects that have relevant records.
    pub mode: EngineMode,
}

/// What is done with objects that have relevant records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EngineMode {
    /// They are read by this program.
    #[default]
    Objects,
    /// The engine sends their relevant records.
    Events,
    /// The engine sends records where they are a small part of much.
    Auto,
}

/// An engine, and its table of logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineSettings {
    /// Trino.
    Trino(TrinoSettings),
    /// Amazon Athena.
    Athena(AthenaSettings),
}

/// A table of Trino, and how it is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrinoSettings {
    /// Host and port.
    pub authority: String,
    /// The user; `QS_AUDIT_TRINO_USER` or `qs-audit` where there is none.
    pub user: Option<String>,
    /// The environment variable that has the password.
    pub password_env: Option<String>,
    /// The file that has the password.
    pub password_file: Option<PathBuf>,
    /// Certificates to trust, in PEM, instead of those of the system.
    pub ca_bundle: Option<PathBuf>,
    /// The catalog.
    pub catalog: String,
    /// The schema.
    pub schema: String,
    /// The table.
    pub table: String,
}

/// A table of Athena, and how it is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AthenaSettings {
    /// The work group.
    pub work_group: String,
    /// The database.
    pub database: String,
    /// The table.
    pub table: String,
    /// The Region; the caller's own where there is none.
    pub region: Option<String>,
    /// The role to assume for asking.
    pub role: Role,
    /// The most that one run may cost, in US dollars.
    pub max_usd: Option<Decimal>,
}

/// The port of an authority that names none.
const PORT_DEFAULT: &str = "443";

impl TrinoSettings {
    /// Returns true if the server is on this machine: only then it is spoken to in the clear.
    #[must_use]
    pub fn is_on_loopback(&self) -> bool {
        let host = self.authority.rsplit_once(':');
        let host = host.map_or(self.authority.as_str(), |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// Host and port that an authority names; `None` if it names none, or more.
    fn authority(text: &str) -> Option<String> {
        let is_of_host = |char: char| char.is_ascii_alphanumeric() || "-._:[]".contains(char);
        if text.is_empty() || !text.chars().all(is_of_host) {
            return None;
        }
        let port = text
            .rsplit_once(':')
            .filter(|(_, port)| !port.ends_with(']'));
        match port {
            Some((host, port)) => {
                let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
                (is_port && !host.is_empty()).then(|| text.to_owned())
            }
            None => Some(format!("{text}:{PORT_DEFAULT}")),
        }
    }
}

impl EngineSettings {
    /// The engine and the table that a URL names; `None` if it begins like no engine's.
    ///
    /// # Errors
    ///
    /// What has to be written, when it names none.
    #[must_use]
    pub fn of_url(url: &str) -> Option<Result<Self, &'static str>> {
        if let Some(rest) = url.strip_prefix("trino://") {
            return Some(trino_of(rest).ok_or("write trino://HOST:PORT/CATALOG/SCHEMA/TABLE"));
        }
        let rest = url.strip_prefix("athena://")?;
        Some(athena_of(rest).ok_or("write athena://WORKGROUP/DATABASE.TABLE"))
    }

    /// The URL that names the engine and the table.
    #[must_use]
    pub fn url(&self) -> String {
        match self {
            Self::Trino(trino) => format!(
                "trino://{}/{}/{}/{}",
                trino.authority, trino.catalog, trino.schema, trino.table
            ),
            Self::Athena(athena) => format!(
                "athena://{}/{}.{}",
                athena.work_group, athena.database, athena.table
            ),
        }
    }
}

fn trino_of(rest: &str) -> Option<EngineSettings> {
    let mut parts = rest.split('/');
    let authority = TrinoSettings::authority(parts.next()?)?;
    let mut name = || {
        parts
            .next()
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
    };
    let (catalog, schema, table) = (name()?, name()?, name()?);
    parts.next().is_none().then(|| {
        EngineSettings::Trino(TrinoSettings {
            authority,
            catalog,
            schema,
            table,
            ..TrinoSettings::default()
        })
    })
}

fn athena_of(rest: &str) -> Option<EngineSettings> {
    let (work_group, table) = rest.split_once('/')?;
    let (database, table) = table.split_once('.')?;
    let is_named = ![work_group, database, table]
        .iter()
        .any(|part| part.is_empty() || part.contains('/'));
    is_named.then(|| {
        EngineSettings::Athena(AthenaSettings {
            work_group: work_group.to_owned(),
            database: database.to_owned(),
            table: table.to_owned(),
            ..AthenaSettings::default()
        })
    })
}

impl Checker<'_> {
    /// Logs, and those that engines have tables of.
    pub(super) fn all_logs(
        &self,
        raw: Vec<Spanned<RawLogs>>,
    ) -> Result<(Vec<LogLocation>, Vec<EngineLogs>), ConfigError> {
        let (mut logs, mut engines) = (Vec::new(), Vec::new());
        for one in raw {
            match self.engine(&one)? {
                Some(engine) => engines.push(engine),
                None => logs.push(self.logs(one)?),
            }
        }
        Ok((logs, engines))
    }

    /// Logs of an engine, if the entry names one.
    pub(super) fn engine(
        &self,
        logs: &Spanned<RawLogs>,
    ) -> Result<Option<EngineLogs>, ConfigError> {
        let span = logs.span();
        let raw = logs.get_ref();
        let (engine, objects) = match (&raw.trino, &raw.athena) {
            (None, None) => return Ok(None),
            (Some(trino), None) => (self.trino(trino, &span)?, &trino.objects),
            (None, Some(athena)) => (self.athena(athena, &span)?, &athena.objects),
            (Some(_), Some(_)) => {
                return Err(self.wrong(
                    span,
                    "logs",
                    "has both trino and athena: give one of them",
                ));
            }
        };
        let has_other = raw.path.is_some() || raw.s3.is_some() || raw.lookup_events.is_some();
        if has_other {
            let message =
                "has an engine and path, s3 or lookup_events: write `objects` inside the engine";
            return Err(self.wrong(span, "logs", message));
        }
        let objects = objects.as_ref().map(|text| match text {
            text if text.starts_with("s3://") => LogLocation::S3(S3Settings {
                url: text.clone(),
                ..S3Settings::default()
            }),
            text => LogLocation::Path(self.resolve(text)),
        });
        let objects = match objects {
            Some(LogLocation::S3(bucket)) => Some(LogLocation::S3(self.bucket(raw, bucket.url)?)),
            other => other,
        };
        let of_trino = raw.trino.as_ref().and_then(|trino| trino.mode.as_ref());
        let of_athena = raw.athena.as_ref().and_then(|athena| athena.mode.as_ref());
        let mode = match of_trino.or(of_athena) {
            Some(mode) => self.engine_mode(mode, of_trino.is_some())?,
            None => EngineMode::default(),
        };
        Ok(Some(EngineLogs {
            engine,
            objects,
            mode,
        }))
    }

    fn engine_mode(
        &self,
        mode: &Spanned<String>,
        is_of_trino: bool,
    ) -> Result<EngineMode, ConfigError> {
        let wrong = |message: &str| Err(self.wrong(mode.span(), "logs.mode", message));
        match mode.get_ref().as_str() {
            "objects" => Ok(EngineMode::Objects),
            "auto" => Ok(EngineMode::Auto),
            "events" if is_of_trino => Ok(EngineMode::Events),
            "events" => wrong("\"events\" is for Trino: Athena shows no text that could be sent"),
            _ => wrong("is not \"objects\", \"events\" or \"auto\""),
        }
    }

    fn trino(&self, raw: &RawTrino, span: &Range<usize>) -> Result<EngineSettings, ConfigError> {
        let Some(authority) = TrinoSettings::authority(url_host(&raw.url)) else {
            let message = format!("{:?} is not https://HOST:PORT", raw.url);
            return Err(self.wrong(span.clone(), "logs.trino.url", message));
        };
        if raw.password_env.is_some() && raw.password_file.is_some() {
            let message = "has both password_env and password_file: give one of them";
            return Err(self.wrong(span.clone(), "logs.trino", message));
        }
        let trino = TrinoSettings {
            authority,
            user: raw.user.clone(),
            password_env: raw.password_env.clone(),
            password_file: raw.password_file.as_deref().map(|path| self.resolve(path)),
            ca_bundle: raw.ca_bundle.as_deref().map(|path| self.resolve(path)),
            catalog: raw.catalog.clone(),
            schema: raw.schema.clone(),
            table: raw.table.clone(),
        };
        if raw.url.starts_with("http://") && !trino.is_on_loopback() {
            let message = "http:// is for a server on this machine only: write https://";
            return Err(self.wrong(span.clone(), "logs.trino.url", message));
        }
        Ok(EngineSettings::Trino(trino))
    }

    fn athena(&self, raw: &RawAthena, span: &Range<usize>) -> Result<EngineSettings, ConfigError> {
        let role = Role {
            arn: raw
                .role_arn
                .as_ref()
                .map(|arn| self.role_arn(arn, "logs.athena.role_arn"))
                .transpose()?,
            external_id: raw.external_id.clone(),
        };
        let region = raw.region.as_ref();
        let region = region.map(|region| self.region(region, "logs.athena.region"));
        let max_usd = match &raw.max_usd {
            None => None,
            Some(text) => {
                let amount = parse_decimal(text).filter(|amount| *amount >= Decimal::ZERO);
                let Some(amount) = amount else {
                    let message = format!("{text:?} is not a decimal amount such as \"5.00\"");
                    return Err(self.wrong(span.clone(), "logs.athena.max_usd", message));
                };
                Some(amount)
            }
        };
        Ok(EngineSettings::Athena(AthenaSettings {
            work_group: raw.work_group.clone(),
            database: raw.database.clone(),
            table: raw.table.clone(),
            region: region.transpose()?,
            role,
            max_usd,
        }))
    }
}

/// Host and port of a URL; the text itself if it has no scheme that is known.
fn url_host(url: &str) -> &str {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    rest.unwrap_or(url).trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_an_engine_and_a_table() {
        let of = |url: &str| EngineSettings::of_url(url).map(|named| named.ok().map(|it| it.url()));
        let whole = "trino://trino.example.com:8443/hive/logs/raw";
        assert_eq!(of(whole), Some(Some(whole.to_owned())));
        let without_port = "trino://[::1]/hive/logs/raw";
        assert_eq!(
            of(without_port),
            Some(Some("trino://[::1]:443/hive/logs/raw".to_owned()))
        );
        let athena = "athena://primary/audit.cloudtrail";
        assert_eq!(of(athena), Some(Some(athena.to_owned())));
        for wrong in [
            "trino://",
            "trino://host:8443/hive/logs",
            "trino://host:8443/hive/logs/raw/more",
            "trino://user:secret@host:8443/hive/logs/raw",
            "trino://host:0/hive/logs/raw",
            "athena://primary",
            "athena://primary/table",
            "athena:///a.b",
        ] {
            assert_eq!(of(wrong), Some(None), "{wrong}");
        }
        assert_eq!(of("s3://bucket"), None);
    }

    #[test]
    fn only_this_machine_is_spoken_to_in_the_clear() {
        let is_local = |authority: &str| {
            let trino = TrinoSettings {
                authority: authority.to_owned(),
                ..TrinoSettings::default()
            };
            trino.is_on_loopback()
        };
        assert!(is_local("localhost:8080"));
        assert!(is_local("127.0.0.1:8080"));
        assert!(is_local("[::1]:8080"));
        assert!(!is_local("localhost.example.com:8080"));
        assert!(!is_local("10.0.0.1:8080"));
    }
}
