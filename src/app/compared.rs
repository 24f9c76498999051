//! Runs of rules, with the days that their window is compared with.

use super::audit::{AuditRun, ChargedRun};
use super::context::{RunContext, lock};
use super::day_inputs::DayInputs;
use super::day_records::DayRecords;
use super::exports::{self, Wants};
use super::failure::Failure;
use super::options::SpillOptions;
use super::rule_sets::rule_set;
use super::verification_inputs::VerifyOptions;
use crate::attribute::BilledQueries;
use crate::model::audit::Audit;
use crate::model::chain::ambiguous_in;
use crate::model::window::TimeWindow;
use crate::output::human::plural;
use crate::pipeline::{Checks, Earlier, RecordPlan};
use crate::rules::{self, HistoryOptions};
use crate::store::Spill;
use std::collections::BTreeSet;

/// Gathers what rules are asked about. Of a store that has more events than fit in memory, the days
/// before the window are not read again: what is known of them is in their records.
///
/// # Errors
///
/// When something that is named cannot be read.
pub fn prepare<'c>(
    context: &'c RunContext,
    checks: Checks,
    verifying: Option<&VerifyOptions>,
    spill: &SpillOptions,
) -> Result<AuditRun<'c>, Failure> {
    let whole = checks.window.with_baseline(checks.baseline_days);
    let from = checks.window.from.filter(|_| verifying.is_none());
    let store = context.store()?.filter(|_| checks.baseline_days > 0);
    let Some((from, store)) = from.zip(store) else {
        return in_one(context, whole, checks, verifying);
    };
    if lock(store).event_count(&whole)? <= spill.above {
        return in_one(context, whole, checks, verifying);
    }
    let day = from.utc_day();
    let window = TimeWindow {
        from: Some(day.start()),
        to: checks.window.to,
    };
    let days_before = DayInputs::now(context, store, whole)?;
    let bill = exports::bill_if_given(context, whole)?;
    let mut run = AuditRun::of_store(context, store, window, bill)?;
    run.days_before = Some(days_before);
    if checks.window == TimeWindow::of_day(day) {
        let options = rules::history_options(&checks.rules);
        run.plan.record = Some(RecordPlan { options });
    }
    run.plan.checks = Some(checks);
    Ok(run)
}

/// Gathers everything for a run that reads the days before the window, too.
fn in_one<'c>(
    context: &'c RunContext,
    whole: TimeWindow,
    checks: Checks,
    verifying: Option<&VerifyOptions>,
) -> Result<AuditRun<'c>, Failure> {
    let mut run = AuditRun::prepare_with(context, whole, Wants::BillIfGiven, verifying)?;
    run.plan.checks = Some(checks);
    Ok(run)
}

/// Reads and stitches what is not known from records, of more events than fit in memory a day at a time,
/// and asks the rules.
///
/// # Errors
///
/// When logs or the store cannot be read, or what does not fit in memory cannot be written.
pub fn checked(run: &AuditRun<'_>, file: &Spill, spill: &SpillOptions) -> Result<Audit, Failure> {
    match (&run.days_before, &run.plan.checks) {
        (Some(days_before), Some(checks)) => {
            let options = rules::history_options(&checks.rules);
            with_records(run, days_before, options, file, spill)
        }
        _ => run.checked(file, spill),
    }
}

/// Gathers what a bill is split among. Of a store that has more events than fit in memory, only the last
/// day with logs is read: the queries of the others are in their records. `is_whole` asks for all chains.
///
/// # Errors
///
/// When something that is named cannot be read.
pub fn prepare_charges<'c>(
    context: &'c RunContext,
    window: TimeWindow,
    is_whole: bool,
    spill: &SpillOptions,
) -> Result<AuditRun<'c>, Failure> {
    let store = context.store()?.filter(|_| !is_whole);
    let end = window.to.map(|to| to.min(context.now).plus(-1));
    let Some(((store, from), end)) = store.zip(window.from).zip(end) else {
        return AuditRun::prepare(context, window, Wants::Bill);
    };
    let last = end.utc_day();
    let has_days = from.is_midnight() && from < last.start();
    if !has_days || lock(store).event_count(&window)? <= spill.above {
        return AuditRun::prepare(context, window, Wants::Bill);
    }
    let days_before = DayInputs::now(context, store, window)?;
    let bill = exports::bill(context, window)?;
    let mut run = AuditRun::of_store(context, store, TimeWindow::of_day(last), Some(bill))?;
    run.days_before = Some(days_before);
    Ok(run)
}

/// Reads and stitches what is not known from records, and splits the bill. With `by_reads`, charges are
/// to be grouped by what queries read.
///
/// # Errors
///
/// As for [`checked`].
pub fn charged(
    run: &AuditRun<'_>,
    file: &Spill,
    spill: &SpillOptions,
    by_reads: bool,
) -> Result<ChargedRun, Failure> {
    let Some(days_before) = &run.days_before else {
        return run.charged(file, spill, by_reads);
    };
    let all = rule_set(&run.context().settings, &BTreeSet::new())?;
    let options = rules::history_options(&all);
    let audit = with_records(run, days_before, options, file, spill)?;
    Ok(ChargedRun {
        ambiguous: ambiguous_in(&audit.chains),
        audit,
        queries: BilledQueries::default(),
    })
}

/// A run after days of which there are records.
fn with_records(
    run: &AuditRun<'_>,
    days_before: &DayInputs,
    options: HistoryOptions,
    file: &Spill,
    spill: &SpillOptions,
) -> Result<Audit, Failure> {
    let (Some(store), Some(from)) = (run.store(), run.plan.window.from) else {
        return Err(Failure::internal("days have records in a store alone"));
    };
    let mut records = DayRecords::open(run, days_before, store, file, spill, options)?;
    let night = from.utc_day();
    let earlier = Earlier {
        record: records.earlier(night)?,
        span: Some(days_before.span),
    };
    let (audit, record) = run.checked_after(file, spill, earlier)?;
    if let Some(record) = record {
        records.keep_of_window(night, &record);
    }
    if records.made() > 0 {
        let made = plural(records.made(), "day");
        run.context().notices.note(&format!(
            "{made} had to be read: their sums were not in the store, or out of date"
        ));
    }
    Ok(run.with_inputs(audit))
}
