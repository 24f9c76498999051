//! The report of a month of three hundred consumers: sixty thousand chains; and a report of each consumer.
//!
//! ```text
//! cargo bench --bench report -- [FOLDER]
//! ```
//!
//! Leaves the files in the folder, if one is named.

#![expect(
    clippy::float_arithmetic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints figures, and stops at the first thing that is wrong"
)]

mod measure;

use measure::peak_megabytes;
use qs_audit::attribute::{self, BilledQueries};
use qs_audit::columnar::{self, Codec};
use qs_audit::decode::quick_query_id;
use qs_audit::demo::{self, DemoPlan};
use qs_audit::ingest::read_executions;
use qs_audit::local::LocalLogs;
use qs_audit::model::audit::Audit;
use qs_audit::model::bill::Bill;
use qs_audit::model::chain::Chain;
use qs_audit::model::charge::Dimension;
use qs_audit::model::coverage::DayActivity;
use qs_audit::model::execution::Statistics;
use qs_audit::model::finding::Finding;
use qs_audit::model::text::Text;
use qs_audit::model::time::UtcSecond;
use qs_audit::model::topology::{Consumer, Topology};
use qs_audit::model::window::TimeWindow;
use qs_audit::output::repeated::RepeatedOptions;
use qs_audit::output::report::{
    AccountPart, AccountViews, ReportContent, ReportInputs, markdown, page,
};
use qs_audit::output::{chargeback_rows, csv, json};
use qs_audit::pipeline::{self, Checks, Exports, Plan, SlicePlan, Unwatched};
use qs_audit::records;
use qs_audit::rules::{self, RuleSet};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

const DAYS: u32 = 31;
/// As many as there are slots for in a day.
const CHAINS_PER_DAY: usize = 286;
const CHAINS: usize = 60_000;
const CONSUMERS: usize = 300;
const REGIONS: [&str; 4] = ["us-east-1", "us-west-2", "eu-central-1", "ap-southeast-2"];

/// The account that stands for a consumer.
fn account(number: usize) -> Text {
    format!("{:012}", 200_000_000_000 + number).into()
}

/// Three hundred consumers instead of five.
fn topology() -> Topology {
    let consumer = |number: usize| Consumer {
        name: format!("consumer-{number:03}").into(),
        account_id: account(number).into(),
        business_unit: Some(format!("Unit {}", number % 12).into()),
        roles: BTreeSet::new(),
        work_groups: None,
        data_sources: None,
    };
    Topology {
        hub_account_id: Some("111122223333".into()),
        consumers: (0..CONSUMERS).map(consumer).collect(),
        ..Topology::default()
    }
}

/// Spreads the chains of five consumers over all.
fn spread(audit: &mut Audit, topology: &Topology, start: UtcSecond) {
    let slice = audit.slice.as_mut().unwrap();
    let missing = CHAINS.saturating_sub(slice.chains.len());
    let more: Vec<Chain> = slice.chains.iter().take(missing).cloned().collect();
    slice.chains.extend(more);
    let rename = |(number, chain): (usize, &mut Chain)| {
        let consumer = &topology.consumers[number % CONSUMERS];
        chain.consumer_account_id = Some(consumer.account_id.clone());
        chain.consumer_name = Some(consumer.name.clone());
        chain.business_unit.clone_from(&consumer.business_unit);
        for query in &mut chain.queries {
            query.work_group = Some(format!("quick-{}", number % CONSUMERS).into());
        }
    };
    slice.chains.iter_mut().enumerate().for_each(rename);
    let mut template = audit.trends.clone();
    template.truncate(5);
    audit.trends = (0..CONSUMERS)
        .map(|number| {
            let mut trend = template[number % template.len()].clone();
            trend.account_id = account(number).into();
            trend
        })
        .collect();
    for number in 0..CONSUMERS {
        for region in REGIONS {
            for day in 0..i64::from(DAYS) {
                let at = start.plus(day * 86_400);
                let seen = DayActivity {
                    records: 1000,
                    first: at,
                    last: at.plus(86_399),
                };
                let key = (account(number).into(), region.into(), at.day());
                audit.coverage.seen.insert(key, seen);
            }
        }
    }
}

/// Set for the process that writes the organization: what it takes is not the report's.
const GENERATE_INTO: &str = "QS_AUDIT_BENCH_GENERATE_INTO";

fn demo_plan() -> DemoPlan {
    DemoPlan {
        days: DAYS,
        chains_per_day: CHAINS_PER_DAY,
        noise_per_day: 10,
        minutes_per_file: 1440,
        oddities: false,
        incidents: true,
        ..DemoPlan::demo(1)
    }
}

fn generate(into: &Path) {
    let organization = demo::generate(&demo_plan());
    demo::write_to(&into.join("logs"), &organization.logs).unwrap();
    demo::write_to(into, &organization.extras).unwrap();
}

fn main() {
    if let Some(into) = std::env::var_os(GENERATE_INTO) {
        return generate(Path::new(&into));
    }
    let folder: Option<PathBuf> = std::env::args()
        .skip(1)
        .find(|one| !one.starts_with('-'))
        .map(Into::into);
    let plan = demo_plan();
    let organization = tempfile::tempdir().unwrap();
    let made = Command::new(std::env::current_exe().unwrap())
        .env(GENERATE_INTO, organization.path())
        .status();
    assert!(made.unwrap().success());
    let mut statistics = Statistics::default();
    let executions = std::fs::read(organization.path().join("executions.json")).unwrap();
    read_executions("e", &executions, quick_query_id, &mut statistics);
    drop(executions);
    let paths = [organization.path().join("logs")];
    let logs = LocalLogs::open(&paths, &TimeWindow::ALL, &mut std::io::empty(), false).unwrap();
    let window = TimeWindow {
        from: Some(plan.start),
        to: Some(plan.end()),
    };
    let run = Plan {
        window,
        exports: Exports {
            statistics: Some(statistics),
            ..Exports::default()
        },
        checks: Some(Checks {
            rules: Arc::new(RuleSet::new(&BTreeMap::new(), &BTreeSet::new()).unwrap()),
            window,
            baseline_days: 28,
            inventory: None,
            suppressions: Vec::new(),
            as_of: plan.end().day(),
            previous: None,
            acknowledged: BTreeMap::new(),
            trends: true,
        }),
        slice: Some(SlicePlan {
            window,
            bill: Bill::default(),
        }),
        ..Plan::default()
    };
    let start = Instant::now();
    let mut audit = pipeline::run(&run, &logs, &Unwatched).unwrap();
    let reading = start.elapsed().as_secs_f64();
    let topology = topology();
    spread(&mut audit, &topology, plan.start);
    let before = peak_megabytes().unwrap_or(0);
    for _ in 0..3 {
        let start = Instant::now();
        let bytes = with_content(&audit, &topology, |content| {
            render(content, folder.as_ref())
        });
        assert!(bytes[0] < 5_000_000, "the page is too large");
        println!(
            "{} chains, {} events: read, stitched and judged {reading:.2} s; report {:.3} s, index.html {:.2} MB, \
             all {:.1} MB; peak {} MB, {before} before",
            audit.slice.as_ref().unwrap().chains.len(),
            audit.events.len(),
            start.elapsed().as_secs_f64(),
            f64::from(u32::try_from(bytes[0]).unwrap()) / 1e6,
            f64::from(u32::try_from(bytes.iter().sum::<usize>()).unwrap()) / 1e6,
            peak_megabytes().unwrap_or(0)
        );
    }
    with_content(&audit, &topology, consumers);
}

/// Makes the page of each consumer, and says how long that takes.
fn consumers(content: &ReportContent<'_>) {
    let start = Instant::now();
    let views = AccountViews::of(content);
    let accounts = views.accounts(AccountPart::Consumer);
    let (mut all, mut largest) = (0, 0);
    for account in &accounts {
        let view = views.view(account, AccountPart::Consumer);
        let own = ReportContent::of(ReportInputs {
            audit: &view.audit,
            slice: &view.slice,
            findings: &view.findings,
            topology: &view.topology,
            scope: Some(&view.scope),
            ..content.inputs
        });
        let mut bytes = Vec::new();
        page::write(&own, &[], &mut bytes).unwrap();
        all += bytes.len();
        largest = largest.max(bytes.len());
    }
    println!(
        "pages of {} consumers in {:.2} s: {:.1} MB, the largest {:.2} MB",
        accounts.len(),
        start.elapsed().as_secs_f64(),
        f64::from(u32::try_from(all).unwrap()) / 1e6,
        f64::from(u32::try_from(largest).unwrap()) / 1e6,
    );
}

/// Makes a report, and does something with it.
fn with_content<T>(
    audit: &Audit,
    topology: &Topology,
    then: impl FnOnce(&ReportContent<'_>) -> T,
) -> T {
    let slice = audit.slice.as_ref().unwrap();
    let findings = audit.findings.as_ref().unwrap();
    let by = [Dimension::BusinessUnit];
    let chargeback = attribute::chargeback(
        slice.attribution.as_ref().unwrap(),
        &BilledQueries::default(),
        &by,
        topology,
    )
    .unwrap();
    let pages = rules::pages();
    let options = RepeatedOptions::default();
    let content = ReportContent::of(ReportInputs {
        audit,
        events: &audit.events,
        slice,
        findings,
        chargeback: &chargeback,
        topology,
        pages: &pages,
        previous: None,
        options: &options,
        compare: None,
        scope: None,
    });
    then(&content)
}

/// Writes all files, and says how long each is.
fn render(content: &ReportContent<'_>, folder: Option<&PathBuf>) -> Vec<usize> {
    let (findings, chargeback) = (content.findings(), content.inputs.chargeback);
    let topology = content.inputs.topology;
    let all: Vec<&Finding> = findings.findings.iter().collect();
    let file = |name: &str, write: &dyn Fn(&mut dyn Write)| -> usize {
        let mut bytes = Vec::new();
        write(&mut bytes);
        if let Some(folder) = folder {
            let mut out = BufWriter::new(File::create(folder.join(name)).unwrap());
            out.write_all(&bytes).unwrap();
        }
        bytes.len()
    };
    vec![
        file("index.html", &|out| {
            page::write(content, &[], out).unwrap();
        }),
        file("report.md", &|out| markdown::write(content, out).unwrap()),
        file("report.json", &|out| {
            json::report::write(content, out).unwrap();
        }),
        file("chains.csv", &|out| {
            csv::write_records(&records::chains::fields(), &content.chains, out).unwrap();
        }),
        file("chains.parquet", &|out| {
            columnar::write(&records::chains::table(&content.chains), Codec::Snappy, out).unwrap();
        }),
        file("findings.csv", &|out| {
            csv::write_records(&records::findings::fields(), &all, out).unwrap();
        }),
        file("chargeback.csv", &|out| {
            csv::write_table(&chargeback_rows::rows(chargeback, topology), out).unwrap();
        }),
    ]
}
