//! The interface of a rule: its documentation, its inputs, its results.

use super::context::RuleContext;
use super::history::HistoryOptions;
use super::integrity_index::IntegrityIndex;
use super::occurrences::Occurrences;
use crate::model::finding::{
    Evidence, FINDING_IDS_MAX, Finding, FindingStatus, PreviousFinding, RuleReport, RuleState,
    Severity, Subject,
};
use crate::model::ids::AccountId;
use crate::model::text::{Text, digest_id};
use crate::model::time::UtcSecond;
use crate::model::trend::Trend;
use rust_decimal::Decimal;
use std::collections::BTreeSet;

/// Letters of a title and of a detail at most; evidence has the whole of it.
const TITLE_LETTERS_MAX: usize = 500;
const DETAIL_LETTERS_MAX: usize = 5000;

/// An option of a rule, under `[rules.<id>]` in the configuration.
#[derive(Debug)]
pub struct OptionMeta {
    /// Its name.
    pub name: &'static str,
    /// The default value, as written in a configuration.
    pub default: &'static str,
    /// The effect of the option.
    pub meaning: &'static str,
}

/// The nature of a rule's findings: it decides when one is news again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleKind {
    /// It is about how things are: it is news once, until its cause is known to be gone or it is worse.
    Condition,
    /// It is about something that happened: it is news each time that it happens with new evidence.
    Event,
}

impl RuleKind {
    /// The kind as outputs spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Condition => "condition",
            Self::Event => "event",
        }
    }

    /// What the kind means for news, as pages of rules say it.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Condition => {
                "A condition: news once, until its cause is known to be gone or it gets worse."
            }
            Self::Event => "An event: news each time that it happens with new evidence.",
        }
    }
}

/// The roles that a rule cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleNeed {
    /// None.
    Nothing,
    /// Role A, declared or found.
    RunAsRole,
    /// Role B, declared or found.
    ConsumerRole,
    /// Role A or Role B.
    AnyRole,
}

/// The documentation of a rule.
#[derive(Debug)]
pub struct RuleMeta {
    /// Its id, which is forever.
    pub id: &'static str,
    /// The condition that it reports, in a line.
    pub title: &'static str,
    /// The severity of its findings.
    pub severity: Severity,
    /// The nature of its findings.
    pub kind: RuleKind,
    /// The inputs that it requires.
    pub needs: RuleNeed,
    /// The version that had it first.
    pub since: &'static str,
    /// The page that `explain` prints, in Markdown.
    pub page: &'static str,
    /// The options that it accepts.
    pub options: &'static [OptionMeta],
    /// The one thing to do next.
    pub next_step: &'static str,
    /// The command to do it with: CHAIN stands for the most telling chain, CONSUMER for the account,
    /// FROM and TO for the days it happened on.
    pub command: &'static str,
}

/// A rule: a pure function of facts.
pub trait Rule: Send + Sync {
    /// Returns the documentation of the rule.
    fn meta(&self) -> &'static RuleMeta;

    /// Says what the rule wants to know of the days before the window, if that depends on its options.
    fn ask_of_history(&self, options: &mut HistoryOptions) {
        let _ = options;
    }

    /// Returns true if the cause of an earlier finding of this rule, which was not found this time, is
    /// known to be gone. That it does not show is no proof.
    fn is_remedied(&self, finding: &PreviousFinding, context: &RuleContext<'_>) -> bool {
        let _ = (finding, context);
        false
    }

    /// Looks at the facts and says what it found, what it needs and does not have,
    /// and what it could not evaluate.
    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>);

    /// The days it evaluates consumers by, with what it expects of them; none for rules
    /// that expect nothing of days.
    fn trends(&self, context: &RuleContext<'_>) -> Vec<Trend> {
        let _ = context;
        Vec::new()
    }
}

/// A rule in the registry.
pub struct RuleEntry {
    /// The documentation of the rule.
    pub meta: &'static RuleMeta,
    /// Makes it from its options.
    pub build: fn(&Options<'_>) -> Result<Box<dyn Rule>, OptionsError>,
}

/// The reason why options of a rule are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rules.{rule}.{name}: {message}")]
pub struct OptionsError {
    /// The rule.
    pub rule: String,
    /// The option.
    pub name: String,
    /// The error's message.
    pub message: String,
}

/// The options of one rule as they were written.
pub struct Options<'a> {
    meta: &'static RuleMeta,
    table: Option<&'a toml::Table>,
}

impl<'a> Options<'a> {
    /// The options of a rule; `None` where the configuration has none.
    #[must_use]
    pub fn new(meta: &'static RuleMeta, table: Option<&'a toml::Table>) -> Self {
        Self { meta, table }
    }

    /// An error about an option.
    #[must_use]
    pub fn wrong(&self, name: &str, message: impl Into<String>) -> OptionsError {
        OptionsError {
            rule: self.meta.id.to_owned(),
            name: name.to_owned(),
            message: message.into(),
        }
    }

    fn is_known(&self, name: &str) -> bool {
        name == "enabled" || self.meta.options.iter().any(|option| option.name == name)
    }

    fn get(&self, name: &str) -> Option<&'a toml::Value> {
        assert!(self.is_known(name), "{name} is not documented");
        self.table?.get(name)
    }

    /// Complains about the first option that no rule, or not this one, has.
    ///
    /// # Errors
    ///
    /// When there is one.
    pub fn check_names(&self) -> Result<(), OptionsError> {
        let Some(table) = self.table else {
            return Ok(());
        };
        match table.keys().find(|name| !self.is_known(name)) {
            None => Ok(()),
            Some(unknown) => {
                let names = self.meta.options.iter().map(|option| option.name);
                let names: Vec<&str> = std::iter::once("enabled").chain(names).collect();
                let message = format!("unknown option; the options are {}", names.join(", "));
                Err(self.wrong(unknown, message))
            }
        }
    }

    /// Returns whether the rule is to run.
    ///
    /// # Errors
    ///
    /// When `enabled` is no truth value.
    pub fn is_enabled(&self) -> Result<bool, OptionsError> {
        match self.get("enabled") {
            None => Ok(true),
            Some(toml::Value::Boolean(enabled)) => Ok(*enabled),
            Some(_) => Err(self.wrong("enabled", "must be true or false")),
        }
    }

    /// A whole number of at least `least`.
    ///
    /// # Errors
    ///
    /// When it is anything else.
    pub fn integer(&self, name: &str, default: u64, least: u64) -> Result<u64, OptionsError> {
        let wrong = || self.wrong(name, format!("must be an integer of at least {least}"));
        match self.get(name) {
            None => Ok(default),
            Some(value) => {
                let number = value
                    .as_integer()
                    .and_then(|number| u64::try_from(number).ok());
                number.filter(|number| *number >= least).ok_or_else(wrong)
            }
        }
    }

    /// A number of at least `least`.
    ///
    /// # Errors
    ///
    /// When it is anything else.
    pub fn number(&self, name: &str, default: f64, least: f64) -> Result<f64, OptionsError> {
        let wrong = || self.wrong(name, format!("must be a number of at least {least}"));
        let number = match self.get(name) {
            None => return Ok(default),
            Some(toml::Value::Float(number)) => Some(*number),
            Some(toml::Value::Integer(number)) => i32::try_from(*number).ok().map(f64::from),
            Some(_) => None,
        };
        number
            .filter(|number| number.is_finite() && *number >= least)
            .ok_or_else(wrong)
    }

    /// An amount of money: a decimal in quotes, or a whole number.
    ///
    /// # Errors
    ///
    /// When it is anything else, or negative.
    pub fn amount(&self, name: &str, default: Decimal) -> Result<Decimal, OptionsError> {
        let amount = match self.get(name) {
            None => return Ok(default),
            Some(toml::Value::String(text)) => crate::model::money::parse_decimal(text),
            Some(toml::Value::Integer(number)) => Some(Decimal::from(*number)),
            Some(_) => None,
        };
        amount
            .filter(|amount| !amount.is_sign_negative())
            .ok_or_else(|| self.wrong(name, "must be an amount such as \"5.00\""))
    }

    /// Texts.
    ///
    /// # Errors
    ///
    /// When it is anything but a list of strings.
    pub fn texts(&self, name: &str) -> Result<Vec<Text>, OptionsError> {
        let wrong = || self.wrong(name, "must be a list of strings");
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(toml::Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().map(Text::from).ok_or_else(wrong))
                .collect(),
            Some(_) => Err(wrong()),
        }
    }
}

/// The results of a rule.
pub struct FindingSink<'v> {
    meta: &'static RuleMeta,
    integrity_index: Option<&'v IntegrityIndex>,
    findings: Vec<Finding>,
    skipped: Option<String>,
    notes: Vec<String>,
    undone: Vec<String>,
    put_back: Vec<String>,
}

/// The results of all rules.
#[derive(Debug, Default)]
pub struct Checked {
    /// Findings.
    pub findings: Vec<Finding>,
    /// The report on each rule.
    pub reports: Vec<RuleReport>,
    /// Ids of findings of earlier runs that were undone in the window.
    pub undone: BTreeSet<String>,
    /// Ids of findings that only tell how what an earlier run found was put back.
    pub put_back: BTreeSet<String>,
}

/// A finding before it has an id.
pub(super) struct FindingDraft<'g> {
    pub(super) subject: Subject,
    pub(super) title: String,
    pub(super) detail: String,
    pub(super) consumer_account_id: Option<AccountId>,
    pub(super) evidence: Vec<(&'static str, Evidence)>,
    /// Instead of the rule's own, where that depends.
    pub(super) next_step: Option<&'static str>,
    pub(super) occurrences: &'g Occurrences,
}

impl<'v> FindingSink<'v> {
    /// Nothing found yet by this rule. `integrity_index` has the integrity status of files, if they
    /// were verified.
    #[must_use]
    pub fn new(meta: &'static RuleMeta, integrity_index: Option<&'v IntegrityIndex>) -> Self {
        Self {
            meta,
            integrity_index,
            findings: Vec::new(),
            skipped: None,
            notes: Vec::new(),
            undone: Vec::new(),
            put_back: Vec::new(),
        }
    }

    /// Says that what an earlier finding of this subject told was undone since.
    pub(super) fn undo(&mut self, subject: &Subject) {
        self.undone.push(finding_id(self.meta.id, subject));
    }

    /// Says that the finding of this subject is no more than the remedy of an earlier one, if there was one.
    pub(super) fn put_back(&mut self, subject: &Subject) {
        self.put_back.push(finding_id(self.meta.id, subject));
    }

    /// Records that the rule was skipped, and why.
    pub(super) fn skip(&mut self, why: impl Into<String>) {
        self.skipped = Some(why.into());
    }

    /// Says what could not be evaluated.
    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Takes a finding with the severity of the rule.
    pub(super) fn add(&mut self, draft: FindingDraft<'_>) {
        self.add_at(self.meta.severity, draft);
    }

    /// Takes a finding with a severity of its own.
    pub(super) fn add_at(&mut self, severity: Severity, draft: FindingDraft<'_>) {
        let occurrences = draft.occurrences;
        let Some((first_seen, last_seen)) = occurrences.span() else {
            return;
        };
        let limit = FINDING_IDS_MAX;
        self.findings.push(Finding {
            finding_id: finding_id(self.meta.id, &draft.subject),
            incident_id: String::new(),
            rule: self.meta.id,
            severity,
            title: bounded(draft.title, TITLE_LETTERS_MAX),
            detail: bounded(draft.detail, DETAIL_LETTERS_MAX),
            next_step: draft.next_step.unwrap_or(self.meta.next_step).to_owned(),
            command: command(
                self.meta,
                occurrences,
                draft.consumer_account_id.as_deref(),
                (first_seen, last_seen),
            ),
            consumer_account_id: draft.consumer_account_id,
            subject: draft.subject,
            role_arns: Vec::new(),
            evidence: draft.evidence,
            chain_ids: occurrences.chains().iter().take(limit).cloned().collect(),
            chain_count: occurrences.chains().len() as u64,
            event_ids: occurrences.events().iter().take(limit).cloned().collect(),
            event_count: occurrences.events().len() as u64,
            first_seen,
            last_seen,
            count: occurrences.count(),
            status: FindingStatus::New,
            occurrence: 1,
            evidence_keys: match self.meta.kind {
                RuleKind::Condition => BTreeSet::new(),
                RuleKind::Event => occurrences.keys(),
            },
            acknowledged: None,
            integrity: self
                .integrity_index
                .map(|integrity_index| integrity_index.of(occurrences)),
        });
    }

    /// The findings, and what the rule did.
    #[must_use]
    pub fn finish(self) -> Checked {
        let report = RuleReport {
            rule: self.meta.id,
            severity: self.meta.severity,
            state: match self.skipped {
                Some(why) => RuleState::Skipped(why),
                None => RuleState::Ran,
            },
            notes: self.notes,
        };
        Checked {
            findings: self.findings,
            reports: vec![report],
            undone: self.undone.into_iter().collect(),
            put_back: self.put_back.into_iter().collect(),
        }
    }
}

/// The command with its chain, account and days; the rule's page where there is none of them.
fn command(
    meta: &RuleMeta,
    occurrences: &Occurrences,
    consumer: Option<&str>,
    (first, last): (UtcSecond, UtcSecond),
) -> String {
    let lead = occurrences.lead();
    let lacks = |word: &str, value: Option<&str>| meta.command.contains(word) && value.is_none();
    if lacks("CHAIN", lead) || lacks("CONSUMER", consumer) {
        return format!("qs-audit explain {}", meta.id);
    }
    let next_day = last.plus(86_400).day().to_string();
    meta.command
        .replace("CHAIN", lead.unwrap_or_default())
        .replace("CONSUMER", consumer.unwrap_or_default())
        .replace("FROM", &first.day().to_string())
        .replace("TO", &next_day)
}

/// Text of at most so many letters: what a log holds may be of any length.
fn bounded(text: String, letters: usize) -> String {
    match text.char_indices().nth(letters) {
        None => text,
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}

fn finding_id(rule: &str, subject: &Subject) -> String {
    let members = subject.0.iter();
    let parts = members.flat_map(|(key, value)| [*key, &**value]);
    digest_id('f', std::iter::once(rule).chain(parts))
}
