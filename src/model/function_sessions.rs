//! Sessions that Lambda makes for functions: their names are those of the functions
//! (docs/cloudtrail-facts.md#origins). Others can make sessions of these names, too, with other keys.

use super::event::{CredentialIssuance, Detail, Event};
use super::identity::{Identity, RoleName, session_name_in_arn};
use super::ids::{AccessKeyId, is_account_id};
use super::road::{LAMBDA_SERVICE, function_arn, is_function_arn, unqualified};
use super::text::Text;
use super::time::{CLOCK_SKEW_SECONDS, SESSION_SECONDS_MAX, UtcSecond};
use hashbrown::HashMap;

/// AssumeRole calls of one session's name that are looked at for one call.
const ISSUES_MAX: usize = 256;

/// An AssumeRole call.
#[derive(Debug, Clone)]
struct Issue<'a> {
    at: UtcSecond,
    key: Option<&'a AccessKeyId>,
    /// The function, if Lambda made the call.
    function: Option<Text>,
}

/// The sessions of functions, by the calls that made them.
#[derive(Debug, Default)]
pub struct FunctionSessions<'a> {
    /// By role and name of the session, each by time.
    by_name: HashMap<(RoleName, &'a str), Vec<Issue<'a>>>,
    /// The role and the name by assumed role id.
    names: HashMap<&'a Text, (RoleName, &'a str)>,
}

impl<'a> FunctionSessions<'a> {
    /// Reads events in their order, which is by time.
    #[must_use]
    pub fn of(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut sessions = Self::default();
        let events = events.into_iter();
        for event in events.filter(|event| event.error_code.is_none()) {
            if let Detail::CredentialIssuance(issue) = &event.detail {
                sessions.add(event, issue);
            }
        }
        sessions
    }

    fn add(&mut self, event: &'a Event, issue: &'a CredentialIssuance) {
        let role = issue.role_arn.as_deref().and_then(RoleName::from_arn);
        let Some((role, name)) = role.zip(issue.session_name.as_deref()) else {
            return;
        };
        let is_lambdas = event.identity.is_service()
            && event.identity.invoked_by.as_deref() == Some(LAMBDA_SERVICE);
        let function = is_lambdas
            .then(|| function_arn(name, &role.account_id, event.region.as_ref()))
            .flatten();
        if let Some(id) = &issue.assumed_role_id {
            self.names.entry(id).or_insert_with(|| (role.clone(), name));
        }
        self.by_name.entry((role, name)).or_default().push(Issue {
            at: event.time,
            key: issue.issued_key_id.as_ref(),
            function,
        });
    }

    /// Returns the function whose session made a call, or for whose session a service made it.
    #[must_use]
    pub fn of_call(&self, event: &Event) -> Option<Text> {
        let identity = &event.identity;
        let scope = identity.scope_source_arn.as_deref();
        if let Some(arn) = scope.filter(|arn| is_function_arn(arn)) {
            return Some(unqualified(arn));
        }
        let issues = self.by_name.get(&self.name_of(identity)?)?;
        let own = identity.access_key_id.as_ref();
        let of_key = |issue: &&Issue<'_>| own.is_some() && issue.key == own;
        let last = issues.partition_point(|issue| issue.at <= event.time.plus(CLOCK_SKEW_SECONDS));
        let from = event.time.plus(-SESSION_SECONDS_MAX);
        let valid = issues[..last].iter().rev().take(ISSUES_MAX);
        let valid = valid.take_while(|issue| from <= issue.at);
        if let Some(issue) = valid.clone().find(of_key) {
            return issue.function.clone();
        }
        // A key of the session itself that is not the issued one is of another session; services
        // have keys of their own.
        let is_own_key = own.is_some() && identity.invoked_by.is_none();
        let created = identity.session_created_at;
        let possible: Vec<&Issue<'_>> = valid
            .filter(|issue| issue.key.is_none() || !is_own_key)
            .filter(|issue| created.is_none_or(|created| issue.at.is_within_skew(created)))
            .collect();
        let first = possible.first()?.function.clone()?;
        let mut others = possible.iter();
        others
            .all(|issue| issue.function.as_ref() == Some(&first))
            .then_some(first)
    }

    /// Returns true if nothing tells the maker of a call's session.
    #[must_use]
    pub fn is_unmade(&self, event: &Event) -> bool {
        let name = self.name_of(&event.identity);
        name.is_none_or(|name| !self.by_name.contains_key(&name))
    }

    fn name_of<'n>(&self, identity: &'n Identity) -> Option<(RoleName, &'n str)>
    where
        'a: 'n,
    {
        let by_arn = identity
            .arn
            .as_deref()
            .and_then(|arn| Some((RoleName::from_arn(arn)?, session_name_in_arn(arn)?)));
        let by_id = || {
            let id = identity.principal_id.as_ref()?;
            self.names.get(id).cloned()
        };
        by_arn.or_else(by_id)
    }
}

/// The account and the name of a function's ARN.
#[must_use]
pub fn function_name(arn: &str) -> Option<(&str, &str)> {
    let mut parts = arn.split(':').skip(4);
    let account = parts.next().filter(|account| is_account_id(account))?;
    let name = parts.nth(1)?;
    Some((account, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_functions_name_is_the_seventh_part() {
        let arn = "arn:aws:lambda:us-east-1:111122223333:function:ledger";
        assert_eq!(function_name(arn), Some(("111122223333", "ledger")));
        assert_eq!(function_name("ledger"), None);
    }
}
