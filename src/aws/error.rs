//! Errors of AWS calls, in words for the person who reads them.

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::error::Error;

/// Kinds of trouble, by what fixes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AwsErrorKind {
    /// There are no credentials, or they have expired.
    Credentials,
    /// The caller may not do it.
    Denied,
    /// There is no such bucket, object, trail or role.
    Absent,
    /// Too many requests, also after waiting.
    Throttled,
    /// The service cannot be reached, or broke off.
    Unreachable,
    /// The bucket is in another Region.
    OtherRegion,
    /// Anything else.
    Other,
}

/// An AWS call that failed for good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct AwsError {
    /// The kind of the error.
    pub kind: AwsErrorKind,
    /// What happened, to what, and what fixes it.
    pub message: String,
    /// The bucket's Region, if S3 answers that it is elsewhere.
    pub region: Option<String>,
}

/// Codes by which services refuse for want of permission.
const DENIED: [&str; 7] = [
    "AccessDenied",
    "AccessDeniedException",
    "AllAccessDisabled",
    "Forbidden",
    "KMS.AccessDeniedException",
    "UnauthorizedOperation",
    "InsufficientDataHealthStatusException",
];

/// Codes of credentials that are not, or no longer, good.
const CREDENTIALS: [&str; 10] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "InvalidToken",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
    "IncompleteSignature",
];

/// Codes of buckets that are in another Region than was asked.
const ELSEWHERE: [&str; 4] = [
    "PermanentRedirect",
    "TemporaryRedirect",
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
];

/// An object in an archive has to be restored before it can be read.
const ARCHIVED: &str = "InvalidObjectState";

const ABSENT: [&str; 7] = [
    "NoSuchBucket",
    "NoSuchKey",
    "NotFound",
    "TrailNotFoundException",
    "ResourceNotFoundException",
    "AWSOrganizationsNotInUseException",
    "NoSuchEntity",
];

const THROTTLED: [&str; 9] = [
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "LimitExceededException",
    "ServiceUnavailable",
    "BandwidthLimitExceeded",
];

/// Codes after which another try may succeed.
const PASSING: [&str; 5] = [
    "InternalError",
    "InternalServerException",
    "RequestTimeout",
    "RequestTimeTooSkewed",
    "OperationAborted",
];

impl AwsError {
    /// Explains a failed call: `action` as IAM names it (`s3:GetObject`), `place` as people know
    /// it.
    pub(super) fn of<E>(error: &SdkError<E, HttpResponse>, action: &str, place: &str) -> Self
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let SdkError::ServiceError(refused) = error else {
            return Self::of_failure(error, place);
        };
        let inner = refused.err();
        let status = refused.raw().status().as_u16();
        let code = inner.code().unwrap_or_default();
        let said = inner.message().unwrap_or_default();
        let kind = kind(code, status);
        let what = match (code, said) {
            ("", "") if (200..300).contains(&status) => {
                format!("HTTP status {status} with an answer that cannot be read")
            }
            ("", "") => format!("HTTP status {status}"),
            ("", said) => said.to_owned(),
            (code, "") => code.to_owned(),
            (code, said) => format!("{code}: {said}"),
        };
        let what = plain(&what);
        let message = match kind {
            AwsErrorKind::Denied if said.contains("kms:") || code.starts_with("KMS.") => format!(
                "{place}: access denied ({what}); allow kms:Decrypt on the key that encrypts it"
            ),
            AwsErrorKind::Denied => format!("{place}: access denied ({what}); allow {action}"),
            AwsErrorKind::Credentials => {
                format!("{place}: AWS does not accept the credentials ({what}); {RENEW}")
            }
            AwsErrorKind::Throttled => {
                format!("{place}: throttled after all retries ({what}); try again later")
            }
            AwsErrorKind::OtherRegion => {
                format!("{place}: the bucket is in another Region ({what})")
            }
            AwsErrorKind::Other if code == ARCHIVED => {
                format!("{place}: it is archived ({what}); restore it to read it")
            }
            _ => format!("{place}: {what}"),
        };
        let region = refused.raw().headers().get("x-amz-bucket-region");
        Self {
            kind,
            message,
            region: region.map(str::to_owned),
        }
    }

    fn of_failure<E: Error + 'static>(error: &SdkError<E, HttpResponse>, place: &str) -> Self {
        if let Some(credentials) = find::<CredentialsError>(error) {
            if let Some(refused) = find::<AssumeRoleError>(error) {
                return Self::of_role(refused);
            }
            let why = plain(&chain(credentials));
            // The last place that is asked is the metadata of an EC2 instance.
            let is_nowhere = matches!(credentials, CredentialsError::CredentialsNotLoaded(_))
                || why.contains("IMDS");
            let (what, next_step) = if is_nowhere {
                ("there are no AWS credentials", GET)
            } else {
                ("the AWS credentials cannot be used", RENEW)
            };
            return Self::new(
                AwsErrorKind::Credentials,
                format!("{what} ({why}); {next_step}"),
            );
        }
        let (kind, what) = match error {
            SdkError::TimeoutError(_) => (AwsErrorKind::Unreachable, "no answer in time"),
            SdkError::DispatchFailure(_) => (AwsErrorKind::Unreachable, "cannot be reached"),
            SdkError::ResponseError(_) => (
                AwsErrorKind::Unreachable,
                "closed the connection before the end of the response",
            ),
            _ => (AwsErrorKind::Other, "the request could not be sent"),
        };
        Self::new(kind, format!("{place}: {what} ({})", plain(&chain(error))))
    }

    /// A role that cannot be assumed: a matter of that role, not of the caller's own
    /// credentials.
    fn of_role(error: &AssumeRoleError) -> Self {
        let code = error.code().unwrap_or_default();
        let said = plain(error.message().unwrap_or(code));
        // No one takes the caller's own credentials.
        let kind = match kind(code, 400) {
            AwsErrorKind::Credentials => AwsErrorKind::Credentials,
            AwsErrorKind::Throttled => AwsErrorKind::Throttled,
            _ => AwsErrorKind::Denied,
        };
        let next_step = match kind {
            AwsErrorKind::Credentials => RENEW,
            AwsErrorKind::Throttled => "try again later",
            _ => "allow sts:AssumeRole",
        };
        Self::new(
            kind,
            format!("the role cannot be assumed ({said}); {next_step}"),
        )
    }

    pub(super) fn new(kind: AwsErrorKind, message: String) -> Self {
        Self {
            kind,
            message,
            region: None,
        }
    }

    /// A failure that no service reported.
    pub(super) fn other(message: String) -> Self {
        Self::new(AwsErrorKind::Other, message)
    }

    /// Returns true if the same request may succeed a little later.
    #[must_use]
    pub(super) fn may_pass(&self) -> bool {
        matches!(
            self.kind,
            AwsErrorKind::Throttled | AwsErrorKind::Unreachable
        )
    }
}

const GET: &str = "run `aws sso login` or `aws configure`, or set AWS_PROFILE";
const RENEW: &str = "run `aws sso login`, or renew them at their source";

fn kind(code: &str, status: u16) -> AwsErrorKind {
    if DENIED.contains(&code) {
        AwsErrorKind::Denied
    } else if CREDENTIALS.contains(&code) {
        AwsErrorKind::Credentials
    } else if ELSEWHERE.contains(&code) || matches!(status, 301 | 307) {
        AwsErrorKind::OtherRegion
    } else if THROTTLED.contains(&code) || matches!(status, 429 | 503) {
        AwsErrorKind::Throttled
    } else if PASSING.contains(&code)
        || (status >= 500 && status != 501)
        // An answer that cannot be read: a part of it was lost on the way.
        || (code.is_empty() && (200..300).contains(&status))
    {
        AwsErrorKind::Unreachable
    } else if ABSENT.contains(&code) || status == 404 {
        AwsErrorKind::Absent
    } else if status == 403 {
        AwsErrorKind::Denied
    } else {
        AwsErrorKind::Other
    }
}

/// The cause of a kind, however deep.
fn find<'a, C: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a C> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// An error with its causes, each said once.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !said.iter().any(|before| before.contains(&text)) {
            said.push(text);
        }
        next = error.source();
    }
    said.join(": ")
}

/// Longest text of a service that is passed on.
const SAID_CHARS_MAX: usize = 400;

/// Text of a service on one line, bounded, without control characters.
fn plain(text: &str) -> String {
    let spaced = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter });
    spaced.take(SAID_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_tell_what_mends() {
        assert_eq!(kind("AccessDenied", 403), AwsErrorKind::Denied);
        assert_eq!(kind("", 403), AwsErrorKind::Denied);
        assert_eq!(kind("ExpiredToken", 400), AwsErrorKind::Credentials);
        assert_eq!(kind("SlowDown", 503), AwsErrorKind::Throttled);
        assert_eq!(kind("InternalError", 500), AwsErrorKind::Unreachable);
        assert_eq!(kind("NoSuchKey", 404), AwsErrorKind::Absent);
        assert_eq!(kind("PermanentRedirect", 301), AwsErrorKind::OtherRegion);
        assert_eq!(kind("MalformedXML", 400), AwsErrorKind::Other);
    }
}
