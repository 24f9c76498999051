//! Chains that no session is the end of: refused attempts, and users who query
//! without a role.

use super::assemble::{Assembler, account_of, caller_account, chain_id, id_of};
use super::hops::refusal;
use super::origin;
use super::path::issuer;
use super::peers::SessionId;
use super::roles::is_quick;
use super::session::{Link, Session};
use crate::model::chain::{
    Chain, ChainEvent, ChainPart, ChainPath, ChainStatus, Confidence, Missing, MissingPart,
    RoleSession, SessionIssuer,
};
use crate::model::event::Event;
use crate::model::identity::{Identity, RoleName};
use crate::model::ids::{AccountId, RoleArn};
use crate::model::road::{Origin, QUICK_SERVICE};
use crate::model::text::Text;
use crate::model::time::UtcDay;
use hashbrown::HashSet;
use std::collections::{BTreeMap, BTreeSet};

impl Assembler<'_> {
    /// Refused attempts, by who tried and what for.
    pub(super) fn denied_chains(&mut self) -> Vec<Chain> {
        let mut groups: BTreeMap<(String, Option<RoleArn>), Vec<u32>> = BTreeMap::new();
        for (index, event) in (0u32..).zip(self.events) {
            let Some(issue) = refusal(event) else {
                continue;
            };
            let who = match self.sessions.by_event[index as usize] {
                Link::To(session, _) => id_of(self.sessions.get(session)),
                Link::None => {
                    let name = event.identity.best_name().map_or("", |name| name);
                    format!("{name} {}", event.time.day())
                }
            };
            let attempts = groups.entry((who, issue.role_arn.clone())).or_default();
            attempts.push(index);
        }
        groups
            .iter()
            .filter_map(|((who, role_arn), attempts)| self.denied(who, role_arn.as_ref(), attempts))
            .collect()
    }

    fn denied(&mut self, who: &str, role_arn: Option<&RoleArn>, attempts: &[u32]) -> Option<Chain> {
        let first = &self.events[*attempts.first()? as usize];
        let role = role_arn.and_then(|arn| RoleName::from_arn(arn));
        let parent_id = match self.sessions.by_event[attempts[0] as usize] {
            Link::To(session, _) => Some(session),
            Link::None => None,
        };
        let parent = parent_id.map(|id| self.sessions.get(id));
        let is_among =
            |roles: &BTreeSet<RoleName>| role.as_ref().is_some_and(|role| roles.contains(role));
        let is_role_b = is_among(&self.roles.consumer);
        let is_role_a = is_among(&self.roles.run_as) && !is_role_b;
        let from_run_as = parent.is_some_and(|parent| self.roles.is_run_as(parent))
            || self.roles.is_run_as_caller(&first.identity);
        if !is_role_a && !is_role_b && !from_run_as {
            return None;
        }
        let by_quick = if is_role_a {
            is_quick(&first.identity)
        } else {
            let made_by = parent.map(|parent| issuer(parent, self.roles));
            from_run_as
                && matches!(
                    made_by,
                    Some(SessionIssuer::Quick | SessionIssuer::NotLogged) | None
                )
        };
        let path = if by_quick {
            ChainPath::QuickRoleChain
        } else {
            ChainPath::RoleChain
        };
        let id = chain_id(&["denied", who, role_arn.map_or("", |arn| arn)]);
        let mut chain = Self::empty(id, path, first.time);
        chain.touches_quick = true;
        chain.status = ChainStatus::Denied;
        chain.origin = match parent {
            Some(parent) => self.origins.of(parent),
            None => origin::of_caller(&first.identity),
        };
        if by_quick && chain.origin.service.is_none() {
            chain.origin = Origin::service(QUICK_SERVICE, Confidence::Probable);
        }
        let refused = self.refused_session(attempts, role_arn, role.as_ref());
        if is_role_a {
            chain.hub_account_id.clone_from(&refused.account_id);
            chain.earlier_sessions.push(refused);
        } else {
            chain.consumer_account_id.clone_from(&refused.account_id);
            chain.consumer_session = Some(refused);
            if let Some(id) = parent_id {
                self.add_refused_parent(&mut chain, id);
            }
        }
        if role_arn.is_none() {
            chain
                .notes
                .push("the denied call does not name the role".to_owned());
        }
        self.add_attempts(&mut chain, attempts, is_role_a);
        Some(chain)
    }

    /// The session whose attempt was refused, with its making.
    fn add_refused_parent(&mut self, chain: &mut Chain, id: SessionId) {
        let parent = self.sessions.get(id);
        self.add_earlier_sessions(chain, parent);
        chain.hub_account_id = account_of(parent);
        self.add_parent_events(chain, id);
        if parent.hop.is_none() {
            let account = account_of(parent);
            let why = self.why(account.as_ref());
            let part = MissingPart::RunAsSession;
            chain.missing.push(Missing { part, why });
        }
    }

    fn add_attempts(&self, chain: &mut Chain, attempts: &[u32], on_run_as: bool) {
        let part = if on_run_as {
            ChainPart::RunAs
        } else {
            ChainPart::Consumer
        };
        let own: HashSet<u32> = attempts.iter().copied().collect();
        chain.events.retain(|known| !own.contains(&known.event));
        chain
            .events
            .extend(attempts.iter().map(|&event| ChainEvent {
                event,
                session: part,
                confidence: Confidence::Proven,
            }));
        let events = attempts.iter().map(|&index| &self.events[index as usize]);
        let inside = events.filter(|event| self.context.window.contains(event.time));
        let codes: Vec<&str> = inside
            .filter_map(|event| event.error_code.as_deref())
            .collect();
        let times = if codes.len() == 1 {
            "once".to_owned()
        } else {
            format!("{} times", codes.len())
        };
        let codes: BTreeSet<&str> = codes.into_iter().collect();
        let codes: Vec<&str> = codes.into_iter().collect();
        chain
            .notes
            .push(format!("denied {times}: {}", codes.join(", ")));
        self.finish(chain);
    }

    /// Returns the refused session, as far as it is known.
    fn refused_session(
        &self,
        attempts: &[u32],
        role_arn: Option<&RoleArn>,
        role: Option<&RoleName>,
    ) -> RoleSession {
        let first = &self.events[attempts[0] as usize];
        let ids = attempts.iter();
        let ids = ids.map(|&index| self.events[index as usize].id.clone());
        let mut event_ids: Vec<_> = ids.collect();
        event_ids.sort();
        RoleSession {
            role_arn: role_arn.cloned(),
            account_id: role.map(|role| role.account_id.clone()),
            assumed_by: first.identity.best_name().cloned(),
            source_account_id: caller_account(&first.identity),
            source_ip: first.source_ip.clone(),
            event_ids,
            ..RoleSession::default()
        }
    }

    /// Queries by users, without a role session: one chain for each principal and UTC day, so that
    /// a permanent key is not one chain of a year.
    pub(super) fn direct_chains(&mut self) -> Vec<Chain> {
        type Who = (Option<AccountId>, Option<Text>, UtcDay);
        let mut groups: BTreeMap<Who, Vec<u32>> = BTreeMap::new();
        for (index, event) in (0u32..).zip(self.events) {
            let identity = &event.identity;
            let is_open = self.sessions.by_event[index as usize] == Link::None;
            let is_athena = &*event.source == "athena.amazonaws.com";
            if is_open && is_athena {
                let who = (
                    event.recipient_account_id.clone(),
                    identity.best_name().cloned(),
                    event.time.utc_day(),
                );
                groups.entry(who).or_default().push(index);
            }
        }
        let is_query = |&index: &u32| self.events[index as usize].is_query();
        groups.retain(|_, calls| calls.iter().any(is_query));
        let groups: Vec<_> = groups.into_iter().collect();
        groups
            .into_iter()
            .map(|((account, name, _), calls)| {
                let first = &self.events[calls[0] as usize];
                let mut session = direct_session(first);
                session.calls = calls
                    .iter()
                    .map(|&call| (call, Confidence::Proven))
                    .collect();
                let day = first.time.day().to_string();
                let parts = [account.as_deref(), name.as_deref(), Some(&*day)];
                let id = chain_id(&parts.map(Option::unwrap_or_default));
                self.direct(id, &session, first)
            })
            .collect()
    }

    /// A member of the caller, where all calls agree on it.
    fn same_of<T: Clone + PartialEq>(
        &self,
        session: &Session,
        member: impl Fn(&Identity) -> Option<&T>,
    ) -> Option<T> {
        let mut calls = session.calls.iter();
        let of = |&(call, _): &(u32, Confidence)| member(&self.events[call as usize].identity);
        let first = of(calls.next()?)?;
        calls
            .all(|call| of(call) == Some(first))
            .then(|| first.clone())
    }

    fn direct(&mut self, id: String, session: &Session, first: &Event) -> Chain {
        let mut chain = Self::empty(id, ChainPath::Direct, first.time);
        chain.origin = origin::of_caller(&first.identity);
        chain
            .consumer_account_id
            .clone_from(&first.recipient_account_id);
        chain.consumer_session = Some(RoleSession {
            account_id: first.identity.account_id.clone(),
            access_key_id: self.same_of(session, |identity| identity.access_key_id.as_ref()),
            assumed_at: self.same_of(session, |identity| identity.session_created_at.as_ref()),
            assumed_by: first.identity.best_name().cloned(),
            source_account_id: first.identity.account_id.clone(),
            source_ip: first.source_ip.clone(),
            ..RoleSession::default()
        });
        Self::add_events(&mut chain, session, ChainPart::Consumer);
        self.add_queries(&mut chain, session);
        self.add_calls(&mut chain, session);
        if first.identity.assumed_role_id().is_some() {
            chain.path = ChainPath::RoleChain;
            chain.status = ChainStatus::Partial;
            chain.confidence = Confidence::Ambiguous;
            chain.missing.push(Missing {
                part: MissingPart::ConsumerSession,
                why: Some("the calls do not have the creation time of their session".to_owned()),
            });
        }
        self.finish(&mut chain);
        chain
    }
}

/// A user's calls as the session they are not.
fn direct_session(first: &Event) -> Session {
    Session {
        key: first.identity.access_key_id.clone(),
        ..Session::unknown(first.time, first.time)
    }
}
