//! By which road a chain reached the data, for whom it acted, and what else the same origin did
//! (docs/roads.md).

use super::confidence::Confidence;
use super::ids::EventId;
use super::text::Text;

/// Quick as a service, in `invokedBy` and in [`Origin::service`].
pub const QUICK_SERVICE: &str = "quicksight.amazonaws.com";

/// The origin of a chain: who made its first session.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The service, such as `states.amazonaws.com`; `None` for people, and where it is not known.
    pub service: Option<Text>,
    /// The state machine, function, job or instance, where the logs name it.
    pub resource_arn: Option<Text>,
    /// The confidence of the least certain of both; `None` where nothing tells the origin.
    pub confidence: Option<Confidence>,
}

impl Origin {
    /// A service made the first session.
    #[must_use]
    pub fn service(name: &str, confidence: Confidence) -> Self {
        Self {
            service: Some(name.into()),
            resource_arn: None,
            confidence: Some(confidence),
        }
    }

    /// A person or a user did.
    #[must_use]
    pub fn person(confidence: Confidence) -> Self {
        Self {
            confidence: Some(confidence),
            ..Self::default()
        }
    }

    /// Several are possible.
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
}

/// The label of chains that people started.
pub const PEOPLE: &str = "people";

/// The label of chains whose origin is not known.
pub const UNKNOWN: &str = "unknown";

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
    /// The events that tell, sorted, at most [`ACTING_EVENT_IDS_MAX`]; none where chat logs do.
    pub event_ids: Vec<EventId>,
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

/// The most related chains that a chain names: the nearest in time.
pub const RELATED_CHAINS_MAX: usize = 20;

/// Returns true if two spellings can be of one user of Quick: an ARN
/// (`arn:aws:quicksight:REGION:ACCOUNT:user/NAMESPACE/NAME`), `NAMESPACE/NAME`, `NAME`, or the ARN of
/// the role session that a federated user (`ROLE/SESSION`) signs in with.
#[must_use]
pub fn is_same_quick_user(left: &str, right: &str) -> bool {
    let (left, right) = (quick_user_name(left), quick_user_name(right));
    let same_namespace = match (left.namespace, right.namespace) {
        (Some(left), Some(right)) => left.eq_ignore_ascii_case(right),
        _ => true,
    };
    !left.name.is_empty() && same_namespace && left.name.eq_ignore_ascii_case(right.name)
}

/// The parts of a Quick user's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuickUserName<'a> {
    /// The namespace, where the spelling has one.
    pub namespace: Option<&'a str>,
    /// The name in it.
    pub name: &'a str,
}

/// Reads the spellings that [`is_same_quick_user`] takes.
#[must_use]
pub fn quick_user_name(spelled: &str) -> QuickUserName<'_> {
    if let Some((_, name)) = spelled.split_once(":assumed-role/") {
        let namespace = None;
        return QuickUserName { namespace, name };
    }
    let name = match spelled.split_once(":user/") {
        Some((_, name)) if spelled.starts_with("arn:") => name,
        _ => spelled,
    };
    let is_iam = spelled.contains(":iam::");
    match name.split_once('/').filter(|_| !is_iam) {
        Some((namespace, name)) => QuickUserName {
            namespace: Some(namespace),
            name,
        },
        None => QuickUserName {
            namespace: None,
            name,
        },
    }
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
        assert!(!is_same_quick_user("", ""));
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
