//! Locations of logs, access to accounts, and the location of the store.

use super::checker::{Checker, ConfigError};
use super::file::{RawAws, RawExports, RawLogs, RawStore};
use crate::model::identity::RoleName;
use crate::model::ids::{AccountId, is_account_id};
use crate::model::region::is_region_name;
use crate::model::text::Text;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use toml::Spanned;

/// A location of logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogLocation {
    /// A folder or file on this machine.
    Path(PathBuf),
    /// A bucket.
    S3(S3Settings),
    /// CloudTrail's own event history, for accounts without a readable bucket.
    LookupEvents {
        /// The account.
        account_id: AccountId,
        /// Its Regions.
        regions: BTreeSet<String>,
        /// The role to assume for reading.
        role: Role,
    },
}

/// A location of exports: bills, query statistics, business units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportLocation {
    /// A folder or file on this machine.
    Path(PathBuf),
    /// An object, or a prefix, in a bucket.
    S3(S3Settings),
}

impl fmt::Display for ExportLocation {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(to),
            Self::S3(bucket) => bucket.url.fmt(to),
        }
    }
}

impl ExportLocation {
    /// The location that a text names: `s3://...`, else a path.
    #[must_use]
    pub fn of(text: &str) -> Self {
        if text.starts_with("s3://") {
            Self::S3(S3Settings {
                url: text.to_owned(),
                ..S3Settings::default()
            })
        } else {
            Self::Path(text.into())
        }
    }
}

/// A role to assume.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Role {
    /// Its ARN; the caller's own credentials where there is none.
    pub arn: Option<String>,
    /// The external id it asks for.
    pub external_id: Option<String>,
}

impl Role {
    /// Returns true if the one who has this role, or else the caller's own account, is in an account.
    #[must_use]
    pub fn is_of(&self, account_id: &str, own_account_id: &str) -> bool {
        match &self.arn {
            Some(arn) => {
                RoleName::from_arn(arn).is_some_and(|role| *role.account_id == *account_id)
            }
            None => own_account_id == account_id,
        }
    }
}

/// Logs in a bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct S3Settings {
    /// `s3://bucket/prefix`.
    pub url: String,
    /// The role to assume for reading.
    pub role: Role,
    /// The bucket's Region.
    pub region: Option<String>,
    /// The account that owns the bucket, where it is known: another one answers nothing.
    pub expected_bucket_owner: Option<String>,
    /// True if the caller pays for requests.
    pub requester_pays: bool,
    /// Only these accounts, where any are named.
    pub accounts: BTreeSet<String>,
    /// Only these Regions, where any are named.
    pub regions: BTreeSet<String>,
}

/// Access to accounts, and the data that `collect` requests from AWS.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a setting of its own"
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsSettings {
    /// The role of an account, `{account_id}` standing for its id.
    pub audit_role_arn: Option<String>,
    /// Roles of single consumers, by account.
    pub audit_roles: BTreeMap<Text, String>,
    /// The external id that these roles ask for.
    pub external_id: Option<String>,
    /// The role of the account that pays: Cost Explorer and Organizations.
    pub payer_role_arn: Option<String>,
    /// Regions whose data sources are listed.
    pub quick_regions: BTreeSet<String>,
    /// True if statistics of query executions are asked for.
    pub statistics: bool,
    /// True if Cost Explorer is asked; each page costs $0.01.
    pub costs: bool,
    /// True if accounts and their tags are asked for.
    pub organizations: bool,
    /// True if Quick's data sources are asked for.
    pub data_sources: bool,
    /// True if data catalogs, grants and shares of declared accounts, and Quick's users, are asked
    /// for.
    pub catalogs: bool,
    /// Regions whose data catalogs are listed; empty: those of Quick.
    pub catalog_regions: BTreeSet<String>,
}

impl Default for AwsSettings {
    fn default() -> Self {
        Self {
            audit_role_arn: None,
            audit_roles: BTreeMap::new(),
            external_id: None,
            payer_role_arn: None,
            quick_regions: BTreeSet::new(),
            statistics: true,
            // Each page costs money: no one pays who did not say so.
            costs: false,
            organizations: false,
            data_sources: true,
            // It takes permissions that nothing else takes.
            catalogs: false,
            catalog_regions: BTreeSet::new(),
        }
    }
}

/// The roles by which accounts are asked. No role is assumed in an account that only logs
/// name: the one who wrote it into them would get the external id.
#[derive(Debug)]
pub struct AuditRoles<'a> {
    pub(super) settings: &'a AwsSettings,
    /// Accounts that the configuration declares, or that AWS Organizations lists.
    pub(super) accounts: BTreeSet<AccountId>,
}

impl AuditRoles<'_> {
    /// Returns the role by which an account is asked; without an ARN it stands for the
    /// caller's own credentials. `None` where only logs name the account.
    #[must_use]
    pub fn of(&self, account_id: &str) -> Option<Role> {
        let own = self.settings.audit_roles.get(account_id).cloned();
        let of_all = self.settings.audit_role_arn.as_ref();
        let arn = own.or_else(|| of_all.map(|arn| arn.replace(ACCOUNT_PLACE, account_id)));
        let may_be_asked = is_account_id(account_id) && self.accounts.contains(account_id);
        (arn.is_none() || may_be_asked).then(|| Role {
            external_id: self.settings.external_id.clone().filter(|_| arn.is_some()),
            arn,
        })
    }
}

impl AwsSettings {
    /// The role by which the account that pays is asked.
    #[must_use]
    pub fn payer_role(&self) -> Role {
        let arn = self.payer_role_arn.clone();
        Role {
            external_id: self.external_id.clone().filter(|_| arn.is_some()),
            arn,
        }
    }
}

/// The key whose role may be of any account.
const AUDIT_ROLE: &str = "aws.audit_role_arn";

/// The placeholder for an account's id in the ARN of a role.
const ACCOUNT_PLACE: &str = "{account_id}";

/// The location of collected logs, and their retention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSettings {
    /// The folder; one below the user's data folder where none is named.
    pub path: Option<PathBuf>,
    /// Days that are kept.
    pub retention_days: u32,
    /// Days of delivery that are listed again for what came late.
    pub look_back_days: u32,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            path: None,
            retention_days: 400,
            look_back_days: 3,
        }
    }
}

impl Checker<'_> {
    pub(super) fn logs(&self, logs: Spanned<RawLogs>) -> Result<LogLocation, ConfigError> {
        let span = logs.span();
        let wrong = |message: &str| Err(self.wrong(span.clone(), "logs", message));
        let raw = logs.into_inner();
        let read = self.bucket(&raw, raw.s3.clone().unwrap_or_default())?;
        let S3Settings {
            role,
            region,
            accounts,
            regions,
            ..
        } = &read;
        if read.expected_bucket_owner.is_some() && raw.s3.is_none() {
            return wrong("expected_bucket_owner can only be set together with s3");
        }
        match (raw.path, raw.s3, raw.lookup_events) {
            (Some(path), None, None) => {
                let has_more = *role != Role::default()
                    || region.is_some()
                    || raw.requester_pays
                    || !accounts.is_empty()
                    || !regions.is_empty();
                if has_more {
                    return wrong("a path has no other keys");
                }
                Ok(LogLocation::Path(self.resolve(&path)))
            }
            (None, Some(url), None) if url.starts_with("s3://") => Ok(LogLocation::S3(read)),
            (None, Some(url), None) => {
                let message = format!("{url:?} does not start with s3://");
                Err(self.wrong(span, "logs.s3", message))
            }
            (None, None, Some(account)) => {
                let account_id = self.account_id(&account, "logs.lookup_events")?;
                if regions.is_empty() {
                    return wrong(
                        "lookup_events needs regions, because it is requested per Region",
                    );
                }
                Ok(LogLocation::LookupEvents {
                    account_id,
                    regions: read.regions,
                    role: read.role,
                })
            }
            (None, None, None) => wrong("needs path, s3, lookup_events, trino or athena"),
            _ => wrong("has more than one of path, s3 and lookup_events: give one of them"),
        }
    }

    /// Logs in a bucket, as the keys of `[[logs]]` say.
    pub(super) fn bucket(&self, raw: &RawLogs, url: String) -> Result<S3Settings, ConfigError> {
        let role_arn = raw.role_arn.as_ref();
        let role_arn = role_arn.map(|arn| self.role_arn(arn, "logs.role_arn"));
        let accounts = raw.accounts.iter();
        let accounts = accounts.map(|id| self.account_id(id, "logs.accounts"));
        let region = raw.region.as_ref();
        let region = region.map(|region| self.region(region, "logs.region"));
        let owner = raw.expected_bucket_owner.as_ref();
        let owner = owner.map(|id| self.account_id(id, "logs.expected_bucket_owner"));
        Ok(S3Settings {
            url,
            role: Role {
                arn: role_arn.transpose()?,
                external_id: raw.external_id.clone(),
            },
            region: region.transpose()?,
            expected_bucket_owner: owner.transpose()?.map(|id| id.to_string()),
            requester_pays: raw.requester_pays,
            accounts: accounts
                .map(|id| id.map(|id| id.to_string()))
                .collect::<Result<_, _>>()?,
            regions: self.regions(&raw.regions, "logs.regions")?,
        })
    }

    /// A location of exports.
    pub(super) fn exports(
        &self,
        key: &str,
        raw: Spanned<RawExports>,
    ) -> Result<ExportLocation, ConfigError> {
        let span = raw.span();
        let raw = raw.into_inner();
        let wrong = |message: &str| Err(self.wrong(span.clone(), key, message));
        let role = raw.role_arn.as_ref();
        let role = role.map(|arn| self.role_arn(arn, &format!("{key}.role_arn")));
        let role = Role {
            arn: role.transpose()?,
            external_id: raw.external_id,
        };
        let region = raw.region.as_ref();
        let region = region.map(|region| self.region(region, &format!("{key}.region")));
        let region = region.transpose()?;
        let owner = raw.expected_bucket_owner.as_ref();
        let owner = owner.map(|id| self.account_id(id, &format!("{key}.expected_bucket_owner")));
        let owner = owner.transpose()?;
        match (raw.path, raw.s3) {
            (Some(path), None) => {
                let has_more = role != Role::default()
                    || region.is_some()
                    || owner.is_some()
                    || raw.requester_pays;
                if has_more {
                    return wrong("a path has no other keys");
                }
                if path.trim().is_empty() {
                    return wrong("path is empty");
                }
                Ok(self.export_location(&path))
            }
            (None, Some(url)) if url.starts_with("s3://") => Ok(ExportLocation::S3(S3Settings {
                url,
                role,
                region,
                expected_bucket_owner: owner.map(|id| id.to_string()),
                requester_pays: raw.requester_pays,
                ..S3Settings::default()
            })),
            (None, Some(_)) => wrong("s3 does not start with s3://"),
            (None, None) => wrong("needs path or s3"),
            (Some(_), Some(_)) => wrong("has both path and s3: give one of them"),
        }
    }

    /// What a path of the configuration names: a bucket, or a file next to it.
    pub(super) fn export_location(&self, path: &str) -> ExportLocation {
        match ExportLocation::of(path) {
            ExportLocation::Path(_) => ExportLocation::Path(self.resolve(path)),
            bucket @ ExportLocation::S3(_) => bucket,
        }
    }

    /// The account that pays: named, or the one that its role is in.
    pub(super) fn payer(&self, raw: &RawAws) -> Result<Option<AccountId>, ConfigError> {
        if let Some(id) = &raw.payer_account_id {
            return self.account_id(id, "aws.payer_account_id").map(Some);
        }
        let role = raw.payer_role_arn.as_ref();
        let role = role.and_then(|arn| RoleName::from_arn(arn.get_ref()));
        Ok(role.map(|role| role.account_id))
    }

    pub(super) fn aws(&self, raw: RawAws) -> Result<AwsSettings, ConfigError> {
        let role = |arn: Option<&Spanned<String>>, key: &str| {
            arn.map(|arn| self.role_arn(arn, key)).transpose()
        };
        let usual = AwsSettings::default();
        Ok(AwsSettings {
            audit_role_arn: role(raw.audit_role_arn.as_ref(), AUDIT_ROLE)?,
            audit_roles: BTreeMap::new(),
            external_id: raw.external_id,
            payer_role_arn: role(raw.payer_role_arn.as_ref(), "aws.payer_role_arn")?,
            quick_regions: self.regions(&raw.quick_regions, "aws.quick_regions")?,
            statistics: raw.statistics.unwrap_or(usual.statistics),
            costs: raw.costs.unwrap_or(usual.costs),
            organizations: raw.organizations.unwrap_or(usual.organizations),
            data_sources: raw.data_sources.unwrap_or(usual.data_sources),
            catalogs: raw.catalogs.unwrap_or(usual.catalogs),
            catalog_regions: self.regions(&raw.catalog_regions, "aws.catalog_regions")?,
        })
    }

    pub(super) fn store(&self, raw: RawStore) -> Result<StoreSettings, ConfigError> {
        let usual = StoreSettings::default();
        let days = |told: Option<Spanned<u32>>, usual: u32, key: &str| match told {
            Some(days) if *days.get_ref() == 0 => {
                Err(self.wrong(days.span(), key, "must be at least 1"))
            }
            Some(days) => Ok(days.into_inner()),
            None => Ok(usual),
        };
        Ok(StoreSettings {
            path: raw.path.map(|path| self.resolve(&path)),
            retention_days: days(
                raw.retention_days,
                usual.retention_days,
                "store.retention_days",
            )?,
            look_back_days: days(
                raw.look_back_days,
                usual.look_back_days,
                "store.look_back_days",
            )?,
        })
    }

    /// The ARN of a role; `{account_id}` may stand for the account.
    pub(super) fn role_arn(&self, arn: &Spanned<String>, key: &str) -> Result<String, ConfigError> {
        let text = arn.get_ref();
        let has_place = key == AUDIT_ROLE;
        let is_role = RoleName::from_arn(text).is_some_and(|role| {
            role.account_id.is_well_formed() || (has_place && &*role.account_id == ACCOUNT_PLACE)
        });
        if is_role && text.contains(":role/") {
            return Ok(text.clone());
        }
        let message = format!("{text:?} is not the ARN of a role");
        Err(self.wrong(arn.span(), key, message))
    }

    pub(super) fn region(
        &self,
        region: &Spanned<String>,
        key: &str,
    ) -> Result<String, ConfigError> {
        let name = region.get_ref();
        if is_region_name(name) {
            return Ok(name.clone());
        }
        let message = format!("{name:?} is not a Region code");
        Err(self.wrong(region.span(), key, message))
    }

    fn regions(
        &self,
        regions: &[Spanned<String>],
        key: &str,
    ) -> Result<BTreeSet<String>, ConfigError> {
        let regions = regions.iter();
        regions.map(|region| self.region(region, key)).collect()
    }
}
