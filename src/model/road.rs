//! The origin of a chain, those for whom it acted, and the chains that it is related to
//! (docs/roads.md).

use super::arn::ArnParts;
use super::confidence::Confidence;
use super::ids::{AccountId, EventId, Region, is_account_id};
use super::region::partition;
use super::text::Text;

/// Lambda as a service, in `invokedBy` and as `eventSource`.
pub const LAMBDA_SERVICE: &str = "lambda.amazonaws.com";

/// Folders that connectors of Athena spill to, unless they are set up otherwise
/// (<https://docs.aws.amazon.com/athena/latest/ug/connect-data-source-serverless-app-repo.html>).
pub const SPILL_FOLDERS: [&str; 2] = ["athena-federation-spill", "athena-spill"];

/// Quick as a service, in `invokedBy` and in [`Origin::service`].
pub const QUICK_SERVICE: &str = "quicksight.amazonaws.com";

/// The origin of a chain: who made its first session.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The service, such as `states.amazonaws.com`; `None` for people, and where it is not known.
    pub service: Option<Text>,
    /// The state machine, function, job or instance, where the logs name it.
    pub resource_arn: Option<Text>,
    /// The confidence of the service or of the resource, whichever is lower; `None` if the origin is unknown.
    pub confidence: Option<Confidence>,
}

impl Origin {
    /// Returns the origin of a chain whose first session a service made.
    #[must_use]
    pub fn service(name: &str, confidence: Confidence) -> Self {
        Self {
            service: Some(name.into()),
            resource_arn: None,
            confidence: Some(confidence),
        }
    }

    /// Returns the origin of a chain whose first session a person or a user of IAM made.
    #[must_use]
    pub fn person(confidence: Confidence) -> Self {
        Self {
            confidence: Some(confidence),
            ..Self::default()
        }
    }

    /// Returns the origin of a chain for which several origins are possible.
    #[must_use]
    pub fn ambiguous() -> Self {
        Self::person(Confidence::Ambiguous)
    }

    /// Returns true if a service other than Quick is the origin: another road to the data.
    #[must_use]
    pub fn is_other_service(&self) -> bool {
        self.service
            .as_deref()
            .is_some_and(|service| service != QUICK_SERVICE)
    }

    /// The origin as tables show it and `--origin` takes it: the service, `people` or `unknown`.
    #[must_use]
    pub fn label(&self) -> &str {
        match (&self.service, self.confidence) {
            (Some(service), _) => service,
            (None, Some(Confidence::Proven | Confidence::Probable)) => PEOPLE,
            (None, _) => UNKNOWN,
        }
    }

    /// The label without the domain of services, for tables: `states`.
    #[must_use]
    pub fn short_label(&self) -> &str {
        short_service(self.label())
    }

    /// The label and the resource's name, for tables: `states: nightly-totals`.
    #[must_use]
    pub fn short_text(&self) -> String {
        let label = self.short_label();
        match &self.resource_arn {
            Some(arn) => format!("{label}: {}", resource_name(arn)),
            None => label.to_owned(),
        }
    }
}

/// `states` of `states.amazonaws.com`, and other labels as they are.
#[must_use]
pub fn short_service(label: &str) -> &str {
    let service = label.strip_suffix(".amazonaws.com");
    service
        .or(label.strip_suffix(".amazonaws.com.cn"))
        .unwrap_or(label)
}

/// The name of a state machine, function, job or instance: the last part of its ARN.
#[must_use]
pub fn resource_name(arn: &str) -> &str {
    arn.rsplit([':', '/']).next().unwrap_or(arn)
}

/// The label of chains that people started: signed-in people and users of IAM, with whatever program
/// used their access keys.
pub const PEOPLE: &str = "people";

/// The label of chains whose origin is not known.
pub const UNKNOWN: &str = "unknown";

/// [`Origin::service`] of queries that this program sends to Athena (docs/engines.md).
pub const OWN_QUERIES: &str = "qs-audit";

/// The kind of someone for whom a chain acted.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[strum(serialize_all = "kebab-case")]
pub enum ActingKind {
    /// A user of Quick.
    QuickUser,
    /// A user of IAM Identity Center.
    IdentityCenterUser,
    /// The source identity of a session: whoever set it first said for whom it is.
    SourceIdentity,
    /// A provider that acts under a temporary delegation.
    Delegate,
    /// An agent of Quick.
    Agent,
    /// A flow of Quick.
    Flow,
}

impl ActingKind {
    /// All kinds, in the order of the documentation.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The kind as the outputs spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Someone for whom a chain acted, or through whom.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ActingFor {
    /// The kind.
    pub kind: ActingKind,
    /// The user's name or id, the source identity, the provider's account, the agent's or flow's id.
    pub id: Text,
    /// The identity store that the id is of, for users of Identity Center.
    pub identity_store_arn: Option<Text>,
    /// The conversation with the agent, where chat logs name one.
    pub conversation_id: Option<Text>,
    /// The confidence that the chain acted for them.
    pub confidence: Confidence,
    /// The events of the evidence, sorted, at most [`ACTING_EVENT_IDS_MAX`]; none for chat logs.
    pub event_ids: Vec<EventId>,
    /// Positions of the chain's queries that ran for them, sorted; none if all did.
    pub queries: Vec<usize>,
}

/// The most events that an entry names.
pub const ACTING_EVENT_IDS_MAX: usize = 100;

/// A chain that belongs together with another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RelatedChain {
    /// The other chain.
    pub chain_id: String,
    /// The reason.
    pub why: Text,
    /// The confidence.
    pub confidence: Confidence,
}

/// The maximum number of related chains that a chain names: chains with queries first, then the nearest in time.
pub const RELATED_CHAINS_MAX: usize = 20;

/// The namespace of users whose name does not tell one
/// (<https://docs.aws.amazon.com/quicksight/latest/developerguide/namespaces.html>).
pub const DEFAULT_NAMESPACE: &str = "default";

/// Returns true if two spellings are of one user of Quick: an ARN
/// (`arn:aws:quicksight:REGION:ACCOUNT:user/NAMESPACE/NAME`), `NAMESPACE/NAME`, `NAME` of namespace
/// `default`, or the ARN of the role session that a federated user (`ROLE/SESSION`) signs in with.
/// `A/B` may be either: a namespace with a name, or a role with a session in `default`.
#[must_use]
pub fn is_same_quick_user(left: &str, right: &str) -> bool {
    let (left, right) = (quick_user_name(left), quick_user_name(right));
    if left.name.is_empty() || right.name.is_empty() {
        return false;
    }
    if left.is_session || right.is_session {
        return left.bare().eq_ignore_ascii_case(&right.bare())
            || left.name.eq_ignore_ascii_case(right.name);
    }
    let (full_left, full_right) = (left.qualified(), right.qualified());
    let in_default = |name: &str| format!("{DEFAULT_NAMESPACE}/{name}");
    full_left == full_right
        || !left.is_arn && in_default(&full_left) == full_right
        || !right.is_arn && in_default(&full_right) == full_left
}

/// The one spelling of a Quick user by which users are told apart: `namespace/name` in lower case.
#[must_use]
pub fn canonical_quick_user(spelled: &str) -> String {
    quick_user_name(spelled).qualified()
}

/// The last part of a user's name in lower case, which all spellings have in common.
#[must_use]
pub fn quick_user_key(spelled: &str) -> String {
    let last = spelled.rsplit('/').next().unwrap_or(spelled);
    last.to_lowercase()
}

/// The parts of a Quick user's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuickUserName<'a> {
    /// The namespace, where the spelling has one.
    pub namespace: Option<&'a str>,
    /// The name in it.
    pub name: &'a str,
    /// True for the ARN of a role session, which does not name the namespace.
    pub is_session: bool,
    /// True for the ARN of a user, which does.
    pub is_arn: bool,
}

impl QuickUserName<'_> {
    /// `namespace/name`, in lower case.
    fn qualified(self) -> String {
        let namespace = self.namespace.unwrap_or(DEFAULT_NAMESPACE);
        format!("{namespace}/{}", self.name).to_lowercase()
    }

    /// The name as a role session has it: without the namespace, unless it was written without an ARN.
    fn bare(self) -> String {
        match self.namespace {
            Some(namespace) if !self.is_arn => format!("{namespace}/{}", self.name),
            _ => self.name.to_owned(),
        }
    }
}

/// Reads the spellings that [`is_same_quick_user`] takes.
#[must_use]
pub fn quick_user_name(spelled: &str) -> QuickUserName<'_> {
    if let Some((_, name)) = spelled.split_once(":assumed-role/") {
        return QuickUserName {
            namespace: None,
            name,
            is_session: true,
            is_arn: false,
        };
    }
    let is_iam = spelled.contains(":iam::");
    let of_arn = spelled
        .split_once(":user/")
        .filter(|_| spelled.starts_with("arn:"));
    let is_arn = of_arn.is_some() && !is_iam;
    let name = of_arn.map_or(spelled, |(_, name)| name);
    match name.split_once('/').filter(|_| !is_iam) {
        Some((namespace, name)) => QuickUserName {
            namespace: Some(namespace),
            name,
            is_session: false,
            is_arn,
        },
        None => QuickUserName {
            namespace: None,
            name,
            is_session: false,
            is_arn,
        },
    }
}

/// `arn:P:S:R:A:KIND:NAME` of an ARN with a version or alias behind it.
#[must_use]
pub fn unqualified(arn: &str) -> Text {
    let mut parts: Vec<&str> = arn.split(':').collect();
    if parts.len() > 7 && matches!(parts[5], "function" | "stateMachine") {
        parts.truncate(7);
    }
    parts.join(":").into()
}

/// Returns true for `arn:P:lambda:R:A:function:NAME`, with or without a version or alias.
#[must_use]
pub fn is_function_arn(arn: &str) -> bool {
    ArnParts::of(arn).is_some_and(|arn| {
        let name = arn.resource.strip_prefix("function:");
        let is_named = name.is_some_and(|name| !name.is_empty() && !name.starts_with(':'));
        arn.service == "lambda" && is_account_id(arn.account_id) && is_named
    })
}

/// The ARN of a function by its ARN, its name, or `ACCOUNT:function:NAME`, as calls of Lambda take it
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>). A name alone is of the caller's
/// account. Versions and aliases are left out: they are of one function.
#[must_use]
pub fn function_arn(name: &str, caller: &AccountId, region: Option<&Region>) -> Option<Text> {
    if name.starts_with("arn:") {
        return is_function_arn(name).then(|| unqualified(name));
    }
    let (account, name) = match name.split_once(":function:") {
        Some((account, name)) if is_account_id(account) => (account, name),
        Some(_) => return None,
        None => (&**caller, name),
    };
    let region = region?;
    let partition = partition(region);
    let arn = format!("arn:{partition}:lambda:{region}:{account}:function:{name}");
    is_function_arn(&arn).then(|| unqualified(&arn))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quick_user_is_one_in_all_spellings() {
        let arn = "arn:aws:quicksight:us-east-1:111122223333:user/default/ana@example.com";
        for same in [
            "default/ana@example.com",
            "ana@example.com",
            "Ana@Example.com",
        ] {
            assert!(is_same_quick_user(arn, same), "{same}");
            assert!(is_same_quick_user(same, arn), "{same}");
        }
        let federated = "arn:aws:quicksight:us-east-1:111122223333:user/default/QuickReader/ana";
        let session = "arn:aws:sts::111122223333:assumed-role/QuickReader/ana";
        assert!(is_same_quick_user(federated, session));
        for other in [
            "default/bela@example.com",
            "finance/ana@example.com",
            "",
            "default/",
        ] {
            assert!(!is_same_quick_user(arn, other), "{other}");
        }
        assert!(!is_same_quick_user("finance/ana", "ana"));
        assert!(is_same_quick_user(federated, "QuickReader/ana"));
        assert!(is_same_quick_user("QuickReader/ana", session));
        assert!(!is_same_quick_user("finance/ana", "default/ana"));
        let other = "arn:aws:quicksight:us-east-1:111122223333:user/QuickReader/ana";
        assert!(!is_same_quick_user(federated, other));
        assert_eq!(
            canonical_quick_user(arn),
            canonical_quick_user("Ana@example.com")
        );
        assert!(!is_same_quick_user("", ""));
    }

    #[test]
    fn functions_have_arns_of_lambda() {
        let arn = "arn:aws:lambda:us-east-1:111122223333:function:f";
        assert!(is_function_arn(arn));
        let alias = format!("{arn}:live");
        assert!(is_function_arn(&alias));
        assert_eq!(&*unqualified(&alias), arn);
        for other in [
            "arn:aws:iam::111122223333:role/x",
            "arn:aws:lambda:us-east-1:111122223333:layer:f",
            "arn:aws:lambda:us-east-1::function:f",
            "arn:aws:lambda:us-east-1:111122223333:function:",
            "f",
        ] {
            assert!(!is_function_arn(other), "{other}");
        }
    }

    #[test]
    fn functions_are_named_in_three_ways() {
        let account = AccountId::from("444455556666");
        let region = Region::from("us-east-1");
        let of =
            |name: &str| function_arn(name, &account, Some(&region)).map(|arn| arn.to_string());
        let own = "arn:aws:lambda:us-east-1:444455556666:function:f";
        let other = "arn:aws:lambda:us-east-1:777788889999:function:f";
        assert_eq!(of("f").as_deref(), Some(own));
        assert_eq!(of("777788889999:function:f").as_deref(), Some(other));
        assert_eq!(of(other).as_deref(), Some(other));
        assert_eq!(of("f:live").as_deref(), Some(own));
        assert_eq!(of(&format!("{own}:7")).as_deref(), Some(own));
        assert_eq!(of("arn:aws:iam::444455556666:role/x"), None);
        assert_eq!(of("x:function:f"), None);
        assert_eq!(of("arn:aws:lambda:us-east-1::function:f"), None);
    }

    #[test]
    fn people_are_not_unknown() {
        assert_eq!(Origin::person(Confidence::Proven).label(), "people");
        assert_eq!(Origin::default().label(), "unknown");
        assert_eq!(Origin::ambiguous().label(), "unknown");
        let states = Origin::service("states.amazonaws.com", Confidence::Proven);
        assert!(states.is_other_service());
        assert!(!Origin::service(QUICK_SERVICE, Confidence::Proven).is_other_service());
    }
}
