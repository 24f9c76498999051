//! The checked settings. Every complaint names the file, the line and the key.

use super::file::{RawBase, RawConfig, RawConsumer, RawLogs};
use crate::model::identity::{RoleName, is_data_source_arn};
use crate::model::text::Text;
use crate::model::topology::{Consumer, Topology};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// Where logs are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogLocation {
    /// A folder or file on this machine.
    Path(PathBuf),
    /// `s3://bucket/prefix`, the role to read it with, its Region.
    S3 {
        /// The URL.
        url: String,
        /// The role to assume for reading.
        role_arn: Option<String>,
        /// The bucket's Region.
        region: Option<String>,
    },
}

/// How many bytes a billed terabyte has. AWS does not say (facts.md 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TerabyteBase {
    /// 10^12 bytes.
    #[default]
    Decimal,
    /// 2^40 bytes.
    Binary,
}

/// What the configuration says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// The declared topology.
    pub topology: Topology,
    /// Where the logs are, when the command line does not say.
    pub logs: Vec<LogLocation>,
    /// How a billed terabyte is counted.
    pub terabyte: TerabyteBase,
    /// Prices by Region, in decimal USD per terabyte, over the built-in table.
    pub usd_per_tb: BTreeMap<String, String>,
    /// Options of rules, by rule id.
    pub rules: BTreeMap<String, toml::Table>,
}

/// Why a configuration is not used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is not TOML, has an unknown key, or a value of the wrong type.
    #[error("{}: {source}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What, with line, column and the place itself.
        source: Box<toml::de::Error>,
    },
    /// A value makes no sense.
    #[error("{}:{line}: {key}: {message}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key.
        key: String,
        /// What is wrong with it.
        message: String,
    },
}

impl Settings {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or anything in it is unknown or makes no
    /// sense.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text, path)
    }

    /// Reads the text of a file; `path` is for messages, and relative log paths
    /// start in its folder.
    ///
    /// # Errors
    ///
    /// As [`Self::load`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let raw: RawConfig = toml::from_str(text).map_err(|source| ConfigError::Syntax {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        Checker { text, path }.settings(raw)
    }
}

struct Checker<'a> {
    text: &'a str,
    path: &'a Path,
}

impl Checker<'_> {
    fn wrong(&self, span: Range<usize>, key: &str, message: impl Into<String>) -> ConfigError {
        let before = self.text.get(..span.start).unwrap_or_default();
        ConfigError::Value {
            path: self.path.to_owned(),
            line: before.matches('\n').count() + 1,
            key: key.to_owned(),
            message: message.into(),
        }
    }

    fn settings(&self, raw: RawConfig) -> Result<Settings, ConfigError> {
        let mut topology = Topology::default();
        if let Some(hub) = raw.hub {
            let account = self.account_id(&hub.account_id, "hub.account_id")?;
            topology.run_as_roles = self.roles(&hub.run_as_roles, &account, "hub.run_as_roles")?;
            topology.hub_account_id = Some(account);
        }
        for consumer in raw.consumers {
            let consumer = self.consumer(consumer, &topology)?;
            topology.consumers.push(consumer);
        }
        let logs = raw.logs.into_iter().map(|logs| self.logs(logs));
        let logs = logs.collect::<Result<_, _>>()?;
        let mut usd_per_tb = BTreeMap::new();
        for (region, price) in raw.pricing.usd_per_tb {
            self.price(&region, &price)?;
            usd_per_tb.insert(region, price.into_inner());
        }
        Ok(Settings {
            topology,
            logs,
            terabyte: match raw.pricing.tb {
                Some(RawBase::Binary) => TerabyteBase::Binary,
                Some(RawBase::Decimal) | None => TerabyteBase::Decimal,
            },
            usd_per_tb,
            rules: raw.rules,
        })
    }

    fn consumer(&self, raw: RawConsumer, known: &Topology) -> Result<Consumer, ConfigError> {
        let account_id = self.account_id(&raw.account_id, "consumers.account_id")?;
        if known.consumer(&account_id).is_some() {
            let message = format!("account {account_id} is declared twice");
            return Err(self.wrong(raw.account_id.span(), "consumers.account_id", message));
        }
        let name = raw.name.get_ref();
        if name.trim().is_empty() {
            let message = "a consumer needs a name";
            return Err(self.wrong(raw.name.span(), "consumers.name", message));
        }
        if known.consumers.iter().any(|other| *other.name == **name) {
            let message = format!("{name:?} is the name of two consumers");
            return Err(self.wrong(raw.name.span(), "consumers.name", message));
        }
        let mut data_sources = None;
        if let Some(declared) = &raw.data_sources {
            let mut arns: BTreeSet<Text> = BTreeSet::new();
            for arn in declared {
                if !is_data_source_arn(arn.get_ref()) {
                    let message =
                        format!("{:?} is not the ARN of a Quick data source", arn.get_ref());
                    return Err(self.wrong(arn.span(), "consumers.data_sources", message));
                }
                arns.insert(arn.get_ref().as_str().into());
            }
            data_sources = Some(arns);
        }
        let work_groups = raw
            .work_groups
            .map(|names| names.into_iter().map(Text::from).collect());
        Ok(Consumer {
            name: name.as_str().into(),
            roles: self.roles(&raw.roles, &account_id, "consumers.roles")?,
            account_id,
            business_unit: raw.business_unit.map(Text::from),
            work_groups,
            data_sources,
        })
    }

    fn account_id(&self, id: &Spanned<String>, key: &str) -> Result<Text, ConfigError> {
        let text = id.get_ref();
        if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(text.as_str().into());
        }
        let message = format!("{text:?} is not an account id: 12 digits are");
        Err(self.wrong(id.span(), key, message))
    }

    fn roles(
        &self,
        arns: &[Spanned<String>],
        account_id: &Text,
        key: &str,
    ) -> Result<BTreeSet<RoleName>, ConfigError> {
        let mut roles = BTreeSet::new();
        for arn in arns {
            let text = arn.get_ref();
            let Some(role) = RoleName::from_arn(text).filter(|_| text.contains(":role/")) else {
                let message = format!("{text:?} is not the ARN of a role");
                return Err(self.wrong(arn.span(), key, message));
            };
            if role.account_id != *account_id {
                let message = format!(
                    "the role is in account {}, not {account_id}",
                    role.account_id
                );
                return Err(self.wrong(arn.span(), key, message));
            }
            roles.insert(role);
        }
        Ok(roles)
    }

    fn logs(&self, logs: Spanned<RawLogs>) -> Result<LogLocation, ConfigError> {
        let span = logs.span();
        let RawLogs {
            path,
            s3,
            role_arn,
            region,
        } = logs.into_inner();
        match (path, s3) {
            (Some(path), None) if role_arn.is_none() && region.is_none() => {
                let folder = self.path.parent().unwrap_or(Path::new(""));
                Ok(LogLocation::Path(folder.join(path)))
            }
            (Some(_), None) => Err(self.wrong(
                span,
                "logs",
                "role_arn and region go with s3, not with path",
            )),
            (Some(_), Some(_)) => {
                Err(self.wrong(span, "logs", "has path and s3: give one of them"))
            }
            (None, Some(url)) if url.starts_with("s3://") => Ok(LogLocation::S3 {
                url,
                role_arn,
                region,
            }),
            (None, Some(url)) => {
                let message = format!("{url:?} does not start with s3://");
                Err(self.wrong(span, "logs.s3", message))
            }
            (None, None) => Err(self.wrong(span, "logs", "needs path or s3")),
        }
    }

    fn price(&self, region: &str, price: &Spanned<String>) -> Result<(), ConfigError> {
        let text = price.get_ref();
        let is_decimal = text.bytes().any(|byte| byte.is_ascii_digit())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.')
            && text.matches('.').count() <= 1;
        if is_decimal {
            return Ok(());
        }
        let key = format!("pricing.usd_per_tb.{region}");
        let message = format!("{text:?} is not a decimal amount such as \"5.00\"");
        Err(self.wrong(price.span(), &key, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DESIGN: &str = r#"
[hub]
account_id = "111122223333"
run_as_roles = ["arn:aws:iam::111122223333:role/qs-athena-cross-account-role-a"]

[[consumers]]
name = "retail"
account_id = "444455556666"
business_unit = "Retail Banking"
roles = ["arn:aws:iam::444455556666:role/qs-athena-consumer-role"]
work_groups = ["quick-retail"]
data_sources = ["arn:aws:quicksight:us-east-1:111122223333:datasource/ds-retail-01"]

[[logs]]
path = "AWSLogs"

[pricing]
tb = "decimal"
usd_per_tb = { us-east-1 = "5.00" }

[rules.bytes-scanned-spike]
min_bytes = 1_000_000_000_000
"#;

    fn parse(text: &str) -> Result<Settings, String> {
        let settings = Settings::parse(text, Path::new("conf/qs-audit.toml"));
        settings.map_err(|error| error.to_string())
    }

    #[test]
    fn the_documented_file_is_read() {
        let settings = parse(DESIGN).unwrap();
        assert_eq!(
            settings.topology.hub_account_id.as_deref(),
            Some("111122223333")
        );
        let consumer = settings.topology.consumer("444455556666").unwrap();
        assert_eq!(consumer.business_unit.as_deref(), Some("Retail Banking"));
        assert_eq!(settings.logs, [LogLocation::Path("conf/AWSLogs".into())]);
        assert!(settings.rules.contains_key("bytes-scanned-spike"));
    }

    #[test]
    fn nothing_at_all_is_a_configuration() {
        assert_eq!(parse("").unwrap(), Settings::default());
    }

    #[test]
    fn complaints_point_at_the_key() {
        for (from, to, wanted) in [
            (
                "business_unit",
                "busines_unit",
                "unknown field `busines_unit`",
            ),
            (
                "\"444455556666\"\nbus",
                "\"4444\"\nbus",
                "conf/qs-audit.toml:8: consumers.account_id",
            ),
            (":role/qs-athena-c", ":user/qs-athena-c", "hub.run_as_roles"),
            (
                "::444455556666:role",
                "::999955556666:role",
                "not 444455556666",
            ),
            ("\"decimal\"", "\"octal\"", "octal"),
            ("\"5.00\"", "\"five\"", "pricing.usd_per_tb.us-east-1"),
            ("path =", "s3 =", "logs.s3"),
            (
                "path = \"AWSLogs\"",
                "region = \"us-east-1\"",
                "needs path or s3",
            ),
            ("datasource/ds", "dataset/ds", "consumers.data_sources"),
        ] {
            let text = DESIGN.replacen(from, to, 1);
            assert_ne!(text, DESIGN, "{from}");
            let error = parse(&text).unwrap_err();
            assert!(error.contains(wanted), "{error}");
        }
    }

    #[test]
    fn a_consumer_declared_twice_is_an_error() {
        let twice =
            format!("{DESIGN}\n[[consumers]]\nname = \"b\"\naccount_id = \"444455556666\"\n");
        assert!(parse(&twice).unwrap_err().contains("declared twice"));
    }
}
