//! What a large company's logs cost: Quick queries in 60 accounts, a million relevant records a day.
//!
//! ```text
//! cargo bench --bench large                  # one day: records a second, peak memory
//! cargo bench --bench large -- 10 30         # ten days, then thirty
//! ```
//!
//! Logs are written once, below `target/bench-corpora`. `QS_AUDIT_PROGRAM` names another build of the program to
//! measure.

#![expect(
    clippy::print_stdout,
    clippy::float_arithmetic,
    clippy::expect_used,
    reason = "a benchmark prints figures, and stops at the first thing that is wrong"
)]

mod large_logs;

use large_logs::{LargeLogs, RECORDS_PER_QUERY};
use qs_audit::model::time::UtcSecond;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const START: UtcSecond = UtcSecond::from_unix(1_793_491_200);

fn main() {
    let days = std::env::args()
        .skip(1)
        .filter_map(|word| word.parse().ok());
    let mut days: Vec<u32> = days.collect();
    if days.is_empty() {
        days.push(1);
    }
    let logs = LargeLogs {
        consumers: 60,
        queries_per_consumer_and_day: 1111,
        start: START,
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-corpora/large");
    println!("| days | records | seconds | records/s | peak MB |\n|---|---|---|---|---|");
    for count in days {
        (0..count).for_each(|day| logs.write_day(&folder, day));
        let records =
            logs.consumers * logs.queries_per_consumer_and_day * RECORDS_PER_QUERY * count;
        let until = START.plus(i64::from(count) * 86_400).to_string();
        let program = std::env::var_os("QS_AUDIT_PROGRAM")
            .unwrap_or_else(|| env!("CARGO_BIN_EXE_qs-audit").into());
        let mut command = Command::new("/usr/bin/time");
        command.arg("-f").arg("%M").arg(program);
        command.args(["chains", "--from", &START.to_string(), "--to", &until, "-q"]);
        command.args(["--threads", "2", "--format", "jsonl", "--logs"]);
        command.arg(folder.join("AWSLogs"));
        let start = Instant::now();
        let output = command.stdout(Stdio::null()).output().expect("program run");
        let seconds = start.elapsed().as_secs_f64();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        let peak: u64 = said.trim().parse().expect("peak memory");
        println!(
            "| {count} | {records} | {seconds:.2} | {:.0} | {} |",
            f64::from(records) / seconds,
            peak / 1000
        );
    }
}
