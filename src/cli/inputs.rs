//! Configuration, logs and window of a run, from options and files.

use super::args::{Global, WhileReadingArgs};
use super::evidence::Verifying;
use super::exports::{self, Wants};
use super::failure::Failure;
use super::moments::{self, DefaultWindow};
use super::progress::Progress;
use super::select::nearest;
use super::sources;
use super::stores;
use super::terminal::say;
use crate::config::{LogLocation, Settings};
use crate::decode::Reading;
use crate::local::path_of;
use crate::model::audit::Audit;
use crate::model::coverage::{Limits, Rejects};
use crate::model::event::Place;
use crate::model::pattern::matches;
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use crate::model::window::TimeWindow;
use crate::output::human::safe;
use crate::output::not_read::NotRead;
use crate::output::summary;
use crate::pipeline::{self, PipelineError, Plan, RawEvents, Unwatched, Watcher};
use crate::ports::{LogSource, Sources};
use crate::rules::{RULES, RuleSet};
use crate::store::Store;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

const CONFIG_FILE: &str = "qs-audit.toml";

/// A run that is ready to go.
pub(super) struct Inputs {
    pub(super) plan: Plan,
    /// What log files are held against, where that was asked for.
    verifying: Option<Verifying>,
    /// Lines of business units that could not be read.
    units_rejects: Rejects,
    logs: Logs,
    now: UtcSecond,
}

/// What a store may lack of the time up to now: it is collected once a day.
const DAY_SECONDS: i64 = 86_400;

/// Where events come from.
enum Logs {
    /// From logs that are read now.
    Read(Sources),
    /// From what was kept of them.
    Kept(Mutex<Store>),
}

fn of_sessions_that_are_not_kept() -> Failure {
    Failure::usage("the store keeps the calls of sessions that have to do with Quick or Athena")
        .hint("give --logs to read all of them")
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

/// The places that logs of a store are read from again: those that are configured, and
/// the folders that it was made from.
fn kept_places(settings: &Settings, store: &Mutex<Store>) -> Result<Vec<LogLocation>, Failure> {
    let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
    let mut places = sources::canonical(settings.logs.clone());
    let of_store = store.roots()?;
    // What a store says is no reason to ask anybody for anything.
    let folders = of_store.iter().filter(|root| !root.contains("://"));
    places.extend(folders.map(|root| LogLocation::Path(path_of(root))));
    Ok(places)
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
        if let Some(store) = stores::in_use(global, settings)? {
            let logs = Logs::Kept(Mutex::new(store));
            return Self::of_logs(global, logs, settings, window, wanted);
        }
        let locations = sources::locations(global, settings)?;
        Self::new(global, &locations, settings, window, wanted)
    }

    /// The same, with log files verified while they are read, where that is asked for:
    /// then the logs themselves are read, and not the store.
    pub(super) fn verified(
        global: &Global,
        settings: &Settings,
        window: TimeWindow,
        wanted: Wants,
        asked: &WhileReadingArgs,
    ) -> Result<Self, Failure> {
        if !asked.verify {
            if let Some(option) = asked.against.first_option() {
                return Err(Failure::usage(format!("{option} is for --verify"))
                    .hint("add --verify, or leave it out"));
            }
            return Self::of_settings(global, settings, window, wanted);
        }
        if global.store.is_some() {
            return Err(
                Failure::usage("--verify reads log files, and the store keeps none")
                    .hint("leave --store out; --logs or [[logs]] say where the files are"),
            );
        }
        // What is whose is told from whole paths.
        let locations = sources::canonical(sources::locations(global, settings)?);
        let verifying = Verifying::open(global, settings, &locations, &window, &asked.against)?;
        let mut inputs = Self::new(global, &locations, settings, window, wanted)?;
        inputs.verifying = Some(verifying);
        Ok(inputs)
    }

    pub(super) fn new(
        global: &Global,
        locations: &[LogLocation],
        settings: &Settings,
        window: TimeWindow,
        wanted: Wants,
    ) -> Result<Self, Failure> {
        let logs = Logs::Read(sources::open(global, locations, &window, sources::ALL)?);
        Self::of_logs(global, logs, settings, window, wanted)
    }

    fn of_logs(
        global: &Global,
        logs: Logs,
        settings: &Settings,
        window: TimeWindow,
        wanted: Wants,
    ) -> Result<Self, Failure> {
        let exports = exports::exports(global, settings, window, wanted)?;
        let mut topology = settings.topology.clone();
        let units_rejects =
            exports::add_units(global, settings, exports.bill.as_ref(), &mut topology)?;
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
            verifying: None,
            logs,
            units_rejects,
            now: now(global)?,
        })
    }

    /// Reads and stitches, and says on standard error what was read.
    pub(super) fn run(&self, global: &Global) -> Result<Audit, Failure> {
        let audit = self.audit(Some(global))?;
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
        self.audit(None)
    }

    /// Reads logs, or remembers; `None` shows no progress.
    fn audit(&self, global: Option<&Global>) -> Result<Audit, Failure> {
        let (logs, global) = match (&self.logs, global) {
            (Logs::Kept(store), global) => {
                let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
                if self.plan.all_sessions {
                    return Err(of_sessions_that_are_not_kept());
                }
                let mut remembered = store.remember(&self.plan.window)?;
                remembered
                    .listing
                    .failed
                    .extend(self.not_collected(&mut store)?);
                if let Some(last) = store.last_run()?
                    && global.is_some_and(|global| !global.quiet)
                {
                    let place = store.root().display().to_string();
                    say(&format!("from {}, collected {}\n", safe(&place), last));
                }
                return Ok(pipeline::run_again(&self.plan, remembered)?);
            }
            (Logs::Read(logs), Some(global)) => (logs, global),
            (Logs::Read(logs), None) => return Ok(self.read(logs, &Unwatched)?),
        };
        let all = (0..logs.object_count()).collect();
        let progress = Progress::new(global, logs, all, logs.listing().bytes);
        let audit = self.read(logs, &progress);
        progress.finish();
        Ok(audit?)
    }

    /// Reads logs, and verifies them where that was asked for.
    fn read(&self, logs: &Sources, watcher: &dyn Watcher) -> Result<Audit, PipelineError> {
        match &self.verifying {
            Some(verifying) => {
                pipeline::run_verifying(&self.plan, logs, &verifying.evidence(self.now), watcher)
            }
            None => pipeline::run(&self.plan, logs, watcher),
        }
    }

    /// What of the window was never collected: it is as if its logs could not be read.
    fn not_collected(&self, store: &mut Store) -> Result<Vec<(Text, String)>, Failure> {
        let window = &self.plan.window;
        let place = Text::from(store.root().to_string_lossy());
        let Some((from, to)) = store.covered()? else {
            return Ok(vec![(place, "nothing was collected yet".to_owned())]);
        };
        let mut missing = Vec::new();
        let mut add = |from: UtcSecond, to: UtcSecond| {
            let why = format!(
                "nothing was collected from {from} to {to}: qs-audit collect --from {from} --to {to}"
            );
            missing.push((place.clone(), why));
        };
        if let Some(asked) = window.from.filter(|asked| *asked < from) {
            add(asked, from);
        }
        // What has not happened is not missing, nor what a run of this day will bring.
        let end = window.to.unwrap_or(self.now).min(self.now);
        let is_past = window.to.is_some_and(|asked| asked <= self.now);
        let slack = if is_past { 0 } else { DAY_SECONDS };
        if to.plus(slack) < end {
            add(to, end);
        }
        Ok(missing)
    }

    /// Whether calls of sessions that have nothing to do with Quick or Athena can be
    /// told.
    pub(super) fn can_tell_all_sessions(&self) -> bool {
        matches!(self.logs, Logs::Read(_))
    }

    /// Events as they were logged, read again from where they came from.
    pub(super) fn raw_events(
        &self,
        settings: &Settings,
        audit: &Audit,
        places: &[Place],
    ) -> Result<RawEvents, Failure> {
        let store = match &self.logs {
            Logs::Read(logs) => return Ok(pipeline::raw_events(&self.plan, logs, places)),
            Logs::Kept(store) => store,
        };
        let locations = kept_places(settings, store)?;
        let logs: BTreeSet<u32> = places.iter().map(|place| place.object).collect();
        let positions: BTreeMap<&str, u32> = logs
            .iter()
            .filter_map(|object| Some((&**audit.objects.get(object)?, *object)))
            .collect();
        let keys: Vec<String> = positions.keys().map(ToString::to_string).collect();
        let mut found = RawEvents::default();
        for source in sources::of_keys(&locations, &keys)? {
            // Each source has its own positions.
            let own: BTreeMap<u32, u32> = (0..source.object_count())
                .filter_map(|object| Some((*positions.get(&*source.key(object))?, object)))
                .collect();
            let wanted = places.iter().filter_map(|place| {
                let object = *own.get(&place.object)?;
                Some(Place { object, ..*place })
            });
            let wanted: Vec<Place> = wanted.collect();
            let back: BTreeMap<u32, u32> =
                own.iter().map(|(ours, theirs)| (*theirs, *ours)).collect();
            let raw = pipeline::raw_events(&self.plan, &*source, &wanted);
            found.redacted += raw.redacted;
            found
                .events
                .extend(raw.events.into_iter().filter_map(|(place, value)| {
                    let object = *back.get(&place.object)?;
                    Some((Place { object, ..place }, value))
                }));
        }
        Ok(found)
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
        } else if let Some(line) = NotRead::of(&audit.coverage.rejects).line() {
            // What was not seen is said in any case.
            say(&format!("{line}\n"));
        }
        Ok(())
    }
}
