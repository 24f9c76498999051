//! Ids, each a type of its own.
//!
//! An id holds any text that a log holds, also a masked or invented one. Whether it looks
//! like an id of AWS is a question to ask, never a condition.

use super::arn::ArnParts;
use super::region::is_region_name;
use super::text::{OpaqueId, Text};
use serde::{Deserialize, Serialize};
use std::borrow::{Borrow, Cow};
use std::fmt;
use std::ops::Deref;

/// Defines an id that is a UUID in nearly every record.
macro_rules! opaque_id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(OpaqueId);

        impl $name {
            /// Takes the id as it was logged.
            #[must_use]
            pub fn new(id: &str) -> Self {
                Self(OpaqueId::new(id))
            }

            /// Returns the bytes of the UUID; `None` where the id is none in the
            /// canonical spelling.
            #[must_use]
            pub fn uuid(&self) -> Option<[u8; 16]> {
                match &self.0 {
                    OpaqueId::Uuid(bytes) => Some(*bytes),
                    OpaqueId::Other(_) => None,
                }
            }

            /// Returns whether the id is a UUID, as AWS makes them.
            #[must_use]
            pub fn is_well_formed(&self) -> bool {
                self.uuid().is_some()
            }
        }

        impl From<OpaqueId> for $name {
            fn from(id: OpaqueId) -> Self {
                Self(id)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, formatter)
            }
        }
    };
}

opaque_id! {
    /// The id of a CloudTrail event: `eventID`, or `sha256:` and the digest of a record
    /// that has none.
    EventId
}

opaque_id! {
    /// The id that all accounts' copies of one event share: `sharedEventID`.
    SharedEventId
}

opaque_id! {
    /// The id of a request to AWS: `requestID`.
    RequestId
}

opaque_id! {
    /// The id of a query execution of Athena: `queryExecutionId`.
    QueryExecutionId
}

opaque_id! {
    /// The id that Quick gives to a query.
    QuickQueryId
}

/// Returns whether a text is an account id: twelve digits.
#[must_use]
pub fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns whether a text is an ARN of a Quick data source
/// (`arn:P:quicksight:REGION:ACCOUNT:datasource/ID`).
#[must_use]
pub fn is_data_source_arn(text: &str) -> bool {
    ArnParts::of(text)
        .is_some_and(|arn| arn.service == "quicksight" && arn.resource.starts_with("datasource/"))
}

/// Defines an id that is text, shared by many events.
macro_rules! text_id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(
            Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(Text);

        impl $name {
            /// Takes the id as it was logged or declared.
            #[must_use]
            pub fn new(id: &str) -> Self {
                Self(id.into())
            }

            /// Returns the shared text.
            #[must_use]
            pub fn text(&self) -> &Text {
                &self.0
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl From<Text> for $name {
            fn from(id: Text) -> Self {
                Self(id)
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.into())
            }
        }

        impl From<Cow<'_, str>> for $name {
            fn from(id: Cow<'_, str>) -> Self {
                Self(id.into())
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id.into())
            }
        }

        impl From<$name> for Text {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, formatter)
            }
        }
    };
}

text_id! {
    /// The id of an AWS account: twelve digits, where no one masked it.
    AccountId
}

text_id! {
    /// The name of an AWS Region, such as `eu-central-1`.
    Region
}

text_id! {
    /// The ARN of an IAM role, with the role's path where that was logged.
    RoleArn
}

text_id! {
    /// The id of an access key (`AKIA...`, `ASIA...`): a name, not a secret.
    AccessKeyId
}

text_id! {
    /// The ARN of a data source of Quick.
    DataSourceArn
}

impl AccountId {
    /// Returns whether the id is twelve digits. Masked logs have `700***` and the like.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        is_account_id(self)
    }
}

impl Region {
    /// Returns whether the name is spelled like one of a Region.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        is_region_name(self)
    }
}

impl RoleArn {
    /// Returns whether the text is the ARN of an IAM role.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        let role = ArnParts::of(self).filter(|arn| arn.service == "iam");
        role.and_then(|arn| arn.resource.strip_prefix("role/"))
            .is_some_and(|name| !name.is_empty())
    }
}

impl AccessKeyId {
    /// Returns whether the id is spelled as IAM and STS make them: twenty capital letters
    /// and digits.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        let is_of_key = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        self.len() == 20 && self.bytes().all(is_of_key)
    }
}

impl DataSourceArn {
    /// Returns whether the text is the ARN of a data source of Quick.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        is_data_source_arn(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_holds_what_was_logged() {
        for (text, is_well_formed) in [
            ("11111111-0000-4000-8000-00000000000a", true),
            ("AAAAAAAA-0000-4000-8000-00000000000A", false),
            ("XXXXXXXXXXX", false),
            ("", false),
        ] {
            let id = EventId::new(text);
            assert_eq!(id.to_string(), text);
            assert_eq!(id.is_well_formed(), is_well_formed, "{text}");
        }
    }

    #[test]
    fn an_id_of_text_holds_what_was_logged_and_says_whether_it_is_one() {
        let account = |text: &str| AccountId::from(text).is_well_formed();
        assert!(account("111122223333"));
        assert!(!account("XXXXXXXXXXX") && !account("700***") && !account("1111222233334"));
        let region = |text: &str| Region::from(text).is_well_formed();
        assert!(region("eu-central-1") && region("us-gov-west-1"));
        assert!(!region("") && !region("XX-XXXX-X"));
        let role = |text: &str| RoleArn::from(text).is_well_formed();
        assert!(role("arn:aws:iam::111122223333:role/service-role/a"));
        assert!(!role("arn:aws:sts::111122223333:assumed-role/a/b") && !role("a"));
        let key = |text: &str| AccessKeyId::from(text).is_well_formed();
        assert!(key("ASIAIOSFODNN7EXAMPLE"));
        assert!(!key("ASIA****************") && !key(""));
        let source = |text: &str| DataSourceArn::from(text).is_well_formed();
        assert!(source(
            "arn:aws:quicksight:us-east-1:111122223333:datasource/ds"
        ));
        assert!(!source("ds"));
        for text in ["", "XXXXXXXXXXX", "700***"] {
            assert_eq!(AccountId::from(text).to_string(), text);
        }
    }

    #[test]
    fn data_source_arns_are_told_from_other_external_ids() {
        assert!(is_data_source_arn(
            "arn:aws:quicksight:us-east-1:111122223333:datasource/ds"
        ));
        assert!(is_data_source_arn(
            "arn:aws-cn:quicksight:cn-north-1:111122223333:datasource/ds"
        ));
        assert!(!is_data_source_arn(
            "arn:aws:quicksight:us-east-1:111122223333:dataset/ds"
        ));
        assert!(!is_data_source_arn("ds-retail-01"));
    }
}
