//! The accounts' bill, as Cost Explorer answers it.

use super::cast::{CONSUMERS, ConsumerCast, HUB};
use super::chance::Chance;
use super::plan::DemoPlan;
use super::statistics::DemoQuery;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Millionths of a dollar for a megabyte, at 5 USD per 10^12 bytes.
const MICRO_USD_PER_MEGABYTE: u64 = 5;
/// A day and a half of a bill is still estimated.
const ESTIMATED_DAYS: u32 = 2;
/// Millionths of a dollar for an hour of reserved capacity of 24 units.
const CAPACITY_MICRO_USD: u64 = 7_200_000;

/// The use of an account in a Region on a day.
pub(super) struct UsedDay {
    start: String,
    end: String,
    is_estimated: bool,
    accounts: Vec<Used>,
}

struct Used {
    account: &'static str,
    name: &'static str,
    prefix: &'static str,
    megabytes: u64,
    capacity_hours: u64,
    s3_micro_usd: u64,
    glue_micro_usd: u64,
}

impl Used {
    /// Millionths of a dollar for scanned data.
    fn scan_micro_usd(&self) -> u64 {
        self.megabytes * MICRO_USD_PER_MEGABYTE
    }
}

fn prefix(region: &str) -> &'static str {
    match region {
        "eu-central-1" => "EUC1",
        "ap-southeast-2" => "APS2",
        _ => "USE1",
    }
}

/// The days of the plan, with what every consumer used.
pub(super) fn days(queries: &[DemoQuery], plan: &DemoPlan, chance: &mut Chance) -> Vec<UsedDay> {
    let mut megabytes: BTreeMap<(&str, &str, String), u64> = BTreeMap::new();
    let mut capacity: BTreeMap<(&str, String), u64> = BTreeMap::new();
    for query in queries {
        let day = query.time.day().to_string();
        let place = (query.account.as_str(), query.region.as_str(), day.clone());
        *megabytes.entry(place).or_default() += query.megabytes_billed();
        let hours = u64::from(query.is_on_capacity());
        *capacity.entry((query.account.as_str(), day)).or_default() += hours;
    }
    let consumers = &CONSUMERS[..plan.consumers.clamp(1, CONSUMERS.len())];
    let mut days = Vec::new();
    for day in 0..plan.days {
        let start = plan.start.plus(i64::from(day) * 86_400);
        let name = start.day().to_string();
        let accounts = consumers.iter().map(|consumer: &'static ConsumerCast| {
            let place = (consumer.account, consumer.region, name.clone());
            let known = megabytes.get(&place).copied().unwrap_or_default();
            // Someone whose calls no log tells of uses some accounts, too.
            let not_logged = if chance.once_in(3) {
                chance.below(90_000) as u64
            } else {
                0
            };
            let hours = capacity.get(&(consumer.account, name.clone()));
            Used {
                account: consumer.account,
                name: consumer.name,
                prefix: prefix(consumer.region),
                megabytes: known + not_logged,
                capacity_hours: hours.copied().unwrap_or_default(),
                s3_micro_usd: 20_000 + chance.below(900_000) as u64,
                glue_micro_usd: chance.below(40_000) as u64,
            }
        });
        days.push(UsedDay {
            accounts: accounts.collect(),
            end: start.plus(86_400).day().to_string(),
            start: name,
            is_estimated: day + ESTIMATED_DAYS >= plan.days && plan.days > ESTIMATED_DAYS,
        });
    }
    days
}

/// The cost of Quick on a day.
const QUICK_MICRO_USD: u64 = 3_200_000;

/// Exact decimals from whole millionths.
fn decimal(millionths: u64) -> String {
    format!(
        "{}.{:06}0000",
        millionths / 1_000_000,
        millionths % 1_000_000
    )
}

fn group(account: &str, other: &str, micro_usd: u64, quantity: &str, unit: &str) -> Value {
    json!({
        "Keys": [account, other],
        "Metrics": {
            "UnblendedCost": {"Amount": decimal(micro_usd), "Unit": "USD"},
            "UsageQuantity": {"Amount": quantity, "Unit": unit},
        },
    })
}

fn answer(key: &str, days: &[UsedDay], groups: impl Fn(&UsedDay) -> Vec<Value>) -> Value {
    let results: Vec<Value> = days
        .iter()
        .map(|day| {
            json!({
                "TimePeriod": {"Start": day.start, "End": day.end},
                "Total": {},
                "Groups": groups(day),
                "Estimated": day.is_estimated,
            })
        })
        .collect();
    let names = days.first().map_or(&[][..], |day| &day.accounts).iter();
    let names: Vec<Value> = names
        .map(|used| json!({"Value": used.account, "Attributes": {"description": used.name}}))
        .collect();
    json!({
        "GroupDefinitions": [
            {"Type": "DIMENSION", "Key": "LINKED_ACCOUNT"},
            {"Type": "DIMENSION", "Key": key},
        ],
        "ResultsByTime": results,
        "DimensionValueAttributes": names,
    })
}

/// `GetCostAndUsage`, daily, by account and usage type.
pub(super) fn by_usage_type(days: &[UsedDay]) -> Value {
    answer("USAGE_TYPE", days, |day| {
        let used = day.accounts.iter().filter(|used| used.megabytes > 0);
        let groups = used.map(|used| {
            let usage_type = format!("{}-DataScannedInTB", used.prefix);
            let quantity = decimal(used.megabytes);
            group(
                used.account,
                &usage_type,
                used.scan_micro_usd(),
                &quantity,
                "Terabytes",
            )
        });
        groups.collect()
    })
}

/// `GetCostAndUsage`, daily, of what is not use, by account and record type.
pub(super) fn by_record_type(days: &[UsedDay]) -> Value {
    answer("RECORD_TYPE", days, |_| {
        vec![group(HUB, "Tax", QUICK_MICRO_USD * 8 / 100, "0", "N/A")]
    })
}

/// `GetCostAndUsage`, daily, by account and service.
pub(super) fn by_service(days: &[UsedDay]) -> Value {
    answer("SERVICE", days, |day| {
        let mut groups = Vec::new();
        for used in &day.accounts {
            let athena = used.scan_micro_usd() + used.capacity_hours * CAPACITY_MICRO_USD;
            for (service, micro_usd) in [
                ("AWS Glue", used.glue_micro_usd),
                ("Amazon Athena", athena),
                ("Amazon Simple Storage Service", used.s3_micro_usd),
            ] {
                groups.push(group(used.account, service, micro_usd, "0", "N/A"));
            }
        }
        // The hub pays for Quick and for nothing that its queries scan.
        groups.push(group(HUB, "Amazon QuickSight", QUICK_MICRO_USD, "0", "N/A"));
        groups
    })
}
