//! Quick's own events about users, agents and flows: queries of data sources, agents at work, contexts
//! of users that were given out (docs/cloudtrail-facts.md#agents-and-identities).

use super::quick_user::{self, bare_id, same_source, user_of};
use crate::model::chain::Chain;
use crate::model::event::{Detail, Event, QuickCall};
use crate::model::ids::AccountId;
use crate::model::road::{ActingKind, is_same_quick_user, quick_user_key};
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use hashbrown::HashMap;
use std::collections::BTreeSet;
use std::ops::Range;

/// The longest distance between a call about an agent, flow or action and a query, in seconds.
pub const NEARBY_SECONDS: i64 = 60;

/// The longest time from the context of a user to the AssumeRole call that it is provided to, in
/// seconds.
pub const CONTEXT_SECONDS: i64 = 900;

/// Events near one moment that are looked at: the nearest.
const NEARBY_MAX: usize = 256;

/// A call of Quick about an agent, a flow or an action, with its user.
#[derive(Debug)]
pub(super) struct QuickActivity<'a> {
    pub(super) event: &'a Event,
    user: &'a Text,
    call: &'a QuickCall,
}

impl QuickActivity<'_> {
    /// The agent and the flow.
    pub(super) fn actors(&self) -> BTreeSet<(ActingKind, &Text)> {
        let agent = self.call.agent_id.as_ref();
        let flow = self.call.flow_id.as_ref();
        let agent = agent.map(|id| (ActingKind::Agent, id));
        let flow = flow.map(|id| (ActingKind::Flow, id));
        agent.into_iter().chain(flow).collect()
    }

    /// The connector of an action, by the end of its ARN.
    pub(super) fn action_connector(&self) -> Option<Text> {
        let id = self.call.action_connector_id.as_ref()?;
        Some(format!("action-connector/{id}").into())
    }
}

/// A `QueryDatabase` event.
#[derive(Debug)]
struct Queried<'a> {
    at: UtcSecond,
    user: &'a Text,
    source: &'a str,
    account_id: Option<&'a AccountId>,
}

/// A context of a user that was given out.
#[derive(Debug)]
pub(super) struct GivenContext<'a> {
    pub(super) event: &'a Event,
    pub(super) user: &'a Text,
}

/// Quick's own events, each by time.
#[derive(Debug, Default)]
pub(super) struct QuickActivities<'a> {
    /// Calls that work with an agent, a flow or an action, by the user's name in lower case.
    by_user: HashMap<String, Vec<QuickActivity<'a>>>,
    /// By the principal that asked for them.
    contexts: HashMap<&'a Text, Vec<GivenContext<'a>>>,
    /// True if any event of the window names the user of a query.
    has_queries: bool,
    /// By the bare id of the data source.
    queried: HashMap<&'a str, Vec<Queried<'a>>>,
}

impl<'a> QuickActivities<'a> {
    /// Reads events in their order, which is by time.
    pub(super) fn of(events: &'a [Event], has_queries: bool) -> Self {
        let mut activities = Self {
            has_queries,
            ..Self::default()
        };
        for event in events.iter().filter(|event| event.error_code.is_none()) {
            match &event.detail {
                Detail::QueryDatabase(detail) => {
                    let source = detail.data_source.as_deref();
                    if let Some((source, user)) = source.zip(user_of(&event.identity)) {
                        let of_source = activities.queried.entry(bare_id(source)).or_default();
                        of_source.push(Queried {
                            at: event.time,
                            user,
                            source,
                            account_id: event.recipient_account_id.as_ref(),
                        });
                    }
                }
                Detail::QuickCall(call) => activities.add(event, call),
                _ => {}
            }
        }
        activities
    }

    fn add(&mut self, event: &'a Event, call: &'a QuickCall) {
        if &*event.name == "GetIdentityContext" {
            let named = event.identity.principal_id.as_ref().zip(call.user.as_ref());
            if let Some((principal, user)) = named {
                let of_principal = self.contexts.entry(principal).or_default();
                of_principal.push(GivenContext { event, user });
            }
        } else if is_at_work(&event.name)
            && let Some(user) = call.user.as_ref().or_else(|| user_of(&event.identity))
        {
            let name = quick_user_key(user);
            let of_user = self.by_user.entry(name).or_default();
            of_user.push(QuickActivity { event, user, call });
        }
    }

    /// Returns true if any event names the user of a query.
    pub(super) fn has_queries(&self) -> bool {
        self.has_queries
    }

    /// Calls for a user around a moment, in the hub.
    pub(super) fn near(
        &self,
        user: &str,
        hub: Option<&AccountId>,
        at: UtcSecond,
    ) -> impl Iterator<Item = &QuickActivity<'a>> {
        let of_user = self.by_user.get(&quick_user_key(user));
        let of_user = of_user.map_or(&[][..], Vec::as_slice);
        let near = nearest(of_user, at, NEARBY_SECONDS, |one| one.event.time);
        of_user[near].iter().filter(move |activity| {
            let account = activity.event.recipient_account_id.as_ref();
            may_be_of_hub(hub, account) && is_same_quick_user(activity.user, user)
        })
    }

    /// Users whom events of a chain's data source name around one of its queries.
    pub(super) fn users_near(&self, chain: &Chain, at: UtcSecond) -> BTreeSet<&'a Text> {
        let Some(source) = chain.data_source_arn.as_deref() else {
            return BTreeSet::new();
        };
        let of_source = self.queried.get(bare_id(source));
        let of_source = of_source.map_or(&[][..], Vec::as_slice);
        let near = nearest(of_source, at, quick_user::NEARBY_SECONDS, |one| one.at);
        let hub = chain.hub_account_id.as_ref();
        let of_chain = of_source[near]
            .iter()
            .filter(|one| same_source(one.source, source))
            .filter(|one| may_be_of_hub(hub, one.account_id));
        of_chain.map(|one| one.user).collect()
    }

    /// Contexts that a caller had when it made a call.
    pub(super) fn contexts(&self, caller: &Text, at: UtcSecond) -> &[GivenContext<'a>] {
        let given = self.contexts.get(caller);
        let given = given.map_or(&[][..], Vec::as_slice);
        let from = at.plus(-CONTEXT_SECONDS);
        let first = given.partition_point(|one| one.event.time < from);
        let last = given.partition_point(|one| one.event.time <= at);
        &given[first.max(last.saturating_sub(NEARBY_MAX))..last]
    }
}

/// Returns true unless what an account tells is of another hub.
pub(super) fn may_be_of_hub<T: PartialEq + ?Sized>(hub: Option<&T>, account: Option<&T>) -> bool {
    hub.zip(account).is_none_or(|(hub, account)| hub == account)
}

/// The range of entries, which are by time, around a moment.
fn nearest<T>(
    all: &[T],
    at: UtcSecond,
    distance_seconds: i64,
    time: impl Fn(&T) -> UtcSecond,
) -> Range<usize> {
    let (from, to) = (at.plus(-distance_seconds), at.plus(distance_seconds));
    let first = all.partition_point(|one| time(one) < from);
    let last = all.partition_point(|one| time(one) <= to);
    let middle = all.partition_point(|one| time(one) < at);
    let half = NEARBY_MAX / 2;
    first.max(middle.saturating_sub(half))..last.min(middle.saturating_add(half))
}

/// Returns true for calls by which an agent, a flow or an action works; others look at it or change it.
fn is_at_work(name: &str) -> bool {
    const WORKING: [&str; 8] = [
        "Invoke", "Start", "Run", "Execute", "Chat", "Send", "Converse", "Resume",
    ];
    WORKING.iter().any(|verb| name.starts_with(verb))
}
