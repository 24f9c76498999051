//! The settings of a trail, as the logs tell them. The console and Terraform send every setting with
//! each update, changed or not: only a difference from what was known before is a change
//! (docs/cloudtrail-facts.md#changes-to-trails).

use crate::model::text::Text;
use serde_json::Value;
use std::collections::BTreeSet;

/// A setting that takes something away from the record.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Narrowing {
    pub(super) text: String,
    /// It was otherwise before; else nothing is known of before.
    pub(super) is_change: bool,
}

/// Flags of trails: member, default of a new trail, and what is lost without it.
const FLAGS: [(&str, bool, &str); 4] = [
    ("isMultiRegionTrail", false, "other Regions are"),
    ("enableLogFileValidation", false, "digest files are"),
    (
        "includeGlobalServiceEvents",
        true,
        "global services such as IAM are",
    ),
    (
        "isOrganizationTrail",
        false,
        "other accounts of the organization are",
    ),
];

/// The last known settings of a trail; `None` where the logs do not tell.
#[derive(Debug, Default)]
pub(super) struct TrailState {
    flags: [Option<bool>; 4],
    bucket: Option<Text>,
    key: Option<Text>,
    /// The events that its selectors leave out.
    left_out: Option<BTreeSet<String>>,
}

/// A narrowing in words: something is no longer logged, or set not to be.
fn narrowing(subject: &str, verb: &str, is_known: bool) -> Narrowing {
    let text = if is_known {
        format!("{subject} no longer {verb}")
    } else {
        format!("{subject} set to not be {verb} (the previous setting is not in the logs)")
    };
    Narrowing {
        text,
        is_change: is_known,
    }
}

impl TrailState {
    /// The settings of a new trail.
    pub(super) fn created(parameters: &Value) -> Self {
        Self {
            flags: FLAGS
                .map(|(member, default, _)| Some(parameters[member].as_bool().unwrap_or(default))),
            bucket: text(&parameters["s3BucketName"]),
            key: Some(text(&parameters["kmsKeyId"]).unwrap_or_default()),
            left_out: Some(BTreeSet::new()),
        }
    }

    /// Takes over an update. Returns what it takes away, and whether it names a bucket without a
    /// previous one in the logs.
    pub(super) fn update(&mut self, parameters: &Value, account: &str) -> (Vec<Narrowing>, bool) {
        let mut narrowings = Vec::new();
        for ((member, _, subject), known) in FLAGS.iter().zip(&mut self.flags) {
            let Some(setting) = parameters[*member].as_bool() else {
                continue;
            };
            let before = known.replace(setting);
            if !setting && before != Some(false) {
                let verb = if subject.starts_with("digest") {
                    "written"
                } else {
                    "logged"
                };
                narrowings.push(narrowing(subject, verb, before.is_some()));
            }
        }
        let mut has_unknown_bucket = false;
        if let Some(bucket) = text(&parameters["s3BucketName"]) {
            match self.bucket.replace(bucket.clone()) {
                Some(before) if before == bucket => {}
                Some(before) => narrowings.push(Narrowing {
                    text: format!("logs go to bucket {bucket} instead of {before}"),
                    is_change: true,
                }),
                None => has_unknown_bucket = true,
            }
        }
        if let Some(key) = text(&parameters["kmsKeyId"]) {
            let before = self.key.replace(key.clone());
            let is_foreign = key.starts_with("arn:") && key.split(':').nth(4) != Some(account);
            if is_foreign && before.as_ref() != Some(&key) {
                narrowings.push(Narrowing {
                    text: format!("logs are encrypted with a key of another account, {key}"),
                    is_change: before.is_some(),
                });
            }
        }
        (narrowings, has_unknown_bucket)
    }

    /// Takes over event selectors. Returns what they leave out that was not left out before.
    pub(super) fn select(&mut self, parameters: &Value) -> Vec<Narrowing> {
        let left_out: BTreeSet<String> = left_out(parameters).into_iter().collect();
        let before = self.left_out.replace(left_out.clone());
        let is_known = before.is_some();
        let before = before.unwrap_or_default();
        left_out
            .difference(&before)
            .map(|subject| narrowing(subject, "logged", is_known))
            .collect()
    }
}

fn text(value: &Value) -> Option<Text> {
    value
        .as_str()
        .filter(|text| !text.is_empty())
        .map(Text::from)
}

/// Services whose management events AWS lets one leave out for their sheer number;
/// chains do not need them.
const MAY_BE_LEFT_OUT: [&str; 2] = ["kms.amazonaws.com", "rdsdata.amazonaws.com"];

/// Returns the events that selectors leave out and chains need: management events, reads among them
/// (`AssumeRole` is one).
fn left_out(parameters: &Value) -> Vec<String> {
    let empty = Vec::new();
    let list = |member: &str| parameters[member].as_array().unwrap_or(&empty);
    let (basic, advanced) = (list("eventSelectors"), list("advancedEventSelectors"));
    let mut less = Vec::new();
    if !basic.is_empty() {
        let with_management: Vec<&Value> = basic
            .iter()
            .filter(|one| one["includeManagementEvents"] != Value::Bool(false))
            .collect();
        let has = |kind: &str| {
            with_management.iter().any(|one| {
                let asked = one["readWriteType"].as_str().unwrap_or("All");
                asked == "All" || asked == kind
            })
        };
        if with_management.is_empty() {
            less.push("management events are".to_owned());
        } else {
            if !has("ReadOnly") {
                less.push("read events, including AssumeRole, are".to_owned());
            }
            if !has("WriteOnly") {
                less.push("write events are".to_owned());
            }
        }
        for one in &with_management {
            let excluded = one["excludeManagementEventSources"].as_array();
            let excluded = excluded.unwrap_or(&empty).iter().filter_map(Value::as_str);
            let needed = excluded.filter(|source| !MAY_BE_LEFT_OUT.contains(source));
            less.extend(needed.map(|source| format!("events of {source} are")));
        }
    } else if !advanced.is_empty() {
        less.extend(narrowed_advanced(advanced));
    }
    less.sort();
    less.dedup();
    less
}

fn narrowed_advanced(selectors: &[Value]) -> Vec<String> {
    let fields = |selector: &Value| {
        selector["fieldSelectors"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    };
    let is_management = |selector: &&Value| {
        fields(selector).iter().any(|field| {
            let equals = field["equals"].as_array();
            let holds = equals.is_some_and(|values| values.iter().any(|one| one == "Management"));
            field["field"] == "eventCategory" && holds
        })
    };
    let management: Vec<&Value> = selectors.iter().filter(is_management).collect();
    if management.is_empty() {
        return vec!["management events are".to_owned()];
    }
    let mut best: Option<Vec<String>> = None;
    let mut halves: BTreeSet<String> = BTreeSet::new();
    for selector in management {
        let mut less = Vec::new();
        let mut half = None;
        for field in fields(selector) {
            let name = field["field"].as_str().unwrap_or_default().to_owned();
            let excluded = field["notEquals"].as_array().cloned().unwrap_or_default();
            let is_usual = !excluded.is_empty()
                && excluded.iter().all(|one| {
                    one.as_str()
                        .is_some_and(|source| MAY_BE_LEFT_OUT.contains(&source))
                });
            if name == "eventCategory" || (name == "eventSource" && is_usual) {
                continue;
            }
            if name == "readOnly" {
                half = field["equals"][0].as_str().map(str::to_owned);
            }
            less.push(format!(
                "management events outside of a selection by {name} are"
            ));
        }
        // Two halves, of reading and of writing calls, are a whole.
        if less.len() == 1 {
            halves.extend(half);
        }
        // Selectors add up: the widest of them counts.
        if best.as_ref().is_none_or(|best| less.len() < best.len()) {
            best = Some(less);
        }
    }
    if halves.len() == 2 {
        return Vec::new();
    }
    best.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn selectors_that_leave_out_what_chains_need_are_named() {
        let less = |parameters: Value| left_out(&parameters);
        let all =
            json!({"eventSelectors": [{"readWriteType": "All", "includeManagementEvents": true}]});
        assert!(less(all).is_empty());
        let halves = json!({"eventSelectors": [{"readWriteType": "ReadOnly"}, {"readWriteType": "WriteOnly"}]});
        assert!(less(halves).is_empty());
        let writes = json!({"eventSelectors": [{"readWriteType": "WriteOnly"}]});
        assert!(less(writes)[0].contains("AssumeRole"));
        let data_only = json!({"eventSelectors": [{"includeManagementEvents": false}]});
        assert!(less(data_only)[0].contains("management"));
        let without_kms =
            json!({"eventSelectors": [{"excludeManagementEventSources": ["kms.amazonaws.com"]}]});
        assert!(less(without_kms).is_empty());
        let category = json!({"field": "eventCategory", "equals": ["Management"]});
        let advanced =
            |more: Value| json!({"advancedEventSelectors": [{"fieldSelectors": [category, more]}]});
        assert!(
            less(advanced(
                json!({"field": "eventSource", "notEquals": ["kms.amazonaws.com"]})
            ))
            .is_empty()
        );
        assert_eq!(
            less(advanced(json!({"field": "readOnly", "equals": ["false"]}))).len(),
            1
        );
        let halves = json!({"advancedEventSelectors": [
            {"fieldSelectors": [category, {"field": "readOnly", "equals": ["true"]}]},
            {"fieldSelectors": [category, {"field": "readOnly", "equals": ["false"]}]},
        ]});
        assert!(less(halves).is_empty());
        let data = json!({"advancedEventSelectors": [{"fieldSelectors": [{"field": "eventCategory", "equals": ["Data"]}]}]});
        assert_eq!(less(data).len(), 1);
    }

    fn texts(narrowings: Vec<Narrowing>) -> Vec<(String, bool)> {
        let narrowings = narrowings.into_iter();
        narrowings.map(|one| (one.text, one.is_change)).collect()
    }

    #[test]
    fn only_a_difference_is_a_change() {
        let single = json!({"isMultiRegionTrail": false, "enableLogFileValidation": false, "s3BucketName": "b"});
        let mut trail = TrailState::created(&single);
        assert_eq!(trail.update(&single, "1"), (Vec::new(), false));
        let better = json!({"isMultiRegionTrail": true, "enableLogFileValidation": true, "s3BucketName": "b"});
        assert_eq!(trail.update(&better, "1"), (Vec::new(), false));
        let (worse, _) = trail.update(&single, "1");
        let worse = texts(worse);
        assert_eq!(worse.len(), 2);
        assert!(
            worse
                .iter()
                .all(|(text, is_change)| *is_change && text.contains("no longer"))
        );
        let (moved, _) = trail.update(&json!({"s3BucketName": "c"}), "1");
        assert_eq!(
            texts(moved),
            [("logs go to bucket c instead of b".to_owned(), true)]
        );
    }

    #[test]
    fn what_was_not_known_before_is_a_setting() {
        let update = json!({"isMultiRegionTrail": true, "enableLogFileValidation": false, "s3BucketName": "b", "kmsKeyId": ""});
        let (set, has_unknown_bucket) = TrailState::default().update(&update, "1");
        assert!(has_unknown_bucket);
        let set = texts(set);
        assert_eq!(set.len(), 1);
        assert!(
            !set[0].1 && set[0].0.contains("set to not be written"),
            "{set:?}"
        );
        let key = json!({"kmsKeyId": "arn:aws:kms:us-east-1:2:key/k"});
        let mut trail = TrailState::default();
        assert!(!trail.update(&key, "1").0[0].is_change);
        assert!(trail.update(&key, "1").0.is_empty());
        assert!(trail.update(&key, "2").0.is_empty());
    }

    #[test]
    fn selectors_are_compared_with_the_ones_before() {
        let writes = json!({"eventSelectors": [{"readWriteType": "WriteOnly"}]});
        let all = json!({"eventSelectors": [{"readWriteType": "All"}]});
        let mut unknown = TrailState::default();
        assert!(!unknown.select(&writes)[0].is_change);
        assert!(unknown.select(&writes).is_empty());
        assert!(unknown.select(&all).is_empty());
        assert!(unknown.select(&writes)[0].is_change);
        assert!(TrailState::created(&json!({})).select(&writes)[0].is_change);
    }
}
