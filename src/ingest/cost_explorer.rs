//! Cost Explorer's `GetCostAndUsage`, one page or several
//! (docs/cloudtrail-facts.md#apis-and-bills).

use super::account::{self, account_id};
use super::bill_error::BillError;
use super::bill_lines::{AnswerEntry, BillLines, EntryKey, StatedLine};
use super::bill_values::{self as values, currency as currency_code};
use super::rows::bare;
use crate::model::bill::{BillKind, BillPeriod, BilledFor, ChargeCategory, CostMetric, LineKey};
use crate::model::ids::Region;
use crate::model::json::{
    for_each_item, for_each_member, for_each_of, is_list, is_object, member, text, try_for_each_of,
};
use crate::model::region;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeSet;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[serde(expecting = "a JSON object")]
struct RawCostAnswer<'a> {
    #[serde(borrow)]
    group_definitions: Option<&'a RawValue>,
    #[serde(borrow)]
    results_by_time: Option<&'a RawValue>,
    #[serde(borrow)]
    dimension_value_attributes: Option<&'a RawValue>,
    #[serde(borrow)]
    next_page_token: Option<&'a RawValue>,
    /// The request's filter, which only this program keeps with an answer.
    #[serde(borrow)]
    filter: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[serde(expecting = "a JSON object")]
struct RawResult<'a> {
    time_period: RawPeriod,
    /// Each is read for itself: a bad one costs no other.
    #[serde(borrow)]
    groups: Option<&'a RawValue>,
    #[serde(default)]
    estimated: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[serde(expecting = "a JSON object")]
struct RawPeriod {
    start: String,
    end: String,
}

/// A group of an answer: its two keys, and the amounts that are asked for.
struct AnswerGroup<'a> {
    keys: Vec<Cow<'a, str>>,
    /// The amount and unit of the metric; `None` where the group lacks it.
    metric: Option<Amount<'a>>,
    usage: Option<Amount<'a>>,
}

/// An amount, as text, and its unit.
#[derive(Default)]
struct Amount<'a> {
    amount: Option<Cow<'a, str>>,
    unit: Option<Cow<'a, str>>,
}

impl<'a> Amount<'a> {
    fn of(value: &'a RawValue) -> Self {
        Self {
            amount: member(value, "Amount").and_then(text_or_number),
            unit: text(member(value, "Unit")),
        }
    }
}

impl<'a> AnswerGroup<'a> {
    fn of(group: &'a RawValue, metric: &str) -> Self {
        let mut keys = Vec::new();
        for_each_of(member(group, "Keys"), &mut |key| {
            if keys.len() < GROUPINGS_MAX {
                keys.push(text(Some(key)).unwrap_or_default());
            }
        });
        let metrics = member(group, "Metrics");
        let amount = |name: &str| metrics.and_then(|all| member(all, name)).map(Amount::of);
        Self {
            keys,
            metric: amount(metric),
            usage: amount("UsageQuantity"),
        }
    }
}

/// The text of a string, or a number as it is spelled: some tools write answers anew.
fn text_or_number(value: &RawValue) -> Option<Cow<'_, str>> {
    let spelled = value.get();
    let is_number = spelled.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    if is_number {
        Some(Cow::Borrowed(spelled))
    } else {
        text(Some(value))
    }
}

/// Groupings of one answer; Cost Explorer takes two.
const GROUPINGS_MAX: usize = 8;
/// Metrics that a message names.
const METRICS_NAMED_MAX: usize = 16;

const KIND: &str = "a Cost Explorer answer";

/// The dimension that separates use from credits, refunds and taxes.
const RECORD_TYPE: &str = "RECORD_TYPE";

/// The positions of a group's two keys, and the meaning of the second one.
#[derive(Clone, Copy)]
struct Grouping {
    account: usize,
    other: usize,
    kind: BillKind,
}

/// Reads a file of answers, one after the other.
pub(super) fn read(name: &str, text: &[u8], into: &mut BillLines) -> Result<(), BillError> {
    // All of it has to make sense before any of it counts.
    let mut has_results = false;
    for_each_answer(text, &mut |answer| {
        has_results |= answer.results_by_time.is_some();
        check_answer(answer, into.metric)
    })?;
    if !has_results {
        return Err(BillError::NotABill {
            found: "JSON without ResultsByTime".to_owned(),
        });
    }
    let mut reading = AnswerReader {
        name,
        into,
        record: 0,
    };
    for_each_answer(text, &mut |answer| reading.answer(answer))
}

/// Calls `each` with every answer of a file: a list of them, or one after the other.
fn for_each_answer<'a>(
    text: &'a [u8],
    each: &mut dyn FnMut(&RawCostAnswer<'a>) -> Result<(), BillError>,
) -> Result<(), BillError> {
    for document in serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>() {
        let document = document.map_err(|error| not_an_answer(&error))?;
        let mut one = |answer: &'a RawValue| {
            let answer = serde_json::from_str(answer.get());
            each(&answer.map_err(|error| not_an_answer(&error))?)
        };
        if is_list(document) {
            try_for_each_of(Some(document), &mut one)?;
        } else {
            one(document)?;
        }
    }
    Ok(())
}

/// Checks what all groups of an answer rest on.
fn check_answer(answer: &RawCostAnswer<'_>, metric: CostMetric) -> Result<(), BillError> {
    if let Some(results) = answer.results_by_time
        && let Some(has_groups) = has_groups(results)?
    {
        grouping(answer.group_definitions, has_groups)?;
        check_metric(results, metric)?;
    }
    Ok(())
}

/// Returns whether any of the results has groups; `None` where there are no results.
fn has_groups(results: &RawValue) -> Result<Option<bool>, BillError> {
    let mut found = None;
    let mut outcome = Ok(());
    let read = for_each_item(results, &mut |result| {
        let any = found.get_or_insert(false);
        match serde_json::from_str::<RawResult<'_>>(result.get()) {
            Ok(result) => for_each_of(result.groups, &mut |_| *any = true),
            Err(error) if outcome.is_ok() => outcome = Err(error),
            Err(_) => {}
        }
    });
    read.and(outcome).map_err(|error| not_an_answer(&error))?;
    Ok(found)
}

/// A file while it is read.
struct AnswerReader<'a> {
    name: &'a str,
    into: &'a mut BillLines,
    record: u32,
}

impl AnswerReader<'_> {
    fn answer(&mut self, answer: &RawCostAnswer<'_>) -> Result<(), BillError> {
        for_each_of(answer.dimension_value_attributes, &mut |told| {
            let described = member(told, "Attributes");
            let description = described.and_then(|all| text(member(all, "description")));
            let account = text(member(told, "Value"));
            let account = account.and_then(|told| account_id(&told).ok());
            if let (Some(account), Some(name)) = (account, description) {
                self.into.name_account(&account.id.into(), &name);
            }
        });
        let has_groups = answer.results_by_time.map(has_groups).transpose()?;
        let Some(has_groups) = has_groups.flatten() else {
            return Ok(());
        };
        let grouping = grouping(answer.group_definitions, has_groups)?;
        let has_next = text(answer.next_page_token).is_some_and(|token| !token.is_empty());
        self.into.page(grouping.kind, has_next);
        let filter = answer.filter.map_or("", RawValue::get);
        let is_by_record_type = grouping.kind == BillKind::CostExplorerByRecordType;
        let is_filtered = keeps_use_only(filter);
        for_each_of(answer.results_by_time, &mut |result| {
            if let Ok(result) = serde_json::from_str::<RawResult<'_>>(result.get()) {
                let RawPeriod { start, end } = &result.time_period;
                let period = values::period(start, Some(end));
                let mut has_groups = false;
                for_each_of(result.groups, &mut |group| {
                    has_groups = true;
                    self.group(group, &result, grouping, is_filtered);
                });
                let days = period.into_iter().flat_map(BillPeriod::days);
                if is_by_record_type {
                    self.into.record_type_days.extend(days);
                } else if has_groups && !is_filtered {
                    self.into.is_known_unfiltered |= !filter.is_empty();
                    self.into.unfiltered_days.extend(days);
                }
            }
        });
        Ok(())
    }

    fn group(
        &mut self,
        group: &RawValue,
        result: &RawResult<'_>,
        grouping: Grouping,
        is_filtered: bool,
    ) {
        let group = AnswerGroup::of(group, self.into.metric.cost_explorer_name());
        match entry(&group, result, grouping) {
            Ok((key, line)) => {
                if group.keys.get(grouping.account) != Some(&Cow::Borrowed(&*key.1)) {
                    self.into.note(account::REPAIRED);
                }
                if let Some(prefix) = values::unknown_prefix(&key.2) {
                    self.into.unknown_prefix(prefix);
                }
                let entry = AnswerEntry {
                    is_part_of_day: is_part_of_day(&result.time_period),
                    is_filtered,
                    line,
                };
                self.into.entry(key, entry);
            }
            Err(detail) => self.into.reject(self.name, self.record, detail),
        }
        self.record += 1;
    }
}

fn not_an_answer(error: &serde_json::Error) -> BillError {
    BillError::NotABill {
        found: format!("invalid JSON: {error}"),
    }
}

fn grouping(definitions: Option<&RawValue>, has_groups: bool) -> Result<Grouping, BillError> {
    let mut keys: Vec<String> = Vec::new();
    for_each_of(definitions, &mut |definition| {
        if keys.len() < GROUPINGS_MAX {
            let kind = text(member(definition, "Type")).unwrap_or_default();
            let key = text(member(definition, "Key")).unwrap_or_default();
            keys.push(if kind == "DIMENSION" {
                key.into_owned()
            } else {
                format!("{kind} {key}")
            });
        }
    });
    let position = |wanted: &str| keys.iter().position(|key| key == wanted);
    let account = position("LINKED_ACCOUNT");
    let by_usage_type = position("USAGE_TYPE").map(|at| (at, BillKind::CostExplorerByUsageType));
    let other = by_usage_type
        .or_else(|| position("SERVICE").map(|at| (at, BillKind::CostExplorerByService)))
        .or_else(|| position(RECORD_TYPE).map(|at| (at, BillKind::CostExplorerByRecordType)));
    match (account, other) {
        (Some(account), Some((other, kind))) => Ok(Grouping {
            account,
            other,
            kind,
        }),
        _ => Err(BillError::Lacks {
            kind: KIND,
            lacking: "groups by LINKED_ACCOUNT and one of USAGE_TYPE, SERVICE and RECORD_TYPE"
                .to_owned(),
            found: match (keys.is_empty(), has_groups) {
                (false, _) => format!("groups by {}", values::list(&keys)),
                (true, true) => "groups, but no GroupDefinitions".to_owned(),
                (true, false) => "totals only".to_owned(),
            },
        }),
    }
}

/// Refuses an answer without the metric as a whole, so that its absence is no row of rejects.
fn check_metric(results: &RawValue, metric: CostMetric) -> Result<(), BillError> {
    let wanted = metric.cost_explorer_name();
    let mut names: BTreeSet<String> = BTreeSet::new();
    let mut is_there = false;
    for_each_of(Some(results), &mut |result| {
        for_each_of(member(result, "Groups"), &mut |group| {
            let metrics = member(group, "Metrics").filter(|metrics| is_object(metrics));
            if let Some(metrics) = metrics {
                let _ = for_each_member(metrics, &mut |name, _| {
                    is_there |= name == wanted;
                    if names.len() < METRICS_NAMED_MAX && !names.contains(name) {
                        names.insert(name.to_owned());
                    }
                });
            }
        });
    });
    if names.is_empty() || is_there {
        return Ok(());
    }
    let names: Vec<String> = names.into_iter().collect();
    Err(BillError::Lacks {
        kind: KIND,
        lacking: format!("the metric {wanted} (--metric {})", metric.as_str()),
        found: values::list(&names),
    })
}

fn entry(
    group: &AnswerGroup<'_>,
    result: &RawResult<'_>,
    grouping: Grouping,
) -> Result<(EntryKey, StatedLine), String> {
    let key = |at: usize| group.keys.get(at).map_or("", |key| &**key);
    let (account, other) = (key(grouping.account), key(grouping.other));
    if account.is_empty() || other.is_empty() {
        return Err("a group without an account, a usage type or a service".to_owned());
    }
    let account = account_id(account)?.id;
    let RawPeriod { start, end } = &result.time_period;
    let period = values::period(start, Some(end)).ok_or("TimePeriod is not a period of days")?;
    let amount = group.metric.as_ref().ok_or("the metric is missing")?;
    let cost = amount
        .amount
        .as_deref()
        .and_then(|text| values::cost(text, false));
    let cost = cost.ok_or_else(|| {
        let told = amount.amount.as_deref().unwrap_or_default();
        values::no_amount("Amount", told)
    })?;
    let currency = amount.unit.as_deref().filter(|unit| !unit.is_empty());
    let currency = currency_code(currency.unwrap_or("USD"))?;
    let (billed_for, category) = what_for(other, grouping.kind);
    let terabytes = (billed_for == BilledFor::AthenaScan)
        .then(|| group.usage.as_ref()?.amount.as_deref())
        .flatten()
        .and_then(|text| values::terabytes(text, false));
    let region = (grouping.kind == BillKind::CostExplorerByUsageType)
        .then(|| values::region_of(other))
        .flatten();
    let line = StatedLine {
        key: LineKey {
            kind: grouping.kind,
            account_id: account.as_str().into(),
            period,
            billed_for,
            category,
            region: region.map(Region::from),
            work_group: None,
            currency: currency.clone(),
        },
        cost,
        terabytes,
        is_estimated: result.estimated,
    };
    let key = (
        grouping.kind,
        account,
        other.to_owned(),
        currency.to_string(),
        midnight_as_day(start),
        midnight_as_day(end),
    );
    Ok((key, line))
}

/// One spelling for a day.
fn midnight_as_day(moment: &str) -> String {
    moment.trim_end_matches("T00:00:00Z").to_owned()
}

/// Returns true if a period is of hours.
fn is_part_of_day(period: &RawPeriod) -> bool {
    let hour = |text: &str| text.get(11..13).map(str::to_owned);
    let (start, end) = (hour(&period.start), hour(&period.end));
    start.is_some_and(|start| start != "00") || end.is_some_and(|end| end != "00")
}

/// Services by name; of usage types only those that are told by their name.
fn what_for(other: &str, kind: BillKind) -> (BilledFor, ChargeCategory) {
    let usage = ChargeCategory::Usage;
    if kind == BillKind::CostExplorerByRecordType {
        return of_record_type(other);
    }
    if kind == BillKind::CostExplorerByService {
        return match other {
            "Amazon Athena" => (BilledFor::Athena, usage),
            "Tax" => (BilledFor::Service("Tax".into()), ChargeCategory::Tax),
            other => (
                BilledFor::Service(values::service_name(other).into()),
                usage,
            ),
        };
    }
    if values::is_scan(other) {
        return (BilledFor::AthenaScan, usage);
    }
    if values::is_capacity(other) {
        return (BilledFor::AthenaOther, usage);
    }
    if other == "NoUsageType" {
        // Taxes, support and refunds stand there.
        let name = BilledFor::Service("(no usage type)".into());
        return (name, ChargeCategory::Other);
    }
    (BilledFor::Service(usage_of(other).into()), usage)
}

/// Returns true if a filter leaves use alone: it names use, or names credits to leave them out.
fn keeps_use_only(filter: &str) -> bool {
    let names_credits = filter.contains("Credit");
    filter.contains(RECORD_TYPE) && filter.contains("\"Not\"") == names_credits
}

/// Returns true if a record type is of use, or of what belongs to it.
fn is_use(record_type: &str) -> bool {
    let name = bare(record_type);
    ["usage", "discount", "negation"]
        .iter()
        .any(|part| name.contains(part))
}

/// Record types by their category.
fn of_record_type(record_type: &str) -> (BilledFor, ChargeCategory) {
    let category = match bare(record_type).as_str() {
        _ if is_use(record_type) => ChargeCategory::Usage,
        "tax" => ChargeCategory::Tax,
        "credit" => ChargeCategory::Credit,
        "refund" => ChargeCategory::Refund,
        _ => ChargeCategory::Other,
    };
    let name = match category {
        ChargeCategory::Other => record_type,
        _ => "(all services)",
    };
    (BilledFor::Service(name.into()), category)
}

/// The service of a usage type, as far as its name tells one.
fn usage_of(usage_type: &str) -> &'static str {
    if let Some((prefix, tier)) = split_requests(usage_type) {
        // `EU` is the prefix of both.
        return match (prefix, is_s3_tier(tier)) {
            ("EU", true) => "Amazon S3 or Amazon CloudFront (requests)",
            ("", true) => "Amazon S3 (requests)",
            (prefix, true) if region::of_prefix(prefix).is_some() => "Amazon S3 (requests)",
            _ => "Amazon CloudFront (requests)",
        };
    }
    let is_glue = usage_type.contains("Catalog-")
        || ["Crawler-DPU-Hour", "ETL-DPU-Hour", "ETL-Flex-DPU-Hour"]
            .iter()
            .any(|name| usage_type.ends_with(name));
    if is_glue {
        "AWS Glue"
    } else {
        "(other usage types)"
    }
}

/// The prefix of a usage type of requests, and what follows `Requests-`.
fn split_requests(usage_type: &str) -> Option<(&str, &str)> {
    match usage_type.strip_prefix("Requests-") {
        Some(tier) => Some(("", tier)),
        None => usage_type.split_once("-Requests-"),
    }
}

/// `Tier1` or, of another storage class, `SIA-Tier1`; `CloudFront` appends a protocol.
fn is_s3_tier(tier: &str) -> bool {
    let last = tier.rsplit('-').next().unwrap_or(tier);
    last.strip_prefix("Tier").is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::bill::BillReader;
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
        assert_eq!(
            amounts.terabytes.as_ref().unwrap().to_string(),
            "0.246913578"
        );
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
            assert_eq!((uncounted.repeated, uncounted.outdated), (2, 0));
        }
        // Of two final ones the one given later, and that is said.
        let other = last.replace("2.5", "3.5");
        let bill = bill(&[&last, &other]).unwrap();
        assert_eq!(bill.lines.values().next().unwrap().cost.to_string(), "3.5");
        assert_eq!(bill.coverage.uncounted.outdated, 1);
        let mut notes = bill.coverage.notes.iter();
        assert!(notes.any(|note| note.contains("444455556666")));
    }

    #[test]
    fn a_total_of_all_use_counts_where_nothing_else_tells() {
        let by_record_type = ONE
            .replace("USAGE_TYPE", "RECORD_TYPE")
            .replace("USE1-DataScannedInTB", "Usage");
        let alone = bill(&[&by_record_type]).unwrap();
        assert_eq!(alone.lines.len(), 1);
        assert!(
            !alone
                .coverage
                .notes
                .iter()
                .any(|note| note.contains("net of"))
        );
        let both = bill(&[&by_record_type, ONE]).unwrap();
        assert_eq!(both.lines.len(), 1);
        assert_eq!(both.coverage.uncounted.covered_elsewhere, 1);
        let other_day = by_record_type.replace("2026-07-0", "2026-08-0");
        let net = bill(&[&other_day, ONE]).unwrap();
        assert!(
            net.coverage
                .notes
                .iter()
                .any(|note| note.contains("net of"))
        );
    }

    #[test]
    fn what_credits_were_taken_from_is_told() {
        let net = |answers: &[&str]| {
            let bill = bill(answers).unwrap();
            let mut notes = bill.coverage.notes.iter();
            notes.any(|note| note.contains("net of"))
        };
        let record_types = |of_use: &str, credit: &str| {
            let group = |name: &str, amount: &str| {
                format!(
                    r#"{{"Keys":["444455556666","{name}"],"Metrics":{{"UnblendedCost":{{"Amount":"{amount}","Unit":"USD"}}}}}}"#
                )
            };
            format!(
                r#"{{"GroupDefinitions":[{{"Type":"DIMENSION","Key":"LINKED_ACCOUNT"}},{{"Type":"DIMENSION","Key":"RECORD_TYPE"}}],
                "ResultsByTime":[{{"TimePeriod":{{"Start":"2026-07-01","End":"2026-07-02"}},"Groups":[{},{}]}}]}}"#,
                group("Usage", of_use),
                group("Credit", credit)
            )
        };
        let one = ONE.replace("1.2345678901", "4");
        assert!(net(&[&one, &record_types("5", "-1")]));
        assert!(!net(&[&one, &record_types("4", "-1")]));
        let with = |filter: &str| ONE.replacen('{', &format!("{{\"Filter\":{filter},"), 1);
        let use_only =
            r#"{"Not":{"Dimensions":{"Key":"RECORD_TYPE","Values":["Credit","Refund","Tax"]}}}"#;
        assert!(!net(&[&with(use_only)]));
        for filter in [
            r#"{"Dimensions":{"Key":"SERVICE","Values":["Amazon Athena"]}}"#,
            r#"{"Dimensions":{"Key":"RECORD_TYPE","Values":["Usage","Credit"]}}"#,
        ] {
            assert!(net(&[&with(filter), &record_types("5", "0")]), "{filter}");
        }
        // Of two answers the filtered one counts, whatever comes last.
        let filtered = with(use_only).replace("1.2345678901", "4");
        for answers in [[&*filtered, ONE], [ONE, &filtered]] {
            let bill = bill(&answers).unwrap();
            assert_eq!(bill.lines.values().next().unwrap().cost.to_string(), "4");
        }
    }

    #[test]
    fn a_final_month_replaces_its_estimated_days() {
        let month = ONE
            .replace("2026-07-02", "2026-08-01")
            .replace("1.2345678901", "3")
            .replace("true", "false");
        for answers in [[ONE, &*month], [&*month, ONE]] {
            let bill = bill(&answers).unwrap();
            let costs = bill.lines.values().map(|amounts| amounts.cost.to_string());
            assert_eq!(costs.collect::<Vec<String>>(), ["3"]);
            assert_eq!(bill.coverage.uncounted.outdated, 0);
        }
    }

    #[test]
    fn amounts_may_be_numbers() {
        let text = ONE.replace("\"1.2345678901\"", "1.25");
        let bill = bill(&[&text]).unwrap();
        assert_eq!(bill.lines.values().next().unwrap().cost.to_string(), "1.25");
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
            r#""Groups":[{"Keys":["444455556667","X-DataScannedInTB"],"Metrics":{"UnblendedCost":{"Amount":"n/a","Unit":"USD"}}},"#,
        );
        let bill = bill(&[&two]).unwrap();
        assert_eq!((bill.lines.len(), bill.coverage.rejects.total()), (1, 1));
    }

    #[test]
    fn capacity_and_requests_have_the_name_of_their_service() {
        for (usage_type, wanted) in [
            ("USE1-ReservedCapacityInDPUHours", BilledFor::AthenaOther),
            ("USE1-CodeExecutionInDPUHours", BilledFor::AthenaOther),
            ("USE1-DataScannedInTB", BilledFor::AthenaScan),
            (
                "USE1-Requests-Tier1",
                BilledFor::Service("Amazon S3 (requests)".into()),
            ),
            (
                "Requests-SIA-Tier2",
                BilledFor::Service("Amazon S3 (requests)".into()),
            ),
            (
                "EU-Requests-Tier1",
                BilledFor::Service("Amazon S3 or Amazon CloudFront (requests)".into()),
            ),
            (
                "US-Requests-Tier2-HTTPS",
                BilledFor::Service("Amazon CloudFront (requests)".into()),
            ),
            (
                "EU-Requests-Tier2-HTTPS",
                BilledFor::Service("Amazon CloudFront (requests)".into()),
            ),
            ("EUC1-ETL-DPU-Hour", BilledFor::Service("AWS Glue".into())),
            (
                "USE1-Catalog-Request",
                BilledFor::Service("AWS Glue".into()),
            ),
        ] {
            let (billed_for, _) = what_for(usage_type, BillKind::CostExplorerByUsageType);
            assert_eq!(billed_for, wanted, "{usage_type}");
        }
    }

    #[test]
    fn the_rest_of_a_bill_is_told_by_record_type() {
        let rest = ONE
            .replace("\"USAGE_TYPE\"", "\"RECORD_TYPE\"")
            .replace("USE1-DataScannedInTB", "Credit");
        let bill = bill(&[ONE, &rest]).unwrap();
        assert_eq!(bill.lines.len(), 1);
        assert_eq!(
            bill.coverage.uncounted.categories[&ChargeCategory::Credit],
            1
        );
        assert!(bill.coverage.notes.is_empty(), "{:?}", bill.coverage.notes);
    }
}
