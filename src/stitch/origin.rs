//! The origin of a chain: the service or person that made its first session, and the state machine,
//! function, job or instance that it was for (docs/cloudtrail-facts.md#origins).

use super::context::EARLIER_SESSIONS_MAX;
use super::path::issuer;
use super::roles::Roles;
use super::session::Session;
use super::sessions::Sessions;
use super::workloads::{GLUE, Workloads};
use crate::model::chain::{Chain, Confidence, SessionIssuer};
use crate::model::event::{Detail, Event};
use crate::model::identity::{Identity, is_quick_service};
use crate::model::region::partition;
use crate::model::road::{LAMBDA_SERVICE, OWN_QUERIES, Origin, QUICK_SERVICE, unqualified};
use crate::model::text::Text;
use std::collections::BTreeSet;

const INSTANCES: &str = "ec2.amazonaws.com";
const KUBERNETES: &str = "eks.amazonaws.com";

/// The beginning of names of sessions that Glue makes for jobs; those of crawlers and others differ.
const GLUE_JOB_SESSIONS: &str = "GlueJobRunner";

/// Services by which people sign in: they are no origin of their own.
const SIGN_IN: [&str; 3] = ["signin.amazonaws.com", "sso.amazonaws.com", "AWS Internal"];

/// Types of identities that are people, or users of an account.
const PEOPLE: [&str; 6] = [
    "SAMLUser",
    "IAMUser",
    "Root",
    "FederatedUser",
    "IdentityCenterUser",
    "Directory",
];

/// Providers of web identities by which people sign in
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_oidc.html>). Build systems and
/// others have web identities, too.
const SIGN_IN_PROVIDERS: [&str; 4] = [
    "accounts.google.com",
    "cognito-identity.amazonaws.com",
    "graph.facebook.com",
    "www.amazon.com",
];

/// The IAM path of roles that IAM Identity Center makes for people, and no one else can
/// (<https://docs.aws.amazon.com/singlesignon/latest/userguide/using-service-linked-roles.html>).
const IDENTITY_CENTER_ROLES: &str = ":role/aws-reserved/sso.amazonaws.com/";

/// Finds the origins of chains.
pub(super) struct ChainOrigins<'a> {
    events: &'a [Event],
    sessions: &'a Sessions,
    roles: &'a Roles,
    workloads: Workloads,
}

impl<'a> ChainOrigins<'a> {
    pub(super) fn new(events: &'a [Event], sessions: &'a Sessions, roles: &'a Roles) -> Self {
        Self {
            events,
            sessions,
            roles,
            workloads: Workloads::of(events),
        }
    }

    /// The origin of the chain that a session ends.
    pub(super) fn of(&self, session: &Session) -> Origin {
        let (root, confidence) = self.root(session);
        let origin = if root.candidates.is_empty() {
            self.of_root(root)
        } else {
            self.of_candidates(root)
        };
        limited(origin, confidence)
    }

    /// The first session that a session came from, and the confidence of the way to it.
    fn root<'s>(&'s self, session: &'s Session) -> (&'s Session, Confidence) {
        let mut confidence = Confidence::Proven;
        let mut root = session;
        for _ in 0..EARLIER_SESSIONS_MAX {
            let Some((parent, link)) = self.sessions.parent(root) else {
                break;
            };
            confidence = confidence.min(link);
            root = parent;
        }
        (root, confidence)
    }

    /// The origin of a session that may be one of several, if theirs are the same.
    fn of_candidates(&self, session: &Session) -> Origin {
        if session.candidates.is_crowd() {
            return Origin::ambiguous();
        }
        let named = session.candidates.named.iter();
        let mut origins = named.map(|&id| {
            let (root, confidence) = self.root(self.sessions.get(id));
            // One that is undecided itself decides nothing.
            let is_decided = root.candidates.is_empty();
            is_decided.then(|| limited(self.of_root(root), confidence))
        });
        let Some(Some(first)) = origins.next() else {
            return Origin::ambiguous();
        };
        if origins.all(|other| other.as_ref() == Some(&first)) {
            limited(first, Confidence::Probable)
        } else {
            Origin::ambiguous()
        }
    }

    /// The origin of a session that no session of the logs assumed.
    fn of_root(&self, root: &Session) -> Origin {
        let told = match &root.hop {
            Some(_) if issuer(root, self.roles) == SessionIssuer::Quick => {
                Origin::service(QUICK_SERVICE, Confidence::Proven)
            }
            Some(hop) => of_caller(&hop.caller),
            None => self.of_calls(root),
        };
        let scoped = self.scopes(root);
        if let Some(arn) = scoped {
            let service = told.service.or_else(|| service_of_arn(&arn));
            return Origin {
                service,
                resource_arn: Some(arn),
                confidence: told.confidence.or(Some(Confidence::Proven)),
            };
        }
        let resource_arn = self.resource(&told, root);
        Origin {
            confidence: told.confidence.map(|own| match &resource_arn {
                Some(_) => own.min(Confidence::Probable),
                None => own,
            }),
            resource_arn,
            ..told
        }
    }

    /// The origin of a session without its AssumeRole call: the execution environment that its calls
    /// name; else the service, if it forwarded all calls; else the person that a call names.
    fn of_calls(&self, session: &Session) -> Origin {
        let calls = session.calls.iter();
        let calls = calls.map(|&(call, _)| &self.events[call as usize]);
        let submits = |event: &&Event| {
            event.is_query() || matches!(event.detail, Detail::CredentialIssuance(_))
        };
        let environments = calls.clone().map(|event| of_environment(&event.identity));
        let environments: BTreeSet<Origin> = environments.collect();
        let scoped = environments.iter().filter(|one| one.service.is_some());
        let scoped: BTreeSet<&Origin> = scoped.collect();
        if scoped.len() > 1 {
            return Origin::default();
        }
        let callers = calls
            .clone()
            .filter(submits)
            .map(|event| of_caller(&event.identity));
        let callers: BTreeSet<Origin> = callers.collect();
        let is_forwarded = calls
            .clone()
            .all(|event| event.identity.invoked_by.is_some());
        let service = callers
            .first()
            .filter(|one| callers.len() == 1 && one.service.is_some() && is_forwarded);
        let person = |one: &&Origin| one.service.is_none() && one.confidence.is_some();
        let mut known = scoped.into_iter().chain(service);
        let found = known
            .next()
            .or_else(|| environments.iter().find(person))
            .or_else(|| callers.iter().find(person));
        found.cloned().unwrap_or_default()
    }

    /// The only function or task that the credentials of a session were given to, as AWS says.
    fn scopes(&self, session: &Session) -> Option<Text> {
        let calls = session.calls.iter();
        let identities = calls.map(|&(call, _)| &self.events[call as usize].identity);
        let arns = identities.filter_map(|identity| identity.scope_source_arn.as_deref());
        let arns: BTreeSet<&str> = arns.collect();
        let first = arns.first()?;
        (arns.len() == 1).then(|| unqualified(first))
    }

    /// The state machine, function, job or instance of a session that a service made. Services name
    /// sessions after functions and instances; no caller can choose these names.
    fn resource(&self, origin: &Origin, session: &Session) -> Option<Text> {
        let service = origin.service.as_deref()?;
        let role = session.role.as_ref()?;
        if service == INSTANCES && session.hop.is_none() {
            return self.instance(session);
        }
        let hop = session.hop.as_ref().filter(|hop| hop.caller.is_service())?;
        let name = session.name.as_deref()?;
        let account = &role.account_id;
        let region = &self.events[*hop.copies.first()? as usize].region;
        let region = region.as_ref()?;
        let partition = partition(region);
        match service {
            LAMBDA_SERVICE => {
                let made =
                    || format!("arn:{partition}:lambda:{region}:{account}:function:{name}").into();
                match &self.workloads.functions(account, name, region)[..] {
                    [] => Some(made()),
                    [only] => Some((*only).clone()),
                    _ => None,
                }
            }
            INSTANCES if name.starts_with("i-") => {
                Some(format!("arn:{partition}:ec2:{region}:{account}:instance/{name}").into())
            }
            INSTANCES => None,
            GLUE if !name.starts_with(GLUE_JOB_SESSIONS) => None,
            _ => self.workloads.behind(service, role, region, hop.time),
        }
    }

    /// The instance whose metadata service gave out a session's credentials.
    fn instance(&self, session: &Session) -> Option<Text> {
        let account = &session.role.as_ref()?.account_id;
        let name = session
            .name
            .as_deref()
            .filter(|name| name.starts_with("i-"))?;
        let (first, _) = session.calls.first()?;
        let region = self.events[*first as usize].region.as_ref()?;
        let partition = partition(region);
        Some(format!("arn:{partition}:ec2:{region}:{account}:instance/{name}").into())
    }
}

/// What this program's calls have in their user agents, as a word.
const OWN_AGENT: &str = "app/qs-audit";

/// Gives the chain of this program's own queries its origin (docs/engines.md). They never come from
/// sessions of Quick, and a chain with queries of any other program is that program's. What a caller
/// says of itself is probable at best.
pub(super) fn mark_own_queries(chain: &mut Chain, events: &[Event]) {
    if chain.touches_quick {
        return;
    }
    let entries = chain.events.iter();
    let queries = entries.map(|entry| &events[entry.event as usize]);
    let mut queries = queries.filter(|event| event.is_query()).peekable();
    let is_own = |event: &Event| {
        let agent = event.user_agent.as_deref().unwrap_or_default();
        agent
            .split([' ', '[', ']', ','])
            .any(|word| word == OWN_AGENT)
    };
    if queries.peek().is_some() && queries.all(is_own) {
        chain.origin.service = Some(OWN_QUERIES.into());
        chain.origin.confidence = Some(Confidence::Probable);
    }
}

/// An origin that is known no better than this.
fn limited(origin: Origin, confidence: Confidence) -> Origin {
    Origin {
        confidence: origin.confidence.map(|own| own.min(confidence)),
        ..origin
    }
}

/// The origin of a web identity, by its provider: the first part of the principal, `ISSUER:...` or
/// `arn:P:iam::ACCOUNT:oidc-provider/ISSUER:...`. The rest is the provider's own text. Containers of
/// Amazon EKS have identities of a provider per cluster
/// (<https://docs.aws.amazon.com/eks/latest/userguide/iam-roles-for-service-accounts.html>).
fn of_web_identity(principal: &str) -> Origin {
    let provider = match principal.split_once(":oidc-provider/") {
        Some((arn, rest)) if arn.starts_with("arn:") && arn.matches(':').count() == 4 => rest,
        _ => principal,
    };
    let issuer = provider.split([':', '/']).next().unwrap_or(provider);
    let is_cluster = issuer.starts_with("oidc.eks.")
        && (issuer.ends_with(".amazonaws.com") || issuer.ends_with(".amazonaws.com.cn"))
        || issuer.starts_with("oidc-eks.") && issuer.ends_with(".api.aws");
    if is_cluster {
        return Origin::service(KUBERNETES, Confidence::Proven);
    }
    if SIGN_IN_PROVIDERS.contains(&issuer) {
        return Origin::person(Confidence::Probable);
    }
    Origin::default()
}

/// The origin of a session by its caller alone.
pub(super) fn of_caller(caller: &Identity) -> Origin {
    let service = caller.invoked_by.as_deref();
    let service = service.filter(|service| !SIGN_IN.contains(service));
    if caller.is_service() {
        return match service {
            Some(service) if is_quick_service(service) => {
                Origin::service(QUICK_SERVICE, Confidence::Proven)
            }
            Some(service) => Origin::service(service, Confidence::Proven),
            None if caller.invoked_by.is_some() => Origin::person(Confidence::Probable),
            None => Origin::default(),
        };
    }
    if caller.kind.as_deref() == Some("WebIdentityUser") {
        return of_web_identity(caller.principal_id.as_deref().unwrap_or_default());
    }
    let kind = caller.kind.as_deref();
    if kind.is_some_and(|kind| PEOPLE.contains(&kind)) {
        return Origin::person(Confidence::Proven);
    }
    let told = of_environment(caller);
    if told != Origin::default() {
        return told;
    }
    let is_user = caller
        .principal_id
        .as_deref()
        .is_some_and(|principal| principal.starts_with("AIDA"));
    match service {
        Some(service) if is_quick_service(service) => {
            Origin::service(QUICK_SERVICE, Confidence::Probable)
        }
        Some(service) if service.ends_with(".amazonaws.com") => {
            Origin::service(service, Confidence::Probable)
        }
        _ if is_user => Origin::person(Confidence::Proven),
        _ => Origin::default(),
    }
}

/// The origin that a call names by the members with which AWS describes its execution environment
/// (`inScopeOf`, `ec2RoleDelivery`), or by a sign-in of the console or of IAM Identity Center.
fn of_environment(identity: &Identity) -> Origin {
    let by_arn = identity
        .scope_source_arn
        .as_deref()
        .and_then(service_of_arn);
    let by_type = || {
        identity
            .scope_issuer_type
            .as_deref()
            .and_then(service_of_type)
    };
    if let Some(service) = by_arn.or_else(by_type) {
        return Origin::service(&service, Confidence::Proven);
    }
    if identity.is_from_instance {
        return Origin::service(INSTANCES, Confidence::Proven);
    }
    let issuer = identity.issuer_arn.as_deref().unwrap_or_default();
    if identity.is_from_console || issuer.contains(IDENTITY_CENTER_ROLES) {
        return Origin::person(Confidence::Probable);
    }
    Origin::default()
}

/// `lambda.amazonaws.com` of the ARN of a function.
fn service_of_arn(arn: &str) -> Option<Text> {
    let service = arn.split(':').nth(2).filter(|name| !name.is_empty())?;
    Some(principal_of(service))
}

/// `lambda.amazonaws.com` of `AWS::Lambda::Function`.
fn service_of_type(kind: &str) -> Option<Text> {
    let service = match kind.split("::").nth(1)? {
        "StepFunctions" => "states".to_owned(),
        service => service.to_lowercase(),
    };
    Some(principal_of(&service))
}

fn principal_of(service: &str) -> Text {
    match service {
        "ecs" => "ecs-tasks.amazonaws.com".into(),
        service => format!("{service}.amazonaws.com").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::identity::RareIdentity;

    fn identity(kind: &str, invoked_by: Option<&str>) -> Identity {
        Identity {
            kind: Some(kind.into()),
            invoked_by: invoked_by.map(Text::from),
            principal_id: (kind != "AWSService").then(|| "AROAX:s".into()),
            ..Identity::default()
        }
    }

    #[test]
    fn callers_are_services_people_or_unknown() {
        for (kind, invoked_by, label) in [
            (
                "AWSService",
                Some("states.amazonaws.com"),
                "states.amazonaws.com",
            ),
            ("AWSService", Some("signin.amazonaws.com"), "people"),
            (
                "AWSService",
                Some("quick.amazonaws.com"),
                "quicksight.amazonaws.com",
            ),
            ("SAMLUser", None, "people"),
            ("IAMUser", Some("cloudformation.amazonaws.com"), "people"),
            (
                "AssumedRole",
                Some("glue.amazonaws.com"),
                "glue.amazonaws.com",
            ),
            ("AssumedRole", Some("AWS Internal"), "unknown"),
            ("AssumedRole", None, "unknown"),
        ] {
            let origin = of_caller(&identity(kind, invoked_by));
            assert_eq!(origin.label(), label, "{kind} {invoked_by:?}");
        }
    }

    #[test]
    fn a_pod_is_a_container_and_no_person() {
        let provider =
            "arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/E";
        let pod = Identity {
            kind: Some("WebIdentityUser".into()),
            principal_id: Some(
                format!("{provider}:sts.amazonaws.com:system:serviceaccount:etl:sync").into(),
            ),
            rare: RareIdentity {
                user_name: Some("system:serviceaccount:etl:sync".into()),
                ..RareIdentity::default()
            }
            .boxed(),
            ..Identity::default()
        };
        assert_eq!(of_caller(&pod).label(), "eks.amazonaws.com");
        let of = |principal: &str| of_web_identity(principal).label().to_owned();
        assert_eq!(of("accounts.google.com:app:1"), "people");
        let prefix = "arn:aws:iam::111122223333:oidc-provider";
        for other in [
            format!("{prefix}/token.actions.githubusercontent.com:sts.amazonaws.com:repo:a/b"),
            format!("{prefix}/idp.example.com:oidc.eks.x.amazonaws.com:system:serviceaccount:x:y"),
            format!("{prefix}/oidc.eks.example.com:sts:system:serviceaccount:x:y"),
            "idp.example.com:oidc-provider/oidc.eks.us-east-1.amazonaws.com:x".to_owned(),
            String::new(),
        ] {
            assert_eq!(of(&other), "unknown", "{other}");
        }
    }

    #[test]
    fn aws_says_where_a_session_works() {
        let of = |arn: Option<&str>, kind: Option<&str>| {
            let identity = Identity {
                rare: RareIdentity {
                    scope_source_arn: arn.map(Text::from),
                    scope_issuer_type: kind.map(Text::from),
                    ..RareIdentity::default()
                }
                .boxed(),
                ..identity("AssumedRole", None)
            };
            of_caller(&identity).label().to_owned()
        };
        let function = "arn:aws:lambda:us-east-1:111122223333:function:f";
        assert_eq!(of(Some(function), None), "lambda.amazonaws.com");
        assert_eq!(of(None, Some("AWS::ECS::Task")), "ecs-tasks.amazonaws.com");
        assert_eq!(
            of(None, Some("AWS::StepFunctions::StateMachine")),
            "states.amazonaws.com"
        );
    }
}
