//! Keys that no AssumeRole issued: the console signs each call with another one
//! (docs/cloudtrail-facts.md#console-sessions).

use super::session::{Session, own_key};
use crate::model::identity::Identity;
use crate::model::ids::AccessKeyId;
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use hashbrown::{HashMap, HashSet};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A principal, by its id or else by its ARN, and the second its session was made in.
pub(super) type PrincipalKey = (Option<Text>, UtcSecond);

pub(super) fn principal_key(identity: &Identity, created_at: UtcSecond) -> PrincipalKey {
    let principal = identity.assumed_role_id().or(identity.arn.as_ref());
    (principal.cloned(), created_at)
}

/// Keys of one session that no AssumeRole issued, from which on they are the console's: Quick makes
/// at most a few sessions of one name in one second.
const MANY_KEYS_MIN: usize = 4;

/// Finds the principals whose calls of one session have many keys that no AssumeRole issued, or say
/// that they came from the console.
pub(super) fn console_principals(
    sessions: &[Session],
    identities: &[Arc<Identity>],
) -> HashSet<PrincipalKey> {
    let issued: HashSet<&AccessKeyId> =
        sessions.iter().filter_map(|one| one.key.as_ref()).collect();
    let mut keys: HashMap<PrincipalKey, BTreeSet<&AccessKeyId>> = HashMap::new();
    for identity in identities {
        if let Some(key) = own_key(identity).filter(|key| !issued.contains(key))
            && let Some(created_at) = identity.session_created_at
        {
            let of_principal = keys.entry(principal_key(identity, created_at)).or_default();
            of_principal.insert(key);
        }
    }
    let many = keys
        .into_iter()
        .filter(|(_, keys)| keys.len() >= MANY_KEYS_MIN);
    let from_console = identities.iter().filter(|one| one.is_from_console);
    let from_console = from_console
        .filter_map(|identity| Some(principal_key(identity, identity.session_created_at?)));
    // Which key is met first must not matter: one call that says so speaks for all.
    many.map(|(principal, _)| principal)
        .chain(from_console)
        .collect()
}
