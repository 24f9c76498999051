//! `log-gap`: an account or Region that usually logs was silent, or an account that
//! chains go through has no logs at all.

use super::context::RuleContext;
use super::occurrences::{Occurrences, plural, sample};
use super::rule::{
    FindingDraft, FindingSink, OptionMeta, Options, OptionsError, Rule, RuleEntry, RuleKind,
    RuleMeta, RuleNeed,
};
use super::spike::day_name;
use crate::model::chain::ChainStatus;
use crate::model::finding::{Evidence, PreviousFinding, Severity, Subject};
use crate::model::ids::{AccountId, Region};
use crate::model::integrity::{Integrity, UncoveredWhy};
use crate::model::text::Text;
use crate::model::time::UtcDay;
use crate::model::window::TimeWindow;
use std::collections::{BTreeMap, BTreeSet};

static META: RuleMeta = RuleMeta {
    id: "log-gap",
    title: "An account or Region that usually logs delivered nothing, or an account of a chain has no logs",
    severity: Severity::Medium,
    kind: RuleKind::Condition,
    needs: RuleNeed::Nothing,
    since: "0.1.0",
    page: include_str!("log_gap.md"),
    options: &[
        OptionMeta {
            name: "min_history_days",
            default: "7",
            meaning: "minimum days with logs before the window; with fewer, gaps of a Region are not evaluated",
        },
        OptionMeta {
            name: "usual_percent",
            default: "90",
            meaning: "minimum share of similar days with logs, in percent, for an account and Region to count as usually logging",
        },
    ],
    next_step: "check that CloudTrail delivers, and that this run was given the logs",
    command: "qs-audit explain log-gap",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry { meta: &META, build };

fn build(options: &Options<'_>) -> Result<Box<dyn Rule>, OptionsError> {
    let usual_percent = options.integer("usual_percent", 90, 1)?;
    if usual_percent > 100 {
        return Err(options.wrong("usual_percent", "must be at most 100"));
    }
    Ok(Box::new(LogGap {
        history_days_min: options.integer("min_history_days", 7, 1)?,
        usual_percent,
    }))
}

/// Days like one that silence is evaluated by, at least.
const LIKE_DAYS_MIN: usize = 4;

struct LogGap {
    history_days_min: u64,
    usual_percent: u64,
}

/// Whole UTC days of the window. What follows the last event of all may not have
/// been delivered yet: that is evaluated only where the window's end is asked for.
fn whole_days(context: &RuleContext<'_>) -> Vec<UtcDay> {
    let (Some(from), Some(to)) = (context.input.window.from, context.input.window.to) else {
        return Vec::new();
    };
    let first = from.first_whole_day();
    first.until(to.utc_day()).collect()
}

impl LogGap {
    /// Places (an account in a Region) that were silent on days on which they
    /// usually are not.
    fn silent(&self, context: &RuleContext<'_>) -> Silence {
        let mut days: BTreeMap<(AccountId, Region), BTreeSet<UtcDay>> = BTreeMap::new();
        for (account, region, day) in context.input.coverage.seen.keys() {
            let place = (account.clone(), region.clone());
            days.entry(place).or_default().insert(UtcDay::of(*day));
        }
        let before = context.baseline_days();
        let mut silence = Silence::default();
        for (place, logged) in days {
            for day in whole_days(context) {
                // A silence that began earlier does not become usual.
                let last = logged
                    .range(..day)
                    .next_back()
                    .copied()
                    .unwrap_or(UtcDay::MIN);
                let like: Vec<UtcDay> = before
                    .iter()
                    .copied()
                    .filter(|known| known.is_weekend() == day.is_weekend() && *known <= last)
                    .collect();
                let active = like.iter().filter(|known| logged.contains(known)).count() as u64;
                let enough = like.len() >= LIKE_DAYS_MIN;
                if !enough || active * 100 < self.usual_percent * like.len() as u64 {
                    continue;
                }
                *silence.usual.entry(day).or_default() += 1;
                if !logged.contains(&day) {
                    silence.gaps.entry(place.clone()).or_default().push(day);
                }
            }
        }
        silence
    }

    fn add_silence(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        let history = context.baseline_days().len() as u64;
        if history < self.history_days_min {
            sink.note(format!(
                "not enough history to evaluate gaps: {} with logs before the window",
                plural(history, "day")
            ));
            return;
        }
        let Silence { usual, gaps } = self.silent(context);
        let mut silent_on: BTreeMap<UtcDay, usize> = BTreeMap::new();
        for day in gaps.values().flatten() {
            *silent_on.entry(*day).or_default() += 1;
        }
        // A day on which nearly no one logged is one gap, not as many as there are
        // places; a few records may spill over midnight.
        let of_all: Vec<UtcDay> = silent_on
            .iter()
            .filter(|(day, silent)| **silent > 1 && **silent * 5 >= usual[day] * 4)
            .map(|(day, _)| *day)
            .collect();
        if !of_all.is_empty() {
            let subject = Subject(vec![("scope", "all accounts".into())]);
            let of_nobody = context.input.verification.map(|_| Integrity::Unverified);
            add_gap(
                sink,
                subject,
                None,
                of_nobody,
                "(nearly) every account",
                &of_all,
            );
        }
        for ((account, region), days) in &gaps {
            let alone = days.iter().copied().filter(|day| !of_all.contains(day));
            let alone: Vec<UtcDay> = alone.collect();
            if alone.is_empty() {
                continue;
            }
            let consumer = context.input.topology.consumer(account);
            let who = format!("{} in {region}", context.account(account));
            let subject = Subject(vec![
                ("account_id", account.clone().into()),
                ("region", region.clone().into()),
            ]);
            let consumer = consumer.map(|consumer| consumer.account_id.clone());
            let integrity = context.input.verification.map(|verification| {
                let days = alone.iter().copied().map(TimeWindow::of_day);
                let integrity = days.map(|day| verification.integrity_of(account, region, day));
                Integrity::worst(integrity).unwrap_or(Integrity::Unverified)
            });
            add_gap(sink, subject, consumer, integrity, &who, &alone);
        }
    }
}

/// A period without logs of an account and Region.
#[derive(Default)]
struct Silence {
    /// Places that usually log on a day.
    usual: BTreeMap<UtcDay, usize>,
    /// Days on which a place that usually logs did not.
    gaps: BTreeMap<(AccountId, Region), Vec<UtcDay>>,
}

fn add_gap(
    sink: &mut FindingSink<'_>,
    subject: Subject,
    consumer_account_id: Option<AccountId>,
    integrity: Option<Integrity>,
    who: &str,
    days: &[UtcDay],
) {
    let mut occurrences = Occurrences::default();
    for day in days {
        let midnight = day.start();
        occurrences.happened(midnight).seen(midnight.plus(86_399));
    }
    occurrences.with_integrity(integrity);
    let digests = match integrity {
        Some(Integrity::Verified) => {
            " CloudTrail's digests cover the period completely and list no missing files: nothing was delivered."
        }
        Some(Integrity::Failed) => {
            " CloudTrail's digests of that period, or files that they list, are missing or modified: the account may have \
             been active."
        }
        Some(Integrity::Unverified) | None => "",
    };
    let names: Vec<String> = days.iter().map(|day| day_name(*day)).collect();
    sink.add(FindingDraft {
        title: format!("{who} logged nothing on {}", sample(&names)),
        detail: format!(
            "{who} usually logs, but logged nothing on {}: {}. Activity in that period is unknown.{digests}",
            plural(days.len() as u64, "day"),
            sample(&names)
        ),
        subject,
        consumer_account_id,
        evidence: vec![("days", Evidence::texts(names))],
        next_step: None,
        occurrences: &occurrences,
    });
}

/// Accounts that ought to have logs and have none: consumers, and the hub.
fn add_accounts_without_logs(context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
    let hubs = context.hub_accounts();
    let mut by_subject: BTreeMap<AccountId, Occurrences> = BTreeMap::new();
    for active in context.active() {
        let chain = active.chain;
        let hub = chain
            .hub_account_id
            .iter()
            .filter(|account| hubs.contains(*account));
        let reached = (chain.status != ChainStatus::Denied).then_some(&chain.consumer_account_id);
        let consumer = reached.into_iter().flatten();
        for account in hub.chain(consumer) {
            if !context.has_logs_in_window(account) {
                let occurrences = by_subject.entry(account.clone()).or_default();
                occurrences
                    .happened(active.first)
                    .seen(active.last)
                    .with_chain(&chain.chain_id);
            }
        }
    }
    for (account, occurrences) in &by_subject {
        let is_hub = hubs.contains(account);
        let (part, lost) = if is_hub {
            (
                "the hub",
                "Quick users, denied attempts and session policies are unknown",
            )
        } else {
            ("a consumer", "queries are unknown")
        };
        sink.add(FindingDraft {
            title: format!("No logs of {} were read", context.account(account)),
            detail: format!(
                "{} through account {account}, {part}, but no record of that account in the window was read: {lost}.",
                plural(occurrences.count(), "chain") + if occurrences.count() == 1 { " goes" } else { " go" }
            ),
            subject: Subject(vec![("account_id", account.clone().into())]),
            consumer_account_id: (!is_hub).then(|| account.clone()),
            evidence: Vec::new(),
            next_step: None,
            occurrences,
        });
    }
}

/// Time of which the digests themselves say that CloudTrail delivered nothing.
fn add_undelivered(context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
    let verification = context.input.verification.into_iter();
    let uncovered = verification.flat_map(|one| &one.uncovered);
    let mut by_subject: BTreeMap<(AccountId, Region), (Occurrences, Vec<Text>)> = BTreeMap::new();
    for one in uncovered.filter(|one| one.why != UncoveredWhy::DigestsMissing) {
        if !context.in_window(one.to.plus(-1)) {
            continue;
        }
        let key = (one.place.account_id.clone(), one.place.region.clone());
        let (occurrences, times) = by_subject.entry(key).or_default();
        occurrences
            .happened(one.from)
            .seen(one.to.plus(-1))
            .with_integrity(Some(if one.is_proven {
                Integrity::Verified
            } else {
                Integrity::Unverified
            }));
        times.push(format!("{} to {}", one.from, one.to).into());
    }
    for ((account, region), (occurrences, times)) in &by_subject {
        let consumer = context.input.topology.consumer(account);
        let who = format!("{} in {region}", context.account(account));
        sink.add(FindingDraft {
            title: format!("CloudTrail delivered nothing for {who}: {}", sample(times)),
            detail: format!(
                "The digests of {who} do not cover {}: {}. Logging or log file validation was off. Activity in that period \
                 is unknown.",
                plural(times.len() as u64, "time"),
                sample(times)
            ),
            subject: Subject(vec![
                ("account_id", account.clone().into()),
                ("region", region.clone().into()),
                ("gap", "digests".into()),
            ]),
            consumer_account_id: consumer.map(|consumer| consumer.account_id.clone()),
            evidence: vec![("times", Evidence::texts(times.iter().cloned()))],
            next_step: None,
            occurrences,
        });
    }
}

impl Rule for LogGap {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn is_remedied(&self, finding: &PreviousFinding, context: &RuleContext<'_>) -> bool {
        // Digests that are missing stay missing.
        let is_of_digests = finding.subject("gap").is_some();
        let account = finding.subject("account_id");
        let account = account.map(|account| AccountId::from(account.clone()));
        let is_logged = match (&account, finding.subject("region")) {
            (Some(account), Some(region)) => context.is_place_logged(account, region),
            (Some(account), None) => context.has_logs_in_window(account),
            (None, _) => !context.accounts_logged().is_empty(),
        };
        let is_later = context
            .input
            .window
            .from
            .is_some_and(|from| finding.last_seen < from);
        is_logged && is_later && !is_of_digests
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        add_accounts_without_logs(context, sink);
        add_undelivered(context, sink);
        self.add_silence(context, sink);
    }
}
