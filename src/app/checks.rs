//! Inputs of the rules.

use super::context::RunContext;
use super::exports;
use super::failure::Failure;
use super::memory;
use super::rule_sets::rule_set;
use crate::model::time::UtcSecond;
use crate::model::window::TimeWindow;
use crate::pipeline::Checks;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

/// Options of a run of the rules.
#[derive(Debug, Clone)]
pub struct CheckOptions {
    /// The window.
    pub window: TimeWindow,
    /// Days before it that it is compared with.
    pub baseline_days: i64,
    /// Rules; all where none is named.
    pub rules: BTreeSet<String>,
    /// Lists of Quick's data sources, instead of the configured ones.
    pub data_sources: Vec<PathBuf>,
    /// An earlier run to compare with, instead of what is remembered of all.
    pub previous: Option<PathBuf>,
}

/// Gathers everything that rules are asked about.
///
/// # Errors
///
/// When there is no such rule, or something that is named cannot be read.
pub fn checks(context: &RunContext, asked: &CheckOptions) -> Result<Checks, Failure> {
    let settings = &context.settings;
    let end = asked.window.to.map_or(context.now, |to| to.plus(-1));
    let named = asked.previous.as_deref().map(exports::previous);
    let recalled = memory::recall(context, &asked.window)?;
    Ok(Checks {
        rules: Arc::new(rule_set(settings, &asked.rules)?),
        window: asked.window,
        baseline_days: asked.baseline_days,
        inventory: exports::inventory(context, &asked.data_sources)?,
        suppressions: settings.suppressions.clone(),
        as_of: end.day(),
        previous: named.transpose()?.or(recalled.previous),
        acknowledged: recalled.acknowledged,
        trends: false,
    })
}

/// Returns the window with a beginning (so many seconds before its end, where none was asked
/// for), and without the future: what has not happened is no gap.
#[must_use]
pub fn evaluated(window: TimeWindow, now: UtcSecond, seconds: i64) -> TimeWindow {
    let to = window.to.map(|to| to.min(now));
    let last = to.map(|to| to.plus(-seconds));
    TimeWindow {
        from: window.from.or(last),
        to,
    }
}
