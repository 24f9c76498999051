//! Ids, each a type of its own.
//!
//! An id holds any text that a log holds, also a masked or invented one. Whether it looks
//! like an id of AWS is a question to ask, never a condition.

use super::text::OpaqueId;
use std::fmt;

/// Defines an id that is a UUID in nearly every record.
macro_rules! opaque_id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
}
