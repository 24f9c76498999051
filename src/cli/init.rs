//! `qs-audit init`.

use super::args::InitArgs;
use super::exit::Exit;
use super::run_args::RunArgs;
use super::session::{self, start_with};
use super::strictness::nothing_to_read;
use super::terminal::say;
use super::time_args::{self, DefaultWindow};
use crate::app::audit::AuditRun;
use crate::app::checks::{CheckOptions, checks, evaluated};
use crate::app::context::RunContext;
use crate::app::exports::Wants;
use crate::app::failure::Failure;
use crate::app::init::{self, ConfigDraft, DraftInputs};
use crate::app::options::CONFIG_FILE;
use crate::config::Settings;
use crate::local::write_file;
use crate::model::window::TimeWindow;
use crate::output::human::{plural, safe};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The look-back for logs unless a window is given, in seconds.
const SECONDS: i64 = 30 * 86_400;

pub(super) fn run(args: &InitArgs) -> Result<Exit, Failure> {
    let mut run_args = RunArgs::new(&args.talk)
        .progress(&args.progress)
        .logs(&args.logs)
        .threads(&args.threads)
        .store(&args.store)
        .window(&args.window);
    run_args.output.clone_from(&args.output);
    let run_args = &run_args;
    let path = run_args
        .output
        .clone()
        .unwrap_or_else(|| PathBuf::from(CONFIG_FILE));
    if path.exists() && !args.force {
        return Err(Failure::usage(format!("{} already exists", path.display()))
            .hint("overwrite it with --force, or write another file with -o FILE"));
    }
    // What is there is about to be replaced: it is no configuration for this run.
    let context = start_with(run_args, Settings::default())?;
    let window = time_args::window(run_args, context.now, DefaultWindow::Last(SECONDS))?;
    let units = if args.ask_aws {
        init::ask_aws()?
    } else {
        BTreeMap::new()
    };
    let kept = kept(&context, run_args, window)?;
    let reading_args = from_store(run_args, kept.as_deref());
    let reading = start_with(&reading_args, Settings::default())?;
    let mut run = AuditRun::prepare(&reading, window, Wants::Statistics)?;
    let asked = CheckOptions {
        window: evaluated(window, context.now, SECONDS),
        baseline_days: 0,
        rules: BTreeSet::new(),
        data_sources: Vec::new(),
        previous: None,
    };
    let checks = checks(&reading, &asked)?;
    let inventory = checks.inventory.clone();
    run.plan.checks = Some(checks);
    let audit = session::audit(run_args, &run)?;
    if let Some(exit) = nothing_to_read(run_args, &audit) {
        // What an empty window shows is nothing that could be declared.
        return Ok(exit);
    }
    let inputs = DraftInputs {
        units: &units,
        inventory: inventory.as_ref(),
    };
    let draft = init::draft(&context, &audit, &inputs, &path)?;
    write_file(&path, |out| out.write_all(draft.text.as_bytes()))
        .map_err(|error| Failure::internal(format!("cannot write {}: {error}", path.display())))?;
    if !run_args.quiet {
        tell(&path, &draft, kept.as_deref());
    }
    Ok(Exit::Clean)
}

/// Puts the logs into the store. Where that cannot be done they are read from where they are, and it is said.
fn kept(
    context: &RunContext,
    run_args: &RunArgs,
    window: TimeWindow,
) -> Result<Option<PathBuf>, Failure> {
    match init::keep(context, window) {
        Ok(kept) => Ok(kept),
        // The store was asked for.
        Err(failure) if run_args.run.store.is_some() => Err(failure),
        Err(failure) => {
            let why = safe(&failure.message);
            say(&format!("the logs are not kept in the store: {why}\n"));
            Ok(None)
        }
    }
}

/// Says what was written.
fn tell(path: &Path, draft: &ConfigDraft, kept: Option<&Path>) {
    say(&format!(
        "wrote {}: {} of the hub, {}; check it before you rely on it\n",
        path.display(),
        plural(draft.hub_roles, "role"),
        plural(draft.consumers, "consumer"),
    ));
    if draft.doubtful > 0 {
        say(&format!(
            "commented out {}, because of what looks wrong: the file says why\n",
            plural(draft.doubtful, "consumer"),
        ));
    }
    if draft.left_out > 0 {
        say(&format!(
            "left out {}: the logs have account ids or names that AWS does not allow; add them by hand if they are \
             correct\n",
            plural(draft.left_out, "declaration"),
        ));
    }
    if let Some(root) = kept {
        say(&format!(
            "the logs that were read are in the store {}; `qs-audit collect` adds what is delivered later\n",
            safe(&root.display().to_string()),
        ));
    }
}

/// The options of a run that reads the logs from the store, if they are there.
fn from_store(run_args: &RunArgs, kept: Option<&Path>) -> RunArgs {
    let mut reading = run_args.clone();
    if let Some(root) = kept {
        reading.run.logs.clear();
        reading.run.objects = None;
        reading.run.store = Some(root.to_owned());
    }
    reading
}
