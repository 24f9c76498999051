//! `session-from-several-origins`: one session is used by different programs, or
//! from different places, in a way that Quick does not.
//!
//! Quick's own calls come from many public addresses, or under a service's name, and with the
//! agents of its driver (docs/cloudtrail-facts.md#quicks-role-chain,
//! docs/cloudtrail-facts.md#startqueryexecution): addresses of those tell nothing. How Quick's
//! programs call themselves is not documented; what a large part of its sessions use is taken
//! for its own.

use super::context::RuleContext;
use super::history::{
    HistoryOptions, NO_AGENT, QuickAgents, SeenCalls, SessionKey, SessionPrograms, SessionUser,
    session_calls,
};
use super::hop::role_text;
use super::occurrences::{Occurrences, plural, sample};
use super::rule::{
    FindingDraft, FindingSink, OptionMeta, Options, OptionsError, Rule, RuleEntry, RuleKind,
    RuleMeta, RuleNeed,
};
use crate::model::chain::{ChainPart, ChainPath, SessionIssuer};
use crate::model::event::Event;
use crate::model::finding::{Evidence, Severity, Subject};
use crate::model::identity::RoleName;
use crate::model::text::Text;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

static META: RuleMeta = RuleMeta {
    id: "session-from-several-origins",
    title: "One session is used from several addresses or by several programs, which Quick does not do",
    severity: Severity::Medium,
    kind: RuleKind::Event,
    needs: RuleNeed::AnyRole,
    since: "0.1.0",
    page: include_str!("session_from_several_origins.md"),
    options: &[OptionMeta {
        name: "quick_agents",
        default: "[]",
        meaning: "further texts that identify the user agents of Quick's own calls",
    }],
    next_step: "look at where the calls came from; if they are not Quick's, revoke the role's active sessions",
    command: "qs-audit show CHAIN --raw",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry { meta: &META, build };

/// Programs that people and scripts use: however many sessions they work with, they
/// are not Quick's.
const NEVER_QUICKS: [&str; 12] = [
    "aws-cli",
    "aws-sdk-go",
    "Boto3",
    "Botocore",
    "Mozilla",
    "console.amazonaws.com",
    "signin.amazonaws.com",
    "APN",
    "HashiCorp",
    "Terraform",
    "curl",
    "python-requests",
];
/// A program that one in so many sessions uses is Quick's, whatever its name.
const USUAL_ONE_IN: u64 = 5;
/// With fewer sessions, nothing is usual yet.
const USUAL_SESSIONS_MIN: u64 = 20;

fn build(options: &Options<'_>) -> Result<Box<dyn Rule>, OptionsError> {
    let quick_agents = QuickAgents::with(&options.texts("quick_agents")?);
    Ok(Box::new(SessionFromSeveralOrigins { quick_agents }))
}

struct SessionFromSeveralOrigins {
    quick_agents: QuickAgents,
}

/// The origins of one session's calls.
#[derive(Default)]
struct Origins<'a> {
    /// Quick made the session, or calls come under its name or by its driver.
    is_quicks: bool,
    /// Other calls in the window, by program.
    others: BTreeMap<Text, Vec<&'a Event>>,
    chains: BTreeSet<&'a str>,
}

impl Origins<'_> {
    fn addresses(&self) -> BTreeSet<IpAddr> {
        let events = self.others.values().flatten();
        let addresses = events.filter_map(|event| event.source_ip.as_deref()?.parse().ok());
        addresses.filter(|address| is_public(*address)).collect()
    }
}

impl SessionFromSeveralOrigins {
    /// Notes a call that the session made itself.
    fn note<'a>(&self, origins: &mut Origins<'a>, event: &'a Event) {
        match self.quick_agents.user_of(event) {
            SessionUser::Quick => origins.is_quicks = true,
            SessionUser::Service => {}
            SessionUser::Program(program) => {
                origins.others.entry(program).or_default().push(event);
            }
        }
    }
}

/// Returns true if the address tells places apart: one of a private network does not.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            !address.is_private() && !address.is_loopback() && !address.is_link_local()
        }
        IpAddr::V6(address) => !address.is_loopback() && !address.is_unique_local(),
    }
}

/// Returns the anomaly of the origins, if there is one.
fn oddity(origins: &Origins<'_>) -> Option<String> {
    let programs: Vec<&Text> = origins.others.keys().collect();
    let named = sample(&programs);
    let addresses = origins.addresses().len();
    match (origins.is_quicks, programs.len()) {
        (_, 0) => None,
        (true, _) => Some(format!("by {named} in addition to Quick")),
        (false, 2..) => Some(format!("by {named}")),
        (false, 1) if addresses > 1 => {
            Some(format!("by {named} from {addresses} public addresses"))
        }
        (false, 1) => None,
    }
}

/// Programs that so many sessions used before the window that they have to be Quick's.
fn usual_programs(before: &SessionPrograms) -> BTreeSet<Text> {
    let enough = before.sessions >= USUAL_SESSIONS_MIN;
    let is_usual = |program: &Text, sessions: u64| {
        let is_tool = NEVER_QUICKS.iter().any(|tool| program.starts_with(tool));
        enough && !is_tool && **program != *NO_AGENT && sessions * USUAL_ONE_IN >= before.sessions
    };
    let usual = before
        .programs
        .iter()
        .filter(|(program, sessions)| is_usual(program, **sessions));
    usual.map(|(program, _)| program.clone()).collect()
}

impl SessionFromSeveralOrigins {
    /// Sessions of Role A and Role B with their calls in the window.
    fn sessions<'a>(&self, context: &RuleContext<'a>) -> BTreeMap<SessionKey<'a>, Origins<'a>> {
        let mut sessions: BTreeMap<SessionKey<'_>, Origins<'_>> = BTreeMap::new();
        let mut seen = SeenCalls::default();
        for chain in context.touching() {
            for call in session_calls(chain, context.input.events, context.input.roles) {
                let is_new = seen.is_new(&call);
                if !context.in_window(call.event.time) {
                    continue;
                }
                let origins = sessions.entry(call.key).or_default();
                origins.chains.insert(&chain.chain_id);
                origins.is_quicks |= call.session.issuer == SessionIssuer::Quick
                    || (call.part == ChainPart::Consumer
                        && chain.path == ChainPath::QuickRoleChain);
                if is_new {
                    self.note(origins, call.event);
                }
            }
        }
        sessions
    }
}

impl Rule for SessionFromSeveralOrigins {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn ask_of_history(&self, options: &mut HistoryOptions) {
        options.quick_agents = self.quick_agents.clone();
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        let usual = usual_programs(context.input.history.programs());
        let mut sessions = self.sessions(context);
        if !usual.is_empty() {
            let usual: Vec<&Text> = usual.iter().collect();
            sink.note(format!(
                "accepted as Quick's own, because many earlier sessions used it: {}",
                sample(&usual)
            ));
        }
        let mut occurrences: BTreeMap<RoleName, (Occurrences, BTreeSet<String>)> = BTreeMap::new();
        for ((role, ..), origins) in &mut sessions {
            origins.others.retain(|program, _| !usual.contains(program));
            let Some(oddity) = oddity(origins) else {
                continue;
            };
            let (occurrences, how) = occurrences.entry(role.clone()).or_default();
            how.insert(oddity);
            let events: Vec<&Event> = origins.others.values().flatten().copied().collect();
            if let Some(first) = events.iter().map(|event| event.time).min() {
                occurrences.happened(first);
            }
            for event in events {
                occurrences
                    .seen(event.time)
                    .with_events([&event.id])
                    .with_word("source_ips", event.source_ip.as_ref())
                    .with_word("user_agents", event.user_agent.as_ref());
            }
            occurrences.with_chains(origins.chains.iter().copied());
        }
        for (role, (occurrences, how)) in &occurrences {
            let is_consumer = context.input.roles.consumer.contains(role);
            let how: Vec<&String> = how.iter().collect();
            let how = sample(&how);
            sink.add(FindingDraft {
                title: format!("A session of {} was used {how}", role_text(role)),
                detail: format!(
                    "{} of {} were used {how}; only Quick uses a session that Quick created.",
                    plural(occurrences.count(), "session"),
                    role_text(role)
                ),
                subject: Subject(vec![("role", role_text(role))]),
                consumer_account_id: is_consumer.then(|| role.account_id.clone()),
                evidence: vec![
                    (
                        "user_agents",
                        Evidence::texts(occurrences.words("user_agents").into_iter().take(20)),
                    ),
                    (
                        "source_ips",
                        Evidence::texts(occurrences.words("source_ips").into_iter().take(50)),
                    ),
                ],
                next_step: None,
                occurrences,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_tell_places_apart() {
        let public = |text: &str| is_public(text.parse().unwrap());
        assert!(public("203.0.113.10") && public("2001:db8::1"));
        assert!(!public("10.1.2.3") && !public("127.0.0.1") && !public("fd00::1"));
    }
}
