//! Role ids (`AROA...`) by role, from every event that tells both.

use crate::model::event::{Detail, Event};
use crate::model::identity::{Identity, RoleName};
use crate::model::text::Text;
use hashbrown::{HashMap, HashSet};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Role ids by role, gathered from some events at a time.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct RoleIds {
    ids: BTreeMap<RoleName, BTreeSet<Text>>,
    /// Pairs of an ARN and a role id that were read: a few roles have all the sessions.
    #[serde(skip)]
    pairs: HashMap<Text, HashSet<Text>>,
}

impl RoleIds {
    /// Adds what some events say.
    pub(super) fn add<'e>(&mut self, events: impl IntoIterator<Item = &'e Event>) {
        let mut seen: HashSet<*const Identity> = HashSet::new();
        for event in events {
            if let Detail::CredentialIssuance(issue) = &event.detail {
                self.pair(issue.role_arn.as_deref(), issue.assumed_role_id.as_ref());
            }
            let identity = &event.identity;
            if seen.insert(Arc::as_ptr(identity)) {
                let arn = identity.role_arn().map(|arn| &**arn);
                self.pair(arn, identity.assumed_role_id());
            }
        }
    }

    /// Adds what other events say.
    pub(super) fn merge(&mut self, other: Self) {
        for (role, ids) in other.ids {
            self.ids.entry(role).or_default().extend(ids);
        }
    }

    fn pair(&mut self, arn: Option<&str>, assumed_role_id: Option<&Text>) {
        let id = assumed_role_id.and_then(|id| split_id(id));
        let Some((arn, (role_id, _))) = arn.zip(id) else {
            return;
        };
        let known = self.pairs.get(arn);
        if known.is_some_and(|ids| ids.contains(role_id)) {
            return;
        }
        let Some(role) = RoleName::from_arn(arn) else {
            return;
        };
        let ids = self.pairs.entry(arn.into()).or_default();
        ids.insert(role_id.into());
        self.ids.entry(role).or_default().insert(role_id.into());
    }

    /// The ids of a role.
    pub(super) fn of(&self, role: &RoleName) -> impl Iterator<Item = &Text> {
        self.ids.get(role).into_iter().flatten()
    }

    /// Roles by their ids; of several with one id, the last by name.
    pub(super) fn by_id(&self) -> HashMap<&str, &RoleName> {
        let pairs = self.ids.iter();
        let pairs = pairs.flat_map(|(role, ids)| ids.iter().map(move |id| (&**id, role)));
        pairs.collect()
    }
}

/// The role id and the session name of an assumed role id.
pub(super) fn split_id(assumed_role_id: &str) -> Option<(&str, &str)> {
    assumed_role_id.split_once(':')
}
