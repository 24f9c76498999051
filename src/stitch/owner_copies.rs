//! Chains that only the owners of tables tell of: their copies of calls that Athena made for
//! principals whose own accounts' logs were not read.

use super::assemble::{Assembler, chain_id};
use super::session::{Link, Session};
use crate::model::chain::{
    Chain, ChainPart, ChainPath, ChainStatus, Confidence, Missing, MissingPart, RoleSession,
};
use crate::model::event::{Detail, Event};
use crate::model::identity::{Identity, RoleName};
use crate::model::ids::{AccountId, RoleArn};
use crate::model::text::Text;
use crate::model::time::UtcDay;
use std::collections::BTreeMap;

/// Account, principal and UTC day of calls.
type OwnerCopyKey = (AccountId, Text, UtcDay);

impl Assembler<'_> {
    /// One chain for each principal of another account and UTC day.
    pub(super) fn owner_copy_chains(&mut self) -> Vec<Chain> {
        let mut groups: BTreeMap<OwnerCopyKey, Vec<u32>> = BTreeMap::new();
        for (index, event) in (0u32..).zip(self.events) {
            let is_open = self.sessions.by_event[index as usize] == Link::None;
            if let Some((account, principal)) = caller_of_copy(event).filter(|_| is_open) {
                let key = (account.clone(), principal.clone(), event.time.utc_day());
                groups.entry(key).or_default().push(index);
            }
        }
        let groups = groups.into_iter();
        groups
            .map(|((account, principal, day), calls)| {
                let day = day.number().to_string();
                let id = chain_id(&["owner's copy", &account, &principal, &day]);
                self.owner_copy_chain(id, account, principal, &calls)
            })
            .collect()
    }

    fn owner_copy_chain(
        &mut self,
        id: String,
        account: AccountId,
        principal: Text,
        calls: &[u32],
    ) -> Chain {
        let first = &self.events[calls[0] as usize];
        let is_role = first.identity.assumed_role_id().is_some();
        let path = if is_role {
            ChainPath::RoleChain
        } else {
            ChainPath::Direct
        };
        let role_arn = self.told_role(&account, calls);
        let role = role_arn.as_deref().and_then(RoleName::from_arn);
        let mut chain = Self::empty(id, path, first.time);
        chain.touches_quick = role.is_some_and(|role| self.roles.consumer.contains(&role));
        chain.status = ChainStatus::Partial;
        chain.confidence = Confidence::Probable;
        let why = self.why(Some(&account));
        let part = MissingPart::ConsumerSession;
        chain.missing.push(Missing { part, why });
        let name = principal.split_once(':').filter(|_| is_role);
        chain.consumer_session = Some(RoleSession {
            role_arn,
            account_id: Some(account.clone()),
            role_session_name: name.map(|(_, name)| name.into()),
            assumed_role_id: is_role.then(|| principal.clone()),
            assumed_by: (!is_role).then_some(principal),
            ..RoleSession::default()
        });
        chain.consumer_account_id = Some(account);
        let mut session = Session::unknown(first.time, first.time);
        let linked = calls.iter().map(|&call| (call, Confidence::Probable));
        session.calls = linked.collect();
        Self::add_events(&mut chain, &session, ChainPart::Consumer);
        self.add_calls(&mut chain, &session);
        chain
            .notes
            .push("known only from the copies of the owners of the tables".to_owned());
        self.finish(&mut chain);
        chain
    }

    /// The role that Lake Formation names, where all calls that name one agree.
    fn told_role(&self, account: &AccountId, calls: &[u32]) -> Option<RoleArn> {
        let told = calls
            .iter()
            .filter_map(|&call| match &self.events[call as usize].detail {
                Detail::DataAccess(access) => access.principal_arn.as_ref(),
                _ => None,
            });
        let mut told = told.filter(|arn| {
            let role = RoleName::from_arn(arn);
            role.is_some_and(|role| role.account_id == *account)
        });
        let first = told.next()?;
        told.all(|other| other == first)
            .then(|| RoleArn::from(first.clone()))
    }
}

/// The account and the principal of a call that Athena made, in the copy of the owner of what was
/// read.
fn caller_of_copy(event: &Event) -> Option<(&AccountId, &Text)> {
    let tells_reads = matches!(
        event.detail,
        Detail::DataAccess(_)
            | Detail::TableCall(_)
            | Detail::ObjectRead(_)
            | Detail::Invocation(_)
    );
    let Identity {
        kind,
        principal_id,
        account_id,
        invoked_by,
        ..
    } = &*event.identity;
    let account = account_id.as_ref()?;
    let is_copy = kind.as_deref() == Some("AWSAccount")
        && event.recipient_account_id.as_ref() != Some(account);
    let by_athena = invoked_by.as_deref() == Some("athena.amazonaws.com");
    (tells_reads && is_copy && by_athena)
        .then_some(account)
        .zip(principal_id.as_ref())
}
