//! Bytes that were read of tables, by day.

use super::figures::{SeriesKey, SeriesScope};
use crate::model::time::UtcDay;
use crate::rules::table_reads::TableRead;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Bytes that S3 data events tell, by consumer, table and day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::rules) struct BytesRead(BTreeMap<SeriesKey, BTreeMap<UtcDay, u64>>);

/// The series that a read counts for.
pub(in crate::rules) fn table_key(one: &TableRead<'_>) -> SeriesKey {
    SeriesKey {
        account: one.consumer.clone(),
        scope: SeriesScope::Table(one.table()),
        currency: "".into(),
    }
}

impl BytesRead {
    /// Adds a read, if its bytes are known.
    pub(in crate::rules) fn add(&mut self, one: &TableRead<'_>) {
        if let Some(bytes) = one.read.bytes {
            self.add_bytes(table_key(one), one.at.utc_day(), bytes);
        }
    }

    fn add_bytes(&mut self, key: SeriesKey, day: UtcDay, bytes: u64) {
        let known = self.0.entry(key).or_default().entry(day).or_default();
        *known = known.saturating_add(bytes);
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (key, days) in other.0 {
            for (day, bytes) in days {
                self.add_bytes(key.clone(), day, bytes);
            }
        }
    }

    /// Each day as another value.
    pub(in crate::rules) fn series<V>(
        &self,
        value: impl Fn(u64) -> V,
    ) -> BTreeMap<SeriesKey, BTreeMap<UtcDay, V>> {
        let days = |days: &BTreeMap<UtcDay, u64>| {
            let days = days.iter();
            days.map(|(day, bytes)| (*day, value(*bytes))).collect()
        };
        let all = self.0.iter();
        all.map(|(key, of_key)| (key.clone(), days(of_key)))
            .collect()
    }
}
