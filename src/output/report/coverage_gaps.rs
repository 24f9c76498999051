//! Coverage gaps in words: an audit that hides them is worse than none.

use super::account_scope::AccountScope;
use super::coverage_grid::{AccountRegion, CoverageGrid, Habit};
use crate::model::audit::{Audit, AuditSlice};
use crate::model::bill::BillCoverage;
use crate::model::chain::{Chain, MissingPart};
use crate::model::coverage::Rejects;
use crate::model::finding::{Findings, Previous, RuleState};
use crate::model::time::UtcSecond;
use crate::model::topology::Topology;
use crate::model::window::TimeWindow;
use crate::output::human::{count, plural};
use crate::output::reads_not_logged::reads_not_logged;
use crate::output::summary::{accounts_charged, place, unmapped};
use crate::output::verification::{fault_line, uncovered_line};
use std::collections::{BTreeMap, BTreeSet};

/// Places that are named one by one; the rest is counted.
const PLACES_NAMED_MAX: usize = 20;
/// Accounts that are named in one line.
const ACCOUNTS_NAMED_MAX: usize = 8;

/// Something that was not logged or not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoverageGap {
    /// A fixed name for the kind of it.
    pub code: &'static str,
    /// The number of objects, chains, queries, days or accounts, as the text says.
    pub count: u64,
    /// The gap in words; may contain names from logs: hostile wherever it is shown.
    pub text: String,
}

impl CoverageGap {
    /// Returns true if it is about what rules could not do, not about what was read.
    #[must_use]
    pub fn is_of_rules(&self) -> bool {
        matches!(
            self.code,
            "rule-skipped" | "rule-disabled" | "not-evaluated"
        )
    }
}

/// The inputs of the list.
pub(super) struct GapInputs<'a> {
    pub(super) audit: &'a Audit,
    pub(super) slice: &'a AuditSlice,
    pub(super) findings: &'a Findings,
    pub(super) topology: &'a Topology,
    pub(super) previous: Option<&'a Previous>,
    pub(super) places: &'a CoverageGrid<'a>,
    pub(super) chains: &'a [&'a Chain],
    pub(super) scope: Option<&'a AccountScope>,
}

/// All coverage gaps, what matters most first.
pub(super) fn coverage_gaps(look: &GapInputs<'_>) -> Vec<CoverageGap> {
    let mut all = Vec::new();
    skipped(look, &mut all);
    logs(look, &mut all);
    history(look, &mut all);
    unread(look, &mut all);
    unread_elsewhere(look, &mut all);
    unverified(look, &mut all);
    if !look.scope.is_some_and(AccountScope::is_producer) {
        chains(look, &mut all);
        repeated(look, &mut all);
        figures(look, &mut all);
        bill(look, &mut all);
    }
    reads(look, &mut all);
    rules(look, &mut all);
    all
}

fn add(all: &mut Vec<CoverageGap>, code: &'static str, count: u64, text: impl Into<String>) {
    all.push(CoverageGap {
        code,
        count,
        text: text.into(),
    });
}

/// Time between the report before and this one, which is in neither.
fn skipped(look: &GapInputs<'_>, all: &mut Vec<CoverageGap>) {
    let end = look.previous.and_then(|previous| previous.window_end);
    if let Some((end, own)) = end.zip(look.slice.window.from)
        && end < own
    {
        let days = own.utc_day() - end.utc_day();
        let text = format!(
            "the previous report ends at {end} and this one starts at {own}: no report covers the time between them \
             (qs-audit report --from {} --to {})",
            end.day(),
            own.day()
        );
        add(all, "night-skipped", u64::try_from(days).unwrap_or(0), text);
    }
}

/// Query executions that were submitted before anything that was read.
fn repeated(look: &GapInputs<'_>, all: &mut Vec<CoverageGap>) {
    let repeated = look
        .slice
        .chains
        .iter()
        .flat_map(|chain| &chain.repeated_queries);
    let unread: BTreeSet<_> = repeated
        .filter(|query| query.chain_id.is_none())
        .map(|query| &query.query_execution_id)
        .collect();
    if !unread.is_empty() {
        let count = unread.len() as u64;
        let text = format!(
            "{} first submitted before the logs that were read: their bytes are in no total",
            plural(count, "query execution")
        );
        add(all, "queries-submitted-earlier", count, text);
    }
}

/// Events without which it is not fully known what queries read.
fn reads(look: &GapInputs<'_>, all: &mut Vec<CoverageGap>) {
    for gap in reads_not_logged(&look.audit.coverage, look.topology) {
        add(all, gap.code, gap.accounts, gap.text);
    }
}

fn logs(look: &GapInputs<'_>, all: &mut Vec<CoverageGap>) {
    if !look.findings.has_logs {
        let text = "there are no logs in the window: nothing below means that nothing happened";
        add(all, "no-logs", 1, text);
    }
    if let Some(hub) = look.audit.unconfirmed_hub(look.topology) {
        add(all, "hub-unconfirmed", 1, hub.to_string());
    }
    for (note, objects) in look.audit.coverage.notes.iter() {
        let text = format!("{}: {note}", plural(objects.count, "file or location"));
        add(all, "note", objects.count, text);
    }
    let places = &look.places.places;
    let account = |place: &AccountRegion<'_>| look.topology.account_label(place.account_id);
    let never: Vec<String> = places
        .iter()
        .filter(|place| place.habit == Habit::Never)
        .map(account)
        .collect();
    if !never.is_empty() {
        let text = format!(
            "no logs of {}, which {}: {}",
            plural(never.len() as u64, "account"),
            "the configuration declares or a chain uses",
            first_of(&never)
        );
        add(all, "account-without-logs", never.len() as u64, text);
    }
    let silent = places.iter().filter(|place| place.habit != Habit::Never);
    let silent: Vec<&AccountRegion<'_>> =
        silent.filter(|place| place.has_gap_in_window()).collect();
    for place in silent.iter().take(PLACES_NAMED_MAX) {
        let gaps = place.gaps.iter().filter(|gap| gap.is_in_window);
        let days: Vec<String> = gaps.map(ToString::to_string).collect();
        let region = place.region.map_or("", |region| region);
        let text = format!(
            "{} logged nothing in {region} on {}, but logs on most similar days",
            account(place),
            days.join(", ")
        );
        add(all, "gap", days.len() as u64, text);
    }
    let more = silent.len().saturating_sub(PLACES_NAMED_MAX) as u64;
    if more > 0 {
        let text = format!("{} more have gaps in the window", plural(more, "place"));
        add(all, "gap", more, text);
    }
}

/// Adds the files that failed verification, and those that could not be verified.
fn unverified(look: &GapInputs<'_>, all: &mut Vec<CoverageGap>) {
    let Some(verification) = &look.audit.verification else {
        return;
    };
    let plain = |line: String| line.replace('\t', " ");
    for fault in verification.faults.iter().take(PLACES_NAMED_MAX) {
        add(all, "not-as-delivered", 1, plain(fault_line(fault)));
    }
    let more = verification.faults.len().saturating_sub(PLACES_NAMED_MAX) as u64;
    if more > 0 {
        let text = format!(
            "{} more are not as CloudTrail delivered them",
            plural(more, "file")
        );
        add(all, "not-as-delivered", more, text);
    }
    for uncovered in verification.uncovered.iter().take(PLACES_NAMED_MAX) {
        add(all, "in-no-digest", 1, uncovered_line(uncovered));
    }
    for unchecked in verification.unchecked.iter().take(PLACES_NAMED_MAX) {
        let text = format!(
            "{} could not be verified, first {}: {}",
            plural(unchecked.count, "file"),
            unchecked.object,
            unchecked.why
        );
        add(all, "not-verified", unchecked.count, text);
    }
}

/// Less was read than the report was to be compared with.
fn history(look: &GapInputs<'_>, all: &mut Vec<CoverageGap>) {
    let wanted = look.audit.window.from.zip(look.slice.window.from);
    let Some((read, own)) = wanted.filter(|_| look.findings.has_logs) else {
        return;
    };
    let wanted = own.utc_day() - read.utc_day();
    let had = i64::try_from(look.places.first_in_window).unwrap_or(wanted);
    let missing = u64::try_from(wanted - had).unwrap_or(0);
    if let (1.., Some(first)) = (missing, look.places.days.first()) {
        let text = format!(
            "the logs begin on {first}: {missing} of the {wanted} days of the baseline have no logs",
        );
        add(all, "short-history", missing, text);
    }
}

/// What was not read of all logs, for the owner of one account: where it is, is not theirs to see.
fn unread_elsewhere(look: &GapInputs<'_>, all: &mut Vec<CoverageGap>) {
    let Some(run) = look.scope.map(|scope| scope.run) else {
        return;
    };
    if run.unread > 0 {
        let text = format!(
            "{} of the whole organization not read: some may be of this account",
            plural(run.unread, "file or record")
        );
        add(all, "unread", run.unread, text);
    }
    if run.unverified > 0 {
        let text = format!(
            "{} of the whole organization not verified: some may be of this account",
            plural(run.unverified, "log file")
        );
        add(all, "not-verified", run.unverified, text);
    }
}

fn unread(look: &GapInputs<'_>, all: &mut Vec<CoverageGap>) {
    let audit = look.audit;
    let mut rejects = |what: &str, rejects: &Rejects| {
        for (reason, number, examples) in rejects.iter() {
            let at = examples.first().map_or_else(String::new, place);
            let first = if number > 1 { ", the first" } else { "" };
            let text = format!(
                "{what} not read: {} {}{first} at {at}",
                count(number),
                reason.as_str()
            );
            add(all, "unread", number, text);
        }
    };
    rejects("logs", &audit.coverage.rejects);
    if let Some(statistics) = &audit.statistics {
        rejects("query statistics", &statistics.rejects);
    }
    if let Some(bill) = &audit.bill {
        rejects("the bill", &bill.rejects);
    }
    rejects("business units", &audit.units_rejects);
    rejects("data sources and catalogs", &audit.inventory_rejects);
    let conflicts = audit.coverage.conflicts;
    if conflicts > 0 {
        let text = format!(
            "{} occur more than once with different contents; one of each counts",
            plural(conflicts, "event")
        );
        add(all, "conflict", conflicts, text);
    }
}

fn chains(look: &GapInputs<'_>, all: &mut Vec<CoverageGap>) {
    let mut partial: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for missing in look.chains.iter().flat_map(|chain| &chain.missing) {
        let why = missing.why.as_deref().unwrap_or("the reason is unknown");
        *partial.entry((part_name(missing.part), why)).or_default() += 1;
    }
    for ((slice, why), number) in partial {
        let chains = plural(number, "chain");
        let lack = if number == 1 { "lacks" } else { "lack" };
        add(
            all,
            "partial-chain",
            number,
            format!("{chains} {lack} the {slice}: {why}"),
        );
    }
    let ambiguous = look.chains.iter().filter(|chain| chain.is_ambiguous());
    let ambiguous = ambiguous.count() as u64;
    if ambiguous > 0 {
        let text = format!(
            "{}: several sessions match, and none is chosen",
            plural(ambiguous, "ambiguous chain")
        );
        add(all, "ambiguous-chain", ambiguous, text);
    }
}

/// A part of a chain, in the words of CloudTrail.
fn part_name(slice: MissingPart) -> &'static str {
    match slice {
        MissingPart::RunAsSession => "AssumeRole of the role in the hub",
        MissingPart::HubCopy => "hub's record of the AssumeRole into the consumer",
        MissingPart::ConsumerCopy => "consumer's record of the AssumeRole into it",
        MissingPart::ConsumerSession => "AssumeRole of the role in the consumer",
    }
}

fn figures(look: &GapInputs<'_>, all: &mut Vec<CoverageGap>) {
    let unprocessed = look
        .audit
        .statistics
        .as_ref()
        .map_or(0, |known| known.unprocessed);
    if unprocessed > 0 {
        let text = format!(
            "Athena has no statistics for {}",
            plural(unprocessed, "query id")
        );
        add(all, "statistics-unprocessed", unprocessed, text);
    }
    let queries: u64 = look
        .chains
        .iter()
        .map(|chain| chain.queries.len() as u64)
        .sum();
    let lacking: u64 = look
        .chains
        .iter()
        .map(|chain| chain.queries_without_statistics())
        .sum();
    if lacking == 0 {
        return;
    }
    let text = if look.slice.statistics.is_none() {
        format!(
            "no query statistics were read (--executions): the bytes of {} are unknown",
            plural(lacking, "query")
        )
    } else {
        format!(
            "{} of {} queries have no statistics; totals exclude them",
            count(lacking),
            count(queries)
        )
    };
    add(all, "query-without-statistics", lacking, text);
}

fn bill(look: &GapInputs<'_>, all: &mut Vec<CoverageGap>) {
    let charges = look.slice.attribution.iter().flat_map(|of| &of.charges);
    let billed = charges
        .clone()
        .filter(|charge| charge.billed_cost.is_some());
    if look.audit.bill.is_none() {
        add(
            all,
            "no-bill",
            1,
            "no billing data was read (--costs): costs are estimates at list price",
        );
    } else if billed.count() == 0 && !look.scope.is_some_and(|scope| scope.run.is_billed) {
        let text = "the billing data does not cover these days: it arrives hours to a day late";
        add(all, "bill-without-window", 1, text);
    }
    if let Some(bill) = &look.audit.bill {
        bill_gaps(bill, look.slice.window, all);
    }
    let days: BTreeSet<_> = charges
        .filter(|charge| charge.is_estimated)
        .map(|charge| charge.period.from)
        .collect();
    if !days.is_empty() {
        let text = format!(
            "the bill of {} is estimated and may still change",
            plural(days.len() as u64, "day")
        );
        add(all, "bill-estimated", days.len() as u64, text);
    }
    let accounts = accounts_charged(look.slice.attribution.as_ref());
    let unmapped = unmapped(&accounts, look.topology).into_iter();
    let unmapped: Vec<String> = unmapped.map(ToString::to_string).collect();
    if !unmapped.is_empty() {
        let text = format!(
            "{} without a business unit: {}",
            plural(unmapped.len() as u64, "account"),
            first_of(&unmapped)
        );
        add(all, "unmapped-account", unmapped.len() as u64, text);
    }
}

/// Adds the gaps that the bill itself reports.
fn bill_gaps(bill: &BillCoverage, window: TimeWindow, all: &mut Vec<CoverageGap>) {
    if bill.pages_missing {
        add(
            all,
            "bill-pages-missing",
            1,
            "pages of the billing data are missing: its last page says that there are more",
        );
    }
    let uncounted = bill.uncounted.outdated + bill.uncounted.across_window;
    if uncounted > 0 {
        let text = format!(
            "{} of the bill were not counted: another file contradicts them, or they extend beyond the data that was read",
            plural(uncounted, "line")
        );
        add(all, "bill-uncounted", uncounted, text);
    }
    for note in &bill.notes {
        add(all, "bill-note", 1, note.clone());
    }
    let is_whole = |moment: Option<UtcSecond>| moment.is_none_or(UtcSecond::is_midnight);
    if !is_whole(window.from) || !is_whole(window.to) {
        let text = "bills have whole UTC days: queries on days that are only partly in the window have no billed amount";
        add(all, "bill-whole-days", 1, text);
    }
}

fn rules(look: &GapInputs<'_>, all: &mut Vec<CoverageGap>) {
    for report in &look.findings.rules {
        match &report.state {
            RuleState::Skipped(why) => {
                add(
                    all,
                    "rule-skipped",
                    1,
                    format!("{} was skipped: {why}", report.rule),
                );
            }
            RuleState::Disabled => {
                let text = format!("{} is disabled in the configuration", report.rule);
                add(all, "rule-disabled", 1, text);
            }
            RuleState::Ran | RuleState::NotAsked => {}
        }
        for note in &report.notes {
            add(all, "not-evaluated", 1, format!("{}: {note}", report.rule));
        }
    }
}

/// The first few, and how many more there are.
fn first_of(names: &[String]) -> String {
    let shown = names[..names.len().min(ACCOUNTS_NAMED_MAX)].join(", ");
    match names.len().saturating_sub(ACCOUNTS_NAMED_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
