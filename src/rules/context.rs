//! The inputs of rules: the result of a run, indexed for their questions.

use super::history::{EventTallies, History, add_role_arns};
use super::hop::RoleAssumption;
use super::integrity_index::IntegrityIndex;
use super::table_reads::{TableRead, reads_of};
use crate::model::audit::is_named;
use crate::model::bill::BillPeriod;
use crate::model::chain::{Chain, ChainStatus, Confidence, RoleSession, SessionIssuer};
use crate::model::charge::Charge;
use crate::model::coverage::Coverage;
use crate::model::data_catalogs::ListedUser;
use crate::model::event::{Detail, Event};
use crate::model::identity::RoleName;
use crate::model::ids::{AccountId, EventId, Region, RoleArn, is_data_source_arn};
use crate::model::integrity::{Integrity, Verification};
use crate::model::inventory::Inventory;
use crate::model::text::Text;
use crate::model::time::{CLOCK_SKEW_SECONDS, SESSION_SECONDS_MAX, UtcDay, UtcSecond};
use crate::model::topology::{KnownRoles, Topology, UnconfirmedHub};
use crate::model::window::TimeWindow;
use hashbrown::HashMap;
use jiff::civil::Date;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The result of a run, before it is indexed.
#[derive(Clone, Copy)]
pub struct RuleInput<'a> {
    /// The evaluated window.
    pub window: TimeWindow,
    /// The length of the baseline before it, in days.
    pub baseline_days: i64,
    /// The declared topology.
    pub topology: &'a Topology,
    /// Quick's data sources, where they were listed.
    pub inventory: Option<&'a Inventory>,
    /// Users of Quick, where they were listed.
    pub quick_users: Option<&'a BTreeMap<Text, ListedUser>>,
    /// True if chat logs of Quick were read.
    pub has_chat_logs: bool,
    /// Role A and Role B, declared or found.
    pub roles: &'a KnownRoles,
    /// The days before the window.
    pub history: &'a History,
    /// Chains that were at work in the window; earlier ones, too, if these are at hand.
    pub chains: &'a [Chain],
    /// The events that these point into, those of the window, and earlier ones that
    /// [`is_of_rules`] asks for.
    pub events: &'a [Event],
    /// The coverage of the logs.
    pub coverage: &'a Coverage,
    /// True if query statistics were read.
    pub has_statistics: bool,
    /// Charges of window and baseline, where a bill was read.
    pub charges: Option<&'a [Charge]>,
    /// The result of digest verification, where the run asked for it.
    pub verification: Option<&'a Verification>,
    /// The integrity status of each object, where files were verified.
    pub integrity: &'a [Integrity],
}

/// A chain that touched Role A or Role B, at work in the window.
#[derive(Debug, Clone, Copy)]
pub struct ActiveChain<'a> {
    /// The chain.
    pub chain: &'a Chain,
    /// Its first event in the window.
    pub first: UtcSecond,
    /// Its last event in the window.
    pub last: UtcSecond,
}

/// The answer to a question that logs may leave open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// They say yes.
    Yes,
    /// They say no.
    No,
    /// They do not say.
    Open,
}

fn integrity_index(input: &RuleInput<'_>) -> IntegrityIndex {
    let mut integrity_index = IntegrityIndex::default();
    for event in input.events {
        let integrity = input.integrity.get(event.place.object as usize).copied();
        let integrity = integrity.unwrap_or(Integrity::Unverified);
        // Two accounts' copies of a call may have one id.
        let known = integrity_index
            .events
            .entry(event.id.clone())
            .or_insert(integrity);
        *known = (*known).min(integrity);
    }
    for chain in input.chains {
        let integrity = chain.integrity.unwrap_or(Integrity::Unverified);
        integrity_index
            .chains
            .insert(chain.chain_id.as_str().into(), integrity);
    }
    integrity_index
}

/// The inputs of rules.
pub struct RuleContext<'a> {
    /// As it was given.
    pub input: RuleInput<'a>,
    /// Hops, by time.
    hops: Vec<RoleAssumption<'a>>,
    /// Chains at work in the window, that touched Role A or Role B.
    active: Vec<ActiveChain<'a>>,
    /// Successful changes with their parameters.
    changes: Vec<(&'a Event, Value)>,
    /// UTC days (since 1970-01-01) on which an account logged anything.
    days_logged: BTreeMap<AccountId, BTreeSet<UtcDay>>,
    /// Ids and ARNs of data sources that are known to exist.
    data_sources: BTreeSet<Text>,
    /// The accounts that Quick lives in.
    hub_accounts: BTreeSet<AccountId>,
    /// What events tell, whenever they were.
    of_events: EventTallies,
    /// Roles as subjects name them, with an ARN that has their path.
    role_arns: BTreeMap<Text, RoleArn>,
    /// The integrity status of events and chains, where files were verified.
    integrity_index: Option<IntegrityIndex>,
}

impl<'a> RuleContext<'a> {
    /// Arranges what is known.
    #[must_use]
    pub fn new(input: RuleInput<'a>) -> Self {
        let mut days_logged: BTreeMap<AccountId, BTreeSet<UtcDay>> = BTreeMap::new();
        for (account, _, day) in input.coverage.seen.keys() {
            let days = days_logged.entry(account.clone()).or_default();
            days.insert(UtcDay::of(*day));
        }
        let touching = input.chains.iter().filter(|chain| chain.touches_quick);
        let active = touching.filter_map(|chain| active(chain, &input));
        let mut of_events = input.history.of_events().clone();
        for event in input.events {
            of_events.add(event);
        }
        Self {
            hops: hops(&input),
            active: active.collect(),
            changes: changes(&input),
            days_logged,
            data_sources: data_sources(&input, &of_events),
            hub_accounts: hub_accounts(&input),
            of_events,
            role_arns: role_arns(&input),
            integrity_index: input.verification.map(|_| integrity_index(&input)),
            input,
        }
    }

    /// Returns the integrity status of events and chains, where files were verified.
    pub(super) fn integrity_index(&self) -> Option<&IntegrityIndex> {
        self.integrity_index.as_ref()
    }

    /// Returns true if the moment is evaluated.
    #[must_use]
    pub fn in_window(&self, at: UtcSecond) -> bool {
        self.input.window.contains(at)
    }

    /// Returns true if the moment is before the window: it is compared with.
    #[must_use]
    pub fn in_baseline(&self, at: UtcSecond) -> bool {
        self.input.window.from.is_some_and(|from| at < from)
    }

    /// Hops in the window by which a session of Role B was made.
    pub fn consumer_hops(&self) -> impl Iterator<Item = &RoleAssumption<'a>> {
        let hops = self.hops.iter();
        hops.filter(|hop| hop.is_consumer && self.in_window(hop.at))
    }

    /// Hops in the window by which a session of Role A was made.
    pub fn run_as_hops(&self) -> impl Iterator<Item = &RoleAssumption<'a>> {
        let hops = self.hops.iter();
        hops.filter(|hop| hop.is_run_as && self.in_window(hop.at))
    }

    /// Chains that touched Role A or Role B.
    pub fn touching(&self) -> impl Iterator<Item = &'a Chain> {
        let chains = self.input.chains.iter();
        chains.filter(|chain| chain.touches_quick)
    }

    /// What events tell, whenever they were.
    pub(super) fn of_events(&self) -> &EventTallies {
        &self.of_events
    }

    /// Events of the window, and what can have led to them: those of a session's longest life before.
    pub fn recent_events(&self) -> impl Iterator<Item = &'a Event> {
        let window = self.input.window;
        let events = self.input.events.iter();
        events.filter(move |event| is_recent(event, &window))
    }

    /// Reads that were not made in the baseline.
    pub(super) fn table_reads(&self) -> impl Iterator<Item = TableRead<'a>> {
        let reads = self.input.chains.iter().flat_map(reads_of);
        reads.filter(|read| !self.in_baseline(read.at))
    }

    /// Chains at work in the window that touched Role A or Role B.
    #[must_use]
    pub fn active(&self) -> &[ActiveChain<'a>] {
        &self.active
    }

    /// Chains at work in the window that reached Role B.
    pub fn reaching(&self) -> impl Iterator<Item = &ActiveChain<'a>> {
        let reached = |active: &&ActiveChain<'_>| {
            active.chain.status != ChainStatus::Denied && active.chain.consumer_session.is_some()
        };
        self.active.iter().filter(reached)
    }

    /// The accounts that Quick lives in: declared, or where Role A is.
    #[must_use]
    pub fn hub_accounts(&self) -> &BTreeSet<AccountId> {
        &self.hub_accounts
    }

    /// The declared hub, if the logs do not confirm it: rules that need the hub are skipped.
    #[must_use]
    pub fn unconfirmed_hub(&self) -> Option<UnconfirmedHub> {
        unconfirmed_hub(&self.input)
    }

    /// Days on which an account logged anything, as days since 1970-01-01.
    #[must_use]
    pub fn days_logged(&self, account: &str) -> Option<&BTreeSet<UtcDay>> {
        self.days_logged.get(account)
    }

    /// Accounts that logged anything, with their days.
    #[must_use]
    pub fn accounts_logged(&self) -> &BTreeMap<AccountId, BTreeSet<UtcDay>> {
        &self.days_logged
    }

    /// Returns true if an account logged anything on a day of the window.
    #[must_use]
    pub fn has_logs_in_window(&self, account: &str) -> bool {
        let window = self.input.window;
        let first = (AccountId::from(account), Region::default(), Date::MIN);
        let seen = self.input.coverage.seen.range(first..);
        let mut own = seen.take_while(|((known, ..), _)| **known == *account);
        own.any(|(_, seen)| seen.is_in(&window))
    }

    /// Returns true if an account logged anything in a Region in the window.
    #[must_use]
    pub fn is_place_logged(&self, account: &AccountId, region: &str) -> bool {
        let window = self.input.window;
        let first = (account.clone(), Region::from(region), Date::MIN);
        let seen = self.input.coverage.seen.range(first..);
        let mut own = seen.take_while(|((known, of, _), _)| known == account && **of == *region);
        own.any(|(_, seen)| seen.is_in(&window))
    }

    /// Days before the window on which any account logged.
    #[must_use]
    pub fn baseline_days(&self) -> BTreeSet<UtcDay> {
        let Some(from) = self.input.window.from else {
            return BTreeSet::new();
        };
        let all = self.days_logged.values().flatten().copied();
        all.filter(|day| self.is_baseline_day(*day, from)).collect()
    }

    /// Days before the window on which this account logged.
    #[must_use]
    pub fn baseline_days_of(&self, account: &str) -> u64 {
        let Some(from) = self.input.window.from else {
            return 0;
        };
        let days = self.days_logged.get(account);
        let days = days.into_iter().flatten();
        days.filter(|day| self.is_baseline_day(**day, from)).count() as u64
    }

    fn is_baseline_day(&self, day: UtcDay, from: UtcSecond) -> bool {
        let first = from.utc_day() - self.input.baseline_days;
        (first..from.utc_day()).contains(&day)
    }

    /// Returns true if an external id is a data source that is known to exist. Without an
    /// inventory, every well-formed ARN of the hub is taken for one.
    #[must_use]
    pub fn is_data_source(&self, external_id: &str) -> bool {
        let inventory = self.input.inventory.filter(|list| list.covers(external_id));
        if let Some(inventory) = inventory {
            return inventory.find(external_id).is_some();
        }
        self.data_sources.contains(external_id)
            || (is_data_source_arn(external_id) && {
                let hubs = self.hub_accounts();
                let account = external_id.split(':').nth(4).unwrap_or_default();
                hubs.is_empty() || hubs.contains(account)
            })
    }

    /// Returns whether Quick made the session that assumed Role B, by the session's issuer, never
    /// by its name; open where the logs do not tell.
    #[must_use]
    pub fn is_from_quick(&self, hop: &RoleAssumption<'_>) -> Certainty {
        match hop.session.issuer {
            SessionIssuer::Quick => return Certainty::Yes,
            SessionIssuer::NotLogged => return Certainty::Open,
            SessionIssuer::Service | SessionIssuer::Federated => return Certainty::No,
            SessionIssuer::Principal => {}
        }
        let Some(chain) = hop.own_chains().next() else {
            return Certainty::Open;
        };
        let Some(caller) = chain.caller_session() else {
            // A user, or the root, of some account.
            return Certainty::No;
        };
        match caller.issuer {
            SessionIssuer::Quick => Certainty::Yes,
            SessionIssuer::Service | SessionIssuer::Principal | SessionIssuer::Federated => {
                Certainty::No
            }
            SessionIssuer::NotLogged if chain.confidence == Confidence::Ambiguous => {
                Certainty::Open
            }
            // Whose session it is, AWS itself says.
            SessionIssuer::NotLogged if hop.session.says_quick => Certainty::Yes,
            SessionIssuer::NotLogged => self.is_from_run_as_role(hop, caller),
        }
    }

    /// Returns whether a caller whose making was not read is Quick's: no, where it is of another role
    /// than Role A, or of another account than the hub; else open.
    fn is_from_run_as_role(&self, hop: &RoleAssumption<'_>, caller: &RoleSession) -> Certainty {
        // Where Role A is only discovered, there may be a second one.
        let run_as = &self.input.topology.run_as_roles;
        let by_arn = caller.role_arn.as_deref().and_then(RoleName::from_arn);
        let role = by_arn.or_else(|| {
            let id = caller.assumed_role_id.as_deref()?.split(':').next()?;
            self.of_events.role_ids.get(id).cloned()
        });
        let hubs = self.hub_accounts();
        let is_elsewhere = hop
            .session
            .source_account_id
            .as_ref()
            .is_some_and(|source| !hubs.is_empty() && !hubs.contains(source));
        let is_other = role.is_some_and(|role| !run_as.is_empty() && !run_as.contains(&role));
        if is_elsewhere || is_other {
            Certainty::No
        } else {
            Certainty::Open
        }
    }

    /// The ARN of a role that a subject names, with its path where that was logged.
    #[must_use]
    pub fn role_arn(&self, role: &str) -> Option<RoleArn> {
        self.role_arns.get(role).cloned()
    }

    /// Returns true if an account is the hub, or a declared consumer or producer.
    #[must_use]
    pub fn is_declared(&self, account: &AccountId) -> bool {
        let topology = self.input.topology;
        self.hub_accounts().contains(account)
            || topology.consumer(account).is_some()
            || topology.producer(account).is_some()
    }

    /// Returns true if consumers or producers are declared: others are then strangers.
    #[must_use]
    pub fn has_declared_accounts(&self) -> bool {
        let topology = self.input.topology;
        !topology.consumers.is_empty() || !topology.producers.is_empty()
    }

    /// An account with its name, for people.
    #[must_use]
    pub fn account(&self, account_id: &str) -> String {
        self.input.topology.account_label(account_id)
    }

    /// Successful changes (to roles, policies, trails, buckets), of window and
    /// baseline, with their parameters.
    pub fn changes(&self) -> impl Iterator<Item = (&'a Event, &Value)> {
        let changes = self.changes.iter();
        changes.map(|(event, parameters)| (*event, parameters))
    }

    /// Returns true if the role is Role A or Role B.
    #[must_use]
    pub fn is_watched(&self, role: &RoleName) -> bool {
        let roles = self.input.roles;
        roles.run_as.contains(role) || roles.consumer.contains(role)
    }

    /// The consumer a role is in, where it is a Role B.
    #[must_use]
    pub fn consumer_of(&self, role: &RoleName) -> Option<AccountId> {
        let is_consumer = self.input.roles.consumer.contains(role);
        is_consumer.then(|| role.account_id.clone())
    }

    /// The moment at which the data ends: of the window, or the last event before.
    #[must_use]
    pub fn end(&self) -> Option<UtcSecond> {
        let last = self.input.coverage.span().map(|(_, last)| last.plus(1));
        match (self.input.window.to, last) {
            (Some(to), Some(last)) => Some(to.min(last)),
            (to, last) => to.or(last),
        }
    }

    /// Charges of one UTC day each, where a bill was read.
    pub fn daily_charges(&self) -> impl Iterator<Item = (UtcDay, &'a Charge)> {
        let charges = self.input.charges.unwrap_or_default().iter();
        charges.filter_map(|charge| Some((single_day(charge.period)?, charge)))
    }
}

fn unconfirmed_hub(input: &RuleInput<'_>) -> Option<UnconfirmedHub> {
    let is_named = |account: &AccountId| {
        input.history.named().source_accounts.contains(account)
            || is_named(account, input.coverage, input.chains)
    };
    input.topology.unconfirmed_hub(input.roles, is_named)
}

fn hub_accounts(input: &RuleInput<'_>) -> BTreeSet<AccountId> {
    if unconfirmed_hub(input).is_some() {
        return BTreeSet::new();
    }
    if let Some(hub) = &input.topology.hub_account_id {
        return BTreeSet::from([hub.clone()]);
    }
    let roles = input.roles.run_as.iter();
    roles.map(|role| role.account_id.clone()).collect()
}

/// The UTC day of a period that is no longer than one.
fn single_day(period: BillPeriod) -> Option<UtcDay> {
    let day = UtcDay::of(period.from);
    period.is_one_day().then_some(day)
}

fn active<'a>(chain: &'a Chain, input: &RuleInput<'_>) -> Option<ActiveChain<'a>> {
    let events = chain.events.iter();
    let times = events.map(|event| input.events[event.event as usize].time);
    let inside = times.filter(|time| input.window.contains(*time));
    let span = inside.fold(None, |span: Option<(UtcSecond, UtcSecond)>, time| {
        let (first, last) = span.unwrap_or((time, time));
        Some((first.min(time), last.max(time)))
    });
    let (first, last) = span?;
    Some(ActiveChain { chain, first, last })
}

fn hops<'a>(input: &RuleInput<'a>) -> Vec<RoleAssumption<'a>> {
    let mut hops: Vec<RoleAssumption<'a>> = Vec::new();
    let mut known: HashMap<&'a EventId, usize> = HashMap::new();
    for chain in input.chains {
        for session in [chain.caller_session(), chain.consumer_session.as_ref()]
            .into_iter()
            .flatten()
        {
            let (Some(id), Some(at)) = (session.event_ids.first(), session.assumed_at) else {
                continue;
            };
            if let Some(&at) = known.get(id) {
                hops[at].chains.push(chain);
                continue;
            }
            let role = session.role_arn.as_deref().and_then(RoleName::from_arn);
            let Some(role) = role.filter(|_| session.issuer != SessionIssuer::NotLogged) else {
                continue;
            };
            let is_run_as = input.roles.run_as.contains(&role);
            let is_consumer = input.roles.consumer.contains(&role);
            if is_run_as || is_consumer {
                known.insert(id, hops.len());
                hops.push(RoleAssumption {
                    session,
                    role,
                    at,
                    is_run_as,
                    is_consumer,
                    chains: vec![chain],
                });
            }
        }
    }
    hops.sort_by(|left, right| {
        (left.at, &left.session.event_ids).cmp(&(right.at, &right.session.event_ids))
    });
    hops
}

/// Successful changes with their parameters, read once for all rules.
fn changes<'a>(input: &RuleInput<'a>) -> Vec<(&'a Event, Value)> {
    let events = input.events.iter().filter(|event| is_change(event));
    let changes = events.filter_map(|event| match &event.detail {
        Detail::Change(text) => Some((event, serde_json::from_str(text).ok()?)),
        _ => Some((event, Value::Null)),
    });
    changes.collect()
}

/// Returns true for successful changes.
#[must_use]
pub fn is_change(event: &Event) -> bool {
    let is_change = match &event.detail {
        Detail::Change(_) => true,
        // It needs no parameters to delete the policy of the whole catalog.
        Detail::None => {
            &*event.source == "glue.amazonaws.com" && &*event.name == "DeleteResourcePolicy"
        }
        _ => false,
    };
    is_change && event.error_code.is_none()
}

/// The role that a change of IAM is about.
pub(super) fn changed_role(event: &Event, parameters: &Value) -> Option<RoleName> {
    let name = parameters["roleName"].as_str()?;
    Some(RoleName {
        account_id: event.recipient_account_id.clone()?,
        name: name.into(),
    })
}

/// ARNs of roles, as sessions of chains have them.
fn role_arns(input: &RuleInput<'_>) -> BTreeMap<Text, RoleArn> {
    let mut arns = input.history.role_arns().clone();
    for chain in input.chains {
        add_role_arns(&mut arns, chain);
    }
    arns
}

/// Returns true if rules look at an event of before the window: changes are compared with later ones,
/// and sessions of the window may be older than it.
#[must_use]
pub fn is_of_rules(event: &Event, window: &TimeWindow) -> bool {
    is_change(event)
        || is_recent(event, window)
            && (matches!(event.detail, Detail::CredentialIssuance(_))
                || window.from.is_none_or(|from| from <= event.time))
}

/// Returns true if an event is of the window, or not older than a session can be at its beginning.
fn is_recent(event: &Event, window: &TimeWindow) -> bool {
    let life = SESSION_SECONDS_MAX + CLOCK_SKEW_SECONDS;
    window
        .from
        .is_none_or(|from| from.plus(-life) <= event.time)
}

/// Data sources that anything but an external id tells of.
fn data_sources(input: &RuleInput<'_>, events: &EventTallies) -> BTreeSet<Text> {
    let declared = input.topology.consumers.iter();
    let declared = declared
        .flat_map(|one| one.data_sources.iter().flatten())
        .map(|arn| arn.text().clone());
    let used = events.data_sources.iter().cloned();
    let arns: BTreeSet<Text> = declared.chain(used).collect();
    let ids = arns
        .iter()
        .filter_map(|arn| arn.rsplit('/').next())
        .map(Text::from);
    let ids: BTreeSet<Text> = ids.collect();
    arns.into_iter().chain(ids).collect()
}
