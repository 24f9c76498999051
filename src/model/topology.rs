//! The declared topology: who the hub is, who the consumers are (docs/configuration.md).

use super::chain::Chain;
use super::data_read::DataRead;
use super::identity::RoleName;
use super::ids::RoleArn;
use super::ids::{AccountId, DataSourceArn};
use super::pattern;
use super::road::Origin;
use super::text::Text;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The declarations of the configuration: accounts, roles, data sources. Empty means: discover it
/// from the logs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Topology {
    /// The account Quick lives in.
    pub hub_account_id: Option<AccountId>,
    /// Role A: the roles Quick runs as in the hub.
    pub run_as_roles: BTreeSet<RoleName>,
    /// The accounts the data lives in.
    pub consumers: Vec<Consumer>,
    /// The accounts whose tables others read.
    pub producers: Vec<Producer>,
    /// Tables of which every read is told.
    pub sensitive: Vec<SensitiveTables>,
    /// Services other than Quick that may reach the data.
    pub services: Vec<DeclaredService>,
    /// Agents and flows of Quick, with their users.
    pub agents: Vec<DeclaredAgent>,
    /// The account that pays the bills, where no bill tells it.
    pub payer_account_id: Option<AccountId>,
    /// Business units of accounts from elsewhere; declared consumers come first.
    pub units: BTreeMap<AccountId, BusinessUnit>,
}

/// Role A and Role B: declared, or found in the logs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownRoles {
    /// Role A: what Quick assumes and then chains.
    pub run_as: BTreeSet<RoleName>,
    /// Role B: what sessions of Role A assume, or what is assumed with the ARN of a
    /// Quick data source as external id.
    pub consumer: BTreeSet<RoleName>,
    /// ARNs of roles, as the logs have them: with partition and, where it was logged, IAM path.
    pub arns: BTreeMap<RoleName, RoleArn>,
}

/// A declared hub that the logs do not confirm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnconfirmedHub {
    /// As declared.
    pub declared: AccountId,
    /// Accounts in which Quick assumes roles.
    pub instead: BTreeSet<AccountId>,
}

impl std::fmt::Display for UnconfirmedHub {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let instead: Vec<&str> = self.instead.iter().map(|account| &**account).collect();
        write!(
            formatter,
            "the declared hub {} never appears in the logs, while Quick works in account {}: check [hub] account_id",
            self.declared,
            instead.join(", ")
        )
    }
}

impl Topology {
    /// Returns the declared hub, if no account of the logs, read or named by a caller, is it, and
    /// Quick assumes roles in another account.
    #[must_use]
    pub fn unconfirmed_hub(
        &self,
        roles: &KnownRoles,
        is_named: impl Fn(&AccountId) -> bool,
    ) -> Option<UnconfirmedHub> {
        let declared = self.hub_account_id.as_ref()?;
        let found = roles
            .run_as
            .iter()
            .filter(|role| !self.run_as_roles.contains(role));
        let instead: BTreeSet<AccountId> = found.map(|role| role.account_id.clone()).collect();
        let is_unconfirmed =
            !instead.is_empty() && !instead.contains(declared) && !is_named(declared);
        is_unconfirmed.then(|| UnconfirmedHub {
            declared: declared.clone(),
            instead,
        })
    }
}

impl KnownRoles {
    /// Adds an ARN of a role. One with the role's path counts before one that was made of a
    /// session's.
    pub fn add_arn(&mut self, role: RoleName, arn: RoleArn) {
        let known = self.arns.entry(role).or_insert_with(|| arn.clone());
        let path_parts = |arn: &RoleArn| arn.matches('/').count();
        if (path_parts(known), &*known) < (path_parts(&arn), &arn) {
            *known = arn;
        }
    }

    /// Adds what another part of the events tells.
    pub fn add(&mut self, other: Self) {
        self.run_as.extend(other.run_as);
        self.consumer.extend(other.consumer);
        for (role, arn) in other.arns {
            self.add_arn(role, arn);
        }
    }

    /// The ARN of a role, as logged; of one that no log names in full, without an IAM path.
    #[must_use]
    pub fn arn(&self, role: &RoleName) -> RoleArn {
        let known = self.arns.get(role).cloned();
        known.unwrap_or_else(|| {
            let same = self
                .arns
                .iter()
                .find(|(other, _)| other.account_id == role.account_id);
            let any = same.or_else(|| self.arns.iter().next());
            let partition = any
                .and_then(|(_, arn)| arn.split(':').nth(1))
                .unwrap_or("aws");
            let arn = format!(
                "arn:{partition}:iam::{}:role/{}",
                role.account_id, role.name
            );
            RoleArn::from(arn)
        })
    }
}

/// A business unit: it pays for accounts, inside the company.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct BusinessUnit {
    /// The account's name.
    pub account_name: Option<Text>,
    /// The business unit.
    pub business_unit: Option<Text>,
    /// The cost center.
    pub cost_center: Option<Text>,
}

/// A declared consumer account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumer {
    /// A short name for people.
    pub name: Text,
    /// The account id.
    pub account_id: AccountId,
    /// The business unit that pays for it.
    pub business_unit: Option<Text>,
    /// Role B: the roles that Role A's sessions assume.
    pub roles: BTreeSet<RoleName>,
    /// The work groups Quick may use; `None` means any.
    pub work_groups: Option<BTreeSet<Text>>,
    /// The data sources that may reach it; `None` means any of the hub.
    pub data_sources: Option<BTreeSet<DataSourceArn>>,
}

/// A declared producer: an account whose tables others read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Producer {
    /// A short name for people.
    pub name: Text,
    /// The account id.
    pub account_id: AccountId,
    /// The accounts that may read its tables; `None` means any.
    pub readers: Option<BTreeSet<AccountId>>,
}

/// Tables of which every read is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SensitiveTables {
    /// Their names, as [`DataRead::is_named`](super::data_read::DataRead::is_named) takes them.
    pub tables: Vec<Text>,
    /// The reason, for people.
    pub reason: Text,
}

/// A service other than Quick that may reach a Role B or a declared table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredService {
    /// Its principal, such as `states.amazonaws.com`.
    pub service: Text,
    /// The state machine, function or job, with `*` for any text; `None` means any.
    pub resource_arn: Option<Text>,
    /// A role of the chain, with `*` for any text; `None` means any.
    pub role_arn: Option<Text>,
    /// The reason, for people.
    pub reason: Option<Text>,
}

impl DeclaredService {
    /// Returns true if a chain of this origin, by roles of these ARNs, is declared. A role counts with
    /// and without its IAM path.
    #[must_use]
    pub fn covers<'r>(&self, origin: &Origin, roles: impl Iterator<Item = &'r RoleArn>) -> bool {
        let is_role = |wanted: &Text| {
            let wanted_role = RoleName::from_arn(wanted);
            let mut roles = roles.map(|role| &**role);
            roles.any(|role| {
                pattern::matches(wanted, role)
                    || wanted_role.is_some() && wanted_role == RoleName::from_arn(role)
            })
        };
        let is_resource = |wanted: &Text| {
            let resource = origin.resource_arn.as_deref();
            resource.is_some_and(|resource| pattern::matches(wanted, resource))
        };
        origin.service.as_deref() == Some(&*self.service)
            && self.resource_arn.as_ref().is_none_or(is_resource)
            && self.role_arn.as_ref().is_none_or(is_role)
    }
}

impl Topology {
    /// Returns true if a read is of a table of a declared producer, or of a declared sensitive one.
    #[must_use]
    pub fn declares_table(&self, read: &DataRead) -> bool {
        let owner = read.owner_account_id.as_ref();
        let is_produced = owner.is_some_and(|owner| self.producer(owner).is_some());
        let mut sensitive = self.sensitive.iter().flat_map(|one| &one.tables);
        is_produced || sensitive.any(|pattern| read.is_named(pattern))
    }

    /// Returns true if the service that is the origin of a chain is declared.
    #[must_use]
    pub fn declares_service_of(&self, chain: &Chain) -> bool {
        let roles = || chain.hops().filter_map(|session| session.role_arn.as_ref());
        let mut declared = self.services.iter();
        declared.any(|service| service.covers(&chain.origin, roles()))
    }
}

/// An agent or a flow of Quick that is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredAgent {
    /// Its id, as chat logs and events have it.
    pub id: Text,
    /// Its name, for people.
    pub name: Option<Text>,
    /// The users whom it may act for, as [`is_same_quick_user`](super::road::is_same_quick_user) takes
    /// them, or with `*` for any text; `None` means any.
    pub users: Option<BTreeSet<Text>>,
}

/// Whether the configuration lets an account read the tables of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadDeclaration {
    /// The owner is no declared producer.
    UndeclaredProducer,
    /// The producer declares its readers, and this is none of them.
    UndeclaredReader,
    /// The producer declares no readers: anyone may read.
    AnyReader,
    /// The producer declares this reader.
    DeclaredReader,
}

impl ReadDeclaration {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::UndeclaredProducer,
        Self::UndeclaredReader,
        Self::AnyReader,
        Self::DeclaredReader,
    ];

    /// Returns true if no declaration covers the read.
    #[must_use]
    pub fn is_undeclared(self) -> bool {
        matches!(self, Self::UndeclaredProducer | Self::UndeclaredReader)
    }

    /// As records have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UndeclaredProducer => "undeclared-producer",
            Self::UndeclaredReader => "undeclared-reader",
            Self::AnyReader => "any-reader",
            Self::DeclaredReader => "declared-reader",
        }
    }
}

impl Topology {
    /// Whether a reader may read the tables of an owner; `None` for its own.
    #[must_use]
    pub fn read_declaration(&self, owner: &str, reader: &AccountId) -> Option<ReadDeclaration> {
        if **reader == *owner {
            return None;
        }
        Some(match self.producer(owner).map(|of| &of.readers) {
            None => ReadDeclaration::UndeclaredProducer,
            Some(None) => ReadDeclaration::AnyReader,
            Some(Some(readers)) if readers.contains(reader) => ReadDeclaration::DeclaredReader,
            Some(Some(_)) => ReadDeclaration::UndeclaredReader,
        })
    }

    /// The declared producer with this account id.
    #[must_use]
    pub fn producer(&self, account_id: &str) -> Option<&Producer> {
        self.producers
            .iter()
            .find(|producer| &*producer.account_id == account_id)
    }

    /// The declared consumer with this account id.
    #[must_use]
    pub fn consumer(&self, account_id: &str) -> Option<&Consumer> {
        self.consumers
            .iter()
            .find(|consumer| &*consumer.account_id == account_id)
    }

    /// The business unit that pays for an account: as its `[[consumers]]` entry
    /// says, else as files of business units do.
    #[must_use]
    pub fn business_unit(&self, account_id: &str) -> Option<&Text> {
        let declared = self.consumer(account_id);
        let declared = declared.and_then(|consumer| consumer.business_unit.as_ref());
        let listed = || self.units.get(account_id)?.business_unit.as_ref();
        declared.or_else(listed)
    }

    /// Puts listed business units in the place of declared ones; returns the number of
    /// consumers whose unit that changes.
    pub fn prefer_listed_units(&mut self) -> u64 {
        let mut changed = 0;
        for consumer in &mut self.consumers {
            let listed = self.units.get(&consumer.account_id);
            let listed = listed.and_then(|unit| unit.business_unit.as_ref());
            if listed.is_some() && consumer.business_unit.as_ref() != listed {
                changed += u64::from(consumer.business_unit.is_some());
                consumer.business_unit = listed.cloned();
            }
        }
        changed
    }

    /// The cost center of an account, from files of business units.
    #[must_use]
    pub fn cost_center(&self, account_id: &str) -> Option<&Text> {
        self.units.get(account_id)?.cost_center.as_ref()
    }

    /// The name of an account: its consumer's or producer's, else the one in files of business
    /// units.
    #[must_use]
    pub fn account_name(&self, account_id: &str) -> Option<&Text> {
        let declared = self.consumer(account_id).map(|consumer| &consumer.name);
        let listed = || self.units.get(account_id)?.account_name.as_ref();
        let produces = || Some(&self.producer(account_id)?.name);
        declared.or_else(produces).or_else(listed)
    }

    /// An account for people: `retail (444455556666)`, or its id alone.
    #[must_use]
    pub fn account_label(&self, account_id: &str) -> String {
        match self.account_name(account_id) {
            Some(name) if **name != *account_id => format!("{name} ({account_id})"),
            _ => account_id.to_owned(),
        }
    }

    /// Returns true if the role is declared as a Role B.
    #[must_use]
    pub fn is_consumer_role(&self, role: &RoleName) -> bool {
        self.consumers
            .iter()
            .any(|consumer| consumer.roles.contains(role))
    }
}
