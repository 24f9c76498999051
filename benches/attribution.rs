//! One million queries of a thousand consumers over 31 days: statistics joined,
//! the bill split, and grouped by business unit.
//!
//! ```text
//! cargo bench --bench attribution
//! ```

#![expect(
    clippy::float_arithmetic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints figures, and stops at the first thing that is wrong"
)]

mod measure;

use measure::peak_megabytes;
use qs_audit::attribute::{BilledQueries, Pricing, attribute, chargeback, join_statistics};
use qs_audit::demo::{self, DemoPlan};
use qs_audit::model::bill::{
    Bill, BillKind, BillPeriod, BilledFor, ChargeCategory, LineAmounts, LineKey,
};
use qs_audit::model::chain::{Chain, ChainPath, QuickUser};
use qs_audit::model::charge::Dimension;
use qs_audit::model::exact::ExactAmount;
use qs_audit::model::execution::{QueryState, QueryStatistics, StatementType, Statistics};
use qs_audit::model::ids::{AccountId, Region};
use qs_audit::model::text::{OpaqueId, Text};
use qs_audit::model::time::UtcSecond;
use qs_audit::model::topology::{BusinessUnit, Topology};
use qs_audit::model::window::TimeWindow;
use rust_decimal::Decimal;
use std::time::Instant;

const CONSUMERS: u32 = 1000;
const DAYS: u32 = 31;
const CHAINS: u32 = 100_000;
const QUERIES_PER_CHAIN: u32 = 10;
/// 1 October 2026.
const START: i64 = 1_790_812_800;

fn text(prefix: &str, number: u32) -> Text {
    format!("{prefix}{number}").into()
}

fn account(number: u32) -> AccountId {
    format!("{:012}", 100_000 + number).into()
}

fn id<I: From<OpaqueId>>(number: u32) -> I {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&number.wrapping_mul(2_654_435_761).to_be_bytes());
    bytes[4..8].copy_from_slice(&number.to_be_bytes());
    I::from(OpaqueId::Uuid(bytes))
}

/// A chain of the demo, as it is.
fn template() -> Chain {
    let plan = DemoPlan {
        days: 1,
        consumers: 1,
        chains_per_day: 1,
        noise_per_day: 0,
        oddities: false,
        ..DemoPlan::demo(1)
    };
    let organization = demo::generate(&plan);
    let folder = tempfile::tempdir().unwrap();
    demo::write_to(folder.path(), &organization.logs).unwrap();
    let paths = [folder.path().to_path_buf()];
    let logs =
        qs_audit::local::LocalLogs::open(&paths, &TimeWindow::ALL, &mut std::io::empty(), false);
    let plan = qs_audit::pipeline::Plan::default();
    let watcher = qs_audit::pipeline::Unwatched;
    let audit = qs_audit::pipeline::run(&plan, &logs.unwrap(), &watcher).unwrap();
    let mut chains = audit.chains.into_iter();
    chains.find(|chain| !chain.queries.is_empty()).unwrap()
}

fn chains() -> Vec<Chain> {
    let template = template();
    let regions: [Region; 3] = [
        "us-east-1".into(),
        "eu-central-1".into(),
        "eu-west-1".into(),
    ];
    let groups: Vec<Text> = (0..4).map(|number| text("group-", number)).collect();
    let sources: Vec<Text> = (0..5000)
        .map(|number| text("arn:aws:quicksight:::datasource/", number))
        .collect();
    let users: Vec<Text> = (0..2000)
        .map(|number| text("default/user-", number))
        .collect();
    let accounts: Vec<AccountId> = (0..CONSUMERS).map(account).collect();
    let mut random = fastrand::Rng::with_seed(7);
    (0..CHAINS)
        .map(|number| {
            let consumer = random.usize(..accounts.len());
            let second = i64::from(random.u32(..DAYS * 86_400));
            let mut chain = template.clone();
            chain.chain_id = format!("c-{number:012x}");
            chain.consumer_account_id = Some(accounts[consumer].clone());
            chain.path = if random.u32(..4) == 0 {
                ChainPath::Direct
            } else {
                ChainPath::QuickRoleChain
            };
            chain.data_source_arn = Some(sources[consumer * 5 + random.usize(..5)].clone().into());
            chain.quick_user = Some(QuickUser {
                name: users[random.usize(..users.len())].clone(),
                confidence: qs_audit::model::chain::Confidence::Probable,
                resource_arn: None,
                data_set_arn: None,
                query_id: None,
            });
            let query = chain.queries[0].clone();
            chain.queries = (0..QUERIES_PER_CHAIN)
                .map(|index| {
                    let mut query = query.clone();
                    query.query_execution_id = Some(id(number * QUERIES_PER_CHAIN + index));
                    query.started_at = UtcSecond::from_unix(START + second);
                    query.region = Some(regions[consumer % 3].clone());
                    query.work_group = Some(groups[random.usize(..4)].clone());
                    query
                })
                .collect();
            chain
        })
        .collect()
}

fn statistics() -> Statistics {
    let mut all = Statistics::default();
    let mut random = fastrand::Rng::with_seed(8);
    for number in 0..CHAINS * QUERIES_PER_CHAIN {
        let statistics = QueryStatistics {
            state: QueryState::Succeeded,
            completed_at: None,
            submitted_at: None,
            statement_type: Some(StatementType::Dml),
            substatement_type: None,
            bytes_scanned: Some(random.u64(..5_000_000_000)),
            result_reused: Some(false),
            dpu_count: None,
            work_group: None,
            quick_query_id: None,
            tables: None,
        };
        if random.u32(..20) > 0 {
            all.add(id(number), statistics);
        }
    }
    all
}

fn bill() -> Bill {
    let mut bill = Bill::default();
    let mut random = fastrand::Rng::with_seed(9);
    for consumer in 0..CONSUMERS {
        for day in 0..DAYS {
            let region = ["us-east-1", "eu-central-1", "eu-west-1"][consumer as usize % 3];
            let day = UtcSecond::from_unix(START + i64::from(day) * 86_400).day();
            let key = LineKey {
                kind: BillKind::CostExplorerByUsageType,
                account_id: account(consumer),
                period: BillPeriod::day(day),
                billed_for: BilledFor::AthenaScan,
                category: ChargeCategory::Usage,
                region: Some(region.into()),
                work_group: None,
                currency: "USD".into(),
            };
            let terabytes = Decimal::new(random.i64(..2_000_000_000), 10);
            let cost = terabytes * Decimal::new(487, 2);
            let amounts = LineAmounts {
                cost: cost.round_dp(10).into(),
                terabytes: Some(terabytes.into()),
                lines: 1,
                is_estimated: false,
                sku: None,
            };
            bill.lines.insert(key, amounts);
        }
    }
    bill
}

fn topology() -> Topology {
    let mut topology = Topology::default();
    for consumer in 0..CONSUMERS {
        let unit = BusinessUnit {
            business_unit: Some(text("unit-", consumer % 40)),
            ..BusinessUnit::default()
        };
        topology.units.insert(account(consumer), unit);
    }
    topology
}

fn main() {
    let (statistics, bill, topology) = (statistics(), bill(), topology());
    let pricing = Pricing::default();
    let billed: ExactAmount = bill.lines.values().map(|amounts| &amounts.cost).sum();
    let billed = billed.rounded(10).expect("a bill that fits");
    let peak = || peak_megabytes().map_or_else(|| "?".to_owned(), |peak| peak.to_string());
    println!(
        "| queries | lines | charges | join s | split s | group s | in all s | peak MB before | after |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut chains = chains();
    for _ in 0..3 {
        let before = peak();
        let start = Instant::now();
        let joined = join_statistics(&mut chains, &statistics, &pricing);
        let join = start.elapsed().as_secs_f64();
        let attribution = attribute(&chains, &bill, &pricing).unwrap();
        let split = start.elapsed().as_secs_f64() - join;
        let table = chargeback(
            &attribution,
            &BilledQueries::default(),
            &[Dimension::BusinessUnit],
            &topology,
        )
        .unwrap();
        let all = start.elapsed().as_secs_f64();
        assert_eq!(table.rows.len(), 40);
        assert_eq!(table.totals[0].billed.unwrap().total(), billed);
        println!(
            "| {} | {} | {} | {join:.2} | {split:.2} | {:.2} | {all:.2} | {before} | {} |",
            joined.queries,
            bill.lines.len(),
            attribution.charges.len(),
            all - join - split,
            peak()
        );
    }
}
