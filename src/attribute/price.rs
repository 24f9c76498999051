//! Prices per terabyte: dated data per Region, and overrides in the configuration.

use super::bytes::ScanBilling;
use crate::model::charge::ListPrice;
use crate::model::money::{TerabyteBase, parse_decimal, trimmed, units};
use crate::model::text::Text;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Deserialize;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// The list prices that ship with the program: Region, USD per terabyte, the
/// first day it holds, where it is from.
const PRICES: &str = include_str!("prices.csv");

/// Places that an estimate keeps, and shows at least.
pub(super) const ESTIMATE_SCALE: u32 = 12;
const ESTIMATE_SCALE_MIN: u32 = 6;

#[derive(Debug, Deserialize)]
struct PriceRow {
    region: String,
    usd_per_tb: String,
    effective_from: String,
    source: String,
}

/// A price and the first day it holds.
#[derive(Debug, Clone, PartialEq)]
struct DatedPrice {
    effective_from: Date,
    usd_per_terabyte: Decimal,
    source: Text,
}

/// Prices of scanned data.
#[derive(Debug, Clone, PartialEq)]
pub struct Pricing {
    billing: ScanBilling,
    overrides: BTreeMap<String, Decimal>,
    listed: BTreeMap<String, Vec<DatedPrice>>,
}

impl Pricing {
    /// The built-in table under the configured prices, which hold on every day.
    /// `overrides` is USD per terabyte by Region.
    #[must_use]
    pub fn new(billing: ScanBilling, overrides: BTreeMap<String, Decimal>) -> Self {
        let mut listed: BTreeMap<String, Vec<DatedPrice>> = BTreeMap::new();
        for row in rows() {
            let price = parse_decimal(&row.usd_per_tb);
            let effective_from: Option<Date> = row.effective_from.parse().ok();
            if let (Some(usd_per_terabyte), Some(effective_from)) = (price, effective_from) {
                listed.entry(row.region).or_default().push(DatedPrice {
                    effective_from,
                    usd_per_terabyte,
                    source: row.source.into(),
                });
            }
        }
        for prices in listed.values_mut() {
            prices.sort_by_key(|price| price.effective_from);
        }
        Self {
            billing,
            overrides,
            listed,
        }
    }

    /// Returns the definition of a billed terabyte.
    #[must_use]
    pub fn terabyte(&self) -> TerabyteBase {
        self.billing.terabyte
    }

    /// Returns how scanned bytes become billed ones.
    #[must_use]
    pub fn billing(&self) -> ScanBilling {
        self.billing
    }

    /// USD per terabyte in a Region on a day, and where that is from; `None` where
    /// no price is known.
    #[must_use]
    pub fn list_price(&self, region: &str, day: Date) -> Option<ListPrice> {
        if let Some(price) = self.overrides.get(region) {
            return Some(ListPrice {
                region: region.into(),
                usd_per_terabyte: *price,
                source: "configuration".into(),
                effective_from: None,
            });
        }
        let known = self.dated(region, day)?;
        Some(ListPrice {
            region: region.into(),
            usd_per_terabyte: known.usd_per_terabyte,
            source: known.source.clone(),
            effective_from: Some(known.effective_from),
        })
    }

    /// USD per terabyte in a Region on a day; `None` where no price is known.
    #[must_use]
    pub fn usd_per_terabyte(&self, region: &str, day: Date) -> Option<Decimal> {
        if let Some(price) = self.overrides.get(region) {
            return Some(*price);
        }
        Some(self.dated(region, day)?.usd_per_terabyte)
    }

    /// The listed price that holds in a Region on a day.
    fn dated(&self, region: &str, day: Date) -> Option<&DatedPrice> {
        let mut dated = self.listed.get(region)?.iter().rev();
        dated.find(|price| price.effective_from <= day)
    }

    /// Billed bytes at the price of a Region on a day, in USD to twelve places,
    /// half to even; `None` where no price is known.
    #[must_use]
    pub fn estimate_usd(&self, bytes_billed: u64, region: &str, day: Date) -> Option<Decimal> {
        let price = self.usd_per_terabyte(region, day)?.normalize();
        let units = units(price, ESTIMATE_SCALE)?.checked_mul(i128::from(bytes_billed))?;
        let terabyte = i128::from(self.terabyte().bytes_per_terabyte());
        let units = half_to_even(units, terabyte);
        trimmed(units, ESTIMATE_SCALE, ESTIMATE_SCALE_MIN)
    }
}

/// A quotient of positive numbers, rounded half to even.
fn half_to_even(dividend: i128, divisor: i128) -> i128 {
    let (quotient, rest) = (dividend / divisor, dividend % divisor);
    match (rest * 2).cmp(&divisor) {
        Ordering::Less => quotient,
        Ordering::Greater => quotient + 1,
        Ordering::Equal => quotient + quotient % 2,
    }
}

impl Default for Pricing {
    fn default() -> Self {
        Self::new(ScanBilling::default(), BTreeMap::new())
    }
}

fn rows() -> Vec<PriceRow> {
    let mut reader = csv::Reader::from_reader(PRICES.as_bytes());
    reader.deserialize().filter_map(Result::ok).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::money::exact;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn the_shipped_table_is_whole() {
        let rows = rows();
        assert_eq!(rows.len(), PRICES.trim_end().lines().count() - 1);
        for row in rows {
            assert!(parse_decimal(&row.usd_per_tb).is_some(), "{}", row.region);
            assert!(row.effective_from.parse::<Date>().is_ok(), "{}", row.region);
            assert!(!row.source.is_empty(), "{}", row.region);
        }
    }

    #[test]
    fn an_estimate_is_exact_and_says_at_least_micro_dollars() {
        let estimate = |bytes, base| {
            let billing = ScanBilling {
                terabyte: base,
                ..ScanBilling::default()
            };
            let pricing = Pricing::new(billing, BTreeMap::new());
            let cost = pricing.estimate_usd(bytes, "us-east-1", day("2026-11-01"));
            cost.map(exact)
        };
        let decimal = |bytes| estimate(bytes, TerabyteBase::Decimal).unwrap();
        assert_eq!(decimal(124_000_000), "0.000620");
        assert_eq!(decimal(10_000_000), "0.000050");
        assert_eq!(decimal(0), "0.000000");
        assert_eq!(decimal(1_000_000_000_000), "5.000000");
        assert_eq!(
            estimate(11 << 20, TerabyteBase::Binary).as_deref(),
            Some("0.000052452087")
        );
    }

    #[test]
    fn halves_go_to_the_even_neighbour() {
        let rounded =
            [(5, 2), (7, 2), (6, 4), (10, 4), (7, 4)].map(|(all, by)| half_to_even(all, by));
        assert_eq!(rounded, [2, 4, 2, 2, 2]);
    }

    #[test]
    fn configured_prices_come_first_and_unknown_regions_have_none() {
        let configured = [("us-east-1".to_owned(), Decimal::from(4))];
        let pricing = Pricing::new(ScanBilling::default(), configured.into());
        let price = |region: &str, on: &str| pricing.usd_per_terabyte(region, day(on));
        assert_eq!(price("us-east-1", "2010-01-01"), Some(Decimal::from(4)));
        assert_eq!(
            price("eu-west-1", "2026-01-01").map(exact).as_deref(),
            Some("5.00")
        );
        assert_eq!(price("eu-west-1", "2010-01-01"), None);
        assert_eq!(price("mars-north-1", "2026-01-01"), None);
    }
}
