//! The declared topology: who the hub is, who the consumers are (design 2).

use super::identity::RoleName;
use super::text::Text;
use std::collections::BTreeSet;

/// What the configuration declares. Empty means: discover it from the logs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Topology {
    /// The account Quick lives in.
    pub hub_account_id: Option<Text>,
    /// Role A: the roles Quick runs as in the hub.
    pub run_as_roles: BTreeSet<RoleName>,
    /// The accounts the data lives in.
    pub consumers: Vec<Consumer>,
}

/// A declared consumer account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumer {
    /// A short name for people.
    pub name: Text,
    /// The account id.
    pub account_id: Text,
    /// The business unit that pays for it.
    pub business_unit: Option<Text>,
    /// Role B: the roles that Role A's sessions assume.
    pub roles: BTreeSet<RoleName>,
    /// The work groups Quick may use; `None` means any.
    pub work_groups: Option<BTreeSet<Text>>,
    /// The data sources that may reach it; `None` means any of the hub.
    pub data_sources: Option<BTreeSet<Text>>,
}

impl Topology {
    /// The declared consumer with this account id.
    #[must_use]
    pub fn consumer(&self, account_id: &str) -> Option<&Consumer> {
        self.consumers
            .iter()
            .find(|consumer| &*consumer.account_id == account_id)
    }

    /// Whether the role is declared as a Role B.
    #[must_use]
    pub fn is_consumer_role(&self, role: &RoleName) -> bool {
        self.consumers
            .iter()
            .any(|consumer| consumer.roles.contains(role))
    }
}
