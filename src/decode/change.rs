//! The parameters of a change to a role, a policy, a trail, a bucket or a work group, reduced to
//! the members that rules read.

use super::intern::Interner;
use super::lenient::count_rest;
use crate::event_list::members::Kept::{self, Object, Objects, Plain, Policy, Texts};
use crate::event_list::members::Members;
use crate::model::json::Borrowed;
use serde::Deserialize as _;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// Entries of a list that are read. CloudTrail's selectors have at most 500 values
/// (`PutEventSelectors`).
const ENTRIES_MAX: usize = 1000;

/// Returns the kept members of parameters as compact JSON; `None` where there are none.
/// What is longer than is kept is noted in the interner.
pub(super) fn kept(
    members: &'static Members,
    parameters: &str,
    interner: &mut Interner,
) -> Option<String> {
    if !parameters.starts_with('{') {
        return None;
    }
    let mut deserializer = serde_json::Deserializer::from_str(parameters);
    let seed = KeptValue {
        kept: Object(members),
        interner,
    };
    let kept = seed.deserialize(&mut deserializer).ok()??;
    let is_empty = kept.as_object().is_none_or(Map::is_empty);
    (!is_empty).then(|| kept.to_string())
}

/// Reads what is kept of a value; another type than expected is nothing.
struct KeptValue<'i> {
    kept: Kept,
    interner: &'i mut Interner,
}

impl KeptValue<'_> {
    /// A policy that was logged as an object, as S3 does, in the form of others: its text.
    fn policy_object<'de, A: MapAccess<'de>>(self, map: A) -> Result<Option<Value>, A::Error> {
        let policy = Value::deserialize(MapAccessDeserializer::new(map))?;
        let text = self.interner.policy(Some(&policy.to_string()));
        Ok(text.map(|text| Value::String((*text).to_owned())))
    }
}

impl<'de> DeserializeSeed<'de> for KeptValue<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for KeptValue<'_> {
    type Value = Option<Value>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a parameter")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(matches!(self.kept, Plain).then_some(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(matches!(self.kept, Plain).then(|| value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(matches!(self.kept, Plain).then(|| value.into()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        let text = match self.kept {
            Plain => Some(self.interner.text(text)),
            Policy => self.interner.policy(Some(text)),
            Texts | Object(_) | Objects(_) => None,
        };
        Ok(text.map(|text| Value::String((*text).to_owned())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let members = match self.kept {
            Object(members) | Objects(members) => Some(members),
            Policy => return self.policy_object(map),
            Plain | Texts => None,
        };
        let mut found = Map::new();
        while let Some(name) = map.next_key::<Borrowed<'de>>()? {
            let Some((name, kept)) = members.and_then(|members| members.get(&name.0)) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let interner = &mut *self.interner;
            if let Some(value) = map.next_value_seed(KeptValue { kept, interner })? {
                found.insert(name.to_owned(), value);
            }
        }
        Ok(members.map(|_| Value::Object(found)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let entry = match self.kept {
            Texts => Plain,
            Objects(members) => Object(members),
            Plain | Policy | Object(_) => {
                count_rest(&mut items)?;
                return Ok(None);
            }
        };
        let mut found = Vec::new();
        loop {
            if found.len() == ENTRIES_MAX {
                if count_rest(&mut items)? > 0 {
                    let what =
                        format!("a list of more than {ENTRIES_MAX} entries; that is the limit");
                    self.interner.note_excess(what);
                }
                return Ok(Some(Value::Array(found)));
            }
            let interner = &mut *self.interner;
            let seed = KeptValue {
                kept: entry,
                interner,
            };
            match items.next_element_seed(seed)? {
                None => return Ok(Some(Value::Array(found))),
                Some(value) => found.extend(value),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_list::list as event_list;
    use crate::event_list::members::MembersRead;
    use crate::model::coverage::Limits;

    fn kept_of(source: &str, name: &str, text: &str) -> (Option<String>, Option<String>) {
        let entry = event_list::entry(source.as_bytes(), name.as_bytes()).unwrap();
        let MembersRead::Change(members) = entry.reading else {
            panic!("{name} is no change");
        };
        let mut interner = Interner::new(&Limits::DEFAULT);
        let kept = kept(members, text, &mut interner);
        (kept, interner.take_excess())
    }

    const IAM: &str = "iam.amazonaws.com";
    const CLOUDTRAIL: &str = "cloudtrail.amazonaws.com";
    const S3: &str = "s3.amazonaws.com";

    #[test]
    fn only_what_rules_read_is_kept() {
        for (source, name, text, wanted) in [
            (
                IAM,
                "CreateRole",
                r#"{"roleName":"r","policyDocument":"{}","description":"password=x",
                    "setAsDefault":true,"tags":[{"key":"a"}],"roleName2":1}"#,
                r#"{"roleName":"r","policyDocument":"{}","setAsDefault":true}"#,
            ),
            (
                CLOUDTRAIL,
                "PutEventSelectors",
                r#"{"eventSelectors":[{"readWriteType":"All","dataResources":[{"values":["arn"]}]},7],
                    "advancedEventSelectors":[{"name":"n","fieldSelectors":[
                        {"field":"eventCategory","equals":["Management"],"startsWith":["x"]}]}]}"#,
                r#"{"eventSelectors":[{"readWriteType":"All"}],"advancedEventSelectors":[{"fieldSelectors":[{"field":"eventCategory","equals":["Management"]}]}]}"#,
            ),
            (
                "athena.amazonaws.com",
                "UpdateWorkGroup",
                r#"{"configurationUpdates":{"resultConfigurationUpdates":{"outputLocation":"s3://b/",
                    "encryptionConfiguration":{}},"enforceWorkGroupConfiguration":true}}"#,
                r#"{"configurationUpdates":{"resultConfigurationUpdates":{"outputLocation":"s3://b/"}}}"#,
            ),
        ] {
            let (kept, excess) = kept_of(source, name, text);
            assert_eq!(kept.as_deref(), Some(wanted), "{name}");
            assert_eq!(excess, None);
        }
    }

    #[test]
    fn a_policy_that_is_an_object_is_kept_as_text() {
        let text = r#"{"bucketName":"b","bucketPolicy":{"Version":"2012-10-17","Statement":[]},"policy":""}"#;
        let wanted =
            r#"{"bucketName":"b","bucketPolicy":"{\"Version\":\"2012-10-17\",\"Statement\":[]}"}"#;
        let (kept, _) = kept_of(S3, "PutBucketPolicy", text);
        assert_eq!(kept.as_deref(), Some(wanted));
    }

    #[test]
    fn another_type_than_expected_is_nothing_and_costs_nothing_else() {
        let text = r#"{"bucketName":["x"],"VersioningConfiguration":[1],"key":"k","omitted":true}"#;
        let (kept, _) = kept_of(S3, "DeleteObject", text);
        assert_eq!(kept.as_deref(), Some(r#"{"key":"k","omitted":true}"#));
        for odd in ["null", "[]", "\"x\"", "{}", "{\"a\":1}", "{", ""] {
            assert_eq!(kept_of(IAM, "CreateRole", odd).0, None, "{odd}");
        }
    }

    #[test]
    fn what_is_too_long_is_told() {
        let policy = "x".repeat(Limits::DEFAULT.policy_bytes_max + 1);
        let of_policy = |text: &str| {
            kept_of(
                IAM,
                "CreateRole",
                &format!(r#"{{"policyDocument":"{text}"}}"#),
            )
            .1
        };
        assert!(of_policy(&policy).is_some_and(|excess| excess.contains("262145 bytes")));
        assert_eq!(of_policy(&policy[1..]), None);
        let many = vec!["{}"; ENTRIES_MAX + 1].join(",");
        let text = format!(r#"{{"eventSelectors":[{many}]}}"#);
        let (_, excess) = kept_of(CLOUDTRAIL, "PutEventSelectors", &text);
        assert!(excess.is_some_and(|excess| excess.contains("entries")));
    }
}
