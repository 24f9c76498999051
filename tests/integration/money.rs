//! Bytes and money: the split of the bill, and every form a bill comes in.

use crate::common::{Memory, plan, run};
use proptest::prelude::*;
use qs_audit::attribute::{BilledQueries, Pricing, attribute, chargeback};
use qs_audit::columnar::{Codec, write as write_parquet};
use qs_audit::decode::SplitMode;
use qs_audit::demo::{self, DemoPlan};
use qs_audit::ingest::{BillReader, UnitsReader, read_executions};
use qs_audit::model::bill::{
    Bill, BillKind, BillPeriod, BilledFor, ChargeCategory, CostMetric, LineAmounts, LineKey,
};
use qs_audit::model::catalog_table::CatalogTable;
use qs_audit::model::chain::{Chain, ChainPath, Confidence};
use qs_audit::model::charge::{Attribution, ChargebackRow, Dimension, Share};
use qs_audit::model::data_read::{DataRead, ReadEvidence};
use qs_audit::model::exact::ExactAmount;
use qs_audit::model::execution::{QueryFigures, QueryState, StatementType, Statistics};
use qs_audit::model::ids::QueryExecutionId;
use qs_audit::model::money::{AMOUNT_PLACES, exact, parse_decimal};
use qs_audit::model::table::{Table, Values};
use qs_audit::model::text::Text;
use qs_audit::model::time::UtcSecond;
use qs_audit::model::topology::Topology;
use qs_audit::model::window::TimeWindow;
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

fn at(text: &str) -> UtcSecond {
    UtcSecond::parse(text).unwrap()
}

fn decimal(text: &str) -> Decimal {
    parse_decimal(text).unwrap()
}

/// A chain with all members, to be changed.
fn some_chain() -> Chain {
    let organization = demo::generate(&DemoPlan {
        days: 1,
        consumers: 1,
        chains_per_day: 1,
        noise_per_day: 0,
        oddities: false,
        ..DemoPlan::demo(1)
    });
    let audit = run(&plan(SplitMode::Fast, 1), &Memory::of(&organization.logs));
    let mut chains = audit.chains.into_iter();
    chains.find(|chain| !chain.queries.is_empty()).unwrap()
}

/// A query of the property tests.
#[derive(Debug, Clone)]
struct Asked {
    account: u8,
    day: u8,
    work_group: u8,
    region: u8,
    is_quick: bool,
    /// Billed bytes; none without statistics.
    bytes: Option<u64>,
}

/// A line of the bill of the property tests.
#[derive(Debug, Clone)]
struct Billed {
    account: u8,
    day: u8,
    work_group: Option<u8>,
    region: Option<u8>,
    cost: Decimal,
    terabytes: Option<Decimal>,
    is_monthly: bool,
}

const REGIONS: [&str; 2] = ["us-east-1", "eu-central-1"];

fn day(number: u8) -> jiff::civil::Date {
    jiff::civil::date(2026, 11, i8::try_from(number % 28).unwrap() + 1)
}

fn account(number: u8) -> Text {
    format!("{:012}", 100 + u32::from(number)).into()
}

/// Unknown, nothing, one table, or three of two producers and one that it may not have read.
fn reads_of(index: usize) -> Option<Vec<DataRead>> {
    let read = |producer: u8, table: &str, confidence: Confidence| {
        let owner = account(producer);
        let table = CatalogTable::new(&owner, Some("us-east-1"), "claims", table).unwrap();
        DataRead {
            subject: table.subject(),
            owner_account_id: Some(owner.into()),
            via: ReadEvidence::Glue,
            permissions: Vec::new(),
            confidence,
            query_execution_id: None,
            candidate_query_ids: Vec::new(),
            objects: None,
            bytes: None,
            prefixes: Vec::new(),
            event_ids: Vec::new(),
            event_count: 1,
            shared_by: Vec::new(),
        }
    };
    let sure = Confidence::Probable;
    match index % 4 {
        0 => None,
        1 => Some(Vec::new()),
        2 => Some(vec![read(7, "sales", sure)]),
        _ => Some(vec![
            read(7, "sales", sure),
            read(7, "rates", sure),
            read(8, "sales", Confidence::Proven),
            read(8, "other", Confidence::Ambiguous),
        ]),
    }
}

fn chains_of(asked: &[Asked], template: &Chain) -> Vec<Chain> {
    let pricing = Pricing::default();
    let chains = asked.iter().enumerate().map(|(index, asked)| {
        let mut chain = template.clone();
        chain.chain_id = format!("c-{index:012x}");
        chain.consumer_account_id = Some(account(asked.account).into());
        chain.path = if asked.is_quick {
            ChainPath::QuickRoleChain
        } else {
            ChainPath::Direct
        };
        chain.queries.truncate(1);
        let query = &mut chain.queries[0];
        query.query_execution_id = Some(QueryExecutionId::new(&format!("q-{index}")));
        query.started_at = UtcSecond::midnight(day(asked.day)).unwrap().plus(36_000);
        query.region = Some(REGIONS[usize::from(asked.region % 2)].into());
        query.work_group = Some(format!("wg-{}", asked.work_group).into());
        query.reads = reads_of(index);
        query.figures = asked.bytes.map(|bytes| {
            let region = query.region.clone().unwrap();
            Box::new(QueryFigures {
                state: QueryState::Succeeded,
                statement_type: Some(StatementType::Dml),
                substatement_type: None,
                bytes_scanned: Some(bytes),
                bytes_billed: Some(bytes),
                result_reused: Some(false),
                dpu_count: None,
                estimated_cost_usd: pricing.estimate_usd(bytes, &region, day(asked.day)),
            })
        });
        chain
    });
    chains.collect()
}

fn bill_of(lines: &[Billed]) -> Bill {
    let mut bill = Bill::default();
    for line in lines {
        let first = day(line.day);
        let period = if line.is_monthly {
            BillPeriod {
                from: first.first_of_month(),
                to: first.last_of_month().tomorrow().unwrap(),
            }
        } else {
            BillPeriod::day(first)
        };
        let key = LineKey {
            kind: BillKind::Cur,
            account_id: account(line.account).into(),
            period,
            billed_for: BilledFor::AthenaScan,
            category: ChargeCategory::Usage,
            region: line
                .region
                .map(|region| REGIONS[usize::from(region % 2)].into()),
            work_group: line.work_group.map(|group| format!("wg-{group}").into()),
            currency: "USD".into(),
        };
        let amounts = LineAmounts {
            cost: line.cost.into(),
            terabytes: line.terabytes.map(Into::into),
            lines: 1,
            is_estimated: line.day.is_multiple_of(3),
            sku: None,
        };
        bill.lines.insert(key, amounts);
    }
    bill
}

fn costs() -> impl Strategy<Value = Decimal> {
    prop_oneof![
        Just(Decimal::ZERO),
        Just(Decimal::new(1, 10)),
        Just(Decimal::new(-1, 10)),
        (1i64..1_000_000_000_000).prop_map(|units| Decimal::new(units, 10)),
        (-1_000_000_000_000i64..-1).prop_map(|units| Decimal::new(units, 10)),
        (0i64..1_000_000_000).prop_map(|units| Decimal::new(units, 0)),
        (1i64..i64::MAX).prop_map(|units| Decimal::new(units, 14)),
    ]
}

fn bytes() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![
        Just(None),
        Just(Some(0)),
        Just(Some(10_000_000)),
        (10u64..5_000_000).prop_map(|megabytes| Some(megabytes * 1_000_000)),
        Just(Some(99_999_999_999_000_000)),
    ]
}

prop_compose! {
    fn queries()(all in prop::collection::vec(
        (0u8..3, 0u8..4, 0u8..2, 0u8..2, any::<bool>(), bytes()), 0..40)) -> Vec<Asked> {
        all.into_iter().map(|(account, day, work_group, region, is_quick, bytes)| {
            Asked { account, day, work_group, region, is_quick, bytes }
        }).collect()
    }
}

prop_compose! {
    fn lines()(all in prop::collection::vec(
        (0u8..3, 0u8..4, prop::option::of(0u8..2), prop::option::of(0u8..2), costs(),
         prop::option::of((-5i64..1_000_000_000).prop_map(|units| Decimal::new(units, 6))),
         prop::bool::weighted(0.2)), 0..20)) -> Vec<Billed> {
        all.into_iter().map(|(account, day, work_group, region, cost, terabytes, is_monthly)| {
            Billed { account, day, work_group, region, cost, terabytes, is_monthly }
        }).collect()
    }
}

fn sum<'a>(costs: impl Iterator<Item = &'a Decimal>) -> Decimal {
    costs.copied().sum()
}

/// The cost of a line, as it is shown.
fn shown(amounts: &LineAmounts) -> Decimal {
    amounts.cost.rounded(AMOUNT_PLACES).unwrap()
}

/// Everything that must hold of a split, whatever the bill.
fn check(bill: &Bill, chains: &[Chain], attribution: &Attribution) -> Result<(), TestCaseError> {
    let billed: Decimal = bill.lines.values().map(shown).sum();
    // What was rounded away is told, to its last digit.
    let exact_sum: ExactAmount = bill.lines.values().map(|amounts| &amounts.cost).sum();
    let reasons = attribution
        .reconciliations
        .iter()
        .flat_map(|block| &block.reasons);
    let rounded = reasons.filter(|reason| reason.code == "amounts-rounded");
    let rounded: Decimal = rounded.filter_map(|reason| reason.amount).sum();
    prop_assert_eq!(exact_sum, ExactAmount::from(billed + rounded));
    let shares = attribution.charges.iter();
    let costs: Vec<Decimal> = shares.filter_map(|charge| charge.billed_cost).collect();
    prop_assert_eq!(sum(costs.iter()), billed);
    // The shares of single queries are what their charges add up to.
    let of_queries: Decimal = attribution
        .query_shares
        .iter()
        .flatten()
        .map(|share| share.cost)
        .sum();
    let rest: Decimal = attribution
        .charges
        .iter()
        .filter(|charge| charge.share == Share::Unallocated)
        .filter_map(|charge| charge.billed_cost)
        .sum();
    prop_assert_eq!(of_queries + rest, billed);
    let queries: u64 = attribution
        .charges
        .iter()
        .map(|charge| charge.figures.query_count)
        .sum();
    prop_assert_eq!(queries, chains.len() as u64);
    // Every grouping adds up to the same, and so does every account's own bill.
    let mut queries = BilledQueries::with_reads();
    queries.add(chains);
    for by in [
        &[Dimension::Consumer][..],
        &[Dimension::User, Dimension::Day],
        &[Dimension::Table],
        &[Dimension::Producer, Dimension::Day],
        Dimension::ALL,
    ] {
        let table = chargeback(attribution, &queries, by, &Topology::default()).unwrap();
        let estimates = |rows: &[ChargebackRow]| -> Decimal {
            let known = rows.iter().filter_map(|row| row.figures.estimated_cost_usd);
            known.sum()
        };
        let scanned = |rows: &[ChargebackRow]| -> u64 {
            rows.iter()
                .filter_map(|row| row.figures.bytes_scanned)
                .sum()
        };
        prop_assert_eq!(estimates(&table.rows), estimates(&table.totals));
        prop_assert_eq!(scanned(&table.rows), scanned(&table.totals));
        let totals = table.rows.iter().filter_map(|row| row.billed);
        let total: Decimal = totals.map(|billed| billed.total()).sum();
        prop_assert_eq!(total, billed);
        if by == [Dimension::Consumer] {
            for row in &table.rows {
                let own = bill.lines.iter();
                let own = own.filter(|(key, _)| {
                    *key.account_id == *row.group[0] && key.currency == row.currency
                });
                let own: Decimal = own.map(|(_, amounts)| shown(amounts)).sum();
                prop_assert_eq!(row.billed.unwrap_or_default().total(), own);
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_bill_is_split_to_its_last_digit(asked in queries(), lines in lines()) {
        let chains = chains_of(&asked, &some_chain_once());
        let bill = bill_of(&lines);
        let attribution = attribute(&chains, &bill, &Pricing::default()).unwrap();
        check(&bill, &chains, &attribution)?;
    }

    #[test]
    fn the_order_of_chains_only_settles_ties(asked in queries(), lines in lines()) {
        let chains = chains_of(&asked, &some_chain_once());
        let bill = bill_of(&lines);
        let mut turned = chains.clone();
        turned.reverse();
        let forward = attribute(&chains, &bill, &Pricing::default()).unwrap();
        let backward = attribute(&turned, &bill, &Pricing::default()).unwrap();
        prop_assert_eq!(forward.charges.len(), backward.charges.len());
        let unit = Decimal::new(i64::try_from(asked.len()).unwrap(), 10);
        for (left, right) in forward.charges.iter().zip(&backward.charges) {
            prop_assert_eq!(&left.figures, &right.figures);
            let gap = left.billed_cost.unwrap_or_default() - right.billed_cost.unwrap_or_default();
            prop_assert!(gap.abs() <= unit, "{gap}");
        }
    }
}

fn some_chain_once() -> Chain {
    static CHAIN: std::sync::OnceLock<Chain> = std::sync::OnceLock::new();
    CHAIN.get_or_init(some_chain).clone()
}

fn query(account: u8, bytes: u64, is_quick: bool) -> Asked {
    Asked {
        account,
        day: 0,
        work_group: 0,
        region: 0,
        is_quick,
        bytes: Some(bytes),
    }
}

fn line(cost: &str, terabytes: Option<&str>) -> Billed {
    Billed {
        account: 0,
        day: 0,
        work_group: None,
        region: Some(0),
        cost: decimal(cost),
        terabytes: terabytes.map(decimal),
        is_monthly: false,
    }
}

fn split(asked: &[Asked], lines: &[Billed]) -> BTreeMap<Share, String> {
    let chains = chains_of(asked, &some_chain_once());
    let attribution = attribute(&chains, &bill_of(lines), &Pricing::default()).unwrap();
    let mut shares: BTreeMap<Share, Decimal> = BTreeMap::new();
    for charge in &attribution.charges {
        if let Some(cost) = charge.billed_cost {
            *shares.entry(charge.share).or_default() += cost;
        }
    }
    let shares = shares.into_iter();
    shares
        .map(|(share, cost)| (share, exact(cost.normalize())))
        .collect()
}

#[test]
fn usage_is_the_denominator_and_the_rest_stays_unallocated() {
    let asked = [
        query(0, 200_000_000_000, true),
        query(0, 100_000_000_000, false),
    ];
    // 0.5 TB for 2.50: 0.2 TB is Quick's, 0.1 TB another's, 0.2 TB nobody's.
    let shares = split(&asked, &[line("2.50", Some("0.5"))]);
    assert_eq!(shares[&Share::Quick], "1");
    assert_eq!(shares[&Share::Other], "0.5");
    assert_eq!(shares[&Share::Unallocated], "1");
    // A bill with less than the queries scanned is split among them whole.
    let shares = split(&asked, &[line("0.30", Some("0.1"))]);
    assert_eq!(shares[&Share::Quick], "0.2");
    assert_eq!(shares[&Share::Other], "0.1");
    assert_eq!(shares.get(&Share::Unallocated), None);
    // A credit is shared like a cost.
    let shares = split(&asked, &[line("-2.50", Some("0.5"))]);
    assert_eq!(shares[&Share::Quick], "-1");
}

#[test]
fn without_usage_the_list_price_tells_and_no_more_than_it_says() {
    let asked = [query(0, 200_000_000_000, true)];
    // 0.2 TB is 1.00 at list price; of 1.60, the rest is nobody's.
    let shares = split(&asked, &[line("1.60", None)]);
    assert_eq!(shares[&Share::Quick], "1");
    assert_eq!(shares[&Share::Unallocated], "0.6");
    // Nothing can be said of a correction without usage.
    let shares = split(&asked, &[line("-1.60", None)]);
    assert_eq!(shares[&Share::Quick], "0");
    assert_eq!(shares[&Share::Unallocated], "-1.6");
}

#[test]
fn a_query_belongs_to_the_nearest_line() {
    let mut asked = [
        query(0, 100_000_000_000, true),
        query(0, 100_000_000_000, true),
    ];
    asked[1].work_group = 1;
    let of_group = Billed {
        work_group: Some(1),
        ..line("7", Some("0.1"))
    };
    let month = Billed {
        is_monthly: true,
        region: None,
        ..line("9", Some("1"))
    };
    let chains = chains_of(&asked, &some_chain_once());
    let bill = bill_of(&[line("3", Some("0.1")), of_group, month]);
    let attribution = attribute(&chains, &bill, &Pricing::default()).unwrap();
    let costs: Vec<String> = attribution
        .query_shares
        .iter()
        .flatten()
        .map(|share| exact(share.cost.normalize()))
        .collect();
    assert_eq!(costs, ["3", "7"]);
    // The month has no query left and stays whole.
    let rest = attribution
        .charges
        .iter()
        .find(|charge| !charge.period.is_one_day());
    assert_eq!(
        rest.unwrap().billed_cost.map(|cost| cost.normalize()),
        Some(decimal("9"))
    );
}

#[test]
fn amounts_that_no_exact_decimal_holds_are_refused() {
    let lines = [
        line("79228162514264337593543950335", Some("1")),
        Billed {
            day: 1,
            ..line("0.0000000001", Some("1"))
        },
    ];
    let error = attribute(&[], &bill_of(&lines), &Pricing::default()).unwrap_err();
    assert!(error.to_string().contains("columns of cost"), "{error}");
}

// ---- forms of bills ----

fn read(
    metric: CostMetric,
    extra: &[ChargeCategory],
    files: &[(&str, Vec<u8>)],
) -> Result<Bill, String> {
    let window = TimeWindow {
        from: Some(at("2026-11-01T00:00:00Z")),
        to: Some(at("2026-12-01T00:00:00Z")),
    };
    let extra: BTreeSet<ChargeCategory> = extra.iter().copied().collect();
    let mut reader = BillReader::new(metric, window, extra);
    for (name, bytes) in files {
        let read = reader.read(name, bytes);
        read.map_err(|error| error.to_string())?;
    }
    Ok(reader.finish())
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

const CUR_HEADER: &str = "identity/LineItemId,identity/TimeInterval,bill/InvoiceId,lineItem/UsageAccountId,\
    lineItem/LineItemType,lineItem/UsageStartDate,lineItem/UsageEndDate,lineItem/ProductCode,lineItem/UsageType,\
    lineItem/ResourceId,lineItem/UsageAmount,lineItem/CurrencyCode,lineItem/UnblendedCost,lineItem/BlendedCost";

/// Id, line type, hour, product, usage type, whether of the work group, amount, cost.
const CUR_LINES: &str = "\
    a Usage 10 AmazonAthena USE1-DataScannedInTB yes 0.2 1.0000000000\n\
    b Usage 11 AmazonAthena USE1-DataScannedInTB yes 0.1 0.5000000000\n\
    c EdpDiscount 11 AmazonAthena USE1-DataScannedInTB yes 0.1 -0.0500000000\n\
    d Tax 00 AmazonAthena - no 1 0.3300000000\n\
    e Credit 00 AmazonAthena USE1-DataScannedInTB yes 1 -0.1000000000\n\
    f Usage 00 AmazonS3 USE1-Requests-Tier2 no 1000 0.0004000000\n\
    g Usage 00 AmazonAthena USE1-DPU-Hour no 24 7.2000000000";

fn cur_line(line: &str) -> String {
    let mut words = line
        .split_whitespace()
        .map(|word| if word == "-" { "" } else { word });
    let mut next = || words.next().unwrap();
    let (id, kind, hour, product, usage) = (next(), next(), next(), next(), next());
    let resource = match next() {
        "yes" => "arn:aws:athena:us-east-1:444455556666:workgroup/quick-retail",
        _ => "",
    };
    let (amount, cost) = (next(), next());
    let (from, to) = (
        format!("2026-11-02T{hour}:00:00Z"),
        format!("2026-11-02T{hour}:59:00Z"),
    );
    format!(
        "{id},{from}/{to},,444455556666,{kind},{from},{to},{product},{usage},{resource},{amount},\
         USD,{cost},{cost}"
    )
}

fn cur() -> String {
    let lines: Vec<String> = CUR_LINES.lines().map(cur_line).collect();
    format!("{CUR_HEADER}\n{}\n", lines.join("\n"))
}

/// The scanned-data line of a bill, as text.
fn scan(bill: &Bill) -> Vec<String> {
    let lines = bill.lines.iter();
    lines
        .filter(|(key, _)| key.billed_for.is_shared_by_queries())
        .map(|(key, amounts)| {
            format!(
                "{} {} {} {} {} {}",
                key.account_id,
                key.period,
                key.region.as_deref().unwrap_or("-"),
                key.work_group.as_deref().unwrap_or("-"),
                amounts.cost,
                amounts
                    .terabytes
                    .as_ref()
                    .map_or("-".to_owned(), ToString::to_string)
            )
        })
        .collect()
}

#[test]
fn a_report_is_read_by_work_group_in_every_form() {
    let wanted = ["444455556666 2026-11-02 us-east-1 quick-retail 1.45 0.3"];
    let modern = cur().replacen(CUR_HEADER, &modern_header(), 1);
    for (name, bytes) in [
        ("legacy.csv", cur().into_bytes()),
        ("legacy.csv.gz", gz(cur().as_bytes())),
        ("modern.csv", modern.clone().into_bytes()),
        (
            "modern.parquet",
            as_parquet(
                &modern,
                &["line_item_unblended_cost", "line_item_usage_amount"],
            ),
        ),
        ("text.parquet", as_parquet(&modern, &[])),
    ] {
        let bill = read(CostMetric::Unblended, &[], &[(name, bytes)]).unwrap();
        assert_eq!(scan(&bill), wanted, "{name}");
        let left_out: Vec<_> = bill.coverage.uncounted.categories.keys().copied().collect();
        assert_eq!(
            left_out,
            [ChargeCategory::Tax, ChargeCategory::Credit],
            "{name}"
        );
        let others: BTreeSet<&str> = bill.lines.keys().map(|key| key.billed_for.name()).collect();
        assert!(others.contains("Amazon S3"), "{name}");
        assert!(
            others.contains("Amazon Athena (capacity and other)"),
            "{name}"
        );
        // Without an invoice the month is not closed.
        assert!(
            bill.lines.values().all(|amounts| amounts.is_estimated),
            "{name}"
        );
    }
}

fn modern_header() -> String {
    "identity_line_item_id,identity_time_interval,bill_invoice_id,line_item_usage_account_id,line_item_line_item_type,\
     line_item_usage_start_date,line_item_usage_end_date,line_item_product_code,line_item_usage_type,\
     line_item_resource_id,line_item_usage_amount,line_item_currency_code,line_item_unblended_cost,\
     line_item_blended_cost"
        .to_owned()
}

/// CSV as Parquet, the named columns as binary numbers.
fn as_parquet(csv: &str, numbers: &[&str]) -> Vec<u8> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let names: Vec<String> = reader
        .headers()
        .unwrap()
        .iter()
        .map(str::to_owned)
        .collect();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let mut table = Table::new("bill");
    for (index, name) in names.iter().enumerate() {
        let cells = rows
            .iter()
            .map(|row| Some(&row[index]).filter(|cell| !cell.is_empty()));
        let values = if numbers.contains(&name.as_str()) {
            Values::Float(
                cells
                    .map(|cell| cell.map(|cell| cell.parse().unwrap()))
                    .collect(),
            )
        } else {
            Values::Text(cells.map(|cell| cell.map(Text::from)).collect())
        };
        table = table.with(name, values);
    }
    let mut bytes = Vec::new();
    write_parquet(&table, Codec::Snappy, &mut bytes).unwrap();
    bytes
}

#[test]
fn taxes_and_credits_come_in_their_own_lines_when_asked_for() {
    let files = [("cur.csv", cur().into_bytes())];
    let bill = read(CostMetric::Unblended, &ChargeCategory::EXTRA, &files).unwrap();
    let of = |category: ChargeCategory| -> Decimal {
        let lines = bill
            .lines
            .iter()
            .filter(|(key, _)| key.category == category);
        lines.map(|(_, amounts)| shown(amounts)).sum()
    };
    assert_eq!(of(ChargeCategory::Tax), decimal("0.33"));
    assert_eq!(of(ChargeCategory::Credit), decimal("-0.1"));
    assert!(bill.coverage.uncounted.categories.is_empty());
    // They are never shared among queries.
    let attribution = attribute(&[], &bill, &Pricing::default()).unwrap();
    let other_services: BTreeSet<ChargeCategory> = attribution
        .other_services
        .iter()
        .map(|line| line.category)
        .collect();
    assert!(
        other_services.contains(&ChargeCategory::Tax)
            && other_services.contains(&ChargeCategory::Credit)
    );
    let rest: Decimal = attribution
        .charges
        .iter()
        .filter_map(|charge| charge.billed_cost)
        .sum();
    assert_eq!(rest, decimal("1.45"));
}

#[test]
fn the_same_file_counts_once_and_the_same_line_in_two_files_twice() {
    let other_file = format!("{}\n", cur());
    let files = [
        ("a.csv", cur().into_bytes()),
        ("b.csv", other_file.into_bytes()),
        ("a-again.csv", cur().into_bytes()),
        ("a-again.csv.gz", gz(cur().as_bytes())),
    ];
    let bill = read(CostMetric::Unblended, &[], &files).unwrap();
    assert_eq!(
        scan(&bill),
        ["444455556666 2026-11-02 us-east-1 quick-retail 2.9 0.6"]
    );
    assert_eq!(bill.coverage.uncounted.repeated, 2);
}

const FOCUS: &str = "BilledCost,EffectiveCost,BillingCurrency,ChargeCategory,ChargePeriodStart,ChargePeriodEnd,\
    ServiceName,SubAccountId,SubAccountName,RegionId,ResourceId,ConsumedQuantity,ConsumedUnit,x_UsageType\n\
    1.45,1.40,USD,Usage,2026-11-02T00:00:00Z,2026-11-03T00:00:00Z,Amazon Athena,444455556666,retail,us-east-1,\
    arn:aws:athena:us-east-1:444455556666:workgroup/quick-retail,0.3,Terabytes,USE1-DataScannedInTB\n\
    0.5,0.5,USD,Tax,2026-11-02T00:00:00Z,2026-11-03T00:00:00Z,Amazon Athena,444455556666,retail,,,,,\n\
    2.5,2.5,EUR,Usage,2026-11-02T00:00:00Z,2026-11-03T00:00:00Z,Amazon Athena,555566667777,,eu-central-1,,0.5,TB,\n";

#[test]
fn focus_is_read_in_every_form_and_currencies_stay_apart() {
    let wanted = [
        "444455556666 2026-11-02 us-east-1 quick-retail 1.45 0.3",
        "555566667777 2026-11-02 eu-central-1 - 2.5 0.5",
    ];
    for (name, bytes) in [
        ("focus.csv", FOCUS.as_bytes().to_vec()),
        ("focus.csv.gz", gz(FOCUS.as_bytes())),
        (
            "focus.parquet",
            as_parquet(FOCUS, &["BilledCost", "EffectiveCost", "ConsumedQuantity"]),
        ),
    ] {
        let bill = read(CostMetric::Unblended, &[], &[(name, bytes)]).unwrap();
        assert_eq!(scan(&bill), wanted, "{name}");
        let attribution = attribute(&[], &bill, &Pricing::default()).unwrap();
        let table = chargeback(
            &attribution,
            &BilledQueries::default(),
            &[Dimension::BusinessUnit],
            &Topology::default(),
        )
        .unwrap();
        let currencies: Vec<&str> = table.totals.iter().map(|row| &*row.currency).collect();
        assert_eq!(currencies, ["EUR", "USD"], "{name}");
    }
    let amortized = read(CostMetric::Amortized, &[], &[("f.csv", FOCUS.into())]).unwrap();
    assert!(scan(&amortized)[0].contains(" 1.4 "));
    let blended = read(CostMetric::Blended, &[], &[("f.csv", FOCUS.into())]).unwrap_err();
    assert!(blended.contains("a cost of this metric"), "{blended}");
}

#[test]
fn the_bill_that_says_more_counts_where_two_cover_a_day() {
    let answer = |key: &str, groups: &str| {
        format!(
            r#"{{"GroupDefinitions":[{{"Type":"DIMENSION","Key":"LINKED_ACCOUNT"}},{{"Type":"DIMENSION","Key":"{key}"}}],
               "ResultsByTime":[{{"TimePeriod":{{"Start":"2026-11-02","End":"2026-11-03"}},"Groups":[{groups}],"Estimated":false}}]}}"#
        )
    };
    let group = |other: &str, cost: &str| {
        format!(
            r#"{{"Keys":["444455556666","{other}"],"Metrics":{{"UnblendedCost":{{"Amount":"{cost}","Unit":"USD"}},"UsageQuantity":{{"Amount":"0.3","Unit":"N/A"}}}}}}"#
        )
    };
    let by_type = answer("USAGE_TYPE", &group("USE1-DataScannedInTB", "1.45"));
    let services = format!(
        "{},{}",
        group("Amazon Athena", "8.65"),
        group("AWS Glue", "0.2")
    );
    let by_service = answer("SERVICE", &services);
    let files = [
        ("t.json", by_type.into_bytes()),
        ("s.json", by_service.into_bytes()),
    ];
    let bill = read(CostMetric::Unblended, &[], &files).unwrap();
    assert_eq!(
        scan(&bill),
        ["444455556666 2026-11-02 us-east-1 - 1.45 0.3"]
    );
    assert_eq!(bill.coverage.uncounted.covered_elsewhere, 1);
    let services: Vec<&str> = bill.lines.keys().map(|key| key.billed_for.name()).collect();
    assert!(services.contains(&"AWS Glue"));
    // What all of Athena cost beyond scanned data is capacity and the like.
    let other = bill
        .lines
        .iter()
        .find(|(key, _)| key.billed_for == BilledFor::AthenaOther);
    assert_eq!(shown(other.unwrap().1), decimal("7.20"));
    // With the report too, the report counts.
    let [by_type, by_service] = files;
    let files = [by_service, ("cur.csv", cur().into_bytes()), by_type];
    let bill = read(CostMetric::Unblended, &[], &files).unwrap();
    assert_eq!(
        scan(&bill),
        ["444455556666 2026-11-02 us-east-1 quick-retail 1.45 0.3"]
    );
}

#[test]
fn damaged_bills_are_errors_or_rejects_and_never_panics() {
    let whole = as_parquet(FOCUS, &["BilledCost"]);
    for cut in (0..whole.len()).step_by(7) {
        let _ = read(
            CostMetric::Unblended,
            &[],
            &[("cut.parquet", whole[..cut].to_vec())],
        );
        let mut turned = whole.clone();
        turned[cut] ^= 0x55;
        let _ = read(CostMetric::Unblended, &[], &[("turned.parquet", turned)]);
    }
    let text = cur();
    for (from, to) in [
        ("1.0000000000", "one"),
        ("2026-11-02T10:00:00Z,2026", "then,2026"),
        ("0.2,USD", "much,USD"),
    ] {
        let damaged = text.replacen(from, to, 1).into_bytes();
        let bill = read(CostMetric::Unblended, &[], &[("d.csv", damaged)]).unwrap();
        assert_eq!(bill.coverage.rejects.total(), 1, "{to}");
        assert_eq!(bill.lines.len(), 3, "{to}");
    }
}

// ---- overlaps: the same money told more than once ----

/// A Cost Explorer answer of one period with one group.
fn answer(key: &str, period: (&str, &str), groups: &[(&str, &str, &str)]) -> Vec<u8> {
    let groups: Vec<String> = groups
        .iter()
        .map(|(other, cost, quantity)| {
            format!(
                r#"{{"Keys":["444455556666","{other}"],"Metrics":{{"UnblendedCost":{{"Amount":"{cost}","Unit":"USD"}},"UsageQuantity":{{"Amount":"{quantity}","Unit":"N/A"}}}}}}"#
            )
        })
        .collect();
    format!(
        r#"{{"GroupDefinitions":[{{"Type":"DIMENSION","Key":"LINKED_ACCOUNT"}},{{"Type":"DIMENSION","Key":"{key}"}}],
           "ResultsByTime":[{{"TimePeriod":{{"Start":"{}","End":"{}"}},"Groups":[{}],"Estimated":true}}]}}"#,
        period.0,
        period.1,
        groups.join(",")
    )
    .into_bytes()
}

const SCAN: &str = "USE1-DataScannedInTB";
const DAY: (&str, &str) = ("2026-11-02", "2026-11-03");
const MONTH: (&str, &str) = ("2026-11-01", "2026-12-01");

/// The cost of what queries share, and of the rest, of some answers.
fn sums(files: &[Vec<u8>]) -> (String, String) {
    let files: Vec<(&str, Vec<u8>)> = files.iter().map(|file| ("c.json", file.clone())).collect();
    let bill = read(CostMetric::Unblended, &[], &files).unwrap();
    let (shared, other_services): (Vec<_>, Vec<_>) = bill
        .lines
        .iter()
        .partition(|(key, _)| key.billed_for.is_shared_by_queries());
    let sum = |lines: Vec<(&LineKey, &LineAmounts)>| -> String {
        let sum: Decimal = lines.iter().map(|(_, amounts)| shown(amounts)).sum();
        exact(sum.normalize())
    };
    (sum(shared), sum(other_services))
}

#[test]
fn an_hour_a_day_and_a_month_are_the_same_money() {
    let usage = |period, cost, quantity| answer("USAGE_TYPE", period, &[(SCAN, cost, quantity)]);
    let hour = usage(
        ("2026-11-02T05:00:00Z", "2026-11-02T06:00:00Z"),
        "0.4",
        "0.08",
    );
    let next = usage(
        ("2026-11-02T06:00:00Z", "2026-11-02T07:00:00Z"),
        "0.6",
        "0.12",
    );
    let day = usage(DAY, "2.4", "0.48");
    let month = usage(MONTH, "100", "20");
    let so_far = usage(("2026-11-01", "2026-11-14"), "30", "6");
    let later = usage(("2026-11-01", "2026-11-15"), "33", "6.6");
    for (files, wanted) in [
        (vec![hour.clone(), next.clone()], "1"),
        (vec![hour, next, day.clone()], "2.4"),
        (vec![so_far.clone(), later.clone()], "33"),
        (vec![later, so_far, month.clone()], "100"),
        // What the month has beyond the day stays.
        (vec![month.clone(), day.clone()], "100"),
    ] {
        let turned: Vec<Vec<u8>> = files.iter().rev().cloned().collect();
        assert_eq!(sums(&files).0, wanted);
        assert_eq!(sums(&turned).0, wanted);
    }
    let bill = read(
        CostMetric::Unblended,
        &[],
        &[("m.json", month), ("d.json", day)],
    )
    .unwrap();
    assert_eq!(
        scan(&bill),
        [
            "444455556666 2026-11-01/2026-12-01 us-east-1 - 97.6 19.52",
            "444455556666 2026-11-02 us-east-1 - 2.4 0.48"
        ]
    );
}

#[test]
fn capacity_is_told_apart_from_scans_and_told_once() {
    let service = |period, cost| answer("SERVICE", period, &[("Amazon Athena", cost, "0")]);
    let capacity = ("USE1-CapacityReservation-DPU-Hour", "14.4", "48");
    let used = answer("USAGE_TYPE", DAY, &[(SCAN, "10", "2"), capacity]);
    assert_eq!(
        sums(&[service(DAY, "24.4"), used]),
        ("10".into(), "14.4".into())
    );
    // A day of nothing but capacity has nothing for queries to share.
    let only = answer("USAGE_TYPE", DAY, &[capacity]);
    assert_eq!(
        sums(&[service(DAY, "14.4"), only]),
        ("0".into(), "14.4".into())
    );
    // Days by service against a month by usage type.
    let month = answer("USAGE_TYPE", MONTH, &[(SCAN, "40", "8")]);
    let days = [
        service(DAY, "30"),
        service(("2026-11-03", "2026-11-04"), "40"),
        month,
    ];
    assert_eq!(sums(&days), ("40".into(), "30".into()));
}

#[test]
fn lines_of_a_report_add_up_whatever_their_periods() {
    let month = "z,2026-11/2026-12,,444455556666,Fee,2026-11-01T00:00:00Z,2026-12-01T00:00:00Z,AmazonQuickSight,Users,,1,USD,24,24\n\
        y,2026-11/2026-12,,444455556666,Tax,2026-11-01T00:00:00Z,2026-12-01T00:00:00Z,AmazonAthena,,,1,USD,0.55,0.55\n";
    let files = [("cur.csv", format!("{}{month}", cur()).into_bytes())];
    let bill = read(CostMetric::Unblended, &ChargeCategory::EXTRA, &files).unwrap();
    assert_eq!(bill.coverage.uncounted.covered_elsewhere, 0);
    let taxes = bill
        .lines
        .iter()
        .filter(|(key, _)| key.category == ChargeCategory::Tax);
    let taxes: Decimal = taxes.map(|(_, amounts)| shown(amounts)).sum();
    assert_eq!(taxes, decimal("0.88"));
}

#[test]
fn the_same_data_in_another_form_counts_once() {
    let modern = cur().replacen(CUR_HEADER, &modern_header(), 1);
    let mut other_ids = modern.clone();
    for id in "abcdefg".chars() {
        other_ids = other_ids.replace(&format!("\n{id},"), &format!("\nnew-{id},"));
    }
    for again in [
        gz(modern.as_bytes()),
        as_parquet(&modern, &[]),
        as_parquet(&other_ids, &["line_item_unblended_cost"]),
    ] {
        let files = [("a.csv", modern.clone().into_bytes()), ("b", again)];
        let bill = read(CostMetric::Unblended, &[], &files).unwrap();
        assert_eq!(
            scan(&bill),
            ["444455556666 2026-11-02 us-east-1 quick-retail 1.45 0.3"]
        );
    }
}

#[test]
fn shifted_rows_and_odd_quotes_are_rejected() {
    let shifted = cur().replacen("AmazonS3", "Amazon,S3", 1);
    let bill = read(
        CostMetric::Unblended,
        &[],
        &[("s.csv", shifted.into_bytes())],
    )
    .unwrap();
    assert_eq!(bill.coverage.rejects.total(), 1);
    let quoted = cur().replacen("AmazonS3", "\"AmazonS3", 1);
    let bill = read(
        CostMetric::Unblended,
        &[],
        &[("q.csv", quoted.into_bytes())],
    )
    .unwrap();
    assert!(bill.coverage.rejects.total() >= 1);
}

#[test]
fn quantities_have_units_and_unknown_regions_are_regions() {
    let in_gigabytes = FOCUS
        .replace("0.3,Terabytes", "300,GB")
        .replace("0.5,TB", "500,widgets");
    let bill = read(
        CostMetric::Unblended,
        &[],
        &[("f.csv", in_gigabytes.into_bytes())],
    )
    .unwrap();
    assert_eq!(
        scan(&bill)[0],
        "444455556666 2026-11-02 us-east-1 quick-retail 1.45 0.3"
    );
    assert_eq!(
        scan(&bill)[1],
        "555566667777 2026-11-02 eu-central-1 - 2.5 -"
    );
    let capacity = FOCUS.replace("0.5,TB", "0.5,DPU-Hour");
    let files = [("f.csv", capacity.into_bytes())];
    let bill = read(CostMetric::Unblended, &[], &files).unwrap();
    assert_eq!(scan(&bill).len(), 1);
    let unknown = answer("USAGE_TYPE", DAY, &[("XYZ9-DataScannedInTB", "10", "2")]);
    let bill = read(CostMetric::Unblended, &[], &[("u.json", unknown)]).unwrap();
    assert_eq!(scan(&bill), ["444455556666 2026-11-02 XYZ9 - 10 2"]);
    let huge = answer("USAGE_TYPE", DAY, &[(SCAN, "10", "5e27")]);
    let bill = read(CostMetric::Unblended, &[], &[("h.json", huge)]).unwrap();
    assert_eq!(scan(&bill), ["444455556666 2026-11-02 us-east-1 - 10 -"]);
}

#[test]
fn a_discount_without_a_work_group_lowers_those_of_its_account() {
    let asked = [query(0, 200_000_000_000, true)];
    let used = Billed {
        work_group: Some(0),
        ..line("2.50", Some("0.5"))
    };
    let shares = split(&asked, &[used, line("-0.50", None)]);
    assert_eq!(shares[&Share::Quick], "0.8");
    assert_eq!(shares[&Share::Unallocated], "1.2");
    let monthly = Billed {
        is_monthly: true,
        region: None,
        ..line("-0.50", None)
    };
    let shares = split(&asked, &[line("2.50", Some("0.5")), monthly]);
    assert_eq!(shares[&Share::Quick], "0.8");
    assert_eq!(shares[&Share::Unallocated], "1.2");
}

// ---- hostile bytes ----

prop_compose! {
    /// A text with a few bytes changed, cut out or repeated.
    fn damaged(texts: Vec<Vec<u8>>)(
        which in 0..texts.len(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 1..6),
        texts in Just(texts),
    ) -> Vec<u8> {
        let mut text = texts[which].clone();
        for (at, byte, edit) in edits {
            let at = at.index(text.len());
            match edit {
                0 => text[at] = byte,
                1 => text.truncate(at.max(1)),
                _ => {
                    let again = text[at..].to_vec();
                    text.extend(again.into_iter().take(usize::from(byte)));
                }
            }
        }
        text
    }
}

fn exports() -> Vec<Vec<u8>> {
    let used = answer(
        "USAGE_TYPE",
        DAY,
        &[(SCAN, "10", "2"), ("NoUsageType", "1", "0")],
    );
    vec![
        cur().into_bytes(),
        gz(cur().as_bytes()),
        FOCUS.as_bytes().to_vec(),
        as_parquet(FOCUS, &["BilledCost"]),
        used,
        br#"{"QueryExecutions":[{"QueryExecutionId":"q","StatementType":"DML","Status":{"State":"SUCCEEDED"},
            "Statistics":{"DataScannedInBytes":7,"DpuCount":4.5}}]}"#
            .to_vec(),
        b"account_id,business_unit,cost_center\n444455556666,Retail,CC\n".to_vec(),
        br#"{"Accounts":[{"Id":"444455556666","Name":"retail","Tags":[{"Key":"BusinessUnit","Value":"R"}]}]}"#.to_vec(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn no_damage_makes_any_reader_of_exports_panic(text in damaged(exports())) {
        if let Ok(bill) = read(CostMetric::Unblended, &ChargeCategory::EXTRA, &[("x", text.clone())]) {
            let attribution = attribute(&[], &bill, &Pricing::default());
            if let Ok(attribution) = attribution {
                check(&bill_of_athena(bill), &[], &attribution)?;
            }
        }
        let mut statistics = Statistics::default();
        read_executions("x", &text, |_| None, &mut statistics);
        let mut units = UnitsReader::new(None, None);
        let _ = units.read("444455556666.json", &text);
        let _ = units.finish();
    }
}

/// The lines that queries share.
fn bill_of_athena(mut bill: Bill) -> Bill {
    bill.lines.retain(|key, _| {
        key.category == ChargeCategory::Usage && key.billed_for.is_shared_by_queries()
    });
    bill
}

// ---- overlaps of several kinds ----

/// Daily answers by usage type, from a first day to before another.
fn daily(days: std::ops::Range<u8>, cost: &str) -> Vec<Vec<u8>> {
    let one = |day: u8| {
        let (from, to) = (
            format!("2026-11-{day:02}"),
            format!("2026-11-{:02}", day + 1),
        );
        answer("USAGE_TYPE", (&from, &to), &[(SCAN, cost, "1")])
    };
    days.map(one).collect()
}

/// A report of scans by days, with other lines as they are.
fn report(days: std::ops::Range<u8>, cost: &str, other: &str) -> Vec<u8> {
    let line = |day: u8| {
        let (from, to) = (
            format!("2026-11-{day:02}T00:00:00Z"),
            format!("2026-11-{:02}T00:00:00Z", day + 1),
        );
        format!(
            "id-{day},{from}/{to},,444455556666,Usage,{from},{to},AmazonAthena,{SCAN},,0.4,USD,{cost},{cost}\n"
        )
    };
    let lines: String = days.map(line).collect();
    format!("{CUR_HEADER}\n{lines}{other}").into_bytes()
}

#[test]
fn a_month_as_it_stood_early_does_not_swallow_its_later_days() {
    let mut files = daily(1..29, "5");
    files.push(answer("USAGE_TYPE", MONTH, &[(SCAN, "20", "4")]));
    assert_eq!(sums(&files).0, "140");
}

#[test]
fn monthly_lines_of_a_report_do_not_hide_days_it_does_not_have() {
    let discount = "d,2026-11,,444455556666,EdpDiscount,2026-11-01T00:00:00Z,2026-12-01T00:00:00Z,AmazonAthena,USE1-DataScannedInTB,,1,USD,-1,-1\n";
    let mut files = daily(1..30, "2");
    files.push(report(1..16, "2", discount));
    // 15 days of the report less its discount, and 14 days of Cost Explorer.
    assert_eq!(sums(&files).0, "57");
}

#[test]
fn capacity_is_what_days_and_months_leave() {
    let service = |cost: &str| {
        let one = |day: u8| {
            let (from, to) = (
                format!("2026-11-{day:02}"),
                format!("2026-11-{:02}", day + 1),
            );
            answer("SERVICE", (&from, &to), &[("Amazon Athena", cost, "0")])
        };
        (1..30).map(one).collect::<Vec<_>>()
    };
    // A month by usage type, five of its days again, and all days by service.
    let mut files = service("10");
    files.extend(daily(1..6, "10"));
    files.push(answer("USAGE_TYPE", MONTH, &[(SCAN, "290", "58")]));
    assert_eq!(sums(&files), ("290".into(), "0".into()));
    // A report of half the month next to answers by service and usage type.
    let month = answer("SERVICE", MONTH, &[("Amazon Athena", "90", "0")]);
    let scans = answer("USAGE_TYPE", MONTH, &[(SCAN, "60", "12")]);
    let half = report(1..16, "2", "");
    assert_eq!(sums(&[month, scans, half]), ("60".into(), "30".into()));
}

#[test]
fn parts_of_a_report_add_up_even_where_they_cost_the_same() {
    let part = |id: &str, hour: &str| {
        let at = format!("2026-11-02T{hour}:00:00Z");
        format!(
            "{CUR_HEADER}\n{id},{at},,444455556666,Usage,{at},2026-11-02T23:00:00Z,AmazonAthena,{SCAN},,1,USD,5,5\n"
        )
        .into_bytes()
    };
    assert_eq!(sums(&[part("id1", "00"), part("id2", "01")]).0, "10");
}

#[test]
fn pages_that_are_missing_of_one_question_are_told_whatever_the_others_have() {
    let whole = answer("USAGE_TYPE", DAY, &[(SCAN, "1", "0.2")]);
    let page = String::from_utf8(answer("SERVICE", DAY, &[("AWS Glue", "1", "0")])).unwrap();
    let page = page
        .replacen('{', r#"{"NextPageToken":"more","#, 1)
        .into_bytes();
    let bill = read(
        CostMetric::Unblended,
        &[],
        &[("w.json", whole), ("p.json", page)],
    )
    .unwrap();
    assert!(bill.coverage.pages_missing);
}
