//! The few members that decide what becomes of a record, read by a full parse.

use crate::model::json::Borrowed;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// A member's text; absent, null and not yet read are told apart only inside.
type HeaderMember<'a> = Option<Cow<'a, str>>;

/// The deciding members of a record. Where a member stands twice, the first
/// one counts; of the recipient, which the scanner reads from the end of a record, the last one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct RecordHeader<'a> {
    pub(super) source: HeaderMember<'a>,
    pub(super) name: HeaderMember<'a>,
    pub(super) time: HeaderMember<'a>,
    pub(super) region: HeaderMember<'a>,
    pub(super) recipient_account_id: HeaderMember<'a>,
    pub(super) source_ip: HeaderMember<'a>,
    pub(super) identity: IdentityHeader<'a>,
}

/// The deciding members of `userIdentity`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct IdentityHeader<'a> {
    pub(super) principal_id: HeaderMember<'a>,
    pub(super) invoked_by: HeaderMember<'a>,
}

/// A member that was not read (`None`), or read as null (`Some(None)`).
type Slot<T> = Option<Option<T>>;

/// Fills a slot if it is the first time.
fn first<'de, M: MapAccess<'de>, T: Deserialize<'de>>(
    map: &mut M,
    slot: &mut Slot<T>,
) -> Result<(), M::Error> {
    let value: Option<T> = map.next_value()?;
    if slot.is_none() {
        *slot = Some(value);
    }
    Ok(())
}

fn text(slot: Slot<Borrowed<'_>>) -> HeaderMember<'_> {
    slot.flatten().map(|borrowed| borrowed.0)
}

impl<'de> Deserialize<'de> for RecordHeader<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HeaderVisitor;
        impl<'de> Visitor<'de> for HeaderVisitor {
            type Value = RecordHeader<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a CloudTrail record")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut texts: [Slot<Borrowed<'de>>; 5] = [const { None }; 5];
                let mut recipient_account_id: Slot<Borrowed<'de>> = None;
                let mut identity: Slot<IdentityHeader<'de>> = None;
                while let Some(key) = map.next_key::<Borrowed<'de>>()? {
                    let slot = match &*key.0 {
                        "eventSource" => 0,
                        "eventName" => 1,
                        "eventTime" => 2,
                        "awsRegion" => 3,
                        "recipientAccountId" => {
                            recipient_account_id = Some(map.next_value()?);
                            continue;
                        }
                        "sourceIPAddress" => 4,
                        "userIdentity" => {
                            first(&mut map, &mut identity)?;
                            continue;
                        }
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    first(&mut map, &mut texts[slot])?;
                }
                let [source, name, time, region, source_ip] = texts.map(text);
                Ok(RecordHeader {
                    source,
                    name,
                    time,
                    region,
                    recipient_account_id: text(recipient_account_id),
                    source_ip,
                    identity: identity.flatten().unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_map(HeaderVisitor)
    }
}

impl<'de> Deserialize<'de> for IdentityHeader<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IdentityVisitor;
        impl<'de> Visitor<'de> for IdentityVisitor {
            type Value = IdentityHeader<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a userIdentity object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let (mut principal_id, mut invoked_by) = (None, None);
                while let Some(key) = map.next_key::<Borrowed<'de>>()? {
                    match &*key.0 {
                        "principalId" => first(&mut map, &mut principal_id)?,
                        "invokedBy" => first(&mut map, &mut invoked_by)?,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(IdentityHeader {
                    principal_id: text(principal_id),
                    invoked_by: text(invoked_by),
                })
            }
        }
        deserializer.deserialize_map(IdentityVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> Result<RecordHeader<'_>, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn the_first_of_two_members_counts() {
        let twice =
            header(r#"{"eventSource":"a","eventSource":"b","awsRegion":null,"awsRegion":"x"}"#);
        let twice = twice.unwrap();
        assert_eq!(twice.source.as_deref(), Some("a"));
        assert_eq!(twice.region, None);
        let recipients = header(r#"{"recipientAccountId":"a","recipientAccountId":"b"}"#);
        assert_eq!(
            recipients.unwrap().recipient_account_id.as_deref(),
            Some("b")
        );
    }

    #[test]
    fn escapes_in_keys_and_values_are_read() {
        let escaped = header(r#"{"event\u0053ource":"\u0073ts.amazonaws.com"}"#).unwrap();
        assert_eq!(escaped.source.as_deref(), Some("sts.amazonaws.com"));
    }

    #[test]
    fn members_of_the_wrong_type_are_errors() {
        assert!(header(r#"{"eventSource":1}"#).is_err());
        assert!(header(r#"{"userIdentity":[]}"#).is_err());
        assert!(header(r#"{"userIdentity":{"principalId":{}}}"#).is_err());
        assert!(header(r"[]").is_err());
    }
}
