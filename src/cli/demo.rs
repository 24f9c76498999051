//! `qs-audit demo`.

use super::args::DemoArgs;
use super::exit::Exit;
use super::run_args::RunArgs;
use super::session::{self, start_with};
use super::terminal::{check_output, page, quoted, say, write_out};
use crate::app::audit::AuditRun;
use crate::app::checks::{CheckOptions, checks};
use crate::app::exports::Wants;
use crate::app::failure::Failure;
use crate::config::{LogLocation, Settings};
use crate::demo::{self, DemoPlan};
use crate::model::audit::Audit;
use crate::model::chain::Chain;
use crate::model::finding::Findings;
use crate::model::window::TimeWindow;
use crate::output::chain_table::{self, is_listed_by_default};
use crate::output::findings as text;
use crate::pipeline::Checks;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Chains shown; the rest is a command away.
const CHAINS_SHOWN: usize = 20;
/// Days at the end of the organization that rules evaluate.
const DAYS_JUDGED: i64 = 7;
/// Days before them, as `findings` compares with.
const BASELINE_DAYS: i64 = 28;
/// Tells a folder that a demo wrote from one that it must not touch.
const MARKER: &str = "ground-truth.json";

pub(super) fn run(args: &DemoArgs) -> Result<Exit, Failure> {
    let run_args = RunArgs::new(&args.talk)
        .progress(&args.progress)
        .threads(&args.threads)
        .text_output(&args.output)?;
    let run_args = &run_args;
    check_output(run_args)?;
    prepare(&args.dir)?;
    let plan = DemoPlan::showcase(args.seed);
    let organization = demo::generate(&plan);
    let cannot = |error| Failure::usage(format!("cannot write to {}: {error}", args.dir.display()));
    demo::write_to(&args.dir, &organization.logs).map_err(cannot)?;
    demo::write_to(&args.dir, &organization.extras).map_err(cannot)?;
    if !run_args.quiet {
        say(&format!(
            "wrote {} days of a synthetic organization to {}: {} log files, and the expected results\n",
            plan.days,
            args.dir.display(),
            organization.logs.len()
        ));
    }
    let audit = audit(run_args, &args.dir, &plan)?;
    let listed: Vec<&Chain> = audit
        .chains
        .iter()
        .filter(|chain| is_listed_by_default(chain))
        .collect();
    let page = page(run_args);
    write_out(run_args, |out| {
        let latest = &listed[listed.len().saturating_sub(CHAINS_SHOWN)..];
        chain_table::write_part(latest, &listed, page, out)?;
        let none = Findings::default();
        text::write_titles(audit.findings.as_ref().unwrap_or(&none), page, out)?;
        write!(out, "\n{}", next_steps(&args.dir, &plan, &listed))
    })?;
    Ok(Exit::Clean)
}

/// Reads and evaluates the organization in a folder.
fn audit(run_args: &RunArgs, dir: &Path, plan: &DemoPlan) -> Result<Audit, Failure> {
    let folder = dir.join("AWSLogs");
    // Named, so that no store is read instead.
    let mut named = run_args.clone();
    named.run.logs = vec![folder.to_string_lossy().into_owned()];
    let settings = Settings::load(&dir.join("qs-audit.toml"))?;
    let context = start_with(&named, settings)?;
    let checks = checks(
        &context,
        &CheckOptions {
            window: TimeWindow {
                from: Some(plan.end().plus(-DAYS_JUDGED * 86_400)),
                to: Some(plan.end()),
            },
            baseline_days: BASELINE_DAYS,
            rules: BTreeSet::new(),
            data_sources: Vec::new(),
            previous: None,
        },
    )?;
    let window = TimeWindow {
        from: Some(plan.start),
        to: Some(plan.end()),
    };
    let logs = [LogLocation::Path(folder)];
    let mut run = AuditRun::of_locations(&context, &logs, window, Wants::BillIfGiven)?;
    run.plan.checks = Some(Checks {
        suppressions: Vec::new(),
        as_of: plan.end().day(),
        ..checks
    });
    session::audit(run_args, &run)
}

/// Makes room for the demo, without touching anything else.
fn prepare(dir: &Path) -> Result<(), Failure> {
    let cannot = |error| Failure::usage(format!("cannot write to {}: {error}", dir.display()));
    let is_empty = match fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => return Err(cannot(error)),
    };
    if is_empty {
        return Ok(());
    }
    if !dir.join(MARKER).exists() {
        return Err(Failure::usage(format!("{} is not empty", dir.display()))
            .hint("choose a folder that does not exist yet: qs-audit demo DIR"));
    }
    // An earlier demo: its logs must not mix with the new ones.
    fs::remove_dir_all(dir.join("AWSLogs"))
        .or_else(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })
        .map_err(cannot)
}

fn next_steps(dir: &Path, plan: &DemoPlan, listed: &[&Chain]) -> String {
    let dir = quoted(&dir.to_string_lossy());
    let config = format!("-c {dir}/qs-audit.toml");
    let end = plan.end();
    let window = format!("--from {} --to {}", end.plus(-14 * 86_400).day(), end.day());
    let week = format!(
        "--from {} --to {}",
        end.plus(-DAYS_JUDGED * 86_400).day(),
        end.day()
    );
    let content = format!(
        "--from {} --to {}",
        end.plus(-2 * 86_400).day(),
        end.plus(-86_400).day()
    );
    let busy = listed.iter().find(|chain| !chain.queries.is_empty());
    let id = busy.map_or("latest", |chain| chain.chain_id.as_str());
    let program = std::env::args().next();
    let program = program.as_deref().unwrap_or("qs-audit");
    format!(
        "What to try next:\n  \
         {program} findings {config} {week}\n  \
         {program} report {config} {content} -o {dir}/report\n  \
         {program} explain external-id-spoof\n  \
         {program} show {id} {config}\n  \
         {program} chains {config} {window} --status denied --status partial\n  \
         {program} chargeback {config} {window} --by business-unit,consumer\n  \
         {program} query top-dashboards {config} {window}\n  \
         {program} chains {config} {window} --path any --format csv -o chains.csv\n\
         without the configuration, roles are discovered from the logs:\n  \
         {program} chains --logs {dir}/AWSLogs {window}\n"
    )
}
