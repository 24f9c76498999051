//! IAM policy documents: scope-down policies and trust policies, read as IAM reads
//! them (IAM User Guide, "IAM JSON policy elements reference").
//!
//! Members may be a string or a list, `Not...` turns a match around, `*` and `?`
//! are wildcards, a `Deny` wins over any `Allow`, and conditions narrow a
//! statement. What a condition would say of a call is not known from logs: one on
//! an `Allow` is taken as met, one on a `Deny` as not met, so that an answer "not
//! allowed" is certain.

use super::pattern::matches;
use crate::model::identity::RoleName;
use crate::model::ids::{AccountId, is_account_id};
use crate::model::text::Text;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The reason why a text is refused as a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// It is not a JSON object.
    #[error("the policy is not a JSON object")]
    NotAnObject,
    /// A member has a type that IAM does not take.
    #[error("the policy's {0} is not valid in IAM")]
    WrongType(&'static str),
    /// It has more elements than IAM's limit on its length leaves room for.
    #[error("the policy has more than {ELEMENTS_MAX} elements, which IAM does not accept")]
    TooLarge,
}

/// Actions, resources, principals and values of conditions of one policy. IAM takes
/// policies of at most 10,240 characters (IAM User Guide, "IAM and STS quotas").
const ELEMENTS_MAX: usize = 4096;

/// The effect of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Lets in.
    Allow,
    /// Keeps out, whatever else lets in.
    Deny,
}

/// Patterns that match, or that do not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Match {
    /// Any of these.
    AnyOf(BTreeSet<Text>),
    /// Anything but these.
    AllBut(BTreeSet<Text>),
}

/// The principals of a statement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Principals {
    /// Any of these.
    AnyOf(BTreeSet<Principal>),
    /// Anyone but these.
    AllBut(BTreeSet<Principal>),
}

/// A principal of a trust policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Principal {
    /// Everybody, of any account.
    Everyone,
    /// Everybody in an account that the account itself lets.
    Account(AccountId),
    /// A role, user or session, by ARN or unique id.
    Arn(Text),
    /// An AWS service.
    Service(Text),
    /// An identity provider.
    Federated(Text),
    /// Anything else, as it was spelled.
    Other(Text, Text),
}

/// A condition: operator, key, values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Condition {
    /// The operator, in lower case: `stringequals`, `foranyvalue:stringlike`.
    pub operator: String,
    /// The key as it was spelled, such as `sts:ExternalId`.
    pub key: Text,
    /// Its values.
    pub values: BTreeSet<Text>,
}

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The statement's effect.
    pub effect: Effect,
    /// The statement's actions.
    pub actions: Match,
    /// The statement's resources; `None` in a trust policy.
    pub resources: Option<Match>,
    /// The statement's principals; `None` in a policy of a session or role.
    pub principals: Option<Principals>,
    /// The statement's conditions: all of them must hold.
    pub conditions: BTreeSet<Condition>,
}

/// A policy document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Its statements, in order.
    pub statements: Vec<Statement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawStatement {
    effect: Option<String>,
    action: Option<Value>,
    not_action: Option<Value>,
    resource: Option<Value>,
    not_resource: Option<Value>,
    principal: Option<Value>,
    not_principal: Option<Value>,
    condition: Option<BTreeMap<String, BTreeMap<String, Value>>>,
}

impl Policy {
    /// Reads a document. Some interfaces give it percent-encoded.
    ///
    /// # Errors
    ///
    /// When it is not a policy as IAM takes it.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let decoded = percent_decoded(text);
        let value: Value = serde_json::from_str(decoded.as_deref().unwrap_or(text))
            .map_err(|_| PolicyError::NotAnObject)?;
        let Value::Object(mut document) = value else {
            return Err(PolicyError::NotAnObject);
        };
        let statements = match document.remove("Statement") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(statements)) => statements,
            Some(one) => vec![one],
        };
        let statements = statements.into_iter().map(statement);
        let policy = Self {
            statements: statements.collect::<Result<_, _>>()?,
        };
        let elements: usize = policy.statements.iter().map(Statement::elements).sum();
        if elements > ELEMENTS_MAX {
            return Err(PolicyError::TooLarge);
        }
        Ok(policy)
    }

    /// Returns true if the action on the resource may be allowed: some statement allows it, and
    /// none without conditions denies it.
    #[must_use]
    pub fn may_allow(&self, action: &str, resource: &str) -> bool {
        let is_about = |statement: &&Statement| statement.is_about(action, resource);
        let mut about = self.statements.iter().filter(is_about);
        let mut is_allowed = false;
        let denied = about.any(|statement| {
            is_allowed |= statement.effect == Effect::Allow;
            statement.effect == Effect::Deny && statement.conditions.is_empty()
        });
        is_allowed && !denied
    }

    /// The resources that the action may be allowed on, as patterns: what allowing
    /// statements name and no denying one without conditions takes away whole.
    #[must_use]
    pub fn reach(&self, action: &str) -> Vec<Reach> {
        let of = |effect: Effect| {
            let statements = self.statements.iter();
            statements.filter(move |one| one.effect == effect && one.actions.holds_action(action))
        };
        let taken_away = |pattern: &str| {
            of(Effect::Deny).any(|deny| {
                deny.conditions.is_empty()
                    && match &deny.resources {
                        None => true,
                        Some(Match::AnyOf(denied)) => {
                            denied.iter().any(|denied| matches(denied, pattern))
                        }
                        // What a pattern may hold of the kept ones is still reached.
                        Some(Match::AllBut(kept)) => !kept
                            .iter()
                            .any(|kept| matches(kept, pattern) || matches(pattern, kept)),
                    }
            })
        };
        let mut reach: BTreeSet<Reach> = BTreeSet::new();
        for allow in of(Effect::Allow) {
            match &allow.resources {
                None => {
                    reach.insert(Reach::Resource("*".into()));
                }
                Some(Match::AnyOf(patterns)) => reach.extend(
                    patterns
                        .iter()
                        .filter(|pattern| !taken_away(pattern))
                        .cloned()
                        .map(Reach::Resource),
                ),
                Some(Match::AllBut(patterns)) => {
                    reach.insert(Reach::AllBut(patterns.iter().cloned().collect()));
                }
            }
        }
        reach.into_iter().collect()
    }
}

/// The kind of resources that an action applies to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Resources of this ARN or pattern.
    Resource(Text),
    /// Everything but these.
    AllBut(Vec<Text>),
}

impl Reach {
    /// Returns true if more than one resource may be meant.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self {
            Self::Resource(pattern) => pattern.contains(['*', '?', '$']),
            Self::AllBut(_) => true,
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resource(pattern) => formatter.write_str(pattern),
            Self::AllBut(patterns) => {
                write!(formatter, "everything except {}", patterns.join(", "))
            }
        }
    }
}

impl Statement {
    /// Returns the number of its patterns, principals and values.
    fn elements(&self) -> usize {
        let of = |one: &Match| match one {
            Match::AnyOf(patterns) | Match::AllBut(patterns) => patterns.len(),
        };
        let principals = match &self.principals {
            Some(Principals::AnyOf(all) | Principals::AllBut(all)) => all.len(),
            None => 0,
        };
        let values = self.conditions.iter().map(|one| one.values.len() + 1);
        1 + of(&self.actions)
            + self.resources.as_ref().map_or(0, of)
            + principals
            + values.sum::<usize>()
    }

    fn is_about(&self, action: &str, resource: &str) -> bool {
        let holds = |resources: &Match| resources.holds(|pattern| matches(pattern, resource));
        self.actions.holds_action(action) && self.resources.as_ref().is_none_or(holds)
    }
}

impl Match {
    fn holds(&self, is_match: impl Fn(&str) -> bool) -> bool {
        match self {
            Self::AnyOf(patterns) => patterns.iter().any(|pattern| is_match(pattern)),
            Self::AllBut(patterns) => !patterns.iter().any(|pattern| is_match(pattern)),
        }
    }

    /// Returns true if the action is meant; actions are the same in any case.
    #[must_use]
    pub fn holds_action(&self, action: &str) -> bool {
        let action = action.to_ascii_lowercase();
        self.holds(|pattern| matches(&pattern.to_ascii_lowercase(), &action))
    }
}

impl Principal {
    fn of_aws(text: &str) -> Self {
        let root = text
            .strip_suffix(":root")
            .and_then(|arn| arn.rsplit(':').next());
        match root {
            _ if text == "*" => Self::Everyone,
            _ if is_account_id(text) => Self::Account(text.into()),
            Some(account) if text.starts_with("arn:") && is_account_id(account) => {
                Self::Account(account.into())
            }
            _ => Self::Arn(text.into()),
        }
    }

    /// Returns true if everybody who is the other one is this one, too.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Everyone, _) => true,
            (Self::Account(account), Self::Arn(arn)) => {
                arn.split(':').nth(4) == Some(account) && arn.starts_with("arn:")
            }
            // A role is each of its sessions.
            (Self::Arn(role), Self::Arn(session)) if session.contains(":assumed-role/") => {
                self == other
                    || (role.contains(":role/")
                        && RoleName::from_arn(role).is_some()
                        && RoleName::from_arn(role) == RoleName::from_arn(session))
            }
            _ => self == other,
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everyone => formatter.write_str("any principal in any account"),
            Self::Account(account) => write!(formatter, "account {account}"),
            Self::Arn(id) if id.starts_with("AROA") || id.starts_with("AIDA") => {
                write!(formatter, "{id} (a principal that was deleted)")
            }
            Self::Arn(text) | Self::Service(text) => formatter.write_str(text),
            Self::Federated(text) => write!(formatter, "identity provider {text}"),
            Self::Other(kind, text) => write!(formatter, "{kind} {text}"),
        }
    }
}

impl Condition {
    /// Returns true if every value of its key meets it: a pattern of `*` alone.
    #[must_use]
    pub fn is_void(&self) -> bool {
        let is_pattern = matches!(
            self.operator.trim_end_matches("ifexists"),
            "stringlike" | "arnlike" | "arnequals"
        );
        is_pattern && self.values.iter().any(|value| &**value == "*")
    }

    /// Returns true if a call that meets this condition meets the other one for sure.
    ///
    /// `IfExists` asks less than the operator alone; a negative operator with more
    /// values asks more; a value with a wildcard or a variable is held by a pattern
    /// only where the texts are the same, or the pattern is `*`.
    #[must_use]
    pub fn implies(&self, other: &Self) -> bool {
        if !self.key.eq_ignore_ascii_case(&other.key) {
            return false;
        }
        let (own, own_if_exists) = self.kind();
        let (asked, asked_if_exists) = other.kind();
        let is_like = |kind: &str| matches!(kind, "stringlike" | "arnlike" | "arnequals");
        let is_positive = |kind: &str| kind == "stringequals" || is_like(kind);
        let is_negative = matches!(
            own,
            "stringnotequals" | "stringnotlike" | "arnnotequals" | "arnnotlike"
        );
        // A key that is not there is another one, too: `IfExists` changes nothing here.
        if own == asked && is_negative {
            return other.values.is_subset(&self.values);
        }
        if own_if_exists && !asked_if_exists {
            return false;
        }
        if !is_positive(own) || !is_positive(asked) {
            return own == asked && self.values == other.values;
        }
        let is_plain = |value: &str| !value.contains(['*', '?', '$']);
        self.values.iter().all(|value| {
            other.values.iter().any(|taken| {
                // A pattern says more than the same text taken literally.
                (value == taken && (is_like(asked) || !is_like(own) || is_plain(value)))
                    || (is_like(asked) && &**taken == "*")
                    || (is_like(asked) && is_plain(value) && matches(taken, value))
            })
        })
    }

    /// The operator without `IfExists`, and whether it had that.
    fn kind(&self) -> (&str, bool) {
        match self.operator.strip_suffix("ifexists") {
            Some(kind) => (kind, true),
            None => (&self.operator, false),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values: Vec<&str> = self.values.iter().map(|value| &**value).collect();
        write!(
            formatter,
            "{} {} {}",
            self.key,
            self.operator,
            values.join(" or ")
        )
    }
}

fn statement(value: Value) -> Result<Statement, PolicyError> {
    let raw: RawStatement =
        serde_json::from_value(value).map_err(|_| PolicyError::WrongType("Statement"))?;
    let effect = match raw.effect.as_deref() {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        _ => return Err(PolicyError::WrongType("Effect")),
    };
    let actions = matched(raw.action, raw.not_action, "Action")?;
    let principals = match (raw.principal, raw.not_principal) {
        (Some(any_of), _) => Some(Principals::AnyOf(principals(any_of)?)),
        (None, Some(all_but)) => Some(Principals::AllBut(principals(all_but)?)),
        (None, None) => None,
    };
    let mut conditions = BTreeSet::new();
    for (operator, keys) in raw.condition.unwrap_or_default() {
        for (key, values) in keys {
            conditions.insert(Condition {
                operator: operator.to_ascii_lowercase(),
                key: key.into(),
                values: texts(values, "Condition")?,
            });
        }
    }
    Ok(Statement {
        effect,
        actions: actions.unwrap_or_else(|| Match::AnyOf(BTreeSet::new())),
        resources: matched(raw.resource, raw.not_resource, "Resource")?,
        principals,
        conditions,
    })
}

fn matched(
    any_of: Option<Value>,
    all_but: Option<Value>,
    member: &'static str,
) -> Result<Option<Match>, PolicyError> {
    Ok(match (any_of, all_but) {
        (Some(any_of), _) => Some(Match::AnyOf(texts(any_of, member)?)),
        (None, Some(all_but)) => Some(Match::AllBut(texts(all_but, member)?)),
        (None, None) => None,
    })
}

/// A string, or a list of strings; conditions also have numbers and truth values.
fn texts(value: Value, member: &'static str) -> Result<BTreeSet<Text>, PolicyError> {
    let items = match value {
        Value::Array(items) => items,
        one => vec![one],
    };
    let text = |item: Value| match item {
        Value::String(text) => Ok(text.into()),
        Value::Bool(value) => Ok(value.to_string().into()),
        Value::Number(value) => Ok(value.to_string().into()),
        _ => Err(PolicyError::WrongType(member)),
    };
    items.into_iter().map(text).collect()
}

/// `"*"`, or an object of kinds.
fn principals(value: Value) -> Result<BTreeSet<Principal>, PolicyError> {
    let kinds = match value {
        Value::String(text) => return Ok(BTreeSet::from([Principal::of_aws(&text)])),
        Value::Object(kinds) => kinds,
        _ => return Err(PolicyError::WrongType("Principal")),
    };
    let mut principals = BTreeSet::new();
    for (kind, values) in kinds {
        for text in texts(values, "Principal")? {
            principals.insert(match kind.as_str() {
                "AWS" => Principal::of_aws(&text),
                "Service" => Principal::Service(text),
                "Federated" => Principal::Federated(text),
                _ => Principal::Other(kind.as_str().into(), text),
            });
        }
    }
    Ok(principals)
}

/// The text without percent-encoding, where it starts like an encoded object.
fn percent_decoded(text: &str) -> Option<String> {
    if !text.trim_start().starts_with('%') {
        return None;
    }
    let mut bytes = text.trim_start().bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        decoded.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    const ROLE_B: &str = "arn:aws:iam::444455556666:role/qs-athena-consumer-role";
    const ASSUME: &str = "sts:AssumeRole";

    fn policy(statements: &str) -> Policy {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":{statements}}}"#);
        Policy::parse(&text).unwrap()
    }

    #[test]
    fn members_may_be_a_string_or_a_list() {
        let one = policy(&format!(
            r#"{{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"{ROLE_B}"}}"#
        ));
        let list = policy(&format!(
            r#"[{{"Effect":"Allow","Action":["sts:AssumeRole"],"Resource":["{ROLE_B}"]}}]"#
        ));
        assert_eq!(one, list);
        assert!(one.may_allow("STS:assumerole", ROLE_B));
        assert!(!one.may_allow(ASSUME, "arn:aws:iam::444455556666:role/other"));
        assert!(!one.may_allow("sts:TagSession", ROLE_B));
    }

    #[test]
    fn not_action_and_not_resource_turn_the_match_around() {
        let but_s3 = policy(r#"{"Effect":"Allow","NotAction":"s3:*","Resource":"*"}"#);
        assert!(but_s3.may_allow(ASSUME, ROLE_B));
        assert!(!but_s3.may_allow("s3:GetObject", "arn:aws:s3:::b/k"));
        let but_b = policy(&format!(
            r#"{{"Effect":"Allow","Action":"sts:*","NotResource":"{ROLE_B}"}}"#
        ));
        assert!(!but_b.may_allow(ASSUME, ROLE_B));
        assert!(but_b.reach(ASSUME)[0].is_open());
    }

    #[test]
    fn a_deny_wins_unless_it_has_conditions() {
        let allow = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;
        let deny = format!(r#"{{"Effect":"Deny","Action":"sts:Assume*","Resource":"{ROLE_B}"}}"#);
        assert!(!policy(&format!("[{allow},{deny}]")).may_allow(ASSUME, ROLE_B));
        assert!(!policy(&format!("[{deny},{allow}]")).may_allow(ASSUME, ROLE_B));
        let if_not = r#"{"Effect":"Deny","Action":"*","Resource":"*",
            "Condition":{"StringNotEquals":{"sts:ExternalId":"x"}}}"#;
        assert!(policy(&format!("[{allow},{if_not}]")).may_allow(ASSUME, ROLE_B));
    }

    #[test]
    fn what_is_denied_is_not_reached() {
        let both = format!(r#"["{ROLE_B}","arn:aws:iam::444455556666:role/other"]"#);
        let allow = format!(r#"{{"Effect":"Allow","Action":"sts:*","Resource":{both}}}"#);
        let deny = r#"{"Effect":"Deny","Action":"*","Resource":"*role/other"}"#;
        let reach = policy(&format!("[{allow},{deny}]")).reach(ASSUME);
        assert_eq!(reach, [Reach::Resource(ROLE_B.into())]);
        let but = format!(r#"{{"Effect":"Deny","Action":"*","NotResource":"{ROLE_B}"}}"#);
        let reach = policy(&format!("[{allow},{but}]")).reach(ASSUME);
        assert_eq!(reach, [Reach::Resource(ROLE_B.into())]);
    }

    #[test]
    fn an_account_is_the_same_in_every_spelling_and_covers_its_roles() {
        let account = Principal::of_aws("111122223333");
        assert_eq!(account, Principal::of_aws("arn:aws:iam::111122223333:root"));
        assert!(account.covers(&Principal::of_aws("arn:aws:iam::111122223333:role/a")));
        assert!(!account.covers(&Principal::of_aws("arn:aws:iam::444455556666:role/a")));
        assert!(Principal::of_aws("*").covers(&account));
        assert!(!account.covers(&Principal::Everyone));
    }

    #[test]
    fn a_condition_implies_a_wider_one() {
        let condition = |operator: &str, key: &str, values: &[&str]| Condition {
            operator: operator.into(),
            key: key.into(),
            values: values.iter().map(|value| Text::from(*value)).collect(),
        };
        let one = condition("stringequals", "sts:ExternalId", &["a"]);
        let two = condition("stringequals", "STS:externalid", &["a", "b"]);
        let like = condition("stringlike", "sts:ExternalId", &["a*"]);
        assert!(one.implies(&two) && !two.implies(&one));
        assert!(one.implies(&like) && !like.implies(&one));
        let not = condition("stringnotequals", "sts:ExternalId", &["a"]);
        let not_two = condition("stringnotequals", "sts:ExternalId", &["a", "b"]);
        assert!(!not.implies(&not_two) && not.implies(&not));
        assert!(!one.implies(&condition("stringequals", "aws:SourceArn", &["a"])));
        assert!(not_two.implies(&not));
        let if_exists = condition("stringequalsifexists", "sts:ExternalId", &["a"]);
        assert!(one.implies(&if_exists) && !if_exists.implies(&one));
        let anything = condition("stringlike", "sts:ExternalId", &["*"]);
        assert!(one.implies(&anything) && like.implies(&anything));
        let literal = condition("stringequals", "sts:ExternalId", &["a*"]);
        assert!(literal.implies(&like) && !like.implies(&literal));
        let one_letter = condition("arnlike", "sts:ExternalId", &["a?"]);
        let star = condition("arnequals", "sts:ExternalId", &["a*"]);
        assert!(!star.implies(&one_letter));
    }

    #[test]
    fn documents_may_be_percent_encoded() {
        let plain = r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}"#;
        let mut encoded = String::new();
        for byte in plain.bytes() {
            write!(encoded, "%{byte:02X}").unwrap();
        }
        assert_eq!(Policy::parse(&encoded), Policy::parse(plain));
    }

    #[test]
    fn nonsense_is_an_error_and_no_panic() {
        for text in [
            "",
            "[]",
            "%",
            "%7",
            "%zz",
            "null",
            "\"x\"",
            r#"{"Statement":[1]}"#,
            r#"{"Statement":{"Effect":"Perhaps"}}"#,
            r#"{"Statement":{"Effect":"Allow","Action":{}}}"#,
            r#"{"Statement":{"Effect":"Allow","Principal":7}}"#,
            r#"{"Statement":{"Effect":"Allow","Condition":[]}}"#,
        ] {
            assert!(Policy::parse(text).is_err(), "{text}");
        }
        assert_eq!(
            Policy::parse(r#"{"Version":"2012-10-17"}"#),
            Ok(Policy::default())
        );
    }
}
