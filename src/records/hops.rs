//! Hops: the role sessions of a chain, one record each.

use super::field::{Fields, Value};
use super::flat;
use crate::model::chain::{Chain, RoleSession, ScopeDown};
use crate::model::table::Table;

/// The JSON schema of a hop.
pub const SCHEMA: &str = "qs-audit/hop/v1";

/// A role session and its position in a chain.
#[derive(Debug, Clone, Copy)]
pub struct HopRecord<'a> {
    /// The chain.
    pub chain: &'a Chain,
    /// The session.
    pub session: &'a RoleSession,
    /// Its position, from 1.
    pub hop: u64,
    /// True if it is the session whose credentials ran the queries.
    pub is_consumer: bool,
}

impl<'a> HopRecord<'a> {
    /// The hops of a chain, first to last.
    pub fn of(chain: &'a Chain) -> impl Iterator<Item = Self> {
        let consumer = chain.consumer_session.as_ref();
        (1..).zip(chain.hops()).map(move |(hop, session)| Self {
            chain,
            session,
            hop,
            is_consumer: consumer.is_some_and(|consumer| std::ptr::eq(consumer, session)),
        })
    }
}

/// The fields of a hop.
#[must_use]
pub fn fields<'a>() -> Fields<'a, HopRecord<'a>> {
    type Hop<'a> = HopRecord<'a>;
    Fields::new()
        .schema(SCHEMA)
        .string("chain_id", "the chain", |hop: &Hop<'_>| {
            Some(hop.chain.chain_id.clone())
        })
        .integer("hop", "position in the chain, from 1", |hop: &Hop<'_>| {
            Some(hop.hop)
        })
        .text(
            "consumer_account_id",
            "the consumer of the chain",
            |hop: &Hop<'_>| hop.chain.consumer_account_id.clone(),
        )
        .text(
            "role_account_id",
            "the account of the role",
            |hop: &Hop<'_>| hop.session.account_id.clone(),
        )
        .all_of(session_fields(), |hop: &Hop<'_>| hop.session)
        .timestamp(
            "last_activity_at",
            "time of the last event of the chain",
            |hop: &Hop<'_>| Some(hop.chain.last_activity_at),
        )
        .integer(
            "event_count",
            "number of copies of the AssumeRole event that were read",
            |hop: &Hop<'_>| Some(hop.session.event_ids.len() as u64),
        )
        .boolean(
            "is_consumer",
            "whether its credentials ran the queries",
            |hop: &Hop<'_>| Some(hop.is_consumer),
        )
        .always_known(&[
            "chain_id",
            "hop",
            "last_activity_at",
            "event_count",
            "is_consumer",
        ])
}

/// The fields of a role session.
pub(super) fn session_fields<'a>() -> Fields<'a, RoleSession> {
    type Session = RoleSession;
    Fields::new()
        .text(
            "role_arn",
            "the role, with its IAM path where that was logged",
            |session: &Session| session.role_arn.clone(),
        )
        .text(
            "role_session_name",
            "`roleSessionName`",
            |session: &Session| session.role_session_name.clone(),
        )
        .text(
            "assumed_role_id",
            "`AROA...:role-session-name`",
            |session: &Session| session.assumed_role_id.clone(),
        )
        .text(
            "access_key_id",
            "the issued access key",
            |session: &Session| session.access_key_id.clone(),
        )
        .timestamp(
            "assumed_at",
            "time of the AssumeRole call",
            |session: &Session| session.assumed_at,
        )
        .timestamp(
            "expires_at",
            "expiration of the credentials",
            |session: &Session| session.expires_at,
        )
        .text(
            "assumed_by",
            "the caller: a service, an ARN, or a principal id",
            |session: &Session| session.assumed_by.clone(),
        )
        .text(
            "source_account_id",
            "the account of the caller; null for a service",
            |session: &Session| session.source_account_id.clone(),
        )
        .text(
            "source_ip",
            "`sourceIPAddress` of the AssumeRole",
            |session: &Session| session.source_ip.clone(),
        )
        .text(
            "external_id",
            "`externalId` of the AssumeRole",
            |session: &Session| session.external_id.clone(),
        )
        .record(
            "scope_down",
            "the inline session policy of the AssumeRole",
            scope_down_fields(),
            |session: &Session| Some(&session.scope_down),
        )
        .texts(
            "event_ids",
            "the AssumeRole events, one for each account's copy",
            |session: &Session| Value::strings(&session.event_ids),
        )
        .always_known(&["scope_down"])
}

fn scope_down_fields<'a>() -> Fields<'a, ScopeDown> {
    Fields::new()
        .boolean(
            "present",
            "whether there was one; null if the parameters were not logged",
            |policy: &ScopeDown| policy.present,
        )
        .texts(
            "resources",
            "its resources; empty if it is not valid JSON",
            |policy: &ScopeDown| Value::texts(policy.resources.iter()),
        )
}

/// One row for each hop of these chains.
#[must_use]
pub fn table(chains: &[&Chain]) -> Table {
    let hops: Vec<HopRecord<'_>> = chains.iter().copied().flat_map(HopRecord::of).collect();
    flat::table("hops", &fields(), &hops)
}
