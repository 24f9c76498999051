//! Telling people by services of AWS: messages of SNS, findings of Security Hub, objects of S3. These are
//! the only calls that write anything but results of statements (docs/iam-policy.json).

use super::described::{Request, Service};
use super::error::AwsError;
use super::s3::put_object;
use super::session::{Access, Aws};
use serde_json::Value;

const SNS: Service = Service {
    name: "sns",
    id: "SNS",
    target_prefix: "",
    is_global: false,
};
const SECURITY_HUB: Service = Service {
    name: "securityhub",
    id: "SecurityHub",
    target_prefix: "",
    is_global: false,
};

/// The ending of topics that keep the order of messages.
const FIFO: &str = ".fifo";

/// A message of SNS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicMessage<'a> {
    /// The topic.
    pub topic_arn: &'a str,
    /// The subject of mails.
    pub subject: &'a str,
    /// The text.
    pub text: &'a str,
    /// What tells it from others.
    pub key: &'a str,
}

impl Aws {
    /// Publishes a message to a topic.
    ///
    /// # Errors
    ///
    /// When it was not taken.
    pub fn publish(&self, access: &Access, message: &TopicMessage<'_>) -> Result<(), AwsError> {
        let publish = SNS.operation("Publish", &self.config(access))?;
        let text = |text: &str| text.to_owned();
        let mut form = vec![
            ("Action", text("Publish")),
            ("Version", text("2010-03-31")),
            ("TopicArn", text(message.topic_arn)),
            ("Subject", text(message.subject)),
            ("Message", text(message.text)),
            ("MessageAttributes.entry.1.Name", text("idempotency-key")),
            ("MessageAttributes.entry.1.Value.DataType", text("String")),
            (
                "MessageAttributes.entry.1.Value.StringValue",
                text(message.key),
            ),
        ];
        if message.topic_arn.strip_suffix(FIFO).is_some() {
            form.push(("MessageGroupId", text("qs-audit")));
            form.push(("MessageDeduplicationId", text(message.key)));
        }
        let answer = self.block_on(publish.invoke(Request::Form(form)));
        answer
            .map(|_| ())
            .map_err(|error| AwsError::of(&error, "sns:Publish", message.topic_arn))
    }

    /// Imports a batch of findings, an argument of `BatchImportFindings`.
    ///
    /// # Errors
    ///
    /// When it was not taken, or a part of it was not.
    pub fn import_findings(&self, access: &Access, batch: Value) -> Result<(), AwsError> {
        let import = SECURITY_HUB.operation("BatchImportFindings", &self.config(access))?;
        let place = "AWS Security Hub";
        let action = "securityhub:BatchImportFindings";
        let answer = self.block_on(import.invoke(Request::Post("/findings/import", batch)));
        let answer = answer.map_err(|error| AwsError::of(&error, action, place))?;
        let failed = answer["FailedCount"].as_u64().unwrap_or_default();
        if failed == 0 {
            return Ok(());
        }
        let why = answer["FailedFindings"][0]["ErrorMessage"].as_str();
        let why = why.unwrap_or("no reason was given");
        Err(AwsError::other(format!(
            "{place} refused {failed} findings: {why}"
        )))
    }

    /// Puts an object into a bucket, in place of one that is there.
    ///
    /// # Errors
    ///
    /// When it was not taken.
    pub fn put(
        &self,
        access: &Access,
        bucket: &str,
        key: &str,
        bytes: Vec<u8>,
    ) -> Result<(), AwsError> {
        put_object(self, access, (bucket, key), bytes)
    }
}
