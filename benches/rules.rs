//! All rules over five weeks of fifty thousand chains: what findings add to a run.
//!
//! ```text
//! cargo bench --bench rules
//! ```

#![expect(
    clippy::float_arithmetic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints figures, and stops at the first thing that is wrong"
)]

mod measure;

use measure::peak_megabytes;
use qs_audit::decode::quick_query_id;
use qs_audit::demo::{self, DemoPlan};
use qs_audit::ingest::read_executions;
use qs_audit::local::LocalLogs;
use qs_audit::model::audit::Audit;
use qs_audit::model::execution::Statistics;
use qs_audit::model::time::UtcSecond;
use qs_audit::model::window::TimeWindow;
use qs_audit::pipeline::{self, Exports, Plan, Unwatched};
use qs_audit::rules::{self, History, HistoryInput, RuleContext, RuleInput, RuleSet};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

const DAYS: u32 = 35;
const DAYS_JUDGED: i64 = 7;
const CHAINS_PER_DAY: usize = 285;

fn main() {
    let plan = DemoPlan {
        days: DAYS,
        chains_per_day: CHAINS_PER_DAY,
        noise_per_day: 10,
        minutes_per_file: 1440,
        oddities: false,
        incidents: true,
        ..DemoPlan::demo(1)
    };
    let (folder, statistics) = logs(&plan);
    let paths = [folder.path().to_path_buf()];
    let logs = LocalLogs::open(&paths, &TimeWindow::ALL, &mut std::io::empty(), false).unwrap();
    let run = Plan {
        exports: Exports {
            statistics: Some(statistics),
            ..Exports::default()
        },
        ..Plan::default()
    };
    let start = Instant::now();
    let audit = pipeline::run(&run, &logs, &Unwatched).unwrap();
    let reading = start.elapsed().as_secs_f64();
    let before = peak_megabytes().unwrap_or(0);
    let set = RuleSet::new(&BTreeMap::new(), &BTreeSet::new()).unwrap();
    for _ in 0..3 {
        let start = Instant::now();
        let from = plan.end().plus(-DAYS_JUDGED * 86_400);
        let history = history(&audit, from, &set);
        let facts = RuleContext::new(RuleInput {
            verification: None,
            integrity: &[],
            history: &history,
            window: TimeWindow {
                from: Some(from),
                to: Some(plan.end()),
            },
            baseline_days: i64::from(DAYS) - DAYS_JUDGED,
            topology: &run.topology,
            quick_users: None,
            has_chat_logs: false,
            inventory: None,
            roles: &audit.roles,
            chains: &audit.chains,
            events: &audit.events,
            coverage: &audit.coverage,
            has_statistics: true,
            charges: None,
        });
        let arranged = start.elapsed().as_secs_f64();
        let findings = rules::check(&set, &facts).findings;
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "{} chains, {} events: read and stitched {reading:.2} s; rules {seconds:.3} s ({:.1} % of it, {arranged:.3} s \
             arranging), {} findings; peak {} MB, {before} before",
            audit.chains.len(),
            audit.events.len(),
            100.0 * seconds / reading,
            findings.len(),
            peak_megabytes().unwrap_or(0)
        );
    }
}

/// The days before a moment.
fn history(audit: &Audit, from: UtcSecond, rules: &RuleSet) -> History {
    let mut history = History::default();
    let before = HistoryInput {
        baseline: TimeWindow {
            from: None,
            to: Some(from),
        },
        roles: &audit.roles,
        chains: &audit.chains,
        events: &audit.events,
    };
    history.add(&before, &rules::history_options(rules));
    history
}

/// Logs of an organization in a folder, and its query statistics.
fn logs(plan: &DemoPlan) -> (tempfile::TempDir, Statistics) {
    let organization = demo::generate(plan);
    let folder = tempfile::tempdir().unwrap();
    demo::write_to(folder.path(), &organization.logs).unwrap();
    let mut extras = organization.extras.iter();
    let executions = extras.find(|file| file.key == "executions.json");
    let mut statistics = Statistics::default();
    read_executions(
        "e",
        &executions.unwrap().body,
        quick_query_id,
        &mut statistics,
    );
    (folder, statistics)
}
