//! Which consumers Quick reached, and with which queries: `chains FOLDER` reads the
//! CloudTrail logs in a folder, and the query statistics in `executions.json` beside it.

use qs_audit::{
    AuditRun, Chain, Failure, MoneyOptions, RunContext, RunOptions, Settings, Silent, TimeWindow,
    UtcSecond, Wants, write_chains,
};
use std::collections::BTreeMap;
use std::io::{Write, stderr, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Reads the logs of a folder and writes what they show.
fn chains(logs: &Path, out: &mut dyn Write) -> Result<(), Failure> {
    let executions = logs.with_file_name("executions.json");
    let options = RunOptions {
        logs: vec![logs.to_string_lossy().into_owned()],
        money: MoneyOptions {
            executions: executions
                .is_file()
                .then_some(executions)
                .into_iter()
                .collect(),
            ..MoneyOptions::default()
        },
        ..RunOptions::default()
    };
    // Whoever runs this decides what time it is, and who hears how it goes.
    let now = UtcSecond::parse("2026-12-01T00:00:00Z").unwrap_or(UtcSecond::from_unix(0));
    let context = RunContext::with(Settings::default(), options, now, Box::new(Silent));
    let audit = AuditRun::prepare(&context, TimeWindow::ALL, Wants::Statistics)?.run()?;
    let quicks: Vec<&Chain> = audit
        .chains
        .iter()
        .filter(|chain| chain.touches_quick)
        .collect();
    let mut queries: BTreeMap<&str, usize> = BTreeMap::new();
    for chain in &quicks {
        let consumer = chain.consumer_account_id.as_deref().unwrap_or("not known");
        *queries.entry(consumer).or_default() += chain.queries.len();
    }
    for (consumer, queries) in queries {
        writeln!(out, "account {consumer}: {queries} queries")?;
    }
    Ok(write_chains(&quicks, out)?)
}

fn main() -> ExitCode {
    let logs = std::env::args_os()
        .nth(1)
        .map_or_else(|| "AWSLogs".into(), PathBuf::from);
    match chains(&logs, &mut stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let hint = failure.hint.as_deref().unwrap_or_default();
            let _ = writeln!(stderr(), "{failure}\n{hint}");
            ExitCode::FAILURE
        }
    }
}
