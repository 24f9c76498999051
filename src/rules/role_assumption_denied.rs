//! `role-assumption-denied`: attempts on Role A or Role B were refused, in bursts or by a
//! stranger (docs/cloudtrail-facts.md#refused-calls).

use super::context::RuleContext;
use super::hop::{role_text, steady_caller};
use super::occurrences::{Occurrences, plural, sample};
use super::rule::{
    FindingDraft, FindingSink, OptionMeta, Options, OptionsError, Rule, RuleEntry, RuleKind,
    RuleMeta, RuleNeed,
};
use crate::model::chain::{ChainPath, ChainStatus};
use crate::model::finding::{Evidence, Severity, Subject};
use crate::model::identity::RoleName;
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use std::collections::BTreeMap;

static META: RuleMeta = RuleMeta {
    id: "role-assumption-denied",
    title: "AssumeRole on Role A or Role B is denied: repeatedly for Quick, or at all for anyone else",
    severity: Severity::Medium,
    kind: RuleKind::Event,
    needs: RuleNeed::AnyRole,
    since: "0.1.0",
    page: include_str!("role_assumption_denied.md"),
    options: &[
        OptionMeta {
            name: "burst_attempts",
            default: "3",
            meaning: "minimum denied attempts by one caller on one role in a burst",
        },
        OptionMeta {
            name: "burst_seconds",
            default: "300",
            meaning: "maximum duration of a burst, in seconds",
        },
    ],
    next_step: "look at the attempts; correct Role B's trust policy or Role A's permission to assume it",
    command: "qs-audit show CHAIN",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry { meta: &META, build };

fn build(options: &Options<'_>) -> Result<Box<dyn Rule>, OptionsError> {
    let attempts = options.integer("burst_attempts", 3, 2)?;
    let seconds = options.integer("burst_seconds", 300, 1)?;
    Ok(Box::new(RoleAssumptionDenied {
        burst_attempts: usize::try_from(attempts).unwrap_or(usize::MAX),
        burst_seconds: seconds,
    }))
}

struct RoleAssumptionDenied {
    burst_attempts: usize,
    burst_seconds: u64,
}

impl RoleAssumptionDenied {
    /// The most attempts within the seconds of a burst; `times` are sorted.
    fn burst(&self, times: &[UtcSecond]) -> usize {
        let mut first = 0;
        let mut most = 0;
        for (last, time) in times.iter().enumerate() {
            while times[first].distance(*time) > self.burst_seconds {
                first += 1;
            }
            most = most.max(last + 1 - first);
        }
        most
    }
}

/// Refused attempts of one caller on one role.
struct Attempts {
    occurrences: Occurrences,
    times: Vec<UtcSecond>,
    /// Attempts that were not Quick's.
    by_strangers: usize,
    /// Attempts of the chain that has most of them.
    most: usize,
}

/// Refused attempts in the window, by role and caller.
fn attempts(context: &RuleContext<'_>) -> BTreeMap<(Text, Text), Attempts> {
    let mut all: BTreeMap<(Text, Text), Attempts> = BTreeMap::new();
    for active in context.active() {
        let chain = active.chain;
        if chain.status != ChainStatus::Denied {
            continue;
        }
        let refused = chain
            .consumer_session
            .as_ref()
            .or_else(|| chain.caller_session());
        let Some(refused) = refused else { continue };
        let role = refused.role_arn.as_deref().and_then(RoleName::from_arn);
        let role = role.map_or_else(|| "an unnamed role".into(), |role| role_text(&role));
        let caller = refused.assumed_by.as_deref().map(steady_caller);
        let caller = caller.unwrap_or_else(|| "an unknown caller".into());
        let attempts = all.entry((role, caller)).or_insert_with(|| Attempts {
            occurrences: Occurrences::default(),
            times: Vec::new(),
            by_strangers: 0,
            most: 0,
        });
        let before = attempts.times.len();
        for entry in &chain.events {
            let event = &context.input.events[entry.event as usize];
            let is_attempt = refused.event_ids.contains(&event.id);
            if !is_attempt || !context.in_window(event.time) {
                continue;
            }
            attempts.times.push(event.time);
            attempts
                .occurrences
                .happened(event.time)
                .with_events([&event.id])
                .with_chain(&chain.chain_id)
                .with_word("error_codes", event.error_code.as_ref())
                .with_word("source_ips", event.source_ip.as_ref());
        }
        // The chain with most of them is the one to look at.
        let own = attempts.times.len() - before;
        if chain.path != ChainPath::QuickRoleChain {
            attempts.by_strangers += own;
        }
        if own > attempts.most {
            attempts.most = own;
            attempts.occurrences.led_by(&chain.chain_id);
        }
    }
    all
}

impl Rule for RoleAssumptionDenied {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        let mut all = attempts(context);
        for ((role, caller), attempts) in &mut all {
            attempts.times.sort_unstable();
            let burst = self.burst(&attempts.times);
            let is_stranger = attempts.by_strangers > 0;
            if !is_stranger && burst < self.burst_attempts {
                continue;
            }
            let occurrences = &attempts.occurrences;
            let account = role.split(':').next().unwrap_or_default();
            let is_run_as = context
                .input
                .roles
                .run_as
                .iter()
                .any(|known| role_text(known) == *role);
            let codes = occurrences.words("error_codes");
            let who = match attempts.by_strangers {
                0 => "a session of Role A".to_owned(),
                all if all == attempts.times.len() => "who is not Quick".to_owned(),
                some => format!("in sessions of which {some} were not created by Quick"),
            };
            sink.add(FindingDraft {
                title: format!("{} on {role} by {caller} denied", plural(occurrences.count(), "attempt")),
                detail: format!(
                    "{caller}, {who}, was denied sts:AssumeRole on {role} ({}): {} in total, {burst} of them within {} s.",
                    sample(&codes),
                    plural(occurrences.count(), "attempt"),
                    self.burst_seconds
                ),
                subject: Subject(vec![("role", role.clone()), ("caller", caller.clone())]),
                consumer_account_id: (!is_run_as && account.len() == 12).then(|| account.into()),
                evidence: vec![
                    ("error_codes", Evidence::texts(codes)),
                    ("source_ips", Evidence::texts(occurrences.words("source_ips"))),
                    ("most_within_burst", Evidence::Integer(burst as u64)),
                ],
                next_step: is_stranger.then_some(
                    "find out who it is; remove sts:AssumeRole on the role from that principal",
                ),
                occurrences,
            });
        }
    }
}
