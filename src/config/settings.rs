//! The checked settings. Every complaint names the file, the line and the key.

use super::checker::{Checker, ConfigError};
use super::engines::EngineLogs;
use super::file::{
    RawBase, RawConfig, RawConsumer, RawExports, RawHub, RawPath, RawRule, RawSecurityHub,
    RawSuppression,
};
use super::notify::NotifyTarget;
use super::sources::{
    AuditRoles, AwsSettings, ExportLocation, LogLocation, S3Settings, StoreSettings,
};
use crate::model::finding::Suppression;
use crate::model::identity::RoleName;
use crate::model::ids::{AccountId, DataSourceArn, is_data_source_arn};
use crate::model::money::{TerabyteBase, parse_decimal};
use crate::model::region::{self, is_region_name};
use crate::model::text::Text;
use crate::model::topology::{Consumer, Topology};
use jiff::civil::Date;
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use toml::Spanned;

/// The settings of a configuration.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// The declared topology.
    pub topology: Topology,
    /// The locations of the logs, where the command line names none.
    pub logs: Vec<LogLocation>,
    /// Logs that engines have tables of.
    pub engines: Vec<EngineLogs>,
    /// Files and folders of query statistics.
    pub executions: Vec<ExportLocation>,
    /// Files of the bill.
    pub costs: Vec<ExportLocation>,
    /// Files of business units.
    pub business_units: Vec<ExportLocation>,
    /// Files of CloudTrail's public keys.
    pub public_keys: Vec<PathBuf>,
    /// Files of digests' signatures.
    pub signatures: Vec<PathBuf>,
    /// The tag that names an account's business unit.
    pub business_unit_tag: Option<String>,
    /// The tag that names an account's cost center.
    pub cost_center_tag: Option<String>,
    /// The definition of a billed terabyte.
    pub terabyte: TerabyteBase,
    /// True if DML that scanned nothing is free, and not billed the least there is.
    pub is_unscanned_dml_free: bool,
    /// Prices by Region, in USD per terabyte, over the built-in table.
    pub usd_per_tb: BTreeMap<String, Decimal>,
    /// Options of rules, by rule id.
    pub rules: BTreeMap<String, toml::Table>,
    /// Files or folders of lists of data catalogs, shares and users of Quick.
    pub catalogs: Vec<PathBuf>,
    /// Locations of chat logs of Quick.
    pub chat_logs: Vec<ExportLocation>,
    /// Files of data sources.
    pub data_sources: Vec<PathBuf>,
    /// Findings that are accepted for a while.
    pub suppressions: Vec<Suppression>,
    /// The account that imports findings into Security Hub.
    pub security_hub_account_id: Option<AccountId>,
    /// The Region of Security Hub.
    pub security_hub_region: Option<String>,
    /// Access to accounts, and data requested from AWS.
    pub aws: AwsSettings,
    /// Targets of news.
    pub notify: Vec<NotifyTarget>,
    /// The location of the store.
    pub store: StoreSettings,
    /// The lines of rules and their options.
    rule_lines: BTreeMap<(String, Option<String>), usize>,
    /// The lines of suppressions.
    suppression_lines: Vec<usize>,
    /// The file.
    path: PathBuf,
}

impl Settings {
    /// The places that logs are read from, also those that engines have tables of. Where the objects of
    /// such a table are not named, only the engine knows.
    pub fn places(&self) -> impl Iterator<Item = &LogLocation> {
        let of_engines = self.engines.iter();
        let of_engines = of_engines.filter_map(|engine| engine.objects.as_ref());
        self.logs.iter().chain(of_engines)
    }

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

    /// An error about a rule or an option of it, with its line.
    #[must_use]
    pub fn rule_error(
        &self,
        rule: &str,
        option: Option<&str>,
        key: String,
        message: String,
    ) -> ConfigError {
        let line = |option: Option<&str>| {
            let place = (rule.to_owned(), option.map(str::to_owned));
            self.rule_lines.get(&place).copied()
        };
        ConfigError::Value {
            path: self.path.clone(),
            line: line(option).or_else(|| line(None)).unwrap_or(1),
            key,
            message,
        }
    }

    /// An error about a suppression, with its line.
    #[must_use]
    pub fn suppression_error(&self, suppression: &Suppression, message: String) -> ConfigError {
        let known = self.suppressions.iter().position(|one| one == suppression);
        let line = known.and_then(|at| self.suppression_lines.get(at).copied());
        ConfigError::Value {
            path: self.path.clone(),
            line: line.unwrap_or(1),
            key: "suppressions.rule".to_owned(),
            message,
        }
    }
}

/// The options of a rule without their places.
fn plain(rule: RawRule) -> toml::Table {
    rule.into_iter()
        .map(|(name, value)| (name.into_inner(), value))
        .collect()
}

impl Settings {
    /// Returns the roles by which accounts are asked: those that are declared here, and
    /// those that AWS Organizations lists.
    #[must_use]
    pub fn audit_roles(&self, of_organization: BTreeSet<AccountId>) -> AuditRoles<'_> {
        let consumers = self.topology.consumers.iter();
        let mut accounts = of_organization;
        accounts.extend(consumers.map(|consumer| consumer.account_id.clone()));
        let producers = self.topology.producers.iter();
        accounts.extend(producers.map(|producer| producer.account_id.clone()));
        accounts.extend(self.topology.hub_account_id.clone());
        for location in self.places() {
            match location {
                LogLocation::Path(_) => {}
                LogLocation::S3(bucket) => {
                    accounts.extend(bucket.accounts.iter().map(|id| id.as_str().into()));
                }
                LogLocation::LookupEvents { account_id, .. } => {
                    accounts.insert(account_id.clone());
                }
            }
        }
        AuditRoles {
            settings: &self.aws,
            accounts,
        }
    }

    /// Returns true if a Region may become part of a host name: it is known, or declared.
    #[must_use]
    pub fn is_region(&self, name: &str) -> bool {
        let mut declared = self.places().filter_map(|location| match location {
            LogLocation::Path(_) => None,
            LogLocation::S3(S3Settings { regions, .. })
            | LogLocation::LookupEvents { regions, .. } => Some(regions),
        });
        region::is_known(name)
            || self.aws.quick_regions.contains(name)
            || self.aws.catalog_regions.contains(name)
            || declared.any(|regions| regions.contains(name))
    }
}

impl Checker<'_> {
    fn settings(&self, raw: RawConfig) -> Result<Settings, ConfigError> {
        let mut topology = self.hub(raw.hub)?;
        topology.payer_account_id = self.payer(&raw.aws)?;
        let mut aws = self.aws(raw.aws)?;
        for consumer in raw.consumers {
            if let Some(arn) = &consumer.audit_role_arn {
                let role = self.role_arn(arn, "consumers.audit_role_arn")?;
                let account = Text::from(consumer.account_id.get_ref().as_str());
                aws.audit_roles.insert(account, role);
            }
            let consumer = self.consumer(consumer, &topology)?;
            topology.consumers.push(consumer);
        }
        self.add_producers(raw.producers, &mut topology)?;
        self.add_sensitive(raw.sensitive, &mut topology)?;
        self.add_roads(raw.declared_services, raw.agents, &mut topology)?;
        let (logs, engines) = self.all_logs(raw.logs)?;
        let mut usd_per_tb = BTreeMap::new();
        for (region, price) in raw.pricing.usd_per_tb {
            let amount = self.price(&region, &price)?;
            usd_per_tb.insert(region.into_inner(), amount);
        }
        let units = raw.business_units;
        let lines = raw.suppressions.iter();
        let suppression_lines = lines.map(|one| self.line(&one.rule.span())).collect();
        let suppressions = raw
            .suppressions
            .into_iter()
            .map(|one| self.suppression(one));
        let (security_hub_account_id, security_hub_region) = self.security_hub(raw.security_hub)?;
        let rule_lines = self.rule_lines(&raw.rules);
        Ok(Settings {
            topology,
            logs,
            engines,
            executions: self.all_exports("executions", raw.executions)?,
            costs: self.all_exports("costs", raw.costs)?,
            business_units: units
                .paths
                .iter()
                .map(|path| self.export_location(path))
                .collect(),
            public_keys: self.all_beside(&raw.verify.public_keys),
            signatures: self.all_beside(&raw.verify.signatures),
            business_unit_tag: units.tag,
            cost_center_tag: units.cost_center_tag,
            terabyte: match raw.pricing.tb {
                Some(RawBase::Binary) => TerabyteBase::Binary,
                Some(RawBase::Decimal) | None => TerabyteBase::Decimal,
            },
            is_unscanned_dml_free: raw.pricing.floor_for_unscanned_dml == Some(false),
            usd_per_tb,
            notify: self.notify(&raw.notify)?,
            rule_lines,
            suppression_lines,
            rules: raw
                .rules
                .into_iter()
                .map(|(id, table)| (id, plain(table.into_inner())))
                .collect(),
            data_sources: self.paths("data_sources.path", raw.data_sources)?,
            catalogs: self.paths("catalogs.path", raw.catalogs)?,
            chat_logs: self.all_exports("chat_logs", raw.chat_logs)?,
            suppressions: suppressions.collect::<Result<_, _>>()?,
            security_hub_account_id,
            security_hub_region,
            aws,
            store: self.store(raw.store)?,
            path: self.path.to_owned(),
        })
    }

    fn hub(&self, declared: Option<RawHub>) -> Result<Topology, ConfigError> {
        let mut topology = Topology::default();
        if let Some(hub) = declared {
            let account = self.account_id(&hub.account_id, "hub.account_id")?;
            topology.run_as_roles = self.roles(&hub.run_as_roles, &account, "hub.run_as_roles")?;
            topology.hub_account_id = Some(account);
        }
        Ok(topology)
    }

    fn rule_lines(
        &self,
        rules: &BTreeMap<String, Spanned<RawRule>>,
    ) -> BTreeMap<(String, Option<String>), usize> {
        let mut lines = BTreeMap::new();
        for (id, table) in rules {
            lines.insert((id.clone(), None), self.line(&table.span()));
            for option in table.get_ref().keys() {
                let place = (id.clone(), Some(option.get_ref().clone()));
                lines.insert(place, self.line(&option.span()));
            }
        }
        lines
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
            let mut arns: BTreeSet<DataSourceArn> = BTreeSet::new();
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

    fn roles(
        &self,
        arns: &[Spanned<String>],
        account_id: &AccountId,
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

    fn suppression(&self, raw: RawSuppression) -> Result<Suppression, ConfigError> {
        let given = |text: Spanned<String>, key: &str| {
            let span = text.span();
            let text = text.into_inner();
            let is_there = !text.trim().is_empty();
            is_there
                .then_some(text)
                .ok_or_else(|| self.wrong(span, key, "must not be empty"))
        };
        let span = raw.expires.span();
        let day = match raw.expires.into_inner() {
            toml::Value::String(text) => text.parse().ok(),
            toml::Value::Datetime(moment) => moment.to_string().parse().ok(),
            _ => None,
        };
        let key = "suppressions.expires";
        let expires: Option<Date> = day;
        let expires =
            expires.ok_or_else(|| self.wrong(span, key, "is a day such as 2027-01-31"))?;
        Ok(Suppression {
            rule: given(raw.rule, "suppressions.rule")?,
            subject: given(raw.subject, "suppressions.subject")?,
            reason: given(raw.reason, "suppressions.reason")?,
            expires,
        })
    }

    fn security_hub(
        &self,
        raw: Option<RawSecurityHub>,
    ) -> Result<(Option<AccountId>, Option<String>), ConfigError> {
        let Some(RawSecurityHub { account_id, region }) = raw else {
            return Ok((None, None));
        };
        let account = account_id.map(|id| self.account_id(&id, "security_hub.account_id"));
        if let Some(region) = region
            .as_ref()
            .filter(|region| !is_region_name(region.get_ref()))
        {
            let message = format!("{:?} is not a Region code", region.get_ref());
            return Err(self.wrong(region.span(), "security_hub.region", message));
        }
        Ok((account.transpose()?, region.map(Spanned::into_inner)))
    }

    fn all_beside(&self, paths: &[String]) -> Vec<PathBuf> {
        paths.iter().map(|path| self.resolve(path)).collect()
    }

    fn all_exports(
        &self,
        key: &str,
        raw: Vec<Spanned<RawExports>>,
    ) -> Result<Vec<ExportLocation>, ConfigError> {
        let raw = raw.into_iter();
        raw.map(|one| self.exports(key, one)).collect()
    }

    fn paths(&self, key: &str, paths: Vec<RawPath>) -> Result<Vec<PathBuf>, ConfigError> {
        let resolved = paths.into_iter().map(|path| {
            let text = path.path.get_ref();
            if text.trim().is_empty() {
                return Err(self.wrong(path.path.span(), key, "path is empty"));
            }
            Ok(self.resolve(text))
        });
        resolved.collect()
    }

    fn price(
        &self,
        region: &Spanned<String>,
        price: &Spanned<String>,
    ) -> Result<Decimal, ConfigError> {
        let name = region.get_ref();
        let key = format!("pricing.usd_per_tb.{name}");
        if !is_region_name(name) {
            let message = format!("{name:?} is not a Region code");
            return Err(self.wrong(region.span(), &key, message));
        }
        let text = price.get_ref();
        let amount = parse_decimal(text).filter(|amount| *amount >= Decimal::ZERO);
        amount.ok_or_else(|| {
            let message = format!("{text:?} is not a decimal amount such as \"5.00\"");
            self.wrong(price.span(), &key, message)
        })
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

[[executions]]
path = "executions"

[[costs]]
path = "costs.json"

[business_units]
paths = ["units.csv"]
tag = "bu"

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
        assert_eq!(
            settings.executions,
            [ExportLocation::Path("conf/executions".into())]
        );
        assert_eq!(
            settings.costs,
            [ExportLocation::Path("conf/costs.json".into())]
        );
        assert_eq!(
            settings.business_units,
            [ExportLocation::Path("conf/units.csv".into())]
        );
        assert!(settings.rules.contains_key("bytes-scanned-spike"));
    }

    #[test]
    fn nothing_at_all_is_a_configuration() {
        let nothing = Settings {
            path: "conf/qs-audit.toml".into(),
            ..Settings::default()
        };
        assert_eq!(parse("").unwrap(), nothing);
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
            ("\"5.00\"", "\"-5.00\"", "pricing.usd_per_tb.us-east-1"),
            ("us-east-1 =", "virginia =", "pricing.usd_per_tb.virginia"),
            ("[[costs]]\npath", "[[costs]]\nfile", "unknown field `file`"),
            ("path =", "s3 =", "logs.s3"),
            (
                "path = \"AWSLogs\"",
                "region = \"us-east-1\"",
                "needs path, s3, lookup_events, trino or athena",
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
