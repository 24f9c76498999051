//! Cost Explorer's `GetCostAndUsage`, one page or several (facts.md section 8).

use super::bill::{self, BillError, BillReader, Line};
use crate::model::bill::{BillKind, BilledFor, ChargeCategory, LineKey};
use crate::model::region;
use crate::model::text::Text;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What tells one entry of an answer from all others.
pub(super) type EntryKey = (BillKind, String, String, String, String, String);

/// An entry, kept until all answers are read: a later one may know better.
pub(super) struct Entry {
    pub(super) file: Text,
    pub(super) record: u32,
    /// Whether it tells of less than a day.
    pub(super) is_part_of_day: bool,
    pub(super) line: Line,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawAnswer {
    group_definitions: Option<Vec<RawDefinition>>,
    results_by_time: Option<Vec<RawResult>>,
    dimension_value_attributes: Option<Vec<RawAttributes>>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawDefinition {
    key: Option<String>,
    r#type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawResult {
    time_period: RawPeriod,
    /// Each is read for itself: a bad one costs no other.
    #[serde(default)]
    groups: Vec<Value>,
    #[serde(default)]
    estimated: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawPeriod {
    start: String,
    end: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawGroup {
    keys: Vec<String>,
    #[serde(default)]
    metrics: BTreeMap<String, RawAmount>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawAmount {
    amount: Option<String>,
    unit: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawAttributes {
    value: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

const KIND: &str = "a Cost Explorer answer";

/// Where the two keys of a group are, and what the second one is.
#[derive(Clone, Copy)]
struct Grouping {
    account: usize,
    other: usize,
    kind: BillKind,
}

/// Reads a file of answers, one after the other.
pub(super) fn read(name: &str, text: &[u8], into: &mut BillReader) -> Result<(), BillError> {
    let mut answers: Vec<RawAnswer> = Vec::new();
    let start = text.iter().find(|byte| !byte.is_ascii_whitespace());
    if start == Some(&b'[') {
        answers = serde_json::from_slice(text).map_err(|error| not_an_answer(&error))?;
    } else {
        for answer in serde_json::Deserializer::from_slice(text).into_iter::<RawAnswer>() {
            answers.push(answer.map_err(|error| not_an_answer(&error))?);
        }
    }
    if answers
        .iter()
        .all(|answer| answer.results_by_time.is_none())
    {
        return Err(BillError::NotABill {
            found: "JSON without ResultsByTime".to_owned(),
        });
    }
    let mut record = 0;
    let mut has_negative = false;
    for answer in answers {
        let has_next = answer
            .next_page_token
            .as_deref()
            .is_some_and(|token| !token.is_empty());
        for attributes in answer.dimension_value_attributes.iter().flatten() {
            if let Some(description) = attributes.attributes.get("description") {
                into.name_account(&Text::from(attributes.value.as_str()), description);
            }
        }
        let results = answer.results_by_time.unwrap_or_default();
        let has_groups = results.iter().any(|result| !result.groups.is_empty());
        if !has_groups && results.is_empty() {
            continue;
        }
        let grouping = grouping(answer.group_definitions.as_deref(), has_groups)?;
        into.page(grouping.kind, has_next);
        check_metric(&results, into)?;
        for result in &results {
            for group in &result.groups {
                let read = RawGroup::deserialize(group).map_err(|error| error.to_string());
                match read.and_then(|group| entry(&group, result, grouping, into)) {
                    Ok((key, line)) => {
                        has_negative |= line.cost < Decimal::ZERO;
                        let entry = Entry {
                            file: name.into(),
                            record,
                            is_part_of_day: is_part_of_day(&result.time_period),
                            line,
                        };
                        into.entry(key, entry);
                    }
                    Err(detail) => into.reject(name, record, detail),
                }
                record += 1;
            }
        }
    }
    if has_negative {
        into.note(
            "Cost Explorer nets credits and discounts into its figures unless they are filtered \
             by RECORD_TYPE: some amounts are negative",
        );
    }
    Ok(())
}

fn not_an_answer(error: &serde_json::Error) -> BillError {
    BillError::NotABill {
        found: format!("JSON that is none: {error}"),
    }
}

fn grouping(
    definitions: Option<&[RawDefinition]>,
    has_groups: bool,
) -> Result<Grouping, BillError> {
    let keys: Vec<String> = definitions
        .unwrap_or_default()
        .iter()
        .map(|definition| {
            let kind = definition.r#type.as_deref().unwrap_or_default();
            let key = definition.key.as_deref().unwrap_or_default();
            if kind == "DIMENSION" {
                key.to_owned()
            } else {
                format!("{kind} {key}")
            }
        })
        .collect();
    let position = |wanted: &str| keys.iter().position(|key| key == wanted);
    let account = position("LINKED_ACCOUNT");
    let by_usage_type = position("USAGE_TYPE").map(|at| (at, BillKind::CostExplorerByUsageType));
    let other = by_usage_type
        .or_else(|| position("SERVICE").map(|at| (at, BillKind::CostExplorerByService)));
    match (account, other) {
        (Some(account), Some((other, kind))) => Ok(Grouping {
            account,
            other,
            kind,
        }),
        _ => Err(BillError::Lacks {
            kind: KIND,
            lacking: "groups by LINKED_ACCOUNT and one of USAGE_TYPE and SERVICE".to_owned(),
            found: match (keys.is_empty(), has_groups) {
                (false, _) => format!("groups by {}", bill::list(&keys)),
                (true, true) => "groups, but no GroupDefinitions".to_owned(),
                (true, false) => "totals only".to_owned(),
            },
        }),
    }
}

/// Whether the metric is there at all, so that its absence is no row of rejects.
fn check_metric(results: &[RawResult], into: &BillReader) -> Result<(), BillError> {
    let wanted = into.metric().cost_explorer_name();
    let groups = results.iter().flat_map(|result| &result.groups);
    let metrics = groups.filter_map(|group| group["Metrics"].as_object());
    let names: BTreeSet<&String> = metrics.flat_map(|metrics| metrics.keys()).collect();
    if names.is_empty() || names.iter().any(|name| *name == wanted) {
        return Ok(());
    }
    let names: Vec<String> = names.into_iter().cloned().collect();
    Err(BillError::Lacks {
        kind: KIND,
        lacking: format!("the metric {wanted} (--metric {})", into.metric().as_str()),
        found: bill::list(&names),
    })
}

fn entry(
    group: &RawGroup,
    result: &RawResult,
    grouping: Grouping,
    into: &BillReader,
) -> Result<(EntryKey, Line), String> {
    let key = |at: usize| group.keys.get(at).map(String::as_str).unwrap_or_default();
    let (account, other) = (key(grouping.account), key(grouping.other));
    if account.is_empty() || other.is_empty() {
        return Err("a group without an account, a usage type or a service".to_owned());
    }
    let RawPeriod { start, end } = &result.time_period;
    let period = bill::period(start, Some(end)).ok_or("TimePeriod is not a period of days")?;
    let metric = into.metric().cost_explorer_name();
    let amount = group.metrics.get(metric).ok_or("the metric is missing")?;
    let cost = amount
        .amount
        .as_deref()
        .and_then(|text| bill::cost(text, false));
    let cost = cost.ok_or("Amount is not a decimal that fits")?;
    let currency = amount.unit.as_deref().filter(|unit| !unit.is_empty());
    let (billed_for, category) = what_for(other, grouping.kind);
    let terabytes = (billed_for == BilledFor::AthenaScan)
        .then(|| group.metrics.get("UsageQuantity")?.amount.as_deref())
        .flatten()
        .and_then(|text| bill::terabytes(text, false));
    let region = (grouping.kind == BillKind::CostExplorerByUsageType)
        .then(|| region::of_usage_type(other).or_else(|| unknown_prefix(other)))
        .flatten();
    let line = Line {
        key: LineKey {
            kind: grouping.kind,
            account_id: account.into(),
            period,
            billed_for,
            category,
            region: region.map(Text::from),
            work_group: None,
            currency: currency.unwrap_or("USD").into(),
        },
        cost,
        terabytes,
        is_estimated: result.estimated,
    };
    let key = (
        grouping.kind,
        account.to_owned(),
        other.to_owned(),
        currency.unwrap_or("USD").to_owned(),
        midnight_as_day(start),
        midnight_as_day(end),
    );
    Ok((key, line))
}

/// One spelling for a day.
fn midnight_as_day(moment: &str) -> String {
    moment.trim_end_matches("T00:00:00Z").to_owned()
}

/// Whether a period is of hours.
fn is_part_of_day(period: &RawPeriod) -> bool {
    let hour = |text: &str| text.get(11..13).map(str::to_owned);
    let (start, end) = (hour(&period.start), hour(&period.end));
    start.is_some_and(|start| start != "00") || end.is_some_and(|end| end != "00")
}

/// A prefix that stands for a Region unknown here: it must not pass for all.
fn unknown_prefix(usage_type: &str) -> Option<&str> {
    let prefix = usage_type.strip_suffix("-DataScannedInTB")?;
    (!prefix.is_empty()).then_some(prefix)
}

/// Services by name; of usage types only those that are told by their name.
fn what_for(other: &str, kind: BillKind) -> (BilledFor, ChargeCategory) {
    let usage = ChargeCategory::Usage;
    if kind == BillKind::CostExplorerByService {
        return match other {
            "Amazon Athena" => (BilledFor::Athena, usage),
            "Tax" => (BilledFor::Service("Tax".into()), ChargeCategory::Tax),
            other => (BilledFor::Service(bill::service_name(other).into()), usage),
        };
    }
    if bill::is_scan(other) {
        return (BilledFor::AthenaScan, usage);
    }
    if other.contains("CapacityReservation") {
        return (BilledFor::AthenaOther, usage);
    }
    if other == "NoUsageType" {
        // Taxes, support and refunds stand there.
        let name = BilledFor::Service("(no usage type)".into());
        return (name, ChargeCategory::Other);
    }
    let name = if other.contains("Requests-Tier") {
        "Amazon S3 (requests)"
    } else if other.contains("Catalog-") || other.ends_with("Crawler-DPU-Hour") {
        "AWS Glue"
    } else {
        "(other usage types)"
    };
    (BilledFor::Service(name.into()), usage)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::bill::{Bill, CostMetric};
    use crate::model::window::TimeWindow;
    use std::collections::BTreeSet;

    const ONE: &str = r#"{"GroupDefinitions":[{"Type":"DIMENSION","Key":"LINKED_ACCOUNT"},{"Type":"DIMENSION","Key":"USAGE_TYPE"}],
      "ResultsByTime":[{"TimePeriod":{"Start":"2026-07-01","End":"2026-07-02"},"Total":{},"Groups":[
        {"Keys":["444455556666","USE1-DataScannedInTB"],"Metrics":{"UnblendedCost":{"Amount":"1.2345678901","Unit":"USD"},"UsageQuantity":{"Amount":"0.2469135780","Unit":"Terabytes"}}}],
        "Estimated":true}],
      "DimensionValueAttributes":[{"Value":"444455556666","Attributes":{"description":"retail-bu"}}]}"#;

    fn bill(texts: &[&str]) -> Result<Bill, String> {
        let mut reader = BillReader::new(CostMetric::Unblended, TimeWindow::ALL, BTreeSet::new());
        for (index, text) in texts.iter().enumerate() {
            reader
                .read(&format!("costs-{index}.json"), text.as_bytes())
                .map_err(|error| error.to_string())?;
        }
        Ok(reader.finish())
    }

    #[test]
    fn an_answer_gives_lines_by_account_day_and_region() {
        let bill = bill(&[ONE]).unwrap();
        let (key, amounts) = bill.lines.first_key_value().unwrap();
        assert_eq!(&*key.account_id, "444455556666");
        assert_eq!(key.region.as_deref(), Some("us-east-1"));
        assert_eq!(key.billed_for, BilledFor::AthenaScan);
        assert_eq!(amounts.cost.to_string(), "1.2345678901");
        assert_eq!(amounts.terabytes.unwrap().to_string(), "0.2469135780");
        assert!(amounts.is_estimated);
        let name = bill.account_names.values().next();
        assert_eq!(name.map(|name| &**name), Some("retail-bu"));
    }

    #[test]
    fn the_same_entry_counts_once_and_a_final_one_counts_more() {
        let last = ONE.replace("1.2345678901", "2.5").replace("true", "false");
        for texts in [
            [ONE, &last, &format!("{ONE} ")],
            [&last, ONE, &format!("{last} ")],
        ] {
            let bill = bill(&texts).unwrap();
            assert_eq!(bill.lines.len(), 1);
            let amounts = bill.lines.values().next().unwrap();
            assert_eq!(amounts.cost.to_string(), "2.5");
            let uncounted = &bill.coverage.uncounted;
            assert_eq!(uncounted.repeated + uncounted.outdated, 2);
            assert!(uncounted.outdated > 0);
        }
    }

    #[test]
    fn a_wrong_file_is_told_what_was_expected_and_found() {
        let ungrouped = ONE.replace("\"USAGE_TYPE\"", "\"REGION\"");
        let other_metric = ONE.replace("UnblendedCost", "BlendedCost");
        for (text, wanted) in [
            (r#"{"Records":[]}"#, "found JSON without ResultsByTime"),
            (ungrouped.as_str(), "groups by LINKED_ACCOUNT, REGION"),
            (other_metric.as_str(), "it has BlendedCost, UsageQuantity"),
            ("a,b\n1,2\n", "found columns a, b"),
            ("PK\x03\x04", "unpack it first"),
            ("", "an empty file"),
        ] {
            let error = bill(&[text]).unwrap_err();
            assert!(error.contains(wanted), "{error}");
        }
    }

    #[test]
    fn a_bad_amount_is_rejected_and_costs_no_other() {
        let two = ONE.replace(
            "\"Groups\":[",
            r#""Groups":[{"Keys":["1","X-DataScannedInTB"],"Metrics":{"UnblendedCost":{"Amount":"n/a","Unit":"USD"}}},"#,
        );
        let bill = bill(&[&two]).unwrap();
        assert_eq!((bill.lines.len(), bill.coverage.rejects.total()), (1, 1));
    }
}
