//! When data sources were used.

use crate::model::chain::Chain;
use crate::model::ids::{AccountId, DataSourceArn};
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The first and the last chain that used a data source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::rules) struct SourceUses {
    /// Start, chain, and the account it reached.
    first: (UtcSecond, Text, Option<AccountId>),
    /// Last activity, and chain.
    last: (UtcSecond, Text),
}

impl SourceUses {
    fn of(chain: &Chain) -> Self {
        let id = Text::from(chain.chain_id.as_str());
        Self {
            first: (
                chain.started_at,
                id.clone(),
                chain.consumer_account_id.clone(),
            ),
            last: (chain.last_activity_at, id),
        }
    }

    /// The account that its first chain reached.
    pub(in crate::rules) fn first_account(&self) -> Option<&AccountId> {
        self.first.2.as_ref()
    }

    /// The last activity, and the chain it was of.
    pub(in crate::rules) fn last(&self) -> &(UtcSecond, Text) {
        &self.last
    }

    fn add(&mut self, other: Self) {
        if other.first < self.first {
            self.first = other.first;
        }
        if self.last < other.last {
            self.last = other.last;
        }
    }
}

/// Adds what is known of the uses of a data source.
pub(super) fn add_uses(
    known: &mut BTreeMap<DataSourceArn, SourceUses>,
    arn: DataSourceArn,
    uses: SourceUses,
) {
    match known.entry(arn) {
        std::collections::btree_map::Entry::Vacant(entry) => {
            entry.insert(uses);
        }
        std::collections::btree_map::Entry::Occupied(mut entry) => entry.get_mut().add(uses),
    }
}

/// Adds the use of a data source by a chain.
pub(in crate::rules) fn add_source_use(
    known: &mut BTreeMap<DataSourceArn, SourceUses>,
    chain: &Chain,
) {
    if let Some(arn) = &chain.data_source_arn {
        add_uses(known, arn.clone(), SourceUses::of(chain));
    }
}
