//! Configuration, logs and window of a run, from options and files.

use super::args::Global;
use super::exports::{self, Wants};
use super::failure::Failure;
use super::moments::{self, DefaultWindow};
use super::progress::{self, Progress};
use super::select::nearest;
use super::sources;
use super::terminal::say;
use crate::config::{LogLocation, Settings};
use crate::decode::Reading;
use crate::model::audit::Audit;
use crate::model::coverage::{Limits, Rejects};
use crate::model::pattern::matches;
use crate::model::time::UtcSecond;
use crate::model::window::TimeWindow;
use crate::output::summary;
use crate::pipeline::{self, Plan, Unwatched};
use crate::ports::Sources;
use crate::rules::{RULES, RuleSet};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::path::Path;

const CONFIG_FILE: &str = "qs-audit.toml";

/// A run that is ready to go.
pub(super) struct Inputs {
    pub(super) plan: Plan,
    /// Lines of business units that could not be read.
    units_rejects: Rejects,
    pub(super) logs: Sources,
}

/// Now: the clock, or what `--now` says instead.
pub(super) fn now(global: &Global) -> Result<UtcSecond, Failure> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where the clock comes in"
    )]
    let clock = || UtcSecond::from_unix(Timestamp::now().as_second());
    match &global.now {
        Some(now) => moments::moment("--now", now),
        None => Ok(clock()),
    }
}

/// The configuration, if there is one, with every option of every rule checked: a
/// typo is an error whatever the command.
pub(super) fn settings(global: &Global) -> Result<Settings, Failure> {
    let settings = match &global.config {
        Some(path) => Settings::load(path)?,
        None if Path::new(CONFIG_FILE).exists() => Settings::load(Path::new(CONFIG_FILE))?,
        None => return Ok(Settings::default()),
    };
    rule_set(&settings, &BTreeSet::new())?;
    Ok(settings)
}

/// The rules with their options; only some, where any are named.
pub(super) fn rule_set(settings: &Settings, only: &BTreeSet<String>) -> Result<RuleSet, Failure> {
    for suppression in &settings.suppressions {
        if !RULES
            .iter()
            .any(|entry| matches(&suppression.rule, entry.meta.id))
        {
            let message = format!("there is no rule {:?}", suppression.rule);
            let failure = Failure::from(settings.suppression_error(suppression, message));
            return Err(with_near_rule(failure, &suppression.rule));
        }
    }
    RuleSet::new(&settings.rules, only).map_err(|error| {
        let is_unknown = error.name == "*";
        let key = match error.name.as_str() {
            "*" => format!("rules.{}", error.rule),
            name => format!("rules.{}.{name}", error.rule),
        };
        let option = (!is_unknown).then_some(error.name.as_str());
        let failure = settings.rule_error(&error.rule, option, key, error.message);
        if is_unknown {
            return with_near_rule(failure.into(), &error.rule);
        }
        let hint = format!("`qs-audit explain {}` has its options", error.rule);
        Failure::from(failure).hint(hint)
    })
}

/// What a rule that there is not was probably meant to be.
pub(super) fn with_near_rule(failure: Failure, rule: &str) -> Failure {
    match nearest(rule, RULES.iter().map(|entry| entry.meta.id)) {
        Some(near) => failure.hint(format!("did you mean {near}?")),
        None => failure.hint("`qs-audit explain` lists the rules"),
    }
}

impl Inputs {
    pub(super) fn gather(global: &Global, default: DefaultWindow) -> Result<Self, Failure> {
        let window = moments::window(global, now(global)?, default)?;
        Self::of_window(global, window, Wants::Statistics)
    }

    /// Everything that options and configuration name, for a window.
    pub(super) fn of_window(
        global: &Global,
        window: TimeWindow,
        wanted: Wants,
    ) -> Result<Self, Failure> {
        Self::of_settings(global, &settings(global)?, window, wanted)
    }

    /// The same with a configuration that was read already.
    pub(super) fn of_settings(
        global: &Global,
        settings: &Settings,
        window: TimeWindow,
        wanted: Wants,
    ) -> Result<Self, Failure> {
        let locations = sources::locations(global, settings)?;
        Self::new(global, &locations, settings, window, wanted)
    }

    pub(super) fn new(
        global: &Global,
        locations: &[LogLocation],
        settings: &Settings,
        window: TimeWindow,
        wanted: Wants,
    ) -> Result<Self, Failure> {
        let exports = exports::exports(global, settings, window, wanted)?;
        let mut topology = settings.topology.clone();
        let units_rejects =
            exports::add_units(global, settings, exports.bill.as_ref(), &mut topology)?;
        let logs = sources::open(global, locations, &window)?;
        Ok(Self {
            plan: Plan {
                window,
                topology,
                threads: usize::from(global.threads),
                all_sessions: false,
                limits: Limits::DEFAULT,
                reading: Reading::Fast,
                exports,
                checks: None,
                part: None,
            },
            logs,
            units_rejects,
        })
    }

    /// Reads and stitches, and says on standard error what was read.
    pub(super) fn run(&self, global: &Global) -> Result<Audit, Failure> {
        let audit = if progress::is_wanted(global) {
            let progress = Progress::new(&self.logs);
            let audit = pipeline::run(&self.plan, &self.logs, &progress);
            progress.finish();
            audit?
        } else {
            pipeline::run(&self.plan, &self.logs, &Unwatched)?
        };
        let inventory = self.plan.checks.as_ref();
        let inventory = inventory.and_then(|checks| checks.inventory.as_ref());
        let audit = Audit {
            units_rejects: self.units_rejects.clone(),
            inventory_rejects: inventory
                .map(|known| known.rejects.clone())
                .unwrap_or_default(),
            ..audit
        };
        self.tell(global, &audit)?;
        Ok(audit)
    }

    /// The same, without a word.
    pub(super) fn run_quietly(&self) -> Result<Audit, Failure> {
        Ok(pipeline::run(&self.plan, &self.logs, &Unwatched)?)
    }

    fn tell(&self, global: &Global, audit: &Audit) -> Result<(), Failure> {
        if !global.quiet {
            let mut text = Vec::new();
            summary::write(audit, &mut text)?;
            summary::write_rejects(&self.units_rejects, &mut text)?;
            summary::write_rejects(&audit.inventory_rejects, &mut text)?;
            if audit.attribution.is_some() {
                summary::write_unmapped(audit, &self.plan.topology, &mut text)?;
            }
            say(&String::from_utf8_lossy(&text));
        }
        Ok(())
    }
}
