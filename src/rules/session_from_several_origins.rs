//! `session-from-several-origins`: one session is used by different programs, or
//! from different places, in a way that Quick does not.
//!
//! Quick's own calls come from many public addresses, or under a service's name, and with the
//! agents of its driver (docs/cloudtrail-facts.md#quicks-role-chain,
//! docs/cloudtrail-facts.md#startqueryexecution): addresses of those tell nothing. How Quick's
//! programs call themselves is not documented; what a large part of its sessions use is taken
//! for its own.

use super::context::RuleContext;
use super::hop::role_text;
use super::occurrences::{Occurrences, plural, sample};
use super::rule::{
    FindingDraft, FindingSink, OptionMeta, Options, OptionsError, Rule, RuleEntry, RuleKind,
    RuleMeta, RuleNeed,
};
use crate::model::chain::{Chain, ChainPart, ChainPath, RoleSession, SessionIssuer};
use crate::model::event::{Detail, Event};
use crate::model::finding::{Evidence, Severity, Subject};
use crate::model::identity::{RoleName, is_quick_service};
use crate::model::ids::{AccessKeyId, EventId, is_data_source_arn};
use crate::model::text::Text;
use crate::model::time::UtcSecond;
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

/// The parts of the user agents of Quick's own calls (docs/cloudtrail-facts.md#quicks-role-chain,
/// docs/cloudtrail-facts.md#startqueryexecution).
const QUICK_AGENTS: [&str; 4] = [
    "quicksight",
    "sbAthenaJDBCDriver",
    "AthenaJDBC",
    "aws-internal",
];
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
/// The label of a call without a user agent.
const NO_AGENT: &str = "a program without a name";
/// A program that one in so many sessions uses is Quick's, whatever its name.
const USUAL_ONE_IN: usize = 5;
/// With fewer sessions, nothing is usual yet.
const USUAL_SESSIONS_MIN: usize = 20;

fn build(options: &Options<'_>) -> Result<Box<dyn Rule>, OptionsError> {
    let own = QUICK_AGENTS.into_iter().map(Text::from);
    let quick_agents = own.chain(options.texts("quick_agents")?).collect();
    Ok(Box::new(SessionFromSeveralOrigins { quick_agents }))
}

struct SessionFromSeveralOrigins {
    quick_agents: Vec<Text>,
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

/// The program of a user agent.
fn program(agent: Option<&Text>) -> Text {
    let Some(agent) = agent else {
        return NO_AGENT.into();
    };
    agent.split(['/', ' ']).next().unwrap_or(agent).into()
}

impl SessionFromSeveralOrigins {
    fn is_quick(&self, event: &Event) -> bool {
        let source = event.source_ip.as_deref().unwrap_or_default();
        let agent = event.user_agent.as_deref().unwrap_or_default();
        let agent = agent.to_ascii_lowercase();
        let mut known = self.quick_agents.iter();
        // Quick's second hop may come with an SDK's agent
        // (docs/cloudtrail-facts.md#quicks-role-chain).
        let is_second_hop = match &event.detail {
            Detail::CredentialIssuance(issue) => {
                issue.external_id.as_deref().is_some_and(is_data_source_arn)
            }
            _ => false,
        };
        is_quick_service(source)
            || (is_second_hop && agent.starts_with("aws-sdk-"))
            || event.identity.is_invoked_by_quick()
            || known.any(|part| agent.contains(&part.to_ascii_lowercase()))
    }

    /// Notes a call that the session made itself; calls by other services for it do
    /// not tell where the session is.
    fn note<'a>(&self, origins: &mut Origins<'a>, event: &'a Event) {
        if self.is_quick(event) {
            origins.is_quicks = true;
            return;
        }
        let source = event.source_ip.as_deref().unwrap_or_default();
        let is_service = event.identity.invoked_by.is_some() || source.ends_with(".amazonaws.com");
        if !is_service && source != "AWS Internal" {
            let program = program(event.user_agent.as_ref());
            origins.others.entry(program).or_default().push(event);
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
fn usual_programs(sessions: &BTreeMap<SessionKey<'_>, Origins<'_>>) -> BTreeSet<Text> {
    let mut counts: BTreeMap<&Text, usize> = BTreeMap::new();
    for origins in sessions.values() {
        for program in origins.others.keys() {
            *counts.entry(program).or_default() += 1;
        }
    }
    let enough = sessions.len() >= USUAL_SESSIONS_MIN;
    let is_usual = |program: &Text, count: usize| {
        let is_tool = NEVER_QUICKS.iter().any(|tool| program.starts_with(tool));
        enough && !is_tool && **program != *NO_AGENT && count * USUAL_ONE_IN >= sessions.len()
    };
    let usual = counts
        .into_iter()
        .filter(|(program, count)| is_usual(program, *count));
    usual.map(|(program, _)| program.clone()).collect()
}

/// The session that made the call of an entry: of the making of the consumer
/// session, the one before.
fn maker_of<'a>(chain: &'a Chain, part: ChainPart, event: &Event) -> Option<&'a RoleSession> {
    let makes = |session: &RoleSession| session.event_ids.contains(&event.id);
    let run_as = chain.caller_session();
    let consumer = chain.consumer_session.as_ref();
    match part {
        ChainPart::Consumer if consumer.is_some_and(makes) => run_as,
        ChainPart::Consumer => consumer,
        ChainPart::RunAs => run_as.filter(|session| !makes(session)),
        ChainPart::Quick => None,
    }
}

/// A session: role, assumed role id, key, and the AssumeRole that made it.
type SessionKey<'a> = (RoleName, &'a Text, &'a Option<AccessKeyId>, &'a [EventId]);

impl SessionFromSeveralOrigins {
    /// Calls by sessions of Role A and Role B, of the window or of the time before.
    fn sessions<'a>(
        &self,
        context: &RuleContext<'a>,
        is_meant: impl Fn(UtcSecond) -> bool,
    ) -> BTreeMap<SessionKey<'a>, Origins<'a>> {
        let mut sessions: BTreeMap<SessionKey<'_>, Origins<'_>> = BTreeMap::new();
        let mut known: BTreeSet<(u32, &[EventId])> = BTreeSet::new();
        for chain in context.touching() {
            for entry in &chain.events {
                let event = &context.input.events[entry.event as usize];
                let Some(session) = maker_of(chain, entry.session, event) else {
                    continue;
                };
                let role = session.role_arn.as_deref().and_then(RoleName::from_arn);
                let (Some(role), Some(id)) = (role, &session.assumed_role_id) else {
                    continue;
                };
                let roles = context.input.roles;
                if !roles.run_as.contains(&role) && !roles.consumer.contains(&role) {
                    continue;
                }
                // Calls of Role A stand in every chain that came from it.
                let is_new = known.insert((entry.event, &session.event_ids));
                if !is_meant(event.time) {
                    continue;
                }
                let key = (role, id, &session.access_key_id, &session.event_ids[..]);
                let origins = sessions.entry(key).or_default();
                origins.chains.insert(&chain.chain_id);
                origins.is_quicks |= session.issuer == SessionIssuer::Quick
                    || (entry.session == ChainPart::Consumer
                        && chain.path == ChainPath::QuickRoleChain);
                if is_new {
                    self.note(origins, event);
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

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        let usual = usual_programs(&self.sessions(context, |at| context.in_baseline(at)));
        let mut sessions = self.sessions(context, |at| context.in_window(at));
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
