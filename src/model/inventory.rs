//! Quick's data sources, as its own API lists them (docs/cloudtrail-facts.md#data-sources).

use super::coverage::Rejects;
use super::ids::{DataSourceArn, RoleArn};
use super::text::Text;
use std::collections::BTreeMap;

/// A data source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSource {
    /// `Arn`.
    pub arn: DataSourceArn,
    /// `Name`, as people gave it.
    pub name: Option<Text>,
    /// `Type`, such as `ATHENA`.
    pub kind: Option<Text>,
    /// Role A: `AthenaParameters.RoleArn`.
    pub run_as_role_arn: Option<RoleArn>,
    /// Role B: `AthenaParameters.ConsumerAccountRoleArn`; absent where it reaches no
    /// other account.
    pub consumer_role_arn: Option<RoleArn>,
    /// `AthenaParameters.WorkGroup`.
    pub work_group: Option<Text>,
}

/// All data sources that were listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Lists that were read; one may be empty.
    pub lists: u64,
    /// By ARN.
    pub data_sources: BTreeMap<DataSourceArn, DataSource>,
    /// The rejected entries.
    pub rejects: Rejects,
}

impl Inventory {
    /// Returns true if the list would have this data source: lists are of one account and Region
    /// each. A bare id may be of any.
    #[must_use]
    pub fn covers(&self, external_id: &str) -> bool {
        let place = |arn: &str| {
            let mut parts = arn.splitn(6, ':').skip(3);
            parts
                .next()
                .zip(parts.next())
                .map(|(region, id)| (region.to_owned(), id.to_owned()))
        };
        match place(external_id) {
            Some(asked) => self
                .data_sources
                .keys()
                .any(|arn| place(arn).as_ref() == Some(&asked)),
            None => true,
        }
    }

    /// The data source that an external id names: by ARN, or by bare id where only
    /// one has it.
    #[must_use]
    pub fn find(&self, external_id: &str) -> Option<&DataSource> {
        if let Some(known) = self.data_sources.get(external_id) {
            return Some(known);
        }
        let mut named = self.data_sources.values().filter(|source| {
            let id = source.arn.rsplit('/').next();
            id == Some(external_id)
        });
        named.next().filter(|_| named.next().is_none())
    }
}
