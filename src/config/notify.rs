//! Targets of news: webhooks, SNS, Security Hub, S3.

use super::checker::{Checker, ConfigError};
use super::file::{RawAwsTarget, RawNotify, RawSns, RawWebhook};
use super::sources::Role;
use crate::model::finding::Severity;
use std::collections::BTreeSet;
use std::path::PathBuf;
use toml::Spanned;

/// A place that is told what is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotifyTarget {
    /// Its name: what has been sent is remembered by it.
    pub name: String,
    /// Findings below this severity are not sent.
    pub min_severity: Severity,
    /// The way there.
    pub channel: NotifyChannel,
}

/// A way to tell someone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotifyChannel {
    /// A webhook.
    Webhook(WebhookSettings),
    /// A topic of Amazon SNS.
    Sns {
        /// The topic.
        topic_arn: String,
        /// The role to assume.
        role: Role,
    },
    /// AWS Security Hub.
    SecurityHub(AwsTarget),
    /// A bucket that takes the files of reports.
    S3 {
        /// `s3://BUCKET/PREFIX`.
        url: String,
        /// The role to assume, and the bucket's Region.
        access: AwsTarget,
    },
}

/// A webhook, and what it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookSettings {
    /// The place of its URL: the URL is a secret.
    pub url: SecretPlace,
    /// The format.
    pub format: WebhookFormat,
    /// Certificates to trust, in PEM, instead of those of the system.
    pub ca_bundle: Option<PathBuf>,
}

/// The place of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretPlace {
    /// An environment variable.
    Variable(String),
    /// A file.
    File(PathBuf),
}

/// The format that a webhook takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "kebab-case")]
pub enum WebhookFormat {
    /// Slack's incoming webhooks.
    Slack,
    /// Microsoft Teams, by a workflow.
    Teams,
    /// Documents of `qs-audit/message/v1` (docs/output-v1.md).
    Json,
}

/// An account and Region of AWS, and how to get there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AwsTarget {
    /// The Region.
    pub region: Option<String>,
    /// The role to assume.
    pub role: Role,
}

impl NotifyChannel {
    /// The kind as the configuration spells it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Sns { .. } => "sns",
            Self::SecurityHub(_) => "security-hub",
            Self::S3 { .. } => "s3",
        }
    }
}

impl Checker<'_> {
    pub(super) fn notify(
        &self,
        raw: &[Spanned<RawNotify>],
    ) -> Result<Vec<NotifyTarget>, ConfigError> {
        let mut names = BTreeSet::new();
        let mut targets = Vec::new();
        for one in raw {
            let target = self.notify_target(one)?;
            if !names.insert(target.name.clone()) {
                let message = format!(
                    "{:?} is the name of another one: give each a name",
                    target.name
                );
                return Err(self.wrong(one.span(), "notify.name", message));
            }
            targets.push(target);
        }
        Ok(targets)
    }

    fn notify_target(&self, one: &Spanned<RawNotify>) -> Result<NotifyTarget, ConfigError> {
        let raw = one.get_ref();
        let mut channels = Vec::new();
        if let Some(webhook) = &raw.webhook {
            channels.push(self.webhook(webhook)?);
        }
        if let Some(sns) = &raw.sns {
            channels.push(self.sns(sns)?);
        }
        if let Some(hub) = &raw.security_hub {
            let target = self.aws_target(hub, "notify.security-hub")?;
            channels.push(NotifyChannel::SecurityHub(target));
        }
        if let Some(bucket) = &raw.s3 {
            let access = self.aws_target(bucket, "notify.s3")?;
            let url = bucket
                .url
                .as_ref()
                .filter(|url| url.get_ref().starts_with("s3://"));
            let Some(url) = url else {
                let message = "has no url: write url = \"s3://BUCKET/PREFIX\"";
                return Err(self.wrong(one.span(), "notify.s3.url", message));
            };
            let url = url.get_ref().clone();
            channels.push(NotifyChannel::S3 { url, access });
        }
        let only = channels.pop();
        let Some(channel) = only.filter(|_| channels.is_empty()) else {
            let message = "needs one of webhook, sns, security-hub and s3";
            return Err(self.wrong(one.span(), "notify", message));
        };
        let min_severity = match &raw.min_severity {
            None => Severity::High,
            Some(text) => Severity::parse(text.get_ref()).ok_or_else(|| {
                let message = "is not critical, high, medium, low or info";
                self.wrong(text.span(), "notify.min_severity", message)
            })?,
        };
        let name = raw
            .name
            .clone()
            .unwrap_or_else(|| channel.kind().to_owned());
        Ok(NotifyTarget {
            name,
            min_severity,
            channel,
        })
    }

    fn webhook(&self, webhook: &Spanned<RawWebhook>) -> Result<NotifyChannel, ConfigError> {
        let raw = webhook.get_ref();
        let url = match (&raw.url_env, &raw.url_file) {
            (Some(name), None) => SecretPlace::Variable(name.clone()),
            (None, Some(path)) => SecretPlace::File(self.resolve(path)),
            _ => {
                let message = "needs one of url_env (the name of an environment variable) and url_file: the URL is a secret";
                return Err(self.wrong(webhook.span(), "notify.webhook", message));
            }
        };
        let format = match &raw.format {
            None => WebhookFormat::Json,
            Some(format) => format.get_ref().parse().map_err(|_| {
                let message = "is not slack, teams or json";
                self.wrong(format.span(), "notify.webhook.format", message)
            })?,
        };
        Ok(NotifyChannel::Webhook(WebhookSettings {
            url,
            format,
            ca_bundle: raw.ca_bundle.as_deref().map(|path| self.resolve(path)),
        }))
    }

    fn sns(&self, raw: &RawSns) -> Result<NotifyChannel, ConfigError> {
        let topic = &raw.topic_arn;
        let parts: Vec<&str> = topic.get_ref().split(':').collect();
        if parts.len() != 6 || parts[0] != "arn" || parts[2] != "sns" || parts[5].is_empty() {
            let message = "is not arn:aws:sns:REGION:ACCOUNT:TOPIC";
            return Err(self.wrong(topic.span(), "notify.sns.topic_arn", message));
        }
        Ok(NotifyChannel::Sns {
            topic_arn: topic.get_ref().clone(),
            role: self.target_role(
                raw.role_arn.as_ref(),
                raw.external_id.as_ref(),
                "notify.sns.role_arn",
            )?,
        })
    }

    fn aws_target(&self, raw: &RawAwsTarget, key: &str) -> Result<AwsTarget, ConfigError> {
        let region = raw.region.as_ref();
        let region = region.map(|region| self.region(region, &format!("{key}.region")));
        Ok(AwsTarget {
            region: region.transpose()?,
            role: self.target_role(
                raw.role_arn.as_ref(),
                raw.external_id.as_ref(),
                &format!("{key}.role_arn"),
            )?,
        })
    }

    fn target_role(
        &self,
        arn: Option<&Spanned<String>>,
        external_id: Option<&String>,
        key: &str,
    ) -> Result<Role, ConfigError> {
        Ok(Role {
            arn: arn.map(|arn| self.role_arn(arn, key)).transpose()?,
            external_id: external_id.cloned(),
        })
    }
}
