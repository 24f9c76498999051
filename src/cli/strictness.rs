//! Coverage gaps of a run, as an exit status.

use super::exit::Exit;
use super::run_args::RunArgs;
use super::terminal::{say, say_incomplete};
use crate::model::audit::Audit;
use crate::model::chain::{Chain, ambiguous_in};
use crate::model::coverage::Rejects;
use crate::model::integrity::Verification;
use crate::model::window::TimeWindow;
use crate::output::human::{count, plural};

/// The window that findings evaluate: the end of what was read.
fn evaluated(audit: &Audit) -> Option<TimeWindow> {
    audit.findings.as_ref().map(|findings| findings.window)
}

/// Returns true if there were logs in the window.
pub(super) fn has_logs(audit: &Audit) -> bool {
    let coverage = &audit.coverage;
    match evaluated(audit) {
        Some(evaluated) => coverage.has_records_in(&evaluated),
        None if coverage.is_window_cut => coverage.has_records_in(&audit.window),
        None => coverage.records_in_window > 0,
    }
}

/// Says so if there were no logs in the window, unless nothing is to be said.
pub(super) fn nothing_to_read(run_args: &RunArgs, audit: &Audit) -> Option<Exit> {
    if has_logs(audit) {
        return None;
    }
    let coverage = &audit.coverage;
    let evaluated = evaluated(audit);
    if run_args.quiet {
        return Some(Exit::NoLogs);
    }
    let window = evaluated.as_ref().unwrap_or(&audit.window);
    let bound = |moment: Option<crate::model::time::UtcSecond>, open: &str| {
        moment.map_or_else(|| open.to_owned(), |moment| moment.to_string())
    };
    let from = bound(window.from, "the beginning");
    let to = bound(window.to, "the end");
    let holds_window = |first, last| {
        window.from.is_some_and(|from| first <= from) && window.to.is_some_and(|to| to <= last)
    };
    let hint = match (coverage.span(), coverage.objects_outside_window) {
        (Some((first, last)), _) if holds_window(first, last) => {
            format!("there are logs from {first} to {last}, but no events in this window")
        }
        (Some((first, last)), _) => {
            format!(
                "the logs cover {first} to {last}: choose a window with --since or --from and --to"
            )
        }
        (None, 0) if coverage.rejects.total() > 0 => "no file could be read: see above".to_owned(),
        (None, 0) => "the folder holds no CloudTrail logs: check --logs".to_owned(),
        (None, outside) => {
            format!(
                "{outside} files are outside the window: choose a window with --since or --from and --to"
            )
        }
    };
    say(&format!("no logs from {from} to {to}\n  hint: {hint}\n"));
    Some(Exit::NoLogs)
}

/// Incomplete under `--strict`, if so.
pub(super) fn exit_of(run_args: &RunArgs, audit: &Audit) -> Strictly {
    exit_of_chains(run_args, audit, &audit.chains)
}

/// The same, where only some chains are answered for.
pub(super) fn exit_of_chains<'a>(
    run_args: &RunArgs,
    audit: &Audit,
    chains: impl IntoIterator<Item = &'a Chain>,
) -> Strictly {
    exit_of_counts(run_args, audit, ambiguous_in(chains))
}

/// The same, where so many chains are ambiguous.
pub(super) fn exit_of_counts(run_args: &RunArgs, audit: &Audit, ambiguous: u64) -> Strictly {
    let exports = [
        audit.statistics.as_ref().map(|read| &read.rejects),
        audit.bill.as_ref().map(|read| &read.rejects),
        Some(&audit.units_rejects),
        Some(&audit.inventory_rejects),
    ];
    let of_exports: u64 = exports.into_iter().flatten().map(Rejects::total).sum();
    let of_bill = audit.bill.as_ref().map_or(0, |bill| {
        let uncounted = &bill.uncounted;
        uncounted.outdated
            + uncounted.across_window
            + u64::from(bill.pages_missing)
            + bill.missing_files
            + bill.undecided
            + bill.unknown_prefixes.len() as u64
    });
    let conflicts = audit.coverage.conflicts + of_bill;
    let unread = audit.coverage.rejects.total() + conflicts + of_exports;
    let verification = audit.verification.as_ref();
    let unverified = verification.map_or(0, Verification::not_read_count);
    if run_args.strict && unread + ambiguous + unverified > 0 {
        // Whatever was filtered out of the output: it is about what was read.
        let unread = (unread > 0).then(|| format!("{} not read or in conflict", count(unread)));
        let ambiguous =
            (ambiguous > 0).then(|| format!("{} ambiguous", plural(ambiguous, "chain")));
        let unverified = (unverified > 0).then(|| {
            format!(
                "{} not read, and so not verified",
                plural(unverified, "log file")
            )
        });
        say_incomplete(unread.into_iter().chain(ambiguous).chain(unverified));
        Strictly::Incomplete
    } else {
        Strictly::Complete
    }
}

/// The result of `--strict` for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strictly {
    Complete,
    Incomplete,
}

impl Strictly {
    /// The exit status, when another one may be due: what was unread comes first.
    pub(super) fn max(self, other: Option<Exit>) -> Exit {
        match self {
            Self::Incomplete => Exit::Incomplete,
            Self::Complete => other.unwrap_or(Exit::Clean),
        }
    }
}
