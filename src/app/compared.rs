//! Runs of rules, with the days that their window is compared with.

use super::audit::AuditRun;
use super::context::{RunContext, lock};
use super::day_records::DayRecords;
use super::exports::{self, Wants};
use super::failure::Failure;
use super::options::SpillOptions;
use super::verification_inputs::VerifyOptions;
use crate::model::audit::Audit;
use crate::model::time::{UtcDay, UtcSecond};
use crate::model::window::TimeWindow;
use crate::output::human::plural;
use crate::pipeline::{Checks, Earlier, RecordPlan};
use crate::rules;
use crate::store::Spill;

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
    let mut run = AuditRun::of_store(context, store, window, Wants::Statistics)?;
    run.plan.exports.bill = exports::bill_if_given(context, whole)?;
    run.span = Some(whole);
    if checks.window == one_day(day) {
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

/// The window of one UTC day.
fn one_day(day: UtcDay) -> TimeWindow {
    TimeWindow {
        from: Some(day.start()),
        to: Some((day + 1).start()),
    }
}

/// Reads and stitches what is not known from records, of more events than fit in memory a day at a time,
/// and asks the rules.
///
/// # Errors
///
/// When logs or the store cannot be read, or what does not fit in memory cannot be written.
pub fn checked(run: &AuditRun<'_>, file: &Spill, spill: &SpillOptions) -> Result<Audit, Failure> {
    let (Some(span), Some(store), Some(checks)) = (run.span, run.store(), &run.plan.checks) else {
        return run.checked(file, spill);
    };
    let options = rules::history_options(&checks.rules);
    let mut records = DayRecords::open(run, store, file, spill, options)?;
    let first = span.from.map_or(UtcDay::MIN, |from| {
        from.utc_day() + i64::from(!from.is_midnight())
    });
    let live = run.plan.window.from.map_or(first, UtcSecond::utc_day);
    let earlier = Earlier {
        record: records.earlier(first, live)?,
        span: Some(span),
    };
    let (audit, record) = run.checked_after(file, spill, earlier)?;
    if let Some(record) = record {
        records.keep_of_window(first, live, &record);
    }
    if records.made() > 0 {
        let made = plural(records.made(), "day");
        let line = format!(
            "{made} before the window had to be read: their sums were not in the store, or out of date"
        );
        run.context().notices.note(&line);
    }
    Ok(run.with_inputs(audit))
}
