//! What is kept of the parameters of a change to a role, a policy, a trail, a bucket or a
//! work group: the members that rules read, and nothing else.

use super::intern::Interner;
use super::loose::count_rest;
use crate::model::json::Borrowed;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// Entries of a list that are read. CloudTrail's selectors have at most 500 values
/// (`PutEventSelectors`).
const ENTRIES_MAX: usize = 1000;

/// Members that are kept, and what of them.
struct Members(&'static [(&'static str, Kept)]);

/// What of a member is kept.
#[derive(Clone, Copy)]
enum Kept {
    /// A string, a number or a flag.
    Plain,
    /// A policy document.
    Policy,
    /// A list of strings.
    Texts,
    /// An object.
    Object(&'static Members),
    /// A list of objects.
    Objects(&'static Members),
}

use Kept::{Object, Objects, Plain, Policy, Texts};

/// Parameters of IAM, CloudTrail, S3 and Athena, by the names that they have there.
static PARAMETERS: Members = Members(&[
    // IAM: roles and policies.
    ("assumeRolePolicyDocument", Policy),
    ("permissionsBoundary", Plain),
    ("policyArn", Plain),
    ("policyDocument", Policy),
    ("policyName", Plain),
    ("roleName", Plain),
    ("setAsDefault", Plain),
    // CloudTrail: trails and event data stores.
    ("advancedEventSelectors", Objects(&ADVANCED_SELECTOR)),
    ("enableLogFileValidation", Plain),
    ("eventDataStore", Plain),
    ("eventSelectors", Objects(&SELECTOR)),
    ("includeGlobalServiceEvents", Plain),
    ("isMultiRegionTrail", Plain),
    ("isOrganizationTrail", Plain),
    ("kmsKeyId", Plain),
    ("name", Plain),
    ("s3BucketName", Plain),
    ("trailName", Plain),
    // S3: buckets and objects.
    ("VersioningConfiguration", Object(&VERSIONING)),
    ("bucketName", Plain),
    ("key", Plain),
    // Athena: work groups.
    ("configuration", Object(&WORK_GROUP)),
    ("configurationUpdates", Object(&WORK_GROUP_UPDATES)),
    ("workGroup", Plain),
    // Left out for size (facts.md 1.3).
    ("omitted", Plain),
]);
static SELECTOR: Members = Members(&[
    ("excludeManagementEventSources", Texts),
    ("includeManagementEvents", Plain),
    ("readWriteType", Plain),
]);
static ADVANCED_SELECTOR: Members = Members(&[("fieldSelectors", Objects(&FIELD_SELECTOR))]);
static FIELD_SELECTOR: Members =
    Members(&[("equals", Texts), ("field", Plain), ("notEquals", Texts)]);
static VERSIONING: Members = Members(&[("Status", Plain)]);
static WORK_GROUP: Members = Members(&[("resultConfiguration", Object(&RESULTS))]);
static WORK_GROUP_UPDATES: Members = Members(&[("resultConfigurationUpdates", Object(&RESULTS))]);
static RESULTS: Members = Members(&[("outputLocation", Plain)]);

/// Returns the kept members of parameters as compact JSON; `None` where there are none.
/// What is longer than is kept is noted in the interner.
pub(super) fn kept(parameters: &str, interner: &mut Interner) -> Option<String> {
    if !parameters.starts_with('{') {
        return None;
    }
    let mut deserializer = serde_json::Deserializer::from_str(parameters);
    let seed = Of {
        kept: Object(&PARAMETERS),
        interner,
    };
    let kept = seed.deserialize(&mut deserializer).ok()??;
    let is_empty = kept.as_object().is_none_or(Map::is_empty);
    (!is_empty).then(|| kept.to_string())
}

/// Reads what is kept of a value; another type than expected is nothing.
struct Of<'i> {
    kept: Kept,
    interner: &'i mut Interner,
}

impl<'de> DeserializeSeed<'de> for Of<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Of<'_> {
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
            Object(members) | Objects(members) => members.0,
            Plain | Policy | Texts => &[],
        };
        let mut found = Map::new();
        while let Some(name) = map.next_key::<Borrowed<'de>>()? {
            let known = members.iter().find(|(known, _)| *known == name.0);
            let Some(&(name, kept)) = known else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let interner = &mut *self.interner;
            if let Some(value) = map.next_value_seed(Of { kept, interner })? {
                found.insert(name.to_owned(), value);
            }
        }
        Ok((!members.is_empty()).then_some(Value::Object(found)))
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
            let seed = Of {
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
    use crate::model::coverage::Limits;

    fn kept_of(text: &str) -> (Option<String>, Option<String>) {
        let mut interner = Interner::new(&Limits::DEFAULT);
        let kept = kept(text, &mut interner);
        (kept, interner.take_excess())
    }

    #[test]
    fn only_what_rules_read_is_kept() {
        let text = r#"{"roleName":"r","policyDocument":"{}","description":"password=x",
            "setAsDefault":true,"tags":[{"key":"a"}],"roleName2":1,
            "eventSelectors":[{"readWriteType":"All","dataResources":[{"values":["arn"]}]},7],
            "advancedEventSelectors":[{"name":"n","fieldSelectors":[
                {"field":"eventCategory","equals":["Management"],"startsWith":["x"]}]}],
            "configurationUpdates":{"resultConfigurationUpdates":{"outputLocation":"s3://b/",
                "encryptionConfiguration":{}},"enforceWorkGroupConfiguration":true}}"#;
        let (kept, excess) = kept_of(text);
        let wanted = r#"{"roleName":"r","policyDocument":"{}","setAsDefault":true,"eventSelectors":[{"readWriteType":"All"}],"advancedEventSelectors":[{"fieldSelectors":[{"field":"eventCategory","equals":["Management"]}]}],"configurationUpdates":{"resultConfigurationUpdates":{"outputLocation":"s3://b/"}}}"#;
        assert_eq!(kept.as_deref(), Some(wanted));
        assert_eq!(excess, None);
    }

    #[test]
    fn another_type_than_expected_is_nothing_and_costs_nothing_else() {
        let text = r#"{"policyDocument":{"a":1},"name":["x"],"eventSelectors":"x","key":"k",
            "configuration":[1],"omitted":true}"#;
        assert_eq!(
            kept_of(text).0.as_deref(),
            Some(r#"{"key":"k","omitted":true}"#)
        );
        for odd in ["null", "[]", "\"x\"", "{}", "{\"a\":1}", "{", ""] {
            assert_eq!(kept_of(odd).0, None, "{odd}");
        }
    }

    #[test]
    fn what_is_too_long_is_told() {
        let policy = "x".repeat(Limits::DEFAULT.policy_bytes_max + 1);
        let (_, excess) = kept_of(&format!(r#"{{"policyDocument":"{policy}"}}"#));
        assert!(excess.is_some_and(|excess| excess.contains("262145 bytes")));
        let fits = "x".repeat(Limits::DEFAULT.policy_bytes_max);
        assert_eq!(
            kept_of(&format!(r#"{{"policyDocument":"{fits}"}}"#)).1,
            None
        );
        let many = vec!["{}"; ENTRIES_MAX + 1].join(",");
        let (_, excess) = kept_of(&format!(r#"{{"eventSelectors":[{many}]}}"#));
        assert!(excess.is_some_and(|excess| excess.contains("entries")));
    }
}
