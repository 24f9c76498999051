//! How many spikes are false, and how many planted ones are found: the figures on
//! the page of `bytes-scanned-spike`.

#![expect(clippy::float_arithmetic, reason = "random days are made of floats")]

use fastrand::Rng;
use qs_audit::model::chain::{
    Chain, ChainPath, ChainStatus, Confidence, QueryExecution, QuickUser, RoleSession,
};
use qs_audit::model::coverage::{Coverage, DayActivity};
use qs_audit::model::execution::{QueryFigures, QueryState};
use qs_audit::model::finding::{Evidence, Finding};
use qs_audit::model::ids::{AccountId, EventId, QueryExecutionId};
use qs_audit::model::time::UtcSecond;
use qs_audit::model::topology::{KnownRoles, Topology};
use qs_audit::model::window::TimeWindow;
use qs_audit::rules::{
    self, History, HistoryInput, HistoryOptions, RULES, RuleContext, RuleInput, RuleSet,
};
use std::collections::{BTreeMap, BTreeSet};
use std::f64::consts::TAU;
use std::fmt::Write as _;

const RULE: &str = "bytes-scanned-spike";
const CONSUMERS: usize = 400;
const CONSUMERS_AT_ONCE: usize = 20;
const BASELINE_DAYS: i64 = 28;
const JUDGED_DAYS: i64 = 56;
const HOLIDAYS: usize = 3;
/// One planted spike in so many days.
const PLANTED_EVERY: i64 = 9;
/// Bytes of a typical query: far above the floor of the rule by the day.
const QUERY_BYTES: f64 = 8e9;
const USERS: usize = 4;
const DATA_SOURCES: usize = 2;

fn normal(random: &mut Rng) -> f64 {
    let (left, right) = (random.f64().max(f64::MIN_POSITIVE), random.f64());
    (-2.0 * left.ln()).sqrt() * (TAU * right).cos()
}

fn between(random: &mut Rng, low: f64, high: f64) -> f64 {
    low + random.f64() * (high - low)
}

/// One day of a consumer: bytes by user and data source; `None` where no logs came.
type Day = Option<[[u64; DATA_SOURCES]; USERS]>;

struct Consumer {
    account: AccountId,
    days: Vec<Day>,
    holidays: BTreeSet<usize>,
}

/// Days since 1970-01-01 of the first day: Monday, 5 January 2026.
const FIRST_DAY: i64 = 20_458;

fn consumer(number: usize, random: &mut Rng) -> Consumer {
    let queries = *random.choice([40.0, 80.0, 160.0, 320.0].iter()).unwrap();
    let size_spread = *random.choice([0.8, 1.0, 1.2].iter()).unwrap();
    let week: [f64; 7] = std::array::from_fn(|weekday| match weekday {
        0..=4 => between(random, 0.8, 1.25),
        _ => between(random, 0.15, 0.6),
    });
    let growth = between(random, -0.01, 0.05);
    let total = usize::try_from(BASELINE_DAYS + JUDGED_DAYS).unwrap();
    let holidays: BTreeSet<usize> = (0..HOLIDAYS).map(|_| random.usize(..total)).collect();
    let shares: [f64; USERS] = std::array::from_fn(|_| between(random, 0.2, 1.0));
    let mut days = Vec::with_capacity(total);
    for day in 0..total {
        let weekday = if holidays.contains(&day) { 5 } else { day % 7 };
        let weeks = f64::from(u32::try_from(day).unwrap()) / 7.0;
        let mean = queries * week[weekday] * (growth * weeks).exp();
        if random.f64() < 0.03 {
            days.push(None);
            continue;
        }
        let count = (mean + mean.sqrt() * normal(random)).round().max(0.0);
        let mut bytes = [[0; DATA_SOURCES]; USERS];
        for _ in 0..format!("{count:.0}").parse::<u32>().unwrap() {
            let size = QUERY_BYTES * (size_spread * normal(random)).exp();
            let mut left = random.f64() * shares.iter().sum::<f64>();
            let user = shares.iter().position(|share| {
                left -= share;
                left < 0.0
            });
            let source = random.usize(..DATA_SOURCES);
            let cell: &mut u64 = &mut bytes[user.unwrap_or(0)][source];
            *cell += format!("{size:.0}").parse::<u64>().unwrap();
        }
        days.push(Some(bytes));
    }
    Consumer {
        account: format!("{:012}", 400_000_000_000 + number).into(),
        days,
        holidays,
    }
}

/// Whether a spike is planted on a day of a consumer: an ordinary one with logs.
fn is_planted(consumer: &Consumer, number: usize, day: usize) -> bool {
    let judged = i64::try_from(day).unwrap() - BASELINE_DAYS;
    let turn = i64::try_from(number).unwrap() % PLANTED_EVERY;
    judged >= 0
        && judged % PLANTED_EVERY == turn
        && consumer.days[day].is_some()
        && !consumer.holidays.contains(&day)
}

fn query(at: UtcSecond, bytes: u64, id: u64) -> QueryExecution {
    QueryExecution {
        query_execution_id: Some(QueryExecutionId::new(&format!("q{id}"))),
        started_at: at,
        region: Some("us-east-1".into()),
        work_group: Some("quick".into()),
        catalog: None,
        database: None,
        error_code: None,
        event_id: EventId::new(&format!("e{id}")),
        confidence: Confidence::Proven,
        figures: Some(Box::new(QueryFigures {
            state: QueryState::Succeeded,
            statement_type: None,
            substatement_type: None,
            bytes_scanned: Some(bytes),
            bytes_billed: Some(bytes),
            result_reused: None,
            dpu_count: None,
            estimated_cost_usd: None,
        })),
        reads: None,
    }
}

fn chain(
    account: &AccountId,
    user: usize,
    source: usize,
    queries: Vec<QueryExecution>,
    id: u64,
) -> Chain {
    let at = queries[0].started_at;
    Chain {
        chain_id: format!("c-{id:012x}"),
        repeated_queries: Vec::new(),
        reads: Vec::new(),
        path: ChainPath::QuickRoleChain,
        touches_quick: true,
        status: ChainStatus::Complete,
        missing: Vec::new(),
        confidence: Confidence::Proven,
        started_at: at,
        last_activity_at: at,
        hub_account_id: None,
        consumer_account_id: Some(account.clone()),
        consumer_name: None,
        business_unit: None,
        data_source_arn: Some(
            format!("arn:aws:quicksight:us-east-1:111122223333:datasource/{account}-{source}")
                .into(),
        ),
        origin: qs_audit::model::road::Origin::default(),
        acting_for: Vec::new(),
        related_chains: Vec::new(),
        earlier_sessions: Vec::new(),
        consumer_session: Some(RoleSession::default()),
        queries,
        calls: Vec::new(),
        quick_user: Some(QuickUser {
            name: format!("default/user-{user}").into(),
            confidence: Confidence::Probable,
            resource_arn: None,
            data_set_arn: None,
            query_id: None,
        }),
        notes: Vec::new(),
        events: Vec::new(),
        integrity: None,
    }
}

/// Chains and coverage of some consumers, with planted days `factor` times as large.
fn given(consumers: &[(usize, Consumer)], factor: u64) -> (Vec<Chain>, Coverage) {
    let mut chains = Vec::new();
    let mut coverage = Coverage::default();
    let mut id = 0;
    for (number, consumer) in consumers {
        for (day, bytes) in consumer.days.iter().enumerate() {
            let Some(bytes) = bytes else { continue };
            let midnight = UtcSecond::from_unix((FIRST_DAY + i64::try_from(day).unwrap()) * 86_400);
            let seen = DayActivity {
                records: 1,
                first: midnight,
                last: midnight.plus(86_399),
            };
            let place = (consumer.account.clone(), "us-east-1".into(), midnight.day());
            coverage.seen.insert(place, seen);
            let factor = if is_planted(consumer, *number, day) {
                factor
            } else {
                1
            };
            for (user, sources) in bytes.iter().enumerate() {
                for (source, bytes) in sources.iter().enumerate().filter(|(_, bytes)| **bytes > 0) {
                    id += 1;
                    let queries = vec![query(midnight.plus(36_000), bytes * factor, id)];
                    chains.push(chain(&consumer.account, user, source, queries, id));
                }
            }
        }
    }
    (chains, coverage)
}

/// Account, day, and whether the finding is about the whole consumer.
fn spike_days(findings: &[Finding]) -> Vec<(AccountId, String, bool)> {
    let mut days = Vec::new();
    for finding in findings {
        let (_, Evidence::List(records)) = &finding.evidence[0] else {
            panic!("no days");
        };
        for record in records {
            let Evidence::Record(members) = record else {
                panic!("no record")
            };
            let Evidence::Day(day) = &members[0].1 else {
                panic!("no day")
            };
            let account = finding.consumer_account_id.clone().unwrap();
            days.push((account, day.to_string(), finding.subject.0.len() == 1));
        }
    }
    days
}

fn found(consumers: &[(usize, Consumer)], factor: u64) -> Vec<(AccountId, String, bool)> {
    let (chains, coverage) = given(consumers, factor);
    let from = UtcSecond::from_unix((FIRST_DAY + BASELINE_DAYS) * 86_400);
    let (topology, roles) = (Topology::default(), KnownRoles::default());
    let mut history = History::default();
    let before = HistoryInput {
        baseline: TimeWindow {
            from: None,
            to: Some(from),
        },
        roles: &roles,
        chains: &chains,
        events: &[],
    };
    history.add(&before, &HistoryOptions::default());
    let facts = RuleContext::new(RuleInput {
        verification: None,
        integrity: &[],
        history: &history,
        window: TimeWindow {
            from: Some(from),
            to: Some(from.plus(JUDGED_DAYS * 86_400)),
        },
        baseline_days: BASELINE_DAYS,
        topology: &topology,
        inventory: None,
        quick_users: None,
        has_chat_logs: false,
        roles: &roles,
        chains: &chains,
        events: &[],
        coverage: &coverage,
        has_statistics: true,
        charges: None,
    });
    let asked = RuleSet::new(&BTreeMap::new(), &BTreeSet::from([RULE.to_owned()])).unwrap();
    spike_days(&rules::check(&asked, &facts).findings)
}

#[derive(Default)]
struct Score {
    consumer_days: u64,
    false_of_consumers: u64,
    false_of_parts: u64,
    planted: u64,
    found: BTreeMap<u64, u64>,
}

fn measure() -> Score {
    let mut random = Rng::with_seed(20_261_122);
    let mut score = Score::default();
    let mut numbers = 0..CONSUMERS;
    loop {
        let batch: Vec<(usize, Consumer)> = numbers
            .by_ref()
            .take(CONSUMERS_AT_ONCE)
            .map(|number| (number, consumer(number, &mut random)))
            .collect();
        if batch.is_empty() {
            return score;
        }
        for (_, consumer) in &batch {
            let judged = &consumer.days[usize::try_from(BASELINE_DAYS).unwrap()..];
            score.consumer_days += judged.iter().flatten().count() as u64;
        }
        for (_, _, is_consumer) in found(&batch, 1) {
            score.false_of_consumers += u64::from(is_consumer);
            score.false_of_parts += u64::from(!is_consumer);
        }
        let planted: BTreeSet<(AccountId, String)> = batch
            .iter()
            .flat_map(|(number, consumer)| {
                let days =
                    (0..consumer.days.len()).filter(|day| is_planted(consumer, *number, *day));
                days.map(|day| {
                    let day =
                        UtcSecond::from_unix((FIRST_DAY + i64::try_from(day).unwrap()) * 86_400);
                    (consumer.account.clone(), day.day().to_string())
                })
            })
            .collect();
        score.planted += planted.len() as u64;
        for factor in [4, 10] {
            let hits: BTreeSet<(AccountId, String)> = found(&batch, factor)
                .into_iter()
                .map(|(account, day, _)| (account, day))
                .collect();
            *score.found.entry(factor).or_default() += planted.intersection(&hits).count() as u64;
        }
    }
}

#[test]
fn spikes_are_rarely_false_and_planted_ones_are_found() {
    let score = measure();
    let percent = |part: u64, of: u64| {
        let tenths = part * 1000 / of;
        format!("{}.{} %", tenths / 10, tenths % 10)
    };
    let per_thousand = |count: u64| {
        let hundredths = count * 100_000 / score.consumer_days;
        format!("{}.{:02}", hundredths / 100, hundredths % 100)
    };
    let mut table = String::from("| measure | figure |\n|---|---|\n");
    let rows = [
        ("consumer days evaluated", score.consumer_days.to_string()),
        (
            "false spikes of consumers per 1,000 of those days",
            per_thousand(score.false_of_consumers),
        ),
        (
            "false spikes of any kind (work groups, data sources and users included) per 1,000",
            per_thousand(score.false_of_consumers + score.false_of_parts),
        ),
        (
            "planted spikes, on ordinary days with logs",
            score.planted.to_string(),
        ),
        (
            "tenfold spikes found",
            percent(score.found[&10], score.planted),
        ),
        (
            "fourfold spikes found",
            percent(score.found[&4], score.planted),
        ),
    ];
    for (what, figure) in rows {
        writeln!(table, "| {what} | {figure} |").unwrap();
    }
    println!("{table}");
    let all_false = score.false_of_consumers + score.false_of_parts;
    assert!(all_false * 1000 <= score.consumer_days, "{table}");
    assert!(score.found[&10] * 100 >= score.planted * 99, "{table}");
    assert!(score.found[&4] * 100 >= score.planted * 90, "{table}");
    let page = RULES
        .iter()
        .find(|entry| entry.meta.id == RULE)
        .unwrap()
        .meta
        .page;
    assert!(
        page.contains(&table),
        "the page does not have these figures:\n{table}"
    );
}
