//! `chains` over logs that a Trino says which of matter, with 1, 2 and 4 workers, against reading all of them; and
//! how the engine spreads its work.
//!
//! ```text
//! QS_AUDIT_TRINO=... cargo bench --bench engine       # the program that .ci/install makes
//! ```
//!
//! Two cores show how work is spread, and not how much faster it gets.

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark prints figures, and stops at the first thing that is wrong"
)]

use qs_audit::demo::{self, DemoPlan};
use qs_audit::engine::{Trino, TrinoServer, UnwatchedIndex};
use qs_audit::ports::SqlEngine;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const DAYS: u32 = 10;
const PROGRAM: &str = env!("CARGO_BIN_EXE_qs-audit");

fn main() {
    let Some(engine) = std::env::var_os("QS_AUDIT_TRINO") else {
        println!("QS_AUDIT_TRINO names no program that starts a Trino: nothing is measured");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let logs = folder.path().join("logs");
    let organization = demo::generate(&DemoPlan {
        days: DAYS,
        oddities: false,
        noise_per_day: 5000,
        chains_per_day: 11,
        minutes_per_file: 60,
        ..DemoPlan::demo(0)
    });
    demo::write_to(&logs, &organization.logs).expect("written");
    println!("{} files", organization.logs.len());
    for round in ["first", "warm"] {
        println!("direct, {round}: {:.2} s", chains(&[], &logs).as_secs_f64());
    }
    for workers in ["1", "2", "4"] {
        let mut child = Command::new(&engine)
            .arg(folder.path())
            .arg(workers)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a Trino");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let ready =
            lines.find_map(|line| line.ok()?.strip_prefix("READY http://").map(str::to_owned));
        let authority = ready.expect("an address");
        let sql = |statement: &str| sql(&authority, statement);
        sql("CREATE SCHEMA IF NOT EXISTS hive.logs");
        sql(
            "CREATE TABLE IF NOT EXISTS hive.logs.raw (line varchar) WITH (external_location = 'local:///logs', \
             format = 'TEXTFILE', textfile_field_separator = U&'\\0001')",
        );
        let url = format!("trino://{authority}/hive/logs/raw");
        for round in ["first", "warm"] {
            let took = chains(&[&url], &logs);
            println!("{workers} workers, {round}: {:.2} s", took.as_secs_f64());
        }
        let spread = sql(
            "SELECT node_id, CAST(sum(splits) AS varchar), CAST(sum(split_cpu_time_ms) AS varchar) \
             FROM system.runtime.tasks JOIN system.runtime.queries USING (query_id) \
             WHERE source = 'qs-audit' AND query LIKE '%json_size%' AND query NOT LIKE '%runtime%' GROUP BY node_id",
        );
        for row in spread {
            let row: Vec<String> = row.into_iter().flatten().collect();
            if let [_, splits, milliseconds] = &row[..] {
                println!("  a node: {splits} splits, {milliseconds} ms of CPU");
            }
        }
        drop(child.stdin.take());
        let _ = child.wait();
    }
}

/// Runs `chains`, and returns how long it took.
fn chains(engine: &[&str], logs: &Path) -> Duration {
    let mut command = Command::new(PROGRAM);
    command.args(["chains", "-q", "--format", "jsonl", "--path", "any"]);
    command.args(["--from", "2026-10-01", "--to", "2026-12-01"]);
    match engine {
        [url] => command.args(["--logs", url, "--objects"]).arg(logs),
        _ => command.arg("--logs").arg(logs),
    };
    let from = Instant::now();
    let status = command.stdout(Stdio::null()).status();
    assert!(status.expect("the program").success(), "it failed");
    from.elapsed()
}

fn sql(authority: &str, statement: &str) -> Vec<Vec<Option<String>>> {
    let server = TrinoServer {
        name: "trino".to_owned(),
        authority: authority.to_owned(),
        is_plain: true,
        user: "bench".to_owned(),
        password: None,
        ca_bundle: None,
        backoff: Duration::from_millis(100),
    };
    let trino = Trino::new(server).expect("a client");
    let mut rows = Vec::new();
    trino
        .run(statement, &UnwatchedIndex, &mut |row| rows.push(row))
        .expect("an answer");
    rows
}
