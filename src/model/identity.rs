//! The caller of an event, as `userIdentity` describes it (docs/cloudtrail-facts.md#record-fields,
//! docs/cloudtrail-facts.md#assumerole, docs/cloudtrail-facts.md#joining-sessions).

use super::arn::ArnParts;
use super::ids::{AccessKeyId, AccountId};
use super::text::Text;
use super::time::UtcSecond;
use serde::{Deserialize, Serialize};
use std::hash::{Hash, Hasher};

/// The slim `userIdentity` of an event. Absent, null and empty members are all
/// `None`; nothing here is a secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// `type`: `AssumedRole`, `AWSService`, `AWSAccount`, `IAMUser`, ...
    pub kind: Option<Text>,
    /// `principalId`; `AROA...:session-name` for a role session.
    pub principal_id: Option<Text>,
    /// `arn`; for a role session the STS ARN without the role's IAM path.
    pub arn: Option<Text>,
    /// `accountId` of the caller.
    pub account_id: Option<AccountId>,
    /// `accessKeyId` the call was signed with: an id, not a secret.
    pub access_key_id: Option<AccessKeyId>,
    /// `invokedBy`: the AWS service that made the call.
    pub invoked_by: Option<Text>,
    /// `sessionContext.attributes.creationDate`.
    pub session_created_at: Option<UtcSecond>,
    /// `sessionContext.sessionIssuer.arn`: the role, with its IAM path.
    pub issuer_arn: Option<Text>,
    /// `sessionCredentialFromConsole`: the console signed the call, with a key of its own
    /// (docs/cloudtrail-facts.md#console-sessions).
    pub is_from_console: bool,
    /// `sessionContext.ec2RoleDelivery`: the metadata service of an instance gave out the credentials.
    pub is_from_instance: bool,
    /// The members that few callers have.
    pub rare: Option<Box<RareIdentity>>,
}

/// The members of `userIdentity` that few callers have.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RareIdentity {
    /// `userName`.
    pub user_name: Option<Text>,
    /// `sessionContext.sourceIdentity`.
    pub source_identity: Option<Text>,
    /// `onBehalfOf.userId`: the Identity Center user.
    pub on_behalf_of: Option<Text>,
    /// `invokedByDelegate.accountId`: the provider that acts under a temporary delegation.
    pub delegate_account_id: Option<AccountId>,
    /// `onBehalfOf.identityStoreArn`: the store that [`on_behalf_of`](Self::on_behalf_of) is an id of.
    pub identity_store_arn: Option<Text>,
    /// `inScopeOf.sourceArn`: the function or task that the credentials were given to
    /// (docs/cloudtrail-facts.md#origins).
    pub scope_source_arn: Option<Text>,
    /// `inScopeOf.issuerType`, such as `AWS::Lambda::Function`.
    pub scope_issuer_type: Option<Text>,
}

impl RareIdentity {
    const NONE: Self = Self {
        user_name: None,
        source_identity: None,
        on_behalf_of: None,
        delegate_account_id: None,
        identity_store_arn: None,
        scope_source_arn: None,
        scope_issuer_type: None,
    };

    /// The members in a box, if there are any.
    #[must_use]
    pub fn boxed(self) -> Option<Box<Self>> {
        (self != Self::NONE).then(|| Box::new(self))
    }
}

impl std::ops::Deref for Identity {
    type Target = RareIdentity;

    fn deref(&self) -> &RareIdentity {
        static NONE: RareIdentity = RareIdentity::NONE;
        self.rare.as_deref().unwrap_or(&NONE)
    }
}

impl Hash for Identity {
    /// By what nearly always tells identities apart.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.principal_id.hash(state);
        self.access_key_id.hash(state);
        self.session_created_at.hash(state);
        self.invoked_by.hash(state);
        if self.principal_id.is_none() {
            self.arn.hash(state);
            self.user_name.hash(state);
        }
    }
}

impl Identity {
    /// The ARN that tells the role of a caller: the role's own, else that of its session.
    #[must_use]
    pub fn role_arn(&self) -> Option<&Text> {
        self.issuer_arn.as_ref().or(self.arn.as_ref())
    }

    /// The assumed role id (`AROA...:session-name`) of a role session, in the
    /// session's own events and in the target account's copy of a hop.
    #[must_use]
    pub fn assumed_role_id(&self) -> Option<&Text> {
        let kind = self.kind.as_deref()?;
        let principal = self.principal_id.as_ref()?;
        let (role_id, session) = principal.split_once(':')?;
        // `123456789012:name` is a federated user, not a role session.
        let is_role = !role_id.starts_with(|letter: char| letter.is_ascii_digit());
        let may_be_role = matches!(kind, "AssumedRole" | "AWSAccount" | "Role");
        (may_be_role && is_role && !session.is_empty()).then_some(principal)
    }

    /// Returns true if the caller is a role session, by its principal id or, where logs were masked,
    /// by its assumed-role ARN.
    #[must_use]
    pub fn is_role_session(&self) -> bool {
        let is_assumed = || {
            let arn = self.arn.as_deref().and_then(session_name_in_arn);
            self.kind.as_deref() == Some("AssumedRole") && arn.is_some()
        };
        self.assumed_role_id().is_some() || is_assumed()
    }

    /// Returns true if an AWS service itself, not a session, made the call.
    #[must_use]
    pub fn is_service(&self) -> bool {
        self.kind.as_deref() == Some("AWSService")
            || (self.principal_id.is_none() && self.arn.is_none() && self.invoked_by.is_some())
    }

    /// Returns true if the calling service is Quick (docs/cloudtrail-facts.md#quicks-role-chain).
    #[must_use]
    pub fn is_invoked_by_quick(&self) -> bool {
        self.invoked_by.as_deref().is_some_and(is_quick_service)
    }

    /// Returns the caller's most precise name: its ARN, else its principal id, else the service,
    /// the user name, the Identity Center user, the account.
    #[must_use]
    pub fn best_name(&self) -> Option<&Text> {
        let of_service = self.is_service().then_some(self.invoked_by.as_ref());
        of_service
            .flatten()
            .or(self.arn.as_ref())
            .or(self.principal_id.as_ref())
            .or(self.user_name.as_ref())
            .or(self.on_behalf_of.as_ref())
            .or(self.invoked_by.as_ref())
            .or(self.account_id.as_ref().map(AccountId::text))
    }
}

/// Returns true if a service principal is Quick (docs/cloudtrail-facts.md#quicks-role-chain).
#[must_use]
pub fn is_quick_service(service: &str) -> bool {
    service.ends_with("quicksight.amazonaws.com") || service == "quick.amazonaws.com"
}

/// An IAM role as ARNs name it, without the IAM path, which some ARNs drop
/// (docs/cloudtrail-facts.md#role-paths): compare roles by this, show the ARN as it was
/// logged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RoleName {
    /// The account the role is in.
    pub account_id: AccountId,
    /// The last path segment.
    pub name: Text,
}

impl RoleName {
    /// Reads `arn:P:iam::ACCOUNT:role/[PATH/]NAME` and
    /// `arn:P:sts::ACCOUNT:assumed-role/NAME/SESSION`.
    #[must_use]
    pub fn from_arn(arn: &str) -> Option<Self> {
        let arn = ArnParts::of(arn).filter(|arn| !arn.account_id.is_empty())?;
        let name = match (arn.service, arn.resource.split_once('/')?) {
            ("iam", ("role", path)) => path.rsplit('/').next()?,
            ("sts", ("assumed-role", rest)) => rest.split('/').next()?,
            _ => return None,
        };
        (!name.is_empty()).then(|| Self {
            account_id: arn.account_id.into(),
            name: name.into(),
        })
    }
}

/// The session name in an assumed-role ARN.
#[must_use]
pub fn session_name_in_arn(arn: &str) -> Option<&str> {
    arn.split_once(":assumed-role/")?
        .1
        .split_once('/')
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_the_same_with_and_without_its_path() {
        let with_path = RoleName::from_arn("arn:aws:iam::111122223333:role/a/b/reader").unwrap();
        let session =
            RoleName::from_arn("arn:aws:sts::111122223333:assumed-role/reader/session").unwrap();
        assert_eq!(with_path, session);
        assert_eq!(&*with_path.name, "reader");
    }

    #[test]
    fn what_is_not_a_role_is_not_taken_for_one() {
        for arn in [
            "arn:aws:iam::111122223333:user/role/reader",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:iam:::role/reader",
            "reader",
            "",
        ] {
            assert_eq!(RoleName::from_arn(arn), None, "{arn}");
        }
    }

    #[test]
    fn only_role_sessions_have_an_assumed_role_id() {
        let identity = |kind: &str, principal: &str| Identity {
            kind: Some(kind.into()),
            principal_id: Some(principal.into()),
            ..Identity::default()
        };
        assert!(
            identity("AssumedRole", "AROAX:name")
                .assumed_role_id()
                .is_some()
        );
        assert!(
            identity("AWSAccount", "AROAX:name")
                .assumed_role_id()
                .is_some()
        );
        assert!(identity("AWSAccount", "AIDAX").assumed_role_id().is_none());
        assert!(
            identity("FederatedUser", "111122223333:bob")
                .assumed_role_id()
                .is_none()
        );
        assert!(
            identity("AWSAccount", "111122223333:bob")
                .assumed_role_id()
                .is_none()
        );
        assert!(
            identity("Unknown", "AROAX:name")
                .assumed_role_id()
                .is_none()
        );
    }
}
