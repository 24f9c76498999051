//! The making of a session, as rules look at it.

use crate::model::chain::{Chain, RoleSession};
use crate::model::identity::RoleName;
use crate::model::text::Text;
use crate::model::time::UtcSecond;

/// The making of a session of Role A or Role B.
#[derive(Debug)]
pub struct RoleAssumption<'a> {
    /// The session.
    pub session: &'a RoleSession,
    /// Its role.
    pub role: RoleName,
    /// When.
    pub at: UtcSecond,
    /// It is a session of Role A.
    pub is_run_as: bool,
    /// It is a session of Role B.
    pub is_consumer: bool,
    /// Chains it is part of.
    pub chains: Vec<&'a Chain>,
}

impl<'a> RoleAssumption<'a> {
    /// Its role, as subjects name it.
    #[must_use]
    pub fn role_text(&self) -> Text {
        role_text(&self.role)
    }

    /// Returns the caller that assumed the role, without the parts that change from session to
    /// session.
    #[must_use]
    pub fn caller(&self) -> Option<Text> {
        self.session.assumed_by.as_deref().map(steady_caller)
    }

    /// The account it was assumed from, in words where the record has none. Which copy
    /// of the hop was read decides how much is known of the caller: the account is in
    /// both.
    #[must_use]
    pub fn source_account(&self) -> Text {
        let source = self.session.source_account_id.clone();
        source.map_or_else(|| "an unknown account".into(), Text::from)
    }

    /// The chains whose second hop it is.
    pub fn own_chains(&self) -> impl Iterator<Item = &'a Chain> {
        self.chains.iter().copied().filter(|chain| {
            let consumer = chain.consumer_session.as_ref();
            consumer.is_some_and(|session| session.event_ids == self.session.event_ids)
        })
    }

    /// Ids of the chains it is part of.
    pub fn chain_ids(&self) -> impl Iterator<Item = &str> {
        self.chains.iter().map(|chain| chain.chain_id.as_str())
    }

    /// Queries that its session submitted, where it is a session of Role B.
    #[must_use]
    pub fn query_count(&self) -> u64 {
        self.own_chains()
            .map(|chain| chain.queries.len() as u64)
            .sum()
    }
}

/// A role for subjects: `444455556666:role/name`, the same with and without its
/// path.
pub(super) fn role_text(role: &RoleName) -> Text {
    format!("{}:role/{}", role.account_id, role.name).into()
}

/// The role that [`role_text`] spells.
pub(super) fn role_of_text(text: &str) -> Option<RoleName> {
    let (account_id, name) = text.split_once(":role/")?;
    Some(RoleName {
        account_id: account_id.into(),
        name: name.into(),
    })
}

/// A caller without what changes from session to session: of a role session's ARN
/// or principal id, the role.
pub(super) fn steady_caller(caller: &str) -> Text {
    if caller.contains(":assumed-role/")
        && let Some(role) = RoleName::from_arn(caller)
    {
        return role_text(&role);
    }
    match caller.split_once(':') {
        Some((role_id, _)) if role_id.starts_with("AROA") => role_id.into(),
        _ => caller.into(),
    }
}
