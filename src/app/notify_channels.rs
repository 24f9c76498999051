//! The ways to people: webhooks, SNS, Security Hub, S3.

use super::context::RunContext;
use crate::config::NotifyTarget;
use crate::memory::OutboxMessage;
use crate::model::integrity::hash_of;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

pub(super) use remote::Senders;

/// A report that is to be put into a bucket: its folder, and what tells it from an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct QueuedReport {
    folder: PathBuf,
    digest: String,
}

impl QueuedReport {
    pub(super) fn of(folder: &Path) -> Self {
        let document = std::fs::read(folder.join(super::report_folder::DOCUMENT));
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        Self {
            digest: hex::encode(hash_of(&document.unwrap_or_default())),
            folder,
        }
    }

    pub(super) fn text(&self) -> String {
        json!({"folder": self.folder, "digest": self.digest}).to_string()
    }

    #[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "nothing is sent"))]
    fn folder(text: &str) -> Option<PathBuf> {
        let value: Value = serde_json::from_str(text).ok()?;
        value["folder"].as_str().map(PathBuf::from)
    }
}

#[cfg(not(feature = "aws"))]
mod remote {
    use super::{NotifyTarget, OutboxMessage, RunContext};

    /// Sends nothing: there is no network.
    pub(in crate::app) struct Senders;

    impl Senders {
        pub(in crate::app) fn new(_context: &RunContext) -> Self {
            Self
        }

        #[expect(clippy::unused_self, reason = "as with a network")]
        pub(in crate::app) fn send(
            &mut self,
            _target: &NotifyTarget,
            _message: &OutboxMessage,
        ) -> Result<(), String> {
            Err(
                "this program was built without the network: build it with the feature aws"
                    .to_owned(),
            )
        }
    }
}

#[cfg(feature = "aws")]
mod remote {
    use super::{NotifyTarget, OutboxMessage, QueuedReport, RunContext, Value};
    use crate::app::aws_access::access;
    use crate::aws::{Aws, S3Location, TopicMessage};
    use crate::config::{AwsTarget, NotifyChannel, SecretPlace, WebhookSettings};
    use crate::web::Webhook;
    use std::time::Duration;

    const BACKOFF: Duration = Duration::from_millis(500);

    /// Sends messages; AWS is opened at the first one that needs it.
    pub(in crate::app) struct Senders<'c> {
        context: &'c RunContext,
        aws: Option<Aws>,
    }

    impl<'c> Senders<'c> {
        pub(in crate::app) fn new(context: &'c RunContext) -> Self {
            Self { context, aws: None }
        }

        pub(in crate::app) fn send(
            &mut self,
            target: &NotifyTarget,
            message: &OutboxMessage,
        ) -> Result<(), String> {
            match &target.channel {
                NotifyChannel::Webhook(settings) => post(settings, message),
                NotifyChannel::Sns { topic_arn, role } => {
                    let region = topic_arn.split(':').nth(3).unwrap_or_default();
                    let access = access(role, Some(region));
                    let told: Value = serde_json::from_str(&message.body).unwrap_or_default();
                    let sent = self.aws()?.publish(
                        &access,
                        &TopicMessage {
                            topic_arn,
                            subject: told["subject"].as_str().unwrap_or_default(),
                            text: told["text"].as_str().unwrap_or_default(),
                            key: &message.key,
                        },
                    );
                    sent.map_err(|error| error.to_string())
                }
                NotifyChannel::SecurityHub(hub) => {
                    let batch: Value =
                        serde_json::from_str(&message.body).map_err(|error| error.to_string())?;
                    let region = hub.region.as_deref();
                    let region = region.or(self.context.settings.security_hub_region.as_deref());
                    let access = access(&hub.role, region);
                    let sent = self.aws()?.import_findings(&access, batch);
                    sent.map_err(|error| error.to_string())
                }
                NotifyChannel::S3 { url, access } => self.put_report(url, access, message),
            }
        }

        fn put_report(
            &mut self,
            url: &str,
            target: &AwsTarget,
            message: &OutboxMessage,
        ) -> Result<(), String> {
            let place = S3Location::parse(url).ok_or("the URL is not s3://BUCKET/PREFIX")?;
            let folder = QueuedReport::folder(&message.body).ok_or("no folder is named")?;
            let access = access(&target.role, target.region.as_deref());
            let night = folder.file_name().unwrap_or_default().to_string_lossy();
            let aws = self.aws()?;
            for name in super::super::report_folder::files_of(&folder) {
                let bytes = std::fs::read(folder.join(&name))
                    .map_err(|error| format!("{}: {error}", folder.join(&name).display()))?;
                let prefix = place.prefix.trim_end_matches('/');
                let slash = if prefix.is_empty() { "" } else { "/" };
                let key = format!("{prefix}{slash}{night}/{name}");
                aws.put(&access, &place.bucket, &key, bytes)
                    .map_err(|error| error.to_string())?;
            }
            Ok(())
        }

        fn aws(&mut self) -> Result<&Aws, String> {
            if self.aws.is_none() {
                self.aws = Some(Aws::new().map_err(|error| error.to_string())?);
            }
            self.aws
                .as_ref()
                .ok_or_else(|| "AWS cannot be reached".to_owned())
        }
    }

    fn post(settings: &WebhookSettings, message: &OutboxMessage) -> Result<(), String> {
        let url = match &settings.url {
            SecretPlace::Variable(name) => std::env::var(name)
                .map_err(|_| format!("the environment variable {name} is not set"))?,
            SecretPlace::File(path) => std::fs::read_to_string(path)
                .map_err(|error| format!("{}: {error}", path.display()))?,
        };
        let bundle = settings.ca_bundle.as_deref().map(std::fs::read);
        let bundle = bundle
            .transpose()
            .map_err(|error| format!("ca_bundle: {error}"))?;
        let webhook = Webhook::new(&url, bundle, BACKOFF).map_err(|error| error.to_string())?;
        webhook
            .post(&message.key, &message.body)
            .map_err(|error| error.to_string())
    }
}
