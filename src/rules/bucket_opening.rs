//! Changes that let others read a bucket: its policy, its ACL, its Block Public Access.

use super::connectors::account_in;
use super::context::RuleContext;
use super::occurrences::sample;
use crate::iam::policy::{Condition, Effect, Match, Policy, Principal, Principals, Statement};
use crate::model::event::Event;
use crate::model::ids::AccountId;
use crate::model::pattern::matches;
use crate::model::text::Text;
use serde_json::Value;
use std::collections::BTreeSet;

/// Groups of everyone, and of everyone with an AWS account
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#specifying-grantee>).
const PUBLIC_GROUPS: [&str; 2] = [
    "/groups/global/AllUsers",
    "/groups/global/AuthenticatedUsers",
];

/// Keys of conditions that say who asks or from where
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>).
const KEYS_OF_CALLERS: [&str; 16] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalisawsservice",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principalservicename",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "aws:username",
    "aws:viaawsservice",
    "aws:vpcsourceip",
];

/// The way in which a change opens a bucket; `None` for others.
pub(super) fn opening(
    context: &RuleContext<'_>,
    event: &Event,
    parameters: &Value,
    bucket: &str,
) -> Option<String> {
    match &*event.name {
        "DeleteBucketPublicAccessBlock" => Some("Block Public Access was removed".to_owned()),
        "PutBucketPublicAccessBlock" => {
            let block = parameters["PublicAccessBlockConfiguration"].as_object()?;
            let is_off = |name: &&str| {
                let value = block.get(*name);
                value.is_none_or(|value| *value == false || value == "false")
            };
            // Of each pair, one is enough against public access.
            let pairs = [
                ["BlockPublicAcls", "IgnorePublicAcls"],
                ["BlockPublicPolicy", "RestrictPublicBuckets"],
            ];
            let off = pairs.iter().filter(|pair| pair.iter().all(is_off));
            let off: Vec<&str> = off.flatten().copied().collect();
            (!off.is_empty())
                .then(|| format!("Block Public Access was turned off ({})", off.join(", ")))
        }
        "CreateBucket" | "PutBucketAcl" => acl(parameters),
        "PutBucketPolicy" => {
            let policy = Policy::parse(parameters["bucketPolicy"].as_str()?).ok()?;
            let owner = event.recipient_account_id.as_ref();
            let readers = readers(context, &policy, bucket, owner);
            let readers: Vec<String> = readers.into_iter().collect();
            (!readers.is_empty()).then(|| format!("its policy lets {} read", sample(&readers)))
        }
        _ => None,
    }
}

/// The way in which an ACL opens a bucket: a canned one, a grant in a header or in the document.
fn acl(parameters: &Value) -> Option<String> {
    let header = |name: &str| {
        let text = parameters[name].as_str();
        text.or(parameters["accessControlList"][name].as_str())
    };
    if let Some(canned) = header("x-amz-acl")
        && (canned.starts_with("public") || canned == "authenticated-read")
    {
        return Some(format!("its ACL is now {canned}"));
    }
    let is_public = |text: &str| PUBLIC_GROUPS.iter().any(|group| text.contains(group));
    let in_header = ["x-amz-grant-read", "x-amz-grant-full-control"]
        .into_iter()
        .filter_map(header)
        .any(is_public);
    let grants = &parameters["AccessControlPolicy"]["AccessControlList"]["Grant"];
    let grants = grants
        .as_array()
        .map_or(std::slice::from_ref(grants), Vec::as_slice);
    let in_document = grants.iter().any(|grant| {
        let may_read = matches!(grant["Permission"].as_str(), Some("READ" | "FULL_CONTROL"));
        may_read && grant["Grantee"]["URI"].as_str().is_some_and(is_public)
    });
    (in_header || in_document).then(|| "its ACL lets everyone read".to_owned())
}

/// Principals other than declared accounts whom a policy lets read objects of a bucket.
fn readers(
    context: &RuleContext<'_>,
    policy: &Policy,
    bucket: &str,
    owner: Option<&AccountId>,
) -> BTreeSet<String> {
    let is_known = |account: &AccountId| {
        Some(account) == owner || context.is_declared(account) || !context.has_declared_accounts()
    };
    let reads = |statement: &&Statement| {
        let actions = ["s3:GetObject", "s3:GetObjectVersion"];
        actions
            .iter()
            .any(|action| statement.actions.holds_action(action))
    };
    let statements = policy.statements.iter().filter(reads);
    let (allows, denies): (Vec<&Statement>, Vec<&Statement>) =
        statements.partition(|statement| statement.effect == Effect::Allow);
    let mut readers = BTreeSet::new();
    for allow in allows.into_iter().filter(|allow| touches(allow, bucket)) {
        let limits = allow.conditions.iter().filter_map(|one| limit(one, false));
        let strangers = limits.fold(named_in(allow), |known, limit| known.within(&limit));
        let covering = denies.iter().filter(|deny| takes_away(deny, allow, bucket));
        let strangers = covering.fold(strangers, |left, deny| left.without(deny));
        readers.extend(strangers.told(&is_known));
    }
    readers
}

/// Callers that a statement reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Callers {
    Everyone,
    /// Accounts, ARNs and canonical ids.
    Named(BTreeSet<String>),
}

impl Callers {
    /// Those that a condition leaves: everyone of it, if all were meant.
    fn within(self, limit: &Limit) -> Self {
        match (self, limit) {
            (Self::Everyone, Limit::Accounts(accounts)) => Self::Named(accounts.clone()),
            (Self::Named(named), Limit::Accounts(accounts)) => {
                let of = |name: &String| {
                    account_in(name).is_some_and(|account| accounts.contains(&*account))
                };
                Self::Named(named.into_iter().filter(of).collect())
            }
            // An organization, a network: not everyone.
            (_, Limit::Closed) => Self::Named(BTreeSet::new()),
        }
    }

    /// Those that a Deny statement leaves.
    fn without(self, deny: &Statement) -> Self {
        let limits: Vec<Limit> = deny
            .conditions
            .iter()
            .filter_map(|one| limit(one, true))
            .collect();
        // It denies all but those of its conditions.
        if !deny.conditions.is_empty() {
            let is_whole = limits.len() == deny.conditions.len() && names_everyone(deny);
            return match &limits[..] {
                [only] if is_whole => self.within(only),
                _ => self,
            };
        }
        match &deny.principals {
            _ if names_everyone(deny) => Self::Named(BTreeSet::new()),
            Some(Principals::AnyOf(all)) => match self {
                Self::Everyone => Self::Everyone,
                Self::Named(named) => {
                    let denied: BTreeSet<String> = all.iter().filter_map(name_of).collect();
                    let is_left = |name: &String| {
                        let account = account_in(name);
                        !denied.contains(name)
                            && !account.is_some_and(|account| denied.contains(&*account))
                    };
                    Self::Named(named.into_iter().filter(is_left).collect())
                }
            },
            Some(Principals::AllBut(exempt)) => {
                let exempt: BTreeSet<String> = exempt.iter().filter_map(name_of).collect();
                match self {
                    Self::Everyone => Self::Named(exempt),
                    Self::Named(named) => {
                        Self::Named(named.intersection(&exempt).cloned().collect())
                    }
                }
            }
            None => self,
        }
    }

    /// The names of those who are not known.
    fn told(self, is_known: &dyn Fn(&AccountId) -> bool) -> BTreeSet<String> {
        match self {
            Self::Everyone => BTreeSet::from(["everyone".to_owned()]),
            Self::Named(named) => named
                .into_iter()
                .filter(|name| !account_in(name).is_some_and(|account| is_known(&account)))
                .collect(),
        }
    }
}

/// The callers that a condition leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Limit {
    /// Callers of these accounts.
    Accounts(BTreeSet<String>),
    /// Callers of an organization, a network, a service.
    Closed,
}

/// The limit of a condition; of a Deny statement, that of the negated one. `None` if it limits no
/// callers: it says how to ask, or has a value that holds for all.
fn limit(condition: &Condition, is_denied: bool) -> Option<Limit> {
    let operator = condition.operator.rsplit(':').next().unwrap_or_default();
    let (operator, if_exists) = match operator.strip_suffix("ifexists") {
        Some(operator) => (operator, true),
        None => (operator, false),
    };
    let is_negated = operator.contains("not");
    let is_bool = operator == "bool";
    // A caller without the key passes a condition that holds if it does not exist.
    if !is_bool && is_negated != is_denied || if_exists && !is_denied {
        return None;
    }
    let key = condition.key.to_lowercase();
    if !KEYS_OF_CALLERS.contains(&key.as_str()) {
        return None;
    }
    if is_bool {
        let asks = condition.values.iter().any(|value| **value == *"true");
        return (asks != is_denied).then_some(Limit::Closed);
    }
    let holds_for_all = |value: &Text| {
        matches!(&**value, "0.0.0.0/0" | "::/0") || value.trim_matches('*').is_empty()
    };
    if condition.values.iter().any(holds_for_all) {
        return None;
    }
    if matches!(key.as_str(), "aws:principalaccount" | "aws:principalarn") {
        let accounts: Option<BTreeSet<String>> = condition
            .values
            .iter()
            .map(|value| account_in(value).map(|account| account.to_string()))
            .collect();
        return accounts.map(Limit::Accounts);
    }
    Some(Limit::Closed)
}

/// The callers that an Allow statement names.
fn named_in(allow: &Statement) -> Callers {
    match &allow.principals {
        Some(Principals::AllBut(_)) => Callers::Everyone,
        _ if names_everyone(allow) => Callers::Everyone,
        Some(Principals::AnyOf(all)) => Callers::Named(all.iter().filter_map(name_of).collect()),
        None => Callers::Named(BTreeSet::new()),
    }
}

/// Returns true if a statement names everyone by a star.
fn names_everyone(statement: &Statement) -> bool {
    matches!(&statement.principals, Some(Principals::AnyOf(all)) if all.contains(&Principal::Everyone))
}

fn name_of(principal: &Principal) -> Option<String> {
    match principal {
        Principal::Account(account) => Some(account.to_string()),
        Principal::Arn(arn) => Some(arn.to_string()),
        Principal::Other(kind, id) if **kind == *"CanonicalUser" => {
            Some(format!("canonical user {id}"))
        }
        _ => None,
    }
}

/// Returns true if an Allow statement is about objects of a bucket.
fn touches(allow: &Statement, bucket: &str) -> bool {
    match &allow.resources {
        None => true,
        Some(Match::AnyOf(patterns)) => {
            patterns.iter().any(|pattern| is_in_bucket(pattern, bucket))
        }
        Some(Match::AllBut(patterns)) => !patterns
            .iter()
            .any(|pattern| is_whole_bucket(pattern, bucket)),
    }
}

/// Returns true if a Deny statement covers all objects that an Allow statement names in a bucket.
fn takes_away(deny: &Statement, allow: &Statement, bucket: &str) -> bool {
    let denied = match &deny.resources {
        None => return true,
        Some(Match::AnyOf(patterns)) => patterns,
        Some(Match::AllBut(kept)) => {
            return !kept.iter().any(|kept| is_in_bucket(kept, bucket));
        }
    };
    if denied
        .iter()
        .any(|pattern| is_whole_bucket(pattern, bucket))
    {
        return true;
    }
    match &allow.resources {
        Some(Match::AnyOf(patterns)) => patterns
            .iter()
            .filter(|pattern| is_in_bucket(pattern, bucket))
            .all(|pattern| denied.iter().any(|denied| matches(denied, pattern))),
        _ => false,
    }
}

/// Returns true if a pattern can be of an object in a bucket.
fn is_in_bucket(pattern: &str, bucket: &str) -> bool {
    let Some((_, path)) = pattern.split_once(":::") else {
        return pattern == "*";
    };
    match path.split_once('/') {
        Some((name, _)) => matches(name, bucket),
        // A star also stands for slashes.
        None => path.ends_with('*') && matches(path, &format!("{bucket}/x")),
    }
}

/// Returns true if a pattern is of all objects in a bucket.
fn is_whole_bucket(pattern: &str, bucket: &str) -> bool {
    let Some((_, path)) = pattern.split_once(":::") else {
        return pattern == "*";
    };
    matches(path, &format!("{bucket}/\u{0}")) && path.ends_with('*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn grants_to_everyone_open_a_bucket() {
        let all = "http://acs.amazonaws.com/groups/global/AllUsers";
        let grant = json!({"Grantee": {"URI": all}, "Permission": "READ"});
        let document = |grants: Value| json!({"AccessControlPolicy": {"AccessControlList": {"Grant": grants}}});
        for open in [
            json!({"x-amz-acl": "public-read"}),
            json!({"accessControlList": {"x-amz-acl": "authenticated-read"}}),
            json!({"x-amz-grant-read": format!("uri=\"{all}\"")}),
            document(grant.clone()),
            document(json!([{"Permission": "READ"}, grant])),
        ] {
            assert!(acl(&open).is_some(), "{open}");
        }
        for closed in [
            json!({"x-amz-acl": "private"}),
            json!({"x-amz-grant-read": "id=\"79a59df900b949e5\""}),
            document(json!({"Grantee": {"URI": all}, "Permission": "READ_ACP"})),
            document(json!([])),
            json!({}),
        ] {
            assert_eq!(acl(&closed), None, "{closed}");
        }
    }

    fn condition(operator: &str, key: &str, value: &str) -> Condition {
        Condition {
            operator: operator.to_owned(),
            key: key.into(),
            values: BTreeSet::from([value.into()]),
        }
    }

    #[test]
    fn conditions_on_callers_limit_them() {
        let accounts = |id: &str| Some(Limit::Accounts(BTreeSet::from([id.to_owned()])));
        let account = "999900001111";
        for (operator, key, value, is_denied, expected) in [
            (
                "stringequals",
                "aws:PrincipalOrgID",
                "o-1",
                false,
                Some(Limit::Closed),
            ),
            (
                "stringnotequals",
                "aws:PrincipalOrgID",
                "o-1",
                true,
                Some(Limit::Closed),
            ),
            (
                "stringequals",
                "aws:PrincipalAccount",
                account,
                false,
                accounts(account),
            ),
            (
                "stringnotequals",
                "aws:PrincipalAccount",
                account,
                true,
                accounts(account),
            ),
            (
                "ipaddress",
                "aws:SourceIp",
                "192.0.2.0/24",
                false,
                Some(Limit::Closed),
            ),
            (
                "bool",
                "aws:PrincipalIsAWSService",
                "true",
                false,
                Some(Limit::Closed),
            ),
            // They let everyone in.
            (
                "stringnotequals",
                "aws:PrincipalAccount",
                account,
                false,
                None,
            ),
            ("stringlike", "aws:PrincipalArn", "*", false, None),
            ("ipaddress", "aws:SourceIp", "0.0.0.0/0", false, None),
            (
                "stringequalsifexists",
                "aws:SourceVpc",
                "vpc-1",
                false,
                None,
            ),
            ("stringequals", "s3:ResourceAccount", account, false, None),
            ("stringequals", "s3:ExistingObjectTag/x", "y", false, None),
            ("bool", "aws:SecureTransport", "true", false, None),
        ] {
            let found = limit(&condition(operator, key, value), is_denied);
            assert_eq!(found, expected, "{operator} {key} {value}");
        }
    }

    #[test]
    fn patterns_are_of_a_bucket_whatever_the_folder() {
        for pattern in [
            "*",
            "arn:aws:s3:::b/*",
            "arn:aws:s3:::b/fed/*",
            "arn:aws:s3:::b*",
            "arn:aws:s3:::*/*",
            "arn:aws-cn:s3:::*",
        ] {
            assert!(is_in_bucket(pattern, "b"), "{pattern}");
        }
        for pattern in ["arn:aws:s3:::b", "arn:aws:s3:::c/*", "arn:aws:s3:::bc*"] {
            assert!(!is_in_bucket(pattern, "b"), "{pattern}");
        }
    }
}
