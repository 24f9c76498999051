//! Changes that let others read a bucket: its policy, its ACL, its Block Public Access.

use super::connectors::account_in;
use super::context::RuleContext;
use super::occurrences::sample;
use crate::iam::policy::{Effect, Match, Policy, Principal, Principals, Statement};
use crate::model::event::Event;
use crate::model::ids::AccountId;
use crate::model::pattern::matches;
use serde_json::Value;
use std::collections::BTreeSet;

/// Groups of everyone, and of everyone with an AWS account
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#specifying-grantee>).
const PUBLIC_GROUPS: [&str; 2] = [
    "/groups/global/AllUsers",
    "/groups/global/AuthenticatedUsers",
];

/// Keys of conditions that say how to ask and not who may.
const KEYS_OF_FORM: [&str; 10] = [
    "aws:currenttime",
    "aws:epochtime",
    "aws:referer",
    "aws:requestedregion",
    "aws:securetransport",
    "aws:useragent",
    "s3:authtype",
    "s3:signatureage",
    "s3:signatureversion",
    "s3:tlsversion",
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
            let is_off = |value: &Value| value == false || value == "false";
            let off = block.iter().filter(|(_, value)| is_off(value));
            let off: Vec<&str> = off.map(|(name, _)| name.as_str()).collect();
            (!off.is_empty())
                .then(|| format!("Block Public Access was turned off ({})", off.join(", ")))
        }
        "PutBucketAcl" => acl(parameters),
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
    let of = |effect: Effect| {
        let statements = policy.statements.iter();
        statements
            .filter(move |one| one.effect == effect && one.actions.holds_action("s3:GetObject"))
    };
    let denied: BTreeSet<&str> = of(Effect::Deny)
        .filter(|deny| deny.conditions.is_empty() && is_for_all(deny))
        .flat_map(resources)
        .collect();
    let is_open = |pattern: &&str| {
        is_in_bucket(pattern, bucket) && !denied.iter().any(|denied| matches(denied, pattern))
    };
    let allows = of(Effect::Allow).filter(|allow| match &allow.resources {
        Some(Match::AllBut(_)) => true,
        _ => resources(allow).any(|pattern| is_open(&pattern)),
    });
    allows
        .flat_map(|statement| strangers(context, statement, owner))
        .collect()
}

fn resources(statement: &Statement) -> impl Iterator<Item = &str> {
    let patterns = match &statement.resources {
        Some(Match::AnyOf(patterns)) => Some(patterns),
        Some(Match::AllBut(_)) | None => None,
    };
    patterns.into_iter().flatten().map(|pattern| &**pattern)
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

/// Returns true if a statement is for everyone, or for all but some.
fn is_for_all(statement: &Statement) -> bool {
    match &statement.principals {
        Some(Principals::AnyOf(all)) => all.contains(&Principal::Everyone),
        Some(Principals::AllBut(_)) => true,
        None => false,
    }
}

fn strangers(
    context: &RuleContext<'_>,
    statement: &Statement,
    owner: Option<&AccountId>,
) -> Vec<String> {
    let mut conditions = statement.conditions.iter();
    let is_open = conditions.all(|one| KEYS_OF_FORM.contains(&one.key.to_lowercase().as_str()));
    let everyone = || is_open.then(|| "everyone".to_owned());
    let named = |account: &AccountId, name: &str| {
        let is_known = Some(account) == owner
            || context.is_declared(account)
            || !context.has_declared_accounts();
        (!is_known).then(|| name.to_owned())
    };
    match &statement.principals {
        Some(Principals::AllBut(_)) => everyone().into_iter().collect(),
        Some(Principals::AnyOf(all)) => all
            .iter()
            .filter_map(|principal| match principal {
                Principal::Everyone => everyone(),
                Principal::Account(account) => named(account, account),
                Principal::Arn(arn) => named(&account_in(arn)?, arn),
                Principal::Service(_) | Principal::Federated(_) | Principal::Other(..) => None,
            })
            .collect(),
        None => Vec::new(),
    }
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
