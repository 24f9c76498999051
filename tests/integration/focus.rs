//! `chargeback --format focus` against FOCUS 1.2: a checker written from the specification, and the
//! validator of the `FinOps` Foundation, which knows 1.0.

use crate::cli::{output, program};
use crate::needs;
use qs_audit::cli::Exit;
use regex::Regex;
use rust_decimal::Decimal;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

const SAMPLE: &str = "sample-logs/org-small";

/// What the specification says of a column.
struct Rule {
    name: &'static str,
    kind: Kind,
    is_nullable: bool,
}

enum Kind {
    Text,
    Number,
    Moment,
    Currency,
    Object,
    /// One of these words.
    Word(&'static [&'static str]),
}

const fn rule(name: &'static str, kind: Kind, is_nullable: bool) -> Rule {
    Rule {
        name,
        kind,
        is_nullable,
    }
}

/// The columns of FOCUS 1.2 that a provider with capacity reservations, commitment discounts and
/// accounts below the payer has to have, and those that are recommended and written.
const RULES: [Rule; 54] = [
    rule("AvailabilityZone", Kind::Text, true),
    rule("BilledCost", Kind::Number, false),
    rule("BillingAccountId", Kind::Text, false),
    rule("BillingAccountName", Kind::Text, false),
    rule("BillingAccountType", Kind::Text, false),
    rule("BillingCurrency", Kind::Currency, false),
    rule("BillingPeriodEnd", Kind::Moment, false),
    rule("BillingPeriodStart", Kind::Moment, false),
    rule("CapacityReservationId", Kind::Text, true),
    rule(
        "CapacityReservationStatus",
        Kind::Word(&["Used", "Unused"]),
        true,
    ),
    rule(
        "ChargeCategory",
        Kind::Word(&["Usage", "Purchase", "Tax", "Credit", "Adjustment"]),
        false,
    ),
    rule("ChargeClass", Kind::Word(&["Correction"]), true),
    rule("ChargeDescription", Kind::Text, false),
    rule(
        "ChargeFrequency",
        Kind::Word(&["One-Time", "Recurring", "Usage-Based"]),
        false,
    ),
    rule("ChargePeriodEnd", Kind::Moment, false),
    rule("ChargePeriodStart", Kind::Moment, false),
    rule(
        "CommitmentDiscountCategory",
        Kind::Word(&["Spend", "Usage"]),
        true,
    ),
    rule("CommitmentDiscountId", Kind::Text, true),
    rule("CommitmentDiscountName", Kind::Text, true),
    rule("CommitmentDiscountQuantity", Kind::Number, true),
    rule(
        "CommitmentDiscountStatus",
        Kind::Word(&["Used", "Unused"]),
        true,
    ),
    rule("CommitmentDiscountType", Kind::Text, true),
    rule("CommitmentDiscountUnit", Kind::Text, true),
    rule("ConsumedQuantity", Kind::Number, true),
    rule("ConsumedUnit", Kind::Word(&["TB", "TiB"]), true),
    rule("ContractedCost", Kind::Number, false),
    rule("ContractedUnitPrice", Kind::Number, true),
    rule("EffectiveCost", Kind::Number, false),
    rule("InvoiceId", Kind::Text, true),
    rule("InvoiceIssuerName", Kind::Text, false),
    rule("ListCost", Kind::Number, false),
    rule("ListUnitPrice", Kind::Number, true),
    rule(
        "PricingCategory",
        Kind::Word(&["Standard", "Dynamic", "Committed", "Other"]),
        true,
    ),
    rule("PricingCurrency", Kind::Currency, false),
    rule("PricingQuantity", Kind::Number, true),
    rule("PricingUnit", Kind::Word(&["TB", "TiB"]), true),
    rule("ProviderName", Kind::Text, false),
    rule("PublisherName", Kind::Text, false),
    rule("RegionId", Kind::Text, true),
    rule("RegionName", Kind::Text, true),
    rule("ResourceId", Kind::Text, true),
    rule("ResourceName", Kind::Text, true),
    rule("ResourceType", Kind::Text, true),
    rule("ServiceCategory", Kind::Word(&["Analytics"]), false),
    rule("ServiceName", Kind::Text, false),
    rule(
        "ServiceSubcategory",
        Kind::Word(&["Data Processing"]),
        false,
    ),
    rule("SkuId", Kind::Text, true),
    rule("SkuMeter", Kind::Text, true),
    rule("SkuPriceDetails", Kind::Object, true),
    rule("SkuPriceId", Kind::Text, true),
    rule("SubAccountId", Kind::Text, true),
    rule("SubAccountName", Kind::Text, true),
    rule("SubAccountType", Kind::Text, true),
    rule("Tags", Kind::Object, true),
];

/// Columns of which one is null exactly where the other is.
const NULL_TOGETHER: [(&str, &str); 9] = [
    ("CapacityReservationId", "CapacityReservationStatus"),
    ("CommitmentDiscountId", "CommitmentDiscountStatus"),
    ("ConsumedQuantity", "ConsumedUnit"),
    ("PricingQuantity", "PricingUnit"),
    ("RegionId", "RegionName"),
    ("ResourceId", "ResourceType"),
    ("SkuId", "SkuMeter"),
    ("SubAccountId", "SubAccountName"),
    ("SubAccountId", "SubAccountType"),
];

/// Columns that are not null for use, and null for what has no quantity here.
const OF_USE: [&str; 7] = [
    "ConsumedQuantity",
    "ContractedUnitPrice",
    "ListUnitPrice",
    "PricingCategory",
    "PricingQuantity",
    "SkuId",
    "SkuPriceId",
];

type Row = BTreeMap<String, String>;

fn rows(text: &str) -> Vec<Row> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names: Vec<String> = reader
        .headers()
        .unwrap()
        .iter()
        .map(str::to_owned)
        .collect();
    let custom = Regex::new("^(x_)?[A-Z][A-Za-z0-9]*$").unwrap();
    assert!(names.iter().all(|name| custom.is_match(name)), "{names:?}");
    let records = reader.records().map(|record| {
        let record = record.unwrap();
        let cells = names.iter().cloned().zip(record.iter().map(str::to_owned));
        cells.collect()
    });
    records.collect()
}

fn check_value(rule: &Rule, text: &str) {
    let name = rule.name;
    let is_as_said = match rule.kind {
        Kind::Text => !text.trim().is_empty() && !text.eq_ignore_ascii_case("not applicable"),
        Kind::Number => Regex::new(r"^-?[0-9]+(\.[0-9]+)?$").unwrap().is_match(text),
        Kind::Moment => Regex::new(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
            .unwrap()
            .is_match(text),
        Kind::Currency => text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase()),
        Kind::Object => serde_json::from_str::<Value>(text).is_ok_and(|value| value.is_object()),
        Kind::Word(allowed) => allowed.contains(&text),
    };
    assert!(is_as_said, "{name}: {text:?}");
}

fn check_row(row: &Row) {
    let text = |name: &str| row[name].as_str();
    let number = |name: &str| -> Decimal { text(name).parse().unwrap() };
    for rule in &RULES {
        let value = row.get(rule.name);
        let value = value.unwrap_or_else(|| panic!("{} is not there", rule.name));
        if value.is_empty() {
            assert!(rule.is_nullable, "{} is null", rule.name);
        } else {
            check_value(rule, value);
        }
    }
    for (left, right) in NULL_TOGETHER {
        assert_eq!(
            text(left).is_empty(),
            text(right).is_empty(),
            "{left}, {right}"
        );
    }
    let is_use = text("ChargeCategory") == "Usage";
    for name in OF_USE {
        assert_eq!(!text(name).is_empty(), is_use, "{name}: {row:#?}");
    }
    assert!(text("ResourceName").is_empty() == text("ResourceId").is_empty());
    assert_ne!(text("ResourceName"), format!("{}x", text("ResourceId")));
    assert!(text("BillingPeriodStart") < text("BillingPeriodEnd"));
    assert!(text("ChargePeriodStart") < text("ChargePeriodEnd"));
    if is_use {
        for (unit_price, cost) in [
            ("ListUnitPrice", "ListCost"),
            ("ContractedUnitPrice", "ContractedCost"),
        ] {
            assert!(number(unit_price) >= Decimal::ZERO);
            let product = number(unit_price) * number("PricingQuantity");
            assert_eq!(product, number(cost), "{unit_price}: {row:#?}");
        }
        let rounding = Decimal::new(1, 9);
        assert!((number("ContractedCost") - number("BilledCost")).abs() <= rounding);
    } else {
        assert_eq!(number("ListCost"), number("BilledCost"));
        assert_eq!(number("ContractedCost"), number("BilledCost"));
    }
}

fn of_sample(more: &[&str]) -> String {
    let mut command = program();
    command.current_dir(SAMPLE).args([
        "chargeback",
        "--from",
        "2026-11-01",
        "--to",
        "2026-11-04",
        "--format",
        "focus",
        "-q",
    ]);
    output(command.args(more), Exit::Clean).0
}

#[test]
fn every_row_is_as_the_specification_says() {
    for more in [&[][..], &["--tb", "binary"]] {
        let rows = rows(&of_sample(more));
        assert!(rows.len() > 30);
        rows.iter().for_each(check_row);
    }
}

#[test]
fn bills_with_discounts_credits_and_corrections_are_as_the_specification_says() {
    let header = "identity/LineItemId,bill/PayerAccountId,lineItem/UsageAccountId,lineItem/LineItemType,\
                  lineItem/UsageStartDate,lineItem/UsageEndDate,lineItem/ProductCode,lineItem/UsageType,\
                  lineItem/ResourceId,lineItem/UsageAmount,lineItem/CurrencyCode,lineItem/UnblendedCost,\
                  product/sku,pricing/RateCode";
    let line = |day: u32, kind: &str, group: &str, amount: &str, cost: &str| {
        format!(
            "i,999988887777,444455556666,{kind},2026-11-{day:02}T00:00:00Z,2026-11-{:02}T00:00:00Z,AmazonAthena,\
             USE1-DataScannedInTB,arn:aws:athena:us-east-1:444455556666:workgroup/{group},{amount},USD,{cost},SKU7,SKU7.RATE",
            day + 1
        )
    };
    let lines = [
        header.to_owned(),
        line(1, "Usage", "quick-retail", "7.1234567", "33.3333333333"),
        line(
            1,
            "EdpDiscount",
            "quick-retail",
            "7.1234567",
            "-3.3333333333",
        ),
        line(2, "Usage", "primary", "0.000000000001", "0.0000000001"),
        // A discount without its use, and a correction.
        line(3, "EdpDiscount", "nobody", "0", "-1.25"),
        line(3, "Usage", "corrected", "-0.5", "-2.5"),
        line(3, "Usage", "free", "0.5", "0"),
    ];
    let work = tempfile::tempdir().unwrap();
    let path = work.path().join("cur.csv");
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    let text = of_sample(&["--costs", path.to_str().unwrap()]);
    let rows = rows(&text);
    rows.iter().for_each(check_row);
    assert!(
        rows.iter()
            .all(|row| row["BillingAccountId"] == "999988887777")
    );
    assert!(rows.iter().any(|row| row["ChargeCategory"] == "Adjustment"));
    let skus = rows.iter().filter(|row| row["ChargeCategory"] == "Usage");
    assert!(skus.clone().count() > 3);
    assert!(
        skus.clone()
            .all(|row| row["SkuId"] == "SKU7" && row["SkuPriceId"] == "SKU7.RATE")
    );
    let quantity: Decimal = skus
        .map(|row| row["PricingQuantity"].parse::<Decimal>().unwrap())
        .sum();
    assert!(quantity > Decimal::from(7), "{quantity}");
}

/// Checks of the validator that do not hold of 1.0 itself: columns under the names they had before,
/// and a rule on a column that was renamed.
const OUTDATED: [&str; 5] = [
    "InvoiceIssuer_Required",
    "Provider_Required",
    "Publisher_Required",
    "ResourceID_Required",
    "SkuPriceId_Nullable",
];

const VALIDATE: &str = r#"
import os, sys, focus_validator, pandas
from focus_validator.data_loaders.csv_data_loader import CSVDataLoader
from focus_validator.main import main
data, texts = sys.argv[1], sys.argv[2].split(",")
# Ids of digits are text; the validator's own reader takes them for numbers.
CSVDataLoader.load = lambda self: pandas.read_csv(self.data_filename, dtype={name: str for name in texts})
# Its list of currencies is named from there.
os.chdir(os.path.dirname(os.path.dirname(focus_validator.__file__)))
sys.argv = ["focus-validator", "--data-file", data, "--validate-version", "1.0"]
main()
"#;

#[test]
fn the_validator_of_the_foundation_has_nothing_to_say() {
    let Some(python) = needs::focus_python() else {
        return;
    };
    let work = tempfile::tempdir().unwrap();
    let path = work.path().join("focus.csv");
    fs::write(&path, of_sample(&[])).unwrap();
    let ids = "BillingAccountId,BillingAccountName,SubAccountId,SubAccountName";
    let answer = Command::new(python)
        .args(["-c", VALIDATE])
        .arg(&path)
        .arg(ids)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&answer.stdout).into_owned();
    let failed = said
        .lines()
        .filter_map(|line| line.strip_suffix(" failed:"));
    let failed: Vec<&str> = failed.filter(|check| !OUTDATED.contains(check)).collect();
    assert!(said.contains("Validation") && failed.is_empty(), "{said}");
    assert!(said.contains("InvoiceIssuer_Required failed"), "{said}");
}
