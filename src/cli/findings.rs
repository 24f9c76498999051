//! `qs-audit findings`.

use super::args::{ChecksArgs, FindingsArgs, SeverityArg};
use super::exit::Exit;
use super::failure::text_of;
use super::formats::FindingsFormat;
use super::run_args::RunArgs;
use super::session::{self, start, verifying};
use super::strictness::{exit_of_chains, nothing_to_read};
use super::terminal::{check_output, page, quoted, say, write_out};
use super::time_args::{self, DefaultWindow};
use crate::app::checks::{CheckOptions, checks, evaluated};
use crate::app::compared;
use crate::app::context::RunContext;
use crate::app::failure::Failure;
use crate::app::memory;
use crate::app::notify;
use crate::app::record_files::{parquet, workbook};
use crate::app::rule_sets::with_near_rule;
use crate::app::security_hub::security_hub;
use crate::config::Settings;
use crate::model::audit::Audit;
use crate::model::finding::{Finding, Findings, Severity};
use crate::model::pattern::matches;
use crate::model::time::UtcSecond;
use crate::model::window::TimeWindow;
use crate::output::asff;
use crate::output::findings::About;
use crate::output::human::{plural, window_text};
use crate::output::json::findings as json;
use crate::output::not_read::NotRead;
use crate::output::repeated::RepeatedOptions;
use crate::output::{csv, findings as text, ocsf};
use crate::records::findings;
use crate::rules::RULES;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const DEFAULT_SECONDS: i64 = 7 * 86_400;

fn severity(arg: SeverityArg) -> Severity {
    match arg {
        SeverityArg::Info => Severity::Info,
        SeverityArg::Low => Severity::Low,
        SeverityArg::Medium => Severity::Medium,
        SeverityArg::High => Severity::High,
        SeverityArg::Critical => Severity::Critical,
    }
}

/// The rules that were asked for; none named means all.
fn asked_rules(run_args: &[String]) -> Result<BTreeSet<String>, Failure> {
    let mut rules = BTreeSet::new();
    for pattern in run_args {
        let ids = RULES.iter().map(|entry| entry.meta.id);
        let matching: Vec<&str> = ids.clone().filter(|id| matches(pattern, id)).collect();
        if matching.is_empty() {
            let failure = Failure::usage(format!("no rule {pattern:?}"));
            return Err(with_near_rule(failure, pattern));
        }
        rules.extend(matching.into_iter().map(str::to_owned));
    }
    Ok(rules)
}

/// Everything that rules are asked about, for a window.
pub(super) fn check_options(
    args: &ChecksArgs,
    window: TimeWindow,
    rules: BTreeSet<String>,
) -> Result<CheckOptions, Failure> {
    Ok(CheckOptions {
        window,
        baseline_days: time_args::baseline_days(&args.baseline)?,
        rules,
        data_sources: args.data_sources.clone(),
        previous: args.previous.clone(),
    })
}

/// Options that a command has to repeat to see the same data.
pub(super) fn repeated(run_args: &RunArgs) -> RepeatedOptions {
    let option = |name: &str, value: &Path| format!(" {name} {}", quoted(&value.to_string_lossy()));
    let all = |name: &str, paths: &[PathBuf]| -> String {
        paths.iter().map(|path| option(name, path)).collect()
    };
    let (run, money) = (&run_args.run, &run_args.run.money);
    let config = run.config.as_deref().map(|path| option("-c", path));
    // Standard input was read, and is gone.
    let logs = run.logs.iter().filter(|logs| *logs != "-");
    let logs = logs.map(|logs| option("--logs", Path::new(logs)));
    let store = run.store.as_deref().map(|path| option("--store", path));
    RepeatedOptions {
        logs: config.into_iter().chain(logs).collect(),
        store: store.unwrap_or_default(),
        statistics: all("--executions", &money.executions),
        units: all("--business-units", &money.business_units),
        bill: all("--costs", &money.costs),
    }
}

pub(super) fn run(args: &FindingsArgs) -> Result<Exit, Failure> {
    let (run_args, format) = RunArgs::audit(&args.audit)
        .bill(&args.bill)
        .output(&args.output)?;
    let run_args = &run_args;
    check_output(run_args)?;
    let only = asked_rules(&args.rule)?;
    let context = start(run_args)?;
    let default = DefaultWindow::Last(DEFAULT_SECONDS);
    let window = time_args::window(run_args, context.now, default)?;
    let window = evaluated(window, context.now, DEFAULT_SECONDS);
    let checks = checks(&context, &check_options(&args.checks, window, only)?)?;
    let verifying = verifying(&args.verification)?;
    let spill = args.spill.options();
    let run = compared::prepare(&context, checks, verifying.as_ref(), &spill)?;
    let audit = compared::checked(&run, &spill.file(), &spill)?;
    session::say_coverage(run_args, &run, &audit)?;
    let nothing = nothing_to_read(run_args, &audit);
    let Some(findings) = &audit.findings else {
        return Err(Failure::internal("no rule is selected"));
    };
    let least = args.min_severity.map_or(Severity::Info, severity);
    let wanted = |finding: &&Finding| !args.new || finding.rings();
    let all: Vec<&Finding> = findings.findings.iter().filter(wanted).collect();
    let is_shown = |finding: &&Finding| least <= finding.severity;
    let shown: Vec<&Finding> = all.iter().copied().filter(is_shown).collect();
    print(
        run_args,
        format,
        &context.settings,
        &audit,
        findings,
        &shown,
    )?;
    // The baseline's chains are not answered for.
    let evaluated = findings.window;
    let own = audit.chains.iter().filter(|chain| {
        evaluated
            .from
            .is_none_or(|from| from <= chain.last_activity_at)
            && evaluated.to.is_none_or(|to| chain.started_at < to)
    });
    let strictly = exit_of_chains(run_args, &audit, own);
    let kept = if args.remember {
        told(memory::remember(&context, findings, None))
            .or_else(|| told(notify_of(&context, &audit)))
    } else {
        None
    };
    // Findings take precedence over coverage gaps.
    Ok(if failing(run_args, args.fail_on, &all) {
        Exit::Findings
    } else {
        kept.unwrap_or_else(|| strictly.max(nothing))
    })
}

/// Tells people what is new.
fn notify_of(context: &RunContext, audit: &Audit) -> Result<(), Failure> {
    let Some(findings) = &audit.findings else {
        return Ok(());
    };
    let alarms = notify::alarms_of(context, findings)?;
    let hub = security_hub(&context.settings, audit).ok();
    let about = window_text(&findings.window);
    let news = notify::News {
        about: &about,
        findings: Some(findings),
        hub: hub.as_ref(),
        report: None,
        alarms: &alarms,
    };
    notify::tell(context, news)?.checked().map(|_| ())
}

/// Says that something could not be kept or sent, although all outputs were written.
pub(super) fn told(result: Result<(), Failure>) -> Option<Exit> {
    let failure = result.err()?;
    say(&text_of(&failure));
    Some(Exit::NotTold)
}

/// Returns true if any of the findings is at or above the limit; says so.
pub(super) fn failing(
    run_args: &RunArgs,
    fail_on: Option<SeverityArg>,
    findings: &[&Finding],
) -> bool {
    let Some(limit) = fail_on.map(severity) else {
        return false;
    };
    let failing = findings
        .iter()
        .filter(|finding| limit <= finding.severity && finding.acknowledged.is_none());
    let failing = failing.count() as u64;
    if failing > 0 && !run_args.quiet {
        say(&format!(
            "{} at or above {} (--fail-on)\n",
            plural(failing, "finding"),
            limit.as_str()
        ));
    }
    failing > 0
}

fn print(
    run_args: &RunArgs,
    format: FindingsFormat,
    settings: &Settings,
    audit: &Audit,
    findings: &Findings,
    shown: &[&Finding],
) -> Result<(), Failure> {
    let has_any =
        !shown.is_empty() || !findings.suppressed.is_empty() || !findings.resolved.is_empty();
    let hub = match format {
        FindingsFormat::Asff if has_any => Some(security_hub(settings, audit)?),
        _ => None,
    };
    let last = audit.coverage.span().map(|(_, last)| last);
    let end = findings
        .window
        .to
        .or(last)
        .unwrap_or(UtcSecond::from_unix(0));
    let not_read = NotRead::of(&audit.coverage.rejects);
    write_out(run_args, |out| match (format, &hub) {
        (FindingsFormat::Table, _) => {
            let about = About {
                shown,
                options: &repeated(run_args),
                unread: audit.coverage.rejects.total() + audit.inventory_rejects.total(),
            };
            text::write(findings, about, page(run_args), out)?;
            not_read.write(page(run_args), out)
        }
        (FindingsFormat::Json, _) => json::write_json(audit, findings, shown, out),
        (FindingsFormat::Jsonl, _) => json::write_jsonl(shown, out),
        (FindingsFormat::Csv, _) => csv::write_records(&findings::fields(), shown, out),
        (FindingsFormat::Parquet, _) => parquet(&findings::table(shown), audit, out),
        (FindingsFormat::Xlsx, _) => workbook([findings::table(shown).into()], audit, out),
        (FindingsFormat::Asff, Some(hub)) => asff::write(shown, findings, hub, not_read, end, out),
        (FindingsFormat::Asff, None) => Ok(()),
        (FindingsFormat::Ocsf, _) => ocsf::write(
            shown,
            findings,
            end,
            audit.coverage.partition(),
            not_read,
            out,
        ),
    })
}
