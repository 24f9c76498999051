//! The file as it is written (docs/configuration.md). Unknown keys are errors.

use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
#[serde(expecting = "a table")]
pub(super) struct RawConfig {
    pub(super) hub: Option<RawHub>,
    pub(super) consumers: Vec<RawConsumer>,
    pub(super) producers: Vec<RawProducer>,
    pub(super) sensitive: Vec<RawSensitive>,
    pub(super) logs: Vec<Spanned<RawLogs>>,
    pub(super) executions: Vec<Spanned<RawExports>>,
    pub(super) costs: Vec<Spanned<RawExports>>,
    pub(super) business_units: RawUnits,
    pub(super) pricing: RawPricing,
    /// Options of rules: read by the rules themselves.
    pub(super) rules: BTreeMap<String, Spanned<RawRule>>,
    pub(super) data_sources: Vec<RawPath>,
    pub(super) catalogs: Vec<RawPath>,
    pub(super) chat_logs: Vec<Spanned<RawExports>>,
    pub(super) declared_services: Vec<RawService>,
    pub(super) agents: Vec<RawAgent>,
    pub(super) suppressions: Vec<RawSuppression>,
    pub(super) security_hub: Option<RawSecurityHub>,
    pub(super) aws: RawAws,
    pub(super) store: RawStore,
    pub(super) verify: RawVerify,
    pub(super) notify: Vec<Spanned<RawNotify>>,
}

/// Access to accounts, and data requested from AWS.
#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
#[serde(expecting = "a table")]
pub(super) struct RawAws {
    pub(super) audit_role_arn: Option<Spanned<String>>,
    pub(super) external_id: Option<String>,
    pub(super) payer_role_arn: Option<Spanned<String>>,
    pub(super) payer_account_id: Option<Spanned<String>>,
    pub(super) quick_regions: Vec<Spanned<String>>,
    pub(super) statistics: Option<bool>,
    pub(super) costs: Option<bool>,
    pub(super) organizations: Option<bool>,
    pub(super) data_sources: Option<bool>,
    pub(super) catalogs: Option<bool>,
    pub(super) catalog_regions: Vec<Spanned<String>>,
}

/// The location and retention of the store.
#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
#[serde(expecting = "a table")]
pub(super) struct RawStore {
    pub(super) path: Option<String>,
    pub(super) retention_days: Option<Spanned<u32>>,
    pub(super) look_back_days: Option<Spanned<u32>>,
}

/// Options of a rule: read by the rule itself.
pub(super) type RawRule = BTreeMap<Spanned<String>, toml::Value>;

/// A finding that is accepted for a while.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(expecting = "a table")]
pub(super) struct RawSuppression {
    pub(super) rule: Spanned<String>,
    pub(super) subject: Spanned<String>,
    pub(super) reason: Spanned<String>,
    pub(super) expires: Spanned<toml::Value>,
}

/// The inputs of verification.
#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
#[serde(expecting = "a table")]
pub(super) struct RawVerify {
    pub(super) public_keys: Vec<String>,
    pub(super) signatures: Vec<String>,
}

/// The destination of findings with `--format asff`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(expecting = "a table")]
pub(super) struct RawSecurityHub {
    pub(super) account_id: Option<Spanned<String>>,
    pub(super) region: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(expecting = "a table")]
pub(super) struct RawHub {
    pub(super) account_id: Spanned<String>,
    #[serde(default)]
    pub(super) run_as_roles: Vec<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(expecting = "a table")]
pub(super) struct RawConsumer {
    pub(super) name: Spanned<String>,
    pub(super) account_id: Spanned<String>,
    pub(super) business_unit: Option<String>,
    pub(super) audit_role_arn: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) roles: Vec<Spanned<String>>,
    pub(super) work_groups: Option<Vec<String>>,
    pub(super) data_sources: Option<Vec<Spanned<String>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(expecting = "a table")]
pub(super) struct RawProducer {
    pub(super) name: Spanned<String>,
    pub(super) account_id: Spanned<String>,
    pub(super) readers: Option<Vec<Spanned<String>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(expecting = "a table")]
pub(super) struct RawSensitive {
    pub(super) tables: Spanned<Vec<Spanned<String>>>,
    pub(super) reason: Spanned<String>,
}

/// A service that may reach the data.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(expecting = "a table")]
pub(super) struct RawService {
    pub(super) service: Spanned<String>,
    pub(super) resource_arn: Option<Spanned<String>>,
    pub(super) role_arn: Option<Spanned<String>>,
    pub(super) reason: Option<String>,
}

/// An agent or a flow of Quick.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(expecting = "a table")]
pub(super) struct RawAgent {
    pub(super) id: Spanned<String>,
    pub(super) name: Option<String>,
    pub(super) users: Option<Vec<Spanned<String>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(expecting = "a table")]
pub(super) struct RawLogs {
    pub(super) path: Option<String>,
    pub(super) s3: Option<String>,
    pub(super) lookup_events: Option<Spanned<String>>,
    pub(super) trino: Option<RawTrino>,
    pub(super) athena: Option<RawAthena>,
    pub(super) role_arn: Option<Spanned<String>>,
    pub(super) external_id: Option<String>,
    pub(super) region: Option<Spanned<String>>,
    pub(super) expected_bucket_owner: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) requester_pays: bool,
    #[serde(default)]
    pub(super) accounts: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) regions: Vec<Spanned<String>>,
}

/// A place that is told what is new.
#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
#[serde(expecting = "a table")]
pub(super) struct RawNotify {
    pub(super) name: Option<String>,
    pub(super) min_severity: Option<Spanned<String>>,
    pub(super) webhook: Option<Spanned<RawWebhook>>,
    pub(super) sns: Option<RawSns>,
    #[serde(rename = "security-hub")]
    pub(super) security_hub: Option<RawAwsTarget>,
    pub(super) s3: Option<RawAwsTarget>,
}

/// A webhook.
#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
#[serde(expecting = "a table")]
pub(super) struct RawWebhook {
    pub(super) url_env: Option<String>,
    pub(super) url_file: Option<String>,
    pub(super) format: Option<Spanned<String>>,
    pub(super) ca_bundle: Option<String>,
}

/// A topic of Amazon SNS.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(expecting = "a table")]
pub(super) struct RawSns {
    pub(super) topic_arn: Spanned<String>,
    pub(super) role_arn: Option<Spanned<String>>,
    pub(super) external_id: Option<String>,
}

/// An account and Region of AWS; a bucket, where it has a URL.
#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
#[serde(expecting = "a table")]
pub(super) struct RawAwsTarget {
    pub(super) url: Option<Spanned<String>>,
    pub(super) region: Option<Spanned<String>>,
    pub(super) role_arn: Option<Spanned<String>>,
    pub(super) external_id: Option<String>,
}

/// A table of Trino.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(expecting = "a table")]
pub(super) struct RawTrino {
    pub(super) url: String,
    pub(super) user: Option<String>,
    pub(super) password_env: Option<String>,
    pub(super) password_file: Option<String>,
    pub(super) ca_bundle: Option<String>,
    pub(super) catalog: String,
    pub(super) schema: String,
    pub(super) table: String,
    pub(super) objects: Option<String>,
    pub(super) mode: Option<Spanned<String>>,
}

/// A table of Athena.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(expecting = "a table")]
pub(super) struct RawAthena {
    pub(super) work_group: String,
    pub(super) database: String,
    pub(super) table: String,
    pub(super) region: Option<Spanned<String>>,
    pub(super) role_arn: Option<Spanned<String>>,
    pub(super) external_id: Option<String>,
    pub(super) max_usd: Option<String>,
    pub(super) objects: Option<String>,
    pub(super) mode: Option<Spanned<String>>,
}

/// A file or folder of `[[executions]]` or `[[costs]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(expecting = "a table")]
pub(super) struct RawPath {
    pub(super) path: Spanned<String>,
}

/// A location of exports.
#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
#[serde(expecting = "a table")]
pub(super) struct RawExports {
    pub(super) path: Option<String>,
    pub(super) s3: Option<String>,
    pub(super) role_arn: Option<Spanned<String>>,
    pub(super) external_id: Option<String>,
    pub(super) region: Option<Spanned<String>>,
    pub(super) expected_bucket_owner: Option<Spanned<String>>,
    pub(super) requester_pays: bool,
}

#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
#[serde(expecting = "a table")]
pub(super) struct RawUnits {
    pub(super) paths: Vec<String>,
    pub(super) tag: Option<String>,
    pub(super) cost_center_tag: Option<String>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
#[serde(expecting = "a table")]
pub(super) struct RawPricing {
    pub(super) tb: Option<RawBase>,
    pub(super) floor_for_unscanned_dml: Option<bool>,
    pub(super) usd_per_tb: BTreeMap<Spanned<String>, Spanned<String>>,
}

#[derive(Debug, Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawBase {
    Decimal,
    Binary,
}
