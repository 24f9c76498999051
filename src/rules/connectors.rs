//! Connectors of federated queries, as rules see them: functions of Lambda, their owners, and what they
//! spill.

use super::context::RuleContext;
use super::history::bucket_of;
use super::rule::FindingSink;
use super::table_reads::{TableRead, connector_of};
use crate::model::event::Event;
use crate::model::function_sessions::{FunctionSessions, function_name};
use crate::model::identity::{RoleName, session_name_in_arn};
use crate::model::ids::{AccountId, EventId, is_account_id};
use crate::model::pattern;
use crate::model::road::function_arn;
use crate::model::text::Text;
use hashbrown::HashSet;
use serde_json::Value;
use std::collections::BTreeSet;

/// A read through a connector.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConnectorRead<'a> {
    pub(super) read: TableRead<'a>,
    /// The function, or the name of the data catalog where there is none.
    pub(super) connector: &'a Text,
    /// The account that it belongs to, if it is known.
    pub(super) owner: Option<&'a AccountId>,
}

/// All reads through connectors in the window, and after its beginning.
pub(super) fn connector_reads<'a>(
    context: &RuleContext<'a>,
) -> impl Iterator<Item = ConnectorRead<'a>> {
    context.table_reads().filter_map(|read| {
        Some(ConnectorRead {
            connector: connector_of(&read)?,
            owner: read.read.owner_account_id.as_ref(),
            read,
        })
    })
}

/// A permission to invoke a function, given to another account or to everyone.
#[derive(Debug, Clone)]
pub(super) struct InvokePermission<'a> {
    pub(super) event: &'a Event,
    pub(super) function_arn: Text,
    pub(super) owner: &'a AccountId,
    /// The other account; `None` for everyone.
    pub(super) account_id: Option<AccountId>,
}

/// Permissions to invoke functions that queries used as connectors.
pub(super) fn invoke_permissions<'a>(context: &RuleContext<'a>) -> Vec<InvokePermission<'a>> {
    let used = connector_reads(context).map(|one| one.connector);
    let connectors: HashSet<&Text> = used
        .chain(&context.input.history.connectors().names)
        .collect();
    let mut permissions = Vec::new();
    for (event, parameters) in context.changes() {
        let Some(owner) = &event.recipient_account_id else {
            continue;
        };
        let text = |member: &str| parameters[member].as_str();
        let (Some(function), Some(principal)) = (text("functionName"), text("principal")) else {
            continue;
        };
        let is_invoke = text("action").is_none_or(lets_invoke);
        let is_permission = event.name.starts_with("AddPermission") && is_invoke;
        if !is_permission || principal.ends_with(".amazonaws.com") {
            continue;
        }
        // A permission for everyone may be limited to the calls for one account.
        let limited = text("sourceAccount")
            .or(text("sourceArn"))
            .and_then(account_in);
        let account_id = account_in(principal).or(limited);
        let is_everyone =
            principal == "*" && account_id.is_none() && parameters["principalOrgID"] == Value::Null;
        let is_other = account_id.as_ref().is_some_and(|account| account != owner);
        let arn = function_arn(function, owner, event.region.as_ref());
        let used = arn.and_then(|arn| connectors.get(&arn).copied());
        if let Some(arn) = used
            && (is_other || is_everyone)
        {
            permissions.push(InvokePermission {
                event,
                function_arn: arn.clone(),
                owner,
                account_id,
            });
        }
    }
    permissions
}

/// Notes connectors that only data events of Lambda would show.
pub(super) fn note_not_logged(context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
    if !context.of_events().has_invocations {
        sink.note(
            "connectors are known only from data catalogs of query contexts and from spilled objects: the logs have no data events of \
             Lambda; log Invoke in the accounts of the connectors and of the consumers",
        );
    }
}

/// Returns true if an action of a permission is to invoke.
fn lets_invoke(action: &str) -> bool {
    let action = action.to_lowercase();
    let invokes = ["lambda:invokefunction", "lambda:invokefunctionurl"];
    invokes
        .iter()
        .any(|invoke| pattern::matches(&action, invoke))
}

/// The account of a principal: an id, or an ARN with one.
pub(super) fn account_in(principal: &str) -> Option<AccountId> {
    let mut parts = principal.split(':');
    parts.find(|part| is_account_id(part)).map(AccountId::new)
}

/// Buckets that connectors spill to, and the queries' own reads and writes there.
#[derive(Debug, Default)]
pub(super) struct SpillBuckets<'a> {
    pub(super) buckets: BTreeSet<Text>,
    /// Events of queries and connectors themselves.
    own: HashSet<&'a EventId>,
    /// Sessions whose queries read through connectors.
    readers: HashSet<&'a Text>,
    /// Functions that are connectors, by account and name.
    functions: HashSet<(&'a str, &'a str)>,
    sessions: FunctionSessions<'a>,
}

impl<'a> SpillBuckets<'a> {
    /// The buckets in which queries and their connectors were seen, and those that are named as such.
    pub(super) fn of(context: &RuleContext<'a>, named: &[Text]) -> Self {
        let mut spill = Self {
            buckets: named.iter().cloned().collect(),
            sessions: FunctionSessions::of(context.recent_events()),
            ..Self::default()
        };
        let before = context.input.history.connectors();
        spill.buckets.extend(before.buckets.iter().cloned());
        spill.own.extend(&before.event_ids);
        spill.readers.extend(&before.sessions);
        let connectors = before.names.iter();
        spill
            .functions
            .extend(connectors.filter_map(|name| function_name(name)));
        for one in connector_reads(context) {
            spill.functions.extend(function_name(one.connector));
            spill.own.extend(&one.read.read.event_ids);
            spill.buckets.extend(one.read.read.subject.bucket.clone());
            let session = one.read.chain.consumer_session.as_ref();
            let session = session.and_then(|session| session.assumed_role_id.as_ref());
            spill.readers.extend(session);
        }
        let own = context.recent_events();
        let own = own.filter(|event| spill.own.contains(&event.id));
        let buckets: Vec<Text> = own.filter_map(bucket_of).collect();
        spill.buckets.extend(buckets);
        spill
    }

    pub(super) fn has(&self, bucket: &str) -> bool {
        self.buckets.contains(bucket)
    }

    /// Returns true if a query or a connector made a call. Athena also reads for queries of others.
    pub(super) fn is_own(&self, event: &Event) -> bool {
        let identity = &event.identity;
        let service = identity
            .invoked_by
            .as_deref()
            .or(event.source_ip.as_deref());
        let session = identity.assumed_role_id();
        let is_reader = service == Some("athena.amazonaws.com")
            && session.is_some_and(|id| self.readers.contains(id));
        is_reader
            || identity.is_service()
            || self.own.contains(&event.id)
            || self.is_connectors(event)
    }

    /// Returns true for calls of a connector's session. If nothing tells the maker of a session, the
    /// account and the name of the function have to do.
    fn is_connectors(&self, event: &Event) -> bool {
        if let Some(function) = self.sessions.of_call(event) {
            return function_name(&function).is_some_and(|name| self.functions.contains(&name));
        }
        let arn = event.identity.arn.as_deref().unwrap_or_default();
        let role = RoleName::from_arn(arn);
        let named = role.zip(session_name_in_arn(arn));
        let is_named =
            named.is_some_and(|(role, name)| self.functions.contains(&(&*role.account_id, name)));
        is_named && self.sessions.is_unmade(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_in_principals() {
        let of = |principal: &str| account_in(principal).map(|account| account.to_string());
        assert_eq!(of("444455556666").as_deref(), Some("444455556666"));
        let role = "arn:aws:iam::444455556666:role/reader";
        assert_eq!(of(role).as_deref(), Some("444455556666"));
        assert_eq!(of("*"), None);
    }
}
