//! Where results of queries are written.

use crate::model::chain::{Chain, ChainPart};
use crate::model::event::{Detail, Event};
use crate::model::ids::AccountId;
use crate::model::text::Text;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// An account and a work group of it.
pub(in crate::rules) type AccountWorkGroup = (AccountId, Text);

/// The result location of a work group before the window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::rules) struct KnownLocation {
    pub(in crate::rules) queries: u64,
    pub(in crate::rules) buckets: BTreeSet<Text>,
}

/// A submission of a query by a chain.
pub(in crate::rules) struct Submission<'a> {
    pub(in crate::rules) event: &'a Event,
    pub(in crate::rules) place: AccountWorkGroup,
    /// The bucket of its result, if the call names one.
    pub(in crate::rules) bucket: Option<Text>,
}

/// The submissions of a chain's consumer session.
pub(in crate::rules) fn submissions_of<'a>(
    chain: &'a Chain,
    events: &'a [Event],
) -> impl Iterator<Item = Submission<'a>> {
    let own = chain.events.iter();
    let own = own.filter(|entry| entry.session == ChainPart::Consumer);
    own.filter_map(move |entry| {
        let event = &events[entry.event as usize];
        let Detail::StartQuery(query) = &event.detail else {
            return None;
        };
        let work_group = query.work_group.clone().unwrap_or_else(|| "primary".into());
        Some(Submission {
            event,
            place: (chain.consumer_account_id.clone()?, work_group),
            bucket: query.output_location.as_deref().and_then(bucket),
        })
    })
}

/// The bucket of `s3://bucket/prefix`.
pub(in crate::rules) fn bucket(location: &str) -> Option<Text> {
    let rest = location.strip_prefix("s3://")?;
    let bucket = rest.split('/').next()?;
    (!bucket.is_empty()).then(|| bucket.into())
}
