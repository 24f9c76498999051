//! One hop for each AssumeRole that happened, from the copies the accounts got.

use crate::iam::policy::{Effect, Match, Policy};
use crate::model::event::{CredentialIssuance, Detail, Event};
use crate::model::identity::{Identity, RoleName, is_quick_service, session_name_in_arn};
use crate::model::ids::{AccessKeyId, RequestId, RoleArn, SharedEventId};
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use hashbrown::HashMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Life of a session whose end no one logged: what role chaining allows
/// (docs/cloudtrail-facts.md#by-a-service).
const SESSION_SECONDS_DEFAULT: i64 = 3600;

/// An AssumeRole that succeeded.
#[derive(Debug)]
pub(super) struct Hop {
    /// Positions of its copies, in the order of events.
    pub(super) copies: Vec<u32>,
    pub(super) time: UtcSecond,
    /// The caller: from the caller's own copy where there is one.
    pub(super) caller: Arc<Identity>,
    pub(super) role: Option<RoleName>,
    pub(super) role_arn: Option<RoleArn>,
    pub(super) session_name: Option<Text>,
    pub(super) assumed_role_id: Option<Text>,
    pub(super) key: Option<AccessKeyId>,
    pub(super) expires_at: UtcSecond,
    pub(super) external_id: Option<Text>,
    pub(super) policy: Option<Text>,
    /// The permissions of the inline policy.
    pub(super) scope: Arc<PolicyScope>,
    pub(super) policy_arns: Box<[Text]>,
    /// The parameters were logged, so that what is not in them was not asked.
    pub(super) parameters_known: bool,
    pub(super) source_ip: Option<Text>,
    /// It was made by the console: by a switch of roles or a sign-in.
    pub(super) is_from_console: bool,
}

/// The permissions that an inline policy allows a session, as far as it can be parsed.
#[derive(Debug, Default)]
pub(super) struct PolicyScope {
    /// The resources that it allows something on, sorted; `None` where there is no policy
    /// or it cannot be read.
    pub(super) resources: Option<Arc<[Text]>>,
    /// The only roles that it names, where it names roles and nothing else.
    pub(super) only_roles: Option<Vec<RoleName>>,
}

impl PolicyScope {
    fn of(policy: &str) -> Self {
        let Ok(policy) = Policy::parse(policy) else {
            return Self::default();
        };
        let allowed = policy.statements.into_iter();
        let allowed = allowed.filter(|statement| statement.effect == Effect::Allow);
        let named = allowed.filter_map(|statement| match statement.resources {
            Some(Match::AnyOf(resources)) => Some(resources),
            Some(Match::AllBut(_)) | None => None,
        });
        let resources: BTreeSet<Text> = named.flatten().collect();
        let role = |resource: &Text| {
            let is_open = resource.contains(['*', '?', '$']);
            RoleName::from_arn(resource).filter(|_| !is_open)
        };
        let roles: Option<BTreeSet<RoleName>> = resources.iter().map(role).collect();
        Self {
            only_roles: roles
                .filter(|roles| !roles.is_empty())
                .map(|roles| roles.into_iter().collect()),
            resources: Some(resources.into_iter().collect()),
        }
    }
}

/// The value that two copies of one hop share (docs/cloudtrail-facts.md#joining-sessions, join key
/// 4).
#[derive(PartialEq, Eq, Hash)]
pub(super) enum SharedId {
    Event(SharedEventId),
    Request(RequestId),
    Key(Text, UtcSecond),
}

/// The issue in an event, if it is an AssumeRole, granted or refused.
pub(super) fn asked(event: &Event) -> Option<&CredentialIssuance> {
    match &event.detail {
        Detail::CredentialIssuance(issue) if event.name.starts_with("AssumeRo") => Some(issue),
        _ => None,
    }
}

/// The issue in an event, if it is an AssumeRole that succeeded.
pub(super) fn success(event: &Event) -> Option<&CredentialIssuance> {
    asked(event).filter(|_| event.error_code.is_none())
}

/// The issue in an event, if it is an AssumeRole that was refused.
pub(super) fn refusal(event: &Event) -> Option<&CredentialIssuance> {
    asked(event).filter(|_| event.error_code.is_some())
}

/// Hops that may share an id before it tells nothing any more.
const SHARING_MAX: usize = 16;
/// Copies of one hop: AWS gives one to the caller's account and one to the target's.
const COPIES_MAX: usize = 8;

/// Groups of copies that share something: nearly always one.
struct Sharing {
    first: u32,
    rest: Vec<u32>,
}

/// The ids that copies of one hop may share.
pub(super) fn shared_ids(event: &Event, issue: &CredentialIssuance) -> [Option<SharedId>; 3] {
    [
        issue.shared_event_id.clone().map(SharedId::Event),
        issue.request_id.clone().map(SharedId::Request),
        issue
            .issued_key_id
            .clone()
            .map(|key| SharedId::Key(key.into(), event.time)),
    ]
}

/// Finds the hops among events in their fixed order.
pub(super) fn hops(events: &[Event]) -> Vec<Hop> {
    let mut groups: Vec<Vec<u32>> = Vec::new();
    let mut by_shared: HashMap<SharedId, Sharing> = HashMap::new();
    for (index, event) in (0u32..).zip(events) {
        let Some(issue) = success(event) else {
            continue;
        };
        let shared = shared_ids(event, issue);
        let known = shared.iter().flatten().find_map(|shared| {
            let sharing = by_shared.get(shared)?;
            std::iter::once(sharing.first)
                .chain(sharing.rest.iter().copied())
                .find(|&group| is_copy(events, &groups[group as usize], event, issue))
        });
        let group = known.unwrap_or_else(|| {
            groups.push(Vec::with_capacity(2));
            u32::try_from(groups.len() - 1).unwrap_or(u32::MAX)
        });
        groups[group as usize].push(index);
        for shared in shared.into_iter().flatten() {
            let sharing = by_shared.entry(shared).or_insert_with(|| Sharing {
                first: group,
                rest: Vec::new(),
            });
            // Events come by time: what is out of reach of this one is out of reach of all that follow.
            let is_open = |other: u32| {
                let first = groups[other as usize][0];
                events[first as usize].time.is_within_skew(event.time)
            };
            sharing.rest.retain(|&other| is_open(other));
            if !is_open(sharing.first) {
                sharing.first = group;
            }
            let has_room = sharing.rest.len() < SHARING_MAX;
            if has_room && sharing.first != group && !sharing.rest.contains(&group) {
                sharing.rest.push(group);
            }
        }
    }
    drop(by_shared);
    // A few roles and policies make all the sessions: each is read once.
    let mut known = ParseCache::default();
    groups
        .into_iter()
        .map(|copies| Hop::of(events, copies, &mut known))
        .collect()
}

/// ARNs and policies that were read before.
#[derive(Default)]
struct ParseCache {
    roles: HashMap<Text, Option<RoleName>>,
    scopes: HashMap<Text, Arc<PolicyScope>>,
    no_scope: Arc<PolicyScope>,
}

impl ParseCache {
    fn role(&mut self, arn: &Text) -> Option<RoleName> {
        let role = self.roles.entry_ref(arn);
        role.or_insert_with(|| RoleName::from_arn(arn)).clone()
    }

    fn scope(&mut self, policy: Option<&Text>) -> Arc<PolicyScope> {
        let Some(policy) = policy else {
            return Arc::clone(&self.no_scope);
        };
        let scope = self.scopes.entry_ref(policy);
        Arc::clone(scope.or_insert_with(|| Arc::new(PolicyScope::of(policy))))
    }
}

/// Returns true if the event can be another account's copy of the same hop.
fn is_copy(events: &[Event], group: &[u32], event: &Event, issue: &CredentialIssuance) -> bool {
    fn agree<T: PartialEq>(left: Option<&T>, right: Option<&T>) -> bool {
        left.is_none() || right.is_none() || left == right
    }
    group.len() < COPIES_MAX
        && group.iter().all(|&copy| {
            let other = &events[copy as usize];
            let Some(known) = success(other) else {
                return false;
            };
            // An exporter may leave the account out.
            let is_other_account = other.recipient_account_id.is_none()
                || other.recipient_account_id != event.recipient_account_id;
            is_other_account
                && other.time.is_within_skew(event.time)
                && agree(known.issued_key_id.as_ref(), issue.issued_key_id.as_ref())
                && agree(
                    known.assumed_role_id.as_ref(),
                    issue.assumed_role_id.as_ref(),
                )
                && agree(
                    role_of(known.role_arn.as_ref()).as_ref(),
                    role_of(issue.role_arn.as_ref()).as_ref(),
                )
        })
}

/// The role of an ARN, however the ARN spells it.
fn role_of(arn: Option<&RoleArn>) -> Option<RoleName> {
    arn.and_then(|arn| RoleName::from_arn(arn))
}

/// Returns true if the console made the call (docs/cloudtrail-facts.md#console-sessions).
fn is_from_console(event: &Event) -> bool {
    let is_console = |text: &str| {
        text == "AWS Internal" || text == "signin.amazonaws.com" || text.starts_with("AWS Signin")
    };
    let marks = [
        &event.identity.invoked_by,
        &event.source_ip,
        &event.user_agent,
    ];
    event.identity.is_from_console
        || (!event.identity.is_service()
            && marks.into_iter().flatten().any(|text| is_console(text)))
}

impl Hop {
    fn of(events: &[Event], copies: Vec<u32>, known: &mut ParseCache) -> Self {
        let all: Vec<(&Event, &CredentialIssuance)> = copies
            .iter()
            .filter_map(|&copy| {
                let event = &events[copy as usize];
                Some((event, success(event)?))
            })
            .collect();
        let first = |member: fn(&CredentialIssuance) -> Option<&Text>| {
            all.iter().find_map(|(_, issue)| member(issue)).cloned()
        };
        // The target's copy tells the caller's account and principal only.
        let is_target_copy = |event: &Event| event.identity.kind.as_deref() == Some("AWSAccount");
        let caller_copy = all.iter().map(|(event, _)| *event);
        let caller_copy = caller_copy.min_by_key(|event| is_target_copy(event));
        let time = all.iter().map(|(event, _)| event.time).min();
        let time = time.unwrap_or(UtcSecond::from_unix(0));
        let role_arn = first(|issue| issue.role_arn.as_ref().map(RoleArn::text));
        let lasts = all.iter().find_map(|(_, issue)| issue.duration_seconds);
        let expires_at = all.iter().find_map(|(_, issue)| issue.expires_at);
        let expires_at = expires_at
            .unwrap_or_else(|| time.plus(lasts.unwrap_or(SESSION_SECONDS_DEFAULT).max(0)));
        let session_name = first(|issue| issue.session_name.as_ref()).or_else(|| {
            let arn = role_arn.as_deref()?;
            session_name_in_arn(arn).map(Text::from)
        });
        let policy = first(|issue| issue.policy.as_ref());
        Self {
            time,
            caller: caller_copy.map_or_else(Arc::default, |event| Arc::clone(&event.identity)),
            role: role_arn.as_ref().and_then(|arn| known.role(arn)),
            role_arn: role_arn.map(RoleArn::from),
            session_name,
            // A masked one names no session.
            assumed_role_id: first(|issue| issue.assumed_role_id.as_ref())
                .filter(|id| id.contains(':')),
            key: first(|issue| issue.issued_key_id.as_ref().map(AccessKeyId::text))
                .map(AccessKeyId::from),
            expires_at,
            external_id: first(|issue| issue.external_id.as_ref()),
            scope: known.scope(policy.as_ref()),
            policy,
            policy_arns: all
                .iter()
                .map(|(_, issue)| &issue.policy_arns)
                .find(|arns| !arns.is_empty())
                .cloned()
                .unwrap_or_default(),
            parameters_known: all.iter().any(|(_, issue)| !issue.parameters_omitted),
            source_ip: caller_copy.and_then(|event| event.source_ip.clone()),
            is_from_console: all.iter().any(|(event, _)| is_from_console(event)),
            copies,
        }
    }

    /// Returns true if the call came under Quick's own name, which AWS sets.
    pub(super) fn is_from_quick(&self) -> bool {
        let source = self.source_ip.as_deref();
        source.is_some_and(is_quick_service)
    }

    /// Returns true if IAM would have refused the session this role: its inline policy names roles,
    /// all of them, and this one is not among them.
    pub(super) fn scope_excludes(&self, role: &RoleName) -> bool {
        let only = self.scope.only_roles.as_ref();
        only.is_some_and(|roles| roles.binary_search(role).is_err())
    }
}
